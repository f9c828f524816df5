"""What crosses between exercises and the page, as types."""

from typing import Literal, TypedDict

from gscope_widgets.records.exercises import CheckState
from gscope_widgets.widgets.base.wire import ArrayHead

FieldKind = Literal["choice", "choices", "number", "positions", "word", "rule", "marks", "changes"]
Kept = Literal["nothing", "kept", "written", "not kept", "not marked"]


AnswerItem = bool | float | str | None
AnswerRow = AnswerItem | list[AnswerItem]
Answer = AnswerRow | list[AnswerRow]


class AnswerField(TypedDict):
    """What the learner fills in for one question."""

    kind: FieldKind
    label: str
    choices: list[str]  # to choose from; the tokens of a text, the snippets to mark, the features to change
    unit: str


class ExercisePart(TypedDict):
    """A part of an answer, and what came of it."""

    name: str
    given: str
    found: str
    state: CheckState


class Meaning(TypedDict):
    """A word of the field, and what it means."""

    name: str
    sentence: str


class ExerciseResult(TypedDict):
    """What a check of the answer found, and what was opened on request."""

    type: Literal["result"]
    request: int
    answer: Answer  # the settings that this answers; null where none was committed
    hints_shown: int
    solution_shown: bool
    state: CheckState
    sentence: str
    next_step: str
    score: float  # 0 to 1
    heads: list[str]  # of the parts' columns
    parts: list[ExercisePart]
    first: str  # the answer committed first, where it is another; empty otherwise
    hints: list[str]  # those opened
    solution: str  # empty until it is opened
    terms: list[Meaning]  # words of the field that stand there
    arrays: list[ArrayHead]  # none
