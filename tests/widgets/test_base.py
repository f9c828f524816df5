"""What all widgets have: no leak, a copy beside the view, callbacks on any thread, and errors in words."""

import gc
import json
import re
import subprocess
import sys
import threading
import time
import weakref
from contextlib import contextmanager

import ipywidgets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gscope_widgets as gs
from gscope_widgets.widgets import _base
from gscope_widgets.widgets._base import Coalesced, describe_error, read_bundle

TEXT = "The old fisherman sold 12 fish."
KINDS = ("heatmap", "sliders", "panel")


def make(kind, scope):
    if kind == "heatmap":
        return gs.TokenHeatmap(scope, TEXT, features=[3])
    if kind == "sliders":
        return gs.FeatureSliders(scope, TEXT, features=[3, 4])
    return gs.SteeringPanel(scope, TEXT, features=[3, 4], max_new_tokens=3)


def use(widget):
    if isinstance(widget, gs.SteeringPanel):
        widget.start()
        widget.wait()
    else:
        widget.text = TEXT + "!"
        widget.wait()


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def page(kind, scope, open_page):
    return open_page(make(kind, scope))


# ---- leaks


def test_a_hundred_widgets_made_and_closed_leave_nothing_behind_c1_c2(kind, scope):
    gc.collect()
    make(kind, scope).close()  # starts the worker's thread
    registry = ipywidgets.widgets.widget._instances
    registered, threads = len(registry), threading.active_count()
    watches = []
    for _ in range(100):
        widget = make(kind, scope)
        watches.append(weakref.ref(widget))
        widget.close()
    del widget
    gc.collect()
    assert [watch() for watch in watches if watch() is not None] == []
    assert len(registry) == registered
    assert threading.active_count() == threads


def test_widgets_that_were_used_and_shown_leave_nothing_behind_either(kind, scope, shown):
    gc.collect()
    registered, watches = len(ipywidgets.widgets.widget._instances), []
    for _ in range(5):
        widget = make(kind, scope)
        widget._ipython_display_()
        use(widget)
        watches.append(weakref.ref(widget))
        widget.close()
    del widget
    deadline = time.monotonic() + 10
    while any(watch() is not None for watch in watches) and time.monotonic() < deadline:
        time.sleep(0.1)  # a copy that is due holds its widget for half a second
        gc.collect()
    assert [watch() for watch in watches if watch() is not None] == []
    assert len(ipywidgets.widgets.widget._instances) == registered


def test_a_widget_that_is_not_closed_stays_registered(scope):
    """The control of the tests above."""
    before = len(ipywidgets.widgets.widget._instances)
    widget = make("heatmap", scope)
    assert len(ipywidgets.widgets.widget._instances) > before
    widget.close()
    widget.close()


def test_the_front_end_is_a_string_and_the_state_stays_small_c1_c3(page):
    widget = page.widget
    assert isinstance(widget._esm, str)
    assert isinstance(widget._css, str)
    bundle = len(widget._esm.encode()) + len(widget._css.encode())
    assert bundle <= 60_000
    use(widget)
    page.settle()
    assert len(json.dumps(widget.get_state(), default=str, allow_nan=False).encode()) <= bundle + 20_000


def test_the_front_end_asks_nothing_of_a_network_and_has_no_html_sink(kind):
    name = {"heatmap": "token_heatmap", "sliders": "feature_sliders", "panel": "steering_panel"}[kind]
    source = read_bundle(f"{name}.js")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "import("):
        assert word not in source
    assert "http://" not in source.replace("http://www.w3.org/", "")
    assert "url(" not in read_bundle(f"{name}.css").replace("url(data:", "")


def test_no_message_is_above_a_megabyte(scope, open_page):
    page = open_page(gs.TokenHeatmap(scope, "the " * 250, features=[1, 2, 3, 4]))
    page.send({"type": "ready"})
    content, buffers = page.messages("result")[-1]
    assert len(json.dumps(content).encode()) + sum(map(len, buffers)) < 1_000_000


# ---- the copy in a second output


class Shown(list):
    def outputs(self):
        return [(data, options) for data, options in self if "text/html" in data]


@pytest.fixture
def shown(monkeypatch):
    import IPython.display

    displayed = Shown()
    monkeypatch.setattr(IPython.display, "display", lambda data, **options: displayed.append((data, options)))
    return displayed


