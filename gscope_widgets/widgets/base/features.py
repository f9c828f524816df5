"""Widgets that show features: the list of them, their names, and what is known of each."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import traitlets as t

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.features import FeatureLabel, FeatureRef, FeatureSummary
from gscope_widgets.records.interventions import Intervention, build_intervention, describe_excess
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.widgets.base.changes import (
    NO_PRESETS,
    Change,
    Presets,
    build_range,
    describe_positions,
    list_directions,
    list_refs,
    name_direction,
    read_changes,
    read_presets,
    tell_changes,
    tell_directions,
    tell_presets,
    tell_tokens,
)
from gscope_widgets.widgets.base.formats import format_feature, format_intervention, format_text
from gscope_widgets.widgets.base.reader import TextReader, describe_engine
from gscope_widgets.widgets.base.state import (
    Checked,
    Told,
    as_prompt,
    check_dictionary,
    check_ref,
    check_refs,
    check_scope,
    check_text,
)
from gscope_widgets.widgets.base.widget import SharedName
from gscope_widgets.widgets.base.wire import (
    ChangeRange,
    ChangeState,
    FeatureInfo,
    Label,
    OwnDirection,
    PresetState,
    PromptTokens,
    Ref,
)


def tell_ref(ref: FeatureRef) -> Ref:
    """A feature as the page takes it."""
    return {"dictionary_id": ref.dictionary_id, "feature": ref.feature}


def tell_refs(refs: Sequence[FeatureRef]) -> list[Ref]:
    """Features as the page takes them."""
    return [tell_ref(ref) for ref in refs]


def tell_label(label: FeatureLabel | None) -> Label | None:
    """A label as the page takes it."""
    return None if label is None else {"text": label.text, "source": label.source, "auc": label.auc}


def _check_features(widget: "FeatureWidget", value: object) -> tuple[FeatureRef, ...]:
    return widget._check_refs(value)


class FeatureWidget(TextReader):
    """Base of widgets that show features of one or more dictionaries."""

    features = Checked(
        _check_features,
        list[Ref],
        (),
        accepts=list[int | Ref],
        to_page=tell_refs,
        help="The features shown. Set as `dictionary.feature(number)` or as numbers, which are the widget's own "
        "dictionary's; read back as a tuple of FeatureRef.",
    )
    known = Told(list[FeatureInfo], [], help="What is known of each of `features`, in their order.")

    shared_state: ClassVar[Mapping[SharedName, str]] = {"feature": "features"}
    _at_least: ClassVar[int] = 1  # features
    _at_most: ClassVar[int | None] = None

    def __init__(self, scope: Scope, *, features: Sequence[FeatureRef], **state: Any):
        """Args: features: from `_prepare`, which is called first."""
        super().__init__(
            scope, features=features, known=self._tell_known(features), footer=self._describe_engine(features), **state
        )

    def _prepare(self, scope: Scope, features: object, dictionary: object) -> tuple[FeatureRef, ...]:
        """Check what a widget is made of, before there is one that would have to be closed again."""
        self._prepare_scope(scope, dictionary)
        return self._check_refs(features)

    def _prepare_scope(self, scope: Scope, dictionary: object) -> None:
        check_scope(scope)
        self.scope = scope
        self._dictionary: Dictionary | None = None if dictionary is None else check_dictionary(scope, dictionary)

    def _get_dictionary(self) -> Dictionary:
        """Whose features numbers are."""
        if self._dictionary is None:
            self._dictionary = self.scope.dictionary()
        return self._dictionary

    def _check_refs(self, value: object) -> tuple[FeatureRef, ...]:
        refs = check_refs(self.scope, value, self._get_dictionary)
        if len(refs) < self._at_least:
            raise InvalidValue("features is empty; give at least one, such as features=[dictionary.feature(3)]")
        if self._at_most is not None and len(refs) > self._at_most:
            raise InvalidValue(f"{self._title} shows at most {self._at_most} features at once, got {len(refs)}")
        return refs

    @t.observe("features")
    def _on_features(self, change: Any) -> None:
        if self._is_quiet:
            return
        refs = change.new
        with self._quietly(), self.hold_sync():
            self.known = self._tell_known(refs)
            self.footer = self._describe_engine(refs)
            self._align(change.old, refs)

    def _align(self, before: Sequence[FeatureRef], refs: Sequence[FeatureRef]) -> None:
        """Bring settings of one value a feature to new features."""

    def read_shared(self, name: SharedName) -> Any:
        """See `GscopeWidget`. The feature is the first of the list."""
        value = super().read_shared(name)
        return value if name != "feature" else next(iter(value), None)

    def take_shared(self, name: SharedName, value: Any) -> None:
        """See `GscopeWidget`. A list of one feature follows; a longer one, which the reader made, stays."""
        if name != "feature":
            super().take_shared(name, value)
        elif value is not None and len(self.features) <= 1:
            super().take_shared(name, [value])

    def _see_again(self, see: Callable[[Any], Any]) -> None:
        with self._quietly():
            self.known = self._tell_known(self.features)
        super()._see_again(see)

    # ---- names

    def _describe_engine(self, refs: Sequence[FeatureRef]) -> str:
        return describe_engine(self.scope, *(ref.dictionary_id for ref in refs))

    def _name(self, ref: FeatureRef, among: Iterable[FeatureRef]) -> str:
        """A feature's name, with its site and layer beside features of other dictionaries."""
        ids = list(dict.fromkeys([*(one.dictionary_id for one in among), ref.dictionary_id]))
        places = name_places({one: self.scope.dictionary_info(one) for one in ids}) if len(ids) > 1 else {}
        return format_feature(ref, place=places.get(ref.dictionary_id, ""))

    def _tell_known(self, refs: Sequence[FeatureRef]) -> list[FeatureInfo]:
        return [self._tell_feature(self.scope.describe(ref), refs) for ref in refs]

    def _tell_feature(self, summary: FeatureSummary, among: Sequence[FeatureRef]) -> FeatureInfo:
        return {
            "dictionary_id": summary.ref.dictionary_id,
            "feature": summary.ref.feature,
            "name": self._name(summary.ref, among),
            "label": tell_label(summary.label),
            "max_activation": summary.max_activation,
        }


