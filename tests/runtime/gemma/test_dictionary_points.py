"""Where each kind of dictionary reads and writes, and several activations from one pass."""

import pytest
import torch

from gscope_widgets.runtime.gemma.hooks import run_through, run_until
from gscope_widgets.runtime.gemma.sites import find_dictionary_points, find_hook_point, name_ends


@pytest.fixture
def text_model(make_model, load_plain):
    return load_plain(make_model()).model


@pytest.mark.parametrize(
    ("site", "reads", "writes"),
    [
        ("resid_post_all", "", ""),
        ("attn_out", "self_attn.o_proj", "self_attn.o_proj"),
        ("mlp_out_all", "post_feedforward_layernorm", "post_feedforward_layernorm"),
        ("transcoder_all", "pre_feedforward_layernorm", "post_feedforward_layernorm"),
        ("crosscoder", "", ""),
        ("clt", "pre_feedforward_layernorm", "post_feedforward_layernorm"),
    ],
)
def test_reads_and_writes_are_the_published_ones(text_model, site, reads, writes):
    points = find_dictionary_points(text_model, site=site, layers=(0, 2))
    assert [p.module for p in points.reads] == [text_model.layers[i].get_submodule(reads) for i in (0, 2)]
    assert [p.module for p in points.writes] == [text_model.layers[i].get_submodule(writes) for i in (0, 2)]
    assert {p.side for p in points.reads} == {"input" if site == "attn_out" else "output"}
    assert (points.reads[1].name, points.writes[1].name) == name_ends(site, "2")


def test_names_in_configs_keep_their_braces():
    assert name_ends("clt", "{all}") == (
        "model.layers.{all}.pre_feedforward_layernorm.output",
        "model.layers.{all}.post_feedforward_layernorm.output",
    )
    assert name_ends("crosscoder", "{5,9}") == ("model.layers.{5,9}.output",) * 2


def test_several_points_come_from_one_pass_that_ends_at_the_last(text_model, count_hooks):
    ids = torch.tensor([[2, 5, 9, 30]])
    points = [
        find_hook_point(text_model, site=site, layer=layer)
        for site, layer in (("mlp_out", 1), ("transcoder", 1), ("resid_post", 0), ("attn_out", 1), ("mlp_out", 1))
    ]
    passes = []
    counters = [
        layer.register_forward_hook(lambda *_, i=i: passes.append(i)) for i, layer in enumerate(text_model.layers)
    ]
    with torch.no_grad():
        found = run_through(text_model, points, input_ids=ids, use_cache=False)
    assert passes == [0]  # layer 1 ended inside, layer 2 never began
    for counter in counters:
        counter.remove()
    assert len(found) == 4
    with torch.no_grad():
        for point in points:
            torch.testing.assert_close(found[point.name], run_until(text_model, point, input_ids=ids, use_cache=False))
    assert count_hooks(text_model) == 0
    assert not torch.allclose(found[points[0].name], found[points[1].name])
