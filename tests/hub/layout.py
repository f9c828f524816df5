"""Random dictionaries in the published layout (docs/formats.md), of any size."""

import json
from collections.abc import Collection
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

_BLOCK = "model.layers.{layers}."
# Site -> what its dictionaries read and write, and their type.
_HOOKS = {
    "resid_post": ("output", "output", "sae"),
    "attn_out": ("self_attn.o_proj.input", "self_attn.o_proj.input", "sae"),
    "mlp_out": ("post_feedforward_layernorm.output", "post_feedforward_layernorm.output", "sae"),
    "transcoder": ("pre_feedforward_layernorm.output", "post_feedforward_layernorm.output", "transcoder"),
    "crosscoder": ("output", "output", "crosscoder"),
    "clt": ("pre_feedforward_layernorm.output", "post_feedforward_layernorm.output", "clt"),
}


def write_dictionary(
    root: Path,
    *,
    site: str = "resid_post",
    layer: int = 0,
    width: str = "16k",
    l0: str = "medium",
    affine: bool = False,
    duplicate: int | None = None,
    d_in: int = 24,
    d_out: int | None = None,
    features: int = 40,
    target_l0: int = 60,
    seed: int = 0,
    config: dict | None = None,
    with_config: bool = True,
    examples: bool = False,
    **tensors: np.ndarray,
) -> Path:
    """Writes an SAE or transcoder of one layer into the repository `root`; its folder comes back.

    Args:
        root: the repository's folder; its name gives the config's `model_name`.
        site: resid_post, attn_out, mlp_out or transcoder, with or without `_all`.
        width: the size class in the folder's name; `features` is the true number.
        duplicate: n for the folder of another training seed, `…_seed_n`.
        d_out: length of a decoder row; None: `d_in`.
        seed: of the random weights.
        config: entries of config.json to set otherwise; `...` leaves one out.
        with_config: False writes no config.json.
        examples: writes examples.safetensors as well.
        tensors: arrays to put in place of the random ones, by the file's own names.
    """
    suffix = ("_affine" if affine else "") + (f"_seed_{duplicate}" if duplicate is not None else "")
    folder = root / site / f"layer_{layer}_width_{width}_l0_{l0}{suffix}"
    folder.mkdir(parents=True, exist_ok=True)
    d_out = d_out or d_in
    random = np.random.default_rng(seed)
    _save(folder / "params.safetensors", _draw(random, d_in, features, (d_out,), affine=affine) | tensors)
    if with_config:
        content = build_config(root, site, str(layer), features, target_l0=target_l0, affine=affine)
        write_config(folder, content | (config or {}))
    if examples:
        write_examples(folder, features=features, seed=seed)
    return folder


def write_crosscoder(root: Path, *, layers: tuple[int, ...], width: str = "65k", l0: str = "medium", **options) -> Path:
    """Writes a crosscoder; file i belongs to `layers[i]`. Options as in `write_members`."""
    folder = root / "crosscoder" / f"layer_{'_'.join(map(str, layers))}_width_{width}_l0_{l0}"
    return write_members(root, folder, layers="{" + ",".join(map(str, layers)) + "}", members=len(layers), **options)


def write_clt(
    root: Path, *, n_layers: int, width: str = "262k", l0: str = "medium", affine: bool = False, **options
) -> Path:
    """Writes a cross-layer transcoder over all layers. Options as in `write_members`."""
    folder = root / "clt" / f"width_{width}_l0_{l0}{'_affine' if affine else ''}"
    return write_members(root, folder, layers="{all}", members=n_layers, affine=affine, **options)


