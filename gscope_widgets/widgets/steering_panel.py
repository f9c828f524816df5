"""SteeringPanel: baseline, changed and randomly changed text, side by side as it is made."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from gscope_widgets.errors import GscopeError
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.figures import escape_math, open_figure
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.generation import MAX_TRACED, GeneratedToken, SamplingPlan
from gscope_widgets.records.glossary import define
from gscope_widgets.records.interventions import MAX_FRACTION, Intervention, build_intervention
from gscope_widgets.records.numbers import check_float, check_int
from gscope_widgets.records.protocols import Dictionary, Generation, Job, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.changes import Change, list_directions, list_refs, tell_changes
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.features import ChangingWidget, list_interventions
from gscope_widgets.widgets.base.formats import (
    format_label,
    format_number,
    format_prompt,
    format_text,
)
from gscope_widgets.widgets.base.limits import MAX_NEW_TOKENS, MAX_SEED, MAX_TEMPERATURE
from gscope_widgets.widgets.base.state import Checked, as_prompt, check_many, check_switch, check_text
from gscope_widgets.widgets.base.traces import find_full, write_summary
from gscope_widgets.widgets.base.wire import ArrayHead, ChangeState, FeatureInfo, OwnDirection, Stop, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

ROWS = ("baseline", "changed", "random")
# 30 messages a second at most, whatever the model's speed.
_SEND_EVERY_S = 1 / 30

RowName = Literal["baseline", "changed", "random"]
Ended = Literal["", "length", "end of text", "context full", "cancelled", "error"]
NewTokens = Annotated[int, Bounds(1, MAX_NEW_TOKENS)]
Temperature = Annotated[float, Bounds(0, MAX_TEMPERATURE)]
Seed = Annotated[int, Bounds(0, MAX_SEED)]


class StreamedToken(TypedDict):
    """A token as it is made."""

    text: str
    id: int
    logprob: float  # natural logarithm of the probability it was drawn with, under that row's own model
    activations: list[float]  # of each of the `known` features, at this token in that row's own run


class StreamedRow(TypedDict):
    """What one continuation has gained."""

    name: RowName
    tokens: list[StreamedToken]


class SteeringStream(TypedDict):
    """Tokens as they are made, at most 30 messages a second."""

    type: Literal["stream"]
    request: int
    reset: bool  # true when these rows replace everything shown: a new run, or a view that came late
    settings: "SteeringSettings"  # that the run is made with
    known: list[FeatureInfo]  # what is known of each feature that is changed, on or off
    changes: str  # what is changed, in words: "feature 3: add +0.40"; "none" where nothing is
    control: str  # what the third row is: "random direction of the same length, seed 0"
    rows: list[StreamedRow]
    ended: Ended  # empty while it runs
    arrays: list[ArrayHead]


class SteeringSettings(TypedDict):
    """What a run is made with."""

    prompt: Text
    directions: list[OwnDirection]
    changes: list[ChangeState]
    max_new_tokens: NewTokens
    temperature: Temperature
    seed: Seed


class ChangedSettings(TypedDict, total=False):
    """What this page's reader changed since its last start, and no more: another page may have changed the rest."""

    prompt: Text
    directions: list[OwnDirection]
    changes: list[ChangeState]
    max_new_tokens: NewTokens
    temperature: Temperature
    seed: Seed


class Start(TypedDict):
    """Begin a run. It carries settings because patches of state may reach Python after it."""

    type: Literal["start"]
    id: Annotated[str, Bounds(length=100)]
    settings: ChangedSettings


@dataclass
class _Run:
    """A run in view, and how much of it went out."""

    number: int  # of its request; what an older one still makes is dropped
    settings: dict[str, Any]
    changed: tuple[Intervention, ...]
    control: str
    known: list[FeatureInfo]
    generation: Generation | None = None
    made: dict[str, list[StreamedToken]] = field(default_factory=lambda: {name: [] for name in ROWS})
    sent: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ROWS, 0))
    sent_at: float = 0.0


