"""In the hand, by mouse and by keyboard: nothing moves, no click is lost, and a pick stays on its word.

Views stand in a bare page of Chromium, joined to their Python halves here.
"""

import itertools
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.widgets.base.formats import format_token
from gscope_widgets.widgets.catalogue import CATALOGUE
from gscope_widgets.widgets.contract import make_example
from tests.browser.plain import PlainView
from tests.fake_engines import make_engine
from tests.fake_model import FakeDictionary
from tests.fake_scope import FakeScope

TEXT = "The old fisherman walked from the harbour to the market with his sister and sold twelve fish."
WIDTHS = (1500, 400)


@pytest.fixture(scope="module")
def scope() -> Iterator[FakeScope]:
    fake = FakeScope(chat=True)
    yield fake
    fake.close()


@pytest.fixture
def engine(row):
    """What answers the row's widget."""
    made = make_engine(row)
    yield made
    made.close()


def tokens(view: PlainView) -> Locator:
    return view.root.locator(".gscope-token")


def listed(view: PlainView) -> Locator:
    """The features in the list of a token's details."""
    return view.root.locator(".gscope-top button")


def place_of(what: Locator) -> dict[str, float]:
    box = what.bounding_box()
    assert box is not None
    return box


def middle(what: Locator) -> tuple[float, float]:
    box = place_of(what)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def walk_by_mouse(view: PlainView, items: Locator) -> None:
    for at in range(items.count()):
        view.page.mouse.move(*middle(items.nth(at)))


def walk_by_keyboard(view: PlainView, items: Locator) -> None:
    items.first.focus()
    for _ in range(items.count()):
        view.page.keyboard.press("ArrowRight")


# ---- nothing moves


@pytest.mark.parametrize("walk", [walk_by_mouse, walk_by_keyboard])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_walk_over_all_tokens_moves_nothing(show, scope, width, walk):
    view = show(lambda: gs.TokenHeatmap(scope, TEXT, features=[3, 4]), width=width, height=1400)
    before = [place_of(part) for part in (view.root, tokens(view).first, tokens(view).last)]
    view.watch_shifts()
    walk(view, tokens(view))
    assert view.shifts() == []
    assert [place_of(part) for part in (view.root, tokens(view).first, tokens(view).last)] == before


@pytest.mark.parametrize("width", WIDTHS)
def test_a_walk_over_the_lens_moves_nothing(show, scope, width):
    view = show(lambda: gs.LogitLens(scope, "The old fisherman sold", pinned=[4]), width=width, height=1400)
    before = place_of(view.root)
    cells = view.root.locator("[data-row='2']")
    view.watch_shifts()
    walk_by_mouse(view, cells)
    walk_by_keyboard(view, cells)
    assert view.shifts() == []
    assert place_of(view.root) == before


@pytest.mark.parametrize(("text", "sign"), [("שלום עולם and العالم", -1), ("Now שלום עולם", 1)])
def test_tokens_run_as_their_text_does_and_none_turns_another(show, scope, text, sign):
    """Positions go on from right to left where the text does; the keyboard goes as the eye does."""
    view = show(lambda: gs.TokenHeatmap(scope, text, features=[3]))
    found = [place_of(one) for one in tokens(view).all()]
    assert max(one["y"] for one in found) - min(one["y"] for one in found) < 5
    steps = [two["x"] - one["x"] for one, two in itertools.pairwise(found)]
    assert len(steps) >= 2 and all(step * sign > 0 for step in steps)
    isolates = tokens(view).evaluate_all("all => all.map((one) => getComputedStyle(one).unicodeBidi)")
    assert set(isolates) == {"isolate"}
    tokens(view).first.focus()
    view.page.keyboard.press("ArrowLeft" if sign < 0 else "ArrowRight")
    assert view.page.evaluate("() => document.activeElement.dataset.pos") == "1"
    view.root.get_by_text("Table of values").click()
    named = [format_token(one) for one in scope.tokens(text).strings]
    expect(view.root.locator("tbody th")).to_have_count(len(named))
    assert view.root.locator("tbody th").all_inner_texts() == named


def test_texts_beside_each_other_run_as_the_first_does(show, scope):
    view = show(lambda: gs.PromptContrast(scope, "שלום עולם ישן", "שלום עולם חדש"))
    columns = view.root.locator(".gscope-pair")
    places = [place_of(one)["x"] for one in columns.all()]
    assert len(places) >= 3 and places == sorted(places, reverse=True)
    columns.first.focus()
    view.page.keyboard.press("ArrowLeft")
    assert view.page.evaluate("() => document.activeElement.dataset.column") == "1"


