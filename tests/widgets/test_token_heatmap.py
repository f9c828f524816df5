"""TokenHeatmap: its numbers are the reading's, its state is checked, and the newest text wins."""

import contextlib
import gc
import io
import json
import math
import re
import threading
from itertools import groupby

import numpy as np
import pytest
from matplotlib.figure import Figure

import gscope_widgets as gs
from gscope_widgets.mini import MODELS
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.widgets.base.formats import format_number
from tests import fake_model
from tests.fake_comm import WIDGETS
from tests.fake_scope import FakeScope

TEXT = "The old fisherman sold 12 fish 😀."
OTHER = "On Monday the children sang."


@pytest.fixture
def page(scope, dictionary, open_page):
    return open_page(gs.TokenHeatmap(scope, TEXT, dictionary, features=[3, 900]))


def unpack(message) -> tuple[dict, dict]:
    content, buffers = message
    assert len(content["arrays"]) == len(buffers)
    arrays = {}
    for head, data in zip(content["arrays"], buffers, strict=True):
        assert head["dtype"] in ("float32", "int32")
        assert len(data) == 4 * math.prod(head["shape"])
        arrays[head["name"]] = np.frombuffer(data, head["dtype"]).reshape(head["shape"])
    return content, arrays


def check_result(message, reading, features):
    content, arrays = unpack(message)
    count = len(reading.tokens)
    assert content["text"] == reading.tokens.text
    assert content["tokens"] == list(reading.tokens.strings)
    assert arrays["ids"].tolist() == list(reading.tokens.ids)
    assert set(content["ignored"]) == {str(pos) for pos in reading.tokens.ignored}
    assert [shown["feature"] for shown in content["features"]] == features
    assert content["fvu"] == reading.total_fvu
    assert content["mean_l0"] == pytest.approx(reading.l0[list(reading.tokens.used)].mean())
    assert arrays["values"].shape == (len(features), count)
    for row, feature in zip(arrays["values"], features, strict=True):
        np.testing.assert_array_equal(row, reading.trace(feature))
    np.testing.assert_array_equal(arrays["l0"], reading.l0)
    np.testing.assert_array_equal(arrays["fvu"], reading.fvu)
    np.testing.assert_array_equal(arrays["error_norm"], reading.error_norm)
    np.testing.assert_array_equal(arrays["norm"], reading.norm)
    assert arrays["top_features"].shape == arrays["top_activations"].shape == (count, 8)


@pytest.mark.row("1", "NEW 27")
def test_the_first_result_waits_for_a_view_and_is_the_reading(page, scope, dictionary):
    page.forget()
    page.send({"type": "ready"})
    (message,) = page.messages()
    check_result(message, scope.read(TEXT, dictionary), [3, 900])
    assert page.widget.status == {"state": "idle", "message": "", "progress": None, "detail": "", "request": 0}


@pytest.mark.parametrize("who", ["page", "python"])
def test_a_new_text_is_read_and_sent(page, scope, dictionary, who):
    page.forget()
    if who == "page":
        page.set(text=OTHER)
    else:
        page.widget.text = OTHER
    status = page.settle()
    (message,) = page.messages("result")
    check_result(message, scope.read(OTHER, dictionary), [3, 900])
    assert message[0]["request"] == status["request"] == 1
    assert status["state"] == "idle"
    assert page.widget.reading.tokens.text == OTHER
    states = [state["state"] for state in page.patches("status")]
    assert [state for state, _ in groupby(states)] == ["busy", "idle"]


@pytest.mark.row("3")
def test_new_features_are_painted_without_another_reading(scope, dictionary, open_page):
    page = open_page(gs.TokenHeatmap(scope, TEXT, dictionary, features=[3]))
    calls = len(scope.calls)
    page.widget.features = [5, np.int64(6), dictionary.feature(7)]
    page.settle()
    assert len(scope.calls) == calls
    assert page.widget.features == tuple(dictionary.feature(one) for one in (5, 6, 7))
    check_result(page.messages("result")[-1], scope.read(TEXT, dictionary), [5, 6, 7])


def test_by_default_the_features_that_fire_most_are_painted(scope, dictionary, open_page):
    widget = open_page(gs.TokenHeatmap(scope, TEXT)).widget
    assert len(widget.features) == 3
    firing = set(scope.read(TEXT, dictionary).features.tolist())
    assert {ref.feature for ref in widget.features} <= firing


