"""Who looks at this machine for widgets: the same checks as `gs.doctor()`, one at a time on one thread."""

from collections.abc import Callable, Hashable, Iterator
from functools import cache
from typing import Any

from gscope_widgets.checkup.examination import CHECKS, examine
from gscope_widgets.records.checkup import Finding
from gscope_widgets.runtime.worker import Job, Worker


class Examiner:
    """This machine's, shared by all check-ups of the process; see `records.protocols.Examiner`."""

    checks: tuple[str, ...] = CHECKS
    patience_s = 8.0  # as long as a view waits for its kernel
    probe_bytes = 1_000_000  # the most that a message of a widget holds

    def __init__(self) -> None:
        """Start nothing: the first check-up does."""
        self._worker = Worker("gscope doctor")

    def examine(self, model: str, *, ask_hub: bool) -> Iterator[tuple[float, Finding]]:
        """Each finding as it is made, with the share that is done then. See `gs.doctor`."""
        return examine(model, ask_hub=ask_hub)

    def submit(self, work: Callable[[Any], object], *, slot: Hashable | None = None) -> Job:
        """Run work on the thread of check-ups. See `records.protocols.Engine`."""
        return self._worker.submit(work, slot=slot)


@cache
def open_examiner() -> Examiner:
    """The one of this process."""
    return Examiner()
