"""Least-recently-used values, bounded by bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """Keeps what was used last, up to a number of bytes. Safe to use from several threads."""

    def __init__(self, *, limit_bytes: int, size: Callable[[Value], int]):
        """An empty cache.

        Args:
            limit_bytes: the most it holds; a larger value is not kept.
            size: bytes that a value takes.
        """
        self.limit_bytes, self._size = limit_bytes, size
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def get(self, key: Hashable) -> Value | None:
        """The value, now the most recently used, or None."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        """Keep the value, and drop the least recently used ones that no longer fit."""
        with self._lock:
            if key in self._values:
                self.bytes -= self._size(self._values.pop(key))
            if self._size(value) > self.limit_bytes:
                return
            self._values[key] = value
            self.bytes += self._size(value)
            while self.bytes > self.limit_bytes:
                _, dropped = self._values.popitem(last=False)
                self.bytes -= self._size(dropped)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._values.clear()
            self.bytes = 0
