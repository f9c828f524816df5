"""A dictionary's features on one text."""

import numpy as np
import torch

from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.files.weights import to_numpy


def read_features(
    x: torch.Tensor, target: torch.Tensor, tokens: Tokens, dictionary: Dictionary, *, features: tuple[int, ...] | None
) -> FeatureReading:
    """Encode the activations at every position that the dictionary applies to.

    Args:
        x: float32, [pos, d_in], where the dictionary reads; [pos, n, d_in] for one of n layers.
        target: float32, [pos, d_out] or [pos, n, d_out], what its reconstruction is to be; `x` itself
            for an autoencoder. Norms, errors and FVU are of the target, over all n layers together.
        features: only these; then nothing is reconstructed, and there are no error terms.
    """
    used = np.array(tokens.used, np.int64)
    count = len(tokens)
    kept = torch.as_tensor(used, device=x.device)
    sparse = dictionary.encode(x[kept], features=features)
    error_norm, fvu, total = np.full(count, np.nan, np.float32), np.full(count, np.nan, np.float32), None
    target = target.flatten(1)
    if features is None:
        wanted = to_numpy(target[kept])
        error = wanted - dictionary.decode(sparse, x=x[kept]).reshape(wanted.shape)
        total, fvu[used] = measure_fvu(wanted, error)
        error_norm[used] = np.linalg.norm(error, axis=1)
    l0 = np.zeros(count, np.int32)
    l0[used] = np.bincount(sparse.positions, minlength=len(used))
    fired = [int(feature) for feature in np.unique(sparse.features)]
    return FeatureReading(
        tokens=tokens,
        dictionary_info=dictionary.info,
        positions=used[sparse.positions].astype(np.int32),
        features=sparse.features,
        activations=sparse.activations,
        l0=l0,
        error_norm=error_norm,
        norm=to_numpy(target.norm(dim=1)),
        fvu=fvu,
        total_fvu=total,
        selected=features,
        labels={one: label for one in fired if (label := dictionary.label(one)) is not None},
        max_activations={one: known for one in fired if (known := dictionary.max_activation(one)) is not None},
        densities={one: known for one in fired if (known := dictionary.density(one)) is not None},
        densities_on=dictionary.measured_on,
    )


def measure_fvu(x: np.ndarray, error: np.ndarray) -> tuple[float | None, np.ndarray]:
    """Fraction of variance unexplained, of all positions together and of each.

    Squared error over squared distance from the mean of `x`, what was to be reconstructed, over
    positions; [pos, d] each. The whole is None where there are fewer than two positions, since then nothing varies.
    """
    spread = np.square(x - x.mean(0, keepdims=True)).sum(1) if len(x) else np.zeros(0)
    squared = np.square(error).sum(1)
    if len(x) < 2 or spread.sum() == 0:
        return None, np.full(len(x), np.nan, np.float32)
    with np.errstate(divide="ignore"):
        return float(squared.sum() / spread.sum()), (squared / spread).astype(np.float32)
