"""safetensors files: rows and tensors as they are on disk, and damage told before anything is used."""

import hashlib
import json
import struct

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

import gscope_widgets as gs
from gscope_widgets.runtime.files.weights import WeightFile, read_header

MATRIX = torch.arange(12, dtype=torch.float32).reshape(3, 4)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "params.safetensors"
    save_file({"m": MATRIX, "v": torch.tensor([1.5, 2.5]).to(torch.bfloat16)}, path, metadata={"a": "b"})
    return path


def write(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_the_header_says_shape_and_type_and_metadata_is_no_tensor(path):
    heads = read_header(path)
    assert set(heads) == {"m", "v"}
    assert (heads["m"].shape, heads["m"].dtype) == ((3, 4), "F32")
    assert (heads["v"].shape, heads["v"].dtype) == ((2,), "BF16")


def test_a_row_a_column_and_a_tensor_are_what_safetensors_reads(path):
    file = WeightFile(path)
    with safe_open(path, "np") as plain:
        expected = plain.get_tensor("m")
    np.testing.assert_array_equal(file.tensor("m").numpy(), expected)
    for row in range(3):
        np.testing.assert_array_equal(file.row("m", row).numpy(), expected[row])
    for column in range(4):
        np.testing.assert_array_equal(file.column("m", column).numpy(), expected[:, column])
    assert file.tensor("v").dtype is torch.bfloat16


def test_a_row_reads_its_own_bytes_and_a_column_one_number_a_row(path, monkeypatch):
    file, read = WeightFile(path), []
    real = file._read_parts
    monkeypatch.setattr(
        file, "_read_parts", lambda starts, length: (read.append((starts, length)), real(starts, length))[1]
    )
    start = file.heads["m"].start
    file.row("m", 2)
    file.column("m", 1)
    assert read == [([start + 32], 16), ([start + 4, start + 20, start + 36], 4)]


def test_a_file_that_is_cut_after_opening_is_told_by_rows_and_columns(path):
    file = WeightFile(path)
    path.write_bytes(path.read_bytes()[:-30])
    for read in (lambda: file.row("v", 1), lambda: file.column("m", 3), lambda: file.row("m", 2)):
        with pytest.raises(gs.BadArtefact, match="ends before its tensors do"):
            read()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_refused_by_row_column_and_tensor(tmp_path, value):
    matrix = MATRIX.clone()
    matrix[1, 2] = value
    save_file({"m": matrix}, tmp_path / "params.safetensors")
    file = WeightFile(tmp_path / "params.safetensors")
    for read in (lambda: file.tensor("m"), lambda: file.row("m", 1), lambda: file.column("m", 2)):
        with pytest.raises(gs.BadArtefact, match=r"params\.safetensors: tensor m holds NaN or infinite values"):
            read()
    file.row("m", 0)
    file.column("m", 0)


def test_every_cut_of_a_file_is_seen_without_reading_the_data(path):
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(gs.BadArtefact, match="safetensors file|cut short|damaged header"):
            read_header(path)
    path.write_bytes(whole)
    read_header(path)


@given(st.binary(max_size=300))
@example(b"\xff" * 8)
@example(struct.pack("<Q", 2**63) + b"{}")
@example(struct.pack("<Q", 2) + b"{}")
@example(struct.pack("<Q", 4) + b"null")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_bytes_are_a_file_or_a_bad_artefact(tmp_path, data):
    path = tmp_path / "any.safetensors"
    path.write_bytes(data)
    try:
        heads = read_header(path)
    except gs.BadArtefact as error:
        assert str(path) in str(error)
    else:
        with safe_open(path, "pt") as file:  # what we take, safetensors takes
            assert set(file.keys()) == set(heads)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["dtype", "shape", "data_offsets", "m"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
@example({"m": {"dtype": "F32", "shape": [10**400], "data_offsets": [0, 4]}})
@example({"m": {"dtype": "F32", "shape": [float("inf")], "data_offsets": [0, 4]}})
@example({"m": {"dtype": "F32", "shape": [1], "data_offsets": [4]}})
@example({"m": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}})
@example({"m": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}})
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_json_header_is_taken_or_a_bad_artefact(tmp_path, header):
    path = tmp_path / "any.safetensors"
    write(path, json.dumps(header).encode(), b"\0" * 4)
    try:
        read_header(path)
    except gs.BadArtefact as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ({"m": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, "tensor m has the unknown type 'F99'"),
        ({"m": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, r"tensor m \(2,\) takes 8 bytes.* gives it 4"),
        ({"m": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}}, "its header asks for"),
    ],
)
def test_a_header_that_contradicts_itself_is_told_apart(tmp_path, header, sentence):
    write(tmp_path / "x.safetensors", header, b"\0" * 4)
    with pytest.raises(gs.BadArtefact, match=sentence):
        read_header(tmp_path / "x.safetensors")


def test_a_file_that_is_not_there_or_is_a_folder_is_told(tmp_path):
    for path in (tmp_path / "nothing.safetensors", tmp_path):
        with pytest.raises(gs.BadArtefact, match="cannot be read"):
            read_header(path)


def test_a_file_that_vanishes_after_opening_is_told(path):
    file = WeightFile(path)
    path.unlink()
    with pytest.raises(gs.BadArtefact, match="cannot be read.*download or copy it again"):
        file.tensor("m")


# ---- a flipped bit in a folder of one's own


def flip(path, *, byte, bit):
    content = bytearray(path.read_bytes())
    content[byte] ^= bit
    path.write_bytes(content)


@pytest.mark.parametrize("where", ["SHA256SUMS", "params.safetensors.sha256", "hf download"])
def test_a_flipped_bit_is_noticed_where_a_sum_lies_beside_the_file(make_dictionary, where):
    path = make_dictionary() / "params.safetensors"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if where == "hf download":
        note = path.parents[2] / ".cache/huggingface/download" / path.relative_to(path.parents[2])
        note = note.with_name(f"{note.name}.metadata")
        note.parent.mkdir(parents=True)
        note.write_text(f"{'0' * 40}\n{digest}\n1.5\n")
    else:
        (path.parent / where).write_text(f"{'0' * 64}  other.safetensors\n{digest}  params.safetensors\n")
    WeightFile(path).tensor("w_dec")
    flip(path, byte=-9, bit=1)
    with pytest.raises(gs.BadArtefact, match=f"has changed or is damaged: its sha256 is .* says {digest}; download or"):
        WeightFile(path).tensor("w_dec")


def test_without_a_sum_a_flip_of_a_high_bit_is_noticed_by_its_size_and_a_low_one_is_not(make_dictionary):
    path = make_dictionary() / "params.safetensors"
    heads = WeightFile(path).heads
    flip(path, byte=heads["w_dec"].start + 2, bit=1)
    WeightFile(path).tensor("w_dec")  # the control: nothing says what it was
    flip(path, byte=heads["w_dec"].start + 3, bit=0x40)
    for read in (lambda file: file.tensor("w_dec"), lambda file: file.row("w_dec", 0)):
        with pytest.raises(
            gs.BadArtefact, match="tensor w_dec holds values up to .* which no weight has: a flipped bit"
        ):
            read(WeightFile(path))
