"""Documents as rows of tokens, written once: what a sweep reads, in units that no sharing out changes."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.sweeps import write_documents
from gscope_widgets.records.tokens import Prompt
from gscope_widgets.runtime.gemma.tokens import Tokenizer

HEAD = 3  # numbers before the ids of a row: how many ids count, the document, the first id's place in it
_AT_ONCE = 256  # documents tokenised together
_AT_ONCE_CHARACTERS = 1_000_000
MOST_TOKENS = 2**31 - 1  # of a corpus: counts of a histogram are 32 bits wide


@dataclass(frozen=True)
class Layout:
    """How documents become rows."""

    seq_len: int  # ids of a row, BOS included
    pack: bool  # documents end to end, parted by EOS; else each begins a row of its own
    max_tokens: int | None  # of the corpus, BOS included; None for all
    unit_tokens: int  # of a unit, at least, save of the last


@dataclass(frozen=True)
class Prepared:
    """What became of a corpus."""

    sha256: str  # of the documents that were read
    documents: int
    empty: int  # of them, without a token
    tokens: int  # of all rows, BOS included
    starts: tuple[int, ...]  # the first row of each unit, and the number of rows at the end

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.starts[-1]


class Digest:
    """A fingerprint of documents, in their order."""

    def __init__(self) -> None:
        """Of no document yet."""
        self._digest = hashlib.sha256()

    def add(self, document: Prompt) -> None:
        """Go on with one more."""
        if isinstance(document, str):
            content = b"t" + document.encode("utf-8", "surrogatepass")
        else:
            content = b"j" + json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        self._digest.update(len(content).to_bytes(8, "little"))
        self._digest.update(content)

    @property
    def sha256(self) -> str:
        """In hexadecimal."""
        return self._digest.hexdigest()


def write_rows(
    file: BinaryIO, documents: Iterable[Prompt], tokenizer: Tokenizer, layout: Layout
) -> Iterator[Prepared | int]:
    """Write the rows of a corpus, int32 [row, HEAD + seq_len]; gives the number of tokens so far, and at the end all.

    Raises:
        InvalidValue: there is no token in it that counts, or a document is not what the model takes.
    """
    digest, starts, documents_read, empty = Digest(), [0], 0, 0
    tokens = unit = rows = 0
    maker = _Packed(tokenizer, layout) if layout.pack else _Parted(tokenizer, layout)
    counts = False  # whether any position does
    limit = MOST_TOKENS if layout.max_tokens is None else layout.max_tokens

    def write(found: list[np.ndarray]) -> bool:
        """False once there are enough."""
        nonlocal tokens, unit, rows, counts
        for row in found:
            counts = counts or bool(tokenizer.mask_used(row[None, HEAD:], row[:1]).any())
            file.write(row.astype("<i4").tobytes())
            rows += 1
            tokens += int(row[0])
            unit += int(row[0])
            if unit >= layout.unit_tokens:
                starts.append(rows)
                unit = 0
            if tokens >= limit:
                return False
        return True

    goes_on, ended = True, iter(documents)
    while goes_on and (batch := _take_batch(ended)):
        for document, ids in zip(batch, encode_documents(batch, tokenizer, first=documents_read), strict=True):
            digest.add(document)
            empty += not ids
            goes_on = write(maker.take(ids, documents_read))
            documents_read += 1
            if not goes_on:
                break
        yield tokens
    if goes_on:
        write(maker.end())
    elif layout.max_tokens is None:
        raise InvalidValue(
            f"a sweep takes a corpus of at most {MOST_TOKENS:,} tokens; give max_tokens= (in a shell --max-tokens)"
        )
    if not rows:
        raise InvalidValue(
            f"the corpus, {write_documents(documents_read)}, holds no token"
            if documents_read
            else "the corpus is empty: it holds no document"
        )
    if not counts:
        raise InvalidValue(
            f"the corpus holds no token that counts: BOS, EOS, padding and a chat's header do not, and all of its "
            f"{tokens:,} tokens are such"
        )
    if starts[-1] != rows:
        starts.append(rows)
    yield Prepared(digest.sha256, documents_read, empty, tokens, tuple(starts))


def compare_corpus(documents: Iterable[Prompt], prepared: Prepared, *, is_cut: bool) -> Iterator[str | None]:
    """Whether documents are those that were prepared: gives None as it reads, and at the end "", or what differs.

    Args:
        is_cut: the corpus may go on after the documents that were read.
    """
    digest, count, ended = Digest(), 0, iter(documents)
    while batch := _take_batch(ended, most=prepared.documents - count + (not is_cut)):
        for document in batch:
            count += 1
            if count > prepared.documents:
                yield f"it has more documents now and had {prepared.documents:,}"
                return
            digest.add(document)
        yield None
    if count < prepared.documents:
        yield f"it has {write_documents(count)} now and had {prepared.documents:,}"
    else:
        yield "" if digest.sha256 == prepared.sha256 else f"a text among its {write_documents(count)} is another now"


def encode_documents(documents: list[Prompt], tokenizer: Tokenizer, *, first: int) -> list[list[int]]:
    """Token ids of documents, without BOS, however long they are; [] for one without a token."""
    found: list[list[int]] = [[] for _ in documents]
    texts = [at for at, one in enumerate(documents) if isinstance(one, str)]
    if texts:
        for at, ids in zip(texts, tokenizer.encode_all([str(documents[at]) for at in texts]), strict=True):
            found[at] = ids
    for at, document in enumerate(documents):
        if isinstance(document, str):
            continue
        try:
            found[at] = tokenizer.encode_document(document)
        except InvalidValue as error:
            raise InvalidValue(f"document {first + at} of the corpus: {error}") from None
    return found


def read_rows(path: Path, first: int, stop: int, *, seq_len: int) -> np.ndarray:
    """Some rows of a file of rows: int32, [row, HEAD + seq_len]."""
    size = 4 * (HEAD + seq_len)
    with path.open("rb") as file:
        file.seek(first * size)
        content = file.read((stop - first) * size)
    if len(content) != (stop - first) * size:
        raise InvalidValue(f"{path} ends before row {stop}; delete its folder and sweep again")
    return np.frombuffer(content, "<i4").astype(np.int32).reshape(-1, HEAD + seq_len)


def _take_batch(documents: Iterator[Prompt], most: int = _AT_ONCE) -> list[Prompt]:
    """The next documents, few enough to be held."""
    batch: list[Prompt] = []
    size = 0
    for document in islice(documents, max(0, min(most, _AT_ONCE))):
        batch.append(document)
        size += len(document) if isinstance(document, str) else 0
        if size > _AT_ONCE_CHARACTERS:
            break
    return batch


class _Parted:
    """Each document begins a row; a longer one goes on in the rows that follow, each with BOS again."""

    def __init__(self, tokenizer: Tokenizer, layout: Layout):
        self._seq_len, self._bos, self._pad = layout.seq_len, tokenizer.bos_id, tokenizer.pad_id

    def take(self, ids: list[int], document: int) -> list[np.ndarray]:
        lead = [] if self._bos is None else [self._bos]
        body = self._seq_len - len(lead)
        content = np.array(ids, np.int32)
        return [
            _build_row([*lead, *content[start : start + body].tolist()], document, start, self._seq_len, self._pad)
            for start in range(0, len(content), body)
        ]

    def end(self) -> list[np.ndarray]:
        return []


class _Packed:
    """Documents end to end, parted by EOS, cut into rows that each begin with BOS; the last may be shorter."""

    def __init__(self, tokenizer: Tokenizer, layout: Layout):
        if tokenizer.bos_id is None or tokenizer.eos_id is None:
            raise InvalidValue(f"pack=True takes a tokenizer with BOS and EOS, {tokenizer.model_name} has none")
        self._seq_len, self._bos, self._pad = layout.seq_len, tokenizer.bos_id, tokenizer.pad_id
        self._eos = tokenizer.eos_id
        self._waiting: list[int] = []
        self._from = (0, 0)  # the document of the first id that waits, and its place there

    def take(self, ids: list[int], document: int) -> list[np.ndarray]:
        if not ids:
            return []
        if not self._waiting:
            self._from = (document, 0)
        body, before = self._seq_len - 1, len(self._waiting)
        self._waiting += [*ids, self._eos]
        rows, at = [], 0
        while len(self._waiting) - at >= body:
            rows.append(self._cut(self._waiting[at : at + body]))
            at += body
            self._from = (document, at - before)
        self._waiting = self._waiting[at:]
        return rows

    def end(self) -> list[np.ndarray]:
        return [self._cut(self._waiting)] if self._waiting else []

    def _cut(self, ids: list[int]) -> np.ndarray:
        return _build_row([self._bos, *ids], *self._from, self._seq_len, self._pad)


def _build_row(ids: list[int], document: int, start: int, seq_len: int, pad: int) -> np.ndarray:
    row = np.full(HEAD + seq_len, pad, np.int32)
    row[:HEAD] = len(ids), document, start
    row[HEAD : HEAD + len(ids)] = ids
    return row


def describe_layout(layout: Layout) -> dict[str, object]:
    """The layout as a manifest holds it."""
    return {"seq_len": layout.seq_len, "pack": layout.pack, "max_tokens": layout.max_tokens}


def check_document_kind(document: Prompt, *, pack: bool) -> None:
    """Refuse chat messages where rows are packed: the positions of a chat header are counted from a row's start."""
    if pack and not isinstance(document, str) and document and isinstance(document[0], dict):
        raise InvalidValue(
            f"chat messages are not packed, got {describe_value(document)}; leave pack=True (in a shell --pack) out"
        )
