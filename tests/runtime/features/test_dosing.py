"""`scope.dose`: its samples, measures and rules, against texts made one by one and plain NumPy."""

import json
import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from gscope_widgets.records.doses import BREAKS_UP_PERPLEXITY, BREAKS_UP_VARIETY, STRENGTHS
from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.records.interventions import COHERENT_FRACTION, match_random
from gscope_widgets.runtime.features import dosing
from gscope_widgets.runtime.gemma.forced import compare_predictions, run_forced
from tests.runtime.inside import loaded

PROMPT = "The old fisherman"
AWAY = 988  # of mini's default dictionary: "word: away"
QUICK = {"samples": 3, "max_new_tokens": 10}
FULL = {"samples": 6, "max_new_tokens": 16}


def ids_of(scope, response, sample):
    """The generated ids of one sample, made again alone."""
    change = gs.add(response.ref, sample.strength)
    if sample.kind == "random":
        change = match_random([change], seed=sample.seed, amount=math.copysign(1, sample.strength))
    made = [] if sample.strength == 0 else [change]
    settings = response.provenance.settings
    options = {name: settings[name] for name in ("max_new_tokens", "temperature", "top_p")}
    return [token.id for token in scope.generate(PROMPT, made, seed=sample.seed, **options)]


@pytest.fixture(scope="module")
def mini():
    return gs.load("mini")


@pytest.fixture(scope="module")
def away(mini):
    """A feature that makes mini say "away", measured by that word."""
    return mini.dose(PROMPT, mini.dictionary().feature(AWAY), measure="away", **FULL)


# ---- the curve


def test_samples_are_what_generate_gives_alone(mini, away):
    assert [point.strength for point in away.points] == list(STRENGTHS)
    assert away.seeds == tuple(range(6))
    assert len(away.samples) == 6 + 8 * 2 * 6
    for sample in away.samples[::11]:
        ids = ids_of(mini, away, sample)
        assert sample.variety == pytest.approx(len(set(ids)) / len(ids))
        text = mini.tokens([mini.tokens("a").ids[0], *ids]).text
        assert text == sample.text
    assert len({sample.text for sample in away.samples}) > 80


@pytest.mark.row("26", "27")
def test_a_feature_flips_its_word_and_its_controls_do_not(away):
    assert [(flip.strength, flip.change) for flip in away.flips] == [(1.0, "above")]
    last = away.points[-1]
    assert last.effect.low > 0.05 > last.control_effect.high
    assert away.points[4].effect.mean == 0.0


def test_effects_are_counted_in_the_texts(away):
    for sample in away.samples:
        words = "".join(character if character.isalnum() else " " for character in sample.text.lower()).split()
        assert sample.effect == pytest.approx(words.count("away") / max(1, len(words)), abs=0.02)
    point = away.points[-1]
    effects = [sample.effect for sample in away.samples if (sample.strength, sample.kind) == (1.0, "changed")]
    assert point.effect.mean == pytest.approx(np.mean(effects))


@pytest.mark.row("28")
def test_perplexity_is_that_of_the_unchanged_model(mini, away, plain_mini):
    checked = [sample for sample in away.samples if sample.seed == 2][::4]
    assert {sample.kind for sample in checked} == {"changed", "random"}
    for sample in checked:
        prompt = list(mini.tokens(PROMPT).ids)
        ids = [*prompt, *ids_of(mini, away, sample)]
        with torch.no_grad():
            logits = plain_mini(input_ids=torch.tensor([ids])).logits[0].double()
        nll = torch.nn.functional.cross_entropy(logits[len(prompt) - 1 : -1], torch.tensor(ids[len(prompt) :]))
        assert sample.perplexity == pytest.approx(float(nll.exp()), rel=1e-3)


def test_the_same_seeds_give_the_same_curve_and_others_another(mini):
    dictionary = mini.dictionary()
    one, two, other = (
        mini.dose(PROMPT, dictionary.feature(AWAY), measure="the", seed=seed, **QUICK) for seed in (5, 5, 6)
    )
    assert one.points == two.points
    assert one.to_frame().equals(two.to_frame())
    assert one.seeds == (5, 6, 7)
    assert other.seeds == (6, 7, 8)
    assert one.texts(0) != other.texts(0)
    assert one.texts(0)[1:] == other.texts(0)[:2]  # a seed's text does not depend on the others


