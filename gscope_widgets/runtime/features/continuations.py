"""Continuations of one prompt in many rows, and what the unchanged model makes of each."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
import torch
from transformers import Cache

from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import Ending, GeneratedToken, SamplingPlan, Trace, build_trace
from gscope_widgets.records.interventions import Intervention
from gscope_widgets.records.rows import Row
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.features.steering import Steering
from gscope_widgets.runtime.gemma.forced import compare_predictions, run_forced, split_rows
from gscope_widgets.runtime.gemma.generation import generate_rows
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.prefix import Prompts
from gscope_widgets.runtime.gemma.sites import HookPoint
from gscope_widgets.runtime.memory import empty_caches
from gscope_widgets.runtime.shortage import is_shortage
from gscope_widgets.runtime.worker import release_frames

# A number from a whole text's ids and its activations, [pos, d] at each of the points asked for.
Observe = Callable[[Sequence[int], Sequence[torch.Tensor]], float]
# What one step made, by the number of the row.
OnStep = Callable[[Mapping[int, GeneratedToken]], object]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Steer(Protocol):
    """Makes interventions ready for one prompt, row by row, and for features that are read with them."""

    def __call__(self, rows: Sequence[Sequence[Intervention]], features: Sequence[FeatureRef] = (), /) -> Steering:
        """Of so many rows."""


@dataclass(frozen=True)
class Continuation:
    """One row as it was generated."""

    row: Row
    tokens: tuple[GeneratedToken, ...]
    ended: Ending
    trace: Trace | None  # of the features asked for, if any were

    @property
    def ids(self) -> tuple[int, ...]:
        """Of the generated tokens."""
        return tuple(token.id for token in self.tokens)

    @property
    def text(self) -> str:
        """What was generated."""
        return "".join(token.text for token in self.tokens)


@dataclass(frozen=True)
class Score:
    """What the unchanged model makes of one continuation."""

    logprobs: np.ndarray  # float32, [generated], nats: of each token
    kl: np.ndarray  # float32, [generated], nats: of the changed from the unchanged distribution; 0 without a change
    observed: float  # what `Observe` says of the text in the unchanged model; 0 without one


def decode_rows(
    prompts: Prompts,
    prompt: Tokens,
    steering: Steering,
    *,
    plan: SamplingPlan,
    seeds: Sequence[int],
    begin: Callable[[np.ndarray], None],
) -> Generator[list[GeneratedToken | None], None, Ending]:
    """Continue a prompt in one batch, a seed a row; see `generate_rows`.

    Args:
        begin: called once the prompt has been run with what was read of it: float32, [rows, features, pos].

    Raises:
        InvalidValue: an intervention changes nothing in a text of this length.
    """
    steering.require_reach(len(prompt) + plan.max_new_tokens)
    tracing = steering.tracing

    def prefill() -> tuple[torch.Tensor, Cache]:
        found = prompts.steer(prompt.ids, steering)
        begin(np.zeros((len(seeds), 0, len(prompt)), np.float32) if tracing is None else tracing.take())
        return found

    return generate_rows(
        prompts.loaded,
        prompt.ids,
        rows=len(seeds),
        plan=plan,
        prefill=prefill,
        steer=steering.applied,
        seeds=seeds,
        trace=None if tracing is None else tracing.take,
    )


def continue_rows(
    prompts: Prompts,
    prompt: Tokens,
    rows: Sequence[Row],
    *,
    plan: SamplingPlan,
    steer: Steer,
    features: Sequence[FeatureRef] = (),
    on_step: OnStep | None = None,
) -> Generator[float, None, list[Continuation]]:
    """Continue a prompt in one batch, in two where memory runs out; yields the share that is done after each token.

    Args:
        plan: its seed is not used: each row has its own.
        features: to be traced.
        on_step: called after each step with the tokens it made, by row; where a batch is made anew in halves, the
            first tokens come once more.
    """
    batch = partial(_continue_batch, prompts, prompt, plan=plan, steer=steer, features=features, on_step=on_step)
    made = yield from run_in_halves(batch, list(enumerate(rows)))
    return made


def _continue_batch(
    prompts: Prompts,
    prompt: Tokens,
    numbered: Sequence[tuple[int, Row]],
    *,
    plan: SamplingPlan,
    steer: Steer,
    features: Sequence[FeatureRef],
    on_step: OnStep | None,
) -> Generator[float, None, list[Continuation]]:
    rows = [row for _, row in numbered]
    steering = steer([row.interventions for row in rows], features)
    made: list[list[GeneratedToken]] = [[] for _ in rows]
    read: list[np.ndarray] = []
    steps = decode_rows(prompts, prompt, steering, plan=plan, seeds=[row.seed for row in rows], begin=read.append)
    count = 0
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            ended: Ending = end.value
            break
        count += 1
        for tokens, token in zip(made, step, strict=True):
            if token is not None:
                tokens.append(token)
        if on_step is not None:
            on_step({at: token for (at, _), token in zip(numbered, step, strict=True) if token is not None})
        yield count / plan.max_new_tokens
    return [
        Continuation(
            row,
            tuple(tokens),
            ended if len(tokens) == count else "end of text",
            build_trace(prompt, tokens, features, before) if features else None,
        )
        for row, tokens, before in zip(rows, made, read[0], strict=True)
    ]


def score_rows(
    loaded: LoadedModel,
    prompt: Tokens,
    continuations: Sequence[Continuation],
    *,
    steer: Steer | None = None,
    points: Sequence[HookPoint] = (),
    observe: Observe | None = None,
) -> Generator[float, None, list[Score]]:
    """Run each text through the unchanged model; yields the share that is done after each block of rows.

    Args:
        steer: to run each text through its own changed model too, for `Score.kl`.
        points: whose activations `observe` is given, in the unchanged model; they are not kept.
    """
    texts = [[*prompt.ids, *one.ids] for one in continuations]
    score = partial(_score_block, loaded, prompt, steer=steer, points=points, observe=observe)
    scores: list[Score] = []
    for block in split_rows(texts):
        steps = run_in_halves(score, continuations[block])
        stop = min(1.0, block.stop / len(texts))
        scores += yield from run_part(steps, start=block.start / len(texts), stop=stop)
    return scores


def _score_block(
    loaded: LoadedModel,
    prompt: Tokens,
    continuations: Sequence[Continuation],
    *,
    steer: Steer | None,
    points: Sequence[HookPoint],
    observe: Observe | None,
) -> Generator[float, None, list[Score]]:
    texts = [[*prompt.ids, *one.ids] for one in continuations]
    interventions = [one.row.interventions for one in continuations]
    scores: list[Score] = []
    baseline = run_forced(loaded, texts, points=points)
    changed = None
    if steer is not None and any(interventions):
        changed = run_forced(loaded, texts, steer=steer(interventions).applied).hidden
    for row, ids in enumerate(texts):
        logprobs, kl = compare_predictions(
            loaded,
            ids,
            start=len(prompt),
            baseline=baseline.hidden[row],
            changed=changed[row] if changed is not None and interventions[row] else None,
        )
        activations = [baseline.captured[point.name][row, : len(ids)] for point in points]
        observed = 0.0 if observe is None else observe(ids, activations)
        scores.append(Score(_to_float32(logprobs), _to_float32(kl), observed))
    yield 1.0
    return scores


def run_in_halves(
    work: Callable[[Sequence[Item]], Generator[float, None, list[Result]]], items: Sequence[Item]
) -> Generator[float, None, list[Result]]:
    """Work on all items at once; where memory runs out, empty the caches and work on one half after the other."""
    try:
        return (yield from work(items))
    except Exception as error:
        if len(items) < 2 or not is_shortage(error):
            raise
        release_frames(error)
    empty_caches()
    half = len(items) // 2
    first = yield from run_part(work(items[:half]), start=0.0, stop=half / len(items))
    second = yield from run_part(work(items[half:]), start=half / len(items), stop=1.0)
    return [*first, *second]


def run_part(steps: Generator[float, None, Result], *, start: float, stop: float) -> Generator[float, None, Result]:
    """Run steps that yield their own share as a part of some larger work, from `start` to `stop` of it."""
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        yield start + (stop - start) * share


def _to_float32(values: torch.Tensor) -> np.ndarray:
    return values.numpy().astype(np.float32)
