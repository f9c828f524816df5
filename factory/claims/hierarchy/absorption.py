"""Feature absorption: how often a parent's features are inactive on a child's tokens where the child's own is active.

The measure of Chanin et al. 2024 (A is for Absorption, arXiv 2409.14507), by projection as in
SAEBench's version of it: a token counts as absorbed where a linear probe finds the parent in the
residual stream, every main feature of the parent is inactive, and one feature of the child's own,
its decoder along the probe, carries a large part of what the active features write along the probe.
Unlike there, the hierarchy is known from the generator: the absorbing feature must be the child's
own, and a feature that is a child's own is never a main one of the parent.
"""

from dataclasses import dataclass

import numpy as np
import torch

from factory.claims.auc import mean_ranks

SPLIT_GAIN = 0.03  # F1; a further feature that adds so much is a main one too, and its tokens are split, not absorbed
PROBE_COSINE = 0.025  # of an absorbing feature's decoder direction
PROBE_SHARE = 0.4  # of what the active features write along the probe
MAIN_F1 = 0.3  # of a parent's first feature; below it the dictionary has no feature of the parent
OWN_PRECISION, OWN_RECALL = 0.5, 0.1  # of a child's own feature
MIN_TOKENS = 20  # of a child, on which the probe finds the parent
_RIDGE = 1e-3  # of the mean variance


@dataclass(frozen=True)
class Probes:
    """A linear detector of each concept in the residual stream, by Fisher's discriminant."""

    directions: torch.Tensor  # float32, [d_model, concept]; unit norm
    cuts: torch.Tensor  # [concept]; a projection above it says that the concept is there


@dataclass(frozen=True)
class Choice:
    """What a dictionary has for each concept, chosen on validation text."""

    main: dict[int, list[int]]  # features by parent; only of parents that have one
    own: dict[int, list[int]]  # features by child; may be empty


@dataclass(frozen=True)
class Absorption:
    """One parent and child in one dictionary, on held-out text."""

    tokens: int  # of the child, on which the probe finds the parent
    inactive: int  # of those, without a main feature of the parent
    absorbed: int  # of those, with a feature of the child in its place

    @property
    def rate(self) -> float:
        """Share of the tokens."""
        return self.absorbed / self.tokens


def fit_probes(x: torch.Tensor, concepts: torch.Tensor) -> Probes:
    """Probes from residuals, float32 [token, d_model], and labels, float32 [token, concept] of 0 and 1."""
    mean = x.mean(0)
    centred = x - mean
    covariance = centred.T @ centred / len(x)
    covariance += _RIDGE * covariance.diagonal().mean() * torch.eye(len(mean))
    differences = (concepts.T @ centred) / concepts.sum(0).clamp_min(1)[:, None]
    directions = torch.nn.functional.normalize(torch.linalg.solve(covariance, differences.T), dim=0)
    scores = x @ directions
    return Probes(directions, torch.stack([_best_cut(s, y) for s, y in zip(scores.T, concepts.T, strict=True)]))


def _best_cut(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    order = scores.argsort(descending=True)
    hits = labels[order].cumsum(0)
    f1 = 2 * hits / (torch.arange(1, len(order) + 1) + labels.sum())
    return scores[order[f1.argmax()]] - 1e-6


def choose_features(fired: torch.Tensor, concepts: torch.Tensor, *, pairs: list[tuple[int, int]]) -> Choice:
    """Main features of parents and own features of children.

    Args:
        fired, concepts: float32 [token, feature] and [token, concept], of 0 and 1.
        pairs: columns of each parent and child.
    """
    hits, fires, positives = fired.T @ concepts, fired.sum(0), concepts.sum(0)
    f1 = 2 * hits / (fires[:, None] + positives[None]).clamp_min(1)
    precision, recall = hits / fires.clamp_min(1)[:, None], hits / positives.clamp_min(1)
    is_own = (precision >= OWN_PRECISION) & (recall >= OWN_RECALL)
    main = {}
    for parent in sorted({parent for parent, _ in pairs}):
        general = ~is_own[:, [child for above, child in pairs if above == parent]].any(1)
        first = int((f1[:, parent] * general).argmax())
        if f1[first, parent] * general[first] >= MAIN_F1:
            # No other feature can add as much as `SPLIT_GAIN`: hits h of P positives add 2 h / P at most.
            able = (general & (recall[:, parent] >= SPLIT_GAIN / 2)).nonzero().flatten()
            grown = _grow(fired[:, able], concepts[:, parent], int((able == first).nonzero()))
            main[parent] = able[grown].tolist()
    return Choice(main, {child: is_own[:, child].nonzero().flatten().tolist() for _, child in pairs})


def _grow(fired: torch.Tensor, label: torch.Tensor, first: int) -> list[int]:
    """Features to which another is added while the F1 of "any of them fires" gains by it: [token, feature] and [token].

    With T tokens where one of them fires, h of them hits, and P positives, F1 = 2 h / (T + P). A
    further feature adds only what it does where all of these are inactive.
    """
    features = [first]
    while True:
        inactive = 1 - fired[:, features].amax(1)
        active = 1 - inactive
        hits = (active * label).sum() + fired.T @ (inactive * label)
        f1 = 2 * hits / (active.sum() + fired.T @ inactive + label.sum()).clamp_min(1)
        before = 2 * (active * label).sum() / (active.sum() + label.sum()).clamp_min(1)
        if f1.max() - before < SPLIT_GAIN:
            return features
        features.append(int(f1.argmax()))


def count_absorbed(
    z: torch.Tensor, w_dec: torch.Tensor, direction: torch.Tensor, *, main: list[int], own: list[int]
) -> Absorption:
    """Absorption on tokens of a child.

    Args:
        z: float32, [token, F]; only tokens on which the probe finds the parent.
        w_dec: [F, d_model].
        direction: [d_model], the parent's probe.
    """
    inactive = (z[:, main] == 0).all(1)
    along = w_dec @ direction
    able = [f for f in own if f not in main and along[f] >= PROBE_COSINE * w_dec[f].norm()]
    written = z[inactive] * along
    total = written.clamp_min(0).sum(1)
    largest = written[:, able].amax(1) if able else torch.zeros(len(total))
    absorbed = (largest > 0) & (largest >= PROBE_SHARE * total)
    return Absorption(len(z), int(inactive.sum()), int(absorbed.sum()))


def rank_correlation(values: np.ndarray) -> float:
    """Spearman's correlation of values with their index, equal values sharing the mean of their ranks."""
    return _spearman(np.arange(len(values)), values)


def rank_interval(values: np.ndarray, *, resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % interval of `rank_correlation`, by resampling the values with their index."""
    generator = np.random.default_rng(seed)
    picks = generator.integers(len(values), size=(resamples, len(values)))
    low, high = np.quantile([_spearman(pick, values[pick]) for pick in picks], (0.025, 0.975))
    return float(low), float(high)


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    if not np.ptp(a) or not np.ptp(b):
        return 0.0
    return float(np.corrcoef(mean_ranks(a), mean_ranks(b))[0, 1])
