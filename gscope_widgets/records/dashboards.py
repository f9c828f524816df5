"""All that is known of one feature, each part with where it comes from."""

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.records.figures import escape_math, open_figure, write_title
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.provenance import Provenance

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

ContextSize = Literal["short", "medium", "long"]
# Tokens before and after the strongest one.
CONTEXT_SIZES: dict[ContextSize, tuple[int, int]] = {"short": (5, 2), "medium": (24, 8), "long": (96, 32)}
BANDS = 5
NeighbourMeasure = Literal["decoder cosine", "co-activation"]


@dataclass(frozen=True, eq=False)
class FeatureExample:
    """A stretch of text on which a feature fires, cut around one of its tokens."""

    tokens: tuple[str, ...]  # each token's own text
    peak: int  # index in `tokens` of the token that the example is of
    activation: float  # there
    activations: np.ndarray  # float32, [tokens]; NaN where it was not read, 0 where the feature is silent
    logit_effect: float | None = None  # on the logit of the token that follows, where the file says

    def cut(self, size: ContextSize) -> "FeatureExample":
        """The same example with less context: see `CONTEXT_SIZES`.

        Raises:
            InvalidValue: there is no such size.
        """
        if size not in CONTEXT_SIZES:
            raise InvalidValue(f"a context is {', '.join(CONTEXT_SIZES)}, got {describe_value(size)}")
        before, after = CONTEXT_SIZES[size]
        first, stop = max(0, self.peak - before), self.peak + after + 1
        return replace(
            self,
            tokens=self.tokens[first:stop],
            peak=self.peak - first,
            activations=self.activations[first:stop],
        )


@dataclass(frozen=True, eq=False)
class ActivationHistogram:
    """How strongly a feature fires where it fires."""

    edges: np.ndarray  # float32, [bins + 1], ascending from 0 to the largest activation
    counts: np.ndarray  # int64, [bins]; tokens whose activation is above the lower edge, up to the upper one
    tokens: int  # looked at, those at which the feature is silent included
    on: str  # what text: "the 75,021 tokens of mini's held-out text"

    @property
    def fired(self) -> int:
        """Tokens at which the feature fires."""
        return int(self.counts.sum())

    @property
    def largest(self) -> float:
        """The largest activation on this text."""
        return float(self.edges[-1])


@dataclass(frozen=True)
class ActivationBand:
    """Examples whose activation lies in one fifth of the range of a feature."""

    low: float  # activations above this,
    high: float  # up to this
    count: int  # tokens in the band, of those looked at
    examples: tuple[FeatureExample, ...]  # drawn from all over the band, strongest first


@dataclass(frozen=True)
class FeatureNeighbour:
    """Another feature that is like this one, by one measure."""

    ref: FeatureRef
    label: FeatureLabel | None
    measure: NeighbourMeasure  # cosine of decoder rows, or correlation (Pearson) of activations over tokens
    value: float  # -1 to 1
    on: str  # of what: "the decoder rows of ...", or a text as in `ActivationHistogram.on`


@dataclass(frozen=True)
class Rival:
    """What detects the same concept without the dictionary, measured as the feature was."""

    name: str  # "best neuron", "best residual coordinate", "linear probe", "the token alone"
    auc: float
    index: int | None = None  # which neuron


@dataclass(frozen=True)
class ConceptTruth:
    """How well a feature detects a concept of text that is known: gscope-mini's alone is."""

    concept: str  # "language:french"
    auc: float  # of the activation as a detector, token by token
    precision: float  # of "it fires" for the concept
    recall: float
    positives: int  # tokens that carry the concept
    on: str  # what text it was measured on
    rivals: tuple[Rival, ...] = ()  # () where they were not measured, which a note says


@dataclass(frozen=True)
class TokenEffect:
    """What a feature adds to one token's logit, directly, for each unit of its activation."""

    id: int
    token: str
    effect: float


