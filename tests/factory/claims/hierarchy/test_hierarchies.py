import numpy as np
import pytest
import torch

from factory.claims.hierarchy.absorption import (
    Absorption,
    choose_features,
    count_absorbed,
    fit_probes,
    rank_correlation,
    rank_interval,
)
from factory.claims.hierarchy.hierarchies import (
    MATRYOSHKA,
    PLAIN,
    judge_absorption,
    judge_order,
    list_pairs,
    measure_pairs,
    sample_unrelated_pairs,
)
from factory.claims.sample import Sample
from factory.training.corpus_tokens import LabelledRows, real_positions

TOKENS, D, CHILDREN = 3000, 20, 4
PARENT, UNRELATED = CHILDREN, CHILDREN + 1  # columns; the children come first


@pytest.fixture(scope="module")
def world():
    """Residuals in which a parent's and its children's directions add up, with the labels of each."""
    generator = np.random.default_rng(0)
    kind = generator.integers(0, 3 * CHILDREN, TOKENS)
    concepts = np.zeros((TOKENS, CHILDREN + 2), bool)
    for child in range(CHILDREN):
        concepts[:, child] = kind == child
    concepts[:, PARENT] = kind < CHILDREN
    concepts[:, UNRELATED] = kind == CHILDREN
    labels = torch.from_numpy(concepts).float()
    x = labels @ torch.eye(D)[: CHILDREN + 2] + 0.05 * torch.randn(
        TOKENS, D, generator=torch.Generator().manual_seed(0)
    )
    return x, labels


