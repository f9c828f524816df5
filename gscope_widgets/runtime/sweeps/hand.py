"""What does the reading of a sweep: rows through the model to the dictionary's layer, and through its encoder."""

import copy
import ctypes
import itertools
import os
import queue
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from transformers.models.gemma3.modeling_gemma3 import Gemma3TextModel

from gscope_widgets.errors import InvalidValue
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.fingerprints import fingerprint_dictionary
from gscope_widgets.runtime.dictionaries.folders import HubFolder
from gscope_widgets.runtime.gemma.fingerprints import fingerprint_model
from gscope_widgets.runtime.gemma.hooks import run_through
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.sites import find_dictionary_points
from gscope_widgets.runtime.scope import Scope
from gscope_widgets.runtime.sweeps.rows import HEAD
from gscope_widgets.runtime.sweeps.state import Firings, Pile, SweepState, make_places
from gscope_widgets.runtime.sweeps.threads import run_in_order

_ENCODED = 1024  # positions that a CPU encodes together
_LEFT_ALONE = 31 << 20  # bytes, below the 32 MB of glibc's largest threshold; none of them is touched


@dataclass(frozen=True)
class Order:
    """What another process needs in order to read as this one would. Holds no token."""

    model: str
    wishes: dict[str, str]  # arguments of `gs.load`
    dictionary: str  # a folder, or its address on the Hub
    dictionary_dtype: str
    weights: str  # fingerprint of the model
    dictionary_weights: str
    k: int
    batch_tokens: int
    threads: int

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Stretch:
    """Some units, one after the other: a piece of work for one worker."""

    units: tuple[int, int]  # the first, and the one after the last
    starts: tuple[int, ...]  # the first row of each, and the row after the last
    rows: np.ndarray  # int32, [row, HEAD + seq_len]


class Hand:
    """A model and a dictionary that read rows. For the thread on which the model runs."""

    def __init__(self, loaded: LoadedModel, dictionary: Dictionary, *, batch_tokens: int, threads: int):
        """Nothing is read yet.

        Args:
            batch_tokens: of one forward pass, padding included, unless one row has more.
            threads: on a CPU, that each have a batch; torch computes alone on each, so that no bit hangs on them.
        """
        self._loaded, self._dictionary, self._batch_tokens = loaded, dictionary, batch_tokens
        self._threads = threads if torch.device(loaded.info.device).type == "cpu" else 1
        # Those that no thread uses; of several threads each has hooks of its own. They are made here and now, where no
        # other job has hooks on the model, which a copy would take along.
        self._models: queue.SimpleQueue[Gemma3TextModel] = queue.SimpleQueue()
        for _ in range(self._threads):
            self._models.put(loaded.text_model if self._threads == 1 else share_weights(loaded.text_model))

    def read(self, units: Iterable[tuple[int, np.ndarray]]) -> Generator[Firings | int, None, None]:
        """The firings of units, a part at a time and in order; after each unit how many of its positions count.

        Rows of like length share a batch. Which do hangs on the unit alone, so that the same unit gives the same
        bits, whoever reads it and whatever was read before. To be closed where it is not read to its end.

        Args:
            units: the number of each one's first row in the corpus, and its rows, int32 [row, HEAD + seq_len]. They
                are taken a few batches ahead.
        """
        for found in run_in_order(self._list_tasks(units), self._threads):
            if isinstance(found, int):
                yield found
            else:
                yield from found

    def _list_tasks(self, units: Iterable[tuple[int, np.ndarray]]) -> Iterator[Callable[[], list[Firings] | int]]:
        for first, rows in units:
            lengths, ids = rows[:, 0], rows[:, HEAD:]
            used = self._loaded.tokenizer.mask_used(ids, lengths)
            give_back_memory()
            for batch in split_batches(lengths, self._batch_tokens):
                length = int(lengths[batch].max())
                owners, columns = np.nonzero(used[batch, :length])
                places = make_places(first + batch[owners], columns)
                yield partial(self._read_batch, ids[batch, :length], owners, columns, places)
            yield partial(int, used.sum())

    @torch.inference_mode()
    def _read_batch(
        self, ids: np.ndarray, owners: np.ndarray, columns: np.ndarray, places: np.ndarray
    ) -> list[Firings]:
        x = self.run_model(ids, owners, columns)
        step = _ENCODED if x.device.type == "cpu" else max(1, len(x))
        found = []
        for start in range(0, len(x), step):
            sparse = self._dictionary.encode(x[start : start + step])
            found.append((sparse.features, sparse.activations, places[start : start + step][sparse.positions]))
        return found

    def run_model(self, ids: np.ndarray, owners: np.ndarray, columns: np.ndarray) -> torch.Tensor:
        """What the dictionary reads at some positions of a batch: float32, [pos, d_in] or [pos, n, d_in].

        Args:
            ids: int, [row, token].
            owners: row of each position, [pos].
            columns: its place in the row, [pos].
        """
        inputs = torch.from_numpy(ids.astype(np.int64)).to(self._loaded.info.device)
        model, info = self._models.get(), self._dictionary.info
        try:
            points = find_dictionary_points(model, site=info.site, layers=info.layers).reads
            found = run_through(model, points, input_ids=inputs, use_cache=False)
        finally:
            self._models.put(model)
        where = torch.from_numpy(owners), torch.from_numpy(columns)
        parts = [found[point.name][where].float() for point in points]
        return parts[0] if len(parts) == 1 else torch.stack(parts, 1)

    def read_units(self, units: Iterable[tuple[int, np.ndarray]]) -> Generator[tuple[Pile, int] | None, None, None]:
        """`read`, of which a unit's firings come together: None after each part of it, at its end all, and the count.

        A pile is to be taken before the next step. What counting costs a feature is paid once a unit, not once a batch.
        """
        found = Pile()
        with closing(self.read(units)) as parts:
            for one in parts:
                if isinstance(one, int):
                    yield found, one
                else:
                    found.put(*one)
                    yield None

    def fill(self, state: SweepState, stretch: Stretch) -> Iterator[int | None]:
        """Read a stretch into a state of its own: None after a part of a unit, at its end how many positions count."""
        with closing(self.read_units(split_stretch(stretch))) as steps:
            for step in steps:
                if step is None:
                    yield None
                else:
                    found, used = step
                    state.add_pile(found)
                    yield used

    @property
    def d_dict(self) -> int:
        """The number of features."""
        return self._dictionary.d_dict


