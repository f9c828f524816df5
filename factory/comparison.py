"""Whether two builds of gscope-mini agree: file by file, by hash and by how far their weights lie apart."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from factory.build import hash_file

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


def compare_phenomena(one: Path, other: Path) -> dict[str, tuple[float, float]]:
    """The values of claims that hold in one build and not in the other, by id."""
    first, second = (json.loads((folder / "phenomena.json").read_text()) for folder in (one, other))
    return {
        name: (first[name]["value"], second[name]["value"])
        for name in first.keys() & second.keys()
        if first[name]["passed"] != second[name]["passed"]
    }


def _measure_difference(one: Path, other: Path) -> float:
    first, second = load_file(one), load_file(other)
    if {name: t.shape for name, t in first.items()} != {name: t.shape for name, t in second.items()}:
        return float("inf")
    return max(_relative(first[name].double(), second[name].double()) for name in first)


def _relative(one: torch.Tensor, other: torch.Tensor) -> float:
    size = float(one.square().mean().sqrt())
    return float((one - other).square().mean().sqrt()) / size if size else float((other != 0).any())
