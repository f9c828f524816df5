"""From a prompt, its dictionaries and its targets to an attribution graph."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.circuits import ERROR, FEATURE, TARGET, TOKEN, AttributionGraph, GraphTarget
from gscope_widgets.records.progress import Fetched
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.circuits.attribution import Aim, Attribution, aim_at_features, attribute
from gscope_widgets.runtime.circuits.frozen import FrozenPass, freeze
from gscope_widgets.runtime.circuits.replacement import Replaced, replace_mlps
from gscope_widgets.runtime.circuits.room import require_room_for_graph, require_room_for_pass
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.member import Firing
from gscope_widgets.runtime.files.weights import to_numpy
from gscope_widgets.runtime.gemma.generation import check_finite
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.unembedding import find_mean_unembedding, find_unembedding

_LAID_ROWS = 128  # of the edges that are copied together
MAX_LOGITS, MIN_PROBABILITY = 10, 0.95  # of the next tokens that are explained where none is named


@dataclass(frozen=True)
class Wanted:
    """What a graph is to explain: tokens' logits, a difference of two, a feature; none for the likeliest tokens."""

    ids: tuple[int, ...] = ()
    is_difference: bool = False  # of the two ids
    feature: tuple[str, int, int] | None = None  # dictionary id, number, pos


def build_graph(
    loaded: LoadedModel,
    tokens: Tokens,
    dictionaries: Sequence[Dictionary],
    wanted: Wanted,
    *,
    max_features: int,
    provenance: Provenance,
) -> Generator[float | Fetched | None, None, AttributionGraph]:
    """See `gs.circuit`.

    Args:
        dictionaries: one CLT, or transcoders of different layers, rising.
    """
    require_room_for_pass(loaded, len(tokens))
    frozen = freeze(loaded, tokens.ids)
    check_finite(frozen.logits[None])
    yield 0.0
    used = list(tokens.used)
    crosses = len(dictionaries[0].info.layers) > 1
    fired = yield from fire_dictionaries(frozen, dictionaries, used)
    require_room_for_graph(
        frozen, fired, used=len(used), crosses=crosses, max_features=max_features, targets=len(wanted.ids) or MAX_LOGITS
    )
    replaced = replace_mlps(frozen, fired, used=used, crosses=crosses)
    del fired  # weights of what fires, which `replaced` has taken
    numbers = number_features(replaced, dictionaries)
    owners = (dictionaries[0].info.id,) if crosses else _spread_ids(dictionaries, len(frozen.layers))
    aims, targets, weights, values = _choose_targets(loaded, frozen, replaced, numbers, owners, wanted)
    found = yield from attribute(frozen, replaced, aims, weights, max_features=max_features)
    return _lay_out(
        tokens,
        frozen,
        replaced,
        numbers,
        found,
        aims,
        targets=targets,
        target_weights=weights,
        target_values=values,
        owners=owners,
        dictionaries=dictionaries,
        share=_share(dictionaries),
        provenance=provenance,
    )


def fire_dictionaries(
    frozen: FrozenPass, dictionaries: Sequence[Dictionary], used: Sequence[int]
) -> Generator[float | Fetched | None, None, list[tuple[int, Firing]]]:
    """Of each dictionary or member, the layer that it reads, rising, and what fires at the used positions."""
    inputs = {layer: frozen.layers[layer].mlp_input[used] for one in dictionaries for layer in one.info.layers}
    fired: list[tuple[int, Firing]] = []
    for one in dictionaries:
        layers = one.info.layers
        x = torch.stack([inputs[layer] for layer in layers], 1) if len(layers) > 1 else inputs[layers[0]]
        fired += zip(layers, (yield from one.fire_in_steps(x)), strict=True)
        yield 0.0
    return fired


def number_features(replaced: Replaced, dictionaries: Sequence[Dictionary]) -> np.ndarray:
    """Each feature's number in its dictionary, of a CLT as readers count them: int32, [feature]."""
    share = _share(dictionaries)
    if not share:
        return replaced.numbers
    return replaced.numbers + share * np.searchsorted(dictionaries[0].info.layers, replaced.layers).astype(np.int32)


def _share(dictionaries: Sequence[Dictionary]) -> int:
    """How many features of a CLT read each layer; 0 for dictionaries of one layer."""
    layers = len(dictionaries[0].info.layers)
    return dictionaries[0].d_dict // layers if layers > 1 else 0


def _spread_ids(dictionaries: Sequence[Dictionary], layers: int) -> tuple[str, ...]:
    by_layer = {one.info.layer: one.info.id for one in dictionaries}
    return tuple(by_layer.get(layer, "") for layer in range(layers))


