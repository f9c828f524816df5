"""How a graph is traced, and what one that was given is of."""

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple, cast

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.circuit_faults import check_graph
from gscope_widgets.records.circuits import AttributionGraph
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.protocols import Job, Scope
from gscope_widgets.widgets.base.state import as_prompt
from gscope_widgets.widgets.circuits.questions import GIVE_SCOPE, find_reach
from gscope_widgets.widgets.circuits.targets import as_circuit_target, name_token


class Tracing(NamedTuple):
    """What every trace of a widget is made with."""

    dictionaries: Any  # open: one CLT, or a list of transcoders; None for those of all layers
    max_features: int

    @property
    def dictionary_ids(self) -> list[str]:
        """Of those that were asked for."""
        given = self.dictionaries
        if given is None:
            return []
        return [given.info.id] if hasattr(given, "info") else [one.info.id for one in given]

    def start(self, scope: Scope, settings: Mapping[str, Any], *, slot: Hashable) -> Job:
        """Trace the prompt and target of the settings."""
        return scope.start_circuit(
            as_prompt(settings["prompt"]),
            dictionaries=self.dictionaries,
            target=as_circuit_target(settings["target"]),
            max_features=self.max_features,
            slot=slot,
        )


def open_alone(graph: AttributionGraph, other: object, dictionaries: object) -> tuple[Scope, AttributionGraph]:
    """A graph without a model, behind a scope that knows it alone.

    Args:
        other, dictionaries: what else was given, with which there is nothing to do.

    Raises:
        InvalidValue: the graph is broken, or there is more.
    """
    from gscope_widgets.keeping.graph_scope import GraphScope

    if dictionaries is not None:
        raise InvalidValue(f"dictionaries are of a model, and none is here; {GIVE_SCOPE}")
    if other is not None:
        raise InvalidValue("two graphs are given; the first argument is a scope from gs.load(), or one graph alone")
    return cast(Scope, GraphScope(check_graph(graph))), graph


def open_dictionaries(scope: Scope, given: Any) -> Any:
    """The dictionaries given, open; None for those of all layers.

    Raises:
        InvalidValue, UnknownDictionary: they are none.
    """
    if given is None or hasattr(given, "info"):
        return given
    items = [given] if isinstance(given, Mapping) else read_list(given)
    if items is None:
        raise InvalidValue(f"dictionaries is a list from scope.dictionary(), got {describe_value(given)}")
    opened = []
    for one in items:
        if isinstance(one, Mapping):
            try:
                one = scope.dictionary(**one)
            except TypeError as error:
                raise InvalidValue(f"dictionaries holds {describe_value(one)}, but {error}") from None
        if not hasattr(one, "info"):
            raise InvalidValue(f"dictionaries come from scope.dictionary(), got {describe_value(one)}")
        opened.append(one)
    if not opened:
        raise InvalidValue("dictionaries is empty; give transcoders or a CLT, or leave it out for those of all layers")
    return opened


def read_given(scope: Scope, graph: object, prompt: object, target: object) -> tuple[Any, Any]:
    """Prompt and target of a graph that was given; no target where it may be another token in the model here.

    Raises:
        InvalidValue: it is none, or a prompt or target stands beside it.
    """
    if not isinstance(graph, AttributionGraph):
        raise InvalidValue(f"graph comes from gs.circuit(...) or gs.load_circuit(...), got {describe_value(graph)}")
    check_graph(graph)
    if prompt != "" or target is not None:
        raise InvalidValue("a graph has its own prompt and target; leave them out, or leave out the graph")
    return graph.tokens.text, _find_target(scope, graph)


def _find_target(scope: Scope, graph: AttributionGraph) -> int | tuple[int, ...] | None:
    name, ids = graph.targets[0].name, graph.targets[0].ids
    if len(graph.targets) > 1 or not 0 < len(ids) <= 2 or min(ids) < 0:
        return None
    reach = find_reach(scope, graph)
    if reach.has_model and not reach.has_heads:  # its ids may be of other tokens
        is_same = len(ids) == 1 and ids[0] < scope.info.vocabulary and name_token(scope, ids[0]) == name
        return ids[0] if is_same else None
    return ids[0] if len(ids) == 1 else ids
