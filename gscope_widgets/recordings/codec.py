"""Records as JSON and arrays, and back, by the types of their fields.

Only the classes of `RECORDS` are made, by their constructors, of exactly their fields; nothing else of what a file
says becomes an object. Arrays stand apart, each named by its own digest.
"""

import hashlib
import math
import operator
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from gscope_widgets.errors import GscopeError, InvalidValue, describe_value
from gscope_widgets.recordings.contents import (
    Choice,
    Contents,
    RecordedAnswer,
    RecordedDictionary,
    RecordedRow,
    RecordedText,
)
from gscope_widgets.records.attention import AttentionReading
from gscope_widgets.records.circuit_effects import CircuitEffect
from gscope_widgets.records.circuit_faults import find_fault
from gscope_widgets.records.circuits import AttributionGraph, GraphScores, GraphTarget, NodeGroup
from gscope_widgets.records.claims import ClaimScore, ClaimText, ShuffledScore
from gscope_widgets.records.comparisons import ComparedText, Comparison
from gscope_widgets.records.contrasts import TextContrast
from gscope_widgets.records.dashboards import (
    ActivationBand,
    ActivationHistogram,
    ConceptTruth,
    FeatureDashboard,
    FeatureExample,
    FeatureNeighbour,
    Rival,
    TokenEffect,
)
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.doses import DosePoint, DoseResponse, DoseSample
from gscope_widgets.records.edge_heads import EdgeHeads
from gscope_widgets.records.estimates import Estimate
from gscope_widgets.records.features import FeatureLabel, FeatureRef, FeatureSummary
from gscope_widgets.records.fidelity import DeltaLoss
from gscope_widgets.records.generation import ControlDistribution, GeneratedToken, TokenChance, TokenDistribution, Trace
from gscope_widgets.records.hits import FeatureHit, FeatureHits, ShuffledNull
from gscope_widgets.records.interventions import Intervention
from gscope_widgets.records.kept import KeptColumn, KeptDictionary, KeptScope, KeptView
from gscope_widgets.records.lens import LensReading, TokenPath
from gscope_widgets.records.matches import DictionaryComparison, DictionaryPair, FeatureMatch, MatchedFeature
from gscope_widgets.records.measures import Measure
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.spans import WriteSpans
from gscope_widgets.records.tokens import Tokens, Turn

Json = Any  # what `json` reads and writes
Arrays = dict[str, np.ndarray]  # by the name that `name_array` gives

