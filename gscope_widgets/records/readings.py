"""Features on a text: sparse activations, token by token."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.numbers import check_feature, check_int
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens

if TYPE_CHECKING:
    import pandas

Ranking = Literal["activation", "share", "rarity"]
DENSE = 0.1  # of tokens; a feature that fires at more is dense


@dataclass(frozen=True)
class TopFeature:
    """A feature that fires on a text, and where it does so most."""

    feature: int
    activation: float  # its largest activation, over the positions asked about
    pos: int  # where that is
    token: str
    label: FeatureLabel | None
    max_activation: float | None = None  # the largest activation seen when it was measured
    density: float | None = None  # the share of tokens at which it fired then

    @property
    def share(self) -> float | None:
        """Its activation here as a share of the largest seen when it was measured; above 1 where this one is larger."""
        return None if not self.max_activation else self.activation / self.max_activation

    @property
    def is_dense(self) -> bool:
        """Whether it fires at more than one token in ten, and so says little about any one of them."""
        return self.density is not None and self.density > DENSE


@dataclass(frozen=True, eq=False)
class FeatureReading:
    """What a dictionary finds in one text. Ignored positions hold no activation at all.

    The three arrays `positions`, `features` and `activations` list every feature that fires,
    ordered by position and then by feature. The features of a crosscoder or CLT are those of all its
    layers, numbered through. Errors and norms are of the target, which is what the dictionary is to
    reconstruct: the activation that it reads, or for a transcoder what the MLP adds. A dictionary of
    several layers has its layers' targets side by side as one long vector, so that squared errors
    and variances are summed over layers.
    """

    tokens: Tokens
    dictionary_info: DictionaryInfo
    positions: np.ndarray  # int32, [firings]
    features: np.ndarray  # int32, [firings]
    activations: np.ndarray  # float32, [firings], > 0
    l0: np.ndarray  # int32, [pos]; how many features fire; 0 at ignored positions
    error_norm: np.ndarray  # float32, [pos]; |target - reconstruction|; NaN at ignored positions, or with `selected`
    norm: np.ndarray  # float32, [pos]; |target|, ignored positions included
    fvu: np.ndarray  # float32, [pos]; squared error over squared distance from the text's mean; NaN as above
    total_fvu: float | None  # the same over all positions read; None where it is not defined or not measured
    selected: tuple[int, ...] | None  # the features asked for, which alone l0 then counts; None means all
    labels: dict[int, FeatureLabel]
    max_activations: dict[int, float] = field(default_factory=dict)  # of features that fire, where it was measured
    densities: dict[int, float] = field(default_factory=dict)  # the same; the share of tokens at which each fired
    densities_on: str = ""  # of what text; empty where nobody says
    provenance: Provenance | None = field(default=None, compare=False, repr=False)  # where a scope computed it

    def __repr__(self) -> str:
        fired = len(np.unique(self.features))
        return f"<FeatureReading of {len(self.tokens)} tokens by {self.dictionary_info.id}: {fired} features fire>"

    def trace(self, feature: int) -> np.ndarray:
        """One feature's activation at every position.

        Returns:
            float32, [pos]; 0 where it is silent and at ignored positions (`tokens.ignored`).

        Raises:
            UnknownFeature: no such feature in this dictionary, or not among those asked for.
        """
        number = check_feature(feature, d_dict=self._d_dict)
        self._require_selected(number)
        here = self.features == number
        values = np.zeros(len(self.tokens), np.float32)
        values[self.positions[here]] = self.activations[here]
        return values

    def top(self, k: int = 10, *, pos: int | None = None, by: Ranking = "activation") -> list[TopFeature]:
        """The `k` features that stand out, in the text or at one position, each where it fires most.

        Args:
            pos: a position; None for the whole text. Positions in `tokens.ignored`, which says why, hold none.
            by: "activation", largest first; "share" of the largest activation known of the feature, largest first;
                "rarity", the smallest density first. Features of which the range or density is not known come last,
                by activation.

        Raises:
            InvalidValue: there is no such position or order.
        """
        k = check_int("k", k, low=1, high=self._d_dict)
        if by not in get_args(Ranking):
            raise InvalidValue(f"by must be {', '.join(get_args(Ranking))}, got {describe_value(by)}")
        here = np.ones(len(self.positions), bool)
        if pos is not None:
            pos = check_int("pos", pos, low=0, high=len(self.tokens) - 1)
            here = self.positions == pos
        order = np.flatnonzero(here)[np.argsort(-self.activations[here], kind="stable")]
        _, first = np.unique(self.features[order], return_index=True)
        found = [self._describe(int(self.features[index]), int(index)) for index in order[np.sort(first)]]
        if by == "share":
            found.sort(key=lambda one: -(one.share or 0.0))
        elif by == "rarity":
            found.sort(key=lambda one: math.inf if one.density is None else one.density)
        return found[:k]

    def _describe(self, feature: int, index: int) -> TopFeature:
        where = int(self.positions[index])
        return TopFeature(
            feature,
            float(self.activations[index]),
            where,
            self.tokens.strings[where],
            self.labels.get(feature),
            self.max_activations.get(feature),
            self.densities.get(feature),
        )

    def top_by_token(self, k: int = 8) -> tuple[np.ndarray, np.ndarray]:
        """The `k` strongest features at each token, strongest first.

        Returns:
            Features, int32, [pos, k], -1 where fewer fire; activations, float32, [pos, k], 0 there.
        """
        k = check_int("k", k, low=1, high=self._d_dict)
        count = len(self.tokens)
        features, activations = np.full((count, k), -1, np.int32), np.zeros((count, k), np.float32)
        order = np.lexsort((-self.activations, self.positions))  # by position, the strongest first in each
        positions = self.positions[order]
        first = np.searchsorted(positions, np.arange(count))  # where each position begins in that order
        rank = np.arange(len(order)) - first[positions]
        kept = rank < k
        features[positions[kept], rank[kept]] = self.features[order][kept]
        activations[positions[kept], rank[kept]] = self.activations[order][kept]
        return features, activations

    def to_dense(self) -> np.ndarray:
        """All activations: float32, [pos, d_dict]; 4 x pos x d_dict bytes."""
        dense = np.zeros((len(self.tokens), self._d_dict), np.float32)
        dense[self.positions, self.features] = self.activations
        return dense

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame of all firings: `pos`, `token`, `feature`, `activation`."""
        tokens = [self.tokens.strings[pos] for pos in self.positions]
        return build_frame(pos=self.positions, token=tokens, feature=self.features, activation=self.activations)

    @property
    def _d_dict(self) -> int:
        assert self.dictionary_info.d_dict is not None, "what was read was opened before, and so its size is known"
        return self.dictionary_info.d_dict

    def _require_selected(self, feature: int) -> None:
        from gscope_widgets.errors import UnknownFeature

        if self.selected is not None and feature not in self.selected:
            raise UnknownFeature(
                f"feature {feature} was not read; this reading holds {list(self.selected)}: read again with it"
            )
