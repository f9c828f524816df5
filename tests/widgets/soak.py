"""Widgets of every kind on the embedded model, made, answered and closed: `python -m tests.widgets.soak [COUNT]`.

It says what memory, objects and threads did, and ends with an error where they grew.
"""

import gc
import sys
import threading
import time
from pathlib import Path

import ipywidgets
import torch

import gscope_widgets as gs
from gscope_widgets.widgets.catalogue import CATALOGUE
from tests.fake_comm import FakeComm
from tests.fake_engines import ENGINES
from tests.widgets.test_memory import make_and_use

COUNT = 500  # of each kind
GROWTH = 20_000  # bytes of resident memory for each widget that pass for noise; one that is kept takes more


def measure() -> tuple[int, int, int]:
    """Resident bytes, objects and threads."""
    for _ in range(3):
        gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    resident = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
    return resident, len(gc.get_objects()), threading.active_count()


def main(count: int) -> None:
    torch.set_num_threads(1)  # models this small are fastest so
    ipywidgets.comm.create_comm = FakeComm
    engines, began = {kind: make() for kind, make in ENGINES.items()} | {"scope": gs.load("mini")}, time.perf_counter()
    for index in range(20 * len(CATALOGUE)):
        make_and_use(engines, index).close()
    first = measure()
    for index in range(count * len(CATALOGUE)):
        make_and_use(engines, index).close()
    resident, objects, threads = (after - before for after, before in zip(measure(), first, strict=True))
    total = count * len(CATALOGUE)
    print(
        f"{total} widgets in {time.perf_counter() - began:.0f} s: {resident / total:.0f} bytes of resident memory and"
    )
    print(
        f"{objects / total:.3f} objects more for each, {threads} threads more. What the scope holds:\n{engines['scope'].memory()}"
    )
    assert resident < GROWTH * total, f"resident memory grew by {resident} bytes"
    assert objects < 0.1 * total, f"{objects} objects stayed"
    assert threads == 0, f"{threads} threads stayed"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
