"""LogitLens: its numbers are the lens's, its state is checked, its code prints what is on screen."""

import contextlib
import io
import math

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.widgets.base.formats import format_percent, format_token
from gscope_widgets.widgets.logit_lens import choose_stride, list_layers
from tests.fake_model import LAYERS, PIECES

TEXT = "The old fisherman sold 12 fish."


@pytest.fixture
def page(scope, open_page):
    return open_page(gs.LogitLens(scope, TEXT, pinned=[4, 7]))


def unpack(message) -> tuple[dict, dict]:
    content, buffers = message
    arrays = {}
    for head, data in zip(content["arrays"], buffers, strict=True):
        assert len(data) == 4 * math.prod(head["shape"])
        arrays[head["name"]] = np.frombuffer(data, head["dtype"]).reshape(head["shape"])
    return content, arrays


def test_the_message_is_the_reading(page, scope):
    page.send({"type": "ready"})
    content, arrays = unpack(page.messages("result")[-1])
    reading = scope.logit_lens(TEXT, 5, track=[4, 7])
    assert (content["text"], content["stride"], content["pinned"]) == (TEXT, 1, [4, 7])
    assert content["layers"] == list(reading.layers) == list(range(LAYERS))
    assert content["tokens"] == list(reading.tokens.strings)
    assert content["names"] == {str(id_): PIECES[id_] for id_ in {*reading.names, 4, 7}}
    for name in ("ids", "probabilities", "logits"):
        np.testing.assert_array_equal(arrays[name], getattr(reading, name))
    for at, path in enumerate(reading.paths):
        np.testing.assert_array_equal(arrays["path_probabilities"][at], path.probabilities)
        np.testing.assert_array_equal(arrays["path_ranks"][at], path.ranks)


@pytest.mark.row("8", "NEW 27")
def test_on_mini_it_shows_the_lens_and_in_the_last_layer_the_models_own_prediction(mini, open_page):
    widget = open_page(gs.LogitLens(mini, TEXT, stride=3)).widget
    reading, plain = widget.reading, mini.logit_lens(TEXT, 5)
    assert reading.layers == (1, 4, 7)
    for row, layer in enumerate(reading.layers):
        np.testing.assert_array_equal(reading.ids[row], plain.ids[layer])
        np.testing.assert_allclose(reading.probabilities[row], plain.probabilities[layer], rtol=1e-5, atol=1e-7)
    last = len(reading.tokens) - 1
    shown, own = reading.top(layer=7, pos=last), mini.next_tokens(TEXT, 5).chances
    assert [one.id for one in shown] == [one.id for one in own]
    assert [one.probability for one in shown] == pytest.approx([one.probability for one in own], rel=1e-4)
    assert f"{format_token(own[0].token)} {format_percent(own[0].probability)}" in widget.shows()
    earlier = [one.probability for one in reading.top(layer=1, pos=last)]
    assert earlier != pytest.approx([one.probability for one in own], rel=1e-2)  # the control


def test_the_code_prints_what_is_on_screen(mini, open_page):
    widget = open_page(gs.LogitLens(mini, TEXT, pinned=[300])).widget
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(widget.to_code(), {})
    assert printed.getvalue().startswith(widget.to_frame().to_string())
    assert str(widget.reading.paths[0].probabilities) in printed.getvalue()


@pytest.mark.parametrize(
    ("count", "stride", "layers"), [(4, 1, (0, 1, 2, 3)), (4, 3, (0, 3)), (6, 4, (1, 5)), (1, 1, (0,)), (8, 8, (7,))]
)
def test_the_last_layer_is_always_shown(count, stride, layers):
    assert list_layers(count, stride) == layers


@pytest.mark.parametrize(("count", "stride"), [(1, 1), (8, 1), (20, 1), (21, 2), (26, 2), (34, 2), (48, 3), (62, 4)])
def test_a_deep_model_is_shown_in_at_most_twenty_rows(count, stride):
    assert choose_stride(count) == stride
    assert len(list_layers(count, stride)) <= 20
    assert stride == 1 or len(list_layers(count, stride - 1)) > 20


@pytest.mark.row("8")
def test_a_stride_that_hides_the_selected_layer_deselects_it(page):
    page.widget.selected_layer, page.widget.selected_pos = 0, 2
    page.set(stride=LAYERS)
    assert page.settle()["state"] == "idle"
    assert page.widget.reading.layers == (LAYERS - 1,)
    assert (page.widget.selected_layer, page.widget.selected_pos) == (None, 2)


def test_selecting_and_colouring_ask_for_no_work(page, scope):
    scope.calls.clear()
    page.set(selected_layer=LAYERS - 1, selected_pos=3, color_by="pinned")
    assert page.settle()["state"] == "idle"
    assert (page.widget.selected_layer, page.widget.selected_pos, page.widget.color_by) == (LAYERS - 1, 3, "pinned")
    assert not scope.calls
    page.set(pinned=[5])  # the control
    page.settle()
    assert page.widget.pinned == (5,)
    assert scope.calls


def test_state_that_is_wrong_is_refused_in_words(page, refuse_all):
    refuse_all(page, "pinned", [[-1], [len(PIECES)], [1.5], ["a"]], message="a pinned token id must be a whole number")
    refuse_all(page, "pinned", [[3, 3], [*range(7)]], message="at most 6 token ids, each once")
    refuse_all(page, "pinned", [None, 5, "12", {}], message="pinned is a list of token ids")
    refuse_all(page, "stride", [0, LAYERS + 1, 1.5, None, "2"], message="stride must be a whole number from 1")
    refuse_all(page, "selected_layer", [-1, LAYERS, "1"], message="selected_layer must be a whole number")
    refuse_all(page, "selected_pos", [-1, 0.5], message="selected_pos must be a whole number")
    refuse_all(page, "color_by", ["x", None, 5], message='color_by must be "likeliest" or "pinned"')
    page.widget.stride = LAYERS
    refuse_all(page, "selected_layer", [0], message="stride=1 shows all")


def test_the_copy_has_the_path_of_a_pinned_token_at_the_selected_position(page, check_copy):
    page.widget.selected_pos = 2
    text = check_copy(page.widget._build_copy())
    assert "Pinned tokens at position 2" in text
    path = page.widget.reading.paths[0]
    assert all(format_percent(float(value)) in text for value in path.probabilities[:, 2])
    assert "at position 3" not in text
