"""Edges head by head: beside a plain pass in which each head is cut out for real."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import gscope_widgets as gs
from gscope_widgets.records.circuits import ERROR, FEATURE, TARGET, TOKEN
from gscope_widgets.runtime.gemma import loading
from tests.hub.gemma import write_gemma
from tests.hub.geometry import reduce_geometry
from tests.runtime.circuits.frozen import hold
from tests.runtime.circuits.test_attribution import TEXT, choose, fire, list_writes, read_members
from tests.runtime.conftest import write_dictionary, write_multilayer

KINDS = ("plain", "affine", "clt")


class Plain:
    """A graph's edges in plain torch: what a source adds to what a node reads, with heads cut or not."""

    def __init__(self, graph, held, members):
        self.graph, self.held, self.members = graph, held, members
        self.skips = [member.get("affine_skip_connection") for member in members]
        fired = [fire(member, x) for member, x in zip(members, held.mlp_inputs, strict=True)]
        self.writes = list_writes(graph, held, members, fired, self.skips)
        self.unembed = held.model.get_output_embeddings().weight.double()
        self.run_whole = cache(lambda **changes: self._run((held.embedding, *held.mlp_outputs), **changes))

    def find_effect(self, node, source, **changes):
        """With the source less without it: the pass is linear."""
        pos, written = self.writes[source]
        rows = [one.clone() for one in (self.held.embedding, *self.held.mlp_outputs)]
        for row, part in zip(rows, written, strict=True):
            row[pos] -= part
        with torch.no_grad():
            return self._read(node, *self.run_whole(**changes)) - self._read(node, *self._run(rows, **changes))

    def _run(self, rows, **changes):
        with torch.no_grad():
            return self.held.run(rows[0], rows[1:], skips=self.skips, **changes)

    def _read(self, node, reads, final):
        layer, pos, number = (int(x[node]) for x in (self.graph.node_layers, self.graph.positions, self.graph.numbers))
        if self.graph.kinds[node] == TARGET:
            return float(final[-1] @ (self.unembed[number] - self.unembed.mean(0)))
        w_enc = self.members[layer]["w_enc"]
        return float(reads[layer][pos] @ w_enc[:, number % w_enc.shape[1]])

    def cut_each(self, node, source):
        """What the edge loses with each head: [layer, head]."""
        whole, patterns = self.find_effect(node, source), self.held.patterns
        return np.array(
            [
                [whole - self.find_effect(node, source, cut=(layer, head)) for head in range(len(patterns[layer]))]
                for layer in range(len(patterns))
            ]
        )


def pick_edges(graph, *, count=2):
    """Of each kind of source the heaviest edges to a target and to a feature from another position: (node, source)."""
    found = []
    for kind in (TOKEN, ERROR, FEATURE):
        for rows in (slice(None, -len(graph.targets)), slice(-len(graph.targets), None)):
            sizes = np.zeros_like(graph.weights)
            sizes[rows] = np.abs(graph.weights[rows]) * (graph.kinds == kind)
            moved = graph.positions[None] != graph.positions[graph.first_row :, None]
            for mask in (moved, ~moved):
                best = np.argsort(-(sizes * mask), axis=None)[:count]
                found += [
                    (graph.first_row + int(row), int(source))
                    for row, source in zip(*np.unravel_index(best, sizes.shape), strict=True)
                    if sizes[row, source]
                ]
    return found


@pytest.fixture(scope="module")
def graphs(scope):
    return {kind: gs.circuit(scope, TEXT, dictionaries=choose(scope, kind), target=" son") for kind in KINDS}


@pytest.fixture(scope="module")
def held(plain_mini, scope):
    return hold(plain_mini, scope.tokens(TEXT).ids)


@pytest.mark.row("10")
@pytest.mark.parametrize("kind", KINDS)
def test_a_head_carries_what_the_edge_loses_without_it(scope, graphs, held, kind):
    graph = graphs[kind]
    plain = Plain(graph, held, read_members(kind, range(graph.layers)))
    edges = pick_edges(graph, count=1)
    assert {graph.kinds[source] for _, source in edges} == {TOKEN, ERROR, FEATURE}
    largest, through_two = 0.0, 0.0
    for node, source in edges:
        heads = gs.circuit_heads(scope, graph, node, source)
        assert heads.weight == graph.weights[node - graph.first_row, source]
        np.testing.assert_allclose(heads.weights, plain.cut_each(node, source), atol=2e-4)
        assert heads.direct == pytest.approx(plain.find_effect(node, source, cut="all"), abs=2e-4)
        largest = max(largest, float(np.abs(heads.weights).max()))
        through_two = max(through_two, abs(heads.direct + heads.weights.sum() - heads.weight))
        if graph.positions[node] != graph.positions[source]:
            assert abs(heads.direct) < 1e-5  # nothing comes from elsewhere but through attention
    assert largest > 0.1 and through_two > 0.01  # the sum is not the edge, as is said


