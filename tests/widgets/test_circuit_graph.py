"""CircuitGraph: its numbers are the graph's, its state is checked, marks stay with their nodes, changes are the scope's."""

import contextlib
import io
import json
import math
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.keeping.circuit_writing import build_json
from gscope_widgets.records.circuit_ids import list_node_ids
from gscope_widgets.records.circuit_subgraph import build_subgraph
from gscope_widgets.records.circuits import ERROR, FEATURE, TARGET, TOKEN, AttributionGraph, NodeGroup
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.widgets import circuit_graph
from gscope_widgets.widgets.base.formats import format_number
from gscope_widgets.widgets.base.limits import PINNED_NODES
from gscope_widgets.widgets.circuits import drawn, telling
from gscope_widgets.widgets.circuits.following import follow_marks
from gscope_widgets.widgets.circuits.homes import Away, Home, find_again
from gscope_widgets.widgets.circuits.marks import Marks, NodeIds
from gscope_widgets.widgets.circuits.names import name_place
from gscope_widgets.widgets.circuits.questions import read_change
from tests import fake_scope
from tests.fake_circuits import build_circuit
from tests.fake_model import tokenize

TEXT = "The old fisherman sold 12 fish."
FACT = "The title borne by the ruler of the region in which Hestad lies is"


@pytest.fixture
def page(scope, open_page):
    return open_page(gs.CircuitGraph(scope, TEXT))


@pytest.fixture
def graph(scope):
    return gs.circuit(scope, TEXT)


def unpack(message) -> tuple[dict, dict]:
    content, buffers = message
    arrays = {}
    for head, data in zip(content["arrays"], buffers, strict=True):
        assert len(data) == 4 * math.prod(head["shape"])
        arrays[head["name"]] = np.frombuffer(data, head["dtype"]).reshape(head["shape"])
    return content, arrays


def read_result(page) -> tuple[dict, dict]:
    page.send({"type": "ready"})
    return unpack(page.messages("result")[-1])


def list_features(graph, count) -> list[int]:
    """Nodes of features, most influential first."""
    order = np.argsort(-graph.influence())
    return [int(node) for node in order if graph.kinds[node] == FEATURE][:count]


# ---- what is drawn


@pytest.mark.row("10")
def test_the_message_is_the_pruned_graph_with_numbers_of_the_whole(page, graph):
    content, arrays = read_result(page)
    small, ids = graph.prune(0.8, 0.98), list_node_ids(graph)
    assert (content["prompt"], content["target"], content["tokens"]) == (TEXT, None, list(graph.tokens.strings))
    assert content["ids"] == list(list_node_ids(small))
    assert content["whole"]["error_share"] == pytest.approx(1 - graph.scores().replacement)
    for part, told, scores in (
        (graph, content["whole"], graph.scores()),
        (small, content["shown"], small.scores_within(graph)),
    ):
        assert (told["replacement"], told["completeness"]) == pytest.approx((scores.replacement, scores.completeness))
        assert told["edges"] == np.count_nonzero(part.weights)
        assert (told["features"], told["errors"]) == tuple((part.kinds == kind).sum() for kind in (FEATURE, ERROR))
    for name in ("kinds", "node_layers", "positions", "activations"):
        np.testing.assert_array_equal(arrays[name], getattr(small, name))
    nodes = [ids.index(one) for one in content["ids"]]
    influence = graph.influence()
    np.testing.assert_allclose(arrays["influence"], influence[nodes] / influence.sum(), rtol=1e-5)
    rows = [node - graph.first_row for node in nodes if node >= graph.first_row]
    np.testing.assert_allclose(arrays["inputs"][-len(rows) :], np.abs(graph.weights[rows]).sum(1), rtol=1e-5)
    np.testing.assert_allclose(
        arrays["rest"][-len(rows) :] + graph.weights[rows].sum(1), arrays["values"][-len(rows) :], rtol=1e-4, atol=1e-4
    )
    found = np.zeros_like(small.weights)
    found[arrays["sinks"] - small.first_row, arrays["sources"]] = arrays["weights"]
    np.testing.assert_array_equal(found, small.weights)
    shares = np.abs(small.weights) / np.abs(small.weights).sum(1, keepdims=True)
    worth = (small.influence() + small.start_weights())[small.first_row :]
    flows = (shares * worth[:, None])[arrays["sinks"] - small.first_row, arrays["sources"]]
    np.testing.assert_allclose(arrays["flows"], flows, rtol=1e-4)
    assert (np.diff(arrays["flows"]) >= 0).all()


@pytest.mark.row("10")
def test_less_influence_shows_fewer_nodes_and_both_scores_beside_those_of_the_whole(page, graph):
    widget = page.widget
    before = read_result(page)[0]
    counts = []
    for share in (0.9, 0.6, 0.3):
        page.forget()
        page.set(node_share=share)
        assert page.settle()["state"] == "idle"
        content, _ = unpack(page.messages("result")[-1])
        small = graph.prune(share, 0.98)
        assert content["shown"]["completeness"] == pytest.approx(small.scores_within(graph).completeness)
        assert content["whole"] == before["whole"]
        assert widget.shown.weights.shape == small.weights.shape
        counts.append(len(content["ids"]))
        assert format_number(small.scores_within(graph).replacement) in widget.to_html()
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[-1]


def test_scores_of_what_is_shown_only_fall_as_it_is_pruned_though_those_of_the_part_alone_rise(mini):
    graph = gs.circuit(mini, FACT)
    parts = [graph.prune(share) for share in (0.95, 0.8, 0.6, 0.4, 0.2, 0.05)]
    for name in ("replacement", "completeness"):
        falling = [getattr(one.scores_within(graph), name) for one in parts]
        assert falling == sorted(falling, reverse=True) and falling[0] > falling[-1]
        alone = [getattr(one.scores(), name) for one in parts]
        assert alone != sorted(alone, reverse=True)  # the control
    whole = graph.scores_within(graph)
    assert (whole.replacement, whole.completeness) == pytest.approx(
        (graph.scores().replacement, graph.scores().completeness)
    )


def test_of_a_huge_graph_the_most_influential_nodes_and_heaviest_edges_are_drawn_and_that_is_said(
    scope, open_page, monkeypatch
):
    monkeypatch.setattr(drawn, "DRAWN_NODES", 30)
    monkeypatch.setattr(telling, "DRAWN_EDGES", 25)
    page = open_page(gs.CircuitGraph(scope, TEXT, node_share=1.0, edge_share=1.0))
    content, arrays = read_result(page)
    graph = gs.circuit(scope, TEXT)
    kept = np.isin(graph.kinds, (TOKEN, TARGET))
    assert len(content["ids"]) <= 30 and len(arrays["weights"]) == 25
    assert "most influential of" in content["notes"][0] and "The 25 heaviest of" in content["notes"][1]
    whole = telling.pack_edges(page.widget.shown, most=10**9)  # all of them, by flow
    np.testing.assert_array_equal(arrays["flows"], whole["flows"][-25:])
    assert len(whole["flows"]) == np.count_nonzero(page.widget.shown.weights) > 25
    listed = [list_node_ids(graph).index(one) for one in content["ids"]]
    others = [node for node in range(len(graph)) if node not in listed]
    worth = graph.influence()
    assert max(worth[others]) <= min(worth[node] for node in listed if not kept[node])
    page.widget.pinned = [int(min(others, key=lambda node: worth[node]))]
    page.widget.wait()
    assert page.widget.pinned[0] in read_result(page)[0]["ids"]  # a pin is drawn all the same


def test_a_graph_that_takes_long_goes_on_in_the_view_with_its_progress_and_is_stopped(scope, open_page, monkeypatch):
    monkeypatch.setattr(circuit_graph, "_PATIENCE_S", 0.05)
    gate = threading.Event()
    scope.submit(lambda _job: gate.wait(10))
    page = open_page(gs.CircuitGraph(scope, TEXT))
    assert page.widget.status["state"] == "busy"
    assert "No graph has been traced yet." in page.widget._build_copy()
    page.send({"type": "ready"})
    assert page.messages("result") == [] and page.messages("ack")
    gate.set()
    assert page.widget.to_frame() is not None  # it waits
    assert read_result(page)[0]["prompt"] == TEXT

    def trace(_prompt, *, slot, **_more):
        def steps(_job):
            while not release.wait(0.002):
                yield 0.5  # progress is told four times a second
            yield 0.5

        return scope.submit(steps, slot=slot)

    release = threading.Event()
    monkeypatch.setattr(scope, "start_circuit", trace)
    page.set(prompt="The bird sang")
    deadline = time.monotonic() + 60
    while page.widget.status["progress"] != 0.5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (page.widget.status["state"], page.widget.status["progress"]) == ("busy", 0.5)
    page.send({"type": "cancel"})
    release.set()
    assert page.settle()["state"] == "cancelled"
    assert read_result(page)[0]["prompt"] == TEXT


