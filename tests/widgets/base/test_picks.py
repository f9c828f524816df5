"""A picked token while the text changes: it stays on its token or is dropped, whoever picked it and whichever widget."""

import pytest

import gscope_widgets as gs
from gscope_widgets.widgets.base.picks import find_same

TEXT = "The old fisherman sold twelve fish"
WIDGETS = [gs.TokenHeatmap, gs.LogitLens]


@pytest.mark.parametrize("kind", WIDGETS)
@pytest.mark.parametrize(
    ("text", "pos"),
    [
        (TEXT + " and coins", 3),  # what is added behind it
        (TEXT.replace("twelve fish", "two coins"), 3),  # other words behind it
        ("On Monday " + TEXT, 5),  # what is added before it
        (TEXT.replace("fisherman", "sister"), None),
        (f"On Monday {TEXT} and coins", None),  # changed on both sides: where it is, nobody can say
        ("", None),
    ],
)
def test_a_pick_follows_its_token_or_is_dropped_and_that_is_said(scope, open_page, kind, text, pos):
    page = open_page(kind(scope, TEXT))
    page.set(selected_pos=3)
    page.set(text=text)
    page.settle()
    assert page.widget.selected_pos == pos
    content, _ = page.messages("result")[-1]
    assert bool(content["note"]) == (pos != 3)
    if pos is not None:
        assert page.widget.reading.tokens.strings[pos] == " fisherman"


@pytest.mark.parametrize("kind", WIDGETS)
def test_what_python_picks_in_a_text_that_it_just_set_stays(scope, open_page, kind):
    page = open_page(kind(scope, TEXT))
    scope.gate.clear()
    page.widget.text = "On Monday the children sang"
    page.widget.selected_pos = 3
    scope.gate.set()
    page.settle()
    assert page.widget.selected_pos == 3


def test_a_token_of_the_same_words_elsewhere_is_another(scope):
    before, after = scope.tokens("old old old"), scope.tokens("the old house old")
    assert find_same(before, before, 2) == 2
    assert find_same(before, after, 2) is None
    assert find_same(before, after, len(before) - 1) == len(after) - 1


def test_a_strength_beyond_what_is_known_to_hold_is_said_in_view_and_copy(scope, open_page, check_copy):
    panel = open_page(gs.SteeringPanel(scope, TEXT, features=[3], strength=0.5)).widget
    assert panel.caution == ""
    panel.strength = -3.0
    assert panel.caution.startswith(
        "A strength of -3 mean norms is beyond 2, where generated text is known to break up"
    )
    panel.active = [False]
    assert panel.caution == ""
    sliders = open_page(gs.FeatureSliders(scope, TEXT, features=[3, 4], mode="add")).widget
    sliders.values = [None, 2.5]
    sliders.wait()
    assert sliders.caution.startswith("A strength of 2.5 mean norms")
    assert sliders.caution in check_copy(sliders._build_copy())
    sliders.modes = ["add", "scale"]
    assert sliders.caution == ""
