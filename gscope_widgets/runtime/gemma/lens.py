"""The logit lens: the final norm and the unembedding, applied to the residual stream after any layer."""

from collections.abc import Generator, Mapping, Sequence

import numpy as np
import torch

from gscope_widgets.records.lens import LensReading, TokenPath
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.files.weights import to_numpy
from gscope_widgets.runtime.gemma.generation import check_finite
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.unembedding import unembed

_BLOCK = 16_000_000  # numbers in one dense block of logits: 64 MB


def read_lens(
    loaded: LoadedModel, tokens: Tokens, residuals: Mapping[int, torch.Tensor], *, k: int, track: Sequence[int]
) -> Generator[float, None, LensReading]:
    """Read the next token off the residual stream after each layer given.

    Gemma 3 norms a residual x as x / sqrt(mean(x^2) + eps) * (1 + g), with g the norm's weight, and multiplies by
    the unembedding; its own modules do both here.

    Args:
        residuals: by layer, float32, [pos, d_model].
        k: how many of the likeliest tokens to keep.
        track: ids whose probability and rank are kept everywhere.

    Yields:
        The share that is done.

    Raises:
        GscopeError: logits are not finite.
    """
    layers, count = sorted(residuals), len(tokens)
    wanted = torch.tensor(track, dtype=torch.long, device=loaded.info.device)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("ids", "logits", "logs", "entropy", "paths", "ranks")}
    norm = loaded.text_model.norm
    rows = max(1, _BLOCK // loaded.info.vocabulary)
    x = torch.cat([residuals[layer] for layer in layers])  # [layers x pos, d_model]
    for start in range(0, len(x), rows):
        logits = unembed(loaded, norm(x[start : start + rows].to(norm.weight.device, norm.weight.dtype)))
        check_finite(logits)
        logs = logits.log_softmax(-1)
        best = logits.topk(k)
        tracked = logits[:, wanted]
        found = {
            "ids": best.indices,
            "logits": best.values,
            "logs": logs.gather(1, best.indices),
            "entropy": -(logs.exp() * logs).sum(-1),
            "paths": logs[:, wanted],
            "ranks": (logits[:, None, :] > tracked[:, :, None]).sum(-1) if track else tracked.long(),
        }
        for name, values in found.items():
            parts[name].append(to_numpy(values.float()) if values.is_floating_point() else values.cpu().numpy())
        yield min(1.0, (start + rows) / len(x))
    whole = {name: np.concatenate(blocks).reshape(len(layers), count, -1) for name, blocks in parts.items()}
    ids = whole["ids"].astype(np.int32)
    describe = loaded.tokenizer.describe
    return LensReading(
        tokens=tokens,
        layers=tuple(layers),
        ids=ids,
        probabilities=np.exp(whole["logs"]).astype(np.float32),
        logits=whole["logits"].astype(np.float32),
        entropy=whole["entropy"][..., 0].astype(np.float32),
        names={int(id_): describe(int(id_)) for id_ in np.unique(ids)},
        paths=tuple(
            TokenPath(
                id_,
                describe(id_),
                np.exp(whole["paths"][..., at]).astype(np.float32),
                whole["ranks"][..., at].astype(np.int32),
            )
            for at, id_ in enumerate(track)
        ),
    )
