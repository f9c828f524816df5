"""Many workers, here and on Ray: the same bytes as one, whoever read what, also where some are killed."""

import os
import random
import signal
import subprocess
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.runtime.dictionaries.fingerprints import fingerprint_dictionary
from gscope_widgets.runtime.sweeps import sweep as sweeps
from gscope_widgets.runtime.sweeps.cluster import start_here
from gscope_widgets.runtime.sweeps.crew import Advanced, Done, Failed, LocalCrew, Lost, make_error
from gscope_widgets.runtime.sweeps.hand import Hand, Stretch, fingerprint_model, make_order, open_hand
from gscope_widgets.runtime.sweeps.state import SweepState
from tests.runtime.inside import loaded

# Each of their processes takes four seconds of CPU to load torch: `make test-sweeps` runs these too.
many = pytest.mark.skipif("GSCOPE_MANY_WORKERS" not in os.environ, reason="make test-sweeps runs it")
OPTIONS = {"k": 4, "seq_len": 40, "batch_tokens": 200, "show": False}


@pytest.fixture
def run(tiny, tiny_dictionary, texts, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "_UNIT_TOKENS", 300)

    def run_here(out, **options):
        return gs.sweep(tiny, tiny_dictionary, texts, tmp_path / out, **(OPTIONS | options))

    return run_here


@pytest.fixture
def whole(run, folder_of):
    """What one worker finds in this process."""
    return folder_of(run("whole").folder)


@pytest.fixture
def watch_crew(monkeypatch):
    """Notes which units were handed in, and calls `act` with the crew once the first are."""
    taken, acted = [], threading.Event()

    def watch(act=None):
        real = sweeps._Course._take_in

        def take_in(self, work, stretch, event):
            taken.append(stretch)
            return real(self, work, stretch, event)

        monkeypatch.setattr(sweeps._Course, "_take_in", take_in)
        make = sweeps._Course._make_crew

        def make_crew(self, order, workers):
            crew = make(self, order, workers)
            give = crew.give

            def give_on(worker, stretch):
                give(worker, stretch)
                if act is not None and taken and not acted.is_set():
                    acted.set()
                    act(crew, worker)

            crew.give = give_on
            return crew

        monkeypatch.setattr(sweeps._Course, "_make_crew", make_crew)
        return taken

    return watch


def kill(crew, worker):
    """As the kernel does where memory runs out: at once, in the midst of its stretch."""
    os.kill(crew.list_processes()[worker], signal.SIGKILL)


def check_each_unit_once(taken):
    units = sorted(unit for first, stop in taken for unit in range(first, stop))
    assert units == list(range(len(units)))
    assert len(units) == 15


class ShuffledCrew:
    """Workers that all live in this thread, answer in an order of their own and are lost now and then."""

    def __init__(self, course, order, workers, *, seed, losses):
        self._random, self._losses = random.Random(seed), losses
        self._hand = Hand(
            course._scope._engine.loaded, course._dictionary, batch_tokens=order.batch_tokens, threads=order.threads
        )
        self._order, self._asked, self.workers, self.lost = order, {}, workers, 0

    def hire(self, worker):
        assert worker not in self._asked

    def give(self, worker, stretch):
        assert worker not in self._asked
        self._asked[worker] = stretch

    def wait(self, _seconds):
        worker = self._random.choice(sorted(self._asked))
        stretch = self._asked.pop(worker)
        state, used, events = SweepState(self._hand.d_dict, self._order.k), 0, []
        for count in self._hand.fill(state, stretch):
            used += count
            events.append(Advanced(worker))
        if self._losses and self._random.random() < 0.4:
            self._losses -= 1
            self.lost += 1
            return [*events[: self._random.randrange(len(events) + 1)], Lost(worker, "killed")]
        return [*events, Done(worker, dict(state.to_arrays()), used)]

    def close(self):
        pass


@pytest.mark.parametrize("losses", [0, 2])
@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_shards_in_any_order_and_with_losses_give_the_same_bytes(
    run, whole, folder_of, watch_crew, monkeypatch, workers, losses, seed
):
    crews = []

    def make(self, order, workers):
        crews.append(ShuffledCrew(self, order, workers, seed=seed, losses=losses))
        return crews[0]

    monkeypatch.setattr(sweeps._Course, "_make_crew", make)
    taken = watch_crew()
    assert folder_of(run("out", workers=workers).folder) == whole
    check_each_unit_once(taken)
    assert crews[0].workers == workers
    assert (crews[0].lost > 0) == (losses > 0)


def test_of_two_processes_one_is_killed_and_replaced(run, whole, folder_of, watch_crew):
    taken, hired, real = watch_crew(kill), [], LocalCrew.hire
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalCrew, "hire", lambda self, worker: (hired.append(worker), real(self, worker))[1])
        assert folder_of(run("out", workers=2).folder) == whole
    assert len(hired) == 3
    check_each_unit_once(taken)


@many
def test_of_four_processes_one_is_killed_and_replaced(run, whole, folder_of, watch_crew):
    taken = watch_crew(kill)
    assert folder_of(run("out", workers=4).folder) == whole
    check_each_unit_once(taken)