def _check_prompt(panel: "SteeringPanel", value: object) -> object:
    return check_text(panel.scope, value)


def _check_max_new_tokens(_panel: "SteeringPanel", value: object) -> int:
    return check_int("max_new_tokens", value, low=1, high=MAX_NEW_TOKENS)


def _check_temperature(_panel: "SteeringPanel", value: object) -> float:
    return check_float("temperature", value, low=0, high=MAX_TEMPERATURE)


def _check_seed(_panel: "SteeringPanel", value: object) -> int:
    return check_int("seed", value, low=0, high=MAX_SEED)


class SteeringPanel(ChangingWidget):
    """A prompt continued three ways on the same random numbers: baseline, changed, and with a random direction.

    Changes are of any kind, each with its switch, value and positions; features begin as added directions,
    `strength` times the mean norm there long. The third continuation adds a random direction as long as the changes
    together: what they do beyond that is their own doing. Start and Stop are in the panel and here. Each token is
    filled by the activation of the first of `features` at it, read while it is made, in its own run.
    """

    prompt = Checked(_check_prompt, Text, "", help="What is continued: a string, or chat messages for a chat model.")
    max_new_tokens = Checked(_check_max_new_tokens, NewTokens, 40, help="Tokens of each continuation, at most.")
    temperature = Checked(_check_temperature, Temperature, 0.0, help="0 takes the likeliest token each time.")
    seed = Checked(_check_seed, Seed, 0, help="Of the sampling and of the random direction.")

    _at_most = MAX_TRACED
    to_page = {"stream": SteeringStream}
    to_python = {"start": Start, "stop": Stop}
    settings = tuple(SteeringSettings.__annotations__)

    def __init__(
        self,
        scope: Scope,
        prompt: str | Sequence[dict[str, str]] = "",
        *,
        features: Sequence[int | FeatureRef] = (),
        strength: float = 0.3,
        interventions: Sequence[Intervention] = (),
        max_new_tokens: int = 40,
        temperature: float = 0.0,
        seed: int = 0,
        strength_limit: float = 1.0,
        dictionary: Dictionary | None = None,
    ):
        """Set the panel up; nothing runs before Start.

        Args:
            scope: from `gs.load`.
            prompt: what is continued: a string, or chat messages for a chat model.
            features: whose directions are added, as `dictionary.feature(number)` or as numbers.
            strength: of each of them, in fractions of the mean norm at its site and layer, from -100 to 100.
            interventions: in place of features: changes of any kind.
            max_new_tokens: 1 to 512.
            temperature: 0 (greedy) to 2.
            seed: 0 to 2**31 - 1.
            strength_limit: reach of the sliders of strengths; the fields beside them take what `strength` does.
            dictionary: of features given as numbers; by default the scope's default one.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        self._strength = check_float("strength", strength, low=-MAX_FRACTION, high=MAX_FRACTION)
        self._reach = check_float("strength_limit", strength_limit, low=0.01, high=MAX_FRACTION)
        refs, changes = self._prepare_changes(scope, prompt, features, interventions, dictionary)
        self._run: _Run | None = None
        self._send_lock = threading.Lock()
        super().__init__(
            scope,
            features=refs,
            prompt=prompt,
            directions=list_directions(changes),
            changes=changes,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
        )
        self._open()

    @property
    def strength(self) -> float:
        """Of the added directions, in fractions of the mean norm there: the first one's; set, it is that of all.

        Features that are new begin with it.
        """
        return next((one.intervention.amount for one in self.changes if _is_added(one)), self._strength)

    @strength.setter
    def strength(self, value: float) -> None:
        self._strength = check_float("strength", value, low=-MAX_FRACTION, high=MAX_FRACTION)
        self.changes = [
            replace(one, intervention=replace(one.intervention, amount=self._strength)) if _is_added(one) else one
            for one in self.changes
        ]

    @property
    def active(self) -> tuple[bool, ...]:
        """Whether each change takes part, in the order of `changes`; can be set."""
        return tuple(one.on for one in self.changes)

    @active.setter
    def active(self, value: Sequence[bool]) -> None:
        given = check_many("active", value, count=len(self.changes))
        switches = [check_switch("active", item) for item in given]
        self.changes = [replace(one, on=on) for one, on in zip(self.changes, switches, strict=True)]

    @property
    def texts(self) -> dict[str, str]:
        """The continuations so far, by name: "baseline", "changed" and "random". Does not wait."""
        return {name: "".join(token.text for token in self._tokens(name)) for name in ROWS}

    def start(self) -> Generation:
        """Begin a run, in place of one under way, and return its `Generation` at once.

        Raises:
            Closed: the panel was closed, or its scope.
        """
        self._require_open()
        begun: list[Generation] = []

        def submit(number: int) -> Job:
            begun.append(self._generate(number))
            return begun[0].job

        self._requests.start(submit, doing="Generating…")
        return begun[0]

    def stop(self) -> None:
        """End the run within one token; the text so far stays."""
        if self._run is not None and self._run.generation is not None:
            self._run.generation.cancel()

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame: `row`, `step`, `id`, `token`, `logprob` (nats), and each feature's activation by name."""
        made = [(name, token) for name in ROWS for token in self._tokens(name)]
        names = [info["name"] for info in self._run_known()]
        return build_frame(
            row=[name for name, _ in made],
            step=[token.step for _, token in made],
            id=[token.id for _, token in made],
            token=[token.text for _, token in made],
            logprob=[token.logprob for _, token in made],
            **{name: [token.activations[at] for _, token in made] for at, name in enumerate(names)},
        )

    def plot(self) -> "Figure":
        """A matplotlib Figure: log probability of each drawn token, and the first feature's activation at it.

        One line a continuation.
        """
        figure = open_figure(7, 5, self.provenance)
        upper, lower = figure.subplots(2, 1, sharex=True)
        for name, style in zip(ROWS, ("-", "--", ":"), strict=True):
            upper.plot([token.logprob for token in self._tokens(name)], style, label=name)
            lower.plot([token.activations[0] for token in self._tokens(name) if token.activations], style, label=name)
        upper.set_ylabel("log probability (nats)")
        lower.set_ylabel(f"activation, {next((info['name'] for info in self._run_known()), 'of no feature')}")
        lower.set_xlabel("generated token")
        upper.set_title(escape_math(f"{self.badge} · {self._write_run_changes()}"), fontsize="small")
        upper.legend()
        return figure

    def shows(self) -> list[str]:
        """Strength, control, prompt and features' activations of the run on screen."""
        if self._run is None:
            return []
        return [
            self._write_run_changes(),
            self._run.control,
            format_prompt(self._run.settings["prompt"]),
            *(write_summary(self._tokens(name), at) for name in ROWS for at in range(len(self._run.known))),
        ]

    def to_code(self) -> str:
        """Code that makes the three continuations without the widget."""
        run = self._run_settings()
        refs = list_refs(run["changes"])
        made = [one for one in run["changes"] if one.on]
        opening = Opening(self.scope, refs, directions=list_directions(made))
        changed = ", ".join(opening.intervention(one.intervention) for one in made)
        drawing = ", ".join(f"{name}={run[name]!r}" for name in ("max_new_tokens", "temperature", "seed"))
        lines = [
            f"prompt = {as_prompt(run['prompt'])!r}",
            f"changed = [{changed}]",
            f"random = [scope.random_control(changed, seed={run['seed']})] if changed else []",
            f"features = [{', '.join(opening.feature(ref) for ref in refs)}]",
            "for interventions in ([], changed, random):",
            f"    made = scope.generate(prompt, interventions, {drawing}, features=features)",
            "    print(made.text)",
            *(["    print(made.trace().activations)"] if refs else []),
        ]
        return "\n".join([*opening.lines, *lines])

    @property
    def provenance(self) -> Provenance:
        """Where the texts on screen come from."""
        run = self._run_settings()
        drawing = {name: run[name] for name in ("max_new_tokens", "temperature", "seed")}
        refs = list_refs(run["changes"])
        tokens = self.scope.tokens(as_prompt(run["prompt"]))
        return self.scope.provenance(
            [ref.dictionary_id for ref in refs],
            token_ids=tokens.ids,
            prompt=as_prompt(run["prompt"]),
            features=[str(ref) for ref in refs],
            interventions=[str(one) for one in list_interventions(run["changes"])],
            **drawing,
        )

    # ---- a run

    def _build_change(self, ref: FeatureRef) -> Change:
        return Change(build_intervention("add", ref, self._strength))

    def _settle_cell(self, seconds: float) -> None:
        """A run that a cell started goes on after it; the copy says so."""

    def _read_keyword(self, name: str) -> Any:
        return self._reach if name == "strength_limit" else super()._read_keyword(name)

    def _read_run(self) -> tuple[dict[str, Any], bool] | None:
        if self._run is None or self._run.generation is None:
            return None
        return self._run.settings, self._run.generation.ended == "cancelled"

    def _run_settings(self) -> dict[str, Any]:
        """Of the run on screen, or of the one that Start would begin."""
        return self._read_settings() if self._run is None else self._run.settings

    def _run_known(self) -> list[FeatureInfo]:
        return self.known if self._run is None else self._run.known

    def _generate(self, number: int) -> Generation:
        settings = self._read_settings()
        changed, refs = list_interventions(settings["changes"]), list_refs(settings["changes"])
        control = self.scope.random_control(changed, seed=settings["seed"]) if changed else None
        words = f"random direction of the same length, seed {settings['seed']}" if control else "nothing added"
        run = _Run(number, settings, changed, words, self._tell_known(refs))
        with self._send_lock:
            before, self._run = self._run, run
        try:
            run.generation = self.scope.generate_rows(
                as_prompt(settings["prompt"]),
                dict(zip(ROWS, ((), changed, (control,) if control else ()), strict=True)),
                plan=SamplingPlan(settings["max_new_tokens"], settings["temperature"], 1.0, settings["seed"]),
                features=refs,
                on_step=lambda step: self._on_step(step, run),
                slot=id(self),
            )
        except GscopeError:
            with self._send_lock:
                self._run = before
            raise
        # Before the request's own end is heard, so that the last tokens go out first.
        run.generation.job.add_done_callback(lambda _job: self._send_last(run))
        return run.generation

    def _on_step(self, step: Sequence[GeneratedToken | None], run: _Run) -> None:
        with self._send_lock:
            if run is not self._run:
                return
            for name, token in zip(ROWS, step, strict=True):
                if token is not None:
                    told = StreamedToken(
                        text=token.text, id=token.id, logprob=token.logprob, activations=list(token.activations)
                    )
                    run.made[name].append(told)
        begun = not any(run.sent.values())
        if begun or time.monotonic() - run.sent_at >= _SEND_EVERY_S:
            self._send_stream(run, reset=begun)

    def _send_last(self, run: _Run) -> None:
        # What was made, also of a stopped run, is its result.
        self._requests.deliver(run.number, lambda: self._send_stream(run, reset=not any(run.sent.values())))

    def _send_stream(self, run: _Run, *, reset: bool) -> None:
        """Send what was made since the last time, or everything where a view begins anew."""
        with self._send_lock:
            if run is not self._run:
                return
            first = dict.fromkeys(ROWS, 0) if reset else run.sent
            rows = [{"name": name, "tokens": run.made[name][first[name] :]} for name in ROWS]
            run.sent = {name: len(run.made[name]) for name in ROWS}
            run.sent_at = time.monotonic()
            content = {
                "type": "stream",
                "request": run.number,
                "reset": reset,
                "settings": self._tell_settings(run.settings),
                "known": run.known,
                "changes": self._write_run_changes(),
                "control": run.control,
                "rows": rows,
                "ended": "" if run.generation is None else run.generation.ended,
                "arrays": [],
            }
            self.send(content)

    def _tell_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings as the page takes them."""
        return {
            **settings,
            "prompt": as_prompt(settings["prompt"]),
            "directions": [],  # which the page has as state
            "changes": tell_changes(settings["changes"]),
        }

    def _tokens(self, name: str) -> tuple[GeneratedToken, ...]:
        run = self._run
        return () if run is None or run.generation is None else run.generation.tokens(name)

    def _get_result(self) -> Generation | None:
        return None if self._run is None else self._run.generation

    # ---- messages

    def _greet(self) -> None:
        if self._run is None:
            super()._greet()
        else:
            self._send_stream(self._run, reset=True)

    def _take_message(self, kind: str, content: dict[str, Any]) -> None:
        if kind not in ("start", "stop"):
            super()._take_message(kind, content)
            return
        self.send({"type": "ack", "id": content["id"]})
        if kind == "stop":
            self.stop()
            return
        wanted = content["settings"]
        ordered = {name: wanted[name] for name in self.settings if name in wanted}
        for name, value in ordered.items():
            self._check_sent(name, value)
        for name, value in ordered.items():
            setattr(self, name, value)
        self.start()

    # ---- what is shown

    def _write_run_changes(self) -> str:
        return self._write_changes(self._run_settings()["changes"])

    def _copy_parts(self) -> list[str]:
        if self._run is None:
            return [copy.build_paragraph("Nothing generated yet: press Start in the live view.")]
        run = self._run.settings
        head = f"Prompt: {format_prompt(run['prompt'])}"
        drawn = f"temperature {format_number(run['temperature'])}, seed {run['seed']}"
        how = (
            f"Changed: {self._write_run_changes()}. Random: {self._run.control}. "
            f"At most {run['max_new_tokens']} tokens, {drawn}."
        )
        names = [info["name"] for info in self._run.known]
        rows = [
            [
                name,
                format_text(text, limit=5000),
                *(write_summary(self._tokens(name), at) for at in range(len(names))),
            ]
            for name, text in self.texts.items()
        ]
        table = copy.build_table(columns=["continuation", "text", *names], rows=rows, caption="Steering")
        caution = [copy.build_paragraph(self.caution)] if self.caution else []
        return [copy.build_paragraph(head), copy.build_paragraph(how), *caution, table, *self._build_strips(self._run)]

    def _define_terms(self) -> dict[str, str]:
        meanings = {name: define(name) for name in ("feature", "activation", "known maximum")}
        added = [one.intervention.amount for one in self._run_settings()["changes"] if one.on and _is_added(one)]
        return meanings | {"strength": define("strength", added[0] if len(set(added)) == 1 else None)}

    def _build_strips(self, run: _Run) -> list[str]:
        """The continuations once more, filled by the first feature."""
        if not run.known:
            return []
        made = {name: self._tokens(name) for name in ROWS}
        traces = [[token.activations[0] for token in tokens] for tokens in made.values()]
        full = find_full(run.known[0]["max_activation"], traces)
        name = run.known[0]["name"] + format_label(self.scope.describe(list_refs(run.settings["changes"])[0]).label)
        parts = [copy.build_paragraph(f"Filled by {name}: full colour at {format_number(full)}.")]
        for (row, tokens), trace in zip(made.items(), traces, strict=True):
            texts = [token.text for token in tokens]
            strip = copy.build_tokens(
                [format_text(text) for text in texts],
                shares=[value / full for value in trace],
                breaks=["\n" in text for text in texts],
            )
            parts += [copy.build_paragraph(f"{row}:"), strip]
        return parts


def _is_added(one: Change) -> bool:
    """Whether it is a direction whose strength counts in mean norms."""
    return one.intervention.kind == "add" and one.intervention.unit == "fraction"
