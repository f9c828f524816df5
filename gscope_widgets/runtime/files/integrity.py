"""Whether the files that ship with this package are still as they shipped."""

import hashlib
import json
import threading
from pathlib import Path

import gscope_widgets.mini
from gscope_widgets.errors import BadArtefact

EMBEDDED = Path(gscope_widgets.mini.__file__).parent
SUMS = "SHA256.json"  # in the root: path below it, with "/" -> sha256 in hex
_ADVICE = "install the package again: pip install --force-reinstall --no-deps gscope-widgets"
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
        status = path.stat()
        state = (status.st_size, status.st_mtime_ns)
        if _seen.get(path) == state:
            return
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadArtefact(f"{path} cannot be read ({error.strerror}); {_ADVICE}") from None
    if found != expected:
        raise BadArtefact(
            f"{path} ({state[0]} bytes) is not the file that shipped: its sha256 is {found}, "
            f"expected {expected}; {_ADVICE}"
        )
    _seen[path] = state


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
