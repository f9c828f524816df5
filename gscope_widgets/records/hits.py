"""What a search for features finds, best first, each hit with the score that ranks it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from gscope_widgets.errors import InvalidValue, UnknownLabel, describe_value
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.records.figures import escape_math, open_figure
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.provenance import Provenance

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

Search = Literal["label", "examples", "contrast"]


@dataclass(frozen=True)
class ShuffledNull:
    """What a score comes to when the texts' marks, positive and negative, are dealt out anew at random."""

    mean: float  # of this feature's scores
    p95: float  # their 95th percentile
    reached: float  # share of the deals in which this feature's score is as large as the true one
    reached_by_any: float  # share in which any feature's is: near 0 where the hit is no accident of trying them all


@dataclass(frozen=True)
class FeatureHit:
    """One feature found."""

    ref: FeatureRef
    label: FeatureLabel | None
    max_activation: float | None  # the largest activation seen when it was measured
    score: float | None = None  # what ranks it: see `FeatureHits.measure`; None where its label has no AUC
    positive: float | None = None  # mean over the (positive) texts of its largest activation in each; None by label
    negative: float | None = None  # the same of the negative ones; None where there are none
    strongest: tuple[int, int] | None = None  # which positive text, and which position of it, it fires at most
    null: ShuffledNull | None = None  # of a contrast alone

    @property
    def feature(self) -> int:
        """Its index in its dictionary."""
        return self.ref.feature


@dataclass(frozen=True)
class FeatureHits(Sequence[FeatureHit]):
    """Features found, best first; a sequence of them. `note` says what there is to say where there are none, or few."""

    hits: tuple[FeatureHit, ...]
    by: Search
    measure: str  # what `FeatureHit.score` is, in words
    dictionary_info: DictionaryInfo
    query: str = ""  # as asked; empty for examples and contrasts
    note: str = ""  # a sentence: nothing holds the query and what comes nearest, or too few texts for the null
    nearest: tuple[str, ...] = ()  # labels most like a query that none holds
    texts: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())  # the positive and the negative ones
    shuffles: int = 0  # deals of the null
    provenance: Provenance | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[FeatureHit]:
        return iter(self.hits)

    @overload
    def __getitem__(self, index: int) -> FeatureHit: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[FeatureHit, ...]: ...
    def __getitem__(self, index: int | slice) -> FeatureHit | tuple[FeatureHit, ...]:
        """Raises UnknownLabel, with the nearest labels, where nothing was found."""
        if not self.hits and not isinstance(index, slice):
            raise UnknownLabel(self.note)
        return self.hits[index]

    def __repr__(self) -> str:
        lines = [f"<FeatureHits: {len(self.hits)} by {self.by}, {self.measure}"]
        for one in self.hits:
            score = "" if one.score is None else f" {one.score:.3g}"
            lines.append(f"  {one.feature}:{score} {'no label' if one.label is None else one.label.text}")
        return "\n".join([*lines, *([f"  {self.note}"] if self.note else [])]) + ">"

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame: `feature`, `label`, `source`, `score`, `positive`, `negative` and the null's numbers.

        The null's are `null_mean`, `null_p95`, `reached` and `reached_by_any`: None but for a contrast.
        """
        nulls = [one.null for one in self.hits]
        return build_frame(
            feature=[one.feature for one in self.hits],
            label=[None if one.label is None else one.label.text for one in self.hits],
            source=[None if one.label is None else one.label.source for one in self.hits],
            score=[one.score for one in self.hits],
            positive=[one.positive for one in self.hits],
            negative=[one.negative for one in self.hits],
            null_mean=[null and null.mean for null in nulls],
            null_p95=[null and null.p95 for null in nulls],
            reached=[null and null.reached for null in nulls],
            reached_by_any=[null and null.reached_by_any for null in nulls],
        )

    def plot(self) -> "Figure":
        """A matplotlib Figure: a bar for each hit's score, the null's 95th percentile marked on it."""
        figure = open_figure(6, 1.2 + 0.3 * max(1, len(self.hits)), self.provenance)
        axes = figure.subplots()
        rows = np.arange(len(self.hits))
        axes.barh(rows, [one.score or 0.0 for one in self.hits])
        for row, one in enumerate(self.hits):
            if one.null is not None:
                axes.plot([one.null.p95] * 2, [row - 0.4, row + 0.4], color="black")
        names = [f"{one.feature} {'' if one.label is None else one.label.text}"[:40] for one in self.hits]
        axes.set_yticks(rows, [escape_math(name) for name in names])
        axes.invert_yaxis()
        axes.set_xlabel(self.measure)
        return figure


def check_search(query: object, *, positives: int, negatives: int) -> None:
    """That one thing is searched for: words of a label, or texts.

    Raises:
        InvalidValue: neither, both, or negative texts alone.
    """
    if query is not None and not isinstance(query, str):
        raise InvalidValue(f"query must be a string, got {describe_value(query)}")
    if query is not None and (positives or negatives):
        raise InvalidValue("search by query or by texts (positive=, negative=), not by both at once")
    if query is None and not positives:
        raise InvalidValue(
            "nothing to search for; give words of a label, or texts that a feature should fire on as positive=[...]"
        )
