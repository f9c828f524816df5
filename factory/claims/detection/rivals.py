"""What else could detect a feature's concept: single neurons, a linear probe, the current token alone."""

from dataclasses import dataclass

import numpy as np
import torch

from factory.claims.auc import column_auc, cross_auc
from factory.claims.evaluation import Evaluation
from factory.claims.sample import Sample
from factory.training.family import MIDDLE
from gscope_widgets.runtime.gemma.hooks import run_until
from gscope_widgets.runtime.gemma.sites import HookPoint

ROWS_A_PASS = 32
RIDGE = 1e-3  # of the mean variance of an input; enough for a stable inverse
TOKEN_PRIOR = 1.0  # tokens at the base rate that stand in for what was not seen of a token


@dataclass(frozen=True)
class Rivals:
    """AUC on the second sample, for each target, of what was chosen or fitted on the first."""

    neuron: np.ndarray  # float64, [target]: the best neuron of the MLP at layer 4, of either sign
    neuron_index: np.ndarray  # int64, [target]: place among the 704 of `mlp.down_proj`'s input
    coordinate: np.ndarray  # float64, [target]: the best coordinate of the residual stream after layer 4
    probe: np.ndarray  # float64, [target]: a linear probe (ridge regression) of that residual stream
    token: np.ndarray  # float64, [target]: how often the current token was in the target
    column: np.ndarray  # int64, [feature]: the target that a feature's label is; -1 without a label

    def describe(self, feature: int) -> dict:
        """The rivals of one labelled feature, as JSON."""
        at = self.column[feature]
        scores = {name: round(float(getattr(self, name)[at]), 3) for name in ("neuron", "coordinate", "probe", "token")}
        return scores | {"neuron_index": int(self.neuron_index[at])}


def measure_rivals(
    evaluation: Evaluation, samples: list[Sample], marks: list[np.ndarray], column: np.ndarray
) -> Rivals:
    """Rivals for any sets of tokens, bool [token, target] for each of two samples; about 40 s on two cores."""
    residual = [evaluation.activations(sample, [("resid_post", MIDDLE)])[0] for sample in samples]
    hidden = [read_hidden(evaluation.model(), sample, layer=MIDDLE) for sample in samples]
    neuron, index = score_best_unit(hidden, marks)
    coordinate, _ = score_best_unit(residual, marks)
    weights = fit_probe(residual[0], marks[0])
    probe = column_auc((residual[1] @ weights).numpy(), marks[1])
    rates = token_rates(samples[0].ids, marks[0], vocabulary=evaluation.tokenizer.get_vocab_size())
    token = column_auc(rates[samples[1].ids], marks[1])
    return Rivals(neuron, index, coordinate, probe, token, column)


@torch.inference_mode()
def read_hidden(model, sample: Sample, *, layer: int) -> torch.Tensor:
    """The neurons of a layer's MLP, act(gate) x up as `down_proj` reads them, float32 [token, neuron]."""
    neurons = HookPoint(model.model.layers[layer].mlp.down_proj, "input", f"model.layers.{layer}.mlp.down_proj.input")
    found = []
    for start in range(0, len(sample.rows.ids), ROWS_A_PASS):
        part = slice(start, start + ROWS_A_PASS)
        ids = torch.from_numpy(sample.rows.ids[part].astype(np.int64))
        read = run_until(model.model, neurons, input_ids=ids, use_cache=False)
        found.append(read[torch.from_numpy(sample.real[part])])
    return torch.cat(found)


def score_best_unit(values: list[torch.Tensor], marks: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The unit that ranks each target best on the first sample, upwards or downwards: its AUC on the second.

    Args:
        values: float32, [token, unit] for each sample.
        marks: bool, [token, target] for each sample.

    Returns:
        AUC, float64 [target]; unit, int64 [target].
    """
    first, second = (cross_auc(x, y) for x, y in zip(values, marks, strict=True))
    usable = np.nan_to_num(np.abs(first - 0.5), nan=-1)
    unit = usable.argmax(0)
    at = np.arange(first.shape[1])
    up = first[unit, at] >= 0.5
    return np.where(up, second[unit, at], 1 - second[unit, at]), unit


def fit_probe(x: torch.Tensor, marks: np.ndarray) -> torch.Tensor:
    """Directions that rank every target by ridge regression on standardised inputs, float32 [d, target]."""
    mean, spread = x.mean(0), x.std(0)
    z = (x - mean) / spread
    gram = z.T @ z / len(z) + RIDGE * torch.eye(z.shape[1])
    target = torch.from_numpy(marks).float()
    return torch.linalg.solve(gram, z.T @ (target - target.mean(0)) / len(z)) / spread[:, None]


def token_rates(ids: np.ndarray, marks: np.ndarray, *, vocabulary: int) -> np.ndarray:
    """Share of each token's occurrences that are in each target, float32 [vocabulary, target]."""
    counts = np.bincount(ids, minlength=vocabulary)
    token, target = np.nonzero(marks)
    width = marks.shape[1]
    hits = np.bincount(ids[token].astype(np.int64) * width + target, minlength=vocabulary * width)
    base = marks.mean(0)
    rates = (hits.reshape(vocabulary, width) + TOKEN_PRIOR * base) / (counts[:, None] + TOKEN_PRIOR)
    return rates.astype(np.float32)
