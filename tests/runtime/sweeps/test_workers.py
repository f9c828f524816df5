"""Many workers, here and on Ray: the same bytes as one, whoever read what, also where some are killed."""

import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import gscope_widgets as gs
from gscope_widgets.records.sweeps import SweepProgress
from gscope_widgets.runtime.dictionaries.fingerprints import fingerprint_dictionary
from gscope_widgets.runtime.gemma.fingerprints import fingerprint_model
from gscope_widgets.runtime.sweeps import patience
from gscope_widgets.runtime.sweeps import sweep as sweeps
from gscope_widgets.runtime.sweeps.cluster import RayCrew, _connect, start_here
from gscope_widgets.runtime.sweeps.crew import (
    Advanced,
    Done,
    Failed,
    LocalCrew,
    Lost,
    Placed,
    Ready,
    read_frame,
    tell_faults,
    understand_fault,
    write_frame,
)
from gscope_widgets.runtime.sweeps.hand import Hand, Order, Stretch, make_order, open_hand
from gscope_widgets.runtime.sweeps.patience import Patience
from gscope_widgets.runtime.sweeps.state import SweepState
from tests.runtime.inside import loaded

# Each of their processes takes four seconds of CPU to load torch: `make test-sweeps` runs these too.
many = pytest.mark.skipif("GSCOPE_MANY_WORKERS" not in os.environ, reason="make test-sweeps runs it")
# Of one that was stopped while it read, or while it loaded.
HUNG = re.compile(r"worker [123] was replaced: it told nothing for .*; (a unit|loading a model) took .* at most")
OPTIONS = {"k": 4, "seq_len": 40, "batch_tokens": 200, "show": False}


@pytest.fixture
def run(tiny, tiny_dictionary, texts, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "_UNIT_TOKENS", 300)

    def run_here(out, *, watch=None, **options):
        options = OPTIONS | options
        if watch is None:
            return gs.sweep(tiny, tiny_dictionary, texts, tmp_path / out, **options)
        progress = SweepProgress()
        del options["show"]
        job = gs.start_sweep(tiny, tiny_dictionary, texts, tmp_path / out, **options, progress=progress)
        while not job.done():
            watch(progress)
            time.sleep(0.01)
        watch(progress)
        return job.result()

    return run_here


@pytest.fixture
def whole(run, folder_of):
    """What one worker finds in this process."""
    return folder_of(run("whole").folder)


@pytest.fixture
def watch_crew(monkeypatch):
    """Notes which units were handed in; once the first are, each of `acts` is called with the crew, a gift each.

    Of processes: this one of them all reads only when all has happened, as it needs to load nothing.
    """
    taken = []

    def watch(*acts):
        left = list(acts)
        real_read = LocalCrew._read

        def read(self, stretch):
            while left:
                time.sleep(0.01)
                yield []
            yield from real_read(self, stretch)

        monkeypatch.setattr(LocalCrew, "_read", read)
        real = sweeps._Course._take_in

        def take_in(self, work, first, found, *, used, units):
            taken.append((first, first + units))
            return real(self, work, first, found, used=used, units=units)

        monkeypatch.setattr(sweeps._Course, "_take_in", take_in)
        make = sweeps._Course._make_crew

        def make_crew(self, order, workers):
            crew = make(self, order, workers)
            give = crew.give

            def give_on(worker, stretch):
                act = left.pop(0) if taken and left and worker in crew.list_processes() else None
                if act is stop:  # before, so that it tells nothing of this stretch for sure
                    stop(crew, worker)
                give(worker, stretch)
                if act is kill:
                    kill(crew, worker)

            crew.give = give_on
            return crew

        monkeypatch.setattr(sweeps._Course, "_make_crew", make_crew)
        return taken

    return watch


def kill(crew, worker):
    """As the kernel does where memory runs out: at once, in the midst of its stretch."""
    os.kill(crew.list_processes()[worker], signal.SIGKILL)


def stop(crew, worker):
    """As one that waits for a disk that never answers: it is there, and tells nothing."""
    stop.processes.append(crew.list_processes()[worker])
    os.kill(stop.processes[-1], signal.SIGSTOP)


