"""Labels that Neuronpedia has for features of Gemma Scope 2: asked for politely, kept on this machine, never needed.

Routes and limits: Neuronpedia's own route sources; a label is one model's guess, often unscored.
"""

import json
import os
import re
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from huggingface_hub import constants

from gscope_widgets.errors import Offline
from gscope_widgets.records.features import DictionaryInfo, FeatureLabel

SOURCE = "Neuronpedia"
KEPT_S = 30 * 24 * 3600  # an answer younger than this is not asked for again
REST_S = 3600.0  # Neuronpedia counts requests an hour: after a refusal it is left alone for as long
_TIMEOUT_S = 10.0
_LIMIT = 5_000_000  # bytes of an answer
_TEXT = 300  # characters of a label that are kept
_MODEL = re.compile(r"gemma-scope-2-(270m|1b|4b|12b|27b)-(pt|it)")
# Folder -> source set. Others are not known to have one (format document, section 11.1).
_SETS = (
    (re.compile(r"resid_post/layer_(\d+)_width_(\w+?)_l0_medium"), "{}-gemmascope-2-res-{}"),
    (re.compile(r"transcoder_all/layer_(\d+)_width_(\w+?)_l0_small_affine"), "{}-gemmascope-2-transcoder-{}"),
)


@dataclass(frozen=True)
class Address:
    """Where Neuronpedia keeps a dictionary's features."""

    model: str  # "gemma-3-1b", without "-pt"
    source: str  # "13-gemmascope-2-res-16k"
    repository: str  # that the labels must be of: "google/gemma-scope-2-1b-pt"
    folder: str  # "resid_post/layer_13_width_16k_l0_medium"


@dataclass(frozen=True)
class LabelHit:
    """A feature whose label fits a query."""

    feature: int
    label: FeatureLabel


def find_address(info: DictionaryInfo) -> Address | None:
    """Neuronpedia's ids for a dictionary, or None where no source set of it is known."""
    repository, _, folder = info.id.partition("/")
    match = _MODEL.fullmatch(repository)
    for pattern, source in _SETS:
        if match and (found := pattern.fullmatch(folder)):
            model = f"gemma-3-{match[1]}" + ("-it" if match[2] == "it" else "")
            return Address(model, source.format(*found.groups()), f"google/{repository}", folder)
    return None