# All that is ever made of what a file says.
RECORDS: tuple[type, ...] = (
    *(
        ActivationBand,
        ActivationHistogram,
        AttentionReading,
        ClaimScore,
        ClaimText,
        ComparedText,
        Comparison,
        ConceptTruth,
    ),
    *(AttributionGraph, CircuitEffect, ControlDistribution, DeltaLoss, EdgeHeads, GraphScores, GraphTarget, NodeGroup),
    *(DictionaryComparison, DictionaryInfo, DictionaryPair, Direction, DosePoint, DoseResponse, DoseSample, Estimate),
    *(FeatureDashboard, FeatureExample, FeatureHit, FeatureHits, FeatureLabel, FeatureMatch, FeatureNeighbour),
    *(FeatureReading, FeatureRef, FeatureSummary, GeneratedToken, Intervention, LensReading, MatchedFeature, Measure),
    *(ModelInfo, Provenance, Rival, ShuffledNull, ShuffledScore, TextContrast, TokenChance, TokenDistribution),
    *(TokenEffect, TokenPath, Tokens, Trace, Turn, WriteSpans),
    *(Choice, Contents, RecordedAnswer, RecordedDictionary, RecordedRow, RecordedText),
    *(KeptColumn, KeptDictionary, KeptScope, KeptView),
)
# Dtype and axes of every array. An axis named as a field has its length; one name within a record is one length.
_ARRAYS: dict[type, dict[str, tuple[str, str]]] = {
    ActivationHistogram: {"edges": ("float32", "edges"), "counts": ("int64", "counts")},
    AttentionReading: {
        **dict.fromkeys(("patterns", "effects"), ("float32", "heads tokens tokens")),
        "sizes": ("float32", "heads tokens"),
        "scales": ("float32", "tokens"),
        "targets": ("int32", "tokens"),
        "scores": ("float32", "windows heads scores"),
    },
    AttributionGraph: {
        **dict.fromkeys(("kinds", "node_layers", "positions", "numbers"), ("int32", "nodes")),
        "activations": ("float32", "nodes"),
        "weights": ("float32", "rows nodes"),
        **dict.fromkeys(("values", "remainder", "left_out"), ("float32", "rows")),
        "target_weights": ("float32", "targets"),
    },
    CircuitEffect: {
        **dict.fromkeys(("baseline", "predicted", "frozen", "free"), ("float32", "targets")),
        "random": ("float32", "controls targets"),
    },
    ComparedText: {"baseline_logprobs": ("float32", "tokens"), "kl": ("float32", "tokens")},
    Direction: {"vector": ("float32", "d")},
    DoseSample: {"baseline_logprobs": ("float32", "generated")},
    EdgeHeads: {"weights": ("float32", "layers heads")},
    FeatureExample: {"activations": ("float32", "tokens")},
    FeatureReading: {
        **dict.fromkeys(("positions", "features"), ("int32", "firings")),
        "activations": ("float32", "firings"),
        "l0": ("int32", "tokens"),
        **dict.fromkeys(("error_norm", "norm", "fvu"), ("float32", "tokens")),
    },
    LensReading: {
        "ids": ("int32", "layers tokens k"),
        **dict.fromkeys(("probabilities", "logits"), ("float32", "layers tokens k")),
        "entropy": ("float32", "layers tokens"),
    },
    RecordedRow: {"read": ("float32", "features pos")},
    TextContrast: {"pairs": ("int32", "rows 2")},
    TokenPath: {"probabilities": ("float32", "layers pos"), "ranks": ("int32", "layers pos")},
    Trace: {"activations": ("float32", "features pos")},
    WriteSpans: {"norms": ("float32", "refs layers"), "scales": ("float32", "layers")},
}
_STRICT: dict[type, str] = {str: "a text", int: "a whole number", bool: "true or false", float: "a number"}
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # which JSON has no numbers for
_MOST_LAYERS = 10_000  # of a model: lists of all layers are made
_DEPTH = 50  # of plain data within one another


class Malformed(ValueError):
    """What stands there is no record of the kind that is wanted; the message says in what."""


