"""Crosscoders and CLTs against loops in plain NumPy, float64, that follow the published sums term by term."""

import warnings

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_torch
from safetensors.torch import save_file

import gscope_widgets as gs
from gscope_widgets.runtime.dictionaries.catalogue import describe_dictionary
from gscope_widgets.runtime.dictionaries.folders import LocalFolder
from gscope_widgets.runtime.dictionaries.member import finish
from gscope_widgets.runtime.dictionaries.multilayer import MultilayerDictionary

N, SHARE, D = 3, 7, 24


def open_folder(folder, **changes):
    return MultilayerDictionary(LocalFolder(folder), info=describe_dictionary(LocalFolder(folder)), **changes)


def members(folder):
    paths = [folder / f"params_layer_{i}.safetensors" for i in range(len(list(folder.glob("params*"))))]
    return [{name: value.astype(np.float64) for name, value in load_file(path).items()} for path in paths]


def encode_plainly(x, weights):
    """[pos, n * F_l]: member after member, each on its own layer."""
    parts = []
    for i, w in enumerate(weights):
        pre = x[:, i] @ w["w_enc"] + w["b_enc"]
        parts.append(np.where(pre > w["threshold"], pre, 0))
    return np.concatenate(parts, axis=1)


def decode_plainly(z, weights, x=None, *, relative=False, transposed=False):
    """The published sum: for each output layer j, over input layers i <= j and over features."""
    n = len(weights)
    share = weights[0]["w_enc"].shape[1]
    y = np.zeros((len(z), n, len(weights[0]["b_dec"])))
    for j in range(n):
        for i in range(j + 1):
            axis = j - i if relative else j
            y[:, j] += z[:, i * share : (i + 1) * share] @ weights[i]["w_dec"][:, axis]
        y[:, j] += weights[j]["b_dec"]
        if "affine_skip_connection" in weights[j]:
            skip = weights[j]["affine_skip_connection"]
            y[:, j] += x[:, j] @ (skip.T if transposed else skip)
    return y


@pytest.fixture
def x():
    return np.random.default_rng(3).normal(size=(20, N, D)).astype(np.float32)


