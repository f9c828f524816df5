"""Dictionaries of every kind, trained on activations whose sparse causes are known."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from factory.training.artefact import (
    decode,
    encode,
    load_members,
    measure_fit,
    round_tensors,
    save_dictionary,
    weight_files,
)
from factory.training.dictionary import (
    LEAST_EIGENVALUE,
    DictionaryRecipe,
    export_tensors,
    find_coordinates,
    import_tensors,
    train_dictionary,
)

PLACE, LATER = ("resid_post", 4), ("resid_post", 6)


@pytest.fixture(autouse=True)
def _eager(monkeypatch):
    monkeypatch.setenv("GSCOPE_NO_COMPILE", "1")


@pytest.fixture(scope="module")
def planted() -> dict:
    """Two layers of 24 sparse causes: the first is their sum, the second another sum of the same causes."""
    generator = torch.Generator().manual_seed(0)
    here, there = (torch.nn.functional.normalize(torch.randn(24, 16, generator=generator), dim=1) for _ in range(2))
    codes = (0.5 + torch.rand(20_000, 24, generator=generator)) * (torch.rand(20_000, 24, generator=generator) < 0.08)
    values = {PLACE: (codes @ here * 50 + 3).bfloat16(), LATER: (codes @ there * 20 - 1).bfloat16()}
    return {"codes": codes, "directions": here, "activations": values}


def recipe_for(kind: str = "sae", **changes) -> DictionaryRecipe:
    settings = {
        "kind": kind,
        "folder": f"resid_post/{kind}",
        "inputs": (PLACE,),
        "targets": (PLACE,),
        "features": 48,
        "l0": 2,
        "prefixes": (48,),
        "steps": 500,
        "tokens_a_step": 512,
    }
    return DictionaryRecipe(**settings | changes)


def fit_of(members, recipe, activations) -> dict:
    return measure_fit(
        members, [activations[p].float() for p in recipe.inputs], [activations[p].float() for p in recipe.targets]
    )


def test_an_autoencoder_finds_the_planted_directions_and_an_untrained_one_does_not(planted):
    recipe = recipe_for()
    members, record = train_dictionary(planted["activations"], recipe=recipe)
    fit = fit_of(members, recipe, planted["activations"])
    untrained, _ = train_dictionary(planted["activations"], recipe=recipe_for(rate=0.0, steps=20))
    assert fit["fvu"] < 0.1 < 0.3 < fit_of(untrained, recipe, planted["activations"])["fvu"]
    assert 1.2 < fit["l0"] < 3.5
    assert record["tokens"] == 20_000
    cosines = (members[0]["w_dec"] @ planted["directions"].T).amax(0)
    random = torch.nn.functional.normalize(torch.randn(48, 16, generator=torch.Generator().manual_seed(9)), dim=1)
    assert cosines.median() > 0.95 > (random @ planted["directions"].T).amax(0).median()


def test_whitening_rebuilds_what_is_small_beside_the_rest():
    generator = torch.Generator().manual_seed(0)
    causes = (
        torch.linalg.qr(torch.randn(16, 16, generator=generator)).Q * torch.tensor([60.0] * 12 + [4.0] * 4)[:, None]
    )
    codes = (0.5 + torch.rand(20_000, 16, generator=generator)) * (torch.rand(20_000, 16, generator=generator) < 0.15)
    activations = {PLACE: (codes @ causes).bfloat16()}
    small = torch.nn.functional.normalize(causes[12:], dim=1)

    def unexplained(whitening: float) -> float:
        members, _ = train_dictionary(
            activations, recipe=recipe_for(whitening=whitening, features=32, prefixes=(32,), l0=2.4)
        )
        x = activations[PLACE].float()
        error = (x - decode(members, encode(members, [x]), [x])[0]) @ small.T
        seen = x @ small.T
        return float(error.square().sum() / (seen - seen.mean(0)).square().sum())

    assert unexplained(1.0) < 0.2 < unexplained(0.5) < 0.5 < 0.9 < unexplained(0.0)


def test_thresholds_are_learnt_one_a_feature_and_decoder_rows_have_unit_norm(planted):
    members, _ = train_dictionary(planted["activations"], recipe=recipe_for())
    assert len(set(members[0]["threshold"].tolist())) > 24
    assert (members[0]["threshold"] > 0).all()
    assert members[0]["w_dec"].norm(dim=1) == pytest.approx(1.0, abs=1e-4)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(planted):
    first, again, other = (
        train_dictionary(planted["activations"], recipe=recipe_for(steps=40, seed=seed))[0][0] for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["w_enc"], other["w_enc"])


def test_a_matryoshka_prefix_does_alone_what_a_plain_dictionarys_prefix_cannot(planted):
    def prefix_fvu(prefixes) -> float:
        members, _ = train_dictionary(planted["activations"], recipe=recipe_for(prefixes=prefixes))
        x = planted["activations"][PLACE].float()
        z = encode(members, [x])[0]
        z[:, 12:] = 0
        rebuilt = decode(members, [z], [x])[0]
        return float((x - rebuilt).square().sum() / (x - x.mean(0)).square().sum())

    assert prefix_fvu((12, 48)) < prefix_fvu((48,)) - 0.05


def test_an_affine_transcoder_needs_fewer_features_where_the_map_is_partly_linear(planted):
    generator = torch.Generator().manual_seed(1)
    x = planted["activations"][PLACE].float()
    matrix = torch.randn(16, 16, generator=generator) / 4
    target = (x @ matrix + planted["activations"][LATER].float()).bfloat16()
    activations = {PLACE: planted["activations"][PLACE], LATER: target}
    recipes = [recipe_for("transcoder", targets=(LATER,), features=12, prefixes=(12,), affine=a) for a in (True, False)]
    affine, plain = (
        fit_of(train_dictionary(activations, recipe=recipe)[0], recipe, activations)["fvu"] for recipe in recipes
    )
    assert affine < plain - 0.05


def test_a_crosscoder_writes_forward_only_and_rebuilds_both_layers(planted):
    recipe = recipe_for("crosscoder", inputs=(PLACE, LATER), targets=(PLACE, LATER), features=32, prefixes=(32,), l0=3)
    members, _ = train_dictionary(planted["activations"], recipe=recipe)
    assert fit_of(members, recipe, planted["activations"])["fvu"] < 0.25
    assert members[1]["w_dec"].shape == (32, 2, 16)
    assert (members[1]["w_dec"][:, 0] == 0).all()
    assert members[0]["w_dec"][:, 1].abs().max() > 0.1


def test_reconstructions_agree_with_sums_written_out_in_numpy():
    generator = np.random.default_rng(0)
    shapes = {"w_enc": (5, 4), "b_enc": (4,), "threshold": (4,), "w_dec": (4, 3, 6), "b_dec": (6,)}
    members = [
        {name: generator.standard_normal(shape) for name, shape in shapes.items()}
        | {"affine_skip_connection": generator.standard_normal((5, 6))}
        for _ in range(3)
    ]
    x = [generator.standard_normal((7, 5)) for _ in range(3)]
    expected = np.zeros((3, 7, 6))
    for token in range(7):
        for j in range(3):
            total = members[j]["b_dec"] + x[j][token] @ members[j]["affine_skip_connection"]
            for i in range(j + 1):
                for feature in range(4):
                    pre = x[i][token] @ members[i]["w_enc"][:, feature] + members[i]["b_enc"][feature]
                    if pre > members[i]["threshold"][feature]:
                        total = total + pre * members[i]["w_dec"][feature, j]
            expected[j, token] = total
    tensors = [{name: torch.from_numpy(value) for name, value in member.items()} for member in members]
    inputs = [torch.from_numpy(one) for one in x]
    rebuilt = decode(tensors, encode(tensors, inputs), inputs)
    np.testing.assert_allclose(torch.stack(rebuilt).numpy(), expected, rtol=1e-9)


def make_coordinates(generator, d: int, *, whitening: float, size: float = 1.0):
    """Coordinates of activations whose directions differ a hundredfold in size and lie off the axes, and those."""
    values = size * (torch.randn(2000, d, generator=generator) * torch.logspace(0, 2, d) + 1)
    values = values @ torch.linalg.qr(torch.randn(d, d, generator=generator)).Q
    return find_coordinates(values, whitening=whitening), values


def random_members(generator, *, d: int = 5) -> list[dict[str, torch.Tensor]]:
    """Two layers that write to their own and later outputs, with an affine skip."""
    shapes = {"w_enc": (d, 4), "b_enc": (4,), "threshold": (4,), "w_dec": (4, 2, d), "b_dec": (d,)}
    shapes |= {"affine_skip_connection": (d, d)}
    members = [{name: torch.rand(shape, generator=generator) + 0.1 for name, shape in shapes.items()} for _ in range(2)]
    members[1]["w_dec"][:, 0] = 0
    return members


def draw_coordinates(generator, *, whitening: float, d: int = 5) -> tuple[list, list, list[torch.Tensor]]:
    """Coordinates of two inputs and two outputs, each its own, and 50 rows of either input."""
    read, values = zip(*(make_coordinates(generator, d, whitening=whitening) for _ in range(2)), strict=True)
    written = [make_coordinates(generator, d, whitening=whitening, size=size)[0] for size in (1.0, 7.0)]
    return list(read), written, [x[:50] for x in values]


@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
def test_a_module_does_in_its_coordinates_what_its_tensors_do_to_activations(whitening):
    generator = torch.Generator().manual_seed(0)
    members = random_members(generator)
    read, written, rows = draw_coordinates(generator, whitening=whitening)
    module = import_tensors(members, read, written).requires_grad_(False)
    codes = encode(members, rows)
    seen, fired = [], []
    for i in range(2):
        seen.append(rows[i] @ read[i].into)
        pre = seen[i] @ module.w_enc[i] + module.b_enc[i]
        fired.append(pre * (pre > module.log_threshold[i].exp()))
        assert torch.equal(fired[i] > 0, codes[i] > 0)
        assert module.w_dec[i].flatten(1).norm(dim=1) == pytest.approx(1.0, abs=1e-5)
    for j, expected in enumerate(decode(members, codes, rows)):
        total = (
            module.b_dec[j]
            + seen[j] @ module.affine[j]
            + sum(fired[i] @ module.w_dec[i][:, j - i] for i in range(j + 1))
        )
        assert torch.allclose(total, expected @ written[j].into, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
def test_export_after_return_gives_the_same_outputs_and_decoders_of_norm_1(whitening):
    generator = torch.Generator().manual_seed(0)
    members = random_members(generator)
    read, written, rows = draw_coordinates(generator, whitening=whitening)
    returned = export_tensors(import_tensors(members, read, written), read, written)
    before, after = (decode(one, encode(one, rows), rows) for one in (members, returned))
    for one, other in zip(before, after, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-2)
    # Over its outputs, each in units of the mean norm there, and those times the first one's.
    units = torch.tensor([one.scale for one in written])
    for i, member in enumerate(returned):
        lengths = (member["w_dec"].norm(dim=2) * units / units[i]).norm(dim=1)
        assert lengths == pytest.approx(1.0, abs=1e-4)


def test_whitening_makes_directions_alike_and_none_leaves_their_proportions():
    generator = torch.Generator().manual_seed(0)
    spreads = {}
    for whitening in (0.0, 0.5, 1.0):
        coordinates, values = make_coordinates(generator, 8, whitening=whitening)
        seen = values @ coordinates.into
        assert float(seen.norm(dim=1).mean()) == pytest.approx(8**0.5, rel=1e-4)
        assert torch.allclose(seen @ coordinates.back, values, rtol=1e-3, atol=1e-2)
        moments = torch.linalg.eigvalsh(seen.T @ seen / len(seen))
        spreads[whitening] = float(moments[-1] / moments[0])
    assert spreads[1.0] == pytest.approx(1, rel=1e-2)
    assert spreads[0.5] == pytest.approx(spreads[0.0] ** 0.5, rel=0.2)
    assert spreads[0.0] > 1000


def test_directions_that_never_occur_are_not_blown_up():
    values = torch.randn(500, 8, generator=torch.Generator().manual_seed(0))
    values[:, 3:] = 0
    coordinates = find_coordinates(values, whitening=1.0)
    assert coordinates.into.isfinite().all()
    assert coordinates.back.isfinite().all()
    assert coordinates.into.abs().max() <= 2 / LEAST_EIGENVALUE**0.5
    assert torch.allclose(values @ coordinates.into @ coordinates.back, values, atol=1e-3)


def test_a_dictionary_goes_on_from_another(planted):
    recipe = recipe_for()
    members, _ = train_dictionary(planted["activations"], recipe=recipe)
    short = recipe_for(steps=24, rate=1e-4)
    tuned = fit_of(
        train_dictionary(planted["activations"], recipe=short, start=members)[0], recipe, planted["activations"]
    )
    fresh = fit_of(train_dictionary(planted["activations"], recipe=short)[0], recipe, planted["activations"])
    assert tuned["fvu"] < 0.1 < 0.3 < fresh["fvu"]


@pytest.mark.parametrize(
    ("kind", "inputs", "targets", "hooks"),
    [
        ("sae", [("attn_out", 4)], [("attn_out", 4)], ["model.layers.4.self_attn.o_proj.input"] * 2),
        (
            "transcoder",
            [("mlp_in", 3)],
            [("mlp_out", 3)],
            ["model.layers.3.pre_feedforward_layernorm.output", "model.layers.3.post_feedforward_layernorm.output"],
        ),
        ("crosscoder", [("resid_post", 2), ("resid_post", 5)], None, ["model.layers.{2,5}.output"] * 2),
        (
            "clt",
            [("mlp_in", 0), ("mlp_in", 1)],
            [("mlp_out", 0), ("mlp_out", 1)],
            [
                "model.layers.{all}.pre_feedforward_layernorm.output",
                "model.layers.{all}.post_feedforward_layernorm.output",
            ],
        ),
    ],
)
def test_files_have_the_published_names_keys_and_hook_strings(tmp_path, kind, inputs, targets, hooks):
    recipe = recipe_for(kind, inputs=tuple(inputs), targets=tuple(targets or inputs), features=3, affine=kind == "clt")
    members = len(inputs)
    w_dec = torch.zeros(3, members, 5) if members > 1 else torch.zeros(3, 5)
    one = {"w_enc": torch.zeros(5, 3), "b_enc": torch.zeros(3), "threshold": torch.ones(3), "w_dec": w_dec}
    tensors = round_tensors([one | {"b_dec": torch.zeros(5)}] * members)
    folder = save_dictionary(tensors, recipe=recipe, mean_l0=2.4, model_name="tiny", root=tmp_path)
    config = json.loads((folder / "config.json").read_text())
    assert list(config) == [
        "hf_hook_point_in",
        "hf_hook_point_out",
        "width",
        "model_name",
        "architecture",
        "l0",
        "affine_connection",
        "type",
    ]
    assert [config["hf_hook_point_in"], config["hf_hook_point_out"]] == hooks
    assert (config["width"], config["l0"], config["type"]) == (3 * members, 2, kind)
    assert config["affine_connection"] is (kind == "clt")
    assert sorted(path.name for path in folder.glob("*.safetensors")) == weight_files(members)
    stored = load_file(folder / weight_files(members)[0])
    assert set(stored) == {"w_enc", "b_enc", "threshold", "w_dec", "b_dec"}
    assert (stored["w_enc"].dtype, stored["threshold"].dtype) == (torch.bfloat16, torch.float32)
    assert len(load_members(folder)) == members
