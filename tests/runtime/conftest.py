"""The embedded model, and tiny models and dictionaries written in the published layout."""

import json
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

import gscope_widgets as gs
from factory.training.tokenizer import CHAT_TEMPLATE
from gscope_widgets.mini import MODELS


@pytest.fixture(autouse=True)
def _bounded(no_hang):
    """Every test here ends within five minutes."""


@pytest.fixture(scope="session")
def scope():
    """The embedded model, shared by all tests: none may close it."""
    return gs.load("mini")


@pytest.fixture(scope="session")
def dictionary(scope):
    return scope.dictionary()


@pytest.fixture
def load():
    """`gs.load`, with everything closed afterwards."""
    opened = []

    def load_here(*arguments, **options):
        opened.append(gs.load(*arguments, **options))
        return opened[-1]

    yield load_here
    for scope in opened:
        scope.close()


@pytest.fixture(scope="session")
def written_models(tmp_path_factory) -> dict[tuple, Path]:
    """Models written once, to be copied: making one takes as long as a test."""
    return defaultdict(lambda: tmp_path_factory.mktemp("model") / "written")


@pytest.fixture
def make_model(tmp_path, written_models):
    """Writes a tiny random Gemma 3; `tokenizer` is "base", "chat" or None."""

    def make(name="tiny", *, tokenizer="base", seed=0) -> Path:
        written = written_models[tokenizer, seed]
        if not written.exists():
            write_model(written, tokenizer=tokenizer, seed=seed)
        return shutil.copytree(written, tmp_path / name)

    return make


@pytest.fixture
def make_dictionary(tmp_path):
    """Writes a random dictionary of one layer; keywords replace tensors, and `config` updates config.json."""

    def make(root="tiny-pt", **options) -> Path:
        return write_dictionary(tmp_path / root, **options)

    return make


@pytest.fixture
def make_multilayer(tmp_path):
    """Writes a random crosscoder or CLT of the tiny model."""

    def make(root="tiny-pt", **options) -> Path:
        return write_multilayer(tmp_path / root, **options)

    return make


@pytest.fixture
def tiny(load, make_model):
    """A tiny model that is open."""
    return load(str(make_model()))


@pytest.fixture
def tiny_dictionary(tiny, make_dictionary):
    """A dictionary of the tiny model, open, with decoder rows of any length and a large bias."""
    return tiny.dictionary(path=make_dictionary())


@pytest.fixture
def count_hooks():
    """Counts every forward hook and pre-hook on a model's modules."""

    def count(model) -> int:
        return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())

    return count


@pytest.fixture(scope="session")
def read_weights():
    """A dictionary's five tensors, read without any code of the package: float64."""
    from safetensors.torch import load_file  # NumPy has no bfloat16

    def read(folder: Path) -> dict[str, np.ndarray]:
        return {name: value.double().numpy() for name, value in load_file(folder / "params.safetensors").items()}

    return read


@pytest.fixture(scope="session")
def plain_run():
    """A forward pass by plain transformers: logits of every position, and the residual stream after one layer."""

    def run(model: torch.nn.Module, ids, *, layer: int, edit=None) -> tuple[np.ndarray, np.ndarray]:
        seen = []

        def hook(_module, _inputs, output):
            hidden = output[0] if isinstance(output, tuple) else output
            seen.append(hidden[0].numpy().astype(np.float64))
            if edit is None:
                return None
            changed = torch.from_numpy(edit(seen[-1])).to(hidden.dtype)[None]
            return (changed, *output[1:]) if isinstance(output, tuple) else changed

        handle = model.model.layers[layer].register_forward_hook(hook)
        try:
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0]
        finally:
            handle.remove()
        return logits.numpy().astype(np.float64), seen[0]

    return run


@pytest.fixture(scope="session")
def plain_mini():
    """The embedded model again, loaded by transformers alone."""
    return load_plainly(MODELS["mini"])


@pytest.fixture(scope="session")
def load_plain():
    return load_plainly


def load_plainly(folder: Path, *, attention: str = "eager") -> Gemma3ForCausalLM:
    return Gemma3ForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention).eval()


def write_model(folder: Path, *, tokenizer: str | None, seed: int) -> None:
    """Every size differs from every other, so that code that takes one for another fails."""
    options = {
        "vocab_size": 4096,
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "query_pre_attn_scalar": 16,
        "sliding_window": 8,
        "max_position_embeddings": 120,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        "bos_token_id": 2,
        "eos_token_id": 1,
        "pad_token_id": 0,
    }
    torch.manual_seed(seed)
    model = Gemma3ForCausalLM(Gemma3TextConfig(**options))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0, 0.3 if "norm" in name else 0.15)
    model.save_pretrained(folder)
    if tokenizer is not None:
        shutil.copy(MODELS["mini"] / "tokenizer.json", folder)
        config = json.loads((MODELS["mini"] / "tokenizer_config.json").read_text())
        config.pop("chat_template", None)
        if tokenizer == "chat":
            config["chat_template"] = CHAT_TEMPLATE
        (folder / "tokenizer_config.json").write_text(json.dumps(config))


