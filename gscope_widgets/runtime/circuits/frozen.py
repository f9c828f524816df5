"""One forward pass of a prompt, with all that stays as it was while effects are followed through it.

Attention patterns and the scale of each norm are frozen, and MLPs are cut out (Ameisen et al. 2025, "Circuit Tracing").
The residual stream is then a sum of what was written to it, each term passed on by matrices that do not depend on it.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import nn

from gscope_widgets.errors import InvalidValue
from gscope_widgets.runtime.gemma.attention import capture_patterns
from gscope_widgets.runtime.gemma.hooks import capture
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.parameters import read_parameter
from gscope_widgets.runtime.gemma.sites import HookPoint, find_hook_point
from gscope_widgets.runtime.gemma.unembedding import unembed


@dataclass(frozen=True)
class FrozenLayer:
    """What one layer did on the prompt: float32; a gain is what a norm multiplied each number by, [pos, d_model]."""

    attention_gain: torch.Tensor  # of the norm before attention
    output_gain: torch.Tensor  # of the norm behind it
    mlp_gain: torch.Tensor  # of the norm before the MLP
    pattern: torch.Tensor  # [head, query pos, key pos]
    mlp_input: torch.Tensor  # [pos, d_model], behind the norm
    mlp_output: torch.Tensor  # [pos, d_model], behind the norm
    attention: nn.Module  # whose value and output matrices are used


@dataclass(frozen=True)
class FrozenPass:
    """A prompt's pass, layer by layer, float32."""

    embedding: torch.Tensor  # [pos, d_model], scaled as the first layer gets it
    layers: tuple[FrozenLayer, ...]
    residual: torch.Tensor  # [d_model], at the last position behind the last layer
    final_gain: torch.Tensor  # [d_model], of the last norm there
    logits: torch.Tensor  # [d_vocab], at the last position

    def pass_attention(self, effect: torch.Tensor, layer: int) -> torch.Tensor:
        """What effects behind a layer's attention are before it: along the residual stream, and along the values.

        Args:
            effect: [row, pos, d_model], how much a row's target grows with each number there; positions from the first.
        """
        frozen, positions = self.layers[layer], effect.shape[1]
        attention, pattern = frozen.attention, frozen.pattern[:, :positions, :positions]
        heads = len(pattern)
        matrices = [_matrix(attention.get_submodule(name), effect) for name in ("o_proj", "v_proj")]
        of_heads = ((effect * frozen.output_gain[:positions]) @ matrices[0]).unflatten(2, (heads, -1))
        of_values = torch.einsum("hqk,rqhs->rkhs", pattern, of_heads)
        groups = len(matrices[1]) // of_heads.shape[3]
        shared = of_values.unflatten(2, (groups, -1)).sum(3).flatten(2)
        through: torch.Tensor = shared @ matrices[1]
        return through.mul_(frozen.attention_gain[:positions]).add_(effect)

    def attend(self, stream: torch.Tensor, layer: int) -> torch.Tensor:
        """The residual stream behind a layer's attention, [pos, d_model], out of that before it."""
        frozen = self.layers[layer]
        attention, heads = frozen.attention, len(frozen.pattern)
        of_output, of_values = (_matrix(attention.get_submodule(name), stream) for name in ("o_proj", "v_proj"))
        size = of_output.shape[1] // heads
        values = ((stream * frozen.attention_gain) @ of_values.T).unflatten(1, (-1, size))
        values = values.repeat_interleave(heads // values.shape[1], 1)
        mixed = torch.einsum("hqk,khs->qhs", frozen.pattern, values).flatten(1)
        through: torch.Tensor = (mixed @ of_output.T) * frozen.output_gain
        return stream + through


def freeze(loaded: LoadedModel, ids: Sequence[int]) -> FrozenPass:
    """Run a prompt once, with eager attention, and keep what the graph is made of.

    Costs one forward pass, and [head, pos, pos] and five times [pos, d_model] numbers a layer.

    Raises:
        InvalidValue: attention adds biases, which Gemma's does not, and of which no node would say anything.
    """
    if getattr(loaded.text_model.config, "attention_bias", False):
        raise InvalidValue(
            f"the attention of {loaded.info.id} has biases, which no published Gemma 3 has and no circuit accounts for"
        )
    text_model, device = loaded.text_model, loaded.info.device
    blocks = list(text_model.layers)
    with ExitStack() as stack:

        def keep(module: nn.Module) -> list[torch.Tensor]:
            return stack.enter_context(capture(HookPoint(module, "input", "norm")))

        patterns = stack.enter_context(capture_patterns(loaded))
        before = [keep(block.get_submodule("input_layernorm")) for block in blocks]
        behind = [keep(block.get_submodule("post_attention_layernorm")) for block in blocks]
        middle = [keep(block.get_submodule("pre_feedforward_layernorm")) for block in blocks]
        final = keep(text_model.norm)
        inputs, outputs = (
            [
                stack.enter_context(capture(find_hook_point(text_model, site=site, layer=layer)))
                for layer in range(len(blocks))
            ]
            for site in ("transcoder", "mlp_out")
        )
        hidden = text_model(input_ids=torch.tensor([list(ids)], device=device), use_cache=False).last_hidden_state

    def take(captured: list[torch.Tensor]) -> torch.Tensor:
        return captured[0][0].to(device, torch.float32)

    layers = tuple(
        FrozenLayer(
            _gain(block.get_submodule("input_layernorm"), take(before[layer])),
            _gain(block.get_submodule("post_attention_layernorm"), take(behind[layer])),
            _gain(block.get_submodule("pre_feedforward_layernorm"), take(middle[layer])),
            patterns[layer][0].to(device, torch.float32),
            take(inputs[layer]),
            take(outputs[layer]),
            block.get_submodule("self_attn"),
        )
        for layer, block in enumerate(blocks)
    )
    residual = take(final)[-1]
    return FrozenPass(
        take(before[0]), layers, residual, _gain(text_model.norm, residual[None])[0], unembed(loaded, hidden[0, -1])
    )


def _gain(norm: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What Gemma's norm multiplies x by: (1 + weight) / sqrt(mean(x^2) + eps)."""
    weight = read_parameter(norm)
    scale = torch.rsqrt(x.square().mean(-1, keepdim=True) + norm.eps)  # type: ignore[operator]
    return scale * (1 + weight.to(x.device, torch.float32))


def _matrix(linear: nn.Module, like: torch.Tensor) -> torch.Tensor:
    return read_parameter(linear).to(like.device, like.dtype)