def test_the_influence_of_a_graph_is_found_once_and_its_message_is_written_before_the_lock_is_taken(
    page, scope, graph, monkeypatch
):
    from gscope_widgets.records import circuits

    found, sizes = circuits.measure_influence, []
    monkeypatch.setattr(circuits, "measure_influence", lambda *given: [sizes.append(len(given[2])), found(*given)][1])
    tell, free = circuit_graph.tell_graph, []

    def tell_graph(*given, **more):
        """Another thread gets past the requests' lock meanwhile."""
        other = threading.Thread(target=page.widget._requests.mend, daemon=True)
        other.start()
        other.join(2)
        free.append(not other.is_alive())
        return tell(*given, **more)

    monkeypatch.setattr(circuit_graph, "tell_graph", tell_graph)
    longer = f"{TEXT[:-1]} and bread."
    scope.gate.clear()  # a trace that had ended would be taken by whoever asked, under the lock
    page.widget.prompt = longer
    scope.gate.set()
    page.widget.wait()
    whole = len(page.widget.graph)
    assert sizes.count(whole) == 1
    page.widget.node_share = 0.5
    page.widget.wait()
    page.widget.pinned = find_weak(page.widget._drawn.graph)
    page.widget.wait()
    assert page.widget.shows() and page.widget.to_html() and page.widget.subgraph.labels
    assert sizes.count(whole) == 1
    assert len(free) == 3 and all(free)
    with pytest.raises(ValueError, match="read-only"):
        graph.influence()[0] = 1


# ---- what is explained


IDS = {name: tokenize(name, chat=False).ids[-1] for name in (" fish", " bread")}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (None, None),
        (" fish", " fish"),
        (IDS[" fish"], " fish"),
        ((" fish", " bread"), [" fish", " bread"]),
        ([" fish", IDS[" bread"]], [" fish", " bread"]),
    ],
)
def test_a_target_is_a_token_two_or_none_and_an_id_is_shown_as_the_text_of_its_token(page, scope, written, told):
    page.widget.target = written
    page.widget.wait()
    assert page.widget.target == (tuple(told) if isinstance(told, list) else told)
    content, _ = read_result(page)
    wanted = gs.circuit(scope, TEXT, target=tuple(told) if isinstance(told, list) else told)
    given = gs.circuit(scope, TEXT, target=tuple(written) if isinstance(written, list) else written)
    assert content["target"] == told
    assert [one["name"] for one in content["targets"]] == [one.name for one in given.targets]
    assert [one.ids for one in page.widget.graph.targets] == [one.ids for one in given.targets]
    np.testing.assert_array_equal(page.widget.graph.weights, wanted.weights)
    assert ("target=" in page.widget.to_code()) == (written is not None)


def test_the_same_token_as_text_and_as_id_is_no_difference(page, refuse_all):
    refuse_all(page, "target", [[" fish", IDS[" fish"]]], message="a difference is of two tokens")


def test_on_mini_ids_are_told_as_text_also_of_a_recording_and_stay_ids_where_there_is_no_model(
    mini, open_page, tmp_path
):
    red = mini.tokens(" red").ids[-1]
    with mini.recording(tmp_path / "target.gscope"):
        live = open_page(gs.CircuitGraph(mini, FACT, target=red)).widget
    assert live.target == " red" and live.graph.targets[0].ids == (red,)
    again = open_page(gs.CircuitGraph(gs.replay(tmp_path / "target.gscope"), FACT, target=red)).widget
    assert again.target == " red"
    np.testing.assert_array_equal(again.graph.weights, live.graph.weights)
    assert open_page(gs.CircuitGraph(live.graph)).widget.target == red
    assert open_page(gs.CircuitGraph(mini, graph=live.graph)).widget.target == " red"


def test_a_feature_at_a_position_is_a_target(page, scope, graph):
    node = list_features(graph, 1)[0]
    ref, pos = graph.ref(node), int(graph.positions[node])
    for written in ((ref, pos), {"dictionary_id": ref.dictionary_id, "feature": ref.feature, "pos": pos}):
        page.widget.target = None
        page.widget.wait()
        page.set(target=written) if isinstance(written, dict) else setattr(page.widget, "target", written)
        page.settle()
        page.widget.wait()
        assert (page.widget.target.ref, page.widget.target.pos) == (ref, pos)
        content, _ = read_result(page)
        assert content["target"] == {"dictionary_id": ref.dictionary_id, "feature": ref.feature, "pos": pos}
        assert content["can_change"] is False  # only next tokens are changed
    assert f".feature({ref.feature}), {pos})" in page.widget.to_code()


def test_what_is_no_target_is_refused_in_words(page, graph, refuse_all):
    ref = graph.ref(list_features(graph, 1)[0])
    refuse_all(page, "target", ["two words here", ""], message="with the space before it")
    refuse_all(page, "target", [-1, 10**9, 1.5, True], message="a target's token id")
    refuse_all(page, "target", [[], [" fish"], [1, 2, 3]], message="target is a token, two, or (ref, pos)")
    refuse_all(page, "target", [[" fish", " fish"]], message="a difference is of two tokens")
    refuse_all(page, "target", [{"dictionary_id": "x"}, {}], message="target as a feature is")
    refuse_all(page, "target", [{"dictionary_id": "x", "feature": 1, "pos": 0}], message="x")
    with pytest.raises(gs.InvalidValue, match="at a position"):
        page.widget.target = ref


# ---- marks


@pytest.mark.row("10", "30")
def test_pins_are_ids_or_numbers_and_are_drawn_whatever_they_weigh(page, graph):
    widget, ids = page.widget, list_node_ids(graph)
    weak = int(np.argsort(graph.influence() + np.where(graph.kinds == FEATURE, 0, 9))[0])
    strong = list_features(graph, 1)[0]
    assert ids[weak] not in read_result(page)[0]["ids"]
    page.forget()
    widget.pinned = [strong]
    assert widget.pinned == (ids[strong],)
    assert page.messages("result") == []  # it is there already: nothing is drawn anew
    widget.pinned = [ids[strong], weak]
    widget.wait()
    assert widget.pinned == (ids[strong], ids[weak])
    assert ids[weak] in read_result(page)[0]["ids"]
    assert widget.graph.pinned == (strong, weak)
    widget.pinned = []
    widget.wait()
    assert ids[weak] not in read_result(page)[0]["ids"]


def test_what_is_no_node_is_refused_in_words(page, refuse_all):
    refuse_all(page, "pinned", [5, "0_1_2", None, {}], message="pinned is a list of nodes")
    refuse_all(page, "pinned", [["0_99999_1"]], message="the graph has no node '0_99999_1'; graph.to_frame() lists")
    refuse_all(page, "pinned", [["<b>"], [""], ["1_2_3" * 50]], message="a node's id is such as")
    refuse_all(page, "pinned", [[-1], [10**6], [1.5], [True]], message="a node must be a whole number")
    refuse_all(page, "pinned", [[3, 3]], message="twice")
    refuse_all(page, "pinned", [list(range(101))], message="at most 100 nodes are pinned")
    refuse_all(page, "selected_node", ["nowhere", -1], message="node")
    refuse_all(page, "groups", [5, "a", [5], [{"label": "a"}]], message="group")
    refuse_all(page, "groups", [{"": [3]}, {"x" * 61: [3]}], message="a group's label has 1 to 60 characters")
    refuse_all(page, "groups", [{"a": []}], message="has no node")
    refuse_all(page, "groups", [{"a": [3], "b": [3, 4]}], message="is in two groups")
    refuse_all(
        page, "groups", [[{"label": "a", "nodes": [3]}, {"label": "a ", "nodes": [4]}]], message="two groups are called"
    )
    refuse_all(page, "node_share", [-0.1, 1.5, "x", None], message="node_share")
    refuse_all(page, "edge_share", [2, True], message="edge_share")


def add_up(graph, boxes) -> tuple[np.ndarray, np.ndarray]:
    """Weights and shares between boxes, edge by edge: [to, from]."""
    worth = graph.influence() + graph.start_weights()
    weights, shares = np.zeros((2, len(boxes), len(boxes)))
    for to, sinks in enumerate(boxes):
        rows = [node for node in sinks if node >= graph.first_row]
        total = sum(worth[node] for node in rows)
        for of, sources in enumerate(boxes):
            if to == of:
                continue
            for node in rows:
                row = graph.weights[node - graph.first_row].astype(float)
                size = np.abs(row).sum()
                for source in sources:
                    weights[to, of] += row[source]
                    shares[to, of] += worth[node] / total * row[source] / size if size else 0
    return weights, shares


