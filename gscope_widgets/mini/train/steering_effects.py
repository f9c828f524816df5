"""Does adding a feature's direction put its concept into the text, more than a random direction does?"""

from dataclasses import dataclass

import numpy as np
import torch

from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.records.interventions import add, add_random

STRENGTHS = (0.3, 0.5, 0.7)
CONTROLS = 4  # random directions at each strength
MIN_EFFECT = 0.03
MIN_RATIO = 5
NEW_TOKENS = 24
PLAN = SamplingPlan(max_new_tokens=NEW_TOKENS, temperature=0.8, seed=0)
PROMPTS = (
    "The old",
    "In the morning",
    "She looked at",
    "There was a",
    "My brother",
    "Two of the",
    "On the table",
    "They went to",
)


@dataclass(frozen=True)
class SteeringEffect:
    """One feature at one strength, over all prompts."""

    feature: int
    concept: str
    strength: float  # fraction of the mean residual norm
    share_before: float  # expected share of tokens with the concept, unsteered
    share_steered: float
    share_random: float  # median over random directions of the same length
    effect: float  # share_steered - share_before
    random_effect: float  # median over random directions of |share - share_before|
    random_effects: tuple[float, ...]  # each random direction's share - share_before
    perplexity_ratio: float  # of the steered text to the unsteered one, both under the unchanged model
    example_before: str
    example_steered: str


def is_steered(effect: float, others: tuple[float, ...]) -> bool:
    """Steered: the share of tokens with the concept rises by 0.03, and by five times the median random change."""
    return effect >= MIN_EFFECT and effect >= MIN_RATIO * float(np.median(np.abs(others)))


class ConceptDetector:
    """The share of a text's tokens that carry a concept, expected from the tokens alone.

    It knows how often each token carries each concept in labelled text, and nothing of any
    dictionary.
    """

    def __init__(self, ids: np.ndarray, concepts: np.ndarray, *, vocabulary: int):
        """Count tokens and concepts.

        Args:
            ids: [token].
            concepts: bool, [token, concept].
        """
        seen = np.bincount(ids, minlength=vocabulary)[:, None]
        carried = np.zeros((vocabulary, concepts.shape[1]))
        np.add.at(carried, ids, concepts)
        prior = concepts.mean(0)
        self.probabilities = (carried + prior) / (seen + 1)

    def share(self, ids: list[int], concept: int) -> float:
        """Mean probability of the concept over a text's tokens, 0 to 1; 0 for no tokens."""
        return float(self.probabilities[ids, concept].mean()) if ids else 0.0


def measure_effects(
    scope, dictionary, model, *, feature: int, concept: str, index: int, detector
) -> list[SteeringEffect]:
    """Steer neutral prompts with one feature at several strengths, beside random directions.

    Args:
        model: the same model in plain transformers, which scores the texts unsteered.
        index: the concept's number in the detector.
    """
    ref = dictionary.feature(feature)
    rows = {"unsteered": ()}
    for strength in STRENGTHS:
        rows[f"steered {strength}"] = (add(ref, strength),)
        for control in range(CONTROLS):
            rows[f"random {strength} {control}"] = (add_random(ref, strength, seed=control),)
    made = [scope.generate_rows(prompt, rows, plan=PLAN).wait() for prompt in PROMPTS]
    share = {name: np.mean([detector.share(_ids(one, name), index) for one in made]) for name in rows}
    plain = _mean_loss(model, scope, made, "unsteered")
    effects = []
    for strength in STRENGTHS:
        controls = np.array([share[f"random {strength} {control}"] for control in range(CONTROLS)])
        steered = f"steered {strength}"
        effects.append(
            SteeringEffect(
                feature=feature,
                concept=concept,
                strength=strength,
                share_before=round(float(share["unsteered"]), 4),
                share_steered=round(float(share[steered]), 4),
                share_random=round(float(np.median(controls)), 4),
                effect=round(float(share[steered] - share["unsteered"]), 4),
                random_effect=round(float(np.median(np.abs(controls - share["unsteered"]))), 4),
                random_effects=tuple(round(float(control - share["unsteered"]), 4) for control in controls),
                perplexity_ratio=round(float(np.exp(_mean_loss(model, scope, made, steered) - plain)), 3),
                example_before=PROMPTS[0] + _text(made[0], "unsteered"),
                example_steered=PROMPTS[0] + _text(made[0], steered),
            )
        )
    return effects


def _mean_loss(model, scope, made: list, name: str) -> float:
    """Mean negative log probability of the generated tokens under the unchanged model, in nats."""
    losses = []
    for prompt, generation in zip(PROMPTS, made, strict=True):
        start, new = list(scope.tokens(prompt).ids), _ids(generation, name)
        ids = torch.tensor([start + new])
        with torch.inference_mode():
            logits = model(input_ids=ids).logits[0, len(start) - 1 : -1].float()
        losses.extend(torch.nn.functional.cross_entropy(logits, ids[0, len(start) :], reduction="none").tolist())
    return float(np.mean(losses))


def _ids(generation, name: str) -> list[int]:
    return [token.id for token in generation.tokens(name)]


def _text(generation, name: str) -> str:
    return "".join(token.text for token in generation.tokens(name))
