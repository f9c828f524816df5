"""Requests: every one ends, the newest wins, what was refused leaves work under way, whoever waits comes back."""

import threading
import time
from concurrent.futures import Future

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

import gscope_widgets as gs
from gscope_widgets.widgets.base.requests import Requests, describe_error

ENDED = ("idle", "cancelled", "error")


class Job(Future):
    """Work that a test ends by hand."""

    stopped = is_current = False

    def wait(self):
        return self.result()

    def cancel(self):
        self.stopped = True
        return True


def open_requests(*, on_show=lambda status: None, on_after=lambda delivered: None) -> tuple[Requests, list]:
    shown = []

    def show(status):
        shown.append(status)
        on_show(status)

    start = {"state": "idle", "message": "", "progress": None, "request": 0}
    return Requests(show=show, after=on_after, status=start), shown


def begin(requests) -> tuple[int, Job]:
    job, numbers = Job(), []
    requests.start(lambda number: numbers.append(number) or job, doing="Working…")
    return numbers[0], job


class Machine(RuleBasedStateMachine):
    """Requests driven at random, beside the few lines that say what must hold."""

    jobs = Bundle("jobs")

    @initialize()
    def open(self):
        self.after = []
        self.requests, self.shown = open_requests(on_after=self.after.append)
        self.newest, self.number, self.ended, self.refused, self.results = 0, 0, True, "", []

    @rule(target=jobs)
    def start(self):
        number, job = begin(self.requests)
        self.number += 1
        assert number == self.number
        self.newest, self.ended, self.refused = number, False, ""
        assert self.requests.status == {"state": "busy", "message": "Working…", "progress": None, "request": number}
        return number, job

    @rule(error=st.sampled_from([None, gs.InvalidValue("no"), RuntimeError("broke"), gs.Cancelled("stop")]))
    def start_what_cannot(self, error):
        def submit(_number):
            if error is not None:
                raise error

        if error is None:
            self.requests.start(submit, doing="")
        else:
            with pytest.raises(type(error)):
                self.requests.start(submit, doing="")
        self.number += 1
        self.newest, self.ended, self.refused = self.number, True, ""
        state = "idle" if error is None else "cancelled" if isinstance(error, gs.Cancelled) else "error"
        assert self.requests.status["state"] == state

    @rule(job=jobs)
    def deliver(self, job):
        number, work = job
        self.requests.deliver(number, lambda: self.results.append(number))
        assert (self.results[-1:] == [number]) or number != self.newest or work.done()

    @rule(job=jobs, share=st.floats(0, 1))
    def progress(self, job, share):
        before = self.requests.status
        self.requests.progress(job[0], share)
        current = job[0] == self.newest and not self.ended
        assert self.requests.status == (before | {"progress": share} if current else before)

    @rule(job=consumes(jobs), error=st.sampled_from([None, gs.Cancelled("stop"), ValueError("broke")]))
    def end(self, job, error):
        number, work = job
        before, calls = self.requests.status, len(self.after)
        if error is None:
            work.set_result(None)
        else:
            work.set_exception(error)
        if number != self.newest:
            assert self.requests.status is before
            assert len(self.after) == calls
            return
        state = "idle" if error is None else "cancelled" if isinstance(error, gs.Cancelled) else "error"
        expected = "error" if self.refused else state
        assert self.requests.status["state"] == expected
        assert self.requests.status["request"] == before["request"]
        if self.refused and state != "error":
            assert self.requests.status["message"] == self.refused
        assert self.after[calls:] == [number in self.results]
        self.ended, self.refused = True, ""

    @rule(word=st.text(max_size=3))
    def refuse(self, word):
        self.requests.refuse(gs.InvalidValue(f"refused {word}"))
        self.number += 1
        if not self.ended:
            self.refused = f"refused {word}"
        assert self.requests.status["state"] == ("error" if self.ended else "busy")
        assert self.requests.status["message"] == f"refused {word}"

    @rule()
    def mend(self):
        before = self.requests.status
        self.requests.mend()
        if before["state"] == "error":
            self.number += 1
            assert self.requests.status["state"] == "idle"
        else:
            assert self.requests.status is before

    @rule()
    def cancel(self):
        self.requests.cancel()

    @rule()
    def wait_where_all_has_ended(self):
        if self.ended:
            began = time.monotonic()
            try:
                self.requests.wait()
            except Exception as error:  # noqa: BLE001 - any error of work, but not that it was stopped
                assert not isinstance(error, gs.Cancelled)
            assert time.monotonic() - began < 1

    @invariant()
    def numbers_never_go_back_and_the_newest_is_shown(self):
        numbers = [status["request"] for status in self.shown]
        assert numbers == sorted(numbers)
        assert numbers[-1:] in ([], [self.number])
        assert self.requests.status["request"] == self.number
        assert self.requests.is_busy == (not self.ended)
        assert self.ended == (self.requests.status["state"] in ENDED)
        assert not self.shown or self.shown[-1] is self.requests.status

    def teardown(self):
        assert self.results == sorted(self.results)  # an older result never comes after a newer one


