"""The folder of a sweep: what it is made of, how far it has come, and at the end its examples."""

import errno
import json
import math
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from gscope_widgets.errors import BadArtefact, DiskFull, GscopeError, InvalidValue, describe_value, write_bytes
from gscope_widgets.records.sweeps import shorten_name
from gscope_widgets.runtime.examples.files import FILE
from gscope_widgets.runtime.examples.sweeps import (
    FORMAT,
    MANIFEST,
    SIDECAR,
    VERSION,
    Swept,
    read_manifest,
)
from gscope_widgets.runtime.sweeps.rows import HEAD, Prepared
from gscope_widgets.runtime.sweeps.state import SweepState

ROWS = "rows.i32"
CHECKPOINT = "checkpoint.safetensors"
ANOTHER = "give another folder, or overwrite=True (in a shell --overwrite) to begin anew in this one"
_LOCK = "sweep.lock"
_NAMES = {MANIFEST, ROWS, CHECKPOINT, _LOCK, FILE, SIDECAR}
_UNFINISHED = re.compile(rf"\.({'|'.join(map(re.escape, sorted(_NAMES)))})\.[0-9a-f]{{8}}\.unfinished")
_CHUNK = 1 << 22
_TYPES = {"float32": "F32", "float64": "F64", "int32": "I32", "int64": "I64", "uint64": "U64", "uint8": "U8"}
_DTYPES = {short: dtype for dtype, short in _TYPES.items()}
# What a reader would call each part of the settings that must be the same.
_WORDS = {
    "model": "the model",
    "revision": "the model's revision",
    "weights": "the model's weights",
    "dictionary": "the dictionary",
    "dictionary_weights": "the dictionary's weights",
    "dictionary_dtype": "the dictionary's dtype",
    "dtype": "the model's dtype",
    "tokenizer": "the tokenizer",
    "positions": "the positions that count",
    "instructions": "the processor's instructions",
    "torch": "the version of torch",
}


