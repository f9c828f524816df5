"""Sparse feature activations, as an encoder gives them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SparseActivations:
    """Every feature that fires, ordered by position and then by feature."""

    positions: np.ndarray  # int32, [firings]
    features: np.ndarray  # int32, [firings]
    activations: np.ndarray  # float32, [firings], > 0
    shape: tuple[int, int]  # (pos, d_dict)

    def to_dense(self) -> np.ndarray:
        """float32, [pos, d_dict]; 4 x pos x d_dict bytes."""
        dense = np.zeros(self.shape, np.float32)
        dense[self.positions, self.features] = self.activations
        return dense
