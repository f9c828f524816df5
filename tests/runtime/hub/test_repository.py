"""Lists of files: asked for once a day, kept for use offline, and never trusted blindly."""

import hashlib
import json
import time
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

import gscope_widgets as gs
from gscope_widgets.runtime.hub import repository as module
from gscope_widgets.runtime.hub.repository import Repository
from tests.hub import faults
from tests.runtime.hub.conftest import NAME

WEIGHTS = "resid_post/layer_7_width_16k_l0_medium/params.safetensors"


def listings(hub) -> list[Path]:
    return sorted((hub.home / "gscope_widgets" / "listings").iterdir())


def test_a_list_has_size_sum_and_commit_of_each_file(hub, published):
    files = Repository(NAME).files()
    content = (published / "params.safetensors").read_bytes()
    file = files[WEIGHTS]
    assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert len(file.commit) == 40
    assert files[WEIGHTS.replace("params.safetensors", "config.json")].sha256 is None
    assert not file.is_here


def test_a_list_is_asked_for_once_and_again_when_it_is_old_or_a_refresh_is_wished(hub, published, monkeypatch):
    first = Repository(NAME).files()
    hub.forget()
    repository = Repository(NAME)
    assert repository.files() == first
    assert hub.requests == []
    repository.files(refresh=True)
    assert len(hub.requests) == 1
    monkeypatch.setattr(module, "FRESH_S", -1.0)
    Repository(NAME).files()
    assert len(hub.requests) == 2


def test_an_old_list_serves_offline_and_nothing_else_does(hub, published, monkeypatch):
    first = Repository(NAME).files()
    monkeypatch.setattr(module, "FRESH_S", -1.0)
    hub.close()
    assert Repository(NAME).files() == first
    with pytest.raises(gs.Offline, match="the list of files of google/gemma-scope-2-1b-it.*open a downloaded folder"):
        Repository("google/gemma-scope-2-1b-it").files()


def test_a_sum_is_the_name_of_the_blob_itself_and_never_of_what_lies_behind_it(hub, published):
    """huggingface_hub may keep blobs as links into a store of its own, under hashes of another kind."""
    folder = Path(snapshot_download(NAME))
    path = folder / WEIGHTS
    blob, store = path.resolve(), hub.home / ("f" * 64)
    sha256 = blob.name
    blob.rename(store)
    blob.symlink_to(store)
    assert Repository(NAME).files_here()[WEIGHTS].sha256 == sha256 == hashlib.sha256(store.read_bytes()).hexdigest()
    path.unlink()
    path.write_bytes(store.read_bytes())  # as where there are no links
    assert Repository(NAME).files_here()[WEIGHTS].sha256 is None


def test_a_repository_that_was_read_off_the_cache_is_listed_whole_once_the_hub_answers(hub, published):
    snapshot_download(NAME, allow_patterns="*params*")
    repository = Repository(NAME)
    hub.fail("/api/models/*", faults.ServerError(503), times=None)
    assert (list(repository.files()), repository.is_partial) == ([WEIGHTS], True)
    hub.heal()
    assert len(repository.files()) == 3
    assert not repository.is_partial


def test_a_pinned_commit_never_goes_out_of_date(hub, published, monkeypatch):
    commit = next(iter(Repository(NAME).files().values())).commit
    Repository(NAME, revision=commit).files()
    monkeypatch.setattr(module, "FRESH_S", -1.0)
    hub.forget()
    Repository(NAME, revision=commit).files()
    assert hub.requests == []


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"format": 1}', '{"format": 2, "commit": "x", "files": [], "asked": 0}', "[" * 100_000],
    ids=lambda content: content[:12],
)
def test_a_damaged_list_counts_as_none(hub, published, content):
    Repository(NAME).files()
    (path,) = listings(hub)
    path.write_text(content)
    hub.forget()
    assert WEIGHTS in Repository(NAME).files()
    assert len(hub.requests) == 1


def test_names_that_leave_the_folder_are_left_out(hub, published):
    Repository(NAME).files()
    (path,) = listings(hub)
    content = json.loads(path.read_text())
    content["files"] += [
        ["../../x/params.safetensors", 5, None],
        ["/etc/passwd", 5, None],
        [7, 5, None],
        ["a", -1, None],
    ]
    path.write_text(json.dumps(content))
    assert set(Repository(NAME).files()) == {entry[0] for entry in content["files"][:-4]}


def test_a_cache_that_cannot_be_written_is_done_without(hub, published):
    hub.home.mkdir(exist_ok=True)
    (hub.home / "gscope_widgets").write_text("in the way")
    assert WEIGHTS in Repository(NAME).files()


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        (faults.Busy(7), gs.Offline, "answered 429 for the list of files.*too many requests from here, so wait"),
        (faults.ServerError(503), gs.Offline, "answered 503 for the list of files.*try again in a few minutes"),
        (faults.HtmlPage(), gs.Offline, "the list of files"),
        (faults.Silence(), gs.Offline, "took too long over the list of files"),
        (faults.Cut(40), gs.Offline, "broke off while sending the list of files"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_goes_wrong_is_a_sentence(hub, published, monkeypatch, fault, error, sentence):
    if isinstance(fault, faults.Silence):
        monkeypatch.setattr(module, "_PATIENCE_S", 0.3)
    hub.fail("/api/models/*", fault, times=None)
    started = time.monotonic()
    with pytest.raises(error, match=sentence):
        Repository(NAME).files()
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "content",
    [b"{}", b"[]", b"null", b'{"id": "a/b", "sha": "x", "siblings": [{}]}', b'{"id": "a/b", "siblings": 5}'],
    ids=lambda content: content.decode()[:20],
)
def test_json_that_is_no_list_of_files_is_a_sentence(hub, published, content):
    class Other(faults.Replaced):
        def replace_bytes(self, _content):
            return content

    hub.fail("/api/models/*", Other(), times=None)
    with pytest.raises(gs.Offline, match="as the list of files of|names no commit"):
        Repository(NAME).files()


def test_an_unknown_repository_and_revision_are_told(hub, published):
    with pytest.raises(gs.UnknownDictionary, match="the Hub has no google/gemma-scope-9, or it is private"):
        Repository("google/gemma-scope-9").files()
    with pytest.raises(gs.UnknownDictionary, match="google/gemma-scope-2-1b-pt has no revision 'v9'"):
        Repository(NAME, revision="v9").files()
    hub.revoke("hf_old")
    with pytest.raises(gs.GscopeError, match="does not accept the token") as caught:
        Repository(NAME, token="hf_old").files()
    assert "hf_old" not in str(caught.value)
