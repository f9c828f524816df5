"""Next tokens, one step at a time, for several rows of one prompt at once."""

import codecs
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import torch
from transformers import Cache

from gscope_widgets.errors import GscopeError
from gscope_widgets.records.generation import (
    ControlDistribution,
    Ending,
    GeneratedToken,
    SamplingPlan,
    TokenChance,
    TokenDistribution,
)
from gscope_widgets.records.interventions import Intervention
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.prefix import name_cache
from gscope_widgets.runtime.gemma.tokens import Tokenizer, byte_value

_ALTERNATIVES = 5


def generate_rows(
    loaded: LoadedModel,
    ids: Sequence[int],
    *,
    rows: int,
    plan: SamplingPlan,
    prefill: Callable[[], tuple[torch.Tensor, Cache]],
    steer: Callable[[int], AbstractContextManager[None]],
    seeds: Sequence[int] | None = None,
    trace: Callable[[], np.ndarray] | None = None,
) -> Generator[list[GeneratedToken | None], None, Ending]:
    """Continue one prompt in several rows, decoded as one batch.

    Args:
        ids: the prompt.
        rows: how many continuations; a row's interventions are `steer`'s business.
        plan: how tokens are drawn.
        prefill: runs the prompt in every row (`Prompts.run`): logits of the token that follows, float32,
            [rows, d_vocab], and the keys and values to go on with.
        steer: gives the context to run a forward pass after the prompt in; called with the position of its token.
        seeds: one a row, in place of the plan's. Rows of one seed see the same random numbers, whatever other rows
            there are: a row of a batch is the row alone, to the rounding of sums.
        trace: gives what was read in the last pass, float32, [rows, features, pos], to go with the tokens. A token's
            own pass is the one after it was drawn, so each is yielded when that has run, the last one too.

    Yields:
        At each step one token a row, None for a row that has ended.

    Returns:
        Why it ended: "length", "end of text" or "context full".
    """
    seeds = [plan.seed] * rows if seeds is None else list(seeds)
    generators = {seed: torch.Generator().manual_seed(seed) for seed in seeds}
    decoders = [_RowDecoder(loaded.tokenizer) for _ in range(rows)]
    cache_name, ended = name_cache(loaded.model), [False] * rows
    room = loaded.info.context - len(ids)
    count = min(plan.max_new_tokens, room)
    logits, cache = prefill()
    check_finite(logits)
    for step in range(count):
        drawn = {seed: torch.rand(1, generator=generator) for seed, generator in generators.items()}
        chosen = draw_tokens(logits, plan=plan, uniform=torch.stack([drawn[seed] for seed in seeds]))
        last = step + 1 == count
        tokens: list[GeneratedToken | None] = []
        for row, token_id in enumerate(chosen.tolist()):
            if not ended[row] and token_id in loaded.end_ids:
                ended[row] = True
            tokens.append(None if ended[row] else decoders[row].token(step, token_id, logits[row], last=last))
        if all(ended):
            return "end of text"
        if trace is None:
            yield tokens
        if not last or trace is not None:
            with steer(len(ids) + step):
                outputs = loaded.model(
                    input_ids=chosen[:, None], use_cache=True, logits_to_keep=1, **{cache_name: cache}
                )
            logits, cache = outputs.logits[:, -1].float(), outputs[cache_name]
            check_finite(logits)
        if trace is not None:
            yield [
                None if token is None else _add_activations(token, values, loaded.tokenizer)
                for token, values in zip(tokens, trace()[:, :, -1], strict=True)
            ]
    return "length" if plan.max_new_tokens <= room else "context full"


