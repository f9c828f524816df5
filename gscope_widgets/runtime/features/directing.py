"""A direction that tells two sets of texts apart."""

from collections.abc import Callable, Generator, Sequence
from typing import Literal

import torch

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.files.weights import to_numpy

Over = Literal["all", "last"]


def check_over(value: object) -> Over:
    """Which positions are averaged over.

    Raises:
        InvalidValue: neither "all" nor "last".
    """
    if not isinstance(value, str) or value not in ("all", "last"):
        raise InvalidValue(f'over must be "all" or "last", got {describe_value(value)}')
    return value  # type: ignore[return-value]


def find_mean_difference(
    positive: Sequence[Tokens],
    negative: Sequence[Tokens],
    *,
    place: tuple[str, int],
    over: Over,
    capture: Callable[[Tokens], torch.Tensor],
    provenance: Provenance,
) -> Generator[float, None, Direction]:
    """The mean activation of the positive texts less that of the negative ones; yields the share done.

    Each text counts alike: its own mean over its used positions ("all"), or its last used position ("last").

    Args:
        place: site and layer.
        capture: the activation of a text there, float32, [pos, d].
    """
    means: list[torch.Tensor] = []
    done, count = 0, len(positive) + len(negative)
    for texts in (positive, negative):
        total = torch.zeros(())
        for tokens in texts:
            used = list(tokens.used)[-1:] if over == "last" else list(tokens.used)
            total = total + capture(tokens)[used].double().mean(0).cpu()
            done += 1
            yield done / count
        means.append(total / len(texts))
    difference = means[0] - means[1]
    if not difference.norm() > 1e-6 * means[0].norm():
        raise InvalidValue("the two sets of texts have the same mean there: no direction tells them apart")
    name = f"mean difference of {len(positive)} and {len(negative)} texts, {_OVER[over]}"
    return Direction(*place, to_numpy(difference.float()), name, provenance)


_OVER: dict[Over, str] = {"all": "over all used positions", "last": "at the last position"}
