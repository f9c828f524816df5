"""The file of a recording: one safetensors file, the JSON of its contents among its arrays."""

import errno
import hashlib
import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gscope_widgets.errors import BadArtefact, DiskFull, InvalidValue, describe_value, write_bytes, write_name
from gscope_widgets.recordings.codec import Arrays, Malformed, decode, encode, name_array
from gscope_widgets.recordings.contents import Contents

FORMAT, VERSION = "gscope recording", 4  # raised wherever the form of what is in it changes
_OLDER = tuple(map(str, range(1, VERSION)))
MOST_BYTES = 256_000_000  # of the file
_MOST_JSON = 64_000_000  # bytes of it that are JSON
_MOST_PARTS = 3_000_000  # lists and objects in it, each of which takes 64 bytes or more where it is read
_MOST_HEADER = 16_000_000  # bytes of safetensors' header: some 100,000 arrays
_JSON = "contents.json"  # the one array that is not named by its digest
_NAME = re.compile(r"[0-9a-f]{64}")
_ADVICE = "get it again from where it was made, or record it again"


def check_place(path: str | os.PathLike[str]) -> Path:
    """Where a recording can be written, from the root on: in a folder that there is, over nothing that is no recording.

    Raises:
        InvalidValue: it cannot.
    """
    return check_free(as_path(path).absolute(), is_ours=_is_recording, kind="recording")


def check_free(place: Path, *, is_ours: Callable[[Path], bool], kind: str) -> Path:
    """A place where a file of a kind can be written: in a folder that there is, over no file that is something else.

    Raises:
        InvalidValue: it cannot.
    """
    try:
        os.lstat(place)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass
    except (OSError, ValueError):  # too long, or of signs that no file system takes
        raise InvalidValue(
            f"no file can have the name {describe_value(place.name)}; give a shorter, plainer one"
        ) from None
    if not place.parent.is_dir():
        raise InvalidValue(
            f"there is no folder {write_name(place.parent)} to write {write_name(place.name)} in; make it first"
        )
    # What is no plain file is not looked into: a pipe would be waited for.
    if place.exists() and not (place.is_file() and is_ours(place)):
        raise InvalidValue(f"{write_name(place)} is there already and is no {kind}; give another name")
    if not os.access(place.parent, os.W_OK):
        raise InvalidValue(f"the folder {write_name(place.parent)} cannot be written to; give a place in another one")
    return place


