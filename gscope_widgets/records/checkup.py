"""What a look at a machine found: one line for each check, in words that can be pasted into an issue."""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.frames import build_frame

if TYPE_CHECKING:
    import pandas

FindingState = Literal["fine", "attention", "broken", "not asked"]
WORDS: dict[FindingState, str] = {
    "broken": "broken",
    "attention": "to look at",
    "fine": "fine",
    "not asked": "not asked",
}
MARKS: dict[FindingState, str] = {"fine": "✓", "attention": "!", "broken": "✗", "not asked": "–"}
_WIDTH = 100  # characters of a report's line


@dataclass(frozen=True)
class Finding:
    """One check. `seen` and `advice` hold no token, and a user's folder is written `~`."""

    name: str
    state: FindingState  # "attention": it works, but not for everything; "not asked": nothing can be said
    seen: str
    advice: str = ""  # what to do; empty where nothing is to be done


@dataclass(frozen=True)
class Checkup:
    """What `gs.doctor()` found. `print` gives a report to paste into an issue."""

    findings: tuple[Finding, ...]
    model: str  # whose needs were looked at
    version: str  # of this package
    seconds: float

    def __getitem__(self, name: str) -> Finding:
        """The finding of a check, by its name.

        Raises:
            InvalidValue: there is none of that name.
        """
        for finding in self.findings:
            if finding.name == name:
                return finding
        names = ", ".join(one.name for one in self.findings)
        raise InvalidValue(f"there is no check {describe_value(name)}; there are {names}")

    @property
    def is_sound(self) -> bool:
        """Whether nothing is broken; what needs attention may be left."""
        return all(one.state != "broken" for one in self.findings)

    def summarise(self) -> str:
        """How many findings there are of each kind, worst first: "1 broken, 2 need attention, 9 fine"."""
        counts = {state: sum(one.state == state for one in self.findings) for state in WORDS}
        return ", ".join(f"{count} {WORDS[state]}" for state, count in counts.items() if count)

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame: `name`, `state`, `seen`, `advice`, a row for each check."""
        return build_frame(
            name=[one.name for one in self.findings],
            state=[one.state for one in self.findings],
            seen=[one.seen for one in self.findings],
            advice=[one.advice for one in self.findings],
        )

    def __str__(self) -> str:
        """The report: a line for each check, and below it what to do."""
        room = max((len(one.name) for one in self.findings), default=0)
        lines = [f"gscope-widgets {self.version}: {self.summarise()} (for {self.model}, {self.seconds:.1f} s)"]
        for one in self.findings:
            head = f"{MARKS[one.state]} {one.name:<{room}}  "
            lines += _wrap(one.seen, first=head, room=room + 4)
            lines += _wrap(one.advice, first=f"{'':<{room + 4}}-> ", room=room + 7) if one.advice else []
        return "\n".join(lines)


def _wrap(text: str, *, first: str, room: int) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=" " * room, break_on_hyphens=False) or [
        first.rstrip()
    ]
