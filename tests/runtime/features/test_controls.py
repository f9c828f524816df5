"""Matched random controls: as long as what they control at every position, by plain hooks around the model's own."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.records.interventions import match_random
from tests.runtime.inside import loaded

TEXT = "The old fisherman sold 12 fish at the market."


@contextmanager
def watched(scope, layer):
    """What a layer gives, and what the next one is given: float64 [rows, pos, d] each, one for each pass."""
    layers = loaded(scope).text_model.layers
    given, taken = [], []

    def keep(_module, _inputs, output):
        given.append((output[0] if isinstance(output, tuple) else output).double().numpy())

    handles = [
        layers[layer].register_forward_hook(keep),  # before ours, which come with the pass
        layers[layer + 1].register_forward_pre_hook(lambda _module, inputs: taken.append(inputs[0].double().numpy())),
    ]
    try:
        yield given, taken
    finally:
        for handle in handles:
            handle.remove()


def change_made(scope, interventions, *, layer=1) -> np.ndarray:
    """What is added after a layer: [pos, d]."""
    with watched(scope, layer) as (given, taken):
        scope.next_tokens(TEXT, 3, interventions)
    change: np.ndarray = (taken[-1] - given[-1])[-1]
    return change


@pytest.fixture
def firing(tiny, tiny_dictionary):
    """A feature that fires on TEXT at some positions and is silent at others."""
    reading = tiny.read(TEXT, tiny_dictionary)
    share = (reading.to_dense()[list(reading.tokens.used)] > 0).mean(0)
    return int(np.argmin(np.abs(share - 0.5)))


def changes(dictionary, feature):
    ref = dictionary.feature(feature)
    vector = np.random.default_rng(0).standard_normal(24)
    return {
        "add": [gs.add(ref, 0.4)],
        "add less": [gs.add(ref, -0.4)],
        "clamp": [gs.clamp(ref, 7.0)],
        "scale": [gs.scale(ref, 3.0)],
        "ablate": [gs.ablate(ref)],
        "some positions": [gs.clamp(ref, 7.0, positions=slice(3, 6))],
        "vector": [gs.add(vector, 0.3, site="resid_post", layer=1)],
        "several": [gs.add(ref, 0.4), gs.ablate(dictionary.feature((feature + 1) % 40)), gs.scale(ref, 2.0)],
    }


@pytest.mark.parametrize("name", ["add", "add less", "clamp", "scale", "ablate", "some positions", "vector", "several"])
def test_a_control_is_as_long_as_the_change_at_every_position(tiny, tiny_dictionary, firing, name):
    made = changes(tiny_dictionary, firing)[name]
    change = change_made(tiny, made)
    controls = [change_made(tiny, [tiny.random_control(made, seed=seed)]) for seed in range(3)]
    lengths = np.linalg.norm(change, axis=1)
    assert lengths[0] == 0  # BOS
    assert lengths.max() > 0.1
    for control in controls:
        np.testing.assert_allclose(np.linalg.norm(control, axis=1), lengths, atol=1e-4 * lengths.max())
        at = int(lengths.argmax())
        assert abs(control[at] @ change[at]) < 0.8 * lengths[at] ** 2  # another direction
    # Directions of different seeds differ, and one control has one direction at all positions.
    units = [control[lengths.argmax()] / lengths.max() for control in controls]
    for one in range(3):
        for other in range(one):
            assert abs(units[one] @ units[other]) < 0.8
        np.testing.assert_allclose(controls[one], lengths[:, None] * units[one], atol=1e-4 * lengths.max())


def test_where_a_feature_is_silent_the_control_of_its_ablation_adds_nothing(tiny, tiny_dictionary, firing):
    reading = tiny.read(TEXT, tiny_dictionary)
    silent = reading.trace(firing) == 0
    change = change_made(tiny, [tiny.random_control([gs.ablate(tiny_dictionary.feature(firing))])])
    lengths = np.linalg.norm(change, axis=1)
    assert lengths[silent].max() < 1e-6
    assert lengths[~silent].min() > 1e-3


def test_seeds_above_32_bits_of_entropy_are_not_all_one_direction(tiny, tiny_dictionary):
    """NumPy's seeds are whole; torch's generator on the CPU looks at the lower half of a wide one."""
    made = [gs.add(tiny_dictionary.feature(3), 0.4)]
    seeds = (0, 1, 2, 2**16, 2**31 - 1)
    found = [change_made(tiny, [tiny.random_control(made, seed=seed)])[-1] for seed in seeds]
    cosines = np.corrcoef(found)[np.triu_indices(5, 1)]
    assert np.abs(cosines).max() < 0.8


def test_changes_at_two_layers_have_a_control_at_each(tiny, tiny_dictionary, make_dictionary):
    other = tiny.dictionary(path=make_dictionary("other-pt", layer=0, seed=3))
    made = [gs.add(tiny_dictionary.feature(3), 0.4), gs.add(other.feature(3), 0.2)]
    control = [tiny.random_control(made, seed=2)]
    found = {layer: (change_made(tiny, made, layer=layer), change_made(tiny, control, layer=layer)) for layer in (0, 1)}
    for change, random in found.values():
        lengths = np.linalg.norm(change, axis=1)
        assert lengths[-1] > 0.1
        np.testing.assert_allclose(np.linalg.norm(random, axis=1), lengths, atol=1e-4 * lengths.max())
    ends = [random[-1] / np.linalg.norm(random[-1]) for _, random in found.values()]
    assert abs(ends[0] @ ends[1]) < 0.8


def test_a_control_turned_round_is_the_opposite(tiny, tiny_dictionary):
    made = [gs.add(tiny_dictionary.feature(3), 0.4)]
    one, other = (change_made(tiny, [match_random(made, seed=2, amount=amount)]) for amount in (1.0, -1.0))
    np.testing.assert_allclose(one, -other, atol=1e-4)
    assert np.abs(one).max() > 0.1


def test_the_control_of_a_transcoder_is_matched_where_it_writes(tiny, make_dictionary):
    """It reads the MLP's input and writes what the MLP adds: a change that depends on the text."""
    dictionary = tiny.dictionary(path=make_dictionary(site="transcoder"))
    made = [gs.clamp(dictionary.feature(3), 6.0)]
    added = []
    norm = loaded(tiny).text_model.layers[1].post_feedforward_layernorm
    layer = loaded(tiny).text_model.layers[1]

    def run(interventions):
        """The residual after layer 1 less the MLP's input side cancels out all but what the MLP adds."""
        given = []
        handle = norm.register_forward_hook(lambda _m, _i, output: given.append(output.double().numpy()))
        seen = []
        behind = layer.register_forward_hook(
            lambda _m, _i, output: seen.append((output[0] if isinstance(output, tuple) else output).double().numpy())
        )
        before = layer.pre_feedforward_layernorm.register_forward_pre_hook(
            lambda _m, inputs: added.append(inputs[0].double().numpy())
        )
        try:
            tiny.next_tokens(TEXT, 3, interventions)
        finally:
            for one in (handle, behind, before):
                one.remove()
        return (seen[-1] - added[-1] - given[-1])[-1]

    change, control = run(made), run([tiny.random_control(made)])
    lengths = np.linalg.norm(change, axis=1)
    assert np.ptp(lengths[1:]) > 0.1  # not one length for all
    np.testing.assert_allclose(np.linalg.norm(control, axis=1), lengths, atol=1e-3 * lengths.max())


