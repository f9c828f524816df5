"""One measured claim about gscope-mini."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Claim:
    """A claim, what was measured for it, and whether it holds."""

    id: str  # G1, T1a, ...: listed in docs/claims.md
    claim: str  # one sentence about mini
    metric: str  # what `value` is, with its unit
    value: float
    interval: tuple[float, float] | None  # 95 %, of `value`; None where `details` say why there is none
    n: int  # items, tokens, features or concepts that `value` counts over
    seeds: tuple[int, ...]  # of everything random in the measurement or in the dictionaries compared
    control: Mapping[str, Any]  # what should not work, with its numbers
    threshold: str  # what `value` and `control` must reach, in words
    passed: bool
    details: Mapping[str, Any] = field(default_factory=dict)  # further numbers that tutorials quote


def read_claims(path: Path) -> dict[str, Claim]:
    """Claims of a `phenomena.json` by id, in the order in which they were written."""
    return {id_: _build_claim(entry) for id_, entry in json.loads(path.read_text(encoding="utf-8")).items()}


def _build_claim(entry: dict[str, Any]) -> Claim:
    interval = entry["interval"]
    pair = None if interval is None else (float(interval[0]), float(interval[1]))
    return Claim(**entry | {"interval": pair, "seeds": tuple(entry["seeds"])})
