"""Tensors and single rows out of safetensors files, checked before they are used."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from gscope_widgets.errors import BadArtefact
from gscope_widgets.runtime.dictionaries.integrity import verify_embedded

_HEADER_LIMIT = 100_000_000  # safetensors' own limit on the JSON header, in bytes
_TYPE_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@dataclass(frozen=True)
class TensorHead:
    """What a file's header says of one tensor."""

    dtype: str  # safetensors' name: "F32"
    shape: tuple[int, ...]


class WeightFile:
    """One safetensors file. Opening reads the header only; rows and tensors are read when asked for."""

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
        """A whole tensor, in the dtype it has on disk."""
        with self._open() as file:
            return self._check_finite(name, file.get_tensor(name))

    def row(self, name: str, index: int) -> torch.Tensor:
        """Row `index` of a tensor, read alone: d x 4 bytes for float32."""
        with self._open() as file:
            return self._check_finite(name, file.get_slice(name)[index])

    def column(self, name: str, index: int) -> torch.Tensor:
        """Column `index` of a matrix, read alone: strided, so slower than a row on a cold disk."""
        with self._open() as file:
            return self._check_finite(name, file.get_slice(name)[:, index])

    def _open(self):
        try:
            return safe_open(self.path, framework="pt")
        except (SafetensorError, OSError) as error:
            raise BadArtefact(f"{self.path} cannot be read ({error}); download or copy it again") from None

    def _check_finite(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        if not torch.isfinite(tensor).all():
            raise BadArtefact(f"{self.path}: tensor {name} holds NaN or infinite values; download or copy it again")
        return tensor


def read_header(path: Path) -> dict[str, TensorHead]:
    """The tensors that a safetensors file declares, after checking that the file holds them.

    Layout: 8 bytes with the header's length (little-endian), the JSON header, then the data.

    Raises:
        BadArtefact: with the sizes found and expected, or what the file is instead.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            header_bytes = file.read(length) if length <= min(size, _HEADER_LIMIT) else b""
            if not header_bytes:
                start += file.read(120)
    except OSError as error:
        raise BadArtefact(f"{path} cannot be read ({error.strerror})") from None
    advice = "download or copy it again"
    if size < 8 or not header_bytes:
        raise BadArtefact(f"{path} ({size} bytes) is {_guess_content(start)}, not a safetensors file; {advice}")
    try:
        header = json.loads(header_bytes)
        heads = {
            name: TensorHead(str(entry["dtype"]), tuple(int(n) for n in entry["shape"]))
            for name, entry in header.items()
            if name != "__metadata__"
        }
        spans = {name: [int(n) for n in header[name]["data_offsets"][:2]] for name in heads}
        ends = [end for _, end in spans.values()]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError):
        raise BadArtefact(f"{path} ({size} bytes) has a damaged header; {advice}") from None
    expected = 8 + length + max(ends, default=0)
    if size != expected:
        raise BadArtefact(f"{path} is cut short or changed: {size} bytes, its header asks for {expected}; {advice}")
    for name, head in heads.items():
        if head.dtype not in _TYPE_BYTES:
            raise BadArtefact(f"{path}: tensor {name} has the unknown type {head.dtype!r}; {advice}")
        needed, held = math.prod(head.shape) * _TYPE_BYTES[head.dtype], spans[name][1] - spans[name][0]
        if needed != held:
            raise BadArtefact(
                f"{path}: tensor {name} {head.shape} takes {needed} bytes, its header gives it {held}; {advice}"
            )
    return heads


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
