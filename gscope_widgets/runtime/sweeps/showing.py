"""How far a sweep has come, on a line that changes: in a notebook, a terminal or a log."""

import math
import time
from contextlib import suppress

from gscope_widgets.records.sweeps import SweepProgress
from gscope_widgets.runtime.showing import choose_writer, is_cell, write_nothing
from gscope_widgets.runtime.worker import Job

_LOOK_S = 0.05


def show_until_done(job: Job, progress: SweepProgress, *, silent: bool) -> None:
    """Wait for a sweep, and say how far it is. An interrupt stops it, and is raised once it has kept what is done."""
    write, every = (write_nothing, math.inf) if silent else choose_writer("sweep begins")
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
        if is_cell():  # where it stands that it begins; elsewhere nothing was said, and the error says all
            write(ended, True)
        return
    words = f"{ended}: {progress.tokens:,} tokens{progress.of}" + (
        f" in {progress.seconds:.0f} s" if progress.seconds else ""
    )
    write("; ".join(filter(None, (words, progress.note, progress.advice))), True)