@pytest.mark.row("10")
def test_a_group_is_one_box_of_the_subgraph_whose_edges_are_sums(page, graph):
    widget = page.widget
    one, two, three = list_features(graph, 3)
    token = int(graph.positions[one])
    widget.pinned = [three, token]
    widget.groups = {"two of them": [one, two]}
    widget.wait()
    ids = list_node_ids(graph)
    assert widget.groups == ({"label": "two of them", "nodes": [ids[one], ids[two]]},)
    sub = widget.subgraph
    targets = np.flatnonzero(graph.kinds == TARGET).tolist()
    heaviest = targets[int(np.argmax(graph.target_weights))]
    assert sorted(sub.members) == sorted([tuple(sorted((one, two))), (three,), (token,), (heaviest,)])
    weights, shares = add_up(graph, sub.members)
    np.testing.assert_allclose(sub.weights, weights, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(sub.shares, shares, rtol=1e-4, atol=1e-6)
    assert np.abs(sub.shares).max() > 0 and sub.labels[sub.members.index(tuple(sorted((one, two))))] == "two of them"
    told = page.messages("subgraph")[-1][0]
    assert [box["label"] for box in told["boxes"]].count("two of them") == 1
    sizes = [abs(edge["share"]) for edge in told["edges"]]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == np.count_nonzero(sub.weights)
    widget.groups = {}
    widget.pinned = [three, targets[-1]]
    widget.wait()
    assert widget.subgraph.members == ((three,), (targets[-1],))  # the answer pinned stands for the rest


def test_a_box_says_how_much_of_its_input_stands_there_and_how_much_is_error(graph):
    target = len(graph) - 1
    others = list(range(graph.first_row))
    sub = build_subgraph(graph, [("all tokens and errors", others), ("answer", [target])])
    row = np.abs(graph.weights[-1])
    assert sub.shown[1] == pytest.approx(row[others].sum() / row.sum(), rel=1e-5)
    assert sub.errors[1] == pytest.approx(row[graph.kinds == ERROR].sum() / row.sum(), rel=1e-5)
    assert np.isnan(sub.shown[0])
    assert sub.to_frame().share.tolist() == pytest.approx([float(sub.shares[1, 0])])


def test_a_number_in_the_frame_is_that_of_pins_changes_and_heads(page, graph):
    widget, ids = page.widget, list_node_ids(graph)
    frame = widget.to_frame()
    assert len(frame) == len(widget.shown) < len(graph)
    assert frame.node.tolist() != widget.shown.to_frame().node.tolist()  # the control: the pruned graph counts anew
    for row in frame.itertuples():
        assert (row.layer, row.pos) == (graph.node_layers[row.node], graph.positions[row.node])
        assert row.kind != "feature" or row.feature == graph.numbers[row.node]
    first = frame.query("kind == 'feature'").iloc[0]
    widget.pinned = [int(first.node)]
    assert widget.pinned == (ids[int(first.node)],)
    assert graph.numbers[widget.graph.pinned[0]] == first.feature
    assert widget.change(int(first.node)).nodes == (int(first.node),)


def test_pins_go_with_their_tokens_and_those_of_words_that_changed_are_let_go_and_that_is_said(page, scope, graph):
    widget, prompt = page.widget, f"{TEXT[:-1]} and bread"
    other = gs.circuit(scope, prompt)
    ids, same = list_node_ids(graph), 3
    assert graph.tokens.ids[:same] == other.tokens.ids[:same]
    errors = [ids[node] for node in np.flatnonzero(graph.kinds == ERROR) if graph.positions[node] < same]
    kept = next(one for one in errors if one in list_node_ids(other))
    changed = next(at for at, (a, b) in enumerate(zip(graph.tokens.ids, other.tokens.ids, strict=False)) if a != b)
    lost = next(
        one
        for node, one in enumerate(ids)
        if graph.kinds[node] == ERROR and graph.positions[node] >= changed and one in list_node_ids(other)
    )  # an id that both have, of two different words: the same id is no reason to stay
    widget.pinned = [kept, lost]
    widget.selected_node = lost
    widget.groups = {"a": [lost]}
    page.forget()
    page.set(prompt=prompt)
    assert page.settle()["state"] == "idle"
    widget.wait()
    assert widget.pinned == (kept,) and widget.groups == () and widget.selected_node is None
    note = page.messages("result")[-1][0]["note"]
    assert "1 pinned node is not in this graph, and unpinned until it is." in note


def trace(page, prompt) -> str:
    """Another prompt, set in the page and traced; what is said of its pins."""
    page.forget()
    page.set(prompt=prompt)
    assert page.settle()["state"] == "idle"
    page.widget.wait()
    return page.messages("result")[-1][0]["note"]


OTHERS = ("The bird sang on Monday", "Sie kauft Brot", f"Now {TEXT}")


@pytest.mark.parametrize("ways", [OTHERS[:1], OTHERS[:2], OTHERS], ids=len)
def test_a_text_that_comes_back_has_its_pins_groups_and_labels_again(page, graph, ways):
    widget, ids = page.widget, graph.ids
    features = [ids[one] for one in list_features(graph, 6)]
    errors = [ids[node] for node in np.flatnonzero(graph.kinds == ERROR)[[2, -1]]]
    pinned = (features[0], errors[0], features[1], ids[1], features[2])
    groups = {"town": [features[3], errors[1], features[0]], "errors alone": [errors[0]], "others": features[4:]}
    widget.pinned, widget.groups = pinned, groups
    kept = widget.groups
    for way in ways:
        assert "unpinned until" in trace(page, way) or way == OTHERS[2]
        assert not set(errors) <= set(widget.pinned)  # the control: they were gone
    assert "back" in trace(page, TEXT)
    assert (widget.pinned, widget.groups) == (pinned, kept)
    assert widget.graph.pinned == tuple(ids.index(one) for one in pinned)


def test_what_the_reader_does_on_the_other_text_is_kept_on_the_first(page, scope, graph, monkeypatch):
    """A pin let go there is let go, a new one comes along, and a group has the name that it got there."""
    build = fake_scope.build_circuit
    one, two, three = list_features(graph, 3)
    other = build(tokenize(OTHERS[0], chat=False), None, 5000)
    places = [
        np.flatnonzero((other.kinds == FEATURE) & (other.node_layers == graph.node_layers[node])) for node in (one, two)
    ]
    shared = [int(places[0][0]), int(places[1][-1])]
    numbers = other.numbers.copy()
    numbers[shared] = graph.numbers[[one, two]]  # two of its features fire there as well
    other = replace(other, numbers=numbers)
    monkeypatch.setattr(
        fake_scope,
        "build_circuit",
        lambda tokens, *rest: other if tokens.ids == other.tokens.ids else build(tokens, *rest),
    )
    widget, ids, error = page.widget, graph.ids, graph.ids[int(np.flatnonzero(graph.kinds == ERROR)[3])]
    widget.pinned = [one, two, error]
    widget.groups = {"town": [ids[one], error], "lost": [three]}
    trace(page, OTHERS[0])
    assert widget.pinned == tuple(other.ids[node] for node in shared)
    assert widget.groups == ({"label": "town", "nodes": [other.ids[shared[0]]]},)
    fresh = next(node for node in list_features(other, 30) if node not in shared)
    page.set(
        pinned=[other.ids[shared[0]], other.ids[fresh]], groups=[{"label": "city", "nodes": [other.ids[shared[0]]]}]
    )
    page.settle()
    trace(page, TEXT)
    assert widget.pinned == (ids[one], error)
    assert widget.groups == ({"label": "city", "nodes": [ids[one], error]}, {"label": "lost", "nodes": [ids[three]]})
    trace(page, OTHERS[0])
    assert widget.pinned == (other.ids[shared[0]], other.ids[fresh])  # which the first text has not, and this one has


def test_where_all_is_unpinned_nothing_comes_back(page, graph):
    widget = page.widget
    error = graph.ids[int(np.flatnonzero(graph.kinds == ERROR)[3])]
    widget.pinned = [error, *list_features(graph, 2)]
    trace(page, f"Now {TEXT}")
    assert widget.pinned and error not in widget.pinned
    page.set(pinned=[], groups=[])
    page.settle()
    assert trace(page, TEXT) == ""
    assert widget.pinned == ()


def test_of_more_than_can_be_pinned_those_that_stood_here_stay_and_the_others_wait(graph):
    other = replace(graph, tokens=replace(graph.tokens, strings=graph.tokens.strings[::-1], ids=graph.tokens.ids[::-1]))
    errors = [graph.ids[node] for node in np.flatnonzero(graph.kinds == ERROR)[:30]]
    features = [other.ids[node] for node in np.flatnonzero(other.kinds == FEATURE)[:90]]
    away = tuple(Away(Home.of(graph, one), at, None) for at, one in enumerate(errors))
    kept, said = follow_marks(Marks(tuple(features), (), None, away=away), other, graph)
    assert len(kept.pinned) == PINNED_NODES and {*features} < {*kept.pinned} < {*features, *errors}
    assert len(kept.away) == 20 and "10 pinned nodes are back" in said


def test_a_node_is_where_its_token_is_and_a_feature_wherever_the_graph_has_it(scope, graph):
    moved = replace(graph, tokens=gs.circuit(scope, f"Now {TEXT}").tokens)
    shift = len(moved.tokens) - len(graph.tokens)
    moved = replace(moved, positions=graph.positions + shift)
    names, last = list_node_ids(moved), len(graph.tokens) - 1
    for node, id_ in enumerate(list_node_ids(graph)):
        found, pos = find_again(Home.of(graph, id_), moved), graph.positions[node]
        if graph.kinds[node] == TARGET:
            assert found == []
        elif pos == last:  # all of the text after it is the same: its token is there
            assert found[0] == names[node]
            assert len(found) == (len(moved.find(graph.ref(node))) if graph.kinds[node] == FEATURE else 1)
        elif pos == 0:  # the first token is the same in both, and this graph has no node there
            assert bool(found) == (graph.kinds[node] == FEATURE)
    same = replace(graph, pinned=(1,))
    assert all(find_again(Home.of(graph, one), same) == [one] for one in graph.ids)


def test_a_feature_goes_with_its_token_or_is_found_elsewhere_and_marks_set_ahead_are_of_the_new_graph(
    page, scope, graph, monkeypatch
):
    widget, prompt = page.widget, f"Now {TEXT}"
    other = gs.circuit(scope, prompt)
    shift, pinned = len(other.tokens) - len(graph.tokens), list_features(graph, 1)[0]
    place = graph.node_layers[pinned], graph.positions[pinned] + shift
    assert shift > 0 and other.tokens.ids[place[1] :] == graph.tokens.ids[graph.positions[pinned] :]
    numbers, features = other.numbers.copy(), np.flatnonzero(other.kinds == FEATURE)
    there = features[(other.node_layers[features] == place[0]) & (other.positions[features] == place[1])][0]
    numbers[there] = graph.numbers[pinned]  # the new text has the feature at the same word
    build = fake_scope.build_circuit
    monkeypatch.setattr(
        fake_scope,
        "build_circuit",
        lambda tokens, *rest: replace(build(tokens, *rest), **({"numbers": numbers} if len(tokens) > 10 else {})),
    )
    other = gs.circuit(scope, prompt)
    wanted = list_node_ids(graph)[pinned], list_node_ids(other)[there]
    assert wanted[0] != wanted[1] and wanted[0] not in list_node_ids(other)
    widget.pinned = [wanted[0]]
    widget.groups = {"a": [wanted[0]]}
    widget.selected_node = wanted[0]
    page.forget()
    page.set(prompt=prompt)
    assert page.settle()["state"] == "idle"
    widget.wait()
    assert widget.pinned == (wanted[1],) and widget.selected_node == wanted[1]
    assert widget.groups == ({"label": "a", "nodes": [wanted[1]]},)
    assert widget.selected_feature == other.ref(list_node_ids(other).index(wanted[1]))
    assert "1 pinned node stands at another position now." in page.messages("result")[-1][0]["note"]
    assert not widget._drawing.is_behind(widget._drawn)
    error = next(one for one in list_node_ids(graph)[::-1] if graph.kinds[list_node_ids(graph).index(one)] == ERROR)
    widget.prompt = TEXT
    widget.pinned = [error]  # named for the graph to come
    widget.wait()
    assert widget.pinned == (error,)


@pytest.mark.row("32")
def test_the_node_selected_is_the_feature_and_token_that_a_link_shares(page, scope, graph, open_page):
    widget, node = page.widget, list_features(graph, 1)[0]
    widget.selected_node = node
    assert widget.selected_feature == graph.ref(node)
    assert widget.selected_pos == graph.positions[node]
    other = next(one for one in list_features(graph, 9) if graph.ref(one) != graph.ref(node))
    widget.selected_feature = graph.ref(other)
    assert widget.selected_node == list_node_ids(graph)[other]
    card = open_page(gs.FeatureCard(scope, graph.ref(node))).widget
    heatmap = open_page(gs.TokenHeatmap(scope, TEXT, features=[3])).widget
    gs.link(widget, card, heatmap, share=("feature", "pos"))
    widget.selected_node = node
    card.wait()
    assert card.feature == graph.ref(node) and heatmap.selected_pos == graph.positions[node]
    card.feature = graph.ref(other)
    card.wait()
    assert widget.selected_node == list_node_ids(graph)[other]
    card.feature = scope.dictionary().feature(3)  # which no graph has: it is left alone
    assert widget.selected_node == list_node_ids(graph)[other]
    widget.selected_node = 0  # a token
    assert widget.selected_feature is None and widget.selected_pos == 0


@pytest.mark.parametrize("is_given", [True, False], ids=["given", "traced"])
def test_marks_that_can_be_read_once_are_all_taken(scope, graph, open_page, is_given):
    one, two, three = list_features(graph, 3)
    ids = list_node_ids(graph)
    marked = replace(graph, pinned=(three,), groups=(NodeGroup("own", (one,)),))

    def make(**marks):
        how = {"graph": marked} if is_given else {"prompt": TEXT}
        return open_page(gs.CircuitGraph(scope, **how, **marks)).widget

    assert make(pinned=(node for node in [one, two])).pinned == (ids[one], ids[two])
    for groups in (
        {"a": (node for node in [one, two])},
        (NodeGroup("a", (one, two)) for _ in range(1)),
        iter([{"label": "a", "nodes": iter([ids[one], two])}]),
    ):
        widget = make(groups=groups)
        assert widget.groups == ({"label": "a", "nodes": [ids[one], ids[two]]},) and widget.pinned == ()
    widget = make(pinned=iter([]), groups=iter([]))  # none: those of a graph that was given, which the others were not
    assert widget.pinned == ((ids[three],) if is_given else ())
    assert [each["label"] for each in widget.groups] == (["own"] if is_given else [])
    assert make(pinned=np.array([two])).pinned == (ids[two],)
    for name, words in (("pinned", "pinned is a list of nodes"), ("groups", "groups are nodes by label")):
        for wrong in (None, 5):
            with pytest.raises(gs.InvalidValue, match=f"{words}.*got {wrong}"):
                make(**{name: wrong})


# ---- marks and settings while work is under way


def find_weak(graph, count=1) -> list[int]:
    """Features that pruning leaves out, weakest first."""
    order = np.argsort(graph.influence())
    return [int(node) for node in order if graph.kinds[node] == FEATURE][:count]


def stop_a_trace(page, scope, prompt) -> None:
    """The view says a prompt whose trace was stopped before it began."""
    gate = threading.Event()
    scope.submit(lambda _job: gate.wait(10))
    page.set(prompt=prompt)
    page.send({"type": "cancel"})
    gate.set()
    assert page.settle()["state"] == "cancelled"


def test_back_at_the_first_prompt_its_graph_is_shown_though_the_other_trace_ends_too(page, scope, graph):
    for _ in range(20):
        scope.gate.clear()
        page.set(prompt="The bird sang")
        scope.gate.set()
        page.set(prompt=TEXT)
        page.settle()
        page.widget.wait()
        assert page.widget.graph.tokens.text == TEXT


def test_a_node_picked_while_a_prompt_is_traced_leaves_the_trace_and_is_drawn_in_its_graph(page, scope, graph):
    widget, longer = page.widget, f"{TEXT[:-1]} and bread."
    ids, wanted = list_node_ids(graph), gs.circuit(scope, longer)
    widget.pinned = find_weak(graph)
    widget.wait()
    shared = sorted(set(ids) & set(list_node_ids(wanted)))
    before = scope.calls.count("circuit")
    scope.gate.clear()
    page.set(prompt=longer)
    page.set(selected_node=shared[0])
    page.set(pinned=[list_node_ids(graph)[one] for one in find_weak(graph, 2)])
    page.set(node_share=0.5)
    assert widget.status["state"] == "busy"
    scope.gate.set()
    assert page.settle()["state"] == "idle"
    widget.wait()
    assert scope.calls.count("circuit") == before + 1  # one trace, which went on
    content, _ = read_result(page)
    assert (content["prompt"], content["node_share"]) == (longer, 0.5)
    np.testing.assert_array_equal(widget.graph.weights, wanted.weights)
    assert shared[0] in content["ids"]


def test_pins_and_pruning_during_a_change_leave_it_and_are_drawn_with_its_effect(page, scope, graph):
    widget, node, (weak, other) = page.widget, list_features(graph, 1)[0], find_weak(graph, 2)
    ids = list_node_ids(graph)
    for state in ({"pinned": [ids[weak]]}, {"selected_node": ids[other]}, {"node_share": 0.4}):
        page.forget()
        scope.gate.clear()
        factor = len(ids) % 7 + len(str(state)) / 100
        page.send({"type": "change", "nodes": [ids[node]], "factor": factor, "activation": None, "instead": []})
        page.set(**state)
        scope.gate.set()
        assert page.settle()["state"] == "idle"
        widget.wait()
        assert widget.effect.factor == factor and len(page.messages("effect")) == 1
        content, _ = read_result(page)
        assert ids[weak] in content["ids"] and content["node_share"] == widget.node_share
        assert set(state) != {"selected_node"} or ids[other] in content["ids"]
    assert len(widget.shown) < len(graph.prune(0.8, 0.98))


@pytest.mark.parametrize("stop", [True, False], ids=["stopped", "failed"])
def test_what_was_set_during_a_change_that_ends_without_a_result_is_drawn_all_the_same(page, scope, graph, stop):
    widget, node, weak = page.widget, list_features(graph, 1)[0], find_weak(graph)[0]
    ids = list_node_ids(graph)
    scope.gate.clear()
    page.send({"type": "change", "nodes": [ids[node]], "factor": 0.0, "activation": None, "instead": []})
    page.set(pinned=[ids[weak]], node_share=0.5)
    if stop:
        page.send({"type": "cancel"})
    else:
        scope.error = RuntimeError("a tensor broke")
    scope.gate.set()
    assert page.settle()["state"] == ("cancelled" if stop else "error")
    with contextlib.suppress(RuntimeError):
        widget.wait()
    assert widget.status["state"] == ("cancelled" if stop else "error")  # what was said stays
    content, _ = read_result(page)
    assert ids[weak] in content["ids"] and content["node_share"] == 0.5


def test_a_change_returns_its_own_effect_whatever_is_marked_meanwhile_and_is_cancelled_by_something_newer(
    page, scope, graph
):
    widget, node, weak = page.widget, list_features(graph, 1)[0], find_weak(graph)[0]

    def change_meanwhile(act) -> dict:
        found, scope.calls[:] = {}, []
        scope.gate.clear()

        def run():
            try:
                found["effect"] = widget.change(node, 5.0)
            except gs.GscopeError as error:
                found["error"] = error

        thread = threading.Thread(target=run)
        thread.start()
        while "change_circuit" not in scope.calls:
            time.sleep(0.001)
        act()
        scope.gate.set()
        thread.join(20)
        return found

    assert change_meanwhile(lambda: setattr(widget, "pinned", [weak]))["effect"].factor == 5.0  # the first of all
    widget.change(node, 0.0)
    assert change_meanwhile(lambda: setattr(widget, "pinned", []))["effect"].factor == 5.0
    found = change_meanwhile(lambda: setattr(widget, "prompt", "The bird sang"))
    assert isinstance(found.get("error"), gs.Cancelled), found
    widget.wait()
    assert widget.graph.tokens.text == "The bird sang" and widget.effect is None


def test_while_another_prompt_is_traced_the_old_graph_is_not_changed_and_the_trace_goes_on(page, scope, graph):
    widget, ids, node = page.widget, list_node_ids(graph), list_features(graph, 1)[0]
    for message in (
        {"type": "change", "nodes": [ids[node]], "factor": 0.0, "activation": None, "instead": []},
        {"type": "change", "nodes": ["9_9_9"], "factor": 0.0, "activation": None, "instead": []},
        {"type": "heads", "node": ids[-1], "source": ids[0]},
        {"type": "heads", "node": "9_9_9", "source": "9_9_8"},
    ):
        widget.prompt = TEXT
        widget.wait()
        scope.gate.clear()
        page.set(prompt="The bird sang")
        page.send(message)
        assert widget.status["state"] == "busy" and "wait for the trace" in widget.status["message"]
        scope.gate.set()
        page.settle()
        widget.wait()
        assert widget.graph.tokens.text == "The bird sang"
    stop_a_trace(page, scope, TEXT)
    page.send({"type": "change", "nodes": [ids[node]], "factor": 0.0, "activation": None, "instead": []})
    assert "stopped or failed; set them again" in page.settle()["message"]


def test_python_changes_the_graph_that_is_being_traced_and_unknown_marks_let_through_do_no_harm(page, scope):
    widget = page.widget
    widget.prompt = "The bird sang"
    effect = widget.change(list_features(gs.circuit(scope, "The bird sang"), 1), 0.5)
    assert widget.effect is effect and effect.factor == 0.5
    stop_a_trace(page, scope, TEXT)
    page.set(pinned=["9_9_9"], groups=[{"label": "g", "nodes": ["9_9_9"]}])
    assert widget.pinned == ("9_9_9",) and widget.graph.pinned == () and widget.graph.groups == ()
    assert widget.to_html() and widget.subgraph.labels and widget.to_code()
    with pytest.raises(gs.InvalidValue, match="set them again"):
        widget.change("g")
    widget.prompt = TEXT
    with pytest.raises(gs.InvalidValue):
        widget.change("g")  # the new graph has it not either: it was let go


def test_what_was_marked_for_a_graph_that_does_not_come_is_let_go_and_that_is_said(page, scope, graph):
    widget, ids, one = page.widget, list_node_ids(graph), list_features(graph, 1)[0]
    assert "9_9_9" not in ids
    for is_stopped in (False, True):
        gate = threading.Event()
        if is_stopped:
            stop_a_trace(page, scope, "The bird sang")
        scope.submit(lambda _job, gate=gate: gate.wait(10))  # so that no trace begins
        if not is_stopped:
            page.set(prompt="The bird sang")
        page.set(pinned=["9_9_9"], groups=[{"label": "x", "nodes": ["9_9_9"]}, {"label": "y", "nodes": [ids[one]]}])
        assert widget.pinned == ("9_9_9",)  # let through
        page.set(prompt=TEXT)
        gate.set()
        assert "1 pinned node is not in this graph, and unpinned." in page.settle()["message"]
        assert widget.pinned == () and [each["label"] for each in widget.groups] == ["y"]
        with pytest.raises(gs.InvalidValue, match="no group is called 'x'; the groups are 'y'"):
            widget.change("x")
        assert widget.change("y").nodes == (one,)
        widget.node_share = 0.5
        assert "unpinned" not in page.settle()["message"]
        widget.node_share = 0.8


def test_a_group_is_changed_as_far_as_the_graph_has_it(scope, graph):
    one = list_features(graph, 1)[0]
    known, unknown = {"label": "x", "nodes": ["9_9_9", graph.ids[one]]}, {"label": "z", "nodes": ["9_9_9"]}
    plain = {"factor": None, "activation": None, "instead": None, "groups": [known, unknown]}

    def ask_group(label):
        return read_change(scope, graph, NodeIds(graph, False), label, **plain)

    asked = ask_group("x")
    assert asked.change.nodes == (one,) and asked.group == "x"
    with pytest.raises(gs.InvalidValue, match="'z' has no feature"):
        ask_group("z")


def test_far_too_many_nodes_are_refused_at_once(page, scope, graph):
    many = [f"1_{at}_1" for at in range(100_000)]
    ids = list_node_ids(graph)
    scope.gate.clear()
    page.set(prompt="The bird sang")  # unknown ids are let through now
    began = time.process_time()
    for state in (
        {"pinned": many},
        {"groups": [{"label": "a", "nodes": many}]},
        {"groups": [{"label": f"g{at}", "nodes": [f"1_{at}_1"]} for at in range(10_000)]},
        {"groups": [{"label": f"g{at}", "nodes": many[at * 60 : at * 60 + 60]} for at in range(2)]},
    ):
        page.set(**state)
        assert "at most" in page.widget.status["message"], state
    scope.gate.set()
    page.set(prompt=TEXT)
    page.settle()
    for nodes, instead in ((many, []), ([ids[-3]], [{"node": one, "feature": 1} for one in many])):
        page.send({"type": "change", "nodes": nodes, "factor": 0.0, "activation": None, "instead": instead})
        assert f"{len(ids)}" in page.settle()["message"]
    assert time.process_time() - began < 10
    assert page.widget.pinned == () and page.widget.groups == ()


# ---- changes


@pytest.mark.row("10")
def test_a_change_is_the_scopes_own_with_its_controls(page, scope, graph):
    widget, (one, two) = page.widget, list_features(graph, 2)
    ids = list_node_ids(graph)
    for nodes, factor in (([one], 0.0), ([one, two], 2.0)):
        page.forget()
        page.send(
            {
                "type": "change",
                "nodes": [ids[node] for node in nodes],
                "factor": factor,
                "activation": None,
                "instead": [],
            }
        )
        assert page.settle()["state"] == "idle"
        wanted = gs.change_circuit(scope, graph, nodes, factor)
        told = page.messages("effect")[-1][0]
        assert [row["predicted"] for row in told["rows"]] == wanted.predicted.tolist()
        assert [row["free"] for row in told["rows"]] == wanted.free.tolist()
        assert [row["random_high"] for row in told["rows"]] == wanted.random.max(0).tolist()
        assert told["controls"] == 5 and ("ablated" in told["words"]) == (factor == 0)
        assert page.messages("result") == []  # the graph is not drawn again
        copied = widget.to_html()
        assert "level before" in copied and "change in the model" in copied
        assert format_number(float(wanted.baseline[0])) in copied
        sign = "+" if wanted.free[0] > 0 else ""
        assert f">{sign}{format_number(float(wanted.free[0]))}<" in copied
        for node in nodes:
            assert f".feature({graph.ref(node).feature}), pos={graph.positions[node]})" in widget.to_code()
    assert scope.calls.count("change_circuit") == 4


def test_a_swap_names_a_feature_of_the_layer_and_has_no_prediction(page, scope, graph):
    node = list_features(graph, 1)[0]
    effect = page.widget.change(node, instead={node: 77})
    own = graph.ref(node)
    wanted = gs.change_circuit(scope, graph, [node], instead={node: FeatureRef(own.dictionary_id, 77)})
    np.testing.assert_array_equal(effect.free, wanted.free)
    assert np.isnan(effect.predicted).all()
    told = page.messages("effect")[-1][0]
    assert (
        told["rows"][0]["predicted"] is None
        and f"feature 77 in its place, at {format_number(float(graph.activations[node]), 4)}" in told["words"]
    )
    assert "feature(77)}" in page.widget.to_code()
    again = page.widget.change([node], instead={node: FeatureRef(own.dictionary_id, 78)})
    assert not np.array_equal(again.free, effect.free)


def test_a_group_is_changed_by_its_name_and_errors_in_it_stay(page, scope, graph):
    one, two = list_features(graph, 2)
    error = int(np.flatnonzero(graph.kinds == ERROR)[0])
    page.widget.groups = {"both": [one, error, two]}
    effect = page.widget.change("both", 0.5)
    assert sorted(effect.nodes) == sorted([one, two]) and effect.factor == 0.5
    np.testing.assert_array_equal(effect.free, gs.change_circuit(scope, graph, effect.nodes, 0.5).free)
    words = page.messages("effect")[-1][0]["words"]
    assert words.startswith("both (feature ") and words.endswith("times 0.5; 1 error left as it is"), words
    ids = list_node_ids(graph)
    page.send(
        {"type": "change", "nodes": [ids[one], ids[two]], "factor": 0.0, "activation": None, "instead": []}
    )  # as the page has it
    page.settle()
    assert page.messages("effect")[-1][0]["words"].endswith("ablated; 1 error left as it is")
    page.widget.change(one)
    assert "both" not in page.messages("effect")[-1][0]["words"]


def test_nodes_are_held_at_an_activation_by_page_and_python(page, scope, graph):
    widget, (one, two) = page.widget, list_features(graph, 2)
    ids = graph.ids
    page.send({"type": "change", "nodes": [ids[one], ids[two]], "factor": None, "activation": 9.5, "instead": []})
    assert page.settle()["state"] == "idle"
    wanted = gs.change_circuit(scope, graph, [one, two], activation=9.5)
    told = page.messages("effect")[-1][0]
    assert [row["free"] for row in told["rows"]] == wanted.free.tolist()
    assert told["words"].endswith(": held at 9.5") and told["words"].count("feature ") == 2
    assert "[nodes[" not in widget.to_code() and "nodes, activation=9.5)" in widget.to_code()
    effect = widget.change([one, two], activation={ids[two]: 3, one: 0})
    np.testing.assert_array_equal(
        effect.free, gs.change_circuit(scope, graph, [one, two], activation={one: 0, two: 3}).free
    )
    assert (effect.factor, effect.activations) == (None, (0.0, 3.0))
    assert "nodes, activation={nodes[0]: 0.0, nodes[1]: 3.0})" in widget.to_code()
    for given, words in (
        ({"factor": 0.5, "activation": 3}, "leave one of them out, got 0.5 and 3"),
        ({"activation": -1}, "activation must be a finite number from 0"),
        ({"activation": {one: 1}}, "each node that is changed, once"),
    ):
        with pytest.raises(gs.InvalidValue, match=words):
            widget.change([one, two], **given)
    page.send({"type": "change", "nodes": [ids[one]], "factor": 0.5, "activation": 3.0, "instead": []})
    assert "leave one of them out" in page.settle()["message"]


def test_the_words_of_a_change_say_what_becomes_of_each_node(page, graph):
    widget, nodes = page.widget, list_features(graph, 3)
    names = [
        f"feature {graph.numbers[node]} of layer {graph.node_layers[node]} at {name_place(graph, node)}"
        for node in nodes
    ]
    own = [format_number(float(graph.activations[node]), 4) for node in nodes]
    swap = {nodes[0]: int(graph.numbers[nodes[0]]) + 1}
    comes = f"feature {swap[nodes[0]]}"
    for asked, words in (
        ({}, f"{', '.join(names)}: ablated"),
        ({"activation": 3}, f"{', '.join(names)}: held at 3"),
        (
            {"activation": dict(zip(nodes, (3, 5, 3), strict=True))},
            f"{names[0]}, {names[2]}: held at 3; {names[1]}: held at 5",
        ),
        ({"instead": swap}, f"{names[0]}: {comes} in its place, at {own[0]}; {names[1]}, {names[2]}: ablated"),
        (
            {"factor": 3.0, "instead": swap},
            f"{names[0]}: times 3, and {comes} beside it, at {own[0]}; {names[1]}, {names[2]}: times 3",
        ),
        (
            {"activation": 8, "instead": swap},
            f"{names[0]}: {comes} in its place, at 8; {names[1]}, {names[2]}: held at 8",
        ),
    ):
        widget.change(nodes, **asked)
        assert page.messages("effect")[-1][0]["words"] == words
    widget.groups = {"three": [0, *nodes]}
    widget.change("three", instead=swap)
    words = page.messages("effect")[-1][0]["words"]
    assert words.startswith("three (feature ") and words.endswith(": ablated); 1 token left as it is")
    assert f"{names[0]}: {comes} in its place, at {own[0]}" in words
    many = [one for one in range(graph.first_row, len(graph)) if graph.kinds[one] == FEATURE][:30]
    for activation, ends in (
        (1, " and 10 more: held at 1"),
        ({one: at for at, one in enumerate(many)}, "; and 10 more"),
    ):
        widget.change(many, activation=activation)
        words = page.messages("effect")[-1][0]["words"]
        assert len(many) == 30 and words.count(" of layer ") == 20 and words.endswith(ends)


def test_a_group_is_changed_and_swapped_as_the_graph_has_it(page, scope, graph):
    widget, (one, two, three) = page.widget, list_features(graph, 3)
    widget.groups = {"both": [0, one, two]}
    [group] = widget.graph.groups
    assert set(widget.change(group).nodes) == {one, two}
    words = page.messages("effect")[-1][0]["words"]
    assert words.startswith("both (feature ") and words.endswith("ablated; 1 token left as it is")
    swap = {node: FeatureRef(graph.ref(node).dictionary_id, int(graph.numbers[node]) + 1) for node in (one, two)}
    wanted = gs.change_circuit(scope, widget.graph, group, instead=swap)
    for given in (group, "both"):
        effect = widget.change(given, instead={node: ref.feature for node, ref in swap.items()})
        np.testing.assert_array_equal(effect.free, wanted.free)
    small = widget.graph.prune(0.7, keep=[one, two])
    assert small.groups[0].nodes != group.nodes
    for other in (small.groups[0], NodeGroup("others", (one, three)), NodeGroup("both", (one, three))):
        with pytest.raises(
            gs.InvalidValue, match="no group of this graph as it stands; take one of widget.graph.groups"
        ):
            widget.change(other)


def test_a_group_whose_label_looks_like_an_id_is_changed_by_it(page, graph):
    widget, (one, two, three) = page.widget, list_features(graph, 3)
    ids = list_node_ids(graph)
    widget.groups = {"3_1": [one], ids[two]: [three]}
    assert widget.change("3_1").nodes == (one,)
    assert widget.change(ids[two]).nodes == (three,)  # the label goes before the id
    assert page.messages("effect")[-1][0]["words"].startswith(f"{ids[two]} (feature ")
    assert widget.change([ids[two]]).nodes == (two,)
    with pytest.raises(gs.InvalidValue, match="the graph has no node '3_2'"):
        widget.change("3_2")


def test_a_group_that_is_none_is_told_with_those_that_there_are(page, graph):
    widget, (one, two) = page.widget, list_features(graph, 2)
    with pytest.raises(gs.InvalidValue, match="no group is called 'town'; there is no group yet: set widget.groups"):
        widget.change("town")
    widget.groups = {"region": [one], "capital": [two], "noise": [int(np.flatnonzero(graph.kinds == ERROR)[0])]}
    with pytest.raises(gs.InvalidValue, match="no group is called 'town'; the groups are 'region', 'capital', 'noise'"):
        widget.change("town")
    with pytest.raises(gs.InvalidValue, match="'noise' has no feature"):
        widget.change("noise")
    assert widget.change("capital").nodes == (two,)


def test_an_effect_goes_with_its_graph_and_a_later_view_gets_it(page, graph):
    page.widget.change(list_features(graph, 1))
    page.forget()
    page.send({"type": "ready"})
    assert [content["type"] for content, _ in page.messages()] == ["result", "subgraph", "effect"]
    page.set(prompt="The bird sang")
    page.settle()
    assert page.widget.effect is None
    assert page.messages("effect")[-1][0]["rows"] == []


def test_what_cannot_be_changed_is_refused_in_words_and_the_graph_stays(page, graph):
    widget = page.widget
    token = "E_" + list_node_ids(graph)[0].removeprefix("E_")
    for nodes, words in (([token], "is no feature but token"), ([], "at least one"), (["0_99999_1"], "no node")):
        page.send({"type": "change", "nodes": nodes, "factor": 0.0, "activation": None, "instead": []})
        status = page.settle()
        assert status["state"] == "error" and words in status["message"]
    with pytest.raises(gs.InvalidValue, match="instead maps nodes"):
        widget.change(list_features(graph, 1), instead=5)
    with pytest.raises(gs.InvalidValue, match="factor"):
        widget.change(list_features(graph, 1), factor=1000)
    assert widget.effect is None and len(widget.to_frame())


def test_a_change_that_fails_is_tried_again_and_one_under_way_is_stopped(page, scope, graph):
    node = list_features(graph, 1)
    scope.error = RuntimeError("a tensor broke")
    with pytest.raises(RuntimeError):
        page.widget.change(node)
    scope.error = None
    assert page.widget.trouble["again"]
    page.send({"type": "again", "state": {}})
    assert page.settle()["state"] == "idle"
    assert page.widget.effect is not None
    scope.gate.clear()
    page.send(
        {"type": "change", "nodes": [list_node_ids(graph)[node[0]]], "factor": 3.0, "activation": None, "instead": []}
    )
    page.send({"type": "cancel"})
    scope.gate.set()
    assert page.settle()["state"] == "cancelled"
    assert page.widget._drawn.effect.record.factor == 0


# ---- heads


@pytest.mark.row("10")
def test_an_edge_is_taken_apart_into_the_heads_that_carried_it(page, scope, graph):
    ids, node = list_node_ids(graph), len(graph) - 1
    source = int(np.argmax(np.abs(graph.weights[-1])))
    page.send({"type": "heads", "node": ids[node], "source": ids[source]})
    assert page.settle()["state"] == "idle"
    told, wanted = page.messages("heads")[-1][0], gs.circuit_heads(scope, graph, node, source)
    assert (told["weight"], told["direct"]) == (wanted.weight, wanted.direct)
    assert [(row["layer"], row["head"]) for row in told["rows"]] == list(wanted.top(12))
    best = told["rows"][0]
    assert best["weight"] == pytest.approx(float(np.abs(wanted.weights).max()) * np.sign(best["weight"]))
    assert best["share"] == pytest.approx(best["weight"] / wanted.weight)
    assert f"{best['layer']}.{best['head']}" in page.widget.to_html()
    np.testing.assert_array_equal(page.widget.heads(node, ids[source]).weights, wanted.weights)
    page.forget()
    page.send({"type": "ready"})
    assert page.messages("heads")[-1][0]["node"] == ids[node]
    with pytest.raises(gs.InvalidValue, match="no edge"):
        page.widget.heads(node, node)
    page.set(prompt="The bird sang")
    page.settle()
    assert page.messages("heads")[-1][0]["node"] == ""


# ---- graphs at hand


def test_a_graph_from_a_file_is_drawn_with_its_pins_and_groups_and_written_back(scope, graph, open_page, tmp_path):
    one, two, three = list_features(graph, 3)
    first = open_page(gs.CircuitGraph(scope, graph=graph, pinned=[one], groups={"<b>two</b>": [two, three]})).widget
    first.save_graph(tmp_path / "graph.json")
    marks = json.loads((tmp_path / "graph.json").read_text())["qParams"]
    ids = list_node_ids(graph)
    assert marks["pinnedIds"] == [ids[one]]
    assert marks["supernodes"] == [["<b>two</b>", *(ids[node] for node in sorted((two, three)))]]
    loaded = gs.load_circuit(tmp_path / "graph.json")
    again = open_page(gs.CircuitGraph(scope, graph=loaded)).widget
    assert again.pinned == first.pinned and [one["label"] for one in again.groups] == ["<b>two</b>"]
    assert "<b>two</b>" not in again.to_html() and "&lt;b&gt;two" in again.to_html()
    assert scope.calls.count("circuit") == 1  # that of the fixture: nothing was traced again
    with pytest.raises(gs.InvalidValue, match="kept by widget.save_graph"):
        again.save(tmp_path / "view.json")
    again.prompt = "The bird sang"
    again.wait()
    again.save(tmp_path / "view.json")  # a traced one is kept


@pytest.mark.parametrize("form", ["0_{layer}_{pos}", "{layer}_-1_{pos}", "{layer}_error_mlp_{pos}"])
def test_graphs_of_all_three_forms_of_error_ids_are_drawn(scope, graph, open_page, tmp_path, form):
    content = json.loads(json.dumps(build_json(graph.prune(0.6))))
    renamed = {}
    for one in content["nodes"]:
        if one["feature_type"] == "mlp reconstruction error":
            renamed[one["node_id"]] = form.format(layer=one["layer"], pos=one["ctx_idx"]) + (
                "_x" if form.startswith("0") else ""  # the old form, told from features of layer 0
            )
            one["node_id"] = renamed[one["node_id"]]
    for link in content["links"]:
        link["source"] = renamed.get(link["source"], link["source"])
    del content["metadata"]["gscope_widgets"]
    content["metadata"]["transcoder_list"] = [f"theirs/{one}" for one in content["metadata"]["transcoder_list"]]
    (tmp_path / "other.json").write_text(json.dumps(content))
    widget = open_page(gs.CircuitGraph(scope, graph=gs.load_circuit(tmp_path / "other.json"))).widget
    assert (widget.graph.kinds == ERROR).sum() == len(renamed) > 0
    assert widget.shown.scores().completeness > 0
    assert "cannot be changed" in widget.to_html()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("graph.json", "graph comes from gs.circuit"),
        (5, "graph comes from gs.circuit"),
    ],
)
def test_what_is_no_graph_is_refused(scope, given, words):
    with pytest.raises(gs.InvalidValue, match=words):
        gs.CircuitGraph(scope, graph=given)


