"""Directions in files: they come back to the bit, steer as before, and bad files are refused in a sentence."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import gscope_widgets as gs
from gscope_widgets.keeping import directions
from gscope_widgets.records.provenance import Provenance

TEXT = "The old fisherman sold 12 fish."
ORIGIN = Provenance("gscope-mini", "abc", "cpu", "float32")


@pytest.fixture(scope="module")
def mini():
    return gs.load("mini")


@pytest.fixture
def made(mini, tmp_path):
    """A mean difference of mini's, and its file."""
    direction = mini.direction([TEXT], ["On Monday the children sang."], layer=3)
    gs.save_direction(tmp_path / "direction.safetensors", direction)
    return direction, tmp_path / "direction.safetensors"


@pytest.mark.row("49")
def test_a_direction_comes_back_to_the_bit_with_its_origin(mini, made):
    direction, path = made
    again = gs.load_direction(path, mini)
    assert again == direction
    assert (again.name, again.provenance) == (direction.name, direction.provenance)
    with safe_open(path, framework="numpy") as file:
        told = file.metadata()
        np.testing.assert_array_equal(file.get_tensor("direction"), direction.vector)
    assert (told["model"], told["revision"]) == (mini.info.id, mini.info.revision)
    assert (told["site"], told["layer"]) == ("resid_post", "3")
    chances = [mini.next_tokens(TEXT, 5, [gs.add(one, 0.3)]).chances for one in (direction, again)]
    assert chances[0] == chances[1]
    assert chances[0] != mini.next_tokens(TEXT, 5).chances  # the control


@pytest.mark.row("49")
@pytest.mark.parametrize("site", ["resid_post", "attn_out", "mlp_out", "transcoder", "crosscoder", "clt"])
def test_a_features_decoder_row_steers_as_the_feature_does(mini, tmp_path, site):
    dictionary = mini.dictionary(site)
    ref = dictionary.feature(7)
    gs.save_direction(tmp_path / "row.safetensors", gs.feature_direction(mini, ref))
    row = gs.load_direction(tmp_path / "row.safetensors", mini)
    np.testing.assert_array_equal(row.vector, dictionary.direction(7))
    assert row.provenance.dictionaries.keys() == {dictionary.info.id}
    if len(dictionary.info.layers) == 1:  # others write to several layers at once
        steered = [mini.next_tokens(TEXT, 20, [gs.add(one, 0.5)]) for one in (ref, row)]
        probabilities = [{one.id: one.probability for one in each.chances} for each in steered]
        assert probabilities[0] == pytest.approx(probabilities[1], rel=1e-4)


def test_a_vector_of_ones_own_needs_the_model_that_it_is_of(mini, tmp_path):
    own = gs.Direction("resid_post", 2, np.arange(1, mini.info.d_model + 1), "counting")
    with pytest.raises(gs.InvalidValue, match="does not say which model it is of"):
        gs.save_direction(tmp_path / "own.safetensors", own)
    gs.save_direction(tmp_path / "own.safetensors", own, mini)
    assert gs.load_direction(tmp_path / "own.safetensors").provenance.model == mini.info.id
    for wrong in ([1.0, 2.0], None):
        with pytest.raises(gs.InvalidValue, match="a direction comes from"):
            gs.save_direction(tmp_path / "own.safetensors", wrong, mini)
    short = gs.Direction("resid_post", 2, [1.0, 2.0])
    with pytest.raises(gs.InvalidValue, match="has 2 numbers at layer 2"):
        gs.save_direction(tmp_path / "own.safetensors", short, mini)


def test_another_model_is_refused_and_another_revision_told(mini, tmp_path):
    vector = np.ones(mini.info.d_model, np.float32)
    for origin, name in ((replace(ORIGIN, model="gemma"), "other"), (ORIGIN, "elder")):
        gs.save_direction(tmp_path / name, gs.Direction("resid_post", 2, vector, provenance=origin))
    with pytest.raises(gs.InvalidValue, match="is of 'gemma', the scope given is of gscope-mini"):
        gs.load_direction(tmp_path / "other", mini)
    with pytest.warns(gs.KeptWarning, match="is of revision abc of gscope-mini"):
        gs.load_direction(tmp_path / "elder", mini)


