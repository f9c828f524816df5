"""Readings of every kind of dictionary, against plain hooks on plain transformers and NumPy in float64."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import gscope_widgets as gs
from tests.runtime.inside import loaded

TEXT = "On Monday the children sang 😀, and so did the dog."
INPUTS = {"attn_out": "self_attn.o_proj"}
MLP_IN, MLP_OUT = "pre_feedforward_layernorm", "post_feedforward_layernorm"


@pytest.fixture
def run_plainly(tiny, load_plain):
    """Activations of a plain model: of a module's input if `inputs`, else of its output, float64 [pos, d]."""
    model = load_plain(tiny.name)

    def run(ids, layer, path, *, inputs=False):
        seen = []
        module = model.model.layers[layer].get_submodule(path)

        def hook(_module, arguments, output):
            value = arguments[0] if inputs else output
            seen.append((value[0] if isinstance(value, tuple) else value)[0].numpy().astype(np.float64))

        handle = module.register_forward_hook(hook)
        with torch.no_grad():
            model(input_ids=torch.tensor([list(ids)]), use_cache=False)
        handle.remove()
        return seen[0]

    return run


def jumprelu(x, w):
    pre = x @ w["w_enc"] + w["b_enc"]
    return np.where(pre > w["threshold"], pre, 0)


def load(path):
    return {name: value.astype(np.float64) for name, value in load_file(path).items()}


def check(reading, z, target, reconstruction):
    """`target` and `reconstruction`: [pos, d] or [pos, n, d]; errors are summed over layers by explicit loops."""
    used = list(reading.tokens.used)
    np.testing.assert_allclose(reading.to_dense()[used], z[used], atol=2e-3)
    assert not reading.to_dense()[0].any()
    np.testing.assert_array_equal(reading.l0, (reading.to_dense() > 0).sum(1))
    if target.ndim == 2:
        target, reconstruction = target[:, None], reconstruction[:, None]
    squared, spread, norm = np.zeros(len(z)), np.zeros(len(z)), np.zeros(len(z))
    for j in range(target.shape[1]):
        squared += ((target[:, j] - reconstruction[:, j]) ** 2).sum(1)
        spread += ((target[:, j] - target[used, j].mean(0)) ** 2).sum(1)
        norm += (target[:, j] ** 2).sum(1)
    np.testing.assert_allclose(reading.error_norm[used], np.sqrt(squared[used]), rtol=2e-3)
    np.testing.assert_allclose(reading.fvu[used], squared[used] / spread[used], rtol=5e-3)
    np.testing.assert_allclose(reading.norm, np.sqrt(norm), rtol=1e-3)
    assert reading.total_fvu == pytest.approx(squared[used].sum() / spread[used].sum(), rel=5e-3)
    assert np.isnan(reading.error_norm[0])


@pytest.mark.parametrize(
    ("site", "path", "size"), [("attn_out", "self_attn.o_proj", 32), ("mlp_out", MLP_OUT, 24), ("resid_post_all", "", 24)]
)  # fmt: skip
def test_an_autoencoder_reads_its_own_site(tiny, make_dictionary, run_plainly, site, path, size):
    folder = make_dictionary(site=site, layer=2, d_in=size)
    reading = tiny.read(TEXT, tiny.dictionary(path=folder))
    x = run_plainly(reading.tokens.ids, 2, path, inputs=site == "attn_out")
    w = load(folder / "params.safetensors")
    check(reading, jumprelu(x, w), x, jumprelu(x, w) @ w["w_dec"] + w["b_dec"])
    # Control: another module of the same size at the same layer gives other features.
    other = run_plainly(reading.tokens.ids, 2, MLP_IN if size == 24 else "self_attn.q_proj")
    assert not np.allclose(jumprelu(other, w), jumprelu(x, w), atol=0.1)


@pytest.mark.parametrize("affine", [False, True])
def test_a_transcoder_reads_the_mlps_input_and_errs_on_its_output(tiny, make_dictionary, run_plainly, affine):
    folder = make_dictionary(site="transcoder_all", layer=1, suffix="_affine" if affine else "")
    dictionary = tiny.dictionary(path=folder)
    reading = tiny.read(TEXT, dictionary)
    ids = reading.tokens.ids
    x, target = (run_plainly(ids, 1, path) for path in (MLP_IN, MLP_OUT))
    w = load(folder / "params.safetensors")
    y = jumprelu(x, w) @ w["w_dec"] + w["b_dec"]
    if affine:
        y = y + x @ w["affine_skip_connection"]
    check(reading, jumprelu(x, w), target, y)
    # Controls: errors against the input, or features of the un-normed residual, are other numbers.
    used = list(reading.tokens.used)
    assert not np.allclose(reading.error_norm[used], np.linalg.norm(x - y, axis=1)[used], rtol=1e-2)
    assert not np.allclose(jumprelu(run_plainly(ids, 1, MLP_IN, inputs=True), w), jumprelu(x, w), atol=0.1)


