"""From the residual stream after the last layer, normed, to logits."""

import torch

from gscope_widgets.runtime.gemma.loading import LoadedModel


def unembed(loaded: LoadedModel, hidden: torch.Tensor) -> torch.Tensor:
    """Logits, float32, [..., d_vocab], of what the final norm gives, [..., d_model]."""
    head = loaded.model.get_output_embeddings()
    logits: torch.Tensor = head(hidden.to(head.weight.device, head.weight.dtype)).float()
    cap = getattr(loaded.text_model.config, "final_logit_softcapping", None)
    return logits if cap is None else cap * torch.tanh(logits / cap)
