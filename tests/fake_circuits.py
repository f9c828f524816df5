"""What `FakeScope` answers of circuits: nodes and edges of a fixed seed, which add up as a graph's do."""

import json
import zlib
from dataclasses import replace

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.circuit_effects import CircuitChange, CircuitEffect, predict_change
from gscope_widgets.records.circuits import (
    ERROR,
    FEATURE,
    TARGET,
    TOKEN,
    AttributionGraph,
    CircuitTarget,
    GraphTarget,
    write_target,
)
from gscope_widgets.records.edge_heads import EdgeHeads, describe_edge
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens
from tests.fake_attention import HEADS
from tests.fake_model import IDS, LABELS, LAYERS, PIECES

PER_PLACE = 3  # features that fire at each layer and position


def name_transcoder(layer: int) -> str:
    return f"fake/transcoder_all/layer_{layer}_width_1k_l0_medium"


def build_circuit(tokens: Tokens, target: CircuitTarget, max_features: int) -> AttributionGraph:
    """A graph to the tokens " fish" and " bread", or to the target named."""
    random = np.random.default_rng([*tokens.ids, len(str(write_target(target)))])
    count, used = len(tokens), np.array(tokens.used)
    places = [(layer, pos) for layer in range(LAYERS) for pos in used]
    found = [
        (layer, pos, int(n)) for layer, pos in places for n in np.sort(random.choice(1024, PER_PLACE, replace=False))
    ]
    found = found[:max_features]
    targets = _list_targets(target, tokens)
    kinds = [TOKEN] * count + [ERROR] * len(places) + [FEATURE] * len(found) + [TARGET] * len(targets)
    layers = [-1] * count + [layer for layer, _ in places] + [layer for layer, *_ in found] + [LAYERS] * len(targets)
    positions = [*range(count), *(pos for _, pos in places), *(pos for _, pos, _ in found), *[count - 1] * len(targets)]
    numbers = [*tokens.ids, *[-1] * len(places), *(n for *_, n in found), *(t.ids[0] if t.ids else -1 for t in targets)]
    layer_of, pos_of = np.array(layers), np.array(positions)
    first = count + len(places)
    before = layer_of[None] < layer_of[first:, None]
    before &= pos_of[None] <= pos_of[first:, None]
    weights = np.where(before, random.standard_normal(before.shape) ** 3, 0).astype(np.float32)
    weights[:, first + len(found) :] = 0
    remainder = random.standard_normal(len(weights)).astype(np.float32)
    share = np.array([1.0] if len(targets) == 1 else [0.75, 0.25], np.float32)
    values = weights.sum(1) + remainder
    last = len(weights) - len(targets)
    return AttributionGraph(
        tokens=tokens,
        layers=LAYERS,
        kinds=np.array(kinds, np.int32),
        node_layers=layer_of.astype(np.int32),
        positions=pos_of.astype(np.int32),
        numbers=np.array(numbers, np.int32),
        activations=np.array([np.nan] * first + [5.0 + n % 7 for *_, n in found] + [np.nan] * len(targets), np.float32),
        weights=weights,
        values=values,
        remainder=remainder,
        left_out=np.zeros(len(weights), np.float32),
        targets=tuple(replace(one, value=float(values[last + at])) for at, one in enumerate(targets)),
        target_weights=share,
        dictionary_ids=tuple(map(name_transcoder, range(LAYERS))),
        labels={first + at: LABELS[n] for at, (*_, n) in enumerate(found) if n in LABELS},
    )


def build_heads(graph: AttributionGraph, node: int, source: int) -> EdgeHeads:
    """An edge that heads between its two layers share at random; what is left goes through none."""
    settings = json.dumps([graph.tokens.ids, describe_edge(graph, node, source)])
    random = np.random.default_rng(zlib.crc32(settings.encode()))
    weight = float(graph.weights[node - graph.first_row, source])
    first = int(graph.node_layers[source]) + 1
    last = min(int(graph.node_layers[node]), LAYERS - 1)
    weights = np.zeros((LAYERS, HEADS), np.float32)
    if graph.positions[source] == graph.positions[node]:
        weights[first : last + 1] = weight * random.normal(0, 0.1, (last + 1 - first, HEADS))
        direct = weight - float(weights.sum())
    else:  # from another position nothing comes but through attention
        shares = random.random((last + 1 - first, HEADS)) ** 4
        weights[first : last + 1], direct = weight * shares / shares.sum(), 0.0
    return EdgeHeads(source, node, (graph.name(source), graph.name(node)), weight, direct, weights)


def change_circuit(
    graph: AttributionGraph,
    change: CircuitChange,
    controls: int,
    provenance: Provenance,
) -> CircuitEffect:
    """As the graph predicts; frozen nine tenths of that, in the model eight, at random a tenth, less at each draw."""
    swaps, kept = change.instead, {node: change.find_kept(graph, node) for node in change.nodes}
    predicted = predict_change(graph, kept) + sum(ref.feature for ref in swaps.values()) / 100
    return CircuitEffect(
        targets=graph.targets,
        nodes=change.nodes,
        names=tuple(graph.name(node) for node in change.nodes),
        factor=change.factor,
        activations=tuple(change.activations.values()),
        baseline=graph.values[len(graph.values) - len(graph.targets) :].astype(np.float32),
        predicted=np.full_like(predicted, np.nan).astype(np.float32) if swaps else predicted.astype(np.float32),
        frozen=(0.9 * predicted).astype(np.float32),
        free=(0.8 * predicted).astype(np.float32),
        random=np.array([0.1 * predicted / (draw + 1) for draw in range(controls)], np.float32),
        provenance=provenance,
    )


def _list_targets(target: CircuitTarget, tokens: Tokens) -> list[GraphTarget]:
    if target is None:
        return [GraphTarget(" fish", (IDS[" fish"],), 0.6), GraphTarget(" bread", (IDS[" bread"],), 0.2)]
    if isinstance(target, (tuple, list)) and isinstance(target[0], FeatureRef):
        return [GraphTarget(str(target[0]))]
    pair = target if isinstance(target, (tuple, list)) else (target,)
    ids = tuple(IDS.get(one, -1) if isinstance(one, str) else one for one in pair)
    if not all(isinstance(one, int) and 0 <= one < len(PIECES) for one in ids):
        raise InvalidValue(f"{describe_value(target)} is no single token")
    names = [PIECES[one] for one in ids]
    return [GraphTarget(" − ".join(names), ids, None if len(ids) > 1 else 0.5)]
