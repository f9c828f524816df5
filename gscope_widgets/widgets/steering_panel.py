"""SteeringPanel: baseline, changed and randomly changed text, side by side as it is made."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import traitlets as t

from gscope_widgets.errors import GscopeError, InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import GeneratedToken, SamplingPlan
from gscope_widgets.records.interventions import MAX_FRACTION, Intervention, add
from gscope_widgets.records.numbers import check_float, check_int
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets import _static
from gscope_widgets.widgets._base import GscopeWidget, read_bundle
from gscope_widgets.widgets._state import (
    Checked,
    check_list,
    check_scope,
    check_switch,
    check_text,
    describe_feature,
    describe_source,
    resolve_features,
    write_opening,
)
from gscope_widgets.widgets._visible import show_token

ROWS = ("baseline", "changed", "random")
_SENT_SETTINGS = ("prompt", "strength", "active", "max_new_tokens", "temperature", "seed")
MAX_NEW_TOKENS = 512
MAX_TEMPERATURE = 2.0
# 30 messages a second at most, whatever the model's speed (platforms differ in what they drop).
_SEND_EVERY_S = 1 / 30
_REPORT_EVERY_S = 0.5


def _check_strength(_panel: "SteeringPanel", value: Any) -> float:
    return check_float("strength", value, low=-MAX_FRACTION, high=MAX_FRACTION)


def _check_active(panel: "SteeringPanel", value: Any) -> list[bool]:
    return [check_switch("active", item) for item in check_list("active", value, count=len(panel.refs))]


def _check_max_new_tokens(_panel: "SteeringPanel", value: Any) -> int:
    return check_int("max_new_tokens", value, low=1, high=MAX_NEW_TOKENS)


def _check_temperature(_panel: "SteeringPanel", value: Any) -> float:
    return check_float("temperature", value, low=0, high=MAX_TEMPERATURE)


def _check_seed(_panel: "SteeringPanel", value: Any) -> int:
    return check_int("seed", value, low=0, high=2**31 - 1)


class SteeringPanel(GscopeWidget):
    """A prompt continued three ways on the same random numbers: baseline, changed, and with a random direction.

    Steering adds each active feature's direction, `strength` times the mean residual norm long.
    The third continuation adds a random direction of the same length: what steering does beyond
    that is the feature's doing. Start and Stop are in the panel and here.
    """

    _esm = read_bundle("steering_panel.js")
    _css = read_bundle("steering_panel.css")
    _title = "Steering panel"

    prompt = Checked(check_text, "", help="Writers: reader, page. What is continued.")
    strength = Checked(
        _check_strength,
        0.0,
        help="Writers: reader, page. Fraction of the mean residual norm, -100 to 100, per feature.",
    )
    active = Checked(_check_active, [], help="Writers: reader, page. One a feature: whether it takes part.")
    max_new_tokens = Checked(_check_max_new_tokens, 40, help="Writers: reader, page. 1 to 512 tokens a continuation.")
    temperature = Checked(_check_temperature, 0.0, help="Writers: reader, page. 0 takes the likeliest token; up to 2.")
    seed = Checked(_check_seed, 0, help="Writers: reader, page. Of the sampling and of the random direction.")
    features = t.List(help="Writer: Python. Number, label and known maximum of each feature.").tag(sync=True)
    strength_limit = t.Float(1.0, help="Writer: Python. The slider runs from -limit to +limit.").tag(sync=True)
    max_new_tokens_limit = t.Int(MAX_NEW_TOKENS, help="Writer: Python. The most tokens a run may ask for.").tag(
        sync=True
    )

    def __init__(
        self,
        scope: Any,
        prompt: str = "",
        *,
        features: Sequence[int | FeatureRef],
        strength: float = 0.3,
        max_new_tokens: int = 40,
        temperature: float = 0.0,
        seed: int = 0,
        strength_limit: float = 1.0,
        dictionary: Any = None,
    ):
        """Set the panel up; nothing runs before Start.

        Args:
            scope: from `gs.load`.
            prompt: what is continued.
            features: one or more, as `dictionary.feature(number)` or as numbers.
            strength: in fractions of the mean residual norm at the features' layer.
            max_new_tokens: 1 to 512.
            temperature: 0 (greedy) to 2.
            seed: 0 to 2**31 - 1.
            strength_limit: reach of the slider; the text field beside it takes what `strength` does.
            dictionary: of features given as numbers; by default the scope's default one.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        check_scope(scope)
        self.scope = scope
        self.refs = resolve_features(scope, features, dictionary)
        if not self.refs:
            raise InvalidValue("features is empty; give at least one, such as features=[dictionary.feature(3)]")
        # Refused now, rather than at Start, where no control could stand beside them.
        scope.random_control([add(ref, 1.0) for ref in self.refs])
        self._generation: Any = None
        self._shown: dict[str, Any] = {}
        self._changed: tuple[Intervention, ...] = ()
        self._run = 0  # the request number of the run in view; what an older one still makes is dropped
        self._made: dict[str, list[dict]] = {name: [] for name in ROWS}
        self._sent = dict.fromkeys(ROWS, 0)  # how many of those have gone out
        self._sent_at = self._reported_at = 0.0
        self._send_lock = threading.Lock()
        super().__init__(
            scope,
            prompt=prompt,
            strength=strength,
            active=[True] * len(self.refs),
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
            strength_limit=check_float("strength_limit", strength_limit, low=0.01, high=MAX_FRACTION),
            features=[describe_feature(scope.describe(ref)) for ref in self.refs],
            footer=describe_source(scope, ", ".join(dict.fromkeys(ref.dictionary_id for ref in self.refs))),
        )

    @property
    def interventions(self) -> tuple[Intervention, ...]:
        """What the changed continuation is changed by."""
        return tuple(add(ref, self.strength) for ref, on in zip(self.refs, self.active, strict=True) if on)

    @property
    def texts(self) -> dict[str, str]:
        """The continuations so far, by name: "baseline", "changed" and "random". Does not wait."""
        if self._generation is None:
            return dict.fromkeys(ROWS, "")
        return {name: "".join(token.text for token in self._generation.tokens(name)) for name in ROWS}

    def start(self) -> Any:
        """Begin a run, in place of one under way, and return its `Generation` at once."""
        with self._state_lock:
            number = self._begin("Generating…")
            try:
                generation = self._generate(number)
            except GscopeError as error:
                self._settle(number, error)
                raise
        self._show_status()
        generation.job.add_done_callback(lambda job: self._on_end(number, generation, job.exception()))
        return generation

    def stop(self) -> None:
        """End the run within one token; the text so far stays."""
        if self._generation is not None:
            self._generation.cancel()

    def to_frame(self):
        """A pandas DataFrame: `row`, `step`, `id`, `token`, `logprob` (nats)."""
        from gscope_widgets.records.frames import build_frame

        made = [(name, token) for name in ROWS for token in self._tokens(name)]
        return build_frame(
            row=[name for name, _ in made],
            step=[token.step for _, token in made],
            id=[token.id for _, token in made],
            token=[token.text for _, token in made],
            logprob=[token.logprob for _, token in made],
        )

    def plot(self):
        """A matplotlib Figure: log probability of each drawn token, one line a continuation."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 3), layout="constrained")
        axes = figure.subplots()
        for name, style in zip(ROWS, ("-", "--", ":"), strict=True):
            axes.plot([token.logprob for token in self._tokens(name)], style, label=name)
        axes.set_xlabel("generated token")
        axes.set_ylabel("log probability (nats)")
        axes.set_title(f"{self.badge} · strength {self._shown.get('strength', self.strength):+g}", fontsize="small")
        axes.legend()
        return figure

    def to_code(self) -> str:
        """Code that makes the three continuations without the widget."""
        dictionaries = list(dict.fromkeys(ref.dictionary_id for ref in self.refs))
        lines = write_opening(self.scope, dictionaries)
        made = [
            f"gs.add(dictionary_{dictionaries.index(one.ref.dictionary_id)}.feature({one.ref.feature}), {one.amount!r})"
            for one in (self._changed if self._shown else self.interventions)
        ]
        run = self._shown or self._settings()
        drawing = ", ".join(f"{name}={run[name]!r}" for name in ("max_new_tokens", "temperature", "seed"))
        lines += [
            f"changed = [{', '.join(made)}]",
            f"random = [scope.random_control(changed, seed={run['seed']})] if changed else []",
            "for interventions in ([], changed, random):",
            f"    print(scope.generate({run['prompt']!r}, interventions, {drawing}).text)",
        ]
        return "\n".join(lines)

    @property
    def provenance(self) -> Provenance:
        """Where the texts on screen come from."""
        ids = self.scope.tokens(self._shown.get("prompt", self.prompt)).ids
        return self.scope.provenance([ref.dictionary_id for ref in self.refs], token_ids=ids, **self._shown)

    # ---- a run

    def _settings(self) -> dict[str, Any]:
        return {
            "prompt": self.prompt,
            "strength": self.strength,
            "features": [str(ref) for ref, on in zip(self.refs, self.active, strict=True) if on],
            "max_new_tokens": self.max_new_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
        }

    def _generate(self, number: int) -> Any:
        changed = self.interventions
        control = self.scope.random_control(changed, seed=self.seed)
        plan = SamplingPlan(self.max_new_tokens, self.temperature, 1.0, self.seed)
        shown = self._settings() | {
            "control": f"random direction of the same length, seed {self.seed}" if control else "nothing added",
        }
        rows = dict(zip(ROWS, ((), changed, (control,) if control else ()), strict=True))
        with self._send_lock:
            before = self._run, self._made, self._sent
            self._run, self._made, self._sent = number, {name: [] for name in ROWS}, dict.fromkeys(ROWS, 0)
        try:
            generation = self.scope.generate_rows(
                self.prompt,
                rows,
                plan=plan,
                on_step=lambda step: self._on_step(step, number, shown),
                slot=(id(self), "steer"),
            )
        except GscopeError:
            with self._send_lock:
                self._run, self._made, self._sent = before
            raise
        self._generation, self._job, self._shown, self._changed = generation, generation.job, shown, changed
        return generation

    def _on_step(self, step: Sequence[GeneratedToken | None], number: int, shown: dict[str, Any]) -> None:
        with self._send_lock:
            if number != self._run:
                return
            for name, token in zip(ROWS, step, strict=True):
                if token is not None:
                    self._made[name].append({"text": token.text, "id": token.id, "logprob": token.logprob})
            begun = not any(self._sent.values())
        if begun or time.monotonic() - self._sent_at >= _SEND_EVERY_S:
            self._send_stream(number, shown, reset=begun)
        if time.monotonic() - self._reported_at >= _REPORT_EVERY_S:
            self._reported_at = time.monotonic()
            made = max(token.step for token in step if token is not None) + 1
            self._report(number, made / shown["max_new_tokens"])

    def _on_end(self, number: int, generation: Any, error: BaseException | None) -> None:
        self._send_stream(number, self._shown, reset=not any(self._sent.values()), ended=generation.ended)
        self._settle(number, error)

    def _send_stream(self, number: int, shown: dict[str, Any], *, reset: bool = False, ended: str = "") -> None:
        """Send what was made since the last time, or everything where a view begins anew."""
        with self._send_lock:
            if number != self._run:
                return
            first = dict.fromkeys(ROWS, 0) if reset else self._sent
            rows = [{"name": name, "tokens": self._made[name][first[name] :]} for name in ROWS]
            self._sent = {name: len(self._made[name]) for name in ROWS}
            self._sent_at = time.monotonic()
            head = {key: shown[key] for key in ("prompt", "strength", "control")}
            head |= {"type": "stream", "request": number, "reset": reset, "rows": rows, "ended": ended, "arrays": []}
            self.send(head)

    def _tokens(self, name: str) -> tuple[GeneratedToken, ...]:
        return () if self._generation is None else self._generation.tokens(name)

    # ---- messages

    def _greet(self) -> None:
        if self._generation is None:
            self.send({"type": "ack", "id": "ready"})
        else:
            self._send_stream(self._run, self._shown, reset=True, ended=self._generation.ended)

    def _receive_more(self, kind: Any, content: dict) -> bool:
        if kind not in ("start", "stop"):
            return False
        self.send({"type": "ack", "id": str(content.get("id", ""))[:100]})
        if kind == "stop":
            self.stop()
            return True
        # A message may overtake the patches of the state it was sent with, so it carries them.
        settings = content.get("settings") or {}
        if not isinstance(settings, dict):
            raise InvalidValue(f"settings must be an object, got {describe_value(settings)}")
        wanted = {name: settings[name] for name in _SENT_SETTINGS if name in settings}
        for name, value in wanted.items():
            self._check_sent(name, value)
        for name, value in wanted.items():
            setattr(self, name, value)
        self.start()
        return True

    def _copy_parts(self) -> list[str]:
        if self._generation is None:
            return [_static.build_paragraph("Nothing generated yet: press Start in the live view.")]
        head = f"Prompt: {show_token(self._shown['prompt'], limit=2000)} (strength {self._shown['strength']:+g})"
        rows = [[name, show_token(text, limit=5000)] for name, text in self.texts.items()]
        table = _static.build_table(columns=["continuation", "text"], rows=rows, caption="Steering")
        return [_static.build_paragraph(head), table]
