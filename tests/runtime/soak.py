"""Many random operations on a scope: `python -m tests.runtime.soak [OPERATIONS]`, which is `make soak`.

It says what was done, and ends with an error, and the operations that led to it, where something did not hold.
"""

import sys
import time
import warnings

import torch
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.runtime.machine import Machine

OPERATIONS = 10_000


def main(operations: int) -> None:
    torch.set_num_threads(1)  # models this small are fastest so
    warnings.simplefilter("ignore")  # of random dictionaries and of large strengths
    began = time.perf_counter()
    while Machine.done.total() < operations:
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=20,
                stateful_step_count=50,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
        print(f"{Machine.done.total()} operations in {time.perf_counter() - began:.0f} s", flush=True)
    for title, counted in (("operations", Machine.done), ("faults that met a pass", Machine.strikes)):
        print(f"{counted.total()} {title}:", ", ".join(f"{count} {name}" for name, count in counted.most_common()))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else OPERATIONS)
