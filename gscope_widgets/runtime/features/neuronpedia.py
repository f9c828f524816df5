"""Labels that Neuronpedia has for features of Gemma Scope 2: asked for politely, kept on this machine, never needed.

Routes and limits: Neuronpedia's own route sources; a label is one model's guess, often unscored.
"""

import hashlib
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from huggingface_hub import constants

from gscope_widgets.errors import InvalidValue, Offline, describe_value
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.neuronpedia import Address

Answer = dict[str, object]  # a JSON object from outside, of which nothing is known yet

SOURCE = "Neuronpedia"
KEPT_S = 30 * 24 * 3600  # an answer younger than this is not asked for again
REST_S = 3600.0  # Neuronpedia counts requests an hour: after a refusal it is left alone for as long
_TIMEOUT_S = 10.0
_KEPT = ("source", "explanations", "index", "results")  # parts of an answer
_LIMIT = 5_000_000  # bytes of an answer
_INDEX = re.compile(r"\d{1,9}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TEXT = 300  # characters of a label that are kept


@dataclass(frozen=True)
class LabelHit:
    """A feature whose label fits a query."""

    feature: int
    label: FeatureLabel


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object) -> None:
        """No: another site would be handed the key."""


_OPENER = urllib.request.build_opener(_NoRedirect)


class Neuronpedia:
    """A client that asks once, keeps the answer, and stops asking when it is told to."""

    def __init__(self, *, base: str | None = None):
        """Args: base: of the site; by default that of the variable NEURONPEDIA_URL, or the public one."""
        self.base = (base or os.environ.get("NEURONPEDIA_URL") or "https://www.neuronpedia.org").rstrip("/")
        if not self.base.startswith(("https://", "http://")):
            raise InvalidValue(f"NEURONPEDIA_URL must be an address with https://, got {describe_value(self.base)}")
        self._resting_until: dict[str, float] = {}  # by route, as the limits are

    def labels(self, address: Address, feature: int) -> tuple[FeatureLabel, ...]:
        """The labels of one feature; none where Neuronpedia has none, or only of another dictionary.

        Raises:
            Offline: it cannot be asked now, and no answer was kept.
        """
        record = self._read_record(address, feature)
        return tuple(_read_labels(record)) if _is_of(record, address) else ()

    def search(self, address: Address, query: str) -> list[LabelHit]:
        """Up to 20 features whose label fits words; at most 200 searches an hour are allowed there.

        Raises:
            Offline: it cannot be asked now, and no answer was kept.
        """
        body: Answer = {"modelId": address.model, "layers": [address.source], "query": query}
        name = hashlib.sha256(query.encode(errors="replace")).hexdigest()[:24]
        answer = self._ask("/api/explanation/search", body, kept=f"{address.model}/{address.source}/search-{name}.json")
        hits = []
        for entry in _list(answer.get("results")):
            entry = entry if isinstance(entry, dict) else {}
            index, text = str(entry.get("index", "")), _clean(entry.get("description"))
            if _INDEX.fullmatch(index) and text and entry.get("layer") == address.source:
                label = FeatureLabel(text, SOURCE, author=_clean(entry.get("explanationModelName")))
                hits.append(LabelHit(int(index), label))
        # What a search gives does not name the dictionary; the record of one of its features does.
        return hits if hits and self._is_source_of(address, hits[0].feature) else []

    def _is_source_of(self, address: Address, feature: int) -> bool:
        return _is_of(self._read_record(address, feature), address)

    def _read_record(self, address: Address, feature: int) -> Answer:
        path = f"/api/feature/{quote(address.model)}/{quote(address.source)}/{feature}"
        return self._ask(path, None, kept=f"{address.model}/{address.source}/{feature}.json")

    def kept_labels(self, address: Address) -> dict[int, tuple[FeatureLabel, ...]]:
        """The labels on this machine, by feature; asks no network."""
        found = {}
        for path in self._folder.glob(f"{address.model}/{address.source}/*.json"):
            record = _read_kept(path)[0] if _INDEX.fullmatch(path.stem) else None
            if record and _is_of(record, address):
                found[int(path.stem)] = tuple(_read_labels(record))
        return found

    @property
    def _folder(self) -> Path:
        return Path(constants.HF_HOME, "gscope_widgets", "neuronpedia")

    def _ask(self, path: str, body: Answer | None, *, kept: str) -> Answer:
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
        # Of a record of 400 kB, the little that is read again.
        kept_part = {name: value for name, value in answer.items() if name in _KEPT}
        _keep(file, _without_activations(kept_part))
        return answer

    def _request(self, path: str, body: Answer | None) -> Answer:
        if constants.HF_HUB_OFFLINE:
            raise Offline("Neuronpedia is not asked while HF_HUB_OFFLINE is set")
        route = path.split("/")[2]
        if time.time() < self._resting_until.get(route, 0.0):
            raise Offline("Neuronpedia has had too many requests from here; it is asked again within the hour")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "gscope-widgets"}
        if key := os.environ.get("NEURONPEDIA_API_KEY"):
            headers["x-api-key"] = key
        request = urllib.request.Request(self.base + path, data=data, headers=headers)
        try:
            with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
                if answer.headers.get("x-limit-remaining") == "0":
                    self._resting_until[route] = time.time() + REST_S
                content = _read_within(answer, seconds=2 * _TIMEOUT_S)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            if error.code == 429:
                self._resting_until[route] = time.time() + REST_S
            raise Offline(f"Neuronpedia answered {error.code}; try again {_when(error.code)}") from None
        except (OSError, http.client.HTTPException):
            raise Offline("Neuronpedia cannot be reached; try again when this machine is online") from None
        try:
            found = json.loads(content) if len(content) <= _LIMIT else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Offline("what came from Neuronpedia is no answer of its own (a web page, perhaps); try again")
        return found


