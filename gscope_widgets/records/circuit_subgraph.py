"""Some nodes of a graph, or groups of them, as a graph of boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gscope_widgets.records.circuits import ERROR, AttributionGraph
from gscope_widgets.records.frames import build_frame

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class CircuitSubgraph:
    """Boxes of one node or several, and what each adds to the others directly; rows are those that get it.

    A node's share is of the sizes of all that comes into it, negative where it takes away. Into a box of several, the
    shares of its nodes count by their influence.
    """

    labels: tuple[str, ...]  # by box
    members: tuple[tuple[int, ...], ...]  # the graph's nodes in each, rising
    weights: np.ndarray  # float32, [box, box]; sums over the members of both; 0 within a box
    shares: np.ndarray  # float32, [box, box]; -1 to 1
    shown: (
        np.ndarray
    )  # float32, [box]; share of the input that comes from boxes, its own members' too; NaN without input
    errors: np.ndarray  # float32, [box]; share of the input that comes from errors; NaN without input

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row an edge, largest share first: `source`, `target`, `weight`, `share`."""
        rows, sources = np.nonzero(self.weights)
        order = np.argsort(-np.abs(self.shares[rows, sources]), kind="stable")
        rows, sources = rows[order], sources[order]
        return build_frame(
            source=[self.labels[at] for at in sources],
            target=[self.labels[at] for at in rows],
            weight=self.weights[rows, sources],
            share=self.shares[rows, sources],
        )


def build_subgraph(graph: AttributionGraph, boxes: Sequence[tuple[str, Sequence[int]]]) -> CircuitSubgraph:
    """What some nodes, each a box or several together, add to one another directly.

    Args:
        boxes: label and nodes of each; no node in two.
    """
    count = len(boxes)
    owner = np.full(len(graph), -1)
    for at, (_, nodes) in enumerate(boxes):
        owner[list(nodes)] = at
    inside = np.flatnonzero(owner >= 0)
    member = np.zeros((count, len(inside)))
    member[owner[inside], np.arange(len(inside))] = 1
    worth = graph.influence() + graph.start_weights()
    errors = graph.kinds == ERROR
    weights, shares = np.zeros((2, count, count))
    shown, wrong = np.full((2, count), np.nan)
    for at, (_, nodes) in enumerate(boxes):
        rows = np.array([node for node in nodes if node >= graph.first_row], int)
        sizes = np.abs(graph.weights[rows - graph.first_row]).sum(1, dtype=np.float64)
        rows, sizes = rows[sizes > 0], sizes[sizes > 0]
        if not len(rows):
            continue
        part = worth[rows] if worth[rows].sum() > 0 else np.ones(len(rows))
        part = part / part.sum()
        edges = graph.weights[rows - graph.first_row].astype(np.float64)
        own = edges[:, inside] @ member.T  # [row, box]
        weights[at], shares[at] = own.sum(0), part @ (own / sizes[:, None])
        shown[at] = part @ (np.abs(edges[:, inside]).sum(1) / sizes)
        wrong[at] = part @ (np.abs(edges[:, errors]).sum(1) / sizes)
    weights[np.arange(count), np.arange(count)] = 0
    shares[np.arange(count), np.arange(count)] = 0
    as_float = [one.astype(np.float32) for one in (weights, shares, shown, wrong)]
    return CircuitSubgraph(tuple(label for label, _ in boxes), tuple(tuple(sorted(one)) for _, one in boxes), *as_float)
