"""The steering lesson, done to its end by keyboard and accessible names alone: dose, control, preset, sweep and answer."""

import pytest
from playwright.sync_api import Locator, expect

# As in tutorial 5, with shorter texts and fewer of them.
CELLS = [
    "import gscope_widgets as gs\nscope = gs.load('mini')\nfrench = scope.find('language:french')[0]",
    "panel = gs.SteeringPanel(scope, 'In the', features=[french.ref], strength=0.2, max_new_tokens=6)\npanel",
    "words = 'le la les un une des du est il elle et en au'.split()\n"
    "sweep = gs.DoseSweep(scope, 'In the', ref=french.ref, measure=words, strengths=(-0.2, -0.1, -0.05, 0.0, 0.05, 0.4, 0.8), "
    "samples=3, max_new_tokens=6)\nsweep",
    "def begin(scope):\n    return min((one.strength for one in sweep.response.flips if one.strength > 0), default=0.0)\n"
    "predict = gs.Predict(scope, 'At which strength does French begin?', begin, name='ex1', tolerance=0.05, "
    "reveal='Below it lies a dead zone.')\npredict",
]
pytestmark = pytest.mark.usefixtures("quiet")


class Keyboard:
    """What a reader does who has keys and the names that a screen reader says."""

    def __init__(self, notebook, view: Locator):
        self._page, self._view = notebook.page, view

    def begin(self, role: str, name: str) -> None:
        """Where focus comes into a view."""
        self._view.get_by_role(role, name=name, exact=True).focus()

    def go_to(self, role: str, name: str, *, most: int = 80) -> None:
        """Tab on until what has the focus is called so."""
        wanted = self._view.get_by_role(role, name=name, exact=True).and_(self._page.locator(":focus"))
        for _ in range(most):
            self._page.keyboard.press("Tab")
            if wanted.count():
                return
        raise AssertionError(f"no {role} called {name!r} was reached by {most} tabs")

    def press(self, *keys: str) -> None:
        for key in keys:
            self._page.keyboard.press(key)

    def type(self, words: str) -> None:
        self._page.keyboard.press("Control+a")
        self._page.keyboard.type(words)


@pytest.mark.row("20", "27", "28", "NEW 3", "NEW 4", "51", "NEW 8")
def test_the_steering_lesson_by_keyboard_and_names_alone(notebook):
    panel = notebook.widget("Steering panel")
    keys = Keyboard(notebook, panel)
    name = notebook.evaluate("panel.known[0]['name']")

    keys.begin("textbox", "Prompt")
    keys.go_to("textbox", f"Value of {name} as a number")
    keys.type("0.8")
    keys.go_to("textbox", "Name of a new preset")
    keys.type("much French")
    keys.press("Enter")
    notebook.wait_for("[list(panel.presets), panel.strength]", [["much French"], 0.8])
    keys.go_to("button", "Start")
    keys.press("Enter")
    notebook.wait_for("[panel.status['state'], panel.texts['changed'] != '']", ["idle", True])

    # Baseline, change and control, each with what the unchanged model makes of it, are read by their names.
    said = panel.get_by_role("group", name=f"changed: {name}: add +0.80", exact=False)
    keys.go_to("group", said.get_attribute("aria-label"))
    keys.press("End")
    expect(panel.get_by_role("status").filter(has_text="under the unchanged model, KL")).to_be_visible()
    expect(panel.get_by_role("img", name="KL at each token: mean", exact=False).first).to_be_attached()
    for row in notebook.evaluate("[row.perplexity for row in panel.comparison.rows][:3]"):
        expect(panel.get_by_text(f"perplexity {row:.3g} under the unchanged model").first).to_be_visible()
    panel.get_by_text("Table of values").focus()
    keys.press("Enter")
    table = panel.get_by_role("region", name="Table of values")
    expect(table.get_by_role("row")).to_have_count(1 + notebook.evaluate("len(panel.to_frame())"))
    expect(table.get_by_role("rowheader", name="(first difference)").first).to_be_visible()

    # Back to a smaller strength, and by the preset's name to the larger one again.
    keys.begin("textbox", f"Value of {name} as a number")
    keys.type("0.05")
    keys.go_to("button", "Undo")
    notebook.wait_for("panel.strength", 0.05)
    keys.go_to("combobox", "Preset")
    keys.go_to("button", "Apply")
    keys.press("Enter")
    notebook.wait_for("panel.strength", 0.8)

    sweep = notebook.widget("Dose sweep")
    keys = Keyboard(notebook, sweep)
    keys.begin("textbox", "Prompt")
    keys.go_to("button", "Start")
    keys.press("Enter")
    notebook.wait_for("[sweep.status['state'], sweep.response is not None]", ["idle", True])

    predict = notebook.widget("Predict")
    keys = Keyboard(notebook, predict)
    keys.begin("textbox", "At which strength does French begin?")
    keys.type(str(notebook.evaluate("begin(scope)")))
    keys.go_to("button", "Commit")
    keys.press("Enter")
    expect(predict.get_by_text("Below it lies a dead zone.")).to_be_visible()
    notebook.wait_for("predict.check().passed", True)
