"""A mixed list of painted changes at two layers, on mini: sliders and panel against plain transformers with own hooks."""

from contextlib import contextmanager

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.mini import MODELS
from gscope_widgets.runtime.engine import CALIBRATION_TEXT

TEXT = "The old fisherman sold two red coats at the market."
NEW = 5  # tokens that the panel makes


class Plain:
    """Mini by transformers, safetensors and NumPy alone."""

    def __init__(self, scope, dictionaries):
        import torch
        from safetensors.torch import load_file
        from transformers import Gemma3ForCausalLM

        self._torch = torch
        self._model = Gemma3ForCausalLM.from_pretrained(MODELS["mini"], dtype=torch.float32).eval()
        self._weights = {
            one.info.id: {
                name: value.double().numpy()
                for name, value in load_file(one.folder.path / "params.safetensors").items()
            }
            for one in dictionaries
        }
        ids = scope.tokens(CALIBRATION_TEXT).ids
        with torch.no_grad():
            streams = self._model(torch.tensor([ids]), output_hidden_states=True).hidden_states
        self._norms = [float(one[0, 1:].double().norm(dim=-1).mean()) for one in streams[1:]]

    def log_probabilities(self, ids, changes, prompt_length, *, shift=0):
        """[pos, d_vocab] of each next token; `shift` moves painted ranges by so many tokens."""
        with self._changed(changes, prompt_length, shift), self._torch.no_grad():
            logits = self._model(self._torch.tensor([list(ids)])).logits[0].double().numpy()
        return (
            logits
            - np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1, keepdims=True))
            - logits.max(-1, keepdims=True)
        )

    @contextmanager
    def _changed(self, changes, prompt_length, shift):
        handles = []
        for layer in {self._layer(one) for one in changes}:
            own = [one for one in changes if self._layer(one) == layer]

            def edit(_module, _inputs, output, own=own, layer=layer):
                stream = output[0] if isinstance(output, tuple) else output
                before = stream[0].double().numpy()
                after = before + sum(self._move(one, before, layer, prompt_length, shift) for one in own)
                changed = self._torch.tensor(after, dtype=stream.dtype)[None]
                return (changed, *output[1:]) if isinstance(output, tuple) else changed

            handles.append(self._model.model.layers[layer].register_forward_hook(edit))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _layer(self, one):
        return one.ref.layer if isinstance(one.ref, gs.Direction) else int(one.ref.dictionary_id.split("layer_")[1][0])

    def _move(self, one, stream, layer, prompt_length, shift):
        """What one change adds, [pos, d], all of them from the stream as it came."""
        at = np.arange(len(stream))
        if isinstance(one.positions, slice):
            here = (at >= one.positions.start + shift) & (at < one.positions.stop + shift)
        else:
            here = {"all": at >= 0, "prompt": at < prompt_length, "generated": at >= prompt_length}[one.positions]
        here = here & (at > 0)  # never BOS
        if isinstance(one.ref, gs.Direction):
            vector = one.ref.vector.astype(np.float64)
            return here[:, None] * one.amount * self._norms[layer] * vector / np.linalg.norm(vector)
        weights, feature = self._weights[one.ref.dictionary_id], one.ref.feature
        row = weights["w_dec"][feature]
        if one.kind == "add":
            return here[:, None] * one.amount * self._norms[layer] * row / np.linalg.norm(row)
        pre = stream @ weights["w_enc"][:, feature] + weights["b_enc"][feature]
        activation = np.where(pre > weights["threshold"][feature], pre, 0.0)
        wanted = {"clamp": one.amount, "scale": one.amount * activation, "ablate": 0.0}[one.kind]
        return (here * (wanted - activation))[:, None] * row


@pytest.fixture(scope="module")
def homes(mini):
    return [mini.dictionary(layer=layer) for layer in (2, 5)]


@pytest.fixture(scope="module")
def plain(mini, homes):
    return Plain(mini, homes)


