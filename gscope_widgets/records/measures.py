"""What is counted in a generated text: a token, words, a feature, or whatever a function says."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.numbers import check_float, check_int

# Letters and digits, with apostrophes inside: "don't" is one word, "tea-time" two.
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_LARGEST = 1e30


@dataclass(frozen=True)
class Measure:
    """A number for each text."""

    kind: Literal["token", "words", "feature", "function"]
    name: str  # in words, with its unit
    of: int | tuple[str, ...] | FeatureRef | Callable[[str], float]


def build_measure(value: object, *, vocabulary: int) -> Measure:
    """The measure that a reader names.

    Args:
        value: a token's id: the share of generated tokens that are it. A word, or several: the share of the text's
            words that are among them, whole and in upper or lower case. A `FeatureRef`: the feature's mean activation
            over the generated tokens, read in the unchanged model. Or a function of the generated text that gives a
            finite number.
        vocabulary: number of token ids.

    Raises:
        InvalidValue: none of these.
    """
    if isinstance(value, FeatureRef):
        return Measure("feature", f"mean activation of {value}", value)
    given = [value] if isinstance(value, str) else None if hasattr(value, "__array__") else read_list(value)
    if given is not None:
        words = _check_words(given)
        return Measure("words", f"share of words: {', '.join(words)}", words)
    if callable(value):
        return Measure("function", f"{getattr(value, '__name__', type(value).__name__)}(text)", value)
    try:
        token_id = check_int("a token id", value, low=0, high=vocabulary - 1)
    except InvalidValue:
        raise InvalidValue(
            f"measure must be a token id from 0 to {vocabulary - 1}, a word or several, a feature "
            f"(dictionary.feature(number)) or a function of the text, got {describe_value(value)}"
        ) from None
    return Measure("token", f"share of tokens with id {token_id}", token_id)


def share_of_words(text: str, words: Iterable[str], *, before: str = "") -> float:
    """Which share of a text's words is among `words`, 0 to 1: whole words, upper and lower case alike; 0 of none.

    Args:
        text: that was generated.
        before: what it goes on from: where that ends within a word, the rest of that word is not counted.
    """
    found = [match.group().casefold() for match in _WORD.finditer(text)]
    if before and _WORD.fullmatch(before[-1]) and text and _WORD.match(text):
        found = found[1:]
    wanted = {word.casefold() for word in words}
    return sum(word in wanted for word in found) / len(found) if found else 0.0


def apply_function(function: Callable[[str], float], text: str) -> float:
    """What a reader's function says of a text.

    Raises:
        InvalidValue: it fails, or gives no finite number.
    """
    try:
        value = function(text)
    except Exception as error:
        raise InvalidValue(
            f"the measure failed on the text {describe_value(text)}: {type(error).__name__}: {error}"
        ) from error
    if type(value).__name__ in ("bool", "bool_"):
        return float(value)
    return check_float(
        f"what the measure gives for the text {describe_value(text)}", value, low=-_LARGEST, high=_LARGEST
    )


def _check_words(values: list[object]) -> tuple[str, ...]:
    if not values:
        raise InvalidValue('measure is empty; name a word or several, such as {"tea", "cup"}')
    for value in values:
        if not isinstance(value, str) or not _WORD.fullmatch(value.strip()):
            raise InvalidValue(
                f"a word of a measure is letters and digits, got {describe_value(value)}; "
                "for anything else give a function of the text"
            )
    return tuple(sorted({str(value).strip().casefold() for value in values}))
