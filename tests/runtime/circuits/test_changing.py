"""Nodes changed: the graph's prediction, the frozen pass and the model, each beside plain torch."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from gscope_widgets.records.circuit_effects import read_circuit_change
from gscope_widgets.records.circuits import FEATURE, NodeGroup
from gscope_widgets.runtime import showing
from gscope_widgets.runtime.circuits import changing
from tests.runtime.circuits.frozen import hold
from tests.runtime.circuits.test_attribution import choose, fire, read_members
from tests.runtime.conftest import write_dictionary

TEXT = "The old fisherman walked from the harbour to the market with his"
KINDS = ["plain", "affine", "clt"]


@pytest.fixture(scope="module")
def graphs(scope):
    return {
        kind: gs.circuit(scope, TEXT, dictionaries=choose(scope, kind), target=(" son", " sister")) for kind in KINDS
    }


@pytest.fixture(scope="module")
def held(plain_mini, scope):
    return hold(plain_mini, scope.tokens(TEXT).ids)


def list_strong(graph, *, layers):
    """The most influential features of some layers."""
    influence = graph.influence()
    return [
        int(node)
        for node in np.argsort(-influence)
        if graph.kinds[node] == FEATURE and graph.node_layers[node] in layers
    ]


def describe(graph, node):
    return tuple(int(x[node]) for x in (graph.node_layers, graph.positions, graph.numbers))


def read_difference(graph, logits):
    first, second = graph.targets[0].ids
    return float((logits[first] - logits[second]).detach())


def write_of(members, fired, layer, x):
    """What the transcoders write behind a layer's MLP on what all layers read, but their offset: [pos, d]."""
    made = torch.zeros_like(x[layer])
    for source in range(layer + 1):
        w_dec = members[source]["w_dec"]
        if w_dec.ndim == 3 or source == layer:
            made = made + fired[source] @ (w_dec[:, layer] if w_dec.ndim == 3 else w_dec)
    skip = members[layer].get("affine_skip_connection")
    made = made if skip is None else made + x[layer] @ skip
    made[0] = 0
    return made


def run_frozen(held, members, changes):
    """Attention and norms held, transcoders run on what comes in; `changes` hold features at activations."""
    outputs = [one.clone() for one in held.mlp_outputs]
    was = [fire(member, x) for member, x in zip(members, held.mlp_inputs, strict=True)]
    now: list[torch.Tensor] = []
    with torch.no_grad():
        for layer in range(len(outputs)):
            reads, _ = held.run(mlp_outputs=outputs)
            fired = fire(members[layer], reads[layer])
            for at, pos, number, activation in changes:
                if at == layer:
                    fired[pos, number % fired.shape[1]] = activation
            now.append(fired)
            more = write_of(members, now, layer, reads) - write_of(members, was, layer, held.mlp_inputs)
            outputs[layer] = held.mlp_outputs[layer] + more
        _, final = held.run(mlp_outputs=outputs)
    return final[-1] @ held.model.lm_head.weight.double().T


@pytest.mark.row("10")
@pytest.mark.parametrize("kind", KINDS)
def test_frozen_it_is_what_plain_torch_gives(scope, graphs, held, kind):
    graph, members = graphs[kind], read_members(kind, range(8))
    nodes = [*list_strong(graph, layers=(1, 2))[:2], *list_strong(graph, layers=(5,))[:1]]
    baseline = read_difference(graph, held.logits)
    sizes = []
    own = [float(graph.activations[node]) for node in nodes]
    for asked, levels in (
        ({}, [0.0] * 3),
        ({"factor": 3.0}, [3 * one for one in own]),
        ({"activation": 11.0}, [11.0] * 3),
        ({"activation": dict(zip(nodes, (0.0, 2.5, 40.0), strict=True))}, [0.0, 2.5, 40.0]),
    ):
        effect = gs.change_circuit(scope, graph, nodes, **asked, controls=3)
        changes = [(*describe(graph, node), level) for node, level in zip(nodes, levels, strict=True)]
        expected = read_difference(graph, run_frozen(held, members, changes)) - baseline
        assert effect.frozen[0] == pytest.approx(expected, abs=2e-4)
        sizes.append(abs(expected))
    assert max(sizes) > 0.01
    assert effect.baseline[0] == pytest.approx(baseline, abs=1e-3)


