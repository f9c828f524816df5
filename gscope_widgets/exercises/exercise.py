"""What every exercise has: a prompt, an answer and its check, hints on request, a solution last, the answer's line."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, NoReturn

from gscope_widgets.errors import GscopeError, InvalidValue, describe_value
from gscope_widgets.exercises.cells import open_notebook
from gscope_widgets.exercises.keys import unseal
from gscope_widgets.exercises.literals import Plain, read_plain, write_line
from gscope_widgets.exercises.questions import check_words
from gscope_widgets.exercises.wire import Answer, AnswerField, ExerciseResult, Kept
from gscope_widgets.records.exercises import MARKS, Check, CheckPart
from gscope_widgets.records.figures import write_figure
from gscope_widgets.records.glossary import TERMS, define
from gscope_widgets.records.numbers import check_int, check_switch
from gscope_widgets.records.protocols import Scope
from gscope_widgets.records.provenance import Provenance, find_versions
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.formats import format_text, format_token
from gscope_widgets.widgets.base.reader import describe_engine, describe_model
from gscope_widgets.widgets.base.state import Checked, Told, check_scope
from gscope_widgets.widgets.base.widget import GscopeWidget

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

MAX_HINTS = 3
_AGAIN = "Run the cells above again, from the first one on."
_NAME = re.compile(r"[A-Za-z][\w.-]{0,39}")


_COLLECTIONS: list[list["Exercise"]] = []


@contextmanager
def collect_exercises() -> Iterator[list["Exercise"]]:
    """The exercises made meanwhile, in order: for a grader, which would not find those that no variable holds."""
    made: list[Exercise] = []
    _COLLECTIONS.append(made)
    try:
        yield made
    finally:
        _COLLECTIONS.remove(made)


class Shown(NamedTuple):
    """A check, and the settings that it answers."""

    settings: dict[str, Any]
    check: Check


def _check_answer(exercise: "Exercise", value: object) -> Plain:
    return exercise._read(value)


def _check_hints_shown(exercise: "Exercise", value: object) -> int:
    return check_int("hints_shown", value, low=0, high=exercise.hint_count)


def _check_solution_shown(_exercise: "Exercise", value: object) -> bool:
    return check_switch("solution_shown", value)


class Exercise(GscopeWidget):
    """Base of the exercises. Not for use alone.

    The answer lives in a cell of its own, `answer_3 = None  # gs-answer: ex3`, and comes in as `answer=answer_3`. The
    learner commits in the widget, which writes the line the next time that cell is run; where the page cannot, the line
    is there to be copied. Of the right answer nothing is in the state or in the bundle.
    """

    name = Told(str, "", help="Of the exercise, as the answer's marker has it.")
    prompt = Told(str, "", help="What the learner is asked.")
    fields = Told(
        list[AnswerField], [], help="What the learner fills in; the answer is a list where there are several."
    )
    hint_count = Told(int, 0, help="How many hints there are.")
    has_solution = Told(bool, False, help="Whether a solution can be asked for.")
    line = Told(str, "", help="The line of code that keeps the answer.")
    kept = Told(
        Kept,
        "nothing",
        help="Whether the cell has the answer: not yet, written there just now, or a cell without its marker has it.",
    )
    answer = Checked(_check_answer, Answer, None, help="What the learner committed to; None before.")
    hints_shown = Checked(_check_hints_shown, Annotated[int, Bounds(0, MAX_HINTS)], 0, help="Hints that were opened.")
    solution_shown = Checked(_check_solution_shown, bool, False, help="Whether the solution was opened.")

    to_page = {"result": ExerciseResult}
    settings = ("answer", "hints_shown", "solution_shown")
    _asking = settings
    _view_words: ClassVar[str] = ""  # words of the glossary that the view has of its own

    def __init__(
        self,
        scope: Scope,
        *,
        name: str,
        prompt: str,
        fields: Sequence[AnswerField],
        answer: object,
        hints: Sequence[str],
        solution: str,
    ):
        check_scope(scope)
        self.scope = scope
        self._hints, self._solution = _check_hints(hints), check_optional("solution", solution)
        self.variable = name_variable(_check_name(name))
        self._unusable, given = "", None
        try:
            given = self._read(answer)
        except InvalidValue as error:
            self._unusable = str(error)
        self._in_cell = given
        self._notebook = open_notebook()
        self._first: Check | None = None
        super().__init__(
            scope,
            name=name,
            prompt=check_words("prompt", prompt),
            fields=list(fields),
            hint_count=len(self._hints),
            has_solution=bool(self._solution),
            badge=describe_model(scope),
            footer=describe_engine(scope),
        )
        if self._notebook is not None:
            given = self._notebook.follow(self, given)
        settings = self._read_settings()
        self._shown = Shown(settings, self._judge_unanswered())
        self._present(self._shown, self._deliver)
        self.answer = given
        self._note_answer()
        self._open()
        for collection in _COLLECTIONS:
            collection.append(self)
        if given is not None:
            with suppress(GscopeError):  # the widget says it
                self._answer(self._read_settings())

    # ---- the answer

    def check(self, answer: object = ...) -> Check:
        """What a check of the answer finds; raises nothing, and needs neither page nor network.

        The same answer on the same model gives the same record.

        Args:
            answer: another answer than this exercise's own, which stays as it is.
        """
        try:
            given = self.answer if answer is ... else self._read(answer)
        except InvalidValue as error:
            return self._refuse(str(error))
        if answer is ... and given is None and self._unusable:
            return self._refuse(self._unusable)
        try:
            return self._judge(given)
        except GscopeError as error:
            sentence = f"The answer could not be checked: {error}"
        except Exception as error:  # noqa: BLE001 - an author's function may raise anything, a learner is told
            sentence = f"The answer could not be checked: {type(error).__name__}: {error}"
        return Check(self.name, "not checked", given, 0.0, sentence, _AGAIN)

    def _judge(self, answer: Plain) -> Check:
        """Check a plain answer.

        Raises:
            GscopeError: the scope cannot answer.
        """
        raise NotImplementedError

    def _read(self, value: object) -> Plain:
        """A plain answer made of what was given.

        Raises:
            InvalidValue: it cannot be one.
        """
        return read_plain(value)

    def _judge_unanswered(self) -> Check:
        """The check of no answer, which asks the scope nothing."""
        return self._refuse(self._unusable) if self._unusable else self._judge(None)

    def _refuse(self, sentence: str) -> Check:
        return Check(self.name, "unusable", None, 0.0, f"{sentence[:1].upper()}{sentence[1:]}.", self._ask())

    def _ask(self) -> str:
        """What an answer looks like, as a sentence."""
        raise NotImplementedError

    def take_cell(self, value: Plain, kept: Kept) -> None:
        """The answer's cell was run: it holds this now, whether the widget wrote it or the learner did."""
        if self.comm is None:
            return
        if kept != "not kept":
            self._in_cell = value
        if value != self.answer:
            self.answer = value
        self.kept = kept

    def _note_answer(self) -> None:
        """What was committed goes to the keeper of the cells, and into the line."""
        answer = self.answer
        if answer is not None:
            self._unusable = ""
        kept: Kept = "kept" if answer == self._in_cell else "not kept"
        if self._notebook is not None:
            kept = self._notebook.commit(self.name, answer)
        self.kept = "nothing" if answer is None else kept
        self.line = write_line(self.variable, answer, self.name)

    # ---- requests

    def _on_change(self, change: Any) -> None:
        if not self._is_quiet and change.name == "answer":
            self._note_answer()
        super()._on_change(change)

    def _answer(self, settings: dict[str, Any]) -> None:
        def work() -> Shown:
            answer = settings["answer"]
            return Shown(settings, self._judge_unanswered() if answer is None else self._judge(answer))

        if self._is_judged(settings["answer"]):
            shown = Shown(settings, self._shown.check)
            self._requests.start(lambda number: self._requests.deliver(number, lambda: self._deliver(shown)), doing="")
            return

        self._request(work, deliver=self._deliver, doing="Checking…")

    def _is_judged(self, answer: Plain) -> bool:
        """Whether the check shown is of this answer: a hint is no reason to ask the model again."""
        return answer is not None and repr(answer) == repr(self._shown.settings["answer"])

    def _deliver(self, shown: Shown) -> None:
        check = shown.check
        parts = [{"name": one.name, "given": one.given, "found": one.found, "state": one.state} for one in check.parts]
        self._send_result(
            {
                **shown.settings,
                "state": check.state,
                "sentence": check.sentence,
                "next_step": check.next_step,
                "score": check.score,
                "heads": list(check.heads),
                "parts": parts,
                "first": self._write_first(check),
                "hints": list(self._hints[: shown.settings["hints_shown"]]),
                "solution": self._solution if shown.settings["solution_shown"] else "",
                "terms": [{"name": name, "sentence": TERMS[name].sentence} for name in self._find_terms(shown)],
            }
        )
        self._shown = shown
        if self._first is None and check.state in ("right", "wrong"):
            self._first = check

    def _write_first(self, check: Check) -> str:
        first = self._first
        return "" if first is None or first.answer == check.answer else self._tell_first(first)

    def _tell_first(self, first: Check) -> str:
        """What was committed first, in a few words."""
        answer = first.answer
        return "; ".join(map(str, answer)) if type(answer) is list else str(answer)

    def _get_result(self) -> Check:
        return self._shown.check

    # ---- what every widget offers

    def save(self, _path: str | os.PathLike[str], _note: str = "") -> NoReturn:
        """Refused: an exercise is kept by the line of its answer, and a file of it would hold its key.

        Raises:
            InvalidValue: always.
        """
        raise InvalidValue(f"an exercise is kept by its answer's line in the notebook, not in a file: {self.line}")

    def pin(self, _note: str = "") -> NoReturn:
        """Refused, as `save` is.

        Raises:
            InvalidValue: always.
        """
        self.save("")

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row for each part of the answer: `exercise`, `part`, `given`, `found`, `state`."""
        return self._shown.check.to_frame()

    def plot(self) -> "Figure":
        """The check's sentences as a picture."""
        return write_figure(f"{format_text(self.prompt)}\n{self._shown.check}", self.provenance)

    def shows(self) -> list[str]:
        """What the check found, and what was opened."""
        check, settings = self._shown.check, self._shown.settings
        words = [check.sentence, check.next_step, *self._hints[: settings["hints_shown"]]]
        words += [self._solution] if settings["solution_shown"] else []
        words = [format_text(word) for word in words]
        words += [format_token(word) for one in _list_parts(check) for word in (one.name, one.given, one.found) if word]
        return list(dict.fromkeys(filter(None, words)))

    def to_code(self) -> str:
        """The line that keeps the answer. What checks it stands in the notebook, where the exercise was made."""
        return write_line(self.variable, self._shown.settings["answer"], self.name)

    @property
    def provenance(self) -> Provenance:
        """The model that answers were checked on, and the answer."""
        info = self.scope.info
        settings = {"exercise": self.name, "answer": self._shown.settings["answer"]}
        versions = {"gscope-widgets": self.version, **find_versions("numpy")}
        return Provenance(info.id, info.revision, info.device, info.dtype, settings=settings, versions=versions)

    def _copy_parts(self) -> list[str]:
        check, settings = self._shown.check, self._shown.settings
        words = [self.prompt, f"{MARKS[check.state]} {check.sentence}", check.next_step]
        rows = [
            [
                f"{MARKS[one.state]} {format_token(one.name)}",
                *(word and format_token(word) for word in (one.given, one.found)),
            ]
            for one in _list_parts(check)
        ]
        table = [copy.build_table(columns=check.heads, rows=rows, caption="What was found")] if rows else []
        opened = [f"Hint {at}: {hint}" for at, hint in enumerate(self._hints[: settings["hints_shown"]], 1)]
        opened += [f"Solution: {self._solution}"] if settings["solution_shown"] and self._solution else []
        kept = [] if settings["answer"] is None else [f"The answer: {self.to_code()}"]
        return [
            *(copy.build_paragraph(format_text(word)) for word in words if word),
            *table,
            *(copy.build_paragraph(format_text(word)) for word in [*opened, *kept]),
        ]

    def _define_terms(self) -> dict[str, str]:
        return {name: define(name) for name in self._find_terms(self._shown)}

    def _find_terms(self, shown: Shown) -> list[str]:
        """Words of the glossary that stand in the view or in the copy."""
        check, settings = shown.check, shown.settings
        words = [self._title, self._view_words, self.prompt, check.sentence, check.next_step, *check.heads]
        words += [word for one in self.fields for word in (one["label"], one["unit"], *one["choices"])]
        words += [word for one in check.parts for word in (one.name, one.given, one.found)]
        words += [*self._hints[: settings["hints_shown"]], self._solution if settings["solution_shown"] else ""]
        text = " ".join(words)
        return [name for name in TERMS if re.search(rf"\b{re.escape(name)}s?\b", text, re.IGNORECASE)]


