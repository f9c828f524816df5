"""T1a, T2b and T3b: what the features of the default dictionary detect; and the group of claims on detecting."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from factory.claims.concept_scores import choose_concepts
from factory.claims.detection.labels import FILE, open_samples, write_labels
from factory.claims.detection.layers import measure_first_token, measure_senses
from factory.claims.detection.precision import live_features, measure_precision
from factory.claims.detection.rivals import Rivals, measure_rivals
from factory.claims.detection.studies import (
    SEEDS,
    Study,
    best_features,
    random_directions,
    relabel,
    shift_labels,
    shuffle_labels,
    study,
)
from factory.claims.detection.top_examples import judge_top_examples
from factory.claims.evaluation import Evaluation
from factory.claims.intervals import wilson_interval
from factory.claims.sample import DOCUMENTS, Sample
from factory.corpus import family_of
from factory.training.artefact import load_members
from factory.training.family import PRETRAINED, list_family, list_repeats, middle_dictionary
from gscope_widgets.mini.claim import Claim

GOOD_AUC = 0.95
TOKEN_AUC = 0.85  # at most, where the current token alone does not decide a concept
GAIN = 0.1  # of AUC, over the best neuron


@dataclass(frozen=True)
class Detection:
    """How many features detect something, and how many concepts are detected."""

    features: int  # of AUC >= 0.95 on held-out text, for the concept chosen on the other sample
    families: int  # of the concepts of those features
    beyond_token: int  # concepts among them where the current token alone has AUC <= 0.85
    live: int
    concepts: int  # with a feature of AUC >= 0.95, the feature chosen on the other sample
    concepts_beyond_token: int  # those of them where the current token alone has AUC <= 0.85
    concepts_above_word: int
    scored_above_word: int  # concepts above word level with enough tokens to be scored

    @property
    def reaches_threshold(self) -> bool:
        """Whether all three numbers of T1a's threshold are reached."""
        return self.features >= 30 and self.families >= 5 and self.beyond_token >= 10


def measure_detectors(evaluation: Evaluation, *, documents: int = DOCUMENTS) -> list[Claim]:
    """T1a, T1b, T1c, T2a, T2b, T2c and T3b; about three minutes on two cores.

    Writes the `features.json` of every dictionary first, where one is missing or older than its
    weights.
    """
    samples, targets = open_samples(evaluation, PRETRAINED, documents=documents)
    recipe = middle_dictionary()
    inputs = [evaluation.activations(sample, list(recipe.inputs))[0] for sample in samples]
    members = [load_members(folder)[0] for folder in _default_folders(evaluation)]
    studies = [study(inputs, member, targets) for member in members]
    rivals = measure_rivals(evaluation, samples, studies[0].marks, np.arange(0))
    random = study(inputs, random_directions(inputs[0], studies[0].firings[0].density), targets)
    return [
        judge_detection(studies, rivals, random, samples),
        measure_first_token(evaluation, samples[1]),
        measure_senses(evaluation),
        judge_top_examples(studies),
        judge_unnamed(read_shares(evaluation, documents=documents)),
        measure_precision(evaluation, inputs, samples, targets),
        judge_against_neurons(studies, rivals, random),
    ]


def detect(one: Study, token_auc: np.ndarray) -> Detection:
    """Count what a dictionary detects. Args: token_auc: of the current token alone, [concept]."""
    chosen, held_out = one.scores
    names, levels = one.targets[0][0].names, one.targets[0][0].level
    best = choose_concepts(chosen.auc)
    good = np.nan_to_num(held_out.auc[np.arange(len(best)), best]) >= GOOD_AUC
    detected = sorted(set(best[good].tolist()))
    feature = np.nan_to_num(chosen.auc, nan=-1).argmax(0)
    columns = np.arange(len(names))
    found = np.nan_to_num(held_out.auc[feature, columns]) >= GOOD_AUC
    found &= ~np.isnan(chosen.auc).any(0)
    scored = ~np.isnan(held_out.auc[0]) & ~np.isnan(chosen.auc[0])
    return Detection(
        features=int(good.sum()),
        families=len({family_of(names[concept]) for concept in detected}),
        beyond_token=sum(bool(token_auc[concept] <= TOKEN_AUC) for concept in detected),
        live=int(live_features(one).sum()),
        concepts=int(found.sum()),
        concepts_beyond_token=int((found & (token_auc <= TOKEN_AUC)).sum()),
        concepts_above_word=int((found & (levels == 0)).sum()),
        scored_above_word=int((scored & (levels == 0)).sum()),
    )


