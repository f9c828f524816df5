"""Nodes of an attribution graph changed: with all else frozen, and in the model itself."""

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.circuit_effects import CircuitChange, CircuitEffect, predict_change
from gscope_widgets.records.circuit_ids import read_place
from gscope_widgets.records.circuits import AttributionGraph
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.runtime.circuits.frozen import FrozenPass, freeze
from gscope_widgets.runtime.circuits.room import require_room_for_pass
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.files.weights import to_numpy
from gscope_widgets.runtime.gemma.hooks import capture, edit
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.sites import find_hook_point
from gscope_widgets.runtime.gemma.unembedding import find_mean_unembedding, find_unembedding

_ROUNDING = 0.05  # of the largest target, or of 1: what a bfloat16 pass on another machine may differ by


@dataclass(frozen=True)
class Change:
    """One feature at one position: held at an activation, or so much more of it written than there is."""

    layer: int  # that it reads
    pos: int
    dictionary: Dictionary
    feature: int
    activation: float
    adds: bool = False

    def write(self, x: torch.Tensor) -> dict[int, torch.Tensor]:
        """What is to be added behind the MLPs that it writes to, float32 [d_model] by layer.

        Args:
            x: [d_model], what the feature reads there.
        """
        layers = self.dictionary.info.layers
        rows = torch.as_tensor(self.dictionary.written(self.feature), device=x.device)
        more = self.activation
        if not self.adds:
            more -= _fire(self.dictionary, self.feature, x)
        if rows.ndim == 1:
            return {self.layer: more * rows}
        return {layer: more * row for layer, row in zip(layers, rows, strict=True) if layer >= self.layer}


def _fire(home: Dictionary, feature: int, x: torch.Tensor) -> float:
    """One feature's activation on what it reads, [d_model]."""
    encoder = home.encoder(feature)
    pre = float(x.float() @ encoder.w_enc.to(x.device) + encoder.b_enc.to(x.device))
    return pre if pre > float(encoder.threshold) else 0.0


def measure_changes(
    loaded: LoadedModel,
    graph: AttributionGraph,
    dictionaries: Sequence[Dictionary],
    change: CircuitChange,
    *,
    controls: int,
    provenance: Provenance,
) -> Generator[float, None, CircuitEffect]:
    """See `gs.change_circuit`; targets of the graph are tokens."""
    require_room_for_pass(loaded, len(graph.tokens.ids))
    frozen = freeze(loaded, graph.tokens.ids)
    by_layer = {layer: one for one in dictionaries for layer in one.info.layers}
    changes = _list_changes(graph, by_layer, change)
    vectors = _find_target_vectors(loaded, graph)
    yield 0.1
    own = _read(vectors, frozen.residual * frozen.final_gain)
    fault = float(np.abs(own - graph.values[len(graph.values) - len(graph.targets) :]).max())
    if not fault <= _ROUNDING * max(1.0, float(np.abs(own).max())):
        raise InvalidValue(
            f"the graph is of another model, text or revision: its targets differ by {fault:.3g} from what "
            f"{loaded.info.id} gives; make it anew with gs.circuit(...)"
        )
    _check_activations(frozen, graph, by_layer, change.nodes)
    held = _read(vectors, _run_frozen(frozen, by_layer, graph, changes))
    yield 0.4
    free = [_read(vectors, _run_free(loaded, graph, some)) for some in ((), changes)]
    random = []
    for seed in range(controls):
        drawn = _draw_changes(graph, by_layer, change, seed=seed)
        random.append(_read(vectors, _run_free(loaded, graph, drawn)) - free[0])
        yield 0.5 + 0.5 * (seed + 1) / controls
    predicted = np.full(len(graph.targets), np.nan)
    if not change.instead:
        predicted = predict_change(graph, {node: change.find_kept(graph, node) for node in change.nodes})
    return CircuitEffect(
        targets=graph.targets,
        nodes=change.nodes,
        names=tuple(graph.name(node) for node in change.nodes),
        factor=change.factor,
        activations=tuple(change.activations.values()),
        baseline=free[0].astype(np.float32),
        predicted=predicted.astype(np.float32),
        frozen=held.astype(np.float32),
        free=(free[1] - free[0]).astype(np.float32),
        random=np.array(random, np.float32).reshape(controls, len(graph.targets)),
        provenance=provenance,
    )


def _check_activations(
    frozen: FrozenPass, graph: AttributionGraph, by_layer: Mapping[int, Dictionary], nodes: Sequence[int]
) -> None:
    """Refuse nodes that are not what the dictionaries make of this text, as in a file of another revision.

    Raises:
        InvalidValue: with the node, and both activations.
    """
    bound = _ROUNDING * float(np.nanmax(graph.activations))
    for node in nodes:
        layer, pos, number = read_place(graph, node)
        read, is_used = frozen.layers[layer].mlp_input[pos], pos in graph.tokens.used
        found = _fire(by_layer[layer], number, read) if is_used else 0.0
        if not abs(found - float(graph.activations[node])) <= bound:
            raise InvalidValue(
                f"the graph is of another model, revision or dtype: feature {number} of layer {layer} is at "
                f"{found:.3g} at position {pos} here and at {graph.activations[node]:.3g} in it; make it anew with "
                "gs.circuit(...)"
            )


