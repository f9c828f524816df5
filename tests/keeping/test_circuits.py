"""Graphs as JSON: the same again from a file of ours, others' forms read, what is none told in words."""

import copy
import json
import os
import re
import time
import warnings
from dataclasses import fields, replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.keeping import circuits
from gscope_widgets.keeping.circuit_reading import MOST_NODES
from gscope_widgets.keeping.circuit_writing import build_json, pair
from gscope_widgets.records.circuits import ERROR, FEATURE, TARGET
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.provenance import Provenance
from tests.fake_circuits import build_circuit
from tests.fake_model import tokenize

# What Neuronpedia's viewer asks of a file, by its published schema.
NODE = {
    "type": "object",
    "required": ["node_id", "feature", "layer", "ctx_idx", "feature_type", "jsNodeId", "clerp"],
    "properties": {
        "node_id": {"type": "string"},
        "feature": {"type": ["integer", "null"]},
        "layer": {"type": ["string", "integer"]},
        "ctx_idx": {"type": "integer"},
        "feature_type": {"enum": ["cross layer transcoder", "mlp reconstruction error", "embedding", "logit"]},
        "jsNodeId": {"type": "string"},
        "clerp": {"type": "string"},
        "influence": {"type": ["number", "null"], "minimum": 0, "maximum": 1.0001},
        "activation": {"type": ["number", "null"]},
    },
}
SCHEMA = {
    "type": "object",
    "required": ["metadata", "qParams", "nodes", "links"],
    "properties": {
        "metadata": {
            "type": "object",
            "required": ["slug", "scan", "prompt_tokens", "prompt"],
            "properties": {
                "slug": {"type": "string", "pattern": "^[A-Za-z0-9_.-]+$"},
                "scan": {"type": "string", "pattern": "^[A-Za-z0-9_.-]+$"},
                "prompt": {"type": "string"},
                "prompt_tokens": {"type": "array", "items": {"type": "string"}},
                "feature_details": {"properties": {"neuronpedia_source_set": {"type": "string"}}},
                "node_threshold": {"type": "number"},
            },
        },
        "nodes": {"type": "array", "items": NODE},
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["source", "target", "weight"],
                "properties": {
                    "source": {"type": "string"},
                    "target": {"type": "string"},
                    "weight": {"type": "number"},
                },
            },
        },
    },
}


@pytest.fixture(scope="module")
def graph():
    whole = build_circuit(tokenize("The old cat sang and", chat=False), None, 1000)
    return replace(whole, labels={**whole.labels, 40: FeatureLabel("a <b>guess</b>", "somebody", score=0.5)})


@pytest.fixture
def small(graph):
    return graph.prune(0.6, 0.9)


@pytest.mark.row("10")
def test_a_file_gives_the_same_graph_again(graph, small, tmp_path):
    odd = build_circuit(tokenize("A 🙂 red\ncat", chat=False), " fish", 100)
    chat = build_circuit(tokenize([{"role": "user", "content": "The old cat"}], chat=True), " fish", 100)
    for one in (graph, small, odd, chat):
        gs.save_circuit(tmp_path / "graph.json", one)
        found = gs.load_circuit(tmp_path / "graph.json")
        for field in fields(one):
            expected, value = getattr(one, field.name), getattr(found, field.name)
            if isinstance(expected, np.ndarray):
                np.testing.assert_allclose(value, expected, rtol=1e-6)
            elif field.name == "targets":
                assert [(t.name, t.ids, t.probability) for t in value] == [
                    (t.name, t.ids, t.probability) for t in expected
                ]
            else:
                assert value == expected, field.name
        assert found.scores() == one.scores()
    assert odd.tokens.glyphs and chat.tokens.turns  # so that these are there to be lost


def test_a_cross_layer_transcoders_features_are_numbered_within_their_layer(tmp_path):
    scope = gs.load("mini")
    clt = scope.dictionary("clt")
    graph = gs.circuit(scope, "The old fisherman sold two", dictionaries=clt).prune()
    share = clt.d_dict // len(clt.info.layers)
    content = build_json(graph)
    for node in content["nodes"]:
        if node["feature_type"] == "cross layer transcoder":
            layer, number, _ = map(int, node["node_id"].split("_"))
            assert number < share and node["feature"] == pair(layer, number)
    gs.save_circuit(tmp_path / "graph.json", graph)
    np.testing.assert_array_equal(gs.load_circuit(tmp_path / "graph.json").numbers, graph.numbers)
    assert graph.numbers.max() > share


def test_a_real_graph_goes_through_a_file(tmp_path):
    scope = gs.load("mini")
    graph = gs.circuit(scope, "The old fisherman sold two").prune()
    gs.save_circuit(tmp_path / "graph.json", graph, slug="fish.2")
    found = gs.load_circuit(tmp_path / "graph.json")
    assert found.provenance == graph.provenance and found.labels == graph.labels
    np.testing.assert_array_equal(found.weights, graph.weights)
    assert scope.describe(found.ref(int(np.flatnonzero(found.kinds == FEATURE)[0]))).ref.dictionary_id


