"""Changes to a forward pass, each of one feature's own contribution."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import gcd
from typing import Literal

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.numbers import check_float, check_int

# Past these a float32 forward pass of any Gemma 3 overflows or says nothing of the model.
MAX_FRACTION = 100.0
MAX_RAW = 1e6
MAX_FACTOR = 1e4

Kind = Literal["add", "clamp", "scale", "ablate", "random"]
Positions = Literal["all", "prompt", "generated"] | slice
SETTING = ("clamp", "scale", "ablate")  # kinds that set a feature's activation, instead of adding to it
_FAR = 2**31  # beyond every position


@dataclass(frozen=True)
class Intervention:
    """One change. Several at once are all computed from the baseline activation, then summed.

    `clamp`, `scale` and `ablate` set a feature's activation, so at one position at most one of them is taken for
    a feature (`require_set_once`); `add` goes with everything. Their order does not matter.
    """

    kind: Kind
    ref: FeatureRef
    amount: float  # add: strength; clamp: activation; scale: factor; ablate: 0
    unit: Literal["fraction", "raw"] = "raw"  # add only: of the mean residual norm, or of the unit direction
    positions: Positions = "all"  # ignored positions (BOS, chat header) are never changed
    seed: int = 0  # random only: which direction; the ref then names the site alone


def add(
    ref: FeatureRef,
    strength: float,
    *,
    unit: Literal["fraction", "raw"] = "fraction",
    positions: Positions = "all",
) -> Intervention:
    """Add the feature's decoder direction, at unit length, where its dictionary writes: the residual stream, mostly.

    Args:
        ref: from `dictionary.feature(number)`.
        strength: in fractions of the mean norm there (of the residual, for `resid_post`), from -100 to 100; about
            0.1 is mild and 1 is as long as the activation itself. With `unit="raw"`, plain
            multiples of the unit direction, from -1e6 to 1e6.
        positions: "all", "prompt", "generated", or a slice of absolute positions, counted from 0.

    Raises:
        InvalidValue: the strength is not finite or out of range, or another argument is unknown.
    """
    if not isinstance(unit, str) or unit not in ("fraction", "raw"):
        raise InvalidValue(f'unit must be "fraction" or "raw", got {describe_value(unit)}')
    bound = MAX_FRACTION if unit == "fraction" else MAX_RAW
    amount = check_float("strength", strength, low=-bound, high=bound)
    return Intervention("add", _check_ref(ref), amount, unit, _check_positions(positions))


def add_random(
    ref: FeatureRef,
    strength: float,
    *,
    seed: int = 0,
    unit: Literal["fraction", "raw"] = "fraction",
    positions: Positions = "all",
) -> Intervention:
    """Add a random direction where the dictionary of `ref` sits: the control to set beside `add`.

    The direction is isotropic Gaussian, scaled to unit length; `strength`, `unit` and
    `positions` are as in `add`.
    """
    like = add(ref, strength, unit=unit, positions=positions)
    return replace(like, kind="random", seed=check_int("seed", seed, low=0, high=2**31 - 1))


def clamp(ref: FeatureRef, value: float, *, positions: Positions = "all") -> Intervention:
    """Set the feature's activation to `value` (0 to 1e6, in its own units), firing or not."""
    amount = check_float("value", value, low=0, high=MAX_RAW)
    return Intervention("clamp", _check_ref(ref), amount, positions=_check_positions(positions))


def scale(ref: FeatureRef, factor: float, *, positions: Positions = "all") -> Intervention:
    """Multiply the feature's activation by `factor` (-1e4 to 1e4). Nothing changes where it is silent."""
    amount = check_float("factor", factor, low=-MAX_FACTOR, high=MAX_FACTOR)
    return Intervention("scale", _check_ref(ref), amount, positions=_check_positions(positions))


def ablate(ref: FeatureRef, *, positions: Positions = "all") -> Intervention:
    """Set the feature's activation to 0. Nothing changes where it is silent."""
    return Intervention("ablate", _check_ref(ref), 0.0, positions=_check_positions(positions))


def require_set_once(interventions: Sequence[Intervention], *, prompt_length: int) -> None:
    """Refuse two interventions that set the same feature at the same position: only one of them could hold.

    Args:
        prompt_length: tokens, where "prompt" ends and "generated" begins.

    Raises:
        InvalidValue: two of `clamp`, `scale` and `ablate` name one feature, and their positions overlap.
    """
    setting = [one for one in interventions if one.kind in SETTING]
    for one, other in combinations(setting, 2):
        if one.ref == other.ref and _overlap(*(_to_range(each.positions, prompt_length) for each in (one, other))):
            raise InvalidValue(
                f"{_write_change(one)} and {_write_change(other)} both set {one.ref}, and their positions overlap; "
                "keep one of them, or give them positions apart, such as positions='prompt' and 'generated'"
            )


def _write_change(one: Intervention) -> str:
    return one.kind if one.kind == "ablate" else f"{one.kind} {one.amount:g}"


def _to_range(positions: Positions, prompt_length: int) -> range:
    if isinstance(positions, slice):
        return range(_FAR)[positions]
    return {
        "all": range(_FAR),
        "prompt": range(prompt_length),
        "generated": range(prompt_length, _FAR),
    }[positions]


def _overlap(one: range, other: range) -> bool:
    """Whether two ranges of positive step share a number: the first common one comes within one step of each."""
    first, last = max(one.start, other.start), min(one.stop, other.stop)
    if not one or not other or (one.start - other.start) % gcd(one.step, other.step):
        return False
    # Two sequences of steps a and b that meet at all meet once in every lcm(a, b) numbers.
    sparse, dense = sorted((one, other), key=lambda each: -each.step)
    begin = sparse.start + max(0, -(-(first - sparse.start) // sparse.step)) * sparse.step
    turns = dense.step // gcd(one.step, other.step)
    return any(at in dense for at in range(begin, last, sparse.step)[:turns])


def _check_ref(ref: object) -> FeatureRef:
    if not isinstance(ref, FeatureRef):
        raise InvalidValue(
            f"an intervention takes a feature of a dictionary, got {describe_value(ref)}; "
            "write dictionary.feature(number)"
        )
    return ref


def _check_positions(positions: object) -> Positions:
    if isinstance(positions, slice):
        # From the end would mean another position at each generated token.
        for name, bound, low in (
            ("start", positions.start, 0),
            ("stop", positions.stop, 0),
            ("step", positions.step, 1),
        ):
            if bound is not None:
                check_int(f"a slice's {name}", bound, low=low, high=2**31 - 1)
        return positions
    if isinstance(positions, str) and positions in ("all", "prompt", "generated"):
        return positions  # type: ignore[return-value]
    raise InvalidValue(f'positions must be "all", "prompt", "generated" or a slice, got {describe_value(positions)}')
