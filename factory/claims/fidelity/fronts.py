"""F1, T3a and T3c: what every dictionary costs, in features, in variance and in next-token loss.

A front is that of Pareto: at one site, L0 against FVU or delta-loss over the published sizes.
"""

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import torch

from factory.claims.evaluation import Evaluation
from factory.claims.fidelity.quality import (
    Quality,
    measure_loss_increases,
    measure_qualities,
    measure_sparse_fit,
)
from factory.claims.intervals import ratio_interval
from factory.claims.replacement import document_losses, replaced
from factory.claims.sample import Sample, count_documents, generate_text
from factory.training import family
from factory.training.activations import collect_activations
from factory.training.artefact import load_members
from factory.training.corpus_tokens import HELD_OUT_SEED, label_rows, real_positions
from factory.training.dictionary import DictionaryRecipe
from factory.training.places import Place
from gscope_widgets.mini.claim import Claim

FIT_DOCUMENTS = 300  # for L0, FVU and dense: about 60,000 tokens
DEAD_TOKENS = 350_000  # on none of which a dead feature fires: a rare one may well rest through 60,000
LOSS_DOCUMENTS = 120  # for delta-loss, the first of those
FRONT_DOCUMENTS = 600  # for delta-loss from size to size, whose falls are small
FRONT_SEED = 5  # of those: text on which nothing was tried
MATCH = 0.02  # of FVU
DEAD_SHARE = 0.05
DEFAULT_FVU = (0.05, 0.3)
SITES = ("resid_post", "attn_out", "mlp_out")


def measure_fronts(
    evaluation: Evaluation,
    *,
    fit_documents: int = FIT_DOCUMENTS,
    loss_documents: int = LOSS_DOCUMENTS,
    front_documents: int = FRONT_DOCUMENTS,
    dead_tokens: int = DEAD_TOKENS,
) -> list[Claim]:
    """F1, T3a and T3c. About ten minutes on two cores."""
    shipped, repeats = family.list_family(), family.list_repeats()
    seeds = {root: recipes for root, recipes in repeats.items() if not root.endswith("_twin")}
    bases = {root: shipped[root] for root in (family.PRETRAINED, family.TWIN)} | seeds
    chats = {family.CHAT: shipped[family.CHAT]}
    base, chat = evaluation.model("mini"), evaluation.model("mini-it")
    sample = sample_documents(evaluation, "mini", documents=fit_documents)
    loaded, default = _load(evaluation, bases), family.middle_dictionary()
    rows = {name: evaluation.build.rows(name, seed=HELD_OUT_SEED, tokens=dead_tokens) for name in ("mini", "mini-it")}
    found = list(measure_qualities(base, sample, loaded, rows=rows["mini"], loss_documents=loss_documents))
    first = next(members for root, recipe, members in loaded if (root, recipe) == (family.PRETRAINED, default))
    scrambled = scrambled_fvu(base, sample, first, default)
    chat_sample = sample_documents(evaluation, "mini-it", documents=fit_documents)
    chat_losses = count_documents("mini-it", loss_documents)
    chats = _load(evaluation, chats)
    found += measure_qualities(chat, chat_sample, chats, rows=rows["mini-it"], loss_documents=chat_losses)
    main = [one for one in found if one.root == family.PRETRAINED]
    front_sample = sample_documents(evaluation, "mini", documents=front_documents, seed=FRONT_SEED)
    fronts = measure_front_losses(base, front_sample, main, loaded)
    controls = measure_ablations(base, front_sample, loss_documents=front_documents)
    again = [one for one in found if one.recipe.folder == default.folder and one.root in (family.PRETRAINED, *seeds)]
    shipping = [one for one in found if one.root in shipped]
    return [judge_family(shipping, scrambled), judge_fronts(fronts, controls), judge_matches(main, again)]


def measure_front_losses(model, sample: Sample, main: list[Quality], loaded: list[tuple]) -> list[Quality]:
    """The qualities that the fronts are made of, with delta-loss on all documents of another sample."""
    folders = [_middle(site, size) for site in SITES for size in family.L0]
    chosen = [one for one in loaded if one[0] == family.PRETRAINED and one[1].folder in folders]
    documents = len(sample.rows.ids)
    loss_increases = measure_loss_increases(model, sample, chosen, documents=documents)
    again = {one[1].folder: increase for one, increase in zip(chosen, loss_increases, strict=True)}
    tokens = sample.rows.lengths - 1
    return [
        replace(one, loss_increases=again[one.recipe.folder], tokens=tokens)
        for one in main
        if one.recipe.folder in again
    ]