KINDS = [
    {"site": "clt"},
    {"site": "clt", "affine": True},
    {"site": "crosscoder", "layers": (0, 1, 2)},
    {"site": "crosscoder", "layers": (5, 9, 12)},
    {"site": "clt", "affine": True, "d_model": 31, "share": 11},
]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_encode_and_decode_are_the_published_sums(make_multilayer, options):
    folder = make_multilayer(**options)
    dictionary, weights = open_folder(folder), members(folder)
    x = np.random.default_rng(0).normal(size=(20, N, options.get("d_model", D))).astype(np.float32)
    sparse = dictionary.encode(x)
    expected = encode_plainly(x, weights)
    assert sparse.shape == expected.shape == (20, N * options.get("share", SHARE))
    np.testing.assert_allclose(sparse.to_dense(), expected, atol=1e-4)
    assert 0.02 < (expected > 0).mean() < 0.98
    np.testing.assert_array_equal(np.lexsort((sparse.features, sparse.positions)), np.arange(len(sparse.features)))
    decoded = dictionary.decode(sparse, x=x)
    np.testing.assert_allclose(decoded, decode_plainly(expected, weights, x), rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(dictionary.reconstruct(x), decoded)
    # The controls: a relative output axis, a transposed skip connection, members in another order.
    assert not np.allclose(decoded, decode_plainly(expected, weights, x, relative=True), atol=0.1)
    if options.get("affine"):
        assert not np.allclose(decoded, decode_plainly(expected, weights, x, transposed=True), atol=0.1)
    assert not np.allclose(expected, encode_plainly(x[:, ::-1], weights), atol=0.1)


def test_features_are_numbered_member_after_member(make_multilayer, x):
    folder = make_multilayer()
    dictionary, weights = open_folder(folder), members(folder)
    assert dictionary.d_dict == N * SHARE
    for feature in (0, 6, 7, 13, 20):
        member, local = divmod(feature, SHARE)
        assert dictionary.source_layer(feature) == member
        one = dictionary.encode(x, features=(feature,)).to_dense()[:, feature]
        pre = x[:, member] @ weights[member]["w_enc"][:, local] + weights[member]["b_enc"][local]
        np.testing.assert_allclose(one, np.where(pre > weights[member]["threshold"][local], pre, 0), atol=1e-4)
    some = dictionary.encode(x, features=(20, 3, 8)).to_dense()
    whole = dictionary.encode(x).to_dense()
    np.testing.assert_allclose(some[:, [3, 8, 20]], whole[:, [3, 8, 20]], atol=1e-5)
    assert not np.delete(some, [3, 8, 20], axis=1).any()
    assert dictionary.encode(x, features=()).to_dense().shape == (20, N * SHARE)


def test_a_direction_is_the_row_at_the_absolute_output_layer(make_multilayer):
    folder = make_multilayer(site="crosscoder", layers=(5, 9, 12))
    dictionary, weights = open_folder(folder), members(folder)
    assert [dictionary.source_layer(feature) for feature in (0, 7, 14)] == [5, 9, 12]
    for feature in (1, 8, 15):
        member, local = divmod(feature, SHARE)
        rows = weights[member]["w_dec"][local]
        for j in range(member, N):
            found = dictionary.direction(feature, layer=(5, 9, 12)[j])
            np.testing.assert_array_equal(found, rows[j].astype(np.float32))
        np.testing.assert_array_equal(dictionary.direction(feature), rows[member].astype(np.float32))
        span = dictionary.write_span(feature)
        np.testing.assert_allclose(span, np.linalg.norm(rows, axis=1), rtol=1e-5)
        assert (span[:member] == 0).all()
        assert (span[member:] > 0).all()
    before = dictionary.bytes
    assert 0 < before < 4 * N * SHARE * N * D  # rows were read alone


@pytest.mark.filterwarnings("ignore:.*w_dec writes to layers before")
def test_what_fires_has_the_same_rows_read_alone_or_with_the_whole(make_multilayer, x):
    folder = make_multilayer(below=0.5)
    dictionary, weights = open_folder(folder), members(folder)
    alone = dictionary.fire(torch.from_numpy(x))
    assert not dictionary.is_loaded and dictionary.bytes > 0
    dictionary.encode(x)
    assert dictionary.is_loaded
    for member, (one, other) in enumerate(zip(alone, dictionary.fire(torch.from_numpy(x)), strict=True)):
        assert one.has_rows and len(one.features) > 3
        for name in ("positions", "rows", "activations", "features", "w_enc", "w_dec"):
            torch.testing.assert_close(getattr(one, name), getattr(other, name))
        rows = weights[member]["w_dec"][one.features.numpy()]
        np.testing.assert_allclose(one.w_dec[:, member:].numpy(), rows[:, member:], rtol=1e-6)
        assert not one.w_dec[:, :member].any() and (member == 0 or rows[:, :member].any())


@pytest.mark.filterwarnings("ignore:.*w_dec writes to layers before")
@pytest.mark.parametrize("is_loaded", [False, True])
def test_spans_of_many_features_are_those_of_each(make_multilayer, x, is_loaded):
    folder = make_multilayer(below=0.5)
    dictionary, features = open_folder(folder), [20, 3, 8, 0, 15]
    if is_loaded:
        dictionary.encode(x)
    norms = finish(dictionary.write_norms(features))
    np.testing.assert_allclose(norms, [dictionary.write_span(one) for one in features], rtol=1e-6)
    for row, feature in zip(norms, features, strict=True):
        rows = load_file(folder / f"params_layer_{feature // SHARE}.safetensors")["w_dec"][feature % SHARE]
        np.testing.assert_allclose(row[feature // SHARE :], np.linalg.norm(rows[feature // SHARE :], axis=1), rtol=1e-5)
        assert not row[: feature // SHARE].any()
    with pytest.raises(gs.UnknownFeature):
        finish(dictionary.write_norms([0, N * SHARE]))


@pytest.mark.parametrize("layer", [5, 0, 1, 13, -1])
def test_a_layer_that_a_feature_does_not_write_to_is_refused_with_those_it_does(make_multilayer, layer):
    dictionary = open_folder(make_multilayer(site="crosscoder", layers=(5, 9, 12)))
    with pytest.raises(gs.InvalidValue, match="feature 8 of .* reads layer 9 and writes to layers 9, 12, got"):
        dictionary.direction(8, layer=layer)


@pytest.mark.parametrize("feature", [-1, N * SHARE, 1.0, True, "7", None], ids=repr)
def test_a_feature_that_does_not_exist_is_refused_everywhere(make_multilayer, x, feature):
    dictionary = open_folder(make_multilayer())
    for use in (
        lambda: dictionary.feature(feature),
        lambda: dictionary.direction(feature),
        lambda: dictionary.write_span(feature),
        lambda: dictionary.source_layer(feature),
        lambda: dictionary.encode(x, features=(feature,)),
    ):
        with pytest.raises(gs.UnknownFeature, match="from 0 to 20"):
            use()


def test_weights_to_earlier_layers_warn_of_their_file_and_are_left_out(make_multilayer, x):
    sound, broken = make_multilayer("a-pt"), make_multilayer("b-pt", below=0.5)
    dictionary = open_folder(broken)
    with pytest.warns(UserWarning, match=r"w_dec writes to layers before.*found up to 0\.5.*left out") as caught:
        decoded = dictionary.reconstruct(x)
    named = sorted(str(one.message).split(":")[0].rsplit("/", 1)[1] for one in caught)
    assert named == ["params_layer_1.safetensors", "params_layer_2.safetensors"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(decoded, open_folder(sound).reconstruct(x))  # control: no warning here
        open_folder(make_multilayer("c-pt", below=1e-7)).reconstruct(x)  # rounding is no warning
    np.testing.assert_array_equal(dictionary.write_span(20)[:2], [0, 0])
    assert not dictionary.decoder_rows()[14:, :2].any()
    with pytest.warns(UserWarning, match="params_layer_2"):
        open_folder(broken).direction(20)


def test_bfloat16_members_are_computed_in_float32(make_multilayer, x):
    half = make_multilayer("half-pt", affine=True, dtype=torch.bfloat16)
    full = make_multilayer("full-pt", affine=True)
    for path in full.glob("params*"):
        save_file({name: value.float() for name, value in load_torch(half / path.name).items()}, path)
    np.testing.assert_array_equal(open_folder(half).reconstruct(x), open_folder(full).reconstruct(x))


def test_an_affine_dictionary_says_that_decoding_needs_x(make_multilayer, x):
    dictionary = open_folder(make_multilayer(affine=True))
    with pytest.raises(gs.InvalidValue, match=r"is affine.*pass decode\(\.\.\., x=x\)"):
        dictionary.decode(dictionary.encode(x))


@pytest.mark.parametrize("shape", [(20, D), (20, N + 1, D), (20, N, D - 1), (2, 20, N, D), (D,)])
def test_activations_of_another_shape_are_refused(make_multilayer, shape):
    with pytest.raises(gs.InvalidValue, match=r"x must be \[pos, 3, 24\]"):
        open_folder(make_multilayer()).encode(np.zeros(shape))


def test_no_positions_at_all_decode_to_nothing(make_multilayer):
    dictionary = open_folder(make_multilayer(affine=True))
    assert dictionary.reconstruct(np.zeros((0, N, D), np.float32)).shape == (0, N, D)


def test_closing_frees_the_weights_and_the_next_use_reads_them_again(make_multilayer, x):
    dictionary = open_folder(make_multilayer())
    expected = dictionary.reconstruct(x)
    assert dictionary.bytes == N * 4 * (D * SHARE + SHARE * N * D + 2 * SHARE + D)
    dictionary.close()
    assert dictionary.bytes == 0
    np.testing.assert_array_equal(dictionary.reconstruct(x), expected)


# ---- folders


def test_a_width_that_is_no_round_number_is_read_from_the_files(make_multilayer):
    folder = make_multilayer()
    info = describe_dictionary(LocalFolder(folder))
    assert (info.kind, info.layers, info.width, info.d_dict, info.affine) == ("clt", (0, 1, 2), "1k", 21, False)
    assert info.bytes == sum(path.stat().st_size for path in folder.glob("params*"))


@pytest.mark.parametrize("site", ["clt", "crosscoder"])
def test_without_a_config_names_and_headers_are_enough(make_multilayer, site):
    layers = (0, 1, 2) if site == "clt" else (1, 5, 7)
    folder = make_multilayer(site=site, layers=layers, affine=site == "clt", with_config=False)
    info = describe_dictionary(LocalFolder(folder))
    assert (info.kind, info.layers, info.affine, info.mean_l0) == (site, layers, site == "clt", None)


def change(**changes):
    def act(folder):
        path = folder / "params_layer_1.safetensors"
        tensors = load_torch(path)
        for name, make in changes.items():
            value = make(tensors[name])
            tensors[name] = value.contiguous()
        save_file(tensors, path)

    return act


DAMAGE = {
    "a missing file": (lambda f: (f / "params_layer_1.safetensors").unlink(), "found 0, 2; download or copy the rest"),
    "the last file missing": (lambda f: (f / "params_layer_2.safetensors").unlink(), "should be .features, 2, d_model"),
    "an empty file": (lambda f: (f / "params_layer_0.safetensors").write_bytes(b""), r"params_layer_0.* is empty"),
    "a file cut short": (
        lambda f: (f / "params_layer_1.safetensors").write_bytes((f / "params_layer_1.safetensors").read_bytes()[:-4]),
        r"params_layer_1.* is cut short or changed: \d+ bytes, its header asks for \d+",
    ),
    "a decoder for two layers": (change(w_dec=lambda t: t[:, :2]), r"params_layer_1.*w_dec should be \(7, 3, 24\), got \(7, 2, 24\)"),
    "axes swapped": (change(w_dec=lambda t: t.transpose(0, 1)), r"w_dec should be \(7, 3, 24\), got \(3, 7, 24\)"),
    "a flat decoder": (change(w_dec=lambda t: t[:, 0]), r"w_dec should be \(7, 3, 24\), got \(7, 24\)"),
    "another share": (change(threshold=lambda t: t[:6]), r"threshold should be \(7,\), got \(6,\)"),
    "a stacked bias": (change(b_dec=lambda t: t[None]), r"b_dec should have 1 axes, got \(1, 24\)"),
    "integers": (change(b_enc=lambda t: t.to(torch.int32)), "b_enc should be F32 or BF16, got I32"),
    "a negative threshold": (change(threshold=lambda t: t - 9), "params_layer_1.*thresholds are at least 0"),
    "NaN": (change(w_dec=lambda t: t * float("nan")), "params_layer_1.*tensor w_dec holds NaN"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_member_is_refused_in_one_sentence_that_names_its_file(make_multilayer, x, kind):
    folder = make_multilayer(config={"width": ...})
    act, sentence = DAMAGE[kind]
    act(folder)
    with pytest.raises(gs.BadArtefact, match=sentence) as caught:
        open_folder(folder).reconstruct(x)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"config": {"width": 22}}, "config.json says width 22, w_enc has 21 features"),
        ({"config": {"type": "crosscoder"}}, "says type 'crosscoder', a folder of clt holds a clt"),
        ({"config": {"hf_hook_point_in": "model.layers.{all}.output"}}, "reads 'model.layers.{all}.output'.*pre_feedforward_layernorm"),
        ({"site": "crosscoder", "config": {"hf_hook_point_in": "model.layers.{0,1,3}.output"}}, "says layer {0,1,2} of crosscoder"),
    ],
)  # fmt: skip
def test_a_config_that_contradicts_its_folder_is_refused(make_multilayer, options, sentence):
    folder = make_multilayer(**options)
    with pytest.raises(gs.BadArtefact, match=sentence):
        describe_dictionary(LocalFolder(folder))


def test_members_of_different_widths_are_refused(make_multilayer, tmp_path):
    folder, other = make_multilayer("a-pt", config={"width": ...}), make_multilayer("b-pt", share=9)
    (other / "params_layer_2.safetensors").rename(folder / "params_layer_2.safetensors")
    with pytest.raises(gs.BadArtefact, match=r"params_layer_2.*should be \(24, 7, 24\).*got \(24, 9, 24\)"):
        open_folder(folder)


def test_names_that_list_another_number_of_layers_are_refused(make_multilayer):
    folder = make_multilayer(site="crosscoder", layers=(1, 2, 5), with_config=False)
    renamed = folder.rename(folder.parent / "layer_1_2_width_1k_l0_medium")
    with pytest.raises(gs.BadArtefact, match="its name lists 2 layers, found 3 weight files"):
        describe_dictionary(LocalFolder(renamed))
