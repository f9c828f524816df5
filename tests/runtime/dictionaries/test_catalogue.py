"""What exists: folders read as they are published, choices that say what there is, and one shelf."""

import json
import shutil
from contextlib import suppress

import pytest
import torch

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.runtime.dictionaries.catalogue import SITES, SUITES, describe_dictionary, list_dictionaries
from gscope_widgets.runtime.dictionaries.choice import choose_dictionary
from gscope_widgets.runtime.dictionaries.folders import LocalFolder
from gscope_widgets.runtime.dictionaries.shelf import Shelf


def describe(folder):
    return describe_dictionary(LocalFolder(folder))


def test_a_folder_says_what_it_is(make_dictionary):
    folder = make_dictionary(
        layer=1, width=40, width_name="16k", l0="big", config={"model_name": "google/gemma-3-270m-pt"}
    )
    info = describe(folder)
    assert info.id == "tiny-pt/resid_post/layer_1_width_16k_l0_big"
    assert (info.kind, info.site, info.layers, info.layer) == ("sae", "resid_post", (1,), 1)
    assert (info.width, info.d_dict, info.l0, info.mean_l0) == ("16k", 40, "big", 7.0)
    assert (info.affine, info.model) == (False, "google/gemma-3-270m-pt")
    assert info.bytes == (folder / "params.safetensors").stat().st_size


def test_without_a_config_the_folders_name_is_enough(make_dictionary):
    info = describe(make_dictionary(with_config=False))
    assert (info.kind, info.layer, info.d_dict, info.mean_l0, info.affine, info.model) == (
        "sae",
        1,
        40,
        None,
        False,
        "",
    )
    affine = describe(make_dictionary(with_config=False, site="transcoder_all", suffix="_affine"))
    assert (affine.kind, affine.affine) == ("transcoder", True)


@pytest.mark.parametrize("dropped", ["affine_connection", "type", "l0", "model_name", "width", "architecture"])
def test_a_config_without_one_of_its_keys_is_read(make_dictionary, dropped):
    info = describe(make_dictionary(config={dropped: ...}))
    assert (info.kind, info.affine, info.d_dict) == ("sae", False, 40)
    assert (info.mean_l0 is None) == (dropped == "l0")


def test_a_seed_variant_is_recognised(make_dictionary):
    assert describe(make_dictionary(suffix="_seed_1")).l0 == "medium"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"width": 41}, "config.json says width 41, w_enc has 40 features"),
        ({"width": "40"}, "config.json says width '40', w_enc has 40"),
        ({"architecture": "topk"}, "architecture should be 'jump_relu', got 'topk'"),
        ({"hf_hook_point_in": "model.layers.7.output"}, "config.json reads 'model.layers.7.output'.*says layer 1"),
        ({"hf_hook_point_in": "model.layers.11.output"}, "says layer 1"),
        ({"hf_hook_point_in": 5}, "says layer 1"),
        ({"hf_hook_point_in": "model.layers.1.self_attn.o_proj.input"}, "says layer 1 of resid_post"),
        ({"hf_hook_point_out": "model.layers.2.output"}, "writes to 'model.layers.2.output'.*says layer 1"),
        ({"type": "transcoder"}, "says type 'transcoder', a folder of resid_post holds a sae"),
    ],
)
def test_a_config_that_contradicts_its_folder_is_refused_with_both(make_dictionary, config, sentence):
    with pytest.raises(gs.BadArtefact, match=sentence):
        describe(make_dictionary(config=config))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "cannot be read as JSON"),
        ("{", "cannot be read as JSON"),
        ("[" * 50_000, "cannot be read as JSON"),
        ("[]", "should hold an object"),
        ("x" * 200_000, "too long"),
    ],
    ids=lambda content: content[:10],
)
def test_a_damaged_config_is_refused(make_dictionary, content, sentence):
    folder = make_dictionary()
    (folder / "config.json").write_text(content)
    with pytest.raises(gs.BadArtefact, match=sentence):
        describe(folder)


def test_l0_that_is_no_number_is_left_out(make_dictionary):
    folder = make_dictionary()
    (folder / "config.json").write_text('{"l0": NaN}')
    assert describe(folder).mean_l0 is None


@pytest.mark.parametrize(
    "name", ["layer_x_width_1k_l0_medium", "my_dictionary", "layer_1_width_1k", "layer_-1_width_1k_l0_big"]
)
def test_a_folder_of_another_name_is_refused_with_an_example(make_dictionary, name):
    folder = make_dictionary().rename(make_dictionary().parent / name)
    with pytest.raises(gs.BadArtefact, match="no published folder name.*layer_4_width_1k_l0_medium"):
        describe(folder)