def test_a_file_is_what_the_viewers_ask_for(small):
    content = json.loads(json.dumps(build_json(small)))
    jsonschema.validate(content, SCHEMA)
    broken = copy.deepcopy(content)
    del broken["nodes"][3]["clerp"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SCHEMA)
    nodes = {one["node_id"]: one for one in content["nodes"]}
    assert len(nodes) == len(content["nodes"])
    assert all(link["source"] in nodes and link["target"] in nodes for link in content["links"])
    feature = next(one for one in content["nodes"] if one["feature_type"] == "cross layer transcoder")
    layer, number, pos = map(int, feature["node_id"].split("_"))
    assert (feature["layer"], feature["ctx_idx"], feature["feature"]) == (str(layer), pos, pair(layer, number))
    error = next(one for one in content["nodes"] if one["feature_type"] == "mlp reconstruction error")
    assert error["node_id"].split("_")[1] == "-1" and error["feature"] == -1
    assert [one["clerp"] for one in content["nodes"] if one["feature_type"] == "logit"] == [
        'Output " fish" (p=0.600)',
        'Output " bread" (p=0.200)',
    ]
    best = max(range(len(small)), key=lambda node: small.influence()[node])
    assert content["nodes"][best]["influence"] == min(one["influence"] for one in content["nodes"])


def test_the_viewers_slider_shows_all_at_first_and_then_what_matters_most(small, tmp_path):
    for one in (small, small.prune(0.5), gs.circuit(gs.load("mini"), "The old fisherman sold two", show=False)):
        content = build_json(one)
        least = content["metadata"]["node_threshold"]
        shown = {at: node["influence"] for at, node in enumerate(content["nodes"])}
        assert least > 0 and max(shown.values()) <= least  # their rule: what is at most the threshold
        half = [at for at, influence in shown.items() if influence <= 0.5 * least]
        influence = one.influence() / one.influence().sum()
        others = np.delete(influence, half)
        assert influence[half].sum() <= 0.5 < influence[half].sum() + others.max()
        assert min(influence[half], default=1) >= others.max()


@pytest.mark.parametrize(
    ("model", "dictionaries", "scan", "source_set"),
    [
        ("google/gemma-3-1b-pt", ["1b-pt/transcoder_all/layer_{}_width_16k_l0_small_affine"], "gemma-3-1b", "16k"),
        ("google/gemma-3-4b-it", ["4b-it/transcoder_all/layer_{}_width_262k_l0_small_affine"], "gemma-3-4b-it", "262k"),
        ("google/gemma-3-270m", ["270m-pt/transcoder_all/layer_{}_width_16k_l0_small_affine"], "gemma-3-270m", "16k"),
        ("google/gemma-3-27b-pt", ["27b-pt/transcoder_all/layer_{}_width_16k_l0_medium_affine"], "gemma-3-27b", None),
        (  # of two widths
            "google/gemma-3-12b-pt",
            [f"12b-pt/transcoder_all/layer_{{}}_width_{width}_l0_small_affine" for width in ("16k", "262k")],
            "gemma-3-12b",
            None,
        ),
        ("google/gemma-3-1b-it", ["1b-pt/transcoder_all/layer_{}_width_16k_l0_small_affine"], "gemma-3-1b-it", None),
        ("me/my-gemma-pt", ["1b-pt/clt/width_262k_l0_medium_affine"], "my-gemma-pt", None),
    ],
)
def test_a_model_and_its_dictionaries_have_the_names_that_neuronpedia_gives_them(
    small, model, dictionaries, scan, source_set
):
    """By its `np_model_to_hf.json`, and the addresses of its dashboards."""
    ids = tuple(
        f"gemma-scope-2-{dictionaries[layer % len(dictionaries)]}".format(layer) for layer in range(small.layers)
    )
    graph = replace(small, provenance=Provenance(model, "", "cpu", ""), dictionary_ids=("", *ids[1:]))
    content = build_json(graph)
    jsonschema.validate(content, SCHEMA)
    assert content["metadata"]["scan"] == scan
    expected = source_set and {"neuronpedia_source_set": f"gemmascope-2-transcoder-{source_set}"}
    assert content["metadata"].get("feature_details") == expected


def test_pairs_of_layer_and_number_are_numbered_one_to_one():
    found = {pair(layer, number) for layer in range(30) for number in range(200)}
    assert len(found) == 6000 and pair(0, 0) == 0 and pair(1, 0) == 1 and pair(0, 1) == 2


def foreign(graph, *, errors):
    """As another tool writes it: nothing of ours in it."""
    content = build_json(graph)
    del content["metadata"]["gscope_widgets"]
    names = {}
    for node in content["nodes"]:
        if node["feature_type"] == "mlp reconstruction error":
            names[node["node_id"]] = errors.format(layer=node["layer"], pos=node["ctx_idx"])
            node["node_id"] = names[node["node_id"]]
    for link in content["links"]:
        link["source"] = names.get(link["source"], link["source"])
    return content


