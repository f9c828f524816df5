"""Threads that a test has begun. Those of earlier tests may end meanwhile, so that counting all of a process tells nothing."""

import threading
import time

SOON = 60.0  # seconds


def list_begun(before: set[threading.Thread], *, wanted: int = 0) -> set[threading.Thread]:
    """Those that live now and are not among `threading.enumerate()` of `before`; who ends may take a moment until `wanted` are left."""
    deadline = time.monotonic() + SOON
    while len(begun := set(threading.enumerate()) - before) > wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    return begun


def wait_for_timers(owner: object) -> None:
    """Until each timer that calls a method of this object has run out, and that method has returned."""
    for one in threading.enumerate():
        if isinstance(one, threading.Timer) and getattr(one.function, "__self__", None) is owner:
            one.join(SOON)
            assert not one.is_alive()
