"""The light that goes on when a dictionary does not fit: each mix-up that loads without complaint is named."""

import re
import shutil
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import gscope_widgets as gs
from gscope_widgets.mini import DICTIONARIES

ROOT = DICTIONARIES["mini"]


@pytest.fixture
def borrow(tmp_path):
    """Copies a shipped dictionary, as if it were that of another layer or site, with its tensors changed."""

    def copy(folder, *, site=None, change=None, layer=None, **config):
        source = ROOT / folder
        name = source.name if layer is None else source.name.replace("layer_4", f"layer_{layer}")
        target = tmp_path / tmp_path.name / (site or source.parent.name) / name
        target.mkdir(parents=True)
        shutil.copy(source / "params.safetensors", target)
        if site is None and layer is None:
            shutil.copy(source / "config.json", target)
        tensors = load_file(target / "params.safetensors")
        if change:
            save_file(
                {key: value.contiguous() for key, value in (tensors | change(tensors)).items()},
                target / "params.safetensors",
            )
        return target

    return copy


def faults_of(scope, path) -> tuple[str, ...]:
    return scope.check(scope.dictionary(path=path)).faults


def test_every_shipped_dictionary_passes(scope):
    for info in scope.catalogue():
        check = scope.check(scope.dictionary(path=ROOT.parent / info.id))
        assert check.passed, check
        assert 0 < check.fvu < 0.9
        assert info.mean_l0 / 4 < check.l0 < info.mean_l0 * 4


def test_numbers_are_those_of_a_reading(scope):
    from gscope_widgets.runtime.engine import CALIBRATION_TEXT

    dictionary = scope.dictionary()
    check, reading = scope.check(dictionary), scope.read(CALIBRATION_TEXT, dictionary)
    used = list(reading.tokens.used)
    assert check.fvu == pytest.approx(reading.total_fvu, rel=1e-5)
    assert check.l0 == pytest.approx(reading.l0[used].mean())
    assert check.tokens == len(used)


def test_a_transposed_skip_connection_is_named(scope, borrow):
    def transpose(tensors):
        return {"affine_skip_connection": tensors["affine_skip_connection"].T}

    for layer in range(8):
        (fault,) = faults_of(scope, borrow(f"transcoder_all/layer_{layer}_width_512_l0_small_affine", change=transpose))
        assert "affine_skip_connection is stored transposed" in fault


def test_files_of_another_layer_are_named(scope, borrow):
    faults = faults_of(scope, borrow("transcoder_all/layer_4_width_512_l0_small_affine", layer=1))
    assert any("it fits layer 4" in fault for fault in faults), faults


@pytest.mark.parametrize("layer", [3, 5])
def test_a_residual_autoencoder_of_the_next_layer_is_named_though_it_explains_most(scope, borrow, layer):
    check = scope.check(scope.dictionary(path=borrow("resid_post/layer_4_width_1k_l0_medium", layer=layer)))
    assert check.fvu < 1
    assert any("it fits layer 4 better" in fault for fault in check.faults), check


def test_files_of_another_site_are_named(scope, borrow):
    faults = faults_of(scope, borrow("mlp_out/layer_4_width_1k_l0_big", site="resid_post"))
    other = faults_of(scope, borrow("resid_post/layer_4_width_1k_l0_big", site="mlp_out"))
    assert any("it fits mlp_out" in fault for fault in faults) or any("it fits resid_post" in fault for fault in other)
    assert faults and other


def test_thresholds_that_let_everything_or_nothing_through_are_named(scope, borrow):
    for layer, factor, sentence in (
        (5, 1e-6, "features fire a token, config.json says|worse than"),
        (6, 1e6, "no feature"),
    ):
        path = borrow(
            f"resid_post/layer_{layer}_width_1k_l0_medium", change=lambda t, f=factor: {"threshold": t["threshold"] * f}
        )
        assert any(re.search(sentence, fault) for fault in faults_of(scope, path))


def test_a_first_reading_warns_once_and_a_sound_one_does_not(scope, borrow):
    generator = torch.Generator().manual_seed(0)
    path = borrow(
        "resid_post/layer_5_width_1k_l0_medium",
        change=lambda t: {"w_dec": torch.randn(t["w_dec"].shape, generator=generator).to(t["w_dec"].dtype)},
    )
    dictionary = scope.dictionary(path=path)
    with pytest.warns(gs.SanityWarning, match="does not fit gscope-mini: its reconstruction is worse than the mean"):
        scope.read("hello there", dictionary)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scope.read("hello there", dictionary)
        scope.read("hello there")


def test_reading_a_few_features_checks_nothing(scope, borrow):
    path = borrow("resid_post/layer_6_width_1k_l0_medium", change=lambda t: {"w_dec": -t["w_dec"]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scope.read("hello there", scope.dictionary(path=path), features=[3])
    assert np.isfinite(scope.check(scope.dictionary(path=path)).fvu)
