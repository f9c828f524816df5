"""What a sweep has done."""

from dataclasses import dataclass
from pathlib import Path

from gscope_widgets.errors import write_name

LONGEST_NAME = 200  # of a corpus, in characters


@dataclass(frozen=True)
class Sweep:
    """A corpus through a dictionary, and the folder that the examples of its features are in.

    `scope.use_examples(sweep)` has cards show them. Wherever a path is taken, it stands for its folder.
    """

    folder: Path  # with examples.safetensors, sweep.safetensors and sweep.json
    dictionary_id: str
    corpus: str  # its name, for readers
    documents: int
    rows: int  # of the table of tokens
    tokens: int  # in them, BOS included
    used: int  # positions that count
    features: int  # that fired at least once
    d_dict: int
    k: int  # examples a feature, at most

    def __fspath__(self) -> str:
        return str(self.folder)

    def __str__(self) -> str:
        return (
            f"{self.dictionary_id} on {write_name(self.corpus)}: {self.used:,} tokens of "
            f"{self.documents:,} document{'' if self.documents == 1 else 's'}; "
            f"{self.features:,} of {self.d_dict:,} features fired; {write_name(self.folder)}"
        )


@dataclass
class SweepProgress:
    """How far a sweep has come; written by one thread, read by any."""

    phase: str = "begins"  # "reads the corpus", "sweeps", "writes"
    tokens: int = 0  # that the model has read, or of the corpus so far while it is read
    total: int = 0  # tokens in all; 0 while that is not known
    before: int = 0  # tokens that an earlier run had read
    seconds: float = 0.0  # since the model began in this run
    note: str = ""  # what befell a worker last: that it was lost or silent for too long, and replaced

    @property
    def share(self) -> float | None:
        """0 to 1; None where the total is not known."""
        return self.tokens / self.total if self.total else None

    @property
    def rate(self) -> float | None:
        """Tokens a second of this run; None before there were any."""
        done = self.tokens - self.before
        return done / self.seconds if self.phase == "sweeps" and done > 0 and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None where there is none yet."""
        rate = self.rate
        return None if rate is None else (self.total - self.tokens) / rate

    def __str__(self) -> str:
        if not self.total:
            return f"{self.phase}: {self.tokens:,} tokens" if self.tokens else self.phase
        phase = "" if self.phase == "sweeps" else f"{self.phase}: "
        parts = [f"{phase}{100 * self.tokens / self.total:.0f} %, {self.tokens:,} of {self.total:,} tokens"]
        rate, left = self.rate, self.seconds_left
        if rate is not None and left is not None:
            parts.append(f"{rate:,.0f} a second, {_write_seconds(left)} left")
        if self.note:
            parts.append(self.note)
        return "; ".join(parts)


def _write_seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def shorten_name(name: str) -> str:
    """The name of a corpus, as a card has room for it; what a terminal would obey in other words."""
    name = write_name(name)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."
