"""What is said of a number follows from its definition: compared with distributions, angles and counts made here."""

import math
import re

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.glossary import TERMS, define


def number(name, value, total=None, *, at=-1):
    return float(re.findall(r"-?\d+\.?\d*", define(name, value, total).rsplit("Here", 1)[1])[at])


def test_no_probability_moves_by_more_than_the_kl_allows():
    generator, tightest = np.random.default_rng(0), 1.0
    for spread in (0.1, 0.5, 2.0, 5.0) * 50:
        one, other = (np.exp(spread * generator.normal(size=8)) for _ in range(2))
        one, other = one / one.sum(), other / other.sum()
        kl = float((one * np.log(one / other)).sum())
        said, moved = number("KL", kl) / 100, float(abs(one - other).max())
        assert moved <= said + 1e-12
        tightest = min(tightest, said / moved)
    assert tightest < 3  # the control: it is a bound that says something
    assert number("KL", 0.0) == 0
    assert number("KL", 30.0) == 100
    assert number("KL", 1e-9) == 0.1  # a bound is rounded up


def test_a_logit_more_is_odds_and_not_a_probability():
    logits = np.array([2.0, 0.5, -1.0])
    before, after = (np.exp(one) / np.exp(one).sum() for one in (logits, logits + [1, 0, 0]))
    factor = float(re.search(r"makes its odds (\S+) times", define("logit"))[1])
    assert (after / (1 - after))[0] == pytest.approx(factor * (before / (1 - before))[0], rel=1e-3)
    assert after[0] < 0.7 * factor * before[0]  # control: not so of the probability


def test_shares_are_counted():
    active = np.random.default_rng(1).random(1024) < 0.0125
    assert number("L0", int(active.sum()), 1024) == pytest.approx(1024 / active.sum(), abs=0.51)
    assert number("density", 0.0125) == pytest.approx(80)
    assert number("activation", 12.5, 25.0) == 50
    assert number("FVU", 0.104) == pytest.approx(89.6)
    assert "further off" in define("FVU", 1.3) and "nearly alike" in define("FVU", 345.0)
    assert "further off" not in define("FVU", 1.0)


def test_an_auc_is_a_share_of_pairs_and_a_cosine_an_angle():
    generator = np.random.default_rng(2)
    first, second = generator.normal(1, 1, 300), generator.normal(0, 1, 300)
    ranks = np.concatenate([first, second]).argsort().argsort()[:300] + 1
    auc = (ranks.sum() - 300 * 301 / 2) / 300**2  # Mann and Whitney's U
    assert number("AUC", auc, at=0) == pytest.approx(100 * (first[:, None] > second).mean(), abs=0.1)
    assert define("decoder cosine", math.cos(math.radians(35))).endswith("an angle of 35°.")


def test_a_perplexity_is_a_number_of_equal_choices():
    assert number("perplexity", math.exp(math.log(23))) == 23


@pytest.mark.parametrize("name", TERMS)
def test_every_term_has_a_sentence_and_nothing_is_said_of_no_number(name):
    sentence = f"{TERMS[name].sentence}."
    assert len(sentence.split()) >= 6
    assert not TERMS[name].sentence.endswith(".")
    for value in (None, math.nan, math.inf):
        assert define(name, value) == sentence
    assert bool(TERMS[name].examples) == (TERMS[name].scale is not None)


def test_an_unknown_term_is_refused():
    with pytest.raises(gs.InvalidValue, match="no term 'L1'; there are feature"):
        define("L1")
