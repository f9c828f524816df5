"""What a sweep has done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gscope_widgets.errors import write_name
from gscope_widgets.records.frames import build_frame

if TYPE_CHECKING:
    import pandas

ONE_DOCUMENT = 'no blank line parts it: if each line is a text, give parted_by="lines", in a shell --parted-by lines'
LONGEST_NAME = 200  # of a corpus, in characters


@dataclass(frozen=True)
class Sweep:
    """A corpus through a dictionary, and the folder that the examples of its features are in.

    `scope.use_examples(sweep)` has cards show them, `sweep.to_frame()` lists the features that fired. Wherever a path
    is taken, it stands for its folder.
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
    list_fired: Callable[[], Mapping[str, Sequence[object]]] = field(repr=False, compare=False)  # as `to_frame` has it

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame of the features that fired, those that fire at most tokens first.

        Columns: `feature`, `label` (None where it has none), `firings` (tokens at which it fires), `density` (the same
        as a share of the tokens that count), `max_activation` in this corpus, and `tokens`, the different ones of its
        five strongest examples, the strongest first. It is read from the folder each time: some seconds of 262k
        features.

        Raises:
            BadArtefact: the folder is gone or damaged.
            GscopeError: pandas is not installed.
        """
        return build_frame(**self.list_fired())

    def __fspath__(self) -> str:
        return str(self.folder)

    def __str__(self) -> str:
        return (
            f"{self.dictionary_id} on {write_name(self.corpus)}: {self.used:,} tokens of "
            f"{write_documents(self.documents)}; "
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
    documents: int = 0  # of the corpus; 0 while it is read
    advice: str = ""  # what may be wrong with the corpus, and how it is mended

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

    @property
    def of(self) -> str:
        """Of how many documents, as words to go behind a number of tokens; empty while they are read."""
        return f" of {write_documents(self.documents)}" if self.documents else ""

    def __str__(self) -> str:
        if not self.total:
            return f"{self.phase}: {self.tokens:,} tokens" if self.tokens else self.phase
        phase = "" if self.phase == "sweeps" else f"{self.phase}: "
        parts = [f"{phase}{100 * self.tokens / self.total:.0f} %, {self.tokens:,} of {self.total:,} tokens{self.of}"]
        rate, left = self.rate, self.seconds_left
        if rate is not None and left is not None:
            parts.append(f"{rate:,.0f} a second, {_write_seconds(left)} left")
        parts += filter(None, (self.note, self.advice))
        return "; ".join(parts)


def write_documents(count: int) -> str:
    """How many documents, for readers."""
    return f"{count:,} document{'' if count == 1 else 's'}"


def _write_seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def shorten_name(name: str) -> str:
    """The name of a corpus, as a card has room for it; what a terminal would obey in other words."""
    name = write_name(name)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."
