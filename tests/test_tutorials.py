"""The tutorials: source and notebook agree, nothing stored in them, and they run top to bottom, on a recording too."""

import contextlib
import io
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

import gscope_widgets as gs

TUTORIALS = Path(__file__).parent.parent / "tutorials"
SOURCES = sorted(TUTORIALS.glob("*.py"))
SECONDS_A_CELL = 180


def test_there_is_a_tutorial():
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook_is_built_from_its_source(source: Path):
    stored = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    built = jupytext.read(source)
    assert [(cell.cell_type, cell.source) for cell in stored.cells] == [
        (cell.cell_type, cell.source) for cell in built.cells
    ], f"run: jupytext --to ipynb {source.relative_to(TUTORIALS.parent)}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook_is_valid_and_stores_no_output(source: Path):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_tutorial_runs_top_to_bottom_and_leaves_readable_copies(source: Path):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        kernel_name="python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(TUTORIALS)}},
    ).execute()
    pages = [
        output.data["text/html"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "text/html" in output.get("data", {})
    ]
    copies = [page for page in pages if "gscope-static" in page]
    shown = [
        cell
        for cell in notebook.cells
        if cell.source.rstrip().split("\n")[-1] in ("heatmap", "sliders", "panel", "bench")
    ]
    assert len(copies) == len(shown) > 0
    assert all("<script" not in page for page in copies)
    assert any("<td>" in page for page in copies)


def run_cells(source: Path) -> str:
    """What a tutorial prints, but for what scope and dictionaries say of themselves."""
    printed, names = io.StringIO(), {}
    with contextlib.redirect_stdout(printed):
        for cell in jupytext.read(source).cells:
            if cell.cell_type == "code":
                exec(cell.source, names)
    return "".join(line for line in printed.getvalue().splitlines(True) if not line.startswith("<"))


@pytest.mark.filterwarnings("ignore::gscope_widgets.errors.SteeringWarning")
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
@pytest.mark.row("NEW 5")
def test_with_one_line_changed_a_tutorial_runs_on_a_recording_of_itself(source, tmp_path, monkeypatch):
    with gs.load("mini").recording(tmp_path / "tutorial.gscope"):
        live = run_cells(source)
    monkeypatch.setattr(gs, "load", lambda *_: gs.replay(tmp_path / "tutorial.gscope"))
    assert run_cells(source) == live
    assert "KL divergence" in live or "workbench" in source.stem
