"""Which continuations a comparison and a dose are made of: interventions and a seed for each row."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.comparisons import Kind
from gscope_widgets.records.interventions import Intervention, match_random
from gscope_widgets.records.numbers import check_int

MIN_CONTROLS, MAX_CONTROLS = 3, 16  # below three, one odd direction passes for the rule
MIN_SAMPLES, MAX_SAMPLES = 3, 64
MAX_ROWS = 256  # in one batch


@dataclass(frozen=True)
class Row:
    """One continuation that is wanted."""

    interventions: tuple[Intervention, ...]
    seed: int


def check_seeds(values: object, *, temperature: float) -> tuple[int, ...]:
    """Seeds as a tuple of ints.

    Raises:
        InvalidValue: none, a seed outside 0 to 2**31 - 1 or there twice, or several at temperature 0.
    """
    items = tuple(values) if isinstance(values, (list, tuple, range)) else (values,)
    seeds = tuple(check_int("a seed", value, low=0, high=2**31 - 1) for value in items)
    if not seeds or len(set(seeds)) < len(seeds):
        raise InvalidValue(f"seeds must be one or more different whole numbers, got {values!r}")
    if len(seeds) > 1 and temperature == 0:
        raise InvalidValue(
            f"at temperature 0 every seed gives the same text, got {len(seeds)} seeds; "
            "give temperature=1.0, or one seed"
        )
    return seeds


def check_controls(value: object) -> int:
    """A number of random controls where there may be none.

    Raises:
        InvalidValue: neither 0 nor from 3 to 16.
    """
    return 0 if type(value) is int and value == 0 else check_int("controls", value, low=MIN_CONTROLS, high=MAX_CONTROLS)


def plan_comparison(
    interventions: Sequence[Intervention], *, seeds: Sequence[int], controls: int
) -> list[tuple[str, Kind, Row]]:
    """Name, kind and row of every text, seed by seed.

    Raises:
        InvalidValue: nothing is changed, or there are more rows than one batch takes.
    """
    changed = tuple(interventions)
    if not changed:
        raise InvalidValue("interventions is empty: there is nothing to compare with; give gs.add(...) or another")
    controls = check_int("controls", controls, low=MIN_CONTROLS, high=MAX_CONTROLS)
    if len(seeds) * (2 + controls) > MAX_ROWS:
        raise InvalidValue(
            f"{len(seeds)} seeds of {2 + controls} rows are {len(seeds) * (2 + controls)} texts, "
            f"at most {MAX_ROWS} go into one batch; give {MAX_ROWS // (2 + controls)} seeds or fewer"
        )
    planned: list[tuple[str, Kind, Row]] = []
    for at, seed in enumerate(seeds):
        planned += [("baseline", "baseline", Row((), seed)), ("changed", "changed", Row(changed, seed))]
        for number in range(controls):
            control = match_random(changed, seed=at * controls + number)  # each sample has directions of its own
            planned.append((f"random {number}", "random", Row((control,), seed)))
    return planned


def plan_dose(changes: Sequence[Intervention], *, seeds: Sequence[int]) -> list[tuple[float, Row]]:
    """Strength and row of every text: at 0 the baseline, elsewhere the change and its control, on each seed.

    Args:
        changes: an `add` at each strength, 0 among them.
    """
    planned = []
    for change in changes:
        if change.amount == 0:
            planned += [(0.0, Row((), seed)) for seed in seeds]
            continue
        planned += [(change.amount, Row((change,), seed)) for seed in seeds]
        side = copysign(1.0, change.amount)
        planned += [(change.amount, Row((match_random([change], seed=seed, amount=side),), seed)) for seed in seeds]
    return planned