def test_the_list_has_every_published_folder_and_passes_others_over(make_dictionary, tmp_path):
    for layer in (0, 1, 2):
        make_dictionary(layer=layer)
    make_dictionary(site="resid_post_all", l0="big")
    other = make_dictionary(layer=2, l0="small")
    other.rename(other.parent / "notes_to_myself")
    (tmp_path / "tiny-pt" / "resid_post" / "layer_9_width_1k_l0_big").mkdir()
    assert [info.id.removeprefix("tiny-pt/") for info in list_dictionaries(tmp_path / "tiny-pt")] == [
        "resid_post/layer_0_width_40_l0_medium",
        "resid_post/layer_1_width_40_l0_medium",
        "resid_post/layer_2_width_40_l0_medium",
        "resid_post_all/layer_1_width_40_l0_big",
    ]
    assert list_dictionaries(tmp_path / "nothing") == []


# ---- choosing


@pytest.fixture
def infos(make_dictionary, tmp_path):
    for layer in (0, 1, 2, 4):
        for width_name in ("16k", "65k", "1m"):
            for l0 in ("small", "medium", "big"):
                make_dictionary(layer=layer, width_name=width_name, l0=l0)
    make_dictionary(site="resid_post_all", layer=0, l0="big", width_name="16k")
    make_dictionary(
        site="transcoder",
        layer=1,
        l0="big",
        width_name="16k",
        suffix="_affine",
        config={"type": "transcoder", "affine_connection": True},
    )
    return list_dictionaries(tmp_path / "tiny-pt")  # fmt: skip


def test_defaults_are_the_lower_middle_layer_the_narrowest_width_and_medium(infos):
    chosen = choose_dictionary(infos)
    assert (chosen.layer, chosen.width, chosen.l0) == (1, "16k", "medium")


def test_each_wish_is_met(infos):
    chosen = choose_dictionary(infos, layer=4, width="1m", l0="small")
    assert (chosen.layer, chosen.width, chosen.l0) == (4, "1m", "small")
    assert choose_dictionary(infos, layer=0).layer == 0
    assert choose_dictionary(infos, site="resid_post_all").l0 == "big"
    assert choose_dictionary(infos, site="transcoder", affine=True).affine


@pytest.mark.parametrize(
    ("wish", "said", "nearest"),
    [
        ({"layer": 3}, "layer=3", "layer=2"),
        ({"layer": 30}, "layer=30", "layer=4"),
        ({"layer": -1}, "layer=-1", "layer=0"),
        ({"layer": 0, "width": "2k"}, "layer=0 width='2k'", "layer=0"),
        ({"layer": 3, "width": "65k", "l0": "small"}, "width='65k'", "layer=2 width='65k' l0='small'"),
        ({"width": "16K"}, "width='16K'", "resid_post layer=0"),
        ({"l0": "tiny"}, "l0='tiny'", "resid_post layer=0"),
        ({"affine": True}, "affine=True", "resid_post layer=0"),
        ({"site": "clt"}, "site='clt'", "layer=0"),
    ],
)
def test_a_wish_that_cannot_be_met_is_repeated_and_what_exists_is_listed(infos, wish, said, nearest):
    with pytest.raises(gs.UnknownDictionary) as caught:
        choose_dictionary(infos, **wish)
    assert said in str(caught.value)
    site = wish.get("site", "resid_post")
    listed = str(caught.value).split("there are: ")[1]
    assert nearest in listed.split("; ")[0]
    assert "more in scope.catalogue()" in listed
    assert listed.count(f"{site} ") > 0 or site == "clt"


@pytest.mark.parametrize("site", ["resid", "RESID_POST", "", None, 5, ["resid_post"]])
def test_an_unknown_site_lists_the_sites(infos, site):
    with pytest.raises(
        gs.InvalidValue, match="site must be one of resid_post, attn_out, mlp_out, transcoder, crosscoder"
    ):
        choose_dictionary(infos, site=site)


@pytest.mark.parametrize(
    ("site", "near"),
    [
        ("transcoders_all", "transcoder_all"),
        ("resid", "resid_post"),
        ("nope", None),
        ("clts", "clt"),
        ("atn_out", "attn_out"),
    ],
)
def test_the_nearest_site_is_named(infos, site, near):
    with pytest.raises(gs.InvalidValue) as caught:
        choose_dictionary(infos, site=site)
    assert all(name in str(caught.value) for name in (*SITES, *SUITES))
    assert str(caught.value).endswith(f"got {site!r}" + (f"; did you mean {near!r}?" if near else ""))


