"""The surprisal of the random choices that made a document: an upper bound of that of its text, so of its entropy."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from random import Random

from factory.corpus import Document, generate_documents, registers


class CountingRandom(Random):
    """The same numbers as `Random`, and the surprisal of everything that was decided with them.

    A number from `random()` is uniform; each comparison or rounding of it decides on a part of the
    range that is left, and adds minus the log of that part's share. What is never asked adds
    nothing. So `nats` is minus the log probability of the path taken; the same text may have
    further paths, and its own surprisal is at most that.
    """

    def __init__(self, seed: int):
        super().__init__(seed)
        self.nats = 0.0

    def random(self) -> "CountedUniform":
        """A uniform number that counts what is decided with it."""
        return CountedUniform(self, super().random())

    def getrandbits(self, k: int) -> int:
        """As in `Random`; what `choice`, `sample` and `shuffle` ask for is counted in `_randbelow`."""
        return super().getrandbits(k)

    def _randbelow(self, n: int) -> int:
        self.nats += math.log(n)
        return self._randbelow_with_getrandbits(n)


class CountedUniform:
    """A uniform number in a range that narrows as it is compared, under increasing maps."""

    __slots__ = ("_above", "_below", "_forward", "_inverse", "_source", "_value")

    def __init__(self, source: CountingRandom, value: float):
        self._source, self._value = source, value
        self._below, self._above = 0.0, 1.0  # what is known of the value
        self._forward, self._inverse = _same, _same

    def __lt__(self, bound: float) -> bool:
        return self._decide(self._inverse(bound))

    def __gt__(self, bound: float) -> bool:
        return not self._decide(self._inverse(bound))

    __le__, __ge__ = __lt__, __gt__

    def __mul__(self, factor: float) -> "CountedUniform":
        return self._mapped(lambda x: x * factor, lambda y: y / factor) if factor else 0

    def __add__(self, term: float) -> "CountedUniform":
        return self._mapped(lambda x: x + term, lambda y: y - term)

    def __pow__(self, power: float) -> "CountedUniform":
        return self._mapped(lambda x: x**power, lambda y: max(y, 0.0) ** (1 / power))

    __rmul__, __radd__ = __mul__, __add__

    def __int__(self) -> int:
        number = math.floor(self._forward(self._value))
        self._narrow(self._inverse(number), self._inverse(number + 1))
        return number

    __trunc__ = __floor__ = __int__

    def _mapped(self, forward, inverse) -> "CountedUniform":
        new = _Mapped(self)
        before, back = self._forward, self._inverse
        new._forward = lambda x: forward(before(x))
        new._inverse = lambda y: back(inverse(y))
        return new

    def _decide(self, bound: float) -> bool:
        """Whether the number lies below a bound."""
        lower = self._value < bound
        self._narrow(0.0, bound) if lower else self._narrow(bound, 1.0)
        return lower

    def _narrow(self, below: float, above: float) -> None:
        below, above = max(below, self._below), min(above, self._above)
        self._source.nats += math.log((self._above - self._below) / max(above - below, 1e-300))
        self._below, self._above = below, above


class _Mapped(CountedUniform):
    """An increasing function of a uniform number: what is decided with it is known of the number."""

    __slots__ = ("_origin",)

    def __init__(self, origin: CountedUniform):
        self._origin = origin._origin if isinstance(origin, _Mapped) else origin
        self._value = self._origin._value

    def _narrow(self, below: float, above: float) -> None:
        self._origin._narrow(below, above)


def measure_surprisal(seed: int, documents: int) -> Iterator[tuple[Document, float]]:
    """The documents of a seed, each with the surprisal in nats of every choice made for it, its register included."""
    with _counting() as made:
        stream = generate_documents(seed)
        spent = 0.0
        for document in islice(stream, documents):
            yield document, made[0].nats - spent
            spent = made[0].nats


@contextmanager
def _counting() -> Iterator[list[CountingRandom]]:
    """While open, the stream of documents takes its numbers from a `CountingRandom`, which is put into the list."""
    made: list[CountingRandom] = []

    def make(seed: int) -> CountingRandom:
        made.append(CountingRandom(seed))
        return made[-1]

    original, registers.Random = registers.Random, make
    try:
        yield made
    finally:
        registers.Random = original


def _same(x: float) -> float:
    return x
