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
