"""DoseSweep: the record's numbers, counted again in the texts; what is refused; what Stop keeps."""

import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.doses import DoseResponse, DoseSample, build_points
from tests.fake_scope import FakeScope

PROMPT = "The old fisherman"
STRENGTHS = (-1.0, -0.6, -0.3, 0.0, 0.3, 0.6, 1.0)
AWAY = 988  # of mini's default dictionary: "word: away"
QUICK = {"strengths": STRENGTHS, "samples": 3, "max_new_tokens": 8}


@pytest.fixture
def page(scope, open_page):
    return open_page(gs.DoseSweep(scope, PROMPT, ref=3, measure=["fish", "sister"], **QUICK))


def unpack(message) -> tuple[dict, dict[str, np.ndarray]]:
    content, buffers = message
    heads = zip(content["arrays"], buffers, strict=True)
    return content, {head["name"]: np.frombuffer(one, head["dtype"]).reshape(head["shape"]) for head, one in heads}


def sweep(page) -> dict:
    page.widget.start()
    return page.settle()


def count(text: str, word: str) -> float:
    """The share of a text's words that are this one, by another way than the package's: letters run together."""
    words = "".join(one if one.isalnum() or one in "'’" else " " for one in text.lower()).split()
    return words.count(word) / len(words) if words else 0.0


@pytest.mark.row("26", "27", "28", "NEW 23")
def test_the_numbers_are_the_records_and_those_counted_in_the_texts(mini, open_page):
    page = open_page(gs.DoseSweep(mini, PROMPT, ref=mini.dictionary().feature(AWAY), measure="The", **QUICK))
    assert page.messages("result") == []  # nothing runs before Start
    assert sweep(page)["state"] == "idle"
    content, arrays = unpack(page.messages("result")[-1])
    record = page.widget.response
    assert (content["ended"], content["strengths"]) == ("whole", list(STRENGTHS))
    for name in ("effect", "control_effect", "perplexity", "control_perplexity"):
        expected = [[getattr(getattr(one, name), part) for part in ("mean", "low", "high")] for one in record.points]
        np.testing.assert_allclose(arrays[name], expected, rtol=1e-6)
    assert content["flips"] == [{"strength": flip.strength, "change": flip.change} for flip in record.flips]
    assert content["breaks_up"] == list(record.breaks_up)
    counted, others = [], []
    for at, strength in enumerate(STRENGTHS):
        page.widget.selected_strength = strength
        texts, numbers = unpack(page.messages("texts")[-1])
        kind = "changed" if strength else "baseline"
        rows = zip(texts["rows"], numbers["numbers"], strict=True)
        here = [(row["seed"], row["text"], values) for row, values in rows if row["kind"] == kind]
        assert [seed for seed, _, _ in here] == [0, 1, 2]
        counted.append([count(text, "the") for _, text, _ in here])
        others.append([count(text, "was") for _, text, _ in here])
        np.testing.assert_allclose([values[0] for _, _, values in here], counted[-1], atol=1e-6)
        geometric = np.exp(np.mean([np.log(values[1]) for _, _, values in here]))
        assert geometric == pytest.approx(arrays["perplexity"][at, 0], rel=1e-4)
    np.testing.assert_allclose(arrays["effect"][:, 0], np.mean(counted, 1), atol=1e-6)
    assert np.max(counted) > 0.1  # there is something to count,
    assert not np.allclose(
        arrays["effect"][:, 0], np.mean(others, 1), atol=0.01
    )  # and another word gives another curve


@pytest.mark.row("27", "NEW 3")
def test_baseline_control_and_caution_are_in_the_first_result(page, check_copy):
    sweep(page)
    content, arrays = unpack(page.messages("result")[-1])
    assert not np.array_equal(arrays["effect"], arrays["control_effect"])
    zero = STRENGTHS.index(0.0)
    np.testing.assert_array_equal(arrays["effect"][zero], arrays["control_effect"][zero])
    assert any("too narrow" in sentence for sentence in content["findings"])
    copied = check_copy(page.widget._build_copy())
    for sentence in [*content["findings"], *content["rules"].values()]:
        assert sentence in copied
    page.widget.strengths = (-5.0, *STRENGTHS[1:])
    assert "beyond 2" in page.widget.caution
    page.widget.strengths = STRENGTHS
    assert page.widget.caution == ""


