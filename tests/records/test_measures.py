"""What is counted in a text: whole words, tokens, and what is no measure."""

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.measures import apply_function, build_measure, share_of_words


@pytest.mark.parametrize(
    ("text", "words", "share"),
    [
        ("Plumstead had no tea.", {"tea"}, 1 / 4),
        ("Plumstead", {"tea"}, 0),
        ("TEA, Tea; tea!", {"tea"}, 1),
        ("a cup of tea", {"tea", "cup"}, 2 / 4),
        ("teas", {"tea"}, 0),
        ("tea-time", {"tea"}, 1 / 2),
        ("don't", {"don"}, 0),
        ("don’t do", {"don’t"}, 1 / 2),
        ("Le thé, l'été", {"thé"}, 1 / 3),
        ("СТРАННО странно", {"странно"}, 1),
        ("", {"tea"}, 0),
        ("... !", {"tea"}, 0),
    ],
)
def test_words_are_counted_whole_and_in_either_case(text, words, share):
    assert share_of_words(text, words) == pytest.approx(share)


@pytest.mark.parametrize(
    ("before", "text", "share"),
    [("Plums", "tea tea", 1.0), ("I like ", "tea cups", 0.5), ("I like", " tea cups", 0.5), ("", "tea cups", 0.5)],
)
def test_the_rest_of_a_word_that_the_prompt_began_is_no_word(before, text, share):
    assert share_of_words(text, {"tea"}, before=before) == pytest.approx(share)


def test_the_rest_of_a_word_does_not_count_as_one():
    assert share_of_words("tea", {"tea"}, before="Plums") == 0
    assert share_of_words("tea", {"tea"}, before="some ") == 1


def test_each_form_is_told_by_its_type():
    ref = FeatureRef("d", 3)
    assert build_measure(np.int64(5), vocabulary=10).of == 5
    assert build_measure("Tea ", vocabulary=10).of == ("tea",)
    assert build_measure({"cup", "tea", "TEA"}, vocabulary=10).of == ("cup", "tea")
    assert build_measure(ref, vocabulary=10).of is ref
    assert build_measure(len, vocabulary=10).of is len
    assert [build_measure(one, vocabulary=10).kind for one in (5, "a", ["a"], ref, len)] == [
        "token", "words", "words", "feature", "function",
    ]  # fmt: skip
    assert build_measure(["tea", "cup"], vocabulary=10).name == "share of words: cup, tea"


@pytest.mark.parametrize("wrong", [10, -1, 1.0, True, None, np.ones(2), b"tea", {"tea": 1}], ids=repr)
def test_what_is_no_measure_is_refused_with_what_is(wrong):
    with pytest.raises(gs.InvalidValue, match="measure must be a token id from 0 to 9, a word or several, a feature"):
        build_measure(wrong, vocabulary=10)


@pytest.mark.parametrize("wrong", ["", " ", "ice cream", "!", ["tea", 5], [None]], ids=repr)
def test_what_is_no_word_is_refused(wrong):
    with pytest.raises(gs.InvalidValue, match="a word of a measure is letters and digits"):
        build_measure(wrong, vocabulary=10)


def test_no_words_are_refused():
    with pytest.raises(gs.InvalidValue, match="measure is empty"):
        build_measure([], vocabulary=10)


def test_a_function_gives_a_finite_number_or_is_named():
    assert apply_function(len, "four") == 4.0
    assert apply_function(lambda text: "o" in text, "four") == 1.0
    assert apply_function(lambda text: np.bool_(False), "four") == 0.0
    for wrong in (lambda _: float("nan"), lambda _: "5", lambda _: None, lambda _: float("inf")):
        with pytest.raises(gs.InvalidValue, match="what the measure gives for the text 'four' must be a finite number"):
            apply_function(wrong, "four")
    with pytest.raises(gs.InvalidValue, match="the measure failed on the text 'four': ZeroDivisionError"):
        apply_function(lambda text: 1 / 0, "four")
