"""Schemas of what crosses between Python and the page, made of types, and the check of what enters by them.

The schemas are the part of JSON Schema that both sides check: `type`, `const`, `enum`, `anyOf`, `properties`
with `required`, `additionalProperties` (a schema for all other keys, or absent), `items`, `minimum`, `maximum`
and `maxLength`. The empty schema is of any value, which is checked where it is used.
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from gscope_widgets.errors import InvalidValue, describe_value

Schema = dict[str, Any]  # JSON, as deep as the type it was made of

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
_NAMES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}


@dataclass(frozen=True)
class Bounds:
    """How far a number, or a string's length, may go: `Annotated[float, Bounds(0, 1)]`."""

    low: float | None = None
    high: float | None = None
    length: int | None = None  # characters


@cache
def build_schema(kind: Any) -> Schema:
    """The schema of a type that JSON can hold: plain types, lists, dicts by name, TypedDicts, Literals, unions."""
    if kind is Any:
        return {}
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if is_typeddict(kind):
        fields = get_type_hints(kind, include_extras=True)
        properties = {name: build_schema(_unwrap(field)) for name, field in fields.items()}
        return {"type": "object", "properties": properties, "required": sorted(kind.__required_keys__)}
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _bound(build_schema(arguments[0]), arguments[1])
    if origin is Literal:
        return {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [build_schema(one) for one in arguments]}
    if origin in (list, tuple):
        return {"type": "array", "items": build_schema(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": build_schema(arguments[1])}
    raise TypeError(f"no schema for {kind}")


def _unwrap(field: Any) -> Any:
    return get_args(field)[0] if get_origin(field) is NotRequired else field


def _bound(schema: Schema, bounds: Bounds) -> Schema:
    named = {"minimum": bounds.low, "maximum": bounds.high, "maxLength": bounds.length}
    return schema | {name: value for name, value in named.items() if value is not None}


def require(schema: Schema, value: object, *, name: str) -> None:
    """Refuse what does not fit a schema.

    Args:
        name: what the value is, as a sentence begins: "the page's start message".

    Raises:
        InvalidValue: where it differs, what was expected there, and what was found.
    """
    fault = find_fault(schema, value)
    if fault is not None:
        path, wanted, found = fault
        where = f"{name}: {path}" if path else name
        raise InvalidValue(f"{where} must be {wanted}, got {describe_value(found)}")


def find_fault(schema: Schema, value: object, path: str = "") -> tuple[str, str, object] | None:
    """Where a value first differs from a schema: the place, what it must be, and what is there; None where it fits."""
    if not schema:
        return None
    if "anyOf" in schema:
        faults = [find_fault(one, value, path) for one in schema["anyOf"]]
        if None in faults:
            return None
        deeper = [fault for fault in faults if fault is not None and fault[0] != path]
        return deeper[0] if deeper else (path, " or ".join(describe_schema(one) for one in schema["anyOf"]), value)
    if not _fits(schema, value):
        return path, describe_schema(schema), value
    if isinstance(value, Mapping):
        return _find_in_object(schema, value, path)
    if isinstance(value, (list, tuple)) and "items" in schema:
        for at, item in enumerate(value):
            if (fault := find_fault(schema["items"], item, f"{path}[{at}]")) is not None:
                return fault
    return None


def _find_in_object(schema: Schema, value: Mapping[str, object], path: str) -> tuple[str, str, object] | None:
    missing = [name for name in schema.get("required", ()) if name not in value]
    if missing:
        return path, f"an object with {', '.join(missing)}", value
    fields = schema.get("properties", {})
    for name, item in value.items():
        one = fields.get(name, schema.get("additionalProperties"))
        where = f"{path}.{name}" if path else name
        if one is None and fields:
            return where, "left out: there is no such field", item
        if one is not None and (fault := find_fault(one, item, where)) is not None:
            return fault
    return None


def _fits(schema: Schema, value: object) -> bool:
    if "const" in schema:
        return type(value) is type(schema["const"]) and bool(value == schema["const"])
    if "enum" in schema:
        return isinstance(value, str) and value in schema["enum"]
    if not _is_of(schema["type"], value):
        return False
    if isinstance(value, str):
        return bool(len(value) <= schema.get("maxLength", len(value)))
    if isinstance(value, (int, float)):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def _is_of(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "null": types.NoneType,
        "array": (list, tuple),
        "object": Mapping,
    }
    return name in kinds and isinstance(value, kinds[name])


def describe_schema(schema: Schema) -> str:
    """What a schema asks for, in words."""
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return f"one of {', '.join(map(repr, schema['enum']))}"
    if "anyOf" in schema:
        return " or ".join(describe_schema(one) for one in schema["anyOf"])
    words = _NAMES[schema["type"]]
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None or high is not None:
        words += f" from {low}" if low is not None else ""
        words += f" to {high}" if high is not None else ""
    return f"{words} of at most {schema['maxLength']} characters" if "maxLength" in schema else words
