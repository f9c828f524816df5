"""T2: whether encoding in bfloat16 could be worth its re-check on this processor."""

from functools import partial
from pathlib import Path

import torch

from tests.bench.files import draw_inputs
from tests.bench.peers import encode_saelens, open_saelens
from tests.bench.rows import Equality, Row
from tests.bench.shapes import Plan, Shape
from tests.bench.timing import Spread, alternate, compare


def measure_bfloat16(path: Path, shape: Shape, plan: Plan) -> list[Row]:
    """T2's ceiling: SAELens in float32 against a bare matrix product in bfloat16, which gives no features yet.

    An encoder that also compares with thresholds, and computes again in float32 what lies near them, takes longer.
    """
    sae, flags = open_saelens(path), torch.cpu.get_capabilities()
    native = [name for name in ("avx512_bf16", "amx_bf16") if flags.get(name)]
    w_enc = sae.W_enc.detach().bfloat16()
    rows = []
    for tokens in plan.token_counts:
        x = draw_inputs(tokens, shape.d_model)
        low = x.bfloat16()
        sides = {
            "matmul in bfloat16": partial(torch.matmul, low, w_enc),
            "matmul in float32": partial(torch.matmul, x, sae.W_enc.detach()),
            "SAELens": partial(encode_saelens, sae, x),
        }
        taken = alternate(sides, alternations=plan.alternations, window_s=plan.window_s)
        rows.append(
            Row(
                "T2",
                f"ceiling of an encoder in bfloat16, {shape.name}, {tokens} tokens",
                measure="SAELens in float32 / matmul in bfloat16",
                found=compare(taken, ours="matmul in bfloat16", peer="SAELens"),
                equality=Equality(True, "nothing to compare: no features are made"),
                sides={name: Spread.of([1e3 * one for one in values]) for name, values in taken.items()},
                unit="ms",
                note=f"bfloat16 in the processor: {', '.join(native) or 'none'}; no encoder uses it",
            )
        )
    return rows
