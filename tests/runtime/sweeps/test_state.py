"""The state of a sweep: equal to sorting everything at once, and the same bytes in any order and any parts."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gscope_widgets as gs
from gscope_widgets.runtime.sweeps import state as states
from gscope_widgets.runtime.sweeps.folder import SweepFolder
from gscope_widgets.runtime.sweeps.rows import HEAD, Prepared
from gscope_widgets.runtime.sweeps.state import Pile, SweepState, make_places
from tests.runtime.sweeps.plain import check_state

F = 5
# Few values, so that many are equal; powers of two and their neighbours, at which bins begin; tiny and huge ones.
VALUES = st.sampled_from([0.5, 1.0, 1.0000001, 2.0, 3.0, 31.999998, 32.0, 32.000004, 1e-37, 1e-3, 7e7]) | st.floats(
    2.0**-100, 1e8, width=32
)
FIRINGS = st.lists(
    st.tuples(st.integers(0, F - 1), VALUES, st.integers(0, 2**31), st.integers(0, 2**16 - 1)),
    max_size=60,
    unique_by=lambda one: (one[0], one[2], one[3]),
)


@pytest.fixture(autouse=True, scope="module")
def _small_pieces():
    """Features and firings are worked on a few at a time, so that pieces have borders in these tests too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(states, "_SPAN", 2)
        patch.setattr(states, "_AT_ONCE", 7)
        yield


def build(firings, k, *, parts=1) -> SweepState:
    state = SweepState(F, k)
    for part in np.array_split(np.arange(len(firings)), parts):
        chosen = [firings[at] for at in part]
        features, values, rows, positions = (np.array(list(column)) for column in zip(*chosen, strict=True)) if chosen else (np.zeros(0, int),) * 4  # fmt: skip
        state.add(features.astype(np.int32), values.astype(np.float32), make_places(rows, positions))
    return state


def write(state) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in state.to_arrays().items()}


def gather(firings):
    found = [[] for _ in range(F)]
    for feature, value, row, pos in firings:
        found[feature].append((float(np.float32(value)), row, pos))
    return found


@settings(max_examples=60)
@given(FIRINGS, st.integers(1, 7), st.integers(1, 5))
def test_it_holds_what_sorting_everything_finds(firings, k, parts):
    check_state(build(firings, k, parts=parts), gather(firings), k)


@settings(max_examples=60)
@given(FIRINGS, st.randoms(use_true_random=False), st.integers(1, 7), st.integers(1, 4), st.booleans())
def test_any_order_and_any_parts_give_the_same_bytes(firings, random, k, cut, is_settled):
    whole = write(build(firings, k))
    shuffled = list(firings)
    random.shuffle(shuffled)
    pieces = [build(shuffled[at::cut], k, parts=2) for at in range(cut)]
    if is_settled:
        for piece in pieces:
            piece.to_arrays()
    random.shuffle(pieces)
    merged = SweepState(F, k)
    for piece in pieces:
        merged.merge(piece)
    assert write(merged) == whole


@settings(max_examples=40)
@given(FIRINGS, FIRINGS, FIRINGS)
def test_merging_is_associative_and_commutative(a, b, c):
    # Parts of one corpus: no place twice.
    parts = [[(f, v, 3 * r + at, p) for f, v, r, p in one] for at, one in enumerate((a, b, c))]

    def merge(*states_given):
        first, *others = states_given
        for other in others:
            first.merge(other)
        return first

    def make(at):
        return build(parts[at], 3)

    expected = write(merge(make(0), make(1), make(2)))
    assert write(merge(make(0), merge(make(1), make(2)))) == expected
    assert write(merge(make(2), make(0), make(1))) == expected
    assert write(merge(merge(make(1), make(0)), make(2))) == expected
    other = merge(make(1), make(2))
    before = write(other)
    merge(make(0), other)
    assert write(other) == before  # what is merged in stays as it was


def test_a_pile_gives_what_was_put_and_needs_no_more_memory_the_next_time():
    pile, columns = Pile(), (np.arange(40, dtype=np.int32), np.arange(40, dtype=np.float32) / 8, np.arange(40) << 33)
    where = []
    for _ in range(3):
        for start, stop in ((0, 3), (3, 3), (3, 25), (25, 40)):
            pile.put(*(column[start:stop] for column in columns))
            assert len(pile) == stop
        blocks = pile.take()
        assert [len(features) for features, _, _ in blocks] == [7, 7, 7, 7, 7, 5]
        for column, found in zip(columns, zip(*blocks, strict=True), strict=True):
            np.testing.assert_array_equal(np.concatenate(found), column)
            assert found[0].dtype == column.dtype
        where.append([block[0].ctypes.data for block in blocks])
        assert len(pile) == 0 and pile.take() == []
    assert where[0] == where[1] == where[2]