def test_a_broken_graph_or_one_beside_a_prompt_is_refused(scope, graph):
    broken = graph.weights.copy()
    broken[0, 0] = np.nan
    with pytest.raises(gs.InvalidValue, match="not a finite number"):
        gs.CircuitGraph(scope, graph=replace(graph, weights=broken))
    with pytest.raises(gs.InvalidValue, match="its own prompt"):
        gs.CircuitGraph(scope, "Something else", graph=graph)
    for wrong, words in ((5, "dictionaries is a list"), ([5], "come from"), ([], "empty"), ([{"colour": 1}], "holds")):
        with pytest.raises(gs.InvalidValue, match=words):
            gs.CircuitGraph(scope, TEXT, dictionaries=wrong)


def test_hostile_labels_and_names_stay_words(scope, graph, open_page, check_copy, hostile_words):
    node = list_features(graph, 1)[0]
    for word in hostile_words:
        labelled = replace(graph, labels={node: FeatureLabel(word, word)})
        widget = open_page(gs.CircuitGraph(scope, graph=labelled, groups={"x" + word[:50]: [node]})).widget
        check_copy(widget._build_copy())
        widget.close()


# ---- a graph alone


@pytest.fixture
def alone(graph, open_page, tmp_path):
    """A file as others write it, drawn without a scope."""
    content = build_json(graph.prune(0.7))
    del content["metadata"]["gscope_widgets"]
    (tmp_path / "graph.json").write_text(json.dumps(content))
    return open_page(gs.CircuitGraph(gs.load_circuit(tmp_path / "graph.json")))


