"""How much each token attends to each other one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from gscope_widgets.runtime.gemma.loading import LoadedModel


@contextmanager
def capture_patterns(loaded: LoadedModel) -> Iterator[dict[int, torch.Tensor]]:
    """Collect the attention patterns of the forward pass inside: by layer, [batch, head, query pos, key pos].

    Inside, attention is computed eagerly, since the fused kernels never hold a pattern; the outputs agree to rounding.
    """
    patterns: dict[int, torch.Tensor] = {}

    def keep(module: nn.Module, _arguments: object, output: tuple[torch.Tensor, ...]) -> None:
        patterns[int(module.layer_idx)] = output[1]  # type: ignore[arg-type]  # Gemma3Attention has an int there

    text_model = loaded.text_model
    before = text_model.config._attn_implementation
    with ExitStack() as stack:
        stack.callback(text_model.set_attn_implementation, before)
        text_model.set_attn_implementation("eager")
        for layer in text_model.layers:
            stack.callback(layer.get_submodule("self_attn").register_forward_hook(keep).remove)
        yield patterns
