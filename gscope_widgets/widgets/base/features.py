"""Widgets that show features: the list of them, their names, and what is known of each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import traitlets as t

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureLabel, FeatureRef, FeatureSummary
from gscope_widgets.records.interventions import Intervention, describe_excess
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.widgets.base.formats import format_feature, format_intervention
from gscope_widgets.widgets.base.reader import TextReader, describe_engine
from gscope_widgets.widgets.base.state import Checked, Told, check_dictionary, check_refs, check_scope
from gscope_widgets.widgets.base.widget import SharedName
from gscope_widgets.widgets.base.wire import FeatureInfo, Label, Ref


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
        check_scope(scope)
        self.scope = scope
        self._dictionary: Dictionary | None = None if dictionary is None else check_dictionary(scope, dictionary)
        return self._check_refs(features)

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


class ChangingWidget(FeatureWidget):
    """Base of widgets that change features of the model: their changes in words, and what is known to go wrong."""

    caution = Told(str, "", help="What is known to go wrong with these settings, a sentence; empty where nothing is.")

    def _open(self) -> None:
        super()._open()
        self.observe(self._on_settings, names=list(self.settings))
        self._on_settings(None)

    def _on_settings(self, _change: object) -> None:
        if self._is_quiet:  # lists of one value a feature are being brought to new features
            return
        sentence = describe_excess(dict.fromkeys(self._list_strengths(self._read_settings())))
        self.caution = f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""

    def _list_strengths(self, settings: Mapping[str, Any]) -> Iterable[float]:
        """The strengths that directions are added with, in mean norms."""
        raise NotImplementedError

    def _write_changes(self, interventions: Sequence[Intervention], among: Sequence[FeatureRef]) -> str:
        """Changes in words, each with its feature's name."""
        words = []
        for one in interventions:
            assert isinstance(one.ref, FeatureRef), "widgets change features"
            words.append(format_intervention(one, self._name(one.ref, among)))
        return "; ".join(words) or "none"


def align(values: Sequence[Any], before: Sequence[FeatureRef], refs: Sequence[FeatureRef], *, rest: Any) -> list[Any]:
    """One value a feature, brought to new features: each keeps its own, those that are new get `rest`."""
    known: Mapping[FeatureRef, Any] = dict(zip(before, values, strict=False))
    return [known.get(ref, rest) for ref in refs]


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
