"""LogitLens in a real JupyterLab: typing, pointing, clicking, and the keyboard."""

import pytest
from playwright.sync_api import Locator, expect

TEXT = "The old fisherman sold two red coats in the market."
OTHER = "On Monday his sister wanted bread."
CELLS = [
    f"import gscope_widgets as gs\nscope = gs.load()\nfirst_text = {TEXT!r}",
    "lens = gs.LogitLens(scope, first_text)\nlens",
]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def lens(notebook) -> Locator:
    """The live view, reading TEXT, with nothing selected or pinned."""
    notebook.run(
        "lens.text, lens.pinned, lens.stride, lens.color_by = first_text, (), 1, 'likeliest'\n"
        "lens.selected_layer = lens.selected_pos = None; lens.wait()"
    )
    view = notebook.widget("Logit lens")
    expect(view.get_by_role("textbox", name="Text", exact=True)).to_have_value(TEXT)
    expect(cells(view)).to_have_count(notebook.evaluate("lens.reading.entropy.size"))
    view.get_by_role("heading").hover()
    return view


def cells(view: Locator) -> Locator:
    return view.get_by_role("gridcell")


def cell(view: Locator, *, row: int, pos: int) -> Locator:
    return view.locator(f"[data-row='{row}'][data-pos='{pos}']")


def details(view: Locator) -> Locator:
    return view.get_by_role("region", name="Cell details")


def test_the_deepest_layer_is_at_the_top_and_says_what_the_model_says(notebook, lens):
    rows = lens.get_by_role("rowheader").all_inner_texts()
    assert rows == [f"layer {layer}" for layer in reversed(range(len(rows)))]
    best = notebook.evaluate("scope.next_tokens(first_text).chances[0].token.strip()")
    last = notebook.evaluate("len(lens.reading.tokens) - 1")
    expect(cell(lens, row=len(rows) - 1, pos=last)).to_contain_text(best)


def test_typing_reads_the_new_text(notebook, lens):
    lens.get_by_role("textbox", name="Text", exact=True).click()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.type(OTHER)
    notebook.wait_for("lens.text", OTHER)
    expect(cells(lens)).to_have_count(notebook.evaluate("lens.reading.entropy.size"))
    expect(lens.get_by_role("columnheader").last).to_have_text(".")


@pytest.mark.row("8")
def test_a_click_selects_and_a_pinned_token_is_followed(notebook, lens):
    height = lens.bounding_box()["height"]
    cell(lens, row=3, pos=4).click()
    notebook.wait_for("[lens.selected_layer, lens.selected_pos]", [3, 4])
    expect(details(lens)).to_contain_text("After layer 3, position 4")
    details(lens).get_by_role("listitem").get_by_role("button").first.click()
    wanted = notebook.evaluate("lens.reading.top(layer=3, pos=4)[0].id")
    notebook.wait_for("list(lens.pinned)", [wanted])
    expect(details(lens).get_by_role("img")).to_have_count(1)
    assert lens.bounding_box()["height"] == height  # nothing moved
    lens.get_by_role("combobox").nth(1).select_option("pinned")
    notebook.wait_for("lens.color_by", "pinned")
    details(lens).get_by_role("button", name="Unpin").click()
    notebook.wait_for("list(lens.pinned)", [])


def test_the_keyboard_does_all_of_it_and_jupyter_sees_none(notebook, lens):
    before = notebook.cell_ids()
    cell(lens, row=0, pos=0).focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowRight", "Enter"):
        notebook.page.keyboard.press(key)
    expect(cell(lens, row=1, pos=2)).to_be_focused()
    notebook.wait_for("[lens.selected_layer, lens.selected_pos]", [1, 2])
    notebook.page.keyboard.press("Tab")
    notebook.page.keyboard.press("Enter")
    notebook.wait_for("len(lens.pinned)", 1)
    cell(lens, row=1, pos=2).focus()
    notebook.page.keyboard.press("Escape")
    notebook.wait_for("[lens.selected_layer, lens.selected_pos]", [None, None])
    notebook.page.keyboard.press("Escape")
    notebook.wait_for("len(lens.pinned)", 0)
    assert notebook.cell_ids() == before


@pytest.mark.row("8", "30")
def test_python_selects_and_strides(notebook, lens):
    notebook.run("lens.stride = 3; lens.wait(); lens.selected_layer, lens.selected_pos = lens.reading.layers[-1], 1")
    rows = notebook.evaluate("list(lens.reading.layers)")
    expect(lens.get_by_role("rowheader")).to_have_count(len(rows))
    expect(cell(lens, row=len(rows) - 1, pos=1)).to_have_attribute("aria-selected", "true")
