"""Widgets locked to a lesson, on the fake scope: every widget of the catalogue, each part of a lesson."""

import contextlib
import io
import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.lessons.scope import find_whole_scope
from gscope_widgets.lessons.sight import describe_filtered
from gscope_widgets.records.circuits import FEATURE
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.widgets.base.state import as_prompt
from gscope_widgets.widgets.catalogue import CATALOGUE, EXAMPLE_TEXT
from gscope_widgets.widgets.contract import make_example
from tests.fake_engines import make_engine
from tests.fake_model import LABELS
from tests.fake_scope import FakeScope

LABELLED = ("birds", "fish & <b>boats</b>", "a bird's house")  # all that the fake scope has
OPTION = "widget.unlock() opens everything"


LOCKED = [row for row in CATALOGUE if row.home == "widgets"]  # an exercise says itself what is given


@pytest.fixture(params=LOCKED, ids=lambda row: row.name)
def row(request):
    return request.param


@pytest.fixture
def scope(request):
    row = request.getfixturevalue("row") if "row" in request.fixturenames else CATALOGUE[0]
    engine = make_engine(row)
    yield engine
    engine.close()


@pytest.fixture
def page(row, scope, open_page):
    page = open_page(make_example(row, scope))
    run(row, page.widget)
    page.settle()
    return page


def run(row, widget) -> None:
    """A first result, where `start()` begins one."""
    if not row.asks:
        for name, value in row.settings.items():
            setattr(widget, name, value)
        widget.start()
    widget.wait()


def other_value(row, name, widget):
    """A value that a setting could have, and has not."""
    values = {"features": [5], "feature": 5, "color_by": "l0", "changes": [], "measure": ["coins"], "query": "bird"}
    values |= {"layer": 1, "model": "gemma-3-1b", "target": 5}
    return values.get(name, "Another text")


def tell_all(page) -> str:
    """All that reaches a reader, or a page: state, messages, copy, table, code."""
    widget = page.widget
    told = [str(widget.get_state()), str(page.messages()), widget.to_html(), widget.to_code()]
    told += [widget.to_frame().to_string(), *write_figure(widget.plot())]
    page.forget()
    page.send({"type": "ready"})  # as a view that comes later
    return "\n".join([*told, str(page.messages())])


def write_figure(figure) -> list[str]:
    return [one.get_text() for one in figure.findobj() if hasattr(one, "get_text")]


def find_labels(value) -> list[FeatureLabel]:
    """Every label anywhere in a record."""
    if isinstance(value, FeatureLabel):
        return [value]
    if is_dataclass(value):
        return [label for one in fields(value) for label in find_labels(getattr(value, one.name))]
    if isinstance(value, dict):
        return [label for one in value.values() for label in find_labels(one)]
    return [label for one in value for label in find_labels(one)] if isinstance(value, (list, tuple)) else []


def test_the_page_of_lessons_says_what_each_widget_can_fix():
    page = (Path(__file__).parent.parent.parent / "docs" / "lessons.md").read_text(encoding="utf-8")
    for row in LOCKED:
        told = next((line for line in page.splitlines() if line.startswith(f"| `{row.name}` |")), "")
        names = ", ".join(f"`{one}`" for one in row.fixable)
        assert told.startswith(f"| `{row.name}` | {names}"), row.name
        assert told.removesuffix(" |").rpartition("| ")[2].startswith("yes" if row.filters_features else "no"), row.name


def test_an_exercise_is_locked_to_no_lesson(scope, open_page):
    assert len(LOCKED) < len(CATALOGUE)
    for row in CATALOGUE:
        if row in LOCKED:
            continue
        exercise = open_page(make_example(row, scope)).widget
        with pytest.raises(gs.InvalidValue, match=f"{row.name} is locked to no lesson"):
            exercise.lock(note="x")
        exercise.close()


# ---- what is fixed


@pytest.mark.row("NEW 13")
def test_what_is_fixed_is_refused_from_the_page_and_from_python_and_says_why(row, page):
    widget = page.widget
    for name in row.fixable:
        widget.lock(fixed=[name], note="Look, do not touch.")
        before, wanted = getattr(widget, name), other_value(row, name, widget)
        assert widget.lesson_view["fixed"] == {name: "Fixed by your course."}
        page.set(**{name: wanted})
        status = page.settle()
        assert status["state"] == "error"
        assert status["message"] == f"{name} is fixed by your course; {OPTION}"
        with pytest.raises(gs.InvalidValue, match=f"{name} is fixed by your course"):
            setattr(widget, name, wanted)
        assert getattr(widget, name) == before
        setattr(widget, name, before)  # what it is, it may be
        widget.unlock()
        assert widget.lesson_view is None
        setattr(widget, name, wanted)  # the control
        assert getattr(widget, name) != before
        widget.wait()
        setattr(widget, name, before)
        widget.wait()


