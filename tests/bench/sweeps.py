"""Measures sweeps against SAEDashboard, delphi and their own floor: T12 to T16.

    make bench-sweeps

needs Linux, 8 GiB of memory, 3 GB of disk and a machine that does nothing else meanwhile. Ends with 1 where a target is
missed or outputs differ.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from gscope_widgets.runtime.sweeps.state import SweepState
from tests.bench.machine import BUSY, describe_machine
from tests.bench.memory import ROOT
from tests.bench.report import render_report, write_report
from tests.bench.rows import Equality, Row
from tests.bench.sweep_inputs import (
    D_MODEL,
    FULL,
    LAYER,
    LAYERS,
    QUICK,
    SEQ_LEN,
    SweepPlan,
    write_model,
    write_rows,
    write_sweep_dictionary,
)
from tests.bench.timing import Spread, compare

FEATURES = 128  # a batch of SAEDashboard's
_COMMAND = "make bench-sweeps"
_LIMIT_S = 3600
_TARGETS = ("T12", "T13", "T14", "T15", "T16")
_HEAD = f"""# Sweeps, measured against the peers

T12 to T16 are the project's targets of sweeps. Ours and the peer ran by turns, each in a fresh process, with the same weights
(a random Gemma 3 of {LAYERS} layers, d_model {D_MODEL}), the same rows of {SEQ_LEN} tokens and the same threads; where their outputs
differ there is no ratio. A ratio is one of medians; in brackets are the extremes of single turns. `told` is a figure beside
the targets, of which nothing is asked. Made by `{{command}}`.

{{machine}}

| target | case | of what | must | found (lowest to highest) | verdict |
|---|---|---|---|---|---|
"""


def main() -> int:
    """Run what is asked; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sweeps", description=__doc__.splitlines()[0])
    parser.add_argument("--peers", required=True, help="the Python of an environment with sweep_peers.txt")
    parser.add_argument("--delphi", required=True, help="a checkout of EleutherAI/delphi")
    parser.add_argument("--quick", action="store_true", help="toy sizes, to see that all rows run; writes no report")
    parser.add_argument("--only", default=",".join(_TARGETS), help="targets, such as T12,T13; writes no report")
    parser.add_argument(
        "--rows", type=int, help="of 128 tokens, in the place of the plan's, and its multiples; for a look"
    )
    parser.add_argument("--note", default="", help="a sentence for the head of the report")
    asked = parser.parse_args()
    targets = asked.only.split(",")
    plan = QUICK if asked.quick else FULL
    if asked.rows:
        plan = SweepPlan(plan.widths, asked.rows, asked.rows, 10 * asked.rows, 4 * asked.rows, 1, plan.gated)
    machine = describe_machine() | {"threads": "1, or 2 where it says so,"}
    machine["versions"] |= _read_versions(asked.peers)
    if machine["load_before"] > BUSY:
        print(f"This machine is busy (load {machine['load_before']}): the times below lie.", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="gscope-bench-") as root:
        bench = _Bench(Path(root), plan, peers=asked.peers, delphi=asked.delphi)
        rows = [row for target in targets for row in getattr(bench, f"measure_{target.lower()}")()]
    head = _HEAD.replace("\n| target", f"\n{asked.note}\n\n| target", 1) if asked.note else _HEAD
    print(render_report(rows, machine=machine, head=head, command=_COMMAND))
    if plan.gated and set(targets) == set(_TARGETS):
        told = {"machine": machine, "plan": asdict(plan), "name": "sweeps", "head": head, "command": _COMMAND}
        write_report(Path(__file__).parent, rows, **told)
    failing = ("miss", "unequal") if plan.gated else ("unequal",)
    return int(any(row.verdict in failing for row in rows))


def _read_versions(python: str) -> dict[str, str]:
    names = ("sae-dashboard", "sae-lens", "transformers", "numpy")
    code = f"import json; from importlib.metadata import version; print(json.dumps([version(n) for n in {names!r}]))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return {"delphi": "3c2e139"} | {f"{name} (of the peers)": one for name, one in zip(names, found, strict=True)}


