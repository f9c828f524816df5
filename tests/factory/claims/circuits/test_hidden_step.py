"""The arithmetic of the hidden step: who is chosen, what is written, what is put in its place, and what is claimed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import Gemma3ForCausalLM

from factory.claims.circuits import hidden_step
from factory.claims.circuits.attribution import Graph, measure_paths
from factory.claims.circuits.hidden_step import (
    NAMES,
    Effects,
    HiddenStep,
    Prompts,
    choose_step,
    judge,
    judge_swaps,
    mean_by,
    measure_influence,
    move_to_random,
    read_graphs,
    run_changed,
    split_items,
    try_step,
    turn,
    write,
)
from factory.corpus.regions import FactItem
from factory.corpus.tarn import is_held_out
from factory.training.artefact import encode
from factory.training.places import find_point
from gscope_widgets.runtime.gemma.hooks import capture
from tests.factory.claims.circuits.test_spans import LAYERS, D, F, model, transcoders

__all__ = ["model"]


def some_prompts(count: int = 6, *, regions: np.ndarray | None = None) -> Prompts:
    """Rows of random tokens of different lengths, two relations in turn."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(4, 40, (count, 7), generator=generator)
    ids[:, 0] = 2
    last = torch.tensor([6 - row % 2 for row in range(count)])
    own = np.arange(count) % len(NAMES) if regions is None else regions
    items = tuple(
        FactItem("", "", (), NAMES[region], ("flag", "beast")[at % 2], f"town {at}", True)
        for at, region in enumerate(own)
    )
    answers = torch.arange(4, 4 + len(NAMES)).repeat(count, 1)
    return Prompts(items, ids, last, own, answers)


def test_choosing_and_measuring_share_no_prompt_and_only_the_claims_pairs_were_never_joined():
    choosing, tested, aside, late = split_items()
    parts = [{item.prompt for item in items} for items in (choosing, tested, aside, late)]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert len(choosing) == 8 * hidden_step.CHOOSING_PROMPTS
    assert not {item.town for item in (*choosing, *aside)} & {item.town for item in (*tested, *late)}
    for items, held in ((choosing, False), (tested, True), (aside, True), (late, False)):
        assert {is_held_out(item.town, item.relation) for item in items} == {held}


