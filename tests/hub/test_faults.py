"""Each fault, and what huggingface_hub 2 makes of it: what is tried again, what is raised, what is believed."""

import hashlib
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import HfApi, constants, hf_hub_download, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError
from huggingface_hub.utils import _http
from safetensors import SafetensorError
from safetensors.numpy import load_file

from tests.hub import faults
from tests.hub.layout import write_dictionary

NAME = "google/gemma-scope-2-1b-pt"
WEIGHTS = "resid_post/layer_0_width_16k_l0_medium/params.safetensors"
if not huggingface_hub.__version__.startswith("2."):
    pytest.skip("other releases try again otherwise", allow_module_level=True)
TIMEOUT, NETWORK, PROTOCOL = _http._DEFAULT_RETRY_ON_EXCEPTIONS  # of the HTTP library in use, which changes


@pytest.fixture
def weights(hub, no_waiting) -> Path:
    """A small dictionary's file, published."""
    write_dictionary(hub.folder / NAME)
    return hub.folder / NAME / WEIGHTS


def is_faithful(path: str, published: Path) -> bool:
    return Path(path).read_bytes() == published.read_bytes()


@pytest.mark.usefixtures("short_where_silent")
@pytest.mark.parametrize(
    "fault",
    [faults.Busy(7), faults.ServerError(500), faults.ServerError(503), faults.Silence()],
)
def test_one_failure_of_the_first_request_is_tried_again(hub, weights, fault):
    hub.fail("*.safetensors", fault)
    assert is_faithful(hf_hub_download(NAME, WEIGHTS), weights)
    assert [request.method for request in hub.requests] == ["HEAD", "HEAD", "GET"]
    assert hub.requests[0].fault == type(fault).__name__


@pytest.mark.usefixtures("short_where_silent")
@pytest.mark.parametrize(
    ("fault", "pauses"),
    [
        (faults.Busy(7), [8] * 5),
        (faults.ServerError(500), [1, 2, 4, 8, 8]),
        (faults.Silence(), [1, 2, 4, 8, 8]),
    ],
)
def test_a_first_request_that_always_fails_is_tried_seven_times_and_called_a_local_error(
    hub, weights, no_waiting, fault, pauses
):
    hub.fail("*.safetensors", fault, times=None)
    with pytest.raises(LocalEntryNotFoundError) as failed:
        hf_hub_download(NAME, WEIGHTS)
    assert isinstance(failed.value.__cause__, HfHubHTTPError | TIMEOUT)
    assert len(hub.requests) == 7 and no_waiting == pauses


@pytest.mark.parametrize(
    ("fault", "error"),
    [(faults.UNAUTHORIZED, HfHubHTTPError), (faults.GATED, GatedRepoError), (faults.NOT_FOUND, EntryNotFoundError)],
)
def test_a_refusal_is_raised_at_once(hub, weights, fault, error):
    hub.fail("*.safetensors", fault, times=None)
    with pytest.raises(error) as refused:
        hf_hub_download(NAME, WEIGHTS)
    assert refused.value.response.status_code == fault.status and len(hub.requests) == 1
    hub.heal()
    assert is_faithful(hf_hub_download(NAME, WEIGHTS), weights)


def test_a_server_error_in_the_transfer_is_not_tried_again(hub, weights):
    hub.fail("/lfs/*", faults.ServerError(503))
    with pytest.raises(HfHubHTTPError):
        hf_hub_download(NAME, WEIGHTS)
    assert [request.status for request in hub.requests] == [302, 503]


@pytest.mark.usefixtures("short_where_silent")
@pytest.mark.parametrize("fault", [faults.Cut(), faults.Misstated(by_bytes=10), faults.Silence(), faults.Busy(3)])
def test_a_broken_transfer_is_taken_up_again(hub, weights, fault):
    hub.fail("/lfs/*", fault)
    assert is_faithful(hf_hub_download(NAME, WEIGHTS), weights)


@pytest.mark.usefixtures("short_where_silent")
@pytest.mark.parametrize(
    ("fault", "error"),
    [(faults.Cut(), PROTOCOL), (faults.Misstated(by_bytes=10), PROTOCOL), (faults.Silence(), TIMEOUT)],
)
def test_a_transfer_that_always_breaks_raises_the_http_librarys_error(hub, weights, no_waiting, fault, error):
    hub.fail("/lfs/*", fault, times=None)
    with pytest.raises(error) as failed:
        hf_hub_download(NAME, WEIGHTS)
    assert not isinstance(failed.value, HfHubHTTPError | OSError)
    assert no_waiting == [1] * 5
    assert not list(hub.home.rglob("*.incomplete")) and not list(hub.home.rglob("*.safetensors"))


def test_a_reset_in_the_transfer_is_not_tried_again(hub, weights):
    hub.fail("/lfs/*", faults.Reset())
    with pytest.raises(NETWORK):
        hf_hub_download(NAME, WEIGHTS)
    assert [request.method for request in hub.requests] == ["HEAD", "GET"]


@pytest.mark.parametrize("fault", [faults.Fault(), faults.RangeIgnored()])
def test_a_cut_transfer_resumes_where_whole_chunks_ended(hub, weights, monkeypatch, fault):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 64)
    hub.fail("/lfs/*", faults.Cut(after_bytes=200))
    hub.fail("/lfs/*", fault)
    assert is_faithful(hf_hub_download(NAME, WEIGHTS), weights)
    assert [request.range for request in hub.find_requests("/lfs/*")] == [None, "bytes=192-"]


