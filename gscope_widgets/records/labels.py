"""Searching labels: which of them hold a query, and which come nearest where none does."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from gscope_widgets.errors import describe_value
from gscope_widgets.records.features import FeatureLabel

Labelled = tuple[int, FeatureLabel]  # a feature, and one of its labels

_WORD = r"[^\W_]"
_OFFERED = 3  # labels named where none holds the query


def rank_labels(query: str, labels: Sequence[Labelled]) -> list[Labelled]:
    """The labels that hold a query, upper and lower case alike: whole words first, then beginnings, then other parts.

    Within each, the best detectors (by AUC) come first. A word is letters and digits. None where none holds it.
    """
    wanted = query.casefold()
    whole = re.compile(rf"(?<!{_WORD}){re.escape(wanted)}(?!{_WORD})")
    begins = re.compile(rf"(?<!{_WORD}){re.escape(wanted)}")
    found = []
    for one in labels:
        text = one[1].text.casefold()
        if wanted in text:
            fit = 0 if not wanted or whole.search(text) else 1 if begins.search(text) else 2
            found.append((fit, -(one[1].auc or 0.0), one))
    return [one for _, _, one in sorted(found, key=lambda entry: entry[:2])]


def describe_absence(query: str, labels: Sequence[Labelled], *, where: str) -> str:
    """A sentence for a query that no label holds, with the nearest.

    Args:
        where: what the labels are of.
    """
    if not labels:
        return f"No label of {where} is known on this machine, and so none that holds {describe_value(query)}."
    names = ", ".join(repr(text) for text in find_nearest(query, [label.text for _, label in labels]))
    return f"No label of {where} holds {describe_value(query)}; the nearest are {names}. find('') lists all."


def find_nearest(query: str, texts: Sequence[str]) -> list[str]:
    """Up to three texts that hold a word most like the query; where no word is like it, the first three."""
    by_word: dict[str, dict[str, None]] = {}
    for text in texts:
        for word in (text.casefold(), *re.findall(rf"{_WORD}+", text.casefold())):
            by_word.setdefault(word, {})[text] = None
    near = get_close_matches(query.casefold(), by_word, n=_OFFERED, cutoff=0.6)
    found = dict.fromkeys(text for word in near for text in by_word[word])
    return list(found or dict.fromkeys(texts))[:_OFFERED]
