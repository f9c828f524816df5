"""Sweeps of a tiny model, some of them in several processes, which takes longer than a minute on a busy machine."""

import signal

import pytest

import gscope_widgets as gs
from gscope_widgets.runtime.sweeps.hand import Hand


@pytest.fixture(autouse=True)
def _bounded():
    """Instead of the minute of other tests of the runtime: processes that load torch take some of it each."""

    def fail(*_):
        raise AssertionError("the test took more than five minutes: something waits for ever")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def texts():
    """Documents of mini's world, short and long, one without a token."""
    found = [one.text for one in gs.mini.texts()[:24]]
    return [*found[:5], "", *found[5:]]


@pytest.fixture
def units_read(monkeypatch):
    """The first row of each unit, in the order in which this process begins to read them."""
    begun, real = [], Hand.read

    def read(self, units):
        def tell():
            for first, rows in units:
                begun.append(first)
                yield first, rows

        return real(self, tell())

    monkeypatch.setattr(Hand, "read", read)
    return begun


@pytest.fixture
def folder_of():
    """The files of a finished sweep, by name, but for the lock and the paths in it."""

    def read(folder):
        return {
            name: (folder / name).read_bytes() for name in ("examples.safetensors", "sweep.safetensors", "sweep.json")
        }

    return read
