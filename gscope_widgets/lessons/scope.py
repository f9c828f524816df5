"""A scope that answers as a lesson lets it be seen."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.lessons.sight import drop_labels, see
from gscope_widgets.records.circuit_faults import check_graph
from gscope_widgets.records.circuits import FEATURE, AttributionGraph
from gscope_widgets.records.edge_heads import check_edge
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.lessons import Lesson
from gscope_widgets.records.protocols import Job, Scope

_ANSWERS = (
    *("describe", "read", "find", "card", "contrast", "compare_dictionaries", "score_claim"),
    *("circuit", "circuit_heads"),
)


class LessonScope:
    """What answers a locked widget: the scope it had, whose answers lack what the lesson leaves out.

    Everything else is the scope's own. Nothing is made secret by it: `whole` is the scope.
    """

    def __init__(self, whole: Scope, lesson: Lesson):
        """Args: whole: a scope that knows no lesson."""
        self.whole, self.lesson = whole, lesson

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.whole, name)
        if name in _ANSWERS:
            return lambda *given, **named: see(self._ask(value, name, given, named), self.lesson)
        if name.startswith("start_") and name.removeprefix("start_") in _ANSWERS:
            return lambda *given, **named: _SeenJob(self._ask(value, name, given, named), self.lesson)
        if name == "start_change_circuit":
            return lambda *given, **named: self._change(value, given, named)
        return value

    def _change(self, change: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Only features of the course come in others' place, and nodes are named without their labels."""
        instead = named.get("instead")
        for ref in instead.values() if isinstance(instead, Mapping) else ():
            if isinstance(ref, FeatureRef) and not self.lesson.allows(ref):
                raise InvalidValue(f"feature {ref.feature} is filtered by your course")
        if given and isinstance(given[0], AttributionGraph) and self.lesson.hides_labels:
            given = (drop_labels(given[0]), *given[1:])
        return change(*given, **named)

    def _ask(self, ask: Callable[..., Any], name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        query = given[0] if given else named.get("query")
        if name.endswith("find") and query is not None and self.lesson.hides_labels:
            raise InvalidValue("labels are hidden by your course; search by texts instead: positive=, negative=")
        if name.endswith("circuit_heads"):
            return self._ask_heads(ask, *given, **named)
        return ask(*given, **named)

    def _ask_heads(self, ask: Callable[..., Any], graph: Any, node: Any, source: Any, **named: Any) -> Any:
        for one in check_edge(check_graph(graph), node, source):
            if graph.kinds[one] == FEATURE and not self.lesson.allows(graph.ref(one)):
                raise InvalidValue(f"node {one} is a feature that is filtered by your course")
        return ask(drop_labels(graph) if self.lesson.hides_labels else graph, node, source, **named)

    def to_code(self) -> str:
        """The lines of Python that make this scope again, as `scope`."""
        return f"{self.whole.to_code()}\nscope = gs.restrict(scope, {self.lesson.to_code()})"


class _SeenJob:
    """A job whose result is seen as a lesson lets it be."""

    def __init__(self, job: Job, lesson: Lesson):
        self._job, self._lesson = job, lesson

    def __getattr__(self, name: str) -> Any:
        return getattr(self._job, name)

    def wait(self) -> Any:
        return see(self._job.wait(), self._lesson)

    def result(self, timeout: float | None = None) -> Any:
        return see(self._job.result(timeout), self._lesson)

    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        self._job.add_done_callback(lambda _job: fn(self))


def restrict(scope: Scope, lesson: Lesson) -> Scope:
    """A scope whose answers lack what a lesson leaves out: labels, other features, examples with banned words.

    `widget.lock(lesson)` does this for one widget, and locks its controls besides; `widget.to_code()` then has this
    line. L0, FVU and errors stay those of all features. For teaching, not security: `.whole` is the scope itself.

    Raises:
        InvalidValue: the second argument is no lesson.
    """
    if not isinstance(lesson, Lesson):
        raise InvalidValue(f'a lesson is gs.Lesson(fixed=["text"], hide_labels=True), got {describe_value(lesson)}')
    return cast(Scope, LessonScope(find_whole_scope(scope), lesson))


def find_whole_scope(scope: Scope) -> Scope:
    """The scope that a restricted one asks, or itself."""
    return scope.whole if isinstance(scope, LessonScope) else scope
