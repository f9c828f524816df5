"""Direct effects through a frozen pass, target by target: the edges of an attribution graph."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from gscope_widgets.errors import OutOfMemory, write_bytes
from gscope_widgets.records.circuits import measure_influence
from gscope_widgets.runtime.circuits.frozen import FrozenPass
from gscope_widgets.runtime.dictionaries.member import Firing
from gscope_widgets.runtime.files.weights import to_numpy
from gscope_widgets.runtime.memory import find_free

_ROWS = 256  # targets that are followed back together, at most
_STEPS = 8  # in which features are chosen where not all can be, each by the influence known then
_LEAST_STEP = 16
_SHARE = 0.5  # of what memory is free
_COPIES = 5  # of the edges, that are held at once while features are ranked


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


@dataclass(frozen=True)
class Aim:
    """One thing whose inputs are wanted."""

    layer: int  # what is written by layers before this one reaches it
    pos: int
    vector: torch.Tensor  # float32, [d_model]; its growth with each number that it reads
    through_norm: bool  # it reads behind the norm before that layer's MLP; else the residual stream, scaled already


@dataclass(frozen=True)
class Edges:
    """What comes into some targets: float32, rows in the order of the aims."""

    tokens: torch.Tensor  # [row, pos]
    errors: torch.Tensor  # [row, layer * pos]
    features: torch.Tensor  # [row, feature]
    remainder: torch.Tensor  # [row]


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
    first, firsts = 0, []
    for _, one in fired:
        firsts.append(first)
        first += len(one.positions)
    writes, offsets, errors, skips = [], [], [], []
    for layer, block in enumerate(frozen.layers):
        at = where.get(layer)
        sources = () if at is None else range(at + 1) if crosses else (at,)
        found = []
        for source in sources:
            one = fired[source][1]
            rows = (one.w_dec[:, at] if crosses else one.w_dec)[one.rows].to(device) * one.activations[:, None].to(
                device
            )
            found.append(
                (kept[one.positions.to(device)], firsts[source] + torch.arange(len(rows), device=device), rows)
            )
        positions, nodes, rows = (
            [torch.cat(column) for column in zip(*found, strict=True)]
            if found
            else [kept[:0], kept[:0], frozen.embedding[:0]]
        )
        order = positions.argsort(stable=True)
        positions, rows = positions[order], rows[order]
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
    positions = torch.cat([kept[one.positions.to(device)] for _, one in fired]) if fired else kept[:0]
    reads = torch.cat([one.w_enc[one.rows].to(device) for _, one in fired]) if fired else frozen.embedding[:0]
    read = torch.cat([frozen.layers[layer].mlp_input[kept[one.positions.to(device)]] for layer, one in fired])
    return Replaced(
        layers=layers,
        positions=positions.cpu().numpy().astype(np.int32),
        numbers=np.concatenate([one.features[one.rows].cpu().numpy() for _, one in fired]).astype(np.int32),
        activations=np.concatenate([to_numpy(one.activations) for _, one in fired]),
        reads=reads,
        inputs=to_numpy((reads * read).sum(1)),
        writes=tuple(writes),
        offsets=tuple(offsets),
        errors=tuple(errors),
        skips=tuple(skips),
        used=is_used,
    )


def aim_at_features(replaced: Replaced, features: Sequence[int]) -> list[Aim]:
    """The inputs of features."""
    return [
        Aim(int(replaced.layers[one]), int(replaced.positions[one]), replaced.reads[one], through_norm=True)
        for one in features
    ]


@dataclass(frozen=True)
class Attribution:
    """The edges of a graph, and which features are its nodes."""

    features: np.ndarray  # int64, rising; which of `Replaced`
    targets: Edges
    inputs: Edges  # of those features, in their order; columns are of all features


def attribute(
    frozen: FrozenPass, replaced: Replaced, aims: Sequence[Aim], weights: np.ndarray, *, max_features: int
) -> Generator[float, None, Attribution]:
    """The inputs of targets and of the features behind them.

    Where there are more features than wanted, the most influential are taken in steps: influence is measured with the
    rows known so far, and the inputs of the best are added (as circuit-tracer does).

    Args:
        weights: [target]; what each counts.

    Yields:
        The share that is done.

    Raises:
        OutOfMemory: the edges would not fit; with the numbers.
    """
    total, positions = len(replaced.layers), len(frozen.embedding)
    wanted = min(total, max_features)
    edge_bytes = 4 * (wanted + len(aims)) * (total + positions * (1 + len(frozen.layers)))
    size = (_COPIES if total > max_features else 2) * edge_bytes
    free = min(
        (one for one in (find_free("cpu"), find_free(str(frozen.embedding.device))) if one is not None), default=None
    )
    if free is not None and size > _SHARE * free:
        raise OutOfMemory(
            f"the edges of {wanted} of {total} features would take {write_bytes(size)} while they are made, "
            f"{write_bytes(free)} are free: give a smaller max_features or a shorter prompt"
        )
    to_targets = trace_effects(frozen, replaced, aims)
    order = np.arange(total if total <= max_features else 0)
    chosen: list[np.ndarray] = [order]
    parts: list[tuple[np.ndarray, Edges]] = []
    done, step = 0, max(_LEAST_STEP, wanted // _STEPS)
    while True:
        if len(order):
            for some, edges in _trace_in_blocks(frozen, replaced, order):
                parts.append((some, edges))
                done += len(some)
                yield min(1.0, done / max(1, wanted))
        if total <= max_features or done >= wanted:
            break
        known = np.concatenate(chosen)
        influence = _rank(replaced, to_targets, parts, weights)
        influence[known] = -1
        order = np.argsort(-influence, kind="stable")[: min(step, wanted - done)]
        order = order[influence[order] > 0]
        if not len(order):
            break
        chosen.append(order)
    return _join(parts, to_targets)


def _rank(
    replaced: Replaced, to_targets: Edges, parts: Sequence[tuple[np.ndarray, Edges]], weights: np.ndarray
) -> np.ndarray:
    """The influence of every feature as far as inputs are known: float64, [feature]."""
    total = len(replaced.layers)
    known = np.concatenate([some for some, _ in parts]) if parts else np.zeros(0, np.int64)
    order = np.argsort(known, kind="stable")
    rows = np.concatenate([*(to_numpy(_widen(edges)) for _, edges in parts), to_numpy(_widen(to_targets))])
    # Features that are known stand last, in their order, before the targets: none has an input behind it.
    unknown = np.setdiff1d(np.arange(total), known)
    others = rows.shape[1] - total
    columns = np.concatenate([np.arange(others), others + unknown, others + known[order]])
    rows = rows[np.concatenate([order, np.arange(len(known), len(rows))])][:, columns]
    rows = np.concatenate([rows, np.zeros((len(rows), len(weights)), np.float32)], 1)
    start = np.zeros(rows.shape[1])
    start[len(start) - len(weights) :] = weights
    found, _ = measure_influence(rows, rows.shape[1] - len(rows), start)
    influence = np.zeros(total)
    influence[unknown] = found[others : others + len(unknown)]
    influence[known[order]] = found[others + len(unknown) : rows.shape[1] - len(weights)]
    return influence


def _widen(edges: Edges) -> torch.Tensor:
    return torch.cat([edges.tokens, edges.errors, edges.features], 1)


def _join(parts: Sequence[tuple[np.ndarray, Edges]], to_targets: Edges) -> Attribution:
    if not parts:
        none = Edges(*(getattr(to_targets, name)[:0] for name in ("tokens", "errors", "features", "remainder")))
        return Attribution(np.zeros(0, np.int64), to_targets, none)
    features = np.concatenate([some for some, _ in parts])
    order = np.argsort(features, kind="stable")
    rows = torch.as_tensor(order, device=to_targets.tokens.device)
    joined = Edges(
        *(
            torch.cat([getattr(edges, name) for _, edges in parts])[rows]
            for name in ("tokens", "errors", "features", "remainder")
        )
    )
    return Attribution(features[order], to_targets, joined)


def _trace_in_blocks(
    frozen: FrozenPass, replaced: Replaced, features: np.ndarray
) -> Iterator[tuple[np.ndarray, Edges]]:
    """Inputs of features, those of one position together: nothing behind it need be followed."""
    order = features[np.lexsort((-replaced.layers[features], replaced.positions[features]))]
    cuts = np.flatnonzero(np.diff(replaced.positions[order])) + 1
    for group in np.split(order, cuts):
        for start in range(0, len(group), _ROWS):
            some = group[start : start + _ROWS]
            yield some, trace_effects(frozen, replaced, aim_at_features(replaced, some.tolist()))


def trace_effects(frozen: FrozenPass, replaced: Replaced, aims: Sequence[Aim]) -> Edges:
    """Follow targets back through the frozen pass, all at once: what each token, error and feature adds to each."""
    order = sorted(range(len(aims)), key=lambda at: -aims[at].layer)
    positions = 1 + max(aim.pos for aim in aims)
    count, depth = len(frozen.embedding), len(frozen.layers)
    like = frozen.embedding
    effect = like.new_zeros(len(aims), positions, like.shape[1])
    errors = like.new_zeros(len(aims), depth, count)
    features = like.new_zeros(len(aims), len(replaced.layers))
    remainder = like.new_zeros(len(aims))
    used, begun = replaced.used[:positions], 0

    def begin(layer: int) -> None:
        nonlocal begun
        while begun < len(order) and aims[order[begun]].layer > layer:
            aim = aims[order[begun]]
            gain = frozen.layers[aim.layer].mlp_gain[aim.pos] if aim.through_norm else 1
            effect[begun, aim.pos] = aim.vector * gain
            begun += 1

    top = min(max(aim.layer for aim in aims), depth - 1)
    begin(top)
    for layer in range(top, -1, -1):
        part = effect[:begun]
        if begun:
            errors[:begun, layer, :positions] = (part * replaced.errors[layer][:positions]).sum(2)
            remainder[:begun] += torch.einsum("rpd,pd->r", part, replaced.offsets[layer][:positions])
            write = replaced.writes[layer]
            for pos, (start, stop) in enumerate(pairwise(write.starts[: positions + 1])):
                if start < stop:
                    features[:begun, write.nodes[start:stop]] += part[:, pos] @ write.rows[start:stop].T
            skip = replaced.skips[layer]
            if skip is not None:
                through = (part @ skip.T) * frozen.layers[layer].mlp_gain[:positions]
                part += through * used[:, None]
        begin(layer - 1)  # what reads before this layer's MLP has no share in it, but in the layer's attention
        if begun:
            effect[:begun] = frozen.pass_attention(effect[:begun], layer)
    tokens = like.new_zeros(len(aims), count)
    tokens[:, :positions] = (effect * frozen.embedding[:positions]).sum(2)
    back = torch.empty(len(aims), dtype=torch.long, device=like.device)
    back[torch.tensor(order, device=like.device)] = torch.arange(len(aims), device=like.device)
    return Edges(tokens[back], errors.flatten(1)[back], features[back], remainder[back])
