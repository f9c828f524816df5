"""Attribution graphs beside circuit-tracer's, each in a fresh process: `python -m tests.bench.circuits --peer PYTHON`.

PYTHON is that of an environment with circuit-tracer 0.5.0 and the versions that it pins, which a notebook cannot have
beside ours:

    python3 -m venv .venv-circuits
    .venv-circuits/bin/pip install circuit-tracer==0.5.0 nnsight==0.6.1 $(grep "^torch==" constraints.txt)

Both read the same random model of Gemma 3 270M's shape and the same 18 transcoders of 16k features from the same files,
in float32, and follow every feature that fires on a prompt of 24 tokens. Ends with 1 where a target is missed or graphs
differ.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import Gemma3ForCausalLM

import gscope_widgets as gs
from gscope_widgets.records.circuits import EDGE_SHARE, ERROR, FEATURE, NODE_SHARE, TOKEN, AttributionGraph, GraphTarget
from gscope_widgets.records.tokens import Tokens
from tests.bench.machine import BUSY, describe_machine
from tests.bench.report import render_report, write_report
from tests.bench.rows import Equality, Row
from tests.bench.shapes import THREADS
from tests.bench.timing import Spread
from tests.hub.gemma import write_gemma
from tests.hub.layout import build_config, write_config

WIDTH, TOKENS, L0 = 16_384, 24, 12  # L0: features of each layer that fire on a token
SHARE = 0.999  # of correlation that edges must reach
_TARGET = 300  # the next token that is explained, by id
_COMMAND = "python -m tests.bench.circuits --peer .venv-circuits/bin/python"
_HEAD = """# Attribution graphs beside circuit-tracer

Ours and circuit-tracer 0.5.0 (nnsight backend, in an environment of its pins) in turn, each in a fresh process, from the
same files: a random model of Gemma 3 270M's shape and one affine transcoder of 16k features a layer, all in float32.
Both have followed a prompt of four tokens before. Memory is the most that the process ever held, weights included.
Made by `{command}`; `circuits.json` has the same in figures.

{machine}

