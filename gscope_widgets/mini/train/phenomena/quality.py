"""One dictionary's quality: features a token, variance left unexplained, and what its use costs in loss."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from gscope_widgets.mini.train.activations import Place, collect_activations
from gscope_widgets.mini.train.artefact import decode, encode
from gscope_widgets.mini.train.dictionary import DictionaryRecipe
from gscope_widgets.mini.train.phenomena.replacement import document_losses, ratio_interval, rebuilt
from gscope_widgets.mini.train.phenomena.sample import Sample

DENSE = 0.1  # share of tokens
_CHUNK = 8192  # tokens encoded at a time


@dataclass(frozen=True)
class Quality:
    """One dictionary, measured on held-out documents."""

    root: str
    recipe: DictionaryRecipe
    l0: float
    dead: int  # features that never fired
    dense: int  # features that fired on more than `DENSE` of the tokens
    errors: np.ndarray  # float64, [output, document]; squared error
    deviations: np.ndarray  # float64, [output, document]; squared distance from the mean over all tokens
    rises: dict[str, np.ndarray]  # by what was replaced: float64 [document], rise in summed loss, nats
    tokens: np.ndarray  # [document]; of the documents of `rises`

    @property
    def fvu(self) -> float:
        """Fraction of variance unexplained, mean over outputs."""
        return float((self.errors.sum(1) / self.deviations.sum(1)).mean())

    @property
    def delta_losses(self) -> dict[str, float]:
        """Rise in loss in nats a token, by what was replaced."""
        return {name: float(rise.sum() / self.tokens.sum()) for name, rise in self.rises.items()}

    @property
    def delta_loss(self) -> float:
        """Of a dictionary that replaces one thing."""
        return next(iter(self.delta_losses.values()))

    @property
    def delta_interval(self) -> tuple[float, float]:
        """95 %, of `delta_loss`."""
        return ratio_interval(next(iter(self.rises.values())), self.tokens)

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
            "delta_loss_interval": {name: ratio_interval(rise, self.tokens) for name, rise in self.rises.items()},
        }


def measure_qualities(model, sample: Sample, loaded: list[tuple], *, loss_documents: int) -> Iterator[Quality]:
    """Quality of each (root, recipe, members), on a sample of what `model` reads."""
    places = {place for _, recipe, _ in loaded for place in (*recipe.inputs, *recipe.targets)}
    activations = collect_activations(model, sample.rows.ids, sorted(places))
    before = document_losses(model, sample.rows, documents=loss_documents)
    tokens = sample.rows.lengths[:loss_documents] - 1
    for root, recipe, members in loaded:
        fit = measure_sparse_fit(sample, activations, members, recipe)
        rises = {}
        for name, outputs in _replacements(recipe):
            with rebuilt(model, members, inputs=recipe.inputs, targets=recipe.targets, outputs=outputs):
                rises[name] = document_losses(model, sample.rows, documents=loss_documents) - before
        yield Quality(root, recipe, **fit, rises=rises, tokens=tokens)


def _replacements(recipe: DictionaryRecipe) -> list[tuple[str, list[int] | None]]:
    """What is replaced together: a crosscoder's residuals one at a time, a CLT's MLP outputs all at once."""
    if recipe.kind == "crosscoder":
        return [(f"layer_{layer}", [output]) for output, (_, layer) in enumerate(recipe.targets)]
    return [("all_mlps" if recipe.kind == "clt" else f"layer_{recipe.targets[0][1]}", None)]


def measure_sparse_fit(
    sample: Sample, activations: dict[Place, torch.Tensor], members: list[dict], recipe: DictionaryRecipe
) -> dict:
    """L0, dead, dense, and errors and deviations by output and document; activations as collected."""
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
        "dead": int((rates == 0).sum()),
        "dense": int((rates > DENSE).sum()),
        "errors": errors,
        "deviations": deviations,
    }


def _norms(x: torch.Tensor) -> np.ndarray:
    return x.square().sum(1).double().numpy()