@pytest.mark.parametrize(("site", "affine"), [("clt", False), ("clt", True), ("crosscoder", False)])
def test_a_dictionary_of_several_layers_sums_its_errors_over_them(tiny, make_multilayer, run_plainly, site, affine):
    layers = (0, 1, 2) if site == "clt" else (0, 2)
    folder = make_multilayer(site=site, layers=layers, affine=affine)
    dictionary = tiny.dictionary(path=folder)
    reading = tiny.read(TEXT, dictionary)
    ids, (path_in, path_out) = reading.tokens.ids, (MLP_IN, MLP_OUT) if site == "clt" else ("", "")
    xs = [run_plainly(ids, layer, path_in) for layer in layers]
    targets = [run_plainly(ids, layer, path_out) for layer in layers]
    ws = [load(folder / f"params_layer_{i}.safetensors") for i in range(len(layers))]
    zs = [jumprelu(x, w) for x, w in zip(xs, ws, strict=True)]
    ys = []
    for j in range(len(layers)):
        y = ws[j]["b_dec"] + sum(zs[i] @ ws[i]["w_dec"][:, j] for i in range(j + 1))
        ys.append(y + xs[j] @ ws[j]["affine_skip_connection"] if affine else y)
    check(reading, np.concatenate(zs, 1), np.stack(targets, 1), np.stack(ys, 1))
    assert reading.dictionary_info.layers == layers
    some = tiny.read(TEXT, dictionary, features=[3, dictionary.d_dict - 1])
    np.testing.assert_allclose(some.trace(dictionary.d_dict - 1), reading.trace(dictionary.d_dict - 1), atol=1e-4)
    assert np.isnan(some.error_norm).all()
    np.testing.assert_allclose(some.norm, reading.norm)


def test_a_reading_is_one_pass_and_a_second_one_none(tiny, make_multilayer, make_dictionary):
    clt, transcoder = (
        tiny.dictionary(path=path) for path in (make_multilayer(site="clt"), make_dictionary(site="transcoder"))
    )
    for dictionary in (clt, transcoder):
        tiny.check(dictionary)  # as the first reading does
    passes = []
    counter = loaded(tiny).text_model.layers[0].register_forward_hook(lambda *_: passes.append(1))
    tiny.read(TEXT, clt)
    assert len(passes) == 1
    tiny.read(TEXT, clt)
    tiny.read(TEXT, transcoder)  # its layer is among the clt's
    assert len(passes) == 1
    counter.remove()


@pytest.mark.parametrize("site", ["clt", "transcoder", "attn_out", "crosscoder"])
def test_the_heatmap_shows_any_kind(tiny, make_multilayer, make_dictionary, site):
    if site in ("clt", "crosscoder"):
        folder = make_multilayer(site=site)
    else:
        folder = make_dictionary(site=site, d_in=32 if site == "attn_out" else 24)
    (folder / "features.json").write_text(
        '{"source": "by eye", "features": [{"feature": 3, "max_activation": 9.0, "label": "ducks", '
        '"auc": 0.9, "precision": 0.5, "recall": 0.5}]}'
    )
    dictionary = tiny.dictionary(path=folder)
    heatmap = gs.TokenHeatmap(tiny, TEXT, dictionary, features=[3])
    np.testing.assert_array_equal(heatmap.reading.trace(3), tiny.read(TEXT, dictionary).trace(3))
    assert "ducks" in heatmap.to_html()
    assert "scope.dictionary(path=" in heatmap.to_code()
    assert tiny.find("duck", dictionary)[0].feature == 3
    assert dictionary.label(3).text == "ducks"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"site": "clt", "layers": (0, 1)}, "reads 24 numbers at layers 0, 1; .* each of 3 layers: it was made for another"),
        ({"site": "clt", "layers": (0, 1, 2, 3)}, "at layers 0, 1, 2, 3"),
        ({"site": "crosscoder", "layers": (1, 3)}, "at layers 1, 3"),
        ({"site": "crosscoder", "d_model": 25}, "reads 25 numbers"),
    ],
)  # fmt: skip
def test_a_dictionary_of_several_layers_of_another_model_is_refused(tiny, make_multilayer, options, sentence):
    with pytest.raises(gs.UnknownDictionary, match=sentence):
        tiny.dictionary(path=make_multilayer(**options))
