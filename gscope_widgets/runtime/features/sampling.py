"""Many texts read in batches: where every feature of a dictionary fires in them."""

from collections.abc import Callable, Generator, Mapping, Sequence

import numpy as np
import torch

from gscope_widgets.errors import PromptTooLong
from gscope_widgets.mini import MODELS, texts
from gscope_widgets.records.samples import FeatureSample, collect_sample
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.gemma.sites import HookPoint

_BATCH = 2048  # tokens of one forward pass, padding included: a step of a quarter of a second on mini
HELD_OUT_TOKENS = 24_000  # of mini's held-out text that are read: two seconds on two cores


def sample_features(
    dictionary: Dictionary,
    points: Sequence[HookPoint],
    read: Sequence[Tokens],
    *,
    on: str,
    features: tuple[int, ...] | None = None,
    run: Callable[[np.ndarray], Mapping[str, torch.Tensor]],
) -> Generator[float, None, FeatureSample]:
    """Where every feature fires in some texts; yields the share read.

    Texts of like length share a forward pass, padded on the right, where no earlier token sees it.

    Args:
        points: what the dictionary reads.
        on: what text it is, for a reader.
        features: only these; None for all.
        run: gives the activations of rows of ids, int64, [rows, length], at the points: [rows, length, d] by name.
    """
    found: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for batch in _split_batches([len(tokens) for tokens in read]):
        rows = [read[at] for at in batch]
        ids = np.full((len(rows), max(map(len, rows))), rows[0].ids[0], np.int64)
        for padded, tokens in zip(ids, rows, strict=True):
            padded[: len(tokens)] = tokens.ids
        ran = run(ids)
        owners = np.repeat(np.arange(len(rows)), [len(tokens.used) for tokens in rows])
        places = np.concatenate([np.array(tokens.used, np.int64) for tokens in rows])
        parts = [ran[point.name][owners, places].float() for point in points]
        fired = dictionary.encode(parts[0] if len(parts) == 1 else torch.stack(parts, 1), features=features)
        where = owners[fired.positions]
        for row, at in enumerate(batch):
            own = where == row
            found[at] = places[fired.positions[own]], fired.features[own], fired.activations[own]
        yield len(found) / len(read)
    firings = [found[at] for at in range(len(read))]
    return collect_sample(read, firings, d_dict=dictionary.d_dict, on=on)


def _split_batches(lengths: Sequence[int]) -> list[list[int]]:
    """Indices of texts, the short ones first, so that each batch, padded, has at most `_BATCH` tokens or one text."""
    batches: list[list[int]] = []
    for at in sorted(range(len(lengths)), key=lambda at: lengths[at]):
        if not batches or (len(batches[-1]) + 1) * lengths[at] > _BATCH:
            batches.append([])
        batches[-1].append(at)
    return batches


def read_held_out(name: str, tokenize: Callable[[str], Tokens]) -> Generator[None, None, tuple[Tokens, ...]]:
    """Tokens of an embedded model's held-out text, documents chosen with seed 0, about `HELD_OUT_TOKENS` of them."""
    documents = texts(model=name)
    found: list[Tokens] = []
    for at in np.random.default_rng(0).permutation(len(documents)):
        found += _fit(documents[at].text, tokenize)
        if sum(map(len, found)) >= HELD_OUT_TOKENS:
            break
        yield
    return tuple(found)


def has_held_out(name: str) -> bool:
    """Whether a model ships with text that it was not trained on."""
    return name in MODELS


def _fit(text: str, tokenize: Callable[[str], Tokens]) -> list[Tokens]:
    """A text's tokens, in halves where it is longer than the model's context."""
    try:
        return [tokenize(text)]
    except PromptTooLong:
        cut = text.rfind("\n", 1, len(text) // 2) + 1 or text.rfind(" ", 1, len(text) // 2) + 1 or len(text) // 2
        return [*_fit(text[:cut], tokenize), *_fit(text[cut:], tokenize)]
