"""Errors: one family, caught as what they are, and a value in a message is always short and printable."""

import pytest

import gscope_widgets as gs
from gscope_widgets import errors
from gscope_widgets.errors import describe_value

FAMILY = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)]
WARNINGS = [one for one in FAMILY if issubclass(one, Warning)]
FAMILY = [one for one in FAMILY if one not in WARNINGS]


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_every_error_is_a_gscope_error_and_public(kind):
    assert issubclass(kind, gs.GscopeError)
    assert getattr(gs, kind.__name__) is kind
    assert kind.__doc__


@pytest.mark.parametrize("kind", WARNINGS, ids=lambda kind: kind.__name__)
def test_every_warning_is_public_and_no_error(kind):
    assert getattr(gs, kind.__name__) is kind
    assert not issubclass(kind, gs.GscopeError)
    assert kind.__doc__


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        ("InvalidValue", ValueError),
        ("UnknownFeature", LookupError),
        ("UnknownLabel", LookupError),
        ("UnknownModel", LookupError),
        ("UnknownDictionary", LookupError),
        ("GatedModel", PermissionError),
        ("Offline", ConnectionError),
        ("DiskFull", OSError),
        ("BadArtefact", ValueError),
        ("PromptTooLong", ValueError),
        ("OutOfMemory", MemoryError),
        ("DeviceLost", RuntimeError),
        ("Closed", RuntimeError),
        ("NotRight", AssertionError),
    ],
)
def test_an_error_is_also_the_builtin_that_python_readers_expect(kind, builtin):
    assert issubclass(getattr(gs, kind), builtin)
    assert str(getattr(gs, kind)("a sentence")) == "a sentence"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("é\ud800", "'\\xe9\\ud800'"), (5, "5"), (None, "None"), ([1], "[1]"), ("x" * 100, "'" + "x" * 56 + "...")],
)
def test_a_value_is_shown_short_and_in_plain_letters(value, shown):
    assert describe_value(value) == shown
    assert len(describe_value([value] * 1000)) <= 60
