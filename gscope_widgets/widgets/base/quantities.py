"""Numbers of which a text has one at each token, and the scale on which they are coloured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.lens import LensReading
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.numbers import check_float
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.widgets.base.formats import format_number

_LARGEST = 1e30  # either way; far past it float32 ends


@dataclass(frozen=True)
class Scale:
    """From which value on there is colour, and where it is full."""

    low: float
    high: float
    source: str  # what it comes from, in words: "its maximum in this text"
    is_centred: bool = False  # on 0, which has no colour then: `low` is -`high`

    def shares(self, values: np.ndarray) -> np.ndarray:
        """Shares of full colour, [pos]: 0 to 1, or -1 to 1 where it is centred on 0; NaN where no number is."""
        if self.is_centred:
            return np.clip(values / self.high, -1, 1)
        return np.clip((values - self.low) / (self.high - self.low), 0, 1)

    def write(self) -> str:
        """The scale as a legend says it."""
        middle = ", 0 without colour" if self.is_centred else ""
        return f"from {format_number(self.low, 4)} to {format_number(self.high, 4)}{middle}, {self.source}"


@dataclass(frozen=True, eq=False)
class Quantity:
    """One number at each token."""

    name: str  # as a legend says it
    column: str  # of a table
    values: np.ndarray  # float32, [pos]; NaN where it is not defined
    full: float | None = None  # where its colour is full by itself; None where that is at its maximum in the text
    full_source: str = ""  # what that is, in words

    @property
    def is_signed(self) -> bool:
        """Whether it has a negative side here: only then is its scale centred on 0."""
        return bool(np.nanmin(self.values, initial=0.0) < 0)

    def scale(self, color_range: str | Sequence[float]) -> Scale:
        """The scale for a choice of range: "feature" for that of its definition, "text", or the reader's own."""
        largest = float(np.nanmax(np.abs(self.values), initial=0.0)) or 1.0
        if not isinstance(color_range, str):
            low, high = color_range
            widest = max(abs(low), abs(high))
            return (
                Scale(-widest, widest, "the range set", True) if self.is_signed else Scale(low, high, "the range set")
            )
        if self.is_signed:
            return Scale(-largest, largest, "its largest size in this text", True)
        if color_range == "feature" and self.full is not None:
            return Scale(0.0, self.full, self.full_source)
        return Scale(0.0, largest, "its maximum in this text")


@dataclass(frozen=True)
class _Kind:
    name: str
    column: str
    full: float | None = None
    full_source: str = ""


def list_kinds(layer: int) -> dict[str, _Kind]:
    """What may fill tokens in place of features, by the choice that asks for it. `layer`: the lens's."""
    return {
        "l0": _Kind("L0", "l0"),
        "fvu": _Kind("FVU", "fvu", 1.0, "no better than the mean of the text"),
        "error_norm": _Kind("error norm", "error_norm"),
        "lens": _Kind(
            f"probability of the likeliest next token after layer {layer}", "lens_probability", 1.0, "certainty"
        ),
        "own": _Kind("your numbers", "own"),
    }


def build_quantity(choice: str | Sequence[float], reading: FeatureReading, lens: LensReading | None) -> Quantity | None:
    """What a choice of `color_by` paints; None for features, and for a lens that is not read yet.

    Args:
        choice: "features", "l0", "fvu", "error_norm", "lens", or one number a token.
        lens: of one layer.
    """
    values: np.ndarray | None
    if not isinstance(choice, str):
        choice, values = "own", np.array(choice, np.float32)
    elif choice == "lens":
        values = None if lens is None else lens.probabilities[0, :, 0]
    else:
        arrays = {"l0": reading.l0.astype(np.float32), "fvu": reading.fvu, "error_norm": reading.error_norm}
        values = arrays.get(choice)
    if values is None:
        return None
    kind = list_kinds(0 if lens is None else lens.layers[0])[choice]
    return Quantity(kind.name, kind.column, values, kind.full, kind.full_source)


def check_numbers(value: Any, tokens: Tokens) -> tuple[float, ...]:
    """One number for each token of a text: float32, as Python floats. NaN may stand at positions left out.

    Raises:
        InvalidValue: no list of numbers, another count than the text has tokens, or no finite number.
    """
    wanted = f"color_by takes one number for each of the text's {len(tokens)} tokens (len(heatmap.reading.tokens))"
    items = read_list(value)
    if items is None or getattr(value, "ndim", 1) != 1:
        raise InvalidValue(f"{wanted}, got {describe_value(value)}")
    if len(items) != len(tokens):
        raise InvalidValue(f"{wanted}, got {len(items)} numbers")
    return tuple(_check_number(item, pos, tokens) for pos, item in enumerate(items))


def _check_number(item: Any, pos: int, tokens: Tokens) -> float:
    if pos in tokens.ignored and isinstance(item, (float, np.floating)) and np.isnan(item):
        return float("nan")
    return float(np.float32(check_float(f"color_by at position {pos}", item, low=-_LARGEST, high=_LARGEST)))


def check_range(value: Any) -> tuple[float, float]:
    """A range of the reader's own: where colour begins, and where it is full.

    Raises:
        InvalidValue: not two finite numbers, the smaller first.
    """
    wanted = 'color_range is "feature", "text" or two numbers such as (0, 5), the smaller first'
    items = read_list(value)
    if items is None or len(items) != 2:
        raise InvalidValue(f"{wanted}, got {describe_value(value)}")
    low, high = (check_float("an end of color_range", one, low=-_LARGEST, high=_LARGEST) for one in items)
    if not low < high:
        raise InvalidValue(f"{wanted}, got {describe_value(value)}")
    return low, high
