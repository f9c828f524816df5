"""How far a sweep has come, on a line that changes: in a notebook, a terminal or a log."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress

from gscope_widgets.records.sweeps import SweepProgress
from gscope_widgets.runtime.worker import Job

_LOOK_S = 0.05
_TERMINAL_S, _LOG_S = 0.25, 10.0  # between two lines
_LONGEST = 110


def show_until_done(job: Job, progress: SweepProgress, *, silent: bool) -> None:
    """Wait for a sweep, and say how far it is. An interrupt stops it, and is raised once it has kept what is done."""
    write, every = (_write_nothing, _LOG_S) if silent else _choose()
    told_at, told = 0.0, ""
    try:
        job.run_if_current()
        while not job.done():
            now = time.monotonic()
            if now - told_at >= every and progress.phase != "begins" and str(progress) != told:
                told_at, told = now, str(progress)
                write(f"sweep: {told}", False)
            time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        job.cancel("interrupted")
        write("sweep: stopping; what is done is kept", False)
        with suppress(BaseException):
            job.exception()
        write(f"sweep stopped: {progress}", True)
        raise
    ended = "sweep done" if job.exception() is None else "sweep stopped"
    if job.exception() is not None and not told:
        if _is_cell():  # where it stands that it begins; elsewhere nothing was said, and the error says all
            write(ended, True)
        return
    words = f"{ended}: {progress.tokens:,} tokens" + (f" in {progress.seconds:.0f} s" if progress.seconds else "")
    write(f"{words}; {progress.note}" if progress.note else words, True)


def _choose() -> tuple[Callable[[str, bool], None], float]:
    if _is_cell():
        from IPython.display import display

        handle = display({"text/plain": "sweep begins"}, raw=True, display_id=True)

        def write_cell(words: str, _is_last: bool) -> None:
            handle.update({"text/plain": words}, raw=True)

        return write_cell, _TERMINAL_S
    if sys.stderr.isatty():

        def write_terminal(words: str, is_last: bool) -> None:
            print(f"\r{words[:_LONGEST]:<{_LONGEST}}", end="\n" if is_last else "", file=sys.stderr, flush=True)

        return write_terminal, _TERMINAL_S

    def write_log(words: str, _is_last: bool) -> None:
        print(words, file=sys.stderr, flush=True)

    return write_log, _LOG_S


def _is_cell() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def _write_nothing(_words: str, _is_last: bool) -> None:
    pass