@pytest.mark.parametrize("errors", ["0_{layer}_{pos}", "{layer}_-1_{pos}", "{layer}_error_mlp_{pos}"])
def test_all_three_forms_of_error_ids_are_read(small, tmp_path, errors):
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(foreign(small, errors=errors)))
    found = gs.load_circuit(path)
    np.testing.assert_allclose(found.weights, small.weights)
    assert (found.kinds == ERROR).sum() == (small.kinds == ERROR).sum() > 0
    np.testing.assert_array_equal(found.node_layers[found.kinds == ERROR], small.node_layers[small.kinds == ERROR])
    assert found.scores() == small.scores()
    np.testing.assert_allclose(found.values, small.weights.sum(1), rtol=1e-5)


@pytest.mark.parametrize("kind", ["plain", "clt"])
def test_a_pruned_file_of_others_keeps_the_models_depth_and_its_answers_ids(graph, tmp_path, kind):
    if kind == "clt":
        scope = gs.load("mini")
        graph = gs.circuit(scope, "The old fisherman sold two", dictionaries=scope.dictionary("clt"), show=False)
    early = graph.keep([node for node in range(len(graph)) if graph.node_layers[node] < graph.layers - 2])
    content = foreign(early, errors="{layer}_-1_{pos}")
    (tmp_path / "theirs.json").write_text(json.dumps(content))
    found = gs.load_circuit(tmp_path / "theirs.json")
    assert found.layers == graph.layers and sorted(found.ids) == sorted(early.ids)
    answer = found.ids[-1]
    assert answer.startswith(f"{graph.layers + 1}_")
    widget = gs.CircuitGraph(found)
    widget.pinned = [answer]
    assert widget.pinned == (answer,)
    widget.close()
    gs.save_circuit(tmp_path / "ours.json", found)
    saved = {one["node_id"]: one["layer"] for one in json.loads((tmp_path / "ours.json").read_text())["nodes"]}
    assert saved == {one["node_id"]: one["layer"] for one in content["nodes"]}
    for node in content["nodes"]:
        if node["feature_type"] == "logit":
            node["layer"] = "0"  # says nothing of the depth
    (tmp_path / "theirs.json").write_text(json.dumps(content))
    assert gs.load_circuit(tmp_path / "theirs.json").layers == graph.layers - 2


def test_of_an_error_that_has_a_features_id_it_is_said_which_two_those_are(small, tmp_path):
    content = foreign(small, errors="0_{layer}_{pos}")
    feature = next(one for one in content["nodes"] if one["feature_type"] == "cross layer transcoder")
    error = next(
        one for one in content["nodes"] if one["feature_type"] == "mlp reconstruction error" and one["layer"] != "0"
    )
    twin = {**feature, "node_id": error["node_id"], "layer": "0", "ctx_idx": error["ctx_idx"]}
    content["nodes"].append(twin)
    (tmp_path / "graph.json").write_text(json.dumps(content))
    layer, pos = error["layer"], error["ctx_idx"]
    words = (
        f"one id, '0_{layer}_{pos}', .*: error of layer {layer} and feature of layer 0; .* such as '{layer}_-1_{pos}'"
    )
    with pytest.raises(gs.BadArtefact, match=words):
        gs.load_circuit(tmp_path / "graph.json")
    error["node_id"] = f"{layer}_-1_{pos}"  # as it says
    content["links"] = [one for one in content["links"] if one["source"] != twin["node_id"]]
    (tmp_path / "graph.json").write_text(json.dumps(content))
    assert twin["node_id"] in gs.load_circuit(tmp_path / "graph.json").ids


def test_biases_and_attention_features_of_others_are_read(small, tmp_path):
    content = foreign(small, errors="{layer}_-1_{pos}")
    target = next(one for one in content["nodes"] if one["feature_type"] == "logit")
    feature = next(one for one in content["nodes"] if one["feature_type"] == "cross layer transcoder")
    bias = {**feature, "node_id": "bias_3", "feature_type": "bias", "feature": None}
    heads = {**feature, "node_id": f"{feature['layer']}_7_{feature['ctx_idx']}", "feature_type": "lorsa"}
    content["nodes"] += [bias, heads]
    content["links"] += [
        {"source": "bias_3", "target": target["node_id"], "weight": 2.5},
        {"source": heads["node_id"], "target": feature["node_id"], "weight": 1.5},  # of one layer: attention is first
    ]
    (tmp_path / "graph.json").write_text(json.dumps(content))
    with pytest.warns(
        gs.KeptWarning, match=rf"1 node \('{heads['node_id']}'\) of attention, .* an MLP's, and saved as such"
    ):
        found = gs.load_circuit(tmp_path / "graph.json")
    assert len(found) == len(small) + 1
    assert found.remainder[int(np.flatnonzero(found.kinds[found.first_row :] == TARGET)[0])] == 2.5


