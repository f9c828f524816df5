"""T5b: the effect of one direction by strength, divided into a dead zone, a window and a collapse."""

from dataclasses import dataclass

import numpy as np

from factory.claims.intervals import bootstrap_interval
from factory.claims.steering.rule import MIN_EFFECT, is_steered
from factory.claims.steering.setup import DOSES, SteeringSetup
from factory.claims.steering.texts import MIN_VARIETY
from factory.claims.steering.trials import Choice
from gscope_widgets.mini.claim import Claim

SHOWN = "language:french"
COLLAPSE_PERPLEXITY = 3.0
DEAD_SHARE = 0.1  # of the largest fluent effect


@dataclass(frozen=True)
class DosePhases:
    """Strengths by phase; each list rises and may be empty."""

    dead: list[float]  # before the first strength whose effect is a tenth of the peak and beyond all random directions
    window: list[float]  # steerable
    collapse: list[float]  # from the first strength on where the text is no longer a text

    @property
    def complete(self) -> bool:
        """Whether all three are there, in this order."""
        return bool(self.dead and self.window and self.collapse) and (
            self.dead[-1] < self.window[0] and self.window[-1] < self.collapse[0]
        )


def divide_doses(
    strengths: list[float],
    effect: np.ndarray,
    random_effects: np.ndarray,
    perplexity_ratio: np.ndarray,
    variety_ratio: np.ndarray,
) -> DosePhases:
    """Dead zone, window and collapse of one dose curve.

    Args:
        strengths: rising.
        effect: [strength].
        random_effects: [direction, strength].
        perplexity_ratio: [strength].
        variety_ratio: [strength], of different tokens to those of baseline text.
    """
    window = is_steered(effect, random_effects, perplexity_ratio) & (variety_ratio >= MIN_VARIETY)
    peak = effect[window].max() if window.any() else effect.max()
    beyond = window | (effect >= DEAD_SHARE * peak) & (effect > np.abs(random_effects).max(0))
    dead = np.cumsum(beyond) == 0
    collapsed = (perplexity_ratio > COLLAPSE_PERPLEXITY) | (variety_ratio < MIN_VARIETY)
    collapse = np.cumsum(collapsed) > 0
    doses = np.array(strengths)
    return DosePhases(doses[dead].tolist(), doses[window].tolist(), doses[collapse].tolist())


def choose_shown(choices: list[Choice]) -> Choice:
    """That of the concept which the first tutorial steers; the best of rank where it has no candidate."""
    return max(choices, key=lambda one: (one.candidate.concept == SHOWN, one.rank))


def measure_doses(setup: SteeringSetup, shown: Choice, randoms: np.ndarray, random_ratios: np.ndarray) -> Claim:
    """T5b, for the feature that is shown.

    Args:
        randoms: effects of random directions, [direction, dose, concept].
        random_ratios: [direction, dose], their `Harness.costs`.
    """
    column, harness = shown.candidate.column, setup.report
    outcome = setup.sweep(harness, setup.directions[[shown.candidate.feature]], DOSES)
    by_prompt = harness.effects(outcome)[..., column]
    ratios = harness.perplexity_ratios(outcome)
    variety = harness.variety_ratios(outcome)
    randoms = randoms[..., column]
    phases = divide_doses(list(DOSES), by_prompt.mean(1), randoms, ratios, variety)
    fluent = np.isin(DOSES, phases.window)
    peak = int(np.where(fluent, by_prompt.mean(1), -1).argmax()) if fluent.any() else int(by_prompt.mean(1).argmax())
    return Claim(
        id="T5b",
        claim="adding more of a direction does nothing at first, then writes its concept, then ruins the text",
        metric="largest rise in the concept's share of tokens within the window",
        value=float(by_prompt[peak].mean()),
        interval=bootstrap_interval(by_prompt[peak]),
        n=by_prompt.shape[1],
        seeds=setup.seeds,
        control={
            "random_effect_at_that_strength": float(np.median(np.abs(randoms[:, peak]))),
            "largest_random_effect": float(np.abs(randoms).max()),
            "strengths_at_which_the_median_random_direction_reaches_0.03": [
                dose for dose, low in zip(DOSES, np.median(np.abs(randoms), axis=0), strict=True) if low >= MIN_EFFECT
            ],
        },
        threshold="dead zone (under a tenth of the peak or within the range of random directions), window (steerable), "
        "collapse (perplexity > 3 x or fewer than half the different tokens), in this order",
        passed=phases.complete,
        details={
            "concept": shown.candidate.concept,
            "feature": shown.candidate.feature,
            "dead_zone": phases.dead,
            "window": phases.window,
            "collapse": phases.collapse,
            "curve": [
                {
                    "strength": dose,
                    "effect": float(by_prompt[at].mean()),
                    "interval": bootstrap_interval(by_prompt[at]),
                    "perplexity_ratio": float(ratios[at]),
                    "variety_ratio": float(variety[at]),
                    "random_effects": randoms[:, at].tolist(),
                    "random_perplexity_ratio": _known(np.median(random_ratios[:, at])),
                    "text": setup.text(harness, outcome, at, 0),
                }
                for at, dose in enumerate(DOSES)
            ],
        },
    )


def _known(ratio: float) -> float | None:
    """A number that JSON holds: None for an infinite one."""
    return float(ratio) if np.isfinite(ratio) else None
