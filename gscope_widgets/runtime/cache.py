"""Least-recently-used values, bounded by bytes."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """Keeps what was used last, up to a number of bytes. Safe to use from several threads."""

    def __init__(self, *, limit_bytes: int, size: Callable[[Value], int]):
        """An empty cache.

        Args:
            limit_bytes: the most it holds; what is put and is larger is not kept.
            size: bytes that a value takes.
        """
        self.limit_bytes, self._size = limit_bytes, size
        self.bytes = self.hits = self.misses = 0
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._holders: Counter[Hashable] = Counter()  # by key: those who use the value now
        self._gates: dict[Hashable, threading.Lock] = {}
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> Value | None:
        """The value, now the most recently used, or None; counted as a hit or a miss."""
        with self._lock:
            if key not in self._values:
                self.misses += 1
                return None
            self.hits += 1
            self._values.move_to_end(key)
            return self._values[key]

    def peek(self, key: Hashable) -> Value | None:
        """The value or None; it counts as no use."""
        with self._lock:
            return self._values.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        """Keep the value, and drop the least recently used ones that no longer fit."""
        with self._lock:
            self._drop(key)
            if self._size(value) <= self.limit_bytes:
                self._keep(key, value)
                self._make_room(0)

    @contextmanager
    def hold(self, key: Hashable, make: Callable[[], Value], *, size_bytes: int) -> Iterator[Value]:
        """The value, made where it is not there. Inside, nothing drops it; threads that want one value make it once.

        Room is made before the value is, so that old and new are not in memory together. It stays afterwards,
        whatever its size, until another one needs the room.

        Args:
            size_bytes: what it will take.
        """
        with self._lock:
            self._holders[key] += 1
            gate = self._gates.setdefault(key, threading.Lock())
        try:
            with gate:
                value = self.get(key)
                if value is None:
                    with self._lock:
                        self._make_room(size_bytes)
                    value = make()
                    with self._lock:
                        self._keep(key, value)
            yield value
        finally:
            with self._lock:
                self._holders[key] -= 1
                if not self._holders[key]:
                    del self._holders[key], self._gates[key]

    def resize(self, limit_bytes: int) -> None:
        """Set the limit, and drop what no longer fits."""
        with self._lock:
            self.limit_bytes = limit_bytes
            self._make_room(0)

    def measure(self, wanted: Callable[[Hashable], bool]) -> int:
        """Bytes of the values whose keys are wanted."""
        with self._lock:
            return sum(self._size(value) for key, value in self._values.items() if wanted(key))

    def drop(self, wanted: Callable[[Hashable], bool]) -> None:
        """Drop the values whose keys are wanted; whoever holds one keeps it for as long as that lasts."""
        with self._lock:
            for key in [key for key in self._values if wanted(key)]:
                self._drop(key)

    def clear(self) -> None:
        """Drop everything."""
        self.drop(lambda _key: True)

    def _keep(self, key: Hashable, value: Value) -> None:
        self._values[key] = value
        self.bytes += self._size(value)

    def _drop(self, key: Hashable) -> None:
        if key in self._values:
            self.bytes -= self._size(self._values.pop(key))

    def _make_room(self, wanted_bytes: int) -> None:
        for key in [key for key in self._values if key not in self._holders]:
            if self.bytes + wanted_bytes <= self.limit_bytes:
                return
            self._drop(key)
