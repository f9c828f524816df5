"""Directions as safetensors: one vector, with its site, layer, model and origin."""

import hashlib
import json
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gscope_widgets.errors import BadArtefact, InvalidValue, KeptWarning, describe_value, write_bytes
from gscope_widgets.recordings.codec import decode, encode
from gscope_widgets.recordings.container import (
    as_path,
    check_free,
    guess_kind,
    refuse_constant,
    refuse_twins,
    write_whole,
)
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.protocols import Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets.base.keeping import read_call

FORMAT, VERSION = "gscope direction", "1"
_TENSOR = "direction"
_MOST_BYTES = 8_000_000  # of a file: a million numbers, and the header
_MOST_HEADER = 2_000_000
_KEYS = {"format", "version", "site", "layer", "name", "model", "revision", "provenance", "sha256"}
_EXAMPLE = "direction.safetensors"
_ADVICE = "get it again from where it was made"
_WRITES = {"transcoder": "mlp_out", "clt": "mlp_out", "crosscoder": "resid_post"}  # other sites write where they read


def feature_direction(scope: Scope, ref: FeatureRef, *, layer: int | None = None) -> Direction:
    """A feature's decoder row as a direction, with its origin: what `gs.add(ref, ...)` adds, at unit length.

    Args:
        scope: a live one; a replayed one has no decoder rows.
        ref: from `dictionary.feature(number)`.
        layer: of a crosscoder or CLT, where it writes; None for the layer that it reads.

    Raises:
        InvalidValue: no live scope, or the feature does not write there.
        UnknownDictionary, UnknownFeature: there is none.
    """
    scope.describe(ref)
    info = scope.dictionary_info(ref.dictionary_id)
    call = read_call(scope.write_opening(ref.dictionary_id))
    assert call is not None, "a scope writes calls of plain values"
    dictionary: Any = scope.dictionary(*call[1], **call[2])
    if not hasattr(dictionary, "direction"):
        raise InvalidValue(
            f"decoder rows need the dictionary's files, and {scope.info.id} is {scope.power}; use gs.load"
        )
    vector = dictionary.direction(ref.feature, layer=layer)
    at = layer if layer is not None else info.layer if len(info.layers) == 1 else dictionary.source_layer(ref.feature)
    origin = scope.provenance([ref.dictionary_id], features=[str(ref)], layer=at)
    return Direction(_WRITES.get(info.base_site, info.base_site), at, vector, f"decoder row of {ref}", origin)


def save_direction(path: str | os.PathLike[str], direction: Direction, scope: Scope | None = None) -> None:
    """Write a direction as one safetensors file, which appears whole or not at all.

    The tensor is `direction`, float32, [d]; the metadata hold site, layer, name, model and revision, provenance as
    JSON, and a sha256 of it all. Any reader of safetensors opens it.

    Args:
        path: such as "direction.safetensors", in a folder that there is; over no file of another kind.
        direction: from `scope.direction(...)` or `gs.feature_direction(...)`, or of one's own.
        scope: whose model it is of; needed where the direction does not say so itself.

    Raises:
        InvalidValue, DiskFull: its model is not known, or it cannot be written there.
    """
    if not isinstance(direction, Direction):
        raise InvalidValue(
            f"a direction comes from scope.direction(...) or gs.Direction(...), got {describe_value(direction)}"
        )
    origin = direction.provenance
    if origin is None:
        if scope is None:
            raise InvalidValue(
                f"{direction} does not say which model it is of; give the scope: "
                "gs.save_direction(path, direction, scope)"
            )
        origin = scope.provenance()
    if scope is not None:
        _check_fit(direction, origin, scope, name=str(direction))
    place = check_free(as_path(path, example=_EXAMPLE), is_ours=_is_direction, kind="direction")
    told = {
        "format": FORMAT,
        "version": VERSION,
        "site": direction.site,
        "layer": str(direction.layer),
        "name": direction.name,
        "model": origin.model,
        "revision": origin.revision,
        "provenance": json.dumps(encode(origin, Provenance, {}), allow_nan=False, separators=(",", ":")),
    }
    size = direction.vector.nbytes + sum(map(len, told.values()))
    if size - direction.vector.nbytes > _MOST_HEADER // 2:
        told["provenance"] = json.dumps(encode(replace(origin, settings={}), Provenance, {}), separators=(",", ":"))
    told["sha256"] = _sum(told, direction.vector)
    vector = {_TENSOR: np.ascontiguousarray(direction.vector)}
    write_whole(place, lambda unfinished: save_file(vector, unfinished, metadata=told), size=size)


