"""A change beside the baseline and matched random controls, on the same seeds."""

from collections.abc import Generator, Sequence

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.comparisons import ComparedText, Comparison, Kind
from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.records.interventions import Intervention, match_random
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.features.continuations import Row, Steer, continue_rows, run_part, score_rows
from gscope_widgets.runtime.gemma.loading import LoadedModel

MIN_CONTROLS, MAX_CONTROLS = 3, 16  # below three, one odd direction passes for the rule
MAX_ROWS = 256  # in one batch
_DECODING = 0.8  # its share of the work, for the progress


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
    made: list[tuple[str, Kind, tuple[Intervention, ...]]] = [
        ("baseline", "baseline", ()),
        ("changed", "changed", changed),
    ]
    made += [(f"random {number}", "random", (match_random(changed, seed=number),)) for number in range(controls)]
    return [(name, kind, Row(row, seed)) for seed in seeds for name, kind, row in made]


def compare(
    loaded: LoadedModel,
    prompt: Tokens,
    planned: Sequence[tuple[str, Kind, Row]],
    *,
    plan: SamplingPlan,
    steer: Steer,
    provenance: Provenance,
) -> Generator[float, None, Comparison]:
    """All texts in one batch, then perplexity and KL by teacher-forced passes; yields the share that is done."""
    rows = [row for _, _, row in planned]
    decoding = continue_rows(loaded, prompt, rows, plan=plan, steer=steer)
    continued = yield from run_part(decoding, start=0.0, stop=_DECODING)
    scoring = score_rows(loaded, prompt, continued, steer=steer)
    scores = yield from run_part(scoring, start=_DECODING, stop=1.0)
    texts = tuple(
        ComparedText(name, kind, row.seed, row.interventions, one.tokens, one.ended, score.logprobs, score.kl)
        for (name, kind, row), one, score in zip(planned, continued, scores, strict=True)
    )
    changed = next(row.interventions for _, kind, row in planned if kind == "changed")
    return Comparison(prompt, changed, texts, provenance)
