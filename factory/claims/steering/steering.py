"""T5a, T5b and T5c: directions that put their concept into the text, at which strengths, and features that do not."""

from dataclasses import asdict

import numpy as np

from factory.claims.intervals import wilson_interval
from factory.claims.steering.doses import choose_shown, measure_doses
from factory.claims.steering.rule import chosen_false_positive_rate, false_positive_rate
from factory.claims.steering.setup import DOSES, STRENGTHS, WRONG_LAYER, SteeringPlan, SteeringSetup
from factory.claims.steering.trials import Trial, choose_trials, report_trials, try_rivals
from gscope_widgets.mini.claim import Claim

READER_AUC = 0.95
MIN_STEERABLE, MIN_WRITERS = 10, 5
MAX_FALSE_POSITIVES = 0.05


def measure_steering(evaluation, *, plan: SteeringPlan | None = None) -> list[Claim]:
    """T5a, T5b and T5c for the default dictionary of mini.

    Directions are added after layer 4 at every position but BOS, in fractions of the mean residual
    norm as `gs.add` does. Random directions share prompts and sampling noise with the features.

    Args:
        evaluation: `claims.sample.Evaluation`.
    """
    setup = SteeringSetup(evaluation, plan or SteeringPlan())
    features = sorted({one.feature for one in setup.candidates})
    chosen_on = setup.sweep(setup.choice, setup.directions[features], STRENGTHS)
    effects, ratios = setup.summarize(setup.choice, chosen_on, STRENGTHS)
    random_choice = setup.summarize(setup.choice, setup.sweep(setup.choice, setup.random, STRENGTHS), STRENGTHS)
    random_report = setup.sweep(setup.report, setup.random, DOSES)
    random_effects, random_ratios = setup.summarize(setup.report, random_report, DOSES)
    row_of = {feature: row for row, feature in enumerate(features)}
    choices = choose_trials(setup.candidates, row_of, effects, ratios, random_choice[0], setup.least(setup.choice))
    trials = report_trials(setup, choices, random_effects)
    rivals = try_rivals(setup, trials, random_effects)
    coarse = [DOSES.index(strength) for strength in STRENGTHS]
    at_strengths = random_effects[:, coarse], random_ratios[:, coarse]
    return [
        _measure_writing(setup, trials, rivals, random_choice, at_strengths),
        measure_doses(setup, choose_shown(choices), random_effects, random_ratios),
        _measure_readers(setup, trials, effects, row_of, random_choice[0], at_strengths[0]),
    ]


def _measure_writing(
    setup: SteeringSetup, trials: list[Trial], rivals: dict, random_choice: tuple, random_report: tuple
):
    """T5a; both tuples are effects [direction, strength, concept] and perplexity ratios of random directions."""
    randoms, ratios = random_report
    steerable = [one for one in trials if one.steerable]
    registers = [one.concept for one in steerable if one.concept.startswith("register:")]
    cases = randoms.reshape(len(randoms), -1)
    least = setup.least(setup.report)
    repeated = np.repeat(ratios, randoms.shape[2], axis=1), np.tile(least, randoms.shape[1])
    false_positives = false_positive_rate(cases, *repeated)
    chosen = chosen_false_positive_rate(random_choice, random_report, (setup.least(setup.choice), least))
    low, high = wilson_interval(len(steerable), len(trials))
    return Claim(
        id="T5a",
        claim="a feature's direction, added, moves the text to its register or concept",
        metric="concepts whose share of tokens rises, each by its best feature",
        value=float(len(steerable)),
        interval=(low * len(trials), high * len(trials)),
        n=len(trials),
        seeds=setup.seeds,
        control={
            "random_directions_that_pass": false_positives,
            "random_directions_that_pass_at_their_best_strength": chosen,
            "random_directions": len(randoms),
            "median_random_effect": float(np.median(np.abs(randoms))),
        }
        | {f"{name}_that_pass": sum(one["steerable"] for one in found) for name, found in rivals.items()}
        | {f"{name}_mean_effect": _mean(one["effect"] for one in found) for name, found in rivals.items()},
        threshold=">= 10 concepts, a register among them, by 5 x the median random direction, by 0.03 or their share "
        "of unsteered text, intervals above 0, at perplexity <= 1.5 x and half the different tokens; random directions "
        "pass in <= 5 %",
        passed=len(steerable) >= MIN_STEERABLE and bool(registers) and false_positives <= MAX_FALSE_POSITIVES,
        details={
            "registers": registers,
            "registers_tried": sum(one.concept.startswith("register:") for one in trials),
            "mean_effect": _mean(one.effect for one in steerable),
            "intervals_above_zero": sum(one.interval[0] > 0 for one in steerable),
            "mean_norm": setup.norm,
            "mean_norm_at_wrong_layer": setup.wrong_norm,
            "wrong_layer": WRONG_LAYER,
            "detected_by_probe": int(setup.detector.probed.sum()),
            "unsteered_perplexity": float(np.exp(setup.report.baseline.loss.mean())),
            "prompts": [setup.tokenizer.decode(row[1:].tolist()) for row in setup.report.prompts],
            "new_tokens": setup.report.new_tokens,
            "steerable": [asdict(one) for one in sorted(steerable, key=lambda one: -one.effect)],
            "others": [
                [one.concept, one.feature, one.strength, one.effect, one.random_median, one.perplexity_ratio]
                for one in trials
                if not one.steerable
            ],
            "rivals": rivals,
        },
    )


