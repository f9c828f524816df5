"""What Neuronpedia calls Gemma's models and the dictionaries of Gemma Scope 2."""

import re
from dataclasses import dataclass

_DICTIONARY = re.compile(r"gemma-scope-2-((?:270m|1b|4b|12b|27b)-(?:pt|it))")
_MODEL = re.compile(r"(gemma-3-(?:270m|1b|4b|12b|27b))-pt")
# Folder -> source set. Others are not known to have one (docs/formats.md).
_SETS = (
    (re.compile(r"resid_post/layer_(\d+)_width_(\w+?)_l0_medium"), "gemmascope-2-res-{}"),
    (re.compile(r"transcoder_all/layer_(\d+)_width_(\w+?)_l0_small_affine"), "gemmascope-2-transcoder-{}"),
)


@dataclass(frozen=True)
class Address:
    """Where Neuronpedia keeps a dictionary's features."""

    model: str  # "gemma-3-1b", without "-pt"
    source: str  # "13-gemmascope-2-res-16k"
    repository: str  # that the labels must be of: "google/gemma-scope-2-1b-pt"
    folder: str  # "resid_post/layer_13_width_16k_l0_medium"


def find_address(id_: str) -> Address | None:
    """Neuronpedia's ids for a dictionary, or None where no source set of it is known."""
    repository, _, folder = id_.partition("/")
    match = _DICTIONARY.fullmatch(repository)
    for pattern, set_ in _SETS:
        if match and (found := pattern.fullmatch(folder)):
            layer, width = found.groups()
            model = name_model(f"gemma-3-{match[1]}")
            return Address(model, f"{layer}-{set_.format(width)}", f"google/{repository}", folder)
    return None


def name_model(id_: str) -> str:
    """Neuronpedia's id for a model: "gemma-3-1b" for "google/gemma-3-1b-pt"; others keep their name, without owner."""
    name = id_.rpartition("/")[2]
    match = _MODEL.fullmatch(name)
    return match[1] if match else name
