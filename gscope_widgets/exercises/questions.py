"""Questions as an author gives them, checked; and the key that a scope makes of one."""

import math
from collections.abc import Mapping
from typing import Any

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.exercises.checks import Judged, check_key, judge
from gscope_widgets.exercises.keys import compute_key, unseal
from gscope_widgets.exercises.literals import Plain, read_plain
from gscope_widgets.exercises.wire import AnswerField, FieldKind
from gscope_widgets.records.exercises import Goal, Question
from gscope_widgets.records.numbers import check_switch
from gscope_widgets.records.protocols import Scope


def check_question(question: object, scope: Scope) -> Question:
    """A question that can be asked of this scope.

    Raises:
        InvalidValue: a field of it is of another form, or its key is no answer to it.
        PromptTooLong: its text is.
    """
    if not isinstance(question, Question):
        raise InvalidValue(f"a question comes from gs.Question(ask, key, ...), got {describe_value(question)}")
    check_words("ask", question.ask)
    is_left_out = isinstance(question.choices, tuple) and not question.choices
    forms = {"choices": not is_left_out, "tokens_of": question.tokens_of is not None}
    forms["tolerance"] = question.tolerance is not None
    if sum(forms.values()) > 1:
        raise InvalidValue(f"a question has one of choices, tokens_of and tolerance, got {describe_value(question)}")
    check_switch("several", question.several)
    if forms["choices"]:
        _check_choices(question.choices)
    elif question.several:
        raise InvalidValue("several=True is of a question with choices")
    if forms["tokens_of"]:
        scope.tokens(question.tokens_of)  # type: ignore[arg-type]  # the scope refuses what is no text
    if forms["tolerance"] and not _is_tolerance(question.tolerance):
        raise InvalidValue(f"tolerance is a finite number of 0 or more, got {describe_value(question.tolerance)}")
    read_wrong(question)
    if not callable(question.key) and not isinstance(question.key, Goal):
        check_key(question, compute_key(question.key, scope))
    return question


def read_wrong(question: Question) -> dict[str, str]:
    """What is said of wrong answers, unsealed.

    Raises:
        InvalidValue: no dict of strings, or one for a number that names none.
    """
    wrong = unseal(question.wrong)
    plain = isinstance(wrong, Mapping) and all(type(one) is str for pair in wrong.items() for one in pair)
    if not plain:
        raise InvalidValue(f"wrong is a dict of strings by wrong answer, got {describe_value(wrong)}")
    if question.tolerance is not None:
        for name in wrong:
            try:
                float(name)
            except ValueError:
                raise InvalidValue(f"wrong names numbers for a question with tolerance, got {name!r}") from None
    return dict(wrong)


def judge_question(question: Question, answer: Plain, scope: Scope) -> tuple[Judged, Plain]:
    """What a check finds, and the right answer, which is computed only where there is one to compare with.

    A goal has none.

    Raises:
        GscopeError: the scope cannot answer.
    """
    tentative = judge(question, answer, answer, {})
    if tentative.state != "right":
        return tentative, None
    if isinstance(question.key, Goal):
        return _judge_goal(question.key, answer, scope), None
    key = compute_key(question.key, scope)
    check_key(question, key)
    return judge(question, answer, key, read_wrong(question)), key


def _judge_goal(goal: Goal, answer: Plain, scope: Scope) -> Judged:
    said: Any = goal.reach(scope, answer)
    fits = type(said) is tuple and len(said) == 2 and type(said[1]) is str and bool(said[1])
    if not (fits and _is_tolerance(said[0]) and said[0] <= 1):
        raise InvalidValue(f"a goal gives a score from 0 to 1 and a sentence, got {describe_value(said)}")
    score, sentence = said
    return Judged("right" if score == 1 else "wrong", float(score), sentence)


def describe_field(question: Question, scope: Scope) -> AnswerField:
    """What the page shows to fill in."""
    if question.choices:
        choices = list(question.choices)
        return {
            "kind": "choices" if question.several else "choice",
            "label": question.ask,
            "choices": choices,
            "unit": "",
        }
    if question.tokens_of is not None:
        tokens = list(scope.tokens(question.tokens_of).strings)
        return {"kind": "positions", "label": question.ask, "choices": tokens, "unit": ""}
    kind: FieldKind = "word" if question.tolerance is None else "number"
    return {"kind": kind, "label": question.ask, "choices": [], "unit": question.unit}


def check_words(name: str, value: object) -> str:
    """A text for the reader.

    Raises:
        InvalidValue: not a string, or an empty one.
    """
    plain = read_plain(value) if type(value) is str else None
    if not plain or not plain.strip():
        raise InvalidValue(f"{name} is a text, got {describe_value(value)}")
    return str(plain)


def _check_choices(choices: Any) -> None:
    fits = type(choices) in (tuple, list) and all(type(one) is str and one for one in choices)
    if not fits or not 2 <= len(choices) <= 20 or len(set(choices)) < len(choices):
        raise InvalidValue(f"choices are 2 to 20 different texts, got {describe_value(choices)}")


def _is_tolerance(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0  # type: ignore[arg-type,operator]
