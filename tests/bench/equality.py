"""Whether two sides gave the same: no ratio is told where they did not."""

import numpy as np

from gscope_widgets.records.activations import SparseActivations
from tests.bench.rows import Equality

# Both sides compute in float32 and may add in another order; activations here are 2 to 6, so this is about 3 ulp.
TOLERANCE = 2e-6


def compare_sparse(
    ours: SparseActivations, positions: np.ndarray, features: np.ndarray, activations: np.ndarray, threshold: np.ndarray
) -> Equality:
    """The same firings with the same activations.

    A firing of one side alone passes only where its activation is within `TOLERANCE` of its
    threshold, which rounding may take it over; the text counts those.
    """
    width = ours.shape[1]
    own = ours.positions.astype(np.int64) * width + ours.features
    theirs = positions.astype(np.int64) * width + features
    _, at_own, at_theirs = np.intersect1d(own, theirs, assume_unique=True, return_indices=True)
    apart = np.abs(ours.activations[at_own] - activations[at_theirs])
    alone = [
        (np.delete(ours.features, at_own), np.delete(ours.activations, at_own)),
        (np.delete(features, at_theirs), np.delete(activations, at_theirs)),
    ]
    flips = sum(len(numbers) for numbers, _ in alone)
    near = all((values - threshold[numbers] <= TOLERANCE).all() for numbers, values in alone)
    largest = float(apart.max(initial=0))
    return Equality(
        near and largest <= TOLERANCE * float(activations.max(initial=1)),
        f"{len(theirs)} firings (L0 {len(theirs) / max(1, ours.shape[0]):.1f}), {flips} on one side alone, "
        f"activations at most {largest:.1e} apart",
    )


def compare_close(ours: np.ndarray, theirs: np.ndarray, *, tolerance: float = TOLERANCE) -> Equality:
    """Arrays of one shape whose values lie within `tolerance` of each other, relative to the largest."""
    if ours.shape != theirs.shape:
        return Equality(False, f"shapes {ours.shape} and {theirs.shape}")
    largest = float(np.abs(ours - theirs).max(initial=0))
    scale = float(np.abs(theirs).max(initial=0))
    return Equality(largest <= tolerance * max(scale, 1e-30), f"at most {largest:.1e} apart, values up to {scale:.3g}")


def compare_bits(ours: dict, theirs: dict) -> Equality:
    """Numbers and digests that must be the same to the bit."""
    differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    return Equality(not differing, f"{', '.join(differing)} differ" if differing else "the same bits")
