"""A recording of every kind of question, made on mini once."""

import pytest

import gscope_widgets as gs
from tests.recordings.asked import ask_all


@pytest.fixture(autouse=True)
def _bounded(no_hang):
    """Every test here ends within five minutes."""


@pytest.fixture(scope="session")
def scope():
    return gs.load("mini")


@pytest.fixture(scope="session")
def lesson(scope, tmp_path_factory):
    """Path of a recording, and what mini answered while it was made."""
    path = tmp_path_factory.mktemp("recording") / "lesson.gscope"
    with scope.recording(path):
        answers = ask_all(scope)
    return path, answers
