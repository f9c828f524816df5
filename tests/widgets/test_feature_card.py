"""FeatureCard: its numbers are the dashboard's and the reading's, its state is checked, its code prints them."""

import contextlib
import html
import io
import json
import math
import threading
import time

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.mini import MODELS
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.widgets.base.formats import format_number, format_percent
from tests.fake_finding import SILENT

TEXT = "The old fisherman sold 12 fish."
OTHER = "On Monday the children sang."


@pytest.fixture
def page(scope, open_page):
    return open_page(gs.FeatureCard(scope, 3, text=TEXT))


def read_message(page) -> tuple[dict, dict]:
    page.forget()
    page.send({"type": "ready"})
    content, buffers = page.messages("result")[-1]
    arrays = {}
    for head, data in zip(content["arrays"], buffers, strict=True):
        assert len(data) == 4 * math.prod(head["shape"])
        arrays[head["name"]] = np.frombuffer(data, head["dtype"]).reshape(head["shape"])
    return content, arrays


@pytest.mark.row("11", "12", "16")
def test_the_message_is_the_dashboard_and_the_reading(page, scope, dictionary):
    content, arrays = read_message(page)
    card, reading = scope.card(dictionary.feature(3)), scope.read(TEXT, dictionary, features=[3])
    np.testing.assert_array_equal(arrays["values"], reading.trace(3))
    np.testing.assert_array_equal(arrays["edges"], card.histogram.edges)
    np.testing.assert_array_equal(arrays["counts"], card.histogram.counts)
    assert (content["density"], content["max_activation"]) == (card.density, card.max_activation)
    assert content["density_on"] == card.density_on == card.histogram.on
    facts = f"fires at {format_percent(card.density)} of {card.density_on} ·"
    assert facts in html.unescape(page.widget._build_copy())
    examples = [*card.examples, *(one for band in card.bands for one in band.examples)]
    assert [one["tokens"] for one in content["examples"]] == [list(one.tokens) for one in examples]
    assert [one["activation"] for one in content["examples"]] == pytest.approx([one.activation for one in examples])
    np.testing.assert_array_equal(arrays["activations"], np.concatenate([one.activations for one in examples]))
    for told, band in zip(content["bands"], card.bands, strict=True):
        assert (told["low"], told["high"], told["count"]) == pytest.approx((band.low, band.high, band.count))
        some = content["examples"][told["first"] : told["stop"]]
        assert [one["peak"] for one in some] == [one.peak for one in band.examples]
        assert [one["activation"] for one in some] == pytest.approx([one.activation for one in band.examples])
    assert len(content["bands"]) == 5
    for name in ("promoted", "suppressed"):
        told = [(one["id"], one["token"], one["effect"]) for one in content[name]]
        assert told == [(one.id, one.token, one.effect) for one in getattr(card, name)]
    near = [(one["feature"]["feature"], one["measure"], one["value"], one["on"]) for one in content["neighbours"]]
    assert near == [(one.ref.feature, one.measure, one.value, one.on) for one in card.neighbours]
    assert {measure for _, measure, _, _ in near} == {"decoder cosine", "co-activation"}
    truth = content["truth"]
    assert (truth["auc"], truth["precision"], truth["recall"]) == (0.99, 0.9, 0.8)
    assert [one["name"] for one in truth["rivals"]] == [one.name for one in card.truth.rivals]


@pytest.mark.row("11", "13", "NEW 27")
def test_on_mini_every_number_is_that_of_a_plain_calculation(mini, open_page):
    """By transformers and safetensors alone, but for counts of the whole sample, which tests/runtime holds."""
    import torch
    from safetensors.torch import load_file
    from transformers import Gemma3ForCausalLM

    dictionary = mini.dictionary()
    folder = dictionary.folder.path
    weights = {name: value.double().numpy() for name, value in load_file(folder / "params.safetensors").items()}
    fires = {top.feature for top in mini.read(TEXT, dictionary).top(20)}
    entries = json.loads((folder / "features.json").read_text())["features"]
    entry = next(one for one in entries if one.get("label") and one["feature"] in fires)
    feature = entry["feature"]
    page = open_page(gs.FeatureCard(mini, feature, text=OTHER))
    assert page.settle()["state"] == "idle"
    began = time.process_time()
    page.set(text=TEXT)
    assert page.settle()["state"] == "idle"
    assert time.process_time() - began < 1  # of computing, on all cores together: within a second for the reader
    content, arrays = read_message(page)

    plain = Gemma3ForCausalLM.from_pretrained(MODELS["mini"], dtype=torch.float32).eval()

    def activate(ids):
        with torch.no_grad():
            ran = plain(torch.tensor([list(ids)]), output_hidden_states=True)
        stream = ran.hidden_states[dictionary.info.layer + 1][0].double().numpy()
        before = stream @ weights["w_enc"][:, feature] + weights["b_enc"][feature]
        return before * (before > weights["threshold"][feature])

    tokens = mini.tokens(TEXT)
    wanted = activate(tokens.ids)
    wanted[list(tokens.ignored)] = 0
    assert wanted.max() > 1
    np.testing.assert_allclose(arrays["values"], wanted, rtol=1e-3, atol=1e-3)
    state = {name: value.double().numpy() for name, value in plain.state_dict().items()}
    effects = (state["lm_head.weight"] * (1 + state["model.norm.weight"])) @ weights["w_dec"][feature]
    for one in [*content["promoted"], *content["suppressed"]]:
        assert one["effect"] == pytest.approx(effects[one["id"]], rel=1e-3, abs=1e-4)
    rows = weights["w_dec"] / np.linalg.norm(weights["w_dec"], axis=1, keepdims=True)
    for one in content["neighbours"]:
        if one["measure"] == "decoder cosine":
            assert one["value"] == pytest.approx(rows[one["feature"]["feature"]] @ rows[feature], abs=1e-4)
    assert content["truth"]["auc"] == entry["auc"]
    rivals = {one["auc"] for one in content["truth"]["rivals"]}
    assert rivals == {entry["rivals"][name] for name in ("neuron", "coordinate", "probe", "token")}
    assert int(arrays["counts"].sum()) == sum(band["count"] for band in content["bands"])
    assert activate(list(reversed(tokens.ids))) != pytest.approx(wanted, abs=1e-3)  # the control


