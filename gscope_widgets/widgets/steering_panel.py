"""SteeringPanel: baseline, changed and randomly changed text side by side as it is made, and what the change costs."""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict, get_args

import numpy as np

from gscope_widgets.errors import Cancelled, GscopeError, InvalidValue, describe_value
from gscope_widgets.records.comparisons import ComparedText, Comparison, RowSummary
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.estimates import Estimate
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.figures import open_figure, write_title
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.generation import MAX_TRACED, GeneratedToken
from gscope_widgets.records.glossary import define
from gscope_widgets.records.interventions import MAX_FRACTION, Intervention, build_intervention
from gscope_widgets.records.measures import build_measure
from gscope_widgets.records.numbers import check_float, check_int, check_switch
from gscope_widgets.records.protocols import Dictionary, Job, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.changes import Change, list_directions, list_refs, tell_changes
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.features import ChangingWidget, list_interventions
from gscope_widgets.widgets.base.formats import format_label, format_number, format_percent, format_prompt, format_text
from gscope_widgets.widgets.base.limits import (
    ALTERNATIVES,
    COMPARED_SAMPLES,
    CONTROLS,
    MAX_NEW_TOKENS,
    MAX_SEED,
    MAX_TEMPERATURE,
)
from gscope_widgets.widgets.base.state import Checked, as_prompt, check_many, check_text
from gscope_widgets.widgets.base.traces import find_full, write_summary
from gscope_widgets.widgets.base.wire import ArrayHead, ChangeState, FeatureInfo, OwnDirection, Stop, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

# With how far it is, which is told four times a second, 30 messages at most, whatever the model's speed.
_SEND_EVERY_S = 1 / 25
_SENT_TOKENS = 1000  # in one message, at most: hosts drop what is far larger than a megabyte

RowName = Literal["baseline", "changed", "random 0", "random 1", "random 2"]
ROWS: tuple[RowName, ...] = get_args(RowName)
Ended = Literal["", "whole", "cancelled", "error"]
NewTokens = Annotated[int, Bounds(1, MAX_NEW_TOKENS)]
Temperature = Annotated[float, Bounds(0, MAX_TEMPERATURE)]
Seed = Annotated[int, Bounds(0, MAX_SEED)]
Samples = Annotated[int, Bounds(1, COMPARED_SAMPLES)]


class Alternative(TypedDict):
    """A token that could have been drawn."""

    text: str
    probability: float


class StreamedToken(TypedDict):
    """A token as it is made."""

    text: str
    id: int
    logprob: float  # natural logarithm of the probability it was drawn with, under that row's own model
    activations: list[float]  # of each of the `known` features, at this token in that row's own run
    alternatives: list[Alternative]  # the likeliest at this step


class RowHead(TypedDict):
    """One continuation that is made."""

    name: RowName
    seed: int
    words: str  # what was done: "baseline", "changed: feature 3: add +0.40", "random direction of the same length"


class StreamedRow(TypedDict):
    """What one continuation has gained."""

    at: int  # its place among the heads
    tokens: list[StreamedToken]


class SteeringStream(TypedDict):
    """Tokens as they are made, at most 30 messages a second."""

    type: Literal["stream"]
    request: int
    reset: bool  # true when these rows replace everything shown: a new run, or a view that came late
    settings: "SteeringSettings"  # that the run is made with
    known: list[FeatureInfo]  # what is known of each feature that is changed, on or off
    changes: str  # what is changed, in words: "feature 3: add +0.40"
    heads: list[RowHead]  # of all continuations, sample by sample
    rows: list[StreamedRow]
    ended: Ended  # empty while it runs
    arrays: list[ArrayHead]


class RowScore(TypedDict):
    """What the unchanged model makes of one continuation."""

    ended: Literal["length", "end of text", "context full"]
    perplexity: float | None
    kl: float | None  # mean over the tokens, nats
    note: str  # why there is no number, or that the text breaks up; else empty