def test_an_empty_text_is_shown_as_empty(scope, open_page, check_copy):
    page = open_page(gs.TokenHeatmap(scope, ""))
    content, arrays = unpack((page.widget._last_message[0], page.widget._last_message[1]))
    assert (content["fvu"], content["mean_l0"], page.widget.features) == (None, None, ())
    assert arrays["values"].shape == (0, 1)
    assert "No text yet" in check_copy(page.widget._build_copy())
    page.widget.plot()
    page.widget.to_frame()
    for text in ("   ", "<bos>", "\ud800"):
        page.set(text=text)
        assert page.settle()["state"] == "idle"


@pytest.mark.row("18")
@pytest.mark.parametrize("who", ["page", "python"])
def test_the_loss_with_the_reconstruction_stands_with_each_reading_once_it_is_switched_on(page, scope, who):
    def told() -> object:
        return page.messages("result")[-1][0]["delta_loss"]

    page.send({"type": "ready"})
    assert told() is None
    if who == "page":
        page.set(with_loss=True)
    else:
        page.widget.with_loss = True
    page.settle()
    found = scope.delta_loss(TEXT)
    assert told() == {name: getattr(found, name) for name in ("loss", "replaced", "ablated", "recovered")}
    assert f"{found}." in page.widget._build_copy()
    assert "print(scope.delta_loss(text, dictionary))" in page.widget.to_code()
    page.set(text=OTHER)
    page.settle()
    assert told() is not None
    page.set(text="")  # no two tokens
    assert page.settle()["state"] == "idle"
    assert told() is None
    page.set(with_loss=False)
    page.settle()
    assert "delta_loss" not in page.widget.to_code()


@pytest.mark.row("18", "NEW 27")
def test_on_mini_the_loss_shown_is_the_scopes(mini, open_page):
    """Which `tests/runtime/features/test_fidelity.py` compares with plain transformers."""
    page = open_page(gs.TokenHeatmap(mini, TEXT, features=[3], with_loss=True))
    found = mini.delta_loss(TEXT)
    told = page.widget._last_message[0]["delta_loss"]
    assert told["replaced"] == found.replaced > told["loss"] == found.loss


@pytest.mark.row("31")
def test_what_python_sets_twice_runs_once_and_is_drawn_in_one_answer(scope, dictionary, open_page):
    """A loop, or a page that answers what it is told, would run or tell more."""
    page = open_page(gs.TokenHeatmap(scope, TEXT, dictionary, features=[3]))
    page.send({"type": "ready"})
    page.forget()
    calls = len(scope.calls)
    page.widget.text = OTHER
    page.settle()
    assert scope.calls[calls:] == ["read"]
    assert [content["text"] for content, _ in page.messages("result")] == [OTHER]
    page.forget()
    page.widget.text = OTHER
    page.widget.features = [3]
    page.widget.selected_pos = page.widget.selected_pos
    page.set(text=OTHER, features=[{"dictionary_id": dictionary.info.id, "feature": 3}])
    page.settle()
    assert scope.calls[calls:] == ["read"]
    assert all(content["text"] == OTHER for content, _ in page.messages("result"))
    assert len(page.messages("result")) <= 1


# ---- what is refused


def test_other_state_out_of_range_is_refused(page, refuse_all):
    wrong = ["", "FEATURE", None, 3, ["text"], {}, [1], [1, 2, 3], [2, 2], [5, 0]]
    refuse_all(page, "color_range", wrong, message='color_range is "feature", "text" or two numbers')
    refuse_all(page, "color_range", [[0, 1e31], [0, "5"], [None, 5]], message="an end of color_range must be a finite")
    refuse_all(page, "color_by", ["", "L0", "loss"], message='color_by must be "features", "l0", "fvu", "error_norm"')
    refuse_all(page, "with_loss", [1, 0, None, "yes"], message="with_loss must be True or False")
    refuse_all(page, "color_by", ["own"], message="no numbers of your own are known for this text")
    refuse_all(page, "features", [[1, 2, 3, 4, 5], list(range(100))], message="at most 4 features at once")
    refuse_all(page, "selected_pos", [-1, 1.5, "1", True, 2**63], message="selected_pos must be a whole number")
    refuse_all(page, "selected_feature", [-1, 1024, "1", 1.0], message="a feature is a whole number")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"features": [1, 2, 3, 4, 5]}, gs.InvalidValue),
        ({"color_range": "x"}, gs.InvalidValue),
    ],
    ids=str,
)
def test_a_heatmap_that_cannot_be_made_is_refused_and_leaves_nothing(scope, arguments, error):
    before = len(WIDGETS)
    with pytest.raises(error):
        gs.TokenHeatmap(scope, **({"text": TEXT} | arguments))
    gc.collect()
    assert len(WIDGETS) == before


