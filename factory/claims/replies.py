"""What a model answers, greedily: whole replies, and whether a reply begins with given words."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from factory.claims.answers import encode_text
from factory.training.places import find_point
from factory.training.tokenizer import SPECIAL_IDS
from gscope_widgets.runtime.gemma import hooks
from gscope_widgets.runtime.gemma.hooks import capture
from gscope_widgets.runtime.gemma.sites import HookPoint

BOS, EOS, PAD = SPECIAL_IDS["<bos>"], SPECIAL_IDS["<eos>"], SPECIAL_IDS["<pad>"]
STOPS = (EOS, SPECIAL_IDS["<end_of_turn>"])
ROWS = 64  # prompts a batch

Edit = Callable[[torch.Tensor], torch.Tensor]


@contextmanager
def edited(model, layer: int, edit: Edit | None) -> Iterator[None]:
    """While open, the residual stream after a layer, [row, pos, d_model], is what `edit` makes of it; BOS is kept."""
    if edit is None:
        yield
        return
    embedded = HookPoint(model.model.embed_tokens, "input", "model.embed_tokens.input")
    with capture(embedded) as ids:

        def edit_text(x: torch.Tensor) -> torch.Tensor:
            return torch.where((ids.pop() == BOS)[..., None], x, edit(x))

        with hooks.edit(find_point(model, ("resid_post", layer)), edit_text):
            yield


@torch.inference_mode()
def generate_replies(model, tokenizer: Tokenizer, prompts: Sequence[str], *, new_tokens: int) -> list[str]:
    """Greedy replies, each up to the end of its turn, text or `new_tokens`."""
    order = sorted(range(len(prompts)), key=lambda at: len(prompts[at]))
    replies = [""] * len(prompts)
    for start in range(0, len(order), ROWS):
        part = order[start : start + ROWS]
        rows = [encode_text(tokenizer, prompts[at]) for at in part]
        width = max(map(len, rows))
        ids = torch.tensor([[PAD] * (width - len(row)) + row for row in rows])
        out = model.generate(
            input_ids=ids,
            attention_mask=(ids != PAD).long(),
            max_new_tokens=new_tokens,
            do_sample=False,
            eos_token_id=list(STOPS),
            pad_token_id=PAD,
        )
        for at, row in zip(part, out[:, width:].tolist(), strict=True):
            end = next((index for index, token in enumerate(row) if token in (*STOPS, PAD)), len(row))
            replies[at] = tokenizer.decode(row[:end])
    return replies


@dataclass(frozen=True)
class Openings:
    """Whether, and how likely, replies begin with given words."""

    greedy: torch.Tensor  # bool, [prompt]: greedy decoding writes the words
    log_probability: torch.Tensor  # float32, [prompt], of the words, in nats

    @property
    def share(self) -> float:
        """Share of prompts whose greedy reply begins so, 0 to 1."""
        return float(self.greedy.float().mean())


@torch.inference_mode()
def read_openings(
    model, tokenizer: Tokenizer, prompts: Sequence[str], words: str, *, layer: int = 0, edit: Edit | None = None
) -> Openings:
    """How replies would begin, by one pass with the words given.

    The words are what greedy decoding writes where each of their tokens is the likeliest after
    those before it.
    """
    target = torch.tensor(tokenizer.encode(words, add_special_tokens=False).ids)
    greedy = torch.zeros(len(prompts), dtype=torch.bool)
    log_probability = torch.zeros(len(prompts))
    with edited(model, layer, edit):
        for part, ids, lengths in _batches(tokenizer, prompts, target.tolist()):
            hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
            at = (lengths[:, None] - 1) + torch.arange(len(target))
            logits = model.lm_head(hidden[torch.arange(len(part))[:, None], at])
            greedy[part] = (logits.argmax(-1) == target).all(1)
            chosen = logits.log_softmax(-1).gather(-1, target.expand(len(part), -1)[..., None])
            log_probability[part] = chosen.sum((1, 2))
    return Openings(greedy, log_probability)


@torch.inference_mode()
def residuals(model, tokenizer: Tokenizer, prompts: Sequence[str], *, layer: int) -> list[torch.Tensor]:
    """The residual stream after a layer over each prompt without BOS: float32, [pos, d_model] each."""
    kept: list[torch.Tensor] = []

    def keep(x: torch.Tensor) -> torch.Tensor:
        kept.append(x.clone())
        return x

    found: dict[int, torch.Tensor] = {}
    with edited(model, layer, keep):
        for part, ids, lengths in _batches(tokenizer, prompts, []):
            model.model(input_ids=ids, use_cache=False)
            for at, x, length in zip(part, kept.pop(), lengths.tolist(), strict=True):
                found[at] = x[1:length]
    return [found[at] for at in range(len(prompts))]


def _batches(tokenizer: Tokenizer, prompts: Sequence[str], target: list[int]):
    """Prompts of like length together: their numbers, ids padded on the right, and lengths without the target."""
    rows = [encode_text(tokenizer, prompt) for prompt in prompts]
    order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
    for start in range(0, len(order), ROWS):
        part = order[start : start + ROWS]
        width = len(rows[part[-1]]) + len(target)
        ids = [rows[at] + target + [PAD] * (width - len(rows[at]) - len(target)) for at in part]
        yield part, torch.tensor(ids), torch.tensor([len(rows[at]) for at in part])
