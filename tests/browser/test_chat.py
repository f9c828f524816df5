"""A chat model's messages in a real JupyterLab: shown as turns, edited as turns, by mouse and by keyboard."""

import pytest
from playwright.sync_api import Locator, expect

from gscope_widgets.widgets.catalogue import CATALOGUE
from tests.browser.lab import write_examples

CHAT = [{"role": "user", "content": "What did Ana buy?"}, {"role": "assistant", "content": "She bought two red"}]
CELLS = [
    "import gscope_widgets as gs\nfrom tests.fake_scope import FakeScope\nscope = FakeScope(chat=True)",
    *write_examples(text=CHAT),
]
FIELDS = {row.title: row.text.capitalize() for row in CATALOGUE if row.text}
pytestmark = pytest.mark.usefixtures("quiet")


def turn(view: Locator, field: str, number: int, role: str) -> Locator:
    return view.get_by_role("textbox", name=f"{field}, turn {number}, {role}", exact=True)


def test_every_widget_shows_a_chat_as_its_turns(notebook):
    for title, field in FIELDS.items():
        view = notebook.widget(title)
        for number, message in enumerate(CHAT, start=1):
            expect(turn(view, field, number, message["role"])).to_have_value(message["content"])
        expect(view.get_by_role("textbox", name=field, exact=True)).to_have_count(0)


def test_a_turn_is_edited_where_it_stands(notebook):
    view = notebook.widget("Token heatmap")
    turn(view, "Text", 2, "assistant").fill("She bought a cat")
    edited = [CHAT[0], {"role": "assistant", "content": "She bought a cat"}]
    notebook.wait_for("[dict(turn) for turn in token_heatmap.text]", edited)
    expect(view.locator(".gscope-token").filter(has_text="cat")).to_have_count(1)


def test_turns_are_added_and_removed_by_keyboard(notebook):
    view = notebook.widget("Feature sliders")
    before = notebook.cell_ids()
    view.get_by_role("button", name="Add user turn").focus()
    notebook.page.keyboard.press("Enter")
    expect(turn(view, "Text", 3, "user")).to_be_focused()
    notebook.page.keyboard.type("And then?")
    notebook.page.keyboard.press("Control+Enter")
    notebook.wait_for("len(feature_sliders.text)", 3)
    assert notebook.evaluate("feature_sliders.text[2]['content']") == "And then?"
    view.get_by_role("button", name="Remove turn 3, user").focus()
    notebook.page.keyboard.press("Space")
    notebook.wait_for("len(feature_sliders.text)", 2)
    expect(turn(view, "Text", 2, "assistant")).to_be_focused()
    expect(view.get_by_text("updating…")).to_be_hidden()
    assert notebook.cell_ids() == before


def test_a_run_continues_the_chat_and_shows_its_turns(notebook):
    view = notebook.widget("Steering panel")
    view.get_by_role("button", name="Start", exact=True).click()
    column = view.locator(".gscope-column").first
    expect(column).to_contain_text("after 3 tokens" if "ended" in column.inner_text() else "3 tokens")
    expect(column.locator(".gscope-role")).to_have_text(["user: ", "assistant: "])
    expect(column).to_contain_text(CHAT[0]["content"])


def test_python_may_give_a_string_in_place_of_a_chat(notebook):
    notebook.run("token_heatmap.text = 'plain'")
    expect(notebook.widget("Token heatmap").get_by_role("textbox", name="Text", exact=True)).to_have_value("plain")
