"""What comes into each node of a graph's file, as it says and as its edges add up."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gscope_widgets.errors import BadArtefact, describe_value
from gscope_widgets.keeping.circuit_marks import count_lost
from gscope_widgets.keeping.circuit_values import name_kind, read_number

_ROUNDING = 1e-5  # of the sizes of what is added up: beyond it, edges and sums do not add up
_LARGEST_GAP = 0.1  # of the largest value: what a bfloat16 model's sums are off by is a few hundredths


class CircuitSums(NamedTuple):
    """What comes into each row of a graph, float32 [row]; and what was made to fit, in sentences."""

    values: np.ndarray
    remainder: np.ndarray
    left_out: np.ndarray
    told: tuple[str, ...]


def measure_gaps(weights: np.ndarray, values: np.ndarray, remainder: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """By how much values differ from the sums of what comes in, as a bfloat16 model's do: float64, [row]."""
    parts = weights.sum(1, dtype=np.float64) + remainder.astype(np.float64) + left_out.astype(np.float64)
    gaps: np.ndarray = values.astype(np.float64) - parts
    return gaps


def read_sums(
    told: Any, where: Mapping[str, int], first: int, weights: np.ndarray, remainder: np.ndarray, *, is_ours: bool
) -> CircuitSums:
    """What each row adds up to, as the file says; where its edges say otherwise, the difference is left out.

    Args:
        told: by node, its value, remainder, what was left out, and by how much the value was off their sum with the
            edges when it was saved; early files lack the last, and what it is off now is taken for it.
    """
    values, left_out = weights.sum(1) + remainder, np.zeros_like(remainder)
    if not is_ours:
        return CircuitSums(values, remainder, left_out, ())
    if told is not None and not isinstance(told, Mapping):
        raise BadArtefact(f"'sums' of its metadata is {name_kind(told)}, not an object")
    sums, given, known = told or {}, np.full(len(values), np.nan), np.zeros(len(values), bool)
    lost = [name for name in sums if where.get(name, -1) < first]
    for name, numbers in sums.items():
        row = where.get(name, -1) - first
        if row < 0:
            continue
        what = f"a sum of node {describe_value(name)}"
        if not isinstance(numbers, list) or len(numbers) not in (3, 4):
            raise BadArtefact(f"{what} is {describe_value(numbers)}, not a list of four numbers")
        read = [read_number(one, what) for one in numbers]
        values[row], remainder[row], left_out[row] = read[:3]
        given[row], known[row] = read[3] if len(read) == 4 else np.nan, True
    measured = measure_gaps(weights, values, remainder, left_out)
    gaps = np.where(np.isnan(given), measured, given)
    gaps[np.abs(gaps) > _LARGEST_GAP * np.abs(values).max(initial=0)] = 0  # more than a model's rounding
    moved = np.where(known, measured - gaps, 0.0)
    least = _ROUNDING * (np.abs(weights).sum(1, dtype=np.float64) + np.abs([values, remainder, left_out]).sum(0))
    off = np.abs(moved) > least
    is_edited = np.abs(measured - given) > least  # never of NaN: without a gap that was saved it is not known
    left_out[off] += moved[off].astype(np.float32)
    names = list(where)[first:]
    return CircuitSums(
        values,
        remainder,
        left_out,
        (
            *count_lost("a sum stands there of {}, which no feature or target has", lost, "id"),
            *count_lost(
                "{} without a sum, whose edges' sum is taken for the value", np.array(names)[~known].tolist(), "node"
            ),
            *(
                line
                for which, words in (
                    (off & is_edited, "edges or sums of {} were changed"),
                    (off & ~is_edited, "edges and sums of {} do not add up"),
                )
                for line in count_lost(
                    f"{words}; the difference, {np.abs(moved[which]).max(initial=0):.3g} at most, is now in left_out",
                    np.array(names)[which].tolist(),
                    "node",
                )
            ),
        ),
    )
