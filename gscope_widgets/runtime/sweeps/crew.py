"""Workers of a sweep: what any kind of them does, and this process with others of this machine."""

import json
import queue
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from traceback import format_exception_only
from typing import IO, Any, Protocol

import numpy as np

from gscope_widgets import errors
from gscope_widgets.errors import DeviceLost, DiskFull, GscopeError, Offline, OutOfMemory
from gscope_widgets.runtime.shortage import Demand, explain_faults, is_shortage
from gscope_widgets.runtime.sweeps.hand import Hand, Order, Stretch, list_environment, split_stretch
from gscope_widgets.runtime.sweeps.state import Pile, SweepState

Arrays = Mapping[str, np.ndarray]
_Letter = tuple[Mapping[str, Any], Arrays]
_HEAD = struct.Struct("<Q")
_LAST_WORDS = 2000  # characters of a lost worker's errors, of which the last line is told
_OF_ONE = (DeviceLost, DiskFull, Offline, OutOfMemory)  # what befalls one worker, and spares another perhaps
_HERE = 0  # the worker of `LocalCrew` that is no other process
_END_S = 10.0  # that a killed process may take: one that waits for a disk that is gone ends when the disk is back


@dataclass(frozen=True)
class Placed:
    """A worker that waited for a place on a cluster has one, and loads."""

    worker: int


@dataclass(frozen=True)
class Ready:
    """A worker has loaded what it needs."""

    worker: int


@dataclass(frozen=True)
class Advanced:
    """A worker has read one more unit of its stretch."""

    worker: int


@dataclass(frozen=True)
class Done:
    """A worker hands in what it read: the first units of its stretch that it has not handed in yet."""

    worker: int
    found: "Arrays | Pile"  # arrays of a state, or firings, to be taken before the next `wait`
    used: int  # positions that count
    units: int
    seconds: float  # that it read them


@dataclass(frozen=True)
class Lost:
    """A worker is gone, with what it had begun."""

    worker: int
    reason: str
    kind: type[GscopeError] = GscopeError  # what it is where no worker is left


@dataclass(frozen=True)
class Failed:
    """A worker cannot do what it was asked, and neither could another."""

    worker: int
    error: GscopeError


Event = Placed | Ready | Advanced | Done | Lost | Failed


class Crew(Protocol):
    """Workers by number, each of which reads one stretch at a time."""

    def hire(self, worker: int) -> bool:
        """Start a worker, in the place of a lost one where there was one; it loads what it needs, and tells `Ready`.

        Returns:
            False where it waits for a place first, which `Placed` tells.
        """
        ...

    def give(self, worker: int, stretch: Stretch) -> None:
        """Have a worker that is ready read a stretch."""
        ...

    def wait(self, seconds: float) -> list[Event]:
        """What has happened, after so many seconds at most, or after a step of whoever works in this process."""
        ...

    def dismiss(self, worker: int) -> None:
        """End a worker, whatever it does; nothing that it did or will tell comes out of `wait` any more."""
        ...

    def close(self) -> None:
        """End all workers, whatever they do."""
        ...


