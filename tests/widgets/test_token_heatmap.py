"""TokenHeatmap: its numbers are the reading's, its state is checked, and the newest text wins."""

import gc
import json
import math
import threading

import ipywidgets
import numpy as np
import pytest
from matplotlib.figure import Figure

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.runtime.dictionaries.labels import FeatureNotes
from gscope_widgets.widgets.token_heatmap import rank_by_token

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
    np.testing.assert_allclose(arrays["error"], reading.error_norm / reading.norm, rtol=1e-5)
    assert arrays["top_features"].shape == arrays["top_activations"].shape == (count, 8)


def test_the_first_result_waits_for_a_view_and_is_the_reading(page, scope, dictionary):
    page.forget()
    page.send({"type": "ready"})
    (message,) = page.messages()
    check_result(message, scope.read(TEXT, dictionary), [3, 900])
    assert page.widget.status == {"state": "idle", "message": "", "progress": None, "request": 0}


def test_every_view_that_comes_gets_the_newest_result(page, scope, dictionary):
    page.set(text=OTHER)
    page.settle()
    for _ in range(2):
        page.forget()
        page.send({"type": "ready"})
        (message,) = page.messages()
        check_result(message, scope.read(OTHER, dictionary), [3, 900])


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
    assert ("text" in [name for data, _ in page.comm.sent[page.start :] for name in data.get("state", ())]) == (
        who != "page"
    )


def test_new_features_are_painted_without_another_reading(scope, dictionary, slow_scope, open_page):
    page = open_page(gs.TokenHeatmap(slow_scope, TEXT, dictionary, features=[3]))
    calls = len(slow_scope.calls)
    page.widget.features = [5, np.int64(6), dictionary.feature(7), 5]
    page.settle()
    assert page.widget.features == [5, 6, 7]
    check_result(page.messages("result")[-1], scope.read(TEXT, dictionary), [5, 6, 7])
    assert len(slow_scope.calls) == calls


def test_by_default_the_features_that_fire_most_are_painted(scope, dictionary, open_page):
    widget = open_page(gs.TokenHeatmap(scope, TEXT)).widget
    assert len(widget.features) == 3
    firing = set(scope.read(TEXT, dictionary).features.tolist())
    assert set(widget.features) <= firing


def test_an_empty_text_is_shown_as_empty(scope, open_page, check_copy):
    page = open_page(gs.TokenHeatmap(scope, ""))
    content, arrays = unpack((page.widget._last_message[0], page.widget._last_message[1]))
    assert (content["fvu"], content["mean_l0"], page.widget.features) == (None, None, [])
    assert arrays["values"].shape == (0, 1)
    assert "No text yet" in check_copy(page.widget._build_copy())
    page.widget.plot()
    page.widget.to_frame()
    for text in ("   ", "<bos>", "\ud800"):
        page.set(text=text)
        assert page.settle()["state"] == "idle"


# ---- what is refused


def test_features_that_do_not_exist_are_refused_from_page_and_python(page, refuse_all):
    wrong = [[-1], [1024], [1.0], [True], ["7"], [2**63], [None], [[1]], [{}]]
    refuse_all(page, "features", wrong, message="a feature is a whole number from 0 to 1023")
    refuse_all(page, "features", ["12", 5, None, 1.5, True], message="features is a list of feature numbers")
    refuse_all(page, "features", [[1, 2, 3, 4, 5], [1] * 100_000], message="at most 4 features at once")
    with pytest.raises(gs.UnknownFeature):
        page.widget.features = [math.nan]


def test_other_state_out_of_range_is_refused(page, refuse_all):
    refuse_all(page, "text", [None, 5, ["a"], {"a": 1}, True], message="the text must be a string")
    refuse_all(page, "text", ["word " * 100_000], message="at most 256 tokens")
    refuse_all(page, "color_range", ["", "FEATURE", None, 3, ["text"], {}], message="color_range must be one of")
    refuse_all(page, "selected_pos", [-1, 1.5, "1", True, 2**63], message="selected_pos must be a whole number")
    refuse_all(page, "selected_feature", [-1, 1024, "1", 1.0], message="a feature is a whole number")


def test_state_that_python_owns_cannot_be_written_by_the_page(page, scope, dictionary):
    widget = page.widget
    owned = {
        "status": {},
        "badge": "Gemma",
        "footer": "x",
        "version": "9",
        "text_limit": 10**9,
        "d_dict": 5,
        "_esm": "evil",
    }
    before = {name: getattr(widget, name) for name in owned if name != "status"}
    for name, value in owned.items():
        page.set(**{name: value})
        status = page.settle()
        assert status["state"] == "error"
        assert f"{name} is written by Python alone" in status["message"]
    assert {name: getattr(widget, name) for name in before} == before
    page.set(text=OTHER)
    assert page.settle()["state"] == "idle"
    check_result(page.messages("result")[-1], scope.read(OTHER, dictionary), [3, 900])


