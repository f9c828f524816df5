"""One dictionary out of those that there are."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TypedDict

from gscope_widgets.errors import InvalidValue, UnknownDictionary, describe_value
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.numbers import check_layer
from gscope_widgets.runtime.dictionaries.catalogue import SITES, SUITES

# Gemma Scope 2's and gscope-mini's standard widths, each of which has every l0; else the narrowest.
_USUAL_WIDTHS = ("16k", "1k")
_L0S = ("medium", "small", "big")  # which is taken where none is asked for; the suites of all layers have no medium
_SHOWN = 8


class Wishes(TypedDict, total=False):
    """What may be asked of `choose_dictionary`."""

    site: str
    layer: int | None
    width: str | None
    l0: str | None
    affine: bool


def choose_dictionary(
    infos: Sequence[DictionaryInfo],
    *,
    site: str = "resid_post",
    layer: int | None = None,
    width: str | None = None,
    l0: str | None = None,
    affine: bool = False,
) -> DictionaryInfo:
    """The one dictionary of these that fits.

    A site means its sweep of a few layers; where nothing in it fits what was asked, the folder of all
    layers ("resid_post_all") is searched too. "resid_post_all" itself means that folder alone. What
    is None takes the default: the middle one of the layers that fit (the lower of two), `16k` or
    `1k` or else the narrowest width, and `medium`, else `small`. A layer asked of a
    crosscoder or CLT is one of its layers. A seed variant is never chosen where the original is there.

    Raises:
        UnknownDictionary: none fits; the message lists the nearest that exist.
        InvalidValue: the site is no site of Gemma Scope 2, or the layer no whole number.
    """
    if not isinstance(site, str) or site.removesuffix("_all") not in SITES:
        raise InvalidValue(_refuse_site(site))
    layer = None if layer is None else check_layer(layer)
    asked: Wishes = {"site": site, "layer": layer, "width": width, "l0": l0, "affine": affine}
    for folder in dict.fromkeys((site, site.removesuffix("_all") + "_all")):
        if folder != site and site.endswith("_all"):
            continue
        fitting = [info for info in infos if info.site == folder and _fits(info, asked)]
        if fitting:
            return _choose_default(fitting, layer=layer)
    wish = " ".join(
        f"{key}={describe_value(value)}" for key, value in asked.items() if value is not None and value is not False
    )
    raise UnknownDictionary(
        f"there is no dictionary {wish}; {_describe_layers(infos, asked)}there are: {_describe_nearest(infos, asked)}"
    )


def _refuse_site(site: object) -> str:
    near = get_close_matches(site, (*SITES, *SUITES), n=1) if isinstance(site, str) else []
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"site must be one of {', '.join(SITES)}, {', '.join(SUITES)}, got {describe_value(site)}{meant}"


def write_choice(infos: Sequence[DictionaryInfo], info: DictionaryInfo) -> str | None:
    """The arguments of `scope.dictionary` that choose this dictionary, or None where they choose another.

    A seed variant has none, whether its original is in this list or not.
    """
    if re.search(r"_seed_\d+$", info.id):
        return None
    wishes: Wishes = {"layer": info.layer, "width": info.width, "l0": info.l0}
    if len(info.layers) > 1:
        del wishes["layer"]
    if info.affine:
        wishes["affine"] = True
    asked: Wishes = {"site": info.site, **wishes}
    if choose_dictionary(infos, **asked).id != info.id:
        return None
    return ", ".join([repr(info.site), *(f"{name}={value!r}" for name, value in wishes.items())])


def _fits(info: DictionaryInfo, asked: Wishes) -> bool:
    layer, width, l0 = asked["layer"], asked["width"], asked["l0"]
    if layer is not None and layer not in info.layers:
        return False
    return info.affine == asked["affine"] and width in (None, info.width) and l0 in (None, info.l0)


def _choose_default(fitting: list[DictionaryInfo], *, layer: int | None) -> DictionaryInfo:
    if layer is None:
        layers = sorted({info.layer for info in fitting})
        middle = layers[(len(layers) - 1) // 2]
        fitting = [info for info in fitting if info.layer == middle]
    widths = {info.width for info in fitting}
    usual = [width for width in _USUAL_WIDTHS if width in widths]
    width = usual[0] if usual else min(widths, key=width_order)
    fitting = [info for info in fitting if info.width == width]
    return min(fitting, key=lambda info: (_L0S.index(info.l0) if info.l0 in _L0S else len(_L0S), len(info.id)))


def _describe_layers(infos: Sequence[DictionaryInfo], asked: Wishes) -> str:
    """Which layers a site has, where it has none of the layer that was asked for."""
    same = [info for info in infos if info.base_site == asked["site"].removesuffix("_all")]
    layers = sorted({layer for info in same for layer in info.layers})
    if asked["layer"] is None or asked["layer"] in layers or not layers:
        return ""
    return f"layers of {asked['site']} are {_write_ranges(layers)}; "


def _write_ranges(numbers: Sequence[int]) -> str:
    """Rising numbers as they go into a sentence: "0 to 3, 5, 7"."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    return ", ".join(" to ".join(map(str, one)) for one in ranges)


def _describe_nearest(infos: Sequence[DictionaryInfo], asked: Wishes) -> str:
    nearest = sorted(infos, key=lambda info: _distance(info, asked))
    same = [info for info in nearest if info.base_site == asked["site"].removesuffix("_all")]
    near = same or nearest
    names = []
    for info in near[:_SHOWN]:
        layers = f"layer={info.layer}" if len(info.layers) == 1 else f"layers {', '.join(map(str, info.layers))}"
        names.append(
            f"{info.site} {layers} width={info.width!r} l0={info.l0!r}" + (" affine=True" if info.affine else "")
        )
    more = [f"and {len(near) - _SHOWN} more in scope.catalogue()"] if len(near) > _SHOWN else []
    return "; ".join(names + more) or "none for this model on this machine"


def _distance(info: DictionaryInfo, asked: Wishes) -> tuple[bool, int, bool, bool, bool]:
    layer = asked["layer"]
    return (
        info.affine != asked["affine"],
        0 if layer is None else min(abs(own - layer) for own in info.layers),
        asked["width"] not in (None, info.width),
        asked["l0"] not in (None, info.l0),
        info.site != asked["site"],
    )


def width_order(width: str) -> float:
    match = re.fullmatch(r"(\d+)([km]?)", width)
    return int(match[1]) * {"": 1, "k": 1e3, "m": 1e6}[match[2]] if match else float("inf")
