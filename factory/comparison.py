"""Whether two builds of gscope-mini agree: file by file, by hash and by how far their weights lie apart."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from factory.build import hash_file
from gscope_widgets.mini.claim import Claim, read_claims

# On one machine, with the same versions and number of threads, files are the same bytes. Elsewhere the
# order of sums differs, training amplifies it, and the claims of phenomena.json are what has to agree.
SAME_WEIGHTS = 0.02  # RMS difference over RMS value, of the tensor that differs most


@dataclass(frozen=True)
class FileComparison:
    """One file of two builds."""

    name: str
    same_bytes: bool
    difference: float | None  # RMS difference over RMS value of the worst tensor; None for other files

    @property
    def agrees(self) -> bool:
        """Same bytes, or weights within `SAME_WEIGHTS`."""
        return self.same_bytes or (self.difference is not None and self.difference <= SAME_WEIGHTS)


@dataclass(frozen=True)
class Difference:
    """One value of a claim that two builds have measured differently."""

    place: str  # names on the way to it, such as "details/curve/3/effect"
    one: object
    other: object

    @property
    def relative(self) -> float | None:
        """Difference over the larger of both, 0 to 2; None where they are not both numbers."""
        if not all(type(value) in (int, float) for value in (self.one, self.other)):
            return None
        return abs(self.one - self.other) / max(abs(self.one), abs(self.other))


@dataclass(frozen=True)
class ClaimComparison:
    """One claim of two builds."""

    one: Claim
    other: Claim
    differences: tuple[Difference, ...]  # none where every number and word is the same

    @property
    def agrees(self) -> bool:
        """Whether the claim holds in both builds or in neither."""
        return self.one.passed == self.other.passed


def compare_builds(one: Path, other: Path) -> Iterator[FileComparison]:
    """Weights and tokenizers of two build folders, in order of name.

    Raises:
        FileNotFoundError: a file of `one` is missing in `other`.
    """
    for path in sorted([*one.glob("models/*/*"), *one.glob("dictionaries/**/*")]):
        if path.suffix == ".safetensors" or path.name == "tokenizer.json":
            twin = other / path.relative_to(one)
            same = hash_file(path) == hash_file(twin)
            weights = path.suffix == ".safetensors" and path.name != "examples.safetensors"
            difference = _measure_difference(path, twin) if weights else None
            yield FileComparison(path.relative_to(one).as_posix(), same, difference)


def compare_claims(one: Path, other: Path) -> Iterator[ClaimComparison]:
    """Claims that both builds have measured, in order of id.

    Of a folder with groups of claims in `phenomena/`, those of the groups that are there; else of
    `phenomena.json`.
    """
    first, second = _read_claims(one), _read_claims(other)
    for name in sorted(first.keys() & second.keys()):
        found = tuple(_list_differences(asdict(first[name]), asdict(second[name]), ()))
        yield ClaimComparison(first[name], second[name], found)


def _read_claims(folder: Path) -> dict[str, Claim]:
    groups = sorted((folder / "phenomena").glob("*.json")) or [folder / "phenomena.json"]
    return {name: claim for path in groups for name, claim in read_claims(path).items()}


def _list_differences(one, other, place: tuple) -> Iterator[Difference]:
    if isinstance(one, dict) and isinstance(other, dict):
        pairs = [(key, one.get(key), other.get(key)) for key in dict.fromkeys([*one, *other])]
    elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        pairs = [(at, *both) for at, both in enumerate(zip(one, other, strict=True))]
    else:
        if one != other:
            yield Difference("/".join(map(str, place)), one, other)
        return
    for key, first, second in pairs:
        yield from _list_differences(first, second, (*place, key))


def _measure_difference(one: Path, other: Path) -> float:
    first, second = load_file(one), load_file(other)
    if {name: t.shape for name, t in first.items()} != {name: t.shape for name, t in second.items()}:
        return float("inf")
    return max(_relative(first[name].double(), second[name].double()) for name in first)


def _relative(one: torch.Tensor, other: torch.Tensor) -> float:
    size = float(one.square().mean().sqrt())
    return float((one - other).square().mean().sqrt()) / size if size else float((other != 0).any())