def run_hooked(model, graph, members, changes):
    """Logits at the end of plain transformers in which features are held at activations."""
    read, handles = {}, []

    def keep(at):
        def remember(_module, _inputs, output):
            read[at] = output[0].double()

        return remember

    def change(to):
        def move(_module, _inputs, output):
            changed = output.clone()
            for layer, pos, number, activation in changes:
                member = members[layer]
                local = number % member["w_enc"].shape[1]
                rows = member["w_dec"][local]
                if to < layer or (rows.ndim == 1 and to != layer):
                    continue
                pre = read[layer][pos] @ member["w_enc"][:, local] + member["b_enc"][local]
                more = activation - pre * (pre > member["threshold"][local])
                changed[0, pos] += (more * (rows if rows.ndim == 1 else rows[to])).float()
            return changed

        return move

    for at, block in enumerate(model.model.layers):
        handles.append(block.pre_feedforward_layernorm.register_forward_hook(keep(at)))
        handles.append(block.post_feedforward_layernorm.register_forward_hook(change(at)))
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([list(graph.tokens.ids)]), use_cache=False).logits[0, -1].double()
    for handle in handles:
        handle.remove()
    return logits


@pytest.mark.parametrize("kind", KINDS)
def test_free_it_is_what_plain_transformers_give(scope, graphs, held, plain_mini, kind):
    graph, members = graphs[kind], read_members(kind, range(8))
    node = list_strong(graph, layers=(4,))[0]
    layer, pos, number = describe(graph, node)
    effect = gs.change_circuit(scope, graph, node, controls=3)
    logits = run_hooked(plain_mini, graph, members, [(layer, pos, number, 0.0)])
    expected = read_difference(graph, logits) - read_difference(graph, held.logits)
    assert effect.free[0] == pytest.approx(expected, abs=2e-4) and abs(expected) > 0.005
    if kind != "clt":  # the same as an intervention there
        changed = scope.next_tokens(TEXT, 4096, [gs.ablate(graph.ref(node), positions=slice(pos, pos + 1))])
        chances = {one.id: one.logit for one in changed.chances}
        first, second = graph.targets[0].ids
        assert chances[first] - chances[second] == pytest.approx(effect.baseline[0] + effect.free[0], abs=1e-3)


