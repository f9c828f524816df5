"""FeatureCard in a real JupyterLab: typing, examples, neighbours, the keyboard, and other people's markup."""

import pytest
from playwright.sync_api import Locator, expect

TEXT = "Where does the old fisherman live?"
OTHER = "What did his sister want?"
CELLS = [
    "import gscope_widgets as gs\nscope = gs.load()\nscope.card(scope.dictionary().feature(21)) and None",
    f"card = gs.FeatureCard(scope, 21, text={TEXT!r})\ncard",
]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def card(notebook) -> Locator:
    """The live view of feature 21 on TEXT, on mixed bands."""
    notebook.run(f"card.feature, card.text, card.bands, card.context = 21, {TEXT!r}, 'mixed', 'medium'; card.wait()")
    view = notebook.widget("Feature card")
    expect(view.get_by_role("heading", name="Feature 21")).to_be_visible()
    expect(view.get_by_role("textbox", name="Text", exact=True)).to_have_value(TEXT)
    return view


def test_typing_reads_the_sentence_by_this_feature_and_marks_the_histogram(notebook, card):
    mark = card.locator(".gscope-histogram-words")
    before = mark.inner_text()
    card.get_by_role("textbox", name="Text", exact=True).click()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.type(OTHER)
    notebook.wait_for("card.text", OTHER)
    expect(card.locator(".gscope-token")).to_have_count(notebook.evaluate("len(card.reading.tokens)"))
    strongest = notebook.evaluate("float(f'{card.reading.trace(21).max():.4g}')")
    expect(mark).to_contain_text(str(strongest))
    assert before != mark.inner_text()


@pytest.mark.row("12")
def test_examples_come_from_five_bands_and_their_choice_is_kept_in_python(notebook, card):
    examples = card.get_by_role("region", name="Examples")
    expect(examples.locator("section")).to_have_count(5)
    count = examples.get_by_role("listitem").count()
    assert 5 <= count <= 10
    examples.get_by_label("Show").select_option("all")
    notebook.wait_for("card.bands", "all")
    expect(examples.get_by_role("listitem")).to_have_count(
        notebook.evaluate("sum(len(band.examples) for band in card.dashboard.bands)")
    )
    words = examples.locator(".gscope-card-words").first
    long = len(words.inner_text())
    examples.get_by_label("Context").select_option("short")
    notebook.wait_for("card.context", "short")
    assert len(words.inner_text()) < long


@pytest.mark.row("16")
def test_a_neighbour_is_opened_by_mouse_and_by_keyboard(notebook, card):
    wanted = notebook.evaluate("[one.ref.feature for one in card.dashboard.neighbours][:1]")[0]
    near = card.get_by_role("region", name="Neighbours by decoder cosine").get_by_role("button", name=f"#{wanted}")
    near.click()
    notebook.wait_for("card.feature.feature", wanted)
    expect(card.get_by_role("heading", name=f"Feature {wanted}", exact=True)).to_be_visible()
    field = card.get_by_role("textbox", name="Feature", exact=True)
    field.fill("21")
    field.press("Enter")
    expect(card.get_by_role("heading", name="Feature 21", exact=True)).to_be_visible()
    near.focus()
    notebook.page.keyboard.press("Enter")
    notebook.wait_for("card.feature.feature", wanted)


@pytest.mark.parametrize("width", [900, 400])
def test_nothing_is_wider_than_the_card(card, width):
    measure = """(node, width) => {
      node.style.width = width;
      return [...node.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right >
        node.getBoundingClientRect().right + 1 && !one.closest(".gscope-table-holder")).map((one) => `${one.tagName}.${one.className} in ${one.parentElement.className}`);
    }"""
    assert card.evaluate(measure, f"{width}px") == []
    assert card.evaluate("node => node.clientWidth") == pytest.approx(width, abs=3)
    card.evaluate(measure, "")
