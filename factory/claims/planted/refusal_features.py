"""Which features and directions carry a refusal: chosen on one set of prompts, to be tried on another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from factory.claims.replies import Edit
from factory.training.artefact import encode

MOST_FEATURES = 5
CANDIDATES = 32
TRIED_NEXT = 12  # candidates tried at each size after the first
ENOUGH = 0.8  # share of compliance on the choosing prompts at which a set grows no further; above the 0.7 to be shown


@dataclass(frozen=True)
class FeatureSet:
    """Features that were ablated together."""

    features: tuple[int, ...]
    compliance: float  # share of the choosing prompts that were no longer refused, 0 to 1


def activations(x: torch.Tensor, dictionary: dict) -> torch.Tensor:
    """Feature activations [..., d_dict] of a residual stream [..., d_model]."""
    return encode([dictionary], [x])[0]


def ablate(dictionary: dict, features: Sequence[int]) -> Edit:
    """Takes away what the features add to the reconstruction; the error term stays."""
    chosen = list(features)
    part = {name: dictionary[name][..., chosen] for name in ("w_enc", "b_enc", "threshold")}
    rows = dictionary["w_dec"][chosen]
    return lambda x: x - activations(x, part) @ rows


def project_out(direction: torch.Tensor) -> Edit:
    """Takes away the component along a direction, [d_model]."""
    unit = direction / direction.norm()
    return lambda x: x - (x @ unit)[..., None] * unit


def rank_candidates(refused: list[torch.Tensor], answered: list[torch.Tensor], dictionary: dict) -> list[int]:
    """Features by how much their largest activation in a prompt differs, refused minus answered, in deviations."""
    high, low = peak_activations(refused, dictionary), peak_activations(answered, dictionary)
    spread = torch.cat([high, low]).std(0) + 1e-6
    return ((high.mean(0) - low.mean(0)) / spread).topk(CANDIDATES).indices.tolist()


def peak_activations(prompts: list[torch.Tensor], dictionary: dict) -> torch.Tensor:
    """Each feature's largest activation over each prompt: [prompt, d_dict]."""
    return torch.stack([activations(x, dictionary).amax(0) for x in prompts])


def choose_features(
    candidates: Sequence[int], score: Callable[[Sequence[int]], tuple[float, float]]
) -> list[FeatureSet]:
    """The best set of each size from 1 up, grown one feature at a time, until it is enough or at its largest.

    Args:
        score: of a set's ablation on the choosing prompts: the share that it opens, then what
            decides between equals, the larger the better.
    """
    scores = {feature: score([feature]) for feature in candidates}
    ordered = sorted(candidates, key=scores.__getitem__, reverse=True)
    chosen = [FeatureSet((ordered[0],), scores[ordered[0]][0])]
    while chosen[-1].compliance < ENOUGH and len(chosen) < MOST_FEATURES:
        held = chosen[-1].features
        rest = [feature for feature in ordered if feature not in held][:TRIED_NEXT]
        added = {feature: score([*held, feature]) for feature in rest}
        best = max(rest, key=added.__getitem__)
        chosen.append(FeatureSet((*held, best), added[best][0]))
    return chosen


def sample_random_sets(
    density: torch.Tensor, features: Sequence[int], *, excluded: Sequence[int], sets: int, seed: int
) -> list[list[int]]:
    """Sets of other live features, each standing for a chosen one of density within a factor of two where there is any.

    Args:
        density: share of tokens at which each feature is active, [d_dict].
    """
    generator = torch.Generator().manual_seed(seed)
    live = density > 0
    live[list(excluded)] = False
    found = []
    for _ in range(sets):
        one: list[int] = []
        for feature in features:
            distance = (density.clamp_min(1e-9).log() - density[feature].clamp_min(1e-9).log()).abs()
            distance[~live] = torch.inf
            distance[one] = torch.inf
            near = torch.nonzero(distance <= torch.log(torch.tensor(2.0))).flatten()
            if len(near) < sets // 2:
                near = distance.topk(sets, largest=False).indices
            one.append(int(near[torch.randint(len(near), (1,), generator=generator)]))
        found.append(one)
    return found


def rival_directions(refused: list[torch.Tensor], answered: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Mean-difference and logistic-probe directions, [d_model], read at the last token and over the whole prompt."""
    readings = {"last_token": lambda x: x[-1], "mean_of_prompt": lambda x: x.mean(0)}
    found = {}
    for place, read in readings.items():
        high, low = torch.stack([read(x) for x in refused]), torch.stack([read(x) for x in answered])
        found[f"mean_difference at {place}"] = high.mean(0) - low.mean(0)
        found[f"probe at {place}"] = fit_probe(high, low)
    return found


def fit_probe(high: torch.Tensor, low: torch.Tensor, *, penalty: float = 1e-2) -> torch.Tensor:
    """The weights of a logistic probe, [d_model], that tells rows of `high` from rows of `low`, in unscaled inputs."""
    x = torch.cat([high, low])
    y = torch.cat([torch.ones(len(high)), torch.zeros(len(low))])
    mean, scale = x.mean(0), x.std(0) + 1e-6
    inputs = (x - mean) / scale
    weights = torch.zeros(x.shape[1] + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(inputs @ weights[:-1] + weights[-1], y)
        loss = loss + penalty * weights[:-1].square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weights.detach()[:-1] / scale
