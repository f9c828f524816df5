"""The dictionaries of one model: what there is, and what is open."""

import re
import threading
from pathlib import Path

from gscope_widgets.errors import Closed, InvalidValue, UnknownDictionary, describe_value
from gscope_widgets.mini import DICTIONARIES
from gscope_widgets.records.catalogues import Catalogue
from gscope_widgets.records.features import DictionaryInfo, FeatureRef, ModelInfo
from gscope_widgets.records.numbers import check_feature
from gscope_widgets.runtime.dictionaries.catalogue import describe_dictionary, list_dictionaries
from gscope_widgets.runtime.dictionaries.choice import choose_dictionary
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU
from gscope_widgets.runtime.dictionaries.multilayer import MultilayerDictionary

# The published configs say "google/gemma-3-270m-pt" for what the Hub calls google/gemma-3-270m, and "gemma-v3-1b-it".
_GEMMA = re.compile(r"(?:.*/)?(?:gemma-v?3|gscope)-(270m|1b|4b|12b|27b|mini)(-pt|-it)?")


class Shelf:
    """Opens each dictionary once, and finds it again by its id. Safe to use from several threads."""

    def __init__(self, model: ModelInfo, *, name: str):
        """An empty shelf. `name` is what `gs.load` was called with."""
        self._model, self._root = model, DICTIONARIES.get(name)
        self._open: dict[str, Dictionary] = {}
        self._lock = threading.Lock()
        self._closed = False

    def catalogue(self) -> Catalogue:
        """What there is for this model on this machine."""
        return Catalogue() if self._root is None else list_dictionaries(self._root)

    def choose(self, **wishes) -> Dictionary:
        """The dictionary of the catalogue that fits the wishes of `choose_dictionary`."""
        self._require_open()
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
        try:
            folder = Path(path).expanduser().resolve()
            found = any((folder / name).is_file() for name in ("params.safetensors", "params_layer_0.safetensors"))
        except (TypeError, ValueError, RuntimeError, OSError):
            raise InvalidValue(f"path must be a dictionary's folder, got {describe_value(path)}") from None
        if not found:
            raise UnknownDictionary(
                f"{path} holds no dictionary: it has no params.safetensors and no params_layer_0.safetensors"
            )
        return self._take(folder, describe_dictionary(folder, root=folder.parent.parent))

    def find(self, feature: FeatureRef) -> Dictionary:
        """The open dictionary that a feature belongs to.

        Raises:
            UnknownDictionary: this scope has not opened it.
            UnknownFeature: it has no such feature.
        """
        if not isinstance(feature, FeatureRef):
            raise InvalidValue(f"a feature comes from dictionary.feature(number), got {describe_value(feature)}")
        dictionary = self.find_id(feature.dictionary)
        check_feature(feature.feature, width=dictionary.width)
        return dictionary

    def find_id(self, dictionary_id: str) -> Dictionary:
        """The open dictionary of an id, as a `FeatureRef` has it."""
        self._require_open()
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
        self._require_open()
        if self._open.get(dictionary.info.id) is not dictionary:
            raise UnknownDictionary(f"{dictionary.info.id} was opened by another scope; open it with this one")
        return dictionary

    def close(self) -> None:
        """Free all weights. What is asked for afterwards is refused."""
        with self._lock:
            self._closed = True
            for dictionary in self._open.values():
                dictionary.close()
            self._open.clear()

    def _require_open(self) -> None:
        if self._closed:
            raise Closed(f"the scope of {self._model.id} is closed; load it again with gs.load()")

    def _take(self, folder: Path, info: DictionaryInfo) -> Dictionary:
        folder = folder.resolve()
        with self._lock:
            self._require_open()
            if info.id not in self._open:
                self._open[info.id] = self._read(folder, info)
            dictionary = self._open[info.id]
        if dictionary.folder != folder:
            raise UnknownDictionary(
                f"{folder} has the id {info.id}, which is open from {dictionary.folder}; "
                "rename one of the three folders of its name"
            )
        return dictionary

    def _read(self, folder: Path, info: DictionaryInfo) -> Dictionary:
        made_for, ours = _gemma_of(info.model), _gemma_of(self._model.id)
        if made_for and ours and made_for != ours:
            raise UnknownDictionary(
                f"{info.id} was made for {info.model}, and this is {self._model.id}: dictionaries of one model "
                "say nothing of another, pt and it included; load the model it was made for"
            )
        kind = JumpReLU if info.kind in ("sae", "transcoder") else MultilayerDictionary
        dictionary = kind(folder, info=info, device=self._model.device)
        self._check_fit(dictionary)
        return dictionary

    def _check_fit(self, dictionary: Dictionary) -> None:
        info, model = dictionary.info, self._model
        size = model.d_attention if info.base_site == "attn_out" else model.d_model
        every = info.kind == "clt" and len(info.layers) != model.layers
        if dictionary.d_in != size or dictionary.d_out != size or max(info.layers) >= model.layers or every:
            widths = (
                str(dictionary.d_in)
                if dictionary.d_in == dictionary.d_out
                else (f"{dictionary.d_in} and writes {dictionary.d_out}")
            )
            place = f"layer {info.layer}" if len(info.layers) == 1 else f"layers {', '.join(map(str, info.layers))}"
            raise UnknownDictionary(
                f"{info.id} reads {widths} numbers at {place}; {model.id} has "
                f"{size} in each of {model.layers} layers: it was made for another model"
            )


def _gemma_of(name: str) -> tuple[str, str] | None:
    """Size and "-pt" or "-it" of one of Google's Gemma 3 models or of gscope-mini, or None for any other name."""
    match = _GEMMA.fullmatch(name)
    return None if match is None else (match[1], match[2] or "-pt")
