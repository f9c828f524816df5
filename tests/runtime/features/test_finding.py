"""Features found by texts, and texts contrasted, on the embedded model: against plain transformers and NumPy."""

import numpy as np
import pytest

import gscope_widgets as gs


@pytest.fixture(scope="module")
def encode(dictionary, plain_mini, plain_run, read_weights, scope):
    """Activations of all features on a text by plain arithmetic: float64, [pos, d_dict]; 0 at ignored positions."""
    weights = read_weights(dictionary.folder.path)

    def run(text: str) -> np.ndarray:
        tokens = scope.tokens(text)
        x = plain_run(plain_mini, list(tokens.ids), layer=4)[1].reshape(len(tokens), -1)
        pre = np.asarray(x, np.float64) @ weights["w_enc"] + weights["b_enc"]
        found = pre * (pre > weights["threshold"])
        found[list(tokens.ignored)] = 0
        return found

    return run


@pytest.fixture(scope="module")
def sets() -> tuple[list[str], list[str]]:
    """Ten French and ten English texts that nothing was trained on."""
    spans = [max(one.covered("language:french"), key=len)[:80] for one in gs.mini.texts(concept="language:french")]
    french = [span for span in spans if len(span) > 30][:10]
    plain = [one for one in gs.mini.texts() if "language:french" not in one.spans]
    return french, [one.text[:80] for one in plain[:10]]


@pytest.mark.row("15")
def test_texts_find_what_fires_on_them_as_a_share_of_its_own_maximum(scope, dictionary, encode, sets):
    texts = sets[0][:3]
    hits = scope.find(positive=texts, dictionary=dictionary, k=12)
    peaks = np.array([encode(text).max(0) for text in texts])
    known = np.array([dictionary.max_activation(feature) or np.inf for feature in range(dictionary.d_dict)])
    shares = peaks.mean(0) / known
    assert [one.score for one in hits] == pytest.approx(np.sort(shares)[:-13:-1].tolist(), rel=1e-3)
    for one in hits:
        assert one.score == pytest.approx(shares[one.feature], rel=1e-3)
        assert one.positive == pytest.approx(peaks[:, one.feature].mean(), rel=1e-3)
        text, pos = one.strongest
        assert encode(texts[text])[pos, one.feature] == pytest.approx(peaks[:, one.feature].max(), rel=1e-3)
    assert hits.provenance.settings["positive"] == [list(scope.tokens(text).ids) for text in texts]


@pytest.mark.row("15")
def test_a_contrast_of_french_and_english_is_what_plain_arithmetic_says_and_names_french(
    scope, dictionary, encode, sets
):
    hits = scope.find(positive=sets[0], negative=sets[1], dictionary=dictionary, k=20)
    one, other = (np.array([encode(text).max(0) for text in texts]) for texts in sets)
    spread = np.concatenate([one, other]).std(0)
    score = np.where(spread > 1e-9, (one.mean(0) - other.mean(0)) / np.maximum(spread, 1e-9), 0)
    assert [hit.score for hit in hits] == pytest.approx(np.sort(score)[:-21:-1].tolist(), abs=1e-3)
    for hit in hits:
        assert hit.score == pytest.approx(score[hit.feature], abs=1e-3)
        assert (hit.positive, hit.negative) == pytest.approx((one[:, hit.feature].mean(), other[:, hit.feature].mean()))
    labels = [hit.label.text for hit in hits if hit.label]
    assert "language:french" in labels[:5]
    assert hits[0].null.reached_by_any < 0.01
    turned = scope.find(positive=sets[1], negative=sets[0], dictionary=dictionary, k=20)
    assert not {hit.feature for hit in turned} & {hit.feature for hit in hits}  # control
    assert "language:french" not in [hit.label.text for hit in turned if hit.label]


def test_two_sets_of_the_same_language_have_no_hit_beyond_their_null(scope, dictionary, sets):
    hits = scope.find(positive=sets[0][::2], negative=sets[0][1::2], dictionary=dictionary, k=20)
    assert hits[0].null.reached_by_any > 0.05
    assert hits[0].score > 0.5  # and yet it looks like something


