"""FeatureFinder: what fires here, what labels and texts find, in the page's words and in Python's."""

import contextlib
import html
import io
import re
import threading

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.widgets.base.formats import format_number, format_percent
from tests.fake_model import D_DICT, MEASURED_ON

TEXT = "The old fisherman sold 12 fish."
FISH = ["The fisherman sold fish.", "Two fish.", "A fish sold.", "The old fish."]
OTHERS = ["The bird sang.", "On Monday the children sang.", "Two children.", "The bird."]


@pytest.fixture
def page(scope, open_page):
    return open_page(gs.FeatureFinder(scope, TEXT))


def last(page) -> dict:
    page.send({"type": "ready"})
    return page.messages("result")[-1][0]


@pytest.mark.row("14")
@pytest.mark.parametrize("order", ["activation", "share", "rarity"])
@pytest.mark.parametrize("pos", [None, 3])
def test_what_fires_here_is_the_reading_sorted_as_asked(page, scope, order, pos):
    page.set(order=order, selected_pos=pos)
    assert page.settle()["state"] == "idle"
    told, dense = last(page), scope.read(TEXT).to_dense()
    here = dense.max(0) if pos is None else dense[pos]
    dictionary = scope.dictionary()
    fires = np.flatnonzero(here).tolist()
    keys = {
        "activation": lambda one: -here[one],
        "share": lambda one: -here[one] / (dictionary.max_activation(one) or np.inf),
        "rarity": lambda one: dictionary.density(one),
    }
    assert told["count"] == len(fires)
    assert [keys[order](one["feature"]) for one in told["found"]] == sorted(map(keys[order], fires))[:50]
    for one in told["found"]:
        known = dictionary.max_activation(one["feature"])
        assert one["activation"] == pytest.approx(here[one["feature"]])
        assert one["share"] == (None if known is None else pytest.approx(one["activation"] / known))
        assert dense[one["pos"], one["feature"]] == pytest.approx(one["activation"])
        assert one["dense"] == (one["density"] > 0.1)
    if len(fires) <= 50 or order != "rarity":
        assert {one["dense"] for one in told["found"]} == {True, False}
    assert f"{len(fires)} features" in told["heading"]
    assert ("at position 3" in told["heading"]) == (pos == 3)


def test_the_whole_text_lists_fifty_at_most_and_says_of_how_many(scope, open_page):
    page = open_page(gs.FeatureFinder(scope, "The old fisherman sold 12 fish and the children sang on Monday at home."))
    told = last(page)
    assert len(told["found"]) == 50 < told["count"]
    assert told["heading"].startswith(f"The first 50 of {told['count']} features")


@pytest.mark.row("14")
def test_positions_left_out_have_their_reason_and_hold_no_feature(page, scope, check_copy):
    tokens = scope.tokens(TEXT)
    assert last(page)["ignored"] == {str(pos): reason for pos, reason in tokens.ignored.items()} != {}
    page.set(selected_pos=0)
    told = last(page)
    assert told["found"] == []
    assert told["note"] == f"Position 0 is left out: {tokens.ignored[0]}."
    assert tokens.ignored[0] in check_copy(page.widget._build_copy())


def test_order_and_token_ask_for_no_work(page, scope):
    scope.calls.clear()
    page.set(order="rarity", selected_pos=2, selected_feature=3)
    assert page.settle()["state"] == "idle"
    assert not scope.calls
    page.set(text="The bird")  # the control
    page.settle()
    assert scope.calls


@pytest.mark.row("15")
def test_a_query_finds_labels_and_what_they_do_here_and_no_match_offers_the_nearest(page, scope):
    page.widget.query = "fish"
    page.widget.wait()
    assert page.widget.way == "label"
    told = last(page)
    assert [one["feature"] for one in told["found"]] == [hit.feature for hit in scope.find("fish", k=50)]
    reading = scope.read(TEXT)
    for one in told["found"]:
        assert (one["activation"] or 0) == pytest.approx(float(reading.trace(one["feature"]).max()))
    page.set(query="fisch")
    page.settle()
    told = last(page)
    assert told["found"] == []
    assert told["nearest"]
    assert "No label" in told["note"]
    page.set(query="")
    page.settle()
    assert "with a label" in last(page)["heading"]
    page.set(way="here")
    page.settle()
    assert "in the whole text" in last(page)["heading"]


