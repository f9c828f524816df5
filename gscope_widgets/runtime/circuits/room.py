"""How much memory a graph takes, told before it is taken."""

from bisect import bisect_right
from collections.abc import Sequence

import torch

from gscope_widgets.errors import OutOfMemory, write_bytes
from gscope_widgets.runtime.circuits.attribution import count_followed
from gscope_widgets.runtime.circuits.frozen import FrozenPass
from gscope_widgets.runtime.dictionaries.member import Firing
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.memory import find_free

_SHARE = 0.5  # of what memory is free
_BYTES = 4  # of a float32


def require_room_for_pass(loaded: LoadedModel, count: int) -> None:
    """Refuse a text whose pass would not fit, as `freeze` keeps it.

    Raises:
        OutOfMemory: with the numbers.
    """
    config = loaded.text_model.config
    of_layer = count * (config.num_attention_heads * count + 5 * config.hidden_size)
    size, free = _BYTES * config.num_hidden_layers * of_layer, find_free(str(loaded.info.device))
    if free is not None and size > _SHARE * free:
        raise OutOfMemory(
            f"the attention patterns of {count} tokens in all layers would take {write_bytes(size)}, "
            f"{write_bytes(free)} are free, of which half is taken at most: give a shorter text"
        )


def require_room_for_graph(
    frozen: FrozenPass,
    fired: Sequence[tuple[int, Firing]],
    *,
    used: int,
    crosses: bool,
    max_features: int,
    targets: int,
) -> None:
    """Refuse a graph that would not fit, before any of it is made.

    Args:
        fired: of each dictionary or member, the layer that it reads, and what fires.
        used: at how many positions dictionaries apply.
        targets: how many there are at most.

    Raises:
        OutOfMemory: with the numbers, and what would fit.
    """
    (count, d_model), depth, device = frozen.embedding.shape, len(frozen.layers), frozen.embedding.device
    firing = [len(one.positions) for _, one in fired]
    found, sources = sum(firing), count * (1 + depth) + sum(firing)
    written = sum(one * (len(fired) - at if crosses else 1) for at, one in enumerate(firing))
    of_features = _BYTES * d_model * (found + written)

    def measure(kept: int) -> tuple[int, int]:
        """Bytes where the graph is made, and those of the graph itself, in main memory."""
        rows = kept + targets
        made = rows * sources + count_followed(frozen, sources, rows)
        return of_features + _BYTES * made, _BYTES * rows * (count + depth * used + rows)

    def fits(kept: int) -> bool:
        made, graph = measure(kept)
        wanted = {torch.device("cpu"): graph}
        wanted[device] = wanted.get(device, 0) + made
        free = {one: find_free(str(one)) for one in wanted}
        return all((room := free[one]) is None or size <= _SHARE * room for one, size in wanted.items())

    kept = min(found, max_features)
    if fits(kept):
        return
    most = bisect_right(range(kept), False, key=lambda one: not fits(one)) - 1
    free = min(one for one in (find_free("cpu"), find_free(str(device))) if one is not None)
    raise OutOfMemory(
        f"a graph of {kept} of the {found} features that fire on {count} tokens would take "
        f"{write_bytes(sum(measure(kept)))}, {write_bytes(of_features)} of it for what all {found} read and write; "
        f"{write_bytes(free)} are free, of which half is taken at most: "
        + (
            f"give max_features={most} or a shorter text"
            if most > 0
            else "give a shorter text or dictionaries of a smaller l0"
        )
    )
