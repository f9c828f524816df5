"""Texts that a model writes while directions are added to its residual stream, and what they are like."""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import DynamicCache

from factory.claims.replies import BOS, edited
from factory.claims.sample import Sample
from factory.claims.steering.concept_detectors import ConceptDetector
from factory.training.tokenizer import SPECIAL_IDS
from gscope_widgets.runtime.engine import CALIBRATION_TEXT
from gscope_widgets.runtime.gemma.prefix import name_cache

ROWS = 128  # texts a batch
TEMPERATURE = 0.8
PROMPT_TOKENS = 2  # few enough to leave open what text it will be
MIN_VARIETY = 0.5  # share of the baseline texts' different tokens; below it a text repeats itself
_SPECIAL = list(SPECIAL_IDS.values())


@dataclass(frozen=True)
class Outcome:
    """Texts by added direction and prompt, as the baseline model reads them."""

    tokens: np.ndarray  # int64, [direction, prompt, new]
    shares: np.ndarray  # float32, [direction, prompt, concept]: mean detected probability over the new tokens
    loss: np.ndarray  # float32, [direction, prompt]: nats a new token
    variety: np.ndarray  # float64, [direction, prompt]: different tokens over tokens


class Harness:
    """A model, prompts and a detector; every direction is tried on the same prompts with the same noise."""

    def __init__(self, model, prompts: np.ndarray, detector: ConceptDetector, *, new_tokens: int, seed: int):
        """Args: prompts: ids, [prompt, pos], BOS first; seed: of the sampling noise."""
        self.model, self.prompts, self.detector = model, torch.from_numpy(prompts).long(), detector
        self.new_tokens, self.seed = new_tokens, seed
        self.baseline = self.run(torch.zeros(1, model.config.hidden_size), layer=0)

    def run(self, vectors: torch.Tensor, *, layer: int) -> Outcome:
        """Texts with each vector, float32 [direction, d_model], added after a layer."""
        tokens = sample_texts(
            self.model, self.prompts, vectors, layer=layer, new_tokens=self.new_tokens, seed=self.seed
        )
        return read_texts(self.model, self.prompts, tokens, self.detector)

    def effects(self, outcome: Outcome) -> np.ndarray:
        """Rise in the detected share of each concept over baseline text, [direction, prompt, concept]."""
        return outcome.shares - self.baseline.shares

    def perplexity_ratios(self, outcome: Outcome) -> np.ndarray:
        """Perplexity of the texts over that of baseline ones, both under the baseline model: [direction]."""
        return np.exp(outcome.loss.mean(1) - self.baseline.loss.mean())

    def variety_ratios(self, outcome: Outcome) -> np.ndarray:
        """Different tokens of the texts over those of baseline ones: [direction]."""
        return outcome.variety.mean(1) / self.baseline.variety.mean()

    def costs(self, outcome: Outcome) -> np.ndarray:
        """Perplexity ratios, [direction]; infinite where texts repeat themselves: likely, but no text."""
        return np.where(self.variety_ratios(outcome) < MIN_VARIETY, np.inf, self.perplexity_ratios(outcome))


def choose_prompts(sample: Sample, pieces: list[str], *, count: int, besides: np.ndarray = ()) -> np.ndarray:
    """Different beginnings of documents, their registers in turn: ids with BOS, int32 [prompt, pos].

    Args:
        pieces: text of each token of the vocabulary; a beginning ends where a word does, so that a
            register whose documents never begin with two whole words has none.
        besides: prompts that are not to be chosen.
    """
    taken = {tuple(prompt) for prompt in besides}
    by_register: dict[str, dict[tuple, None]] = {}
    for ids, register in zip(sample.rows.ids, sample.rows.registers, strict=True):
        if pieces[ids[PROMPT_TOKENS + 1]][:1] in (" ", "\n"):
            by_register.setdefault(register, {})[tuple(ids[: PROMPT_TOKENS + 1])] = None
    columns = [list(by_register[register]) for register in sorted(by_register)]
    depth = max(map(len, columns))
    in_turn = [column[at] for at in range(depth) for column in columns if at < len(column)]
    return np.array([prompt for prompt in dict.fromkeys(in_turn) if prompt not in taken][:count], np.int32)


@torch.inference_mode()
def mean_norms(model, tokenizer, *, layers: tuple[int, ...]) -> list[float]:
    """Mean norm of the residual stream after each layer on the runtime's calibration text: the unit of `gs.add`."""
    ids = torch.tensor([[BOS, *tokenizer.encode(CALIBRATION_TEXT, add_special_tokens=False).ids]])
    states = model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states
    return [float(states[layer + 1][0, 1:].norm(dim=1).mean()) for layer in layers]


@torch.inference_mode()
def sample_texts(
    model, prompts: torch.Tensor, vectors: torch.Tensor, *, layer: int, new_tokens: int, seed: int
) -> torch.Tensor:
    """Sampled tokens at temperature 0.8, int64 [direction, prompt, new]; special tokens are never sampled.

    A vector is added at every position but BOS. A token is sampled by the Gumbel-max trick: with g
    = -log(-log u), u uniform, argmax(logits / T + g) has the distribution softmax(logits / T). The
    noise belongs to the prompt and step, so that two directions differ by what they do alone.

    Args:
        prompts: int64, [prompt, pos], BOS first, all of one length.
        vectors: float32, [direction, d_model].
    """
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand((len(prompts), new_tokens, model.config.vocab_size), generator=generator)
    noise = -torch.log(-torch.log(uniform.clamp(1e-10, 1 - 1e-7)))
    pairs = torch.arange(len(vectors) * len(prompts))
    found = []
    for rows in pairs.split(ROWS):
        added, which = vectors[rows // len(prompts)][:, None], rows % len(prompts)
        ids, cache, new = prompts[which], DynamicCache(config=model.config), []
        with edited(model, layer, lambda x, added=added: x + added):
            for step in range(new_tokens):
                going_on = {name_cache(model): cache}
                logits = model(input_ids=ids, use_cache=True, logits_to_keep=1, **going_on).logits[:, -1]
                logits[:, _SPECIAL] = -torch.inf
                ids = (logits / TEMPERATURE + noise[which, step]).argmax(-1, keepdim=True)
                new.append(ids)
        found.append(torch.cat(new, 1))
    return torch.cat(found).view(len(vectors), len(prompts), new_tokens)


@torch.inference_mode()
def read_texts(model, prompts: torch.Tensor, tokens: torch.Tensor, detector: ConceptDetector) -> Outcome:
    """What the baseline model and the detector make of texts, int64 [direction, prompt, new]."""
    directions, count, new = tokens.shape
    texts = torch.cat([prompts.expand(directions, -1, -1), tokens], 2).flatten(0, 1)
    shares, losses = [], []
    for ids in texts.split(ROWS):
        out = model(input_ids=ids, use_cache=False, output_hidden_states=True)
        logits = out.logits[:, -new - 1 : -1]
        logits[..., _SPECIAL] = -torch.inf
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, -new:].flatten(), reduction="none")
        losses.append(loss.view(-1, new).mean(1))
        x = out.hidden_states[detector.layer + 1][:, -new:]
        shares.append(detector.probabilities(ids[:, -new:], x).mean(1))
    ordered = tokens.sort(-1).values
    different = 1 + (ordered[..., 1:] != ordered[..., :-1]).sum(-1)
    return Outcome(
        tokens=tokens.numpy(),
        shares=torch.cat(shares).view(directions, count, -1).numpy(),
        loss=torch.cat(losses).view(directions, count).numpy(),
        variety=(different / new).numpy(),
    )
