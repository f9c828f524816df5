"""What is drawn of a graph, and what is asked of it again and again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from gscope_widgets.records.circuit_effects import CircuitChange, CircuitEffect
from gscope_widgets.records.circuit_pruning import keep_strongest, prune_graph
from gscope_widgets.records.circuit_scores import measure_error_share, score_part
from gscope_widgets.records.circuits import ERROR, FEATURE, TARGET, TOKEN, AttributionGraph
from gscope_widgets.records.edge_heads import EdgeHeads
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.widgets.base.limits import DRAWN_NODES


class GraphFacts(NamedTuple):
    """What is asked of one graph again and again, found once."""

    graph: AttributionGraph  # whole, as a lesson lets it be seen
    influence: np.ndarray  # float64, [node]
    shares: np.ndarray  # float32, [node]; of all influence
    inputs: np.ndarray  # float64, [feature and target]; sum of the sizes of all that comes in
    numbers: dict[str, Any]  # see `count_part`
    pruned: AttributionGraph  # the same graph, which knows its scores

    @classmethod
    def of(cls, graph: AttributionGraph) -> "GraphFacts":
        """All of it."""
        influence, scores = graph.influence(), graph.scores()
        return cls(
            graph,
            influence,
            (influence / max(float(influence.sum()), 1e-30)).astype(np.float32),
            np.abs(graph.weights).sum(1, dtype=np.float64),
            count_part(graph),
            replace(graph, whole=graph.whole or scores),
        )


class ShownEffect(NamedTuple):
    """What a change of nodes did, and how it was asked for."""

    record: CircuitEffect
    ids: tuple[str, ...]  # of the nodes that were changed
    words: str
    change: CircuitChange


class DrawnGraph(NamedTuple):
    """A graph, pruned as it is drawn, with what was found out about it since."""

    settings: dict[str, Any]
    facts: GraphFacts  # of the whole graph
    shown: AttributionGraph  # what is drawn of it
    nodes: np.ndarray  # of the whole graph, that are drawn; int64, rising
    extra: frozenset[int]  # nodes that a reader marked, and that are drawn whatever they weigh
    plain: frozenset[int]  # nodes that are drawn without that
    left: int  # nodes that pruning leaves, of which not all are drawn where there are too many
    most: int  # nodes that are drawn then, beside tokens, targets and `extra`
    numbers: dict[str, Any]  # of what is drawn
    is_given: bool = False  # whether it was given, not traced here
    told: tuple[dict[str, Any], dict[str, np.ndarray]] | None = None  # for the page, but for what became of the picks
    effect: ShownEffect | None = None
    heads: EdgeHeads | None = None  # of the edge that was taken apart last

    @property
    def graph(self) -> AttributionGraph:
        """The whole graph."""
        return self.facts.graph

    @property
    def ids(self) -> dict[str, int]:
        """Its nodes, by id."""
        return self.graph.places

    def list_strongest(self, count: int) -> list[int]:
        """Nodes of the whole graph that are drawn, most influential first."""
        influence = self.facts.influence[self.nodes]
        found: list[int] = self.nodes[np.argsort(-influence, kind="stable")[:count]].tolist()
        return found

    def find_feature(self, ref: FeatureRef, pos: int | None) -> list[str]:
        """The ids of a feature's nodes: at this position first, then by influence."""
        graph, influence = self.graph, self.facts.influence
        ranked = sorted(graph.find(ref), key=lambda node: (graph.positions[node] != pos, -influence[node]))
        return [graph.ids[node] for node in ranked]

    def read_ref(self, id_: str | None) -> FeatureRef | None:
        """The feature that a node is; None for others."""
        node = None if id_ is None else self.ids.get(id_)
        return None if node is None or self.graph.kinds[node] != FEATURE else self.graph.ref(node)


def draw_graph(facts: GraphFacts, settings: Mapping[str, Any], extra: frozenset[int], *, is_given: bool) -> DrawnGraph:
    """A graph pruned by the shares of the settings, with nodes that are drawn whatever they weigh."""
    shares = settings["node_share"], settings["edge_share"]
    others = max(1, DRAWN_NODES - int(np.isin(facts.graph.kinds, (TOKEN, TARGET)).sum()))
    shown, nodes, left = choose_drawn(facts, *shares, frozenset(), most=others)
    plain = frozenset(nodes.tolist())
    if not extra <= plain:
        shown, nodes, left = choose_drawn(facts, *shares, extra, most=others)
    numbers = count_part(shown, facts.graph, nodes)
    return DrawnGraph(dict(settings), facts, shown, nodes, extra, plain, left, others, numbers, is_given)


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
        most: nodes that are drawn beside tokens, targets and `keep`; where more are left, the most influential.
    """
    shown, nodes = prune_graph(facts.pruned, node_share, edge_share, keep=keep, influence=facts.influence)
    return *keep_strongest(shown, nodes, facts.influence, keep=keep, most=most), len(shown)
