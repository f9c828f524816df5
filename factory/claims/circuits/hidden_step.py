"""T6b and T6b-swap: the hidden step of a two-hop fact, found in attribution graphs, ablated and swapped.

`The ruler of the land around Skarn is` needs a region that it does not name. Per region, the features at the last token
whose influence in graphs of its prompts exceeds that in graphs of other regions' most are taken for it. They are chosen
on prompts of some towns, on pairs that training joined. T6b changes them on prompts of other towns, on pairs that
training never joined. It missed the level that was set for its controls of ablation; T6b-swap, set after that, asks for
the swaps alone, on prompts that T6b left aside.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer

from factory.claims.answers import PAD, encode_text
from factory.claims.circuits.attribution import Graph, attribute, trace_prompts
from factory.claims.evaluation import Evaluation
from factory.claims.intervals import bootstrap_interval
from factory.corpus.regions import FactItem, region_items, two_hop_items
from factory.corpus.tarn import REGION, REGIONS, TOWNS, value_of
from factory.training import family
from factory.training.artefact import encode, load_members
from factory.training.places import find_point
from gscope_widgets.mini.claim import Claim
from gscope_widgets.runtime.gemma.hooks import capture, edit

SEED = 60
CHOOSING_TOWNS = 3  # of the five of each region that are no capital; the others are measured on
CHOOSING_PROMPTS = 20  # a region
FEATURES = 5  # that stand for a region
RANDOM_SETS = 10
LEAST_DROP, LEAST_SWAPPED = 3.0, 0.6  # of the answer's logit, in nats; of prompts
MOST_DROP, MOST_SWAPPED = 1.0, 0.1  # of the controls
KINDS = ("affine", "plain", "clt")  # of dictionaries, in the order in which they are tried
NAMES = tuple(region.name for region in REGIONS)

Members = Sequence[dict[str, torch.Tensor]]


@dataclass(frozen=True)
class Prompts:
    """Prompts as the model reads them, and what each would answer if its hidden step were another region."""

    items: tuple[FactItem, ...]
    ids: torch.Tensor  # int64 [item, pos], padded on the right
    last: torch.Tensor  # int64 [item]; the last position of each
    regions: np.ndarray  # int64 [item]; index into NAMES of its own
    answers: torch.Tensor  # int64 [item, region]; first token of the answer for each region


@dataclass(frozen=True)
class HiddenStep:
    """What is taken for the hidden step: features at the last token, by region."""

    members: Members
    chosen: np.ndarray  # bool [region, layer, feature]
    usual: np.ndarray  # float32 [region, layer, feature]; mean activation on the choosing prompts, each relation alike


@dataclass(frozen=True)
class Effects:
    """What became of answers: logits are over the mean of all logits, in nats."""

    drops: np.ndarray  # [item]; fall of the answer's logit, the region's features ablated
    kept: np.ndarray  # bool [item]; whether the answer is still the likeliest
    swapped: np.ndarray  # [item, region]; 1 where the answer became that region's, NaN where that is no other answer
    random_drops: np.ndarray  # [set, item]; random features of equal activation ablated
    direction_drops: np.ndarray  # [set, item]; random directions of equal norm
    other_drops: np.ndarray  # [item]; features of other regions ablated, mean over these
    random_swapped: np.ndarray  # [item, region]; as `swapped`, random features of equal activation put in place


def measure_hidden_step(evaluation: Evaluation) -> list[Claim]:
    """T6b and T6b-swap. Some four minutes on two cores."""
    model, tokenizer = evaluation.model("mini"), evaluation.tokenizer
    prompts = [read_prompts(tokenizer, items) for items in split_items()]
    folder = evaluation.build.root_folder(family.PRETRAINED)
    steps = {kind: choose_step(model, prompts[0], _load(folder, kind)) for kind in KINDS}
    tries = {kind: [try_step(model, some, step, random_sets=0) for some in prompts[:2]] for kind, step in steps.items()}
    reached = [kind for kind, (chosen, _) in tries.items() if _reaches(chosen)]
    kind = reached[0] if reached else max(tries, key=lambda one: np.nanmean(tries[one][0].swapped))
    effects = try_step(model, prompts[1], steps[kind])
    named = try_step(model, read_prompts(tokenizer, list(region_items())), steps[kind], random_sets=0)
    aside, trained = (
        try_step(model, some, steps[kind], random_sets=sets) for some, sets in ((prompts[2], 1), (prompts[3], 0))
    )
    return [
        judge(prompts[1], steps[kind], effects, kind=kind, tries=tries, named=named),
        judge_swaps(prompts[2], aside, kind=kind, trained=trained),
    ]


def split_items() -> tuple[list[FactItem], list[FactItem], list[FactItem], list[FactItem]]:
    """Prompts to choose on, those of T6b and T6b-swap, and others.

    To choose on: early towns, pairs that training joined. T6b: late towns, pairs that it never joined. T6b-swap: early
    towns, such pairs. The last: late towns, pairs that training joined.
    """
    towns = {
        name: [town.name for town in TOWNS if town.region == name and town.name != REGION[name].capital]
        for name in NAMES
    }
    early = {town for several in towns.values() for town in several[:CHOOSING_TOWNS]}
    random, choosing = np.random.default_rng(SEED), []
    for name in NAMES:
        items = [item for item in two_hop_items("train") if item.town in early and item.bridge == name]
        choosing += [items[at] for at in sorted(random.permutation(len(items))[:CHOOSING_PROMPTS])]
    held, late = list(two_hop_items("held_out")), [one for one in two_hop_items("train") if one.town not in early]
    return choosing, [one for one in held if one.town not in early], [one for one in held if one.town in early], late


def read_prompts(tokenizer: Tokenizer, items: Sequence[FactItem]) -> Prompts:
    """Tokens of prompts, and the first token of the answer for each region."""
    rows = [encode_text(tokenizer, item.prompt) for item in items]
    width = max(map(len, rows))
    answers = [
        [encode_text(tokenizer, f"{item.prompt} {value_of(name, item.relation)}")[len(row)] for name in NAMES]
        for item, row in zip(items, rows, strict=True)
    ]
    return Prompts(
        tuple(items),
        torch.tensor([row + [PAD] * (width - len(row)) for row in rows]),
        torch.tensor([len(row) - 1 for row in rows]),
        np.array([NAMES.index(item.bridge) for item in items]),
        torch.tensor(answers),
    )


def choose_step(model, prompts: Prompts, members: Members, *, features: int = FEATURES) -> HiddenStep:
    """The features at the last token that matter more to answers where a region is the hidden step than elsewhere."""
    influence, active = read_graphs(model, prompts, members)
    relations = np.array([item.relation for item in prompts.items])
    chosen, usual = np.zeros((len(NAMES), *active.shape[1:]), bool), np.zeros((len(NAMES), *active.shape[1:]))
    for region in range(len(NAMES)):
        own = prompts.regions == region
        gain = _mean_of_means(influence[own], relations[own]) - _mean_of_means(influence[~own], relations[~own])
        best = np.argsort(-gain, axis=None, kind="stable")[:features]
        chosen[region].flat[best] = gain.flat[best] > 0
        usual[region] = _mean_of_means(active[own], relations[own])
    return HiddenStep(members, chosen, usual.astype(np.float32))


def read_graphs(model, prompts: Prompts, members: Members) -> tuple[np.ndarray, np.ndarray]:
    """Influence on the answer and activation of each feature at the last token, both [item, layer, feature]."""
    shape = len(prompts.items), len(members), members[0]["w_enc"].shape[1]
    influence, active = np.zeros(shape), np.zeros(shape)
    for row, last in enumerate(prompts.last.tolist()):
        [trace] = trace_prompts(model, prompts.ids[row : row + 1, : last + 1])
        found = measure_influence(attribute(model, trace, members)).numpy()
        column = 0
        for layer in reversed(range(len(members))):
            activations = encode([members[layer]], [trace.mlp_inputs[layer]])[0].numpy()
            at, feature = activations[1:].nonzero()  # none at BOS; columns are in this order
            here = at + 1 == last
            influence[row, layer, feature[here]] = found[column : column + len(at)][here]
            active[row, layer] = activations[last]
            column += len(at)
    return influence, active


def measure_influence(graph: Graph) -> torch.Tensor:
    """How much each feature matters to the logit over all paths, [feature], each row's sizes made to add up to 1."""
    size = graph.features.abs().sum(1) + graph.embeddings.abs().sum(1) + graph.errors.abs().sum(1)
    steps = torch.zeros(len(size), len(size), dtype=torch.double)
    steps[:, 1:] = graph.features.abs() / size.clamp_min(1e-30).double()[:, None]
    start = torch.zeros(len(size), dtype=torch.double)
    start[0] = 1
    system = (torch.eye(len(size), dtype=torch.double) - steps).T
    return torch.linalg.solve_triangular(system, start[:, None], upper=False)[1:, 0]


