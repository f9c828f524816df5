"""Every widget kept in a file and opened again, on the fake scope and a few on mini; and files that are refused."""

import errno
import hashlib
import inspect
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pandas.testing
import pytest

import gscope_widgets as gs
from gscope_widgets.keeping import files
from gscope_widgets.recordings import container
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.kept import compare_numbers
from gscope_widgets.widgets.base.keeping import build_view, list_keywords, list_state
from gscope_widgets.widgets.catalogue import CATALOGUE, EXAMPLE_TEXT
from gscope_widgets.widgets.contract import load_class, make_example
from tests.fake_engines import make_engine
from tests.fake_model import D_MODEL, LABELS

REF = FeatureRef("fake/resid_post/layer_3_width_1k_l0_medium", 3)
OWN = gs.Direction("resid_post", 1, np.ones(D_MODEL), "all ones")
# By hand: what a reader sets besides what rows of the catalogue change.
BY_HAND = {
    "TokenHeatmap": {
        "color_by": [float("nan"), *[0.5] * 9],
        "color_range": [0.0, 2.0],
        "selected_pos": 3,
        "selected_feature": 4,
    },
    "FeatureSliders": {"changes": [gs.add(REF, -0.5), gs.ablate(FeatureRef(REF.dictionary_id, 4))]},
    "SteeringPanel": {
        "changes": [gs.clamp(REF, 3.0, positions=slice(1, 3)), gs.add(OWN, 0.7)],
        "seed": 5,
        "words": ["a"],
    },
    "DoseSweep": {"measure": "fish", "seed": 7, "selected_strength": -0.2},
    "LogitLens": {"pinned": [5, 6], "color_by": "pinned", "selected_layer": 2, "selected_pos": 2},
    "AttentionView": {
        "layer": 4,
        "head": 2,
        "show": "effect",
        "leaves_first_out": True,
        "score": "first",
        "selected_pos": 2,
    },
    "FeatureCard": {"feature": 5, "bands": "all", "context": "long"},
    "FeatureFinder": {"way": "label", "query": "fish", "order": "rarity", "selected_pos": 2, "selected_feature": 9},
    "PromptContrast": {"selected_column": 2, "selected_feature": 7},
    "DictionaryCompare": {"threshold": 0.4, "order": "second", "kind": "all", "selected_pos": 1},
    "CircuitGraph": {
        "node_share": 0.5,
        "pinned": [60, 70],
        "groups": {"two": [70, 71]},
        "selected_node": 60,
    },
    "Workbench": {"color_by": "fvu", "selected_pos": 3, "selected_feature": 4},
    "Doctor": {"model": "gemma-3-1b"},
}


KEPT = [row for row in CATALOGUE if row.home == "widgets"]


@pytest.fixture(params=KEPT, ids=lambda row: row.name)
def row(request):
    return request.param


@pytest.fixture
def engine(row):
    made = make_engine(row)
    yield made
    made.close()


def set_by_hand(row, widget) -> None:
    for name, value in BY_HAND[row.name].items():
        if name in widget.shared_traits():
            setattr(widget, name, value)
    if row.name == "Workbench":
        widget.sliders.changes = [gs.clamp(REF, 2.0)]
        widget.lens.pinned = [4]
        widget.steering.changes = [gs.add(REF, 0.9)]
    widget.wait()


def start(row, widget) -> None:
    if not row.asks:
        widget.max_new_tokens = 2
        widget.start()
    widget.wait()


def read_state(widget):
    """All that a reader can set, the numbers, the picture's words and the code; of parts too."""
    view = build_view(widget)
    kept = (view.state, view.made_with, view.run, view.is_stopped, view.numbers, view.provenance, view.dictionaries)
    shown = None if not widget._keeps_numbers else widget.shows()
    parts = {name: read_state(part) for name, part in getattr(widget, "_made", {}).items()}
    return (repr(kept), shown, widget.to_code(), parts)  # repr: NaN is not equal to itself