TestRequests = Machine.TestCase
TestRequests.settings = settings(max_examples=150, stateful_step_count=25, deadline=None, database=None)


# ---- waiting


def test_wait_returns_when_the_newest_has_ended_and_raises_what_it_raised(no_hang):
    requests, _ = open_requests()
    _, old = begin(requests)
    _, new = begin(requests)
    threading.Timer(0.02, lambda: old.set_exception(gs.Cancelled("replaced"))).start()
    threading.Timer(0.05, lambda: new.set_exception(ValueError("broke"))).start()
    with pytest.raises(ValueError, match="broke"):
        requests.wait()
    assert new.done()
    assert requests.status["state"] == "error"


def test_wait_follows_a_request_that_takes_the_place_of_the_one_waited_for(no_hang):
    requests, _ = open_requests()
    _, old = begin(requests)
    newer = []

    def replace():
        newer.append(begin(requests)[1])
        old.set_exception(gs.Cancelled("replaced"))
        time.sleep(0.05)
        newer[0].set_result(None)

    threading.Timer(0.02, replace).start()
    requests.wait()
    assert newer[0].done()


@pytest.mark.parametrize("state", ["busy", "idle"])
def test_an_observer_of_the_status_may_wait(no_hang, state):
    """As one that reads `heatmap.reading` does, on the thread that ended the work."""
    seen = []

    def on_show(status):
        if status["state"] == state:
            requests.wait()
            seen.append(dict(requests.status))

    requests, _ = open_requests(on_show=on_show)
    job = Job()
    threading.Timer(0.05, lambda: job.set_result(None)).start()
    began = time.monotonic()
    requests.start(lambda _number: job, doing="")
    requests.wait()
    assert [status["state"] for status in seen] == ["idle"]
    assert time.monotonic() - began < 2


def test_a_callback_after_the_work_may_wait(no_hang):
    seen = []
    requests, _ = open_requests(on_after=lambda _delivered: (requests.wait(), seen.append(1)))
    began = time.monotonic()
    begin(requests)[1].set_result(None)
    assert seen == [1]
    assert time.monotonic() - began < 2


def test_work_that_waits_for_itself_goes_on(no_hang):
    requests, _ = open_requests(on_show=lambda status: status["progress"] is not None and requests.wait())
    number, job = begin(requests)
    job.is_current = True
    requests.progress(number, 0.5)
    assert requests.is_busy
    job.set_result(None)
    assert not requests.is_busy


def test_an_observer_that_raises_is_logged_and_the_rest_goes_on(caplog):
    requests, shown = open_requests(on_show=lambda _status: 1 / 0)
    begin(requests)[1].set_result(None)
    assert [status["state"] for status in shown] == ["busy", "idle"]
    assert "an observer of status raised" in caplog.text


def test_statuses_are_shown_in_order_whichever_thread_has_them(no_hang):
    """An observer holds the first thread while others go on."""
    gate, shown = threading.Event(), []

    def on_show(status):
        if not shown:
            gate.wait(5)
        shown.append(status["request"])

    requests, _ = open_requests(on_show=on_show)
    first = threading.Thread(target=begin, args=(requests,))
    first.start()
    time.sleep(0.05)
    rest = [threading.Thread(target=begin, args=(requests,)) for _ in range(5)]
    for thread in rest:
        thread.start()
    for thread in rest:
        thread.join()
    gate.set()
    first.join()
    assert shown == sorted(shown)
    assert shown[-1] == requests.status["request"] == 6


def test_newest_wins_under_many_threads(no_hang):
    requests, shown = open_requests()
    delivered = []

    def work():
        for _ in range(50):
            number, job = begin(requests)
            requests.deliver(number, lambda number=number: delivered.append(number))
            job.set_result(None)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    requests.wait()
    assert delivered == sorted(delivered)
    assert requests.status["state"] == shown[-1]["state"] == "idle"
    numbers = [status["request"] for status in shown]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 200


def test_an_error_that_is_not_ours_is_named_and_ours_is_a_sentence():
    assert describe_error(gs.InvalidValue("a sentence")) == "a sentence"
    assert describe_error(KeyError("x")) == "Something went wrong inside gscope_widgets: KeyError: 'x'"