def _list_changes(graph: AttributionGraph, by_layer: Mapping[int, Dictionary], change: CircuitChange) -> list[Change]:
    """One change for each feature and position; a feature that is put where it is changed itself is held once.

    Raises:
        InvalidValue: two nodes give place to one feature at one position.
    """
    found: dict[tuple[int, int, int], float] = {}
    for node in change.nodes:
        found[read_place(graph, node)] = change.find_kept(graph, node)
    placed: set[tuple[int, int, int]] = set()
    for node, ref in change.instead.items():
        layer, pos, _ = read_place(graph, node)
        place = layer, pos, ref.feature
        if place in placed:
            raise InvalidValue(f"feature {ref.feature} would take two places at position {pos}; give each another one")
        placed.add(place)
        found[place] = change.find_put(graph, node)
    return [
        Change(layer, pos, by_layer[layer], feature, activation) for (layer, pos, feature), activation in found.items()
    ]


def list_layer_features(home: Dictionary, layer: int) -> range:
    """The numbers of the features that read one of a dictionary's layers."""
    count = home.d_dict // len(home.info.layers)
    first = count * home.info.layers.index(layer)
    return range(first, first + count)


def _draw_changes(
    graph: AttributionGraph,
    by_layer: Mapping[int, Dictionary],
    change: CircuitChange,
    *,
    seed: int,
) -> list[Change]:
    """In each node's place a random feature of its layer, of which as much is taken out or put in.

    Where another feature comes in a node's place, a second random one comes in with that one's activation.
    The draws hang on the features alone, not on which nodes a graph has. A feature that is itself changed, put in or
    drawn already at a node's position is drawn last, where its layer has no others left.
    """
    changed = {read_place(graph, node) for node in change.nodes}
    changed |= {(*read_place(graph, node)[:2], ref.feature) for node, ref in change.instead.items()}
    found = []
    for node in change.nodes:
        layer, pos, own = read_place(graph, node)
        random = np.random.default_rng([seed, layer, pos, own])
        features = list_layer_features(by_layer[layer], layer)
        amounts = [change.find_kept(graph, node) - float(graph.activations[node])]
        if node in change.instead:
            amounts.append(change.find_put(graph, node))
        drawn = [one for one in random.permutation(features).tolist() if one != own]
        others = [one for one in drawn if (layer, pos, one) not in changed]
        others += [one for one in drawn if (layer, pos, one) in changed]
        for feature, more in zip(others[: len(amounts)], amounts, strict=True):
            changed.add((layer, pos, feature))
            found.append(Change(layer, pos, by_layer[layer], feature, more, adds=True))
    return found


def _find_target_vectors(loaded: LoadedModel, graph: AttributionGraph) -> torch.Tensor:
    """What targets read of what the final norm gives, a logit less the mean of all: float32, [target, d_model]."""
    rows = iter(find_unembedding(loaded, [one for target in graph.targets for one in target.ids]))
    mean = find_mean_unembedding(loaded)
    return torch.stack([next(rows) - (next(rows) if len(one.ids) > 1 else mean) for one in graph.targets])


def _read(vectors: torch.Tensor, normed: torch.Tensor) -> np.ndarray:
    """The targets' values, or by how much they change, out of what the final norm gives: float64, [target]."""
    return to_numpy(vectors.to(normed.device) @ normed.float()).astype(np.float64)


def _run_frozen(
    frozen: FrozenPass, by_layer: Mapping[int, Dictionary], graph: AttributionGraph, changes: Sequence[Change]
) -> torch.Tensor:
    """By how much the last position behind the final norm changes, [d_model]; transcoders run, all else is as it was.

    Only what changes is followed, so that no rounding of the stream has features begin or cease to fire.
    """
    used = torch.tensor(list(graph.tokens.used), device=frozen.embedding.device)
    stream = torch.zeros_like(frozen.embedding)
    written, before = (defaultdict[int, torch.Tensor](lambda: torch.zeros_like(stream)) for _ in range(2))
    for layer, block in enumerate(frozen.layers):
        stream = frozen.attend(stream, layer)
        home = by_layer.get(layer)
        if home is None:
            continue
        x = block.mlp_input + stream * block.mlp_gain
        # The reconstruction of what comes in now, less that of what came in: errors and offsets stay.
        for made, read in ((written, x), (before, block.mlp_input)):
            for target, rows in home.write_from(layer, read[used]).items():
                made[target] = made[target].index_add(0, used, rows)
        for change in changes:
            if change.layer == layer:
                for target, row in change.write(x[change.pos]).items():
                    written[target] = written[target].index_add(
                        0, torch.tensor([change.pos], device=row.device), row[None]
                    )
        stream = stream + written[layer] - before[layer]
    return stream[-1] * frozen.final_gain


def _run_free(loaded: LoadedModel, graph: AttributionGraph, changes: Sequence[Change]) -> torch.Tensor:
    """What the model's final norm gives at the last position, [d_model], with changes made to what its MLPs write."""
    text_model = loaded.text_model
    reads = sorted({change.layer for change in changes})
    writes = sorted({layer for change in changes for layer in change.dictionary.info.layers if layer >= change.layer})
    seen: dict[int, list[torch.Tensor]] = {}

    def add(layer: int, output: torch.Tensor) -> torch.Tensor:
        changed = output.clone()
        for change in changes:
            if seen.get(change.layer):
                row = change.write(seen[change.layer][-1][0, change.pos]).get(layer)
                if row is not None:
                    changed[0, change.pos] += row.to(output.device, output.dtype)
        return changed

    with ExitStack() as stack:
        for layer in reads:
            point = find_hook_point(text_model, site="transcoder", layer=layer)
            seen[layer] = stack.enter_context(capture(point))
        for layer in writes:
            stack.enter_context(edit(find_hook_point(text_model, site="mlp_out", layer=layer), partial(add, layer)))
        inputs = torch.tensor([list(graph.tokens.ids)], device=loaded.info.device)
        hidden: torch.Tensor = text_model(input_ids=inputs, use_cache=False).last_hidden_state
    return hidden[0, -1]