def judge_detection(studies: list[Study], rivals: Rivals, random: Study, samples: list[Sample]) -> Claim:
    """T1a, for the worst of the dictionary seeds; controls are of the first."""
    found = [detect(one, rivals.token) for one in studies]
    worst = min(found, key=lambda one: one.features)
    controls = {
        "random_directions_of_equal_density": detect(random, rivals.token),
        "labels_shifted_by_half_a_sample": detect(relabel(studies[0], samples, shift_labels), rivals.token),
        "labels_shuffled_within_documents": detect(relabel(studies[0], samples, shuffle_labels), rivals.token),
    }
    low, high = wilson_interval(worst.features, worst.live)
    return Claim(
        id="T1a",
        claim="features of mini's default dictionary detect concepts of the text",
        metric="features of held-out AUC >= 0.95 for the concept chosen on other text; interval over features",
        value=worst.features,
        interval=(low * worst.live, high * worst.live),
        n=worst.live,
        seeds=SEEDS,
        control={name: vars(one) for name, one in controls.items()},
        threshold=">= 30 features, over >= 5 families, >= 10 concepts where the current token alone has AUC <= 0.85, "
        "in each dictionary seed; no control reaches all three",
        passed=all(one.reaches_threshold for one in found) and not any(c.reaches_threshold for c in controls.values()),
        details={
            "by_dictionary_seed": [vars(one) for one in found],
            "beyond_token_for_a_probe": _count_probes(studies[0], rivals),
            "tokens": [len(sample.ids) for sample in samples],
            "documents": [len(sample.real) for sample in samples],
        },
    )


def _count_probes(one: Study, rivals: Rivals) -> dict[str, int]:
    """How many scored concepts the current token does not decide, and for how many of those a probe is good."""
    scored = ~np.isnan(one.scores[1].auc[0]) & ~np.isnan(one.scores[0].auc[0])
    beyond = scored & (rivals.token <= TOKEN_AUC)
    return {"concepts": int(beyond.sum()), "with_a_probe": int((beyond & (rivals.probe >= GOOD_AUC)).sum())}


def judge_against_neurons(studies: list[Study], rivals: Rivals, random: Study) -> Claim:
    """T3b, for the worst of the dictionary seeds."""
    best = [best_features(one) for one in studies]
    counts = [int((auc - rivals.neuron >= GAIN).sum()) for auc in best]
    at_random = int((best_features(random) - rivals.neuron >= GAIN).sum())
    first = int(np.argmin(counts))
    auc = best[first]
    gains = auc - rivals.neuron >= GAIN
    scored = int((~np.isnan(auc - rivals.neuron)).sum())
    low, high = wilson_interval(counts[first], scored)
    return Claim(
        id="T3b",
        claim="for many concepts the best feature is a better detector than the best neuron",
        metric="concepts where the held-out AUC of the best feature exceeds that of the best of 704 MLP neurons of "
        "layer 4 by 0.1, both chosen on other text; interval over concepts",
        value=counts[first],
        interval=(low * scored, high * scored),
        n=scored,
        seeds=SEEDS,
        control={"concepts_where_a_random_direction_does_so": at_random},
        threshold=">= 10 concepts in each dictionary seed, and fewer than 10 for as many random directions",
        passed=min(counts) >= 10 and at_random < 10,
        details={
            "by_dictionary_seed": counts,
            "against_residual_coordinates": int((auc - rivals.coordinate >= GAIN).sum()),
            "against_both": int((auc - np.fmax(rivals.neuron, rivals.coordinate) >= GAIN).sum()),
            "concepts_where_the_probe_is_at_least_as_good": int((rivals.probe >= auc)[gains].sum()),
            "median_auc": {
                "feature": float(np.nanmedian(auc)),
                "neuron": float(np.nanmedian(rivals.neuron)),
                "coordinate": float(np.nanmedian(rivals.coordinate)),
                "probe": float(np.nanmedian(rivals.probe)),
                "token": float(np.nanmedian(rivals.token)),
                "random": float(np.nanmedian(best_features(random))),
            },
            "concepts": [studies[0].targets[0][0].names[at] for at in np.flatnonzero(gains)][:60],
        },
    )


def judge_unnamed(shares: dict[str, dict]) -> Claim:
    """T2b, of the default dictionary, with every other one beside it. Args: shares: by folder, default first."""
    default = next(iter(shares.values()))
    features = default["features"]
    unlabelled = round(default["unlabelled"] * features)
    live = features - round(default["dead"] * features)
    low, high = wilson_interval(unlabelled, live)
    return Claim(
        id="T2b",
        claim="some features follow nothing that we have a name for",
        metric="live features of the default dictionary without a label; interval over features",
        value=unlabelled,
        interval=(low * live, high * live),
        n=live,
        seeds=SEEDS,
        control={},
        threshold=">= 5 features",
        passed=unlabelled >= 5,
        details={"by_dictionary": shares},
    )


def read_shares(evaluation: Evaluation, *, documents: int = DOCUMENTS) -> dict[str, dict]:
    """Shares of labelled, unlabelled, dense and dead features of every dictionary, from its `features.json`."""
    folders = [evaluation.build.root_folder(root) / one.folder for root, all_ in list_family().items() for one in all_]
    if not all(_is_labelled(folder) for folder in folders):
        write_labels(evaluation, documents=documents)
    return {
        f"{folder.parent.parent.name}/{folder.parent.name}/{folder.name}": json.loads((folder / FILE).read_text())[
            "shares"
        ]
        for folder in folders
    }


def _default_folders(evaluation: Evaluation) -> list[Path]:
    """The default dictionary, then its repeats with other seeds."""
    recipe = middle_dictionary()
    roots = [PRETRAINED, *(root for root in list_repeats() if not root.endswith("twin"))]
    return [folder for root in roots if (folder := evaluation.build.root_folder(root) / recipe.folder).exists()]


def _is_labelled(folder: Path) -> bool:
    path, weights = folder / FILE, sorted(folder.glob("params*.safetensors"))
    return path.exists() and all(path.stat().st_mtime >= one.stat().st_mtime for one in weights)