@pytest.mark.parametrize(
    "fault",
    [
        faults.HtmlPage(),
        faults.LfsPointer(),
        faults.EmptyFile(),
        faults.Truncated(),
        faults.Misstated(by_bytes=-10),
    ],
)
def test_a_body_of_another_length_is_noticed_and_not_kept(hub, weights, fault):
    hub.fail("/lfs/*", fault)
    with pytest.raises(OSError, match=f"should be of size {weights.stat().st_size} but has size"):
        hf_hub_download(NAME, WEIGHTS)
    assert not list(hub.home.rglob("*.safetensors"))
    assert is_faithful(hf_hub_download(NAME, WEIGHTS), weights)


@pytest.mark.parametrize("fault", [faults.FlippedBit(), faults.NanWeights("w_dec", 5)])
def test_a_body_of_the_right_length_is_believed_whatever_it_holds(hub, weights, fault):
    hub.fail("/lfs/*", fault)
    path = Path(hf_hub_download(NAME, WEIGHTS))
    assert not is_faithful(path, weights)
    listed = HfApi().get_paths_info(NAME, [WEIGHTS])[0].lfs.sha256
    assert path.resolve().name == listed != hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.usefixtures("short_time_outs")
def test_a_drip_outlasts_every_time_out(hub, weights):
    hub.fail("/lfs/*", faults.Drip(bytes_per_second=20))
    errors = run_until_closed(
        hub,
        lambda: hf_hub_download(NAME, WEIGHTS),
        when=lambda: [one for one in hub.find_requests("/lfs/*") if one.sent_bytes >= 20],
    )
    assert hub.find_requests("/lfs/*")[0].sent_bytes < weights.stat().st_size
    assert isinstance(errors[0], NETWORK | PROTOCOL)


@pytest.mark.usefixtures("short_time_outs")
def test_a_listing_has_no_time_out_of_its_own(hub, weights):
    hub.fail("*/tree/*", faults.Silence())
    until = time.monotonic() + 1.0
    errors = run_until_closed(hub, lambda: list(HfApi().list_repo_tree(NAME)), when=lambda: time.monotonic() > until)
    assert len(errors) == 1


def run_until_closed(hub, call, *, when: Callable[[], object]) -> list[Exception]:
    """What `call` raises when the server closes, which it does `when` something holds, without an end before."""
    errors = []

    def run():
        try:
            call()
        except Exception as error:  # noqa: BLE001 handed to the test
            errors.append(error)

    caller = threading.Thread(target=run)
    caller.start()
    deadline = time.monotonic() + 60
    while not when() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert when() and caller.is_alive()
    hub.close()
    caller.join(60)
    assert not caller.is_alive()
    return errors


def test_a_silence_with_an_end_is_only_late(hub, weights):
    hub.fail("*.safetensors", faults.Silence(seconds=0.1))
    assert is_faithful(hf_hub_download(NAME, WEIGHTS), weights)
    assert len(hub.requests) == 2


def test_a_dead_hub_serves_from_the_cache_only(hub, weights, no_waiting):
    path = hf_hub_download(NAME, WEIGHTS)
    hub.close()
    assert hf_hub_download(NAME, WEIGHTS) == path
    with pytest.raises(LocalEntryNotFoundError) as failed:
        hf_hub_download(NAME, WEIGHTS.replace("params.safetensors", "config.json"))
    assert isinstance(failed.value.__cause__, NETWORK)


def test_a_range_can_be_ignored(hub, weights):
    hub.fail("/lfs/*", faults.RangeIgnored())
    asked = urllib.request.Request(hf_hub_url(NAME, WEIGHTS), headers={"Range": "bytes=0-7"})
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 200 and answer.read() == weights.read_bytes()
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 206 and len(answer.read()) == 8


def test_faults_strike_by_pattern_method_and_count(hub, weights):
    hub.fail("*/config.json", faults.NOT_FOUND, times=2)
    hub.fail("*.safetensors", faults.NOT_FOUND, method="POST", times=None)
    config = WEIGHTS.replace("params.safetensors", "config.json")
    for _ in range(2):
        with pytest.raises(EntryNotFoundError):
            hf_hub_download(NAME, config)
    assert hf_hub_download(NAME, config) and hf_hub_download(NAME, WEIGHTS)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (faults.HtmlPage(), "header too large"),
        (faults.LfsPointer(), "header too large"),
        (faults.EmptyFile(), "header too small"),
        (faults.Truncated(), "incomplete metadata"),
    ],
)
def test_a_spoilt_publication_is_fetched_without_complaint_and_cannot_be_read(hub, weights, fault, message):
    faults.spoil(weights, fault)
    path = hf_hub_download(NAME, WEIGHTS)
    assert is_faithful(path, weights)
    with pytest.raises(SafetensorError) as failed:
        load_file(path)
    assert message.replace(" ", "") in str(failed.value).lower().replace(" ", "")


def test_a_flipped_bit_changes_one_finite_value(hub, weights):
    before = load_file(weights)
    faults.spoil(weights, faults.FlippedBit())
    after = load_file(weights)
    assert sum(int((before[name] != after[name]).sum()) for name in before) == 1
    assert all(np.isfinite(value).all() for value in after.values())


def test_nan_weights_stand_where_asked(hub, weights):
    faults.spoil(weights, faults.NanWeights("threshold", 3))
    after = load_file(weights)
    assert np.isnan(after["threshold"]).tolist() == [True] * 3 + [False] * (len(after["threshold"]) - 3)
    assert np.isfinite(after["w_dec"]).all()
