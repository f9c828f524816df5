"""What an exercise asks, and what a check of an answer found: plain records, which print as sentences."""

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gscope_widgets.records.frames import build_frame

if TYPE_CHECKING:
    import pandas

CheckState = Literal["not answered", "unusable", "wrong", "right", "not checked"]
MARKS: dict[CheckState, str] = {"right": "✓", "wrong": "✗", "not answered": "–", "unusable": "!", "not checked": "!"}
_WIDTH = 100  # characters of a printed line


@dataclass(frozen=True)
class CheckPart:
    """A part of an answer: a question of a quiz, a snippet of text, a run."""

    name: str
    given: str  # what the learner said of it; empty where nothing
    found: str  # what came of it
    state: CheckState


@dataclass(frozen=True)
class Check:
    """What a check of an answer found. `print` says it in sentences; `passed` is what a grader asks."""

    exercise: str  # its name, as the answer's marker has it
    state: CheckState  # "unusable": of a type or form that is no answer; "not checked": the model did not answer
    answer: object  # plain: a bool, number, string, or lists of these; None where there is none
    score: float  # 0 to 1
    sentence: str
    next_step: str = ""  # what to try next; empty where nothing is left to do
    parts: tuple[CheckPart, ...] = ()
    heads: tuple[str, str, str] = ("", "given", "found")  # of the columns of the parts

    @property
    def passed(self) -> bool:
        """Whether the answer is right as a whole."""
        return self.state == "right"

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row for each part: `exercise`, `part`, `given`, `found`, `state`."""
        parts = self.parts or (CheckPart("", "", self.sentence, self.state),)
        return build_frame(
            exercise=[self.exercise] * len(parts),
            part=[one.name for one in parts],
            given=[one.given for one in parts],
            found=[one.found for one in parts],
            state=[one.state for one in parts],
        )

    def __str__(self) -> str:
        """The sentence, what to try next, and a line for each of several parts."""
        lines = _wrap(f"{MARKS[self.state]} {self.exercise}: {self.sentence}")
        lines += _wrap(f"→ {self.next_step}") if self.next_step else []
        for one in self.parts if len(self.parts) > 1 else ():
            words = " · ".join(word for word in (one.name, one.given, one.found) if word)
            lines += _wrap(f"  {MARKS[one.state]} {words}")
        return "\n".join(lines)

    __repr__ = __str__


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent="    ", break_on_hyphens=False)


@dataclass(frozen=True)
class Goal:
    """A key for what several answers reach, as `gs.Goal`: it says how near one comes, and in a sentence why.

    An answer is right at a score of 1. The function is asked for answers that have the question's form.
    """

    reach: Callable[[Any, Any], tuple[float, str]]  # of the scope and the answer: score, 0 to 1, and a sentence


@dataclass(frozen=True, repr=False)
class Question:
    """A question of a quiz, as `gs.Question`; the form of its answer follows from what is given.

    | given              | the answer is                                     |
    |--------------------|---------------------------------------------------|
    | `choices`          | one of them; with `several`, a list of them       |
    | `tokens_of`        | a list of positions of that text's tokens         |
    | `tolerance`        | a number, right within it                         |
    | none of them       | a word or a few, compared without case and spaces |
    """

    ask: str
    key: object  # a value, `gs.seal(value)`, a function of the scope, such as `gs.truths.l0(text)`, or a `gs.Goal`
    choices: tuple[str, ...] = ()
    several: bool = False
    tokens_of: str | None = None
    tolerance: float | None = None
    unit: str = ""
    # What a wrong answer shows to be misunderstood, by that answer; or all of it sealed. For numbers, "12" stands for
    # every answer as near to 12 as the tolerance says.
    wrong: Mapping[str, str] | str = field(default_factory=dict)

    def __repr__(self) -> str:
        """The call that makes it."""
        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        fields = {name: one.default for name, one in self.__dataclass_fields__.items()}
        told = [f"{name}={value!r}" for name, value in given.items() if value != fields[name] and value != {}]
        return f"gs.Question({', '.join(told)})"
