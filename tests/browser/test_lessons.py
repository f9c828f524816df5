"""An exercise of each lesson in JupyterLab, done as a learner does it: a first idea, what is said of it, a better one."""

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.lab import ROOT

# By lesson, what stands in the cells that its exercise needs. No two exercises have the same number: their answers' cells
# are found by it, and all stand in one notebook.
NEEDED = {
    "00_start_here": ("gs.load(", "answer_1 =", "ex1 =", "gs.Doctor("),
    "01_a_microscope_on_text": ("gs.load(", "tale =", "answer_4 =", "ex4 ="),
    "02_name_that_feature": ("gs.load(", "def draw(", "def list_firings(", "answer_2 =", "ex2 ="),
    "03_what_a_dictionary_buys": ("gs.load(", "answer_6 =", "ex6 ="),
    "04_matryoshka_splitting_absorption": ("gs.load(", "TABLE =", "answer_5 =", "ex5 ="),
    "05_steering_with_a_lab_notebook": ("gs.load(", "answer_3 =", "ex3 ="),
    "07_across_layers": ("gs.load(", "answer_7 =", "ex7 ="),
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


@pytest.mark.row("43", "NEW 15")
def test_a_first_exercise_shows_that_the_page_and_python_understand_each_other(notebook):
    expect(notebook.widget("Workbench")).to_be_visible()
    view = notebook.widget("Predict").filter(has_text="How many tokens does the model make")
    field = view.get_by_role("textbox", name="How many tokens")
    field.fill("6")
    field.press("Enter")
    expect(view.locator(".gscope-verdict")).to_contain_text("the full stop is one too")
    field.fill("7")
    view.get_by_role("button", name="Commit").click()
    expect(view.locator(".gscope-verdict")).to_have_text("✓ You said 7, and so it is.")
    keep_answer(notebook, "ex1", "7")
    front_end = notebook.widget("Doctor").locator(".gscope-finding").filter(has_text="front end")
    expect(front_end).to_contain_text("there and back in")


@pytest.mark.row("43")
def test_the_token_that_is_explained_worst_is_picked(notebook):
    view = notebook.widget("Predict").filter(has_text="At which token of this text")
    worst = notebook.evaluate("find_worst(scope)[0]")
    view.get_by_role("button", name="token 1:").first.click()
    view.get_by_role("button", name="Commit").click()
    expect(view.locator(".gscope-verdict")).to_contain_text("✗ You said 1 (")
    view.get_by_role("button", name="token 1:").first.click()
    view.get_by_role("button", name=f"token {worst}:").click()
    view.get_by_role("button", name="Commit").click()
    expect(view.locator(".gscope-verdict")).to_contain_text("and so it is.")
    keep_answer(notebook, "ex4", f"[{worst}]")


@pytest.mark.row("43")
def test_a_share_of_concepts_is_guessed(notebook):
    view = notebook.widget("Predict").filter(has_text="at how many is the best feature's AUC higher")
    view.get_by_role("radio", name="more than one half").check()
    view.get_by_role("button", name="Commit").click()
    expect(view.locator(".gscope-verdict")).to_contain_text("✗ You said “more than one half”")
    view.get_by_role("radio", name="between one in ten and one in four").check()
    view.get_by_role("button", name="Commit").click()
    expect(view.locator(".gscope-verdict")).to_contain_text("and so it is.")
    keep_answer(notebook, "ex6", "'between one in ten and one in four'")


@pytest.mark.row("43")
def test_absorption_is_worked_out_by_hand(notebook):
    view = notebook.widget("Predict").filter(has_text="absorption rate")
    field = view.get_by_role("textbox", name="What is the absorption rate")
    field.fill("0.6")
    field.press("Enter")
    expect(view.locator(".gscope-verdict")).to_contain_text("You counted the owl")
    field.fill("0.4")
    view.get_by_role("button", name="Commit").click()
    expect(view.locator(".gscope-verdict")).to_have_text("✓ You said 0.4, and so it is.")
    keep_answer(notebook, "ex5", "0.4")


@pytest.mark.row("43")
def test_a_goal_is_missed_by_too_much_and_reached_by_less(notebook):
    view = notebook.widget("Reach a goal")
    brown = notebook.evaluate("brown.feature")
    view.get_by_role("combobox", name="Feature of change 1").select_option(str(brown))
    amount = view.get_by_role("textbox", name="Amount of change 1")
    for strength, verdict in (("0.8", "✗"), ("0.45", "✓")):
        amount.fill(strength)
        view.get_by_role("button", name="Try it").click()
        notebook.wait_for("ex3.status['state']", "idle")
        expect(view.locator(".gscope-verdict")).to_contain_text(verdict)
    keep_answer(notebook, "ex3", f"[['add', {brown}, 0.45]]")


@pytest.mark.row("43")
def test_a_quiz_is_wrong_in_one_question_and_then_right(notebook):
    view = notebook.widget("Quiz").filter(has_text="To which layers may it write?")
    chosen = [
        "all layers",
        "this is there at layer 6 when the feature fires at layer 2",
        "no feature explains a layer before the one that it reads",
        "one through a CLT",
        "a part of their paths runs through a matrix, which is no node",
        "at equal explained influence",
        "late",
        "neither that both dictionaries have all three kinds, nor that it is impossible",
    ]
    for one in chosen:
        view.get_by_role("radio", name=one, exact=True).check()
    view.get_by_role("button", name="Check").click()
    expect(view.locator(".gscope-verdict")).to_contain_text("7 of 8 right")
    expect(view).to_contain_text("Not to earlier ones: those rows of its decoder are 0.")
    chosen[0] = "layer 4 and all later ones"
    view.get_by_role("radio", name=chosen[0], exact=True).check()
    view.get_by_role("button", name="Check").click()
    expect(view.locator(".gscope-verdict")).to_contain_text("8 of 8 right")
    keep_answer(notebook, "ex7", repr(chosen))
