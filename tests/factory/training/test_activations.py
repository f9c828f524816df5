"""Activations that the factory reads and changes, against plain torch hooks and arithmetic of the modules."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import factory
from factory.claims.detection.layers import residual_norms
from factory.claims.detection.rivals import read_hidden
from factory.claims.sample import Sample
from factory.training.activations import collect_activations
from factory.training.corpus_tokens import BOS, LabelledRows
from factory.training.model import load_trained
from factory.training.places import find_point, name_point
from gscope_widgets.mini import MODELS

ROWS = np.random.default_rng(0).integers(10, 2000, (40, 12)).astype(np.int16)  # more than one pass of 32
ROWS[:, 0] = BOS


@pytest.fixture(scope="module")
def model():
    return load_trained(MODELS["mini"])


@torch.no_grad()
def read_plainly(model, module, *, side: str) -> torch.Tensor:
    """What goes into or out of a module on all rows at once, [row, pos, d], by a hook of torch's own."""
    found = []
    if side == "input":
        handle = module.register_forward_pre_hook(lambda _module, inputs: found.append(inputs[0]))
    else:
        handle = module.register_forward_hook(lambda _module, _inputs, output: found.append(output))
    model(input_ids=torch.from_numpy(ROWS.astype(np.int64)), use_cache=False)
    handle.remove()
    return found[0][0] if isinstance(found[0], tuple) else found[0]


@pytest.mark.parametrize(
    ("kind", "path", "side"),
    [
        ("resid_post", "", "output"),
        ("attn_out", "self_attn.o_proj", "input"),
        ("mlp_in", "pre_feedforward_layernorm", "output"),
        ("mlp_out", "post_feedforward_layernorm", "output"),
    ],
)
def test_each_kind_is_read_at_its_module_and_layer(model, kind, path, side):
    found = collect_activations(model, ROWS, [(kind, 3), (kind, 6)])
    for layer in (3, 6):
        module = model.model.layers[layer].get_submodule(path)
        expected = read_plainly(model, module, side=side)[:, 1:].flatten(0, 1)
        assert torch.allclose(found[kind, layer].float(), expected, rtol=2**-7, atol=1e-6)  # bfloat16 holds 8 bits
    assert not torch.allclose(found[kind, 3].float(), found[kind, 6].float(), rtol=0.1)


def test_no_hook_is_left(model):
    collect_activations(model, ROWS[:2], [("resid_post", 3), ("attn_out", 4)])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_neuron_is_its_gate_times_what_it_lets_through(model):
    real = np.ones(ROWS.shape, bool)
    real[:, 0] = False
    real[5, 7:] = False
    rows = LabelledRows(ROWS.astype(np.int32), real.sum(1) + 1, np.zeros((*ROWS.shape, 0), bool), (), ())
    found = read_hidden(model, Sample(rows, real), layer=4)
    x = read_plainly(model, model.model.layers[4].pre_feedforward_layernorm, side="output")[torch.from_numpy(real)]
    mlp = model.model.layers[4].mlp
    with torch.no_grad():
        expected = torch.nn.functional.gelu(mlp.gate_proj(x), approximate="tanh") * mlp.up_proj(x)
    assert found.shape == (real.sum(), 704)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_norms_are_those_of_the_residual_stream(model):
    norms = residual_norms(model, ROWS)
    with torch.no_grad():
        ids = torch.from_numpy(ROWS.astype(np.int64))
        states = model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states
    for layer in range(len(norms) - 1):  # the last of transformers' states has passed the final norm
        assert norms[layer] == pytest.approx(states[layer + 1].norm(dim=-1).numpy(), rel=1e-5)
    assert norms[0] != pytest.approx(norms[1], rel=1e-2)


def test_points_are_named_as_in_the_published_files(model):
    for kind in ("resid_post", "attn_out", "mlp_in", "mlp_out"):
        assert find_point(model, (kind, 5)).name == name_point(kind, "5")


def test_the_factory_hooks_models_through_the_runtime_alone():
    """All but the mask of an attention layer, which is no activation."""
    hooked = []
    for path in Path(factory.__file__).parent.rglob("*.py"):
        hooked += [path.name for _ in re.findall(r"register_(?:module_)?(?:forward|full_backward)", path.read_text())]
    assert hooked == ["answers.py"]
