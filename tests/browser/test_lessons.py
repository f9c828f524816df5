"""An exercise of each lesson in JupyterLab, done as a learner does it: a first idea, what is said of it, a better one."""

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.lab import ROOT

# By lesson, what stands in the cells that its exercise needs. No two exercises have the same number: their answers' cells
# are found by it, and all stand in one notebook.
NEEDED = {
    "02_name_that_feature": ("gs.load(", "def draw(", "def list_firings(", "answer_2 =", "ex2 ="),
    "03_what_a_dictionary_buys": ("gs.load(", "answer_1 =", "ex1 ="),
}


def take_cells() -> list[str]:
    """The cells needed, as the lessons have them."""
    taken = []
    for stem, parts in NEEDED.items():
        cells = nbformat.read(ROOT / "tutorials" / f"{stem}.ipynb", as_version=4).cells
        code = [cell.source for cell in cells if cell.cell_type == "code"]
        found = [source for source in code if any(part in source for part in parts)]
        assert len(found) == len(parts), stem
        taken += found
    return taken


CELLS = take_cells()
pytestmark = pytest.mark.usefixtures("quiet")


def keep_answer(notebook, name: str, answer: str) -> None:
    """Run the answer's cell, which the line is then written into."""
    [at] = [at for at, cell in enumerate(CELLS) if cell.rstrip().endswith(f"# gs-answer: {name}")]
    notebook.run_cell(at)
    notebook.page.wait_for_function(
        "([at, line]) => window.jupyterapp.shell.currentWidget.content.model.cells.get(at).sharedModel.getSource() === line",
        arg=[at, f"answer_{name[2:]} = {answer}  # gs-answer: {name}"],
    )
    notebook.wait_for(f"{name}.kept", "written")


@pytest.mark.row("43")
def test_a_feature_is_named_by_words(notebook):
    view = notebook.widget("Name that feature")
    field = view.get_by_role("textbox", name="Words of the rule")
    field.fill("room")
    field.press("Enter")
    expect(view.locator(".gscope-verdict")).to_contain_text("✗")
    field.fill("what, which")
    view.get_by_role("button", name="Try it").click()
    expect(view.locator(".gscope-verdict")).to_contain_text("✓ Balanced accuracy")
    keep_answer(notebook, "ex2", "['what', 'which']")


@pytest.mark.row("43")
def test_a_copy_is_made_by_hand(notebook):
    view = notebook.widget("Predict")
    field = view.get_by_role("textbox", name="What is the first of the two numbers")
    field.fill("3.9")
    field.press("Enter")
    expect(view.locator(".gscope-verdict")).to_contain_text("plain ReLU")
    field.fill("2.9")
    view.get_by_role("button", name="Commit").click()
    expect(view.locator(".gscope-verdict")).to_have_text("✓ You said 2.9, and so it is.")
    keep_answer(notebook, "ex1", "2.9")