def test_a_feature_of_another_dictionary_is_refused(scope, dictionary, open_page):
    page = open_page(gs.TokenHeatmap(scope, TEXT))
    other = scope.dictionary(layer=1).feature(3)
    for name, value in (("features", [other]), ("selected_feature", other)):
        with pytest.raises(gs.InvalidValue, match="is of another dictionary"):
            setattr(page.widget, name, value)
    page.set(selected_feature={"dictionary_id": other.dictionary_id, "feature": 3})
    assert "is of another dictionary" in page.settle()["message"]


def test_the_picked_feature_is_a_ref_or_none(page, dictionary):
    for value in (5, dictionary.feature(5)):
        page.widget.selected_feature = value
        assert page.widget.selected_feature == dictionary.feature(5)
    page.set(selected_feature=6)
    assert page.settle()["state"] == "idle"
    assert page.widget.selected_feature == FeatureRef(dictionary.info.id, 6)
    assert page.patches("selected_feature")[-1] == {"dictionary_id": dictionary.info.id, "feature": 6}
    page.set(selected_feature=None)
    assert page.widget.selected_feature is None


# ---- newest wins, errors


def test_texts_from_two_threads_end_with_a_result_for_the_text_that_stays(page):
    def type_away(name):
        for number in range(30):
            page.widget.text = f"{name} {number}"

    threads = [threading.Thread(target=type_away, args=(name,)) for name in ("One", "Two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert page.settle()["state"] == "idle"
    assert page.widget.reading.tokens.text == page.widget.text
    assert page.messages("result")[-1][0]["text"] == page.widget.text


# ---- what every widget offers


def test_the_frame_and_the_figure_hold_the_traces(page, scope, dictionary):
    frame = page.widget.to_frame()
    reading = scope.read(TEXT, dictionary)
    assert list(frame.columns) == ["pos", "token", "feature_3", "feature_900", "l0", "fvu", "error_norm"]
    np.testing.assert_array_equal(frame["fvu"], reading.fvu)
    np.testing.assert_array_equal(frame["feature_3"], reading.trace(3))
    assert frame["token"].tolist() == list(reading.tokens.strings)
    figure = page.widget.plot()
    assert isinstance(figure, Figure)
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), [reading.trace(3), reading.trace(900)])
    figure.canvas.draw()


def test_a_text_full_of_mathematics_can_be_drawn(scope, open_page):
    page = open_page(gs.TokenHeatmap(scope, r"$x^2 \frac{1}{2} $$ _ ^ {"))
    page.widget.plot().canvas.draw()


def test_the_copy_has_the_numbers_and_only_what_an_untrusted_page_keeps(page, scope, dictionary, check_copy):
    reading = scope.read(TEXT, dictionary)
    text = check_copy(page.widget._build_copy())
    for pos in reading.tokens.used:
        assert format_number(float(reading.trace(3)[pos]), 4) in text
        assert str(reading.l0[pos]) in text
    assert "ignored" not in text
    assert dictionary.info.id in text


@pytest.fixture
def labelled(monkeypatch, hostile_words):
    """Feature 3 with a hostile label from a hostile source, and a known maximum of 50."""
    label = FeatureLabel("".join(hostile_words), "from <b>afar</b>", 0.9, 0.8, 0.7)
    monkeypatch.setitem(fake_model.LABELS, 3, label)
    known = fake_model.FakeDictionary.max_activation
    monkeypatch.setattr(
        fake_model.FakeDictionary,
        "max_activation",
        lambda self, feature: 50.0 if feature == 3 else known(self, feature),
    )
    return label


@pytest.mark.row("19")
def test_a_label_is_shown_with_its_source_and_is_inert(scope, dictionary, labelled, open_page, check_copy):
    page = open_page(gs.TokenHeatmap(scope, TEXT, dictionary, features=[3, 7]))
    content, _ = page.widget._last_message
    label = {"text": labelled.text, "source": labelled.source, "auc": 0.9}
    where = {"dictionary_id": dictionary.info.id}
    assert content["features"] == [
        {**where, "feature": 3, "name": "feature 3", "label": label, "max_activation": 50.0},
        {**where, "feature": 7, "name": "feature 7", "label": None, "max_activation": None},
    ]
    assert page.widget.known == content["features"]
    text = check_copy(page.widget._build_copy())
    assert "<script>alert(1)</script>" in text
    assert "from <b>afar</b>" in text