def sample_documents(evaluation: Evaluation, model: str, *, documents: int, seed: int = HELD_OUT_SEED) -> Sample:
    """Held-out documents as a model would read them, without the labels that are not needed here."""
    plain = (replace(document, spans=()) for document in generate_text(model, seed))
    context = evaluation.build.recipe.context
    rows = label_rows(
        evaluation.tokenizer, plain, documents=count_documents(model, documents), context=context, names=()
    )
    return Sample(rows, real_positions(rows))


def _load(evaluation: Evaluation, roots: dict[str, list[DictionaryRecipe]]) -> list[tuple]:
    folders = {root: evaluation.build.root_folder(root) for root in roots}
    return [(root, one, load_members(folders[root] / one.folder)) for root, several in roots.items() for one in several]


def measure_ablations(model, sample: Sample, *, loss_documents: int) -> dict[str, dict[str, float]]:
    """Delta-loss where each site at the middle layer is its mean, is zero, or is left as it is."""
    places = [(site, family.MIDDLE) for site in SITES]
    means = {place: sample.pick(x).mean(0) for place, x in collect_activations(model, sample.rows.ids, places).items()}
    before = document_losses(model, sample.rows, documents=loss_documents)
    found = {}
    for place in places:
        changes = {
            "mean_ablation": lambda x, mean=means[place]: mean.expand_as(x),
            "zero_ablation": torch.zeros_like,
            "replaced_by_itself": torch.clone,
        }
        found[place[0]] = {}
        for name, change in changes.items():
            with replaced(model, place, change):
                increase = document_losses(model, sample.rows, documents=loss_documents) - before
            found[place[0]][name] = float(increase.sum() / (sample.rows.lengths[:loss_documents] - 1).sum())
    return found


def scrambled_fvu(model, sample: Sample, members: list[dict], recipe: DictionaryRecipe) -> float:
    """FVU with the decoder rows of the features in another order."""
    order = torch.randperm(recipe.features, generator=torch.Generator().manual_seed(0))
    mixed = [member | {"w_dec": member["w_dec"][order]} for member in members]
    activations = collect_activations(model, sample.rows.ids, [*recipe.inputs, *recipe.targets])
    fit = measure_sparse_fit(sample, activations, mixed, recipe)
    return float((fit["errors"].sum(1) / fit["deviations"].sum(1)).mean())


def judge_family(shipping: list[Quality], scrambled: float) -> Claim:
    """F1: every shipped dictionary's quality, and whether the family is in working order."""
    by_name = {f"{one.root}/{one.recipe.folder}": one for one in shipping}
    sizes = {size: by_name[f"{family.PRETRAINED}/{_middle('resid_post', size)}"] for size in family.L0}
    default = sizes["medium"]
    shares = {name: one.dead / (one.recipe.features * len(one.recipe.inputs)) for name, one in by_name.items()}
    low, high = DEFAULT_FVU
    in_order = low <= default.fvu <= high and sizes["small"].fvu > default.fvu > sizes["big"].fvu
    return Claim(
        id="F1",
        claim="the family of dictionaries is in working order",
        metric="FVU of the default dictionary",
        value=default.fvu,
        interval=ratio_interval(default.errors, default.deviations),
        n=len(by_name),
        seeds=(HELD_OUT_SEED,),
        control={"fvu_with_decoder_rows_in_another_order": scrambled},
        threshold=f"default's FVU {low} to {high}, falling from small to big; features silent on about {DEAD_TOKENS:,} "
        f"tokens <= {DEAD_SHARE} of each; control >= 1",
        passed=in_order and max(shares.values()) <= DEAD_SHARE and scrambled >= 1,
        details={
            "fvu_by_size": {size: one.fvu for size, one in sizes.items()},
            "largest_share_of_dead_features": max(shares.values()),
            "most_dead": max(shares, key=shares.get),
            "documents": {"fit": default.errors.shape[1], "loss": len(default.tokens)},
            "replaced": "one layer's activation for SAEs and transcoders; a crosscoder's residuals one at a time; "
            "all MLP outputs at once for the CLT",
            "table": {name: one.summarize() for name, one in by_name.items()},
        },
    )  # fmt: skip


