"""ReachGoal: change the model so that its texts do something, stay fluent, and do it more than a random push does."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gscope_widgets.errors import GscopeError, InvalidValue, describe_value
from gscope_widgets.exercises.checks import NOT_ANSWERED
from gscope_widgets.exercises.exercise import Exercise, Shown, check_optional
from gscope_widgets.exercises.literals import Plain
from gscope_widgets.exercises.wire import AnswerField
from gscope_widgets.records.comparisons import Comparison
from gscope_widgets.records.exercises import Check, CheckPart, CheckState
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.fluency import BREAKS_UP_VARIETY
from gscope_widgets.records.interventions import Intervention, ablate, add, clamp, require_set_once, scale
from gscope_widgets.records.measures import share_of_words
from gscope_widgets.records.numbers import check_float, check_int
from gscope_widgets.records.protocols import Dictionary, Job, Scope
from gscope_widgets.records.rows import check_seeds
from gscope_widgets.widgets.base.formats import format_number, format_text
from gscope_widgets.widgets.base.limits import MAX_NEW_TOKENS
from gscope_widgets.widgets.base.state import check_dictionary, check_refs, check_scope

KINDS = ("add", "clamp", "scale", "ablate")
MAX_CHANGES = 8
_HEADS = ("", "texts with the words", "perplexity, median")


class Side(NamedTuple):
    """The texts of one kind."""

    reached: int  # texts that hold one of the words, and do not only repeat themselves
    repeating: int  # that hold one, but are less than half as varied as the unchanged text of the same seed
    texts: int
    perplexity: float  # median over the texts, under the unchanged model
    example: str  # the first text

    @property
    def share(self) -> float:
        """Of the texts that hold one of the words, 0 to 1."""
        return self.reached / self.texts


class ReachGoal(Exercise):
    """Reach a share of texts that hold certain words, at a limited perplexity, where a random push does not.

    The answer is a list of changes, `[["add", 21, 0.4]]`: a kind ("add", "clamp", "scale" or "ablate"), a feature of
    the dictionary, and the strength, activation or factor that `gs.add` and its like take. Interventions made
    elsewhere, such as `sliders.interventions`, are taken too. The check draws a text for each seed: unchanged, changed,
    and pushed along a random direction of the same length. A text that only repeats itself, "brown brown brown", does
    not count: one less than half as varied as the unchanged text of its seed.
    """

    _view_words = "feature strength activation"

    def __init__(
        self,
        scope: Scope,
        text: str,
        words: Sequence[str],
        *,
        name: str,
        answer: object = None,
        prompt: str = "",
        share: float = 0.5,
        max_perplexity: float = 1.5,
        features: Sequence[FeatureRef | int] = (),
        seeds: Sequence[int] = (0, 1, 2, 3, 4, 5, 6, 7),
        max_new_tokens: int = 24,
        temperature: float = 1.0,
        dictionary: Dictionary | None = None,
        hints: Sequence[str] = (),
        solution: str = "",
    ):
        """Ask; an answer that is given is checked at once.

        Args:
            scope: from `gs.load`.
            text: what the texts go on from.
            words: a text reaches the goal where it holds one of these, whole, in upper or lower case.
            name: of the exercise, as in the marker of the answer's cell: "ex3".
            answer: from that cell: `answer_3`, None before the learner has committed.
            prompt: what is asked; empty for a sentence that says the goal.
            share: of the changed texts that must reach it, above 0, to 1; the random ones must not.
            max_perplexity: how many times the baseline's median perplexity the changed texts' may be, 1 or more.
            features: that may be changed; empty for all of the dictionary.
            seeds: of the texts, listed in the check; 2 to 64 different ones.
            max_new_tokens: of each text.
            temperature: at which they are drawn.
            dictionary: whose features are changed; None for the scope's default one.
            hints: at most three, shown one by one on request; each may be sealed.
            solution: shown on request; may be sealed.

        Raises:
            InvalidValue: something is of another form.
            UnknownFeature: one of `features` does not exist.
            PromptTooLong: the text is.
        """
        check_scope(scope)
        self.dictionary = check_dictionary(scope, dictionary)
        scope.tokens(text)
        self.text, self.words = text, _check_words(words)
        self.share = check_float("share", share, low=0.01, high=1.0)
        self.max_perplexity = check_float("max_perplexity", max_perplexity, low=1.0, high=100.0)
        self.features = tuple(ref.feature for ref in check_refs(scope, features, lambda: self.dictionary))
        self.temperature = check_float("temperature", temperature, low=0.0, high=2.0)
        self.seeds = check_seeds(seeds, temperature=self.temperature)
        if len(self.seeds) < 2:
            raise InvalidValue(f"seeds are 2 or more, got {describe_value(seeds)}: one text shows nothing")
        self.max_new_tokens = check_int("max_new_tokens", max_new_tokens, low=1, high=MAX_NEW_TOKENS)
        asked = check_optional("prompt", prompt) or (
            f"Change the model so that at least {self.share:.0%} of its texts after “{text}” hold one of: "
            f"{', '.join(self.words)}. Their median perplexity may be {self.max_perplexity:g} times the baseline's, "
            f"and a random push of the same length must not reach the goal."
        )
        choices = [str(one) for one in self.features]
        field: AnswerField = {"kind": "changes", "label": "Changes", "choices": choices, "unit": ""}
        super().__init__(scope, name=name, prompt=asked, fields=[field], answer=answer, hints=hints, solution=solution)

    def _ask(self) -> str:
        return "Give changes such as [['add', 21, 0.4]]: kind, feature, and strength, activation or factor."

    def _read(self, value: object) -> Plain:
        """See `Exercise`; interventions become lists."""
        return super()._read(list_changes(value, self.dictionary.info.id))

    def _judge(self, answer: Plain) -> Check:
        refused = self._judge_form(answer)
        if refused is not None:
            return refused
        return self._judge_texts(answer, self.scope.compare(self.text, self._build(answer), **self._plan()))

    def _judge_form(self, answer: Plain) -> Check | None:
        """What a check finds without a text; None where texts must be made."""
        if answer is None or answer == []:
            return Check(self.name, "not answered", answer, 0.0, NOT_ANSWERED, self._ask())
        fault = self._refuse_changes(answer)
        if not fault:
            try:
                require_set_once(self._build(answer), prompt_length=len(self.scope.tokens(self.text)))
            except GscopeError as error:
                fault = f"{error}."
        return Check(self.name, "unusable", answer, 0.0, fault, self._ask()) if fault else None

    def _refuse_changes(self, answer: Plain) -> str:
        if type(answer) is not list or not all(type(one) is list and len(one) in (2, 3) for one in answer):
            return f"The answer is a list of changes, each of kind, feature and amount, got {describe_value(answer)}."
        if len(answer) > MAX_CHANGES:
            return f"At most {MAX_CHANGES} changes are taken, got {len(answer)}: which of them does the work?"
        for kind, feature, *amount in answer:
            if type(kind) is not str or kind not in KINDS:
                return f"A change is one of {', '.join(KINDS)}, got {describe_value(kind)}."
            if type(feature) is not int:
                return f"A feature is a whole number, got {describe_value(feature)}."
            if self.features and feature not in self.features:
                allowed = ", ".join(map(str, self.features))
                return f"Feature {feature} is not among those of this exercise: {allowed}."
            if kind != "ablate" and (not amount or type(amount[0]) not in (int, float)):
                return f"{kind} of feature {feature} needs a number behind it, such as ['{kind}', {feature}, 0.4]."
        return ""

    def _build(self, answer: Plain) -> list[Intervention]:
        makers: dict[str, Callable[[FeatureRef, float], Intervention]] = {"add": add, "clamp": clamp, "scale": scale}
        made = []
        for kind, feature, *amount in answer:
            ref = self.dictionary.feature(feature)
            made.append(ablate(ref) if kind == "ablate" else makers[kind](ref, float(amount[0])))
        return made

    def _plan(self) -> dict[str, Any]:
        plan = {"max_new_tokens": self.max_new_tokens, "temperature": self.temperature}
        return {**plan, "seeds": self.seeds}

    def _answer(self, settings: dict[str, Any]) -> None:
        answer = settings["answer"]
        if answer is None or self._is_judged(answer) or self._judge_form(answer) is not None:
            super()._answer(settings)
            return

        def submit(number: int) -> Job:
            job = self.scope.start_compare(self.text, self._build(answer), **self._plan(), slot=id(self))

            def end(ended: Job) -> None:
                if ended.exception() is None:
                    self._requests.deliver(number, lambda: self._deliver(self._show(settings, ended.result())))

            job.add_done_callback(end)
            return job

        self._requests.start(submit, doing="Making texts…")

    def _show(self, settings: dict[str, Any], comparison: Comparison) -> Shown:
        return Shown(settings, self._judge_texts(settings["answer"], comparison))

    def _judge_texts(self, answer: Plain, comparison: Comparison) -> Check:
        baseline, changed, random = (
            _measure(comparison, kind, self.words, self.text) for kind in ("baseline", "changed", "random")
        )
        limit = self.max_perplexity * baseline.perplexity
        is_reached, is_fluent = changed.share >= self.share, changed.perplexity <= limit
        is_specific = random.share < self.share
        state: CheckState = "right" if is_reached and is_fluent and is_specific else "wrong"
        times = format_number(changed.perplexity / baseline.perplexity)
        sentence = (
            f"{changed.reached} of {changed.texts} texts reach it, at {times} times the baseline's perplexity; "
            f"{baseline.reached} unchanged and {random.reached} randomly pushed ones do."
        )
        if changed.repeating:
            sentence += f" Not counted: {changed.repeating} that only repeat{'s' * (changed.repeating == 1)} the words."
        if baseline.share >= self.share:
            advice = "The unchanged model reaches the goal already: nothing is shown by a change."
        elif not is_specific:
            advice = "A random push of the same length reaches it too, so it is no doing of this feature: push less."
        elif not is_reached and changed.share + changed.repeating / changed.texts >= self.share:
            advice = "Too many of the texts only repeat themselves: push less."
        elif not is_reached and not is_fluent:
            advice = "The texts break up before they reach it: try another feature, or one less."
        elif not is_reached:
            advice = f"{self.share:.0%} of the texts are needed: another feature, or a stronger push."
        elif not is_fluent:
            advice = f"The texts break up: {self.max_perplexity:g} times is allowed. Push less, or clamp instead."
        else:
            advice = ""
        parts = (
            CheckPart("unchanged", *_write_side(baseline), state="right" if baseline.share < self.share else "wrong"),
            CheckPart("changed", *_write_side(changed), state="right" if is_reached and is_fluent else "wrong"),
            CheckPart("randomly pushed", *_write_side(random), state="right" if is_specific else "wrong"),
        )
        if baseline.share >= self.share:
            state = "wrong"
        score = min(1.0, changed.share / self.share) * (is_fluent and is_specific)
        seeds = f"Seeds {', '.join(map(str, self.seeds))}."
        return Check(self.name, state, answer, float(score), f"{sentence} {seeds}", advice, parts, _HEADS)


def list_changes(value: object, dictionary_id: str) -> object:
    """Interventions as an answer has them; anything else as it is.

    Raises:
        InvalidValue: one of them is not of this dictionary, or of a kind that no answer holds.
    """
    given = [value] if isinstance(value, Intervention) else value
    if not isinstance(given, (list, tuple)) or not any(isinstance(one, Intervention) for one in given):
        return value
    return [_list_change(one, dictionary_id) for one in given]


def _list_change(one: object, dictionary_id: str) -> list[object]:
    if not isinstance(one, Intervention):
        raise InvalidValue(f"interventions come from gs.add, gs.clamp and the like, got {describe_value(one)}")
    if not isinstance(one.ref, FeatureRef) or one.ref.dictionary_id != dictionary_id or one.kind not in KINDS:
        raise InvalidValue(f"the changes here are of features of {dictionary_id}, got {one}")
    if (one.kind == "add" and one.unit != "fraction") or one.positions != "all":
        raise InvalidValue(f"a change here is at all positions, and its strength in fractions of the norm, got {one}")
    return [one.kind, one.ref.feature] if one.kind == "ablate" else [one.kind, one.ref.feature, one.amount]


def _measure(comparison: Comparison, kind: str, words: Sequence[str], before: str) -> Side:
    rows = [row for row in comparison.rows if row.kind == kind]
    usual = {row.seed: row.variety for row in comparison.rows if row.kind == "baseline"}
    holding = [row for row in rows if share_of_words(row.text, words, before=before) > 0]
    repeating = sum(row.variety < BREAKS_UP_VARIETY * usual[row.seed] for row in holding)
    perplexity = float(np.nanmedian([row.perplexity for row in rows]))
    return Side(len(holding) - repeating, repeating, len(rows), perplexity, rows[0].text)


def _write_side(side: Side) -> tuple[str, str]:
    return f"{side.reached} of {side.texts}: {format_text(side.example.strip(), limit=80)}", format_number(
        side.perplexity
    )


def _check_words(words: Any) -> tuple[str, ...]:
    if not isinstance(words, (list, tuple)) or not words or not all(type(one) is str and one.strip() for one in words):
        raise InvalidValue(f"words are a list of words, such as ['fish', 'boat'], got {describe_value(words)}")
    return tuple(one.strip() for one in words)
