"""What SAELens and sparsify save: opened as their own formulas have it, in NumPy and float64, or refused by name."""

import hashlib
import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import gscope_widgets as gs
from gscope_widgets.runtime.dictionaries.hook_names import find_place
from gscope_widgets.runtime.dictionaries.shelf import Shelf
from tests.runtime.dictionaries.test_catalogue import model_info

D_IN, D_DICT = 24, 40
TENSORS = {  # as the classes of SAELens 6 name them, besides W_enc, W_dec and b_dec
    "standard": ("b_enc",),
    "jumprelu": ("b_enc", "threshold"),
    "gated": ("b_gate", "b_mag", "r_mag"),
    "transcoder": ("b_enc",),
    "skip_transcoder": ("b_enc", "W_skip"),
    "jumprelu_transcoder": ("b_enc", "threshold"),
    "jumprelu_skip_transcoder": ("b_enc", "threshold", "W_skip"),
}
CASES = [(one, subtracts) for one in TENSORS for subtracts in (False, True) if not (subtracts and "trans" in one)]
TRANSCODER_HOOKS = {
    "hook_name": "model.layers.1.pre_feedforward_layernorm",
    "hook_name_out": "model.layers.1.post_feedforward_layernorm",
}


@pytest.fixture
def shelf():
    return Shelf(model_info(), name="tiny")


def make_tensors(architecture, *, d_in=D_IN, seed=0):
    random = np.random.default_rng(seed)
    shapes = {
        "W_enc": (d_in, D_DICT), "W_dec": (D_DICT, d_in), "b_dec": (d_in,), "W_skip": (d_in, d_in),
    }  # fmt: skip
    names = ("W_enc", "W_dec", "b_dec", *TENSORS[architecture])
    found = {name: random.normal(size=shapes.get(name, (D_DICT,))).astype(np.float32) for name in names}
    if "r_mag" in found:
        found["r_mag"] *= 0.3
    return found  # thresholds of both signs


def write_saelens(
    folder, architecture="standard", *, subtracts=False, dtype=torch.float32, d_in=D_IN, tensors=None, **changes
):
    """As `SAE.save_model` of SAELens 6 writes it; changes are of its `cfg.json`, in the metadata where they belong."""
    folder.mkdir(parents=True, exist_ok=True)
    own = make_tensors(architecture, d_in=d_in) | (tensors or {})
    save_file(
        {name: torch.tensor(value).to(dtype) for name, value in own.items() if value is not None},
        folder / "sae_weights.safetensors",
    )
    hooks = TRANSCODER_HOOKS if "transcoder" in architecture else {"hook_name": "blocks.1.hook_resid_post"}
    metadata = {
        "sae_lens_version": "6.54.12",
        "model_name": "tiny",
        **hooks,
        "hook_head_index": None,
        "prepend_bos": True,
    }
    config = {
        "d_in": d_in, "d_sae": D_DICT, "dtype": "float32", "device": "cpu", "apply_b_dec_to_input": subtracts,
        "normalize_activations": "none", "reshape_activations": "none", "metadata": metadata,
        "architecture": architecture,
    }  # fmt: skip
    if "transcoder" in architecture:
        config["d_out"] = d_in
    (folder / "cfg.json").write_text(json.dumps(config))
    change_config(folder, **changes)
    return folder


def change_config(folder, **changes):
    config = json.loads((folder / "cfg.json").read_text())
    for name, value in changes.items():
        inside = name.startswith(("hf_", "hook_", "model_"))
        (config["metadata"] if inside else config)[name] = value
    (folder / "cfg.json").write_text(json.dumps(config))


def run_plainly(x, w, *, architecture, subtracts):
    """Activations, reconstruction, and how near each feature is to firing otherwise, as SAELens 6 computes them."""
    h = (x - w["b_dec"] * subtracts) @ w["W_enc"]
    if architecture == "gated":
        gate, pre = h + w["b_gate"], (x - w["b_dec"] * subtracts) @ (w["W_enc"] * np.exp(w["r_mag"])) + w["b_mag"]
        active = (gate > 0) * np.maximum(pre, 0)
        margin = np.minimum(np.abs(gate), np.abs(pre))
    else:
        pre = h + w["b_enc"]
        threshold = w.get("threshold", 0.0)
        active = np.maximum(pre, 0) * (pre > threshold)
        margin = np.minimum(np.abs(pre - threshold), np.abs(pre))
    return active, active @ w["W_dec"] + w["b_dec"] + (x @ w["W_skip"].T if "W_skip" in w else 0), margin


