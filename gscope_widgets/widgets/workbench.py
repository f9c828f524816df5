"""Workbench: one text, and every view of it in step."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict, get_args

import traitlets as t

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.interventions import Intervention
from gscope_widgets.records.lessons import Lesson
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.locking import take_lesson
from gscope_widgets.widgets.base.state import Told
from gscope_widgets.widgets.base.widget import GscopeWidget
from gscope_widgets.widgets.feature_card import FeatureCard
from gscope_widgets.widgets.feature_finder import FeatureFinder
from gscope_widgets.widgets.feature_sliders import FeatureSliders
from gscope_widgets.widgets.link import Link, link
from gscope_widgets.widgets.logit_lens import LogitLens
from gscope_widgets.widgets.steering_panel import RowName, SteeringPanel
from gscope_widgets.widgets.token_heatmap import TokenHeatmap

Part = Literal["steering", "finder", "card", "sliders", "lens"]

PARTS: dict[str, str] = {  # the widget that each part is
    "steering": "SteeringPanel",
    "finder": "FeatureFinder",
    "card": "FeatureCard",
    "sliders": "FeatureSliders",
    "lens": "LogitLens",
}
_HISTORY = 50  # texts that `back` goes back through


class OpenPart(TypedDict):
    """Make a part that was folded until now."""

    type: Literal["open"]
    part: Part


class ReadRun(TypedDict):
    """Read the prompt and one continuation of the last run, in place of the text."""

    type: Literal["read_run"]
    row: RowName


class Back(TypedDict):
    """Bring back the text that was read before."""

    type: Literal["back"]


class Workbench(TokenHeatmap):
    """One text with its heat map, steering, feature list, card, sliders and lens, which follow each other.

    Pick a token or a feature in any part, and the others show it; steer, and read the changed text in its place.
    Parts are widgets of their own (`workbench.steering`, `.finder`, `.card`, `.sliders`, `.lens`), with all that such
    a widget has; each is made when it is first opened or asked for, and anew where it was closed. `text`, `feature`,
    `pos` and `interventions` are readable and settable.
    """

    parts = Told(dict[str, str], {}, help="Ids of the models of the parts that are open, by name.")
    earlier = Told(int, 0, help="How many texts `back` can bring back.")

    _link: Link | None = None
    _made: Mapping[str, GscopeWidget] = {}
    _is_leaving = False  # whether the parts are closed with it

    to_python = {"open": OpenPart, "read_run": ReadRun, "back": Back}

    def __init__(
        self,
        scope: Scope,
        text: str | Sequence[dict[str, str]] = "",
        dictionary: Dictionary | None = None,
        *,
        features: Sequence[int | FeatureRef] | None = None,
    ):
        """Read the text; nothing is generated before Start.

        Args:
            scope: from `gs.load`.
            text: what to read at first: a string, or chat messages for a chat model.
            dictionary: from `scope.dictionary()`, which is also the default.
            features: that the text is coloured by, up to four; None takes the three that fire most, by share of
                their largest known activation.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        self._made = {}
        self._history: list[Any] = []
        self._goes_back = False
        super().__init__(scope, text, dictionary, features=features)
        self.get_part("finder")
        self.get_part("steering")

    # ---- state

    @property
    def feature(self) -> FeatureRef | None:
        """The feature picked, else the one that fills the tokens; set as a ref or a number of this dictionary."""
        found: FeatureRef | None = self.read_shared("feature")
        return found

    @feature.setter
    def feature(self, value: int | FeatureRef) -> None:
        ref = self.dictionary.feature(value) if not isinstance(value, FeatureRef) else self._check_own(value)
        self.take_shared("feature", ref)

    @property
    def pos(self) -> int | None:
        """The token picked, or None."""
        found: int | None = self.selected_pos
        return found

    @pos.setter
    def pos(self, value: int | None) -> None:
        self.selected_pos = value

    @property
    def interventions(self) -> tuple[Intervention, ...]:
        """What Start changes: the steering part's."""
        return self.steering.interventions

    @interventions.setter
    def interventions(self, value: Sequence[Intervention] | Intervention) -> None:
        self.steering.interventions = value

    # ---- parts

    @property
    def steering(self) -> SteeringPanel:
        """The part that steers."""
        part = self.get_part("steering")
        assert isinstance(part, SteeringPanel)
        return part

    @property
    def finder(self) -> FeatureFinder:
        """The part that lists features: what fires here, and what labels and texts find."""
        part = self.get_part("finder")
        assert isinstance(part, FeatureFinder)
        return part

    @property
    def card(self) -> FeatureCard:
        """The part that shows all that is known of the feature picked."""
        part = self.get_part("card")
        assert isinstance(part, FeatureCard)
        return part

    @property
    def sliders(self) -> FeatureSliders:
        """The part that changes features and shows the next token."""
        part = self.get_part("sliders")
        assert isinstance(part, FeatureSliders)
        return part

    @property
    def lens(self) -> LogitLens:
        """The part that reads the next token layer by layer."""
        part = self.get_part("lens")
        assert isinstance(part, LogitLens)
        return part

    def get_part(self, name: Part) -> GscopeWidget:
        """A part by its name: "steering", "finder", "card", "sliders" or "lens".

        It is made now where it was not yet, or was closed.

        Raises:
            InvalidValue: there is no part of that name.
            Closed: the workbench was closed before the part was made.
        """
        if name not in get_args(Part):
            raise InvalidValue(f"a part is one of {', '.join(get_args(Part))}, got {describe_value(name)}")
        if name not in self._made:
            self._require_open()
            self._adopt({name: self._make_part(name)})
        return self._made[name]

    def _adopt(self, parts: Mapping[str, GscopeWidget]) -> None:
        """Show widgets as parts."""
        for part in parts.values():
            part.on_result(lambda _result: self._output.refresh())
            part.observe(self._on_part_closed, names="comm")
        self._show_parts({**self._made, **parts})

    def _take_parts(self, parts: Mapping[str, GscopeWidget]) -> None:
        """Have these parts and no others."""
        for part in list(self._made.values()):
            part.close()
        self._adopt(parts)

    def _list_kept_parts(self) -> Mapping[str, GscopeWidget]:
        return self._made

    def _on_part_closed(self, change: Any) -> None:
        # At the end of a process whatever is left is closed, in any order.
        if change.new is None and not (self._is_leaving or sys.is_finalizing()):
            self._show_parts({name: part for name, part in self._made.items() if part is not change.owner})

    def _show_parts(self, made: Mapping[str, GscopeWidget]) -> None:
        self._made = made
        if self._link is not None:
            self._link.unlink()
        self._link = link(self, *made.values()) if made else None
        self.parts = {name: part.model_id for name, part in made.items()}
        self._output.refresh()

    def _make_part(self, name: Part) -> GscopeWidget:
        ref = self.feature or self.dictionary.feature(0)
        makers: Mapping[Part, Callable[[], GscopeWidget]] = {
            "steering": lambda: SteeringPanel(self.scope, self.text, features=[ref]),
            "finder": lambda: FeatureFinder(self.scope, self.text, self.dictionary, pos=self.pos, selected_feature=ref),
            "card": lambda: FeatureCard(self.scope, ref, text=self.text),
            "sliders": lambda: FeatureSliders(self.scope, self.text, features=[ref]),
            "lens": lambda: LogitLens(self.scope, self.text),
        }
        part = makers[name]()
        if self._lesson is not None:
            take_lesson(part, self._limit_part(part, self._lesson))
        return part

    def _limit_part(self, part: GscopeWidget, lesson: Lesson) -> Lesson:
        """What a lesson is for a part: the note and the stages stand above all of them."""
        fixed = [part._text_name if name == "text" else name for name in lesson.fixed if lesson.is_fixed(name)]
        return Lesson(
            fixed=tuple(name for name in fixed if name in part._fixable),
            prompts=lesson.allowed_prompts,
            features=lesson.allowed_features,
            words=lesson.banned_words,
            hide_labels=lesson.hides_labels,
        )

    def _see_again(self, see: Callable[[Any], Any]) -> None:
        super()._see_again(see)
        for part in self._made.values():
            take_lesson(part, None if self._lesson is None else self._limit_part(part, self._lesson))

    def read_run(self, row: RowName = "changed") -> None:
        """Read the prompt and one continuation of the last run; `back` brings the text back.

        Of a chat, the continuation is the assistant's turn.

        Raises:
            InvalidValue: nothing was generated yet.
        """
        if row not in get_args(RowName):
            raise InvalidValue(f"a row is one of {', '.join(get_args(RowName))}, got {describe_value(row)}")
        written = self.steering.texts[row]
        if not written:
            raise InvalidValue("nothing was generated yet; press Start, or call workbench.steering.start().wait()")
        prompt = self.steering.provenance.settings["prompt"]
        if isinstance(prompt, str):
            self.text = prompt + written
            return
        assert isinstance(prompt, list)
        *turns, last = prompt
        if last["role"] in ("assistant", "model"):  # which was continued
            self.text = [*turns, {"role": last["role"], "content": last["content"] + written}]
        else:
            self.text = [*prompt, {"role": "assistant", "content": written}]

    def back(self) -> None:
        """Bring back the text that was read before. Does nothing where there was none."""
        if self._history:
            self._goes_back = True
            try:
                self.text = self._history.pop()
            finally:
                self._goes_back = False
            self.earlier = len(self._history)

    @t.observe("text")
    def _on_text(self, change: Any) -> None:
        if not self._is_quiet and not self._goes_back:
            self._history = [*self._history, change.old][-_HISTORY:]
            self.earlier = len(self._history)

    # ---- what every widget offers

    def wait(self) -> None:
        """Return when the text is read, here and in every part; a run of the steering part too."""
        super().wait()
        try:
            for part in self._made.values():
                part.wait()
        finally:
            self._output.flush()

    def close(self) -> None:
        """Close the parts too."""
        self._is_leaving = True
        if self._link is not None:
            self._link.unlink()
        for part in self._made.values():
            part.close()
        super().close()

    def _take_message(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "open":
            self.get_part(content["part"])
        elif kind == "read_run":
            self.read_run(content["row"])
        elif kind == "back":
            self.back()
        else:
            super()._take_message(kind, content)

    def _ask_again(self) -> None:
        super()._ask_again()
        for part in self._made.values():
            part._ask_again()

    def _settle_cell(self, seconds: float) -> None:
        super()._settle_cell(seconds)
        for part in self._made.values():
            part._settle_cell(seconds)

    def _copy_parts(self) -> list[str]:
        parts = super()._copy_parts()
        for part in self._made.values():
            parts += [copy.build_heading(part._title), *part._copy_parts()]
        return parts

    def _define_terms(self) -> dict[str, str]:
        meanings: dict[str, str] = {}
        for part in self._made.values():
            meanings |= part._define_terms()
        return meanings | super()._define_terms()
