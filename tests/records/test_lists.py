"""What counts as a list of a reader's."""

import itertools
from collections import deque

import numpy as np
import pytest

from gscope_widgets.records.lists import read_list


@pytest.mark.parametrize(
    "value",
    [
        [3, 4],
        (3, 4),
        np.array([3, 4]),
        range(3, 5),
        deque([3, 4]),
        iter([3, 4]),
        (one for one in (3, 4)),
        {3: 0, 4: 0}.keys(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_can_be_gone_through_is_a_list(value):
    found = read_list(value)
    assert type(found) is list
    assert found == [3, 4]


@pytest.mark.parametrize(
    "value",
    ["ab", b"ab", bytearray(b"ab"), {"a": 1}, 3, None, np.int64(3), np.array(3), object(), itertools.count()],
    ids=lambda value: type(value).__name__,
)
def test_what_is_one_value_or_has_no_end_is_none(value):
    assert read_list(value) is None


def test_an_error_of_the_readers_own_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        read_list(1 / one for one in (1, 0))
    assert read_list([]) == []