@pytest.mark.row("5")
def test_colour_is_full_at_the_known_maximum_or_at_that_of_the_text(scope, dictionary, labelled, open_page, check_copy):
    page = open_page(gs.TokenHeatmap(scope, TEXT, dictionary, features=[3]))
    peak = page.widget.reading.trace(3).max()
    assert "from 0 to 50, its known maximum." in check_copy(page.widget._build_copy())
    page.set(color_range="text")
    page.settle()
    highest = format_number(float(peak) or 1.0, 4)
    assert f"from 0 to {highest}, its maximum in this text." in check_copy(page.widget._build_copy())


# ---- other quantities


def spread_of(page) -> np.ndarray:
    """One number a token, on either side of 0."""
    return np.linspace(-1, 2, len(page.widget.reading.tokens))


@pytest.mark.row("2")
@pytest.mark.parametrize(
    ("choice", "name", "high"),
    [("l0", "L0", None), ("fvu", "FVU", 1.0), ("error_norm", "error norm", None), ("lens", "probability of", 1.0)],
)
def test_another_quantity_is_in_copy_frame_figure_and_code(
    page, scope, dictionary, check_copy, read_html, choice, name, high
):
    reading, calls = page.widget.reading, len(scope.calls)
    page.set(color_by=choice)
    assert page.settle()["state"] == "idle"
    assert scope.calls[calls:] == (["logit_lens"] if choice == "lens" else [])
    if choice == "lens":
        values = scope.logit_lens(TEXT, 3, layers=[dictionary.info.layers[0]]).probabilities[0, :, 0]
    else:
        values = np.array(getattr(reading, choice), np.float32)
    column = "lens_probability" if choice == "lens" else choice
    np.testing.assert_allclose(page.widget.to_frame()[column], values)
    np.testing.assert_allclose(page.widget.plot().axes[0].images[0].get_array().filled(np.nan), [values])
    highest = high or float(np.nanmax(values))
    html = page.widget._build_copy()
    assert re.search(rf"Coloured by {name}.*: from 0 to {format_number(highest, 4)}, ", check_copy(html))
    used = list(reading.tokens.used)
    filled = [
        "background-color" in attributes.get("style", "")
        for tag, attributes in read_html(html).tags
        if tag == "span" and "opacity" not in attributes.get("style", "")
    ]
    assert filled == [values[pos] > 0 for pos in used]
    assert page.widget.provenance.settings["color_by"] == column
    page.set(color_by="features")
    assert "Coloured by feature 3" in check_copy(page.widget._build_copy())


@pytest.mark.row("NEW 27", "NEW 22")
def test_on_mini_what_is_left_out_is_that_of_a_plain_calculation(mini, open_page):
    """L0, FVU, error norm and the lens by transformers, safetensors and NumPy alone."""
    import torch
    from safetensors.torch import load_file
    from transformers import Gemma3ForCausalLM

    widget = open_page(gs.TokenHeatmap(mini, "The old fisherman sold two red coats.", color_by="lens")).widget
    frame, tokens, dictionary = widget.to_frame(), widget.reading.tokens, widget.dictionary
    layer, used = dictionary.info.layer, list(tokens.used)
    weights = load_file(dictionary.folder.path / "params.safetensors")
    weights = {name: value.double().numpy() for name, value in weights.items()}
    plain = Gemma3ForCausalLM.from_pretrained(MODELS["mini"], dtype=torch.float32).eval()
    with torch.no_grad():
        stream = plain(torch.tensor([tokens.ids]), output_hidden_states=True).hidden_states[layer + 1][0]
        likeliest = plain.lm_head(plain.model.norm(stream)).double().softmax(-1).max(-1).values.numpy()
    target = stream.double().numpy()[used]
    before = target @ weights["w_enc"] + weights["b_enc"]
    fires = before > weights["threshold"]
    rebuilt = (before * fires) @ weights["w_dec"] + weights["b_dec"]
    error = np.linalg.norm(target - rebuilt, axis=1)
    spread = np.square(target - target.mean(0)).sum(1)
    assert frame["l0"][used].tolist() == fires.sum(1).tolist()
    np.testing.assert_allclose(frame["error_norm"][used], error, rtol=1e-3)
    np.testing.assert_allclose(frame["fvu"][used], error**2 / spread, rtol=1e-3)
    np.testing.assert_allclose(frame["lens_probability"], likeliest, rtol=1e-3)
    assert np.ptp(error**2 / spread) > 0.01  # the control: it differs from token to token
    assert frame["fvu"][used].tolist() != pytest.approx((error / np.linalg.norm(target, axis=1)).tolist(), rel=1e-3)