def test_a_shift_would_be_seen(show, scope):
    """The control of both."""
    view = show(lambda: gs.TokenHeatmap(scope, TEXT, features=[3]))
    view.watch_shifts()
    view.page.evaluate("() => { document.querySelector('.gscope-chips').style.marginBottom = '40px'; }")
    assert len(view.shifts()) == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_painting_a_feature_of_the_list_and_its_answer_move_nothing(show, scope, width):
    view = show(lambda: gs.TokenHeatmap(scope, TEXT, features=[3]), width=width, height=1400)
    tokens(view).nth(2).click()
    view.watch_shifts()
    for _ in range(2):
        listed(view).last.click()
        view.settle()
        listed(view).nth(1).click()
        view.settle()
    assert view.shifts() == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_slider_moves_nothing_but_itself(show, scope, width):
    view = show(lambda: gs.FeatureSliders(scope, TEXT, features=[3, 4]), width=width, height=1500)
    before = place_of(view.root)
    slider = view.root.get_by_role("slider").first
    slider.focus()
    for key in ("End", "PageDown", "Home"):
        view.page.keyboard.press(key)
        view.settle()
        assert place_of(view.root) == before, key
    number = view.root.get_by_role("textbox", name="Value of feature 3 as a number")
    number.fill("1e9")
    number.press("Tab")
    expect(view.root.get_by_role("alert").filter(has_text="got 1e9")).to_be_visible()
    assert place_of(view.root) == before


@pytest.mark.parametrize("width", WIDTHS)
def test_a_run_moves_nothing(show, scope, width):
    view = show(
        lambda: gs.SteeringPanel(scope, TEXT, features=[3], max_new_tokens=60, strength=1.0, strength_limit=3),
        width=width,
        height=2000,
    )
    before = place_of(view.root)
    view.root.get_by_role("button", name="Start", exact=True).click()
    view.settle()
    assert view.root.locator(".gscope-made").count() > 100
    view.root.get_by_role("slider").focus()
    view.page.keyboard.press("End")
    view.settle()
    expect(view.root.get_by_text("A strength of 3 mean norms is beyond 2")).to_be_visible()
    assert place_of(view.root) == before


# ---- no click is lost


def press(view: PlainView, what: Locator) -> None:
    """As a hand does: down, time for whatever that begins, and up."""
    view.page.mouse.move(*middle(what))
    view.page.mouse.down()
    view.settle()
    view.page.mouse.up()
    view.settle()


def test_a_press_on_the_list_after_a_pick_paints_at_once(show, scope):
    view = show(lambda: gs.TokenHeatmap(scope, TEXT, features=[3]))
    press(view, tokens(view).nth(2))
    assert view.widget.selected_pos == 2
    wanted = int(listed(view).nth(1).get_attribute("data-feature"))
    press(view, listed(view).nth(1))
    assert [ref.feature for ref in view.widget.features] == [wanted, 3]


def test_a_press_outlasts_an_answer(show, scope):
    view = show(lambda: gs.TokenHeatmap(scope, TEXT, features=[3]))
    press(view, tokens(view).nth(2))
    for what, pressed in (
        (listed(view).nth(2), "data-feature"),
        (view.root.locator(".gscope-chip-fill").last, "data-fill"),
    ):
        wanted = int(what.get_attribute(pressed))
        view.page.mouse.move(*middle(what))
        view.page.mouse.down()
        view.widget.features = [
            *(ref.feature for ref in view.widget.features if ref.feature != wanted),
            5 + len(pressed),
        ]
        view.widget.text = TEXT + " The"
        view.settle()
        view.page.mouse.up()
        view.settle()
        view.widget.text = TEXT
        view.settle()
        if pressed == "data-feature":
            assert view.widget.features[0].feature == wanted


def test_a_press_on_a_token_sends_the_text_and_picks(show, scope):
    view = show(lambda: gs.TokenHeatmap(scope, TEXT, features=[3]))
    view.root.get_by_role("textbox", name="Text", exact=True).fill(f"{TEXT} The")
    press(view, tokens(view).nth(3))
    assert (view.widget.text, view.widget.selected_pos) == (f"{TEXT} The", 3)


def test_a_press_on_a_likely_token_pins_it_after_a_pick(show, scope):
    view = show(lambda: gs.LogitLens(scope, "The old fisherman sold"))
    press(view, view.root.locator("[data-row='2'][data-pos='1']"))
    button = view.root.locator("[data-pin]").nth(1)
    wanted = int(button.get_attribute("data-pin"))
    press(view, button)
    assert list(view.widget.pinned) == [wanted]