def test_displaying_gives_the_view_and_then_a_copy_that_follows_d1(page, kind, shown, check_copy):
    widget = page.widget
    widget._ipython_display_()
    (view, view_options), (copy, copy_options) = shown
    assert view["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert "text/html" not in view
    assert "running kernel" in view["text/plain"]
    assert view_options["raw"]
    assert copy_options["display_id"]
    assert "update" not in copy_options
    check_copy(copy["text/html"])
    assert set(copy) == {"text/html", "text/plain"}
    use(widget)
    page.settle()
    deadline = time.monotonic() + 10
    marks = {"heatmap": "fish.!", "sliders": "fish.!", "panel": "changed"}
    while marks[kind] not in check_copy(shown.outputs()[-1][0]["text/html"]) and time.monotonic() < deadline:
        time.sleep(0.01)
    copy, options = shown.outputs()[-1]
    assert marks[kind] in check_copy(copy["text/html"])
    assert options["update"]
    assert options["display_id"] == copy_options["display_id"]


def test_nothing_is_displayed_before_the_widget_is(page, shown):
    use(page.widget)
    page.settle()
    assert shown == []


def test_an_error_is_in_the_copy_too(slow_scope, open_page, check_copy):
    page = open_page(gs.TokenHeatmap(slow_scope, TEXT, features=[3]))
    slow_scope.error = RuntimeError("a <b>tensor</b> broke")
    page.set(text=TEXT + "!")
    page.settle()
    assert "a <b>tensor</b> broke" in check_copy(page.widget._build_copy())


def test_the_file_is_one_page_without_script_or_address(page, read_html):
    use(page.widget)
    page.settle()
    reader = read_html(page.widget.to_html())
    names = {name for _, attributes in reader.tags for name in attributes}
    assert "script" not in {tag for tag, _ in reader.tags}
    assert not names & {"src", "href", "srcset", "data", "action"}
    assert not any(name.startswith("on") for name in names)


def test_the_file_of_one_widget_holds_nothing_of_another_d7(scope, open_page, read_html):
    one = open_page(gs.TokenHeatmap(scope, "only in one", features=[3])).widget
    other = open_page(gs.TokenHeatmap(scope, "solely elsewhere", features=[3])).widget
    first, second = ("".join(read_html(widget.to_html()).text) for widget in (one, other))
    assert "only in one" in first
    assert "solely elsewhere" not in first
    assert "solely elsewhere" in second


# ---- the code that makes it again


def test_the_code_of_each_widget_prints_what_is_on_screen_in_a_fresh_process(scope, dictionary, open_page):
    refs = [dictionary.feature(top.feature) for top in scope.read(TEXT, dictionary).top(2)]
    heatmap = open_page(gs.TokenHeatmap(scope, TEXT, features=[3, refs[0]])).widget
    sliders = open_page(gs.FeatureSliders(scope, TEXT, features=refs))
    sliders.set(values=[0.4, None], modes=["add", "scale"], ablated=[False, True])
    sliders.settle()
    panel = open_page(
        gs.SteeringPanel(scope, TEXT, features=refs, strength=0.4, max_new_tokens=6, temperature=1.0, seed=3)
    )
    use(panel.widget)
    panel.set(prompt="Something else", strength=-1.0, seed=5, max_new_tokens=2)  # after the run that is on screen
    mark = "=" * 20
    code = f"\nprint('{mark}')\n".join(widget.to_code() for widget in (heatmap, sliders.widget, panel.widget))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    traces, chances, texts = run.stdout.split(f"{mark}\n")
    reading = scope.read(TEXT, dictionary)
    read = {
        int(feature): np.array(values.split(), float)
        for feature, values in re.findall(r"(\d+) \[(.*?)\]", traces, re.S)
    }
    assert list(read) == heatmap.features
    for feature, trace in read.items():
        np.testing.assert_allclose(trace, reading.trace(feature), rtol=1e-5, atol=1e-6)
    printed = [line.rsplit(" ", 1) for line in chances.splitlines()]
    expected = sliders.widget.distribution.chances
    assert [token for token, _ in printed] == [repr(chance.token) for chance in expected]
    assert [float(number) for _, number in printed] == pytest.approx([one.probability for one in expected], rel=1e-5)
    assert texts == "".join(f"{text}\n" for text in panel.widget.texts.values())


# ---- a copy at most twice a second


def test_calls_in_a_row_become_the_first_and_the_last():
    calls = []
    coalesced = Coalesced(lambda: calls.append(time.monotonic()), seconds=0.2)
    for _ in range(50):
        coalesced()
    assert len(calls) == 1
    time.sleep(0.5)
    assert len(calls) == 2
    assert calls[1] - calls[0] >= 0.19
    coalesced()
    assert len(calls) == 3


def test_calls_from_many_threads_are_counted_too():
    calls = []
    coalesced = Coalesced(lambda: calls.append(1), seconds=0.3)
    threads = [threading.Thread(target=coalesced) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(0.6)
    assert 2 <= len(calls) <= 3


# ---- callbacks


def test_callbacks_from_any_thread_give_the_same_b3(page):
    """Under ipykernel 7 the first callback comes on the main thread, later ones on another."""
    failures = []

    def from_another_thread():
        try:
            use(page.widget)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    for _ in range(2):
        thread = threading.Thread(target=from_another_thread)
        thread.start()
        thread.join()
        use(page.widget)
        page.send({"type": "ready"})
    assert failures == []
    assert page.settle()["state"] == "idle"


def test_a_callback_returns_before_its_work_is_done_b1(slow_scope, kind, open_page):
    page = open_page(make(kind, slow_scope))
    if kind == "panel":
        pytest.skip("a run is only started; see test_steering_panel")
    slow_scope.gate.clear()
    began = time.monotonic()
    page.set(text=TEXT + " And more.")
    assert time.monotonic() - began < 1.0
    assert page.widget.status["state"] == "busy"
    slow_scope.gate.set()
    assert page.settle()["state"] == "idle"


def test_work_of_a_closed_widget_is_cancelled_and_sends_nothing(slow_scope, kind, open_page, scope):
    page = open_page(make(kind, slow_scope))
    gate = threading.Event()
    slow_scope.submit(lambda _job: gate.wait(10))
    if kind == "panel":
        page.widget.start()
    else:
        page.widget.text = TEXT + "?"
    job = page.widget._job
    comm = page.comm
    page.widget.close()
    sent = len(comm.sent)
    gate.set()
    with pytest.raises(gs.Cancelled):
        job.result(10)
    assert len(comm.sent) == sent
    assert scope.next_tokens("still here", 2).chances


@contextmanager
def echoing(wanted):
    import ipywidgets.widgets.widget as module

    before, module.JUPYTER_WIDGETS_ECHO = module.JUPYTER_WIDGETS_ECHO, wanted
    yield
    module.JUPYTER_WIDGETS_ECHO = before


@pytest.mark.parametrize("echo", [True, False])
def test_what_the_reader_types_is_never_echoed_a3(page, kind, echo):
    name = "prompt" if kind == "panel" else "text"
    with echoing(echo):
        page.forget()
        page.set(**{name: "A new one"})
        page.settle()
    for data, _ in page.comm.sent[page.start :]:
        assert name not in data.get("state", {})
        assert data["method"] != "echo_update"


def test_an_error_that_is_not_ours_is_named_and_ours_is_a_sentence():
    assert describe_error(gs.InvalidValue("a sentence")) == "a sentence"
    assert describe_error(KeyError("x")) == "Something went wrong inside gscope_widgets: KeyError: 'x'"


def test_a_refused_text_stays_in_the_editor_and_the_error_goes_when_it_is_mended(page, kind):
    name = "prompt" if kind == "panel" else "text"
    before = getattr(page.widget, name)
    page.forget()
    page.set(**{name: "word " * 100_000})
    assert page.settle()["state"] == "error"
    assert page.patches(name) == []
    page.set(**{name: before})
    assert page.settle()["state"] == "idle"


def test_every_number_that_arrives_is_kept_exactly(scope, open_page):
    page = open_page(gs.TokenHeatmap(scope, TEXT, features=[3]))
    content, buffers = page.widget._last_message
    head = {array["name"]: array for array in content["arrays"]}
    assert head["values"]["shape"] == [1, len(content["tokens"])]
    values = np.frombuffer(buffers[0], np.float32)
    np.testing.assert_array_equal(values, page.widget.reading.trace(3))


def test_the_badge_says_that_mini_is_not_gemma(page):
    assert page.widget.badge == "gscope-mini (embedded, not Gemma)"
    assert page.widget.version == gs.__version__
    assert "cpu" in page.widget.footer or "cuda" in page.widget.footer


def test_stock_widgets_are_not_on_the_path(kind):
    """Rule 1 of the platforms: every control is inside our own view."""
    import inspect

    source = inspect.getsource(_base)
    assert "from ipywidgets" not in source
    assert "import ipywidgets" not in source


@pytest.mark.parametrize("scope_given", [TEXT, None, 5, gs], ids=["text", "None", "5", "module"])
def test_what_is_no_scope_is_refused_in_words(kind, scope_given):
    with pytest.raises(gs.InvalidValue, match=r"the first argument is a scope from gs\.load\(\)"):
        make(kind, scope_given)


# ---- anything at all from the page

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["add", "<script>", "stop"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KINDS_OF_MESSAGE = ["ready", "cancel", "start", "stop", "result", "ack", None, 5, ""]


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_page_sends_the_widget_lives_and_says_what_it_refused(scope, open_page, kind):
    page = open_page(make(kind, scope))
    names = sorted(page.widget.keys)
    plain = {name for name, trait in page.widget.traits().items() if isinstance(trait, _base.Checked)}

    @given(st.sampled_from(names), JSON, st.sampled_from(KINDS_OF_MESSAGE), JSON)
    @settings(deadline=None, max_examples=60, database=None)
    def send_anything(name, value, message, content):
        before = page.widget.status["request"]
        held = getattr(page.widget, name)
        page.set(**{name: value})
        if name not in plain and name != "status":
            assert getattr(page.widget, name) == held
        page.send({"type": message, "settings": content, "id": content})
        page.send(content)
        status = page.settle()
        assert set(status) == {"state", "message", "progress", "request"}
        assert status["request"] > before  # the last message, at least, was refused
        json.dumps(status, allow_nan=False)

    send_anything()
    page.forget()
    if kind == "panel":
        page.send({"type": "start", "id": "x", "settings": {"prompt": TEXT, "max_new_tokens": 2}})
    else:
        page.set(text="A last text")
    assert page.settle()["state"] == "idle"
    assert page.messages("stream" if kind == "panel" else "result")
