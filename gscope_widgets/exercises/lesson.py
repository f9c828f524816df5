"""Runs a lesson's notebook, and has its exercises check answers: `python -m gscope_widgets.exercises.lesson`.

A process of its own, started by the grader: it reads a request as JSON, and writes checks as JSON. Of the answers
nothing is run. Lines that begin with % or ! are left out, so that nothing is installed.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gscope_widgets.exercises.cells import blank_magics
from gscope_widgets.exercises.exercise import Exercise, collect_exercises
from gscope_widgets.exercises.literals import Plain


@dataclass(frozen=True)
class LessonRun:
    """The exercises that a notebook made, and what went wrong in its cells."""

    exercises: dict[str, Exercise]  # by name, the one made last
    faults: tuple[str, ...]  # a sentence for each cell that raised


def run_lesson(cells: Sequence[str]) -> LessonRun:
    """Run code cells in order, those after one that raised too.

    Args:
        cells: their sources.
    """
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    faults = []
    with collect_exercises() as made:
        for number, source in enumerate(cells, 1):
            result = shell.run_cell(blank_magics(source), store_history=False)
            error = result.error_before_exec or result.error_in_exec
            if error is not None:
                faults.append(f"Code cell {number} raised {type(error).__name__}: {error}")
    return LessonRun({one.name: one for one in made}, tuple(faults))


def answer_request(request: dict[str, Any]) -> dict[str, Any]:
    """Run the lesson of a request, and check each set of answers in it.

    Args:
        request: `cells`, and `answers`: a dict by exercise for each notebook.

    Returns:
        `exercises`, their names in order; `faults`; and `checks`, a dict by exercise for each notebook.
    """
    lesson = run_lesson(request["cells"])
    checks = [_check_all(lesson, answers) for answers in request["answers"]]
    return {"exercises": list(lesson.exercises), "faults": list(lesson.faults), "checks": checks}


def _check_all(lesson: LessonRun, answers: dict[str, Plain]) -> dict[str, Any]:
    found = {name: lesson.exercises[name].check(value) for name, value in answers.items() if name in lesson.exercises}
    return {name: asdict(check) for name, check in found.items()}


def main() -> None:
    """Answer the request on standard input; what the notebook prints goes nowhere."""
    request = json.load(sys.stdin)
    os.environ.setdefault("MPLBACKEND", "agg")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        reply = answer_request(request)
    json.dump(reply, sys.stdout, allow_nan=False)


if __name__ == "__main__":
    main()
