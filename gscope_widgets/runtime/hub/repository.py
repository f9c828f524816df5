"""What a repository on the Hub holds: its files with their sizes and sums, at one commit."""

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, constants

from gscope_widgets.errors import GscopeError, Offline, UnknownDictionary
from gscope_widgets.runtime.hub.faults import explain_faults, persist

FRESH_S = 24 * 3600  # a list younger than this is used without asking the Hub
_PATIENCE_S = 10.0
_LIST_LIMIT = 50_000_000  # bytes
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SUM = re.compile(r"[0-9a-f]{64}")
_FORMAT = 1


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository."""

    repository: str
    commit: str  # 40 hexadecimal digits
    name: str  # path within the repository
    size: int  # bytes
    sha256: str | None  # of files in large-file storage, as every weight file is

    @property
    def path(self) -> Path:
        """Where the file lies on this machine once it is fetched: in huggingface_hub's own cache."""
        return Path(self._place)

    @property
    def _place(self) -> str:
        folder = f"models--{self.repository.replace('/', '--')}"
        return os.path.join(constants.HF_HUB_CACHE, folder, "snapshots", self.commit, self.name)

    @property
    def is_here(self) -> bool:
        """Whether it was fetched before, in its whole length; asks no network."""
        try:  # by its name: a catalogue asks this of thousands of files, and a Path takes ten times as long
            return os.stat(self._place).st_size == self.size
        except OSError:
            return False


@dataclass(frozen=True)
class CachedPlace:
    """What a path in huggingface_hub's cache is a part of."""

    repository: str
    commit: str
    name: str  # path within the repository; empty for its root


def find_cached(path: str | Path) -> CachedPlace | None:
    """The repository that a folder in huggingface_hub's cache is of, or None for any other path."""
    try:
        parts = Path(path).expanduser().resolve().relative_to(Path(constants.HF_HUB_CACHE).resolve()).parts
    except (ValueError, RuntimeError, OSError):
        return None
    if len(parts) < 3 or not parts[0].startswith("models--") or not _COMMIT.fullmatch(parts[2]):
        return None
    return CachedPlace(parts[0].removeprefix("models--").replace("--", "/", 1), parts[2], "/".join(parts[3:]))


def _read_blob_name(path: Path) -> str | None:
    """What the cache calls the file behind a link: by its sha256 if it came from large-file storage.

    By one step alone: a blob may be a link itself, into a store with names of another kind.
    """
    try:
        blob = Path(os.readlink(path))
    except OSError:  # a copy, as on systems without links
        return None
    return blob.name if blob.parent.name == "blobs" else None