@pytest.mark.parametrize("kind", KINDS)
def test_where_one_layer_of_attention_lies_between_heads_and_the_rest_add_up_to_the_edge(scope, graphs, kind):
    graph = graphs[kind]
    rows, sources = np.nonzero(graph.weights[: -len(graph.targets)])
    nodes = rows + graph.first_row
    near = (graph.node_layers[nodes] - graph.node_layers[sources] == 1) & (graph.kinds[sources] != TOKEN)
    moved = near & (graph.positions[nodes] != graph.positions[sources])
    sizes = np.abs(graph.weights[rows, sources])
    order = np.concatenate([np.argsort(-sizes * some)[:6] for some in (near, moved)])
    assert moved[order].sum() >= 6
    for node, source in zip(nodes[order].tolist(), sources[order].tolist(), strict=True):
        heads = gs.circuit_heads(scope, graph, node, source)
        assert heads.direct + heads.weights.sum() == pytest.approx(heads.weight, abs=1e-4)
        [layer] = {layer for layer, _ in heads.top()} or {int(graph.node_layers[node])}
        assert layer == graph.node_layers[node]


def test_it_is_not_so_where_attention_is_free(scope, graphs, held):
    graph = graphs["plain"]
    plain = Plain(graph, held, read_members("plain", range(graph.layers)))
    gaps = []
    moved = [one for one in pick_edges(graph) if graph.positions[one[0]] != graph.positions[one[1]]]
    for node, source in moved:
        heads = gs.circuit_heads(scope, graph, node, source)
        [(layer, head)] = heads.top(1)
        whole, less = (plain.find_effect(node, source, thawed=True, cut=cut) for cut in (None, (layer, head)))
        gaps.append(abs(whole - less - heads.weights[layer, head]))
    assert max(gaps) > 0.01


