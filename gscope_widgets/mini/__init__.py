"""gscope-mini: two small models of Gemma 3's architecture, with dictionaries and known ground truth."""

from pathlib import Path

_FOLDER = Path(__file__).parent
_DICTIONARIES = _FOLDER / "dictionaries"
# Name for gs.load() -> folder with the weights.
MODELS = {name: _FOLDER / "models" / name for name in ("mini", "mini-it")}
# Name -> root of its dictionaries, laid out as google/gemma-scope-2-{size}-{pt,it} is.
DICTIONARIES = {"mini": _DICTIONARIES / "gscope-mini-pt", "mini-it": _DICTIONARIES / "gscope-mini-it"}
# The small dictionary of `mini` without Matryoshka prefixes, trained on the same activations.
TWIN = _DICTIONARIES / "gscope-mini-twin" / "resid_post" / "layer_4_width_1k_l0_small"
PHENOMENA = _FOLDER / "phenomena.json"
SUMS = _FOLDER / "SHA256.json"
