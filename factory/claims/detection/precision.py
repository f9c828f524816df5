"""T2c: the share of features that fire on little besides one known thing, by how sparse the dictionary is."""

import numpy as np

from factory.claims.detection.label_choice import choose_targets, match_targets, measure_choice
from factory.claims.detection.studies import (
    SEEDS,
    Study,
    random_directions,
    relabel,
    shift_labels,
    shuffle_labels,
    study,
)
from factory.claims.detection.truth import LEVELS
from factory.claims.intervals import wilson_interval
from factory.claims.sample import Sample
from factory.training.artefact import load_members
from factory.training.family import L0, MIDDLE, PRETRAINED, list_repeats, single
from gscope_widgets.mini.claim import Claim

PRECISE, LARGEST_BASE, LEAST_HITS = 0.8, 0.1, 10
LIVE = 10  # held-out tokens that a live feature fires on, at least
MOST = 0.6  # of live features


def measure_precision(evaluation, inputs: list, samples: list[Sample], targets: list) -> Claim:
    """T2c, of `resid_post` at the middle layer, 1k: the small dictionary in every seed, the larger ones beside it.

    Args:
        inputs: the activations that the dictionaries read, [token, d] of the choosing and the
            held-out sample.
        targets: of the same samples.
    """

    def study_at(root: str, size: str) -> Study:
        folder = evaluation.build.root_folder(root) / single("resid_post", MIDDLE, "1k", size).folder
        return study(inputs, load_members(folder)[0], targets)

    by_size = {size: study_at(PRETRAINED, size) for size in L0}
    repeats = [study_at(root, "small") for root in list_repeats() if not root.endswith("twin")]
    random = study(inputs, random_directions(inputs[0], by_size["small"].firings[0].density), targets)
    return judge_precision(by_size, repeats, random, samples)


def judge_precision(by_size: dict[str, Study], repeats: list[Study], random: Study, samples: list[Sample]) -> Claim:
    """T2c from studies; the claim is on the worst seed of the smallest dictionary."""
    seeds = [by_size["small"], *repeats]
    shares = [precise_shares(one)["any"] for one in seeds]
    worst = int(np.argmin(shares))
    live = int(live_features(seeds[worst]).sum())
    controls = {
        "random_directions_of_equal_density": random,
        "labels_shifted_by_half_a_sample": relabel(by_size["small"], samples, shift_labels),
        "labels_shuffled_within_documents": relabel(by_size["small"], samples, shuffle_labels),
    }
    by_chance = {name: precise_shares(one)["any"] for name, one in controls.items()}
    return Claim(
        id="T2c",
        claim="most features of the sparsest dictionary fire on little besides one known thing",
        metric="share of live features of the small 1k dictionary with four firings in five on one concept, word or "
        "token, its own, that before or after, chosen on other text; interval over features",
        value=shares[worst],
        interval=wilson_interval(round(shares[worst] * live), live),
        n=live,
        seeds=SEEDS,
        control=by_chance,
        threshold=f">= {MOST} in each dictionary seed, and each control <= half of it",
        passed=min(shares) >= MOST and max(by_chance.values()) <= MOST / 2,
        details={
            "by_dictionary_seed": shares,
            "by_size": {size: precise_shares(one) for size, one in by_size.items()},
            "live_by_size": {size: int(live_features(one).sum()) for size, one in by_size.items()},
        },
    )


def precise_shares(one: Study) -> dict[str, float]:
    """Shares of live features with held-out precision >= 0.8 for a target on few tokens: of any level, and of each."""
    live = live_features(one)
    matches = match_targets(one.firings[0], one.targets[0])
    found = {}
    for name, level in (("any", None), *((name, level) for level, name in enumerate(LEVELS))):
        choice = choose_targets(matches, len(live), score=_score, level=level)
        precision = measure_choice(one.firings[1], one.targets[1], choice)["precision"]
        found[name] = float((precision[live] >= PRECISE).mean()) if live.any() else 0.0
    return found


def live_features(one: Study) -> np.ndarray:
    """bool, [feature]: fires on ten held-out tokens or more."""
    return one.firings[1].counts >= LIVE


def _score(precision, recall, hits, base):
    usable = (base <= LARGEST_BASE) & (hits >= LEAST_HITS)
    return np.where(usable, precision + 1e-3 * recall, -np.inf)
