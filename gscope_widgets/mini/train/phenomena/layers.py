"""T1b and T1c: how the residual stream differs between the first token and others, and between layers."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from tokenizers import Tokenizer

from gscope_widgets.mini.corpus import CONCEPTS, Document, family_of, generate_documents
from gscope_widgets.mini.train.activations import Place, collect_activations
from gscope_widgets.mini.train.corpus_tokens import HELD_OUT_SEED, VALIDATION_SEED, label_rows, real_positions
from gscope_widgets.mini.train.family import LAYERS, MIDDLE
from gscope_widgets.mini.train.phenomena.record import Phenomenon, bootstrap_interval, wilson_interval
from gscope_widgets.mini.train.phenomena.rivals import score_columns
from gscope_widgets.mini.train.phenomena.sample import Laboratory, Sample
from gscope_widgets.mini.train.phenomena.truth import number_words

NORM_ROWS = 64
OUTLIER = 3.0  # times the median norm of other positions
SENSE_DOCUMENTS = 500  # with a planted word, of each seed
PLANTED = ("bank", "spring", "bark", "scale", "note", "light")
SEPARATED, GAIN, WORDS = 0.9, 0.15, 3
LEAST_TOKENS = 10  # of each sense, to be fitted or scored
RIDGE = 0.1  # of the mean variance; a word has a few hundred tokens for 160 weights


def measure_first_token(laboratory: Laboratory, sample: Sample) -> Phenomenon:
    """T1b: the norm of the residual stream at BOS over the median norm at text tokens, layer by layer."""
    rows = sample.rows.ids[:NORM_ROWS]
    norms = residual_norms(laboratory.model(), rows)
    real = sample.real[:NORM_ROWS]
    ratios = np.stack([norm[:, 0] / _row_medians(norm, real) for norm in norms])
    others = np.stack([_position_medians(norm, real) for norm in norms])
    largest = float(ratios.mean(1).max())
    at = int(ratios.mean(1).argmax())
    return Phenomenon(
        id="T1b",
        claim="the residual stream at the first token is far longer than at others",
        metric="norm at BOS over the median norm of text tokens, in the layer where it is largest; mean over rows",
        value=largest,
        interval=bootstrap_interval(ratios[at]),
        n=len(rows),
        seeds=(HELD_OUT_SEED,),
        control={"largest_ratio_of_another_position": float(others[at].max())},
        threshold=f">= {OUTLIER:g} times the median, which no other position reaches; otherwise there is no outlier",
        passed=largest >= OUTLIER and float(others[at].max()) < OUTLIER,
        details={
            "layer": at,
            "ratio_by_layer": ratios.mean(1).tolist(),
            "ratio_at_the_default_layer": float(ratios[MIDDLE].mean()),
            "largest_ratio_of_another_position_by_layer": others.max(1).tolist(),
            "median_norm_by_layer": [float(np.median(norm[real])) for norm in norms],
        },
    )


@torch.inference_mode()
def residual_norms(model, rows: np.ndarray) -> list[np.ndarray]:
    """Norm of the residual stream after every layer, float32 [row, pos] each."""
    found: list[np.ndarray] = []

    def keep(_module, _inputs, output) -> None:
        x = output[0] if isinstance(output, tuple) else output
        found.append(x.norm(dim=-1).numpy())

    handles = [block.register_forward_hook(keep) for block in model.model.layers]
    try:
        model.model(input_ids=torch.from_numpy(rows.astype(np.int64)), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return found


def measure_senses(laboratory: Laboratory, *, documents: int = SENSE_DOCUMENTS) -> Phenomenon:
    """T1c: whether the senses of one word stand apart, layer by layer, for a direction fitted on other text."""
    samples = [_sample_planted(laboratory, seed, documents=documents) for seed in (VALIDATION_SEED, HELD_OUT_SEED)]
    places = [("resid_post", layer) for layer in range(LAYERS)]
    layers = [_collect(laboratory, sample, places) for sample in samples]
    tokens = [_word_tokens(sample, laboratory.tokenizer) for sample in samples]
    auc, shuffled, counts = {}, {}, {}
    for word in PLANTED:
        senses = [sense_of_tokens(sample, at[word], word) for sample, at in zip(samples, tokens, strict=True)]
        x = [[layer[at[word]] for layer in found] for found, at in zip(layers, tokens, strict=True)]
        auc[word] = [separate(a, senses[0], b, senses[1]) for a, b in zip(*x, strict=True)]
        order = np.random.default_rng(0).permutation(len(senses[0]))
        shuffled[word] = [separate(a, senses[0][order], b, senses[1]) for a, b in zip(*x, strict=True)]
        counts[word] = [len(one) for one in senses]
    return judge_senses(auc, shuffled, counts)


def judge_senses(
    auc: dict[str, list[float]], shuffled: dict[str, list[float]], counts: dict[str, list[int]]
) -> Phenomenon:
    """T1c from AUC by word and layer, with the true labels and with shuffled ones; NaN where senses are too rare."""
    passing = [word for word in auc if _separates_later(auc[word])]
    by_chance = [word for word in shuffled if _separates_later(shuffled[word])]
    low, high = wilson_interval(len(passing), len(auc))
    return Phenomenon(
        id="T1c",
        claim="later layers tell the senses of a word apart better than the first",
        metric="planted words whose senses separate with held-out AUC >= 0.9 at a layer after the first and 0.15 above "
        "layer 0; the direction is fitted on other text; interval over words",
        value=len(passing),
        interval=(low * len(auc), high * len(auc)),
        n=len(auc),
        seeds=(VALIDATION_SEED, HELD_OUT_SEED),
        control={"words_with_shuffled_sense_labels": len(by_chance), "auc_with_shuffled_labels": _known(shuffled)},
        threshold=">= 3 words, and none with shuffled sense labels",
        passed=len(passing) >= WORDS and not by_chance,
        details={"words": passing, "auc_by_layer": _known(auc), "tokens": counts},
    )


def separate(x: torch.Tensor, senses: np.ndarray, other: torch.Tensor, other_senses: np.ndarray) -> float:
    """AUC on other tokens, mean over senses, of one ridge direction a sense; NaN where tokens are too few.

    Args:
        x, other: float32, [token, d].
        senses: int, [token].
    """
    found = []
    kinds = np.intersect1d(senses, other_senses)
    for kind in kinds if len(kinds) > 2 else kinds[:1]:
        marks, others = senses == kind, other_senses == kind
        if min(marks.sum(), (~marks).sum(), others.sum(), (~others).sum()) < LEAST_TOKENS:
            return float("nan")
        z = x - x.mean(0)
        scale = z.square().mean()
        gram = z.T @ z / len(z) + RIDGE * scale * torch.eye(z.shape[1])
        target = torch.from_numpy(marks - marks.mean()).float()
        direction = torch.linalg.solve(gram, z.T @ target / len(z))
        found.append(score_columns((other @ direction).numpy()[:, None], others[:, None])[0])
    return float(np.mean(found)) if found else float("nan")


def sense_of_tokens(sample: Sample, tokens: np.ndarray, word: str) -> np.ndarray:
    """Which sense of a word each of its tokens has, int64 [token]: place of its concept in the list of all."""
    columns = [at for at, name in enumerate(sample.rows.names) if name.startswith(f"sense:{word}/")]
    return np.array(columns)[sample.concepts[np.ix_(tokens, columns)].argmax(1)]


def _word_tokens(sample: Sample, tokenizer: Tokenizer) -> dict[str, np.ndarray]:
    """Last tokens of each planted word in one of its senses, by word: the word itself, not a translation."""
    pieces = tuple(tokenizer.id_to_token(index) for index in range(tokenizer.get_vocab_size()))
    (words,), texts = number_words([sample], pieces)
    last = np.append(words[1:] != words[:-1], True)
    found = {}
    for word in PLANTED:
        columns = [at for at, name in enumerate(sample.rows.names) if name.startswith(f"sense:{word}/")]
        is_word = words == (texts.index(word) if word in texts else -1)
        found[word] = np.flatnonzero(is_word & last & sample.concepts[:, columns].any(1))
    return found


def _collect(laboratory: Laboratory, sample: Sample, places: list[Place]) -> list[torch.Tensor]:
    found = collect_activations(laboratory.model(), sample.rows.ids, places)
    return [sample.pick(found[place]) for place in places]


def _sample_planted(laboratory: Laboratory, seed: int, *, documents: int) -> Sample:
    rows = label_rows(
        laboratory.tokenizer,
        islice(_planted_documents(seed), documents),
        documents=documents,
        context=laboratory.build.recipe.context,
        names=tuple(CONCEPTS),
    )
    return Sample(rows, real_positions(rows))


def _planted_documents(seed: int) -> Iterator[Document]:
    for document in generate_documents(seed):
        if any(family_of(span.concept) == "sense" for span in document.spans):
            yield document


def _known(auc: dict[str, list[float]]) -> dict[str, list[float | None]]:
    """For JSON, which has no NaN: None where a sense is too rare."""
    return {word: [None if np.isnan(one) else one for one in layers] for word, layers in auc.items()}


def _separates_later(auc: list[float]) -> bool:
    return any(one >= SEPARATED and one - auc[0] >= GAIN for one in auc[1:])


def _row_medians(norm: np.ndarray, real: np.ndarray) -> np.ndarray:
    return np.array([np.median(values[here]) for values, here in zip(norm, real, strict=True)])


def _position_medians(norm: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Median norm at each position but the first over that of all, [pos - 1]; 0 where few rows reach."""
    whole = np.median(norm[real])
    columns = [values[here] for values, here in zip(norm[:, 1:].T, real[:, 1:].T, strict=True)]
    return np.array([np.median(values) / whole if len(values) >= LEAST_TOKENS else 0.0 for values in columns])
