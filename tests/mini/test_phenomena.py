"""The file of measured claims: complete, consistent, and in step with what ships."""

import math

import numpy as np
import pytest

from factory.claims.record import (
    Phenomenon,
    bootstrap_interval,
    read_phenomena,
    wilson_interval,
    write_phenomena,
)
from gscope_widgets.mini import PHENOMENA

ROWS = read_phenomena(PHENOMENA)


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_every_claim_has_a_number_its_spread_a_count_a_control_and_a_threshold(row):
    assert row.claim and row.metric and row.threshold
    assert math.isfinite(row.value)
    assert row.n > 0
    assert row.control or row.id == "T2b"  # that some features have no name needs no control
    if row.interval is not None:
        low, high = row.interval
        assert low <= high


def test_what_holds_and_what_does_not_are_both_kept():
    assert {row.passed for row in ROWS.values()} == {True, False}


def test_the_model_has_learnt_what_its_text_allows():
    details = ROWS["G1"].details
    assert ROWS["G1"].passed
    assert details["generator"]["model"] <= 1.1 * details["generator"]["draws"]


def test_many_concepts_above_the_level_of_a_word_have_a_detector_and_random_directions_have_few():
    (shipped,) = ROWS["T1a"].details["by_dictionary_seed"][:1]
    random = ROWS["T1a"].control["random_directions_of_equal_density"]
    assert shipped["concepts_above_word"] >= 30 > 10 > random["concepts_above_word"]


def test_most_features_of_the_sparsest_dictionary_are_of_one_thing_and_few_random_directions_are():
    row = ROWS["T2c"]
    assert row.passed and row.value >= 0.6 > 2 * row.control["random_directions_of_equal_density"]


def test_two_hop_facts_hold_on_pairs_that_training_never_joined():
    row = ROWS["T6a"]
    assert row.passed
    assert row.value > 3 * max(row.control.values())


def test_the_rows_are_in_order_of_their_ids():
    assert list(ROWS) == sorted(ROWS)


@pytest.mark.parametrize(("successes", "n", "low", "high"), [(8, 10, 0.4902, 0.9433), (0, 20, 0.0, 0.1611)])
def test_wilson_intervals_are_those_of_the_tables(successes, n, low, high):
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=1e-3)


def test_a_bootstrap_interval_covers_the_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        low, high = bootstrap_interval(generator.normal(3, 1, 40))
        covered += low <= 3 <= high
    assert 175 <= covered <= 199


def test_rows_come_back_as_they_were_written(tmp_path):
    row = Phenomenon("X1", "claim", "share", 0.123456789, (0.1, 0.2), 5, (0,), {"none": 0.0}, ">= 0.1", True)
    write_phenomena(tmp_path / "p.json", [row])
    back = read_phenomena(tmp_path / "p.json")["X1"]
    assert back.value == 0.12346
    assert (back.id, back.claim, back.passed, back.n) == ("X1", "claim", True, 5)
