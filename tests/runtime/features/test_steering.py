"""Interventions against plain NumPy on a plain model: what changes, where, by how much, and what does not."""

from itertools import permutations

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.records.interventions import match_random
from gscope_widgets.runtime.engine import CALIBRATION_TEXT
from gscope_widgets.runtime.features.steering import Target, compute_delta
from tests.runtime.inside import loaded

TEXT = "The old fisherman sold 12 fish at the market."
VOCABULARY = 4096


@pytest.fixture
def plain(tiny, load_plain):
    """The tiny model again, loaded by transformers alone."""
    return load_plain(tiny.name)


@pytest.fixture
def weights(tiny_dictionary, read_weights):
    return read_weights(tiny_dictionary.folder.path)


@pytest.fixture
def firing(tiny, tiny_dictionary):
    """A feature that fires on TEXT at some positions and is silent at others."""
    reading = tiny.read(TEXT, tiny_dictionary)
    dense = reading.to_dense()[list(reading.tokens.used)]
    share = (dense > 0).mean(0)
    feature = int(np.argmin(np.abs(share - 0.5)))
    assert 0 < share[feature] < 1
    return feature


@pytest.fixture
def silent(tiny, tiny_dictionary):
    """A feature that fires nowhere on TEXT."""
    features = set(range(40)) - set(tiny.read(TEXT, tiny_dictionary).features.tolist())
    return min(features)


def activation(x, weights, feature):
    pre = x @ weights["w_enc"][:, feature] + weights["b_enc"][feature]
    return np.where(pre > weights["threshold"][feature], pre, 0.0)


def unit(weights, feature):
    row = weights["w_dec"][feature]
    return row / np.linalg.norm(row)


def logits_of(distribution) -> np.ndarray:
    logits = np.empty(VOCABULARY)
    for chance in distribution.chances:
        logits[chance.id] = chance.logit
    return logits


def steer_plainly(plain_run, plain, ids, change, *, positions=None, layer=1):
    """Last logits of a plain model whose residual stream after `layer` is changed at `positions`."""
    chosen = range(1, len(ids)) if positions is None else positions

    def edit(x):
        changed = x.copy()
        for pos in chosen:
            changed[pos] += change(x[pos : pos + 1])[0]
        return changed

    logits, _ = plain_run(plain, ids, layer=layer, edit=edit)
    return logits[-1]


def changes_nothing(distribution) -> bool:
    """Whether both runs agree to rounding: two rows of one batch need not be equal to the last bit."""
    base, changed = (np.array([pair[side].logit for pair in distribution.pairs]) for side in (0, 1))
    return bool(np.abs(base - changed).max() < 1e-4) and distribution.kl < 1e-8


def check_same(found, expected):
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


# ---- each kind against NumPy


@pytest.mark.parametrize("value", [0.0, 0.7, 12.0])
@pytest.mark.row("22")
def test_clamp_moves_the_activation_to_the_value_and_leaves_the_error_term(
    tiny, tiny_dictionary, weights, plain, plain_run, firing, value
):
    ids = tiny.tokens(TEXT).ids
    expected = steer_plainly(
        plain_run, plain, ids, lambda x: (value - activation(x, weights, firing))[:, None] * weights["w_dec"][firing]
    )
    found = logits_of(tiny.next_tokens(TEXT, VOCABULARY, [gs.clamp(tiny_dictionary.feature(firing), value)]))
    check_same(found, expected)
    # Controls: nothing done, and the reconstruction put in the activation's place, are other numbers.
    plain_logits, _ = plain_run(plain, ids, layer=1)
    assert np.abs(found - plain_logits[-1]).max() > 0.05
    replaced = steer_plainly(plain_run, plain, ids, lambda x: reconstruct(x, weights, {firing: value}) - x)
    assert np.abs(found - replaced).max() > 0.05


def reconstruct(x, weights, values):
    pre = x @ weights["w_enc"] + weights["b_enc"]
    z = np.where(pre > weights["threshold"], pre, 0.0)
    for feature, value in values.items():
        z[:, feature] = value
    return z @ weights["w_dec"] + weights["b_dec"]