def faithful(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Activations and decoder: one feature a concept."""
    return labels.clone(), torch.eye(D)[: CHILDREN + 2]


def absorbing(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same, but the parent's feature is inactive on the first child, whose feature writes the parent too."""
    z, w_dec = labels.clone(), torch.eye(D)[: CHILDREN + 2].clone()
    z[labels[:, 0] > 0, PARENT] = 0
    w_dec[0, PARENT] = 1
    return z, w_dec


def measure(world, dictionary, pairs) -> dict:
    x, labels = world
    z, w_dec = dictionary(labels)
    probes = fit_probes(x, labels)
    choice = choose_features((z > 0).float(), labels, pairs=[(PARENT, child) for child in range(CHILDREN)])
    probed = x @ probes.directions > probes.cuts
    return measure_pairs(z, w_dec, labels > 0, probes, choice, pairs=pairs, probed=probed)


def test_probes_find_concepts(world):
    x, labels = world
    probes = fit_probes(x, labels)
    assert ((x @ probes.directions > probes.cuts) == (labels > 0)).float().mean() > 0.99


def test_absorption_is_found_where_a_child_speaks_for_its_parent(world):
    pairs = [(PARENT, child) for child in range(CHILDREN)]
    found = measure(world, absorbing, pairs)
    assert found[PARENT, 0].rate > 0.95
    assert all(found[PARENT, child].rate == 0 for child in range(1, CHILDREN))


def test_a_faithful_dictionary_absorbs_nothing(world):
    found = measure(world, faithful, [(PARENT, child) for child in range(CHILDREN)])
    assert [one.rate for one in found.values()] == [0] * CHILDREN


def test_an_inactive_parent_is_no_absorption_unless_the_child_writes_along_the_probe(world):
    _, labels = world
    z, w_dec = absorbing(labels)
    tokens = labels[:, 0] > 0
    direction = torch.eye(D)[PARENT]
    assert count_absorbed(z[tokens], w_dec, direction, main=[PARENT], own=[0]).rate == 1
    aside = count_absorbed(z[tokens], torch.eye(D)[: CHILDREN + 2], direction, main=[PARENT], own=[0])
    assert (aside.inactive, aside.absorbed) == (int(tokens.sum()), 0)
    assert count_absorbed(z[tokens], w_dec, direction, main=[PARENT], own=[]).absorbed == 0
    assert count_absorbed(z[tokens], w_dec, direction, main=[PARENT, 0], own=[0]).inactive == 0


def test_a_parent_split_into_few_features_keeps_them_all_as_main_ones(world):
    _, labels = world
    halves = torch.stack([labels[:, :2].amax(1), labels[:, 2:4].amax(1), labels[:, UNRELATED]], 1)
    assert sorted(choose_features(halves, labels, pairs=[(PARENT, UNRELATED)]).main[PARENT]) == [0, 1]
    ones = torch.cat([labels[:, :1], halves[:, 1:]], 1)
    assert choose_features(ones, labels, pairs=[(PARENT, 0)]).main[PARENT] == [1]


def test_a_parent_without_a_feature_is_left_out(world):
    _, labels = world
    noise = (torch.rand(TOKENS, 5, generator=torch.Generator().manual_seed(1)) < 0.01).float()
    assert choose_features(noise, labels, pairs=[(PARENT, 0)]).main == {}


def test_unrelated_pairs_share_no_token_with_the_child(world):
    _, labels = world
    pairs = sample_unrelated_pairs(labels, [(PARENT, 0), (UNRELATED, 1)])
    assert pairs == [(UNRELATED, 0), (UNRELATED, 1)]


def test_pairs_are_children_with_a_concept_above_them():
    names = ("place:town", "place:town/harbour", "place:region", "place:river")
    concepts = np.zeros((1, 101, 4), bool)
    concepts[0, 1:101, 0] = concepts[0, 1:41, 1] = concepts[0, 50:90, 3] = True
    rows = LabelledRows(np.ones((1, 101), np.int32), np.array([101]), concepts, names, ("story",))
    sample = Sample(rows, real_positions(rows))
    assert list_pairs(sample, names) == [(0, 1)]
    concepts[0, 1:90, 1] = True
    assert list_pairs(Sample(rows, real_positions(rows)), names) == []


def test_rank_correlation_is_spearmans():
    values = np.array([5.0, 4.0, 4.0, 1.0, 2.0])
    ranks = np.array([5.0, 3.5, 3.5, 1.0, 2.0])
    assert rank_correlation(values) == pytest.approx(np.corrcoef(np.arange(5), ranks)[0, 1])
    assert rank_correlation(np.exp(-np.arange(9.0))) == pytest.approx(-1)
    assert rank_correlation(np.ones(5)) == 0
    generator = np.random.default_rng(0)
    values = -np.arange(300) + 200 * generator.standard_normal(300)
    low, high = rank_interval(values)
    assert low < rank_correlation(values) < high < 0


def test_order_is_claimed_only_where_every_seed_has_it():
    generator = np.random.default_rng(0)
    falling = np.exp(-np.arange(400) / 100) * generator.random(400)
    rates = {(MATRYOSHKA, seed): falling for seed in range(3)}
    rates |= {(PLAIN, seed): generator.permutation(falling) for seed in range(3)}
    found = judge_order(rates)
    assert found.passed
    assert found.interval[0] < found.value < found.interval[1] < 0
    assert not judge_order(rates | {(MATRYOSHKA, 1): generator.permutation(falling)}).passed
    assert not judge_order(rates | {(PLAIN, 1): np.sort(falling)[::-1]}).passed


def rows_of(rate: int) -> dict:
    return {(9, child): Absorption(100, rate + 5, rate + child % 3) for child in range(12)}


def test_less_absorption_must_show_in_every_seed_and_above_chance():
    names = tuple(f"concept {at}" for at in range(12))
    found = {(kind, seed): rows_of(rate) for kind, rate in ((MATRYOSHKA, 10), (PLAIN, 40)) for seed in range(3)}
    random = {key: rows_of(0) for key in found}
    one = judge_absorption(found, random, names=names)
    assert one.passed
    assert one.value == pytest.approx(41 / 11, rel=0.01)
    assert one.interval[0] <= one.value <= one.interval[1]
    assert not judge_absorption(found | {(PLAIN, 2): rows_of(15)}, random, names=names).passed
    assert not judge_absorption(found, {key: rows_of(60) for key in found}, names=names).passed
    none = judge_absorption({key: {} for key in found}, random, names=names)
    assert (none.passed, none.n) == (False, 0)
