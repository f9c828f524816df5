"""Walks back through an attribution graph: how many steps lie between a token and what it brought about."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.numbers import check_float

if TYPE_CHECKING:
    import pandas

    from gscope_widgets.records.circuits import AttributionGraph


@dataclass(frozen=True, eq=False)
class Walks:
    """Where random walks back from a graph's targets end, and after how many steps (after Ameisen et al. 2025).

    From a target, and from each feature, a walk goes to one of its inputs, with a probability in proportion to the
    size of what that adds. It ends at a token or at an error. Biases are no inputs here, nor are tokens at which no
    dictionary applies, such as BOS.
    """

    ended: np.ndarray  # float64, [step]; probability that a walk ends at a token after 1, 2, ... steps
    features: int  # that walks may pass

    @property
    def explained(self) -> float:
        """Probability that a walk ends at a token, and not at an error or a feature left out; 0 to 1."""
        return float(self.ended.sum())

    @property
    def length(self) -> float:
        """Mean number of steps of walks that end at a token, 1 or more: 1 past no feature; NaN where none does."""
        if not self.explained:
            return float("nan")
        return float(np.arange(1, len(self.ended) + 1) @ self.ended / self.ended.sum())

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row a number of steps: `steps`, `share` of the walks that end at a token, 0 to 1."""
        total = self.explained or 1.0
        return build_frame(steps=np.arange(1, len(self.ended) + 1), share=self.ended / total)


def follow_walks(graph: "AttributionGraph", *, explained: float | None) -> Walks:
    """See `AttributionGraph.walks`."""
    from gscope_widgets.records.circuits import ERROR, FEATURE, TARGET, TOKEN

    used = np.zeros(len(graph.tokens), bool)
    used[list(graph.tokens.used)] = True
    is_token = (graph.kinds == TOKEN) & used[graph.positions]
    sizes = np.abs(graph.weights.astype(np.float64))
    sizes[:, ~(is_token | np.isin(graph.kinds, (ERROR, FEATURE)))] = 0
    sizes /= np.maximum(sizes.sum(1, keepdims=True), 1e-30)
    ends, steps = sizes[:, is_token].sum(1), sizes[:, graph.kinds == FEATURE]
    count = steps.shape[1]  # features are the first rows
    start = np.zeros(len(sizes))
    start[graph.kinds[graph.first_row :] == TARGET] = graph.target_weights
    full = Walks(_follow(start, steps, ends), count)
    if explained is None:
        return full
    explained = check_float("explained", explained, low=0.0, high=1.0)
    if explained > full.explained:
        raise InvalidValue(
            f"with all features {full.explained:.4f} of the walks end at a token, got explained={explained}; give less"
        )
    order = np.argsort(-_count_passing(start, steps, ends), kind="stable")
    best, few, many = full, 0, count
    while few < many:
        middle = (few + many) // 2
        left = steps.copy()
        left[:, order[middle:]] = 0
        walks = Walks(_follow(start, left, ends), middle)
        if walks.explained >= explained:
            best, many = walks, middle
        else:
            few = middle + 1
    return best


def _follow(start: np.ndarray, steps: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Probability of an end at a token after 1, 2, ... steps: no feature has an input behind it, so walks end."""
    ended, here = [], start
    while here.any():
        ended.append(float(here @ ends))
        moved = here @ steps
        here = np.zeros_like(start)
        here[: len(moved)] = moved
    return np.array(ended)


def _count_passing(start: np.ndarray, steps: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Probability that a walk passes each feature and then ends at a token: float64, [feature]."""
    count = steps.shape[1]
    reach, visits = ends.copy(), np.zeros(count)
    for row in range(len(ends)):  # inputs stand before what they reach
        before = min(row, count)
        reach[row] += steps[row, :before] @ reach[:before]
    for row in range(len(ends) - 1, -1, -1):
        worth = start[row] + (visits[row] if row < count else 0.0)
        if worth:
            visits += worth * steps[row]
    passing: np.ndarray = visits * reach[:count]
    return passing
