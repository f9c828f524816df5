"""A dictionary's arithmetic against plain NumPy in float64, on plain transformers' activations."""

import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import gscope_widgets as gs
from gscope_widgets.mini import DICTIONARIES, MODELS
from gscope_widgets.records.activations import SparseActivations

TEXTS = (
    "The old fisherman sold 12 fish at the market.",
    "On Monday the children sang 😀, and so did the dog.",
    "print(x + 3)",
)


def encode_plainly(x, w):
    """JumpReLU as published, in float64: which features fire, how much, and how near the threshold they are."""
    pre = x @ w["w_enc"] + w["b_enc"]
    fires = pre > w["threshold"]
    return np.where(fires, pre, 0.0), np.abs(pre - w["threshold"])


def check_encoding(dense, x, w, *, rtol=1e-4):
    expected, margin = encode_plainly(x, w)
    scale = np.abs(x).max() * np.abs(w["w_enc"]).sum(0).max()
    clear = margin > 1e-6 * scale  # float32 may decide the rest either way
    assert clear.mean() > 0.99
    np.testing.assert_allclose(dense[clear], expected[clear], rtol=rtol, atol=1e-6 * scale)
    assert ((dense > 0) == (expected > 0))[clear].all()
    return expected


def folder_of(dictionary):
    return DICTIONARIES["mini"].parent / dictionary.info.id


# ---- the whole way: text to features


@pytest.mark.parametrize("text", TEXTS)
def test_readings_of_the_embedded_model_equal_numpy_on_plain_transformers(
    scope, dictionary, plain_mini, plain_run, read_weights, text
):
    reading = scope.read(text, dictionary)
    _, x = plain_run(plain_mini, reading.tokens.ids, layer=dictionary.info.layer)
    check_reading(reading, x, read_weights(folder_of(dictionary)))


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("width", [40, 23])
def test_readings_of_a_tiny_model_equal_numpy_on_plain_transformers(
    tiny, make_dictionary, load_plain, plain_run, read_weights, layer, width
):
    path = make_dictionary(layer=layer, width=width)
    reading = tiny.read(TEXTS[1], tiny.dictionary(path=path))
    _, x = plain_run(load_plain(tiny.name), reading.tokens.ids, layer=layer)
    weights = read_weights(path)
    expected = check_reading(reading, x, weights)
    assert 0 < (expected > 0).mean() < 1
    # The controls: each of these is a different dictionary, and is seen to be one.
    used = list(reading.tokens.used)
    dense = reading.to_dense()[used]
    shifted, _ = encode_plainly(x[used] - weights["b_dec"], weights)
    assert not np.allclose(dense, shifted, rtol=1e-2, atol=1e-2)
    _, other = plain_run(load_plain(tiny.name), reading.tokens.ids, layer=(layer + 1) % 3)
    assert not np.allclose(dense, encode_plainly(other[used], weights)[0], rtol=1e-2, atol=1e-2)


def check_reading(reading, x, weights):
    used = list(reading.tokens.used)
    np.testing.assert_allclose(reading.norm, np.linalg.norm(x, axis=1), rtol=1e-4)
    dense = reading.to_dense()
    expected = check_encoding(dense[used], x[used], weights)
    assert not dense[list(reading.tokens.ignored)].any()
    np.testing.assert_array_equal(reading.l0, (dense > 0).sum(1))
    reconstruction = expected @ weights["w_dec"] + weights["b_dec"]
    error = np.linalg.norm(x[used] - reconstruction, axis=1)
    np.testing.assert_allclose(reading.error_norm[used], error, rtol=1e-3)
    spread = ((x[used] - x[used].mean(0)) ** 2).sum(1)
    np.testing.assert_allclose(reading.fvu[used], error**2 / spread, rtol=2e-3)
    assert reading.total_fvu == pytest.approx((error**2).sum() / spread.sum(), rel=2e-3)
    assert np.isnan(reading.error_norm[0])
    assert np.isnan(reading.fvu[0])
    with_bos = ((x - x.mean(0)) ** 2).sum()
    assert reading.total_fvu != pytest.approx((error**2).sum() / with_bos, rel=1e-2)  # control: BOS left in
    return expected


