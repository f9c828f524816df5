"""Numbers and switches from outside, checked before anything is done with them."""

import math
import operator

import numpy as np

from gscope_widgets.errors import InvalidValue, UnknownFeature, describe_value

# Measured on mini, of the start of 38 texts that was read alone and with the rest behind it, where sums are taken in
# another order: the largest difference of one feature's peak is 2.2e-6 and 0.03 of it.
_ROUNDING = {"float32": 1e-5, "bfloat16": 0.03}


def find_rounding(dtype: str) -> float:
    """How far two activations may differ and count as the same but for rounding, as a share of the largest.

    Args:
        dtype: that the model computes in, "float32" or "bfloat16".
    """
    return _ROUNDING[dtype]


def check_feature(value: object, *, d_dict: int) -> int:
    """The feature's number as an int.

    Args:
        value: any integer type, NumPy's included; not a bool, a float or a string.
        d_dict: the dictionary's number of features.

    Raises:
        UnknownFeature: not an integer from 0 to `d_dict - 1`.
    """
    number = _as_int(value)
    if number is None or not 0 <= number < d_dict:
        raise UnknownFeature(
            f"a feature is a whole number from 0 to {d_dict - 1}, got {describe_value(value)}; "
            "reading.top(10) lists features that fire on a text"
        )
    return number


def check_int(name: str, value: object, *, low: int, high: int) -> int:
    """The value as an int from `low` to `high`.

    Raises:
        InvalidValue: not an integer, or outside the range.
    """
    number = _as_int(value)
    if number is None or not low <= number <= high:
        raise InvalidValue(f"{name} must be a whole number from {low} to {high}, got {describe_value(value)}")
    return number


def check_switch(name: str, value: object) -> bool:
    """True or False, NumPy's included, and nothing that merely passes for it, such as "no".

    Raises:
        InvalidValue: anything else.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidValue(f"{name} must be True or False, got {describe_value(value)}")
    return bool(value)


def check_layer(value: object, *, layers: int | None = None, name: str = "layer") -> int:
    """A layer's number as an int: whoever is given a layer asks here.

    Args:
        layers: how many the model has; None where it is looked up in a list of them afterwards.
        name: what it is called where it was given.

    Raises:
        InvalidValue: not a whole number, or no layer of the model.
    """
    number = _as_int(value)
    if number is None or (layers is not None and not 0 <= number < layers):
        which = ", 0 for the first" if layers is None else f" from 0 to {layers - 1}"
        raise InvalidValue(f"{name} must be a whole number{which}, got {describe_value(value)}")
    return number


def check_float(name: str, value: object, *, low: float, high: float) -> float:
    """The value as a finite float from `low` to `high`.

    Raises:
        InvalidValue: text, a bool, not finite, or outside the range.
    """
    number = math.nan
    if not isinstance(value, (str, bytes, bytearray, memoryview)) and not _is_bool(value):
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            number = math.nan
    if not low <= number <= high:
        raise InvalidValue(f"{name} must be a finite number from {low:g} to {high:g}, got {describe_value(value)}")
    return number


def _as_int(value: object) -> int | None:
    if _is_bool(value):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def _is_bool(value: object) -> bool:
    """Whether it is a truth value, NumPy's or a tensor's included: those pass for 0 and 1."""
    return type(value).__name__ in ("bool", "bool_") or str(getattr(value, "dtype", "")).endswith("bool")