def test_batches_do_not_matter(mini, monkeypatch):
    options = {"measure": "the", **QUICK}
    whole = mini.dose(PROMPT, mini.dictionary().feature(AWAY), **options)
    monkeypatch.setattr(dosing, "ROWS_A_BATCH", 7)
    parts = mini.dose(PROMPT, mini.dictionary().feature(AWAY), **options)
    assert [sample.text for sample in whole.samples] == [sample.text for sample in parts.samples]
    for one, other in zip(whole.samples, parts.samples, strict=True):
        np.testing.assert_allclose(one.baseline_logprobs, other.baseline_logprobs, atol=1e-3)


def test_the_control_is_turned_round_with_the_strength(mini):
    response = mini.dose(PROMPT, mini.dictionary().feature(AWAY), measure="the", **QUICK)
    assert response.texts(0.6, kind="random") != response.texts(-0.6, kind="random")


# ---- measures


@pytest.mark.parametrize("where", ["same dictionary", "another layer", "transcoder", "crosscoder"])
def test_a_feature_is_read_on_the_unchanged_model(tiny, tiny_dictionary, make_dictionary, make_multilayer, where):
    made = {
        "same dictionary": lambda: tiny_dictionary,
        "another layer": lambda: tiny.dictionary(path=make_dictionary("other-pt", layer=2, seed=4)),
        "transcoder": lambda: tiny.dictionary(path=make_dictionary("other-pt", site="transcoder", seed=4)),
        "crosscoder": lambda: tiny.dictionary(path=make_multilayer("other-pt", site="crosscoder")),
    }[where]()
    prompt = list(tiny.tokens(PROMPT).ids)
    ref = made.feature(2)
    response = tiny.dose(PROMPT, tiny_dictionary.feature(5), measure=ref, **QUICK)
    assert response.measure.name == f"mean activation of {ref}"
    effects = [sample.effect for sample in response.samples]
    assert len({round(effect, 4) for effect in effects}) > 3
    for sample in response.samples[::7]:
        ids = [*prompt, *ids_of(tiny, response, sample)]
        reading = tiny.read(ids, made, features=[2])
        kept = [pos for pos in reading.tokens.used if pos >= len(prompt)]
        assert sample.effect == pytest.approx(reading.trace(2)[kept].mean(), abs=1e-3)


def test_a_token_is_counted_by_its_id(mini):
    period = mini.tokens("a.").ids[-1]
    response = mini.dose(PROMPT, mini.dictionary().feature(AWAY), measure=period, **QUICK)
    assert max(sample.effect for sample in response.samples) > 0
    for sample in response.samples[::9]:
        ids = ids_of(mini, response, sample)
        assert sample.effect == pytest.approx(ids.count(period) / len(ids))


def test_a_function_of_the_text_may_ask_the_scope_itself(mini):
    def length(text):
        return len(mini.tokens(text)) + 0 * mini.mean_norm()

    response = mini.dose(PROMPT, mini.dictionary().feature(AWAY), measure=length, **QUICK)
    assert response.measure.name == "length(text)"
    assert response.samples[0].effect == len(mini.tokens(response.samples[0].text))


def test_a_function_that_fails_is_told_before_anything_runs(mini):
    with pytest.raises(gs.InvalidValue, match=r"the measure failed on the text 'The old fisherman': ZeroDivisionError"):
        mini.dose(PROMPT, mini.dictionary().feature(AWAY), measure=lambda text: 1 / 0, **QUICK)


def test_a_function_that_fails_on_a_later_text_ends_the_job_in_words(mini, count_hooks):
    def odd(text):
        return 1 / (text == PROMPT)

    with pytest.raises(gs.InvalidValue, match="the measure failed on the text"):
        mini.dose(PROMPT, mini.dictionary().feature(AWAY), measure=odd, **QUICK)
    assert count_hooks(loaded(mini).model) == 0


def test_a_shuffled_measure_does_not_flip(mini, away):
    """The same texts, whose measure has lost its tie to the strength."""
    effects = {sample.text: sample.effect for sample in away.samples}
    shuffled = dict(zip(effects, np.random.default_rng(0).permutation(list(effects.values())), strict=True))
    response = mini.dose(PROMPT, mini.dictionary().feature(AWAY), measure=lambda text: shuffled.get(text, 0.0), **FULL)
    assert [sample.text for sample in response.samples] == [sample.text for sample in away.samples]
    assert response.flips == ()


