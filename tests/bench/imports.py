"""T8: what `import gscope_widgets` costs beside `import sae_lens`, in fresh processes."""

import json
import subprocess
import sys

from tests.bench.memory import ROOT
from tests.bench.rows import Equality, Row
from tests.bench.shapes import Plan
from tests.bench.timing import Spread, compare

_SOURCE = """
import json, sys, time
start = time.perf_counter()
{statement}
seconds = time.perf_counter() - start
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({{
    "seconds": seconds,
    "memory_mb": int(status["VmRSS"].split()[0]) * 1024 / 1e6,
    "modules": len(sys.modules),
    "torch": "torch" in sys.modules,
}}))
"""
_STATEMENTS = {
    "ours": "import gscope_widgets",
    "with the runtime": "import gscope_widgets; gscope_widgets.Scope",
    "SAELens": "import sae_lens",
}


def measure_imports(plan: Plan) -> list[Row]:
    """Time, memory and modules; the runtime, which brings torch and transformers, is told beside it."""
    found: dict[str, list[dict]] = {side: [] for side in _STATEMENTS}
    for turn in range(plan.alternations + 1):
        for side, results in found.items():
            result = _import(_STATEMENTS[side])
            if turn:
                results.append(result)
    taken = {side: [one["seconds"] for one in results] for side, results in found.items()}
    last = {side: results[-1] for side, results in found.items()}
    light = Equality(not last["ours"]["torch"], "torch is loaded" if last["ours"]["torch"] else "no torch loaded")
    rows = []
    for side, case in (("ours", "import gscope_widgets"), ("with the runtime", "the same and gscope_widgets.Scope")):
        pair = {"ours": taken[side], "SAELens": taken["SAELens"]}
        rows.append(
            Row(
                "T8",
                case,
                measure="import sae_lens / ours",
                found=compare(pair, ours="ours", peer="SAELens"),
                equality=light if side == "ours" else Equality(True, "imports have no output"),
                least=5.0 if side == "ours" else None,
                sides={name: Spread.of([1e3 * one for one in values]) for name, values in pair.items()},
                unit="ms",
                note="; ".join(
                    f"{name} {last[which]['modules']} modules, {last[which]['memory_mb']:.0f} MB"
                    for name, which in (("ours", side), ("SAELens", "SAELens"))
                ),
            )
        )
    return rows


def _import(statement: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", _SOURCE.format(statement=statement)], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{statement} failed: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
