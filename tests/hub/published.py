"""What each Gemma Scope 2 repository holds (docs/formats.md), as names and sizes or as small files."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.hub.geometry import GEOMETRIES, Geometry, name_repository, reduce_geometry
from tests.hub.layout import write_clt, write_crosscoder, write_dictionary
from tests.hub.repository import LISTING

_FEATURES = {"16k": 1 << 14, "65k": 1 << 16, "262k": 1 << 18, "524k": 1 << 19, "1m": 1 << 20}
_REDUCED_FEATURES = {"16k": 32, "65k": 40, "262k": 48, "524k": 56, "1m": 64}
_SMALL, _ALL_L0 = ("small", "medium", "big"), ("small", "big")
_MISSING_27B = {("small", 4), ("small", 5), ("small", 43), ("big", 4), ("big", 43)}  # plain 16k of transcoder_all
_DTYPES = ("I64", "F64", "F32", "I32")  # the order in which safetensors stores them
_TABLES = {"pt": (392802, 256), "it": (236963, 512)}  # shape of the examples' token table
_SWEEP_L0 = {"small": 20, "medium": 60, "big": 150}
_FIRST_SWEEP_L0 = {
    "270m": {"small": 18, "medium": 55, "big": 135},
    "1b": {"small": 18, "medium": 54, "big": 132},
    "4b": {"small": 17, "medium": 53, "big": 131},
    "12b": {"small": 17, "medium": 52, "big": 127},
    "27b": {"small": 17, "medium": 53, "big": 129},
}
_NAME = re.compile(
    r"(?P<site>\w+)/(layer_(?P<layers>\d+(_\d+)*)_)?width_(?P<width>\w+?)_l0_(?P<l0>[a-z]+)"
    r"(?P<affine>_affine)?(_seed_(?P<duplicate>\d+))?"
)


def list_folders(size: str, variant: str) -> Iterator[str]:
    """The folders of one repository, such as "resid_post/layer_9_width_16k_l0_small"; 8784 single-layer ones in all."""
    geometry = GEOMETRIES[size]
    whole = (size, variant) != ("27b", "pt")  # of which only resid_post and two suites over all layers are listed
    for site in ("resid_post_all", "attn_out_all", "mlp_out_all") if whole else ("resid_post_all",):
        yield from _cross(site, range(geometry.n_layers), ("16k", "262k"), _ALL_L0)
    for name in _cross("transcoder_all", range(geometry.n_layers), ("16k", "262k"), _ALL_L0, ("", "_affine")):
        layer, l0 = re.search(r"layer_(\d+)_width_16k_l0_(small|big)$|$", name).groups()
        if size != "27b" or layer is None or (l0, int(layer)) not in _MISSING_27B:
            yield name
    yield from _cross("resid_post", geometry.sweep, ("16k", "65k", "262k", "1m"), _SMALL)
    yield from _cross("resid_post", geometry.sweep, ("262k",), ("medium",), ("_seed_1",))
    if whole:
        yield from _cross("attn_out", geometry.sweep, ("16k", "65k", "262k"), _SMALL)
        yield from _cross("mlp_out", geometry.sweep, ("16k", "65k", "262k") + (("1m",) if size == "1b" else ()), _SMALL)
        yield from _list_transcoders(size, variant)
    layers = "_".join(map(str, geometry.sweep))
    for width in ("65k", "262k", "524k") + (() if (size, variant) == ("27b", "it") else ("1m",)):
        yield from (f"crosscoder/layer_{layers}_width_{width}_l0_{l0}" for l0 in ("medium", "big"))
    if size in ("270m", "1b"):
        yield from (f"clt/width_{w}_l0_{l0}{a}" for w in ("262k", "524k") for l0 in _SMALL[1:] for a in ("", "_affine"))


def _list_transcoders(size: str, variant: str) -> Iterator[str]:
    if (size, variant) == ("270m", "pt"):
        yield "transcoder/layer_9_width_16k_l0_small_affine"
        yield "transcoder/layer_15_width_262k_l0_big_affine"
    else:
        yield from _cross("transcoder", GEOMETRIES[size].sweep, ("16k", "65k", "262k"), _SMALL, ("", "_affine"))


def _cross(site: str, layers: Iterable[int], widths: Iterable[str], l0s: Iterable[str], ends=("",)) -> Iterator[str]:
    for layer in layers:
        yield from (f"{site}/layer_{layer}_width_{w}_l0_{l0}{end}" for w in widths for l0 in l0s for end in ends)


def list_files(size: str, variant: str) -> dict[str, int]:
    """Every file of one repository with the size in bytes that its shapes give at full scale."""
    files = {"README.md": 4000}
    for folder in list_folders(size, variant):
        name = _NAME.fullmatch(folder)
        features, affine, site = _FEATURES[name["width"]], bool(name["affine"]), name["site"]
        files[f"{folder}/config.json"] = 248
        if site in ("crosscoder", "clt"):
            n = GEOMETRIES[size].n_layers if site == "clt" else 4
            shares = features // n // 16 * 16 if site == "clt" else features // n
            d_model = GEOMETRIES[size].d_model
            bytes_ = count_params_bytes(d_model, shares, (n, d_model), affine=affine)
            files |= {f"{folder}/params_layer_{member}.safetensors": bytes_ for member in range(n)}
        else:
            d_in = GEOMETRIES[size].get_d_in(site)
            files[f"{folder}/params.safetensors"] = count_params_bytes(d_in, features, (d_in,), affine=affine)
            files[f"{folder}/examples.safetensors"] = count_examples_bytes(features, *_TABLES[variant])
    return files


def count_params_bytes(d_in: int, features: int, row: tuple[int, ...], *, affine: bool = False) -> int:
    """Size of a params file whose decoder rows have shape `row`: (d_out,) or (n, d_model)."""
    shapes = {"w_enc": (d_in, features), "b_enc": (features,), "threshold": (features,), "w_dec": (features, *row)}
    shapes |= {"b_dec": row[-1:]} | ({"affine_skip_connection": (d_in, row[-1])} if affine else {})
    return count_file_bytes({name: ("F32", shape) for name, shape in shapes.items()})


def count_examples_bytes(features: int, sequences: int, length: int) -> int:
    """Size of an examples file with all ten tensors and room for 1000 examples a feature."""
    tensors = {"tokens": ("I32", (sequences, length)), "feature_frequencies": ("F64", (features,))}
    for name, dtype in {"activations": "F32", "seq_ids": "I64", "positions": "I32", "logit_effects": "F32"}.items():
        tensors[name] = (dtype, (features, 1000))
    for name, dtype in {"tokens": "I32", "logits": "F32"}.items():
        tensors |= {f"{end}_{name}": (dtype, (features, 10)) for end in ("top", "bottom")}
    return count_file_bytes(tensors)


def count_file_bytes(tensors: dict[str, tuple[str, tuple[int, ...]]]) -> int:
    """Size of a safetensors file without metadata: tensors by dtype, then by name, the header padded to 8."""
    header, end = {}, 0
    for name, (dtype, shape) in sorted(tensors.items(), key=lambda item: (_DTYPES.index(item[1][0]), item[0])):
        start, end = end, end + int(dtype[1:]) // 8
        for length in shape:
            end = start + (end - start) * length
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    return 8 + -(-len(json.dumps(header, separators=(",", ":"))) // 8) * 8 + end


def get_target_l0(size: str, site: str, layer: int, l0: str) -> int:
    """The l0 that config.json declares for one layer."""
    geometry = GEOMETRIES[size]
    if not site.endswith("_all"):
        return (_FIRST_SWEEP_L0[size] if layer == geometry.sweep[0] else _SWEEP_L0)[l0]
    ramp = min(1.0, layer / (geometry.n_layers / 3))
    return round(10 + 10 * ramp) if l0 == "small" else round(60 + 60 * ramp)


def list_samples(size: str, variant: str) -> list[str]:
    """One folder of each artefact kind that the repository has, all at the second sweep layer."""
    layers = {str(GEOMETRIES[size].sweep[1]), "_".join(map(str, GEOMETRIES[size].sweep)), None}
    order = {"medium": 0, "small": 1, "big": 2}
    best: dict[tuple, str] = {}
    names = [_NAME.fullmatch(folder) for folder in list_folders(size, variant)]
    for name in sorted(names, key=lambda name: (_FEATURES[name["width"]], order[name["l0"]])):
        if name["layers"] in layers and not name["duplicate"]:
            best.setdefault((name["site"], name["affine"]), name.string)
    return sorted(best.values())


def write_folder(root: Path, folder: str, *, size: str, geometry: Geometry | None = None, **options) -> Path:
    """Writes one published folder with few features and the geometry's widths; options as in `layout`."""
    geometry = geometry or reduce_geometry(size)
    name = _NAME.fullmatch(folder)
    site, affine = name["site"], bool(name["affine"])
    features = _REDUCED_FEATURES[name["width"]]
    common = {"width": name["width"], "l0": name["l0"]}
    if site == "clt":
        multi = {"n_layers": geometry.n_layers, "d_model": geometry.d_model, "target_l0": _SWEEP_L0[name["l0"]]}
        return write_clt(root, affine=affine, **common | multi | {"features_per_layer": 3} | options)
    layers = tuple(map(int, name["layers"].split("_")))
    if site == "crosscoder":
        multi = {"layers": layers, "d_model": geometry.d_model, "target_l0": _SWEEP_L0[name["l0"]]}
        return write_crosscoder(root, **common | multi | {"features_per_layer": features // 4} | options)
    duplicate = int(name["duplicate"]) if name["duplicate"] else None
    single = {
        "site": site,
        "layer": layers[0],
        "affine": affine,
        "duplicate": duplicate,
        "d_in": geometry.get_d_in(site),
        "features": features,
        "target_l0": get_target_l0(size, site, layers[0], name["l0"]),
    }
    return write_dictionary(root, **common | single | options)


def write_scope_repository(
    hub: Path,
    size: str,
    variant: str,
    *,
    folders: Iterable[str] | None = None,
    geometry: Geometry | None = None,
    listed: bool = True,
) -> Path:
    """Writes google/gemma-scope-2-{size}-{variant} under `hub`; its folder comes back.

    Args:
        folders: published folders to write for real, few features each; None: one of each kind (`list_samples`).
        geometry: widths of what is written; None: those of `write_gemma`'s reduced model.
        listed: lists all other published files by name and true size, without content.
    """
    root = hub / name_repository(size, variant)
    root.mkdir(parents=True, exist_ok=True)
    for seed, folder in enumerate(list_samples(size, variant) if folders is None else folders):
        write_folder(root, folder, size=size, geometry=geometry, seed=seed)
    if listed:
        (root / LISTING).write_text(json.dumps(list_files(size, variant)))
    return root
