"""Which feature brings about which on one prompt, and over how many steps a token reaches the top logit.

As Ameisen et al. 2025 (Circuit Tracing): one transcoder a layer, or a cross-layer one, stands in
for the MLPs, its error is added back, and attention patterns and norm scales stay as they were on
the prompt. Every pre-activation, and the top logit, is then a sum over what was written before it:
token embeddings, features, errors, and constants.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch

from factory.training.artefact import encode
from factory.training.places import find_point
from gscope_widgets.runtime.gemma.hooks import capture
from gscope_widgets.runtime.gemma.sites import HookPoint

_NORMS = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm")


@dataclass(frozen=True)
class Trace:
    """What one forward pass of a prompt leaves fixed; layers in order."""

    embedding: torch.Tensor  # [pos, d_model]
    gains: dict[str, list[torch.Tensor]]  # by norm: [pos, d_model], what the norm multiplies its input by
    final_gain: torch.Tensor  # [pos, d_model]
    patterns: list[torch.Tensor]  # [head, pos, pos]
    mlp_inputs: list[torch.Tensor]  # [pos, d_model], after the norm
    mlp_outputs: list[torch.Tensor]  # [pos, d_model], after the norm
    last_residual: torch.Tensor  # [d_model], at the last position after the last layer
    top: int  # the most likely next token


@dataclass(frozen=True)
class Graph:
    """Direct effects. Row 0 is the top logit over the mean logit, then one row a feature, from the last layer down."""

    features: torch.Tensor  # [1 + feature, feature], columns in the order of the rows
    embeddings: torch.Tensor  # [1 + feature, pos]
    errors: torch.Tensor  # [1 + feature, layer x pos]
    constants: torch.Tensor  # [1 + feature]; biases, and all that was written at BOS: the same for every prompt
    totals: torch.Tensor  # [1 + feature]; what the rest sums to: pre-activation less its bias


@dataclass(frozen=True)
class Paths:
    """A walk back from the logit, each step to a source with probability in proportion to its direct effect's size."""

    explained: float  # probability that it ends at a token's embedding, and not at an error or a feature left out
    length: float  # mean number of steps of the walks that do
    order: torch.Tensor  # int64 [feature]; by how many such walks pass through, most first


@torch.no_grad()
def trace_prompts(model, ids: torch.Tensor) -> list[Trace]:
    """One forward pass, int64 [prompt, pos], all as long and BOS first; attention must be computed eagerly."""
    inner = model.model
    with ExitStack() as stack:

        def keep(point: HookPoint) -> list[torch.Tensor]:
            return stack.enter_context(capture(point))

        def keep_input(norm, name: str) -> list[torch.Tensor]:
            return keep(HookPoint(norm, "input", f"{name}.input"))

        layers = range(len(inner.layers))
        norms = {name: [keep_input(getattr(layer, name), name) for layer in inner.layers] for name in _NORMS}
        final = keep_input(inner.norm, "norm")
        reads = [keep(find_point(model, ("mlp_in", layer))) for layer in layers]
        writes = [keep(find_point(model, ("mlp_out", layer))) for layer in layers]
        found = model(input_ids=ids, use_cache=False, output_attentions=True)
    gains = {
        name: [_gain(getattr(layer, name), x[0]) for layer, x in zip(inner.layers, kept, strict=True)]
        for name, kept in norms.items()
    }
    return [
        Trace(
            embedding=norms["input_layernorm"][0][0][row],
            gains={name: [gain[row] for gain in several] for name, several in gains.items()},
            final_gain=_gain(inner.norm, final[0])[row],
            patterns=[pattern[row] for pattern in found.attentions],
            mlp_inputs=[x[0][row] for x in reads],
            mlp_outputs=[y[0][row] for y in writes],
            last_residual=final[0][row, -1],
            top=int(found.logits[row, -1].argmax()),
        )
        for row in range(len(ids))
    ]


def _gain(norm, x: torch.Tensor) -> torch.Tensor:
    return torch.rsqrt(x.square().mean(-1, keepdim=True) + norm.eps) * (1 + norm.weight)