def _measure_readers(
    setup: SteeringSetup, trials: list[Trial], effects, row_of, random_choice, randoms: np.ndarray
) -> Claim:
    """T5c: features of high AUC with the least effect on the choice prompts, at every strength on the report prompts.

    Args:
        effects: [direction, strength, concept], on the choice prompts.
        random_choice: [random direction, strength, concept], on the choice prompts.
        randoms: the same on the report prompts.
    """
    readers = [one for one in setup.candidates if one.auc >= READER_AUC]
    median = np.median(np.abs(random_choice), axis=0)

    def largest_effect(one) -> float:
        return float((effects[row_of[one.feature], :, one.column] - median[:, one.column]).max())

    tried = sorted(readers, key=largest_effect)[: setup.plan.reader_pairs]
    inert = []
    if tried:
        outcome = setup.sweep(setup.report, setup.directions[[one.feature for one in tried]], STRENGTHS)
        reported, ratios = setup.summarize(setup.report, outcome, STRENGTHS)
        for row, one in enumerate(tried):
            effect, bound = reported[row, :, one.column], np.abs(randoms[:, :, one.column])
            if (np.abs(effect) <= bound.max(0)).all():
                inert.append(
                    {
                        "concept": one.concept,
                        "feature": one.feature,
                        "auc": one.auc,
                        "effects": effect.tolist(),
                        "random_medians": np.median(bound, axis=0).tolist(),
                        "largest_random_effects": bound.max(0).tolist(),
                        "perplexity_ratios": [one if np.isfinite(one) else None for one in ratios[row].tolist()],
                        "under_the_median_at_every_strength": bool((np.abs(effect) <= np.median(bound, axis=0)).all()),
                    }
                )
    writers = sorted({one.feature for one in trials if one.steerable})
    low, high = wilson_interval(len(inert), len(tried))
    return Claim(
        id="T5c",
        claim="reading is not writing: some features that detect a concept well do not put it into the text",
        metric="features with AUC >= 0.95 whose direction moves their concept no more than random directions do",
        value=float(len(inert)),
        interval=(low * len(tried), high * len(tried)),
        n=len(tried),
        seeds=setup.seeds,
        control={"steerable_features": len(writers), "readers": len(readers)},
        threshold=">= 5 steerable features, and >= 1 reader within the range of random directions at every strength",
        passed=len(writers) >= MIN_WRITERS and bool(inert),
        details={"quiet": inert, "strengths": list(STRENGTHS), "steerable_features": writers},
    )


def _mean(values) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
