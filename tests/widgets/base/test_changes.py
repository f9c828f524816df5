"""Changes of every kind, with their switches and positions: what is taken, what is refused, what a new text does to them."""

import math
from dataclasses import replace

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.widgets.base.changes import describe_positions, tell_changes
from gscope_widgets.widgets.base.limits import CHANGES
from tests.fake_model import D_MODEL

TEXT = "The old fisherman sold two fish"


@pytest.fixture
def direction():
    return gs.Direction("resid_post", 3, np.arange(1, D_MODEL + 1), "uphill")


@pytest.fixture
def mixed(dictionary, direction):
    """One of every kind, on painted and other positions, one feature changed twice."""
    first, second, third = (dictionary.feature(number) for number in (3, 4, 5))
    return (
        gs.add(first, 0.5),
        gs.clamp(second, 12.0, positions=slice(3, 6)),
        gs.scale(first, 2.0, positions="prompt"),
        gs.ablate(third, positions="generated"),
        gs.add(direction, -0.2),
        gs.add(direction, 3.0, unit="raw", positions=slice(1, 2)),
    )


@pytest.fixture(params=["FeatureSliders", "SteeringPanel"])
def widget(request, scope, open_page):
    kind = getattr(gs, request.param)
    return open_page(kind(scope, TEXT, features=[3])).widget


@pytest.mark.row("21", "23")
def test_interventions_of_any_kind_are_set_and_read(widget, mixed, dictionary, direction):
    taken = mixed if isinstance(widget, gs.SteeringPanel) else tuple(one for one in mixed if one.kind != "ablate")
    widget.interventions = taken
    assert widget.interventions == taken
    assert [one.on for one in widget.changes] == [True] * len(taken)
    assert widget.features == tuple(dict.fromkeys(one.ref for one in taken if one.ref is not direction))
    assert widget.directions == (direction,)
    assert len(widget.ranges) == len(taken)
    widget.wait()
    assert widget.status["state"] == "idle"


@pytest.mark.row("21")
def test_each_change_has_its_own_switch(widget, dictionary):
    given = [gs.add(dictionary.feature(3), 0.5), gs.scale(dictionary.feature(4), 2.0)]
    widget.interventions = given
    widget.changes = [replace(widget.changes[0], on=False), widget.changes[1]]
    assert widget.interventions == (given[1],)
    assert widget.features == (given[0].ref, given[1].ref)  # it stays listed
    widget.features = [4, 7]
    assert [one.ref.feature for one in widget.changes] == [4, 7]
    assert widget.changes[0].on


def test_what_crosses_is_what_was_set(widget, mixed, scope, open_page):
    """Changes that the page had are changes again: as after a reload, or from a saved file."""
    taken = tuple(one for one in mixed if one.positions != "generated")
    widget.interventions = taken
    widget.wait()
    state = widget.get_state(["changes", "directions"])
    again = open_page(type(widget)(scope, TEXT, features=[9]))
    again.set(**state)
    assert again.settle()["state"] == "idle"
    assert again.widget.changes == widget.changes
    assert again.widget.interventions == taken
    assert again.widget.directions == widget.directions


@pytest.mark.parametrize("kind", ["add", "clamp", "scale", "ablate"])
def test_what_the_page_sets_does_not_come_back_over_what_it_sets_next(widget, open_page, kind):
    """A switch that is turned while the change of its kind is on its way must not turn back."""
    page, (told,) = open_page(widget), widget.get_state(["changes"])["changes"]
    widget.wait()
    page.forget()
    set_to = {**told, "kind": kind, "amount": 0, "unit": "fraction", "on": True}
    page.set(changes=[set_to])
    page.settle()
    assert widget.changes[0].intervention.kind == kind
    assert page.patches("changes") == []
    page.set(changes=[{**set_to, "ref": told["ref"]["feature"], "kind": "scale", "amount": 3}])
    page.settle()  # the control: what Python writes otherwise than the page does come back
    assert len(page.patches("changes")) == 1


def test_a_widget_may_begin_with_interventions_alone(scope, dictionary, open_page, direction):
    given = [gs.clamp(dictionary.feature(4), 12.0, positions=slice(3, 6)), gs.add(direction, 0.3)]
    for kind in (gs.FeatureSliders, gs.SteeringPanel):
        widget = open_page(kind(scope, TEXT, interventions=given)).widget
        assert widget.interventions == tuple(given)
        assert widget.features == (dictionary.feature(4),)
        with pytest.raises(gs.InvalidValue, match="features or interventions, not both"):
            kind(scope, TEXT, features=[3], interventions=given)
        for wrong in (5, np.int64(5), np.array(5)):
            with pytest.raises(gs.InvalidValue, match="changes is a list such as"):
                kind(scope, TEXT, interventions=wrong)


