"""The dictionaries of one model: what there is, and what is open."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Unpack

import torch

from gscope_widgets.errors import Closed, InvalidValue, Offline, UnknownDictionary, describe_value
from gscope_widgets.mini import DICTIONARIES
from gscope_widgets.records.catalogues import Catalogue
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.memory import MemoryUse
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.records.numbers import check_feature
from gscope_widgets.runtime.devices import choose_device, choose_dtype
from gscope_widgets.runtime.dictionaries.catalogue import describe_dictionary, describe_listed, list_dictionaries
from gscope_widgets.runtime.dictionaries.choice import Wishes, choose_dictionary, width_order, write_choice
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.folders import Folder, HubFolder, LocalFolder
from gscope_widgets.runtime.dictionaries.foreign import find_foreign
from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU
from gscope_widgets.runtime.dictionaries.multilayer import MultilayerDictionary
from gscope_widgets.runtime.dictionaries.stage import Stage
from gscope_widgets.runtime.hub.faults import advise_return
from gscope_widgets.runtime.hub.repository import RemoteFile, Repository, find_cached

# The published configs say "google/gemma-3-270m-pt" for what the Hub calls google/gemma-3-270m, and "gemma-v3-1b-it".
_GEMMA = re.compile(r"(?:.*/)?(?:gemma-v?3|gscope)-(270m|1b|4b|12b|27b|mini)(-pt|-it)?")


# As the file system of huggingface_hub spells it; a revision may hold no slash here.
_ADDRESS = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([^/]+))?/([^/]+/[^/]+)/?")
_ELSEWHERE = "open a folder in the published layout with scope.dictionary(path=...)"


class Shelf:
    """Opens each dictionary once, and finds it again by its id. Safe to use from several threads."""

    def __init__(self, model: ModelInfo, *, name: str, token: str | None = None):
        """An empty shelf.

        Args:
            name: what `gs.load` was called with.
            token: for the Hub; by default huggingface_hub finds its own.
        """
        self._model, self._root, self._token = model, DICTIONARIES.get(name), token
        self._repositories: dict[str | None, Repository] = {}
        self._listed: dict[str | None, tuple[dict[str, RemoteFile], dict[str, HubFolder]]] = {}
        self._open: dict[str, Dictionary] = {}
        self._stages: dict[str, Stage] = {}  # by device
        self._limit_bytes: int | None = None
        self._gates: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._closed = False

    def catalogue(self, *, revision: str | None = None, refresh: bool = False) -> Catalogue:
        """What there is for this model: what ships with it, or what its Gemma Scope 2 repository lists.

        Args:
            revision: of the repository.
            refresh: ask the Hub again, also within a day of the last time.
        """
        self._require_open()
        _check_revision(revision)
        if self._root is not None:
            return list_dictionaries(self._root)
        if not self._has_repository:
            return Catalogue()
        folders = self._list_folders(revision, refresh=refresh)
        infos = [info for folder in folders.values() if (info := describe_listed(folder)) is not None]
        return Catalogue(sorted(infos, key=lambda info: (info.site, width_order(info.width), info.layers, info.id)))

    def choose(
        self,
        *,
        revision: str | None = None,
        device: str | None = None,
        dtype: str | None = None,
        **wishes: Unpack[Wishes],
    ) -> Dictionary:
        """The dictionary of the catalogue that fits the wishes of `choose_dictionary`, held where and as asked."""
        self._require_open()
        _check_revision(revision)
        if self._root is not None:
            if revision is not None:
                raise InvalidValue(f"revision is for dictionaries on the Hub; those of {self._model.id} ship with it")
            info = choose_dictionary(self.catalogue(), **wishes)
            return self._take(LocalFolder(self._root.parent / info.id), device=device, dtype=dtype)
        if not self._has_repository:
            raise UnknownDictionary(
                f"no dictionaries for {self._model.id} are known: Gemma Scope 2 has them for gemma-3-270m to "
                f"gemma-3-27b, pt and it; {_ELSEWHERE}"
            )
        infos = self.catalogue(revision=revision)
        if not infos:
            raise UnknownDictionary(f"{self._repository(revision).name} lists no dictionary; {_ELSEWHERE}")
        try:
            info = choose_dictionary(infos, **wishes)
        except UnknownDictionary as error:
            if not self._repository(revision).is_partial:
                raise
            raise Offline(f"the Hub cannot be asked, and on this machine {error}; {advise_return()}") from None
        return self._take(self._list_folders(revision)[info.id], device=device, dtype=dtype)

    def write_opening(self, dictionary_id: str) -> str:
        """The expression that opens an open dictionary again."""
        folder = self.find_id(dictionary_id).folder
        revision = folder.revision if isinstance(folder, HubFolder) else None
        if isinstance(folder, HubFolder):
            is_listed = folder.source is self._repositories.get(revision)
        else:
            is_listed = self._root is not None and folder.path.is_relative_to(self._root)
        if is_listed:
            infos = self.catalogue(revision=revision)
            listed = next((info for info in infos if info.id == dictionary_id), None)
            wishes = listed and write_choice(infos, listed)
            if wishes:
                return f"scope.dictionary({wishes}" + (f", revision={revision!r})" if revision else ")")
        path = folder.address if isinstance(folder, HubFolder) else folder.written
        return f"scope.dictionary(path={path!r})"

    @property
    def _has_repository(self) -> bool:
        return find_dictionaries(self._model.id) is not None

    def _repository(self, revision: str | None) -> Repository:
        if revision not in self._repositories:
            name = find_dictionaries(self._model.id)
            assert name is not None, "asked only where there is a repository"
            self._repositories[revision] = Repository(name, revision=revision, token=self._token)
        return self._repositories[revision]

    def _list_folders(self, revision: str | None, *, refresh: bool = False) -> dict[str, HubFolder]:
        """The folders that hold weights, by the id of the dictionary in them."""
        repository = self._repository(revision)
        files = repository.files(refresh=refresh)
        known = self._listed.get(revision)
        if known is None or known[0] is not files:
            known = self._listed[revision] = files, split_folders(files, repository)
        return known[1]

    def open_folder(self, path: str | Path, *, device: str | None = None, dtype: str | None = None) -> Dictionary:
        """The dictionary in a folder, published or of SAELens, on this machine or at "hf://owner/name/site/folder"."""
        self._require_open()
        return self._take(self._find_folder(path), device=device, dtype=dtype)

    def _find_folder(self, path: str | Path) -> Folder:
        if isinstance(path, str) and path.startswith("hf://"):
            return self._find_address(path)
        try:
            folder = Path(path).expanduser().resolve()
            is_file, is_folder = folder.is_file(), folder.is_dir()
        except (TypeError, ValueError, RuntimeError, OSError):
            raise InvalidValue(f"path must be a dictionary's folder, got {describe_value(path)}") from None
        if is_file:
            raise InvalidValue(f"path must be a dictionary's folder, got the file {path}; give {folder.parent}")
        if not is_folder:
            raise UnknownDictionary(f"there is no folder {describe_value(str(path), limit=200)}; path is a folder")
        written = str(path) if str(path).startswith("~") else None
        if not any((folder / name).is_file() for name in ("params.safetensors", "params_layer_0.safetensors")):
            foreign = find_foreign(folder, written=written)
            if foreign is not None:
                return foreign
            pickles = sorted(one.name for one in folder.iterdir() if one.suffix in (".pt", ".pth", ".npz", ".bin"))
            raise UnknownDictionary(
                f"{path} holds no dictionary: it has no params.safetensors and no params_layer_0.safetensors"
                + (f"; it has {pickles[0]}, which is not read: convert it with safetensors" if pickles else "")
            )
        place = find_cached(folder)
        if place is not None:
            # Named by its repository, so that what is written of it holds on other machines.
            repository = Repository(place.repository, revision=place.commit, token=self._token)
            here = split_folders(repository.files_here(), repository)
            return next((one for one in here.values() if one.path.resolve() == folder), LocalFolder(folder))
        return LocalFolder(folder, written=written)

    def _find_address(self, address: str) -> HubFolder:
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise InvalidValue(
                "an address is hf://owner/name/site/folder, or hf://owner/name@revision/site/folder, "
                f"got {describe_value(address)}"
            )
        repository = Repository(match[1], revision=match[2], token=self._token)
        files = repository.files()
        for folder in split_folders(files, repository).values():
            if f"{folder.site}/{folder.name}" == match[3]:
                return folder
        raise UnknownDictionary(f"{match[1]} has no folder {match[3]}")

    def find(self, ref: FeatureRef) -> Dictionary:
        """The open dictionary that a feature belongs to.

        Raises:
            UnknownDictionary: this scope has not opened it.
            UnknownFeature: it has no such feature.
        """
        if not isinstance(ref, FeatureRef):
            raise InvalidValue(f"a feature comes from dictionary.feature(number), got {describe_value(ref)}")
        dictionary = self.find_id(ref.dictionary_id)
        check_feature(ref.feature, d_dict=dictionary.d_dict)
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

    def open_id(self, dictionary_id: str) -> Dictionary:
        """The dictionary of an id: open, or else opened where it ships with the model or its repository lists it.

        Raises:
            UnknownDictionary: it is neither.
        """
        self._require_open()
        if dictionary_id in self._open:
            return self._open[dictionary_id]
        folders: dict[str, Folder] = {}
        if self._root is not None:
            folders |= {info.id: LocalFolder(self._root.parent / info.id) for info in self.catalogue()}
        elif self._has_repository:
            folders |= self._list_folders(None)
        if dictionary_id not in folders:
            raise UnknownDictionary(
                f"{describe_value(dictionary_id, limit=200)} is not open, and none of those that are listed for "
                f"{self._model.id}"
            )
        return self._take(folders[dictionary_id], device=None, dtype=None)

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

    def list_uses(self) -> Iterator[MemoryUse]:
        """What each open dictionary holds, and what is kept of rows and columns that were read alone."""
        for dictionary in list(self._open.values()):
            yield dictionary.describe_memory(self._model.id)
        for device, stage in list(self._stages.items()):
            on_host, rows = torch.device(device).type == "cpu", stage.rows
            yield MemoryUse(
                scope=self._model.id,
                owner="rows",
                kind="cache",
                host_bytes=rows.bytes if on_host else 0,
                device_bytes=0 if on_host else rows.bytes,
                limit_bytes=rows.limit_bytes,
                entries=len(rows),
                hits=rows.hits,
                misses=rows.misses,
            )

    def resize(self, limit_bytes: int) -> None:
        """Set how much the weights of all dictionaries on one device may take together, and drop what is above."""
        with self._lock:
            self._limit_bytes = limit_bytes
            for stage in self._stages.values():
                stage.weights.resize(limit_bytes)

    def empty(self) -> None:
        """Free all weights; they are read again when next needed."""
        for stage in list(self._stages.values()):
            stage.clear()

    def close(self) -> None:
        """Free all weights. What is asked for afterwards is refused."""
        with self._lock:
            self._closed = True
            self.empty()
            self._open.clear()

    def _require_open(self) -> None:
        if self._closed:
            raise Closed(f"the scope of {self._model.id} is closed; load it again with gs.load()")

    def _take(self, folder: Folder, *, device: str | None, dtype: str | None) -> Dictionary:
        place = choose_device(device) if device is not None else self._model.device
        held = choose_dtype(dtype, device=place) if dtype not in (None, "auto") else torch.float32
        with self._lock:
            self._require_open()
            gate = self._gates.setdefault(folder.id, threading.Lock())
        # One gate for each dictionary: headers that are slow to come hold up nobody who wants another one.
        with gate:
            found = self._open.get(folder.id)
            if found is not None and found.folder.is_same(folder):
                asked = (device and place, dtype and held)
                if all(one is None or one == own for one, own in zip(asked, (found.device, found.dtype), strict=True)):
                    return found
                raise InvalidValue(
                    f"{folder.id} is open on {found.device} in {str(found.dtype).removeprefix('torch.')}; "
                    "close the scope to open it otherwise"
                )
            if found is not None and not (isinstance(folder, HubFolder) and isinstance(found.folder, HubFolder)):
                raise UnknownDictionary(
                    f"{folder} has the id {folder.id}, which is open from {found.folder}; "
                    "rename one of the three folders of its name"
                )
            # On the Hub the same name may hold new weights, which then take the place of the old ones.
            dictionary = self._read(folder, describe_dictionary(folder), device=place, dtype=held)
            with self._lock:
                self._require_open()
                self._open[folder.id] = dictionary
            if found is not None:
                found.close()
            return dictionary

    def _read(self, folder: Folder, info: DictionaryInfo, *, device: str, dtype: torch.dtype) -> Dictionary:
        made_for, ours = find_gemma(info.model), find_gemma(self._model.id)
        if made_for and ours and made_for != ours:
            raise UnknownDictionary(
                f"{info.id} was made for {info.model}, and this is {self._model.id}: dictionaries of one model "
                "say nothing of another, pt and it included; load the model it was made for"
            )
        kind = JumpReLU if info.kind in ("sae", "transcoder") else MultilayerDictionary
        dictionary = kind(folder, info=info, device=device, dtype=dtype, stage=self._find_stage(device))
        self._check_fit(dictionary)
        return dictionary

    def _find_stage(self, device: str) -> Stage:
        with self._lock:
            if device not in self._stages:
                self._stages[device] = Stage(device)
                if self._limit_bytes is not None:
                    self._stages[device].weights.resize(self._limit_bytes)
            return self._stages[device]

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


def split_folders(files: dict[str, RemoteFile], repository: Repository) -> dict[str, HubFolder]:
    """A repository's folders that may hold a dictionary, by the id of the dictionary in them."""
    parts: dict[str, dict[str, RemoteFile]] = {}
    for name, file in files.items():
        path, _, last = name.rpartition("/")
        if path.count("/") == 1:
            parts.setdefault(path, {})[last] = file
    found = (HubFolder(inside, repository=repository) for _, inside in sorted(parts.items()))
    return {folder.id: folder for folder in found}


def _check_revision(revision: object) -> None:
    if revision is not None and (not isinstance(revision, str) or not revision):
        raise InvalidValue(f"revision must be a branch, tag or commit, got {describe_value(revision)}")


def find_dictionaries(name: str) -> str | None:
    """The Hub's repository of a model's dictionaries, or None where there is none."""
    gemma = find_gemma(name)
    return None if gemma is None or gemma[0] == "mini" else f"google/gemma-scope-2-{gemma[0]}{gemma[1]}"


def find_gemma(name: str) -> tuple[str, str] | None:
    """Size and "-pt" or "-it" of one of Google's Gemma 3 models or of gscope-mini, or None for any other name."""
    match = _GEMMA.fullmatch(name)
    return None if match is None else (match[1], match[2] or "-pt")
