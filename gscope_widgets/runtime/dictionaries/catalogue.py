"""Which dictionaries a folder in the published layout holds."""

import json
import math
import re
from numbers import Integral
from pathlib import Path

from gscope_widgets.errors import BadArtefact, InvalidValue, UnknownDictionary, describe_value
from gscope_widgets.records.features import DictionaryInfo
from gscope_widgets.runtime.dictionaries.weights import read_header

SITES = ("resid_post", "attn_out", "mlp_out", "transcoder", "crosscoder", "clt")
_FOLDER = re.compile(
    r"layer_(?P<layers>\d+(?:_\d+)*)_width_(?P<width>\w+?)_l0_(?P<l0>[a-z]+)(?P<affine>_affine)?(?:_seed_\d+)?"
)
_CONFIG_LIMIT = 100_000  # bytes; a published config.json has about 250


def list_dictionaries(root: Path) -> list[DictionaryInfo]:
    """Every dictionary under a folder, by its folder's name and its `config.json`.

    Only the headers of the weight files are read. Folders whose name is none of the published
    forms are passed over.
    """
    found = []
    for path in sorted(root.glob("*/layer_*/params.safetensors")):
        if _FOLDER.fullmatch(path.parent.name):
            found.append(describe_dictionary(path.parent, root=root))
    return found


def describe_dictionary(folder: Path, *, root: Path) -> DictionaryInfo:
    """What one dictionary's folder says.

    Raises:
        BadArtefact: the name, `config.json` and the weight file disagree, or one is damaged.
    """
    match = _FOLDER.fullmatch(folder.name)
    if match is None:
        raise BadArtefact(f"{folder.name!r} is no published folder name (layer_4_width_1k_l0_medium, for example)")
    weights = folder / "params.safetensors"
    heads = read_header(weights)
    config = _read_config(folder / "config.json")
    shape = heads["w_enc"].shape if "w_enc" in heads else ()
    if len(shape) != 2 or min(shape) < 1:
        raise BadArtefact(f"{weights}: w_enc should be (d_in, features), got {shape}")
    declared = config.get("width", shape[1])
    if declared != shape[1]:
        raise BadArtefact(f"{folder}: config.json says width {declared!r}, w_enc has {shape[1]} features")
    affine = bool(config.get("affine_connection", match["affine"] is not None))
    l0 = config.get("l0")
    site = folder.parent.name
    hook = config.get("hf_hook_point_in", f"model.layers.{match['layers']}.")
    if match["layers"].isdigit() and not str(hook).startswith(f"model.layers.{match['layers']}."):
        raise BadArtefact(
            f"{folder}: config.json reads {describe_value(hook)}, the folder's name says layer {match['layers']}"
        )
    return DictionaryInfo(
        id=f"{root.name}/{site}/{folder.name}",
        kind=str(config.get("type", "transcoder" if site.startswith("transcoder") else "sae")),
        site=site,
        layers=tuple(int(part) for part in match["layers"].split("_")),
        width=match["width"],
        d_dict=shape[1],
        l0=match["l0"],
        mean_l0=float(l0) if isinstance(l0, (int, float)) and math.isfinite(l0) else None,
        affine=affine,
        bytes=weights.stat().st_size,
        model=str(config.get("model_name", "")),
    )


def choose_dictionary(
    infos: list[DictionaryInfo],
    *,
    site: str = "resid_post",
    layer: int | None = None,
    width: str | None = None,
    l0: str | None = None,
    affine: bool = False,
) -> DictionaryInfo:
    """The one dictionary of these that fits.

    What is None takes the default: the middle one of the layers there are (the lower of two),
    the narrowest width, and `medium` if there is one.

    Raises:
        UnknownDictionary: none fits; the message lists the nearest that exist.
        InvalidValue: the site is no site of Gemma Scope 2.
    """
    if not isinstance(site, str) or site.removesuffix("_all") not in SITES:
        raise InvalidValue(f"site must be one of {', '.join(SITES)}, got {describe_value(site)}")
    asked = {"site": site, "layer": layer, "width": width, "l0": l0, "affine": affine}
    fitting = [info for info in infos if info.site == site and info.affine == affine]
    layers = sorted({info.layer for info in fitting})
    if layer is None and layers:
        layer = layers[(len(layers) - 1) // 2]
    fitting = [info for info in fitting if isinstance(layer, Integral) and info.layer == layer]
    if width is None:
        width = min((info.width for info in fitting), key=_width_order, default=None)
    fitting = [info for info in fitting if info.width == width]
    levels = [info.l0 for info in fitting]
    if l0 is None:
        l0 = "medium" if "medium" in levels else next(iter(levels), None)
    fitting = [info for info in fitting if info.l0 == l0]
    if not fitting:
        wish = " ".join(f"{key}={value!r}" for key, value in asked.items() if value is not None and value is not False)
        raise UnknownDictionary(f"there is no dictionary {wish}; there are: {_describe_nearest(infos, site)}")
    return fitting[0]


def _describe_nearest(infos: list[DictionaryInfo], site: str) -> str:
    near = [info for info in infos if info.site == site] or infos
    names = [
        f"{info.site} layer={info.layer} width={info.width!r} l0={info.l0!r}" + (" affine=True" if info.affine else "")
        for info in near[:8]
    ]
    more = [f"and {len(near) - 8} more in scope.catalogue()"] if len(near) > 8 else []
    return "; ".join(names + more) or "none for this model on this machine"


def _width_order(width: str) -> float:
    match = re.fullmatch(r"(\d+)([km]?)", width)
    return int(match[1]) * {"": 1, "k": 1e3, "m": 1e6}[match[2]] if match else float("inf")


def _read_config(path: Path) -> dict:
    if not path.exists():
        return {}
    try:
        if path.stat().st_size > _CONFIG_LIMIT:
            raise ValueError("too long")
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadArtefact(f"{path} cannot be read as JSON ({error}); download or copy it again") from None
    if not isinstance(config, dict):
        raise BadArtefact(f"{path} should hold an object, got {describe_value(config)}")
    if config.get("architecture", "jump_relu") != "jump_relu":
        raise BadArtefact(f"{path}: architecture should be 'jump_relu', got {describe_value(config['architecture'])}")
    return config
