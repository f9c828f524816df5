"""The widgets, one row each: from here come their public names, their bundles and the cases of all general tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gscope_widgets.exercises import truths
from gscope_widgets.records.exercises import Question

if TYPE_CHECKING:  # for type checkers, which read no rows
    from gscope_widgets.exercises.name_feature import NameFeature as NameFeature
    from gscope_widgets.exercises.predict import Predict as Predict
    from gscope_widgets.exercises.quiz import Quiz as Quiz
    from gscope_widgets.exercises.reach_goal import ReachGoal as ReachGoal
    from gscope_widgets.widgets.attention_view import AttentionView as AttentionView
    from gscope_widgets.widgets.circuit_graph import CircuitGraph as CircuitGraph
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
    home: str = "widgets"  # the room of the Python file
    opens: tuple[Mapping[str, object], ...] = ()  # how the dictionaries are opened that it shows by itself
    kilobytes: tuple[int, int] = (60, 16)  # how large its script and its style may be
    parts: tuple[str, ...] = ()  # names of the widgets whose views it is made of
    fixable: tuple[str, ...] = ()  # settings that a lesson can fix; texts and features it can limit anyway
    filters_features: bool = True  # whether a lesson can leave features out
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
        return bool(self.opens) or self.shown in ("features", "feature", "selected_feature")

    def list_choices(self) -> tuple[Mapping[str, object], ...]:
        """How the dictionaries of its example are opened."""
        given = self.opens or self.example.get("dictionaries", ({},))
        return tuple(given) if self.has_dictionary else ()  # type: ignore[arg-type]  # a list of choices

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
        """How large its script may be."""
        return (150 if self.parts else self.kilobytes[0]) * 1024

    @property
    def sheet_bytes(self) -> int:
        """How large its style may be."""
        return (40 if self.parts else self.kilobytes[1]) * 1024

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
        fixable=("text", "features", "color_by"),
    ),
    Row(
        name="FeatureSliders",
        module="feature_sliders",
        title="Feature sliders",
        text="text",
        example={"text": EXAMPLE_TEXT, "features": [3, 4]},
        change={"changes": [_write_change(3, "clamp", 30.0), _write_change(4, "clamp", 0.0, on=False)]},
        fixable=("text", "changes"),
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
        fixable=("prompt", "changes"),
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
        fixable=("prompt", "measure"),
    ),
    Row(
        name="LogitLens",
        module="logit_lens",
        title="Logit lens",
        text="text",
        example={"text": EXAMPLE_TEXT, "pinned": [4]},
        shown="pinned",
        change={"text": "On Monday the children sang 😀 at home."},
        fixable=("text",),
    ),
    Row(
        name="AttentionView",
        module="attention_view",
        title="Attention view",
        text="text",
        example={"text": EXAMPLE_TEXT, "layer": 3, "head": 1},
        shown=None,
        change={"text": "On Monday the children sang 😀 at home."},
        refused={"layer": -1},
        fixable=("text", "layer"),
        filters_features=False,
    ),
    Row(
        name="FeatureCard",
        module="feature_card",
        title="Feature card",
        text="text",
        example={"ref": 3, "text": EXAMPLE_TEXT},
        shown="feature",
        change={"text": "On Monday the children sang 😀 at home."},
        fixable=("text", "feature"),
    ),
    Row(
        name="FeatureFinder",
        module="feature_finder",
        title="Feature finder",
        text="text",
        example={"text": EXAMPLE_TEXT},
        shown="selected_feature",
        change={"text": "On Monday the children sang 😀 at home."},
        fixable=("text", "query"),
    ),
    Row(
        name="PromptContrast",
        module="prompt_contrast",
        title="Prompt contrast",
        text="first",
        example={"first": EXAMPLE_TEXT, "second": "The old woman sold 12 fish.", "features": [3]},
        change={"first": "On Monday the children sang 😀 at home."},
        fixable=("first", "second"),
    ),
    Row(
        name="DictionaryCompare",
        module="dictionary_compare",
        title="Dictionary compare",
        text="text",
        example={"text": EXAMPLE_TEXT, "dictionaries": [{}, {"layer": 5}]},
        shown="selected_feature",
        change={"text": "On Monday the children sang 😀 at home."},
        fixable=("text",),
        filters_features=False,
    ),
    Row(
        name="CircuitGraph",
        module="circuit_graph",
        title="Circuit graph",
        text="prompt",
        example={"prompt": EXAMPLE_TEXT, "target": None},
        shown=None,
        opens=tuple({"site": "transcoder_all", "layer": layer} for layer in range(6)),
        change={"prompt": "On Monday the children sang 😀 at home."},
        refused={"node_share": 5},
        kilobytes=(80, 20),
        sends={
            "change": {"nodes": ["0_-1_2"], "factor": None, "activation": 9.5, "instead": []},
            "heads": {"node": "1_12_4", "source": "0_-1_2"},
        },
        fixable=("prompt", "target"),
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
        fixable=("text", "features", "color_by"),
    ),
    Row(
        name="Predict",
        module="predict",
        home="exercises",
        title="Predict",
        text=None,
        example={
            "prompt": "At which tokens does feature 3 fire?",
            "key": truths.fires(3, EXAMPLE_TEXT),
            "tokens_of": EXAMPLE_TEXT,
            "name": "guess",
            "reveal": "There its activation is above 0.",
            "hints": ("It reads one token at a time.", "Its label says birds.", "Ask the token heatmap."),
            "solution": "The token heatmap shows it.",
        },
        change={"answer": [1, 4]},
        shown=None,
        others=tuple({"answer": [pos]} for pos in range(1, 6)),
        refused={"hints_shown": 5},
    ),
    Row(
        name="NameFeature",
        module="name_feature",
        home="exercises",
        title="Name that feature",
        text=None,
        example={
            "ref": 3,
            "snippets": (
                "The old fisherman sold fish.",
                "On Monday the children sang.",
                "A cold bird.",
                "The king was happy.",
                "12 coins",
                "his warm red coat",
                "The cat and the dog",
                "bread",
            ),
            "name": "label",
            "threshold": 8.0,
            "hints": ("Which word comes again?",),
        },
        change={"answer": ["fish*"]},
        shown=None,
        others=tuple({"answer": [word]} for word in ("bird", "king", "old", "coat", "Monday")),
        refused={"hints_shown": 5},
    ),
    Row(
        name="ReachGoal",
        module="reach_goal",
        home="exercises",
        title="Reach a goal",
        text=None,
        example={
            "text": "The old",
            "words": ("fish", "coins"),
            "name": "steer",
            "features": (3, 4),
            "seeds": (0, 1),
            "max_new_tokens": 3,
            "hints": ("Begin with a weak push.",),
        },
        change={"answer": [["add", 3, 0.5]]},
        shown=None,
        others=tuple({"answer": [["add", 4, number / 10]]} for number in range(1, 6)),
        refused={"hints_shown": 5},
    ),
    Row(
        name="Quiz",
        module="quiz",
        home="exercises",
        title="Quiz",
        text=None,
        example={
            "prompt": "Two questions on what a dictionary gives.",
            "questions": [
                Question(
                    "What is a feature?",
                    "gs1:eNpTSlRIySxKTS7JzM9TKMlILFEACYC5iUWVCjmpiUV5JUoACD4N1Q==",
                    choices=("a neuron", "a direction that a dictionary learnt", "a word"),
                    wrong={"a neuron": "A neuron is one axis of a layer; a dictionary has directions of its own."},
                ),
                Question("How many features fire at the last token?", truths.l0(EXAMPLE_TEXT, -1), tolerance=0),
            ],
            "name": "last",
            "hints": ("Count what is above 0.",),
            "solution": "scope.read(text).l0 has the count.",
        },
        change={"answer": ["a neuron", 12]},
        shown=None,
        others=tuple({"answer": ["a word", number]} for number in range(1, 6)),
        refused={"hints_shown": 5},
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
        fixable=("model",),
        filters_features=False,
    ),
)


def find_row(name: str) -> Row | None:
    """The row of a class, None for those that are no widget of their own."""
    return next((row for row in CATALOGUE if row.name == name), None)
