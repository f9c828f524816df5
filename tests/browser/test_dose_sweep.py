"""DoseSweep in Chromium: one drag makes the sweep, a strength is read by mouse and keyboard, nothing runs over."""

import pytest
from playwright.sync_api import expect

import gscope_widgets as gs
from tests.fake_scope import FakeScope

PROMPT = "The old fisherman"
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(params=[400, 1500])
def view(request, show):
    """The view in a page of that width."""
    scope = FakeScope()

    def make():
        return gs.DoseSweep(scope, PROMPT, ref=3, measure=["fish", "sister"], samples=3, max_new_tokens=5)

    yield show(make, width=request.param)
    scope.close()


def drag(view, start: float, stop: float) -> None:
    """Over the line of strengths, from one share of its width to another."""
    box = view.root.locator(".gscope-sweep-track").bounding_box()
    mouse, y = view.page.mouse, box["y"] + box["height"] / 2
    mouse.move(box["x"] + start * box["width"], y)
    mouse.down()
    mouse.move(box["x"] + stop * box["width"], y, steps=6)
    mouse.up()
    view.settle()


@pytest.mark.row("26", "NEW 4")
def test_one_drag_makes_the_sweep_and_a_strength_is_read_by_mouse_and_keyboard(view):
    drag(view, 0.25, 0.75)
    assert view.widget.status["state"] == "idle"
    assert view.widget.response.strengths == (-0.5, -0.3, -0.15, -0.05, 0.0, 0.05, 0.15, 0.3, 0.5)
    cards = view.root.get_by_role("listbox", name="Strengths").get_by_role("option")
    expect(cards).to_have_count(9)
    expect(view.root.get_by_role("status", name="What the sweep shows")).to_contain_text("samples at each strength")
    assert view.page.evaluate(OVERFLOW) <= 0
    cards.last.click()
    view.settle()
    texts = view.root.get_by_role("region", name="Texts")
    for text in (*view.widget.response.texts(0.5), *view.widget.response.texts(0)):
        words = text.split()
        assert words[0] in texts.inner_text()
    expect(texts.get_by_role("group")).to_have_count(3)
    assert view.page.evaluate(OVERFLOW) <= 0
    cards.last.focus()
    view.page.keyboard.press("Home")
    expect(cards.first).to_be_focused()
    view.page.keyboard.press("Enter")
    view.settle()
    assert view.widget.selected_strength == -0.5
    expect(texts).to_contain_text("at −0.5")
    view.page.keyboard.press("Escape")
    view.settle()
    assert view.widget.selected_strength is None
    expect(texts).to_be_hidden()
    chart = view.root.get_by_role("img", name="Effect and perplexity by strength").locator("svg").first
    box = chart.bounding_box()
    view.page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    view.settle()
    assert view.widget.selected_strength == 0.0


def test_the_sweep_is_set_started_and_read_by_the_keyboard_alone(view):
    low = view.root.get_by_role("slider", name="Lowest strength")
    low.focus()
    view.page.keyboard.press("PageUp")
    view.page.keyboard.press("Enter")
    view.settle()
    assert view.widget.response.strengths[0] == -0.75
    field = view.root.get_by_role("textbox", name="Strengths")
    field.fill("-1 0 1e30")
    field.press("Tab")
    expect(view.root.get_by_role("alert").filter(has_text="from -100 to 100, got 1e30")).to_be_visible()
    assert view.widget.strengths[0] == -0.75
    field.fill("0.5")
    field.press("Tab")
    view.settle()
    expect(view.root.get_by_role("alert").filter(has_text="7 to 41 different numbers")).to_be_visible()
    assert view.widget.strengths[0] == -0.75
