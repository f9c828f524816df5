"""What the residual stream would predict, were the model to end after each layer."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.generation import TokenChance
from gscope_widgets.records.numbers import check_int, check_layer
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens

if TYPE_CHECKING:
    import pandas

MAX_TRACKED = 20


@dataclass(frozen=True, eq=False)
class TokenPath:
    """How likely one token is as the next one, at every layer and position of a lens reading."""

    id: int
    token: str
    probabilities: np.ndarray  # float32, [layers, pos]
    ranks: np.ndarray  # int32, [layers, pos]; 0 for the likeliest


@dataclass(frozen=True, eq=False)
class LensReading:
    """The next token as read off the residual stream after each layer (the "logit lens" of nostalgebraist, 2020).

    The final norm and the unembedding are applied to the residual stream after a layer, although the model only
    applies them after its last one: there the lens gives the model's own prediction; before, it is a hint at best,
    since nothing trained those layers to be read so.
    """

    tokens: Tokens
    layers: tuple[int, ...]  # zero-based, ascending: after which the stream was read
    ids: np.ndarray  # int32, [layers, pos, k]; the likeliest tokens, likeliest first
    probabilities: np.ndarray  # float32, [layers, pos, k]
    logits: np.ndarray  # float32, [layers, pos, k]
    entropy: np.ndarray  # float32, [layers, pos]; of the whole distribution, nats
    names: dict[int, str]  # the text of each id above
    paths: tuple[TokenPath, ...] = ()  # of the tokens asked for
    provenance: Provenance | None = field(default=None, compare=False, repr=False)  # where a scope computed it

    def __repr__(self) -> str:
        return f"<LensReading of {len(self.tokens)} tokens after layers {', '.join(map(str, self.layers))}>"

    def top(self, *, layer: int, pos: int) -> tuple[TokenChance, ...]:
        """The likeliest next tokens after a layer, at a position, likeliest first.

        Raises:
            InvalidValue: the layer was not read, or there is no such position.
        """
        layer = check_layer(layer)
        if layer not in self.layers:
            raise InvalidValue(f"layers read are {', '.join(map(str, self.layers))}, got {describe_value(layer)}")
        row, pos = self.layers.index(layer), check_int("pos", pos, low=0, high=len(self.tokens) - 1)
        columns = (self.ids, self.probabilities, self.logits)
        return tuple(
            TokenChance(int(id_), self.names[int(id_)], float(probability), float(logit))
            for id_, probability, logit in zip(*(column[row, pos] for column in columns), strict=True)
        )

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame: `layer`, `pos`, `token` (read there), `rank`, `id`, `next_token`, `probability`."""
        layers, positions, ranks = np.indices(self.ids.shape).reshape(3, -1)
        ids = self.ids.reshape(-1)
        return build_frame(
            layer=np.array(self.layers)[layers],
            pos=positions,
            token=[self.tokens.strings[pos] for pos in positions],
            rank=ranks,
            id=ids,
            next_token=[self.names[int(id_)] for id_ in ids],
            probability=self.probabilities.reshape(-1),
        )