def test_a_refused_number_does_not_take_the_next_press(show, scope):
    view = show(lambda: gs.FeatureSliders(scope, TEXT, features=[3, 4]), width=400, height=1500)
    view.root.get_by_role("textbox", name="Value of feature 3 as a number").fill("1e9")
    press(view, view.root.get_by_role("switch", name="Change feature 4"))
    assert [one.on for one in view.widget.changes] == [False, True]


def test_a_fifth_feature_is_refused_in_words_where_it_is_pressed(show, scope):
    view = show(lambda: gs.TokenHeatmap(scope, TEXT, features=[3, 4, 5, 6]))
    tokens(view).nth(2).click()
    new = view.root.locator(
        ".gscope-top button:not([data-feature='3'], [data-feature='4'], [data-feature='5'], [data-feature='6'])"
    )
    press(view, new.first)
    expect(view.root.get_by_role("region").get_by_role("alert")).to_contain_text(
        "At most 4 features are painted at once"
    )
    assert [ref.feature for ref in view.widget.features] == [3, 4, 5, 6]


# ---- keyboard


@pytest.mark.row("NEW 8")
def test_the_keyboard_goes_from_a_token_to_its_list_and_paints(show, scope):
    view = show(lambda: gs.TokenHeatmap(scope, TEXT, features=[3]))
    tokens(view).nth(4).click()
    view.settle()
    tokens(view).nth(2).focus()
    view.pump()
    wanted = int(listed(view).first.get_attribute("data-feature"))
    view.page.keyboard.press("Tab")
    expect(listed(view).first).to_be_focused()
    expect(view.root.locator(".gscope-facts")).to_contain_text("position2")
    view.page.keyboard.press("Enter")
    view.settle()
    assert view.widget.features[0].feature == wanted
    expect(view.root.locator(f".gscope-top button[data-feature='{wanted}']")).to_be_focused()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_term_opens_in_place_by_pointer_and_by_key(show, scope, width):
    view = show(lambda: gs.TokenHeatmap(scope, TEXT, features=[3]), width=width, height=1400)
    tokens(view).nth(4).click()
    view.settle()
    view.watch_shifts()
    before = place_of(view.root)
    terms = view.root.locator(".gscope-term-word:visible")
    tips = view.root.locator(".gscope-term-tip:visible")
    expect(tips).to_have_count(0)
    for at in range(terms.count()):
        terms.nth(at).hover()
        expect(tips).to_have_count(1)
        box, room = place_of(tips.first), place_of(view.root)
        assert room["x"] <= box["x"] and box["x"] + box["width"] <= room["x"] + room["width"]
    view.page.mouse.move(*middle(tokens(view).nth(4)))
    tokens(view).nth(4).focus()
    for words in ("the number of features that fire", "fraction of variance"):
        view.page.keyboard.press("?")
        expect(tips).to_contain_text(words)
    view.page.keyboard.press("Escape")
    expect(tips).to_have_count(0)
    expect(tokens(view).nth(4)).to_be_focused()
    assert view.widget.selected_pos == 4
    assert view.shifts() == []
    assert place_of(view.root) == before


def test_escape_and_a_second_press_let_the_token_go(show, scope):
    view = show(lambda: gs.TokenHeatmap(scope, TEXT, features=[3]))
    for let_go in (lambda: press(view, tokens(view).nth(2)), lambda: view.page.keyboard.press("Escape")):
        press(view, tokens(view).nth(2))
        assert view.widget.selected_pos == 2
        let_go()
        view.settle()
        assert view.widget.selected_pos is None
        expect(view.root.locator("[aria-selected=true]")).to_have_count(0)


@pytest.mark.parametrize(("text", "pos", "words"), [
    (TEXT.replace("market", "house"), 3, ""),
    (f"On Monday the {TEXT[4:]}", 5, "stands at position 5 now; it was 3"),
    (TEXT.replace("fisherman", "children"), None, "none is picked now"),
])  # fmt: skip
def test_after_new_text_the_pick_is_on_its_word_or_gone_and_that_is_said(show, scope, text, pos, words):
    view = show(lambda: gs.TokenHeatmap(scope, TEXT, features=[3]))
    press(view, tokens(view).nth(3))
    word = view.widget.reading.tokens.strings[3]
    assert word == " fisherman"
    view.root.get_by_role("textbox", name="Text", exact=True).fill(text)
    view.page.keyboard.press("Control+Enter")
    view.settle()
    assert view.widget.selected_pos == pos
    assert pos is None or view.widget.reading.tokens.strings[pos] == word
    expect(view.root.locator(".gscope-details [role=status]")).to_have_text(re.compile(words) if words else "")