stop.processes = []


def let_go_on(crew, worker):
    """Another process has read something, which is enough."""


def be_impatient(monkeypatch):
    """Where the machine is busy a worker that is well is replaced too, which changes nothing but the time it takes."""
    monkeypatch.setattr(patience, "_FACTOR", 6.0)
    monkeypatch.setattr(sweeps, "_LIVES", 100)


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


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
        self._loading = []

    def hire(self, worker):
        assert worker not in self._asked and worker not in self._loading
        self._loading.append(worker)
        return True

    def give(self, worker, stretch):
        assert worker not in self._asked and worker not in self._loading
        self._asked[worker] = stretch

    def dismiss(self, worker):
        if self._asked.pop(worker, None) is None:
            self._loading.remove(worker)

    def wait(self, _seconds):
        if self._loading and (not self._asked or self._random.random() < 0.5):
            return [Ready(self._loading.pop(0))]
        worker = self._random.choice(sorted(self._asked))
        stretch = self._asked.pop(worker)
        state, used, events = SweepState(self._hand.d_dict, self._order.k), 0, []
        for count in self._hand.fill(state, stretch):
            if count is not None:
                used += count
                events.append(Advanced(worker))
        if self._losses and self._random.random() < 0.4:
            self._losses -= 1
            self.lost += 1
            return [*events[: self._random.randrange(len(events) + 1)], Lost(worker, "killed")]
        return [*events, Done(worker, dict(state.to_arrays()), used, len(stretch.starts) - 1, 0.0)]

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


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_workers_that_are_well_and_replaced_by_mistake_change_nothing(
    run, whole, folder_of, watch_crew, monkeypatch, seed
):
    """In the midst of their stretch, again and again."""
    chance, mistakes = random.Random(seed), []

    def err(self):
        found = {worker: "it was slow" for worker in self._begun if chance.random() < 0.5}
        for worker in found:
            self.end(worker)
        mistakes.extend(found)
        return found

    monkeypatch.setattr(Patience, "take_silent", err)
    monkeypatch.setattr(sweeps, "_LIVES", 10**6)
    monkeypatch.setattr(
        sweeps._Course,
        "_make_crew",
        lambda self, order, workers: ShuffledCrew(self, order, workers, seed=seed, losses=1),
    )
    taken = watch_crew()
    assert folder_of(run("out", workers=3).folder) == whole
    check_each_unit_once(taken)
    assert len(mistakes) >= 3


def test_of_two_processes_one_is_killed_and_one_hangs(run, whole, folder_of, watch_crew, monkeypatch):
    """Both are replaced, and what is told says so; the third worker is this process."""
    be_impatient(monkeypatch)
    taken, hired, real = watch_crew(stop, kill), [], LocalCrew.hire
    monkeypatch.setattr(LocalCrew, "hire", lambda self, worker: (hired.append(worker), real(self, worker))[1])
    notes = set()
    out = run("out", workers=3, patience_s=2, watch=lambda progress: notes.add(progress.note))
    assert folder_of(out.folder) == whole
    assert len(hired) >= 5
    check_each_unit_once(taken)
    assert any(re.match(r"worker [23] was replaced: it ended with status -9", note) for note in notes)
    assert any(map(HUNG.match, notes))
    assert not any(map(is_alive, stop.processes))


@pytest.fixture
def never_load(monkeypatch):
    """The other processes of a crew hang before they have read anything; gives them."""
    started, start = [], subprocess.Popen

    def sleep(_command, **options):
        started.append(start(["/bin/sleep", "600"], **options))
        return started[-1]

    monkeypatch.setattr("gscope_widgets.runtime.sweeps.crew.subprocess.Popen", sleep)
    return started


def test_processes_that_have_not_loaded_hold_nothing_up(run, whole, folder_of, watch_crew, never_load):
    taken = watch_crew()
    assert folder_of(run("out", workers=3).folder) == whole
    check_each_unit_once(taken)
    assert len(never_load) == 2
    assert all(process.poll() == -signal.SIGKILL for process in never_load)