# ---- the constants, measured again


def test_texts_of_one_strength_differ_less_than_the_ratio_and_damaged_ones_by_more(mini):
    model, random = loaded(mini), np.random.default_rng(0)
    prompt = list(mini.tokens(PROMPT).ids)
    rows = mini.generate_rows(
        PROMPT, {str(seed): () for seed in range(16)}, plan=SamplingPlan(32, 1.0), seeds=range(16)
    ).wait()
    texts = [[token.id for token in rows.tokens(str(seed))] for seed in range(16)]
    pool = [token for ids in texts for token in ids]

    def damage(ids):
        return [random.choice(pool) if at % 8 == 3 else token for at, token in enumerate(ids)]

    def nll(ids):
        whole = [*prompt, *map(int, ids)]
        with torch.inference_mode():
            hidden = run_forced(model, [whole]).hidden[0]
            logprobs, _ = compare_predictions(model, whole, start=len(prompt), baseline=hidden, changed=None)
        return -float(logprobs.mean())

    intact, damaged = ([nll(ids) for ids in group] for group in (texts, map(damage, texts)))
    halves = [random.permutation(intact) for _ in range(100)]
    ratios = [np.exp(abs(half[:8].mean() - half[8:].mean())) for half in halves]
    assert max(ratios) < 2 < BREAKS_UP_PERPLEXITY
    assert BREAKS_UP_PERPLEXITY < 20 < np.exp(np.mean(damaged) - np.mean(intact))


@pytest.mark.row("28")
def test_text_breaks_up_beyond_the_strength_that_is_warned_of_and_not_at_mild_ones(mini):
    dictionary = mini.dictionary()
    features = np.random.default_rng(1).choice(sorted(dictionary.labels), 6, replace=False)
    strengths = (-COHERENT_FRACTION, -1.5, -0.3, 0, 0.3, 1.5, COHERENT_FRACTION)
    for feature in map(int, features):
        response = mini.dose(PROMPT, dictionary.feature(feature), strengths, measure="the", **QUICK)
        base = response.points[3]
        for point in response.points:
            ratio = point.perplexity.mean / base.perplexity.mean
            assert (ratio > BREAKS_UP_PERPLEXITY) == (abs(point.strength) > 1), (feature, point.strength, ratio)
            if abs(point.strength) < 1:
                assert point.variety.mean > BREAKS_UP_VARIETY * base.variety.mean
        assert response.breaks_up == (-1.5, 1.5)


# ---- warnings and refusals


