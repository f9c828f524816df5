"""TokenHeatmap in a real JupyterLab: typing, pointing, clicking, the keyboard, and hostile text."""

import re

import pytest
from playwright.sync_api import Locator, expect

TEXT = "The old fisherman sold two red coats in the market."
OTHER = "On Monday his sister wanted bread."
# The features painted are those that fire most often on both texts, whichever they are.
CELLS = [
    f"import gscope_widgets as gs\nscope = gs.load()\nfirst_text, other_text = {TEXT!r}, {OTHER!r}",
    """from collections import Counter

counts = [Counter(scope.read(text).features.tolist()) for text in (first_text, other_text)]
often = sorted(counts[0], key=lambda feature: -min(count[feature] for count in counts))""",
    "heatmap = gs.TokenHeatmap(scope, first_text, features=often[:3])\nheatmap",
]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def heatmap(notebook) -> Locator:
    """The live view, reading TEXT, with nothing chosen."""
    notebook.run("heatmap.text = first_text; heatmap.selected_pos = heatmap.selected_feature = None; heatmap.wait()")
    view = notebook.widget("Token heatmap")
    expect(tokens(view)).to_have_count(notebook.evaluate("len(heatmap.reading.tokens)"))
    expect(editor(view)).to_have_value(TEXT)
    view.get_by_role("heading").hover()
    return view


def editor(view: Locator) -> Locator:
    return view.get_by_role("textbox", name="Text", exact=True)


def tokens(view: Locator) -> Locator:
    return view.locator(".gscope-token")


def details(view: Locator) -> Locator:
    return view.get_by_role("region", name="Token details")


def fact(view: Locator, term: str) -> Locator:
    return details(view).locator("dl > div").filter(has=view.page.get_by_text(term, exact=True)).locator("dd")


def read_fills(view: Locator) -> list[tuple[float, float]]:
    """Each token's fill as it is computed: lightness (0 to 255) and opacity (0 to 1)."""
    colours = tokens(view).evaluate_all("nodes => nodes.map((node) => getComputedStyle(node).backgroundColor)")
    parts = [[float(part) for part in re.findall(r"[\d.]+", colour)] for colour in colours]
    return [(0.2126 * r + 0.7152 * g + 0.0722 * b, rest[0] if rest else 1.0) for r, g, b, *rest in parts]


def type_text(view: Locator, text: str) -> None:
    """Replace what the editor holds, key by key."""
    editor(view).click()
    view.page.keyboard.press("Control+a")
    view.page.keyboard.type(text)


def wait_until_read(notebook, view: Locator, text: str) -> None:
    notebook.wait_for("heatmap.text", text)
    expect(tokens(view)).to_have_count(notebook.evaluate("len(heatmap.reading.tokens)"))
    expect(view.locator(".gscope-summary").first).not_to_contain_text("of the last text read")


def test_typing_shows_the_new_tokens_filled_by_activation(notebook, heatmap):
    before = read_fills(heatmap)
    type_text(heatmap, OTHER)
    wait_until_read(notebook, heatmap, OTHER)
    after = read_fills(heatmap)
    assert after != before

    trace = notebook.evaluate("heatmap.reading.trace(heatmap.features[0].feature).tolist()")
    used = notebook.evaluate("list(heatmap.reading.tokens.used)")
    assert len(trace) == len(after)
    assert any(trace[pos] > 0 for pos in used)
    for pos in used:
        assert (after[pos][1] > 0) == (trace[pos] > 0), pos
    lightness = [after[pos][0] for pos in sorted(used, key=lambda pos: trace[pos]) if trace[pos] > 0]
    assert lightness == sorted(lightness, reverse=True)


def test_the_same_text_again_has_the_same_fills(notebook, heatmap):
    before = read_fills(heatmap)
    type_text(heatmap, OTHER)
    wait_until_read(notebook, heatmap, OTHER)
    type_text(heatmap, TEXT)
    wait_until_read(notebook, heatmap, TEXT)
    assert read_fills(heatmap) == before


def test_without_features_no_token_is_filled(notebook, heatmap):
    painted = notebook.evaluate("[ref.feature for ref in heatmap.features]")
    for feature in painted:
        heatmap.get_by_role("button", name=f"Remove feature {feature}").click()
    notebook.wait_for("list(heatmap.features)", [])
    used = notebook.evaluate("list(heatmap.reading.tokens.used)")
    assert [read_fills(heatmap)[pos][1] for pos in used] == [0] * len(used)
    notebook.run(f"heatmap.features = {painted}; heatmap.wait()")
    expect(heatmap.get_by_role("button", name=f"Remove feature {painted[0]}")).to_be_visible()


