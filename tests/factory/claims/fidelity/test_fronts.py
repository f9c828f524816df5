from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from factory.claims.fidelity.fronts import (
    judge_family,
    judge_fronts,
    judge_matches,
    measure_ablations,
    measure_front_losses,
)
from factory.claims.fidelity.quality import Quality, count_dead, measure_qualities
from factory.claims.intervals import ratio_interval
from factory.claims.replacement import decode_output, document_losses, rebuilt, replaced
from factory.claims.sample import Sample
from factory.training import family
from factory.training.artefact import decode, encode, measure_fit
from factory.training.corpus_tokens import BOS, EOS, LabelledRows, real_positions
from factory.training.dictionary import DictionaryRecipe
from factory.training.places import find_point
from gscope_widgets.runtime.gemma.hooks import capture

D, HEADS = 16, 24
PLACES = [("resid_post", 1), ("attn_out", 1), ("mlp_out", 1)]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    configuration = Gemma3TextConfig(
        vocab_size=40, hidden_size=D, intermediate_size=32, num_hidden_layers=6, num_attention_heads=2,
        num_key_value_heads=1, head_dim=HEADS // 2, sliding_window=4, attn_implementation="eager",
        layer_types=["sliding_attention"] * 5 + ["full_attention"], tie_word_embeddings=True,
    )  # fmt: skip
    found = Gemma3ForCausalLM(configuration).eval()
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return found


@pytest.fixture(scope="module")
def sample():
    generator = np.random.default_rng(0)
    lengths = np.array([12, 7, 10, 12], np.int32)
    ids = generator.integers(4, 40, (4, 12)).astype(np.int32)
    ids[:, 0] = 2
    ids[np.arange(12)[None] >= lengths[:, None]] = 0
    rows = LabelledRows(ids, lengths, np.zeros((4, 12, 1), bool), ("none",), ("story",) * 4)
    return Sample(rows, real_positions(rows))


def mirror(d: int) -> dict[str, torch.Tensor]:
    """A dictionary that rebuilds everything: a feature for each sign of each coordinate."""
    both = torch.cat([torch.eye(d), -torch.eye(d)])
    return {
        "w_enc": both.T,
        "b_enc": torch.zeros(2 * d),
        "threshold": torch.zeros(2 * d),
        "w_dec": both,
        "b_dec": torch.zeros(d),
    }


def recipe_at(place, **more) -> DictionaryRecipe:
    return DictionaryRecipe("sae", "resid_post/test", (place,), (place,), 2 * D, 4, (2 * D,), **more)


def test_losses_are_those_of_the_model(model, sample):
    found = document_losses(model, sample.rows, documents=3)
    for row in range(3):
        ids = torch.from_numpy(sample.rows.ids[row : row + 1, : sample.rows.lengths[row]]).long()
        with torch.no_grad():
            expected = model(input_ids=ids, labels=ids).loss * (ids.shape[1] - 1)
        assert found[row] == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("place", PLACES)
def test_an_activation_replaced_by_itself_changes_nothing_and_by_zero_something(model, sample, place):
    before = document_losses(model, sample.rows, documents=4)
    with replaced(model, place, torch.clone):
        assert (document_losses(model, sample.rows, documents=4) == before).all()
    with replaced(model, place, torch.zeros_like):
        assert abs(document_losses(model, sample.rows, documents=4) - before).max() > 1e-3
    assert (document_losses(model, sample.rows, documents=4) == before).all()


def test_hooks_are_gone_after_an_error(model):
    def fail(_x):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"), replaced(model, ("resid_post", 1), fail):
        model(input_ids=torch.ones(1, 3, dtype=torch.long))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_perfect_dictionary_costs_nothing_and_an_empty_one_leaves_bos_alone(model, sample):
    place = ("resid_post", 1)
    before = document_losses(model, sample.rows, documents=4)
    members = [mirror(D)]
    with rebuilt(model, members, inputs=[place], targets=[place]):
        assert document_losses(model, sample.rows, documents=4) == pytest.approx(before, abs=1e-3)
    empty = [members[0] | {"w_dec": torch.zeros(2 * D, D)}]
    ids = torch.from_numpy(sample.rows.ids).long()
    with capture(find_point(model, place)) as plain, torch.no_grad():
        model(input_ids=ids)
    with (
        rebuilt(model, empty, inputs=[place], targets=[place]),
        capture(find_point(model, place)) as edited,
        torch.no_grad(),
    ):
        model(input_ids=ids)
    assert torch.equal(plain[0][:, 0], edited[0][:, 0])
    assert not edited[0][:, 1:].any()


