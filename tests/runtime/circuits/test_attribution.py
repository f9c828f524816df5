"""Attribution graphs beside plain torch: every edge, what edges add up to, and what breaks both."""

import json
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import gscope_widgets as gs
from gscope_widgets.mini import DICTIONARIES
from gscope_widgets.records.circuits import ERROR, FEATURE, TARGET, TOKEN
from gscope_widgets.runtime.circuits import attribution
from gscope_widgets.runtime.circuits.frozen import FrozenPass
from gscope_widgets.runtime.dictionaries.member import SKIP
from gscope_widgets.runtime.gemma import loading
from tests.hub.gemma import write_gemma
from tests.hub.geometry import reduce_geometry
from tests.runtime.circuits.frozen import hold
from tests.runtime.conftest import load_plainly, write_dictionary, write_multilayer
from tests.runtime.inside import loaded

TEXT = "The old fisherman walked from the harbour to the market with his"


def sums_of(graph):
    """What each row's inputs add up to, less what they should: [row]."""
    found = graph.weights.sum(1, dtype=np.float64) + graph.remainder + graph.left_out
    return np.abs(found - graph.values)


def choose(scope, kind):
    if kind == "clt":
        return scope.dictionary("clt")
    layers = (2, 5) if kind == "two layers" else range(scope.info.layers)
    return [scope.dictionary("transcoder_all", layer=layer, affine=kind == "affine") for layer in layers]


KINDS = ("plain", "affine", "clt", "two layers")


@pytest.fixture(scope="module")
def graphs(scope):
    return {kind: gs.circuit(scope, TEXT, dictionaries=choose(scope, kind)) for kind in KINDS}


@pytest.mark.row("10")
@pytest.mark.parametrize("kind", KINDS)
def test_inputs_add_up_to_every_pre_activation_and_logit(graphs, kind):
    graph = graphs[kind]
    assert (graph.kinds == FEATURE).sum() > 100
    assert sums_of(graph).max() < 1e-4 and np.abs(graph.values).max() > 10
    for part in ("remainder", "weights"):  # each has its share
        without = graph.weights.sum(1) * (part != "weights") + graph.remainder * (part != "remainder")
        assert np.abs(without - graph.values).max() > 1


@pytest.fixture(scope="module")
def held(plain_mini, scope):
    return hold(plain_mini, scope.tokens(TEXT).ids)


def read_members(kind, layers):
    """A dictionary's tensors, by the layer that each reads, read without any code of the package."""
    if kind == "clt":
        folder = DICTIONARIES["mini"] / "clt" / "width_2k_l0_medium"
        paths = [folder / f"params_layer_{layer}.safetensors" for layer in layers]
    else:
        ends = "_affine" if kind == "affine" else ""
        folder = DICTIONARIES["mini"] / "transcoder_all"
        paths = [folder / f"layer_{layer}_width_512_l0_small{ends}" / "params.safetensors" for layer in layers]
    return [{name: value.double() for name, value in load_file(path).items()} for path in paths]


@pytest.mark.parametrize("kind", ["plain", "affine", "clt"])
def test_every_edge_is_a_gradient_of_a_frozen_forward_pass(graphs, held, plain_mini, kind):
    graph, depth = graphs[kind], len(held.patterns)
    members = read_members(kind, range(depth))
    skips = [member.get("affine_skip_connection") for member in members]
    fired = [fire(member, x) for member, x in zip(members, held.mlp_inputs, strict=True)]
    embedding, *outputs = (one.clone().requires_grad_() for one in (held.embedding, *held.mlp_outputs))
    reads, final = held.run(embedding, outputs, skips=skips)
    unembed = plain_mini.lm_head.weight.double()
    vectors = list_writes(graph, held, members, fired, skips)
    last = len(graph.weights) - 1
    for row in [*np.random.default_rng(0).choice(last, 40, replace=False).tolist(), last]:
        node = graph.first_row + row
        layer, pos, number = (int(x[node]) for x in (graph.node_layers, graph.positions, graph.numbers))
        if graph.kinds[node] == TARGET:
            value = final[-1] @ (unembed[number] - unembed.mean(0))
        else:
            value = reads[layer][pos] @ members[layer]["w_enc"][:, number % members[layer]["w_enc"].shape[1]]
        found = torch.autograd.grad(value, [embedding, *outputs], retain_graph=True, allow_unused=True)
        gradients = torch.stack([torch.zeros_like(embedding) if one is None else one for one in found])
        expected = torch.stack([(gradients[: len(one), at] * one).sum() for at, one in vectors]).numpy()
        np.testing.assert_allclose(graph.weights[row], expected, atol=2e-4)
        assert np.abs(expected).max() > 0.01


