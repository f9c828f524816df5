"""What a sweep is measured on: a small Gemma 3 with random weights, a dictionary at which 60 features fire, and rows."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from gscope_widgets.runtime.gemma.hooks import run_until
from gscope_widgets.runtime.gemma.sites import find_hook_point
from tests.bench.shapes import MEAN_L0

LAYERS, D_MODEL, VOCABULARY, SEQ_LEN = 4, 256, 4096, 128
LAYER = LAYERS - 1
_CALIBRATION = 64  # rows that thresholds are set on


@dataclass(frozen=True)
class SweepPlan:
    """One run of the bench of sweeps."""

    widths: tuple[tuple[str, int], ...]
    rows: int  # of 128 tokens: two whole units of a sweep, so that its memory is what it will be
    floor_rows: int  # that are read and counted beside a bare product
    more_rows: int  # ten times as many
    cached_rows: int  # that delphi caches, and we sweep beside it
    alternations: int
    gated: bool


FULL = SweepPlan((("16k", 16_384), ("65k", 65_536)), 256, 256, 2560, 1024, 3, True)
QUICK = SweepPlan((("1k", 1024), ("2k", 2048)), 32, 32, 320, 64, 1, False)


def write_model(folder: Path) -> Path:
    """A model in a folder, without a tokenizer: rows are ids."""
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=VOCABULARY,
        hidden_size=D_MODEL,
        intermediate_size=4 * D_MODEL,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=64,
        query_pre_attn_scalar=64,
        sliding_window=64,
        max_position_embeddings=256,
        layer_types=["sliding_attention", "full_attention"] * (LAYERS // 2),
        bos_token_id=2,
        eos_token_id=1,
        pad_token_id=0,
    )
    model = Gemma3ForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0, 0.1 if "norm" in name else 0.05)
    model.save_pretrained(folder)
    return folder


def write_rows(path: Path, rows: int) -> np.ndarray:
    """Rows of ids, int32 [row, 128], each beginning with BOS; also in a file."""
    ids = np.random.default_rng(1).integers(3, VOCABULARY, size=(rows, SEQ_LEN)).astype(np.int32)
    ids[:, 0] = 2
    np.save(path, ids)
    return ids


def write_sweep_dictionary(root: Path, name: str, width: int, model: Path, ids: np.ndarray) -> Path:
    """A dictionary of the last layer in the published layout, thresholds set so that about 60 features fire on a token."""
    folder = root / "bench-pt" / "resid_post" / f"layer_{LAYER}_width_{name}_l0_medium"
    folder.mkdir(parents=True)
    random = torch.Generator().manual_seed(width)
    w_enc = torch.randn(D_MODEL, width, generator=random) / D_MODEL**0.5
    w_dec = torch.nn.functional.normalize(torch.randn(width, D_MODEL, generator=random), dim=1)
    plain = Gemma3ForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    point = find_hook_point(plain.model, site="resid_post", layer=LAYER)
    with torch.inference_mode():
        seen = run_until(plain.model, point, input_ids=torch.from_numpy(ids[:_CALIBRATION].astype(np.int64)))
    x = seen[:, 1:].flatten(0, 1)
    thresholds, kept = [], max(1, round(len(x) * MEAN_L0 / width))
    for block in w_enc.split(2048, 1):
        # Between two of the values, so that a last bit decides nothing.
        last = (x @ block).topk(kept + 1, dim=0).values[-2:]
        thresholds.append(last.mean(0).clamp(min=0.01))
    tensors = {
        "w_enc": w_enc,
        "b_enc": torch.zeros(width),
        "threshold": torch.cat(thresholds),
        "w_dec": w_dec,
        "b_dec": torch.zeros(D_MODEL),
    }
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "params.safetensors")
    hook = f"model.layers.{LAYER}.output"
    config = {"hf_hook_point_in": hook, "hf_hook_point_out": hook, "width": width, "model_name": "bench"}
    config |= {"architecture": "jump_relu", "l0": MEAN_L0, "affine_connection": False, "type": "sae"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder
