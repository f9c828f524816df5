"""How long a worker may be silent: from how long workers took so far."""

from typing import Literal

Stage = Literal["loads", "reads"]
_FACTOR = 20.0  # of the longest so far
_UNKNOWN = 6.0  # of the floor, for what says nothing of the next: loading, and a unit before one was read
_STEP_S = 1.0  # that one look counts at most
_WORDS = {"loads": "loading a model", "reads": "a unit"}


class Patience:
    """The silence of workers, counted only while somebody listens.

    A worker is silent for too long when it has told nothing for `floor_s` and for 20 times as long as a unit ever took
    a worker of this sweep; before any was read, for six times `floor_s`. Loading may always take six times `floor_s`,
    and 20 times the longest so far: one model comes from a cache in seconds, the next over a network. One that takes
    the place of a silent one is given twice as long, and so on, so that no worker that is only slow is replaced for
    ever. Time passes by what `pass_time` is told, a second at most: where nobody listened, because the machine slept
    or the notebook did something else, nobody was silent.
    """

    def __init__(self, floor_s: float):
        """Nobody is waited for.

        Args:
            floor_s: seconds, 0 or more.
        """
        self._floor_s, self._now = floor_s, 0.0
        self._begun: dict[int, tuple[Stage, float]] = {}  # of who is waited for: what it does, and its last sign
        self._longest: dict[Stage, float] = {}
        self._ended: dict[int, int] = {}  # how often a worker was silent for too long

    def begin(self, worker: int, stage: Stage) -> None:
        """A worker is waited for from now on."""
        self._begun[worker] = stage, self._now

    def hear(self, worker: int) -> None:
        """A worker has loaded, or read a unit, and reads the next."""
        if worker in self._begun:
            stage, since = self._begun[worker]
            self._longest[stage] = max(self._longest.get(stage, 0.0), self._now - since)
            self._begun[worker] = "reads", self._now

    def end(self, worker: int) -> None:
        """Nothing is asked of a worker now, or it is gone."""
        self._begun.pop(worker, None)

    def pass_time(self, seconds: float) -> None:
        """So long somebody has listened."""
        self._now += min(max(seconds, 0.0), _STEP_S)

    def find_limit(self, worker: int) -> float:
        """Seconds of silence after which a worker that is waited for counts as hung."""
        stage, _ = self._begun[worker]
        longest = self._longest.get(stage)
        floor = self._floor_s * (_UNKNOWN if stage == "loads" or longest is None else 1.0)
        return float(max(floor, _FACTOR * (longest or 0.0)) * 2 ** self._ended.get(worker, 0))

    def take_silent(self) -> dict[int, str]:
        """Workers that are silent for too long, with words for it; they are waited for no longer."""
        found = {}
        for worker, (stage, since) in list(self._begun.items()):
            if self._now - since <= self.find_limit(worker):
                continue
            longest = self._longest.get(stage)
            beside = "" if longest is None else f"; {_WORDS[stage]} took {_write(longest)} at most so far"
            found[worker] = f"it told nothing for {_write(self._now - since)}{beside}"
            self._ended[worker] = self._ended.get(worker, 0) + 1
            self.end(worker)
        return found


def _write(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 90 else f"{seconds / 60:.0f} min"
