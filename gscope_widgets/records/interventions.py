"""Changes to a forward pass, each of one feature's own contribution, or along a direction of one's own."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import gcd
from typing import Literal

from gscope_widgets.errors import InvalidValue, SteeringWarning, describe_value
from gscope_widgets.records.directions import Direction, Vector
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.numbers import check_float, check_int

# Past these a float32 forward pass of any Gemma 3 overflows or says nothing of the model.
MAX_FRACTION = 100.0
MAX_RAW = 1e6
MAX_FACTOR = 1e4
# In mean norms, and on the safe side. On gscope-mini 40 of 40 directions (20 labelled features, both signs) break up at
# 1 and beyond by the rule of records/doses.py, 13 at 0.6 and none at 0.3.
COHERENT_FRACTION = 2.0

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
    ref: FeatureRef | Direction  # random: of the first change that it is matched to
    amount: float  # add: strength; clamp: activation; scale: factor; ablate: 0; random: 1, or -1 to turn it round
    unit: Literal["fraction", "raw"] = "raw"  # add only: of the mean residual norm, or of the unit direction
    positions: Positions = "all"  # ignored positions (BOS, chat header) are never changed
    seed: int = 0  # random only: which direction
    matched: tuple["Intervention", ...] = ()  # random only: the changes whose length it has at each position

    def __post_init__(self) -> None:
        """Refuse a control of nothing, or of another control, as InvalidValue."""
        if self.kind == "random" and (not self.matched or any(one.kind == "random" for one in self.matched)):
            raise InvalidValue(
                "a random control is matched to one change or more, none of them random: give what it is to control"
            )

    def __str__(self) -> str:
        if self.kind == "random":
            return f"random direction {self.seed}, as long as: {'; '.join(map(str, self.matched))}"
        unit = " mean norms" if self.kind == "add" and self.unit == "fraction" else ""
        amount = "" if self.kind == "ablate" else f" {self.amount:g}{unit}"
        place = "" if self.positions == "all" else f" at {self.positions}"
        return f"{self.kind}{amount} of {self.ref}{place}"


def add(
    direction: FeatureRef | Direction | Vector,
    strength: float,
    *,
    site: str | None = None,
    layer: int | None = None,
    unit: Literal["fraction", "raw"] = "fraction",
    positions: Positions = "all",
) -> Intervention:
    """Add a direction, at unit length: a feature's decoder direction where its dictionary writes, or one's own.

    Args:
        direction: from `dictionary.feature(number)` or `scope.direction(...)`; or an array or tensor, [d], of one's
            own, for which `site` and `layer` say where it belongs.
        strength: in fractions of the mean norm there (of the residual, for `resid_post`), from -100 to 100; about
            0.1 is mild and 1 is as long as the activation itself. With `unit="raw"`, plain
            multiples of the unit direction, from -1e6 to 1e6.
        site: of a vector: "resid_post", "attn_out" or "mlp_out".
        layer: of a vector: zero-based.
        positions: "all", "prompt", "generated", or a slice of absolute positions, counted from 0.

    Raises:
        InvalidValue: the strength is not finite or out of range, a vector is not finite, zero or of another
            shape, or another argument is unknown.

    Warns:
        SteeringWarning: beyond 2 mean norms, where text breaks up.
    """
    made = build_intervention("add", _check_direction(direction, site, layer), strength, unit=unit, positions=positions)
    if unit == "fraction":
        _warn_of_excess([made.amount])
    return made


def build_intervention(
    kind: object, ref: object, amount: object, *, unit: object = "fraction", positions: object = "all"
) -> Intervention:
    """A change by the name of its kind, checked as the function of that name does, without a warning.

    Args:
        kind: "add", "clamp", "scale" or "ablate".
        amount: strength, activation or factor; not looked at for "ablate".
        unit: of "add" alone.

    Raises:
        InvalidValue: there is no such kind, or an argument is not of its range.
    """
    if not isinstance(kind, str) or kind not in ("add", *SETTING):
        raise InvalidValue(f"a change is one of add, {', '.join(SETTING)}, got {describe_value(kind)}")
    where = _check_positions(positions)
    if kind == "add":
        if not isinstance(unit, str) or unit not in ("fraction", "raw"):
            raise InvalidValue(f'unit must be "fraction" or "raw", got {describe_value(unit)}')
        bound = MAX_FRACTION if unit == "fraction" else MAX_RAW
        direction = _check_direction(ref, None, None)
        strength = check_float("strength", amount, low=-bound, high=bound)
        return Intervention("add", direction, strength, unit, where)  # type: ignore[arg-type]
    if kind == "ablate":
        return ablate(_check_ref(ref), positions=where)
    return {"clamp": clamp, "scale": scale}[kind](_check_ref(ref), amount, positions=where)  # type: ignore[arg-type]


def add_each(
    direction: FeatureRef | Direction, strengths: Iterable[float], *, positions: Positions = "all"
) -> tuple[Intervention, ...]:
    """`add` at several strengths, in fractions of the mean norm; one warning for all."""
    made = tuple(build_intervention("add", direction, strength, positions=positions) for strength in strengths)
    _warn_of_excess([one.amount for one in made])
    return made


def match_random(interventions: Iterable[Intervention], *, seed: int = 0, amount: float = 1.0) -> Intervention:
    """A random direction as long, at each position, as the given changes together: the control to set beside them.

    The direction is isotropic Gaussian at unit length, another one at each hook point that the changes write to.
    Its length is that of the sum of the changes that would be made there, to the activations of the text that it
    is applied to itself: where a feature to be ablated is silent, nothing is added.

    Args:
        seed: 0 to 2**31 - 1: which direction.
        amount: the length is multiplied by it; -1 turns the direction round.
    """
    matched = tuple(interventions)
    seed = check_int("seed", seed, low=0, high=2**31 - 1)
    if not matched:
        raise InvalidValue("a random control is matched to one change or more, got none")
    return Intervention("random", matched[0].ref, amount, seed=seed, matched=matched)


def list_parts(interventions: Iterable[Intervention]) -> Iterator[Intervention]:
    """The interventions, with those that random ones are matched to in their place."""
    for one in interventions:
        yield from one.matched if one.kind == "random" else (one,)


def list_dictionaries(interventions: Iterable[Intervention]) -> tuple[str, ...]:
    """Ids of the dictionaries whose features are changed, each once."""
    refs = (one.ref for one in list_parts(interventions))
    return tuple(dict.fromkeys(ref.dictionary_id for ref in refs if isinstance(ref, FeatureRef)))


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
    for control in interventions:
        require_set_once(control.matched, prompt_length=prompt_length)
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


def describe_excess(strengths: Iterable[float]) -> str:
    """What is known of strengths beyond 2 mean norms, as a sentence without its full stop; empty where none is."""
    beyond = [strength for strength in strengths if abs(strength) > COHERENT_FRACTION]
    if not beyond:
        return ""
    return (
        f"a strength of {', '.join(f'{one:g}' for one in beyond)} mean norms is beyond {COHERENT_FRACTION:g}, "
        "where generated text is known to break up; look below 1 first, or measure with scope.dose"
    )


def _warn_of_excess(strengths: Iterable[float]) -> None:
    if sentence := describe_excess(strengths):
        warnings.warn(sentence, SteeringWarning, stacklevel=3)


def _check_direction(value: object, site: str | None, layer: int | None) -> FeatureRef | Direction:
    if isinstance(value, (FeatureRef, Direction)):
        if site is not None or layer is not None:
            raise InvalidValue(f"{value} says where it belongs; leave site and layer out")
        return value
    if site is None or layer is None:
        raise InvalidValue(
            "add takes a feature, dictionary.feature(number), a direction, scope.direction(...), or a vector with its "
            f'place, such as site="resid_post", layer=4; got {describe_value(value)}'
        )
    return Direction(site, layer, value)  # type: ignore[arg-type]


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
