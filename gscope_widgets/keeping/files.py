"""The file of a view: one JSON object, with the digest of its contents."""

import hashlib
import json
import os
from pathlib import Path

from gscope_widgets.errors import BadArtefact, InvalidValue, describe_value, write_bytes
from gscope_widgets.recordings.codec import decode, encode
from gscope_widgets.recordings.container import (
    as_path,
    check_free,
    guess_kind,
    refuse_constant,
    refuse_twins,
    write_whole,
)
from gscope_widgets.records.kept import KeptView

FORMAT, VERSION = "gscope view", 1
MOST_BYTES = 20_000_000
_START = f'{{"format":"{FORMAT}",'.encode()
_ADVICE = "get it again from where it was made, or keep the widget again"


def write_view(path: str | os.PathLike[str], view: KeptView) -> None:
    """Write a view, from `widget.pin` or `widget.findings`, to a file that `gs.open` and `gs.read_view` take.

    The file appears whole or not at all; one that was there before stays until then.

    Raises:
        InvalidValue, DiskFull: it is too large, or cannot be written there.
    """
    unnamed = [one.dictionary_id for one in view.dictionaries if one.wishes is None]
    if unnamed:
        raise InvalidValue(
            f"{unnamed[0]} lies in a folder of this machine, which a file does not name: the view could not be opened "
            "again; keep widget.to_code() instead"
        )
    place = check_free(as_path(path, example="finding.json"), is_ours=_is_view, kind="kept view")
    content = _write_content(encode(view, KeptView, {}))
    told = {"format": FORMAT, "version": VERSION, "sha256": hashlib.sha256(content.encode()).hexdigest()}
    text = f'{json.dumps(told, separators=(",", ":"))[:-1]},"view":{content}}}\n'.encode()
    if len(text) > MOST_BYTES:
        raise InvalidValue(
            f"a kept view has at most {write_bytes(MOST_BYTES)}, this one {write_bytes(len(text))}: give a shorter text"
        )
    write_whole(place, lambda unfinished: unfinished.write_bytes(text), size=len(text))


def read_view(path: str | os.PathLike[str]) -> KeptView:
    """The view that a file of `widget.save` or `gs.write_view` holds; no model is loaded.

    Raises:
        InvalidValue: there is no such file.
        BadArtefact: it is no view, too large, cut short, changed, or of a newer version.
    """
    place = as_path(path, example="finding.json")
    if not place.is_file():
        raise InvalidValue(f"there is no file {place}; widget.save({str(path)!r}) makes one")
    size = place.stat().st_size
    if size > MOST_BYTES:
        raise BadArtefact(
            f"{place} has {write_bytes(size)}, a kept view at most {write_bytes(MOST_BYTES)}; it is not read"
        )
    data = place.read_bytes()
    if not data.startswith(_START):
        raise BadArtefact(f"{place} ({size} bytes) is {guess_kind(data[:128])}, not a kept view; {_ADVICE}")
    try:
        told = json.loads(data.decode(), parse_constant=refuse_constant, object_pairs_hook=refuse_twins)
    except (ValueError, RecursionError) as error:
        raise BadArtefact(f"{place} is cut short or damaged ({error}); {_ADVICE}") from None
    version = told.get("version")
    if type(version) is int and version > VERSION:
        raise BadArtefact(
            f"{place} is of version {describe_value(version)}, this package reads version {VERSION}; "
            "run: pip install --upgrade gscope-widgets"
        )
    if set(told) != {"format", "version", "sha256", "view"} or version != VERSION:
        raise BadArtefact(f"{place} is not as it was made: its head has other parts; {_ADVICE}")
    if hashlib.sha256(_write_content(told["view"]).encode()).hexdigest() != told["sha256"]:
        raise BadArtefact(f"{place} was changed after it was made: its contents are not those its sum names; {_ADVICE}")
    try:
        view: KeptView = decode(told["view"], KeptView, {})
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadArtefact(f"{place} is not as it was made ({error}); {_ADVICE}") from None
    return view


def read_views(folder: str | os.PathLike[str]) -> tuple[KeptView, ...]:
    """The views in a folder, the oldest first; files of other kinds are left out.

    Raises:
        InvalidValue: there is no such folder.
        BadArtefact: a view there is damaged; the message names it.
    """
    place = as_path(folder, example="findings")
    if not place.is_dir():
        raise InvalidValue(f"there is no folder {place}; gs.open takes one file")
    return tuple(sorted((read_view(one) for one in sorted(place.iterdir()) if _is_view(one)), key=lambda one: one.time))


def _write_content(content: object) -> str:
    try:
        return json.dumps(content, allow_nan=False, separators=(",", ":"), sort_keys=True)
    except RecursionError:
        raise BadArtefact(f"data are nested too deep; {_ADVICE}") from None


def _is_view(place: Path) -> bool:
    try:
        with place.open("rb") as file:
            return file.read(len(_START)) == _START
    except OSError:
        return False
