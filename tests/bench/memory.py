"""Memory that one task adds, seen from within a fresh process: `python -m tests.bench.memory` is that process."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
_LOUD = 3.0  # inputs so large that any one feature fires on some of them


def run_fresh(task: str, side: str, folder: Path, *, tokens: int, threads: int) -> dict:
    """What a task of `ours` or `SAELens` gives in a process of its own.

    Raises:
        RuntimeError: it failed; with its own last words.
    """
    command = [sys.executable, "-m", "tests.bench.memory", task, side, str(folder), str(tokens), str(threads)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{task} of {side} failed: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure_peak(task: Callable[[], object]) -> tuple[object, float]:
    """A task's result, and the MB by which the process' memory rose above what it held before, at the highest.

    Resident memory with mapped files, as the kernel counts it (VmRSS, VmHWM).
    """
    Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM to VmRSS
    before = _read_status("VmRSS")
    result = task()
    return result, max(0.0, _read_status("VmHWM") - before)


def _read_status(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"/proc/self/status has no {name}")


def _encode_ours(folder: Path, tokens: int) -> dict:
    from tests.bench.files import draw_inputs
    from tests.bench.ours import open_ours

    dictionary = open_ours(folder)
    x = draw_inputs(tokens, dictionary.d_in)
    dictionary.encode(x[:2])  # checks all weights, and so has read them
    sparse, peak = measure_peak(lambda: dictionary.encode(x))
    arrays = (sparse.positions, sparse.features, sparse.activations)
    return {"firings": [array.tolist() for array in arrays], "peak_mb": peak}


def _encode_saelens(folder: Path, tokens: int) -> dict:
    from tests.bench.files import draw_inputs
    from tests.bench.peers import encode_saelens, open_saelens

    sae = open_saelens(folder)
    x = draw_inputs(tokens, sae.cfg.d_in)
    for weight in sae.parameters():
        weight.sum()
    encode_saelens(sae, x[:2])
    found, peak = measure_peak(lambda: encode_saelens(sae, x))
    return {"firings": [tensor.tolist() for tensor in found], "peak_mb": peak}


def _show_ours(folder: Path, tokens: int) -> dict:
    from tests.bench.files import draw_inputs
    from tests.bench.ours import open_ours

    feature, d_model = _read_middle(folder)
    x = _LOUD * draw_inputs(tokens, d_model)

    def show() -> tuple:
        dictionary = open_ours(folder)
        found = dictionary.encode(x, features=(feature,))
        trace = np.zeros(tokens, np.float32)  # `to_dense` would hold tokens x width of it
        trace[found.positions] = found.activations
        return dictionary.direction(feature), trace

    (direction, trace), peak = measure_peak(show)
    return {"direction": direction.tolist(), "trace": trace.tolist(), "peak_mb": peak}


def _show_saelens(folder: Path, tokens: int) -> dict:
    import torch

    from tests.bench.files import draw_inputs
    from tests.bench.peers import open_saelens

    feature, d_model = _read_middle(folder)
    x = _LOUD * draw_inputs(tokens, d_model)

    @torch.no_grad()
    def show() -> tuple:
        sae = open_saelens(folder)
        pre = x @ sae.W_enc[:, feature] + sae.b_enc[feature]
        return sae.W_dec[feature].clone(), pre * (pre > sae.threshold[feature])

    (direction, trace), peak = measure_peak(show)
    return {"direction": direction.tolist(), "trace": trace.tolist(), "peak_mb": peak}


def _read_middle(folder: Path) -> tuple[int, int]:
    """The feature in the middle of a dictionary, and the length of its rows."""
    from gscope_widgets.runtime.files.weights import read_header

    width, d_model = read_header(folder / "params.safetensors")["w_dec"].shape
    return width // 2, d_model


_TASKS = {
    ("encode", "ours"): _encode_ours,
    ("encode", "SAELens"): _encode_saelens,
    ("show", "ours"): _show_ours,
    ("show", "SAELens"): _show_saelens,
}


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task")
    parser.add_argument("side")
    parser.add_argument("folder", type=Path)
    parser.add_argument("tokens", type=int)
    parser.add_argument("threads", type=int)
    asked = parser.parse_args()
    import torch

    torch.set_num_threads(asked.threads)
    print(json.dumps(_TASKS[asked.task, asked.side](asked.folder, asked.tokens)))


if __name__ == "__main__":
    _main()
