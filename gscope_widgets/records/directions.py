"""A direction of one's own: a vector with the place in the model where it means something."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.numbers import check_layer
from gscope_widgets.records.provenance import Provenance

SITES = ("resid_post", "attn_out", "mlp_out")
_MAX_LAYERS = 1000
_MAX_NUMBERS = 1_000_000


class Tensor(Protocol):
    """A torch tensor, as far as it is looked at here."""

    def detach(self) -> Any:
        """The same numbers without a gradient."""


Vector = np.ndarray | Sequence[float] | Tensor


@dataclass(frozen=True, eq=False)
class Direction:
    """A vector at one site of one layer: a mean difference of texts, a probe, any array.

    `gs.add` takes it at unit length, as it does a feature's decoder direction, so that strengths mean the same.
    Two directions are equal where site, layer and vector are.
    """

    site: str  # "resid_post", "attn_out" (what goes into o_proj) or "mlp_out"
    layer: int  # zero-based
    vector: np.ndarray  # float32, [d], read-only; made from any `Vector` of finite numbers, not all 0
    name: str = "a vector"  # in words
    provenance: Provenance | None = None  # where it was computed by a scope
    norm: float = field(init=False)  # length of the vector, in the unit of the activation there

    def __post_init__(self) -> None:
        """Refuse what is no direction, as InvalidValue."""
        if not isinstance(self.site, str) or self.site not in SITES:
            raise InvalidValue(f"site must be one of {', '.join(SITES)}, got {describe_value(self.site)}")
        layer = check_layer(self.layer, layers=_MAX_LAYERS + 1)
        vector = _check_vector(self.vector)
        norm = float(np.linalg.norm(vector.astype(np.float64)))
        if not norm > 0:
            raise InvalidValue("a direction needs a length, got a vector of zeros")
        for name, value in (("layer", layer), ("vector", vector), ("norm", norm)):
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Direction) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return f"{self.name} at {self.site} of layer {self.layer}"

    def __repr__(self) -> str:
        return f"<Direction: {self}, {len(self.vector)} numbers, norm {self.norm:.4g}>"

    @property
    def _key(self) -> tuple[str, int, bytes]:
        return self.site, self.layer, self.vector.tobytes()


def _check_vector(value: object) -> np.ndarray:
    detach = getattr(value, "detach", None)  # a tensor, which may be on a GPU, in bfloat16, or want gradients
    try:
        array = np.array(value if detach is None else detach().float().cpu().numpy(), copy=True)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"a vector is an array of numbers, got {describe_value(value)}: {error}") from None
    if array.dtype.kind not in "fiu":
        raise InvalidValue(f"a vector is an array of numbers, got {describe_value(value)}")
    if array.ndim != 1 or not 1 <= len(array) <= _MAX_NUMBERS:
        raise InvalidValue(f"a vector has one axis, [d], and at least one number, got shape {array.shape}")
    with np.errstate(over="ignore"):
        vector: np.ndarray = array.astype(np.float32)
    if not np.isfinite(vector).all():
        raise InvalidValue(
            f"a vector holds finite float32 numbers, got {float(array[~np.isfinite(vector)][0])!r} among them"
        )
    vector.flags.writeable = False
    return vector