class RowEstimate(TypedDict):
    """All samples of one row, in words: means with their intervals."""

    name: RowName
    perplexity: str
    kl: str
    share: str  # of samples with one of the words in them; empty where none was asked for
    breaks_up: bool


class SteeringScores(TypedDict):
    """What a whole run comes to."""

    type: Literal["scores"]
    request: int
    rows: list[RowScore]  # one a head
    estimates: list[RowEstimate]
    warning: str  # that the changed text breaks up, a sentence; else empty
    rules: dict[str, str]
    arrays: list[ArrayHead]  # kl and logprobs [tokens] float32, nats: of all rows, one after the other


class SteeringSettings(TypedDict):
    """What a run is made with."""

    prompt: Text
    directions: list[OwnDirection]
    changes: list[ChangeState]
    max_new_tokens: NewTokens
    temperature: Temperature
    seed: Seed
    samples: Samples
    words: list[str]


class ChangedSettings(TypedDict, total=False):
    """What this page's reader changed since its last start, and no more: another page may have changed the rest."""

    prompt: Text
    directions: list[OwnDirection]
    changes: list[ChangeState]
    max_new_tokens: NewTokens
    temperature: Temperature
    seed: Seed
    samples: Samples
    words: list[str]


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
    heads: list[RowHead]
    known: list[FeatureInfo]
    job: Job | None = None
    comparison: Comparison | None = None  # once it is whole
    made: list[list[GeneratedToken]] = field(default_factory=list)  # one a head
    sent: list[int] = field(default_factory=list)
    sent_at: float = 0.0

    @property
    def ended(self) -> Ended:
        """Why it ended; empty while it runs."""
        if self.comparison is not None:
            return "whole"
        if self.job is None or not self.job.done():
            return ""
        return "cancelled" if isinstance(self.job.exception(), Cancelled) else "error"


def _check_prompt(panel: "SteeringPanel", value: object) -> object:
    return check_text(panel.scope, value)


def _check_max_new_tokens(_panel: "SteeringPanel", value: object) -> int:
    return check_int("max_new_tokens", value, low=1, high=MAX_NEW_TOKENS)


def _check_temperature(_panel: "SteeringPanel", value: object) -> float:
    return check_float("temperature", value, low=0, high=MAX_TEMPERATURE)


def _check_seed(_panel: "SteeringPanel", value: object) -> int:
    return check_int("seed", value, low=0, high=MAX_SEED)


def _check_samples(_panel: "SteeringPanel", value: object) -> int:
    return check_int("samples", value, low=1, high=COMPARED_SAMPLES)


def _check_words(_panel: "SteeringPanel", value: object) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value
    if isinstance(given, (list, tuple)) and not given:
        return ()
    if not isinstance(given, (list, tuple)) or not all(isinstance(one, str) for one in given):
        raise InvalidValue(f"words is a list such as ['tea', 'cup'], got {describe_value(value)}")
    of = build_measure(list(given), vocabulary=1).of
    assert isinstance(of, tuple)
    return of


