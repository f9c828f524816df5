"""DoseSweep: effect and fluency of generated text by strength of one feature, beside a random direction."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, TypedDict

import numpy as np
import traitlets as t

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.doses import STRENGTHS, DoseResponse, DoseSample, check_strengths
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.figures import write_title
from gscope_widgets.records.glossary import define
from gscope_widgets.records.interventions import MAX_FRACTION, describe_excess
from gscope_widgets.records.measures import build_measure
from gscope_widgets.records.numbers import check_feature, check_float, check_int
from gscope_widgets.records.protocols import Job, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.rows import MAX_SAMPLES, MIN_SAMPLES
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.doses import describe_dose, format_estimate, format_strength, list_findings
from gscope_widgets.widgets.base.features import tell_ref
from gscope_widgets.widgets.base.formats import format_feature, format_label, format_number, format_prompt, format_text
from gscope_widgets.widgets.base.limits import MAX_NEW_TOKENS, MAX_SEED, MAX_TEMPERATURE, MIN_TEMPERATURE
from gscope_widgets.widgets.base.reader import TextReader, describe_engine
from gscope_widgets.widgets.base.state import Checked, Told, as_prompt, check_ref, check_scope, check_text
from gscope_widgets.widgets.base.widget import SharedName
from gscope_widgets.widgets.base.wire import ArrayHead, Ref, Stop, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

Change = Literal["above", "below"]
DoseMeasure = list[str] | Ref | int  # words, a feature, or a token's id
Kind = Literal["baseline", "changed", "random"]
Strength = Annotated[float, Bounds(-MAX_FRACTION, MAX_FRACTION)]
Samples = Annotated[int, Bounds(MIN_SAMPLES, MAX_SAMPLES)]
NewTokens = Annotated[int, Bounds(1, MAX_NEW_TOKENS)]
Temperature = Annotated[float, Bounds(MIN_TEMPERATURE, MAX_TEMPERATURE)]
Seed = Annotated[int, Bounds(0, MAX_SEED)]


class DoseSettings(TypedDict):
    """What a sweep is made with."""

    prompt: Text
    feature: Ref
    measure: DoseMeasure
    strengths: list[Strength]
    samples: Samples
    max_new_tokens: NewTokens
    temperature: Temperature
    seed: Seed


class ChangedDose(TypedDict, total=False):
    """What this page's reader changed since its last start, and no more: another page may have changed the rest."""

    prompt: Text
    feature: int | Ref
    measure: DoseMeasure
    strengths: list[Strength]
    samples: Samples
    max_new_tokens: NewTokens
    temperature: Temperature
    seed: Seed


class StartDose(TypedDict):
    """Begin a sweep. It carries settings because patches of state may reach Python after it."""

    type: Literal["start"]
    id: Annotated[str, Bounds(length=100)]
    settings: ChangedDose


class DoseFlip(TypedDict):
    """The smallest strength on one side of 0 at which the effect stands out."""

    strength: float
    change: Change


class DoseResult(TypedDict):
    """The curve, or as much of it as is made."""

    type: Literal["result"]
    request: int
    settings: DoseSettings  # that this is made with
    measure: str  # in words
    strengths: list[float]  # those made, rising, 0 among them: one a row of each array
    ended: Literal["", "whole", "stopped"]  # empty while more is to come
    flips: list[DoseFlip]
    breaks_up: list[float]
    said: list[str]  # of each strength, what may be said: "above baseline and control", "not told from the baseline"
    broken: list[bool]  # of each strength, whether its texts break up
    findings: list[str]  # what the whole curve says, a sentence each
    rules: dict[str, str]  # how intervals and control are made, and when a text flips and breaks up
    # effect, control_effect, perplexity and control_perplexity [strengths, 3] float32: mean, and the ends of the
    # interval; variety [strengths] float32: different tokens over tokens
    arrays: list[ArrayHead]


class DoseText(TypedDict):
    """A text that was made."""

    kind: Kind
    seed: int
    text: str


class DoseTexts(TypedDict):
    """All texts of the strength that is read, those of strength 0 first."""

    type: Literal["texts"]
    request: int
    strength: float
    prompt: Text
    rows: list[DoseText]
    arrays: list[ArrayHead]  # numbers [rows, 3] float32: effect, perplexity, variety


