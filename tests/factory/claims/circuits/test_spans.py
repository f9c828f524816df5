import numpy as np
import pytest
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from factory.claims.circuits.attribution import (
    Graph,
    Paths,
    attribute,
    measure_paths,
    prune,
    trace_prompts,
)
from factory.claims.circuits.spans import (
    CLT,
    PER_LAYER,
    Pair,
    compare_paths,
    is_weakly_causal,
    judge_paths,
    judge_spans,
    sort_features,
    write_norms,
)
from factory.training.artefact import encode

D, F, LAYERS, POSITIONS = 16, 12, 3, 7


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    configuration = Gemma3TextConfig(
        vocab_size=40, hidden_size=D, intermediate_size=32, num_hidden_layers=LAYERS, num_attention_heads=4,
        num_key_value_heads=2, head_dim=6, sliding_window=4, attn_implementation="eager",
        layer_types=["sliding_attention", "sliding_attention", "full_attention"], tie_word_embeddings=True,
    )  # fmt: skip
    found = Gemma3ForCausalLM(configuration).eval()
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return found


@pytest.fixture(scope="module")
def prompts():
    ids = torch.randint(4, 40, (2, POSITIONS), generator=torch.Generator().manual_seed(0))
    ids[:, 0] = 2
    return ids


def transcoders(*, crossing: bool, seed: int = 0, affine: bool = True) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    members = []
    for layer in range(LAYERS):
        w_dec = draw(F, LAYERS, D) if crossing else draw(F, D)
        if crossing:
            w_dec[:, :layer] = 0
        members.append(
            {
                "w_enc": draw(D, F),
                "b_enc": draw(F),
                "threshold": torch.full((F,), 2.0),
                "w_dec": w_dec,
                "b_dec": draw(D),
            }
            | ({"affine_skip_connection": 0.3 * draw(D, D)} if affine else {})
        )
    return members


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("crossing", [True, False])
def test_direct_effects_sum_to_every_pre_activation_and_to_the_logit(model, prompts, crossing, affine):
    members = transcoders(crossing=crossing, affine=affine)
    trace = trace_prompts(model, prompts)[1]
    graph = attribute(model, trace, members)
    found = graph.features.sum(1) + graph.embeddings.sum(1) + graph.errors.sum(1) + graph.constants
    assert torch.allclose(found, graph.totals, atol=1e-3)
    with torch.no_grad():
        logits = model(input_ids=prompts[1:]).logits[0, -1]
    assert graph.totals[0] == pytest.approx(float(logits.max() - logits.mean()), abs=1e-3)
    assert graph.features.shape[1] == sum(int((z[1:] > 0).sum()) for z in encode(members, trace.mlp_inputs))