class SteeringPanel(ChangingWidget):
    """A prompt continued on the same random numbers as it is, changed, and along three random directions as long.

    Changes are of any kind, each with its switch, value and positions; features begin as added directions,
    `strength` times the mean norm there long. What they do beyond the random directions, which are as long as the
    changes together, is their own doing. Each text has its perplexity under the unchanged model, and each token its KL;
    where a text breaks up, the panel says so. Start and Stop are in the panel and here. Each token is filled by the
    activation of the first of `features` at it, read while it is made, in its own run.
    """

    prompt = Checked(_check_prompt, Text, "", help="What is continued: a string, or chat messages for a chat model.")
    max_new_tokens = Checked(_check_max_new_tokens, NewTokens, 40, help="Tokens of each continuation, at most.")
    temperature = Checked(_check_temperature, Temperature, 0.0, help="0 takes the likeliest token each time.")
    seed = Checked(_check_seed, Seed, 0, help="Of the sampling; further samples take the seeds after it.")
    samples = Checked(_check_samples, Samples, 1, help="Texts of each kind; several need a temperature above 0.")
    words = Checked(_check_words, list[str], (), help="Counted in the texts: in what share of samples one occurs.")

    _at_most = MAX_TRACED
    to_page = {"stream": SteeringStream, "scores": SteeringScores}
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
        directions: Sequence[Direction] = (),
        max_new_tokens: int = 40,
        temperature: float = 0.0,
        seed: int = 0,
        samples: int = 1,
        words: Sequence[str] = (),
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
            directions: of one's own, from `scope.direction` or `gs.load_direction`, to be added in the page by name.
            max_new_tokens: 1 to 512.
            temperature: 0 (greedy) to 2.
            seed: 0 to 2**31 - 1.
            samples: 1 to 32 texts of each kind, on the seeds `seed`, `seed + 1`, ...; several need a temperature.
            words: counted in the texts, as whole words, upper and lower case alike.
            strength_limit: reach of the sliders of strengths; the fields beside them take what `strength` does.
            dictionary: of features given as numbers; by default the scope's default one.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        self._strength = check_float("strength", strength, low=-MAX_FRACTION, high=MAX_FRACTION)
        self._reach = self._strength_limit = check_float("strength_limit", strength_limit, low=0.01, high=MAX_FRACTION)
        refs, changes = self._prepare_changes(scope, prompt, features, interventions, dictionary)
        own = self._prepare_directions(directions, changes)
        self._run: _Run | None = None
        self._send_lock = threading.Lock()
        super().__init__(
            scope,
            features=refs,
            prompt=prompt,
            directions=own,
            changes=changes,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
            samples=samples,
            words=words,
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
    def comparison(self) -> Comparison | None:
        """All texts of the run with perplexity and KL, once it is whole; None where it was stopped, or none was."""
        self.wait()
        return self._get_result()

    @property
    def texts(self) -> dict[str, str]:
        """The continuations of the first seed so far: "baseline", "changed", "random 0", ... Does not wait."""
        return {name: "".join(token.text for token in self._tokens(name)) for name in ROWS}

    def start(self) -> Job:
        """Begin a run, in place of one under way, and return its job at once; its result is a `Comparison`.

        Raises:
            InvalidValue: no change is switched on, or several samples are asked for at temperature 0.
            Closed: the panel was closed, or its scope.
        """
        self._require_open()
        self._requests.start(self._compare, doing="Generating…")
        run = self._run
        assert run is not None
        assert run.job is not None
        return run.job

    def stop(self) -> None:
        """End the run within one token; the text so far stays."""
        if self._run is not None and self._run.job is not None:
            self._run.job.cancel()

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, one row a token.

        Columns: `row`, `seed`, `step`, `id`, `token`, `logprob`, `baseline_logprob`, `kl`, and each feature's
        activation by name. `logprob` is under the model that drew the token, `baseline_logprob` under the
        unchanged one, NaN of a run that was stopped, as is `kl` (all in nats).
        """
        run = self._run
        heads = [] if run is None else run.heads
        made = [(at, step, token) for at in range(len(heads)) for step, token in enumerate(self._tokens_at(at))]
        names = [info["name"] for info in self._run_known()]
        whole = None if run is None else run.comparison
        nan = float("nan")
        return build_frame(
            row=[heads[at]["name"] for at, _, _ in made],
            seed=[heads[at]["seed"] for at, _, _ in made],
            step=[token.step for _, _, token in made],
            id=[token.id for _, _, token in made],
            token=[token.text for _, _, token in made],
            logprob=[token.logprob for _, _, token in made],
            baseline_logprob=[
                nan if whole is None else float(whole.rows[at].baseline_logprobs[n]) for at, n, _ in made
            ],
            kl=[nan if whole is None else float(whole.rows[at].kl[n]) for at, n, _ in made],
            **{name: [token.activations[at] for _, _, token in made] for at, name in enumerate(names)},
        )

    def plot(self) -> "Figure":
        """A matplotlib Figure: KL at each token of the first seed, and the first feature's activation at it.

        One line a continuation, with its perplexity under the unchanged model.
        """
        figure = open_figure(7, 5, self.provenance)
        upper, lower = figure.subplots(2, 1, sharex=True)
        whole = None if self._run is None else self._run.comparison
        for at, (name, style) in enumerate(zip(ROWS, ("-", "--", ":", ":", ":"), strict=True)):
            label = name if whole is None else f"{name}, perplexity {format_number(whole.rows[at].perplexity)}"
            upper.plot([] if whole is None else whole.rows[at].kl, style, label=label)
            lower.plot([token.activations[0] for token in self._tokens(name) if token.activations], style)
        upper.set_ylabel("KL from the baseline (nats)")
        lower.set_ylabel(f"activation, {next((info['name'] for info in self._run_known()), 'of no feature')}")
        lower.set_xlabel("generated token")
        write_title(figure, f"{self.badge} · {self._write_run_changes()}")
        upper.legend(fontsize="small")
        return figure

    def shows(self) -> list[str]:
        """Changes, controls, prompt and features' activations of the run on screen."""
        if self._run is None:
            return []
        return [
            self._write_run_changes(),
            *dict.fromkeys(head["words"] for head in self._run.heads),
            format_prompt(self._run.settings["prompt"]),
            *(write_summary(self._tokens(name), at) for name in ROWS for at in range(len(self._run.known))),
        ]

    def to_code(self) -> str:
        """Code that makes all the continuations, with perplexity and KL, without the widget."""
        run = self._run_settings()
        refs = list_refs(run["changes"])
        made = [one for one in run["changes"] if one.on]
        opening = Opening(self.scope, refs, directions=list_directions(made))
        changed = ", ".join(opening.intervention(one.intervention) for one in made)
        drawing = ", ".join(f"{name}={run[name]!r}" for name in ("max_new_tokens", "temperature"))
        lines = [
            f"prompt = {as_prompt(run['prompt'])!r}",
            f"changed = [{changed}]",
            f"features = [{', '.join(opening.feature(ref) for ref in refs)}]",
            f"seeds = {tuple(_list_seeds(run))!r}",
            f"settings = dict({drawing}, seeds=seeds, controls={CONTROLS}, features=features)",
            "compared = scope.compare(prompt, changed, **settings)",
            "for row in compared.rows:",
            "    print(row.name, row.seed, row.perplexity, row.mean_kl)",
            "    print(row.text)",
            *(["    print(row.trace.activations)"] if refs else []),
            *([f"print(compared.summarize({list(run['words'])!r}))"] if run["samples"] > 1 or run["words"] else []),
        ]
        return "\n".join([*opening.lines, *lines])

    @property
    def provenance(self) -> Provenance:
        """Where the texts on screen come from."""
        run = self._run_settings()
        drawing = {name: run[name] for name in ("max_new_tokens", "temperature")}
        refs = list_refs(run["changes"])
        tokens = self.scope.tokens(as_prompt(run["prompt"]))
        return self.scope.provenance(
            [ref.dictionary_id for ref in refs],
            token_ids=tokens.ids,
            prompt=as_prompt(run["prompt"]),
            features=[str(ref) for ref in refs],
            interventions=[str(one) for one in list_interventions(run["changes"])],
            seeds=list(_list_seeds(run)),
            controls=CONTROLS,
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
        if self._run is None or self._run.job is None:
            return None
        return self._run.settings, self._run.ended == "cancelled"

    def _see_again(self, see: Callable[[Any], Any]) -> None:
        super()._see_again(see)
        run = self._run
        if run is not None:
            run.known = self._tell_known(list_refs(run.settings["changes"]))
            self._send_stream(run, reset=True)

    def _run_settings(self) -> dict[str, Any]:
        """Of the run on screen, or of the one that Start would begin."""
        return self._read_settings() if self._run is None else self._run.settings

    def _run_known(self) -> list[FeatureInfo]:
        return self.known if self._run is None else self._run.known

    def _compare(self, number: int) -> Job:
        settings = self._read_settings()
        changed, refs = list_interventions(settings["changes"]), list_refs(settings["changes"])
        if not changed:
            raise InvalidValue("no change is switched on; switch one on, or add one: the baseline is made beside it")
        heads = self._write_heads(settings)
        run = _Run(number, settings, heads, self._tell_known(refs), made=[[] for _ in heads], sent=[0] * len(heads))
        with self._send_lock:
            before, self._run = self._run, run
        try:
            run.job = self.scope.start_compare(
                as_prompt(settings["prompt"]),
                changed,
                max_new_tokens=settings["max_new_tokens"],
                temperature=settings["temperature"],
                seeds=_list_seeds(settings),
                controls=CONTROLS,
                features=refs,
                on_step=lambda step: self._on_step(step, run),
                slot=id(self),
            )
        except GscopeError:
            with self._send_lock:
                self._run = before
            raise
        # Before the request's own end is heard, so that the last tokens go out first.
        run.job.add_done_callback(lambda job: self._finish(run, job))
        return run.job

    def _write_heads(self, settings: Mapping[str, Any]) -> list[RowHead]:
        changes = self._write_changes(settings["changes"])
        words = {"baseline": "baseline", "changed": f"changed: {changes}"}
        heads: list[RowHead] = []
        for at, seed in enumerate(_list_seeds(settings)):
            for name in ROWS:
                number = at * CONTROLS + ROWS.index(name) - 2
                said = words.get(name, f"random direction {number}, as long as the changes")
                heads.append({"name": name, "seed": seed, "words": said})
        return heads

    def _on_step(self, step: Mapping[int, GeneratedToken], run: _Run) -> None:
        with self._send_lock:
            if run is not self._run:
                return
            for at, token in step.items():
                if token.step == len(run.made[at]):  # rows that are made anew begin with what is there
                    run.made[at].append(token)
        begun = not any(run.sent)
        if begun or time.monotonic() - run.sent_at >= _SEND_EVERY_S:
            self._send_stream(run, reset=begun)

    def _finish(self, run: _Run, job: Job) -> None:
        """What was made, also of a stopped run, is its result."""
        if job.exception() is None:
            comparison: Comparison = job.wait()
            with self._send_lock:
                run.comparison = comparison
                run.made = [list(row.tokens) for row in comparison.rows]

        def show() -> None:
            self._send_stream(run, reset=not any(run.sent))
            self._send_scores(run)

        self._requests.deliver(run.number, show)

    def _send_stream(self, run: _Run, *, reset: bool) -> None:
        """Send what was made since the last time, or everything where a view begins anew."""
        with self._send_lock:
            if run is not self._run:
                return
            first = [0] * len(run.made) if reset else run.sent
            run.sent = [len(tokens) for tokens in run.made]
            run.sent_at = time.monotonic()
            parts = _split([(at, tokens[first[at] :]) for at, tokens in enumerate(run.made)])
            for number, part in enumerate(parts):
                content = {
                    "type": "stream",
                    "request": run.number,
                    "reset": reset and number == 0,
                    "settings": self._tell_settings(run.settings),
                    "known": run.known,
                    "changes": self._write_changes(run.settings["changes"]),
                    "heads": run.heads,
                    "rows": [{"at": at, "tokens": [_tell_token(token) for token in tokens]} for at, tokens in part],
                    "ended": run.ended if number == len(parts) - 1 else "",
                    "arrays": [],
                }
                self.send(content)

    def _send_scores(self, run: _Run) -> None:
        """Send what the unchanged model makes of a whole run."""
        whole = run.comparison
        if whole is None or run is not self._run:
            return
        arrays = {
            "kl": np.concatenate([row.kl for row in whole.rows]).astype(np.float32),
            "logprobs": np.concatenate([row.baseline_logprobs for row in whole.rows]).astype(np.float32),
        }
        head = [{"name": name, "dtype": "float32", "shape": list(one.shape)} for name, one in arrays.items()]
        content = {
            "type": "scores",
            "request": run.number,
            "rows": [_tell_score(row, broken=whole.is_broken(row)) for row in whole.rows],
            "estimates": [_tell_estimate(one) for one in whole.summarize(run.settings["words"])],
            "warning": _warn_of_breaking(whole),
            "rules": whole.rules,
            "arrays": head,
        }
        self.send(content, [one.tobytes() for one in arrays.values()])

    def _tell_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings as the page takes them."""
        return {
            **settings,
            "prompt": as_prompt(settings["prompt"]),
            "directions": [],  # which the page has as state
            "changes": tell_changes(settings["changes"]),
            "words": list(settings["words"]),
        }

    def _tokens_at(self, at: int) -> tuple[GeneratedToken, ...]:
        run = self._run
        return () if run is None else tuple(run.made[at])

    def _tokens(self, name: RowName) -> tuple[GeneratedToken, ...]:
        """Of the first seed."""
        return self._tokens_at(ROWS.index(name))

    def _get_result(self) -> Comparison | None:
        return None if self._run is None else self._run.comparison

    # ---- messages

    def _greet(self) -> None:
        if self._run is None:
            super()._greet()
        else:
            self._send_stream(self._run, reset=True)
            self._send_scores(self._run)

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
        run, whole = self._run.settings, self._run.comparison
        seeds = ", ".join(map(str, _list_seeds(run)))
        drawn = f"temperature {format_number(run['temperature'])}, seed{'s' if run['samples'] > 1 else ''} {seeds}"
        parts = [
            copy.build_paragraph(f"Prompt: {format_prompt(run['prompt'])}"),
            copy.build_paragraph(
                f"Changed: {self._write_run_changes()}. At most {run['max_new_tokens']} tokens, {drawn}."
            ),
        ]
        parts += [copy.build_paragraph(one) for one in (self.caution, _warn_of_breaking(whole)) if one]
        parts.append(self._build_table(self._run))
        if whole is not None and run["samples"] > 1:
            parts.append(_build_estimates(whole, run["words"]))
        return [*parts, *self._build_strips(self._run)]

    def _build_table(self, run: _Run) -> str:
        """Every text whole, with what the unchanged model makes of it."""
        names = [info["name"] for info in run.known]
        rows = []
        for at, head in enumerate(run.heads):
            text = "".join(token.text for token in self._tokens_at(at))
            cells = [head["words"], str(head["seed"]), format_text(text, limit=5000)]
            if run.comparison is None:
                cells += ["not measured: the run was not whole"] * 2
            else:
                cells += _write_score(
                    _tell_score(run.comparison.rows[at], broken=run.comparison.is_broken(run.comparison.rows[at]))
                )
            rows.append([*cells, *(write_summary(self._tokens_at(at), place) for place in range(len(names)))])
        columns = ["continuation", "seed", "text", "perplexity, unchanged model", "mean KL", *names]
        return copy.build_table(columns=columns, rows=rows, caption="Steering")

    def _define_terms(self) -> dict[str, str]:
        meanings = {name: define(name) for name in ("feature", "activation", "known maximum", "perplexity", "KL")}
        added = [one.intervention.amount for one in self._run_settings()["changes"] if one.on and _is_added(one)]
        return meanings | {"strength": define("strength", added[0] if len(set(added)) == 1 else None)}

    def _build_strips(self, run: _Run) -> list[str]:
        """The continuations once more, filled by the first feature."""
        if not run.known:
            return []
        made = {name: self._tokens(name) for name in ROWS}  # of the first seed
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


def _list_seeds(settings: Mapping[str, Any]) -> tuple[int, ...]:
    """One a sample, from `seed` on."""
    return tuple(settings["seed"] + at for at in range(settings["samples"]))


def _tell_token(token: GeneratedToken) -> StreamedToken:
    likeliest = token.alternatives[:ALTERNATIVES]
    return {
        "text": token.text,
        "id": token.id,
        "logprob": token.logprob,
        "activations": list(token.activations),
        "alternatives": [{"text": one.token, "probability": one.probability} for one in likeliest],
    }


def _split(rows: Sequence[tuple[int, list[GeneratedToken]]]) -> list[list[tuple[int, list[GeneratedToken]]]]:
    """Rows in messages of so many tokens each, at least one message."""
    parts: list[list[tuple[int, list[GeneratedToken]]]] = [[]]
    room = _SENT_TOKENS
    for at, tokens in rows:
        rest = tokens
        while True:
            parts[-1].append((at, rest[:room]))
            room, rest = room - len(rest[:room]), rest[room:]
            if room > 0 or not rest:
                break
            parts.append([])
            room = _SENT_TOKENS
        if room <= 0:
            parts.append([])
            room = _SENT_TOKENS
    return [part for part in parts if part] or [[]]


def _tell_score(row: ComparedText, *, broken: bool) -> RowScore:
    note = "breaks up" if broken else ""
    if not row.tokens:
        note = "no token: the text ended at once, so there is no perplexity"
    elif not math.isfinite(row.perplexity):
        note = "a token that the unchanged model all but excludes: the perplexity is beyond what a number holds"
    return {
        "ended": row.ended,  # type: ignore[typeddict-item]  # a whole run was not stopped
        "perplexity": row.perplexity if math.isfinite(row.perplexity) else None,
        "kl": row.mean_kl if math.isfinite(row.mean_kl) else None,
        "note": note,
    }


def _write_score(score: RowScore) -> list[str]:
    """Perplexity and KL as cells; where there is no number, why."""
    note = score["note"]
    if score["perplexity"] is None:
        return [note, "none" if score["kl"] is None else f"{format_number(score['kl'])} nats"]
    words = f" ({note})" if note else ""
    return [f"{format_number(score['perplexity'])}{words}", f"{format_number(score['kl'])} nats"]


def _tell_estimate(one: RowSummary) -> RowEstimate:
    share = "" if one.share is None else _write_estimate(one.share, format_percent)
    return {
        "name": one.name,  # type: ignore[typeddict-item]  # one of ROWS
        "perplexity": _write_estimate(one.perplexity, format_number),
        "kl": f"{_write_estimate(one.kl, format_number)} nats",
        "share": share,
        "breaks_up": one.breaks_up,
    }


def _write_estimate(one: Estimate, write: Callable[[float], str]) -> str:
    if math.isnan(one.mean):
        return "none: every text ended at once"
    return f"{write(one.mean)} ({write(one.low)} to {write(one.high)})"


def _build_estimates(whole: Comparison, words: Sequence[str]) -> str:
    told = [_tell_estimate(one) for one in whole.summarize(words)]
    columns = ["all samples", "perplexity, unchanged model", "mean KL"]
    rows = [[one["name"], one["perplexity"], one["kl"]] for one in told]
    if words:
        columns.append(f"samples with {', '.join(words)}")
        rows = [[*row, one["share"]] for row, one in zip(rows, told, strict=True)]
    rules = copy.build_paragraph(f"In brackets: {whole.rules['interval']}; {whole.rules['share']}.")
    return copy.build_table(columns=columns, rows=rows, caption="Over all samples") + rules


def _warn_of_breaking(whole: Comparison | None) -> str:
    """That changed text breaks up, a sentence with the rule; empty where it does not."""
    if whole is None:
        return ""
    broken = [row for row in whole.rows if row.kind == "changed" and whole.is_broken(row)]
    if not broken:
        return ""
    count = len(whole.seeds)
    which = "The changed text breaks up" if count == 1 else f"{len(broken)} of {count} changed texts break up"
    return f"{which}: {whole.rules['breaks up']}."


def _is_added(one: Change) -> bool:
    """Whether it is a direction whose strength counts in mean norms."""
    return one.intervention.kind == "add" and one.intervention.unit == "fraction"
