"""Rules that say on which texts a feature fires, and how well such a rule holds on texts it was not made on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gscope_widgets.exercises.literals import Plain

SHUFFLES = 1000
MAX_PATTERNS = 30
_LONGEST = 40  # characters of a pattern
_STARS = 2  # of one pattern; more could take long to look for


@dataclass(frozen=True)
class RuleScore:
    """How well a rule tells the texts on which a feature fires from the others, beside chance."""

    balanced: float  # mean of the shares of firing texts found and of silent texts left out; a coin has 0.5
    misses: int  # texts on which it fires, and the rule says no
    false_alarms: int
    shuffled_mean: float  # of the same with the firings dealt out anew, `SHUFFLES` times, seed 0
    shuffled_p95: float


def score_rule(said: Sequence[bool], fires: Sequence[bool]) -> RuleScore:
    """Balanced accuracy, and that of shuffled firings.

    Args:
        said: for each text, whether the rule says that the feature fires.
        fires: whether it does; both kinds are among them.
    """
    guess, truth = np.asarray(said, bool), np.asarray(fires, bool)
    random = np.random.default_rng(0)
    deals = random.permuted(np.tile(truth, (SHUFFLES, 1)), axis=1)
    null = _balance(guess, deals)
    return RuleScore(
        float(_balance(guess, truth[None])[0]),
        int((truth & ~guess).sum()),
        int((guess & ~truth).sum()),
        float(null.mean()),
        float(np.percentile(null, 95)),
    )


def _balance(guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Balanced accuracy of one guess, [texts], for each row of truths, [rows, texts]."""
    found = (truth & guess).sum(1) / truth.sum(1)
    left_out = (~truth & ~guess).sum(1) / (~truth).sum(1)
    balanced: np.ndarray = (found + left_out) / 2
    return balanced


def refuse_rule(rule: Plain) -> str:
    """Why this is no rule, as a sentence; empty where it is one."""
    if type(rule) is not list or not rule or not all(type(one) is str and one.strip() for one in rule):
        return "The rule is a list of words or patterns, such as ['fish*', 'boat']."
    if len(rule) > MAX_PATTERNS:
        return f"A rule has at most {MAX_PATTERNS} words, got {len(rule)}: find what they share."
    long = next((one for one in rule if len(one) > _LONGEST or one.count("*") > _STARS), None)
    if long is not None:
        return f"A word of a rule has at most {_LONGEST} characters and {_STARS} stars, got {long[:60]!r}."
    return ""


def apply_rule(rule: Sequence[str], text: str) -> bool:
    """Whether one of the words stands in a text: whole, in upper or lower case; "*" is any letters, or none."""
    return any(_compile(one).search(text) for one in rule)


def _compile(pattern: str) -> re.Pattern[str]:
    body = r"\w*".join(re.escape(part) for part in pattern.strip().split("*"))
    return re.compile(rf"(?<!\w){body}(?!\w)", re.IGNORECASE)