class _Bench:
    """Inputs in a folder, and processes that are told of them."""

    def __init__(self, root: Path, plan: SweepPlan, *, peers: str, delphi: str):
        self._root, self._plan, self._peers, self._delphi = root, plan, peers, delphi
        self._model = write_model(root / "model")
        ids = write_rows(root / "rows.npy", max(plan.more_rows, plan.cached_rows))
        self._dictionaries = {
            name: write_sweep_dictionary(root, name, width, self._model, ids) for name, width in plan.widths
        }

    def measure_t12(self) -> list[Row]:
        """Features a second with equal panels."""
        rows = []
        for name, width in self._plan.widths:
            asked = {"count": self._plan.rows, "features": FEATURES, "threads": 2}
            ours, theirs = self._take_turns(
                lambda asked=asked, name=name: self._ours("sweep", name, **asked),
                lambda asked=asked, name=name: self._theirs("dashboard", name, batch_rows=32, **asked),
            )
            seconds = {
                "ours, all features": [one["seconds"] + one["logits_seconds"] for one in ours],
                f"SAEDashboard, {FEATURES} features": [one["seconds"] for one in theirs],
            }
            one, other = seconds.values()
            single = [(theirs_s / FEATURES) / (ours_s / width) for ours_s, theirs_s in zip(one, other, strict=True)]
            rows.append(
                Row(
                    "T12",
                    f"{name}, {self._plan.rows * SEQ_LEN:,} tokens, 2 threads",
                    "our features a second / SAEDashboard's",
                    Spread(float(np.median(single)), min(single), max(single)),
                    _compare_panels(ours[0]["panels"], theirs[0]["panels"]),
                    least={"16k": 20.0, "65k": 50.0}.get(name),
                    sides={side: Spread.of(values) for side, values in seconds.items()},
                    unit="s",
                    note=f"SAEDashboard's time of {FEATURES} features is taken for each {FEATURES} of the {width:,}; it also "
                    "makes tables of correlations, which a sweep leaves out, and quantile groups at random",
                )
            )
        return rows

    def measure_t13(self) -> list[Row]:
        """Against a forward pass and a bare product."""
        rows = []
        for name, _ in self._plan.widths:
            asked = {"count": self._plan.floor_rows, "threads": 2, "alternations": max(3, self._plan.alternations)}
            found = self._ours("floor", name, **asked)
            case = f"reading and counting, {name}, {self._plan.floor_rows * SEQ_LEN:,} tokens, 2 threads"
            rows += [
                Row(
                    "T13",
                    f"{case}{of}",
                    "forward pass and bare product / ours",
                    compare(found, ours="sweep", peer=floor),
                    Equality(True, "the same batches in one process"),
                    least=least,
                    sides={"ours": Spread.of(found["sweep"]), floor: Spread.of(found[floor])},
                    unit="s",
                    note=note,
                )
                for floor, of, least, note in (
                    ("floor", "", 0.9, "the floor has one batch at a time on both threads of torch; ours one on each"),
                    ("floor, side by side", "; the floor too has a batch on each", None, ""),
                )
            ]
        return rows

    def measure_t14(self) -> list[Row]:
        """Memory by the length of the corpus, and of the state by itself."""
        name, _ = self._plan.widths[0]
        counts = (self._plan.rows, self._plan.more_rows)
        few, many, *_ = self._of_sizes
        peaks = {f"{count * SEQ_LEN:,} tokens": [one["peak_mb"] for one in found] for count, found in zip(counts, (few, many), strict=True)}  # fmt: skip
        first, second = peaks.values()
        single = [large / small for small, large in zip(first, second, strict=True)]
        state = SweepState(262_144, 20)
        top = (state.top_activations.nbytes + state.top_places.nbytes) / 1e6
        same = Equality(True, "nothing is compared")
        return [
            Row(
                "T14",
                f"peak memory, {name}, ten times the tokens",
                "peak of ten times the tokens / peak",
                Spread(float(np.median(second) / np.median(first)), min(single), max(single)),
                same,
                most=1.1,
                sides={side: Spread.of(values) for side, values in peaks.items()},
                unit="MB above the loaded model",
            ),
            Row("T14", "the 20 strongest of 262k features", "MB", Spread.of([top]), same, most=100.0),
            Row(
                "T14",
                "the whole state of 262k features: histograms, samples and counts too",
                "MB",
                Spread.of([state.nbytes / 1e6]),
                same,
            ),
        ]

    @cached_property
    def _of_sizes(self) -> list[list[dict[str, Any]]]:
        """Runs of few rows, of ten times as many, and of those by two workers and two threads: T14 and T16 share them."""
        name, _ = self._plan.widths[0]
        few, many = self._plan.rows, self._plan.more_rows
        plan = ((few, 1, 1), (many, 1, 1), (many, 2, 1), (many, 1, 2))
        return self._take_turns(
            *(
                partial(self._ours, "sweep", name, count=count, workers=workers, threads=threads)
                for count, workers, threads in plan
            )
        )

    def measure_t15(self) -> list[Row]:
        """Against delphi's cache of all firings."""
        name, _ = self._plan.widths[0]
        asked = {"count": self._plan.cached_rows, "threads": 2}
        ours, theirs = self._take_turns(
            lambda: self._ours("sweep", name, features=FEATURES, **asked),
            lambda: self._theirs("delphi", name, batch_rows=32, features=FEATURES, **asked),
        )
        tokens = self._plan.cached_rows * SEQ_LEN
        largest = np.array(ours[0]["panels"]["max"])
        apart = float(np.abs(largest - np.array(theirs[0]["max"])).max())
        equality = Equality(
            bool(apart <= 2e-3 * largest.max()),
            f"largest activations of {FEATURES} features differ by up to {apart:.2g} of {largest.max():.3g}: delphi keeps float16",
        )
        seconds = {"ours": [one["seconds"] for one in ours], "delphi": [one["seconds"] for one in theirs]}
        peaks = {"ours": [one["peak_mb"] for one in ours], "delphi": [one["peak_mb"] for one in theirs]}
        shares = [own / peer for own, peer in zip(*peaks.values(), strict=True)]
        note = (
            f"at {tokens:,} tokens; delphi's grows with the corpus, by 28 bytes a firing until its splits are written, "
            "how ours does is T14's first row"
        )
        return [
            Row(
                "T15",
                f"{name}, {tokens:,} tokens, 2 threads",
                "delphi's time / ours",
                compare(seconds, ours="ours", peer="delphi"),
                equality,
                least=1.5,
                sides={side: Spread.of(values) for side, values in seconds.items()},
                unit="s",
                note="delphi: its cache, which runs all layers, its splits on the disk, and a plain sort of each for the 20 strongest",
            ),
            Row(
                "T15",
                f"peak memory, {name}",
                "ours / delphi's",
                Spread(float(np.median(shares)), min(shares), max(shares)),
                equality,
                most=0.2,
                sides={side: Spread.of(values) for side, values in peaks.items()},
                unit="MB above the loaded model",
                note=note,
            ),
        ]

    def measure_t16(self) -> list[Row]:
        """Two workers against one, two threads beside them, and the same bytes of all."""
        name, _ = self._plan.widths[0]
        _, one, workers, threads = self._of_sizes
        digests = {run["digest"] for run in (*one, *workers, *threads)}
        of = f"{name}, {self._plan.more_rows * SEQ_LEN:,} tokens"

        def compare_two(two: list[dict[str, Any]], case: str, note: str, least: float | None) -> Row:
            seconds = {"one": [run["seconds"] for run in one], "two": [run["seconds"] for run in two]}
            return Row(
                "T16",
                case,
                "time of one / time of two",
                compare(seconds, ours="two", peer="one"),
                Equality(len(digests) == 1, "sha256 of the files written"),
                least=least,
                sides={side: Spread.of(values) for side, values in seconds.items()},
                unit="s",
                note=note,
            )

        return [
            compare_two(
                workers,
                f"two workers, {of}, 1 thread each",
                "the second is a process that loads torch and the model first, which is counted; the first works in the process that is timed",
                1.6,
            ),
            compare_two(threads, f"two threads, {of}, 1 worker", "", None),
        ]

    def _take_turns(self, *sides: Any) -> list[list[dict[str, Any]]]:
        taken: list[list[dict[str, Any]]] = [[] for _ in sides]
        for turn in range(self._plan.alternations):
            for at in sorted(range(len(sides)), reverse=bool(turn % 2)):
                taken[at].append(sides[at]())
        return taken

    def _ours(self, task: str, name: str, **asked: object) -> dict[str, Any]:
        return self._run([sys.executable, "-m", "tests.bench.sweep_ours"], task, name, dict(os.environ), asked)

    def _theirs(self, task: str, name: str, **asked: object) -> dict[str, Any]:
        environment = os.environ | {"PYTHONPATH": self._delphi}
        return self._run([self._peers, "tests/bench/sweep_peers.py"], task, name, environment, asked)

    def _run(
        self, command: list[str], task: str, name: str, environment: dict[str, str], asked: dict[str, Any]
    ) -> dict[str, Any]:
        told = asked | {
            "task": task,
            "model": str(self._model),
            "dictionary": str(self._dictionaries[name]),
            "rows": str(self._root / "rows.npy"),
            "layer": LAYER,
        }
        print(f"{task}, {name}, {asked} ...", end=" ", file=sys.stderr, flush=True)
        began = time.monotonic()
        done = subprocess.run(
            command,
            input=json.dumps(told),
            cwd=ROOT,
            env=environment | {"OMP_NUM_THREADS": str(asked["threads"])},
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
        )
        if done.returncode:
            raise RuntimeError(f"{task} failed: {done.stderr.strip()[-3000:]}")
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def _compare_panels(ours: dict[str, Any], theirs: dict[str, Any]) -> Equality:
    apart = {}
    for panel, tolerance in (("max", 2e-2), ("fired", 1e-3), ("promoted", 1e-4), ("suppressed", 1e-4)):
        own, other = np.array(ours[panel], float), np.array(theirs[panel], float)
        apart[panel] = float((np.abs(own - other) / np.maximum(np.abs(own), 1e-6)).max()), tolerance
    told = ", ".join(f"{panel} {found:.1g}" for panel, (found, _) in apart.items())
    return Equality(
        all(found <= tolerance for found, tolerance in apart.values()),
        f"of {FEATURES} features, the largest relative difference: {told} (the largest activation is read off "
        "SAEDashboard's histogram; its examples leave out the ends of rows, ours do not)",
    )


if __name__ == "__main__":
    sys.exit(main())