def test_no_other_file_is_written_over(made, tmp_path):
    save_file({"weights": np.ones(3, np.float32)}, tmp_path / "weights.safetensors")
    before = (tmp_path / "weights.safetensors").read_bytes()
    with pytest.raises(gs.InvalidValue, match="is there already and is no direction"):
        gs.save_direction(tmp_path / "weights.safetensors", made[0])
    assert (tmp_path / "weights.safetensors").read_bytes() == before


def write(path, vector=None, **news) -> None:
    """A file whose sum is right and whose contents are not: as somebody would make it who wants to."""
    vector = np.ones(4, np.float32) if vector is None else vector
    told = {"format": "gscope direction", "version": "1", "site": "resid_post", "layer": "2", "name": "a"}
    told |= {"model": "gscope-mini", "revision": "abc"}
    told["provenance"] = json.dumps({**ORIGIN.to_dict(), "dictionaries": [], "settings": [], "versions": []})
    told |= news
    told["sha256"] = directions._sum(told, vector)
    save_file({"direction": vector}, path, metadata=told)


def test_a_file_made_by_hand_is_read(tmp_path):
    """The control of the cases below."""
    write(tmp_path / "by-hand")
    assert gs.load_direction(tmp_path / "by-hand").vector.tolist() == [1, 1, 1, 1]


BAD = {
    "NaN": (lambda path: write(path, np.array([1, np.nan], np.float32)), "holds finite float32 numbers"),
    "zeros": (lambda path: write(path, np.zeros(4, np.float32)), "a direction needs a length"),
    "two axes": (lambda path: write(path, np.ones((2, 2), np.float32)), "holds F32 numbers of shape [2, 2]"),
    "halves": (lambda path: write(path, np.ones(4, np.float16)), "holds F16 numbers of shape [4]"),
    "integers": (lambda path: write(path, np.ones(4, np.int64)), "holds I64 numbers of shape [4]"),
    "empty": (lambda path: write(path, np.ones(0, np.float32)), "is no direction"),
    "site": (lambda path: write(path, site="os.system"), "site must be one of"),
    "layer": (lambda path: write(path, layer="-1"), "is no direction"),
    "layer in words": (lambda path: write(path, layer="two"), "is no direction"),
    "provenance": (lambda path: write(path, provenance="[NaN]"), "is no direction"),
    "nested": (lambda path: write(path, provenance="[" * 90_000), "is no direction"),
    "two models": (lambda path: write(path, model="gemma"), "names two models, 'gemma' and 'gscope-mini'"),
    "extra": (lambda path: write(path, extra="1"), "its head has other parts"),
    "newer": (lambda path: write(path, version="2"), "this package reads version 1"),
    "others": (lambda path: save_file({"a": np.ones(3, np.float32)}, path), "holds tensors and is not a direction"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-8]), "is cut short or damaged"),
    "cut in the header": (lambda path: path.write_bytes(path.read_bytes()[:40]), "its header alone has"),
    "no bytes": (lambda path: path.write_bytes(b""), "is empty, not a direction"),
    "a bit": (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x40"), "was changed after it was made"),
    "1 GB header": (lambda path: path.write_bytes((10**9).to_bytes(8, "little") + b"{" * 100), "is something else, not a direction"),
    "1 GB": (lambda path: os.truncate(path, 10**9), "has 1.0 GB, a direction at most 8.0 MB; it is not read"),
    "pickle": (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(99)), "is a pickle or archive, which is never loaded"),
    "gone": (lambda path: path.unlink(), "there is no file"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_a_sentence(tmp_path, name):
    path = tmp_path / "direction.safetensors"
    write(path)
    spoil, words = BAD[name]
    spoil(path)
    with pytest.raises(gs.GscopeError) as refused:
        gs.load_direction(path)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_replay_has_no_decoder_rows(mini, tmp_path):
    with mini.recording(tmp_path / "lesson.gscope"):
        mini.read(TEXT)
    replayed = gs.replay(tmp_path / "lesson.gscope")
    with pytest.raises(gs.InvalidValue, match="decoder rows need the dictionary's files, and gscope-mini is replayed"):
        gs.feature_direction(replayed, replayed.dictionary().feature(3))
