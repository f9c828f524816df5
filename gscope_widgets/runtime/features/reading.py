"""A dictionary's features on one text."""

import numpy as np
import torch

from gscope_widgets.records.activations import SparseActivations
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.dictionaries.jumprelu import Dictionary


def read_features(
    x: torch.Tensor, tokens: Tokens, dictionary: Dictionary, *, features: tuple[int, ...] | None
) -> FeatureReading:
    """Encode the activations at every position that the dictionary applies to.

    Args:
        x: float32, [pos, d_in], at the dictionary's site.
        features: only these; then the error terms still come from the whole dictionary.
    """
    used = np.array(tokens.used, np.int64)
    x_used = x[torch.as_tensor(used, device=x.device)]
    sparse = dictionary.encode(x_used)
    error = x_used.cpu().numpy() - dictionary.decode(sparse)
    total, per_position = measure_fvu(x_used.cpu().numpy(), error)
    count = len(tokens)
    error_norm, fvu = np.full(count, np.nan, np.float32), np.full(count, np.nan, np.float32)
    error_norm[used], fvu[used] = np.linalg.norm(error, axis=1), per_position
    l0 = np.zeros(count, np.int32)
    l0[used] = np.bincount(sparse.positions, minlength=len(used))
    kept = sparse if features is None else _select(sparse, features)
    labels = {int(feature): dictionary.label(int(feature)) for feature in np.unique(kept.features)}
    return FeatureReading(
        tokens=tokens,
        dictionary=dictionary.info,
        positions=used[kept.positions].astype(np.int32),
        features=kept.features,
        activations=kept.activations,
        l0=l0,
        error_norm=error_norm,
        norm=x.norm(dim=1).cpu().numpy(),
        fvu=fvu,
        total_fvu=total,
        selected=features,
        labels={feature: label for feature, label in labels.items() if label is not None},
    )


def measure_fvu(x: np.ndarray, error: np.ndarray) -> tuple[float | None, np.ndarray]:
    """Fraction of variance unexplained, of all positions together and of each.

    Squared error over squared distance from the mean of `x` over positions; [pos, d] each.
    The whole is None where there are fewer than two positions, since then nothing varies.
    """
    spread = np.square(x - x.mean(0, keepdims=True)).sum(1) if len(x) else np.zeros(0)
    squared = np.square(error).sum(1)
    if len(x) < 2 or spread.sum() == 0:
        return None, np.full(len(x), np.nan, np.float32)
    with np.errstate(divide="ignore"):
        return float(squared.sum() / spread.sum()), (squared / spread).astype(np.float32)


def _select(sparse: SparseActivations, features: tuple[int, ...]) -> SparseActivations:
    here = np.isin(sparse.features, features)
    return SparseActivations(sparse.positions[here], sparse.features[here], sparse.activations[here], sparse.shape)
