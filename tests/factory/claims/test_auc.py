"""AUC against a count of all pairs."""

import numpy as np
import pytest
import torch

from factory.claims.auc import auc_of_ranks, column_auc, cross_auc, mean_ranks


def count_pairs(values: np.ndarray, marks: np.ndarray) -> float:
    """Share of pairs of a marked and an unmarked value that the marked one wins, ties half."""
    return float(np.mean([(p > n) + 0.5 * (p == n) for p in values[marks] for n in values[~marks]]))


@pytest.fixture
def marks() -> np.ndarray:
    return np.random.default_rng(0).random((90, 3)) < 0.4


def test_columns_with_ties_equal_a_count_of_pairs(marks):
    scores = np.random.default_rng(1).integers(0, 5, (90, 3)).astype(float)
    expected = [count_pairs(scores[:, at], marks[:, at]) for at in range(3)]
    assert column_auc(scores, marks) == pytest.approx(expected, abs=1e-12)
    assert column_auc(-scores, marks) == pytest.approx(1 - np.array(expected), abs=1e-12)


def test_every_unit_against_every_target_equals_a_count_of_pairs(marks):
    values = torch.randn(90, 70, generator=torch.Generator().manual_seed(2))  # more units than one block holds
    found = cross_auc(values, marks)
    for unit in (0, 1, 63, 64, 69):
        for target in range(3):
            expected = count_pairs(values[:, unit].numpy(), marks[:, target])
            assert found[unit, target] == pytest.approx(expected, abs=1e-5)


def test_a_target_of_no_token_or_of_all_has_no_auc(marks):
    marks[:, 0], marks[:, 1] = False, True
    scores = np.random.default_rng(3).random((90, 3))
    assert np.isnan(column_auc(scores, marks)).tolist() == [True, True, False]


def test_equal_values_share_the_mean_of_their_ranks():
    assert mean_ranks(np.array([5.0, 1.0, 5.0, 9.0, 5.0])).tolist() == [3.0, 1.0, 3.0, 5.0, 3.0]


@pytest.mark.parametrize(("ranks", "auc"), [([3, 4], 1.0), ([1, 2], 0.0), ([1, 4], 0.5), ([2.5, 2.5], 0.5)])
def test_ranks_of_two_positives_among_four(ranks, auc):
    assert auc_of_ranks(np.array(sum(ranks)), np.array(2), 4) == auc
