"""A prompt's MLPs with dictionaries in their place: what features write, what hangs on none, and the error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from gscope_widgets.runtime.circuits.frozen import FrozenPass
from gscope_widgets.runtime.dictionaries.member import Firing
from gscope_widgets.runtime.files.weights import to_numpy


@dataclass(frozen=True)
class Write:
    """What features write at one layer: rising by position."""

    nodes: torch.Tensor  # int64, [writing]; index among all features
    rows: torch.Tensor  # float32, [writing, d_model]; activation times decoder row
    starts: tuple[int, ...]  # [pos + 1]; where each position's begin


@dataclass(frozen=True)
class Replaced:
    """A prompt's MLPs taken apart: what features wrote, what hangs on none, and the error."""

    layers: np.ndarray  # int32, [feature], rising; the layer that it reads
    positions: np.ndarray  # int32, [feature], rising within a layer
    numbers: np.ndarray  # int32, [feature]; in its dictionary
    activations: np.ndarray  # float32, [feature]
    reads: torch.Tensor  # float32, [feature, d_model]; encoder columns
    inputs: np.ndarray  # float32, [feature]; the pre-activation less its offset
    writes: tuple[Write, ...]  # by layer
    offsets: tuple[
        torch.Tensor, ...
    ]  # by layer, [pos, d_model]; what no node stands for: biases, MLPs at ignored positions
    errors: tuple[torch.Tensor, ...]  # by layer, [pos, d_model]
    skips: tuple[torch.Tensor | None, ...]  # by layer, [d_model, d_model], as applied: x @ A
    used: torch.Tensor  # bool, [pos]; where dictionaries apply


def replace_mlps(
    frozen: FrozenPass, fired: Sequence[tuple[int, Firing]], *, used: Sequence[int], crosses: bool
) -> Replaced:
    """Take each layer's MLP apart into features, offset and error.

    Args:
        fired: of each dictionary or member, the layer that it reads, rising, and what fires at the used positions.
        used: positions that dictionaries apply to.
        crosses: decoders write to their own and all later layers, `w_dec` [row, n, d_model].
    """
    count, device = len(frozen.embedding), frozen.embedding.device
    kept = torch.tensor(list(used), device=device, dtype=torch.long)
    is_used = torch.zeros(count, dtype=torch.bool, device=device)
    is_used[kept] = True
    where = {layer: at for at, (layer, _) in enumerate(fired)}
    places = [kept[one.positions.to(device)] for _, one in fired]
    firsts = np.cumsum([0, *map(len, places)]).tolist()
    writes, offsets, errors, skips = [], [], [], []
    for layer, block in enumerate(frozen.layers):
        at = where.get(layer)
        sources = () if at is None else range(at + 1) if crosses else (at,)
        positions = torch.cat([kept[:0], *(places[source] for source in sources)])
        nodes = torch.cat([kept[:0], *(torch.arange(*firsts[one : one + 2], device=device) for one in sources)])
        order = positions.argsort(stable=True)
        rows = frozen.embedding.new_empty(len(order), frozen.embedding.shape[1])
        ranks, start = order.argsort(), 0
        for source in sources:
            one, stop = fired[source][1], start + len(places[source])
            made = (one.w_dec[:, at] if crosses else one.w_dec)[one.rows].mul_(one.activations[:, None])
            rows[ranks[start:stop]] = made.to(device)
            start = stop
        positions = positions[order]
        starts = torch.searchsorted(positions, torch.arange(count + 1, device=device)).tolist()
        writes.append(Write(nodes[order], rows, tuple(starts)))
        member = None if at is None else fired[at][1]
        skip = None if member is None or member.skip is None else member.skip.to(device)
        offset = torch.where(is_used[:, None], torch.zeros_like(block.mlp_output), block.mlp_output)
        if member is not None:
            offset[kept] += member.b_dec.to(device)
        written = offset.index_add(0, positions, rows)
        if skip is not None:
            written[kept] += block.mlp_input[kept] @ skip
        offsets.append(offset)
        errors.append(block.mlp_output - written)
        skips.append(skip)
    layers = np.repeat([layer for layer, _ in fired], [len(one.positions) for _, one in fired]).astype(np.int32)
    reads = frozen.embedding.new_empty(firsts[-1], frozen.embedding.shape[1])
    inputs = frozen.embedding.new_empty(firsts[-1])
    for at, (layer, one) in enumerate(fired):
        part = slice(*firsts[at : at + 2])
        reads[part] = one.w_enc[one.rows].to(device)
        inputs[part] = torch.einsum("fd,fd->f", reads[part], frozen.layers[layer].mlp_input[places[at]])
    return Replaced(
        layers=layers,
        positions=torch.cat([kept[:0], *places]).cpu().numpy().astype(np.int32),
        numbers=np.concatenate([one.features[one.rows].cpu().numpy() for _, one in fired]).astype(np.int32),
        activations=np.concatenate([to_numpy(one.activations) for _, one in fired]),
        reads=reads,
        inputs=to_numpy(inputs),
        writes=tuple(writes),
        offsets=tuple(offsets),
        errors=tuple(errors),
        skips=tuple(skips),
        used=is_used,
    )
