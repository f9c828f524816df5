"""Ours and the peers in turn, so that what else the machine does falls on all alike."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Call = Callable[[], object]


@dataclass(frozen=True)
class Spread:
    """A number seen several times."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """The spread of what was seen."""
        return cls(statistics.median(values), min(values), max(values))


def alternate(sides: Mapping[str, Call], *, alternations: int, window_s: float) -> dict[str, list[float]]:
    """Seconds a call, for each side once an alternation.

    Each side warms up with two calls, the second of which tells how many fill a window. The side
    that begins changes with each alternation.
    """
    calls = {}
    for name, call in sides.items():
        call()
        calls[name] = max(1, math.ceil(window_s / _time(call, 1)))
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(alternations):
        for name in _order(list(sides), turn):
            taken[name].append(_time(sides[name], calls[name]))
    return taken


def alternate_prepared(sides: Mapping[str, Call], prepare: Call, *, alternations: int) -> dict[str, list[float]]:
    """Seconds of single calls, before each of which `prepare` runs untimed; for what only its first call shows."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(alternations + 1):
        for name in _order(list(sides), turn):
            prepare()
            taken[name].append(_time(sides[name], 1))
    return {name: values[1:] for name, values in taken.items()}


def alternate_told(sides: Mapping[str, Callable[[], float]], *, alternations: int) -> dict[str, list[float]]:
    """What sides that take their own time tell, in seconds, once an alternation after a warm-up."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(alternations + 1):
        for name in _order(list(sides), turn):
            taken[name].append(sides[name]())
    return {name: values[1:] for name, values in taken.items()}


def compare(taken: Mapping[str, list[float]], *, ours: str, peer: str) -> Spread:
    """How many times as long the peer takes: ratio of the medians, and the extremes of single alternations."""
    single = [theirs / own for theirs, own in zip(taken[peer], taken[ours], strict=True)]
    ratio = statistics.median(taken[peer]) / statistics.median(taken[ours])
    return Spread(ratio, min(single), max(single))


def _order(names: list[str], turn: int) -> list[str]:
    at = turn % len(names)
    return names[at:] + names[:at]


def _time(call: Call, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count
