"""Work that is done where it is asked for, without a thread."""

from collections.abc import Callable, Generator
from typing import Any, NoReturn

from gscope_widgets.errors import Cancelled, NotFinished
from gscope_widgets.records.progress import Fetched

Work = Callable[["SettledJob"], Any]


class SettledJob:
    """A job that has ended when it is handed out: `gscope_widgets.records.protocols.Job`."""

    ahead = 0

    def __init__(self, work: Work):
        """Do the work at once; a generator is run to its end."""
        self.progress: float | None = None
        self.fetched: Fetched | None = None
        self._stop_reason = ""
        self._is_running = True
        self._value: Any = None
        self._error: BaseException | None = None
        try:
            self._value = self._run(work)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the job
            self._error = error
        finally:
            self._is_running = False

    def _run(self, work: Work) -> Any:
        value = work(self)
        if not isinstance(value, Generator):
            return value
        while True:
            try:
                found = next(value)
            except StopIteration as end:
                return end.value
            self.progress = found if isinstance(found, float) else self.progress
            if self._stop_reason:
                value.close()
                raise Cancelled(self._stop_reason)

    @property
    def is_current(self) -> bool:
        """See `Job`."""
        return self._is_running

    @property
    def stopping(self) -> bool:
        """See `Job`."""
        return bool(self._stop_reason)

    def watch(self, fn: Callable[["SettledJob"], object]) -> None:
        """Nothing changes any more that `fn` could be told."""

    def done(self) -> bool:
        """See `Job`."""
        return not self._is_running

    def cancel(self, reason: str = "stopped on request") -> bool:
        """See `Job`."""
        if self._is_running:
            self._stop_reason = self._stop_reason or reason
        return self._is_running

    def wait(self) -> Any:
        """See `Job`."""
        return self.result()

    def result(self, timeout: float | None = None) -> Any:
        """See `Job`."""
        error = self.exception(timeout)
        if error is not None:
            raise error
        return self._value

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """See `Job`."""
        if self._is_running:
            self._refuse()
        return self._error

    def add_done_callback(self, fn: Callable[["SettledJob"], object]) -> None:
        """See `Job`."""
        fn(self)

    def _refuse(self) -> NoReturn:
        raise NotFinished(
            "a job was asked for its result from inside its own work, which would wait for ever; "
            "ask when it has ended (job.add_done_callback)"
        )
