"""How long a worker may be silent, by a clock of the test's own."""

import pytest

from gscope_widgets.runtime.sweeps.patience import Patience


def pass_seconds(patience, seconds):
    for _ in range(seconds):
        patience.pass_time(1.0)


def test_a_worker_may_be_silent_for_the_floor_and_for_twenty_of_the_longest_units():
    patience = Patience(10)
    patience.begin(0, "reads")
    assert patience.find_limit(0) == 60  # nobody has read a unit yet
    pass_seconds(patience, 2)
    patience.hear(0)
    assert patience.find_limit(0) == 40
    patience.hear(0)  # a quick one makes nobody less patient
    assert patience.find_limit(0) == 40
    pass_seconds(patience, 40)
    assert patience.take_silent() == {}
    pass_seconds(patience, 1)
    assert patience.take_silent() == {0: "it told nothing for 41 s; a unit took 2 s at most so far"}
    assert patience.take_silent() == {}  # told once


def test_others_set_the_pace_too_and_the_floor_is_the_least():
    patience = Patience(10)
    patience.begin(0, "reads")
    patience.begin(1, "reads")
    pass_seconds(patience, 3)
    patience.hear(1)
    assert patience.find_limit(0) == 60
    quick = Patience(10)
    quick.begin(0, "reads")
    quick.hear(0)
    assert quick.find_limit(0) == 10


def test_loading_has_a_pace_of_its_own():
    patience = Patience(10)
    patience.begin(0, "loads")
    pass_seconds(patience, 50)
    patience.hear(0)
    assert patience.find_limit(0) == 60  # reads now, which nobody has done
    patience.begin(1, "loads")
    assert patience.find_limit(1) == 1000
    pass_seconds(patience, 61)
    assert list(patience.take_silent()) == [0]


def test_who_loads_is_given_six_times_the_floor_however_quick_another_was():
    """It had the model in its cache, and the next fetches it."""
    patience = Patience(10)
    patience.begin(0, "loads")
    pass_seconds(patience, 1)
    patience.hear(0)
    patience.hear(0)
    assert patience.find_limit(0) == 10  # control: of units the quick ones say how long one may take
    patience.begin(1, "loads")
    assert patience.find_limit(1) == 60
    pass_seconds(patience, 60)
    assert list(patience.take_silent()) == [0]


def test_who_takes_the_place_of_a_silent_one_is_given_twice_as_long():
    """So that a worker that is only slow comes to an end, however small the floor."""
    patience = Patience(1)
    for limit in (6, 12, 24):
        patience.begin(0, "loads")
        assert patience.find_limit(0) == limit
        pass_seconds(patience, limit + 1)
        assert list(patience.take_silent()) == [0]


def test_nobody_is_silent_while_nobody_listens():
    """A machine that slept, or a notebook that did something else for an hour."""
    patience = Patience(10)
    patience.begin(0, "reads")
    patience.pass_time(3600)
    patience.pass_time(-5)
    assert patience.take_silent() == {}
    patience.hear(0)
    assert patience.find_limit(0) == 20  # a unit took a second that was listened to


@pytest.mark.parametrize("gone", ["end", "never"])
def test_who_is_asked_nothing_is_not_waited_for(gone):
    patience = Patience(1)
    if gone == "end":
        patience.begin(0, "reads")
        patience.end(0)
    patience.hear(0)
    pass_seconds(patience, 100)
    assert patience.take_silent() == {}
