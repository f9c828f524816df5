"""T2a: features whose strongest examples promise more than the rest of their firings keep."""

from dataclasses import replace

import numpy as np

from factory.claims.concept_scores import Firings, sum_over_concepts
from factory.claims.detection.label_choice import LARGEST_BASE
from factory.claims.detection.studies import SEEDS, Study
from factory.claims.intervals import wilson_interval
from gscope_widgets.mini.claim import Claim

TOP, TOP_PRECISION, MIDDLE_PRECISION = 10, 0.9, 0.6
MIDDLE_PART = (0.45, 0.55)  # of a feature's firings in order of activation: the middle decile
LEAST_FIRINGS = 100  # so that the middle decile has ten


def judge_top_examples(studies: list[Study]) -> Claim:
    """T2a, for the worst of the dictionary seeds."""
    found = [misleading_features(one) for one in studies]
    counts = [len(one) for one in found]
    worst = int(np.argmin(counts))
    shuffled = _still_misleading(studies[worst], found[worst])
    live = int((studies[worst].firings[1].counts >= LEAST_FIRINGS).sum())
    low, high = wilson_interval(counts[worst], live)
    names = studies[worst].targets[0][0].names
    return Claim(
        id="T2a",
        claim="the top examples of some features promise more than the feature keeps",
        metric="features whose ten strongest held-out tokens are of a concept (>= 0.9) and whose middle decile is not "
        "(<= 0.6), the concept chosen on other text; interval over features",
        value=counts[worst],
        interval=(low * live, high * live),
        n=live,
        seeds=SEEDS,
        control={"same_features_with_their_firings_in_random_order": shuffled},
        threshold=">= 5 features in each dictionary seed, and fewer than 5 with firings in random order",
        passed=min(counts) >= 5 and shuffled < 5,
        details={
            "by_dictionary_seed": counts,
            "features": [
                {"feature": feature, "concept": names[concept], "top": top, "middle": middle}
                for feature, concept, top, middle in found[worst][:30]
            ],
        },
    )


def misleading_features(one: Study) -> list[tuple[int, int, float, float]]:
    """(feature, concept, precision of the top ten, of the middle decile) on held-out text."""
    top, middle = (np.stack([part_precision(f, m, part) for f, m in _both(one)]) for part in (None, MIDDLE_PART))
    enough = np.all([firings.counts >= LEAST_FIRINGS for firings in one.firings], axis=0)
    usable = (one.marks[0].mean(0) <= LARGEST_BASE) & (one.marks[0].sum(0) >= one.targets[0][0].least)
    misleads = (top >= TOP_PRECISION) & (middle <= MIDDLE_PRECISION) & usable & enough[:, None]
    concept = np.where(misleads[0], top[0] - middle[0], -1).argmax(1)
    at = np.arange(len(concept))
    kept = misleads[0, at, concept] & misleads[1, at, concept]
    return [
        (int(feature), int(concept[feature]), *(float(p[1, feature, concept[feature]]) for p in (top, middle)))
        for feature in np.flatnonzero(kept)
    ]


def part_precision(firings: Firings, marks: np.ndarray, part: tuple[float, float] | None) -> np.ndarray:
    """Share of some of each feature's firings that are on each concept: the top ten, or a range of their order."""
    place = np.arange(len(firings.feature)) - firings.starts[firings.feature]
    count = firings.counts[firings.feature]
    kept = place >= count - TOP if part is None else (place >= part[0] * count) & (place < part[1] * count)
    some = Firings(firings.feature[kept], firings.token[kept], firings.value[kept], firings.tokens, firings.features)
    hits, _ = sum_over_concepts(some, marks)
    return hits / np.maximum(some.counts, 1)[:, None]


def _still_misleading(one: Study, found: list[tuple[int, int, float, float]]) -> int:
    firings = one.firings[1]
    order = np.lexsort((np.random.default_rng(0).random(len(firings.feature)), firings.feature))
    mixed = replace(firings, token=firings.token[order], value=firings.value[order])
    top, middle = (part_precision(mixed, one.marks[1], part) for part in (None, MIDDLE_PART))
    return sum(bool(top[f, c] >= TOP_PRECISION and middle[f, c] <= MIDDLE_PRECISION) for f, c, *_ in found)


def _both(one: Study):
    return zip(one.firings, one.marks, strict=True)
