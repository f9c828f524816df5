"""How well features detect concepts and groups of tokens, from the lists of tokens that they fire on."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch

from factory.claims.auc import auc_of_ranks

MIN_POSITIVES = 50  # tokens; a concept rarer than this in a sample is not scored there
_TOKENS_A_BLOCK = 8192
_PAIRS_A_BLOCK = 1 << 22


@dataclass(frozen=True)
class Firings:
    """Every firing of every feature on one sample, ordered by feature and then by activation.

    24 bytes a firing: a dictionary of mean L0 10 on 125,000 tokens takes 30 MB.
    """

    feature: np.ndarray  # int64, [firing]
    token: np.ndarray  # int64, [firing]
    value: np.ndarray  # float32, [firing]; > 0
    tokens: int  # of the sample
    features: int  # of the dictionary

    @cached_property
    def counts(self) -> np.ndarray:
        """int64, [feature]: tokens that each fires on."""
        return np.bincount(self.feature, minlength=self.features)

    @cached_property
    def starts(self) -> np.ndarray:
        """int64, [feature + 1]: where the firings of each feature begin."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    @cached_property
    def ranks(self) -> np.ndarray:
        """float64, [firing]: rank of the activation among all tokens, from 1; equal ones share their mean."""
        new = np.ones(len(self.feature), bool)
        new[1:] = (self.feature[1:] != self.feature[:-1]) | (self.value[1:] != self.value[:-1])
        first = np.flatnonzero(new)
        size = np.diff(np.append(first, len(new)))
        mean = first + (size + 1) / 2  # from 1 in the whole list
        inactive = self.tokens - self.counts
        return np.repeat(mean, size) + (inactive - self.starts[:-1])[self.feature]

    @property
    def inactive_rank(self) -> np.ndarray:
        """float64, [feature]: the rank that its inactive tokens share, the mean of those from 1 to their number."""
        return (self.tokens - self.counts + 1) / 2

    @property
    def density(self) -> np.ndarray:
        """float64, [feature]: share of tokens that each fires on."""
        return self.counts / self.tokens

    @property
    def max_activation(self) -> np.ndarray:
        """float32, [feature]; 0 where a feature never fires."""
        last = np.maximum(self.starts[1:] - 1, 0)
        return np.where(self.counts > 0, self.value[last] if len(self.value) else 0, 0).astype(np.float32)

    def sum_by_feature(self, weights: np.ndarray) -> np.ndarray:
        """Sums of weights, [firing], for each feature."""
        return np.bincount(self.feature, weights, minlength=self.features)


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
        return harmonic_mean(self.precision, self.recall)


