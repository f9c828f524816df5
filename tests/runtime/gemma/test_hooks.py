"""Hooks: they see and change the right tensor, and are gone afterwards, whatever happened."""

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from gscope_widgets.runtime.gemma.hooks import capture, edit, run_until
from gscope_widgets.runtime.gemma.sites import find_hook_point
from tests.runtime.inside import loaded

IDS = torch.tensor([[2, 300, 301, 302, 303]])
SITES = ("resid_post", "attn_out", "mlp_out", "transcoder")


@pytest.fixture
def model(make_model, load_plain):
    return load_plain(make_model())


@pytest.fixture
def run(model):
    def run(**options):
        with torch.no_grad():
            return model(input_ids=IDS, use_cache=False, **options)

    return run


def point_of(model, site="resid_post", layer=1):
    return find_hook_point(model.model, site=site, layer=layer)


@pytest.mark.parametrize("layer", [0, 1])
def test_the_residual_stream_is_transformers_hidden_state_after_the_layer(model, run, layer):
    expected = run(output_hidden_states=True).hidden_states
    with torch.no_grad():
        found = run_until(model.model, point_of(model, layer=layer), input_ids=IDS, use_cache=False)
    torch.testing.assert_close(found, expected[layer + 1], rtol=0, atol=0)
    assert not torch.allclose(found, expected[layer])  # control: one layer off is another tensor
    assert not torch.allclose(found, expected[layer + 2])


def test_each_site_is_the_tensor_that_its_module_takes_or_gives(model, run):
    layer = model.model.layers[1]
    seen = {}
    handles = [
        layer.self_attn.o_proj.register_forward_pre_hook(lambda _m, inputs: seen.update(attn_out=inputs[0])),
        layer.pre_feedforward_layernorm.register_forward_hook(lambda _m, _i, out: seen.update(transcoder=out)),
        layer.post_feedforward_layernorm.register_forward_hook(lambda _m, _i, out: seen.update(mlp_out=out)),
        layer.mlp.register_forward_hook(lambda _m, _i, out: seen.update(mlp=out)),
    ]
    found = {}
    for site in SITES:
        with capture(point_of(model, site)) as captured:
            run()
        (found[site],) = captured
    for handle in handles:
        handle.remove()
    for site in ("attn_out", "mlp_out", "transcoder"):
        torch.testing.assert_close(found[site], seen[site], rtol=0, atol=0)
    assert found["attn_out"].shape[-1] == 32  # heads x head_dim, which is not d_model
    assert found["resid_post"].shape[-1] == 24
    assert not torch.allclose(found["mlp_out"], seen["mlp"])  # control: before the sandwich norm


def test_capture_collects_every_pass_and_changes_nothing(model, run):
    plain = run().logits
    with capture(point_of(model)) as captured:
        inside = run().logits
        run()
    assert len(captured) == 2
    torch.testing.assert_close(inside, plain, rtol=0, atol=0)


@pytest.mark.parametrize("site", SITES)
def test_edit_with_the_same_values_changes_nothing_and_with_others_does(model, run, site):
    plain = run().logits
    with edit(point_of(model, site), lambda x: x.clone()):
        torch.testing.assert_close(run().logits, plain, rtol=0, atol=0)
    with edit(point_of(model, site), lambda x: x + 1.0):
        assert not torch.allclose(run().logits, plain)
    torch.testing.assert_close(run().logits, plain, rtol=0, atol=0)


def test_a_layer_that_returns_a_tuple_is_edited_and_captured_all_the_same(count_hooks):
    """transformers 4.57 returns a 1-tuple where 5.x returns a tensor."""

    class Layer(torch.nn.Module):
        def forward(self, x):
            return (x * 2, "kept")

    from gscope_widgets.runtime.gemma.sites import HookPoint

    layer = Layer()
    point = HookPoint(layer, "output", "layer")
    with capture(point) as captured, edit(point, lambda x: x + 1):
        changed, kept = layer(torch.ones(1, 2, 3))
    assert torch.equal(captured[0], torch.full((1, 2, 3), 2.0))
    assert torch.equal(changed, torch.full((1, 2, 3), 3.0))
    assert kept == "kept"
    assert count_hooks(layer) == 0


def test_nothing_after_the_hook_point_runs(model):
    ran = []
    handle = model.model.layers[2].register_forward_hook(lambda *_: ran.append(1))
    with torch.no_grad():
        run_until(model.model, point_of(model, layer=1), input_ids=IDS, use_cache=False)
        assert ran == []
        run_until(model.model, point_of(model, layer=2), input_ids=IDS, use_cache=False)
    handle.remove()
    assert ran == [1]


