"""How much the nodes of an attribution graph matter to its targets."""

import numpy as np


def measure_influence(weights: np.ndarray, first_row: int, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What flows back to each node, and each row's shares.

    The sum over k of `start A^k`, k from 1, where A is `|weights|` with rows that add up to 1. Rows are taken from the
    last on: no node has an input behind it, so each is complete when its turn comes.

    Args:
        weights: [row, node]; row i belongs to node `first_row + i`.
        start: [node]; what each is worth in itself.

    Returns:
        float64 [node]; float32 [row, node].
    """
    shares = np.abs(weights)
    shares /= np.maximum(shares.sum(1, keepdims=True), 1e-10)
    influence = np.zeros(len(start))
    for row in range(len(weights) - 1, -1, -1):
        worth = influence[first_row + row] + start[first_row + row]
        if worth:
            influence += worth * shares[row]
    return influence, shares
