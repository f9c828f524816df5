"""What stands in a recording."""

from dataclasses import dataclass

import numpy as np

from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.generation import Ending, GeneratedToken
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens

_TOLD, _MOST_CHARACTERS = 3, 300  # reasons that a sentence names, and of each; a file's are anybody's


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
    left_out: dict[
        str, int
    ]  # answers that are not in it, by the reason: stopped, too large, of a kind that no file holds


def describe_left_out(left_out: dict[str, int], *, where: str) -> str:
    """How many answers are not in a recording, and why.

    Args:
        where: they are not: "in lesson.gscope".
    """
    count, reasons = sum(left_out.values()), list(left_out.items())
    told = "; ".join(f"{reason[:_MOST_CHARACTERS]} ({number})" for reason, number in reasons[:_TOLD])
    others = len(reasons) - _TOLD
    more = f"; and {others} other reason{'s' if others > 1 else ''}" if others > 0 else ""
    return f"{count} answer{' is' if count == 1 else 's are'} not {where}: {told}{more}"
