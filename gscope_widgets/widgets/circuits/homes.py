"""Where nodes were when they were marked, and where other graphs have them."""

from typing import NamedTuple

import numpy as np

from gscope_widgets.records.circuits import FEATURE, TARGET, AttributionGraph
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.widgets.base.picks import find_same


class Home(NamedTuple):
    """A node of the graph on which it was marked."""

    tokens: Tokens
    id: str
    kind: int  # index into `KINDS`
    layer: int
    number: int
    pos: int

    @classmethod
    def of(cls, graph: AttributionGraph, id_: str) -> "Home":
        """The node of that id."""
        node = graph.places[id_]
        arrays = (graph.kinds, graph.node_layers, graph.numbers, graph.positions)
        return cls(graph.tokens, id_, *(int(one[node]) for one in arrays))

    def is_of(self, graph: AttributionGraph) -> bool:
        """Whether a graph is of the text that the node was marked in."""
        return (self.tokens.ids, self.tokens.strings) == (graph.tokens.ids, graph.tokens.strings)


class Away(NamedTuple):
    """A mark whose node the graph shown has not, kept until one comes that has."""

    home: Home
    pin: int | None  # its place among all pins; None where it is none
    group: "AwayGroup | None"  # that it is in


class AwayGroup(NamedTuple):
    """The group of a mark that is away."""

    label: str
    at: int  # its place among all groups
    place: int  # of the node in it
    mates: frozenset[str]  # its other nodes, as far as the graph shown has them


def find_again(home: Home, graph: AttributionGraph) -> list[str]:
    """Where a graph has a node that was marked on another one, by ids, best first.

    It goes with its token: where the text before that, or all after it, is the same. A feature that is not there is
    found wherever the graph has it, at the same position first, then by influence; tokens and errors are not.
    """
    if home.is_of(graph):
        return [home.id] if home.id in graph.places else []
    if home.kind == TARGET:
        return []
    alike = (graph.kinds == home.kind) & (graph.node_layers == home.layer)
    if home.kind == FEATURE:
        alike &= graph.numbers == home.number
    now, influence = find_same(home.tokens, graph.tokens, home.pos), graph.influence()
    found = [int(node) for node in np.flatnonzero(alike) if home.kind == FEATURE or graph.positions[node] == now]
    found.sort(key=lambda node: (graph.positions[node] != now, graph.positions[node] != home.pos, -influence[node]))
    return [graph.ids[node] for node in found]
