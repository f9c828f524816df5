"""A claim about a feature on texts that the reader has marked."""

from collections.abc import Callable, Generator, Sequence
from typing import Any

from gscope_widgets.records.claims import ClaimScore, ClaimText, judge, score_texts
from gscope_widgets.records.features import FeatureSummary
from gscope_widgets.records.numbers import find_rounding
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.features.finding import Firings, warn_of_few


def score_claim(
    summary: FeatureSummary,
    positive: Sequence[Tokens],
    negative: Sequence[Tokens],
    *,
    claim: str,
    threshold: float,
    dtype: str,
    fire: Callable[[Tokens], Firings],
    provenance: Provenance,
) -> Generator[float, None, ClaimScore]:
    """Precision, recall and AUC of one feature as a detector of the positive texts; yields the share of texts read.

    Args:
        dtype: that the model computes in: activations that differ by its rounding are ties.
        fire: reads one text, for this feature at least.
    """
    texts, found = [*positive, *negative], list[ClaimText]()
    for number, tokens in enumerate(texts):
        positions, features, values = fire(tokens)
        own = features == summary.feature
        activation, pos = 0.0, None
        if own.any():
            at = values[own].argmax()
            activation, pos = float(values[own][at]), int(positions[own][at])
        is_positive = number < len(positive)
        verdict = judge(activation, is_positive=is_positive, threshold=threshold)
        token = "" if pos is None else tokens.strings[pos]
        found.append(ClaimText(tokens.text, is_positive, activation, pos, token, verdict))
        yield len(found) / len(texts)
    activations, rounding = [one.activation for one in found], find_rounding(dtype)
    scores: dict[str, Any] = score_texts(activations, len(positive), threshold=threshold, rounding=rounding)
    return ClaimScore(
        ref=summary.ref,
        claim=claim,
        label=summary.label,
        threshold=threshold,
        texts=tuple(found),
        note=warn_of_few(len(positive), len(negative)),
        provenance=provenance,
        **scores,
    )
