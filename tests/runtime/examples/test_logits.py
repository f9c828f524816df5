"""Direct effects on logits against NumPy in float64, and against a model that is changed."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from gscope_widgets.runtime.examples import logits
from gscope_widgets.runtime.examples.collection import collect_examples, read_rows
from gscope_widgets.runtime.examples.logits import measure_effects
from tests.runtime.inside import loaded


def load(path):
    return {name: value.astype(np.float64) for name, value in load_file(path).items()}


@pytest.fixture
def parts(tiny, load_plain):
    """Unembedding with and without the final norm's gain, and the plain model."""
    model = load_plain(tiny.name)
    unembed = model.lm_head.weight.detach().double().numpy()
    gain = 1 + model.model.norm.weight.detach().double().numpy()
    return model, unembed * gain, unembed


KINDS = ["resid_post", "mlp_out", "transcoder", "attn_out", "clt", "crosscoder"]


def directions_plainly(site, folder, model):
    if site in ("clt", "crosscoder"):
        rows = np.concatenate([load(folder / f"params_layer_{i}.safetensors")["w_dec"] for i in range(3)])
        return rows.sum(1) if site == "clt" else rows[:, 2]
    rows = load(folder / "params.safetensors")["w_dec"]
    if site == "attn_out":
        layer = model.model.layers[1]
        rows = np.stack([layer.self_attn.o_proj.weight.detach().double().numpy() @ row for row in rows])
        rows = rows * (1 + layer.post_attention_layernorm.weight.detach().double().numpy())
    return rows


@pytest.mark.parametrize("site", KINDS)
def test_effects_are_the_gained_unembedding_along_the_direction(
    tiny, parts, make_dictionary, make_multilayer, site, monkeypatch
):
    monkeypatch.setattr(logits, "_BLOCK", 9 * 4096)  # several blocks
    several = site in ("clt", "crosscoder")
    folder = (
        make_multilayer(site=site) if several else make_dictionary(site=site, d_in=32 if site == "attn_out" else 24)
    )
    dictionary = tiny.dictionary(path=folder)
    model, gained, plain = parts
    ids = np.random.default_rng(1).integers(3, 400, size=(6, 10))
    effects = measure_effects(loaded(tiny).model, dictionary)
    table = collect_examples(dictionary, ids, read_rows(loaded(tiny).text_model, dictionary, ids), k=5, effects=effects)
    directions = directions_plainly(site, folder, model)
    expected = directions @ gained.T
    for f in range(dictionary.d_dict):
        np.testing.assert_allclose(table.top_logits[f], np.sort(expected[f])[::-1][:10], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(table.bottom_logits[f], np.sort(expected[f])[:10], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(expected[f][table.top_tokens[f]], table.top_logits[f], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(expected[f][table.bottom_tokens[f]], table.bottom_logits[f], rtol=1e-3, atol=1e-4)
        for i in range(5):
            value, row, column = table.activations[f, i], table.seq_ids[f, i], table.positions[f, i]
            wanted = value * expected[f, ids[row, column + 1]] if column < 9 else 0
            assert table.logit_effects[f, i] == pytest.approx(wanted, rel=1e-3, abs=1e-3)
    assert (table.logit_effects[(table.positions == 9) & (table.activations > 0)] == 0).all()
    assert not table.logit_effects[table.activations == 0].any()
    assert (table.top_tokens.dtype, table.top_logits.dtype, table.logit_effects.dtype) == (
        np.int32,
        np.float32,
        np.float32,
    )
    assert not np.allclose(
        np.sort(directions @ plain.T)[:, ::-1][:, :10], table.top_logits, rtol=0.02
    )  # control: no gain


def test_the_effect_is_what_a_change_at_the_last_layer_does_to_the_logits(tiny, parts, make_dictionary):
    """Adding along a direction after the last layer moves each logit by the effect over the residual's RMS."""
    dictionary = tiny.dictionary(path=make_dictionary(layer=2))
    model, _, _ = parts
    hidden = torch.randn(1, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 4
    norm, head = model.model.norm.double(), model.lm_head.double()
    direction = torch.from_numpy(dictionary.direction(3)).double()
    size = 5.0  # with the division held fixed the change is linear, however large
    with torch.no_grad():
        rms = hidden.pow(2).mean().add(norm.eps).sqrt()
        moved = hidden + size * direction
        changed = head(norm(moved) * moved.pow(2).mean().add(norm.eps).sqrt() / rms) - head(norm(hidden))
    effects = measure_effects(loaded(tiny).model, dictionary)
    top = effects.ranked()
    found = (changed[0] / size * rms).numpy()
    np.testing.assert_allclose(found[top["top_tokens"][3]], top["top_logits"][3], rtol=1e-3)