def _check_changes(widget: "ChangingWidget", value: object) -> tuple[Change, ...]:
    return widget._read_changes(value, getattr(widget, widget._text_name))


def _check_presets(widget: "ChangingWidget", value: object) -> Presets:
    return widget._read_presets(value)


def _check_directions(widget: "ChangingWidget", value: object) -> tuple[Direction, ...]:
    return widget._read_directions(value)


class ChangingWidget(FeatureWidget):
    """Base of widgets that change the model: interventions of any kind, each with its switch, value and positions.

    `features` are those that are changed, each once; to set them keeps the changes of those that were there.
    """

    directions = Checked(
        _check_directions,
        list[OwnDirection],
        (),
        to_page=tell_directions,
        help="Directions of one's own that changes may add, from scope.direction or gs.Direction.",
    )
    changes = Checked(
        _check_changes,
        list[ChangeState],
        (),
        to_page=tell_changes,
        help="All changes with their switches. Set as interventions, or as read: a tuple of Change.",
    )
    presets = Checked(
        _check_presets,
        list[PresetState],
        NO_PRESETS,
        to_page=tell_presets,
        help='Changes by name, to be made again: widget.changes = widget.presets["more"]. Set as a whole: '
        'widget.presets = widget.presets | {"more": widget.changes}.',
    )
    ranges = Told(list[dict[str, ChangeRange]], [], help="How the slider of each change runs, by kind.")
    prompt_tokens = Told(
        PromptTokens, {"tokens": [], "ignored": [], "count": 0}, help="Tokens of the text, for ranges to be painted on."
    )
    notice = Told(str, "", help="What was done to changes because the text changed, a sentence; else empty.")
    caution = Told(str, "", help="What is known to go wrong with these settings, a sentence; empty where nothing is.")

    _at_least = 0  # changes are added in the page too
    _fixed_with = {"features": "changes", "directions": "changes"}
    _reach: float = 1.0  # of the slider of an added direction, in mean norms
    _is_following = False  # whether `features` are being brought to `changes`
    _dropped: tuple[Change, ...] = ()  # changes whose painted tokens had gone, when changes were last checked

    def _open(self) -> None:
        self.observe(self._on_text, names=self._text_name)  # before it is answered
        super()._open()
        with self._quietly(), self.hold_sync():
            self.prompt_tokens = tell_tokens(self._read_tokens())
            self._tell_changed(self.features)

    @property
    def interventions(self) -> tuple[Intervention, ...]:
        """What is changed, as `scope.generate` takes it. Set, it takes the place of all changes, switched on."""
        return list_interventions(self.changes)

    @interventions.setter
    def interventions(self, value: Sequence[Intervention] | Intervention) -> None:
        given: object = [value] if isinstance(value, Intervention) else value
        if not isinstance(given, (list, tuple)) or not all(isinstance(one, Intervention) for one in given):
            raise InvalidValue(f"interventions is a list such as [gs.add(ref, 0.3)], got {describe_value(value)}")
        self.changes = tuple(given)

    # ---- presets

    def save_presets(self, path: str | os.PathLike[str]) -> None:
        """Write `presets` to a small JSON file, which `load_presets` of any widget on the same model takes.

        It holds names, features, values and positions, and directions of one's own as numbers. It appears whole or not
        at all; one that was there before stays until then.

        Args:
            path: such as "presets.json", in a folder that there is; over no file of another kind.

        Raises:
            InvalidValue, DiskFull: there are none, a dictionary has no name but a folder here, or it cannot be written.
        """
        from gscope_widgets.keeping.presets import write_presets

        write_presets(path, self.presets, self.scope)

    def load_presets(self, path: str | os.PathLike[str]) -> tuple[str, ...]:
        """Add the presets of a file to `presets`, in place of those of the same name, and return their names.

        Nothing is changed before one is applied: `widget.changes = widget.presets["more"]`, or in the page.

        Raises:
            InvalidValue: no such file, of another model, or of what this widget does not take.
            BadArtefact: no presets, too large, cut short, or of a newer version.
            UnknownDictionary, UnknownFeature: a feature's dictionary is not there.
        """
        from gscope_widgets.keeping.presets import open_presets

        found = open_presets(path, self.scope)
        self.presets = {**self.presets, **found}
        return tuple(found)

    def _read_presets(self, value: object) -> Presets:
        return read_presets(value, find=self._find_changed, tokens=self._read_tokens(), require=self._require_control)

    @t.observe("presets")
    def _on_presets(self, _change: object) -> None:
        if not self._is_quiet:
            with self._quietly(), self.hold_sync():
                self._list_directions()

    # ---- changes and features in step

    def _prepare_changes(
        self, scope: Scope, text: Any, features: object, interventions: object, dictionary: object
    ) -> tuple[tuple[FeatureRef, ...], tuple[Change, ...]]:
        """`_prepare`, of features or of interventions; what a widget begins with."""
        given: object = [interventions] if isinstance(interventions, Intervention) else interventions
        is_left_out = isinstance(given, (list, tuple)) and not given
        if not is_left_out and read_list(features) != []:
            raise InvalidValue("give features or interventions, not both")
        refs: tuple[FeatureRef, ...] = ()
        if is_left_out:
            refs = self._prepare(scope, features, dictionary)
            given = [self._build_change(ref) for ref in refs]
        else:
            self._prepare_scope(scope, dictionary)
        changes = self._read_changes(given, check_text(scope, text))
        return list_refs(changes), changes

    def _prepare_directions(self, given: object, changes: Sequence[Change]) -> tuple[Direction, ...]:
        """Directions at hand, and those that changes add."""
        return tuple(dict.fromkeys([*self._read_directions(given), *list_directions(changes)]))

    def _read_keyword(self, name: str) -> Any:
        """Interventions are kept as changes."""
        return None if name == "interventions" else super()._read_keyword(name)

    def _build_change(self, ref: FeatureRef) -> Change:
        """How a feature begins that is new in the list."""
        raise NotImplementedError

    def _read_tokens(self) -> Tokens:
        return self.scope.tokens(as_prompt(getattr(self, self._text_name)))

    def _read_changes(self, value: object, text: Any) -> tuple[Change, ...]:
        dropped: list[Change] = []

        def drop(one: Change) -> Change:
            dropped.append(one)
            return Change(replace(one.intervention, positions="all"), one.on)

        tokens = self.scope.tokens(as_prompt(text))
        made = read_changes(value, find=self._find_changed, tokens=tokens, drop=drop, require=self._require_control)
        refs = list_refs(made)
        if self._at_most is not None and len(refs) > self._at_most:
            raise InvalidValue(f"{self._title} reads at most {self._at_most} features at once, got {len(refs)}")
        self._dropped = tuple(dropped)
        return made

    def _require_control(self, interventions: Sequence[Intervention]) -> None:
        """Refuse now, rather than at the next run, what no control could stand beside."""
        if interventions:
            self.scope.random_control(interventions)

    def _find_changed(self, named: object) -> FeatureRef | Direction:
        """What the page, or a saved state, names."""
        if isinstance(named, str):
            own: Iterable[Direction] = self.directions
            found = next((one for one in own if name_direction(one) == named), None)
            if found is None:
                raise InvalidValue(
                    f"{describe_value(named)} is no direction of this widget; set directions=[...] first"
                )
            return found
        if isinstance(named, Direction):
            return named
        ref: FeatureRef = check_ref(self.scope, named, self._get_dictionary)
        return ref

    def _read_directions(self, value: object) -> tuple[Direction, ...]:
        items = read_list(value)
        if items is None:
            raise InvalidValue(f"directions is a list of gs.Direction, got {describe_value(value)}")
        found = []
        for item in items:
            if isinstance(item, dict):
                names = ("site", "layer", "vector", "name")
                if not set(names) <= set(item):
                    raise InvalidValue(f"a direction has {', '.join(names)}, got {describe_value(item)}")
                item = Direction(item["site"], item["layer"], item["vector"], str(item["name"]))
            if not isinstance(item, Direction):
                raise InvalidValue(
                    f"a direction comes from scope.direction or gs.Direction, got {describe_value(item)}"
                )
            found.append(item)
        if found:
            self.scope.random_control([build_intervention("add", one, 1.0) for one in found])
        return tuple(dict.fromkeys(found))

    def _align(self, before: Sequence[FeatureRef], refs: Sequence[FeatureRef]) -> None:
        kept = {ref: [one for one in self.changes if one.ref == ref] for ref in refs}
        ours = [one for ref in refs for one in kept[ref] or [self._build_change(ref)]]
        self.changes = (*ours, *(one for one in self.changes if isinstance(one.ref, Direction)))
        self._tell_changed(refs)

    @t.observe("changes")
    def _on_changes(self, change: Any) -> None:
        if self._is_quiet:
            return
        refs = list_refs(change.new)
        with self._quietly(), self.hold_sync():
            if refs != self.features:
                self._is_following = True
                try:
                    self.features = refs
                finally:
                    self._is_following = False
                self.known = self._tell_known(refs)
                self.footer = self._describe_engine(refs)
            self._tell_changed(refs)

    def _check_refs(self, value: object) -> tuple[FeatureRef, ...]:
        if self._is_following:
            assert isinstance(value, tuple)
            return value
        return super()._check_refs(value)

    def _tell_changed(self, refs: Sequence[FeatureRef]) -> None:
        """Bring what is told of the changes up to date."""
        self._list_directions()
        self.ranges = [self._build_range(one) for one in self.changes]
        self.notice = self._write_dropped(refs)
        self._warn()

    def _list_directions(self) -> None:
        """Have `directions` hold those that changes and presets add."""
        own = list_directions([*self.changes, *(one for changes in self.presets.values() for one in changes)])
        if not set(own) <= set(self.directions):
            self.directions = tuple(dict.fromkeys([*self.directions, *own]))

    def _build_range(self, one: Change) -> dict[str, ChangeRange]:
        peak = self._find_peak(one.ref) if isinstance(one.ref, FeatureRef) else 1.0
        return build_range(
            peak, reach=self._reach, unit=one.intervention.unit if one.intervention.kind == "add" else "fraction"
        )

    def _find_peak(self, ref: FeatureRef) -> float:
        """The feature's largest known activation."""
        return self.scope.describe(ref).max_activation or 1.0

    def _on_text(self, _change: object) -> None:
        if self._is_quiet:
            return
        with self.hold_sync():
            self.prompt_tokens = tell_tokens(self._read_tokens())
            self.changes = self.changes  # each range is looked up in the new text

    def _write_dropped(self, among: Sequence[FeatureRef]) -> str:
        said = [f"{self._name_changed(one.ref, among)} was changed {describe_positions(one)}" for one in self._dropped]
        if not said:
            return ""
        ends = "it is" if len(said) == 1 else "they are"
        off = ", and switched off where another change sets the same feature" if self._is_any_off() else ""
        return f"The text is another one: {'; '.join(said)} of the old text; now {ends} changed at all tokens{off}."

    def _is_any_off(self) -> bool:
        gone = {one.ref for one in self._dropped if one.on}
        return any(one.ref in gone and not one.on for one in self.changes)

    def _warn(self) -> None:
        strengths = [one.amount for one in self.interventions if one.kind == "add" and one.unit == "fraction"]
        sentence = describe_excess(dict.fromkeys(strengths))
        self.caution = f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""

    # ---- in words

    def _name_changed(self, ref: FeatureRef | Direction, among: Sequence[FeatureRef]) -> str:
        return self._name(ref, among) if isinstance(ref, FeatureRef) else format_text(str(ref))

    def _write_changes(self, changes: Sequence[Change]) -> str:
        """Changes that are on in words, each with its feature's name."""
        among = list_refs(changes)
        words = []
        for one in changes:
            if one.on:
                where = "" if one.intervention.positions == "all" else f" {describe_positions(one)}"
                words.append(format_intervention(one.intervention, self._name_changed(one.ref, among)) + where)
        return "; ".join(words) or "none"


def list_interventions(changes: Iterable[Change]) -> tuple[Intervention, ...]:
    """What the changes that are on do."""
    return tuple(one.intervention for one in changes if one.on)


def name_places(infos: Mapping[str, DictionaryInfo]) -> dict[str, str]:
    """Where each of several dictionaries sits: "resid_post layer 4", with its size where two sit there."""
    places = {one: _write_place(info) for one, info in infos.items()}
    for one, info in infos.items():
        alike = [other for other in infos if _write_place(infos[other]) == _write_place(info)]
        if len(alike) > 1:
            parts = (_write_place(info), info.width, info.l0, "affine" if info.affine else "")
            places[one] = " ".join(part for part in parts if part)
    counts = list(places.values())
    return {one: place if counts.count(place) == 1 else one for one, place in places.items()}


def _write_place(info: DictionaryInfo) -> str:
    layers = "layer" if len(info.layers) == 1 else "layers"
    return f"{info.base_site} {layers} {', '.join(map(str, info.layers))}"
