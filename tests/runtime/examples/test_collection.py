"""The streaming top-k pass against sorting everything at once in NumPy."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import gscope_widgets as gs
from gscope_widgets.runtime.dictionaries.catalogue import describe_dictionary
from gscope_widgets.runtime.dictionaries.folders import LocalFolder
from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU
from gscope_widgets.runtime.dictionaries.multilayer import MultilayerDictionary
from gscope_widgets.runtime.examples.collection import collect_examples, read_rows
from tests.runtime.inside import loaded

N_SEQ, SEQ_LEN, F = 23, 9, 40


def open_folder(folder):
    info = describe_dictionary(LocalFolder(folder))
    return (MultilayerDictionary if info.kind in ("clt", "crosscoder") else JumpReLU)(LocalFolder(folder), info=info)


@pytest.fixture
def tokens():
    return np.random.default_rng(0).integers(3, 400, size=(N_SEQ, SEQ_LEN))


@pytest.fixture
def x():
    return torch.randn(N_SEQ, SEQ_LEN, 24, generator=torch.Generator().manual_seed(1))


def rank_all(dense, used, k):
    """Every firing of every feature sorted at once: lists of (activation, row, column), ties in corpus order."""
    found = []
    for feature in range(dense.shape[2]):
        firings = [
            (float(dense[row, column, feature]), row, column)
            for row in range(dense.shape[0])
            for column in range(dense.shape[1])
            if used[row, column] and dense[row, column, feature] > 0
        ]
        found.append(sorted(firings, key=lambda firing: -firing[0])[:k])
    return found


def check(table, dense, used, k):
    expected = rank_all(dense, used, k)
    assert table.activations.shape == table.seq_ids.shape == table.positions.shape == (dense.shape[2], k)
    for feature, firings in enumerate(expected):
        count = len(firings)
        np.testing.assert_allclose(table.activations[feature, :count], [f[0] for f in firings], rtol=1e-6)
        assert not table.activations[feature, count:].any()
        assert table.seq_ids[feature, :count].tolist() == [f[1] for f in firings]
        assert table.positions[feature, :count].tolist() == [f[2] for f in firings]
        assert not table.seq_ids[feature, count:].any()
        assert not table.positions[feature, count:].any()
    frequencies = (dense > 0)[used].mean(0)
    np.testing.assert_allclose(table.feature_frequencies, frequencies, rtol=1e-12)
    return expected


def encode(dictionary, x):
    return dictionary.encode(x.flatten(0, 1)).to_dense().reshape(*x.shape[:2], -1)


@pytest.mark.parametrize("k", [1, 5, 16, 300])
@pytest.mark.parametrize("rows", [1, 4, 23, 50])
def test_blocks_of_any_size_give_the_sorted_whole(make_dictionary, tokens, x, k, rows):
    dictionary = open_folder(make_dictionary())
    used = np.ones((N_SEQ, SEQ_LEN), bool)
    used[:, 0] = False
    table = collect_examples(dictionary, tokens, x.split(rows), k=k)
    expected = check(table, encode(dictionary, x), used, k)
    assert max(len(firings) for firings in expected) == min(
        k, max(len(f) for f in rank_all(encode(dictionary, x), used, 999))
    )
    assert {name: getattr(table, name).dtype for name in ("tokens", "activations", "seq_ids", "positions", "feature_frequencies")} == {
        "tokens": np.int32, "activations": np.float32, "seq_ids": np.int64, "positions": np.int32, "feature_frequencies": np.float64,
    }  # fmt: skip
    np.testing.assert_array_equal(table.tokens, tokens)
    assert table.logit_effects is table.top_tokens is None


def test_positions_that_do_not_count_are_left_out_of_everything(make_dictionary, tokens, x):
    dictionary = open_folder(make_dictionary())
    used = np.random.default_rng(3).random((N_SEQ, SEQ_LEN)) > 0.5
    table = collect_examples(dictionary, tokens, x.split(7), used=used, k=9)
    check(table, encode(dictionary, x), used, 9)
    everything = collect_examples(dictionary, tokens, x.split(7), used=np.ones_like(used), k=9)
    assert (everything.activations >= table.activations).all()
    assert (everything.activations > table.activations).any()  # control
    nothing = collect_examples(dictionary, tokens, x.split(7), used=np.zeros_like(used), k=9)
    assert not nothing.activations.any()
    assert not nothing.feature_frequencies.any()


def test_equal_activations_stay_in_the_order_of_the_corpus(make_dictionary, tokens):
    dictionary = open_folder(make_dictionary())
    x = torch.randn(24, generator=torch.Generator().manual_seed(1)).expand(N_SEQ, SEQ_LEN, 24)
    table = collect_examples(dictionary, tokens, x.split(2), k=12)
    fires = np.flatnonzero(table.activations[:, 0])
    assert len(fires)
    places = [(row, column) for row in range(N_SEQ) for column in range(1, SEQ_LEN)][:12]
    for feature in fires:
        assert list(zip(table.seq_ids[feature].tolist(), table.positions[feature].tolist(), strict=True)) == places


def test_features_of_several_layers_are_collected_by_their_number(make_multilayer, tokens):
    dictionary = open_folder(make_multilayer())
    x = torch.randn(N_SEQ, SEQ_LEN, 3, 24, generator=torch.Generator().manual_seed(2))
    used = np.ones((N_SEQ, SEQ_LEN), bool)
    used[:, 0] = False
    table = collect_examples(dictionary, tokens, x.split(5), k=6)
    check(table, encode(dictionary, x), used, 6)


@pytest.mark.parametrize("site", ["resid_post", "transcoder", "attn_out", "clt"])
def test_rows_read_from_the_model_are_those_of_a_reading(tiny, make_dictionary, make_multilayer, site):
    folder = make_multilayer() if site == "clt" else make_dictionary(site=site, d_in=32 if site == "attn_out" else 24)
    dictionary = tiny.dictionary(path=folder)
    ids = np.random.default_rng(1).integers(3, 400, size=(5, 12))
    ids[:, 0] = 2
    table = collect_examples(dictionary, ids, read_rows(loaded(tiny).text_model, dictionary, ids, batch=2), k=4)
    dense = np.stack([tiny.read(row.tolist(), dictionary).to_dense() for row in ids])
    for feature in range(dictionary.d_dict):
        best = np.sort(dense[:, :, feature].ravel())[::-1][:4]
        np.testing.assert_allclose(table.activations[feature], best, atol=1e-3)
        for value, row, column in zip(
            table.activations[feature], table.seq_ids[feature], table.positions[feature], strict=True
        ):
            assert value == 0 or dense[row, column, feature] == pytest.approx(value, abs=1e-3)
    np.testing.assert_allclose(table.feature_frequencies, (dense[:, 1:] > 0).mean((0, 1)), atol=0.02)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"tokens": np.zeros((3, 4))}, r"tokens must be whole numbers \[n_seq, seq_len\], got float64 \[3, 4\]"),
        ({"tokens": np.zeros(4, int)}, "tokens must be"),
        ({"used": np.ones((2, 2), bool)}, r"used must be bool \[23, 9\], got bool \[2, 2\]"),
        ({"used": np.ones((N_SEQ, SEQ_LEN))}, "got float64"),
        ({"k": 0}, "k must be a whole number from 1 to 1000"),
        ({"activations": [torch.zeros(24, SEQ_LEN, 24)]}, r"should be \[rows, 9, ...\].*got \[24, 9, 24\]"),
        ({"activations": [torch.zeros(3, 8, 24)]}, r"got \[3, 8, 24\]"),
        ({"activations": [torch.zeros(22, SEQ_LEN, 24)]}, "should cover 23 rows of tokens, got 22"),
        ({"activations": [torch.zeros(23, SEQ_LEN, 25)]}, r"x must be \[pos, 24\]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(make_dictionary, tokens, x, change, sentence):
    options = {"tokens": tokens, "activations": [x], "used": None, "k": 4} | change
    with pytest.raises(gs.InvalidValue, match=sentence):
        collect_examples(open_folder(make_dictionary()), options.pop("tokens"), options.pop("activations"), **options)


def test_the_dictionarys_files_are_the_only_source(make_dictionary, tokens, x):
    """An independent encoder in float64 finds the same strongest example of every feature."""
    folder = make_dictionary()
    w = {name: value.astype(np.float64) for name, value in load_file(folder / "params.safetensors").items()}
    pre = x.double().numpy() @ w["w_enc"] + w["b_enc"]
    dense = np.where(pre > w["threshold"], pre, 0)
    dense[:, 0] = 0
    table = collect_examples(open_folder(folder), tokens, x.split(6), k=3)
    np.testing.assert_allclose(table.activations[:, 0], dense.reshape(-1, F).max(0), atol=1e-4)
    where = dense.reshape(-1, F).argmax(0)
    fires = dense.reshape(-1, F).max(0) > 0
    np.testing.assert_array_equal((table.seq_ids * SEQ_LEN + table.positions)[fires, 0], where[fires])
