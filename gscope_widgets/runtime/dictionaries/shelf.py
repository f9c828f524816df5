"""The dictionaries of one model: what there is, and what is open."""

import threading
from pathlib import Path

from gscope_widgets.errors import InvalidValue, UnknownDictionary, describe_value
from gscope_widgets.mini import DICTIONARIES
from gscope_widgets.records.features import DictionaryInfo, FeatureRef, ModelInfo
from gscope_widgets.records.numbers import check_feature
from gscope_widgets.runtime.dictionaries.catalogue import choose_dictionary, describe_dictionary, list_dictionaries
from gscope_widgets.runtime.dictionaries.jumprelu import Dictionary


class Shelf:
    """Opens each dictionary once, and finds it again by its id. Safe to use from several threads."""

    def __init__(self, model: ModelInfo, *, name: str):
        """An empty shelf. `name` is what `gs.load` was called with."""
        self._model, self._root = model, DICTIONARIES.get(name)
        self._open: dict[str, Dictionary] = {}
        self._lock = threading.Lock()

    def catalogue(self) -> list[DictionaryInfo]:
        """What there is for this model on this machine."""
        return [] if self._root is None else list_dictionaries(self._root)

    def choose(self, **wishes) -> Dictionary:
        """The dictionary of the catalogue that fits the wishes of `choose_dictionary`."""
        infos = self.catalogue()
        if not infos:
            raise UnknownDictionary(
                f"no dictionaries for {self._model.id} ship with this package; download a folder of "
                "google/gemma-scope-2-* and pass it: scope.dictionary(path=...)"
            )
        info = choose_dictionary(infos, **wishes)
        return self._take(self._root.parent / info.id, info)

    def open_folder(self, path: str | Path) -> Dictionary:
        """The dictionary in a folder of the published layout."""
        folder = Path(path).expanduser().resolve()
        if not (folder / "params.safetensors").is_file():
            raise UnknownDictionary(f"{path} holds no dictionary: it has no params.safetensors")
        return self._take(folder, describe_dictionary(folder, root=folder.parent.parent))

    def find(self, feature: FeatureRef) -> Dictionary:
        """The open dictionary that a feature belongs to.

        Raises:
            UnknownDictionary: this scope has not opened it.
            UnknownFeature: it has no such feature.
        """
        dictionary = self.find_id(feature.dictionary)
        check_feature(feature.feature, width=dictionary.width)
        return dictionary

    def find_id(self, dictionary_id: str) -> Dictionary:
        """The open dictionary of an id, as a `FeatureRef` has it."""
        dictionary = self._open.get(dictionary_id)
        if dictionary is None:
            raise UnknownDictionary(
                f"{describe_value(dictionary_id)} is no dictionary that this scope has opened; "
                "call scope.dictionary(...) first"
            )
        return dictionary

    def check(self, dictionary: object) -> Dictionary:
        """The dictionary, if it is one that this shelf opened."""
        if isinstance(dictionary, str):
            return self.find_id(dictionary)
        if not isinstance(dictionary, Dictionary):
            raise InvalidValue(f"dictionary comes from scope.dictionary(), got {describe_value(dictionary)}")
        if self._open.get(dictionary.info.id) is not dictionary:
            raise UnknownDictionary(f"{dictionary.info.id} was opened by another scope; open it with this one")
        return dictionary

    def close(self) -> None:
        """Free all weights."""
        for dictionary in self._open.values():
            dictionary.close()
        self._open.clear()

    def _take(self, folder: Path, info: DictionaryInfo) -> Dictionary:
        with self._lock:
            if info.id not in self._open:
                self._open[info.id] = self._read(folder, info)
            return self._open[info.id]

    def _read(self, folder: Path, info: DictionaryInfo) -> Dictionary:
        if info.kind != "sae" or info.site != "resid_post":
            raise UnknownDictionary(
                f"{info.id} is a {info.kind} for {info.site}; this version opens sparse autoencoders for resid_post"
            )
        dictionary = Dictionary(folder, info=info, device=self._model.device)
        if dictionary.d_in != self._model.d_model or info.layer >= self._model.layers:
            raise UnknownDictionary(
                f"{info.id} reads {dictionary.d_in} numbers at layer {info.layer}; {self._model.id} has "
                f"{self._model.d_model} in each of {self._model.layers} layers: it was made for another model"
            )
        return dictionary
