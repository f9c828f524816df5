"""How far work has come."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fetched:
    """How much has come of what is fetched."""

    done: int  # bytes
    total: int  # bytes, above 0

    @property
    def share(self) -> float:
        """0 to 1."""
        return min(1.0, self.done / self.total)
