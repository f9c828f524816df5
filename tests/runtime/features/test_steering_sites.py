"""Interventions at sites other than the residual stream, against hand-written hooks on a plain model."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import gscope_widgets as gs
from gscope_widgets.runtime.engine import CALIBRATION_TEXT
from tests.runtime.inside import loaded

TEXT = "The old fisherman sold 12 fish at the market."
VOCABULARY = 4096
SITES = {
    # site: (module read, its input?, module written, its input?, size)
    "attn_out": ("self_attn.o_proj", True, "self_attn.o_proj", True, 32),
    "mlp_out": ("post_feedforward_layernorm", False, "post_feedforward_layernorm", False, 24),
    "transcoder": ("pre_feedforward_layernorm", False, "post_feedforward_layernorm", False, 24),
}


@pytest.fixture
def plain(tiny, load_plain):
    return load_plain(tiny.name)


def run_edited(model, ids, site, change):
    """Last logits with `change(read, written)` added where the site writes, and both activations unchanged."""
    read_path, read_input, write_path, write_input, _ = SITES[site]
    layer, seen = model.model.layers[1], {}

    def keep(value):
        seen["read"] = value[0].numpy().astype(np.float64)

    def edit(value):
        seen["written"] = value[0].numpy().astype(np.float64)
        delta = change(seen["read"], seen["written"])
        delta[0] = 0  # BOS
        return torch.from_numpy(seen["written"] + delta).to(value.dtype)[None]

    def pre(visit):
        return lambda _m, arguments: None if (new := visit(arguments[0])) is None else (new,)

    handles = []
    for path, inputs, visit in ((read_path, read_input, keep), (write_path, write_input, edit)):
        module = layer.get_submodule(path)
        handles.append(
            module.register_forward_pre_hook(pre(visit)) if inputs
            else module.register_forward_hook(lambda _m, _a, out, visit=visit: visit(out))
        )  # fmt: skip
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0, -1].numpy()
    for handle in handles:
        handle.remove()
    return logits, seen


@pytest.fixture(params=SITES)
def case(request, tiny, make_dictionary):
    folder = make_dictionary(site=request.param, layer=1, d_in=SITES[request.param][4])
    dictionary = tiny.dictionary(path=folder)
    weights = {name: value.astype(np.float64) for name, value in load_file(folder / "params.safetensors").items()}
    dense = tiny.read(TEXT, dictionary).to_dense()[1:]
    feature = int(np.argmin(np.abs((dense > 0).mean(0) - 0.6)))
    assert 0 < (dense[:, feature] > 0).mean() < 1
    return request.param, dictionary, weights, feature


def activation(x, w, f):
    pre = x @ w["w_enc"][:, f] + w["b_enc"][f]
    return np.where(pre > w["threshold"][f], pre, 0)


def logits_of(distribution):
    logits = np.empty(VOCABULARY)
    for chance in distribution.chances:
        logits[chance.id] = chance.logit
    return logits


def check_same(found, expected):
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("kind", ["clamp", "scale", "ablate"])
def test_a_change_of_a_feature_keeps_the_rest_of_what_is_written(tiny, plain, case, kind):
    site, dictionary, w, f = case
    wanted = {"clamp": lambda a: 0 * a + 20.0, "scale": lambda a: 3.0 * a, "ablate": lambda a: 0 * a}[kind]
    made = {"clamp": lambda r: gs.clamp(r, 20.0), "scale": lambda r: gs.scale(r, 3.0), "ablate": gs.ablate}[kind]

    def change(read, _written):
        a = activation(read, w, f)
        return (wanted(a) - a)[:, None] * w["w_dec"][f]

    ids = tiny.tokens(TEXT).ids
    found = logits_of(tiny.next_tokens(TEXT, VOCABULARY, [made(dictionary.feature(f))]))
    expected, _ = run_edited(plain, ids, site, change)
    check_same(found, expected)
    base, _ = run_edited(plain, ids, site, lambda _read, written: 0 * written)
    assert np.abs(found - base).max() > 10 * np.abs(found - expected).max()

    def replace(read, written):  # control: the reconstruction in place of what was written is another run
        pre = read @ w["w_enc"] + w["b_enc"]
        z = np.where(pre > w["threshold"], pre, 0)
        z[:, f] = wanted(z[:, f])
        return z @ w["w_dec"] + w["b_dec"] - written

    assert np.abs(found - run_edited(plain, ids, site, replace)[0]).max() > 0.01


def test_add_counts_in_the_mean_norm_of_what_is_written(tiny, plain, case):
    site, dictionary, w, f = case
    calibration = tiny.tokens(CALIBRATION_TEXT)
    _, seen = run_edited(plain, calibration.ids, site, lambda _read, written: 0 * written)
    norm = np.linalg.norm(seen["written"][1:], axis=1).mean()
    assert tiny.mean_norm(dictionary) == pytest.approx(norm, rel=1e-3)
    unit = w["w_dec"][f] / np.linalg.norm(w["w_dec"][f])
    expected, _ = run_edited(
        plain, tiny.tokens(TEXT).ids, site, lambda _read, written: np.tile(0.7 * norm * unit, (len(written), 1))
    )
    check_same(logits_of(tiny.next_tokens(TEXT, VOCABULARY, [gs.add(dictionary.feature(f), 0.7)])), expected)
    zero = tiny.next_tokens(TEXT, VOCABULARY, [gs.add(dictionary.feature(f), 0.0)])
    assert zero.kl < 1e-8


def test_steered_generation_with_a_cache_equals_whole_passes(tiny, case):
    _site, dictionary, _w, f = case
    made = [gs.clamp(dictionary.feature(f), 30.0)]
    produced = tiny.generate(TEXT, made, max_new_tokens=4).wait().tokens()
    ids = list(tiny.tokens(TEXT).ids)
    for token in produced:
        assert tiny.next_tokens(ids, 1, made).chances[0].id == token.id
        ids.append(token.id)


@pytest.mark.parametrize("case", ["transcoder"], indirect=True)
def test_a_transcoder_and_an_autoencoder_at_one_point_add_up(tiny, plain, make_dictionary, case):
    site, dictionary, w, f = case
    other = tiny.dictionary(path=make_dictionary(site="mlp_out", layer=1))

    def change(read, written):
        own = -activation(read, w, f)[:, None] * w["w_dec"][f]
        v = {
            name: value.astype(np.float64)
            for name, value in load_file(other.folder.path / "params.safetensors").items()
        }
        return own + (5.0 - activation(written, v, 2))[:, None] * v["w_dec"][2]

    expected, _ = run_edited(plain, tiny.tokens(TEXT).ids, site, change)
    made = [gs.ablate(dictionary.feature(f)), gs.clamp(other.feature(2), 5.0)]
    check_same(logits_of(tiny.next_tokens(TEXT, VOCABULARY, made)), expected)


@pytest.mark.parametrize("site", ["clt", "crosscoder"])
def test_a_dictionary_of_several_layers_is_not_steered_with_and_says_what_is(tiny, make_multilayer, site, count_hooks):
    dictionary = tiny.dictionary(path=make_multilayer(site=site))
    for use in (
        lambda: tiny.next_tokens(TEXT, 5, [gs.add(dictionary.feature(1), 0.5)]),
        lambda: tiny.generate(TEXT, [gs.ablate(dictionary.feature(1))]),
        lambda: tiny.mean_norm(dictionary),
        lambda: tiny.random_control([gs.add(dictionary.feature(1), 0.5)]),
    ):
        with pytest.raises(gs.InvalidValue, match=f"is a {site}, whose features write at several layers.*resid_post"):
            use()
    assert count_hooks(loaded(tiny).model) == 0
