"""Hands-on interpretability in the notebook: Gemma 3 and Gemma Scope 2 as live widgets.

`import gscope_widgets as gs` imports neither torch nor transformers; each name below brings in
what it needs on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from gscope_widgets.widgets.catalogue import CATALOGUE

if TYPE_CHECKING:
    from gscope_widgets import mini
    from gscope_widgets.checkup.examination import doctor
    from gscope_widgets.circuits import change_circuit, circuit, circuit_heads
    from gscope_widgets.errors import *  # noqa: F403
    from gscope_widgets.exercises import truths
    from gscope_widgets.exercises.keys import seal
    from gscope_widgets.keeping.circuits import load_circuit, save_circuit
    from gscope_widgets.keeping.directions import feature_direction, load_direction, save_direction
    from gscope_widgets.keeping.files import read_view, read_views, write_view
    from gscope_widgets.keeping.opening import open  # noqa: A004
    from gscope_widgets.keeping.page import to_html
    from gscope_widgets.lessons.scope import restrict
    from gscope_widgets.recordings.replay import replay
    from gscope_widgets.records.change_scores import score_changes
    from gscope_widgets.records.directions import Direction
    from gscope_widgets.records.exercises import Goal, Question
    from gscope_widgets.records.interventions import ablate, add, clamp, scale
    from gscope_widgets.records.lessons import Lesson, Stage
    from gscope_widgets.runtime.memory import memory
    from gscope_widgets.runtime.registry import load
    from gscope_widgets.runtime.scope import Scope
    from gscope_widgets.runtime.sweeps.sweep import open_sweep, start_sweep, sweep
    from gscope_widgets.widgets.catalogue import (
        AttentionView,
        CircuitGraph,
        DictionaryCompare,
        Doctor,
        DoseSweep,
        FeatureCard,
        FeatureFinder,
        FeatureSliders,
        LogitLens,
        NameFeature,
        Predict,
        PromptContrast,
        Quiz,
        ReachGoal,
        SteeringPanel,
        TokenHeatmap,
        Workbench,
    )
    from gscope_widgets.widgets.link import link

__version__ = "0.1.0"

_ERRORS = (
    "GscopeError",
    "InvalidValue",
    "UnknownFeature",
    "UnknownLabel",
    "UnknownModel",
    "UnknownDictionary",
    "NotRecorded",
    "GatedModel",
    "Offline",
    "DiskFull",
    "UnwritableCache",
    "BadArtefact",
    "PromptTooLong",
    "OutOfMemory",
    "DeviceLost",
    "Cancelled",
    "Closed",
    "NotFinished",
    "NotRight",
)
_HOMES = {
    "load": "runtime.registry",
    "replay": "recordings.replay",
    "open": "keeping.opening",
    "read_view": "keeping.files",
    "read_views": "keeping.files",
    "write_view": "keeping.files",
    "to_html": "keeping.page",
    "feature_direction": "keeping.directions",
    "save_direction": "keeping.directions",
    "load_direction": "keeping.directions",
    "circuit": "circuits",
    "change_circuit": "circuits",
    "circuit_heads": "circuits",
    "save_circuit": "keeping.circuits",
    "load_circuit": "keeping.circuits",
    "score_changes": "records.change_scores",
    "memory": "runtime.memory",
    "Scope": "runtime.scope",
    "sweep": "runtime.sweeps.sweep",
    "start_sweep": "runtime.sweeps.sweep",
    "open_sweep": "runtime.sweeps.sweep",
    "add": "records.interventions",
    "clamp": "records.interventions",
    "scale": "records.interventions",
    "ablate": "records.interventions",
    "Direction": "records.directions",
    "SanityWarning": "errors",
    "SteeringWarning": "errors",
    "KeptWarning": "errors",
    "link": "widgets.link",
    "Goal": "records.exercises",
    "Question": "records.exercises",
    "truths": "exercises.truths",
    "seal": "exercises.keys",
    "Lesson": "records.lessons",
    "Stage": "records.lessons",
    "restrict": "lessons.scope",
    "doctor": "checkup.examination",
    "mini": "mini",
    **{row.name: f"{row.home}.{row.module}" for row in CATALOGUE},
    **dict.fromkeys(_ERRORS, "errors"),
}

_MODULES = ("mini", "truths")  # names of modules themselves

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'gscope_widgets' has no attribute {name!r}")
    home = import_module(f"gscope_widgets.{_HOMES[name]}")
    value = home if name in _MODULES else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