@pytest.mark.row("1")
def test_pointing_at_a_token_shows_its_numbers(notebook, heatmap):
    expect(details(heatmap)).to_contain_text("Point at a token")
    ids = notebook.evaluate("list(heatmap.reading.tokens.ids)")
    l0 = notebook.evaluate("heatmap.reading.l0.tolist()")
    trace = notebook.evaluate("heatmap.reading.trace(heatmap.features[0].feature).tolist()")
    for pos in (2, 5):
        tokens(heatmap).nth(pos).hover()
        expect(fact(heatmap, "position")).to_have_text(str(pos))
        expect(fact(heatmap, "token id")).to_have_text(str(ids[pos]))
        expect(fact(heatmap, "L0")).to_have_text(str(l0[pos]))
        shown = details(heatmap).locator(".gscope-values output").first.inner_text()
        assert float(shown.split(",")[0]) == pytest.approx(trace[pos], rel=1e-3, abs=1e-4)


@pytest.mark.row("30")
def test_a_click_sets_the_position_in_python(notebook, heatmap):
    assert notebook.evaluate("heatmap.selected_pos") is None
    tokens(heatmap).nth(3).click()
    notebook.wait_for("[heatmap.selected_pos, heatmap.selected_feature == heatmap.features[0]]", [3, True])
    expect(tokens(heatmap).nth(3)).to_have_attribute("aria-selected", "true")
    expect(heatmap.locator('.gscope-token[aria-selected="true"]')).to_have_count(1)


def test_nothing_moves_in_the_notebook_and_the_next_press_counts(notebook, heatmap):
    """What a newcomer met: the details grew, the notebook scrolled, and the click on the list was lost."""
    before = [heatmap.bounding_box(), tokens(heatmap).nth(3).bounding_box()]
    for pos in (3, 0, 5):
        tokens(heatmap).nth(pos).hover()
        assert [heatmap.bounding_box(), tokens(heatmap).nth(3).bounding_box()] == before, pos
    tokens(heatmap).nth(3).click()
    wanted = heatmap.locator(".gscope-top button").nth(1)
    feature = int(wanted.get_attribute("data-feature"))
    painted = notebook.evaluate("[ref.feature for ref in heatmap.features]")
    box = wanted.bounding_box()
    heatmap.page.mouse.move(box["x"] + 30, box["y"] + box["height"] / 2)
    heatmap.page.mouse.down()
    heatmap.page.mouse.up()
    notebook.wait_for("heatmap.features[0].feature", feature)
    assert [heatmap.bounding_box(), tokens(heatmap).nth(3).bounding_box()] == before
    notebook.run(f"heatmap.features = {painted}; heatmap.wait()")


@pytest.mark.row("31")
def test_python_sets_the_position_in_the_page(notebook, heatmap):
    notebook.run("heatmap.selected_pos = 4")
    expect(tokens(heatmap).nth(4)).to_have_attribute("aria-selected", "true")
    expect(fact(heatmap, "position")).to_have_text("4")


def test_the_keyboard_alone_reaches_and_chooses_a_token(notebook, heatmap):
    page = heatmap.page
    editor(heatmap).focus()
    for _ in range(20):
        page.keyboard.press("Tab")
        if heatmap.locator(".gscope-token:focus").count():
            break
    expect(heatmap.locator(".gscope-token:focus")).to_have_count(1)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(tokens(heatmap).nth(2)).to_be_focused()
    expect(fact(heatmap, "position")).to_have_text("2")
    page.keyboard.press("Enter")
    notebook.wait_for("heatmap.selected_pos", 2)


def test_keys_pressed_in_the_widget_do_not_change_the_notebook(notebook, heatmap):
    before = notebook.cell_ids()
    for control in (tokens(heatmap).nth(2), heatmap.get_by_role("button", name="Add")):
        control.focus()
        # In JupyterLab's command mode: insert above, below, cut, delete, undo, to Markdown.
        for key in ("a", "b", "x", "d", "d", "z", "m"):
            heatmap.page.keyboard.press(key)
            expect(control).to_be_focused()
    assert notebook.cell_ids() == before


def test_the_same_keys_outside_the_widget_do_change_it(notebook, heatmap):
    before = notebook.cell_ids()
    notebook.panel.locator(".jp-InputPrompt").first.click()
    heatmap.page.keyboard.press("b")
    assert len(notebook.cell_ids()) == len(before) + 1
    heatmap.page.keyboard.press("z")
    assert notebook.cell_ids() == before


def test_undo_is_the_text_fields_own_and_saving_is_jupyterlabs(notebook, heatmap):
    before = notebook.cell_ids()
    editor(heatmap).press("End")
    heatmap.page.keyboard.type("!")  # one: on a busy machine the browser may undo two of them one by one
    expect(editor(heatmap)).to_have_value(TEXT + "!")
    heatmap.page.keyboard.press("Control+z")
    expect(editor(heatmap)).to_have_value(TEXT)
    heatmap.page.keyboard.press("Control+s")
    heatmap.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    assert notebook.cell_ids() == before