def test_a_cancel_of_several_workers_keeps_what_this_process_read(
    run, whole, folder_of, tiny, tiny_dictionary, texts, tmp_path, units_read, watch_crew, never_load
):
    """All but the unit under way."""
    taken = watch_crew()
    options = {name: value for name, value in OPTIONS.items() if name != "show"}
    job = gs.start_sweep(tiny, tiny_dictionary, texts, tmp_path / "out", workers=2, **options)
    job.watch(lambda _job: len(units_read) >= 6 and job.cancel())
    with pytest.raises(gs.Cancelled):
        job.result()
    assert all(process.poll() == -signal.SIGKILL for process in never_load)
    before, done = len(units_read), load_file(tmp_path / "out" / "checkpoint.safetensors")["done"]
    assert 5 <= before - 1 <= done.sum() < 15
    assert done.sum() == sum(stop - first for first, stop in taken)
    assert folder_of(run("out").folder) == whole
    assert len(units_read) - before == 15 - done.sum()


@pytest.mark.parametrize(("unit_s", "merging", "largest"), [(9.0, 5.0, 1), (4.0, 5.0, 2), (9.0, 1e9, 3)])
def test_a_stretch_is_of_some_seconds_and_of_more_where_merging_is_slow(
    run, whole, folder_of, watch_crew, monkeypatch, unit_s, merging, largest
):
    """And never more than a share of what is left; the first of each worker is one unit."""

    class SteadyCrew(ShuffledCrew):
        def wait(self, seconds):
            return [
                replace(event, seconds=event.units * unit_s) if isinstance(event, Done) else event
                for event in super().wait(seconds)
            ]

    monkeypatch.setattr(sweeps, "_MERGING", merging)
    monkeypatch.setattr(
        sweeps._Course, "_make_crew", lambda self, order, workers: SteadyCrew(self, order, workers, seed=0, losses=0)
    )
    taken = watch_crew()
    assert folder_of(run("out", workers=2).folder) == whole
    check_each_unit_once(taken)
    assert taken[0] == (0, 1)
    assert max(stop - first for first, stop in taken) == largest


# Is killed when another process has handed in and a checkpoint has it; until then this one reads no more than 3 units.
_KILLED = """
import json, os, sys, time
import gscope_widgets as gs
from gscope_widgets.runtime.sweeps import sweep as sweeps
from gscope_widgets.runtime.sweeps.crew import LocalCrew
from gscope_widgets.runtime.sweeps.state import Pile
sweeps._UNIT_TOKENS = 300
model, dictionary, texts, out = json.load(sys.stdin)
crews, own, others = [], [], []
read, take_in, save = LocalCrew._read, sweeps._Course._take_in, sweeps._Course._save
def read_three(self, stretch):
    crews.append(self)
    for events in read(self, stretch):
        while len(own) >= 3 and not others:
            yield []
        yield events
def note(self, work, first, found, *, used, units):
    (own if isinstance(found, Pile) else others).append(units)
    take_in(self, work, first, found, used=used, units=units)
def stop(self, work):
    save(self, work)
    if own and others:
        print(json.dumps([sum(own) + sum(others), *crews[0].list_processes().values()]), flush=True)
        time.sleep(600)
LocalCrew._read, sweeps._Course._take_in, sweeps._Course._save = read_three, note, stop
scope = gs.load(model)
home = scope.dictionary(path=dictionary)
gs.sweep(scope, home, texts, out, k=4, seq_len=40, batch_tokens=200, workers=2, checkpoint_s=0, show=False)
"""


