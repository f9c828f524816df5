"""What the reader may set, checked; and what the page is told, as plain data."""

from collections.abc import Callable
from typing import Any

import numpy as np
import traitlets as t

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureLabel, FeatureRef, FeatureSummary


class Checked(t.TraitType):
    """State that the reader sets, from Python or in the page, checked by a function that raises GscopeErrors.

    Python's own echo of it to the page is off, so a value being typed is never overwritten
    (ipywidgets 8 echoes by default, 7 does not).
    """

    def __init__(self, check: Callable[[Any, Any], Any], default: Any, *, help: str):  # noqa: A002 - traitlets' name
        """Args: check: called with the widget and the value; returns the value to keep."""
        super().__init__(default, help=help)
        self._check = check
        self.tag(sync=True, echo_update=False)

    def validate(self, widget: Any, value: Any) -> Any:
        """The checked value."""
        return self._check(widget, value)


def describe_model(scope: Any) -> str:
    """The badge: which model answers, and that mini is not Gemma."""
    name = scope.info.id
    return f"{name} (embedded, not Gemma)" if name.startswith("gscope-mini") else name


def describe_source(scope: Any, dictionary_id: str) -> str:
    """The footer: model, dictionary, device and dtype."""
    info = scope.info
    return " · ".join(
        part for part in (f"{info.id} {info.revision}".strip(), dictionary_id, info.device, info.dtype) if part
    )


def describe_label(label: FeatureLabel | None) -> dict | None:
    """A label as the page takes it."""
    return None if label is None else {"text": label.text, "source": label.source, "auc": label.auc}


def describe_feature(summary: FeatureSummary) -> dict:
    """A feature as the page takes it (FeatureInfo)."""
    return {
        "feature": summary.ref.feature,
        "label": describe_label(summary.label),
        "max_activation": summary.max_activation,
    }


def check_text(widget: Any, value: Any) -> str:
    """A text that the scope's model can read.

    Raises:
        InvalidValue: not a string.
        PromptTooLong: more tokens than the model reads.
    """
    if not isinstance(value, str):
        raise InvalidValue(f"the text must be a string, got {describe_value(value)}")
    return widget.scope.tokens(value).text


def check_list(name: str, value: Any, *, count: int) -> list:
    """A list of exactly `count` items."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise InvalidValue(f"{name} must be a list of {count} values, one a feature, got {describe_value(value)}")
    items = list(value)
    if len(items) != count:
        raise InvalidValue(f"{name} must have {count} values, one a feature, got {len(items)}")
    return items


def check_switch(name: str, value: Any) -> bool:
    """True or False, and nothing that merely passes for it."""
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidValue(f"{name} must hold True or False, got {describe_value(value)}")
    return bool(value)


def write_opening(scope: Any, dictionary_ids: list[str]) -> list[str]:
    """The lines of code that load this scope and open dictionaries as `dictionary_0`, `dictionary_1`, ..."""
    opened = [f"dictionary_{i} = {scope.write_opening(name)}" for i, name in enumerate(dictionary_ids)]
    return ["import gscope_widgets as gs", "", scope.to_code(), *opened]


def check_scope(scope: Any) -> None:
    """Refuse what is no scope, such as a text given in its place.

    Raises:
        InvalidValue: it has not what a scope has.
    """
    if not all(hasattr(scope, name) for name in ("info", "tokens", "submit")):
        raise InvalidValue(f"the first argument is a scope from gs.load(), got {describe_value(scope)}")


def check_dictionary(scope: Any, dictionary: Any) -> Any:
    """The dictionary given, or the scope's default one for None.

    Raises:
        InvalidValue: it is no dictionary.
    """
    if dictionary is None:
        return scope.dictionary()
    if not hasattr(dictionary, "feature"):
        raise InvalidValue(f"dictionary comes from scope.dictionary(), got {describe_value(dictionary)}")
    return dictionary


def resolve_features(scope: Any, features: Any, dictionary: Any) -> list[FeatureRef]:
    """Features given as numbers or as references, as references.

    Args:
        features: whole numbers, which mean features of `dictionary` (by default the scope's
            default one), or `dictionary.feature(number)`.
    """
    if isinstance(features, (str, bytes)) or not hasattr(features, "__iter__") or getattr(features, "ndim", 1) == 0:
        raise InvalidValue(f"features is a list of features, got {describe_value(features)}")
    source = None
    resolved = []
    for feature in features:
        if isinstance(feature, FeatureRef):
            scope.describe(feature)
            resolved.append(feature)
            continue
        source = source or check_dictionary(scope, dictionary)
        resolved.append(source.feature(feature))
    return resolved