def test_workers_that_die_again_and_again_end_the_sweep(run, whole, folder_of, monkeypatch):
    """And what is told says where, and what they said last."""
    hired = []

    class Doomed(LocalCrew):
        def hire(self, worker):
            hired.append(worker)
            self._events.put(Lost(worker, "it ended with status -9: no memory"))

        def give(self, worker, stretch):
            pass

    monkeypatch.setattr(sweeps, "LocalCrew", Doomed)
    with pytest.raises(gs.GscopeError, match=r"3 workers of the sweep were lost at rows 0 to .*status -9: no memory"):
        run("out", workers=2)
    monkeypatch.undo()
    monkeypatch.setattr(sweeps, "_UNIT_TOKENS", 300)
    assert folder_of(run("out").folder) == whole


def test_a_worker_that_finds_other_weights_is_refused(tiny, tiny_dictionary):
    right = {
        "weights": fingerprint_model(loaded(tiny).model),
        "dictionary_weights": fingerprint_dictionary(tiny_dictionary),
    }
    rest = {"k": 4, "batch_tokens": 200, "threads": 1}
    for name, owner in (("weights", "tiny"), ("dictionary_weights", "tiny-pt/")):
        with pytest.raises(gs.InvalidValue, match=f"a worker of the sweep found other weights of {owner}"):
            open_hand(make_order(tiny, tiny_dictionary, **(right | rest | {name: "f00"})))
    assert open_hand(make_order(tiny, tiny_dictionary, **right, **rest)).d_dict == 40  # control


def test_an_error_of_a_process_is_told_as_what_it_is(tiny, tiny_dictionary):
    order = make_order(tiny, tiny_dictionary, weights="", dictionary_weights="", k=4, batch_tokens=200, threads=1)
    crew = LocalCrew(replace(order, model="/nowhere"), devices=["cpu"])
    try:
        crew.hire(0)
        events = []
        while not events:
            events = crew.wait(0.1)
        assert isinstance(events[0], Failed)
        assert isinstance(events[0].error, gs.UnknownModel)
    finally:
        crew.close()
    assert crew.list_processes() == {}


def test_giving_work_to_a_process_that_still_loads_waits_for_nothing(tiny, tiny_dictionary, monkeypatch):
    """A stretch is larger than a pipe, and nobody reads it before the model is there."""
    order = make_order(tiny, tiny_dictionary, weights="", dictionary_weights="", k=4, batch_tokens=200, threads=1)
    crew = LocalCrew(order, devices=["cpu"])
    sleeper = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _command, **options: sleeper(["/bin/sleep", "60"], **options))
    try:
        began = time.monotonic()
        for worker in range(3):
            crew.hire(worker)
            crew.give(worker, Stretch((0, 1), (0, 9000), np.zeros((9000, 43), np.int32)))
        assert time.monotonic() - began < 5
        assert crew.wait(0.0) == []
    finally:
        crew.close()


def test_errors_of_workers_keep_their_class():
    assert isinstance(make_error("OutOfMemory", "words"), gs.OutOfMemory)
    assert str(make_error("ZeroDivisionError", "words")) == "a worker of the sweep failed: ZeroDivisionError: words"
    assert type(make_error("write_bytes", "words")) is gs.GscopeError


def test_a_unit_that_were_counted_twice_would_be_seen(run, whole, folder_of, monkeypatch):
    """Control: with a stretch merged twice the bytes differ."""
    real = sweeps._Course._save

    def save(self, work):
        if not hasattr(self, "twice"):
            self.twice = SweepState.from_arrays(work.state.to_arrays(), d_dict=work.state.d_dict, k=work.state.k)
            work.state.merge(self.twice)
        real(self, work)

    monkeypatch.setattr(sweeps._Course, "_save", save)
    assert folder_of(run("out").folder) != whole


# ---- Ray


@pytest.fixture(scope="module")
def cluster():
    """Ray of this test's own, ended with it."""
    ray = pytest.importorskip("ray")
    start_here(ray, cpus=5)
    yield ray
    ray.shutdown()


def test_of_two_actors_one_is_killed_and_replaced(cluster, run, whole, folder_of, watch_crew):
    taken = watch_crew(kill)
    assert folder_of(run("out", engine="ray", workers=2).folder) == whole
    check_each_unit_once(taken)
    assert cluster.is_initialized()  # it was there before, and stays


@many
@pytest.mark.parametrize("workers", [1, 4])
def test_actors_find_what_one_process_does(cluster, run, whole, folder_of, watch_crew, workers):
    taken = watch_crew(kill if workers > 1 else None)
    assert folder_of(run("out", engine="ray", workers=workers).folder) == whole
    check_each_unit_once(taken)


@many
def test_ray_is_started_where_none_runs_and_ended_again(run, whole, folder_of):
    ray = pytest.importorskip("ray")
    if ray.is_initialized():
        ray.shutdown()
    assert folder_of(run("out", engine="ray", workers=1, address="local").folder) == whole
    assert not ray.is_initialized()


def test_a_cluster_that_is_not_there_is_said(run):
    pytest.importorskip("ray")
    with pytest.raises(gs.Offline, match="there is no Ray cluster at '127.0.0.1:1'.*ray start --head"):
        run("out", engine="ray", address="127.0.0.1:1")


def test_without_ray_it_is_said_what_to_install(run, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        gs.InvalidValue, match=r'run: pip install "gscope-widgets\[ray\]", or leave it at engine="local"'
    ):
        run("out", engine="ray")
