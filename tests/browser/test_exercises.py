"""The four exercises in JupyterLab, done as a learner does them: by mouse and by keyboard, and kept in the notebook."""

import pytest
from playwright.sync_api import expect

FRENCH = ["Le vieux pêcheur est fatigué.", "Elle a vendu son manteau.", "Une pomme rouge.", "Il est au marché."]
ENGLISH = ["The old fisherman is tired.", "She sold her coat.", "A red apple.", "He is at the market."]
CELLS = [
    "import gscope_widgets as gs\nscope = gs.load('mini')\ntext = 'The old fisherman sold two red'",
    "answer_1 = None  # gs-answer: ex1",
    "predict = gs.Predict(scope, 'What comes after this text?', gs.truths.next_token(text), name='ex1', "
    "answer=answer_1, hints=['It is short.'], reveal='The most likely token.')\npredict",
    "answer_2 = None  # gs-answer: ex2",
    "quiz = gs.Quiz(scope, 'A quiz.', [gs.Question('Up or down?', 'up', choices=('up', 'down'), wrong={'down': 'That is the "
    "control.'}), gs.Question('How many tokens?', gs.truths.count_tokens(text), tolerance=0)], name='ex2', answer=answer_2)\nquiz",
    "answer_3 = None  # gs-answer: ex3",
    f"label = gs.NameFeature(scope, scope.find('language:french')[0].ref, {FRENCH + ENGLISH}, name='ex3', "
    "answer=answer_3)\nlabel",
    "# a note that stays\nanswer_4 = None  # gs-answer: ex4",
    "goal = gs.ReachGoal(scope, 'She said', ['a', 'the', 'to'], name='ex4', answer=answer_4, features=[20, 21], "
    "seeds=(0, 1), max_new_tokens=4)\ngoal",
]
pytestmark = pytest.mark.usefixtures("quiet")


def run_cell(notebook, number) -> str:
    """Run one cell, and return its text as it is then."""
    notebook.page.evaluate(
        "(at) => { const { content } = window.jupyterapp.shell.currentWidget; content.activeCellIndex = at; }", number
    )
    notebook.command("notebook:run-cell")
    notebook.wait_for_kernel()
    return read_cell(notebook, number)


def read_cell(notebook, number) -> str:
    return notebook.page.evaluate(
        "(at) => window.jupyterapp.shell.currentWidget.content.model.cells.get(at).sharedModel.getSource()", number
    )


@pytest.mark.row("43", "44")
def test_a_guess_is_committed_revealed_and_written_into_its_cell(notebook):
    view = notebook.widget("Predict")
    view.get_by_role("button", name="Commit").click()
    expect(view.get_by_role("alert").filter(visible=True)).to_have_text("Answer first.")
    view.get_by_role("button", name="Hint 1 of 1").click()
    expect(view.get_by_role("list", name="Hints")).to_contain_text("It is short.")
    truth = notebook.evaluate("gs.truths.next_token(text)(scope)")
    assert truth not in view.locator(".gscope-outcome").inner_text().split()
    view.get_by_role("textbox", name="What comes after this text?").fill("zebra")
    view.get_by_role("button", name="Commit").click()
    expect(view.locator(".gscope-verdict")).to_have_text(f"✗ You said zebra; it is {truth}.")
    expect(view.locator(".gscope-kept")).to_contain_text("Not yet in this notebook")
    line = "answer_1 = 'zebra'  # gs-answer: ex1"
    expect(view.get_by_role("textbox", name="Line of code that keeps the answer")).to_have_value(line)
    assert read_cell(notebook, 1) == "answer_1 = None  # gs-answer: ex1"
    run_cell(notebook, 1)
    notebook.page.wait_for_function(
        "(line) => window.jupyterapp.shell.currentWidget.content.model.cells.get(1).sharedModel.getSource() === line",
        arg=line,
    )
    expect(view.locator(".gscope-kept")).to_have_text("Written into its cell.")
    assert notebook.evaluate("[answer_1, predict.answer, predict.check().passed]") == ["zebra", "zebra", False]
    run_cell(notebook, 1)
    expect(view.locator(".gscope-kept")).to_have_text("In this notebook.")


