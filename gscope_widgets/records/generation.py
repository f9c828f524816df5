"""Next tokens and generated text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.interventions import Intervention
from gscope_widgets.records.numbers import check_float, check_int
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens

if TYPE_CHECKING:
    import pandas

MAX_TRACED = 100  # features of one run; a whole dictionary is read by `Scope.read`
Ending = Literal["length", "end of text", "context full", "cancelled", "error"]  # of a generation


@dataclass(frozen=True)
class TokenChance:
    """A token and how likely it is."""

    id: int
    token: str
    probability: float  # 0 to 1
    logit: float


@dataclass(frozen=True)
class ControlDistribution:
    """The next token with a random direction, as long as the changes at each position, in their place."""

    intervention: Intervention  # of kind "random"; its seed is its place among the controls
    chances: tuple[TokenChance, ...]  # of the tokens of `pairs`, in their order
    kl: float  # nats, from the baseline distribution


@dataclass(frozen=True)
class TokenDistribution:
    """What may come next after a text, likeliest first."""

    tokens: Tokens
    interventions: tuple[Intervention, ...]
    chances: tuple[TokenChance, ...]
    pairs: tuple[tuple[TokenChance, TokenChance], ...]  # (baseline, changed): the likeliest of either run
    kl: float  # nats, of the changed from the baseline distribution; 0 without interventions
    controls: tuple[ControlDistribution, ...] = ()  # as many as were asked for; none without interventions
    provenance: Provenance | None = field(default=None, compare=False, repr=False)  # where a scope computed it

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame: `id`, `token`, `probability`, `logit`."""
        return build_frame(
            id=[chance.id for chance in self.chances],
            token=[chance.token for chance in self.chances],
            probability=[chance.probability for chance in self.chances],
            logit=[chance.logit for chance in self.chances],
        )


@dataclass(frozen=True)
class GeneratedToken:
    """One token as it comes."""

    step: int  # 0 for the first new token
    id: int
    text: str  # what this token adds; empty while a character is still incomplete
    logprob: float  # nats, under the model it was drawn from, before temperature and top_p
    alternatives: tuple[TokenChance, ...]  # the likeliest at this step
    activations: tuple[float, ...] = ()  # at this token, one for each feature that was asked for, in that order


@dataclass(frozen=True, eq=False)
class Trace:
    """Chosen features at every token of one continuation, read while it was made.

    An activation is what the dictionary's encoder finds in the run that made the text, changed as it is: after
    everything that is changed at the place it reads, in the very pass that computed the token.
    """

    prompt: Tokens
    generated: tuple[GeneratedToken, ...]  # so far
    features: tuple[FeatureRef, ...]  # in the order they were asked for
    activations: (
        np.ndarray
    )  # float32, [features, pos], the prompt first; 0 where silent or ignored, NaN if not read yet

    def __repr__(self) -> str:
        return f"<Trace of {len(self.features)} features at {len(self.prompt)} + {len(self.generated)} tokens>"

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, one row a token and feature.

        Columns: `pos`, `token`, `part` ("prompt" or "generated"), `dictionary_id`, `feature`, `activation`.
        """
        tokens = [*self.prompt.strings, *(token.text for token in self.generated)]
        cells = [(pos, at) for pos in range(len(tokens)) for at in range(len(self.features))]
        return build_frame(
            pos=[pos for pos, _ in cells],
            token=[tokens[pos] for pos, _ in cells],
            part=["prompt" if pos < len(self.prompt) else "generated" for pos, _ in cells],
            dictionary_id=[self.features[at].dictionary_id for _, at in cells],
            feature=[self.features[at].feature for _, at in cells],
            activation=[float(self.activations[at, pos]) for pos, at in cells],
        )


def build_trace(
    prompt: Tokens, generated: Sequence[GeneratedToken], features: Sequence[FeatureRef], read: np.ndarray
) -> Trace:
    """What was read of a prompt, float32, [features, pos], and what came with the tokens after it."""
    made = np.array([token.activations for token in generated], np.float32).reshape(-1, len(features))
    return Trace(prompt, tuple(generated), tuple(features), np.concatenate([read, made.T], axis=1))


@dataclass(frozen=True)
class SamplingPlan:
    """How tokens are drawn. The same seed gives every row the same random numbers."""

    max_new_tokens: int = 64  # 1 to 100,000; the model's context ends it earlier
    temperature: float = 0.0  # 0 takes the likeliest token; up to 100
    top_p: float = 1.0  # draw from the smallest set of tokens that holds this much probability; above 0
    seed: int = 0  # 0 to 2**31 - 1

    def __post_init__(self) -> None:
        """Refuse what is out of range, as InvalidValue."""
        checked = {
            "max_new_tokens": check_int("max_new_tokens", self.max_new_tokens, low=1, high=100_000),
            "temperature": check_float("temperature", self.temperature, low=0, high=100),
            "top_p": check_float("top_p", self.top_p, low=1e-6, high=1),
            "seed": check_int("seed", self.seed, low=0, high=2**31 - 1),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
