"""FeatureCard: all that is known of one feature, and one's own sentence on it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypedDict, get_args

import numpy as np
import traitlets as t

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.dashboards import (
    CONTEXT_SIZES,
    ConceptTruth,
    ContextSize,
    FeatureDashboard,
    FeatureExample,
    NeighbourMeasure,
    TokenEffect,
)
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.records.figures import escape_math, write_title
from gscope_widgets.records.glossary import define
from gscope_widgets.records.numbers import check_feature
from gscope_widgets.records.protocols import Job, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.features import tell_label, tell_ref
from gscope_widgets.widgets.base.formats import (
    format_number,
    format_percent,
    format_text,
    format_token,
    format_tokens,
)
from gscope_widgets.widgets.base.limits import CARD_EXAMPLES, COPIED_TOKENS
from gscope_widgets.widgets.base.reader import TextReader, describe_engine
from gscope_widgets.widgets.base.requests import wait_at_first
from gscope_widgets.widgets.base.state import Checked, Told, as_prompt, check_ref, check_scope, check_text
from gscope_widgets.widgets.base.widget import SharedName
from gscope_widgets.widgets.base.wire import ArrayHead, Glyph, Label, Ref, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

BandChoice = Literal["mixed", "top", "all"]
_PATIENCE_S = 1.0  # that a cell waits for a card without a view that shows how far it is


class CardLabel(TypedDict):
    """Words for a feature, with all that is known of where they come from."""

    text: str
    source: str
    author: str  # the model that wrote it; empty where none did
    date: str  # empty where the source is silent
    score: float | None  # the source's own
    is_machine_guess: bool  # whether nothing was measured for it


class CardRival(TypedDict):
    """What detects the same concept without the dictionary."""

    name: str
    auc: float


class CardTruth(TypedDict):
    """How well the feature detects a concept of known text."""

    concept: str
    auc: float
    precision: float
    recall: float
    positives: int  # tokens that carry the concept
    on: str
    rivals: list[CardRival]


class CardHistogram(TypedDict):
    """What the arrays `edges` and `counts` are of."""

    tokens: int  # looked at
    on: str


class CardExample(TypedDict):
    """A stretch of text around a token; the activations of all examples follow each other in one array."""

    tokens: list[str]
    peak: int  # index in `tokens`
    activation: float


class CardBand(TypedDict):
    """A fifth of the feature's range, and which of `examples` are of it."""

    low: float
    high: float
    count: int
    first: int
    stop: int


class CardEffect(TypedDict):
    """What is added to a token's logit for each unit of activation."""

    id: int
    token: str
    effect: float


class CardNeighbour(TypedDict):
    """A feature that is like this one, by one measure."""

    feature: Ref
    label: Label | None
    measure: NeighbourMeasure
    value: float
    on: str


class CardResult(TypedDict):
    """All that is known of a feature, and its activations on the reader's text."""

    type: Literal["result"]
    request: int
    text: Text  # what was read: compare with what the editor holds now
    feature: Ref
    place: str  # site, layer and size of its dictionary
    labels: list[CardLabel]
    density: float | None
    density_on: str  # of what text; empty where nobody says
    max_activation: float | None
    truth: CardTruth | None
    histogram: CardHistogram | None
    top: int  # so many of `examples`, the first, are the strongest; those of bands follow
    examples: list[CardExample]
    examples_on: str
    bands: list[CardBand]  # strongest first
    bands_on: str
    promoted: list[CardEffect]
    suppressed: list[CardEffect]
    neighbours: list[CardNeighbour]
    notes: list[str]  # a sentence for each part that is missing
    tokens: list[str]  # of the reader's text, as all below
    ids: list[int]
    ignored: dict[str, str]
    glyphs: list[Glyph]
    # values [pos] float32; edges [bins + 1] float32 and counts [bins] int32, empty without a histogram;
    # activations [tokens of all examples] float32, no finite number where it was not read
    arrays: list[ArrayHead]


class _Shown(NamedTuple):
    text: Any  # as the trait holds it
    dashboard: FeatureDashboard
    reading: FeatureReading
    is_whole: bool = True  # False while the first card is still looked up


