"""Train gscope-mini: a small Gemma 3 on the generated corpus."""

import hashlib
import json
import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from factory.training.corpus_tokens import BOS, EOS, PAD, iterate_batches
from factory.training.muon import Muon

# Five sliding-window layers to one global layer, as in every Gemma 3.
LAYERS = 8
GLOBAL_EVERY = 6


@dataclass(frozen=True)
class ModelRecipe:
    """Everything that decides the trained weights, besides the corpus and the library versions."""

    tokens: int = 120_000_000  # read once each
    context: int = 256
    rows_a_step: int = 64
    matrix_rate: float = 0.005  # for the matrices of the blocks, by Muon
    other_rate: float = 0.004  # for embeddings and norms, by AdamW
    warmup_steps: int = 100
    weight_decay: float = 0.05
    seed: int = 0
    checkpoint_steps: int = 500  # a multiple of the curve's 50, so that a resumed curve is the same


@dataclass(frozen=True)
class Budget:
    """The recipes of `mini` and, going on from its weights at half the rates, of its chat twin."""

    base: ModelRecipe
    chat: ModelRecipe


_BASE = ModelRecipe()
_CHAT = replace(_BASE, tokens=40_000_000, matrix_rate=0.0025, other_rate=0.002, warmup_steps=30)
# On two cores, in less than an hour for both.
_FEWER = {"rows_a_step": 16, "checkpoint_steps": 100}
BUDGETS = {
    "gpu": Budget(_BASE, _CHAT),  # minutes on a GPU, most of a day on two cores: what ships
    "cpu": Budget(replace(_BASE, tokens=10_500_000, **_FEWER), replace(_CHAT, tokens=3_000_000, **_FEWER)),
}


def build_configuration(*, vocabulary: int, context: int) -> Gemma3TextConfig:
    """Gemma 3's architecture at about 4M parameters.

    `heads x head_dim` (192) differs from `d_model` (160) on purpose, as in the real family: code
    that takes one for the other fails here too.
    """
    kinds = ["full_attention" if (layer + 1) % GLOBAL_EVERY == 0 else "sliding_attention" for layer in range(LAYERS)]
    return Gemma3TextConfig(
        vocab_size=vocabulary,
        hidden_size=160,
        intermediate_size=704,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=48,
        query_pre_attn_scalar=48,
        sliding_window=32,
        max_position_embeddings=context,
        layer_types=kinds,
        tie_word_embeddings=True,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=PAD,
    )


def train_model(
    rows: np.ndarray,
    *,
    recipe: ModelRecipe,
    vocabulary: int,
    folder: Path,
    start: Path | None = None,
    on_step: Callable[[int], None] = lambda _step: None,
) -> dict:
    """Train on packed rows, on a GPU where there is one, and write the bfloat16 weights into `folder`.

    Resumes from `folder/training.safetensors` when a run of the same recipe on the same rows was
    interrupted; a checkpoint of another run is left aside.

    Args:
        rows: int16 token ids, [row, context].
        start: folder of the weights to begin with; None begins with random ones.
        on_step: called with the number of each step before it is taken.

    Returns:
        The recipe, the processor, the wall time in seconds since the start or the last resumption,
        and the loss curve (nats per token, mean of 50 steps).
    """
    torch.manual_seed(recipe.seed)
    configuration = build_configuration(vocabulary=vocabulary, context=recipe.context)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = (load_trained(start).train() if start else _build_model(configuration)).to(device)
    optimizers = _build_optimizers(model, recipe)
    steps = len(rows) // recipe.rows_a_step
    checkpoint = folder / "training.safetensors"
    run = _name_run(rows, recipe)
    first, curve = _restore(checkpoint, model, optimizers, run)
    loss_of = _compile_loss(model)
    started, recent = time.time(), []
    batches = iterate_batches(rows, size=recipe.rows_a_step, seed=recipe.seed, first=first)
    for step, batch in enumerate(batches, start=first):
        on_step(step)
        rate = _rate_factor(step, steps=steps, warmup=recipe.warmup_steps)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate
        loss = loss_of(torch.from_numpy(batch).to(device).long())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        recent.append(loss.detach())
        if len(recent) == 50:
            curve.append(round(torch.stack(recent).mean().item(), 4))
            recent = []
            rate_tokens = (step + 1 - first) * batch.size / (time.time() - started)
            print(f"step {step + 1}/{steps} loss {curve[-1]:.3f} {rate_tokens:,.0f} tokens/s", flush=True)
        if (step + 1) % recipe.checkpoint_steps == 0:
            _save_checkpoint(
                checkpoint, model, optimizers, {"run": run, "step": str(step + 1), "curve": json.dumps(curve)}
            )
    model.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    checkpoint.unlink(missing_ok=True)
    name = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    seconds = round(time.time() - started)
    return {"recipe": asdict(recipe), "device": name, "seconds": seconds, "loss_curve": curve}


