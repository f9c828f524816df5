"""The widgets, one row each: from here come their public names, their bundles and the cases of all general tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # for type checkers, which read no rows
    from gscope_widgets.widgets.dictionary_compare import DictionaryCompare as DictionaryCompare
    from gscope_widgets.widgets.doctor import Doctor as Doctor
    from gscope_widgets.widgets.dose_sweep import DoseSweep as DoseSweep
    from gscope_widgets.widgets.feature_card import FeatureCard as FeatureCard
    from gscope_widgets.widgets.feature_finder import FeatureFinder as FeatureFinder
    from gscope_widgets.widgets.feature_sliders import FeatureSliders as FeatureSliders
    from gscope_widgets.widgets.logit_lens import LogitLens as LogitLens
    from gscope_widgets.widgets.prompt_contrast import PromptContrast as PromptContrast
    from gscope_widgets.widgets.steering_panel import SteeringPanel as SteeringPanel
    from gscope_widgets.widgets.token_heatmap import TokenHeatmap as TokenHeatmap
    from gscope_widgets.widgets.workbench import Workbench as Workbench

EXAMPLE_TEXT = "The old fisherman sold 12 fish."


def _write_change(feature: int, kind: str, amount: float, **more: object) -> dict[str, object]:
    """A change as the page writes it."""
    return {"ref": feature, "kind": kind, "amount": amount, "unit": "fraction", "positions": "all", "on": True, **more}


@dataclass(frozen=True)
class Row:
    """A widget, and an example of it that the general tests make and drive."""

    name: str  # of the class, which is public as gs.NAME
    module: str  # of the Python file, the JavaScript file, the bundle and the test files
    title: str  # what readers see
    text: Literal["text", "prompt", "first"] | None  # the trait that holds what a model reads; None: it reads no text
    example: Mapping[str, object]  # keywords to make one with, besides what answers it
    change: Mapping[str, object]  # state that the page may send, and that leads to another result
    engine: Literal["scope", "examiner"] = "scope"  # the keyword that takes what answers it
    asks: bool = True  # whether a change of state is answered at once; otherwise `start()` begins a run
    result: str = "result"  # the kind of message that carries a result
    settings: Mapping[str, object] = field(default_factory=dict)  # of a short run, where `start()` begins one
    shown: str | None = "features"  # the trait that says what is shown, by numbers from 0 on
    others: tuple[Mapping[str, object], ...] = ()  # without a text: further states, each another result than the last
    refused: Mapping[str, object] = field(default_factory=dict)  # without `shown`: state that it does not take
    parts: tuple[str, ...] = ()  # names of the widgets whose views it is made of
    sends: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # a message of each kind from the page

    @property
    def asks_scope(self) -> bool:
        """Whether a model answers it."""
        return self.engine == "scope"

    @property
    def has_features(self) -> bool:
        """Whether it lists features of dictionaries."""
        return self.shown == "features"

    @property
    def has_dictionary(self) -> bool:
        """Whether what it shows is of a dictionary."""
        return self.shown in ("features", "feature", "selected_feature")

    def write_news(self, number: int) -> dict[str, object]:
        """State that the page may send, and that leads to another result than the number before it did."""
        if self.text is None:
            return dict(self.others[number % len(self.others)])
        return {self.text: f"The bird sang {number}"}

    def write_refused(self) -> dict[str, object]:
        """State that the page may send, and that is refused in words."""
        return dict(self.refused) if self.shown is None else {self.shown: self.write_shown(-1)}

    def write_call(self, **changes: object) -> str:
        """The expression that makes the example in a notebook which calls its scope `scope`."""
        given = "scope, " if self.asks_scope else ""
        return f"gs.{self.name}({given}**{dict(self.example) | changes!r})"

    def write_shown(self, *numbers: int) -> object:
        """What is shown as the page writes it: a list of numbers, or the first of them for one feature."""
        return numbers[0] if self.shown in ("feature", "selected_feature") else list(numbers)

    def write_keywords(self, *features: int) -> dict[str, object]:
        """Keywords to make one with that shows these features; none for a widget that shows none."""
        name = {"features": "features", "feature": "ref"}.get(self.shown or "")
        return {} if name is None else {name: self.write_shown(*features)}

    @property
    def bundle_bytes(self) -> int:
        """How large its script and style may be together."""
        return (150 if self.parts else 60) * 1024

    def write_message(self, kind: str) -> dict[str, object]:
        """A message of a kind as the page sends it."""
        return {"type": kind, **self.sends.get(kind, {})}


CATALOGUE = (
    Row(
        name="TokenHeatmap",
        module="token_heatmap",
        title="Token heatmap",
        text="text",
        example={"text": EXAMPLE_TEXT, "features": [3]},
        change={"text": "On Monday the children sang 😀 at home."},
    ),
    Row(
        name="FeatureSliders",
        module="feature_sliders",
        title="Feature sliders",
        text="text",
        example={"text": EXAMPLE_TEXT, "features": [3, 4]},
        change={"changes": [_write_change(3, "clamp", 30.0), _write_change(4, "clamp", 0.0, on=False)]},
    ),
    Row(
        name="SteeringPanel",
        module="steering_panel",
        title="Steering panel",
        text="prompt",
        example={"prompt": EXAMPLE_TEXT, "features": [3, 4], "max_new_tokens": 3},
        change={
            "changes": [
                _write_change(3, "add", 0.5),
                _write_change(4, "clamp", 6.0, positions={"start": 2, "stop": 5, "text": ""}),
            ]
        },
        asks=False,
        result="stream",
        settings={"prompt": "The old fisherman sang", "max_new_tokens": 2},
    ),
    Row(
        name="DoseSweep",
        module="dose_sweep",
        title="Dose sweep",
        text="prompt",
        example={
            "ref": 3,
            "prompt": EXAMPLE_TEXT,
            "measure": ["fish", "coins"],
            "samples": 3,
            "max_new_tokens": 4,
            "selected_strength": 0.5,
        },
        shown="feature",
        change={"strengths": [-0.5, -0.2, -0.1, 0.0, 0.1, 0.2, 0.5]},
        asks=False,
        settings={"prompt": "Another", "max_new_tokens": 3},
    ),
    Row(
        name="LogitLens",
        module="logit_lens",
        title="Logit lens",
        text="text",
        example={"text": EXAMPLE_TEXT, "pinned": [4]},
        shown="pinned",
        change={"text": "On Monday the children sang 😀 at home."},
    ),
    Row(
        name="FeatureCard",
        module="feature_card",
        title="Feature card",
        text="text",
        example={"ref": 3, "text": EXAMPLE_TEXT},
        shown="feature",
        change={"text": "On Monday the children sang 😀 at home."},
    ),
    Row(
        name="FeatureFinder",
        module="feature_finder",
        title="Feature finder",
        text="text",
        example={"text": EXAMPLE_TEXT},
        shown="selected_feature",
        change={"text": "On Monday the children sang 😀 at home."},
    ),
    Row(
        name="PromptContrast",
        module="prompt_contrast",
        title="Prompt contrast",
        text="first",
        example={"first": EXAMPLE_TEXT, "second": "The old woman sold 12 fish.", "features": [3]},
        change={"first": "On Monday the children sang 😀 at home."},
    ),
    Row(
        name="DictionaryCompare",
        module="dictionary_compare",
        title="Dictionary compare",
        text="text",
        example={"text": EXAMPLE_TEXT, "dictionaries": [{}, {"layer": 5}]},
        shown="selected_feature",
        change={"text": "On Monday the children sang 😀 at home."},
    ),
    Row(
        name="Workbench",
        module="workbench",
        title="Workbench",
        text="text",
        example={"text": EXAMPLE_TEXT, "features": [3]},
        change={"text": "On Monday the children sang 😀 at home."},
        parts=("TokenHeatmap", "SteeringPanel", "FeatureFinder", "FeatureCard", "FeatureSliders", "LogitLens"),
        sends={"open": {"part": "steering"}, "read_run": {"row": "changed"}},
    ),
    Row(
        name="Doctor",
        module="doctor",
        title="Doctor",
        text=None,
        engine="examiner",
        example={"model": "gemma-3-270m", "ask_hub": False},
        change={"model": "mini"},
        shown=None,
        others=tuple({"model": f"gemma-3-{size}"} for size in ("1b", "4b", "12b", "27b")),
        refused={"ask_hub": 5},
        sends={
            "pong": {
                "id": 1,
                "received": 32,
                "padding": "xxxxxx",
                "version": "0.1.0",
                "host": "Colab",
                "theme": "dark",
                "browser": "Chrome 140",
                "width_px": 800,
                "is_styled": True,
                "has_manager": True,
            }
        },
    ),
)


def find_row(name: str) -> Row | None:
    """The row of a class, None for those that are no widget of their own."""
    return next((row for row in CATALOGUE if row.name == name), None)