def push(model, trace, members, *, layer: int, position: int, vector: torch.Tensor) -> list[torch.Tensor]:
    """What a vector written after a layer adds to the input of each later MLP: forwards, where `attribute` goes back."""
    residual = torch.zeros(POSITIONS, D)
    residual[position] = vector
    reads = []
    for later in range(layer + 1, LAYERS):
        attention = model.model.layers[later].self_attn
        values = (residual * trace.gains["input_layernorm"][later]) @ attention.v_proj.weight.T
        values = values.unflatten(1, (2, 6))
        heads = [trace.patterns[later][head] @ values[:, head // 2] for head in range(4)]
        residual = (
            residual
            + (torch.cat(heads, 1) @ attention.o_proj.weight.T) * trace.gains["post_attention_layernorm"][later]
        )
        reads.append(residual * trace.gains["pre_feedforward_layernorm"][later])
        if "affine_skip_connection" in members[later]:
            residual = residual + reads[-1] @ members[later]["affine_skip_connection"]
    return reads


@pytest.mark.parametrize("affine", [True, False])
def test_a_direct_effect_is_what_the_feature_alone_adds_through_the_frozen_model(model, prompts, affine):
    members = transcoders(crossing=False, affine=affine)
    trace = trace_prompts(model, prompts)[0]
    graph = attribute(model, trace, members)
    z = encode(members, trace.mlp_inputs)
    nodes = [
        (layer, int(at) + 1, int(feature))
        for layer in reversed(range(LAYERS))
        for at, feature in (z[layer][1:] > 0).nonzero()
    ]
    checked = 0
    for column, (layer, at, feature) in enumerate(nodes):
        with torch.no_grad():
            vector = z[layer][at, feature] * members[layer]["w_dec"][feature]
            reads = push(model, trace, members, layer=layer, position=at, vector=vector)
        for row, (later, where, reader) in enumerate(nodes, start=1):
            expected = (
                float(reads[later - layer - 1][where] @ members[later]["w_enc"][:, reader]) if later > layer else 0.0
            )
            assert float(graph.features[row, column]) == pytest.approx(expected, abs=1e-3)
            checked += expected != 0
    assert checked > 20


def chain(share: float = 1.0) -> Graph:
    """Logit <- late <- early <- token, with `1 - share` of the logit straight from the token."""
    features = torch.tensor([[share, 0.0], [0.0, 1.0], [0.0, 0.0]])
    embeddings = torch.tensor([[1 - share], [0.0], [1.0]])
    return Graph(features, embeddings, torch.zeros(3, 1), torch.zeros(3), torch.ones(3))


def test_length_counts_the_steps_of_a_walk():
    assert measure_paths(chain()).length == pytest.approx(3)
    mixed = measure_paths(chain(0.25))
    assert mixed.length == pytest.approx(0.25 * 3 + 0.75 * 1)
    assert mixed.explained == pytest.approx(1)


def test_errors_and_features_left_out_end_walks_without_explaining():
    graph = chain(0.25)
    half = Graph(graph.features, graph.embeddings, torch.tensor([[1.0], [0.0], [0.0]]), graph.constants, graph.totals)
    found = measure_paths(half)
    assert found.explained == pytest.approx(0.5)
    assert found.length == pytest.approx(1.5)
    without = measure_paths(graph, kept=torch.tensor([True, False]))
    assert (without.explained, without.length) == (pytest.approx(0.75), pytest.approx(1))


def test_pruning_keeps_the_fewest_features_that_explain_enough():
    features = torch.zeros(4, 3)
    features[0] = torch.tensor([0.6, 0.3, 0.1])
    embeddings = torch.tensor([[0.0], [1.0], [1.0], [1.0]])
    graph = Graph(features, embeddings, torch.zeros(4, 1), torch.zeros(4), torch.ones(4))
    assert prune(graph, explained=0.55).explained == pytest.approx(0.6)
    assert prune(graph, explained=0.7).explained == pytest.approx(0.9)
    assert prune(graph, explained=1.0).explained == pytest.approx(1.0)


def test_both_kinds_are_compared_at_like_explained_influence(model, prompts):
    pairs = compare_paths(model, prompts, transcoders(crossing=True), transcoders(crossing=False, seed=1))
    for pair in pairs:
        least = min(one.explained for one in pair.full.values())
        assert all(one.explained >= least - 1e-9 for one in pair.matched.values())
        assert min(one.explained for one in pair.matched.values()) == pytest.approx(least)
        assert all(1 <= one.length <= LAYERS + 1 for one in pair.full.values())


def paths(length: float, explained: float = 0.5) -> Paths:
    return Paths(explained, length, torch.arange(3))


def pairs_of(clt: float, per_layer: float, *, count: int = 60, explained: float = 0.5) -> list[Pair]:
    generator = np.random.default_rng(0)
    found = []
    for shift in 0.1 * generator.standard_normal(count):
        both = {CLT: paths(clt + shift, explained), PER_LAYER: paths(per_layer)}
        found.append(Pair(both, both))
    return found


def test_shorter_graphs_are_claimed_only_with_equal_influence_and_fidelity():
    tokens = np.full(30, 100)
    rises = {CLT: np.full(30, 50.0), PER_LAYER: np.full(30, 48.0)}
    found = judge_paths(pairs_of(2.0, 2.5), rises, tokens)
    assert found.passed
    assert found.value == pytest.approx(0.5, abs=0.05)
    assert not judge_paths(pairs_of(2.5, 2.5), rises, tokens).passed
    assert not judge_paths(pairs_of(2.0, 2.5, count=40), rises, tokens).passed
    assert not judge_paths(pairs_of(2.0, 2.5, explained=0.3), rises, tokens).passed
    assert not judge_paths(pairs_of(2.0, 2.5), rises | {CLT: np.full(30, 60.0)}, tokens).passed
    beside = judge_paths(pairs_of(2.0, 2.5), rises, tokens, beside=pairs_of(2.0, 1.8))
    assert beside.passed
    assert beside.details["beside_transcoders_with_affine_skips"]["fall"] == pytest.approx(-0.2, abs=0.05)


def test_features_are_sorted_by_where_they_write():
    norms = np.array([[1, 0.1, 0, 0], [0, 0, 0.2, 1], [0.6, 0.5, 1, 0.4], [0, 1, 0.2, 0.1]])
    found = {kind: which.tolist() for kind, which in sort_features(norms).items()}
    assert found == {
        "early": [True, False, False, True],
        "late": [False, True, False, False],
        "persistent": [False, False, True, False],
    }


def test_norms_are_in_units_of_what_is_written_to():
    members = [{"w_dec": torch.ones(2, 3, 4)}]
    assert write_norms(members, [1.0, 2.0, 4.0]).tolist() == [[2.0, 1.0, 0.5]] * 2


def test_a_single_number_before_the_layer_read_breaks_weak_causality():
    members = transcoders(crossing=True)
    assert is_weakly_causal(members)
    members[2]["w_dec"][0, 1, 0] = 1e-30
    assert not is_weakly_causal(members)


def test_spans_are_judged_on_zeros_and_on_each_kind():
    generator = np.random.default_rng(0)
    members = transcoders(crossing=True)
    mixed = generator.random((3 * F, 4)) ** 4
    assert judge_spans({CLT: (members, mixed), "crosscoder": (members, mixed)}).passed
    flat = np.ones((3 * F, 4))
    assert not judge_spans({CLT: (members, mixed), "crosscoder": (members, flat)}).passed
    broken = [one | {"w_dec": one["w_dec"] + 1} for one in members]
    assert not judge_spans({CLT: (broken, mixed), "crosscoder": (members, mixed)}).passed
