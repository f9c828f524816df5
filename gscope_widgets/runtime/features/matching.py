"""Features of several dictionaries on one text, matched by their decoder rows or by where they fire."""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np

from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.matches import (
    DictionaryComparison,
    DictionaryPair,
    FeatureMatch,
    MatchedFeature,
    MatchMeasure,
    match_features,
    order_matches,
)
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.features.finding import Firings

THRESHOLDS: dict[MatchMeasure, float] = {"decoder cosine": 0.5, "activation correlation": 0.7}
FEW_TOKENS = 30  # below which a correlation says little


def match_pair(
    readings: tuple[FeatureReading, FeatureReading],
    other: int,
    *,
    measure: MatchMeasure,
    values: np.ndarray,
    numbers: tuple[np.ndarray, np.ndarray],
    labels: Sequence[Callable[[int], FeatureLabel | None]],
    on: str,
    threshold: float,
) -> DictionaryPair:
    """The matches of the first reading's features with those of another, which is number `other`.

    Args:
        values: float, [first, second]; the measure of each pair of features, NaN where it is not defined.
        numbers: which features those are, ascending.
        labels: gives the words for a feature, on either side.
        on: of what, in words.
        threshold: from which value on two features are linked.
    """
    sides = [_find_largest(reading) for reading in readings]
    firing = [[at for at, one in enumerate(numbers[side]) if int(one) in sides[side]] for side in range(2)]

    def show(side: int, at: int) -> MatchedFeature:
        feature = int(numbers[side][at])
        activation, pos = sides[side].get(feature, (0.0, None))
        return MatchedFeature(feature, labels[side](feature), activation, pos)

    matches = [
        FeatureMatch(kind, tuple(show(0, one) for one in rows), tuple(show(1, one) for one in columns), value, nearest)
        for kind, rows, columns, value, nearest in match_features(
            values, rows=firing[0], columns=firing[1], threshold=threshold
        )
    ]
    return DictionaryPair(other, measure, on, threshold, order_matches(matches))


class Rows(Protocol):
    """Of a dictionary, what matching asks for."""

    @property
    def info(self) -> DictionaryInfo:
        """Which one it is."""

    def label(self, feature: int) -> FeatureLabel | None:
        """Words for a feature."""

    def row_blocks(self) -> Iterator[np.ndarray]:
        """Its decoder rows, block by block: float32, [rows, d]."""


Home = TypeVar("Home", bound=Rows)


def compare_readings(
    readings: Sequence[FeatureReading],
    homes: Sequence[Home | None],
    texts: Sequence[Tokens],
    *,
    model: str,
    fire: Callable[[Tokens, Home], Firings],
    threshold: float | None,
    provenance: Provenance,
) -> Generator[float | None, None, DictionaryComparison]:
    """Match the features of each further reading with those of the first.

    Args:
        homes: the dictionary of each reading; None for one that another scope made.
        texts: where correlations are measured; () for the text that was read.
        model: whose activations the dictionaries of `homes` read.
        fire: reads one text with one dictionary.
    """
    measures = [_choose_measure(homes[0], home) for home in homes[1:]]
    sides: list[Firings] = []
    for index, (reading, home) in enumerate(zip(readings, homes, strict=True)):
        needed = "activation correlation" in (measures if index == 0 else measures[index - 1 : index])
        if texts and needed and home is not None:
            read = []
            for tokens in texts:
                read.append(fire(tokens, home))
                yield None
            sides.append(gather_firings(texts, read))
        else:
            own = (reading.positions, reading.features, reading.activations)
            sides.append(gather_firings([reading.tokens], [own]))
    count = sum(len(tokens.used) for tokens in texts or [readings[0].tokens])
    pairs = []
    for other, measure in enumerate(measures, 1):
        first, second = homes[0], homes[other]
        both = ((readings[0], first), (readings[other], second))
        if measure == "decoder cosine":
            assert first is not None, "a reading alone has no rows"
            assert second is not None, "a reading alone has no rows"
            firing = [np.unique(reading.features) for reading in (readings[0], readings[other])]
            values, numbers = yield from compare_rows(first, second, firing[0], firing[1])
            on = "decoder rows"
        else:
            values, numbers = correlate_firings(sides[0], sides[other], places=count)
            on = f"{count:,} tokens of {len(texts)} texts" if texts else f"the {count} tokens of this text"
        limit = THRESHOLDS[measure] if threshold is None else threshold
        pairs.append(
            match_pair(
                (readings[0], readings[other]),
                other,
                measure=measure,
                values=values,
                numbers=numbers,
                labels=[reading.labels.get if home is None else home.label for reading, home in both],
                on=on,
                threshold=limit,
            )
        )
        yield other / len(measures)
    return _conclude(readings, homes, pairs, provenance, model=model, tokens=count)


