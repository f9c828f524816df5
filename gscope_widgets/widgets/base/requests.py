"""A widget's requests: numbered, the newest wins, and every one ends."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from gscope_widgets.errors import Cancelled, GscopeError
from gscope_widgets.records.protocols import Job
from gscope_widgets.widgets.base.course import Course
from gscope_widgets.widgets.base.wire import State, Status

# For what follows an answer at once (its status, its callbacks); past it, one of them waits for whoever waits here.
_SHOWING_S = 10.0
_TELL_EVERY_S = 0.25  # how far work is; often enough to be followed
_TAKEN_BACK = "What is shown is the last whole result."


class Requests:
    """What a widget was asked for, and how far that is.

    Every turn that is listed with a number takes the next one; numbers never go back. Work is known by the
    number that it began with. Only the newest work changes the state. A result is whole if it was shown while
    nothing newer was asked for; what is shown on the way gives place to the last whole one where no newer comes.

    | state     | turn                            | next      | number | besides                               |
    |-----------|---------------------------------|-----------|--------|---------------------------------------|
    | any       | `start`                         | busy      | next   | earlier work is replaced              |
    | busy      | `refuse`                        | busy      | next   | the sentence stands until work ends   |
    | not busy  | `refuse`                        | error     | next   |                                       |
    | busy      | work reports progress           | busy      | same   |                                       |
    | busy      | work delivers, older work too   | busy      | same   | shown, unless something newer was     |
    | busy      | its result cannot be shown      | error     | same   | the last whole result is shown again  |
    | busy      | work ends, nothing was refused  | idle      | same   | those who wait go on                  |
    | busy      | work stops, nothing was refused | cancelled | same   | those who wait go on; as below        |
    | busy      | work ends or stops otherwise    | error     | same   | what was refused is said again        |
    | busy      | work raises                     | error     | same   | those who wait get the error; what    |
    |           |                                 |           |        | was shown on the way is taken back    |
    | error     | `mend`                          | idle      | next   |                                       |
    | idle      | `remark`                        | idle      | same   | the hint is asked for again           |
    | any       | older work does anything else   | as it was | same   | nothing                               |

    The status is shown by one thread at a time, in order and never under the lock, so that an observer of it
    may ask for anything, the newest result included.
    """

    def __init__(
        self,
        *,
        show: Callable[[Status], None],
        after: Callable[[bool], None],
        status: Status,
        hint: Callable[[], str] = str,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Nothing was asked for yet.

        Args:
            show: called with each new status.
            after: called when the newest work has ended and its status is shown; True if it delivered a result.
            status: the first.
            hint: what is said while nothing is under way and nothing went wrong; may be empty. Called under a lock.
            clock: seconds, of any beginning.
        """
        self._show, self._after, self._hint, self._clock = show, after, hint, clock
        self._course = Course(clock)
        self._told_at = -_TELL_EVERY_S
        self._waits = False  # whether it was told that others come before the work
        self._status = self._shown = status
        self._changed = threading.Condition(threading.RLock())
        self._newest = self._ended = self._settled = status["request"]  # numbers of work
        self._work: Job | None = None
        self._error: BaseException | None = None  # that the newest work ended with
        self._cause: BaseException | None = None  # of the last sentence that said what went wrong
        self._delivered = False
        self._shown_number = 0  # of the work whose result was shown last
        self._show_whole: Callable[[], None] | None = None  # shows the last whole result
        self._is_whole = True  # whether what is shown is that
        self._refusal = ""
        self._is_showing = False
        self._here = threading.local()  # `showing`: whether this thread is in code of others that follows a request

    @property
    def status(self) -> Status:
        """The newest; the page may hear of it a little later."""
        return self._status

    @property
    def is_busy(self) -> bool:
        """Whether work is under way."""
        return self._status["state"] == "busy"

    @property
    def is_unanswered(self) -> bool:
        """Whether the newest work ended without a result: it raised, or was stopped."""
        return self._error is not None and not self.is_busy

    @property
    def cause(self) -> BaseException | None:
        """The error that was said last; None where there was none."""
        return self._cause

    # ---- turns

    def present(self, show: Callable[[], None]) -> None:
        """Show the first result, which was there before anything was asked for."""
        with self._changed:
            self._show_whole = show
            show()

    def start(self, submit: Callable[[int], Job | None], *, doing: str) -> None:
        """Begin work in place of what is under way.

        Args:
            submit: called with the number, under a lock, so that of two threads' requests the newer number is
                also the newer work; returns at once, None where nothing is left to do.
            doing: what the reader sees meanwhile: "Reading…".

        Raises:
            GscopeError: from `submit`; it is shown too.
        """
        failure = None
        with self._changed:
            number = self._begin(doing)
            try:
                self._work = submit(number)
            except BaseException as error:  # noqa: BLE001 - raised again below, once it is shown
                failure = error
            work = self._work
        if work is None or failure is not None:
            self.end(number, failure)
            if failure is not None:
                raise failure
            return
        work.watch(partial(self.follow, number))
        self.follow(number, work)
        work.add_done_callback(lambda ended: self.end(number, ended.exception()))
        self._bring_up_to_date()

    def end(self, number: int, error: BaseException | None) -> None:
        """Work has ended, stopped (`Cancelled`) or raised."""
        if self._close(number, error):
            self._settle(number)

    def refuse(self, error: BaseException) -> None:
        """Say that something was not taken. What was shown stays, and so does work under way."""
        with self._changed:
            sentence = describe_error(error)
            self._refusal, self._cause = sentence if self.is_busy else "", error
            self._set("busy" if self.is_busy else "error", sentence, step=1)
        self._bring_up_to_date()

    def mend(self) -> None:
        """What was refused is right now, without new work: the error goes."""
        with self._changed:
            if self._status["state"] != "error":
                return
            self._set("idle", self._hint(), step=1)
        self._bring_up_to_date()

    def remark(self) -> None:
        """Say the hint that holds now."""
        with self._changed:
            if self._status["state"] != "idle" or self._status["message"] == (hint := self._hint()):
                return
            self._set("idle", hint, step=0)
        self._bring_up_to_date()

    def follow(self, number: int, work: Job) -> None:
        """Show how far the newest work has come: four times a second at most, but at once that it has begun.

        And its first share, which may stand for long.
        """
        with self._changed:
            if not self._is_current(number):
                return
            has_begun = self._waits and not work.ahead
            is_first = self._status["progress"] is None and work.progress is not None
            if not (has_begun or is_first) and self._clock() - self._told_at < _TELL_EVERY_S:
                return
            self._waits = work.ahead > 0
            share, detail = None if self._waits else work.progress, self._course.describe(work)
            if (share, detail) == (self._status["progress"], self._status["detail"]):
                return
            self._told_at = self._clock()
            self._status = {**self._status, "progress": share, "detail": detail}
        self._bring_up_to_date()

    def deliver(self, number: int, show: Callable[[], None]) -> None:
        """Show a result, if nothing newer was shown and the newest work has not ended.

        So a drag that is faster than the model shows what was computed on the way, in order.

        Args:
            show: shows the result; called once more where a later one could not be had.

        Raises:
            Exception: what `show` raised; nothing counts as shown then, and that work has ended with this error.
        """
        with self._changed:
            if number <= self._shown_number or self._ended >= self._newest:
                return
            self._is_whole = False  # also where `show` gets half way
            try:
                show()
            except BaseException as error:  # noqa: BLE001 - raised again below, once it is shown
                failure = error
            else:
                self._shown_number, self._is_whole = number, number == self._newest
                if self._is_whole:
                    self._delivered, self._show_whole = True, show
                return
        self.end(number, failure)
        raise failure

    # ---- waiting

    def wait(self) -> None:
        """Return when the newest work has ended and is shown.

        Called by an observer of the status, or by a callback, it returns once the result is there; called
        from inside that very work, at once.

        Raises:
            GscopeError: what the newest work raised; not that it was stopped.
        """
        while True:
            with self._changed:
                number, work = self._newest, self._work
            if self._ended < number and work is not None and work.is_current:
                return
            if self._ended < number and work is not None:
                with suppress(Exception):  # it is kept, and raised below
                    work.wait()
            self._wait_for(partial(self._is_past, number))
            if number == self._newest:
                break
        if not getattr(self._here, "showing", False):
            self._wait_for(lambda: self._settled >= number and not self._is_showing)
        if self._error is not None and not isinstance(self._error, Cancelled):
            raise self._error

    def wait_until_ended(self, seconds: float) -> None:
        """Return when the newest work has ended, or after so many seconds; raises nothing."""
        self._wait_for(lambda: self._settled >= self._newest, seconds)

    def cancel(self) -> None:
        """Stop the work under way, if there is any."""
        if self._work is not None:
            self._work.cancel()

    # ---- inside

    def _is_current(self, number: int) -> bool:
        return number == self._newest and self._ended < number

    def _begin(self, doing: str) -> int:
        self._refusal, self._error, self._delivered, self._work = "", None, False, None
        self._course, self._waits, self._told_at = Course(self._clock), False, -_TELL_EVERY_S
        self._set("busy", doing, step=1)
        self._newest = self._status["request"]
        return self._newest

    def _close(self, number: int, error: BaseException | None) -> bool:
        """Bring the state to an end; False if this work is not the newest, or had ended."""
        with self._changed:
            if not self._is_current(number):
                return False
            state: State = "idle" if error is None else "cancelled" if isinstance(error, Cancelled) else "error"
            message = self._hint() if error is None else "Stopped." if state == "cancelled" else describe_error(error)
            if self._refusal and state != "error":
                state, message = "error", self._refusal
            if state == "error" and error is not None and not isinstance(error, Cancelled):
                self._cause = error
            if error is not None and self._take_back():
                message = f"{message.removesuffix('.')}. {_TAKEN_BACK}"
            self._error, self._ended, self._refusal = error, number, ""
            self._set(state, message, step=0)
            self._changed.notify_all()
            return True

    def _take_back(self) -> bool:
        """Show the last whole result in place of one that was shown on the way; whether that was needed, and done."""
        if self._is_whole or self._show_whole is None:
            return False
        try:
            self._show_whole()
        except Exception:
            logging.getLogger(__name__).exception("the last whole result could not be shown again")
            return False
        self._is_whole = True
        return True

    def _settle(self, number: int) -> None:
        try:
            self._bring_up_to_date()
            with self._showing():
                self._after(self._delivered)
        finally:
            with self._changed:
                self._settled = max(self._settled, number)
                self._changed.notify_all()

    def _set(self, state: State, message: str, *, step: int) -> None:
        request = self._status["request"] + step
        self._status = {"state": state, "message": message, "progress": None, "detail": "", "request": request}

    def _bring_up_to_date(self) -> None:
        """Show what is new; where a thread is at it already, it goes on with that."""
        with self._changed:
            if self._is_showing:
                return
            self._is_showing = True
        try:
            with self._showing():
                while (status := self._next_to_show()) is not None:
                    try:
                        self._show(status)
                    except Exception:
                        logging.getLogger(__name__).exception("an observer of status raised")
        except BaseException:
            self._is_showing = False
            raise

    def _next_to_show(self) -> Status | None:
        with self._changed:
            if self._shown is self._status:
                self._is_showing = False
                self._changed.notify_all()
                return None
            self._shown = self._status
            return self._shown

    @contextmanager
    def _showing(self) -> Iterator[None]:
        before = getattr(self._here, "showing", False)
        self._here.showing = True
        try:
            yield
        finally:
            self._here.showing = before

    def _is_past(self, number: int) -> bool:
        return self._ended >= number or self._newest != number

    def _wait_for(self, reached: Callable[[], bool], seconds: float = _SHOWING_S) -> None:
        with self._changed:
            self._changed.wait_for(reached, timeout=seconds)


def describe_error(error: BaseException) -> str:
    """An error as a sentence for the reader."""
    if isinstance(error, GscopeError):
        return str(error)
    return f"Something went wrong inside gscope_widgets: {type(error).__name__}: {error}"


def wait_at_first(job: Job, seconds: float) -> Any:
    """What a widget's first job finds, or None where it takes longer than a reader waits with nothing to see.

    Raises:
        KeyboardInterrupt: the cell was interrupted; the job is stopped.
        GscopeError: what the job ended with.
    """
    try:
        return job.result(seconds)
    except TimeoutError:
        if job.done():
            raise
        return None
    except KeyboardInterrupt:
        job.cancel()
        raise
