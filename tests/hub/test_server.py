"""The test Hub answers huggingface_hub as the real one does."""

import hashlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_download, hf_hub_url, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile, RepoFolder

from tests.hub.repository import LISTING

NAME = "google/gemma-scope-2-1b-pt"
WEIGHTS = "resid_post/layer_7_width_16k_l0_small/params.safetensors"
CONFIG = "resid_post/layer_7_width_16k_l0_small/config.json"
CONTENT = bytes(range(256)) * 8


@pytest.fixture
def repository(hub) -> Path:
    folder = hub.folder / NAME
    write(folder / WEIGHTS, CONTENT)
    write(folder / CONFIG, b'{"width": 16384}')
    write(folder / "README.md", b"# A repository\n")
    return folder


def write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def fetch(url: str, asked: str | None = None, method: str = "GET"):
    return urllib.request.urlopen(urllib.request.Request(url, headers={"Range": asked} if asked else {}, method=method))


def test_a_file_is_fetched_once_and_then_comes_from_the_cache(hub, repository):
    path = Path(hf_hub_download(NAME, WEIGHTS))
    assert path.read_bytes() == CONTENT and path.is_relative_to(hub.home)
    assert hub.count_sent_bytes("/lfs/*") == len(CONTENT)
    hub.forget()
    assert Path(hf_hub_download(NAME, WEIGHTS, local_files_only=True)) == path
    assert hub.requests == []
    assert Path(hf_hub_download(NAME, WEIGHTS)) == path
    assert [request.method for request in hub.requests] == ["HEAD"]


def test_a_pinned_file_in_the_cache_needs_no_request(hub, repository):
    commit = HfApi().model_info(NAME).sha
    hf_hub_download(NAME, WEIGHTS, revision=commit)
    hub.forget()
    hf_hub_download(NAME, WEIGHTS, revision=commit)
    assert hub.requests == []


def test_nothing_in_the_cache_is_a_local_error_without_a_request(hub, repository):
    with pytest.raises(LocalEntryNotFoundError):
        hf_hub_download(NAME, WEIGHTS, local_files_only=True)
    assert hub.requests == []


def test_metadata_of_a_file_in_lfs_come_with_the_redirect(hub, repository):
    found = get_hf_file_metadata(hf_hub_url(NAME, WEIGHTS))
    assert found.etag == hashlib.sha256(CONTENT).hexdigest()
    assert found.size == len(CONTENT)
    assert found.commit_hash == HfApi().model_info(NAME).sha
    assert found.xet_file_data is None
    assert "/lfs/" in found.location
    assert [request.status for request in hub.find_requests("*.safetensors")] == [302]


def test_metadata_of_a_small_file_come_without_one(hub, repository):
    found = get_hf_file_metadata(hf_hub_url(NAME, CONFIG))
    assert found.etag == hashlib.sha1(b'blob 16\0{"width": 16384}').hexdigest()
    assert found.size == 16
    assert found.location == hf_hub_url(NAME, CONFIG)


def test_the_tree_is_paged_and_holds_folders(hub, repository):
    for layer in range(9):
        write(repository / f"resid_post/layer_{layer}_width_65k_l0_big/params.safetensors", b"x" * layer)
    hub.page_size = 7
    tree = list(HfApi().list_repo_tree(NAME, recursive=True))
    files = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    assert len(files) == 12 and sum(isinstance(entry, RepoFolder) for entry in tree) == 11
    assert len(hub.find_requests("*/tree/main")) == 4
    assert files[WEIGHTS].lfs.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert files[WEIGHTS].size == files[WEIGHTS].lfs.size == len(CONTENT)
    assert files[WEIGHTS].lfs.pointer_size > 100 and files[CONFIG].lfs is None
    assert sorted(HfApi().list_repo_files(NAME)) == sorted(files)


