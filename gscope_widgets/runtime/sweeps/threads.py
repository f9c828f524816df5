"""Work on several threads of this process. On each torch computes alone, so that no sum hangs on their number."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from gscope_widgets.errors import InvalidValue

Result = TypeVar("Result")


def run_in_order(tasks: Iterable[Callable[[], Result]], threads: int) -> Iterator[Result]:
    """Results of tasks, in their order; on one thread it is the caller's.

    Of several, each has a task, and there is one more ahead for whichever is done first, so that whoever takes the
    results may be slow. To close it early is to wait for the tasks that were begun.

    Raises:
        InvalidValue: the system starts no so many threads.
    """
    if threads == 1:
        for task in tasks:
            with _alone():
                result = task()
            yield result
        return
    ahead: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, "gscope sweep") as pool:
        _begin(pool, threads)
        try:
            for task in tasks:
                ahead.append(pool.submit(task))
                if len(ahead) > threads + 1:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _begin(pool: ThreadPoolExecutor, threads: int) -> None:
    """Start all of a pool's threads, for torch to compute alone on each.

    Raises:
        InvalidValue: the system starts no more.
    """
    together = threading.Barrier(threads)

    def begin() -> int:
        found = torch.get_num_threads()
        together.wait()
        torch.set_num_threads(1)
        return found

    try:
        begun = [pool.submit(begin) for _ in range(threads)]
    except RuntimeError as fault:
        together.abort()  # or those that were started would wait for the rest
        raise InvalidValue(f"the system starts no {threads} threads ({fault}); give fewer with threads=") from fault
    others = {future.result() for future in begun}.pop()
    # What was set last is what threads that begin later go by, and those are none of ours.
    later = threading.Thread(target=torch.set_num_threads, args=(others,))
    later.start()
    later.join()


@contextmanager
def _alone() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
