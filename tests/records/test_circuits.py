"""Scores, pruning and paths of attribution graphs, beside sums over all paths."""

from dataclasses import replace

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.recordings.questions import ask_change, ask_heads
from gscope_widgets.records.circuit_effects import check_nodes, check_swaps, predict_change, read_circuit_change
from gscope_widgets.records.circuit_faults import find_fault
from gscope_widgets.records.circuit_ids import list_node_ids
from gscope_widgets.records.circuits import ERROR, FEATURE, KINDS, TARGET, TOKEN, NodeGroup
from gscope_widgets.records.edge_heads import check_edge
from tests.fake_circuits import build_circuit
from tests.fake_model import tokenize

TOKENS = tokenize("The old cat sang and", chat=False)


@pytest.fixture
def graph():
    return build_circuit(TOKENS, None, 1000)


def square(graph):
    """Shares of every node's input, [node, node], float64, and what each node is worth in itself."""
    shares = np.zeros((len(graph), len(graph)))
    sizes = np.abs(graph.weights.astype(np.float64))
    shares[graph.first_row :] = sizes / np.maximum(sizes.sum(1, keepdims=True), 1e-10)
    start = np.zeros(len(graph))
    start[graph.kinds == TARGET] = graph.target_weights
    return shares, start


def test_influence_is_the_sum_over_all_paths(graph):
    shares, start = square(graph)
    total, flow = np.zeros(len(graph)), start
    for _ in range(graph.layers + 3):
        flow = flow @ shares
        total += flow
    assert flow.sum() < 1e-12 and total.sum() > 1
    np.testing.assert_allclose(graph.influence(), total, rtol=1e-5, atol=1e-9)


def test_scores_are_those_of_the_literature(graph):
    shares, start = square(graph)
    influence = start @ (np.linalg.inv(np.eye(len(graph)) - shares) - np.eye(len(graph)))
    tokens, errors = (influence[graph.kinds == kind].sum() for kind in (TOKEN, ERROR))
    scores = graph.scores()
    assert scores.replacement == pytest.approx(tokens / (tokens + errors), rel=1e-5)
    worth, wrong = influence + start, shares[:, graph.kinds == ERROR].sum(1)
    assert scores.completeness == pytest.approx((worth * (1 - wrong)).sum() / worth.sum(), rel=1e-5)
    assert 0 < scores.replacement < 1 and 0 < scores.completeness < 1
    rows = graph.first_row  # of nodes into which something comes alone it is another number
    assert scores.completeness > (worth * (1 - wrong))[rows:].sum() / worth[rows:].sum() + 0.01


def score_as_circuit_tracer(graph):
    """Replacement and completeness, step by step as its `compute_graph_scores` finds them.

    Nodes stand there as features, errors, tokens, logits, in one square matrix.
    """
    order = np.concatenate([np.flatnonzero(graph.kinds == kind) for kind in (FEATURE, ERROR, TOKEN, TARGET)])
    square_matrix = np.zeros((len(graph), len(graph)))
    square_matrix[graph.first_row :] = graph.weights
    adjacency = np.abs(square_matrix[np.ix_(order, order)])
    normalized = adjacency / np.clip(adjacency.sum(1, keepdims=True), 1e-10, None)
    features, errors, tokens = (int((graph.kinds == kind).sum()) for kind in (FEATURE, ERROR, TOKEN))
    logit_weights = np.zeros(len(order))
    logit_weights[-len(graph.targets) :] = graph.target_weights
    current = logit_weights @ normalized
    influence = current.copy()
    while current.any():
        current = current @ normalized
        influence += current
    error_influence = influence[features : features + errors].sum()
    token_influence = influence[features + errors : features + errors + tokens].sum()
    non_error_fractions = 1 - normalized[:, features : features + errors].sum(1)
    output_influence = influence + logit_weights
    return (
        token_influence / (token_influence + error_influence),
        (non_error_fractions * output_influence).sum() / output_influence.sum(),
    )


@pytest.mark.parametrize("shares", [(1, 1), (0.8, 0.98), (0.5, 0.8)])
def test_scores_are_circuit_tracers(graph, shares):
    part = graph.prune(*shares)
    weights = part.weights.copy()
    weights[0] = 0  # of a feature into which nothing comes nothing is unexplained
    for one in (part, replace(part, weights=weights)):
        scores = one.scores()
        assert (scores.replacement, scores.completeness) == pytest.approx(score_as_circuit_tracer(one), rel=1e-5)


