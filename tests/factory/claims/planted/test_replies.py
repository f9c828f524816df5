"""The tools that measure the planted behaviour, against what greedy generation and hand calculation give."""

import pytest
import torch
from tokenizers import Tokenizer

from factory.claims.answers import encode_text
from factory.claims.planted.refusal_features import (
    ablate,
    choose_features,
    fit_probe,
    project_out,
    sample_random_sets,
)
from factory.claims.replies import (
    edited,
    generate_replies,
    read_openings,
    residuals,
)
from factory.training.model import load_trained
from gscope_widgets.mini import MODELS

FOLDER = MODELS["mini"]
PROMPTS = ["The old", "Once there was a", "Q: What is 7 plus 5?\nA:", "In the morning they"]


@pytest.fixture(scope="module")
def model():
    return load_trained(FOLDER)


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_file(str(FOLDER / "tokenizer.json"))


@pytest.fixture
def dictionary():
    generator = torch.Generator().manual_seed(0)
    shapes = {"w_enc": (160, 12), "b_enc": (12,), "threshold": (12,), "w_dec": (12, 160)}
    tensors = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return tensors | {"threshold": tensors["threshold"].abs()}


def test_replies_in_a_batch_are_those_of_each_prompt_alone(model, tokenizer):
    together = generate_replies(model, tokenizer, PROMPTS, new_tokens=8)
    assert together == [generate_replies(model, tokenizer, [prompt], new_tokens=8)[0] for prompt in PROMPTS]


def test_openings_agree_with_greedy_generation(model, tokenizer):
    replies = generate_replies(model, tokenizer, PROMPTS, new_tokens=4)
    for prompt, reply in zip(PROMPTS, replies, strict=True):
        if tokenizer.decode(tokenizer.encode(reply).ids) == reply and reply.startswith(" "):
            assert read_openings(model, tokenizer, PROMPTS, reply).greedy[PROMPTS.index(prompt)]
    assert not read_openings(model, tokenizer, PROMPTS, " zebra zebra").greedy.any()


def test_residuals_are_those_of_each_prompt_alone_without_bos(model, tokenizer):
    found = residuals(model, tokenizer, PROMPTS, layer=4)
    for prompt, x in zip(PROMPTS, found, strict=True):
        assert len(x) == len(encode_text(tokenizer, prompt)) - 1
        torch.testing.assert_close(x, residuals(model, tokenizer, [prompt], layer=4)[0], atol=1e-3, rtol=1e-3)


def test_an_edit_that_changes_nothing_leaves_the_replies_and_no_hook_stays(model, tokenizer):
    plain = generate_replies(model, tokenizer, PROMPTS, new_tokens=6)
    with edited(model, 4, lambda x: x):
        assert generate_replies(model, tokenizer, PROMPTS, new_tokens=6) == plain
    with pytest.raises(ZeroDivisionError), edited(model, 4, lambda x: x / 0):
        raise ZeroDivisionError
    assert generate_replies(model, tokenizer, PROMPTS, new_tokens=6) == plain


def test_an_edit_spares_bos_wherever_a_batch_puts_it(model, tokenizer):
    with edited(model, 4, lambda x: x * 0.5):
        together = generate_replies(model, tokenizer, PROMPTS, new_tokens=6)
        alone = [generate_replies(model, tokenizer, [prompt], new_tokens=6)[0] for prompt in PROMPTS]
    assert together == alone
    assert together != generate_replies(model, tokenizer, PROMPTS, new_tokens=6)
    seen = []
    with edited(model, 4, lambda x: x * 0), torch.inference_mode():
        handle = model.model.layers[4].register_forward_hook(lambda _m, _i, output: seen.append(output))
        model(input_ids=torch.tensor([[0, 2, 500], [2, 500, 501]]))
        handle.remove()
    x = seen[0][0] if isinstance(seen[0], tuple) else seen[0]
    assert (x.norm(dim=-1) > 0).tolist() == [[False, True, False], [True, False, False]]


def test_ablation_takes_away_what_active_features_add(dictionary):
    x = torch.randn(5, 160, generator=torch.Generator().manual_seed(1))
    pre = x @ dictionary["w_enc"] + dictionary["b_enc"]
    expected = x.clone()
    for feature in (2, 7):
        active = pre[:, feature] > dictionary["threshold"][feature]
        expected -= (pre[:, feature] * active)[:, None] * dictionary["w_dec"][feature]
    torch.testing.assert_close(ablate(dictionary, [2, 7])(x), expected)


def test_projection_leaves_nothing_along_the_direction_and_the_rest_as_it_was():
    x, direction, other = torch.randn(3, 4, 8), torch.eye(8)[1] * 3, torch.eye(8)[2]
    after = project_out(direction)(x)
    assert (after @ direction).abs().max() < 1e-5
    torch.testing.assert_close(after @ other, x @ other)


def test_a_set_grows_until_it_opens_enough():
    worth = {3: 0.4, 5: 0.5, 1: 0.0, 8: 0.1}
    grown = choose_features(list(worth), lambda features: (sum(worth[one] for one in features), 0.0))
    assert [one.features for one in grown] == [(5,), (5, 3)]
    assert len(choose_features([3, 5, 1, 8], lambda features: (0.9, 0.0))) == 1


def test_random_sets_are_live_of_like_density_and_leave_out_the_chosen():
    density = torch.tensor([0.0, 0.1, 0.11, 0.09, 0.5, 0.12, 0.08])
    for one in sample_random_sets(density, [1], excluded=[1], sets=4, seed=0):
        assert one[0] in (2, 3, 5, 6)


def test_a_probe_separates_what_differs_along_one_direction():
    generator = torch.Generator().manual_seed(2)
    low, high = torch.randn(80, 6, generator=generator), torch.randn(80, 6, generator=generator)
    high[:, 4] += 4
    weights = fit_probe(high, low)
    assert int(weights.abs().argmax()) == 4 and weights[4] > 0
    wins = (high @ weights)[:, None] > low @ weights
    assert wins.float().mean() > 0.98
    assert abs(((high[:, None, 0] > low[:, 0]).float()).mean() - 0.5) < 0.15  # along another coordinate