def test_a_sweep_of_two_processes_is_killed_and_goes_on_with_the_same_bits(
    run, whole, folder_of, tiny, tiny_dictionary, texts, tmp_path, units_read
):
    """`kill -9` of the notebook's: the other ends by itself, and the folder is free."""
    out = tmp_path / "out"
    given = json.dumps([tiny.name, str(tiny_dictionary.folder.path), texts, str(out)]).encode()
    with subprocess.Popen([sys.executable, "-c", _KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(given)
        process.stdin.close()
        kept, other = json.loads(process.stdout.readline())
        process.kill()
    until = time.monotonic() + 60
    while is_alive(other) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive(other)
    done = load_file(out / "checkpoint.safetensors")["done"]
    assert 2 <= done.sum() == kept < 15
    units_read.clear()
    assert folder_of(run("out").folder) == whole
    assert len(units_read) == 15 - kept


def test_what_befalls_this_process_ends_a_sweep_of_several_and_is_told(
    run, whole, folder_of, monkeypatch, watch_crew, never_load
):
    taken, real = watch_crew(), Hand.read

    def fail(self, units):
        if taken:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        yield from real(self, units)

    monkeypatch.setattr(Hand, "read", fail)
    with pytest.raises(gs.OutOfMemory, match="sweeping with tiny-pt/.*batch_tokens=256"):
        run("out", workers=2)
    assert len(taken) == 1
    assert all(process.poll() == -signal.SIGKILL for process in never_load)
    monkeypatch.setattr(Hand, "read", real)
    assert folder_of(run("out", workers=2).folder) == whole
    check_each_unit_once(taken)


@pytest.mark.parametrize(
    ("own", "others"),
    [("cuda", ["cuda:1", "cuda:2", "cuda:0"]), ("cuda:1", ["cuda:0", "cuda:2", "cuda:1"]), ("cpu", ["cpu"])],
)
def test_of_several_gpus_each_has_a_worker_before_one_has_two(monkeypatch, own, others):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(sweeps._Course, "_make_hand", lambda self: None)
    course = object.__new__(sweeps._Course)
    course._scope = SimpleNamespace(info=SimpleNamespace(device=own))
    course._plan = SimpleNamespace(engine="local")
    assert course._make_crew(None, 4)._devices == others


@many
def test_of_four_processes_one_is_killed_and_replaced(run, whole, folder_of, watch_crew):
    taken = watch_crew(kill)
    assert folder_of(run("out", workers=4).folder) == whole
    check_each_unit_once(taken)


@pytest.mark.parametrize("kind", [gs.GscopeError, gs.OutOfMemory])
@pytest.mark.parametrize("loads", [True, False])
def test_workers_that_die_again_and_again_end_the_sweep(run, whole, folder_of, monkeypatch, loads, kind):
    """And what is told says what the last one said, and is out of memory where that was."""
    hired = []

    class Doomed(LocalCrew):
        def hire(self, worker):
            hired.append(worker)
            return True

        def give(self, worker, stretch):
            pass

        def wait(self, seconds):
            worker = hired.pop(0)
            return [*([Ready(worker)] if loads else []), Lost(worker, "it ended with status 1: no memory", kind)]

    monkeypatch.setattr(sweeps, "LocalCrew", Doomed)
    with pytest.raises(
        gs.GscopeError,
        match="each was lost 3 times before it handed in, .*status 1: no memory; is there memory enough for 2 models",
    ) as found:
        run("out", workers=2)
    assert type(found.value) is kind
    monkeypatch.undo()
    monkeypatch.setattr(sweeps, "_UNIT_TOKENS", 300)
    assert folder_of(run("out").folder) == whole


def test_rows_that_cost_three_workers_end_the_sweep_when_all_others_were_read(
    run, whole, folder_of, units_read, monkeypatch
):
    class Fragile(ShuffledCrew):
        def wait(self, seconds):
            events = super().wait(seconds)
            is_read = isinstance(events[-1], Done)
            return [Lost(events[-1].worker, "killed")] if is_read and units_read[-1] == 0 else events

    monkeypatch.setattr(
        sweeps._Course, "_make_crew", lambda self, order, workers: Fragile(self, order, workers, seed=0, losses=0)
    )
    with pytest.raises(gs.GscopeError, match="3 workers of the sweep were lost at rows 0 to .*because killed; is"):
        run("out", workers=4)
    units_read.clear()
    assert folder_of(run("out").folder) == whole
    assert units_read == [0]


def test_a_worker_that_fails_again_and_again_is_given_up_and_the_others_go_on(
    run, whole, folder_of, monkeypatch, watch_crew
):
    """Of a process that loads and cannot read, and what is told is the last line of its trace."""
    notes, real_read, real_dict = set(), LocalCrew._read, Order.to_dict

    def read(self, stretch):
        while not any("given up" in note for note in notes):
            time.sleep(0.01)
            yield []
        yield from real_read(self, stretch)

    monkeypatch.setattr(LocalCrew, "_read", read)
    monkeypatch.setattr(Order, "to_dict", lambda self: real_dict(self) | {"k": -1})
    taken = watch_crew()
    out = run("out", workers=2, watch=lambda progress: notes.add(progress.note))
    assert folder_of(out.folder) == whole
    check_each_unit_once(taken)
    assert notes - {""} == {
        f"worker 2 was {what}: ValueError: negative dimensions are not allowed" for what in ("replaced", "given up")
    }


@pytest.mark.parametrize(
    ("field", "value", "kind", "reason"),
    [
        ("k", 10**13, gs.OutOfMemory, "not enough memory on cpu while a worker of a sweep works: .* fewer workers"),
        ("threads", "two", gs.GscopeError, "TypeError: .*"),
    ],
)
def test_what_befalls_a_process_is_told_in_one_line(tiny, tiny_dictionary, field, value, kind, reason):
    order = make_order(
        tiny,
        tiny_dictionary,
        weights=fingerprint_model(loaded(tiny).model),
        k=4,
        batch_tokens=200,
        dictionary_weights=fingerprint_dictionary(tiny_dictionary),
        threads=1,
    )
    crew = LocalCrew(replace(order, **{field: value}), None, devices=["cpu"])
    try:
        crew.hire(1)
        crew.give(1, Stretch((0, 1), (0, 1), np.ones((1, 43), np.int32)))
        events = []
        while not (events and isinstance(events[-1], Lost)):
            events += crew.wait(0.1)
        assert events[-1].kind is kind
        assert re.fullmatch(f"{reason}[^\n]*", events[-1].reason)
    finally:
        crew.close()


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        ("what():  std::bad_alloc", gs.OutOfMemory),
        ("MemoryError", gs.OutOfMemory),
        ("ImportError: no such file", gs.GscopeError),
    ],
)
def test_what_a_process_said_last_is_told(tiny, tiny_dictionary, monkeypatch, last, kind):
    """Of one that had no time to tell more: the last line, whole."""
    order = make_order(tiny, tiny_dictionary, weights="", dictionary_weights="", k=4, batch_tokens=200, threads=1)
    crew, start = LocalCrew(order, None, devices=["cpu"]), subprocess.Popen
    said = "\n".join(["Traceback (most recent call last):", *["  a line of it"] * 300, last])
    line = ["/bin/sh", "-c", 'echo "$0" >&2; exit 1', said]
    monkeypatch.setattr(subprocess, "Popen", lambda _line, **options: start(line, **options))
    try:
        crew.hire(1)
        events = []
        while not events:
            events = crew.wait(0.1)
        assert events == [Lost(1, f"it ended with status 1: {last}", kind)]
    finally:
        crew.close()


