"""Widgets of all kinds, ten of each, made, answered and closed or left lying: memory, objects and threads stay as they were."""

import gc
import subprocess
import sys
import threading
import tracemalloc
import weakref

import ipywidgets
import pytest

import gscope_widgets as gs
from gscope_widgets.widgets.catalogue import CATALOGUE
from gscope_widgets.widgets.contract import make_example
from tests.fake_comm import WIDGETS, forget
from tests.fake_engines import ENGINES
from tests.threads import list_begun
from tests.widgets.test_every_widget import use

# pytest keeps each warning, and ipywidgets 7 gives one for each widget.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Deprecated in traitlets 4.1:DeprecationWarning"),
    pytest.mark.usefixtures("little_garbage"),
]
COUNT = 10 * len(CATALOGUE)
KEPT: set[ipywidgets.Widget] = set()  # that were there before a test
PER_WIDGET = 4000  # bytes of growth that pass for noise; a widget that is kept takes twenty times that


def make_and_use(engines, index):
    """A widget of the next kind, answered."""
    row = CATALOGUE[index % len(CATALOGUE)]
    widget = make_example(row, engines[row.engine])
    use(row, widget)
    return widget


def measure() -> tuple[int, int]:
    """Bytes that Python holds, where they are traced, and objects that it counts."""
    for _ in range(3):
        gc.collect()
    return tracemalloc.get_traced_memory()[0], len(gc.get_objects())


def make_many(engines, count, *, part, traced=False) -> tuple[float, float]:
    """Growth in bytes and in objects for each widget, once the first ones have filled what is kept for good.

    Args:
        traced: Python counts the bytes that it holds, which makes it some four times as slow; else they are 0.
    """
    first = min(count, len(CATALOGUE))
    for index in range(first):
        part(make_and_use(engines, index))
    if traced:
        tracemalloc.start()
    try:
        for index in range(first if traced else 0):  # in place of what was not traced
            part(make_and_use(engines, index))
        forget_calls(engines)
        bytes_before, objects_before = measure()
        for index in range(count):
            part(make_and_use(engines, index))
            forget_calls(engines)
        bytes_after, objects_after = measure()
    finally:
        tracemalloc.stop()
    return (bytes_after - bytes_before) / count, (objects_after - objects_before) / count


def forget_calls(engines) -> None:
    for engine in engines.values():
        engine.calls.clear()


@pytest.fixture
def engines():
    made = {kind: make() for kind, make in ENGINES.items()}
    yield made
    for engine in made.values():
        engine.close()


def close(widget):
    widget.close()


def drop(widget):
    """A cell is run again: nobody names the old widget any more, but ipywidgets keeps what is not closed."""
    del widget
    for one in set(WIDGETS.values()) - KEPT:
        forget(one)


@pytest.fixture(autouse=True)
def kept():
    """Widgets that other tests left registered."""
    KEPT.update(WIDGETS.values())
    yield
    KEPT.clear()


def test_many_widgets_leave_objects_and_threads_as_they_were(engines):
    for index in range(len(CATALOGUE)):  # starts the engines' threads
        make_and_use(engines, index).close()
    registered, threads = len(WIDGETS), set(threading.enumerate())
    _, objects = make_many(engines, COUNT, part=close)
    assert objects < 0.5
    assert list_begun(threads) == set()
    assert len(WIDGETS) == registered


@pytest.mark.parametrize("part", [close, drop], ids=["closed", "dropped"])
def test_widgets_that_are_closed_or_left_lying_leave_no_bytes(engines, part):
    grown, objects = make_many(engines, len(CATALOGUE), part=part, traced=True)
    assert grown < PER_WIDGET
    assert objects < 2


def test_widgets_that_somebody_keeps_do_grow(engines):
    """The control: the same measure sees what is held."""
    kept = []
    grown, objects = make_many(engines, 4, part=kept.append, traced=True)
    for widget in kept:
        widget.close()
    assert grown > 10 * PER_WIDGET
    assert objects > 50


@pytest.mark.row("34")
def test_ten_views_add_no_second_copy_of_weights(mini):
    def list_weights():
        held = [use for use in gs.memory().uses if use.kind != "cache"]
        return sorted((use.scope, use.owner, use.host_bytes, use.device_bytes) for use in held)

    gs.TokenHeatmap(mini, "The old fisherman", features=[3]).close()
    before = list_weights()
    views = [gs.TokenHeatmap(gs.load("mini"), "The old fisherman", features=[one]) for one in range(10)]
    assert all(view.scope is mini for view in views)
    assert list_weights() == before
    assert sum(host for *_, host, _ in before) > 10_000_000
    for view in views:
        view.close()


def test_a_closed_widgets_reading_goes_with_it(scope):
    heatmap = gs.TokenHeatmap(scope, "The old fisherman", features=[3])
    watch = weakref.ref(heatmap.reading)
    heatmap.close()
    del heatmap
    gc.collect()
    assert watch() is None


def test_what_a_scope_says_when_memory_runs_out_stands_in_the_widget(mini, open_page):
    """On the embedded model: the sentence and no more, and the next answer comes."""
    from tests.runtime.inside import forget_activations, loaded

    page = open_page(gs.TokenHeatmap(mini, "The old fisherman", features=[3]))
    module = loaded(mini).text_model.layers[0]
    real, forward = module.forward, vars(module).get("forward")

    def fail(*_arguments, **_options):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 2147483648 bytes.")

    forget_activations(mini)
    module.forward = fail
    try:
        page.set(text="On Monday the children sang at home.")
        status = page.settle()
    finally:
        del module.forward
        if forward is not None:
            module.forward = forward
    assert status["state"] == "error"
    assert status["message"].startswith("not enough memory on cpu while reading")
    assert "2.1 GB were asked for" in status["message"]
    assert "Something went wrong" not in status["message"]
    page.set(text="On Monday the children sang.")
    assert page.settle()["state"] == "idle"
    assert page.widget.reading.tokens.text == "On Monday the children sang."
    assert module.forward == real


LEAVE = """
from gscope_widgets.widgets.catalogue import CATALOGUE
from gscope_widgets.widgets.contract import make_example
from tests.fake_engines import make_engine

kept = [make_example(row, make_engine(row)) for row in CATALOGUE]
for widget in kept:
    widget.wait()
"""


def test_a_process_that_ends_with_widgets_open_says_nothing():
    ended = subprocess.run([sys.executable, "-c", LEAVE], capture_output=True, text=True, timeout=300)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
