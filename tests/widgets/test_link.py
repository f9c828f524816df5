"""gs.link: text, feature and position in step; no loop, no second run, and a cell that is run again."""

import threading

import pytest

import gscope_widgets as gs
from gscope_widgets.widgets import link as module

TEXT, OTHER = "The old fisherman sold 12 fish.", "On Monday the children sang."


@pytest.fixture
def heatmap(scope):
    return gs.TokenHeatmap(scope, TEXT, features=[3])


@pytest.fixture
def lens(scope):
    return gs.LogitLens(scope, OTHER)


@pytest.mark.row("32")
def test_the_second_takes_what_the_first_shows_and_then_each_follows_the_other(scope, heatmap, lens):
    gs.link(heatmap, lens)
    lens.wait()
    assert lens.text == TEXT
    lens.text = OTHER
    lens.selected_pos = 2
    heatmap.wait()
    assert (heatmap.text, heatmap.selected_pos) == (OTHER, 2)
    assert heatmap.reading.tokens == scope.tokens(OTHER)
    heatmap.selected_pos = None
    assert lens.selected_pos is None


@pytest.mark.row("31", "32")
def test_a_change_runs_the_model_once_for_each_widget(scope, heatmap, lens):
    gs.link(heatmap, lens)
    heatmap.wait(), lens.wait()
    scope.calls.clear()
    heatmap.text = OTHER
    heatmap.wait(), lens.wait()
    assert sorted(scope.calls) == ["logit_lens", "read"]
    heatmap.text = lens.text = OTHER
    heatmap.wait(), lens.wait()
    assert sorted(scope.calls) == ["logit_lens", "read"]


def test_a_picked_feature_fills_the_tokens_and_goes_to_a_list_of_one(scope, heatmap):
    panel = gs.SteeringPanel(scope, TEXT, features=[3])
    several = gs.FeatureSliders(scope, TEXT, features=[3, 4])
    gs.link(heatmap, panel, several)
    heatmap.selected_feature = 7
    assert [ref.feature for ref in panel.features] == [7]
    assert [ref.feature for ref in several.features] == [3, 4]
    panel.features = [9]
    assert heatmap.selected_feature.feature == 9
    assert heatmap.features[0].feature == 9


def test_a_followed_feature_takes_the_place_of_the_one_before_and_of_no_chosen_one(scope):
    heatmap = gs.TokenHeatmap(scope, TEXT, features=[1, 2, 3])
    panel = gs.SteeringPanel(scope, TEXT, features=[1])
    gs.link(heatmap, panel, share="feature")
    for feature in (7, 8, 2):
        panel.features = [feature]
    assert [ref.feature for ref in heatmap.features] == [2, 1, 3]
    panel.features = [9]
    assert [ref.feature for ref in heatmap.features] == [9, 2, 1, 3]
    heatmap.features = [4, 5, 6, 7]
    panel.features = [10]
    assert [ref.feature for ref in heatmap.features] == [4, 5, 6, 7]
    heatmap.wait()
    assert heatmap.status["message"] == "4 features are painted; remove one, and pick #10 again"


def test_a_feature_of_another_dictionary_is_left_alone(scope, heatmap):
    other = scope.dictionary(layer=1)
    panel = gs.SteeringPanel(scope, TEXT, features=[other.feature(5)])
    gs.link(heatmap, panel, share="feature")
    panel.features = [other.feature(6)]
    assert heatmap.features[0].feature == 3
    assert heatmap.status["state"] == "idle"


def test_only_what_is_named_is_shared(scope, heatmap, lens):
    gs.link(heatmap, lens, share=["pos"])
    heatmap.selected_pos = 3
    assert (lens.selected_pos, lens.text) == (3, OTHER)


def test_an_ended_link_and_a_closed_widget_follow_no_more(heatmap, lens):
    made = gs.link(heatmap, lens)
    made.unlink()
    made.unlink()
    heatmap.selected_pos = 1
    assert lens.selected_pos is None
    gs.link(heatmap, lens)
    lens.close()
    heatmap.selected_pos = 2
    assert lens.selected_pos != 2


