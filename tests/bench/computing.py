"""T1, T4 and T5: encoding, decoding and traces, all weights in memory."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from gscope_widgets.records.activations import SparseActivations
from tests.bench.equality import TOLERANCE, compare_close, compare_sparse
from tests.bench.files import draw_inputs
from tests.bench.ours import open_ours
from tests.bench.peers import EagerSparsify, encode_saelens, open_saelens, trace_saelens
from tests.bench.rows import Row
from tests.bench.shapes import MEAN_L0, Plan, Shape
from tests.bench.timing import Call, Spread, alternate, compare

# As docs/performance.md asks.
_ENCODE = {"16k": 0.95, "65k": 0.95, "262k": 1.3}
_DECODE = {"65k": 15.0, "262k": 50.0}
_AGAINST_SPARSIFY = {"65k": 1 / 1.2, "262k": 1 / 1.2}
_TRACES = {"262k": 100.0}


def measure_encoding(path: Path, shape: Shape, plan: Plan) -> list[Row]:
    """T1: from activations to sparse features, against SAELens' `encode` and `nonzero`."""
    ours, sae = open_ours(path), open_saelens(path)
    threshold = sae.threshold.detach().numpy()
    rows = []
    for tokens in plan.token_counts:
        x = draw_inputs(tokens, shape.d_model)
        theirs = (tensor.numpy() for tensor in encode_saelens(sae, x))
        equality = compare_sparse(ours.encode(x), *theirs, threshold)
        taken = _alternate(plan, {"ours": partial(ours.encode, x), "SAELens": partial(encode_saelens, sae, x)})
        rows.append(
            Row(
                "T1",
                f"sparse features, {shape.name}, {tokens} tokens",
                **_tell_ratio(taken, "SAELens"),
                equality=equality,
                least=_ENCODE.get(shape.name),
            )
        )
    return rows


def measure_decoding(path: Path, shape: Shape, plan: Plan) -> list[Row]:
    """T4: from exactly `MEAN_L0` firings a token to the reconstruction."""
    ours, sae = open_ours(path), open_saelens(path)
    sparsify = EagerSparsify(sae.W_dec.detach(), sae.b_dec.detach())
    rows = []
    for tokens in plan.token_counts:
        sparse = _draw_firings(tokens, shape.width)
        dense = torch.from_numpy(sparse.to_dense())
        features = torch.from_numpy(sparse.features).long().reshape(tokens, MEAN_L0)
        activations = torch.from_numpy(sparse.activations).reshape(tokens, MEAN_L0)
        sides = {
            "ours": partial(ours.decode, sparse),
            "SAELens": torch.no_grad()(partial(sae.decode, dense)),
            "sparsify": partial(sparsify.decode, activations, features),
        }
        taken = _alternate(plan, sides)
        own = ours.decode(sparse)
        for peer, limits in (("SAELens", _DECODE), ("sparsify", _AGAINST_SPARSIFY)):
            rows.append(
                Row(
                    "T4",
                    f"decode against {peer}, {shape.name}, {tokens} tokens",
                    **_tell_ratio(taken, peer),
                    equality=compare_close(own, sides[peer]().numpy(), tolerance=1e-5),
                    least=limits.get(shape.name),
                )
            )
    return rows


def measure_traces(path: Path, shape: Shape, plan: Plan) -> list[Row]:
    """T5: K features on activations at hand, against a whole SAELens encode."""
    sae, tokens = open_saelens(path), plan.token_counts[-1]
    x = draw_inputs(tokens, shape.d_model)
    loaded, alone = open_ours(path), open_ours(path)
    firing = np.unique(loaded.encode(x).features)
    states = {
        "weights in memory": lambda: loaded,
        "these columns in memory": lambda: alone,
        "opened anew, file warm": lambda: open_ours(path),
    }
    rows = []
    for count in plan.traced:
        features = tuple(sorted(np.random.default_rng(count).choice(firing, count, replace=False).tolist()))

        def trace(state: str, features: tuple[int, ...] = features) -> SparseActivations:
            return states[state]().encode(x, features=features)

        sides = {state: partial(trace, state) for state in states}
        sides["SAELens"] = partial(trace_saelens, sae, x, features)
        expected = sides["SAELens"]().numpy()
        taken = _alternate(plan, sides)
        for state in states:
            own = trace(state).to_dense()[:, list(features)]
            rows.append(
                Row(
                    "T5",
                    f"traces, K = {count}, {shape.name}, {tokens} tokens, {state}",
                    **_tell_ratio({"ours": taken[state], "SAELens": taken["SAELens"]}, "SAELens"),
                    equality=compare_close(own, expected, tolerance=TOLERANCE),
                    least=_TRACES.get(shape.name) if state.endswith("in memory") else None,
                )
            )
    return rows


def _alternate(plan: Plan, sides: dict[str, Call]) -> dict[str, list[float]]:
    return alternate(sides, alternations=plan.alternations, window_s=plan.window_s)


def _tell_ratio(taken: dict[str, list[float]], peer: str) -> dict:
    return {
        "measure": f"{peer} / ours",
        "found": compare(taken, ours="ours", peer=peer),
        "sides": {name: Spread.of([1e3 * one for one in taken[name]]) for name in ("ours", peer)},
        "unit": "ms",
    }


def _draw_firings(tokens: int, width: int) -> SparseActivations:
    random = np.random.default_rng(tokens)
    features = np.stack([np.sort(random.choice(width, MEAN_L0, replace=False)) for _ in range(tokens)])
    return SparseActivations(
        np.repeat(np.arange(tokens, dtype=np.int32), MEAN_L0),
        features.reshape(-1).astype(np.int32),
        random.uniform(2, 6, tokens * MEAN_L0).astype(np.float32),
        (tokens, width),
    )