def test_the_arrays_list_firings_by_position_and_then_by_feature(scope, dictionary):
    reading = scope.read(TEXTS[0], dictionary)
    order = np.lexsort((reading.features, reading.positions))
    np.testing.assert_array_equal(order, np.arange(len(order)))
    assert (reading.activations > 0).all()
    assert (reading.positions.dtype, reading.features.dtype) == (np.int32, np.int32)
    assert reading.activations.dtype == np.float32


# ---- encode


def test_encode_equals_numpy_on_any_activations(tiny_dictionary, read_weights):
    x = np.random.default_rng(0).normal(size=(50, 24)).astype(np.float32)
    check_encoding(
        tiny_dictionary.encode(x).to_dense(), x.astype(np.float64), read_weights(tiny_dictionary.folder.path)
    )


@pytest.mark.parametrize("features", [40, 16])
def test_encode_in_blocks_equals_encode_at_once(tiny_dictionary, monkeypatch, features):
    from gscope_widgets.runtime.dictionaries import member

    x = np.random.default_rng(0).normal(size=(50, 24)).astype(np.float32)
    whole = tiny_dictionary.encode(x)
    monkeypatch.setattr(member, "_BLOCK", 7 * features)
    monkeypatch.setattr(member, "_FEATURES", features)
    blocks = tiny_dictionary.encode(x)
    np.testing.assert_array_equal(blocks.positions, whole.positions)
    np.testing.assert_array_equal(blocks.features, whole.features)
    np.testing.assert_allclose(blocks.activations, whole.activations, rtol=1e-6)


def test_some_features_alone_are_the_columns_of_all(tiny_dictionary):
    x = np.random.default_rng(1).normal(size=(30, 24)).astype(np.float32)
    whole = tiny_dictionary.encode(x).to_dense()
    for asked in ((3,), (39, 0, 7), (5, 5)):
        some = tiny_dictionary.encode(x, features=asked).to_dense()
        np.testing.assert_allclose(some[:, list(asked)], whole[:, list(asked)], rtol=1e-5)
        assert not np.delete(some, asked, axis=1).any()
    assert tiny_dictionary.encode(x, features=()).shape == (30, 40)
    assert len(tiny_dictionary.encode(x, features=()).features) == 0


def test_a_feature_by_itself_is_the_same_before_and_after_the_weights_are_in_memory(tiny, make_dictionary):
    dictionary = tiny.dictionary(path=make_dictionary())
    x = np.random.default_rng(1).normal(size=(30, 24)).astype(np.float32)
    before = dictionary.encode(x, features=(4, 9))
    row = dictionary.direction(4)
    parts = 4 * (2 * (24 + 1 + 1) + 24)  # two features' encoders, and one decoder row
    assert dictionary.bytes == parts
    whole = dictionary.encode(x)
    assert dictionary.bytes == parts + 4 * (24 * 40 * 2 + 40 * 2 + 24)
    after = dictionary.encode(x, features=(4, 9))
    np.testing.assert_array_equal(before.activations, after.activations)
    np.testing.assert_allclose(after.to_dense()[:, [4, 9]], whole.to_dense()[:, [4, 9]], rtol=1e-5)
    np.testing.assert_array_equal(row, dictionary.direction(4))
    dictionary.close()
    assert dictionary.bytes == 0
    np.testing.assert_array_equal(dictionary.encode(x).activations, whole.activations)