def test_workers_that_hang_again_and_again_end_the_sweep(run, monkeypatch):
    """Which is no question of memory."""

    class Mute(LocalCrew):
        def hire(self, worker):
            self._own.append(Ready(worker))
            return True

        def give(self, worker, stretch):
            pass

        def dismiss(self, worker):
            pass

        def wait(self, seconds):
            own, self._own = self._own, []
            return own

    def tell_all(self):
        found = dict.fromkeys(self._begun, "it told nothing for 9 s")
        self._begun.clear()
        return found

    monkeypatch.setattr(sweeps, "LocalCrew", Mute)
    monkeypatch.setattr(Patience, "take_silent", tell_all)
    with pytest.raises(
        gs.GscopeError,
        match=r"each was lost 3 times .*told nothing for 9 s; do its disk .* A larger patience_s waits longer",
    ) as found:
        run("out", workers=2)
    assert "memory" not in str(found.value)


class ScarceCrew(ShuffledCrew):
    """On a cluster that has places for so many that are hired, and none for whoever comes later."""

    def __init__(self, course, *args, places, **options):
        super().__init__(course, *args, **options)
        self._progress, self._places, self._placed, self.notes = course._progress, places, [], set()

    def hire(self, worker):
        assert worker not in self._asked
        if self._places:
            self._places -= 1
            self._placed.append(worker)
        return False

    def wait(self, seconds):
        self.notes.add(self._progress.note)
        if self._placed:
            self._loading.append(self._placed[0])
            return [Placed(self._placed.pop(0))]
        return super().wait(seconds)


