"""FeatureSliders: change features by hand and watch the next-token distribution."""

from collections.abc import Sequence
from typing import Any, Literal

import traitlets as t

from gscope_widgets.errors import GscopeError, InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import TokenDistribution
from gscope_widgets.records.interventions import MAX_RAW, Intervention, ablate, add, clamp, scale
from gscope_widgets.records.numbers import check_float
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

Mode = Literal["clamp", "scale", "add"]
_MAKERS = {"clamp": clamp, "scale": scale, "add": add}
SHOWN_TOKENS = 10


def _check_values(sliders: "FeatureSliders", value: Any) -> list[float | None]:
    items = check_list("values", value, count=len(sliders.refs))
    return [
        None if item is None else check_float("a slider's value", item, low=-MAX_RAW, high=MAX_RAW) for item in items
    ]


def _check_modes(sliders: "FeatureSliders", value: Any) -> list[str]:
    items = check_list("modes", value, count=len(sliders.refs))
    for item in items:
        if not isinstance(item, str) or item not in _MAKERS:
            raise InvalidValue(f"a mode is one of {', '.join(_MAKERS)}, got {describe_value(item)}")
    return items


def _check_ablated(sliders: "FeatureSliders", value: Any) -> list[bool]:
    return [check_switch("ablated", item) for item in check_list("ablated", value, count=len(sliders.refs))]


