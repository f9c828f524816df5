"""Where every feature of a dictionary fires in a sample of texts, kept sparse: histograms, bands, co-activation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gscope_widgets.records.dashboards import (
    BANDS,
    CONTEXT_SIZES,
    ActivationBand,
    ActivationHistogram,
    FeatureExample,
)
from gscope_widgets.records.tokens import Tokens

_BINS = 40
_BAND_EXAMPLES = 4


@dataclass(frozen=True, eq=False)
class FeatureSample:
    """Firings of all features in some texts, ordered by feature and then by place.

    A place counts the tokens of all texts through, ignored positions included.
    """

    on: str  # what text, for a reader: "75,021 tokens of mini's held-out text"
    texts: tuple[Tokens, ...]
    starts: np.ndarray  # int64, [F + 1]; feature f has the firings starts[f] to starts[f + 1]
    places: np.ndarray  # int32, [firings]
    activations: np.ndarray  # float32, [firings], > 0
    used: int  # tokens looked at, ignored positions left out

    @property
    def nbytes(self) -> int:
        """Bytes of memory, strings aside."""
        return self.starts.nbytes + self.places.nbytes + self.activations.nbytes

    @property
    def d_dict(self) -> int:
        """The number of features."""
        return len(self.starts) - 1

    def density(self, feature: int) -> float:
        """The share of tokens at which a feature fires; 0 of no tokens."""
        return int(self.starts[feature + 1] - self.starts[feature]) / max(1, self.used)

    def fire(self, feature: int) -> tuple[np.ndarray, np.ndarray]:
        """Where one feature fires, and how strongly: places, ascending, and activations."""
        own = slice(self.starts[feature], self.starts[feature + 1])
        return self.places[own], self.activations[own]

    def build_histogram(self, feature: int) -> ActivationHistogram | None:
        """How strongly a feature fires; None where it is silent throughout."""
        _, values = self.fire(feature)
        if not len(values):
            return None
        edges = np.linspace(0, float(values.max()), _BINS + 1, dtype=np.float32)
        edges[-1] = values.max()
        bins = np.searchsorted(edges, values, side="left") - 1  # above the lower edge, up to the upper one
        counts = np.bincount(np.clip(bins, 0, _BINS - 1), minlength=_BINS).astype(np.int64)
        return ActivationHistogram(edges, counts, self.used, self.on)

    def list_examples(self, feature: int, k: int) -> tuple[FeatureExample, ...]:
        """The `k` strongest firings, one a text, strongest first."""
        places, values = self.fire(feature)
        order = np.argsort(-values, kind="stable")
        chosen = self._spread(places[order], k)
        return tuple(self._cut(feature, int(place)) for place in places[order][chosen])

    def list_bands(self, feature: int) -> tuple[ActivationBand, ...]:
        """The range of a feature in fifths, strongest first, with examples from all over each."""
        places, values = self.fire(feature)
        if not len(values):
            return ()
        edges = np.linspace(0, float(values.max()), BANDS + 1, dtype=np.float32)
        edges[-1] = values.max()
        bands = []
        for low, high in zip(edges[-2::-1], edges[:0:-1], strict=True):
            inside = np.flatnonzero((values > low) & (values <= high))
            ranked = inside[np.argsort(-values[inside], kind="stable")]
            # Evenly over the band's ranks, and not its strongest, which would look like the band above.
            wanted = np.linspace(0, len(ranked) - 1, min(len(ranked), 4 * _BAND_EXAMPLES)).round().astype(int)
            spread = ranked[np.unique(wanted)] if len(ranked) else ranked
            step = max(1, len(spread) // _BAND_EXAMPLES)
            order = np.concatenate([spread[offset::step] for offset in range(step)]) if len(spread) else spread
            chosen = order[self._spread(places[order], _BAND_EXAMPLES)]
            chosen = chosen[np.argsort(-values[chosen], kind="stable")]
            examples = tuple(self._cut(feature, int(places[one])) for one in chosen)
            bands.append(ActivationBand(float(low), float(high), len(inside), examples))
        return tuple(bands)

    def correlate(self, feature: int) -> np.ndarray:
        """Correlation (Pearson) of one feature's activations with those of each, over all tokens looked at.

        Returns:
            float32, [F]; NaN for features that are silent throughout or always the same.
        """
        weights = np.zeros(sum(map(len, self.texts)), np.float64)
        places, values = self.fire(feature)
        weights[places] = values
        owners = np.repeat(np.arange(self.d_dict), np.diff(self.starts))
        wide = self.activations.astype(np.float64)
        count = max(1, self.used)
        products = np.bincount(owners, weights[self.places] * wide, minlength=self.d_dict)
        sums = np.bincount(owners, wide, minlength=self.d_dict)
        squares = np.bincount(owners, wide * wide, minlength=self.d_dict)
        spread = np.sqrt(np.maximum(squares / count - (sums / count) ** 2, 0))
        spread[squares == 0] = 0
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (products / count - sums * sums[feature] / count**2) / (spread * spread[feature])
        found[~np.isfinite(found)] = np.nan
        correlations: np.ndarray = np.clip(found, -1, 1).astype(np.float32)
        return correlations

    @property
    def _offsets(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum([len(text) for text in self.texts])])

    def _spread(self, places: np.ndarray, k: int) -> list[int]:
        """Indices of the first `k` places of different texts; of the same ones where there are not as many."""
        owners = np.searchsorted(self._offsets, places, side="right") - 1
        _, first = np.unique(owners, return_index=True)
        chosen = sorted(first.tolist())[:k]
        others = (index for index in range(len(places)) if index not in set(chosen))
        return sorted([*chosen, *[next(others) for _ in range(min(k, len(places)) - len(chosen))]])

    def _cut(self, feature: int, place: int) -> FeatureExample:
        offsets = self._offsets
        owner = int(np.searchsorted(offsets, place, side="right")) - 1
        text, pos = self.texts[owner], place - int(offsets[owner])
        before, after = CONTEXT_SIZES["long"]
        first, stop = max(0, pos - before), min(len(text), pos + after + 1)
        places, values = self.fire(feature)
        own = np.zeros(len(text), np.float32)
        here = slice(*np.searchsorted(places, [offsets[owner], offsets[owner + 1]]))
        own[places[here] - offsets[owner]] = values[here]
        return FeatureExample(text.strings[first:stop], pos - first, float(own[pos]), own[first:stop])


def collect_sample(
    texts: Sequence[Tokens],
    firings: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    *,
    d_dict: int,
    on: str,
) -> FeatureSample:
    """A sample of readings, one a text.

    Args:
        firings: positions, features and activations of each text.
        on: what text it is, without the number of tokens: "mini's held-out text".
    """
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])])
    # Of no text at all too, as the examples of a feature that never fires are.
    nothing = np.zeros(0, np.int64)
    places = np.concatenate([nothing, *(one[0] + at for one, at in zip(firings, offsets[:-1], strict=True))])
    features = np.concatenate([nothing, *(one[1] for one in firings)])
    activations = np.concatenate([nothing, *(one[2] for one in firings)])
    order = np.argsort(features, kind="stable")
    used = sum(len(text.used) for text in texts)
    return FeatureSample(
        on=f"{used:,} tokens of {on}",
        texts=tuple(texts),
        starts=np.searchsorted(features[order], np.arange(d_dict + 1)).astype(np.int64),
        places=places[order].astype(np.int32),
        activations=activations[order].astype(np.float32),
        used=used,
    )
