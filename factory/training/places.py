"""Where a dictionary reads and writes in the model, by the runtime's table of sites."""

from gscope_widgets.runtime.gemma.sites import (
    HookPoint,
    find_hook_point,
    find_text_model,
    name_ends,
)

# What a dictionary reads or writes: a kind of activation, and its layer. A kind is `resid_post`,
# `attn_out`, `mlp_out` or `mlp_in`.
Place = tuple[str, int]
# The runtime names a site for the dictionary that reads it: the input of an MLP is a transcoder's.
_SITES = {"mlp_in": "transcoder"}


def find_point(model, place: Place) -> HookPoint:
    """The hook point of an activation in a Gemma 3 model."""
    kind, layer = place
    return find_hook_point(find_text_model(model), site=_SITES.get(kind, kind), layer=layer)


def name_point(kind: str, layers: str) -> str:
    """An activation's name in `config.json`; `layers` is "4", "{2,4,5,6}" or "{all}"."""
    return name_ends(_SITES.get(kind, kind), layers)[0]