def try_step(model, prompts: Prompts, step: HiddenStep, *, random_sets: int = RANDOM_SETS) -> Effects:
    """Each prompt with its region's features ablated and swapped for each other region's, beside random ones."""
    rows = np.arange(len(prompts.items))
    own = prompts.answers[rows, prompts.regions]
    before, active = run_changed(model, prompts, step.members)
    base = before[rows, own].numpy()
    set_of = step.chosen[prompts.regions]  # [item, layer, feature]

    def drop(held: np.ndarray | None = None, adds: torch.Tensor | None = None) -> tuple[np.ndarray, torch.Tensor]:
        after = run_changed(model, prompts, step.members, held=held, adds=adds)[0]
        return base - after[rows, own].numpy(), after

    drops, ablated = drop(np.where(set_of, 0.0, np.nan))
    others = [
        drop(np.where(step.chosen[(prompts.regions + shift) % len(NAMES)] & ~set_of, 0.0, np.nan))[0]
        for shift in (range(1, len(NAMES)) if random_sets else ())
    ]
    generator = np.random.default_rng(SEED)
    random_drops, direction_drops = [], []
    taken = -active * set_of
    for _ in range(random_sets):
        random_drops.append(drop(adds=write(step.members, move_to_random(taken, step.chosen, generator)))[0])
        direction_drops.append(drop(adds=turn(write(step.members, taken), generator))[0])
    swapped, random_swapped = np.full((2, len(rows), len(NAMES)), np.nan)
    for region in range(len(NAMES)):
        different = (prompts.answers[:, region] != own).numpy()
        put = np.where(step.chosen[region], step.usual[region], 0.0)
        held = np.where(set_of | step.chosen[region], put[None], np.nan)
        after = run_changed(model, prompts, step.members, held=held)[0]
        swapped[different, region] = (after.argmax(1) == prompts.answers[:, region]).numpy()[different]
        if random_sets:
            drawn = move_to_random(taken, step.chosen, generator) + move_to_random(
                np.broadcast_to(put, taken.shape), step.chosen, generator
            )
            after = run_changed(model, prompts, step.members, adds=write(step.members, drawn))[0]
            random_swapped[different, region] = (after.argmax(1) == prompts.answers[:, region]).numpy()[different]
    return Effects(
        drops,
        (ablated.argmax(1) == own).numpy(),
        swapped,
        np.array(random_drops),
        np.array(direction_drops),
        np.mean(others, 0) if others else np.zeros(0),
        random_swapped,
    )


