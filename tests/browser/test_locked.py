"""Every widget locked to a lesson, in JupyterLab: what is fixed, filtered and hidden, and stages, by mouse and keyboard."""

import pytest
from playwright.sync_api import Locator, expect

from gscope_widgets.widgets.catalogue import CATALOGUE, EXAMPLE_TEXT
from tests.browser.axe import find_barriers
from tests.browser.lab import VIEW, write_examples
from tests.browser.shows import THEMES

LOCKED = [row for row in CATALOGUE if row.home == "widgets"]
NOTE = "Look before you touch: which words wake this feature?"
REASON = "Fixed by your course."
CELLS = [
    "import gscope_widgets as gs\nfrom tests.fake_scope import FakeScope\nscope = FakeScope()\n"
    "allowed = [scope.dictionary().feature(one) for one in (3, 4, 31, 900)]",
    *write_examples(LOCKED),
]
CONTROLS = "input, textarea, select, button"
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture(params=LOCKED, ids=lambda row: row.name)
def row(request):
    return request.param


@pytest.fixture(autouse=True)
def _unlocked(notebook):
    """Each test begins and ends with no lesson."""
    yield
    notebook.run("\n".join(f"{row.module}.unlock()" for row in LOCKED))


def course(view: Locator) -> Locator:
    return view.get_by_role("region", name="Your course").first


def groups(view: Locator) -> Locator:
    """Groups of controls that are locked, in the widget itself and in its parts."""
    return view.locator("fieldset.gscope-lock:disabled")


@pytest.mark.row("NEW 13")
def test_what_is_fixed_is_disabled_says_why_and_is_opened_by_the_button(notebook, row):
    view, page = notebook.widget(row.title), notebook.page
    expect(course(view)).to_be_hidden()
    stage = f'gs.Stage({list(row.fixable)!r}, "Try it yourself")'
    notebook.run(f"{row.module}.lock(fixed={list(row.fixable)!r}, note={NOTE!r}, stages=[{stage}])")
    expect(course(view)).to_contain_text(NOTE)
    expect(course(view)).to_contain_text("0 of 1 stages open.")
    expect(groups(view).first).to_be_attached()
    for group in groups(view).all():
        assert group.get_attribute("aria-description") == REASON
    shown = groups(view).filter(visible=True)
    assert shown.count() > 0
    for group in shown.all():
        # Read aloud and seen: the reason stands in the group, and none of its controls can be used.
        assert REASON in group.evaluate("(node) => getComputedStyle(node, '::after').content")
        expect(group.locator(CONTROLS).filter(visible=True).first).to_be_visible()
        for control in group.locator(CONTROLS).all():
            expect(control).to_be_disabled()
    if row.text is not None:
        expect(view.get_by_role("textbox", name=row.text.capitalize(), exact=True).first).to_be_disabled()
    button = course(view).get_by_role("button", name="Open: Try it yourself")
    button.focus()
    page.keyboard.press("Enter")
    expect(course(view)).to_contain_text("1 of 1 stages open.")
    expect(course(view)).to_be_focused()  # the button went, and the focus stays where it was
    expect(groups(view)).to_have_count(0)
    if row.text is not None:
        field = view.get_by_role("textbox", name=row.text.capitalize(), exact=True).first
        field.fill("The bird sang")
        notebook.wait_for(f"{row.module}.{row.text}", "The bird sang")
        field.fill(EXAMPLE_TEXT)
        notebook.wait_for(f"[{row.module}.{row.text}, {row.module}.status['state']]", [EXAMPLE_TEXT, "idle"])


@pytest.mark.row("NEW 13")
def test_the_keyboard_goes_past_what_is_fixed(notebook, row):
    view, page = notebook.widget(row.title), notebook.page
    notebook.run(f"{row.module}.lock(fixed={list(row.fixable)!r}, stages=[gs.Stage({list(row.fixable)!r})])")
    expect(groups(view).first).to_be_attached()
    course(view).focus()
    visited = 0
    while view.evaluate("(node) => node.contains(document.activeElement)"):
        assert page.evaluate("() => document.activeElement.closest('fieldset:disabled')") is None
        visited += 1
        assert visited < 300, "the keyboard does not come out of the view"
        page.keyboard.press("Tab")
    assert visited > 1


@pytest.mark.row("NEW 14")
def test_what_the_course_leaves_out_is_counted_and_its_prompts_are_buttons(notebook):
    heatmap = notebook.widget("Token heatmap")
    notebook.run("token_heatmap.lock(features=allowed, prompts=['The bird sang', 'On Monday'])")
    expect(course(heatmap)).to_contain_text("filtered by your course.")
    count, whole = map(int, course(heatmap).text_content().split(" features that fire here")[0].split()[-3::2])
    firing = notebook.evaluate("len(set(scope.read('The bird sang').features.tolist()))")
    left = notebook.evaluate("len(set(token_heatmap.reading.features.tolist()))")
    assert (count, whole) == (firing - left, firing)
    expect(heatmap.get_by_role("textbox", name="Text", exact=True)).to_be_disabled()
    course(heatmap).get_by_role("button", name="Prompt 2: On Monday").click()
    notebook.wait_for("[token_heatmap.text, token_heatmap.status['state']]", ["On Monday", "idle"])
    expect(heatmap.locator(".gscope-token").last).to_contain_text("Monday")
    field = heatmap.get_by_role("textbox", name="Feature number")
    field.fill("5")
    field.press("Enter")
    alert = heatmap.get_by_role("alert").filter(visible=True)
    expect(alert).to_contain_text("feature 5 is filtered by your course, which has 3, 4, 31, 900")
    notebook.run(f"token_heatmap.unlock(); token_heatmap.text = {EXAMPLE_TEXT!r}; token_heatmap.wait()")
    expect(course(heatmap)).to_be_hidden()


@pytest.mark.row("NEW 13")
def test_hidden_labels_are_nowhere_in_the_page_until_their_stage_opens(notebook):
    card = notebook.widget("Feature card")
    expect(card.get_by_text("birds").first).to_be_visible()  # the control
    notebook.run("feature_card.lock(hide_labels=True, stages=[gs.Stage(['labels'], 'See what others say')])")
    expect(course(card)).to_contain_text("Labels are hidden by your course.")
    notebook.page.wait_for_function("(node) => !node.outerHTML.includes('birds')", arg=card.element_handle())
    course(card).get_by_role("button", name="Open: See what others say").click()
    expect(card.get_by_text("birds").first).to_be_visible()


@pytest.mark.row("51", "53")
@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_serious_in_locked_widgets(notebook, theme):
    for row in LOCKED:
        limits = "features=allowed, " if row.has_dictionary and row.filters_features else ""
        stages = f"stages=[gs.Stage([{row.fixable[0]!r}])]"
        notebook.run(
            f"{row.module}.lock({limits}fixed={list(row.fixable)!r}, hide_labels=True, note={NOTE!r}, {stages})"
        )
        expect(course(notebook.widget(row.title))).to_contain_text(NOTE)
    notebook.command("apputils:change-theme", theme=THEMES[theme])
    expect(notebook.panel.locator(f"{VIEW}[data-theme='{theme}']")).to_have_count(len(LOCKED))
    assert find_barriers(notebook.page, VIEW) == []