def make_inputs(count=60):
    return np.random.default_rng(5).normal(size=(count, D_IN)).astype(np.float32)


def in_float64(tensors):
    return {name: value.astype(np.float64) for name, value in tensors.items()}


def check_sameness(dictionary, x, w, *, architecture, subtracts, rtol=1e-5):
    expected, rebuilt, margin = run_plainly(x.astype(np.float64), w, architecture=architecture, subtracts=subtracts)
    assert margin.min() > 1e-5  # none is so near its threshold that float32 may decide otherwise
    assert 0.05 < (expected > 0).mean() < 0.95
    found = dictionary.encode(x)
    np.testing.assert_allclose(found.to_dense(), expected, rtol=rtol, atol=1e-5)
    np.testing.assert_allclose(dictionary.reconstruct(x), rebuilt, rtol=rtol, atol=1e-4)
    return found


# ---- arithmetic


@pytest.mark.parametrize(("architecture", "subtracts"), CASES)
def test_activations_and_reconstructions_are_those_of_saelens(shelf, tmp_path, architecture, subtracts):
    dictionary = shelf.open_folder(write_saelens(tmp_path / "own", architecture, subtracts=subtracts))
    w, x = in_float64(make_tensors(architecture)), make_inputs()
    found = check_sameness(dictionary, x, w, architecture=architecture, subtracts=subtracts)
    if "trans" not in architecture:  # the control: b_dec taken off or left on is another dictionary, and is seen to be
        other, *_ = run_plainly(x, w, architecture=architecture, subtracts=not subtracts)
        assert not np.allclose(found.to_dense(), other, rtol=1e-2, atol=1e-2)
    if "W_skip" in w:  # the control: the skip connection the wrong way round
        turned = run_plainly(x, w | {"W_skip": w["W_skip"].T}, architecture=architecture, subtracts=False)[1]
        assert not np.allclose(dictionary.reconstruct(x), turned, rtol=1e-2, atol=1e-2)
    info = dictionary.info
    assert (info.kind, info.affine) == ("transcoder" if "trans" in architecture else "sae", "skip" in architecture)
    assert (info.layers, info.d_dict, info.width, info.l0) == ((1,), D_DICT, "40", "")


