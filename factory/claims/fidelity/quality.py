"""One dictionary's quality: features a token, variance left unexplained, and what its use costs in loss."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from factory.claims.intervals import ratio_interval
from factory.claims.replacement import document_losses, rebuilt
from factory.claims.sample import Sample
from factory.training.activations import collect_activations
from factory.training.artefact import decode, encode
from factory.training.corpus_tokens import EOS
from factory.training.dictionary import DictionaryRecipe
from factory.training.places import Place

DENSE = 0.1  # share of tokens
_CHUNK = 8192  # tokens encoded at a time
_ROWS = 200  # packed rows read at a time


@dataclass(frozen=True)
class Quality:
    """One dictionary, measured on held-out documents."""

    root: str
    recipe: DictionaryRecipe
    l0: float
    dead: int  # features that fired on none of many more tokens
    dense: int  # features that fired on more than `DENSE` of the tokens
    errors: np.ndarray  # float64, [output, document]; squared error
    deviations: np.ndarray  # float64, [output, document]; squared distance from the mean over all tokens
    loss_increases: dict[str, np.ndarray]  # by what was replaced: float64 [document], increase in summed loss, nats
    tokens: np.ndarray  # [document]; of the documents of `loss_increases`

    @property
    def fvu(self) -> float:
        """Fraction of variance unexplained, mean over outputs."""
        return float((self.errors.sum(1) / self.deviations.sum(1)).mean())

    @property
    def delta_losses(self) -> dict[str, float]:
        """Rise in loss in nats a token, by what was replaced."""
        return {name: float(increase.sum() / self.tokens.sum()) for name, increase in self.loss_increases.items()}

    @property
    def delta_loss(self) -> float:
        """Of a dictionary that replaces one thing."""
        return next(iter(self.delta_losses.values()))

    @property
    def delta_interval(self) -> tuple[float, float]:
        """95 %, of `delta_loss`."""
        return ratio_interval(next(iter(self.loss_increases.values())), self.tokens)

    def summarize(self) -> dict:
        """Numbers for a table."""
        return {
            "l0": self.l0,
            "fvu": self.fvu,
            "fvu_interval": ratio_interval(self.errors, self.deviations),
            "dead": self.dead,
            "dense": self.dense,
            "features": self.recipe.features * len(self.recipe.inputs),
            "delta_loss": self.delta_losses,
            "delta_loss_interval": {
                name: ratio_interval(increase, self.tokens) for name, increase in self.loss_increases.items()
            },
        }


def measure_qualities(
    model, sample: Sample, loaded: list[tuple], *, rows: np.ndarray, loss_documents: int
) -> Iterator[Quality]:
    """Quality of each (root, recipe, members), on a sample of what `model` reads; dead features on packed rows."""
    places = {place for _, recipe, _ in loaded for place in (*recipe.inputs, *recipe.targets)}
    activations = collect_activations(model, sample.rows.ids, sorted(places))
    tokens = sample.rows.lengths[:loss_documents] - 1
    dead = count_dead(model, rows, loaded)
    loss_increases = measure_loss_increases(model, sample, loaded, documents=loss_documents)
    for (root, recipe, members), unused, increase in zip(loaded, dead, loss_increases, strict=True):
        fit = measure_sparse_fit(sample, activations, members, recipe)
        yield Quality(root, recipe, **fit, dead=unused, loss_increases=increase, tokens=tokens)


def measure_loss_increases(
    model, sample: Sample, loaded: list[tuple], *, documents: int
) -> Iterator[dict[str, np.ndarray]]:
    """`Quality.loss_increases` of each (root, recipe, members), on the first documents of a sample."""
    before = document_losses(model, sample.rows, documents=documents)
    for _, recipe, members in loaded:
        loss_increases = {}
        for name, outputs in _replacements(recipe):
            with rebuilt(model, members, inputs=recipe.inputs, targets=recipe.targets, outputs=outputs):
                loss_increases[name] = document_losses(model, sample.rows, documents=documents) - before
        yield loss_increases


def count_dead(model, rows: np.ndarray, loaded: list[tuple]) -> list[int]:
    """How many features of each (root, recipe, members) fire on no token of packed rows, BOS and EOS left out."""
    places = sorted({place for _, recipe, _ in loaded for place in recipe.inputs})
    fired = [[torch.zeros(member["w_enc"].shape[1], dtype=torch.bool) for member in members] for *_, members in loaded]
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        real = torch.from_numpy(part[:, 1:].reshape(-1) != EOS)
        activations = {place: x[real].float() for place, x in collect_activations(model, part, places).items()}
        for (_, recipe, members), found in zip(loaded, fired, strict=True):
            for first in range(0, int(real.sum()), _CHUNK):
                x = [activations[place][first : first + _CHUNK] for place in recipe.inputs]
                for one, z in zip(found, encode(members, x), strict=True):
                    one |= (z > 0).any(0)
    return [sum(int((~one).sum()) for one in found) for found in fired]


def _replacements(recipe: DictionaryRecipe) -> list[tuple[str, list[int] | None]]:
    """What is replaced together: a crosscoder's residuals one at a time, a CLT's MLP outputs all at once."""
    if recipe.kind == "crosscoder":
        return [(f"layer_{layer}", [output]) for output, (_, layer) in enumerate(recipe.targets)]
    return [("all_mlps" if recipe.kind == "clt" else f"layer_{recipe.targets[0][1]}", None)]


def measure_sparse_fit(
    sample: Sample, activations: dict[Place, torch.Tensor], members: list[dict], recipe: DictionaryRecipe
) -> dict:
    """L0, dense, and errors and deviations by output and document; activations as collected."""
    inputs = [sample.pick(activations[place]) for place in recipe.inputs]
    targets = [sample.pick(activations[place]) for place in recipe.targets]
    means = [y.mean(0) for y in targets]
    counts = [torch.zeros(member["w_enc"].shape[1]) for member in members]
    shape = (len(targets), len(sample.real))
    errors, deviations = np.zeros(shape), np.zeros(shape)
    for start in range(0, len(inputs[0]), _CHUNK):
        part = slice(start, start + _CHUNK)
        x = [one[part] for one in inputs]
        z = encode(members, x)
        for count, one in zip(counts, z, strict=True):
            count += (one > 0).sum(0)
        for output, (y, guess) in enumerate(zip(targets, decode(members, z, x), strict=True)):
            np.add.at(errors[output], sample.document[part], _norms(y[part] - guess))
            np.add.at(deviations[output], sample.document[part], _norms(y[part] - means[output]))
    rates = torch.cat(counts) / len(inputs[0])
    return {
        "l0": float(rates.sum()),
        "dense": int((rates > DENSE).sum()),
        "errors": errors,
        "deviations": deviations,
    }


def _norms(x: torch.Tensor) -> np.ndarray:
    return x.square().sum(1).double().numpy()