class FeatureSliders(GscopeWidget):
    """A slider for each feature, and what the model would say next, changed against the baseline.

    A slider clamps the feature's activation, scales it, or adds its direction (in fractions of
    the mean residual norm); a switch ablates it. `values` holds None where a feature is left alone.
    """

    _esm = read_bundle("feature_sliders.js")
    _css = read_bundle("feature_sliders.css")
    _title = "Feature sliders"

    text = Checked(check_text, "", help="Writers: reader, page. The text whose next token is predicted.")
    modes = Checked(_check_modes, [], help='Writers: reader, page. "clamp", "scale" or "add", one a feature.')
    values = Checked(
        _check_values,
        [],
        help="Writers: reader, page. One a feature: activation to clamp to, factor, or strength; None leaves it alone.",
    )
    ablated = Checked(_check_ablated, [], help="Writers: reader, page. One a feature: True sets its activation to 0.")
    features = t.List(help="Writer: Python. Number, label and known maximum of each feature.").tag(sync=True)
    ranges = t.List(help="Writer: Python. Slider range by mode, one a feature.").tag(sync=True)

    def __init__(
        self,
        scope: Any,
        text: str = "",
        *,
        features: Sequence[int | FeatureRef],
        mode: Mode = "clamp",
        dictionary: Any = None,
    ):
        """Predict the next token, with every feature left alone.

        Args:
            scope: from `gs.load`.
            text: a string; "" predicts from BOS alone.
            features: one or more, as `dictionary.feature(number)` or as numbers.
            mode: what the sliders do at first: "clamp", "scale" or "add".
            dictionary: of features given as numbers; by default the scope's default one.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        check_scope(scope)
        self.scope = scope
        self.refs = resolve_features(scope, features, dictionary)
        if not self.refs:
            raise InvalidValue("features is empty; give at least one, such as features=[dictionary.feature(3)]")
        text = check_text(self, text)
        count = len(self.refs)
        summaries = [scope.describe(ref) for ref in self.refs]
        self._natural = self._read_natural(text)
        self._distribution: TokenDistribution = scope.next_tokens(text, SHOWN_TOKENS)
        peaks = [
            max(summary.max_activation or 0.0, own["peak"]) or 1.0
            for summary, own in zip(summaries, self._natural, strict=True)
        ]
        super().__init__(
            scope,
            text=text,
            modes=[mode] * count,
            values=[None] * count,
            ablated=[False] * count,
            features=[describe_feature(summary) for summary in summaries],
            ranges=[build_ranges(peak) for peak in peaks],
            footer=describe_source(scope, ", ".join(dict.fromkeys(ref.dictionary_id for ref in self.refs))),
        )
        self._sound = self._settings()
        self._deliver_distribution((self._distribution, self._natural, self._sound))
        self._answers = True

    @property
    def distribution(self) -> TokenDistribution:
        """The next-token distribution shown, once the newest request is answered."""
        self.wait()
        return self._distribution

    @property
    def interventions(self) -> tuple[Intervention, ...]:
        """What the sliders do now, as `scope.generate` takes it."""
        made = []
        for ref, value, mode, off in zip(self.refs, self.values, self.modes, self.ablated, strict=True):
            if off:
                made.append(ablate(ref))
            elif value is not None:
                made.append(_MAKERS[mode](ref, value))
        return tuple(made)

    def reset(self) -> None:
        """Leave every feature alone."""
        with self.hold_trait_notifications():
            self.values = [None] * len(self.refs)
            self.ablated = [False] * len(self.refs)

    def to_frame(self):
        """A pandas DataFrame: `id`, `token`, `baseline`, `changed` (probabilities)."""
        from gscope_widgets.records.frames import build_frame

        pairs = self._distribution.pairs
        return build_frame(
            id=[baseline.id for baseline, _ in pairs],
            token=[baseline.token for baseline, _ in pairs],
            baseline=[baseline.probability for baseline, _ in pairs],
            changed=[changed.probability for _, changed in pairs],
        )

    def plot(self):
        """A matplotlib Figure: probability of each token, changed beside the baseline."""
        from matplotlib.figure import Figure

        pairs = self._sorted_pairs()
        figure = Figure(figsize=(6, 0.4 * len(pairs) + 1), layout="constrained")
        axes = figure.subplots()
        rows = range(len(pairs))
        axes.barh(
            [row - 0.2 for row in rows],
            [baseline.probability for baseline, _ in pairs],
            0.4,
            fill=False,
            label="baseline",
        )
        axes.barh([row + 0.2 for row in rows], [changed.probability for _, changed in pairs], 0.4, label="changed")
        axes.set_yticks(rows, [show_token(baseline.token).replace("$", r"\$") for baseline, _ in pairs])
        axes.invert_yaxis()
        axes.set_xlabel("probability of the next token")
        axes.set_title(self.badge, fontsize="small")
        axes.legend()
        return figure

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        dictionaries = list(dict.fromkeys(ref.dictionary_id for ref in self.refs))
        lines = write_opening(self.scope, dictionaries)
        made = []
        for one in self._distribution.interventions:
            feature = f"dictionary_{dictionaries.index(one.ref.dictionary_id)}.feature({one.ref.feature})"
            made.append(
                f"gs.{one.kind}({feature})" if one.kind == "ablate" else f"gs.{one.kind}({feature}, {one.amount!r})"
            )
        lines += [
            f"interventions = [{', '.join(made)}]",
            f"text = {self._distribution.tokens.text!r}",
            f"for chance in scope.next_tokens(text, {SHOWN_TOKENS}, interventions).chances:",
            "    print(repr(chance.token), chance.probability)",
        ]
        return "\n".join(lines)

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from."""
        return self.scope.provenance(
            [ref.dictionary_id for ref in self.refs],
            token_ids=self._distribution.tokens.ids,
            interventions=[str(one) for one in self._distribution.interventions],
        )

    @t.observe("text", "values", "modes", "ablated")
    def _on_change(self, _change: Any) -> None:
        if not self._answers:
            return
        try:
            interventions, settings = self.interventions, self._settings()
        except GscopeError:
            self._go_back()
            raise
        self._sound = settings

        def predict() -> tuple:
            same = self._distribution.tokens.text == settings["text"]
            natural = self._natural if same else self._read_natural(settings["text"])
            return self.scope.next_tokens(settings["text"], SHOWN_TOKENS, interventions), natural, settings

        self._request(predict, deliver=self._deliver_distribution, slot="predict", doing="Predicting…")

    def _settings(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "values": list(self.values),
            "modes": list(self.modes),
            "ablated": list(self.ablated),
        }

    def _go_back(self) -> None:
        """To the last settings that are sound together: a value can be out of range for a mode set later."""
        self._answers = False
        try:
            for name, value in self._sound.items():
                setattr(self, name, value)
        finally:
            self._answers = True

    def _read_natural(self, text: str) -> list[dict[str, float]]:
        """Each feature's own activation on the text as it is: at the last token, and its peak."""
        traces = {}
        for name in dict.fromkeys(ref.dictionary_id for ref in self.refs):
            numbers = [ref.feature for ref in self.refs if ref.dictionary_id == name]
            reading = self.scope.read(text, name, features=numbers)
            traces |= {(name, number): reading.trace(number) for number in numbers}
        own = [traces[ref.dictionary_id, ref.feature] for ref in self.refs]
        return [{"last": float(trace[-1]), "peak": float(trace.max())} for trace in own]

    def _deliver_distribution(self, answer: tuple[TokenDistribution, list[dict[str, float]], dict[str, Any]]) -> None:
        self._distribution, self._natural, settings = answer
        pairs = self._sorted_pairs()
        rows = [
            {
                "id": baseline.id,
                "token": baseline.token,
                "baseline": baseline.probability,
                "changed": changed.probability,
            }
            for baseline, changed in pairs
        ]
        rest = {side: max(0.0, 1.0 - sum(row[side] for row in rows)) for side in ("baseline", "changed")}
        content = {"type": "result", **settings, "rows": rows, "rest": rest, "kl": self._distribution.kl}
        self._deliver(content | {"natural": self._natural}, {})

    def _sorted_pairs(self) -> list:
        pairs = self._distribution.pairs
        return sorted(pairs, key=lambda pair: -max(pair[0].probability, pair[1].probability))[: SHOWN_TOKENS + 2]

    def _copy_parts(self) -> list[str]:
        changes = [
            f"feature {one.ref.feature}: {one.kind}" + ("" if one.kind == "ablate" else f" {one.amount:.4g}")
            for one in self._distribution.interventions
        ]
        rows = [
            [show_token(baseline.token), f"{baseline.probability:.2%}", f"{changed.probability:.2%}"]
            for baseline, changed in self._sorted_pairs()
        ]
        return [
            _static.build_paragraph(f"Text: {show_token(self._distribution.tokens.text, limit=2000)}"),
            _static.build_paragraph(
                "Changes: " + ("; ".join(changes) or "none") + f". KL {self._distribution.kl:.3g} nats."
            ),
            _static.build_table(columns=["next token", "baseline", "changed"], rows=rows, caption="Next token"),
        ]


def build_ranges(peak: float) -> dict[str, dict[str, Any]]:
    """Slider ranges for a feature whose activation reaches `peak`."""
    top = float(f"{1.5 * peak:.2g}")
    return {
        "clamp": {"min": 0.0, "max": top, "step": top / 100, "rest": 0.0, "unit": "activation"},
        "scale": {"min": -2.0, "max": 5.0, "step": 0.05, "rest": 1.0, "unit": "× its activation"},
        "add": {"min": -1.0, "max": 1.0, "step": 0.01, "rest": 0.0, "unit": "× mean residual norm"},
    }