def _check_feature(card: "FeatureCard", value: object) -> FeatureRef:
    if isinstance(value, (dict, FeatureRef)):
        return check_ref(card.scope, value, card.scope.dictionary)
    return FeatureRef(card.feature.dictionary_id, check_feature(value, d_dict=card.d_dict))


def _check_text(card: "FeatureCard", value: object) -> object:
    return check_text(card.scope, value)


def _check_bands(_card: object, value: object) -> str:
    return _check_choice("bands", value, get_args(BandChoice))


def _check_context(_card: object, value: object) -> str:
    return _check_choice("context", value, tuple(CONTEXT_SIZES))


def _check_choice(name: str, value: object, choices: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise InvalidValue(f"{name} must be one of {', '.join(choices)}, got {describe_value(value)}")
    return value


class FeatureCard(TextReader):
    """One feature: labels, density, histogram, examples from all over its range, effects, neighbours, and a text box.

    The sentence typed is read by this feature alone, and its strongest activation is marked in the histogram. A click
    on a neighbour opens that one. What could not be had is missing, and the card says why.
    """

    feature = Checked(
        _check_feature,
        Ref,
        FeatureRef("", 0),
        accepts=int | Ref,
        to_page=tell_ref,
        help="The feature shown. Set as `dictionary.feature(number)`, or as a number of the same dictionary; read back "
        "as a FeatureRef.",
    )
    text = Checked(_check_text, Text, "", help="One's own text on the feature: a string, or a chat for a chat model.")
    bands = Checked(
        _check_bands,
        BandChoice,
        "mixed",
        help="Which examples: one or two of each fifth of the range (mixed), the strongest (top), or all.",
    )
    context = Checked(_check_context, ContextSize, "medium", help="How much text around an example's token.")
    d_dict = Told(int, 0, help="Features are 0 to d_dict - 1.")

    to_page = {"result": CardResult}
    shared_state: ClassVar[Mapping[SharedName, str]] = {"feature": "feature"}
    settings = ("text", "feature")
    _asking = settings

    def __init__(
        self,
        scope: Scope,
        ref: int | FeatureRef,
        *,
        text: str | Sequence[dict[str, str]] = "",
        bands: BandChoice = "mixed",
        context: ContextSize = "medium",
    ):
        """Collect what is known of a feature, and read the text.

        The first card of a dictionary looks through its sample of text, which takes seconds; the others are quick.
        What takes longer than a second goes on in the view, which shows how far it is; whatever asks this widget for
        its numbers waits for them.

        Args:
            scope: from `gs.load`.
            ref: `dictionary.feature(number)`; a number is a feature of the default dictionary.
            text: one's own text: a string, or chat messages for a chat model.
            bands: "mixed", "top" or "all"; see the trait.
            context: "short", "medium" or "long"; see the trait.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        check_scope(scope)
        self.scope = scope
        feature = check_ref(scope, ref, scope.dictionary)
        text = check_text(scope, text)
        _check_bands(self, bands), _check_context(self, context)
        job = scope.start_card(feature, slot=id(self))
        found: FeatureDashboard | None = wait_at_first(job, _PATIENCE_S)
        dashboard = _outline(scope, feature) if found is None else found
        self._shown = _Shown(text, dashboard, self._read(text, feature), is_whole=found is not None)
        super().__init__(
            scope,
            feature=feature,
            text=text,
            bands=bands,
            context=context,
            **self._describe_dictionary(feature),
        )
        if self._shown.is_whole:
            self._present(self._shown, self._deliver)
        self._open()
        if not self._shown.is_whole:
            self._requests.start(lambda number: self._follow_card(job, text, feature, number), doing="Looking it up…")

    @property
    def dashboard(self) -> FeatureDashboard:
        """What is known of the feature shown, once the newest request is answered."""
        self.wait()
        return self._shown.dashboard

    @property
    def reading(self) -> FeatureReading:
        """This feature on the text shown, once the newest request is answered."""
        self.wait()
        return self._shown.reading

    def to_html(self) -> str:
        """The last result as one HTML file: no script, no network."""
        self._wait_for_first()
        return super().to_html()

    def to_frame(self) -> "pandas.DataFrame":
        """The examples as a pandas DataFrame: `band`, `activation`, `token`, `text`, `logit_effect`."""
        return self._wait_for_first().dashboard.to_frame()

    def plot(self) -> "Figure":
        """A matplotlib Figure: the histogram of activations, with the text's largest marked."""
        figure = self._wait_for_first().dashboard.plot()
        axes = figure.axes[0]
        write_title(figure, self.badge)
        peak = self._find_peak()
        if peak is not None:
            name, value = peak
            axes.axvline(value, color="C1", label=escape_math(f"{name} {format_number(value, 4)}"))
            axes.legend(fontsize="small")
        return figure

    def shows(self) -> list[str]:
        """Labels, the text's tokens and activations, examples' activations, effects and neighbours."""
        dashboard, tokens = self._wait_for_first().dashboard, self._shown.reading.tokens
        shown, trace = format_tokens(tokens.strings, tokens.glyphs), self._trace()
        examples = [one for _, some in self._list_examples() for one in some]
        effects = [*dashboard.promoted, *dashboard.suppressed]
        words = [format_text(label.text) for label in dashboard.labels]
        words += [shown[pos] for pos in tokens.used]
        words += [format_number(float(trace[pos]), 4) for pos in tokens.used]
        words += [format_number(one.activation, 4) for one in examples]
        words += [format_token(one.token) for one in effects]
        words += [format_number(one.effect) for one in effects]
        words += [format_number(one.value) for one in dashboard.neighbours]
        return list(dict.fromkeys(words))

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        text, dashboard, *_ = self._shown
        opening = Opening(self.scope, [dashboard.ref])
        return "\n".join(
            [
                *opening.lines,
                f"ref = {opening.feature(dashboard.ref)}",
                "card = scope.card(ref)",
                "print(card)",
                "print(card.to_frame().to_string())",
                f"text = {as_prompt(text)!r}",
                "reading = scope.read(text, dictionary, features=[ref.feature])",
                "print(reading.trace(ref.feature))",
            ]
        )

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from."""
        ref = self._shown.dashboard.ref
        ids = self._shown.reading.tokens.ids
        return self.scope.provenance([ref.dictionary_id], token_ids=ids, feature=str(ref))

    def take_shared(self, name: SharedName, value: Any) -> None:
        """See `GscopeWidget`. A feature of any dictionary of the scope is shown; None changes nothing."""
        if name != "feature" or value is not None:
            super().take_shared(name, value)

    @t.observe("feature")
    def _on_feature(self, change: Any) -> None:
        if not self._is_quiet:
            for name, value in self._describe_dictionary(change.new).items():
                setattr(self, name, value)

    @t.observe("bands", "context")
    def _on_look(self, _change: object) -> None:
        if not self._is_quiet:
            self._output.refresh()

    def _describe_dictionary(self, ref: FeatureRef) -> dict[str, Any]:
        info = self.scope.dictionary_info(ref.dictionary_id)
        assert info.d_dict is not None, "an opened dictionary knows its size"
        return {"d_dict": info.d_dict, "footer": describe_engine(self.scope, ref.dictionary_id)}

    def _read(self, text: Any, ref: FeatureRef) -> FeatureReading:
        return self.scope.read(as_prompt(text), ref.dictionary_id, features=[ref.feature])

    def _answer(self, settings: dict[str, Any]) -> None:
        text, ref, known = settings["text"], settings["feature"], self._shown.dashboard
        if known.ref == ref and self._shown.is_whole:
            self._request(lambda: _Shown(text, known, self._read(text, ref)), deliver=self._deliver, doing="Reading…")
        else:
            self._requests.start(
                lambda number: self._follow_card(self.scope.start_card(ref, slot=id(self)), text, ref, number),
                doing="Looking it up…",
            )

    def _follow_card(self, job: Job, text: Any, ref: FeatureRef, number: int) -> Job:
        """The look-up is the request's own job: its progress is shown, and a stop reaches it."""

        def take(ended: Job) -> None:
            if ended.exception() is not None:
                return
            try:
                shown = _Shown(text, ended.result(), self._read(text, ref))
                self._requests.deliver(number, lambda: self._deliver(shown))
            except Exception as error:  # noqa: BLE001 - it becomes the widget's status
                self._requests.end(number, error)

        job.add_done_callback(take)
        return job

    def _wait_for_first(self) -> _Shown:
        """What is shown; while nothing whole was yet, waits for it."""
        if not self._shown.is_whole:
            self.wait()
        return self._shown

    def _deliver(self, shown: _Shown) -> None:
        self._shown = shown
        self._send_result(*self._build_message(shown))

    def _see_again(self, see: Callable[[Any], Any]) -> None:
        text, dashboard, reading, is_whole = self._shown
        self._shown = _Shown(text, see(dashboard), see(reading), is_whole)
        if is_whole:
            self._deliver(self._shown)

    def _list_held(self) -> tuple[object, ...]:
        return (self._shown.dashboard,)

    def _get_result(self) -> FeatureReading:
        return self._shown.reading

    def _build_message(self, shown: _Shown) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        text, dashboard, reading, _ = shown
        top, tokens, histogram = dashboard.examples[:CARD_EXAMPLES], reading.tokens, dashboard.histogram
        examples = [*top, *(one for band in dashboard.bands for one in band.examples)]
        stops = np.cumsum([len(top), *(len(band.examples) for band in dashboard.bands)]).tolist()
        content = {
            "text": as_prompt(text),
            "feature": tell_ref(dashboard.ref),
            "place": _write_place(self.scope.dictionary_info(dashboard.ref.dictionary_id)),
            "labels": [_tell_card_label(label) for label in dashboard.labels],
            "density": dashboard.density,
            "density_on": dashboard.density_on,
            "max_activation": dashboard.max_activation,
            "truth": None if dashboard.truth is None else _tell_truth(dashboard.truth),
            "histogram": None if histogram is None else {"tokens": histogram.tokens, "on": histogram.on},
            "top": len(top),
            "examples": [
                {"tokens": list(one.tokens), "peak": one.peak, "activation": float(one.activation)} for one in examples
            ],
            "examples_on": dashboard.examples_on,
            "bands": [
                {"low": float(band.low), "high": float(band.high), "count": band.count, "first": first, "stop": stop}
                for band, first, stop in zip(dashboard.bands, stops, stops[1:], strict=False)
            ],
            "bands_on": dashboard.bands_on,
            "promoted": _tell_effects(dashboard.promoted),
            "suppressed": _tell_effects(dashboard.suppressed),
            "neighbours": [
                {
                    "feature": tell_ref(one.ref),
                    "label": tell_label(one.label),
                    "measure": one.measure,
                    "value": one.value,
                    "on": one.on,
                }
                for one in dashboard.neighbours
            ],
            "notes": list(dashboard.notes),
            "tokens": list(tokens.strings),
            "ids": list(tokens.ids),
            "ignored": {str(pos): reason for pos, reason in tokens.ignored.items()},
            "glyphs": [
                {"first": first, "last": last, "character": character} for first, last, character in tokens.glyphs
            ],
        }
        arrays = {
            "values": self._trace(),
            "edges": np.zeros(0, np.float32) if histogram is None else histogram.edges.astype(np.float32),
            "counts": np.zeros(0, np.int32) if histogram is None else histogram.counts.astype(np.int32),
            "activations": np.concatenate([np.zeros(0, np.float32), *(one.activations for one in examples)]),
        }
        return content, arrays

    def _trace(self) -> np.ndarray:
        return self._shown.reading.trace(self._shown.dashboard.ref.feature)

    def _find_peak(self) -> tuple[str, float] | None:
        """The token of the text at which the feature fires most, and how strongly; None where it is silent."""
        trace, tokens = self._trace(), self._shown.reading.tokens
        pos = int(trace.argmax()) if len(trace) else 0
        if not len(trace) or trace[pos] <= 0:
            return None
        return format_tokens(tokens.strings, tokens.glyphs)[pos], float(trace[pos])

    def _list_examples(self) -> Iterator[tuple[str, tuple[FeatureExample, ...]]]:
        """What `bands` asks for, with names; the strongest where there are no bands."""
        dashboard = self._shown.dashboard
        if self._lists_top():
            yield "strongest", dashboard.examples[:CARD_EXAMPLES]
            return
        for band in dashboard.bands:
            name = f"{format_number(band.low)} to {format_number(band.high)}"
            yield name, band.examples if self.bands == "all" else band.examples[::2]

    def _lists_top(self) -> bool:
        return self.bands == "top" or not self._shown.dashboard.bands

    # ---- the copy

    def _copy_parts(self) -> list[str]:
        text, dashboard, *_ = self._shown
        head = f"Feature {dashboard.ref.feature} of {dashboard.ref.dictionary_id}"
        parts = [copy.build_paragraph(head), *(copy.build_paragraph(_write_label(one)) for one in dashboard.labels)]
        parts += [copy.build_paragraph(_finish(note)) for note in dashboard.notes]
        parts += [copy.build_paragraph(" · ".join(self._write_facts()))]
        return [
            *parts,
            *([] if text == "" else self._copy_text()),
            *self._copy_histogram(),
            *self._copy_examples(),
            *self._copy_effects(),
            *self._copy_neighbours(),
            *self._copy_truth(),
        ]

    def _define_terms(self) -> dict[str, str]:
        dashboard = self._shown.dashboard
        numbers = {"density": dashboard.density, "AUC": None if dashboard.truth is None else dashboard.truth.auc}
        words = ("feature", "activation", "known maximum", "logit", "decoder cosine", "co-activation")
        return {name: define(name) for name in words} | {name: define(name, one) for name, one in numbers.items()}

    def _write_facts(self) -> Iterator[str]:
        dashboard = self._shown.dashboard
        if dashboard.density is not None:
            yield f"fires at {format_percent(dashboard.density)} of {format_text(dashboard.density_on) or 'tokens'}"
        if dashboard.max_activation is not None:
            yield f"largest activation known: {format_number(dashboard.max_activation, 4)}"
            if dashboard.largest_shown is not None and dashboard.histogram is not None:
                yield f"{format_number(dashboard.largest_shown, 4)} in {format_text(dashboard.histogram.on)}"
        peak = self._find_peak()
        yield "silent on the text below" if peak is None else f"strongest on {peak[0]}: {format_number(peak[1], 4)}"

    def _copy_text(self) -> list[str]:
        tokens, trace = self._shown.reading.tokens, self._trace()
        shown = format_tokens(tokens.strings, tokens.glyphs)
        full = self._shown.dashboard.max_activation or float(trace.max()) or 1.0
        shares = [None if pos in tokens.ignored else float(trace[pos]) / full for pos in range(len(tokens))]
        rows = [[str(pos), shown[pos], format_number(float(trace[pos]), 4)] for pos in tokens.used]
        columns, breaks = ["position", "token", "activation"], ["\n" in token for token in tokens.strings]
        table = copy.build_token_table(columns=columns, rows=rows, caption="Activation by token")
        first = slice(COPIED_TOKENS)
        strip = copy.build_tokens(shown[first], shares=shares[first], breaks=breaks[first])
        return [copy.build_heading("This feature on one's own text"), strip, copy.build_details("Numbers", table)]

    def _copy_histogram(self) -> list[str]:
        histogram = self._shown.dashboard.histogram
        if histogram is None:
            return []
        edges = [format_number(float(edge)) for edge in histogram.edges]
        rows = [[f"{low} to {high}", str(count)] for low, high, count in zip(edges, edges[1:], histogram.counts)]  # noqa: B905
        caption = f"Tokens by activation, of {histogram.on}"
        table = copy.build_table(columns=["activation", "tokens"], rows=rows, caption=caption)
        return [copy.build_details("Histogram", table)]

    def _copy_examples(self) -> list[str]:
        rows = [
            [name, *_write_example(one, self.context)] for name, examples in self._list_examples() for one in examples
        ]
        if not rows:
            return []
        columns = ["band", "activation", "at token", "text"]
        dashboard = self._shown.dashboard
        caption = f"Examples, from {dashboard.examples_on if self._lists_top() else dashboard.bands_on}"
        return [copy.build_details("Examples", copy.build_table(columns=columns, rows=rows, caption=caption))]

    def _copy_effects(self) -> list[str]:
        names = {
            "Tokens promoted": self._shown.dashboard.promoted,
            "Tokens suppressed": self._shown.dashboard.suppressed,
        }
        columns = ["token", "logit for each unit of activation"]
        tables = [
            copy.build_table(
                columns=columns,
                rows=[[format_token(one.token), format_number(one.effect)] for one in effects],
                caption=caption,
            )
            for caption, effects in names.items()
            if effects
        ]
        return [copy.build_details("What it does to the next token", "".join(tables))] if tables else []

    def _copy_neighbours(self) -> list[str]:
        near = self._shown.dashboard.neighbours
        if not near:
            return []
        rows = [
            [
                str(one.ref.feature),
                "no label" if one.label is None else format_text(one.label.text),
                one.measure,
                format_number(one.value),
                one.on,
            ]
            for one in near
        ]
        columns = ["feature", "label", "measure", "value", "on"]
        return [copy.build_details("Neighbours", copy.build_table(columns=columns, rows=rows, caption="Like this one"))]

    def _copy_truth(self) -> list[str]:
        truth = self._shown.dashboard.truth
        if truth is None:
            return []
        own = ["this feature", *map(format_number, (truth.auc, truth.precision, truth.recall))]
        rows = [own, *([one.name, format_number(one.auc), "", ""] for one in truth.rivals)]
        table = copy.build_table(
            columns=["detector", "AUC", "precision", "recall"],
            rows=rows,
            caption=f"{format_text(truth.concept)}, {truth.positives} tokens, {truth.on}",
        )
        return [copy.build_details("Ground truth", table)]


def _outline(scope: Scope, ref: FeatureRef) -> FeatureDashboard:
    """What is known of a feature before it is looked up."""
    known = scope.describe(ref)
    return FeatureDashboard(
        ref=ref,
        labels=() if known.label is None else (known.label,),
        max_activation=known.max_activation,
        notes=("all else is being looked up",),
    )


def _write_place(info: DictionaryInfo) -> str:
    layers = "layer" if len(info.layers) == 1 else "layers"
    sizes = [f"{info.width} features"] * bool(info.width) + [f"{info.l0} L0"] * bool(info.l0)
    return ", ".join([f"{info.base_site} {layers} {', '.join(map(str, info.layers))}", *sizes])


def _write_label(label: FeatureLabel) -> str:
    """A label with all that is known of it, as a sentence without its stop."""
    known = [
        *(["machine-written guess"] if label.is_machine_guess else []),
        format_text(label.source),
        *([f"by {format_text(label.author)}"] if label.author else []),
        *([format_text(label.date)] if label.date else []),
        *([] if label.score is None else [f"score {format_number(label.score)}"]),
    ]
    return f"{format_text(label.text)} ({', '.join(known)})"


def _write_example(example: FeatureExample, context: ContextSize) -> list[str]:
    """Activation, token, and a stretch of text with the token in brackets."""
    cut = example.cut(context)
    words = [f"[{token}]" if at == cut.peak else token for at, token in enumerate(cut.tokens)]
    return [format_number(cut.activation, 4), format_token(cut.tokens[cut.peak]), format_text("".join(words))]


def _finish(note: str) -> str:
    """A note as a sentence."""
    return f"{note[:1].upper()}{note[1:]}."


def _tell_card_label(label: FeatureLabel) -> CardLabel:
    return {
        "text": label.text,
        "source": label.source,
        "author": label.author,
        "date": label.date,
        "score": label.score,
        "is_machine_guess": label.is_machine_guess,
    }


def _tell_truth(truth: ConceptTruth) -> CardTruth:
    return {
        "concept": truth.concept,
        "auc": truth.auc,
        "precision": truth.precision,
        "recall": truth.recall,
        "positives": truth.positives,
        "on": truth.on,
        "rivals": [{"name": one.name, "auc": one.auc} for one in truth.rivals],
    }


def _tell_effects(effects: Sequence[TokenEffect]) -> list[CardEffect]:
    return [{"id": one.id, "token": one.token, "effect": one.effect} for one in effects]
