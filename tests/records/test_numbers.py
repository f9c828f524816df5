"""Numbers from outside: what is taken, what is refused, and the words of the refusal."""

import math
from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gscope_widgets.errors import GscopeError, InvalidValue, UnknownFeature
from gscope_widgets.records.numbers import check_feature, check_float, check_int, check_layer

WIDTH = 1024
NOT_FEATURES = [-1, WIDTH, 2**63, -(2**63), 1.0, math.nan, math.inf, True, False, "7", b"7", None, [], [1], {}, 1j]


@pytest.mark.parametrize("value", NOT_FEATURES, ids=repr)
def test_what_is_no_feature_is_refused_with_the_range_and_the_value(value):
    with pytest.raises(UnknownFeature) as caught:
        check_feature(value, d_dict=WIDTH)
    assert "from 0 to 1023" in str(caught.value)
    assert repr(value)[:40] in str(caught.value)
    assert isinstance(caught.value, GscopeError)
    assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize(
    "value", [np.True_, np.array(True), torch.tensor(True), np.float32(3), torch.tensor(3.0)], ids=repr
)
def test_truth_values_and_floats_of_other_libraries_are_no_features(value):
    with pytest.raises(UnknownFeature, match="whole number"):
        check_feature(value, d_dict=WIDTH)


@pytest.mark.parametrize(
    "value", [0, 1023, np.int64(1023), np.uint8(7), np.int32(0), np.array(5), torch.tensor(6)], ids=repr
)
def test_integers_of_any_kind_are_features_and_come_back_as_plain_ints(value):
    number = check_feature(value, d_dict=WIDTH)
    assert type(number) is int
    assert number == int(value)


@given(st.integers())
def test_a_feature_is_taken_exactly_when_it_is_in_range(value):
    if 0 <= value < WIDTH:
        assert check_feature(value, d_dict=WIDTH) == value
    else:
        with pytest.raises(UnknownFeature):
            check_feature(value, d_dict=WIDTH)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, 1e30, "1e3", "", "2.5", b"1", bytearray(b"1"), True, np.True_, torch.tensor(True)]
    + [None, [], [1.0], {}, 10**400, 1j, 5.0001, -0.0001],
    ids=repr,
)
def test_what_is_no_finite_number_in_range_is_refused_with_the_range(value):
    with pytest.raises(InvalidValue, match="strength must be a finite number from 0 to 5"):
        check_float("strength", value, low=0, high=5)


@pytest.mark.parametrize("value", [0, 5, 2.5, np.float32(0.5), np.int8(3), Decimal("1.5"), torch.tensor(2.0)], ids=repr)
def test_numbers_of_any_kind_come_back_as_plain_floats(value):
    number = check_float("strength", value, low=0, high=5)
    assert type(number) is float
    assert number == float(value)


@given(st.floats())
def test_a_float_is_taken_exactly_when_it_is_in_range(value):
    if -2 <= value <= 3:
        assert check_float("x", value, low=-2, high=3) == value
    else:
        with pytest.raises(InvalidValue):
            check_float("x", value, low=-2, high=3)


@pytest.mark.parametrize("value", [0, 11, 5.0, "5", True, None, 2**70], ids=repr)
def test_an_integer_out_of_range_is_refused_with_its_name(value):
    with pytest.raises(InvalidValue, match="seed must be a whole number from 1 to 10"):
        check_int("seed", value, low=1, high=10)


def test_a_message_never_carries_a_long_value_whole():
    with pytest.raises(InvalidValue) as caught:
        check_int("seed", "x" * 1_000_000, low=0, high=1)
    assert len(str(caught.value)) < 200


def test_a_message_can_always_be_encoded_even_of_a_lone_surrogate():
    with pytest.raises(InvalidValue) as caught:
        check_int("seed", "\ud800", low=0, high=1)
    str(caught.value).encode()


@pytest.mark.parametrize("value", [2.5, 4.0, "4", None, True, [4], math.nan, 1j], ids=repr)
def test_a_layer_is_a_whole_number_whether_the_model_is_known_or_not(value):
    for layers, range_ in ((8, " from 0 to 7"), (None, ", 0 for the first")):
        with pytest.raises(InvalidValue) as caught:
            check_layer(value, layers=layers)
        assert str(caught.value) == f"layer must be a whole number{range_}, got {value!r}"


def test_a_layer_of_the_model_comes_back_as_a_plain_int():
    for value in (0, 7, np.int64(7), torch.tensor(7)):
        assert check_layer(value, layers=8) == int(value) and type(check_layer(value)) is int
    assert check_layer(99) == 99  # control: what is looked up in a list afterwards
    for value in (-1, 8):
        with pytest.raises(InvalidValue, match=f"from 0 to 7, got {value}"):
            check_layer(value, layers=8)