class LocalCrew:
    """This process, a step in each `wait`, and others of this machine, spoken to over pipes."""

    def __init__(self, order: Order, hand: Hand, *, devices: Sequence[str]):
        """Nobody is hired.

        Args:
            hand: of this process, for worker 0.
            devices: for the others by number, in turn.
        """
        self._order, self._hand, self._devices = order, hand, devices
        self._own: list[Event] = []  # what is to be told of worker 0
        self._steps: Iterator[list[Event]] | None = None  # of the stretch that it reads
        self._events: queue.SimpleQueue[tuple[subprocess.Popen[bytes], Event]] = queue.SimpleQueue()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._letters: dict[int, queue.SimpleQueue[_Letter | None]] = {}

    def hire(self, worker: int) -> bool:
        """See `Crew`."""
        if worker == _HERE:
            self._own = [Ready(_HERE)]
            return True
        if worker in self._letters:
            self._letters[worker].put(None)
        words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the thread that reads it
        process = subprocess.Popen(
            # -P: a file random.py where this is run is no module of theirs.
            [sys.executable, "-P", "-m", "gscope_widgets.runtime.sweeps.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            env=dict(list_environment()),
        )
        self._processes[worker] = process
        letters: queue.SimpleQueue[_Letter | None] = queue.SimpleQueue()
        self._letters[worker] = letters
        # A pipe holds 64 kB, and a process that loads a model reads none of it: whoever gives does not wait for that.
        threading.Thread(target=_post, args=(process, letters), name=f"gscope sweep {worker} post", daemon=True).start()
        order = self._order.to_dict() | {"device": self._devices[(worker - 1) % len(self._devices)]}
        self._send(worker, {"order": order}, {})
        reader = threading.Thread(
            target=self._listen, args=(worker, process, words), name=f"gscope sweep {worker}", daemon=True
        )
        reader.start()
        return True

    def give(self, worker: int, stretch: Stretch) -> None:
        """See `Crew`."""
        if worker == _HERE:
            self._steps = self._read(stretch)
        else:
            self._send(worker, {"units": stretch.units, "starts": stretch.starts}, {"rows": stretch.rows})

    def wait(self, seconds: float) -> list[Event]:
        """See `Crew`."""
        own, self._own = self._own, []
        if self._steps is not None:
            told = next(self._steps, None)
            if told is None:
                self._steps = None
            else:
                own, seconds = own + told, 0.0
        others: list[tuple[subprocess.Popen[bytes], Event]] = []
        with suppress(queue.Empty):
            others.append(self._events.get(block=not own, timeout=seconds))
            while True:
                others.append(self._events.get_nowait())
        # Not of one that was dismissed: another has its number now.
        return own + [event for process, event in others if self._processes.get(event.worker) is process]

    def _read(self, stretch: Stretch) -> Iterator[list[Event]]:
        """Read a stretch in this process, unit by unit: after most steps there is nothing to tell."""
        began = time.monotonic()
        with closing(self._hand.read_units(split_stretch(stretch))) as steps:
            for step in steps:
                if step is None:
                    yield []
                else:
                    yield [Advanced(_HERE), Done(_HERE, *step, units=1, seconds=time.monotonic() - began)]
                    began = time.monotonic()

    def dismiss(self, worker: int) -> None:
        """See `Crew`."""
        if worker == _HERE:
            self._steps, self._own = None, []
            return
        self._letters.pop(worker).put(None)
        process = self._processes.pop(worker)
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)

    def close(self) -> None:
        """See `Crew`."""
        self._steps, self._own = None, []
        for letters in self._letters.values():
            letters.put(None)
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
        self._processes.clear()
        self._letters.clear()

    def list_processes(self) -> dict[int, int]:
        """Process ids by worker, of those that are not this process."""
        return {worker: process.pid for worker, process in self._processes.items()}

    def _send(self, worker: int, head: Mapping[str, Any], arrays: Arrays) -> None:
        self._letters[worker].put((head, arrays))

    def _listen(self, worker: int, process: subprocess.Popen[bytes], words: IO[bytes]) -> None:
        assert process.stdout is not None, "it was started with a pipe"
        lost = None
        with words:
            with suppress(OSError, ValueError):
                while (frame := read_frame(process.stdout)) is not None:
                    event = _understand(worker, *frame)
                    if isinstance(event, Lost):  # which is told when it has ended
                        lost = event
                    else:
                        self._events.put((process, event))
            process.stdout.close()
            code = process.wait()
            words.seek(0, 2)
            words.seek(max(0, words.tell() - _LAST_WORDS))
            said = (words.read().decode("utf-8", "replace").strip().splitlines() or [""])[-1]
        self._events.put((process, lost or _explain_end(worker, code, said)))


