"""A disk that is full: writes that fail, or free space that is reported as gone."""

import builtins
import contextlib
import errno
import io
import os
import shutil
import threading
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

_Usage = namedtuple("_Usage", "total used free")


@contextlib.contextmanager
def disk_full(folder: Path, *, after_bytes: float = 0, written: list[tuple[str, int]] | None = None) -> Iterator[None]:
    """Files opened for writing under `folder` take `after_bytes` bytes between them, then raise ENOSPC.

    As on a real disk, what fits is written first, and a buffered writer may raise only when it is flushed or closed.
    `written` gets each write's file and bytes. Covers `open`, `Path.open` and `tempfile`, hence huggingface_hub; not writers in C or Rust (safetensors' own).
    """
    space = _Space(after_bytes, [] if written is None else written)
    real_open = io.open

    def open_there(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        if not set(mode) & set("wax+") or not _lies_under(file, folder):
            return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = _FullFile(file, mode.replace("b", "").replace("t", ""), opener=opener)
        raw.space = space
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    io.open = builtins.open = open_there
    try:
        yield
    finally:
        io.open = builtins.open = real_open


@contextlib.contextmanager
def no_free_space(folder: Path, *, free_bytes: int = 0) -> Iterator[None]:
    """`shutil.disk_usage` reports `free_bytes` for everything under `folder`; writing goes on working."""
    real_usage = shutil.disk_usage

    def usage_there(path):
        usage = real_usage(path)
        return _Usage(usage.total, usage.total - free_bytes, free_bytes) if _lies_under(path, folder) else usage

    shutil.disk_usage = usage_there
    try:
        yield
    finally:
        shutil.disk_usage = real_usage


def _lies_under(path: object, folder: Path) -> bool:
    return isinstance(path, str | os.PathLike) and Path(path).resolve().is_relative_to(folder.resolve())


class _Space:
    """Bytes left, shared by all files of the disk and all threads."""

    def __init__(self, left: float, written: list[tuple[str, int]]):
        self._left, self._written = left, written
        self._lock = threading.Lock()

    def take(self, wanted: int, name: str) -> int:
        """How many of the wanted bytes still fit."""
        with self._lock:
            given = int(min(wanted, self._left))
            self._left -= given
            self._written.append((name, wanted))
            return given


class _FullFile(io.FileIO):
    space: _Space

    def write(self, data) -> int:
        view = memoryview(data).cast("B")
        given = self.space.take(len(view), str(self.name))
        if not given and len(view):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.name))
        return super().write(view[:given])
