"""Edges of an attribution graph head by head: where a source pushed forwards meets a target followed back."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.circuit_ids import read_place
from gscope_widgets.records.circuits import ERROR, FEATURE, TARGET, TOKEN, AttributionGraph
from gscope_widgets.records.edge_heads import EdgeHeads
from gscope_widgets.records.progress import Fetched
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.runtime.circuits.attribution import Aim, aim_at_features
from gscope_widgets.runtime.circuits.building import find_logit_vectors, fire_dictionaries, number_features
from gscope_widgets.runtime.circuits.frozen import FrozenPass, freeze
from gscope_widgets.runtime.circuits.replacement import Replaced, replace_mlps
from gscope_widgets.runtime.circuits.room import require_room_for_pass
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.member import Firing
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.parameters import read_parameter

_ROUNDING = 0.05  # of the largest input of the node: what a bfloat16 pass on another machine may differ by


@dataclass(frozen=True)
class Source:
    """What one node writes to the residual stream at one position: float32, [d_model]."""

    pos: int
    embedding: torch.Tensor | None  # before the first layer
    written: dict[int, torch.Tensor]  # behind each layer's MLP


@dataclass(frozen=True)
class Carried:
    """One effect of a source on an aim: the whole, what goes through no head, and through each."""

    total: float
    direct: float
    weights: np.ndarray  # float32, [layer, head]


def measure_heads(
    loaded: LoadedModel,
    graph: AttributionGraph,
    dictionaries: Sequence[Dictionary],
    node: int,
    source: int,
    *,
    provenance: Provenance,
) -> Generator[float | Fetched | None, None, EdgeHeads]:
    """See `gs.circuit_heads`; there is such an edge."""
    require_room_for_pass(loaded, len(graph.tokens.ids))
    frozen = freeze(loaded, graph.tokens.ids)
    yield 0.3
    used = list(graph.tokens.used)
    crosses = len(dictionaries[0].info.layers) > 1
    fired = yield from fire_dictionaries(frozen, dictionaries, used)
    replaced = replace_mlps(frozen, fired, used=used, crosses=crosses)
    numbers = number_features(replaced, dictionaries)
    yield 0.8
    aim = _aim(loaded, graph, frozen, replaced, numbers, node)
    carried = carry(frozen, replaced, _start(graph, frozen, replaced, fired, numbers, source), aim)
    row = graph.weights[node - graph.first_row]
    weight = float(row[source])
    fault = abs(carried.total - weight)
    if not fault <= _ROUNDING * float(np.abs(row).max()):
        raise InvalidValue(
            f"the graph is of another model or revision: this edge is {weight:.3g} in it and {carried.total:.3g} in "
            f"{loaded.info.id}; make it anew with gs.circuit(...)"
        )
    return EdgeHeads(
        source=source,
        node=node,
        names=(graph.name(source), graph.name(node)),
        weight=weight,
        direct=carried.direct,
        weights=carried.weights,
        provenance=provenance,
    )


def _find(graph: AttributionGraph, replaced: Replaced, numbers: np.ndarray, place: tuple[int, int, int]) -> int:
    """Which feature of a prompt stands at (layer, pos, number)."""
    layer, pos, number = place
    here = (replaced.layers == layer) & (replaced.positions == pos) & (numbers == number)
    if here.sum() != 1:
        raise InvalidValue(
            f"the graph is of another model or revision: feature {number} of layer {layer} does not fire at position "
            f"{pos} here; make it anew with gs.circuit(...)"
        )
    return int(np.flatnonzero(here)[0])


def _aim(
    loaded: LoadedModel,
    graph: AttributionGraph,
    frozen: FrozenPass,
    replaced: Replaced,
    numbers: np.ndarray,
    node: int,
) -> Aim:
    """What a node reads."""
    layer, pos, number = read_place(graph, node)
    if graph.kinds[node] == TARGET:
        target = graph.targets[node - (len(graph) - len(graph.targets))]
        if target.ids:
            [vector] = find_logit_vectors(loaded, frozen, target.ids, is_difference=len(target.ids) > 1)
            return Aim(len(frozen.layers), pos, vector, through_norm=False)
        written = target.name.rpartition("#")[2]
        if not written.isdecimal():
            raise InvalidValue(f"the graph's file lacks the number of the feature that it explains, {target.name!r}")
        number = int(written)
    return aim_at_features(replaced, [_find(graph, replaced, numbers, (layer, pos, number))])[0]


def _start(
    graph: AttributionGraph,
    frozen: FrozenPass,
    replaced: Replaced,
    fired: Sequence[tuple[int, Firing]],
    numbers: np.ndarray,
    node: int,
) -> Source:
    """What a node writes."""
    layer, pos, number = read_place(graph, node)
    if graph.kinds[node] == TOKEN:
        return Source(pos, frozen.embedding[pos], {})
    if graph.kinds[node] == ERROR:
        return Source(pos, None, {layer: replaced.errors[layer][pos]})
    assert graph.kinds[node] == FEATURE
    found = _find(graph, replaced, numbers, (layer, pos, number))
    layers = [one for one, _ in fired]
    at = layers.index(layer)
    one = fired[at][1]
    # A layer's features stand in `replaced` in the order in which they fire.
    within = found - int(np.searchsorted(replaced.layers, layer))
    row = (one.w_dec[one.rows[within]] * one.activations[within]).to(frozen.embedding.device)
    if row.ndim == 1:
        return Source(pos, None, {layer: row})
    return Source(pos, None, {layers[to]: row[to] for to in range(at, len(layers))})


def carry(frozen: FrozenPass, replaced: Replaced, source: Source, aim: Aim) -> Carried:
    """What a source adds to what an aim reads: in all, through no head, and through each head.

    A head's share is where the two meet: what it writes of the source, times what that is worth to the aim.
    """
    depth = len(frozen.layers)
    behind = _follow_back(frozen, replaced, aim)
    stream = torch.zeros_like(frozen.embedding)
    if source.embedding is not None:
        stream[source.pos] = source.embedding
    alone = stream.clone()
    weights = np.zeros((depth, len(frozen.layers[0].pattern)), np.float32)
    for layer in range(len(behind)):
        weights[layer] = _meet(frozen, layer, stream, behind[layer])
        stream = frozen.attend(stream, layer)
        if layer < aim.layer:
            row = source.written.get(layer)
            stream, alone = (_pass_mlp(frozen, replaced, one, layer, source.pos, row) for one in (stream, alone))
    gain = frozen.layers[aim.layer].mlp_gain[aim.pos] if aim.through_norm else 1
    total, direct = (float(one[aim.pos] * gain @ aim.vector) for one in (stream, alone))
    return Carried(total, direct, weights)


def _pass_mlp(
    frozen: FrozenPass, replaced: Replaced, stream: torch.Tensor, layer: int, pos: int, row: torch.Tensor | None
) -> torch.Tensor:
    """The stream behind a layer's MLP, of which an affine skip and what the source writes are left."""
    skip, passed = replaced.skips[layer], stream.clone()
    if skip is not None:
        passed += ((stream * frozen.layers[layer].mlp_gain) @ skip) * replaced.used[:, None]
    if row is not None:
        passed[pos] += row
    return passed


