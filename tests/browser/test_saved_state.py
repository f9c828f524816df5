"""A notebook saved with its widgets' state: the views come back without a kernel, and hide no result."""

import nbclient
import nbformat
import pytest
from playwright.sync_api import expect

from gscope_widgets.widgets.catalogue import CATALOGUE
from tests.browser.lab import ROOT, write_examples, write_notebook

CELLS = ["import gscope_widgets as gs\nfrom tests.fake_scope import FakeScope\nscope = FakeScope()", *write_examples()]
TITLES = [row.title for row in CATALOGUE]


@pytest.fixture(scope="module")
def reopened(lab, open_notebook):
    """Run on another day with "Save Widget State Automatically", trusted, and opened now."""
    path = write_notebook(lab.notebooks / "saved_state.ipynb", CELLS)
    document = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(document, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    assert document.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    nbformat.write(document, path)
    lab.trust(path)
    opened = open_notebook(path)
    opened.wait_for_views(len(TITLES), again=opened.page.reload)
    return opened


def test_views_that_no_kernel_answers_leave_their_results_in_sight(reopened):
    copies = reopened.panel.locator(".gscope-static")
    expect(copies).to_have_count(len(TITLES))
    for index, title in enumerate(TITLES):
        view = reopened.widget(title)
        view.scroll_into_view_if_needed()
        expect(view.get_by_text("No kernel answers").filter(visible=True)).to_have_count(1)
        expect(copies.nth(index)).to_be_visible()
        expect(view.locator("> .gscope-body")).to_be_hidden()
    expect(reopened.page.get_by_text("No text read yet.").filter(visible=True)).to_have_count(0)
    assert reopened.dialogs == []


def test_a_cell_that_is_run_again_has_its_live_view_alone(reopened):
    reopened.run_all()
    reopened.wait_for_views()
    for title in TITLES:
        expect(reopened.widget(title).locator("> .gscope-body")).to_be_visible()
    expect(reopened.panel.locator(".gscope-static").filter(visible=True)).to_have_count(0)
