"""What a widget shows, kept: its state, its numbers, and where they come from."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.provenance import Provenance

if TYPE_CHECKING:
    import pandas

TOLERANCE = 1e-3  # of a column's largest number: below what other devices and dtypes than float32 change
_NAMED = 3  # differences that a sentence names


@dataclass(frozen=True)
class KeptScope:
    """How the scope was opened, as far as a name alone says it."""

    call: str  # "load" or "replay"
    name: str  # of a model; of a recording the file's name without its folder
    settings: dict[str, object]  # keywords of the call


@dataclass(frozen=True)
class KeptDictionary:
    """A dictionary whose features are shown."""

    dictionary_id: str
    revision: str  # "": unknown
    wishes: dict[str, object] | None  # keywords of `scope.dictionary`; None where a place on a disk was given


@dataclass(frozen=True)
class KeptColumn:
    """A column of the widget's `to_frame()`: numbers or words."""

    name: str
    numbers: tuple[float, ...] | None
    words: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self._values)

    @property
    def _values(self) -> tuple[Any, ...]:
        return self.words or () if self.numbers is None else self.numbers


@dataclass(frozen=True)
class KeptView:
    """A widget as it stood: made by `widget.pin()`, and all that a file of `widget.save(path)` holds.

    `gs.write_view(path, view)` writes it; `gs.open(view)` makes the widget again.
    """

    widget: str  # its class
    state: dict[str, object]  # what its reader can set, by trait
    made_with: dict[str, object]  # further keywords of its constructor
    run: dict[str, object] | None  # settings of the run shown, where `start()` begins one
    is_stopped: bool  # whether that run was stopped before its end
    parts: dict[str, "KeptView"]  # of a widget that is made of others
    lesson: dict[str, object] | None  # that it is locked to, as `Lesson.to_json` has it; without its check
    numbers: tuple[KeptColumn, ...]  # its `to_frame()`; empty where it shows none that would be the same again
    scope: KeptScope | None  # None where no name says how to open it
    dictionaries: tuple[KeptDictionary, ...]
    provenance: Provenance
    package: str  # version
    time: str  # UTC, ISO 8601
    note: str = ""

    def __str__(self) -> str:
        note = f": {self.note}" if self.note else ""
        return f"{self.widget} on {self.provenance.model}, {self.time}{note}"

    def to_frame(self) -> "pandas.DataFrame":
        """The numbers as they were shown, a pandas DataFrame with the columns of the widget's `to_frame()`."""
        return build_frame(**{one.name: one._values for one in self.numbers})

    def compare(self, other: "KeptView") -> "ViewDifference":
        """What another view shows otherwise; `print` gives it as text, `to_frame()` as a table."""
        return ViewDifference(self, other)


@dataclass(frozen=True)
class ViewDifference:
    """Two views beside one another: settings, what they come from, and numbers."""

    first: KeptView
    second: KeptView
    settings: dict[str, tuple[object, object]] = field(init=False)  # those that differ, by name; also of parts
    columns: dict[str, float] = field(
        init=False
    )  # largest difference by column of numbers; inf where rows do not match

    def __post_init__(self) -> None:
        one, two = _list_settings(self.first), _list_settings(self.second)
        names = dict.fromkeys([*one, *two])
        changed = {name: (one.get(name), two.get(name)) for name in names if one.get(name) != two.get(name)}
        object.__setattr__(self, "settings", changed)
        object.__setattr__(self, "columns", compare_numbers(self.first.numbers, self.second.numbers))

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row for each setting that differs: `setting`, `first`, `second`."""
        first, second = zip(*self.settings.values(), strict=True) if self.settings else ((), ())
        return build_frame(setting=list(self.settings), first=list(first), second=list(second))

    def __str__(self) -> str:
        lines = [f"first: {self.first}", f"second: {self.second}"]
        lines += [f"{name}: {one!r} -> {two!r}" for name, (one, two) in self.settings.items()] or ["settings: the same"]
        return "\n".join([*lines, f"numbers: {describe_numbers(self.columns)}"])


def _list_settings(view: KeptView, before: str = "") -> dict[str, object]:
    kept: dict[str, object] = {
        "widget": view.widget,
        "model": view.provenance.model,
        "revision": view.provenance.revision,
        **{f"revision of {name}": revision for name, revision in view.provenance.dictionaries.items()},
        **view.made_with,
        **view.state,
        **{f"run.{name}": value for name, value in (view.run or {}).items()},
        "lesson": view.lesson,
    }
    named = {f"{before}{name}": value for name, value in kept.items()}
    for name, part in view.parts.items():
        named |= _list_settings(part, f"{before}{name}.")
    return named


def compare_numbers(first: tuple[KeptColumn, ...], second: tuple[KeptColumn, ...]) -> dict[str, float]:
    """The columns that differ by more than `TOLERANCE` of their largest number, each with its largest difference.

    A column that only one has, that has other words, or another number of rows, differs by infinity.
    """
    one, two = ({column.name: column for column in side} for side in (first, second))
    found = {name: _measure(one.get(name), two.get(name)) for name in dict.fromkeys([*one, *two])}
    return {name: difference for name, difference in found.items() if difference > 0}


def _measure(first: KeptColumn | None, second: KeptColumn | None) -> float:
    """The largest difference of two columns; 0 within the tolerance."""
    if first is None or second is None or len(first) != len(second):
        return np.inf
    if first.numbers is None or second.numbers is None:
        return 0.0 if first.words == second.words else np.inf
    one, two = np.array(first.numbers, np.float64), np.array(second.numbers, np.float64)
    is_known = np.isfinite(one)
    if not np.array_equal(one[~is_known], two[~is_known], equal_nan=True) or not np.isfinite(two[is_known]).all():
        return np.inf
    apart = float(np.max(np.abs(one[is_known] - two[is_known]), initial=0.0))
    largest = float(np.max(np.abs(one[is_known]), initial=0.0))
    return apart if apart > TOLERANCE * largest else 0.0


def describe_numbers(columns: dict[str, float]) -> str:
    """Which columns differ, and by how much, as words."""
    if not columns:
        return f"the same, to {TOLERANCE:g} of each column's largest"
    apart = {name: "other rows or words" if np.isinf(by) else f"by up to {by:.3g}" for name, by in columns.items()}
    named = "; ".join(f"{name} {words}" for name, words in list(apart.items())[:_NAMED])
    more = f"; and {len(apart) - _NAMED} more columns" if len(apart) > _NAMED else ""
    return f"they differ: {named}{more}"
