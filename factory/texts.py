"""The text with its truth that ships beside the models: `gscope_widgets/mini/texts.json.gz`."""

import gzip
import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from factory.corpus import Document, generate_chat, generate_documents
from factory.training.corpus_tokens import HELD_OUT_SEED

DOCUMENTS, CONVERSATIONS = 300, 100  # about 320 kB packed
FILE = "texts.json.gz"


def make_texts(folder: Path) -> Path:
    """Write the first documents of the held-out seed, for each model in its kind, and return the path."""
    content = {
        "mini": _describe(islice(generate_documents(HELD_OUT_SEED), DOCUMENTS)),
        "mini-it": _describe(islice(generate_chat(HELD_OUT_SEED), CONVERSATIONS)),
    }
    packed = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    path = folder / FILE
    path.write_bytes(gzip.compress(packed, mtime=0))  # no date, so that the same text is the same bytes
    return path


def _describe(documents: Iterable[Document]) -> list[dict]:
    """Text, register, and the spans of each concept as pairs of characters, start and end (exclusive)."""
    found = []
    for document in documents:
        spans: dict[str, list[tuple[int, int]]] = {}
        for span in document.spans:
            spans.setdefault(span.concept, []).append((span.start, span.end))
        found.append({"register": document.register, "text": document.text, "spans": spans})
    return found