@pytest.mark.parametrize(("architecture", "subtracts"), CASES)
def test_a_feature_alone_is_the_same_before_and_after_the_weights_are_in_memory(
    shelf, tmp_path, architecture, subtracts
):
    dictionary = shelf.open_folder(write_saelens(tmp_path / "own", architecture, subtracts=subtracts))
    x, chosen = make_inputs(), (4, 9)
    before = dictionary.encode(x, features=chosen).to_dense()[:, chosen]
    row = dictionary.direction(4)
    whole = dictionary.encode(x).to_dense()[:, chosen]
    assert whole.any(0).all()
    np.testing.assert_allclose(before, whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(before, dictionary.encode(x, features=chosen).to_dense()[:, chosen])
    np.testing.assert_array_equal(row, make_tensors(architecture)["W_dec"][4])
    np.testing.assert_array_equal(row, dictionary.direction(4))


def test_a_threshold_below_0_is_0_as_saelens_applies_a_relu_too(shelf, tmp_path):
    folder = write_saelens(tmp_path / "own", "jumprelu", tensors={"threshold": np.full(D_DICT, -2.0, np.float32)})
    found = shelf.open_folder(folder).encode(make_inputs())
    assert len(found.activations)
    assert (found.activations > 0).all()


def test_the_bias_is_folded_in_float64(shelf, tmp_path):
    """b_dec of some 3e3, whose products with W_enc cancel in the sum: float32 would be off by 1e-3."""
    random = np.random.default_rng(1)
    half, columns = (random.normal(size=shape).astype(np.float32) for shape in ((D_IN // 2,), (D_IN // 2, D_DICT)))
    tensors = {"b_dec": np.concatenate([3e3 * half, -3e3 * half]), "W_enc": np.concatenate([columns, columns])}
    dictionary = shelf.open_folder(write_saelens(tmp_path / "own", subtracts=True, tensors=tensors))
    w = in_float64(make_tensors("standard") | tensors)
    expected = w["b_enc"] - w["b_dec"] @ w["W_enc"]
    found = [float(dictionary.encoder(feature).b_enc) for feature in range(D_DICT)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    dictionary.encode(make_inputs())
    np.testing.assert_allclose(
        [float(dictionary.encoder(feature).b_enc) for feature in range(D_DICT)], found, rtol=1e-6
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_other_types_of_number_are_read_and_computed_in_float32(shelf, tmp_path, dtype):
    folder = write_saelens(tmp_path / "own", "jumprelu", dtype=dtype)
    change_config(folder, dtype=str(dtype))
    rounded = {name: torch.tensor(value).to(dtype).double().numpy() for name, value in make_tensors("jumprelu").items()}
    dictionary = shelf.open_folder(folder)
    alone = dictionary.encode(make_inputs(), features=(4,)).to_dense()[:, 4]
    found = check_sameness(dictionary, make_inputs(), rounded, architecture="jumprelu", subtracts=False)
    np.testing.assert_allclose(alone, found.to_dense()[:, 4], rtol=1e-5)


def test_weights_held_in_bfloat16_are_the_same_up_to_their_rounding(shelf, tmp_path):
    x, w = make_inputs(), in_float64(make_tensors("standard"))
    dictionary = shelf.open_folder(write_saelens(tmp_path / "own", subtracts=True), dtype="bfloat16")
    expected, *_ = run_plainly(x, w, architecture="standard", subtracts=True)
    np.testing.assert_allclose(dictionary.encode(x).to_dense(), expected, atol=0.1)


def test_a_scaling_factor_of_ones_is_passed_over_as_in_saelens(shelf, tmp_path):
    ones = np.ones(D_DICT, np.float32)
    folder = write_saelens(tmp_path / "own", tensors={"scaling_factor": ones}, finetuning_scaling_factor=False)
    w = in_float64(make_tensors("standard"))
    check_sameness(shelf.open_folder(folder), make_inputs(), w, architecture="standard", subtracts=False)


def test_a_configuration_of_before_saelens_6_is_read(shelf, tmp_path):
    folder = write_saelens(tmp_path / "own")
    old = {
        "hook_point": "blocks.2.hook_mlp_out", "hook_point_head_index": None, "d_in": D_IN, "d_sae": D_DICT,
        "activation_fn_str": "relu", "normalize_activations": False, "dtype": "torch.float32", "model_name": "tiny",
    }  # fmt: skip
    (folder / "cfg.json").write_text(json.dumps(old))
    dictionary = shelf.open_folder(folder)
    assert (dictionary.info.site, dictionary.info.layer) == ("mlp_out", 2)
    w = in_float64(make_tensors("standard"))
    check_sameness(dictionary, make_inputs(), w, architecture="standard", subtracts=True)  # its default then


def test_a_sum_beside_the_weights_is_their_version_and_is_checked(shelf, tmp_path):
    folder = write_saelens(tmp_path / "own")
    digest = hashlib.sha256((folder / "sae_weights.safetensors").read_bytes()).hexdigest()
    (folder / "sae_weights.safetensors.sha256").write_text(digest)
    dictionary = shelf.open_folder(folder)
    assert dictionary.folder.version == digest[:12]
    dictionary.encode(make_inputs())
    write_saelens(folder, tensors={"b_enc": np.zeros(D_DICT, np.float32)})
    with pytest.raises(gs.BadArtefact, match="has changed or is damaged"):
        Shelf(model_info(), name="tiny").open_folder(folder).encode(make_inputs())


# ---- where it reads


@pytest.mark.parametrize(
    ("name", "site", "layer"),
    [
        ("blocks.1.hook_resid_post", "resid_post", 1),
        ("blocks.2.hook_resid_pre", "resid_post", 1),
        ("blocks.0.attn.hook_z", "attn_out", 0),
        ("blocks.2.hook_mlp_out", "mlp_out", 2),
        ("model.layers.1", "resid_post", 1),
        ("layers.1", "resid_post", 1),
        ("model.language_model.layers.1", "resid_post", 1),
        ("language_model.model.layers.1", "resid_post", 1),
        ("model.layers.2.post_feedforward_layernorm", "mlp_out", 2),
        ("model.layers.2.self_attn.o_proj.input", "attn_out", 2),
    ],
)
def test_hook_names_are_sites_and_layers(shelf, tmp_path, name, site, layer):
    assert find_place(name) == (site, layer)
    d_in = 32 if site == "attn_out" else 24
    info = shelf.open_folder(write_saelens(tmp_path / "own", d_in=d_in, hook_name=name)).info
    assert (info.site, info.layer) == (site, layer)


@pytest.mark.parametrize("name", ["blocks.1.hook_resid_post", "model.layers.1", "blocks.2.hook_resid_pre"])
def test_a_text_is_read_where_the_hook_is(tiny, tmp_path, load_plain, plain_run, name):
    folder = write_saelens(tmp_path / "own", "jumprelu", subtracts=True, hook_name=name)
    with pytest.warns(gs.SanityWarning):  # weights are random
        reading = tiny.read("The old fisherman sold fish.", tiny.dictionary(path=folder))
    w, used = in_float64(make_tensors("jumprelu")), list(reading.tokens.used)
    _, x = plain_run(load_plain(tiny.name), reading.tokens.ids, layer=1)
    expected, _, margin = run_plainly(x[used], w, architecture="jumprelu", subtracts=True)
    clear = margin > 1e-3
    np.testing.assert_allclose(reading.to_dense()[used][clear], expected[clear], rtol=1e-3, atol=1e-3)
    _, elsewhere = plain_run(load_plain(tiny.name), reading.tokens.ids, layer=2)
    other, *_ = run_plainly(elsewhere[used], w, architecture="jumprelu", subtracts=True)
    assert not np.allclose(reading.to_dense()[used], other, rtol=1e-2, atol=1e-2)


def test_it_steers_and_is_written_into_code_by_its_path(tiny, tmp_path):
    folder = write_saelens(tmp_path / "own", "gated")
    dictionary = tiny.dictionary(path=folder)
    assert tiny.write_opening(dictionary.info.id) == f"scope.dictionary(path={str(folder)!r})"
    assert eval(tiny.write_opening(dictionary.info.id), {"scope": tiny}) is dictionary
    row = make_tensors("gated")["W_dec"]
    changed, same, other = (
        tiny.next_tokens("The old", interventions=[one]).kl
        for one in (
            gs.add(dictionary.feature(3), 1.5),
            gs.add(row[3], 1.5, site="resid_post", layer=1),
            gs.add(row[4], 1.5, site="resid_post", layer=1),
        )
    )
    assert changed == pytest.approx(same, rel=1e-4)
    assert changed > 0
    assert changed != pytest.approx(other, rel=1e-2)


def test_a_gemma_scope_transcoder_that_saelens_saved_again_is_placed_by_its_module(shelf, tmp_path):
    """SAELens calls its input hook_mlp_in, which is before the norm; hf_hook_name is what Google's config says."""
    folder = write_saelens(
        tmp_path / "own",
        "jumprelu_transcoder",
        hook_name="blocks.1.hook_mlp_in",
        hook_name_out="blocks.1.hook_mlp_out",
        hf_hook_name="model.layers.1.pre_feedforward_layernorm.output",
        hf_hook_name_out="model.layers.1.post_feedforward_layernorm.output",
    )
    assert (shelf.open_folder(folder).info.site, shelf.open_folder(folder).info.layer) == ("transcoder", 1)


# ---- refusals

RANKED = (
    "whether a feature fires hangs on all others at the token, and here each has a threshold of its own, as in a "
    "jumprelu of SAELens, or its batchtopk saved with save_inference_model()"
)
BATCH = (
    "features compete over a batch while it is trained; save it with save_inference_model(), which writes a jumprelu"
)
UNNORMED = "it scales each token by that token's own size, which no weights can hold"
ATTENTION = "attn_out here is what o_proj reads"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"architecture": "topk"}, f"architecture 'topk' is not read here: {RANKED}"),
        ({"architecture": "abstopk"}, f"architecture 'abstopk' is not read here: {RANKED}"),
        ({"architecture": "batchtopk"}, f"architecture 'batchtopk' is not read here: {BATCH}"),
        ({"architecture": "matryoshka_batchtopk"}, f"architecture 'matryoshka_batchtopk' is not read here: {BATCH}"),
        ({"architecture": "temporal"}, "architecture 'temporal' is not read here: its features hang on earlier tokens"),
        (
            {"architecture": "matching_pursuit"},
            "architecture 'matching_pursuit' is not read here: its features are chosen one after another",
        ),
        ({"architecture": "new"}, "architecture 'new' is not read here"),
        ({"architecture": ["standard"]}, "architecture ['standard'] is not read here"),
        ({"activation_fn_str": "topk"}, f"activation_fn 'topk' is not read here: {RANKED}"),
        ({"activation_fn": "tanh-relu"}, "activation_fn 'tanh-relu' is not read here"),
        ({"normalize_activations": "layer_norm"}, f"normalize_activations 'layer_norm' is not read here: {UNNORMED}"),
        (
            {"normalize_activations": "constant_norm_rescale"},
            f"normalize_activations 'constant_norm_rescale' is not read here: {UNNORMED}",
        ),
        (
            {"normalize_activations": "expected_average_only_in"},
            "normalize_activations 'expected_average_only_in' is not read here: the factor is not folded into the "
            "weights; call sae.fold_activation_norm_scaling_factor(factor) with that of activation_scaler.json and "
            "save it again",
        ),
        (
            {"normalize_activations": True},
            "normalize_activations 'expected_average_only_in' is not read here: the factor is not folded",
        ),
        (
            {"normalize_activations": "covariance_whitening"},
            "normalize_activations 'covariance_whitening' is not read here: the whitening is not folded into the "
            "weights; call sae.fold_activation_whitening(...) and save it again",
        ),
        (
            {"finetuning_scaling_factor": True},
            "finetuning_scaling_factor is set, and finetuning scaling factors are not read here, nor by SAELens 6; "
            "multiply the rows of W_dec by them and save again",
        ),
        ({"dtype": "int8"}, "dtype 'int8' is not read here"),
        ({"reshape_activations": "other"}, "reshape_activations 'other' is not read here"),
        (
            {"hook_head_index": 3},
            "hook_head_index is 3, and a dictionary of one head alone is not read here: attn_out is all heads",
        ),
        ({"hook_name": None}, "hook_name should name a hook and its layer, got None"),
        ({"d_sae": "many"}, "d_sae should be a whole number, got 'many'"),
        ({"metadata": 3}, "metadata should be an object, got 3"),
        (
            {"hook_name": "blocks.1.hook_attn_out"},
            "hook_name 'blocks.1.hook_attn_out' is not read here: it is what attention adds to the stream; "
            f"{ATTENTION}, attn.hook_z",
        ),
        (
            {"hook_name": "model.layers.1.self_attn.o_proj"},
            f"'model.layers.1.self_attn.o_proj' is not read here: it is attention before its norm; {ATTENTION}",
        ),
        (
            {"hook_name": "model.layers.1.mlp"},
            "'model.layers.1.mlp' is not read here: it is the MLP before the norm that follows it; "
            "mlp_out here is what that norm gives",
        ),
        ({"hook_name": "blocks.0.hook_resid_pre"}, "is not read here: it is the embedding, before any layer"),
        ({"hook_name": "blocks.1.hook_resid_mid"}, "it is the residual stream between attention and MLP"),
        (
            {"hook_name": "blocks.1.attn.hook_q"},
            "it is at none of resid_post, attn_out, mlp_out and the transcoder's places",
        ),
        ({"hook_name": "transformer.h.1"}, "it is no name of a Gemma 3 hook that is known here"),
        (
            {"hook_name": "model.layers.1.pre_feedforward_layernorm"},
            "hook_name 'model.layers.1.pre_feedforward_layernorm' is the MLP's input, which only transcoders read here",
        ),
        ({"d_sae": 41}, "cfg.json says d_in 24 and d_sae 41, W_enc should be so, got (24, 40)"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(map(str, [*value, *value.values()])),
)
def test_what_is_not_one_of_ours_is_refused_by_its_name_and_reason(shelf, tmp_path, changes, sentence):
    folder = write_saelens(tmp_path / "own")
    assert shelf.open_folder(folder).d_dict == D_DICT  # the control: it is the change alone that is refused
    change_config(folder, **changes)
    with pytest.raises(gs.BadArtefact) as caught:
        Shelf(model_info(), name="tiny").open_folder(folder)
    assert sentence in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"hook_name": "blocks.1.hook_mlp_in"},
            "hook_name 'blocks.1.hook_mlp_in' is not read here: it is the residual stream before the MLP's norm; "
            "transcoders here read what the norm gives",
        ),
        (
            {"hook_name": "blocks.1.ln2.hook_normalized"},
            "it is the MLP's norm without its gain; transcoders here read it with the gain",
        ),
        ({"hook_name_out": None}, "hook_name_out should name a hook and its layer, got None"),
        (
            {"hook_name_out": "blocks.2.hook_mlp_out"},
            "a transcoder here reads the MLP's norm (model.layers.1.pre_feedforward_layernorm) and writes what that "
            "layer's MLP adds (blocks.1.hook_mlp_out), got 'model.layers.1.pre_feedforward_layernorm' and "
            "'blocks.2.hook_mlp_out'",
        ),
        ({"subtracts": True}, "apply_b_dec_to_input is set, but a transcoder's b_dec is of what it writes"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(map(str, [*value, *value.values()])),
)
def test_transcoders_of_other_places_are_refused(shelf, tmp_path, changes, sentence):
    folder = write_saelens(tmp_path / "own", "transcoder", **changes)
    with pytest.raises(gs.BadArtefact) as caught:
        shelf.open_folder(folder)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("architecture", "tensors", "sentence"),
    [
        ("standard", {"b_enc": None}, "missing ['b_enc'], not expected []"),
        (
            "jumprelu",
            {"threshold": None},
            "a jumprelu of SAELens has the tensors ['W_dec', 'W_enc', 'b_dec', 'b_enc', ",
        ),
        ("standard", {"threshold": np.ones(D_DICT, np.float32)}, "missing [], not expected ['threshold']"),
        ("standard", {"b_enc": np.ones(D_DICT - 1, np.float32)}, "b_enc should be (40,), got (39,)"),
        ("standard", {"W_dec": np.ones((D_DICT, 3), np.float32)}, "w_dec should be (40, 24), got (40, 3)"),
        ("gated", {"r_mag": np.ones(3, np.float32)}, "b_gate, b_mag, r_mag should be of one shape"),
        (
            "standard",
            {"scaling_factor": np.full(D_DICT, 2, np.float32)},
            "scaling_factor is not 1 everywhere, and finetuning scaling factors are not read here",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named(shelf, tmp_path, architecture, tensors, sentence):
    with pytest.raises(gs.BadArtefact) as caught:
        shelf.open_folder(write_saelens(tmp_path / "own", architecture, tensors=tensors))
    assert sentence in str(caught.value)


def test_whole_numbers_are_no_weights(shelf, tmp_path):
    folder = write_saelens(tmp_path / "own", dtype=torch.int32)
    with pytest.raises(gs.BadArtefact, match=r"should be of F32, F64, F16, BF16, got I32"):
        shelf.open_folder(folder)


def test_a_dictionary_of_another_model_is_refused(shelf, tmp_path):
    with pytest.raises(gs.UnknownDictionary, match=r"reads 20 numbers at layer 1; tiny has 24 in each of 3 layers"):
        shelf.open_folder(write_saelens(tmp_path / "narrow", d_in=20))
    with pytest.raises(gs.UnknownDictionary, match=r"at layer 7; tiny has 24 in each of 3 layers"):
        shelf.open_folder(write_saelens(tmp_path / "high", hook_name="blocks.7.hook_resid_post"))
    gemma = Shelf(model_info(id="gemma-3-1b-it"), name="gemma-3-1b-it")
    folder = write_saelens(tmp_path / "other", model_name="google/gemma-3-270m")
    with pytest.raises(gs.UnknownDictionary, match=r"was made for google/gemma-3-270m, and this is gemma-3-1b-it"):
        gemma.open_folder(folder)


def test_a_configuration_that_is_missing_or_damaged_is_told(shelf, tmp_path):
    folder = write_saelens(tmp_path / "own")
    for content, sentence in (("{", "cannot be read as JSON"), ("[]", "should hold an object, got []")):
        (folder / "cfg.json").write_text(content)
        with pytest.raises(gs.BadArtefact) as caught:
            shelf.open_folder(folder)
        assert sentence in str(caught.value)
    (folder / "cfg.json").unlink()
    with pytest.raises(gs.BadArtefact, match=r"has no cfg\.json, which says what its weights are"):
        shelf.open_folder(folder)


@pytest.mark.parametrize("activation", ["topk", "groupmax"])
def test_what_sparsify_saves_is_refused_by_its_activation(shelf, tmp_path, activation):
    """As `SparseCoder.save_to_disk` of sparsify 1.3 writes it."""
    save_file({"encoder.weight": torch.ones(D_DICT, D_IN)}, tmp_path / "sae.safetensors")
    config = {"activation": activation, "expansion_factor": 32, "num_latents": D_DICT, "k": 8, "d_in": D_IN}
    (tmp_path / "cfg.json").write_text(json.dumps(config))
    with pytest.raises(gs.BadArtefact) as caught:
        shelf.open_folder(tmp_path)
    expected = f"{tmp_path} holds what sparsify saved with activation '{activation}', k 8, which is not read here: "
    assert str(caught.value) == expected + RANKED
