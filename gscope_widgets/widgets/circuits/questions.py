"""What is asked of the model about a graph: what a change of its nodes does, which heads carried an edge."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from gscope_widgets.errors import GscopeError, InvalidValue, describe_value
from gscope_widgets.records.circuit_effects import CircuitChange, read_circuit_change
from gscope_widgets.records.circuits import FEATURE, AttributionGraph, NodeGroup
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.protocols import Job, Scope
from gscope_widgets.widgets.circuits.drawn import DrawnGraph, ShownEffect
from gscope_widgets.widgets.circuits.marks import NodeIds, is_id
from gscope_widgets.widgets.circuits.names import write_change

_NAMED_GROUPS = 10  # in an error
GIVE_SCOPE = "give a scope: gs.CircuitGraph(gs.load(...), graph=graph)"  # to a graph that was given alone


@dataclass(frozen=True, eq=False)
class NodeChange:
    """What happens where nodes are scaled or held, or give place to other features."""

    graph: AttributionGraph
    change: CircuitChange
    ids: tuple[str, ...]  # of the nodes
    group: str = ""  # the label of the group whose features they are
    left: tuple[int, ...] = ()  # nodes of the group that are no features

    kind: ClassVar[Literal["change"]] = "change"
    doing: ClassVar[str] = "Changing…"

    def start(self, scope: Scope, slot: Hashable) -> Job:
        """Ask the model."""
        asked = self.change
        return scope.start_change_circuit(
            self.graph,
            asked.nodes,
            asked.factor,
            activation=asked.activations or None,
            instead=asked.instead or None,
            slot=slot,
        )

    def put(self, drawn: DrawnGraph, found: Any) -> DrawnGraph:
        """The graph with the answer."""
        words = write_change(self.graph, self.change, group=self.group, left=self.left)
        return drawn._replace(effect=ShownEffect(found, self.ids, words, self.change))


@dataclass(frozen=True, eq=False)
class EdgeQuestion:
    """Which heads carried an edge."""

    graph: AttributionGraph
    node: int
    source: int

    kind: ClassVar[Literal["heads"]] = "heads"
    doing: ClassVar[str] = "Taking the edge apart…"

    def start(self, scope: Scope, slot: Hashable) -> Job:
        """Ask the model."""
        return scope.start_circuit_heads(self.graph, self.node, self.source, slot=slot)

    def put(self, drawn: DrawnGraph, found: Any) -> DrawnGraph:
        """The graph with the answer."""
        return drawn._replace(heads=found)


def read_edge(scope: Scope, graph: AttributionGraph, ids: NodeIds, node: object, source: object) -> EdgeQuestion:
    """An edge, by ids or numbers of its nodes.

    Raises:
        InvalidValue: one is no node, or no model is here.
    """
    require_model(scope, "edges are taken apart")
    into, start = (graph.places[ids.check("an edge", [one])[0]] for one in (node, source))
    return EdgeQuestion(graph, into, start)


def read_change(
    scope: Scope,
    graph: AttributionGraph,
    ids: NodeIds,
    nodes: Any,
    *,
    factor: object,
    activation: object,
    instead: Any,
    groups: Sequence[Mapping[str, Any]],
) -> NodeChange:
    """A change of nodes.

    Args:
        nodes: ids or numbers; or a group, by its label, which goes before an id, or as `graph.groups` have it.
        factor, activation: see `gs.change_circuit`.
        instead: by node, another feature of its layer, as a ref or its number.
        groups: see `GroupState`.

    Raises:
        InvalidValue: it names what the graph has not, or the graph cannot be changed here.
    """
    places = graph.places
    require_model(scope, "nodes are changed")
    if isinstance(nodes, NodeGroup):
        _require_group(nodes, groups, graph)
        nodes = _find_group(nodes.label, groups, graph)
    elif isinstance(nodes, str) and (not is_id(nodes) or any(one["label"] == nodes for one in groups)):
        nodes = _find_group(nodes, groups, graph)
    alone = isinstance(nodes, (str, int, np.integer))
    names = ids.check("nodes", [nodes] if alone else nodes)
    for name, given in (("instead", instead), ("activation", activation)):
        if isinstance(given, Mapping) and len(given) > len(graph):
            raise InvalidValue(f"{name} names nodes of the graph, which has {len(graph)}, got {len(given)}")
    if isinstance(instead, Mapping):
        swaps = {places[ids.check("instead", [one])[0]]: ref for one, ref in instead.items()}
        instead = {
            node: ref if isinstance(ref, FeatureRef) else _find_in_layer(scope, graph, node, ref)
            for node, ref in swaps.items()
        }
    change = read_circuit_change(graph, [places[one] for one in names], factor, activation, instead)
    if not find_reach(scope, graph).can_change:
        raise InvalidValue("this graph cannot be changed here: it is not of next tokens, or of another model")
    group, left = ("", ()) if alone else _name_group(set(change.nodes), groups, graph)
    return NodeChange(graph, change, names, group, left)


def _require_group(group: NodeGroup, groups: Sequence[Mapping[str, Any]], graph: AttributionGraph) -> None:
    """Refuse a group of another graph: its numbers name other nodes here."""
    members = {graph.ids[node] for node in group.nodes if node < len(graph)}
    for one in groups:
        if one["label"] == group.label and members == {id_ for id_ in one["nodes"] if id_ in graph.places}:
            return
    raise InvalidValue(
        f"{describe_value(group.label)} is no group of this graph as it stands; take one of widget.graph.groups"
    )


def _find_group(label: str, groups: Sequence[Mapping[str, Any]], graph: AttributionGraph) -> list[str]:
    """The features of a group, as far as the graph has them."""
    labels = [one["label"] for one in groups]
    if label not in labels:
        known = ", ".join(map(describe_value, labels[:_NAMED_GROUPS]))
        more = f" and {len(labels) - _NAMED_GROUPS} more" if len(labels) > _NAMED_GROUPS else ""
        there = f"the groups are {known}{more}" if labels else "there is no group yet: set widget.groups"
        raise InvalidValue(f"no group is called {describe_value(label)}; {there}; a node's id is such as '3_21_5'")
    members = groups[labels.index(label)]["nodes"]
    found = [id_ for id_ in members if id_ in graph.places and graph.kinds[graph.places[id_]] == FEATURE]
    if not found:
        raise InvalidValue(f"the group {describe_value(label)} has no feature, and only features are changed")
    return found


def _name_group(
    nodes: set[int], groups: Sequence[Mapping[str, Any]], graph: AttributionGraph
) -> tuple[str, tuple[int, ...]]:
    """The group whose features these are, and its other nodes; the page, too, names nodes alone."""
    for one in groups:
        members = [graph.places[id_] for id_ in one["nodes"] if id_ in graph.places]
        left = tuple(node for node in members if graph.kinds[node] != FEATURE)
        if nodes and nodes == set(members) - set(left):
            return one["label"], left
    return "", ()


def _find_in_layer(scope: Scope, graph: AttributionGraph, node: int, number: object) -> FeatureRef:
    """A feature of a node's layer, by its number in the dictionary."""
    ref = graph.ref(node)
    size = graph.share or (scope.dictionary_info(ref.dictionary_id).d_dict or 2**31)
    first = graph.share * int(graph.node_layers[node])
    found = check_int("the feature of that layer that takes its place", number, low=first, high=first + size - 1)
    return FeatureRef(ref.dictionary_id, found)


class Reach(NamedTuple):
    """What can be asked of the model about a graph."""

    has_model: bool  # whether there is one
    can_change: bool  # whether it is the one that the graph is of, and the graph is of next tokens
    has_heads: bool  # whether the graph's dictionaries are its own, so that edges can be taken apart


def find_reach(scope: Scope, graph: AttributionGraph) -> Reach:
    """What can be asked of this scope."""
    is_own = True
    try:
        for one in filter(None, graph.dictionary_ids):
            scope.dictionary_info(one)
    except GscopeError:
        is_own = False
    is_of_tokens = all(one.ids for one in graph.targets) and bool((graph.kinds == FEATURE).any())
    return Reach(has_model(scope), is_own and is_of_tokens, is_own)


def has_model(scope: Scope) -> bool:
    """Whether a model answers, or there is a graph alone."""
    return scope.info.model_class != ""


def require_model(scope: Scope, what: str) -> None:
    """Refuse what only a model can do.

    Args:
        what: that is done, such as "nodes are changed".

    Raises:
        InvalidValue: there is a graph alone.
    """
    if not has_model(scope):
        raise InvalidValue(f"{what} in a model, and none is here; {GIVE_SCOPE}")
