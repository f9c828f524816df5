"""What ships with the package: the whole family, as its records say it is."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from safetensors import safe_open

import gscope_widgets as gs
from factory.build import corpus_digest
from factory.training import family
from gscope_widgets.mini import DICTIONARIES, MODELS, SUMS, TWIN
from gscope_widgets.runtime.examples.files import read_examples
from gscope_widgets.runtime.files.integrity import verify_embedded
from gscope_widgets.runtime.files.weights import WeightFile

TEXT = (
    "On Monday the baker of Dunmere sold four loaves to the miller. "
    'Asked about the price, she said: "Two crowns." Le boulanger est fatigué.'
)


@pytest.fixture(scope="module", params=sorted(MODELS))
def scope(request):
    return gs.load(request.param)


def folder_of(info) -> str:
    return info.id.partition("/")[2]


def test_the_catalogue_shows_every_dictionary_that_the_scripts_train(scope):
    root = family.PRETRAINED if scope.info.id == "gscope-mini" else family.CHAT
    expected = {recipe.folder for recipe in family.list_family()[root]}
    assert {folder_of(info) for info in scope.catalogue()} == expected


def test_every_dictionary_opens_and_explains_a_text_at_its_recorded_sparsity(scope):
    for info in scope.catalogue():
        dictionary = scope.dictionary(path=DICTIONARIES[scope.info.id.removeprefix("gscope-")] / folder_of(info))
        reading = scope.read(TEXT, dictionary)
        assert 0 < reading.total_fvu < 0.8, info.id
        mean_l0 = float(np.mean([reading.l0[pos] for pos in reading.tokens.used]))
        assert 0.3 * info.mean_l0 < mean_l0 < 3 * info.mean_l0, info.id


@pytest.mark.parametrize(
    ("wish", "error", "message"),
    [
        (
            {"site": "attn_in"},
            gs.InvalidValue,
            r"site must be one of resid_post, attn_out, .*, clt, .*, transcoder_all, got 'attn_in'; did you mean 'attn_out'\?$",
        ),
        (
            {"layer": 9},
            gs.UnknownDictionary,
            r"no dictionary .*layer=9; layers of resid_post are 0 to 7; there are: .*layer=6 width='1k'",
        ),
        ({"width": "16k"}, gs.UnknownDictionary, r"no dictionary .*width='16k'; there are: .*width='1k'"),
        ({"l0": "huge"}, gs.UnknownDictionary, r"no dictionary .*l0='huge'; there are: .*l0='medium'"),
    ],
)
def test_a_site_layer_width_or_l0_that_mini_has_not_is_refused_with_what_it_has(wish, error, message):
    scope = gs.load("mini")
    with pytest.raises(error, match=message):
        scope.dictionary(**wish)
    [(name, _)] = wish.items()
    known = {"site": "resid_post", "layer": 4, "width": "1k", "l0": "medium"}
    assert scope.dictionary(**{name: known[name]}).info.layers == (4,)  # what there is is not refused


def test_every_shipped_file_is_the_one_its_sum_names():
    sums = json.loads(SUMS.read_text())
    folder = SUMS.parent
    files = {
        path.relative_to(folder).as_posix()
        for part in ("models", "dictionaries")
        for path in (folder / part).rglob("*")
        if path.is_file()
    }
    assert set(sums) == files
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def test_the_corpus_is_the_one_the_models_were_trained_on():
    for folder in MODELS.values():
        assert corpus_digest() == json.loads((folder / "training.json").read_text())["corpus_sha256"]


def test_the_twin_was_trained_like_the_small_dictionary_but_for_its_prefixes():
    small = DICTIONARIES["mini"] / family.small_dictionary().folder
    recipes = [json.loads((folder / "training.json").read_text())["recipe"] for folder in (small, TWIN)]
    assert {name for name in recipes[0] if recipes[0][name] != recipes[1][name]} == {"prefixes"}


@pytest.mark.parametrize(
    ("model", "folder"),
    [
        ("mini", "resid_post/layer_4_width_1k_l0_medium"),
        ("mini", "resid_post/layer_4_width_4k_l0_medium"),
        ("mini-it", "resid_post/layer_4_width_1k_l0_medium"),
    ],
)
def test_the_strongest_example_of_a_feature_is_what_reading_it_gives(model, folder):
    path = DICTIONARIES[model] / folder / "examples.safetensors"
    scope = gs.load(model)
    dictionary = scope.dictionary(path=path.parent)
    with safe_open(path, "np") as file:
        strongest = file.get_slice("activations")[:, :1][:, 0]
    checked = 0
    for feature in np.argsort(-strongest)[:: len(strongest) // 6].tolist():
        examples = read_examples(WeightFile(path), feature)
        if not len(examples.activations) or examples.activations[0] == 0:
            continue
        reading = scope.read(examples.tokens[0].tolist(), dictionary)
        assert reading.trace(feature)[examples.positions[0]] == pytest.approx(examples.activations[0], rel=1e-3)
        checked += 1
    assert checked >= 4


def test_an_altered_weight_file_is_refused_by_name(tmp_path):
    copy = tmp_path / "mini"
    shutil.copytree(SUMS.parent, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = copy / "dictionaries" / "gscope-mini-pt" / family.middle_dictionary().folder / "params.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(gs.BadArtefact, match=r"params\.safetensors .* is not the file that shipped"):
        verify_embedded(path, root=copy)
    verify_embedded(path.with_name("config.json"), root=copy)