def open_quietly(view, engine):
    with warnings.catch_warnings():
        warnings.simplefilter("error", gs.KeptWarning)
        return gs.open(view, engine)


@pytest.mark.row("47", "NEW 19")
@pytest.mark.parametrize(
    "steps", [(), (start,), (set_by_hand,), (start, set_by_hand)], ids=["made", "run", "set", "run and set"]
)
def test_a_widget_opens_as_it_was_kept(row, engine, open_page, tmp_path, steps):
    widget = open_page(make_example(row, engine)).widget
    for step in steps:
        step(row, widget)
    before = read_state(widget)
    widget.save(tmp_path / "view.json")
    widget.close()
    again = open_page(open_quietly(tmp_path / "view.json", engine)).widget
    assert type(again).__name__ == row.name
    assert read_state(again) == before
    assert again.status["state"] == "idle"


@pytest.mark.row("47")
def test_what_is_changed_after_it_was_kept_is_not_what_opens(row, engine, open_page, tmp_path):
    """The control of the test above."""
    widget = open_page(make_example(row, engine)).widget
    widget.save(tmp_path / "view.json")
    set_by_hand(row, widget)
    again = open_page(open_quietly(tmp_path / "view.json", engine)).widget
    assert read_state(again) != read_state(widget)


def test_all_that_a_constructor_takes_and_a_reader_sets_is_kept(row, engine, open_page):
    """A new trait or keyword is kept without a line for it, or this fails."""
    widget = open_page(make_example(row, engine)).widget
    view = build_view(widget)
    traits = {"ref": "feature", "pos": "selected_pos"}
    known = {*view.state, *view.made_with}
    left = {name for name in list_keywords(type(widget)) if traits.get(name, name) not in known}
    assert left <= {"other", "dictionary", "texts", "interventions", "dictionaries", "graph"}
    for name in left:
        assert inspect.signature(load_class(row).__init__).parameters[name].default in (None, ())
    assert set(list_state(type(widget))) == set(view.state)
    assert set(BY_HAND[row.name]) <= set(view.state)


def test_a_stopped_run_is_made_whole_and_said_to_be(open_page, scope, tmp_path):
    panel = open_page(gs.SteeringPanel(scope, EXAMPLE_TEXT, features=[3], max_new_tokens=40)).widget
    scope.gate.clear()
    panel.start()
    panel.stop()
    scope.gate.set()
    panel.wait()
    assert panel._run.ended == "cancelled"
    panel.save(tmp_path / "view.json")
    with pytest.warns(gs.KeptWarning, match="from a run that had been stopped, and shows the whole run now"):
        again = open_page(gs.open(tmp_path / "view.json", scope)).widget
    assert again._run.ended == "whole"


def test_settings_without_an_answer_are_not_kept(open_page, scope, tmp_path):
    heatmap = open_page(gs.TokenHeatmap(scope, EXAMPLE_TEXT, features=[3])).widget
    scope.error = RuntimeError("broke")
    heatmap.text = "Another"
    for keep in (heatmap.pin, lambda: heatmap.save(tmp_path / "view.json")):
        with pytest.raises(RuntimeError, match="broke"):
            keep()
    assert not (tmp_path / "view.json").exists()
    assert heatmap.findings == ()


# ---- a lesson


def lock(row, widget) -> None:
    """To a lesson that fixes, hides, filters and has a stage open, as far as this widget can."""
    features = [3, 4, 42] if row.has_dictionary and row.filters_features and not row.opens else []
    stages = [gs.Stage([row.fixable[0]], "Your turn"), gs.Stage(["labels"])]
    widget.lock(fixed=row.fixable, hide_labels=True, features=features, note="<b>Look</b> first.", stages=stages)
    widget.next_stage()