def _follow_back(frozen: FrozenPass, replaced: Replaced, aim: Aim) -> list[torch.Tensor]:
    """What the residual stream behind each layer's attention is worth to an aim: by layer, [pos, d_model]."""
    effect = torch.zeros_like(frozen.embedding[: aim.pos + 1])
    effect[aim.pos] = aim.vector
    if aim.through_norm:
        effect[aim.pos] *= frozen.layers[aim.layer].mlp_gain[aim.pos]
    top, found = min(aim.layer, len(frozen.layers) - 1), []
    for layer in range(top, -1, -1):
        skip = replaced.skips[layer] if layer < aim.layer else None
        if skip is not None:
            gain, used = (one[: aim.pos + 1] for one in (frozen.layers[layer].mlp_gain, replaced.used))
            effect = effect + (effect @ skip.T) * gain * used[:, None]
        found.append(effect)
        effect = frozen.pass_attention(effect[None], layer)[0]
    return found[::-1]


def _meet(frozen: FrozenPass, layer: int, stream: torch.Tensor, behind: torch.Tensor) -> np.ndarray:
    """What each head adds to an aim out of the stream before its layer: float32, [head]."""
    block, positions = frozen.layers[layer], len(behind)
    heads = len(block.pattern)
    of_output, of_values = (
        read_parameter(block.attention.get_submodule(name)).to(stream) for name in ("o_proj", "v_proj")
    )
    wanted = ((behind * block.output_gain[:positions]) @ of_output).unflatten(1, (heads, -1))
    values = ((stream * block.attention_gain)[:positions] @ of_values.T).unflatten(1, (-1, wanted.shape[2]))
    values = values.repeat_interleave(heads // values.shape[1], 1)
    mixed = torch.einsum("hqk,khs->qhs", block.pattern[:, :positions, :positions], values)
    found: np.ndarray = (mixed * wanted).sum((0, 2)).cpu().numpy()
    return found
