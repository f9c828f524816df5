"""One text through several dictionaries: which features of one answer those of another, by a measure that is named."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.figures import escape_math, open_figure
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.numbers import check_float
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.tokens import Tokens

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

MatchMeasure = Literal["decoder cosine", "activation correlation"]
_DIGITS = 5  # of a measure: beyond them float32 activations differ from run to run
MatchKind = Literal["one to one", "split", "merged", "several to several", "only first", "only second"]
MAX_COMPARED = 6  # dictionaries of one comparison
KINDS: tuple[MatchKind, ...] = get_args(MatchKind)
_REVERSED: dict[MatchKind, MatchKind] = {
    "split": "merged",
    "merged": "split",
    "only first": "only second",
    "only second": "only first",
}
# Kind, features of the first and of the second, the weakest link's value, the best of one without a partner.
Group = tuple[MatchKind, tuple[int, ...], tuple[int, ...], float | None, float | None]


@dataclass(frozen=True)
class MatchedFeature:
    """A feature of one dictionary, as it is on this text."""

    feature: int
    label: FeatureLabel | None
    activation: float  # its largest on the text; 0 where it is silent
    pos: int | None  # where that is


@dataclass(frozen=True)
class FeatureMatch:
    """Features of the first dictionary and of another that answer one another."""

    kind: MatchKind  # "split": one of the first to several of the other; "merged": several to one
    first: tuple[MatchedFeature, ...]  # () for "only second"
    second: tuple[MatchedFeature, ...]  # () for "only first"
    value: float | None  # the measure, of the weakest link where there are several; None without a partner
    nearest: float | None = None  # the best value of a feature without a partner, below the threshold

    @property
    def activations(self) -> tuple[float, float]:
        """The largest activation of either side's features on the text; 0 where there are none, or all are silent."""
        one, other = (max((each.activation for each in side), default=0.0) for side in (self.first, self.second))
        return one, other

    @property
    def difference(self) -> float:
        """That of the second less that of the first."""
        return self.activations[1] - self.activations[0]


@dataclass(frozen=True)
class DictionaryPair:
    """The matches of the first dictionary with one other."""

    other: int  # index in `DictionaryComparison.readings`, 1 or more
    measure: MatchMeasure
    on: str  # of what: "decoder rows", "the 12 tokens of this text", "1,502 tokens of 40 texts"
    threshold: float  # from which value on a pair counts as matched
    matches: tuple[FeatureMatch, ...]  # the largest differences first

    def count(self, kind: MatchKind) -> int:
        """How many matches are of a kind."""
        return sum(match.kind == kind for match in self.matches)