def test_a_quiz_is_done_by_keyboard_alone(notebook):
    view = notebook.widget("Quiz")
    keyboard = notebook.page.keyboard
    view.get_by_role("radio", name="up").focus()
    keyboard.press("Space")
    keyboard.press("ArrowDown")
    keyboard.press("Tab")
    expect(view.get_by_role("textbox", name="How many tokens?")).to_be_focused()
    keyboard.type(str(notebook.evaluate("len(scope.tokens(text))")))
    keyboard.press("Enter")
    expect(view.locator(".gscope-verdict")).to_have_text("✗ 1 of 2 right; 2 are needed.")
    expect(view.get_by_role("cell", name="That is the control.")).to_be_visible()
    view.get_by_role("radio", name="down").focus()
    keyboard.press("ArrowUp")
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(view.locator(".gscope-verdict")).to_have_text("✓ 2 of 2 right; 2 are needed.")
    assert notebook.evaluate("quiz.check().passed") is True
    run_cell(notebook, 3)
    notebook.wait_for("quiz.kept", "written")


def test_a_feature_is_named_by_a_rule(notebook):
    view = notebook.widget("Name that feature")
    field = view.get_by_role("textbox", name="Words of the rule")
    field.fill("zebra")
    field.press("Enter")
    expect(view.locator(".gscope-next-step")).to_contain_text("says no to every text")
    field.fill("le, elle, une, il")
    view.get_by_role("button", name="Try it").click()
    expect(view.locator(".gscope-verdict")).to_contain_text("✓ Balanced accuracy 1.00 on 8 texts")
    expect(view.locator(".gscope-next-step")).to_contain_text("language:french")
    assert notebook.evaluate("label.answer") == ["le", "elle", "une", "il"]


def test_a_goal_is_tried_with_changes_of_ones_own_and_the_cells_other_lines_stay(notebook):
    view = notebook.widget("Reach a goal")
    view.get_by_role("combobox", name="Feature of change 1").select_option("21")
    view.get_by_role("textbox", name="Amount of change 1").fill("0.3")
    view.get_by_role("button", name="Try it").click()
    expect(view.locator(".gscope-verdict")).to_contain_text("Seeds 0, 1.")
    expect(view.get_by_role("row")).to_have_count(4)
    assert notebook.evaluate("goal.answer") == [["add", 21, 0.3]]
    run_cell(notebook, 7)
    notebook.wait_for("goal.kept", "written")
    notebook.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.model.cells.get(7).sharedModel.getSource()"
        " === \"# a note that stays\\nanswer_4 = [['add', 21, 0.3]]  # gs-answer: ex4\""
    )


@pytest.mark.row("43")
def test_after_a_restart_the_answers_come_from_the_notebook(notebook):
    saved = notebook.save()
    sources = ["".join(cell["source"]) for cell in saved["cells"]]
    assert sources[1] == "answer_1 = 'zebra'  # gs-answer: ex1"
    assert "'up'" in sources[3]
    html = str(saved["cells"][2]["outputs"])
    assert "You said zebra" in html
    notebook.lab.shut_kernels_down()
    notebook.page.reload()
    expect(notebook.panel.locator(".jp-Cell").first).to_be_visible()
    notebook.run_all()
    notebook.wait_for(
        "[predict.answer, quiz.check().passed, label.answer, goal.answer]", ["zebra", True, None, [["add", 21, 0.3]]]
    )
    expect(notebook.widget("Predict").locator(".gscope-verdict")).to_contain_text("You said zebra")
    expect(notebook.widget("Predict").locator(".gscope-kept")).to_have_text("In this notebook.")
    notebook.complaints.all.clear()  # JupyterLab's own, of the views that it reopened without a kernel
