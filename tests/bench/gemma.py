"""A random model of Gemma 3 270M's shape, as ours and as the peers hold it: T9 to T11 run it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, Gemma3ForCausalLM, PreTrainedTokenizerBase

import gscope_widgets as gs
from gscope_widgets.records.activations import SparseActivations
from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU
from gscope_widgets.runtime.scope import Scope
from tests.bench.files import write_dictionary
from tests.bench.rows import Equality
from tests.bench.shapes import Plan, Shape
from tests.hub.gemma import write_gemma

BOS = 2
CLOSE = 1e-3  # of log probabilities, and of activations in units of the largest: float32 through 18 layers


@dataclass(frozen=True)
class Bench:
    """One model and one dictionary, opened by ours; and the folder from which each peer loads its own copy."""

    model: Path
    dictionary_path: Path
    scope: Scope
    dictionary: JumpReLU
    plain: Gemma3ForCausalLM  # transformers alone
    tokenizer: PreTrainedTokenizerBase
    layer: int
    norm: float  # mean length of the residual stream after that layer
    prompts: Iterator[list[int]]  # never the same one twice

    def load_plain(self) -> Gemma3ForCausalLM:
        """Another copy, for a peer that changes the model that it is given."""
        return _load(self.model)


@contextmanager
def open_bench(root: Path, plan: Plan) -> Iterator[Bench]:
    """Writes model and dictionary, of which about `MEAN_L0` features fire at a position, and opens both in float32."""
    model = write_gemma(root / "hub", "270m", true_shape=plan.gated)
    plain = _load(model)
    layer, d_model = plain.config.num_hidden_layers // 2, plain.config.hidden_size
    prompts = _draw_prompts(plan.prompt, vocabulary=min(2000, plain.config.vocab_size))
    with torch.no_grad():
        x = plain(torch.tensor([next(prompts)]), output_hidden_states=True).hidden_states[layer + 1][0, 1:]
    shape = Shape("16k", 16_384 if plan.gated else 512, d_model)
    path = write_dictionary(root / "scope", shape, size="270m", layer=layer, scale=float(x.square().mean().sqrt()))
    with gs.load(str(model), dtype="float32") as scope:
        dictionary = scope.dictionary(path=path)
        scope.check(dictionary)  # the first reading would, and warn that random weights fit no model
        norm = float(x.norm(dim=1).mean())
        yield Bench(model, path, scope, dictionary, plain, AutoTokenizer.from_pretrained(model), layer, norm, prompts)


def _load(folder: Path) -> Gemma3ForCausalLM:
    return Gemma3ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def _draw_prompts(length: int, *, vocabulary: int) -> Iterator[list[int]]:
    for seed in count():
        yield [BOS, *np.random.default_rng(seed).integers(100, vocabulary, length - 1).tolist()]


@contextmanager
def steered(model: Gemma3ForCausalLM, layer: int, delta: torch.Tensor, *, first: int) -> Iterator[None]:
    """Add a vector, [d_model], after a layer, as users of transformers do: from position `first` of a prompt on.

    A pass over a single token is a step after the prompt, and is changed whatever `first` is.
    """

    def change(_module: object, _arguments: object, output: torch.Tensor) -> torch.Tensor:
        start = first if output.shape[1] > 1 else 0
        return torch.cat([output[:, :start], output[:, start:] + delta], 1)

    handle = model.model.layers[layer].register_forward_hook(change)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def recompute_greedy(model: Gemma3ForCausalLM, ids: list[int], count: int) -> list[tuple[int, float]]:
    """The likeliest tokens and their log probabilities, each from a whole pass with no cache."""
    found: list[tuple[int, float]] = []
    for _ in range(count):
        inputs = torch.tensor([[*ids, *(one for one, _ in found)]])
        logs = model(inputs, use_cache=False).logits[0, -1].log_softmax(-1)
        found.append((int(logs.argmax()), float(logs.max())))
    return found


def compare_greedy(
    ours: list[tuple[int, float]], theirs: list[tuple[int, float]], baseline: list[tuple[int, float]]
) -> Equality:
    """The same tokens with log probabilities within `CLOSE`, and none of this true of the baseline."""
    same = [one for one, _ in ours] == [one for one, _ in theirs]
    apart, changed = _measure_gap(ours, theirs), _measure_gap(theirs, baseline)
    text = (
        f"{len(theirs)} greedy tokens {'the same' if same else 'differ'}, log probabilities at most {apart:.1e} apart "
        f"(from the baseline's, {changed:.1e})"
    )
    return Equality(same and apart <= CLOSE < changed, text)


def _measure_gap(one: list[tuple[int, float]], other: list[tuple[int, float]]) -> float:
    return max((abs(a - b) for (_, a), (_, b) in zip(one, other, strict=False)), default=0.0)


def compare_readings(ours: SparseActivations, theirs: SparseActivations, threshold: np.ndarray) -> Equality:
    """As `compare_sparse`, to what float32 through half a model leaves: `CLOSE` of the largest activation."""
    own, other = (one.to_dense() for one in (ours, theirs))
    limit = CLOSE * float(other.max(initial=1))
    both = (own > 0) & (other > 0)
    apart = float(np.abs(own - other)[both].max(initial=0))
    alone = (own > 0) != (other > 0)
    near = bool((np.maximum(own, other) - threshold)[alone].max(initial=0) <= limit)
    text = (
        f"{len(theirs.features)} firings (L0 {len(theirs.features) / theirs.shape[0]:.1f}), "
        f"{int(alone.sum())} on one side alone, activations at most {apart:.1e} apart"
    )
    return Equality(near and apart <= limit and len(theirs.features) > 0, text)
