"""What the page is told of a graph: its message, its boxes, an effect, the heads of an edge."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from gscope_widgets.records.circuit_influence import measure_influence
from gscope_widgets.records.circuit_subgraph import CircuitSubgraph
from gscope_widgets.records.circuits import FEATURE, AttributionGraph
from gscope_widgets.widgets.base.formats import format_number
from gscope_widgets.widgets.base.limits import DRAWN_EDGES, LABEL_BYTES, LISTED_HEADS, NODE_LABEL
from gscope_widgets.widgets.base.state import as_prompt
from gscope_widgets.widgets.base.wire import Label
from gscope_widgets.widgets.circuits.drawn import DrawnGraph, ShownEffect
from gscope_widgets.widgets.circuits.questions import GIVE_SCOPE, Reach
from gscope_widgets.widgets.circuits.targets import tell_target
from gscope_widgets.widgets.circuits.wire import (
    BoxEdge,
    BoxInfo,
    EffectResult,
    EffectRow,
    HeadRow,
    HeadsResult,
    SubgraphResult,
)


def tell_graph(drawn: DrawnGraph, reach: Reach) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A graph as it is drawn: what stands in `GraphResult`, but for what became of the picks; and its arrays.

    Args:
        reach: what can be asked of the model about it.
    """
    graph, shown, nodes = drawn.graph, drawn.shown, drawn.nodes
    names, first, settings = graph.ids, graph.first_row, drawn.settings
    rows = nodes >= first
    inputs, rest = np.zeros(len(nodes), np.float32), np.full(len(nodes), np.nan, np.float32)
    values = np.full(len(nodes), np.nan, np.float32)
    at = nodes[rows] - first
    inputs[rows] = drawn.facts.inputs[at]
    rest[rows] = graph.remainder[at] + graph.left_out[at]
    values[rows] = graph.values[at]
    refs = list(dict.fromkeys(graph.dictionary_ids))
    is_feature = shown.kinds == FEATURE
    owners = [refs.index(graph.dictionary_ids[0 if len(graph.dictionary_ids) == 1 else layer]) for layer in
              shown.node_layers[is_feature].tolist()]  # fmt: skip
    dictionaries, features = np.full((2, len(nodes)), -1, np.int32)
    dictionaries[is_feature], features[is_feature] = owners, shown.numbers[is_feature]
    edges = pack_edges(shown, most=DRAWN_EDGES)
    arrays = {
        "kinds": shown.kinds.astype(np.int32),
        "node_layers": shown.node_layers.astype(np.int32),
        "positions": shown.positions.astype(np.int32),
        "numbers": shown.numbers.astype(np.int32),
        "features": features,
        "dictionaries": dictionaries,
        "activations": shown.activations.astype(np.float32),
        "influence": drawn.facts.shares[nodes],
        "inputs": inputs,
        "values": values,
        "rest": rest,
        **edges,
    }
    tokens = graph.tokens
    content = {
        "prompt": as_prompt(settings["prompt"]),
        "target": tell_target(settings["target"]),
        "node_share": settings["node_share"],
        "edge_share": settings["edge_share"],
        "tokens": list(tokens.strings),
        "glyphs": [{"first": first, "last": last, "character": sign} for first, last, sign in tokens.glyphs],
        "ignored": {str(pos): reason for pos, reason in tokens.ignored.items()},
        "layers": graph.layers,
        "targets": [
            {
                "name": one.name,
                "id": one.ids[0] if len(one.ids) == 1 else None,
                "probability": one.probability,
                "value": one.value,
                "weight": float(weight),
            }
            for one, weight in zip(graph.targets, graph.target_weights.tolist(), strict=True)
        ],
        "whole": drawn.facts.numbers,
        "shown": drawn.numbers,
        "ids": [names[node] for node in nodes.tolist()],
        "refs": refs,
        "labels": tell_labels(shown, drawn.facts.influence[nodes], most=LABEL_BYTES),
        "can_change": reach.can_change,
        "has_heads": reach.has_heads,
        "notes": write_notes(drawn, reach),
    }
    return content, arrays


def write_notes(drawn: DrawnGraph, reach: Reach) -> list[str]:
    """What to keep in mind, a sentence each."""
    graph, notes = drawn.graph, []
    if drawn.left > len(drawn.shown):
        notes.append(
            f"The {len(drawn.shown)} most influential of {drawn.left} nodes are drawn; prune further to see all "
            "that is left."
        )
    if drawn.numbers["edges"] > DRAWN_EDGES:
        notes.append(
            f"The {DRAWN_EDGES} heaviest of {drawn.numbers['edges']} edges are at hand: a node that is chosen shows "
            "its own among them, the whole picture the heaviest."
        )
    left = float(np.abs(graph.left_out[-len(graph.targets) :]).max(initial=0))
    if left > 0 and graph.whole is None:
        notes.append(
            f"More features fired than are nodes; they add {format_number(left)} to the answer, left out here."
        )
    if graph.whole is not None:
        notes.append(
            "The graph itself is a part of a larger one, whose replacement is "
            f"{format_number(graph.whole.replacement)} and completeness {format_number(graph.whole.completeness)}."
        )
    if not reach.has_model:
        notes.append(f"No model is here: nothing is traced, changed or taken apart by heads. To do that, {GIVE_SCOPE}.")
    elif drawn.is_given and not reach.can_change:
        notes.append("The graph was given; its nodes cannot be changed in this model.")
    return notes


