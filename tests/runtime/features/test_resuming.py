"""Steered runs on a prompt that was run before, against the same runs on a prompt that is new."""

from itertools import combinations, product

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.generation import SamplingPlan
from tests.runtime import inside

SHORT = "The old fisherman sold two red coats"
LONG = " ".join([SHORT + " in the market."] * 8)  # beyond mini's window of 32 tokens
PLACES = [("resid_post", 2), ("resid_post", 6), ("attn_out", 4), ("mlp_out", 4), ("transcoder_all", 3)]
POSITIONS = ["all", "prompt", "generated", slice(3, 5), slice(4, None, 2)]
KINDS = {
    "add": lambda ref, positions: gs.add(ref, 0.7, positions=positions),
    "clamp": lambda ref, positions: gs.clamp(ref, 30, positions=positions),
    "scale": lambda ref, positions: gs.scale(ref, 3, positions=positions),
    "ablate": lambda ref, positions: gs.ablate(ref, positions=positions),
}
PLAN = SamplingPlan(max_new_tokens=2, temperature=0.0)


def strongest(scope, dictionary, text) -> list:
    """The features that fire most, after the first words: something to scale and to ablate."""
    reading = scope.read(text, dictionary)
    late = reading.positions >= 3
    order = np.argsort(-reading.activations[late])
    return [dictionary.feature(int(one)) for one in dict.fromkeys(reading.features[late][order].tolist())]


def run(scope, text, rows) -> list[list[tuple[int, float]]]:
    generation = scope.generate_rows(text, rows, plan=PLAN).wait()
    return [[(token.id, token.logprob) for token in generation.tokens(name)] for name in rows]


def differs(one, other) -> bool:
    """Whether two rows have other tokens, or the same ones with other chances; a row may end at once."""
    gaps = [abs(log - its) for (_, log), (_, its) in zip(one, other, strict=False)]
    return [id_ for id_, _ in one] != [id_ for id_, _ in other] or max(gaps, default=0.0) > 0.01


@pytest.mark.parametrize("text", [SHORT, LONG], ids=["short", "beyond the window"])
@pytest.mark.parametrize("place", PLACES, ids=["-".join(map(str, place)) for place in PLACES])
def test_every_kind_at_every_position_is_the_same_on_a_prompt_run_before(scope, place, text):
    dictionary = scope.dictionary(place[0], layer=place[1])
    ref = strongest(scope, dictionary, text)[0]
    changed = 0
    for make, positions in product(KINDS.values(), POSITIONS):
        rows = {"baseline": (), "changed": (make(ref, positions),)}
        inside.forget_prompts(scope)
        new = run(scope, text, rows)
        again = run(scope, text, rows)
        for one, other in zip(new, again, strict=True):
            assert [id_ for id_, _ in one] == [id_ for id_, _ in other], (positions, rows["changed"])
            np.testing.assert_allclose([log for _, log in one], [log for _, log in other], atol=1e-4)
        changed += differs(*new)
    assert changed > len(KINDS) * len(POSITIONS) / 2  # control: most of them change something


def test_changes_at_several_layers_and_then_at_others_are_not_mixed_up(scope):
    """Every order of three changes, each run again and again on one prompt: what one leaves never reaches another."""
    made = {}
    for site, layer in PLACES:
        dictionary = scope.dictionary(site, layer=layer)
        made[site, layer] = gs.clamp(strongest(scope, dictionary, SHORT)[0], 40)
    sets = [(), *[(one,) for one in made.values()], tuple(made.values())]
    expected = []
    for interventions in sets:
        inside.forget_prompts(scope)
        expected.append([one.logit for one in scope.next_tokens(SHORT, 20, interventions).chances])
    random = np.random.default_rng(0)
    for index in random.permutation(np.repeat(np.arange(len(sets)), 4)):
        found = [one.logit for one in scope.next_tokens(SHORT, 20, sets[index]).chances]
        np.testing.assert_allclose(found, expected[index], atol=1e-3)
    # Control: the sets can be told apart.
    assert all(np.abs(np.subtract(expected[0], other)).max() > 0.1 for other in expected[1:])


def test_what_is_kept_of_one_prompt_never_answers_another(scope):
    """Prompts with the same beginning, the same end or the same length, in turn."""
    prompts = [SHORT, SHORT + " in", "The old fisherman sold two blue coats", "The young fisherman sold two red coats"]
    ref = strongest(scope, scope.dictionary("resid_post", layer=2), SHORT)[0]
    rows = {"baseline": (), "changed": (gs.add(ref, 0.7),)}
    expected = []
    for prompt in prompts:
        inside.forget_prompts(scope)
        expected.append(run(scope, prompt, rows))
    for one, other in combinations(expected, 2):
        assert differs(one[0], other[0])  # control: each prompt has its own answer
    inside.forget_prompts(scope)
    for turn in range(2):
        for prompt, fresh in zip(prompts, expected, strict=True):
            for one, other in zip(run(scope, prompt, rows), fresh, strict=True):
                assert [id_ for id_, _ in one] == [id_ for id_, _ in other], (turn, prompt)
                np.testing.assert_allclose([log for _, log in one], [log for _, log in other], atol=1e-4)