def fire(member, x):
    pre = x @ member["w_enc"] + member["b_enc"]
    return torch.where(pre > member["threshold"], pre, 0)


def list_writes(graph, held, members, fired, skips):
    """For every node its position, and what it writes: [1 + layer, d], to the embedding and behind each MLP."""
    depth, empty = len(members), torch.zeros(1 + len(members), held.embedding.shape[1], dtype=torch.float64)
    listed = []
    for node in range(len(graph)):
        layer, pos, number = (int(x[node]) for x in (graph.node_layers, graph.positions, graph.numbers))
        written = empty.clone()
        if graph.kinds[node] == TOKEN:
            written[0] = held.embedding[pos]
        elif graph.kinds[node] == ERROR:
            made = members[layer]["b_dec"].clone()
            for source in range(layer + 1):
                w_dec = members[source]["w_dec"]
                if w_dec.ndim == 3 or source == layer:
                    made += fired[source][pos] @ (w_dec[:, layer] if w_dec.ndim == 3 else w_dec)
            if skips[layer] is not None:
                made += held.mlp_inputs[layer][pos] @ skips[layer]
            written[1 + layer] = held.mlp_outputs[layer][pos] - made
        elif graph.kinds[node] == FEATURE:
            local = number % fired[layer].shape[1]
            row = members[layer]["w_dec"][local] * fired[layer][pos, local]
            written[1 + layer : 1 + (depth if row.ndim == 2 else layer + 1)] = row[layer:] if row.ndim == 2 else row
        listed.append((pos, written))
    return listed


def test_an_edge_is_what_a_small_push_does_while_attention_is_held_and_not_when_it_is_free(graphs, held):
    graph, members = graphs["plain"], read_members("plain", range(len(held.patterns)))
    with torch.no_grad():
        reads, _ = held.run()
    sizes = np.abs(graph.weights[: -len(graph.targets), graph.first_row :])
    rows, columns = np.unravel_index(np.argsort(-sizes, axis=None)[:300:15], sizes.shape)
    wrong = []
    for row, source in zip(rows.tolist(), (columns + graph.first_row).tolist(), strict=True):
        node = graph.first_row + row
        at, pos = int(graph.node_layers[source]), int(graph.positions[source])
        layer, where = int(graph.node_layers[node]), int(graph.positions[node])
        push = 1e-3 * graph.activations[source] * members[at]["w_dec"][graph.numbers[source]]
        outputs = [one.clone() for one in held.mlp_outputs]
        outputs[at][pos] += push
        encoder = members[layer]["w_enc"][:, graph.numbers[node]]
        for thawed in (False, True):
            with torch.no_grad():
                before = reads if not thawed else held.run(thawed=True)[0]
                pushed, _ = held.run(mlp_outputs=outputs, thawed=thawed)
                found = (pushed[layer][where] - before[layer][where]) @ encoder
            if thawed:
                wrong.append(abs(float(found) / 1e-3 - graph.weights[row, source]))
            else:
                assert float(found) / 1e-3 == pytest.approx(float(graph.weights[row, source]), abs=2e-4)
    assert max(wrong) > 0.01  # so the check above can fail


def test_what_is_held_is_the_pass_itself(held, scope):
    reads, final = held.run()
    for read, was in zip(reads, held.mlp_inputs, strict=True):
        torch.testing.assert_close(read, was, atol=1e-4, rtol=1e-4)
    again, _ = held.run(thawed=True)
    torch.testing.assert_close(again[-1], reads[-1], atol=1e-4, rtol=1e-4)
    top = gs.circuit(scope, TEXT).targets[0]
    assert top.ids[0] == int(held.logits.argmax()) == int((final[-1] @ held.model.lm_head.weight.double().T).argmax())
    assert top.probability == pytest.approx(float(held.logits.softmax(-1).max()), abs=1e-5)