def test_all_texts_of_a_strength_come_whole_beside_those_of_0(page):
    sweep(page)
    page.set(selected_strength=0.6)
    content, _ = unpack(page.messages("texts")[-1])
    response = page.widget.response
    made = {
        kind: [row["text"] for row in content["rows"] if row["kind"] == kind]
        for kind in ("baseline", "changed", "random")
    }
    assert tuple(made["baseline"]) == response.texts(0)
    assert tuple(made["changed"]) == response.texts(0.6)
    assert tuple(made["random"]) == response.texts(0.6, kind="random")
    assert (content["strength"], content["prompt"]) == (0.6, PROMPT)
    page.set(selected_strength=0.0)
    assert {row["kind"] for row in unpack(page.messages("texts")[-1])[0]["rows"]} == {"baseline"}
    page.set(selected_strength=0.7)  # none was made there
    assert page.messages("texts")[-1][0]["strength"] == 0.6
    page.forget()
    page.send({"type": "ready"})  # a view that comes late
    assert [content["type"] for content, _ in page.messages()] == ["result", "texts"]


@pytest.mark.row("25", "NEW 6")
def test_stop_keeps_the_strengths_that_are_made(page):
    page.widget._send_result, send = (lambda *message: (send(*message), page.widget.stop())), page.widget._send_result
    status = sweep(page)
    assert status["state"] == "cancelled"
    first, *_, last = (content for content, _ in page.messages("result"))
    assert (first["ended"], last["ended"]) == ("", "stopped")
    assert 0.0 in last["strengths"]
    assert len(last["strengths"]) < len(STRENGTHS)
    assert last["findings"][0] == f"{len(last['strengths'])} of 7 strengths are made; the rest is not known."
    assert page.widget.response.strengths == tuple(last["strengths"])
    assert f"made = {last['strengths']}" in page.widget.to_code()
    page.widget._send_result = send
    assert sweep(page)["state"] == "idle"
    assert page.messages("result")[-1][0]["ended"] == "whole"
    assert "made =" not in page.widget.to_code()


def test_a_partial_curve_is_that_of_the_whole_one(page):
    sweep(page)
    whole = page.widget.response
    seen = [unpack(message) for message in page.messages("result")]
    assert [len(content["strengths"]) for content, _ in seen] == [1, 3, 5, 7]
    for content, arrays in seen:
        rows = [whole.strengths.index(strength) for strength in content["strengths"]]
        np.testing.assert_array_equal(arrays["effect"], seen[-1][1]["effect"][rows])


def test_a_newer_sweep_takes_the_place_of_the_older_one(page, scope):
    scope.gate.clear()
    page.send({"type": "start", "id": "a", "settings": {"prompt": "On Monday"}})
    page.send({"type": "start", "id": "b", "settings": {"prompt": "The cat", "seed": 5}})
    scope.gate.set()
    assert page.settle()["state"] == "idle"
    assert {content["settings"]["prompt"] for content, _ in page.messages("result")} == {"The cat"}
    assert page.widget.response.seeds == (5, 6, 7)
    assert [content["id"] for content, _ in page.messages("ack")][:2] == ["a", "b"]


# ---- what is refused: one sentence, and what was shown stays


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"prompt": ""}, "the prompt is empty; write what the texts are to go on from"),
        ({"strengths": [*STRENGTHS[:6], math.nan]}, "got nan"),
        ({"strengths": [*STRENGTHS[:6], 1e30]}, "got 1e+30"),
        ({"strengths": [0.5]}, "strengths must be 7 to 41 different numbers"),
        (
            {"strengths": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]},
            "strengths must hold 0 (the baseline), negative and positive",
        ),
        ({"measure": []}, "measure is empty; name a word or several"),
        ({"measure": [""]}, "a word of a measure is letters and digits"),
        ({"measure": ["two words"]}, "a word of a measure is letters and digits"),
        ({"measure": 10**9}, "measure must be a token id from 0 to"),
        ({"measure": 1.5}, "got 1.5"),
        ({"measure": {"dictionary_id": "elsewhere", "feature": 1}}, "elsewhere"),
        ({"samples": 2}, "samples must be a whole number from 3 to 64, got 2"),
        ({"temperature": 0}, "number from 0.01 to 2, got 0"),
        ({"feature": 1024}, "a feature is a whole number from 0 to 1023"),
    ],
    ids=str,
)
def test_bad_input_is_one_sentence_and_the_view_stays(page, settings, words):
    sweep(page)
    before, state = page.widget._last_message, page.widget._read_settings()
    page.forget()
    page.send({"type": "start", "id": "x", "settings": settings})
    status = page.settle()
    assert status["state"] == "error"
    assert words in status["message"]
    assert "\n" not in status["message"]
    assert page.messages("result") == []
    assert page.widget._last_message is before
    if settings != {"prompt": ""}:  # nothing is typed yet: that may stand in the field
        assert page.widget._read_settings() == state
        ((name, value),) = settings.items()
        with pytest.raises(gs.GscopeError, match=re.escape(words)):
            setattr(page.widget, name, value)
    page.send({"type": "start", "id": "y", "settings": {"prompt": "The cat"}})
    assert page.settle()["state"] == "idle"


