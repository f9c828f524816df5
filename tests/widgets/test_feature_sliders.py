"""FeatureSliders: what they show is what the scope predicts, and the newest setting wins."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

import gscope_widgets as gs
from gscope_widgets.widgets.feature_sliders import SHOWN_TOKENS, build_ranges

TEXT = "The old fisherman sold"
OTHER = "On Monday the children"


@pytest.fixture
def refs(scope, dictionary):
    """Features that fire on the text, so that ablating and scaling them does something."""
    return [dictionary.feature(top.feature) for top in scope.read(TEXT, dictionary).top(2)]


@pytest.fixture
def page(scope, refs, open_page):
    return open_page(gs.FeatureSliders(scope, TEXT, features=refs))


def check_result(content, distribution):
    """The rows of a message against a prediction made without the widget."""
    chances = {base.id: (base, changed) for base, changed in distribution.pairs}
    assert content["arrays"] == []
    assert content["kl"] == pytest.approx(distribution.kl)
    for row in content["rows"]:
        base, changed = chances[row["id"]]
        assert (row["token"], row["base"], row["changed"]) == (base.token, base.probability, changed.probability)
    best = [max(row["base"], row["changed"]) for row in content["rows"]]
    assert best == sorted(best, reverse=True)
    for side in ("base", "changed"):
        assert sum(row[side] for row in content["rows"]) + content["rest"][side] == pytest.approx(1, abs=1e-5)


def test__at_first_every_feature_is_left_alone(page, scope):
    widget = page.widget
    page.send({"type": "ready"})
    content = page.messages("result")[-1][0]
    check_result(content, scope.next_tokens(TEXT, SHOWN_TOKENS))
    assert content["kl"] == 0
    assert all(row["base"] == row["changed"] for row in content["rows"])
    assert (widget.values, widget.modes, widget.ablated) == ([None, None], ["clamp", "clamp"], [False, False])
    assert widget.interventions == ()


@pytest.mark.parametrize("who", ["page", "python"])
@pytest.mark.parametrize(
    ("state", "make"),
    [
        ({"values": [20.0, None]}, lambda refs: [gs.clamp(refs[0], 20.0)]),
        ({"values": [0.5, 2], "modes": ["add", "scale"]}, lambda refs: [gs.add(refs[0], 0.5), gs.scale(refs[1], 2)]),
        ({"ablated": [False, True]}, lambda refs: [gs.ablate(refs[1])]),
        ({"values": [9.0, 9.0], "ablated": [True, False]}, lambda refs: [gs.ablate(refs[0]), gs.clamp(refs[1], 9.0)]),
        ({"values": [-1.0, None], "modes": ["add", "clamp"]}, lambda refs: [gs.add(refs[0], -1.0)]),
    ],
    ids=str,
)
def test_what_is_shown_is_what_the_scope_predicts(page, scope, refs, who, state, make):
    if who == "page":
        page.set(**state)
    else:
        with page.widget.hold_trait_notifications():
            for name, value in state.items():
                setattr(page.widget, name, value)
    assert page.settle()["state"] == "idle"
    expected = scope.next_tokens(TEXT, SHOWN_TOKENS, make(refs))
    assert page.widget.interventions == tuple(make(refs))
    content = page.messages("result")[-1][0]
    check_result(content,, expected) if False else check__(content,, expected) if False else check_result(content, expected)
    assert content["kl"] > 0
    assert page.widget.distribution.chances == expected.chances
    for name, value in state.items():
        assert content[name] == value


def test__a_feature_back_at_rest_changes_nothing(page, scope):
    page.set(values=[30.0, 5.0], ablated=[False, True])
    assert page.settle()["state"] == "idle"
    assert page.widget.distribution.kl > 0
    page.widget.reset()
    page.settle()
    assert page.widget.distribution == scope.next_tokens(TEXT, SHOWN_TOKENS)
    assert (page.widget.values, page.widget.ablated) == ([None, None], [False, False])


def test__the_natural_activations_are_those_of_the_unchanged_text(page, scope, dictionary, refs):
    page.set(values=[30.0, None], text=OTHER)
    page.settle()
    natural = page.messages("result")[-1][0]["natural"]
    reading = scope.read(OTHER, dictionary)
    for found, ref in zip(natural, refs, strict=True):
        trace = reading.trace(ref.feature)
        assert found == {"last": float(trace[-1]), "peak": float(trace.max())}


def_ranges = build_= None


def test__ranges_reach_past_the_peak_and_hold_the_place_of_rest():
    for peak in (1e-3, 0.7, 12.345, 3000.0):
        ranges = build_ranges(peak)
        assert ranges["clamp"]["max"] == pytest.approx(1.5 * peak, rel=0.06)
        for one in ranges.values():
            assert one["min"] <= one["rest"] <= one["max"]
            assert 0 < one["step"] < one["max"]
    json.dumps(build_ranges(5.0), allow_nan=False)


# ---- what is refused


def test__settings_out_of_range_are_refused_from_page_and_python(page, refuse_all):
    wrong = [["5", None], [math.inf, 1], [1e30, 1], [True, 1], [[1], 1], [{}, 1], ["NaN", None]]
    refuse_all(page, "values", wrong, message="a slider's value must be a finite number")
    refuse__counts = [[], [1], [1, 2, 3], [None] * 100_000]
    refuse_all(page, "values", refuse_counts, message="values must have 2 values, one a feature")
    refuse_all(page, "values", ["12", 5, None, True], message="values must be a list of 2 values")
    refuse__modes = [["clamp", "x"], ["clamp", None], ["clamp", ["add"]], ["clamp", {}], ["clamp", 1]]
    refuse_all(page, "modes", refuse_modes, message="a mode is one of clamp, scale, add"
    ) if False else refuse_all(page, "modes", refuse_modes, message="a mode is one of clamp, scale, add")
    refuse_all(page, "ablated", [[True, 1], [True, "yes"], [None, None], [0, 0]], message="ablated must hold True or False")
    refuse_all(page,, "text", [None, 5, ["a"]], message="the text must be a string") if False else refuse_all(
        page, "text", [None, 5, ["a"]], message="the text must be a string"
    )
    with pytest.raises(gs..InvalidValue):
        page.widget.values = [math.nan, None]