@pytest.mark.row("21")
def test_what_cannot_be_is_refused_in_a_sentence_and_nothing_is_lost(widget, dictionary, direction):
    three = dictionary.feature(3)
    good = [gs.add(three, 0.5), gs.clamp(dictionary.feature(4), 12.0, positions=slice(3, 6))]
    widget.interventions = good
    widget.wait()
    before = widget.to_html()
    short = gs.Direction("resid_post", 3, np.ones(D_MODEL - 1))
    random = widget.scope.random_control(good)
    wrong = [
        ([gs.clamp(three, 2.0), gs.ablate(three)], "both set .* keep one of them"),
        ([gs.clamp(three, 2.0, positions=slice(2, 4)), gs.scale(three, 2, positions=slice(3, 5))], "both set"),
        ([gs.add(short, 0.5)], "16 numbers, got 15"),
        ([gs.add(three, 0.5, positions=slice(3, 500))], r"a range of the text's \d+ tokens"),
        ([gs.add(three, 0.5, positions=slice(3, None))], r"a range of the text's \d+ tokens"),
        ([gs.add(three, 0.5, positions=slice(1, 5, 2))], "without a step"),
        ([gs.add(three, 0.5)] * (CHANGES + 1), f"at most {CHANGES} changes, got {CHANGES + 1}"),
        ([random], "random controls stand beside"),
    ]
    for given, words in wrong:
        with pytest.raises(gs.InvalidValue, match=words):
            widget.interventions = given
        assert widget.interventions == tuple(good)
    for given in (3, [3], "add", None):
        with pytest.raises(gs.InvalidValue, match="interventions is a list such as"):
            widget.interventions = given
    for given in ("add", None, 5):
        with pytest.raises(gs.InvalidValue, match=r"changes is a list such as"):
            widget.changes = given
    for amount in (math.nan, 1e30):
        with pytest.raises(gs.InvalidValue, match="strength must be a finite number from -100 to 100"):
            gs.add(three, amount)
    assert widget.interventions == tuple(good)
    assert widget.to_html() == before


def test_a_hundred_interventions_are_answered_in_one_sentence(widget, dictionary):
    with pytest.raises(gs.InvalidValue, match=f"at most {CHANGES} changes, got 100; scope.compare takes any number"):
        widget.interventions = [gs.add(dictionary.feature(number), 0.1) for number in range(100)]
    widget.interventions = [gs.add(dictionary.feature(number), 0.01) for number in range(CHANGES)]
    assert len(widget.features) == len(widget.known) == CHANGES


# ---- painted ranges


def text_of(widget) -> str:
    return "prompt" if isinstance(widget, gs.SteeringPanel) else "text"


@pytest.mark.row("23")
def test_a_range_knows_its_tokens(widget, dictionary, scope):
    widget.interventions = [gs.clamp(dictionary.feature(3), 9.0, positions=slice(2, 4))]
    tokens = scope.tokens(TEXT)
    words = "".join(tokens.strings[2:4])
    assert widget.changes[0].painted == words
    assert describe_positions(widget.changes[0]) == f"at tokens 2 to 3 ({words})"
    assert widget.prompt_tokens == {"tokens": list(tokens.strings), "ignored": [0], "count": len(tokens)}
    assert tell_changes(widget.changes)[0]["positions"] == {"start": 2, "stop": 4, "text": words}
    widget.wait()
    assert "positions=slice(2, 4)" in widget.to_code()


@pytest.mark.row("23")
def test_a_range_of_a_text_that_changed_is_told_and_reaches_no_other_tokens(widget, dictionary):
    three = dictionary.feature(3)
    widget.interventions = [gs.clamp(three, 9.0, positions=slice(2, 4))]
    assert widget.notice == ""
    setattr(widget, text_of(widget), TEXT + " and bread")  # the same tokens at the same places
    assert widget.interventions == (gs.clamp(three, 9.0, positions=slice(2, 4)),)
    assert widget.notice == ""
    setattr(widget, text_of(widget), "On Monday the children sang")
    assert widget.interventions == (gs.clamp(three, 9.0),)
    assert widget.notice.startswith("The text is another one: feature 3 was changed at tokens 2 to 3 (")
    assert widget.notice.endswith("now it is changed at all tokens.")
    widget.interventions = [gs.clamp(three, 8.0)]
    assert widget.notice == ""


@pytest.mark.row("23")
def test_a_range_painted_on_an_older_text_that_comes_with_a_new_one(widget, dictionary, open_page):
    """The page sends text and changes together."""
    page, name = open_page(widget), text_of(widget)
    page.set(
        changes=[
            {**one, "positions": {"start": 2, "stop": 4, "text": " old fisherman"}}
            for one in tell_changes(widget.changes)
        ],
        **{name: "On Monday the children sang"},
    )
    page.settle()
    assert widget.changes[0].intervention.positions == "all"
    assert "at tokens 2 to 3" in widget.notice
    control = [{**one, "positions": {"start": 2, "stop": 4, "text": ""}} for one in tell_changes(widget.changes)]
    page.set(changes=control)
    page.settle()
    assert widget.changes[0].intervention.positions == slice(2, 4)
    assert widget.notice == ""


def test_a_range_that_went_never_sets_what_another_change_sets(scope, dictionary, open_page):
    three = dictionary.feature(3)
    panel = open_page(gs.SteeringPanel(scope, TEXT, features=[3])).widget
    panel.interventions = [gs.clamp(three, 9.0, positions=slice(2, 4)), gs.ablate(three, positions="generated")]
    panel.prompt = "On Monday the children sang"
    assert panel.interventions == (gs.ablate(three, positions="generated"),)
    assert [one.on for one in panel.changes] == [False, True]
    assert "switched off where another change sets the same feature" in panel.notice
