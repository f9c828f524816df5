"""The strongest examples of every feature: one streaming pass over a corpus."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from transformers.models.gemma3.modeling_gemma3 import Gemma3TextModel

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.examples import ExampleTable
from gscope_widgets.records.numbers import check_int
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.examples.logits import LogitEffects
from gscope_widgets.runtime.gemma.hooks import run_through
from gscope_widgets.runtime.gemma.sites import find_dictionary_points


def collect_examples(
    dictionary: Dictionary,
    tokens: np.ndarray,
    activations: Iterable[torch.Tensor],
    *,
    used: np.ndarray | None = None,
    k: int = 16,
    effects: LogitEffects | None = None,
) -> ExampleTable:
    """What each feature fires on most: a plain top-k over all positions, ties in corpus order.

    Memory: 16 bytes for each of F x k examples, and one block of activations. Several examples may
    come from one text, as in the published files, which keep k = 1000.

    Args:
        tokens: integers, [n_seq, seq_len].
        activations: blocks of rows in the order of `tokens`, [rows, seq_len, d_in] each, or
            [rows, seq_len, n, d_in] for a dictionary of n layers; from `read_rows`, for example.
        used: bool, [n_seq, seq_len]; the positions that count. None for all but the first, BOS.
        k: examples a feature, 1 to 1000. The default suits a corpus of a few million tokens.
        effects: from `measure_effects`; None leaves logit effects and promoted tokens out.

    Raises:
        InvalidValue: the blocks are not of the shape or number that `tokens` says.
    """
    tokens = _check_tokens(tokens)
    k = check_int("k", k, low=1, high=1000)
    used = _check_used(used, tokens.shape)
    best = _Best(dictionary.d_dict, k)
    row = 0
    for block in activations:
        rows = len(block)
        if tuple(block.shape[:2]) != (rows, tokens.shape[1]) or row + rows > len(tokens):
            raise InvalidValue(
                f"a block of activations should be [rows, {tokens.shape[1]}, ...] for rows {row} to at most "
                f"{len(tokens) - 1} of tokens, got {list(block.shape)}"
            )
        rows_kept, columns_kept = np.nonzero(used[row : row + rows])
        sparse = dictionary.encode(block.flatten(0, 1)[rows_kept * tokens.shape[1] + columns_kept])
        best.add(
            sparse.features,
            sparse.activations,
            seq_ids=(row + rows_kept)[sparse.positions],
            positions=columns_kept[sparse.positions],
        )
        row += rows
    if row != len(tokens):
        raise InvalidValue(f"activations should cover {len(tokens)} rows of tokens, got {row}")
    table = {
        "tokens": tokens,
        "activations": best.activations,
        "seq_ids": best.seq_ids,
        "positions": best.positions,
        "feature_frequencies": best.counts / max(1, int(used.sum())),
    }
    if effects is not None:
        table |= effects.ranked() | {
            "logit_effects": effects.of_examples(tokens, best.activations, best.seq_ids, best.positions)
        }
    return ExampleTable(**table)


def read_rows(
    text_model: Gemma3TextModel, dictionary: Dictionary, tokens: np.ndarray, *, batch: int = 32
) -> Iterator[torch.Tensor]:
    """What a dictionary reads on rows of token ids, block by block: float32, as `collect_examples` takes it.

    Args:
        tokens: integers, [n_seq, seq_len].
        batch: rows of one forward pass; each block is one.
    """
    points = find_dictionary_points(text_model, site=dictionary.info.site, layers=dictionary.info.layers).reads
    device = next(text_model.parameters()).device
    for start in range(0, len(tokens), batch):
        ids = torch.from_numpy(np.asarray(tokens[start : start + batch], np.int64)).to(device)
        with torch.inference_mode():
            found = run_through(text_model, points, input_ids=ids, use_cache=False)
        parts = [found[point.name].float() for point in points]
        yield parts[0] if len(parts) == 1 else torch.stack(parts, 2)


class _Best:
    """The k largest activations of each feature so far, in descending order."""

    def __init__(self, d_dict: int, k: int):
        self._k = k
        self.activations = np.zeros((d_dict, k), np.float32)
        self.seq_ids = np.zeros((d_dict, k), np.int64)
        self.positions = np.zeros((d_dict, k), np.int32)
        self.counts = np.zeros(d_dict, np.int64)  # firings

    def add(self, features: np.ndarray, values: np.ndarray, *, seq_ids: np.ndarray, positions: np.ndarray) -> None:
        """Merge firings, listed in the order of the corpus; of equal activations the earlier one stays ahead."""
        self.counts += np.bincount(features, minlength=len(self.counts))
        order = np.lexsort((-values, features))  # stable
        touched, starts, where = np.unique(features[order], return_index=True, return_inverse=True)
        rank = np.arange(len(order)) - starts[where]
        kept = rank < self._k
        cells, order = (where[kept], self._k + rank[kept]), order[kept]
        states: tuple[np.ndarray, ...] = (self.activations, self.seq_ids, self.positions)
        merged = []
        for state, new in zip(states, (values, seq_ids, positions), strict=True):
            both = np.zeros((len(touched), 2 * self._k), state.dtype)
            both[:, : self._k] = state[touched]
            both[cells] = new[order]
            merged.append(both)
        ahead = np.argsort(-merged[0], axis=1, kind="stable")[:, : self._k]
        for state, both in zip(states, merged, strict=True):
            state[touched] = np.take_along_axis(both, ahead, axis=1)


def _check_tokens(tokens: np.ndarray) -> np.ndarray:
    tokens = np.asarray(tokens)
    if tokens.ndim != 2 or not tokens.size or tokens.dtype.kind not in "iu":
        raise InvalidValue(f"tokens must be whole numbers [n_seq, seq_len], got {tokens.dtype} {list(tokens.shape)}")
    return tokens.astype(np.int32)


def _check_used(used: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    if used is None:
        used = np.ones(shape, bool)
        used[:, 0] = False
    used = np.asarray(used)
    if used.shape != shape or used.dtype != bool:
        raise InvalidValue(f"used must be bool {list(shape)}, got {used.dtype} {list(used.shape)}")
    return used