def test_a_shared_start_tells_no_sets_apart(scope, dictionary):
    """Positive texts are longer than negative ones, so that what both begin with is rounded differently in each set."""
    start = "The old fisherman walked from the harbour"
    ends = " Then he ran home.", " Then she sang.", " Then it rained.", " Then we slept."
    positive = [f"{start} to the market, because his sister wanted bread.{end}" for end in ends]
    negative = [start + end for end in (" to me.", " home.", " in.", " at.")]
    hits = scope.find(positive=positive, negative=negative, k=20, dictionary=dictionary)
    differing = [one for one in hits if one.score > 0]
    assert differing and all(one.positive - one.negative > 0.01 * one.positive for one in differing)


def test_a_search_by_texts_gives_turns_and_can_be_stopped(scope, dictionary):
    many = [f"The old fisherman sold {number} fish and went home." for number in range(900)]
    job = scope.start_find(positive=many, dictionary=dictionary)
    assert scope.submit(lambda _job: "a turn").result(60) == "a turn"
    assert not job.done() and job.cancel()
    with pytest.raises(gs.Cancelled):
        job.result(60)


@pytest.mark.row("17")
def test_contrasted_texts_hold_the_activations_of_plain_arithmetic(scope, dictionary, encode):
    texts = ("The old cat sat by the river.", "The old dog sat by a very cold river.")
    contrast = scope.contrast(*texts, dictionary)
    dense = [encode(text) for text in texts]
    for row, (one, other) in enumerate(contrast.pairs.tolist()):
        left, right = (
            dense[side][pos] if pos >= 0 else np.zeros(dictionary.d_dict) for side, pos in enumerate((one, other))
        )
        found = {each.feature: (each.first, each.second) for each in contrast.features(row)}
        assert set(found) == set(np.flatnonzero((left > 0) | (right > 0)))
        for feature, values in found.items():
            assert values == pytest.approx((left[feature], right[feature]), rel=1e-3, abs=1e-3)
        assert contrast.differences()[row] == pytest.approx(np.linalg.norm(left - right), rel=1e-3, abs=1e-2)
    peaks = dense[1].max(0) - dense[0].max(0)
    assert [each.difference for each in contrast.differing(5)] == pytest.approx(
        peaks[np.argsort(-np.abs(peaks))[:5]].tolist(), rel=1e-3
    )
    shared = np.minimum(dense[0].max(0), dense[1].max(0))
    assert [each.shared for each in contrast.shared(5)] == pytest.approx(np.sort(shared)[:-6:-1].tolist(), rel=1e-3)


@pytest.mark.filterwarnings("ignore::gscope_widgets.SanityWarning")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_start_that_all_texts_share_tells_no_sets_apart_in_either_dtype(load, make_model, make_dictionary, dtype):
    """Read alone, and with more behind it, where sums are rounded otherwise: no claim about it is right or wrong."""
    scope = load(make_model("rounding"), dtype=dtype)
    home = scope.dictionary(path=make_dictionary())
    start = "The old fisherman sold 12 fish"
    behind = [" and", " and two red", " and two red birds sang at home", " and then the children went to the market"]
    positive, negative = [start], [f"{start}{one}" for one in behind]
    own = len(scope.tokens(start))
    readings = [scope.read(text, home).to_dense() for text in (*positive, *negative)]
    peaks = np.array([one.max(0) for one in readings])
    shared = np.flatnonzero((peaks.min(0) > 0) & (np.array([one.argmax(0) for one in readings]) < own).all(0))
    assert len(shared) > 3
    spread = np.ptp(peaks[:, shared], axis=0) / peaks[:, shared].max(0)
    feature = int(shared[spread.argmax()])
    if dtype == "bfloat16":
        assert spread.max() > 1e-4  # which float32 would call a difference
    score = scope.score_claim(home.feature(feature), positive, negative)
    assert score.auc == 0.5
    hits = scope.find(dictionary=home, positive=positive, negative=negative, k=home.d_dict)
    assert next(one.score for one in hits if one.feature == feature) == 0
