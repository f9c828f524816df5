"""The loss of the model with a dictionary's reconstruction in place of what it reconstructs."""

from contextlib import ExitStack
from functools import partial

import torch

from gscope_widgets.records.fidelity import DeltaLoss
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.gemma.forced import compare_predictions, run_forced
from gscope_widgets.runtime.gemma.hooks import edit
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.sites import DictionaryPoints


def measure_delta_loss(
    loaded: LoadedModel,
    tokens: Tokens,
    dictionary: Dictionary,
    points: DictionaryPoints,
    x: torch.Tensor,
    target: torch.Tensor,
) -> DeltaLoss:
    """Three forward passes, logits in blocks: baseline, with the reconstruction, and with the mean of the target.

    The reconstruction is made of what the baseline run reads, and put in at every layer that the
    dictionary writes to, at the positions that it applies to.

    Args:
        x, target: float32, [pos, d] or [pos, n, d], of the baseline run: see `read_features`.
    """
    used = list(tokens.used)
    made = torch.as_tensor(dictionary.reconstruct(x[used]), device=x.device).reshape(len(used), len(points.writes), -1)
    wanted = target[used].reshape(made.shape)
    mean = wanted.mean(0, keepdim=True).expand_as(wanted)
    loss, replaced, ablated = (_measure_loss(loaded, tokens, points, used, values) for values in (None, made, mean))
    return DeltaLoss(dictionary.info.id, loss, replaced, ablated, tokens=len([pos for pos in used if pos > 0]))


def _measure_loss(
    loaded: LoadedModel, tokens: Tokens, points: DictionaryPoints, used: list[int], values: torch.Tensor | None
) -> float:
    """Mean loss over the used positions as targets; `values`, [used, n, d], go in at the write points."""

    def put(layer_values: torch.Tensor, activation: torch.Tensor) -> torch.Tensor:
        changed = activation.clone()
        changed[0, used] = layer_values.to(activation.device, activation.dtype)
        return changed

    with ExitStack() as stack:
        if values is not None:
            for layer, point in enumerate(points.writes):
                stack.enter_context(edit(point, partial(put, values[:, layer])))
        hidden = run_forced(loaded, [tokens.ids]).hidden[0]
    logprobs, _ = compare_predictions(loaded, tokens.ids, start=1, baseline=hidden, changed=None)
    return -float(logprobs[[pos - 1 for pos in used if pos > 0]].mean())
