"""Fraction of variance unexplained, and readings of some features only."""

import numpy as np
import pytest

from gscope_widgets.runtime.features.reading import measure_fvu


def test_fvu_is_squared_error_over_squared_distance_from_the_mean():
    random = np.random.default_rng(0)
    x, error = random.normal(size=(20, 7)) + 5, random.normal(size=(20, 7))
    total, each = measure_fvu(x, error)
    spread = ((x - x.mean(axis=0)) ** 2).sum(axis=1)
    assert total == pytest.approx((error**2).sum() / spread.sum())
    np.testing.assert_allclose(each, (error**2).sum(axis=1) / spread, rtol=1e-6)
    assert total != pytest.approx((error**2).sum() / (x**2).sum())  # control: distance from 0 is another number


def test_a_perfect_reconstruction_has_fvu_0_and_the_mean_alone_has_1():
    x = np.random.default_rng(0).normal(size=(20, 7))
    assert measure_fvu(x, np.zeros_like(x))[0] == 0
    assert measure_fvu(x, x - x.mean(axis=0))[0] == pytest.approx(1)


@pytest.mark.parametrize("count", [0, 1])
def test_where_nothing_varies_there_is_no_fvu(count):
    total, each = measure_fvu(np.ones((count, 3)), np.zeros((count, 3)))
    assert total is None
    assert np.isnan(each).all()
    assert measure_fvu(np.ones((5, 3)), np.ones((5, 3)))[0] is None


def test_a_reading_of_some_features_is_the_whole_one_with_the_rest_left_out(scope, dictionary):
    text = "The old fisherman sold 12 fish at the market."
    whole = scope.read(text, dictionary)
    asked = [top.feature for top in whole.top(3)]
    some = scope.read(text, dictionary, features=asked)
    for feature in asked:
        np.testing.assert_allclose(some.trace(feature), whole.trace(feature), rtol=1e-5)
    assert set(some.features.tolist()) == set(asked)
    assert some.selected == tuple(asked)
    np.testing.assert_array_equal(some.norm, whole.norm)
    assert len(scope.read(text, dictionary, features=[]).features) == 0


def test_a_reading_of_some_features_says_nothing_of_the_error_it_did_not_measure(scope, dictionary):
    some = scope.read("The old fisherman sold 12 fish.", dictionary, features=[3, 4])
    assert np.isnan(some.error_norm).all()
    assert np.isnan(some.fvu).all()
    assert some.total_fvu is None
    assert some.l0.max() <= 2


def test_some_features_are_read_without_loading_the_whole_dictionary(tiny, make_dictionary):
    dictionary = tiny.dictionary(path=make_dictionary())
    tiny.read("hello there", dictionary, features=[3])
    assert dictionary.bytes < 4 * 24 * 40
    tiny.read("hello there", dictionary)
    assert dictionary.bytes > 2 * 4 * 24 * 40
