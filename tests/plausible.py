"""Values that nearly fit: what is valid, changed in a place or two, and what fits a schema and nothing else."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.interventions import match_random

Json = Any

# Where checks are known to go wrong: at the ends of ranges, between types, in text that no encoding takes.
ODD = (
    *(None, True, False, 0, -1, 1, 2, 7, 256, 1024, 10**6, 2**31, -(2**31), 2**53 + 1, 2**63, 2**64, -(2**63) - 1),
    *(
        10**400,
        -(10**400),
        0.0,
        -0.0,
        0.5,
        1.0,
        -1.5,
        1e-320,
        1e30,
        -1e30,
        1e308,
        float("inf"),
        -float("inf"),
        float("nan"),
    ),
    *(
        "",
        " ",
        "0",
        "7",
        "-1",
        "1.0",
        "nan",
        "True",
        "None",
        "x",
        "\x00",
        "\ud800",
        "\u202e",
        "\n",
        "<b>",
        "😀",
        "{x}",
        "%s",
    ),
    *("a" * 61, "a" * 2001, "word " * 3000, "0_0_0", "-1_-1_-1", "1_2", "constructor", "__class__", "[", "("),
    *([], [[]], [None], [0], [""], [[], []], {}, {"": None}, {"a": {}}, [{}], [[[[[0]]]]], [0] * 300, [float("nan")]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_HUGE = 300  # times as long


def list_parts(value: Json) -> list[Json]:
    """A value and everything within it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [value, *(part for one in inner for part in list_parts(one))]


def _list_places(value: Json) -> list[tuple[Any, ...]]:
    """The way to everything within a value, the value itself first."""
    if isinstance(value, dict):
        steps = list(value.items())
    else:
        steps = list(enumerate(value)) if isinstance(value, (list, tuple)) else []
    return [(), *((step, *place) for step, one in steps for place in _list_places(one))]


def _change(value: Json, place: tuple[Any, ...], new: Json) -> Json:
    """A copy with something else in one place."""
    if not place:
        return new
    step, *rest = place
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[step] = _change(value[step], tuple(rest), new)
    return changed


def _find(value: Json, place: tuple[Any, ...]) -> Json:
    for step in place:
        value = value[step]
    return value


def _list_near(value: Json) -> list[Json]:
    """What differs from a value by one slip: an item less, twice or nested, another type, sign, size or length."""
    near: list[Json] = [None, [value], [value, value], {"value": value}, str(value), [[value]]]
    if isinstance(value, bool):
        return [*near, not value, int(value)]
    if isinstance(value, (int, float)):
        return [
            *near,
            -value,
            value + 1,
            value - 1,
            value * 10**6,
            value + 0.5 if abs(value) < 1e300 else 0.5,
            value == value,
        ]
    if isinstance(value, str):
        return [*near, value + "x", value[:-1], value.upper(), f" {value} ", value * _HUGE, list(value), value[::-1]]
    if isinstance(value, (list, tuple)):
        items = list(value)
        near += [
            items[1:],
            items[:-1],
            items + items[:1],
            items[::-1],
            items * 2,
            [*items, None],
            {str(at): one for at, one in enumerate(items)},
        ]
        return [*near, items * _HUGE if len(items) < 20 else items]
    if isinstance(value, dict):
        near += [{name: one for name, one in value.items() if name != left_out} for left_out in value]
        return [
            *near,
            {**value, "more": 1},
            list(value.values()),
            list(value),
            {name.upper(): one for name, one in value.items()},
        ]
    return near


@st.composite
def nearly(draw: st.DrawFn, valid: list[Json], others: list[Json]) -> Json:
    """One of the valid values, with up to three slips in it.

    Args:
        others: what may stand in place of a part: values of other settings, and parts of them.
    """
    value = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(_list_places(value)))
        part = _find(value, place)
        new = draw(st.sampled_from(_list_near(part)) | st.sampled_from(others) | st.sampled_from(ODD) | JSON)
        value = _change(value, place, new)
        if len(list_parts(value)) > 3000:
            break
    return value