def test_a_graph_with_attention_features_is_saved_and_read_again(small, tmp_path):
    """Their types are no part of the graph: their places before the MLP of their layer are kept."""
    content = foreign(small, errors="{layer}_-1_{pos}")
    features = [one for one in content["nodes"] if one["feature_type"] == "cross layer transcoder"]
    first = features[0]
    numbers = [int(one["node_id"].split("_")[1]) for one in features]
    heads = {**first, "node_id": f"{first['layer']}_{max(numbers) + 1}_{first['ctx_idx']}", "feature_type": "lorsa"}
    content["nodes"].append(heads)
    content["links"].append({"source": heads["node_id"], "target": first["node_id"], "weight": 1.5})
    (tmp_path / "theirs.json").write_text(json.dumps(content))
    with pytest.warns(gs.KeptWarning, match="of attention"):
        graph = gs.load_circuit(tmp_path / "theirs.json")
    gs.save_circuit(tmp_path / "ours.json", graph)
    kept = json.loads((tmp_path / "ours.json").read_text())
    kept["nodes"].reverse()  # in whatever order they stand there
    (tmp_path / "turned.json").write_text(json.dumps(kept))
    for name in ("ours", "turned"):
        found = gs.load_circuit(tmp_path / f"{name}.json")
        assert found.ids == graph.ids and found.ids.index(heads["node_id"]) < found.ids.index(first["node_id"])
        np.testing.assert_array_equal(found.weights, graph.weights)


def test_of_two_nodes_of_one_layer_number_and_position_each_keeps_its_id(small, tmp_path):
    """Those of attention and of an MLP: however the graph is pruned, and in files of what is left."""
    content = foreign(small, errors="{layer}_-1_{pos}")
    feature = next(one for one in content["nodes"] if one["feature_type"] == "cross layer transcoder")
    heads = {**feature, "node_id": f"{feature['node_id']}_heads", "feature_type": "lorsa"}
    content["nodes"].append(heads)
    content["links"] += [
        {**one, "source": heads["node_id"]} for one in content["links"] if one["source"] == feature["node_id"]
    ]
    (tmp_path / "graph.json").write_text(json.dumps(content))
    with pytest.warns(gs.KeptWarning, match="of attention"):
        whole = gs.load_circuit(tmp_path / "graph.json")
    first, second = whole.find(whole.ref(whole.locate(feature["node_id"])), pos=feature["ctx_idx"])
    assert (whole.ids[first], whole.ids[second]) == (feature["node_id"], f"{feature['node_id']}_2")
    others = [node for node in range(len(whole)) if node != first]
    left = whole.keep(others)
    assert left.ids == tuple(whole.ids[node] for node in others)
    again = replace(left, pinned=(left.locate(whole.ids[second]),)).keep(range(len(left)))
    assert again.ids == left.ids and again.ids[again.pinned[0]] == whole.ids[second]
    gs.save_circuit(tmp_path / "left.json", left)
    assert gs.load_circuit(tmp_path / "left.json").ids == left.ids


@pytest.mark.skipif("GSCOPE_GRAPH" not in os.environ, reason="GSCOPE_GRAPH names a graph that Neuronpedia made")
def test_a_graph_that_neuronpedia_made_is_read_and_drawn(tmp_path):
    content = json.loads(Path(os.environ["GSCOPE_GRAPH"]).read_text())
    nodes = {one["node_id"]: one for one in content["nodes"] if one["feature_type"] != "bias"}
    found = gs.load_circuit(os.environ["GSCOPE_GRAPH"])
    assert len(found) == len(nodes)
    for kind, word in ((ERROR, "error"), (FEATURE, "cross layer transcoder"), (TARGET, "logit")):
        assert (found.kinds == kind).sum() == sum(word in one["feature_type"] for one in nodes.values())
    rows = found.kinds >= FEATURE
    assert {one for one, keep in zip(found.ids, rows, strict=True) if keep} == {
        name for name, one in nodes.items() if one["feature_type"] in ("cross layer transcoder", "logit")
    }
    assert found.layers == max(int(one["layer"]) for one in nodes.values() if one["feature_type"] == "logit") - 1
    listed = sorted(one["weight"] for one in content["links"] if one["source"] in nodes and one["weight"])
    np.testing.assert_allclose(np.sort(found.weights[found.weights != 0]), listed, rtol=1e-6)
    for link in content["links"][:1000]:
        if link["source"] in found.places:  # errors may have ids of an older form
            row = found.places[link["target"]] - found.first_row
            assert found.weights[row, found.places[link["source"]]] == pytest.approx(link["weight"], rel=1e-6)
    widget = gs.CircuitGraph(found)
    assert set(widget.to_frame()["id"]) <= set(found.ids) and len(widget.to_frame()) > 10
    assert all(one.name.strip() in widget.to_html() for one in found.targets[:1])
    found.prune().plot().savefig(tmp_path / "graph.png")
    gs.save_circuit(tmp_path / "ours.json", found)
    assert gs.load_circuit(tmp_path / "ours.json").ids == found.ids
    widget.close()