@pytest.mark.row("16", "NEW 28")
def test_two_sets_of_texts_give_each_score_its_shuffled_null(page, scope):
    page.set(positive=FISH, negative=OTHERS)
    assert page.settle()["state"] == "idle"
    assert page.widget.way == "texts"
    told, hits = last(page), scope.find(positive=FISH, negative=OTHERS, k=50)
    assert told["measure"] == hits.measure
    assert "tell 4 texts from 4 others" in told["heading"]
    for one, hit in zip(told["found"], hits, strict=True):
        assert (one["feature"], one["score"], one["positive"], one["negative"]) == (
            hit.feature,
            pytest.approx(hit.score),
            pytest.approx(hit.positive),
            pytest.approx(hit.negative),
        )
        assert one["chance"] == {
            name: pytest.approx(getattr(hit.null, name)) for name in ("mean", "p95", "reached", "reached_by_any")
        }
    page.set(negative=[])
    page.settle()
    assert "fire most on 4 texts" in last(page)["heading"]
    assert all(one["chance"] is None for one in last(page)["found"])


def test_a_search_can_be_stopped_and_the_last_list_stays(page, scope):
    shown, gate = page.widget._last_message, threading.Event()
    scope.submit(lambda _job: gate.wait(60))
    page.set(positive=FISH, negative=OTHERS)
    assert page.widget.status["state"] == "busy"
    page.send({"type": "cancel"})
    gate.set()
    assert page.settle()["state"] == "cancelled"
    assert page.widget._last_message is shown


def test_a_newer_search_replaces_one_under_way(page, scope):
    gate = threading.Event()
    scope.submit(lambda _job: gate.wait(60))
    page.set(positive=FISH, negative=OTHERS)
    first = page.widget._requests._work
    page.set(text="The bird", way="here")
    gate.set()
    assert page.settle()["state"] == "idle"
    assert isinstance(first.exception(60), gs.Cancelled)
    assert (last(page)["way"], last(page)["text"]) == ("here", "The bird")


def test_a_new_text_during_a_search_by_texts_does_not_search_again(page, scope):
    page.set(positive=FISH)
    page.settle()
    before = [one for one in scope.calls if "find" in str(one)]
    page.set(text="The bird")
    page.settle()
    assert (last(page)["text"], last(page)["way"]) == ("The bird", "texts")
    assert [one for one in scope.calls if "find" in str(one)] == before != []


def test_a_search_that_fails_says_why_and_keeps_the_list(page, scope):
    shown = page.widget._last_message
    scope.error = RuntimeError("a tensor broke")
    page.set(positive=FISH)
    status = page.settle()
    assert (status["state"], "a tensor broke" in status["message"]) == ("error", True)
    assert page.widget._last_message is shown


def test_state_is_readable_settable_and_refused_in_words(page, refuse_all):
    widget = page.widget
    widget.pos, widget.selected_feature = 4, 5
    assert (widget.pos, widget.selected_pos) == (4, 4)
    assert widget.selected_feature == FeatureRef(widget.dictionary_id, 5)
    refuse_all(page, "order", ["size", None, 5], message="order must be one of activation, share, rarity")
    refuse_all(page, "way", ["x", None], message="way must be one of here, label, texts")
    refuse_all(page, "query", [None, 5, "x" * 201], message="query is a part of a label")
    refuse_all(page, "positive", ["text", None, [5], [" "]], message="positive is a list of texts")
    refuse_all(page, "negative", [["a"] * 1001], message="negative takes at most 1000 texts")
    refuse_all(page, "selected_feature", [D_DICT, -1, 1.5], message="a feature is a whole number")
    refuse_all(page, "selected_pos", [-1, 0.5], message="selected_pos must be a whole number")


