"""What the dictionaries of a scope keep in memory on one device."""

from collections.abc import Hashable

import torch

from gscope_widgets.runtime.cache import ByteCache
from gscope_widgets.runtime.memory import find_free

SHARE = 0.5  # of the memory that is free when the first dictionary is opened
_OTHERWISE = 4_000_000_000  # where the system does not say what is free
_ROW_BYTES = 64_000_000


class Stage:
    """Whole weight files, and rows and columns that were read alone; the least recently used go out first.

    Keys are tuples that begin with the file's `Member`.
    """

    def __init__(self, device: str):
        """Empty. The limit on weights is half of what is free now."""
        free = find_free(device)
        limit = _OTHERWISE if free is None else int(SHARE * free)
        self.weights: ByteCache[dict[str, torch.Tensor]] = ByteCache(
            limit_bytes=limit, size=lambda tensors: sum(tensor.nbytes for tensor in tensors.values())
        )
        self.rows: ByteCache[torch.Tensor] = ByteCache(limit_bytes=_ROW_BYTES, size=lambda row: row.nbytes)

    def measure(self, owner: Hashable) -> int:
        """Bytes that one file's member holds."""
        return sum(cache.measure(lambda key: _owns(owner, key)) for cache in (self.weights, self.rows))

    def drop(self, owner: Hashable) -> None:
        """Free what one file's member holds."""
        for cache in (self.weights, self.rows):
            cache.drop(lambda key: _owns(owner, key))

    def clear(self) -> None:
        """Free everything."""
        self.weights.clear()
        self.rows.clear()


def _owns(owner: Hashable, key: Hashable) -> bool:
    return isinstance(key, tuple) and key[0] is owner
