"""The grader: answers found by their markers, a named message for what became of a cell, a table, JSON, an exit code."""

import json
from pathlib import Path

import nbformat
import pytest

import gscope_widgets as gs
from gscope_widgets.exercises.grading import grade
from gscope_widgets.exercises.notebooks import read_submission
from gscope_widgets.shell import main

ROOT = Path(__file__).parents[2]
SETUP = f"""
%pip install no-such-package
import sys
sys.path.insert(0, {str(ROOT)!r})
import gscope_widgets as gs
from tests.fake_scope import FakeScope
scope = FakeScope()
text = "The old fisherman"
print("noise" * 1000)
"""
FIRST, SECOND = (
    "gs.Predict(scope, 'How many?', gs.truths.count_tokens(text), tolerance=0, name='ex1', answer=answer_1)",
    "gs.Predict(scope, 'Up?', 'up', choices=('up', 'down'), name='ex2', answer=answer_2)",
)
LINES = ["answer_1 = {}  # gs-answer: ex1", "answer_2 = {!r}  # gs-answer: ex2"]


def write(path, cells) -> Path:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(made, path)
    return path


def build(count, way) -> list[str]:
    return [SETUP, LINES[0].format(count), FIRST, LINES[1].format(way), SECOND]


COPIED = [*build(4, "up"), LINES[0].format(4)]
DELETED = [cell for cell in build(4, "up") if "gs-answer: ex1" not in cell]
STRIPPED = [cell.replace("  # gs-answer: ex1", "") for cell in build(4, "up")]
SUBMITTED = {
    "solution": build(4, "up"),
    "student": build(None, None),
    "wrong": build(12, "down"),
    "copied": COPIED,
    "deleted": DELETED,
    "stripped": STRIPPED,
    "calculated": build("len(text)", "up"),
    "hostile": build("__import__('os').remove('graded')", "up"),
    "unknown": [*build(4, "up"), "x = 1  # gs-answer: ex9"],
    "two in one cell": build("None  # gs-answer: ex1\nanswer_1 = 4", "up"),
    "broken": build("(", "up"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("grading")
    for name, cells in SUBMITTED.items():
        write(made / f"{name}.ipynb", cells)
    (made / "graded").write_text("it is not run")
    return made


@pytest.fixture(scope="module")
def report(folder):
    """All of them on the teacher's lesson, which is run once."""
    paths = [folder / f"{name}.ipynb" for name in SUBMITTED]
    return grade(paths, lesson=folder / "solution.ipynb")


def find(report, name, exercise="ex1"):
    return next(one for one in report.grades if Path(one.notebook).stem == name and one.exercise == exercise)


@pytest.mark.row("44")
@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("solution", "right", "You said 4, and so it is."),
        ("student", "not answered", "Not answered yet."),
        ("wrong", "wrong", "You said 12; it is 4."),
        ("copied", "unusable", "There are 2 answer cells of ex1, code cells 2 and 6: keep one of them."),
        ("deleted", "unusable", "There is no answer cell of ex1"),
        ("stripped", "unusable", "Code cell 2 sets answer_1 without its marker"),
        ("calculated", "unusable", "Code cell 2: it is calculated"),
        ("hostile", "unusable", "Code cell 2: it is calculated"),
        ("unknown", "right", "You said 4"),
        ("two in one cell", "right", "You said 4"),
        ("broken", "unusable", "no Python that can be read"),
    ],
)
def test_an_answer_is_graded_or_what_became_of_it_is_named(report, name, state, words):
    found = find(report, name)
    assert (found.state, found.score) == (state, float(state == "right"))
    assert words in found.sentence
    assert find(report, name, "ex2").state == {"student": "not answered", "wrong": "wrong"}.get(name, "right")


def test_nothing_of_a_learners_notebook_is_run_where_the_lesson_is_the_teachers(report, folder):
    assert (folder / "graded").exists()
    assert find(report, "hostile").answer is None


def test_an_answer_to_what_is_not_asked_is_noted(report):
    assert [note for note in report.notes if "ex9" in note] == list(report.notes)
    assert not report.passed


def test_the_table_has_a_line_for_each_notebook_and_a_sentence_for_each_fault(report):
    lines = str(report).splitlines()
    assert lines[0].split()[-3:] == ["ex1", "ex2", "score"]
    solution = next(line for line in lines if "solution.ipynb" in line)
    assert solution.split()[-7:] == ["✓", "1.00", "✓", "1.00", "2.00", "of", "2"]
    assert sum("keep one of them" in line for line in lines) == 1
    frame = report.to_frame()
    assert len(frame) == 2 * len(SUBMITTED)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["passed"] is False


def test_a_notebook_can_be_graded_by_its_own_cells_and_a_cell_that_raises_is_told(folder, tmp_path):
    cells = [*build(4, "up")[:3], "raise RuntimeError('a slip')", *build(4, "up")[3:]]
    found = grade([write(tmp_path / "slip.ipynb", cells)])
    assert [one.state for one in found.grades] == ["right", "right"]
    assert [note.split(": ", 1)[1] for note in found.notes] == ["Code cell 4 raised RuntimeError: a slip"]
    assert not found.passed


def test_the_command_prints_the_table_writes_json_and_says_by_its_status_whether_all_is_right(folder, tmp_path, capsys):
    solution, wrong, out = folder / "solution.ipynb", folder / "wrong.ipynb", tmp_path / "grades.json"
    assert main(["grade", str(solution), "--json", str(out)]) == 0
    assert "2.00 of 2" in capsys.readouterr().out
    assert json.loads(out.read_text(encoding="utf-8"))["passed"] is True
    assert main(["grade", "--with", str(solution), str(wrong)]) == 1
    assert "You said 12; it is 4." in capsys.readouterr().out
    assert main(["grade", str(tmp_path / "none.ipynb")]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": 5}', '{"cells": [{"cell_type": "code"}]}', "\ud800"])
def test_what_is_no_notebook_is_refused(tmp_path, text):
    path = tmp_path / "x.ipynb"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(gs.InvalidValue, match="is no notebook"):
        read_submission(path)


def test_an_exercise_that_only_a_calculation_makes_is_not_asked_of_learners(tmp_path):
    helper = "def count():\n    return gs.Predict(scope, 'How many?', gs.truths.count_tokens(text), tolerance=0, name='score').check(4).score\ncount()"
    report = grade([write(tmp_path / "lesson.ipynb", [*build(4, "up"), helper])])
    assert [one.exercise for one in report.grades] == ["ex1", "ex2"]
    assert report.passed


def test_a_lesson_without_exercises_or_without_an_end_is_refused(tmp_path):
    with pytest.raises(gs.InvalidValue, match="no cell makes one"):
        grade([write(tmp_path / "empty.ipynb", ["x = 1"])])
    with pytest.raises(gs.InvalidValue, match="raised ZeroDivisionError"):
        grade([write(tmp_path / "fails.ipynb", ["1 / 0"])])
    with pytest.raises(gs.InvalidValue, match="ran longer than 0.01 s"):
        grade([write(tmp_path / "long.ipynb", ["x = 1"])], seconds=0.01)
    with pytest.raises(gs.InvalidValue, match="to its end"):
        grade([write(tmp_path / "exits.ipynb", ["import os; os._exit(3)"])])
    with pytest.raises(gs.InvalidValue, match="no notebook was given"):
        grade([])