def test_the_tree_of_one_folder_is_not_the_whole(hub, repository):
    top = {entry.path for entry in HfApi().list_repo_tree(NAME)}
    assert top == {"README.md", "resid_post"}
    below = {entry.path for entry in HfApi().list_repo_tree(NAME, "resid_post/layer_7_width_16k_l0_small")}
    assert below == {WEIGHTS, CONFIG}
    expanded = list(HfApi().list_repo_tree(NAME, expand=True))
    assert all(entry.last_commit.oid for entry in expanded)
    with pytest.raises(EntryNotFoundError):
        list(HfApi().list_repo_tree(NAME, "clt"))


def test_model_info_has_sizes_and_digests_on_request(hub, repository):
    plain = HfApi().model_info(NAME)
    assert plain.id == NAME and plain.gated is False and plain.private is False
    assert {file.rfilename for file in plain.siblings} == {WEIGHTS, CONFIG, "README.md"}
    assert all(file.size is None for file in plain.siblings)
    files = {file.rfilename: file for file in HfApi().model_info(NAME, files_metadata=True).siblings}
    assert files[WEIGHTS].size == len(CONTENT)
    assert files[WEIGHTS].lfs.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert files[CONFIG].lfs is None and files[CONFIG].blob_id


def test_paths_info_leaves_out_what_is_not_there(hub, repository):
    found = HfApi().get_paths_info(NAME, [WEIGHTS, "resid_post", "missing.json"])
    assert {entry.path: type(entry) for entry in found} == {WEIGHTS: RepoFile, "resid_post": RepoFolder}


def test_a_snapshot_holds_every_file(hub, repository):
    folder = Path(snapshot_download(NAME))
    assert (folder / WEIGHTS).read_bytes() == CONTENT
    assert (folder / "README.md").exists()
    hub.forget()
    assert snapshot_download(NAME, local_files_only=True) == str(folder)
    assert hub.requests == []


def test_revisions_are_main_a_commit_or_a_branch_in_a_folder_beside(hub, repository):
    write(hub.folder / f"{NAME}@older" / CONFIG, b"{}")
    main = HfApi().model_info(NAME).sha
    older = HfApi().model_info(NAME, revision="older").sha
    assert main != older and HfApi().model_info(NAME, revision=older).sha == older
    assert {branch.name: branch.target_commit for branch in HfApi().list_repo_refs(NAME).branches} == {
        "main": main,
        "older": older,
    }
    assert Path(hf_hub_download(NAME, CONFIG, revision="older")).read_text() == "{}"
    with pytest.raises(RevisionNotFoundError):
        HfApi().model_info(NAME, revision="newer")
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download(NAME, CONFIG, revision="0" * 40)


def test_the_commit_follows_the_content(hub, repository):
    before = HfApi().model_info(NAME).sha
    assert HfApi().model_info(NAME).sha == before
    write(repository / "README.md", b"# Another one\n")
    assert HfApi().model_info(NAME).sha != before


def test_what_is_not_there_raises_the_hubs_own_errors(hub, repository):
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(NAME, "missing.safetensors")
    with pytest.raises(RepositoryNotFoundError) as anonymous:
        HfApi().model_info("google/gemma-scope-3-1b-pt")
    assert anonymous.value.response.status_code == 401
    with pytest.raises(RepositoryNotFoundError) as known:
        hf_hub_download("google/gemma-scope-3-1b-pt", WEIGHTS, token="hf_any")
    assert known.value.response.status_code == 404


def test_a_gated_repository_is_listed_for_all_and_fetched_by_those_with_access(hub, repository):
    hub.gate(NAME, tokens={"hf_good"})
    assert HfApi().model_info(NAME).gated == "manual"
    for token, status in ((None, 401), ("hf_other", 403)):
        with pytest.raises(GatedRepoError) as refused:
            hf_hub_download(NAME, CONFIG, token=token)
        assert refused.value.response.status_code == status
        with pytest.raises(GatedRepoError):
            HfApi().auth_check(NAME, token=token)
    assert hf_hub_download(NAME, WEIGHTS, token="hf_good")
    HfApi().auth_check(NAME, token="hf_good")


