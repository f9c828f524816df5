"""The generated corpus as token ids: packed for training, one document a row for measuring."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context

import numpy as np
from tokenizers import Tokenizer

from factory.corpus import Document, generate_chat, generate_documents
from factory.training.tokenizer import SPECIAL_IDS

# Streams of documents that share no seed: what is measured was never trained on.
TRAIN_SEED = 1
DICTIONARY_SEED = 2
VALIDATION_SEED = 3
HELD_OUT_SEED = 4
SHARD_TOKENS = 2_000_000  # of a stream that one process writes
SHARD_STEP = 1000  # from one shard's seed to the next, more than any two streams are apart
BOS, EOS, PAD = SPECIAL_IDS["<bos>"], SPECIAL_IDS["<eos>"], SPECIAL_IDS["<pad>"]


@dataclass(frozen=True)
class LabelledRows:
    """Documents as rows of tokens, with the generator's concepts token by token."""

    ids: np.ndarray  # [row, pos] int32; BOS first, PAD after the end
    lengths: np.ndarray  # [row] int32, BOS counted
    concepts: np.ndarray  # [row, pos, concept] bool: the token's characters overlap such a span
    names: tuple[str, ...]  # concept names, in the order of the last axis
    registers: tuple[str, ...]  # one a row


def pack_rows(tokenizer: Tokenizer, *, seed: int, tokens: int, context: int) -> np.ndarray:
    """Documents end to end, parted by EOS, cut into rows that each begin with BOS.

    Returns:
        int16 ids, [row, context], holding at least `tokens` tokens. Rows after the first may begin
        inside a document, so the model also learns to start in mid-text. More than two million
        tokens are written by several processes: a script that asks for them must be safe to import.
    """
    return _pack_shards(_pack_documents, tokenizer, seed=seed, tokens=tokens, context=context)


def pack_conversations(tokenizer: Tokenizer, *, seed: int, tokens: int, context: int) -> np.ndarray:
    """Rows that each begin with BOS and a new conversation; what does not fit a row is cut off.

    Returns:
        int16 ids, [row, context], holding at least `tokens` tokens.
    """
    return _pack_shards(_pack_chats, tokenizer, seed=seed, tokens=tokens, context=context)


def _pack_shards(pack: Callable, tokenizer: Tokenizer, *, seed: int, tokens: int, context: int) -> np.ndarray:
    """Long streams in shards, each from a seed of its own, written by as many processes as there are cores."""
    whole, rest = divmod(tokens, SHARD_TOKENS)
    sizes = [SHARD_TOKENS] * whole + ([rest] if rest else [])
    seeds = [seed + SHARD_STEP * shard for shard in range(len(sizes))]
    one = partial(pack, tokenizer, context=context)
    if len(sizes) == 1:
        return one(seeds[0], sizes[0])
    workers = min(len(sizes), os.cpu_count() or 1)
    # A fork of a process in which torch has threads can hang.
    context_of_workers = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context_of_workers, initializer=_encode_alone) as pool:
        return np.concatenate(list(pool.map(one, seeds, sizes)))


def _encode_alone() -> None:
    """Every core has a process of its own: none needs threads."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def _pack_documents(tokenizer: Tokenizer, seed: int, tokens: int, *, context: int) -> np.ndarray:
    body = context - 1
    rows: list[np.ndarray] = []
    pending: list[int] = []
    for ids in _encode_all(tokenizer, generate_documents(seed)):
        pending.extend((*ids, EOS))
        while len(pending) >= body:
            rows.append(np.array([BOS, *pending[:body]], np.int16))
            pending = pending[body:]
        if len(rows) * context >= tokens:
            return np.stack(rows[: -(-tokens // context)])


def _pack_chats(tokenizer: Tokenizer, seed: int, tokens: int, *, context: int) -> np.ndarray:
    rows: list[np.ndarray] = []
    row = [BOS]
    for ids in _encode_all(tokenizer, generate_chat(seed)):
        row.extend((*ids, EOS))
        if len(row) >= context:
            rows.append(np.array(row[:context], np.int16))
            row = [BOS]
        if len(rows) * context >= tokens:
            return np.stack(rows)


def _encode_all(tokenizer: Tokenizer, documents: Iterator[Document]) -> Iterator[list[int]]:
    while True:
        for encoding in tokenizer.encode_batch([document.text for document in islice(documents, 512)]):
            yield encoding.ids


def label_rows(
    tokenizer: Tokenizer, source: Iterable[Document], *, documents: int, context: int, names: tuple[str, ...]
) -> LabelledRows:
    """The first documents of a source, each cut to one row of `context` tokens, with their concepts."""
    ids = np.full((documents, context), PAD, np.int32)
    lengths = np.zeros(documents, np.int32)
    concepts = np.zeros((documents, context, len(names)), bool)
    registers = []
    column = {name: index for index, name in enumerate(names)}
    for row, document in enumerate(islice(source, documents)):
        encoding = tokenizer.encode(document.text)
        count = min(len(encoding.ids), context - 1)
        ids[row, 0] = BOS
        ids[row, 1 : count + 1] = encoding.ids[:count]
        lengths[row] = count + 1
        concepts[row, 1 : count + 1] = _mark_concepts(document, encoding.offsets[:count], column)
        registers.append(document.register)
    return LabelledRows(ids, lengths, concepts, names, tuple(registers))


def _mark_concepts(document: Document, offsets: list[tuple[int, int]], column: dict[str, int]) -> np.ndarray:
    starts = np.array([start for start, _ in offsets])
    ends = np.array([end for _, end in offsets])
    leading_space = np.array([document.text[start : start + 1] == " " for start in starts])
    starts = starts + (leading_space & (ends - starts > 1))
    marks = np.zeros((len(offsets), len(column)), bool)
    for span in document.spans:
        first = np.searchsorted(ends, span.start, side="right")
        last = np.searchsorted(starts, span.end, side="left")
        marks[first:last, column[span.concept]] = True
    return marks


def real_positions(rows: LabelledRows) -> np.ndarray:
    """[row, pos] bool: tokens of the text, without BOS and padding."""
    positions = np.arange(rows.ids.shape[1])
    return (positions[None, :] > 0) & (positions[None, :] < rows.lengths[:, None])


def iterate_batches(rows: np.ndarray, *, size: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
    """Shuffled batches of rows, one pass over them, from batch number `first` on."""
    order = np.random.default_rng(seed).permutation(len(rows))
    for start in range(first * size, len(rows) - size + 1, size):
        yield rows[order[start : start + size]]