def test_every_site_that_is_named_is_one(infos):
    for site in (*SITES, *SUITES):
        with suppress(gs.UnknownDictionary):  # of what is listed here
            choose_dictionary(infos, site=site)


def test_nothing_at_all_is_said_to_be_nothing():
    with pytest.raises(gs.UnknownDictionary, match="none for this model on this machine"):
        choose_dictionary([])


# ---- the shelf


def model_info(**changes) -> ModelInfo:
    options = {
        "id": "tiny", "revision": "", "model_class": "G", "layers": 3, "d_model": 24, "vocabulary": 9, "context": 9,
        "device": "cpu", "dtype": "float32", "bytes": 1, "licence": "", "d_attention": 32,
    }  # fmt: skip
    return ModelInfo(**(options | changes))


@pytest.fixture
def shelf():
    return Shelf(model_info(), name="tiny")


def test_a_dictionary_is_opened_once(shelf, make_dictionary):
    path = make_dictionary()
    assert shelf.open_folder(path) is shelf.open_folder(str(path)) is shelf.open_folder(path / ".." / path.name)


def test_two_folders_of_one_name_are_not_taken_for_each_other(shelf, make_dictionary, tmp_path):
    first = make_dictionary("a/tiny-pt", seed=1)
    second = make_dictionary("b/tiny-pt", seed=2)
    assert describe(first).id == describe(second).id
    shelf.open_folder(first)
    with pytest.raises(gs.UnknownDictionary, match="which is open from .*a/tiny-pt.*rename"):
        shelf.open_folder(second)
    other_root = shutil.copytree(tmp_path / "b" / "tiny-pt", tmp_path / "b" / "renamed-pt")
    opened = shelf.open_folder(other_root / "resid_post" / second.name)
    assert opened.info.id != describe(first).id


def test_sites_of_one_folder_name_have_their_own_ids(make_dictionary):
    """Same-named files of resid_post and resid_post_all have the same size (trap 9 of the format)."""
    one, other = make_dictionary(seed=1), make_dictionary(site="resid_post_all", seed=2)
    assert describe(one).bytes == describe(other).bytes
    assert describe(one).id != describe(other).id


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"d_in": 25}, "reads 25 numbers at layer 1; tiny has 24 in each of 3 layers: it was made for another model"),
        ({"layer": 3}, "at layer 3; tiny has 24 in each of 3 layers"),
        ({"site": "attn_out", "d_in": 24}, "reads 24 numbers at layer 1; tiny has 32 in each of 3 layers"),
        ({"site": "transcoder", "d_in": 24, "d_out": 25}, "reads 24 and writes 25 numbers at layer 1; tiny has 24"),
    ],
)
def test_a_dictionary_of_another_model_or_kind_is_refused_and_not_registered(shelf, make_dictionary, options, sentence):
    folder = make_dictionary(**options)
    with pytest.raises(gs.UnknownDictionary, match=sentence):
        shelf.open_folder(folder)
    with pytest.raises(gs.UnknownDictionary, match="no dictionary that this scope has opened"):
        shelf.find_id(describe(folder).id)
    assert shelf.open_folder(make_dictionary()).d_dict == 40


@pytest.mark.parametrize(
    ("made_for", "model", "fits"),
    [
        ("google/gemma-3-270m-pt", "gemma-3-270m", True),
        ("google/gemma-3-270m-pt", "google/gemma-3-270m", True),
        ("gemma-v3-1b-it", "google/gemma-3-1b-it", True),
        ("gemma-3-1b-pt", "gemma-3-1b", True),
        ("google/gemma-3-270m-it", "gemma-3-270m", False),
        ("google/gemma-3-1b-pt", "google/gemma-3-1b-it", False),
        ("google/gemma-3-4b-it", "gemma-3-1b-it", False),
        ("google/gemma-3-1b-it", "someone/gemma-3-1b-it-medical", True),
        ("", "gemma-3-1b-it", True),
        ("gscope-mini", "gscope-mini", True),
        ("gscope-mini-it", "gscope-mini-it", True),
        ("gscope-mini", "gscope-mini-it", False),
    ],
)
def test_pt_and_it_dictionaries_are_told_apart_by_their_config(make_dictionary, made_for, model, fits):
    shelf = Shelf(model_info(id=model), name=model)
    folder = make_dictionary(config={"model_name": made_for})
    if fits:
        assert shelf.open_folder(folder).d_dict == 40
    else:
        with pytest.raises(gs.UnknownDictionary, match=f"was made for {made_for}, and this is {model}"):
            shelf.open_folder(folder)