# ---- directions of one's own


def test_a_vector_is_added_at_unit_length_times_the_mean_norm_there(tiny, load_plain, plain_run):
    vector = np.random.default_rng(1).standard_normal(24) * 50
    plain = load_plain(tiny.name)
    for layer in (0, 1):
        change = change_made(tiny, [gs.add(vector, 0.25, site="resid_post", layer=layer)], layer=layer)
        from gscope_widgets.runtime.engine import CALIBRATION_TEXT

        _, residual = plain_run(plain, tiny.tokens(CALIBRATION_TEXT).ids, layer=layer)
        mean_norm = np.linalg.norm(residual[1:], axis=1).mean()
        expected = 0.25 * mean_norm * vector / np.linalg.norm(vector)
        np.testing.assert_allclose(change[1:], np.broadcast_to(expected, change[1:].shape), atol=1e-4 * mean_norm)
        assert np.abs(change[0]).max() == 0
    raw = change_made(tiny, [gs.add(vector, 3.0, site="resid_post", layer=1, unit="raw")])
    np.testing.assert_allclose(np.linalg.norm(raw[1:], axis=1), 3.0, rtol=1e-4)


def test_a_features_own_row_as_a_vector_does_what_the_feature_does(tiny, tiny_dictionary):
    ref = tiny_dictionary.feature(5)
    by_feature = tiny.next_tokens(TEXT, 4096, [gs.add(ref, 0.4)])
    by_vector = tiny.next_tokens(TEXT, 4096, [gs.add(tiny_dictionary.direction(5), 0.4, site="resid_post", layer=1)])
    other = tiny.next_tokens(TEXT, 4096, [gs.add(tiny_dictionary.direction(6), 0.4, site="resid_post", layer=1)])
    logits = [{one.id: one.logit for one in found.chances} for found in (by_feature, by_vector, other)]
    same, different = ([abs(logits[0][key] - each[key]) for key in logits[0]] for each in logits[1:])
    assert max(same) < 1e-3
    assert max(different) > 0.05


