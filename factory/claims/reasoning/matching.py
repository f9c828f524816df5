"""What a later token must match: the closer of an open bracket, the verb of a far subject."""

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from factory.claims.answers import encode_text, prefers
from factory.claims.intervals import wilson_interval
from factory.claims.ngrams import NgramModel
from factory.corpus.agreement import agreement_items
from factory.corpus.nesting import BRACKETS, nesting_items
from gscope_widgets.mini.claim import Claim

SEED = 40  # of every item sampled here
NOTES = 150  # of each depth
AGREEMENTS = 400


def measure_brackets(model, tokenizer: Tokenizer, *, ngrams: NgramModel) -> Claim:
    """T6, brackets: which closer is likeliest where two or three brackets are open."""
    items = [item for depth in (2, 3) for item in nesting_items(SEED, NOTES, depth=depth)]
    prompts, answers = [item.prompt for item in items], [item.answer for item in items]
    right = prefers(model, tokenizer, prompts, answers, [item.alternatives for item in items])
    guess = _ngram_prefers(ngrams, tokenizer, prompts, answers, [item.alternatives for item in items])
    shallow = list(nesting_items(SEED, NOTES, depth=1))
    depths = np.array([item.depth for item in items])
    outermost = [BRACKETS[item.outer[0]][1] == item.answer.strip() for item in items]
    value = float(right.mean())
    return Claim(
        id="T6-brackets",
        claim="mini closes the bracket that is open, two and three deep.",
        metric="share of places where the right one of the four closers is the likeliest of them",
        value=value,
        interval=wilson_interval(int(right.sum()), len(right)),
        n=len(right),
        seeds=(SEED,),
        control={"five_gram": float(guess.mean()), "closer_of_the_outermost": float(np.mean(outermost))},
        threshold="value >= 0.9 at depth 2 and deeper",
        passed=value >= 0.9,
        details={
            "by_depth": {str(depth): float(right[depths == depth].mean()) for depth in (2, 3)},
            "depth_1": float(
                prefers(
                    model,
                    tokenizer,
                    [item.prompt for item in shallow],
                    [item.answer for item in shallow],
                    [item.alternatives for item in shallow],
                ).mean()
            ),
        },
    )


def measure_agreement(model, tokenizer: Tokenizer, *, ngrams: NgramModel) -> Claim:
    """T6, agreement: the verb after a noun of the other number that stands between it and its subject."""
    items = agreement_items(SEED, AGREEMENTS)
    prompts, rights = [item.prompt for item in items], [item.right for item in items]
    wrongs = [(item.wrong,) for item in items]
    right = prefers(model, tokenizer, prompts, rights, wrongs)
    guess = _ngram_prefers(ngrams, tokenizer, prompts, rights, wrongs)
    between = np.array([item.attractor for item in items])
    value, control = float(right[between].mean()), float(guess[between].mean())
    return Claim(
        id="T6-agreement",
        claim="mini makes a verb agree with its subject across nouns of the other number.",
        metric="share of prompts with such nouns where the right form is likelier than the wrong one",
        value=value,
        interval=wilson_interval(int(right[between].sum()), int(between.sum())),
        n=int(between.sum()),
        seeds=(SEED,),
        control={"five_gram": control},
        threshold="value >= 0.9 where a 5-gram model stays <= 0.6",
        passed=value >= 0.9 and control <= 0.6,
        details={
            "same_number_between": float(right[~between].mean()),
            "five_gram_same_number_between": float(guess[~between].mean()),
            "by_number": {
                number: float(right[between & np.array([item.number == number for item in items])].mean())
                for number in ("singular", "plural")
            },
        },
    )


def _ngram_prefers(
    ngrams: NgramModel, tokenizer: Tokenizer, prompts: Sequence[str], right: Sequence[str], wrong: Sequence
) -> np.ndarray:
    """Whether an n-gram model finds the right answer likeliest, float64 [item]: 1, 0, or an equal part of a tie."""
    best = _ngram_losses(ngrams, tokenizer, prompts, right)
    flat = [(at, answer) for at, answers in enumerate(wrong) for answer in answers]
    rivals = _ngram_losses(ngrams, tokenizer, [prompts[at] for at, _ in flat], [answer for _, answer in flat])
    lower, equal = np.zeros(len(prompts)), np.zeros(len(prompts))
    for (at, _), rival in zip(flat, rivals, strict=True):
        lower[at] += rival < best[at]
        equal[at] += rival == best[at]
    return np.where(lower > 0, 0, 1 / (1 + equal))


def _ngram_losses(
    ngrams: NgramModel, tokenizer: Tokenizer, prompts: Sequence[str], answers: Sequence[str]
) -> np.ndarray:
    """Loss of each whole answer, in nats, float64 [item]."""
    before = ngrams.order - 1
    rows = []
    for prompt, answer in zip(prompts, answers, strict=True):
        ids, start = encode_text(tokenizer, prompt + answer), len(encode_text(tokenizer, prompt))
        rows.append(ids[max(start - before, 0) :])
    losses = np.zeros(len(rows))
    for length in {len(row) for row in rows}:
        chosen = [at for at, row in enumerate(rows) if len(row) == length]
        losses[chosen] = ngrams.loss(np.array([rows[at] for at in chosen])).sum(1)
    return losses
