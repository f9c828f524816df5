"""Written dictionaries have the published names, keys, shapes and config entries (docs/formats.md)."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.hub.faults import read_header
from tests.hub.layout import write_clt, write_crosscoder, write_dictionary, write_examples

CONFIG_KEYS = "hf_hook_point_in hf_hook_point_out width model_name architecture l0 affine_connection type".split()
RESIDUAL, ATTENTION = "model.layers.17.output", "model.layers.17.self_attn.o_proj.input"
MLP_IN = "model.layers.17.pre_feedforward_layernorm.output"
MLP_OUT = "model.layers.17.post_feedforward_layernorm.output"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "google" / "gemma-scope-2-4b-pt"


def describe(file) -> dict[str, tuple[str, list[int]]]:
    _, header = read_header(file.read_bytes())
    return {name: (entry["dtype"], entry["shape"]) for name, entry in header.items()}


def read_config(folder) -> dict:
    return json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize(
    ("site", "reads", "writes", "kind"),
    [
        ("resid_post", RESIDUAL, RESIDUAL, "sae"),
        ("mlp_out", MLP_OUT, MLP_OUT, "sae"),
        ("attn_out_all", ATTENTION, ATTENTION, "sae"),
        ("transcoder", MLP_IN, MLP_OUT, "transcoder"),
        ("transcoder_all", MLP_IN, MLP_OUT, "transcoder"),
    ],
)
def test_a_config_is_as_published(root, site, reads, writes, kind):
    folder = write_dictionary(root, site=site, layer=17, l0="big", features=40, target_l0=150)
    assert folder == root / site / "layer_17_width_16k_l0_big"
    values = [reads, writes, 40, "google/gemma-3-4b-pt", "jump_relu", 150, False, kind]
    assert list(read_config(folder).items()) == list(zip(CONFIG_KEYS, values, strict=True))


def test_a_single_layer_file_has_the_published_tensors(root):
    folder = write_dictionary(root, site="transcoder", affine=True, d_in=6, d_out=5, features=9)
    assert folder.name == "layer_0_width_16k_l0_medium_affine"
    shapes = {"w_enc": [6, 9], "b_enc": [9], "threshold": [9], "w_dec": [9, 5], "b_dec": [5]}
    shapes["affine_skip_connection"] = [6, 5]
    file = folder / "params.safetensors"
    assert describe(file) == {name: ("F32", shape) for name, shape in shapes.items()}
    assert read_config(folder)["affine_connection"] is True
    tensors = load_file(file)
    np.testing.assert_allclose(np.linalg.norm(tensors["w_dec"], axis=1), 1, rtol=1e-6)
    assert (tensors["threshold"] > 0).all()


def test_tensors_lie_in_alphabetical_order(root):
    _, header = read_header((write_dictionary(root, d_in=6, features=9) / "params.safetensors").read_bytes())
    starts = {name: entry["data_offsets"][0] for name, entry in header.items()}
    assert sorted(starts, key=starts.get) == ["b_dec", "b_enc", "threshold", "w_dec", "w_enc"]


def test_an_affine_matrix_is_not_symmetric(root):
    square = load_file(write_dictionary(root, site="transcoder", affine=True) / "params.safetensors")
    assert not np.allclose(square["affine_skip_connection"], square["affine_skip_connection"].T)


def test_a_crosscoder_file_goes_by_position_not_by_layer(root):
    folder = write_crosscoder(root, layers=(5, 9, 12, 15), width="1m", d_model=6, features_per_layer=3)
    assert folder.name == "layer_5_9_12_15_width_1m_l0_medium"
    assert {file.name for file in folder.iterdir()} == {
        "config.json",
        *(f"params_layer_{member}.safetensors" for member in range(4)),
    }
    assert read_config(folder)["hf_hook_point_in"] == "model.layers.{5,9,12,15}.output"
    assert read_config(folder)["width"] == 12 and read_config(folder)["type"] == "crosscoder"
    assert describe(folder / "params_layer_3.safetensors")["w_dec"] == ("F32", [3, 4, 6])


@pytest.mark.parametrize("below", [0.0, 0.25])
def test_a_clt_writes_to_absolute_layers_from_its_own_on(root, below):
    folder = write_clt(root, n_layers=5, d_model=6, features_per_layer=7, affine=True, below=below)
    assert folder.name == "width_262k_l0_medium_affine"
    assert read_config(folder)["width"] == 35
    assert read_config(folder)["hf_hook_point_out"] == "model.layers.{all}.post_feedforward_layernorm.output"
    for member in range(5):
        tensors = load_file(folder / f"params_layer_{member}.safetensors")
        assert tensors["w_dec"].shape == (7, 5, 6) and tensors["affine_skip_connection"].shape == (6, 6)
        assert (tensors["w_dec"][:, :member] == below).all()
        assert (tensors["w_dec"][:, member:] != below).all()


def test_examples_are_as_published(root):
    folder = write_dictionary(root, features=9, examples=True)
    ids = {"tokens": ("I32", [12, 16]), "seq_ids": ("I64", [9, 1000]), "positions": ("I32", [9, 1000])}
    ranks = {"top_tokens": ("I32", [9, 10]), "bottom_tokens": ("I32", [9, 10])}
    values = {name: ("F32", [9, 10]) for name in ("top_logits", "bottom_logits")}
    rows = {name: ("F32", [9, 1000]) for name in ("activations", "logit_effects")}
    frequencies = {"feature_frequencies": ("F64", [9])}
    assert describe(folder / "examples.safetensors") == ids | ranks | values | rows | frequencies
    tensors = load_file(folder / "examples.safetensors")
    assert (np.diff(tensors["activations"], axis=1) <= 0).all()
    assert (tensors["activations"] > 0).sum(axis=1).tolist() == [5] * 9
    assert tensors["seq_ids"].max() < 12 and tensors["positions"].max() < 16


def test_examples_may_lack_tensors(root):
    file = write_examples(write_dictionary(root), features=9, without=("logit_effects", "top_tokens"))
    assert set(describe(file)).isdisjoint({"logit_effects", "top_tokens"}) and len(describe(file)) == 8


def test_configs_may_lack_entries_or_name_the_model_otherwise(root):
    changes = {"affine_connection": ..., "type": ..., "model_name": "gemma-v3-4b-pt"}
    config = read_config(write_dictionary(root, config=changes))
    assert list(config) == [key for key in CONFIG_KEYS if key not in ("affine_connection", "type")]
    assert config["model_name"] == "gemma-v3-4b-pt"
    assert not (write_dictionary(root, layer=1, with_config=False) / "config.json").exists()


def test_one_name_in_two_suites_differs_in_values_only(root):
    files = [
        write_dictionary(root, site=site, seed=seed) / "params.safetensors"
        for seed, site in enumerate(("resid_post", "resid_post_all"))
    ]
    assert files[0].parent.name == files[1].parent.name and files[0].stat().st_size == files[1].stat().st_size
    assert files[0].read_bytes() != files[1].read_bytes()


def test_duplicates_and_own_tensors(root):
    duplicate = write_dictionary(root, width="262k", duplicate=1, b_dec=np.ones(24, np.float32))
    assert duplicate.name == "layer_0_width_262k_l0_medium_seed_1"
    assert load_file(duplicate / "params.safetensors")["b_dec"].tolist() == [1] * 24
