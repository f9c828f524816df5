"""Which target names a feature: chosen on one sample of text, measured on another."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from factory.claims.concept_scores import Firings, harmonic_mean, score_marked
from factory.claims.detection.truth import LEVELS, Targets

LABEL_F1 = 0.5
LABEL_PRECISION = 0.8  # of a feature that finds only a part of its target
LABEL_LIFT = 5  # precision over base rate, at least
LABEL_HITS = 20  # firings on the target, on the choosing sample
LARGEST_BASE = 0.2  # share of all tokens; a target above it names nothing
MARGIN = 0.02  # of F1, within which a concept goes before a word, and a word before a token
DENSE = 0.1  # share of tokens

# From precision, recall, hits and base rate of each pair to how good the target is; -inf for no candidate.
Score = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Match:
    """Features against the targets of one kind, where they have a firing in common: one entry a pair."""

    feature: np.ndarray  # int64
    target: np.ndarray  # int64
    level: np.ndarray  # int64, place in LEVELS
    precision: np.ndarray  # float64
    recall: np.ndarray  # float64
    hits: np.ndarray  # float64
    base: np.ndarray  # float64, share of all tokens


@dataclass(frozen=True)
class Choice:
    """A target for each feature."""

    kind: np.ndarray  # int64, [feature]: place in the list of targets; -1 where there is none
    target: np.ndarray  # int64, [feature]
    score: np.ndarray  # float64, [feature]; -inf where there is none


@dataclass(frozen=True)
class Labels:
    """What is written of each feature; measures are those on held-out text."""

    choice: Choice
    rule: np.ndarray  # str, [feature]: "f1", "precision" or "" where no known concept fits
    names: tuple[str, ...]  # [feature]
    levels: tuple[str, ...]  # [feature]
    measured: dict[str, np.ndarray]  # auc, precision, recall, f1 and positives, [feature] each
    density: np.ndarray  # [feature], on held-out text
    max_activation: np.ndarray  # [feature], on both samples

    @property
    def named(self) -> np.ndarray:
        """bool, [feature]."""
        return self.rule != ""


@dataclass(frozen=True)
class Shares:
    """How many of a dictionary's features are what, of all: `labelled + unlabelled + dead = 1`."""

    features: int
    labelled: float
    labelled_by_precision: float  # part of `labelled`: found only a part of the target
    unlabelled: float  # live, and no known concept fits
    dense: float  # fire on more than a tenth of all tokens, labelled or not
    dead: float  # fire nowhere on both samples
    by_level: dict[str, float]  # of all features, labelled at each level


def label_features(firings: list[Firings], targets: list[list[Targets]]) -> Labels:
    """Choose each feature's label on the first sample and measure it on the second.

    The target of highest F1 where that reaches 0.5; a concept goes before a word, and a word before
    a token, where they differ by less than 0.02. Otherwise, among targets of precision 0.8 and of
    five times the base rate with 20 firings on them, that of highest F1. Targets on more than a
    fifth of all tokens are left out, and those with less than half of their least size on the
    second sample.
    """
    features = firings[0].features
    matches = match_targets(firings[0], targets[0])
    whole = choose_targets(matches, features, score=_score_whole, margin=MARGIN)
    part = choose_targets(matches, features, score=_score_part, margin=MARGIN)
    rule = np.where(whole.score >= LABEL_F1, "f1", np.where(part.kind >= 0, "precision", ""))
    choice = Choice(
        *(np.where(rule == "f1", getattr(whole, name), getattr(part, name)) for name in ("kind", "target", "score"))
    )
    measured = measure_choice(firings[1], targets[1], choice)
    least = np.array([one.least for one in targets[1]])[np.maximum(choice.kind, 0)] / 2
    rule = np.where(np.isnan(measured["auc"]) | (measured["positives"] < least), "", rule)
    chosen = [
        (targets[0][kind], target) if kind >= 0 else None
        for kind, target in zip(choice.kind, choice.target, strict=True)
    ]
    return Labels(
        choice,
        rule,
        tuple(one[0].names[one[1]] if one else "" for one in chosen),
        tuple(LEVELS[one[0].level[one[1]]] if one else "" for one in chosen),
        measured,
        firings[1].density,
        np.maximum(firings[0].max_activation, firings[1].max_activation),
    )


def match_targets(firings: Firings, targets: list[Targets]) -> list[Match]:
    """Precision and recall of every feature on every candidate that it ever fires on."""
    found = []
    for one in targets:
        pairs = one.match(firings)
        kept = one.candidates[pairs.target]
        feature, target, hits = pairs.feature[kept], pairs.target[kept], pairs.hits[kept]
        size = one.sizes[target]
        precision = hits / firings.counts[feature]
        found.append(Match(feature, target, one.level[target], precision, hits / size, hits, size / firings.tokens))
    return found


def choose_targets(
    matches: list[Match], features: int, *, score: Score, margin: float = 0.0, level: int | None = None
) -> Choice:
    """The best target of each feature, of one level where asked; kinds within `margin` of the best go in order."""
    best = [_best_of_kind(match, features, score=score, level=level) for match in matches]
    scores = np.stack([one[1] for one in best])
    kind = (scores >= scores.max(0) - margin).argmax(0)
    at = np.arange(features)
    top = scores[kind, at]
    target = np.stack([one[0] for one in best])[kind, at]
    return Choice(np.where(np.isfinite(top), kind, -1), target, top)


def measure_choice(firings: Firings, targets: list[Targets], choice: Choice) -> dict[str, np.ndarray]:
    """AUC, precision, recall, F1 and number of positives of each feature for its target; 0 and NaN without one."""
    marked = np.zeros(len(firings.feature), bool)
    positives = np.zeros(firings.features, np.int64)
    of_firing = choice.kind[firings.feature]
    for kind, one in enumerate(targets):
        here = of_firing == kind
        marked[here] = one.contains(firings.token[here], choice.target[firings.feature[here]])
        mine = choice.kind == kind
        positives[mine] = one.sizes[choice.target[mine]]
    return score_marked(firings, marked, positives) | {"positives": positives}


def count_shares(labels: Labels) -> Shares:
    """The shares of labelled, unlabelled, dense and dead features."""
    named, dead = labels.named, labels.max_activation == 0
    levels = np.array(labels.levels)
    return Shares(
        len(named),
        float(named.mean()),
        float((labels.rule == "precision").mean()),
        float((~named & ~dead).mean()),
        float((labels.density > DENSE).mean()),
        float(dead.mean()),
        {level: float((named & (levels == level)).mean()) for level in LEVELS},
    )


def _score_whole(precision, recall, hits, base):
    return np.where(base <= LARGEST_BASE, harmonic_mean(precision, recall), -np.inf)


def _score_part(precision, recall, hits, base):
    good = (precision >= LABEL_PRECISION) & (precision >= LABEL_LIFT * base) & (hits >= LABEL_HITS)
    return np.where(good & (base <= LARGEST_BASE), harmonic_mean(precision, recall), -np.inf)


def _best_of_kind(match: Match, features: int, *, score: Score, level: int | None) -> tuple[np.ndarray, np.ndarray]:
    target, best = np.zeros(features, np.int64), np.full(features, -np.inf)
    kept = np.ones(len(match.feature), bool) if level is None else match.level == level
    scores = score(*(getattr(match, name)[kept] for name in ("precision", "recall", "hits", "base")))
    feature = match.feature[kept]
    order = np.lexsort((scores, feature))  # the last of a feature is its best
    target[feature[order]] = match.target[kept][order]
    best[feature[order]] = scores[order]
    return target, best
