"""Labelled text with what the model computes on it: what every measurement of features starts from."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import torch

from factory.claims.ngrams import NgramModel
from factory.corpus import CONCEPTS, Document, generate_chat, generate_documents
from factory.corpus.concepts import CHAT_CONCEPTS
from factory.training.activations import collect_activations
from factory.training.corpus_tokens import TRAIN_SEED, LabelledRows, label_rows, real_positions
from factory.training.model import load_trained
from factory.training.places import Place

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


class Evaluation:
    """A finished build, opened for measuring: models, tokenizer, samples and their activations."""

    def __init__(self, build):
        """Args: build: `train.build.Build` whose training steps are done."""
        self.build = build
        self.tokenizer = build.tokenizer
        self._models: dict[str, object] = {}
        self._samples: dict[tuple, Sample] = {}
        self._activations: dict[tuple, torch.Tensor] = {}
        self._measured: list[Sample] = []  # kept, so that no other sample can come to have the id of one

    @cached_property
    def ngrams(self) -> NgramModel:
        """A 5-gram model of all text that `mini` was trained on: minutes, and gigabytes while it counts."""
        rows = self.build.rows("mini", seed=TRAIN_SEED, tokens=self.build.recipe.tokens)
        return NgramModel(rows, order=NGRAM_ORDER, vocabulary=self.tokenizer.get_vocab_size())

    def model(self, name: str = "mini"):
        """`mini` or `mini-it`: Gemma3ForCausalLM, float32 computed from the rounded weights."""
        if name not in self._models:
            self._models[name] = load_trained(self.build.model_folder(name))
        return self._models[name]

    def sample(self, seed: int, *, model: str = "mini", templates: str = "train", documents: int = DOCUMENTS) -> Sample:
        """Text of a seed as `model` would read it: as much as that many documents of base text."""
        documents = count_documents(model, documents)
        key = (seed, model, templates, documents)
        if key not in self._samples:
            rows = label_rows(
                self.tokenizer,
                islice(generate_text(model, seed, templates=templates), documents),
                documents=documents,
                context=self.build.recipe.context,
                names=(*CONCEPTS, *CHAT_CONCEPTS) if model == "mini-it" else tuple(CONCEPTS),
            )
            self._samples[key] = Sample(rows, real_positions(rows))
        return self._samples[key]

    def activations(self, sample: Sample, places: list[Place], *, model: str = "mini") -> list[torch.Tensor]:
        """What a model computes on a sample's real tokens, float32 [token, d] for each place; kept."""
        missing = [place for place in places if (id(sample), model, place) not in self._activations]
        if missing:
            self._measured.append(sample)
            found = collect_activations(self.model(model), sample.rows.ids, missing)
            self._activations |= {(id(sample), model, place): value for place, value in found.items()}
        return [sample.pick(self._activations[id(sample), model, place]) for place in places]
