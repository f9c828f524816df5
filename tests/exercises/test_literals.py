"""What counts as a plain answer, and how it is written down."""

import ast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gscope_widgets as gs
from gscope_widgets.exercises.keys import compute_key, unseal
from gscope_widgets.exercises.literals import read_plain, write_line

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=10,
).filter(lambda value: measure_depth(value) <= 2)


def measure_depth(value):
    return 1 + max(map(measure_depth, value), default=0) if isinstance(value, list) else 0


@given(PLAIN)
@settings(max_examples=100)
def test_a_plain_answer_is_kept_and_its_line_gives_it_back(value):
    read = read_plain(value)
    line = write_line("answer_3", read, "ex3")
    (statement,) = ast.parse(line).body
    assert ast.literal_eval(statement.value) == read
    assert line.endswith("  # gs-answer: ex3")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.int64(3), "int\\(...\\)"),
        (np.array([1, 2]), ".tolist\\(\\)"),
        (len, "a function is no answer"),
        (object(), "of type object"),
        ({1, 2}, "of type set"),
        (b"up", "of type bytes"),
        (float("nan"), "finite"),
        (10**30, "finite"),
        ({"a": 2}, "of type dict"),
        ("x" * 10_001, "at most 10000 characters"),
        ([0] * 1001, "at most 1000 items"),
        ([[[[[[[[1]]]]]]]], "2 deep at most"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_plain_value_is_refused_with_what_to_write(value, words):
    with pytest.raises(gs.InvalidValue, match=words):
        read_plain(value)


def test_a_string_that_only_looks_like_one_is_refused_wherever_it_stands(always_equal):
    liar = always_equal("x")
    assert liar == "up"  # the control: so a comparison alone would take it
    for value in (liar, [liar], [[liar]]):
        with pytest.raises(gs.InvalidValue):
            read_plain(value)


def test_a_lone_surrogate_becomes_a_character_that_a_page_can_be_sent():
    assert read_plain("a\ud800") == "a\ufffd"


def test_what_is_sealed_does_not_show_and_comes_back():
    for value in ("a direction", ["up", 3], {"down": "It is not.\nSee above."}):
        sealed = gs.seal(value)
        assert unseal(sealed) == value
        assert not any(word in sealed for word in ("direction", "up", "down", "above"))
    assert unseal("not sealed") == "not sealed"
    with pytest.raises(gs.InvalidValue, match="copy it again"):
        unseal(gs.seal("a direction")[:-6])


def test_a_key_is_computed_on_the_scope(scope):
    assert compute_key(gs.truths.count_tokens("The old"), scope) == len(scope.tokens("The old"))
    assert compute_key(lambda _scope: np.float32(0.5), scope) == 0.5
    with pytest.raises(gs.InvalidValue, match="could not be computed"):
        compute_key(lambda _scope: object(), scope)


@pytest.mark.parametrize("value", [10**400, -(10**400), 2**53 + 1, float("inf"), float("nan")])
def test_a_number_of_any_size_is_refused_in_a_sentence(value):
    with pytest.raises(gs.InvalidValue, match=r"finite and at most 2\*\*53"):
        read_plain(value)