@pytest.mark.parametrize("factor", [-2.0, 0.0, 0.5, 3.0])
def test_scale_multiplies_the_features_own_term(tiny, tiny_dictionary, weights, plain, plain_run, firing, factor):
    expected = steer_plainly(
        plain_run, plain, tiny.tokens(TEXT).ids,
        lambda x: ((factor - 1) * activation(x, weights, firing))[:, None] * weights["w_dec"][firing],
    )  # fmt: skip
    check_same(
        logits_of(tiny.next_tokens(TEXT, VOCABULARY, [gs.scale(tiny_dictionary.feature(firing), factor)])), expected
    )


def test_ablate_takes_the_features_own_term_away(tiny, tiny_dictionary, weights, plain, plain_run, firing):
    ref = tiny_dictionary.feature(firing)
    expected = steer_plainly(
        plain_run, plain, tiny.tokens(TEXT).ids,
        lambda x: -activation(x, weights, firing)[:, None] * weights["w_dec"][firing],
    )  # fmt: skip
    found = tiny.next_tokens(TEXT, VOCABULARY, [gs.ablate(ref)])
    check_same(logits_of(found), expected)
    for same in (gs.clamp(ref, 0.0), gs.scale(ref, 0.0)):
        assert tiny.next_tokens(TEXT, VOCABULARY, [same]).chances == found.chances


@pytest.mark.parametrize("strength", [-0.8, 0.3, 2.0])
def test_add_is_the_strength_times_the_mean_norm_along_the_unit_direction(
    tiny, tiny_dictionary, weights, plain, plain_run, firing, strength
):
    calibration = tiny.tokens(CALIBRATION_TEXT)
    _, x = plain_run(plain, calibration.ids, layer=1)
    mean_norm = np.linalg.norm(x[list(calibration.used)], axis=1).mean()
    assert tiny.mean_norm(tiny_dictionary) == pytest.approx(mean_norm, rel=1e-4)
    with_bos = np.linalg.norm(x, axis=1).mean()
    assert tiny.mean_norm(tiny_dictionary) != pytest.approx(with_bos, rel=1e-4)  # control: BOS is left out
    expected = steer_plainly(
        plain_run, plain, tiny.tokens(TEXT).ids, lambda x: (strength * mean_norm * unit(weights, firing))[None]
    )
    found = logits_of(tiny.next_tokens(TEXT, VOCABULARY, [gs.add(tiny_dictionary.feature(firing), strength)]))
    check_same(found, expected)
    raw = gs.add(tiny_dictionary.feature(firing), strength * mean_norm, unit="raw")
    check_same(logits_of(tiny.next_tokens(TEXT, VOCABULARY, [raw])), expected)
    assert np.linalg.norm(weights["w_dec"][firing]) != pytest.approx(1, abs=0.1)  # the row itself is no unit vector


# ---- nothing where nothing should be


@pytest.mark.parametrize(
    "make", [lambda r: gs.add(r, 0.0), lambda r: gs.scale(r, 1.0), lambda r: match_random([gs.add(r, 0.0)])]
)
def test_an_intervention_of_no_size_changes_no_logit(tiny, tiny_dictionary, firing, make):
    distribution = tiny.next_tokens(TEXT, VOCABULARY, [make(tiny_dictionary.feature(firing))])
    assert changes_nothing(distribution)
    control = tiny.next_tokens(TEXT, VOCABULARY, [gs.add(tiny_dictionary.feature(firing), 0.3)])
    assert not changes_nothing(control)
    assert control.kl > 1e-3


@pytest.mark.row("22")
def test_ablate_and_scale_change_nothing_where_the_feature_is_silent(tiny, tiny_dictionary, silent):
    ref = tiny_dictionary.feature(silent)
    for intervention in (gs.ablate(ref), gs.scale(ref, 100.0), gs.clamp(ref, 0.0)):
        distribution = tiny.next_tokens(TEXT, VOCABULARY, [intervention])
        assert changes_nothing(distribution)
    control = tiny.next_tokens(TEXT, VOCABULARY, [gs.clamp(ref, 5.0)])
    assert not changes_nothing(control)


def test_bos_is_never_changed(tiny, tiny_dictionary, plain, plain_run, weights, firing):
    """Whether its position is asked for or not makes no difference, though the same change by hand does."""
    text = "The dog"  # within the sliding window of the last layer
    ref, ids = tiny_dictionary.feature(firing), tiny.tokens(text).ids
    for kind in (gs.add, gs.clamp):
        with_bos, without = (
            tiny.next_tokens(text, VOCABULARY, [kind(ref, 5.0, positions=slice(start, 3))]) for start in (0, 1)
        )
        assert with_bos.chances == without.chances
        assert not changes_nothing(with_bos)
    by_hand = steer_plainly(plain_run, plain, ids, lambda x: 50 * unit(weights, firing)[None], positions=[0])
    plain_logits, _ = plain_run(plain, ids, layer=1)
    assert np.abs(by_hand - plain_logits[-1]).max() > 0.05


