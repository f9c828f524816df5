"""How much more features fire on some texts than on others, beside what chance makes of the same texts."""

from collections.abc import Generator
from dataclasses import dataclass
from math import comb

import numpy as np

SHUFFLES = 1000  # deals of a null
SCORE = "difference of the sets' mean largest activation, in standard deviations over all the texts"
_STEP = 100  # deals between two chances for other work


@dataclass(frozen=True, eq=False)
class ContrastScores:
    """A score and its null, for each of some features: float64, [features] each."""

    score: np.ndarray  # `SCORE`; 0 where a feature is the same in all texts but for rounding
    null_mean: np.ndarray
    null_p95: np.ndarray
    reached: np.ndarray  # share of deals in which a feature's own score is reached
    reached_by_any: np.ndarray  # share in which the largest of all features' scores reaches it


def score_contrast(
    peaks: np.ndarray, positives: int, *, rounding: float, shuffles: int = SHUFFLES, seed: int = 0
) -> Generator[float, None, ContrastScores]:
    """Scores of two sets of texts, and of the same texts with the marks dealt out anew; yields the share done.

    Args:
        peaks: float, [texts, features]; each feature's largest activation in each text, the positive texts first.
        positives: how many those are.
        rounding: as from `find_rounding`: values of a feature that differ by less of its largest are the same.
        shuffles: deals; each is a random choice of as many texts as positive, the true one not left out.
    """
    values = peaks.astype(np.float64)
    count, spread = len(values), values.std(0)
    # The mean of the positive texts less that of the others is one weighted sum over all texts.
    high, low = 1 / positives, -1 / (count - positives)
    differs = np.ptp(values, axis=0) > rounding * np.abs(values).max(0)
    scaled = np.divide(values, spread, out=np.zeros_like(values), where=differs)
    score = np.where(np.arange(count) < positives, high, low) @ scaled
    random, null = np.random.default_rng(seed), np.empty((shuffles, values.shape[1]))
    for start in range(0, shuffles, _STEP):
        deals = random.permuted(np.tile(np.arange(count), (min(_STEP, shuffles - start), 1)), axis=1)
        null[start : start + len(deals)] = np.where(deals < positives, high, low) @ scaled
        yield (start + len(deals)) / shuffles
    close = score - 1e-9 * np.abs(score)  # sums in another order differ in their last digits
    largest = np.sort(null.max(1, initial=-np.inf))
    return ContrastScores(
        score,
        null.mean(0),
        np.percentile(null, 95, axis=0),
        (null >= close).mean(0),
        (shuffles - np.searchsorted(largest, close, side="left")) / shuffles,
    )


def count_deals(positives: int, negatives: int) -> int:
    """In how many ways the marks can be dealt out."""
    return comb(positives + negatives, positives)
