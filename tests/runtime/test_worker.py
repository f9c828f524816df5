"""The worker: every job ends, the newest of a slot wins, and nothing that a job does stops the thread."""

import os
import signal
import sys
import threading
import time
import traceback
import weakref

import pytest
import torch

from gscope_widgets.errors import Cancelled, Closed, NotFinished
from gscope_widgets.records.progress import Fetched
from gscope_widgets.runtime import worker as worker_module
from gscope_widgets.runtime.worker import Worker

SOON = 60.0  # seconds; far more than any of this takes


@pytest.fixture
def worker():
    worker = Worker("test")
    yield worker
    worker.close()


class Gate:
    """A job that says when it has begun and goes on when told."""

    def __init__(self):
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self, _job):
        self.begun.set()
        assert self.open.wait(SOON)
        return "through"


def hold(worker) -> Gate:
    gate = Gate()
    worker.submit(gate)
    assert gate.begun.wait(SOON)
    return gate


def test_work_runs_on_the_workers_thread_and_its_value_comes_back(worker):
    thread = worker.run(lambda _job: threading.current_thread())
    assert thread is not threading.main_thread()
    assert worker.run(lambda _job: threading.current_thread()) is thread
    assert thread.daemon


def test_no_thread_starts_before_the_first_job():
    before = set(threading.enumerate())
    worker = Worker("idle")
    assert set(threading.enumerate()) - before == set()
    worker.close()
    assert set(threading.enumerate()) - before == set()


def test_jobs_run_in_order_and_ids_rise(worker):
    done = []
    jobs = [worker.submit(lambda _job, number=number: done.append(number)) for number in range(50)]
    jobs[-1].wait()
    assert done == list(range(50))
    assert [job.id for job in jobs] == sorted({job.id for job in jobs})


def raise_(error):
    raise error


