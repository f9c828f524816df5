"""One line of the report."""

from dataclasses import dataclass, field

from tests.bench.timing import Spread


@dataclass(frozen=True)
class Equality:
    """Whether two sides gave the same, up to a stated tolerance."""

    holds: bool
    text: str  # what was compared, and how far apart it lay


@dataclass(frozen=True)
class Row:
    """What was found for one case of a target of docs/performance.md."""

    target: str  # "T1"
    case: str
    measure: str  # what `found` is: "SAELens / ours", "MB"
    found: Spread
    equality: Equality
    least: float | None = None  # must be at least this; None where nothing is asked
    most: float | None = None  # must be at most this
    sides: dict[str, Spread] = field(default_factory=dict)  # what the ratio is of
    unit: str = ""  # of `sides`
    note: str = ""

    @property
    def must(self) -> str:
        """What the target asks."""
        if self.least is not None:
            return f"≥ {self.least:g}"
        return f"≤ {self.most:g}" if self.most is not None else ""

    @property
    def verdict(self) -> str:
        """`pass`, `miss`, `unequal` where the outputs differ, or `told` where nothing is asked."""
        if not self.equality.holds:
            return "unequal"
        if self.least is None and self.most is None:
            return "told"
        found = self.found.median
        met = (self.least is None or found >= self.least) and (self.most is None or found <= self.most)
        return "pass" if met else "miss"