def list_labels(path) -> list[str]:
    """Those of the fake's labels that stand in a file, however JSON writes them."""
    text = path.read_text()
    return [one.text for one in LABELS.values() if json.dumps(one.text)[1:-1] in text]


@pytest.mark.row("47", "NEW 13")
def test_a_locked_widget_opens_locked_as_it_was(row, engine, open_page, tmp_path):
    widget = open_page(make_example(row, engine)).widget
    start(row, widget)
    lock(row, widget)
    before = read_state(widget)
    widget.save(tmp_path / "view.json")
    again = open_page(open_quietly(tmp_path / "view.json", engine)).widget
    assert again.lesson == widget.lesson
    assert again.lesson.stage == 1
    assert again.lesson_view == widget.lesson_view
    assert read_state(again) == before
    assert again.next_stage().stage == 2
    again.unlock()
    assert again.lesson is None


@pytest.mark.row("NEW 13")
def test_hidden_labels_stay_out_of_the_file(scope, open_page, tmp_path):
    labelled = []
    for one in (row for row in CATALOGUE if row.home == "widgets" and row.has_dictionary):
        widget = open_page(make_example(one, scope)).widget
        start(one, widget)
        widget.save(tmp_path / "open.json")
        labelled += [one.name] if list_labels(tmp_path / "open.json") else []
        lock(one, widget)
        widget.save(tmp_path / "locked.json", note="mine")
        assert list_labels(tmp_path / "locked.json") == [], one.name
    assert "FeatureFinder" in labelled, "the control: its file holds labels otherwise"


def test_the_parts_of_a_locked_workbench_open_locked(scope, open_page, tmp_path):
    bench = open_page(gs.Workbench(scope, EXAMPLE_TEXT, features=[3])).widget
    bench.lock(fixed=["text"], hide_labels=True)
    assert bench.steering.lesson.fixed == ("prompt",)
    bench.save(tmp_path / "view.json")
    again = open_page(open_quietly(tmp_path / "view.json", scope)).widget
    assert again.steering.lesson == bench.steering.lesson
    with pytest.raises(gs.InvalidValue, match="prompt is fixed by your course"):
        again.steering.prompt = "Another"


def test_a_locked_widget_on_a_model_that_has_a_name_opens_without_its_scope(mini, open_page, tmp_path):
    heatmap = open_page(gs.TokenHeatmap(mini, EXAMPLE_TEXT, features=[3])).widget
    heatmap.lock(fixed=["text"])
    heatmap.save(tmp_path / "view.json")
    again = open_page(open_quietly(tmp_path / "view.json", None)).widget
    assert again.lesson == heatmap.lesson
    heatmap.unlock()
    first = heatmap.pin()
    heatmap.lock(fixed=["text"])
    assert set(first.compare(heatmap.pin()).settings) == {"lesson"}


@pytest.mark.parametrize(
    ("lesson", "words"),
    [
        ([["fixed", ["colour"]]], "TokenHeatmap can fix text, features, color_by, got 'colour'"),
        ([["later", 1]], "a lesson has no field 'later'; it may be of a newer version"),
        ([["stage", 7]], "stage must be 0 to 0"),
        ([["features", ["elsewhere#3"]]], "elsewhere"),
        ([["note", "x" * 3000]], "note must be a string of at most 2000 characters"),
        ("text", "a list was wanted"),
    ],
)
def test_a_lesson_in_a_file_is_checked(kept, scope, lesson, words):
    spoil(kept, put(lesson=lesson))
    with pytest.raises(gs.GscopeError, match=words) as refused:
        gs.open(kept, scope)
    assert "\n" not in str(refused.value)


# ---- what differs


class Elsewhere:
    """A scope that says something else of itself."""

    def __init__(self, scope, **changes):
        self._scope, self._changes = scope, changes

    def __getattr__(self, name):
        return self._changes.get(name) or getattr(self._scope, name)


