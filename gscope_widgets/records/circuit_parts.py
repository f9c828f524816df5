"""Ids of a graph's nodes, as files have them; and some of its nodes, or groups of them, as a graph of boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gscope_widgets.records.circuits import ERROR, FEATURE, TARGET, TOKEN, AttributionGraph, GraphScores
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


def name_number(graph: AttributionGraph, node: int) -> int:
    """A feature's number within its layer, as files count a CLT's; of other nodes what the graph has."""
    number = int(graph.numbers[node])
    return number % graph.share if graph.share and graph.kinds[node] == FEATURE else number


def list_node_ids(graph: AttributionGraph) -> tuple[str, ...]:
    """An id for each node, as circuit-tracer writes them: of layer, number and position.

    A token is `E_{id}_{pos}`, an error `{layer}_-1_{pos}`, a feature `{layer}_{number in the layer}_{pos}`, a target
    `{layers + 1}_{id}_{pos}`. Where two nodes would have one id, further ones end in `_2`, `_3` and so on, by their
    order in the whole graph.
    """
    counts: dict[str, int] = {}
    found = []
    for node, (kind, layer, pos) in enumerate(
        zip(graph.kinds.tolist(), graph.node_layers.tolist(), graph.positions.tolist(), strict=True)
    ):
        number = name_number(graph, node)
        name = {
            TOKEN: f"E_{number}_{pos}",
            ERROR: f"{layer}_-1_{pos}",
            FEATURE: f"{layer}_{number}_{pos}",
            TARGET: f"{graph.layers + 1}_{number}_{pos}",
        }[kind]
        counts[name] = graph.twins.get(node, counts.get(name, 0) + 1)
        found.append(name if counts[name] == 1 else f"{name}_{counts[name]}")
    return tuple(found)


def read_twin(id_: str) -> int:
    """Which of several with one layer, number and position a node is, as its id says: 1 for a first or only one."""
    parts = id_.split("_")
    return int(parts[3]) if len(parts) == 4 else 1


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
