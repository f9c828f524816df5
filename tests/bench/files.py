"""Random dictionaries and examples in the published layout, and what of a file the system keeps in memory."""

import gc
import math
import os
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.bench.shapes import MEAN_L0, Shape
from tests.hub.layout import build_config, write_config, write_examples

_LAYER = 13  # a middle one of Gemma 3 1B
EXAMPLES_KEPT = 1000  # of a feature, as in the published files


def write_dictionary(
    root: Path, shape: Shape, *, size: str = "1b", layer: int = _LAYER, scale: float = 1.0, seed: int = 0
) -> Path:
    """Writes a float32 dictionary of which about `MEAN_L0` features fire on what `draw_inputs` gives, times `scale`."""
    repository = root / f"gemma-scope-2-{size}-pt"
    folder = repository / "resid_post" / f"layer_{layer}_width_{shape.name}_l0_medium"
    folder.mkdir(parents=True)
    random = torch.Generator().manual_seed(seed)
    # Pre-activations are standard normal, so this share of them lies above the threshold.
    threshold = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(1 - MEAN_L0 / shape.width))
    w_dec = torch.randn(shape.width, shape.d_model, generator=random)
    save_file(
        {
            "w_enc": torch.randn(shape.d_model, shape.width, generator=random).mul_(
                1 / (scale * math.sqrt(shape.d_model))
            ),
            "b_enc": torch.randn(shape.width, generator=random).mul_(0.01),
            "threshold": threshold + 0.01 * torch.randn(shape.width, generator=random),
            "w_dec": w_dec.div_(w_dec.norm(dim=1, keepdim=True)),
            "b_dec": torch.randn(shape.d_model, generator=random).mul_(0.1),
        },
        folder / "params.safetensors",
    )
    config = build_config(repository, "resid_post", str(layer), shape.width, target_l0=MEAN_L0, affine=False)
    write_config(folder, config)
    sync_file(folder / "params.safetensors")
    return folder


def write_example_file(folder: Path, *, features: int, sequences: int) -> Path:
    """Writes `examples.safetensors` with all examples filled; the file comes back."""
    folder.mkdir()
    file = write_examples(
        folder, features=features, top=EXAMPLES_KEPT, filled=EXAMPLES_KEPT, sequences=sequences, length=256
    )
    sync_file(file)
    return file


def draw_inputs(tokens: int, d_model: int) -> torch.Tensor:
    """Activations to encode: standard normal, float32, [tokens, d_model]; the same in every process."""
    return torch.randn(tokens, d_model, generator=torch.Generator().manual_seed(tokens))


def sync_file(path: Path) -> None:
    """Have the system write a file to disk: what is not written cannot be dropped from memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def warm_file(path: Path) -> None:
    """Read a file once, so that the system has it in memory."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def cool_file(path: Path) -> None:
    """Drop a file from the system's memory.

    Raises:
        RuntimeError: part of it is still there, because a process maps it, for example.
    """
    gc.collect()  # SAELens' objects are cycles, and hold their file mapped until they are collected
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for share in range(1, 8):
            try:
                os.preadv(file.fileno(), [bytearray(1)], size * share // 8, os.RWF_NOWAIT)
            except BlockingIOError:
                continue
            raise RuntimeError(f"{path.name} is still in memory after posix_fadvise")
