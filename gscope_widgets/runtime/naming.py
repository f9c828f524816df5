"""What dictionaries and targets the words of a command line mean."""

import re
from collections.abc import Sequence
from pathlib import Path

from gscope_widgets.errors import UnknownDictionary, describe_value, write_bytes
from gscope_widgets.runtime.dictionaries.choice import choose_dictionary
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.scope import Scope

_FOLDER = re.compile(r"([a-z_]+)/(?:layer_(\d+)(?:_\d+)*_)?width_(\w+?)_l0_([a-z]+)(_affine)?")
_ID = re.compile(r"#(\d{1,9})")
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


def list_named(scope: Scope, names: Sequence[str]) -> tuple[Dictionary, ...]:
    """A CLT, or transcoders, rising by layer, as `open_named` takes them; none for those of all layers.

    Raises:
        InvalidValue, UnknownDictionary: they cannot stand in for MLPs together, or there are none.
    """
    return scope._take.transcoders([open_named(scope, one) for one in names] or None)


def read_token(word: str | None) -> str | int | None:
    """A target as `gs.circuit` takes it: "#12" is the token of that id."""
    match = None if word is None else _ID.fullmatch(word)
    return word if match is None else int(match[1])


def write_need(scope: Scope, prompt: str, homes: Sequence[Dictionary]) -> str:
    """How much is traced, and what is fetched for it first, in a line."""
    size = sum(one.missing_encoder_bytes if one.is_read_by_row else one.missing_bytes for one in homes)
    is_alone = len(homes) == 1
    through = homes[0].info.id if is_alone else f"{len(homes)} transcoders"
    fetched = f", {write_bytes(size)} of {'it' if is_alone else 'them'} fetched first" if size else ""
    return f"{len(scope.tokens(prompt))} tokens through {through}{fetched}"
