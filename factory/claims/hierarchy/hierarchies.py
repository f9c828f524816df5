"""T4a and T4b: what Matryoshka prefixes do to the order of features, and to features of a parent concept."""

import numpy as np
import torch

from factory.claims.evaluation import Evaluation
from factory.claims.hierarchy.absorption import (
    MIN_TOKENS,
    Absorption,
    Probes,
    choose_features,
    count_absorbed,
    fit_probes,
    rank_correlation,
    rank_interval,
)
from factory.claims.intervals import ratio_interval
from factory.claims.sample import DOCUMENTS, Sample
from factory.corpus import CONCEPTS, with_parents
from factory.training import family
from factory.training.artefact import encode, load_members
from factory.training.corpus_tokens import HELD_OUT_SEED, VALIDATION_SEED
from gscope_widgets.mini.claim import Claim

MATRYOSHKA, PLAIN = "matryoshka", "plain"
FEWER = 2.0  # times
MAX_CHILD_SHARE = 0.4  # of the parent's tokens; else a feature of the parent would pass for one of the child
FAMILIES = ("place:", "thing:", "quality:", "structure:speaker_line", "person:", "time:")  # of the parents
Pair = tuple[int, int]  # columns of a parent and of its child


def measure_hierarchies(evaluation: Evaluation, *, documents: int = DOCUMENTS) -> list[Claim]:
    """T4a and T4b, on every seed of the small dictionary and of its twin. About two minutes on two cores."""
    place = ("resid_post", family.MIDDLE)
    samples = [evaluation.sample(seed, documents=documents) for seed in (VALIDATION_SEED, HELD_OUT_SEED)]
    x = [evaluation.activations(sample, [place])[0] for sample in samples]
    concepts = [torch.from_numpy(sample.concepts).float() for sample in samples]
    pairs = list_pairs(samples[0], tuple(CONCEPTS))
    probes = fit_probes(x[0], concepts[0])
    unrelated = sample_unrelated_pairs(concepts[0], pairs)
    rates: dict[tuple[str, int], np.ndarray] = {}
    found: dict[tuple[str, int], dict[Pair, Absorption]] = {}
    random: dict[tuple[str, int], dict[Pair, Absorption]] = {}
    for kind, seed, root in list_roots():
        members = load_members(evaluation.build.root_folder(root) / family.small_dictionary().folder)
        z = encode(members, x[1:])[0]
        rates[kind, seed] = (z > 0).float().mean(0).numpy()
        choice = choose_features((encode(members, x[:1])[0] > 0).float(), concepts[0], pairs=pairs)
        probed = x[1] @ probes.directions > probes.cuts
        arguments = (z, members[0]["w_dec"], concepts[1] > 0, probes, choice)
        found[kind, seed] = measure_pairs(*arguments, pairs=pairs, probed=probed)
        random[kind, seed] = measure_pairs(*arguments, pairs=unrelated, probed=None)
    return [judge_order(rates), judge_absorption(found, random, names=tuple(CONCEPTS))]


def list_roots() -> list[tuple[str, int, str]]:
    """Kind, seed and root of every repeat of the small dictionary and of its twin."""
    first = [(MATRYOSHKA, family.SEEDS[0], family.PRETRAINED), (PLAIN, family.SEEDS[0], family.TWIN)]
    return first + [
        (kind, seed, f"seed_{seed}{ending}")
        for seed in family.SEEDS[1:]
        for kind, ending in ((MATRYOSHKA, ""), (PLAIN, "_twin"))
    ]


def list_pairs(sample: Sample, names: tuple[str, ...]) -> list[Pair]:
    """Every concept with every one above it, where both are there and the child is a part of its parent only."""
    column = {name: index for index, name in enumerate(names)}
    counts = sample.concepts.sum(0)
    return [
        (column[above], column[name])
        for name in names
        for above in with_parents(name)[1:]
        if above.startswith(FAMILIES)
        and counts[column[name]] >= MIN_TOKENS
        and counts[column[name]] <= MAX_CHILD_SHARE * counts[column[above]]
    ]


def sample_unrelated_pairs(concepts: torch.Tensor, pairs: list[Pair], *, seed: int = 0) -> list[Pair]:
    """Each pair's child with the parent of another pair that shares no token with it."""
    generator = np.random.default_rng(seed)
    parents = sorted({parent for parent, _ in pairs})
    shared = concepts[:, parents].T @ concepts
    found = []
    for _, child in pairs:
        apart = [parent for row, parent in enumerate(parents) if shared[row, child] == 0]
        if apart:
            found.append((int(generator.choice(apart)), child))
    return list(dict.fromkeys(found))


def measure_pairs(
    z: torch.Tensor,
    w_dec: torch.Tensor,
    concepts: torch.Tensor,
    probes: Probes,
    choice,
    *,
    pairs: list[Pair],
    probed: torch.Tensor | None,
) -> dict[Pair, Absorption]:
    """Absorption of each pair whose parent has a feature; `probed` [token, concept] limits tokens by the probe."""
    found = {}
    for parent, child in pairs:
        tokens = concepts[:, child] if probed is None else concepts[:, child] & probed[:, parent]
        if parent in choice.main and tokens.sum() >= MIN_TOKENS:
            found[parent, child] = count_absorbed(
                z[tokens], w_dec, probes.directions[:, parent], main=choice.main[parent], own=choice.own[child]
            )
    return found