def spoilt(content, change):
    spoilt = copy.deepcopy(content)
    change(spoilt)
    return json.dumps(spoilt)


@pytest.mark.row("10")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda one: one["links"].append(
                {"source": one["links"][-1]["target"], "target": one["links"][-1]["target"], "weight": 1}
            ),
            "backwards",
        ),
        (lambda one: one["links"][0].update(target=one["nodes"][0]["node_id"]), "which has no input"),
        (lambda one: one["links"][0].update(weight=float("nan")), "NaN"),
        (lambda one: one["links"][0].update(weight="1"), r"weight '1', a text where a number is wanted"),
        (lambda one: one["links"][0].pop("weight"), "link 0 has no 'weight'"),
        (lambda one: one["links"].append(one["links"][0]), "two links go from"),
        (lambda one: one["links"].insert(0, 5), "link 0 is a number, not an object"),
        (lambda one: one.update(links={"a": 1}), "'links' of it is an object, not a list"),
        (lambda one: one["nodes"][2].pop("ctx_idx"), "has no 'ctx_idx'"),
        (lambda one: one["nodes"][-1].update(layer="top"), "the 'layer' of node .* is 'top', no whole number"),
        (lambda one: one["nodes"][-1].update(token_prob="0.5"), "'token_prob' of node .* a text where a number"),
        (lambda one: one["metadata"].update(gscope_widgets={"tokens": {"text": 5}}), "tokens in its metadata are not"),
        (lambda one: one["links"][0].update(weight=1e300), r"weighs 1e\+300"),
        (lambda one: one["links"][0].update(source="nobody"), r"link 0, from 'nobody' to .* is of no node.*'nobody'"),
        (lambda one: one["nodes"][2].update(ctx_idx=99), "position 99 of"),
        (lambda one: one["nodes"].append(one["nodes"][0]), "one id"),
        (lambda one: one.update(nodes=one["nodes"][:1] * (MOST_NODES + 1)), "at most 10000 are read"),
        (lambda one: one.pop("nodes"), "it has no 'nodes'"),
        (lambda one: one["nodes"][0].update(feature_type="<img src=x>"), "of the type '<img src=x>', none of"),
        (lambda one: one.update(nodes=[n for n in one["nodes"] if n["feature_type"] != "logit"], links=[]), "targets"),
        (lambda one: one["nodes"][-1].update(layer=10**9), "has layer"),
        (lambda one: one["metadata"].update(gscope_widgets={"layers": 3_000_000}), "of 3000000 layers"),
        (lambda one: one["metadata"].update(prompt_tokens=["a"] * 20_000), "20000 tokens"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hostile_file_is_answered_in_words(small, tmp_path, change, words):
    path = tmp_path / "graph.json"
    path.write_text(spoilt(foreign(small, errors="{layer}_-1_{pos}"), change))
    with pytest.raises(gs.BadArtefact, match=words) as raised:
        gs.load_circuit(path)
    assert "get it again" in str(raised.value) and len(str(raised.value)) < 700


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one["glyphs"].append([0, 2**31, "x"]),  # a list of so many would be made of it
        lambda one: one["ignored"].append([10**9, "x"]),
        lambda one: one["ids"].__setitem__(1, "5"),
        lambda one: one["strings"].pop(),
        lambda one: one.update(more=1),
    ],
)
def test_tokens_that_cannot_be_are_refused(graph, tmp_path, change):
    path = tmp_path / "graph.json"
    gs.save_circuit(path, graph)
    content = json.loads(path.read_text())
    change(content["metadata"]["gscope_widgets"]["tokens"])
    path.write_text(json.dumps(content))
    with pytest.raises(gs.BadArtefact, match="tokens in its metadata are not as gs.save_circuit writes them"):
        gs.load_circuit(path)


def test_half_characters_in_a_file_become_signs_that_a_page_takes(graph, tmp_path):
    path = tmp_path / "graph.json"
    gs.save_circuit(path, replace(graph, provenance=Provenance("a \ud800 b \U0001f642", "", "cpu", "")))
    found = gs.load_circuit(path)
    assert found.provenance.model == "a \ufffd b \U0001f642"
    json.dumps(gs.CircuitGraph(found).get_state(), ensure_ascii=False, default=str).encode()


def test_a_feature_beyond_its_cross_layer_transcoder_is_refused(tmp_path):
    scope, path = gs.load("mini"), tmp_path / "graph.json"
    graph = gs.circuit(scope, "The cat sat", dictionaries=scope.dictionary("clt")).prune(0.5)
    gs.save_circuit(path, graph)
    last = max(node for node in range(len(graph)) if graph.kinds[node] == FEATURE)
    layer, _, pos = graph.ids[last].split("_")
    for number in (256, 2**31 - 1):
        (tmp_path / "other.json").write_text(
            path.read_text().replace(f'"{graph.ids[last]}"', f'"{layer}_{number}_{pos}"')
        )
        with pytest.raises(gs.BadArtefact, match="is of a CLT of 256 features a layer"):
            gs.load_circuit(tmp_path / "other.json")


