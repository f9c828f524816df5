"""Every widget in JupyterLab on a recording, in a kernel that has no torch: `make test-replay` in an environment without.

Elsewhere torch is refused where it is imported, which the first cell does.
"""

import pytest
from playwright.sync_api import expect

import gscope_widgets as gs
from gscope_widgets.widgets.catalogue import CATALOGUE, find_row
from tests.browser.lab import write_examples
from tests.recordings.lesson import READING, RECORDED, record_widgets

BADGE = "gscope-mini (embedded, not Gemma) · replayed"
EXERCISES = [row for row in RECORDED if row.home == "exercises"]
CELLS = [
    "import sys\nsys.modules.update(dict.fromkeys(['torch', 'transformers', 'huggingface_hub']))\n"
    "import gscope_widgets as gs\nscope = gs.replay('lesson.gscope')",
    *write_examples(CATALOGUE),
]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture(scope="module")
def told(lab):
    """What each widget showed live, by its name; the recording is there before the notebook is run."""
    return record_widgets(gs.load("mini"), lab.notebooks / "lesson.gscope")


@pytest.fixture(scope="module", autouse=True)
def _lesson(told):
    """Made before the notebook is run."""


@pytest.mark.row("55")
@pytest.mark.parametrize("row", READING, ids=lambda row: row.name)
def test_a_widget_lives_without_torch(notebook, row):
    view = notebook.widget(row.title)
    expect(view).to_have_attribute("data-link", "live")
    expect(view.locator(".gscope-badge").first).to_have_text(BADGE)
    field = view.get_by_role("textbox", name=row.text.capitalize(), exact=True)
    field.fill("The old fisherman so")
    notebook.wait_for(f"{row.module}.status['state']", "error")
    expect(view.get_by_text("has no text 'The old fisherman so'; the texts recorded are").first).to_be_visible()
    field.fill(row.change.get(row.text, row.example[row.text]))
    notebook.wait_for(f"{row.module}.status['state']", "idle")


@pytest.mark.row("55")
@pytest.mark.parametrize("row", EXERCISES, ids=lambda row: row.name)
def test_an_exercise_is_checked_without_torch(notebook, told, row):
    """With the words of the live check; an answer that asks what was not recorded is told so."""
    view = notebook.widget(row.title)
    expect(view.locator(".gscope-badge").first).to_have_text(BADGE)
    expect(view.locator(".gscope-verdict")).not_to_have_text(told[row.name]["shows"][0])
    notebook.run(f"{row.module}.answer = {row.change['answer']!r}")
    expect(view.locator(".gscope-verdict")).to_contain_text(told[row.name]["shows"][0])


def test_a_goal_that_was_not_tried_is_not_recorded(notebook):
    view = notebook.widget("Reach a goal")
    amount = view.get_by_role("textbox", name="Amount of change 1")
    notebook.run("reach_goal.answer = [['add', 3, 0.5]]")
    expect(amount).to_have_value("0.5")
    amount.fill("0.7")
    view.get_by_role("button", name="Try it").click()
    expect(view.get_by_role("alert").filter(visible=True)).to_contain_text("no comparison with add 0.7 of feature 3")
    expect(view.get_by_role("alert").filter(visible=True)).to_contain_text("recorded: add 0.5 of feature 3")


@pytest.mark.row("55")
def test_the_check_up_says_that_there_is_no_torch(notebook):
    view = notebook.widget("Doctor")
    expect(view).to_have_attribute("data-link", "live")
    found = view.locator(".gscope-finding").filter(has=notebook.page.get_by_text("torch", exact=True))
    expect(found).to_have_attribute("data-state", "broken")
    expect(found).to_contain_text("to replay a recording none is needed")


def test_torch_is_not_there(notebook):
    assert notebook.evaluate("'gscope_widgets.runtime.scope' in __import__('sys').modules") is False
    assert notebook.evaluate("__import__('sys').modules['torch']") is None


def test_a_steered_run_is_replayed_in_the_page(notebook):
    view = notebook.widget("Steering panel")
    change = find_row("SteeringPanel").change
    notebook.run("\n".join(f"steering_panel.{name} = {value!r}" for name, value in change.items()))
    view.get_by_role("button", name="Start").click()
    notebook.wait_for("bool(steering_panel.texts['changed'])", True)
    for name in ("baseline", "changed", "random 0"):
        expect(view).to_contain_text(notebook.evaluate(f"steering_panel.texts[{name!r}].split()[0]"))
