"""Records as a lesson lets them be seen: without labels, other features, or examples with banned words."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from functools import singledispatch
from typing import Any, TypeVar

import numpy as np

from gscope_widgets.records.circuits import FEATURE, AttributionGraph
from gscope_widgets.records.contrasts import TextContrast
from gscope_widgets.records.dashboards import ActivationBand, FeatureDashboard, FeatureExample
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.records.hits import FeatureHits
from gscope_widgets.records.lessons import Lesson
from gscope_widgets.records.readings import FeatureReading

T = TypeVar("T")

_WHOLE = "_whole"  # where a record keeps the one it was made of, so that unlocking asks no model
_HIDDEN = "hidden by your course"
_LABEL_NOTES = ("no label:", "no truth:")


def see(record: T, lesson: Lesson | None) -> T:
    """A record as a lesson lets it be seen; the whole one again without a lesson. The same one where nothing is cut."""
    whole = find_whole(record)
    if lesson is None:
        return whole
    cut = _cut(whole, lesson)
    seen: T = drop_labels(cut) if lesson.hides_labels else cut
    if seen is not whole:
        object.__setattr__(seen, _WHOLE, whole)  # records are frozen
    return seen


def find_whole(record: T) -> T:
    """The record that `see` made it of, or itself."""
    whole: T = getattr(record, _WHOLE, record)
    return whole


def drop_labels(value: Any) -> Any:
    """The same value without any `FeatureLabel`: None in a field, left out of a list or a dict."""
    if is_dataclass(value) and not isinstance(value, type):
        kept = {one.name: getattr(value, one.name) for one in fields(value) if one.init}
        changed = {name: new for name, old in kept.items() if (new := _drop_field(old)) is not old}
        return replace(value, **changed) if changed else value
    if isinstance(value, tuple) and type(value) is tuple:
        items = tuple(drop_labels(one) for one in value if not isinstance(one, FeatureLabel))
        same = len(items) == len(value) and all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    if isinstance(value, dict) and any(isinstance(one, FeatureLabel) for one in value.values()):
        return {name: one for name, one in value.items() if not isinstance(one, FeatureLabel)}
    return value


def _drop_field(value: object) -> object:
    return None if isinstance(value, FeatureLabel) else drop_labels(value)


# ---- what is cut


@singledispatch
def _cut(record: Any, lesson: Lesson) -> Any:
    """What a lesson leaves of a record, its labels aside."""
    return record


@_cut.register
def _cut_reading(reading: FeatureReading, lesson: Lesson) -> FeatureReading:
    """L0, FVU and errors stay those of all features, which is what they measure."""
    if not lesson.allowed_features:
        return reading
    allowed = [one for one in np.unique(reading.features).tolist() if lesson.allows(_name(reading, one))]
    kept = np.isin(reading.features, allowed)
    if kept.all():
        return reading
    return replace(
        reading,
        positions=reading.positions[kept],
        features=reading.features[kept],
        activations=reading.activations[kept],
        labels=_pick(reading.labels, allowed),
        max_activations=_pick(reading.max_activations, allowed),
        densities=_pick(reading.densities, allowed),
    )


def _pick(table: dict[int, T], allowed: Sequence[int]) -> dict[int, T]:
    return {one: table[one] for one in allowed if one in table}


@_cut.register
def _cut_contrast(contrast: TextContrast, lesson: Lesson) -> TextContrast:
    first, second = _cut(contrast.first, lesson), _cut(contrast.second, lesson)
    if first is contrast.first and second is contrast.second:
        return contrast
    return replace(contrast, first=first, second=second)


@_cut.register
def _cut_graph(graph: AttributionGraph, lesson: Lesson) -> AttributionGraph:
    """What features that are left out add is `left_out`, so that sums stay what they are."""
    if not lesson.allowed_features:
        return graph
    others = range(len(graph) - len(graph.targets))
    kept = [one for one in others if graph.kinds[one] != FEATURE or lesson.allows(graph.ref(one))]
    return graph if len(kept) == len(others) else graph.keep(kept)


@_cut.register
def _cut_hits(hits: FeatureHits, lesson: Lesson) -> FeatureHits:
    kept = tuple(one for one in hits.hits if lesson.allows(one.ref))
    nearest = () if lesson.hides_labels else hits.nearest
    if len(kept) == len(hits.hits) and nearest == hits.nearest:
        return hits
    return replace(hits, hits=kept, nearest=nearest, note="" if lesson.hides_labels else hits.note)


@_cut.register
def _cut_dashboard(card: FeatureDashboard, lesson: Lesson) -> FeatureDashboard:
    changes: dict[str, Any] = {
        "examples": _cut_examples(card.examples, lesson),
        "bands": tuple(_cut_band(one, lesson) for one in card.bands),
        "neighbours": tuple(one for one in card.neighbours if lesson.allows(one.ref)),
    }
    if lesson.hides_labels:
        notes = [one for one in card.notes if not one.startswith(_LABEL_NOTES)]
        told = f"no label: {_HIDDEN}", *([] if card.truth is None else [f"no truth: {_HIDDEN}"])
        changes |= {"truth": None, "notes": (*told, *notes)}
    changed = {name: value for name, value in changes.items() if value != getattr(card, name)}
    return replace(card, **changed) if changed else card


def _cut_band(band: ActivationBand, lesson: Lesson) -> ActivationBand:
    kept = _cut_examples(band.examples, lesson)
    return band if len(kept) == len(band.examples) else replace(band, examples=kept)


def _cut_examples(examples: tuple[FeatureExample, ...], lesson: Lesson) -> tuple[FeatureExample, ...]:
    return tuple(one for one in examples if not lesson.holds_banned("".join(one.tokens)))


def _name(reading: FeatureReading, feature: int) -> FeatureRef:
    return FeatureRef(reading.dictionary_info.id, feature)


# ---- what was cut, in words


@singledispatch
def count_filtered(record: Any) -> dict[str, tuple[int, int]]:
    """How many of each kind a lesson left out of a record that `see` gave, and how many there are."""
    return {}


@count_filtered.register
def _count_in_reading(reading: FeatureReading) -> dict[str, tuple[int, int]]:
    return _count("features that fire here", _list_firing(reading), _list_firing(find_whole(reading)))


@count_filtered.register
def _count_in_contrast(contrast: TextContrast) -> dict[str, tuple[int, int]]:
    whole = find_whole(contrast)
    sides = ({*_list_firing(one.first), *_list_firing(one.second)} for one in (contrast, whole))
    return _count("features that fire in either text", *sides)


@count_filtered.register
def _count_in_graph(graph: AttributionGraph) -> dict[str, tuple[int, int]]:
    return _count(
        "features of the circuit", *(np.flatnonzero(one.kinds == FEATURE) for one in (graph, find_whole(graph)))
    )


@count_filtered.register
def _count_in_hits(hits: FeatureHits) -> dict[str, tuple[int, int]]:
    return _count("features found", hits.hits, find_whole(hits).hits)


@count_filtered.register
def _count_in_dashboard(card: FeatureDashboard) -> dict[str, tuple[int, int]]:
    whole = find_whole(card)
    examples = ([*one.examples, *(each for band in one.bands for each in band.examples)] for one in (card, whole))
    return _count("examples", *examples) | _count("neighbours", card.neighbours, whole.neighbours)


def _list_firing(reading: FeatureReading) -> list[int]:
    found: list[int] = np.unique(reading.features).tolist()
    return found


def _count(name: str, kept: Any, whole: Any) -> dict[str, tuple[int, int]]:
    left_out = len(whole) - len(kept)
    return {name: (left_out, len(whole))} if left_out else {}


def describe_filtered(record: object) -> list[str]:
    """What a lesson left out, a sentence each: "3 of 40 examples are filtered by your course."."""
    return [
        f"{left_out} of {count} {name} {'is' if left_out == 1 else 'are'} filtered by your course."
        for name, (left_out, count) in count_filtered(record).items()
    ]
