"""The type checker of `make lint` sees what it is there for, and lets right code be."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAD = """
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.interventions import Intervention, add
from gscope_widgets.records.protocols import Scope
from gscope_widgets.records.readings import FeatureReading

"""


@pytest.fixture
def check_types(tmp_path):
    """What mypy says of a source, with the project's own settings; empty where it finds nothing."""
    return partial(_check_types, tmp_path / "source.py")


def _check_types(path: Path, source: str) -> str:
    path.write_text(HEAD + source, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def test_right_code_passes(check_types):
    assert check_types("def steer(ref: FeatureRef) -> Intervention:\n    return add(ref, 0.5)") == ""


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("def steer(feature: int) -> Intervention:\n    return add(feature, 0.5)", "arg-type"),
        ("def peak(reading: FeatureReading) -> float:\n    return reading.largest", "attr-defined"),
        ("def peak(reading):\n    return reading.top(1)", "no-untyped-def"),
        ("def paint(scope: Scope) -> None:\n    scope.paint()", "attr-defined"),
        ("class Half:\n    text_limit = 5\n\ndef serve(half: Half) -> Scope:\n    return half", "return-value"),
    ],
    ids=["another type", "no such member", "no annotations", "nothing that every engine has", "half an engine"],
)
def test_a_wrong_seam_is_found(check_types, source, complaint):
    assert f"[{complaint}]" in check_types(source)