@pytest.mark.parametrize(("site", "size"), [("attn_out", 32), ("mlp_out", 24)])
def test_a_vector_is_taken_at_other_sites_and_of_their_size_alone(tiny, site, size):
    assert tiny.next_tokens(TEXT, 3, [gs.add(np.ones(size), 1.0, site=site, layer=1)]).kl > 1e-5
    with pytest.raises(gs.InvalidValue, match=f"{site} of .* has {size} numbers, the vector has {size + 1}"):
        tiny.next_tokens(TEXT, 3, [gs.add(np.ones(size + 1), 1.0, site=site, layer=1)])


def test_a_layer_that_the_model_has_not_is_refused_with_the_range(tiny):
    made = gs.add(np.ones(24), 1.0, site="resid_post", layer=3)
    for use in (lambda: tiny.next_tokens(TEXT, 3, [made]), lambda: tiny.random_control([made])):
        with pytest.raises(gs.InvalidValue, match="layer must be a whole number from 0 to 2, got 3"):
            use()


def test_a_control_without_features_is_refused_as_no_features_are(tiny, tiny_dictionary):
    twice = [gs.ablate(tiny_dictionary.feature(3)), gs.clamp(tiny_dictionary.feature(3), 2.0)]
    with pytest.raises(gs.InvalidValue, match="both set"):
        tiny.next_tokens(TEXT, 3, [match_random(twice)])


# ---- seeds of rows


def rows_of(ref):
    return {"base": (), "pushed": (gs.add(ref, 0.5),), "random": (match_random([gs.add(ref, 0.5)], seed=1),)}


def test_a_seed_gives_one_text_alone_in_a_batch_streamed_and_after_a_cancelled_job(scope, dictionary):
    prompt, plan = "The old fisherman", SamplingPlan(16, 1.0, 0.95)
    rows = {f"{name} {seed}": (made, seed) for name, made in rows_of(dictionary.feature(3)).items() for seed in (3, 8)}
    batch = scope.generate_rows(
        prompt,
        {name: made for name, (made, _) in rows.items()},
        plan=plan,
        seeds=[seed for _, seed in rows.values()],
    ).wait()
    found = {name: [token.id for token in batch.tokens(name)] for name in rows}
    assert len({tuple(ids) for ids in found.values()}) == len(rows)  # the control: seeds and changes matter
    cancelled = scope.generate_rows(prompt, {"a": (), "b": ()}, plan=SamplingPlan(200, 1.0, 1.0, 3))
    next(iter(cancelled))
    cancelled.cancel()
    for name, (made, seed) in rows.items():
        options = {"max_new_tokens": 16, "temperature": 1.0, "top_p": 0.95, "seed": seed}
        alone = scope.generate(prompt, made, **options)
        streamed = [token.id for token in alone]
        assert (
            streamed == found[name] == [token.id for token in scope.generate(prompt, made, **options).wait().tokens()]
        )
    assert cancelled.ended == "cancelled"


def test_rows_need_a_sound_seed_each(tiny):
    plan = SamplingPlan(3, 1.0)
    for seeds in ((1,), (1, 2, 3), (1, -1), (1, "2"), (1, True), 5):
        with pytest.raises(gs.InvalidValue, match="seed"):
            tiny.generate_rows("Hello", {"a": (), "b": ()}, plan=plan, seeds=seeds)