@pytest.mark.row("13")
def test_typing_reads_this_feature_alone_and_asks_for_no_new_card(page, scope, dictionary):
    scope.calls.clear()
    page.set(text=OTHER)
    assert page.settle()["state"] == "idle"
    assert scope.calls == ["read"]
    content, arrays = read_message(page)
    assert content["text"] == OTHER
    np.testing.assert_array_equal(arrays["values"], scope.read(OTHER, dictionary, features=[3]).trace(3))
    np.testing.assert_array_equal(page.widget.reading.trace(3), arrays["values"])


@pytest.mark.row("11")
def test_the_look_up_of_another_feature_shows_its_progress_and_is_stopped(page, scope, monkeypatch):
    def look_up(ref, *, slot):
        def steps(_job):
            while not release.wait(0.002):
                yield 0.5  # progress is told four times a second
            yield 0.5

        return scope.submit(steps, slot=slot)

    release, before = threading.Event(), page.widget.dashboard
    monkeypatch.setattr(scope, "start_card", look_up)
    page.set(feature={"dictionary_id": before.ref.dictionary_id, "feature": 9})
    deadline = time.monotonic() + 60
    while page.widget.status["progress"] != 0.5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (page.widget.status["state"], page.widget.status["progress"]) == ("busy", 0.5)
    page.send({"type": "cancel"})
    release.set()
    assert page.settle()["state"] == "cancelled"
    assert page.widget.dashboard.ref == before.ref


@pytest.fixture
def slow_scope(scope, monkeypatch):
    """Whose cards wait, half way, for `release`."""
    whole = scope.start_card

    def look_up(ref, *, texts=None, slot=None):
        found = whole(ref, texts=texts)

        def steps(_job):
            while not (scope.release.wait(0.002) and found.done()):
                yield 0.5  # others have their turns in between
            if scope.error is not None:
                raise scope.error
            return found.result()

        return scope.submit(steps, slot=slot)

    scope.release = threading.Event()
    monkeypatch.setattr(scope, "start_card", look_up)
    monkeypatch.setattr("gscope_widgets.widgets.feature_card._PATIENCE_S", 0.02)
    yield scope
    scope.release.set()


@pytest.mark.row("11")
def test_a_first_look_up_that_takes_long_goes_on_in_the_view(slow_scope, open_page, dictionary):
    page = open_page(gs.FeatureCard(slow_scope, 3, text=TEXT))
    widget = page.widget
    assert (widget.status["state"], widget.status["message"]) == ("busy", "Looking it up…")
    page.send({"type": "ready"})
    assert page.messages("result") == []  # half a card is not shown as a whole one
    assert slow_scope.describe(dictionary.feature(3)).label.text in widget._build_copy()
    slow_scope.release.set()
    assert page.settle()["state"] == "idle"
    assert widget.dashboard.to_frame().equals(slow_scope.card(dictionary.feature(3)).to_frame())
    assert len(widget.to_frame()) > 0
    assert [content["feature"]["feature"] for content, _ in page.messages("result")] == [3]


@pytest.mark.row("11")
def test_numbers_wait_for_a_first_look_up_and_text_typed_meanwhile_is_read(slow_scope, open_page, dictionary):
    threading.Timer(0.1, slow_scope.release.set).start()
    assert (
        gs.FeatureCard(slow_scope, 3)
        .to_frame()
        .equals(slow_scope.start_card(dictionary.feature(3), slot=0).result().to_frame())
    )
    slow_scope.release.clear()
    page = open_page(gs.FeatureCard(slow_scope, 3, text=TEXT))
    page.set(text=OTHER)
    slow_scope.release.set()
    assert page.settle()["state"] == "idle"
    assert (page.widget.dashboard.ref.feature, page.widget.reading.tokens.text) == (3, OTHER)
    assert page.widget.dashboard.histogram is not None


