"""A Hub of our own, and a check of mini that costs nothing where another check is looked at."""

import pytest

from gscope_widgets.checkup import machine
from gscope_widgets.records.checkup import Finding
from tests.hub.fixtures import hub

__all__ = ["hub"]


@pytest.fixture(autouse=True)
def _bounded(no_hang):
    """Every test here ends within five minutes."""


@pytest.fixture
def no_mini(monkeypatch):
    monkeypatch.setattr(machine, "check_mini", lambda: Finding("mini", "fine", "not looked at"))


@pytest.fixture
def gemma(hub):
    """google/gemma-3-270m on that Hub, gated; the token "hf_good" may read it."""
    folder = hub.folder / "google" / "gemma-3-270m"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    hub.gate("google/gemma-3-270m", tokens=["hf_good"])
    return hub