def test_one_output_of_a_cross_layer_transcoder_is_as_decoded_with_all_others():
    torch.manual_seed(1)
    members = [
        {"w_enc": torch.randn(D, 8), "b_enc": torch.randn(8), "threshold": torch.rand(8), "w_dec": torch.randn(8, 3, D),
         "b_dec": torch.randn(D), "affine_skip_connection": torch.randn(D, D)}
        for _ in range(3)
    ]  # fmt: skip
    inputs = [torch.randn(5, D) for _ in range(3)]
    z = encode(members, inputs)
    expected = decode(members, z, inputs)
    for output in range(3):
        assert torch.allclose(
            decode_output(members, dict(enumerate(z)), inputs[output], output=output), expected[output]
        )


def test_quality_agrees_with_the_fit_of_training(model, sample):
    place = ("resid_post", 1)
    torch.manual_seed(2)
    member = mirror(D) | {"b_enc": torch.randn(2 * D), "w_dec": torch.randn(2 * D, D)}
    member["threshold"][3] = 1e9
    loaded = [("root", recipe_at(place), [member])]
    [found] = measure_qualities(model, sample, loaded, rows=sample.rows.ids[:1], loss_documents=2)
    with capture(find_point(model, place)) as kept, torch.no_grad():
        model(input_ids=torch.from_numpy(sample.rows.ids).long())
    x = kept[0][torch.from_numpy(sample.real)].bfloat16().float()
    expected = measure_fit([member], [x], [x])
    assert found.fvu == pytest.approx(expected["fvu"], rel=1e-4)
    assert found.l0 == pytest.approx(expected["l0"], rel=1e-4)
    assert found.dense == expected["dense"]
    assert found.tokens.tolist() == [11, 6]


def test_a_dead_feature_fires_on_no_token_of_any_row_whatever_it_does_at_bos_and_eos(model):
    place = ("resid_post", 1)
    rows = np.random.default_rng(3).integers(4, 40, (450, 9)).astype(np.int16)
    rows[:, 0] = BOS
    rows[:, 4] = EOS
    with capture(find_point(model, place)) as kept, torch.no_grad():
        model(input_ids=torch.from_numpy(rows).long())
    x = kept[0].bfloat16().float()
    real = torch.from_numpy((rows != BOS) & (rows != EOS))
    # One feature a direction; its threshold lies between the largest real token's and what BOS or EOS reach.
    top, beyond = x[real].amax(0), x[:, [0, 4]].flatten(0, 1).amax(0)
    member = {"w_enc": torch.eye(D), "b_enc": torch.zeros(D), "w_dec": torch.eye(D), "b_dec": torch.zeros(D)}
    [none] = count_dead(model, rows, [("root", recipe_at(place), [member | {"threshold": top - 1e-4}])])
    [all_] = count_dead(model, rows, [("root", recipe_at(place), [member | {"threshold": top}])])
    assert (none, all_) == (0, D)
    assert (beyond > top).any()


def test_ablations_cost_and_the_activation_itself_does_not(model, sample):
    found = measure_ablations(model, sample, loss_documents=4)
    assert set(found) == {"resid_post", "attn_out", "mlp_out"}
    assert all(one["replaced_by_itself"] == 0 for one in found.values())
    assert all(one["zero_ablation"] != 0 for one in found.values())


def test_the_interval_of_a_ratio_holds_it_and_narrows_with_documents():
    generator = np.random.default_rng(0)
    tokens = generator.integers(50, 200, 400)
    loss_increases = 0.3 * tokens + generator.normal(0, 5, 400)
    low, high = ratio_interval(loss_increases, tokens)
    few_low, few_high = ratio_interval(loss_increases[:40], tokens[:40])
    assert low < loss_increases.sum() / tokens.sum() < high
    assert few_high - few_low > high - low


def quality(
    recipe: DictionaryRecipe, *, fvu: float, increase: float, root=family.PRETRAINED, dead=0, noise=0.02
) -> Quality:
    generator = np.random.default_rng(0)
    documents = 60
    deviations = np.full((1, documents), 100.0)
    tokens = np.full(documents, 100)
    loss_increases = {"layer": 100 * (increase + noise * generator.standard_normal(documents))}
    return Quality(root, recipe, 10.0, dead, 0, fvu * deviations, deviations, loss_increases, tokens)


def fronts(order=(0.3, 0.2, 0.1), costs=(0.3, 0.2, 0.1)) -> list[Quality]:
    return [
        quality(family.single(site, family.MIDDLE, "1k", size), fvu=fvu, increase=cost)
        for site in ("resid_post", "attn_out", "mlp_out")
        for size, fvu, cost in zip(family.L0, order, costs, strict=True)
    ]