@pytest.mark.parametrize("shape", ["tiny", "270m"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_so_on_grouped_heads_and_the_layers_of_a_real_size(load, load_plain, make_model, tmp_path, shape, kind):
    folder = make_model() if shape == "tiny" else write_gemma(tmp_path, "270m")
    layers, d_model = (3, 24) if shape == "tiny" else (18, reduce_geometry("270m").d_model)
    scope, root = load(str(folder)), tmp_path / "made-pt"
    if kind == "clt":
        paths = [write_multilayer(root, layers=tuple(range(layers)), d_model=d_model)]
        files = [paths[0] / f"params_layer_{layer}.safetensors" for layer in range(layers)]
    else:
        suffix = "_affine" if kind == "affine" else ""
        paths = [
            write_dictionary(root, site="transcoder", layer=layer, suffix=suffix, d_in=d_model, seed=layer)
            for layer in range(layers)
        ]
        files = [path / "params.safetensors" for path in paths]
    prompt = [2, *np.random.default_rng(1).integers(10, 4000, 10).tolist()]  # longer than the window of 8
    with pytest.warns(gs.SanityWarning):  # weights are random
        graph = gs.circuit(scope, prompt, dictionaries=[scope.dictionary(path=path) for path in paths], target=7)
    members = [{name: value.double() for name, value in load_file(file).items()} for file in files]
    plain = Plain(graph, hold(load_plain(folder), prompt), members)
    for node, source in pick_edges(graph, count=1)[:: 2 if shape == "tiny" else 4]:
        heads = gs.circuit_heads(scope, graph, node, source)
        size = max(1.0, float(np.abs(heads.weights).max()))
        np.testing.assert_allclose(heads.weights / size, plain.cut_each(node, source) / size, atol=2e-4)


def test_a_feature_a_difference_and_a_pruned_graph_are_taken_apart_alike(scope, graphs):
    graph = graphs["plain"]
    node = int(np.flatnonzero((graph.kinds == FEATURE) & (graph.node_layers == 5))[3])
    row = graph.weights[node - graph.first_row]
    source = int(np.argmax(np.abs(row) * (graph.kinds == TOKEN)))
    among = gs.circuit_heads(scope, graph, node, source)
    alone = gs.circuit(
        scope, TEXT, dictionaries=choose(scope, "plain"), target=(graph.ref(node), int(graph.positions[node]))
    )
    np.testing.assert_allclose(gs.circuit_heads(scope, alone, len(alone) - 1, source).weights, among.weights, atol=1e-5)
    kept = graph.keep([node])
    of_kept = gs.circuit_heads(scope, kept, kept.find(graph.ref(node), pos=int(graph.positions[node]))[0], source)
    np.testing.assert_array_equal(of_kept.weights, among.weights)
    assert of_kept.names == among.names and of_kept.node != among.node
    son, sister, both = (
        gs.circuit(scope, TEXT, dictionaries=choose(scope, "plain"), target=target, max_features=50)
        for target in (" son", " sister", (" son", " sister"))
    )
    found = [gs.circuit_heads(scope, one, len(one) - 1, source).weights for one in (son, sister, both)]
    np.testing.assert_allclose(found[2], found[0] - found[1], atol=1e-4)


def test_the_record_lists_the_strongest_first(scope, graphs):
    graph = graphs["plain"]
    node, source = pick_edges(graph, count=1)[0]
    heads = gs.circuit_heads(scope, graph, node, source)
    frame = heads.to_frame()
    assert list(frame.columns) == ["layer", "head", "weight", "share"] and len(frame) == heads.weights.size
    assert (np.diff(np.abs(frame["weight"])) <= 0).all()
    assert heads.top(1) == ((int(frame["layer"][0]), int(frame["head"][0])),)
    np.testing.assert_allclose(frame["share"] * heads.weight, frame["weight"], rtol=1e-5)
    layer, head = heads.top(1)[0]
    assert f"{layer}.{head} " in repr(heads) and graph.name(source) in repr(heads)
    assert heads.provenance.settings["source"] == [
        "token",
        -1,
        int(graph.positions[source]),
        int(graph.numbers[source]),
    ]
    with pytest.raises(gs.InvalidValue, match="k must be"):
        heads.top(0)


def test_what_is_no_edge_of_this_model_is_answered_in_words(scope, graphs):
    graph = graphs["plain"]
    node, source = pick_edges(graph, count=1)[0]
    none = int(np.flatnonzero(graph.weights[-1] == 0)[0])
    doubled = graph.weights.copy()
    doubled[-1, source := int(np.argmax(np.abs(doubled[-1])))] *= 2
    elsewhere = graph.activations.copy(), graph.numbers.copy()
    feature = int(np.flatnonzero(graph.kinds == FEATURE)[0])
    elsewhere[1][feature] = next(one for one in range(512) if one not in graph.numbers[graph.kinds == FEATURE])
    to_feature = int(np.flatnonzero(graph.weights[:, feature])[0]) + graph.first_row
    for wrong, given, words in (
        ("no graph", (node, source), "a graph comes from gs.circuit"),
        (graph, (len(graph) - 1, none), "has no edge from node"),
        (graph, (0, 0), "has no edge from node"),
        (graph, (len(graph), 0), "node must be"),
        (graph, (node, -1), "source must be"),
        (graph, (node, "all"), "the graph has no node 'all'"),
        (replace(graph, kinds=graph.kinds[::-1]), (node, source), "not as gs.circuit"),
        (replace(graph, dictionary_ids=("other",)), (node, source), "other"),
        (replace(graph, weights=doubled), (len(graph) - 1, source), "another model or revision: this edge is"),
        (replace(graph, numbers=elsewhere[1]), (to_feature, feature), "does not fire at position"),
    ):
        with pytest.raises(gs.GscopeError, match=words):
            gs.circuit_heads(scope, wrong, *given)


def test_layers_left_on_the_disk_give_the_same_heads(load, make_model, tmp_path, monkeypatch):
    pytest.importorskip("accelerate")
    folder, real = str(make_model()), loading.AutoModelForCausalLM.from_pretrained
    path = write_dictionary(tmp_path / "tiny-pt", site="transcoder", layer=1)

    def crowded(*arguments, **options):
        if options.get("device_map"):
            options |= {"max_memory": {"cpu": "450KB"}, "offload_folder": str(tmp_path / "offloaded")}
        return real(*arguments, **options)

    monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", crowded)
    found = []
    for scope in (load(folder), load(folder, device="spread")):
        with pytest.warns(gs.SanityWarning):
            graph = gs.circuit(scope, "hello there", dictionaries=scope.dictionary(path=path), target=7)
        found.append(gs.circuit_heads(scope, graph, len(graph) - 1, 1))
    np.testing.assert_allclose(found[1].weights, found[0].weights, atol=1e-4)
    assert np.abs(found[0].weights).max() > 0