def harmonic_mean(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """F1; 0 where both are 0."""
    total = precision + recall
    return np.where(total > 0, 2 * precision * recall / np.where(total > 0, total, 1), 0)


def list_firings(x: torch.Tensor, member: dict[str, torch.Tensor]) -> Firings:
    """The firings of a dictionary's member on inputs, float32 [token, d_in]."""
    found = []
    for start in range(0, len(x), _TOKENS_A_BLOCK):
        pre = x[start : start + _TOKENS_A_BLOCK] @ member["w_enc"] + member["b_enc"]
        where = (pre > member["threshold"]) & (pre > 0)
        token, feature = where.nonzero(as_tuple=True)
        found.append((feature, token + start, pre[token, feature]))
    feature, token, value = (torch.cat(parts).numpy() for parts in zip(*found, strict=True))
    return order_firings(feature, token, value, tokens=len(x), features=member["w_enc"].shape[1])


def order_firings(feature: np.ndarray, token: np.ndarray, value: np.ndarray, *, tokens: int, features: int) -> Firings:
    """Firings from three lists in any order."""
    order = np.lexsort((value, feature))
    return Firings(feature[order], token[order], value[order], tokens, features)


def join_firings(members: list[Firings]) -> Firings:
    """The firings of a dictionary of several members: feature = member x F_l + the member's own index."""
    shifts = np.concatenate([[0], np.cumsum([one.features for one in members])])
    feature = np.concatenate([one.feature + shift for one, shift in zip(members, shifts[:-1], strict=True)])
    token, value = (np.concatenate([getattr(one, name) for one in members]) for name in ("token", "value"))
    return Firings(feature, token, value, members[0].tokens, int(shifts[-1]))


def score_concepts(activations: np.ndarray, concepts: np.ndarray) -> ConceptScores:
    """Score sparse activations as detectors, `score_firings` of a dense matrix.

    Args:
        activations: float32, [token, feature], >= 0.
        concepts: bool, [token, concept].
    """
    token, feature = np.nonzero(activations)
    tokens, features = activations.shape
    firings = order_firings(feature, token, activations[token, feature], tokens=tokens, features=features)
    return score_firings(firings, concepts)


def score_firings(firings: Firings, concepts: np.ndarray) -> ConceptScores:
    """Score every feature for every concept.

    The AUC is that of the activation as a ranking (Mann-Whitney U over positives x negatives),
    inactive tokens tied at 0 and ties counted half.

    Args:
        concepts: bool, [token, concept].
    """
    positives = concepts.sum(0)
    hits, rank_sum = sum_over_concepts(firings, concepts)
    rank_sum = rank_sum + (positives - hits) * firings.inactive_rank[:, None]
    auc = auc_of_ranks(rank_sum, positives, firings.tokens)
    enough = (positives >= MIN_POSITIVES) & (firings.tokens - positives >= MIN_POSITIVES)
    return ConceptScores(
        np.where(enough, auc, np.nan),
        hits / np.maximum(firings.counts, 1)[:, None],
        hits / np.maximum(positives, 1),
        firings.density,
        firings.max_activation,
        positives,
    )


def score_marked(firings: Firings, marked: np.ndarray, positives: np.ndarray) -> dict[str, np.ndarray]:
    """AUC, precision, recall and F1 of each feature for one target of its own.

    Args:
        marked: bool, [firing]: whether its token is in the target of its feature.
        positives: int64, [feature]: tokens in that target.

    Returns:
        float64, [feature] each; AUC is NaN where a target is empty or everything.
    """
    hits = firings.sum_by_feature(marked)
    rank_sum = firings.sum_by_feature(firings.ranks * marked) + (positives - hits) * firings.inactive_rank
    precision, recall = hits / np.maximum(firings.counts, 1), hits / np.maximum(positives, 1)
    auc = auc_of_ranks(rank_sum, positives, firings.tokens)
    return {"auc": auc, "precision": precision, "recall": recall, "f1": harmonic_mean(precision, recall)}


def choose_concepts(scores: np.ndarray) -> np.ndarray:
    """The best concept of each feature, int64 [feature]; scores [feature, concept] may hold NaN."""
    return np.where(np.isnan(scores), -1.0, scores).argmax(1)


def sum_over_concepts(firings: Firings, concepts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts of firings on each concept and sums of their ranks, float64 [feature, concept] both."""
    width = concepts.shape[1]
    sizes = concepts.sum(1)
    _, flat = np.nonzero(concepts)
    begins = np.concatenate([[0], np.cumsum(sizes)])
    hits, ranks = (np.zeros(firings.features * width) for _ in range(2))
    for part in _split_firings(sizes[firings.token]):
        size = sizes[firings.token[part]]
        ends = np.cumsum(size)
        at = np.arange(size.sum()) + np.repeat(begins[firings.token[part]] - ends + size, size)
        cell = np.repeat(firings.feature[part] * width, size) + flat[at]
        hits += np.bincount(cell, minlength=len(hits))
        ranks += np.bincount(cell, np.repeat(firings.ranks[part], size), minlength=len(ranks))
    return hits.reshape(-1, width), ranks.reshape(-1, width)


def _split_firings(pairs: np.ndarray) -> list[slice]:
    blocks = np.cumsum(pairs) // _PAIRS_A_BLOCK
    edges = np.flatnonzero(np.diff(blocks)) + 1
    bounds = [0, *edges.tolist(), len(pairs)]
    return [slice(first, last) for first, last in pairwise(bounds)]
