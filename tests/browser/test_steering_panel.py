"""SteeringPanel in a real JupyterLab: tokens as they come, Stop, and starting again."""

from itertools import pairwise

import pytest
from playwright.sync_api import Locator, expect

PROMPT = "The old fisherman"
TOKENS = 200
# A step is slowed to 20 ms, and past 40 tokens to 300 ms, so that a quick machine is still generating when a slow page
# presses Stop; and a seed is taken whose text does not end by itself before that.
CELLS = [
    f"import gscope_widgets as gs\nscope = gs.load()\nprompt = {PROMPT!r}",
    "top = [found.feature for found in scope.read(prompt).top(2)]",
    """def count(seed):
    made = scope.generate(prompt, max_new_tokens=100, temperature=1.0, seed=seed)
    return len(made.wait().tokens())

seed = next(seed for seed in range(100) if count(seed) == 100)""",
    f"""panel = gs.SteeringPanel(
    scope, prompt, features=top, max_new_tokens={TOKENS}, temperature=1.0, seed=seed
)
import time
on_step = panel._on_step
def slowly(*arguments):
    time.sleep(0.02 if len(panel._tokens("baseline")) < 40 else 0.3)
    on_step(*arguments)
panel._on_step = slowly
panel""",
]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def panel(notebook) -> Locator:
    view = notebook.widget("Steering panel")
    notebook.run("panel.stop()")
    expect(start(view)).to_be_enabled()
    return view


def start(view: Locator) -> Locator:
    return view.get_by_role("button", name="Start", exact=True)


def stop(view: Locator) -> Locator:
    return view.get_by_role("button", name="Stop", exact=True)


def made(view: Locator) -> Locator:
    """The first column's tokens: the baseline text."""
    return view.locator(".gscope-column").first.locator(".gscope-made")


def watch_counts(view: Locator) -> None:
    """Keep each number of tokens that the reader sees, with whether the run could still be stopped."""
    view.evaluate("""root => {
        window.__seen = [];
        const note = () => {
            const count = root.querySelectorAll(".gscope-column:first-child .gscope-made").length;
            const stop = [...root.querySelectorAll("button")].find((button) => button.textContent === "Stop");
            if (window.__seen.at(-1)?.[0] !== count) window.__seen.push([count, !stop.disabled]);
        };
        new MutationObserver(note).observe(root, { subtree: true, childList: true });
    }""")


def wait_for_tokens(view: Locator, count: int) -> None:
    expect(made(view).nth(count - 1)).to_be_attached()


def test_tokens_come_one_by_one_stop_stops_and_start_starts_again(notebook, panel):
    expect(stop(panel)).to_be_disabled()
    watch_counts(panel)
    start(panel).click()
    wait_for_tokens(panel, 10)
    stop(panel).click()
    expect(panel.get_by_text("Stopped.")).to_be_visible()

    seen = panel.page.evaluate("window.__seen")
    growing = [count for count, running in seen if running and count > 0]
    assert len(growing) >= 3, seen
    assert all(before < after for before, after in pairwise(growing)), seen

    stopped_at = made(panel).count()
    assert 10 <= stopped_at < TOKENS
    expect(panel.locator(".gscope-column").first).to_contain_text(f"stopped after {stopped_at} tokens")
    # The worker is free: it answers something else, and meanwhile nothing was added.
    notebook.wait_for("panel.status['state']", "cancelled")
    assert notebook.evaluate("len(scope.next_tokens('a cat', 3).chances)") == 3
    assert notebook.evaluate("int((panel.to_frame()['row'] == 'baseline').sum())") == stopped_at
    assert made(panel).count() == stopped_at
    expect(stop(panel)).to_be_disabled()

    first = panel.locator(".gscope-column").first.locator(".gscope-made-tokens").inner_text()
    watch_counts(panel)
    start(panel).click()
    wait_for_tokens(panel, stopped_at + 3)
    again = panel.locator(".gscope-column").first.locator(".gscope-made-tokens").inner_text()
    assert again.startswith(first)
    counts = [count for count, _ in panel.page.evaluate("window.__seen")]
    assert min(counts) < stopped_at
    stop(panel).click()
    expect(panel.get_by_text("Stopped.")).to_be_visible()


