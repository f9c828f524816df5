"""Neuronpedia's labels: only of this very dictionary, asked for once, and never needed."""

import json

import pytest

import gscope_widgets as gs
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.neuronpedia import Address, find_address
from gscope_widgets.runtime.features import neuronpedia as module
from gscope_widgets.runtime.features.neuronpedia import Neuronpedia
from tests.hub import faults
from tests.hub.fixtures import hub, neuronpedia
from tests.hub.neuronpedia import build_record

__all__ = ["hub", "neuronpedia"]

REPOSITORY, FOLDER = "google/gemma-scope-2-1b-pt", "resid_post/layer_13_width_16k_l0_medium"
ADDRESS = Address("gemma-3-1b", "13-gemmascope-2-res-16k", REPOSITORY, FOLDER)


@pytest.fixture
def client(hub, neuronpedia):
    """A client of the server here, with a cache of its own (`hub` moves HF_HOME)."""
    return Neuronpedia(base=neuronpedia.endpoint)


def add(server, index=7, *, labels=None, repository=REPOSITORY, folder=FOLDER, **changes):
    labels = {"gemini-2.5-flash-lite": "cats and\n kittens", "gpt": "felines"} if labels is None else labels
    server.add(
        build_record(
            ADDRESS.model, ADDRESS.source, index, repository=repository, folder=folder, labels=labels, **changes
        )
    )


def info(path):
    return DictionaryInfo(path, "sae", path.split("/")[1], (1,), "16k", 5, "medium", None, False, 1)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("gemma-scope-2-1b-pt/resid_post/layer_13_width_16k_l0_medium", ("gemma-3-1b", "13-gemmascope-2-res-16k")),
        ("gemma-scope-2-27b-it/resid_post/layer_40_width_1m_l0_medium", ("gemma-3-27b-it", "40-gemmascope-2-res-1m")),
        ("gemma-scope-2-4b-it/transcoder_all/layer_9_width_262k_l0_small_affine", ("gemma-3-4b-it", "9-gemmascope-2-transcoder-262k")),
        ("gemma-scope-2-1b-pt/resid_post_all/layer_13_width_16k_l0_small", None),
        ("gemma-scope-2-1b-pt/resid_post/layer_13_width_16k_l0_big", None),
        ("gemma-scope-2-1b-pt/resid_post/layer_13_width_262k_l0_medium_seed_1", None),
        ("gscope-mini-pt/resid_post/layer_4_width_1k_l0_medium", None),
    ],
)  # fmt: skip
def test_ids_follow_the_folder_and_other_suites_have_none(path, expected):
    address = find_address(path)
    assert (address and (address.model, address.source)) == expected
    if address:
        assert f"{address.repository}/{address.folder}" == f"google/{path}"


def test_a_label_comes_with_its_author_and_score_and_is_asked_for_once(neuronpedia, client):
    add(neuronpedia)
    labels = client.labels(ADDRESS, 7)
    assert [(label.text, label.author, label.score, label.source) for label in labels] == [
        ("cats and kittens", "gemini-2.5-flash-lite", None, "Neuronpedia"),
        ("felines", "gpt", 0.8, "Neuronpedia"),
    ]
    neuronpedia.forget()
    assert client.labels(ADDRESS, 7) == labels
    assert Neuronpedia(base="http://127.0.0.1:9").labels(ADDRESS, 7) == labels
    assert neuronpedia.requests == []
    assert client.kept_labels(ADDRESS) == {7: labels}


@pytest.mark.parametrize(
    "changes",
    [
        {"repository": "google/gemma-scope-2-1b-it"},
        {"folder": "resid_post_all/layer_13_width_16k_l0_small"},
        {"source": None},
        {"source": ...},
        {"source": "x"},
    ],
)
def test_a_record_of_another_dictionary_gives_no_label(neuronpedia, client, changes):
    add(neuronpedia, **changes)
    assert client.labels(ADDRESS, 7) == ()
    assert client.search(ADDRESS, "cats") == []
    assert client.kept_labels(ADDRESS) in ({}, {7: ()})


@pytest.mark.parametrize("explanations", [None, ..., [], [None, {"description": None}, {"description": 5}], "x"])
def test_missing_and_null_fields_are_no_labels(neuronpedia, client, explanations):
    add(neuronpedia, explanations=explanations)
    assert client.labels(ADDRESS, 7) == ()