def judge_order(rates: dict[tuple[str, int], np.ndarray]) -> Claim:
    """T4a: low indices are the frequent ones; rates are firing rates [F] by kind and seed."""
    correlations = {key: rank_correlation(rate) for key, rate in rates.items()}
    intervals = {key: rank_interval(rate) for key, rate in rates.items()}
    ours = [key for key in rates if key[0] == MATRYOSHKA]
    worst = max(ours, key=correlations.get)
    return Claim(
        id="T4a",
        claim="in a Matryoshka dictionary low indices are the frequent features",
        metric="rank correlation of feature index and firing rate in the small dictionary, the seed nearest to 0",
        value=correlations[worst],
        interval=intervals[worst],
        n=len(rates[worst]),
        seeds=tuple(seed for _, seed in ours),
        control={f"plain_seed_{seed}": correlations[kind, seed] for kind, seed in rates if kind == PLAIN},
        threshold="negative, interval excludes 0, in each of 3 seeds; further from 0 than every plain twin",
        passed=len(ours) >= 3
        and all(intervals[key][1] < 0 for key in ours)
        and all(correlations[worst] < value for (kind, _), value in correlations.items() if kind == PLAIN),
        details={
            "correlation": {f"{kind}_seed_{seed}": value for (kind, seed), value in correlations.items()},
            "intervals": {f"{kind}_seed_{seed}": value for (kind, seed), value in intervals.items()},
            "mean_rate_by_sixteenth": {
                f"{kind}_seed_{seed}": [float(part.mean()) for part in np.array_split(rate, 16)]
                for (kind, seed), rate in rates.items()
            },
        },
    )


def judge_absorption(
    found: dict[tuple[str, int], dict[Pair, Absorption]],
    random: dict[tuple[str, int], dict[Pair, Absorption]],
    *,
    names: tuple[str, ...],
) -> Claim:
    """T4b: absorption of the plain twin over that of the Matryoshka dictionary, on pairs that both have."""
    by_seed = {}
    for seed in sorted({seed for _, seed in found}):
        ours, twins = found[MATRYOSHKA, seed], found[PLAIN, seed]
        both = [pair for pair in ours if pair in twins]
        if both:
            by_seed[seed] = _compare([ours[pair] for pair in both], [twins[pair] for pair in both])
    worst = min(by_seed, key=lambda seed: by_seed[seed]["ratio"], default=None)
    chance = {f"{kind}_seed_{seed}": _mean_rate(one.values()) for (kind, seed), one in random.items()}
    enough = len(by_seed) >= 3 and all(one["ratio"] >= FEWER for one in by_seed.values())
    above = bool(by_seed) and min(one[PLAIN] for one in by_seed.values()) > max(chance.values(), default=0.0)
    return Claim(
        id="T4b",
        claim="a Matryoshka dictionary absorbs less",
        metric="absorption rate of the small dictionary's plain twin over its own, the seed with the least",
        value=by_seed[worst]["ratio"] if by_seed else 0.0,
        interval=by_seed[worst]["interval"] if by_seed else None,
        n=by_seed[worst]["pairs"] if by_seed else 0,
        seeds=tuple(by_seed),
        control={f"random_pairs_{key}": rate for key, rate in chance.items()},
        threshold=f">= {FEWER:g} in each of 3 seeds; the twin's rate above that of random pairs",
        passed=enough and above,
        details={
            "definition": "share of a child's tokens where the parent's probe is positive, its main features are "
            "silent and one of the child's own features carries >= 40 % of what active features write along the probe "
            "(after Chanin et al. 2024, arXiv 2409.14507)",
            "by_seed": by_seed,
            "pairs_with_a_parent_feature": {f"{kind}_seed_{seed}": len(one) for (kind, seed), one in found.items()},
            "most_absorbed": {
                f"{kind}_seed_{seed}": [
                    {"parent": names[parent], "child": names[child], "rate": hit.rate, "tokens": hit.tokens}
                    for (parent, child), hit in sorted(one.items(), key=lambda item: -item[1].rate)[:8]
                ]
                for (kind, seed), one in found.items()
            },
        },
    )  # fmt: skip


def _compare(ours: list[Absorption], twins: list[Absorption]) -> dict:
    floor = 0.5 / sum(one.tokens for one in ours)  # half a token, so that a rate of 0 has a ratio
    rates = [np.array([one.rate + floor for one in several]) for several in (twins, ours)]
    return {
        MATRYOSHKA: _mean_rate(ours),
        PLAIN: _mean_rate(twins),
        "ratio": float(rates[0].mean() / rates[1].mean()),
        "interval": ratio_interval(*rates),
        "pairs": len(ours),
        "silent": {
            kind: float(np.mean([one.inactive / one.tokens for one in several]))
            for kind, several in ((MATRYOSHKA, ours), (PLAIN, twins))
        },
    }


def _mean_rate(several) -> float:
    rates = [one.rate for one in several]
    return float(np.mean(rates)) if rates else 0.0
