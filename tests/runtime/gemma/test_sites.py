"""Where each site lives, whatever class of Gemma 3 holds the language model."""

import pytest
import torch
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, LlamaConfig, LlamaForCausalLM

import gscope_widgets as gs
from gscope_widgets.runtime.gemma.sites import find_hook_point, find_text_model


@pytest.fixture
def model(make_model, load_plain):
    return load_plain(make_model())


@pytest.mark.parametrize(
    ("site", "path", "side"),
    [
        ("resid_post", "", "output"),
        ("attn_out", "self_attn.o_proj", "input"),
        ("mlp_out", "post_feedforward_layernorm", "output"),
        ("transcoder", "pre_feedforward_layernorm", "output"),
    ],
)
def test_a_site_is_the_module_and_side_of_the_published_table(model, site, path, side):
    point = find_hook_point(model.model, site=site, layer=1)
    assert point.module is model.model.layers[1].get_submodule(path)
    assert point.side == side
    assert point.name == ".".join(part for part in ("model.layers.1", path, side) if part)


@pytest.mark.parametrize("layer", [-1, 3, 1.0, "1", True, None])
def test_a_layer_outside_the_model_is_refused_with_its_range(model, layer):
    with pytest.raises(gs.InvalidValue, match="layer must be a whole number from 0 to 2"):
        find_hook_point(model.model, site="resid_post", layer=layer)


def test_the_language_model_inside_a_multimodal_gemma_is_found():
    with torch.device("meta"):
        config = Gemma3Config(
            text_config={"hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 16, "vocab_size": 64},
            vision_config={
                "hidden_size": 16,
                "num_hidden_layers": 1,
                "intermediate_size": 16,
                "num_attention_heads": 2,
            },
        )
        model = Gemma3ForConditionalGeneration(config)
    assert find_text_model(model) is model.model.language_model


def test_a_model_that_is_no_gemma_3_is_refused_by_its_class():
    with torch.device("meta"):
        llama = LlamaForCausalLM(
            LlamaConfig(hidden_size=16, num_hidden_layers=1, intermediate_size=16, num_attention_heads=2, vocab_size=64)
        )
    with pytest.raises(gs.UnknownModel, match=r"LlamaForCausalLM holds 0 Gemma 3 text models"):
        find_text_model(llama)