@pytest.mark.row("10")
@pytest.mark.parametrize("kind", KINDS)
def test_features_are_held_as_hooks_on_plain_transformers_hold_them(scope, graphs, held, plain_mini, kind):
    graph, members = graphs[kind], read_members(kind, range(8))
    nodes = [*list_strong(graph, layers=(3,))[:2], list_strong(graph, layers=(4,))[0]]
    own = {node: float(graph.activations[node]) for node in nodes}
    count = members[4]["w_enc"].shape[1]
    layer, pos, number = describe(graph, nodes[2])
    fires = {describe(graph, node) for node in range(graph.first_row, len(graph)) if graph.kinds[node] == FEATURE}
    silent = next(one for one in range(number - number % count, 8 * count) if (layer, pos, one) not in fires)
    other = replace(graph.ref(nodes[2]), feature=silent)
    levels, found = {nodes[0]: 0.0, nodes[1]: own[nodes[1]] + 20, nodes[2]: own[nodes[2]] / 3}, []
    for asked, changes in (
        ({"activation": 60.0}, [(*describe(graph, node), 60.0) for node in nodes]),
        ({"activation": levels}, [(*describe(graph, node), level) for node, level in levels.items()]),
        (  # a feature that does not fire is set, in place of one that does
            {"activation": levels | {nodes[2]: 60.0}, "instead": {nodes[2]: other}},
            [
                *((*describe(graph, node), levels[node]) for node in nodes[:2]),
                (layer, pos, number, 0.0),
                (layer, pos, silent, 60.0),
            ],
        ),
    ):
        effect = gs.change_circuit(scope, graph, nodes, **asked, controls=3)
        expected = read_difference(graph, run_hooked(plain_mini, graph, members, changes))
        assert effect.free[0] == pytest.approx(expected - read_difference(graph, held.logits), abs=2e-4)
        assert abs(effect.free[0]) > 0.005 and effect.factor is None
        assert np.isnan(effect.predicted[0]) == ("instead" in asked)
        found.append(float(effect.free[0]))
    assert len({round(one, 3) for one in found}) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_held_where_they_are_nothing_changes_and_held_at_twice_that_they_are_doubled(scope, graphs, kind):
    graph = graphs[kind]
    nodes = [*list_strong(graph, layers=(3, 4))[:2], list_strong(graph, layers=(7,))[0]]
    own = {node: float(graph.activations[node]) for node in nodes}
    still = gs.change_circuit(scope, graph, nodes, activation=own, controls=3)
    for part in (still.predicted, still.frozen, still.free, *still.random):
        np.testing.assert_allclose(part, 0, atol=2e-4)
    twice = gs.change_circuit(scope, graph, nodes, activation={graph.ids[node]: 2 * own[node] for node in nodes})
    doubled = gs.change_circuit(scope, graph, nodes, 2.0)
    assert abs(doubled.free[0]) > 0.005
    for name in ("predicted", "frozen", "free", "random"):
        np.testing.assert_allclose(getattr(twice, name), getattr(doubled, name), atol=1e-5)
    assert twice.activations == tuple(2 * own[node] for node in nodes) and doubled.activations == ()
    assert "3 nodes held at " in repr(twice) and "3 nodes times 2:" in repr(doubled)
    assert twice.provenance.settings["activations"] == list(twice.activations)
    assert "factor" not in twice.provenance.settings and doubled.provenance.settings["factor"] == 2


def test_a_group_is_changed_and_swapped_feature_by_feature(scope, graphs):
    graph = graphs["affine"]
    first, second = sorted([list_strong(graph, layers=(3,))[0], list_strong(graph, layers=(6,))[0]])
    grouped = replace(graph, groups=(NodeGroup("two", (0, first, second)),))
    group = grouped.groups[0]
    for asked in ({"factor": 0.0}, {"factor": 3.0}, {"activation": 9.0}):
        found = gs.change_circuit(scope, grouped, group, **asked, controls=3)
        np.testing.assert_array_equal(
            found.free, gs.change_circuit(scope, graph, [first, second], **asked, controls=3).free
        )
    others = {node: replace(graph.ref(node), feature=(int(graph.numbers[node]) + 1) % 512) for node in (first, second)}
    found = gs.change_circuit(scope, grouped, group, instead=others, controls=3)
    held_there = []
    for node, other in others.items():
        here = slice(int(graph.positions[node]), int(graph.positions[node]) + 1)
        held_there += [
            gs.ablate(graph.ref(node), positions=here),
            gs.clamp(other, float(graph.activations[node]), positions=here),
        ]
    chances = {one.id: one.logit for one in scope.next_tokens(TEXT, 4096, held_there).chances}
    one, other = graph.targets[0].ids
    assert chances[one] - chances[other] == pytest.approx(found.baseline[0] + found.free[0], abs=1e-3)
    assert abs(found.free[0]) > 0.005


