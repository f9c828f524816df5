"""Labelled text with what the model computes on it: what every measurement of features starts from."""

from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import torch

from gscope_widgets.mini.corpus import CONCEPTS, generate_chat, generate_documents
from gscope_widgets.mini.corpus.concepts import CHAT_CONCEPTS
from gscope_widgets.mini.train.activations import Place, collect_activations
from gscope_widgets.mini.train.corpus_tokens import LabelledRows, label_rows, real_positions
from gscope_widgets.mini.train.model import load_trained

DOCUMENTS = 600  # of each sample: about 125,000 tokens


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


class Laboratory:
    """A finished build, opened for measuring: models, tokenizer, samples and their activations."""

    def __init__(self, build):
        """Args: build: `train.build.Build` whose training steps are done."""
        self.build = build
        self.tokenizer = build.tokenizer
        self._models: dict[str, object] = {}
        self._samples: dict[tuple, Sample] = {}
        self._activations: dict[tuple, torch.Tensor] = {}
        self._measured: list[Sample] = []  # kept, so that no other sample can come to have the id of one

    def model(self, name: str = "mini"):
        """`mini` or `mini-it`: Gemma3ForCausalLM, float32 computed from the rounded weights."""
        if name not in self._models:
            self._models[name] = load_trained(self.build.model_folder(name))
        return self._models[name]

    def sample(self, seed: int, *, model: str = "mini", templates: str = "train", documents: int = DOCUMENTS) -> Sample:
        """Documents of a seed as `model` would read them: base text, or conversations for `mini-it`."""
        key = (seed, model, templates, documents)
        if key not in self._samples:
            source = generate_chat(seed) if model == "mini-it" else generate_documents(seed, templates=templates)
            rows = label_rows(
                self.tokenizer,
                islice(source, documents),
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