def test_targets_are_the_likeliest_tokens_or_those_named(scope, held):
    chances = held.logits.softmax(-1).sort(descending=True)
    graph = gs.circuit(scope, TEXT)
    count = min(10, int((chances.values.cumsum(0) < 0.95).sum()) + 1)
    assert [one.ids[0] for one in graph.targets] == chances.indices[:count].tolist()
    np.testing.assert_allclose(graph.target_weights, chances.values[:count] / chances.values[:count].sum(), atol=1e-5)
    son, sister = (gs.circuit(scope, TEXT, target=name) for name in (" son", " sister"))
    both = gs.circuit(scope, TEXT, target=(" son", " sister"))
    assert [one.name for one in both.targets] == [" son −  sister"]
    difference = held.logits[list(both.targets[0].ids)]
    assert both.targets[0].value == pytest.approx(float(difference[0] - difference[1]), abs=1e-3)
    np.testing.assert_allclose(both.weights[-1], son.weights[-1] - sister.weights[-1], atol=1e-4)
    node = int(np.flatnonzero((graph.kinds == FEATURE) & (graph.node_layers == 5))[3])
    ref, pos = graph.ref(node), int(graph.positions[node])
    of_feature = gs.circuit(scope, TEXT, target=(ref, pos))
    row = graph.weights[node - graph.first_row]
    wanted = {
        (int(graph.kinds[n]), int(graph.node_layers[n]), int(graph.positions[n]), int(graph.numbers[n])): row[n]
        for n in np.flatnonzero(row)
    }
    found = of_feature.weights[-1]
    own = {
        (
            int(of_feature.kinds[n]),
            int(of_feature.node_layers[n]),
            int(of_feature.positions[n]),
            int(of_feature.numbers[n]),
        ): found[n]
        for n in np.flatnonzero(found)
    }
    assert own == pytest.approx(wanted, abs=1e-5) and len(own) > 20


def test_a_target_weighs_one_however_improbable_it_is(load):
    sure = load("mini", dtype="bfloat16")  # a model of its own, which ends with the test
    with torch.no_grad():
        loaded(sure).text_model.norm.weight.add_(1).mul_(40).sub_(1)  # logits lie 40 times as far apart
    graph = gs.circuit(sure, TEXT, target=" red")
    assert graph.targets[0].probability < 1e-30
    assert graph.target_weights.tolist() == [1.0]
    assert 0 < graph.scores().completeness < 1


def test_with_few_nodes_the_most_influential_stay_and_the_rest_is_counted(scope, graphs):
    whole = graphs["affine"]
    few = gs.circuit(scope, TEXT, max_features=60)
    assert (few.kinds == FEATURE).sum() == 60 and sums_of(few).max() < 1e-4
    assert np.abs(few.left_out).max() > 0.1
    influence = whole.influence()
    best = sorted(np.flatnonzero(whole.kinds == FEATURE), key=lambda node: -influence[node])[:60]
    known = {(int(whole.node_layers[n]), int(whole.positions[n]), int(whole.numbers[n])) for n in best}
    kept = {
        (int(few.node_layers[n]), int(few.positions[n]), int(few.numbers[n]))
        for n in np.flatnonzero(few.kinds == FEATURE)
    }
    assert len(known & kept) >= 50  # ranked by what was known at the time


@pytest.mark.parametrize("rows", [8, 64])
def test_blocks_of_any_size_give_the_same_edges(scope, graphs, monkeypatch, rows):
    monkeypatch.setattr(attribution, "_ROWS", rows)
    monkeypatch.setattr(attribution, "_LEAST_ROWS", 4)
    monkeypatch.setattr(attribution, "_ROOM", 5000)
    again = gs.circuit(scope, TEXT, dictionaries=choose(scope, "affine"))
    np.testing.assert_allclose(again.weights, graphs["affine"].weights, atol=1e-4)
    np.testing.assert_allclose(again.remainder, graphs["affine"].remainder, atol=1e-4)


