"""What every widget of the catalogue has, on the fake scope: life cycle, copies, state and messages checked, errors in words."""

import gc
import html
import inspect
import json
import re
import subprocess
import sys
import threading
import time
import weakref
from contextlib import contextmanager
from types import MappingProxyType

import numpy as np
import pytest
from matplotlib.figure import Figure
from nbconvert.filters.strings import clean_html

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.glossary import TERMS
from gscope_widgets.widgets.base import widget as base_widget
from gscope_widgets.widgets.base.state import Checked, Told
from gscope_widgets.widgets.base.widget import read_bundle
from gscope_widgets.widgets.catalogue import CATALOGUE, EXAMPLE_TEXT
from gscope_widgets.widgets.contract import load_class, make_example
from tests.fake_comm import WIDGETS
from tests.fake_engines import make_engine
from tests.threads import list_begun

pytestmark = pytest.mark.usefixtures("little_garbage")
REFUSED = re.compile(r"got (-1|5)\b")  # what rows of the catalogue send to be refused
# What is explained wherever it stands; and of which of them a copy has a number of its own.
GLOSSARY = (
    *("feature", "activation", "L0", "FVU", "error term", "strength"),
    *("KL", "perplexity", "AUC", "density", "probability", "attention pattern", "induction head"),
)
SCALED = {
    "TokenHeatmap": ("L0", "FVU"),
    "FeatureSliders": ("KL",),
    "SteeringPanel": ("strength",),
    "FeatureCard": ("density", "AUC"),
    "Workbench": ("strength", "L0", "FVU"),
}


def of(choose) -> pytest.MarkDecorator:
    """A test of those rows of the catalogue alone."""
    return pytest.mark.parametrize("row", list(filter(choose, CATALOGUE)), ids=lambda row: row.name)


with_features = of(lambda row: row.has_features)
with_text = of(lambda row: row.text is not None)
with_scope = of(lambda row: row.asks_scope)
which_ask = of(lambda row: row.asks)  # those that are not started by hand; see test_steering_panel
# Those of which something is shown on the way: others' work is one job, which a newer one stops.
which_stream = of(
    lambda row: row.asks and row.text is not None and row.name not in ("DictionaryCompare", "CircuitGraph")
)

CHAT = ({"role": "user", "content": "The old fisherman sold"},)


def change(row, page) -> None:
    """Ask for another result, from the page."""
    if row.asks:
        page.set(**row.change)
    else:
        page.send({"type": "start", "id": "x", "settings": {**row.change, **row.settings}})


def use(row, widget) -> None:
    """Ask for another result, from Python, and wait for it."""
    for name, value in row.change.items():
        setattr(widget, name, value)
    if not row.asks:
        widget.start()
    widget.wait()


def set_news(row, widget, number=1) -> None:
    """Ask for a further result, from Python; a widget that begins with `start()` begins nothing."""
    for name, value in row.write_news(number).items():
        setattr(widget, name, value)


@pytest.fixture
def scope(request):
    """What answers the row's widget; a fake scope where there is no row."""
    row = next((request.getfixturevalue(name) for name in ("row", "one") if name in request.fixturenames), CATALOGUE[0])
    engine = make_engine(row)
    yield engine
    engine.close()


@pytest.fixture
def dictionary(scope):
    return scope.dictionary()


@pytest.fixture
def page(row, scope, open_page):
    page = open_page(make_example(row, scope))
    page.settle()
    return page


def test_the_catalogue_is_what_the_package_offers(row):
    assert getattr(gs, row.name) is load_class(row)
    assert row.name in gs.__all__
    assert load_class(row)._title == row.title
    for name in (f"{row.module}.js", f"{row.module}.css"):
        assert read_bundle(name)


# ---- life cycle


def test_a_hundred_widgets_made_and_closed_leave_nothing_behind(row, scope):
    make_example(row, scope).close()
    scope.submit(lambda _job: None).wait()  # starts the engine's thread
    gc.collect()
    registry = WIDGETS
    registered, threads = len(registry), set(threading.enumerate())
    watches = []
    for _ in range(100):
        widget = make_example(row, scope)
        watches.append(weakref.ref(widget))
        widget.close()
    del widget
    scope.submit(lambda _job: None).wait()  # by when the engine has let go of what was cancelled
    gc.collect()
    assert [watch() for watch in watches if watch() is not None] == []
    assert len(registry) == registered
    assert list_begun(threads) == set()


def test_widgets_that_were_used_and_shown_leave_nothing_behind_either(row, scope, shown):
    gc.collect()
    registered, watches = len(WIDGETS), []
    for _ in range(5):
        widget = make_example(row, scope)
        widget._ipython_display_()
        use(row, widget)
        watches.append(weakref.ref(widget))
        widget.close()
    del widget
    deadline = time.monotonic() + 60
    while any(watch() is not None for watch in watches) and time.monotonic() < deadline:
        time.sleep(0.1)  # a copy that is due holds its widget for half a second
        gc.collect()
    assert [watch() for watch in watches if watch() is not None] == []
    assert len(WIDGETS) == registered


def test_a_widget_that_is_not_closed_stays_registered(row, scope):
    """The control of the tests above."""
    before = len(WIDGETS)
    widget = make_example(row, scope)
    assert len(WIDGETS) > before
    widget.close()
    widget.close()


