"""How well predictions hold, beside the formulas by NumPy, and with predictions dealt out anew."""

from dataclasses import replace

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.circuit_effects import CircuitEffect
from gscope_widgets.records.circuits import GraphTarget


def make(predicted, frozen, free, random):
    """An effect of one node on as many targets as are given."""
    arrays = [np.array(one, np.float32) for one in (predicted, frozen, free, random)]
    targets = tuple(GraphTarget(f" t{at}", (at,)) for at in range(len(predicted)))
    return CircuitEffect(targets, (40,), ("a node",), 0.0, (), np.zeros(len(predicted), np.float32), *arrays)


@pytest.fixture(scope="module")
def effects():
    """Forty changes of five targets, foretold at eight tenths and with noise."""
    random = np.random.default_rng(0)
    made = []
    for _ in range(40):
        told = random.normal(size=5)
        happened = 0.8 * told + 0.2 * random.normal(size=5)
        made.append(make(told, 0.9 * told, happened, 0.3 * random.normal(size=(4, 5))))
    return made


@pytest.mark.row("10")
def test_scores_are_those_of_numpy(effects):
    found = gs.score_changes(effects)
    told, frozen, free = (
        np.concatenate([getattr(one, name) for one in effects]) for name in ("predicted", "frozen", "free")
    )
    for one, happened in ((found.frozen, frozen), (found.free, free)):
        assert one.correlation == pytest.approx(np.corrcoef(told, happened)[0, 1], rel=1e-5)
        assert one.slope == pytest.approx(np.linalg.lstsq(told[:, None], happened, rcond=None)[0][0], rel=1e-5)
        left = np.linalg.norm(happened - told) ** 2 / np.linalg.norm(happened) ** 2
        assert one.share == pytest.approx(1 - left, rel=1e-4)
    assert found.frozen.slope == pytest.approx(0.9, rel=1e-5) and found.frozen.correlation == pytest.approx(1)
    assert 0.9 < found.free.correlation < 1 and 0.8 < found.free.share < 1
    sizes = [np.linalg.norm(one.free) for one in effects]
    others = [np.linalg.norm(one.random, axis=1) for one in effects]
    below = np.concatenate([each < size for size, each in zip(sizes, others, strict=True)])
    assert found.beyond == pytest.approx(below.mean()) and found.beyond > 0.9
    assert found.ranks == tuple(1 + int((each >= size).sum()) for size, each in zip(sizes, others, strict=True))
    assert (found.rows, found.not_predicted, found.controls) == (200, 0, (4,) * 40)
    assert found.to_frame()["slope"].tolist() == [found.frozen.slope, found.free.slope]


def test_predictions_that_are_dealt_out_anew_score_nothing(effects):
    order = np.random.default_rng(1).permutation(200)
    dealt = np.concatenate([one.predicted for one in effects])[order].reshape(40, 5)
    found = gs.score_changes([replace(one, predicted=told) for one, told in zip(effects, dealt, strict=True)])
    assert abs(found.free.correlation) < 0.2 and abs(found.free.slope) < 0.2 and found.free.share < 0
    # A change that is itself drawn as its controls are lies anywhere among them.
    random = np.random.default_rng(2)
    alike = [replace(one, free=random.normal(size=5), random=random.normal(size=(4, 5))) for one in effects]
    assert gs.score_changes(alike).beyond == pytest.approx(0.5, abs=0.15)


def test_of_one_row_the_correlation_alone_is_not_defined():
    found = make([2.0], [1.0], [1.5], [[0.1], [-2.0], [1.5]]).scores()
    assert np.isnan(found.free.correlation) and found.free.slope == pytest.approx(0.75)
    assert found.free.share == pytest.approx(1 - 0.25 / 2.25)
    assert (found.ranks, found.controls, found.ties) == ((3,), (3,), (1,)) and found.beyond == pytest.approx(0.5)
    assert "correlation not defined, slope 0.75" in repr(found) and "1 change, 1 row:" in repr(found)


def test_what_was_not_predicted_is_counted_apart(effects):
    swap = make([np.nan, np.nan], [0.5, 1.0], [0.5, 1.0], [[0.0, 0.1]] * 3)
    assert "+0.5 (not predicted)" in repr(swap) and "nan" not in repr(swap)
    assert "(+2 predicted)" in repr(make([2.0], [1.0], [1.5], [[0.1]] * 3))
    alone = swap.scores()
    assert (alone.rows, alone.not_predicted, alone.ranks) == (0, 2, (1,))
    assert all(np.isnan([alone.free.correlation, alone.free.slope, alone.free.share]))
    both, without = gs.score_changes([*effects, swap]), gs.score_changes(effects)
    assert both.free == without.free and both.not_predicted == 2 and len(both.ranks) == 41
    nothing = make([0.0] * 4, [0.0] * 4, [0.0] * 4, [[0.0] * 4] * 3).scores()
    assert all(np.isnan([nothing.free.correlation, nothing.free.slope, nothing.free.share])) and nothing.ranks == (4,)


def test_in_steps_of_rounding_ties_count_half(effects):
    nothing = make([0.1] * 4, [0.1] * 4, [0.0] * 4, [[0.0] * 4] * 3).scores()
    assert (nothing.ranks, nothing.ties, nothing.beyond) == ((4,), (3,), 0.5) and "beyond 50% of controls" in repr(
        nothing
    )
    # Drawn as its controls are, and rounded so that most are alike: still about half by chance.
    random = np.random.default_rng(3)
    draw = random.integers(0, 2, (200, 5)).astype(np.float32)
    alike = gs.score_changes([make([1.0], [1.0], one[:1], one[1:, None]) for one in draw])
    assert sum(alike.ties) > 300 and alike.beyond == pytest.approx(0.5, abs=0.06)
    assert gs.score_changes(effects).ties == (0,) * 40


def test_without_controls_there_is_no_place_among_them(effects):
    bare = make([1.0], [1.0], [1.0], np.zeros((0, 1))).scores()
    assert np.isnan(bare.beyond) and repr(bare).endswith("; no controls>") and bare.free.slope == 1
    assert gs.score_changes([replace(effects[0], random=np.zeros((0, 5))), *effects[1:]]).beyond > 0.9


@pytest.mark.parametrize(
    ("given", "words"),
    [([], "no effects"), ("effects", "are a list"), (5, "are a list"), ([5], r"comes from gs\.change_circuit")],
)
def test_what_is_no_effect_is_told(given, words):
    with pytest.raises(gs.InvalidValue, match=words):
        gs.score_changes(given)


def test_an_effect_without_controls_is_a_table_too():
    frame = make([1, 2], [3, 4], [5, 6], np.zeros((0, 2))).to_frame()
    assert frame["free"].tolist() == [5, 6]
    assert frame[["random", "random_low", "random_high"]].isna().all(axis=None)
    several = make([1, 2], [3, 4], [5, 6], [[1, 2], [3, 0]]).to_frame()
    assert several["random"].tolist() == [2, 1] and several["random_low"].tolist() == [1, 0]
