"""FeatureFinder in a real JupyterLab: the list by mouse and by keyboard, and the three ways to fill it."""

import pytest
from playwright.sync_api import Locator, expect

TEXT = "The old fisherman sold two red coats in the market."
CELLS = [
    f"import gscope_widgets as gs\nscope = gs.load()\nfirst_text = {TEXT!r}",
    "finder = gs.FeatureFinder(scope, first_text)\nfinder",
]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def finder(notebook) -> Locator:
    """The live view, listing what fires in the whole of TEXT, with nothing picked."""
    notebook.run(
        "finder.text, finder.order, finder.pos, finder.selected_feature = first_text, 'activation', None, None\n"
        "finder.way = 'here'; finder.wait()"
    )
    view = notebook.widget("Feature finder")
    expect(view.get_by_text("in the whole text: the largest activation first")).to_be_visible()
    return view


def rows(view: Locator) -> Locator:
    return view.get_by_role("listbox", name="Features").get_by_role("option")


def test_a_token_and_an_order_fill_the_list_and_a_click_picks(notebook, finder):
    finder.get_by_role("listbox", name="Tokens").get_by_role("option").nth(3).click()
    expect(finder.get_by_text("at position 3, ␣fisherman")).to_be_visible()
    finder.get_by_role("combobox").select_option("rarity")
    notebook.wait_for("finder.order", "rarity")
    wanted = notebook.evaluate("[one.feature for one in finder.reading.top(1, pos=3, by='rarity')][0]")
    expect(rows(finder).first).to_have_attribute("data-feature", str(wanted))
    height = finder.bounding_box()["height"]
    rows(finder).first.click()
    notebook.wait_for("finder.selected_feature.feature", wanted)
    expect(rows(finder).first).to_have_attribute("aria-selected", "true")
    assert finder.bounding_box()["height"] == height  # nothing moved


def test_the_keyboard_walks_and_picks_and_jupyter_sees_none(notebook, finder):
    before = notebook.cell_ids()
    rows(finder).first.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        notebook.page.keyboard.press(key)
    expect(rows(finder).nth(2)).to_be_focused()
    notebook.wait_for("finder.selected_feature.feature", int(rows(finder).nth(2).get_attribute("data-feature")))
    notebook.page.keyboard.press("Escape")
    notebook.wait_for("finder.selected_feature", None)
    assert notebook.cell_ids() == before


def test_labels_and_texts_are_searched(notebook, finder):
    finder.get_by_role("button", name="By label").click()
    finder.get_by_role("textbox", name="Label holds").fill("fsh")
    finder.get_by_role("button", name="thing:animal/fish").click()
    expect(finder.get_by_text("whose label holds “thing:animal/fish”")).to_be_visible()
    finder.get_by_role("button", name="By texts").click()
    finder.get_by_role("textbox", name="Texts that they should fire on").fill("The fish.\nTwo fish swam.")
    finder.get_by_role("textbox", name="and on these less").fill("The bird.\nTwo birds sang.")
    finder.get_by_role("button", name="Search", exact=True).click()
    expect(finder.get_by_text("that tell 2 texts from 2 others")).to_be_visible()
    expect(rows(finder).first).to_contain_text("shuffled: mean")
