"""How far blocking work has come, on a line that changes: in a notebook, a terminal or a log; nothing of short work."""

import shutil
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from gscope_widgets.errors import Cancelled, write_bytes
from gscope_widgets.records.protocols import Job

_SILENT_S = 1.0  # before the first line
_SHOWN_S, _LOG_S = 0.25, 10.0  # between two lines


def show_and_wait(job: Job, doing: str) -> Any:
    """The result of a job, waited for; after a second it is told how far it is, on standard error or below the cell.

    An interrupt stops the job.

    Args:
        doing: what it does, such as "tracing a circuit of 14 tokens".
    """
    began = time.monotonic()
    write: Callable[[str, bool], None] = write_nothing
    try:
        ended = threading.Event()
        job.add_done_callback(lambda _job: ended.set())
        with suppress(TimeoutError):
            job.exception(0)  # on the worker's own thread, it is run to its end now
        if not ended.wait(_SILENT_S):
            write, every = choose_writer()
            write(_describe(job, doing), False)
            while not ended.wait(every):
                write(_describe(job, doing), False)
        result = job.result()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            job.cancel()
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


def show_import(module: str, doing: str) -> None:
    """Import a module that takes long at first; meanwhile a cell or a terminal tells for how long already.

    It is done in a thread: half a torch cannot be imported again, so an interrupt ends the wait and not the import.

    Args:
        module: full name.
        doing: what is told.
    """
    if module in sys.modules:
        import_module(module)  # another thread may be at it still
        return
    began = time.monotonic()
    write: Callable[[str, bool], None] = write_nothing
    # At once in a cell: while a library is mapped into memory no other thread gets to say anything.
    silent_s = 0.0 if is_cell() else _SILENT_S
    job: Future[ModuleType] = Future()
    threading.Thread(target=_import, args=(module, job), name="gscope import", daemon=True).start()
    if (is_cell() or is_terminal()) and wait([job], timeout=silent_s).not_done:
        told = doing
        write, _ = choose_writer(told)
        while wait([job], timeout=_SHOWN_S).not_done:
            if (words := f"{doing}: {time.monotonic() - began:.0f} s") != told:
                told = words
                write(told, False)
    job.result()
    write(f"{doing}: done in {time.monotonic() - began:.0f} s", True)


def _import(module: str, job: "Future[ModuleType]") -> None:
    try:
        job.set_result(import_module(module))
    except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
        job.set_exception(error)


def choose_writer(first: str = "") -> tuple[Callable[[str, bool], None], float]:
    """What writes a line, and whether it is the last, in place of the one before, or behind it; and how often, seconds.

    Args:
        first: what a cell shows before the first line.
    """
    if is_cell():
        from IPython.display import display

        handle = display({"text/plain": first}, raw=True, display_id=True)

        def write_cell(words: str, _is_last: bool) -> None:
            handle.update({"text/plain": words}, raw=True)

        return write_cell, _SHOWN_S
    if is_terminal():

        def write_terminal(words: str, is_last: bool) -> None:
            # What fills the last column, or more, goes on in a line below, from which "\r" does not come back.
            room = max(1, shutil.get_terminal_size().columns - 1)
            line = words if is_last else words[:room]
            print(f"\r{line:<{room}}", end="\n" if is_last else "", file=sys.stderr, flush=True)

        return write_terminal, _SHOWN_S

    def write_log(words: str, _is_last: bool) -> None:
        print(words, file=sys.stderr, flush=True)

    return write_log, _LOG_S


def is_cell() -> bool:
    """Whether this is a notebook's kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def is_terminal() -> bool:
    """Whether standard error is one."""
    return sys.stderr is not None and sys.stderr.isatty()


def write_nothing(_words: str, _is_last: bool) -> None:
    """In the place of what `choose_writer` gives."""
