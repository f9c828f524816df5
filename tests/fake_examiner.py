"""A machine that is not looked at: the same findings always, in microseconds, with knobs as `FakeScope` has them."""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from gscope_widgets.records.checkup import Finding
from gscope_widgets.runtime.worker import Job, Worker


class FakeExaminer:
    """Knobs, read by each check-up as it begins: `gate` holds it while cleared, `delay` is waited for, `error` is raised.

    `planted` are findings in place of those of the same name. `calls` says what began.
    """

    checks = ("python", "memory", "hub")

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.delay = 0.0  # seconds
        self.error: BaseException | None = None
        self.calls: list[str] = []  # "examine"
        self.planted: dict[str, Finding] = {}
        self.patience_s = 60.0
        self.probe_bytes = 32
        self._worker = Worker("gscope fake doctor")

    def close(self) -> None:
        """Let go of what the gate holds, and end the thread."""
        self.gate.set()
        self._worker.close()

    def examine(self, model: str, *, ask_hub: bool) -> Iterator[tuple[float, Finding]]:
        self.calls.append("examine")
        assert self.gate.wait(60), "the gate was never opened"
        time.sleep(self.delay)
        if self.error is not None:
            raise self.error
        found = (
            Finding("python", "fine", "3.11 on Fake"),
            Finding("memory", "attention", f"1.0 GB free; {model} takes more", "take a smaller model"),
            Finding("hub", "fine", "it answers") if ask_hub else Finding("hub", "not asked", "not to be asked"),
        )
        for done, one in enumerate(found, 1):
            yield done / len(found), self.planted.get(one.name, one)

    def submit(self, work: Callable[[Any], object], *, slot: Hashable | None = None) -> Job:
        return self._worker.submit(work, slot=slot)
