"""The workbench used as a newcomer does: from a typed sentence to a steered text and back, by mouse, and by keyboard."""

import pytest
from playwright.sync_api import Locator, expect

TEXT = "The old fisherman sold two red coats in the market."
OTHER = "Le boulanger est fatigué."
CELLS = [
    "import gscope_widgets as gs\nscope = gs.load()",
    f"bench = gs.Workbench(scope, {TEXT!r})\nbench.steering.max_new_tokens = 12\nbench",
]


@pytest.fixture
def bench(notebook, quiet) -> Locator:
    view = notebook.widget("Workbench")
    view.scroll_into_view_if_needed()
    return view


@pytest.mark.row("NEW 1", "29")
def test_by_mouse_from_a_typed_sentence_to_a_steered_text_and_back(notebook, bench):
    bench.get_by_role("textbox", name="Text", exact=True).fill(OTHER)
    notebook.wait_for("[bench.text, bench.status['state']]", [OTHER, "idle"])
    token = bench.locator(".gscope-token").nth(3)
    token.click()
    notebook.wait_for("bench.pos", 3)
    expect(bench.locator("[data-part=finder] .gscope-finder-heading")).to_contain_text("at position 3")
    strongest = bench.locator("[data-part=finder] .gscope-found-row").first
    strongest.click()
    notebook.wait_for("bench.feature == bench.steering.features[0] == bench.features[0]", True)
    picked = notebook.evaluate("bench.feature.feature")
    assert picked == notebook.evaluate("bench.reading.top(1, pos=3)[0].feature")

    bench.locator("[data-part=steering] input[type=range]").fill("0.8")
    bench.get_by_role("button", name="Start", exact=True).click()
    notebook.wait_for("bench.steering.status['state'] == 'idle' and bench.steering.texts['changed'] != ''", True)
    read = bench.get_by_role("button", name="Read the changed text above")
    expect(read).to_be_enabled()
    read.click()
    changed = notebook.evaluate("bench.steering.texts['changed']")
    notebook.wait_for("[bench.text, bench.status['state']]", [OTHER + changed, "idle"])
    expect(bench.get_by_role("textbox", name="Text", exact=True)).to_have_value(OTHER + changed)
    expect(bench.locator(".gscope-bench-reading .gscope-token")).to_have_count(
        notebook.evaluate("len(bench.reading.tokens)")
    )
    bench.get_by_role("button", name="Back to the earlier text").click()
    notebook.wait_for("bench.text", OTHER)


@pytest.mark.row("NEW 1")
def test_by_keyboard_alone(notebook, bench):
    keyboard = notebook.page.keyboard
    bench.get_by_role("textbox", name="Text", exact=True).focus()
    keyboard.press("Control+a")
    keyboard.type(TEXT)
    keyboard.press("Control+Enter")
    notebook.wait_for("[bench.text, bench.status['state']]", [TEXT, "idle"])

    def tab_to(wanted: str, most: int = 60) -> None:
        for _ in range(most):
            keyboard.press("Tab")
            if notebook.page.evaluate(f"() => document.activeElement.matches({wanted!r})"):
                return
        raise AssertionError(f"{wanted} was not reached in {most} steps")

    tab_to(".gscope-token")
    for _ in range(3):
        keyboard.press("ArrowRight")
    keyboard.press("Enter")
    notebook.wait_for("bench.pos is not None", True)
    tab_to(".gscope-found-row")
    keyboard.press("Enter")
    notebook.wait_for("bench.feature == bench.steering.features[0]", True)
    tab_to("[data-part='steering'] input[type=range]")
    keyboard.press("End")
    notebook.wait_for("bench.steering.strength", 1.0)
    tab_to(".gscope-primary")
    keyboard.press("Enter")
    notebook.wait_for("bench.steering.status['state'] == 'idle' and bench.steering.texts['changed'] != ''", True)
    changed = notebook.evaluate("bench.steering.texts['changed']")
    expect(bench.get_by_role("button", name="Read the changed text above")).to_be_enabled()
    tab_to(".gscope-bench-turns button")
    keyboard.press("Enter")
    notebook.wait_for("bench.text", TEXT + changed)


def test_a_folded_part_is_made_when_it_is_opened(notebook, bench):
    assert notebook.evaluate("'lens' in bench.parts") is False
    bench.get_by_text("Next token, layer by layer").click()
    expect(bench.get_by_role("group", name="Logit lens", exact=True)).to_be_visible()
    notebook.wait_for("bench.lens.text == bench.text", True)
