"""PromptContrast in Chromium: a column and a feature by mouse and by keyboard, and nothing moves."""

import pytest
from playwright.sync_api import expect

import gscope_widgets as gs
from tests.fake_scope import FakeScope

FIRST, SECOND = "The old fisherman sold two fish.", "The old baker sold two fish on Monday."


@pytest.fixture(params=[400, 1500])
def view(request, show):
    """The view in a page of that width."""
    scope = FakeScope()
    yield show(lambda: gs.PromptContrast(scope, FIRST, SECOND), width=request.param)
    scope.close()


@pytest.mark.row("17")
def test_a_column_lists_its_features_and_a_feature_colours_both_texts(view):
    columns, details = view.root.get_by_role("option"), view.root.get_by_role("region", name="Features")
    contrast = view.widget.contrast
    expect(columns).to_have_count(len(contrast.pairs))
    height = view.root.bounding_box()["height"]
    alone = next(at for at, (first, second) in enumerate(contrast.pairs) if first >= 0 > second)
    columns.nth(alone).click()
    view.settle()
    assert view.widget.selected_column == alone
    expect(details).to_contain_text("only in the first text")
    most = contrast.differing(1, row=alone)[0].feature
    feature = details.locator(f"[data-feature='{most}']").first
    feature.click()
    view.settle()
    assert view.widget.selected_feature.feature == most
    expect(view.root.locator(".gscope-contrast-bar")).to_contain_text(f"#{most}")
    expect(feature).to_have_attribute("aria-pressed", "true")
    assert view.root.bounding_box()["height"] == height
    columns.nth(alone).focus()
    view.page.keyboard.press("Escape")
    view.page.keyboard.press("Home")
    view.page.keyboard.press("ArrowRight")
    view.page.keyboard.press("Enter")
    view.settle()
    assert view.widget.selected_column == 1
    expect(details).to_contain_text("in both, position 1 and 1")