| target | case | of what | must | found (lowest to highest) | verdict |
|---|---|---|---|---|---|
"""


def main() -> int:
    """Write, run both in turn, compare; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.circuits", description=__doc__.splitlines()[0])
    parser.add_argument("--peer", required=True, help="Python of an environment with circuit-tracer")
    parser.add_argument("--quick", action="store_true", help="toy sizes, to see that all runs; no verdicts")
    parser.add_argument("--runs", type=int, default=3, help="of each side, in turn")
    parser.add_argument("--batch", type=int, default=128, help="circuit-tracer's batch size")
    parser.add_argument("--one", nargs=2, metavar=("SETTINGS", "OUT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        run_ours(Path(asked.one[0]), Path(asked.one[1]))
        return 0
    machine = describe_machine()
    if machine["load_before"] > BUSY:
        print(f"This machine is busy (load {machine['load_before']}): the times below lie.", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="gscope-bench-") as root:
        settings = write_inputs(Path(root), quick=asked.quick, batch=asked.batch)
        ours = [sys.executable, "-m", "tests.bench.circuits", "--peer", asked.peer, "--one"]
        peer = [asked.peer, str(Path(__file__).with_name("peer_circuits.py"))]
        found: dict[str, list[dict[str, np.ndarray]]] = {"ours": [], "circuit-tracer": []}
        for turn in range(asked.runs):
            for name, command in (("ours", ours), ("circuit-tracer", peer))[:: 1 if turn % 2 else -1]:
                out = Path(root) / f"{name}.npz"
                subprocess.run([*command, str(settings), str(out)], check=True, env=_environment())
                with np.load(out) as file:
                    found[name].append(dict(file))
                last = found[name][-1]
                print(f"{name}: {float(last['seconds']):.1f} s, {float(last['peak']) / 1e9:.2f} GB", file=sys.stderr)
        rows = compare(found, batch=asked.batch)
    print(render_report(rows, machine=machine, head=_HEAD, command=_COMMAND))
    if not asked.quick:
        plan = {"batch": asked.batch, "runs": asked.runs, "tokens": TOKENS, "width": WIDTH, "l0": L0}
        write_report(
            Path(__file__).parent, rows, machine=machine, plan=plan, name="circuits", head=_HEAD, command=_COMMAND
        )
    failing = ("unequal",) if asked.quick else ("miss", "unequal")
    return int(any(row.verdict in failing for row in rows))


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": str(THREADS), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def write_inputs(root: Path, *, quick: bool, batch: int) -> Path:
    """Model, transcoders and prompt; the file of settings comes back.

    Thresholds are the quantile of what each layer's features read on the prompt, so that `L0` of them fire on average.
    """
    torch.manual_seed(0)
    model_path = write_gemma(root / "hub", "270m", true_shape=not quick)
    model = Gemma3ForCausalLM.from_pretrained(model_path, dtype=torch.float32).eval()
    prompt = [2, *np.random.default_rng(0).integers(100, 2000, TOKENS - 1).tolist()]
    reads: list[torch.Tensor] = []
    handles = [
        layer.pre_feedforward_layernorm.register_forward_hook(lambda *given: reads.append(given[2][0]))
        for layer in model.model.layers
    ]
    with torch.no_grad():
        model(torch.tensor([prompt]))
    for handle in handles:
        handle.remove()
    width, d_model = 512 if quick else WIDTH, model.config.hidden_size
    repository = root / "gemma-scope-2-270m-pt"
    paths = [_write_transcoder(repository, layer, width, x) for layer, x in enumerate(reads)]
    settings = {
        "model": str(model_path),
        "transcoders": [str(path) for path in paths],
        "prompt": prompt,
        "target": _TARGET,
        "max_features": TOKENS * len(paths) * width,
        "batch": batch,
        "threads": THREADS,
        "nodes": NODE_SHARE,
        "edges": EDGE_SHARE,
        "d_model": d_model,
    }
    file = root / "settings.json"
    file.write_text(json.dumps(settings))
    return file


def _write_transcoder(repository: Path, layer: int, width: int, x: torch.Tensor) -> Path:
    d_model = x.shape[1]
    random = torch.Generator().manual_seed(layer)
    w_enc = torch.randn(d_model, width, generator=random) / d_model**0.5
    pre = (x[1:] @ w_enc).flatten()
    w_dec = torch.randn(width, d_model, generator=random)
    folder = repository / "transcoder_all" / f"layer_{layer}_width_16k_l0_small_affine"
    folder.mkdir(parents=True)
    save_file(
        {
            "w_enc": w_enc,
            "b_enc": torch.zeros(width),
            "threshold": torch.full((width,), float(pre.sort().values[-L0 * (len(x) - 1)])),
            "w_dec": w_dec / w_dec.norm(dim=1, keepdim=True),
            "b_dec": torch.randn(d_model, generator=random) * 0.1,
            "affine_skip_connection": torch.randn(d_model, d_model, generator=random) * (0.3 / d_model**0.5),
        },
        folder / "params.safetensors",
    )
    write_config(folder, build_config(repository, "transcoder_all", str(layer), width, target_l0=L0, affine=True))
    return folder / "params.safetensors"


def run_ours(settings: Path, out: Path) -> None:
    """Ours, in a process of its own."""
    asked = json.loads(settings.read_text())
    torch.set_num_threads(asked["threads"])
    started = time.perf_counter()
    with gs.load(asked["model"], dtype="float32") as scope:
        dictionaries = [scope.dictionary(path=Path(path).parent) for path in asked["transcoders"]]
        loaded = time.perf_counter() - started

        def trace(ids: list[int]) -> AttributionGraph:
            return gs.circuit(
                scope,
                ids,
                dictionaries=dictionaries,
                target=asked["target"],
                max_features=min(100_000, asked["max_features"]),
            )

        trace(asked["prompt"][:4])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        graph = trace(asked["prompt"])
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    np.savez(
        out,
        seconds=seconds,
        loaded=loaded,
        peak=peak * 1024,
        before=before * 1024,
        kinds=graph.kinds,
        layers=graph.node_layers,
        positions=graph.positions,
        numbers=graph.numbers,
        weights=graph.weights,
    )


def compare(found: dict[str, list[dict[str, np.ndarray]]], *, batch: int) -> list[Row]:
    """Speed and memory as ratios, with the graphs of the last run compared."""
    equality = compare_graphs(found["ours"][-1], found["circuit-tracer"][-1])
    case = f"270M, 16k affine transcoders, {TOKENS} tokens, batches of {batch}"
    rows = []
    for target, what, unit, scale, least in (
        ("G1", "seconds", "s", 1.0, 2.0),
        ("G2", "peak", "GB", 1e-9, 2.0),
        ("G3", "before", "GB", 1e-9, None),
    ):
        sides = {name: [float(one[what]) * scale for one in runs] for name, runs in found.items()}
        ratios = [theirs / ours for ours, theirs in zip(sides["ours"], sides["circuit-tracer"], strict=True)]
        rows.append(
            Row(
                target,
                case if what != "before" else f"{case}: memory before the graph",
                "circuit-tracer / ours",
                Spread.of(ratios),
                equality,
                least=least,
                sides={name: Spread.of(values) for name, values in sides.items()},
                unit=unit,
            )
        )
    return rows


def compare_graphs(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> Equality:
    """Whether both have the same features, edges between them, from errors and to the target, and the same pruned ones.

    What circuit-tracer 0.5.0 sees otherwise is left out of the correlation and told: token edges, which it takes from
    embeddings without Gemma's factor of sqrt(d_model), and all that leaves the first position, whose MLPs it replaces
    by their affine skips.
    """
    kinds = ours["kinds"]
    keys = np.stack([ours["layers"], ours["positions"], ours["numbers"]], 1)
    own = keys[kinds == FEATURE]
    order = np.lexsort(own.T[::-1])
    theirs_order = np.lexsort(theirs["features"].T[::-1])
    same = np.array_equal(own[order], theirs["features"][theirs_order])
    if not same:
        a, b = ({tuple(one) for one in rows.tolist()} for rows in (own, theirs["features"]))
        return Equality(False, f"features differ: Jaccard {len(a & b) / len(a | b):.4f} of {len(a)} and {len(b)}")
    count, depth = len(own), int(kinds[kinds == ERROR].size) // (TOKENS - 1)
    rows = [*order, count]
    errors = [count + layer * TOKENS + pos for layer in range(depth) for pos in range(1, TOKENS)]
    matrix = theirs["matrix"][[*theirs_order, len(theirs["matrix"]) - 1]]
    parts = {}
    for name, mine, other in (
        ("features", ours["weights"][rows][:, np.flatnonzero(kinds == FEATURE)[order]], matrix[:, theirs_order]),
        ("errors", ours["weights"][rows][:, kinds == ERROR], matrix[:, errors]),
        (
            "tokens",
            ours["weights"][rows][:, np.flatnonzero(kinds == TOKEN)[1:]],
            matrix[:, count + depth * TOKENS + 1 : count + (depth + 1) * TOKENS],
        ),
    ):
        parts[name] = (float(np.corrcoef(mine.ravel(), other.ravel())[0, 1]), _ratio(mine, other))
    kept = {tuple(one) for one in theirs["features"][theirs["kept"][:count]].tolist()}
    alike = []
    for graph in (rebuild(theirs), rebuild(theirs, tokens=parts["tokens"][1])):
        pruned = graph.prune(NODE_SHARE, EDGE_SHARE)
        chosen = pruned.kinds == FEATURE
        keys = np.stack([pruned.node_layers, pruned.positions, pruned.numbers], 1)[chosen]
        mine = {tuple(one) for one in keys.tolist()}
        alike.append(len(mine & kept) / max(1, len(mine | kept)))
    text = f"{count} features the same; " + "; ".join(
        f"edges from {name}: Pearson {value:.6f}, ours / theirs {ratio:.3f}" for name, (value, ratio) in parts.items()
    )
    text += (
        f"; its matrix pruned by ours: Jaccard {alike[0]:.4f} of {len(kept)} features (with the factor {alike[1]:.4f})"
    )
    return Equality(min(alike[0], *(value for value, _ in parts.values())) >= SHARE, text)


def rebuild(theirs: dict[str, np.ndarray], *, tokens: float = 1.0) -> AttributionGraph:
    """circuit-tracer's matrix as a graph of ours.

    Args:
        tokens: what edges from tokens are multiplied by.
    """
    features, matrix = theirs["features"], theirs["matrix"].copy()
    count, depth = len(features), (len(matrix) - len(features) - 1) // TOKENS - 1
    first = count + depth * TOKENS
    matrix[:, first : first + TOKENS] *= tokens
    order = np.lexsort(features.T[::-1])
    nodes = np.concatenate([np.arange(first, first + TOKENS), np.arange(count, first), order, [len(matrix) - 1]])
    errors = np.indices((depth, TOKENS)).reshape(2, -1)
    sizes = (TOKENS, depth * TOKENS, count, 1)
    strings = tuple(map(str, range(TOKENS)))
    places = np.concatenate([[np.full(TOKENS, -1), np.arange(TOKENS)], errors, features[order, :2].T], 1)
    empty = np.zeros(count + 1, np.float32)
    return AttributionGraph(
        tokens=Tokens("", tuple(range(TOKENS)), strings, ((0, 0),) * TOKENS),
        layers=depth,
        kinds=np.repeat(np.arange(4), sizes).astype(np.int32),
        node_layers=np.append(places[0], depth).astype(np.int32),
        positions=np.append(places[1], TOKENS - 1).astype(np.int32),
        numbers=np.concatenate([np.full(sizes[0] + sizes[1], -1), features[order, 2], [_TARGET]]).astype(np.int32),
        activations=np.zeros(len(nodes), np.float32),
        weights=matrix[nodes[TOKENS * (1 + depth) :]][:, nodes],
        values=empty,
        remainder=empty,
        left_out=empty,
        targets=(GraphTarget("target", (_TARGET,)),),
        target_weights=np.ones(1, np.float32),
        dictionary_ids=("bench",),
    )


def _ratio(mine: np.ndarray, other: np.ndarray) -> float:
    """The factor between the two, by least squares."""
    return float((mine.astype(np.float64) * other).sum() / max(1e-30, (other.astype(np.float64) ** 2).sum()))


if __name__ == "__main__":
    sys.exit(main())
