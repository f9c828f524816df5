"""`gscope-widgets export`: a pack that is whole, and keeps what is the teacher's out of the learners' part."""

import errno
import importlib.metadata
import io
import os
import zipfile
from pathlib import Path

import nbformat
import pytest

import gscope_widgets as gs
from gscope_widgets.exercises.cells import find_answers
from gscope_widgets.shell import main
from gscope_widgets.teaching import pack as pack_module
from gscope_widgets.teaching.answers import write_answers, write_page
from gscope_widgets.teaching.pack import export_pack, list_requirements, record
from gscope_widgets.teaching.tutorials import list_notebooks, list_sources
from gscope_widgets.teaching.variants import read_answers


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pack")
    wheel = folder / "gscope_widgets-9.9-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("gscope_widgets/__init__.py", "")
    assert main(["export", str(folder / "class.zip"), "--wheel", str(wheel)]) == 0
    with zipfile.ZipFile(folder / "class.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_holds_every_tutorial_and_for_each_exercise_what_graders_take(pack):
    for path in list_notebooks():
        assert pack[f"learners/tutorials/{path.name}"] == path.read_bytes()
    for source in list_sources():
        answers = read_answers(source, "solution")
        assert f"teacher/pages/{source.stem}.md" in pack
        if not answers:
            continue
        solved = nbformat.reads(pack[f"teacher/solutions/{source.stem}.ipynb"].decode(), as_version=4)
        code = [cell.source for cell in solved.cells if cell.cell_type == "code"]
        assert {one.name: one.value for text in code for one in find_answers(text)} == answers
        assert f"teacher/nbgrader/source/{source.stem}/{source.stem}.ipynb" in pack
        with zipfile.ZipFile(io.BytesIO(pack[f"teacher/otter/{source.stem}.zip"])) as archive:
            assert {f"tests/{name}.py" for name in answers} <= set(archive.namelist())
    assert pack["learners/gscope_widgets-9.9-py3-none-any.whl"]
    assert pack["learners/requirements.txt"].decode().startswith("./gscope_widgets-9.9-py3-none-any.whl\n")


def test_the_learners_part_holds_no_answer(pack):
    for name, content in pack.items():
        if name.startswith("learners/tutorials/"):
            cells = nbformat.reads(content.decode(), as_version=4).cells
            found = [one for cell in cells if cell.cell_type == "code" for one in find_answers(cell.source)]
            assert [one.value for one in found] == [None] * len(found)
    assert {name.partition("/")[0] for name in pack} == {"learners", "teacher"}


def test_requirements_are_what_is_installed_here():
    lines = list_requirements().splitlines()
    assert lines[0] == f"gscope-widgets=={gs.__version__}"
    pins = dict(line.split("==") for line in lines[1:])
    assert pins["torch"] == importlib.metadata.version("torch").partition("+")[0]
    assert {"anywidget", "jupyterlab", "pandas", "numpy"} <= set(pins)
    assert {"pytest", "ruff", "tokenizers"} & set(pins) == set()


def test_the_command_names_its_form_and_what_a_pack_without_the_wheel_needs(tmp_path, capsys, monkeypatch):
    assert main(["export", str(tmp_path / "class")]) == 2
    assert f"write {tmp_path / 'class'}.zip" in capsys.readouterr().err
    monkeypatch.setattr("gscope_widgets.teaching.pack.list_sources", lambda: [])
    assert main(["export", str(tmp_path / "class.zip")]) == 0
    assert "give its --wheel" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["class.zip"]


def test_nothing_is_written_over_and_a_foreign_wheel_is_refused(tmp_path):
    (tmp_path / "class.zip").write_text("mine")
    with pytest.raises(gs.InvalidValue, match="is there already"):
        export_pack(tmp_path / "class.zip")
    assert (tmp_path / "class.zip").read_text() == "mine"
    with pytest.raises(gs.InvalidValue, match="is no wheel of gscope-widgets"):
        export_pack(tmp_path / "other.zip", wheel=tmp_path / "class.zip")
    with pytest.raises(gs.InvalidValue, match="cannot be written"):
        export_pack(tmp_path / "nowhere" / "class.zip")


def test_a_disk_that_is_full_leaves_no_half_of_a_pack(tmp_path, monkeypatch):
    """A write that fails in the middle of the zip: at a real limit of a file's size, and as a full disk says it."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(pack_module, "list_sources", lambda: list_sources()[:1])  # a tutorial is enough to fill a disk
    target = tmp_path / "class.zip"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))
    try:
        with pytest.raises(gs.InvalidValue, match=r"class\.zip cannot be written .*give another place"):
            export_pack(target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []

    def fill(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fill)
        with pytest.raises(gs.DiskFull, match=r"class\.zip takes .* no room"):
            export_pack(target)
    assert list(tmp_path.iterdir()) == []
    names = export_pack(target)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None and archive.namelist() == names
    assert target.stat().st_size > 5_000
    assert list(tmp_path.iterdir()) == [target]


def write_source(folder: Path, *cells: str) -> Path:
    head = list_sources()[0].read_text(encoding="utf-8").partition("# %% [markdown]")[0]
    path = folder / "lesson.py"
    path.write_text(head + "\n\n".join(cells) + "\n", encoding="utf-8")
    return path


ASK = '# %%\nimport gscope_widgets as gs\nscope = gs.load("mini")\ntext = "The old fisherman"'
STUDENT, SOLUTION = (
    f'# %% tags=["{tag}"]\nanswer_1 = {value}  # gs-answer: ex1'
    for tag, value in (("student", None), ("solution", [3]))
)
EXERCISE = (
    '# %%\nex1 = gs.Predict(scope, "Where?", gs.truths.peak(9, text), tokens_of=text, name="ex1", answer=answer_1, '
    'wrong={"2": "Count from 0."})'
)


@pytest.mark.row("NEW 5")
def test_a_recording_answers_what_a_check_asks(tmp_path):
    source = write_source(tmp_path, ASK, STUDENT, SOLUTION, EXERCISE)
    record(source, tmp_path / "run.gscope")
    replayed, live = gs.replay(tmp_path / "run.gscope"), gs.load("mini")
    text = "The old fisherman"
    assert replayed.read(text, features=[9]).trace(9).tolist() == live.read(text, features=[9]).trace(9).tolist()
    with pytest.raises(gs.NotRecorded):
        replayed.read("Another text")


def test_a_tutorial_that_raises_is_not_recorded(tmp_path):
    source = write_source(tmp_path, ASK, "# %%\n1 / 0")
    with pytest.raises(gs.GscopeError, match="could not be recorded: Code cell 3 raised ZeroDivisionError"):
        record(source, tmp_path / "run.gscope")


# ---- instructors' pages


def test_a_page_has_the_question_the_answer_and_what_a_wrong_one_is_told(tmp_path):
    source = write_source(tmp_path, ASK, STUDENT, SOLUTION, EXERCISE)
    (tmp_path / "instructor").mkdir()
    (tmp_path / "instructor" / "lesson.md").write_text("# A lesson\n\nTake your time.\n", encoding="utf-8")
    page = write_page(source)
    assert page.startswith("# A lesson\n\nTake your time.\n\n## Answers\n\n### ex1: Predict\n\nWhere?\n")
    assert page.endswith("* Right: `[3]`\n* To “2” is said: Count from 0.\n")


@pytest.mark.parametrize("source", list_sources(), ids=lambda path: path.stem)
def test_every_tutorial_has_a_page_of_an_instructors_and_all_its_answers_on_it(source):
    assert (source.parent / "instructor" / f"{source.stem}.md").exists(), "write what an instructor should know"
    page, answers = write_answers(source), read_answers(source, "solution")
    for name, answer in answers.items():
        assert f"### {name}: " in page
        part = page.split(f"### {name}: ")[1].split("\n### ")[0]
        if part.startswith("Quiz"):
            assert part.count("   * Right: ") == len(answer)
        else:
            assert part.count("* Right: ") == 1
    assert "gs1:" not in page
    assert "computed in the cell" not in page


def test_an_answer_without_its_exercise_is_refused(tmp_path):
    source = write_source(tmp_path, STUDENT, SOLUTION)
    with pytest.raises(gs.GscopeError, match="no cell makes ex1"):
        write_answers(source)
