"""How fluent a generated text is, and by what rule it is said to break up."""

from collections.abc import Sequence
from math import isnan

import numpy as np

# The rule by which docs/claims.md says that a text collapses (T5b). On gscope-mini, with 32 tokens, eight samples
# and eight others of strength 0 differ by up to 1.6 in perplexity; one token in eight replaced by another of the same
# texts makes it 47 to 77.
BREAKS_UP_PERPLEXITY = 3.0
BREAKS_UP_VARIETY = 0.5


def measure_perplexity(logprobs: np.ndarray) -> float:
    """exp of the mean negative log probability (nats); NaN of no tokens."""
    if not len(logprobs):
        return float("nan")
    with np.errstate(over="ignore"):
        return float(np.exp(-np.mean(logprobs, dtype=np.float64)))


def measure_variety(ids: Sequence[int]) -> float:
    """Different tokens over tokens: 1 where none comes twice; NaN of none."""
    return len(set(ids)) / len(ids) if ids else float("nan")


def breaks_up(perplexity: float, variety: float, *, beside: tuple[float, float]) -> bool:
    """Whether a text breaks up, or repeats itself, beside the baseline's perplexity and variety."""
    most, least = BREAKS_UP_PERPLEXITY * beside[0], BREAKS_UP_VARIETY * beside[1]
    return perplexity > most or (not isnan(variety) and variety < least)
