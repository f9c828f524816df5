"""What nbgrader's hidden tests and otter's test files call: an error with a sentence where an answer is not right.

The answer is read as a literal from the source of its cell, found by its marker, in whatever order or shape the learner
left the notebook. The variable of that name counts for nothing.
"""

from functools import cache
from pathlib import Path
from typing import Any

from gscope_widgets.errors import GscopeError, InvalidValue, NotRight
from gscope_widgets.exercises.exercise import Exercise
from gscope_widgets.exercises.grading import grade
from gscope_widgets.exercises.notebooks import Submission, gather_answers
from gscope_widgets.records.grades import Grade


def require_right(name: str, lesson: str | Path | None = None) -> None:
    """Raise where the answer to an exercise is not right; for a grader that has run the learner's notebook.

    Args:
        name: of the exercise, as in the marker of its answer's cell.
        lesson: the teacher's own notebook, beside the tests; it is run once, in a process of its own, with the answers
            of the one notebook in the working folder. None takes the exercise that this kernel has made, from cells
            that the grader has put back as the teacher wrote them.

    Raises:
        NotRight: the answer is wrong, or its cell is missing, there twice, without its marker, or calculated.
        InvalidValue: the lesson cannot be run, or the folder has not one notebook.
    """
    if lesson is not None:
        found = _grade_here(str(lesson)).get(name)
        if found is None:
            raise InvalidValue(f"{lesson} has no exercise {name!r}")
        if found.state != "right":
            raise NotRight(found.sentence)
        return
    value, fault = read_kernel().find(name)
    if fault:
        raise NotRight(fault)
    check = _find_exercise(name).check(value)
    if check.state != "right":
        raise NotRight(f"{check.sentence} {check.next_step}".rstrip())


def read_kernel() -> Submission:
    """The code cells that this kernel was sent, in their order, and the answers in them."""
    manager = _get_shell().history_manager
    return gather_answers("this notebook", [str(source) for source in manager.input_hist_raw[1:]])


@cache
def _grade_here(lesson: str) -> dict[str, Grade]:
    """Grades of the notebook in the working folder, by exercise."""
    here = sorted(Path().glob("*.ipynb"))
    if len(here) != 1:
        names = ", ".join(path.name for path in here) or "none"
        raise InvalidValue(f"one notebook is graded at a time, got {names}")
    return {one.exercise: one for one in grade(here, lesson=Path(lesson)).grades}


def _find_exercise(name: str) -> Exercise:
    made = [one for one in _get_shell().user_ns.values() if isinstance(one, Exercise) and one.name == name]
    if not made:
        raise NotRight(f"Exercise {name} was not made: its cell, or one above it, raised an error, or was deleted.")
    return made[-1]


def _get_shell() -> Any:
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        raise GscopeError("answers are checked here in a notebook's kernel; elsewhere use: gscope-widgets grade")
    return shell


# ---- nbgrader's part


def mend_cells(notebook: Any, resources: Any) -> tuple[Any, Any]:
    """Mend what would make nbgrader stop, or give 0 in silence, so that the tests can say what became of the answers.

    Test cells that are missing, or that have lost their metadata, are put back at the end of the notebook. Of cells
    with one name the last keeps it. For `c.Autograde.sanitize_preprocessors`, before `OverwriteCells`, which fills the
    tests with the teacher's text.

    Args:
        notebook: as it was handed in, an nbformat notebook; it is changed.
        resources: nbgrader's, which say whose database has the tests.
    """
    from nbformat.v4 import new_code_cell
    from nbgrader.api import Gradebook

    about = resources["nbgrader"]
    with Gradebook(about["db_url"]) as gradebook:
        listed = gradebook.find_notebook(about["notebook"], about["assignment"]).grade_cells
        points = {one.name: one.max_score for one in listed}
    kept: set[str] = set()
    for cell in reversed(notebook.cells):
        grade_id = _get_grade_id(cell)
        if grade_id in kept or not grade_id:
            cell.metadata.pop("nbgrader", None)
        kept.add(grade_id)
    for grade_id in [one for one in points if one not in kept]:
        cell = new_code_cell()
        cell.metadata["nbgrader"] = describe_cell(grade_id, grade=True, locked=True, points=points[grade_id])
        notebook.cells.append(cell)
    return notebook, resources


def _get_grade_id(cell: Any) -> str:
    """The name that nbgrader knows a cell by; empty where it has none."""
    about = cell.metadata.get("nbgrader")
    return str(about.get("grade_id", "")) if isinstance(about, dict) else ""


def describe_cell(grade_id: str, **given: Any) -> dict[str, Any]:
    """nbgrader's metadata of a code cell; `given` says which of its roles it has."""
    roles = {"grade": False, "locked": False, "solution": False, "task": False}
    return {"grade_id": grade_id, "schema_version": 3, "cell_type": "code", **roles, **given}
