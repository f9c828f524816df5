"""Lessons as data: what holds stage by stage, one line of code, JSON, and input from anybody."""

import json

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.lessons import MAX_ITEMS, MAX_NOTE, MAX_PROMPT

FULL = gs.Lesson(
    fixed=["text", "strength"],
    prompts=["The old fisherman", [{"role": "user", "content": 'Say "hello"\n'}]],
    features=[FeatureRef("mini/resid_post/layer_4#odd", 3), "mini/resid_post/layer_4#4"],
    words=["beer"],
    hide_labels=True,
    note="What do <b>they</b> share?",
    stages=[gs.Stage(["labels"], "See the labels"), gs.Stage(["text", "features"])],
)


@pytest.mark.row("NEW 13")
def test_the_repr_is_one_line_of_code_that_makes_the_same_lesson():
    for lesson in (gs.Lesson(), FULL, FULL.next(), gs.Lesson(note='quotes " and \\ \n')):
        line = lesson.to_code()
        assert "\n" not in line
        made = eval(line, {"gs": gs})
        assert made == lesson
        assert repr(made) == line
    assert gs.Lesson().to_code() == "gs.Lesson()"  # what is as by default is not said
    assert FULL.next() != FULL


def test_json_brings_the_same_lesson_back():
    for lesson in (gs.Lesson(), FULL, FULL.next().next()):
        assert gs.Lesson.from_json(json.loads(json.dumps(lesson.to_json()))) == lesson
    assert gs.Lesson.from_json({}) == gs.Lesson()


@pytest.mark.row("NEW 13")
def test_each_stage_opens_what_it_names_and_nothing_else():
    def holds(lesson):
        return (
            lesson.hides_labels,
            lesson.is_fixed("text"),
            lesson.is_fixed("strength"),
            bool(lesson.allowed_features),
        )

    assert holds(FULL) == (True, True, True, True)
    first = FULL.next()
    assert (holds(first), first.stage, FULL.stage) == ((False, True, True, True), 1, 0)
    last = first.next()
    assert holds(last) == (False, False, True, False)
    assert last.allowed_prompts == FULL.prompts  # no stage opens them
    assert (FULL.next_stage.name, first.next_stage.name, last.next_stage) == ("See the labels", "text, features", None)
    with pytest.raises(gs.InvalidValue, match="all 2 stages of this lesson are open"):
        last.next()


def test_banned_words_are_whole_words_in_any_case():
    lesson = gs.Lesson(words=["beer", "C++", "Straße"])
    held = {text: lesson.holds_banned(text) for text in ("a BEER.", "beers", "beer,", "use C++ now", "STRASSE", "tea")}
    assert held == {"a BEER.": True, "beers": False, "beer,": True, "use C++ now": True, "STRASSE": True, "tea": False}
    assert not gs.Lesson().holds_banned("beer")
    opened = gs.Lesson(words=["beer"], stages=[gs.Stage(["words"])]).next()
    assert not opened.holds_banned("beer")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fixed": "text"}, "fixed must be a list"),
        ({"fixed": ["__class__.x"]}, "names of settings"),
        ({"fixed": [3]}, "names of settings"),
        ({"prompts": "a"}, "prompts must be a list"),
        ({"prompts": [5]}, "a prompt is a string, or chat messages"),
        ({"prompts": [[{"role": "user"}]]}, "a prompt is a string, or chat messages"),
        ({"prompts": [[]]}, "a prompt is a string, or chat messages"),
        ({"prompts": ["x" * (MAX_PROMPT + 1)]}, f"at most {MAX_PROMPT} characters"),
        ({"prompts": ["x"] * (MAX_ITEMS + 1)}, f"prompts takes at most {MAX_ITEMS}"),
        ({"features": [3]}, "features holds refs"),
        ({"features": ["d#x"]}, "features holds refs"),
        ({"features": [True]}, "features holds refs"),
        ({"words": ["  "]}, "words holds an empty one"),
        ({"words": [None]}, "a word must be a string"),
        ({"hide_labels": 1}, "hide_labels must be True or False"),
        ({"note": "x" * (MAX_NOTE + 1)}, f"note must be a string of at most {MAX_NOTE}"),
        ({"note": b"x"}, "note must be a string"),
        ({"stages": [{"opens": []}]}, "a stage opens something"),
        ({"stages": {"opens": ["text"]}}, "stages must be a list"),
        ({"stages": [{"title": "no opens"}]}, "a stage is an object with opens"),
        ({"stages": [{"opens": ["text"], "run": "code"}]}, "a stage has no field 'run'"),
        ({"stage": 1}, "stage must be 0 to 0"),
        ({"stage": True}, "stage must be 0 to 0"),
        ({"stage": -1}, "stage must be 0 to 0"),
        ({"timer": 5}, "a lesson has no field 'timer'; it may be of a newer version"),
        ([], "a lesson is an object"),
        ("gs.Lesson()", "a lesson is an object"),
        (None, "a lesson is an object"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_lesson_is_refused_in_a_sentence(given, said):
    with pytest.raises(gs.InvalidValue, match=said) as caught:
        gs.Lesson.from_json(given)
    assert len(str(caught.value)) < 400


def test_a_single_number_of_numpys_is_no_list():
    with pytest.raises(gs.InvalidValue, match=r"fixed must be a list, got array\(3\)"):
        gs.Lesson(fixed=np.array(3))


def test_lone_surrogates_become_characters_that_can_be_sent():
    lesson = gs.Lesson(note="a\ud800b", prompts=["c\udfff"])
    assert lesson.note.encode() == "a\ufffdb".encode()
    assert lesson.prompts[0].encode() == "c\ufffd".encode()