def test_a_feature_that_is_not_there_has_no_label_and_is_not_asked_for_again(neuronpedia, client):
    assert client.labels(ADDRESS, 9) == ()
    neuronpedia.forget()
    assert client.labels(ADDRESS, 9) == ()
    assert neuronpedia.requests == []


def test_a_search_gives_features_of_this_dictionary(neuronpedia, client):
    for index in (3, 7):
        add(neuronpedia, index)
    assert {(hit.feature, hit.label.text) for hit in client.search(ADDRESS, "kittens")} == {
        (3, "cats and kittens"),
        (7, "cats and kittens"),
    }
    neuronpedia.forget()
    client.search(ADDRESS, "kittens")
    assert neuronpedia.requests == []


def test_queries_that_look_alike_have_answers_of_their_own(neuronpedia, client):
    add(neuronpedia, 3, labels={"a": "c++ code"})
    add(neuronpedia, 4, labels={"a": "c## chords"})
    assert [hit.feature for hit in client.search(ADDRESS, "c++")] == [3]
    assert [hit.feature for hit in client.search(ADDRESS, "c##")] == [4]


@pytest.mark.parametrize("base", ["neuronpedia.org", "file:///etc", "ftp://x"])
def test_an_address_of_another_kind_is_refused(base):
    with pytest.raises(gs.InvalidValue, match="NEURONPEDIA_URL must be an address with https://"):
        Neuronpedia(base=base)


def test_after_a_refusal_it_is_left_alone_for_an_hour(neuronpedia, client, monkeypatch):
    add(neuronpedia, labels={"a": "first second third fourth"})
    neuronpedia.limits["/api/explanation/search"] = 1
    client.search(ADDRESS, "first")
    neuronpedia.forget()
    with pytest.raises(gs.Offline, match="too many requests"):
        client.search(ADDRESS, "second")
    with pytest.raises(gs.Offline, match="within the hour"):
        client.search(ADDRESS, "third")
    assert len(neuronpedia.requests) <= 1
    monkeypatch.setattr(module.time, "time", lambda real=module.time.time: real() + 3700)
    neuronpedia.used.clear()
    client.search(ADDRESS, "fourth")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (faults.ServerError(503), "Neuronpedia answered 503; try again in a few minutes"),
        (faults.Busy(5), "Neuronpedia answered 429; try again within the hour"),
        (faults.HtmlPage(), "no answer of its own"),
        (faults.Silence(), "cannot be reached"),
        (faults.Cut(20), "cannot be reached|no answer of its own"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_goes_wrong_is_a_sentence_and_a_kept_answer_serves(neuronpedia, client, monkeypatch, fault, sentence):
    if isinstance(fault, faults.Silence):
        monkeypatch.setattr(module, "_TIMEOUT_S", 0.3)
    add(neuronpedia)
    neuronpedia.fail("*", fault, times=None)
    with pytest.raises(gs.Offline, match=sentence):
        client.labels(ADDRESS, 7)
    neuronpedia.heal()
    client._resting_until.clear()
    labels = client.labels(ADDRESS, 7)
    monkeypatch.setattr(module, "KEPT_S", -1.0)
    neuronpedia.close()
    assert client.labels(ADDRESS, 7) == labels


def test_offline_mode_asks_nothing(neuronpedia, client, monkeypatch):
    monkeypatch.setattr(module.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(gs.Offline, match="HF_HUB_OFFLINE"):
        client.labels(ADDRESS, 7)
    assert neuronpedia.requests == []


def test_hostile_labels_are_plain_text_of_bounded_length(neuronpedia, client):
    add(neuronpedia, labels={"<b>": "<script>alert(1)</script> " + "x" * 10_000})
    (label,) = client.labels(ADDRESS, 7)
    assert label.text.startswith("<script>alert(1)</script> xx")
    assert len(label.text) == 300


@pytest.mark.parametrize("content", ["", "{", "[]", '{"asked": 1}', '{"asked": "x", "answer": {}}', "[" * 50_000])
def test_a_damaged_cache_counts_as_none(neuronpedia, client, content):
    add(neuronpedia)
    client.labels(ADDRESS, 7)
    (path,) = client._folder.rglob("7.json")
    path.write_text(content)
    assert client.labels(ADDRESS, 7)
    assert json.loads(path.read_text())["answer"]["index"] == "7"
