"""A fetch that takes long holds up nobody, tells how far it is, and stops when it is not wanted."""

import time

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.runtime.hub import faults as hub_faults
from tests.hub import faults
from tests.hub.fixtures import hub, no_waiting
from tests.hub.gemma import write_gemma
from tests.hub.layout import write_dictionary
from tests.runtime.inside import open_dictionaries

__all__ = ["hub", "no_waiting"]
NAME = "google/gemma-scope-2-270m-pt"
TEXT = "The old fisherman sold two red fish."


@pytest.fixture
def slow(hub, load, no_waiting, monkeypatch):
    """A scope with one dictionary that is here and one whose file comes in some 5 s."""
    import huggingface_hub

    monkeypatch.setattr(hub_faults, "PAUSE_S", 0.0)
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    write_gemma(hub.folder, "270m")
    for layer in (9, 12):
        write_dictionary(hub.folder / NAME, layer=layer, d_in=20, features=60, seed=layer)
    scope = load("gemma-3-270m")
    ready, coming = scope.dictionary(layer=9), scope.dictionary(layer=12)
    with pytest.warns(gs.SanityWarning):
        scope.read(TEXT, ready)
    size = (hub.folder / NAME / "resid_post/layer_12_width_16k_l0_medium/params.safetensors").stat().st_size
    hub.fail("/lfs/*layer_12*", faults.Drip(size / 4), times=None)
    return scope, ready, coming


def test_others_have_their_turns_and_progress_rises(slow):
    scope, ready, coming = slow
    job = scope.submit(lambda job: wait_for(scope, coming, job))
    turns, seen = 0, set()
    while not job.done():
        scope.read(TEXT, ready)
        turns += 1
        seen.add(job.progress)
    assert turns > 3
    assert len(seen - {None}) > 2 and max(seen - {None}) <= 1
    np.testing.assert_array_equal(job.result(), True)


def wait_for(scope, dictionary, job):
    for fetched in dictionary.fetch():
        assert 0 <= fetched.done <= fetched.total
        job.progress = fetched.share
        yield
    return dictionary.info.id in open_dictionaries(scope)


def test_a_cancelled_reading_stops_the_fetch_and_the_next_one_works(hub, slow):
    scope, _ready, coming = slow
    generator = coming.fetch()
    next(generator)
    generator.close()
    deadline = time.monotonic() + 60
    while any(
        request.path.startswith("/lfs/") and "layer_12" in request.path and not request.status
        for request in hub.requests
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert coming._members[0].file.missing_bytes
    hub.heal()
    with pytest.warns(gs.SanityWarning):
        assert scope.read(TEXT, coming).total_fvu is not None


def test_a_fault_in_the_middle_reaches_whoever_waits(hub, slow):
    scope, _ready, coming = slow
    hub.heal()
    hub.fail("/lfs/*layer_12*", faults.FlippedBit(), times=None)
    with pytest.raises(gs.BadArtefact, match="did not arrive as the Hub lists it"):
        scope.read(TEXT, coming)
    hub.heal()
    with pytest.warns(gs.SanityWarning):
        scope.read(TEXT, coming)


def test_clamping_fetches_first_and_adding_needs_a_row_alone(hub, slow):
    scope, _ready, coming = slow
    hub.heal()
    hub.forget()
    scope.next_tokens(TEXT, 3, [gs.add(coming.feature(3), 0.5)])
    assert coming._members[0].file.missing_bytes
    scope.next_tokens(TEXT, 3, [gs.ablate(coming.feature(3))])
    assert not coming._members[0].file.missing_bytes