CONTROLS = {
    site: {"mean_ablation": 2.0, "zero_ablation": 3.0, "replaced_by_itself": 0.0}
    for site in ("resid_post", "attn_out", "mlp_out")
}


def test_fronts_hold_where_both_fall_and_not_where_one_rises():
    assert judge_fronts(fronts(), CONTROLS).passed
    assert judge_fronts(fronts(), CONTROLS).value == pytest.approx(0.1)
    assert not judge_fronts(fronts(order=(0.3, 0.1, 0.2)), CONTROLS).passed
    assert not judge_fronts(fronts(costs=(0.3, 0.1, 0.2)), CONTROLS).passed
    inexact = CONTROLS | {"mlp_out": CONTROLS["mlp_out"] | {"replaced_by_itself": 1e-6}}
    assert not judge_fronts(fronts(), inexact).passed
    cheap = CONTROLS | {"attn_out": CONTROLS["attn_out"] | {"mean_ablation": 0.25}}
    assert not judge_fronts(fronts(), cheap).passed


def test_the_fronts_losses_are_each_dictionarys_own_on_every_document(model, sample, monkeypatch):
    monkeypatch.setattr(family, "MIDDLE", 1)
    recipes = [
        family.single(site, 1, "1k", size) for site in ("resid_post", "attn_out", "mlp_out") for size in family.L0
    ]
    loaded, main = [], []
    for at, recipe in enumerate(recipes):
        width = HEADS if recipe.inputs[0][0] == "attn_out" else D
        loaded.append((family.PRETRAINED, recipe, [mirror(width) | {"b_dec": torch.full((width,), 0.1 * at)}]))
        main.append(quality(recipe, fvu=0.2, increase=9.0))
    loaded.append(("seed_1", recipes[0], [mirror(D) | {"b_dec": torch.full((D,), 9.0)}]))
    other = quality(family.single("resid_post", 2, "1k", "medium"), fvu=0.2, increase=9.0)
    found = measure_front_losses(model, sample, [*main[::-1], other], loaded)
    assert [one.recipe for one in found] == recipes[::-1]
    before = document_losses(model, sample.rows, documents=4)
    for one, (_, recipe, members) in zip(found, loaded[8::-1], strict=True):
        with rebuilt(model, members, inputs=recipe.inputs, targets=recipe.targets):
            expected = document_losses(model, sample.rows, documents=4) - before
        [loss_increases] = one.loss_increases.values()
        assert loss_increases == pytest.approx(expected)
        assert one.tokens.tolist() == [11, 6, 9, 11]
    assert len({round(float(next(iter(one.loss_increases.values())).sum()), 4) for one in found}) == 9


def test_the_family_is_in_order_unless_features_are_dead_or_the_default_is_poor():
    assert judge_family(fronts(), 1.5).passed
    assert not judge_family(fronts(), 0.5).passed
    assert not judge_family(fronts(order=(0.6, 0.5, 0.4)), 1.5).passed
    dying = [replace(one, dead=100) if one.recipe.folder.startswith("mlp_out") else one for one in fronts()]
    assert not judge_family(dying, 1.5).passed


def test_matched_places_part_and_seeds_do_not():
    places = [("resid_post", 5, 0.5), ("attn_out", 4, 0.1), ("resid_post", 2, 0.3)]
    main = [
        quality(family.single(site, layer, "1k", "medium"), fvu=0.2, increase=increase)
        for site, layer, increase in places
    ]
    seeds = [quality(family.middle_dictionary(), fvu=0.2, increase=0.5 + shift) for shift in (0, 0.001, 0.002)]
    found = judge_matches(main, seeds)
    assert found.passed
    assert found.n == 3
    assert found.value == pytest.approx(0.4, abs=0.02)
    apart = [quality(family.middle_dictionary(), fvu=0.2, increase=increase) for increase in (0.3, 0.5, 0.7)]
    assert not judge_matches(main, apart).passed
    same = [quality(family.single(site, layer, "1k", "medium"), fvu=0.2, increase=0.3) for site, layer, _ in places]
    assert not judge_matches(same, seeds).passed
    raw = [replace(one, recipe=replace(one.recipe, whitening=0.1 * at)) for at, one in enumerate(main)]
    assert judge_matches(raw, seeds).n == 0
    unmatched = [replace(one, errors=one.errors * (1 + at)) for at, one in enumerate(main)]
    assert not judge_matches(unmatched, seeds).passed
