"""What does the reading of a sweep: rows through the model to the dictionary's layer, and through its encoder."""

import ctypes
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from gscope_widgets.errors import InvalidValue
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.fingerprints import fingerprint_dictionary
from gscope_widgets.runtime.dictionaries.folders import HubFolder
from gscope_widgets.runtime.gemma.hooks import run_through
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.sites import find_dictionary_points
from gscope_widgets.runtime.scope import Scope
from gscope_widgets.runtime.sweeps.rows import HEAD
from gscope_widgets.runtime.sweeps.state import Firings, SweepState, make_places

_WHOLE = 20_000_000  # numbers of a model up to which all of them go into its fingerprint
_SAMPLE = 4096  # of each tensor of a larger one
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
            threads: that torch computes with on a CPU.
        """
        self._loaded, self._dictionary = loaded, dictionary
        self._batch_tokens, self._threads = batch_tokens, threads
        points = find_dictionary_points(loaded.text_model, site=dictionary.info.site, layers=dictionary.info.layers)
        self._points = points.reads

    def read(self, rows: np.ndarray, *, first: int) -> Iterator[Firings | int]:
        """The firings of one unit, some at a time: features, activations, places; at the end how many positions count.

        Rows of like length share a batch. Which do hangs on the unit alone, so that the same unit gives the same
        bits, whoever reads it and whatever was read before.

        Args:
            rows: int32, [row, HEAD + seq_len].
            first: the number of the first of them in the corpus.
        """
        lengths, ids = rows[:, 0], rows[:, HEAD:]
        used = self._loaded.tokenizer.mask_used(ids, lengths)
        give_back_memory()
        for batch in split_batches(lengths, self._batch_tokens):
            length = int(lengths[batch].max())
            owners, columns = np.nonzero(used[batch, :length])
            with use_threads(self._threads, self._loaded.info.device):
                x = self._run(ids[batch, :length], owners, columns)
            places = make_places(first + batch[owners], columns)
            step = _ENCODED if x.device.type == "cpu" else max(1, len(x))
            for start in range(0, len(x), step):
                some = slice(start, start + step)
                with use_threads(self._threads, self._loaded.info.device):
                    sparse = self._dictionary.encode(x[some])
                yield sparse.features, sparse.activations, places[some][sparse.positions]
        yield int(used.sum())

    def _run(self, ids: np.ndarray, owners: np.ndarray, columns: np.ndarray) -> torch.Tensor:
        inputs = torch.from_numpy(ids.astype(np.int64)).to(self._loaded.info.device)
        found = run_through(self._loaded.text_model, self._points, input_ids=inputs, use_cache=False)
        where = torch.from_numpy(owners), torch.from_numpy(columns)
        parts = [found[point.name][where].float() for point in self._points]
        return parts[0] if len(parts) == 1 else torch.stack(parts, 1)

    def fill(self, state: SweepState, stretch: Stretch) -> Iterator[int | None]:
        """Read a stretch into a state of its own: None after a part of a unit, at its end how many positions count."""
        first = stretch.starts[0]
        for start, stop in zip(stretch.starts, stretch.starts[1:], strict=False):
            for found in self.read(stretch.rows[start - first : stop - first], first=start):
                if isinstance(found, int):
                    yield found
                else:
                    state.add(*found)
                    yield None

    @property
    def d_dict(self) -> int:
        """The number of features."""
        return self._dictionary.d_dict


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

    torch.set_num_threads(order.threads)
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


def fingerprint_model(model: torch.nn.Module) -> str:
    """A digest of a model's weights in memory: of all numbers, or of 4,096 of each tensor of a large one."""
    digest = hashlib.sha256()
    tensors = list(model.state_dict().items())
    whole = sum(tensor.numel() for _, tensor in tensors) <= _WHOLE
    for name, tensor in tensors:
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        if tensor.is_meta:
            continue
        flat = tensor.detach().reshape(-1)
        if not whole:
            flat = flat[:: max(1, flat.numel() // _SAMPLE)][:_SAMPLE]
        digest.update(flat.float().cpu().numpy().tobytes())
    return digest.hexdigest()


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


@contextmanager
def use_threads(threads: int, device: str) -> Iterator[None]:
    """On a CPU, torch computes on so many threads inside: how many changes the last bits of sums."""
    before = torch.get_num_threads()
    if torch.device(device).type != "cpu" or before == threads:
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe_arithmetic(loaded: LoadedModel, dictionary: Dictionary, threads: int) -> dict[str, object]:
    """What the last bits of activations hang on, beside weights and rows."""
    device = torch.device(loaded.info.device)
    on_cpu = device.type == "cpu"
    return {
        "device": "cpu" if on_cpu else torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "instructions": torch.backends.cpu.get_cpu_capability() if on_cpu else "",
        "threads": threads if on_cpu else 0,
        "dtype": loaded.info.dtype,
        "dictionary_dtype": str(dictionary.dtype).removeprefix("torch."),
        "torch": torch.__version__,
    }


def list_environment(threads: int) -> Mapping[str, str]:
    """The environment of a worker's process, which finds modules where this one does."""
    import sys

    paths: Sequence[str] = [os.path.abspath(path) for path in sys.path]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
    }
