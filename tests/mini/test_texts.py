"""The held-out text that ships: whole, frozen, and true by checks that know nothing of how spans were written."""

import calendar
import dataclasses
import keyword
import re

import pytest

import gscope_widgets as gs
from gscope_widgets.mini import LabelledText

TOWNS = "Dunmere Brannoch Reedham Halvik Coldforge Stormness Tinmouth Marlbeck Foxbridge Whitcombe".split()


def find_words(text: str, words: list[str]) -> set[tuple[int, int]]:
    """Where any of the words stands, as whole words in any case."""
    return {match.span() for match in re.finditer(rf"\b({'|'.join(words)})\b", text, re.IGNORECASE)}


def find_untrue(texts: tuple[LabelledText, ...]) -> list[str]:
    """What is wrong with the spans of towns, months and keywords, read from the text alone."""
    months = [name for name in calendar.month_name if name]
    found = []
    for one in texts:
        spans = set(one.spans.get("place:town", ()))
        found += [f"town not covered in {one.text[:30]!r}" for span in find_words(one.text, TOWNS) - spans]
        found += [f"town {word!r}" for word in one.covered("place:town") if not re.fullmatch(r"[A-Z][\w ]+", word)]
        if "language:french" not in one.spans:
            found += [f"month {word!r}" for word in one.covered("time:month") if word.capitalize() not in months]
        found += [f"keyword {word!r}" for word in one.covered("code:keyword") if not keyword.iskeyword(word)]
        found += [f"French {one.text!r}" for word in one.covered("language:french") if not word.strip()]
    return found


def shift_spans(one: LabelledText) -> LabelledText:
    """The same text with every span one character further on."""
    moved = {name: tuple((start + 1, end + 1) for start, end in spans) for name, spans in one.spans.items()}
    return dataclasses.replace(one, spans=moved)


def test_spans_cover_the_towns_months_and_keywords_that_the_text_has():
    texts = gs.mini.texts()
    assert sum(len(find_words(one.text, TOWNS)) for one in texts) > 100
    assert sum(len(one.covered("time:month")) + len(one.covered("code:keyword")) for one in texts) > 300
    assert find_untrue(texts) == []


def test_spans_one_character_off_are_noticed():
    wrong = find_untrue(tuple(shift_spans(one) for one in gs.mini.texts()))
    for kind in ("town not covered", "town '", "month", "keyword"):
        assert any(one.startswith(kind) for one in wrong), kind


@pytest.mark.parametrize(("model", "count", "registers"), [("mini", 300, 14), ("mini-it", 100, 2)])
def test_there_are_texts_of_each_model_and_register_with_spans_inside_them(model, count, registers):
    texts = gs.mini.texts(model=model)
    assert len(texts) == count
    assert len({one.register for one in texts}) == registers
    for one in texts:
        assert one.spans
        for spans in one.spans.values():
            assert all(0 <= start < end <= len(one.text) for start, end in spans)


def test_texts_are_chosen_by_concept_and_register():
    french = gs.mini.texts(concept="language:french")
    assert 20 < len(french) < 100 and all("language:french" in one.spans for one in french)
    stories = gs.mini.texts(register="story", concept="place:town")
    assert stories and {one.register for one in stories} == {"story"}
    towns = gs.mini.texts(concept="place:town")
    assert len(towns) > len(stories) and all(one in towns for one in stories)
    assert gs.mini.texts() == gs.mini.texts()


def test_a_text_cannot_be_changed():
    one = gs.mini.texts()[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.text = "other"
    with pytest.raises(TypeError):
        one.spans["place:town"] = ()


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"model": "gemma"}, r"model must be one of mini, mini-it; got 'gemma'"),
        ({"register": "sonnet"}, r"register must be one of chain, code, .*; got 'sonnet'"),
        ({"concept": "language:dutch"}, r"concept must be one of action:making.* more; got 'language:dutch'"),
        ({"register": "code", "concept": "language:french"}, r"concept must be one of .*; got 'language:french'"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(wish, message):
    with pytest.raises(gs.InvalidValue, match=message):
        gs.mini.texts(**wish)