def _choose_targets(
    loaded: LoadedModel,
    frozen: FrozenPass,
    replaced: Replaced,
    numbers: np.ndarray,
    owners: Sequence[str],
    wanted: Wanted,
) -> tuple[list[Aim], tuple[GraphTarget, ...], np.ndarray, np.ndarray]:
    """Aims, what they are, how much each counts, and the value that its inputs are to add up to."""
    depth, last = len(frozen.layers), len(frozen.embedding) - 1
    if wanted.feature is not None:
        name, number, pos = wanted.feature
        if name not in owners:
            raise InvalidValue(
                f"the target is a feature of {name}, which is none of this circuit's dictionaries; give "
                "dictionaries=... that hold it"
            )
        layers = np.arange(depth) if len(owners) == 1 else [at for at, owner in enumerate(owners) if owner == name]
        here = np.isin(replaced.layers, layers) & (numbers == number) & (replaced.positions == pos)
        if not here.any():
            raise InvalidValue(
                f"feature {number} of {name} does not fire at position {pos} of this text: nothing brought it about; "
                "scope.read(...).trace(feature) says where it fires"
            )
        [at] = np.flatnonzero(here).tolist()
        target = GraphTarget(f"{name}#{number}", value=float(replaced.inputs[at]))
        return aim_at_features(replaced, [at]), (target,), np.ones(1), replaced.inputs[[at]]
    probabilities = frozen.logits.double().softmax(-1)
    ids = wanted.ids or _list_likeliest(probabilities)
    vectors = find_logit_vectors(loaded, frozen, ids, is_difference=wanted.is_difference)
    chances = probabilities[list(ids)].tolist()
    describe = loaded.tokenizer.describe
    if wanted.is_difference:
        names, groups = [f"{describe(ids[0])} − {describe(ids[1])}"], [tuple(ids)]
        weights = np.ones(1)
    else:
        names, groups = [describe(one) for one in ids], [(one,) for one in ids]
        # Their share of their chances, which may all be too small to be added up.
        weights = frozen.logits.double()[list(ids)].softmax(-1).cpu().numpy()
    values = to_numpy(vectors @ frozen.residual)
    targets = tuple(
        GraphTarget(name, group, chances[at] if len(group) == 1 else None, float(values[at]))
        for at, (name, group) in enumerate(zip(names, groups, strict=True))
    )
    return [Aim(depth, last, one, through_norm=False) for one in vectors], targets, weights, values


def find_logit_vectors(
    loaded: LoadedModel, frozen: FrozenPass, ids: Sequence[int], *, is_difference: bool
) -> torch.Tensor:
    """What logits over their mean read of the last residual: float32, [token, d_model]; of a difference, one row."""
    vectors = find_unembedding(loaded, ids).to(frozen.residual.device)
    vectors = (vectors - find_mean_unembedding(loaded).to(vectors.device)) * frozen.final_gain
    return vectors[:1] - vectors[1:] if is_difference else vectors


def _list_likeliest(probabilities: torch.Tensor) -> tuple[int, ...]:
    """The fewest tokens that have 0.95 of the probability, 10 at most (as circuit-tracer takes them)."""
    best = probabilities.topk(min(MAX_LOGITS, len(probabilities)))
    before = best.values.cumsum(0) - best.values
    return tuple(best.indices[before < MIN_PROBABILITY].tolist())


def _lay_out(
    tokens: Tokens,
    frozen: FrozenPass,
    replaced: Replaced,
    numbers: np.ndarray,
    found: Attribution,
    aims: Sequence[Aim],
    *,
    targets: tuple[GraphTarget, ...],
    target_weights: np.ndarray,
    target_values: np.ndarray,
    owners: tuple[str, ...],
    dictionaries: Sequence[Dictionary],
    share: int,
    provenance: Provenance,
) -> AttributionGraph:
    """The graph's arrays, nodes in their order; features that are none go into `left_out`."""
    count, depth, kept = len(tokens), len(frozen.layers), found.features
    used = np.array(tokens.used, np.int64)
    error_layers = np.repeat(np.arange(depth), len(used))
    error_positions = np.tile(used, depth)
    columns = [np.arange(count), count + error_layers * count + error_positions, count * (1 + depth) + kept]
    chosen = torch.as_tensor(np.concatenate(columns), device=found.edges.weights.device)
    weights, left_out = found.edges.weights, np.zeros(len(found.rows), np.float32)
    laid = np.zeros((len(found.rows), len(chosen) + len(aims)), np.float32)
    for start in range(0, len(laid), _LAID_ROWS):
        part = slice(start, start + _LAID_ROWS)
        rows = weights[torch.as_tensor(found.rows[part], device=weights.device)]
        some = rows[:, chosen]
        laid[part, : len(chosen)] = to_numpy(some)
        if len(kept) < len(replaced.layers):
            of_features, of_nodes = rows[:, count * (1 + depth) :], some[:, len(some[0]) - len(kept) :]
            lost = of_features.sum(1, dtype=torch.float64) - of_nodes.sum(1, dtype=torch.float64)
            left_out[part] = to_numpy(lost)
    kinds = [TOKEN] * count + [ERROR] * len(error_layers) + [FEATURE] * len(kept) + [TARGET] * len(aims)
    first = count + len(error_layers)
    by_layer = {layer: one for one in dictionaries for layer in one.info.layers}
    labels = {
        first + at: label
        for at, one in enumerate(kept.tolist())
        if (label := by_layer[int(replaced.layers[one])].label(int(numbers[one]))) is not None
    }
    no_number = [-1] * len(error_layers)
    return AttributionGraph(
        tokens=tokens,
        layers=depth,
        kinds=np.array(kinds, np.int32),
        node_layers=np.concatenate(
            [[-1] * count, error_layers, replaced.layers[kept], [aim.layer for aim in aims]]
        ).astype(np.int32),
        positions=np.concatenate(
            [np.arange(count), error_positions, replaced.positions[kept], [aim.pos for aim in aims]]
        ).astype(np.int32),
        numbers=np.concatenate(
            [tokens.ids, no_number, numbers[kept], [one.ids[0] if one.ids else -1 for one in targets]]
        ).astype(np.int32),
        activations=np.concatenate(
            [np.full(first, np.nan), replaced.activations[kept], np.full(len(aims), np.nan)]
        ).astype(np.float32),
        weights=laid,
        values=np.concatenate([replaced.inputs[kept], target_values]).astype(np.float32),
        remainder=to_numpy(found.edges.remainder)[found.rows],
        left_out=left_out,
        targets=targets,
        target_weights=target_weights.astype(np.float32),
        dictionary_ids=owners,
        labels=labels,
        share=share,
        provenance=provenance,
    )
