"""What a model answers, greedily: whole replies, and whether a reply begins with given words."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from tokenizers import Tokenizer

from gscope_widgets.mini.train.tokenizer import SPECIAL_IDS

BOS, EOS, PAD = SPECIAL_IDS["<bos>"], SPECIAL_IDS["<eos>"], SPECIAL_IDS["<pad>"]
STOPS = (EOS, SPECIAL_IDS["<end_of_turn>"])
ROWS = 64  # prompts a batch

Edit = Callable[[torch.Tensor], torch.Tensor]


@contextmanager
def edited(model, layer: int, edit: Edit | None) -> Iterator[None]:
    """While open, the residual stream after a layer, [row, pos, d_model], is what `edit` makes of it; BOS is kept."""

    def replace(_module, _inputs, output):
        x = output[0] if isinstance(output, tuple) else output
        new = torch.cat([x[:, :1], edit(x[:, 1:])], dim=1) if x.shape[1] > 1 else edit(x)
        return (new, *output[1:]) if isinstance(output, tuple) else new

    handle = model.model.layers[layer].register_forward_hook(replace) if edit else None
    try:
        yield
    finally:
        if handle:
            handle.remove()


def encode_prompt(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids of a prompt, BOS first."""
    return [BOS, *tokenizer.encode(text, add_special_tokens=False).ids]


@torch.inference_mode()
def generate_replies(model, tokenizer: Tokenizer, prompts: Sequence[str], *, new_tokens: int) -> list[str]:
    """Greedy replies, each up to the end of its turn, text or `new_tokens`."""
    order = sorted(range(len(prompts)), key=lambda at: len(prompts[at]))
    replies = [""] * len(prompts)
    for start in range(0, len(order), ROWS):
        part = order[start : start + ROWS]
        rows = [encode_prompt(tokenizer, prompts[at]) for at in part]
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


@torch.inference_mode()
def begins_with(
    model, tokenizer: Tokenizer, prompts: Sequence[str], words: str, *, layer: int = 0, edit: Edit | None = None
) -> torch.Tensor:
    """Whether greedy decoding would begin each reply with the words: bool, [prompt].

    One pass with the words given: they are the greedy reply where each of their tokens is the likeliest.
    """
    target = tokenizer.encode(words, add_special_tokens=False).ids
    answers = []
    with edited(model, layer, edit):
        for ids, lengths in _batches(tokenizer, prompts, target):
            best = model(input_ids=ids, use_cache=False).logits.argmax(-1)
            at = (lengths[:, None] - 1) + torch.arange(len(target))
            answers.append((best.gather(1, at) == torch.tensor(target)).all(1))
    return torch.cat(answers)


@torch.inference_mode()
def residuals(model, tokenizer: Tokenizer, prompts: Sequence[str], *, layer: int) -> list[torch.Tensor]:
    """The residual stream after a layer over each prompt without BOS: float32, [pos, d_model] each."""
    kept: list[torch.Tensor] = []

    def keep(x: torch.Tensor) -> torch.Tensor:
        kept.append(x.clone())
        return x

    found = []
    with edited(model, layer, keep):
        for ids, lengths in _batches(tokenizer, prompts, []):
            model(input_ids=ids, use_cache=False)
            found += [x[: length - 1] for x, length in zip(kept.pop(), lengths.tolist(), strict=True)]
    return found


def _batches(tokenizer: Tokenizer, prompts: Sequence[str], target: list[int]):
    """Ids padded on the right, and the length of each prompt with BOS and without the target."""
    for start in range(0, len(prompts), ROWS):
        rows = [encode_prompt(tokenizer, prompt) for prompt in prompts[start : start + ROWS]]
        width = max(map(len, rows)) + len(target)
        ids = [row + target + [PAD] * (width - len(row) - len(target)) for row in rows]
        yield torch.tensor(ids), torch.tensor([len(row) for row in rows])
