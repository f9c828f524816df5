"""What is kept of an attribution graph where it is pruned."""

from collections.abc import Iterable

import numpy as np

from gscope_widgets.records.circuit_influence import measure_influence
from gscope_widgets.records.circuits import EDGE_SHARE, ERROR, NODE_SHARE, TARGET, TOKEN, AttributionGraph
from gscope_widgets.records.numbers import check_float, check_int


def prune_graph(
    graph: AttributionGraph,
    nodes: float = NODE_SHARE,
    edges: float = EDGE_SHARE,
    *,
    keep: Iterable[int] = (),
    influence: np.ndarray | None = None,
) -> tuple[AttributionGraph, np.ndarray]:
    """See `AttributionGraph.prune`; and which of the graph's nodes those of the pruned one are, int64, rising.

    Args:
        keep: nodes that stay, whatever they weigh.
        influence: of the graph's nodes, where it is known.

    Raises:
        InvalidValue: a share is outside 0 to 1, or there is no such node.
    """
    nodes = check_float("nodes", nodes, low=0.0, high=1.0)
    edges = check_float("edges", edges, low=0.0, high=1.0)
    influence = graph.influence() if influence is None else influence
    always = np.isin(graph.kinds, (TOKEN, TARGET))
    for node in keep:
        always[check_int("a node", node, low=0, high=len(graph) - 1)] = True
    found = np.flatnonzero(always | (influence >= _find_least(influence, nodes)))
    rows = found >= graph.first_row
    first, start, always = len(found) - int(rows.sum()), graph.start_weights()[found], always[found]
    weights = graph.weights[np.ix_(found[rows] - graph.first_row, found)]
    inflow, flows = measure_influence(weights, first, start)
    through = flows * (inflow + start)[first:][:, None]
    shown = (through >= _find_least(through, edges)) & (weights != 0)
    kept, comes = np.ones((2, len(found)), bool)
    while True:
        comes[first:] = shown.any(1)
        now = kept & (always | (shown.any(0) & ((graph.kinds[found] == ERROR) | comes)))
        if (now == kept).all():
            break
        kept = now
        shown[:, ~kept] = False
        shown[~kept[first:]] = False
    taken = np.where(shown, weights, 0)[np.ix_(kept[first:], kept)]
    return graph._take(found[kept], taken), found[kept]


def keep_strongest(
    part: AttributionGraph, nodes: np.ndarray, influence: np.ndarray, *, keep: Iterable[int], most: int
) -> tuple[AttributionGraph, np.ndarray]:
    """Of a pruned graph tokens, targets, nodes to keep, and at most so many others, the most influential.

    Args:
        nodes: numbers, in the whole graph, of the part's nodes, rising.
        influence: of the whole graph's nodes.
        keep: numbers in the whole graph.
    """
    always = np.isin(nodes, list(keep)) | np.isin(part.kinds, (TOKEN, TARGET))
    most += int(always.sum())
    if len(part) <= most:
        return part, nodes
    kept = np.sort(np.argsort(np.where(always, -np.inf, -influence[nodes]), kind="stable")[:most])
    return part.keep(kept.tolist()), nodes[kept]


def _find_least(values: np.ndarray, share: float) -> float:
    """The least value that is kept where the largest make up a share of the sum."""
    if share >= 1:
        return 0.0
    falling = np.sort(values, axis=None)[::-1].astype(np.float64)
    reached = np.cumsum(falling) / max(falling.sum(), 1e-10)
    return float(falling[min(int(np.searchsorted(reached, share)), len(falling) - 1)])
