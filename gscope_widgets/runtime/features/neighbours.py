"""Features whose decoder rows point the way of another's."""

from collections.abc import Generator

import numpy as np

from gscope_widgets.errors import Offline, OutOfMemory, write_bytes
from gscope_widgets.records.dashboards import FeatureNeighbour, NeighbourMeasure
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary

NEIGHBOURS = 8  # by each measure
_SHORTEST = 1e-12  # a length that is divided by
_READ_BYTES = 500_000_000  # of decoder rows that are read from a disk for one card


def measure_cosines(dictionary: Dictionary, feature: int) -> Generator[None, None, np.ndarray]:
    """The cosine of one decoder row with each: float32, [F]; 0 for rows of zeros. Reads rows block by block.

    A feature that writes to several layers has its rows side by side as one vector.

    Raises:
        Offline: the weights are not on this machine.
        OutOfMemory: they are not in memory, and too many to be read for this.
    """
    missing = dictionary.missing_bytes
    if missing:
        raise Offline(f"its decoder rows are on the Hub ({write_bytes(missing)}) and were not asked for")
    size = dictionary.row_bytes
    if not dictionary.is_loaded and size > _READ_BYTES:
        raise OutOfMemory(f"its decoder rows take {write_bytes(size)} and are not in memory; read a text with it first")
    one = dictionary.written(feature).ravel()
    one = one / max(float(np.linalg.norm(one)), _SHORTEST)
    parts = []
    for rows in dictionary.row_blocks():
        parts.append(rows @ one / np.maximum(np.linalg.norm(rows, axis=1), _SHORTEST))
        yield
    return np.concatenate(parts)


def list_neighbours(
    dictionary: Dictionary, feature: int, values: np.ndarray, *, measure: NeighbourMeasure, on: str
) -> tuple[FeatureNeighbour, ...]:
    """The features with the largest values, itself left out, as far as they are above 0.

    Args:
        values: float, [F]; NaN where the measure is not defined.
    """
    ranked = np.where(np.isnan(values), -np.inf, values)
    ranked[feature] = -np.inf
    order = np.argsort(-ranked, kind="stable")[:NEIGHBOURS]
    return tuple(
        FeatureNeighbour(dictionary.feature(int(one)), dictionary.label(int(one)), measure, float(ranked[one]), on)
        for one in order
        if ranked[one] > 0
    )