@pytest.fixture
def kept(scope, open_page, tmp_path):
    """A file of a heat map, and its widget."""
    widget = open_page(gs.TokenHeatmap(scope, EXAMPLE_TEXT, features=[3, 4])).widget
    widget.save(tmp_path / "view.json", note="fish")
    return tmp_path / "view.json"


def spoil(path, change) -> None:
    """Edit the view in a file, and its sum to match: as somebody would who wants to."""
    told = json.loads(path.read_text())
    change(told["view"])
    told["sha256"] = hashlib.sha256(files._write_content(told["view"]).encode()).hexdigest()
    path.write_text(json.dumps(told, separators=(",", ":")))


def put(**news):
    return lambda view: view.update(news)


def test_the_model_of_another_is_refused(kept, scope):
    from dataclasses import replace

    with pytest.raises(gs.InvalidValue, match="kept from 'fake', the scope given is of other"):
        gs.open(kept, Elsewhere(scope, info=replace(scope.info, id="other")))


def test_other_versions_and_numbers_are_told_in_a_sentence(kept, scope, open_page):
    def age(view):
        view["package"] = "0.0.9"
        view["provenance"]["revision"] = "elder"
        view["dictionaries"][0]["revision"] = "elder"

    spoil(kept, age)
    with pytest.warns(gs.KeptWarning) as said:
        widget = open_page(gs.open(kept, scope)).widget
    sentence = next(str(one.message) for one in said if one.category is gs.KeptWarning)
    for words in ("model revision elder (now ", "gscope-widgets 0.0.9 (now ", "the same numbers all the same"):
        assert words in sentence
        assert words in widget.status["message"]

    def change(view):
        column = next(one for one in view["numbers"] if one["name"] == "feature_3")
        column["numbers"] = [one + 1.0 for one in column["numbers"]]

    spoil(kept, change)
    with pytest.warns(gs.KeptWarning, match="it was kept with other numbers: they differ: feature_3 by up to 1"):
        widget = open_page(gs.open(kept, scope)).widget
    widget.text = "Another"
    widget.wait()
    assert widget.status["message"] == ""


def test_numbers_are_the_same_within_their_tolerance(kept):
    numbers = gs.read_view(kept).numbers
    column = next(one for one in numbers if one.name == "l0")
    for share, differs in ((1.0005, False), (1.01, True)):
        moved = type(column)("l0", tuple(one * share for one in column.numbers), None)
        assert bool(compare_numbers((column,), (moved,))) == differs
    assert compare_numbers(numbers, numbers[1:]) == {numbers[0].name: float("inf")}


# ---- bad input


def write_state(view, **news):
    view["state"] = [[name, news.get(name, value)] for name, value in view["state"]]