def test_what_is_no_graph_is_neither_read_nor_written_over(graph, tmp_path):
    for content, words in (
        (b"", "its JSON breaks off or is none: .*line 1 column 1"),
        (b"{}", "it has no 'nodes'"),
        (b"[1, 2]", "it is a list, not an object with 'nodes'"),
        (b"\x80\x04pickle", "no graph"),
        (b'{"metadata": {}, "metadata": {}}', "two parts"),
    ):
        path = tmp_path / "some.json"
        path.write_bytes(content)
        with pytest.raises(gs.BadArtefact, match=words):
            gs.load_circuit(path)
    for other in (
        "notes",
        '{"metadata": {}, "cells": [], "nbformat": 4}',
        '{"metadata": {"slug": "a"}, "important": 1}',
    ):
        path.write_text(other)
        with pytest.raises(gs.InvalidValue, match="is no circuit"):
            gs.save_circuit(path, graph)
        assert path.read_text() == other
    with pytest.raises(gs.InvalidValue, match="slug must be a text"):
        gs.save_circuit(tmp_path / "graph.json", graph, slug=5)
    with pytest.raises(gs.InvalidValue, match="there is no file"):
        gs.load_circuit(tmp_path / "none.json")
    with pytest.raises(gs.InvalidValue, match=r"is a folder; give the graph's file in it"):
        gs.load_circuit(tmp_path)
    with pytest.raises(gs.InvalidValue, match="slug must be"):
        gs.save_circuit(tmp_path / "graph.json", graph, slug="../up")
    for target, words in (
        ((" fish", " bread"), "is a difference of two: keep it with"),
        ((gs.load("mini").dictionary().feature(3), 2), r"is a feature: keep it .*scope\.recording"),
    ):
        with pytest.raises(gs.InvalidValue, match=words):
            gs.save_circuit(tmp_path / "graph.json", build_circuit(graph.tokens, target, 100))
    with pytest.raises(gs.InvalidValue, match=r"from gs\.circuit"):
        gs.save_circuit(tmp_path / "graph.json", "graph")


def test_a_pipe_is_neither_waited_for_nor_written_over(graph, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(gs.InvalidValue, match="is there already and is no circuit"):
        gs.save_circuit(tmp_path / "pipe", graph)
    with pytest.raises(gs.InvalidValue, match="there is no file"):
        gs.load_circuit(tmp_path / "pipe")


def test_html_in_a_label_stays_text(small, tmp_path):
    content = foreign(small, errors="{layer}_-1_{pos}")
    feature = next(one for one in content["nodes"] if one["feature_type"] == "cross layer transcoder")
    feature["clerp"] = "<img src=x onerror=alert(1)>" * 100
    (tmp_path / "graph.json").write_text(json.dumps(content))
    labels = gs.load_circuit(tmp_path / "graph.json").labels
    assert any(one.text.startswith("<img") and len(one.text) <= 500 for one in labels.values())


def test_features_without_an_activation_go_through_files_and_are_not_changed(small, tmp_path):
    content = foreign(small, errors="{layer}_-1_{pos}")
    for node in content["nodes"]:
        node["activation"] = None
    (tmp_path / "graph.json").write_text(json.dumps(content))
    found = gs.load_circuit(tmp_path / "graph.json")
    gs.save_circuit(tmp_path / "again.json", found)
    assert np.isnan(gs.load_circuit(tmp_path / "again.json").activations).all()


def test_long_hostile_files_are_read_or_refused_in_a_moment(small, tmp_path):
    content = foreign(small, errors="{layer}_-1_{pos}")
    content["metadata"] |= {
        "prompt": "a" * 1_000_000,
        "prompt_tokens": content["metadata"]["prompt_tokens"] + ["ab"] * 9000,
    }
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(content))
    start = time.process_time()
    gs.load_circuit(path)
    path.write_text("{" + ",".join(f'"k{at}":0' for at in range(200_000)) + ',"z":0,"z":1}')
    with pytest.raises(gs.BadArtefact, match="two parts are named 'z'"):
        gs.load_circuit(path)
    assert time.process_time() - start < 20  # it took minutes, square in the names


@pytest.mark.parametrize("name", ["x" * 300 + ".json", "\ud800.json"])
def test_a_name_that_no_file_can_have_is_told(graph, tmp_path, name):
    for ask, words in (
        (lambda: gs.save_circuit(tmp_path / name, graph), "no file can have the name"),
        (lambda: gs.load_circuit(tmp_path / name), "there is no file"),
    ):
        with pytest.raises(gs.InvalidValue, match=words) as raised:
            ask()
        str(raised.value).encode()  # it can be shown


