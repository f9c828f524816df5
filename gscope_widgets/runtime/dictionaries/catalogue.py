"""Which dictionaries a folder in the published layout holds."""

import json
import math
import re
from pathlib import Path

from gscope_widgets.errors import BadArtefact, describe_value
from gscope_widgets.records.catalogues import Catalogue
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.runtime.dictionaries.folders import Folder, LocalFolder
from gscope_widgets.runtime.dictionaries.foreign import SAELensFolder
from gscope_widgets.runtime.files.weights import TensorHead
from gscope_widgets.runtime.gemma.sites import name_ends

_KINDS = {
    "resid_post": "sae",
    "attn_out": "sae",
    "mlp_out": "sae",
    "transcoder": "transcoder",
    "crosscoder": "crosscoder",
    "clt": "clt",
}
SITES = tuple(_KINDS)
SUITES = ("resid_post_all", "attn_out_all", "mlp_out_all", "transcoder_all")  # of every layer, as they are published
_FOLDER = re.compile(
    r"(?:layer_(?P<layers>\d{1,4}(?:_\d{1,4})*)_)?width_(?P<width>\w+?)_l0_(?P<l0>[a-z]+)(?P<affine>_affine)?(?:_seed_\d+)?"
)
_MEMBER = re.compile(r"params_layer_(\d{1,4})\.safetensors")
_CONFIG_LIMIT = 100_000  # bytes; a published config.json has about 250


def list_dictionaries(root: Path) -> Catalogue:
    """Every dictionary under a folder, by its folder's name and its `config.json`.

    Only the headers of the weight files are read. Folders whose name is none of the published
    forms are passed over.
    """
    folders = sorted({path.parent for path in root.glob("*/*/params*.safetensors")})
    return Catalogue(
        describe_dictionary(LocalFolder(path)) for path in folders if is_published(path.parent.name, path.name)
    )


def describe_listed(folder: Folder) -> DictionaryInfo | None:
    """What a folder's name and the sizes of its files say; None where no published dictionary is whole in it.

    Nothing is opened, so `d_dict`, `mean_l0` and `model` are not known yet.
    """
    match = _FOLDER.fullmatch(folder.name)
    if match is None or not is_published(folder.site, folder.name):
        return None
    kind = _KINDS[folder.site.removesuffix("_all")]
    try:
        weights = name_weights(folder, kind=kind)
    except BadArtefact:
        return None
    layers = _parse_layers(match["layers"]) or tuple(range(len(weights)))
    if len(layers) != len(weights):
        return None
    return DictionaryInfo(
        id=folder.id,
        kind=kind,
        site=folder.site,
        layers=layers,
        width=match["width"],
        d_dict=None,
        l0=match["l0"],
        mean_l0=None,
        affine=match["affine"] is not None,
        bytes=sum(folder.size(name) for name in weights),
        cached=all(folder.is_here(name) for name in weights),
    )


def is_published(site: str, name: str) -> bool:
    """Whether the names of a dictionary's folder and of the one that it is in are of the published forms."""
    match, kind = _FOLDER.fullmatch(name), _KINDS.get(site.removesuffix("_all"))
    return match is not None and kind is not None and (match["layers"] is None) == (kind == "clt")


def describe_dictionary(folder: Folder) -> DictionaryInfo:
    """What one dictionary's folder says: its name, its configuration and the headers of its weight files.

    Raises:
        BadArtefact: these disagree, or a file is damaged or missing.
    """
    if isinstance(folder, SAELensFolder):
        return folder.describe()
    match, site = _FOLDER.fullmatch(folder.name), folder.site
    if match is None or not is_published(site, folder.name):
        raise BadArtefact(
            f"{site + '/' + folder.name!r} is no published folder name (resid_post/layer_4_width_1k_l0_medium or "
            "clt/width_262k_l0_medium, for example)"
        )
    kind = _KINDS[site.removesuffix("_all")]
    weights = name_weights(folder, kind=kind)
    heads = [_read_heads(folder, name) for name in weights]
    layers = _find_layers(match["layers"], heads[0], folder=folder, count=len(weights))
    d_dict = sum(head["w_enc"].shape[1] for head in heads)
    config = _read_config(folder)
    _check_config(config, folder=folder, kind=kind, layers=layers, d_dict=d_dict)
    l0 = config.get("l0")
    return DictionaryInfo(
        id=folder.id,
        kind=kind,
        site=site,
        layers=layers,
        width=match["width"],
        d_dict=d_dict,
        l0=match["l0"],
        mean_l0=float(l0) if isinstance(l0, (int, float)) and math.isfinite(l0) else None,
        affine=bool(config.get("affine_connection", match["affine"] is not None)),
        bytes=sum(folder.size(name) for name in weights),
        model=str(config.get("model_name", "")),
        commit=folder.commit,
        cached=all(folder.is_here(name) for name in weights),
    )


