"""The `features.json` beside every dictionary: a measured label for each feature, or none."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from factory.claims.concept_scores import Firings, join_firings, list_firings
from factory.claims.detection.label_choice import Labels, count_shares, label_features
from factory.claims.detection.rivals import Rivals, measure_rivals
from factory.claims.detection.truth import Targets, build_targets
from factory.claims.evaluation import Evaluation
from factory.claims.sample import DOCUMENTS, Sample
from factory.training.activations import collect_activations
from factory.training.artefact import load_members
from factory.training.corpus_tokens import HELD_OUT_SEED, VALIDATION_SEED
from factory.training.family import CHAT, PRETRAINED, list_family, middle_dictionary

FILE = "features.json"


def write_labels(evaluation: Evaluation, *, documents: int = DOCUMENTS) -> list[Path]:
    """Write `features.json` beside the weights of every dictionary that ships, and return the paths.

    About three minutes on two cores.
    """
    paths = []
    for root, recipes in list_family().items():
        samples, targets = open_samples(evaluation, root, documents=documents)
        places = [place for recipe in recipes for place in recipe.inputs]
        model = evaluation.model(model_of(root))
        activations = [collect_activations(model, sample.rows.ids, places) for sample in samples]
        for recipe in recipes:
            members = load_members(evaluation.build.root_folder(root) / recipe.folder)
            firings = [
                read_firings(members, [sample.pick(found[place]) for place in recipe.inputs])
                for sample, found in zip(samples, activations, strict=True)
            ]
            labels = label_features(firings, targets)
            default = (root, recipe) == (PRETRAINED, middle_dictionary())
            rivals = measure_rivals(evaluation, samples, *_label_marks(labels, targets)) if default else None
            path = evaluation.build.root_folder(root) / recipe.folder / FILE
            path.write_text(format_labels(labels, rivals))
            paths.append(path)
    return paths


def model_of(root: str) -> str:
    """The model whose activations the dictionaries of a root read."""
    return "mini-it" if root == CHAT else "mini"


def open_samples(evaluation: Evaluation, root: str, *, documents: int) -> tuple[list[Sample], list[list[Targets]]]:
    """The sample to choose on and the held-out one, as the root's model reads text, and their targets."""
    seeds = (VALIDATION_SEED, HELD_OUT_SEED)
    samples = [evaluation.sample(seed, model=model_of(root), documents=documents) for seed in seeds]
    return samples, build_targets(samples, evaluation.tokenizer)


def read_firings(members: list[dict[str, torch.Tensor]], inputs: list[torch.Tensor]) -> Firings:
    """All firings of a dictionary on inputs, float32 [token, d_in] by member; features stand member after member."""
    return join_firings([list_firings(x, member) for x, member in zip(inputs, members, strict=True)])


def format_labels(labels: Labels, rivals: Rivals | None = None) -> str:
    """The text of a `features.json`: one line a feature; without a `label` no known concept fits."""
    entries = [json.dumps(one, separators=(",", ":"), ensure_ascii=False) for one in _list_entries(labels, rivals)]
    source = json.dumps("measured on held-out generated text")
    return f'{{"source":{source},\n"shares":{json.dumps(asdict(count_shares(labels)))},\n"features":[\n' + (
        ",\n".join(entries) + "\n]}\n"
    )


def _label_marks(labels: Labels, targets: list[list[Targets]]) -> tuple[list[np.ndarray], np.ndarray]:
    """The distinct labels as marks, bool [token, label] of each sample, and the column of each feature (or -1)."""
    chosen = np.stack([labels.choice.kind, labels.choice.target], 1)
    distinct, column = np.unique(chosen[labels.named], axis=0, return_inverse=True)
    columns = np.full(len(labels.named), -1)
    columns[labels.named] = column.reshape(-1)
    marks = []
    for sample in targets:
        token = np.arange(len(sample[0].marks))
        found = [sample[kind].contains(token, target) for kind, target in distinct]
        marks.append(np.stack(found, 1) if found else np.zeros((len(token), 0), bool))
    return marks, columns


def _list_entries(labels: Labels, rivals: Rivals | None) -> Iterator[dict]:
    for feature, named in enumerate(labels.named):
        entry = {
            "feature": feature,
            "density": round(float(labels.density[feature]), 6),
            "max_activation": round(float(labels.max_activation[feature]), 3),
        }
        if named:
            entry |= {
                "label": labels.names[feature],
                "level": labels.levels[feature],
                "rule": str(labels.rule[feature]),
            }
            entry |= {
                name: round(float(labels.measured[name][feature]), 3) for name in ("auc", "precision", "recall", "f1")
            }
            entry["positives"] = int(labels.measured["positives"][feature])
            if rivals:
                entry["rivals"] = rivals.describe(feature)
        yield entry
