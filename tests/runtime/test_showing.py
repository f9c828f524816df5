"""Blocking work tells how far it is: in a log, a terminal and below a cell; short work says nothing."""

import builtins
import io
import sys
import threading
from types import SimpleNamespace

import pytest

import gscope_widgets as gs
from gscope_widgets.records.progress import Fetched
from gscope_widgets.runtime import showing
from gscope_widgets.runtime.showing import show_and_wait, show_import
from gscope_widgets.runtime.worker import Worker

SOON = 60


@pytest.fixture
def worker():
    made = Worker("test")
    yield made
    made.close()


class Stream(io.StringIO):
    """A stream that opens a gate when it has told a thing."""

    def __init__(self, is_terminal, awaited):
        super().__init__()
        self.is_terminal, self.awaited, self.told = is_terminal, awaited, threading.Event()

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        if self.awaited in text:
            self.told.set()
        return super().write(text)


def work_until(told, *steps):
    """Work that goes no further until a line was told."""

    def work(_job):
        yield from steps
        while not told.wait(0.01):
            yield
        return "made"

    return work


@pytest.fixture
def quick(monkeypatch):
    for name in ("_SILENT_S", "_SHOWN_S", "_LOG_S"):
        monkeypatch.setattr(showing, name, 0.01)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_long_work_tells_its_share_and_how_it_ended(worker, monkeypatch, quick, is_terminal):
    stream = Stream(is_terminal, "knitting: 50%")
    monkeypatch.setattr(sys, "stderr", stream)
    assert show_and_wait(worker.submit(work_until(stream.told, 0.5)), "knitting") == "made"
    text = stream.getvalue()
    lines = [one.strip() for one in text.replace("\r", "\n").splitlines() if one.strip()]
    assert lines[-1].startswith("knitting: done in ") and "knitting: 50%" in lines
    assert text.endswith("\n") and text.count("\n") == (1 if is_terminal else len(lines))


def test_below_a_cell_one_output_is_kept_up_to_date(worker, monkeypatch, quick):
    stream, shown = Stream(False, "knitting: 0.0 MB of 2.0 MB fetched"), []

    def update(data, raw):
        shown.append(data["text/plain"])
        stream.write(data["text/plain"])

    display = SimpleNamespace(display=lambda *_, **__: SimpleNamespace(update=update))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1)))

    def work(_job):
        while not stream.told.wait(0.01):
            yield Fetched(10, 2_000_000)

    show_and_wait(worker.submit(work), "knitting")
    assert shown[-1].startswith("knitting: done in ")


def test_short_work_and_work_on_the_workers_own_thread_say_nothing(worker, monkeypatch, capsys):
    monkeypatch.setattr(showing, "_SILENT_S", SOON)
    assert show_and_wait(worker.submit(lambda _job: 5), "knitting") == 5
    assert worker.run(lambda _job: show_and_wait(worker.submit(lambda _job: 6), "knitting")) == 6
    with pytest.raises(gs.InvalidValue):
        show_and_wait(worker.submit(fail), "knitting")
    assert capsys.readouterr() == ("", "")


def fail(_job):
    raise gs.InvalidValue("no")


@pytest.mark.parametrize("how", ["fault", "cancel", "interrupt"])
def test_what_ends_otherwise_is_told_as_failed_or_stopped(worker, monkeypatch, quick, how):
    stream = Stream(False, "knitting: 50%")
    monkeypatch.setattr(sys, "stderr", stream)

    def work(_job):
        while how == "interrupt" or not stream.told.wait(0.01):
            yield 0.5
        raise (gs.Cancelled if how == "cancel" else gs.InvalidValue)("no")

    if how == "interrupt":

        def write(text):
            if "50%" in text:
                raise KeyboardInterrupt
            return io.StringIO.write(stream, text)

        monkeypatch.setattr(stream, "write", write)
    job = worker.submit(work)
    with pytest.raises({"interrupt": KeyboardInterrupt, "cancel": gs.Cancelled}.get(how, gs.InvalidValue)):
        show_and_wait(job, "knitting")
    assert stream.getvalue().endswith(f"knitting: {'failed' if how == 'fault' else 'stopped'}\n")
    assert isinstance(job.exception(SOON), gs.InvalidValue if how == "fault" else gs.Cancelled)


@pytest.fixture
def heavy(monkeypatch, tmp_path):
    """A module that takes until a line about it was told, and is forgotten afterwards."""
    told = threading.Event()
    (tmp_path / "gscope_heavy.py").write_text("import builtins\nassert builtins.gscope_told.wait(60)\nready = True\n")
    monkeypatch.setattr(builtins, "gscope_told", told, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield told
    told.set()
    sys.modules.pop("gscope_heavy", None)


@pytest.fixture
def cell(monkeypatch):
    """What stands below a cell, in the order of its coming."""
    shown = []

    def display(data, **_options):
        shown.append(data["text/plain"])
        return SimpleNamespace(update=lambda data, raw: shown.append(data["text/plain"]))

    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1)))
    return shown


def test_a_cell_tells_at_once_that_a_library_is_loaded_and_for_how_long(heavy, cell, monkeypatch):
    monkeypatch.setattr(showing, "_SILENT_S", SOON)

    def look(data, raw):
        cell.append(data["text/plain"])
        heavy.set()

    first = SimpleNamespace(display=lambda data, **_: cell.append(data["text/plain"]) or SimpleNamespace(update=look))
    monkeypatch.setitem(sys.modules, "IPython.display", first)
    show_import("gscope_heavy", "loading it")
    assert cell[0] == "loading it" and cell[1] == "loading it: 0 s" and cell[-1].startswith("loading it: done in ")
    assert sys.modules["gscope_heavy"].ready
    cell.clear()
    show_import("gscope_heavy", "loading it")
    assert cell == []


def test_an_interrupt_ends_the_wait_for_a_library_and_not_its_import(heavy, cell, monkeypatch):
    def interrupt(data, raw):
        raise KeyboardInterrupt

    first = SimpleNamespace(display=lambda data, **_: SimpleNamespace(update=interrupt))
    monkeypatch.setitem(sys.modules, "IPython.display", first)
    with pytest.raises(KeyboardInterrupt):
        show_import("gscope_heavy", "loading it")
    heavy.set()
    show_import("gscope_heavy", "loading it")
    assert sys.modules["gscope_heavy"].ready


def test_what_an_import_raises_is_raised_and_a_log_stays_silent(monkeypatch, capsys, quick):
    with pytest.raises(ModuleNotFoundError, match="gscope_absent"):
        show_import("gscope_absent", "loading it")
    assert capsys.readouterr() == ("", "")
