"""T9: from a new prompt to all features that fire on it, everything loaded."""

from functools import partial

import torch
from transformer_lens.model_bridge import TransformerBridge

from gscope_widgets.records.activations import SparseActivations
from tests.bench.gemma import Bench, compare_readings
from tests.bench.peers import encode_saelens, open_saelens
from tests.bench.rows import Row
from tests.bench.shapes import Plan
from tests.bench.timing import Spread, alternate, compare

_AGAINST_FLOOR = 1.3
_NOTE = "a reading also has the reconstruction, error norms and FVU, and leaves BOS out as all sides do"


def measure_reading(bench: Bench, plan: Plan) -> list[Row]:
    """T9: `scope.read`, against a stopped forward pass and the encoder alone, and against TransformerLens with SAELens."""
    sae = open_saelens(bench.dictionary_path)
    lens = TransformerBridge.boot_transformers(
        str(bench.model), hf_model=bench.load_plain(), tokenizer=bench.tokenizer, device="cpu", dtype=torch.float32
    )
    sides = {
        "ours": partial(_read_ours, bench),
        "floor": partial(_read_floor, bench),
        "TransformerLens + SAELens": partial(_read_peer, bench, lens, sae),
    }
    ids = next(bench.prompts)
    own = sides["ours"](ids)
    equalities = {
        name: compare_readings(own, sides[name](ids), sae.threshold.detach().numpy()) for name in list(sides)[1:]
    }
    taken = alternate(
        {name: partial(_read_next, side, bench) for name, side in sides.items()},
        alternations=plan.alternations,
        window_s=plan.window_s,
    )
    return [
        Row(
            "T9",
            f"reading a new prompt of {plan.prompt} tokens, layer {bench.layer}, against {described}",
            measure=f"ours / {name}",
            found=compare(taken, ours=name, peer="ours"),
            equality=equalities[name],
            most=most,
            sides={side: Spread.of([1e3 * one for one in taken[side]]) for side in ("ours", name)},
            unit="ms",
            note=_NOTE,
        )
        for name, described, most in (
            ("floor", "a forward pass stopped there and our encoder", _AGAINST_FLOOR),
            ("TransformerLens + SAELens", "run_with_cache and encode", None),
        )
    ]


def _read_next(side: partial, bench: Bench) -> SparseActivations:
    return side(next(bench.prompts))


def _read_ours(bench: Bench, ids: list[int]) -> SparseActivations:
    found = bench.scope.read(ids, bench.dictionary)
    return SparseActivations(
        found.positions - 1, found.features, found.activations, (len(ids) - 1, bench.dictionary.d_dict)
    )


class _Stop(Exception):
    pass


@torch.no_grad()
def _read_floor(bench: Bench, ids: list[int]) -> SparseActivations:
    seen: list[torch.Tensor] = []

    def stop(_module: object, _arguments: object, output: torch.Tensor) -> None:
        seen.append(output)
        raise _Stop

    handle = bench.plain.model.layers[bench.layer].register_forward_hook(stop)
    try:
        bench.plain.model(torch.tensor([ids]), use_cache=False)
    except _Stop:
        pass
    finally:
        handle.remove()
    return bench.dictionary.encode(seen[0][0, 1:])


@torch.no_grad()
def _read_peer(bench: Bench, lens: TransformerBridge, sae: torch.nn.Module, ids: list[int]) -> SparseActivations:
    name = f"blocks.{bench.layer}.hook_out"
    _, cache = lens.run_with_cache(torch.tensor([ids]), names_filter=name, stop_at_layer=bench.layer + 1)
    positions, features, activations = (one.numpy() for one in encode_saelens(sae, cache[name][0, 1:]))
    return SparseActivations(positions, features, activations, (len(ids) - 1, bench.dictionary.d_dict))
