"""All that is known of one feature, each part with where it comes from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.records.frames import build_frame

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class CardExample:
    """A stretch of text on which a feature fires, cut around its strongest token."""

    tokens: tuple[str, ...]
    peak: int  # index of the strongest token in `tokens`
    activation: float  # there
    logit_effect: float | None = None  # on the logit of the token that follows, where the file says


@dataclass(frozen=True)
class TokenEffect:
    """What a feature adds to one token's logit, directly, for each unit of its activation."""

    id: int
    token: str
    effect: float


@dataclass(frozen=True)
class FeatureCard:
    """A feature's labels, examples and direct effects. `notes` says what could not be had, and why."""

    ref: FeatureRef
    labels: tuple[FeatureLabel, ...] = ()  # hypotheses, each with its source and author
    density: float | None = None  # share of tokens at which it fires
    max_activation: float | None = None
    examples: tuple[CardExample, ...] = ()  # strongest first
    promoted: tuple[TokenEffect, ...] = ()  # strongest first
    suppressed: tuple[TokenEffect, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [str(self.ref)]
        lines += [f"label: {_write_label(label)}" for label in self.labels]
        if self.density is not None:
            lines.append(f"fires at {self.density:.3%} of tokens")
        if self.max_activation is not None:
            lines.append(f"largest activation seen: {self.max_activation:.4g}")
        for name, effects in (("promotes", self.promoted), ("suppresses", self.suppressed)):
            if effects:
                lines.append(f"{name}: {', '.join(repr(one.token) for one in effects)}")
        for one in self.examples:
            shown = [f"[[{token}]]" if at == one.peak else token for at, token in enumerate(one.tokens)]
            lines.append(f"{one.activation:10.4g}  {''.join(shown)}".replace("\n", "↵"))
        return "\n".join([*lines, *self.notes])

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame of the examples: `activation`, `token`, `text`, `logit_effect`."""
        return build_frame(
            activation=[one.activation for one in self.examples],
            token=[one.tokens[one.peak] for one in self.examples],
            text=["".join(one.tokens) for one in self.examples],
            logit_effect=[one.logit_effect for one in self.examples],
        )


def _write_label(label: FeatureLabel) -> str:
    score = "" if label.score is None else f", score {label.score:.2f}"
    author = f" by {label.author}" if label.author else ""
    return f"{label.text} ({label.source}{author}{score})"
