"""Tensors and single rows out of safetensors files, checked before they are used."""

import json
import math
import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from gscope_widgets.errors import BadArtefact, Offline, write_bytes
from gscope_widgets.runtime.files.integrity import verify_beside, verify_embedded
from gscope_widgets.runtime.hub.repository import RemoteFile
from gscope_widgets.runtime.hub.transfer import RangeIgnored, Transfer, fetch_file, read_range

_HEADER_LIMIT = 100_000_000  # safetensors' own limit on the JSON header, in bytes
_FIRST_BYTES = 4096
_RANGE_BYTES = 8_000_000  # of one request for a part of a file
_REQUESTS = 8  # at a time
_LARGEST = 1e8  # thresholds reach thousands; a flipped high bit of an exponent gives 1e9 to 1e38
_TORCH_TYPES = {  # of the tensors that rows are read of
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
}
_TYPE_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@dataclass(frozen=True)
class TensorHead:
    """What a file's header says of one tensor."""

    dtype: str  # safetensors' name: "F32"
    shape: tuple[int, ...]
    start: int  # byte of the file at which its data begin


class WeightFile:
    """One safetensors file. Opening reads the header only; rows and tensors are read when asked for."""

    remote: RemoteFile | None = None  # where it is fetched from, if it is on the Hub

    def __init__(self, path: Path):
        """Check the header against the file's size.

        Raises:
            BadArtefact: missing, empty, cut short, no safetensors file at all, or, if it ships with
                this package, not as it shipped.
        """
        verify_embedded(path)
        self.path = path
        self.heads = read_header(path)

    def tensor(self, name: str) -> torch.Tensor:
        """A whole tensor, in the dtype it has on disk; the file is compared with a sum beside it first."""
        if self.remote is None:
            verify_beside(self.path)
        with self._open() as file:
            return self._check_finite(name, file.get_tensor(name))

    def row(self, name: str, index: int) -> torch.Tensor:
        """Row `index` of a tensor, read alone: d x 4 bytes for float32."""
        head = self.heads[name]
        length = math.prod(head.shape[1:]) * _TYPE_BYTES[head.dtype]
        content = self._read_parts([head.start + index * length], length)
        return self._check_finite(name, _as_tensor(content, head.dtype).reshape(head.shape[1:]))

    def gather(self, name: str, indices: Sequence[int]) -> torch.Tensor:
        """Chosen rows of a tensor in the order given, read alone: [row, ...]."""
        head = self.heads[name]
        length = math.prod(head.shape[1:]) * _TYPE_BYTES[head.dtype]
        content = self._read_parts([head.start + index * length for index in indices], length)
        return self._check_finite(name, _as_tensor(content, head.dtype).reshape(len(indices), *head.shape[1:]))

    def read_alone(self, name: str) -> Generator[int, None, torch.Tensor]:
        """A whole tensor without the rest of the file, in the dtype it has on disk.

        Yields the bytes that have come from the Hub since the last time; none of a file on this machine.
        """
        yield from ()
        return self.tensor(name)

    def count_bytes(self, name: str) -> int:
        """Bytes that a tensor takes in the file."""
        head = self.heads[name]
        return math.prod(head.shape) * _TYPE_BYTES[head.dtype]

    def rows(self, name: str, start: int, stop: int) -> torch.Tensor:
        """Rows `start` to `stop` of a tensor, of a file that is on this machine, read alone."""
        head = self.heads[name]
        length = math.prod(head.shape[1:]) * _TYPE_BYTES[head.dtype]
        content = self._read_parts([head.start + start * length], (stop - start) * length)
        return self._check_finite(name, _as_tensor(content, head.dtype).reshape(stop - start, *head.shape[1:]))

    def column(self, name: str, index: int) -> torch.Tensor:
        """Column `index` of a matrix, read alone: one small read for each of its rows, nothing kept of the rest."""
        head = self.heads[name]
        size = _TYPE_BYTES[head.dtype]
        starts = [head.start + (row * head.shape[1] + index) * size for row in range(head.shape[0])]
        return self._check_finite(name, _as_tensor(self._read_parts(starts, size), head.dtype))

    def cells(self, name: str, rows: np.ndarray, columns: np.ndarray) -> torch.Tensor:
        """Single numbers of a matrix, read alone: [n], in the order given."""
        head = self.heads[name]
        size = _TYPE_BYTES[head.dtype]
        places = rows.astype(np.int64) * head.shape[1] + columns
        wanted, where = np.unique(places, return_inverse=True)
        content = self._read_parts((head.start + wanted * size).tolist(), size)
        return self._check_finite(name, _as_tensor(content, head.dtype))[torch.from_numpy(where)]

    def _read_parts(self, starts: Sequence[int], length: int) -> bytearray:
        """Parts of the file, of one length each, end to end.

        By seeking, not by a memory map: a mapped column keeps the pages of the whole tensor.
        """
        content = bytearray()
        try:
            with self.path.open("rb", buffering=0) as file:
                if len(starts) > 1 and hasattr(os, "posix_fadvise"):
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
                for start in starts:
                    file.seek(start)
                    content += file.read(length)
        except OSError as error:
            raise BadArtefact(f"{self.path} cannot be read ({error}); download or copy it again") from None
        if len(content) != len(starts) * length:
            raise BadArtefact(f"{self.path} ends before its tensors do; download or copy it again")
        return content

    @property
    def missing_bytes(self) -> int:
        """Bytes that are still to be fetched before the whole can be read."""
        return 0

    def fetch(self, transfer: Transfer | None = None) -> None:
        """See that the whole file is on this machine."""

    def _open(self) -> safe_open:
        try:
            return safe_open(self.path, framework="pt")
        except (SafetensorError, OSError) as error:
            raise BadArtefact(f"{self.path} cannot be read ({error}); download or copy it again") from None

    def _check_finite(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        # The extremes are NaN where any number is; unlike a mask they take no second tensor.
        extremes = torch.stack(tensor.aminmax()) if tensor.numel() else torch.zeros(2)
        if not torch.isfinite(extremes).all():
            raise BadArtefact(f"{self.path}: tensor {name} holds NaN or infinite values; download or copy it again")
        if tensor.is_floating_point() and (largest := extremes.abs().max().item()) > _LARGEST:
            raise BadArtefact(
                f"{self.path}: tensor {name} holds values up to {largest:.1g}, which no weight has: a flipped bit, "
                "perhaps; download or copy it again"
            )
        return tensor


class HubWeightFile(WeightFile):
    """A safetensors file on the Hub. Headers and rows come by range requests until the whole is asked for."""

    remote: RemoteFile

    def __init__(self, file: RemoteFile, *, token: str | None = None, whole: bool = True):
        """Read the header: from this machine where the file was fetched before, else by one request.

        Args:
            whole: it may be fetched whole where the network passes no parts of files.

        Raises:
            BadArtefact: as `WeightFile`; Offline, GatedModel, UnknownDictionary: as the Hub answered.
        """
        self.remote, self._token, self._whole = file, token, whole
        self.path = file.path
        try:
            self.heads = read_header(self.path) if file.is_here else self._read_remote_header()
        except RangeIgnored:
            self.fetch()
            self.heads = read_header(self.path)

    @property
    def missing_bytes(self) -> int:
        """See `WeightFile`."""
        return 0 if self.remote.is_here else self.remote.size

    def fetch(self, transfer: Transfer | None = None) -> None:
        """See that the whole file is on this machine; see `fetch_file`."""
        if not self._whole and not self.remote.is_here:
            raise Offline(
                f"this network passes no parts of files, and {self.remote.name} takes {write_bytes(self.remote.size)}; "
                f"fetch it whole with hf download {self.remote.repository} {self.remote.name}"
            )
        fetch_file(self.remote, token=self._token, transfer=transfer)

    def tensor(self, name: str) -> torch.Tensor:
        """See `WeightFile`; fetches the file first."""
        self.fetch()
        return super().tensor(name)

    def row(self, name: str, index: int) -> torch.Tensor:
        """See `WeightFile`; of a file that was not fetched, one range request."""
        if not self.remote.is_here:
            with suppress(RangeIgnored):
                return self._check_finite(name, self._read_remote_row(name, index))
            self.fetch()
        return super().row(name, index)

    def gather(self, name: str, indices: Sequence[int]) -> torch.Tensor:
        """See `WeightFile`; of a file that was not fetched, by range requests, several at a time."""
        if not self.remote.is_here:
            with suppress(RangeIgnored):
                return self._check_finite(name, self._gather_remote(name, indices))
            self.fetch()
        return super().gather(name, indices)

    def read_alone(self, name: str) -> Generator[int, None, torch.Tensor]:
        """See `WeightFile`; of a file that was not fetched, by range requests of at most 8 MB."""
        if not self.remote.is_here:
            with suppress(RangeIgnored):
                return self._check_finite(name, (yield from self._read_remote_tensor(name)))
            self.fetch()
        return super().tensor(name)

    def column(self, name: str, index: int) -> torch.Tensor:
        """See `WeightFile`; fetches the file first, since a column lies scattered over all of it."""
        self.fetch()
        return super().column(name, index)

    def _read(self, start: int, stop: int) -> bytes:
        return read_range(self.remote, start, stop, token=self._token)

    def _read_remote_header(self) -> dict[str, TensorHead]:
        return parse_header(self._read, size=self.remote.size, where=f"{self.remote.name} of {self.remote.repository}")

    def _read_remote_tensor(self, name: str) -> Generator[int, None, torch.Tensor]:
        head, size = self.heads[name], self.count_bytes(name)
        content = bytearray(size)
        for start in range(0, size, _RANGE_BYTES):
            stop = min(start + _RANGE_BYTES, size)
            content[start:stop] = self._read(head.start + start, head.start + stop)
            yield stop - start
        return _as_tensor(content, head.dtype).reshape(head.shape)

    def _gather_remote(self, name: str, indices: Sequence[int]) -> torch.Tensor:
        """Rows that lie side by side come together; a gap of one row costs less than a request."""
        head = self.heads[name]
        length = math.prod(head.shape[1:]) * _TYPE_BYTES[head.dtype]
        wanted = sorted(set(indices))
        spans: list[list[int]] = []
        for index in wanted:
            if spans and index - spans[-1][1] <= 1 and (index - spans[-1][0]) * length < _RANGE_BYTES:
                spans[-1][1] = index + 1
            else:
                spans.append([index, index + 1])

        def read(span: list[int]) -> bytes:
            return self._read(head.start + span[0] * length, head.start + span[1] * length)

        with ThreadPoolExecutor(
            max_workers=min(_REQUESTS, max(1, len(spans))), thread_name_prefix="gscope rows"
        ) as pool:
            parts = list(pool.map(read, spans))
        at = {
            span[0] + place: part[place * length : (place + 1) * length]
            for span, part in zip(spans, parts, strict=True)
            for place in range(span[1] - span[0])
        }
        content = bytearray(b"".join(at[index] for index in indices))
        return _as_tensor(content, head.dtype).reshape(len(indices), *head.shape[1:])

    def _read_remote_row(self, name: str, index: int) -> torch.Tensor:
        head = self.heads[name]
        length = math.prod(head.shape[1:]) * _TYPE_BYTES[head.dtype]
        start = head.start + index * length
        return _as_tensor(bytearray(self._read(start, start + length)), head.dtype).reshape(head.shape[1:])


def read_header(path: Path) -> dict[str, TensorHead]:
    """The tensors that a safetensors file declares, after checking that the file holds them.

    Raises:
        BadArtefact: with the sizes found and expected, or what the file is instead.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:

            def read(start: int, stop: int) -> bytes:
                file.seek(start)
                return file.read(stop - start)

            return parse_header(read, size=size, where=str(path))
    except OSError as error:
        raise BadArtefact(f"{path} cannot be read ({error.strerror})") from None


def parse_header(read: Callable[[int, int], bytes], *, size: int, where: str) -> dict[str, TensorHead]:
    """The tensors of a safetensors file of `size` bytes, of which `read(start, stop)` gives a part.

    Layout: 8 bytes with the header's length (little-endian), the JSON header, then the data. The
    first part asked for holds the whole header of a published file, which takes under 1,000 bytes.
    """
    advice = "download or copy it again"
    opening = read(0, min(size, _FIRST_BYTES))
    length = int.from_bytes(opening[:8], "little")
    if size < 8 or not 0 < length <= min(size, _HEADER_LIMIT):
        raise BadArtefact(
            f"{where} ({size} bytes) is {_guess_content(opening[:128])}, not a safetensors file; {advice}"
        )
    header_bytes = opening[8 : 8 + length]
    if len(header_bytes) < length:
        header_bytes += read(len(opening), min(size, 8 + length))
    try:
        header = json.loads(header_bytes)
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        spans = {name: [int(n) for n in entry["data_offsets"][:2]] for name, entry in entries.items()}
        heads = {
            name: TensorHead(str(entry["dtype"]), tuple(int(n) for n in entry["shape"]), 8 + length + spans[name][0])
            for name, entry in entries.items()
        }
        ends = [end for _, end in spans.values()]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError):
        raise BadArtefact(f"{where} ({size} bytes) has a damaged header; {advice}") from None
    expected = 8 + length + max(ends, default=0)
    if size != expected:
        raise BadArtefact(f"{where} is cut short or changed: {size} bytes, its header asks for {expected}; {advice}")
    for name, head in heads.items():
        if head.dtype not in _TYPE_BYTES:
            raise BadArtefact(f"{where}: tensor {name} has the unknown type {head.dtype!r}; {advice}")
        needed, held = math.prod(head.shape) * _TYPE_BYTES[head.dtype], spans[name][1] - spans[name][0]
        if needed != held:
            raise BadArtefact(
                f"{where}: tensor {name} {head.shape} takes {needed} bytes, its header gives it {held}; {advice}"
            )
    return heads


def _as_tensor(content: bytearray, dtype: str) -> torch.Tensor:
    return (
        torch.frombuffer(content, dtype=_TORCH_TYPES[dtype]) if content else torch.zeros(0, dtype=_TORCH_TYPES[dtype])
    )


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """The tensor on the host as float32."""
    return tensor.detach().to("cpu", torch.float32).numpy()


def _guess_content(start: bytes) -> str:
    if not start:
        return "empty"
    text = start.lstrip().lower()
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer (run git lfs pull)"
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page"
    if start.startswith((b"PK", b"\x80")):
        return "a pickle or archive, which is never loaded (convert it to safetensors)"
    return "damaged"
