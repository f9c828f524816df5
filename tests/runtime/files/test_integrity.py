"""Files that ship with the package are checked against their sums; others are left alone."""

import hashlib
import json
import os

import pytest

import gscope_widgets as gs
from gscope_widgets.runtime.files import integrity
from gscope_widgets.runtime.files.integrity import EMBEDDED, find_digest, verify_embedded


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(integrity, "_sums", {})
    monkeypatch.setattr(integrity, "_seen", {})


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "shipped"
    (root / "a").mkdir(parents=True)
    (root / "a" / "weights").write_bytes(b"as it shipped")
    (root / "other").write_bytes(b"not listed")
    sums = {"a/weights": hashlib.sha256(b"as it shipped").hexdigest()}
    (root / "SHA256.json").write_text(json.dumps(sums))
    return root


def test_a_whole_file_passes_and_a_changed_one_is_refused_with_both_digests(root):
    path = root / "a" / "weights"
    verify_embedded(path, root=root)
    path.write_bytes(b"as it shippeD")
    with pytest.raises(gs.BadArtefact) as caught:
        verify_embedded(path, root=root)
    for part in (str(path), hashlib.sha256(b"as it shippeD").hexdigest(), hashlib.sha256(b"as it shipped").hexdigest()):
        assert part in str(caught.value)
    assert "pip install --force-reinstall" in str(caught.value)
    path.write_bytes(b"as it shipped")
    verify_embedded(path, root=root)


def test_a_file_cut_short_after_it_was_found_whole_is_refused(root):
    path = root / "a" / "weights"
    verify_embedded(path, root=root)
    before = path.stat()
    path.write_bytes(b"as it ship")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(gs.BadArtefact, match=r"\(10 bytes\) is not the file that shipped"):
        verify_embedded(path, root=root)


def test_the_digest_is_computed_once(root, monkeypatch):
    counted = []
    real = hashlib.file_digest
    monkeypatch.setattr(integrity.hashlib, "file_digest", lambda *a: counted.append(1) or real(*a))
    for _ in range(3):
        verify_embedded(root / "a" / "weights", root=root)
    assert len(counted) == 1


def test_a_missing_listed_file_is_refused(root):
    (root / "a" / "weights").unlink()
    with pytest.raises(gs.BadArtefact, match="weights cannot be read"):
        verify_embedded(root / "a" / "weights", root=root)


def test_what_is_not_listed_not_inside_or_without_sums_is_not_checked(root, tmp_path):
    verify_embedded(root / "other", root=root)
    (tmp_path / "outside").write_bytes(b"x")
    verify_embedded(tmp_path / "outside", root=root)
    (root / "a" / "SHA256.json").write_text("{}")
    (root / "a" / "weights").write_bytes(b"changed")
    verify_embedded(root / "a" / "weights", root=root / "a")
    (root / "a" / "SHA256.json").unlink()
    integrity._sums.clear()
    verify_embedded(root / "a" / "weights", root=root / "a")
    with pytest.raises(gs.BadArtefact):  # control
        verify_embedded(root / "a" / "weights", root=root)


@pytest.mark.parametrize("content", ["", "[]", '{"a/weights": "abc"}', '{"a/weights": 5}'])
def test_sums_that_cannot_be_read_are_refused(root, content):
    (root / "SHA256.json").write_text(content)
    with pytest.raises(gs.BadArtefact, match=r"SHA256\.json cannot be read as a table"):
        verify_embedded(root / "a" / "weights", root=root)


def test_models_and_dictionaries_are_checked_as_they_are_loaded(
    load, make_model, make_dictionary, tmp_path, monkeypatch
):
    """The whole way: a root with a model and a dictionary, whose bytes then change without changing size."""
    model, folder = make_model("shipped-tiny"), make_dictionary()
    files = [path for path in (*model.iterdir(), *folder.iterdir()) if path.is_file()]
    sums = {path.relative_to(tmp_path).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (tmp_path / "SHA256.json").write_text(json.dumps(sums))
    monkeypatch.setattr(integrity.verify_embedded, "__kwdefaults__", {"root": tmp_path})
    scope = load(str(model))
    scope.read("hello there", scope.dictionary(path=folder))
    scope.close()
    for path in (
        folder / "config.json",
        folder / "params.safetensors",
        model / "model.safetensors",
        model / "tokenizer.json",
    ):
        whole = path.read_bytes()
        path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
        with pytest.raises(gs.BadArtefact, match=f"{path.name} .* is not the file that shipped"):
            load(str(model)).dictionary(path=folder)
        path.write_bytes(whole)
        scope = load(str(model))
        scope.dictionary(path=folder)
        scope.close()


def test_the_digest_of_what_ships_is_that_of_the_file():
    folder = EMBEDDED / "dictionaries/gscope-mini-pt/resid_post/layer_4_width_1k_l0_medium"
    path = folder / "params.safetensors"
    assert find_digest([path]) == hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    assert find_digest([path]) != find_digest([path, path]) != ""


def test_a_folder_of_ones_own_has_a_digest_where_a_sum_lies_beside(tmp_path):
    path = tmp_path / "params.safetensors"
    path.write_bytes(b"weights")
    assert find_digest([path]) == ""
    digest = hashlib.sha256(b"weights").hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  params.safetensors\n")
    assert find_digest([path]) == digest[:12]
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"more")
    assert find_digest([path, other]) == ""