def split_stretch(stretch: Stretch) -> Iterator[tuple[int, np.ndarray]]:
    """The units of a stretch: the number of each one's first row in the corpus, and its rows."""
    for start, stop in pairwise(stretch.starts):
        yield start, stretch.rows[start - stretch.starts[0] : stop - stretch.starts[0]]


def share_weights(model: Gemma3TextModel) -> Gemma3TextModel:
    """The same model once more, with the same tensors, and with hooks of its own."""
    tensors = itertools.chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


def split_batches(lengths: np.ndarray, most: int) -> list[np.ndarray]:
    """Indices of rows, the short ones first, so that each batch, padded, has at most `most` tokens or one row."""
    batches: list[list[int]] = []
    for at in np.argsort(lengths, kind="stable").tolist():
        if not batches or (len(batches[-1]) + 1) * lengths[at] > most:
            batches.append([])
        batches[-1].append(at)
    return [np.array(batch) for batch in batches]


def make_order(scope: Scope, dictionary: Dictionary, **rest: Any) -> Order:
    """What another process needs to read with this model and dictionary."""
    folder = dictionary.folder
    wishes = {"device": scope.info.device, "dtype": scope.info.dtype}
    if "revision" in scope._wishes:
        wishes["revision"] = scope._wishes["revision"]
    return Order(
        model=scope._place,
        wishes=wishes,
        dictionary=folder.address if isinstance(folder, HubFolder) else str(folder.path),
        dictionary_dtype=str(dictionary.dtype).removeprefix("torch."),
        **rest,
    )


def open_hand(order: Order, *, device: str | None = None) -> Hand:
    """Load what an order names, in this process.

    Args:
        device: instead of the order's.

    Raises:
        InvalidValue: what is found under these names here is something else.
    """
    from gscope_widgets.runtime.registry import load

    scope = load(order.model, **(order.wishes | ({} if device is None else {"device": device})))
    dictionary = scope.dictionary(path=order.dictionary, dtype=order.dictionary_dtype)
    for _ in dictionary.fetch():
        pass
    loaded = scope._engine.loaded
    for what, found, expected in (
        (scope.info.id, fingerprint_model(loaded.model), order.weights),
        (dictionary.info.id, fingerprint_dictionary(dictionary), order.dictionary_weights),
    ):
        if found != expected:
            raise InvalidValue(f"a worker of the sweep found other weights of {what} than the notebook has")
    return Hand(loaded, dictionary, batch_tokens=order.batch_tokens, threads=order.threads)


def give_back_memory() -> None:
    """Have the C library give what was freed back to the system, where it is glibc: milliseconds, and as many again.

    It keeps it otherwise, in pieces between what is still in use, and more of it unit by unit: tens of MB. After each
    batch it would be dear: the next takes all of it anew, page by page.
    """
    trim = _find_trim()
    if trim is not None:
        # A block of its own that is freed: glibc then leaves twice its size at the heap's end until the next trim.
        np.empty(_LEFT_ALONE, np.uint8)
        trim(0)


@cache
def _find_trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # macOS, musl; Windows
        return None
    return found


def describe_arithmetic(loaded: LoadedModel, dictionary: Dictionary) -> dict[str, object]:
    """What the last bits of activations hang on, beside weights and rows."""
    device = torch.device(loaded.info.device)
    on_cpu = device.type == "cpu"
    return {
        "device": "cpu" if on_cpu else torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "instructions": torch.backends.cpu.get_cpu_capability() if on_cpu else "",
        "dtype": loaded.info.dtype,
        "dictionary_dtype": str(dictionary.dtype).removeprefix("torch."),
        "torch": torch.__version__,
    }


def list_environment() -> Mapping[str, str]:
    """The environment of a worker's process, which finds modules where this one does."""
    import sys

    paths: Sequence[str] = [os.path.abspath(path) for path in sys.path]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