def name_weights(folder: Folder, *, kind: str) -> list[str]:
    """The weight files in the order of their layers.

    Raises:
        BadArtefact: a member of a crosscoder or CLT is missing.
    """
    if kind in ("sae", "transcoder"):
        return ["params.safetensors"] if "params.safetensors" in folder.names() else _refuse_empty(folder)
    numbers = sorted(int(match[1]) for name in folder.names() if (match := _MEMBER.fullmatch(name)))
    if not numbers or numbers != list(range(len(numbers))):
        found = ", ".join(map(str, numbers)) or "none"
        raise BadArtefact(
            f"{folder}: a {kind} has params_layer_0.safetensors and on, one file for each of its layers by "
            f"position; found {found}; download or copy the rest"
        )
    return [f"params_layer_{number}.safetensors" for number in numbers]


def _refuse_empty(folder: Folder) -> list[str]:
    raise BadArtefact(f"{folder} has no params.safetensors; download or copy it")


def _read_heads(folder: Folder, name: str) -> dict[str, TensorHead]:
    heads = folder.open_weights(name).heads
    shape = heads["w_enc"].shape if "w_enc" in heads else ()
    if len(shape) != 2 or min(shape) < 1:
        raise BadArtefact(f"{folder.path / name}: w_enc should be (d_in, features), got {shape}")
    return heads


def _parse_layers(named: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in named.split("_")) if named else ()


def _find_layers(named: str | None, heads: dict[str, TensorHead], *, folder: Folder, count: int) -> tuple[int, ...]:
    """The layers that the name lists; for a CLT, which names none, all of 0 to n - 1, n from its decoder."""
    if named is not None:
        layers = _parse_layers(named)
        if len(layers) != count:
            raise BadArtefact(f"{folder}: its name lists {len(layers)} layers, found {count} weight files")
        return layers
    shape = heads["w_dec"].shape if "w_dec" in heads else ()
    if len(shape) != 3 or shape[1] != count:
        raise BadArtefact(
            f"{folder}: w_dec of params_layer_0.safetensors should be (features, {count}, d_model) for {count} weight "
            f"files, got {shape}; download or copy the missing files"
        )
    return tuple(range(count))


def _check_config(
    config: dict[str, object], *, folder: Folder, kind: str, layers: tuple[int, ...], d_dict: int
) -> None:
    declared = config.get("width", d_dict)
    if declared != d_dict:
        raise BadArtefact(f"{folder}: config.json says width {declared!r}, w_enc has {d_dict} features")
    if config.get("type", kind) != kind:
        raise BadArtefact(
            f"{folder}: config.json says type {describe_value(config['type'])}, a folder of {folder.site} "
            f"holds a {kind}"
        )
    listed = "{" + ",".join(map(str, layers)) + "}"
    texts = {"clt": ["{all}", listed], "crosscoder": [listed]}.get(kind, [str(layers[0])])
    ends = [name_ends(folder.site, text) for text in texts]
    for side, key in enumerate(("hf_hook_point_in", "hf_hook_point_out")):
        allowed = [pair[side] for pair in ends]
        found = config.get(key, allowed[0])
        if not isinstance(found, str) or found.replace(" ", "") not in allowed:
            verb = "reads" if side == 0 else "writes to"
            raise BadArtefact(
                f"{folder}: config.json {verb} {describe_value(found)}, the folder's name says layer {texts[-1]} of "
                f"{folder.site}, which is {allowed[0]!r}"
            )


def _read_config(folder: Folder) -> dict[str, object]:
    path = folder.path / "config.json"
    text = folder.read_text("config.json", limit=_CONFIG_LIMIT)
    if text is None:
        return {}
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadArtefact(f"{path} cannot be read as JSON ({error}); download or copy it again") from None
    if not isinstance(config, dict):
        raise BadArtefact(f"{path} should hold an object, got {describe_value(config)}")
    if config.get("architecture", "jump_relu") != "jump_relu":
        raise BadArtefact(f"{path}: architecture should be 'jump_relu', got {describe_value(config['architecture'])}")
    return config
