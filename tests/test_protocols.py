"""What widgets rely on, asked of the fake and of the embedded model: the same forms, the same order, the same refusals."""

import math
import subprocess
import sys
import threading
from collections.abc import Sequence

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import SamplingPlan
from tests.fake_scope import FakeScope

TEXT = "The old fisherman sold 12 fish 😀 to his sister."
HOSTILE = [
    "</script><script>alert(1)</script>",
    "\x00\x1b[31m",
    "\u202egnirts\u202c",
    "\u2028\u2029",
    "\ud800x",
    "&lt;",
]
SOON = 60.0  # seconds
# What a recording has no part in.
LIVE_ONLY = {
    "test_too_long_texts_are_refused_with_the_number": "it counts no tokens of what was not recorded",
    "test_bad_questions_are_refused_by_the_same_kind_of_error": "what was refused was not recorded",
    "test_a_dose_response_is_measured_at_every_strength": "a measure that is a function is not recorded",
    "test_both_are_jobs_that_tell_how_far_they_are_and_can_be_stopped": "its jobs have ended at once",
    "test_a_cancelled_generation_keeps_what_was_made": "its jobs have ended at once",
    "test_a_generation_that_fails_says_so_to_whoever_waits": "what failed was not recorded",
    "test_a_step_that_waits_for_its_own_generation_is_refused": "what failed was not recorded",
    "test_the_newest_job_of_a_slot_wins": "its jobs have ended at once",
}


@pytest.fixture(autouse=True)
def _bounded(no_hang):
    """Every test here ends within five minutes."""


@pytest.fixture(autouse=True)
def _live_only(request):
    name = request.node.originalname
    if name in LIVE_ONLY and request.getfixturevalue("scope").power == "replayed":
        pytest.skip(LIVE_ONLY[name])


@pytest.fixture(scope="module")
def fake():
    scope = FakeScope()
    yield scope
    scope.close()


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """Where what is asked of mini is recorded, to be asked of the recording after."""
    return tmp_path_factory.mktemp("recording") / "protocols.gscope"


@pytest.fixture(scope="module", params=["fake", "mini", "replayed"])
def scope(request, fake, lesson):
    if request.param == "fake":
        yield fake
    elif request.param == "mini":
        with gs.load("mini").recording(lesson):
            yield gs.load("mini")
    elif lesson.exists():
        yield gs.replay(lesson)
    else:
        pytest.skip("the same tests on mini make the recording")


@pytest.fixture
def own():
    """A fake of the test's own, to turn its knobs."""
    scope = FakeScope(chat=True)
    yield scope
    scope.close()


@pytest.fixture(scope="module")
def dictionary(scope):
    return scope.dictionary()