@pytest.mark.parametrize(("workers", "places", "losses"), [(2, 1, 0), (3, 3, 1)])
def test_a_worker_without_a_place_is_waited_for_and_holds_nothing_up(
    run, whole, folder_of, watch_crew, monkeypatch, workers, places, losses
):
    """Nobody counts as hung for it, and those that have a place read all; also what one had begun that was lost."""
    crews, waited = [], []

    def make(self, order, workers):
        crews.append(ScarceCrew(self, order, workers, seed=0, losses=losses, places=places))
        return crews[0]

    def note_begun(self):
        waited.append(set(self._begun))
        return {}

    monkeypatch.setattr(sweeps._Course, "_make_crew", make)
    monkeypatch.setattr(Patience, "take_silent", note_begun)
    taken, progress = watch_crew(), []
    assert folder_of(run("out", workers=workers, watch=progress.append).folder) == whole
    check_each_unit_once(taken)
    assert crews[0].lost == losses
    replaced = r"worker \d was replaced: killed; " if losses else ""
    waits = re.compile(f"{replaced}1 of {workers} workers wait for a place on the cluster")
    assert any(map(waits.fullmatch, crews[0].notes))
    assert "wait for" not in progress[-1].note  # it is over
    if not losses:
        assert set().union(*waited) == {0}


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
    crew = LocalCrew(replace(order, model="/nowhere"), None, devices=["cpu"])
    try:
        crew.hire(1)
        events = []
        while not events:
            events = crew.wait(0.1)
        assert isinstance(events[0], Failed)
        assert isinstance(events[0].error, gs.UnknownModel)
    finally:
        crew.close()
    assert crew.list_processes() == {}


def test_workers_find_model_and_modules_wherever_they_are_started(
    load, make_model, make_dictionary, texts, tmp_path, monkeypatch, watch_crew
):
    monkeypatch.setattr(sweeps, "_UNIT_TOKENS", 300)
    watch_crew(let_go_on)
    make_model("near")
    monkeypatch.chdir(tmp_path)
    scope = load("near")
    home = scope.dictionary(path=make_dictionary())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "random.py").write_text("raise SystemExit('this is no module of theirs')")
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", ".")])
    found = gs.sweep(scope, home, texts, tmp_path / "out", workers=2, **OPTIONS)
    assert found.documents == len(texts) and scope.name == "near"


def test_giving_work_to_a_process_that_reads_none_of_it_waits_for_nothing(tiny, tiny_dictionary, monkeypatch):
    """A stretch is larger than a pipe."""
    order = make_order(tiny, tiny_dictionary, weights="", dictionary_weights="", k=4, batch_tokens=200, threads=1)
    crew = LocalCrew(order, None, devices=["cpu"])
    sleeper = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _command, **options: sleeper(["/bin/sleep", "60"], **options))
    try:
        began = time.monotonic()
        for worker in (1, 2, 3):
            crew.hire(worker)
            crew.give(worker, Stretch((0, 1), (0, 9000), np.zeros((9000, 43), np.int32)))
        assert time.monotonic() - began < 5
        assert crew.wait(0.0) == []
    finally:
        crew.close()


