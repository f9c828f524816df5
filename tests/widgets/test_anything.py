"""Anything at all, and what nearly fits, from the page and from Python: it is taken or refused in words, and widgets live."""

import inspect
import json
import logging
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.widgets.base.state import Checked
from gscope_widgets.widgets.catalogue import CATALOGUE, EXAMPLE_TEXT
from gscope_widgets.widgets.contract import load_class, make_example
from tests.fake_engines import make_engine
from tests.fake_scope import FakeScope
from tests.plausible import JSON, fitting, list_parts, nearly, objects

pytestmark = pytest.mark.hypothesis
CONTRACT = json.loads((Path(__file__).parents[2] / "js" / "contract.json").read_text(encoding="utf-8"))["widgets"]
INSIDE = "Something went wrong inside gscope_widgets"
EXAMPLES = 12 if settings().derandomize else 150  # of each case; `make fuzz` looks further
PATIENCE_S = 0.3  # that a run has, which may be of 512 tokens
CHAT = [{"role": "user", "content": "The old fisherman sold"}]
LESSON = {"prompts": [EXAMPLE_TEXT, "The bird sang"], "note": "Look at fish.", "hide_labels": True}


def make_plain(row, engine):
    return make_example(row, engine)


def make_locked(row, engine):
    widget = make_example(row, engine)
    widget.lock(
        fixed=row.fixable[-1:],
        stages=[gs.Stage(row.fixable[-1:])],
        **(LESSON if row.text else {"note": LESSON["note"]}),
    )
    return widget


def make_chat(row, engine):
    return make_example(row, engine, **{row.text: CHAT})


CASES = [
    *((row, make_plain) for row in CATALOGUE),
    *((row, make_locked) for row in CATALOGUE if row.fixable),
    *((row, make_chat) for row in CATALOGUE if row.text),
]
each_row = pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)


def list_checked(widget) -> list[str]:
    """Traits that page and Python may set."""
    return sorted(name for name, trait in widget.shared_traits().items() if isinstance(trait, Checked))


def list_settable(widget) -> list[str]:
    """Those, and properties that Python may set."""
    properties = inspect.getmembers_static(type(widget), lambda one: isinstance(one, property) and one.fset is not None)
    own = [name for name, value in properties if value.fset.__module__.startswith("gscope_widgets")]
    return [*list_checked(widget), *own]


def list_all_parts(*values) -> list:
    return [part for value in values for part in list_parts(value)]


def check_alive(page, engine, caplog) -> None:
    """Everything ends, and nothing that is said or logged is a fault of ours."""
    page.widget._requests.wait_until_ended(PATIENCE_S)
    page.send({"type": "cancel"})
    status = page.settle()
    engine.submit(lambda _job: None).wait()  # pictures are made without a request
    assert set(status) == {"state", "message", "progress", "detail", "request"}
    parts = [part.status for part in page.widget._list_kept_parts().values()]
    answers = [content for content, _ in page.messages("kept")]
    assert INSIDE not in json.dumps([page.widget.status, page.widget.trouble, answers, parts], allow_nan=False)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    json.dumps(page.widget.get_state(list_checked(page.widget)), allow_nan=False)


def read_all(widget) -> None:
    """Read off a widget what a cell may, whatever it shows."""
    widget._build_copy()
    for read in (widget.shows, widget.to_code, widget.to_frame, lambda: widget.provenance.to_dict()):
        with suppress(gs.GscopeError):  # nothing was begun yet
            read()


def require_answered(row, page, first) -> None:
    """A good request is answered, once settings are again what they were first."""
    page.widget.unlock()
    page.set(**first)
    page.settle()
    page.forget()
    page.set(**row.write_news(1))
    if not row.asks:
        page.send({"type": "start", "id": "x", "settings": dict(row.settings)})
    assert page.settle()["state"] == "idle", page.widget.status
    assert page.messages(row.result)


# ---- from the page


def build_actions(row, widget) -> st.SearchStrategy:
    """What a page may send, a few things one after the other: each as a way to send it, and what."""
    contract, names = CONTRACT[row.name], list_checked(widget)
    state = widget.get_state(names)
    others = list_all_parts(*state.values(), *row.change.values(), *row.settings.values())
    values = {}
    for name in names:
        known = [one[name] for one in (row.change, row.write_news(0), row.write_refused()) if name in one]
        trait = contract["traits"][name]
        schema = trait.get("accepts", trait["schema"])
        values[name] = nearly([state[name], *known], others) | fitting(schema, others)
    one = st.sampled_from(names).flatmap(lambda name: st.fixed_dictionaries({name: values[name]}))
    patches = one | st.fixed_dictionaries({}, optional=values)
    patches |= st.dictionaries(st.sampled_from(sorted(widget.keys)), JSON, max_size=2)
    forms = [
        nearly(form["golden"], others) | fitting(form["schema"], others) for form in contract["to_python"].values()
    ]
    forms.append(st.fixed_dictionaries({"type": st.just("again"), "state": one}))
    if "start" in contract["to_python"]:
        forms.append(st.fixed_dictionaries({"type": st.just("start"), "id": st.just("x"), "settings": one}))
    sent = st.tuples(st.just("set"), patches) | st.tuples(st.just("send"), st.one_of(*forms, JSON))
    return st.lists(sent, min_size=1, max_size=4)