def test_the_threshold_is_strict(tiny, make_dictionary):
    """A pre-activation exactly at its threshold does not fire; the next float does."""
    w_enc, threshold = torch.zeros(24, 40), torch.full((40,), 2.0)
    w_enc[0] = 1.0
    path = make_dictionary(w_enc=w_enc, b_enc=torch.zeros(40), threshold=threshold)
    dictionary = tiny.dictionary(path=path)
    x = np.zeros((3, 24), np.float32)
    x[:, 0] = [2.0, np.nextafter(np.float32(2), np.float32(3)), np.nextafter(np.float32(2), np.float32(1))]
    for features in (None, tuple(range(40))):
        dense = dictionary.encode(x, features=features).to_dense()
        assert not dense[0].any()
        assert (dense[1] == x[1, 0]).all()
        assert not dense[2].any()
    loose = np.where(x[:, :1] >= 2.0, x[:, :1], 0)
    assert loose[0] != dense[0, 0]  # control: with >= it would have fired


def test_b_dec_is_not_subtracted_before_encoding(tiny, make_dictionary):
    random = torch.Generator().manual_seed(5)
    tensors = {name: torch.randn(*shape, generator=random) for name, shape in (("w_enc", (24, 40)), ("b_enc", (40,)))}
    shifted, plain = (
        tiny.dictionary(path=make_dictionary(root, **tensors, b_dec=b_dec))
        for root, b_dec in (("a-pt", torch.full((24,), 50.0)), ("b-pt", torch.zeros(24)))
    )
    x = np.random.default_rng(0).normal(size=(20, 24)).astype(np.float32)
    np.testing.assert_array_equal(shifted.encode(x).to_dense(), plain.encode(x).to_dense())
    assert not np.allclose(plain.encode(x - 50.0).to_dense(), plain.encode(x).to_dense())  # control


def test_bfloat16_activations_are_encoded_in_float32(tiny_dictionary):
    x = torch.randn(20, 24, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    np.testing.assert_array_equal(
        tiny_dictionary.encode(x).to_dense(), tiny_dictionary.encode(x.float().numpy()).to_dense()
    )


def test_weights_in_bfloat16_are_computed_in_float32(tiny, make_dictionary, tmp_path):
    path = make_dictionary("half-pt")
    from safetensors.torch import load_file

    half = {name: value.to(torch.bfloat16) for name, value in load_file(path / "params.safetensors").items()}
    save_file(half, path / "params.safetensors")
    full = make_dictionary("full-pt", **{name: value.float() for name, value in half.items()})
    x = np.random.default_rng(0).normal(size=(20, 24)).astype(np.float32)
    one, other = tiny.dictionary(path=path), tiny.dictionary(path=full)
    for features in ((1, 2, 3), None):
        np.testing.assert_allclose(
            one.encode(x, features=features).to_dense(), other.encode(x, features=features).to_dense(), rtol=1e-6
        )


@pytest.mark.parametrize(
    "x",
    [
        *(np.zeros(shape) for shape in ((3, 23), (24,), (2, 3, 24))),
        *(torch.zeros(3, 25), "x", None, [[1, "a"]], object(), [[1], [1, 2]]),
    ],
    ids=lambda x: type(x).__name__ + str(getattr(x, "shape", "")),
)  # fmt: skip
def test_activations_of_another_shape_are_refused(tiny_dictionary, x):
    with pytest.raises(gs.InvalidValue, match=r"x must be .*\[pos, 24\]"):
        tiny_dictionary.encode(x)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_activations_that_are_not_finite_are_refused_and_do_not_read_as_silence(tiny_dictionary, value):
    x = np.zeros((3, 24), np.float32)
    x[1, 1] = value
    for features in (None, (1,)):
        with pytest.raises(gs.InvalidValue, match="NaN or infinite"):
            tiny_dictionary.encode(x, features=features)


def test_no_positions_at_all_encode_to_nothing(tiny_dictionary):
    sparse = tiny_dictionary.encode(np.zeros((0, 24), np.float32))
    assert sparse.to_dense().shape == (0, 40)
    assert tiny_dictionary.decode(sparse).shape == (0, 24)


# ---- decode and directions


def test_decode_equals_numpy(tiny_dictionary, read_weights):
    weights = read_weights(tiny_dictionary.folder.path)
    x = np.random.default_rng(2).normal(size=(30, 24)).astype(np.float32)
    sparse = tiny_dictionary.encode(x)
    expected = sparse.to_dense().astype(np.float64) @ weights["w_dec"] + weights["b_dec"]
    np.testing.assert_allclose(tiny_dictionary.decode(sparse), expected, rtol=1e-4, atol=1e-4)
    assert not np.allclose(tiny_dictionary.decode(sparse), expected - weights["b_dec"], atol=1e-2)  # control


def test_decoding_silence_gives_the_bias(tiny_dictionary, read_weights):
    silence = SparseActivations(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32), (2, 40))
    expected = np.stack([read_weights(tiny_dictionary.folder.path)["b_dec"]] * 2)
    np.testing.assert_allclose(tiny_dictionary.decode(silence), expected, rtol=1e-6)


