"""TokenHeatmap: a text whose tokens are coloured by the features that fire on them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypedDict

import numpy as np
import traitlets as t

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.figures import escape_math, open_figure
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.glossary import define
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.features import FeatureWidget, tell_label, tell_ref
from gscope_widgets.widgets.base.formats import format_feature, format_label, format_number, format_tokens
from gscope_widgets.widgets.base.limits import PAINTED_FEATURES, TOP_PER_TOKEN
from gscope_widgets.widgets.base.picks import TokenPicker
from gscope_widgets.widgets.base.state import (
    Checked,
    Told,
    as_prompt,
    check_dictionary,
    check_ref,
    check_scope,
    check_text,
)
from gscope_widgets.widgets.base.widget import SharedName
from gscope_widgets.widgets.base.wire import ArrayHead, FeatureInfo, Glyph, Label, Ref, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

ColorRange = Literal["feature", "text"]


class ReadingResult(TypedDict):
    """The features on a text."""

    type: Literal["result"]
    request: int
    text: Text  # what was read: compare with what the editor holds now
    tokens: list[str]
    ids: list[int]
    ignored: dict[str, str]  # position to the reason it is left out: {"0": "the first position ..."}
    glyphs: list[Glyph]
    features: list[FeatureInfo]  # one a row of `values`
    labels: dict[str, Label]  # of every feature among `top_features` that has one
    fvu: float | None  # of the whole text, ignored positions left out; null where fewer than two are left
    mean_l0: float | None  # null where no position is left
    note: str  # what became of the token picked, a sentence; empty where it stands where it stood
    # values [features, pos] float32; top_features [pos, k] int32, -1 where fewer fire; top_activations [pos, k]
    # float32; l0 [pos] int32; fvu [pos] float32, no finite number where it is not defined
    arrays: list[ArrayHead]


class _Read(NamedTuple):
    text: Any  # as the trait holds it
    reading: FeatureReading


def _check_text(heatmap: "TokenHeatmap", value: object) -> object:
    return check_text(heatmap.scope, value)


def _check_selected(heatmap: "TokenHeatmap", value: object) -> FeatureRef | None:
    return None if value is None else heatmap._check_own(check_ref(heatmap.scope, value, heatmap._get_dictionary))


def _check_color_range(_heatmap: "TokenHeatmap", value: object) -> str:
    if not isinstance(value, str) or value not in ("feature", "text"):
        raise InvalidValue(f'color_range must be "feature" or "text", got {describe_value(value)}')
    return value


class TokenHeatmap(TokenPicker, FeatureWidget):
    """An editable text, its tokens coloured by one to four features of a dictionary.

    The first feature of `features` fills the token, the others draw bars under it. Hover or
    focus a token for its numbers; click it to set `selected_pos` and `selected_feature`. Typing
    reads the text again; the newest text wins.
    """

    text = Checked(_check_text, Text, "", help="What is read: a string, or chat messages for a chat model.")
    color_range = Checked(
        _check_color_range,
        ColorRange,
        "feature",
        help="Full colour at the feature's largest known activation (feature) or at its largest in this text (text).",
    )
    selected_feature = Checked(
        _check_selected,
        Ref | None,
        None,
        accepts=int | Ref | None,
        to_page=lambda ref: None if ref is None else tell_ref(ref),
        help="The feature picked, as a FeatureRef, or None.",
    )
    dictionary_id = Told(str, "", help="The dictionary whose features are shown.")
    d_dict = Told(int, 0, help="Features are 0 to d_dict - 1.")

    to_page = {"result": ReadingResult}
    shared_state: ClassVar[Mapping[SharedName, str]] = {"feature": "selected_feature", "pos": "selected_pos"}
    _followed: FeatureRef | None = None  # painted because a linked widget picked it
    settings = ("text", "features")
    _asking = settings
    _at_least, _at_most = 0, PAINTED_FEATURES

    def __init__(
        self,
        scope: Scope,
        text: str | Sequence[dict[str, str]] = "",
        dictionary: Dictionary | None = None,
        *,
        features: Sequence[int | FeatureRef] | None = None,
        color_range: ColorRange = "feature",
    ):
        """Read the text and paint it.

        Args:
            scope: from `gs.load`.
            text: what to read at first: a string, or chat messages for a chat model.
            dictionary: from `scope.dictionary()`, which is also the default.
            features: up to four; None takes the three that fire most, by share of their largest known activation.
            color_range: "feature" or "text"; see the trait.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        check_scope(scope)
        self.dictionary = check_dictionary(scope, dictionary)
        refs = self._prepare(scope, () if features is None else features, self.dictionary)
        text = check_text(scope, text)
        self._read = _Read(text, scope.read(as_prompt(text), self.dictionary))
        super().__init__(
            scope,
            features=self._choose_features() if features is None else refs,
            text=text,
            color_range=color_range,
            dictionary_id=self.dictionary.info.id,
            d_dict=self.dictionary.d_dict,
        )
        self._present(self._read, self._deliver)
        self._open()

    @property
    def reading(self) -> FeatureReading:
        """The features on the text shown, once the newest request is answered."""
        self.wait()
        return self._read.reading

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame: `pos`, `token` and one column of activations for each painted feature."""
        tokens = self._read.reading.tokens
        traces = {f"feature_{ref.feature}": self._read.reading.trace(ref.feature) for ref in self.features}
        return build_frame(pos=np.arange(len(tokens)), token=list(tokens.strings), **traces)

    def plot(self) -> "Figure":
        """A matplotlib Figure: painted features as rows, tokens as columns."""
        reading, refs = self._read.reading, self.features
        tokens = reading.tokens
        figure = open_figure(min(max(4, 0.35 * len(tokens)), 200), 1.5 + 0.5 * len(refs))
        axes = figure.subplots()
        names = [escape_math(token) for token in format_tokens(tokens.strings, tokens.glyphs)]
        axes.set_xticks(range(len(tokens)), names, rotation=90)
        axes.set_yticks(range(len(refs)), [format_feature(ref) for ref in refs])
        axes.set_title(f"{self.badge} · {self.dictionary_id}", fontsize="small")
        if refs:
            values = np.array([reading.trace(ref.feature) for ref in refs])
            image = axes.imshow(values, aspect="auto", cmap="cividis", vmin=0)
            figure.colorbar(image, ax=axes, label="activation")
        return figure

    def shows(self) -> list[str]:
        """The tokens, and the activations of the painted features."""
        reading = self._read.reading
        shown = format_tokens(reading.tokens.strings, reading.tokens.glyphs)
        traces = [reading.trace(ref.feature) for ref in self.features]
        values = [format_number(float(trace[pos]), 4) for trace in traces for pos in reading.tokens.used]
        return list(dict.fromkeys([*(shown[pos] for pos in reading.tokens.used), *values]))

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        opening = Opening(self.scope, dictionary_ids=[self.dictionary_id])
        return "\n".join(
            [
                *opening.lines,
                f"text = {as_prompt(self._read.text)!r}",
                "reading = scope.read(text, dictionary)",
                f"for feature in {[ref.feature for ref in self.features]}:",
                "    print(feature, reading.trace(feature))",
            ]
        )

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from."""
        ids = self._read.reading.tokens.ids
        return self.scope.provenance([self.dictionary_id], token_ids=ids, features=[str(ref) for ref in self.features])

    def read_shared(self, name: SharedName) -> Any:
        """See `GscopeWidget`. The feature is the one picked, else the one that fills the tokens."""
        return (
            self.selected_feature or next(iter(self.features), None) if name == "feature" else super().read_shared(name)
        )

    def take_shared(self, name: SharedName, value: Any) -> None:
        """See `GscopeWidget`. A feature of this dictionary is picked and fills the tokens, in place of the one before.

        Those that the reader chose stay; where there are four of them, it is refused in words.
        """
        if name != "feature":
            super().take_shared(name, value)
            return
        if value is None or value.dictionary_id != self.dictionary_id:
            return
        own = [ref for ref in self.features if ref not in (value, self._followed)]
        if len(own) == PAINTED_FEATURES:
            self._requests.refuse(
                InvalidValue(f"{PAINTED_FEATURES} features are painted; remove one, and pick #{value.feature} again")
            )
            return
        if value not in self.features:
            self._followed = value
        self.features = [value, *own]
        self.selected_feature = value

    def _check_refs(self, value: object) -> tuple[FeatureRef, ...]:
        return tuple(self._check_own(ref) for ref in super()._check_refs(value))

    def _check_own(self, ref: FeatureRef) -> FeatureRef:
        if ref.dictionary_id != self.dictionary.info.id:
            raise InvalidValue(f"{ref} is of another dictionary than this heatmap's, {self.dictionary.info.id}")
        return ref

    def _choose_features(self) -> tuple[FeatureRef, ...]:
        found = self._read.reading.top(50) if len(self._read.reading.features) else []
        share = {top.feature: top.activation / (self.dictionary.max_activation(top.feature) or np.inf) for top in found}
        if not any(share.values()):
            share = {top.feature: top.activation for top in found}
        chosen = sorted(share, key=lambda feature: -share[feature])[:3]
        return tuple(self.dictionary.feature(feature) for feature in chosen)

    @t.observe("color_range")
    def _on_color_range(self, _change: object) -> None:
        self._output.refresh()

    def _answer(self, settings: dict[str, Any]) -> None:
        text = settings["text"]

        def read() -> _Read:
            known = self._read
            return known if known.text == text else _Read(text, self.scope.read(as_prompt(text), self.dictionary))

        self._request(read, deliver=self._deliver, doing="Reading…")

    def _deliver(self, read: _Read) -> None:
        note = self._follow_pick(self._read.reading.tokens, read.reading.tokens, read.text)
        self._read = read
        self._send_result(*self._build_message(read, note))

    def _shown_text(self) -> object:
        return self._read.text

    def _get_result(self) -> FeatureReading:
        return self._read.reading

    def _build_message(self, read: _Read, note: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        reading, refs = read.reading, self.features
        tokens = reading.tokens
        top_features, top_activations = reading.top_by_token(TOP_PER_TOKEN)
        shown = np.unique(top_features[top_features >= 0]).tolist()
        content = {
            "text": as_prompt(read.text),
            "tokens": list(tokens.strings),
            "ids": list(tokens.ids),
            "ignored": {str(pos): reason for pos, reason in tokens.ignored.items()},
            "glyphs": [
                {"first": first, "last": last, "character": character} for first, last, character in tokens.glyphs
            ],
            "features": self._tell_known(refs),
            "labels": {
                str(feature): tell_label(reading.labels[feature]) for feature in shown if feature in reading.labels
            },
            "fvu": reading.total_fvu,
            "mean_l0": float(reading.l0[list(tokens.used)].mean()) if tokens.used else None,
            "note": note,
        }
        traces = [reading.trace(ref.feature) for ref in refs]
        arrays = {
            "values": np.array(traces, np.float32).reshape(len(traces), len(tokens)),
            "top_features": top_features,
            "top_activations": top_activations,
            "l0": reading.l0,
            "fvu": reading.fvu,
        }
        return content, arrays

    def _copy_parts(self) -> list[str]:
        reading, refs = self._read.reading, self.features
        tokens = reading.tokens
        if not tokens.used:
            return [copy.build_paragraph("No text yet.")]
        shown = format_tokens(tokens.strings, tokens.glyphs)
        traces = {ref: reading.trace(ref.feature) for ref in refs}
        parts = [self._build_strip(refs[0], traces[refs[0]], shown)] if refs else []
        columns = ["position", "token", *(format_feature(ref) for ref in refs), "features firing"]
        rows = [
            [
                str(pos),
                shown[pos],
                *(format_number(float(trace[pos]), 4) for trace in traces.values()),
                str(reading.l0[pos]),
            ]
            for pos in tokens.used
        ]
        table = copy.build_table(columns=columns, rows=rows, caption="Activation by token")
        return [*parts, copy.build_details("Numbers", table)]

    def _define_terms(self) -> dict[str, str]:
        reading = self._read.reading
        mean_l0 = float(reading.l0[list(reading.tokens.used)].mean()) if reading.tokens.used else None
        return {
            "feature": define("feature"),
            "activation": define("activation"),
            "L0": define("L0", mean_l0, self.d_dict),
            "FVU": define("FVU", reading.total_fvu),
        }

    def _build_strip(self, ref: FeatureRef, trace: np.ndarray, shown: Sequence[str]) -> str:
        tokens = self._read.reading.tokens
        known = self.dictionary.max_activation(ref.feature) if self.color_range == "feature" else None
        full = known or float(trace.max()) or 1.0
        shares = [None if pos in tokens.ignored else float(trace[pos]) / full for pos in range(len(tokens))]
        name = format_feature(ref) + format_label(self.dictionary.label(ref.feature))
        head = copy.build_paragraph(f"Coloured by {name}: full colour at {format_number(full, 4)}.")
        return head + copy.build_tokens(shown, shares=shares, breaks=["\n" in token for token in tokens.strings])