def test_behind_the_last_features_prediction_and_frozen_pass_are_one_and_further_up_they_part(scope, graphs):
    graph = graphs["affine"]
    last = list_strong(graph, layers=(7,))[:3]
    effect = gs.change_circuit(scope, graph, last, controls=3)
    assert effect.frozen[0] == pytest.approx(float(effect.predicted[0]), abs=1e-4)
    row = graph.weights[-1]
    assert effect.predicted[0] == pytest.approx(-float(sum(row[node] for node in last)), abs=1e-5)
    first = list_strong(graph, layers=(0, 1))[:6]
    far = gs.change_circuit(scope, graph, first, controls=3)
    assert abs(far.frozen[0] - far.predicted[0]) > 1e-3  # features begin and cease to fire
    assert abs(far.free[0] - far.frozen[0]) > 1e-3  # attention and norms move


def test_another_feature_in_its_place_and_random_ones(scope, graphs):
    graph = graphs["affine"]
    node = list_strong(graph, layers=(4,))[0]
    layer, pos, number = describe(graph, node)
    other = gs.Scope.dictionary(scope, "transcoder_all", layer=layer, affine=True).feature((number + 1) % 512)
    swapped = gs.change_circuit(scope, graph, [node], instead={node: other}, controls=4)
    assert np.isnan(swapped.predicted).all() and swapped.random.shape == (4, 1)
    held_there = [
        gs.ablate(graph.ref(node), positions=slice(pos, pos + 1)),
        gs.clamp(other, float(graph.activations[node]), positions=slice(pos, pos + 1)),
    ]
    chances = {one.id: one.logit for one in scope.next_tokens(TEXT, 4096, held_there).chances}
    first, second = graph.targets[0].ids
    assert chances[first] - chances[second] == pytest.approx(swapped.baseline[0] + swapped.free[0], abs=1e-3)
    again = gs.change_circuit(scope, graph, [node], instead={node: other}, controls=4)
    np.testing.assert_array_equal(again.random, swapped.random)
    assert len({round(float(one), 5) for one in swapped.random[:, 0]}) == 4
    assert list(swapped.to_frame().columns)[:3] == ["target", "baseline", "predicted"]
    itself = gs.change_circuit(scope, graph, [node], instead={node: graph.ref(node)}, controls=3)
    assert itself.free[0] == pytest.approx(0, abs=1e-5)
    added = gs.change_circuit(scope, graph, [node], 1.0, instead={node: other}, controls=4)
    assert np.abs(added.random).min() > 1e-4  # something random comes in, too, where a feature does
    nothing = gs.change_circuit(scope, graph, [node], 1.0, controls=3)
    for part in (nothing.predicted, nothing.frozen, nothing.free, *nothing.random):
        np.testing.assert_allclose(part, 0, atol=1e-5)


def test_two_features_change_places_as_two_clamps_have_it(scope, graphs):
    graph = graphs["affine"]
    strong = list_strong(graph, layers=range(8))[:40]
    first, second = next(
        (a, b) for a in strong for b in strong if a < b and describe(graph, a)[:2] == describe(graph, b)[:2]
    )
    swapped = gs.change_circuit(
        scope, graph, [first, second], instead={first: graph.ref(second), second: graph.ref(first)}, controls=3
    )
    pos = int(graph.positions[first])
    held_there = [
        gs.clamp(graph.ref(one), float(graph.activations[other]), positions=slice(pos, pos + 1))
        for one, other in ((first, second), (second, first))
    ]
    chances = {one.id: one.logit for one in scope.next_tokens(TEXT, 4096, held_there).chances}
    one, other = graph.targets[0].ids
    assert chances[one] - chances[other] == pytest.approx(swapped.baseline[0] + swapped.free[0], abs=1e-3)