@torch.inference_mode()
def run_changed(
    model,
    prompts: Prompts,
    members: Members,
    *,
    held: np.ndarray | None = None,
    adds: torch.Tensor | None = None,
) -> tuple[torch.Tensor, np.ndarray]:
    """Logits over their mean and feature activations at the last token, something changed there, attention free.

    Args:
        held: [item, layer, feature]; what to hold a feature at, NaN where it stays as it comes.
        adds: [item, layer, d_model]; what else is written behind each MLP.

    Returns:
        float32 [item, token]; float32 [item, layer, feature] before a feature is held.
    """
    rows = torch.arange(len(prompts.items))
    wanted = None if held is None else torch.tensor(held, dtype=torch.float32)
    seen: list[torch.Tensor] = []  # activations as they come, by layer
    more: list[torch.Tensor] = []  # by how much each is changed, by layer

    def change(layer: int, inputs: list[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        seen.append(encode([members[layer]], [inputs[-1][rows, prompts.last]])[0])
        if wanted is not None:
            more.append(torch.where(wanted[:, layer].isnan(), 0, wanted[:, layer] - seen[-1]))
        changed = output.clone()
        for source in range(layer + 1):
            rows_out = _decoder(members[source], source, layer)
            if more and rows_out is not None:
                changed[rows, prompts.last] += more[source] @ rows_out
        if adds is not None:
            changed[rows, prompts.last] += adds[:, layer]
        return changed

    with ExitStack() as stack:
        for layer in range(len(members)):
            inputs = stack.enter_context(capture(find_point(model, ("mlp_in", layer))))
            point = find_point(model, ("mlp_out", layer))
            stack.enter_context(edit(point, lambda y, layer=layer, inputs=inputs: change(layer, inputs, y)))
        logits = model(input_ids=prompts.ids, use_cache=False).logits[rows, prompts.last].float()
    return logits - logits.mean(1, keepdim=True), torch.stack(seen, 1).numpy()


def write(members: Members, amounts: np.ndarray) -> torch.Tensor:
    """What features of these amounts, [item, layer, feature], write behind each MLP: float32 [item, layer, d_model]."""
    given = torch.tensor(amounts, dtype=torch.float32)
    written = torch.zeros(len(given), len(members), members[0]["w_dec"].shape[-1])
    for source, member in enumerate(members):
        for layer in range(source, len(members)):
            rows_out = _decoder(member, source, layer)
            if rows_out is not None:
                written[:, layer] += given[:, source] @ rows_out
    return written


def move_to_random(amounts: np.ndarray, chosen: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The same amounts, [item, layer, feature], given to random features of the same layer that no region has."""
    moved = np.zeros_like(amounts)
    free = ~chosen.any(0)
    for layer in range(amounts.shape[1]):
        used = np.flatnonzero((amounts[:, layer] != 0).any(0))
        moved[:, layer, generator.permutation(np.flatnonzero(free[layer]))[: len(used)]] = amounts[:, layer, used]
    return moved


def turn(writes: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Random directions, one a layer, as long as what is written there: [item, layer, d_model]."""
    directions = torch.tensor(generator.standard_normal(writes.shape[1:]), dtype=torch.float32)
    return writes.norm(dim=2, keepdim=True) * (directions / directions.norm(dim=1, keepdim=True))


def judge(
    prompts: Prompts,
    step: HiddenStep,
    effects: Effects,
    *,
    kind: str,
    tries: dict[str, list[Effects]],
    named: Effects,
) -> Claim:
    """T6b of the dictionaries that were chosen.

    Args:
        effects: on the prompts measured on.
        tries: by kind of dictionaries, the effects on the choosing prompts and on those measured.
        named: on prompts that name the region.
    """
    pairs = [f"{item.town}/{item.relation}" for item in prompts.items]
    swaps, drops = (mean_by(values, pairs) for values in (np.nanmean(effects.swapped, 1), effects.drops))
    control = {
        "drop_by_random_features": float(effects.random_drops.mean()),
        "largest_drop_of_a_random_set": float(effects.random_drops.mean(1).max()),
        "drop_by_random_directions": float(effects.direction_drops.mean()),
        "drop_by_features_of_other_regions": float(effects.other_drops.mean()),
        "swapped_by_random_features": float(np.nanmean(effects.random_swapped)),
    }
    value, drop = float(swaps.mean()), float(drops.mean())
    return Claim(
        id="T6b",
        claim="five features at the last token carry the region that a two-hop prompt never names.",
        metric="share of swaps for another region's features that make its answer the likeliest, mean over pairs of "
        "town and relation",
        value=value,
        interval=bootstrap_interval(swaps, seed=SEED),
        n=len(swaps),
        seeds=(SEED,),
        control=control,
        threshold=f"swaps >= {LEAST_SWAPPED} and the answer's logit falls by >= {LEAST_DROP:g} nats where the features "
        f"are ablated; random features of equal activation and random directions of equal norm: <= {MOST_DROP:g} nat, "
        f"and <= {MOST_SWAPPED} of swaps",
        passed=value >= LEAST_SWAPPED
        and drop >= LEAST_DROP
        and max(control["drop_by_random_features"], control["drop_by_random_directions"]) <= MOST_DROP
        and control["swapped_by_random_features"] <= MOST_SWAPPED,
        details={
            "dictionaries": kind,
            "drop": drop,
            "drop_interval": bootstrap_interval(drops, seed=SEED),
            "answer_kept_when_ablated": float(effects.kept.mean()),
            "features": {
                name: [f"{layer}/{feature}" for layer, feature in zip(*step.chosen[at].nonzero(), strict=True)]
                for at, name in enumerate(NAMES)
            },
            "usual": {
                name: [float(one) for one in step.usual[at][step.chosen[at]]] for at, name in enumerate(NAMES)
            },
            "features_in_sets_of_several_regions": int((step.chosen.sum(0) > 1).sum()),
            "prompts": len(prompts.items),
            "swaps": int(np.isfinite(effects.swapped).sum()),
            "by_region": {
                name: {
                    "drop": float(effects.drops[prompts.regions == at].mean()),
                    "swapped": float(np.nanmean(effects.swapped[prompts.regions == at])),
                }
                for at, name in enumerate(NAMES)
                if (prompts.regions == at).any()
            },
            "by_dictionaries": {
                one: {
                    place: {"drop": float(found.drops.mean()), "swapped": float(np.nanmean(found.swapped))}
                    for place, found in zip(("choosing", "measured"), several, strict=True)
                }
                for one, several in tries.items()
            },
            "where_the_region_is_named": {
                "drop": float(named.drops.mean()),
                "swapped": float(np.nanmean(named.swapped)),
            },
        },
    )  # fmt: skip


def judge_swaps(prompts: Prompts, effects: Effects, *, kind: str, trained: Effects) -> Claim:
    """T6b-swap of the dictionaries that T6b took.

    Args:
        trained: on prompts of other towns, on pairs that training joined.
    """
    pairs = [f"{item.town}/{item.relation}" for item in prompts.items]
    swaps = mean_by(np.nanmean(effects.swapped, 1), pairs)
    value, random = float(swaps.mean()), float(np.nanmean(effects.random_swapped))
    return Claim(
        id="T6b-swap",
        claim="with another region's features in their place, a two-hop prompt answers for that region.",
        metric="share of swaps for another region's features that make its answer the likeliest, mean over pairs of "
        "town and relation",
        value=value,
        interval=bootstrap_interval(swaps, seed=SEED),
        n=len(swaps),
        seeds=(SEED,),
        control={"swapped_by_random_features": random},
        threshold=f"swaps >= {LEAST_SWAPPED}, and <= {MOST_SWAPPED} by random features of equal activation; set when "
        "T6b had been missed, for prompts that T6b left aside",
        passed=value >= LEAST_SWAPPED and random <= MOST_SWAPPED,
        details={
            "dictionaries": kind,
            "prompts": len(prompts.items),
            "swaps": int(np.isfinite(effects.swapped).sum()),
            "other_towns_on_pairs_of_training": {
                "prompts": len(trained.drops),
                "swapped": float(np.nanmean(trained.swapped)),
            },
        },
    )


def mean_by(values: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """The mean over each group's values, in the order of the groups' names."""
    names = np.array(groups)
    return np.array([values[names == one].mean() for one in sorted(set(groups))])


def _mean_of_means(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The mean over groups of rows, each group alike, [layer, feature]."""
    return np.mean([values[groups == one].mean(0) for one in sorted(set(groups))], 0)


def _reaches(effects: Effects) -> bool:
    return effects.drops.mean() >= LEAST_DROP and np.nanmean(effects.swapped) >= LEAST_SWAPPED


def _decoder(member: dict[str, torch.Tensor], source: int, layer: int) -> torch.Tensor | None:
    """What features of one layer write behind the MLP of another, [feature, d_model]; None where they do not."""
    w_dec = member["w_dec"]
    if w_dec.ndim == 3:
        return w_dec[:, layer]
    return w_dec if source == layer else None


def _load(folder, kind: str) -> Members:
    if kind == "clt":
        return load_members(folder / family.cross_layer_transcoder().folder)
    recipes = [
        family.single("transcoder", layer, "512", "small", suite="_all", affine=kind == "affine")
        for layer in range(family.LAYERS)
    ]
    return [load_members(folder / recipe.folder)[0] for recipe in recipes]