def fitting(schema: dict[str, Any], others: list[Json]) -> st.SearchStrategy[Json]:
    """What fits a schema, and need mean nothing."""
    if not schema:
        return st.sampled_from(others) | JSON
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([fitting(one, others) for one in schema["anyOf"]])
    kind = schema["type"]
    if kind in ("integer", "number"):
        return _fit_number(kind, schema.get("minimum"), schema.get("maximum"), others)
    if kind == "string":
        longest = schema.get("maxLength")
        known = [one for one in [*others, *ODD] if isinstance(one, str) and (longest is None or len(one) <= longest)]
        return st.text(max_size=8) | st.sampled_from(known)
    if kind == "array":
        return st.lists(fitting(schema["items"], others), max_size=4)
    if kind == "object":
        required = set(schema.get("required", ()))
        fields = {name: fitting(one, others) for name, one in schema.get("properties", {}).items()}
        if "additionalProperties" in schema:
            names = st.sampled_from([one for one in [*others, "x", ""] if isinstance(one, str)])
            return st.dictionaries(names, fitting(schema["additionalProperties"], others), max_size=3)
        given = {name: one for name, one in fields.items() if name in required}
        return st.fixed_dictionaries(
            given, optional={name: one for name, one in fields.items() if name not in required}
        )
    return {"boolean": st.booleans(), "null": st.none()}[kind]


def _fit_number(kind: str, low: Any, high: Any, others: list[Json]) -> st.SearchStrategy[Json]:
    known = [
        one
        for one in [*others, *ODD, low, high]
        if type(one) in (int, float) and (kind == "number" or type(one) is int)
        if (low is None or one >= low) and (high is None or one <= high)
    ]
    whole = st.integers(None if low is None else int(low), None if high is None else int(high))
    return st.sampled_from(known) | (whole if kind == "integer" else st.floats(low, high))


class Unprintable:
    """Has no repr, no length and no truth."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no equality")

    __hash__ = object.__hash__


class Word(str):
    """A string that is none of Python's own."""


def list_objects(ref: FeatureRef) -> list[Any]:
    """Values that no page can send, but a cell can."""
    array = np.arange(6, dtype=np.float32)
    return [
        *(
            np.int64(3),
            np.float32(0.5),
            np.float64("nan"),
            np.bool_(True),
            np.str_("x"),
            np.array(3),
            np.array([]),
            array,
        ),
        *(array.reshape(2, 3), np.array(["a"]), np.array([None, {}], object), array > 2, np.array([3, 3])),
        *(
            object(),
            Unprintable(),
            Word("fish"),
            b"fish",
            bytearray(b"x"),
            memoryview(b"x"),
            {1, 2},
            frozenset(),
            {1: 2},
        ),
        *(
            (),
            (1, (2,)),
            range(3),
            slice(1, 3),
            slice(None),
            slice(3, 1),
            slice("a", None),
            iter([3, 4]),
            map(str, [3]),
        ),
        *(Decimal("0.5"), Fraction(1, 2), 1j, Ellipsis, NotImplemented, len, int, gs, Path("x"), datetime(2020, 1, 1)),
        *(ref, [ref], [ref, ref], (ref, 2), {ref: 1}, FeatureRef("elsewhere", 3), FeatureRef(ref.dictionary_id, -1)),
        *(
            FeatureRef(ref.dictionary_id, True),
            FeatureRef(ref.dictionary_id, 1.5),
            FeatureRef(5, "x"),
            FeatureRef(None, None),
        ),
        *(
            [FeatureRef([], {})],
            gs.add(ref, 0.5),
            [gs.add(ref, 0.5)],
            (gs.clamp(ref, 3.0), gs.ablate(ref)),
            [gs.scale(ref, 2.0), 5],
        ),
        *(
            [gs.add(ref, 0.5, positions=slice(2, 4))],
            [gs.add(ref, 0.5, positions=slice(None, None, 2))],
            match_random([gs.add(ref, 0.5)]),
        ),
        *([gs.add(ref, 0.5), gs.add(ref, 0.5)], [gs.clamp(ref, 1.0), gs.clamp(ref, 2.0)], {"a": [gs.add(ref, 0.5)]}),
        *(
            gs.Direction("resid_post", 3, np.ones(4), "up"),
            [gs.Direction("resid_post", 3, np.ones(4), "up")],
            gs.Lesson(),
            gs.seal(3),
        ),
    ]


def objects(ref: FeatureRef) -> st.SearchStrategy[Any]:
    """One of `list_objects`, made anew each time: some can be read once alone."""
    return st.integers(0, len(list_objects(ref)) - 1).map(lambda at: list_objects(ref)[at])
