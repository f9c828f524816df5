"""Values in a circuit's file, which readers write by hand too: each is what it should be, or told."""

import math
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from gscope_widgets.errors import BadArtefact, describe_value

OWN = "gscope_widgets"  # what others' viewers do not ask for
MOST_TEXT = 500  # characters of a label that are kept
LARGEST = 1e30  # that a weight may be


def read_part(told: Any, name: str, what: str, kind: type = object) -> Any:
    """A part of an object of the file.

    Raises:
        BadArtefact: it is no object, lacks the part, or that is something else.
    """
    if not isinstance(told, Mapping):
        raise BadArtefact(f"{what} is {name_kind(told)}, not an object with {name!r}")
    if name not in told:
        raise BadArtefact(f"{what} has no {name!r}")
    if not isinstance(told[name], kind):
        wanted = "a list" if kind is list else "an object"
        raise BadArtefact(f"{name!r} of {what} is {name_kind(told[name])}, not {wanted}")
    return told[name]


def name_kind(value: Any) -> str:
    """What a value of JSON is, in words."""
    named = {list: "a list", dict: "an object", str: "a text", bool: "true or false", type(None): "null"}
    return named.get(type(value), "a number")


def read_number(told: Any, what: str) -> float:
    """A number of the file, not a text of digits.

    Raises:
        BadArtefact: it is none, or too large to count with.
    """
    if isinstance(told, bool) or not isinstance(told, (int, float)):
        raise BadArtefact(f"{what} is {describe_value(told)}, {name_kind(told)} where a number is wanted")
    if not abs(told) < LARGEST:
        raise BadArtefact(f"{what} is {describe_value(told)}, of at most {LARGEST:g}")
    return float(told)


def read_whole(told: Any, what: str) -> int:
    """A whole number of the file, which may be written as a text, as others write layers."""
    if isinstance(told, str) and re.fullmatch(r"-?[0-9]{1,10}", told):
        return int(told)
    if isinstance(told, bool) or not isinstance(told, int):
        raise BadArtefact(f"{what} is {describe_value(told)}, no whole number")
    return told


@contextmanager
def reading(part: str) -> Generator[None]:
    """Whatever goes wrong in a part that only this package writes is told as a fault of that."""
    try:
        yield
    except BadArtefact:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError):
        raise BadArtefact(f"{part} in its metadata are not as gs.save_circuit writes them") from None


def read_finite(told: Any) -> float:
    """A number of the file, finite.

    Raises:
        BadArtefact: it is not.
    """
    value = float(told)
    if not math.isfinite(value):
        raise BadArtefact(f"a score of it is {value}")
    return value