@pytest.mark.row("10")
def test_a_graph_without_a_model_is_drawn_pruned_marked_grouped_and_saved(alone, check_copy, tmp_path):
    widget, (one, two, three) = alone.widget, list_features(alone.widget.graph, 3)
    graph, ids = widget.graph, list_node_ids(widget.graph)
    content, arrays = read_result(alone)
    small = graph.prune(0.8, 0.98)
    assert content["ids"] == list(list_node_ids(small)) and len(small) < len(graph)
    np.testing.assert_array_equal(arrays["activations"], small.activations)
    alone.set(node_share=0.5)
    assert alone.settle()["state"] == "idle"
    assert list_node_ids(widget.shown) == list_node_ids(graph.prune(0.5, 0.98))
    alone.set(pinned=[ids[one]], groups=[{"label": "pair", "nodes": [ids[two], ids[three]]}], selected_node=ids[two])
    assert widget.selected_feature == graph.ref(two) and widget.selected_pos == graph.positions[two]
    weights, _ = add_up(graph, widget.subgraph.members)
    np.testing.assert_allclose(widget.subgraph.weights, weights, rtol=1e-4, atol=1e-4)
    check_copy(widget._build_copy())
    assert "pair" in widget.to_html() and len(widget.to_frame()) == len(widget.shown) and widget.to_png()
    assert widget.provenance == graph.provenance and widget.provenance.model in widget.badge
    assert "gs.load(" not in widget.to_code()
    widget.save_graph(tmp_path / "graph.json")
    again = gs.CircuitGraph(gs.load_circuit(tmp_path / "graph.json"))
    assert again.pinned == (ids[one],) and [each["label"] for each in again.groups] == ["pair"]
    again.close()


