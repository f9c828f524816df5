"""Where a result comes from, in one plain record."""

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Provenance:
    """Everything needed to make a result again. Never holds a token or a path of this machine."""

    model: str
    revision: str
    dictionary: str
    device: str
    dtype: str
    token_ids: tuple[int, ...] = ()
    settings: dict[str, object] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    dictionary_revision: str = ""  # the commit on the Hub

    def to_dict(self) -> dict[str, object]:
        """The record as plain data that JSON can hold."""
        return asdict(self)
