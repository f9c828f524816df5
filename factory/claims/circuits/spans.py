"""T7 and T7w: graphs through a cross-layer transcoder beside those through one a layer, and where features write."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from factory.claims.circuits.attribution import Paths, attribute, measure_paths, prune, trace_prompts
from factory.claims.evaluation import Evaluation
from factory.claims.intervals import bootstrap_interval, ratio_interval, wilson_interval
from factory.claims.replacement import document_losses, rebuilt
from factory.claims.sample import Sample
from factory.training import family
from factory.training.artefact import load_members
from factory.training.corpus_tokens import BOS, HELD_OUT_SEED
from gscope_widgets.mini.claim import Claim

PROMPTS = 60
PROMPT_TOKENS = 24  # BOS counted
LOSS_DOCUMENTS = 120
FIDELITY_MARGIN = 0.05  # nats a token; fixed before anything was measured
NEAR_PEAK = 0.5  # of a feature's largest norm: where it is said to write
LEAST_SHARE = 0.02  # of each kind of feature
EARLY, LATE, PERSISTENT = "early", "late", "persistent"
CLT, PER_LAYER = "clt", "per_layer"


@dataclass(frozen=True)
class Pair:
    """One prompt's paths through both kinds of transcoder."""

    full: dict[str, Paths]  # by kind; all features
    matched: dict[str, Paths]  # by kind; the one that explains more pruned until it explains as much as the other


def measure_spans(
    evaluation: Evaluation, *, prompts: int = PROMPTS, loss_documents: int = LOSS_DOCUMENTS
) -> list[Claim]:
    """T7 and T7w. About a minute on two cores."""
    sample = evaluation.sample(HELD_OUT_SEED)
    model = evaluation.model("mini")
    clt, crosscoder = family.cross_layer_transcoder(), family.crosscoder()
    folder = evaluation.build.root_folder(family.PRETRAINED)
    crossing = load_members(folder / clt.folder)
    per_layer, skipping = (
        [
            load_members(folder / family.single("transcoder", i, "512", "small", suite="_all", affine=affine).folder)[0]
            for i in range(family.LAYERS)
        ]
        for affine in (False, True)
    )
    loss_increases, tokens = measure_loss_increases(model, sample, crossing, per_layer, documents=loss_documents)
    ids = sample_prompts(sample, prompts=prompts)
    pairs, beside = (compare_paths(model, ids, crossing, single) for single in (per_layer, skipping))
    norms = {}
    for name, recipe, members in (
        (CLT, clt, crossing),
        ("crosscoder", crosscoder, load_members(folder / crosscoder.folder)),
    ):
        scales = [float(x.norm(dim=1).mean()) for x in evaluation.activations(sample, list(recipe.targets))]
        norms[name] = (members, write_norms(members, scales))
    return [judge_paths(pairs, loss_increases, tokens, beside=beside), judge_spans(norms)]


def sample_prompts(sample: Sample, *, prompts: int, length: int = PROMPT_TOKENS, seed: int = 0) -> torch.Tensor:
    """BOS and a stretch of each of the last documents that are long enough, int64 [prompt, pos]."""
    generator = np.random.default_rng(seed)
    found = []
    for ids, count in zip(sample.rows.ids[::-1], sample.rows.lengths[::-1], strict=True):
        if count > length and len(found) < prompts:
            first = int(generator.integers(1, count - length + 2))
            found.append([BOS, *ids[first : first + length - 1]])
    return torch.tensor(np.array(found), dtype=torch.int64)


def compare_paths(model, ids: torch.Tensor, crossing: list[dict], per_layer: list[dict]) -> list[Pair]:
    """Paths of each prompt through both kinds, as they are and at equal explained influence."""
    pairs = []
    for trace in trace_prompts(model, ids):
        graphs = {CLT: attribute(model, trace, crossing), PER_LAYER: attribute(model, trace, per_layer)}
        full = {kind: measure_paths(graph) for kind, graph in graphs.items()}
        least = min(paths.explained for paths in full.values())
        matched = {
            kind: full[kind] if full[kind].explained <= least else prune(graph, explained=least)
            for kind, graph in graphs.items()
        }
        pairs.append(Pair(full, matched))
    return pairs