def test_a_first_look_up_that_fails_is_said_and_asked_for_again(slow_scope, open_page):
    page = open_page(gs.FeatureCard(slow_scope, 3))
    slow_scope.error = gs.GscopeError("the disk is gone")
    slow_scope.release.set()
    assert page.settle()["message"] == "the disk is gone"
    with pytest.raises(gs.GscopeError, match="the disk is gone"):
        page.widget.plot()
    slow_scope.error = None
    page.widget.text = ""  # the same once more
    page.widget.wait()
    assert page.widget.dashboard.histogram is not None


@pytest.mark.row("16", "31")
def test_a_neighbour_is_opened_by_its_ref_a_number_or_a_link(page, scope, dictionary, open_page):
    widget = page.widget
    near = widget.dashboard.neighbours[0].ref
    page.set(feature={"dictionary_id": near.dictionary_id, "feature": near.feature})
    assert page.settle()["state"] == "idle"
    assert widget.dashboard.ref == widget.feature == near
    widget.feature = 7
    assert widget.dashboard.ref == dictionary.feature(7)
    assert read_message(page)[0]["feature"]["feature"] == 7
    heatmap = open_page(gs.TokenHeatmap(scope, OTHER, features=[5])).widget
    gs.link(heatmap, widget)
    widget.wait()
    assert (widget.text, widget.feature.feature) == (OTHER, 5)
    widget.feature = 9
    assert heatmap.selected_feature == dictionary.feature(9)


def test_bands_and_context_ask_for_no_work_and_change_the_copy(page, scope, check_copy):
    widget = page.widget
    card = widget.dashboard
    scope.calls.clear()
    lengths = {}
    for bands, count in (
        ("mixed", sum(len(band.examples[::2]) for band in card.bands)),
        ("top", len(card.examples)),
        ("all", sum(len(band.examples) for band in card.bands)),
    ):
        page.set(bands=bands, context="short")
        assert (widget.bands, widget.context) == (bands, "short")
        assert sum(len(examples) for _, examples in widget._list_examples()) == count
        lengths[bands] = len(check_copy(widget._build_copy()))
    assert lengths["mixed"] < lengths["all"]
    page.set(context="long")
    assert len(check_copy(widget._build_copy())) > lengths["all"]
    assert scope.calls == []


def test_a_feature_that_fires_nowhere_says_what_is_missing(scope, open_page, check_copy):
    page = open_page(gs.FeatureCard(scope, SILENT, text=TEXT))
    content, arrays = read_message(page)
    assert content["histogram"] is None
    assert content["examples"] == content["bands"] == content["labels"] == []
    assert len(arrays["edges"]) == len(arrays["counts"]) == len(arrays["activations"]) == 0
    copy = check_copy(page.widget._build_copy())
    assert "No label: nobody has written one." in copy
    assert "No examples: the feature fires at none of" in copy
    assert page.widget.plot()._repr_png_().startswith(b"\x89PNG")
    assert len(page.widget.to_frame()) == 0


def test_the_text_box_may_be_empty(scope, open_page, check_copy):
    page = open_page(gs.FeatureCard(scope, 3))
    assert "own text" not in check_copy(page.widget._build_copy())
    page.set(text=TEXT)
    page.settle()
    assert "own text" in check_copy(page.widget._build_copy())


def test_the_plot_marks_the_texts_strongest_token(page):
    _, value = page.widget._find_peak()
    (legend,) = [text.get_text() for text in page.widget.plot().axes[0].get_legend().get_texts()]
    assert format_number(value, 4) in legend
    assert value == pytest.approx(page.widget.reading.trace(3).max())


def test_state_that_is_wrong_is_refused_in_words(page, refuse_all):
    refuse_all(page, "feature", [-1, 1024, 1.5, "7", None, True], message="a feature is a whole number from 0 to 1023")
    refuse_all(page, "feature", [{}, {"feature": 3}], message="a feature is a number or")
    refuse_all(page, "feature", [{"dictionary_id": "elsewhere", "feature": 1}], message="elsewhere")
    refuse_all(page, "bands", ["x", None, 5], message="bands must be one of mixed, top, all")
    refuse_all(page, "context", ["x", None, []], message="context must be one of short, medium, long")


@pytest.mark.parametrize(
    ("given", "words"),
    [(-1, "a feature is a whole number"), (FeatureRef("elsewhere", 1), "elsewhere"), ("3", "a feature is a whole")],
)
def test_a_card_of_no_feature_is_refused(scope, given, words):
    with pytest.raises(gs.GscopeError, match=words):
        gs.FeatureCard(scope, given)


@pytest.mark.row("33")
def test_the_code_prints_what_is_on_screen(mini, open_page):
    widget = open_page(gs.FeatureCard(mini, 21, text="Where is the fish?")).widget
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(widget.to_code(), {})
    assert widget.to_frame().to_string() in printed.getvalue()
    assert str(widget.reading.trace(21)) in printed.getvalue()
    assert str(widget.dashboard) in printed.getvalue()
