"""Intervals against published tables, and by how often they cover."""

import numpy as np
import pytest

from factory.claims.intervals import bootstrap_interval, ratio_interval, wilson_interval


@pytest.mark.parametrize(("successes", "n", "low", "high"), [(8, 10, 0.4902, 0.9433), (0, 20, 0.0, 0.1611)])
def test_wilson_intervals_are_those_of_the_tables(successes, n, low, high):
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=1e-3)


def test_no_trial_says_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_a_bootstrap_interval_covers_the_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        low, high = bootstrap_interval(generator.normal(3, 1, 40))
        covered += low <= 3 <= high
    assert 175 <= covered <= 199


def test_a_ratio_of_sums_over_equal_documents_is_bootstrapped_as_a_mean_is():
    values = np.random.default_rng(1).normal(2, 1, 50)
    assert ratio_interval(values, np.ones(50)) == pytest.approx(bootstrap_interval(values))
    weights = np.random.default_rng(2).uniform(1, 3, 50)
    assert ratio_interval(weights * 2, weights) == pytest.approx((2.0, 2.0))  # no spread where the ratio is constant
