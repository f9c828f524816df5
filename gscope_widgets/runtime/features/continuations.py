"""Continuations of one prompt in many rows, and what the unchanged model makes of each."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from gscope_widgets.records.generation import Ending, GeneratedToken, SamplingPlan
from gscope_widgets.records.interventions import Intervention
from gscope_widgets.records.rows import Row
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.features.steering import Steering
from gscope_widgets.runtime.gemma.forced import compare_predictions, run_forced, split_rows
from gscope_widgets.runtime.gemma.generation import generate_rows
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.prefix import Prompts
from gscope_widgets.runtime.gemma.sites import HookPoint

Steer = Callable[[Sequence[Sequence[Intervention]]], Steering]  # for one prompt, by row
# A number from a whole text's ids and its activations, [pos, d] at each of the points asked for.
Observe = Callable[[Sequence[int], Sequence[torch.Tensor]], float]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Continuation:
    """One row as it was generated."""

    row: Row
    tokens: tuple[GeneratedToken, ...]
    ended: Ending

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


def continue_rows(
    prompts: Prompts, prompt: Tokens, rows: Sequence[Row], *, plan: SamplingPlan, steer: Steer
) -> Generator[float, None, list[Continuation]]:
    """Continue a prompt in one batch; yields the share that is done after each token.

    Args:
        plan: its seed is not used: each row has its own.
    """
    steering = steer([row.interventions for row in rows])
    steering.require_reach(len(prompt) + plan.max_new_tokens)
    seeds = [row.seed for row in rows]
    made: list[list[GeneratedToken]] = [[] for _ in rows]
    steps = generate_rows(
        prompts.loaded,
        prompt.ids,
        rows=len(rows),
        plan=plan,
        prefill=lambda: prompts.steer(prompt.ids, steering),
        steer=steering.applied,
        seeds=seeds,
    )
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
        yield count / plan.max_new_tokens
    return [
        Continuation(row, tuple(tokens), ended if len(tokens) == count else "end of text")
        for row, tokens in zip(rows, made, strict=True)
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
    scores: list[Score] = []
    for block in split_rows(texts):
        interventions = [one.row.interventions for one in continuations[block]]
        baseline = run_forced(loaded, texts[block], points=points)
        changed = None
        if steer is not None and any(interventions):
            changed = run_forced(loaded, texts[block], steer=steer(interventions).applied).hidden
        for row, ids in enumerate(texts[block]):
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
        yield len(scores) / len(texts)
    return scores


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