def mix(scope, homes, *, last):
    """All four kinds and a direction of one's own, at two layers, on painted tokens; `last`: where an own one ends."""
    early, late = homes
    firing = [one.feature for one in scope.read(TEXT, early).top(2, pos=4)]
    others = [one.feature for one in scope.read(TEXT, late).top(2, pos=last - 1)]
    vector = np.random.default_rng(3).standard_normal(scope.info.d_model)
    return (
        gs.add(early.feature(7), 0.4, positions=slice(2, 5)),
        gs.clamp(early.feature(firing[0]), 12.0, positions=slice(3, 6)),
        gs.ablate(early.feature(firing[1]), positions=slice(4, 7)),
        gs.scale(late.feature(others[0]), 3.0, positions=slice(4, last)),
        gs.ablate(late.feature(others[1]), positions=slice(last - 2, last)),
        gs.add(gs.Direction("resid_post", 5, vector, "drawn"), -0.3, positions=slice(1, last)),
    )


@pytest.mark.row("21", "22", "23", "NEW 27")
def test_sliders_predict_what_plain_transformers_do(mini, homes, plain, open_page):
    tokens = mini.tokens(TEXT)
    changes = mix(mini, homes, last=len(tokens))
    widget = open_page(gs.FeatureSliders(mini, TEXT, interventions=changes)).widget
    old, new, moved = (
        plain.log_probabilities(tokens.ids, made, len(tokens), shift=shift)[-1]
        for made, shift in (((), 0), (changes, 0), (changes, -1))
    )
    for baseline, changed in widget.distribution.pairs:
        assert baseline.probability == pytest.approx(np.exp(old[baseline.id]), rel=1e-3, abs=1e-6)
        assert changed.probability == pytest.approx(np.exp(new[changed.id]), rel=1e-3, abs=1e-6)
    assert widget.distribution.kl == pytest.approx(float((np.exp(new) * (new - old)).sum()), rel=1e-3)
    assert abs(float((np.exp(moved) * (moved - old)).sum()) - widget.distribution.kl) > 0.01  # ranges matter
    for at in range(len(changes)):  # and so does each change
        fewer = plain.log_probabilities(tokens.ids, changes[:at] + changes[at + 1 :], len(tokens))[-1]
        assert np.abs(np.exp(fewer) - np.exp(new)).max() > 1e-3


@pytest.mark.row("21", "22", "23", "NEW 27")
def test_the_panel_generates_what_plain_transformers_do(mini, homes, plain, open_page):
    tokens = mini.tokens(TEXT)
    ref = homes[0].feature(11)
    changes = (*mix(mini, homes, last=len(tokens)), gs.clamp(ref, 6.0, positions="generated"))
    panel = open_page(gs.SteeringPanel(mini, TEXT, interventions=changes, max_new_tokens=NEW)).widget
    panel.start()
    rows = {row.name: row for row in panel.comparison.rows}
    for name, made in (("baseline", ()), ("changed", changes)):
        ids = list(tokens.ids)
        for token in rows[name].tokens:
            new = plain.log_probabilities(ids, made, len(tokens))[-1]
            assert token.id == int(new.argmax())
            assert token.logprob == pytest.approx(float(new[token.id]), abs=2e-3)
            ids.append(token.id)
        new, old = (plain.log_probabilities(ids, one, len(tokens))[len(tokens) - 1 : -1] for one in (made, ()))
        np.testing.assert_allclose(rows[name].kl, (np.exp(new) * (new - old)).sum(-1), rtol=5e-3, atol=1e-5)
    assert len(rows["changed"].tokens) == NEW
    assert rows["changed"].kl.max() > 0.05
    moved = plain.log_probabilities(ids, changes, len(tokens), shift=-1)[len(tokens) - 1 : -1]
    assert np.abs(moved - new).max() > 0.01  # ranges matter
