"""Written checkpoints have each size's module tree, layers and configuration (docs/formats.md)."""

import json

import pytest
from huggingface_hub.errors import GatedRepoError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.models.gemma3.modeling_gemma3 import Gemma3TextModel

from tests.hub.gemma import build_config, write_gemma
from tests.hub.geometry import GEOMETRIES, reduce_geometry

TRUE = {  # layers, d_model, query and kv heads, head_dim, intermediate, window, query_pre_attn_scalar
    "270m": (18, 640, 4, 1, 256, 2048, 512, 256),
    "1b": (26, 1152, 4, 1, 256, 6912, 512, 256),
    "4b": (34, 2560, 8, 4, 256, 10240, 1024, 256),
    "12b": (48, 3840, 16, 8, 256, 15360, 1024, 256),
    "27b": (62, 5376, 32, 16, 128, 21504, 1024, 168),
}


@pytest.mark.parametrize("size", TRUE)
def test_the_true_configuration_is_that_of_the_size(size):
    config = build_config(size, GEOMETRIES[size])
    text = config.get_text_config()
    assert TRUE[size] == (
        *(text.num_hidden_layers, text.hidden_size, text.num_attention_heads, text.num_key_value_heads),
        *(text.head_dim, text.intermediate_size, text.sliding_window, text.query_pre_attn_scalar),
    )
    assert text.vocab_size == (262144 if size in ("270m", "1b") else 262208)
    full = [layer for layer, kind in enumerate(text.layer_types) if kind == "full_attention"]
    assert full == [layer for layer in range(text.num_hidden_layers) if (layer + 1) % 6 == 0]
    assert config.model_type == ("gemma3_text" if size in ("270m", "1b") else "gemma3")


@pytest.mark.parametrize(
    ("size", "variant", "name", "kind"),
    [
        ("270m", "pt", "gemma-3-270m", "Gemma3ForCausalLM"),
        ("4b", "it", "gemma-3-4b-it", "Gemma3ForConditionalGeneration"),
    ],
)
def test_a_checkpoint_loads_by_its_class_and_reads_a_prompt(tmp_path, size, variant, name, kind):
    folder = write_gemma(tmp_path, size, variant)
    assert folder == tmp_path / "google" / name
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert type(model).__name__ == kind
    text = next(module for module in model.modules() if isinstance(module, Gemma3TextModel))
    assert len(text.layers) == GEOMETRIES[size].n_layers
    assert text.layers[0].self_attn.o_proj.in_features == reduce_geometry(size).d_attention
    assert text.norm.weight.abs().max() > 0.1
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.chat_template is not None) == (variant == "it")
    ids = tokenizer("The capital of France is", return_tensors="pt").input_ids
    assert model(input_ids=ids).logits.isfinite().all()


def test_a_large_size_is_published_in_shards(tmp_path):
    folder = write_gemma(tmp_path, "12b", "pt")
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 1 and not (folder / "model.safetensors").exists()
    assert json.loads((folder / "config.json").read_text())["text_config"]["num_hidden_layers"] == 48


def test_true_shapes_are_refused_where_they_would_not_fit(tmp_path):
    with pytest.raises(ValueError, match="270m and 1b"):
        write_gemma(tmp_path, "4b", true_shape=True)


def test_transformers_loads_from_the_hub_and_is_refused_where_gated(hub, no_waiting):
    write_gemma(hub.folder, "270m")
    assert AutoConfig.from_pretrained("google/gemma-3-270m").num_hidden_layers == 18
    model = AutoModelForCausalLM.from_pretrained("google/gemma-3-270m")
    assert len(model.model.layers) == 18
    write_gemma(hub.folder, "270m", "it")
    hub.gate("google/gemma-3-270m-it", tokens={"hf_good"})
    with pytest.raises(OSError, match="gated repo") as refused:
        AutoModelForCausalLM.from_pretrained("google/gemma-3-270m-it")
    assert isinstance(refused.value.__cause__, GatedRepoError)
    assert AutoModelForCausalLM.from_pretrained("google/gemma-3-270m-it", token="hf_good")