def test_a_patch_that_is_partly_wrong_is_taken_where_it_is_right(page, scope, dictionary):
    page.forget()
    page.set(features=[-1], text=OTHER, color_range="text")
    status = page.settle()
    assert status["state"] == "error"
    assert "got -1" in status["message"]
    assert (page.widget.text, page.widget.features, page.widget.color_range) == (OTHER, [3, 900], "text")
    assert page.widget.reading.tokens.text == OTHER
    check_result(page.messages("result")[-1], scope.read(OTHER, dictionary), [3, 900])
    assert page.patches("features")[-1] == [3, 900]  # so the page shows again what holds


def test_unknown_state_and_patches_of_another_form_do_no_harm(page):
    page.set(nothing_of_ours=5)
    page.widget.set_state(["text"])
    assert page.settle()["state"] == "error"
    page.set(text=OTHER)
    assert page.settle()["state"] == "idle"


@pytest.mark.parametrize(
    "content", [{}, {"type": "x"}, {"type": None}, {"type": ["ready"]}, [], "ready", None, 5, {"a": math.inf}]
)
def test_a_message_of_an_unknown_kind_is_refused_in_words_and_the_next_one_is_heard(page, content):
    page.send(content)
    status = page.settle()
    assert status["state"] == "error"
    assert "a message of an unknown kind came from the page" in status["message"]
    page.forget()
    page.send({"type": "ready"})
    assert len(page.messages("result")) == 1


def test_a_cancel_when_nothing_runs_does_nothing(page):
    page.send({"type": "cancel"})
    assert page.settle()["state"] == "idle"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"features": [-1]}, gs.UnknownFeature),
        ({"features": [1024]}, gs.UnknownFeature),
        ({"features": "12"}, gs.InvalidValue),
        ({"features": [1, 2, 3, 4, 5]}, gs.InvalidValue),
        ({"color_range": "x"}, gs.InvalidValue),
        ({"text": 5}, gs.InvalidValue),
        ({"text": "word " * 100_000}, gs.PromptTooLong),
        ({"dictionary": "nothing"}, gs.GscopeError),
        ({"dictionary": 5}, gs.GscopeError),
        ({"colour_range": "text"}, TypeError),
        ({"feature": [1]}, TypeError),
    ],
    ids=str,
)
def test_a_heatmap_that_cannot_be_made_is_refused_and_leaves_nothing(scope, arguments, error):
    before = len(ipywidgets.widgets.widget._instances)
    with pytest.raises(error):
        gs.TokenHeatmap(scope, **({"text": TEXT} | arguments))
    gc.collect()
    assert len(ipywidgets.widgets.widget._instances) == before


def test_a_feature_of_another_dictionary_is_refused(scope, dictionary, open_page):
    from gscope_widgets.records.features import FeatureRef

    page = open_page(gs.TokenHeatmap(scope, TEXT))
    with pytest.raises(gs.InvalidValue, match="is of another dictionary"):
        page.widget.features = [FeatureRef("other/resid_post/x", 3)]


# ---- newest wins, errors


def test_of_a_storm_of_texts_the_newest_wins_and_few_are_read(scope, dictionary, slow_scope, open_page):
    page = open_page(gs.TokenHeatmap(slow_scope, TEXT, dictionary, features=[3]))
    page.forget()
    slow_scope.calls.clear()
    for number in range(200):
        page.set(text=f"{OTHER} {number}")
    page.settle()
    results = page.messages("result")
    assert results[-1][0]["text"] == f"{OTHER} 199"
    assert 1 <= len(results) < 100
    assert len(slow_scope.calls) < 100
    assert page.widget.reading.tokens.text == f"{OTHER} 199"
    requests = [content["request"] for content, _ in results]
    assert requests == sorted(requests)
    assert requests[-1] == page.widget.status["request"] == 200


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


@pytest.mark.parametrize("error", [RuntimeError("a tensor broke"), MemoryError(), gs.PromptTooLong("too long: 5 of 4")])
def test_a_scope_that_raises_gives_an_error_in_words_and_keeps_the_last_result(
    slow_scope, dictionary, open_page, error
):
    page = open_page(gs.TokenHeatmap(slow_scope, TEXT, dictionary, features=[3]))
    shown = page.widget._last_message
    slow_scope.error = error
    page.forget()
    page.set(text=OTHER)
    status = page.settle()
    assert status["state"] == "error"
    assert str(error) in status["message"]
    assert (type(error).__name__ in status["message"]) == (not isinstance(error, gs.GscopeError))
    assert page.messages("result") == []
    assert page.widget._last_message is shown
    assert page.widget._reading.tokens.text == TEXT
    with pytest.raises(type(error)):
        page.widget.wait()
    slow_scope.error = None
    page.set(text=OTHER + "!")
    assert page.settle()["state"] == "idle"