class Neuronpedia:
    """A client that asks once, keeps the answer, and stops asking when it is told to."""

    def __init__(self, *, base: str | None = None):
        """Args: base: of the site; by default that of the variable NEURONPEDIA_URL, or the public one."""
        self.base = (base or os.environ.get("NEURONPEDIA_URL") or "https://www.neuronpedia.org").rstrip("/")
        self._resting_until = 0.0

    def labels(self, address: Address, feature: int) -> tuple[FeatureLabel, ...]:
        """The labels of one feature; none where Neuronpedia has none, or only of another dictionary.

        Raises:
            Offline: it cannot be asked now, and no answer was kept.
        """
        path = f"/api/feature/{quote(address.model)}/{quote(address.source)}/{feature}"
        record = self._ask(path, None, kept=f"{address.model}/{address.source}/{feature}.json")
        return tuple(_read_labels(record)) if _is_of(record, address) else ()

    def search(self, address: Address, query: str) -> list[LabelHit]:
        """Up to 20 features whose label fits words; at most 200 searches an hour are allowed there.

        Raises:
            Offline: it cannot be asked now, and no answer was kept.
        """
        body = {"modelId": address.model, "layers": [address.source], "query": query}
        name = re.sub(r"\W", "_", query)[:60]
        answer = self._ask("/api/explanation/search", body, kept=f"{address.model}/{address.source}/search-{name}.json")
        hits = []
        for entry in _list(answer.get("results")):
            record = entry.get("neuron") if isinstance(entry, dict) else None
            if isinstance(record, dict) and _is_of(record, address) and str(entry.get("index", "")).isdecimal():
                text = _clean(entry.get("description"))
                label = FeatureLabel(text, SOURCE, author=_clean(entry.get("explanationModelName")))
                hits += [LabelHit(int(entry["index"]), label)] if text else []
        return hits

    def kept_labels(self, address: Address) -> dict[int, tuple[FeatureLabel, ...]]:
        """The labels on this machine, by feature; asks no network."""
        found = {}
        for path in self._folder.glob(f"{address.model}/{address.source}/*.json"):
            record = _read_kept(path)[0] if path.stem.isdecimal() else None
            if record and _is_of(record, address):
                found[int(path.stem)] = tuple(_read_labels(record))
        return found

    @property
    def _folder(self) -> Path:
        return Path(constants.HF_HOME, "gscope_widgets", "neuronpedia")

    def _ask(self, path: str, body: dict | None, *, kept: str) -> dict:
        """The JSON object of an answer; {} where there is no such feature."""
        file = self._folder / kept
        record, age_s = _read_kept(file)
        if record is not None and age_s < KEPT_S:
            return record
        try:
            answer = self._request(path, body)
        except Offline:
            if record is None:
                raise
            return record
        _keep(file, answer)
        return answer

    def _request(self, path: str, body: dict | None) -> dict:
        if constants.HF_HUB_OFFLINE:
            raise Offline("Neuronpedia is not asked while HF_HUB_OFFLINE is set")
        if time.time() < self._resting_until:
            raise Offline("Neuronpedia has had too many requests from here; it is asked again within the hour")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "gscope-widgets"}
        if key := os.environ.get("NEURONPEDIA_API_KEY"):
            headers["x-api-key"] = key
        request = urllib.request.Request(self.base + path, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                if answer.headers.get("x-limit-remaining") == "0":
                    self._resting_until = time.time() + REST_S
                content = answer.read(_LIMIT + 1)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            if error.code == 429:
                self._resting_until = time.time() + REST_S
            raise Offline(f"Neuronpedia answered {error.code}; try again {_when(error.code)}") from None
        except OSError:
            raise Offline("Neuronpedia cannot be reached; try again when this machine is online") from None
        try:
            found = json.loads(content) if len(content) <= _LIMIT else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Offline("what came from Neuronpedia is no answer of its own (a web page, perhaps); try again")
        return found


def _when(status: int) -> str:
    return "within the hour, for it has had too many requests from here" if status == 429 else "in a few minutes"


def _is_of(record: dict, address: Address) -> bool:
    """Whether a record says that it is of this very dictionary: the same number means another feature elsewhere."""
    source = record.get("source")
    source = source if isinstance(source, dict) else {}
    return (source.get("hfRepoId"), source.get("hfFolderId")) == (address.repository, address.folder)


def _read_labels(record: dict):
    for entry in _list(record.get("explanations")):
        text = _clean(entry.get("description")) if isinstance(entry, dict) else ""
        if text:
            yield FeatureLabel(text, SOURCE, author=_clean(entry.get("explanationModelName")), score=_best(entry))


def _best(entry: dict) -> float | None:
    scores = [score.get("value") for score in _list(entry.get("scores")) if isinstance(score, dict)]
    numbers = [float(one) for one in scores if isinstance(one, (int, float)) and abs(one) < 1e6]
    return max(numbers, default=None)


def _list(value: object) -> list:
    return value if isinstance(value, list) else []


def _clean(value: object) -> str:
    return " ".join(value.split())[:_TEXT] if isinstance(value, str) else ""


def _read_kept(path: Path) -> tuple[dict | None, float]:
    """A kept answer and its age in seconds; a damaged one counts as none."""
    try:
        if path.stat().st_size > _LIMIT + 1000:
            return None, 0.0
        content = json.loads(path.read_text(encoding="utf-8"))
        record = content["answer"]
        return (record, time.time() - float(content["asked"])) if isinstance(record, dict) else (None, 0.0)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None, 0.0


def _keep(path: Path, answer: dict) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps({"asked": time.time(), "answer": answer}), encoding="utf-8")
        draft.replace(path)
