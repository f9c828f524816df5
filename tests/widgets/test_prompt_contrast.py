"""PromptContrast: its numbers are those of two plain readings, its state is checked, its code prints them."""

import contextlib
import io
import re

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.alignments import align_tokens
from gscope_widgets.widgets.base.limits import CONTRASTED, CONTRASTED_HERE

FIRST, SECOND = "The old fisherman sold 12 fish.", "The old woman sold 12 fish."


@pytest.fixture
def page(scope, open_page):
    return open_page(gs.PromptContrast(scope, FIRST, SECOND, features=[3, 9]))


def read_newest(page) -> tuple[dict, dict]:
    page.send({"type": "ready"})
    content, buffers = page.messages("result")[-1]
    heads = zip(content["arrays"], buffers, strict=True)
    return content, {head["name"]: np.frombuffer(data, head["dtype"]).reshape(head["shape"]) for head, data in heads}


def read_densely(scope, text) -> np.ndarray:
    """All activations, [pos, d_dict], from a reading of that text alone."""
    reading = scope.read(text)
    dense = np.zeros((len(reading.tokens), scope.dictionary().d_dict), np.float32)
    dense[reading.positions, reading.features] = reading.activations
    return dense


@pytest.mark.row("17")
def test_the_numbers_are_those_of_two_readings_of_mini(mini, open_page):
    page = open_page(gs.PromptContrast(mini, FIRST, SECOND))
    content, arrays = read_newest(page)
    first, second = (read_densely(mini, text) for text in (FIRST, SECOND))
    ids = [mini.tokens(text).ids for text in (FIRST, SECOND)]
    gaps = second.max(0) - first.max(0)
    order = np.argsort(-np.abs(gaps), kind="stable")[:CONTRASTED]
    assert content["differing"]
    listed = [one["feature"] for one in content["differing"]]
    np.testing.assert_allclose(np.abs(gaps[listed]), np.abs(gaps[order[: len(listed)]]), rtol=1e-4)
    for one in (*content["differing"], *content["shared"]):
        assert one["first"] == pytest.approx(first[:, one["feature"]].max(), rel=1e-4)
        assert one["second"] == pytest.approx(second[:, one["feature"]].max(), rel=1e-4)
    assert all(min(one["first"], one["second"]) > 0 for one in content["shared"])
    for column, (left, right) in enumerate(arrays["pairs"]):
        assert left < 0 or right < 0 or ids[0][left] == ids[1][right]
        here = [np.zeros(first.shape[1]) if pos < 0 else side[pos] for side, pos in ((first, left), (second, right))]
        expected = np.linalg.norm(here[1] - here[0])
        assert arrays["differences"][column] == pytest.approx(expected, rel=1e-3, abs=1e-3)
        for feature, pair in zip(
            arrays["differing_features"][column], arrays["differing_activations"][column], strict=True
        ):
            if feature >= 0:
                assert pair == pytest.approx([here[0][feature], here[1][feature]], rel=1e-3, abs=1e-3)
    assert (arrays["pairs"] < 0).any()  # a word stands in one text only
    assert arrays["differing_features"].shape == (len(arrays["pairs"]), CONTRASTED_HERE)


def test_the_same_text_twice_differs_nowhere(scope, open_page):
    content, arrays = read_newest(open_page(gs.PromptContrast(scope, FIRST, FIRST)))
    assert content["differing"] == []
    assert (arrays["differing_features"] == -1).all()
    assert (arrays["pairs"][:, 0] == arrays["pairs"][:, 1]).all()
    assert content["shared"]


@pytest.mark.row("17")
def test_the_feature_selected_colours_both_texts_without_another_run(page, scope, dictionary):
    scope.calls.clear()
    page.set(selected_feature={"dictionary_id": dictionary.info.id, "feature": 3})
    assert page.settle()["state"] == "idle"
    content, arrays = read_newest(page)
    assert page.widget.selected_feature == dictionary.feature(3)
    assert content["selected"]["feature"] == 3
    assert scope.calls == []
    np.testing.assert_allclose(arrays["first_painted"], scope.read(FIRST).trace(3))
    np.testing.assert_allclose(arrays["second_painted"], scope.read(SECOND).trace(3))
    np.testing.assert_allclose(arrays["second_values"], [scope.read(SECOND).trace(one) for one in (3, 9)])
    page.widget.selected_feature = None
    page.widget.wait()
    assert read_newest(page)[0]["selected"] is None
    page.widget.second = "The old house."  # the control
    page.widget.wait()
    assert scope.calls.count("contrast") == 1