@pytest.mark.parametrize("known", [0, 100, None])
def test_features_are_ranked_by_all_paths_through_known_rows(graphs, known):
    graph = graphs["affine"]
    features = np.flatnonzero(graph.kinds == FEATURE)
    some = np.random.default_rng(0).permutation(len(features))[:known]
    sources = len(graph) - len(graph.targets)
    rows = np.concatenate([graph.weights[some], graph.weights[len(features) :]])[:, :sources]
    found = attribution._rank(
        SimpleNamespace(layers=graph.node_layers[features]),
        torch.from_numpy(rows),
        some,
        torch.from_numpy(rows[len(some) :]),
        graph.target_weights,
    )
    shares = np.zeros((sources, sources))
    shares[features[some]] = np.abs(rows[: len(some)]) / np.abs(rows[: len(some)]).sum(1, keepdims=True)
    flow = graph.target_weights @ (np.abs(rows[len(some) :]) / np.abs(rows[len(some) :]).sum(1, keepdims=True))
    expected = np.zeros(sources)
    for _ in range(graph.layers + 2):  # no path is longer
        expected += flow
        flow = flow @ shares
    assert flow.max() == 0 and expected[features].max() > 0
    np.testing.assert_allclose(found, expected[features], rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("affine", [False, True])
def test_sums_hold_on_grouped_heads_short_windows_and_every_kind(tiny, tmp_path, affine):
    ends = "_affine" if affine else ""
    paths = [
        write_dictionary(tmp_path / "tiny-pt", site="transcoder", layer=layer, suffix=ends, seed=layer)
        for layer in range(3)
    ]
    crossing = write_multilayer(tmp_path / "tiny-pt", affine=affine)
    prompt = [2, *np.random.default_rng(1).integers(10, 4000, 20).tolist()]  # longer than the window of 8
    for given in ([tiny.dictionary(path=path) for path in paths], tiny.dictionary(path=crossing)):
        with pytest.warns(gs.SanityWarning):  # weights are random
            graph = gs.circuit(tiny, prompt, dictionaries=given, target=7)
        assert (graph.kinds == FEATURE).sum() > 20
        assert sums_of(graph).max() < 1e-4 * np.abs(graph.values).max()


@pytest.mark.parametrize(("size", "variant"), [("270m", "pt"), ("4b", "it")])
def test_sums_hold_on_the_layers_of_real_sizes_and_in_bfloat16(load, tmp_path, size, variant):
    folder, geometry = write_gemma(tmp_path, size, variant), reduce_geometry(size)
    prompt = "The old fisherman" if variant == "pt" else [{"role": "user", "content": "The old fisherman"}]
    bounds = {"float32": 1e-4} | ({"bfloat16": 0.03} if size == "270m" else {})
    for dtype, bound in bounds.items():  # of the largest; a bfloat16 stream rounds each sum
        scope = load(str(folder), dtype=dtype)
        paths = [
            write_dictionary(
                tmp_path / f"{dtype}-pt", site="transcoder", layer=layer, d_in=geometry.d_model, seed=layer
            )
            for layer in range(geometry.n_layers)
        ]
        given = [scope.dictionary(path=path) for path in paths]
        with pytest.warns(gs.SanityWarning):  # weights are random
            graph = gs.circuit(scope, prompt, dictionaries=given)
        assert scope.info.layers == geometry.n_layers == graph.layers
        ignored = graph.tokens.ignored
        assert not set(graph.positions[graph.kinds == FEATURE].tolist()) & set(ignored)
        assert len(ignored) >= (4 if variant == "it" else 1)
        assert sums_of(graph).max() < bound * np.abs(graph.values).max()


def write_random(root, kind, geometry):
    """Random dictionaries of all layers; skip connections are of a size that leaves that of what they read."""
    d_model, affine = geometry.d_model, kind.startswith("affine")
    if kind.endswith("clt"):
        folder = write_multilayer(root, layers=tuple(range(geometry.n_layers)), d_model=d_model, affine=affine)
        for path in folder.glob("*.safetensors") if affine else ():
            tensors = load_file(path)
            save_file(tensors | {SKIP: tensors[SKIP] / d_model**0.5}, path)
        return folder
    random = torch.Generator().manual_seed(1)
    paths = []
    for layer in range(geometry.n_layers):
        skip = torch.randn(d_model, d_model, generator=random) / d_model**0.5
        more = {"suffix": "_affine", SKIP: skip} if affine else {}
        paths.append(write_dictionary(root, site="transcoder", layer=layer, d_in=d_model, seed=layer, **more))
    return paths


def measure_faults(graph):
    """How far each row is from its sum, as a share of all that comes in."""
    return (sums_of(graph) / (np.abs(graph.weights).sum(1) + np.abs(graph.remainder))).max()


@pytest.mark.parametrize("kind", ["plain", "affine", "clt", "affine clt"])
def test_sums_of_every_kind_hold_on_the_layers_of_270m(load, tmp_path, kind):
    scope = load(str(write_gemma(tmp_path, "270m")), dtype="float32")
    paths = write_random(tmp_path / "270m-pt", kind, reduce_geometry("270m"))
    several = isinstance(paths, list)
    given = [scope.dictionary(path=path) for path in paths] if several else scope.dictionary(path=paths)
    with pytest.warns(gs.SanityWarning):  # weights are random
        graph = gs.circuit(scope, TEXT, dictionaries=given, target=7)
    assert (graph.kinds == FEATURE).sum() > 500 and np.abs(graph.values).max() > 10
    assert measure_faults(graph) < 3e-6


@pytest.mark.parametrize("thawed", [False, True])
def test_sums_break_where_patterns_follow_what_is_read(load, tmp_path, monkeypatch, thawed):
    """Effects are passed back through attention by autograd, its patterns held or free."""
    folder, geometry = write_gemma(tmp_path, "270m"), reduce_geometry("270m")
    scope = load(str(folder), dtype="float32")
    held = hold(load_plainly(folder), scope.tokens(TEXT).ids)

    def pass_attention(frozen, effect, layer):
        with torch.inference_mode(False), torch.enable_grad():
            stream = held.streams[layer].clone().requires_grad_()
            behind = held.attend(stream, layer, thawed=thawed)
            wanted = torch.nn.functional.pad(effect.double(), (0, 0, 0, len(stream) - effect.shape[1]))
            found = [torch.autograd.grad(behind, stream, row, retain_graph=True)[0] for row in wanted]
        return torch.stack(found)[:, : effect.shape[1]].float()

    monkeypatch.setattr(FrozenPass, "pass_attention", pass_attention)
    given = [scope.dictionary(path=path) for path in write_random(tmp_path / "270m-pt", "affine", geometry)]
    with pytest.warns(gs.SanityWarning):
        graph = gs.circuit(scope, TEXT, dictionaries=given, target=7, max_features=20)
    assert measure_faults(graph) > 5e-5 if thawed else measure_faults(graph) < 3e-6


@pytest.mark.parametrize("stop_at", [0.4, None])
def test_a_trace_says_how_far_it_is_and_is_stopped_on_the_way(scope, stop_at):
    told, gate = [], threading.Event()

    def watch(job):
        if job.progress is not None:
            told.append(job.progress)
            if stop_at is not None and job.progress > stop_at:
                job.cancel()

    scope.submit(lambda _job: gate.wait(60))
    job = scope.start_circuit(TEXT)
    job.watch(watch)
    gate.set()
    if stop_at is None:
        job.wait()
    else:
        with pytest.raises(gs.Cancelled):
            job.wait()
    assert told == sorted(told) and len(set(told)) > 10
    assert (max(told) == 1) if stop_at is None else stop_at < max(told) < 0.6


def test_what_is_no_circuit_is_answered_in_words(scope):
    for wrong, words in (
        ({"dictionaries": [scope.dictionary()]}, "does not stand in for an MLP"),
        ({"dictionaries": []}, "is empty"),
        ({"dictionaries": "clt"}, r"got 'clt'; give dictionaries=scope.dictionary\('clt'\)"),
        ({"dictionaries": ["transcoder_all"]}, r"'transcoder_all', layer=...\), ...\] of some layers"),
        ({"dictionaries": {"site": "clt"}}, "dictionaries are open, or ids of open ones, got {'site': 'clt'}; give"),
        (
            {
                "dictionaries": [
                    scope.dictionary("transcoder_all", layer=2),
                    scope.dictionary("transcoder_all", layer=2, affine=True),
                ]
            },
            "a layer of its own, got layers 2, 2",
        ),
        ({"dictionaries": [scope.dictionary("clt"), scope.dictionary("transcoder_all", layer=2)]}, "by itself, got 2"),
        ({"target": "fisherman was"}, r"is \d tokens"),
        ({"target": 10**9}, "a token id must be"),
        ({"target": (" son",)}, r"a target is a token, two tokens, or \(ref, pos\), got"),
        ({"target": [" son", " sister", 5]}, "a target is a token, two tokens"),
        ({"target": (" son", " son")}, "of two tokens"),
        ({"target": scope.dictionary("transcoder_all", layer=2, affine=True).feature(3)}, r"target=\(ref, pos\)"),
        (
            {"target": (scope.dictionary("transcoder_all", layer=2, affine=True).feature(3), 1)},
            "does not fire at position 1",
        ),
        ({"max_features": 0}, "max_features must be"),
        (
            {
                "dictionaries": scope.dictionary("clt"),
                "target": (scope.dictionary("transcoder_all", layer=2).feature(82), 3),
            },
            "none of this circuit's dictionaries",
        ),
        ({"target": (scope.dictionary().feature(3), 1)}, "none of this circuit's dictionaries"),
    ):
        with pytest.raises(gs.InvalidValue, match=words):
            gs.circuit(scope, TEXT, **wrong)


def test_where_layers_have_no_transcoders_it_is_said_what_to_give(load):
    chat = load("mini-it")
    prompt = [{"role": "user", "content": "The old fisherman"}]
    with pytest.raises(gs.UnknownDictionary, match=r"lacks .* all its layers: .* 4 to 5; .*; give dictionaries="):
        gs.circuit(chat, prompt)
    given = [chat.dictionary("transcoder_all", layer=layer, affine=True) for layer in (4, 5)]
    graph = gs.circuit(chat, prompt, dictionaries=given)
    assert set(graph.node_layers[graph.kinds == FEATURE].tolist()) == {4, 5}


def test_layers_left_on_the_disk_give_the_same_graph(load, make_model, tmp_path, monkeypatch):
    pytest.importorskip("accelerate")
    folder, real = str(make_model()), loading.AutoModelForCausalLM.from_pretrained
    path = write_dictionary(tmp_path / "tiny-pt", site="transcoder", layer=1)

    def crowded(*arguments, **options):
        if options.get("device_map"):
            options |= {"max_memory": {"cpu": "450KB"}, "offload_folder": str(tmp_path / "offloaded")}
        return real(*arguments, **options)

    monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", crowded)
    whole, spread = load(folder), load(folder, device="spread")
    assert any(parameter.is_meta for parameter in loaded(spread).model.parameters())
    graphs = []
    for scope in (whole, spread):
        with pytest.warns(gs.SanityWarning):
            graphs.append(gs.circuit(scope, "hello there", dictionaries=scope.dictionary(path=path), target=7))
    np.testing.assert_allclose(graphs[1].weights, graphs[0].weights, atol=1e-4)
    effects = [gs.change_circuit(s, g, [g.first_row], controls=3) for s, g in zip((whole, spread), graphs, strict=True)]
    np.testing.assert_allclose(effects[1].frozen, effects[0].frozen, atol=1e-4)


def test_a_model_whose_attention_adds_biases_is_refused(load, make_model, tmp_path):
    folder = make_model()
    place = folder / "config.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"attention_bias": True}))
    weights = load_file(folder / "model.safetensors")
    for layer in range(3):
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            part = f"model.layers.{layer}.self_attn.{name}"
            weights[f"{part}.bias"] = torch.ones(len(weights[f"{part}.weight"]))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    path = write_dictionary(tmp_path / "tiny-pt", site="transcoder", layer=1)
    biased = load(str(folder))
    with pytest.raises(gs.InvalidValue, match="has biases"), pytest.warns(gs.SanityWarning):
        gs.circuit(biased, "hello there", dictionaries=biased.dictionary(path=path), target=7)