def test_strengths_beyond_are_warned_of_once_in_words(mini):
    strengths = (-50, -3, -1, 0, 1, 3, 50)
    with pytest.warns(gs.SteeringWarning, match=r"a strength of -50, -3, 3, 50 mean norms is beyond 2") as caught:
        mini.dose(PROMPT, mini.dictionary().feature(3), strengths, measure="the", **QUICK)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mini.dose(PROMPT, mini.dictionary().feature(3), measure="the", **QUICK)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 2}, "samples must be a whole number from 3 to 64, got 2"),
        ({"samples": 65}, "samples must be"),
        ({"samples": True}, "samples must be"),
        ({"temperature": 0}, "temperature must be a finite number from 0.01 to 100, got 0"),
        ({"temperature": "1"}, "temperature must be"),
        ({"top_p": 2}, "top_p must be"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 2**31 - 2}, "a seed must be a whole number from 0 to 2147483647, got 2147483648"),
        ({"max_new_tokens": 0}, "max_new_tokens must be"),
        ({"measure": None}, "measure must be a token id from 0 to 4095, a word or several, a feature"),
        ({"measure": 4096}, "measure must be a token id from 0 to 4095"),
        ({"measure": []}, "measure is empty"),
        ({"positions": "all of them"}, "positions must be"),
        ({"strengths": (-1, 0, 1)}, "strengths must be 7 to 41 different numbers"),
        ({"strengths": (-3, -2, -1, 0, 1, 2, "1e3")}, "a strength must be a finite number from -100 to 100, got '1e3'"),
        ({"strengths": (-3, -2, -1, 0, 1, 2, math.nan)}, "a strength must be .* got nan"),
        ({"strengths": (-3, -2, -1, 0, 1, 2, None)}, "a strength must be .* got None"),
        ({"strengths": (-3, -2, -1, 0, 1, 2, 1e30)}, "a strength must be .* got 1e"),
        ({"ref": 5}, r"dictionary\.feature\(number\)"),
        ({"ref": np.ones(160)}, "a vector with its place"),
        ({"prompt": []}, "no token ids given"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_makes_no_sense_is_refused_in_words(mini, options, message):
    given = {"prompt": PROMPT, "ref": mini.dictionary().feature(3), "measure": "the", **QUICK} | options
    prompt, ref = given.pop("prompt"), given.pop("ref")
    with pytest.raises(gs.InvalidValue, match=message):
        mini.dose(prompt, ref, **given)


def test_a_measure_of_no_open_dictionary_is_refused(mini, tiny, tiny_dictionary):
    with pytest.raises(gs.UnknownDictionary):
        mini.dose(PROMPT, mini.dictionary().feature(3), measure=tiny_dictionary.feature(3), **QUICK)


# ---- a job among others


def test_progress_rises_and_a_cancel_stops_it_and_the_next_answer_is_right(mini, count_hooks):
    ref = mini.dictionary().feature(AWAY)
    expected = mini.dose(PROMPT, ref, measure="the", **QUICK)
    job = mini.start_dose(PROMPT, ref, measure="the")
    seen = [mini.submit(lambda _job: job.progress or 0.0).result() for _ in range(30)]
    assert all(before <= after for before, after in pairwise(seen))
    assert 0 < seen[-1] < 1
    job.cancel()
    with pytest.raises(gs.Cancelled):
        job.result()
    assert count_hooks(loaded(mini).model) == 0
    assert mini.dose(PROMPT, ref, measure="the", **QUICK).points == expected.points


# ---- a direction of one's own, and the record


def test_a_direction_has_the_same_units_and_controls(mini):
    dictionary = mini.dictionary()
    row = gs.Direction("resid_post", dictionary.info.layer, dictionary.direction(AWAY), "the feature's own row")
    by_feature, by_row = (mini.dose(PROMPT, one, measure="away", **QUICK) for one in (dictionary.feature(AWAY), row))
    assert [one.text for one in by_feature.samples] == [one.text for one in by_row.samples]
    assert by_row.ref is row
    assert by_row.provenance.dictionaries == {}
    assert list(by_feature.provenance.dictionaries) == [dictionary.info.id]


def test_provenance_makes_the_curve_again(mini, away):
    settings = json.loads(json.dumps(away.provenance.to_dict()))["settings"]
    assert settings["measure"] == "share of words: away"
    assert settings["seeds"] == list(range(6))
    assert settings["strengths"] == list(STRENGTHS)
    again = mini.dose(
        list(away.provenance.token_ids), away.ref, settings["strengths"], measure="away", samples=len(settings["seeds"]),
        **{name: settings[name] for name in ("max_new_tokens", "temperature", "top_p", "positions")},
    )  # fmt: skip
    assert again.points == away.points


def test_a_sweep_that_is_stopped_has_made_its_middle(mini, monkeypatch):
    monkeypatch.setattr(dosing, "ROWS_A_BATCH", 20)
    ref, seen = mini.dictionary().feature(AWAY), []
    whole = mini.start_dose(PROMPT, ref, measure="the", on_points=seen.append, **QUICK).result()
    sizes = [len(response.strengths) for response in seen]
    assert sizes == sorted(sizes)
    assert 3 <= sizes[0] < sizes[-1] < len(whole.strengths)
    for response in seen:
        assert 0.0 in response.strengths
        nearest = sorted(STRENGTHS, key=abs)[: len(response.strengths)]
        assert max(map(abs, response.strengths)) == max(map(abs, nearest))
        alike = [sample for sample in whole.samples if sample.strength in response.strengths]
        assert [one.text for one in response.samples] == [one.text for one in alike]
        assert response.points == tuple(one for one in whole.points if one.strength in response.strengths)
    stopped: list = []
    job = mini.start_dose(
        PROMPT, ref, measure="the", on_points=lambda one: (stopped.append(one), job.cancel()), **QUICK
    )
    with pytest.raises(gs.Cancelled):
        job.result()
    assert [one.points for one in stopped] == [seen[0].points]