@pytest.mark.row("33")
def test_the_code_of_a_graph_alone_prints_what_is_drawn(alone, monkeypatch, tmp_path):
    widget = alone.widget
    widget.pinned = find_weak(widget.graph)
    widget.wait()
    monkeypatch.chdir(tmp_path)
    widget.save_graph("graph.json")
    names, printed = run_code(widget)
    assert list_node_ids(names["small"]) == list_node_ids(widget.shown) and repr(widget.shown) in printed


def test_what_only_a_model_can_do_is_refused_with_what_to_do_and_the_graph_stays(alone, graph):
    widget, before, node = alone.widget, read_result(alone)[0], list_features(alone.widget.graph, 1)[0]
    ids, advice = list_node_ids(widget.graph), "give a scope: gs.CircuitGraph(gs.load(...), graph=graph)"
    assert (before["can_change"], before["has_heads"]) == (False, False)
    assert any(advice in one for one in before["notes"]) and advice in widget.to_html()
    for message in (
        {"type": "change", "nodes": [ids[node]], "factor": 0.0, "activation": None, "instead": []},
        {"type": "heads", "node": ids[-1], "source": ids[node]},
    ):
        alone.send(message)
        assert advice in alone.settle()["message"]
    for state in ({"prompt": "The bird sang"}, {"target": " fish"}, {"target": 3}):
        alone.set(**state)
        assert advice in alone.settle()["message"], state
    for act in (
        lambda: widget.change(node),
        lambda: widget.change("no group"),
        lambda: widget.heads(-1, -1),
        lambda: setattr(widget, "prompt", "The bird sang"),
        lambda: widget.lock(features=[widget.graph.ref(node)]),
    ):
        with pytest.raises(gs.InvalidValue, match=r"give a scope: gs\.CircuitGraph"):
            act()
    with pytest.raises(gs.InvalidValue, match=r"gs\.CircuitGraph\(gs\.load_circuit\(path\)\) shows it again"):
        widget.pin()
    content, _ = read_result(alone)
    assert content["ids"] == before["ids"] and content["prompt"] == before["prompt"] == graph.tokens.text
    alone.set(node_share=0.4)  # it goes on
    assert alone.settle()["state"] == "idle"


