"""Scores of a contrast and their null: against all deals that there are, with sets that do not differ as the control."""

from itertools import combinations

import numpy as np

from gscope_widgets.records.numbers import find_rounding
from gscope_widgets.records.scores import count_deals, score_contrast


def run(peaks, positives, *, dtype="float32", **settings):
    steps, shares = score_contrast(peaks, positives, rounding=find_rounding(dtype), **settings), []
    while True:
        try:
            shares.append(next(steps))
        except StopIteration as end:
            assert shares == sorted(shares) and shares[-1] == 1
            return end.value


def test_the_score_is_the_difference_of_means_in_standard_deviations():
    random = np.random.default_rng(0)
    peaks = random.gamma(1.0, 5.0, (11, 6)) * (random.random((11, 6)) > 0.3)
    peaks[:, 4] = 3.0  # the same in every text
    found = run(peaks, 4)
    spread = peaks.std(0)
    expected = np.where(spread > 0, (peaks[:4].mean(0) - peaks[4:].mean(0)) / np.where(spread > 0, spread, 1), 0)
    np.testing.assert_allclose(found.score, expected)
    assert found.score[4] == 0


def test_the_null_is_that_of_all_deals():
    """Of 5 and 4 texts there are 126, so that a thousand shuffles come close to each one's share."""
    random = np.random.default_rng(1)
    peaks = random.gamma(1.0, 5.0, (9, 5))
    peaks[:5, 0] += 20  # one feature that tells them apart
    every = []
    for chosen in combinations(range(9), 5):
        mask = np.isin(np.arange(9), chosen)
        every.append((peaks[mask].mean(0) - peaks[~mask].mean(0)) / peaks.std(0))
    null = np.array(every)
    assert len(null) == count_deals(5, 4) == 126
    found = run(peaks, 5, shuffles=4000)
    np.testing.assert_allclose(found.null_mean, null.mean(0), atol=0.05)
    np.testing.assert_allclose(found.null_p95, np.percentile(null, 95, axis=0), atol=0.2)  # 126 values have gaps
    np.testing.assert_allclose(found.reached, (null >= null[0] - 1e-9).mean(0), atol=0.03)
    by_any = [(null.max(1) >= score - 1e-9).mean() for score in null[0]]
    np.testing.assert_allclose(found.reached_by_any, by_any, atol=0.03)
    assert found.reached[0] < 0.02 and found.score[0] > found.null_p95[0]


def test_rounding_of_the_dtype_tells_no_sets_apart():
    """One start that all texts share, as it is rounded; what bfloat16 rounds away is a difference in float32."""
    signs = np.where(np.arange(10) < 5, 1.0, -1.0)
    peaks = np.stack([6.35 + 1e-6 * signs, 6.35 + 2**-7 * 6.35 * (signs > 0), 6.35 + 0.6 * signs], 1)
    for dtype, scores in (("float32", [0, 2, 2]), ("bfloat16", [0, 0, 2])):
        found = run(peaks, 5, dtype=dtype)
        np.testing.assert_allclose(found.score, scores)
        assert found.reached[0] == 1 and found.reached[2] < 0.02


def test_two_sets_of_one_kind_have_no_hit_beyond_their_null():
    """Trying 400 features finds scores beyond the 95th percentile, but none that no feature of a shuffle reaches."""
    beyond, best = [], []
    for seed in range(5):
        peaks = np.random.default_rng(seed).gamma(0.5, 5.0, (30, 400))
        found = run(peaks, 15, shuffles=300)
        beyond.append((found.score > found.null_p95).mean())
        best.append(found.reached_by_any[found.score.argmax()])
    assert 0.02 < np.mean(beyond) < 0.09
    assert min(best) > 0.01 and np.median(best) > 0.1
    peaks[:15, 0] += 30
    assert run(peaks, 15, shuffles=300).reached_by_any[0] == 0  # the control of the control


def test_seeds_make_the_null_and_the_same_one_the_same():
    peaks = np.random.default_rng(0).random((8, 3))
    one, same, other = run(peaks, 4), run(peaks, 4), run(peaks, 4, seed=1)
    np.testing.assert_array_equal(one.null_mean, same.null_mean)
    assert (one.null_mean != other.null_mean).any()
