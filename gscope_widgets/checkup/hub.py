"""The Hub from here: its cache on this disk, the way to it, the token, the licence."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gscope_widgets.checkup.needs import Needs
from gscope_widgets.errors import write_bytes
from gscope_widgets.records.checkup import Finding

PATIENCE_S = 8.0  # for the one request
_PROBE_BYTES = 1_000_000
_SPARE_BYTES = 1_000_000_000  # for dictionaries and what else is written beside
_FULL = (errno.ENOSPC, errno.EDQUOT)

Kind = Literal["granted", "no token", "not granted", "bad token", "absent", "offline", "unreachable", "unsound"]


@dataclass(frozen=True)
class HubAnswer:
    """What came of one request for a repository's licence."""

    kind: Kind
    detail: str = ""  # what the system said where there was no sound answer


def ask_hub(repository: str) -> HubAnswer:
    """Ask the Hub whether the token of this machine may read a repository: one request."""
    from huggingface_hub import HfApi, constants, errors

    from gscope_widgets.runtime.hub.faults import status_of

    if constants.HF_HUB_OFFLINE:
        return HubAnswer("offline")
    try:
        HfApi().auth_check(repository)
    except errors.GatedRepoError as error:
        return HubAnswer("no token" if status_of(error) == 401 else "not granted")
    except errors.RepositoryNotFoundError:
        return HubAnswer("absent")
    except errors.HfHubHTTPError as error:
        status = status_of(error)
        known: dict[int | None, Kind] = {401: "bad token", 403: "not granted"}
        return HubAnswer(known.get(status, "unsound"), f"status {status}")
    except Exception as error:  # noqa: BLE001 - which library raises here has changed twice
        return HubAnswer("unreachable", f"{type(error).__name__}: {error}")
    return HubAnswer("granted")


def check_hub(answer: Callable[[], HubAnswer]) -> Finding:
    """Whether the Hub answers; says so where HF_HUB_OFFLINE forbids to ask."""
    from huggingface_hub import constants

    found = answer()
    if found.kind == "offline":
        advice = "unset HF_HUB_OFFLINE and restart the kernel to fetch models; mini works without"
        return Finding("hub", "attention", "not asked: HF_HUB_OFFLINE is set", advice)
    if found.kind == "unreachable":
        advice = "check this machine's network, proxy and HF_ENDPOINT; until then gs.load('mini') works"
        return Finding("hub", "broken", f"{constants.ENDPOINT} cannot be reached ({found.detail})", advice)
    if found.kind == "unsound":
        advice = "wait some minutes and ask again; until then gs.load('mini') works"
        return Finding("hub", "attention", f"{constants.ENDPOINT} gave no sound answer ({found.detail})", advice)
    return Finding("hub", "fine", f"{constants.ENDPOINT} answers")


def check_token(answer: Callable[[], HubAnswer]) -> Finding:
    """Whether there is a token, and whether the Hub took it. It is never shown, not even in part."""
    found = answer()
    if find_token() is None:
        advice = (
            "only Gemma's weights need one: make a read token in your Hugging Face account's settings, then run "
            "huggingface_hub.login(), or hf auth login in a shell, or on Colab add a secret named HF_TOKEN"
        )
        return Finding("token", "attention", "none found", advice)
    if found.kind == "bad token":
        return Finding(
            "token", "broken", "present, but the Hub does not accept it", "make a new read token and log in again"
        )
    checked = "" if found.kind in ("granted", "not granted") else "; whether it is good was not found out"
    return Finding("token", "fine", f"present, not shown{checked}")


def check_licence(needs: Needs, answer: Callable[[], HubAnswer]) -> Finding:
    """Whether the account of the token may read the model, by the Hub's own answer."""
    found, page = answer(), f"https://huggingface.co/{needs.repository}"
    accept = f"accept the licence on {page} with the account that the token is of"
    if found.kind == "granted":
        return Finding("licence", "fine", f"{needs.repository} may be read")
    if found.kind == "no token":
        advice = f"log in first (see token), and {accept}"
        return Finding("licence", "attention", f"{needs.repository} is gated, and no token was sent", advice)
    if found.kind == "not granted":
        advice = f"{accept}; a fine-grained token also needs the permission to read public gated repositories"
        return Finding("licence", "broken", f"the token's account may not read {needs.repository}", advice)
    if found.kind == "bad token":
        return Finding("licence", "not asked", "the token is not accepted, so the Hub did not say", "see token")
    if found.kind == "absent":
        advice = "check HF_ENDPOINT, or ask again later"
        return Finding("licence", "attention", f"the Hub has no {needs.repository}, or hides it", advice)
    return Finding("licence", "not asked", "the Hub was not reached", "see hub")


def find_token() -> str | None:
    """The token that huggingface_hub would send."""
    from huggingface_hub import get_token

    return get_token() or None


def check_cache() -> Finding:
    """Whether what is fetched can be kept: a small file is written where the cache is, and taken away again."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    try:
        with tempfile.NamedTemporaryFile(dir=find_existing(folder), prefix=".gscope-") as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        if error.errno in _FULL:
            advice = "free some room there, or set HF_HOME to a folder on a larger disk before Python starts"
            return Finding("cache", "broken", f"the disk that {folder} is on is full", advice)
        reason = "is read-only" if error.errno == errno.EROFS else f"cannot be written ({error.strerror or error})"
        advice = "make it writable, or set HF_HOME to a folder that is, before Python starts"
        return Finding("cache", "broken", f"{folder} {reason}", advice)
    return Finding("cache", "fine", f"{folder} can be written")


def check_disk(needs: Needs) -> Finding:
    """Whether the model's files fit on the disk that the cache is on."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(find_existing(folder)).free
    is_here = any((folder / f"models--{needs.repository.replace('/', '--')}").glob("snapshots/*/*.safetensors"))
    wanted = 0 if is_here else needs.disk_bytes
    takes = "is here already" if is_here else f"takes {write_bytes(wanted)}" if wanted else "needs none"
    seen = f"{write_bytes(free)} free at {folder}; {needs.model} {takes}"
    if free >= wanted + (_SPARE_BYTES if wanted else 0):
        return Finding("disk", "fine", seen)
    advice = "free some room, set HF_HOME to a larger disk before Python starts, or take a smaller model"
    return Finding("disk", "broken" if free < wanted else "attention", seen, advice)


def find_existing(path: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(one for one in (path, *path.parents) if one.exists())


def check_kept() -> Finding:
    """What the Hub's cache holds of Gemma, and how large all of it is."""
    from huggingface_hub import constants

    sizes = {one.name: _measure(one / "blobs") for one in Path(constants.HF_HUB_CACHE).glob("models--*")}
    total = write_bytes(sum(sizes.values()))
    names = {one.removeprefix("models--").replace("--", "/"): size for one, size in sizes.items()}
    gemma = [f"{name} {write_bytes(size)}" for name, size in sorted(names.items()) if "gemma" in name.lower()]
    listed = f": {', '.join(gemma)}" if gemma else ", none of Gemma"
    return Finding("kept", "fine", f"{len(sizes)} repositories, {total}{listed}" if sizes else "nothing fetched yet")


def _measure(folder: Path) -> int:
    return sum(one.stat().st_size for one in os.scandir(folder) if one.is_file()) if folder.is_dir() else 0