def test_a_graph_of_another_model_whose_target_this_one_has_not_is_drawn(scope, graph, open_page):
    far = scope.info.vocabulary + 5
    target = replace(graph.targets[0], ids=(far,), name=" Dallas")
    part = gs.circuit(scope, TEXT, target=" fish")
    other = replace(part, targets=(target,), dictionary_ids=tuple(f"elsewhere/{one}" for one in part.dictionary_ids))
    page = open_page(gs.CircuitGraph(scope, graph=other))
    content, _ = read_result(page)
    assert (content["target"], content["targets"][0]["name"], content["can_change"]) == (None, " Dallas", False)
    assert page.widget.target is None and page.widget.graph.targets[0].ids == (far,)
    page.set(node_share=0.5)
    assert page.settle()["state"] == "idle"
    assert open_page(gs.CircuitGraph(other)).widget.target == far


def test_what_stands_beside_a_graph_alone_is_refused(graph, scope):
    for more, words in (
        ({"prompt": TEXT}, "its own prompt"),
        ({"target": " fish"}, "its own prompt"),
        ({"graph": graph}, "two graphs"),
        ({"dictionaries": [{"layer": 0}]}, "dictionaries are of a model"),
    ):
        with pytest.raises(gs.InvalidValue, match=words):
            gs.CircuitGraph(graph, **more)
    broken = replace(graph, weights=np.full_like(graph.weights, np.nan))
    with pytest.raises(gs.InvalidValue, match="not a finite number"):
        gs.CircuitGraph(broken)
    assert gs.CircuitGraph(scope, graph=graph).change(list_features(graph, 1)) is not None  # the control


# ---- a lesson


@pytest.mark.row("NEW 13")
def test_a_lesson_leaves_features_out_of_the_graph_and_hides_labels_in_a_change(page, graph):
    widget, node = page.widget, list_features(graph, 1)[0]
    widget.lock(features=[graph.ref(node)], hide_labels=True)
    assert {widget.graph.ref(int(one)) for one in np.flatnonzero(widget.graph.kinds == FEATURE)} == {graph.ref(node)}
    content, _ = read_result(page)
    assert content["labels"] == {} and "filtered by your course" in widget.to_html()
    own = widget.graph.find(graph.ref(node))[0]
    effect = widget.change(own)
    assert effect.nodes == (own,)
    with pytest.raises(gs.InvalidValue, match="is filtered by your course"):
        widget.change(own, instead={own: 77})
    widget.unlock()
    assert len(widget.graph) == len(graph)