class _Shown(NamedTuple):
    settings: dict[str, Any]  # as the traits hold them
    response: DoseResponse
    ended: Literal["", "whole", "stopped"]


def _check_prompt(sweep: "DoseSweep", value: object) -> object:
    return check_text(sweep.scope, value)


def _check_feature(sweep: "DoseSweep", value: object) -> FeatureRef:
    if isinstance(value, (dict, FeatureRef)):
        return check_ref(sweep.scope, value, sweep.scope.dictionary)
    return FeatureRef(sweep.feature.dictionary_id, check_feature(value, d_dict=sweep.d_dict))


def _check_measure(sweep: "DoseSweep", value: object) -> tuple[str, ...] | FeatureRef | int:
    if isinstance(value, (dict, FeatureRef)):
        return check_ref(sweep.scope, value, sweep.scope.dictionary)
    if callable(value):
        raise InvalidValue(
            f"a widget keeps its measure as words, a feature or a token id, got the function {describe_value(value)}; "
            "call scope.dose(..., measure=function) for that"
        )
    of = build_measure(value, vocabulary=sweep.scope.info.vocabulary).of
    if isinstance(of, tuple):
        for word in of:
            _require_written(sweep.scope, word)
        return of
    assert isinstance(of, int), "a measure that is no feature and no function"
    return of


def _require_written(scope: Scope, word: str) -> None:
    """Refuse a word that no text of this model can hold: it would be counted as 0 and look like a finding."""
    if word not in scope.tokens(word).text.casefold():
        raise InvalidValue(
            f"the tokenizer of {scope.info.id} never makes the word {format_text(word)}; name one that it can write"
        )


def _check_strengths(_sweep: object, value: object) -> tuple[float, ...]:
    return check_strengths(value)


def _check_samples(_sweep: object, value: object) -> int:
    return check_int("samples", value, low=MIN_SAMPLES, high=MAX_SAMPLES)


def _check_max_new_tokens(_sweep: object, value: object) -> int:
    return check_int("max_new_tokens", value, low=1, high=MAX_NEW_TOKENS)


def _check_temperature(_sweep: object, value: object) -> float:
    return check_float("temperature", value, low=MIN_TEMPERATURE, high=MAX_TEMPERATURE)


def _check_seed(_sweep: object, value: object) -> int:
    return check_int("seed", value, low=0, high=MAX_SEED)


def _check_selected(_sweep: object, value: object) -> float | None:
    return None if value is None else check_float("selected_strength", value, low=-MAX_FRACTION, high=MAX_FRACTION)


