"""Blocking work tells how far it is: in a log, a terminal and below a cell; short work says nothing."""

import io
import sys
import threading
from types import SimpleNamespace

import pytest

import gscope_widgets as gs
from gscope_widgets.records.progress import Fetched
from gscope_widgets.runtime import showing
from gscope_widgets.runtime.showing import show_and_wait
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
