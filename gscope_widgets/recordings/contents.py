"""What stands in a recording."""

from dataclasses import dataclass

import numpy as np

from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.generation import Ending, GeneratedToken
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens


@dataclass(frozen=True)
class RecordedText:
    """A text that was asked about, as the model reads it."""

    prompt: object  # a string, chat messages or token ids, as `write` of questions.py has them
    tokens: Tokens


@dataclass(frozen=True)
class RecordedDictionary:
    """What is known of a dictionary without the model."""

    info: DictionaryInfo
    labels: dict[int, FeatureLabel]
    max_activations: dict[int, float]


@dataclass(frozen=True)
class Choice:
    """The wishes that `scope.dictionary` was asked for one with."""

    wishes: dict[str, object]
    dictionary_id: str


@dataclass(frozen=True, eq=False)
class RecordedRow:
    """One continuation."""

    tokens: tuple[GeneratedToken, ...]
    ended: Ending
    read: np.ndarray  # float32, [features, pos]; activations at the prompt's tokens of the features asked for


@dataclass(frozen=True)
class RecordedAnswer:
    """One question and what was answered."""

    name: str  # of the method asked: one of `ANSWERS`
    settings: dict[str, object]  # what it was asked with, as questions.py writes it
    answer: object  # the record, as the codec writes it


@dataclass(frozen=True)
class Contents:
    """A whole recording."""

    model: ModelInfo
    text_limit: int
    provenance: Provenance  # of all its dictionaries
    dictionaries: tuple[RecordedDictionary, ...]
    choices: tuple[Choice, ...]
    texts: tuple[RecordedText, ...]
    answers: tuple[RecordedAnswer, ...]
    left_out: int  # answers that are not in it: stopped, too large, or of a kind that no file holds
