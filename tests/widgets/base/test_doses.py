"""What is said of a dose-response curve: no more than its intervals allow, on curves made by hand."""

from dataclasses import replace

import pytest

from gscope_widgets.records.doses import STRENGTHS, DoseResponse, build_points
from gscope_widgets.widgets.base.doses import describe_dose, format_estimate, format_strength, list_findings
from tests.records.test_doses import make_response


def say(response, planned=STRENGTHS) -> str:
    return " ".join(list_findings(response, planned=planned))


@pytest.mark.row("NEW 3")
def test_nothing_is_claimed_where_intervals_meet():
    words = say(make_response(lambda strength: 0.0))
    assert "Negative strengths: no flip; every interval meets that of the baseline or of the control." in words
    assert "Positive strengths: no flip" in words
    assert "flips at" not in words
    assert "Text breaks up at none of these strengths." in words
    assert "8 samples at each strength, seeds 0 to 7" in words
    assert "with fewer than 10 the intervals are too narrow" in words


def test_a_flip_is_said_with_its_side_and_whether_the_text_is_fluent_there():
    fluent = make_response(lambda strength: 5.0 * (strength >= 0.6))
    assert "Positive strengths: flips at +0.6, above baseline and control, where text still holds together." in say(
        fluent
    )
    below = make_response(lambda strength: -5.0 * (strength <= -0.3))
    assert "Negative strengths: flips at −0.3, below baseline and control" in say(below)
    broken = make_response(lambda strength: 5.0 * (strength >= 0.6), nll=lambda strength: 1.0 + 3.0 * (strength >= 0.3))
    words = say(broken)
    assert (
        "flips at +0.6, above baseline and control, but text breaks up at +0.3: this is not an effect on fluent"
        in words
    )
    assert "Text breaks up at +0.3 (perplexity" in words
    assert "Text breaks up" not in say(fluent).replace("Text breaks up at none", "")  # the control


def test_a_random_direction_that_does_the_same_is_no_flip():
    alike = make_response(lambda strength: 5.0 * (strength >= 0.6), control=lambda strength: 5.0 * (strength >= 0.6))
    assert "flips at" not in say(alike)
    assert describe_dose(alike, 1.0) == "not told from the control"
    assert describe_dose(alike, -0.6).startswith("not told from the baseline")
    assert describe_dose(alike, 0.0) == "the baseline"
    between = make_response(lambda strength: 2.0 * (strength >= 0.6), control=lambda strength: 5.0 * (strength >= 0.6))
    assert describe_dose(between, 1.0) == "between baseline and control"
    assert "flips at" not in say(between)
    apart = make_response(lambda strength: 5.0 * (strength >= 0.6))
    assert describe_dose(apart, 1.0) == "above baseline and control"


def test_a_measure_that_never_comes_up_and_a_sweep_that_was_stopped_are_said():
    whole = make_response(lambda strength: 0.0)
    samples = tuple(replace(one, effect=0.0) for one in whole.samples)
    none = DoseResponse(whole.prompt, whole.ref, whole.measure, build_points(samples), samples, whole.provenance)
    assert "The measure, share of words: a, is 0 in every text: it says nothing about this feature." in say(none)
    assert "is 0 in every text" not in say(whole)
    kept = tuple(one for one in whole.samples if abs(one.strength) <= 0.3)
    stopped = DoseResponse(whole.prompt, whole.ref, whole.measure, build_points(kept), kept, whole.provenance)
    assert say(stopped).startswith("5 of 9 strengths are made; the rest is not known.")
    assert "are made" not in say(whole)


def test_strengths_and_estimates_in_words():
    assert [format_strength(value) for value in (0.0, 0.3, -1.0, 1 / 3, -0.00012)] == [
        "0",
        "+0.3",
        "−1",
        "+0.3333",
        "−0.00012",
    ]
    point = make_response(lambda strength: 0.0).points[-1]
    assert format_estimate(point.perplexity).startswith("2.7")
    assert "[" in format_estimate(point.effect)
