"""Files from the Hub on good days and on bad ones: whole and checked, or one sentence and nothing left behind."""

import threading
import time
import warnings

import huggingface_hub
import huggingface_hub.utils as hub_utils
import pytest

import gscope_widgets as gs
from gscope_widgets.runtime.hub import faults as hub_faults
from gscope_widgets.runtime.hub import transfer
from gscope_widgets.runtime.hub.repository import Repository
from gscope_widgets.runtime.hub.transfer import RangeIgnored, fetch_file, read_range
from tests.hub import faults
from tests.hub.disk import disk_full, no_free_space
from tests.runtime.hub.conftest import NAME


def left_behind(hub) -> list[str]:
    folder = hub.home / "hub"
    return [path.name for path in folder.rglob("*") if path.is_file() and "safetensors" in path.name] + [
        path.name for path in folder.rglob("blobs/*")
    ]


def test_a_file_comes_once_and_then_without_a_request(hub, published, weights):
    path = fetch_file(weights)
    assert path == weights.path
    assert path.read_bytes() == (published / "params.safetensors").read_bytes()
    assert weights.is_here
    hub.forget()
    hub.close()
    assert fetch_file(weights) == path


def test_only_the_file_that_is_asked_for_is_fetched(hub, published, weights):
    fetch_file(weights)
    assert not hub.count_sent_bytes("*examples*")
    assert not hub.find_requests("*examples*")


def test_a_range_is_those_bytes_and_no_more_are_sent(hub, published, weights):
    whole = (published / "params.safetensors").read_bytes()
    assert read_range(weights, 8, 40) == whole[8:40]
    assert read_range(weights, len(whole) - 3, len(whole)) == whole[-3:]
    assert read_range(weights, 5, 5) == b""
    assert hub.count_sent_bytes("/lfs/*") == 35
    assert not weights.is_here


