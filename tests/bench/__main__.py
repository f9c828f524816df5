"""Measures this package against its peers on this machine.

    python3 -m venv .venv-bench
    .venv-bench/bin/pip install -r tests/bench/requirements.txt -e .
    .venv-bench/bin/python -m tests.bench

needs Linux, 8 GiB of memory and 5 GB of disk where temporary files go (TMPDIR says where), and a machine
that does nothing else meanwhile. Ends with 1 where a target is missed or outputs differ.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from tests.bench.bfloat16 import measure_bfloat16
from tests.bench.browser import measure_browser
from tests.bench.computing import measure_decoding, measure_encoding, measure_traces
from tests.bench.files import write_dictionary, write_example_file
from tests.bench.gemma import open_bench
from tests.bench.imports import measure_imports
from tests.bench.machine import BUSY, describe_machine
from tests.bench.reading import measure_reading
from tests.bench.report import render_report, write_report
from tests.bench.rows import Row
from tests.bench.shapes import FULL, QUICK, THREADS, Plan
from tests.bench.steering import measure_first_token, measure_rate
from tests.bench.storage import measure_encoding_memory, measure_examples, measure_feature_memory, measure_rows

_EACH = {"T1": measure_encoding, "T2": measure_bfloat16, "T4": measure_decoding}
_WIDEST = {"T3": measure_encoding_memory, "T5": measure_traces, "T6": measure_feature_memory, "T7": measure_rows}
_MODEL = {"T9": measure_reading, "T10": measure_first_token, "T11": measure_rate}
_TARGETS = ("T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", *_MODEL, "T18")
_SPACE = 5_000_000_000  # bytes, of which the widest dictionary takes 2.4e9


def main() -> int:
    """Run what is asked; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="toy sizes, to see that all rows run; writes no report")
    parser.add_argument("--only", default=",".join(_TARGETS), help="targets, such as T1,T4; writes no report")
    asked = parser.parse_args()
    targets = asked.only.split(",")
    if unknown := sorted(set(targets) - set(_TARGETS)):
        parser.error(f"--only takes {', '.join(_TARGETS)}, got {', '.join(unknown)}")
    plan = QUICK if asked.quick else FULL
    machine = describe_machine()
    if machine["load_before"] > BUSY:
        print(f"This machine is busy (load {machine['load_before']}): the times below lie.", file=sys.stderr)
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory(prefix="gscope-bench-") as root:
        if plan.gated and shutil.disk_usage(root).free < _SPACE:
            parser.error(f"{_SPACE / 1e9:.0f} GB of disk are needed where temporary files go; set TMPDIR")
        rows = list(_measure(Path(root), plan, targets))
    rows.sort(key=lambda row: _TARGETS.index(row.target))
    print(render_report(rows, machine=machine))
    if not plan.gated:
        print("Toy sizes: these rows ran, and their figures say nothing.")
    if plan.gated and set(targets) == set(_TARGETS):
        write_report(Path(__file__).parent, rows, machine=machine, plan=asdict(plan))
    failing = ("miss", "unequal") if plan.gated else ("unequal",)
    return int(any(row.verdict in failing for row in rows))


def _measure(root: Path, plan: Plan, targets: list[str]) -> Iterator[Row]:
    if "T8" in targets:
        yield from _run("T8", measure_imports, plan)
    if "T18" in targets:
        yield from _run("T18", measure_browser, plan)
    for shape in plan.shapes:
        tasks = _EACH | (_WIDEST if shape is plan.shapes[-1] else {})
        tasks = {target: measure for target, measure in tasks.items() if target in targets}
        if tasks:
            folder = write_dictionary(root / shape.name, shape)
            for target, measure in tasks.items():
                yield from _run(f"{target}, {shape.name}", measure, folder, shape, plan)
            shutil.rmtree(root / shape.name)
    if wanted := {target: measure for target, measure in _MODEL.items() if target in targets}:
        with open_bench(root / "270m", plan) as bench:
            for target, measure in wanted.items():
                yield from _run(f"{target}, 270m", measure, bench, plan)
    if "T7" in targets:
        write_example_file(root / "examples", features=plan.features, sequences=plan.sequences)
        yield from _run("T7, examples", measure_examples, root / "examples", plan)


def _run(name: str, measure: Callable[..., list[Row]], *arguments: object) -> list[Row]:
    print(f"{name} ...", file=sys.stderr, flush=True)
    return measure(*arguments)


if __name__ == "__main__":
    sys.exit(main())