BAD = {
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-200]), "is cut short or damaged"),
    "empty": (lambda path: path.write_bytes(b""), "is empty, not a kept view"),
    "web page": (lambda path: path.write_text("<!doctype html><p>404"), "is a web page, not a kept view"),
    "pickle": (lambda path: path.write_bytes(b"\x80\x04\x95"), "is a pickle or archive, which is never loaded"),
    "edited": (lambda path: path.write_text(path.read_text().replace("fish", "gold")), "was changed after it was made"),
    "newer": (lambda path: path.write_text(path.read_text().replace('"version":1', '"version":2', 1)), "this package reads version 1"),
    "wrong sum": (lambda path: path.write_text(path.read_text().replace('"sha256":"', '"sha256":"0', 1)), "was changed after it was made"),
    "1 GB": (lambda path: os.truncate(path, 1_000_000_000), "has 1.0 GB, a kept view at most 20.0 MB; it is not read"),
    "nested": (lambda path: path.write_text('{"format":"gscope view","view":' + "[" * 100_000), "is cut short or damaged"),
    "NaN": (lambda path: path.write_text('{"format":"gscope view","version":NaN}'), "NaN is no number of JSON"),
    "no widget": (lambda path: spoil(path, put(widget="os.system")), "is of the widget 'os.system', which"),
    "extra field": (lambda path: spoil(path, put(extra=1)), "has an unknown 'extra'"),
    "another kind": (lambda path: spoil(path, put(state=5)), "a list was wanted, got 5"),
    "parts": (lambda path: spoil(path, lambda view: view.update(widget="Workbench", parts=[["os", dict(view)]])), "a workbench has no part 'os'"),
    "feature": (lambda path: spoil(path, lambda view: write_state(view, features=[10**9])), "1000000000"),
    "text": (lambda path: spoil(path, lambda view: write_state(view, text=5)), "the text must be a string"),
    "features": (lambda path: spoil(path, lambda view: write_state(view, features={"a": 1})), "features is a list of features"),
    "dictionary": (
        lambda path: spoil(path, lambda view: view["dictionaries"][0].update(wishes=[["path", "../../etc"]])),
        "names a dictionary at '../../etc', which a file does not open by itself",
    ),
    "wishes": (
        lambda path: spoil(path, lambda view: view["dictionaries"][0].update(wishes=[["layer", [1]]])),
        "which is no choice of one",
    ),
    "another dictionary": (
        lambda path: spoil(path, lambda view: view["dictionaries"][0].update(dictionary_id="elsewhere")),
        "the view shows features of 'elsewhere', this scope has",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_a_sentence(kept, scope, name):
    spoil_file, words = BAD[name]
    spoil_file(kept)
    with pytest.raises(gs.GscopeError) as refused:
        gs.open(kept, scope)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("opened", "words"),
    [
        (None, "does not name how fake was opened; give the scope"),
        (["load", "../../model", []], "a file loads Gemma 3 and mini alone"),
        (["load", "somebody/gemma-3-270m", []], "a file loads Gemma 3 and mini alone"),
        (["load", "mini", [["token", "hf_x"]]], "a file loads Gemma 3 and mini alone"),
        (["replay", "../lesson.gscope", []], "names a recording outside its folder"),
        (["replay", "/etc/passwd", []], "names a recording outside its folder"),
        (["replay", "..", []], "names a recording outside its folder"),
        (["replay", "lesson.gscope", []], "which is not beside it"),
        (["exec", "mini", []], "a file loads Gemma 3 and mini alone"),
    ],
)
def test_a_file_opens_nothing_that_climbs_out_of_its_folder(kept, opened, words, monkeypatch):
    monkeypatch.setitem(vars(gs), "load", lambda *_given, **_settings: pytest.fail("it was loaded"))
    scope = None if opened is None else dict(zip(("call", "name", "settings"), opened, strict=True))
    spoil(kept, put(scope=scope))
    with pytest.raises(gs.GscopeError, match=words):
        gs.open(kept)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing/view.json", "there is no folder"),
        (".", "is there already and is no kept view"),
        ("", "path must be a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(kept, scope, open_page, tmp_path, monkeypatch, path, words):
    monkeypatch.chdir(tmp_path)
    widget = open_page(gs.TokenHeatmap(scope, EXAMPLE_TEXT, features=[3])).widget
    with pytest.raises(gs.InvalidValue, match=words):
        widget.save(path)


def test_no_other_file_is_written_over(kept, scope, open_page, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    widget = open_page(gs.open(kept, scope)).widget
    with pytest.raises(gs.InvalidValue, match="is there already and is no kept view"):
        widget.save(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_writing_that_fails_keeps_the_file_that_was_there(kept, scope, open_page, monkeypatch, number):
    before, widget = kept.read_bytes(), open_page(gs.open(kept, scope)).widget

    def fail(*_places):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(container.os, "replace", fail)
    with pytest.raises(gs.DiskFull if number == errno.ENOSPC else gs.InvalidValue):
        widget.save(kept)
    assert kept.read_bytes() == before
    assert sorted(one.name for one in kept.parent.iterdir()) == ["view.json"]


@pytest.mark.parametrize("row", [row for row in KEPT if row.text is not None], ids=lambda row: row.name)
def test_hostile_words_come_back_as_they_were_and_do_nothing(
    row, engine, open_page, tmp_path, hostile_words, check_copy
):
    for words in (hostile_words[:5], hostile_words[5:]):
        word = "".join(words)
        widget = open_page(make_example(row, engine, **{row.text: word})).widget
        widget.save(tmp_path / "view.json", note=word)
        view = gs.read_view(tmp_path / "view.json")
        assert view.note == word
        again = open_page(open_quietly(view, engine)).widget
        assert getattr(again, row.text) == getattr(widget, row.text)
        check_copy(again._build_copy())


def test_a_file_holds_no_place_of_this_machine(kept, tmp_path):
    assert str(tmp_path) not in kept.read_text()
    assert str(Path.home()) not in kept.read_text()


# ---- findings


@pytest.mark.row("NEW 24")
def test_findings_are_listed_written_and_compared(scope, open_page, tmp_path):
    heatmap = open_page(gs.TokenHeatmap(scope, EXAMPLE_TEXT, features=[3, 4])).widget
    first = heatmap.pin("fires on fish")
    heatmap.features = [3, 5]
    heatmap.text = "The old woman sold 12 fish."
    second = heatmap.pin()
    assert heatmap.findings == (first, second)
    assert str(first).startswith("TokenHeatmap on fake, ")
    assert str(first).endswith(": fires on fish")
    found = first.compare(second)
    assert set(found.settings) == {"features", "text"}
    assert found.settings["text"] == (EXAMPLE_TEXT, "The old woman sold 12 fish.")
    assert {"token", "feature_4", "feature_5"} <= set(found.columns)
    assert found.to_frame()["setting"].tolist() == list(found.settings)
    assert "'The old woman sold 12 fish.'" in str(found)
    assert "numbers: they differ: " in str(found)
    same = first.compare(first)
    assert (same.settings, same.columns, len(same.to_frame())) == ({}, {}, 0)
    assert "settings: the same\nnumbers: the same" in str(same)
    for number, view in enumerate(heatmap.findings):
        gs.write_view(tmp_path / f"finding-{number}.json", view)
    (tmp_path / "notes.txt").write_text("of another kind")
    assert repr(gs.read_views(tmp_path)) == repr((first, second))
    again = open_page(open_quietly(tmp_path / "finding-0.json", scope)).widget
    pandas.testing.assert_frame_equal(again.to_frame(), first.to_frame(), check_dtype=False)
    assert again.text == EXAMPLE_TEXT


@pytest.mark.parametrize("note", [5, None, "x" * 2001])
def test_a_note_is_a_text(scope, open_page, note):
    heatmap = open_page(gs.TokenHeatmap(scope, EXAMPLE_TEXT, features=[3])).widget
    with pytest.raises(gs.InvalidValue, match="a note is a text of at most 2000 characters"):
        heatmap.pin(note)


# ---- mini


@pytest.mark.row("47")
@pytest.mark.parametrize("name", ["TokenHeatmap", "FeatureSliders", "SteeringPanel", "FeatureFinder", "Workbench"])
def test_numbers_of_mini_are_the_same_to_the_bit(name, mini, open_page, tmp_path):
    row = next(one for one in CATALOGUE if one.name == name)
    widget = open_page(make_example(row, mini)).widget
    start(row, widget)
    if name == "FeatureSliders":
        widget.changes = [gs.clamp(widget.features[0], 30.0)]
    before = read_state(widget)
    widget.save(tmp_path / "view.json")
    assert gs.read_view(tmp_path / "view.json").scope.name == "mini"
    again = open_page(open_quietly(tmp_path / "view.json", None)).widget
    assert again.scope is mini
    assert read_state(again) == before