def test_the_column_picked_stays_on_its_token_or_is_let_go(page):
    pairs = page.widget.contrast.pairs
    last = len(pairs) - 1
    page.set(selected_column=last)
    page.set(second="The very old woman sold 12 fish.")
    assert page.settle()["state"] == "idle"
    widget = page.widget
    assert widget.selected_column == len(widget.contrast.pairs) - 1 != last
    assert "is number" in read_newest(page)[0]["note"]
    page.set(first="A bird", second="A bird")
    page.settle()
    assert widget.selected_column is None
    assert "none is picked now" in read_newest(page)[0]["note"]


def test_a_column_beyond_the_texts_is_refused_from_page_and_python(page, scope):
    widget = page.widget
    count = len(widget.contrast.pairs)
    widget.selected_column = count - 1
    words = f"selected_column must be below {count}, the number of columns, got {count}; None picks nothing"
    for wrong in (count, 999):
        with pytest.raises(gs.InvalidValue, match="selected_column must be below"):
            widget.selected_column = wrong
    page.set(selected_column=count)
    assert page.settle()["message"] == words
    assert widget.selected_column == count - 1
    scope.gate.clear()
    widget.second = f"{SECOND} And more of it."  # Python means these texts, answered or not; the page those in view
    longer = len(align_tokens(*(scope.tokens(text).ids for text in (FIRST, widget.second))))
    page.set(selected_column=longer - 1)
    assert "must be below" in widget.status["message"]
    widget.selected_column = longer - 1
    scope.gate.set()
    page.settle()
    widget.wait()
    assert widget.selected_column == longer - 1 == len(widget.contrast.pairs) - 1 > count


def test_text_feature_and_token_follow_a_linked_heatmap(scope, open_page, dictionary):
    contrast = open_page(gs.PromptContrast(scope, FIRST, SECOND)).widget
    heatmap = open_page(gs.TokenHeatmap(scope, FIRST, features=[3])).widget
    gs.link(heatmap, contrast)
    assert contrast.selected_feature == dictionary.feature(3)
    heatmap.selected_pos = 3
    assert contrast.contrast.pairs[contrast.selected_column, 0] == 3
    contrast.selected_column = int(np.flatnonzero(contrast.contrast.pairs[:, 0] == 2)[0])
    assert heatmap.selected_pos == 2
    heatmap.text = "The bird"
    contrast.wait()
    assert contrast.first == "The bird"
    assert contrast.second == SECOND


def test_state_that_is_wrong_is_refused_in_words(page, refuse_all, scope):
    refuse_all(page, "second", [None, 5, ["a"]], message="the text must be a string")
    refuse_all(page, "second", ["word " * 100_000], message="at most 256 tokens")
    refuse_all(page, "selected_column", [-1, 1.5, "1"], message="selected_column must be a whole number")
    refuse_all(page, "selected_feature", [-1, 1024], message="a feature is a whole number from 0 to 1023")
    refuse_all(page, "features", [[*range(CONTRASTED + 1)]], message="at most 20 features")
    other = scope.dictionary(layer=1).feature(3)
    with pytest.raises(gs.InvalidValue, match="of another dictionary than this contrast's"):
        page.widget.selected_feature = other


@pytest.mark.row("17")
def test_the_code_prints_what_is_on_screen(mini, open_page):
    page = open_page(gs.PromptContrast(mini, FIRST, SECOND, features=[7]))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(page.widget.to_code(), {})
    lines = [line.split() for line in printed.getvalue().splitlines()]
    expected = [(one["feature"], one["first"], one["second"]) for one in read_newest(page)[0]["differing"]]
    assert [int(line[0]) for line in lines] == [*(one[0] for one in expected), 7]
    for line, one in zip(lines, expected, strict=False):
        assert [float(re.sub(r"[^\d.e-]", "", value)) for value in line[1:]] == pytest.approx(one[1:], rel=1e-5)


def test_hostile_words_in_either_text_are_inert_in_the_copy(scope, open_page, check_copy, hostile_words):
    page = open_page(gs.PromptContrast(scope, FIRST, SECOND, features=[4]))
    for word in hostile_words:
        page.set(second=word)
        assert page.settle()["state"] == "idle"
        check_copy(page.widget._build_copy())


@pytest.mark.parametrize("name", ["first", "second"])
def test_either_text_stays_in_its_field_when_it_is_refused(page, name):
    before = getattr(page.widget, name)
    page.forget()
    page.set(**{name: "word " * 300})
    assert page.settle()["state"] == "error"
    assert (page.widget.refused, page.patches(name), getattr(page.widget, name)) == (name, [], before)
