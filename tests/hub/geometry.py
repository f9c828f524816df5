"""The shapes of the five Gemma 3 sizes (docs/formats.md), true and reduced."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Geometry:
    """What dictionaries and language models of one size have in common."""

    n_layers: int
    d_model: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    d_mlp: int
    sliding_window: int  # tokens
    vocabulary: int  # rows of the embedding
    sweep: tuple[int, int, int, int]  # the layers of the four-layer suites

    @property
    def d_attention(self) -> int:
        """Width of o_proj's input, which attn_out dictionaries read."""
        return self.n_heads * self.head_dim

    def get_d_in(self, site: str) -> int:
        return self.d_attention if site.startswith("attn_out") else self.d_model


GEOMETRIES = {
    "270m": Geometry(18, 640, 4, 1, 256, 2048, 512, 262144, (5, 9, 12, 15)),
    "1b": Geometry(26, 1152, 4, 1, 256, 6912, 512, 262144, (7, 13, 17, 22)),
    "4b": Geometry(34, 2560, 8, 4, 256, 10240, 1024, 262208, (9, 17, 22, 29)),
    "12b": Geometry(48, 3840, 16, 8, 256, 15360, 1024, 262208, (12, 24, 31, 41)),
    "27b": Geometry(62, 5376, 32, 16, 128, 21504, 1024, 262208, (16, 31, 40, 53)),
}
_REDUCED_D_MODEL = {"270m": 20, "1b": 28, "4b": 36, "12b": 44, "27b": 52}
_PIECES = 4096  # of the embedded model's tokenizer


def reduce_geometry(size: str) -> Geometry:
    """The size's own layers at a tiny width; no two of its widths are alike, nor are those of two sizes."""
    true = GEOMETRIES[size]
    d_model = _REDUCED_D_MODEL[size]
    return replace(
        true,
        d_model=d_model,
        n_heads=4,
        n_kv_heads=1 if true.n_kv_heads == 1 else 2,
        head_dim=d_model // 4 + 3,
        d_mlp=d_model + 10,
        sliding_window=8,
        vocabulary=_PIECES + true.vocabulary - 262144,  # 64 rows past the tokenizer's from 4b on, as published
    )


def name_repository(size: str, variant: str) -> str:
    """Where the dictionaries lie: google/gemma-scope-2-1b-pt."""
    return f"google/gemma-scope-2-{size}-{variant}"


def name_model(size: str, variant: str) -> str:
    """Where the language model lies; the 270m base has no -pt in its name."""
    return f"google/gemma-3-{size}" if (size, variant) == ("270m", "pt") else f"google/gemma-3-{size}-{variant}"
