"""A prompt's pass that is resumed, against the same pass made whole by the model itself."""

from contextlib import contextmanager

import pytest
import torch

from gscope_widgets.runtime.gemma.hooks import edit
from gscope_widgets.runtime.gemma.prefix import NOTHING, Prompts, count_untouched, name_cache
from gscope_widgets.runtime.gemma.sites import find_hook_point
from tests.runtime import inside

CLOSE = 1e-4  # logits are up to about 20; two passes of another batch size are rounded differently
SITES = ("resid_post", "attn_out", "mlp_out", "transcoder")
WINDOW = 32  # of mini's local layers


@pytest.fixture
def loaded(scope):
    return inside.loaded(scope)


@pytest.fixture(autouse=True)
def inference():
    with torch.inference_mode():
        yield


def draw_ids(count: int, *, seed: int = 0) -> tuple[int, ...]:
    random = torch.Generator().manual_seed(seed)
    return (2, *torch.randint(10, 3000, (count,), generator=random).tolist())


def push(point, *, row=1, strength=1.0):
    """Changes one row at every position but the first, by a vector about as long as the activation."""

    def change(x):
        direction = torch.randn(x.shape[-1], generator=torch.Generator().manual_seed(1))
        changed = x.clone()
        changed[row, 1:] += strength * direction / direction.norm() * x[row].norm(dim=-1).mean()
        return changed

    return lambda: edit(point, change)


def run_whole(loaded, ids, *, rows, steer):
    with steer():
        out = loaded.model(input_ids=torch.tensor([list(ids)] * rows), use_cache=True)
    return out.logits[:, -1].float(), out[name_cache(loaded.model)]


def go_on(loaded, cache, *, rows):
    """Logits after one more token, another one in each row."""
    tokens = torch.arange(11, 11 + rows)[:, None]
    going_on = {name_cache(loaded.model): cache}
    return loaded.model(input_ids=tokens, use_cache=True, **going_on).logits[:, -1]


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("layer", [0, 4, 7])
@pytest.mark.parametrize("count", [1, 9, WINDOW - 1, WINDOW, 5 * WINDOW])
def test_a_resumed_pass_gives_the_logits_and_the_cache_of_a_whole_one(loaded, site, layer, count):
    ids, point = draw_ids(count), find_hook_point(loaded.text_model, site=site, layer=layer)
    prompts, untouched = Prompts(loaded), count_untouched(loaded.text_model.layers, point)
    whole, whole_cache = run_whole(loaded, ids, rows=2, steer=push(point))
    after = go_on(loaded, whole_cache, rows=2)
    for _first_time_and_again in range(2):
        logits, cache = prompts.run(ids, untouched=[None, untouched], steer=push(point))
        torch.testing.assert_close(logits, whole, atol=CLOSE, rtol=0)
        torch.testing.assert_close(go_on(loaded, cache, rows=2), after, atol=CLOSE, rtol=0)
    assert (whole[0] - whole[1]).abs().max() > 100 * CLOSE  # control: the change is one


def test_what_one_change_leaves_serves_another_that_begins_lower_or_higher(loaded):
    ids, prompts = draw_ids(12), Prompts(loaded)
    for layer in (5, 2, 6, 0, 7):
        point = find_hook_point(loaded.text_model, site="resid_post", layer=layer)
        steer = push(point, row=0)
        logits, _ = prompts.run(ids, untouched=[count_untouched(loaded.text_model.layers, point)], steer=steer)
        torch.testing.assert_close(logits, run_whole(loaded, ids, rows=1, steer=steer)[0], atol=CLOSE, rtol=0)


def test_the_baseline_alone_is_computed_once(loaded):
    ids, prompts = draw_ids(12), Prompts(loaded)
    first, _ = prompts.run(ids, untouched=[None])
    with count_layer_runs(loaded) as runs:
        again, cache = prompts.run(ids, untouched=[None, None, None])
    assert runs == []
    assert torch.equal(again, first.expand(3, -1))
    whole, whole_cache = run_whole(loaded, ids, rows=3, steer=push_nothing)
    torch.testing.assert_close(again, whole, atol=CLOSE, rtol=0)
    after = go_on(loaded, whole_cache, rows=3)
    torch.testing.assert_close(go_on(loaded, cache, rows=3), after, atol=CLOSE, rtol=0)


@pytest.mark.parametrize(("site", "ran"), [("resid_post", [5, 6, 7]), ("mlp_out", [4, 5, 6, 7])])
def test_only_layers_from_the_change_on_are_computed_again(loaded, site, ran):
    ids, point = draw_ids(12), find_hook_point(loaded.text_model, site=site, layer=4)
    prompts, untouched = Prompts(loaded), count_untouched(loaded.text_model.layers, point)
    for expected in (list(range(8)), ran):
        with count_layer_runs(loaded) as runs:
            prompts.run(ids, untouched=[untouched], steer=push(point, row=0))
        assert runs == expected


