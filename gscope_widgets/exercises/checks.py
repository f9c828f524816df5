"""Checks of answers: functions of plain values, without a model, a display or a random number."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.exercises.literals import Plain
from gscope_widgets.records.exercises import CheckState, Goal, Question
from gscope_widgets.widgets.base.formats import format_number, format_text

NOT_ANSWERED = "Not answered yet."


class Judged(NamedTuple):
    """What a check found of one question."""

    state: CheckState
    score: float  # 0 to 1
    sentence: str
    next_step: str = ""


def judge(question: Question, answer: Plain, key: Plain, wrong: Mapping[str, str]) -> Judged:
    """Whether an answer to a question is right.

    Args:
        answer: plain, from `read_plain`.
        key: the right answer, plain, of the form that `check_key` asks for.
        wrong: what each wrong answer shows to be misunderstood.
    """
    if answer is None or answer == [] or answer == "":
        return Judged("not answered", 0.0, NOT_ANSWERED, _invite(question))
    refusal = _refuse(question, answer)
    if refusal:
        return Judged("unusable", 0.0, refusal, ask_for(question))
    score = _score(question, answer, key)
    if score == 1.0:
        return Judged("right", 1.0, "Right.")
    said = _find_words(question, answer, wrong)
    return Judged("wrong", score, said or _describe_wrong(question, answer, score), "" if said else _advise(question))


def _invite(question: Question) -> str:
    """What to do, as a sentence: the choices stand above it, and are not told twice."""
    if not question.choices:
        return ask_for(question)
    many = "one or more" if isinstance(question.key, Goal) else "all that hold"
    return f"Choose {many if question.several else 'one'} of the choices above."


def ask_for(question: Question) -> str:
    """What an answer to this question looks like, as a sentence."""
    if question.choices and isinstance(question.key, Goal):
        return _invite(question)
    if question.choices:
        names = ", ".join(repr(one) for one in question.choices)
        return f"Choose {'all that hold' if question.several else 'one'} of {names}."
    if question.tokens_of is not None:
        return "Pick tokens of the text: the answer is a list of their positions, such as [3]."
    if question.tolerance is not None:
        unit = f" in {question.unit}" if question.unit else ""
        return f"Give a number{unit}, such as {'2' if _is_whole(question) else '0.5'}."
    return "Give a word or a few, between quotes."


def check_key(question: Question, key: Plain) -> None:
    """Refuse a right answer that no learner could give.

    Raises:
        InvalidValue: it has not the form of an answer to this question.
    """
    fault = _refuse(question, key)
    if key is None or fault:
        raise InvalidValue(f"the key of {describe_value(question.ask)} is no answer to it: {fault or 'it is None'}")


def write_given(question: Question, answer: Plain) -> str:
    """An answer as readers see it; empty where there is none."""
    if answer is None or answer in ([], ""):
        return ""
    if type(answer) in (int, float):
        return f"{format_number(answer, 4)} {question.unit}".rstrip()
    if type(answer) is list:
        return ", ".join(str(one) if type(one) is int else format_text(str(one)) for one in answer)
    return format_text(str(answer))


def _refuse(question: Question, answer: Plain) -> str:
    """Why this is no answer to the question, as a sentence; empty where it is one."""
    shown = describe_value(answer)
    if question.choices and question.several:
        if type(answer) is list and all(type(one) is str and one in question.choices for one in answer):
            return "" if len(set(answer)) == len(answer) else f"Each choice is given once, got {shown}."
        return f"The answer is a list of its choices, got {shown}."
    if question.choices:
        return (
            ""
            if type(answer) is str and answer in question.choices
            else f"The answer is one of its choices, got {shown}."
        )
    if question.tokens_of is not None:
        if type(answer) is list and all(type(one) is int and one >= 0 for one in answer):
            return ""
        return f"The answer is a list of token positions, each a whole number from 0 on, got {shown}."
    if question.tolerance is not None:
        return "" if type(answer) in (int, float) else f"The answer is a number, got {shown}."
    return "" if type(answer) is str and answer.strip() else f"The answer is a text, got {shown}."


def _score(question: Question, answer: Plain, key: Plain) -> float:
    if question.choices and question.several:
        right = sum((one in answer) == (one in key) for one in question.choices) / len(question.choices)
        return right if right == 1.0 else min(right, 0.99)
    if question.choices:
        return float(answer == key)
    if question.tokens_of is not None:
        both, either = set(answer) & set(key), set(answer) | set(key)
        return len(both) / len(either) if either else 0.0
    if question.tolerance is not None:
        return float(is_near(answer, key, question.tolerance))
    return float(_fold(answer) == _fold(key))


def is_near(answer: float, key: float, tolerance: float) -> bool:
    """Whether two numbers differ by at most the tolerance, but for rounding."""
    return abs(answer - key) <= tolerance + 1e-9 * max(1.0, abs(key))


def _fold(word: str) -> str:
    return re.sub(r"\s+", " ", word.strip()).casefold()


def _find_words(question: Question, answer: Plain, wrong: Mapping[str, str]) -> str:
    """What is said of this wrong answer; of several choices, of the first that is spoken of."""
    if question.tolerance is not None:
        near = [words for value, words in wrong.items() if is_near(answer, float(value), question.tolerance)]
        return near[0] if near else ""
    answers = [str(one) for one in answer] if type(answer) is list else [str(answer)]
    folded = {_fold(name): words for name, words in wrong.items()}
    return next((folded[_fold(one)] for one in answers if _fold(one) in folded), "")


def _describe_wrong(question: Question, answer: Plain, score: float) -> str:
    if question.tokens_of is not None or question.several:
        return "Not quite: some of it is right." if score > 0 else "No, none of these."
    return f"No, not {write_given(question, answer)}."


def _advise(question: Question) -> str:
    if question.tolerance is not None:
        return "Compute it once more, and look at what is counted; a hint helps."
    return "Look again at what the question is about, or ask for a hint."


def _is_whole(question: Question) -> bool:
    return question.tolerance is not None and (question.tolerance == 0 or question.tolerance >= 1)