class DoseSweep(TextReader):
    """Texts at strengths from negative to positive, what a measure says of them, and what they cost in fluency.

    Drag from the lowest to the highest strength, or press Start. Effect and perplexity stand over one axis of
    strengths, each with its interval and beside a random direction of the same length; where the behaviour flips and
    where text breaks up is marked, by rules that are written out. Click a strength to read all its texts beside those
    of strength 0. Stop keeps what is made: the strengths around 0.
    """

    prompt = Checked(_check_prompt, Text, "", help="What is continued: a string, or chat messages for a chat model.")
    feature = Checked(
        _check_feature,
        Ref,
        FeatureRef("", 0),
        accepts=int | Ref,
        to_page=tell_ref,
        help="Whose direction is added. Set as `dictionary.feature(number)`, or as a number of the same dictionary; "
        "read back as a FeatureRef.",
    )
    measure = Checked(
        _check_measure,
        DoseMeasure,
        (),
        accepts=str | list[str] | Ref | int,
        to_page=lambda value: _tell_measure(value),
        help="What is counted in a text: a word or several, a feature, or a token's id; see `scope.dose`.",
    )
    strengths = Checked(
        _check_strengths,
        list[Strength],
        STRENGTHS,
        to_page=list,
        help="7 to 41 fractions of the mean residual norm, 0, negative and positive ones among them.",
    )
    samples = Checked(_check_samples, Samples, 8, help="Texts at each strength, and as many along random directions.")
    max_new_tokens = Checked(_check_max_new_tokens, NewTokens, 32, help="Tokens of each text, at most.")
    temperature = Checked(_check_temperature, Temperature, 1.0, help="Above 0: at 0 all samples would be one text.")
    seed = Checked(_check_seed, Seed, 0, help="Of the first sample; the others follow.")
    selected_strength = Checked(
        _check_selected, Strength | None, None, help="The strength whose texts are read, or None; the nearest one made."
    )
    strength_limit = Told(float, 1.0, help="The handles of the sweep run from -limit to +limit.")
    caution = Told(str, "", help="What is known to go wrong with these settings, a sentence; empty where nothing is.")
    d_dict = Told(int, 0, help="Features are 0 to d_dict - 1.")
    feature_name = Told(str, "", help="What `feature` is called: its number and its label.")

    to_page = {"result": DoseResult, "texts": DoseTexts}
    to_python = {"start": StartDose, "stop": Stop}
    shared_state: ClassVar[Mapping[SharedName, str]] = {"feature": "feature"}
    settings = tuple(DoseSettings.__annotations__)

    def __init__(
        self,
        scope: Scope,
        prompt: str | Sequence[dict[str, str]] = "",
        *,
        ref: int | FeatureRef,
        measure: object,
        strengths: Sequence[float] = STRENGTHS,
        samples: int = 8,
        max_new_tokens: int = 32,
        temperature: float = 1.0,
        seed: int = 0,
        selected_strength: float | None = None,
        strength_limit: float = 1.0,
    ):
        """Set the sweep up; nothing runs before Start, or a drag. By default it makes 136 texts of 32 tokens.

        Args:
            scope: from `gs.load`.
            prompt: what is continued: a string, or chat messages for a chat model.
            ref: `dictionary.feature(number)`; a number is a feature of the default dictionary.
            measure: a word or several, whose share of the text's words is counted; a feature, whose mean activation is
                read in the unchanged model; or a token's id. For a function call `scope.dose`.
            strengths: 7 to 41, in fractions of the mean residual norm, 0, negative and positive ones among them.
            samples: 3 to 64 at each strength.
            max_new_tokens: 1 to 512.
            temperature: 0.01 to 2.
            seed: 0 to 2**31 - 1; the samples' are `seed`, `seed + 1`, ....
            selected_strength: whose texts are read at first.
            strength_limit: reach of the two handles; the field of strengths takes what `strengths` does.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        check_scope(scope)
        self.scope = scope
        feature = check_ref(scope, ref, scope.dictionary)
        state = {
            "prompt": check_text(scope, prompt),
            "measure": _check_measure(self, measure),
            "strengths": check_strengths(strengths),
            "samples": _check_samples(self, samples),
            "max_new_tokens": _check_max_new_tokens(self, max_new_tokens),
            "temperature": _check_temperature(self, temperature),
            "seed": _check_seed(self, seed),
            "selected_strength": _check_selected(self, selected_strength),
        }
        limit = check_float("strength_limit", strength_limit, low=0.01, high=MAX_FRACTION)
        self._shown: _Shown | None = None
        self._number = 0  # of the newest sweep; what an older one still makes is dropped
        self._send_lock = threading.Lock()
        super().__init__(scope, feature=feature, strength_limit=limit, **self._describe_feature(feature), **state)
        self._on_strengths(None)
        self._open()

    @property
    def response(self) -> DoseResponse | None:
        """The curve shown, once the newest request is answered; None before the first."""
        self.wait()
        return None if self._shown is None else self._shown.response

    def start(self) -> Job:
        """Begin a sweep with the settings as they are, in place of one under way.

        Returns:
            Its job: `progress`, `cancel()`, `result()`.

        Raises:
            InvalidValue: the prompt is empty.
            Closed: the sweep was closed, or its scope.
        """
        self._require_open()
        if not self.prompt:  # said before a sweep under way is given up
            raise InvalidValue("the prompt is empty; write what the texts are to go on from")
        begun: list[Job] = []

        def submit(number: int) -> Job:
            begun.append(self._sweep(number))
            return begun[0]

        self._requests.start(submit, doing="Making texts…")
        return begun[0]

    def stop(self) -> None:
        """End the sweep within one token; the strengths that are made stay."""
        self._requests.cancel()

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, one row a text; see `DoseResponse.to_frame`."""
        return self._require_shown().response.to_frame()

    def plot(self) -> "Figure":
        """A matplotlib Figure: effect above and perplexity below, with intervals; see `DoseResponse.plot`."""
        figure = self._require_shown().response.plot()
        write_title(figure, self.badge)
        return figure

    def shows(self) -> list[str]:
        """Strengths, effects and perplexities with their intervals, and what may be said of them."""
        if self._shown is None:
            return []
        response = self._shown.response
        words = [format_prompt(as_prompt(self._shown.settings["prompt"])), response.measure.name]
        for point in response.points:
            words += [format_strength(point.strength), describe_dose(response, point.strength)]
            words += map(format_estimate, (point.effect, point.control_effect, point.perplexity))
        return list(dict.fromkeys([*words, *self._list_findings()]))

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        run = self._run_settings()
        refs = [run["feature"], *([run["measure"]] if isinstance(run["measure"], FeatureRef) else [])]
        opening = Opening(self.scope, refs)
        drawing = ", ".join(f"{name}={run[name]!r}" for name in ("samples", "max_new_tokens", "temperature", "seed"))
        strengths = list(run["strengths"])
        made = strengths if self._shown is None else list(self._shown.response.strengths)
        stopped = ["# the sweep was stopped: these are the strengths on screen", f"made = {made}"]
        skip = ["    if point.strength not in made:", "        continue"]
        is_whole = made == strengths
        return "\n".join(
            [
                *opening.lines,
                f"prompt = {as_prompt(run['prompt'])!r}",
                f"strengths = {strengths}",
                f"measure = {self._write_measure(opening, run['measure'])}",
                f"ref = {opening.feature(run['feature'])}",
                f"response = scope.dose(prompt, ref, strengths, measure=measure, {drawing})",
                *([] if is_whole else stopped),
                "for point in response.points:",
                *([] if is_whole else skip),
                "    print(point.strength, point.effect.mean, point.control_effect.mean, point.perplexity.mean)",
                "print(response.flips, response.breaks_up)",
            ]
        )

    @property
    def provenance(self) -> Provenance:
        """Where the texts on screen come from."""
        run = self._run_settings()
        ids = [ref.dictionary_id for ref in (run["feature"], run["measure"]) if isinstance(ref, FeatureRef)]
        settings = run | {
            "prompt": as_prompt(run["prompt"]),
            "feature": str(run["feature"]),
            "measure": self._name_measure(run["measure"]),
            "strengths": list(run["strengths"]),
            "seeds": list(range(run["seed"], run["seed"] + run["samples"])),
        }
        del settings["seed"]
        tokens = self.scope.tokens(as_prompt(run["prompt"])).ids
        return self.scope.provenance(list(dict.fromkeys(ids)), token_ids=tokens, **settings)

    def take_shared(self, name: SharedName, value: Any) -> None:
        """See `GscopeWidget`. A feature of any dictionary of the scope is taken; None changes nothing."""
        if name != "feature" or value is not None:
            super().take_shared(name, value)

    # ---- state

    @t.observe("feature")
    def _on_feature(self, change: Any) -> None:
        if not self._is_quiet:
            for name, value in self._describe_feature(change.new).items():
                setattr(self, name, value)

    @t.observe("strengths")
    def _on_strengths(self, _change: object) -> None:
        sentence = describe_excess(self.strengths)
        self.caution = f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""

    @t.observe("selected_strength")
    def _on_selected(self, _change: object) -> None:
        if not self._is_quiet:
            with self._send_lock:
                self._send_texts()
            self._output.refresh()

    def _describe_feature(self, ref: FeatureRef) -> dict[str, Any]:
        return {
            "feature_name": self._name_feature(ref),
            "d_dict": self.scope.dictionary_info(ref.dictionary_id).d_dict,
            "footer": describe_engine(self.scope, ref.dictionary_id),
        }

    def _name_feature(self, ref: FeatureRef) -> str:
        return format_feature(ref) + format_label(self.scope.describe(ref).label)

    # ---- a sweep

    def _read_run(self) -> tuple[dict[str, Any], bool] | None:
        return None if self._shown is None else (self._shown.settings, self._shown.ended == "stopped")

    def _run_settings(self) -> dict[str, Any]:
        """Of the sweep on screen, or of the one that Start would begin."""
        return dict(self._read_settings() if self._shown is None else self._shown.settings)

    def _require_shown(self) -> _Shown:
        if self._shown is None:
            raise InvalidValue("nothing is made yet: press Start, or call start() and wait()")
        return self._shown

    def _sweep(self, number: int) -> Job:
        settings = self._read_settings()
        self._number = number
        job = self.scope.start_dose(
            as_prompt(settings["prompt"]),
            settings["feature"],
            settings["strengths"],
            **{name: settings[name] for name in ("measure", "samples", "max_new_tokens", "temperature", "seed")},
            on_points=lambda response: self._take(number, _Shown(settings, response, "")),
            slot=id(self),
        )

        def end(ended: Job) -> None:
            # Before the request's own end is heard, so that the result goes out first.
            if ended.exception() is None:
                shown = _Shown(settings, ended.result(), "whole")
                self._requests.deliver(number, lambda: self._take(number, shown))
            elif self._shown is not None and self._shown.settings is settings:  # of a stopped one, what was made
                shown = self._shown._replace(ended="stopped")
                self._requests.deliver(number, lambda: self._take(number, shown))

        job.add_done_callback(end)
        return job

    def _take(self, number: int, shown: _Shown) -> None:
        with self._send_lock:
            if number != self._number:
                return
            self._shown = shown
            self._send_result(*self._build_message(shown))
            self._send_texts()

    def _see_again(self, see: Callable[[Any], Any]) -> None:
        self.feature_name = self._name_feature(self.feature)

    def _get_result(self) -> DoseResponse | None:
        return None if self._shown is None else self._shown.response

    def _build_message(self, shown: _Shown) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        response, settings = shown.response, shown.settings
        content = {
            "settings": settings
            | {
                "prompt": as_prompt(settings["prompt"]),
                "feature": tell_ref(settings["feature"]),
                "measure": _tell_measure(settings["measure"]),
                "strengths": list(settings["strengths"]),
            },
            "measure": response.measure.name,
            "strengths": list(response.strengths),
            "ended": shown.ended,
            "flips": [{"strength": flip.strength, "change": flip.change} for flip in response.flips],
            "breaks_up": list(response.breaks_up),
            "said": [describe_dose(response, strength) for strength in response.strengths],
            "broken": [response.is_broken_at(strength) for strength in response.strengths],
            "findings": self._list_findings(),
            "rules": response.rules,
        }
        arrays = {}
        for name in ("effect", "control_effect", "perplexity", "control_perplexity"):
            estimates = [getattr(point, name) for point in response.points]
            arrays[name] = _narrow([(one.mean, one.low, one.high) for one in estimates])
        arrays["variety"] = _narrow([point.variety.mean for point in response.points])
        return content, arrays

    def _find_selected(self) -> float | None:
        """The strength made that is nearest to the selected one."""
        if self._shown is None or self.selected_strength is None:
            return None
        return min(self._shown.response.strengths, key=lambda strength: abs(strength - self.selected_strength))

    def _list_texts(self, strength: float) -> list[tuple[Kind, DoseSample]]:
        """Those of strength 0, then the changed ones, then those along random directions."""
        samples = self._require_shown().response.samples
        rows: list[tuple[Kind, DoseSample]] = [("baseline", one) for one in samples if one.strength == 0]
        if strength != 0:
            here = [one for one in samples if one.strength == strength]
            rows += [(kind, one) for kind in ("changed", "random") for one in here if one.kind == kind]
        return rows

    def _send_texts(self) -> None:
        """Send the texts of the strength that is read, if one is."""
        strength = self._find_selected()
        if strength is None:
            self.send({"type": "ack", "id": "texts"})
            return
        rows = self._list_texts(strength)
        numbers = _narrow([(one.effect, one.perplexity, one.variety) for _, one in rows])
        content = {
            "type": "texts",
            "request": self._requests.status["request"],
            "strength": strength,
            "prompt": as_prompt(self._require_shown().settings["prompt"]),
            "rows": [{"kind": kind, "seed": one.seed, "text": one.text} for kind, one in rows],
            "arrays": [{"name": "numbers", "dtype": "float32", "shape": list(numbers.shape)}],
        }
        self.send(content, [numbers.tobytes()])

    # ---- messages

    def _greet(self) -> None:
        with self._send_lock:
            super()._greet()
            if self._find_selected() is not None:
                self._send_texts()

    def _take_message(self, kind: str, content: dict[str, Any]) -> None:
        if kind not in ("start", "stop"):
            super()._take_message(kind, content)
            return
        self.send({"type": "ack", "id": content["id"]})
        if kind == "stop":
            self.stop()
            return
        wanted = {name: content["settings"][name] for name in self.settings if name in content["settings"]}
        for name, value in wanted.items():
            self._check_sent(name, value)
        for name, value in wanted.items():
            setattr(self, name, value)
        self.start()

    def _settle_cell(self, seconds: float) -> None:
        """A sweep that a cell started goes on after it; the copy says so."""

    # ---- what is shown

    def _list_findings(self) -> list[str]:
        shown = self._require_shown()
        return list_findings(shown.response, planned=shown.settings["strengths"])

    def _name_measure(self, measure: Any) -> str:
        return build_measure(measure, vocabulary=self.scope.info.vocabulary).name

    def _write_measure(self, opening: Opening, measure: Any) -> str:
        if isinstance(measure, FeatureRef):
            return opening.feature(measure)
        return repr(measure if isinstance(measure, int) else list(measure))

    def _copy_parts(self) -> list[str]:
        if self._shown is None:
            return [copy.build_paragraph("Nothing made yet: press Start in the live view.")]
        settings, response = self._shown.settings, self._shown.response
        drawn = f"temperature {format_number(settings['temperature'])}, at most {settings['max_new_tokens']} tokens"
        added = f"Added: {self._name_feature(settings['feature'])}. Measure: {response.measure.name}."
        parts = [
            f"Prompt: {format_prompt(as_prompt(settings['prompt']))}",
            f"{added} Drawn with {drawn}.",
            *self._list_findings(),
        ]
        rules = [copy.build_paragraph(f"{name}: {rule}.") for name, rule in response.rules.items()]
        return [
            *map(copy.build_paragraph, parts),
            self._build_table(response),
            self._build_texts(response),
            copy.build_details("The rules", "".join(rules)),
        ]

    def _define_terms(self) -> dict[str, str]:
        return {name: define(name) for name in ("feature", "activation", "strength", "perplexity")}

    def _build_table(self, response: DoseResponse) -> str:
        columns = ["strength", "effect", "random direction", "perplexity", "of random direction", "it is", "its texts"]
        rows = []
        for point in response.points:
            figures = (point.effect, point.control_effect, point.perplexity, point.control_perplexity)
            marks = ["flips here"] if any(flip.strength == point.strength for flip in response.flips) else []
            broken = "break up" if response.is_broken_at(point.strength) else "hold together"
            said = [describe_dose(response, point.strength), *marks]
            rows.append([format_strength(point.strength), *map(format_estimate, figures), ", ".join(said), broken])
        return copy.build_table(columns=columns, rows=rows, caption="Mean and 95 % interval by strength")

    def _build_texts(self, response: DoseResponse) -> str:
        """Whole texts of the strength that is read, or of the one that says most, beside those of strength 0."""
        flips = [flip.strength for flip in response.flips]
        selected = self._find_selected()
        strength = selected if selected is not None else [response.strengths[-1], *flips][-1]
        rows = []
        for kind, one in self._list_texts(strength):
            figures = (format_number(one.effect), format_number(one.perplexity))
            rows.append([kind, str(one.seed), *figures, format_text(one.text, limit=5000)])
        columns = ["continuation", "seed", "effect", "perplexity", "text"]
        caption = f"Texts at strength {format_strength(strength)}, and at 0"
        return copy.build_table(columns=columns, rows=rows, caption=caption)


def _tell_measure(value: Any) -> list[str] | Ref | int:
    if isinstance(value, FeatureRef):
        return tell_ref(value)
    return value if isinstance(value, int) else list(value)


def _narrow(values: Sequence[Any]) -> np.ndarray:
    """float32; what is too large for it is infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float64).astype(np.float32)
