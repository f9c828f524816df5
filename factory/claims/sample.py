"""Labelled text, one document a row: what every measurement of features is made on."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import torch

from factory.corpus import Document, generate_chat, generate_documents
from factory.training.corpus_tokens import LabelledRows

DOCUMENTS = 600  # of each sample: about 125,000 tokens of base text
# Conversations of the twin's text to one base document: seven tenths of its tokens, as in training.
CHATS_A_DOCUMENT = 7
# Documents of the twin's text to one of base text, for about as many tokens.
SHORTER = 2.4
NGRAM_ORDER = 5


def generate_text(model: str, seed: int, *, templates: str = "train") -> Iterator[Document]:
    """Documents without end as a model's training text has them: base text, and for `mini-it` chats among it."""
    base = generate_documents(seed, templates=templates)
    if model == "mini":
        yield from base
    if templates != "train":
        raise ValueError(f'chats have only templates "train", got {templates!r}')
    chats = generate_chat(seed)
    while True:
        yield from islice(chats, CHATS_A_DOCUMENT)
        yield next(base)


def count_documents(model: str, documents: int) -> int:
    """How many documents of a model's text make about as many tokens as that many of base text."""
    return documents if model == "mini" else round(SHORTER * documents)


@dataclass(frozen=True)
class Sample:
    """Documents of one seed, one a row, with ground truth."""

    rows: LabelledRows
    real: np.ndarray  # bool, [row, pos]: tokens of the text, without BOS and padding

    @cached_property
    def ids(self) -> np.ndarray:
        """int32, [token]: real tokens, row after row."""
        return self.rows.ids[self.real]

    @cached_property
    def concepts(self) -> np.ndarray:
        """bool, [token, concept]."""
        return self.rows.concepts[self.real]

    @cached_property
    def document(self) -> np.ndarray:
        """int, [token]: the row that each token is in."""
        return np.repeat(np.arange(len(self.real)), self.real.sum(1))

    def pick(self, activations: torch.Tensor) -> torch.Tensor:
        """Of activations [row x (pos - 1), d] as collected, those of real tokens, float32 [token, d]."""
        return activations[torch.from_numpy(self.real[:, 1:].reshape(-1))].float()
