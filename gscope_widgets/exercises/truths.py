"""`gs.truths`: right answers that are computed on the model, so that none stands in a notebook.

Each function gives one that takes a scope: `gs.Predict(scope, "How many?", key=gs.truths.l0(text, 3), tolerance=0)`.
Any function of a scope will do as a key; these print as the call that makes them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gscope_widgets.records.interventions import Intervention
    from gscope_widgets.records.protocols import Scope


@dataclass(frozen=True, repr=False)
class Truth:
    """A right answer that a scope computes."""

    name: str
    arguments: tuple[object, ...]
    compute: "Callable[[Scope], Any]" = field(compare=False)

    def __call__(self, scope: "Scope") -> Any:
        """The answer, of this scope's model."""
        return self.compute(scope)

    def __repr__(self) -> str:
        """The call that makes it."""
        return f"gs.truths.{self.name}({', '.join(map(repr, self.arguments))})"


def count_tokens(text: str) -> Truth:
    """How many tokens the model makes of a text, those put before it included."""
    return Truth("count_tokens", (text,), lambda scope: len(scope.tokens(text)))


def next_token(text: str) -> Truth:
    """The likeliest next token, without spaces around it; one of spaces alone as "⏎", "␣" or "⇥"."""

    def compute(scope: "Scope") -> str:
        from gscope_widgets.widgets.base.formats import format_token

        token = scope.next_tokens(text, 1).chances[0].token
        return token.strip() or format_token(token)

    return Truth("next_token", (text,), compute)


def peak(feature: int, text: str) -> Truth:
    """The positions at which a feature of the default dictionary is largest, as a list; several where they tie."""

    def compute(scope: "Scope") -> list[int]:
        trace = scope.read(text, features=[feature]).trace(feature).tolist()
        largest = max(trace)
        return [pos for pos, value in enumerate(trace) if value == largest and value > 0]

    return Truth("peak", (feature, text), compute)


def fires(feature: int, text: str) -> Truth:
    """The positions at which a feature of the default dictionary is above 0, as a list."""

    def compute(scope: "Scope") -> list[int]:
        trace = scope.read(text, features=[feature]).trace(feature).tolist()
        return [pos for pos, value in enumerate(trace) if value > 0]

    return Truth("fires", (feature, text), compute)


def activation(feature: int, text: str, pos: int) -> Truth:
    """A feature's activation at a position, in the default dictionary."""
    return Truth(
        "activation",
        (feature, text, pos),
        lambda scope: float(scope.read(text, features=[feature]).trace(feature)[pos]),
    )


def l0(text: str, pos: int) -> Truth:
    """How many features of the default dictionary are above 0 at a position."""
    return Truth("l0", (text, pos), lambda scope: int(scope.read(text).l0[pos]))


def moves(token: str, text: str, interventions: "Sequence[Intervention]") -> Truth:
    """Whether changes make a next token likelier: "up", "down", or "same" within a hundredth of its logarithm."""

    def compute(scope: "Scope") -> str:
        token_id = scope.tokens(f"{text}{token}").ids[-1]
        before, after = (
            next(
                one.probability
                for one in scope.next_tokens(text, scope.info.vocabulary, made).chances
                if one.id == token_id
            )
            for made in ((), tuple(interventions))
        )
        change = log(after) - log(before)
        return "same" if abs(change) < 0.01 else "up" if change > 0 else "down"

    return Truth("moves", (token, text, tuple(interventions)), compute)
