"""A claim's scores and their null: against pairs counted one by one and all deals that there are."""

from itertools import combinations, product

import numpy as np
import pytest

from gscope_widgets.records.claims import judge, score_texts
from gscope_widgets.records.numbers import find_rounding

VALUES = [9.0, 4.0, 0.0, 7.0, 4.0, 0.0, 1.0, 0.0, 3.0]  # four positive texts, then five negative ones
POSITIVES = 4


def count(marks: set[int], threshold: float) -> tuple[float, float, float]:
    """Precision, recall and AUC, pair by pair."""
    found = {at for at, value in enumerate(VALUES) if value > threshold}
    others = set(range(len(VALUES))) - marks
    wins = [(VALUES[a] > VALUES[b]) + (VALUES[a] == VALUES[b]) / 2 for a, b in product(marks, others)]
    return len(found & marks) / len(found), len(found & marks) / len(marks), float(np.mean(wins))


@pytest.mark.row("NEW 28")
@pytest.mark.parametrize("threshold", [0.0, 3.5])
def test_scores_and_their_null_are_those_of_all_deals(threshold):
    told = score_texts(VALUES, POSITIVES, threshold=threshold, rounding=1e-5)
    names = ("precision", "recall", "auc")
    true = count(set(range(POSITIVES)), threshold)
    assert [told[name] for name in names] == pytest.approx(true)
    every = np.array([count(set(marks), threshold) for marks in combinations(range(len(VALUES)), POSITIVES)])
    assert len(every) == 126
    for column, name in enumerate(names):
        null = told[f"shuffled_{name}"]
        assert null.mean == pytest.approx(every[:, column].mean(), abs=0.02)
        assert null.reached == pytest.approx((every[:, column] >= true[column] - 1e-9).mean(), abs=0.05)
        assert null.mean < null.p95 <= 1
    assert told["shuffled_auc"].mean == pytest.approx(0.5, abs=0.02)
    assert told["shuffled_precision"].mean == pytest.approx(POSITIVES / len(VALUES), abs=0.02)


def test_a_feature_that_fires_on_everything_is_worth_what_chance_is():
    told = score_texts([5.0] * 10, 4, threshold=0.0, rounding=1e-5)
    assert (told["precision"], told["recall"], told["auc"]) == (0.4, 1.0, 0.5)
    assert told["shuffled_precision"].mean == pytest.approx(0.4) and told["shuffled_auc"].reached == 1
    silent = score_texts([0.0] * 10, 4, threshold=0.0, rounding=1e-5)
    assert (silent["precision"], silent["shuffled_precision"], silent["recall"]) == (None, None, 0)


@pytest.mark.parametrize(("dtype", "same", "other"), [("float32", 6.3532891, 6.3539), ("bfloat16", 6.25, 6.0)])
def test_values_that_differ_by_the_rounding_of_their_dtype_are_ties(dtype, same, other):
    """The start that two sets of texts share, read alone at two lengths; the control differs by more."""
    rounding = find_rounding(dtype)
    rounded = score_texts([6.3532896] * 4 + [same] * 4, 4, threshold=0.0, rounding=rounding)
    assert rounded["auc"] == 0.5 and rounded["shuffled_auc"].reached == 1
    told = score_texts([6.3532896] * 4 + [other] * 4, 4, threshold=0.0, rounding=rounding)
    assert told["auc"] == float(other < 6.3532896)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_ties_are_of_two_values_and_do_not_run_on_from_one_to_the_next(dtype):
    """A hundred values nearer to each other than bfloat16 rounds, from one end of the range to the other."""
    values = np.random.default_rng(0).permutation(np.linspace(0, 30, 100))
    apart = find_rounding(dtype) * 30
    pairs = [(a, b) for a in values[:40] for b in values[40:]]
    expected = np.mean([0.5 if abs(a - b) <= apart else float(a > b) for a, b in pairs])
    told = score_texts(values, 40, threshold=0.0, rounding=find_rounding(dtype))
    assert told["auc"] == pytest.approx(expected, abs=1e-9)
    assert abs(told["auc"] - 0.5) > 0.01


def test_what_was_found_and_should_have_been():
    verdicts = [judge(value, is_positive=mark, threshold=1.0) for value, mark in product((2.0, 1.0), (True, False))]
    assert verdicts == ["hit", "false alarm", "miss", "correct silence"]