def test_the_header_of_a_chat_and_end_tokens_are_never_changed(
    load, make_model, make_dictionary, load_plain, plain_run
):
    chat = load(str(make_model("tiny-it", tokenizer="chat")))
    dictionary = chat.dictionary(path=make_dictionary())
    row = dictionary.direction(3).astype(np.float64)
    ids = [2, 105, 2364, 107, 300, 1, 301]
    found = chat.next_tokens(ids, VOCABULARY, [gs.add(dictionary.feature(3), 9.0, unit="raw")])
    push = 9 * row / np.linalg.norm(row)
    plain = load_plain(chat.name)
    check_same(logits_of(found), steer_plainly(plain_run, plain, ids, lambda _x: push[None], positions=(4, 6)))
    everywhere = steer_plainly(plain_run, plain, ids, lambda _x: push[None], positions=range(7))
    assert np.abs(logits_of(found) - everywhere).max() > 0.05


@pytest.mark.parametrize(
    ("prompt", "positions"),
    [
        ("", "all"),
        ("", "prompt"),
        (TEXT, slice(0, 1)),
        (TEXT, slice(500, 600)),
        (TEXT, slice(3, 3)),
        (TEXT, "generated"),
    ],
    ids=str,
)
def test_an_intervention_that_can_change_nothing_is_refused_and_not_silently_ignored(
    tiny, tiny_dictionary, prompt, positions
):
    for made in (
        gs.add(tiny_dictionary.feature(2), 1.0, positions=positions),
        gs.ablate(tiny_dictionary.feature(2), positions=positions),
    ):
        with pytest.raises(gs.InvalidValue, match="changes nothing here: its positions"):
            tiny.next_tokens(prompt, 3, [made])
    if isinstance(positions, slice) and prompt and positions.start != 500:
        with pytest.raises(gs.InvalidValue, match="changes nothing here"):
            tiny.generate(prompt, [made], max_new_tokens=3).wait()
    if positions in ("all", "generated"):
        assert tiny.generate(prompt, [made], max_new_tokens=3).wait().ended


def test_other_features_and_the_rest_of_the_residual_stay_when_one_is_clamped(tiny, tiny_dictionary, weights, firing):
    """The change is exactly along the feature's decoder row."""
    x = torch.randn(5, 24, generator=torch.Generator().manual_seed(0))
    target = Target(tiny_dictionary, None, None, 1.0)
    delta = compute_delta(x, gs.clamp(tiny_dictionary.feature(firing), 4.0), target).numpy().astype(np.float64)
    row = weights["w_dec"][firing]
    amounts = delta @ row / (row @ row)
    np.testing.assert_allclose(delta, amounts[:, None] * row, atol=1e-4)
    np.testing.assert_allclose(amounts, 4.0 - activation(x.numpy().astype(np.float64), weights, firing), atol=1e-4)


# ---- several at once


def test_the_order_of_interventions_does_not_matter(tiny, tiny_dictionary, firing):
    ref, other = tiny_dictionary.feature(firing), tiny_dictionary.feature((firing + 1) % 40)
    made = [gs.clamp(ref, 5.0), gs.add(other, 0.5), gs.ablate(other)]
    found = [logits_of(tiny.next_tokens(TEXT, VOCABULARY, list(order))) for order in permutations(made)]
    for one in found[1:]:
        np.testing.assert_allclose(one, found[0], atol=1e-4 * np.abs(found[0]).max())


def test_several_at_one_layer_are_all_computed_from_the_unchanged_activation(
    tiny, tiny_dictionary, weights, plain, plain_run, firing
):
    other = (firing + 1) % 40
    made = [gs.add(tiny_dictionary.feature(other), 20.0, unit="raw"), gs.clamp(tiny_dictionary.feature(firing), 3.0)]

    def together(x):
        clamped = (3.0 - activation(x, weights, firing))[:, None] * weights["w_dec"][firing]
        return clamped + 20.0 * unit(weights, other)[None]

    def one_after_the_other(x):
        pushed = x + 20.0 * unit(weights, other)[None]
        return pushed - x + (3.0 - activation(pushed, weights, firing))[:, None] * weights["w_dec"][firing]

    ids = tiny.tokens(TEXT).ids
    found = logits_of(tiny.next_tokens(TEXT, VOCABULARY, made))
    check_same(found, steer_plainly(plain_run, plain, ids, together))
    assert np.abs(found - steer_plainly(plain_run, plain, ids, one_after_the_other)).max() > 0.02


