"""gscope-mini: a small model of Gemma 3's architecture, with dictionaries and known ground truth."""

from pathlib import Path

_FOLDER = Path(__file__).parent
# Name for gs.load() -> folder with the weights.
MODELS = {"mini": _FOLDER / "models" / "mini"}
# Name -> root of its dictionaries, laid out as google/gemma-scope-2-{size}-{pt,it} is.
DICTIONARIES = {"mini": _FOLDER / "dictionaries" / "gscope-mini-pt"}
PHENOMENA = _FOLDER / "phenomena.json"
