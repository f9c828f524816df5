"""What every measurement of steering uses: candidate features, a detector, prompts and random directions."""

from dataclasses import dataclass

import numpy as np
import torch

from factory.claims.concept_scores import MIN_POSITIVES, list_firings, score_firings
from factory.claims.steering.concept_detectors import PROBE_LAYER, LabelledTokens, fit_detector
from factory.claims.steering.rule import least_effect
from factory.claims.steering.texts import Harness, Outcome, choose_prompts, mean_norms
from factory.corpus import family_of
from factory.training.artefact import load_members
from factory.training.corpus_tokens import HELD_OUT_SEED, VALIDATION_SEED
from factory.training.family import MIDDLE, PRETRAINED, middle_dictionary

FAMILIES = frozenset("register language structure phrase thing place person time number quality code entity".split())
STRENGTHS = (0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)  # most texts are ruined beyond; the window is narrow
DOSES = (0.025, 0.05, *STRENGTHS, 0.7, 0.8, 1.0, 1.5)
WRONG_LAYER = 1
EXAMPLE_LENGTH = 160  # characters
LABEL_F1, GOOD_AUC = 0.3, 0.9
SEED = 501  # of sampling noise on the choice prompts; + 1 of the random directions, + 2 of noise on the others


@dataclass(frozen=True)
class SteeringPlan:
    """How much is tried; the default takes about four minutes on two cores."""

    documents: int = 600
    choice_prompts: int = 12  # validation text; feature and strength are chosen on these
    choice_tokens: int = 30
    report_prompts: int = 48  # held-out text
    new_tokens: int = 40
    random_directions: int = 8
    features_a_concept: int = 3
    reader_pairs: int = 20  # features of high AUC tried at every strength for T5c


@dataclass(frozen=True)
class Candidate:
    """A feature that detects a concept on validation text."""

    column: int  # of the concept among those that are tried
    concept: str
    feature: int
    f1: float  # validation
    auc: float  # held-out


class SteeringSetup:
    """Candidates, directions, and two sets of prompts: to choose on, and to report."""

    def __init__(self, evaluation, plan: SteeringPlan):
        """Score features and fit the detector on validation text; write the baseline texts."""
        self.plan, self.tokenizer, model = plan, evaluation.tokenizer, evaluation.model("mini")
        folder = evaluation.build.root_folder(PRETRAINED) / middle_dictionary().folder
        members = load_members(folder)
        samples = [evaluation.sample(seed, documents=plan.documents) for seed in (VALIDATION_SEED, HELD_OUT_SEED)]
        places = [("resid_post", MIDDLE), ("resid_post", PROBE_LAYER)]
        states = [evaluation.activations(sample, places) for sample in samples]
        names = np.array(samples[0].rows.names)
        tried = np.array([family_of(name) in FAMILIES for name in names])
        tried &= np.min([sample.concepts.sum(0) for sample in samples], axis=0) >= MIN_POSITIVES
        labels = [sample.concepts[:, tried] for sample in samples]
        scores = [score_firings(list_firings(x[0], members[0]), y) for x, y in zip(states, labels, strict=True)]
        self.candidates = choose_candidates(scores, names[tried].tolist(), count=plan.features_a_concept)
        used = sorted({one.column for one in self.candidates})
        self.candidates = [
            Candidate(used.index(one.column), one.concept, one.feature, one.f1, one.auc) for one in self.candidates
        ]
        labels = [y[:, used] for y in labels]
        self.concepts = names[tried][used].tolist()
        self.detector = fit_detector(
            *(LabelledTokens(sample.ids, y, x[1]) for sample, y, x in zip(samples, labels, states, strict=True)),
            vocabulary=model.config.vocab_size,
            layer=PROBE_LAYER,
        )
        self.directions = torch.nn.functional.normalize(members[0]["w_dec"], dim=1)
        self.mean_differences = mean_differences(states[0][0], torch.from_numpy(labels[0]))
        self.norm, self.wrong_norm = mean_norms(model, self.tokenizer, layers=(MIDDLE, WRONG_LAYER))
        pieces = [self.tokenizer.decode([token]) for token in range(model.config.vocab_size)]
        choice = choose_prompts(samples[0], pieces, count=plan.choice_prompts)
        report = choose_prompts(samples[1], pieces, count=plan.report_prompts, besides=choice)
        self.choice = Harness(model, choice, self.detector, new_tokens=plan.choice_tokens, seed=SEED)
        self.report = Harness(model, report, self.detector, new_tokens=plan.new_tokens, seed=SEED + 2)
        generator = torch.Generator().manual_seed(SEED + 1)
        noise = torch.randn((plan.random_directions, self.directions.shape[1]), generator=generator)
        self.seeds = (VALIDATION_SEED, HELD_OUT_SEED, SEED, SEED + 1, SEED + 2)
        self.random = torch.nn.functional.normalize(noise, dim=1)

    def sweep(self, harness: Harness, directions: torch.Tensor, strengths) -> Outcome:
        """Each direction, [direction, d_model], at each strength: outcomes in direction-major order."""
        sizes = self.norm * torch.tensor(strengths)
        return harness.run((directions[:, None] * sizes[:, None]).flatten(0, 1), layer=MIDDLE)

    def summarize(self, harness: Harness, outcome: Outcome, strengths) -> tuple[np.ndarray, np.ndarray]:
        """Mean effects [direction, strength, concept] and `Harness.costs` [direction, strength] of a sweep."""
        effects = harness.effects(outcome).mean(1)
        shape = (-1, len(strengths))
        return effects.reshape(*shape, effects.shape[-1]), harness.costs(outcome).reshape(shape)

    def least(self, harness: Harness) -> np.ndarray:
        """The least effect that counts on a harness's prompts, [concept]."""
        return least_effect(harness.baseline.shares.mean((0, 1)))

    def text(self, harness: Harness, outcome: Outcome, direction: int, prompt: int) -> str:
        """One text with its prompt, cut to 160 characters."""
        start = harness.prompts[prompt, 1:].tolist()
        return self.tokenizer.decode(start + outcome.tokens[direction, prompt].tolist())[:EXAMPLE_LENGTH]


def choose_candidates(scores: list, names: list[str], *, count: int) -> list[Candidate]:
    """Up to `count` features of each concept, by F1 on validation text, of those with F1 >= 0.3 or AUC >= 0.9.

    Args:
        scores: `ConceptScores` on validation and on held-out text.
    """
    f1, auc = scores[0].f1, np.nan_to_num(scores[0].auc)
    good = (f1 >= LABEL_F1) | (auc >= GOOD_AUC)
    found = []
    for column, name in enumerate(names):
        ranked = np.argsort(-f1[:, column], kind="stable")[:count]
        found += [
            Candidate(column, name, int(feature), float(f1[feature, column]), float(scores[1].auc[feature, column]))
            for feature in ranked
            if good[feature, column]
        ]
    return found


def mean_differences(x: torch.Tensor, concepts: torch.Tensor) -> torch.Tensor:
    """Mean of tokens with each concept less that of the others, length 1: float32 [concept, d_model]."""
    y = concepts.float()
    carried = y.sum(0)[:, None]
    total = y.T @ x
    return torch.nn.functional.normalize(total / carried - (x.sum(0) - total) / (len(x) - carried), dim=1)
