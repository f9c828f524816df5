"""The activations that dictionaries are trained on, taken from the model in one pass over the text."""

from collections.abc import Iterable

import numpy as np
import torch

from factory.training.places import Place, find_point
from gscope_widgets.runtime.gemma.hooks import run_through

ROWS_A_PASS = 32


def collect_activations(model, rows: np.ndarray, places: Iterable[Place]) -> dict[Place, torch.Tensor]:
    """Activations at several places, at every position but the first of each row.

    Args:
        rows: token ids, [row, pos], BOS first and no padding.

    Returns:
        bfloat16, [row x (pos - 1), d] for each place: 2 x d bytes a token.
    """
    points = {place: find_point(model, place) for place in places}
    body = rows.shape[1] - 1
    found: dict[Place, torch.Tensor] = {}
    with torch.inference_mode():
        for start in range(0, len(rows), ROWS_A_PASS):
            ids = torch.from_numpy(rows[start : start + ROWS_A_PASS].astype(np.int64))
            read = run_through(model.model, list(points.values()), input_ids=ids, use_cache=False)
            for place, point in points.items():
                block = read[point.name][:, 1:].flatten(0, 1).to(torch.bfloat16)
                if place not in found:
                    found[place] = torch.empty(len(rows) * body, block.shape[1], dtype=torch.bfloat16)
                found[place][start * body : start * body + len(block)] = block
    return found
