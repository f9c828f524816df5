"""Answers as plain values: what a literal in a cell's source can hold, and nothing that only looks like it."""

import math
from typing import Any

from gscope_widgets.errors import InvalidValue, describe_value

Plain = Any  # None, bool, int, float, str, or lists of these, or lists of such lists
_MOST_CHARACTERS = 10_000
_MOST_ITEMS = 1_000
_DEEPEST = 2  # lists within each other
_LARGEST = 2**53  # up to which a page has whole numbers exactly


def read_plain(value: object) -> Plain:
    """A copy of an answer made of plain values alone; a tuple becomes a list.

    Types are compared exactly: a subclass of `str` may say that it equals everything.

    Raises:
        InvalidValue: it holds anything else; the message says what to write in its place.
    """
    return _read(value, _DEEPEST)


def _read(value: object, depth: int) -> Plain:
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        return _read_text(value)
    if kind is int or kind is float:
        return _read_number(value)
    if kind not in (list, tuple):
        raise InvalidValue(_describe_refused(value))
    if depth == 0:
        raise InvalidValue(f"an answer has lists {_DEEPEST} deep at most, got more")
    if len(value) > _MOST_ITEMS:  # type: ignore[arg-type]  # a list or tuple
        raise InvalidValue(f"an answer has at most {_MOST_ITEMS} items, got {len(value)}")  # type: ignore[arg-type]
    return [_read(one, depth - 1) for one in value]  # type: ignore[attr-defined]


def _read_text(value: Any) -> str:
    if len(value) > _MOST_CHARACTERS:
        raise InvalidValue(f"an answer has at most {_MOST_CHARACTERS} characters, got {len(value)}")
    return str(value.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _read_number(value: Any) -> float:
    if abs(value) > _LARGEST or not math.isfinite(value):  # in this order: a whole number may be too large for a float
        raise InvalidValue(f"an answer's number is finite and at most 2**53, got {describe_value(value)}")
    return value  # type: ignore[no-any-return]


def _describe_refused(value: object) -> str:
    name = type(value).__name__
    advice = "write the value itself, such as 'up', 5 or [1, 2]"
    if hasattr(value, "dtype") or "numpy" in type(value).__module__:
        advice = "NumPy's and torch's numbers become plain by int(...), float(...) or .tolist()"
    elif isinstance(value, str):
        advice = "write the text itself, between quotes"
    elif callable(value):
        advice = "a function is no answer: call it, and write down what it gives"
    return f"an answer is a plain value, got one of type {name}; {advice}"


def write_line(variable: str, value: Plain, name: str) -> str:
    """The line of code that keeps an answer: `answer_3 = 'up'  # gs-answer: ex3`."""
    return f"{variable} = {value!r}  # gs-answer: {name}"