def encode(value: object, kind: Any, arrays: Arrays) -> Json:
    """A value of a type as JSON; its arrays are copied into `arrays`.

    Raises:
        InvalidValue: it holds what is kept in no file, such as a function.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if kind is np.ndarray:
        return _encode_array(value, arrays)
    if kind in RECORDS:
        hints = _find_hints(kind)
        return {name: encode(getattr(value, name), hint, arrays) for name, hint in hints.items()}
    if origin in (Union, types.UnionType):
        return _encode_one_of(value, parts, arrays)
    if origin is tuple:
        items: Any = value
        return [encode(item, _nth(parts, at), arrays) for at, item in enumerate(items)]
    if origin is dict:
        entries: Any = value
        return [[encode(key, parts[0], arrays), encode(item, parts[1], arrays)] for key, item in entries.items()]
    if kind is slice:
        assert isinstance(value, slice)
        return [value.start, value.stop, value.step]
    if kind is object:
        return encode_plain(value)
    if kind in _STRICT:
        return _encode_plain_item(value, kind)
    assert origin is Literal, f"no rule for {kind}"
    return value


def decode(content: Json, kind: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The value that `encode` made JSON of; its arrays are those of `arrays` themselves.

    Raises:
        Malformed: it is none of that type.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if kind is np.ndarray:
        if not isinstance(content, str) or content not in arrays:
            raise Malformed(f"there is no array {describe_value(content)}")
        return arrays[content]
    if kind in RECORDS:
        return _decode_record(content, kind, arrays)
    if origin in (Union, types.UnionType):
        return _decode_one_of(content, parts, arrays)
    if origin is tuple:
        items = _require(content, list)
        if parts[-1] is not Ellipsis and len(items) != len(parts):
            raise Malformed(f"a list of {len(parts)} was wanted, it has {len(items)}")
        return tuple(decode(item, _nth(parts, at), arrays) for at, item in enumerate(items))
    if origin is dict:
        pairs = [_require(pair, list) for pair in _require(content, list)]
        if any(len(pair) != 2 for pair in pairs):
            raise Malformed("a pair was wanted")
        made = {decode(key, parts[0], arrays): decode(item, parts[1], arrays) for key, item in pairs}
        if len(made) < len(pairs):
            raise Malformed("two entries have one name")
        return made
    if kind is slice:
        bounds = _require(content, list)
        if len(bounds) != 3 or not all(one is None or type(one) is int for one in bounds):
            raise Malformed(f"three bounds were wanted, got {describe_value(content)}")
        return slice(*bounds)
    if kind is object:
        return decode_plain(content)
    if kind is float and isinstance(content, str) and content in _NOT_FINITE:
        return _NOT_FINITE[content]
    if kind is float and type(content) is int:
        return float(content)
    if kind in _STRICT:
        return _require(content, kind)
    assert origin is Literal, f"no rule for {kind}"
    if not any(content is one or (type(content) is type(one) and content == one) for one in parts):
        raise Malformed(f"one of {', '.join(map(repr, parts))} was wanted, got {describe_value(content)}")
    return content


def name_array(array: np.ndarray) -> str:
    """The name of an array in a file: sha256, in hex, of its dtype, its shape and its bytes."""
    digest = hashlib.sha256(f"{array.dtype.name} {list(array.shape)}\n".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


# ---- plain data


def encode_plain(value: object, depth: int = 0) -> Json:
    """Data of the kinds that JSON has, tuples as lists.

    Raises:
        InvalidValue: it holds anything else.
    """
    if depth > _DEPTH:
        raise InvalidValue("data nested this deep are not recorded")
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [encode_plain(item, depth + 1) for item in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: encode_plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, (int, np.integer)):
        return operator.index(value)
    if isinstance(value, (float, np.floating)) and math.isfinite(value):
        return float(value)
    raise InvalidValue(f"{describe_value(value)} is of no kind that is recorded")


def decode_plain(content: Json, depth: int = 0) -> Json:
    """The same data, as they were read."""
    if depth > _DEPTH:
        raise Malformed("data are nested too deep")
    if isinstance(content, list):
        return [decode_plain(item, depth + 1) for item in content]
    if isinstance(content, dict):
        return {name: decode_plain(item, depth + 1) for name, item in content.items()}
    return content


# ---- records


@cache
def _find_hints(kind: type) -> dict[str, Any]:
    """The types of the fields that a constructor takes and a recording has."""
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind) if one.init and one.metadata.get("recorded", True)}


def _decode_record(content: Json, kind: type, arrays: Mapping[str, np.ndarray]) -> Any:
    given, hints = _require(content, dict), _find_hints(kind)
    for name in hints.keys() ^ given.keys():
        missing = "lacks" if name in hints else "has an unknown"
        raise Malformed(f"{kind.__name__} {missing} {describe_value(name)}")
    values = {name: decode(given[name], hint, arrays) for name, hint in hints.items()}
    _check_arrays(kind, values)
    for check in _CHECKS.get(kind, ()):
        if not check(values):
            raise Malformed(f"the parts of a {kind.__name__} do not go together")
    try:
        return kind(**values)
    except GscopeError as error:
        raise Malformed(str(error)) from None


def _check_arrays(kind: type, values: Mapping[str, Any]) -> None:
    lengths = {name: len(value) for name, value in values.items() if isinstance(value, (tuple, Tokens))}
    for name, (dtype, axes) in _ARRAYS.get(kind, {}).items():
        array, wanted = values[name], axes.split()
        found = [lengths.setdefault(axis, size) for axis, size in zip(wanted, array.shape, strict=False)]
        sizes = [int(axis) if axis.isdigit() else size for axis, size in zip(wanted, found, strict=False)]
        if array.dtype.name != dtype or array.ndim != len(wanted) or list(array.shape) != sizes:
            raise Malformed(
                f"{kind.__name__}.{name} is to be {dtype}, [{', '.join(wanted)}], "
                f"it is {array.dtype.name}, {list(array.shape)}"
            )


def _is_within(array: np.ndarray, low: int, high: int) -> bool:
    return not array.size or (int(array.min()) >= low and int(array.max()) < high)


# What the parts of a record must have to do with one another for its methods to work.
_CHECKS: dict[type, Sequence[Callable[[Mapping[str, Any]], bool]]] = {
    AttributionGraph: [lambda one: not find_fault(AttributionGraph(**one))],
    ActivationHistogram: [lambda one: len(one["edges"]) == len(one["counts"]) + 1],
    Contents: [lambda one: min([one["text_limit"], *one["left_out"].values()]) >= 0],
    FeatureExample: [lambda one: 0 <= one["peak"] < len(one["tokens"])],
    FeatureReading: [
        lambda one: one["dictionary_info"].d_dict is not None,
        lambda one: _is_within(one["positions"], 0, len(one["tokens"])),
        lambda one: _is_within(one["features"], 0, one["dictionary_info"].d_dict),
    ],
    DictionaryInfo: [
        lambda one: len(one["layers"]) > 0 and min(one["layers"]) >= 0,
        lambda one: one["d_dict"] is None or one["d_dict"] > 0,
    ],
    ModelInfo: [
        lambda one: 0 < one["layers"] <= _MOST_LAYERS,
        lambda one: min(one[name] for name in ("d_model", "vocabulary", "context")) > 0,
    ],
    LensReading: [lambda one: set(np.unique(one["ids"]).tolist()) <= set(one["names"])],
    TextContrast: [
        lambda one: all(
            _is_within(one["pairs"][:, at], -1, len(one[side].tokens)) for at, side in enumerate(("first", "second"))
        )
    ],
    WriteSpans: [
        lambda one: len(one["source_layers"]) == len(one["refs"]) > 0 and set(one["source_layers"]) <= {*one["layers"]},
        lambda one: bool(np.isfinite(one["norms"]).all() and np.isfinite(one["scales"]).all()),
    ],
    Tokens: [
        lambda one: len(one["ids"]) == len(one["strings"]) == len(one["byte_spans"]),
        lambda one: all(0 <= pos < len(one["ids"]) for pos in one["ignored"]),
        lambda one: all(0 <= first <= last < len(one["ids"]) for first, last, _ in one["glyphs"]),
    ],
}


# ---- parts


def _encode_array(value: object, arrays: Arrays) -> str:
    assert isinstance(value, np.ndarray)
    kept = np.array(value, dtype=value.dtype.newbyteorder("="), order="C")
    kept.flags.writeable = False
    name = name_array(kept)
    arrays.setdefault(name, kept)
    return name


def _encode_one_of(value: object, kinds: Sequence[Any], arrays: Arrays) -> Json:
    """None as itself; of several other kinds, the name of the one and the value."""
    if value is None and types.NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not types.NoneType]
    if len(others) == 1:
        return encode(value, others[0], arrays)
    for kind in others:
        if _fits(value, kind):
            return [_name_kind(kind), encode(value, kind, arrays)]
    raise InvalidValue(f"{describe_value(value)} is of no kind that is recorded")


def _decode_one_of(content: Json, kinds: Sequence[Any], arrays: Mapping[str, np.ndarray]) -> Any:
    if content is None and types.NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not types.NoneType]
    if len(others) == 1:
        return decode(content, others[0], arrays)
    tagged = _require(content, list)
    kind = next((one for one in others if tagged[:1] == [_name_kind(one)]), None)
    if kind is None or get_origin(kind) is Callable or len(tagged) != 2:
        raise Malformed(f"{describe_value(content)} is of no kind that stands there")
    return decode(tagged[1], kind, arrays)


def _fits(value: object, kind: Any) -> bool:
    origin = get_origin(kind)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in get_args(kind))
    if origin is tuple:
        return isinstance(value, tuple)
    return origin is None and type(value) is kind


def _name_kind(kind: Any) -> str:
    origin = get_origin(kind)
    return str(getattr(origin or kind, "__name__", origin or kind))


def _encode_plain_item(value: Any, kind: type) -> Json:
    if kind is float:
        number = float(value)
        return number if math.isfinite(number) else str(number)
    return operator.index(value) if kind is int else kind(value)


def _require(content: Json, kind: Any) -> Any:
    if type(content) is not kind:
        wanted = _STRICT.get(kind, {list: "a list", dict: "an object"}.get(kind, "another kind"))
        raise Malformed(f"{wanted} was wanted, got {describe_value(content)}")
    return content


def _nth(parts: Sequence[Any], at: int) -> Any:
    return parts[0] if parts[-1] is Ellipsis else parts[at]
