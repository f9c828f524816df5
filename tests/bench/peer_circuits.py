"""circuit-tracer's graph of one prompt, in an environment of its pins: run by `tests.bench.circuits`, needs nothing of ours.

python peer_circuits.py SETTINGS.json OUT.npz
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from circuit_tracer import attribute
from circuit_tracer.graph import prune_graph
from circuit_tracer.replacement_model.replacement_model_nnsight import NNSightReplacementModel
from circuit_tracer.transcoder.single_layer_transcoder import load_transcoder_set


def main(settings: Path, out: Path) -> None:
    asked = json.loads(settings.read_text())
    torch.set_num_threads(asked["threads"])
    started = time.perf_counter()
    transcoders = load_transcoder_set(
        dict(enumerate(asked["transcoders"])),
        "bench",
        "mlp.hook_in",
        "hook_mlp_out",
        device=torch.device("cpu"),
        dtype=torch.float32,
        special_load_fn="gemma-scope-2",
        lazy_encoder=False,
        lazy_decoder=False,
    )
    model = NNSightReplacementModel.from_pretrained_and_transcoders(
        asked["model"], transcoders, device=torch.device("cpu"), dtype=torch.float32
    )
    loaded = time.perf_counter() - started

    def trace(ids: list[int]) -> object:
        return attribute(
            torch.tensor(ids),
            model,
            attribution_targets=torch.tensor([asked["target"]]),
            batch_size=asked["batch"],
            max_feature_nodes=asked["max_features"],
        )

    trace(asked["prompt"][:4])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    graph = trace(asked["prompt"])
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pruned = prune_graph(graph, asked["nodes"], asked["edges"])
    features = graph.active_features[graph.selected_features]
    np.savez(
        out,
        seconds=seconds,
        loaded=loaded,
        peak=peak * 1024,
        before=before * 1024,
        features=features.numpy(),
        matrix=graph.adjacency_matrix.numpy(),
        kept=pruned.node_mask.numpy(),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
