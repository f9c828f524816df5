"""A dictionary by the words of a command line."""

import re
from pathlib import Path

from gscope_widgets.errors import UnknownDictionary, describe_value
from gscope_widgets.runtime.dictionaries.choice import choose_dictionary
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.scope import Scope

_FOLDER = re.compile(r"([a-z_]+)/(?:layer_(\d+)(?:_\d+)*_)?width_(\w+?)_l0_([a-z]+)(_affine)?")
_BEGUN = re.compile(r"([a-z_]+)/(?:layer_(\d{1,4}))?")


def open_named(scope: Scope, name: str | None) -> Dictionary:
    """The dictionary that a name means.

    Args:
        name: a site ("resid_post"), a published folder ("resid_post/layer_12_width_16k_l0_medium"), a folder of this
            machine, or "hf://owner/name/site/folder"; None for the default one.

    Raises:
        UnknownDictionary: there is none, or not of this model; the message lists what exists.
    """
    if name is None:
        return scope.dictionary()
    if name.startswith("hf://") or Path(name).expanduser().is_dir():
        return scope.dictionary(path=name)
    match = _FOLDER.fullmatch(name)
    if match is None:
        part = _BEGUN.match(name)
        if part is None:
            return scope.dictionary(name)
        near = choose_dictionary(scope.catalogue(), site=part[1], layer=None if part[2] is None else int(part[2]))
        raise UnknownDictionary(
            f"there is no dictionary {describe_value(name)}; the nearest is {near.id.partition('/')[2]}"
        )
    site, layer, width, l0, affine = match.groups()
    found = scope.dictionary(site, None if layer is None else int(layer), width, l0, affine=affine is not None)
    if not found.info.id.endswith(f"/{name}"):
        raise UnknownDictionary(f"there is no {name}; the nearest is {found.info.id}")
    return found
