"""Requests: every one ends, the newest wins, what was refused leaves work under way, whoever waits comes back."""

import itertools
import threading
import time
from concurrent.futures import Future

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

import gscope_widgets as gs
from gscope_widgets.records.progress import Fetched
from gscope_widgets.widgets.base.course import write_seconds
from gscope_widgets.widgets.base.requests import Requests, describe_error, wait_at_first

TOO_LONG_S = 9.0  # who waits for itself waits for 10
ENDED = ("idle", "cancelled", "error")
TAKEN_BACK = ". What is shown is the last whole result."


class Job(Future):
    """Work that a test ends by hand."""

    stopped = is_current = False
    ahead, progress, fetched = 0, None, None

    def watch(self, fn):
        self.tell = lambda: fn(self)

    def wait(self):
        return self.result()

    def cancel(self):
        self.stopped = True
        return True


def open_requests(
    *, on_show=lambda status: None, on_after=lambda delivered: None, clock=time.monotonic
) -> tuple[Requests, list]:
    shown = []

    def show(status):
        shown.append(status)
        on_show(status)

    start = {"state": "idle", "message": "", "progress": None, "detail": "", "request": 0}
    return Requests(show=show, after=on_after, status=start, clock=clock), shown


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
        self.requests, self.shown = open_requests(on_after=self.after.append, clock=itertools.count().__next__)
        self.newest, self.number, self.ended, self.refused, self.results = 0, 0, True, "", []
        self.whole = 0  # the last result shown while nothing newer was asked for
        self.requests.present(lambda: setattr(self, "view", 0))

    @rule(target=jobs)
    def start(self):
        number, job = begin(self.requests)
        self.number += 1
        assert number == self.number
        self.newest, self.ended, self.refused = number, False, ""
        assert self.requests.status == {
            "state": "busy",
            "message": "Working…",
            "progress": None,
            "detail": "",
            "request": number,
        }
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
        assert error is None or self.view == self.whole

    @rule(job=jobs)
    def deliver(self, job):
        number, shown = job[0], []

        def show():
            shown.append(number)
            self.view = number

        self.requests.deliver(number, show)
        assert shown or number in self.results or number != self.newest or self.ended
        self.results += shown
        if shown and number == self.newest:
            self.whole = number

    @rule(job=jobs)
    def deliver_what_cannot_be_shown(self, job):
        def show():
            self.view = None
            raise ValueError("not drawn")

        number, calls = job[0], len(self.after)
        expected = not self.ended and number > max(self.results, default=0)
        if not expected:
            self.requests.deliver(number, show)
            return
        with pytest.raises(ValueError, match="not drawn"):
            self.requests.deliver(number, show)
        if number == self.newest:
            assert self.requests.status["state"] == "error"
            assert self.after[calls:] == [False]
            self.ended, self.refused = True, ""

    @rule(job=jobs, share=st.floats(0, 1))
    def progress(self, job, share):
        before = self.requests.status
        job[1].progress = share
        self.requests.follow(*job)
        current = job[0] == self.newest and not self.ended
        detail = self.requests.status["detail"]
        assert self.requests.status == (before | {"progress": share, "detail": detail} if current else before)

    @rule(job=consumes(jobs), error=st.sampled_from([None, gs.Cancelled("stop"), ValueError("broke")]))
    def end(self, job, error):
        number, work = job
        before, calls, is_over = self.requests.status, len(self.after), number != self.newest or self.ended
        if error is None:
            work.set_result(None)
        else:
            work.set_exception(error)
        if is_over:
            assert self.requests.status is before
            assert len(self.after) == calls
            return
        state = "idle" if error is None else "cancelled" if isinstance(error, gs.Cancelled) else "error"
        assert error is None or self.view == self.whole
        expected = "error" if self.refused else state
        assert self.requests.status["state"] == expected
        assert self.requests.status["request"] == before["request"]
        if self.refused and state != "error":
            assert self.requests.status["message"].removesuffix(TAKEN_BACK) == self.refused
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
            assert time.monotonic() - began < TOO_LONG_S

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
TestRequests.settings = settings(max_examples=150, stateful_step_count=25)