# Answers each stretch with as many units as it has, and that it is done; says `used` so that it is known by it.
_QUICK = """
import json, struct, sys
used = 0
def receive():
    (size,) = struct.unpack("<Q", sys.stdin.buffer.read(8))
    head, kinds = json.loads(sys.stdin.buffer.read(size))
    for dtype, shape in kinds.values():
        sys.stdin.buffer.read(4 * shape[0] * shape[1])
    return head
def send(head):
    text = json.dumps([head, {}]).encode()
    sys.stdout.buffer.write(struct.pack("<Q", len(text)) + text)
    sys.stdout.buffer.flush()
receive()
send({"ready": True})
while True:
    first, stop = receive()["units"]
    for unit in range(first, stop):
        send({})
    send({"done": True, "used": first, "units": stop - first, "seconds": 0.1})
"""


def test_what_a_dismissed_process_had_told_is_heard_no_more(tiny, tiny_dictionary, monkeypatch):
    """Its number is another's then: a stretch would be taken for another one."""
    order = make_order(tiny, tiny_dictionary, weights="", dictionary_weights="", k=4, batch_tokens=200, threads=1)
    crew, start = LocalCrew(order, None, devices=["cpu"]), subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _line, **options: start([sys.executable, "-c", _QUICK], **options))

    def give(first):
        crew.give(1, Stretch((first, first + 2), (0, 1, 2), np.zeros((2, 43), np.int32)))

    def hear():
        events = []
        while not (events and isinstance(events[-1], Done)):
            events += crew.wait(0.05)
        return [getattr(event, "used", type(event).__name__) for event in events]

    try:
        crew.hire(1)
        give(10)
        assert hear() == ["Ready", "Advanced", "Advanced", 10]
        give(20)
        while crew._events.qsize() < 3:  # it has told all of it, and nobody has listened
            time.sleep(0.01)
        process = crew.list_processes()[1]
        crew.dismiss(1)
        assert not is_alive(process) and crew.wait(0) == []
        crew.hire(1)
        give(30)
        assert hear() == ["Ready", "Advanced", "Advanced", 30]
    finally:
        crew.close()


def test_messages_arrive_as_they_were_sent_or_not_at_all():
    arrays = {"a": np.arange(6, dtype=np.int64).reshape(2, 3), "none": np.zeros((0, 4), np.float32), "b": np.ones(1)}
    file = io.BytesIO()
    write_frame(file, {"units": (3, 5)}, arrays)
    write_frame(file, {}, {})
    content = file.getvalue()
    file.seek(0)
    head, found = read_frame(file)
    assert head == {"units": [3, 5]} and list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and found[name].flags.writeable
        np.testing.assert_array_equal(found[name], array)
    assert read_frame(file) == ({}, {}) and read_frame(file) is None
    for size in (0, 7, 20, 150, len(content) - 30):
        file = io.BytesIO(content[:size])
        while (one := read_frame(file)) is not None:
            assert one[0]  # only the first is whole


def test_errors_of_workers_keep_their_class():
    """What may befall one alone is a loss; what no other could do either is a failure, and ends the sweep."""
    for error, kind in ((gs.OutOfMemory("words"), gs.OutOfMemory), (gs.Offline("words"), gs.Offline)):
        assert understand_fault(1, raise_at(error)) == Lost(1, "words", kind)
    assert understand_fault(1, raise_at(ZeroDivisionError("words"))) == Lost(1, "ZeroDivisionError: words")
    found = understand_fault(1, raise_at(gs.UnknownModel("words")))
    assert isinstance(found, Failed) and type(found.error) is gs.UnknownModel and str(found.error) == "words"
    lost = understand_fault(1, raise_at(MemoryError("Unable to allocate 5.00 GiB")))
    assert lost.kind is gs.OutOfMemory and re.search("5.4 GB were asked for.*fewer workers", lost.reason)


def raise_at(error):
    """What a worker tells that meets an error."""

    def work():
        raise error

    return tell_faults(work, device="cpu")


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
    for process in filter(is_alive, stop.processes):
        os.kill(process, signal.SIGKILL)


