"""The area under the ROC curve of a ranking: the one place where the factory computes it.

By ranks (Mann and Whitney 1947): of all pairs of a positive and a negative token, the share in
which the positive one stands higher, pairs of equal rank counted half. With ranks from 1, equal
values sharing their mean, and P positives among N tokens, the positives' ranks sum to P (P + 1) / 2
where all of them stand at the bottom, and each pair that a positive wins adds 1:

    AUC = (rank sum - P (P + 1) / 2) / (P (N - P))
"""

import numpy as np
import torch

_COLUMNS_A_BLOCK = 64


def auc_of_ranks(rank_sum: np.ndarray, positives: np.ndarray, tokens: int) -> np.ndarray:
    """AUC from the sum of the positives' ranks, any shape; NaN where all tokens are of one kind.

    Args:
        rank_sum: sum of the positives' ranks, from 1 upwards in value, ties at their mean.
        positives: number of positives, broadcast against `rank_sum`.
        tokens: number of all that is ranked.
    """
    pairs = positives * (tokens - positives)
    won = rank_sum - positives * (positives + 1) / 2
    return np.where(pairs > 0, won / np.maximum(pairs, 1), np.nan)


def column_auc(scores: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """AUC of each column of scores for that column of marks, both [token, target]: float64 [target]."""
    rank_sum = [mean_ranks(scores[:, at])[marks[:, at]].sum() for at in range(marks.shape[1])]
    return auc_of_ranks(np.array(rank_sum), marks.sum(0), len(marks))


def cross_auc(values: torch.Tensor, marks: np.ndarray) -> np.ndarray:
    """AUC of every unit for every target, float64 [unit, target], as one product of matrices.

    Ranks are centred and scaled to -0.5 to 0.5, so that float32 sums of a hundred thousand of them
    hold.

    Args:
        values: float32 [token, unit]; ties are broken in any order, so that there should be few.
        marks: bool [token, target].
    """
    tokens, positives = marks.shape[0], marks.sum(0)
    target = torch.from_numpy(marks).float()
    centred = (torch.arange(tokens, dtype=torch.float32) + 0.5) / tokens - 0.5
    sums = []
    for start in range(0, values.shape[1], _COLUMNS_A_BLOCK):
        block = values[:, start : start + _COLUMNS_A_BLOCK].T.contiguous()
        ranks = torch.empty_like(block)
        ranks.scatter_(1, block.argsort(1), centred.expand_as(block))
        sums.append((ranks @ target).double().numpy())
    # A rank from 1 is tokens x (centred + 0.5) + 0.5.
    rank_sum = (np.concatenate(sums) + 0.5 * positives) * tokens + 0.5 * positives
    return auc_of_ranks(rank_sum, positives, tokens)


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values sharing the mean of theirs: float64 [value]."""
    order = np.argsort(values)
    ordered = values[order]
    new = np.append(True, ordered[1:] != ordered[:-1])
    first = np.flatnonzero(new)
    size = np.diff(np.append(first, len(values)))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(first + (size + 1) / 2, size)
    return ranks
