"""TokenHeatmap: its numbers are the reading's, its state is checked, and the newest text wins."""

import gc
import math
import threading

import numpy as np
import pytest
from matplotlib.figure import Figure

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.widgets.base.formats import format_number
from tests import fake_model
from tests.fake_comm import WIDGETS

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
    assert content["ids"] == list(reading.tokens.ids)
    assert set(content["ignored"]) == {str(pos) for pos in reading.tokens.ignored}
    assert [shown["feature"] for shown in content["features"]] == features
    assert content["fvu"] == reading.total_fvu
    assert content["mean_l0"] == pytest.approx(reading.l0[list(reading.tokens.used)].mean())
    assert arrays["values"].shape == (len(features), count)
    for row, feature in zip(arrays["values"], features, strict=True):
        np.testing.assert_array_equal(row, reading.trace(feature))
    np.testing.assert_array_equal(arrays["l0"], reading.l0)
    np.testing.assert_array_equal(arrays["fvu"], reading.fvu)
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
    assert [state["state"] for state in page.patches("status")] == ["busy", "idle"]


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


# ---- what is refused


def test_other_state_out_of_range_is_refused(page, refuse_all):
    refuse_all(page, "color_range", ["", "FEATURE", None, 3, ["text"], {}], message='color_range must be "feature" or')
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
    assert list(frame.columns) == ["pos", "token", "feature_3", "feature_900"]
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
    assert "full colour at 50." in check_copy(page.widget._build_copy())
    page.set(color_range="text")
    page.settle()
    assert f"full colour at {format_number(float(peak) or 1.0, 4)}." in check_copy(page.widget._build_copy())
