"""95 % intervals: of proportions by Wilson's formula, of means and ratios by resampling."""

import numpy as np

_Z95 = 1.959964  # of a normal distribution, for 95 % intervals
RESAMPLES = 1000


def wilson_interval(successes: int, n: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927); (0, 1) for n = 0."""
    if not n:
        return 0.0, 1.0
    share, z2 = successes / n, _Z95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * (share * (1 - share) / n + z2 / (4 * n * n)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap_interval(values: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean of independent values, [n], by resampling them."""
    generator = np.random.default_rng(seed)
    values = np.asarray(values, np.float64)
    means = values[generator.integers(len(values), size=(RESAMPLES, len(values)))].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def ratio_interval(numerators: np.ndarray, denominators: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """95 % interval of a ratio of sums, by resampling documents.

    Args:
        numerators, denominators: [document], or [part, document] for the mean over parts of such
            ratios.
    """
    above, below = np.atleast_2d(numerators), np.atleast_2d(denominators)
    count = above.shape[1]
    picks = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
    ratios = (above[:, picks].sum(2) / below[:, picks].sum(2)).mean(0)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(low), float(high)