def test_interventions_at_two_layers_act_at_both(tiny, tiny_dictionary, make_dictionary, read_weights, load_plain):
    path = make_dictionary("other-pt", layer=2, seed=3, width=31)
    other = tiny.dictionary(path=path)
    made = [gs.add(tiny_dictionary.feature(1), 3.0, unit="raw"), gs.add(other.feature(30), 4.0, unit="raw")]
    plain = load_plain(tiny.name)
    rows = {1: 3.0 * unit(read_weights(tiny_dictionary.folder.path), 1), 2: 4.0 * unit(read_weights(path), 30)}
    handles = []
    for layer, row in rows.items():
        push = torch.from_numpy(row).float()

        def hook(_module, _inputs, output, push=push):
            changed = output.clone()
            changed[:, 1:] += push
            return changed

        handles.append(plain.model.layers[layer].register_forward_hook(hook))
    with torch.no_grad():
        expected = plain(input_ids=torch.tensor([tiny.tokens(TEXT).ids])).logits[0, -1].numpy()
    for handle in handles:
        handle.remove()
    check_same(logits_of(tiny.next_tokens(TEXT, VOCABULARY, made)), expected)
    assert tiny.next_tokens(TEXT, 5, made[:1]).chances != tiny.next_tokens(TEXT, 5, made).chances


# ---- where


@pytest.mark.parametrize(
    ("positions", "changed"),
    [
        ("all", lambda count: range(1, count)),
        ("prompt", lambda count: range(1, count)),
        (slice(3, 5), lambda _count: (3, 4)),
        (slice(None, 3), lambda _count: (1, 2)),
        (slice(2, None, 3), lambda count: range(2, count, 3)),
    ],
    ids=["all", "prompt", "inside", "from the first on", "every third"],
)
@pytest.mark.row("23")
def test_positions_mean_what_they_say(tiny, tiny_dictionary, weights, plain, plain_run, positions, changed):
    ids = tiny.tokens(TEXT).ids
    expected = steer_plainly(plain_run, plain, ids, lambda x: 30 * unit(weights, 2)[None], positions=changed(len(ids)))
    made = gs.add(tiny_dictionary.feature(2), 30.0, unit="raw", positions=positions)
    check_same(logits_of(tiny.next_tokens(TEXT, VOCABULARY, [made])), expected)


@pytest.mark.parametrize("positions", ["all", "prompt", "generated", slice(4, 16, 3)], ids=str)
@pytest.mark.parametrize("kind", ["add", "clamp"])
def test_steered_generation_with_a_cache_equals_a_whole_pass_at_every_step(
    tiny, tiny_dictionary, weights, plain, plain_run, positions, kind
):
    """Teacher-forced: the plain model is run on the whole text so far, with no cache, at each step."""
    ref = tiny_dictionary.feature(2)
    made = (
        gs.add(ref, 3.0, unit="raw", positions=positions) if kind == "add" else gs.clamp(ref, 6.0, positions=positions)
    )

    def change(x):
        if kind == "add":
            return 3.0 * unit(weights, 2)[None]
        return (6.0 - activation(x, weights, 2))[:, None] * weights["w_dec"][2]

    prompt = list(tiny.tokens("The old man").ids)
    tokens = tiny.generate(prompt, [made], max_new_tokens=20, temperature=1.0, seed=3).wait().tokens()
    assert len(tokens) >= 12  # longer than the sliding window
    ids, largest = list(prompt), 0.0
    for token in tokens:
        chosen = {
            "all": range(1, len(ids)),
            "prompt": range(1, len(prompt)),
            "generated": range(len(prompt), len(ids)),
        }.get(positions if isinstance(positions, str) else "", range(4, min(16, len(ids)), 3))
        logits = steer_plainly(plain_run, plain, ids, change, positions=chosen)
        baseline = steer_plainly(plain_run, plain, ids, change, positions=())
        logprobs, baseline = (
            values - np.log(np.exp(values - values.max()).sum()) - values.max() for values in (logits, baseline)
        )
        assert token.logprob == pytest.approx(logprobs[token.id], abs=5e-3)
        largest = max(largest, abs(baseline[token.id] - token.logprob))
        ids.append(token.id)
    assert largest > 0.05  # control: without steering the numbers are others


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.row("20")
def test_steering_of_no_strength_gives_the_baseline_text_token_for_token(scope, dictionary, temperature):
    prompt, options = "The old fisherman", {"max_new_tokens": 24, "temperature": temperature, "seed": 4}
    plain = scope.generate(prompt, **options).wait().tokens()
    for silent in (gs.add(dictionary.feature(3), 0.0), gs.scale(dictionary.feature(3), 1.0)):
        made = scope.generate(prompt, [silent], **options).wait().tokens()
        assert [one.id for one in made] == [one.id for one in plain]
        assert [one.logprob for one in made] == pytest.approx([one.logprob for one in plain], abs=1e-4)
    pushed = scope.generate(prompt, [gs.add(dictionary.feature(3), 1.0)], **options).wait().tokens()
    assert pushed != plain


