"""Train a sparse autoencoder on gscope-mini and write it in the published Gemma Scope 2 layout."""

import json
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from gscope_widgets.runtime.gemma.hooks import run_until
from gscope_widgets.runtime.gemma.sites import find_hook_point


@dataclass(frozen=True)
class DictionaryRecipe:
    """Everything that decides a dictionary, besides the activations."""

    layer: int = 4
    width: int = 1024
    width_name: str = "1k"
    l0_name: str = "medium"
    l0: int = 16  # features a token, on average over a batch
    prefixes: tuple[int, ...] = (64, 192, 448, 1024)  # Matryoshka: each must reconstruct alone
    tokens_a_step: int = 2048
    passes: int = 4
    rate: float = 1e-3
    auxiliary: float = 1 / 32  # weight of the loss that revives dead features
    dead_after_tokens: int = 200_000
    seed: int = 0


def collect_activations(model, rows: np.ndarray, *, layer: int) -> torch.Tensor:
    """The residual stream after `layer`, at every position but BOS.

    Returns:
        float32, [rows x (context - 1), d_model].
    """
    point = find_hook_point(model.model, site="resid_post", layer=layer)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(rows), 64):
            ids = torch.from_numpy(rows[start : start + 64].astype(np.int64))
            parts.append(run_until(model.model, point, input_ids=ids, use_cache=False)[:, 1:].flatten(0, 1))
    return torch.cat(parts)


def train_dictionary(activations: torch.Tensor, *, recipe: DictionaryRecipe) -> tuple[dict[str, torch.Tensor], dict]:
    """Fit a JumpReLU autoencoder by batch top-k, with Matryoshka prefixes.

    Batch top-k (Bussmann et al. 2024) keeps the `l0 x batch` largest activations of a batch in
    training; one threshold, the mean smallest kept activation, then makes it a JumpReLU. As in
    Gemma Scope 2, training sees activations scaled by one number; the export takes that scale
    and the pre-encoder bias back out, so the files apply to the raw residual stream.

    Args:
        activations: float32, [tokens, d_model].

    Returns:
        The five published tensors in float32, and the training record.
    """
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    d_model = activations.shape[1]
    scale = d_model**0.5 / activations.norm(dim=1).mean().item()
    w_dec = torch.nn.functional.normalize(torch.randn(recipe.width, d_model), dim=1)
    parameters = {
        "w_enc": w_dec.T.clone(),
        "b_enc": torch.zeros(recipe.width),
        "w_dec": w_dec,
        "b_dec": activations[:100_000].mean(0) * scale,
    }
    for tensor in parameters.values():
        tensor.requires_grad_()
    steps_a_pass = len(activations) // recipe.tokens_a_step
    steps = steps_a_pass * recipe.passes
    optimizer = torch.optim.Adam(parameters.values(), lr=recipe.rate, betas=(0.9, 0.99))
    silent = torch.zeros(recipe.width)
    threshold, started = None, time.time()
    for step in range(steps):
        if step % steps_a_pass == 0:
            order = torch.randperm(len(activations), generator=generator)
        start = (step % steps_a_pass) * recipe.tokens_a_step
        batch = activations[order[start : start + recipe.tokens_a_step]] * scale
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * min(1, (step + 1) / 200, 5 * (steps - step) / steps)
        loss, kept, fvu = _matryoshka_loss(parameters, batch, silent, recipe)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            parameters["w_dec"].data = torch.nn.functional.normalize(parameters["w_dec"].data, dim=1)
            silent = torch.where((kept > 0).any(0), 0.0, silent + len(batch))
            smallest = kept[kept > 0].min().item()
            threshold = smallest if threshold is None else 0.99 * threshold + 0.01 * smallest
        if (step + 1) % 200 == 0:
            dead = (silent > recipe.dead_after_tokens).sum().item()
            print(f"step {step + 1}/{steps} FVU {fvu:.4f} threshold {threshold:.3f} dead {dead}", flush=True)
    record = {"recipe": asdict(recipe), "seconds": round(time.time() - started), "tokens": len(activations)}
    return _export(parameters, threshold=threshold, scale=scale), record


def save_dictionary(
    tensors: dict[str, torch.Tensor], *, recipe: DictionaryRecipe, mean_l0: float, model_name: str, root: Path
) -> Path:
    """Write `config.json` and `params.safetensors` as published, and return their folder."""
    folder = root / "resid_post" / f"layer_{recipe.layer}_width_{recipe.width_name}_l0_{recipe.l0_name}"
    folder.mkdir(parents=True, exist_ok=True)
    hook = f"model.layers.{recipe.layer}.output"
    config = {
        "hf_hook_point_in": hook,
        "hf_hook_point_out": hook,
        "width": recipe.width,
        "model_name": model_name,
        "architecture": "jump_relu",
        "l0": round(mean_l0),
        "affine_connection": False,
        "type": "sae",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file(tensors, folder / "params.safetensors")
    return folder


def _matryoshka_loss(parameters, batch, silent, recipe):
    pre = (batch - parameters["b_dec"]) @ parameters["w_enc"] + parameters["b_enc"]
    activations = torch.relu(pre)
    count = recipe.l0 * len(batch)
    cutoff = activations.detach().flatten().kthvalue(activations.numel() - count).values
    kept = activations * (activations > cutoff)
    total = (batch - batch.mean(0)).pow(2).sum()
    losses, reconstruction = [], parameters["b_dec"]
    for start, end in pairwise((0, *recipe.prefixes)):
        reconstruction = reconstruction + kept[:, start:end] @ parameters["w_dec"][start:end]
        losses.append((batch - reconstruction).pow(2).sum() / total)
    loss = torch.stack(losses).mean()
    dead = silent > recipe.dead_after_tokens
    if dead.any():
        error = (batch - reconstruction).detach()
        revived = torch.where(dead, activations, torch.zeros(()))
        top = revived.topk(min(32, int(dead.sum())), dim=1)
        sparse = torch.zeros_like(revived).scatter(1, top.indices, top.values)
        loss = loss + recipe.auxiliary * (error - sparse @ parameters["w_dec"]).pow(2).sum() / error.pow(2).sum()
    return loss, kept.detach(), losses[-1].item()


def _export(parameters, *, threshold: float, scale: float) -> dict[str, torch.Tensor]:
    w_enc, w_dec = parameters["w_enc"].detach(), parameters["w_dec"].detach()
    b_enc = parameters["b_enc"].detach() - parameters["b_dec"].detach() @ w_enc
    return {
        "b_dec": (parameters["b_dec"].detach() / scale).contiguous(),
        "b_enc": (b_enc / scale).contiguous(),
        "threshold": torch.full_like(b_enc, threshold / scale),
        "w_dec": w_dec.contiguous(),
        "w_enc": w_enc.contiguous(),
    }
