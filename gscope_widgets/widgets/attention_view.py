"""AttentionView: what the heads of a layer attend to on a text, which head moves what, and what is typical of each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, TypedDict

import numpy as np
import traitlets as t

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.attention import SCORES, AttentionReading
from gscope_widgets.records.figures import open_figure, write_title
from gscope_widgets.records.glossary import define
from gscope_widgets.records.numbers import check_int, check_layer, check_switch
from gscope_widgets.records.protocols import Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.formats import format_number, format_percent, format_prompt, format_tokens
from gscope_widgets.widgets.base.limits import ATTENDED
from gscope_widgets.widgets.base.picks import TokenPicker
from gscope_widgets.widgets.base.state import Checked, Told, as_prompt, check_scope, check_text
from gscope_widgets.widgets.base.widget import SharedName
from gscope_widgets.widgets.base.wire import ArrayHead, Glyph, Piece, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

AttentionShown = Literal["pattern", "contribution", "effect"]
HeadScore = Literal["previous", "induction", "first", "distance", "beyond"]
SHOWN: tuple[AttentionShown, ...] = ("pattern", "contribution", "effect")
_SHARES = 65535  # steps of a share as it travels
_STEPS = 32767  # of an effect, to either side
_COLUMNS = {
    "previous": "on the token before",
    "induction": "after an earlier occurrence",
    "first": "on the first token",
    "distance": "tokens back, mean",
    "beyond": "beyond the window",
}


class AttentionResult(TypedDict):
    """The heads of one layer on a text, and the scores of all heads."""

    type: Literal["result"]
    request: int
    text: Text  # the settings that this answers: compare with what the view shows now
    layer: int
    tokens: list[str]
    glyphs: list[Glyph]
    windows: list[int]  # by layer: how many tokens it sees, its own among them; 0 for all
    names: list[str]  # by position: the token whose logit `effects` are on
    effect_step: float  # the logit that one step of `effects` is
    note: str  # what became of the position picked, a sentence; empty where it stands where it stood
    # scores [layers, heads, score] float32, NaN where a head has none; sizes [heads, pos], scales [pos] float32.
    # patterns and effects [heads, rows of keys 0 to query], two 16-bit numbers in each int32, the first in its low
    # half: patterns in steps of 1/65535, effects signed in steps of `effect_step`.
    arrays: list[ArrayHead]
    pieces: int  # messages that came before with the bytes of these arrays; 0 where they are this one's buffers


class _Read(NamedTuple):
    settings: dict[str, Any]
    reading: AttentionReading


def pack(values: np.ndarray, dtype: str) -> np.ndarray:
    """The lower triangles of [head, query, key] as 16-bit numbers, two in each int32."""
    rows, columns = np.tril_indices(values.shape[1])
    flat = values[:, rows, columns].astype(dtype).reshape(-1)
    if len(flat) % 2:
        flat = np.append(flat, flat[:1])
    found: np.ndarray = flat.view("<i4")
    return found


def _find_step(reading: AttentionReading) -> float:
    """The logit that one step of an effect is as it travels."""
    return float(np.abs(reading.effects).max(initial=0.0)) / _STEPS or 1.0


def _check_text(view: "AttentionView", value: object) -> object:
    return check_text(view.scope, value)


def _check_layer(view: "AttentionView", value: object) -> int:
    return check_layer(value, layers=view.scope.info.layers)


def _check_head(view: "AttentionView", value: object) -> int:
    return check_int("head", value, low=0, high=view._read.reading.scores.shape[1] - 1)


def _check_shown(_view: "AttentionView", value: object) -> str:
    if not isinstance(value, str) or value not in SHOWN:
        raise InvalidValue(f'show must be "pattern", "contribution" or "effect", got {describe_value(value)}')
    return value


def _check_score(_view: "AttentionView", value: object) -> str:
    if not isinstance(value, str) or value not in SCORES:
        raise InvalidValue(f"score must be one of {', '.join(SCORES)}, got {describe_value(value)}")
    return value


def _check_first(_view: "AttentionView", value: object) -> bool:
    return check_switch("leaves_first_out", value)


class AttentionView(TokenPicker):
    """The attention of a layer's heads on a text: small pictures of all, one enlarged, and a token's row in numbers.

    Each row of a picture is a token, the query; each column one that it attends to, the key. Above the pictures are
    all heads of the model, coloured by a score that is typical of a kind of head: click one to see it. A token picked
    shows what each head of the layer moves to it, and what that adds to the logit of the next token.
    """

    text = Checked(_check_text, Text, "", help="What is read: a string, or chat messages for a chat model.")
    layer = Checked(_check_layer, Annotated[int, Bounds(0)], 0, help="The layer whose heads are shown.")
    head = Checked(_check_head, Annotated[int, Bounds(0)], 0, help="The head that is enlarged.")
    show = Checked(
        _check_shown,
        AttentionShown,
        "pattern",
        help="What pictures show: shares of attention, lengths of what is moved, or its effect on the next logit.",
    )
    leaves_first_out = Checked(
        _check_first, bool, False, help="Whether pictures leave out the first token as a key, where heads rest."
    )
    score = Checked(
        _check_score, HeadScore, "previous", help="What colours the heads of the model: see `AttentionReading`."
    )
    layer_count = Told(int, 1, help="Layers of the model: `layer` goes from 0 to one less.")

    to_page = {"piece": Piece, "result": AttentionResult}
    shared_state: ClassVar[Mapping[SharedName, str]] = {"pos": "selected_pos"}
    settings = ("text", "layer")
    _asking = settings

    def __init__(
        self,
        scope: Scope,
        text: str | Sequence[dict[str, str]] = "",
        *,
        layer: int = 0,
        head: int = 0,
        show: AttentionShown = "pattern",
        leaves_first_out: bool = False,
        score: HeadScore = "previous",
    ):
        """Read a text's attention.

        Args:
            scope: from `gs.load`.
            text: a string, or chat messages for a chat model.
            layer: whose heads are shown.
            head: the one that is enlarged.
            show: "pattern", "contribution" or "effect"; see the trait.
            leaves_first_out: whether pictures leave out the first token as a key.
            score: "previous", "induction", "first", "distance" or "beyond".

        Raises:
            PromptTooLong, InvalidValue: with what to do.
        """
        check_scope(scope)
        self.scope = scope
        settings = {"text": check_text(scope, text), "layer": _check_layer(self, layer)}
        self._read = self._read_attention(settings)
        looks = {"head": head, "show": show, "leaves_first_out": leaves_first_out, "score": score}
        super().__init__(scope, layer_count=scope.info.layers, **looks, **settings)
        self._present(self._read, self._deliver)
        self._open()

    @property
    def reading(self) -> AttentionReading:
        """The attention shown, once the newest request is answered."""
        self.wait()
        return self._read.reading

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row a head of the model: `layer`, `head`, `window`, and the scores."""
        return self._read.reading.to_frame()

    def plot(self) -> "Figure":
        """A matplotlib Figure: the heads of the layer, what `show` says as colours."""
        reading = self._read.reading
        heads = len(reading.patterns)
        columns = min(heads, 4)
        rows = -(-heads // columns)
        figure = open_figure(2.4 * columns + 0.8, 2.4 * rows + 0.6, self.provenance)
        values = self._list_shown()
        if self.leaves_first_out:
            values = values.copy()
            values[:, :, 0] = np.nan
        most = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
        if self.show == "pattern":
            most = 1.0
        signed = self.show == "effect"
        image = None
        for head, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
            if head >= heads:
                axes.set_axis_off()
                continue
            image = axes.imshow(
                values[head], cmap="PuOr_r" if signed else "cividis", vmin=-most if signed else 0, vmax=most
            )
            axes.set_title(f"head {reading.layer}.{head}", fontsize="small")
            axes.set_xticks([])
            axes.set_yticks([])
        write_title(figure, f"{self.badge} · {self._describe_layer()} · {self.show}")
        if image is not None:
            figure.colorbar(image, ax=figure.axes, shrink=0.7)
        return figure

    def shows(self) -> list[str]:
        """The scores of the layer's heads, and what the enlarged one attends to at the token shown."""
        _, reading = self._read
        rows = [word for head in range(reading.scores.shape[1]) for word in self._write_scores(reading.layer, head)]
        return list(
            dict.fromkeys([self._describe_layer(), *rows, *(word for row in self._list_keys() for word in row)])
        )

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        settings, reading = self._read
        pos = self._find_query()
        lines = [
            f"text = {as_prompt(settings['text'])!r}",
            f"attention = scope.attention(text, layer={reading.layer})",
            "print(attention.to_frame().to_string())",
            f"print(attention.row_to_frame({pos}).to_string())  # what each head moves to token {pos}",
        ]
        return "\n".join([*Opening(self.scope).lines, *lines])

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from."""
        _, reading = self._read
        return self.scope.provenance([], token_ids=reading.tokens.ids, layer=reading.layer)

    @t.observe("head", "show", "leaves_first_out", "score", "selected_pos")
    def _on_look(self, _change: object) -> None:
        if not self._is_quiet:
            self._output.refresh()

    def _read_attention(self, settings: dict[str, Any]) -> _Read:
        return _Read(settings, self.scope.attention(as_prompt(settings["text"]), layer=settings["layer"]))

    def _answer(self, settings: dict[str, Any]) -> None:
        self._request(lambda: self._read_attention(settings), deliver=self._deliver, doing="Reading…")

    def _deliver(self, read: _Read) -> None:
        note = self._follow_pick(self._read.reading.tokens, read.reading.tokens, read.settings["text"])
        self._read = read
        settings, reading = read
        step = _find_step(reading)
        content = {
            "text": as_prompt(settings["text"]),
            "layer": reading.layer,
            "tokens": list(reading.tokens.strings),
            "glyphs": [
                {"first": first, "last": last, "character": glyph} for first, last, glyph in reading.tokens.glyphs
            ],
            "windows": list(reading.windows),
            "names": list(reading.names),
            "effect_step": step,
            "note": note,
        }
        arrays = {
            "scores": reading.scores,
            "sizes": reading.sizes,
            "scales": reading.scales,
            "patterns": pack(np.rint(np.clip(reading.patterns, 0, 1) * _SHARES), "<u2"),
            "effects": pack(np.rint(reading.effects / step), "<i2"),
        }
        self._send_result(content, arrays)

    def _shown_text(self) -> object:
        return self._read.settings["text"]

    def _get_result(self) -> AttentionReading:
        return self._read.reading

    def _find_query(self) -> int:
        """The token whose row is shown: the one picked, else the last."""
        last = len(self._read.reading.tokens) - 1
        return last if self.selected_pos is None or self.selected_pos > last else self.selected_pos

    def _list_shown(self) -> np.ndarray:
        """What the pictures show: [head, query, key]."""
        reading = self._read.reading
        if self.show == "pattern":
            return reading.patterns
        if self.show == "effect":
            return reading.effects
        found: np.ndarray = reading.patterns * reading.sizes[:, None] * reading.scales[:, None]
        return found

    def _describe_layer(self) -> str:
        reading = self._read.reading
        return f"layer {reading.layer}, {reading.describe_window()}"

    def _write_scores(self, layer: int, head: int) -> list[str]:
        values = dict(zip(SCORES, self._read.reading.scores[layer, head].tolist(), strict=True))
        return [
            f"{layer}.{head}",
            *(
                "none" if np.isnan(value) else format_number(value) if name == "distance" else format_percent(value)
                for name, value in values.items()
            ),
        ]

    def _list_keys(self) -> list[list[str]]:
        """Of the token shown: position, key, share of the enlarged head, length of what is moved, effect."""
        reading, pos = self._read.reading, self._find_query()
        shown = self._list_tokens()
        head = min(self.head, len(reading.patterns) - 1)
        # As they travel: what view and copy say is the same.
        shares = np.rint(np.clip(reading.patterns[head, pos, : pos + 1].astype(float), 0, 1) * _SHARES) / _SHARES
        lengths = shares * reading.sizes[head, : pos + 1].astype(float) * float(reading.scales[pos])
        step = _find_step(reading)
        effects = np.rint(reading.effects[head, pos, : pos + 1] / step) * step
        order = np.argsort(-shares, kind="stable")[:ATTENDED].tolist()
        return [
            [
                str(key),
                shown[key],
                format_percent(float(shares[key])),
                format_number(float(lengths[key]), 2),
                format_number(float(effects[key]), 2),
            ]
            for key in order
        ]

    def _list_tokens(self) -> list[str]:
        tokens = self._read.reading.tokens
        return format_tokens(tokens.strings, tokens.glyphs)

    def _copy_parts(self) -> list[str]:
        _, reading = self._read
        pos, shown = self._find_query(), self._list_tokens()
        head = min(self.head, len(reading.patterns) - 1)
        columns = ["head", *(_COLUMNS[name] for name in SCORES)]
        heads = [self._write_scores(reading.layer, one) for one in range(reading.scores.shape[1])]
        best = reading.find_heads(self.score, ATTENDED)
        ranked = [self._write_scores(layer, one) for layer, one, _ in best]
        return [
            copy.build_paragraph(f"Text: {format_prompt(as_prompt(self._read.settings['text']))}"),
            copy.build_paragraph(f"Heads of {self._describe_layer()}. A head is named by its layer and number."),
            copy.build_table(columns=columns, rows=heads, caption=f"Scores of the heads of layer {reading.layer}"),
            copy.build_table(
                columns=columns, rows=ranked, caption=f"Heads of the model that score highest: {_COLUMNS[self.score]}"
            ),
            copy.build_table(
                columns=["position", "token", "share", "length moved", "logit"],
                rows=self._list_keys(),
                caption=f"Attention pattern of head {reading.layer}.{head} at position {pos}, {shown[pos]}",
            ),
        ]

    def _define_terms(self) -> dict[str, str]:
        return {name: define(name) for name in ("attention pattern", "head", "induction head", "layer", "logit")}
