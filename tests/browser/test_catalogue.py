"""Every widget of the catalogue stands in JupyterLab and answers what is typed; with ipywidgets 7 too, as on Colab."""

import pytest
from playwright.sync_api import expect

from gscope_widgets.widgets.catalogue import CATALOGUE
from tests.browser.lab import write_examples

TYPED = "On Monday his sister wanted bread."
CELLS = ["import gscope_widgets as gs\nscope = gs.load()", *write_examples()]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)
def test_a_widget_stands_and_is_answered(notebook, row):
    expect(notebook.widget(row.title)).to_have_attribute("data-link", "live")
    notebook.wait_for(f"{row.module}.status['state']", "idle")


@pytest.mark.parametrize("row", [row for row in CATALOGUE if row.text], ids=lambda row: row.name)
def test_a_widget_with_a_text_answers_what_is_typed(notebook, row):
    view = notebook.widget(row.title)
    view.get_by_role("textbox", name=row.text.capitalize(), exact=True).fill(TYPED)
    notebook.wait_for(f"[{row.module}.{row.text}, {row.module}.status['state']]", [TYPED, "idle"])
    if row.asks:
        assert notebook.evaluate(f"len({row.module}.to_frame())") > 0


def test_the_views_of_its_parts_stand_in_a_widget(notebook):
    for row in CATALOGUE:
        views = notebook.widget(row.title).locator(".gscope-slot .gscope-live")
        expect(views).to_have_count(notebook.evaluate(f"len(getattr({row.module}, 'parts', ()))"))
        for view in views.all():
            expect(view).to_have_attribute("data-link", "live")


def test_the_heatmap_paints_the_text_that_was_typed(notebook):
    tokens = notebook.widget("Token heatmap").locator(".gscope-token")
    expect(tokens).to_have_count(notebook.evaluate(f"len(scope.tokens({TYPED!r}))"))
    expect(tokens.nth(2)).to_contain_text("Monday")
