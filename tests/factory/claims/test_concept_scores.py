"""Scores of features as detectors, against brute force."""

import numpy as np
import pytest

from factory.claims import concept_scores
from factory.claims.concept_scores import choose_concepts, score_concepts


def brute_auc(values: np.ndarray, marks: np.ndarray) -> float:
    wins = [(p > n) + 0.5 * (p == n) for p in values[marks] for n in values[~marks]]
    return float(np.mean(wins))


@pytest.fixture
def sample(monkeypatch):
    monkeypatch.setattr(concept_scores, "MIN_POSITIVES", 5)
    random = np.random.default_rng(0)
    activations = np.maximum(random.integers(-6, 4, (120, 7)), 0).astype(np.float32)
    concepts = random.random((120, 3)) < 0.3
    concepts[:, 2] = activations[:, 1] > 0
    return activations, concepts


def test_auc_precision_and_recall_equal_brute_force(sample):
    activations, concepts = sample
    scores = score_concepts(activations, concepts)
    for feature in range(7):
        fires = activations[:, feature] > 0
        for concept in range(3):
            marks = concepts[:, concept]
            assert scores.auc[feature, concept] == pytest.approx(brute_auc(activations[:, feature], marks))
            assert scores.precision[feature, concept] == pytest.approx((fires & marks).sum() / max(fires.sum(), 1))
            assert scores.recall[feature, concept] == pytest.approx((fires & marks).sum() / marks.sum())
    assert scores.density == pytest.approx((activations > 0).mean(0))


def test_a_perfect_detector_is_found_and_a_rare_concept_is_not_scored(sample):
    activations, concepts = sample
    concepts[:, 0] = False
    concepts[:3, 0] = True
    scores = score_concepts(activations, concepts)
    assert np.isnan(scores.auc[:, 0]).all()
    assert choose_concepts(scores.auc)[1] == 2
    assert scores.f1[1, 2] == 1.0
