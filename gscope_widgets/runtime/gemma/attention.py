"""How much each token attends to each other one, what that carries, and what is typical of each head."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import nn

from gscope_widgets.records.attention import AttentionReading, find_local_window, finish_scores, weigh_scores
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.files.weights import to_numpy
from gscope_widgets.runtime.gemma.generation import check_finite
from gscope_widgets.runtime.gemma.hooks import capture
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.parameters import read_parameter
from gscope_widgets.runtime.gemma.sites import HookPoint
from gscope_widgets.runtime.gemma.unembedding import find_mean_unembedding, find_unembedding, unembed


@contextmanager
def capture_patterns(loaded: LoadedModel) -> Iterator[dict[int, torch.Tensor]]:
    """Collect the attention patterns of the forward pass inside: by layer, [batch, head, query pos, key pos].

    Inside, attention is computed eagerly, since the fused kernels never hold a pattern; the outputs agree to rounding.
    """
    patterns: dict[int, torch.Tensor] = {}
    with watch_patterns(loaded, patterns.__setitem__):
        yield patterns


@contextmanager
def watch_patterns(loaded: LoadedModel, take: Callable[[int, torch.Tensor], None]) -> Iterator[None]:
    """See each layer's pattern of the forward pass inside as it is made: `take(layer, pattern)`; none is kept."""

    def show(module: nn.Module, _arguments: object, output: tuple[torch.Tensor, ...]) -> None:
        take(int(module.layer_idx), output[1])  # type: ignore[arg-type]  # Gemma3Attention has an int there

    text_model = loaded.text_model
    before = text_model.config._attn_implementation
    with ExitStack() as stack:
        stack.callback(text_model.set_attn_implementation, before)
        text_model.set_attn_implementation("eager")
        for layer in text_model.layers:
            stack.callback(layer.get_submodule("self_attn").register_forward_hook(show).remove)
        yield


def list_windows(loaded: LoadedModel) -> tuple[int, ...]:
    """By layer, how many tokens it sees, its own among them; 0 for all."""
    config = loaded.text_model.config
    window = int(config.sliding_window or 0)
    return tuple(window if kind == "sliding_attention" else 0 for kind in config.layer_types or ())


def count_heads(loaded: LoadedModel) -> int:
    """Attention heads of a layer."""
    return int(loaded.text_model.config.num_attention_heads)


def read_attention(loaded: LoadedModel, tokens: Tokens, layer: int) -> AttentionReading:
    """One layer's patterns and what they carry, and the scores of all heads: see `AttentionReading`.

    One forward pass, in which the patterns of other layers are weighed and let go.

    Raises:
        GscopeError: logits are not finite.
    """
    text_model, windows = loaded.text_model, list_windows(loaded)
    weights = weigh_scores(tokens.ids, find_local_window(windows))
    sums: dict[int, np.ndarray] = {}
    kept: dict[int, torch.Tensor] = {}

    def take(at: int, pattern: torch.Tensor) -> None:
        weighed = torch.as_tensor(weights, device=pattern.device)
        sums[at] = to_numpy(torch.einsum("hqk,sqk->hs", pattern[0].float(), weighed))
        if at == layer:
            kept[at] = pattern[0].float()

    block = text_model.layers[layer]
    attention, norm = block.get_submodule("self_attn"), block.get_submodule("post_attention_layernorm")
    with ExitStack() as stack:
        stack.enter_context(watch_patterns(loaded, take))
        values, outputs, finals = (
            stack.enter_context(capture(point))
            for point in (
                HookPoint(attention.get_submodule("v_proj"), "output", "values"),
                HookPoint(norm, "input", "attention output"),
                HookPoint(text_model.norm, "input", "last residual"),
            )
        )
        inputs = torch.tensor([list(tokens.ids)], device=loaded.info.device)
        hidden = text_model(input_ids=inputs, use_cache=False).last_hidden_state
    logits = unembed(loaded, hidden[0, -1])
    check_finite(logits[None])
    targets = [*tokens.ids[1:], int(logits.argmax())]

    pattern = kept[layer]
    value = values[0][0].to(pattern).unflatten(1, (-1, int(attention.head_dim)))  # type: ignore[arg-type]  # an int
    value = value.repeat_interleave(len(pattern) // value.shape[1], 1)  # [key, head, size]
    scales = _scale(norm, outputs[0][0].to(pattern))
    gain = 1 + read_parameter(norm).to(pattern)
    matrix = (gain[:, None] * read_parameter(attention.get_submodule("o_proj")).to(pattern)).unflatten(
        1, (len(pattern), -1)
    )  # [d_model, head, size]
    gram = torch.einsum("dhs,dht->hst", matrix, matrix)
    sizes = torch.einsum("khs,hst,kht->hk", value, gram, value).clamp(min=0).sqrt()
    wanted = (find_unembedding(loaded, targets) - find_mean_unembedding(loaded)).to(pattern)
    last = finals[0][0].to(pattern)
    wanted = (
        wanted * (1 + read_parameter(text_model.norm).to(pattern)) * (scales * _scale(text_model.norm, last))[:, None]
    )
    effects = torch.einsum("qd,dhs,khs->hqk", wanted, matrix, value) * pattern
    return AttentionReading(
        tokens=tokens,
        layer=layer,
        windows=windows,
        patterns=to_numpy(pattern),
        sizes=to_numpy(sizes),
        scales=to_numpy(scales),
        effects=to_numpy(effects),
        targets=np.array(targets, np.int32),
        names=tuple(loaded.tokenizer.describe(one) for one in targets),
        scores=finish_scores(np.stack([sums[at] for at in range(len(windows))]), weights),
    )


def _scale(norm: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What Gemma's norm divides x by, inverted: 1 / sqrt(mean(x^2) + eps), [pos]."""
    return torch.rsqrt(x.square().mean(-1) + norm.eps)  # type: ignore[operator]  # a float
