"""Interpolated absolute-discount n-gram models: what word patterns alone can predict."""

from copy import copy

import numpy as np

DISCOUNT = 0.75  # Ney, Essen and Kneser 1994 find values near 3/4 for counts of this kind


class NgramModel:
    """Counts of all orders up to `order` on packed rows, for next-token loss.

    Memory is about 16 bytes for each distinct n-gram of each order, and while it counts 30 bytes a
    token.
    """

    def __init__(self, rows: np.ndarray, *, order: int, vocabulary: int):
        """Count n-grams within rows.

        Args:
            rows: token ids, [row, pos].
            order: 2 for a bigram model, 3 for a trigram model, up to 5.
        """
        self.order, self.vocabulary = order, vocabulary
        self._tables = [_count(_windows(rows, length, vocabulary)) for length in range(1, order + 1)]

    def shorten(self, order: int) -> "NgramModel":
        """The model of a lower order on the same counts."""
        other = copy(self)
        other.order, other._tables = order, self._tables[:order]
        return other

    def loss(self, rows: np.ndarray) -> np.ndarray:
        """Negative log probability, in nats, of every token after the first `order - 1` of a row.

        Returns:
            float64, [row, pos - order + 1].
        """
        probability = np.full((rows.shape[0], rows.shape[1] - self.order + 1), 1 / self.vocabulary)
        for length in range(1, self.order + 1):
            windows = _windows(rows, length, self.vocabulary)[:, self.order - length :]
            probability = self._interpolate(windows, probability, length=length)
        return -np.log(probability)

    def _interpolate(self, windows: np.ndarray, lower: np.ndarray, *, length: int) -> np.ndarray:
        keys, counts = self._tables[length - 1]
        contexts, first, distinct = np.unique(keys // self.vocabulary, return_index=True, return_counts=True)
        totals = np.add.reduceat(counts, first)
        here = _look_up(keys, counts, windows)
        context = windows // self.vocabulary
        total = _look_up(contexts, totals, context)
        kinds = _look_up(contexts, distinct, context)
        seen = total > 0
        total = np.where(seen, total, 1)
        mixed = np.maximum(here - DISCOUNT, 0) / total + DISCOUNT * kinds / total * lower
        return np.where(seen, mixed, lower)


def _windows(rows: np.ndarray, length: int, vocabulary: int) -> np.ndarray:
    rows = rows.astype(np.int64)
    width = rows.shape[1] - length + 1
    key = np.zeros((rows.shape[0], width), np.int64)
    for offset in range(length):
        key = key * vocabulary + rows[:, offset : offset + width]
    return key


def _count(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.unique(windows.ravel(), return_counts=True)


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    index = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[index] == wanted, values[index], 0)
