"""The fixtures, for the tests of the servers themselves."""

import pytest

from tests.hub.fixtures import hub, is_silent, neuronpedia, no_waiting, short_time_outs, short_where_silent

__all__ = ["hub", "is_silent", "neuronpedia", "no_waiting", "short_time_outs", "short_where_silent"]


@pytest.fixture(autouse=True)
def _bounded(no_hang):
    """Every test here ends within five minutes."""