def pack_edges(graph: AttributionGraph, *, most: int) -> dict[str, np.ndarray]:
    """The heaviest edges, rising by flow: sources, sinks int32; weights, flows float32."""
    start = graph.start_weights()
    influence, shares = measure_influence(graph.weights, graph.first_row, start)
    flows = shares * (influence + start)[graph.first_row :][:, None].astype(np.float32)
    edges = np.flatnonzero(graph.weights)
    through = flows.ravel()[edges]
    if len(edges) > most:  # among edges alone: where most values are alike, as zeros are, to part them takes far longer
        heaviest = np.argpartition(through, -most)[-most:]
        edges, through = edges[heaviest], through[heaviest]
    rows, sources = np.unravel_index(edges[np.argsort(through, kind="stable")], flows.shape)
    return {
        "sources": sources.astype(np.int32),
        "sinks": (rows + graph.first_row).astype(np.int32),
        "weights": graph.weights[rows, sources].astype(np.float32),
        "flows": (flows[rows, sources] / max(float(start.sum()), 1e-30)).astype(np.float32),
    }


def tell_labels(graph: AttributionGraph, influence: np.ndarray, *, most: int) -> dict[str, Label]:
    """Labels of features by their place, cut to `NODE_LABEL`; the most influential first, to so many bytes together.

    Args:
        influence: [node]; of the nodes of this graph.
        most: bytes of JSON, in which a character beyond ASCII may be six.
    """
    told: dict[str, Label] = {}
    size = 0
    for node in sorted(graph.labels, key=lambda one: -influence[one]):
        label = graph.labels[node]
        text, source = (one if len(one) <= NODE_LABEL else f"{one[:NODE_LABEL]}…" for one in (label.text, label.source))
        size += len(json.dumps([text, source])) + 60
        if size > most:
            break
        told[str(node)] = {"text": text, "source": source, "auc": label.auc}
    return told


def tell_subgraph(drawn: DrawnGraph, found: CircuitSubgraph, keys: Sequence[str]) -> SubgraphResult:
    """What is pinned.

    Args:
        keys: of the boxes.
    """
    names, graph = drawn.graph.ids, drawn.graph
    boxes: list[BoxInfo] = [
        {
            "key": key,
            "label": label if key.startswith("group ") else "",
            "nodes": [names[node] for node in nodes],
            "layer": float(graph.node_layers[list(nodes)].mean()),
            "pos": float(graph.positions[list(nodes)].mean()),
            "shown": _as_number(found.shown[at]),
            "errors": _as_number(found.errors[at]),
        }
        for at, (key, label, nodes) in enumerate(zip(keys, found.labels, found.members, strict=True))
    ]
    rows, sources = np.nonzero(found.weights)
    order = np.argsort(-np.abs(found.shares[rows, sources]), kind="stable")
    edges: list[BoxEdge] = [
        {
            "source": int(sources[at]),
            "sink": int(rows[at]),
            "weight": float(found.weights[rows[at], sources[at]]),
            "share": float(found.shares[rows[at], sources[at]]),
        }
        for at in order
    ]
    return {"type": "subgraph", "boxes": boxes, "edges": edges}


def tell_answers(drawn: DrawnGraph, before: DrawnGraph | None) -> list[EffectResult | HeadsResult]:
    """What was found out about a graph, where the page has not been told before."""
    told: list[EffectResult | HeadsResult] = []
    if drawn.effect is not (None if before is None else before.effect):
        told.append(_tell_effect(drawn.effect))
    if drawn.heads is not (None if before is None else before.heads):
        told.append(_tell_heads(drawn))
    return told


def _tell_effect(found: ShownEffect | None) -> EffectResult:
    """What a change of nodes did; None takes it off the page."""
    if found is None:
        return {"type": "effect", "words": "", "nodes": [], "controls": 0, "rows": []}
    effect, ids, words, _ = found
    rows: list[EffectRow] = [
        {
            "target": target.name,
            "baseline": float(effect.baseline[at]),
            "predicted": _as_number(effect.predicted[at]),
            "frozen": float(effect.frozen[at]),
            "free": float(effect.free[at]),
            "random": float(effect.random[:, at].mean()),
            "random_low": float(effect.random[:, at].min()),
            "random_high": float(effect.random[:, at].max()),
        }
        for at, target in enumerate(effect.targets)
    ]
    return {"type": "effect", "words": words, "nodes": list(ids), "controls": len(effect.random), "rows": rows}


def _tell_heads(drawn: DrawnGraph) -> HeadsResult:
    """Which heads carried the edge that was taken apart last; no node takes it off the page."""
    found = drawn.heads
    if found is None:
        return {"type": "heads", "node": "", "source": "", "weight": 0.0, "direct": 0.0, "heads": 0, "rows": []}
    rows: list[HeadRow] = [
        {
            "layer": layer,
            "head": head,
            "weight": float(found.weights[layer, head]),
            "share": float(found.weights[layer, head]) / found.weight,
        }
        for layer, head in found.top(LISTED_HEADS)
    ]
    return {
        "type": "heads",
        "node": drawn.graph.ids[found.node],
        "source": drawn.graph.ids[found.source],
        "weight": found.weight,
        "direct": found.direct,
        "heads": int(np.count_nonzero(found.weights)),
        "rows": rows,
    }


def _as_number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
