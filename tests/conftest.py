"""No test reaches a network: only this machine's own addresses can be connected to."""

import os
import socket

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
_connect = socket.socket.connect


def _connect_here(self, address):
    host = address[0] if isinstance(address, tuple) else "localhost"
    if host not in ("localhost", "127.0.0.1", "::1", "0.0.0.0"):
        raise AssertionError(f"a test tried to reach {host}; tests use this machine only")
    return _connect(self, address)


@pytest.fixture(autouse=True, scope="session")
def _no_network():
    socket.socket.connect = _connect_here
    yield
    socket.socket.connect = _connect
