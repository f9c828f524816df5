"""What the heads of a layer attend to on a text, what they carry, and what is typical of each head of a model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gscope_widgets.errors import InvalidValue, PromptTooLong, describe_value
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.numbers import check_int, check_layer
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens

if TYPE_CHECKING:
    import pandas

SCORES = ("previous", "induction", "first", "distance", "beyond")
MAX_NUMBERS = 2**23  # of a layer's patterns, heads x tokens x tokens: 512 tokens of 32 heads


@dataclass(frozen=True, eq=False)
class AttentionReading:
    """The attention of one layer's heads on a text, and scores of all heads of the model.

    At each token, the query, a head takes values from tokens up to it, the keys, in shares that add up to 1: its
    pattern there. What it then writes into the residual stream is the sum over keys of share times value times the
    head's output matrix, behind the norm after attention; each key's term of that sum is a contribution.
    `contributions` has their lengths, `effects` how much each adds to the logit of the next token, over the mean of
    all logits, straight from here through the last norm, its scale as it was; later layers are left aside.

    Scores of a head, over the text's tokens but the first, which is BOS:

    * `previous`: mean share on the token before, BOS aside: a head that rests on the first token looks back by chance.
    * `induction`: mean share on earlier tokens that follow an earlier occurrence of the token, BOS aside, over tokens
      that have such; NaN where none has.
    * `first`: mean share on the first token, where heads rest that have nothing to do.
    * `distance`: how many tokens back it looks, weighted by its shares, the first token left out as a key.
    * `beyond`: mean share on tokens further back than the model's local window, the first token left out, over tokens
      that have such; NaN where none has, or there is no local layer.
    """

    tokens: Tokens
    layer: int  # zero-based
    windows: tuple[int, ...]  # by layer of the model: how many tokens it sees, its own among them; 0 for all
    patterns: np.ndarray  # float32, [head, query pos, key pos]; rows add up to 1, 0 behind the query
    sizes: np.ndarray  # float32, [head, key pos]; length of what a share of 1 would write, at a norm scale of 1
    scales: np.ndarray  # float32, [query pos]; of the norm behind attention: 1 / sqrt(mean(x^2) + eps)
    effects: np.ndarray  # float32, [head, query pos, key pos]; on the target's logit over the mean logit
    targets: np.ndarray  # int32, [query pos]; the id of the token that follows; at the last one, of the likeliest
    names: tuple[str, ...]  # of the targets
    scores: np.ndarray  # float32, [layer, head, score], in the order of `SCORES`
    provenance: Provenance | None = field(default=None, compare=False, repr=False)  # where a scope computed it

    def __repr__(self) -> str:
        heads, count = self.patterns.shape[:2]
        return f"<AttentionReading of {count} tokens, {heads} heads of layer {self.layer}, {self.describe_window()}>"

    @property
    def local_window(self) -> int:
        """How many tokens the model's local layers see; 0 where all layers see the whole text."""
        return find_local_window(self.windows)

    def describe_window(self, layer: int | None = None) -> str:
        """What a layer sees, in words: "global: sees the whole text", "local: sees 32 tokens"; None for this layer.

        Raises:
            InvalidValue: there is no such layer.
        """
        window = self.windows[self.layer if layer is None else check_layer(layer, layers=len(self.windows))]
        return f"local: sees {window} tokens" if window else "global: sees the whole text"

    def contributions(self, pos: int) -> np.ndarray:
        """Lengths of what each head writes at a token out of each key: float32, [head, key pos].

        Raises:
            InvalidValue: there is no such position.
        """
        pos = check_int("pos", pos, low=0, high=len(self.tokens) - 1)
        found: np.ndarray = self.patterns[:, pos] * self.sizes * self.scales[pos]
        return found

    def find_heads(self, score: str, k: int = 5) -> tuple[tuple[int, int, float], ...]:
        """The heads of the model that score highest: (layer, head, score), highest first; those without one left out.

        Raises:
            InvalidValue: there is no such score.
        """
        if score not in SCORES:
            raise InvalidValue(f"score must be one of {', '.join(SCORES)}, got {describe_value(score)}")
        k = check_int("k", k, low=1, high=max(1, self.scores[..., 0].size))
        values = self.scores[..., SCORES.index(score)]
        order = np.argsort(-values, axis=None, kind="stable")  # NaN stands last
        heads = [divmod(int(at), values.shape[1]) for at in order[:k]]
        return tuple(
            (layer, head, float(values[layer, head])) for layer, head in heads if not np.isnan(values[layer, head])
        )

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row a head of the model: `layer`, `head`, `window` (0 for global), and the scores."""
        layers, heads = np.indices(self.scores.shape[:2]).reshape(2, -1)
        scores = {name: self.scores[..., at].reshape(-1) for at, name in enumerate(SCORES)}
        return build_frame(layer=layers, head=heads, window=np.array(self.windows)[layers], **scores)

    def row_to_frame(self, pos: int) -> "pandas.DataFrame":
        """A pandas DataFrame of one query, a row a head and key.

        Columns `head`, `pos` and `token` (the key's), `pattern`, `contribution`, `effect`.

        Raises:
            InvalidValue: there is no such position.
        """
        written = self.contributions(pos)[:, : pos + 1]
        heads, keys = np.indices(written.shape).reshape(2, -1)
        return build_frame(
            head=heads,
            pos=keys,
            token=[self.tokens.strings[key] for key in keys],
            pattern=self.patterns[:, pos, : pos + 1].reshape(-1),
            contribution=written.reshape(-1),
            effect=self.effects[:, pos, : pos + 1].reshape(-1),
        )


def find_local_window(windows: Sequence[int]) -> int:
    """How many tokens local layers see; 0 where there is none."""
    return min((one for one in windows if one), default=0)


def check_length(count: int, heads: int) -> None:
    """Refuse a text whose patterns would be too large.

    Raises:
        PromptTooLong: with what fits.
    """
    most = int((MAX_NUMBERS / heads) ** 0.5)
    if count > most:
        raise PromptTooLong(
            f"the attention of {count} tokens in {heads} heads is {heads * count**2:,} numbers a layer; up to {most} "
            "tokens are read: give a shorter text"
        )


def weigh_scores(ids: Sequence[int], window: int) -> np.ndarray:
    """What each share of a pattern counts in the sums that scores are made of: float32, [sum, query pos, key pos].

    The scores' sums in their order, of `distance` the numerator, and at the end its denominator.

    Args:
        ids: of the text's tokens, BOS the first.
        window: of the model's local layers; 0 where there is none.
    """
    count, tokens = len(ids), np.array(ids)
    query, key = np.indices((count, count))
    behind = query - key
    inside = (query > 0) & (behind >= 0)
    follows = np.zeros((count, count), bool)
    follows[:, 2:] = tokens[:, None] == tokens[None, 1:-1]  # the key's own predecessor, which is not BOS
    follows &= inside & (behind > 0)
    later = inside & (key > 0)
    far = later & (behind >= window) if window else np.zeros((count, count), bool)
    means = [later & (behind == 1), follows, inside & (key == 0), None, far]
    found = []
    for mask in means:
        if mask is None:
            found.append(np.where(later, behind, 0).astype(np.float32))
            continue
        found.append((mask / max(mask.any(1).sum(), 1)).astype(np.float32))  # over tokens that have such keys
    return np.stack([*found, later.astype(np.float32)])


def finish_scores(sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Scores out of sums of patterns times weights: float32, [..., score].

    Args:
        sums: [..., sum].
        weights: of `weigh_scores`.
    """
    scores = np.where(weights[:-1].any((1, 2)), sums[..., :-1], np.nan)
    distance = SCORES.index("distance")
    with np.errstate(invalid="ignore", divide="ignore"):
        scores[..., distance] /= sums[..., -1]
    return scores.astype(np.float32)
