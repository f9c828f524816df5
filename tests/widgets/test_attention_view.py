"""AttentionView: its numbers are the reading's, its state is checked, its code prints what is on screen."""

import contextlib
import io
import math

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.attention import SCORES, check_length, finish_scores, weigh_scores
from gscope_widgets.widgets.attention_view import pack
from gscope_widgets.widgets.base.formats import format_number, format_percent
from tests.fake_attention import HEADS
from tests.fake_model import LAYERS

TEXT = "The old fisherman sold the old fish."


@pytest.fixture
def page(scope, open_page):
    return open_page(gs.AttentionView(scope, TEXT, layer=3, head=1))


def unpack(message) -> tuple[dict, dict]:
    content, buffers = message
    arrays = {}
    for head, data in zip(content["arrays"], buffers, strict=True):
        assert len(data) == 4 * math.prod(head["shape"])
        arrays[head["name"]] = np.frombuffer(data, head["dtype"]).reshape(head["shape"])
    return content, arrays


def widen(packed, dtype, count) -> np.ndarray:
    """[head, query, key] out of 16-bit lower triangles."""
    triangle = count * (count + 1) // 2
    flat = packed.view(dtype)[: HEADS * triangle].reshape(HEADS, triangle)
    found = np.zeros((HEADS, count, count))
    at = 0
    for query in range(count):
        for key in range(query + 1):
            found[:, query, key] = flat[:, at]
            at += 1
    return found


@pytest.mark.row("9")
def test_the_message_is_the_reading_in_small_steps(page, scope):
    page.send({"type": "ready"})
    content, arrays = unpack(page.messages("result")[-1])
    reading = scope.attention(TEXT, layer=3)
    assert (content["text"], content["layer"], content["tokens"]) == (TEXT, 3, list(reading.tokens.strings))
    assert content["windows"] == list(reading.windows) and content["names"] == list(reading.names)
    for name in ("scores", "sizes", "scales"):
        np.testing.assert_array_equal(arrays[name], getattr(reading, name))
    count = len(reading.tokens)
    np.testing.assert_allclose(widen(arrays["patterns"], "<u2", count) / 65535, reading.patterns, atol=0.51 / 65535)
    step = content["effect_step"]
    assert step == pytest.approx(np.abs(reading.effects).max() / 32767)
    np.testing.assert_allclose(widen(arrays["effects"], "<i2", count) * step, reading.effects, atol=0.51 * step)
    assert (reading.effects < 0).any()


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_triangles_are_packed_two_in_one_number(count):
    values = np.random.default_rng(count).integers(0, 65536, (3, count, count))
    packed = pack(values, "<u2")
    assert packed.dtype == np.int32 and len(packed) == -(-3 * count * (count + 1) // 4)
    flat = [values[head, query, key] for head in range(3) for query in range(count) for key in range(query + 1)]
    assert packed.view("<u2")[: len(flat)].tolist() == flat


@pytest.mark.row("9", "NEW 27")
def test_on_mini_the_copy_says_what_the_model_does(mini, open_page, check_copy):
    widget = open_page(gs.AttentionView(mini, TEXT, layer=5, head=2)).widget
    plain = mini.attention(TEXT, layer=5)
    np.testing.assert_array_equal(widget.reading.patterns, plain.patterns)
    said = check_copy(widget._build_copy())
    assert "layer 5, global: sees the whole text" in said
    last = len(plain.tokens) - 1
    shares = plain.patterns[2, last]
    best = int(np.argmax(shares))
    assert format_percent(float(shares[best])) in said
    assert format_number(float(plain.contributions(last)[2, best]), 2) in said
    for name, value in zip(SCORES, plain.scores[5, 2].tolist(), strict=True):
        words = format_number(value) if name == "distance" or math.isnan(value) else format_percent(value)
        assert words in said
    widget.layer = 4
    widget.wait()
    assert "layer 4, local: sees 32 tokens" in check_copy(widget._build_copy())  # the control


def test_the_code_prints_what_is_on_screen(mini, open_page):
    widget = open_page(gs.AttentionView(mini, TEXT, layer=5)).widget
    widget.selected_pos = 3
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(widget.to_code(), {})
    assert printed.getvalue().startswith(widget.to_frame().to_string())
    assert widget.reading.row_to_frame(3).to_string() in printed.getvalue()


def test_looking_asks_for_no_work_and_another_layer_does(page, scope):
    scope.calls.clear()
    page.set(head=2, show="effect", leaves_first_out=True, score="first", selected_pos=3)
    assert page.settle()["state"] == "idle"
    widget = page.widget
    assert (widget.head, widget.show, widget.leaves_first_out, widget.score, widget.selected_pos) == (
        2,
        "effect",
        True,
        "first",
        3,
    )
    assert not scope.calls
    page.set(layer=4)
    page.settle()
    assert widget.reading.layer == 4 and scope.calls == ["attention"]


def test_state_that_is_wrong_is_refused_in_words(page, refuse_all):
    refuse_all(page, "layer", [-1, LAYERS, 1.5, None, "2"], message="layer must be a whole number from 0 to 5")
    refuse_all(page, "head", [-1, HEADS, None, "1"], message="head must be a whole number from 0 to 3")
    refuse_all(page, "show", ["all", None, 3], message='show must be "pattern", "contribution" or "effect"')
    refuse_all(page, "score", ["best", None, 3], message="score must be one of previous, induction")
    refuse_all(page, "leaves_first_out", [None, 1, "yes"], message="leaves_first_out must be True or False")


def test_a_text_that_is_too_long_for_it_is_refused_in_words(page, scope, monkeypatch):
    def refuse(text, *, layer):
        check_length(len(scope.tokens(text)), 40_000)

    before = page.widget.to_frame()
    monkeypatch.setattr(scope, "attention", refuse)
    page.set(text="The old fisherman sold the old fish and bread and a coat. " * 2)
    status = page.settle()
    assert status["state"] == "error" and "give a shorter text" in status["message"]
    assert page.widget.to_frame().equals(before)  # what was read stays


def test_a_picture_leaves_the_first_token_out_where_it_is_asked(page):
    widget = page.widget
    for show in ("pattern", "contribution", "effect"):
        widget.show = show
        pictures = []
        for leaves in (False, True):
            widget.leaves_first_out = leaves
            pictures.append(widget.plot().axes[0].images[0].get_array())
        assert np.isfinite(pictures[0][:, 0]).all()
        assert np.ma.getmaskarray(pictures[1])[:, 0].all() or np.isnan(np.asarray(pictures[1])[:, 0]).all()


def test_scores_are_taken_of_any_ids():
    """By hand: three tokens, of which the last was there before."""
    weights = weigh_scores([2, 7, 8, 7], 2)
    pattern = np.array([[[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.2, 0.3, 0.5, 0], [0.1, 0.2, 0.4, 0.3]]])
    found = finish_scores(np.einsum("hqk,sqk->hs", pattern, weights), weights)[0]
    previous, first = (0.3 + 0.4) / 2, (0.5 + 0.2 + 0.1) / 3
    distance = (0.3 * 1 + 0.2 * 2 + 0.4 * 1) / (0.5 + 0.3 + 0.5 + 0.2 + 0.4 + 0.3)
    np.testing.assert_allclose(found, [previous, 0.4, first, distance, 0.2], rtol=1e-6)
    assert np.isnan(finish_scores(np.zeros((1, 6)), weigh_scores([2], 2))).all()
    nothing = weigh_scores([2, 7, 8], 0)
    assert np.isnan(finish_scores(np.ones((1, 6)), nothing)[0, [1, 4]]).all()