def test_each_widget_names_what_a_lesson_can_fix(row, page):
    assert row.fixable, "a widget that can fix nothing is no part of a lesson"
    assert set(row.fixable) <= set(page.widget.shared_traits())
    with pytest.raises(gs.InvalidValue, match=f"{row.name} can fix {', '.join(row.fixable)}, got 'colour'"):
        page.widget.lock(fixed=["colour"])
    with pytest.raises(gs.InvalidValue, match="'labels, text'|a stage opens what was fixed"):
        page.widget.lock(stages=[gs.Stage(["nothing"])])
    with pytest.raises(TypeError):
        page.widget.lock(colour=3)
    with pytest.raises(gs.InvalidValue, match="give a lesson or its parts"):
        page.widget.lock(gs.Lesson(), note="x")
    with pytest.raises(gs.InvalidValue, match="a lesson is gs.Lesson"):
        page.widget.lock("lesson.json")
    assert page.widget.lesson is None


@pytest.mark.row("NEW 13")
def test_a_lesson_is_told_in_the_copy_and_unlocking_takes_it_away(row, page):
    widget, note = page.widget, "Which <b>word</b> wakes it?"
    lesson = widget.lock(note=note)
    assert widget.lesson == lesson == gs.Lesson(note=note)
    assert "Which &lt;b&gt;word&lt;/b&gt; wakes it?" in widget.to_html()
    widget.unlock()
    widget.unlock()
    assert "wakes it" not in widget.to_html()
    assert (widget.lesson, widget.lesson_view) == (None, None)


# ---- prompts


@pytest.mark.parametrize("row", [row for row in LOCKED if row.text is not None], ids=lambda row: row.name)
@pytest.mark.row("NEW 14")
def test_only_the_courses_prompts_are_taken(row, page):
    widget, prompts = page.widget, ["The bird sang", "On Monday"]
    widget.lock(prompts=prompts)
    place = f" ({row.text})" if row.name == "PromptContrast" else ""
    assert getattr(widget, row.text) == "The bird sang"  # brought to what is allowed
    numbered = [one for one in widget.lesson_view["choices"] if one.startswith("Prompt ")]
    assert numbered[:2] == [f"Prompt {at}{place}: {prompt}" for at, prompt in enumerate(prompts, 1)]
    assert "your course has chosen the prompts" in widget.lesson_view["fixed"][row.text].lower()
    page.set(**{row.text: EXAMPLE_TEXT})
    assert "must be one of the 2 prompts of your course" in page.settle()["message"]
    page.send({"type": "step", "choice": 1})
    page.settle()
    assert getattr(widget, row.text) == "On Monday"
    page.send({"type": "step", "choice": 7})
    assert "choices, the page chose number 8" in page.settle()["message"]
    widget.lock(prompts=["On Monday"])
    assert widget.lesson_view["choices"] == []
    assert widget.lesson_view["fixed"][row.text] == "Fixed by your course."
    with pytest.raises(gs.InvalidValue, match="must be the prompt of your course"):
        setattr(widget, row.text, EXAMPLE_TEXT)
    widget.unlock()
    setattr(widget, row.text, EXAMPLE_TEXT)
    assert as_prompt(getattr(widget, row.text)) == EXAMPLE_TEXT


# ---- features


# Those that open several dictionaries are in test_circuit_graph.
@pytest.mark.parametrize(
    "row", [row for row in LOCKED if row.has_dictionary and not row.opens], ids=lambda row: row.name
)
@pytest.mark.row("NEW 14")
def test_only_the_courses_features_are_taken_and_listed(row, page, scope):
    widget = page.widget
    if not row.filters_features:
        with pytest.raises(gs.InvalidValue, match=f"{row.name} cannot leave features out"):
            widget.lock(features=[scope.dictionary().feature(3)])
        return
    firing = sorted(set(scope.read(EXAMPLE_TEXT).features.tolist()))
    allowed = [scope.dictionary().feature(one) for one in (3, 4, firing[0])]
    widget.lock(features=allowed)
    page.set(**{row.shown: row.write_shown(firing[-1])})
    message = page.settle()["message"]
    assert f"feature {firing[-1]} is filtered by your course, which has 3, 4, {firing[0]}" in message
    page.set(**{row.shown: row.write_shown(4)})
    page.settle()
    shown = getattr(widget, row.shown)
    assert [one.feature for one in (shown if isinstance(shown, tuple) else (shown,))] == [4]
    for record in widget._list_held():
        listed = getattr(record, "features", None)
        if listed is not None and not callable(listed):
            assert set(listed.tolist()) == {one.feature for one in allowed} & set(firing)
    with pytest.raises(gs.GscopeError):
        widget.lock(features=[FeatureRef("elsewhere", 3)])


