"""Files and parts of files from the Hub: room first, waits that end, sums compared."""

import hashlib
import inspect
import math
import shutil
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypedDict

import huggingface_hub
import huggingface_hub.utils as hub_utils
from huggingface_hub import constants, hf_hub_download, hf_hub_url

from gscope_widgets.errors import BadArtefact, Cancelled, DiskFull, GscopeError, Offline, UnknownDictionary, write_bytes
from gscope_widgets.runtime.hub.faults import HubBusy, explain_faults, persist
from gscope_widgets.runtime.hub.repository import RemoteFile

WAIT_S = 300.0  # for another process that fetches the same file, after its file last grew
NOTICE_S = 5.0  # of waiting, until it is said
STALL_S = 600.0  # without another 10 MB, which is how huggingface_hub counts, until a transfer is ended
_SPARE_BYTES = 50_000_000  # left free on the disk
_RANGE_TIMEOUT_S = 10.0
_BLOCK = 1 << 20


_fetching = threading.Lock()


@dataclass
class Transfer:
    """How far a fetch has come, and whether it is still wanted; one thread writes each."""

    bytes: int = 0  # that arrived; huggingface_hub counts in steps of 10 MB
    unwanted: bool = False  # set by whoever waits: the fetch ends as `Cancelled` at its next step


class _Options(TypedDict, total=False):
    """What `hf_hub_download` takes from version 1.0 on."""

    tqdm_class: type[object]


class _Once(TypedDict):
    """No second try by huggingface_hub: `persist` counts them."""

    retry_on_exceptions: tuple[()]
    retry_on_status_codes: tuple[()]


class _Answer(Protocol):
    """What httpx's and requests' answers share."""

    @property
    def status_code(self) -> int: ...


class RangeIgnored(Exception):
    """A server answered a request for a part with the whole, of which nothing was read."""


def fetch_file(
    file: RemoteFile,
    *,
    token: str | None = None,
    unknown: type[GscopeError] = UnknownDictionary,
    transfer: Transfer | None = None,
) -> Path:
    """The file on this machine, fetched unless it is there. Shows huggingface_hub's progress bar.

    Once on each machine a file is compared with the sha256 that the Hub gives (about 1 s a
    gigabyte), also one that another program fetched; a file that differs is deleted, so that the
    next try starts afresh. One file is fetched at a time in a process, by plain HTTP.

    Args:
        unknown: raised where the Hub has no such file.
        transfer: to follow the fetch, and to stop it.

    Raises:
        Cancelled: it was not wanted any more.
        DiskFull: with the bytes that are free and that are needed; nothing was fetched.
        Offline, GatedModel, UnknownDictionary: as the Hub answered, after up to three tries.
        BadArtefact: what came is not what the Hub lists.
    """
    transfer = transfer or Transfer()
    with _one_at_a_time(transfer):
        if file.is_here:
            _verify(file, ours=False)
            return file.path
        require_room([file])
        _wait_for_others(file, transfer)
        # huggingface_hub asks a silent Hub for minutes, and waits as long as a busy one likes; this asks for 10 s.
        with suppress(RangeIgnored):
            read_range(file, 0, min(1, file.size), token=token, unknown=unknown)
        # A transfer of an hour that breaks off is tried again all the same.
        path = persist(lambda: _download(file, token=token, unknown=unknown, transfer=transfer), patience_s=math.inf)
        if not file.is_here:
            raise BadArtefact(
                f"{path} has {path.stat().st_size} bytes where the Hub lists {file.size}; delete it and try again"
            )
        _verify(file, ours=True)
        return file.path


def read_range(
    file: RemoteFile,
    start: int,
    stop: int,
    *,
    token: str | None = None,
    unknown: type[GscopeError] = UnknownDictionary,
) -> bytes:
    """Bytes `start` to `stop` of a file, by one HTTP range request; the file is not fetched.

    Raises:
        RangeIgnored: the server sends the whole file only.
        Offline, GatedModel, UnknownDictionary: as the Hub answered, after up to three tries.
    """
    if stop <= start:
        return b""
    return persist(lambda: _read_range(file, start, stop, token=token, unknown=unknown))