def judge_fronts(found: list[Quality], controls: dict[str, dict[str, float]]) -> Claim:
    """T3a: at each site, FVU and delta-loss by size."""
    by_folder = {one.recipe.folder: one for one in found}
    fronts = {site: [by_folder[_middle(site, size)] for size in family.L0] for site in SITES}
    falls = {}
    for site, front in fronts.items():
        for (smaller, other), (size, one) in pairwise(zip(family.L0, front, strict=True)):
            falls[f"{site} {smaller} to {size}"] = _loss_increase(other) - _loss_increase(one)
    tokens = fronts[SITES[0]][0].tokens
    mean_falls = {name: float(fall.sum() / tokens.sum()) for name, fall in falls.items()}
    least = min(mean_falls, key=mean_falls.get)
    intervals = {name: ratio_interval(fall, tokens) for name, fall in falls.items()}
    monotone = all(a.fvu > b.fvu for front in fronts.values() for a, b in pairwise(front))
    ablations = ("mean_ablation", "zero_ablation")
    beaten = all(fronts[site][0].delta_loss < controls[site][name] for site in SITES for name in ablations)
    unchanged = all(one["replaced_by_itself"] == 0 for one in controls.values())
    return Claim(
        id="T3a",
        claim="more features a token, less variance and less loss given up",
        metric="smallest fall of delta-loss from one L0 size to the next, nats a token",
        value=mean_falls[least],
        interval=intervals[least],
        n=len(tokens),
        seeds=(FRONT_SEED,),
        control=controls,
        threshold="FVU and delta-loss fall from small to medium to big at 3 sites, intervals of the falls exclude 0; "
        "mean and zero ablation cost more than small; an activation replaced by itself costs exactly 0",
        passed=monotone and beaten and unchanged and all(low > 0 for low, _ in intervals.values()),
        details={
            "fronts": {
                site: {size: one.summarize() for size, one in zip(family.L0, front, strict=True)}
                for site, front in fronts.items()
            },
            "falls": {name: {"fall": mean_falls[name], "interval": intervals[name]} for name in falls},
            "smallest_fall_at": least,
            "documents": {"fvu": found[0].errors.shape[1], "loss": len(tokens)},
        },
    )  # fmt: skip


def judge_matches(main: list[Quality], again: list[Quality]) -> Claim:
    """T3c: places matched in FVU whose delta-losses differ; the shown pair is chosen on half of the documents."""
    single = [one for one in main if one.recipe.kind in ("sae", "transcoder")]
    pairs = [
        (a, b)
        for a, b in combinations(single, 2)
        if _place(a) != _place(b) and a.recipe.whitening == b.recipe.whitening and abs(a.fvu - b.fvu) <= MATCH
    ]
    parted = [(a, b) for a, b in pairs if _apart(a, b)]
    of_seeds = list(combinations(again, 2))
    seeds_apart = sum(_apart(a, b) for a, b in of_seeds)
    value, interval, shown = 0.0, None, None
    if parted:
        even = np.arange(len(single[0].tokens)) % 2 == 0
        a, b = max(parted, key=lambda pair: abs((_loss_increase(pair[0]) - _loss_increase(pair[1]))[even].sum()))
        dearer, cheaper = (a, b) if (_loss_increase(a) - _loss_increase(b))[even].sum() > 0 else (b, a)
        gap, tokens = (_loss_increase(dearer) - _loss_increase(cheaper))[~even], dearer.tokens[~even]
        value, interval = float(gap.sum() / tokens.sum()), ratio_interval(gap, tokens)
        named = {"dearer": dearer, "cheaper": cheaper}
        shown = {name: {"folder": one.recipe.folder} | one.summarize() for name, one in named.items()}
    return Claim(
        id="T3c",
        claim="places whose dictionaries leave as much variance unexplained lose unequal next-token loss",
        metric="gap in delta-loss of the pair with the widest gap on other documents, nats a token",
        value=value,
        interval=interval,
        n=len(pairs),
        seeds=(HELD_OUT_SEED, *family.SEEDS),
        control={
            "pairs_of_seeds": len(of_seeds),
            "pairs_of_seeds_apart": seeds_apart,
            "widest_gap_of_seeds": max((abs(a.delta_loss - b.delta_loss) for a, b in of_seeds), default=0.0),
            "fvu_of_seeds": [one.fvu for one in again],
            "delta_loss_of_seeds": [one.delta_loss for one in again],
        },
        threshold=f">= 2 pairs of places within {MATCH} FVU, whitened alike, whose delta-loss intervals do not "
        "overlap; no pair of seeds does so",
        passed=len(parted) >= 2 and seeds_apart == 0 and bool(of_seeds) and interval is not None and interval[0] > 0,
        details={
            "pairs_apart": len(parted),
            "shown": shown,
            "apart": [
                {one.recipe.folder: {"fvu": one.fvu, "delta_loss": one.delta_loss} for one in pair} for pair in parted
            ],
        },
    )  # fmt: skip


def _middle(site: str, size: str) -> str:
    return family.single(site, family.MIDDLE, "1k", size).folder


def _loss_increase(one: Quality) -> np.ndarray:
    return next(iter(one.loss_increases.values()))


def _place(one: Quality) -> Place:
    return one.recipe.targets[0] if one.recipe.kind == "sae" else ("transcoder", one.recipe.targets[0][1])


def _apart(a: Quality, b: Quality) -> bool:
    (low_a, high_a), (low_b, high_b) = a.delta_interval, b.delta_interval
    return low_a > high_b or low_b > high_a
