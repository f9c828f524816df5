"""Which nodes are marked: pins, groups, the one selected."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.circuit_subgraph import CircuitSubgraph, build_subgraph
from gscope_widgets.records.circuits import TARGET, AttributionGraph, NodeGroup
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.numbers import check_int
from gscope_widgets.widgets.base.limits import GROUP_LABEL, GROUPS, PINNED_NODES
from gscope_widgets.widgets.circuits.homes import Away, Home

_ID = re.compile(r"(E_)?-?\d{1,10}(_-?\d{1,10}){1,3}")


def is_id(text: str) -> bool:
    """Whether it is written as ids of nodes are."""
    return len(text) <= 60 and _ID.fullmatch(text) is not None


class NodeIds(NamedTuple):
    """How nodes can be named: by their ids, and by their numbers where the graph is there."""

    graph: AttributionGraph | None  # None where none is there yet
    is_awaiting: bool  # whether another graph is to come, which may have nodes that this one has not

    def check(self, name: str, value: Any, *, most: int | None = None, limit: str = "") -> tuple[str, ...]:
        """Ids of nodes, each once.

        Args:
            name: what they are.
            most: ids that are taken, by default as many as the graph has nodes.
            limit: what is said of more.

        Raises:
            InvalidValue: no list, too many, one twice, or one that is none.
        """
        given = read_list(value)
        if given is None:
            raise InvalidValue(f"{name} is a list of nodes, ids or numbers, got {describe_value(value)}")
        graph = self.graph
        if most is None and graph is not None:
            most, limit = len(graph), f"the graph has {len(graph)} nodes, all of them different"
        if most is not None and len(given) > most:
            raise InvalidValue(f"{limit}, got {len(given)}")
        found: dict[str, None] = {}
        for one in given:
            if isinstance(one, str) and not is_id(one):
                raise InvalidValue(f"a node's id is such as '3_21_5', got {describe_value(one)}")
            if isinstance(one, str) and (graph is None or self.is_awaiting):
                id_ = one
            elif graph is None:
                raise InvalidValue(f"the graph is not there yet; name nodes by their ids, got {describe_value(one)}")
            else:
                id_ = graph.ids[graph.locate(one)]
            if id_ in found:
                raise InvalidValue(f"{name} has node {describe_value(id_)} twice")
            found[id_] = None
        return tuple(found)


def check_groups(ids: NodeIds, value: Any) -> tuple[dict[str, Any], ...]:
    """Nodes under a name each, as `GroupState` has them; no node and no name twice.

    Args:
        value: nodes by label, `NodeGroup`s, or groups as the page sends them.

    Raises:
        InvalidValue: none of these, or too many.
    """
    if isinstance(value, Mapping):
        value = [{"label": label, "nodes": members} for label, members in value.items()]
    given = read_list(value)
    if given is None:
        raise InvalidValue(f'groups are nodes by label, {{"town": [4, 7]}}, got {describe_value(value)}')
    limit = f"at most {GROUPS} groups of {PINNED_NODES} nodes together are kept"
    found: list[dict[str, Any]] = []
    taken: set[str] = set()
    for one in given:
        if len(found) == GROUPS:
            raise InvalidValue(f"{limit}, got more groups")
        if isinstance(one, NodeGroup):
            one = {"label": one.label, "nodes": one.nodes}
        if not isinstance(one, Mapping) or set(one) != {"label", "nodes"}:
            raise InvalidValue(f'a group is {{"label": ..., "nodes": [...]}}, got {describe_value(one)}')
        label = one["label"]
        if not isinstance(label, str) or not 0 < len(label.strip()) <= GROUP_LABEL:
            raise InvalidValue(f"a group's label has 1 to {GROUP_LABEL} characters, got {describe_value(label)}")
        label = label.strip().encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        nodes = ids.check(f"the nodes of {describe_value(label)}", one["nodes"], most=PINNED_NODES, limit=limit)
        if not nodes:
            raise InvalidValue(f"the group {describe_value(label)} has no node; leave it out")
        if taken & set(nodes):
            raise InvalidValue(f"node {sorted(taken & set(nodes))[0]} is in two groups; take it out of one")
        if any(each["label"] == label for each in found):
            raise InvalidValue(f"two groups are called {describe_value(label)}; give each a name of its own")
        taken |= set(nodes)
        if len(taken) > PINNED_NODES:
            raise InvalidValue(f"{limit}, got {len(taken)} nodes")
        found.append({"label": label, "nodes": list(nodes)})
    return tuple(found)


def check_pinned(ids: NodeIds, value: object) -> tuple[str, ...]:
    """Nodes that are pinned.

    Raises:
        InvalidValue: see `NodeIds.check`.
    """
    return ids.check("pinned", value, most=PINNED_NODES, limit=f"at most {PINNED_NODES} nodes are pinned")


def check_feature(value: Any) -> FeatureRef | None:
    """A feature that is selected, as Python or the page says it.

    Raises:
        InvalidValue: it is none.
    """
    if isinstance(value, Mapping) and set(value) == {"dictionary_id", "feature"}:
        value = FeatureRef(value["dictionary_id"], value["feature"])
    if value is None:
        return None
    if not isinstance(value, FeatureRef) or not isinstance(value.dictionary_id, str):
        raise InvalidValue(f"selected_feature comes from dictionary.feature(number), got {describe_value(value)}")
    number = check_int("a feature's number", value.feature, low=0, high=2**31 - 1)
    return FeatureRef(value.dictionary_id, number)


class Marks(NamedTuple):
    """What a reader marked; ids that a graph has not are left out."""

    pinned: Sequence[str]
    groups: Sequence[Mapping[str, Any]]  # see `GroupState`
    selected: str | None
    fresh: frozenset[str] = frozenset()  # ids that were set for the graph that is awaited
    homes: Mapping[str, Home] = MappingProxyType({})  # of those that came from other graphs, or were looked for there
    away: tuple[Away, ...] = ()

    def list_ids(self) -> frozenset[str]:
        """All of them."""
        grouped = (id_ for one in self.groups for id_ in one["nodes"])
        return frozenset((*self.pinned, *grouped, *(() if self.selected is None else (self.selected,))))

    def list_nodes(self, graph: AttributionGraph) -> frozenset[int]:
        """All that the graph has."""
        return frozenset(graph.places[id_] for id_ in self.list_ids() if id_ in graph.places)

    def put(self, graph: AttributionGraph) -> AttributionGraph:
        """The graph with these pins and groups."""
        places = graph.places
        groups = tuple(NodeGroup(label, tuple(sorted(nodes))) for label, nodes in self._list_groups(graph))
        return replace(graph, pinned=tuple(places[id_] for id_ in self.pinned if id_ in places), groups=groups)

    def build_boxes(self, graph: AttributionGraph) -> tuple[CircuitSubgraph, list[str]]:
        """Groups and other pins, by layer and position, and the heaviest target where none is among them.

        Returns:
            the subgraph; the key of each box, see `BoxInfo`.
        """
        grouped = self._list_groups(graph)
        taken = {node for _, nodes in grouped for node in nodes}
        alone = [graph.places[id_] for id_ in self.pinned if id_ in graph.places]
        if not any(graph.kinds[node] == TARGET for node in [*taken, *alone]):
            alone.append(len(graph) - len(graph.targets) + int(np.argmax(graph.target_weights)))
        boxes = [(f"group {label}", label, nodes) for label, nodes in grouped]
        boxes += [(graph.ids[node], "", [node]) for node in dict.fromkeys(alone) if node not in taken]
        boxes.sort(key=lambda box: (float(graph.node_layers[box[2]].mean()), float(graph.positions[box[2]].mean())))
        named = [(label or graph.name(nodes[0]), nodes) for _, label, nodes in boxes]
        return build_subgraph(graph, named), [key for key, *_ in boxes]

    def _list_groups(self, graph: AttributionGraph) -> list[tuple[str, list[int]]]:
        places = graph.places
        found = [(one["label"], [places[id_] for id_ in one["nodes"] if id_ in places]) for one in self.groups]
        return [(label, nodes) for label, nodes in found if nodes]
