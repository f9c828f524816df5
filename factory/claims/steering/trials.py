"""The best feature of each concept, chosen on some prompts and tried on others, beside rival directions."""

from dataclasses import dataclass

import numpy as np
import torch

from factory.claims.intervals import bootstrap_interval
from factory.claims.steering.rule import is_steered, rank_choices
from factory.claims.steering.setup import DOSES, STRENGTHS, WRONG_LAYER, Candidate, SteeringSetup
from factory.training.family import MIDDLE


@dataclass(frozen=True)
class Choice:
    """The feature and strength of a concept that did best on the choice prompts."""

    candidate: Candidate
    strength: float  # fraction of the mean residual norm
    effect: float  # on the choice prompts
    rank: float  # of `rank_choices`


@dataclass(frozen=True)
class Trial:
    """A concept's best feature at its best strength, both chosen on other prompts, on the report prompts."""

    concept: str
    feature: int
    strength: float  # fraction of the mean residual norm
    effect: float  # rise in the detected share of tokens
    interval: tuple[float, float]  # 95 %, over prompts
    random_median: float  # of |effect| of random directions
    perplexity_ratio: float
    steerable: bool
    share_before: float
    feature_auc: float  # held-out
    detector: str  # probe or token
    detector_auc: float  # held-out
    before: str = ""
    after: str = ""


def choose_trials(
    candidates: list[Candidate],
    row_of: dict[int, int],
    effects: np.ndarray,
    ratios: np.ndarray,
    randoms: np.ndarray,
    least: np.ndarray,
) -> list[Choice]:
    """The best feature and strength of each concept on the choice prompts.

    Args:
        row_of: row of each feature in the sweep.
        effects: [direction, strength, concept].
        ratios: [direction, strength], of perplexity.
        randoms: [random direction, strength, concept], effects.
        least: [concept], of `steering_rule.least_effect`.
    """
    best: dict[str, Choice] = {}
    for one in candidates:
        row = row_of[one.feature]
        effect = effects[row, :, one.column]
        ranks = rank_choices(effect, randoms[:, :, one.column], ratios[row], least[one.column])
        at = int(ranks.argmax())
        if one.concept not in best or ranks[at] > best[one.concept].rank:
            best[one.concept] = Choice(one, STRENGTHS[at], float(effect[at]), float(ranks[at]))
    return list(best.values())


def report_trials(setup: SteeringSetup, choices: list[Choice], random_effects: np.ndarray) -> list[Trial]:
    """Every chosen feature on the report prompts.

    Args:
        random_effects: [random direction, dose, concept] on the same prompts.
    """
    strengths = torch.tensor([one.strength for one in choices])
    directions = setup.directions[[one.candidate.feature for one in choices]]
    harness = setup.report
    outcome = harness.run(directions * strengths[:, None] * setup.norm, layer=MIDDLE)
    effects, ratios, costs = harness.effects(outcome), harness.perplexity_ratios(outcome), harness.costs(outcome)
    before, least = harness.baseline.shares.mean((0, 1)), setup.least(harness)
    trials = []
    for row, one in enumerate(choices):
        column, own = one.candidate.column, effects[row, :, one.candidate.column]
        randoms = random_effects[:, DOSES.index(one.strength), column]
        shown, interval = int(np.abs(own - np.median(own)).argmin()), bootstrap_interval(own)
        trials.append(
            Trial(
                concept=one.candidate.concept,
                feature=one.candidate.feature,
                strength=one.strength,
                effect=float(own.mean()),
                interval=interval,
                random_median=float(np.median(np.abs(randoms))),
                perplexity_ratio=float(ratios[row]),
                steerable=interval[0] > 0 and bool(is_steered(own.mean(), randoms, costs[row], least[column])),
                share_before=float(before[column]),
                feature_auc=one.candidate.auc,
                detector="probe" if setup.detector.probed[column] else "token",
                detector_auc=float(setup.detector.auc[column]),
                before=setup.text(harness, harness.baseline, 0, shown),
                after=setup.text(harness, outcome, row, shown),
            )
        )
    return trials


def try_rivals(setup: SteeringSetup, trials: list[Trial], random_effects: np.ndarray) -> dict[str, list[dict]]:
    """For each steerable concept: the opposite direction, the same one at a wrong layer, and the mean difference.

    At the wrong layer the strength is the same fraction of the mean norm there.
    """
    steerable = [one for one in trials if one.steerable]
    if not steerable:
        return {"negative": [], "wrong_layer": [], "mean_difference": []}
    columns, least = [setup.concepts.index(one.concept) for one in steerable], setup.least(setup.report)
    strengths = torch.tensor([one.strength for one in steerable])[:, None]
    own = setup.directions[[one.feature for one in steerable]] * strengths
    difference = setup.mean_differences[columns] * strengths
    outcomes = {
        "negative": setup.report.run(-own * setup.norm, layer=MIDDLE),
        "wrong_layer": setup.report.run(own * setup.wrong_norm, layer=WRONG_LAYER),
        "mean_difference": setup.report.run(difference * setup.norm, layer=MIDDLE),
    }
    found = {}
    for name, outcome in outcomes.items():
        effects, ratios = setup.report.effects(outcome).mean(1), setup.report.perplexity_ratios(outcome)
        costs = setup.report.costs(outcome)
        found[name] = [
            {
                "concept": one.concept,
                "effect": float(effects[row, column]),
                "perplexity_ratio": float(ratios[row]),
                "steerable": bool(
                    is_steered(
                        effects[row, column],
                        random_effects[:, DOSES.index(one.strength), column],
                        costs[row],
                        least[column],
                    )
                ),
            }
            for row, (one, column) in enumerate(zip(steerable, columns, strict=True))
        ]
    return found