def write_dictionary(
    root: Path,
    *,
    site: str = "resid_post",
    layer: int = 1,
    width: int = 40,
    width_name: str = "40",
    l0: str = "medium",
    d_in: int = 24,
    d_out: int | None = None,
    suffix: str = "",
    config: dict | None = None,
    with_config: bool = True,
    seed: int = 0,
    **tensors,
) -> Path:
    folder = root / site / f"layer_{layer}_width_{width_name}_l0_{l0}{suffix}"
    folder.mkdir(parents=True, exist_ok=True)
    d_out = d_out or d_in
    random = torch.Generator().manual_seed(seed)
    values = {
        "w_enc": torch.randn(d_in, width, generator=random),
        "b_enc": torch.randn(width, generator=random),
        "threshold": torch.rand(width, generator=random) * 3 + 0.1,
        "w_dec": torch.randn(width, d_out, generator=random),
        "b_dec": torch.randn(d_out, generator=random),
    }
    if suffix == "_affine":
        values["affine_skip_connection"] = torch.randn(d_in, d_out, generator=random)
    values |= tensors
    save_file(
        {name: value.contiguous() for name, value in values.items() if value is not None},
        folder / "params.safetensors",
    )
    if with_config:
        write_config(folder, layers=str(layer), width=width, changes=config)
    return folder


# Site -> what its dictionaries read and write, as published configs spell it (docs/formats.md).
HOOKS = {
    "resid_post": ("output", "output", "sae"),
    "attn_out": ("self_attn.o_proj.input", "self_attn.o_proj.input", "sae"),
    "mlp_out": ("post_feedforward_layernorm.output", "post_feedforward_layernorm.output", "sae"),
    "transcoder": ("pre_feedforward_layernorm.output", "post_feedforward_layernorm.output", "transcoder"),
    "crosscoder": ("output", "output", "crosscoder"),
    "clt": ("pre_feedforward_layernorm.output", "post_feedforward_layernorm.output", "clt"),
}


def write_config(folder: Path, *, layers: str, width: int, changes: dict | None) -> None:
    reads, writes, kind = HOOKS[folder.parent.name.removesuffix("_all")]
    content = {
        "hf_hook_point_in": f"model.layers.{layers}.{reads}",
        "hf_hook_point_out": f"model.layers.{layers}.{writes}",
        "width": width,
        "model_name": "tiny",
        "architecture": "jump_relu",
        "l0": 7,
        "affine_connection": folder.name.endswith("_affine"),
        "type": kind,
    } | (changes or {})
    content = {key: value for key, value in content.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(content))


def write_multilayer(
    root: Path,
    *,
    site: str = "clt",
    layers: tuple[int, ...] = (0, 1, 2),
    share: int = 7,
    d_model: int = 24,
    affine: bool = False,
    below: float = 0.0,
    with_config: bool = True,
    dtype: torch.dtype = torch.float32,
    config: dict | None = None,
    seed: int = 0,
) -> Path:
    """A crosscoder or CLT with `share` features a layer, whose decoders hold `below` under the diagonal."""
    named = f"layer_{'_'.join(map(str, layers))}_" if site == "crosscoder" else ""
    folder = root / site / f"{named}width_1k_l0_medium{'_affine' if affine else ''}"
    folder.mkdir(parents=True, exist_ok=True)
    random = torch.Generator().manual_seed(seed)
    for index in range(len(layers)):
        w_dec = torch.randn(share, len(layers), d_model, generator=random)
        w_dec[:, :index] = below
        values = {
            "w_enc": torch.randn(d_model, share, generator=random),
            "b_enc": torch.randn(share, generator=random),
            "threshold": torch.rand(share, generator=random) * 3 + 0.1,
            "w_dec": w_dec,
            "b_dec": torch.randn(d_model, generator=random),
        }
        if affine:
            values["affine_skip_connection"] = torch.randn(d_model, d_model, generator=random)
        save_file(
            {name: value.to(dtype).contiguous() for name, value in values.items()},
            folder / f"params_layer_{index}.safetensors",
        )
    if with_config:
        spelled = "{all}" if site == "clt" else "{" + ",".join(map(str, layers)) + "}"
        write_config(folder, layers=spelled, width=share * len(layers), changes=config)
    return folder
