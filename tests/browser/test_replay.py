"""Every widget in JupyterLab on a recording, in a kernel that has no torch."""

import pytest
from playwright.sync_api import expect

import gscope_widgets as gs
from gscope_widgets.widgets.catalogue import find_row
from tests.browser.lab import write_examples
from tests.recordings.lesson import RECORDED, record_widgets

TYPED = "On Monday the children sang 😀 at home."
CELLS = [
    "import sys\nsys.modules.update(dict.fromkeys(['torch', 'transformers', 'huggingface_hub']))\n"
    "import gscope_widgets as gs\nscope = gs.replay('lesson.gscope')",
    *write_examples(RECORDED),
]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture(scope="module", autouse=True)
def _lesson(lab):
    """Made before the notebook is run."""
    record_widgets(gs.load("mini"), lab.notebooks / "lesson.gscope")


@pytest.fixture(params=RECORDED, ids=lambda row: row.name)
def row(request):
    return request.param


@pytest.mark.row("55")
def test_a_widget_lives_without_torch(notebook, row):
    view = notebook.widget(row.title)
    expect(view).to_have_attribute("data-link", "live")
    expect(view.locator(".gscope-badge").first).to_have_text("gscope-mini (embedded, not Gemma) · replayed")
    field = view.get_by_role("textbox", name=row.text.capitalize(), exact=True)
    field.fill("The old fisherman so")
    notebook.wait_for(f"{row.module}.status['state']", "error")
    expect(view.get_by_text("has no text 'The old fisherman so'; the texts recorded are").first).to_be_visible()
    field.fill(row.change.get(row.text, row.example[row.text]))
    notebook.wait_for(f"{row.module}.status['state']", "idle")


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
