"""Two pages on one kernel, as a learner has who opens a notebook twice: both show the one state."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import write_notebook

TEXT = "The old fisherman sold two red coats."
OTHER = "On Monday his sister wanted bread."
CELLS = [
    f"import gscope_widgets as gs\nscope = gs.load()\ntext = {TEXT!r}",
    "heatmap = gs.TokenHeatmap(scope, text)\nheatmap",
    "sliders = gs.FeatureSliders(scope, text, features=heatmap.features[:2])\nsliders",
    "panel = gs.SteeringPanel(scope, text[:17], features=heatmap.features[:2], max_new_tokens=4)\npanel",
]


@pytest.fixture(scope="module")
def pages(lab, open_notebook):
    """The page that ran the cells, and one that opened the notebook later."""
    path = write_notebook(lab.notebooks / "two_pages.ipynb", CELLS)
    first = open_notebook(path)
    first.run_all()
    first.wait_for_views()
    first.save()
    second = open_notebook(path)
    for title in ("Token heatmap", "Feature sliders", "Steering panel"):
        view = second.widget(title)
        view.scroll_into_view_if_needed()
        expect(view).to_have_attribute("data-link", "live")
    yield first, second
    lab.shut_kernels_down()


def field(notebook, title: str, name: str) -> Locator:
    return notebook.widget(title).get_by_role("textbox", name=name, exact=True)


def test_a_text_typed_in_one_page_is_read_in_both(pages):
    first, second = pages
    field(first, "Token heatmap", "Text").fill(OTHER)
    expect(field(second, "Token heatmap", "Text")).to_have_value(OTHER)
    count = first.evaluate("len(heatmap.reading.tokens)")
    for page in pages:
        expect(page.widget("Token heatmap").locator(".gscope-token")).to_have_count(count)
        expect(page.widget("Token heatmap").locator(".gscope-summary")).not_to_contain_text("of the last text read")


def test_a_slider_moved_in_one_page_stands_there_in_both(pages):
    first, second = pages
    number = second.widget("Feature sliders").locator(".gscope-row").first.get_by_role("textbox")
    number.fill("12")
    number.press("Enter")
    first.wait_for("sliders.values[0]", 12.0)
    expect(first.widget("Feature sliders").locator(".gscope-row").first.get_by_role("textbox")).to_have_value("12")
    for page in pages:
        expect(page.widget("Feature sliders").get_by_text("updating…")).to_be_hidden()


def test_start_in_one_page_keeps_what_the_other_set(pages):
    first, second = pages
    field(second, "Steering panel", "New tokens").fill("5")
    field(second, "Steering panel", "New tokens").press("Enter")
    first.wait_for("panel.max_new_tokens", 5)
    field(first, "Steering panel", "Prompt").fill(OTHER[:18])
    field(first, "Steering panel", "Seed").fill("7")
    field(first, "Steering panel", "Seed").press("Enter")
    first.wait_for("[panel.prompt, panel.seed]", [OTHER[:18], 7])
    expect(field(second, "Steering panel", "Prompt")).to_have_value(OTHER[:18])
    expect(field(second, "Steering panel", "Seed")).to_have_value("7")
    second.widget("Steering panel").get_by_role("button", name="Start", exact=True).click()
    first.wait_for("panel.status['state'] == 'idle' and panel.texts['baseline'] != ''", True)
    assert first.evaluate("[panel.prompt, panel.seed, panel.max_new_tokens]") == [OTHER[:18], 7, 5]
    for page in pages:
        expect(page.widget("Steering panel").locator(".gscope-column").first).to_contain_text("limit of 5 tokens")
        expect(page.widget("Steering panel").get_by_text("Settings changed since this run.")).to_have_count(0)


def test_a_text_being_typed_is_not_overwritten_but_marked(pages):
    first, second = pages
    mine = field(second, "Token heatmap", "Text")
    mine.click()
    mine.press("End")
    second.page.keyboard.type(" Mine.")
    first.wait_for("heatmap.text", OTHER + " Mine.")
    field(first, "Token heatmap", "Text").fill(TEXT)
    first.wait_for("heatmap.text", TEXT)
    mark = second.widget("Token heatmap").get_by_text("Changed elsewhere meanwhile.")
    expect(mark).to_be_visible()
    expect(mine).to_have_value(OTHER + " Mine.")
    second.widget("Token heatmap").get_by_role("button", name="Show the other text").click()
    expect(mine).to_have_value(TEXT)
    expect(mark).to_be_hidden()
    assert first.evaluate("heatmap.text") == TEXT


def test_neither_page_complains(pages):
    for page in pages:
        assert page.complaints.all == []
        assert page.dialogs == []
