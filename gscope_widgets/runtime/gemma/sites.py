"""Sites of Gemma Scope 2, and where each lives in a Gemma 3 model."""

from dataclasses import dataclass
from typing import Literal

from torch import nn
from transformers.models.gemma3.modeling_gemma3 import Gemma3TextModel

from gscope_widgets.errors import UnknownModel
from gscope_widgets.records.numbers import check_int

Site = Literal["resid_post", "attn_out", "mlp_out", "transcoder"]
# Site -> module under a decoder layer, and the side of it that the dictionary reads.
_PLACES: dict[str, tuple[str, str]] = {
    "resid_post": ("", "output"),
    "attn_out": ("self_attn.o_proj", "input"),
    "mlp_out": ("post_feedforward_layernorm", "output"),
    "transcoder": ("pre_feedforward_layernorm", "output"),
}


@dataclass(frozen=True)
class HookPoint:
    """A module, and whether its input or its output is meant."""

    module: nn.Module
    side: Literal["input", "output"]
    name: str  # as in config.json: "model.layers.4.output"


def find_text_model(model: nn.Module) -> Gemma3TextModel:
    """The language model inside, wherever this class of Gemma 3 keeps it.

    Raises:
        UnknownModel: there is none, or more than one.
    """
    found = [module for module in model.modules() if isinstance(module, Gemma3TextModel)]
    if len(found) != 1:
        raise UnknownModel(
            f"{type(model).__name__} holds {len(found)} Gemma 3 text models, expected one; "
            "gscope_widgets reads Gemma 3 models"
        )
    return found[0]


def find_hook_point(text_model: Gemma3TextModel, *, site: str, layer: int) -> HookPoint:
    """Where a site lives at a layer.

    Raises:
        InvalidValue: the layer is outside the model.
    """
    layer = check_int("layer", layer, low=0, high=len(text_model.layers) - 1)
    path, side = _PLACES[site]
    module = text_model.layers[layer].get_submodule(path)
    parts = ["model.layers", str(layer), *([path] if path else []), side]
    return HookPoint(module, side, ".".join(parts))