@torch.inference_mode()
def attribute(model, trace: Trace, members: Sequence[dict[str, torch.Tensor]]) -> Graph:
    """The graph of one prompt.

    Args:
        members: one a layer; `w_dec` is [F, layers, d_model] of a cross-layer transcoder, [F,
            d_model] of others.
    """
    layers, positions = len(members), len(trace.embedding)
    activations = encode(members, trace.mlp_inputs)
    found = [z[1:].nonzero() + torch.tensor([1, 0]) for z in activations]  # position, feature; none at BOS
    starts = _first_columns([len(one) for one in found])
    total = sum(len(one) for one in found)
    direct = torch.zeros(1 + total, total)
    errors = torch.zeros(1 + total, layers, positions)
    constants, totals = torch.zeros(1 + total), torch.zeros(1 + total)
    unembed = model.lm_head.weight
    vector = trace.final_gain[-1] * (unembed[trace.top] - unembed.mean(0))
    gradient = torch.zeros(1, positions, len(vector))
    gradient[0, -1] = vector
    totals[0] = vector @ trace.last_residual
    for layer in reversed(range(layers)):
        rows = len(gradient)
        written = members[layer]["b_dec"].expand(positions, -1).clone()
        constants[:rows] += (gradient[:, 1:] @ members[layer]["b_dec"]).sum(1)
        skip = members[layer].get("affine_skip_connection")
        if skip is not None:
            written += trace.mlp_inputs[layer] @ skip
        for source in range(layer + 1):
            w_dec = members[source]["w_dec"]
            if w_dec.ndim == 2 and source != layer:
                continue
            at, feature = found[source].T
            strength = activations[source][at, feature][:, None]
            writes = strength * (w_dec[feature] if w_dec.ndim == 2 else w_dec[feature, layer])
            written.index_add_(0, at, writes)
            for position in at.unique():
                chosen = (at == position).nonzero().flatten()
                direct[:rows, starts[source] + chosen] += gradient[:, position] @ writes[chosen].T
        error = trace.mlp_outputs[layer] - written
        errors[:rows, layer, 1:] = (gradient * error).sum(2)[:, 1:]
        constants[:rows] += gradient[:, 0] @ trace.mlp_outputs[layer][0]
        if skip is not None:
            through = (gradient @ skip.T) * trace.gains["pre_feedforward_layernorm"][layer]
            through[:, 0] = 0
            gradient = gradient + through
        at, feature = found[layer].T
        vectors = members[layer]["w_enc"].T[feature]
        totals[rows : rows + len(at)] = (vectors * trace.mlp_inputs[layer][at]).sum(1)
        reading = torch.zeros(len(at), positions, gradient.shape[2])
        reading[torch.arange(len(at)), at] = vectors * trace.gains["pre_feedforward_layernorm"][layer][at]
        gradient = _before_attention(model.model.layers[layer], trace, layer, torch.cat([gradient, reading]))
    embeddings = (gradient * trace.embedding).sum(2)
    constants += embeddings[:, 0]
    return Graph(direct, embeddings[:, 1:], errors.flatten(1), constants, totals)


def _first_columns(counts: list[int]) -> list[int]:
    """Where each layer's features begin, the last layer's first."""
    return [sum(counts[layer + 1 :]) for layer in range(len(counts))]


def _before_attention(block, trace: Trace, layer: int, gradient: torch.Tensor) -> torch.Tensor:
    """A gradient [row, pos, d_model] from after a layer's attention to before it, along the residual and the values."""
    attention, pattern = block.self_attn, trace.patterns[layer]
    heads, size = pattern.shape[0], attention.head_dim
    of_heads = (gradient * trace.gains["post_attention_layernorm"][layer]) @ attention.o_proj.weight
    of_heads = of_heads.unflatten(2, (heads, size))
    of_values = torch.einsum("hqk,nqhs->nkhs", pattern, of_heads)
    shared = of_values.unflatten(2, (-1, attention.num_key_value_groups)).sum(3).flatten(2)
    return gradient + (shared @ attention.v_proj.weight) * trace.gains["input_layernorm"][layer]


def measure_paths(graph: Graph, *, kept: torch.Tensor | None = None) -> Paths:
    """Explained influence and mean path length, with all features or those of `kept`, bool [feature]."""
    size = graph.features.abs().sum(1) + graph.embeddings.abs().sum(1) + graph.errors.abs().sum(1)
    size = size.clamp_min(1e-30).double()
    steps = torch.zeros(len(size), len(size), dtype=torch.double)
    steps[:, 1:] = graph.features.abs() / size[:, None] * (1 if kept is None else kept)
    ends = graph.embeddings.abs().sum(1) / size
    system = torch.eye(len(size), dtype=torch.double) - steps
    explained = torch.linalg.solve_triangular(system, ends[:, None], upper=True)[:, 0]
    lengths = torch.linalg.solve_triangular(system, explained[:, None], upper=True)[:, 0]
    start = torch.zeros_like(ends)
    start[0] = 1
    visits = torch.linalg.solve_triangular(system.T, start[:, None], upper=False)[:, 0]
    order = (visits * explained)[1:].argsort(descending=True)
    return Paths(float(explained[0]), float(lengths[0] / explained[0]), order)


def prune(graph: Graph, *, explained: float) -> Paths:
    """Paths with the fewest features, strongest first, that explain at least so much; with all where none do."""
    full = measure_paths(graph)
    few, many = 0, len(full.order)
    best = full
    while few < many:
        middle = (few + many) // 2
        kept = torch.zeros(len(full.order), dtype=torch.bool)
        kept[full.order[:middle]] = True
        paths = measure_paths(graph, kept=kept)
        if paths.explained >= explained:
            best, many = paths, middle
        else:
            few = middle + 1
    return best
