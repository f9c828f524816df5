"""A feature along generated text, in words and as shares of full colour: the same in view, copy and code."""

from collections.abc import Sequence

from gscope_widgets.records.generation import GeneratedToken
from gscope_widgets.widgets.base.formats import format_number, format_token


def find_full(known_maximum: float | None, rows: Sequence[Sequence[float]]) -> float:
    """The activation at full colour: the feature's known maximum, or else its maximum in these texts; above 0."""
    return known_maximum or max((value for row in rows for value in row), default=0.0) or 1.0


def write_summary(tokens: Sequence[GeneratedToken], at: int) -> str:
    """One feature along one text: "mean 2.1, most 12.3 at ␣fish"; `at` is its place among the features read."""
    values = [token.activations[at] for token in tokens]
    most = max(values, default=0.0)
    if most <= 0:
        return "silent"
    where = tokens[values.index(most)].text
    return f"mean {format_number(sum(values) / len(values))}, most {format_number(most)} at {format_token(where)}"
