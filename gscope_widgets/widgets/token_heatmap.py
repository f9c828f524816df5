"""TokenHeatmap: a text whose tokens are coloured by the features that fire on them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets as t

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.numbers import check_feature, check_int
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.widgets import _static
from gscope_widgets.widgets._base import GscopeWidget, read_bundle
from gscope_widgets.widgets._state import (
    Checked,
    check_dictionary,
    check_scope,
    check_text,
    describe_feature,
    describe_label,
    describe_source,
    resolve_features,
    write_opening,
)
from gscope_widgets.widgets._visible import show_token

MAX_PAINTED = 4  # one fills the token, three draw bars under it: more cannot be told apart
TOP_PER_TOKEN = 8
_COLOR_RANGES = ("feature", "text")


def _check_features(heatmap: "TokenHeatmap", value: Any) -> list[int]:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise InvalidValue(f"features is a list of feature numbers, got {describe_value(value)}")
    features = list(value)
    if len(features) > MAX_PAINTED:
        raise InvalidValue(f"a heatmap paints at most {MAX_PAINTED} features at once, got {len(features)}")
    return list(dict.fromkeys(_feature_number(heatmap, feature) for feature in features))


def _feature_number(heatmap: "TokenHeatmap", value: Any) -> int:
    if isinstance(value, FeatureRef):
        if value.dictionary_id != heatmap.dictionary.info.id:
            raise InvalidValue(f"{value} is of another dictionary than this heatmap's, {heatmap.dictionary.info.id}")
        value = value.feature
    return check_feature(value, d_dict=heatmap.dictionary.d_dict)


def _check_selected_feature(heatmap: "TokenHeatmap", value: Any) -> int | None:
    return None if value is None else _feature_number(heatmap, value)


def _check_pos(_heatmap: "TokenHeatmap", value: Any) -> int | None:
    return None if value is None else check_int("selected_pos", value, low=0, high=10_000_000)


def _check_color_range(_heatmap: "TokenHeatmap", value: Any) -> str:
    if not isinstance(value, str) or value not in _COLOR_RANGES:
        raise InvalidValue(f"color_range must be one of {_COLOR_RANGES}, got {describe_value(value)}")
    return value


class TokenHeatmap(GscopeWidget):
    """An editable text, its tokens coloured by one to four features of a dictionary.

    The first feature of `features` fills the token, the others draw bars under it. Hover or
    focus a token for its numbers; click it to set `selected_pos` and `selected_feature`. Typing
    reads the text again; the newest text wins.
    """

    _esm = read_bundle("token_heatmap.js")
    _css = read_bundle("token_heatmap.css")
    _title = "Token heatmap"

    text = Checked(check_text, "", help="Writers: reader, page. What is read.")
    features = Checked(_check_features, [], help="Writers: reader, page. 0 to 4 feature numbers; the first one fills.")
    color_range = Checked(
        _check_color_range,
        "feature",
        help='Writers: reader, page. Full colour at the feature\'s known maximum ("feature") or in this text ("text").',
    )
    selected_pos = Checked(_check_pos, None, help="Writers: reader, page. The token picked by a click, or None.")
    selected_feature = Checked(
        _check_selected_feature, None, help="Writers: reader, page. The feature picked, or None."
    )
    d_dict = t.Int(help="Writer: Python. Features are 0 to d_dict - 1.").tag(sync=True)

    def __init__(
        self,
        scope: Any,
        text: str = "",
        dictionary: Any = None,
        *,
        features: Sequence[int | FeatureRef] | None = None,
        color_range: str = "feature",
    ):
        """Read the text and paint it.

        Args:
            scope: from `gs.load`.
            text: what to read at first.
            dictionary: from `scope.dictionary()`, which is also the default.
            features: up to four; None takes the three that fire most, by share of their known maximum.
            color_range: "feature" or "text"; see the trait.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        check_scope(scope)
        self.dictionary = check_dictionary(scope, dictionary)
        if not isinstance(text, str):
            raise InvalidValue(f"the text must be a string, got {describe_value(text)}")
        self._reading: FeatureReading = scope.read(text, self.dictionary)
        if features is None:
            numbers = self._choose_features()
        else:
            numbers = [ref.feature for ref in resolve_features(scope, features, self.dictionary)]
        super().__init__(
            scope,
            text=text,
            features=numbers,
            color_range=color_range,
            d_dict=self.dictionary.d_dict,
            footer=describe_source(scope, self.dictionary.info.id),
        )
        self._deliver_reading(self._reading)
        self._answers = True

    @property
    def reading(self) -> FeatureReading:
        """The features on the text shown, once the newest request is answered."""
        self.wait()
        return self._reading

    def to_frame(self):
        """A pandas DataFrame: `pos`, `token` and one column of activations for each painted feature."""
        from gscope_widgets.records.frames import build_frame

        tokens = self._reading.tokens
        traces = {f"feature_{feature}": self._reading.trace(feature) for feature in self.features}
        return build_frame(pos=np.arange(len(tokens)), token=list(tokens.strings), **traces)

    def plot(self):
        """A matplotlib Figure: painted features as rows, tokens as columns."""
        from matplotlib.figure import Figure

        tokens = self._reading.tokens
        figure = Figure(
            figsize=(min(max(4, 0.35 * len(tokens)), 200), 1.5 + 0.5 * len(self.features)), layout="constrained"
        )
        axes = figure.subplots()
        values = np.array([self._reading.trace(feature) for feature in self.features]).reshape(-1, len(tokens))
        axes.set_xticks(range(len(tokens)), [_plain(token) for token in tokens.strings], rotation=90)
        axes.set_yticks(range(len(self.features)), [f"feature {feature}" for feature in self.features])
        axes.set_title(f"{self.badge} · {self.dictionary.info.id}", fontsize="small")
        if len(values):
            image = axes.imshow(values, aspect="auto", cmap="cividis", vmin=0)
            figure.colorbar(image, ax=axes, label="activation")
        return figure

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        return "\n".join(
            [
                *write_opening(self.scope, [self.dictionary.info.id]),
                f"reading = scope.read({self._reading.tokens.text!r}, dictionary_0)",
                f"for feature in {self.features}:",
                "    print(feature, reading.trace(feature))",
            ]
        )

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from."""
        ids = self._reading.tokens.ids
        return self.scope.provenance([self.dictionary.info.id], token_ids=ids, features=list(self.features))

    @t.observe("color_range")
    def _on_color_range(self, _change: Any) -> None:
        self._refresh_copy()

    @t.observe("text", "features")
    def _on_change(self, _change: Any) -> None:
        if not self._answers:
            return
        text = self.text

        def read() -> FeatureReading:
            same = self._reading.tokens.text == text
            return self._reading if same else self.scope.read(text, self.dictionary)

        self._request(read, deliver=self._deliver_reading, slot="read", doing="Reading…")

    def _deliver_reading(self, reading: FeatureReading) -> None:
        self._reading = reading
        self._deliver(*self._build_message(reading))

    def _choose_features(self) -> list[int]:
        found = self._reading.top(50) if len(self._reading.features) else []
        share = {top.feature: top.activation / (self.dictionary.max_activation(top.feature) or np.inf) for top in found}
        if not any(share.values()):
            share = {top.feature: top.activation for top in found}
        return sorted(share, key=share.get, reverse=True)[:3]

    def _build_message(self, reading: FeatureReading) -> tuple[dict, dict[str, np.ndarray]]:
        tokens = reading.tokens
        painted = [self.scope.describe(self.dictionary.feature(feature)) for feature in self.features]
        top_features, top_activations = rank_by_token(reading, k=TOP_PER_TOKEN)
        shown = np.unique(top_features[top_features >= 0]).tolist()
        content = {
            "type": "result",
            "text": tokens.text,
            "tokens": list(tokens.strings),
            "ids": list(tokens.ids),
            "ignored": {str(pos): reason for pos, reason in tokens.ignored.items()},
            "glyphs": [list(glyph) for glyph in tokens.glyphs],
            "features": [describe_feature(summary) for summary in painted],
            "labels": {
                str(feature): describe_label(reading.labels[feature]) for feature in shown if feature in reading.labels
            },
            "fvu": reading.total_fvu,
            "mean_l0": float(reading.l0[list(tokens.used)].mean()) if tokens.used else None,
        }
        traces = [reading.trace(feature) for feature in self.features]
        arrays = {
            "values": np.array(traces, np.float32).reshape(len(traces), len(tokens)),
            "top_features": top_features,
            "top_activations": top_activations,
            "l0": reading.l0,
            "error": (reading.error_norm / np.maximum(reading.norm, 1e-30)).astype(np.float32),
        }
        return content, arrays

    def _copy_parts(self) -> list[str]:
        reading, tokens = self._reading, self._reading.tokens
        if not tokens.used:
            return [_static.build_paragraph("No text yet.")]
        traces = {feature: reading.trace(feature) for feature in self.features}
        parts = []
        if self.features:
            first = self.features[0]
            known = self.dictionary.max_activation(first) if self.color_range == "feature" else None
            full = known or float(traces[first].max()) or 1.0
            shares = [None if pos in tokens.ignored else float(traces[first][pos]) / full for pos in range(len(tokens))]
            label = self.dictionary.label(first)
            name = f"feature {first}" + (f" ({label.text}; {label.source})" if label else "")
            parts.append(_static.build_paragraph(f"Coloured by {name}: full colour at {full:.4g}."))
            parts.append(_static.build_tokens(tokens.strings, shares=shares))
        columns = ["position", "token", *(f"feature {feature}" for feature in self.features), "features firing"]
        rows = [
            [
                str(pos),
                show_token(tokens.strings[pos]),
                *(f"{trace[pos]:.4g}" for trace in traces.values()),
                str(reading.l0[pos]),
            ]
            for pos in tokens.used
        ]
        table = _static.build_table(columns=columns, rows=rows, caption="Activation by token")
        return [*parts, _static.build_details("Numbers", table)]


def rank_by_token(reading: FeatureReading, *, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` strongest features at each token.

    Returns:
        Features, int32, [pos, k], -1 where fewer fire; activations, float32, [pos, k].
    """
    count = len(reading.tokens)
    features, activations = np.full((count, k), -1, np.int32), np.zeros((count, k), np.float32)
    order = np.lexsort((-reading.activations, reading.positions))
    positions = reading.positions[order]
    starts = np.searchsorted(positions, np.arange(count))
    rank = np.arange(len(order)) - starts[positions]
    kept = rank < k
    features[positions[kept], rank[kept]] = reading.features[order][kept]
    activations[positions[kept], rank[kept]] = reading.activations[order][kept]
    return features, activations


def _plain(token: str) -> str:
    return show_token(token).replace("$", r"\$")
