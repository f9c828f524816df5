"""Two pages on one kernel, as a learner has who opens a notebook twice: both show the one state."""

import pytest
from playwright.sync_api import Locator, expect

from gscope_widgets.widgets.catalogue import CATALOGUE
from tests.browser.lab import RUN_MS, write_examples, write_notebook

TEXT = "The old fisherman sold two red coats."
OTHER = "On Monday his sister wanted bread."
CELLS = ["import gscope_widgets as gs\nfrom tests.fake_scope import FakeScope\nscope = FakeScope()", *write_examples()]


@pytest.fixture(scope="module")
def pages(lab, open_notebook):
    """The page that ran the cells, and one that opened the notebook later."""
    path = write_notebook(lab.notebooks / "two_pages.ipynb", CELLS)
    first = open_notebook(path)
    first.run_all()
    first.wait_for_views()
    first.save()
    second = open_notebook(path)
    for row in CATALOGUE:
        view = second.widget(row.title)
        view.scroll_into_view_if_needed(timeout=RUN_MS)  # the first takes as long as the page takes to open
        expect(view).to_have_attribute("data-link", "live")
    return first, second


def field(notebook, title: str, name: str) -> Locator:
    return notebook.widget(title).get_by_role("textbox", name=name, exact=True)


def type_text(notebook, text: str) -> None:
    field(notebook, "Token heatmap", "Text").fill(text)
    notebook.wait_for("[token_heatmap.text, token_heatmap.status['state']]", [text, "idle"])


@pytest.mark.parametrize("row", [row for row in CATALOGUE if row.text], ids=lambda row: row.name)
def test_a_text_typed_in_one_page_stands_in_both(pages, row):
    first, second = pages
    field(first, row.title, row.text.capitalize()).fill(OTHER)
    expect(field(second, row.title, row.text.capitalize())).to_have_value(OTHER)
    first.wait_for(f"[{row.module}.{row.text}, {row.module}.status['state']]", [OTHER, "idle"])


def test_a_text_typed_in_one_page_is_read_in_both(pages):
    first, _ = pages
    type_text(first, OTHER)
    count = first.evaluate("len(token_heatmap.reading.tokens)")
    for page in pages:
        expect(page.widget("Token heatmap").locator(".gscope-token")).to_have_count(count)
        expect(page.widget("Token heatmap").locator(".gscope-token").nth(2)).to_contain_text("Monday")
        expect(page.widget("Token heatmap").locator(".gscope-summary").first).not_to_contain_text(
            "of the last text read"
        )


def test_a_slider_moved_in_one_page_stands_there_in_both(pages):
    first, second = pages
    number = second.widget("Feature sliders").locator(".gscope-row").first.get_by_role("textbox")
    number.fill("12")
    number.press("Enter")
    first.wait_for("feature_sliders.values[0]", 12.0)
    expect(first.widget("Feature sliders").locator(".gscope-row").first.get_by_role("textbox")).to_have_value("12")
    for page in pages:
        expect(page.widget("Feature sliders").get_by_text("updating…")).to_be_hidden()


def test_start_in_one_page_keeps_what_the_other_set(pages):
    first, second = pages
    field(second, "Steering panel", "New tokens").fill("5")
    field(second, "Steering panel", "New tokens").press("Enter")
    first.wait_for("steering_panel.max_new_tokens", 5)
    field(first, "Steering panel", "Prompt").fill(OTHER[:18])
    field(first, "Steering panel", "Seed").fill("7")
    field(first, "Steering panel", "Seed").press("Enter")
    first.wait_for("[steering_panel.prompt, steering_panel.seed]", [OTHER[:18], 7])
    expect(field(second, "Steering panel", "Prompt")).to_have_value(OTHER[:18])
    expect(field(second, "Steering panel", "Seed")).to_have_value("7")
    second.widget("Steering panel").get_by_role("button", name="Start", exact=True).click()
    first.wait_for("steering_panel.status['state'] == 'idle' and steering_panel.texts['baseline'] != ''", True)
    assert first.evaluate("[steering_panel.prompt, steering_panel.seed, steering_panel.max_new_tokens]") == [
        OTHER[:18],
        7,
        5,
    ]
    for page in pages:
        expect(page.widget("Steering panel").locator(".gscope-column").first).to_contain_text("limit of 5 tokens")
        expect(page.widget("Steering panel").get_by_text("Settings changed since this run.")).to_have_count(0)


def test_a_text_being_typed_is_not_overwritten_but_marked(pages):
    first, second = pages
    type_text(first, OTHER)
    expect(field(second, "Token heatmap", "Text")).to_have_value(OTHER)
    mine = field(second, "Token heatmap", "Text")
    mine.click()
    mine.press("End")
    second.page.keyboard.type(" Mine.")
    first.wait_for("token_heatmap.text", OTHER + " Mine.")
    field(first, "Token heatmap", "Text").fill(TEXT)
    first.wait_for("token_heatmap.text", TEXT)
    mark = second.widget("Token heatmap").get_by_text("Changed elsewhere meanwhile.")
    expect(mark).to_be_visible()
    expect(mine).to_have_value(OTHER + " Mine.")
    second.widget("Token heatmap").get_by_role("button", name="Show the other text").click()
    expect(mine).to_have_value(TEXT)
    expect(mark).to_be_hidden()
    assert first.evaluate("token_heatmap.text") == TEXT


def test_neither_page_complains(pages):
    for page in pages:
        assert page.complaints.all == []
        assert page.dialogs == []
