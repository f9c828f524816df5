"""FeatureSliders: change features by hand and watch the next-token distribution."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

from gscope_widgets.errors import GscopeError, InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.figures import escape_math, open_figure
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.generation import TokenChance, TokenDistribution
from gscope_widgets.records.glossary import define
from gscope_widgets.records.interventions import MAX_RAW, Intervention, ablate, add, clamp, scale
from gscope_widgets.records.numbers import check_float
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.features import ChangingWidget, align, tell_refs
from gscope_widgets.widgets.base.formats import format_number, format_percent, format_prompt, format_token
from gscope_widgets.widgets.base.limits import SHOWN_TOKENS
from gscope_widgets.widgets.base.state import Checked, Told, as_prompt, check_many, check_switch, check_text
from gscope_widgets.widgets.base.wire import ArrayHead, Ref, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

SliderMode = Literal["clamp", "scale", "add"]
_MAKERS: dict[str, Callable[[FeatureRef, float], Intervention]] = {"clamp": clamp, "scale": scale, "add": add}
_REST = "all other tokens"


class SliderRange(TypedDict):
    """How a slider runs in one mode."""

    min: float
    max: float
    step: float
    rest: float  # where the thumb rests while the feature is left alone
    unit: str


class Natural(TypedDict):
    """A feature's own activation on the text as it is."""

    last: float  # at the last token
    peak: float


class TokenRow(TypedDict):
    """A next token, and how likely it is."""

    id: int
    token: str
    baseline: float
    changed: float


class Rest(TypedDict):
    """Probability outside the rows."""

    baseline: float
    changed: float


class DistributionResult(TypedDict):
    """The next token, changed beside the baseline."""

    type: Literal["result"]
    request: int
    text: Text  # the settings that this answers: compare with what the view shows now
    features: list[Ref]
    values: list[float | None]
    modes: list[SliderMode]
    ablated: list[bool]
    rows: list[TokenRow]  # the likeliest under either run, likeliest first
    rest: Rest
    kl: float  # Kullback-Leibler divergence of the changed from the baseline distribution, in nats
    natural: list[Natural]  # one a feature
    arrays: list[ArrayHead]


class _Answer(NamedTuple):
    settings: dict[str, Any]
    distribution: TokenDistribution
    natural: dict[FeatureRef, Natural]


def _check_text(sliders: "FeatureSliders", value: object) -> object:
    return check_text(sliders.scope, value)


def _check_values(sliders: "FeatureSliders", value: object) -> tuple[float | None, ...]:
    items = check_many("values", value, count=len(sliders.features))
    return tuple(
        None if item is None else check_float("a slider's value", item, low=-MAX_RAW, high=MAX_RAW) for item in items
    )


def _check_modes(sliders: "FeatureSliders", value: object) -> tuple[SliderMode, ...]:
    items = check_many("modes", value, count=len(sliders.features))
    for item in items:
        if not isinstance(item, str) or item not in _MAKERS:
            raise InvalidValue(f"a mode is one of {', '.join(_MAKERS)}, got {describe_value(item)}")
    return tuple(items)


def _check_ablated(sliders: "FeatureSliders", value: object) -> tuple[bool, ...]:
    return tuple(check_switch("ablated", item) for item in check_many("ablated", value, count=len(sliders.features)))


