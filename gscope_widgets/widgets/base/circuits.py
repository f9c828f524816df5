"""Attribution graphs as widgets take and draw them: targets, what is drawn of a graph, and words for its nodes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.circuit_parts import list_node_ids, measure_error_share, name_number, score_part
from gscope_widgets.records.circuits import (
    ERROR,
    FEATURE,
    KINDS,
    AttributionGraph,
    CircuitTarget,
    keep_strongest,
    measure_influence,
    prune_graph,
)
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.protocols import Scope
from gscope_widgets.widgets.base.features import tell_ref
from gscope_widgets.widgets.base.formats import format_percent, format_token
from gscope_widgets.widgets.base.limits import NODE_LABEL
from gscope_widgets.widgets.base.wire import Label

_MINUS = "\u2212"


# ---- what is explained


@dataclass(frozen=True)
class PlacedFeature:
    """A feature at a position, as a target: `(ref, pos)`."""

    ref: FeatureRef
    pos: int


def check_target(scope: Scope, value: Any) -> object:
    """What a graph may explain, as a trait holds it: None, a token's text or id, two of them, or a `PlacedFeature`.

    Raises:
        InvalidValue, UnknownFeature, UnknownDictionary: it is none of these, in words.
    """
    if value is None or isinstance(value, PlacedFeature):
        return value
    if isinstance(value, Mapping):
        if set(value) != {"dictionary_id", "feature", "pos"}:
            raise InvalidValue(
                'target as a feature is {"dictionary_id": ..., "feature": ..., "pos": ...}, got '
                f"{describe_value(dict(value))}"
            )
        value = (FeatureRef(value["dictionary_id"], value["feature"]), value["pos"])
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise InvalidValue(f"target is a token, two, or (ref, pos), got {describe_value(value)}")
        if isinstance(value[0], FeatureRef):
            ref = value[0]
            if not isinstance(ref.dictionary_id, str) or isinstance(ref.feature, bool):
                raise InvalidValue(f"a feature comes from dictionary.feature(number), got {describe_value(ref)}")
            scope.describe(ref)
            return PlacedFeature(ref, check_int("the target's position", value[1], low=0, high=scope.info.context))
        first, second = (_check_token(scope, one) for one in value)
        if first == second:
            raise InvalidValue(f"a difference is of two tokens, got {describe_value(first)} twice")
        return first, second
    if isinstance(value, FeatureRef):
        raise InvalidValue("a feature is a target at a position: target=(ref, pos)")
    return _check_token(scope, value)


def _check_token(scope: Scope, value: object) -> str | int:
    """A token as a text or an id, where the model has it as one."""
    if not isinstance(value, str):
        return check_int("a target's token id", value, low=0, high=scope.info.vocabulary - 1)
    count = sum(stop > start for start, stop in scope.tokens(value).byte_spans)
    if count != 1:
        raise InvalidValue(
            f"{describe_value(value)} is {count} tokens; give one, with the space before it where it begins a word: "
            "' red'"
        )
    return value


def tell_target(target: object) -> Any:
    """A target as the page takes it."""
    if isinstance(target, PlacedFeature):
        return {**tell_ref(target.ref), "pos": target.pos}
    return list(target) if isinstance(target, tuple) else target


def as_circuit_target(target: Any) -> CircuitTarget:
    """A target as `scope.circuit` takes it."""
    return (target.ref, target.pos) if isinstance(target, PlacedFeature) else target


# ---- what is drawn


class GraphFacts(NamedTuple):
    """What is asked of one graph again and again, found once."""

    graph: AttributionGraph  # whole, as a lesson lets it be seen
    names: tuple[str, ...]  # ids of nodes
    places: dict[str, int]  # nodes, by id
    influence: np.ndarray  # float64, [node]
    shares: np.ndarray  # float32, [node]; of all influence
    inputs: np.ndarray  # float64, [feature and target]; sum of the sizes of all that comes in
    numbers: dict[str, Any]  # see `count_part`
    pruned: AttributionGraph  # the same graph, which knows its scores

    @classmethod
    def of(cls, graph: AttributionGraph) -> "GraphFacts":
        """All of it."""
        names, influence, scores = list_node_ids(graph), graph.influence(), graph.scores()
        return cls(
            graph,
            names,
            {name: node for node, name in enumerate(names)},
            influence,
            (influence / max(float(influence.sum()), 1e-30)).astype(np.float32),
            np.abs(graph.weights).sum(1, dtype=np.float64),
            count_part(graph),
            replace(graph, whole=graph.whole or scores),
        )


def count_part(
    graph: AttributionGraph, whole: AttributionGraph | None = None, nodes: np.ndarray | None = None
) -> dict[str, Any]:
    """How large a graph, or a part of a whole one, is, and how far it explains its targets: see `PartNumbers`."""
    scores, errors = (graph.scores(), measure_error_share(graph)) if whole is None else score_part(whole, graph, nodes)
    return {
        "features": int((graph.kinds == FEATURE).sum()),
        "errors": int((graph.kinds == ERROR).sum()),
        "edges": int(np.count_nonzero(graph.weights)),
        "replacement": min(scores.replacement, 1.0),
        "completeness": min(scores.completeness, 1.0),
        "error_share": min(errors, 1.0),
    }


def choose_drawn(
    facts: GraphFacts, node_share: float, edge_share: float, keep: frozenset[int], *, most: int
) -> tuple[AttributionGraph, np.ndarray, int]:
    """What is drawn, its nodes' numbers in the graph, rising, and how many pruning leaves.

    Args:
        keep: nodes that are drawn whatever they weigh.
        most: nodes that are drawn; where more are left, the most influential.
    """
    shown, nodes = prune_graph(facts.pruned, node_share, edge_share, keep=keep, influence=facts.influence)
    return *keep_strongest(shown, nodes, facts.influence, keep=keep, most=most), len(shown)


def pack_edges(graph: AttributionGraph, *, most: int) -> dict[str, np.ndarray]:
    """The heaviest edges, rising by flow: sources, sinks int32; weights, flows float32."""
    start = graph.start_weights()
    influence, shares = measure_influence(graph.weights, graph.first_row, start)
    flows = shares * (influence + start)[graph.first_row :][:, None].astype(np.float32)
    flat = flows.ravel()
    heaviest = np.argpartition(flat, -most)[-most:] if flat.size > most else np.arange(flat.size)
    heaviest = heaviest[graph.weights.ravel()[heaviest] != 0]
    rows, sources = np.unravel_index(heaviest[np.argsort(flat[heaviest], kind="stable")], flows.shape)
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


# ---- words


def name_node(graph: AttributionGraph, node: int) -> str:
    """A node in words, without its place: "feature 21", "error", "token", "target ␣fish"."""
    kind = KINDS[graph.kinds[node]]
    if kind == "target":
        return f"target {format_token(graph.targets[node - (len(graph) - len(graph.targets))].name)}"
    return f"feature {name_number(graph, node)}" if kind == "feature" else kind


def name_layer(graph: AttributionGraph, node: int) -> str:
    """The number of its layer; empty for tokens and targets."""
    layer = int(graph.node_layers[node])
    return str(layer) if 0 <= layer < graph.layers else ""


def name_place(graph: AttributionGraph, node: int) -> str:
    """Where it stands: "␣fish (4)"."""
    pos = int(graph.positions[node])
    return f"{format_token(graph.tokens.strings[pos])} ({pos})"


def format_share(share: float) -> str:
    """A share with its sign: "+42.0 %"."""
    return f"{_MINUS if share < 0 else '+'}{format_percent(abs(share))}"