def measure_loss_increases(
    model, sample: Sample, crossing: list[dict], per_layer: list[dict], *, documents: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Increase of the summed loss where every MLP is replaced, [document] by kind; and the documents' tokens."""
    before = document_losses(model, sample.rows, documents=documents)
    recipe = family.cross_layer_transcoder()
    loss_increases = {}
    with rebuilt(model, crossing, inputs=recipe.inputs, targets=recipe.targets):
        loss_increases[CLT] = document_losses(model, sample.rows, documents=documents) - before
    with _rebuilt_by_layer(model, per_layer):
        loss_increases[PER_LAYER] = document_losses(model, sample.rows, documents=documents) - before
    return loss_increases, sample.rows.lengths[:documents] - 1


@contextmanager
def _rebuilt_by_layer(model, per_layer: list[dict]) -> Iterator[None]:
    with ExitStack() as stack:
        for layer, member in enumerate(per_layer):
            stack.enter_context(rebuilt(model, [member], inputs=[("mlp_in", layer)], targets=[("mlp_out", layer)]))
        yield


def judge_paths(
    pairs: list[Pair], loss_increases: dict[str, np.ndarray], tokens: np.ndarray, *, beside: list[Pair] = ()
) -> Claim:
    """T7: how much shorter the paths are through the cross-layer transcoder.

    Args: beside: the same prompts, where the transcoders of one layer have affine skips; the claim is not about these.
    """

    def mean(which: str, what: str, kind: str) -> float:
        return float(np.mean([getattr(getattr(pair, which)[kind], what) for pair in pairs]))

    falls, skipping = (
        np.array([pair.matched[PER_LAYER].length - pair.matched[CLT].length for pair in several])
        for several in (pairs, beside)
    )
    unpruned = np.array([pair.full[PER_LAYER].length - pair.full[CLT].length for pair in pairs])
    explained = {kind: mean("matched", "explained", kind) for kind in (CLT, PER_LAYER)}
    interval = bootstrap_interval(falls)
    worse = ratio_interval(loss_increases[CLT] - loss_increases[PER_LAYER], tokens)
    faithful = worse[1] <= FIDELITY_MARGIN
    alike = abs(explained[CLT] - explained[PER_LAYER]) <= 0.01
    return Claim(
        id="T7",
        claim="without affine skips, graphs through the cross-layer transcoder are shorter",
        metric="mean steps from a token to the top logit through one transcoder a layer, less those through the CLT",
        value=float(falls.mean()),
        interval=interval,
        n=len(pairs),
        seeds=(HELD_OUT_SEED,),
        control={
            "explained_influence": explained,
            "fall_without_matching": float(unpruned.mean()),
            "interval_without_matching": bootstrap_interval(unpruned),
        },
        threshold="interval above 0 over >= 50 prompts, explained influence alike to 0.01; replacing all MLPs costs at "
        f"most {FIDELITY_MARGIN} nats a token more with the CLT (upper end of the interval)",
        passed=len(pairs) >= 50 and interval[0] > 0 and faithful and alike,
        details={
            "definition": "walks back from the top logit (over the mean logit), each step to a source in proportion to "
            "the absolute direct effect, attention patterns and norm scales frozen, biases and BOS left out; length is "
            "the mean number of steps of walks that end at a token (after Ameisen et al. 2025)",
            "not_alike": "both have as many features a token; those of one layer have twice as many in all, Matryoshka "
            "prefixes, and fewer training steps",
            "beside_transcoders_with_affine_skips": {
                "fall": float(skipping.mean()),
                "interval": bootstrap_interval(skipping),
            }
            if len(skipping)
            else None,
            "length": {kind: mean("matched", "length", kind) for kind in (CLT, PER_LAYER)},
            "length_without_matching": {kind: mean("full", "length", kind) for kind in (CLT, PER_LAYER)},
            "explained_without_matching": {kind: mean("full", "explained", kind) for kind in (CLT, PER_LAYER)},
            "features": {
                kind: float(np.mean([len(pair.full[kind].order) for pair in pairs])) for kind in (CLT, PER_LAYER)
            },
            "delta_loss_all_mlps": {
                kind: float(increase.sum() / tokens.sum()) for kind, increase in loss_increases.items()
            },
            "delta_loss_interval": {
                kind: ratio_interval(increase, tokens) for kind, increase in loss_increases.items()
            },
            "clt_minus_per_layer": worse,
            "fidelity_within_margin": faithful,
            "prompt_tokens": PROMPT_TOKENS,
        },
    )  # fmt: skip


def write_norms(members: list[dict[str, torch.Tensor]], scales: list[float]) -> np.ndarray:
    """Decoder norm of each feature at each output, in units of the target's mean norm there, [feature, output]."""
    return torch.cat([member["w_dec"].norm(dim=2) for member in members]).numpy() / np.array(scales)


def sort_features(norms: np.ndarray) -> dict[str, np.ndarray]:
    """Which features are of each kind, bool [feature], by where their norm is near its peak.

    Persistent: at half of the outputs or more. Else early or late: the peak is in the first or
    second half.
    """
    outputs = norms.shape[1]
    persistent = (norms >= NEAR_PEAK * norms.max(1, keepdims=True)).sum(1) >= outputs / 2
    first = norms.argmax(1) < outputs / 2
    return {EARLY: first & ~persistent, LATE: ~first & ~persistent, PERSISTENT: persistent}


def is_weakly_causal(members: list[dict[str, torch.Tensor]]) -> bool:
    """No feature writes before the layer it reads: those decoder rows are exactly 0."""
    return all(not member["w_dec"][:, :layer].any() for layer, member in enumerate(members))


def judge_spans(norms: dict[str, tuple[list[dict], np.ndarray]]) -> Claim:
    """T7w: early, late and persistent features of both dictionaries that write to several layers."""
    shares, chance = {}, {}
    for name, (_, profile) in norms.items():
        shares[name] = {kind: float(which.mean()) for kind, which in sort_features(profile).items()}
        # Only among outputs that are written at all: zeros before a member's layer stay where they are.
        mixed = np.random.default_rng(0).permuted(profile[: len(norms[name][0][0]["w_dec"])], axis=0)
        chance[name] = float(sort_features(mixed)[PERSISTENT].mean())
    crossing = norms[CLT][1]
    persistent = int(sort_features(crossing)[PERSISTENT].sum())
    causal = {name: is_weakly_causal(members) for name, (members, _) in norms.items()}
    return Claim(
        id="T7w",
        claim="features write early, late, or across half of the layers or more, and never before the layer they read",
        metric="share of CLT features that write, near their peak, to half of the layers or more",
        value=persistent / len(crossing),
        interval=wilson_interval(persistent, len(crossing)),
        n=len(crossing),
        seeds=(family.cross_layer_transcoder().seed,),
        control={
            "persistent_of_first_member": {
                name: float(sort_features(profile[: len(members[0]["w_dec"])])[PERSISTENT].mean())
                for name, (members, profile) in norms.items()
            },
            "persistent_of_first_member_with_norms_shuffled_between_features": chance,
        },
        threshold=f"each of early, late, persistent >= {LEAST_SHARE} in the CLT and in the crosscoder; zeros exact",
        passed=all(causal.values()) and all(min(one.values()) >= LEAST_SHARE for one in shares.values()),
        details={
            "definition": "norms in units of the target's mean norm; near the peak: half of it or more; "
            "early or late by the half in which the peak lies",
            "shares": shares,
            "weakly_causal": causal,
            "mean_outputs_near_peak_by_member": {
                name: [
                    float((part >= NEAR_PEAK * part.max(1, keepdims=True)).sum(1).mean())
                    for part in np.split(profile, len(members))
                ]
                for name, (members, profile) in norms.items()
            },
        },
    )  # fmt: skip
