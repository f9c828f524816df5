"""How well a graph foretells what changes of its nodes do, as numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.circuit_effects import CircuitEffect
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.lists import read_list

if TYPE_CHECKING:
    import pandas

LEAST_ROWS = 3  # of a correlation: of two it is always 1 or -1


@dataclass(frozen=True)
class Agreement:
    """What was predicted, p, beside what happened, h, over rows; NaN is what is not defined of these rows.

    `correlation` is Pearson's, sum((p - mean p) (h - mean h)) / sqrt(sum((p - mean p)^2) sum((h - mean h)^2)): 1 where
    they rise and fall together, about 0 by chance. Of fewer than 3 rows, or where either is the same in all, it is not
    defined. `slope` is sum(p h) / sum(p^2), of the line through 0: what happened for each 1 that was predicted; not
    defined where nothing was. `share` is 1 - sum((h - p)^2) / sum(h^2): 1 where all happened as predicted, 0 where it
    was no better than to predict no change, below 0 where it was worse; not defined where nothing happened.
    """

    correlation: float  # -1 to 1
    slope: float  # 1 where sizes are right
    share: float  # at most 1


@dataclass(frozen=True)
class ChangeScores:
    """How well predictions along a graph's edges held; from `effect.scores()` or `gs.score_changes(effects)`."""

    rows: int  # a target of a change each, with a prediction
    not_predicted: int  # rows without one, where features gave place to others: they are in neither agreement
    frozen: Agreement  # with the transcoders run again, all else as it was
    free: Agreement  # with the model itself
    # By change: 1 where the model's targets moved further than in all of its controls, 2 where one control moved them
    # as far or further, and so on; lengths of the changes of all targets, sqrt(sum(change^2)).
    ranks: tuple[int, ...]
    controls: tuple[int, ...]  # by change, how many there were
    ties: tuple[int, ...]  # by change, how many of them moved the targets exactly as far, as rounding can have it

    @property
    def beyond(self) -> float:
        """Of all controls, the share that moved targets less than their change did: 0 to 1, about 0.5 by chance.

        Those that moved them exactly as far count half: it is sum(controls + 1 - ranks + ties / 2) / sum(controls). NaN
        where there are no controls.
        """
        if not sum(self.controls):
            return np.nan
        less = sum(n + 1 - rank for n, rank in zip(self.controls, self.ranks, strict=True))
        return (less + sum(self.ties) / 2) / sum(self.controls)

    def __repr__(self) -> str:
        told = "; ".join(
            f"{name}: correlation {_write(one.correlation)}, slope {_write(one.slope)}, share {_write(one.share)}"
            for name, one in (("frozen", self.frozen), ("free", self.free))
        )
        changes = f"{len(self.ranks)} change{'s' if len(self.ranks) > 1 else ''}"
        lacking = f", {self.not_predicted} not predicted" if self.not_predicted else ""
        rows = f"{self.rows} row{'' if self.rows == 1 else 's'}"
        place = f"beyond {self.beyond:.0%} of controls" if sum(self.controls) else "no controls"
        return f"<ChangeScores of {changes}, {rows}{lacking}: {told}; {place}>"

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, rows "frozen" and "free": `happened`, `correlation`, `slope`, `share`, `rows`."""
        both = (self.frozen, self.free)
        return build_frame(
            happened=["frozen", "free"],
            correlation=[one.correlation for one in both],
            slope=[one.slope for one in both],
            share=[one.share for one in both],
            rows=[self.rows] * 2,
        )


def score_changes(effects: Iterable[CircuitEffect]) -> ChangeScores:
    """How well the graph foretold several changes together: a row is a target of a change.

    Rows count as they are, those of large changes most. Of one next token and one change there is one row: slope and
    share are then defined, and the correlation is not. Take several changes, of nodes that matter and of such that do
    not.

    Args:
        effects: from `gs.change_circuit`, at least one; of one graph or several.

    Raises:
        InvalidValue: none, or something else.
    """
    given = read_list(effects)
    if given is None:
        raise InvalidValue(f"effects are a list of what gs.change_circuit gave, got {describe_value(effects)}")
    for one in given:
        if not isinstance(one, CircuitEffect):
            raise InvalidValue(f"an effect comes from gs.change_circuit(...), got {describe_value(one)}")
    if not given:
        raise InvalidValue("no effects given; at least one is scored")
    predicted, frozen, free = (
        np.concatenate([getattr(one, name) for one in given]).astype(np.float64)
        for name in ("predicted", "frozen", "free")
    )
    told = np.isfinite(predicted)
    places = [_rank(one) for one in given]
    return ChangeScores(
        rows=int(told.sum()),
        not_predicted=int((~told).sum()),
        frozen=measure_agreement(predicted[told], frozen[told]),
        free=measure_agreement(predicted[told], free[told]),
        ranks=tuple(rank for rank, _ in places),
        controls=tuple(len(one.random) for one in given),
        ties=tuple(ties for _, ties in places),
    )


def measure_agreement(predicted: np.ndarray, happened: np.ndarray) -> Agreement:
    """See `Agreement`; both float64, [row]."""
    p, h = predicted - predicted.mean() if len(predicted) else predicted, happened
    h = h - h.mean() if len(h) else h
    spread = float(np.sqrt((p**2).sum() * (h**2).sum()))
    size, change = float((predicted**2).sum()), float((happened**2).sum())
    return Agreement(
        correlation=float((p * h).sum()) / spread if len(p) >= LEAST_ROWS and spread > 0 else np.nan,
        slope=float((predicted * happened).sum()) / size if size > 0 else np.nan,
        share=1 - float(((happened - predicted) ** 2).sum()) / change if change > 0 else np.nan,
    )


def _rank(effect: CircuitEffect) -> tuple[int, int]:
    """A change's rank among its controls, and how many of them are exactly as large."""
    size = np.sqrt((effect.free.astype(np.float64) ** 2).sum())
    others = np.sqrt((effect.random.astype(np.float64) ** 2).sum(1))
    return 1 + int((others >= size).sum()), int((others == size).sum())


def _write(value: float) -> str:
    return "not defined" if np.isnan(value) else f"{value:.2f}"
