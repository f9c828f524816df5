"""Delta-loss against a run of plain transformers with the reconstruction computed by NumPy."""

from itertools import islice

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from factory.corpus import generate_documents
from tests.runtime.inside import loaded

# A text of the world that mini has learnt, which it was not trained on: elsewhere a reconstruction may even cost less.
TEXT = next(generate_documents(4)).text[:400]


def cross_entropy(logits: np.ndarray, ids) -> float:
    """Mean over targets 1 and on, in float64."""
    shifted = logits[:-1] - logits[:-1].max(1, keepdims=True)
    chosen = shifted[np.arange(len(ids) - 1), list(ids)[1:]] - np.log(np.exp(shifted).sum(1))
    return float(-chosen.mean())


@pytest.mark.row("18")
def test_a_residual_autoencoder_costs_what_plain_transformers_says(
    scope, dictionary, plain_mini, plain_run, read_weights
):
    w = read_weights(dictionary.folder.path)

    def reconstruct(x):
        pre = x @ w["w_enc"] + w["b_enc"]
        made = np.where(pre > w["threshold"], pre, 0) @ w["w_dec"] + w["b_dec"]
        return np.concatenate([x[:1], made[1:]])  # BOS stays

    ids = scope.tokens(TEXT).ids
    plain, _ = plain_run(plain_mini, ids, layer=4)
    replaced, _ = plain_run(plain_mini, ids, layer=4, edit=reconstruct)
    ablated, _ = plain_run(
        plain_mini, ids, layer=4, edit=lambda x: np.concatenate([x[:1], np.repeat(x[1:].mean(0)[None], len(x) - 1, 0)])
    )
    found = scope.delta_loss(TEXT, dictionary)
    assert found.tokens == len(ids) - 1
    assert found.loss == pytest.approx(cross_entropy(plain, ids), rel=1e-4)
    assert found.replaced == pytest.approx(cross_entropy(replaced, ids), rel=1e-3)
    assert found.ablated == pytest.approx(cross_entropy(ablated, ids), rel=1e-3)
    assert 0 < found.delta < found.ablated - found.loss
    assert found.recovered == pytest.approx(1 - found.delta / (found.ablated - found.loss))


@pytest.fixture(scope="module")
def documents() -> list[str]:
    """Texts of the world that mini has learnt, none of which it was trained on."""
    return [document.text[:500] for document in islice(generate_documents(4), 8)]


def mean_losses(scope, documents, dictionary) -> tuple[float, float, float]:
    found = [scope.delta_loss(text, dictionary) for text in documents]
    return tuple(np.mean([getattr(one, name) for one in found]) for name in ("loss", "replaced", "ablated"))


@pytest.mark.parametrize("site", ["resid_post", "attn_out", "mlp_out"])
def test_many_features_cost_less_than_few_and_all_cost_less_than_the_mean(scope, documents, site):
    found = [mean_losses(scope, documents, scope.dictionary(site, l0=l0, layer=4)) for l0 in ("small", "medium", "big")]
    assert all(replaced < ablated for _, replaced, ablated in found)
    if site == "resid_post":  # what a sub-layer's cost is, is too small to have a sign on a few texts
        assert all(loss < replaced for loss, replaced, _ in found)
    assert found[0][1] > found[2][1]


@pytest.mark.parametrize(
    "wishes",
    [("transcoder", {}), ("transcoder", {"affine": True}), ("crosscoder", {}), ("clt", {})],
    ids=lambda one: one[0] + "_affine" * bool(one[1]),
)
def test_dictionaries_that_read_elsewhere_or_everywhere_are_put_in_at_every_layer(
    scope, documents, count_hooks, wishes
):
    before = count_hooks(loaded(scope).model)
    loss, replaced, ablated = mean_losses(scope, documents, scope.dictionary(wishes[0], **wishes[1]))
    assert loss < replaced < ablated
    assert count_hooks(loaded(scope).model) == before


def test_a_perfect_reconstruction_costs_nothing(scope, tmp_path):
    """An affine transcoder cannot be made perfect, but an autoencoder whose features copy can."""
    from safetensors.torch import save_file

    d = 160
    folder = tmp_path / "perfect" / "resid_post" / "layer_4_width_320_l0_big"
    folder.mkdir(parents=True)
    eye = torch.eye(d)
    save_file(
        {
            "w_enc": torch.cat([eye, -eye], 1).contiguous(),
            "b_enc": torch.zeros(2 * d),
            "threshold": torch.zeros(2 * d),
            "w_dec": torch.cat([eye, -eye]).contiguous(),
            "b_dec": torch.zeros(d),
        },
        folder / "params.safetensors",
    )
    found = scope.delta_loss(TEXT, scope.dictionary(path=folder))
    assert found.delta == pytest.approx(0, abs=1e-4)
    assert found.recovered == pytest.approx(1, abs=1e-4)


def test_too_short_a_text_is_refused(scope):
    for text in ("", [2], [2, 500]):
        with pytest.raises(gs.InvalidValue, match="a loss needs two tokens or more besides BOS, got [01]"):
            scope.delta_loss(text)
