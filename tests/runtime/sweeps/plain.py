"""What a sweep should find, from all activations at once, in plain Python and NumPy."""

import math

import numpy as np

MASK = (1 << 64) - 1


def mix(number: int) -> int:
    """splitmix64's end, with Python's whole numbers."""
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & MASK
    return number ^ (number >> 31)


def rank(firings: list[tuple[float, int, int]], k: int) -> list[tuple[float, int, int]]:
    """The k strongest of (activation, row, position): of equal ones the earlier row, then the earlier position."""
    return sorted(firings, key=lambda one: (-one[0], one[1], one[2]))[:k]


def bin_up(values: list[float], bins: int = 32) -> tuple[float, list[int]]:
    """Width of the bins, the smallest power of two with which 32 reach the largest value, and each value's bin."""
    width = 2.0**-140
    while bins * width < max(values):
        width *= 2
    return width, [math.ceil(value / width) - 1 for value in values]


def sample(feature: int, firings: list[tuple[float, int, int]]) -> dict[int, tuple[float, int, int]]:
    """By bin, the firing whose place has the smallest key."""
    salt = mix((feature * 0x9E3779B97F4A7C15 + 1) & MASK)
    _, places = bin_up([value for value, _, _ in firings])
    found: dict[int, tuple[int, tuple[float, int, int]]] = {}
    for at, one in zip(places, firings, strict=True):
        key = mix(((one[1] << 16) | one[2]) ^ salt)
        if at not in found or key < found[at][0]:
            found[at] = key, one
    return {at: one for at, (_, one) in found.items()}


def collect(dense: np.ndarray, used: np.ndarray) -> list[list[tuple[float, int, int]]]:
    """All firings of each feature, of activations [row, pos, feature]."""
    return [
        [
            (float(dense[row, pos, feature]), int(row), int(pos))
            for row, pos in zip(*np.nonzero(used & (dense[:, :, feature] > 0)), strict=True)
        ]
        for feature in range(dense.shape[2])
    ]


def check_state(state, found: list[list[tuple[float, int, int]]], k: int) -> None:
    """A state, against all firings of each feature."""
    top_rows, top_positions = state.list_top()
    sample_rows, sample_positions = state.list_samples()
    assert state.counts.tolist() == [len(one) for one in found]
    for feature, firings in enumerate(found):
        expected = rank(firings, k)
        count = len(expected)
        shown = zip(
            state.top_activations[feature].tolist(),
            top_rows[feature].tolist(),
            top_positions[feature].tolist(),
            strict=True,
        )
        assert list(shown) == [*expected, *[(0.0, 0, 0)] * (k - count)]
        if not firings:
            assert not state.bins[feature].any()
            assert (sample_rows[feature] == -1).all()
            continue
        width, places = bin_up([value for value, _, _ in firings])
        assert 2.0 ** int(state.exponents[feature]) == width
        assert state.bins[feature].tolist() == np.bincount(places, minlength=32).tolist()
        samples = sample(feature, firings)
        for at in range(32):
            kept = (
                float(state.sample_activations[feature, at]),
                int(sample_rows[feature, at]),
                int(sample_positions[feature, at]),
            )
            assert kept == samples.get(at, (0.0, -1, -1))
