"""How far a part of a graph explains what the whole one does."""

import numpy as np

from gscope_widgets.records.circuits import ERROR, TOKEN, AttributionGraph, GraphScores


def score_part(
    graph: AttributionGraph, part: AttributionGraph, nodes: np.ndarray | None = None
) -> tuple[GraphScores, float]:
    """Scores of a part, in which all that was cut counts as unexplained: they fall as less of the graph is kept.

    Args:
        part: pruned from `graph`.
        nodes: the graph's numbers of its nodes, where they are known.

    Returns:
        The scores; and the share of what the graph's paths begin with that the part's errors begin.
    """
    if nodes is None:
        nodes = np.array([graph.locate(id_) for id_ in part.ids])
    rows = nodes[nodes >= graph.first_row] - graph.first_row
    totals = np.abs(graph.weights).sum(1, dtype=np.float64)
    shares = np.abs(part.weights) / np.maximum(totals[rows], 1e-10)[:, None]
    start, inflow = part.start_weights(), np.zeros(len(part))
    for row in range(len(shares) - 1, -1, -1):
        inflow += (inflow[part.first_row + row] + start[part.first_row + row]) * shares[row]
    influence = graph.influence()
    begun = float(influence[np.isin(graph.kinds, (TOKEN, ERROR))].sum())
    tokens, errors = (float(inflow[part.kinds == kind].sum()) for kind in (TOKEN, ERROR))
    worth, explained = influence + graph.start_weights(), np.ones(len(part))
    explained[part.first_row :] = np.where(totals[rows] > 0, shares[:, part.kinds != ERROR].sum(1), 1)
    scores = GraphScores(tokens / begun if begun else 0.0, float((worth[nodes] * explained).sum() / worth.sum()))
    return scores, errors / begun if begun else 0.0


def measure_error_share(graph: AttributionGraph) -> float:
    """The share of all that paths to the targets begin with that errors begin: 1 less the replacement score."""
    influence = graph.influence()
    tokens, errors = (float(influence[graph.kinds == kind].sum()) for kind in (TOKEN, ERROR))
    return errors / (tokens + errors) if tokens + errors else 0.0
