"""Neuronpedia on this machine: the routes a reader of labels needs, with its limits and its gaps."""

import json
from collections import Counter

from tests.hub.loopback import LoopbackServer, Request, refuse, split_path
from tests.hub.reply import Refused, Reply, reply_json

_LIMITS = {"/": 25000, "/api": 25000, "/api/explanation/search": 200}  # requests an hour; the last that fits is named
_PAGE = 20  # results of one search answer
_WINDOW = "60 m"


def build_record(
    model_id: str,
    source_id: str,
    index: int,
    *,
    repository: str | None,
    folder: str | None,
    labels: dict[str, str] | None = None,
    examples: int = 3,
    **changes: object,
) -> dict:
    """A feature record as `/api/feature` returns it, with the nulls and empty lists that are usual there.

    Args:
        repository: `source.hfRepoId`, such as "google/gemma-scope-2-1b-pt".
        folder: `source.hfFolderId`, such as "resid_post/layer_13_width_16k_l0_medium".
        labels: description by the model that wrote it; the first one is unscored, as most are.
        examples: how many activations, strongest first.
        changes: fields to set otherwise; `...` leaves a field out.
    """
    explanations = [
        {
            "id": f"{source_id}-{index}-{number}",
            "description": description,
            "explanationModelName": author,
            "typeName": "np_max-act-logits" if number else None,
            "scores": [{"value": 0.8, "explanationScoreTypeName": "recall_alt"}] if number else [],
            "triggeredByUser": {"id": "0", "name": "neuronpedia"},
        }
        for number, (author, description) in enumerate((labels or {}).items())
    ]
    record = {
        "modelId": model_id,
        "layer": source_id,
        "index": str(index),
        "sourceSetName": source_id.split("-", 1)[1],
        "creatorId": "0",
        "createdAt": "2025-12-19T12:00:00.000Z",
        "maxActApprox": 3.0 * examples,
        "hasVector": True,
        "vector": [],
        "vectorLabel": None,
        "hookName": None,
        "frac_nonzero": 0.0123,
        "neg_str": ["▁no"],
        "neg_values": [-0.5],
        "pos_str": ["▁yes"],
        "pos_values": [0.5],
        "freq_hist_data_bar_heights": [],
        "source": {"id": source_id, "modelId": model_id, "hfRepoId": repository, "hfFolderId": folder, "dataset": None},
        "activations": [_build_activation(3.0 * (examples - rank)) for rank in range(examples)],
        "explanations": explanations,
        "comments": [],
        "lists": None,
    } | changes
    return {name: value for name, value in record.items() if value is not ...}


def _build_activation(peak: float) -> dict:
    tokens = ["<bos>", "▁a", "▁cat"]
    return {
        "tokens": tokens,
        "values": [0.0, 0.0, peak],
        "maxValue": peak,
        "maxValueTokenIndex": 2,
        "minValue": 0.0,
        "dataIndex": None,
        "binMin": None,
        "binMax": None,
        "dfaValues": [],
    }


class NeuronpediaServer(LoopbackServer):
    """Serves the records it was given under `endpoint` + "/api/…". Search finds the words of a query in labels."""

    def __init__(self):
        super().__init__()
        self.limits = dict(_LIMITS)  # by prefix of the path
        self.used: Counter[str] = Counter()  # requests counted against each limit
        self._records: dict[tuple[str, str, str], dict] = {}

    def add(self, record: dict) -> None:
        """Serves a record, in place of an earlier one of the same feature."""
        self._records[record["modelId"], record["layer"], record["index"]] = record

    def answer(self, request: Request, *, path: str, token: str | None) -> Reply:
        remaining = self._count(request.path.lower())
        match [request.method, *split_path(path)]:
            case ["GET", "api", "feature", *key] if len(key) == 3:
                reply = self._send_record(tuple(key))
            case ["POST", "api", "features"]:
                reply = self._send_records(_read_json(request))
            case ["POST", "api", "explanation", "search" | "search-model" as route]:
                reply = self._search(_read_json(request), by_source=route == "search")
            case _:
                raise refuse(404, "Not Found")
        allowed = {"Access_Control_Allow_Origin": "*", "Access_Control_Allow_Methods": "GET, POST"}
        return reply.with_headers(x_limit_remaining=str(remaining), **allowed)

    def _count(self, path: str) -> int:
        """How many requests are left of the limit that was looked at last. Raises Refused where one is spent."""
        remaining = 0
        for endpoint, limit in self.limits.items():
            if not path.startswith(endpoint):
                continue
            self.used[endpoint] += 1
            remaining = limit - self.used[endpoint]
            if remaining < 0:
                raise Refused(_reply_spent(endpoint, limit))
        return remaining

    def _send_record(self, key: tuple[str, ...]) -> Reply:
        if key not in self._records:
            raise refuse(404, "Feature not found")
        return reply_json(self._records[key])

    def _send_records(self, asked: list[dict]) -> Reply:
        """The records found, in the order of their indices in the request: it is the only field looked at."""
        if not isinstance(asked, list) or not all({"modelId", "layer", "index"} <= set(item) for item in asked):
            raise _refuse_body("modelId, layer and index are required fields")
        keys = {(item["modelId"], item["layer"], str(item["index"])) for item in asked}
        order = [str(item["index"]) for item in reversed(asked)]
        found = sorted(
            (self._records[key] for key in keys if key in self._records),
            key=lambda record: -order.index(record["index"]),
        )
        limit = asked[0].get("maxActsToReturn") if asked else None
        return reply_json([record | {"activations": record.get("activations", [])[:limit]} for record in found])

    def _search(self, asked: dict, *, by_source: bool) -> Reply:
        query = asked.get("query", "")
        if len(query) < 3:
            raise _refuse_body("query must be at least 3 characters")
        results = [
            {
                "modelId": model,
                "layer": source,
                "index": index,
                "description": explanation["description"],
                "explanationModelName": explanation["explanationModelName"],
                # The real route joins a record's activations and explanations here, and nothing of its source.
                "neuron": {name: value for name, value in record.items() if name not in ("source", "lists", "comments")}
                | {"activations": record.get("activations", [])[:3]},
            }
            for (model, source, index), record in self._records.items()
            if model == asked.get("modelId") and (not by_source or source in asked.get("layers", []))
            for explanation in record.get("explanations") or []
            if any(word in explanation["description"].lower() for word in query.lower().split())
        ]
        start = asked.get("offset") or 0
        page = results[start : start + _PAGE]
        more = start + _PAGE < len(results)
        following = start + _PAGE if more else None
        content = {"request": asked, "results": page, "resultsCount": len(page), "hasMore": more}
        return reply_json(content | {"nextOffset": following})


def _read_json(request: Request) -> dict | list:
    try:
        return json.loads(request.body)
    except ValueError:
        raise _refuse_body("Invalid JSON body") from None


def _refuse_body(message: str) -> Refused:
    return Refused(reply_json({"message": message}, status=400))


def _reply_spent(endpoint: str, limit: int) -> Reply:
    sentence = f"The limit for this endpoint ({endpoint}) is {limit} requests per {_WINDOW}."
    content = {"endpoint": endpoint, "limitPerWindow": limit, "requestWindow": _WINDOW, "remainingRequests": 0}
    return reply_json(content | {"error": f"Rate limit exceeded for this endpoint. {sentence}"}, status=429)