class FeatureSliders(ChangingWidget):
    """A slider for each feature, and what the model would say next, changed against the baseline.

    A slider clamps the feature's activation, scales it, or adds its direction (in fractions of
    the mean residual norm); a switch ablates it. `values` holds None where a feature is left alone.
    New `features` keep the settings of those that were there.
    """

    text = Checked(_check_text, Text, "", help="Whose next token is predicted: a string, or chat messages.")
    modes = Checked(_check_modes, list[SliderMode], (), help="What each slider does.")
    values = Checked(
        _check_values,
        list[float | None],
        (),
        help="One a feature: activation to clamp to, factor, or strength; None leaves it alone.",
    )
    ablated = Checked(_check_ablated, list[bool], (), help="One a feature: True sets its activation to 0.")
    ranges = Told(list[dict[SliderMode, SliderRange]], [], help="How each slider runs, by mode.")

    to_page = {"result": DistributionResult}
    settings = ("text", "features", "values", "modes", "ablated")
    _asking = settings

    def __init__(
        self,
        scope: Scope,
        text: str | Sequence[dict[str, str]] = "",
        *,
        features: Sequence[int | FeatureRef],
        mode: SliderMode = "clamp",
        dictionary: Dictionary | None = None,
    ):
        """Predict the next token, with every feature left alone.

        Args:
            scope: from `gs.load`.
            text: a string, or chat messages for a chat model; "" predicts from BOS alone.
            features: one or more, as `dictionary.feature(number)` or as numbers.
            mode: what the sliders do at first: "clamp", "scale" or "add".
            dictionary: of features given as numbers; by default the scope's default one.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        refs = self._prepare(scope, features, dictionary)
        text, count = check_text(scope, text), len(refs)
        self._mode: SliderMode = mode
        self._peaks: dict[FeatureRef, float] = {}
        self._answered: _Answer | None = None
        settings: dict[str, Any] = {"text": text, "features": refs}
        settings |= {"values": (None,) * count, "modes": (mode,) * count, "ablated": (False,) * count}
        answer = _Answer(settings, scope.next_tokens(as_prompt(text), SHOWN_TOKENS), self._measure(settings))
        super().__init__(scope, **settings)
        self._sound = settings
        self._present(answer, self._deliver)
        self._open()

    @property
    def distribution(self) -> TokenDistribution:
        """The next-token distribution shown, once the newest request is answered."""
        self.wait()
        return self._shown.distribution

    @property
    def interventions(self) -> tuple[Intervention, ...]:
        """What the sliders do now, as `scope.generate` takes it."""
        return _build_interventions(self._read_settings())

    def reset(self) -> None:
        """Leave every feature alone."""
        with self.hold_trait_notifications():
            self.values = [None] * len(self.features)
            self.ablated = [False] * len(self.features)

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame: `id`, `token`, `baseline`, `changed` (probabilities); id -1 is all other tokens."""
        rows, rest = self._rows(), self._rest()
        return build_frame(
            id=[*(row["id"] for row in rows), -1],
            token=[*(row["token"] for row in rows), _REST],
            baseline=[*(row["baseline"] for row in rows), rest["baseline"]],
            changed=[*(row["changed"] for row in rows), rest["changed"]],
        )

    def plot(self) -> "Figure":
        """A matplotlib Figure: probability of each token, changed beside the baseline."""
        rows, rest = self._rows(), self._rest()
        figure = open_figure(6, 0.4 * len(rows) + 1.4)
        axes = figure.subplots()
        places = range(len(rows) + 1)
        baseline = [*(row["baseline"] for row in rows), rest["baseline"]]
        changed = [*(row["changed"] for row in rows), rest["changed"]]
        axes.barh([place - 0.2 for place in places], baseline, 0.4, fill=False, label="baseline")
        axes.barh([place + 0.2 for place in places], changed, 0.4, label="changed")
        axes.set_yticks(places, [*(escape_math(format_token(row["token"])) for row in rows), _REST])
        axes.invert_yaxis()
        axes.set_xlabel("probability of the next token")
        axes.set_title(f"{self.badge} · {self._write_kl()}", fontsize="small")
        axes.legend()
        return figure

    def shows(self) -> list[str]:
        """The tokens, their probabilities under both runs, and the divergence."""
        rows, rest = self._rows(), self._rest()
        pairs = [*((row["baseline"], row["changed"]) for row in rows), (rest["baseline"], rest["changed"])]
        chances = [format_percent(value) for pair in pairs for value in pair]
        return list(dict.fromkeys([*(format_token(row["token"]) for row in rows), _REST, *chances, self._write_kl()]))

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        settings, distribution, _ = self._shown
        opening = Opening(self.scope, settings["features"])
        changes = ", ".join(opening.intervention(one) for one in distribution.interventions)
        lines = [
            f"interventions = [{changes}]",
            f"text = {as_prompt(settings['text'])!r}",
            f"for chance in scope.next_tokens(text, {SHOWN_TOKENS}, interventions).chances:",
            "    print(repr(chance.token), chance.probability)",
        ]
        return "\n".join([*opening.lines, *lines])

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from."""
        settings, distribution, _ = self._shown
        return self.scope.provenance(
            [ref.dictionary_id for ref in settings["features"]],
            token_ids=distribution.tokens.ids,
            features=[str(ref) for ref in settings["features"]],
            interventions=[str(one) for one in distribution.interventions],
        )

    # ---- answering

    def _list_strengths(self, settings: Mapping[str, Any]) -> Iterable[float]:
        rows = zip(*(settings[name] for name in ("values", "modes", "ablated")), strict=False)
        return [value for value, mode, off in rows if mode == "add" and value is not None and not off]

    def _align(self, before: Sequence[FeatureRef], refs: Sequence[FeatureRef]) -> None:
        modes = align(self.modes, before, refs, rest=self._mode)
        values, ablated = align(self.values, before, refs, rest=None), align(self.ablated, before, refs, rest=False)
        self.modes, self.values, self.ablated = modes, values, ablated
        self.ranges = self._build_ranges(refs)

    def _answer(self, settings: dict[str, Any]) -> None:
        try:
            interventions = _build_interventions(settings)
        except GscopeError:
            self._go_back()
            raise
        self._sound = settings

        def predict() -> _Answer:
            distribution = self.scope.next_tokens(as_prompt(settings["text"]), SHOWN_TOKENS, interventions)
            return _Answer(settings, distribution, self._measure(settings))

        self._request(predict, deliver=self._deliver, doing="Predicting…")

    def _go_back(self) -> None:
        """To the last settings that are sound together: a value can be out of range for a mode set later."""
        with self._quietly():
            for name in self.settings:
                setattr(self, name, self._sound[name])
        self._asked = self._sound
        self._on_settings(None)

    def _measure(self, settings: dict[str, Any]) -> dict[FeatureRef, Natural]:
        """Each feature's own activation on the text as it is."""
        known = self._answered
        if known is not None and all(known.settings[name] == settings[name] for name in ("text", "features")):
            return known.natural
        natural: dict[FeatureRef, Natural] = {}
        for name in dict.fromkeys(ref.dictionary_id for ref in settings["features"]):
            own = [ref for ref in settings["features"] if ref.dictionary_id == name]
            reading = self.scope.read(as_prompt(settings["text"]), name, features=[ref.feature for ref in own])
            for ref in own:
                trace = reading.trace(ref.feature)
                natural[ref] = {"last": float(trace[-1]), "peak": float(trace.max())}
        return natural

    def _deliver(self, answer: _Answer) -> None:
        self._answered = answer
        self._learn_ranges(answer)
        settings = answer.settings
        content = {
            "text": as_prompt(settings["text"]),
            "features": tell_refs(settings["features"]),
            **{name: list(settings[name]) for name in ("values", "modes", "ablated")},
            "rows": self._rows(),
            "rest": self._rest(),
            "kl": answer.distribution.kl,
            "natural": [answer.natural[ref] for ref in settings["features"]],
        }
        self._send_result(content)

    def _get_result(self) -> TokenDistribution:
        return self._shown.distribution

    def _learn_ranges(self, answer: _Answer) -> None:
        """A slider keeps the range that it gets from the first text its feature is read on."""
        for ref, own in answer.natural.items():
            largest = self.scope.describe(ref).max_activation or 0.0
            self._peaks.setdefault(ref, max(largest, own["peak"]) or 1.0)
        self.ranges = self._build_ranges(self.features)  # which may be newer than the answer

    def _build_ranges(self, refs: Sequence[FeatureRef]) -> list[dict[SliderMode, SliderRange]]:
        peaks = [self._peaks.get(ref) or self.scope.describe(ref).max_activation or 1.0 for ref in refs]
        return [build_ranges(peak) for peak in peaks]

    # ---- what is shown

    @property
    def _shown(self) -> _Answer:
        assert self._answered is not None, "the constructor answers first"
        return self._answered

    def _rows(self) -> list[TokenRow]:
        """The likeliest tokens of either run, likeliest first."""
        pairs = sorted(self._shown.distribution.pairs, key=_larger, reverse=True)[: SHOWN_TOKENS + 2]
        return [
            {"id": one.id, "token": one.token, "baseline": one.probability, "changed": other.probability}
            for one, other in pairs
        ]

    def _rest(self) -> Rest:
        rows = self._rows()
        baseline, changed = sum(row["baseline"] for row in rows), sum(row["changed"] for row in rows)
        return {"baseline": max(0.0, 1.0 - baseline), "changed": max(0.0, 1.0 - changed)}

    def _write_kl(self) -> str:
        kl = self._shown.distribution.kl
        return f"KL {format_number(0.0 if abs(kl) < 5e-7 else kl)} nats from the baseline"

    def _copy_parts(self) -> list[str]:
        settings, distribution, _ = self._shown
        changes = self._write_changes(distribution.interventions, settings["features"])
        shown = [(format_token(row["token"]), row["baseline"], row["changed"]) for row in self._rows()]
        shown.append((_REST, self._rest()["baseline"], self._rest()["changed"]))
        rows = [[name, format_percent(baseline), format_percent(changed)] for name, baseline, changed in shown]
        return [
            copy.build_paragraph(f"Text: {format_prompt(settings['text'])}"),
            copy.build_paragraph(f"Changes: {changes}. {self._write_kl()}."),
            *([copy.build_paragraph(self.caution)] if self.caution else []),
            copy.build_table(columns=["next token", "baseline", "changed"], rows=rows, caption="Next token"),
        ]

    def _define_terms(self) -> dict[str, str]:
        words = ("feature", "activation", "strength", "probability")
        return {name: define(name) for name in words} | {"KL": define("KL", max(0.0, self._shown.distribution.kl))}


def _build_interventions(settings: Mapping[str, Any]) -> tuple[Intervention, ...]:
    made = []
    rows = (settings[name] for name in ("features", "values", "modes", "ablated"))
    for ref, value, mode, off in zip(*rows, strict=True):
        if off:
            made.append(ablate(ref))
        elif value is not None:
            made.append(_MAKERS[mode](ref, value))
    return tuple(made)


def _larger(pair: tuple[TokenChance, TokenChance]) -> float:
    return max(pair[0].probability, pair[1].probability)


def build_ranges(peak: float) -> dict[SliderMode, SliderRange]:
    """Slider ranges for a feature whose activation reaches `peak`."""
    top = float(f"{1.5 * peak:.2g}")
    return {
        "clamp": {"min": 0.0, "max": top, "step": top / 100, "rest": 0.0, "unit": "activation"},
        "scale": {"min": -2.0, "max": 5.0, "step": 0.05, "rest": 1.0, "unit": "× its activation"},
        "add": {"min": -1.0, "max": 1.0, "step": 0.01, "rest": 0.0, "unit": "× mean residual norm"},
    }
