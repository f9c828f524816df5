"""The logit lens against arithmetic on weights that safetensors reads, and against the model's own prediction."""

import numpy as np
import pytest
from safetensors.torch import load_file  # NumPy has no bfloat16

import gscope_widgets as gs
from gscope_widgets.mini import MODELS
from gscope_widgets.runtime.gemma import lens
from tests.runtime.inside import loaded

TEXT = "The old fisherman sold two red coats in the market."
EPS = 1e-6  # rms_norm_eps of Gemma 3


@pytest.fixture(scope="module")
def weights():
    tensors = load_file(MODELS["mini"] / "model.safetensors")
    return {name: tensors[name].double().numpy() for name in ("model.embed_tokens.weight", "model.norm.weight")}


def softmax(logits):
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def unembed(weights, residual, *, gain=1.0):
    """Logits, [pos, d_vocab], of a residual stream, [pos, d_model]."""
    normed = residual / np.sqrt((residual**2).mean(-1, keepdims=True) + EPS)
    return (normed * (gain + weights["model.norm.weight"])) @ weights["model.embed_tokens.weight"].T


@pytest.mark.parametrize("layer", [0, 3, 6])
def test_the_lens_is_the_final_norm_and_the_unembedding_on_the_residual_stream(
    scope, weights, plain_run, plain_mini, layer
):
    reading = scope.logit_lens(TEXT, 7, layers=[layer])
    _, residual = plain_run(plain_mini, reading.tokens.ids, layer=layer)
    logits = unembed(weights, residual)
    chances = softmax(logits)
    found = np.take_along_axis(logits, reading.ids[0].astype(np.int64), -1)
    np.testing.assert_allclose(reading.logits[0], found, atol=1e-3)
    np.testing.assert_allclose(reading.logits[0], -np.sort(-logits, -1)[:, :7], atol=1e-3)
    np.testing.assert_allclose(
        reading.probabilities[0], np.take_along_axis(chances, reading.ids[0].astype(np.int64), -1), atol=1e-4
    )
    np.testing.assert_allclose(reading.entropy[0], -(chances * np.log(chances)).sum(-1), atol=1e-3)
    # Control: the norm's weight is a gain of 1 + weight, which can be told from weight alone.
    assert np.abs(found - np.take_along_axis(unembed(weights, residual, gain=0.0), reading.ids[0], -1)).max() > 0.5


def test_after_the_last_layer_the_lens_is_the_model_itself(scope):
    reading = scope.logit_lens(TEXT, 5)
    assert reading.layers == tuple(range(scope.info.layers))
    own = scope.next_tokens(TEXT, 5).chances
    last = reading.top(layer=scope.info.layers - 1, pos=len(reading.tokens) - 1)
    assert [(one.id, one.token) for one in last] == [(one.id, one.token) for one in own]
    np.testing.assert_allclose([one.logit for one in last], [one.logit for one in own], atol=1e-3)
    # Control: a layer before says something else.
    first = reading.top(layer=0, pos=len(reading.tokens) - 1)
    assert max(abs(one.logit - other.logit) for one, other in zip(first, own, strict=True)) > 1


def test_a_tracked_token_has_its_probability_and_rank_everywhere(scope, weights, plain_run, plain_mini):
    likely = scope.next_tokens(TEXT, 1).chances[0]
    reading = scope.logit_lens(TEXT, layers=[2, 7], track=[likely.id, 5])
    for row, layer in enumerate(reading.layers):
        _, residual = plain_run(plain_mini, reading.tokens.ids, layer=layer)
        logits = unembed(weights, residual)
        for path in reading.paths:
            np.testing.assert_allclose(path.probabilities[row], softmax(logits)[:, path.id], atol=1e-4)
            assert path.ranks[row].tolist() == (logits > logits[:, [path.id]]).sum(-1).tolist()
    first = reading.paths[0]
    assert (first.token, first.ranks[1, -1]) == (likely.token, 0)
    assert reading.paths[1].ranks[1, -1] > 0  # control


def test_blocks_and_a_chosen_layer_change_nothing(scope, monkeypatch):
    whole = scope.logit_lens(TEXT, 3, track=[7])
    monkeypatch.setattr(lens, "_BLOCK", 5 * scope.info.vocabulary)  # rows of several layers in one block
    for found in (scope.logit_lens(TEXT, 3, track=[7]), scope.logit_lens(TEXT, 3, layers=[4, 1, 4], track=[7])):
        rows = [whole.layers.index(layer) for layer in found.layers]
        assert found.ids.tolist() == whole.ids[rows].tolist()
        np.testing.assert_allclose(found.probabilities, whole.probabilities[rows], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found.paths[0].probabilities, whole.paths[0].probabilities[rows], rtol=1e-4)
    assert found.layers == (1, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": [8]}, r"a layer must be .* 0 to 7, got 8"),
        ({"layers": []}, "layers is empty"),
        ({"layers": 3}, "layers must be a list, got 3"),
        ({"k": 0}, "k must be"),
        ({"track": [-1]}, "a token id must be"),
        ({"track": range(21)}, "track takes at most 20 token ids, got 21"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(scope, options, message):
    with pytest.raises(gs.InvalidValue, match=message):
        scope.logit_lens(TEXT, **options)


def test_what_is_not_finite_is_refused(scope):
    broken = loaded(scope).text_model.norm.register_forward_hook(lambda _m, _i, output: output * float("nan"))
    try:
        with pytest.raises(gs.GscopeError, match="not finite"):
            scope.logit_lens(TEXT, layers=[2])
    finally:
        broken.remove()
    assert np.isfinite(scope.logit_lens(TEXT, layers=[2]).logits).all()


def test_a_layer_or_position_that_was_not_read_is_refused(scope):
    reading = scope.logit_lens(TEXT, layers=[2, 7])
    for wish in ({"layer": 3, "pos": 0}, {"layer": 2, "pos": len(reading.tokens)}):
        with pytest.raises(gs.InvalidValue, match=r"layers read are 2, 7, got 3|pos must be"):
            reading.top(**wish)


def test_a_frame_has_a_row_for_each_likely_token(scope):
    reading = scope.logit_lens(TEXT, 2, layers=[0, 7])
    frame = reading.to_frame()
    assert len(frame) == 2 * len(reading.tokens) * 2
    row = frame[(frame.layer == 7) & (frame.pos == 3) & (frame["rank"] == 1)].iloc[0]
    expected = reading.top(layer=7, pos=3)[1]
    assert (row.id, row.next_token, row.token) == (expected.id, expected.token, reading.tokens.strings[3])
    assert row.probability == pytest.approx(expected.probability)
