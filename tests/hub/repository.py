"""One repository of the test Hub, read from a folder: its files, commit and listing."""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from tests.hub.faults import write_pointer

LISTING = ".listing.json"  # {path: size in bytes} of files that are listed and cannot be fetched
_DATE = "2025-12-19T12:00:00.000Z"


@dataclass(frozen=True)
class Entry:
    """One file."""

    path: str
    size: int  # bytes
    oid: str  # git's SHA-1, of the pointer where the content is in LFS
    sha256: str | None  # of the content; None outside LFS
    file: Path | None  # None: listed only

    @property
    def etag(self) -> str:
        return self.sha256 or self.oid

    def describe(self, *, digest_key: str) -> dict:
        """Size and digests as the Hub's JSON has them, with the name its route gives the sha256."""
        if self.sha256 is None:
            return {"size": self.size}
        pointer_size = len(write_pointer(self.sha256, self.size))
        return {"size": self.size, "lfs": {digest_key: self.sha256, "size": self.size, "pointerSize": pointer_size}}


@dataclass(frozen=True)
class Repository:
    """What a folder holds at this moment."""

    name: str  # owner/name
    entries: dict[str, Entry]  # by path, in order
    commit: str  # 40 hex digits, from paths and contents

    def list_tree(self, folder: str, *, recursive: bool, expand: bool) -> list[dict] | None:
        """The tree's entries below `folder` ("" for all), folders among them; None if there is no such folder."""
        inside = f"{folder}/" if folder else ""
        found: dict[str, dict] = {}
        for path, entry in self.entries.items():
            if not path.startswith(inside):
                continue
            parts = path[len(inside) :].split("/")
            for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
                above = inside + "/".join(parts[:depth])
                found[above] = {"type": "directory", "oid": _hash_text(above), "size": 0, "path": above}
            if recursive or len(parts) == 1:
                found[path] = {"type": "file", "oid": entry.oid, "path": path} | entry.describe(digest_key="oid")
        if not found and folder:
            return None
        commit = {"lastCommit": {"id": self.commit, "title": "Upload", "date": _DATE}} if expand else {}
        return [item | commit for _, item in sorted(found.items())]

    def describe_paths(self, paths: list[str]) -> list[dict]:
        """Tree entries of the paths that exist, files and folders."""
        tree = {item["path"]: item for item in self.list_tree("", recursive=True, expand=False) or ()}
        return [tree[path] for path in paths if path in tree]

    def describe(self, *, gated: bool, private: bool, blobs: bool) -> dict:
        """What `model_info` reads; sizes and digests only where blobs are asked for."""
        siblings = []
        for entry in self.entries.values():
            details = {"blobId": entry.oid} | entry.describe(digest_key="sha256") if blobs else {}
            siblings.append({"rfilename": entry.path} | details)
        return {
            "_id": self.commit[:24],
            "id": self.name,
            "modelId": self.name,
            "author": self.name.split("/")[0],
            "sha": self.commit,
            "createdAt": _DATE,
            "lastModified": _DATE,
            "private": private,
            "gated": "manual" if gated else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": siblings,
        }


def read_repository(folder: Path, name: str) -> Repository:
    """The repository that lies in `folder`; it is read, and its contents are hashed, once per change."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return _build_repository(folder, name, tuple((file, _stamp(file)) for file in files))


@functools.lru_cache(maxsize=64)
def _build_repository(folder: Path, name: str, files: tuple[tuple[Path, tuple[int, int, int]], ...]) -> Repository:
    stamps = dict(files)
    listing = folder / LISTING
    entries = dict(_read_listing(listing, *stamps[listing])) if listing in stamps else {}
    for file, stamp in files:
        if not file.name.startswith(".listing"):
            path = file.relative_to(folder).as_posix()
            entries[path] = _read_entry(file, path, *stamp)
    entries = dict(sorted(entries.items()))
    return Repository(name, entries, _hash_text("\n".join(f"{path} {entry.oid}" for path, entry in entries.items())))


def _stamp(file: Path) -> tuple[int, int, int]:
    """Changes whenever the file does."""
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@functools.lru_cache(maxsize=4096)
def _read_entry(file: Path, path: str, inode: int, size: int, changed_ns: int) -> Entry:
    if not _is_lfs(path):
        content = file.read_bytes()
        return Entry(path, size, _hash_blob(content), None, file)
    with file.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return Entry(path, size, _hash_blob(write_pointer(sha256, size)), sha256, file)


@functools.lru_cache(maxsize=64)
def _read_listing(listing: Path, inode: int, size: int, changed_ns: int) -> tuple[tuple[str, Entry], ...]:
    return tuple((path, _list_entry(path, size)) for path, size in json.loads(listing.read_text()).items())


def _list_entry(path: str, size: int) -> Entry:
    if not _is_lfs(path):
        return Entry(path, size, _hash_text(path), None, None)
    sha256 = hashlib.sha256(f"{path} {size}".encode()).hexdigest()
    return Entry(path, size, _hash_blob(write_pointer(sha256, size)), sha256, None)


def _is_lfs(path: str) -> bool:
    return path.endswith((".safetensors", "tokenizer.json"))


def _hash_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _hash_text(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()