def test_a_private_repository_is_not_found_without_access(hub, repository):
    hub.hide(NAME, tokens={"hf_good"})
    for token in (None, "hf_other"):
        with pytest.raises(RepositoryNotFoundError) as refused:
            hf_hub_download(NAME, CONFIG, token=token)
        assert not isinstance(refused.value, GatedRepoError)
    assert HfApi().model_info(NAME, token="hf_good").private is True


def test_a_revoked_token_opens_nothing(hub, repository):
    assert HfApi().whoami(token="hf_old")["name"] == "reader"
    hub.revoke("hf_old")
    with pytest.raises(OSError, match="Invalid user token"):
        HfApi().whoami(token="hf_old")
    with pytest.raises(HfHubHTTPError) as refused:
        hf_hub_download(NAME, CONFIG, token="hf_old")
    assert refused.value.response.status_code == 401
    assert not isinstance(refused.value, RepositoryNotFoundError)


def test_a_token_is_seen_at_the_hub_only_and_never_kept(hub, repository):
    hf_hub_download(NAME, WEIGHTS, token="hf_secret")
    assert {request.authorized for request in hub.find_requests(f"/{NAME}/*")} == {True}
    assert {request.authorized for request in hub.find_requests("/lfs/*")} == {False}
    assert "hf_secret" not in repr(hub.requests) + repr(vars(hub))


@pytest.mark.parametrize("path", [WEIGHTS, CONFIG])
@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-7", 0, 8),
        ("bytes=3-3", 3, 4),
        ("bytes=10-", 10, None),
        ("bytes=-5", -5, None),
        ("bytes=8-9999", 8, None),
    ],
)
def test_a_range_is_answered_by_its_part_alone(hub, repository, path, asked, start, stop):
    whole = (repository / path).read_bytes()
    first, after, _ = slice(start, stop).indices(len(whole))
    with fetch(hf_hub_url(NAME, path), asked) as answer:
        assert answer.status == 206 and answer.read() == whole[start:stop]
        assert answer.headers["Content-Range"] == f"bytes {first}-{after - 1}/{len(whole)}"
    assert sum(request.sent_bytes for request in hub.requests if request.status == 206) == after - first


def test_a_range_outside_is_refused_with_the_size(hub, repository):
    with pytest.raises(urllib.error.HTTPError) as outside:
        fetch(hf_hub_url(NAME, WEIGHTS), f"bytes={len(CONTENT)}-")
    assert outside.value.code == 416 and outside.value.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_head_has_the_length_and_no_body(hub, repository):
    with fetch(hf_hub_url(NAME, CONFIG), method="HEAD") as answer:
        assert answer.headers["Content-Length"] == "16" and answer.read() == b""
    assert hub.count_sent_bytes() == 0


def test_files_that_are_only_listed_cannot_be_fetched(hub, repository):
    listed = {f"clt/width_{width}_l0_big/params_layer_{i}.safetensors": 7 << 30 for width in (1, 2) for i in range(900)}
    (repository / LISTING).write_text(json.dumps(listed | {WEIGHTS: 1}))
    sizes = {entry.path: entry.size for entry in HfApi().list_repo_tree(NAME, recursive=True) if hasattr(entry, "size")}
    assert len(sizes) == 1803 and sizes[WEIGHTS] == len(CONTENT)
    assert sizes["clt/width_2_l0_big/params_layer_899.safetensors"] == 7 << 30
    assert len(hub.find_requests("*/tree/*")) == 2
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(NAME, "clt/width_1_l0_big/params_layer_0.safetensors")


def test_a_child_process_knows_this_hub_alone(hub, repository):
    program = f"from huggingface_hub import hf_hub_download; print(hf_hub_download({NAME!r}, {CONFIG!r}))"
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_TOKEN": "hf_secret"} | hub.environment()
    shown = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=300
    )
    assert shown.returncode == 0, shown.stderr
    assert Path(shown.stdout.strip()).is_relative_to(hub.home)
    assert not any(request.authorized for request in hub.requests)
