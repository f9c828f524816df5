"""One measured claim about gscope-mini, and the intervals that go with it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

_Z95 = 1.959964  # of a normal distribution, for 95 % intervals
RESAMPLES = 1000


@dataclass(frozen=True)
class Phenomenon:
    """A claim, what was measured for it, and whether it holds."""

    id: str  # as in the syllabus: G1, T1a, ...
    claim: str  # one sentence about mini
    metric: str  # what `value` is, with its unit
    value: float
    interval: tuple[float, float] | None  # 95 %, of `value`; None where `details` say why there is none
    n: int  # items, tokens, features or concepts that `value` counts over
    seeds: tuple[int, ...]  # of everything random in the measurement or in the dictionaries compared
    control: dict  # what should not work, with its numbers
    threshold: str  # what `value` and `control` must reach, in words
    passed: bool
    details: dict = field(default_factory=dict)  # further numbers that tutorials quote


def wilson_interval(successes: int, n: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927); (0, 1) for n = 0."""
    if not n:
        return 0.0, 1.0
    share, z2 = successes / n, _Z95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * (share * (1 - share) / n + z2 / (4 * n * n)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap_interval(values: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean of independent values, [n], by resampling them."""
    generator = np.random.default_rng(seed)
    values = np.asarray(values, np.float64)
    means = values[generator.integers(len(values), size=(RESAMPLES, len(values)))].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def write_phenomena(path: Path, phenomena: Iterable[Phenomenon]) -> None:
    """Write claims as JSON by id, numbers rounded to five digits."""
    content = {one.id: _rounded(asdict(one)) for one in phenomena}
    path.write_text(json.dumps(content, indent=1) + "\n")


def read_phenomena(path: Path) -> dict[str, Phenomenon]:
    """Claims by id, in the order in which they were written."""
    return {id_: Phenomenon(**entry) for id_, entry in json.loads(path.read_text()).items()}


def _rounded(value):
    if isinstance(value, dict):
        return {str(key): _rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(one) for one in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.5g}")
    return int(value) if isinstance(value, np.integer) else value
