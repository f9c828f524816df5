"""Copying measured: random sequences that come again, and lists copied from within and beyond the window."""

import re
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from tokenizers import Tokenizer

from factory.claims.answers import (
    encode_text,
    greedy_hits,
    token_losses,
    windowed,
    zeroed_heads,
)
from factory.claims.intervals import bootstrap_interval, wilson_interval
from factory.corpus.copies import CopyItem, copy_items
from gscope_widgets.mini.claim import Claim

SEED = 40  # of every item sampled here
REPEATED = 40  # tokens of a random sequence before it comes again: more than the window of 32
SEQUENCES = 64
COPIES = 200  # of each kind


def measure_induction(model, tokenizer: Tokenizer) -> Claim:
    """T6c: how much less a random sequence costs when it comes again, and which heads that hangs on."""
    repeated = _random_rows(tokenizer, again=True)
    drop = _repeat_gain(model, repeated)
    gain = float(drop.mean())
    removed = {
        f"{layer}.{head}": 1 - float(_repeat_gain(model, repeated, _zeroing(layer, [head])).mean()) / gain
        for layer in range(model.config.num_hidden_layers)
        for head in range(model.config.num_attention_heads)
    }
    needed = [name for name, share in removed.items() if gain >= 1 and share >= 0.5]
    return Claim(
        id="T6c",
        claim="mini predicts a random sequence of tokens better when it comes again, by heads that can be named.",
        metric="fall of the loss from the first to the second occurrence, in nats a token",
        value=gain,
        interval=bootstrap_interval(drop, seed=SEED),
        n=len(drop),
        seeds=(SEED,),
        control={
            "another_sequence_instead": float(_repeat_gain(model, _random_rows(tokenizer, again=False)).mean()),
            "share_removed_without_a_head": removed,
        },
        threshold="value >= 1, and at least one head without which half of it or more is gone",
        passed=gain >= 1 and bool(needed),
        details={"needed_heads": needed, "tokens": REPEATED},
    )


def _zeroing(layer: int, heads: Sequence[int] | None = None):
    return partial(zeroed_heads, layer=layer, heads=heads)


def _random_rows(tokenizer: Tokenizer, *, again: bool) -> torch.Tensor:
    """int64, [SEQUENCES, 1 + 2 * REPEATED]: BOS, random word pieces, then the same or others."""
    generator = np.random.default_rng(SEED)
    pieces = sorted(index for piece, index in tokenizer.get_vocab().items() if re.fullmatch(r"▁?[A-Za-z]+", piece))
    sequences = np.stack([generator.choice(pieces, 2 * REPEATED, replace=False) for _ in range(SEQUENCES)])
    second = sequences[:, :REPEATED] if again else sequences[:, REPEATED:]
    bos = np.full((SEQUENCES, 1), encode_text(tokenizer, "")[0])
    return torch.from_numpy(np.concatenate([bos, sequences[:, :REPEATED], second], axis=1))


def _repeat_gain(model, rows: torch.Tensor, *edits) -> np.ndarray:
    """Loss of the first half less that of the second, [row], without the first token of each half."""
    losses = token_losses(model, rows, *edits)
    return losses[:, 1:REPEATED].mean(1) - losses[:, REPEATED + 1 :].mean(1)


def _global_layer(model) -> int:
    return model.config.layer_types.index("full_attention")


def measure_far_copies(model, tokenizer: Tokenizer) -> Claim:
    """T6d: copies from beyond the window, with the global layer whole and with its sight cut to the window."""
    window, whole = model.config.sliding_window, _global_layer(model)
    items = [item for kind in ("near", "far", "run") for item in copy_items(SEED, COPIES, kind=kind)]
    reach = np.array([_token_distance(tokenizer, item) for item in items])
    far = [item for item, distance in zip(items, reach, strict=True) if distance >= window]
    near = [item for item, distance in zip(items, reach, strict=True) if distance < window - 1]

    def share(wanted: list[CopyItem], *edits) -> float:
        return float(greedy_hits(model, tokenizer, wanted, *edits).mean())

    intact, cut = greedy_hits(model, tokenizer, far), partial(windowed, layer=whole)
    values = {
        "far": float(intact.mean()),
        "far_cut": share(far, cut),
        "near": share(near),
        "near_cut": share(near, cut),
        "far_cut_but_bos": share(far, partial(windowed, layer=whole, keep_first=1)),
    }
    without = {
        str(layer): {"far": share(far, _zeroing(layer)), "near": share(near, _zeroing(layer))}
        for layer in range(model.config.num_hidden_layers)
        if layer != whole
    }
    return Claim(
        id="T6d",
        claim="mini copies from beyond the local window, and needs its one global layer to do so.",
        metric="share of items of a list said again that are told right, first occurrence beyond the window",
        value=values["far"],
        interval=wilson_interval(int(intact.sum()), len(far)),
        n=len(far),
        seeds=(SEED,),
        control={"near": values["near"], "near_cut": values["near_cut"], "without_a_local_layer": without},
        threshold="value >= 0.8, <= 0.3 with the global layer cut to the window, near copies lose <= 0.05 by the cut",
        passed=values["far"] >= 0.8 and values["far_cut"] <= 0.3 and values["near"] - values["near_cut"] <= 0.05,
        details={
            **values,
            "far_cut_interval": wilson_interval(round(values["far_cut"] * len(far)), len(far)),
            "near_n": len(near),
            "global_layer": whole,
            "median_tokens_back": float(np.median(reach[reach >= window])),
        },
    )


def _token_distance(tokenizer: Tokenizer, item: CopyItem) -> int:
    """Tokens from the end of the prompt back to the answer's first occurrence; under the window, it is in sight."""
    before = len(encode_text(tokenizer, item.prompt[: item.first].rstrip()))
    return len(encode_text(tokenizer, item.prompt)) - 1 - before
