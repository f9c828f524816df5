"""The test Neuronpedia answers as its routes do (docs/formats.md), gaps, limits and faults included."""

import json
import urllib.error
import urllib.request

import pytest

from tests.hub import faults
from tests.hub.neuronpedia import build_record

MODEL, SOURCE = "gemma-3-1b", "13-gemmascope-2-res-16k"
REPOSITORY, FOLDER = "google/gemma-scope-2-1b-pt", "resid_post/layer_13_width_16k_l0_medium"


@pytest.fixture
def call(neuronpedia):
    """Calls a route: status, headers and decoded body; `body` makes it a POST."""

    def call_route(route: str, body: object = None, **headers: str):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{neuronpedia.endpoint}/api{route}", data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.headers, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, error.headers, json.loads(error.read())

    return call_route


@pytest.fixture
def labelled(neuronpedia):
    """Thirty features about cats, each labelled by two models, and one of another source."""
    for index in range(30):
        labels = {"gemini-2.5-flash-lite": f"cats, sense {index}", "gpt-4o-mini": "animals"}
        neuronpedia.add(build_record(MODEL, SOURCE, index, repository=REPOSITORY, folder=FOLDER, labels=labels))
    other = {"repository": REPOSITORY, "folder": "resid_post/layer_17_width_16k_l0_medium"}
    neuronpedia.add(build_record(MODEL, "17-gemmascope-2-res-16k", 3, **other, labels={"gpt-4o-mini": "cats too"}))


def test_a_record_names_its_source_its_labels_and_their_authors(call, labelled):
    status, headers, record = call(f"/feature/{MODEL}/{SOURCE}/7")
    assert status == 200 and (record["layer"], record["index"]) == (SOURCE, "7")
    assert (record["source"]["hfRepoId"], record["source"]["hfFolderId"]) == (REPOSITORY, FOLDER)
    unscored, scored = record["explanations"]
    assert (unscored["description"], unscored["explanationModelName"]) == ("cats, sense 7", "gemini-2.5-flash-lite")
    assert unscored["scores"] == [] and scored["scores"][0]["value"] == 0.8
    assert record["vectorLabel"] is None and record["activations"][0]["dataIndex"] is None
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_fields_may_be_null_or_missing(call, neuronpedia):
    changes = {"source": None, "activations": ..., "explanations": ...}
    neuronpedia.add(build_record(MODEL, SOURCE, 1, repository=None, folder=None, **changes))
    _, _, record = call(f"/feature/{MODEL}/{SOURCE}/1")
    assert record["source"] is None and "explanations" not in record
    _, _, records = call("/features", [{"modelId": MODEL, "layer": SOURCE, "index": 1}])
    assert records[0]["activations"] == []
    assert call("/explanation/search-model", {"modelId": MODEL, "query": "cats"})[2]["results"] == []


def test_what_is_not_there_is_an_error_with_a_sentence(call, labelled):
    assert call(f"/feature/{MODEL}/{SOURCE}/31")[::2] == (404, {"error": "Feature not found"})
    assert call("/explanation/export")[0] == 404
    assert call("/features", [{"modelId": MODEL}])[::2] == (
        400,
        {"message": "modelId, layer and index are required fields"},
    )


def test_many_records_come_at_once_by_index_and_without_the_unknown(call, labelled):
    asked = [{"modelId": MODEL, "layer": SOURCE, "index": index} for index in (9, 99, 2)]
    asked[0]["maxActsToReturn"] = 1
    status, _, records = call("/features", asked)
    assert status == 200 and [record["index"] for record in records] == ["9", "2"]
    assert all(len(record["activations"]) == 1 for record in records)
    assert call("/features", [])[2] == []


def test_search_comes_in_pages_of_twenty(call, labelled):
    query = {"modelId": MODEL, "layers": [SOURCE], "query": "Cats"}
    _, _, first = call("/explanation/search", query)
    assert len(first["results"]) == first["resultsCount"] == 20 and first["hasMore"] and first["nextOffset"] == 20
    _, _, last = call("/explanation/search", query | {"offset": 20})
    assert len(last["results"]) == 10 and not last["hasMore"] and last["nextOffset"] is None
    found = first["results"][0]
    assert (found["layer"], found["index"], found["description"]) == (SOURCE, "0", "cats, sense 0")
    assert len(found["neuron"]["activations"]) == 3 and first["request"] == query


def test_search_over_a_model_takes_every_source(call, labelled):
    _, _, found = call("/explanation/search-model", {"modelId": MODEL, "query": "too"})
    assert [(result["layer"], result["index"]) for result in found["results"]] == [("17-gemmascope-2-res-16k", "3")]
    assert call("/explanation/search-model", {"modelId": "gemma-3-4b", "query": "too"})[2]["results"] == []
    assert call("/explanation/search-model", {"modelId": MODEL, "query": "to"})[0] == 400


def test_a_spent_limit_names_itself_and_spares_the_other_routes(call, labelled, neuronpedia):
    neuronpedia.limits["/api/explanation/search"] = 2
    query = {"modelId": MODEL, "query": "cats"}
    assert [call("/explanation/search-model", query)[1]["x-limit-remaining"] for _ in range(2)] == ["1", "0"]
    status, headers, body = call("/explanation/search-model", query)
    assert status == 429 and (body["endpoint"], body["limitPerWindow"]) == ("/api/explanation/search", 2)
    assert "Rate limit exceeded" in body["error"] and headers["x-limit-remaining"] is None
    assert call(f"/feature/{MODEL}/{SOURCE}/7")[0] == 200
    neuronpedia.used.clear()
    assert call("/explanation/search-model", query)[0] == 200


def test_faults_and_the_log_are_those_of_the_hub(call, labelled, neuronpedia):
    neuronpedia.fail("/api/feature/*", faults.ServerError(500))
    neuronpedia.fail("/api/feature/*", faults.HtmlPage())
    for _ in range(2):
        with pytest.raises(json.JSONDecodeError):
            call(f"/feature/{MODEL}/{SOURCE}/7")
    assert call(f"/feature/{MODEL}/{SOURCE}/7", **{"x-api-key": "np_secret"})[0] == 200
    assert [request.status for request in neuronpedia.requests] == [500, 200, 200]
    assert [request.authorized for request in neuronpedia.requests] == [False, False, True]
    assert "np_secret" not in repr(neuronpedia.requests)
