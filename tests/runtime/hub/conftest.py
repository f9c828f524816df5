"""A Hub on this machine, with one small repository."""

import pytest

from gscope_widgets.runtime.hub import faults as hub_faults
from gscope_widgets.runtime.hub import transfer
from gscope_widgets.runtime.hub.repository import Repository
from tests.hub.fixtures import hub, is_silent, no_waiting, short_time_outs, short_where_silent
from tests.hub.layout import write_dictionary

__all__ = ["hub", "is_silent", "no_waiting", "short_time_outs", "short_where_silent"]

NAME = "google/gemma-scope-2-1b-pt"


@pytest.fixture(autouse=True)
def _quick(monkeypatch, is_silent):
    """No pauses between tries, and short waits for a server that says nothing."""
    monkeypatch.setattr(hub_faults, "PAUSE_S", 0.0)
    if is_silent:
        monkeypatch.setattr(transfer, "_RANGE_TIMEOUT_S", 0.4)


@pytest.fixture
def published(hub, no_waiting, short_where_silent):
    """The folder of one published dictionary."""
    return write_dictionary(hub.folder / NAME, layer=7, examples=True)


@pytest.fixture
def weights(published):
    """Its weight file as the Hub lists it."""
    return Repository(NAME).files()["resid_post/layer_7_width_16k_l0_medium/params.safetensors"]