@pytest.mark.parametrize("name", ["a" * 250, "\U0001f642" * 62])
def test_the_longest_names_are_taken(graph, tmp_path, name):
    gs.save_circuit(tmp_path / f"{name}.json", graph)
    assert len(gs.load_circuit(tmp_path / f"{name}.json")) == len(graph)
    assert [one.name for one in tmp_path.iterdir()] == [f"{name}.json"]


def test_a_file_from_elsewhere_names_its_model_and_what_wrote_it(small, tmp_path):
    content = build_json(small)
    del content["metadata"]["gscope_widgets"]
    content["metadata"] |= {"scan": "gemma-3-1b", "info": {"generator": {"name": "circuit-tracer", "version": "0.5.0"}}}
    (tmp_path / "graph.json").write_text(json.dumps(content))
    origin = gs.load_circuit(tmp_path / "graph.json").provenance
    assert (origin.model, origin.versions) == ("gemma-3-1b", {"circuit-tracer": "0.5.0"})
    for made in ({}, {"generator": None}, {"generator": "me"}, None):
        content["metadata"]["info"] = made
        (tmp_path / "graph.json").write_text(json.dumps(content))
        assert gs.load_circuit(tmp_path / "graph.json").provenance.versions == {}


def test_a_graph_of_too_many_edges_is_refused_before_it_is_written(graph, tmp_path, monkeypatch):
    monkeypatch.setattr(circuits, "build_json", lambda *_, **__: pytest.fail("written all the same"))
    edges = np.count_nonzero(graph.weights)
    monkeypatch.setattr(circuits, "MOST_BYTES", 48 * edges - 1)
    with pytest.raises(gs.InvalidValue, match=f"{edges:,} edges.*prune"):
        gs.save_circuit(tmp_path / "graph.json", graph)
    content = json.dumps(build_json(graph), separators=(",", ":"))
    links = content[content.index('"links":') :]
    assert 48 * edges < len(links)  # so none is refused that would have had room


def test_a_graph_of_more_nodes_than_are_read_is_not_written(graph, tmp_path, monkeypatch):
    monkeypatch.setattr(circuits, "MOST_NODES", len(graph) - 1)
    with pytest.raises(gs.InvalidValue, match=f"has {len(graph):,} nodes, above .*prune"):
        gs.save_circuit(tmp_path / "graph.json", graph)
    monkeypatch.setattr(circuits, "MOST_NODES", len(graph))
    gs.save_circuit(tmp_path / "graph.json", graph)


def test_as_many_pins_and_groups_are_read_as_a_widget_keeps_each_with_a_name_of_its_own(graph, tmp_path):
    content = build_json(graph)
    ids = [node["node_id"] for node in content["nodes"]]
    content["qParams"]["pinnedIds"] = ids
    listed = [["a", ids[0]], ["a", ids[1]], ["  ", ids[2]], ["", ids[3]], ["a" * 80, ids[4]], ["a" * 90, ids[5]]]
    content["qParams"]["supernodes"] = listed
    place = tmp_path / "graph.json"
    place.write_text(json.dumps(content))
    found = gs.load_circuit(place)
    assert len(found.pinned) == 100 < len(ids)
    names = [one.label for one in found.groups]
    assert names == ["a", "a 2", "group", "group 2", "a" * 60, f"{'a' * 56} 2"]
    assert [one.nodes for one in found.groups] == [(at,) for at in range(6)]
    content["qParams"]["supernodes"] = [[f"one {at}", name] for at, name in enumerate(ids[:70])]
    place.write_text(json.dumps(content))
    assert len(gs.load_circuit(place).groups) == 50
    content["qParams"]["supernodes"] = [["many", *ids[:101]], ["few", ids[0]]]
    place.write_text(json.dumps(content))
    assert [one.label for one in gs.load_circuit(place).groups] == ["few"]


def edit(graph, place, change):
    """The graph of a file of ours in which somebody changed something, and what is told of that."""
    content = json.loads(json.dumps(build_json(graph)))
    change(content)
    place.write_text(json.dumps(content))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = gs.load_circuit(place)
    assert all(one.category is gs.KeptWarning and one.filename == __file__ for one in told) and len(told) < 2
    return found, str(told[0].message) if told else ""


def drop_node(content):
    name = next(one["node_id"] for one in content["nodes"] if one["feature_type"] == "cross layer transcoder")
    content["nodes"] = [one for one in content["nodes"] if one["node_id"] != name]
    content["links"] = [one for one in content["links"] if name not in (one["source"], one["target"])]


def shorten(content, **edit):
    """As files were written early, with three numbers a sum; and then edited."""
    for numbers in content["metadata"]["gscope_widgets"]["sums"].values():
        numbers.pop()
    content["links"][0].update(edit)


