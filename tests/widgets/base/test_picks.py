"""A picked token while the text changes: it stays on its token or is dropped, whoever picked it and whichever widget."""

import re

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.widgets.base.picks import find_same
from tests.fake_comm import WIDGETS as WIDGETS_HERE

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


@pytest.mark.parametrize("kind", [*WIDGETS, gs.FeatureFinder, gs.Workbench])
def test_a_position_beyond_the_text_is_refused_from_page_and_python(scope, open_page, kind):
    page = open_page(kind(scope, TEXT))
    widget, count = page.widget, len(scope.tokens(TEXT))
    words = f"selected_pos must be below {count}, the number of the text's tokens, got 999; None picks nothing"
    widget.selected_pos = count - 1
    names = ["selected_pos", *(["pos"] if hasattr(kind, "pos") else [])]
    for name in names:
        for wrong in (999, np.int64(999)):
            with pytest.raises(gs.InvalidValue, match=re.escape(words)):
                setattr(widget, name, wrong)
    with pytest.raises(gs.InvalidValue, match=f"below {count}"):
        widget.selected_pos = count
    page.set(selected_pos=999)
    status = page.settle()
    assert (status["state"], status["message"]) == ("error", words)
    assert widget.selected_pos == count - 1
    assert page.patches("selected_pos")[-1] == count - 1
    page.set(selected_pos=None)
    assert widget.selected_pos is None


@pytest.mark.parametrize("kind", WIDGETS)
def test_a_position_is_one_of_the_text_that_is_meant(scope, open_page, kind):
    """Python means the text that it has set, answered or not; the page the one that it shows."""
    page = open_page(kind(scope, TEXT))
    longer = f"{TEXT} and coins and more"
    last = len(scope.tokens(longer)) - 1
    scope.gate.clear()
    page.widget.text = longer
    page.set(selected_pos=last)
    assert "must be below" in page.widget.status["message"]
    page.widget.selected_pos = last
    scope.gate.set()
    page.settle()
    page.widget.wait()
    assert page.widget.selected_pos == last
    page.widget.text = "old"
    with pytest.raises(gs.InvalidValue, match="must be below"):
        page.widget.selected_pos = last


@pytest.mark.parametrize("kind", [gs.FeatureFinder, gs.DictionaryCompare])
def test_a_widget_is_not_made_with_a_position_beyond_its_text(scope, kind):
    more = {"dictionaries": [{}, {"layer": 1}]} if kind is gs.DictionaryCompare else {}
    count = len(WIDGETS_HERE)
    with pytest.raises(gs.InvalidValue, match=r"pos must be below 2, .* got 2"):
        kind(scope, "old", pos=2, **more)
    assert len(WIDGETS_HERE) == count
    made = kind(scope, "old", pos=1, **more)
    assert made.selected_pos == 1
    made.close()


def test_a_linked_widget_whose_text_is_shorter_picks_nothing(scope, open_page):
    long, short = (open_page(gs.TokenHeatmap(scope, text)).widget for text in (TEXT, "old"))
    gs.link(long, short, share=["pos"])
    long.selected_pos = 1
    assert short.selected_pos == 1
    long.selected_pos = 4
    assert (short.selected_pos, short.status["state"]) == (None, "idle")


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
    sliders.interventions = [gs.scale(sliders.features[1], 2.5)]
    assert sliders.caution == ""
