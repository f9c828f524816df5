"""Two texts side by side: which tokens answer one another, and which features differ."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from gscope_widgets.records.alignments import align_tokens
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.figures import escape_math, open_figure
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_ROUNDING = 1e-4  # of the larger activation


@dataclass(frozen=True)
class ContrastedFeature:
    """One feature in both texts: its largest activation in each, or its activations in one row of the alignment."""

    feature: int
    label: FeatureLabel | None
    first: float  # 0 where it is silent
    second: float
    first_pos: int | None  # where that is; None where it is silent
    second_pos: int | None
    max_activation: float | None  # the largest seen when it was measured, where it is known

    @property
    def difference(self) -> float:
        """`second - first`."""
        return self.second - self.first

    @property
    def shared(self) -> float:
        """The smaller of the two: what both texts have of it."""
        return min(self.first, self.second)


@dataclass(frozen=True, eq=False)
class TextContrast:
    """Two texts through one dictionary. A row of `pairs` is a token of both texts, or one that the other lacks.

    Tokens are paired by a longest common subsequence of their ids; between two pairs, the tokens of the first text
    stand before those of the second. Ignored positions are paired too, and hold no activation.
    """

    first: FeatureReading
    second: FeatureReading
    pairs: np.ndarray  # int32, [rows, 2]; positions in the first and the second text, -1 where it has no such token
    provenance: Provenance | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        same = int((self.pairs >= 0).all(1).sum())
        return f"<TextContrast of {len(self.first.tokens)} and {len(self.second.tokens)} tokens, {same} of them paired>"

    def reverse(self) -> "TextContrast":
        """The second text contrasted with the first, as the model would give it: tokens are aligned anew."""
        origin = self.provenance
        if origin is not None:
            settings = {**origin.settings, "first": list(self.second.tokens.ids), "second": list(self.first.tokens.ids)}
            origin = replace(origin, settings=settings)
        return TextContrast(
            self.second, self.first, align_tokens(self.second.tokens.ids, self.first.tokens.ids), origin
        )

    def features(self, row: int | None = None) -> tuple[ContrastedFeature, ...]:
        """Every feature that fires in either text, or at one row's tokens; by number.

        Raises:
            InvalidValue: there is no such row.
        """
        sides: list[dict[int, tuple[float, int]]] = []
        if row is not None:
            row = check_int("row", row, low=0, high=len(self.pairs) - 1)
        for side, reading in enumerate((self.first, self.second)):
            pos = None if row is None else int(self.pairs[row, side])
            sides.append({} if pos == -1 else _find_largest(reading, pos))
        labels = self.first.labels | self.second.labels
        ranges = self.first.max_activations | self.second.max_activations
        found = []
        for feature in sorted({*sides[0], *sides[1]}):
            (first, first_pos), (second, second_pos) = (side.get(feature, (0.0, None)) for side in sides)
            known = ranges.get(feature)
            found.append(ContrastedFeature(feature, labels.get(feature), first, second, first_pos, second_pos, known))
        return tuple(found)

    def differing(self, k: int = 10, *, row: int | None = None) -> tuple[ContrastedFeature, ...]:
        """The `k` features whose activations differ most, up or down, in the texts or at one row.

        What two passes differ in by rounding alone, below a ten-thousandth of the larger, does not count.
        """
        k = check_int("k", k, low=1, high=1_000_000)
        found = [one for one in self.features(row) if abs(one.difference) > _ROUNDING * max(one.first, one.second)]
        return tuple(sorted(found, key=lambda one: -abs(one.difference))[:k])

    def shared(self, k: int = 10, *, row: int | None = None) -> tuple[ContrastedFeature, ...]:
        """The `k` features that fire in both texts, or at both tokens of one row, by the smaller of the two."""
        k = check_int("k", k, low=1, high=1_000_000)
        return tuple(sorted((one for one in self.features(row) if one.shared), key=lambda one: -one.shared)[:k])

    def differences(self) -> np.ndarray:
        """How much the paired tokens' features differ: float32, [rows].

        The Euclidean length of the difference of all activations at the two tokens; of the whole of one
        token's activations where the other text has no such token.
        """
        lengths = np.zeros(len(self.pairs), np.float32)
        sides = [_list_by_position(reading) for reading in (self.first, self.second)]
        for row, (one, other) in enumerate(self.pairs):
            left, right = (by_pos.get(int(pos), {}) for by_pos, pos in zip(sides, (one, other), strict=True))
            gaps = [right.get(feature, 0.0) - left.get(feature, 0.0) for feature in {*left, *right}]
            lengths[row] = np.linalg.norm(gaps)
        return lengths

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame of all features that fire, row by row of the alignment.

        Columns: `row`, `first_pos`, `second_pos` (-1 where there is none), `first_token`, `second_token` ("" there),
        `feature`, `first`, `second`, `difference`.
        """
        rows = [(row, one) for row in range(len(self.pairs)) for one in self.features(row)]
        at = [self.pairs[row] for row, _ in rows]
        strings = (self.first.tokens.strings, self.second.tokens.strings)
        return build_frame(
            row=[row for row, _ in rows],
            first_pos=[int(pair[0]) for pair in at],
            second_pos=[int(pair[1]) for pair in at],
            first_token=[strings[0][pair[0]] if pair[0] >= 0 else "" for pair in at],
            second_token=[strings[1][pair[1]] if pair[1] >= 0 else "" for pair in at],
            feature=[one.feature for _, one in rows],
            first=[one.first for _, one in rows],
            second=[one.second for _, one in rows],
            difference=[one.difference for _, one in rows],
        )

    def plot(self) -> "Figure":
        """A matplotlib Figure: the features that differ most, a bar to the right where the second text has more."""
        shown = self.differing(20)
        figure = open_figure(6, 1.2 + 0.3 * max(1, len(shown)), self.provenance)
        axes = figure.subplots()
        rows = np.arange(len(shown))
        axes.barh(
            rows, [one.difference for one in shown], color=["C0" if one.difference > 0 else "C1" for one in shown]
        )
        names = [f"{one.feature} {'' if one.label is None else one.label.text}"[:40] for one in shown]
        axes.set_yticks(rows, [escape_math(name) for name in names])
        axes.invert_yaxis()
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_xlabel("largest activation in the second text less that in the first")
        return figure


def _find_largest(reading: FeatureReading, pos: int | None) -> dict[int, tuple[float, int]]:
    here = slice(None) if pos is None else reading.positions == pos
    found: dict[int, tuple[float, int]] = {}
    for feature, value, where in zip(
        reading.features[here], reading.activations[here], reading.positions[here], strict=True
    ):
        if value > found.get(int(feature), (0.0, 0))[0]:
            found[int(feature)] = float(value), int(where)
    return found


def _list_by_position(reading: FeatureReading) -> dict[int, dict[int, float]]:
    found: dict[int, dict[int, float]] = {}
    for pos, feature, value in zip(reading.positions, reading.features, reading.activations, strict=True):
        found.setdefault(int(pos), {})[int(feature)] = float(value)
    return found
