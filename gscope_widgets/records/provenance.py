"""Where a result comes from, in one plain record."""

from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True)
class Provenance:
    """Everything needed to make a result again. Never holds a token or a path of this machine."""

    model: str
    revision: str
    device: str
    dtype: str
    dictionaries: dict[str, str] = field(default_factory=dict)  # id -> commit on the Hub, or digest; "": unknown
    token_ids: tuple[int, ...] = ()
    settings: dict[str, object] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """The record as plain data that JSON can hold."""
        return asdict(self)


def find_versions(*packages: str) -> dict[str, str]:
    """The installed version of each package; "source" for one that runs from a folder and is not installed."""

    return {package: _find_version(package) for package in packages}


@cache
def _find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "source"