# ---- what is in view


@pytest.mark.parametrize("error", [ValueError("broke"), gs.Cancelled("stop")])
def test_what_was_shown_on_the_way_gives_place_to_the_last_whole_result(error):
    """The control: without a result on the way, nothing is shown again and nothing is said of it."""
    for on_the_way in (True, False):
        view = []
        requests, _ = open_requests()
        requests.present(lambda view=view: view.append("first"))
        older, work = begin(requests)
        newest, last = begin(requests)
        if on_the_way:
            requests.deliver(older, lambda view=view: view.append("on the way"))
        work.set_result(None)
        last.set_exception(error)
        assert view == (["first", "on the way", "first"] if on_the_way else ["first"])
        assert requests.status["message"].endswith(TAKEN_BACK) == on_the_way
        assert (requests.status["request"], requests.is_unanswered) == (newest, True)
        newest, last = begin(requests)
        assert not requests.is_unanswered
        requests.deliver(newest, lambda view=view: view.append("second"))
        last.set_result(None)
        assert (view[-1], requests.status["message"], requests.is_unanswered) == ("second", "", False)


def test_a_result_that_cannot_be_shown_is_an_error_and_counts_as_none():
    view, ended = [], []
    requests, _ = open_requests(on_after=ended.append)
    requests.present(lambda: view.append("first"))
    number, job = begin(requests)

    def show():
        view.append("half of it")
        raise ValueError("not drawn")

    with pytest.raises(ValueError, match="not drawn"):
        requests.deliver(number, show)
    assert (requests.status["state"], ended, view[-1]) == ("error", [False], "first")
    job.set_exception(ValueError("not drawn"))  # as the worker does, which it came from
    assert ended == [False]
    assert "not drawn" in requests.status["message"]
    with pytest.raises(ValueError, match="not drawn"):
        requests.wait()


def test_a_whole_result_that_cannot_be_shown_again_is_logged_and_the_request_ends(caplog):
    shown = []

    def show():
        shown.append(1)
        assert len(shown) == 1, "gone"

    requests, _ = open_requests()
    requests.present(show)
    older, _ = begin(requests)
    _, last = begin(requests)
    requests.deliver(older, lambda: None)
    last.set_exception(ValueError("broke"))
    assert requests.status["message"] == "Something went wrong inside gscope_widgets: ValueError: broke"
    assert "could not be shown again" in caplog.text


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
    assert time.monotonic() - began < TOO_LONG_S


def test_a_callback_after_the_work_may_wait(no_hang):
    seen = []
    requests, _ = open_requests(on_after=lambda _delivered: (requests.wait(), seen.append(1)))
    began = time.monotonic()
    begin(requests)[1].set_result(None)
    assert seen == [1]
    assert time.monotonic() - began < TOO_LONG_S


def test_work_that_waits_for_itself_goes_on(no_hang):
    requests, _ = open_requests(on_show=lambda status: status["progress"] is not None and requests.wait())
    number, job = begin(requests)
    job.is_current = True
    job.progress = 0.5
    requests.follow(number, job)
    assert requests.status["progress"] == 0.5
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
            gate.wait(60)
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


@pytest.mark.parametrize("error", [gs.PromptTooLong("too long"), TimeoutError("of the Hub")])
def test_a_first_job_is_waited_for_a_while_and_what_it_ends_with_is_raised(error):
    job = Job()
    assert wait_at_first(job, 0) is None and not job.done()
    job.set_result("found")
    assert wait_at_first(job, 0) == "found"
    failed = Job()
    failed.set_exception(error)
    with pytest.raises(type(error)):
        wait_at_first(failed, 0)


def test_an_interrupt_stops_the_first_job(monkeypatch):
    job, stopped = Job(), []

    def interrupt(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "result", interrupt)
    monkeypatch.setattr(job, "cancel", lambda: stopped.append(True))
    with pytest.raises(KeyboardInterrupt):
        wait_at_first(job, 60)
    assert stopped == [True]