@pytest.mark.parametrize("error", [RuntimeError("inside"), KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
@pytest.mark.parametrize("how", ["capture", "edit", "run_until"])
@pytest.mark.parametrize("site", ["resid_post", "attn_out"])
def test_a_hook_is_removed_when_the_model_raises(model, run, count_hooks, how, error, site):
    baseline = count_hooks(model)
    point = point_of(model, site)

    def fail(*_):
        raise error

    breaker = model.model.layers[0].register_forward_hook(fail)  # before the hook point is reached
    with pytest.raises(type(error)):
        if how == "capture":
            with capture(point):
                run()
        elif how == "edit":
            with edit(point, lambda x: x):
                run()
        else:
            run_until(model.model, point, input_ids=IDS, use_cache=False)
    breaker.remove()
    assert count_hooks(model) == baseline


@pytest.mark.parametrize("error", [ValueError("in the edit"), KeyboardInterrupt()])
def test_a_hook_is_removed_when_the_edit_itself_raises(model, run, count_hooks, error):
    baseline, plain = count_hooks(model), run().logits

    def fail(_x):
        raise error

    with pytest.raises(type(error)), edit(point_of(model), fail):
        run()
    assert count_hooks(model) == baseline
    torch.testing.assert_close(run().logits, plain, rtol=0, atol=0)


def test_a_hook_that_is_left_behind_is_seen_by_the_count(model, count_hooks):
    """The control of the tests above: without the `finally`, they would fail."""
    baseline = count_hooks(model)
    context = edit(point_of(model), lambda x: x + 1)
    context.__enter__()
    assert count_hooks(model) == baseline + 1
    context.__exit__(None, None, None)
    assert count_hooks(model) == baseline


def test_only_our_own_hooks_are_removed(model, run, count_hooks):
    theirs = model.model.layers[1].register_forward_hook(lambda *_: None)
    before = count_hooks(model)
    with edit(point_of(model), lambda x: x):
        run()
    assert count_hooks(model) == before
    theirs.remove()


# ---- the same, through the scope


@pytest.mark.parametrize("error", [RuntimeError("inside"), KeyboardInterrupt(), MemoryError()])
def test_the_scope_hands_the_model_back_as_it_was_when_a_pass_fails(tiny, tiny_dictionary, count_hooks, error):
    model = loaded(tiny).model
    steered = [gs.add(tiny_dictionary.feature(1), 0.5), gs.ablate(tiny_dictionary.feature(2))]
    good = tiny.next_tokens("The dog", 5, steered).chances
    baseline = count_hooks(model)

    def fail(*_):
        raise error

    for call in (
        lambda: tiny.read("The cat sat.", tiny_dictionary),
        lambda: tiny.next_tokens("The cat", 5, steered),
        lambda: tiny.generate("The cat", steered, max_new_tokens=5).wait(),
    ):
        breaker = model.model.layers[0].register_forward_hook(fail)
        with pytest.raises(type(error)):
            call()
        breaker.remove()
        assert count_hooks(model) == baseline
    again = tiny.next_tokens("The dog", 5, steered).chances
    assert [one.id for one in again] == [one.id for one in good]
    np.testing.assert_allclose([one.logit for one in again], [one.logit for one in good], atol=1e-5)


def test_a_generation_that_fails_in_mid_stream_leaves_no_hook(tiny, tiny_dictionary, count_hooks):
    model = loaded(tiny).model
    baseline, passes = count_hooks(model), []

    def fail_third(*_):
        passes.append(1)
        if len(passes) == 3:
            raise RuntimeError("third pass")

    breaker = model.model.layers[2].register_forward_hook(fail_third)
    generation = tiny.generate("The cat", [gs.add(tiny_dictionary.feature(1), 0.5)], max_new_tokens=10)
    with pytest.raises(RuntimeError, match="third pass"):
        generation.wait()
    breaker.remove()
    assert generation.ended == "error"
    assert len(generation.tokens()) == 2
    assert count_hooks(model) == baseline


def test_a_generation_cancelled_in_mid_stream_leaves_no_hook(tiny, tiny_dictionary, count_hooks):
    baseline = count_hooks(loaded(tiny).model)
    plain = tiny.next_tokens("The dog", 5).chances
    generation = tiny.generate("The cat", [gs.add(tiny_dictionary.feature(1), 0.5)], max_new_tokens=100)
    for token in generation:
        if token.step == 2:
            generation.cancel()
    assert generation.ended == "cancelled"
    assert count_hooks(loaded(tiny).model) == baseline
    assert tiny.next_tokens("The dog", 5).chances == plain