def test_linked_to_a_heatmap_text_token_and_feature_are_in_step(scope, open_page):
    finder = open_page(gs.FeatureFinder(scope, TEXT)).widget
    heatmap = open_page(gs.TokenHeatmap(scope, "The bird", features=[3])).widget
    gs.link(finder, heatmap)
    assert heatmap.text == TEXT
    finder.selected_feature = 9
    assert heatmap.selected_feature.feature == 9
    heatmap.selected_pos = 2
    assert finder.pos == 2
    assert "at position 2" in finder.shows()[0]


def test_text_without_tokens_and_empty_sets_say_so(page):
    page.set(text="")
    page.settle()
    assert "No text is read yet" in last(page)["note"]
    page.set(way="texts")
    page.settle()
    assert last(page)["found"] == []
    assert "Give at least one text" in last(page)["note"]


# ---- on the embedded model


@pytest.mark.row("14", "16", "NEW 27", "NEW 28")
def test_on_mini_the_numbers_on_screen_are_those_of_a_plain_calculation(mini, open_page, check_copy):
    """Activations from the dictionary's own weights, the contrast from them by NumPy."""
    widget = open_page(gs.FeatureFinder(mini, TEXT, order="share")).widget
    dictionary, reading = widget.dictionary, mini.read(TEXT)
    plain = reading.to_dense().max(0)
    known = {one: dictionary.max_activation(one) for one in np.flatnonzero(plain).tolist()}
    wanted = sorted(known, key=lambda one: -plain[one] / known[one])[:50]
    frame = widget.to_frame()
    assert frame["share"].tolist() == pytest.approx([plain[one] / known[one] for one in wanted])
    text = check_copy(widget._build_copy())
    assert all(format_number(float(plain[one]), 4) in text for one in wanted)
    assert all(format_percent(float(plain[one] / known[one])) in text for one in wanted)
    widget.positive, widget.negative = FISH, OTHERS
    widget.wait()
    most = np.array([mini.read(one).to_dense().max(0) for one in (*FISH, *OTHERS)], np.float64)
    for row in widget.to_frame().head(5).itertuples():
        ahead, behind = most[:4, row.feature], most[4:, row.feature]
        assert ahead.mean() > behind.mean()
        assert row.score > row.null_mean


@pytest.mark.parametrize("state", [{}, {"order": "rarity", "selected_pos": 3}, {"query": "fish"}, {"positive": FISH}])
def test_the_code_prints_what_is_on_screen(mini, open_page, state):
    widget = open_page(gs.FeatureFinder(mini, TEXT)).widget
    for name, value in state.items():
        setattr(widget, name, value)
    widget.wait()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(widget.to_code(), {})
    if widget.hits is not None:
        assert printed.getvalue().rstrip() == widget.hits.to_frame().to_string()
        return
    rows = [line.split() for line in printed.getvalue().splitlines()]
    assert [int(row[0]) for row in rows] == widget.to_frame()["feature"].tolist()
    assert [float(row[1]) for row in rows] == pytest.approx(widget.to_frame()["activation"].tolist())


def test_of_texts_too_long_the_one_is_named_and_the_error_goes_when_it_is_mended(page):
    page.set(positive=["The cat", "The dog"])
    assert page.settle()["state"] == "idle"
    page.set(positive=["The cat", "word " * 300])
    status = page.settle()
    assert re.match(r"text 2 of positive, 'word word .*: .* at most 256 tokens", status["message"]), status
    assert page.widget.refused == "positive"
    page.send({"type": "again", "state": {"positive": ["The cat", "The dog"]}})  # those that the list is of
    assert page.settle()["state"] == "idle"
    assert page.widget.refused == ""


def test_the_list_says_what_text_its_densities_are_of(page, check_copy):
    assert last(page)["densities_on"] == MEASURED_ON
    copy = check_copy(page.widget._build_copy())
    assert f"Features; densities and known maxima are of {MEASURED_ON}" in html.unescape(copy)
