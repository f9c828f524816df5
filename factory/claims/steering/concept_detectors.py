"""Detectors of concepts in any text, which know nothing of a dictionary: by the token alone, and by a linear probe."""

from dataclasses import dataclass

import numpy as np
import torch

from factory.claims.auc import column_auc

PROBE_LAYER = 5  # one after the dictionary's, and the global one
GOOD_PROBE = 0.95  # AUC on held-out text from which a probe is preferred to the token alone
_NEWTON_STEPS = 12


@dataclass(frozen=True)
class ConceptDetector:
    """How probable each concept is at each token of a text that the baseline model reads."""

    layer: int  # after which the probe reads the residual stream
    table: torch.Tensor  # float32, [d_vocab, concept]: share of a token's occurrences with the concept
    weights: torch.Tensor  # float32, [d_model, concept]
    bias: torch.Tensor  # float32, [concept]
    probed: torch.Tensor  # bool, [concept]: detected by the probe, else by the table
    auc: np.ndarray  # float64, [concept]: on held-out text, of the one that is used
    probe_auc: np.ndarray  # float64, [concept]
    token_auc: np.ndarray  # float64, [concept]

    def probabilities(self, ids: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """float32, [..., concept], of ids [...] and the residual stream there, [..., d_model]."""
        return torch.where(self.probed, torch.sigmoid(x @ self.weights + self.bias), self.table[ids])


@dataclass(frozen=True)
class LabelledTokens:
    """Tokens of labelled text, with what the model computes on them."""

    ids: np.ndarray  # int, [token]
    concepts: np.ndarray  # bool, [token, concept]
    x: torch.Tensor  # float32, [token, d_model]


def fit_detector(fitted: LabelledTokens, tested: LabelledTokens, *, vocabulary: int, layer: int) -> ConceptDetector:
    """Both detectors fitted on one sample; for each concept the probe where it is good on the other sample."""
    table = count_tokens(fitted, vocabulary=vocabulary)
    weights, bias = fit_probes(fitted.x, torch.from_numpy(fitted.concepts))
    by_probe = column_auc((tested.x @ weights + bias).numpy(), tested.concepts)
    by_token = column_auc(table[tested.ids].numpy(), tested.concepts)
    probed = by_probe >= GOOD_PROBE
    auc = np.where(probed, by_probe, by_token)
    return ConceptDetector(layer, table, weights, bias, torch.from_numpy(probed), auc, by_probe, by_token)


def count_tokens(sample: LabelledTokens, *, vocabulary: int) -> torch.Tensor:
    """Share of each token's occurrences with each concept, float32 [d_vocab, concept]; rare tokens lean to the mean."""
    seen = np.bincount(sample.ids, minlength=vocabulary)[:, None]
    carried = np.zeros((vocabulary, sample.concepts.shape[1]))
    tokens, concepts = np.nonzero(sample.concepts)
    np.add.at(carried, (sample.ids[tokens], concepts), 1)
    return torch.from_numpy(((carried + sample.concepts.mean(0)) / (seen + 1)).astype(np.float32))


def fit_probes(x: torch.Tensor, concepts: torch.Tensor, *, penalty: float = 1e-3) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [d_model, concept] and bias [concept] of logistic probes.

    The direction is that of least squares, which for two classes is Fisher's discriminant; scale
    and bias are then fitted so that the probabilities are calibrated (Platt 1999).

    Args:
        x: float32, [token, d_model].
        concepts: bool, [token, concept].
        penalty: ridge, a share of the mean variance of an input.
    """
    y = concepts.float()
    mean = x.mean(0)
    centred = x - mean
    covariance = centred.T @ centred / len(x)
    covariance += penalty * covariance.diagonal().mean() * torch.eye(x.shape[1])
    weights = torch.linalg.solve(covariance, centred.T @ (y - y.mean(0)) / len(x))
    weights = weights / (centred @ weights).std(0).clamp_min(1e-6)
    slope, offset = _calibrate(centred @ weights, y)
    weights = weights * slope
    return weights, offset - mean @ weights


def _calibrate(scores: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Slope and offset, [concept], of logistic regressions on one score each, [token, concept], by Newton's method."""
    base = y.mean(0).clamp(1e-6, 1 - 1e-6)
    slope, offset = torch.ones_like(base), torch.logit(base)
    for _ in range(_NEWTON_STEPS):
        p = torch.sigmoid(scores * slope + offset)
        error, spread = p - y, p * (1 - p) + 1e-6
        g_slope, g_offset = (error * scores).mean(0), error.mean(0)
        h_slope, h_cross, h_offset = (spread * scores**2).mean(0), (spread * scores).mean(0), spread.mean(0)
        determinant = (h_slope * h_offset - h_cross**2).clamp_min(1e-12)
        slope = slope - ((h_offset * g_slope - h_cross * g_offset) / determinant).clamp(-1, 1)
        offset = offset - ((h_slope * g_offset - h_cross * g_slope) / determinant).clamp(-1, 1)
    return slope, offset
