"""Right answers counted: a model's greedy answers to prompts, whole or with parts of its attention cut off."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer

from factory.training.places import find_point
from factory.training.tokenizer import SPECIAL_IDS
from gscope_widgets.runtime.gemma.hooks import edit

BOS, PAD = SPECIAL_IDS["<bos>"], SPECIAL_IDS["<pad>"]
TOKENS_A_BATCH = 8192  # about 130 MB of float32 logits


@dataclass(frozen=True)
class Answered:
    """Prompts with the answers that a model was scored on."""

    exact: np.ndarray  # bool, [item]: the greedy continuation begins with the answer, token for token
    log_probability: np.ndarray  # float64, [item]: of the whole answer, in nats


@contextmanager
def zeroed_heads(model, layer: int, heads: Sequence[int] | None = None) -> Iterator[None]:
    """While open, the given heads of a layer (all by default) add nothing to the residual stream."""
    width = model.config.head_dim
    chosen = range(model.config.num_attention_heads) if heads is None else heads

    def zero(x: torch.Tensor) -> torch.Tensor:
        kept = x.clone()
        for head in chosen:
            kept[..., head * width : (head + 1) * width] = 0
        return kept

    with edit(find_point(model, ("attn_out", layer)), zero):
        yield


@contextmanager
def windowed(model, layer: int, *, keep_first: int = 0) -> Iterator[None]:
    """While open, a global layer sees what a local one sees: the last `sliding_window` positions.

    Args:
        keep_first: how many of the row's first positions stay in sight all the same; 1 keeps BOS.
    """
    window = model.config.sliding_window

    def narrow(_module, args, kwargs):
        width = args[0].shape[1] if args else kwargs["hidden_states"].shape[1]
        return args, kwargs | {"attention_mask": _window_mask(width, window, keep_first)}

    # A mask is no activation: it comes by keyword, which the runtime's hooks leave alone.
    handle = model.model.layers[layer].self_attn.register_forward_pre_hook(narrow, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def _window_mask(width: int, window: int, keep_first: int) -> torch.Tensor:
    """Additive mask, float32 [1, 1, query, key]: 0 in sight, the lowest float elsewhere, as transformers builds it."""
    query, key = torch.arange(width)[:, None], torch.arange(width)[None, :]
    seen = (key <= query) & ((query - key < window) | (key < keep_first))
    return torch.where(seen, 0.0, torch.finfo(torch.float32).min)[None, None]


def encode_text(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of a text, BOS first."""
    return [BOS, *tokenizer.encode(text, add_special_tokens=False).ids]


@torch.inference_mode()
def score_answers(model, tokenizer: Tokenizer, prompts: Sequence[str], answers: Sequence[str], *edits) -> Answered:
    """How a model answers, read off one pass over each prompt with its right answer behind it.

    A greedy continuation begins with the answer exactly where every token of the answer is the
    likeliest one after those before it, so no token-by-token generation is needed.

    Args:
        prompts: without a space at the end.
        answers: one a prompt, each with its leading space.
        edits: functions of the model that give context managers, open during every pass.
    """
    rows = [encode_text(tokenizer, prompt + answer) for prompt, answer in zip(prompts, answers, strict=True)]
    starts = [len(encode_text(tokenizer, prompt)) for prompt in prompts]
    exact, total = np.zeros(len(rows), bool), np.zeros(len(rows))
    for part in _batches([len(row) for row in rows]):
        ids = _pad([rows[at] for at in part])
        with ExitStack() as stack:
            for change in edits:
                stack.enter_context(change(model))
            logits = model(input_ids=ids, use_cache=False).logits.float()
        for line, at in enumerate(part):
            wanted = ids[line, starts[at] : len(rows[at])]
            found = logits[line, starts[at] - 1 : len(rows[at]) - 1]
            exact[at] = bool((found.argmax(-1) == wanted).all())
            total[at] = float(found.log_softmax(-1).gather(-1, wanted[:, None]).sum())
    return Answered(exact, total)


def greedy_hits(model, tokenizer: Tokenizer, items: Sequence, *edits) -> np.ndarray:
    """Whether the greedy continuation of each item's `prompt` begins with its `answer`, bool [item]."""
    return score_answers(
        model, tokenizer, [item.prompt for item in items], [item.answer for item in items], *edits
    ).exact


def prefers(model, tokenizer: Tokenizer, prompts: Sequence[str], right: Sequence[str], wrong: Sequence) -> np.ndarray:
    """Whether the right answer is likelier than every wrong one, bool [item].

    Args:
        wrong: for each prompt a sequence of answers.
    """
    best = score_answers(model, tokenizer, prompts, right).log_probability
    flat = [(at, answer) for at, answers in enumerate(wrong) for answer in answers]
    rivals = score_answers(model, tokenizer, [prompts[at] for at, _ in flat], [answer for _, answer in flat])
    highest = np.full(len(prompts), -np.inf)
    np.maximum.at(highest, [at for at, _ in flat], rivals.log_probability)
    return best > highest


@torch.inference_mode()
def token_losses(model, ids: torch.Tensor, *edits) -> np.ndarray:
    """Next-token loss in nats of full rows of ids, float64 [row, pos - 1]."""
    losses = []
    for part in ids.split(max(1, TOKENS_A_BATCH // ids.shape[1])):
        with ExitStack() as stack:
            for change in edits:
                stack.enter_context(change(model))
            log_probabilities = model(input_ids=part, use_cache=False).logits[:, :-1].float().log_softmax(-1)
        losses.append(-log_probabilities.gather(-1, part[:, 1:, None])[..., 0].double().numpy())
    return np.concatenate(losses)


def _batches(lengths: list[int]) -> Iterator[list[int]]:
    """Indices in batches of rows of like length."""
    batch: list[int] = []
    for at in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[at] > TOKENS_A_BATCH:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def _pad(rows: list[list[int]]) -> torch.Tensor:
    """int64, [row, pos], padded on the right, where no earlier token can see it."""
    width = max(map(len, rows))
    return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])