def _read_range(file: RemoteFile, start: int, stop: int, *, token: str | None, unknown: type[GscopeError]) -> bytes:
    url = hf_hub_url(file.repository, file.name, revision=file.commit)
    headers = hub_utils.build_hf_headers(token=token) | {"Range": f"bytes={start}-{stop - 1}"}
    with explain_faults(file.repository, what=file.name, unknown=unknown), _stream(url, headers) as answer:
        hub_utils.hf_raise_for_status(answer)  # type: ignore[arg-type]  # the newest version's own class
        if answer.status_code != 206:
            raise RangeIgnored
        content = bytearray()
        for block in _iterate(answer):
            content += block
            if len(content) > stop - start:
                break
    if len(content) != stop - start:
        raise HubBusy(
            f"the Hub sent {len(content)} bytes of {file.name} where {stop - start} were asked for", "try again"
        )
    return bytes(content)


def _download(file: RemoteFile, *, token: str | None, unknown: type[GscopeError], transfer: Transfer) -> Path:
    faults = explain_faults(file.repository, what=file.name, revision=file.commit, unknown=unknown)
    try:
        with faults, _plain_http(), _follow(file, transfer) as options:
            return Path(hf_hub_download(file.repository, file.name, revision=file.commit, token=token, **options))
    except GscopeError:
        # huggingface_hub before 1.0 keeps what it has and goes on from there, also from the middle of a web page.
        if file.sha256:
            folder = Path(constants.HF_HUB_CACHE, f"models--{file.repository.replace('/', '--')}", "blobs")
            (folder / f"{file.sha256}.incomplete").unlink(missing_ok=True)
        raise


@contextmanager
def _one_at_a_time(transfer: Transfer) -> Iterator[None]:
    while not _fetching.acquire(timeout=0.1):
        _require_wanted(transfer)
    try:
        yield
    finally:
        _fetching.release()


def _require_wanted(transfer: Transfer) -> None:
    if transfer.unwanted:
        raise Cancelled("the fetch was stopped")


@contextmanager
def _plain_http() -> Iterator[None]:
    """Without Xet, whose transfers no time-out, count or stop of ours reaches."""
    before, constants.HF_HUB_DISABLE_XET = constants.HF_HUB_DISABLE_XET, True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_XET = before


@contextmanager
def _follow(file: RemoteFile, transfer: Transfer) -> Iterator[_Options]:
    """Count what arrives, and end a transfer that trickles, on which no time-out strikes, by closing its connection.

    Gives the options for `hf_hub_download`: its own progress bar, which here also tells that bytes
    arrived. With huggingface_hub before 1.0, whose connections only their own thread can close, a
    transfer trickles on.
    """
    moved, over = [time.monotonic()], threading.Event()
    stalled = False

    class Progress(hub_utils.tqdm):
        def update(self, n: float | None = 1) -> bool | None:
            moved[0] = time.monotonic()
            transfer.bytes += int(n or 0)
            _require_wanted(transfer)
            shown: bool | None = super().update(n)
            return shown

    def watch() -> None:
        nonlocal stalled
        while not over.wait(min(1.0, STALL_S / 4)):
            if time.monotonic() - moved[0] > STALL_S:
                stalled, moved[0] = True, time.monotonic()
                _close_session()

    watcher = threading.Thread(target=watch, name="gscope transfer", daemon=True)
    watcher.start()
    try:
        yield {"tqdm_class": Progress} if "tqdm_class" in inspect.signature(hf_hub_download).parameters else {}
    except Exception:
        if stalled:
            raise TimeoutError(f"{file.name} trickled") from None
        raise
    finally:
        over.set()
        watcher.join()


def _close_session() -> None:
    """Close huggingface_hub's connections, which it opens again when it needs them; the name changed in 1.0."""
    (getattr(huggingface_hub, "close_session", None) or hub_utils.reset_sessions)()