@pytest.mark.row("NEW 14")
def test_how_many_are_filtered_is_counted_and_said(scope, open_page):
    firing = len(set(scope.read(EXAMPLE_TEXT).features.tolist()))
    heatmap = open_page(gs.TokenHeatmap(scope, EXAMPLE_TEXT, features=[3])).widget
    l0 = heatmap.reading.l0.tolist()
    fires = int(next(one for one in heatmap.reading.features if one != 3))
    heatmap.lock(features=[fires])
    said = f"{firing - 1} of {firing} features that fire here are filtered by your course."
    assert heatmap.lesson_view["lines"] == [said]
    assert said in heatmap.to_html()
    assert set(heatmap.reading.features.tolist()) == {fires}
    assert heatmap.reading.l0.tolist() == l0  # it measures all features
    heatmap.unlock()
    assert len(set(heatmap.reading.features.tolist())) == firing  # without a further reading
    assert scope.calls.count("read") == 2


@pytest.mark.row("NEW 14")
def test_examples_with_banned_words_are_left_out_and_counted(scope, open_page):
    card = open_page(gs.FeatureCard(scope, 3, text=EXAMPLE_TEXT)).widget

    def texts():
        shown = card.dashboard
        some = [*shown.examples, *(one for band in shown.bands for one in band.examples)]
        return ["".join(one.tokens) for one in some]

    whole = texts()
    word = whole[0].split()[1].strip(".,")
    held = [text for text in whole if word.casefold() in text.casefold().replace(".", " ").split()]
    assert 0 < len(held) < len(whole)
    card.lock(words=[word.upper()])
    assert texts() == [text for text in whole if text not in held]
    verb = "is" if len(held) == 1 else "are"
    assert f"{len(held)} of {len(whole)} examples {verb} filtered by your course." in card.lesson_view["lines"]
    assert not any(word in text for text in card.to_frame()["text"])
    card.unlock()
    assert texts() == whole


# ---- labels


@pytest.mark.row("NEW 13")
def test_hidden_labels_reach_neither_view_nor_copy_nor_table_nor_code_nor_plot(row, page):
    widget, shows_labels = page.widget, False
    if row.shown is not None and row.has_dictionary:
        page.set(**{row.shown: row.write_shown(3)})
        page.settle()
        run(row, widget)
        shows_labels = any(one in tell_all(page) for one in LABELLED)
        assert shows_labels, "the control: it shows labels otherwise"
    widget.lock(hide_labels=True)
    page.forget()
    told = tell_all(page)
    assert [one for one in LABELLED if one in told] == []
    assert ("Labels are hidden by your course." in widget.to_html()) == (shows_labels or bool(row.opens))
    run(row, widget)  # what is asked for from now on neither
    assert [one for one in LABELLED if one in tell_all(page)] == []
    widget.unlock()
    page.forget()
    assert any(one in tell_all(page) for one in LABELLED) == shows_labels


@pytest.mark.row("NEW 13")
def test_the_code_of_a_locked_widget_prints_no_label_and_the_filtered_numbers():
    """The code of each widget is run in `test_every_widget.py`; here what a lesson adds to it."""
    scope = FakeScope()
    for row in LOCKED:
        if not row.has_dictionary:
            continue
        widget = make_example(row, scope)
        run(row, widget)
        widget.lock(hide_labels=True)
        assert [one for one in LABELLED if one in execute(widget.to_code())] == [], row.name
        assert "gs.restrict(scope, gs.Lesson(hide_labels=True))" in widget.to_code()
        widget.unlock()
        assert "restrict" not in widget.to_code()
        widget.close()
    card = gs.FeatureCard(scope, 3)
    assert "birds" in execute(card.to_code())  # the control
    card.close()
    scope.close()


def execute(code: str) -> str:
    """What code prints that is run on a fake scope of its own."""
    made: list[FakeScope] = []

    def make() -> FakeScope:
        made.append(FakeScope())
        return made[-1]

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {"FakeScope": make})
    for one in made:
        one.close()
    return out.getvalue()