def load_direction(path: str | os.PathLike[str], scope: Scope | None = None) -> Direction:
    """A direction that `gs.save_direction` wrote; `gs.add` takes it.

    Args:
        path: at most 8 MB.
        scope: for which it is wanted: another model is refused, another revision told (`KeptWarning`).

    Raises:
        InvalidValue: no such file, or of another model.
        BadArtefact: no direction, too large, cut short, changed, of another shape or dtype, or not of finite numbers.
    """
    place = as_path(path, example=_EXAMPLE)
    if not place.is_file():
        raise InvalidValue(f"there is no file {place}; gs.save_direction({str(path)!r}, direction) makes one")
    _check_sizes(place)
    try:
        with safe_open(place, framework="numpy") as file:
            told, names = file.metadata() or {}, list(file.keys())
            _check_told(place, told, names)
            dtype, shape = file.get_slice(_TENSOR).get_dtype(), file.get_slice(_TENSOR).get_shape()
            if dtype != "F32" or len(shape) != 1:
                raise BadArtefact(f"{place} holds {dtype} numbers of shape {shape}, a direction is F32, [d]; {_ADVICE}")
            vector = file.get_tensor(_TENSOR)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, BadArtefact):
            raise
        raise BadArtefact(f"{place} is cut short or damaged ({error}); {_ADVICE}") from None
    if _sum({name: told[name] for name in sorted(_KEYS - {"sha256"})}, vector) != told["sha256"]:
        raise BadArtefact(f"{place} was changed after it was made: its contents are not those its sum names; {_ADVICE}")
    try:
        origin = decode(
            json.loads(told["provenance"], parse_constant=refuse_constant, object_pairs_hook=refuse_twins),
            Provenance,
            {},
        )
        direction = Direction(told["site"], int(told["layer"]), vector, told["name"], origin)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadArtefact(f"{place} is no direction ({error}); {_ADVICE}") from None
    if (origin.model, origin.revision) != (told["model"], told["revision"]):
        raise BadArtefact(f"{place} names two models, {told['model']!r} and {origin.model!r}; {_ADVICE}")
    if scope is not None:
        _check_fit(direction, origin, scope, name=str(place))
    return direction


def _check_fit(direction: Direction, origin: Provenance, scope: Scope, *, name: str) -> None:
    """Refuse a direction of another model, and tell of another revision."""
    info = scope.info
    if origin.model != info.id:
        raise InvalidValue(
            f"{name} is of {describe_value(origin.model)}, the scope given is of {info.id}; use one of the same model"
        )
    size = info.d_attention if direction.site == "attn_out" else info.d_model
    if direction.layer >= info.layers or len(direction.vector) != size:
        raise InvalidValue(
            f"{name} has {len(direction.vector)} numbers at layer {direction.layer}; {direction.site} of {info.id} has "
            f"{size}, at layers 0 to {info.layers - 1}"
        )
    if origin.revision != info.revision:
        told = (
            f"{name} is of revision {origin.revision or 'unknown'} of {info.id}, this is {info.revision or 'unknown'}"
        )
        warnings.warn(f"{told}: what it means may have moved", KeptWarning, stacklevel=3)


def _check_sizes(place: Path) -> None:
    size = place.stat().st_size
    if size > _MOST_BYTES:
        raise BadArtefact(
            f"{place} has {write_bytes(size)}, a direction at most {write_bytes(_MOST_BYTES)}; it is not read"
        )
    with place.open("rb") as file:
        start = file.read(128)
    length = int.from_bytes(start[:8], "little")
    if size < 8 or not 2 <= length <= _MOST_HEADER:
        raise BadArtefact(f"{place} ({size} bytes) is {guess_kind(start)}, not a direction; {_ADVICE}")
    if length > size - 8:
        raise BadArtefact(f"{place} is cut short: {size} bytes, its header alone has {length}; {_ADVICE}")


def _check_told(place: Path, told: dict[str, str], names: list[str]) -> None:
    if told.get("format") != FORMAT:
        raise BadArtefact(
            f"{place} holds tensors and is not a direction of gs.save_direction; read it and make a gs.Direction of it"
        )
    version = told.get("version", "")
    if version.isdecimal() and int(version[:9]) > int(VERSION):
        raise BadArtefact(
            f"{place} is a direction of version {version[:9]}, this package reads version {VERSION}; "
            "run: pip install --upgrade gscope-widgets"
        )
    if version != VERSION or set(told) != _KEYS or names != [_TENSOR]:
        raise BadArtefact(f"{place} is not as it was made: its head has other parts; {_ADVICE}")


def _sum(told: dict[str, str], vector: np.ndarray) -> str:
    head = json.dumps({name: told[name] for name in sorted(told)}, separators=(",", ":"))
    return hashlib.sha256(head.encode() + vector.astype("<f4").tobytes()).hexdigest()


def _is_direction(place: Path) -> bool:
    try:
        with safe_open(place, framework="numpy") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (SafetensorError, OSError):
        return False
