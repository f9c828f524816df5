"""Notebook files as the grader reads them: code cells, the answers in them by their markers, and what is wrong."""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gscope_widgets.errors import InvalidValue
from gscope_widgets.exercises.cells import CellAnswer, blank_magics, find_answers
from gscope_widgets.exercises.exercise import name_variable
from gscope_widgets.exercises.literals import Plain


@dataclass(frozen=True)
class Submission:
    """The answers of a notebook."""

    path: str
    cells: tuple[str, ...]  # sources of code cells
    answers: dict[str, list[tuple[int, CellAnswer]]] = field(default_factory=dict)  # by exercise; cells from 1

    def find(self, name: str) -> tuple[Plain, str]:
        """The answer to an exercise, and why there is none: a sentence, empty where there is one."""
        found = self.answers.get(name, [])
        places = sorted({cell for cell, _ in found})
        if not found:
            return None, self._explain_missing(name)
        if len(places) > 1:
            listed = " and ".join(map(str, places))
            return None, f"There are {len(places)} answer cells of {name}, code cells {listed}: keep one of them."
        cell, answer = found[-1]  # of several lines in one cell the last one holds, as in Python
        return (None, f"Code cell {cell}: {answer.fault}.") if answer.fault else (answer.value, "")

    def asks(self, name: str) -> bool:
        """Whether an exercise is for the learner: its answer is marked or read here; a calculation may make others."""
        variable = re.compile(rf"\b{name_variable(name)}\b")
        return name in self.answers or any(variable.search(source) for source in self.cells)

    def _explain_missing(self, name: str) -> str:
        variable = name_variable(name)
        for number, source in enumerate(self.cells, 1):
            if variable in _list_assigned(source):
                return (
                    f"Code cell {number} sets {variable} without its marker: end that line with '# gs-answer: {name}'."
                )
        return f"There is no answer cell of {name}: no line ends with '# gs-answer: {name}'; it was deleted or changed."


def read_submission(path: Path) -> Submission:
    """A notebook's code and answers; nothing of it is run.

    Raises:
        InvalidValue: the file cannot be read, or is no notebook.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        sources = ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidValue(f"{path} is no notebook: it has no cells that can be read as JSON") from None
    return gather_answers(str(path), sources)


def gather_answers(path: str, sources: Sequence[str]) -> Submission:
    """The answers in code cells.

    Args:
        path: what messages call the notebook.
        sources: of its code cells, in order.
    """
    answers: dict[str, list[tuple[int, CellAnswer]]] = {}
    for number, source in enumerate(sources, 1):
        for found in find_answers(source):
            answers.setdefault(found.name, []).append((number, found))
    return Submission(path, tuple(sources), answers)


def _list_assigned(source: str) -> set[str]:
    try:
        body = ast.parse(blank_magics(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    targets = [target for one in body if isinstance(one, ast.Assign) for target in one.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}
