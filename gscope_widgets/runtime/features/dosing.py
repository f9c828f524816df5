"""Samples of generated text at several strengths of one direction, each with its matched random control."""

from collections.abc import Callable, Generator, Sequence
from functools import partial

import numpy as np
import torch

from gscope_widgets.records.directions import Direction
from gscope_widgets.records.doses import DoseResponse, DoseSample, build_points
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.records.measures import Measure, apply_function, share_of_words
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.rows import Row
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.features.continuations import (
    Continuation,
    Observe,
    Score,
    Steer,
    continue_rows,
    run_part,
    score_rows,
)
from gscope_widgets.runtime.gemma.prefix import Prompts
from gscope_widgets.runtime.gemma.sites import HookPoint
from gscope_widgets.runtime.gemma.tokens import Tokenizer

ROWS_A_BATCH = 64
_DECODING = 0.8  # its share of the work, for the progress


def dose(
    prompts: Prompts,
    prompt: Tokens,
    ref: FeatureRef | Direction,
    planned: Sequence[tuple[float, Row]],
    *,
    plan: SamplingPlan,
    measure: Measure,
    read: tuple[Dictionary, tuple[HookPoint, ...]] | None,
    steer: Steer,
    provenance: Provenance,
    on_points: Callable[[DoseResponse], object] | None = None,
) -> Generator[float, None, DoseResponse]:
    """Texts in batches of at most 64 rows, each batch then run through the unchanged model; yields the share done.

    The baseline is made first, then strength by strength away from 0, so that a sweep that is stopped has a middle.

    Args:
        read: for a measure that is a feature: its dictionary, and where that reads.
        on_points: called after each batch but the last, with the strengths that are whole by then.
    """
    order = sorted(range(len(planned)), key=lambda at: abs(planned[at][0]))
    made: dict[int, DoseSample] = {}

    def build(kept: Sequence[int]) -> DoseResponse:
        samples = tuple(made[at] for at in sorted(kept))
        return DoseResponse(prompt, ref, measure, build_points(samples), samples, provenance)

    points: tuple[HookPoint, ...] = ()
    observe: Observe | None = None
    if read is not None and isinstance(measure.of, FeatureRef):
        dictionary, points = read
        observe = partial(
            _mean_activation,
            tokenizer=prompts.loaded.tokenizer,
            start=len(prompt),
            dictionary=dictionary,
            feature=measure.of.feature,
        )
    while len(made) < len(planned):
        batch = order[len(made) : len(made) + ROWS_A_BATCH]
        start, stop = len(made) / len(planned), (len(made) + len(batch)) / len(planned)
        between = start + (stop - start) * _DECODING
        decoding = continue_rows(prompts, prompt, [planned[at][1] for at in batch], plan=plan, steer=steer)
        continued = yield from run_part(decoding, start=start, stop=between)
        scoring = score_rows(prompts.loaded, prompt, continued, points=points, observe=observe)
        scores = yield from run_part(scoring, start=between, stop=stop)
        for at, one, score in zip(batch, continued, scores, strict=True):
            strength, row = planned[at]
            effect = _measure(measure, prompt, one, score)
            is_random = any(intervention.kind == "random" for intervention in row.interventions)
            made[at] = DoseSample(
                strength,
                "random" if is_random else "changed",
                row.seed,
                one.text,
                effect,
                len(set(one.ids)) / len(one.ids) if one.ids else float("nan"),
                score.logprobs,
            )
        if on_points is not None and len(made) < len(planned):
            left = {planned[at][0] for at in order[len(made) :]}
            if whole := [at for at in made if planned[at][0] not in left]:
                on_points(build(whole))
    return build(order)


def _measure(measure: Measure, prompt: Tokens, one: Continuation, score: Score) -> float:
    """What a measure says of one continuation; a share, or a mean, of nothing is 0."""
    if isinstance(measure.of, FeatureRef):
        return score.observed
    if isinstance(measure.of, int):
        return one.ids.count(measure.of) / max(1, len(one.ids))
    if isinstance(measure.of, tuple):
        return share_of_words(one.text, measure.of, before=prompt.text)
    return apply_function(measure.of, one.text)


def _mean_activation(
    ids: Sequence[int],
    layers: Sequence[torch.Tensor],
    *,
    tokenizer: Tokenizer,
    start: int,
    dictionary: Dictionary,
    feature: int,
) -> float:
    """A feature's mean activation over the tokens from `start` on that its dictionary applies to.

    Args:
        layers: [pos, d] at each layer that the dictionary reads.
    """
    kept = [pos for pos in tokenizer.tokenize(ids).used if pos >= start]
    if not kept:
        return 0.0
    read = [activation[kept].float() for activation in layers]
    x = read[0] if len(read) == 1 else torch.stack(read, 1)
    return float(np.sum(dictionary.encode(x, features=(feature,)).activations, dtype=np.float64) / len(kept))
