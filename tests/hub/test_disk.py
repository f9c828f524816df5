"""A full disk, as huggingface_hub and plain writers meet it."""

import errno
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download

from tests.hub.disk import disk_full, no_free_space

NAME = "google/gemma-scope-2-1b-pt"
FULL = os.strerror(errno.ENOSPC)


@pytest.fixture
def published(hub) -> Path:
    file = hub.folder / NAME / "params.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(100_000))
    return file


def test_a_download_stops_when_the_disk_is_full_and_is_not_taken_for_whole(hub, published):
    with disk_full(hub.home, after_bytes=5_000), pytest.raises(OSError, match=FULL):
        hf_hub_download(NAME, published.name)
    assert not list(hub.home.rglob("*.safetensors"))
    assert Path(hf_hub_download(NAME, published.name)).read_bytes() == published.read_bytes()


def test_what_fits_is_written(tmp_path):
    file = tmp_path / "out"
    with disk_full(tmp_path, after_bytes=70), pytest.raises(OSError, match=FULL), file.open("wb", buffering=0) as out:
        for _ in range(10):
            out.write(bytes(30))
    assert file.stat().st_size == 70


def test_text_updates_and_temporary_files_are_covered(tmp_path):
    file = tmp_path / "kept"
    file.write_text("before")
    with disk_full(tmp_path):
        assert file.read_text() == "before"
        with pytest.raises(OSError, match=FULL), file.open("a") as out:
            out.write("x" * 10)
        with pytest.raises(OSError, match=FULL), file.open("r+b") as out:
            out.write(bytes(10))
        with pytest.raises(OSError, match=FULL), tempfile.NamedTemporaryFile(dir=tmp_path) as out:
            out.write(bytes(10))
            out.flush()
    assert file.read_text() == "before"


def test_other_folders_have_space(tmp_path):
    (tmp_path / "full").mkdir()
    with disk_full(tmp_path / "full"):
        (tmp_path / "other").write_bytes(bytes(10))
    assert (tmp_path / "other").stat().st_size == 10
    assert (tmp_path / "full" / "after").write_bytes(bytes(10)) == 10


def test_no_free_space_is_reported_and_only_warned_of(hub, published):
    with no_free_space(hub.home, free_bytes=1000), warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert shutil.disk_usage(hub.home.parent).free > 1000
        path = hf_hub_download(NAME, published.name)
        assert shutil.disk_usage(path).free == 1000
    assert Path(path).stat().st_size == 100_000
    assert any("Not enough free disk space" in str(warning.message) for warning in seen)
