"""What was measured of each feature, from the `features.json` beside a dictionary of ours."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

from gscope_widgets.errors import BadArtefact
from gscope_widgets.records.dashboards import ConceptTruth, Rival
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.runtime.dictionaries.folders import Folder

FILE = "features.json"
_SIZE_LIMIT = 50_000_000  # bytes
_TEXT_LIMIT = 300  # characters of one label
_NEWLINE = ("\u21b5", "\u23ce")  # the sign that mini's files have for it, and the one that readers see
_RIVALS = {
    "neuron": "best neuron",
    "coordinate": "best residual coordinate",
    "probe": "linear probe",
    "token": "the token alone",
}


@dataclass(frozen=True)
class FeatureNotes:
    """Labels and known ranges of a dictionary's features. Empty where nothing was measured."""

    labels: dict[int, FeatureLabel] = field(default_factory=dict)
    max_activation: dict[int, float] = field(default_factory=dict)  # largest activation seen when measuring
    densities: dict[int, float] = field(default_factory=dict)  # share of tokens at which each fired then
    truths: dict[int, ConceptTruth] = field(default_factory=dict)  # of features with a label
    measured_on: str = ""  # what text all this was measured on


def load_notes(folder: Folder, *, d_dict: int) -> FeatureNotes:
    """The notes of a folder's `features.json`, or empty ones where the file is absent.

    Raises:
        BadArtefact: the file is damaged or speaks of features that the dictionary has not.
    """
    text = folder.read_text(FILE, limit=_SIZE_LIMIT)
    if text is None:
        return FeatureNotes()
    try:
        content = json.loads(text)
        source = str(content["source"])[:_TEXT_LIMIT]
        labels, max_activation, densities, truths = {}, {}, {}, {}
        for entry in content["features"]:
            feature = int(entry["feature"])
            if not 0 <= feature < d_dict:
                raise ValueError(f"feature {feature} of {d_dict}")
            max_activation[feature] = _finite(entry["max_activation"])
            if "density" in entry:
                densities[feature] = _finite(entry["density"])
            if entry.get("label"):
                auc, precision, recall = (_finite(entry[name]) for name in ("auc", "precision", "recall"))
                concept = str(entry["label"])[:_TEXT_LIMIT].replace(*_NEWLINE)
                labels[feature] = FeatureLabel(concept, source, auc, precision, recall)
                if "positives" in entry:
                    count = int(entry["positives"])
                    rivals = _read_rivals(entry.get("rivals") or {})
                    truths[feature] = ConceptTruth(concept, auc, precision, recall, count, source, rivals)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BadArtefact(f"{folder.path / FILE} cannot be read ({error}); install gscope-widgets again") from None
    return FeatureNotes(labels, max_activation, densities, truths, source.removeprefix("measured on "))


def _read_rivals(entry: dict[str, Any]) -> tuple[Rival, ...]:
    return tuple(
        Rival(words, _finite(entry[name]), int(entry[f"{name}_index"]) if f"{name}_index" in entry else None)
        for name, words in _RIVALS.items()
        if name in entry
    )


def _finite(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise ValueError(f"{number} is no finite number")  # which JSON, and so the page, cannot hold
    return number
