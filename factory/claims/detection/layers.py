"""T1b and T1c: how the residual stream differs between the first token and others, and between layers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from tokenizers import Tokenizer

from factory.claims.auc import column_auc
from factory.claims.detection.truth import number_words
from factory.claims.evaluation import Evaluation
from factory.claims.intervals import bootstrap_interval, wilson_interval
from factory.claims.sample import Sample
from factory.corpus import CONCEPTS, Document, generate_documents
from factory.corpus.senses import SENSES
from factory.training.activations import collect_activations
from factory.training.corpus_tokens import HELD_OUT_SEED, VALIDATION_SEED, label_rows, real_positions
from factory.training.family import LAYERS, MIDDLE
from factory.training.places import Place, find_point
from gscope_widgets.mini.claim import Claim
from gscope_widgets.runtime.gemma.hooks import run_through

NORM_ROWS = 64
OUTLIER = 3.0  # times the median norm of other positions
SENSE_DOCUMENTS = 500  # of each seed, with a word whose sense only an earlier sentence gives
PLANTED, RECALLED = tuple(SENSES), "hidden:recalled_sense"
SEPARATED, GAIN, WORDS = 0.9, 0.15, 3
LEAST_TOKENS = 10  # of each sense, to be fitted or scored
RIDGE = 0.1  # of the mean variance; a word has a hundred tokens for 160 weights


def measure_first_token(evaluation: Evaluation, sample: Sample) -> Claim:
    """T1b: the norm of the residual stream at BOS over the median norm at text tokens, layer by layer."""
    rows = sample.rows.ids[:NORM_ROWS]
    norms = residual_norms(evaluation.model(), rows)
    real = sample.real[:NORM_ROWS]
    ratios = np.stack([norm[:, 0] / _row_medians(norm, real) for norm in norms])
    others = np.stack([_position_medians(norm, real) for norm in norms])
    largest = float(ratios.mean(1).max())
    at = int(ratios.mean(1).argmax())
    return Claim(
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
    points = [find_point(model, ("resid_post", layer)) for layer in range(len(model.model.layers))]
    ids = torch.from_numpy(rows.astype(np.int64))
    found = run_through(model.model, points, input_ids=ids, use_cache=False)
    return [found[point.name].norm(dim=-1).numpy() for point in points]


def measure_senses(evaluation: Evaluation, *, documents: int = SENSE_DOCUMENTS) -> Claim:
    """T1c: whether the senses of one word stand apart, layer by layer, for a direction fitted on other text.

    Mentions count whose word stands nowhere before in the document; those whose own sentence gives
    the sense are beside it.
    """
    samples = [_sample_planted(evaluation, seed, documents=documents) for seed in (VALIDATION_SEED, HELD_OUT_SEED)]
    places = [("resid_post", layer) for layer in range(LAYERS)]
    layers = [_collect(evaluation, sample, places) for sample in samples]
    tokens = [_word_tokens(sample, evaluation.tokenizer) for sample in samples]
    return judge_senses({word: _separate_word(samples, layers, [at[word] for at in tokens], word) for word in PLANTED})


@dataclass(frozen=True)
class Separation:
    """How well a direction fitted on one sample separates the senses of a word on the other, by layer."""

    auc: list[float]  # NaN where senses are too rare
    layer: int  # after the first, that of the highest AUC between two halves of the first sample
    shuffled: list[float]  # for shuffled sense labels
    before: list[float]  # at the token before the word, which is the same for both senses
    explicit: float  # at layer 0, where the word's own sentence makes the sense explicit
    tokens: list[int]  # of each sample

    @property
    def later(self) -> bool:
        """Whether the chosen layer separates the senses, and by `GAIN` better than the first layer."""
        return self.auc[self.layer] >= SEPARATED and self.auc[self.layer] - self.auc[0] >= GAIN

    @property
    def by_chance(self) -> bool:
        """Whether any layer does so for shuffled labels."""
        return any(one >= SEPARATED and one - self.shuffled[0] >= GAIN for one in self.shuffled[1:])


def _separate_word(samples: list[Sample], layers: list[list[torch.Tensor]], tokens: list, word: str) -> Separation:
    where = samples[0].rows.names.index(RECALLED)
    recalled, explicit = [], []
    for sample, at in zip(samples, tokens, strict=True):
        marked = sample.concepts[at, where]
        recalled.append(at[marked & _is_first_mention(sample, at)])
        explicit.append(at[~marked])
    senses = [sense_of_tokens(sample, at, word) for sample, at in zip(samples, recalled, strict=True)]
    x = [[layer[at] for layer in found] for found, at in zip(layers, recalled, strict=True)]
    previous = [[layer[at - 1] for layer in found] for found, at in zip(layers, recalled, strict=True)]
    order = np.random.default_rng(0).permutation(len(senses[0]))
    halves = [separate(one[::2], senses[0][::2], one[1::2], senses[0][1::2]) for one in x[0][1:]]
    kinds = np.unique(senses[0])
    explicit_senses = [sense_of_tokens(sample, at, word) for sample, at in zip(samples, explicit, strict=True)]
    explicit = [at[np.isin(sense, kinds)] for at, sense in zip(explicit, explicit_senses, strict=True)]
    explicit_senses = [sense[np.isin(sense, kinds)] for sense in explicit_senses]
    return Separation(
        auc=[separate(one, senses[0], other, senses[1]) for one, other in zip(*x, strict=True)],
        layer=1 + int(np.argmax(np.nan_to_num(halves))),
        shuffled=[separate(one, senses[0][order], other, senses[1]) for one, other in zip(*x, strict=True)],
        before=[separate(one, senses[0], other, senses[1]) for one, other in zip(*previous, strict=True)],
        explicit=separate(layers[0][0][explicit[0]], explicit_senses[0], layers[1][0][explicit[1]], explicit_senses[1]),
        tokens=[len(one) for one in senses],
    )


def _is_first_mention(sample: Sample, tokens: np.ndarray) -> np.ndarray:
    """bool, [token]: whether the same token stands nowhere before in its document."""
    ids, document = sample.ids, sample.document
    starts = np.searchsorted(document, document[tokens])
    return np.array([ids[at] not in ids[start:at] for at, start in zip(tokens, starts, strict=True)], bool)


def judge_senses(found: dict[str, Separation]) -> Claim:
    """T1c from how well each word's senses stand apart."""
    passing = [word for word, one in found.items() if one.later]
    by_chance = [word for word, one in found.items() if one.by_chance]
    low, high = wilson_interval(len(passing), len(found))
    return Claim(
        id="T1c",
        claim="where only a sentence out of the first layer's sight tells a word's sense, a later layer knows it",
        metric="planted words whose senses separate with held-out AUC >= 0.9 at a layer after the first and 0.15 above "
        "layer 0; layer and direction are chosen on other text; interval over words",
        value=len(passing),
        interval=(low * len(found), high * len(found)),
        n=len(found),
        seeds=(VALIDATION_SEED, HELD_OUT_SEED),
        control={
            "words_with_shuffled_sense_labels": len(by_chance),
            "auc_with_shuffled_labels": {word: _known(one.shuffled) for word, one in found.items()},
            "auc_at_the_token_before": {word: _known(one.before) for word, one in found.items()},
        },
        threshold=">= 3 words, and none with shuffled sense labels",
        passed=len(passing) >= WORDS and not by_chance,
        details={
            "words": passing,
            "auc_by_layer": {word: _known(one.auc) for word, one in found.items()},
            "layer": {word: one.layer for word, one in found.items()},
            "auc_at_layer_0_where_the_sentence_tells": {word: _known([one.explicit])[0] for word, one in found.items()},
            "tokens": {word: one.tokens for word, one in found.items()},
        },
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
        found.append(column_auc((other @ direction).numpy()[:, None], others[:, None])[0])
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


def _collect(evaluation: Evaluation, sample: Sample, places: list[Place]) -> list[torch.Tensor]:
    found = collect_activations(evaluation.model(), sample.rows.ids, places)
    return [sample.pick(found[place]) for place in places]


def _sample_planted(evaluation: Evaluation, seed: int, *, documents: int) -> Sample:
    rows = label_rows(
        evaluation.tokenizer,
        islice(_planted_documents(seed), documents),
        documents=documents,
        context=evaluation.build.recipe.context,
        names=tuple(CONCEPTS),
    )
    return Sample(rows, real_positions(rows))


def _planted_documents(seed: int) -> Iterator[Document]:
    for document in generate_documents(seed):
        if any(span.concept == RECALLED for span in document.spans):
            yield document


def _known(auc: list[float]) -> list[float | None]:
    """For JSON, which has no NaN: None where a sense is too rare."""
    return [None if np.isnan(one) else one for one in auc]


def _row_medians(norm: np.ndarray, real: np.ndarray) -> np.ndarray:
    return np.array([np.median(values[here]) for values, here in zip(norm, real, strict=True)])


def _position_medians(norm: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Median norm at each position but the first over that of all, [pos - 1]; 0 where few rows reach."""
    whole = np.median(norm[real])
    columns = [values[here] for values, here in zip(norm[:, 1:].T, real[:, 1:].T, strict=True)]
    return np.array([np.median(values) / whole if len(values) >= LEAST_TOKENS else 0.0 for values in columns])