@pytest.mark.row("4")
def test_numbers_of_ones_own_have_a_sign_only_where_one_is_negative(page, check_copy):
    widget, values = page.widget, spread_of(page)
    for given in (values, values.tolist(), values.astype(np.float64)):
        widget.color_by = given
        widget.wait()
        np.testing.assert_array_equal(unpack(page.messages("result")[-1])[1]["own"], values.astype(np.float32))
    assert page.patches("color_by")[-1] == "own"
    np.testing.assert_allclose(widget.color_by, values, rtol=1e-6)
    text = check_copy(widget._build_copy())
    assert "Coloured by your numbers: from −2 to 2, 0 without colour, its largest size in this text." in text
    assert "fisherman−" in text
    assert ".+" in text
    image = widget.plot().axes[0].images[0]
    assert (image.norm.vmin, image.norm.vmax) == (-2, 2)
    widget.color_by = np.abs(values)
    widget.wait()
    text = check_copy(widget._build_copy())
    assert "from 0 to 2, its maximum in this text" in text
    assert "fisherman−" not in text
    widget.color_by = "features"
    assert "fisherman−" not in check_copy(widget._build_copy())


def test_numbers_of_ones_own_are_one_a_token_and_finite(page, refuse_all):
    count = len(page.widget.reading.tokens)
    wrong = [None, 5, [1.0] * (count - 1), [1.0] * (count + 1), [], {}, np.ones((count, 1)), b"x" * count, "ab"]
    for value in wrong[:-1]:
        with pytest.raises(gs.InvalidValue, match=rf"one number for each of the text's {count} tokens"):
            page.widget.color_by = value
    for odd in (np.nan, np.inf, -np.inf, 1e31, "1", None, True):
        with pytest.raises(gs.InvalidValue, match="color_by at position 2 must be a finite number"):
            page.widget.color_by = [1.0, 1.0, odd, *[1.0] * (count - 3)]
    page.widget.color_by = [np.nan, *[1.0] * (count - 1)]  # at a position left out there may be none
    page.settle()
    assert page.widget.to_frame()["own"].isna().tolist() == [True, *[False] * (count - 1)]
    refuse_all(page, "color_range", [[3, 1]], message="the smaller first")


def test_a_heatmap_is_made_with_any_quantity(scope, dictionary, open_page):
    count = len(scope.tokens(TEXT))
    for choice in ("l0", "lens", [0.5] * count, np.arange(count)):
        page = open_page(gs.TokenHeatmap(scope, TEXT, dictionary, color_by=choice, color_range=(0.5, 3)))
        assert page.widget.color_range == (0.5, 3)
        assert page.patches("color_range") in ([], [[0.5, 3]])
        page.send({"type": "ready"})
        _, arrays = unpack(page.messages("result")[-1])
        assert len(arrays["own"]) == (0 if isinstance(choice, str) else count)
        assert len(arrays["lens"]) == (count if isinstance(choice, str) and choice == "lens" else 0)
    with pytest.raises(gs.InvalidValue, match="one number for each"):
        gs.TokenHeatmap(scope, TEXT, dictionary, color_by=[1.0])


def test_with_another_text_ones_own_numbers_go_and_that_is_said(page):
    page.widget.color_by = spread_of(page)
    page.widget.wait()
    page.set(text=OTHER)
    page.settle()
    assert page.widget.color_by == "features"
    content, arrays = unpack(page.messages("result")[-1])
    assert "Your numbers were of the text before" in content["note"]
    assert len(arrays["own"]) == 0
    page.widget.text = TEXT  # read later than what follows is set
    page.widget.color_by = np.ones(len(page.widget.scope.tokens(TEXT)))
    page.widget.wait()
    content, arrays = unpack(page.messages("result")[-1])
    assert arrays["own"].tolist() == [1.0] * len(content["tokens"])
    assert content["note"] == ""


