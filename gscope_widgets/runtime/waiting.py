"""Work that waits for a network or a disk, done off the worker's thread."""

import threading
from collections.abc import Callable, Generator
from typing import TypeVar

Value = TypeVar("Value")


def wait_aside(work: Callable[[], Value]) -> Generator[None, None, Value]:
    """Do `work` in a thread of its own and return its value, or raise what it raised.

    Yields about twenty times a second, so that others may work in between. Closed early, it lets the thread end by
    itself and drops what comes of it.
    """
    found: list[Value] = []
    faults: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            faults.append(error)
        finally:
            ended.set()

    threading.Thread(target=run, name="gscope aside", daemon=True).start()
    while not ended.wait(0.05):
        yield
    if faults:
        raise faults[0]
    return found[0]


def without_progress(steps: Generator[object, None, Value]) -> Generator[None, None, Value]:
    """The same steps, which say nothing of how far they have come: part of a longer work."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: Value = end.value
            return value
        yield