def _choose_measure(first: Rows | None, second: Rows | None) -> MatchMeasure:
    if first is None or second is None:
        return "activation correlation"
    one, other = first.info, second.info
    same = (one.base_site, one.kind, one.layers) == (other.base_site, other.kind, other.layers)
    return "decoder cosine" if same else "activation correlation"


def compare_rows(
    first: Rows, second: Rows, firing: np.ndarray, other: np.ndarray
) -> Generator[None, None, tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]]:
    """Cosines between the decoder rows of features that fire, and of their best partners, silent or not.

    Rows are read block by block: what is held is those of features that fire.

    Args:
        firing, other: the features that fire, of either, ascending.

    Returns:
        float32, [first, second], and which features those are, ascending.
    """
    units = (yield from _pick_rows(first, firing)), (yield from _pick_rows(second, other))
    partners = (yield from _find_best(units[0], second)), (yield from _find_best(units[1], first))
    numbers = np.union1d(firing, partners[1]), np.union1d(other, partners[0])
    units = (yield from _pick_rows(first, numbers[0])), (yield from _pick_rows(second, numbers[1]))
    return units[0] @ units[1].T, numbers


def _pick_rows(home: Rows, numbers: np.ndarray) -> Generator[None, None, np.ndarray]:
    """Some of a dictionary's rows, each of length 1; those of zeros stay so: float32, [numbers, d]."""
    start, picked = 0, []
    for block in home.row_blocks():
        here = numbers[(numbers >= start) & (numbers < start + len(block))]
        picked.append(_normalise(block[here - start]))
        start += len(block)
        yield
    return np.concatenate(picked)


def _find_best(units: np.ndarray, home: Rows) -> Generator[None, None, np.ndarray]:
    """Which row of a dictionary points most the way of each of some others: int64, [units]."""
    start, best, where = 0, np.full(len(units), -np.inf), np.zeros(len(units), np.int64)
    for block in home.row_blocks():
        cosines = units @ _normalise(block).T
        nearest = cosines.argmax(1)
        values = cosines[np.arange(len(units)), nearest]
        better = values > best
        best[better], where[better] = values[better], nearest[better] + start
        start += len(block)
        yield
    return where


def _normalise(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: np.ndarray = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return units


def gather_firings(texts: Sequence[Tokens], firings: Sequence[Firings]) -> Firings:
    """The firings of several texts as those of one, positions counted over the used tokens of all."""
    places, start = [], 0
    for tokens, (positions, _, _) in zip(texts, firings, strict=True):
        places.append(np.searchsorted(tokens.used, positions) + start)
        start += len(tokens.used)
    features, values = (np.concatenate([one[part] for one in firings]) for part in (1, 2))
    return np.concatenate(places), features, values


def correlate_firings(
    first: Firings,
    second: Firings,
    *,
    places: int,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Correlation (Pearson) of each feature of one dictionary with each of another, over the same tokens.

    Args:
        first, second: from `gather_firings`.
        places: used tokens in all; those named nowhere hold 0.

    Returns:
        float64, [first, second], NaN where a feature is the same at every token; and the features that fire, ascending.
    """
    sides, numbers = [], []
    for where, features, values in (first, second):
        found, owner = np.unique(features, return_inverse=True)
        dense = np.zeros((places, len(found)))
        dense[where, owner] = values
        dense -= dense.sum(0) / max(1, places)
        length = np.linalg.norm(dense, axis=0)
        sides.append(np.divide(dense, length, out=np.full_like(dense, np.nan), where=length > 1e-9))
        numbers.append(found)
    return sides[0].T @ sides[1], (numbers[0], numbers[1])


def _conclude(
    readings: Sequence[FeatureReading],
    homes: Sequence[Rows | None],
    pairs: Sequence[DictionaryPair],
    provenance: Provenance,
    *,
    model: str,
    tokens: int,
) -> DictionaryComparison:
    notes = []
    if any(pair.measure == "activation correlation" for pair in pairs) and tokens < FEW_TOKENS:
        notes.append(
            f"Correlations over {tokens} tokens match many features by accident; give texts=[...] to measure on more."
        )
    if any(home is None for home in homes):
        notes.append("A reading was given for a dictionary: a match with it says that both fire alike, and no more.")
    models = tuple("another scope" if home is None else model for home in homes)
    return DictionaryComparison(tuple(readings), models, tuple(pairs), tuple(notes), provenance)


def _find_largest(reading: FeatureReading) -> dict[int, tuple[float, int]]:
    return {one.feature: (one.activation, one.pos) for one in reading.top(max(1, reading.dictionary_info.d_dict or 1))}
