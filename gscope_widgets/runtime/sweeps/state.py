"""What a sweep knows of every feature: a state that merges, in whatever order and parts the corpus was read."""

import mmap
from collections.abc import Mapping

import numpy as np

from gscope_widgets.errors import BadArtefact, InvalidValue

Firings = tuple[np.ndarray, np.ndarray, np.ndarray]  # features, activations, places
BINS = 32  # of a histogram; a feature uses 17 to 32 of them
_WAITING = 1 << 18  # firings that may be among the strongest, and are sorted in together
_AT_ONCE = 1 << 17  # firings that are counted together
_SPAN = 4096  # features that are worked on together: what that takes beside the state does not grow with their number
_BITS = 5  # BINS == 2**_BITS
POSITION_BITS = 16  # of a place: row << 16 | position
_NOWHERE = np.iinfo(np.int64).max  # the place of an example that is none: after all others
_NO_KEY = np.iinfo(np.uint64).max
_NO_BINS = -10_000  # exponent of a feature that never fired
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_UNMIX = tuple(pow(factor, -1, 1 << 64) for factor in _MIX)
_GOLDEN = 0x9E3779B97F4A7C15
# Name -> type, columns of a feature, and what is there before anything fired; as in a checkpoint.
_LAYOUT = {
    "counts": (np.int64, "", 0),
    "top_activations": (np.float32, "k", 0),
    "top_places": (np.int64, "k", _NOWHERE),
    "exponents": (np.int32, "", _NO_BINS),
    "bins": (np.int32, "bins", 0),
    "sample_keys": (np.uint64, "bins", _NO_KEY),
    "sample_activations": (np.float32, "bins", 0),
}


class Pile:
    """Firings put by, in memory of its own: on the heap it would lie in pieces between all that comes and goes."""

    def __init__(self) -> None:
        """Nothing is in it."""
        self._blocks: list[Firings] = []  # each of _AT_ONCE
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, features: np.ndarray, activations: np.ndarray, places: np.ndarray) -> None:
        """Put firings to those that are there; arguments as of `SweepState.add`."""
        done = 0
        while done < len(features):
            block, at = divmod(self._count, _AT_ONCE)
            if block == len(self._blocks):
                self._blocks.append((_map(np.int32), _map(np.float32), _map(np.int64)))
            count = min(_AT_ONCE - at, len(features) - done)
            for column, more in zip(self._blocks[block], (features, activations, places), strict=True):
                column[at : at + count] = more[done : done + count]
            self._count += count
            done += count

    def take(self) -> list[Firings]:
        """All that is there, to be used before more is put; then nothing is."""
        count, self._count = self._count, 0
        return [
            (features[:left], activations[:left], places[:left])
            for left, (features, activations, places) in zip(range(count, 0, -_AT_ONCE), self._blocks, strict=False)
        ]