def _post(process: subprocess.Popen[bytes], letters: "queue.SimpleQueue[_Letter | None]") -> None:
    """Send what is to be sent, until nothing more is."""
    assert process.stdin is not None, "it was started with a pipe"
    with suppress(OSError, ValueError), process.stdin:  # that it is gone is told by whoever listens
        while (letter := letters.get()) is not None:
            write_frame(process.stdin, *letter)


def _understand(worker: int, head: dict[str, Any], arrays: Arrays) -> Event:
    if "fault" in head:
        return understand_fault(worker, head)
    if head.get("done"):
        return Done(worker, arrays, head["used"], head["units"], head["seconds"])
    return Ready(worker) if head.get("ready") else Advanced(worker)


def _explain_end(worker: int, code: int, said: str) -> Lost:
    is_short = said.startswith("MemoryError") or is_shortage(RuntimeError(said))
    words = f"it ended with status {code}" + (f": {said}" if said else "")
    return Lost(worker, words, OutOfMemory if is_short else GscopeError)


def tell_faults(work: Callable[[], dict[str, Any]], *, device: str) -> dict[str, Any]:
    """What work of a worker returns, or its error as plain data: a shortage or a lost device as what it is."""
    try:
        return explain_faults(work, Demand("a worker of a sweep works", ["fewer workers", "batch_tokens=256"], device))
    except GscopeError as error:
        return {"fault": type(error).__name__, "words": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked is told
        return {"fault": type(error).__name__, "words": "".join(format_exception_only(error)).splitlines()[0]}


def understand_fault(worker: int, told: Mapping[str, str]) -> Failed | Lost:
    """What an error that `tell_faults` told is for a crew; an error of ours is of the same class."""
    kind = getattr(errors, told["fault"], None)
    if not (isinstance(kind, type) and issubclass(kind, GscopeError)):
        return Lost(worker, told["words"])
    if issubclass(kind, _OF_ONE):
        return Lost(worker, told["words"], kind)
    return Failed(worker, kind(told["words"]))


def write_frame(file: IO[bytes], head: Mapping[str, Any], arrays: Arrays) -> None:
    """Send a message: plain data and arrays, which are copied nowhere in between."""
    kinds = {name: [str(array.dtype), list(array.shape)] for name, array in arrays.items()}
    text = json.dumps([head, kinds], separators=(",", ":")).encode()
    file.write(_HEAD.pack(len(text)) + text)
    for array in arrays.values():
        file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    file.flush()


def read_frame(file: IO[bytes]) -> tuple[dict[str, Any], Arrays] | None:
    """The next message, or None where the other side is gone."""
    opening = file.read(_HEAD.size)
    if len(opening) != _HEAD.size:
        return None
    (size,) = _HEAD.unpack(opening)
    text = file.read(size)
    if len(text) != size:
        return None
    head, kinds = json.loads(text)
    arrays = {name: np.empty(shape, dtype) for name, (dtype, shape) in kinds.items()}
    for array in arrays.values():
        if file.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:  # type: ignore[attr-defined]
            return None
    return head, arrays


def answer(order: Order, device: str | None, receive: Callable[[], Any], send: Callable[..., None]) -> dict[str, Any]:
    """What a process of `LocalCrew` does: read stretch after stretch, until nobody asks any more."""
    import torch

    from gscope_widgets.runtime.sweeps.hand import open_hand

    with torch.inference_mode():
        hand = open_hand(order, device=device)
        send({"ready": True})
        while (asked := receive()) is not None:
            head, arrays = asked
            stretch = Stretch(tuple(head["units"]), tuple(head["starts"]), arrays["rows"])
            state, used, began = SweepState(hand.d_dict, order.k), 0, time.monotonic()
            for count in hand.fill(state, stretch):
                if count is not None:
                    used += count
                    send({})
            told = {"used": used, "units": len(stretch.starts) - 1, "seconds": time.monotonic() - began}
            send({"done": True} | told, state.to_arrays())
            del state  # before there is another
    return {}