# ---- on mini


@pytest.mark.row("10", "33")
def test_on_mini_the_code_gives_the_numbers_on_screen(mini, open_page):
    widget = open_page(gs.CircuitGraph(mini, FACT, node_share=0.6)).widget
    best = list_features(widget.graph, 1)[0]
    effect = widget.change(best)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(widget.to_code(), {})
    printed = out.getvalue()
    assert repr(widget.shown.scores_within(widget.graph)) in printed and repr(widget.graph.scores()) in printed
    assert f"{float(effect.free[0]):.6f}"[:6] in printed
    plain = gs.circuit(mini, FACT).prune(0.6)
    assert len(widget.to_frame()) == len(plain.to_frame())
    assert widget.shown.targets[0].name == " Queen"


def run_code(widget, /, **names) -> tuple[dict, str]:
    """What its code leaves, and prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(widget.to_code(), names)
    return names, out.getvalue()


@pytest.mark.row("10")
def test_on_mini_the_code_draws_what_is_marked_and_caps_as_the_view_does(mini, open_page, monkeypatch):
    widget = open_page(gs.CircuitGraph(mini, FACT, node_share=0.4, edge_share=0.9)).widget
    graph = widget.graph
    weak, other = find_weak(graph, 2)
    error = int(np.flatnonzero(graph.kinds == ERROR)[np.argmin(graph.influence()[graph.kinds == ERROR])])
    plain = len(widget.shown)
    widget.pinned, widget.groups, widget.selected_node = [weak], {"a": [error]}, other
    for most in (5000, 20):
        monkeypatch.setattr(drawn, "DRAWN_NODES", most)
        widget.edge_share = 0.95 if most > 1000 else 0.98  # drawn anew
        widget.wait()
        small = run_code(widget)[0]["small"]
        assert list_node_ids(small) == list_node_ids(widget.shown)
        np.testing.assert_array_equal(small.weights, widget.shown.weights)
        assert {list_node_ids(graph)[node] for node in (weak, other, error)} <= set(list_node_ids(small))
        assert most < 1000 or len(small) != plain
        assert ("most=" in widget.to_code()) == (most < 1000)
    assert len(graph.prune(0.4, 0.98)) != len(small)  # the control
    with pytest.raises(gs.InvalidValue, match="a node"):
        graph.prune(keep=[len(graph)])
    with pytest.raises(gs.InvalidValue, match="keep has numbers"):
        graph.prune(keep=5)
    with pytest.raises(gs.InvalidValue, match="most"):
        graph.prune(most=0)


@pytest.mark.parametrize("form", ["pruned", "of_a_feature", "of_few_features"])
def test_on_mini_the_code_of_a_graph_that_was_given_is_of_that_graph(mini, open_page, tmp_path, monkeypatch, form):
    whole = gs.circuit(mini, TEXT)
    best = list_features(whole, 1)[0]
    graph = {
        "pruned": lambda: whole.prune(0.5, 0.8),
        "of_a_feature": lambda: gs.circuit(mini, TEXT, target=(whole.ref(best), int(whole.positions[best]))),
        "of_few_features": lambda: gs.circuit(mini, TEXT, max_features=20),
    }[form]()
    widget = open_page(gs.CircuitGraph(mini, graph=graph)).widget
    effect = None if form == "of_a_feature" else widget.change([int(np.flatnonzero(graph.kinds == FEATURE)[-1])])
    monkeypatch.chdir(tmp_path)
    in_files = form != "of_a_feature"  # which hold graphs of next tokens
    assert widget.to_code().startswith("# this graph was given: ")
    assert ('widget.save_graph("graph.json")' in widget.to_code().splitlines()[0]) == in_files
    if in_files:
        widget.save_graph("graph.json")
    names, printed = run_code(widget, widget=widget)
    assert names["graph"].targets[0].name == graph.targets[0].name
    assert len(names["small"]) == len(widget.shown) and repr(widget.shown) in printed
    np.testing.assert_allclose(names["small"].weights, widget.shown.weights, rtol=1e-6)
    if effect is not None:
        assert names["effect"].nodes == effect.nodes and repr(names["effect"]) == repr(effect)


@pytest.fixture
def crossing(mini, open_page):
    """A graph through mini's CLT, whose features of later layers have numbers of their own."""
    clt = mini.dictionary("clt")
    return open_page(gs.CircuitGraph(mini, "The old fisherman sold two", dictionaries=clt))


def test_a_clts_feature_has_the_number_on_the_page_that_opens_its_card(crossing, mini):
    widget, clt = crossing.widget, mini.dictionary("clt")
    graph, (content, arrays) = widget.graph, read_result(crossing)
    places = {name: node for node, name in enumerate(list_node_ids(graph))}
    html, listed = widget.to_html(), set(widget.to_frame().feature)
    features = [at for at, kind in enumerate(arrays["kinds"]) if kind == FEATURE]
    for at in features:
        node, number = places[content["ids"][at]], int(arrays["numbers"][at])
        assert clt.feature(number) == graph.ref(node) and content["refs"][arrays["dictionaries"][at]] == clt.info.id
        assert f"feature {number}<" in html and number in listed and graph.name(node).startswith(f"feature {number} of")
        # The control: ids are those of files, which count within the layer.
        assert content["ids"][at].split("_")[1] == str(number - graph.share * int(arrays["node_layers"][at]))
    late = max(features, key=lambda at: (arrays["node_layers"][at], arrays["activations"][at]))
    assert arrays["node_layers"][late] > 0
    card = mini.card(clt.feature(int(arrays["numbers"][late])), texts=[graph.tokens.text])
    assert card.examples[0].activation == pytest.approx(float(arrays["activations"][late]), rel=1e-3)


def test_another_feature_of_a_clts_layer_comes_in_by_that_number(crossing, mini):
    widget, clt = crossing.widget, mini.dictionary("clt")
    graph: AttributionGraph = widget.graph
    node = next(one for one in list_features(graph, 20) if graph.node_layers[one] > 0)
    first = graph.share * int(graph.node_layers[node])
    effect = widget.change(node, instead={node: first + 3})
    np.testing.assert_array_equal(
        effect.free, gs.change_circuit(mini, graph, [node], instead={node: clt.feature(first + 3)}).free
    )
    assert f"feature({first + 3})" in widget.to_code()
    assert crossing.messages("effect")[-1][0]["words"].endswith(
        f"feature {first + 3} in its place, at {format_number(float(graph.activations[node]), 4)}"
    )
    for other in (3, first + graph.share):  # of other layers
        with pytest.raises(gs.InvalidValue, match=f"{first} to {first + graph.share - 1}"):
            widget.change(node, instead={node: other})
    assert widget.provenance.dictionaries.keys() == {clt.info.id}


def test_a_recording_answers_graph_and_change_again(scope, open_page, tmp_path):
    def show(engine):
        widget = open_page(gs.CircuitGraph(engine, TEXT)).widget
        held = widget.change(list_features(widget.graph, 2), activation=4)
        widget.change(list_features(widget.graph, 2), 0.5)
        return widget, held

    with pytest.MonkeyPatch.context() as patch:
        live = gs.load("mini")
        with live.recording(tmp_path / "lesson.gscope"):
            first, held = show(live)
        del patch
    again, held_again = show(gs.replay(tmp_path / "lesson.gscope"))
    np.testing.assert_array_equal(held_again.free, held.free)
    assert held_again.activations == held.activations == (4.0, 4.0)
    np.testing.assert_array_equal(again.effect.free, first.effect.free)
    np.testing.assert_array_equal(again.graph.weights, first.graph.weights)
    with pytest.raises(gs.NotRecorded):
        again.change(list_features(again.graph, 2), 0.25)
    with pytest.raises(gs.NotRecorded):
        again.change(list_features(again.graph, 2), activation=5)


@pytest.mark.parametrize("label", ["w" * 300, "\U0001f600" * 300], ids=["plain", "of_many_bytes"])
def test_a_graph_of_five_thousand_nodes_goes_in_messages_below_a_megabyte(scope, open_page, label):
    graph = build_circuit(tokenize("The old cat sang and " * 40, chat=False), None, 4000)
    features = np.flatnonzero(graph.kinds == FEATURE).tolist()
    graph = replace(graph, labels={node: FeatureLabel(f"{node} {label}", label) for node in features})
    began = time.process_time()
    page = open_page(gs.CircuitGraph(scope, graph=graph, node_share=1.0, edge_share=1.0))
    assert time.process_time() - began < 60
    page.forget()
    page.send({"type": "ready"})
    sizes = [len(json.dumps(content).encode()) + sum(map(len, buffers)) for content, buffers in page.messages()]
    assert max(sizes) < 1_000_000
    content = page.messages("result")[-1][0]
    assert len(content["ids"]) > 4000
    places = {name: node for node, name in enumerate(list_node_ids(graph))}
    told = {places[content["ids"][int(at)]]: one["text"] for at, one in content["labels"].items()}
    assert len(told) > 100 and all(len(text) == 121 and text.endswith("…") for text in told.values())
    assert all(text.startswith(f"{node} ") for node, text in told.items())
    drawn, worth = {places[one] for one in content["ids"]}, graph.influence()
    others = [node for node in features if node in drawn and node not in told]
    assert min(worth[list(told)]) >= max(worth[others])
