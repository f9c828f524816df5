"""Whether the files that ship with this package are still as they shipped."""

import hashlib
import json
import re
import threading
from collections.abc import Sequence
from pathlib import Path

import gscope_widgets.mini
from gscope_widgets.errors import BadArtefact

EMBEDDED = Path(gscope_widgets.mini.__file__).parent
SUMS = "SHA256.json"  # in the root: path below it, with "/" -> sha256 in hex
_ADVICE = "install the package again: pip install --force-reinstall --no-deps gscope-widgets"
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_sums: dict[Path, dict[str, str]] = {}
_seen: dict[Path, tuple[int, int]] = {}  # files found whole -> their size and time of change then
_lock = threading.Lock()


def verify_embedded(path: Path, *, root: Path = EMBEDDED) -> None:
    """Check a file against the sums that ship beside it, before it is read.

    A file outside `root`, or one that the sums do not name, is not checked; nor is any where there
    are no sums, as in a checkout where the model is being trained. The digest is computed once in
    a process (5 to 20 ms for 8 MB), and again when the file's size or time of change differs from then.

    Raises:
        BadArtefact: the file is missing or not as it shipped, or the sums cannot be read.
    """
    path, root = Path(path).resolve(), root.resolve()
    if not path.is_relative_to(root):
        return
    name = path.relative_to(root).as_posix()
    expected = _read_sums(root / SUMS).get(name)
    if expected is None:
        return
    try:
        summed = _sum_unless_seen(path)
    except OSError as error:
        raise BadArtefact(f"{path} cannot be read ({error.strerror}); {_ADVICE}") from None
    if summed is None:
        return
    digest, state = summed
    if digest != expected:
        raise BadArtefact(
            f"{path} ({state[0]} bytes) is not the file that shipped: its sha256 is {digest}, "
            f"expected {expected}; {_ADVICE}"
        )
    _seen[path] = state


def _sum_unless_seen(path: Path) -> tuple[str, tuple[int, int]] | None:
    """The file's sha256, and its size and time of change; None where it was found sound with these before."""
    status = path.stat()
    state = (status.st_size, status.st_mtime_ns)
    if _seen.get(path) == state:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), state


def verify_beside(path: Path) -> None:
    """Check a file in a folder of one's own against a sha256 that lies beside it, before the whole is read.

    Sums are taken from `SHA256SUMS` or `{name}.sha256` in its folder, as sha256sum writes them, and from
    what `hf download --local-dir` notes below `.cache`. Computed once in a process (about 1 s a gigabyte).

    Raises:
        BadArtefact: it differs.
    """
    found = _find_sum(path)
    if found is None:
        return
    expected, source = found
    summed = _sum_unless_seen(path)
    if summed is None:
        return
    digest, state = summed
    if digest != expected:
        raise BadArtefact(
            f"{path} has changed or is damaged: its sha256 is {digest}, {source} says {expected}; "
            "download or copy it again"
        )
    _seen[path] = state


def find_digest(paths: Sequence[Path]) -> str:
    """12 digits for the files together, from the sums that shipped or lie beside; empty where one has none.

    Of one file they are the first of its sha256; of several, of the sha256 of their sums in this order.
    No file is read.
    """
    root = EMBEDDED.resolve()
    sums = []
    for path in (one.resolve() for one in paths):
        if path.is_relative_to(root):
            sums.append(_read_sums(root / SUMS).get(path.relative_to(root).as_posix(), ""))
        else:
            sums.append((_find_sum(path) or ("", path))[0])
    if not all(sums):
        return ""
    return (sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest())[:12]


def _find_sum(path: Path) -> tuple[str, Path] | None:
    """The sha256 that a file should have, and the file that says so."""
    for source in (path.with_name("SHA256SUMS"), path.with_name(f"{path.name}.sha256")):
        for line in _read_lines(source):
            digest, _, name = line.partition(" ")
            if _SHA256.fullmatch(digest) and name.strip().removeprefix("*") in (path.name, ""):
                return digest.lower(), source
    for folder in path.parents[:4]:
        inside = path.relative_to(folder)
        source = folder / ".cache" / "huggingface" / "download" / inside.parent / f"{path.name}.metadata"
        lines = _read_lines(source)
        if len(lines) > 1 and _SHA256.fullmatch(lines[1]):  # a commit, then the sum of a file in large-file storage
            return lines[1], source
    return None


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()[:10_000]
    except (OSError, ValueError):
        return []


def _read_sums(path: Path) -> dict[str, str]:
    with _lock:
        if path not in _sums:
            _sums[path] = _parse_sums(path) if path.is_file() else {}
        return _sums[path]


def _parse_sums(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        sums = {str(name): str(digest).lower() for name, digest in content.items()}
        if not all(len(digest) == 64 for digest in sums.values()):
            raise ValueError("a sha256 has 64 hexadecimal digits")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise BadArtefact(f"{path} cannot be read as a table of sha256 sums ({error}); {_ADVICE}") from None
    return sums