def _list_parts(check: Check) -> tuple[CheckPart, ...]:
    """The parts that are told; one alone is told by the sentence."""
    return check.parts if len(check.parts) > 1 else ()


def _write(word: str) -> str:
    return format_token(word) if word else ""


def name_variable(name: str) -> str:
    """The variable that keeps the answer of an exercise: "answer_3" for "ex3", "answer_french" for "french"."""
    tail = name[2:] if re.fullmatch(r"ex\d\w*", name) else name
    return f"answer_{re.sub(r'[^A-Za-z0-9_]', '_', tail)}"


def _check_name(name: object) -> str:
    if type(name) is not str or not _NAME.fullmatch(name):
        raise InvalidValue(
            f"name is a letter and up to 39 letters, digits, - or _, such as 'ex3', got {describe_value(name)}"
        )
    return name


def _check_hints(hints: Any) -> tuple[str, ...]:
    hints = unseal(hints)
    if not isinstance(hints, (list, tuple)) or len(hints) > MAX_HINTS:
        raise InvalidValue(f"hints are at most {MAX_HINTS} texts, got {describe_value(hints)}")
    return tuple(check_words("a hint", unseal(one)) for one in hints)


def check_optional(name: str, value: object) -> str:
    """A text for the reader, unsealed; an empty one is none.

    Raises:
        InvalidValue: not a string.
    """
    return "" if type(value) is str and value == "" else check_words(name, unseal(value))
