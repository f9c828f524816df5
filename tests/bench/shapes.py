"""What is measured at which size."""

from dataclasses import dataclass

MEAN_L0 = 60  # features that fire on a token
THREADS = 2  # as docs/performance.md says


@dataclass(frozen=True)
class Shape:
    """The sizes of one dictionary."""

    name: str  # the size class in the folder's name: "16k"
    width: int  # features
    d_model: int


@dataclass(frozen=True)
class Plan:
    """One run of the whole bench."""

    shapes: tuple[Shape, ...]  # narrowest first; the last one is for the rows of storage and traces
    token_counts: tuple[int, ...]  # the last one is for the rows that need one count
    traced: tuple[int, ...]  # numbers of features whose traces are asked for
    alternations: int  # of ours and the peers, after a warm-up
    window_s: float  # the least time that one side runs in an alternation
    processes: int  # fresh ones for each side of a row that starts them
    features: int  # of the examples file
    sequences: int  # rows of its token table, 256 tokens each
    prompt: int  # tokens of a prompt of the 270M model
    decoded: int  # tokens that follow it where their rate is measured
    gated: bool  # whether the sizes are those that the targets speak of


FULL = Plan(
    shapes=tuple(Shape(name, width, 1152) for name, width in (("16k", 16_384), ("65k", 65_536), ("262k", 262_144))),
    token_counts=(128, 512),
    traced=(1, 32),
    alternations=7,
    window_s=1.0,
    processes=5,
    features=8192,  # with k = 1000, as published, 165 MB; a real file of 16k has 330 MB
    sequences=100_000,  # 102 MB; a real table has 402 MB
    prompt=64,
    decoded=32,
    gated=True,
)

QUICK = Plan(
    shapes=(Shape("1k", 1024, 128), Shape("2k", 2048, 128)),
    token_counts=(8, 32),
    traced=(1, 8),
    alternations=5,
    window_s=0.02,
    processes=2,
    features=64,
    sequences=500,
    prompt=6,  # within the small model's sliding window, of 8
    decoded=8,
    gated=False,
)
