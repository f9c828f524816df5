"""SteeringPanel: unsteered, steered and randomly steered text, side by side as it is made."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import traitlets as t

from gscope_widgets.errors import Cancelled, GscopeError, InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import GeneratedToken, SamplingPlan
from gscope_widgets.records.interventions import MAX_FRACTION, Intervention, add
from gscope_widgets.records.numbers import check_float, check_int
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets import _static
from gscope_widgets.widgets._base import (
    Checked,
    GscopeWidget,
    check_list,
    check_switch,
    check_text,
    describe_error,
    describe_feature,
    describe_source,
    read_bundle,
    resolve_features,
    write_loading,
    write_opening,
)
from gscope_widgets.widgets._visible import show_token

ROWS = ("unsteered", "steered", "random")
MAX_NEW_TOKENS = 512
MAX_TEMPERATURE = 2.0
# 30 messages a second at most, whatever the model's speed (platforms differ in what they drop).
_SEND_EVERY_S = 1 / 30


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
    """A prompt continued three ways on the same random numbers: as it is, steered, and pushed at random.

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
        self.scope = scope
        self.refs = resolve_features(scope, features, dictionary)
        if not self.refs:
            raise InvalidValue("features is empty; give at least one, such as features=[dictionary.feature(3)]")
        self._generation: Any = None
        self._shown: dict[str, Any] = {}
        self._outbox: dict[str, list[dict]] = {}
        self._sent_at = 0.0
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
            footer=describe_source(scope, ", ".join(dict.fromkeys(ref.dictionary for ref in self.refs))),
        )

    @property
    def interventions(self) -> tuple[Intervention, ...]:
        """What the steered continuation is changed by."""
        return tuple(add(ref, self.strength) for ref, on in zip(self.refs, self.active, strict=True) if on)

    @property
    def texts(self) -> dict[str, str]:
        """The continuations so far, by name: "unsteered", "steered" and "random". Does not wait."""
        if self._generation is None:
            return dict.fromkeys(ROWS, "")
        return {name: "".join(token.text for token in self._generation.tokens(name)) for name in ROWS}

    def start(self) -> Any:
        """Begin a run, in place of one under way, and return its `Generation` at once."""
        number = self._begin("Generating…")
        try:
            self._generation = self._generate(number)
        except GscopeError as error:
            self._end(number, "error", describe_error(error))
            raise
        return self._generation

    def stop(self) -> None:
        """End the run within one token; the text so far stays."""
        if self._generation is not None:
            self._generation.cancel()

    def wait(self) -> None:
        """Return when the run has ended; raises what the model raised."""
        if self._generation is not None:
            self._generation.wait()

    def close(self) -> None:
        """Stop the run and leave the page."""
        self.stop()
        super().close()

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
        dictionaries = list(dict.fromkeys(ref.dictionary for ref in self.refs))
        lines = write_loading(self.scope)
        lines += [f"dictionary_{i} = {write_opening(self.scope, name)}" for i, name in enumerate(dictionaries)]
        made = [
            f"gs.add(dictionary_{dictionaries.index(one.feature.dictionary)}.feature({one.feature.feature}), {one.amount!r})"
            for one in self.interventions
        ]
        drawing = f"max_new_tokens={self.max_new_tokens}, temperature={self.temperature!r}, seed={self.seed}"
        lines += [
            f"steered = [{', '.join(made)}]",
            f"random = [scope.random_control(steered, seed={self.seed})] if steered else []",
            "for interventions in ([], steered, random):",
            f"    print(scope.generate({self.prompt!r}, interventions, {drawing}).text)",
        ]
        return "\n".join(lines)

    @property
    def provenance(self) -> Provenance:
        """Where the texts on screen come from."""
        ids = self.scope.tokens(self._shown.get("prompt", self.prompt)).ids
        return self.scope.provenance(None, token_ids=ids, **self._shown)

    # ---- a run

    def _generate(self, number: int) -> Any:
        steered = self.interventions
        control = self.scope.random_control(steered, seed=self.seed)
        plan = SamplingPlan(self.max_new_tokens, self.temperature, 1.0, self.seed)
        self._shown = {
            "prompt": self.prompt,
            "strength": self.strength,
            "features": [str(ref) for ref, on in zip(self.refs, self.active, strict=True) if on],
            "max_new_tokens": plan.max_new_tokens,
            "temperature": plan.temperature,
            "seed": plan.seed,
        }
        shown = self._shown | {
            "control": f"random direction of the same length, seed {self.seed}" if control else "nothing added",
        }
        rows = dict(zip(ROWS, ((), steered, (control,) if control else ()), strict=True))
        self._outbox = {name: [] for name in ROWS}
        self._send_stream(shown, reset=True, ended="")
        generation = self.scope.generate_rows(
            self.prompt, rows, plan=plan, on_step=lambda step: self._on_step(step, shown), slot=(id(self), "steer")
        )
        self._job = generation.job
        generation.job.add_done_callback(lambda job: self._on_end(number, generation, shown, job.exception()))
        return generation

    def _on_step(self, step: Sequence[GeneratedToken | None], shown: dict[str, Any]) -> None:
        with self._send_lock:
            for name, token in zip(ROWS, step, strict=True):
                if token is not None:
                    self._outbox[name].append({"text": token.text, "id": token.id, "logprob": token.logprob})
        if time.monotonic() - self._sent_at >= _SEND_EVERY_S:
            self._send_stream(shown, reset=False, ended="")

    def _on_end(self, number: int, generation: Any, shown: dict[str, Any], error: BaseException | None) -> None:
        if self._is_newest(number):
            self._send_stream(shown, reset=False, ended=generation.ended)
        if error is None or isinstance(error, Cancelled):
            self._end(number, "cancelled" if error else "idle", "Stopped." if error else "")
        else:
            self._end(number, "error", describe_error(error))

    def _send_stream(self, shown: dict[str, Any], *, reset: bool, ended: str) -> None:
        with self._send_lock:
            rows = [{"name": name, "tokens": self._outbox[name]} for name in ROWS]
            self._outbox = {name: [] for name in ROWS}
            self._sent_at = time.monotonic()
        self.send(self._stream(shown, rows, reset=reset, ended=ended))

    def _stream(self, shown: dict[str, Any], rows: list[dict], *, reset: bool, ended: str) -> dict:
        head = {key: shown[key] for key in ("prompt", "strength", "control")}
        return {
            "type": "stream",
            "request": self.status["request"],
            "reset": reset,
            **head,
            "rows": rows,
            "ended": ended,
            "arrays": [],
        }

    def _tokens(self, name: str) -> tuple[GeneratedToken, ...]:
        return () if self._generation is None else self._generation.tokens(name)

    # ---- messages

    def _greet(self) -> None:
        if self._generation is None:
            return
        rows = [
            {
                "name": name,
                "tokens": [
                    {"text": token.text, "id": token.id, "logprob": token.logprob} for token in self._tokens(name)
                ],
            }
            for name in ROWS
        ]
        shown = {"control": "random direction of the same length", **self._shown}
        self.send(self._stream(shown, rows, reset=True, ended=self._generation.ended))

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
        for name in ("prompt", "strength", "active", "max_new_tokens", "temperature", "seed"):
            if name in settings:
                setattr(self, name, settings[name])
        self.start()
        return True

    def _copy_parts(self) -> list[str]:
        if self._generation is None:
            return [_static.build_paragraph("Nothing generated yet: press Start in the live view.")]
        head = f"Prompt: {show_token(self._shown['prompt'], limit=2000)} (strength {self._shown['strength']:+g})"
        rows = [[name, show_token(text, limit=5000)] for name, text in self.texts.items()]
        table = _static.build_table(columns=["continuation", "text"], rows=rows, caption="Steering")
        return [_static.build_paragraph(head), table]
