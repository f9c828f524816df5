"""G1: how well mini predicts held-out text; and the group of claims on text."""

from collections.abc import Iterable
from itertools import islice

import numpy as np
import torch
from tokenizers import Tokenizer

from factory.claims.evaluation import Evaluation
from factory.claims.intervals import RESAMPLES
from factory.claims.ngrams import NgramModel
from factory.claims.sample import DOCUMENTS
from factory.claims.text.openings import measure_samples
from factory.claims.text.surprisal import measure_surprisal
from factory.corpus import REGISTERS, Document, generate_documents
from factory.training.corpus_tokens import BOS, EOS, HELD_OUT_SEED, PAD
from gscope_widgets.mini.claim import Claim

ROWS_A_PASS = 32
NGRAMS = {"bigram": 2, "trigram": 3, "five_gram": 5}
SKIPPED = max(NGRAMS.values()) - 1  # tokens at the head of a row that the longest n-gram cannot score


def measure_losses(evaluation: Evaluation, *, documents: int = DOCUMENTS) -> list[Claim]:
    """G1 and G2 of mini; about four minutes on two cores, most of it writing and counting the training text."""
    return [measure_loss(evaluation, documents=documents), measure_samples(evaluation)]


def measure_loss(evaluation: Evaluation, *, documents: int = DOCUMENTS) -> Claim:
    """G1: held-out loss beside n-grams fitted on the same training tokens, and beside the generator's own choices."""
    model, tokenizer, build = evaluation.model(), evaluation.tokenizer, evaluation.build
    ngrams = {name: evaluation.ngrams.shorten(order) for name, order in NGRAMS.items()}
    texts = {
        "held_out": generate_documents(HELD_OUT_SEED),
        "unseen_templates": generate_documents(HELD_OUT_SEED, templates="unseen"),
    }
    losses = {}
    for name, source in texts.items():
        rows = document_rows(tokenizer, islice(source, documents), head=(BOS,), context=build.recipe.context)
        losses[name] = score_rows(model, ngrams, rows)
    gap = measure_generator_gap(evaluation, documents=documents)
    return judge_loss(losses, gap)


def judge_loss(losses: dict[str, dict[str, np.ndarray]], gap: dict) -> Claim:
    """G1 from losses by text and predictor, nats [row, token] with NaN where there is no token."""
    gains = {name: _gain(found) for name, found in losses.items()}
    summary = {
        name: {who: float(np.nanmean(values)) for who, values in found.items()} for name, found in losses.items()
    }
    gain = gains["held_out"]
    interval = mean_interval(gain)
    unseen = mean_interval(gains["unseen_templates"])
    return Claim(
        id="G1",
        claim="mini predicts its text better than short word patterns do",
        metric="held-out loss of the best n-gram model (2, 3 or 5 tokens) minus mini's, nats a token",
        value=float(np.nanmean(gain)),
        interval=interval,
        n=int(np.isfinite(gain).sum()),
        seeds=(HELD_OUT_SEED,),
        control={name: summary["held_out"][name] for name in NGRAMS},
        threshold="> 0 with its whole interval, on held-out text and on templates never trained on",
        passed=interval[0] > 0 and unseen[0] > 0,
        details={
            "loss": summary,
            "loss_interval": {name: mean_interval(found["model"]) for name, found in losses.items()},
            "documents": len(gain),
            "gain_on_unseen_templates": float(np.nanmean(gains["unseen_templates"])),
            "gain_on_unseen_templates_interval": unseen,
            "generator": gap,
        },
    )


def measure_generator_gap(evaluation: Evaluation, *, documents: int = DOCUMENTS) -> dict:
    """Mini's loss beside the surprisal of the generator's choices, nats a token, for documents that fit into a row.

    The choices bound the surprisal of the text from above: others may write the same text. So the
    true gap between mini and the generator is at least the one given, which may be below 0.
    """
    context = evaluation.build.recipe.context
    texts, nats = zip(*measure_surprisal(HELD_OUT_SEED, documents), strict=True)
    rows = document_rows(evaluation.tokenizer, texts, head=(BOS, EOS), context=context)
    whole = (rows == PAD).any(1) | (rows[:, -1] == EOS)
    loss = model_loss(evaluation.model(), rows)
    loss[:, 0] = np.nan  # the EOS that stands before the document
    table = np.stack([np.nansum(loss, 1), np.array(nats), np.isfinite(loss).sum(1)], 1)[whole]
    register = np.array([one.register for one in texts])
    by_register = {
        name: _compare(table[register[whole] == name]) | {"share_that_fits": float(whole[register == name].mean())}
        for name in REGISTERS
        if (register[whole] == name).any()
    }
    return _compare(table) | {"share_that_fits": float(whole.mean()), "by_register": by_register}


def document_rows(
    tokenizer: Tokenizer, documents: Iterable[Document], *, head: tuple[int, ...], context: int
) -> np.ndarray:
    """One document a row, int32 [row, context]: the head, its tokens, EOS; cut to the context or padded."""
    rows = []
    for encoding in tokenizer.encode_batch([one.text for one in documents]):
        row = [*head, *encoding.ids, EOS][:context]
        rows.append(row + [PAD] * (context - len(row)))
    return np.array(rows, np.int32)


def score_rows(model, ngrams: dict[str, NgramModel], rows: np.ndarray) -> dict[str, np.ndarray]:
    """Losses of the model and the n-grams on the same tokens, nats [row, pos - SKIPPED]; NaN on padding."""
    padding = rows[:, SKIPPED:] == PAD
    found = {"model": model_loss(model, rows)[:, SKIPPED - 1 :]}
    for name, ngram in ngrams.items():
        found[name] = np.where(padding, np.nan, ngram.loss(rows)[:, SKIPPED + 1 - ngram.order :])
    return found


@torch.inference_mode()
def model_loss(model, rows: np.ndarray) -> np.ndarray:
    """Next-token loss in nats, float64 [row, pos - 1]; NaN where the next token is padding."""
    found = []
    for start in range(0, len(rows), ROWS_A_PASS):
        ids = torch.from_numpy(rows[start : start + ROWS_A_PASS].astype(np.int64))
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        found.append(loss.view(len(ids), -1).double().numpy())
    return np.where(rows[:, 1:] == PAD, np.nan, np.concatenate(found))


def mean_interval(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean over tokens, [row, token] with NaN for none, by resampling rows."""
    sums, counts = np.nansum(values, 1), np.isfinite(values).sum(1)
    picks = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    low, high = np.quantile(sums[picks].sum(1) / counts[picks].sum(1), (0.025, 0.975))
    return float(low), float(high)


def _gain(found: dict[str, np.ndarray]) -> np.ndarray:
    """How far the model's loss is below that of the best n-gram model, token by token."""
    best = min(NGRAMS, key=lambda name: np.nanmean(found[name]))
    return found[best] - found["model"]


def _compare(table: np.ndarray) -> dict:
    """Loss and surprisal of choices a token, from sums of both and of tokens by document, [document, 3]."""
    loss, surprisal, tokens = table.sum(0)
    order = np.random.default_rng(0).integers(len(table), size=(RESAMPLES, len(table)))
    sums = table[order].sum(1)
    low, high = np.quantile((sums[:, 0] - sums[:, 1]) / sums[:, 2], (0.025, 0.975))
    return {
        "model": float(loss / tokens),
        "draws": float(surprisal / tokens),
        "model_minus_draws": float((loss - surprisal) / tokens),
        "interval": (float(low), float(high)),
        "documents": len(table),
    }
