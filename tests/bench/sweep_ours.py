"""One sweep of ours in a process of its own: `python -m tests.bench.sweep_ours`, told what by JSON on standard input."""

import hashlib
import json
import sys
import tempfile
import time
from collections import deque
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file

import gscope_widgets as gs
from gscope_widgets.runtime.examples.logits import measure_effects
from gscope_widgets.runtime.sweeps.hand import Hand, Stretch, split_batches
from gscope_widgets.runtime.sweeps.rows import HEAD
from gscope_widgets.runtime.sweeps.state import SweepState
from gscope_widgets.runtime.sweeps.sweep import BATCH_TOKENS
from gscope_widgets.runtime.sweeps.threads import run_in_order
from tests.bench.memory import measure_peak


def main() -> None:
    asked = json.load(sys.stdin)
    torch.set_num_threads(asked["threads"])
    ids = np.load(asked["rows"])[: asked["count"]]
    with gs.load(asked["model"]) as scope:
        dictionary = scope.dictionary(path=asked["dictionary"])
        dictionary.encode(np.zeros((1, dictionary.d_in), np.float32))  # reads the weights
        work = {"sweep": _sweep, "floor": _measure_floor}[asked["task"]]
        print(json.dumps(work(scope, dictionary, ids, asked)))


def _sweep(scope, dictionary, ids, asked) -> dict:
    """Seconds of the whole, files written; and what it found of some features."""
    with tempfile.TemporaryDirectory() as folder:

        def run() -> float:
            began = time.perf_counter()
            gs.sweep(
                scope,
                dictionary,
                list(ids),
                Path(folder) / "out",
                k=20,
                seq_len=ids.shape[1],
                threads=asked["threads"],
                workers=asked.get("workers", 1),
                show=False,
            )
            return time.perf_counter() - began

        seconds, peak = measure_peak(run)
        found = load_file(Path(folder) / "out" / "examples.safetensors")
        beside = load_file(Path(folder) / "out" / "sweep.safetensors")
        files = (Path(folder) / "out" / name for name in ("examples.safetensors", "sweep.safetensors"))
        digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    told = {"seconds": seconds, "peak_mb": peak, "digest": digest}
    if features := asked.get("features"):
        began = time.perf_counter()
        ranked = measure_effects(scope._engine.loaded.model, dictionary).ranked()
        told["logits_seconds"] = time.perf_counter() - began
        some = slice(0, features)
        told["panels"] = {
            "max": found["activations"][some, 0].tolist(),
            "fired": beside["counts"][some].tolist(),
            "promoted": ranked["top_logits"][some].tolist(),
            "suppressed": ranked["bottom_logits"][some].tolist(),
        }
    return told


def _measure_floor(scope, dictionary, ids, asked) -> dict:
    """Seconds of reading and counting, and of a forward pass with a bare product, by turns on the same batches.

    The floor is timed twice: as one stream of batches on all threads of torch, and as our threads would run it, each
    with a batch of its own.
    """
    loaded, threads = scope._engine.loaded, asked["threads"]
    rows = np.zeros((len(ids), HEAD + ids.shape[1]), np.int32)
    rows[:, 0], rows[:, HEAD:] = ids.shape[1], ids
    hand, alone = (Hand(loaded, dictionary, batch_tokens=BATCH_TOKENS, threads=count) for count in (threads, 1))
    w_enc = dictionary._members[0].file.tensor("w_enc")

    def sweep() -> None:
        state = SweepState(dictionary.d_dict, 20)
        deque(hand.fill(state, Stretch((0, 1), (0, len(rows)), rows)), maxlen=0)
        state.to_arrays()

    def list_products(hand):
        used = loaded.tokenizer.mask_used(rows[:, HEAD:], rows[:, 0])

        @torch.inference_mode()
        def multiply(batch) -> None:
            x = hand.run_model(rows[batch, HEAD:], *np.nonzero(used[batch]))
            for first in range(0, w_enc.shape[1], 16_384):
                x @ w_enc[:, first : first + 16_384]

        return [partial(multiply, batch) for batch in split_batches(rows[:, 0], BATCH_TOKENS)]

    def floor() -> None:
        torch.set_num_threads(threads)
        for multiply in list_products(alone):
            multiply()

    def floor_side_by_side() -> None:
        deque(run_in_order(list_products(hand), threads), maxlen=0)

    def measure(_job) -> dict:
        sides = {"sweep": sweep, "floor": floor, "floor, side by side": floor_side_by_side}
        found = {name: [] for name in sides}
        for turn in range(asked["alternations"] + 1):
            for name, side in list(sides.items())[:: 1 if turn % 2 else -1]:
                began = time.perf_counter()
                side()
                found[name].append(time.perf_counter() - began)
        return {name: values[1:] for name, values in found.items()}

    return scope.submit(measure).result()


if __name__ == "__main__":
    main()
