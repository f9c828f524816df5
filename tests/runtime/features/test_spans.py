"""Write spans on mini, beside its files and plain hooks."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import gscope_widgets as gs
from gscope_widgets.mini import DICTIONARIES
from gscope_widgets.runtime.engine import CALIBRATION_TEXT

FOLDERS = {"clt": "clt/width_2k_l0_medium", "crosscoder": "crosscoder/layer_2_4_5_6_width_1k_l0_medium"}


@pytest.mark.row("10")
@pytest.mark.parametrize("kind", FOLDERS)
def test_spans_are_norms_of_decoder_rows_beside_what_is_written(scope, plain_mini, kind):
    home = scope.dictionary(kind)
    share = home.d_dict // len(home.info.layers)
    features = [3, share + 5, 2 * share, home.d_dict - 1, 7]
    spans = scope.write_spans([home.feature(one) for one in features])
    seen = {}
    handles = []
    for layer in home.info.layers:
        block = plain_mini.model.layers[layer]
        module = block.post_feedforward_layernorm if kind == "clt" else block

        def keep(_module, _inputs, output, layer=layer):
            seen[layer] = output[0] if isinstance(output, tuple) else output

        handles.append(module.register_forward_hook(keep))
    ids = scope.tokens(CALIBRATION_TEXT).ids
    with torch.no_grad():
        plain_mini(input_ids=torch.tensor([ids]))
    for handle in handles:
        handle.remove()
    scales = [
        float(seen[layer].reshape(-1, seen[layer].shape[-1])[1:].norm(dim=1).mean()) for layer in home.info.layers
    ]
    np.testing.assert_allclose(spans.scales, scales, rtol=1e-4)
    for at, feature in enumerate(features):
        member, local = divmod(feature, share)
        w_dec = load_file(DICTIONARIES["mini"] / FOLDERS[kind] / f"params_layer_{member}.safetensors")["w_dec"]
        np.testing.assert_allclose(spans.norms[at], w_dec[local].float().norm(dim=1).numpy(), rtol=1e-5)
        assert spans.source_layers[at] == home.info.layers[member] == home.source_layer(feature)
        assert not spans.norms[at, :member].any()
    assert spans.layers == home.info.layers and [ref.feature for ref in spans.refs] == features
    assert spans.provenance.settings == {"features": features}
    assert list(spans.provenance.dictionaries) == [home.info.id]
    # The control: without scales other features are said to last.
    whole = scope.write_spans([home.feature(one) for one in range(share)])
    assert (whole.norms >= 0.5 * whole.norms.max(1, keepdims=True)).sum() != whole.near_peak.sum()


def test_shares_of_kinds_are_those_of_the_claim_within_its_interval(scope):
    """The claim's scales are of other text: a feature near a boundary may fall on its other side."""
    claim = gs.mini.claims()["T7w"]
    for name, measured in claim.details["shares"].items():
        home = scope.dictionary(name)
        kinds = scope.write_spans([home.feature(one) for one in range(home.d_dict)]).kinds
        for kind, share in measured.items():
            assert kinds.count(kind) / len(kinds) == pytest.approx(share, abs=0.03)


def test_a_dictionary_of_one_layer_writes_there_alone(scope):
    home = scope.dictionary("resid_post", layer=5)
    spans = scope.write_spans(home.feature(8))
    assert spans.layers == spans.source_layers == (5,) and spans.kinds == ("persistent",)
    np.testing.assert_allclose(spans.norms[0, 0], np.linalg.norm(home.direction(8)), rtol=1e-5)


def test_what_there_is_not_is_refused(scope):
    home = scope.dictionary("clt")
    with pytest.raises(gs.UnknownFeature, match="from 0 to 2047"):
        scope.write_spans([home.feature(0), type(home.feature(0))(home.info.id, 2048)])
    with pytest.raises(gs.UnknownDictionary):
        scope.write_spans(type(home.feature(0))("none", 3))
    with pytest.raises(gs.InvalidValue, match="of one dictionary"):
        scope.write_spans([home.feature(0), scope.dictionary().feature(0)])