def test_linking_twice_is_linking_once(heatmap, lens):
    first = gs.link(heatmap, lens)
    second = gs.link(heatmap, lens, share="pos")
    assert first.widgets == ()
    assert repr(second) == "<link of TokenHeatmap and LogitLens: pos>"
    heatmap.text = "Another text."
    assert lens.text == TEXT


@pytest.mark.row("32")
def test_a_widget_made_anew_under_its_name_takes_the_old_ones_place(monkeypatch, scope, heatmap, lens):
    namespace = {"heatmap": heatmap, "lens": lens, "_": lens}
    monkeypatch.setattr(module, "_read_namespace", lambda: namespace)
    made = gs.link(heatmap, lens)
    again = gs.TokenHeatmap(scope, "Nothing of it.", features=[3])
    made.renew(namespace)
    assert made.widgets == (heatmap, lens)  # no cell was run again
    namespace["heatmap"] = again
    made.renew(namespace)
    assert again.text == TEXT
    again.selected_pos = 4
    assert lens.selected_pos == 4
    heatmap.selected_pos = 1
    assert lens.selected_pos == 4
    namespace["lens"] = "something else"
    made.renew(namespace)
    assert made.widgets == (again, lens)


def test_names_that_move_between_widgets_take_none_out(monkeypatch, scope, heatmap, lens):
    """A name used again for a third widget, and two names that change places, are no cell that was run again."""
    other = gs.TokenHeatmap(scope, OTHER, features=[3])
    namespace = {"last": other, "first": heatmap, "second": other}
    monkeypatch.setattr(module, "_read_namespace", lambda: namespace)
    made = gs.link(heatmap, other, lens)
    namespace["last"] = gs.TokenHeatmap(scope, "A third.", features=[3])
    made.renew(namespace)
    assert made.widgets == (heatmap, other, lens)
    namespace["first"], namespace["second"] = other, heatmap
    made.renew(namespace)
    assert made.widgets == (heatmap, other, lens)
    other.selected_pos = 2
    assert (heatmap.selected_pos, lens.selected_pos) == (2, 2)


def test_changes_on_two_threads_end_in_step(heatmap, lens):
    gs.link(heatmap, lens, share="pos")

    def move(widget, positions):
        for pos in positions:
            widget.selected_pos = pos

    threads = [
        threading.Thread(target=move, args=(heatmap, [1, 2] * 100)),
        threading.Thread(target=move, args=(lens, [3, 4] * 100)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    heatmap.selected_pos = 0
    assert lens.selected_pos == 0


@pytest.mark.parametrize(
    ("arguments", "share", "sentence"),
    [
        (("heatmap", "no"), ("text",), "gs.link takes widgets such as gs.TokenHeatmap.*, got 'no'"),
        (("heatmap", "heatmap"), ("text",), "the same widget twice"),
        (("heatmap", "lens"), ("layer",), r"share must be among text, feature, pos, got \('layer',\)"),
        (("heatmap", "lens"), "feature", "LogitLens has no feature to share"),
        (("heatmap", "lens"), (), "share must be among"),
        (("heatmap", "lens"), None, "share must be among text, feature, pos, got None"),
        (("heatmap", "lens"), 5, "share must be among text, feature, pos, got 5"),
        (("heatmap", "lens"), [["text"]], "share must be among"),
    ],
)
def test_what_cannot_be_linked_is_refused_in_words(request, arguments, share, sentence):
    widgets = [request.getfixturevalue(one) if one in ("heatmap", "lens") else one for one in arguments]
    with pytest.raises(gs.InvalidValue, match=sentence):
        gs.link(*widgets, share=share)


def test_a_closed_widget_is_not_linked(heatmap, lens):
    lens.close()
    with pytest.raises(gs.Closed, match="this LogitLens was closed"):
        gs.link(heatmap, lens)
