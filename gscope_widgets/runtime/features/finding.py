"""Features that fire on some texts, or on some more than on others."""

from collections.abc import Callable, Generator, Sequence

import numpy as np

from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureSummary
from gscope_widgets.records.hits import FeatureHit, FeatureHits, ShuffledNull
from gscope_widgets.records.labels import Labelled, describe_absence, find_nearest, rank_labels
from gscope_widgets.records.numbers import find_rounding
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.scores import SCORE, SHUFFLES, count_deals, score_contrast
from gscope_widgets.records.tokens import Tokens

AUC = "AUC of the activation as a detector of what the label says"
# Positions, features and activations of one text, as `FeatureReading` orders them.
Firings = tuple[np.ndarray, np.ndarray, np.ndarray]
_FEW_DEALS = 100  # below which a null can hardly tell anything apart


def find_by_label(
    query: str,
    labels: Sequence[Labelled],
    *,
    k: int,
    info: DictionaryInfo,
    describe: Callable[[int], FeatureSummary],
    provenance: Provenance,
) -> FeatureHits:
    """The `k` features whose labels hold a query, in the order of `rank_labels`; or none, and what comes nearest.

    Args:
        labels: all that are known, one or several a feature.
        describe: what is known of a feature.
    """
    found = rank_labels(query, labels)[:k]
    summaries = [(describe(feature), label) for feature, label in found]
    hits = [FeatureHit(one.ref, label, one.max_activation, label.auc) for one, label in summaries]
    note: str = ""
    nearest: tuple[str, ...] = ()
    if not hits:
        note = describe_absence(query, labels, where=info.id)
        nearest = tuple(find_nearest(query, [label.text for _, label in labels]))
    return FeatureHits(tuple(hits), "label", AUC, info, query, note, nearest, provenance=provenance)


def find_by_texts(
    positive: Sequence[Tokens],
    negative: Sequence[Tokens],
    *,
    k: int,
    info: DictionaryInfo,
    dtype: str,
    fire: Callable[[Tokens], Firings],
    describe: Callable[[int], FeatureSummary],
    provenance: Provenance,
) -> Generator[float | None, None, FeatureHits]:
    """The `k` features that fire most on texts, beside their range, or that tell them from others, beside a null.

    Args:
        negative: (), or the texts to tell the positive ones from.
        dtype: that the model computes in: what differs by its rounding is the same.
        fire: reads one text.
        describe: what is known of a feature.
    """
    found: list[Firings] = []
    texts = [*positive, *negative]
    for tokens in texts:
        found.append(fire(tokens))
        yield len(found) / len(texts)
    numbers = np.unique(np.concatenate([features for _, features, _ in found]))
    peaks = np.array([_find_peaks(features, values, numbers) for _, features, values in found])
    means = [
        peaks[: len(positive)].mean(0),
        peaks[len(positive) :].mean(0) if negative else np.full(len(numbers), np.nan),
    ]
    summaries = {int(feature): describe(int(feature)) for feature in numbers}
    known = np.array([summaries[int(one)].max_activation or np.nan for one in numbers], float)
    nulls: list[ShuffledNull | None]
    if negative:
        scores = yield from score_contrast(peaks, len(positive), rounding=find_rounding(dtype))
        score, order = scores.score, np.lexsort((means[1] - means[0], -scores.score))
        columns = (scores.null_mean, scores.null_p95, scores.reached, scores.reached_by_any)
        nulls = [ShuffledNull(*map(float, row)) for row in zip(*columns, strict=True)]
        measure, note = SCORE, warn_of_few(len(positive), len(negative))
    else:
        score = means[0] / known
        order = np.lexsort((-means[0], -np.nan_to_num(score, nan=-1.0)))
        nulls = [None] * len(numbers)
        measure = "mean over the texts of the largest activation in each, as a share of the largest known"
        unknown = int(np.isnan(known).sum())
        note = f"{unknown} features have no known range and come last, by activation." if unknown else ""
    hits = tuple(
        FeatureHit(
            summaries[int(numbers[at])].ref,
            summaries[int(numbers[at])].label,
            summaries[int(numbers[at])].max_activation,
            None if np.isnan(score[at]) else float(score[at]),
            float(means[0][at]),
            float(means[1][at]) if negative else None,
            _find_strongest(int(numbers[at]), found[: len(positive)]),
            nulls[at],
        )
        for at in order[:k]
    )
    return FeatureHits(
        hits,
        "contrast" if negative else "examples",
        measure,
        info,
        note=note if hits else "No feature fires on these texts.",
        texts=(tuple(text.text for text in positive), tuple(text.text for text in negative)),
        shuffles=SHUFFLES if negative else 0,
        provenance=provenance,
    )


def _find_peaks(features: np.ndarray, values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The largest activation of each of `numbers`, sorted, in one text: float32."""
    peaks = np.zeros(len(numbers), np.float32)
    np.maximum.at(peaks, np.searchsorted(numbers, features), values)
    return peaks


def _find_strongest(feature: int, found: Sequence[Firings]) -> tuple[int, int] | None:
    best, where = 0.0, None
    for text, (positions, features, values) in enumerate(found):
        own = np.flatnonzero(features == feature)
        if len(own) and values[own].max() > best:
            at = own[values[own].argmax()]
            best, where = float(values[at]), (text, int(positions[at]))
    return where


def warn_of_few(positives: int, negatives: int) -> str:
    """A sentence where so few texts are marked that chance gives the same marks often; empty where they are enough."""
    deals = count_deals(positives, negatives)
    if deals >= _FEW_DEALS:
        return ""
    return (
        f"{positives} and {negatives} texts can be marked in {deals} ways alone, so that no score can be reached "
        f"by fewer than {1 / deals:.0%} of the shuffles; give more texts."
    )
