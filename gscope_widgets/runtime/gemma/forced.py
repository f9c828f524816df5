"""Teacher-forced passes: what a model makes of texts that are given, in blocks of bounded memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass

import torch

from gscope_widgets.runtime.gemma.hooks import capture
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.sites import HookPoint
from gscope_widgets.runtime.gemma.unembedding import unembed

PASS_TOKENS = 4096  # in one pass through the layers, rows together
_BLOCK = 4_000_000  # numbers in one dense block of logits: 32 MB in the double precision that they are compared in


@dataclass(frozen=True)
class ForcedPass:
    """One pass over several texts, from which logits are made where they are wanted, a block at a time."""

    hidden: torch.Tensor  # [rows, pos, d_model], after the final norm; padding behind shorter texts means nothing
    captured: dict[str, torch.Tensor]  # by hook point: [rows, pos, d]


def run_forced(
    loaded: LoadedModel,
    texts: Sequence[Sequence[int]],
    *,
    steer: Callable[[int], AbstractContextManager[None]] = lambda _first: nullcontext(),
    points: Sequence[HookPoint] = (),
) -> ForcedPass:
    """Run texts as one batch, without a cache. Nothing behind a position reaches it, so they are padded behind.

    Args:
        texts: token ids, one list a row.
        steer: gives the context to run the pass in; called with 0, the position of its first token.
        points: whose activations are wanted.
    """
    longest = max(map(len, texts))
    inputs = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in texts], device=loaded.info.device)
    with ExitStack() as stack:
        captured = {point.name: stack.enter_context(capture(point)) for point in points}
        stack.enter_context(steer(0))
        hidden = loaded.text_model(input_ids=inputs, use_cache=False).last_hidden_state
    return ForcedPass(hidden, {name: found[-1] for name, found in captured.items()})


def split_rows(texts: Sequence[Sequence[int]]) -> Iterator[slice]:
    """Rows that go through the layers together, at most `PASS_TOKENS` tokens at a time."""
    rows = max(1, PASS_TOKENS // max(map(len, texts), default=1))
    for start in range(0, len(texts), rows):
        yield slice(start, start + rows)


def compare_predictions(
    loaded: LoadedModel, ids: Sequence[int], *, start: int, baseline: torch.Tensor, changed: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """How well a text's tokens from `start` on are predicted, and by how much a change moved the predictions.

    Args:
        ids: the text, [pos].
        start: 1 or more.
        baseline: [pos or more, d_model], its row of `ForcedPass.hidden` in the unchanged model.
        changed: the same in the changed model; None where nothing is changed.

    Returns:
        Log probability of each token under the unchanged model, and KL of the changed from the unchanged
        distribution that it was drawn from, in nats: float64, [pos - start] each.
    """
    count = len(ids) - start
    logprobs, kl = torch.zeros(count, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    targets = torch.tensor(list(ids[start:]))
    step = max(1, _BLOCK // loaded.info.vocabulary)
    for first in range(0, count, step):
        block = slice(first, min(first + step, count))
        before = slice(start - 1 + block.start, start - 1 + block.stop)
        old = unembed(loaded, baseline[before]).double().log_softmax(-1)
        wanted = targets[block].to(old.device)[:, None]
        logprobs[block] = old.gather(1, wanted).squeeze(1).cpu()
        if changed is not None:
            new = unembed(loaded, changed[before]).double().log_softmax(-1)
            kl[block] = (new.exp() * (new - old)).sum(1).clamp(min=0).cpu()
    return logprobs, kl