def test_an_answer_under_way_is_delivered_although_something_was_refused_meanwhile(
    scope, slow_scope, dictionary, open_page
):
    page = open_page(gs.TokenHeatmap(slow_scope, TEXT, dictionary, features=[3]))
    page.forget()
    slow_scope.gate.clear()
    page.set(text=OTHER)
    page.set(features=[-1])
    slow_scope.gate.set()
    status = page.settle()
    assert "got -1" in status["message"]
    check_result(page.messages("result")[-1], scope.read(OTHER, dictionary), [3])


def test_a_closed_scope_is_told_to_python_and_to_the_page(tmp_path, open_page, scope, dictionary):
    class Gone:
        def __getattr__(self, name):
            return getattr(scope, name)

        def submit(self, *_, **__):
            raise gs.Closed("closed; load it again with gs.load()")

    page = open_page(gs.TokenHeatmap(Gone(), TEXT, dictionary, features=[3]))
    with pytest.raises(gs.Closed):
        page.widget.text = OTHER
    assert page.settle()["state"] == "error"
    page.set(text=OTHER + "!")
    assert "gs.load()" in page.settle()["message"]


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


def test_the_code_is_of_what_is_shown_and_not_of_what_is_asked_for(slow_scope, dictionary, open_page):
    page = open_page(gs.TokenHeatmap(slow_scope, TEXT, dictionary, features=[3]))
    slow_scope.gate.clear()
    page.set(text=OTHER)
    assert repr(TEXT) in page.widget.to_code()
    slow_scope.gate.set()
    page.settle()
    assert repr(OTHER) in page.widget.to_code()


def test_provenance_is_complete_and_holds_no_path(page, scope, dictionary):
    record = page.widget.provenance.to_dict()
    text = json.dumps(record, allow_nan=False)
    assert record["model"] == "gscope-mini"
    assert record["revision"] == scope.info.revision
    assert record["dictionaries"] == {dictionary.info.id: ""}
    assert record["token_ids"] == scope.tokens(TEXT).ids
    assert record["settings"]["features"] == [3, 900]
    assert "/" not in text.replace(dictionary.info.id, "")
    assert "hf_" not in text


def test_the_copy_has_the_numbers_and_only_what_an_untrusted_page_keeps(page, scope, dictionary, check_copy):
    reading = scope.read(TEXT, dictionary)
    text = check_copy(page.widget._build_copy())
    for pos in reading.tokens.used:
        assert f"{reading.trace(3)[pos]:.4g}" in text
        assert str(reading.l0[pos]) in text
    assert "gscope-mini (embedded, not Gemma)" in text
    assert dictionary.info.id in text


def test_hostile_text_is_inert_in_the_copy_and_the_page(scope, open_page, check_copy, read_html, hostile_words):
    page = open_page(gs.TokenHeatmap(scope, "x"))
    for word in hostile_words:
        page.set(text=word)
        assert page.settle()["state"] == "idle"
        check_copy(page.widget._build_copy())
        assert "script" not in [tag for tag, _ in read_html(page.widget.to_html()).tags]


@pytest.fixture
def labelled(dictionary, hostile_words):
    """Feature 3 with a hostile label from a hostile source, and a known maximum of 50."""
    notes = dictionary._notes
    label = FeatureLabel("".join(hostile_words), "from <b>afar</b>", 0.9, 0.8, 0.7)
    dictionary.__dict__["_notes"] = FeatureNotes({3: label}, {3: 50.0})
    yield label
    dictionary.__dict__["_notes"] = notes


def test_a_label_is_shown_with_its_source_and_is_inert(scope, dictionary, labelled, open_page, check_copy):
    page = open_page(gs.TokenHeatmap(scope, TEXT, dictionary, features=[3, 4]))
    content, _ = page.widget._last_message
    assert content["features"] == [
        {
            "feature": 3,
            "label": {"text": labelled.text, "source": labelled.source, "auc": 0.9},
            "max_activation": 50.0,
        },
        {"feature": 4, "label": None, "max_activation": None},
    ]
    text = check_copy(page.widget._build_copy())
    assert "<script>alert(1)</script>" in text
    assert "from <b>afar</b>" in text


def test_colour_is_full_at_the_known_maximum_or_at_that_of_the_text(scope, dictionary, labelled, open_page, check_copy):
    page = open_page(gs.TokenHeatmap(scope, TEXT, dictionary, features=[3]))
    peak = page.widget.reading.trace(3).max()
    assert "full colour at 50." in check_copy(page.widget._build_copy())
    page.set(color_range="text")
    page.settle()
    assert f"full colour at {peak or 1.0:.4g}." in check_copy(page.widget._build_copy())


def test_top_features_of_a_token_are_its_largest_activations(scope, dictionary):
    reading = scope.read(TEXT, dictionary)
    dense = reading.to_dense()
    features, activations = rank_by_token(reading, k=8)
    for pos in range(len(reading.tokens)):
        best = np.sort(dense[pos])[::-1][:8]
        np.testing.assert_array_equal(activations[pos], best * (best > 0))
        for feature, activation in zip(features[pos], activations[pos], strict=True):
            assert (feature == -1) == (activation == 0)
            assert feature == -1 or dense[pos, feature] == activation