MISTAKES = (
    ("features", [-1], gs.UnknownFeature),
    ("features", [1024], gs.UnknownFeature),
    ("features", "12", gs.InvalidValue),
    ("features", 3, gs.InvalidValue),
    ("features", np.array(3), gs.InvalidValue),
    ("features", [3, 4, 3], gs.InvalidValue),
    ("features", [FeatureRef("elsewhere", 3)], gs.GscopeError),
    ("TEXT", 5, gs.InvalidValue),
    ("TEXT", "word " * 100_000, gs.PromptTooLong),
    ("TEXT", [{"role": "user", "content": "Hi"}], gs.InvalidValue),  # a base model takes no chat
    ("dictionary", 5, gs.GscopeError),
    ("dictionary", "nothing", gs.GscopeError),
    ("colour", 1, TypeError),
    ("feature", [1], TypeError),
)


def can_make(row, name: str) -> bool:
    """Whether the row's widget takes what is wrong in that way."""
    if name in ("features", "dictionary"):
        return row.has_features
    return name != "TEXT" or row.text is not None


@pytest.mark.parametrize(
    ("row", "name", "value", "error"),
    [(row, *mistake) for row in CATALOGUE for mistake in MISTAKES if can_make(row, mistake[0])],
    ids=lambda value: getattr(value, "name", str(value)[:30]),
)
def test_a_widget_that_cannot_be_made_is_refused_and_leaves_nothing(row, scope, name, value, error):
    before = len(WIDGETS)
    with pytest.raises(error):
        make_example(row, scope, **{row.text if name == "TEXT" else name: value})
    gc.collect()
    assert len(WIDGETS) == before


@with_scope
@pytest.mark.parametrize("given", [EXAMPLE_TEXT, None, 5, gs], ids=["text", "None", "5", "module"])
def test_what_is_no_scope_is_refused_in_words(row, given):
    with pytest.raises(gs.InvalidValue, match=r"the first argument is a scope from gs\.load\(\)"):
        load_class(row)(given, **row.example)


def test_work_of_a_closed_widget_is_cancelled_and_sends_nothing(row, scope, open_page):
    page = open_page(make_example(row, scope))
    gate = threading.Event()
    scope.submit(lambda _job: gate.wait(60))
    change(row, page)
    job, comm = page.widget._requests._work, page.comm
    page.widget.close()
    sent = len(comm.sent)
    gate.set()
    with pytest.raises(gs.Cancelled):
        job.result(60)
    assert len(comm.sent) == sent
    assert scope.submit(lambda _job: "goes on").result(60) == "goes on"


def test_a_closed_widget_says_so_and_still_tells_what_it_showed(row, page, scope, shown):
    use(row, page.widget)
    widget, before = page.widget, page.widget.to_html()
    held = {name: getattr(widget, name) for name, trait in widget.shared_traits().items() if isinstance(trait, Checked)}
    widget.close()
    widget.close()
    sent, calls = len(scope.calls), []
    widget.on_result(calls.append)
    words = rf"this {row.name} was closed; make another one"
    for name, value in held.items():
        with pytest.raises(gs.Closed, match=words):
            setattr(widget, name, value)
    for act in (widget._ipython_display_, *([] if row.asks else [widget.start])):
        with pytest.raises(gs.Closed, match=words):
            act()
    widget.wait()
    assert widget.to_html() == before
    assert len(widget.to_frame())
    assert widget.to_code()
    assert {name: getattr(widget, name) for name in held} == held
    assert (len(scope.calls), calls, shown) == (sent, [], [])


def test_a_widget_that_its_page_closes_stops_its_work_and_frees_its_slot(row, page, scope):
    gate = threading.Event()
    scope.submit(lambda _job: gate.wait(60))
    change(row, page)
    job, threads = page.widget._requests._work, set(threading.enumerate())
    page.comm.handle_close({"content": {}})
    gate.set()
    assert isinstance(job.exception(60), gs.Cancelled)
    assert page.widget.comm is None
    with pytest.raises(gs.Closed):
        set_news(row, page.widget)
    calls = len(scope.calls)
    assert scope.submit(lambda _job: "goes on").result(60) == "goes on"
    assert len(scope.calls) == calls  # nothing of the widget's was left to do
    assert list_begun(threads) == set()


# ---- the front end


def test_the_front_end_is_a_string_and_the_state_stays_small(row, page):
    widget = page.widget
    assert isinstance(widget._esm, str)
    assert isinstance(widget._css, str)
    bundle, sheet = len(widget._esm.encode()), len(widget._css.encode())
    assert bundle <= row.bundle_bytes
    assert sheet <= row.sheet_bytes
    use(row, widget)
    page.settle()
    assert len(json.dumps(widget.get_state(), default=str, allow_nan=False).encode()) <= bundle + sheet + 20_000


@pytest.mark.row("37")
def test_the_front_end_asks_nothing_of_a_network_and_has_no_html_sink(row):
    source = read_bundle(f"{row.module}.js")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "import("):
        assert word not in source
    assert "http://" not in source.replace("http://www.w3.org/", "")
    assert "url(" not in read_bundle(f"{row.module}.css").replace("url(data:", "")


def test_every_control_is_inside_our_own_view():
    """No stock widget of ipywidgets shows a token, a label or a prompt: they differ between hosts."""
    source = inspect.getsource(base_widget)
    assert "from ipywidgets" not in source
    assert "import ipywidgets" not in source