class SweepState:
    """Counts, the k strongest firings, a histogram and samples of each of F features.

    All of it is counted in whole numbers or chosen by a total order, so `merge` is exact, associative and
    commutative: parts of a corpus give the same bytes in any order. A place is a row of the corpus and a position in
    it, `row << 16 | position`.

    The k strongest: larger activations first, of equal ones the earlier place. The histogram: BINS bins of width
    `2**exponent`, the smallest such width with which they reach the largest activation; where a larger one comes,
    neighbouring bins are joined, which loses nothing. The sample of a bin: the firing whose place has the smallest
    key, a number that looks random and that no two places of a feature share.
    """

    def __init__(self, d_dict: int, k: int):
        """Nothing has fired yet.

        Args:
            d_dict: F, the number of features.
            k: examples a feature, 1 or more.
        """
        self._hold({name: _make_empty(name, d_dict, k) for name in _LAYOUT})

    def _hold(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.counts: np.ndarray = arrays["counts"]
        self.top_activations: np.ndarray = arrays["top_activations"]
        self.top_places: np.ndarray = arrays["top_places"]
        self.exponents: np.ndarray = arrays["exponents"]
        self.bins: np.ndarray = arrays["bins"]
        self.sample_keys: np.ndarray = arrays["sample_keys"]
        self.sample_activations: np.ndarray = arrays["sample_activations"]
        self._waiting = Pile()

    @property
    def d_dict(self) -> int:
        """F, the number of features."""
        return len(self.counts)

    @property
    def k(self) -> int:
        """Examples a feature."""
        return int(self.top_activations.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory: 12 k + 524 a feature, whatever the length of the corpus."""
        return sum(getattr(self, name).nbytes for name in _LAYOUT)

    def add(self, features: np.ndarray, activations: np.ndarray, places: np.ndarray) -> None:
        """Count firings, in any order; none may be given twice.

        Args:
            features: int, [firing].
            activations: float32, [firing], > 0.
            places: int64, [firing].

        Raises:
            InvalidValue: an activation is infinite; nothing is counted then.
        """
        if not len(features):
            return
        if not np.isfinite(activations).all():
            wrong = int(features[np.flatnonzero(~np.isfinite(activations))[0]])
            raise InvalidValue(
                f"feature {wrong} has an infinite activation: its weights are damaged, or of another model"
            )
        for first in range(0, len(features), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            self.counts += np.bincount(features[some], minlength=self.d_dict)
            self._add_top(features[some], activations[some], places[some])
            self._add_bins(features[some], activations[some], places[some])

    def add_pile(self, pile: Pile) -> None:
        """Count all firings that were put by, and take them away."""
        for firings in pile.take():
            self.add(*firings)

    def merge(self, other: "SweepState") -> None:
        """Take in what another state knows, of other parts of the same corpus."""
        self.settle()
        other.settle()
        for some in self.spans:
            self._view(some)._merge(other._view(some))

    @property
    def spans(self) -> list[slice]:
        """Features, some at a time: what is made of a state is made for so many together."""
        return [slice(first, first + _SPAN) for first in range(0, self.d_dict, _SPAN)]

    def _view(self, some: slice) -> "SweepState":
        """Some features: what changes there changes here. Nothing is to be added to it: features have other numbers."""
        part = object.__new__(SweepState)
        part._hold({name: getattr(self, name)[some] for name in _LAYOUT})
        return part

    def _merge(self, other: "SweepState") -> None:
        self.counts += other.counts
        activations = np.concatenate([self.top_activations, other.top_activations], 1)
        places = np.concatenate([self.top_places, other.top_places], 1)
        self.top_activations[:], self.top_places[:] = _take_first(activations, places, self.k)
        exponents = np.maximum(self.exponents, other.exponents)
        theirs = object.__new__(SweepState)
        theirs._hold({name: getattr(other, name).copy() for name in _LAYOUT})
        theirs._widen(exponents)
        self._widen(exponents)
        self.bins += theirs.bins
        smaller = theirs.sample_keys < self.sample_keys
        self.sample_keys[smaller] = theirs.sample_keys[smaller]
        self.sample_activations[smaller] = theirs.sample_activations[smaller]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The state as arrays, by name, for a file or another process."""
        self.settle()
        return {name: getattr(self, name) for name in _LAYOUT}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], *, d_dict: int, k: int, copy: bool = True) -> "SweepState":
        """The state that `to_arrays` gave.

        Args:
            copy: it gets arrays of its own; else it is for reading, or the arrays are given away.

        Raises:
            BadArtefact: names, types or shapes are not those of a state of F features and k examples.
        """
        for name, (dtype, columns, _) in _LAYOUT.items():
            expected, found = _list_sizes(columns, d_dict, k), arrays.get(name)
            if found is None or found.dtype != dtype or found.shape != expected:
                shown = "nothing" if found is None else f"{found.dtype} {list(found.shape)}"
                raise BadArtefact(f"the state of a sweep has {name} {np.dtype(dtype)} {list(expected)}, got {shown}")
        state = object.__new__(cls)
        state._hold({name: np.array(arrays[name]) if copy else arrays[name] for name in _LAYOUT})
        return state

    def list_samples(self, some: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Where the sample of each bin lies: rows int64 and positions int32, [F, BINS]; -1 where there is none.

        Args:
            some: of these features only.
        """
        keys = self.sample_keys[some]
        salts = _make_salts(np.arange(self.d_dict)[some])
        rows, positions = split_places((_unmix(keys) ^ salts[:, None]).astype(np.int64))
        none = keys == _NO_KEY
        rows[none], positions[none] = -1, -1
        return rows, positions

    def list_top(self, some: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Where the strongest firings lie: rows int64 and positions int32, [F, k]; 0 where there is none.

        Args:
            some: of these features only.
        """
        self.settle()
        rows, positions = split_places(self.top_places[some])
        none = self.top_places[some] == _NOWHERE
        rows[none], positions[none] = 0, 0
        return rows, positions

    def _add_top(self, features: np.ndarray, activations: np.ndarray, places: np.ndarray) -> None:
        # An equal activation at an earlier place still goes ahead: units come in any order.
        wanted = np.flatnonzero(activations >= self.top_activations[features, -1])
        self._waiting.put(features[wanted], activations[wanted], places[wanted])
        if len(self._waiting) > max(_WAITING, self.top_places.size // 2):
            self.settle()

    def settle(self) -> None:
        """Sort what waits into the strongest. Where that fails, the state is no longer whole."""
        waiting = self._waiting.take()
        for some in self.spans if waiting else ():
            inside = [np.flatnonzero((one[0] >= some.start) & (one[0] < some.stop)) for one in waiting]
            found = [[column[at] for column in one] for one, at in zip(waiting, inside, strict=True)]
            features, activations, places = (np.concatenate(column) for column in zip(*found, strict=True))
            if len(features):
                self._view(some)._sort_in(features - np.int32(some.start), activations, places)

    def _sort_in(self, features: np.ndarray, activations: np.ndarray, places: np.ndarray) -> None:
        fires = np.zeros(self.d_dict, bool)
        fires[features] = True
        touched = np.flatnonzero(fires).astype(np.int32)
        rows, columns = np.nonzero(self.top_places[touched] != _NOWHERE)
        features = np.concatenate([features, touched[rows]])
        activations = np.concatenate([activations, self.top_activations[touched[rows], columns]])
        places = np.concatenate([places, self.top_places[touched[rows], columns]])
        order = _rank(features, activations, places)
        features = features[order]
        starts = np.searchsorted(features, touched)
        rank = np.arange(len(features)) - np.repeat(starts, np.diff([*starts, len(features)]))
        kept = rank < self.k
        features, rank, order = features[kept], rank[kept], order[kept]
        self.top_activations[touched], self.top_places[touched] = 0, _NOWHERE
        self.top_activations[features, rank] = activations[order]
        self.top_places[features, rank] = places[order]

    def _add_bins(self, features: np.ndarray, activations: np.ndarray, places: np.ndarray) -> None:
        largest = np.zeros(self.d_dict, np.float32)
        np.maximum.at(largest, features, activations)
        fires = np.flatnonzero(largest)
        exponents = self.exponents.copy()
        exponents[fires] = np.maximum(exponents[fires], _find_exponents(largest[fires]))
        self._widen(exponents)
        scaled = np.ldexp(activations.astype(np.float64), -self.exponents[features])
        cells = features.astype(np.int64) * BINS + (np.ceil(scaled).astype(np.int64) - 1)
        keys = _mix(places.astype(np.uint64) ^ _make_salts(features))
        flat_keys, flat_activations = self.sample_keys.reshape(-1), self.sample_activations.reshape(-1)
        np.add.at(self.bins.reshape(-1), cells, np.int32(1))
        np.minimum.at(flat_keys, cells, keys)
        chosen = np.flatnonzero(flat_keys[cells] == keys)
        flat_activations[cells[chosen]] = activations[chosen]

    def _widen(self, exponents: np.ndarray) -> None:
        """Join bins until their widths are 2**exponents, which are no smaller than now."""
        shifts = np.minimum(exponents - self.exponents, _BITS)
        shifts[self.exponents == _NO_BINS] = 0  # nothing is in them
        for shift in np.unique(shifts[shifts > 0]).tolist():
            rows = np.flatnonzero(shifts == shift)
            for first in range(0, len(rows), _SPAN):
                self._join(rows[first : first + _SPAN], shift)
        self.exponents[:] = exponents

    def _join(self, rows: np.ndarray, shift: int) -> None:
        """Of some features, make each 2**shift neighbouring bins one."""
        joined = (len(rows), BINS >> shift, 1 << shift)
        keys = self.sample_keys[rows].reshape(joined)
        chosen = keys.argmin(2)[:, :, None]
        values = np.take_along_axis(self.sample_activations[rows].reshape(joined), chosen, 2)[:, :, 0]
        stop, counts = BINS >> shift, self.bins[rows].reshape(joined).sum(2)
        for array, part, empty in (
            (self.bins, counts, 0),
            (self.sample_keys, keys.min(2), _NO_KEY),
            (self.sample_activations, values, 0),
        ):
            array[rows] = empty
            array[rows, :stop] = part


def _map(dtype: type[np.generic]) -> np.ndarray:
    return np.frombuffer(mmap.mmap(-1, _AT_ONCE * np.dtype(dtype).itemsize), dtype)


def _list_sizes(columns: str, d_dict: int, k: int) -> tuple[int, ...]:
    return (d_dict, {"k": k, "bins": BINS}[columns]) if columns else (d_dict,)


def _make_empty(name: str, d_dict: int, k: int) -> np.ndarray:
    dtype, columns, empty = _LAYOUT[name]
    sizes = _list_sizes(columns, d_dict, k)
    return np.full(sizes, empty, dtype) if empty else np.zeros(sizes, dtype)


def _make_salts(features: np.ndarray) -> np.ndarray:
    """A number for each feature, uint64, so that no two sample the same places."""
    return _mix(features.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(1))


def make_places(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Places of rows, below 2**47, and positions, below 2**16: int64."""
    places: np.ndarray = (rows.astype(np.int64) << POSITION_BITS) | positions
    return places


def split_places(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows int64 and positions int32 of places."""
    return places >> POSITION_BITS, (places & ((1 << POSITION_BITS) - 1)).astype(np.int32)


def _rank(features: np.ndarray, activations: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Indices that order firings by feature, the larger activation first, of equal ones the earlier place."""
    # The bits of floats above 0 rise as they do.
    keys = (features.astype(np.uint64) << np.uint64(32)) | (~activations.view(np.uint32)).astype(np.uint64)
    order = np.argsort(keys)  # a tenth of the time of a sort by two keys, which is left for what is equal
    keys = keys[order]
    equal = np.flatnonzero(keys[1:] == keys[:-1])
    if len(equal):
        at = np.union1d(equal, equal + 1)
        order[at] = order[at][np.lexsort((places[order[at]], keys[at]))]
    return order


def _take_first(activations: np.ndarray, places: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The first k of each row: larger activations first, of equal ones the earlier place."""
    order = np.lexsort((places, -activations), axis=1)[:, :k]
    return np.take_along_axis(activations, order, 1), np.take_along_axis(places, order, 1)


def _find_exponents(largest: np.ndarray) -> np.ndarray:
    """The smallest e with `largest <= BINS * 2**e`."""
    mantissas, exponents = np.frexp(largest)
    found: np.ndarray = exponents - _BITS - (mantissas == 0.5)
    return found


def _mix(numbers: np.ndarray) -> np.ndarray:
    """Numbers that look random, uint64: one to one, so that no two of one feature are equal (splitmix64's end)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(_MIX[0])
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(_MIX[1])
    mixed: np.ndarray = numbers ^ (numbers >> np.uint64(31))
    return mixed


def _unmix(numbers: np.ndarray) -> np.ndarray:
    """What `_mix` made these of."""
    for shift, factor in ((31, _UNMIX[1]), (27, _UNMIX[0])):
        numbers = _unshift(numbers, shift) * np.uint64(factor)
    return _unshift(numbers, 30)


def _unshift(numbers: np.ndarray, shift: int) -> np.ndarray:
    """Undo `n ^ (n >> shift)`; twice is enough, as 3 shift > 64."""
    found = numbers ^ (numbers >> np.uint64(shift))
    undone: np.ndarray = numbers ^ (found >> np.uint64(shift))
    return undone
