"""What a grader found in notebooks: a record for each answer, a table for people, JSON for machines."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from gscope_widgets.records.exercises import MARKS, CheckState
from gscope_widgets.records.frames import build_frame

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Grade:
    """One answer of one notebook."""

    notebook: str  # as its path was given
    exercise: str
    state: CheckState
    score: float  # 0 to 1
    answer: object  # plain; None where there is none
    sentence: str


@dataclass(frozen=True)
class GradeReport:
    """Grades of notebooks on one lesson's exercises. `print` gives the table."""

    grades: tuple[Grade, ...]  # notebook by notebook, in the order of the exercises
    notes: tuple[str, ...] = ()  # on notebooks as a whole, a sentence each

    @property
    def passed(self) -> bool:
        """Whether every answer of every notebook is right."""
        return bool(self.grades) and not self.notes and all(one.state == "right" for one in self.grades)

    def to_dict(self) -> dict[str, object]:
        """The report as plain data that JSON can hold."""
        return {"passed": self.passed, "grades": [asdict(one) for one in self.grades], "notes": list(self.notes)}

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row for each answer: `notebook`, `exercise`, `state`, `score`, `answer`, `sentence`."""
        return build_frame(
            notebook=[one.notebook for one in self.grades],
            exercise=[one.exercise for one in self.grades],
            state=[one.state for one in self.grades],
            score=[one.score for one in self.grades],
            answer=[one.answer for one in self.grades],
            sentence=[one.sentence for one in self.grades],
        )

    def __str__(self) -> str:
        """A line for each notebook with its score, and what is to be said of answers that are not right."""
        names = list(dict.fromkeys(one.exercise for one in self.grades))
        notebooks = list(dict.fromkeys(one.notebook for one in self.grades))
        marks = {(one.notebook, one.exercise): one for one in self.grades}
        rows = [["notebook", *names, "score"]]
        for notebook in notebooks:
            found = [marks.get((notebook, name)) for name in names]
            total = sum(one.score for one in found if one is not None)
            rows.append([notebook, *(_write(one) for one in found), f"{total:.2f} of {len(names)}"])
        said = [f"{one.notebook}, {one.exercise}: {one.sentence}" for one in self.grades if one.state != "right"]
        return "\n".join([*_line_up(rows), "", *said, *self.notes]).strip()


def _write(grade: Grade | None) -> str:
    return "" if grade is None else f"{MARKS[grade.state]} {grade.score:.2f}"


def _line_up(rows: Iterable[list[str]]) -> list[str]:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