def test_a_search_by_label_is_refused_while_labels_are_hidden(scope, open_page):
    page = open_page(gs.FeatureFinder(scope, EXAMPLE_TEXT))
    finder = page.widget
    finder.query = "bird"
    finder.wait()
    finder.lock(hide_labels=True)
    assert (finder.way, finder.query, finder.hits) == ("here", "", None)
    assert finder.lesson_view["fixed"] == {"query": "Labels are hidden by your course."}
    page.set(way="label", query="bird")
    assert "labels are hidden by your course" in page.settle()["message"]
    with pytest.raises(gs.InvalidValue, match="labels are hidden"):
        finder.way = "label"
    finder.positive = ["The bird sang"]  # the other ways go on
    finder.wait()
    assert finder.hits
    assert find_labels(finder.hits) == []


@pytest.mark.row("NEW 13")
def test_a_restricted_scope_answers_without_labels_whatever_it_is_asked():
    scope = FakeScope()
    ref = scope.dictionary().feature(3)
    lesson = gs.Lesson(hide_labels=True)
    asked = {
        "describe": (ref,),
        "read": (EXAMPLE_TEXT,),
        "card": (ref,),
        "contrast": (EXAMPLE_TEXT, "The bird sang"),
        "compare_dictionaries": (EXAMPLE_TEXT, [scope.dictionary(), scope.dictionary(layer=5)]),
        "score_claim": (ref, ["The bird sang"], ["On Monday"]),
    }
    restricted = gs.restrict(scope, lesson)
    labelled = 0
    for name, given in asked.items():
        labelled += bool(find_labels(getattr(scope, name)(*given)))
        assert find_labels(getattr(restricted, name)(*given)) == [], name
        if hasattr(scope, f"start_{name}"):
            assert find_labels(getattr(restricted, f"start_{name}")(*given).result(60)) == [], name
    long = " ".join([EXAMPLE_TEXT] * 4)
    labelled += bool(find_labels(gs.circuit(scope, long)))
    assert find_labels(gs.circuit(restricted, long)) == find_labels(gs.circuit(restricted, long, show=False)) == []
    assert labelled >= 3, "the control: most of these have labels otherwise"
    assert find_labels(restricted.find(positive=["The bird sang"])) == []
    with pytest.raises(gs.InvalidValue, match="labels are hidden by your course"):
        restricted.find("bird")
    assert find_whole_scope(restricted) is scope
    assert find_whole_scope(gs.restrict(restricted, gs.Lesson())) is scope  # restricted anew, not twice
    assert len(LABELS) == len(LABELLED)
    with pytest.raises(gs.InvalidValue, match="a lesson is gs.Lesson"):
        gs.restrict(scope, "hide")
    scope.close()


def test_a_circuit_keeps_the_features_of_a_course_alone_and_still_adds_up():
    scope = FakeScope()
    whole = gs.circuit(scope, "The old cat sang")
    kept = whole.ref(int(np.flatnonzero(whole.kinds == FEATURE)[4]))
    graph = gs.circuit(gs.restrict(scope, gs.Lesson(features=(kept,))), "The old cat sang")
    assert {graph.ref(int(node)) for node in np.flatnonzero(graph.kinds == FEATURE)} == {kept}
    np.testing.assert_allclose(graph.weights.sum(1) + graph.remainder + graph.left_out, graph.values, atol=1e-4)
    [told] = describe_filtered(graph)
    assert told.endswith("features of the circuit are filtered by your course.")
    restricted, target = gs.restrict(scope, gs.Lesson(features=(kept,), hide_labels=True)), len(whole) - 1
    one = graph.find(kept)[0]
    heads = gs.circuit_heads(restricted, graph, len(graph) - 1, one)
    assert heads.weight == graph.weights[-1, one] and heads.names[0] == replace(graph, labels={}).name(one)
    for other in np.flatnonzero((whole.kinds == FEATURE) & (whole.weights[-1] != 0)):
        asked = int(other)
        if whole.ref(asked) == kept:
            assert gs.circuit_heads(scope, whole, target, asked).names[0] == whole.name(asked)
        else:
            with pytest.raises(gs.InvalidValue, match="is filtered by your course"):
                gs.circuit_heads(restricted, whole, target, asked)
    scope.close()


# ---- stages


STAGED = gs.Lesson(
    fixed=("text",), hide_labels=True, stages=(gs.Stage(("labels",), "See the labels"), gs.Stage(("text",)))
)