def test_many_firings_are_sorted_in_before_the_end(monkeypatch):
    """So that memory does not grow: what waits is sorted in, again and again."""
    monkeypatch.setattr(states, "_WAITING", 50)
    random, state, found = np.random.default_rng(0), SweepState(F, 4), [[] for _ in range(F)]
    most = 0
    for batch in range(60):
        features = random.integers(0, F, 100).astype(np.int32)
        values = random.lognormal(size=100).astype(np.float32)
        state.add(features, values, make_places(np.full(100, batch), np.arange(100)))
        most = max(most, len(state._waiting))
        for at, (feature, value) in enumerate(zip(features.tolist(), values.tolist(), strict=True)):
            found[feature].append((value, batch, at))
    assert most <= 57
    check_state(state, found, 4)


def test_two_features_sample_different_places():
    """Control of the salt: with one key for all, features that fire together would show the same places."""
    state = SweepState(2, 1)
    places = make_places(np.arange(500), np.zeros(500, int))
    for feature in (0, 1):
        state.add(np.full(500, feature, np.int32), np.full(500, 3.0, np.float32), places)
    rows, _ = state.list_samples()
    first, second = (int(rows[feature].max()) for feature in (0, 1))
    assert first != second


def test_samples_are_drawn_evenly():
    """Over many features, the sample of one bin is any of its firings alike."""
    count = 2000
    state = SweepState(count, 1)
    for row in range(10):
        state.add(
            np.arange(count, dtype=np.int32),
            np.full(count, 2.0, np.float32),
            make_places(np.full(count, row), np.zeros(count, int)),
        )
    rows, _ = state.list_samples()
    seen = np.bincount(rows.max(1), minlength=10)
    assert (np.abs(seen - 200) < 70).all()  # five standard deviations


def test_a_state_is_as_large_as_it_says():
    state = SweepState(1000, 20)
    assert state.nbytes == 1000 * (12 * 20 + 524)
    assert sum(array.nbytes for array in state.to_arrays().values()) == state.nbytes


def test_an_infinite_activation_is_refused_before_anything_is_counted():
    state = SweepState(F, 2)
    with pytest.raises(gs.InvalidValue, match="feature 3 has an infinite activation"):
        state.add(np.array([1, 3], np.int32), np.array([1.0, np.inf], np.float32), np.array([0, 1]))
    assert write(state) == write(SweepState(F, 2))


@pytest.mark.parametrize(
    "change", [{"counts": None}, {"bins": np.zeros((F, 31), np.int32)}, {"exponents": np.zeros(F, np.int64)}]
)
def test_arrays_of_another_kind_are_refused(change):
    arrays = SweepState(F, 3).to_arrays() | change
    with pytest.raises(gs.BadArtefact, match=f"the state of a sweep has {next(iter(change))}"):
        SweepState.from_arrays({name: one for name, one in arrays.items() if one is not None}, d_dict=F, k=3)


def measure(work) -> int:
    """Bytes that some work takes at the most beside what was there before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_is_done_with_a_state_takes_little_beside_it(tmp_path, monkeypatch):
    """A state of 262k features is 200 MB: it is added to, merged, kept, found again and written a piece at a time."""
    monkeypatch.setattr(states, "_SPAN", 1024)
    monkeypatch.setattr(states, "_AT_ONCE", 4096)
    monkeypatch.setattr(states, "_WAITING", 1)
    d_dict, k, rows, seq_len = 40_000, 20, 50, 30
    random = np.random.default_rng(0)

    def fill(row):
        state = SweepState(d_dict, k)
        features = np.arange(d_dict, dtype=np.int32)
        state.add(features, random.lognormal(size=d_dict).astype(np.float32), np.full(d_dict, row << 16, np.int64))
        return state

    one, other = fill(0), fill(1)
    little = one.nbytes / 4
    features = random.integers(0, d_dict, 20_000).astype(np.int32)
    values = random.lognormal(size=20_000).astype(np.float32)
    places = (2 << 16) + np.arange(20_000)
    folder = SweepFolder(tmp_path)
    folder.settings, folder.corpus = {"seq_len": seq_len}, {"name": "a corpus"}
    folder.prepared = Prepared("", 1, 0, rows * seq_len, (0, rows))
    (tmp_path / "rows.i32").write_bytes(np.ones((rows, HEAD + seq_len), "<i4").tobytes())
    done = np.ones(1, bool)

    def found() -> list:
        return [folder.load(d_dict=d_dict, k=k, units=1)]

    assert measure(lambda: one.add(features, values, places)) < little
    assert measure(lambda: one.merge(other)) < little
    assert measure(lambda: folder.save(one, done, 5)) < little
    assert one.nbytes < measure(found) < one.nbytes + little
    state, done_again, used = found()[0]
    assert write(state) == write(one) and done_again.tolist() == [True] and used == 5
    assert measure(lambda: list(folder.write_results(one, 5))) < little
    assert not Path(tmp_path / "checkpoint.safetensors").exists()
    assert (
        measure(lambda: state.merge(SweepState.from_arrays(other.to_arrays(), d_dict=d_dict, k=k))) > little
    )  # control