# ---- the rest


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)
def test_on_paper_every_widget_is_light(show, engine, row):
    view = show(lambda: make_example(row, engine), theme="dark")
    ground = "node => getComputedStyle(node).backgroundColor"
    assert view.root.evaluate(ground) == "rgb(27, 30, 36)"
    view.page.emulate_media(media="print")
    expect(view.root).to_have_attribute("data-theme", "light")
    assert view.root.evaluate(ground) == "rgb(255, 255, 255)"
    view.page.emulate_media(media="screen")
    expect(view.root).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)
def test_no_widget_is_wider_than_a_narrow_window(show, engine, row):
    view = show(lambda: make_example(row, engine), width=400)
    assert view.page.evaluate("() => document.documentElement.scrollWidth") <= 400
    for fold in view.root.locator("summary").filter(visible=True).all():
        fold.click()
    assert view.page.evaluate("() => document.documentElement.scrollWidth") <= 400
    heights = view.root.locator(".gscope-table td:not(.gscope-prose)").evaluate_all(
        "cells => cells.map((cell) => cell.offsetHeight)"
    )
    assert all(height < 30 for height in heights)


@pytest.mark.parametrize("width", [1500, 760, 400])
@pytest.mark.parametrize("name", ["TokenHeatmap", "FeatureSliders", "SteeringPanel"])
def test_the_words_of_a_feature_are_whole(show, scope, monkeypatch, name, width):
    label = FeatureLabel("words of the harbour and of fishing", source="tests", auc=0.9)
    monkeypatch.setattr(FakeDictionary, "label", lambda _dictionary, _feature: label)
    view = show(lambda: getattr(gs, name)(scope, TEXT, features=[3, 4, 7, 9]), width=width, height=1500)
    labels = view.root.locator(".gscope-feature-label:visible")
    assert labels.count() >= 4
    is_cut = "nodes => nodes.map((n) => n.scrollWidth > n.clientWidth + 1 || n.scrollHeight > n.clientHeight + 2)"
    assert not any(labels.evaluate_all(is_cut))
    assert not any(view.root.locator(".gscope-chip").evaluate_all(is_cut))


def test_of_a_long_text_the_lens_draws_what_is_near_the_view(show, scope):
    text = " ".join(["The old fisherman sold two fish."] * 30)
    view = show(lambda: gs.LogitLens(scope, text))
    count, rows = len(view.widget.reading.tokens), len(view.widget.reading.layers)
    cells = view.root.get_by_role("gridcell")
    assert cells.count() < count * rows / 2
    view.root.locator(".gscope-lens-scroll").evaluate("node => { node.scrollLeft = node.scrollWidth; }")
    view.settle()
    last = view.root.locator(f"[data-row='0'][data-pos='{count - 1}']")
    expect(last).to_be_visible()
    wanted = view.widget.reading.names[int(view.widget.reading.ids[0, count - 1, 0])]
    expect(last).to_contain_text(wanted.strip())
    assert place_of(last)["x"] + place_of(last)["width"] <= place_of(view.root)["x"] + place_of(view.root)["width"]
    last.focus()
    view.page.keyboard.press("Home")
    expect(view.root.locator("[data-row='0'][data-pos='0']")).to_be_focused()


def test_a_run_goes_on_in_the_line_of_an_answer_that_is_begun(show, scope):
    chat = [{"role": "user", "content": "Who sold fish?"}, {"role": "assistant", "content": "The old"}]
    view = show(lambda: gs.SteeringPanel(scope, chat, features=[3], max_new_tokens=2))
    view.root.get_by_role("button", name="Start", exact=True).click()
    view.settle()
    lines = view.root.locator(".gscope-stream").first.inner_text().split("\n")
    assert [line for line in lines if line.startswith("assistant: The old") and line != "assistant: The old"]
    assert lines[0] == "user: Who sold fish?"


@pytest.mark.row("6")
def test_made_tokens_and_their_prompt_run_as_the_prompt_does(show, scope):
    """From the right where its first letter does so; English is the control."""
    for prompt, direction in (("שלום לכולם", "rtl"), ("The old fisherman", "ltr")):
        view = show(lambda prompt=prompt: gs.SteeringPanel(scope, prompt, features=[3], max_new_tokens=4))
        view.root.get_by_role("button", name="Start", exact=True).click()
        view.settle()
        expect(view.root.locator(".gscope-stream").first).to_contain_text(prompt.split()[0])
        seen = view.page.evaluate(
            "() => [...document.querySelectorAll('.gscope-stream, textarea')].map((node) => getComputedStyle(node))"
            ".map((style) => [style.direction, style.textAlign])"
        )
        assert len(seen) >= 4
        assert {way for way, _ in seen} == {direction}
        assert {align for _, align in seen} == {"start"}