def test_the_fake_loads_neither_torch_nor_transformers():
    code = (
        "import sys; from tests.fake_scope import FakeScope; FakeScope().generate('The').wait(); "
        "print([name for name in ('torch', 'transformers', 'numpy') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "['numpy']"  # the last one is the control


# ---- tokens


@pytest.mark.parametrize("text", ["", "   ", TEXT, "<bos>", *HOSTILE], ids=ascii)
def test_tokens_cover_the_text_and_spare_the_first_position(scope, text):
    tokens = scope.tokens(text)
    count = len(tokens)
    assert count == len(tokens.ids) == len(tokens.strings) == len(tokens.byte_spans)
    assert all(isinstance(token_id, int) for token_id in tokens.ids)
    assert 0 in tokens.ignored
    assert tokens.used == tuple(pos for pos in range(count) if pos not in tokens.ignored)
    raw = tokens.text.encode()  # no lone surrogates are left
    pieces = list(dict.fromkeys(span for span in tokens.byte_spans if span[0] < span[1]))
    assert b"".join(raw[start:end] for start, end in pieces) == raw
    assert (tokens.text == text) == ("\ud800" not in text)


def test_a_character_of_several_tokens_is_a_glyph_whose_tokens_show_bytes(scope):
    tokens = scope.tokens(TEXT)
    ((first, last, character),) = tokens.glyphs
    assert character == "😀"
    assert last - first == 3
    assert tokens.strings[first : last + 1] == ("<0xF0>", "<0x9F>", "<0x98>", "<0x80>")


def test_ids_give_the_same_tokens_as_their_text(scope):
    tokens = scope.tokens(TEXT)
    assert tokens.hints == tokens.turns == ()
    for ids in (list(tokens.ids), tokens.ids, np.array(tokens.ids), np.array([tokens.ids])):
        again = scope.tokens(ids)
        assert (again.ids, again.strings, again.ignored) == (tokens.ids, tokens.strings, tokens.ignored)
        assert (again.text, again.byte_spans, again.glyphs) == (TEXT, tokens.byte_spans, tokens.glyphs)
    assert [bool(scope.tokens(text).hints) for text in (TEXT + " ", tokens.ids[1:])] == [True, True]


@pytest.mark.parametrize("name", ["fake", "mini-it"])
def test_chat_is_laid_out_in_turns_of_which_the_last_is_continued(name, own):
    scope = own if name == "fake" else gs.load(name)
    system, user, begun = (
        {"role": role, "content": text}
        for role, text in (("system", "Be old"), ("user", "The bird"), ("assistant", "The"))
    )

    def lay_out(*messages) -> list[tuple[str, str, bool]]:
        tokens = scope.tokens(list(messages))
        assert set(tokens.ignored) == {0, 1, 2, 3}
        assert [turn.span[0] for turn in tokens.turns[1:]] == [turn.span[1] for turn in tokens.turns[:-1]]
        return [(turn.role, "".join(tokens.strings[slice(*turn.content)]), turn.is_open) for turn in tokens.turns]

    assert lay_out(user) == [("user", "The bird", False), ("assistant", "", True)]
    assert lay_out(user, begun) == [("user", "The bird", False), ("assistant", "The", True)]
    assert lay_out(system, user) == [("user", "Be old\n\nThe bird", False), ("assistant", "", True)]
    for wrong in ([user, user], [begun], [system], [user, system]):
        with pytest.raises(gs.InvalidValue):
            scope.tokens(wrong)


@pytest.mark.parametrize("wrong", [5, None, 1.5, object(), [1.5], ["a"], [-1], [10**9], [{"role": 1}], [True]])
def test_what_is_no_prompt_is_refused(scope, wrong):
    with pytest.raises(gs.InvalidValue):
        scope.tokens(wrong)


def test_too_long_texts_are_refused_with_the_number(scope):
    assert scope.text_limit > scope.info.context
    for wrong in ("word " * 100_000, "! " * scope.info.context, [5] * (scope.info.context + 1)):
        with pytest.raises(gs.PromptTooLong, match=f"at most {scope.info.context} tokens"):
            scope.tokens(wrong)


# ---- dictionaries and features


def test_the_same_choice_gives_the_same_dictionary(scope, dictionary):
    info = dictionary.info
    assert scope.dictionary(info.site, info.layer) is dictionary
    assert info.d_dict == dictionary.d_dict == 1024
    assert info.base_site == "resid_post"
    with pytest.raises(gs.InvalidValue, match="site must be"):
        scope.dictionary("nowhere")
    with pytest.raises(gs.UnknownDictionary):
        scope.dictionary(layer=99)


def test_features_have_addresses_words_and_ranges(scope, dictionary):
    ref = dictionary.feature(np.int64(3))
    assert (ref.dictionary_id, ref.feature, type(ref.feature)) == (dictionary.info.id, 3, int)
    summary = scope.describe(ref)
    assert summary.ref == ref
    assert summary.label == dictionary.label(3)
    assert summary.max_activation == dictionary.max_activation(3)
    assert scope.card(ref).ref == ref
    for wrong in (-1, 1024, 1.0, True, "3", None, math.nan):
        with pytest.raises(gs.UnknownFeature):
            dictionary.feature(wrong)
        with pytest.raises(gs.UnknownFeature):
            dictionary.label(wrong)


def test_what_is_of_no_open_dictionary_is_refused(scope):
    from gscope_widgets.records.features import FeatureRef

    with pytest.raises(gs.UnknownDictionary):
        scope.describe(FeatureRef("elsewhere", 3))
    with pytest.raises(gs.UnknownFeature):
        scope.describe(FeatureRef(scope.dictionary().info.id, 1024))
    with pytest.raises(gs.InvalidValue):
        scope.describe(3)
    with pytest.raises(gs.UnknownDictionary):
        scope.provenance(["elsewhere"])


def test_find_gives_the_best_detectors_first(scope, dictionary):
    found = scope.find("", dictionary, k=5)
    scores = [summary.label.auc or 0.0 for summary in found]
    assert scores == sorted(scores, reverse=True)
    assert 0 < len(found) <= 5
    with pytest.raises(gs.InvalidValue):
        scope.find(5)


# ---- one feature, searches, contrasts, dictionaries side by side


def test_a_dashboard_says_what_is_known_and_notes_what_is_not(fake):
    home = fake.dictionary()
    dashboard = fake.card(home.feature(3))
    assert dashboard.ref == home.feature(3)
    assert (dashboard.histogram.edges.dtype, dashboard.histogram.counts.dtype) == (np.float32, np.int64)
    assert len(dashboard.histogram.edges) == len(dashboard.histogram.counts) + 1
    assert dashboard.histogram.fired == round(dashboard.density * dashboard.histogram.tokens)
    assert len(dashboard.bands) == 5
    assert sum(band.count for band in dashboard.bands) == dashboard.histogram.fired
    for band in dashboard.bands:
        assert all(band.low < one.activation <= band.high for one in band.examples)
    strengths = [one.activation for one in dashboard.examples]
    assert strengths == sorted(strengths, reverse=True) and len(strengths) == 10
    for one in dashboard.examples:
        assert len(one.tokens) == len(one.activations)
        assert one.activations[one.peak] == np.float32(one.activation)
        short = one.cut("short")
        assert len(short.tokens) <= 8 and short.tokens[short.peak] == one.tokens[one.peak]
        assert fake.read("".join(one.tokens).removeprefix("<bos>")).trace(3).max() > 0
    assert {near.measure for near in dashboard.neighbours} == {"decoder cosine", "co-activation"}
    assert dashboard.truth.concept == "birds" and len(dashboard.truth.rivals) == 3
    assert len(dashboard.to_frame()) == 10 + sum(len(band.examples) for band in dashboard.bands)
    assert dashboard.plot().axes
    unknown = fake.card(home.feature(6))
    assert (unknown.labels, unknown.truth) == ((), None)
    assert [note.split(":")[0] for note in unknown.notes] == ["no label", "no truth"]
    silent = fake.card(home.feature(5))
    assert (silent.histogram, silent.bands, silent.examples) == (None, (), ())
    assert silent.plot().axes and "no examples" in " ".join(silent.notes)
    own = fake.card(home.feature(3), texts=["The old bird", "A cold fish"])
    assert own.histogram is None or own.histogram.tokens < 10
    assert [fake.card(home.feature(one)).labels[0].is_machine_guess for one in (3, 900)] == [False, True]


@pytest.mark.row("15")
def test_a_search_that_finds_nothing_says_what_comes_nearest(scope, dictionary):
    hits = scope.find("no label has this", dictionary)
    assert (len(hits), list(hits), hits.by) == (0, [], "label")
    assert hits.nearest and repr(hits.nearest[0]) in hits.note
    with pytest.raises(gs.UnknownLabel, match="No label of .* holds 'no label has this'; the nearest are "):
        hits[0]


def test_texts_find_the_features_that_fire_on_them(scope, dictionary):
    texts = ["The old fisherman", "a red coat"]
    hits = scope.find(positive=texts, dictionary=dictionary, k=8)
    scores = [one.score for one in hits if one.score is not None]
    assert hits.by == "examples" and scores == sorted(scores, reverse=True)
    for one in hits[:3]:
        peaks = [float(scope.read(text, dictionary).trace(one.feature).max()) for text in texts]
        assert one.positive == pytest.approx(np.mean(peaks), rel=1e-4)
        assert one.score == pytest.approx(np.mean(peaks) / one.max_activation, rel=1e-4)
        text, pos = one.strongest
        assert scope.read(texts[text], dictionary).trace(one.feature)[pos] == pytest.approx(max(peaks), rel=1e-4)
    assert len(hits.to_frame()) == len(hits) and hits.plot().axes


def test_what_tells_two_sets_of_texts_apart_stands_beside_a_null(scope, dictionary):
    sets = [[f"The {word} {noun} was" for noun in ("cat", "dog", "bird", "house", "coat")] for word in ("old", "cold")]
    hits = scope.find(positive=sets[0], negative=sets[1], dictionary=dictionary, k=5)
    assert (hits.by, hits.shuffles) == ("contrast", 1000)
    scores = [one.score for one in hits]
    assert scores == sorted(scores, reverse=True)
    for one in hits:
        assert one.null.mean < one.null.p95 <= one.score + 1e-9
        assert 0 < one.null.reached <= one.null.reached_by_any <= 1
    assert hits[0].null.reached < 0.05
    assert not hits.note
    few = scope.find(positive=sets[0][:2], negative=sets[1][:2], dictionary=dictionary, k=5)
    assert "6 ways" in few.note


def test_searches_that_ask_nothing_or_two_things_are_refused(scope):
    for ask in ({}, {"negative": ["a"]}, {"query": "a", "positive": ["b"]}, {"positive": "text"}, {"query": 5}):
        with pytest.raises(gs.InvalidValue):
            scope.find(**ask)


@pytest.mark.row("NEW 28")
def test_a_claim_is_scored_on_marked_texts_beside_shuffled_marks(scope, dictionary):
    positive, negative = (
        [f"The {word} {noun} was" for noun in ("cat", "dog", "bird", "house", "coat")] for word in ("old", "cold")
    )
    best = scope.find(positive=positive, negative=negative, dictionary=dictionary, k=1)[0]
    score = scope.score_claim(best.ref, positive, negative, claim="the old ones")
    peaks = [float(scope.read(text, dictionary).trace(best.feature).max()) for text in [*positive, *negative]]
    assert [one.activation for one in score.texts] == pytest.approx(peaks, rel=1e-4)
    found = [peak > 0 for peak in peaks]
    assert score.recall == sum(found[:5]) / 5
    assert score.precision == sum(found[:5]) / sum(found)
    assert score.auc == np.mean([(a > b) + (a == b) / 2 for a in peaks[:5] for b in peaks[5:]]) > 0.9
    assert score.shuffled_auc.mean == pytest.approx(0.5, abs=0.03) and score.shuffled_auc.reached < 0.05
    assert (score.claim, score.ref, score.note) == ("the old ones", best.ref, "")
    turned = scope.score_claim(best.ref, negative, positive)
    assert turned.auc == pytest.approx(1 - score.auc) and turned.shuffled_auc.reached > 0.95  # control
    assert {one.verdict for one in turned.deciding(5)} <= {"miss", "false alarm"}
    assert len(score.to_frame()) == 10 and score.plot().axes
    high = scope.score_claim(best.ref, positive, negative, threshold=1e6)
    assert (high.precision, high.shuffled_precision, high.recall) == (None, None, 0)
    for wrong in (
        {"positive": []},
        {"negative": []},
        {"claim": 5},
        {"threshold": -1.0},
        {"threshold": math.nan},
        {"positive": "text"},
    ):
        with pytest.raises(gs.InvalidValue):
            scope.score_claim(best.ref, **({"positive": positive, "negative": negative} | wrong))


def test_two_texts_are_aligned_and_their_features_compared(scope, dictionary):
    contrast = scope.contrast("The old cat was happy", "The old dog was very happy", dictionary)
    sides = [reading.tokens.ids for reading in (contrast.first, contrast.second)]
    for side, ids in enumerate(sides):
        there = contrast.pairs[:, side]
        assert there[there >= 0].tolist() == list(range(len(ids)))
    both = contrast.pairs[(contrast.pairs >= 0).all(1)]
    assert all(sides[0][one] == sides[1][other] for one, other in both)
    differing = contrast.differing(5)
    assert [abs(one.difference) for one in differing] == sorted(
        (abs(one.difference) for one in differing), reverse=True
    )
    for one in differing:
        peaks = [float(reading.trace(one.feature).max()) for reading in (contrast.first, contrast.second)]
        assert (one.first, one.second) == (pytest.approx(peaks[0]), pytest.approx(peaks[1]))
    assert contrast.shared(3)[0].shared > 0
    assert contrast.differences()[1] < 1e-3 and contrast.differences().max() > 1
    assert list(contrast.to_frame().columns)[:3] == ["row", "first_pos", "second_pos"] and contrast.plot().axes
    same = scope.contrast("The old cat", "The old cat", dictionary)
    assert same.differing(5) == () and not same.differences().any()


@pytest.mark.row("NEW 21")
def test_a_dictionary_matches_itself_one_to_one_and_another_by_a_named_measure(scope, dictionary):
    other = scope.dictionary("mlp_out", dictionary.info.layer)
    comparison = scope.compare_dictionaries(TEXT, [dictionary, dictionary, other])
    own, crossed = comparison.pairs
    assert own.measure == "decoder cosine" and crossed.measure == "activation correlation"
    assert own.count("one to one") == len(own.matches) == len(np.unique(comparison.readings[0].features))
    assert all(match.first == match.second and match.value == pytest.approx(1, abs=1e-5) for match in own.matches)
    gaps = [abs(match.difference) for match in crossed.matches]
    assert gaps == sorted(gaps, reverse=True) and max(gaps) > 0
    firing = [sorted({int(one) for one in reading.features}) for reading in comparison.readings]
    for side, index in (("first", 0), ("second", 2)):
        shown = [one.feature for match in crossed.matches for one in getattr(match, side)]
        assert sorted(shown) == firing[index]
    assert [row.fvu for row in comparison.summaries] == [reading.total_fvu for reading in comparison.readings]
    assert len(comparison.to_frame()) == len(own.matches) + len(crossed.matches) and comparison.plot().axes
    given = scope.compare_dictionaries(TEXT, [dictionary, scope.read(TEXT, other)])
    assert given.pairs[0].matches == crossed.matches and "given" in " ".join(given.notes)
    for wrong in ([dictionary], [dictionary, scope.read("The", other)], [dictionary, 5]):
        with pytest.raises(gs.InvalidValue):
            scope.compare_dictionaries(TEXT, wrong)


def test_searches_and_comparisons_are_jobs_that_can_be_stopped(own):
    graph = gs.circuit(own, "The")
    own.gate.clear()
    home = own.dictionary()
    jobs = [
        own.start_find(positive=["The"] * 50),
        own.start_card(home.feature(3)),
        own.start_contrast("The", "A"),
        own.start_circuit("The"),
        own.start_circuit_heads(graph, len(graph) - 1, 0),
        own.start_compare_dictionaries("The", [home, home]),
    ]
    for job in jobs:
        assert job.cancel()
    own.gate.set()
    for job in jobs[1:]:
        with pytest.raises(gs.Cancelled):
            job.result(SOON)


@pytest.mark.row("14")
def test_a_reading_ranks_features_by_strength_share_or_rarity(scope, dictionary):
    reading = scope.read(TEXT, dictionary)
    by_share, by_rarity = reading.top(20, by="share"), reading.top(20, by="rarity")
    for one in by_share:
        assert one.max_activation == dictionary.max_activation(one.feature)
    shares = [one.activation / one.max_activation for one in by_share if one.max_activation]
    assert shares == sorted(shares, reverse=True)
    densities = [one.density for one in by_rarity]
    assert densities == sorted(densities)
    assert [one.is_dense for one in by_rarity] == [density > 0.1 for density in densities]
    assert {one.feature for one in by_share} != {one.feature for one in reading.top(20)}
    with pytest.raises(gs.InvalidValue, match="by must be activation, share, rarity"):
        reading.top(3, by="strength")


# ---- reading


def test_a_reading_lists_firings_by_position_and_feature(scope, dictionary):
    reading = scope.read(TEXT, dictionary)
    count = len(reading.tokens)
    assert (reading.positions.dtype, reading.features.dtype, reading.l0.dtype) == (np.int32, np.int32, np.int32)
    for array in (reading.activations, reading.error_norm, reading.norm, reading.fvu):
        assert array.dtype == np.float32
    assert len(reading.positions) == len(reading.features) == len(reading.activations) > 0
    assert (reading.activations > 0).all()
    order = np.lexsort((reading.features, reading.positions))
    np.testing.assert_array_equal(order, np.arange(len(order)))
    np.testing.assert_array_equal(reading.l0, np.bincount(reading.positions, minlength=count))
    assert set(reading.positions) <= set(reading.tokens.used)
    ignored = list(reading.tokens.ignored)
    assert np.isnan(reading.error_norm[ignored]).all()
    assert np.isfinite(reading.error_norm[list(reading.tokens.used)]).all()
    assert (reading.norm > 0).all()
    assert 0 < reading.total_fvu < 1
    assert reading.dictionary_info == dictionary.info
    assert set(reading.labels) <= set(reading.features.tolist())


def test_selected_features_are_read_as_among_all(scope, dictionary):
    whole = scope.read(TEXT, dictionary)
    first, other = whole.top(2)
    part = scope.read(TEXT, dictionary.info.id, features=[first.feature, np.int64(other.feature)])
    for feature in (first.feature, other.feature):
        np.testing.assert_allclose(part.trace(feature), whole.trace(feature), rtol=1e-4, atol=1e-4)
    assert part.selected == (first.feature, other.feature)
    assert part.total_fvu is None
    assert np.isnan(part.error_norm).all()
    with pytest.raises(gs.UnknownFeature):
        part.trace(next(feature for feature in range(9) if feature not in part.selected))


@pytest.mark.parametrize("text", ["", "   ", *HOSTILE], ids=ascii)
def test_any_text_can_be_read_and_continued(scope, text):
    reading = scope.read(text)
    assert len(reading.l0) == len(reading.tokens)
    assert len(scope.next_tokens(text, 3).chances) == 3


def test_bad_questions_are_refused_by_the_same_kind_of_error(scope, dictionary):
    for error, ask in (
        (gs.InvalidValue, lambda: scope.read(TEXT, 5)),
        (gs.UnknownDictionary, lambda: scope.read(TEXT, "elsewhere")),
        (gs.InvalidValue, lambda: scope.read(TEXT, features=5)),
        (gs.UnknownFeature, lambda: scope.read(TEXT, features=[1024])),
        (gs.InvalidValue, lambda: scope.read([])),
        (gs.InvalidValue, lambda: scope.next_tokens(TEXT, 0)),
        (gs.InvalidValue, lambda: scope.next_tokens(TEXT, interventions=[3])),
        (gs.InvalidValue, lambda: scope.next_tokens("", 3, [gs.ablate(dictionary.feature(3))])),
        (
            gs.InvalidValue,
            lambda: scope.next_tokens(TEXT, 3, [gs.add(dictionary.feature(3), 1, positions="generated")]),
        ),
        (gs.InvalidValue, lambda: scope.next_tokens(TEXT, 3, [gs.ablate(dictionary.feature(3))] * 2)),
        (
            gs.InvalidValue,
            lambda: scope.generate(TEXT, [gs.clamp(dictionary.feature(3), 1), gs.ablate(dictionary.feature(3))]),
        ),
        (gs.InvalidValue, lambda: scope.generate(TEXT, max_new_tokens=0)),
        (gs.InvalidValue, lambda: scope.generate_rows(TEXT, {}, plan=SamplingPlan())),
        (gs.InvalidValue, lambda: scope.generate(TEXT, features=[3])),
        (gs.InvalidValue, lambda: scope.generate(TEXT, features=[dictionary.feature(3)] * 2)),
        (gs.UnknownFeature, lambda: scope.generate(TEXT, features=[FeatureRef(dictionary.info.id, 1024)])),
        (gs.UnknownDictionary, lambda: scope.generate(TEXT, features=[FeatureRef("elsewhere", 3)])),
        (gs.InvalidValue, lambda: scope.generate(TEXT, max_new_tokens=1).trace()),
    ):
        with pytest.raises(error):
            ask()


# ---- predicting


def test_next_tokens_come_likeliest_first_and_interventions_change_them(scope, dictionary):
    plain = scope.next_tokens(TEXT, 8)
    chances = [chance.probability for chance in plain.chances]
    assert len(chances) == 8
    assert chances == sorted(chances, reverse=True)
    assert plain.kl == 0
    assert plain.interventions == ()
    assert all(before == after for before, after in plain.pairs)
    made = gs.add(dictionary.feature(3), 2.0)
    changed = scope.next_tokens(TEXT, 8, [made])
    assert changed.kl > 0.01
    assert changed.interventions == (made,)
    assert {before.id for before, _ in changed.pairs} >= {one.id for one in (*plain.chances, *changed.chances)}
    assert [after for _, after in changed.pairs][:8] == list(changed.chances)
    everything = scope.next_tokens(TEXT, scope.info.vocabulary)
    assert sum(chance.probability for chance in everything.chances) == pytest.approx(1, abs=1e-4)


def test_the_lens_ends_in_the_prediction_and_follows_a_token_through_the_layers(scope):
    likely = scope.next_tokens(TEXT, 3).chances
    reading = scope.logit_lens(TEXT, 3, track=[likely[1].id])
    last, end = scope.info.layers - 1, len(reading.tokens) - 1
    assert reading.layers == tuple(range(scope.info.layers))
    assert reading.ids.dtype == np.int32 and reading.ids.shape == (last + 1, end + 1, 3)
    assert [one.id for one in reading.top(layer=last, pos=end)] == [one.id for one in likely]
    assert (np.diff(reading.probabilities, axis=-1) <= 0).all() and (reading.entropy >= 0).all()
    assert reading.paths[0].ranks[last, end] == 1
    assert reading.paths[0].probabilities[last, end] == pytest.approx(likely[1].probability, abs=1e-5)
    assert np.abs(reading.probabilities[0] - reading.probabilities[last]).max() > 0.01  # control
    with pytest.raises(gs.InvalidValue, match=r"a layer must"):
        scope.logit_lens(TEXT, layers=[last + 1])


def test_an_intervention_that_sets_what_is_there_changes_nothing(scope, dictionary):
    reading = scope.read(TEXT, dictionary)
    silent = next(feature for feature in range(1024) if not reading.trace(feature).any())
    assert scope.next_tokens(TEXT, 3, [gs.ablate(dictionary.feature(silent))]).kl == pytest.approx(0, abs=1e-6)
    firing = reading.top(1, pos=len(reading.tokens) - 1)[0].feature
    assert scope.next_tokens(TEXT, 3, [gs.scale(dictionary.feature(firing), 1.0)]).kl == pytest.approx(0, abs=1e-6)
    assert scope.next_tokens(TEXT, 3, [gs.ablate(dictionary.feature(firing))]).kl > 1e-6  # control


def test_a_random_control_is_matched_to_what_it_controls(scope, dictionary):
    made = [gs.add(dictionary.feature(3), 0.5)]
    control = scope.random_control(made, seed=4)
    assert (control.kind, control.seed, control.matched) == ("random", 4, tuple(made))
    kls = [scope.next_tokens(TEXT, 3, [one]).kl for one in (*made, control, scope.random_control(made, seed=5))]
    assert min(kls) > 1e-6
    assert len(set(kls)) == 3
    assert scope.next_tokens(TEXT, 3, [scope.random_control([gs.add(dictionary.feature(3), 0.0)])]).kl < 1e-8
    assert scope.random_control([]) is None
    for wrong in (-1, 2**31, 1.0, True, "1"):
        with pytest.raises(gs.InvalidValue, match="seed must be"):
            scope.random_control(made, seed=wrong)


def test_controls_beside_a_prediction_are_those_of_random_directions_alone(scope, dictionary):
    made = [gs.add(dictionary.feature(3), 0.5)]
    found = scope.next_tokens(TEXT, 8, made, controls=3)
    assert [one.intervention for one in found.controls] == [scope.random_control(made, seed=seed) for seed in range(3)]
    for one in found.controls:
        alone = scope.next_tokens(TEXT, scope.info.vocabulary, [one.intervention])
        chances = {chance.id: chance.probability for chance in alone.chances}
        assert one.kl == pytest.approx(alone.kl, rel=1e-3) and one.kl > 1e-6
        assert [chance.id for chance in one.chances] == [changed.id for _, changed in found.pairs]
        for chance in one.chances:
            assert chance.probability == pytest.approx(chances[chance.id], rel=1e-3, abs=1e-7)
    assert len({one.kl for one in found.controls}) == 3
    assert scope.next_tokens(TEXT, 8, made).controls == ()
    assert scope.next_tokens(TEXT, 8, controls=3).controls == ()
    for wrong in (1, 2, 17, -1, True, 3.0, "3"):
        with pytest.raises(gs.InvalidValue, match="controls must be"):
            scope.next_tokens(TEXT, 8, made, controls=wrong)


# ---- comparing and dosing


def test_a_comparison_sets_a_change_beside_baseline_and_controls(scope, dictionary):
    made = [gs.add(dictionary.feature(3), 0.5)]
    found = scope.compare("The old", made, max_new_tokens=5, temperature=1.0, seeds=(1, 4))
    assert found.names == ("baseline", "changed", "random 0", "random 1", "random 2")
    assert [row.seed for row in found.rows] == [1] * 5 + [4] * 5
    for row in found.rows:
        alone = scope.generate("The old", row.interventions, max_new_tokens=5, temperature=1.0, seed=row.seed)
        assert (row.text, row.ended) == (alone.text, alone.ended)
        assert len(row.kl) == len(row.baseline_logprobs) == len(row.tokens)
        assert (row.mean_kl > 1e-6) == (row.kind != "baseline")
        assert row.perplexity >= 1
    assert found.interventions == tuple(made)
    assert len(found.to_frame()) == sum(len(row.tokens) for row in found.rows)
    none = scope.compare("The old", [gs.add(dictionary.feature(3), 0.0)], max_new_tokens=5)
    assert len({row.text for row in none.rows}) == 1
    assert max(row.kl.max() for row in none.rows) == 0
    for wrong in ({"seeds": (1, 2)}, {"controls": 2}, {"seeds": ()}, {"max_new_tokens": 0}):
        with pytest.raises(gs.InvalidValue):
            scope.compare("The old", made, **wrong)
    with pytest.raises(gs.InvalidValue, match="nothing to compare with"):
        scope.compare("The old", [])


def test_a_dose_response_is_measured_at_every_strength(scope, dictionary):
    options = {"samples": 3, "max_new_tokens": 4}
    for measure in ("fish", 5, dictionary.feature(4), len):
        found = scope.dose("The old", dictionary.feature(3), measure=measure, **options)
        assert len(found.samples) == 3 + 8 * 2 * 3
        assert found.seeds == (0, 1, 2)
        assert found.strengths == (-1.0, -0.6, -0.3, -0.1, 0.0, 0.1, 0.3, 0.6, 1.0)
    assert [sample.effect for sample in found.samples] == [len(sample.text) for sample in found.samples]
    alone = scope.generate("The old", [gs.add(dictionary.feature(3), 0.6)], max_new_tokens=4, temperature=1.0, seed=2)
    assert found.texts(0.6)[2] == alone.text
    for wrong in ({"measure": None}, {"samples": 2}, {"temperature": 0}, {"strengths": (0, 1)}):
        with pytest.raises(gs.InvalidValue):
            scope.dose("The old", dictionary.feature(3), **{"measure": "fish", **options, **wrong})


def test_both_are_jobs_that_tell_how_far_they_are_and_can_be_stopped(scope, dictionary):
    ref = dictionary.feature(3)
    for start in (
        lambda slot: scope.start_compare("The old", [gs.add(ref, 0.5)], max_new_tokens=100, slot=slot),
        lambda slot: scope.start_dose("The old", ref, measure="fish", slot=slot),
    ):
        gates, begun = (threading.Event(), threading.Event()), threading.Event()
        scope.submit(lambda _job, gate=gates[0]: gate.wait(SOON))
        older, newer = start("here"), start("here")
        scope.submit(lambda _job, begun=begun, gate=gates[1]: (begun.set(), gate.wait(SOON)))
        gates[0].set()
        with pytest.raises(gs.Cancelled):
            older.result(SOON)
        assert begun.wait(SOON)  # by when the newer one has had its first turn, and no second one
        assert newer.cancel()
        gates[1].set()
        with pytest.raises(gs.Cancelled):
            newer.wait()


# ---- generating


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_rows_are_generated_together_on_the_same_numbers(scope, dictionary, temperature):
    plan = SamplingPlan(6, temperature, seed=3)
    made = [gs.add(dictionary.feature(3), 2.0)]
    seen: list[Sequence] = []
    generation = scope.generate_rows("The old", {"a": (), "b": made, "c": ()}, plan=plan, on_step=seen.append)
    generation.wait()
    assert generation.names == ("a", "b", "c")
    assert generation.ended in ("length", "end of text")
    assert generation.tokens("a") == generation.tokens("c") == generation.tokens() == tuple(generation)
    assert generation.tokens("a") != generation.tokens("b")
    assert generation.text == "".join(token.text for token in generation.tokens("a"))
    assert [step[0].id for step in seen if step[0]] == [token.id for token in generation.tokens("a")]
    for number, token in enumerate(generation.tokens()):
        assert token.step == number
        assert token.logprob <= 0
        chances = [one.probability for one in token.alternatives]
        assert chances == sorted(chances, reverse=True)
    alone = scope.generate("The old", made, max_new_tokens=6, temperature=temperature, seed=3)
    assert alone.text == "".join(token.text for token in generation.tokens("b"))
    assert generation.job.done()
    with pytest.raises(gs.InvalidValue, match="the rows are"):
        generation.tokens("d")


def test_chosen_features_are_read_while_each_row_is_made(scope, dictionary):
    top = scope.read(TEXT, dictionary).top(6)
    refs = [dictionary.feature(one.feature) for one in top[::-1]]
    rows = {"baseline": (), "changed": [gs.add(refs[0], 2.0)]}
    generation = scope.generate_rows(TEXT, rows, plan=SamplingPlan(6), features=refs).wait()
    prompt = scope.tokens(TEXT)
    for name in rows:
        trace, tokens = generation.trace(name), generation.tokens(name)
        assert (trace.prompt.ids, trace.generated, trace.features) == (prompt.ids, tokens, tuple(refs))
        assert (trace.activations.shape, trace.activations.dtype) == ((6, len(prompt) + len(tokens)), np.float32)
        made = np.array([token.activations for token in tokens], np.float32).T
        np.testing.assert_array_equal(trace.activations[:, len(prompt) :], made)
        assert len(trace.to_frame()) == trace.activations.size
    trace = generation.trace()
    again = scope.read([*prompt.ids, *(token.id for token in generation)], dictionary)
    expected = np.array([again.trace(ref.feature) for ref in refs])
    np.testing.assert_allclose(trace.activations, expected, rtol=1e-3, atol=1e-3)
    assert (expected[:, : len(prompt)] > 0).any(1).all()
    changed = generation.trace("changed").activations[:, : len(prompt)]
    assert np.abs(changed - expected[:, : len(prompt)])[:, list(prompt.used)].max() > 0.1  # control
    with pytest.raises(gs.InvalidValue, match="the rows are"):
        generation.trace("d")
    compared = scope.compare(TEXT, rows["changed"], max_new_tokens=6, features=refs)
    np.testing.assert_allclose(compared.rows[0].trace.activations, trace.activations, rtol=1e-3, atol=1e-3)
    assert compared.rows[2].trace.features == tuple(refs)


def test_the_likeliest_token_is_the_one_predicted(scope):
    (token,) = scope.generate(TEXT, max_new_tokens=1)
    best = scope.next_tokens(TEXT, 1).chances[0]
    assert token.id == best.id
    assert token.logprob == pytest.approx(math.log(best.probability), abs=1e-4)


def test_a_cancelled_generation_keeps_what_was_made(scope):
    begun, cancelled = threading.Event(), threading.Event()

    def hold(_step):
        begun.set()
        assert cancelled.wait(SOON)

    generation = scope.generate_rows("The old", {"text": ()}, plan=SamplingPlan(200, 1.0), on_step=hold)
    assert begun.wait(SOON)
    generation.cancel()
    cancelled.set()
    generation.wait()
    assert generation.ended == "cancelled"
    assert 0 < len(generation.tokens()) < 200
    assert isinstance(generation.job.exception(SOON), gs.Cancelled)


def test_a_generation_that_fails_says_so_to_whoever_waits(scope):
    def fail(_step):
        raise ValueError("on purpose")

    generation = scope.generate_rows("The old", {"text": ()}, plan=SamplingPlan(3), on_step=fail)
    with pytest.raises(ValueError, match="on purpose"):
        generation.wait()
    assert generation.ended == "error"


def test_a_step_that_waits_for_its_own_generation_is_refused(scope):
    begin, made = threading.Event(), []

    def wait(_step):
        assert begin.wait(SOON)
        assert len(made[0].tokens()) == 1  # what there is can be had
        made[0].wait()

    made.append(scope.generate_rows("The old", {"text": ()}, plan=SamplingPlan(3), on_step=wait))
    begin.set()
    with pytest.raises(gs.NotFinished):
        made[0].wait()
    assert made[0].ended == "error"


# ---- the worker


def test_the_newest_job_of_a_slot_wins(scope):
    gate, begun = threading.Event(), threading.Event()
    scope.submit(lambda _job: (begun.set(), gate.wait(SOON)))
    assert begun.wait(SOON)
    ran: list[str] = []
    older = scope.submit(lambda _job: ran.append("older"), slot="same")
    newer = scope.submit(lambda _job: ran.append("newer"), slot="same")
    gate.set()
    newer.result(SOON)
    assert ran == ["newer"]
    assert older.stopping
    with pytest.raises(gs.Cancelled):
        older.result(SOON)


def test_inside_a_job_every_method_answers_directly(scope, dictionary):
    def ask(_job):
        return (
            scope.read(TEXT, dictionary).total_fvu,
            scope.next_tokens(TEXT, 3).chances,
            scope.generate(TEXT, max_new_tokens=2).text,
        )

    assert scope.submit(ask).result(SOON) == ask(None)


def test_a_callback_of_an_ended_job_gets_its_result(scope):
    found: list[object] = []
    job = scope.submit(lambda _job: 7)
    job.add_done_callback(lambda job: found.append((job.wait(), job.is_current)))
    job.result(SOON)
    scope.submit(lambda _job: None).result(SOON)
    assert found == [(7, False)]


def test_a_job_that_asks_for_its_own_result_is_refused(scope):
    jobs = []

    def ask(job):
        jobs.append(job)
        assert job.is_current
        return job.wait()

    with pytest.raises(gs.NotFinished, match="inside its own work"):
        scope.submit(ask).result(SOON)
    assert not jobs[0].is_current
    assert scope.submit(lambda _job: "alive").result(SOON) == "alive"


def test_provenance_and_code_name_what_was_used(scope, dictionary):
    record = scope.provenance([dictionary.info.id], token_ids=[1, 2], seed=3)
    assert record.model == scope.info.id
    assert list(record.dictionaries) == [dictionary.info.id]
    assert (record.token_ids, record.settings) == ((1, 2), {"seed": 3})
    assert scope.to_code().startswith("scope = ")
    assert scope.write_opening(dictionary.info.id).startswith("scope.dictionary(")


# ---- the fake's knobs


def test_the_fake_counts_waits_and_fails_as_told(own):
    own.gate.clear()
    job = own.submit(lambda _job: own.read(TEXT))
    with pytest.raises(TimeoutError):
        job.result(0.05)
    own.gate.set()
    job.result(SOON)
    own.generate(TEXT, max_new_tokens=2).wait()
    own.error = gs.OutOfMemory("no room")
    with pytest.raises(gs.OutOfMemory, match="no room"):
        own.next_tokens(TEXT)
    with pytest.raises(gs.OutOfMemory, match="no room"):
        own.generate(TEXT).wait()
    assert own.calls == ["read", "step", "step", "next_tokens", "step"]


def test_two_fakes_give_the_same_numbers(own, fake):
    np.testing.assert_array_equal(own.read(TEXT).activations, fake.read(TEXT).activations)
    assert own.next_tokens(TEXT) == fake.next_tokens(TEXT)