class SweepFolder:
    """A folder that belongs to one sweep. Each file of it appears whole or not at all."""

    def __init__(self, path: Path):
        """Args: path: the folder; it is made by `open`."""
        self.path = path
        self.settings: dict[str, Any] = {}
        self.corpus: dict[str, Any] = {}
        self.prepared: Prepared | None = None
        self.finished: dict[str, Any] | None = None
        self._made: list[Path] = []  # what this run has made, the innermost first
        self._has_old = False  # a sweep that is to be deleted is still there

    def open(self, settings: Mapping[str, Any], *, overwrite: bool = False) -> None:
        """Begin a sweep here, or find the one that was begun; one that ended and whose results are lost has not ended.

        Args:
            overwrite: what was begun is deleted, once the first file that takes its place is written.

        Raises:
            InvalidValue: the folder holds something else, or a sweep with other settings: which, and both values.
            BadArtefact: its manifest is damaged.
            DiskFull: there is no room.
        """
        self._require_ours()
        manifest = self.path / MANIFEST
        if manifest.is_file() and not overwrite:
            self._read(manifest)
            self._compare(settings)
            return
        self.settings = dict(settings)
        self._has_old = manifest.is_file()
        if not self._has_old:
            self.remember()
            self._made.insert(0, manifest)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep other processes out of the folder.

        Raises:
            InvalidValue: another one is at work in it, or it is something else's.
            BadArtefact: its manifest is damaged, or another program's.
        """
        self._require_ours()
        self._make()
        try:
            import fcntl
        except ImportError:  # Windows
            yield
            return
        with _explain(self.path):
            if not (self.path / _LOCK).exists():
                self._made.insert(0, self.path / _LOCK)
            lock = (self.path / _LOCK).open("ab")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                    raise InvalidValue(f"another process is sweeping into {self.path}; wait for it") from None
                # A file system without locks, as some networks have: go on.
            else:
                self._sweep_up()
            yield

    def _make(self) -> None:
        with _explain(self.path):
            new = [one for one in (self.path, *self.path.parents) if not one.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            self._made += new

    def withdraw(self) -> None:
        """Take away what this run has made, where it has begun the sweep and its corpus was not written."""
        if self.prepared is not None or self.path / MANIFEST not in self._made:
            return
        with suppress(OSError):  # such as a folder into which somebody else has put something
            for one in self._made:
                one.rmdir() if one.is_dir() else one.unlink()

    def _require_ours(self) -> None:
        """Refuse a folder of something else's, before anything in it is made or deleted."""
        with _explain(self.path):
            if self.path.exists() and not self.path.is_dir():
                raise InvalidValue(f"out must be a folder, got the file {self.path}")
        if (self.path / MANIFEST).is_file():
            read_manifest(self.path / MANIFEST)
            return
        if not self.path.is_dir():
            return
        with _explain(self.path):
            others = sorted(one.name for one in self.path.iterdir() if not _is_ours(one.name))
        if others:
            raise InvalidValue(
                f"{self.path} holds {describe_value(others[0])} and is no sweep's; give a new or empty folder"
            )

    def _sweep_up(self) -> None:
        """Delete what a killed run left half written: names of our own form, and only while nobody else is at work."""
        with suppress(OSError):
            for left in self.path.iterdir():
                if _UNFINISHED.fullmatch(left.name):
                    left.unlink()

    @property
    def lacks_rows(self) -> bool:
        """Whether the rows are still to be written, or are no longer there whole."""
        if self.prepared is None:
            return True
        place, size = self.path / ROWS, 4 * self.prepared.rows * (HEAD + int(self.settings["seq_len"]))
        return not place.is_file() or place.stat().st_size != size

    def _delete_old(self) -> None:
        """Results first: a manifest without them, or with rows that are gone, is of a sweep that is made anew."""
        for name in (FILE, SIDECAR, ROWS, CHECKPOINT):
            with _explain(self.path / name):
                (self.path / name).unlink(missing_ok=True)
        self._has_old = False
        self.remember()

    def remember(self) -> None:
        """Write the manifest."""
        content: dict[str, Any] = {"format": FORMAT, "version": VERSION, "settings": self.settings}
        if self.prepared is not None:
            content["corpus"] = self.corpus | {
                "sha256": self.prepared.sha256,
                "documents": self.prepared.documents,
                "empty": self.prepared.empty,
                "tokens": self.prepared.tokens,
                "unit_starts": list(self.prepared.starts),
            }
        if self.finished is not None:
            content["finished"] = self.finished
        text = json.dumps(content, indent=1, ensure_ascii=False).encode("utf-8", "replace")
        self.write(MANIFEST, lambda file: file.write(text))

    def write(self, name: str, fill: Any) -> None:
        """Write a file, which appears whole or not at all; what was there before stays until then.

        Args:
            fill: writes to the open file that it is called with; a generator function may yield in between.

        Raises:
            DiskFull, InvalidValue: it cannot be written.
        """
        for _ in self.write_in_steps(name, fill):
            pass

    def write_in_steps(self, name: str, fill: Any) -> Iterator[Any]:
        """`write`, of which each step of `fill` is one."""
        place = self.path / name
        unfinished = place.with_name(f".{name}.{secrets.token_hex(4)}.unfinished")
        try:
            with _explain(place):
                with unfinished.open("wb") as file:
                    steps = fill(file)
                    if isinstance(steps, Iterator):
                        yield from steps
                    file.flush()
                    os.fsync(file.fileno())
                if self._has_old:
                    self._delete_old()
                os.replace(unfinished, place)
                _sync_folder(self.path)
        finally:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def save(self, state: SweepState, done: np.ndarray, used: int) -> None:
        """Write how far the sweep has come.

        Args:
            done: bool, [unit].
            used: positions that counted in them.
        """
        arrays = dict(state.to_arrays()) | {"done": done.astype(np.uint8), "used": np.array([used], np.int64)}
        self.write(CHECKPOINT, lambda file: write_tensors(file, arrays))

    def load(self, *, d_dict: int, k: int, units: int) -> tuple[SweepState, np.ndarray, int]:
        """How far the sweep has come: see `save`.

        Raises:
            BadArtefact: the file is damaged.
        """
        place = self.path / CHECKPOINT
        if not place.is_file():
            return SweepState(d_dict, k), np.zeros(units, bool), 0
        try:
            arrays = read_tensors(place)
            done, used = arrays.pop("done"), arrays.pop("used")
            if done.shape != (units,) or used.shape != (1,):
                raise BadArtefact(f"it is of {len(done)} units, the sweep has {units}")
            return SweepState.from_arrays(arrays, d_dict=d_dict, k=k, copy=False), done.astype(bool), int(used[0])
        except (BadArtefact, KeyError, ValueError, OSError) as error:
            raise BadArtefact(f"{place} is damaged ({error}); delete it to begin the sweep anew") from None

    def write_results(self, state: SweepState, used: int) -> Iterator[None]:
        """Write the examples in the published layout, and beside them what that has no place for."""
        assert self.prepared is not None, "it is written at the end"
        rows, seq_len = self.prepared.rows, int(self.settings["seq_len"])
        per_feature, per_bin = (state.d_dict, state.k), state.bins.shape
        yield from self.write_in_steps(
            FILE,
            lambda file: write_in_blocks(
                file,
                {
                    "feature_frequencies": state.counts / max(1, used),
                    "seq_ids": Made(np.int64, per_feature, lambda: (state.list_top(some)[0] for some in state.spans)),
                    "activations": state.top_activations,
                    "positions": Made(np.int32, per_feature, lambda: (state.list_top(some)[1] for some in state.spans)),
                    "tokens": self._make_of_rows(np.int32, (rows, seq_len), slice(HEAD, None)),
                },
            ),
        )
        yield from self.write_in_steps(
            SIDECAR,
            lambda file: write_in_blocks(
                file,
                {
                    "counts": state.counts,
                    "row_documents": self._make_of_rows(np.int64, (rows,), 1),
                    "row_starts": self._make_of_rows(np.int64, (rows,), 2),
                    "sample_rows": Made(
                        np.int64, per_bin, lambda: (state.list_samples(some)[0] for some in state.spans)
                    ),
                    "bins": state.bins,
                    "exponents": state.exponents,
                    "row_lengths": self._make_of_rows(np.int32, (rows,), 0),
                    "sample_activations": state.sample_activations,
                    "sample_positions": Made(
                        np.int32, per_bin, lambda: (state.list_samples(some)[1] for some in state.spans)
                    ),
                },
            ),
        )
        self.finished = {"used": used, "firings": int(state.counts.sum()), "features": int((state.counts > 0).sum())}
        self.remember()
        self.tidy()

    def _make_of_rows(self, dtype: type[np.generic], shape: tuple[int, ...], columns: int | slice) -> "Made":
        """Some columns of the file of rows."""

        def read() -> Iterator[np.ndarray]:
            with (self.path / ROWS).open("rb") as file:
                for block in iterate_blocks(file, shape[0], int(self.settings["seq_len"])):
                    yield block[:, columns].astype(dtype)

        return Made(dtype, shape, read)

    def tidy(self) -> None:
        """Delete what only an unfinished sweep needs."""
        for name in (ROWS, CHECKPOINT):
            with suppress(OSError):
                (self.path / name).unlink(missing_ok=True)

    def _read(self, manifest: Path) -> None:
        content = read_manifest(manifest)
        self.settings = content["settings"]
        self.finished = content.get("finished")
        if self.finished is not None:
            try:
                Swept(self.path, content)
            except BadArtefact:
                self.finished = None
        corpus = content.get("corpus")
        if corpus is not None:
            self.corpus = {"name": shorten_name(corpus["name"])}
            self.prepared = Prepared(
                corpus["sha256"], corpus["documents"], corpus["empty"], corpus["tokens"], tuple(corpus["unit_starts"])
            )

    def _compare(self, settings: Mapping[str, Any]) -> None:
        for key in dict(settings) | self.settings:
            was, now = self.settings.get(key), settings.get(key)
            if was != now:
                shown = [describe_value(one) for one in (now, was)]
                raise InvalidValue(
                    f"{self.path} holds another sweep: {_WORDS.get(key, key)} is {shown[0]} now and was {shown[1]}; "
                    f"{ANOTHER}"
                )


