"""gscope-mini: two small models of Gemma 3's architecture, with dictionaries and known ground truth.

`claims()` says what the models show, measured; `texts()` gives text that they were not trained on, with the
concepts that every stretch of it carries. How all of it was made is beside the package, in `factory/`.
"""

from pathlib import Path

from gscope_widgets.mini.claim import Claim, read_claims
from gscope_widgets.mini.text import LabelledText, read_texts

__all__ = ["DICTIONARIES", "MODELS", "PHENOMENA", "SUMS", "TEXTS", "TWIN", "Claim", "LabelledText", "claims", "texts"]

_FOLDER = Path(__file__).parent
_DICTIONARIES = _FOLDER / "dictionaries"
# Name for gs.load() -> folder with the weights.
MODELS = {name: _FOLDER / "models" / name for name in ("mini", "mini-it")}
# Name -> root of its dictionaries, laid out as google/gemma-scope-2-{size}-{pt,it} is.
DICTIONARIES = {"mini": _DICTIONARIES / "gscope-mini-pt", "mini-it": _DICTIONARIES / "gscope-mini-it"}
# The small dictionary of `mini` without Matryoshka prefixes, trained on the same activations.
TWIN = _DICTIONARIES / "gscope-mini-twin" / "resid_post" / "layer_4_width_1k_l0_small"
PHENOMENA = _FOLDER / "phenomena.json"
TEXTS = _FOLDER / "texts.json.gz"
SUMS = _FOLDER / "SHA256.json"


def claims() -> dict[str, Claim]:
    """What gscope-mini shows and what it does not, by id ("T1a"), read anew at each call: 5 ms.

    A claim that is not among them has not been measured on these weights.
    """
    return read_claims(PHENOMENA)


def texts(*, model: str = "mini", concept: str | None = None, register: str | None = None) -> tuple[LabelledText, ...]:
    """Generated text with its truth: documents that nothing was trained on, in a fixed order; about 50 ms.

    Args:
        model: whose kind of text: "mini" (300 documents) or "mini-it" (100 conversations).
        concept: only documents that carry it, such as "language:french" or "place:town".
        register: only documents of one register, such as "story", "code" or "chat".

    Raises:
        InvalidValue: no such model, or no document of it with that concept or register; lists what there is.
    """
    return read_texts(TEXTS, model=model, concept=concept, register=register)