def test_of_two_actors_one_is_killed_and_one_hangs(cluster, run, whole, folder_of, watch_crew, monkeypatch):
    be_impatient(monkeypatch)
    taken, notes = watch_crew(stop, kill), set()
    out = run("out", engine="ray", workers=2, patience_s=4, watch=lambda progress: notes.add(progress.note))
    assert folder_of(out.folder) == whole
    check_each_unit_once(taken)
    assert any(map(HUNG.match, notes))
    assert cluster.is_initialized()  # it was there before, and stays
    until = time.monotonic() + 60
    while any(map(is_alive, stop.processes)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(is_alive, stop.processes))


def test_a_ray_that_is_open_already_is_taken_and_never_ended(cluster, run):
    here = cluster.get_runtime_context().gcs_address
    for address in (None, "auto", here):
        assert _connect(cluster, address, cpus=1) is False
    for address in ("local", "127.0.0.1:1"):
        with pytest.raises(gs.InvalidValue, match=f"is connected to a Ray at {here} already: leave address out"):
            run("out", engine="ray", address=address)
        assert cluster.is_initialized()


@many
def test_an_actor_for_which_there_is_no_room_holds_nothing_up(cluster, run, folder_of):
    threads, notes = int(cluster.cluster_resources()["CPU"]) // 2 + 1, set()
    whole = folder_of(run("whole", threads=threads).folder)
    watch = {"watch": lambda progress: notes.add(progress.note)}
    out = run("out", engine="ray", workers=2, threads=threads, patience_s=1, **watch)
    assert folder_of(out.folder) == whole
    assert "1 of 2 workers wait for a place on the cluster" in notes


@many
@pytest.mark.parametrize("workers", [1, 4])
def test_actors_find_what_one_process_does(cluster, run, whole, folder_of, watch_crew, workers):
    taken = watch_crew(*([kill] if workers > 1 else []))
    assert folder_of(run("out", engine="ray", workers=workers).folder) == whole
    check_each_unit_once(taken)


@many
def test_what_befalls_an_actor_is_told_as_what_it_is_and_the_actor_ended(cluster, tiny, tiny_dictionary):
    order = make_order(
        tiny,
        tiny_dictionary,
        weights=fingerprint_model(loaded(tiny).model),
        dictionary_weights=fingerprint_dictionary(tiny_dictionary),
        k=10**13,
        batch_tokens=200,
        threads=1,
    )
    crew = RayCrew(order, workers=1, address=None, uses_gpu=False)
    try:
        crew.hire(0)
        events = []
        while not any(isinstance(event, Ready) for event in events):
            events += crew.wait(0.1)
        crew.give(0, Stretch((0, 1), (0, 1), np.ones((1, 43), np.int32)))
        while not isinstance(events[-1], Lost):
            events += crew.wait(0.1)
        assert events[-1].kind is gs.OutOfMemory and "fewer workers" in events[-1].reason
        assert crew.list_processes() == {} and crew.wait(0) == []
    finally:
        crew.close()


@many
def test_ray_is_started_where_none_runs_and_ended_again(run, whole, folder_of):
    ray = pytest.importorskip("ray")
    if ray.is_initialized():
        ray.shutdown()
    assert folder_of(run("out", engine="ray", workers=1, address="local").folder) == whole
    assert not ray.is_initialized()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999"])
def test_a_cluster_that_is_not_there_is_said(run, address):
    ray = pytest.importorskip("ray")
    if ray.is_initialized():
        ray.shutdown()
    with pytest.raises(gs.Offline, match=f"there is no Ray cluster at '{address}'.*ray start --head"):
        run("out", engine="ray", address=address)


@pytest.mark.parametrize(
    ("address", "words"),
    [(5, "address must be a string .*got 5"), (" ", "address must be"), ("ray://head:10001", 'Ray\'s client.*"auto"')],
)
def test_an_address_that_is_none_is_refused_at_once(run, address, words):
    with pytest.raises(gs.InvalidValue, match=words):
        run("out", engine="ray", address=address)


def test_without_ray_it_is_said_what_to_install(run, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        gs.InvalidValue, match=r'run: pip install "gscope-widgets\[ray\]", or leave it at engine="local"'
    ):
        run("out", engine="ray")