def test_an_error_that_is_not_ours_is_named_and_ours_is_a_sentence():
    assert describe_error(gs.InvalidValue("a sentence")) == "a sentence"
    assert describe_error(KeyError("x")) == "Something went wrong inside gscope_widgets: KeyError: 'x'"


# ---- how far it is


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def followed():
    """Work under way, and what is shown of it: a function that moves it on and gives progress and detail."""
    clock = Clock()
    requests, shown = open_requests(clock=clock)
    _, job = begin(requests)

    def move(seconds, **found):
        clock.now += seconds
        for name, value in found.items():
            setattr(job, name, value)
        job.tell()
        return requests.status["progress"], requests.status["detail"]

    move.shown, move.job = shown, job
    return move


def test_a_place_in_the_queue_is_told_until_the_work_begins(followed):
    assert followed(1, ahead=3) == (None, "waits for 3 others")
    assert followed(1, ahead=1) == (None, "waits for 1 other")
    assert followed(0.01, ahead=0) == (None, "")  # at once, not a quarter of a second later
    assert [status["message"] for status in followed.shown] == ["Working…"] * 4


def test_the_first_share_is_told_at_once_and_later_ones_four_times_a_second(followed):
    assert followed(0.1, ahead=1)[0] is None
    assert followed(0.01, ahead=0)[0] is None
    assert followed(0.01, progress=0.5)[0] == 0.5  # work may stay there for a minute
    assert followed(0.2, progress=0.6)[0] == 0.5
    assert followed(0.06)[0] == 0.6


def test_who_begins_behind_others_says_so_from_the_first_status_on():
    requests, _ = open_requests()
    job = Job()
    job.ahead = 2
    requests.start(lambda _number: job, doing="Working…")
    assert requests.status["detail"] == "waits for 2 others"


def test_time_left_is_told_after_some_steps_by_the_works_own_rate(followed):
    assert followed(5, progress=0.0) == (0.0, "")  # the prompt
    assert followed(1, progress=0.05) == (0.05, "")
    assert followed(1, progress=0.1) == (0.1, "")
    assert followed(1, progress=0.15) == (0.15, "about 15 s left")
    assert followed(10, progress=0.65) == (0.65, "about 7 s left")
    assert followed(6.9, progress=0.995)[1] == "about 1 s left"


def test_time_left_does_not_jump_about(followed):
    """Steps that take three times as long as their neighbours, every other one: what is told falls all the same."""
    told = []
    for step in range(1, 60):
        detail = followed(3 if step % 2 else 1, progress=step / 60)[1]
        told += [int(detail.split()[1])] if detail.endswith("s left") else []
    assert len(told) > 40
    assert told[0] - told[-1] > 70
    assert all(later <= before for before, later in itertools.pairwise(told))


def test_a_download_is_told_in_bytes_and_what_follows_has_a_rate_of_its_own(followed):
    for second in range(5):
        fetched = Fetched(20_000_000 * second, 400_000_000)
        found = followed(1, fetched=fetched, progress=fetched.share)
    assert found == (0.2, "80.0 MB of 400.0 MB, about 15 s left")
    assert followed(1, fetched=None, progress=0.01) == (0.01, "")  # not by the rate of the download
    assert followed(1, progress=0.02) == (0.02, "")
    followed(1, progress=0.03)
    assert followed(1, progress=0.04)[1] == "about 2 min left"


def test_progress_is_shown_four_times_a_second_at_most(followed):
    for step in range(1000):
        followed(0.01, progress=step / 1000)
    assert 30 < len(followed.shown) < 45
    followed.job.set_result(None)
    assert followed.shown[-1] == {"state": "idle", "message": "", "progress": None, "detail": "", "request": 1}


def test_the_next_work_starts_with_a_clean_slate(followed):
    for step in range(6):
        followed(1, progress=step / 10)
    assert followed.shown[-1]["detail"] == "about 5 s left"
    followed.job.set_result(None)
    assert followed.shown[-1]["detail"] == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0, "1 s"), (7.4, "7 s"), (12.6, "15 s"), (88, "90 s"), (100, "2 min"), (3600, "60 min")]
)
def test_times_are_told_the_coarser_the_longer(seconds, words):
    assert write_seconds(seconds) == words