@pytest.mark.parametrize(("row", "make"), CASES, ids=lambda one: getattr(one, "name", None) or one.__name__[5:])
def test_whatever_the_page_sends_the_widget_lives_and_says_what_it_refused(row, make, open_page, caplog):
    engine = FakeScope(chat=True) if make is make_chat else make_engine(row)
    page = open_page(make(row, engine))
    page.settle()
    first = page.widget.get_state(list_checked(page.widget))

    @given(build_actions(row, page.widget))
    @settings(max_examples=EXAMPLES)
    def send_anything(actions):
        caplog.clear()
        page.forget()
        for how, content in actions:
            if how == "set":
                page.set(**content)
            else:
                page.send(content)
        check_alive(page, engine, caplog)
        read_all(page.widget)

    send_anything()
    require_answered(row, page, first)
    engine.close()


# ---- from Python


def build_keywords(values, ref) -> st.SearchStrategy:
    """Keywords, one alone or several: the values given with slips in them, or anything else.

    Args:
        values: a good value by name.
        ref: a feature that there is.
    """
    others = list_all_parts(*values.values())
    strategies = {
        name: nearly([value], others) | objects(ref) | st.lists(objects(ref), max_size=3) | JSON
        for name, value in values.items()
    }
    one = st.sampled_from(sorted(values)).flatmap(lambda name: st.fixed_dictionaries({name: strategies[name]}))
    return one | st.fixed_dictionaries({}, optional=strategies)


def find_ref(row, engine) -> FeatureRef:
    return engine.dictionary().feature(3) if row.asks_scope else FeatureRef("elsewhere", 3)


@each_row
def test_whatever_python_sets_is_taken_or_refused_in_words(row, open_page, caplog):
    engine = make_engine(row)
    page = open_page(make_example(row, engine))
    page.settle()
    widget = page.widget
    first = widget.get_state(list_checked(widget))
    values = {name: first.get(name, getattr(widget, name)) for name in list_settable(widget)}

    @given(build_keywords({**values, **row.change}, find_ref(row, engine)))
    @settings(max_examples=EXAMPLES)
    def set_anything(changes):
        caplog.clear()
        page.forget()
        for name, value in changes.items():
            with suppress(gs.GscopeError):
                setattr(widget, name, value)
        check_alive(page, engine, caplog)
        read_all(widget)

    set_anything()
    require_answered(row, page, first)
    engine.close()


@each_row
def test_whatever_a_widget_is_made_with_is_taken_or_refused_in_words(row, open_page, caplog):
    engine = make_engine(row)
    parameters = inspect.signature(load_class(row)).parameters
    defaults = {name: one.default for name, one in parameters.items() if name != row.engine}

    @given(build_keywords({**defaults, **row.example}, find_ref(row, engine)))
    @settings(max_examples=EXAMPLES)
    def make_anything(keywords):
        caplog.clear()
        try:
            page = open_page(make_example(row, engine, **keywords))
        except gs.GscopeError:
            return
        check_alive(page, engine, caplog)
        read_all(page.widget)
        page.widget.close()

    make_anything()
    engine.close()


@each_row
def test_whatever_a_widget_is_locked_to_is_taken_or_refused_in_words(row, open_page, caplog):
    engine = make_engine(row)
    page = open_page(make_example(row, engine))
    page.settle()
    first = page.widget.get_state(list_checked(page.widget))
    parts = {**LESSON, "fixed": list(row.fixable), "features": [3], "stages": [gs.Stage(("labels",))]}

    @given(build_keywords(parts, find_ref(row, engine)))
    @settings(max_examples=EXAMPLES)
    def lock_anything(parts):
        caplog.clear()
        page.forget()
        with suppress(gs.GscopeError):
            page.widget.lock(**parts)
        check_alive(page, engine, caplog)
        read_all(page.widget)
        page.widget.unlock()
        check_alive(page, engine, caplog)

    lock_anything()
    require_answered(row, page, first)
    engine.close()
