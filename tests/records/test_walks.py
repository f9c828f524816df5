"""Walks back through a graph, beside walks drawn one by one."""

from dataclasses import replace

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.circuits import ERROR, FEATURE, TOKEN
from tests.fake_circuits import build_circuit
from tests.fake_model import tokenize

TOKENS = tokenize("The old cat sang and", chat=False)
WALKS = 40_000


@pytest.fixture
def graph():
    return build_circuit(TOKENS, None, 1000)


def draw_walks(graph, *, kept=None, seed=0):
    """Steps of each walk that ended at a token: node after node, drawn as the definition says."""
    random, steps = np.random.default_rng(seed), []
    sizes = np.abs(graph.weights.astype(np.float64))
    for node in range(len(graph)):
        bos = graph.kinds[node] == TOKEN and int(graph.positions[node]) in graph.tokens.ignored
        if bos or graph.kinds[node] not in (TOKEN, ERROR, FEATURE):
            sizes[:, node] = 0
    shares = np.cumsum(sizes / sizes.sum(1, keepdims=True), axis=1)
    targets = np.arange(len(graph) - len(graph.targets), len(graph))
    for node in random.choice(targets, WALKS, p=graph.target_weights / graph.target_weights.sum()):
        count = 0
        while graph.kinds[node] != TOKEN:
            node = min(int(np.searchsorted(shares[node - graph.first_row], random.random())), len(graph) - 1)
            count += 1
            if graph.kinds[node] == ERROR or (kept is not None and graph.kinds[node] == FEATURE and node not in kept):
                break
        else:
            steps.append(count)
    return np.array(steps)


@pytest.mark.row("10")
def test_length_and_explained_share_are_those_of_walks_drawn_one_by_one(graph):
    walks, drawn = graph.walks(), draw_walks(graph)
    assert walks.features == (graph.kinds == FEATURE).sum()
    assert walks.explained == pytest.approx(len(drawn) / WALKS, abs=0.01)
    assert walks.length == pytest.approx(drawn.mean(), abs=5 * drawn.std() / np.sqrt(len(drawn)))
    shares = np.bincount(drawn, minlength=len(walks.ended) + 1)[1:] / len(drawn)
    np.testing.assert_allclose(walks.to_frame()["share"], shares, atol=0.01)
    assert walks.to_frame()["steps"].tolist() == list(range(1, len(walks.ended) + 1))
    # The control: where BOS counts as a token like others, or signs count, another number comes out.
    assert replace(graph, tokens=replace(TOKENS, ignored={})).walks().explained > walks.explained + 0.01
    assert graph.walks().length > 1.05


def test_walks_past_the_fewest_features_are_those_of_the_features_most_passed(graph):
    whole = graph.walks()
    wanted = 0.8 * whole.explained
    some = graph.walks(explained=wanted)
    assert wanted <= some.explained < whole.explained
    assert 0 < some.features < whole.features
    first = int(np.flatnonzero(graph.kinds == FEATURE)[0])
    order = first + np.argsort(-count_passing(graph))
    kept = set(order[: some.features].tolist())
    drawn = draw_walks(graph, kept=kept, seed=1)
    assert some.explained == pytest.approx(len(drawn) / WALKS, abs=0.01)
    assert some.length == pytest.approx(drawn.mean(), abs=5 * drawn.std() / np.sqrt(len(drawn)))
    # One fewer is not enough.
    fewer = draw_exactly(graph, set(order[: some.features - 1].tolist()))
    assert fewer < wanted
    assert graph.walks(explained=whole.explained).explained == whole.explained
    assert graph.walks(explained=0.0).features == 0


def matrix(graph):
    """Shares of the inputs that count, [node, node], float64."""
    shares = np.zeros((len(graph), len(graph)))
    sizes = np.abs(graph.weights.astype(np.float64))
    ignored = (graph.kinds == TOKEN) & np.isin(graph.positions, list(graph.tokens.ignored))
    sizes[:, ignored] = 0
    shares[graph.first_row :] = sizes / sizes.sum(1, keepdims=True)
    return shares


def count_passing(graph):
    """By inverses: visits of each feature, times the chance to end at a token from there."""
    shares = matrix(graph)
    inverse = np.linalg.inv(np.eye(len(graph)) - shares)
    visits = graph.start_weights() @ inverse
    ends = inverse[:, graph.kinds == TOKEN].sum(1)
    return (visits * ends)[graph.kinds == FEATURE]


def draw_exactly(graph, kept):
    """Share of walks that end at a token past some features alone, by an inverse."""
    shares = matrix(graph)
    for node in np.flatnonzero(graph.kinds == FEATURE).tolist():
        if node not in kept:
            shares[:, node] = 0
    inverse = np.linalg.inv(np.eye(len(graph)) - shares)
    return float((graph.start_weights() @ inverse)[graph.kinds == TOKEN].sum())


def test_a_graph_without_features_has_steps_of_one(graph):
    bare = graph.keep(np.flatnonzero(graph.kinds == ERROR))
    assert bare.walks().length == 1 and bare.walks().features == 0
    no_tokens = graph.weights.copy()
    no_tokens[:, graph.kinds == TOKEN] = 0
    nothing = replace(graph, weights=no_tokens).walks()
    assert nothing.explained == 0 and np.isnan(nothing.length)
    assert nothing.to_frame()["share"].sum() == 0


@pytest.mark.parametrize("explained", [0.9999, -0.1, 1.1, "most", float("nan")])
def test_more_than_all_features_explain_is_refused(graph, explained):
    with pytest.raises(gs.InvalidValue, match="explained"):
        graph.walks(explained=explained)
