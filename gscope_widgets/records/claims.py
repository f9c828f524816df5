"""A claim about a feature, put to the test on texts that are marked by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.records.figures import open_figure, write_title
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.provenance import Provenance

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

Verdict = Literal["hit", "miss", "false alarm", "correct silence"]
SHUFFLES = 1000


@dataclass(frozen=True)
class ClaimText:
    """One text, and what the feature makes of it."""

    text: str
    is_positive: bool  # marked as one that the claim says the feature fires on
    activation: float  # the feature's largest; 0 where it is silent
    pos: int | None  # where that is
    token: str  # there; "" where it is silent
    verdict: Verdict


@dataclass(frozen=True)
class ShuffledScore:
    """What a score comes to with the texts' marks dealt out anew at random."""

    mean: float
    p95: float  # 95th percentile
    reached: float  # share of the deals that come to as much as the true marks


@dataclass(frozen=True)
class ClaimScore:
    """How well a feature tells the texts that a claim says it fires on from others.

    A text counts as found where the feature's largest activation in it is above `threshold`. A feature that fires
    on everything has a recall of 1 and a precision of the share of positive texts: the shuffled marks say so.
    """

    ref: FeatureRef
    claim: str  # in the reader's words
    label: FeatureLabel | None  # what others have said of it
    threshold: float  # activation
    texts: tuple[ClaimText, ...]  # the positive ones first, as given
    precision: float | None  # share of the texts found that are positive; None where none was found
    recall: float  # share of the positive texts that were found
    auc: float  # chance that a positive text has a larger activation than a negative one; ties count half
    shuffled_precision: ShuffledScore | None
    shuffled_recall: ShuffledScore
    shuffled_auc: ShuffledScore
    shuffles: int = SHUFFLES  # seed 0
    note: str = ""
    provenance: Provenance | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        precision = "none" if self.precision is None else f"{self.precision:.2f}"
        return (
            f"<ClaimScore of {self.ref}: {self.claim!r}, precision {precision}, recall {self.recall:.2f}, "
            f"AUC {self.auc:.2f} (shuffled {self.shuffled_auc.mean:.2f}), {len(self.texts)} texts>"
        )

    def deciding(self, k: int = 10) -> tuple[ClaimText, ...]:
        """The `k` texts that decide most: false alarms and misses, the largest activations first, then the rest.

        Of the rest, those nearest to the threshold come first: they would be the next to turn.
        """
        k = check_int("k", k, low=1, high=1_000_000)

        def rank(one: ClaimText) -> tuple[bool, float]:
            wrong = one.verdict in ("miss", "false alarm")
            return not wrong, -one.activation if wrong else abs(one.activation - self.threshold)

        return tuple(sorted(self.texts, key=rank)[:k])

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame of the texts: `text`, `is_positive`, `activation`, `pos`, `token`, `verdict`."""
        return build_frame(
            text=[one.text for one in self.texts],
            is_positive=[one.is_positive for one in self.texts],
            activation=[one.activation for one in self.texts],
            pos=[one.pos for one in self.texts],
            token=[one.token for one in self.texts],
            verdict=[one.verdict for one in self.texts],
        )

    def plot(self) -> "Figure":
        """A matplotlib Figure: each text's largest activation, positive and negative ones in a row each."""
        figure = open_figure(6, 2, self.provenance)
        axes = figure.subplots()
        for row, is_positive in enumerate((False, True)):
            values = [one.activation for one in self.texts if one.is_positive == is_positive]
            axes.plot(values, [row] * len(values), "|", markersize=16, color=f"C{row}")
        axes.axvline(self.threshold, color="black", linewidth=0.8)
        axes.set_yticks([0, 1], ["negative", "positive"])
        axes.set_ylim(-0.6, 1.6)
        axes.set_xlabel("largest activation in the text")
        write_title(figure, f"feature {self.ref.feature}: {self.claim or 'claim'}")
        return figure


def check_claim(claim: object) -> str:
    """A claim in words.

    Raises:
        InvalidValue: not a string.
    """
    if not isinstance(claim, str):
        raise InvalidValue(f'claim must be words such as "fires on French", got {describe_value(claim)}')
    return claim


def judge(activation: float, *, is_positive: bool, threshold: float) -> Verdict:
    """Whether a text was found, and whether it should have been."""
    if activation > threshold:
        return "hit" if is_positive else "false alarm"
    return "miss" if is_positive else "correct silence"


def score_texts(
    activations: Sequence[float], positives: int, *, threshold: float, rounding: float, seed: int = 0
) -> dict[str, object]:
    """`precision`, `recall` and `auc` of marks, and the same of marks dealt out anew, as `ClaimScore` has them.

    Args:
        activations: the feature's largest in each text, the positive texts first.
        positives: how many those are.
        rounding: as from `find_rounding`: those that differ by less of the largest are ties.
    """
    values = np.asarray(activations, np.float64)
    count, negatives = len(values), len(values) - positives
    found, ranks = (values > threshold).astype(np.float64), _rank(values, rounding=rounding)
    random = np.random.default_rng(seed)
    deals = random.permuted(np.tile(np.arange(count) < positives, (SHUFFLES, 1)), axis=1)
    marks = np.vstack([np.arange(count) < positives, deals]).astype(np.float64)
    hits = marks @ found
    auc = (marks @ ranks - positives * (positives + 1) / 2) / (positives * negatives)
    scores: dict[str, np.ndarray | None] = {
        "precision": hits / found.sum() if found.any() else None,
        "recall": hits / positives,
        "auc": auc,
    }
    told: dict[str, object] = {}
    for name, each in scores.items():
        told[name] = None if each is None else float(each[0])
        told[f"shuffled_{name}"] = None if each is None else _summarise(each)
    return told


def _summarise(scores: np.ndarray) -> ShuffledScore:
    true, null = scores[0], scores[1:]
    return ShuffledScore(float(null.mean()), float(np.percentile(null, 95)), float((null >= true - 1e-9).mean()))


def _rank(values: np.ndarray, *, rounding: float) -> np.ndarray:
    """Ranks from 1: each value's count of smaller ones, and half of those that it equals but for rounding."""
    ordered, apart = np.sort(values), rounding * np.abs(values).max()
    below = np.searchsorted(ordered, values - apart, side="left")
    up_to = np.searchsorted(ordered, values + apart, side="right")
    ranks: np.ndarray = (below + up_to + 1) / 2
    return ranks