def test_a_direction_is_the_row_of_w_dec_on_disk(dictionary, read_weights):
    rows = read_weights(folder_of(dictionary))["w_dec"]
    for feature in (0, 1, dictionary.d_dict - 1):
        np.testing.assert_array_equal(dictionary.direction(feature), rows[feature].astype(np.float32))


@pytest.mark.parametrize("feature", [-1, 40, 2**63, 1.0, True, "7", None, float("nan")], ids=repr)
def test_a_feature_that_does_not_exist_is_refused_everywhere(tiny, tiny_dictionary, feature):
    x = np.zeros((2, 24), np.float32)
    for use in (
        lambda: tiny_dictionary.feature(feature),
        lambda: tiny_dictionary.direction(feature),
        lambda: tiny_dictionary.label(feature),
        lambda: tiny_dictionary.max_activation(feature),
        lambda: tiny_dictionary.encode(x, features=(feature,)),
        lambda: tiny.read("hello", tiny_dictionary, features=[feature]),
    ):
        with pytest.raises(gs.UnknownFeature, match="a feature is a whole number from 0 to 39"):
            use()


def test_integers_of_numpy_are_features(tiny, tiny_dictionary):
    ref = tiny_dictionary.feature(np.int64(7))
    assert type(ref.feature) is int
    reading = tiny.read("hello there", tiny_dictionary, features=np.array([7, 9]))
    assert reading.selected == (7, 9)
    whole = tiny.read("hello there", tiny_dictionary)
    np.testing.assert_allclose(reading.trace(np.int32(7)), whole.trace(7), rtol=1e-5)


# ---- damaged files


def damage(act):
    return lambda folder: act(folder / "params.safetensors")


def retensor(**changes):
    def act(folder):
        from safetensors.torch import load_file

        path = folder / "params.safetensors"
        tensors = load_file(path)
        for name, change in changes.items():
            value = change(tensors.get(name))
            tensors = {key: kept for key, kept in tensors.items() if key != name}
            if value is not None:
                tensors[name] = value.contiguous()
        save_file(tensors, path)

    return act


def spoil(value):
    def change(tensor):
        tensor = tensor.clone()
        tensor.view(-1)[3] = value
        return tensor

    return change


