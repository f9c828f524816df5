"""Which attention heads carried an edge of an attribution graph."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.circuits import KINDS, AttributionGraph
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.provenance import Provenance

if TYPE_CHECKING:
    import pandas

_LISTED = 3  # heads in a repr


@dataclass(frozen=True, eq=False)
class EdgeHeads:
    """How much of one edge goes through each attention head, patterns and norm scales as they were on the prompt.

    A head's weight is what the edge loses where that head alone is cut out of the frozen pass: all that goes through
    it. A way through two heads in a row counts in both, so the weights do not add up to the edge; `direct` is what is
    left where all heads are cut. Where each way goes through one head at most, `direct + weights.sum()` is the edge.
    """

    source: int  # node of the graph
    node: int  # that it goes into
    names: tuple[str, str]  # what the two are, in words
    weight: float  # of the edge
    direct: float  # through no head: along the residual stream and the skips of affine transcoders
    weights: np.ndarray  # float32, [layer, head]
    provenance: Provenance | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        told = ", ".join(f"{layer}.{head} {self.weights[layer, head]:+.3g}" for layer, head in self.top(_LISTED))
        return (
            f"<EdgeHeads of {self.names[0]} to {self.names[1]}, {self.weight:+.3g}: {self.direct:+.3g} through no "
            f"head, {told or 'nothing through any'}>"
        )

    def top(self, k: int = 10) -> tuple[tuple[int, int], ...]:
        """The heads that carried most, either way: (layer, head), strongest first; those without a share left out.

        Args:
            k: how many at most.

        Raises:
            InvalidValue: k is no number from 1 on.
        """
        k = check_int("k", k, low=1, high=max(1, self.weights.size))
        flat = self.weights.ravel()
        order = np.argsort(-np.abs(flat), kind="stable")[:k]
        return tuple(divmod(int(at), self.weights.shape[1]) for at in order if flat[at])

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row a head, strongest first: `layer`, `head`, `weight`, `share` (of the edge)."""
        order = np.argsort(-np.abs(self.weights), axis=None, kind="stable")
        layers, heads = np.unravel_index(order, self.weights.shape)
        weights = self.weights[layers, heads]
        return build_frame(layer=layers, head=heads, weight=weights, share=weights / np.float32(self.weight))


def check_edge(graph: AttributionGraph, node: int | str, source: int | str) -> tuple[int, int]:
    """The two ends of an edge that a graph has, given by numbers or ids: (node, source).

    Raises:
        InvalidValue: one is no node, or there is no edge.
    """
    into = graph.locate(node, name="node")
    start = graph.locate(source, name="source")
    row = into - graph.first_row
    if row < 0 or not graph.weights[row, start]:
        raise InvalidValue(
            f"the graph has no edge from node {start}, {graph.name(start)}, to node {into}, {graph.name(into)}; "
            "graph.edges_to_frame() lists its edges"
        )
    return into, start


def describe_edge(graph: AttributionGraph, node: int, source: int) -> dict[str, object]:
    """The two ends of an edge as plain data, alike in a graph and in what is pruned from it."""
    places: dict[str, object] = {}
    for name, one in (("node", node), ("source", source)):
        kind = KINDS[graph.kinds[one]]
        place: list[object] = [kind, int(graph.node_layers[one]), int(graph.positions[one]), int(graph.numbers[one])]
        if kind == "target":
            target = graph.targets[one - (len(graph) - len(graph.targets))]
            place.append(list(target.ids) or target.name)
        places[name] = place
    return places