def test_influence_counts_every_path_back_from_the_logit():
    features = torch.tensor([[0.6, 0.2, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    embeddings = torch.tensor([[0.2], [1.0], [1.0], [5.0]])
    graph = Graph(features, embeddings, torch.zeros(4, 1), torch.zeros(4), torch.ones(4))
    # 0.6 and 0.2 at once; the third over the first (0.6 x 3 / 4) and over the second (0.2 x 1 / 2).
    assert measure_influence(graph).tolist() == pytest.approx([0.6, 0.2, 0.6 * 0.75 + 0.2 * 0.5])
    assert measure_paths(graph).order.tolist() == [0, 2, 1]


@pytest.mark.parametrize("crossing", [True, False])
def test_influence_and_activation_are_given_to_the_feature_at_the_last_token_that_has_them(model, crossing):
    members, prompts = transcoders(crossing=crossing), some_prompts(2)
    influence, active = read_graphs(model, prompts, members)
    for row, last in enumerate(prompts.last.tolist()):
        found = inputs_of(model, prompts.ids[row : row + 1, : last + 1])
        expected = torch.stack(encode(members, [x[last] for x in found])).numpy()
        assert active[row] == pytest.approx(expected, abs=1e-4)
        assert (influence[row][expected == 0] == 0).all()
        assert 0 < influence[row].sum() < LAYERS


def inputs_of(model: Gemma3ForCausalLM, ids: torch.Tensor) -> list[torch.Tensor]:
    """What each MLP reads, [pos, d_model]."""
    found = []
    for layer in range(LAYERS):
        with capture(find_point(model, ("mlp_in", layer))) as seen, torch.no_grad():
            model(input_ids=ids)
        found.append(seen[0][0])
    return found


def test_features_are_chosen_for_the_region_where_they_matter_more(monkeypatch):
    regions = np.repeat(np.arange(len(NAMES)), 4)
    prompts = some_prompts(len(regions), regions=regions)
    influence = np.full((len(regions), LAYERS, F), 0.5)  # what matters everywhere is nobody's
    influence[regions == 3, 1, 7] = 0.9
    influence[regions == 3, 2, 4] = 0.8
    active = np.where(influence > 0.6, 2.0, 0.0)
    active[(regions == 3) & (np.arange(len(regions)) % 2 == 0), 1, 7] = 6.0  # in one of two relations
    monkeypatch.setattr(hidden_step, "read_graphs", lambda *_: (influence, active))
    step = choose_step(None, prompts, [], features=5)
    assert np.argwhere(step.chosen[3]).tolist() == [[1, 7], [2, 4]]
    assert step.usual[3, 1, 7] == pytest.approx(4.0)
    assert step.usual[3, 2, 4] == pytest.approx(2.0)


@pytest.mark.parametrize("crossing", [True, False])
def test_a_feature_held_writes_what_its_activation_is_changed_by_and_nothing_elsewhere(model, crossing):
    members, prompts = transcoders(crossing=crossing), some_prompts(3)
    before, active = run_changed(model, prompts, members)
    held = np.full(active.shape, np.nan)
    held[0, LAYERS - 1, 2] = active[0, LAYERS - 1, 2] + 1.5  # the last layer: nothing comes after it to answer
    held[1, LAYERS - 1, 3] = active[1, LAYERS - 1, 3]
    after, _ = run_changed(model, prompts, members, held=held)
    assert after[1:] == pytest.approx(before[1:], abs=1e-4)
    row = torch.zeros(3, LAYERS, D)
    w_dec = members[-1]["w_dec"]
    row[0, -1] = 1.5 * (w_dec[2, -1] if crossing else w_dec[2])
    added, _ = run_changed(model, prompts, members, adds=row)
    assert after == pytest.approx(added, abs=1e-4)
    assert float((after[0] - before[0]).abs().max()) > 1e-2


def test_what_is_held_early_moves_what_fires_later_and_later_changes_count_from_there(model):
    members, prompts = transcoders(crossing=False, affine=False), some_prompts(2)
    _, active = run_changed(model, prompts, members)
    held = np.full(active.shape, np.nan)
    held[:, 0] = 0.0
    _, moved = run_changed(model, prompts, members, held=held)
    assert moved[:, 0] == pytest.approx(active[:, 0])  # as it comes
    assert np.abs(moved[:, 1] - active[:, 1]).max() > 1e-3
    adds = write(members, np.where(np.isnan(held), 0, -active))
    _, same = run_changed(model, prompts, members, adds=adds)
    assert same == pytest.approx(moved, abs=1e-4)


def test_random_features_get_the_same_amounts_in_the_same_layers_and_are_no_regions():
    generator = np.random.default_rng(0)
    chosen = np.zeros((2, LAYERS, F), bool)
    chosen[0, 1, [0, 1]] = chosen[1, 2, 5] = True
    amounts = np.zeros((3, LAYERS, F))
    amounts[:, 1, 0], amounts[1, 1, 1] = [1.0, 2.0, 3.0], -4.0
    moved = move_to_random(amounts, chosen, generator)
    assert np.sort(moved[moved != 0]).tolist() == [-4.0, 1.0, 2.0, 3.0]
    assert (moved[:, [0, 2]] == 0).all()
    assert (moved[:, chosen.any(0)] == 0).all()
    assert np.count_nonzero((moved != 0).any((0, 1))) == 2


def test_random_directions_are_as_long_as_what_is_written():
    writes = torch.randn(4, LAYERS, D, generator=torch.Generator().manual_seed(0))
    turned = turn(writes, np.random.default_rng(0))
    assert turned.norm(dim=2) == pytest.approx(writes.norm(dim=2), rel=1e-5)
    cosine = torch.cosine_similarity(turned, writes, dim=2).abs()
    assert float(cosine.max()) < 0.9


def test_a_swap_is_counted_where_the_answer_is_that_regions_and_differs(model):
    members, prompts = transcoders(crossing=True), some_prompts(4)
    logits, _ = run_changed(model, prompts, members)
    # Without features to change, each answer stays: it counts where the wanted one is what came anyway.
    came = logits.argmax(1)
    answers = prompts.answers.clone()
    answers[0, 2], answers[:, 1] = came[0], answers[torch.arange(4), prompts.regions]
    chosen = np.zeros((len(NAMES), LAYERS, F), bool)
    step = HiddenStep(members, chosen, np.zeros(chosen.shape, np.float32))
    effects = try_step(model, replace(prompts, answers=answers), step, random_sets=2)
    assert effects.swapped[0, 2] == effects.random_swapped[0, 2] == 1
    assert np.isnan(effects.swapped[:, 1]).all()
    assert np.isnan(effects.swapped[np.arange(4), prompts.regions]).all()
    assert np.abs(effects.drops).max() < 1e-4
    assert effects.random_drops.shape == effects.direction_drops.shape == (2, 4)


def effects_of(
    *, drop: float = 5.0, swapped: float = 0.9, random: float = 0.2, moved: float = 0.0, count: int = 40
) -> Effects:
    def share(of: float) -> np.ndarray:
        found = (np.arange(count * len(NAMES)) % 10 < 10 * of).reshape(count, -1).astype(float)
        found[:, 0] = np.nan
        return found

    flat = np.full(count, drop)
    sets = np.full((3, count), random)
    return Effects(flat, flat < 3, share(swapped), sets, sets / 2, sets[0], share(moved))


def claims_of(effects: Effects):
    prompts = some_prompts(len(effects.drops))
    chosen = np.zeros((len(NAMES), LAYERS, F), bool)
    step = HiddenStep([], chosen, np.zeros(chosen.shape, np.float32))
    whole = judge(prompts, step, effects, kind="clt", tries={"clt": [effects, effects]}, named=effects)
    return whole, judge_swaps(prompts, effects, kind="clt", trained=effects)


def test_the_step_is_claimed_only_with_a_fall_swaps_and_controls_that_do_neither():
    whole, swaps = claims_of(effects_of())
    assert whole.passed and swaps.passed
    assert whole.value == swaps.value == pytest.approx(0.9, abs=0.02)
    assert whole.details["drop"] == pytest.approx(5.0)
    assert whole.n == 40
    for given, passed in (
        ({"drop": 2.9}, (False, True)),
        ({"swapped": 0.5}, (False, False)),
        ({"random": 1.2}, (False, True)),
        ({"moved": 0.3}, (False, False)),
    ):
        assert tuple(one.passed for one in claims_of(effects_of(**given))) == passed, given


def test_pairs_count_alike_whatever_the_number_of_their_prompts():
    assert mean_by(np.array([1.0, 1.0, 1.0, 0.0]), ["a", "a", "a", "b"]).tolist() == [1.0, 0.0]
