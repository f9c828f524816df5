"""FeatureSliders: change features by hand and watch the next-token distribution."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, get_args

from gscope_widgets.errors import InvalidValue, NotRecorded, describe_value
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.figures import escape_math, open_figure, write_title
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.generation import TokenChance, TokenDistribution
from gscope_widgets.records.glossary import define
from gscope_widgets.records.interventions import Intervention, build_intervention
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.changes import Change, list_refs, tell_changes
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.features import ChangingWidget, list_interventions
from gscope_widgets.widgets.base.formats import format_number, format_percent, format_prompt, format_token
from gscope_widgets.widgets.base.limits import CONTROLS, SHOWN_TOKENS
from gscope_widgets.widgets.base.state import Checked, as_prompt, check_many, check_text
from gscope_widgets.widgets.base.wire import ArrayHead, ChangeState, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

SliderMode = Literal["clamp", "scale", "add"]
_REST = "all other tokens"


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
    random: float | None  # mean of the random directions; null where none was recorded


class Rest(TypedDict):
    """Probability outside the rows."""

    baseline: float
    changed: float
    random: float | None


class DistributionResult(TypedDict):
    """The next token, changed beside the baseline."""

    type: Literal["result"]
    request: int
    text: Text  # the settings that this answers: compare with what the view shows now
    changes: list[ChangeState]
    rows: list[TokenRow]  # the likeliest of either run, likeliest first
    rest: Rest
    kl: float  # Kullback-Leibler divergence of the changed from the baseline distribution, in nats
    control_kls: list[float]  # the same of each random direction as long as the changes; none where nothing is changed
    is_controlled: bool  # false where changes have no control, which was not recorded
    natural: list[Natural | None]  # one a change; null of a direction
    arrays: list[ArrayHead]


class _Answer(NamedTuple):
    settings: dict[str, Any]
    distribution: TokenDistribution
    natural: dict[FeatureRef, Natural]


def _check_text(sliders: "FeatureSliders", value: object) -> object:
    return check_text(sliders.scope, value)


class FeatureSliders(ChangingWidget):
    """A slider for each change, and what the model would say next: baseline, changed, and by random directions.

    The random directions, three, are as long as the changes together at each position; what the changes do beyond them
    is their own doing. `random` is the mean of the three.

    A slider clamps a feature's activation, scales it, or adds its direction (in fractions of the mean norm there); a
    feature may be ablated, and directions of one's own added. Each change has a switch and its positions. `values`
    holds None where a change is switched off, and the feature left alone. New `features` keep the changes of those that
    were there.
    """

    text = Checked(_check_text, Text, "", help="Whose next token is predicted: a string, or chat messages.")

    to_page = {"result": DistributionResult}
    settings = ("text", "directions", "changes")
    _asking = (*settings, "features")

    def __init__(
        self,
        scope: Scope,
        text: str | Sequence[dict[str, str]] = "",
        *,
        features: Sequence[int | FeatureRef] = (),
        interventions: Sequence[Intervention] = (),
        directions: Sequence[Direction] = (),
        mode: SliderMode = "clamp",
        dictionary: Dictionary | None = None,
    ):
        """Predict the next token, with every feature left alone, or with `interventions`.

        Args:
            scope: from `gs.load`.
            text: a string, or chat messages for a chat model; "" predicts from BOS alone.
            features: as `dictionary.feature(number)` or as numbers; each is left alone at first.
            interventions: in place of features: changes of any kind, which hold from the first prediction on.
            directions: of one's own, from `scope.direction` or `gs.load_direction`, to be added in the page by name.
            mode: what the sliders of `features` do at first: "clamp", "scale" or "add".
            dictionary: of features given as numbers; by default the scope's default one.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        if not isinstance(mode, str) or mode not in get_args(SliderMode):
            raise InvalidValue(f"a mode is one of {', '.join(get_args(SliderMode))}, got {describe_value(mode)}")
        self._mode: SliderMode = mode
        self._peaks: dict[FeatureRef, float] = {}
        self._answered: _Answer | None = None
        refs, changes = self._prepare_changes(scope, text, features, interventions, dictionary)
        own = self._prepare_directions(directions, changes)
        text = check_text(scope, text)
        settings: dict[str, Any] = {"text": text, "directions": own, "changes": changes}
        made = list_interventions(changes)
        distribution = self._predict(text, made)
        answer = _Answer(settings, distribution, self._measure(settings))
        super().__init__(scope, features=refs, **settings)
        self._present(answer, self._deliver)
        self._open()

    @property
    def distribution(self) -> TokenDistribution:
        """The next-token distribution shown, once the newest request is answered."""
        self.wait()
        return self._shown.distribution

    @property
    def values(self) -> tuple[float | None, ...]:
        """What each change sets: an activation, a factor or a strength, in the order of `changes`; None if it is off.

        Set a list of as many: a number switches a change on, None switches it off.
        """
        return tuple(one.intervention.amount if one.on else None for one in self.changes)

    @values.setter
    def values(self, value: Sequence[float | None]) -> None:
        given = check_many("values", value, count=len(self.changes))
        made = []
        for one, amount in zip(self.changes, given, strict=True):
            if amount is None:
                made.append(replace(one, on=False))
                continue
            kept = one.intervention
            set_to = build_intervention(kept.kind, kept.ref, amount, unit=kept.unit, positions=kept.positions)
            made.append(Change(set_to, True, one.painted))
        self.changes = made

    def reset(self) -> None:
        """Leave everything alone."""
        self.changes = [replace(one, on=False) for one in self.changes]

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame of probabilities; id -1 is all other tokens.

        Columns: `id`, `token`, `baseline`, `changed`, `random 0`, `random 1`, `random 2`, which are the baseline where
        nothing is changed, and NaN where no control was recorded.
        """
        rows, rest = self._rows(), self._rest()
        randoms: list[list[float]] = []
        for number in range(CONTROLS):
            chances = self._read_control(number)
            own = [chances[row["id"]] for row in rows]
            randoms.append([*own, max(1.0 - sum(own), 0.0)])  # in this order NaN stays NaN
        return build_frame(
            id=[*(row["id"] for row in rows), -1],
            token=[*(row["token"] for row in rows), _REST],
            baseline=[*(row["baseline"] for row in rows), rest["baseline"]],
            changed=[*(row["changed"] for row in rows), rest["changed"]],
            **{f"random {number}": values for number, values in enumerate(randoms)},
        )

    def plot(self) -> "Figure":
        """A matplotlib Figure: probability of each token in the baseline, changed, and by random directions."""
        rows, rest = self._rows(), self._rest()
        figure = open_figure(6, 0.5 * len(rows) + 1.4, self.provenance)
        axes = figure.subplots()
        places = range(len(rows) + 1)
        baseline = [*(row["baseline"] for row in rows), rest["baseline"]]
        changed = [*(row["changed"] for row in rows), rest["changed"]]
        axes.barh([place - 0.28 for place in places], baseline, 0.28, fill=False, label="baseline")
        axes.barh(places, changed, 0.28, label="changed")
        if self._is_controlled:
            random = [one["random"] or 0.0 for one in (*rows, rest)]
            label = f"random direction, mean of {CONTROLS}"
            axes.barh([place + 0.28 for place in places], random, 0.28, fill=False, hatch="////", label=label)
        axes.set_yticks(places, [*(escape_math(format_token(row["token"])) for row in rows), _REST])
        axes.invert_yaxis()
        axes.set_xlabel("probability of the next token")
        write_title(figure, f"{self.badge} · {self._write_kl()}")
        axes.legend()
        return figure

    def shows(self) -> list[str]:
        """The tokens, their probabilities under both runs, and the divergence."""
        rows, rest = self._rows(), self._rest()
        shown = [_write_chance(value) for one in (*rows, rest) for value in _list_chances(one)]
        return list(dict.fromkeys([*(format_token(row["token"]) for row in rows), _REST, *shown, self._write_kl()]))

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        settings, distribution, _ = self._shown
        directions = [one.ref for one in distribution.interventions if isinstance(one.ref, Direction)]
        opening = Opening(self.scope, list_refs(settings["changes"]), directions=list(dict.fromkeys(directions)))
        changes = ", ".join(opening.intervention(one) for one in distribution.interventions)
        lines = [
            f"interventions = [{changes}]",
            f"text = {as_prompt(settings['text'])!r}",
            f"found = scope.next_tokens(text, {SHOWN_TOKENS}, interventions, controls={len(distribution.controls)})",
            "for chance in found.chances:",
            "    print(repr(chance.token), chance.probability)",
            "print(found.kl, *(one.kl for one in found.controls))",
        ]
        return "\n".join([*opening.lines, *lines])

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from."""
        settings, distribution, _ = self._shown
        refs = list_refs(settings["changes"])
        return self.scope.provenance(
            [ref.dictionary_id for ref in refs],
            token_ids=distribution.tokens.ids,
            features=[str(ref) for ref in refs],
            interventions=[str(one) for one in distribution.interventions],
        )

    # ---- answering

    def _build_change(self, ref: FeatureRef) -> Change:
        rest = {"clamp": 0.0, "scale": 1.0, "add": 0.0}[self._mode]
        return Change(build_intervention(self._mode, ref, rest), on=False)

    def _answer(self, settings: dict[str, Any]) -> None:
        interventions = list_interventions(settings["changes"])

        def predict() -> _Answer:
            return _Answer(settings, self._predict(settings["text"], interventions), self._measure(settings))

        self._request(predict, deliver=self._deliver, doing="Predicting…")

    def _predict(self, text: Any, interventions: Sequence[Intervention]) -> TokenDistribution:
        """With random controls, or without where a recording has none of them."""
        prompt = as_prompt(text)
        try:
            return self.scope.next_tokens(prompt, SHOWN_TOKENS, interventions, controls=CONTROLS)
        except NotRecorded:
            return self.scope.next_tokens(prompt, SHOWN_TOKENS, interventions)

    def _measure(self, settings: dict[str, Any]) -> dict[FeatureRef, Natural]:
        """Each feature's own activation on the text as it is."""
        refs, known = list_refs(settings["changes"]), self._answered
        if known is not None and known.settings["text"] == settings["text"] and set(refs) <= set(known.natural):
            return known.natural
        natural: dict[FeatureRef, Natural] = {}
        for name in dict.fromkeys(ref.dictionary_id for ref in refs):
            own = [ref for ref in refs if ref.dictionary_id == name]
            reading = self.scope.read(as_prompt(settings["text"]), name, features=[ref.feature for ref in own])
            for ref in own:
                trace = reading.trace(ref.feature)
                natural[ref] = {"last": float(trace[-1]), "peak": float(trace.max())}
        return natural

    def _deliver(self, answer: _Answer) -> None:
        self._answered = answer
        for ref, own in answer.natural.items():  # a slider keeps the range of the first text its feature is read on
            largest = self.scope.describe(ref).max_activation or 0.0
            self._peaks.setdefault(ref, max(largest, own["peak"]) or 1.0)
        self.ranges = [self._build_range(one) for one in self.changes]  # which may be newer than the answer
        settings = answer.settings
        content = {
            "text": as_prompt(settings["text"]),
            "changes": tell_changes(settings["changes"]),
            "rows": self._rows(),
            "rest": self._rest(),
            "kl": answer.distribution.kl,
            "control_kls": [one.kl for one in answer.distribution.controls],
            "is_controlled": self._is_controlled,
            "natural": [
                None if isinstance(one.ref, Direction) else answer.natural[one.ref] for one in settings["changes"]
            ],
        }
        self._send_result(content)

    def _find_peak(self, ref: FeatureRef) -> float:
        return self._peaks.get(ref) or super()._find_peak(ref)

    def _get_result(self) -> TokenDistribution:
        return self._shown.distribution

    # ---- what is shown

    @property
    def _shown(self) -> _Answer:
        assert self._answered is not None, "the constructor answers first"
        return self._answered

    def _rows(self) -> list[TokenRow]:
        """The likeliest tokens of either run, as many of each, likeliest first."""
        pairs = self._shown.distribution.pairs
        of_baseline = sorted(pairs, key=lambda pair: pair[0].probability, reverse=True)
        of_changed = sorted(pairs, key=lambda pair: pair[1].probability, reverse=True)
        either = dict.fromkeys(pair for both in zip(of_baseline, of_changed, strict=True) for pair in both)
        shown = sorted(list(either)[: SHOWN_TOKENS + 2], key=_larger, reverse=True)
        randoms = [self._read_control(number) for number in range(CONTROLS)]
        return [
            {
                "id": one.id,
                "token": one.token,
                "baseline": one.probability,
                "changed": other.probability,
                "random": sum(random[one.id] for random in randoms) / CONTROLS if self._is_controlled else None,
            }
            for one, other in shown
        ]

    def _rest(self) -> Rest:
        rows = self._rows()

        def rest(values: Sequence[float]) -> float:
            return max(0.0, 1.0 - sum(values))

        random = rest([row["random"] or 0.0 for row in rows]) if self._is_controlled else None
        baseline, changed = rest([row["baseline"] for row in rows]), rest([row["changed"] for row in rows])
        return {"baseline": baseline, "changed": changed, "random": random}

    @property
    def _is_controlled(self) -> bool:
        """Whether the changes shown have their random controls; no change needs none."""
        distribution = self._shown.distribution
        return bool(distribution.controls) or not distribution.interventions

    def _read_control(self, number: int) -> dict[int, float]:
        """Probabilities by a random direction, by token id; those of the baseline where nothing is changed."""
        distribution = self._shown.distribution
        if distribution.controls:
            return {one.id: one.probability for one in distribution.controls[number].chances}
        return {one.id: one.probability if self._is_controlled else float("nan") for one, _ in distribution.pairs}

    def _write_kl(self) -> str:
        distribution = self._shown.distribution
        said = f"KL {_write_nats(distribution.kl)} nats from the baseline"
        if not self._is_controlled:
            return f"{said}; no random control was recorded"
        if not distribution.controls:
            return said
        kls = [one.kl for one in distribution.controls]
        beside = "; random directions as long" if distribution.kl > max(kls) else ", no more than random directions"
        return f"{said}{beside}: {', '.join(map(_write_nats, kls))}"

    def _copy_parts(self) -> list[str]:
        settings = self._shown.settings
        changes = self._write_changes(settings["changes"])
        named = [*((format_token(row["token"]), row) for row in self._rows()), (_REST, self._rest())]
        rows = [[name, str(row.get("id", "")), *map(_write_chance, _list_chances(row))] for name, row in named]
        columns = ["next token", "token id", "baseline", "changed", "random direction"]
        controls = (
            f"Random direction: the mean of {CONTROLS} random directions, as long as the changes at each token; "
            "what they do as well is not the features' doing."
        )
        return [
            copy.build_paragraph(f"Text: {format_prompt(settings['text'])}"),
            copy.build_paragraph(f"Changes: {changes}. {self._write_kl()}."),
            *([copy.build_paragraph(self.caution)] if self.caution else []),
            copy.build_table(columns=columns, rows=rows, caption="Next token"),
            copy.build_paragraph(controls),
        ]

    def _define_terms(self) -> dict[str, str]:
        words = ("feature", "activation", "strength", "probability")
        return {name: define(name) for name in words} | {"KL": define("KL", max(0.0, self._shown.distribution.kl))}


def _write_nats(kl: float) -> str:
    return format_number(0.0 if abs(kl) < 5e-7 else kl)


def _list_chances(one: TokenRow | Rest) -> tuple[float, float, float | None]:
    return one["baseline"], one["changed"], one["random"]


def _write_chance(value: float | None) -> str:
    return "not recorded" if value is None else format_percent(value)


def _larger(pair: tuple[TokenChance, TokenChance]) -> float:
    return max(pair[0].probability, pair[1].probability)