def write_whole(place: Path, write: Callable[[Path], object], *, size: int) -> None:
    """Write a file, which appears whole or not at all; one that was there before stays until then.

    Args:
        write: writes it to the path that it is called with.
        size: in bytes, for the words where there is no room.

    Raises:
        InvalidValue, DiskFull: it cannot be written there.
    """
    # Of the name no more than what leaves room for the rest in the 255 bytes that most file systems take.
    unfinished = place.with_name(f".{place.name[:50]}.{secrets.token_hex(4)}.unfinished")
    try:
        write(unfinished)
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, place)
    except (OSError, SafetensorError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC or "os error 28" in str(error).lower():
            raise DiskFull(f"{place} takes {write_bytes(size)}, for which there is no room; free some") from None
        raise InvalidValue(f"{write_name(place)} cannot be written ({error}); give another place") from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def write_recording(place: Path, contents: Contents, arrays: Arrays) -> int:
    """Write a recording, which appears whole or not at all; one that was there before stays until then.

    Args:
        arrays: those of the answers, which `encode` collected.

    Returns:
        Its size in bytes.

    Raises:
        InvalidValue, DiskFull: it is too large, or cannot be written there.
    """
    every = dict(arrays)
    text = json.dumps(encode(contents, Contents, every), allow_nan=False, separators=(",", ":")).encode()
    size = len(text) + sum(array.nbytes for array in every.values())
    if size > MOST_BYTES or not _is_readable(text):
        raise InvalidValue(
            f"a recording holds at most {write_bytes(MOST_BYTES)}, of it {write_bytes(_MOST_JSON)} besides numbers in "
            f"arrays; this one has {write_bytes(size)} and {write_bytes(len(text))}: make two of it"
        )
    told = {"format": FORMAT, "version": str(VERSION), "sha256": hashlib.sha256(text).hexdigest()}
    tensors = {_JSON: np.frombuffer(text, np.uint8), **every}
    write_whole(place, lambda unfinished: save_file(tensors, unfinished, metadata=told), size=size)
    return place.stat().st_size


def read_recording(path: str | os.PathLike[str]) -> tuple[Contents, Arrays]:
    """The contents of a recording, and the arrays of its answers, read-only.

    Raises:
        InvalidValue: there is no such file.
        BadArtefact: it is no recording, too large, cut short, changed, or of another version.
    """
    place = as_path(path)
    if not place.is_file():
        raise InvalidValue(f"there is no recording {place}; scope.recording({str(path)!r}) makes one")
    _check_sizes(place)
    try:
        with safe_open(place, framework="numpy") as file:
            _check_told(place, file.metadata() or {})
            told = file.metadata()
            names = list(file.keys())
            arrays = {name: file.get_tensor(name) for name in names}
    except BadArtefact:
        raise
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadArtefact(f"{place} is cut short or damaged ({error}); {_ADVICE}") from None
    text = arrays.pop(_JSON, np.zeros(0, np.uint8)).tobytes()
    if not _is_readable(text):
        raise BadArtefact(
            f"{place} has {write_bytes(len(text))} besides numbers in arrays, a recording at most "
            f"{write_bytes(_MOST_JSON)}, of {_MOST_PARTS:,} parts; it is not read"
        )
    if hashlib.sha256(text).hexdigest() != told.get("sha256"):
        _refuse_change(place)
    for name, array in arrays.items():
        if not _NAME.fullmatch(name) or name_array(array) != name:
            _refuse_change(place)
        array.flags.writeable = False
    try:
        content = json.loads(text, parse_constant=refuse_constant, object_pairs_hook=refuse_twins)
        contents: Contents = decode(content, Contents, arrays)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadArtefact(f"{place} is not as it was made ({error}); {_ADVICE}") from None
    return contents, arrays


def _check_sizes(place: Path) -> None:
    """What can be told before anything of the file is held in memory."""
    size = place.stat().st_size
    if size > MOST_BYTES + _MOST_HEADER:
        raise BadArtefact(
            f"{place} has {write_bytes(size)}, a recording at most {write_bytes(MOST_BYTES)}; it is not read"
        )
    with place.open("rb") as file:
        start = file.read(128)
    length = int.from_bytes(start[:8], "little")
    if size < 8 or not 2 <= length <= _MOST_HEADER:
        raise BadArtefact(f"{place} ({size} bytes) is {guess_kind(start)}, not a recording; {_ADVICE}")
    if length > size - 8:
        raise BadArtefact(f"{place} is cut short: {size} bytes, its header alone has {length}; {_ADVICE}")


def _check_told(place: Path, told: dict[str, str]) -> None:
    if told.get("format") != FORMAT:
        raise BadArtefact(f"{place} holds tensors and is not a recording; {_ADVICE}")
    version = told.get("version", "")
    if version.isdecimal() and int(version[:9]) > VERSION:
        raise BadArtefact(
            f"{place} is a recording of version {version[:9]}, this package reads version {VERSION}; "
            "run: pip install --upgrade gscope-widgets"
        )
    if version in _OLDER:
        raise BadArtefact(
            f"{place} is a recording of version {version}, an older one that this package (version {VERSION}) does not "
            "read; record it again"
        )
    if version != str(VERSION) or set(told) != {"format", "version", "sha256"}:
        _refuse_change(place)


def _refuse_change(place: Path) -> NoReturn:
    raise BadArtefact(f"{place} was changed after it was made: its parts are not those its sums name; {_ADVICE}")


def refuse_constant(name: str) -> NoReturn:
    """For `json`, which takes NaN and Infinity otherwise."""
    raise Malformed(f"{name} is no number of JSON")


def refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `json`, which keeps the last of two parts of one name otherwise."""
    made = dict(pairs)
    if len(made) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise Malformed(f"two parts are named {describe_value(counts.most_common(1)[0][0])}")
    return made


def _is_readable(text: bytes) -> bool:
    """Whether what JSON is made of is bounded in memory: some ten times its bytes."""
    return len(text) <= _MOST_JSON and text.count(b"[") + text.count(b"{") <= _MOST_PARTS


def _is_recording(place: Path) -> bool:
    try:
        with safe_open(place, framework="numpy") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (SafetensorError, OSError):
        return False


def as_path(path: str | os.PathLike[str], *, example: str = "lesson.gscope") -> Path:
    """A path as a reader gives it.

    Raises:
        InvalidValue: it is none.
    """
    try:
        text = os.fspath(path)
        if not isinstance(text, str) or not text or "\0" in text:
            raise TypeError
        return Path(text).expanduser()
    except (TypeError, RuntimeError):
        raise InvalidValue(f'path must be a file such as "{example}", got {describe_value(path)}') from None


def guess_kind(start: bytes) -> str:
    """What a file is, by its first bytes."""
    if not start:
        return "empty"
    if start.startswith((b"PK", b"\x80", b"\x1f\x8b")):
        return "a pickle or archive, which is never loaded"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "a web page"
    return "something else"
