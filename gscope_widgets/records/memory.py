"""Who holds how much memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

from gscope_widgets.errors import write_bytes
from gscope_widgets.records.frames import build_frame

if TYPE_CHECKING:
    import pandas

_HEADS = ("scope", "owner", "host", "device", "limit", "entries", "hit rate")


@dataclass(frozen=True)
class MemoryUse:
    """What one owner holds now, and how often what was wanted of it was there."""

    scope: str  # the model's id
    owner: str  # "model"; a dictionary's id; of a cache what it keeps: "activations", "prompts", "readings", "rows"
    kind: Literal["model", "dictionary", "cache"]
    host_bytes: int  # in main memory
    device_bytes: int  # on a GPU
    limit_bytes: int | None  # None for a model; the dictionaries of a scope on one device share theirs
    entries: int  # weight files of a dictionary, tensors of a model, texts of a cache
    hits: int | None  # None where nothing is looked up; of a dictionary, the times its weights were in memory
    misses: int | None  # and the times they had to be read

    @property
    def hit_rate(self) -> float | None:
        """Hits over look-ups, 0 to 1; None where there were none."""
        if self.hits is None or self.misses is None or not self.hits + self.misses:
            return None
        return self.hits / (self.hits + self.misses)


@dataclass(frozen=True, repr=False)
class Memory:
    """What gscope_widgets holds, owner by owner; shows itself as a table."""

    uses: tuple[MemoryUse, ...]
    free_bytes: Mapping[str, int]  # that new work can have, by device: "cpu", "cuda"; without those not known

    @property
    def host_bytes(self) -> int:
        """All that is held in main memory."""
        return sum(use.host_bytes for use in self.uses)

    @property
    def device_bytes(self) -> int:
        """All that is held on GPUs."""
        return sum(use.device_bytes for use in self.uses)

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row for each owner.

        Columns: the fields of `MemoryUse` and `hit_rate`.
        """
        names = ("scope", "owner", "kind", "host_bytes", "device_bytes", "limit_bytes", "entries", "hits", "misses")
        return build_frame(**{name: [getattr(use, name) for use in self.uses] for name in (*names, "hit_rate")})

    def __repr__(self) -> str:
        rows = [_HEADS, *self._write_rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*(lines if self.uses else ["nothing is loaded"]), *self._write_foot()])

    def _repr_html_(self) -> str:
        if not self.uses:
            return f"<p>{escape(repr(self))}</p>"
        head = "".join(f"<th>{name}</th>" for name in _HEADS)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self._write_rows()
        )
        foot = "".join(f"<p>{escape(line)}</p>" for line in self._write_foot())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}"

    def _write_rows(self) -> list[tuple[str, ...]]:
        rows = [
            (
                use.scope,
                use.owner,
                write_bytes(use.host_bytes),
                write_bytes(use.device_bytes),
                "" if use.limit_bytes is None else write_bytes(use.limit_bytes),
                str(use.entries),
                "" if use.hit_rate is None else f"{use.hit_rate:.0%}",
            )
            for use in self.uses
        ]
        return [*rows, ("", "together", write_bytes(self.host_bytes), write_bytes(self.device_bytes), "", "", "")]

    def _write_foot(self) -> list[str]:
        return [f"free on {device}: {write_bytes(count)}" for device, count in self.free_bytes.items()]