def test_of_a_part_what_was_cut_counts_as_unexplained_in_the_same_formula(graph):
    part = graph.prune(0.6, 0.9)
    shares, start = square(graph)
    worth = start + start @ (np.linalg.inv(np.eye(len(graph)) - shares) - np.eye(len(graph)))
    where = [graph.places[name] for name in part.ids]
    kept = np.zeros_like(shares)
    kept[np.ix_(where[part.first_row :], where)] = part.weights != 0
    explained = np.zeros(len(graph))
    explained[where] = 1
    lost = (shares * (1 - kept)).sum(1) + (shares * kept)[:, graph.kinds == ERROR].sum(1)
    expected = ((explained - explained * lost) * worth).sum() / worth.sum()
    assert part.scores_within(graph).completeness == pytest.approx(expected, rel=1e-5)
    assert 0 < expected < graph.scores().completeness
    assert graph.scores_within(graph).completeness == pytest.approx(graph.scores().completeness, rel=1e-6)


def test_without_errors_both_scores_are_one_and_without_features_only_errors_and_tokens_count(graph):
    weights = graph.weights.copy()
    weights[:, graph.kinds == ERROR] = 0
    clean = replace(graph, weights=weights)
    assert clean.scores().replacement == pytest.approx(1) and clean.scores().completeness == pytest.approx(1)
    bare = graph.keep(np.flatnonzero(graph.kinds == ERROR))
    shares, start = square(bare)
    direct = start @ shares
    assert bare.scores().replacement == pytest.approx(direct[bare.kinds == TOKEN].sum() / direct.sum(), rel=1e-5)


def test_pruning_keeps_the_share_that_is_asked_and_no_loose_end(graph):
    small = graph.prune(0.6, 0.9)
    assert len(small) < len(graph) and find_fault(small) == ""
    influence = graph.influence()
    order = np.argsort(-influence)
    count = int(np.searchsorted(np.cumsum(influence[order]) / influence.sum(), 0.6)) + 1
    most = {describe(graph, node) for node in order[:count]}
    always = {describe(graph, node) for node in np.flatnonzero(np.isin(graph.kinds, (TOKEN, TARGET)))}
    kept = {describe(small, node) for node in range(len(small))}
    assert always <= kept <= most | always
    for node in range(len(small)):
        if small.kinds[node] in (FEATURE, ERROR):
            assert small.weights[:, node].any()
        if small.kinds[node] == FEATURE:
            assert small.weights[node - small.first_row].any()
    assert small.whole == graph.scores() and graph.whole is None
    found = small.weights.sum(1) + small.remainder + small.left_out
    np.testing.assert_allclose(found, small.values, atol=1e-4)
    whole = graph.prune(1, 1)
    assert (whole.kinds == FEATURE).sum() > (small.kinds == FEATURE).sum()
    np.testing.assert_allclose(whole.scores().replacement, graph.scores().replacement, rtol=1e-4)


def test_at_most_so_many_nodes_are_left_beside_tokens_targets_and_those_to_keep():
    graph = build_circuit(tokenize("The old cat sang and " * 5, chat=False), None, 1000)
    always = np.isin(graph.kinds, (TOKEN, TARGET))
    assert always.sum() > 20  # more than are asked for
    order = [node for node in np.argsort(-graph.influence(), kind="stable").tolist() if not always[node]]
    part = graph.prune(1, 1, most=20, keep=order[-2:])
    expected = {graph.ids[node] for node in [*np.flatnonzero(always), *order[:20], *order[-2:]]}
    assert set(part.ids) == expected and len(part) == len(expected)
    assert len(graph.prune(most=10**6)) == len(graph.prune())


def describe(graph, node):
    return tuple(int(x[node]) for x in (graph.kinds, graph.node_layers, graph.positions, graph.numbers))


def test_the_strongest_paths_are_those_of_all(graph):
    small = graph.prune(0.5, 0.7)
    shares = small.weights / np.maximum(np.abs(small.weights).sum(1, keepdims=True), 1e-10)
    found = []

    def walk(node, share, path):
        if small.kinds[node] == TOKEN:
            found.append((share, path))
        elif small.kinds[node] != ERROR:
            for source in np.flatnonzero(shares[node - small.first_row]):
                walk(source, share * shares[node - small.first_row, source], (int(source), *path))

    first = len(small) - len(small.targets)
    walk(first, 1.0, (first,))
    best = sorted(found, key=lambda one: -abs(one[0]))[:3]
    for (share, path), (expected, way) in zip(small.paths(k=3), best, strict=True):
        assert share == pytest.approx(expected, rel=1e-5) and path == way