def test_a_server_without_ranges_is_noticed_before_its_file_is_read(hub, published, weights):
    hub.fail("/lfs/*", faults.RangeIgnored(), times=None)
    with pytest.raises(RangeIgnored):
        read_range(weights, 8, 40)
    assert fetch_file(weights).stat().st_size == weights.size


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        (faults.UNAUTHORIZED, gs.GscopeError, NAME),
        (
            faults.GATED,
            gs.GatedModel,
            "the licence on https://huggingface.co/google/gemma.* has to be accepted",
        ),
        (faults.NOT_FOUND, gs.UnknownDictionary, "has no .*params.safetensors"),
        (faults.Busy(7), gs.Offline, "answered 429 for .*params.safetensors.*too many requests"),
        (faults.ServerError(500), gs.Offline, "answered 500 for .*params.safetensors.*few minutes"),
        (faults.ServerError(503), gs.Offline, "answered 503"),
        (faults.Silence(), gs.Offline, "took too long over .*params.safetensors"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_hub_that_refuses_is_told_within_seconds(hub, published, weights, fault, error, sentence):
    hub.fail("*params.safetensors", fault, times=None)
    started = time.monotonic()
    for get in (lambda: fetch_file(weights, token="hf_secret"), lambda: read_range(weights, 0, 8, token="hf_secret")):
        with pytest.raises(error, match=sentence) as caught:
            get()
        assert "hf_secret" not in str(caught.value)
    assert time.monotonic() - started < 30
    assert left_behind(hub) == []


@pytest.mark.parametrize("fault", [faults.Busy(7), faults.ServerError(500), faults.ServerError(503), faults.Silence()])
def test_one_refusal_is_tried_again(hub, published, weights, fault):
    hub.fail("*params.safetensors", fault, times=1)
    assert fetch_file(weights).read_bytes() == (published / "params.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            faults.FlippedBit(),
            "did not arrive as the Hub lists it .sha256 [0-9a-f]{64}, expected .*deleted, so try again",
        ),
        (faults.NanWeights(), "did not arrive as the Hub lists it .sha256"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_file_with_other_bytes_is_deleted_and_told(hub, published, weights, fault, sentence):
    hub.fail("/lfs/*", fault, times=None)
    with pytest.raises(gs.BadArtefact, match=sentence):
        fetch_file(weights)
    assert left_behind(hub) == []
    hub.heal()
    assert fetch_file(weights).read_bytes() == (published / "params.safetensors").read_bytes()


@pytest.mark.parametrize(
    "fault",
    [
        faults.HtmlPage(), faults.LfsPointer(), faults.EmptyFile(), faults.Truncated(5), faults.Cut(200),
        faults.Reset(200), faults.Misstated(20), faults.Misstated(-20),
    ],
    ids=lambda fault: type(fault).__name__,
)  # fmt: skip
def test_a_file_of_another_length_never_lands(hub, published, weights, fault):
    hub.fail("/lfs/*", fault, times=None)
    with pytest.raises(gs.GscopeError, match=r"params\.safetensors"):
        fetch_file(weights)
    assert left_behind(hub) == []
    hub.heal()
    assert fetch_file(weights).stat().st_size == weights.size


@pytest.mark.skipif(not hasattr(huggingface_hub, "close_session"), reason="connections of another thread stay open")
def test_a_transfer_that_trickles_is_ended(hub, published, weights, monkeypatch):
    monkeypatch.setattr(transfer, "STALL_S", 0.5)
    monkeypatch.setattr(hub_faults, "TRIES", 1)
    hub.fail("/lfs/*", faults.Drip(400), times=None)
    monkeypatch.setattr(transfer, "read_range", lambda *_a, **_k: b"")
    started = time.monotonic()
    with pytest.raises(gs.Offline, match="took too long over .*params.safetensors"):
        fetch_file(weights)
    assert time.monotonic() - started < 30


def test_too_little_room_is_told_with_both_numbers_before_anything_is_fetched(hub, published, weights):
    hub.forget()
    with (
        no_free_space(hub.home, free_bytes=1_500_000),
        pytest.raises(gs.DiskFull, match=r"takes 0\.0 MB, and 1\.5 MB are free.*HF_HOME"),
    ):
        fetch_file(weights)
    assert hub.requests == []


def test_a_disk_that_fills_up_leaves_no_file(hub, published, weights):
    with disk_full(hub.home, after_bytes=1000), pytest.raises(gs.DiskFull, match="is full.*free some room"):
        fetch_file(weights)
    assert left_behind(hub) == []
    assert fetch_file(weights).stat().st_size == weights.size


def test_the_wait_for_another_download_is_said_and_ends(hub, published, weights, monkeypatch):
    monkeypatch.setattr(transfer, "NOTICE_S", 0.2)
    monkeypatch.setattr(transfer, "WAIT_S", 0.6)
    path = hub.home / "hub" / ".locks" / f"models--{NAME.replace('/', '--')}" / f"{weights.sha256}.lock"
    path.parent.mkdir(parents=True)
    held, done = threading.Event(), threading.Event()

    def hold():
        with hub_utils.WeakFileLock(path):
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    try:
        with (
            pytest.warns(UserWarning, match="waiting for another download of .*params.safetensors"),
            pytest.raises(gs.Offline, match="another process holds the lock.*nothing has arrived for.*delete"),
        ):
            fetch_file(weights)
    finally:
        done.set()
        thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fetch_file(weights)


def test_a_file_that_was_spoilt_before_it_was_compared_is_noticed_and_left(hub, published, weights):
    """As after a kernel that was killed between the download and the sum, or by another program."""
    huggingface_hub.hf_hub_download(NAME, weights.name, revision=weights.commit)
    blob = weights.path.resolve()
    content = bytearray(blob.read_bytes())
    content[-5] ^= 1
    blob.write_bytes(content)
    with pytest.raises(gs.BadArtefact, match="is not as the Hub lists it .sha256.*delete it and try again"):
        fetch_file(weights)
    assert blob.exists()


def test_a_file_is_summed_once_on_a_machine(hub, published, weights, monkeypatch):
    fetch_file(weights)
    monkeypatch.setattr(transfer.hashlib, "file_digest", None)
    fetch_file(weights)


def test_a_file_of_another_length_in_the_cache_is_told(hub, published, weights):
    fetch_file(weights)
    weights.path.resolve().write_bytes(b"short")
    with pytest.raises(gs.BadArtefact, match="has 5 bytes where the Hub lists .*delete it"):
        fetch_file(weights)


def test_a_fetch_that_waits_can_be_stopped(hub, published, weights):
    one = transfer.Transfer(unwanted=True)
    with transfer._fetching, pytest.raises(gs.Cancelled, match="the fetch was stopped"):
        fetch_file(weights, transfer=one)


@pytest.mark.row("NEW 7")
def test_a_token_without_the_permission_is_told_apart_from_a_bad_day(hub, published, weights):
    hub.fail("*params.safetensors", faults.Refusal(403, "Forbidden", None), times=None)
    with pytest.raises(gs.GatedModel, match="a fine-grained token needs the permission to read public gated"):
        fetch_file(weights, token="hf_x")


def test_a_gated_repository_opens_with_a_good_token(hub, published, weights):
    hub.gate(NAME, tokens={"hf_good"})
    for token, lacks in {None: "make a read token", "hf_other": "the token that was found may not read"}.items():
        with pytest.raises(gs.GatedModel, match=lacks):
            fetch_file(weights, token=token)
    assert fetch_file(weights, token="hf_good") == weights.path
    assert not any(request.authorized for request in hub.find_requests("/lfs/*"))


@pytest.mark.row("NEW 7", "37")
def test_offline_mode_is_named_and_cached_files_are_read(hub, published, weights, monkeypatch):
    other = Repository(NAME).files()["resid_post/layer_7_width_16k_l0_medium/config.json"]
    fetch_file(weights)
    for module in (hub_utils._http, __import__("huggingface_hub").constants):
        if hasattr(module, "HF_HUB_OFFLINE"):
            monkeypatch.setattr(module, "HF_HUB_OFFLINE", True)
    transfer._close_session()
    assert fetch_file(weights) == weights.path
    with pytest.raises(gs.Offline, match="HF_HUB_OFFLINE is set"):
        fetch_file(other)
