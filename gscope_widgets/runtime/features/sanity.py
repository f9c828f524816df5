"""Whether a dictionary fits the activations that it is applied to, and the likely cause where it does not.

A wrong tensor never raises: shapes agree between layers, suites and pt and it, and a square matrix
multiplies either way round. Only the reconstruction and the number of firing features tell.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from gscope_widgets.records.checks import DictionaryCheck
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.features.reading import measure_fvu
from gscope_widgets.runtime.files.weights import to_numpy

WORST_FVU = 1.0  # at which the mean of the text would do as well
L0_FACTOR = 5.0  # between the L0 found on a short text and the declared one, either way
BETTER = 0.8  # of the FVU, at most, where another reading of the files is named as the likely cause

Place = tuple[str, tuple[int, ...]]  # a site and its layers
Ends = tuple[torch.Tensor, torch.Tensor]  # what a dictionary reads there and is to give, without ignored positions
Capture = Callable[[Sequence[Place]], list[Ends]]  # at several places in one forward pass, float32 [pos, ...]


def check_dictionary(dictionary: Dictionary, capture: Capture, *, layers: int) -> DictionaryCheck:
    """Measure FVU and L0, and where they are out of bounds look for the likely cause.

    Costs one forward pass and three encodings, four of an affine dictionary; where something is wrong, one more pass,
    and an encoding for each other layer and site. Files of pt on it, or of a fine-tune, differ too little to be told:
    `config.json` must name the model.

    Args:
        capture: activations of a text; raises nothing for sites of this model.
        layers: of the model.
    """
    info = dictionary.info
    near = _list_near(info.layers, layers)
    (x, target), *beside = capture([(info.base_site, info.layers), *((info.base_site, (layer,)) for layer in near)])
    fvu, l0 = _measure(dictionary, x, target)
    faults = []
    transposed = _measure_transposed(dictionary, x, target)
    if fvu is not None and transposed < BETTER * fvu:
        faults.append(
            f"affine_skip_connection is stored transposed (FVU {fvu:.2f} as it is, {transposed:.2f} turned round)"
        )
    elif (
        fvu is not None
        and fvu <= WORST_FVU
        and (
            other := _find_better_layer(
                dictionary, capture, dict(zip(near, beside, strict=True)), fvu=fvu, layers=layers
            )
        )
    ):
        faults.append(other)
    elif fvu is not None and fvu > WORST_FVU:
        cause = _name_cause(dictionary, capture, fvu=fvu, layers=layers)
        faults.append(f"its reconstruction is worse than the mean (FVU {fvu:.2f}): {cause}")
    if l0 == 0:
        faults.append("no feature fires on any token: thresholds or encoder are of another dictionary")
    elif info.mean_l0 and not info.mean_l0 / L0_FACTOR <= l0 <= info.mean_l0 * L0_FACTOR * len(info.layers):
        # Whether the declared L0 of a dictionary of several layers is of one or of all is not known.
        faults.append(
            f"{l0:.1f} features fire a token, config.json says {info.mean_l0:g}: thresholds or encoder are of another "
            "dictionary, or the activations of another model"
        )
    return DictionaryCheck(info.id, fvu, l0, info.mean_l0, len(x), tuple(faults))


def _list_near(own: tuple[int, ...], layers: int) -> list[int]:
    """The layers beside that of a dictionary of one layer."""
    return [layer for layer in (own[0] - 1, own[0] + 1) if len(own) == 1 and 0 <= layer < layers]


def _find_better_layer(
    dictionary: Dictionary, capture: Capture, near: dict[int, Ends], *, fvu: float, layers: int
) -> str:
    """What to say where a neighbouring layer fits clearly better; "" where none does."""
    info = dictionary.info
    tried = {layer: _of(_measure(dictionary, *ends)[0]) for layer, ends in near.items()}
    if min(tried.values(), default=np.inf) >= BETTER * fvu:
        return ""
    rest = [layer for layer in range(layers) if layer not in tried and layer != info.layer]
    found = capture([(info.base_site, (layer,)) for layer in rest])
    tried |= {layer: _of(_measure(dictionary, *ends)[0]) for layer, ends in zip(rest, found, strict=True)}
    best = min(tried, key=tried.__getitem__)
    return (
        f"it fits layer {best} better (FVU {tried[best]:.2f}, {fvu:.2f} at its own): its files are perhaps that layer's"
    )


def _measure(dictionary: Dictionary, x: torch.Tensor, target: torch.Tensor) -> tuple[float | None, float]:
    sparse = dictionary.encode(x)
    wanted = to_numpy(target.flatten(1))
    error = wanted - dictionary.decode(sparse, x=x).reshape(wanted.shape)
    return measure_fvu(wanted, error)[0], len(sparse.features) / max(1, len(x))


def _name_cause(dictionary: Dictionary, capture: Capture, *, fvu: float, layers: int) -> str:
    found = min(_try_causes(dictionary, capture, layers=layers), default=(np.inf, ""))
    if found[0] < min(WORST_FVU, BETTER * fvu):
        return f"{found[1]} (FVU {found[0]:.2f} then)"
    info = dictionary.info
    kin = "it" if info.model.endswith("-pt") else "pt"
    return (
        f"the files are damaged, or of another model ({kin} for {'pt' if kin == 'it' else 'it'}, another size or "
        "fine-tune); compare them with the Hub's sha256 or fetch them again"
    )


def _try_causes(dictionary: Dictionary, capture: Capture, *, layers: int) -> Iterator[tuple[float, str]]:
    """Other ways to read the same files, each with the FVU that it would give."""
    info = dictionary.info
    if len(info.layers) > 1:
        return
    others = [layer for layer in range(layers) if layer != info.layer]
    sites = [site for site in ("resid_post", "attn_out", "mlp_out", "transcoder") if site != info.base_site]
    found = iter(capture([*((info.base_site, (layer,)) for layer in others), *((site, info.layers) for site in sites)]))
    for layer, ends in zip(others, found, strict=False):
        yield (
            _of(_measure(dictionary, *ends)[0]),
            f"it fits layer {layer}, so its files were exchanged with that layer's",
        )
    for site, (x, target) in zip(sites, found, strict=True):
        if (x.shape[1], target.shape[1]) == (dictionary.d_in, dictionary.d_out):
            yield _of(_measure(dictionary, x, target)[0]), f"it fits {site}, so its files are that site's"


def _measure_transposed(dictionary: Dictionary, x: torch.Tensor, target: torch.Tensor) -> float:
    """FVU with the skip connections turned round; infinite where there are none or only one way fits."""
    skips = dictionary.skip_connections()
    if not skips or dictionary.d_in != dictionary.d_out:
        return np.inf
    wanted = to_numpy(target)
    made = dictionary.decode(dictionary.encode(x), x=x)
    turned = np.stack([skip.T - skip for skip in skips])
    added = np.einsum("pnd,nde->pne", to_numpy(x).reshape(len(x), len(skips), -1), turned)
    error = wanted - made - added.reshape(made.shape)
    return _of(measure_fvu(wanted.reshape(len(wanted), -1), error.reshape(len(error), -1))[0])


def _of(fvu: float | None) -> float:
    return np.inf if fvu is None else fvu
