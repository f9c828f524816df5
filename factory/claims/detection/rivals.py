"""What else could detect a feature's concept: single neurons, a linear probe, the current token alone."""

from dataclasses import dataclass

import numpy as np
import torch

from factory.claims.sample import Laboratory, Sample
from factory.training.family import MIDDLE

ROWS_A_PASS = 32
RIDGE = 1e-3  # of the mean variance of an input; enough for a stable inverse
TOKEN_PRIOR = 1.0  # tokens at the base rate that stand in for what was not seen of a token
_COLUMNS_A_BLOCK = 64


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
    laboratory: Laboratory, samples: list[Sample], marks: list[np.ndarray], column: np.ndarray
) -> Rivals:
    """Rivals for any sets of tokens, bool [token, target] for each of two samples; about 40 s on two cores."""
    residual = [laboratory.activations(sample, [("resid_post", MIDDLE)])[0] for sample in samples]
    hidden = [read_hidden(laboratory.model(), sample, layer=MIDDLE) for sample in samples]
    neuron, index = score_best_unit(hidden, marks)
    coordinate, _ = score_best_unit(residual, marks)
    weights = fit_probe(residual[0], marks[0])
    probe = score_columns((residual[1] @ weights).numpy(), marks[1])
    rates = token_rates(samples[0].ids, marks[0], vocabulary=laboratory.tokenizer.get_vocab_size())
    token = score_columns(rates[samples[1].ids], marks[1])
    return Rivals(neuron, index, coordinate, probe, token, column)


@torch.inference_mode()
def read_hidden(model, sample: Sample, *, layer: int) -> torch.Tensor:
    """The neurons of a layer's MLP, act(gate) x up as `down_proj` reads them, float32 [token, neuron]."""
    latest, found = [], []
    module = model.model.layers[layer].mlp.down_proj
    handle = module.register_forward_pre_hook(lambda _module, inputs: latest.append(inputs[0]))
    try:
        for start in range(0, len(sample.rows.ids), ROWS_A_PASS):
            part = slice(start, start + ROWS_A_PASS)
            model.model(input_ids=torch.from_numpy(sample.rows.ids[part].astype(np.int64)), use_cache=False)
            found.append(latest.pop()[torch.from_numpy(sample.real[part])])
    finally:
        handle.remove()
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


def cross_auc(values: torch.Tensor, marks: np.ndarray) -> np.ndarray:
    """AUC of every unit for every target, [unit, target]; values [token, unit] without ties, marks [token, target]."""
    tokens, positives = marks.shape[0], marks.sum(0)
    target = torch.from_numpy(marks).float()
    sums = []
    for start in range(0, values.shape[1], _COLUMNS_A_BLOCK):
        block = values[:, start : start + _COLUMNS_A_BLOCK].T.contiguous()
        order = block.argsort(1)
        ranks = torch.empty_like(block)
        centred = (torch.arange(tokens, dtype=torch.float32) + 0.5) / tokens - 0.5
        ranks.scatter_(1, order, centred.expand_as(block))
        sums.append((ranks @ target).double().numpy())
    total = np.concatenate(sums)
    rank_sum = (total + 0.5 * positives) * tokens + 0.5 * positives
    return _auc(rank_sum, positives, tokens)


def score_columns(scores: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """AUC of column i of the scores for column i of the marks, both [token, target]; ties count half."""
    tokens, positives = marks.shape[0], marks.sum(0)
    rank_sum = np.array([mean_ranks(scores[:, i])[marks[:, i]].sum() for i in range(marks.shape[1])])
    return _auc(rank_sum, positives, tokens)


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values sharing the mean of theirs."""
    order = np.argsort(values)
    ordered = values[order]
    new = np.append(True, ordered[1:] != ordered[:-1])
    first = np.flatnonzero(new)
    size = np.diff(np.append(first, len(values)))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(first + (size + 1) / 2, size)
    return ranks


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


def _auc(rank_sum: np.ndarray, positives: np.ndarray, tokens: int) -> np.ndarray:
    pairs = positives * (tokens - positives)
    return np.where(pairs > 0, (rank_sum - positives * (positives + 1) / 2) / np.maximum(pairs, 1), np.nan)
