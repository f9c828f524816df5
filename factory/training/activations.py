"""The activations that dictionaries are trained on, taken from the model in one pass over the text."""

from collections.abc import Iterable
from contextlib import ExitStack

import numpy as np
import torch

ROWS_A_PASS = 32

# What a dictionary reads or writes: a kind of activation, and its layer.
Place = tuple[str, int]


def collect_activations(model, rows: np.ndarray, places: Iterable[Place]) -> dict[Place, torch.Tensor]:
    """Activations at several places, at every position but the first of each row.

    Args:
        rows: token ids, [row, pos], BOS first and no padding.
        places: (kind, layer) pairs; a kind is `resid_post`, `attn_out`, `mlp_out` or `mlp_in`.

    Returns:
        bfloat16, [row x (pos - 1), d] for each place: 2 x d bytes a token.
    """
    wanted = list(dict.fromkeys(places))
    body = rows.shape[1] - 1
    found: dict[Place, torch.Tensor] = {}
    with ExitStack() as stack, torch.inference_mode():
        latest: dict[Place, torch.Tensor] = {}
        for place in wanted:
            stack.callback(_watch(model, place, latest).remove)
        for start in range(0, len(rows), ROWS_A_PASS):
            ids = torch.from_numpy(rows[start : start + ROWS_A_PASS].astype(np.int64))
            model.model(input_ids=ids, use_cache=False)
            for place, value in latest.items():
                block = value[:, 1:].flatten(0, 1).to(torch.bfloat16)
                if place not in found:
                    found[place] = torch.empty(len(rows) * body, block.shape[1], dtype=torch.bfloat16)
                found[place][start * body : start * body + len(block)] = block
    return found


def _watch(model, place: Place, latest: dict[Place, torch.Tensor]):
    kind, layer = place
    block = model.model.layers[layer]

    def keep(value) -> None:
        latest[place] = value[0] if isinstance(value, tuple) else value

    if kind == "attn_out":
        return block.self_attn.o_proj.register_forward_pre_hook(lambda _m, inputs: keep(inputs))
    module = {
        "resid_post": block,
        "mlp_in": block.pre_feedforward_layernorm,
        "mlp_out": block.post_feedforward_layernorm,
    }[kind]
    return module.register_forward_hook(lambda _m, _i, output: keep(output))
