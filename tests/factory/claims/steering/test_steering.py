"""Steered texts against the runtime and plain loops, detectors against planted labels, rules on made-up effects."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from factory.claims.steering.concept_detectors import (
    LabelledTokens,
    fit_detector,
)
from factory.claims.steering.doses import choose_shown, divide_doses
from factory.claims.steering.rule import (
    chosen_false_positive_rate,
    false_positive_rate,
    is_steered,
    least_effect,
    rank_choices,
)
from factory.claims.steering.setup import STRENGTHS, Candidate, mean_differences
from factory.claims.steering.texts import (
    Harness,
    choose_prompts,
    mean_norms,
    read_texts,
    sample_texts,
)
from factory.claims.steering.trials import Choice, choose_trials
from factory.training.model import load_trained
from gscope_widgets.mini import MODELS

SPECIAL = [0, 1, 2, 3, 105, 106]
NEW = 6


@pytest.fixture(scope="module")
def model():
    return load_trained(MODELS["mini"])


@pytest.fixture(scope="module")
def scope():
    return gs.load("mini")


@pytest.fixture(scope="module")
def prompts(scope):
    rows = [list(scope.tokens(text).ids)[:4] for text in ("The old man went", "In the morning she", "Once there was a")]
    return torch.tensor(rows)


@pytest.fixture
def detector(model):
    generator = np.random.default_rng(0)
    sample = LabelledTokens(
        generator.integers(3, 4096, 3000),
        generator.random((3000, 2)) < 0.3,
        torch.randn(3000, model.config.hidden_size),
    )
    return fit_detector(sample, sample, vocabulary=model.config.vocab_size, layer=5)


def count_hooks(model) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


@torch.inference_mode()
def sample_plainly(model, prompts, *, seed):
    """The same sampling without hook, cache or batch."""
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand((len(prompts), NEW, model.config.vocab_size), generator=generator)
    found = []
    for prompt, noise in zip(prompts.tolist(), uniform, strict=True):
        ids = list(prompt)
        for step in range(NEW):
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
            logits[SPECIAL] = -torch.inf
            ids.append(int((logits / 0.8 - torch.log(-torch.log(noise[step]))).argmax()))
        found.append(ids[len(prompt) :])
    return found


def test_strength_zero_changes_nothing_token_for_token(model, prompts):
    vectors = torch.stack([torch.zeros(model.config.hidden_size), torch.randn(model.config.hidden_size) * 20])
    texts = sample_texts(model, prompts, vectors, layer=4, new_tokens=NEW, seed=3)
    assert texts[0].tolist() == sample_plainly(model, prompts, seed=3)
    assert texts[1].tolist() != texts[0].tolist()


def test_every_row_is_steered_as_the_runtime_steers_it(model, scope, prompts):
    dictionary = scope.dictionary()
    tried = [(7, 0.5), (11, -0.25), (20, 1.0)]
    (norm,) = mean_norms(model, scope_tokenizer(), layers=(4,))
    assert norm == pytest.approx(scope.mean_norm(dictionary), rel=1e-5)
    w_dec = torch.from_numpy(np.stack([dictionary.direction(feature) for feature, _ in tried])).float()
    strengths = torch.tensor([strength for _, strength in tried])[:, None]
    vectors = torch.nn.functional.normalize(w_dec, dim=1) * strengths * norm
    seen = []
    handle = model.lm_head.register_forward_hook(lambda _m, _i, output: seen.append(output[:, -1].clone()))
    texts = sample_texts(model, prompts, vectors, layer=4, new_tokens=NEW, seed=0)
    handle.remove()
    for direction, (feature, strength) in enumerate(tried):
        for prompt, step in ((0, 0), (2, NEW - 1)):
            ids = prompts[prompt].tolist() + texts[direction, prompt, :step].tolist()
            chances = scope.next_tokens(ids, k=4096, interventions=(gs.add(dictionary.feature(feature), strength),))
            expected = {one.id: one.logit for one in chances.chances}
            got = seen[step][direction * len(prompts) + prompt]
            wrong = seen[step][(direction + 1) % 3 * len(prompts) + prompt]
            order = [token for token in range(4096) if token not in SPECIAL and token in expected]
            wanted = np.array([expected[token] for token in order])
            assert np.abs(got[order].numpy() - wanted).max() < 2e-3
            assert np.abs(wrong[order].numpy() - wanted).max() > 0.1


def scope_tokenizer():
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(MODELS["mini"] / "tokenizer.json"))


def test_the_hook_is_removed_when_the_model_raises(model, prompts):
    before = count_hooks(model)
    with pytest.raises(RuntimeError):
        sample_texts(model, prompts, torch.zeros(1, 3), layer=4, new_tokens=2, seed=0)
    assert count_hooks(model) == before


def test_loss_and_variety_are_those_of_the_new_tokens_alone(model, prompts, detector):
    tokens = torch.tensor([[[100, 200, 100, 300]] * 3])
    outcome = read_texts(model, prompts, tokens, detector)
    ids = torch.cat([prompts[1], tokens[0, 1]])[None]
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0].double()
    logits[:, SPECIAL] = -torch.inf
    surprise = -logits.log_softmax(-1)
    expected = np.mean([float(surprise[3 + at, token]) for at, token in enumerate((100, 200, 100, 300))])
    assert outcome.loss[0, 1] == pytest.approx(expected, abs=1e-4)
    assert outcome.variety.tolist() == [[0.75] * 3]


def test_prompts_differ_from_those_that_were_chosen_on():
    ids = np.array([[2, a, b, 9, 0] for a in (5, 6, 7) for b in (3, 4)])
    sample = SimpleNamespace(rows=SimpleNamespace(ids=ids, registers=["story", "news"] * 3))
    pieces = [" a"] * 10
    first = choose_prompts(sample, pieces, count=3)
    second = choose_prompts(sample, pieces, count=6, besides=first)
    assert len(first) == 3 and len(second) == 3
    assert not {tuple(one) for one in first} & {tuple(one) for one in second}


def test_a_bench_finds_no_effect_of_nothing(model, prompts, detector):
    harness = Harness(model, prompts.numpy(), detector, new_tokens=NEW, seed=0)
    nothing = harness.run(torch.zeros(2, model.config.hidden_size), layer=4)
    assert np.abs(harness.effects(nothing)).max() < 1e-6
    assert harness.perplexity_ratios(nothing) == pytest.approx([1, 1], abs=1e-5)


def planted(*, scramble: bool, seed: int) -> LabelledTokens:
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((4000, 8)).astype(np.float32) * 3 + 5
    score = np.stack([x[:, 0] - 5, x[:, 1] + x[:, 2] - 16], 1)
    concepts = score + 0.3 * generator.standard_normal(score.shape) > 1
    if scramble:
        concepts = generator.permutation(concepts)
    return LabelledTokens(generator.integers(0, 50, 4000), concepts, torch.from_numpy(x))


def test_a_probe_finds_planted_concepts_calibrated_and_scrambled_labels_leave_it_unused():
    fitted, tested = planted(scramble=False, seed=0), planted(scramble=False, seed=1)
    detector = fit_detector(fitted, tested, vocabulary=50, layer=5)
    assert detector.probed.all()
    assert (detector.auc > 0.97).all()
    assert (np.abs(detector.token_auc - 0.5) < 0.1).all()
    probabilities = detector.probabilities(torch.from_numpy(tested.ids), tested.x).mean(0).numpy()
    assert probabilities == pytest.approx(tested.concepts.mean(0), abs=0.02)
    scrambled = fit_detector(planted(scramble=True, seed=0), tested, vocabulary=50, layer=5)
    assert not scrambled.probed.any()


def test_mean_differences_point_from_the_other_tokens_to_those_with_the_concept():
    sample = planted(scramble=False, seed=0)
    y = sample.concepts[:, 0]
    x = sample.x.numpy()
    expected = x[y].mean(0) - x[~y].mean(0)
    found = mean_differences(sample.x, torch.from_numpy(sample.concepts))[0].numpy()
    assert found == pytest.approx(expected / np.linalg.norm(expected), abs=1e-4)


@pytest.mark.parametrize(
    ("effect", "ratio", "steered"),
    [(0.06, 1.4, True), (0.06, 1.6, False), (0.04, 1.0, False), (-0.2, 1.0, False)],
)
def test_the_rule_asks_for_an_effect_beyond_random_at_a_fluent_text(effect, ratio, steered):
    randoms = np.array([0.01, -0.01, 0.002, 0.03, -0.005])
    assert bool(is_steered(effect, randoms, ratio)) is steered
    assert not is_steered(0.029, randoms / 1000, 1.0)


def test_a_rare_concept_is_steered_when_its_share_doubles():
    least = least_effect(np.array([0.004, 0.2]))
    assert least.tolist() == [0.004, 0.03]
    small = np.full((8, 2), 1e-4)
    assert is_steered(np.array([0.005, 0.005]), small, 1.0, least).tolist() == [True, False]
    assert not is_steered(0.003, small[:, 0], 1.0, least[0])


def test_few_of_many_like_directions_pass_the_rule_and_an_outlier_does():
    generator = np.random.default_rng(0)
    randoms, ratios = generator.normal(0, 0.05, (8, 400)), np.ones((8, 400))
    assert false_positive_rate(randoms, ratios) < 0.02
    randoms[0] = 1.0
    assert false_positive_rate(randoms, ratios) == pytest.approx(1 / 8, abs=0.02)
    assert false_positive_rate(randoms, 2 * ratios) == 0


def test_a_random_direction_chosen_at_its_best_strength_passes_only_if_it_holds_on_other_prompts():
    generator = np.random.default_rng(0)
    choice, report = generator.normal(0, 0.01, (2, 8, 3, 2))
    ratios = np.ones((8, 3))
    choice[2, 1] = 0.5
    assert chosen_false_positive_rate((choice, ratios), (report, ratios)) == 0
    report[2, 1] = 0.5
    assert chosen_false_positive_rate((choice, ratios), (report, ratios)) == 1 / 8
    assert chosen_false_positive_rate((choice, ratios), (report, ratios * 2)) == 0


def test_a_dose_curve_is_divided_into_three_phases_and_a_flat_one_is_not():
    doses = [0.1, 0.2, 0.4, 0.8, 1.6]
    randoms = np.full((8, 5), 0.005)
    ratios, variety = np.array([1, 1, 1.1, 1.4, 9]), np.ones(5)
    phases = divide_doses(doses, np.array([0, 0.004, 0.1, 0.3, 0.2]), randoms, ratios, variety)
    assert (phases.dead, phases.window, phases.collapse) == ([0.1, 0.2], [0.4, 0.8], [1.6])
    assert phases.complete
    assert not divide_doses(doses, np.full(5, 0.004), randoms, ratios, variety).complete
    assert not divide_doses(doses, np.array([0.3] * 5), randoms, ratios, variety).dead
    repeated = divide_doses(doses, np.zeros(5), randoms, np.ones(5), np.array([1, 1, 1, 0.4, 0.6]))
    assert repeated.collapse == [0.8, 1.6]


def test_the_shown_feature_is_that_of_the_tutorial_where_it_has_one():
    strong = Choice(Candidate(0, "register:code", 5, 0.5, 0.9), 0.3, 0.5, rank=12.0)
    french = Choice(Candidate(1, "language:french", 9, 0.5, 0.9), 0.3, 0.3, rank=11.0)
    assert choose_shown([strong, french]) is french
    assert choose_shown([strong]) is strong


def test_the_choice_prefers_fluent_then_beyond_random_then_strong():
    randoms = np.full((8, 4), 0.01)
    ranks = rank_choices(np.array([0.04, 0.06, 0.2, 0.9]), randoms, np.array([1, 1, 1.2, 3]))
    assert ranks.argsort().tolist() == [3, 0, 1, 2]


def test_each_concept_takes_its_best_feature_and_strength():
    candidates = [Candidate(0, "a", 5, 0.5, 0.9), Candidate(0, "a", 9, 0.4, 0.9)]
    effects = np.zeros((2, len(STRENGTHS), 1))
    effects[0, 2], effects[1, 3] = 0.1, 0.3
    (choice,) = choose_trials(
        candidates,
        {5: 0, 9: 1},
        effects,
        np.ones((2, len(STRENGTHS))),
        np.full((8, len(STRENGTHS), 1), 0.01),
        np.array([0.03]),
    )
    assert (choice.candidate.feature, choice.strength, choice.effect) == (9, STRENGTHS[3], pytest.approx(0.3))