def test_two_nodes_of_one_place_draw_different_features(scope, graphs, monkeypatch):
    graph, run, drawn = graphs["affine"], changing._run_free, []
    strong = list_strong(graph, layers=range(8))[:40]
    pair = next([a, b] for a in strong for b in strong if a < b and describe(graph, a)[:2] == describe(graph, b)[:2])
    monkeypatch.setattr(changing, "list_layer_features", lambda *_: range(3))  # by chance a third would be the same
    monkeypatch.setattr(changing, "_run_free", lambda *given: drawn.append(given[2]) or run(*given))
    gs.change_circuit(scope, graph, pair, controls=16)
    assert [len({one.feature for one in some}) for some in drawn[2:]] == [2] * 16


@pytest.mark.parametrize("kind", KINDS)
def test_in_bfloat16_frozen_effects_are_those_of_what_changes_alone(load, scope, kind):
    rough = load("mini", dtype="bfloat16")
    graphs = [gs.circuit(one, TEXT, dictionaries=choose(one, kind)) for one in (scope, rough)]
    for layers in ((7,), range(4)):
        name = graphs[1].ids[list_strong(graphs[1], layers=layers)[0]]
        exact, found = (
            gs.change_circuit(one, graph, name, controls=3) for one, graph in zip((scope, rough), graphs, strict=True)
        )
        expected = {target.ids: change for target, change in zip(exact.targets, exact.frozen, strict=True)}
        known = [at for at, target in enumerate(found.targets) if target.ids in expected]
        assert len(known) > 5 and abs(exact.frozen[0]) > 1
        np.testing.assert_allclose(
            found.frozen[known], [expected[found.targets[at].ids] for at in known], atol=0.02 * abs(exact.frozen[0])
        )
        if layers == (7,):  # nothing stands between it and the targets
            np.testing.assert_allclose(found.frozen, found.predicted, atol=1e-4)


def change_config(folder, **changes):
    place = folder / "config.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | changes))
    return str(folder)


def test_logits_that_a_model_caps_at_the_end_are_explained_and_changed_before_that(load, make_model, tmp_path):
    capped = load(change_config(make_model(), final_logit_softcapping=0.5))
    path = write_dictionary(tmp_path / "tiny-pt", site="transcoder", layer=2, seed=3)
    with pytest.warns(gs.SanityWarning):  # weights are random
        graph = gs.circuit(capped, "hello there you", dictionaries=capped.dictionary(path=path))
    assert np.abs(graph.values).max() > 1  # beyond the cap
    effect = gs.change_circuit(capped, graph, list_strong(graph, layers=(2,))[0], controls=3)
    np.testing.assert_allclose(effect.frozen, effect.predicted, atol=1e-4)
    np.testing.assert_allclose(effect.baseline, graph.values[-len(graph.targets) :], atol=1e-4)


def test_a_graph_that_was_kept_is_changed_by_a_scope_that_has_opened_nothing(load, tmp_path):
    """As after a restart of the kernel."""
    first = load("mini", dtype="bfloat16")
    graph = gs.circuit(first, "The cat sat").prune()
    gs.save_circuit(tmp_path / "graph.json", graph)
    node = graph.ids[list_strong(graph, layers=range(8))[0]]
    found = gs.change_circuit(first, graph, node, controls=3)
    first.close()
    again, kept = load("mini", dtype="bfloat16"), gs.load_circuit(tmp_path / "graph.json")
    assert again is not first
    np.testing.assert_array_equal(gs.change_circuit(again, kept, node, controls=3).frozen, found.frozen)
    assert gs.circuit_heads(again, kept, len(kept) - 1, int(np.flatnonzero(kept.weights[-1])[0])).weights.shape == (
        8,
        4,
    )
    with pytest.raises(gs.UnknownDictionary, match="'/etc/nowhere' is not open, and none of those that are listed"):
        gs.change_circuit(again, replace(kept, dictionary_ids=("/etc/nowhere",) * 8), node)


