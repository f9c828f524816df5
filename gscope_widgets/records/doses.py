"""Effect and fluency by strength, with the random control: a dose-response curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.estimates import INTERVAL_RULE, Estimate, estimate_mean, estimate_perplexity
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.figures import escape_math, open_figure, write_title
from gscope_widgets.records.fluency import BREAKS_UP_PERPLEXITY, BREAKS_UP_VARIETY, breaks_up, measure_perplexity
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.interventions import MAX_FRACTION
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.measures import Measure
from gscope_widgets.records.numbers import check_float
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

STRENGTHS = (-1.0, -0.6, -0.3, -0.1, 0.0, 0.1, 0.3, 0.6, 1.0)  # mild to as long as the activation itself
MIN_STRENGTHS, MAX_STRENGTHS = 7, 41
RULES = {
    "interval": INTERVAL_RULE,
    "control": (
        "each sample is continued once more along a random direction of its own, of the same length as the change at "
        "each position and turned round with the sign of the strength, on the same random numbers"
    ),
    "flips": (
        "the smallest strength on each side of 0 at which the effect's interval lies wholly above, or wholly below, "
        "both that of the baseline (strength 0) and that of the control at this strength; of curves of mere noise "
        "with 9 strengths, 3 to 11 in 100 flip somewhere with 8 samples, and 18 with 3"
    ),
    "breaks up": (
        "the smallest strength on each side of 0 at which perplexity under the unchanged model (geometric mean over "
        f"samples) is over {BREAKS_UP_PERPLEXITY:g} times that at strength 0, or at which texts repeat themselves: the "
        f"share of different tokens (mean over samples) is under {BREAKS_UP_VARIETY:g} times that at strength 0"
    ),
}


@dataclass(frozen=True, eq=False)
class DoseSample:
    """One continuation at one strength."""

    strength: float
    kind: Literal["changed", "random"]  # at strength 0 nothing is changed, and there is one kind
    seed: int  # of its random numbers; for "random" also of its direction
    text: str
    effect: float  # what the measure says of it
    variety: float  # different tokens over tokens: 1 where none comes twice; NaN of none
    baseline_logprobs: np.ndarray  # float32, [generated], nats: of each token under the unchanged model

    @property
    def perplexity(self) -> float:
        """Of the generated tokens under the unchanged model; NaN of none."""
        return measure_perplexity(self.baseline_logprobs)


@dataclass(frozen=True)
class DosePoint:
    """All samples of one strength, in figures."""

    strength: float
    effect: Estimate
    control_effect: Estimate  # along random directions; at strength 0 the same as `effect`
    perplexity: Estimate  # geometric mean
    control_perplexity: Estimate
    variety: Estimate


@dataclass(frozen=True)
class Flip:
    """Where the effect stands out from baseline and control; see `DoseResponse.rules`."""

    strength: float
    change: Literal["above", "below"]


@dataclass(frozen=True)
class DoseResponse:
    """How a measure of generated text, and its fluency, follow the strength of one direction."""

    prompt: Tokens
    ref: FeatureRef | Direction  # what was added
    measure: Measure
    points: tuple[DosePoint, ...]  # by rising strength
    samples: tuple[DoseSample, ...]
    provenance: Provenance

    def __repr__(self) -> str:
        flips = ", ".join(f"{flip.strength:+g} ({flip.change})" for flip in self.flips) or "nowhere"
        breaks = ", ".join(f"{strength:+g}" for strength in self.breaks_up) or "nowhere"
        lines = [
            f"<DoseResponse of {self.measure.name} to {self.ref}, {len(self.seeds)} samples each",
            f"  flips at {flips}; breaks up at {breaks}",
        ]
        lines += [
            f"  {point.strength:+6.2f}: effect {_write(point.effect)}, control {_write(point.control_effect)}, "
            f"perplexity {_write(point.perplexity)}"
            for point in self.points
        ]
        return "\n".join(lines) + ">"

    @property
    def strengths(self) -> tuple[float, ...]:
        """In fractions of the mean norm at the site and layer, rising."""
        return tuple(point.strength for point in self.points)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the samples."""
        return tuple(dict.fromkeys(sample.seed for sample in self.samples))

    @property
    def rules(self) -> dict[str, str]:
        """How intervals and control are made, and by what rule "flips" and "breaks up" are said."""
        return dict(RULES)

    @property
    def flips(self) -> tuple[Flip, ...]:
        """Where the effect stands out, on each side of 0 once at most, the negative side first."""
        found = []
        for side in self._sides():
            for point in side:
                change = self.change_at(point.strength)
                if change is not None:
                    found.append(Flip(point.strength, change))
                    break
        return tuple(found)

    @property
    def breaks_up(self) -> tuple[float, ...]:
        """Strengths at which text breaks up, on each side of 0 once at most, the negative side first."""
        broken = ([one.strength for one in side if self.is_broken_at(one.strength)] for side in self._sides())
        return tuple(strengths[0] for strengths in broken if strengths)

    def change_at(self, strength: float) -> Literal["above", "below"] | None:
        """Where the effect's interval stands, clear of those of baseline and control; None where it meets either.

        Args:
            strength: one of `strengths`.
        """
        base, point = self._at(0.0).effect, self._at(strength)
        if point.effect.low > max(base.high, point.control_effect.high):
            return "above"
        return "below" if point.effect.high < min(base.low, point.control_effect.low) else None

    def is_broken_at(self, strength: float) -> bool:
        """Whether text of this strength breaks up; see `rules`."""
        base, point = self._at(0.0), self._at(strength)
        return breaks_up(point.perplexity.mean, point.variety.mean, beside=(base.perplexity.mean, base.variety.mean))

    def texts(self, strength: float, *, kind: Literal["changed", "random"] = "changed") -> tuple[str, ...]:
        """The generated texts at one strength, in the order of `seeds`.

        Args:
            strength: one of `strengths`.
            kind: "changed", or "random" for those of the control; at 0 they are the same.
        """
        if kind not in ("changed", "random"):
            raise InvalidValue(f'kind must be "changed" or "random", got {describe_value(kind)}')
        wanted = self._at(strength).strength
        found = [one for one in self.samples if one.strength == wanted]
        return tuple(one.text for one in found if one.kind == kind or wanted == 0)

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, one row a text: `strength`, `kind`, `seed`, `effect`, `perplexity`, `variety`, `text`."""
        names = ("strength", "kind", "seed", "effect", "perplexity", "variety", "text")
        return build_frame(**{name: [getattr(sample, name) for sample in self.samples] for name in names})

    def plot(self) -> "Figure":
        """A matplotlib Figure: effect above and perplexity below, with intervals, by strength."""
        figure = open_figure(7, 5, self.provenance)
        effect, perplexity = figure.subplots(2, 1, sharex=True)
        for axes, changed, control in (
            (effect, "effect", "control_effect"),
            (perplexity, "perplexity", "control_perplexity"),
        ):
            for name, label, style in ((changed, "changed", "C0o-"), (control, "random direction", "C1x--")):
                values = [getattr(point, name) for point in self.points]
                means = np.array([value.mean for value in values])
                reach = np.abs([[value.low, value.high] for value in values] - means[:, None]).T
                axes.errorbar(self.strengths, means, yerr=reach, fmt=style, capsize=3, label=label)
            for flip in self.flips:
                axes.axvline(flip.strength, color="C2", linestyle=":", label="flips")
            for strength in self.breaks_up:
                axes.axvline(strength, color="C3", linestyle="-.", label="breaks up")
        effect.set_ylabel(escape_math(self.measure.name), fontsize="small")
        perplexity.set_ylabel("perplexity, unchanged model")
        perplexity.set_yscale("log")
        perplexity.set_xlabel("strength (fraction of the mean norm)")
        handles, labels = effect.get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        effect.legend(unique.values(), unique.keys(), fontsize="small")
        write_title(figure, str(self.ref))
        return figure

    def _at(self, strength: float) -> DosePoint:
        for point in self.points:
            if point.strength == strength:
                return point
        listed = ", ".join(f"{one:g}" for one in self.strengths)
        raise InvalidValue(f"the strengths are {listed}, got {describe_value(strength)}")

    def _sides(self) -> tuple[list[DosePoint], list[DosePoint]]:
        """Points below and above 0, each nearest first."""
        return (
            [point for point in reversed(self.points) if point.strength < 0],
            [point for point in self.points if point.strength > 0],
        )


def check_strengths(values: object) -> tuple[float, ...]:
    """The strengths of a dose, rising.

    Raises:
        InvalidValue: fewer than 7 or more than 41, one is no finite number from -100 to 100 or stands twice, or 0 or
            one of the two signs is missing.
    """
    items = read_list(values) or []
    strengths = sorted({check_float("a strength", value, low=-MAX_FRACTION, high=MAX_FRACTION) for value in items})
    if not MIN_STRENGTHS <= len(items) == len(strengths) <= MAX_STRENGTHS:
        raise InvalidValue(
            f"strengths must be {MIN_STRENGTHS} to {MAX_STRENGTHS} different numbers, such as {STRENGTHS}, "
            f"got {describe_value(values)}"
        )
    if 0.0 not in strengths or strengths[0] == 0 or strengths[-1] == 0:
        raise InvalidValue(
            f"strengths must hold 0 (the baseline), negative and positive numbers, got {describe_value(values)}"
        )
    return tuple(strengths)


def build_points(samples: Sequence[DoseSample]) -> tuple[DosePoint, ...]:
    """The curve that samples make, by rising strength."""
    points = []
    for strength in sorted({sample.strength for sample in samples}):
        here = [sample for sample in samples if sample.strength == strength]
        changed = [sample for sample in here if sample.kind == "changed"]
        control = [sample for sample in here if sample.kind == "random"] or changed
        points.append(
            DosePoint(
                strength,
                effect=estimate_mean([one.effect for one in changed]),
                control_effect=estimate_mean([one.effect for one in control]),
                perplexity=estimate_perplexity([one.perplexity for one in changed]),
                control_perplexity=estimate_perplexity([one.perplexity for one in control]),
                variety=estimate_mean([one.variety for one in changed]),
            )
        )
    return tuple(points)


def _write(estimate: Estimate) -> str:
    return f"{estimate.mean:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"
