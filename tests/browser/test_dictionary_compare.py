"""DictionaryCompare in Chromium: a token, a match and another dictionary by mouse and by keyboard, and nothing moves."""

import pytest
from playwright.sync_api import expect

import gscope_widgets as gs
from tests.fake_scope import FakeScope

TEXT = "The old fisherman sold two fish to his sister."


@pytest.fixture(params=[400, 1500])
def view(request, show):
    """The view in a page of that width."""
    scope = FakeScope()
    dictionaries = [{}, {"layer": 5}, {"site": "mlp_out"}]
    yield show(lambda: gs.DictionaryCompare(scope, TEXT, dictionaries), width=request.param, height=1600)
    scope.close()


@pytest.mark.row("17", "NEW 21")
def test_a_token_lists_what_fires_in_either_and_a_match_stands_under_the_text(view):
    tokens, matches = view.root.locator(".gscope-token"), view.root.get_by_role("region", name="Matched features")
    widget = view.widget
    expect(tokens).to_have_count(len(widget.comparison.readings[0].tokens))
    height = view.root.bounding_box()["height"]
    tokens.nth(3).click()
    view.settle()
    assert widget.selected_pos == 3
    listed = widget._list()
    rows = matches.locator(".gscope-match")
    expect(rows).to_have_count(len(listed))
    expect(matches).to_contain_text("position 3: L0")
    rows.first.click()
    view.settle()
    best = listed[0].match
    assert widget.selected_feature.feature == (best.first or best.second)[0].feature
    expect(rows.first).to_have_attribute("aria-pressed", "true")
    expect(view.root.locator(".gscope-compare-bar")).to_contain_text("Bars: where")
    view.page.keyboard.press("Escape")  # from the list, as from the text
    view.settle()
    assert widget.selected_pos is None
    tokens.nth(3).focus()
    for key in ("Home", "ArrowRight", "Enter"):
        view.page.keyboard.press(key)
    view.settle()
    assert widget.selected_pos == 1
    assert view.root.bounding_box()["height"] == height


def test_a_walk_over_the_text_moves_nothing(view):
    tokens = view.root.locator(".gscope-token")
    before = [one.bounding_box() for one in (view.root, tokens.first, tokens.last)]
    view.watch_shifts()
    for at in range(tokens.count()):
        tokens.nth(at).hover()
    tokens.first.focus()
    for _ in range(tokens.count()):
        view.page.keyboard.press("ArrowRight")
    assert view.shifts() == []
    assert [one.bounding_box() for one in (view.root, tokens.first, tokens.last)] == before


def test_another_dictionary_is_chosen_and_the_list_sorted_by_the_keyboard(view):
    widget = view.widget
    first, second, third = (one.info.id for one in widget.dictionaries)
    choice = view.root.get_by_role("combobox", name="The second dictionary")
    choice.focus()
    choice.select_option(third)
    view.settle()
    assert widget.compared == (first, third)
    choice.select_option(first)
    view.settle()
    assert widget.compared == (third, first)
    rows = view.root.locator(".gscope-match")
    sort = view.root.get_by_role("button", name="Sort by second: the strongest in the second dictionary first")
    sort.focus()
    view.page.keyboard.press("Enter")
    view.settle()
    assert widget.order == "second"
    strongest = widget._list()[0].match.second[0].feature
    expect(rows.first).to_contain_text(f"#{strongest}")
    count = widget.comparison.pairs[0].count("only first")
    view.root.get_by_role("button", name=f"only first {count}", exact=True).click()
    view.settle()
    expect(rows).to_have_count(min(50, count))
    assert second not in widget.compared