def load_trained(folder: Path) -> Gemma3ForCausalLM:
    """The shipped weights: rounded to bfloat16 on disk, computed in float32."""
    return Gemma3ForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def _build_model(configuration: Gemma3TextConfig) -> Gemma3ForCausalLM:
    return Gemma3ForCausalLM._from_config(configuration, attn_implementation="eager")


def _compile_loss(model: Gemma3ForCausalLM):
    def loss_of(ids: torch.Tensor) -> torch.Tensor:
        with torch.autocast(ids.device.type, torch.bfloat16):
            logits = model(input_ids=ids, use_cache=False).logits
        return functional.cross_entropy(logits[:, :-1].float().flatten(0, 1), ids[:, 1:].flatten())

    return loss_of if os.environ.get("GSCOPE_NO_COMPILE") else torch.compile(loss_of)


def _build_optimizers(model: torch.nn.Module, recipe: ModelRecipe) -> list[torch.optim.Optimizer]:
    matrices, others = [], []
    for name, parameter in model.named_parameters():
        (matrices if parameter.ndim == 2 and "embed" not in name else others).append(parameter)
    muon = Muon(matrices, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay)
    adam = torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.97), weight_decay=0.0)
    for optimizer, peak in ((muon, recipe.matrix_rate), (adam, recipe.other_rate)):
        for group in optimizer.param_groups:
            group["peak"] = peak
    return [muon, adam]


def _rate_factor(step: int, *, steps: int, warmup: int) -> float:
    rising = min(1.0, (step + 1) / warmup)
    return rising * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def _name_run(rows: np.ndarray, recipe: ModelRecipe) -> str:
    """sha256 of all that decides where a checkpoint leads to."""
    digest = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode())
    digest.update(rows.tobytes())
    return digest.hexdigest()


def _save_checkpoint(path: Path, model, optimizers, metadata: dict[str, str]) -> None:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items() if name != "lm_head.weight"}
    for index, optimizer in enumerate(optimizers):
        for key, state in optimizer.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"optimizer.{index}.{key}.{name}"] = torch.as_tensor(value).clone()
    draft = path.with_suffix(".draft")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, draft, metadata=metadata)
    draft.replace(path)


def _restore(path: Path, model, optimizers, run: str) -> tuple[int, list[float]]:
    if not path.exists():
        return 0, []
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    if metadata.get("run") != run:
        print(f"{path} is of another recipe or text: training starts anew", flush=True)
        return 0, []
    tensors = load_file(path)
    model.load_state_dict(
        {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")},
        strict=False,
    )
    model.tie_weights()
    for index, optimizer in enumerate(optimizers):
        state: dict[int, dict] = {}
        for name, value in tensors.items():
            kind, *rest = name.split(".")
            if kind == "optimizer" and int(rest[0]) == index:
                state.setdefault(int(rest[1]), {})[rest[2]] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(metadata["step"]), json.loads(metadata["curve"])
