"""How far work has come, in words: its place in the queue, bytes, time left."""

from collections.abc import Callable

from gscope_widgets.errors import write_bytes
from gscope_widgets.records.protocols import Job

_STEPS = 3  # reports of progress, and
_SECONDS = 1.0  # of them, before time left is told: the first steps are not like the others
_WEIGHT = 0.3  # of a new estimate of the end; the rest is what was thought before


class Course:
    """One job's course, by its own rate."""

    def __init__(self, clock: Callable[[], float]):
        """Args: clock: seconds, of any beginning."""
        self._clock = clock
        self._first: tuple[float, float] | None = None  # time and share of the first report
        self._reports = 0
        self._share = 0.0
        self._is_fetching = False
        self._end: float | None = None

    def describe(self, job: Job) -> str:
        """What is known of it now: "waits for 2 others", "12.0 MB of 80.0 MB, about 20 s left"; may be empty."""
        if ahead := job.ahead:
            return f"waits for {ahead} other{'s' if ahead > 1 else ''}"
        fetched, left = job.fetched, self._estimate(job)
        parts = [f"{write_bytes(fetched.done)} of {write_bytes(fetched.total)}"] if fetched is not None else []
        return ", ".join([*parts, *([f"about {write_seconds(left)} left"] if left is not None else [])])

    def _estimate(self, job: Job) -> float | None:
        share, now = job.progress, self._clock()
        if share is None:
            return None
        if self._first is None or share < self._share or (job.fetched is not None) != self._is_fetching:
            self._first, self._reports, self._end = (now, share), 0, None
            self._is_fetching = job.fetched is not None
        self._reports += share > self._share
        self._share = share
        began, from_share = self._first
        if self._reports < _STEPS or now - began < _SECONDS or share <= from_share:
            return None
        end = now + (1 - share) * (now - began) / (share - from_share)
        self._end = end if self._end is None else self._end + _WEIGHT * (end - self._end)
        return max(0.0, self._end - now)


def write_seconds(seconds: float) -> str:
    """A time as it is told of something to come: "7 s", "25 s", "3 min"; coarser the longer."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    return f"{round(seconds / 60)} min"
