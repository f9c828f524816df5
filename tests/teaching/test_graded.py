"""What is made for the graders of others, from each tutorial; tests/graders runs them on it."""

import io
import re
import zipfile

import nbformat
import pytest

from gscope_widgets.teaching.graded import build_nbgrader, build_otter
from gscope_widgets.teaching.tutorials import list_sources
from gscope_widgets.teaching.variants import build_variant, read_answers, write_notebook

SOURCES = [one for one in list_sources() if read_answers(one, "student")]
_CUT = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n.*?\n### END \1\n?", re.DOTALL)


def take_roles(notebook, role) -> dict:
    """Cells with a role of nbgrader's, by grade id."""
    about = [(cell.metadata.get("nbgrader", {}), cell) for cell in notebook.cells]
    return {one["grade_id"]: cell for one, cell in about if one.get(role)}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_nbgraders_notebook_has_a_point_for_each_exercise_and_what_is_cut_out_is_the_learners(source):
    built, answers = build_nbgrader(source), read_answers(source, "solution")
    nbformat.validate(built)
    tests = take_roles(built, "grade")
    assert list(tests) == [f"test-{name}" for name in answers]
    assert [cell.metadata.nbgrader["points"] for cell in tests.values()] == [1] * len(answers)
    assert list(take_roles(built, "solution")) == list(answers)
    every = [cell.metadata.nbgrader["grade_id"] for cell in built.cells if "nbgrader" in cell.metadata]
    assert len(every) == len(set(every))
    left = [
        _CUT.sub("", cell.source).rstrip()
        for cell in built.cells
        if cell.metadata.get("nbgrader", {}).get("grade") is not True
    ]
    assert left == [cell.source.rstrip() for cell in build_variant(source, "student").cells]
    for name, test in zip(answers, tests.values(), strict=True):
        assert _CUT.sub("", test.source) == f"# The answer to {name} is checked here when it is graded.\n"


def test_a_cell_that_learners_change_is_not_locked():
    source = next(one for one in SOURCES if one.stem.startswith("01_"))
    locked = "\n".join(cell.source for cell in take_roles(build_nbgrader(source), "locked").values())
    assert "ex1 = gs.Predict(" in locked
    assert "my_text" not in locked


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_otters_zip_has_a_test_for_each_exercise_the_lesson_and_no_solution(source):
    built = build_otter(source)
    assert built == build_otter(source)
    with zipfile.ZipFile(io.BytesIO(built)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    names = list(read_answers(source, "solution"))
    assert sorted(files) == sorted(["otter_config.json", "tests/lesson.json", *(f"tests/{name}.py" for name in names)])
    assert files["tests/lesson.json"] == source.with_suffix(".ipynb").read_text(encoding="utf-8")
    for name in names:
        compile(files[f"tests/{name}.py"], name, "exec")
        assert f"require_right('{name}', lesson='tests/lesson.json')" in files[f"tests/{name}.py"]
    assert write_notebook(build_variant(source, "solution")) not in files.values()
