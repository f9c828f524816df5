"""Sites of Gemma Scope 2, and where each lives in a Gemma 3 model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn
from transformers.models.gemma3.modeling_gemma3 import Gemma3TextModel

from gscope_widgets.errors import UnknownModel
from gscope_widgets.records.numbers import check_layer

Side = Literal["input", "output"]
# Site -> module under a decoder layer, and the side of it that the dictionary reads.
_PLACES: dict[str, tuple[str, Side]] = {
    "resid_post": ("", "output"),
    "attn_out": ("self_attn.o_proj", "input"),
    "mlp_out": ("post_feedforward_layernorm", "output"),
    "transcoder": ("pre_feedforward_layernorm", "output"),
}
# Site of a dictionary -> the sites that it reads and that it writes to, at each of its layers.
_ENDS: dict[str, tuple[str, str]] = {
    "resid_post": ("resid_post", "resid_post"),
    "attn_out": ("attn_out", "attn_out"),
    "mlp_out": ("mlp_out", "mlp_out"),
    "transcoder": ("transcoder", "mlp_out"),
    "crosscoder": ("resid_post", "resid_post"),
    "clt": ("transcoder", "mlp_out"),
}


@dataclass(frozen=True)
class HookPoint:
    """A module, and whether its input or its output is meant."""

    module: nn.Module
    side: Side
    name: str  # as in config.json: "model.layers.4.output"


@dataclass(frozen=True)
class DictionaryPoints:
    """Where a dictionary reads and where it writes, one hook point for each of its layers."""

    reads: tuple[HookPoint, ...]  # the input of each member's encoder
    writes: tuple[HookPoint, ...]  # what the decoder is to give there; the same points for an autoencoder


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
    layer = check_layer(layer, layers=len(text_model.layers))
    path, side = _PLACES[site]
    module = text_model.layers[layer].get_submodule(path)
    return HookPoint(module, side, _name_point(site, str(layer)))


def find_dictionary_points(text_model: Gemma3TextModel, *, site: str, layers: Sequence[int]) -> DictionaryPoints:
    """Where a dictionary of a site reads and writes; "resid_post_all" and the like are as without "_all".

    Raises:
        InvalidValue: a layer is outside the model.
    """
    reads, writes = _ENDS[site.removesuffix("_all")]
    return DictionaryPoints(
        tuple(find_hook_point(text_model, site=reads, layer=layer) for layer in layers),
        tuple(find_hook_point(text_model, site=writes, layer=layer) for layer in layers),
    )


def name_ends(site: str, layers: str) -> tuple[str, str]:
    """The names of a dictionary's hook points in `config.json`; `layers` is "4", "{5,9,12,15}" or "{all}"."""
    reads, writes = _ENDS[site.removesuffix("_all")]
    return _name_point(reads, layers), _name_point(writes, layers)


def _name_point(site: str, layers: str) -> str:
    path, side = _PLACES[site]
    return ".".join(["model.layers", layers, *([path] if path else []), side])