DAMAGE = {
    "cut by one byte": (damage(lambda p: p.write_bytes(p.read_bytes()[:-1])), "cut short or changed: .* bytes"),
    "cut in half": (damage(lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2])), "cut short or changed"),
    "empty": (damage(lambda p: p.write_bytes(b"")), r"\(0 bytes\) is empty, not a safetensors file"),
    "seven bytes": (damage(lambda p: p.write_bytes(b"1234567")), r"\(7 bytes\) is damaged"),
    "a web page": (damage(lambda p: p.write_bytes(b"\n <html>")), "is a web page"),
    "an LFS pointer": (
        damage(lambda p: p.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")),
        "git lfs pull",
    ),
    "a pickle": (damage(lambda p: p.write_bytes(pickle.dumps([1]))), "is a pickle or archive, which is never loaded"),
    "a numpy archive": (damage(lambda p: np.savez(p.open("wb"), a=np.zeros(3))), "is a pickle or archive"),
    "NaN in w_enc": (retensor(w_enc=spoil(float("nan"))), "tensor w_enc holds NaN or infinite"),
    "NaN in the threshold": (retensor(threshold=spoil(float("nan"))), "tensor threshold holds NaN"),
    "infinity in w_dec": (retensor(w_dec=spoil(float("inf"))), "tensor w_dec holds NaN or infinite"),
    "a negative threshold": (retensor(threshold=spoil(-0.5)), "thresholds are at least 0 in a JumpReLU, found -0.5"),
    "a missing tensor": (retensor(b_dec=lambda _: None), r"missing \['b_dec'\]"),
    "a further tensor": (retensor(log_threshold=lambda _: torch.zeros(40)), r"not expected \['log_threshold'\]"),
    "an affine term": (retensor(affine_skip_connection=lambda _: torch.zeros(24, 24)), "not expected"),
    "upper-case keys": (retensor(w_dec=lambda _: None, W_dec=lambda _: torch.zeros(40, 24)), r"missing \['w_dec'\]"),
    "w_dec transposed": (retensor(w_dec=lambda t: t.T), r"w_dec should be \(40, 24\), got \(24, 40\)"),
    "w_enc transposed": (retensor(w_enc=lambda t: t.T), r"width 40, w_enc has 24 features"),
    "w_enc of one axis": (retensor(w_enc=lambda t: t[0]), r"w_enc should be \(d_in, features\), got \(40,\)"),
    "w_dec of no axis": (retensor(w_dec=lambda _: torch.tensor(1.0)), r"w_dec should be \(40, 24\), got \(\)"),
    "another d_out": (retensor(w_dec=lambda _: torch.zeros(40, 30)), r"w_dec should be \(40, 24\), got \(40, 30\)"),
    "integers": (retensor(w_dec=lambda t: t.to(torch.int32)), "w_dec should be F32 or BF16, got I32"),
    "float16": (retensor(w_enc=lambda t: t.half()), "w_enc should be F32 or BF16, got F16"),
    "no features": (retensor(w_enc=lambda _: torch.zeros(24, 0)), r"w_enc should be \(d_in, features\), got \(24, 0\)"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_dictionary_is_refused_in_one_sentence_and_the_whole_one_opens_afterwards(
    tiny, make_dictionary, kind
):
    folder = make_dictionary()
    whole = (folder / "params.safetensors").read_bytes()
    act, sentence = DAMAGE[kind]
    act(folder)
    with pytest.raises(gs.BadArtefact, match=sentence) as caught:
        tiny.read("hello there", tiny.dictionary(path=folder))
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    (folder / "params.safetensors").write_bytes(whole)
    reading = tiny.read("hello there", tiny.dictionary(path=folder))
    assert len(reading.features) > 0
    np.testing.assert_array_equal(
        reading.trace(3), tiny.read("hello there", tiny.dictionary(path=make_dictionary("again-pt"))).trace(3)
    )


def test_the_shipped_folders_have_the_published_layout():
    """Key names, orientation, type and config as Gemma Scope 2's own files have them (docs/formats.md)."""
    from safetensors import safe_open

    keys = [
        "hf_hook_point_in",
        "hf_hook_point_out",
        "width",
        "model_name",
        "architecture",
        "l0",
        "affine_connection",
        "type",
    ]
    import json

    for path in DICTIONARIES["mini"].glob("*/*/params*.safetensors"):
        with safe_open(path, "np") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            kinds = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
        config = json.loads((path.parent / "config.json").read_text())
        members = len(list(path.parent.glob("params*.safetensors")))
        share, size = config["width"] // members, 192 if config["hf_hook_point_in"].endswith("o_proj.input") else 160
        assert list(config) == keys
        large = {"w_enc", "w_dec", "affine_skip_connection"}
        assert kinds == {name: "BF16" if name in large else "F32" for name in kinds}
        assert shapes == {
            "w_enc": (size, share), "b_enc": (share,), "threshold": (share,), "b_dec": (size,),
            "w_dec": (share, size) if path.name == "params.safetensors" else (share, members, size),
        } | ({"affine_skip_connection": (size, size)} if config["affine_connection"] else {})  # fmt: skip
    assert (MODELS["mini"] / "model.safetensors").is_file()