def test_a_node_says_what_it_is(graph):
    frame = graph.to_frame()
    assert list(frame["id"]) == [list_node_ids(graph)[node] for node in frame["node"]]
    assert list(frame.columns)[:3] == ["node", "id", "kind"] and len(frame) == len(graph)
    assert frame.influence.is_monotonic_decreasing
    edges = graph.edges_to_frame()
    assert len(edges) == np.count_nonzero(graph.weights) and abs(edges.weight[0]) == np.abs(graph.weights).max()
    feature = int(np.flatnonzero(graph.kinds == FEATURE)[0])
    ref = graph.ref(feature)
    assert feature in graph.find(ref) and graph.find(ref, pos=int(graph.positions[feature]))[0] == feature
    assert f"feature {ref.feature} of layer 0" in graph.name(feature)
    assert [graph.name(int(np.flatnonzero(graph.kinds == at)[0])).split()[0] for at in range(4)] == list(KINDS)
    with pytest.raises(gs.InvalidValue, match="is no feature but token"):
        graph.ref(0)
    for call, words in (
        (lambda: graph.name(-1), "node must be"),
        (lambda: graph.name(None), "node must be"),
        (lambda: graph.keep(5), "numbers or ids of the graph's nodes"),
        (lambda: graph.keep("3_21_5"), "numbers or ids of the graph's nodes"),
        (lambda: graph.prune(keep="3_21_5"), "numbers or ids of the graph's nodes"),
        (lambda: graph.keep(["nobody"]), "has no node 'nobody'"),
        (lambda: graph.find("a"), "by its ref"),
        (lambda: graph.find(ref, pos="a"), "pos must be"),
    ):
        with pytest.raises(gs.InvalidValue, match=words):
            call()
    assert graph.keep([]).plot().axes and build_circuit(tokenize("The", chat=False), None, 5).prune(0, 0).plot().axes
    for wrong in (-0.1, 1.5, None):
        with pytest.raises(gs.InvalidValue, match="nodes must be"):
            graph.prune(wrong)


def test_what_is_no_graph_is_told(graph):
    assert find_fault(graph) == ""
    first = graph.first_row
    loop = graph.weights.copy()
    loop[0, first + 5] = 1.0
    endless = graph.weights.copy()
    endless[3, 2] = np.nan
    for changes, words in (
        ({"weights": loop}, "not before it"),
        ({"weights": endless}, "not a finite number"),
        ({"kinds": graph.kinds[::-1].copy()}, "in this order"),
        ({"positions": graph.positions + 100}, "outside the text"),
        ({"targets": ()}, "0 targets"),
        ({"target_weights": np.array([5.0, 1.0], np.float32)}, "add up to 1"),
        ({"dictionary_ids": ("a", "b")}, "dictionaries or labels"),
    ):
        assert words in find_fault(replace(graph, **changes))


def test_the_picture_has_every_node_where_it_belongs_and_edges_by_sign(graph):
    small = graph.prune(0.6, 0.9)
    figure = small.plot(labels=3)
    [axes] = figure.axes
    spots, lines = axes.collections[-4:], axes.collections[:-4]
    assert [len(one.get_offsets()) for one in spots] == np.bincount(small.kinds, minlength=4).tolist()
    features = spots[FEATURE].get_offsets()
    np.testing.assert_array_equal(features[:, 1], small.node_layers[small.kinds == FEATURE])
    assert (np.abs(features[:, 0] - small.positions[small.kinds == FEATURE]) < 0.5).all()
    weights = small.weights[small.weights != 0]
    assert [len(one.get_segments()) for one in lines] == [(weights > 0).sum(), (weights < 0).sum()]
    assert lines[0].get_linestyle() != lines[1].get_linestyle()  # a sign is not told by colour alone
    written = [one.get_text() for one in axes.texts]
    assert len(written) == len(small.targets) + 3 and any("fish" in one for one in written)
    scores = small.scores()
    title = figure.get_suptitle().replace("\n", " ")
    assert f"replacement {scores.replacement:.2f}, completeness {scores.completeness:.2f}" in title
    with pytest.raises(gs.InvalidValue, match="labels must be"):
        small.plot(labels=-1)


def test_a_change_is_predicted_along_the_edges(graph):
    node = int(np.flatnonzero((graph.kinds == FEATURE) & (graph.node_layers == 4))[2])
    changes = np.zeros(len(graph))
    changes[node] = -1.0
    for later in range(node + 1, len(graph)):  # one by one, in the order in which they come about
        row = graph.weights[later - graph.first_row].astype(np.float64)
        size = graph.activations[later] if graph.kinds[later] == FEATURE else 1.0
        changes[later] = row @ changes / size
    np.testing.assert_allclose(predict_change(graph, {node: 0.0}), changes[graph.kinds == TARGET], rtol=1e-5)
    np.testing.assert_allclose(
        predict_change(graph, {node: 3 * float(graph.activations[node])}),
        -2 * changes[graph.kinds == TARGET],
        rtol=1e-5,
    )


