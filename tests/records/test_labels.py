"""Searching labels: a whole word beats a part of one, and what is not there is said with what is near."""

import re

import pytest

from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.labels import describe_absence, rank_labels

TEXTS = {
    "structure:ingredient_line": 0.99,
    "token: ␣red": 0.6,
    "reddish things": 0.9,
    "colour:red": 0.8,
    "thing:room": 0.7,
}
LABELS = [(at, FeatureLabel(text, "by eye", auc)) for at, (text, auc) in enumerate(TEXTS.items())]


def search(query: str) -> list[str]:
    return [label.text for _, label in rank_labels(query, LABELS)]


def test_whole_words_come_first_then_beginnings_then_parts_each_by_auc():
    assert search("RED") == ["colour:red", "token: ␣red", "reddish things", "structure:ingredient_line"]
    assert search("ingredient") == search("line") == ["structure:ingredient_line"]
    assert search("thing:room") == ["thing:room"]
    assert len(search("")) == len(LABELS)


def test_by_auc_alone_the_part_of_a_word_would_come_first():
    """The control."""
    assert max(TEXTS, key=TEXTS.get) == "structure:ingredient_line"


@pytest.mark.parametrize(("query", "nearest"), [("rooms", "'thing:room'"), ("colr", "'colour:red'"), ("rd", "'")])
@pytest.mark.row("15")
def test_what_no_label_holds_is_said_with_the_nearest(query, nearest):
    assert search(query) == []
    said = describe_absence(query, LABELS, where="d")
    assert re.match(rf"No label of d holds '{query}'; the nearest are .*{nearest}", said)


def test_where_there_is_no_label_at_all_that_is_said():
    assert rank_labels("red", []) == []
    assert "No label of d is known on this machine" in describe_absence("red", [], where="d")
