"""The secret of a Colab notebook, also one that is added after a refusal."""

import sys
import types

import pytest

import gscope_widgets as gs
from gscope_widgets.runtime.hub import colab
from tests.hub.fixtures import hub
from tests.hub.gemma import write_gemma

__all__ = ["hub"]


@pytest.fixture
def secrets(monkeypatch):
    """A Colab whose secrets are this dict, as its own module gives them."""
    kept: dict[str, str] = {}
    userdata = types.ModuleType("google.colab.userdata")

    class SecretNotFoundError(Exception):
        pass

    def get(name):
        if name not in kept:
            raise SecretNotFoundError(name)
        return kept[name]

    userdata.get = get
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "google.colab.userdata", userdata)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    return kept


@pytest.mark.row("40")
def test_a_secret_that_is_added_after_a_refusal_is_taken_without_a_restart(hub, secrets):
    write_gemma(hub.folder, "270m")
    hub.gate("google/gemma-3-270m", tokens={"hf_good"})
    with pytest.raises(gs.GatedModel, match="on Colab add a secret named HF_TOKEN"):
        gs.load("gemma-3-270m")
    secrets["HF_TOKEN"] = "hf_good\n"
    scope = gs.load("gemma-3-270m")
    assert scope.info.id == "gemma-3-270m"
    scope.close()


def test_a_token_that_is_given_or_found_comes_first_and_elsewhere_nothing_is_asked(secrets, monkeypatch):
    secrets["HF_TOKEN"] = "hf_secret"
    assert colab.find_colab_token() == "hf_secret"
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_saved")
    assert colab.find_colab_token() is None
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    secrets["HF_TOKEN"] = "  "
    assert colab.find_colab_token() is None
    monkeypatch.delitem(sys.modules, "google.colab")
    secrets["HF_TOKEN"] = "hf_secret"
    assert colab.find_colab_token() is None
