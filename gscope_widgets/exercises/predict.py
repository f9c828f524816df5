"""Predict: commit to a guess, then see."""

from collections.abc import Mapping, Sequence

from gscope_widgets.exercises.checks import ask_for, write_given
from gscope_widgets.exercises.exercise import Exercise, check_optional
from gscope_widgets.exercises.literals import Plain
from gscope_widgets.exercises.questions import check_question, describe_field, judge_question
from gscope_widgets.records.exercises import Check, CheckPart, Goal, Question
from gscope_widgets.records.protocols import Scope
from gscope_widgets.widgets.base.formats import format_token
from gscope_widgets.widgets.base.state import check_scope

_HEADS = ("", "you said", "it is")
_AFTER = "Look at what the model does there, and say what your guess left out."


class Predict(Exercise):
    """A guess about the model, and only then what the model does.

    The guess is one of `choices`, with `several` a few of them, a number within a `tolerance`, tokens of the text
    `tokens_of`, or a word. Nothing is revealed before it is committed; what was committed first stays in view when it
    is changed later. Where more than one guess is right, the key is a `gs.Goal`, which tries each.
    """

    def __init__(
        self,
        scope: Scope,
        prompt: str,
        key: object,
        *,
        name: str,
        answer: object = None,
        choices: Sequence[str] = (),
        several: bool = False,
        tokens_of: str | None = None,
        tolerance: float | None = None,
        unit: str = "",
        wrong: Mapping[str, str] | str | None = None,
        reveal: str = "",
        hints: Sequence[str] = (),
        solution: str = "",
    ):
        """Ask for a guess; an answer that is given is checked at once.

        Args:
            scope: from `gs.load`, or `gs.replay`.
            prompt: what is asked, a sentence or a few.
            key: what comes true: a value, `gs.seal(value)`, or a function of the scope, such as
                `gs.truths.next_token(text)`; it is computed anew for each check. Or what is to be reached: a `gs.Goal`.
            name: of the exercise, as in the marker of the answer's cell: "ex3".
            answer: from that cell: `answer_3`, None before the learner has committed.
            choices: 2 to 20 texts, of which the guess is one.
            several: whether it is a list of them.
            tokens_of: a text of which the guess is a list of token positions.
            tolerance: how far a number may be off, 0 or more.
            unit: of that number.
            wrong: what each wrong guess shows to be misunderstood, by the guess as a string; may be sealed.
            reveal: a sentence on what came true and why, shown with it; may be sealed.
            hints: at most three, shown one by one on request; each may be sealed.
            solution: shown on request; may be sealed.

        Raises:
            InvalidValue: something is of another form, or the key is no answer.
            PromptTooLong: `tokens_of` is.
        """
        check_scope(scope)
        self.question = check_question(
            Question(
                prompt,
                key,
                choices=tuple(choices) if isinstance(choices, list) else choices,  # type: ignore[arg-type]
                several=several,
                tokens_of=tokens_of,
                tolerance=tolerance,
                unit=unit,
                wrong={} if wrong is None else wrong,
            ),
            scope,
        )
        self._reveal = check_optional("reveal", reveal)
        field = describe_field(self.question, scope)
        super().__init__(scope, name=name, prompt=prompt, fields=[field], answer=answer, hints=hints, solution=solution)

    def _ask(self) -> str:
        return ask_for(self.question)

    def _judge(self, answer: Plain) -> Check:
        judged, key = judge_question(self.question, answer, self.scope)
        if judged.state not in ("right", "wrong"):
            return Check(self.name, judged.state, answer, 0.0, judged.sentence, judged.next_step)
        if isinstance(self.question.key, Goal):
            after = self._reveal if judged.state == "right" else ""
            return Check(self.name, judged.state, answer, judged.score, judged.sentence, after)
        given, found = self._write(answer), self._write(key)
        said = judged.sentence if judged.state == "wrong" and not judged.next_step else ""  # of this very guess
        sentence = self._compare(self._quote(answer), self._quote(key), said, is_right=judged.state == "right")
        part = CheckPart("the guess", given, found, judged.state)
        after = self._reveal or ("" if judged.state == "right" else _AFTER)
        return Check(self.name, judged.state, answer, judged.score, sentence, after, (part,), _HEADS)

    def _write(self, answer: Plain) -> str:
        """A guess, or what came true; positions with their tokens."""
        if self.question.tokens_of is None:
            return write_given(self.question, answer)
        tokens = self.scope.tokens(self.question.tokens_of).strings
        return ", ".join(f"{pos} ({format_token(tokens[pos])})" if pos < len(tokens) else f"{pos}" for pos in answer)

    def _quote(self, answer: Plain) -> str:
        """A guess, or what came true, within a sentence: choices of several words are told from it and each other."""
        if not self.question.choices:
            return self._write(answer)
        names = [self._write(one) for one in (answer if type(answer) is list else [answer])]
        return ", ".join(f"“{name}”" if " " in name else name for name in names)

    def _compare(self, given: str, found: str, said: str, *, is_right: bool) -> str:
        """`said` is of the guess, so it stands before what came true."""
        if is_right:
            return f"You said {given}, and so it is."
        found = found or "none"
        return f"You said {given}. {said} It is {found}." if said else f"You said {given}; it is {found}."

    def _tell_first(self, first: Check) -> str:
        return self._quote(first.answer)
