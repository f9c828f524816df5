"""Means and shares over samples, with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

RESAMPLES = 2000  # of the bootstrap: its ends then move by about 2 % of the interval's width with the seed
BOOTSTRAP_SEED = 0
COVERAGE = 0.95
INTERVAL_RULE = (
    f"{COVERAGE:.0%} percentile bootstrap over samples of the mean (of perplexity: the geometric mean), "
    f"{RESAMPLES} resamples, seed {BOOTSTRAP_SEED}; with fewer than about 10 samples it is too narrow"
)
SHARE_RULE = "Wilson's 95 % interval of a share of samples"
_Z = 1.959964  # of the normal distribution, 95 % within it


@dataclass(frozen=True)
class Estimate:
    """A mean, or a share, over samples with its 95 % interval; see `INTERVAL_RULE` and `SHARE_RULE`."""

    mean: float
    low: float
    high: float


def estimate_mean(values: Sequence[float]) -> Estimate:
    """Mean and 95 % percentile bootstrap interval; NaN is left out, and all is NaN where nothing else is there."""
    kept = np.array([value for value in values if not np.isnan(value)], np.float64)
    if not len(kept):
        return Estimate(float("nan"), float("nan"), float("nan"))
    random = np.random.default_rng(BOOTSTRAP_SEED)
    means = kept[random.integers(len(kept), size=(RESAMPLES, len(kept)))].mean(1)
    low, high = np.quantile(means, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Estimate(float(kept.mean()), float(low), float(high))


def estimate_perplexity(values: Sequence[float]) -> Estimate:
    """Geometric mean with the interval of its logarithm; NaN is left out."""
    with np.errstate(over="ignore"):
        logs = estimate_mean([float(np.log(value)) for value in values])
        return Estimate(*(float(np.exp(value)) for value in (logs.mean, logs.low, logs.high)))


def estimate_share(count: int, of: int) -> Estimate:
    """A share of samples with Wilson's 95 % interval, which is not empty at 0 and 1; NaN of no samples."""
    if not of:
        return Estimate(float("nan"), float("nan"), float("nan"))
    share, z = count / of, _Z
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    reach = z / (1 + z * z / of) * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return Estimate(share, max(0.0, centre - reach), min(1.0, centre + reach))