def test_a_graph_of_another_text_or_model_is_refused(scope, graphs):
    graph = graphs["affine"]
    node = list_strong(graph, layers=(4,))[0]
    tokens = scope.tokens("A young bird sang in the garden and was happy to be")
    other = replace(graph, tokens=replace(tokens, ids=tokens.ids[: len(graph.tokens)]))
    for changed, words in (
        (replace(graph, tokens=replace(graph.tokens, ids=(-1,) * len(graph.tokens))), "must be|outside|token id"),
        (replace(graph, values=graph.values + 3), "of another model, text or revision"),
        (other, "of another model, text or revision|outside the text"),
        (replace(graph, activations=np.full(len(graph), np.nan, np.float32)), "has no activation"),
    ):
        with pytest.raises(gs.InvalidValue, match=words):
            gs.change_circuit(scope, changed, [node])
    positions, numbers = graph.positions.copy(), graph.numbers.copy()
    positions[node], numbers[node] = 0, (numbers[node] + 7) % 512
    clt = scope.dictionary("clt").info.id
    for changed, words in (
        (replace(graph, positions=positions), r"is at 0 at position 0 here and at \d"),
        (replace(graph, numbers=numbers), "of another model, revision or dtype: feature"),
        (replace(graph, dictionary_ids=(*graph.dictionary_ids[:4], *[""] * 4)), "no feature .* reads layer 4"),
        (replace(graph, dictionary_ids=(clt,)), "no feature .* reads layer 4"),
    ):
        with pytest.raises(gs.InvalidValue, match=words):
            gs.change_circuit(scope, changed, [node], controls=3)
    crossing = graphs["clt"]
    far = list_strong(crossing, layers=(5,))[0]
    early = scope.dictionary("clt").feature(3)
    for given, words in (
        ({far: early}, "reads another layer"),
        ({far: 5}, "a feature of its dictionary"),
        ([far], "maps nodes"),
        (5, "maps nodes"),
    ):
        for asked in (scope, gs.restrict(scope, gs.Lesson())):
            with pytest.raises(gs.InvalidValue, match=words):
                gs.change_circuit(asked, crossing, [far], instead=given)
    for wrong in ("x", None):
        with pytest.raises(gs.InvalidValue, match=r"from gs\.circuit"):
            gs.change_circuit(scope, wrong, [1])
    for given, words in (
        ((graph, None), "numbers or ids of the graph's nodes"),
        ((graph, 46.5), "numbers or ids of the graph's nodes"),
    ):
        with pytest.raises(gs.InvalidValue, match=words):
            gs.change_circuit(scope, *given)
    with pytest.raises(gs.InvalidValue, match="controls must be"):
        gs.change_circuit(scope, graph, [node], controls=0)


def test_what_cannot_be_changed_is_told(scope, graphs):
    graph = graphs["affine"]
    node = list_strong(graph, layers=(4,))[0]
    ref = graph.ref(node)
    of_feature = gs.circuit(scope, TEXT, target=(ref, int(graph.positions[node])))
    for given, words in (
        ((graph, [0]), "is no feature but token"),
        ((graph, []), "at least one"),
        ((graph, [node, node]), "different features"),
        ((graph, [10**6]), "a node must be"),
        ((graph, [node], float("nan")), "factor must be"),
        ((of_feature, [of_feature.first_row]), "explains a feature"),
    ):
        with pytest.raises(gs.InvalidValue, match=words):
            gs.change_circuit(scope, *given)
    with pytest.raises(gs.InvalidValue, match="a feature of its dictionary"):
        gs.change_circuit(scope, graph, [node], instead={node: scope.dictionary().feature(3)})


def trace_through(scope, folder, width):
    """A graph through a dictionary of so few features, all of which fire at every token, and the strongest."""
    path = write_dictionary(
        folder / f"of-{width}" / "tiny-pt",
        site="transcoder",
        layer=2,
        width=width,
        b_enc=torch.full((width,), 100.0),
        threshold=torch.zeros(width),
    )
    with pytest.warns(gs.SanityWarning):  # weights are random
        graph = gs.circuit(scope, "hello there you", dictionaries=scope.dictionary(path=path))
    return graph, list_strong(graph, layers=(2,))[0]