def test_rows_of_a_batch_equal_the_same_rows_alone(tiny, tiny_dictionary):
    ref = tiny_dictionary.feature(2)
    rows = {"plain": (), "pushed": (gs.add(ref, 1.0),), "clamped": (gs.clamp(ref, 5.0), gs.add(ref, -0.5))}
    plan = SamplingPlan(16, 1.0, 0.9, 7)
    together = tiny.generate_rows("The old man", rows, plan=plan).wait()
    for name, interventions in rows.items():
        alone = tiny.generate(
            "The old man", interventions, max_new_tokens=16, temperature=1.0, top_p=0.9, seed=7
        ).wait().tokens()  # fmt: skip
        assert [token.id for token in together.tokens(name)] == [token.id for token in alone]
        np.testing.assert_allclose(
            [token.logprob for token in together.tokens(name)], [token.logprob for token in alone], atol=1e-4
        )
    ids = {name: [token.id for token in together.tokens(name)] for name in rows}
    assert ids["plain"] != ids["pushed"] != ids["clamped"]  # the rows are not all the same one


def test_a_row_is_not_touched_by_its_neighbours(tiny, tiny_dictionary):
    ref = tiny_dictionary.feature(2)
    strong = (gs.add(ref, 50.0), gs.clamp(ref, 1000.0))
    plan = SamplingPlan(10)
    quiet = tiny.generate_rows("Hello", {"a": (), "b": ()}, plan=plan).wait().tokens("a")
    beside = tiny.generate_rows("Hello", {"a": (), "b": strong}, plan=plan).wait()
    assert beside.tokens("a") == quiet
    assert [token.id for token in beside.tokens("b")] != [token.id for token in quiet]


def test_what_is_no_intervention_is_refused_before_anything_runs(tiny, tiny_dictionary):
    for wrong in (5, None, "add", [5], [tiny_dictionary.feature(1)], [None]):
        with pytest.raises(gs.InvalidValue, match="interventions"):
            tiny.generate("Hello", wrong)
        with pytest.raises(gs.InvalidValue, match="interventions"):
            tiny.next_tokens("Hello", 3, wrong)
    one = gs.ablate(tiny_dictionary.feature(1))
    assert tiny.next_tokens("Hello", 3, one).interventions == (one,)
    assert tiny.next_tokens("Hello", 3, (made for made in [one])).interventions == (one,)


def test_an_intervention_of_a_dictionary_that_is_not_open_is_refused(scope, tiny, tiny_dictionary):
    with pytest.raises(gs.UnknownDictionary, match="call scope.dictionary"):
        scope.next_tokens("Hello", 3, [gs.ablate(tiny_dictionary.feature(1))])


def test_output_that_is_not_finite_stops_and_says_so(tiny, tiny_dictionary, monkeypatch):
    broken = loaded(tiny).model.model.norm.register_forward_hook(lambda _m, _i, output: output * float("nan"))
    with pytest.raises(gs.GscopeError, match="not finite"):
        tiny.next_tokens("Hello", 3)
    generation = tiny.generate("Hello", max_new_tokens=5)
    with pytest.raises(gs.GscopeError, match="not finite"):
        generation.wait()
    broken.remove()
    assert generation.tokens() == ()
    assert tiny.generate("Hello", max_new_tokens=5).wait().tokens()