class Repository:
    """A model repository at one revision. Listing it costs one request, and none within a day of the last."""

    def __init__(
        self,
        name: str,
        *,
        revision: str | None = None,
        token: str | None = None,
        unknown: type[GscopeError] = UnknownDictionary,
        instead: str = "open a downloaded folder",
    ):
        """A repository, of which nothing is asked yet.

        Args:
            name: "owner/name".
            revision: a branch, tag or commit; None for the newest.
            token: by default huggingface_hub's own.
            unknown: raised where there is no such repository or revision.
            instead: what to do without it.
        """
        self.name, self.revision, self.token = name, revision, token
        self._unknown, self._instead = unknown, instead
        self.is_partial = False  # whether `files` are those in the cache alone, because there is no list
        self._files: dict[str, RemoteFile] | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Repository {self.name} at {self.revision or 'main'}>"

    def files(self, *, refresh: bool = False) -> dict[str, RemoteFile]:
        """Every file by its name; of a repository that cannot be listed, those that huggingface_hub's cache holds.

        Args:
            refresh: ask the Hub even where a list of today is at hand.

        Raises:
            Offline: the Hub cannot be asked, no list of this revision was kept, and the cache holds none of it.
            UnknownDictionary: there is no such repository or revision.
        """
        with self._lock:
            if self._files is None or self.is_partial or refresh:
                self._files = self._read_files(refresh=refresh)
            return self._files

    def _read_files(self, *, refresh: bool) -> dict[str, RemoteFile]:
        kept, age_s = self._read_kept()
        pinned = bool(_COMMIT.fullmatch(self.revision or ""))
        if kept is not None and not refresh and (pinned or age_s < FRESH_S):
            return kept
        try:
            found = persist(self._ask)
        except Offline:
            here = {} if kept else self.files_here()
            self.is_partial = bool(here)
            if not kept and not here:
                raise
            return kept or here
        self.is_partial = False
        self._keep(found)
        return found

    def files_here(self) -> dict[str, RemoteFile]:
        """The files in huggingface_hub's cache, by whatever means they came there; asks no network."""
        commit = self._cached_commit()
        if commit is None:
            return {}
        root = self._cache / "snapshots" / commit
        entries = []
        for path in sorted(root.rglob("*")):
            if path.is_file():
                entries.append((path.relative_to(root).as_posix(), path.stat().st_size, _read_blob_name(path)))
        return self._build(commit, entries)

    @property
    def _cache(self) -> Path:
        return Path(constants.HF_HUB_CACHE, f"models--{self.name.replace('/', '--')}")

    def _cached_commit(self) -> str | None:
        """The commit that the cache has for this revision; without a revision, also the only one that it has."""
        with suppress(OSError, ValueError):
            commit = (self._cache / "refs" / (self.revision or "main")).read_text(encoding="utf-8").strip()
            if _COMMIT.fullmatch(commit):
                return commit
        snapshots = [path.name for path in (self._cache / "snapshots").glob("*") if _COMMIT.fullmatch(path.name)]
        if self.revision is None:
            return snapshots[0] if len(snapshots) == 1 else None
        return self.revision if self.revision in snapshots else None

    def _ask(self) -> dict[str, RemoteFile]:
        instead = self._instead
        with explain_faults(
            self.name, what="the list of files", revision=self.revision, unknown=self._unknown, instead=instead
        ):
            try:
                info = HfApi(token=self.token).model_info(
                    self.name, revision=self.revision, files_metadata=True, timeout=_PATIENCE_S
                )
                entries = [
                    (one.rfilename, one.size, one.lfs["sha256"] if one.lfs is not None else None)
                    for one in info.siblings or ()
                ]
            except (ValueError, KeyError, TypeError, AttributeError):
                raise Offline(
                    f"what came as the list of files of {self.name} is none (a web page of this network, perhaps); "
                    f"try again, or {instead}"
                ) from None
        return self._build(str(info.sha), entries)

    def _build(self, commit: str, entries: Iterable[tuple[object, object, object]]) -> dict[str, RemoteFile]:
        """Raises: GscopeError: the entries are no list of files."""
        found = {}
        if not _COMMIT.fullmatch(commit):
            raise Offline(f"the list of files of {self.name} names no commit; try again in a few minutes")
        for name, size, sha256 in entries:
            if not isinstance(name, str) or name.startswith("/") or ".." in Path(name).parts:
                continue
            if isinstance(size, int) and size >= 0:
                sound = sha256 if isinstance(sha256, str) and _SUM.fullmatch(sha256) else None
                found[name] = RemoteFile(self.name, commit, name, size, sound)
        return found

    @property
    def _kept_path(self) -> Path:
        revision = hashlib.sha256((self.revision or "main").encode()).hexdigest()[:16]
        return Path(constants.HF_HOME, "gscope_widgets", "listings", f"{self.name.replace('/', '--')}@{revision}.json")

    def _read_kept(self) -> tuple[dict[str, RemoteFile] | None, float]:
        """The list that was kept last and its age in seconds; a damaged one counts as none."""
        try:
            if self._kept_path.stat().st_size > _LIST_LIMIT:
                return None, 0.0
            content = json.loads(self._kept_path.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                return None, 0.0
            return self._build(content["commit"], content["files"]), max(0.0, time.time() - float(content["asked"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError, GscopeError):
            return None, 0.0

    def _keep(self, files: dict[str, RemoteFile]) -> None:
        """Write the list whole or not at all; a cache that cannot be written costs the next session a request."""
        commit = next((one.commit for one in files.values()), None)
        if commit is None:
            return
        entries = [[one.name, one.size, one.sha256] for one in files.values()]
        content = {"format": _FORMAT, "commit": commit, "asked": time.time(), "files": entries}
        draft = self._kept_path.with_name(f"{self._kept_path.name}.{os.getpid()}")
        try:
            draft.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(content), encoding="utf-8")
            draft.replace(self._kept_path)
        except OSError:
            with suppress(OSError):
                draft.unlink()
