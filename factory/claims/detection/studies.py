"""A dictionary's firings on the choosing sample and the held-out one, with what they are scored against."""

from dataclasses import dataclass

import numpy as np
import torch

from factory.claims.concept_scores import ConceptScores, Firings, list_firings, score_firings
from factory.claims.detection.truth import Targets
from factory.claims.sample import Sample
from factory.training.corpus_tokens import HELD_OUT_SEED, VALIDATION_SEED

SEEDS = (VALIDATION_SEED, HELD_OUT_SEED)


@dataclass(frozen=True)
class Study:
    """One dictionary on both samples, against all targets and concepts."""

    firings: list[Firings]  # on the choosing sample and the held-out one
    targets: list[list[Targets]]  # of the same
    scores: list[ConceptScores]  # of the same

    @property
    def marks(self) -> list[np.ndarray]:
        """bool, [token, concept] of each sample."""
        return [targets[0].marks for targets in self.targets]


def study(inputs: list[torch.Tensor], member: dict[str, torch.Tensor], targets: list[list[Targets]]) -> Study:
    """A dictionary's firings and scores on both samples."""
    firings = [list_firings(x, member) for x in inputs]
    return rescore(firings, targets)


def rescore(firings: list[Firings], targets: list[list[Targets]]) -> Study:
    """Firings against targets."""
    scores = [score_firings(one, labels[0].marks) for one, labels in zip(firings, targets, strict=True)]
    return Study(firings, targets, scores)


def random_directions(x: torch.Tensor, density: np.ndarray, *, seed: int = 0) -> dict[str, torch.Tensor]:
    """A dictionary's encoder of random directions; each fires on about the given share of x, [token, d]."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(x.shape[1], len(density), generator=generator)
    part = x[:: max(1, len(x) // 30_000)]
    ordered = (part @ directions).sort(0, descending=True).values
    place = torch.from_numpy(np.minimum(np.round(density * len(part)), len(part) - 1).astype(np.int64))
    cutoff = ordered.gather(0, place[None])[0]
    return {"w_enc": directions, "b_enc": -cutoff, "threshold": torch.zeros(len(density))}


def shift_labels(sample: Sample) -> np.ndarray:
    """An order of tokens that moves labels half a sample along."""
    return np.roll(np.arange(len(sample.ids)), len(sample.ids) // 2)


def shuffle_labels(sample: Sample, *, seed: int = 0) -> np.ndarray:
    """An order of tokens that shuffles labels within each document."""
    return np.lexsort((np.random.default_rng(seed).random(len(sample.ids)), sample.document))


def relabel(one: Study, samples: list[Sample], order) -> Study:
    """A study whose labels stand on other tokens. Args: order: from a sample to where its labels come from."""
    targets = [
        [kind.reorder(order(sample)) for kind in kinds] for kinds, sample in zip(one.targets, samples, strict=True)
    ]
    return rescore(one.firings, targets)


def best_features(one: Study) -> np.ndarray:
    """Held-out AUC of the feature chosen for each concept, float64 [concept]; NaN where too rare."""
    chosen, held_out = one.scores
    feature = np.nan_to_num(chosen.auc, nan=-1).argmax(0)
    auc = held_out.auc[feature, np.arange(chosen.auc.shape[1])]
    return np.where(np.isnan(chosen.auc[0]), np.nan, auc)