def test_a_word_that_the_tokenizer_never_makes_is_refused(monkeypatch, page, scope):
    tokens = FakeScope.tokens

    def lossy(self, prompt):
        return tokens(self, prompt.replace("ø", "?") if isinstance(prompt, str) else prompt)

    monkeypatch.setattr(FakeScope, "tokens", lossy)
    with pytest.raises(gs.InvalidValue, match="the tokenizer of fake never makes the word kø; name one that it can"):
        page.widget.measure = ["kø"]
    page.widget.measure = ["cow"]


def test_a_function_is_refused_with_where_to_give_it(scope):
    with pytest.raises(gs.InvalidValue, match=r"call scope\.dose\(\.\.\., measure=function\) for that"):
        gs.DoseSweep(scope, PROMPT, ref=3, measure=len)


def test_measures_are_words_a_feature_or_a_token(page, scope, dictionary):
    for given, read, told in (
        ("Fish", ("fish",), ["fish"]),
        ({"two", "cat"}, ("cat", "two"), ["cat", "two"]),
        (dictionary.feature(5), dictionary.feature(5), {"dictionary_id": dictionary.info.id, "feature": 5}),
        (300, 300, 300),
    ):
        page.widget.measure = given
        assert page.widget.measure == read
        assert page.widget.get_state(["measure"])["measure"] == told
        assert sweep(page)["state"] == "idle"
        content, arrays = unpack(page.messages("result")[-1])
        alone = scope.dose(PROMPT, dictionary.feature(3), STRENGTHS, measure=read, samples=3, max_new_tokens=8)
        assert content["measure"] == alone.measure.name
        np.testing.assert_allclose(arrays["effect"][:, 0], [one.effect.mean for one in alone.points], rtol=1e-6)


# ---- size, code


def test_the_texts_of_the_largest_sweep_are_below_a_megabyte(page):
    sweep(page)
    sample = page.widget.response.samples[0]
    text = "a word " * 375  # of 512 tokens
    samples = [
        DoseSample(strength, kind, seed, text, 0.0, 1.0, sample.baseline_logprobs)
        for strength in STRENGTHS
        for kind in ("changed", "random")[: 1 + bool(strength)]
        for seed in range(64)
    ]
    known = page.widget.response
    large = DoseResponse(
        known.prompt, known.ref, known.measure, build_points(samples), tuple(samples), known.provenance
    )
    page.widget._shown = page.widget._shown._replace(response=large)
    page.widget.selected_strength = 1.0
    content, buffers = page.messages("texts")[-1]
    assert len(content["rows"]) == 3 * 64
    assert len(json.dumps(content).encode()) + sum(map(len, buffers)) < 1_000_000


@pytest.mark.row("33")
def test_the_code_runs_in_a_fresh_kernel_and_prints_what_is_on_screen(mini, open_page):
    feature = mini.dictionary().feature(AWAY)
    page = open_page(gs.DoseSweep(mini, PROMPT, ref=feature, measure=["away", "the"], **QUICK))
    sweep(page)
    page.widget.seed, page.widget.prompt = 7, "Something else"  # after the sweep that is on screen
    run = subprocess.run(
        [sys.executable, "-c", page.widget.to_code()], capture_output=True, text=True, timeout=300, check=True
    )
    *lines, marks = run.stdout.splitlines()
    printed = np.array([line.split() for line in lines], float)
    points = page.widget.response.points
    expected = [[one.strength, one.effect.mean, one.control_effect.mean, one.perplexity.mean] for one in points]
    np.testing.assert_allclose(printed, expected, rtol=1e-4)
    assert marks == f"{page.widget.response.flips} {page.widget.response.breaks_up}"
    record = page.widget.provenance.to_dict()
    assert record["settings"]["seeds"] == [0, 1, 2]
    assert record["token_ids"] == mini.tokens(PROMPT).ids
