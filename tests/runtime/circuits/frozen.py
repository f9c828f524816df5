"""A pass forwards through a plain Gemma 3 with attention patterns and norm scales held, MLPs cut out: plain torch.

Written without the package, forwards where its own code goes backwards, so that gradients of it are an independent
calculation of every edge.
"""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Held:
    """What a free pass did: patterns [layer][head, pos, pos], scales of norms [layer][pos, 1], values in float64."""

    model: nn.Module
    embedding: torch.Tensor
    patterns: list[torch.Tensor]
    scales: list[dict[str, torch.Tensor]]
    final_scale: torch.Tensor
    streams: list[torch.Tensor]  # before each layer
    mlp_inputs: list[torch.Tensor]
    mlp_outputs: list[torch.Tensor]
    logits: torch.Tensor

    def run(self, embedding=None, mlp_outputs=None, *, skips=None, thawed=False, cut=None):
        """What each MLP would read, [layer][pos, d], and the last residual behind its norm, [pos, d].

        Args:
            skips: by layer, A of an affine transcoder or None: what an MLP reads goes on by `x @ A`, but at BOS.
            thawed: attention patterns are computed anew.
            cut: (layer, head) whose output is taken out, or "all".
        """
        behind_bos = torch.ones(len(self.embedding), 1, dtype=torch.float64)
        behind_bos[0] = 0
        x = self.embedding if embedding is None else embedding
        outputs = self.mlp_outputs if mlp_outputs is None else mlp_outputs
        reads = []
        for at, block in enumerate(self.model.model.layers):
            scales = self.scales[at]
            x = self.attend(x, at, thawed=thawed, cut=cut)
            read = _scale(x, block.pre_feedforward_layernorm, scales["middle"])
            reads.append(read)
            x = x + outputs[at]
            if skips is not None and skips[at] is not None:
                x = x + behind_bos * ((read - self.mlp_inputs[at]) @ skips[at])
        return reads, _scale(x, self.model.model.norm, self.final_scale)

    def attend(self, x, at, *, thawed=False, cut=None):
        """The residual stream behind a layer's attention, [pos, d], out of that before it."""
        block, scales = self.model.model.layers[at], self.scales[at]
        attention = block.self_attn
        normed = _scale(x, block.input_layernorm, scales["before"])
        heads, size = attention.config.num_attention_heads, attention.head_dim
        value = (normed @ attention.v_proj.weight.double().T).unflatten(1, (-1, size))
        value = value.repeat_interleave(heads // value.shape[1], 1)
        pattern = self._attend(attention, normed, at) if thawed else self.patterns[at]
        mixed = torch.einsum("hqk,khs->qhs", pattern, value)
        if cut == "all":
            mixed = torch.zeros_like(mixed)
        elif cut is not None and cut[0] == at:
            mixed = mixed.clone()
            mixed[:, cut[1]] = 0
        mixed = mixed.flatten(1)
        return x + _scale(mixed @ attention.o_proj.weight.double().T, block.post_attention_layernorm, scales["behind"])

    def _attend(self, attention, normed, at):
        count, size = len(normed), attention.head_dim
        cos, sin = self.rotary(at, count)

        def turn(linear, norm):
            heads = (normed @ linear.weight.double().T).unflatten(1, (-1, size)).transpose(0, 1)
            scale = (heads.square().mean(-1, keepdim=True) + norm.eps).rsqrt()
            heads = heads * scale * (1 + norm.weight.double())
            half = size // 2
            return heads * cos + torch.cat([-heads[..., half:], heads[..., :half]], -1) * sin

        query, key = turn(attention.q_proj, attention.q_norm), turn(attention.k_proj, attention.k_norm)
        key = key.repeat_interleave(len(query) // len(key), 0)
        scores = query @ key.transpose(1, 2) * attention.scaling
        behind = torch.arange(count)[:, None] - torch.arange(count)[None]
        hidden = (behind < 0) | (behind >= (attention.sliding_window or count))
        return scores.masked_fill(hidden, -torch.inf).softmax(-1)

    def rotary(self, at, count):
        inner = self.model.model
        kind = inner.config.layer_types[at]
        x = torch.zeros(1, count, 1, dtype=torch.float64)
        cos, sin = inner.rotary_emb(x, torch.arange(count)[None], kind)
        return cos[0].double(), sin[0].double()


def _scale(x, norm, scale):
    return x * scale * (1 + norm.weight.double())


def hold(model: nn.Module, ids) -> Held:
    """One free pass of a model that transformers loaded, with eager attention."""
    inner, kept = model.model, {}

    def watch(name, module):
        def keep(_module, inputs, output):
            value = output[0] if isinstance(output, tuple) else output
            kept[name] = inputs[0][0].double(), value[0].double()

        return module.register_forward_hook(keep)

    names = {"before": "input_layernorm", "behind": "post_attention_layernorm", "middle": "pre_feedforward_layernorm"}
    names["after"] = "post_feedforward_layernorm"
    handles = [
        watch((short, at), getattr(block, name))
        for at, block in enumerate(inner.layers)
        for short, name in names.items()
    ]
    handles.append(watch("final", inner.norm))
    with torch.no_grad():
        found = model(input_ids=torch.tensor([list(ids)]), use_cache=False, output_attentions=True)
    for handle in handles:
        handle.remove()

    def scale(x, norm):
        return (x.square().mean(-1, keepdim=True) + norm.eps).rsqrt()

    layers = range(len(inner.layers))
    return Held(
        model,
        kept["before", 0][0],
        [pattern[0].double() for pattern in found.attentions],
        [
            {
                short: scale(kept[short, at][0], getattr(inner.layers[at], names[short]))
                for short in ("before", "behind", "middle")
            }
            for at in layers
        ],
        scale(kept["final"][0], inner.norm),
        [kept["before", at][0] for at in layers],
        [kept["middle", at][1] for at in layers],
        [kept["after", at][1] for at in layers],
        found.logits[0, -1].double(),
    )
