"""Beside an error: its details and a line of code are copied, and the same is asked for again, by mouse and keyboard."""

import pytest
from playwright.sync_api import Browser, Page, expect

import gscope_widgets as gs
from tests.browser.axe import find_barriers
from tests.browser.plain import PlainView
from tests.fake_scope import FakeScope

SECURE = "https://notebook.test/"
pytestmark = pytest.mark.row("54", "NEW 7")


@pytest.fixture
def open_page(browser: Browser):
    contexts = []

    def open_one(*, may_copy: bool, **options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        if may_copy:
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            page.route(
                SECURE, lambda route: route.fulfill(content_type="text/html", body="<!doctype html><title>page</title>")
            )
            page.goto(SECURE)
        return page

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def scope():
    fake = FakeScope()
    yield fake
    fake.close()


def fail(view: PlainView, scope: FakeScope, error: Exception) -> None:
    scope.error = error
    view.root.get_by_role("textbox", name="Text", exact=True).fill("Two red coats")
    while view.widget.status["state"] != "error":  # a text is sent when the hand rests
        view.settle()
    view.settle()
    scope.error = None


def test_an_error_is_copied_and_mended_by_keyboard(open_page, scope):
    page = open_page(may_copy=True)
    view = PlainView(page, lambda: gs.LogitLens(scope, "The old fisherman"))
    fail(view, scope, gs.OutOfMemory("needs 5 GB, has 4 GB; take a shorter text"))
    strip = view.root.locator(".gscope-status")
    expect(strip.get_by_role("alert")).to_have_text("needs 5 GB, has 4 GB; take a shorter text")
    again, code, copy = (
        strip.get_by_role("button", name=name, exact=True) for name in ("Try again", "Copy gs.doctor()", "Copy details")
    )
    again.focus()
    page.keyboard.press("Tab")
    expect(code).to_be_focused()
    page.keyboard.press("Enter")
    expect(strip.get_by_role("status").filter(visible=True)).to_have_text("Copied; run it in a cell.")
    assert page.evaluate("() => navigator.clipboard.readText()") == "gs.doctor()"
    page.keyboard.press("Tab")
    expect(copy).to_be_focused()
    page.keyboard.press("Space")
    expect(strip.get_by_role("status").filter(visible=True)).to_have_text("Copied.")
    assert page.evaluate("() => navigator.clipboard.readText()") == view.widget.trouble["details"]
    again.focus()
    page.keyboard.press("Enter")
    view.settle()
    expect(strip.get_by_role("button").filter(visible=True)).to_have_count(0)
    assert view.widget.status["state"] == "idle"
    assert view.widget.reading.tokens.strings == scope.tokens("Two red coats").strings
    assert view.complaints == []
    view.widget.close()


@pytest.mark.parametrize(("theme", "width"), [("light", 1200), ("dark", 400)])
def test_a_page_without_a_clipboard_shows_the_details_and_keeps_no_reader_out(open_page, scope, theme, width):
    page = open_page(may_copy=False, viewport={"width": width, "height": 900})
    view = PlainView(page, lambda: gs.LogitLens(scope, "The old fisherman"), theme=theme)
    fail(view, scope, RuntimeError("a tensor broke"))
    view.root.get_by_role("button", name="Copy details").click()
    field = view.root.get_by_role("textbox", name="To copy by hand")
    expect(field).to_be_focused()
    expect(field).to_have_value(view.widget.trouble["details"])
    assert (
        field.evaluate("(one) => one.value.slice(one.selectionStart, one.selectionEnd)")
        == view.widget.trouble["details"]
    )
    box = view.root.bounding_box()
    for button in view.root.locator(".gscope-trouble :is(button, textarea):visible").all():
        inside = button.bounding_box()
        assert box["x"] <= inside["x"] and inside["x"] + inside["width"] <= box["x"] + box["width"]
    assert find_barriers(page, ".gscope") == []
    view.widget.close()
