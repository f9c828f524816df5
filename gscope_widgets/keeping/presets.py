"""The file of presets: one JSON object, small enough to read and to edit by hand."""

import json
import os
import warnings
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np

from gscope_widgets.errors import BadArtefact, GscopeError, InvalidValue, KeptWarning, describe_value, write_bytes
from gscope_widgets.keeping.opening import open_dictionary
from gscope_widgets.recordings.container import as_path, check_free, guess_kind, refuse_constant, write_whole
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.kept import KeptDictionary
from gscope_widgets.records.protocols import Scope
from gscope_widgets.widgets.base.changes import Presets, list_directions, list_refs, tell_directions, tell_presets
from gscope_widgets.widgets.base.contract import build_schema, require
from gscope_widgets.widgets.base.keeping import list_dictionaries
from gscope_widgets.widgets.base.wire import ChangeState, OwnDirection, PresetState

FORMAT, VERSION = "gscope presets", 1
MOST_BYTES = 5_000_000
_START = f'{{"format": "{FORMAT}",'.encode()
_ADVICE = "get it again from where it was made, or write it again with widget.save_presets"
_EXAMPLE = "presets.json"


class PresetDictionary(TypedDict):
    """A dictionary whose features are changed, and how it is opened."""

    dictionary_id: str
    revision: str  # "": unknown
    wishes: dict[str, Any]  # keywords of `scope.dictionary`


class PresetFile(TypedDict):
    """All that the file holds."""

    format: Literal["gscope presets"]
    version: int
    model: str
    revision: str
    presets: list[PresetState]
    dictionaries: list[PresetDictionary]
    directions: list[OwnDirection]


def write_presets(path: str | os.PathLike[str], presets: Presets, scope: Scope) -> None:
    """See `save_presets` of a widget; `scope` is whose features and directions they change."""
    if not presets:
        raise InvalidValue("there are no presets to write; set widget.presets, or name changes in the page")
    changes = [one for made in presets.values() for one in made]
    homes = list_dictionaries(scope, [ref.dictionary_id for ref in list_refs(changes)])
    for home in homes:
        if home.wishes is None:
            raise InvalidValue(
                f"{home.dictionary_id} lies in a folder of this machine, which a file does not name: the presets could "
                "not be loaded elsewhere; share widget.to_code() instead"
            )
    content: PresetFile = {
        "format": FORMAT,  # type: ignore[typeddict-item]  # the same words
        "version": VERSION,
        "model": scope.info.id,
        "revision": scope.info.revision,
        "presets": tell_presets(presets),
        "dictionaries": [
            {"dictionary_id": one.dictionary_id, "revision": one.revision, "wishes": one.wishes or {}} for one in homes
        ],
        "directions": tell_directions(list_directions(changes)),
    }
    place = check_free(as_path(path, example=_EXAMPLE), is_ours=_is_presets, kind="file of presets")
    text = f"{json.dumps(content, allow_nan=False)}\n".encode()
    if len(text) > MOST_BYTES:
        raise InvalidValue(
            f"a file of presets has at most {write_bytes(MOST_BYTES)}, this one {write_bytes(len(text))}; "
            "write fewer directions"
        )
    write_whole(place, lambda unfinished: unfinished.write_bytes(text), size=len(text))


def open_presets(path: str | os.PathLike[str], scope: Scope) -> dict[str, list[dict[str, Any]]]:
    """Changes by name, as a widget reads them, their dictionaries open. See `load_presets` of a widget."""
    place = as_path(path, example=_EXAMPLE)
    content = _read(place)
    info = scope.info
    if content["model"] != info.id:
        raise InvalidValue(
            f"{place} holds presets for {describe_value(content['model'])}, this widget is of {info.id}: its features "
            "mean something else; make presets on this model"
        )
    if content["revision"] != info.revision:
        told = f"{place} is of revision {content['revision'] or 'unknown'} of {info.id}"
        now = f"this is {info.revision or 'unknown'}: what its features do may have moved"
        warnings.warn(f"{told}, {now}", KeptWarning, stacklevel=3)
    homes = {one["dictionary_id"]: one for one in content["dictionaries"]}
    for made in content["presets"]:
        for change in made["changes"]:
            _open_home(change, homes, scope, place)
    directions = {one["id"]: _build_direction(one) for one in content["directions"]}

    def find(ref: Any) -> Any:
        return directions.get(ref, ref) if isinstance(ref, str) else ref

    return {
        made["name"]: [{**change, "ref": find(change["ref"])} for change in made["changes"]]
        for made in content["presets"]
    }


def _build_direction(told: OwnDirection) -> Direction:
    return Direction(told["site"], told["layer"], np.array(told["vector"], np.float32), told["name"])


def _open_home(change: ChangeState, homes: dict[str, PresetDictionary], scope: Scope, place: Path) -> None:
    """Open the dictionary of a feature that is changed, where it is not open."""
    ref = change["ref"]
    if isinstance(ref, int):
        raise BadArtefact(f"{place} changes feature {ref} of no dictionary; {_ADVICE}")
    if isinstance(ref, str):
        return
    try:
        scope.describe(FeatureRef(ref["dictionary_id"], ref["feature"]))
        return
    except GscopeError:
        home = homes.get(ref["dictionary_id"])
        if home is None:
            raise
    kept = KeptDictionary(home["dictionary_id"], home["revision"], home["wishes"])
    advice = "open it first: scope.dictionary(path=...)"
    open_dictionary(kept, scope, is_trusted=False, name=str(place), advice=advice)


def _read(place: Path) -> PresetFile:
    if not place.is_file():
        raise InvalidValue(f"there is no file {place}; widget.save_presets({str(place)!r}) makes one")
    size = place.stat().st_size
    if size > MOST_BYTES:
        raise BadArtefact(
            f"{place} has {write_bytes(size)}, a file of presets at most {write_bytes(MOST_BYTES)}; it is not read"
        )
    data = place.read_bytes()
    try:
        content = json.loads(data.decode(), parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        kind = "cut short or damaged" if data.startswith(_START) else f"{guess_kind(data[:128])}, not a file of presets"
        raise BadArtefact(f"{place} is {kind} ({error}); {_ADVICE}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BadArtefact(f"{place} is JSON of another kind, not a file of presets; {_ADVICE}")
    version = content.get("version")
    if type(version) is int and version > VERSION:
        raise BadArtefact(
            f"{place} is of version {describe_value(version)}, this package reads version {VERSION}; "
            "run: pip install --upgrade gscope-widgets"
        )
    try:
        require(build_schema(PresetFile), content, name=str(place))
    except InvalidValue as error:
        raise BadArtefact(f"{error}; {_ADVICE}") from None
    found: PresetFile = content  # type: ignore[assignment]  # as just checked
    return found


def _is_presets(place: Path) -> bool:
    try:
        with place.open("rb") as file:
            return file.read(len(_START)) == _START
    except OSError:
        return False
