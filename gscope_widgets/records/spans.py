"""Where features of a crosscoder or cross-layer transcoder write: decoder norms by layer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.provenance import Provenance

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

SpanKind = Literal["early", "late", "persistent"]
NEAR_PEAK = 0.5  # of a feature's largest share: from there on it is near its peak
MAX_SPANS = 10_000  # features at a time


def check_spanned(features: Sequence[FeatureRef] | FeatureRef) -> tuple[FeatureRef, ...]:
    """Features whose spans are wanted: 1 to 10,000 different ones of one dictionary.

    Raises:
        InvalidValue: something else.
    """
    given = [features] if isinstance(features, FeatureRef) else read_list(features)
    if given is None:
        raise InvalidValue(f"features are a list of refs, dictionary.feature(number), got {describe_value(features)}")
    refs = tuple(given)
    for ref in refs:
        is_one = isinstance(ref, FeatureRef) and isinstance(ref.dictionary_id, str)
        if not is_one or isinstance(ref.feature, bool) or not isinstance(ref.feature, (int, np.integer)):
            raise InvalidValue(f"a feature comes from dictionary.feature(number), got {describe_value(ref)}")
    if not 1 <= len(refs) <= MAX_SPANS or len(set(refs)) < len(refs):
        raise InvalidValue(f"features are 1 to {MAX_SPANS} different ones, got {len(refs)}")
    if len({ref.dictionary_id for ref in refs}) > 1:
        raise InvalidValue(
            "features are of one dictionary, got " + " and ".join(sorted({r.dictionary_id for r in refs}))
        )
    return refs


@dataclass(frozen=True, eq=False)
class WriteSpans:
    """How much features write to each layer of their dictionary, whatever text they fire on.

    The length of a decoder row says little alone, since what is to be written grows from layer to layer. `shares` has
    it beside the mean length of that: an activation of 1 writes so much of it.
    """

    refs: tuple[FeatureRef, ...]
    layers: tuple[int, ...]  # that the dictionary writes to, zero-based, rising
    source_layers: tuple[int, ...]  # by feature, the layer that it reads
    norms: np.ndarray  # float32, [feature, layer]; length of the decoder row; 0 before the layer that is read
    scales: np.ndarray  # float32, [layer]; mean length of what the dictionary is to give there, on a text of ours
    provenance: Provenance | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.refs)

    @property
    def shares(self) -> np.ndarray:
        """Norms over scales: float32, [feature, layer]."""
        shares: np.ndarray = self.norms / np.maximum(self.scales, 1e-30)
        return shares

    @property
    def near_peak(self) -> np.ndarray:
        """Where a feature writes at least half of its largest share: bool, [feature, layer]."""
        shares = self.shares
        near: np.ndarray = (shares > 0) & (shares >= NEAR_PEAK * shares.max(1, keepdims=True))
        return near

    @property
    def kinds(self) -> tuple[SpanKind, ...]:
        """Of each feature: persistent where it is near its peak at half of the layers or more.

        Else early or late: its peak lies in the first or second half of the layers.
        """
        count, shares = len(self.layers), self.shares
        persistent = self.near_peak.sum(1) >= count / 2
        first = shares.argmax(1) < count / 2
        return tuple(
            "persistent" if lasts else "early" if early else "late"
            for lasts, early in zip(persistent.tolist(), first.tolist(), strict=True)
        )

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row a feature and layer that it may write to.

        Columns `feature`, `reads`, `kind`, `layer`, `norm`, `share`, `near_peak`.
        """
        may = np.array(self.layers)[None] >= np.array(self.source_layers)[:, None]
        rows, columns = np.nonzero(may)
        kinds, shares, near = self.kinds, self.shares, self.near_peak
        return build_frame(
            feature=[self.refs[row].feature for row in rows],
            reads=[self.source_layers[row] for row in rows],
            kind=[kinds[row] for row in rows],
            layer=[self.layers[column] for column in columns],
            norm=self.norms[rows, columns],
            share=shares[rows, columns],
            near_peak=near[rows, columns],
        )

    def plot(self, *, kinds: bool = True) -> "Figure":
        """A matplotlib Figure: a row a feature, its shares by layer over its largest, and where it reads.

        Args:
            kinds: say beside each of which kind it is.
        """
        from gscope_widgets.records.span_figures import draw_spans

        return draw_spans(self, kinds=kinds)
