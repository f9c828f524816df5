"""What a dose-response curve lets one say, in sentences: for the page and for copies alike."""

from collections.abc import Sequence

from gscope_widgets.records.doses import DosePoint, DoseResponse
from gscope_widgets.records.estimates import Estimate
from gscope_widgets.widgets.base.formats import format_number

FEW_SAMPLES = 10  # below this a bootstrap interval is too narrow; see `DoseResponse.rules`
_SIDES = {"Negative": -1, "Positive": 1}


def format_strength(strength: float) -> str:
    """A strength with its sign, as many places as it has up to four digits: "+0.3", "−1", "0"."""
    return f"{'+' if strength > 0 else ''}{format_number(strength, 4)}"


def format_estimate(estimate: Estimate) -> str:
    """A mean with its interval: "0.583 [0.471, 0.675]"."""
    return f"{format_number(estimate.mean)} [{format_number(estimate.low)}, {format_number(estimate.high)}]"


def describe_dose(response: DoseResponse, strength: float) -> str:
    """What may be said of one strength: "above baseline and control", "not told from the baseline", ...."""
    if strength == 0:
        return "the baseline"
    change = response.change_at(strength)
    if change is not None:
        return f"{change} baseline and control"
    base, point = _find(response, 0.0).effect, _find(response, strength)
    met = [
        name
        for name, other in (("the baseline", base), ("the control", point.control_effect))
        if point.effect.low <= other.high and other.low <= point.effect.high
    ]
    return f"not told from {' or '.join(met)}" if met else "between baseline and control"


def list_findings(response: DoseResponse, *, planned: Sequence[float]) -> list[str]:
    """What the curve says, a sentence each, and no more than its intervals allow.

    Args:
        planned: the strengths that were asked for; fewer are there where the sweep was stopped.
    """
    found = []
    if len(response.strengths) < len(planned):
        found.append(f"{len(response.strengths)} of {len(planned)} strengths are made; the rest is not known.")
    if all(sample.effect == 0 for sample in response.samples):
        found.append(f"The measure, {response.measure.name}, is 0 in every text: it says nothing about this feature.")
    else:
        found += [_describe_side(response, name, sign) for name, sign in _SIDES.items()]
    found.append(_describe_fluency(response))
    seeds = f"{len(response.seeds)} samples at each strength, seeds {_list_seeds(response.seeds)}"
    few = f"; with fewer than {FEW_SAMPLES} the intervals are too narrow" if len(response.seeds) < FEW_SAMPLES else ""
    found.append(f"{seeds}, each with a random direction of its own beside it{few}.")
    return found


def _describe_side(response: DoseResponse, name: str, sign: int) -> str:
    flip = next((one for one in response.flips if one.strength * sign > 0), None)
    if flip is None:
        return f"{name} strengths: no flip; every interval meets that of the baseline or of the control."
    where = f"{name} strengths: flips at {format_strength(flip.strength)}, {flip.change} baseline and control"
    broken = next((one for one in response.breaks_up if one * sign > 0), None)
    if broken is None or abs(broken) > abs(flip.strength):
        return f"{where}, where text still holds together."
    return f"{where}, but text breaks up at {format_strength(broken)}: this is not an effect on fluent text."


def _describe_fluency(response: DoseResponse) -> str:
    base = _find(response, 0.0).perplexity.mean
    words = []
    for strength in response.breaks_up:
        point = _find(response, strength)
        share = f", {format_number(point.perplexity.mean / base)} times that at 0" if base > 0 else ""
        words.append(f"{format_strength(strength)} (perplexity {format_number(point.perplexity.mean)}{share})")
    return f"Text breaks up at {' and '.join(words)}." if words else "Text breaks up at none of these strengths."


def _list_seeds(seeds: Sequence[int]) -> str:
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def _find(response: DoseResponse, strength: float) -> DosePoint:
    return next(point for point in response.points if point.strength == strength)