@pytest.mark.row("10")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: None, ""),
        (shorten, ""),
        (lambda one: shorten(one, weight=99), r"edges and sums of 1 node \(.*\) do not add up; .* is now in left_out"),
        (lambda one: one["links"][0].update(weight=99), r"sums of 1 node \(.*\) were changed; .* is now in left_out"),
        (lambda one: one["links"].pop(0), "1 node .* is now in left_out"),
        (drop_node, "a sum stands there of 1 id .* no feature or target has; .* now in left_out"),
        (
            lambda one: [one["metadata"]["gscope_widgets"]["sums"].popitem() for _ in range(2)],
            "2 nodes .* without a sum, whose edges' sum is taken for the value",
        ),
        (lambda one: next(iter(one["metadata"]["gscope_widgets"]["sums"].values())).__setitem__(0, 50.0), "1 node"),
        (lambda one: next(iter(one["metadata"]["gscope_widgets"]["sums"].values())).__setitem__(3, 50.0), "1 node"),
    ],
    ids=["nothing", "early", "early weight", "weight", "link", "node", "sums", "value", "gap"],
)
def test_sums_hold_whatever_was_changed_in_a_file(small, tmp_path, change, words):
    off = np.linspace(-0.05, 0.05, len(small.values)).astype(np.float32)  # as a bfloat16 model's sums are
    rounded = replace(small, values=small.weights.sum(1) + small.remainder + small.left_out + off)
    found, told = edit(rounded, tmp_path / "graph.json", change)
    assert re.search(words, told) and bool(told) == bool(words)
    assert not ("were changed" in told and "do not add up" in told)
    gaps = found.values - (found.weights.sum(1) + found.remainder + found.left_out)
    assert np.abs(gaps).max() < 0.0501
    if not words:
        np.testing.assert_array_equal(found.left_out, small.left_out)


@pytest.mark.parametrize("change", [lambda one: None, shorten], ids=["four", "early"])
def test_sums_that_nobody_is_known_to_have_changed_are_said_not_to_add_up(small, tmp_path, change):
    off = np.zeros(len(small.values), np.float32)
    off[0] = 0.5 * np.abs(small.values).max()  # more than rounding
    found, told = edit(replace(small, values=small.values + off), tmp_path / "graph.json", change)
    assert "edges and sums of 1 node" in told and "do not add up" in told and "changed" not in told
    assert found.left_out[0] - small.left_out[0] == pytest.approx(off[0], rel=1e-3)


@pytest.mark.parametrize(
    ("marks", "words", "kept"),
    [
        ({"pinnedIds": ["{0}", "9_9_9"]}, "pins 1 id .'9_9_9'. that no node has", ((0,), ())),
        ({"pinnedIds": "{0}, {1}"}, "", ((0, 1), ())),
        ({"pinnedIds": 5}, "pinnedIds is 5, no list", ((), ())),
        ({"pinnedIds": [5, "<b>"] * 2}, r"4 ids \(5, '<b>', 5 and 1 more\)", ((), ())),
        ({"supernodes": [["a", "{0}", "{1}"], ["b", "{1}", "{2}"]]}, "1 id .* in two groups", ((), ((0, 1), (2,)))),
        ({"supernodes": [["a", "{0}"], ["b", "{0}"]]}, "1 group .'b'. without a node", ((), ((0,),))),
        ({"supernodes": [["a", "no", "{0}"]]}, "in its groups 1 id .'no'. that no node has", ((), ((0,),))),
        ({"supernodes": [["a" * 100_000, "{0}"]]}, r"1 label \('a+\.\.\.\) cut to 60 characters", ((), ((0,),))),
        ({"supernodes": [["a", "{0}"], ["a", "{1}"]]}, "1 label .'a'. of another group too", ((), ((0,), (1,)))),
        ({"supernodes": [{"label": "a"}, 3]}, "2 parts .* that are no lists", ((), ())),
        ({"supernodes": "[]"}, "supernodes is '..', no list", ((), ())),
        ([], "", ((), ())),
        ([1], r"qParams is \[1\], no object", ((), ())),
    ],
)
def test_pins_and_groups_that_cannot_be_kept_are_named(graph, tmp_path, marks, words, kept):
    ids = [node["node_id"] for node in build_json(graph)["nodes"]]
    written = json.loads(re.sub(r"\{(\d)\}", lambda found: ids[int(found[1])], json.dumps(marks)))
    found, told = edit(graph, tmp_path / "graph.json", lambda one: one.update(qParams=written or None))
    assert re.search(words, told) and bool(told) == bool(words) and len(told) < 500
    assert (found.pinned, tuple(one.nodes for one in found.groups)) == kept


@pytest.mark.parametrize("part", ["label", "whole"])
def test_a_score_that_is_no_number_is_refused(graph, tmp_path, part):
    content = build_json(graph.prune())
    own = content["metadata"]["gscope_widgets"]
    if part == "label":
        next(iter(own["labels"].values()))["auc"] = "nan"
    else:
        own["whole"]["replacement"] = "inf"
    (tmp_path / "graph.json").write_text(json.dumps(content))
    with pytest.raises(gs.BadArtefact, match="score"):
        gs.load_circuit(tmp_path / "graph.json")
