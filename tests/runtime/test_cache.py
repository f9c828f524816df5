"""The cache: bounded by bytes, and what was used last stays."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gscope_widgets.runtime.cache import ByteCache


def make_cache(limit_bytes=10) -> ByteCache[str]:
    return ByteCache(limit_bytes=limit_bytes, size=len)


def test_what_was_used_last_stays_and_the_rest_goes():
    cache = make_cache()
    for key in "abc":
        cache.put(key, "xxx")
    assert cache.get("a") == "xxx"
    cache.put("d", "xxx")
    assert [cache.get(key) for key in "abcd"] == ["xxx", None, "xxx", "xxx"]


def test_a_value_put_again_takes_the_place_of_the_old_one():
    cache = make_cache()
    cache.put("a", "xxxx")
    cache.put("a", "yy")
    assert (cache.get("a"), cache.bytes) == ("yy", 2)


def test_a_value_larger_than_the_limit_is_not_kept_and_drives_nothing_out():
    cache = make_cache()
    cache.put("a", "xxxx")
    cache.put("b", "x" * 11)
    assert (cache.get("a"), cache.get("b"), cache.bytes) == ("xxxx", None, 4)
    cache.put("a", "x" * 11)
    assert (cache.get("a"), cache.bytes) == (None, 0)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 14))))
def test_bytes_are_the_sum_of_what_is_held_and_within_the_limit(puts):
    cache = make_cache()
    for key, size in puts:
        cache.put(key, "x" * size)
    held = [cache.get(key) for key in "abcdef"]
    assert cache.bytes == sum(len(value) for value in held if value is not None) <= 10
    cache.clear()
    assert cache.bytes == 0
    assert all(cache.get(key) is None for key in "abcdef")


@pytest.mark.parametrize("threads", [8])
def test_threads_leave_the_count_of_bytes_right(threads):
    cache = make_cache(100)

    def work(seed):
        for step in range(500):
            cache.put((seed * step) % 17, "x" * (step % 30))
            cache.get(step % 17)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(threads)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    assert cache.bytes == sum(len(cache.get(key) or "") for key in range(17)) <= 100


# ---- counted, held, resized


def test_hits_and_misses_are_counted_and_a_peek_is_neither_and_no_use():
    cache = make_cache()
    cache.put("a", "xxx")
    cache.put("b", "xxx")
    assert (cache.get("a"), cache.get("z"), cache.get("b")) == ("xxx", None, "xxx")
    assert (cache.hits, cache.misses, len(cache)) == (2, 1, 2)
    assert (cache.peek("a"), cache.peek("z")) == ("xxx", None)
    assert (cache.hits, cache.misses) == (2, 1)
    cache.put("c", "x" * 5)
    assert (cache.peek("a"), cache.peek("b")) == (None, "xxx")  # the peek did not make it the newest


def test_what_is_held_stays_while_others_come_and_goes_afterwards():
    cache = make_cache()
    with cache.hold("a", lambda: "x" * 6, size_bytes=6) as value:
        assert value == "x" * 6
        with cache.hold("b", lambda: "y" * 6, size_bytes=6):
            assert (cache.peek("a"), cache.peek("b")) == ("x" * 6, "y" * 6)
            assert cache.bytes == 12  # both are in use
            cache.put("c", "zz")
            assert cache.peek("a") is not None
    with cache.hold("d", lambda: "w" * 6, size_bytes=6):
        assert cache.bytes <= 10
        assert cache.peek("a") is None


def test_room_is_made_before_the_new_value_is():
    cache = make_cache()
    cache.put("a", "x" * 8)

    def make():
        assert (cache.peek("a"), cache.bytes) == (None, 0)
        return "y" * 8

    with cache.hold("b", make, size_bytes=8):
        pass
    assert cache.bytes == 8


def test_the_value_held_last_stays_whatever_its_size_until_another_needs_the_room():
    cache, made = make_cache(), []
    for _ in range(3):
        with cache.hold("a", lambda: made.append(1) or "x" * 50, size_bytes=50):
            pass
    assert (len(made), cache.bytes, cache.hits, cache.misses) == (1, 50, 2, 1)
    with cache.hold("b", lambda: "y", size_bytes=1):
        assert cache.peek("a") is None


def test_a_value_that_could_not_be_made_leaves_nothing_behind_and_is_tried_again():
    cache = make_cache()

    def fail():
        raise MemoryError("no")

    with pytest.raises(MemoryError), cache.hold("a", fail, size_bytes=4):
        raise AssertionError("never reached")
    with cache.hold("a", lambda: "x", size_bytes=1) as value:
        assert value == "x"
    assert (cache._holders, cache._gates) == ({}, {})


def test_threads_that_want_one_value_make_it_once():
    cache, made, start = make_cache(), [], threading.Barrier(8)

    def work():
        start.wait(60)
        with cache.hold("a", lambda: made.append(1) or "x", size_bytes=1) as value:
            assert value == "x"

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made == [1]
    assert (cache.hits, cache.misses) == (7, 1)


def test_a_smaller_limit_drops_the_oldest_at_once():
    cache = make_cache()
    for key in "abc":
        cache.put(key, "xxx")
    cache.resize(6)
    assert [cache.peek(key) for key in "abc"] == [None, "xxx", "xxx"]


def test_what_is_measured_and_dropped_is_what_was_asked_for():
    cache = make_cache()
    for key in "abc":
        cache.put(key, "xxx")
    assert cache.measure(lambda key: key in "ab") == 6
    cache.drop(lambda key: key in "ab")
    assert ([cache.peek(key) for key in "abc"], cache.bytes) == ([None, None, "xxx"], 3)