@pytest.mark.row("NEW 13", "42")
def test_stages_open_from_python_and_from_the_page(scope, open_page):
    page = open_page(gs.TokenHeatmap(scope, EXAMPLE_TEXT, features=[3]))
    heatmap = page.widget
    heatmap.lock(STAGED)
    assert heatmap.lesson_view["lines"][-1] == "0 of 2 stages open."
    assert heatmap.lesson_view["choices"] == ["Open: See the labels"]
    assert heatmap.known[0]["label"] is None
    assert heatmap.next_stage() == STAGED.next()
    assert heatmap.known[0]["label"]["text"] == "birds"
    page.set(text="The bird sang")
    assert "text is fixed by your course" in page.settle()["message"]
    page.send({"type": "step", "choice": 0})
    page.settle()
    assert heatmap.lesson == STAGED.next().next()
    page.set(text="The bird sang")
    assert page.settle()["state"] == "idle"
    assert heatmap.text == "The bird sang"
    page.send({"type": "step", "choice": 0})
    assert "the lesson gives 0 choices" in page.settle()["message"]
    heatmap.unlock()
    page.send({"type": "step", "choice": 0})
    assert "the lesson gives 0 choices" in page.settle()["message"]


@pytest.mark.row("42")
def test_a_stage_waits_for_its_check_and_opens_when_it_passes(scope, open_page):
    page = open_page(gs.TokenHeatmap(scope, EXAMPLE_TEXT, features=[3]))
    heatmap = page.widget
    lesson = gs.Lesson(hide_labels=True, stages=[gs.Stage(["labels"])])
    heatmap.lock(lesson, check=lambda one: "bird" in one.text or "Write of a bird first.")
    page.send({"type": "step", "choice": 0})
    assert page.settle()["message"] == "Write of a bird first."
    assert heatmap.lesson.stage == 0
    heatmap.text = "On Monday"
    heatmap.wait()
    assert heatmap.lesson.stage == 0
    heatmap.text = "The bird sang"
    heatmap.wait()
    page.settle()
    assert heatmap.lesson.stage == 1  # of itself
    assert heatmap.known[0]["label"]["text"] == "birds"


def test_a_check_that_raises_is_said_and_opens_nothing(scope, open_page):
    page = open_page(gs.TokenHeatmap(scope, EXAMPLE_TEXT, features=[3]))
    heatmap = page.widget
    heatmap.lock(gs.Lesson(hide_labels=True, stages=[gs.Stage(["labels"])]), check=lambda _one: 1 / 0)
    heatmap.text = "On Monday"
    with contextlib.suppress(gs.GscopeError):
        heatmap.wait()
    assert "the check of this lesson raised ZeroDivisionError" in page.settle()["message"]
    assert heatmap.lesson.stage == 0


# ---- together


def test_the_parts_of_a_workbench_keep_its_lesson(scope, open_page):
    bench = open_page(gs.Workbench(scope, EXAMPLE_TEXT, features=[3])).widget
    bench.lock(fixed=["text"], hide_labels=True, note="Together")
    assert bench.steering.lesson.fixed == ("prompt",)
    assert bench.card.lesson.hides_labels  # made after the lock
    assert bench.card.lesson.note == ""  # it stands above all parts
    assert bench.finder.lesson.fixed == ("text",)
    for name in ("finder", "steering", "card"):
        assert find_labels(bench.get_part(name)._list_held()) == []
    with pytest.raises(gs.InvalidValue, match="prompt is fixed by your course"):
        bench.steering.prompt = "Another"
    bench.unlock()
    assert [bench.get_part(name).lesson for name in ("finder", "steering", "card")] == [None] * 3
    bench.steering.prompt = "Another"


def test_a_linked_widget_cannot_change_what_is_locked(scope, open_page):
    locked = open_page(gs.TokenHeatmap(scope, EXAMPLE_TEXT, features=[3])).widget
    free = open_page(gs.LogitLens(scope, EXAMPLE_TEXT)).widget
    link = gs.link(locked, free)
    locked.lock(fixed=["text"])
    free.text = "The bird sang"
    free.wait()
    assert locked.text == EXAMPLE_TEXT
    assert "text is fixed by your course" in locked.status["message"]
    locked.unlock()
    free.text = "On Monday"
    assert locked.text == "On Monday"
    link.unlink()


def test_a_lesson_of_a_closed_widget_is_refused(scope):
    widget = gs.LogitLens(scope, EXAMPLE_TEXT)
    widget.close()
    with pytest.raises(gs.Closed):
        widget.lock(note="late")


def test_what_the_page_is_told_of_a_lesson_is_json(row, page):
    page.widget.lock(note="\u2028 </script>", fixed=[row.fixable[0]])
    assert json.loads(json.dumps(page.widget.lesson_view)) == page.widget.lesson_view