@pytest.mark.row("10")
def test_nodes_are_given_by_number_or_id_alike(graph):
    small = graph.prune(0.6)
    for node, name in enumerate(small.ids):
        assert small.locate(name) == small.locate(node) == node
        assert graph.name(graph.locate(name)) == small.name(node)  # an id stays, a number does not
    edge = small.edges_to_frame().iloc[0]
    into, start = int(edge["target"]), int(edge["source"])
    assert check_edge(small, small.ids[into], start) == check_edge(small, into, small.ids[start]) == (into, start)
    first, second = small.first_row, small.first_row + 1
    assert check_nodes(small, [small.ids[first], second]) == (first, second)
    assert check_nodes(small, small.ids[first]) == check_nodes(small, first) == (first,)
    other = small.ref(first)
    assert check_swaps(small, (first,), {small.ids[first]: other}) == {first: other}
    by_id = ask_change(small, small.ids[first], 0.5, None, {small.ids[first]: other}, 3)
    assert by_id == ask_change(small, [first], 0.5, None, {first: other}, 3)
    assert by_id != ask_change(small, [second], 0.5, None, None, 3)
    both = [first, second]
    held = ask_change(small, both, None, 2.0, None, 3)
    assert held == ask_change(small, both, None, {small.ids[second]: 2, first: 2}, None, 3)
    assert (
        held
        != ask_change(small, both, None, {first: 2, second: 3}, None, 3)
        != ask_change(small, both, 2, None, None, 3)
    )
    assert ask_change(small, both, None, None, None, 3) == ask_change(small, both, 0, None, None, 3)
    assert ask_heads(small, small.ids[into], small.ids[start]) == ask_heads(small, into, start)


def test_a_change_says_what_each_place_is_held_at(graph):
    one, two = graph.first_row, graph.first_row + 1
    own, other = float(graph.activations[one]), graph.ref(two)
    for given, kept, put in (
        ({}, 0.0, own),
        ({"factor": 3.0}, 3 * own, own),
        ({"activation": 7}, 7.0, 7.0),
        ({"activation": {graph.ids[one]: 7, two: 0}}, 7.0, 7.0),
    ):
        for swaps in (None, {one: replace(other, feature=9)}):
            found = read_circuit_change(graph, [one, two], **given, instead=swaps)
            is_gone = swaps is not None and "activation" in given
            assert (found.find_kept(graph, one), found.find_put(graph, one)) == (0.0 if is_gone else kept, put)
    group = NodeGroup("all", (0, one, two))  # a token, too, which stays
    grouped = replace(graph, groups=(group,))
    assert read_circuit_change(grouped, group).nodes == (one, two)
    for there, asked, words in (
        (graph, {"nodes": group}, "'all' is no group of this graph; take one of graph.groups"),
        (replace(graph, groups=(NodeGroup("t", (0,)),)), {"nodes": NodeGroup("t", (0,))}, "'t' has no feature"),
        (graph, {"nodes": one, "factor": 0, "activation": 0}, "factor= or held at activation=; leave one of them out"),
        (graph, {"nodes": one, "activation": -1}, "activation must be a finite number from 0 to 1e"),
        (graph, {"nodes": one, "activation": "much"}, "activation must be a finite number"),
        (graph, {"nodes": one, "activation": {one: float("nan")}}, "an activation must be a finite number"),
        (graph, {"nodes": [one, two], "activation": {one: 1}}, "each node that is changed, once"),
        (graph, {"nodes": one, "activation": {one: 1, two: 1}}, "each node that is changed, once"),
        (graph, {"nodes": one, "activation": {one: 1, graph.ids[one]: 2}}, "each node that is changed, once"),
        (graph, {"nodes": one, "activation": {"9_9_9": 1}}, "has no node '9_9_9'"),
    ):
        with pytest.raises(gs.InvalidValue, match=words):
            read_circuit_change(there, **asked)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda graph: graph.locate("9_9_9"), "has no node '9_9_9'; .* lists their ids"),
        (lambda graph: graph.locate("<b>" * 50), r"has no node '<b>.*\.\.\.;"),
        (lambda graph: graph.locate(len(graph)), "a node must be a whole number"),
        (lambda graph: graph.locate(True), "a node must be a whole number"),
        (lambda graph: check_nodes(graph, [graph.ids[graph.first_row], graph.first_row]), "different features"),
        (lambda graph: check_nodes(graph, graph.ids[0]), "is no feature but token"),
        (lambda graph: check_swaps(graph, (40,), {graph.ids[40]: graph.ref(40), 40: graph.ref(40)}), "once"),
        (lambda graph: check_edge(graph, "nobody", 0), "has no node 'nobody'"),
    ],
)
def test_what_names_no_node_is_told(graph, ask, words):
    with pytest.raises(gs.InvalidValue, match=words):
        ask(graph)
