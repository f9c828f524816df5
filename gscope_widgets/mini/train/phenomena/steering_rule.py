"""When a direction counts as steering: rules on numbers alone."""

import numpy as np

MIN_EFFECT = 0.03  # rise in the detected share of tokens
MIN_RATIO = 5  # over the median random direction
MAX_PERPLEXITY = 1.5  # times the unsteered one
CHOICE_PERPLEXITY = 1.3  # for choosing: what is at the edge on some prompts is beyond it on half of all others


def is_steered(effect, random_effects, perplexity_ratio) -> np.ndarray:
    """Steerable: the share rises by 0.03 and by five times the median random change, at a perplexity within 1.5 x.

    Args:
        effect: [...].
        random_effects: [direction, ...], of random directions of the same length.
        perplexity_ratio: [...]; infinite for what is no text.
    """
    median = np.median(np.abs(random_effects), axis=0)
    return (effect >= MIN_EFFECT) & (effect >= MIN_RATIO * median) & (perplexity_ratio <= MAX_PERPLEXITY)


def rank_choices(effect, random_effects, perplexity_ratio) -> np.ndarray:
    """A score for choosing among features and strengths: fluent first, then beyond random, then the effect."""
    median = np.median(np.abs(random_effects), axis=0)
    beyond = (effect >= MIN_EFFECT) & (effect >= MIN_RATIO * median)
    return np.asarray(effect) + 2.0 * beyond + 10.0 * (np.asarray(perplexity_ratio) <= CHOICE_PERPLEXITY)


def false_positive_rate(random_effects: np.ndarray, perplexity_ratios: np.ndarray) -> float:
    """Share of random directions that pass the rule, each against the others.

    Args:
        random_effects: [direction, case].
        perplexity_ratios: [direction, case].
    """
    passed = [
        is_steered(random_effects[one], np.delete(random_effects, one, axis=0), perplexity_ratios[one])
        for one in range(len(random_effects))
    ]
    return float(np.mean(passed))


def chosen_false_positive_rate(choice: tuple, report: tuple) -> float:
    """The same with each random direction at its best strength for each concept, as features are chosen.

    Args:
        choice: effects [direction, strength, concept] and perplexity ratios [direction, strength].
        report: the same on other prompts.
    """
    passed = []
    for one in range(len(choice[0])):
        (own, others), (reported, other_reported) = (
            (effects[one], np.delete(effects, one, axis=0)) for effects, _ in (choice, report)
        )
        at = rank_choices(own, others, choice[1][one][:, None]).argmax(0)
        concepts = np.arange(own.shape[1])
        passed.append(is_steered(reported[at, concepts], other_reported[:, at, concepts], report[1][one][at]))
    return float(np.mean(passed))
