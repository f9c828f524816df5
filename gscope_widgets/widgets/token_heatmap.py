"""TokenHeatmap: a text whose tokens are coloured by the features that fire on them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypedDict, get_args

import numpy as np
import traitlets as t

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.fidelity import DeltaLoss
from gscope_widgets.records.figures import escape_math, open_figure, write_title
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.glossary import define
from gscope_widgets.records.lens import LensReading
from gscope_widgets.records.numbers import check_switch
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.features import FeatureWidget, tell_label, tell_ref
from gscope_widgets.widgets.base.formats import format_feature, format_label, format_number, format_tokens
from gscope_widgets.widgets.base.limits import COPIED_TOKENS, LABELLED_FEATURES, PAINTED_FEATURES, TOP_PER_TOKEN
from gscope_widgets.widgets.base.picks import TokenPicker
from gscope_widgets.widgets.base.quantities import (
    Quantity,
    build_quantity,
    check_numbers,
    check_range,
    list_kinds,
)
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
from gscope_widgets.widgets.base.wire import ArrayHead, FeatureInfo, Glyph, Label, Piece, Ref, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_TICKS = 600  # of a figure, at most
_LOSSES = ("loss", "replaced", "ablated")

ColorBy = Literal["features", "l0", "fvu", "error_norm", "lens", "own"]
ColorRange = Literal["feature", "text"] | list[float]


class QuantityInfo(TypedDict):
    """What may fill the tokens in place of features."""

    name: str  # as a legend says it
    full: float | None  # where its colour is full by itself; null where that is at its maximum in the text
    source: str  # what that is, in words


class LossInfo(TypedDict):
    """What the reconstruction costs the model on the text; nats a token."""

    loss: float
    replaced: float  # with the reconstruction in place
    ablated: float  # with the mean over the text in place
    recovered: float | None  # the share of the mean's damage that the reconstruction avoids; null where it does none


class ReadingResult(TypedDict):
    """The features on a text."""

    type: Literal["result"]
    request: int
    text: Text  # what was read: compare with what the editor holds now
    tokens: list[str]
    ignored: dict[str, str]  # position to the reason it is left out: {"0": "the first position ..."}
    glyphs: list[Glyph]
    features: list[FeatureInfo]  # one a row of `values`
    labels: dict[str, Label]  # of the features among `top_features` that have one, in a long text of the strongest
    quantities: dict[str, QuantityInfo]  # by the `color_by` that asks for it
    fvu: float | None  # of the whole text, ignored positions left out; null where fewer than two are left
    mean_l0: float | None  # null where no position is left
    delta_loss: LossInfo | None  # null where it was not asked for, or fewer than two positions are left
    note: str  # what became of the token picked, a sentence; empty where it stands where it stood
    # values [features, pos] float32; top_features [pos, k] int32, -1 where fewer fire; top_activations [pos, k]
    # float32; ids and l0 [pos] int32; fvu, error_norm and norm [pos] float32, no finite number where not defined;
    # lens and own [pos] float32, [0] where none was read or given
    arrays: list[ArrayHead]
    pieces: int  # messages that came before with the bytes of these arrays; 0 where they are this one's buffers


class _Read(NamedTuple):
    text: Any  # as the trait holds it
    reading: FeatureReading
    lens: LensReading | None  # of the dictionary's layer, once it was asked for
    loss: DeltaLoss | None  # the same


def _write(value: np.number) -> str:
    return str(value) if isinstance(value, np.integer) else format_number(float(value), 4)


def _check_text(heatmap: "TokenHeatmap", value: object) -> object:
    return check_text(heatmap.scope, value)


def _check_selected(heatmap: "TokenHeatmap", value: object) -> FeatureRef | None:
    return None if value is None else heatmap._check_own(check_ref(heatmap.scope, value, heatmap._get_dictionary))


def _check_with_loss(_heatmap: "TokenHeatmap", value: object) -> bool:
    return check_switch("with_loss", value)


def _check_color_range(_heatmap: "TokenHeatmap", value: object) -> str | tuple[float, float]:
    return value if isinstance(value, str) and value in ("feature", "text") else check_range(value)


def _check_color_by(heatmap: "TokenHeatmap", value: object) -> object:
    if not isinstance(value, str):
        return check_numbers(value, heatmap.scope.tokens(as_prompt(heatmap.text)))
    if value not in get_args(ColorBy):
        wanted = ", ".join(f'"{one}"' for one in get_args(ColorBy)[:-1])
        raise InvalidValue(f"color_by must be {wanted} or one number a token, got {describe_value(value)}")
    if value == "own" and isinstance(heatmap.color_by, str):
        raise InvalidValue("no numbers of your own are known for this text: set heatmap.color_by to one number a token")
    return heatmap.color_by if value == "own" else value


class TokenHeatmap(TokenPicker, FeatureWidget):
    """An editable text, its tokens coloured by one to four features of a dictionary, or by another number.

    The first feature of `features` fills the token, the others draw bars under it, and a line at its foot shows
    what the features leave out (FVU). `color_by` fills the tokens by another number instead. Hover or
    focus a token for its numbers; click it to set `selected_pos` and `selected_feature`. Typing
    reads the text again; the newest text wins.
    """

    text = Checked(_check_text, Text, "", help="What is read: a string, or chat messages for a chat model.")
    color_range = Checked(
        _check_color_range,
        ColorRange,
        "feature",
        to_page=lambda value: value if isinstance(value, str) else list(value),
        help="Full colour at the feature's largest known activation (feature), at the largest value in this text "
        "(text), or a range of two numbers, such as (0, 5). Another `color_by` begins with (feature) again.",
    )
    color_by = Checked(
        _check_color_by,
        ColorBy,
        "features",
        to_page=lambda value: value if isinstance(value, str) else "own",
        help="What fills the tokens: the first of `features`; the number of features that fire (l0); what they leave "
        "out (fvu, error_norm); how likely the likeliest next token is, read off the dictionary's layer (lens); or "
        "numbers of one's own (own), set in Python as a list of one a token.",
    )
    selected_feature = Checked(
        _check_selected,
        Ref | None,
        None,
        accepts=int | Ref | None,
        to_page=lambda ref: None if ref is None else tell_ref(ref),
        help="The feature picked, as a FeatureRef, or None.",
    )
    with_loss = Checked(
        _check_with_loss,
        bool,
        False,
        help="Whether the model is run with the dictionary's reconstruction in place too, and its loss then is said "
        "with every reading.",
    )
    dictionary_id = Told(str, "", help="The dictionary whose features are shown.")
    d_dict = Told(int, 0, help="Features are 0 to d_dict - 1.")

    to_page = {"piece": Piece, "result": ReadingResult}
    shared_state: ClassVar[Mapping[SharedName, str]] = {"feature": "selected_feature", "pos": "selected_pos"}
    _followed: FeatureRef | None = None  # painted because a linked widget picked it
    settings = ("text", "features", "color_by", "with_loss")
    _asking = ("text", "features")
    _own_text: object = None  # the text that numbers of one's own were given for
    _at_least, _at_most = 0, PAINTED_FEATURES

    def __init__(
        self,
        scope: Scope,
        text: str | Sequence[dict[str, str]] = "",
        dictionary: Dictionary | None = None,
        *,
        features: Sequence[int | FeatureRef] | None = None,
        color_by: ColorBy | Sequence[float] | np.ndarray = "features",
        color_range: Literal["feature", "text"] | tuple[float, float] = "feature",
        with_loss: bool = False,
    ):
        """Read the text and paint it.

        Args:
            scope: from `gs.load`.
            text: what to read at first: a string, or chat messages for a chat model.
            dictionary: from `scope.dictionary()`, which is also the default.
            features: up to four; None takes the three that fire most, by share of their largest known activation.
            color_by: "features", "l0", "fvu", "error_norm", "lens" (which runs the model once more), or one number
                for each token of the text, positions left out included; see the trait.
            color_range: "feature", "text", or two numbers; see the trait.
            with_loss: say with every reading what the reconstruction costs the model: four passes more of the text.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        check_scope(scope)
        self.dictionary = check_dictionary(scope, dictionary)
        refs = self._prepare(scope, () if features is None else features, self.dictionary)
        text = check_text(scope, text)
        self._read = _Read(text, scope.read(as_prompt(text), self.dictionary), None, None)
        if check_switch("with_loss", with_loss):
            self._read = self._measure_loss(self._read)
        if isinstance(color_by, str) and color_by == "lens":
            self._read = self._read._replace(lens=self._apply_lens(text))
        super().__init__(
            scope,
            features=self._choose_features() if features is None else refs,
            text=text,
            color_by=color_by,
            color_range=color_range,
            with_loss=with_loss,
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
        """A pandas DataFrame, one row a token.

        Columns: `pos`, `token`, the activation of each painted feature (`feature_3`), `l0`, `fvu`, `error_norm`, and
        `lens_probability` or `own` where the tokens are coloured by that.
        """
        reading = self._read.reading
        columns = {f"feature_{ref.feature}": reading.trace(ref.feature) for ref in self.features}
        columns |= {"l0": reading.l0, "fvu": reading.fvu, "error_norm": reading.error_norm}
        quantity = self._quantity()
        if quantity is not None and quantity.column not in columns:
            columns[quantity.column] = quantity.values
        return build_frame(pos=np.arange(len(reading.tokens)), token=list(reading.tokens.strings), **columns)

    def plot(self) -> "Figure":
        """A matplotlib Figure: painted features, or what the tokens are coloured by, as rows; tokens as columns."""
        tokens, quantity = self._read.reading.tokens, self._quantity()
        rows = self._list_traces() if quantity is None else [quantity]
        figure = open_figure(min(max(4, 0.35 * len(tokens)), 200), 1.5 + 0.5 * len(rows), self.provenance)
        axes = figure.subplots()
        names = [escape_math(token) for token in format_tokens(tokens.strings, tokens.glyphs)]
        step = -(-len(names) // _TICKS)
        axes.set_xticks(range(0, len(names), step), names[::step], rotation=90)
        axes.set_yticks(range(len(rows)), [row.name for row in rows])
        write_title(figure, f"{self.badge} · {self.dictionary_id}")
        if rows:
            scales = [row.scale(self.color_range) for row in rows]
            image = axes.imshow(
                np.array([row.values for row in rows]),
                aspect="auto",
                cmap="PuOr_r" if scales[0].is_centred else "cividis",
                vmin=min(scale.low for scale in scales),
                vmax=max(scale.high for scale in scales),
            )
            figure.colorbar(image, ax=axes, label="activation" if quantity is None else quantity.name)
        return figure

    def shows(self) -> list[str]:
        """The tokens, the activations of the painted features, and what the tokens are coloured by."""
        shown, quantity = self._shown_tokens(), self._quantity()
        rows = [*self._list_traces(), *([] if quantity is None else [quantity])]
        values = [format_number(float(row.values[pos]), 4) for row in rows for pos in self._list_copied()]
        return list(dict.fromkeys([*(shown[pos] for pos in self._list_copied()), *values]))

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
                *self._write_quantity(),
                *(["print(scope.delta_loss(text, dictionary))"] if self._shown_loss else []),
            ]
        )

    def _write_quantity(self) -> list[str]:
        quantity = self._quantity()
        if quantity is None:
            return []
        if quantity.column == "own":
            numbers = ", ".join(f"{value:.9g}" for value in quantity.values)
            return ["from math import nan", f"print([{numbers}])"]
        if quantity.column == "lens_probability":
            lens = f"lens = scope.logit_lens(text, 1, layers=[{self._lens_layer}])"
            return [lens, "print(lens.probabilities[0, :, 0])"]
        return [f"print(reading.{quantity.column})"]

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from."""
        ids = self._read.reading.tokens.ids
        quantity = self._quantity()
        return self.scope.provenance(
            [self.dictionary_id],
            token_ids=ids,
            features=[str(ref) for ref in self.features],
            color_by="features" if quantity is None else quantity.column,
            color_range=self.color_range if isinstance(self.color_range, str) else list(self.color_range),
        )

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

    def _write_kept(self, name: str) -> object:
        # The page is not told one's own numbers.
        return self.color_by if name == "color_by" else super()._write_kept(name)

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

    @t.observe("color_by")
    def _on_color_by(self, change: Any) -> None:
        is_own = not isinstance(change.new, str)
        if is_own:
            self._own_text = self.text
        if self._is_quiet:
            return
        self.color_range = "feature"
        if is_own or (change.new == "lens" and self._read.lens is None):
            self._answer(self._read_settings())  # the page has not got it yet
        else:
            self._output.refresh()

    @t.observe("with_loss")
    def _on_with_loss(self, change: Any) -> None:
        if self._is_quiet:
            return
        if change.new and self._read.loss is None:
            self._answer(self._read_settings())
        else:
            self._output.refresh()

    def _answer(self, settings: dict[str, Any]) -> None:
        text, wants_lens, wants_loss = settings["text"], settings["color_by"] == "lens", settings["with_loss"]

        def read() -> _Read:
            known = self._read
            if known.text != text:
                known = _Read(text, self.scope.read(as_prompt(text), self.dictionary), None, None)
            if wants_loss and known.loss is None:
                known = self._measure_loss(known)
            return known._replace(lens=self._apply_lens(text)) if wants_lens and known.lens is None else known

        self._request(read, deliver=self._deliver, doing="Reading…")

    def _deliver(self, read: _Read) -> None:
        note = self._follow_pick(self._read.reading.tokens, read.reading.tokens, read.text)
        self._read = read
        if not isinstance(self.color_by, str) and self._own_text != read.text == self.text:
            self.color_by = "features"
            note = f"{note} Your numbers were of the text before: the tokens are coloured by features now.".strip()
        self._send_result(*self._build_message(read, note))

    @property
    def _lens_layer(self) -> int:
        return self.dictionary.info.layers[-1]

    def _apply_lens(self, text: Any) -> LensReading:
        return self.scope.logit_lens(as_prompt(text), 1, layers=[self._lens_layer])

    def _measure_loss(self, read: _Read) -> _Read:
        """With what the reconstruction costs the model on that text; a loss needs two positions."""
        if len(read.reading.tokens.used) < 2:
            return read
        return read._replace(loss=self.scope.delta_loss(as_prompt(read.text), self.dictionary))

    @property
    def _shown_loss(self) -> DeltaLoss | None:
        return self._read.loss if self.with_loss else None

    def _quantity(self) -> Quantity | None:
        """What the tokens are coloured by in place of features, in the text shown."""
        choice = self.color_by
        if not isinstance(choice, str) and self._own_text != self._read.text:
            return None
        return build_quantity(choice, self._read.reading, self._read.lens)

    def _list_traces(self) -> list[Quantity]:
        """The painted features, in their order."""
        reading, known = self._read.reading, self.dictionary.max_activation
        return [
            Quantity(
                format_feature(ref), "", reading.trace(ref.feature), known(ref.feature) or None, "its known maximum"
            )
            for ref in self.features
        ]

    def _see_again(self, see: Callable[[Any], Any]) -> None:
        super()._see_again(see)
        self._deliver(self._read._replace(reading=see(self._read.reading)))

    def _list_held(self) -> tuple[object, ...]:
        return (self._read.reading,)

    def _shown_text(self) -> object:
        return self._read.text

    def _get_result(self) -> FeatureReading:
        return self._read.reading

    def _build_message(self, read: _Read, note: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        reading, refs = read.reading, self.features
        tokens = reading.tokens
        top_features, top_activations = reading.top_by_token(TOP_PER_TOKEN)
        listed = top_features.ravel()[np.argsort(-top_activations, axis=None, kind="stable")]
        found, first = np.unique(listed, return_index=True)
        shown = found[np.argsort(first)][:LABELLED_FEATURES].tolist()  # the strongest first
        lens, loss, quantity = read.lens, read.loss, self._quantity()
        content = {
            "text": as_prompt(read.text),
            "tokens": list(tokens.strings),
            "ignored": {str(pos): reason for pos, reason in tokens.ignored.items()},
            "glyphs": [
                {"first": first, "last": last, "character": character} for first, last, character in tokens.glyphs
            ],
            "features": self._tell_known(refs),
            "labels": {
                str(feature): tell_label(reading.labels[feature]) for feature in shown if feature in reading.labels
            },
            "quantities": {
                choice: {"name": kind.name, "full": kind.full, "source": kind.full_source}
                for choice, kind in list_kinds(self._lens_layer).items()
            },
            "fvu": reading.total_fvu,
            "mean_l0": float(reading.l0[list(tokens.used)].mean()) if tokens.used else None,
            "delta_loss": loss and {"recovered": loss.recovered, **{name: getattr(loss, name) for name in _LOSSES}},
            "note": note,
        }
        traces = [reading.trace(ref.feature) for ref in refs]
        arrays = {
            "values": np.array(traces, np.float32).reshape(len(traces), len(tokens)),
            "top_features": top_features,
            "top_activations": top_activations,
            "ids": np.array(tokens.ids, np.int32),
            "l0": reading.l0,
            "fvu": reading.fvu,
            "error_norm": reading.error_norm,
            "norm": reading.norm,
            "lens": np.zeros(0, np.float32) if lens is None else lens.probabilities[0, :, 0],
            "own": quantity.values if quantity is not None and quantity.column == "own" else np.zeros(0, np.float32),
        }
        return content, arrays

    def _define_terms(self) -> dict[str, str]:
        reading = self._read.reading
        mean_l0 = float(reading.l0[list(reading.tokens.used)].mean()) if reading.tokens.used else None
        return {
            "feature": define("feature"),
            "activation": define("activation"),
            "L0": define("L0", mean_l0, self.d_dict),
            "FVU": define("FVU", reading.total_fvu),
            "error norm": define("error norm"),
        }

    def _shown_tokens(self) -> list[str]:
        tokens = self._read.reading.tokens
        return format_tokens(tokens.strings, tokens.glyphs)

    def _list_copied(self) -> list[int]:
        """The positions that the copy lists."""
        return list(self._read.reading.tokens.used[:COPIED_TOKENS])

    def _copy_parts(self) -> list[str]:
        reading, quantity = self._read.reading, self._quantity()
        if not reading.tokens.used:
            return [copy.build_paragraph("No text yet.")]
        shown, traces = self._shown_tokens(), self._list_traces()
        painted = traces[:1] if quantity is None else [quantity]
        left = len(reading.tokens.used) - len(self._list_copied())
        more = f"The first {COPIED_TOKENS} tokens; {left} more are in to_frame()."
        columns = {
            **{trace.name: trace.values for trace in traces},
            "L0": reading.l0,
            "FVU": reading.fvu,
            **({} if quantity is None else {quantity.name: quantity.values}),
        }
        rows = [
            [str(pos), shown[pos], *(_write(values[pos]) for values in columns.values())] for pos in self._list_copied()
        ]
        table = copy.build_table(columns=["position", "token", *columns], rows=rows, caption="Numbers by token")
        return [
            *(self._build_strip(one, shown) for one in painted),
            *([copy.build_paragraph(more)] if left else []),
            *([copy.build_paragraph(f"{self._shown_loss}.")] if self._shown_loss else []),
            copy.build_details("Numbers", table),
        ]

    def _build_strip(self, painted: Quantity, shown: Sequence[str]) -> str:
        """Tokens coloured by one quantity, up to the last one that the copy lists."""
        tokens, scale = self._read.reading.tokens, painted.scale(self.color_range)
        stop = self._list_copied()[-1] + 1
        signs = [
            ("−" if value < 0 else "+" if value > 0 else "") if scale.is_centred else "" for value in painted.values
        ]
        shares = scale.shares(painted.values)
        label = format_label(self.scope.describe(self.features[0]).label) if not painted.column else ""
        return copy.build_paragraph(f"Coloured by {painted.name}{label}: {scale.write()}.") + copy.build_tokens(
            [f"{token}{sign}" for token, sign in zip(shown[:stop], signs[:stop], strict=True)],
            shares=[None if pos in tokens.ignored else float(shares[pos]) for pos in range(stop)],
            breaks=["\n" in token for token in tokens.strings[:stop]],
        )
