"""Rules of a dose-response curve on samples made by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.doses import (
    BREAKS_UP_PERPLEXITY,
    BREAKS_UP_VARIETY,
    STRENGTHS,
    DoseResponse,
    DoseSample,
    build_points,
    check_strengths,
    estimate_mean,
)
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.measures import Measure
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens

SEEDS = range(8)


def make_response(
    effect, *, control=lambda strength: 0.0, nll=lambda strength: 1.0, variety=lambda strength: 0.8, seed=0
) -> DoseResponse:
    """A response whose effect, control and mean negative log probability follow functions of the strength."""
    random = np.random.default_rng(seed)
    samples = []
    for strength in STRENGTHS:
        for kind, value in (("changed", effect), ("random", control)):
            if strength or kind == "changed":
                samples += [
                    DoseSample(
                        strength,
                        kind,
                        one,
                        f"{kind} {strength} {one}",
                        value(strength) + 0.1 * random.standard_normal(),
                        variety(strength),
                        np.full(10, -nll(strength) + 0.01 * random.standard_normal(), np.float32),
                    )
                    for one in SEEDS
                ]
    return DoseResponse(
        Tokens("a", (2, 5), ("", "a"), ((0, 0), (0, 1))),
        FeatureRef("d", 3),
        Measure("words", "share of words: a", ("a",)),
        build_points(samples),
        tuple(samples),
        Provenance("m", "r", "cpu", "float32"),
    )


def flips_of(response):
    return [(flip.strength, flip.change) for flip in response.flips]


@pytest.mark.row("26")
def test_it_flips_at_the_smallest_strength_that_stands_out_from_baseline_and_control():
    assert flips_of(make_response(lambda s: 2.0 * (s >= 0.3))) == [(0.3, "above")]
    assert flips_of(make_response(lambda s: 2.0 * round(s))) == [(-0.6, "below"), (0.6, "above")]
    assert flips_of(make_response(lambda s: -2.0 * (s <= -0.6))) == [(-0.6, "below")]
    assert flips_of(make_response(lambda s: 2.0 * (abs(s) >= 0.6))) == [(-0.6, "above"), (0.6, "above")]


def test_it_does_not_flip_where_the_control_does_as_much():
    assert flips_of(make_response(lambda s: 2.0 * s, control=lambda s: 3.0 * s)) == []
    assert flips_of(make_response(lambda s: 2.0 * s, control=lambda s: 3.0 * s * (s < 1))) == [(1.0, "above")]
    assert flips_of(make_response(lambda s: 0.0, control=lambda s: 2.0 * s)) == []  # nor where only the control does


def test_shuffled_effects_seldom_flip():
    """The rule says: of curves of noise with 8 samples, about one in ten at most flips somewhere."""
    found = []
    for seed in range(40):
        response = make_response(lambda s: 2.0 * s, seed=seed)
        assert response.flips  # the control: in their right order they do
        shuffled = np.random.default_rng(seed).permutation([one.effect for one in response.samples])
        samples = [replace(one, effect=value) for one, value in zip(response.samples, shuffled, strict=True)]
        found.append(bool(replace(response, points=build_points(samples), samples=tuple(samples)).flips))
    assert sum(found) <= 8


def test_it_breaks_up_where_perplexity_is_over_three_times_that_at_0():
    assert make_response(lambda s: 0.0).breaks_up == ()
    just, under = math.log(BREAKS_UP_PERPLEXITY) + 0.05, math.log(BREAKS_UP_PERPLEXITY) - 0.05
    assert make_response(lambda s: 0.0, nll=lambda s: 1.0 + just * (abs(s) >= 0.6)).breaks_up == (-0.6, 0.6)
    assert make_response(lambda s: 0.0, nll=lambda s: 1.0 + under * (abs(s) >= 0.6)).breaks_up == ()
    assert make_response(lambda s: 0.0, nll=lambda s: 1.0 + 3 * (s == 0.3)).breaks_up == (0.3,)


def test_it_breaks_up_where_texts_repeat_themselves_however_likely_they_are():
    least = 0.8 * BREAKS_UP_VARIETY
    likely = {"nll": lambda s: 1.0 - 0.9 * (s >= 0.6)}
    assert make_response(lambda s: 0.0, variety=lambda s: 0.8 - 0.41 * (s >= 0.6), **likely).breaks_up == (0.6,)
    assert make_response(lambda s: 0.0, variety=lambda s: 0.8 - 0.39 * (s >= 0.6), **likely).breaks_up == ()
    assert make_response(lambda s: 0.0, variety=lambda s: 0.8).points[0].variety.mean == pytest.approx(2 * least)


@pytest.mark.row("NEW 23")
def test_points_are_means_with_their_intervals():
    response = make_response(lambda s: s, nll=lambda s: 1.0 + s)
    for point in response.points:
        here = [one for one in response.samples if one.strength == point.strength and one.kind == "changed"]
        assert point.effect.mean == pytest.approx(np.mean([one.effect for one in here]))
        logs = [np.log(one.perplexity) for one in here]
        assert point.perplexity.mean == pytest.approx(np.exp(np.mean(logs)))
        assert here[0].perplexity == pytest.approx(np.exp(-here[0].baseline_logprobs.mean()), rel=1e-5)
        assert point.effect.low < point.effect.mean < point.effect.high
    zero = response.points[4]
    assert (zero.strength, zero.control_effect, zero.control_perplexity) == (0.0, zero.effect, zero.perplexity)


def test_the_interval_is_that_of_a_bootstrap():
    values = np.random.default_rng(3).standard_normal(64)
    found = estimate_mean(list(values))
    random = np.random.default_rng(99)  # other draws of the same kind
    means = [random.choice(values, 64).mean() for _ in range(4000)]
    np.testing.assert_allclose([found.low, found.high], np.quantile(means, [0.025, 0.975]), atol=0.03)
    half = 1.96 * values.std() / 8  # normal theory
    np.testing.assert_allclose([found.mean - found.low, found.high - found.mean], half, rtol=0.15)
    assert estimate_mean(list(values)) == found
    assert estimate_mean([1.0, float("nan"), 1.0]).high == 1.0
    assert math.isnan(estimate_mean([float("nan")]).mean)


def test_texts_are_found_by_strength_and_kind():
    response = make_response(lambda s: s)
    assert response.texts(0.3) == tuple(f"changed 0.3 {seed}" for seed in SEEDS)
    assert response.texts(0.3, kind="random")[2] == "random 0.3 2"
    assert response.texts(0) == response.texts(0.0, kind="random") == tuple(f"changed 0.0 {seed}" for seed in SEEDS)
    assert response.seeds == tuple(SEEDS)
    for wrong in (0.31, None, "0.3"):
        with pytest.raises(gs.InvalidValue, match="the strengths are -1, -0.6"):
            response.texts(wrong)
    with pytest.raises(gs.InvalidValue, match='kind must be "changed" or "random"'):
        response.texts(0.3, kind="baseline")


def test_the_record_says_its_rules_and_shows_itself():
    response = make_response(lambda s: 2.0 * round(s), nll=lambda s: 1.0 + 2 * (abs(s) > 0.6))
    assert set(response.rules) == {"interval", "control", "flips", "breaks up"}
    assert f"is over {BREAKS_UP_PERPLEXITY:g} times that at strength 0" in response.rules["breaks up"]
    response.rules.clear()
    assert response.rules
    shown = repr(response)
    assert "flips at -0.6 (below), +0.6 (above); breaks up at -1, +1" in shown
    assert "nowhere" in repr(make_response(lambda s: 0.0))
    assert len(shown.splitlines()) == 2 + len(STRENGTHS)
    frame = response.to_frame()
    assert list(frame.columns) == ["strength", "kind", "seed", "effect", "perplexity", "variety", "text"]
    assert len(frame) == len(response.samples) == 8 * 17
    figure = response.plot()
    assert figure._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n"
    effect, perplexity = figure.axes
    assert perplexity.get_yscale() == "log"
    assert {text.get_text() for text in effect.get_legend().get_texts()} == {
        "changed", "random direction", "flips", "breaks up",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((), "must be 7 to 41 different numbers"),
        ((-1, 0, 1), "must be 7 to 41 different numbers"),
        ([0.0] * 7, "must be 7 to 41 different numbers"),
        ((-1, 0, 1, 1, 2, 3, 4), "must be 7 to 41 different numbers"),
        (range(-50, 50), "must be 7 to 41 different numbers"),
        (None, "must be 7 to 41 different numbers"),
        ("-1, 0, 1, 2, 3, 4, 5", "must be 7 to 41 different numbers"),
        (5, "must be 7 to 41 different numbers"),
        ((1, 2, 3, 4, 5, 6, 7), "must hold 0"),
        ((0, 1, 2, 3, 4, 5, 6), "must hold 0"),
        ((-6, -5, -4, -3, -2, -1, 0), "must hold 0"),
        ((-3, -2, -1, 1, 2, 3, 4), "must hold 0"),
        ((-3, -2, -1, 0, 1, 2, math.nan), "a strength must be a finite number from -100 to 100, got nan"),
        ((-3, -2, -1, 0, 1, 2, math.inf), "a strength must be"),
        ((-3, -2, -1, 0, 1, 2, 1e30), "a strength must be"),
        ((-3, -2, -1, 0, 1, 2, "1e3"), "a strength must be a finite number from -100 to 100, got '1e3'"),
        ((-3, -2, -1, 0, 1, 2, None), "a strength must be"),
        ((-3, -2, -1, 0, 1, 2, True), "a strength must be"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_strengths_that_make_no_curve_are_refused_in_words(wrong, message):
    with pytest.raises(gs.InvalidValue, match=message):
        check_strengths(wrong)


def test_strengths_are_sorted_and_the_default_passes():
    assert check_strengths(STRENGTHS) == STRENGTHS
    assert check_strengths(np.array([3, -1, 0, 1, 2, -2, -3])) == (-3, -2, -1, 0, 1, 2, 3)
    assert len(STRENGTHS) >= 7
    assert min(STRENGTHS) < 0 in STRENGTHS
