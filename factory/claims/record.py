"""Claims about gscope-mini as a file."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gscope_widgets.mini.claim import Claim


def write_claims(path: Path, claims: Iterable[Claim]) -> None:
    """Write claims as JSON by id, numbers rounded to five digits."""
    content = {one.id: _round(asdict(one)) for one in claims}
    path.write_text(json.dumps(content, indent=1) + "\n")


def _round(value):
    if isinstance(value, dict):
        return {str(key): _round(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_round(one) for one in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.5g}")
    return int(value) if isinstance(value, np.integer) else value
