"""The listing of what is published, against counts and sizes known from elsewhere (docs/formats.md)."""

import json

import pytest
from huggingface_hub import HfApi, hf_hub_download
from safetensors.numpy import load_file

from tests.hub.geometry import GEOMETRIES, name_model, name_repository, reduce_geometry
from tests.hub.layout import write_dictionary, write_examples
from tests.hub.published import (
    count_examples_bytes,
    count_params_bytes,
    get_target_l0,
    list_files,
    list_folders,
    list_samples,
    write_scope_repository,
)

MULTI = ("crosscoder/", "clt/")
ALL = [(size, variant) for size in GEOMETRIES for variant in ("pt", "it")]


def test_the_single_layer_dictionaries_are_as_many_as_saelens_lists():
    folders = {(size, variant): list(list_folders(size, variant)) for size, variant in ALL}
    single = {key: [name for name in names if not name.startswith(MULTI)] for key, names in folders.items()}
    assert sum(map(len, single.values())) == 8784
    assert sum(name.startswith("transcoder_all/") for name in single["27b", "it"]) == 491
    assert [name for name in single["270m", "pt"] if name.startswith("transcoder/")] == [
        "transcoder/layer_9_width_16k_l0_small_affine",
        "transcoder/layer_15_width_262k_l0_big_affine",
    ]
    assert all(len(names) == len(set(names)) for names in folders.values())
    assert sum(name.startswith("crosscoder/") for name in folders["27b", "it"]) == 6


def test_sizes_are_those_of_the_real_files():
    assert list_files("4b", "pt")["resid_post/layer_17_width_16k_l0_medium/params.safetensors"] == 335_686_016
    assert list_files("4b", "it")["resid_post/layer_17_width_16k_l0_medium/examples.safetensors"] == 815_733_608
    files = list_files("1b", "pt")
    for width, gibibytes in (("262k", 30.37), ("524k", 60.74)):
        total = sum(size for path, size in files.items() if path.startswith(f"clt/width_{width}_l0_big/params"))
        assert total / 2**30 == pytest.approx(gibibytes, abs=0.005)


@pytest.mark.parametrize(("d_in", "features", "affine"), [(6, 9, False), (24, 40, True), (640, 128, False)])
def test_sizes_by_arithmetic_are_those_of_files_written(tmp_path, d_in, features, affine):
    folder = write_dictionary(tmp_path, site="transcoder", d_in=d_in, features=features, affine=affine)
    size = (folder / "params.safetensors").stat().st_size
    assert size == count_params_bytes(d_in, features, (d_in,), affine=affine)
    data = 4 * (2 * d_in * features + 2 * features + d_in + affine * d_in * d_in)
    assert 8 < size - data < 600 and (size - data) % 8 == 0
    assert write_examples(folder, features=3).stat().st_size == count_examples_bytes(3, 12, 16)


def test_the_header_of_a_4b_file_is_376_bytes():
    data = 4 * (2 * 2560 * 16384 + 2 * 16384 + 2560)
    assert count_params_bytes(2560, 16384, (2560,)) - data == 8 + 376


@pytest.mark.parametrize(
    ("size", "site", "layer", "l0", "declared"),
    [
        ("4b", "resid_post", 17, "big", 150),
        ("4b", "mlp_out", 9, "medium", 53),
        ("270m", "transcoder", 5, "big", 135),
        ("1b", "transcoder_all", 12, "big", 120),
        ("1b", "resid_post_all", 0, "small", 10),
        ("27b", "resid_post_all", 61, "small", 20),
    ],
)
def test_the_declared_l0_depends_on_suite_and_depth(size, site, layer, l0, declared):
    assert get_target_l0(size, site, layer, l0) == declared


def test_geometries_keep_every_width_apart():
    for size in GEOMETRIES:
        reduced = reduce_geometry(size)
        assert reduced.n_layers == GEOMETRIES[size].n_layers and reduced.sweep == GEOMETRIES[size].sweep
        assert len({reduced.d_model, reduced.d_attention, reduced.d_mlp}) == 3
    assert len({reduce_geometry(size).d_model for size in GEOMETRIES}) == 5
    assert GEOMETRIES["27b"].get_d_in("attn_out_all") == 4096 and GEOMETRIES["27b"].d_model == 5376


def test_the_270m_base_model_alone_has_no_suffix():
    assert name_model("270m", "pt") == "google/gemma-3-270m"
    assert name_model("270m", "it") == "google/gemma-3-270m-it" and name_model("1b", "pt") == "google/gemma-3-1b-pt"


def test_a_repository_is_listed_whole_and_holds_one_of_each_kind(hub):
    root = write_scope_repository(hub.folder, "1b", "it")
    repository = name_repository("1b", "it")
    listed = set(HfApi().list_repo_files(repository))
    assert listed == set(list_files("1b", "it")) and len(listed) > 2400
    assert {sample.split("/")[0] for sample in list_samples("1b", "it")} == {
        *("resid_post", "attn_out", "mlp_out", "transcoder", "crosscoder", "clt"),
        *("resid_post_all", "attn_out_all", "mlp_out_all", "transcoder_all"),
    }
    attention = "attn_out/layer_13_width_16k_l0_medium"
    tensors = load_file(hf_hub_download(repository, f"{attention}/params.safetensors"))
    geometry = reduce_geometry("1b")
    assert tensors["w_enc"].shape[0] == tensors["w_dec"].shape[1] == geometry.d_attention != geometry.d_model
    config = json.loads((root / "resid_post_all/layer_13_width_16k_l0_small/config.json").read_text())
    assert config["l0"] == 20 and config["model_name"] == "google/gemma-3-1b-it"
    assert len(list((root / "clt/width_262k_l0_medium").glob("params_layer_*.safetensors"))) == 26


def test_any_published_folder_can_be_asked_for(hub):
    wanted = ["resid_post/layer_7_width_262k_l0_medium_seed_1", "crosscoder/layer_7_13_17_22_width_1m_l0_big"]
    root = write_scope_repository(hub.folder, "1b", "pt", folders=wanted, listed=False)
    assert {file.parent.relative_to(root).as_posix() for file in root.rglob("config.json")} == set(wanted)