def test_the_badge_says_who_answers(row, page, scope):
    assert page.widget.version == gs.__version__
    assert page.widget.badge == ("fake · live on cpu" if row.asks_scope else "this machine")
    if row.asks_scope:
        ids = [scope.dictionary(**choice).info.id for choice in row.list_choices() or ({},)]
        assert (ids[0] in page.widget.footer) == row.has_dictionary
        assert "cpu" in page.widget.footer


def test_every_trait_has_one_writer_and_is_told_in_words(row):
    cls = load_class(row)
    extra = set(cls.class_traits(sync=True)) - set(cls.shared_traits())
    assert all(name.startswith("_") or name in ("layout", "tabbable", "tooltip") for name in extra)
    checked = {name for name, trait in cls.shared_traits().items() if isinstance(trait, Checked)}
    told = {name for name, trait in cls.shared_traits().items() if isinstance(trait, Told)}
    assert row.text is None or row.text in checked
    assert ("text_limit" in told) == (row.text is not None)
    assert set(row.change) | set(row.write_news(1)) | set(row.write_refused()) <= checked
    assert "status" in told
    assert ("features" in checked) == ("known" in told) == row.has_features


def test_no_message_is_above_a_megabyte(row, scope, open_page):
    page = open_page(make_example(row, scope, **({} if row.text is None else {row.text: "a " * 120})))
    change(row, page)
    page.settle()
    page.send({"type": "ready"})
    content, buffers = page.messages(row.result)[-1]
    assert len(json.dumps(content).encode()) + sum(map(len, buffers)) < 1_000_000


# ---- the copy in a second output


