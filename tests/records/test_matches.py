"""Groups of features: one to one, split, merged, several to several, and those without a partner."""

import numpy as np
import pytest

from gscope_widgets.records.matches import match_features

NAN = np.nan


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0.9, 0.1], [0.2, 0.8]], [("one to one", (0,), (0,), 0.9), ("one to one", (1,), (1,), 0.8)]),
        ([[0.9, 0.7]], [("split", (0,), (0, 1), 0.7)]),
        ([[0.9], [0.7]], [("merged", (0, 1), (0,), 0.7)]),
        ([[0.9, 0.6], [0.3, 0.8], [0.2, 0.7]], [("one to one", (0,), (0,), 0.9), ("merged", (1, 2), (1,), 0.7)]),
        ([[0.8, 0.9], [0.1, 0.95]], [("several to several", (0, 1), (0, 1), 0.8)]),
        ([[0.4]], [("only first", (0,), (), None), ("only second", (), (0,), None)]),
        ([[NAN]], [("only first", (0,), (), None), ("only second", (), (0,), None)]),
        (np.zeros((1, 0)), [("only first", (0,), (), None)]),
        (np.zeros((0, 2)), [("only second", (), (0,), None), ("only second", (), (1,), None)]),
    ],
)
@pytest.mark.row("NEW 21")
def test_best_partners_of_either_side_make_the_groups(values, expected):
    values = np.array(values, float)
    found = match_features(values, rows=range(values.shape[0]), columns=range(values.shape[1]), threshold=0.5)
    assert [group[:4] for group in found] == expected


def test_a_feature_without_a_partner_says_how_near_the_nearest_is():
    found = match_features(np.array([[0.4, 0.3]]), rows=[0], columns=[1], threshold=0.5)
    assert found == [("only first", (0,), (), None, 0.4), ("only second", (), (1,), None, 0.3)]
    assert match_features(np.array([[0.4, 0.3]]), rows=[0], columns=[], threshold=0.4)[0][0] == "one to one"  # control


def test_silent_features_are_partners_only():
    values = np.array([[0.9, 0.1, 0.0], [0.1, 0.2, 0.9]])
    found = match_features(values, rows=[0], columns=[1], threshold=0.5)
    assert [group[:3] for group in found] == [("one to one", (0,), (0,)), ("only second", (), (1,))]


@pytest.mark.parametrize("seed", range(5))
def test_every_feature_that_fires_is_in_one_group(seed):
    values = np.random.default_rng(seed).random((12, 9))
    found = match_features(values, rows=range(12), columns=range(9), threshold=0.8)
    for side, count in ((1, 12), (2, 9)):
        assert sorted(one for group in found for one in group[side]) == list(range(count))
    for kind, rows, columns, value, _ in found:
        if kind not in ("only first", "only second"):
            assert 0.8 <= value <= values[np.ix_(rows, columns)].max()


def test_a_permutation_is_recovered():
    order = np.random.default_rng(0).permutation(20)
    found = match_features(np.eye(20)[order], rows=range(20), columns=range(20), threshold=0.5)
    assert [(group[0], group[1], group[2]) for group in found] == [
        ("one to one", (at,), (int(order[at]),)) for at in range(20)
    ]


def test_ties_but_for_rounding_go_to_the_lowest_number():
    """As of features that fire at the same one token; a difference that is more than rounding decides."""
    tied = np.array([[0.8, 0.2], [0.8 + 1e-7, 0.2]])
    [first, second] = match_features(tied, rows=(), columns=(0, 1), threshold=0.5)
    assert (first[1], first[2]) == ((0,), (0,)) and second[0] == "only second"
    [first, second] = match_features(tied + [[0, 0], [0.001, 0]], rows=(), columns=(0, 1), threshold=0.5)
    assert (first[1], first[2]) == ((1,), (0,))
