"""Quiz: questions with choices and numbers, each wrong answer told what it shows to be misunderstood."""

from collections.abc import Sequence
from typing import Any

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.exercises.checks import ask_for, write_given
from gscope_widgets.exercises.exercise import Exercise
from gscope_widgets.exercises.literals import Plain
from gscope_widgets.exercises.questions import check_question, describe_field, judge_question
from gscope_widgets.records.exercises import Check, CheckPart, CheckState, Question
from gscope_widgets.records.protocols import Scope
from gscope_widgets.widgets.base.state import check_scope

MAX_QUESTIONS = 20


class Quiz(Exercise):
    """A few questions, answered together and checked together; the right answers are not shown.

    The answer is a list with an entry for each question, None where it was left out. It is right where at least
    `pass_at` questions are.
    """

    def __init__(
        self,
        scope: Scope,
        prompt: str,
        questions: Sequence[Question],
        *,
        name: str,
        answer: object = None,
        pass_at: int | None = None,
        hints: Sequence[str] = (),
        solution: str = "",
    ):
        """Ask; an answer that is given is checked at once.

        Args:
            scope: from `gs.load`, or `gs.replay`.
            prompt: what the quiz is about, a sentence.
            questions: 1 to 20, each a `gs.Question`.
            name: of the exercise, as in the marker of the answer's cell: "ex3".
            answer: from that cell: `answer_3`, None before the learner has committed.
            pass_at: how many questions must be right; None for all.
            hints: at most three, shown one by one on request; each may be sealed.
            solution: shown on request; may be sealed.

        Raises:
            InvalidValue: something is of another form, or a key is no answer to its question.
            PromptTooLong: the text of a question is.
        """
        check_scope(scope)
        self.questions = _check_questions(questions, scope)
        self.pass_at = _check_pass_at(pass_at, len(self.questions))
        fields = [describe_field(one, scope) for one in self.questions]
        super().__init__(scope, name=name, prompt=prompt, fields=fields, answer=answer, hints=hints, solution=solution)

    def _ask(self) -> str:
        return f"The answer is a list of {len(self.questions)}, one for each question; None leaves one out."

    def _judge(self, answer: Plain) -> Check:
        count = len(self.questions)
        if answer is not None and (type(answer) is not list or len(answer) != count):
            sentence = f"The answer is a list of {count}, one for each question, got {describe_value(answer)}."
            return Check(self.name, "unusable", answer, 0.0, sentence, ask_for(self.questions[0]))
        given = [None] * count if answer is None else answer
        judged = [judge_question(one, own, self.scope)[0] for one, own in zip(self.questions, given, strict=True)]
        parts = tuple(
            CheckPart(question.ask, write_given(question, own), one.sentence, one.state)
            for question, own, one in zip(self.questions, given, judged, strict=True)
        )
        right = sum(one.state == "right" for one in judged)
        left_out = [f"{at}" for at, one in enumerate(judged, 1) if one.state == "not answered"]
        if len(left_out) == count:
            sentence = f"Not answered yet: {count} question{'s' if count > 1 else ''}."
            return Check(self.name, "not answered", answer, 0.0, sentence, "", parts, _HEADS)
        state: CheckState = "right" if right >= self.pass_at else "wrong"
        sentence = f"{right} of {count} right; {self.pass_at} {'is' if self.pass_at == 1 else 'are'} needed."
        return Check(self.name, state, answer, right / count, sentence, _advise(judged, left_out), parts, _HEADS)

    def _tell_first(self, first: Check) -> str:
        return f"{sum(part.state == 'right' for part in first.parts)} of {len(self.questions)} right"


_HEADS = ("question", "you said", "what of it")


def _advise(judged: Sequence[Any], left_out: Sequence[str]) -> str:
    if left_out:
        return f"Answer question {', '.join(left_out)} too."
    wrong = next((at for at, one in enumerate(judged, 1) if one.state != "right"), None)
    return (
        ""
        if wrong is None
        else f"Begin with question {wrong}: {judged[wrong - 1].next_step or 'read what is said of it.'}"
    )


def _check_questions(questions: Any, scope: Scope) -> tuple[Question, ...]:
    if not isinstance(questions, (list, tuple)) or not 1 <= len(questions) <= MAX_QUESTIONS:
        raise InvalidValue(
            f"questions are 1 to {MAX_QUESTIONS}, each from gs.Question(...), got {describe_value(questions)}"
        )
    return tuple(check_question(one, scope) for one in questions)


def _check_pass_at(value: object, count: int) -> int:
    if value is None:
        return count
    if type(value) is not int or not 1 <= value <= count:
        raise InvalidValue(
            f"pass_at is a whole number from 1 to {count}, the number of questions, got {describe_value(value)}"
        )
    return value
