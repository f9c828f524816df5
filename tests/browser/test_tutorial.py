"""The first tutorial, run in a real JupyterLab from its first cell to its last."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.lab import ROOT, write_notebook

TUTORIAL = ROOT / "tutorials" / "01_a_microscope_on_text.ipynb"


@pytest.fixture(scope="module")
def tutorial(lab, open_notebook):
    return open_notebook(Path(shutil.copy(TUTORIAL, lab.notebooks)))


def test_every_cell_of_the_tutorial_runs(tutorial):
    tutorial.run_all()
    assert tutorial.error_outputs() == []
    document = tutorial.save()
    code = [cell for cell in document["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    assert len(code) > 3
    assert all(cell["execution_count"] for cell in code)
    assert "widgets" not in document["metadata"]


def test_the_tutorials_widgets_are_live(tutorial):
    for title in ("Token heatmap", "Feature sliders", "Steering panel"):
        view = tutorial.widget(title).first
        view.scroll_into_view_if_needed()
        expect(view).to_be_visible()
    assert tutorial.complaints.all == []
    assert tutorial.dialogs == []


def test_a_cell_that_fails_is_seen_to_fail(lab, open_notebook):
    opened = open_notebook(write_notebook(lab.notebooks / "failing.ipynb", ["1 / 0"]))
    opened.run_all()
    [error] = opened.error_outputs()
    assert "ZeroDivisionError" in error
