"""The one thread that owns the model: jobs with ids, newest-wins slots, cancel, progress."""

import logging
import os
import threading
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Generator, Hashable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from itertools import count
from typing import Any, cast

from gscope_widgets.errors import Cancelled, Closed, GscopeError, NotFinished
from gscope_widgets.records.progress import Fetched

Work = Callable[["Job"], Any]
_NOTE = "Where it was raised:\n"
_LOG = logging.getLogger("concurrent.futures")  # where `Future` says it

_FORK_S = 10.0  # that a fork waits for the step under way


class Job(Future[Any]):
    """A piece of work on the worker. `result()` waits for it; `cancel()` stops it.

    A job whose work is a generator is run one step at a time, with other jobs in between, and
    can be stopped between any two steps; other work can be stopped only before it begins.
    """

    def __init__(self, number: int, work: Work, slot: Hashable | None, worker: "Worker"):
        """Made by `Worker.submit`."""
        super().__init__()
        self.id = number  # rises by one with each job of a worker
        self.slot = slot
        self.progress: float | None = None  # 0 to 1; a generator yields it where it knows, or the work sets it here
        self.fetched: Fetched | None = None  # a generator yields it where it fetches
        self._worker = worker
        self._has_begun = False
        self._watchers: list[Callable[[Job], object]] = []
        self._told: tuple[int, float | None, Fetched | None] | None = None
        self._work: Work | None = work
        self._steps: Generator[float | Fetched | None, None, Any] | None = None
        self._in_step = False
        self._stop_reason = ""
        self._callbacks: deque[Callable[[Any], object]] = deque()
        self._is_calling, self._order = False, threading.Lock()
        super().add_done_callback(cast(Callable[[Any], None], Job._call_back))

    @property
    def stopping(self) -> bool:
        """True once a cancel was asked for."""
        return bool(self._stop_reason)

    @property
    def is_current(self) -> bool:
        """True where this is asked from inside the job's own work, which cannot wait for itself."""
        return self._in_step and self._worker.is_current

    @property
    def ahead(self) -> int:
        """How many jobs have a turn before it first has its own; 0 once it has begun."""
        return 0 if self._has_begun or self.done() else self._worker.count_ahead(self)

    def watch(self, fn: Callable[["Job"], object]) -> None:
        """Call `fn` with the job when `ahead`, `progress` or `fetched` has changed: on the worker's thread.

        Between steps, or at once where work inside this one's has come further.
        """
        self._watchers.append(fn)

    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        """Call `fn` with the job once it has ended, after all that were added before have returned.

        Of `Future` one that is added while the job ends may come before those that its thread still calls.
        """
        self._callbacks.append(fn)
        if self.done():
            self._call_back()

    def _call_back(self) -> None:
        while True:
            with self._order:
                if self._is_calling or not self._callbacks:
                    return  # whoever is calling goes on with what was added
                self._is_calling, fn = True, self._callbacks.popleft()
            try:
                fn(self)
            except Exception:  # noqa: BLE001 - it is logged, as `Future` does
                _LOG.exception("exception calling callback for %r", self)
            finally:
                with self._order:
                    self._is_calling = False

    def cancel(self, reason: str = "stopped on request") -> bool:
        """Ask the job to stop; True unless it had already ended. Returns at once."""
        if self.done():
            return False
        self._stop_reason = self._stop_reason or reason
        return True

    def wait(self) -> Any:
        """`result()`, but an interrupt of the waiting thread also stops the job."""
        try:
            return self.result()
        except KeyboardInterrupt:
            self.cancel("interrupted")
            raise

    def result(self, timeout: float | None = None) -> Any:
        """What the work returned, or raise what it raised. On the worker's own thread the job is run to its end now.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            NotFinished: asked from inside the job's own work.
            TimeoutError: it had not ended in time.
        """
        self.run_if_current()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the work raised, or None; otherwise as `result`."""
        self.run_if_current()
        return super().exception(timeout)

    def run_if_current(self) -> None:
        """On the worker's own thread, run to the end now: there, waiting for a turn would last for ever.

        Raises:
            NotFinished: asked from inside the job's own work.
        """
        if self._worker.is_current and not self.done():
            self._worker._finish(self)

    def _advance(self) -> bool:
        """Run one step; True when the job has ended, one way or another."""
        value, error = None, None
        self._in_step = True
        try:
            if self.stopping:
                raise Cancelled(self._stop_reason)
            if self._steps is None:
                assert self._work is not None, "an ended job has no further step"
                value = self._work(self)
                if isinstance(value, Generator):
                    self._steps, value = value, None
            if self._steps is not None:
                found = next(self._steps)
                self.fetched = found if isinstance(found, Fetched) else None
                if found is not None:
                    self.progress = found.share if isinstance(found, Fetched) else found
                return False
        except StopIteration as end:
            value = end.value
        except BaseException as raised:  # noqa: BLE001 - handed to whoever waits for the job
            error = raised
            self._close_steps()
        finally:
            self._in_step = False
        self._work = self._steps = None
        if error is not None:
            release_frames(error)
        # What a callback raises must not end the thread; Future itself logs all but the likes of SystemExit.
        with suppress(BaseException):
            if error is None:
                self.set_result(value)
            else:
                self.set_exception(error)
        return True

    def _tell(self) -> None:
        now = (self.ahead, self.progress, self.fetched)
        if not self._watchers or now == self._told or self.done():
            return
        self._told = now
        for watcher in self._watchers:
            with suppress(Exception):  # a watcher's fault is not the work's
                watcher(self)

    def _close_steps(self) -> None:
        # What ended the job is told to its waiters; a clean-up that fails too must not end the thread.
        with suppress(BaseException):
            if self._steps is not None:
                self._steps.close()


def release_frames(error: BaseException) -> None:
    """Take an error's traceback away, and leave it as text where the error is not one of ours.

    A traceback keeps the variables of all its calls in memory, tensors above all, for as long as anybody keeps the
    error: a job, a notebook's `sys.last_traceback` (pytorch/pytorch#27600). To clear its frames is not enough: each
    still has its function, with what that closed over.
    """
    if not isinstance(error, GscopeError) and not any(one.startswith(_NOTE) for one in _list_notes(error)):
        error.add_note(_NOTE + "".join(traceback.format_exception(error)))
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = None
        waiting += [one.__context__, one.__cause__, *(one.exceptions if isinstance(one, BaseExceptionGroup) else ())]


def _list_notes(error: BaseException) -> list[str]:
    return [str(note) for note in getattr(error, "__notes__", ())]


class Worker:
    """Runs jobs on one daemon thread, turn by turn, so a long job never blocks a short one."""

    def __init__(
        self,
        name: str,
        *,
        context: Callable[[], AbstractContextManager[object]] = nullcontext,
        after_fork: Callable[[], str] = str,
    ):
        """Start no thread yet: the first job does.

        A process is forked between two steps, so that no hook is on and no lock is held in the child. There the
        jobs under way end as cancelled, and new ones are taken.

        Args:
            name: of the thread, for debuggers.
            context: entered once in the thread and held around all jobs, such as
                `torch.inference_mode`, whose effect is per thread.
            after_fork: called in a forked process; gives the reason why no work can be done there, or "".
        """
        self._name, self._context, self._after_fork = name, context, after_fork
        self._numbers = count(1)
        self._jobs: deque[Job] = deque()
        self._running: Job | None = None  # the job whose turn it is, whatever is done inside it
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._closed_because = ""
        self._turn = threading.Lock()  # held while a job is at a step
        self._is_held = False  # by a fork
        _WORKERS.add(self)
        _follow_forks()

    @property
    def is_closed(self) -> bool:
        """Whether it takes no work any more."""
        return self._closed

    @property
    def is_current(self) -> bool:
        """True when called from the worker's own thread."""
        return threading.current_thread() is self._thread

    def submit(self, work: Work, *, slot: Hashable | None = None) -> Job:
        """Queue work and return its job at once.

        Args:
            work: called with its job on the worker's thread; may be a generator function.
            slot: at most one job of a slot is wanted: an older one, queued or running, is
                cancelled in favour of this one.

        Raises:
            Closed: the worker was closed.
        """
        with self._changed:
            if self._closed:
                raise Closed(f"{self._name} is closed{self._closed_because}; load it again with gs.load()")
            job = Job(next(self._numbers), work, slot, self)
            if slot is not None:
                for older in self._jobs:
                    if older.slot == slot:
                        older.cancel("a newer request took its place")
            self._jobs.append(job)
            self._start_thread()
            self._changed.notify()
        return job

    def count_ahead(self, job: Job) -> int:
        """How many jobs stand before this one in the queue."""
        with self._changed, suppress(ValueError):
            return self._jobs.index(job)
        return 0

    def run(self, work: Work) -> Any:
        """Submit work and wait for its value; called on the worker's own thread, do it at once.

        Raises:
            Cancelled: the job was stopped. Whatever the work raises is raised here too.
        """
        if not self.is_current:
            return self.submit(work).wait()
        job = Job(next(self._numbers), work, None, self)
        self._finish(job)
        return job.result()

    def close(self) -> None:
        """Stop all jobs (they end as Cancelled) and the thread. Quiet when already closed."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.cancel("the scope was closed")
            self._changed.notify()
            thread = self._thread
        if thread is not None and not self.is_current:
            thread.join()

    def _finish(self, job: Job) -> None:
        """On the worker's own thread, run a job to its end, ahead of its turn."""
        if job.is_current:
            raise NotFinished(
                f"job {job.id} was asked for its result from inside its own work, which would wait for ever; "
                "ask when it has ended (job.add_done_callback), or on another thread"
            )
        outer = self._running
        before = None if outer is None else (outer.progress, outer.fetched)
        while not job._advance():
            if outer is not None and job.progress is not None:
                outer.progress, outer.fetched = job.progress, job.fetched
                outer._tell()
        if outer is not None and before is not None:
            outer.progress, outer.fetched = before
        with self._changed, suppress(ValueError):  # one that `run` does at once never stood in the queue
            self._jobs.remove(job)

    def _start_thread(self) -> None:
        # A fork copies this object without its thread, so being alive is asked, not remembered.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
            self._thread.start()

    def _loop(self) -> None:
        with self._context():
            while (job := self._next_job()) is not None:
                with self._turn:
                    if not job._has_begun:
                        job._has_begun = True
                        job._tell()
                    self._running = job
                    ended = job._advance()
                    self._running = None
                with self._changed:
                    self._jobs.remove(job)
                    if not ended:
                        self._jobs.append(job)
                    watched = [one for one in self._jobs if one._watchers]
                with self._turn:  # watchers take locks of their own
                    while watched:
                        watched.pop()._tell()
                del job

    def _next_job(self) -> Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            return self._jobs[0] if self._jobs else None

    # ---- forks

    def _hold(self) -> None:
        """Let the step under way end, and begin none."""
        if self.is_current:  # the forking thread is the only one that a child has: it goes on there
            return
        self._is_held = self._turn.acquire(timeout=_FORK_S)
        self._changed.acquire()

    def _let_go(self) -> None:
        if self.is_current:
            return
        self._changed.release()
        if self._is_held:
            self._turn.release()

    def _begin_in_child(self) -> None:
        """The thread is gone, and so are those that waited for its jobs."""
        if self.is_current:
            return
        was_held, jobs = self._is_held, list(self._jobs)
        self._turn, self._changed, self._running = threading.Lock(), threading.Condition(), None
        self._jobs, self._thread = deque(), None
        reason = self._after_fork() if was_held else "it was in the midst of a step when the process was forked"
        if reason:
            self._closed, self._closed_because = True, f" in this forked process: {reason}"
        for job in jobs:
            job._condition = threading.Condition()
            with suppress(BaseException):
                job.set_exception(Cancelled("the process was forked; ask again in the child"))


_WORKERS: "weakref.WeakSet[Worker]" = weakref.WeakSet()
_held: list[Worker] = []


@cache
def _follow_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)


def _before_fork() -> None:
    _held[:] = _WORKERS
    for worker in _held:
        worker._hold()


def _after_fork() -> None:
    for worker in _held:
        worker._let_go()
    _held.clear()


def _after_fork_in_child() -> None:
    for worker in _held:
        worker._begin_in_child()
    _held.clear()
