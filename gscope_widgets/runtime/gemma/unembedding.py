"""From the residual stream after the last layer, normed, to logits."""

from collections.abc import Sequence

import torch

from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.parameters import read_parameter

_BLOCK = 16_000_000  # numbers of the unembedding at a time: 64 MB


def unembed(loaded: LoadedModel, hidden: torch.Tensor) -> torch.Tensor:
    """Logits, float32, [..., d_vocab], of what the final norm gives, [..., d_model]."""
    head = loaded.model.get_output_embeddings()
    logits: torch.Tensor = head(hidden.to(head.weight.device, head.weight.dtype)).float()
    cap = getattr(loaded.text_model.config, "final_logit_softcapping", None)
    return logits if cap is None else cap * torch.tanh(logits / cap)


def find_unembedding(loaded: LoadedModel, ids: Sequence[int]) -> torch.Tensor:
    """What logits of these tokens read of what the final norm gives: float32, [token, d_model]."""
    return _read_unembedding(loaded)[list(ids)].float()


def find_mean_unembedding(loaded: LoadedModel) -> torch.Tensor:
    """The mean over the vocabulary of what logits read: float32, [d_model]."""
    weight = _read_unembedding(loaded)
    rows = max(1, _BLOCK // weight.shape[1])
    total = torch.zeros(weight.shape[1], dtype=torch.float64, device=weight.device)
    for block in weight.split(rows):
        total += block.float().sum(0)
    return (total / len(weight)).float()


def _read_unembedding(loaded: LoadedModel) -> torch.Tensor:
    return read_parameter(loaded.model.get_output_embeddings())
