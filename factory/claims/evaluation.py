"""A finished build opened for measuring: models, tokenizer, samples of text, and what the models compute on them."""

from functools import cached_property
from itertools import islice

import torch

from factory.claims.ngrams import NgramModel
from factory.claims.sample import DOCUMENTS, Sample, count_documents, generate_text
from factory.corpus import CONCEPTS
from factory.corpus.concepts import CHAT_CONCEPTS
from factory.training.activations import collect_activations
from factory.training.corpus_tokens import TRAIN_SEED, label_rows, real_positions
from factory.training.model import load_trained
from factory.training.places import Place

NGRAM_ORDER = 5


class Evaluation:
    """What every measurement is given; whatever was computed once is kept."""

    def __init__(self, build):
        """Args: build: a `factory.build.Build` whose training steps are done."""
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
