"""Interventions: made only from sound numbers, and plain data once made."""

import math
import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.interventions import MAX_FACTOR, MAX_FRACTION, MAX_RAW, match_random, require_set_once

REF = FeatureRef("tiny-pt/resid_post/layer_1_width_40_l0_medium", 3)
MAKERS = {"add": gs.add, "clamp": gs.clamp, "scale": gs.scale}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf, 1e30, "1e3", "", True, None, [0.1]], ids=repr)
def test_an_amount_that_is_no_sound_number_is_refused(name, amount):
    with pytest.raises(gs.InvalidValue, match="must be a finite number from"):
        MAKERS[name](REF, amount)


@pytest.mark.parametrize(
    ("make", "low", "high"),
    [
        (lambda amount: gs.add(REF, amount), -MAX_FRACTION, MAX_FRACTION),
        (lambda amount: gs.add(REF, amount, unit="raw"), -MAX_RAW, MAX_RAW),
        (lambda amount: gs.clamp(REF, amount), 0, MAX_RAW),
        (lambda amount: gs.scale(REF, amount), -MAX_FACTOR, MAX_FACTOR),
    ],
)
def test_ranges_hold_at_both_ends(make, low, high):
    assert make(low).amount == low
    assert make(high).amount == high
    for outside in (low - 1e-3 * max(1, abs(low)), high * 1.001):
        with pytest.raises(gs.InvalidValue, match=re.escape(f"to {high:g}")):
            make(outside)


@pytest.mark.parametrize("feature", [3, "3", None, ("a", 3)], ids=repr)
def test_a_bare_number_is_no_feature_and_the_message_says_what_is(feature):
    with pytest.raises(gs.InvalidValue, match=r"dictionary\.feature\(number\)"):
        gs.add(feature, 0.1)


@pytest.mark.parametrize("unit", ["fractions", "", None, 1, np.array(["raw"]), ["raw"]], ids=repr)
def test_an_unknown_unit_is_refused(unit):
    with pytest.raises(gs.InvalidValue, match='"fraction" or "raw"'):
        gs.add(REF, 0.1, unit=unit)


@pytest.mark.parametrize("positions", ["prompts", "", None, 3, [0, 1], np.array([1, 2]), {"all"}], ids=repr)
def test_unknown_positions_are_refused(positions):
    with pytest.raises(gs.InvalidValue, match='"all", "prompt", "generated" or a slice'):
        gs.ablate(REF, positions=positions)


@pytest.mark.parametrize(
    "positions", [slice("a"), slice(0, 3, 0), slice(0.5, 2), slice(-2, None), slice(0, 4, -1)], ids=repr
)
def test_a_slice_that_cannot_mean_absolute_positions_is_refused_when_made(positions):
    with pytest.raises(gs.InvalidValue, match="a slice's"):
        gs.clamp(REF, 1.0, positions=positions)


@pytest.mark.parametrize(
    "positions", ["all", "prompt", "generated", slice(None), slice(2, 5), slice(1, None, 2)], ids=repr
)
def test_positions_that_mean_something_are_kept(positions):
    assert gs.ablate(REF, positions=positions).positions == positions


def test_a_random_control_holds_what_it_is_matched_to_and_a_seed():
    made = (gs.add(REF, 0.5), gs.ablate(REF, positions="prompt"))
    control = match_random(iter(made), seed=7)
    assert (control.kind, control.matched, control.seed, control.amount) == ("random", made, 7, 1.0)
    assert str(made[0]) in str(control)
    for seed in (-1, 2**31, 1.0, True, "1"):
        with pytest.raises(gs.InvalidValue, match="seed must be"):
            match_random(made, seed=seed)
    for wrong in ([], [control], [gs.add(REF, 0.5), control]):
        with pytest.raises(gs.InvalidValue, match="matched to one change or more"):
            match_random(wrong)


def test_an_intervention_cannot_be_changed_once_made():
    made = gs.add(REF, 0.1)
    with pytest.raises(FrozenInstanceError):
        made.amount = 5.0


SETS = [gs.clamp(REF, 10), gs.clamp(REF, 3), gs.scale(REF, 2), gs.ablate(REF)]
POSITIONS = st.sampled_from(["all", "prompt", "generated"]) | st.builds(
    slice, st.none() | st.integers(0, 30), st.none() | st.integers(0, 40), st.none() | st.integers(1, 12)
)


@pytest.mark.parametrize("one", SETS)
@pytest.mark.parametrize("other", SETS)
def test_a_feature_is_set_once_at_a_position(one, other):
    with pytest.raises(gs.InvalidValue, match=rf"{one.kind}.* and {other.kind}.* both set {REF}.* keep one of them"):
        require_set_once([one, gs.add(REF, 1), other], prompt_length=5)


def test_what_sets_different_features_or_only_adds_goes_together():
    other = FeatureRef(REF.dictionary_id, REF.feature + 1)
    elsewhere = FeatureRef("tiny-pt/resid_post/layer_2_width_40_l0_medium", REF.feature)
    made = [gs.clamp(REF, 10), gs.ablate(other), gs.scale(elsewhere, 2), gs.add(REF, 1), gs.add(REF, 1)]
    require_set_once(made, prompt_length=5)


@settings(max_examples=300)
@given(one=POSITIONS, other=POSITIONS, prompt_length=st.integers(1, 20))
def test_positions_overlap_where_they_share_one(one, other, prompt_length):
    def listed(positions) -> set[int]:
        """The first 600: more than any start, and every lcm of two steps, of those drawn."""
        every = list(range(600))
        if isinstance(positions, slice):
            return set(every[positions])
        return set({"all": every, "prompt": every[:prompt_length], "generated": every[prompt_length:]}[positions])

    made = [gs.clamp(REF, 1, positions=one), gs.ablate(REF, positions=other)]
    refused = False
    try:
        require_set_once(made, prompt_length=prompt_length)
    except gs.InvalidValue:
        refused = True
    assert refused == bool(listed(one) & listed(other))
