"""Transcoders, plain and affine, whose input and output differ in size, against plain NumPy."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import gscope_widgets as gs
from gscope_widgets.runtime.dictionaries.catalogue import describe_dictionary
from gscope_widgets.runtime.dictionaries.folders import LocalFolder
from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU


@pytest.fixture
def make(make_dictionary):
    def write(*, affine, d_in=24, d_out=31, **options):
        return make_dictionary(
            site="transcoder_all", suffix="_affine" if affine else "", d_in=d_in, d_out=d_out, **options
        )

    return write


def open_folder(folder):
    return JumpReLU(LocalFolder(folder), info=describe_dictionary(LocalFolder(folder)))


def encode_plainly(x, w):
    pre = x @ w["w_enc"] + w["b_enc"]
    return np.where(pre > w["threshold"], pre, 0)


X = np.random.default_rng(0).normal(size=(30, 24)).astype(np.float32)


@pytest.mark.parametrize("affine", [False, True])
def test_a_transcoder_maps_its_input_to_another_space(make, read_weights, affine):
    folder = make(affine=affine)
    dictionary, w = open_folder(folder), read_weights(folder)
    assert (dictionary.d_in, dictionary.d_out, dictionary.info.kind) == (24, 31, "transcoder")
    z = encode_plainly(X, w)
    np.testing.assert_allclose(dictionary.encode(X).to_dense(), z, atol=1e-4)
    expected = z @ w["w_dec"] + w["b_dec"]
    if affine:
        expected = expected + X @ w["affine_skip_connection"]
    np.testing.assert_allclose(dictionary.reconstruct(X), expected, rtol=1e-4, atol=1e-3)


def test_the_skip_connection_is_not_transposed(make, read_weights):
    folder = make(affine=True, d_out=24)
    dictionary, w = open_folder(folder), read_weights(folder)
    base = encode_plainly(X, w) @ w["w_dec"] + w["b_dec"]
    found = dictionary.reconstruct(X)
    np.testing.assert_allclose(found, base + X @ w["affine_skip_connection"], rtol=1e-4, atol=1e-3)
    assert not np.allclose(found, base + X @ w["affine_skip_connection"].T, atol=0.1)  # control


def test_an_affine_transcoder_needs_x_to_decode_and_a_plain_one_does_not(make):
    affine, plain = open_folder(make(affine=True)), open_folder(make(affine=False))
    with pytest.raises(gs.InvalidValue, match="is affine"):
        affine.decode(affine.encode(X))
    with pytest.raises(gs.InvalidValue, match=r"x must be \[pos, 24\]"):
        affine.decode(affine.encode(X), x=X[:, 1:])
    np.testing.assert_array_equal(plain.decode(plain.encode(X)), plain.decode(plain.encode(X), x=X))


def test_directions_and_span_are_of_the_output(make, read_weights):
    folder = make(affine=True)
    dictionary, w = open_folder(folder), read_weights(folder)
    np.testing.assert_array_equal(dictionary.direction(5), w["w_dec"][5].astype(np.float32))
    np.testing.assert_array_equal(dictionary.direction(5, layer=1), dictionary.direction(5))
    np.testing.assert_allclose(dictionary.write_span(5), [np.linalg.norm(w["w_dec"][5])], rtol=1e-6)
    assert dictionary.source_layer(5) == 1
    with pytest.raises(gs.InvalidValue, match="writes to layer 1 alone, got 2"):
        dictionary.direction(5, layer=2)


def test_bfloat16_skip_connections_are_computed_in_float32(make):
    half, full = make(affine=True, root="half-pt"), make(affine=True, root="full-pt")
    tensors = {name: value.to(torch.bfloat16) for name, value in load_file(half / "params.safetensors").items()}
    save_file(tensors, half / "params.safetensors")
    save_file({name: value.float() for name, value in tensors.items()}, full / "params.safetensors")
    np.testing.assert_array_equal(open_folder(half).reconstruct(X), open_folder(full).reconstruct(X))


@pytest.mark.parametrize(
    ("affine", "tensors", "sentence"),
    [
        (True, {"affine_skip_connection": None}, r"missing \['affine_skip_connection'\]"),
        (False, {"affine_skip_connection": torch.zeros(24, 31)}, r"not expected \['affine_skip_connection'\]"),
        (True, {"affine_skip_connection": torch.zeros(31, 24)}, r"should be \(24, 31\), got \(31, 24\)"),
        (True, {"affine_skip_connection": torch.zeros(24, 31).int()}, "should be F32 or BF16, got I32"),
        (False, {"w_dec": torch.zeros(40, 24)}, r"w_dec should be \(40, 31\), got \(40, 24\)"),
        (True, {"affine_skip_connection": torch.full((24, 31), float("inf"))}, "affine_skip_connection holds NaN or infinite"),
    ],
)  # fmt: skip
def test_a_skip_connection_that_is_not_as_published_is_refused(make, affine, tensors, sentence):
    folder = make(affine=affine, **tensors)
    with pytest.raises(gs.BadArtefact, match=sentence) as caught:
        open_folder(folder).reconstruct(X)
    assert str(folder) in str(caught.value)


def test_an_autoencoder_with_another_output_size_is_refused(make_dictionary):
    with pytest.raises(gs.BadArtefact, match=r"b_dec of a sparse autoencoder should be \(24,\), got \(31,\)"):
        open_folder(make_dictionary(d_out=31))