def write_members(
    root: Path,
    folder: Path,
    *,
    layers: str,
    members: int,
    features_per_layer: int = 7,
    d_model: int = 24,
    affine: bool = False,
    below: float = 0.0,
    target_l0: int = 60,
    seed: int = 0,
    config: dict | None = None,
    with_config: bool = True,
) -> Path:
    """Writes `params_layer_{i}.safetensors` for each member, the decoder dense over absolute output layers.

    Args:
        layers: the layers as config.json spells them.
        below: the decoder's value under the diagonal, where an output lies before the layer read.
        config: entries of config.json to set otherwise; `...` leaves one out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for member in range(members):
        values = _draw(random, d_model, features_per_layer, (members, d_model), affine=affine)
        values["w_dec"][:, :member] = below
        _save(folder / f"params_layer_{member}.safetensors", values)
    if with_config:
        total = features_per_layer * members
        content = build_config(root, folder.parent.name, layers, total, target_l0=target_l0, affine=affine)
        write_config(folder, content | (config or {}))
    return folder


def build_config(root: Path, site: str, layers: str, width: int, *, target_l0: int, affine: bool) -> dict:
    """The eight entries of a published config.json, in their order."""
    reads, writes, kind = _HOOKS[site.removesuffix("_all")]
    block = _BLOCK.format(layers=layers)
    return {
        "hf_hook_point_in": block + reads,
        "hf_hook_point_out": block + writes,
        "width": width,
        "model_name": "google/" + root.name.replace("gemma-scope-2", "gemma-3"),
        "architecture": "jump_relu",
        "l0": target_l0,
        "affine_connection": affine,
        "type": kind,
    }


def write_config(folder: Path, content: dict) -> None:
    present = {name: value for name, value in content.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(present), encoding="utf-8")


def write_examples(
    folder: Path,
    *,
    features: int,
    top: int = 1000,
    filled: int = 5,
    sequences: int = 12,
    length: int = 16,
    vocabulary: int = 4096,
    seed: int = 0,
    without: Collection[str] = (),
) -> Path:
    """Writes `examples.safetensors`: per feature `filled` real examples of `top`, the rest zero. The file comes back.

    Args:
        top: examples a feature has room for; 1000 in the published files.
        sequences, length: shape of the shared token table.
        without: tensors to leave out, such as "logit_effects" or "top_tokens".
    """
    random = np.random.default_rng(seed)
    filled = min(filled, top)
    shape = (features, top)
    activations, effects = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    activations[:, :filled] = -np.sort(-random.uniform(1, 3000, (features, filled)), axis=1)
    effects[:, :filled] = random.normal(size=(features, filled))
    sequence_ids, positions = np.zeros(shape, np.int64), np.zeros(shape, np.int32)
    sequence_ids[:, :filled] = random.integers(0, sequences, (features, filled))
    positions[:, :filled] = random.integers(1, length, (features, filled))
    strongest = -np.sort(-random.normal(size=(features, 20)).astype(np.float32), axis=1)
    values = {
        "tokens": random.integers(108, vocabulary, (sequences, length), np.int32),
        "activations": activations,
        "seq_ids": sequence_ids,
        "positions": positions,
        "logit_effects": effects,
        "top_tokens": random.integers(108, vocabulary, (features, 10), np.int32),
        "top_logits": strongest[:, :10],
        "bottom_tokens": random.integers(108, vocabulary, (features, 10), np.int32),
        "bottom_logits": strongest[:, :9:-1],
        "feature_frequencies": random.uniform(0, 0.1, features),
    }
    file = folder / "examples.safetensors"
    _save(file, {name: value for name, value in values.items() if name not in without})
    return file


def _draw(random: np.random.Generator, d_in: int, features: int, row: tuple[int, ...], *, affine: bool) -> dict:
    """Random tensors of one file: decoder rows of unit norm, thresholds above zero."""
    w_dec = random.normal(size=(features, *row))
    axes = tuple(range(1, w_dec.ndim))
    values = {
        "w_enc": random.normal(size=(d_in, features)) / np.sqrt(d_in),
        "b_enc": random.normal(size=features) * 0.1,
        "threshold": random.uniform(0.1, 1.5, features),
        "w_dec": w_dec / np.sqrt((w_dec**2).sum(axes, keepdims=True)),
        "b_dec": random.normal(size=row[-1]) * 0.1,
    }
    if affine:
        values["affine_skip_connection"] = random.normal(size=(d_in, row[-1])) / np.sqrt(d_in)
    return {name: value.astype(np.float32) for name, value in values.items()}


def _save(file: Path, tensors: dict[str, np.ndarray]) -> None:
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, file)
