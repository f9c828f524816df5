"""Builds compared: weights by bytes and distance, claims by every value and by their verdict."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from factory.__main__ import report_comparison
from factory.claims.record import write_claims
from factory.comparison import compare_builds, compare_claims
from gscope_widgets.mini.claim import Claim

CLAIM = Claim("X1", "c", "m", 0.5, (0.4, 0.6), 5, (0,), {"none": 0.1}, ">= 0.4", True, {"curve": [{"effect": 2.0}]})


def write_build(folder: Path, tensor: torch.Tensor) -> Path:
    path = folder / "models" / "mini" / "model.safetensors"
    path.parent.mkdir(parents=True)
    save_file({"weight": tensor}, path)
    return folder


@pytest.mark.parametrize(
    ("change", "same", "agrees"),
    [
        (lambda w: w, True, True),
        (lambda w: w * 1.001, False, True),
        (lambda w: w * 1.5, False, False),
        (lambda w: w[:2].clone(), False, False),
    ],
)
def test_weights_are_compared_by_bytes_then_by_distance(tmp_path, change, same, agrees):
    weight = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    one, other = write_build(tmp_path / "one", weight), write_build(tmp_path / "other", change(weight))
    (result,) = compare_builds(one, other)
    assert (result.same_bytes, result.agrees) == (same, agrees)


def write_both(folder: Path, one: Claim, other: Claim) -> tuple[Path, Path]:
    paths = folder / "one", folder / "other"
    for path, claim in zip(paths, (one, other), strict=True):
        path.mkdir()
        write_claims(path / "phenomena.json", [claim])
    return paths


@pytest.mark.parametrize(
    ("other", "places", "relative", "agrees"),
    [
        (CLAIM, [], [], True),
        (replace(CLAIM, value=0.4), ["value"], [pytest.approx(0.2)], True),
        (replace(CLAIM, details={"curve": [{"effect": 1.0}]}), ["details/curve/0/effect"], [0.5], True),
        (replace(CLAIM, details={"curve": []}), ["details/curve"], [None], True),
        (replace(CLAIM, passed=False, interval=None), ["interval", "passed"], [None, None], False),
    ],
)
def test_claims_are_compared_value_by_value(tmp_path, other, places, relative, agrees):
    (result,) = compare_claims(*write_both(tmp_path, CLAIM, other))
    assert [change.place for change in result.differences] == places
    assert [change.relative for change in result.differences] == relative
    assert result.agrees == agrees


def test_of_a_build_that_is_not_finished_the_groups_that_are_there_are_compared(tmp_path):
    one, other = write_both(tmp_path, CLAIM, CLAIM)
    (one / "phenomena").mkdir()
    write_claims(one / "phenomena" / "group.json", [replace(CLAIM, value=0.45)])
    (result,) = compare_claims(one, other)
    assert (result.one.value, result.other.value) == (0.45, 0.5)


def test_the_report_names_what_differs(tmp_path, capsys):
    report_comparison(*write_both(tmp_path, CLAIM, replace(CLAIM, passed=False, value=0.25)))
    printed = capsys.readouterr().out
    assert "DIFFERS: claim X1, holds and missed, 0.5 and 0.25; 2 values differ" in printed
    assert "0 of 1 claims are the same in every value" in printed