def test_a_double_click_on_start_is_one_run(notebook, panel):
    before = notebook.evaluate("panel.status['request']")
    start(panel).dblclick()
    wait_for_tokens(panel, 3)
    stop(panel).click()
    expect(start(panel)).to_be_enabled()
    assert notebook.evaluate("panel.status['request']") == before + 1


def test_a_run_that_nobody_stops_goes_on_to_its_end(notebook, panel):
    notebook.run("panel.max_new_tokens = 30")
    expect(panel.get_by_label("New tokens")).to_have_value("30")
    start(panel).click()
    expect(panel.locator(".gscope-column").first).to_contain_text("reached the limit of 30 tokens")
    expect(made(panel)).to_have_count(30)
    expect(stop(panel)).to_be_disabled()
    expect(panel.get_by_text("Stopped.")).to_have_count(0)
    notebook.run(f"panel.max_new_tokens = {TOKENS}")


def test_what_the_columns_show_is_what_was_generated(notebook, panel):
    notebook.run("panel.max_new_tokens = 12; panel.temperature = 0.0; panel.strength = 0.0")
    expect(panel.get_by_label("Temperature")).to_have_value("0")
    start(panel).click()
    notebook.wait_for("panel.status['state']", "idle")
    texts = notebook.evaluate("panel.texts")
    assert texts["baseline"] == texts["changed"] == texts["random 0"], "strength 0 changes nothing"
    plain = notebook.evaluate("scope.generate(prompt, max_new_tokens=12).text")
    assert texts["baseline"] == plain
    columns = panel.locator(".gscope-column .gscope-made-tokens")
    for column in range(3):
        shown = columns.nth(column).evaluate(
            "node => [...node.querySelectorAll('.gscope-made')].map((token) => token.textContent).join('')"
        )
        assert shown.replace("⏎", "\n") == plain
    expect(panel.get_by_text("differs from token")).to_have_count(0)

    notebook.run("panel.strength = 1.0")
    start(panel).click()
    notebook.wait_for("[panel.status['state'], panel.texts['changed'] != panel.texts['baseline']]", ["idle", True])
    expect(panel.locator(".gscope-column").nth(1)).to_contain_text("differs from token")
    notebook.run(f"panel.max_new_tokens, panel.temperature, panel.strength = {TOKENS}, 1.0, 0.3")


def test_escape_stops_and_ctrl_enter_in_the_prompt_starts(notebook, panel):
    prompt = panel.get_by_role("textbox", name="Prompt")
    prompt.focus()
    watch_counts(panel)
    panel.page.keyboard.press("Control+Enter")
    panel.page.wait_for_function("() => window.__seen.some(([count, running]) => running && count > 2)")
    panel.page.keyboard.press("Escape")
    expect(panel.get_by_text("Stopped.")).to_be_visible()
    assert made(panel).count() < TOKENS


def test_an_error_inside_a_run_is_a_sentence_in_the_widget(notebook, panel):
    notebook.run("""slow = panel._on_step
def fail(*_):
    raise RuntimeError('the disk is on fire')
panel._on_step = fail""")
    try:
        start(panel).click()
        expect(panel.get_by_role("alert").filter(has_text="the disk is on fire")).to_be_visible()
        expect(start(panel)).to_be_enabled()
    finally:
        notebook.run("panel._on_step = slow")
    start(panel).click()
    wait_for_tokens(panel, 3)
    expect(panel.get_by_role("alert").filter(has_text="the disk is on fire")).to_have_count(0)
    stop(panel).click()
    expect(panel.get_by_text("Stopped.")).to_be_visible()
    assert notebook.error_outputs() == []
