"""A plugin that finds tests which race: `pytest -p tests.late --late=jobs`, then `--late=asker`.

A busy machine runs threads in any order. With "jobs", every job begins late, and so does what follows its end; with
"asker", whoever asks for a job goes on late, when it may have ended. A test that passes without this and fails with it
either asks before it has waited, or counts on work being under way that nothing holds.
"""

import time
from collections.abc import Hashable

import pytest

from gscope_widgets.runtime.worker import Job, Work, Worker

BEGINS_S, FOLLOWS_S, GOES_ON_S = 0.12, 0.05, 0.08  # far more than the lines of a test take


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--late", choices=("jobs", "asker"), default="jobs", help="who is late")


def pytest_configure(config: pytest.Config) -> None:
    (_delay_jobs if config.getoption("late") == "jobs" else _delay_asker)()


def _delay_jobs() -> None:
    advance, follow = Job._advance, Job._invoke_callbacks

    def advance_late(self: Job) -> bool:
        if self._steps is None and not self.stopping:
            time.sleep(BEGINS_S)
        return advance(self)

    def follow_late(self: Job) -> None:
        if not self.stopping:  # of a storm of requests almost all are
            time.sleep(FOLLOWS_S)
        follow(self)

    Job._advance, Job._invoke_callbacks = advance_late, follow_late  # type: ignore[method-assign]


def _delay_asker() -> None:
    submit = Worker.submit

    def submit_late(self: Worker, work: Work, *, slot: Hashable | None = None) -> Job:
        job = submit(self, work, slot=slot)
        time.sleep(GOES_ON_S)
        return job

    Worker.submit = submit_late  # type: ignore[method-assign]
