"""Claims come back from a file as they were written, those that hold and those that do not."""

from dataclasses import replace

import numpy as np
import pytest

from factory.claims.record import write_claims
from gscope_widgets.mini.claim import Claim, read_claims

HELD = Claim("X1", "claim", "share", 0.123456789, (0.1, 0.2), 5, (0,), {"none": 0.0}, ">= 0.1", True)


def test_claims_come_back_with_five_digits_and_their_verdicts(tmp_path):
    missed = replace(HELD, id="X2", passed=False, interval=None)
    write_claims(tmp_path / "claims.json", [HELD, missed])
    back = read_claims(tmp_path / "claims.json")
    assert back == {"X1": replace(HELD, value=0.12346), "X2": replace(missed, value=0.12346)}


@pytest.mark.parametrize(
    ("value", "kept"),
    [(np.float32(0.1), 0.1), (np.int64(7), 7), (np.bool_(True), True), ((1, 2.000001), [1, 2.0]), (None, None)],
)
def test_numbers_of_numpy_are_written_as_plain_ones(tmp_path, value, kept):
    write_claims(tmp_path / "claims.json", [replace(HELD, details={3: value})])
    found = read_claims(tmp_path / "claims.json")["X1"].details
    assert found == {"3": kept} and type(found["3"]) is type(kept)
