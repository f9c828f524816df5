"""What is under way for a graph: a trace, a pruning, or a question about it."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from gscope_widgets.records.protocols import Job, Scope
from gscope_widgets.widgets.base.requests import Requests
from gscope_widgets.widgets.circuits.drawing import Drawing
from gscope_widgets.widgets.circuits.drawn import DrawnGraph
from gscope_widgets.widgets.circuits.questions import EdgeQuestion, NodeChange

Settings = dict[str, Any]
Kind = Literal["trace", "prune", "change", "heads"]
_TRACED = ("prompt", "target")  # the settings that a graph is traced by


class GraphWork:
    """Begins work, of which the newest goes on, and shows what comes of it.

    | under way         | a share or a mark is set        | another prompt or target is set |
    |-------------------|---------------------------------|---------------------------------|
    | nothing, pruning  | the graph is pruned anew        | it is traced                    |
    | a trace           | it is drawn so when that ends   | it is traced instead            |
    | a question        | it is drawn so when that ends   | it is traced instead            |
    """

    def __init__(
        self,
        requests: Requests,
        drawing: Drawing,
        *,
        show: Callable[[DrawnGraph], None],
        prune: Callable[[Callable[[], DrawnGraph]], None],
        traced: Settings,
        slot: int,
    ):
        """Args: show: puts a graph on the page; prune: has the worker draw one; traced: the settings of the first."""
        self._requests, self._drawing, self._show, self._run_pruning = requests, drawing, show, prune
        self._slot = slot
        self._traced = self._name_trace(traced)
        self._newest: NodeChange | EdgeQuestion | None = None  # what was asked last; None where the trace was
        self._doing: Kind = "trace"

    @property
    def is_question(self) -> bool:
        """Whether the newest request asked something about the graph shown."""
        return self._newest is not None

    def is_at(self, *kinds: Kind) -> bool:
        """Whether work of one of these kinds is under way."""
        return self._requests.is_busy and self._doing in kinds

    def answer(self, settings: Settings, *, is_settled: bool, start: Callable[[], Job]) -> None:
        """Prune the graph shown, or trace another one.

        Args:
            is_settled: whether the graph shown is that of the prompt and target set.
            start: starts the trace.
        """
        asked, drawn = self._name_trace(settings), self._drawing.now
        if drawn is not None and is_settled:
            if not self.is_at("change", "heads"):  # which prune by what is set when they end
                self._newest = None
                self.prune(drawn)
        elif not (self.is_at("trace") and asked == self._traced):
            self._newest, self._doing, self._traced = None, "trace", asked
            self.follow(start, settings)

    def follow(self, start: Callable[[], Job], settings: Settings) -> None:
        """Show what a trace gives. It is the request's own job: its progress is shown, and a stop reaches it."""

        def submit(number: int) -> Job:
            job = start()
            self._deliver(job, number, lambda graph: self._drawing.draw_first(settings, graph))
            return job

        self._requests.start(submit, doing="Tracing…")

    def prune(self, drawn: DrawnGraph) -> None:
        """Draw the graph shown by shares and marks as they are."""
        self._doing = "prune"

        def redraw() -> DrawnGraph:
            now = self._drawing.require()  # a trace that this took the place of may have ended all the same
            is_same = self._name_trace(now.settings) == self._name_trace(drawn.settings)
            return self._drawing.redraw(now if is_same else drawn)

        self._run_pruning(redraw)

    def ask(self, scope: Scope, question: NodeChange | EdgeQuestion) -> Job:
        """Ask the model about a graph; the answer is shown while that graph is."""
        self._newest, self._doing = question, question.kind
        started: list[Job] = []

        def put(answer: object) -> DrawnGraph | None:
            drawn = self._drawing.now
            if drawn is None or drawn.graph is not question.graph:
                return None
            return question.put(self._drawing.redraw(drawn), answer)

        def submit(number: int) -> Job:
            job = question.start(scope, slot=self._slot)
            self._deliver(job, number, put)
            started.append(job)
            return job

        self._requests.start(submit, doing=question.doing)
        return started[0]

    def ask_again(self, scope: Scope) -> bool:
        """Ask a question once more that had no answer; False where there is none about the graph shown."""
        asked, drawn = self._newest, self._drawing.now
        if asked is None or drawn is None or asked.graph is not drawn.graph or not self._requests.is_unanswered:
            return False
        self.ask(scope, asked)
        return True

    def catch_up(self) -> None:
        """Draw what was marked or set while work went on that this would have stopped."""
        try:
            while (drawn := self._drawing.now) is not None and not self._requests.is_busy:
                fresh = self._drawing.redraw(drawn)
                if fresh is drawn:
                    return
                self._requests.present(partial(self._show, fresh))
        except Exception as error:  # noqa: BLE001 - it becomes the widget's status
            self._requests.refuse(error)

    def _deliver(self, job: Job, number: int, draw: Callable[[Any], DrawnGraph | None]) -> None:
        """Show what is drawn of a job's value, where there is any."""

        def take(ended: Job) -> None:
            if ended.exception() is not None:
                return
            try:
                drawn = draw(ended.result())
                if drawn is not None:
                    self._requests.deliver(number, lambda: self._show(drawn))
            except Exception as error:  # noqa: BLE001 - it becomes the widget's status
                self._requests.end(number, error)

        job.add_done_callback(take)

    @staticmethod
    def _name_trace(settings: Settings) -> list[object]:
        return [settings[name] for name in _TRACED]