def write_tensors(file: IO[bytes], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a safetensors file through an open one."""
    for _ in write_in_blocks(file, arrays):
        pass


class Made:
    """An array that is made as it is written, a block of its rows at a time."""

    def __init__(self, dtype: type[np.generic], shape: tuple[int, ...], iterate: Callable[[], Iterator[np.ndarray]]):
        """Args: iterate: gives the blocks, of that type."""
        self.dtype, self.shape, self.iterate = np.dtype(dtype), shape, iterate

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return math.prod(self.shape) * self.dtype.itemsize


def write_in_blocks(file: IO[bytes], arrays: Mapping[str, "np.ndarray | Made"]) -> Iterator[None]:
    """`write_tensors`, block by block, of arrays that need not be in memory."""
    heads, at = {}, 0
    for name, array in arrays.items():
        head = {"dtype": _TYPES[str(array.dtype)], "shape": list(array.shape)}
        heads[name] = head | {"data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(heads, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for array in arrays.values():
        if isinstance(array, np.ndarray):
            content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            for start in range(0, len(content), _CHUNK):
                file.write(content[start : start + _CHUNK].data)
                yield
        else:
            for block in array.iterate():
                file.write(np.ascontiguousarray(block).data)
                yield


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file of ours, each read to where it stays.

    Raises:
        BadArtefact: the file is damaged.
        OSError: it cannot be read.
    """
    arrays = {}
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        text = file.read(min(size, _CHUNK))
        try:
            heads = {name: (_DTYPES[head["dtype"]], head["shape"]) for name, head in json.loads(text).items()}
            total = sum(np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in heads.values())
            if path.stat().st_size != 8 + size + total:
                raise ValueError(f"it has {path.stat().st_size:,} bytes of {8 + size + total:,}")
            for name, (dtype, shape) in heads.items():
                arrays[name] = np.fromfile(file, dtype, math.prod(shape)).reshape(shape)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadArtefact(str(error)) from None
    return arrays


def iterate_blocks(file: IO[bytes], rows: int, seq_len: int) -> Iterator[np.ndarray]:
    """The rows of an open file of rows, some at a time: int32, [row, HEAD + seq_len]."""
    width, step = HEAD + seq_len, _block_rows(seq_len)
    for start in range(0, rows, step):
        count = min(step, rows - start)
        content = file.read(4 * count * width)
        if len(content) != 4 * count * width:
            raise InvalidValue(f"{file.name} ends before row {start + count}; delete its folder and sweep again")
        yield np.frombuffer(content, "<i4").astype(np.int32).reshape(count, width)


def _block_rows(seq_len: int) -> int:
    return max(1, _CHUNK // (4 * (HEAD + seq_len)))


def _is_ours(name: str) -> bool:
    # Of a folder without a manifest, which is written before anything else.
    return name == _LOCK or _UNFINISHED.fullmatch(name) is not None


def _sync_folder(path: Path) -> None:
    """So that a name that was given outlives the power."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _explain(place: Path) -> Iterator[None]:
    try:
        yield
    except GscopeError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"{place} could not be written: the disk is full ({_find_room(place)}); free some, and run the same "
                "sweep again: it goes on where it was"
            ) from None
        raise InvalidValue(f"{place} cannot be written ({error.strerror or error}); give another folder") from None


def _find_room(place: Path) -> str:
    import shutil

    with suppress(OSError):
        return f"{write_bytes(shutil.disk_usage(place.parent).free)} are free"
    return "nobody knows how much is free"
