"""Exercises on a fake scope, with a fake page; nothing here needs a model."""

import pytest

from tests.widgets.conftest import check_copy, fake_comms, hostile_words, open_page, read_html, scope, shown

__all__ = ["check_copy", "fake_comms", "hostile_words", "open_page", "read_html", "scope", "shown"]


@pytest.fixture(autouse=True)
def _bounded(no_hang):
    """Every test here ends within five minutes."""


class AlwaysEqual(str):
    """A text that says that it equals everything: what a careless check takes for right."""

    def __eq__(self, _other):
        return True

    __hash__ = str.__hash__


@pytest.fixture
def always_equal():
    return AlwaysEqual
