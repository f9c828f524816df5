"""Which model: its name, its sizes and where it runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelInfo:
    """Which model answers, and what it takes."""

    id: str
    revision: str  # the commit on the Hub, or a digest of the embedded weights
    model_class: str
    layers: int
    d_model: int
    vocabulary: int
    context: int  # most tokens in one text
    device: str
    dtype: str
    bytes: int  # of the weights in memory
    licence: str
    d_attention: int = 0  # heads x head size: what attn_out dictionaries read
