"""What the model loses when a reconstruction, or another stand-in, takes an activation's place."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from factory.training.artefact import decode_output, encode
from factory.training.corpus_tokens import LabelledRows
from factory.training.places import Place, find_point
from gscope_widgets.runtime.gemma.hooks import edit

ROWS_A_PASS = 32


@contextmanager
def replaced(model, place: Place, change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """`change(activation)`, [row, pos, d] both, takes the activation's place, but at BOS."""
    with edit(find_point(model, place), lambda x: torch.cat([x[:, :1], change(x)[:, 1:]], 1)):
        yield


@contextmanager
def rebuilt(
    model,
    members: list[dict[str, torch.Tensor]],
    *,
    inputs: Sequence[Place],
    targets: Sequence[Place],
    outputs: Sequence[int] | None = None,
) -> Iterator[None]:
    """A dictionary's reconstructions take its targets' place, but at BOS; what it reads is what the model then has.

    Args:
        members: tensors of one member a place of `inputs`.
        outputs: which of the targets; None for all.
    """
    seen: dict[int, torch.Tensor] = {}
    fired: dict[int, torch.Tensor] = {}

    def read(member: int, x: torch.Tensor) -> None:
        seen[member] = x
        fired[member] = encode([members[member]], [x])[0]

    def write(output: int, _y: torch.Tensor) -> torch.Tensor:
        return decode_output(members, fired, seen[output], output=output)

    with ExitStack() as stack:
        for member, place in enumerate(inputs):
            stack.enter_context(edit(find_point(model, place), partial(read, member)))
        for output in range(len(targets)) if outputs is None else outputs:
            stack.enter_context(replaced(model, targets[output], partial(write, output)))
        yield


def document_losses(model, rows: LabelledRows, *, documents: int) -> np.ndarray:
    """Next-token loss of the first documents in nats, summed over the tokens after BOS, float64 [document]."""
    totals = []
    for start in range(0, documents, ROWS_A_PASS):
        lengths = rows.lengths[start : min(start + ROWS_A_PASS, documents)]
        ids = torch.from_numpy(rows.ids[start : start + len(lengths), : lengths.max()].astype(np.int64))
        with torch.inference_mode():
            logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
        losses = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        real = torch.arange(1, ids.shape[1])[None] < torch.from_numpy(lengths)[:, None]
        totals.append((losses.view(real.shape).double() * real).sum(1).numpy())
    return np.concatenate(totals)
