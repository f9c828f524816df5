"""Checks of answers as plain functions: right, wrong, empty, of another type."""

import pytest

import gscope_widgets as gs
from gscope_widgets.exercises.checks import judge
from gscope_widgets.exercises.rules import apply_rule, refuse_rule, score_rule

CHOICE = gs.Question("Up or down?", "up", choices=("up", "down", "same"), wrong={"down": "That is the control."})
SEVERAL = gs.Question("Which?", ["a", "c"], choices=("a", "b", "c", "d"), several=True, wrong={"b": "b is a rumour."})
PLACES = gs.Question("Where?", [2, 3], tokens_of="The old fisherman")
NUMBER = gs.Question("How many?", 12, tolerance=0.5, wrong={"13": "13 counts <bos>."})
WORD = gs.Question("Which word?", "The  fish", wrong={"boat": "A boat does not swim."})


@pytest.mark.parametrize(
    ("question", "answer", "state", "score", "words"),
    [
        (CHOICE, "up", "right", 1.0, "Right"),
        (CHOICE, "down", "wrong", 0.0, "That is the control."),
        (CHOICE, "same", "wrong", 0.0, "not same"),
        (CHOICE, "sideways", "unusable", 0.0, "one of its choices"),
        (CHOICE, 1, "unusable", 0.0, "one of its choices"),
        (CHOICE, True, "unusable", 0.0, "got True"),
        (CHOICE, None, "not answered", 0.0, "Not answered"),
        (CHOICE, "", "not answered", 0.0, "Not answered"),
        (SEVERAL, ["c", "a"], "right", 1.0, "Right"),
        (SEVERAL, ["a"], "wrong", 0.75, "some of it is right"),
        (SEVERAL, ["a", "b", "c"], "wrong", 0.75, "b is a rumour."),
        (SEVERAL, ["a", "a", "c"], "unusable", 0.0, "given once"),
        (SEVERAL, "a", "unusable", 0.0, "a list of its choices"),
        (SEVERAL, [], "not answered", 0.0, "Not answered"),
        (PLACES, [3, 2], "right", 1.0, "Right"),
        (PLACES, [2], "wrong", 0.5, "some of it is right"),
        (PLACES, [1], "wrong", 0.0, "none of these"),
        (PLACES, [2.0], "unusable", 0.0, "token positions"),
        (PLACES, [-1], "unusable", 0.0, "token positions"),
        (PLACES, [True], "unusable", 0.0, "token positions"),
        (PLACES, 2, "unusable", 0.0, "token positions"),
        (NUMBER, 12, "right", 1.0, "Right"),
        (NUMBER, 12.5, "right", 1.0, "Right"),
        (NUMBER, 12.6, "wrong", 0.0, "13 counts <bos>."),
        (NUMBER, 0, "wrong", 0.0, "not 0"),
        (NUMBER, "12", "unusable", 0.0, "is a number"),
        (NUMBER, True, "unusable", 0.0, "is a number"),
        (WORD, "the fish ", "right", 1.0, "Right"),
        (WORD, "Boat", "wrong", 0.0, "does not swim"),
        (WORD, 5, "unusable", 0.0, "is a text"),
        (WORD, " ", "unusable", 0.0, "is a text"),
    ],
    ids=str,
)
def test_an_answer_is_judged_by_type_and_by_value(question, answer, state, score, words):
    found = judge(question, answer, question.key, question.wrong)
    assert (found.state, found.score) == (state, score)
    assert words in found.sentence
    if state in ("not answered", "unusable"):
        assert found.next_step


# ---- rules


def test_a_rule_finds_whole_words_in_any_case_and_a_star_is_any_letters():
    for rule, text, wanted in [
        (["fish"], "Fish!", True),
        (["fish"], "fishing", False),
        (["fish*"], "fishing", True),
        (["*ing"], "The fishing boat", True),
        (["old man"], "an Old man", True),
        (["a.c"], "abc", False),
        (["a.c"], "a.c", True),
        (["nothing", "boat"], "boat", True),
    ]:
        assert apply_rule(rule, text) is wanted, (rule, text)


@pytest.mark.parametrize("rule", [[], "fish", [5], [""], ["a" * 41], ["a*b*c*"], ["a"] * 31, None, {"a": 1}], ids=str)
def test_what_is_no_rule_is_refused_in_a_sentence(rule):
    assert refuse_rule(rule).endswith(".")
    assert refuse_rule(["fish*"]) == ""


def test_balanced_accuracy_is_that_of_a_count_by_hand_and_shuffled_it_is_a_half():
    fires = [True] * 4 + [False] * 16
    said = [True, True, True, False] + [False] * 12 + [True] * 4
    score = score_rule(said, fires)
    assert score.balanced == pytest.approx((3 / 4 + 12 / 16) / 2)
    assert (score.misses, score.false_alarms) == (1, 4)
    assert score.shuffled_mean == pytest.approx(0.5, abs=0.02)
    assert score == score_rule(said, fires)  # no chance is left to it
    everything = score_rule([True] * 20, fires)
    assert (everything.balanced, everything.shuffled_p95) == (0.5, 0.5)
    assert score_rule(fires, fires).balanced == 1.0 > score_rule(fires, fires).shuffled_p95
