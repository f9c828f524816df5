"""NameFeature: a learner's idea of a feature, scored by where it fires on texts that nobody has shown yet."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.exercises.checks import NOT_ANSWERED
from gscope_widgets.exercises.exercise import Exercise, check_optional
from gscope_widgets.exercises.literals import Plain
from gscope_widgets.exercises.rules import RuleScore, apply_rule, refuse_rule, score_rule
from gscope_widgets.exercises.wire import AnswerField
from gscope_widgets.records.exercises import Check, CheckPart, CheckState
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.numbers import check_float
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.widgets.base.formats import format_number, format_token
from gscope_widgets.widgets.base.state import check_dictionary, check_ref, check_scope

MIN_SNIPPETS, MAX_SNIPPETS = 4, 200
_SHOWN = 12  # snippets in the table, those that went wrong first
_HEADS = ("snippet", "you said", "the feature")


class Firing(NamedTuple):
    """What a feature makes of a snippet."""

    activation: float  # its largest; 0 where it is silent
    token: str  # there; empty where it is silent


class NameFeature(Exercise):
    """Say on which texts a feature fires; the score is balanced accuracy on snippets held out, beside chance.

    The answer is a rule, a list of words and patterns such as `["fish*", "boat"]`; or, with `by="marks"`, a list of
    the snippets on which the feature fires, by number from 0 on. It is right where the score reaches `pass_at` and
    is above the 95th percentile of the same with firings that were dealt out anew.
    """

    def __init__(
        self,
        scope: Scope,
        ref: FeatureRef | int,
        snippets: Sequence[str],
        *,
        name: str,
        answer: object = None,
        prompt: str = "",
        by: Literal["rule", "marks"] = "rule",
        threshold: float = 0.0,
        pass_at: float = 0.8,
        dictionary: Dictionary | None = None,
        hints: Sequence[str] = (),
        solution: str = "",
    ):
        """Ask; an answer that is given is checked at once.

        Args:
            scope: from `gs.load`, or `gs.replay`.
            ref: the feature, a number of `dictionary` or a reference.
            snippets: 4 to 200 different texts, on some of which it fires and on others not; not those on which
                the learner gets to know it.
            name: of the exercise, as in the marker of the answer's cell: "ex3".
            answer: from that cell: `answer_3`, None before the learner has committed.
            prompt: what is asked; empty for a sentence that names the feature.
            by: "rule" keeps the snippets out of sight; "marks" shows them, to be marked one by one.
            threshold: of activation, 0 or more: above it a feature counts as firing.
            pass_at: balanced accuracy that is needed, above 0.5, to 1.
            dictionary: whose feature a number is; None for the scope's default one.
            hints: at most three, shown one by one on request; each may be sealed.
            solution: shown on request; may be sealed.

        Raises:
            InvalidValue: something is of another form.
            UnknownFeature, UnknownDictionary: there is no such feature.
            PromptTooLong: a snippet is.
        """
        check_scope(scope)
        self.ref = check_ref(scope, ref, lambda: check_dictionary(scope, dictionary))
        self.snippets = _check_snippets(snippets, scope)
        if not isinstance(by, str) or by not in ("rule", "marks"):
            raise InvalidValue(f'by is "rule" or "marks", got {describe_value(by)}')
        self.by = by
        self.threshold = check_float("threshold", threshold, low=0.0, high=1e8)
        self.pass_at = check_float("pass_at", pass_at, low=0.5, high=1.0)
        count = len(self.snippets)
        asked = check_optional("prompt", prompt) or (
            f"On which texts does feature {self.ref.feature} fire? It is tried on {count} texts held out."
        )
        label = "Words of the rule" if by == "rule" else "Snippets on which it fires"
        field: AnswerField = {"kind": by, "label": label, "choices": [], "unit": ""}
        field["choices"] = list(self.snippets) if by == "marks" else []
        super().__init__(scope, name=name, prompt=asked, fields=[field], answer=answer, hints=hints, solution=solution)

    def _ask(self) -> str:
        if self.by == "rule":
            return "Write words that stand in the texts on which it fires, such as ['fish*', 'boat']; * is any ending."
        return f"Mark snippets by number: the answer is a list such as [0, 3], of 0 to {len(self.snippets) - 1}."

    def read_firings(self) -> tuple[Firing, ...]:
        """What the feature makes of each snippet, on the model.

        Raises:
            GscopeError: the scope cannot answer.
        """
        firings = []
        for text in self.snippets:
            reading = self.scope.read(text, self.ref.dictionary_id, features=[self.ref.feature])
            trace = reading.trace(self.ref.feature)
            pos = max(reading.tokens.used, key=lambda at: float(trace[at]), default=None)
            largest = 0.0 if pos is None else float(trace[pos])
            firings.append(Firing(largest, reading.tokens.strings[pos] if pos is not None and largest > 0 else ""))
        return tuple(firings)

    def _judge(self, answer: Plain) -> Check:
        if answer is None or answer == []:
            return Check(self.name, "not answered", answer, 0.0, NOT_ANSWERED, self._ask())
        refusal = refuse_rule(answer) if self.by == "rule" else self._refuse_marks(answer)
        if refusal:
            return Check(self.name, "unusable", answer, 0.0, refusal, self._ask())
        firings = self.read_firings()
        fires = [one.activation > self.threshold for one in firings]
        if len(set(fires)) == 1:
            raise InvalidValue(
                f"feature {self.ref.feature} fires on {'all' if fires[0] else 'none'} of the {len(fires)} snippets: "
                "this exercise needs some of either kind"
            )
        if score_rule(fires, fires).shuffled_p95 == 1.0:
            raise InvalidValue(
                f"feature {self.ref.feature} fires on {sum(fires)} of {len(fires)} snippets, which chance finds too "
                "often: this exercise needs more of them"
            )
        said = [
            apply_rule(answer, text) if self.by == "rule" else at in answer for at, text in enumerate(self.snippets)
        ]
        score = score_rule(said, fires)
        is_right = score.balanced >= self.pass_at and score.balanced > score.shuffled_p95
        state: CheckState = "right" if is_right else "wrong"
        sentence = (
            f"Balanced accuracy {score.balanced:.2f} on {len(fires)} texts, {self.pass_at:g} is needed; "
            f"with shuffled firings it is {score.shuffled_mean:.2f}, and below {score.shuffled_p95:.2f} in 95 of 100."
        )
        advice = self._tell_label() if is_right else self._advise(said, fires, score)
        parts = self._list_parts(said, fires, firings)
        return Check(self.name, state, answer, score.balanced, sentence, advice, parts, _HEADS)

    def _refuse_marks(self, answer: Plain) -> str:
        count = len(self.snippets)
        fits = type(answer) is list and all(type(one) is int and 0 <= one < count for one in answer)
        if fits and len(set(answer)) == len(answer):
            return ""
        return f"The answer is a list of different snippets, 0 to {count - 1}, got {describe_value(answer)}."

    def _tell_label(self) -> str:
        label = self.scope.describe(self.ref).label
        if label is None:
            return "Nobody has named this feature before."
        return f"Others call it “{label.text}” ({label.source}); how well do the two agree on a text of your own?"

    def _advise(self, said: Sequence[bool], fires: Sequence[bool], score: RuleScore) -> str:
        if all(said) or not any(said):
            which = "yes to every text" if all(said) else "no to every text"
            return f"This says {which}, and so tells nothing apart: look for what only the firing ones share."
        if score.misses >= score.false_alarms:
            firing = sum(fires)
            return f"It is too narrow: {score.misses} of {firing} firing texts are missed. What else do they share?"
        silent = len(fires) - sum(fires)
        return f"It is too wide: {score.false_alarms} of {silent} silent texts are taken. What do they lack?"

    def _list_parts(
        self, said: Sequence[bool], fires: Sequence[bool], firings: Sequence[Firing]
    ) -> tuple[CheckPart, ...]:
        parts = []
        for text, guess, truth, firing in zip(self.snippets, said, fires, firings, strict=True):
            found = (
                f"fires, {format_number(firing.activation)} at {format_token(firing.token)}" if truth else "is silent"
            )
            state: CheckState = "right" if guess == truth else "wrong"
            parts.append(CheckPart(text, "fires" if guess else "is silent", found, state))
        return tuple(sorted(parts, key=lambda one: one.state == "right")[:_SHOWN])


def _check_snippets(snippets: Any, scope: Scope) -> tuple[str, ...]:
    fits = isinstance(snippets, (list, tuple)) and all(type(one) is str and one for one in snippets)
    if not fits or not MIN_SNIPPETS <= len(snippets) <= MAX_SNIPPETS or len(set(snippets)) < len(snippets):
        raise InvalidValue(
            f"snippets are {MIN_SNIPPETS} to {MAX_SNIPPETS} different texts, got {describe_value(snippets)}"
        )
    for one in snippets:
        scope.tokens(one)
    return tuple(snippets)