@pytest.mark.parametrize(("width", "swapped"), [(1, False), (1, True), (2, True)])
def test_a_dictionary_with_too_few_features_for_controls_is_told(tiny, tmp_path, width, swapped):
    graph, node = trace_through(tiny, tmp_path, width)
    instead = {node: graph.ref(node)} if swapped else None
    with pytest.raises(gs.InvalidValue, match=rf"needs {1 + swapped} other features? of layer 2 .* has {width - 1} "):
        gs.change_circuit(tiny, graph, node, instead=instead)


@pytest.mark.parametrize(("width", "swapped"), [(2, False), (3, True)])
def test_the_smallest_dictionaries_that_have_controls_are_changed(tiny, tmp_path, width, swapped):
    graph, node = trace_through(tiny, tmp_path, width)
    ref = graph.ref(node)
    instead = {node: replace(ref, feature=(ref.feature + 1) % width)} if swapped else None
    effect = gs.change_circuit(tiny, graph, node, instead=instead, controls=3)
    assert np.isfinite(effect.random).all() and effect.random.any()


def test_controls_draw_no_feature_that_is_changed_or_put_in_where_they_are(tiny, tmp_path):
    graph, node = trace_through(tiny, tmp_path, 6)  # where each feature fires at each position
    layer, pos, number = describe(graph, node)
    refs = [replace(graph.ref(node), feature=(number + more) % 6) for more in range(3)]
    nodes = [graph.find(ref, pos=pos)[0] for ref in refs[:2]]
    homes = {layer: tiny.dictionary(path=next(tmp_path.glob("**/params.safetensors")).parent)}
    change = read_circuit_change(graph, nodes, instead={nodes[0]: refs[2]})
    drawn = [one for seed in range(20) for one in changing._draw_changes(graph, homes, change, seed=seed)]
    assert {(one.layer, one.pos) for one in drawn} == {(layer, pos)} and len(drawn) == 60
    assert {one.feature for one in drawn} == {(number + more) % 6 for more in (3, 4, 5)}


def test_controls_hang_on_the_features_and_not_on_what_else_a_graph_has(scope, graphs):
    graph = graphs["plain"]
    small = graph.prune()
    node = next(one for one in range(len(small)) if small.kinds[one] == FEATURE)
    [same] = graph.find(small.ref(node), pos=int(small.positions[node]))
    assert same != node
    of_small, of_whole = gs.change_circuit(scope, small, [node]), gs.change_circuit(scope, graph, [same])
    np.testing.assert_array_equal(of_small.random, of_whole.random)
    assert len(set(of_small.random[:, 0].tolist())) == len(of_small.random)


@pytest.mark.parametrize("given", [{}, {"show": False}], ids=["shown", "silent"])
def test_how_far_it_is_can_be_left_untold(scope, monkeypatch, given):
    told = []
    monkeypatch.setattr(showing, "show_and_wait", lambda job, doing: told.append(doing) or job.wait())
    graph = gs.circuit(scope, TEXT, max_features=20, **given)
    edge = (graph.first_row, int(np.flatnonzero(graph.weights[0])[0]))
    effect = gs.change_circuit(scope, graph, [graph.first_row], controls=3, **given)
    assert len(graph) and effect.targets and gs.circuit_heads(scope, graph, *edge, **given).source == edge[1]
    assert [one.split()[0] for one in told] == ([] if given else ["tracing", "changing", "taking"])
    for ask, more in ((gs.circuit, ()), (gs.change_circuit, (0,)), (gs.circuit_heads, (0, 1))):
        with pytest.raises(gs.InvalidValue, match=r"first argument is a scope from gs\.load\(\)"):
            ask(TEXT, graph, *more)
    with pytest.raises(TypeError, match="positional"):
        gs.circuit_heads(scope, graph, *edge, False)