def test_resuming_one_layer_too_late_is_seen(loaded):
    """The control of the whole file: with the rule broken, the comparison fails."""
    ids, point = draw_ids(12), find_hook_point(loaded.text_model, site="mlp_out", layer=4)
    prompts, untouched = Prompts(loaded), count_untouched(loaded.text_model.layers, point)
    prompts.run(ids, untouched=[None])
    wrong, _ = prompts.run(ids, untouched=[untouched + 1], steer=push(point, row=0))
    whole, _ = run_whole(loaded, ids, rows=1, steer=push(point, row=0))
    assert (wrong - whole).abs().max() > 100 * CLOSE


def test_another_prompt_is_another_prefix(loaded):
    prompts = Prompts(loaded)
    prompts.run(draw_ids(12), untouched=[None])
    for ids in (draw_ids(12, seed=1), draw_ids(11), draw_ids(13)):
        logits, _ = prompts.run(ids, untouched=[None])
        torch.testing.assert_close(logits, run_whole(loaded, ids, rows=1, steer=push_nothing)[0], atol=CLOSE, rtol=0)


def test_layers_are_as_before_even_when_a_change_raises(loaded, count_hooks):
    ids, point = draw_ids(12), find_hook_point(loaded.text_model, site="resid_post", layer=4)
    prompts, layers = Prompts(loaded), loaded.text_model.layers
    prompts.run(ids, untouched=[None])
    own = layers[1].forward
    layers[1].forward = own  # as accelerate does
    before = count_hooks(loaded.model)

    def fail(_x):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        prompts.run(ids, untouched=[5], steer=lambda: edit(point, fail))
    assert count_hooks(loaded.model) == before
    assert [("forward" in vars(layer)) for layer in layers] == [index == 1 for index in range(len(layers))]
    assert layers[1].forward == own
    del layers[1].forward


@pytest.mark.parametrize("untouched", [[None], [5], [None, 5]], ids=str)
@pytest.mark.parametrize("place", ["layer 2", "final norm"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_pass_that_went_wrong_is_not_kept(loaded, untouched, place, bad):
    """Were it kept, every later answer on the prompt would be as wrong, long after the fault has gone."""
    module = {"layer 2": loaded.text_model.layers[2], "final norm": loaded.text_model.norm}[place]
    ids, prompts = draw_ids(12), Prompts(loaded)
    spoil = module.register_forward_hook(
        lambda _module, _inputs, output: (output[0] * bad,) if isinstance(output, tuple) else output * bad
    )
    logits, _ = prompts.run(ids, untouched=untouched)
    spoil.remove()
    assert not torch.isfinite(logits).all()
    after, _ = prompts.run(ids, untouched=[None])
    whole, _ = run_whole(loaded, ids, rows=1, steer=push_nothing)
    torch.testing.assert_close(after, whole, atol=CLOSE, rtol=0)


def test_what_is_kept_is_bounded_and_counted(loaded):
    prompts = Prompts(loaded, limit_bytes=2_000_000)
    kept = []
    for seed in range(4):
        prompts.run(draw_ids(60, seed=seed), untouched=[None])
        kept.append(prompts.known.bytes)
    one = prompts.known.get(draw_ids(60, seed=3))
    shapes = (*one.residuals, *one.keys, *one.values, one.logits)
    assert one.nbytes == sum(tensor.numel() * 4 for tensor in shapes) == kept[0]
    assert max(kept) <= 2_000_000 < 4 * kept[0]  # not all four fit
    # A view of a batch would hold the whole batch in memory.
    assert all(tensor.untyped_storage().nbytes() == tensor.nbytes for tensor in shapes)


def test_a_prompt_too_large_to_keep_is_answered_all_the_same(loaded):
    prompts = Prompts(loaded, limit_bytes=1000)
    for _again in range(2):
        logits, _ = prompts.run(draw_ids(60), untouched=[None])
        whole, _ = run_whole(loaded, draw_ids(60), rows=1, steer=push_nothing)
        torch.testing.assert_close(logits, whole, atol=CLOSE, rtol=0)
    assert prompts.known.bytes == NOTHING.nbytes == 0


@contextmanager
def push_nothing():
    yield


@contextmanager
def count_layer_runs(loaded):
    """Which layers compute something: their attention is run."""
    runs, handles = [], []
    for index, layer in enumerate(loaded.text_model.layers):
        attention = layer.self_attn
        handles.append(attention.register_forward_hook(lambda *_arguments, index=index: runs.append(index)))
    try:
        yield runs
    finally:
        for handle in handles:
            handle.remove()
