"""How far blocking work has come, on a line that changes: in a notebook, a terminal or a log; nothing of short work."""

import sys
import time
from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

from gscope_widgets.errors import Cancelled, write_bytes
from gscope_widgets.runtime.worker import Job

_SILENT_S = 1.0  # before the first line
_SHOWN_S, _LOG_S = 0.25, 10.0  # between two lines
_LONGEST = 110


def show_and_wait(job: Job, doing: str) -> Any:
    """The result of a job, waited for; after a second it is told how far it is, on standard error or below the cell.

    An interrupt stops the job.

    Args:
        doing: what it does, such as "tracing a circuit of 14 tokens".
    """
    began = time.monotonic()
    write: Callable[[str, bool], None] = _write_nothing
    try:
        job.run_if_current()
        if wait([job], timeout=_SILENT_S).not_done:
            write, every = _choose()
            write(_describe(job, doing), False)
            while wait([job], timeout=every).not_done:
                write(_describe(job, doing), False)
        result = job.result()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            job.cancel("interrupted")
        write(f"{doing}: {'stopped' if isinstance(error, (Cancelled, KeyboardInterrupt)) else 'failed'}", True)
        raise
    write(f"{doing}: done in {time.monotonic() - began:.0f} s", True)
    return result


def _describe(job: Job, doing: str) -> str:
    if job.fetched is not None:
        return f"{doing}: {write_bytes(job.fetched.done)} of {write_bytes(job.fetched.total)} fetched"
    if job.ahead:
        return f"{doing}: waits for {job.ahead} job{'s' if job.ahead > 1 else ''}"
    return f"{doing}: begins" if job.progress is None else f"{doing}: {job.progress:.0%}"


def _choose() -> tuple[Callable[[str, bool], None], float]:
    """What writes a line in place of the one before, or behind it; and how often, in seconds."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is not None:
        from IPython.display import display

        handle = display({"text/plain": ""}, raw=True, display_id=True)

        def write_cell(words: str, _is_last: bool) -> None:
            handle.update({"text/plain": words}, raw=True)

        return write_cell, _SHOWN_S
    if sys.stderr is not None and sys.stderr.isatty():

        def write_terminal(words: str, is_last: bool) -> None:
            print(f"\r{words[:_LONGEST]:<{_LONGEST}}", end="\n" if is_last else "", file=sys.stderr, flush=True)

        return write_terminal, _SHOWN_S

    def write_log(words: str, _is_last: bool) -> None:
        print(words, file=sys.stderr, flush=True)

    return write_log, _LOG_S


def _write_nothing(_words: str, _is_last: bool) -> None:
    pass