def test_the_strongest_interventions_taken_leave_finite_numbers(scope, dictionary):
    ref = dictionary.feature(1)
    for made in (gs.add(ref, 100.0), gs.add(ref, -1e6, unit="raw"), gs.clamp(ref, 1e6), gs.scale(ref, 1e4)):
        assert np.isfinite([chance.logit for chance in scope.next_tokens("Hello", 5, [made]).chances]).all()


FRENCH = "Le boulanger est fatigué"


@pytest.fixture(scope="module")
def firing_in_french(scope, dictionary):
    """The two features of mini's default dictionary that fire most at the last token of a French text."""
    reading = scope.read(FRENCH)
    return [dictionary.feature(one.feature) for one in reading.top(2, pos=len(reading.tokens) - 1)]


@pytest.mark.parametrize(
    "make", [lambda ref: gs.ablate(ref), lambda ref: gs.clamp(ref, 10), lambda ref: gs.scale(ref, 2)]
)
def test_setting_a_feature_twice_is_refused_wherever_interventions_are_taken(scope, firing_in_french, make):
    twice = [make(firing_in_french[0])] * 2
    for call in (
        lambda: scope.next_tokens(FRENCH, interventions=twice),
        lambda: scope.generate(FRENCH, twice, max_new_tokens=2),
        lambda: scope.generate_rows(FRENCH, {"baseline": (), "changed": twice}, plan=SamplingPlan(2)),
    ):
        with pytest.raises(gs.InvalidValue, match=r"both set .*; keep one of them"):
            call()


@pytest.mark.parametrize(
    ("make", "wanted", "added"),
    [
        (lambda one, _: [gs.ablate(one)], (lambda a: 0 * a, None), 0),
        (lambda one, _: [gs.clamp(one, 10)], (lambda a: 0 * a + 10, None), 0),
        (lambda one, _: [gs.scale(one, 2)], (lambda a: 2 * a, None), 0),
        (lambda one, _: [gs.clamp(one, 10), gs.add(one, 3, unit="raw")], (lambda a: 0 * a + 10, None), 3),
        (lambda one, _: [gs.add(one, 1, unit="raw"), gs.add(one, 2, unit="raw")], (None, None), 3),
        (lambda one, other: [gs.clamp(one, 10), gs.ablate(other)], (lambda a: 0 * a + 10, lambda a: 0 * a), 0),
        (
            lambda one, _: [gs.clamp(one, 10, positions=slice(0, 3)), gs.ablate(one, positions=slice(3, None))],
            (lambda a: np.where(np.arange(len(a)) < 3, 10.0, 0.0), None),
            0,
        ),
    ],
    ids=["ablate", "clamp", "scale", "clamp + add", "add + add", "clamp + ablate another", "apart"],
)
def test_what_goes_together_does_what_a_hook_on_plain_transformers_does_in_either_order(
    scope, dictionary, firing_in_french, plain_mini, plain_run, read_weights, make, wanted, added
):
    """Activations by the published formula, in float64, from the file; BOS stays as it is."""
    weights = read_weights(dictionary.folder.path)

    def steer(residual: np.ndarray, *, times: int = 1) -> np.ndarray:
        pre = np.maximum(residual @ weights["w_enc"] + weights["b_enc"], 0)
        activations = pre * (pre > weights["threshold"])
        change = np.zeros_like(residual)
        for ref, wish in zip(firing_in_french, wanted, strict=True):
            row, own = weights["w_dec"][ref.feature], activations[:, ref.feature]
            if wish is not None:
                assert own[-1] > 0
                change += times * (wish(own) - own)[:, None] * row
        first = weights["w_dec"][firing_in_french[0].feature]
        change += added * first / np.linalg.norm(first)
        change[0] = 0
        return residual + change

    made, ids = make(*firing_in_french), scope.tokens(FRENCH).ids
    expected, summed = (
        plain_run(plain_mini, ids, layer=dictionary.info.layer, edit=edit)[0][-1]
        for edit in (steer, lambda residual: steer(residual, times=2))
    )
    for order in (made, made[::-1]):
        found = logits_of(scope.next_tokens(FRENCH, scope.info.vocabulary, order))
        np.testing.assert_allclose(found, expected, atol=2e-3)
    if any(one.kind != "add" for one in made):
        # Control: summed twice, ablate acts as -a, clamp 10 as 20 - a, scale 2 as 3a.
        assert np.abs(found - summed).max() > 0.05
