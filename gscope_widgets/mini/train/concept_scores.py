"""How well features detect the generator's concepts."""

from dataclasses import dataclass

import numpy as np

MIN_POSITIVES = 50  # tokens; a concept rarer than this in a sample is not scored there


@dataclass(frozen=True)
class ConceptScores:
    """Every feature against every concept, on one sample of tokens."""

    auc: np.ndarray  # float64, [feature, concept]; NaN where the concept has too few tokens
    precision: np.ndarray  # float64, [feature, concept]; of "it fires" for the concept; 0 where it never fires
    recall: np.ndarray  # float64, [feature, concept]
    density: np.ndarray  # float64, [feature]; share of tokens it fires on
    max_activation: np.ndarray  # float32, [feature]
    positives: np.ndarray  # int64, [concept]

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall, [feature, concept]."""
        total = self.precision + self.recall
        return np.where(total > 0, 2 * self.precision * self.recall / np.where(total > 0, total, 1), 0)


def score_concepts(activations: np.ndarray, concepts: np.ndarray) -> ConceptScores:
    """Score sparse activations as detectors.

    The AUC is that of the activation as a ranking (Mann-Whitney U over positives x negatives),
    silent tokens tied at 0 and ties counted half.

    Args:
        activations: float32, [token, feature], >= 0.
        concepts: bool, [token, concept].
    """
    tokens, features = activations.shape
    positives = concepts.sum(0)
    negatives = tokens - positives
    shape = (features, concepts.shape[1])
    auc, precision, recall = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape)
    density, largest = np.zeros(features), np.zeros(features, np.float32)
    usable = (positives >= MIN_POSITIVES) & (negatives >= MIN_POSITIVES)
    for feature in range(features):
        column = activations[:, feature]
        firing = np.flatnonzero(column)
        marks = concepts[firing]
        hits = marks.sum(0)
        silent = tokens - len(firing)
        ranks = silent + _mean_ranks(column[firing])
        rank_sum = ranks @ marks + (positives - hits) * (silent + 1) / 2
        u = rank_sum - positives * (positives + 1) / 2
        auc[feature, usable] = (u / np.maximum(positives * negatives, 1))[usable]
        precision[feature] = hits / max(len(firing), 1)
        recall[feature] = hits / np.maximum(positives, 1)
        density[feature] = len(firing) / tokens
        largest[feature] = column.max(initial=0)
    return ConceptScores(auc, precision, recall, density, largest, positives)


def choose_concepts(scores: np.ndarray) -> np.ndarray:
    """The best concept of each feature, int64 [feature]; scores [feature, concept] may hold NaN."""
    return np.where(np.isnan(scores), -1.0, scores).argmax(1)


def _mean_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]