def test_what_the_work_raises_is_raised_to_whoever_waits_and_the_worker_lives(worker):
    class OwnError(BaseException):
        pass

    for error in (ValueError("bad"), OwnError("worse"), SystemExit(3), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            worker.run(lambda _job, error=error: raise_(error))
    assert worker.run(lambda _job: 4) == 4


def test_a_newer_job_of_a_slot_takes_the_place_of_queued_ones_and_spares_other_slots(worker):
    gate = hold(worker)
    ran = []
    older = [worker.submit(lambda _job, n=n: ran.append(n), slot="slider") for n in range(5)]
    other = worker.submit(lambda _job: ran.append("other"), slot="text")
    none = worker.submit(lambda _job: ran.append("none"))
    newest = worker.submit(lambda _job: ran.append("newest"), slot="slider")
    gate.open.set()
    for job in (newest, other, none):
        job.wait()
    assert ran == ["other", "none", "newest"]
    for job in older:
        with pytest.raises(Cancelled, match="newer request"):
            job.wait()


def test_a_newer_job_of_a_slot_stops_a_running_generator_at_its_next_step(worker):
    steps = []
    went = threading.Event()

    def endless(_job):
        while True:
            steps.append(1)
            went.set()
            yield

    older = worker.submit(endless, slot="steer")
    assert went.wait(SOON)
    assert worker.submit(lambda _job: "new", slot="steer").wait() == "new"
    with pytest.raises(Cancelled, match="newer request"):
        older.wait()
    count = len(steps)
    worker.run(lambda _job: None)
    assert len(steps) == count


def test_a_cancelled_job_that_has_not_begun_never_runs(worker):
    gate, ran = hold(worker), []
    job = worker.submit(lambda _job: ran.append(1))
    assert job.cancel() is True
    assert job.stopping
    gate.open.set()
    with pytest.raises(Cancelled, match="stopped on request"):
        job.wait()
    assert ran == []
    assert job.cancel() is False


@pytest.mark.parametrize("stop_at", [1, 2, 5])
def test_a_generator_is_cancelled_between_any_two_steps_and_cleans_up(worker, stop_at):
    done, cleaned = [], []

    def steps(job):
        try:
            for number in range(1, 100):
                done.append(number)
                if number == stop_at:
                    job.cancel()
                yield
        finally:
            cleaned.append(True)

    with pytest.raises(Cancelled):
        worker.submit(steps).wait()
    assert done == list(range(1, stop_at + 1))
    assert cleaned == [True]


def test_a_generator_that_is_left_alone_runs_to_its_end_and_returns_its_value(worker):
    def steps(job):
        for number in range(4):
            job.progress = (number + 1) / 4
            yield
        return "whole"

    job = worker.submit(steps)
    assert job.wait() == "whole"
    assert job.progress == 1.0


def test_progress_can_be_seen_while_the_job_runs(worker):
    gate = threading.Event()

    def steps(job):
        job.progress = 0.5
        yield
        while not gate.is_set():
            yield

    job = worker.submit(steps)
    deadline = time.monotonic() + SOON
    while job.progress is None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert (job.progress, job.done()) == (0.5, False)
    gate.set()
    job.wait()


def test_a_clean_up_that_raises_does_not_stop_the_worker_and_the_job_still_ends(worker):
    def steps(job):
        try:
            job.cancel()
            yield
        finally:
            raise RuntimeError("clean-up went wrong")

    with pytest.raises(Cancelled):
        worker.submit(steps).result(SOON)

    def never_ends(job):
        job.cancel()
        while True:
            try:
                yield
            except GeneratorExit:
                yield

    with pytest.raises(Cancelled):
        worker.submit(never_ends).result(SOON)
    assert worker.submit(lambda _job: "alive").result(SOON) == "alive"


def test_a_callback_that_is_added_while_the_job_ends_comes_after_the_earlier_ones(worker):
    began, go, calls = threading.Event(), threading.Event(), []

    def first(_job):
        began.set()
        go.wait(30)
        calls.append("first")
        job.add_done_callback(lambda _job: calls.append("of the first"))

    def second(_job):
        calls.append("second")
        ended.set()

    gate, ended = threading.Event(), threading.Event()
    job = worker.submit(lambda _job: gate.wait(30))
    job.add_done_callback(first)
    gate.set()
    assert began.wait(30) and job.done()
    job.add_done_callback(second)  # returns at once
    assert calls == []
    go.set()
    assert ended.wait(30)
    worker.submit(lambda _job: None).result()
    assert calls == ["first", "second", "of the first"]
    job.add_done_callback(lambda _job: calls.append("late"))
    assert calls[-1] == "late"


def test_a_callback_that_raises_does_not_stop_the_worker(worker, caplog):
    job = worker.submit(lambda _job: 1)
    job.add_done_callback(lambda _job: raise_(RuntimeError("in a callback")))
    assert job.wait() == 1
    assert worker.submit(lambda _job: 2).result(SOON) == 2


def test_a_long_generator_does_not_block_a_short_job(worker):
    stop = threading.Event()

    def endless(_job):
        while not stop.is_set():
            yield

    long_job = worker.submit(endless)
    for number in range(20):
        assert worker.submit(lambda _job, number=number: number).result(SOON) == number
    assert not long_job.done()
    stop.set()
    long_job.wait()


def test_two_generators_take_turns(worker):
    gate, order = hold(worker), []

    def steps(name):
        for _ in range(3):
            order.append(name)
            yield

    jobs = [worker.submit(lambda _job, name=name: steps(name)) for name in "ab"]
    gate.open.set()
    for job in jobs:
        job.wait()
    assert order == list("ababab")


def test_jobs_from_many_threads_all_end_with_their_own_value(worker):
    answers, failures = {}, []

    def ask(thread):
        try:
            for number in range(50):
                answers[thread, number] = worker.run(lambda _job, key=(thread, number): key)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert failures == []
    assert all(key == value for key, value in answers.items())
    assert len(answers) == 400


def test_only_one_job_runs_at_a_time(worker):
    inside, most = [0], [0]

    def work(_job):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.0005)
        inside[0] -= 1

    threads = [threading.Thread(target=lambda: [worker.run(work) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert most == [1]


def test_run_inside_a_job_answers_directly(worker):
    def outer(_job):
        return worker.run(lambda _job: threading.current_thread()), threading.current_thread()

    inner, own = worker.submit(outer).result(SOON)
    assert inner is own


def test_waiting_inside_a_job_for_another_job_does_not_wait_for_ever(worker):
    def steps(_job):
        yield
        yield
        return "inner"

    def outer(_job):
        return worker.submit(steps).wait()

    assert worker.submit(outer).result(SOON) == "inner"
    assert worker.submit(lambda _job: "alive").result(SOON) == "alive"


def test_a_job_that_asks_for_its_own_result_is_refused_at_any_depth(worker):
    def plain(job):
        return job.wait()

    def steps(job):
        yield
        return job.result()

    def nested(job):
        return worker.submit(lambda _inner: job.exception()).wait()

    for work in (plain, steps, nested):
        with pytest.raises(NotFinished, match="from inside its own work"):
            worker.submit(work).result(SOON)
        with pytest.raises(NotFinished):
            worker.run(work)
    assert worker.submit(lambda _job: "alive").result(SOON) == "alive"


def test_a_callback_on_the_workers_thread_gets_the_result_of_its_job_at_once(worker):
    found = []

    def look(job):
        found.append((job.wait(), job.result(), job.exception(), job.is_current, worker.is_current))

    def steps(_job):
        yield
        return "done"

    for work in (lambda _job: "done", steps):
        gate = hold(worker)
        job = worker.submit(work)
        job.add_done_callback(look)
        gate.open.set()
        job.result(SOON)
        worker.run(lambda _job: None)
    assert found == [("done", "done", None, False, True)] * 2


def test_a_step_may_say_how_far_the_work_has_come(worker):
    seen = []

    def steps(job):
        yield 0.25
        seen.append(job.progress)
        yield
        seen.append(job.progress)
        yield 1.0

    job = worker.submit(steps)
    job.wait()
    assert (seen, job.progress) == ([0.25, 0.25], 1.0)


def test_an_interrupt_of_the_waiting_thread_stops_the_job(worker):
    main = threading.main_thread().ident

    def endless(_job):
        while True:
            yield

    job = worker.submit(endless)

    def waits():
        frame = sys._current_frames()[main]
        names = [one.f_code.co_qualname for one, _ in traceback.walk_stack(frame)]
        return names[0] == "Condition.wait" and "Job.wait" in names

    def interrupt():
        while not waits():
            time.sleep(0.001)
        signal.pthread_kill(main, signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    with pytest.raises(KeyboardInterrupt):
        interrupter.start()
        job.wait()
    interrupter.join()
    with pytest.raises(Cancelled, match="interrupted"):
        job.result(SOON)
    assert worker.run(lambda _job: 1) == 1


def test_the_context_is_held_in_the_thread_and_nowhere_else():
    worker = Worker("inference", context=torch.inference_mode)
    assert worker.run(lambda _job: torch.is_inference_mode_enabled())

    def steps(_job):
        yield
        return torch.is_inference_mode_enabled()

    assert worker.submit(steps).wait()
    assert not torch.is_inference_mode_enabled()
    worker.close()


def test_close_ends_running_and_queued_jobs_as_cancelled_and_stops_the_thread(worker):
    went = threading.Event()

    def endless(_job):
        while True:
            went.set()
            yield

    running = worker.submit(endless)
    assert went.wait(SOON)
    thread = worker.run(lambda _job: threading.current_thread())
    queued = [worker.submit(endless) for _ in range(3)]
    worker.close()
    for job in (running, *queued):
        with pytest.raises(Cancelled, match="closed"):
            job.result(0)
    assert not thread.is_alive()
    worker.close()


def test_a_closed_worker_refuses_work_in_words(worker):
    worker.close()
    with pytest.raises(Closed, match=r"test is closed; load it again with gs\.load\(\)"):
        worker.submit(lambda _job: 1)


def test_close_inside_a_job_does_not_wait_for_itself(worker):
    worker.submit(lambda _job: worker.close()).result(SOON)
    with pytest.raises(Closed):
        worker.run(lambda _job: 1)


def test_a_finished_job_keeps_nothing_of_its_work(worker):
    class Big:
        pass

    big = Big()
    watch = weakref.ref(big)

    def work(_job, big=big):
        return None

    job = worker.submit(work)
    job.wait()
    del big, work
    worker.run(lambda _job: None)
    assert watch() is None
    assert job.done()


# ---- forks


def fork(check) -> None:
    """Check something in a forked process, which ends at once and without pytest."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            check()
            code = 0
        except BaseException:  # noqa: BLE001 - the parent reads the exit code
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
of_threads = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@forks
@of_threads
def test_a_worker_answers_in_a_forked_process(worker):
    worker.run(lambda _job: None)
    fork(lambda: worker.submit(lambda _job: 0).result(SOON))


@forks
@of_threads
def test_a_fork_waits_for_the_step_under_way_and_its_job_ends_in_the_child(worker):
    gate, inside = Gate(), []

    def steps(job):
        inside.append(1)
        gate(job)
        inside.clear()
        while True:
            yield

    running = worker.submit(steps)
    assert gate.begun.wait(SOON)
    threading.Timer(0.1, gate.open.set).start()

    def check():
        assert inside == []  # no hook of a step under way is on here
        with pytest.raises(Cancelled, match="the process was forked; ask again in the child"):
            running.result(SOON)
        assert worker.submit(lambda _job: "new").result(SOON) == "new"

    fork(check)
    assert not running.done()
    running.cancel()


@forks
@of_threads
def test_what_was_in_a_step_that_does_not_end_is_refused_in_the_child_in_words(worker, monkeypatch):
    monkeypatch.setattr(worker_module, "_FORK_S", 0.05)
    gate = hold(worker)

    def check():
        with pytest.raises(Closed, match=r"forked process: it was in the midst of a step .* gs\.load\(\)"):
            worker.submit(lambda _job: None)
        assert worker.is_closed

    fork(check)
    gate.open.set()
    assert worker.run(lambda _job: "through") == "through"


@forks
@of_threads
def test_a_reason_not_to_go_on_after_a_fork_is_said_in_the_child_alone():
    worker = Worker("test", after_fork=lambda: "no GPU here")
    worker.run(lambda _job: None)

    def check():
        with pytest.raises(Closed, match=r"test is closed in this forked process: no GPU here; load it again"):
            worker.run(lambda _job: None)

    fork(check)
    assert worker.run(lambda _job: 1) == 1
    worker.close()


@forks
@of_threads
def test_a_job_may_fork(worker):
    def work(_job):
        fork(lambda: worker.run(lambda _inner: None))
        return "whole"

    assert worker.submit(work).result(SOON) == "whole"
    assert worker.run(lambda _job: 1) == 1


# ---- how far it is


def test_a_job_says_how_many_come_before_it_until_it_begins(worker):
    gate, begun = threading.Event(), threading.Event()
    worker.submit(lambda _job: (begun.set(), gate.wait(60)))
    assert begun.wait(60)
    second, third = worker.submit(lambda _job: None), worker.submit(lambda job: job.ahead)
    seen = []
    third.watch(lambda job: seen.append((job.ahead, threading.current_thread() is threading.main_thread())))
    assert (second.ahead, third.ahead) == (1, 2)
    gate.set()
    assert third.result(60) == 0
    assert seen == [(1, False), (0, False)]
    assert third.ahead == 0


def test_a_watcher_sees_each_change_and_its_fault_is_not_the_works(worker):
    def work(_job):
        yield from (0.25, 0.25, Fetched(3, 6), 0.75, None)
        return "done"

    gate, seen = threading.Event(), []
    worker.submit(lambda _job: gate.wait(60))
    job = worker.submit(work)
    job.watch(lambda _job: 1 / 0)
    job.watch(lambda one: seen.append((one.progress, one.fetched)))
    gate.set()
    assert job.result(60) == "done"
    assert seen == [(None, None), (0.25, None), (0.5, Fetched(3, 6)), (0.75, None)]


def test_work_inside_a_jobs_own_work_tells_how_far_that_is(worker):
    def inner(_job):
        yield Fetched(1, 4)
        yield Fetched(2, 4)

    gate, seen = threading.Event(), []
    worker.submit(lambda _job: gate.wait(60))
    job = worker.submit(lambda _job: worker.run(inner))
    job.watch(lambda one: seen.append(one.fetched))
    gate.set()
    job.result(60)
    assert seen == [None, Fetched(1, 4), Fetched(2, 4)]
    assert (job.progress, job.fetched) == (None, None)
