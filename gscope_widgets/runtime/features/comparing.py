"""A change beside the baseline and matched random controls, on the same seeds."""

from collections.abc import Generator, Sequence

from gscope_widgets.records.comparisons import ComparedText, Comparison, Kind
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.rows import Row
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.features.continuations import OnStep, Steer, continue_rows, run_part, score_rows
from gscope_widgets.runtime.gemma.prefix import Prompts

_DECODING = 0.8  # its share of the work, for the progress


def compare(
    prompts: Prompts,
    prompt: Tokens,
    planned: Sequence[tuple[str, Kind, Row]],
    *,
    plan: SamplingPlan,
    steer: Steer,
    features: Sequence[FeatureRef],
    provenance: Provenance,
    on_step: OnStep | None = None,
) -> Generator[float, None, Comparison]:
    """All texts in one batch, then perplexity and KL by teacher-forced passes; yields the share that is done."""
    rows = [row for _, _, row in planned]
    decoding = continue_rows(prompts, prompt, rows, plan=plan, steer=steer, features=features, on_step=on_step)
    continued = yield from run_part(decoding, start=0.0, stop=_DECODING)
    scoring = score_rows(prompts.loaded, prompt, continued, steer=steer)
    scores = yield from run_part(scoring, start=_DECODING, stop=1.0)
    texts = tuple(
        ComparedText(
            name, kind, row.seed, row.interventions, one.tokens, one.ended, score.logprobs, score.kl, one.trace
        )
        for (name, kind, row), one, score in zip(planned, continued, scores, strict=True)
    )
    changed = next(row.interventions for _, kind, row in planned if kind == "changed")
    return Comparison(prompt, changed, texts, provenance)
