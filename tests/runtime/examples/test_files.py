"""The published layout of examples: written whole, read a feature at a time, told apart from what it is not."""

import builtins
from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import gscope_widgets as gs
from gscope_widgets.records.examples import ExampleTable
from gscope_widgets.runtime.examples import files
from gscope_widgets.runtime.examples.files import read_examples, write_examples
from gscope_widgets.runtime.files.weights import WeightFile

F, K, N_SEQ, SEQ_LEN = 11, 6, 8, 5
OPTIONAL = ("logit_effects", "top_tokens", "top_logits", "bottom_tokens", "bottom_logits")


@pytest.fixture
def table():
    random = np.random.default_rng(0)
    activations = -np.sort(-random.random((F, K)).astype(np.float32))
    activations[3, 4:] = 0
    activations[7] = 0
    return ExampleTable(
        tokens=random.integers(0, 99, (N_SEQ, SEQ_LEN)).astype(np.int32),
        activations=activations,
        seq_ids=random.integers(0, N_SEQ, (F, K)),
        positions=random.integers(0, SEQ_LEN, (F, K)).astype(np.int32),
        feature_frequencies=random.random(F),
        logit_effects=random.normal(size=(F, K)).astype(np.float32),
        top_tokens=random.integers(0, 99, (F, 10)).astype(np.int32),
        top_logits=random.random((F, 10)).astype(np.float32),
        bottom_tokens=random.integers(0, 99, (F, 10)).astype(np.int32),
        bottom_logits=random.random((F, 10)).astype(np.float32),
    )


def test_the_file_has_the_published_keys_types_and_size(table, tmp_path):
    path = tmp_path / "examples.safetensors"
    write_examples(path, table)
    with safe_open(path, "np") as file:
        kinds = {name: (file.get_slice(name).get_dtype(), file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    assert kinds == {
        "tokens": ("I32", [N_SEQ, SEQ_LEN]), "activations": ("F32", [F, K]), "seq_ids": ("I64", [F, K]),
        "positions": ("I32", [F, K]), "logit_effects": ("F32", [F, K]), "top_tokens": ("I32", [F, 10]),
        "top_logits": ("F32", [F, 10]), "bottom_tokens": ("I32", [F, 10]), "bottom_logits": ("F32", [F, 10]),
        "feature_frequencies": ("F64", [F]),
    }  # fmt: skip
    header = int.from_bytes(path.read_bytes()[:8], "little")
    assert path.stat().st_size == 8 + header + 20 * F * K + 168 * F + 4 * N_SEQ * SEQ_LEN
    assert list(tmp_path.iterdir()) == [path]  # nothing unfinished is left


def test_a_feature_is_read_as_it_was_written(table, tmp_path):
    path = tmp_path / "examples.safetensors"
    write_examples(path, table)
    for feature in range(F):
        found = read_examples(WeightFile(path), feature)
        count = int((table.activations[feature] > 0).sum())
        assert count == {3: 4, 7: 0}.get(feature, K)
        np.testing.assert_array_equal(found.activations, table.activations[feature, :count])
        np.testing.assert_array_equal(found.seq_ids, table.seq_ids[feature, :count])
        np.testing.assert_array_equal(found.positions, table.positions[feature, :count])
        np.testing.assert_array_equal(found.logit_effects, table.logit_effects[feature, :count])
        np.testing.assert_array_equal(found.tokens, table.tokens[table.seq_ids[feature, :count]])
        assert found.tokens.shape == (count, SEQ_LEN)
        assert found.density == table.feature_frequencies[feature]
        for name in OPTIONAL[1:]:
            np.testing.assert_array_equal(getattr(found, name), getattr(table, name)[feature])


@pytest.mark.parametrize("absent", [*((name,) for name in OPTIONAL), OPTIONAL])
def test_files_without_logit_effects_or_promoted_tokens_are_read(table, tmp_path, absent):
    path = tmp_path / "examples.safetensors"
    write_examples(path, replace(table, **dict.fromkeys(absent)))
    assert set(load_file(path)) & set(absent) == set()
    found = read_examples(WeightFile(path), 2)
    assert all(getattr(found, name) is None for name in absent)
    assert all(getattr(found, name) is not None for name in set(OPTIONAL) - set(absent))
    np.testing.assert_array_equal(found.activations, table.activations[2])


def test_only_the_rows_of_one_feature_are_read(table, tmp_path, monkeypatch):
    path = tmp_path / "examples.safetensors"
    write_examples(path, table)
    file, read = WeightFile(path), []
    real = file.row
    monkeypatch.setattr(file, "row", lambda name, index: (read.append((name, index)), real(name, index))[1])
    monkeypatch.setattr(file, "tensor", None)
    read_examples(file, 3)
    assert {index for name, index in read if name != "tokens"} == {3}
    assert [index for name, index in read if name == "tokens"] == list(dict.fromkeys(table.seq_ids[3, :4].tolist()))


@pytest.mark.parametrize("feature", [-1, F, 1.0, True, "2", None], ids=repr)
def test_a_feature_that_the_file_has_not_is_refused(table, tmp_path, feature):
    path = tmp_path / "examples.safetensors"
    write_examples(path, table)
    with pytest.raises(gs.UnknownFeature, match="has features 0 to 10, got"):
        read_examples(WeightFile(path), feature)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"tokens": None}, r"expected a tensor tokens \['n_seq', 'seq_len'\], found"),
        ({"activations": lambda v: v.astype(np.float64)}, "activations should be F32, got F64"),
        ({"seq_ids": lambda v: v.astype(np.int32)}, "seq_ids should be I64, got I32"),
        ({"positions": lambda v: v[:, :5].copy()}, "positions has k = 5, activations has 6"),
        ({"top_tokens": lambda v: v[:10].copy()}, "top_tokens has F = 10, activations has 11"),
        ({"feature_frequencies": lambda v: v[None]}, r"feature_frequencies should be \['F'\], got \[1, 11\]"),
        ({"seq_ids": lambda v: v + 9}, "seq_ids of feature 2 should be 0 to 7, got"),
        ({"positions": lambda v: v - 9}, "positions of feature 2 should be 0 to 4, got -"),
    ],
)
def test_a_file_of_another_layout_is_refused_with_the_tensor(table, tmp_path, change, sentence):
    path = tmp_path / "examples.safetensors"
    write_examples(path, table)
    tensors = load_file(path)
    for name, make in change.items():
        value = tensors.pop(name)
        if make is not None:
            tensors[name] = make(value)
    save_file(tensors, path)
    with pytest.raises(gs.BadArtefact, match=sentence) as caught:
        read_examples(WeightFile(path), 2)
    assert str(path) in str(caught.value)


def test_a_file_cut_short_is_refused(table, tmp_path):
    path = tmp_path / "examples.safetensors"
    write_examples(path, table)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(gs.BadArtefact, match="cut short or changed"):
        read_examples(WeightFile(path), 2)
    with pytest.raises(gs.BadArtefact, match="cannot be read"):
        read_examples(WeightFile(tmp_path / "nothing"), 2)


def test_a_write_that_fails_leaves_the_old_file(table, tmp_path, monkeypatch):
    path = tmp_path / "examples.safetensors"
    write_examples(path, table)
    before = path.read_bytes()

    def fail(_tensors, unfinished):
        builtins.open(unfinished, "wb").close()
        raise OSError("the disk is full")

    monkeypatch.setattr(files, "save_file", fail)
    with pytest.raises(OSError, match="full"):
        write_examples(path, table)
    assert path.read_bytes() == before
