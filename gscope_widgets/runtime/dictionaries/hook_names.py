"""What other libraries call the places that dictionaries read, and which site of ours each is."""

import re

# TransformerLens: blocks.{L}.{name}. Its hook_z is the input of o_proj, its heads end to end.
_LENS = {
    "hook_resid_post": "resid_post",
    "attn.hook_z": "attn_out",
    "hook_mlp_out": "mlp_out",
}
# transformers: model.layers.{L}.{name}, an output unless it says input; so are hf_hook_name and the published configs.
_MODULES = {
    "": "resid_post",
    "output": "resid_post",
    "self_attn.o_proj.input": "attn_out",
    "post_feedforward_layernorm": "mlp_out",
    "post_feedforward_layernorm.output": "mlp_out",
    "pre_feedforward_layernorm": "transcoder",
    "pre_feedforward_layernorm.output": "transcoder",
}
_REASONS = {
    "hook_attn_out": "what attention adds to the stream; attn_out here is what o_proj reads, attn.hook_z",
    "hook_resid_mid": "the residual stream between attention and MLP",
    "hook_mlp_in": "the residual stream before the MLP's norm; transcoders here read what the norm gives",
    "ln2.hook_normalized": "the MLP's norm without its gain; transcoders here read it with the gain",
    "self_attn": "attention before its norm; attn_out here is what o_proj reads",
    "self_attn.o_proj": "attention before its norm; attn_out here is what o_proj reads",
    "post_attention_layernorm": "what attention adds to the stream; attn_out here is what o_proj reads",
    "mlp": "the MLP before the norm that follows it; mlp_out here is what that norm gives",
}
_LENS_NAME = re.compile(r"blocks\.(\d{1,4})\.(.+)")
_MODULE_NAME = re.compile(r"(?:model\.)?(?:language_model\.)?(?:model\.)?layers\.(\d{1,4})(?:\.(.+))?")


def find_place(name: str) -> tuple[str, int]:
    """The site and the layer that a hook's name means; "transcoder" is the input of the MLP, after its norm.

    Raises:
        ValueError: it is at no site of ours, with what it is where that is known.
    """
    if match := _LENS_NAME.fullmatch(name):
        layer, tail, sites = int(match[1]), match[2], _LENS
        if tail == "hook_resid_pre":  # the output of the layer before
            if layer == 0:
                raise ValueError("the embedding, before any layer")
            return "resid_post", layer - 1
    elif match := _MODULE_NAME.fullmatch(name):
        layer, tail, sites = int(match[1]), match[2] or "", _MODULES
    else:
        raise ValueError("no name of a Gemma 3 hook that is known here")
    if tail not in sites:
        raise ValueError(_REASONS.get(tail, "at none of resid_post, attn_out, mlp_out and the transcoder's places"))
    return sites[tail], layer