@dataclass(frozen=True)
class DictionaryComparison:
    """One text as several dictionaries read it; each further one is matched with the first.

    Two features are linked where one is the other's best partner, in either direction, and their measure reaches the
    threshold. Linked features are one match. All features that fire on the text, in either dictionary, are in
    exactly one; silent ones are there where they are the partner of one that fires.
    """

    readings: tuple[FeatureReading, ...]  # one a dictionary, in the order given
    models: tuple[str, ...]  # whose activations each one read; "another scope" for a reading that was given
    pairs: tuple[DictionaryPair, ...]  # the first with the second, with the third, ...
    notes: tuple[str, ...] = ()  # what to keep in mind: few tokens, different models
    provenance: Provenance | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        lines = ["<DictionaryComparison"]
        for number, row in enumerate(self.summaries):
            fvu = "none" if row.fvu is None else f"{row.fvu:.3f}"
            lines.append(f"  {number}: {row.info.id}, mean L0 {row.mean_l0:.1f}, FVU {fvu}")
        for pair in self.pairs:
            lines.append(f"  0 and {pair.other} by {pair.measure}: " + ", ".join(f"{pair.count(k)} {k}" for k in KINDS))
        return "\n".join(lines) + ">"

    def reverse(self) -> "DictionaryComparison":
        """Of two dictionaries, the second one with the first: the same matches, seen from the other side.

        Raises:
            InvalidValue: there are more than two.
        """
        if len(self.pairs) != 1:
            raise InvalidValue(f"two dictionaries can be reversed, this comparison has {len(self.readings)}")
        (pair,) = self.pairs
        turned = order_matches(
            FeatureMatch(_REVERSED.get(one.kind, one.kind), one.second, one.first, one.value, one.nearest)
            for one in pair.matches
        )
        return replace(
            self, readings=self.readings[::-1], models=self.models[::-1], pairs=(replace(pair, matches=turned),)
        )

    @property
    def summaries(self) -> tuple["DictionarySummary", ...]:
        """How many features each dictionary used, and how well it explained the text."""
        return tuple(
            DictionarySummary(
                reading.dictionary_info,
                model,
                float(reading.l0[list(reading.tokens.used)].mean()) if reading.tokens.used else float("nan"),
                reading.total_fvu,
            )
            for reading, model in zip(self.readings, self.models, strict=True)
        )

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row for each match.

        Columns: `other`, `kind`, `first`, `second` (features, lists), `measure`, `value`, `first_activation`,
        `second_activation`, `difference`.
        """
        rows = [(pair, match) for pair in self.pairs for match in pair.matches]
        return build_frame(
            other=[pair.other for pair, _ in rows],
            kind=[match.kind for _, match in rows],
            first=[[one.feature for one in match.first] for _, match in rows],
            second=[[one.feature for one in match.second] for _, match in rows],
            measure=[pair.measure for pair, _ in rows],
            value=[match.value for _, match in rows],
            first_activation=[match.activations[0] for _, match in rows],
            second_activation=[match.activations[1] for _, match in rows],
            difference=[match.difference for _, match in rows],
        )

    def plot(self) -> "Figure":
        """A matplotlib Figure: for each pair, the activations of both sides of each match."""
        figure = open_figure(4.5 * len(self.pairs), 4, self.provenance)
        for axes, pair in zip(figure.subplots(1, len(self.pairs), squeeze=False)[0], self.pairs, strict=True):
            for kind in KINDS:
                shown = [match.activations for match in pair.matches if match.kind == kind]
                if shown:
                    axes.scatter(*zip(*shown, strict=True), s=14, label=f"{kind} ({len(shown)})")
            for set_label, number in ((axes.set_xlabel, 0), (axes.set_ylabel, pair.other)):
                set_label(escape_math(self.readings[number].dictionary_info.id), fontsize="x-small")
            axes.set_title(f"{pair.measure} on {pair.on}", fontsize="small")
            if pair.matches:
                axes.legend(fontsize="x-small")
        return figure


@dataclass(frozen=True)
class DictionarySummary:
    """What one dictionary makes of the text."""

    info: DictionaryInfo
    model: str
    mean_l0: float  # over the text's used positions; NaN where there are none
    fvu: float | None  # of all of them; None where it is not defined


def check_compared(tokens: Tokens, given: Sequence[object], *, texts: int) -> None:
    """That two or more different dictionaries are compared, and that readings given for them are of the same tokens.

    Raises:
        InvalidValue: fewer than two, more than `MAX_COMPARED`, or a reading of other tokens, or of chosen features.
    """
    if not 2 <= len(given) <= MAX_COMPARED:
        raise InvalidValue(f"dictionaries must be 2 to {MAX_COMPARED}, got {len(given)}")
    for one in given:
        if isinstance(one, FeatureReading):
            if one.tokens.ids != tokens.ids:
                raise InvalidValue(
                    f"a reading given for a dictionary must be of the same tokens; {one!r} is of another text"
                )
            if one.selected is not None:
                raise InvalidValue(f"a reading given for a dictionary must hold all its features, got {one!r}")
            if texts:
                raise InvalidValue(
                    "texts are read by this scope's dictionaries; leave them out where a reading is given"
                )


def check_threshold(threshold: object) -> float | None:
    """From which value on a pair counts as matched; None for that of the measure.

    Raises:
        InvalidValue: not a number from 0 to 1.
    """
    return None if threshold is None else check_float("threshold", threshold, low=0.0, high=1.0)


def match_features(values: np.ndarray, *, rows: Sequence[int], columns: Sequence[int], threshold: float) -> list[Group]:
    """Groups of features that are linked: best partners, in either direction, of at least the threshold.

    Args:
        values: float, [first, second]; the measure of each pair, NaN where it is not defined.
        rows, columns: indices of what fires on either side; the others may only be partners.

    Returns:
        In the order of the rows; then what only the columns have. Of partners that are as good but for rounding, such
        as features that fire at the same one token, the lowest number is taken.
    """
    known = np.where(np.isnan(values), -np.inf, values)
    ranked = np.round(known, _DIGITS)
    links: dict[tuple[int, int], float] = {}
    if known.size:
        for row in rows:
            best = int(ranked[row].argmax())
            links[row, best] = float(known[row, best])
        for column in columns:
            best = int(ranked[:, column].argmax())
            links[best, column] = float(known[best, column])
    links = {pair: value for pair, value in links.items() if value >= threshold}
    found: list[Group] = []
    seen: set[int] = set()
    linked_columns = {column for _, column in links}
    for row in sorted({*rows, *(row for row, _ in links)}):
        if row in seen:
            continue
        group = _walk(row, links)
        seen |= group[0]
        if not group[1]:
            found.append(("only first", (row,), (), None, _finite_or_none(known[row].max(initial=-np.inf))))
            continue
        several = (len(group[0]) > 1, len(group[1]) > 1)
        kind: MatchKind = (
            "several to several"
            if all(several)
            else "merged"
            if several[0]
            else "split"
            if several[1]
            else "one to one"
        )
        weakest = min(value for pair, value in links.items() if pair[0] in group[0])
        found.append((kind, tuple(sorted(group[0])), tuple(sorted(group[1])), weakest, None))
    for column in columns:
        if column not in linked_columns:
            nearest = _finite_or_none(known[:, column].max(initial=-np.inf))
            found.append(("only second", (), (column,), None, nearest))
    return found


def order_matches(matches: Iterable[FeatureMatch]) -> tuple[FeatureMatch, ...]:
    """The largest differences first; those alike but for rounding by number, what has one of the first's before."""

    def rank(match: FeatureMatch) -> tuple[float, bool, list[int]]:
        features = [one.feature for one in match.first or match.second]
        return -round(abs(match.difference), 4), not match.first, features

    return tuple(sorted(matches, key=rank))


def _walk(row: int, links: dict[tuple[int, int], float]) -> tuple[set[int], set[int]]:
    rows, columns, grown = {row}, set[int](), True
    while grown:
        reached = [pair for pair in links if pair[0] in rows or pair[1] in columns]
        size = len(rows) + len(columns)
        rows |= {pair[0] for pair in reached}
        columns |= {pair[1] for pair in reached}
        grown = len(rows) + len(columns) > size
    return rows, columns


def _finite_or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