def draw_tokens(logits: torch.Tensor, *, plan: SamplingPlan, uniform: torch.Tensor | float) -> torch.Tensor:
    """One token id a row: the likeliest, or by inverse transform of a uniform number.

    Args:
        logits: float32, [rows, d_vocab].
        uniform: in [0, 1): one for all rows, or [rows, 1]. Sharing one couples rows: equal distributions give
            equal tokens.
    """
    if plan.temperature == 0:
        return logits.argmax(-1)
    # The likeliest at 0, in double precision: no temperature above 0 then overflows.
    scaled = (logits - logits.amax(-1, keepdim=True)).double() / plan.temperature
    probabilities = scaled.softmax(-1)
    if plan.top_p < 1:
        ordered, order = probabilities.sort(descending=True)
        outside = ordered.cumsum(-1) - ordered >= plan.top_p
        probabilities = probabilities.scatter(-1, order, ordered.masked_fill(outside, 0))
    mass = probabilities.cumsum(-1)
    wanted = torch.as_tensor(uniform, dtype=mass.dtype, device=mass.device) * mass[:, -1:]
    return torch.searchsorted(mass, wanted, right=True).squeeze(-1).clamp(max=logits.shape[-1] - 1)


def list_chances(tokenizer: Tokenizer, logits: torch.Tensor, *, ids: Sequence[int]) -> tuple[TokenChance, ...]:
    """Probability and logit of the given tokens under float32 logits [d_vocab]."""
    probabilities = logits.softmax(-1)
    return tuple(
        TokenChance(
            int(token_id), tokenizer.describe(token_id), float(probabilities[token_id]), float(logits[token_id])
        )
        for token_id in ids
    )


def compare_next(
    tokenizer: Tokenizer,
    tokens: Tokens,
    *,
    k: int,
    baseline: torch.Tensor,
    changed: torch.Tensor,
    interventions: tuple[Intervention, ...],
    controls: Sequence[tuple[Intervention, torch.Tensor]] = (),
) -> TokenDistribution:
    """The `k` likeliest tokens of both runs, which are one run where there are no interventions.

    Args:
        baseline: float32 logits, [d_vocab]; `changed` alike, and those of each control.
    """
    top_changed, top_unchanged = (logits.topk(k).indices.tolist() for logits in (changed, baseline))
    union = list(dict.fromkeys([*top_changed, *top_unchanged]))
    old = baseline.double().log_softmax(-1)
    return TokenDistribution(
        tokens=tokens,
        interventions=interventions,
        chances=list_chances(tokenizer, changed, ids=top_changed),
        pairs=tuple(
            zip(list_chances(tokenizer, baseline, ids=union), list_chances(tokenizer, changed, ids=union), strict=True)
        ),
        kl=_diverge(changed, old) if interventions else 0.0,
        controls=tuple(
            ControlDistribution(one, list_chances(tokenizer, logits, ids=union), _diverge(logits, old))
            for one, logits in controls
        ),
    )


def _diverge(changed: torch.Tensor, old: torch.Tensor) -> float:
    """KL of logits, [d_vocab], from log-probabilities, float64, in nats."""
    new = changed.double().log_softmax(-1)
    return max(0.0, float((new.exp() * (new - old)).sum()))


def _add_activations(token: GeneratedToken, values: np.ndarray, tokenizer: Tokenizer) -> GeneratedToken:
    silent = tokenizer.is_untrained(token.id)
    return replace(token, activations=tuple((np.zeros_like(values) if silent else values).tolist()))


class _RowDecoder:
    """Turns one row's ids into text as they come, holding back half-made characters."""

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")

    def token(self, step: int, token_id: int, logits: torch.Tensor, *, last: bool) -> GeneratedToken:
        value = byte_value(self._tokenizer.describe(token_id))
        if value is None:
            text = self._bytes.decode(b"", final=True) + self._tokenizer.decode([token_id])
        else:
            text = self._bytes.decode(bytes([value]), final=last)
        best = logits.topk(min(_ALTERNATIVES, len(logits))).indices.tolist()
        chances = list_chances(self._tokenizer, logits, ids=best)
        return GeneratedToken(step, token_id, text, float(logits.log_softmax(-1)[token_id]), chances)


def check_finite(logits: torch.Tensor) -> None:
    """Refuse logits that hold NaN or infinity.

    Raises:
        GscopeError: they do.
    """
    if not torch.isfinite(logits).all():
        raise GscopeError(
            "the model's output is not finite; a smaller strength, or a wider dtype such as float32, may help"
        )
