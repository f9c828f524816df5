"""Random Gemma 3 checkpoints as transformers writes them: every size's module tree, reduced or of true shape."""

import json
import shutil
from pathlib import Path

import torch
from transformers import (
    Gemma3Config,
    Gemma3ForCausalLM,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    PretrainedConfig,
)

from factory.training.tokenizer import CHAT_TEMPLATE
from gscope_widgets.mini import MODELS
from tests.hub.geometry import GEOMETRIES, Geometry, name_model, reduce_geometry

_TEXT_ONLY = ("270m", "1b")
_SHARD = "300KB"  # makes shards of the reduced models that are published in shards


def write_gemma(hub: Path, size: str, variant: str = "pt", *, true_shape: bool = False, seed: int = 0) -> Path:
    """Writes google/gemma-3-… under `hub`, bfloat16, with the embedded model's tokenizer; its folder comes back.

    Args:
        size: 270m or 1b (text only), 4b, 12b or 27b (with a vision tower of one tiny layer).
        variant: pt, or it, whose tokenizer has a chat template.
        true_shape: the size's own widths and vocabulary: 0.5 GB for 270m, 2 GB for 1b; larger sizes are refused.
        seed: of the random weights.
    """
    if true_shape and size not in _TEXT_ONLY:
        raise ValueError(f"true shapes are for {' and '.join(_TEXT_ONLY)}, got {size}")
    folder = hub / name_model(size, variant)
    config = build_config(size, GEOMETRIES[size] if true_shape else reduce_geometry(size))
    torch.manual_seed(seed)
    model = (Gemma3ForCausalLM if size in _TEXT_ONLY else Gemma3ForConditionalGeneration)(config).to(torch.bfloat16)
    _shake_norms(model)
    model.save_pretrained(folder, **({} if size in _TEXT_ONLY else {"max_shard_size": _SHARD}))
    _write_tokenizer(folder, chat=variant == "it")
    return folder


def build_config(size: str, geometry: Geometry) -> PretrainedConfig:
    """The configuration of a size at a geometry: gemma3_text for 270m and 1b, gemma3 for the others."""
    long = size not in _TEXT_ONLY
    true = geometry == GEOMETRIES[size]
    text = {
        "vocab_size": geometry.vocabulary,
        "hidden_size": geometry.d_model,
        "intermediate_size": geometry.d_mlp,
        "num_hidden_layers": geometry.n_layers,
        "num_attention_heads": geometry.n_heads,
        "num_key_value_heads": geometry.n_kv_heads,
        "head_dim": geometry.head_dim,
        "query_pre_attn_scalar": 168 if true and size == "27b" else geometry.head_dim,
        "sliding_window": geometry.sliding_window,
        "max_position_embeddings": 131072 if long else 32768,
        "bos_token_id": 2,
        "eos_token_id": 1,
        "pad_token_id": 0,
    }
    if not long:
        return Gemma3TextConfig(**text)
    text["rope_scaling"] = {"rope_type": "linear", "factor": 8.0}
    vision = {
        "model_type": "siglip_vision_model",
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 16,
        "patch_size": 8,
    }
    past = geometry.vocabulary - 64  # rows that no text reaches
    special = {"image_token_index": past, "boi_token_index": past + 1, "eoi_token_index": past + 2}
    special |= {"mm_tokens_per_image": 4}
    return Gemma3Config(text_config=text, vision_config=vision, **special)


@torch.no_grad()
def _shake_norms(model: torch.nn.Module) -> None:
    """Gains other than zero, so that a forgotten (1 + weight) shows."""
    for name, parameter in model.named_parameters():
        if "norm" in name and parameter.ndim == 1:
            parameter.normal_(0, 0.3)


def _write_tokenizer(folder: Path, *, chat: bool) -> None:
    shutil.copy(MODELS["mini"] / "tokenizer.json", folder)
    config = json.loads((MODELS["mini"] / "tokenizer_config.json").read_text(encoding="utf-8"))
    config |= {"chat_template": CHAT_TEMPLATE} if chat else {}
    config["model_max_length"] = 32768
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