def test_a_folder_without_weights_is_refused(shelf, tmp_path):
    with pytest.raises(
        gs.UnknownDictionary,
        match=r"holds no dictionary: it has no params\.safetensors and no params_layer_0\.safetensors$",
    ):
        shelf.open_folder(tmp_path)
    (tmp_path / "params.pt").write_bytes(b"pickle")
    with pytest.raises(
        gs.UnknownDictionary, match=r"it has params\.pt, which is not read: convert it with safetensors"
    ):
        shelf.open_folder(tmp_path)


def test_a_folder_that_is_not_there_is_called_that(shelf, tmp_path):
    for path in (tmp_path / "nothing", "nothing", "~/nothing", "/nowhere/at/all"):
        with pytest.raises(gs.UnknownDictionary, match=f"there is no folder '{path}'"):
            shelf.open_folder(path)


def test_a_file_for_a_folder_is_told_which_folder(shelf, make_dictionary):
    folder = make_dictionary()
    with pytest.raises(gs.InvalidValue, match=rf"got the file .*params\.safetensors; give {folder}$"):
        shelf.open_folder(folder / "params.safetensors")


def test_a_home_folder_is_found_by_its_sign(shelf, make_dictionary, tmp_path, monkeypatch):
    folder = make_dictionary()
    monkeypatch.setenv("HOME", str(tmp_path))
    opened = shelf.open_folder(f"~/{folder.relative_to(tmp_path)}")
    assert opened is shelf.open_folder(folder)
    assert shelf.write_opening(opened.info.id) == f"scope.dictionary(path='~/{folder.relative_to(tmp_path)}')"


@pytest.mark.parametrize(
    "path", [5, [], b"x\0", "a\0b", "~no_such_user_here/x", object()], ids=lambda path: type(path).__name__
)
def test_what_is_no_path_is_refused(shelf, path):
    with pytest.raises((gs.InvalidValue, gs.UnknownDictionary)):
        shelf.open_folder(path)


@pytest.mark.parametrize("value", [5, None, "x", ("x", 3)], ids=repr)
def test_what_is_no_feature_reference_is_refused(shelf, value):
    with pytest.raises(gs.InvalidValue, match=r"dictionary\.feature\(number\)"):
        shelf.find(value)


def test_a_reference_is_found_only_on_the_shelf_that_opened_it(shelf, make_dictionary):
    dictionary = shelf.open_folder(make_dictionary())
    assert shelf.find(dictionary.feature(3)) is dictionary
    with pytest.raises(gs.UnknownFeature, match="from 0 to 39, got 40"):
        shelf.find(FeatureRef(dictionary.info.id, 40))
    with pytest.raises(gs.UnknownDictionary, match=r"call scope\.dictionary\(\.\.\.\) first"):
        Shelf(model_info(), name="other").find(dictionary.feature(3))
    with pytest.raises(gs.UnknownDictionary, match="opened by another scope"):
        Shelf(model_info(), name="other").check(dictionary)


def test_a_dictionary_opened_by_another_scope_is_refused(shelf, make_dictionary):
    path = make_dictionary()
    mine, other = shelf.open_folder(path), Shelf(model_info(), name="other")
    other.open_folder(path)
    with pytest.raises(gs.UnknownDictionary, match="was opened by another scope"):
        other.check(mine)
    with pytest.raises(gs.InvalidValue, match=r"dictionary comes from scope\.dictionary\(\)"):
        other.check(torch.zeros(3))


def test_the_embedded_catalogue_is_the_folders_that_ship(scope):
    from gscope_widgets.mini import DICTIONARIES

    infos = scope.catalogue()
    assert infos
    folders = {path.parent for path in DICTIONARIES["mini"].glob("*/*/params*.safetensors")}
    assert {info.id for info in infos} == {str(folder.relative_to(DICTIONARIES["mini"].parent)) for folder in folders}
    for info in infos:
        config = json.loads((DICTIONARIES["mini"].parent / info.id / "config.json").read_text())
        assert config["width"] == info.d_dict
        opened = scope.dictionary(info.site, info.layer, info.width, info.l0, affine=info.affine)
        assert opened.info == info


def test_a_model_without_dictionaries_says_where_they_come_from(tiny):
    assert tiny.catalogue() == []
    with pytest.raises(
        gs.UnknownDictionary, match=r"Gemma Scope 2 has them for gemma-3-270m to .* scope\.dictionary\(path="
    ):
        tiny.dictionary()
