"""LogitLens: what each layer would predict as the next token, were the model to end after it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, TypedDict

import numpy as np
import traitlets as t

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.figures import escape_math, open_figure, write_title
from gscope_widgets.records.glossary import define
from gscope_widgets.records.lens import LensReading
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.numbers import check_int, check_layer
from gscope_widgets.records.protocols import Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.formats import format_percent, format_prompt, format_token, format_tokens
from gscope_widgets.widgets.base.limits import LENS_ROWS, LENS_TOP, PINNED_TOKENS
from gscope_widgets.widgets.base.picks import TokenPicker
from gscope_widgets.widgets.base.state import Checked, Told, as_prompt, check_scope, check_text
from gscope_widgets.widgets.base.widget import SharedName
from gscope_widgets.widgets.base.wire import ArrayHead, Glyph, Piece, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

LensColor = Literal["likeliest", "pinned"]


class LensResult(TypedDict):
    """The likeliest next tokens by layer and position."""

    type: Literal["result"]
    request: int
    text: Text  # the settings that this answers: compare with what the view shows now
    stride: int
    pinned: list[int]
    tokens: list[str]
    glyphs: list[Glyph]
    layers: list[int]  # ascending, zero-based; the model's last one is always among them
    names: dict[str, str]  # the text of every token id in `ids` and `pinned`
    note: str  # what became of the position picked, a sentence; empty where it stands where it stood
    # ids [layers, pos, k] int32, likeliest first; probabilities and logits [layers, pos, k] float32;
    # path_probabilities [pinned, layers, pos] float32; path_ranks [pinned, layers, pos] int32, 0 for the likeliest
    arrays: list[ArrayHead]
    pieces: int  # messages that came before with the bytes of these arrays; 0 where they are this one's buffers


class _Read(NamedTuple):
    settings: dict[str, Any]
    reading: LensReading


def list_layers(count: int, stride: int) -> tuple[int, ...]:
    """Every `stride`-th layer of a model, counted down from its last one, ascending."""
    return tuple(range((count - 1) % stride, count, stride))


def choose_stride(count: int) -> int:
    """The smallest stride that leaves at most `LENS_ROWS` of a model's layers."""
    return -(-count // LENS_ROWS)


def _check_text(lens: "LogitLens", value: object) -> object:
    return check_text(lens.scope, value)


def _check_stride(lens: "LogitLens", value: object) -> int:
    return check_int("stride", value, low=1, high=lens.scope.info.layers)


def _check_layer(lens: "LogitLens", value: object) -> int | None:
    if value is None:
        return None
    layer, shown = check_layer(value, layers=lens.scope.info.layers, name="selected_layer"), lens._list_layers()
    if layer not in shown:
        raise InvalidValue(
            f"selected_layer must be a layer shown, {', '.join(map(str, shown))}, got {layer}; stride=1 shows all"
        )
    return layer


def _check_pinned(lens: "LogitLens", value: Any) -> tuple[int, ...]:
    given = read_list(value)
    if given is None:
        raise InvalidValue(f"pinned is a list of token ids, got {describe_value(value)}")
    ids = tuple(check_int("a pinned token id", one, low=0, high=lens.scope.info.vocabulary - 1) for one in given)
    if len(ids) > PINNED_TOKENS or len(set(ids)) < len(ids):
        raise InvalidValue(
            f"pinned takes at most {PINNED_TOKENS} token ids, each once, got {describe_value(list(ids))}"
        )
    return ids


def _check_color(_lens: "LogitLens", value: object) -> str:
    if not isinstance(value, str) or value not in ("likeliest", "pinned"):
        raise InvalidValue(f'color_by must be "likeliest" or "pinned", got {describe_value(value)}')
    return value


class LogitLens(TokenPicker):
    """A grid of layers and positions: each cell is the likeliest next token, read off the stream after that layer.

    The deepest layer is at the top, as such grids are usually drawn. Before the last layer the lens
    is a hint; after it, it is the model's own prediction. Click a cell to select it and list its likeliest
    tokens; pin one of them to follow its probability from layer to layer.
    """

    text = Checked(_check_text, Text, "", help="What is read: a string, or chat messages for a chat model.")
    stride = Checked(_check_stride, Annotated[int, Bounds(1)], 1, help="Every n-th layer is shown, the last always.")
    pinned = Checked(_check_pinned, list[int], (), help="Ids of the tokens whose paths are drawn.")
    color_by = Checked(
        _check_color,
        LensColor,
        "likeliest",
        help="A cell's colour: the probability of its own token, or of the first pin.",
    )
    selected_layer = Checked(_check_layer, Annotated[int, Bounds(0)] | None, None, help="The row selected, or None.")
    layer_count = Told(int, 1, help="Layers of the model: `stride` goes from 1 to this.")

    to_page = {"piece": Piece, "result": LensResult}
    shared_state: ClassVar[Mapping[SharedName, str]] = {"pos": "selected_pos"}
    settings = ("text", "stride", "pinned")
    _asking = settings

    def __init__(
        self,
        scope: Scope,
        text: str | Sequence[dict[str, str]] = "",
        *,
        stride: int | None = None,
        pinned: Sequence[int] = (),
        color_by: LensColor = "likeliest",
    ):
        """Read the text with the lens.

        Args:
            scope: from `gs.load`.
            text: a string, or chat messages for a chat model.
            stride: show every n-th layer, and the last; None shows at most 20 layers.
            pinned: ids of tokens to follow through the layers, six at most.
            color_by: "likeliest" or "pinned"; see the trait.

        Raises:
            PromptTooLong, InvalidValue: with what to do.
        """
        check_scope(scope)
        self.scope = scope
        stride = choose_stride(scope.info.layers) if stride is None else _check_stride(self, stride)
        settings = {"text": check_text(scope, text), "stride": stride, "pinned": _check_pinned(self, pinned)}
        self._read = self._apply_lens(settings)
        super().__init__(scope, layer_count=scope.info.layers, color_by=color_by, **settings)
        self._present(self._read, self._deliver)
        self._open()

    @property
    def reading(self) -> LensReading:
        """What the lens reads off the text shown, once the newest request is answered."""
        self.wait()
        return self._read.reading

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame: `layer`, `pos`, `token` (read there), `rank`, `id`, `next_token`, `probability`."""
        return self._read.reading.to_frame()

    def plot(self) -> "Figure":
        """A matplotlib Figure: layers as rows, the deepest at the top, coloured by the probability shown."""
        reading, shown = self._read.reading, self._list_tokens()
        figure = open_figure(min(max(4, 0.7 * len(shown) + 2), 200), 1.8 + 0.3 * len(reading.layers), self.provenance)
        axes = figure.subplots()
        values = reading.probabilities[..., 0]
        image = axes.imshow(values, aspect="auto", origin="lower", cmap="cividis", vmin=0, vmax=1)
        for row, pos in np.ndindex(values.shape):
            ink = "black" if values[row, pos] > 0.5 else "white"
            word = escape_math(self._name(row, pos)[:12])
            axes.text(pos, row, word, ha="center", va="center", fontsize="x-small", color=ink)
        axes.set_xticks(range(len(shown)), [escape_math(token) for token in shown], rotation=90)
        axes.set_yticks(range(len(reading.layers)), [f"layer {layer}" for layer in reading.layers])
        write_title(figure, f"{self.badge} · likeliest next token by layer")
        figure.colorbar(image, ax=axes, label="probability")
        return figure

    def shows(self) -> list[str]:
        """The tokens read, and each cell's likeliest next token and its probability."""
        cells = [self._write_cell(row, pos) for row, pos in np.ndindex(self._read.reading.entropy.shape)]
        return list(dict.fromkeys([*self._list_tokens(), *cells]))

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        settings, reading = self._read
        ids = list(settings["pinned"])
        lines = [
            f"text = {as_prompt(settings['text'])!r}",
            f"lens = scope.logit_lens(text, {LENS_TOP}, layers={list(reading.layers)}, track={ids})",
            "print(lens.to_frame().to_string())",
            *(["for path in lens.paths:", "    print(repr(path.token), path.probabilities)"] if ids else []),
        ]
        return "\n".join([*Opening(self.scope).lines, *lines])

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from."""
        settings, reading = self._read
        kept = {"layers": list(reading.layers), "pinned": list(settings["pinned"])}
        return self.scope.provenance([], token_ids=reading.tokens.ids, **kept)

    @t.observe("stride")
    def _on_stride(self, _change: object) -> None:
        if self.selected_layer not in self._list_layers():
            self.selected_layer = None

    @t.observe("color_by", "selected_layer", "selected_pos")
    def _on_look(self, _change: object) -> None:
        if not self._is_quiet:
            self._output.refresh()

    def _list_layers(self) -> tuple[int, ...]:
        return list_layers(self.scope.info.layers, self.stride)

    def _apply_lens(self, settings: dict[str, Any]) -> _Read:
        layers = list_layers(self.scope.info.layers, settings["stride"])
        prompt = as_prompt(settings["text"])
        return _Read(settings, self.scope.logit_lens(prompt, LENS_TOP, layers=layers, track=settings["pinned"]))

    def _answer(self, settings: dict[str, Any]) -> None:
        self._request(lambda: self._apply_lens(settings), deliver=self._deliver, doing="Reading…")

    def _deliver(self, read: _Read) -> None:
        note = self._follow_pick(self._read.reading.tokens, read.reading.tokens, read.settings["text"])
        if note and self.selected_pos is None:
            self.selected_layer = None
        self._read = read
        settings, reading = read
        paths, shape = reading.paths, reading.entropy.shape
        names = reading.names | {path.id: path.token for path in paths}
        content = {
            "text": as_prompt(settings["text"]),
            "stride": settings["stride"],
            "pinned": list(settings["pinned"]),
            "tokens": list(reading.tokens.strings),
            "glyphs": [
                {"first": first, "last": last, "character": glyph} for first, last, glyph in reading.tokens.glyphs
            ],
            "layers": list(reading.layers),
            "names": {str(id_): name for id_, name in names.items()},
            "note": note,
        }
        arrays = {
            "ids": reading.ids,
            "probabilities": reading.probabilities,
            "logits": reading.logits,
            "path_probabilities": np.array([one.probabilities for one in paths], np.float32).reshape(-1, *shape),
            "path_ranks": np.array([one.ranks for one in paths], np.int32).reshape(-1, *shape),
        }
        self._send_result(content, arrays)

    def _shown_text(self) -> object:
        return self._read.settings["text"]

    def _get_result(self) -> LensReading:
        return self._read.reading

    def _list_tokens(self) -> list[str]:
        tokens = self._read.reading.tokens
        return format_tokens(tokens.strings, tokens.glyphs)

    def _name(self, row: int, pos: int) -> str:
        reading = self._read.reading
        return format_token(reading.names[int(reading.ids[row, pos, 0])])

    def _write_cell(self, row: int, pos: int) -> str:
        return f"{self._name(row, pos)} {format_percent(float(self._read.reading.probabilities[row, pos, 0]))}"

    def _copy_parts(self) -> list[str]:
        reading, shown = self._read.reading, self._list_tokens()
        rows = range(len(reading.layers))
        cells = [[str(pos), token, *(self._write_cell(row, pos) for row in rows)] for pos, token in enumerate(shown)]
        columns = ["position", "token", *(f"layer {layer}" for layer in reading.layers)]
        caption = "Likeliest next token after each layer, with its probability"
        table = copy.build_table(columns=columns, rows=cells, caption=caption)
        read = f"Text: {format_prompt(as_prompt(self._read.settings['text']))}"
        hint = f"A hint before the last layer, {reading.layers[-1]}; after it, the model's own prediction."
        return [
            copy.build_paragraph(read),
            copy.build_paragraph(hint),
            copy.build_details("Numbers", table),
            *self._write_paths(),
        ]

    def _define_terms(self) -> dict[str, str]:
        return {name: define(name) for name in ("layer", "probability")}

    def _write_paths(self) -> list[str]:
        reading = self._read.reading
        pos = len(reading.tokens) - 1 if self.selected_pos is None else self.selected_pos
        if not reading.paths or pos >= len(reading.tokens):
            return []
        columns = ["layer", *(format_token(path.token) for path in reading.paths)]
        rows = [
            [str(layer), *(format_percent(float(path.probabilities[row, pos])) for path in reading.paths)]
            for row, layer in enumerate(reading.layers)
        ]
        return [copy.build_table(columns=columns, rows=rows, caption=f"Pinned tokens at position {pos}")]