def test_a_lens_is_read_once_a_text(page, scope):
    scope.calls.clear()
    for choice in ("lens", "l0", "lens"):
        page.set(color_by=choice)
        page.settle()
    assert scope.calls == ["logit_lens"]
    page.set(text=OTHER)
    page.settle()
    assert scope.calls == ["logit_lens", "read", "logit_lens"]
    _, arrays = unpack(page.messages("result")[-1])
    lens = scope.logit_lens(OTHER, 1, layers=[page.widget.dictionary.info.layers[0]])
    np.testing.assert_array_equal(arrays["lens"], lens.probabilities[0, :, 0])


def test_a_lens_that_fails_is_said_and_the_features_stay(page, scope, check_copy):
    scope.error = RuntimeError("no lens today")
    page.set(color_by="lens")
    assert "no lens today" in page.settle()["message"]
    assert "Coloured by feature 3" in check_copy(page.widget._build_copy())


@pytest.mark.row("5")
def test_the_readers_range_is_said_and_goes_with_its_quantity(page, check_copy):
    page.widget.color_range = (np.float32(0.5), 4)
    assert page.widget.color_range == (0.5, 4)
    assert page.patches("color_range")[-1] == [0.5, 4]
    assert "Coloured by feature 3 (birds; measured on generated text): from 0.5 to 4, the range set." in check_copy(
        page.widget._build_copy()
    )
    image = page.widget.plot().axes[0].images[0]
    assert (image.norm.vmin, image.norm.vmax) == (0.5, 4)
    page.set(color_by="l0")
    page.settle()
    assert page.widget.color_range == "feature"
    page.set(color_range=[2, 30])
    assert "Coloured by L0: from 2 to 30, the range set." in check_copy(page.widget._build_copy())


@pytest.mark.row("33")
def test_the_code_prints_the_quantity(mini, open_page):
    text = "The old fisherman sold two red coats."
    for choice in ("l0", "fvu", "error_norm", "lens", np.arange(len(mini.tokens(text))) / 3 - 1):
        widget = open_page(gs.TokenHeatmap(mini, text, features=[3], color_by=choice)).widget
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(widget.to_code(), {})
        last = printed.getvalue().rstrip().rsplit("[", 1)[1].rstrip("]")
        column = (
            widget.to_frame().iloc[:, -1]
            if not isinstance(choice, str) or choice == "lens"
            else widget.to_frame()[choice]
        )
        np.testing.assert_allclose(np.array(re.split(r"[\s,]+", last.strip()), float), column, rtol=1e-5)


# ---- long texts


@pytest.fixture
def long_scope(monkeypatch):
    """A scope that reads 40,000 tokens."""
    monkeypatch.setattr(fake_model, "CONTEXT", 40_000)
    scope = FakeScope()
    scope.text_limit = 40_000 * 12
    yield scope
    scope.close()


@pytest.mark.row("NEW 26")
def test_a_text_of_12000_tokens_goes_in_messages_below_a_megabyte(long_scope, open_page, check_copy):
    page = open_page(gs.TokenHeatmap(long_scope, "The old fisherman sold fish. " * 2000, features=[3, 4, 5, 6]))
    count = len(page.widget.reading.tokens)
    assert count > 12_000
    page.forget()
    page.send({"type": "ready"})
    sent = page.messages()
    sizes = [len(json.dumps(content).encode()) + sum(map(len, buffers)) for content, buffers in sent]
    assert max(sizes) < 1_000_000
    assert sum(sizes) > 1_200_000  # the control: in one message it would be far above
    *pieces, (content, buffers) = sent
    assert buffers == []
    assert [one["index"] for one, _ in pieces] == list(range(content["pieces"]))
    whole, arrays, at = b"".join(part for _, (part,) in pieces), {}, 0
    for head in content["arrays"]:
        size = 4 * math.prod(head["shape"])
        arrays[head["name"]] = np.frombuffer(whole[at : at + size], head["dtype"]).reshape(head["shape"])
        at += size
    assert at == len(whole)
    np.testing.assert_array_equal(arrays["values"][0], page.widget.reading.trace(3))
    np.testing.assert_array_equal(arrays["error_norm"], page.widget.reading.error_norm)
    text = check_copy(page.widget._build_copy())
    assert f"The first 2000 tokens; {count - 1 - 2000} more are in to_frame()." in text
    assert len(text) < 200_000
    assert len(page.widget.to_frame()) == count


def test_a_short_text_goes_in_one_message_and_its_copy_is_whole(page, check_copy):
    page.forget()
    page.send({"type": "ready"})
    ((content, buffers),) = page.messages()
    assert content["pieces"] == 0
    assert len(buffers) == len(content["arrays"])
    assert "more are in to_frame()" not in check_copy(page.widget._build_copy())
