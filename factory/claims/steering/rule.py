"""When a direction counts as steering: rules on numbers alone."""

import numpy as np

MIN_EFFECT = 0.03  # rise in the detected share of tokens, where a concept's share is as large without steering
MIN_RATIO = 5  # over the median random direction
MAX_PERPLEXITY = 1.5  # times the baseline one
CHOICE_PERPLEXITY = 1.3  # for choosing: what is at the edge on some prompts is beyond it on half of all others


def least_effect(share_before) -> np.ndarray:
    """The least rise that counts, [...]: 0.03 of all tokens, or a doubling of a concept that is rarer than that."""
    return np.minimum(MIN_EFFECT, share_before)


def is_steered(effect, random_effects, perplexity_ratio, least=MIN_EFFECT) -> np.ndarray:
    """Steerable: the share rises enough, and by five times the median random change, at a perplexity within 1.5 x.

    Args:
        effect: [...].
        random_effects: [direction, ...], of random directions of the same length.
        perplexity_ratio: [...]; infinite for what is no text.
        least: [...], of `least_effect`.
    """
    median = np.median(np.abs(random_effects), axis=0)
    return (effect >= least) & (effect >= MIN_RATIO * median) & (perplexity_ratio <= MAX_PERPLEXITY)


def rank_choices(effect, random_effects, perplexity_ratio, least=MIN_EFFECT) -> np.ndarray:
    """A score for choosing among features and strengths: fluent first, then beyond random, then the effect."""
    median = np.median(np.abs(random_effects), axis=0)
    beyond = (effect >= least) & (effect >= MIN_RATIO * median)
    return np.asarray(effect) + 2.0 * beyond + 10.0 * (np.asarray(perplexity_ratio) <= CHOICE_PERPLEXITY)


def false_positive_rate(random_effects: np.ndarray, perplexity_ratios: np.ndarray, least=MIN_EFFECT) -> float:
    """Share of random directions that pass the rule, each against the others.

    Args:
        random_effects: [direction, case].
        perplexity_ratios: [direction, case].
        least: [case], of `least_effect`.
    """
    passed = [
        is_steered(random_effects[one], np.delete(random_effects, one, axis=0), perplexity_ratios[one], least)
        for one in range(len(random_effects))
    ]
    return float(np.mean(passed))


def chosen_false_positive_rate(choice: tuple, report: tuple, least=(MIN_EFFECT, MIN_EFFECT)) -> float:
    """The same with each random direction at its best strength for each concept, as features are chosen.

    Args:
        choice: effects [direction, strength, concept] and perplexity ratios [direction, strength].
        report: the same on other prompts.
        least: of `least_effect`, [concept], on both.
    """
    passed = []
    for one in range(len(choice[0])):
        (own, others), (reported, other_reported) = (
            (effects[one], np.delete(effects, one, axis=0)) for effects, _ in (choice, report)
        )
        at = rank_choices(own, others, choice[1][one][:, None], least[0]).argmax(0)
        concepts = np.arange(own.shape[1])
        passed.append(is_steered(reported[at, concepts], other_reported[:, at, concepts], report[1][one][at], least[1]))
    return float(np.mean(passed))