@pytest.mark.row("35")
def test_displaying_gives_the_view_and_then_a_copy_that_follows(row, page, shown, check_copy):
    widget = page.widget
    widget._ipython_display_()
    (view, view_options), (copy, copy_options) = shown
    assert view["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert "text/html" not in view
    assert "running kernel" in view["text/plain"]
    assert view_options["raw"]
    assert copy_options["display_id"]
    assert "update" not in copy_options
    before = check_copy(copy["text/html"])
    assert set(copy) == {"text/html", "text/plain"}
    change(row, page)
    page.settle()
    deadline = time.monotonic() + 60
    while check_copy(shown.outputs()[-1][0]["text/html"]) == before and time.monotonic() < deadline:
        time.sleep(0.01)
    copy, options = shown.outputs()[-1]
    assert check_copy(copy["text/html"]) != before
    assert options["update"]
    assert options["display_id"] == copy_options["display_id"]


def test_nothing_is_displayed_before_the_widget_is(row, page, shown):
    use(row, page.widget)
    page.settle()
    assert [one for one in shown if page.widget.copy_id in str(one)] == []


def test_after_wait_the_copy_equals_the_state(row, scope, open_page, shown, check_copy):
    """Without waiting half a second, as a cell that nbclient runs does not."""
    widget = open_page(make_example(row, scope)).widget
    widget._ipython_display_()
    copies = []
    for number in range(3):
        set_news(row, widget, number)
        if not row.asks:
            widget.start()
        widget.wait()
        newest = shown.outputs()[-1][0]["text/html"]
        assert newest == widget._build_copy()
        copies.append(newest)
    assert len(set(copies)) == 3
    said = check_copy(newest)
    assert all(word in said for word in widget.shows())


@pytest.mark.row("NEW 27", "49")
def test_copy_and_frame_and_plot_are_of_what_the_view_shows(row, page, check_copy):
    widget = page.widget
    before = check_copy(widget._build_copy())
    use(row, widget)
    words, after = widget.shows(), check_copy(widget._build_copy())
    assert words
    assert [word for word in words if word not in after] == []
    assert not all(word in before for word in words)  # the control
    assert len(widget.to_frame())
    figure = widget.plot()
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert figure.canvas.manager is None  # no window


@with_scope
@pytest.mark.row("NEW 9")
def test_words_of_the_glossary_are_explained_in_the_copy(row, page):
    use(row, page.widget)
    copy, rest = page.widget._build_copy().split("<strong>What the words mean</strong>")
    meanings = dict(re.findall("<li><em>(.*?)</em>: (.*?)</li>", html.unescape(rest.split("</ul>")[0])))
    words = re.sub("<[^>]*>", " ", copy)
    standing = [name for name in GLOSSARY if re.search(rf"\b{name}s?\b", words, re.IGNORECASE)]
    assert standing
    assert [name for name in standing if name not in meanings] == []
    for name, meaning in meanings.items():
        assert meaning.startswith(f"{TERMS[name].sentence}.")
        assert (" Here " in meaning) == (name in SCALED.get(row.name, ())), meaning


@pytest.mark.row("NEW 10")
def test_an_export_that_nbconvert_cleans_says_the_same(row, page, check_copy):
    """`sanitize_html`, which JupyterLab's export takes unless told otherwise."""
    use(row, page.widget)
    copy = page.widget._build_copy()
    cleaned = clean_html(copy)
    assert "style=" not in cleaned and "style=" in copy  # control: it was cleaned
    # Of every table, pandas' too, it shows the body's tag, which a parser adds, as text.
    assert check_copy(re.sub("&lt;/?tbody&gt;", "", cleaned)) == check_copy(copy)


def test_an_error_is_in_the_copy_too(row, page, scope, check_copy):
    scope.error = RuntimeError("a <b>tensor</b> broke")
    change(row, page)
    page.settle()
    assert "a <b>tensor</b> broke" in check_copy(page.widget._build_copy())


@pytest.mark.row("48")
def test_the_file_is_one_page_without_script_or_address(row, page, read_html):
    use(row, page.widget)
    reader = read_html(page.widget.to_html())
    names = {name for _, attributes in reader.tags for name in attributes}
    assert "script" not in {tag for tag, _ in reader.tags}
    assert not names & {"src", "href", "srcset", "data", "action"}
    assert not any(name.startswith("on") for name in names)


@with_text
def test_the_file_of_one_widget_holds_nothing_of_another(row, scope, open_page, read_html):
    texts = ("only in one", "solely elsewhere")
    widgets = [open_page(make_example(row, scope, **{row.text: text})).widget for text in texts]
    for widget in widgets:
        if not row.asks:
            widget.start()
            widget.wait()
    first, second = ("".join(read_html(widget.to_html()).text).replace("␣", " ") for widget in widgets)
    assert [text in first for text in texts] == [True, False]
    assert [text in second for text in texts] == [False, True]


@with_text
def test_hostile_text_and_labels_are_inert_in_the_copy(row, scope, open_page, check_copy, hostile_words):
    page = open_page(make_example(row, scope, **row.write_keywords(4)))  # its label holds markup
    for word in hostile_words:
        page.set(**{row.text: word})
        if not row.asks:
            page.send({"type": "start", "id": "x", "settings": {"max_new_tokens": 1}})
        assert page.settle()["state"] == "idle"
        check_copy(page.widget._build_copy())
        json.dumps(page.widget.provenance.to_dict(), allow_nan=False)


@with_text
def test_what_a_chat_model_is_given_stays_a_chat(row, chat_scope, open_page, check_copy):
    page = open_page(make_example(row, chat_scope, **{row.text: CHAT}))
    widget = page.widget
    if not row.asks:
        widget.start()
        widget.wait()
    assert getattr(widget, row.text) == CHAT
    assert widget.get_state([row.text])[row.text] == CHAT
    assert repr(list(CHAT)) in widget.to_code()
    assert "fisherman" in check_copy(widget._build_copy())
    page.send({"type": "ready"})
    content = page.messages(row.result)[-1][0]
    assert content.get(row.text, content.get("settings", {}).get(row.text)) == list(CHAT)
    longer = [*CHAT, {"role": "model", "content": "fish"}]
    page.set(**{row.text: longer})
    assert page.settle()["state"] == "idle"
    assert getattr(widget, row.text) == tuple(longer)
    for wrong in (
        [{"role": "user"}],
        [{"role": 5, "content": "x"}],
        [{}],
        [[]],
        [{"role": "a", "content": "b", "c": 1}],
    ):
        page.set(**{row.text: wrong})
        assert page.settle()["state"] == "error"
        assert getattr(widget, row.text) == tuple(longer)


# ---- features


@with_features
def test_features_are_written_as_numbers_or_refs_and_read_as_refs(row, page, dictionary):
    widget = page.widget
    for written in ([5, 6], [np.int64(5), dictionary.feature(6)], tuple(map(dictionary.feature, (5, 6)))):
        widget.features = [7]
        widget.features = written
        assert widget.features == (dictionary.feature(5), dictionary.feature(6))
        widget.wait()
    assert widget.get_state(["features"])["features"] == [
        {"dictionary_id": dictionary.info.id, "feature": 5},
        {"dictionary_id": dictionary.info.id, "feature": 6},
    ]
    assert [info["feature"] for info in widget.known] == [5, 6]
    assert [info["name"] for info in widget.known] == ["feature 5", "feature 6"]
    page.set(features=[8, {"dictionary_id": dictionary.info.id, "feature": 9}])
    assert page.settle()["state"] == "idle"
    assert widget.features == (dictionary.feature(8), dictionary.feature(9))
    use(row, widget)


@with_features
def test_the_same_feature_twice_is_refused_in_words(row, page, dictionary, refuse_all):
    twice = [[3, 3], [3, 4, 3], [{"dictionary_id": dictionary.info.id, "feature": 3}, 3]]
    refuse_all(page, "features", twice, message="#3 twice; give each feature once")
    with pytest.raises(gs.InvalidValue, match="give each feature once"):
        page.widget.features = [dictionary.feature(3), 3]


@with_features
@pytest.mark.row("NEW 7")
def test_features_that_do_not_exist_are_refused_from_page_and_python(row, page, refuse_all):
    wrong = [[-1], [1024], [1.0], [True], ["7"], [2**63], [None], [[1]]]
    refuse_all(page, "features", wrong, message="a feature is a whole number from 0 to 1023")
    refuse_all(page, "features", ["12", 5, None, 1.5, True, {}], message="features is a list of features")
    refuse_all(page, "features", [[{}], [{"dictionary_id": 5, "feature": 1}]], message="a feature is a number or")
    refuse_all(page, "features", [[{"dictionary_id": "elsewhere", "feature": 1}]], message="elsewhere")


def test_nothing_that_is_handed_out_can_be_changed_in_place(row, page):
    """`sliders.values[0] = 40.` must not half-work: it raises, or it changes a copy."""
    widget = page.widget
    use(row, widget)
    before = json.dumps(widget.get_state(list(widget.shared_traits())), default=str)
    for name in widget.shared_traits():
        value = getattr(widget, name)
        if isinstance(value, list):
            value.append(1)
        elif isinstance(value, dict):
            value["state"] = "changed"
        elif not isinstance(value, (str, int, float, bool, type(None), FeatureRef)):
            assert isinstance(value, (tuple, MappingProxyType))
            with pytest.raises(TypeError):
                value[0] = None
    assert json.dumps(widget.get_state(list(widget.shared_traits())), default=str) == before


# ---- requests and messages


def test_callbacks_from_any_thread_give_the_same(row, page):
    """Under ipykernel 7 the first callback comes on the main thread, later ones on another."""
    failures = []

    def from_another_thread():
        try:
            use(row, page.widget)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    for _ in range(2):
        thread = threading.Thread(target=from_another_thread)
        thread.start()
        thread.join()
        use(row, page.widget)
        page.send({"type": "ready"})
    assert failures == []
    assert page.settle()["state"] == "idle"


@pytest.mark.row("25")
def test_a_callback_returns_before_its_work_is_done(row, page, scope):
    scope.gate.clear()
    change(row, page)  # which would wait for the gate
    assert page.widget.status["state"] == "busy"
    scope.gate.set()
    assert page.settle()["state"] == "idle"


def test_every_view_that_comes_gets_the_newest_result(row, page):
    change(row, page)
    page.settle()
    page.forget()
    page.send({"type": "ready"})
    page.send({"type": "ready"})
    first, second = page.messages(row.result)
    assert first == second


@which_ask
def test_of_a_storm_the_newest_wins_and_few_are_worked_on(row, page, scope):
    scope.calls.clear()
    change(row, page)
    page.settle()
    each = len(scope.calls)
    scope.gate.clear()
    page.forget()
    scope.calls.clear()
    before = page.widget.status["request"]
    for number in range(200):
        page.set(**row.write_news(number))
    scope.gate.set()
    assert page.settle()["state"] == "idle"
    results = page.messages("result")
    assert row.write_news(199).items() <= results[-1][0].items()
    assert len(scope.calls) < 12 * each
    requests = [content["request"] for content, _ in results]
    assert requests == sorted(requests)
    assert requests[-1] == page.widget.status["request"] == before + 200


@pytest.mark.parametrize("error", [RuntimeError("a tensor broke"), MemoryError("no bytes"), gs.OutOfMemory("5 of 4")])
@pytest.mark.row("NEW 7", "54")
def test_a_scope_that_raises_gives_an_error_in_words_and_keeps_the_last_result(row, page, scope, error):
    shown = page.widget._last_message
    scope.error = error
    page.forget()
    change(row, page)
    status = page.settle()
    assert status["state"] == "error"
    assert str(error) in status["message"]
    assert (type(error).__name__ in status["message"]) == (not isinstance(error, gs.GscopeError))
    assert page.widget._last_message is shown
    with pytest.raises(type(error)):
        page.widget.wait()
    scope.error = None
    use(row, page.widget) if not row.asks else page.set(**row.write_news(1))
    assert page.settle()["state"] == "idle"


@which_ask
@pytest.mark.parametrize("by", ["patch", "message", "Python"])
@pytest.mark.parametrize("cause", ["error", "stop"])
def test_what_was_not_answered_is_asked_for_again_by_setting_the_same(row, page, scope, by, cause):
    """By a patch, as the page of another tab sends; by the message of Ctrl+Enter; from Python."""
    widget, news = page.widget, row.write_news(1)
    if cause == "error":
        scope.error = RuntimeError("a tensor broke")
        page.set(**news)
    else:
        gate = threading.Event()
        scope.submit(lambda _job: gate.wait(60))
        page.set(**news)
        page.send({"type": "cancel"})
        gate.set()
    assert page.settle()["state"] == {"error": "error", "stop": "cancelled"}[cause]
    scope.error = None
    page.forget()
    scope.calls.clear()
    if by == "patch":
        page.set(**news)
    elif by == "message":
        page.send({"type": "again", "state": news})
        assert page.messages("ack")
    else:
        set_news(row, widget)
    assert page.settle()["state"] == "idle"
    widget.wait()
    assert news.items() <= page.messages("result")[-1][0].items()
    assert scope.calls
    for sender in (page.set, lambda **state: page.send({"type": "again", "state": state})):
        scope.calls.clear()
        sender(**news)  # the control: it was answered
        set_news(row, widget)
        assert page.settle()["state"] == "idle"
        assert scope.calls == []


@with_text
def test_a_refused_text_that_is_sent_again_is_refused_again(row, page):
    before = getattr(page.widget, row.text)
    page.set(**{row.text: "word " * 100_000})
    refusal = page.settle()
    page.send({"type": "again", "state": {row.text: "word " * 100_000}})
    status = page.settle()
    assert (status["state"], status["message"]) == ("error", refusal["message"])
    assert status["request"] > refusal["request"]
    assert getattr(page.widget, row.text) == before
    page.send({"type": "again", "state": {"status": {}}})
    assert "status is written by Python alone" in page.settle()["message"]


@which_stream
def test_an_error_after_a_result_on_the_way_brings_the_last_whole_result_back(row, page, scope):
    """As in a drag: a result is shown while a newer one is asked for, which then fails."""
    widget, whole = page.widget, page.widget._last_message
    code, rows = widget.to_code(), widget.to_frame()
    deliver = widget._requests.deliver

    def deliver_and_fail(number, show):
        deliver(number, show)
        scope.error = gs.OutOfMemory("5 of 4")

    widget._requests.deliver = deliver_and_fail
    scope.gate.clear()
    page.forget()
    begun, deadline = len(scope.calls), time.monotonic() + 60
    page.set(**{row.text: "A bird"})
    while len(scope.calls) == begun and time.monotonic() < deadline:
        time.sleep(0.002)
    page.set(**{row.text: "A bird sang"})
    scope.gate.set()
    status = page.settle()
    assert status["state"] == "error"
    assert status["message"] == "5 of 4. What is shown is the last whole result."
    shown = [content[row.text] for content, _ in page.messages("result")]
    assert shown[-2:] == ["A bird", whole[0][row.text]]
    assert {**widget._last_message[0], "request": 0, "note": ""} == {**whole[0], "request": 0, "note": ""}
    assert widget._last_message[1] == whole[1]
    assert (widget.to_code(), widget.to_frame().equals(rows)) == (code, True)
    widget._requests.deliver, scope.error = deliver, None
    setattr(widget, row.text, "A bird sang")
    widget.wait()
    assert widget._last_message[0][row.text] == "A bird sang"


@which_ask
def test_a_result_that_cannot_be_sent_is_an_error_and_not_a_result(row, page, monkeypatch):
    widget, results = page.widget, []
    whole, code = widget._last_message, widget.to_code()
    widget.on_result(results.append)
    send, failing = widget._send_result, [True]

    def fail(*arguments):
        if failing:
            failing.clear()
            raise RuntimeError("the wire broke")
        send(*arguments)

    monkeypatch.setattr(widget, "_send_result", fail)
    page.set(**row.write_news(1))
    status = page.settle()
    assert (status["state"], "the wire broke" in status["message"]) == ("error", True)
    assert results == []
    assert {**widget._last_message[0], "request": 0, "note": ""} == {**whole[0], "request": 0, "note": ""}
    assert widget.to_code() == code
    set_news(row, widget)  # the same again
    widget.wait()
    assert len(results) == 1
    assert row.write_news(1).items() <= widget._last_message[0].items()


@with_scope
def test_a_closed_scope_is_told_to_python_and_to_the_page(row, page, scope):
    scope.close()
    with pytest.raises(gs.Closed):
        use(row, page.widget)
    assert page.settle()["state"] == "error"
    page.set(**row.write_news(1))
    if not row.asks:
        page.send({"type": "start", "id": "x", "settings": {}})
    assert "gs.load()" in page.settle()["message"]


def test_an_observer_of_the_status_reads_the_newest_result_and_nothing_is_logged(row, page, caplog):
    """On the worker's thread, in the middle of the answer."""
    widget, seen = page.widget, []

    def look(change):
        if change.new["state"] != "busy":
            began = time.monotonic()
            widget.wait()
            seen.append((widget.shows(), time.monotonic() - began))

    widget.observe(look, names="status")
    use(row, widget)
    change(row, page)
    page.settle()
    widget.wait()
    assert len(seen) >= 1
    assert all(seconds < 9 for _, seconds in seen)  # who waits for itself waits for 10
    assert seen[-1][0] == widget.shows()
    assert caplog.records == []


def test_on_result_is_called_with_each_result_until_it_is_ended(row, page, caplog):
    widget, results, states = page.widget, [], []

    def note(result):
        widget.wait()
        states.append(widget.status["state"])
        results.append(result)

    end = widget.on_result(note)
    use(row, widget)
    assert len(results) == 1
    assert results[0] is widget._get_result()
    assert states == ["idle"]
    end()
    end()
    page.set(**row.write_news(1))
    if not row.asks:
        widget.start()
    widget.wait()
    assert len(results) == 1
    assert caplog.records == []


def test_what_a_callback_raises_is_said_in_the_widget(row, page, caplog):
    page.widget.on_result(lambda _result: 1 / 0)
    use(row, page.widget)
    assert page.widget.status["state"] == "error"
    assert "a callback of on_result raised ZeroDivisionError: division by zero" in page.widget.status["message"]
    assert "Traceback" in caplog.text


def test_a_callback_may_set_another_widget(row, scope, page, open_page):
    other = open_page(make_example(row, scope)).widget
    page.widget.on_result(lambda _result: set_news(row, other))
    use(row, page.widget)
    other.wait()
    assert all(getattr(other, name) == value for name, value in row.write_news(1).items())


@pytest.mark.parametrize(
    "content", [{}, {"type": "x"}, {"type": None}, {"type": ["ready"]}, [], "ready", None, 5, {"type": "result"}]
)
def test_a_message_of_an_unknown_kind_is_refused_in_words_and_the_next_one_is_heard(row, page, content):
    page.send(content)
    status = page.settle()
    assert status["state"] == "error"
    assert "a message of an unknown kind came from the page" in status["message"]
    page.forget()
    page.send({"type": "ready"})
    assert page.messages()


def test_a_message_of_another_form_is_refused_in_words(page):
    page.send({"type": "ready", "more": 5})
    assert page.settle()["message"] == "the page's ready message: more must be left out: there is no such field, got 5"


def test_a_cancel_when_nothing_runs_does_nothing(page):
    page.send({"type": "cancel"})
    assert page.settle()["state"] == "idle"


def test_a_cancel_stops_the_work_and_keeps_the_last_result(row, page, scope):
    shown = page.widget._last_message
    gate = threading.Event()
    scope.submit(lambda _job: gate.wait(60))
    change(row, page)
    page.send({"type": "cancel"})
    gate.set()
    assert page.settle()["state"] == "cancelled"
    assert page.widget._last_message is shown


# ---- state


@pytest.mark.row("30")
def test_state_that_python_owns_cannot_be_written_by_the_page(row, page):
    widget = page.widget
    owned = [name for name, trait in widget.shared_traits().items() if isinstance(trait, Told)] + ["_esm", "layout"]
    before = {name: getattr(widget, name) for name in owned if name not in ("status", "trouble")}
    for name in owned:
        page.set(**{name: {}})
        status = page.settle()
        assert status["state"] == "error"
        assert f"{name} is written by Python alone" in status["message"]
        assert widget.trouble["details"].startswith(f"{name} is written by Python alone")
    assert {name: getattr(widget, name) for name in before} == before
    change(row, page)
    assert page.settle()["state"] == "idle"


@with_text
@pytest.mark.row("54")
def test_a_refused_text_stays_in_the_editor_and_the_error_goes_when_it_is_mended(row, page):
    before = getattr(page.widget, row.text)
    page.forget()
    page.set(**{row.text: "word " * 100_000})
    assert page.settle()["state"] == "error"
    assert page.patches(row.text) == []
    assert page.patches("refused")[-1] == row.text  # the field that says so
    page.set(**{row.text: before})
    assert page.settle()["state"] == "idle"
    assert page.patches("refused")[-1] == ""


def test_an_error_of_no_setting_is_said_by_no_field(row, page):
    page.send({"type": "nothing of ours"})
    assert page.settle()["state"] == "error"
    assert page.widget.refused == ""


@with_text
def test_texts_of_another_form_are_refused(row, page, refuse_all):
    refuse_all(page, row.text, [None, 5, ["a"], {"a": 1}, True, []], message="the text must be a string")
    refuse_all(page, row.text, ["word " * 100_000], message="at most 256 tokens")
    refuse_all(page, row.text, [[{"role": "user", "content": "Hi"}]], message="chat")


def test_a_patch_that_is_partly_wrong_is_taken_where_it_is_right(row, page):
    [(name, wrong)], news = row.write_refused().items(), row.write_news(1)
    before = getattr(page.widget, name)
    page.forget()
    page.set(**{name: wrong}, **news)
    status = page.settle()
    assert status["state"] == "error"
    assert REFUSED.search(status["message"])
    assert getattr(page.widget, name) == before
    assert all(getattr(page.widget, one) == value for one, value in news.items())
    # so the page shows again what holds
    assert page.patches(name)[-1] == page.widget.get_state([name])[name]


def test_an_answer_under_way_is_delivered_although_something_was_refused_meanwhile(row, page, scope):
    scope.gate.clear()
    page.forget()
    change(row, page)
    page.set(**row.write_refused())
    scope.gate.set()
    status = page.settle()
    assert (status["state"], bool(REFUSED.search(status["message"]))) == ("error", True)
    assert page.messages(row.result)


def test_unknown_state_and_patches_of_another_form_do_no_harm(row, page):
    page.set(nothing_of_ours=5)
    page.widget.set_state([*row.change])
    assert page.settle()["state"] == "error"
    page.set(**row.write_news(1))
    assert page.settle()["state"] == "idle"


@contextmanager
def echoing(wanted):
    import ipywidgets.widgets.widget as module

    before, module.JUPYTER_WIDGETS_ECHO = module.JUPYTER_WIDGETS_ECHO, wanted
    yield
    module.JUPYTER_WIDGETS_ECHO = before


def test_what_one_page_sets_every_page_is_told(row, page):
    """Two tabs on one kernel: the echo is what tells the other one. The page drops what it is typing itself."""
    first, second = row.write_news(1), row.write_news(2)
    with echoing(True):
        page.forget()
        page.set(**first, **({} if row.shown is None else {row.shown: row.write_shown(5)}))
        page.settle()
    echoes = [data["state"] for data, _ in page.comm.sent[page.start :] if data["method"] == "echo_update"]
    assert [{name: echo[name] for name in first} for echo in echoes if set(first) <= set(echo)] == [first]
    with echoing(False):
        page.forget()
        page.set(**second)
        page.settle()
    assert not any(data["method"] == "echo_update" for data, _ in page.comm.sent[page.start :])


@with_features
def test_what_python_makes_of_a_value_every_page_is_told(row, page, dictionary):
    page.forget()
    page.set(features=[5])
    page.settle()
    assert page.patches("features")[-1] == [{"dictionary_id": dictionary.info.id, "feature": 5}]


# ---- code and provenance


def test_provenance_holds_neither_path_nor_token(row, page, scope):
    use(row, page.widget)
    record = page.widget.provenance.to_dict()
    text = json.dumps(record, allow_nan=False)
    ids = [scope.dictionary(**choice).info.id for choice in row.list_choices()]
    assert list(record["dictionaries"]) == ids
    for one in ids:
        text = text.replace(one, "")
    assert "/" not in text
    assert "hf_" not in text


@with_text
@pytest.mark.row("50")
def test_provenance_of_a_result_is_complete(row, page, scope, dictionary):
    use(row, page.widget)
    record = page.widget.provenance.to_dict()
    assert (record["model"], record["revision"]) == (scope.info.id, scope.info.revision)
    assert (
        record["token_ids"]
        == scope.tokens(EXAMPLE_TEXT if row.change.get(row.text) is None else row.change[row.text]).ids
    )
    if row.has_features:
        assert record["settings"]["features"] == [str(ref) for ref in page.widget.features]


def test_the_code_is_of_what_is_shown_and_not_of_what_is_asked_for(row, page, scope):
    use(row, page.widget)
    before = page.widget.to_code()
    scope.gate.clear()
    page.set(**row.write_news(1))
    assert page.widget.to_code() == before
    scope.gate.set()
    if not row.asks:
        page.widget.start()
    page.settle()
    page.widget.wait()
    assert all(repr(value) in page.widget.to_code() for value in row.write_news(1).values())


@pytest.mark.row("33", "NEW 19")
def test_the_code_of_each_widget_runs_and_prints_what_is_on_screen(mini, open_page):
    """In a fresh process, on the embedded model."""
    refs = [mini.dictionary().feature(top.feature) for top in mini.read(EXAMPLE_TEXT).top(2)]
    other = mini.dictionary(layer=2).feature(3)
    heatmap = open_page(gs.TokenHeatmap(mini, EXAMPLE_TEXT, features=[3, refs[0]])).widget
    sliders = open_page(gs.FeatureSliders(mini, EXAMPLE_TEXT, features=[*refs, other])).widget
    direction = gs.Direction("resid_post", 4, np.random.default_rng(0).standard_normal(mini.info.d_model), "noise")
    sliders.interventions = [
        gs.add(refs[0], 0.4, positions=slice(2, 5)),
        gs.ablate(refs[1], positions="prompt"),
        gs.clamp(other, 20.0),
        gs.add(direction, -0.3),
        gs.add(direction, 3.0, unit="raw"),
    ]
    panel = open_page(
        gs.SteeringPanel(mini, EXAMPLE_TEXT, features=refs, strength=0.4, max_new_tokens=6, temperature=1.0, seed=3)
    ).widget
    panel.start()
    for widget in (heatmap, sliders, panel):
        widget.wait()
    panel.prompt, panel.strength, panel.seed = "Something else", -1.0, 5  # after the run that is on screen
    mark = "=" * 20
    code = f"\nprint('{mark}')\n".join(widget.to_code() for widget in (heatmap, sliders, panel))
    # What is printed one after the other, as one line a text.
    code = code.split("for row in compared.rows:")[0]
    code += "for row in compared.rows:\n"
    code += "    print(__import__('json').dumps([row.name, row.text, row.perplexity, row.mean_kl, row.trace.activations.tolist()]))\n"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    traces, chances, texts = run.stdout.split(f"{mark}\n")
    read = {int(one): values.split() for one, values in re.findall(r"(\d+) \[(.*?)\]", traces, re.S)}
    assert list(read) == [ref.feature for ref in heatmap.features]
    for feature, values in read.items():
        trace = heatmap.reading.trace(feature)
        np.testing.assert_allclose(np.array(values, float), trace, rtol=1e-5, atol=1e-6)
    *rows, kls = chances.splitlines()
    printed = [line.rsplit(" ", 1) for line in rows]
    found = sliders.distribution.chances
    own = [sliders.distribution.kl, *(one.kl for one in sliders.distribution.controls)]
    assert [float(one) for one in kls.split()] == pytest.approx(own, rel=1e-4)
    assert [token for token, _ in printed] == [repr(chance.token) for chance in found]
    assert [float(number) for _, number in printed] == pytest.approx([one.probability for one in found], rel=1e-5)
    whole = panel.comparison
    printed = [json.loads(line) for line in texts.splitlines()]
    assert [tuple(one[:2]) for one in printed] == [(row.name, row.text) for row in whole.rows]
    for (_, _, perplexity, kl, trace), row in zip(printed, whole.rows, strict=True):
        assert perplexity == pytest.approx(row.perplexity, rel=1e-4, nan_ok=True)
        assert kl == pytest.approx(row.mean_kl, rel=1e-4, abs=1e-6, nan_ok=True)
        np.testing.assert_allclose(np.array(trace), row.trace.activations, rtol=1e-4, atol=1e-3)
    assert any(max(token.activations) > 1 for token in panel._tokens("baseline"))


# ---- what is likely not meant


@with_text
def test_a_text_that_ends_with_a_space_gets_the_hint_at_once_and_loses_it_when_mended(row, scope):
    hint = scope.tokens(EXAMPLE_TEXT + " ").hints[0]
    widget = make_example(row, scope, **{row.text: EXAMPLE_TEXT + " "})
    assert widget.status["message"] == hint
    assert hint in widget.to_html()
    for text, said in ((EXAMPLE_TEXT, ""), (EXAMPLE_TEXT + " ", hint), (EXAMPLE_TEXT, "")):
        setattr(widget, row.text, text)
        widget.wait()
        assert (widget.status["state"], widget.status["message"]) == ("idle", said)
    assert hint not in widget.to_html()