def test_far_too_long_text_is_refused_in_words_and_the_picture_stays(notebook, heatmap):
    before = tokens(heatmap).all_inner_texts()
    editor(heatmap).fill("word " * 100_000)
    note = heatmap.get_by_role("alert").filter(has_text="characters")
    expect(note).to_be_visible()
    expect(note).to_contain_text("500000")
    assert tokens(heatmap).all_inner_texts() == before
    assert notebook.evaluate("heatmap.text") == TEXT
    editor(heatmap).fill(OTHER)
    wait_until_read(notebook, heatmap, OTHER)
    expect(note).to_be_hidden()


def test_a_text_of_too_many_tokens_is_refused_in_words_and_the_picture_stays(notebook, heatmap):
    before = tokens(heatmap).all_inner_texts()
    long = notebook.evaluate("'a ' * scope.info.context")
    assert len(long) < notebook.evaluate("heatmap.text_limit")
    editor(heatmap).fill(long)
    limit = notebook.evaluate("scope.info.context")
    refusal = heatmap.locator(".gscope-field").get_by_role("alert").filter(has_text=f"at most {limit} tokens")
    expect(refusal).to_be_visible()
    expect(editor(heatmap)).to_have_attribute("aria-description", refusal.inner_text().removeprefix("⚠").strip())
    expect(heatmap.get_by_text("what is shown is as before")).to_be_visible()
    assert tokens(heatmap).all_inner_texts() == before
    editor(heatmap).fill(TEXT)
    notebook.wait_for("heatmap.text", TEXT)


def test_an_error_inside_a_request_is_a_sentence_in_the_widget(notebook, heatmap):
    before = tokens(heatmap).all_inner_texts()
    notebook.run("def fail(*_, **__):\n    raise RuntimeError('the disk is on fire')\nscope.read = fail")
    try:
        type_text(heatmap, OTHER)
        expect(heatmap.get_by_role("alert").filter(has_text="the disk is on fire")).to_be_visible()
        assert tokens(heatmap).all_inner_texts() == before
        expect(heatmap.locator(".gscope-summary").first).to_contain_text("of the last text read")
    finally:
        notebook.run("del scope.read")
    type_text(heatmap, TEXT + " ")
    wait_until_read(notebook, heatmap, TEXT + " ")
    expect(heatmap.get_by_role("alert").filter(has_text="the disk is on fire")).to_have_count(0)
    assert notebook.error_outputs() == []


# ---- hostile text

_FOREIGN = """root => [...root.querySelectorAll("*")].map((node) => node.localName)
    .filter((name) => !["div", "span", "br"].includes(name))"""
_CHOOSE = """(area, text) => {
    area.value = text;
    area.dispatchEvent(new InputEvent("input", { bubbles: true }));
}"""
HOSTILE = {
    "image": "<img src=x onerror=alert(1)>",
    "script": "</script><script>window.__x=1</script>",
    "link": '<a href="javascript:alert(1)">x</a>',
    "direction": "abc \u202e cba",
    "null": "a\x00b",
    "surrogate": "a\ud800b",
    "escapes": "\x1b[31m \x9f \u2028",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_shown_as_text(notebook, heatmap, name):
    text = HOSTILE[name]
    kept = text.replace("\ud800", "\ufffd")
    # As code units: a lone surrogate has no form that would reach the page otherwise.
    units = [ord(character) for character in text]
    area = editor(heatmap)
    area.evaluate(f"(area, units) => ({_CHOOSE})(area, String.fromCharCode(...units))", units)
    area.press("Control+Enter")
    wait_until_read(notebook, heatmap, kept)

    strip = heatmap.get_by_role("listbox", name="Tokens")
    assert strip.evaluate(_FOREIGN) == []
    assert heatmap.locator("img, script, a").count() == 0
    assert heatmap.page.evaluate("window.__x") is None
    shown = "".join(tokens(heatmap).all_text_contents())
    assert not set(shown) & set("\u202e\x00\ud800\x1b\x9f\u2028\n")
    visible = [character for character in kept if character.isprintable() and character != " "]
    assert [character for character in shown if character in visible][: len(visible)] or name == "escapes"
    for tag in ("<img", "</script>", "<a"):
        if tag in text:
            assert tag[:2] in shown

    tokens(heatmap).nth(1).hover()
    expect(fact(heatmap, "position")).to_have_text("1")
    copy = notebook.panel.locator(".gscope-static")
    assert copy.locator("img, script, a").count() == 0


def test_foreign_elements_would_be_found(notebook, heatmap):
    assert "textarea" in heatmap.evaluate(_FOREIGN)
