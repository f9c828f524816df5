"""The fixtures, for the tests of the servers themselves."""

import pytest

from tests.hub.fixtures import hub, neuronpedia, no_waiting, short_time_outs

__all__ = ["hub", "neuronpedia", "no_waiting", "short_time_outs"]


@pytest.fixture(autouse=True)
def _bounded(no_hang):
    """Every test here ends within a minute."""