@dataclass(frozen=True)
class FeatureDashboard:
    """A feature's labels, truth, examples, histogram, direct effects and neighbours.

    Whatever could not be had is empty or None, and `notes` says why. Most features of published dictionaries
    have no label; their examples are worth looking at all the same.
    """

    ref: FeatureRef
    labels: tuple[FeatureLabel, ...] = ()  # hypotheses, each with its source and author
    density: float | None = None  # share of tokens at which it fires
    density_on: str = ""  # of what text; empty where nobody says
    max_activation: float | None = None  # the largest known, on whatever text
    examples: tuple[FeatureExample, ...] = ()  # strongest first
    examples_on: str = ""  # what text they are from; empty where there are none
    bands: tuple[ActivationBand, ...] = ()  # five, strongest first
    bands_on: str = ""  # the same of the bands
    histogram: ActivationHistogram | None = None
    promoted: tuple[TokenEffect, ...] = ()  # strongest first
    suppressed: tuple[TokenEffect, ...] = ()
    neighbours: tuple[FeatureNeighbour, ...] = ()  # by measure, nearest first in each
    truth: ConceptTruth | None = None
    notes: tuple[str, ...] = ()  # "no histogram: ...", a sentence for each part that could not be had
    provenance: Provenance | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        label = repr(self.labels[0].text) if self.labels else "no label"
        return f"<FeatureDashboard of {self.ref}, {label}, {len(self.examples)} examples: print it to read it>"

    def __str__(self) -> str:
        lines = [str(self.ref)]
        lines += [f"label: {_write_label(label)}" for label in self.labels]
        if self.density is not None:
            lines.append(f"fires at {self.density:.3%} of {self.density_on or 'tokens'}")
        if self.max_activation is not None:
            lines.append(f"largest activation known: {self.max_activation:.4g}{self._write_largest_shown()}")
        for name, effects in (("promotes", self.promoted), ("suppresses", self.suppressed)):
            if effects:
                lines.append(f"{name}: {', '.join(repr(one.token) for one in effects)}")
        for (measure, on), some in groupby(self.neighbours, key=lambda near: (near.measure, near.on)):
            lines.append(f"nearest by {measure} on {on}:")
            for near in some:
                words = "no label" if near.label is None else near.label.text
                lines.append(f"{near.value:10.2f}  feature {near.ref.feature} ({words})")
        for one in self.examples:
            short = one.cut("medium")
            shown = [f"[[{token}]]" if at == short.peak else token for at, token in enumerate(short.tokens)]
            lines.append(f"{one.activation:10.4g}  {''.join(shown)}".replace("\n", "⏎"))
        return "\n".join([*lines, *self.notes])

    @property
    def largest_shown(self) -> float | None:
        """The largest activation on the histogram's text, where a larger one is known of other text; else None."""
        if self.histogram is None or self.max_activation is None:
            return None
        largest = self.histogram.largest
        return largest if largest < self.max_activation and not np.isclose(largest, self.max_activation) else None

    def _write_largest_shown(self) -> str:
        largest = self.largest_shown
        return "" if largest is None or self.histogram is None else f"; {largest:.4g} in {self.histogram.on}"

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame of the examples: `band`, `activation`, `token`, `text`, `logit_effect`.

        The strongest examples have the band "top"; then those of each band, "1" for the strongest.
        """
        rows = [("top", one) for one in self.examples]
        rows += [(str(number), one) for number, band in enumerate(self.bands, 1) for one in band.examples]
        return build_frame(
            band=[band for band, _ in rows],
            activation=[one.activation for _, one in rows],
            token=[one.tokens[one.peak] for _, one in rows],
            text=["".join(one.tokens) for _, one in rows],
            logit_effect=[one.logit_effect for _, one in rows],
        )

    def plot(self) -> "Figure":
        """A matplotlib Figure: the histogram of activations, bands marked, counts on a logarithmic axis."""
        figure = open_figure(6, 3, self.provenance)
        axes = figure.subplots()
        axes.set_xlabel("activation")
        axes.set_ylabel("tokens")
        title = f"feature {self.ref.feature}" + (f": {self.labels[0].text}" if self.labels else "")
        write_title(figure, title)
        if self.histogram is None:
            why = next((note for note in self.notes if note.startswith("no histogram:")), "no histogram")
            axes.text(0.5, 0.5, escape_math(why), ha="center", wrap=True, fontsize="small", transform=axes.transAxes)
            return figure
        axes.stairs(self.histogram.counts, self.histogram.edges, fill=True)
        axes.set_yscale("symlog", linthresh=1)
        for band in self.bands:
            axes.axvline(band.low, color="C7", linewidth=0.8, linestyle=":")
        return figure


def _write_label(label: FeatureLabel) -> str:
    score = "" if label.score is None else f", score {label.score:.2f}"
    author = f" by {label.author}" if label.author else ""
    date = f", {label.date}" if label.date else ""
    guess = "machine-written guess, " if label.is_machine_guess else ""
    return f"{label.text} ({guess}{label.source}{author}{date}{score})"