# ---- the record


@pytest.mark.parametrize(
    "vector",
    [[1.0, 2.0], (1, 2), np.array([1, 2], np.int64), np.array([1, 2], np.float16), torch.tensor([1.0, 2.0])],
    ids=["list", "tuple", "int64", "float16", "tensor"],
)
def test_a_vector_may_be_any_array_of_numbers(vector):
    direction = gs.add(vector, 0.1, site="resid_post", layer=4).ref
    assert direction.vector.dtype == np.float32
    np.testing.assert_array_equal(direction.vector, [1, 2])
    assert direction.norm == pytest.approx(5**0.5)
    assert direction == Direction("resid_post", 4, np.array([1, 2]))
    assert hash(direction) == hash(Direction("resid_post", 4, [1, 2]))
    for other in (("resid_post", 3, [1, 2]), ("mlp_out", 4, [1, 2]), ("resid_post", 4, [1, 3])):
        assert direction != Direction(*other)


def test_a_tensor_with_gradients_in_bfloat16_is_taken_and_the_copy_is_ours():
    own = torch.ones(3, dtype=torch.bfloat16, requires_grad=True)
    array = np.ones(3, np.float32)
    for value in (own, array):
        direction = Direction("resid_post", 0, value)
        np.testing.assert_array_equal(direction.vector, [1, 1, 1])
    array[0] = 9
    assert direction.vector[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        direction.vector[0] = 2


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ([float("nan"), 1.0], "finite float32 numbers, got nan"),
        ([float("inf"), 1.0], "finite float32 numbers, got inf"),
        ([1e300, 1.0], "finite float32 numbers"),
        ([0.0, 0.0], "a vector of zeros"),
        ([], "one axis"),
        (np.ones((2, 2)), r"one axis, \[d\], and at least one number, got shape \(2, 2\)"),
        (3.0, "one axis"),
        ("abc", "an array of numbers, got 'abc'"),
        ([True, False], "an array of numbers"),
        ([1 + 2j], "an array of numbers"),
        ([[1, 2], [3]], "an array of numbers"),
        ([None, 1], "an array of numbers"),
    ],
    ids=repr,
)
def test_a_vector_that_is_none_is_refused_in_words(vector, message):
    with pytest.raises(gs.InvalidValue, match=message):
        gs.add(vector, 0.1, site="resid_post", layer=4)


def test_a_vector_says_where_it_belongs_once_and_only_once():
    direction = Direction("resid_post", 4, [1.0])
    assert gs.add(direction, 0.1).ref is direction
    for options in ({"site": "resid_post"}, {"layer": 4}, {}):
        with pytest.raises(gs.InvalidValue, match="with its place"):
            gs.add([1.0], 0.1, **options)
    with pytest.raises(gs.InvalidValue, match="leave site and layer out"):
        gs.add(direction, 0.1, site="resid_post", layer=4)
    for site in ("resid_pre", "", None, 5):
        with pytest.raises(gs.InvalidValue, match="resid_post, attn_out, mlp_out|with its place"):
            gs.add([1.0], 0.1, site=site, layer=4)
    for layer in (-1, 1.0, "4", True):
        with pytest.raises(gs.InvalidValue, match="layer must be a whole number"):
            gs.add([1.0], 0.1, site="resid_post", layer=layer)


def test_a_strength_beyond_where_text_breaks_up_is_warned_of_in_words(tiny_dictionary):
    ref = tiny_dictionary.feature(3)
    with pytest.warns(
        gs.SteeringWarning, match="a strength of 50 mean norms is beyond 2, where generated text is known"
    ):
        gs.add(ref, 50)
    with pytest.warns(gs.SteeringWarning, match="-2.5"):
        gs.add([1.0], -2.5, site="resid_post", layer=1)


@pytest.mark.filterwarnings("error")
def test_a_strength_that_is_not_is_not(tiny_dictionary):
    for strength in (0, 1, -1, 2.0, -2.0):
        gs.add(tiny_dictionary.feature(3), strength)
    gs.add(tiny_dictionary.feature(3), 1000.0, unit="raw")