def _read_within(answer: http.client.HTTPResponse, *, seconds: float) -> bytes:
    """The body, up to a byte over the limit. Raises: TimeoutError: it takes longer."""
    content, until = b"", time.monotonic() + seconds
    while len(content) <= _LIMIT and (block := answer.read1(1 << 16)):
        content += block
        if time.monotonic() > until:
            raise TimeoutError
    return content


def _without_activations(answer: Answer) -> Answer:
    results = [
        {name: value for name, value in entry.items() if name != "neuron"}
        for entry in _list(answer.get("results"))
        if isinstance(entry, dict)
    ]
    return answer | ({"results": results} if "results" in answer else {})


def _when(status: int) -> str:
    return "within the hour, for it has had too many requests from here" if status == 429 else "in a few minutes"


def _is_of(record: Answer, address: Address) -> bool:
    """Whether a record says that it is of this very dictionary: the same number means another feature elsewhere."""
    source = record.get("source")
    source = source if isinstance(source, dict) else {}
    return (source.get("hfRepoId"), source.get("hfFolderId")) == (address.repository, address.folder)


def _read_labels(record: Answer) -> Iterator[FeatureLabel]:
    for entry in _list(record.get("explanations")):
        if isinstance(entry, dict) and (text := _clean(entry.get("description"))):
            yield FeatureLabel(
                text,
                SOURCE,
                author=_clean(entry.get("explanationModelName")),
                score=_first_score(entry),
                date=_read_date(entry.get("createdAt")),
            )


def _read_date(value: object) -> str:
    return value[:10] if isinstance(value, str) and _DATE.match(value) else ""


def _first_score(entry: Answer) -> float | None:
    scores = [score.get("value") for score in _list(entry.get("scores")) if isinstance(score, dict)]
    numbers = [float(one) for one in scores if isinstance(one, (int, float)) and abs(one) < 1e6]
    return numbers[0] if numbers else None


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _clean(value: object) -> str:
    return " ".join(value.split())[:_TEXT] if isinstance(value, str) else ""


def _read_kept(path: Path) -> tuple[Answer | None, float]:
    """A kept answer and its age in seconds; a damaged one counts as none."""
    try:
        if path.stat().st_size > _LIMIT + 1000:
            return None, 0.0
        content = json.loads(path.read_text(encoding="utf-8"))
        record = content["answer"]
        return (record, time.time() - float(content["asked"])) if isinstance(record, dict) else (None, 0.0)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None, 0.0


def _keep(path: Path, answer: Answer) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps({"asked": time.time(), "answer": answer}), encoding="utf-8")
        draft.replace(path)