def _verify(file: RemoteFile, *, ours: bool) -> None:
    """Compare a file with the Hub's sum, unless this machine remembers that it was found right.

    Args:
        ours: it was fetched just now, so a file that differs is deleted.
    """
    if file.sha256 is None:
        return
    marker = Path(constants.HF_HOME, "gscope_widgets", "verified", file.sha256)
    blob = file.path.resolve()
    state = f"{blob} {blob.stat().st_mtime_ns}"
    with suppress(OSError, ValueError):
        if marker.read_text(encoding="utf-8") == state:
            return
    with file.path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != file.sha256:
        if ours:
            file.path.unlink(missing_ok=True)
            if blob.is_relative_to(Path(constants.HF_HUB_CACHE).resolve()):
                blob.unlink(missing_ok=True)
        what = "did not arrive as the Hub lists it" if ours else f"at {blob} is not as the Hub lists it"
        raise BadArtefact(
            f"{file.name} of {file.repository} {what} (sha256 {found}, expected {file.sha256}); "
            + ("it was deleted, so try again" if ours else "delete it and try again")
        )
    with suppress(OSError):
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(state, encoding="utf-8")


def require_room(files: Sequence[RemoteFile]) -> None:
    """Refuse to begin with files for which the disk has no room.

    Raises:
        DiskFull: with the bytes that are free and that are needed.
    """
    missing = [file for file in files if not file.is_here]
    if not missing:
        return
    needed, free = sum(file.size for file in missing), shutil.disk_usage(_existing(missing[0].path)).free
    if free < needed + _SPARE_BYTES:
        what = missing[0].name if len(missing) == 1 else f"{len(missing)} files"
        raise DiskFull(
            f"{what} of {missing[0].repository} takes {write_bytes(needed)}, and {write_bytes(free)} are free where "
            f"{constants.HF_HUB_CACHE} is; free some, set HF_HOME to a larger disk, or take something smaller"
        )


def _existing(path: Path) -> Path:
    return next(one for one in (path, *path.parents) if one.exists())


def _wait_for_others(file: RemoteFile, transfer: Transfer) -> None:
    """Wait while another process holds huggingface_hub's lock on this file, and its file grows.

    huggingface_hub itself would wait without end. Where locks do not work, as on some network disks, nobody waits.
    """
    if file.sha256 is None:
        return
    folder = f"models--{file.repository.replace('/', '--')}"
    path = Path(constants.HF_HUB_CACHE, ".locks", folder, f"{file.sha256}.lock")
    grown, since, told = -1, time.monotonic(), False
    while path.exists():
        _require_wanted(transfer)
        try:
            with hub_utils.WeakFileLock(path, timeout=min(1.0, NOTICE_S)):
                return
        except TimeoutError:
            pass
        except (NotImplementedError, OSError):
            return
        size = sum(
            one.stat().st_size for one in (path.parents[2] / folder / "blobs").glob(f"{file.sha256}*.incomplete")
        )
        if size != grown:
            grown, since = size, time.monotonic()
        waited_s = time.monotonic() - since
        if waited_s >= NOTICE_S and not told:
            warnings.warn(f"waiting for another download of {file.name} to end", stacklevel=4)
            told = True
        if waited_s >= WAIT_S:
            raise Offline(
                f"another process holds the lock of {file.name}, and nothing has arrived for {WAIT_S:.0f} s; if none "
                f"is running, delete {path}"
            )


@contextmanager
def _stream(url: str, headers: dict[str, str]) -> Iterator[_Answer]:
    """An answer whose body is not read yet; huggingface_hub before 1.0 speaks through requests."""
    once: _Once = {"retry_on_exceptions": (), "retry_on_status_codes": ()}
    if hasattr(hub_utils, "http_stream_backoff"):
        with hub_utils.http_stream_backoff("GET", url, **once, headers=headers, timeout=_RANGE_TIMEOUT_S) as answer:
            yield answer
        return
    answer = hub_utils.http_backoff("GET", url, **once, headers=headers, timeout=_RANGE_TIMEOUT_S, stream=True)
    try:
        yield answer
    finally:
        answer.close()


def _iterate(answer: _Answer) -> Iterator[bytes]:
    if hasattr(answer, "iter_bytes"):
        yield from answer.iter_bytes(_BLOCK)
    elif hasattr(answer, "iter_content"):
        yield from answer.iter_content(_BLOCK)
