"""Fixtures for any test that fetches: a Hub and a Neuronpedia on this machine, and clients pointed at them.

Another folder's conftest takes them by `from tests.hub.fixtures import hub, neuronpedia`, with `__all__`.
"""

import sys
import time
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import constants, file_download, hf_api
from huggingface_hub.utils import _http

from tests.hub.faults import Silence
from tests.hub.neuronpedia import NeuronpediaServer
from tests.hub.server import HubServer

__all__ = ["hub", "is_silent", "neuronpedia", "no_waiting", "short_time_outs", "short_where_silent"]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub that serves `tmp_path / "hub"`, known as the only one to this process and to its children."""
    with HubServer(tmp_path / "hub", home=tmp_path / "hf-home") as server:
        server.folder.mkdir()
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        point_client_at(server, monkeypatch)
        yield server
    close_client()


@pytest.fixture
def neuronpedia():
    """A Neuronpedia without records."""
    with NeuronpediaServer() as server:
        yield server


@pytest.fixture
def no_waiting(monkeypatch) -> list[float]:
    """The pauses between tries that huggingface_hub asks for, in seconds; none is made."""
    pauses: list[float] = []
    clock = SimpleNamespace(**{name: getattr(time, name) for name in dir(time) if not name.startswith("_")})
    clock.sleep = pauses.append
    for module in (_http, file_download):
        monkeypatch.setattr(module, "time", clock)
    return pauses


@pytest.fixture
def short_time_outs(monkeypatch) -> None:
    """Downloads through huggingface_hub give a silent server 0.4 s: its own time-outs are 10 s, then 60 s."""
    for name in ("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"):
        monkeypatch.setattr(constants, name, 0.4)
    monkeypatch.setattr(file_download, "_ETAG_RETRY_TIMEOUT", 0.4, raising=False)


@pytest.fixture
def is_silent(request) -> bool:
    """Whether the test's case is a server that says nothing, which is the only one to be impatient with."""
    case = getattr(request.node, "callspec", None)
    return case is not None and any(isinstance(one, Silence) for one in case.params.values())


@pytest.fixture
def short_where_silent(request, is_silent) -> None:
    """`short_time_outs` for such a case: any other server answers as fast as a busy machine lets it."""
    if is_silent:
        request.getfixturevalue("short_time_outs")


def point_client_at(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Undoes what huggingface_hub and transformers read from the environment when they were imported."""
    home, cache = server.home, server.home / "hub"
    known = {
        "ENDPOINT": server.endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": server.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HOME": str(home),
        "HF_HUB_CACHE": str(cache),
        "HUGGINGFACE_HUB_CACHE": str(cache),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_STORED_TOKENS_PATH": str(home / "stored_tokens"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
    }
    for module in [module for name, module in sys.modules.items() if name.startswith("huggingface_hub.")]:
        for name in known.keys() & vars(module).keys():  # some modules hold copies, which ones depends on the version
            monkeypatch.setattr(module, name, known[name])
    monkeypatch.setattr(hf_api.api, "endpoint", server.endpoint)
    if transformers := sys.modules.get("transformers.utils.hub"):
        for name, value in {"TRANSFORMERS_CACHE": str(cache), "_is_offline_mode": False, "_hf_api": None}.items():
            if hasattr(transformers, name):
                monkeypatch.setattr(transformers, name, value)
    close_client()


def close_client() -> None:
    """Closes huggingface_hub's connections: `reset_sessions` before 1.0, `close_session` since."""
    close = getattr(huggingface_hub, "close_session", None) or _http.reset_sessions
    close()
