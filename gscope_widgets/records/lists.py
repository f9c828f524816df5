"""Lists from outside, gone through once before anything is done with them."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

_MOST = 1_000_000  # items that any list here may have; what has more has no end


def read_list(value: object) -> list[Any] | None:
    """The items of a list, tuple, array or anything else that can be gone through.

    Args:
        value: whatever was given.

    Returns:
        The items; None where it is no list: text, a mapping, a single number, NumPy's included, or without an end.
    """
    if isinstance(value, (str, bytes, bytearray, Mapping)):
        return None
    try:
        items = iter(value)  # type: ignore[call-overload]  # which says whether it can be
    except TypeError:
        return None
    found = list(islice(items, _MOST + 1))
    return found if len(found) <= _MOST else None
