"""Workers of a sweep on Ray: an actor each, on this machine or on a cluster."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from gscope_widgets.errors import GscopeError, InvalidValue, Offline, OutOfMemory
from gscope_widgets.runtime.sweeps.crew import (
    Advanced,
    Done,
    Event,
    Lost,
    Placed,
    Ready,
    tell_faults,
    understand_fault,
)
from gscope_widgets.runtime.sweeps.hand import Order, Stretch

_STARTS = 3  # of Ray on a busy machine
_LISTEN_S = 10.0
_WATCH = "watch"  # the thread of an actor that answers while another reads
_ASK_S = 0.5  # between two questions how far an actor is
_Task = Literal["find", "open", "read", "ask"]


class RayCrew:
    """Actors that own a model and a dictionary, and return states, never activations."""

    def __init__(self, order: Order, *, workers: int, address: str | None, uses_gpu: bool):
        """Connect to a cluster, or start one of this machine's own.

        Args:
            workers: actors that there will be.
            address: of a cluster of which this machine is a part, such as "head:6379", or "auto"; "local" starts one;
                None takes the one that this process is connected to, or that runs on this machine, and else starts one.
            uses_gpu: an actor takes a GPU of its own.

        Raises:
            InvalidValue: Ray is not installed, or this process is connected to another Ray than at the address.
            Offline: there is no cluster at the address.
        """
        self._order, self._uses_gpu = order, uses_gpu
        self._ray = _import_ray()
        self._is_ours = _connect(self._ray, address, cpus=workers * order.threads)
        self._actors: dict[int, Any] = {}
        self._pending: dict[Any, tuple[int, _Task]] = {}  # by reference: of which worker, and what was asked of it
        self._given: dict[int, int] = {}  # how many stretches a worker was given
        self._told: dict[int, int] = {}  # units that it has read of the last one, as far as was told
        self._asked: dict[int, float] = {}  # of those that have a place: when it was last asked how far it is

    def hire(self, worker: int) -> bool:
        """See `Crew`."""
        kind = self._ray.remote(
            max_restarts=0,
            num_cpus=self._order.threads,
            num_gpus=1 if self._uses_gpu else 0,
            concurrency_groups={_WATCH: 1},
        )(Reader)
        environment = {"env_vars": {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}}
        actor = kind.options(runtime_env=environment).remote(self._order.to_dict())
        self._actors[worker], self._given[worker], self._told[worker] = actor, 0, 0
        # Ray queues an actor until a node has room for it: it has a place when it answers for the first time.
        self._pending[self._call_aside(worker, "find_process")] = worker, "find"
        self._pending[actor.open.remote()] = worker, "open"
        return False

    def give(self, worker: int, stretch: Stretch) -> None:
        """See `Crew`."""
        if worker not in self._given:  # lost, which `wait` has told already
            return
        task = self._actors[worker].read.remote(stretch.units, stretch.starts, stretch.rows)
        self._pending[task] = worker, "read"
        self._given[worker] += 1
        self._told[worker] = 0

    def wait(self, seconds: float) -> list[Event]:
        """See `Crew`."""
        asked = {worker for worker, task in self._pending.values() if task == "ask"}
        for worker, at in self._asked.items():
            if worker not in asked and time.monotonic() - at > _ASK_S:
                self._ask(worker)
        if not self._pending:
            time.sleep(seconds)
            return []
        ready, _ = self._ray.wait(list(self._pending), num_returns=len(self._pending), timeout=seconds)
        events: list[Event] = []
        for reference in ready:
            if reference in self._pending:
                events += self._understand(reference, *self._pending.pop(reference))
        return events

    def _ask(self, worker: int) -> None:
        """How far a worker is."""
        self._asked[worker] = time.monotonic()
        self._pending[self._call_aside(worker, "count")] = worker, "ask"

    def _call_aside(self, worker: int, name: str) -> Any:
        return getattr(self._actors[worker], name).options(concurrency_group=_WATCH).remote()

    def _understand(self, reference: Any, worker: int, task: "_Task") -> list[Event]:
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            self.dismiss(worker)
            return [Lost(worker, repr(error.cause))]
        except self._ray.exceptions.RayError as error:
            self.dismiss(worker)
            is_short = isinstance(error, self._ray.exceptions.OutOfMemoryError)
            kind = OutOfMemory if is_short else GscopeError
            return [Lost(worker, str(error).strip().splitlines()[0], kind)]
        if worker not in self._asked:
            self._ask(worker)
            return [Placed(worker), *self._understand_answer(answer, worker, task)]
        return self._understand_answer(answer, worker, task)

    def _understand_answer(self, answer: Any, worker: int, task: "_Task") -> list[Event]:
        if task == "find":
            return []
        if task == "ask":
            begun, units = answer
            return self._advance(worker, units) if begun == self._given[worker] else []
        if "fault" in answer:
            event = understand_fault(worker, answer)
            if isinstance(event, Lost):
                self.dismiss(worker)
            return [event]
        if task == "open":
            return [Ready(worker)]
        rest = (answer[name] for name in ("arrays", "used", "units", "seconds"))
        return [*self._advance(worker, answer["units"]), Done(worker, *rest)]

    def _advance(self, worker: int, units: int) -> list[Event]:
        more, self._told[worker] = units - self._told[worker], max(units, self._told[worker])
        return [Advanced(worker)] * max(0, more)

    def _forget(self, worker: int) -> None:
        self._pending = {one: told for one, told in self._pending.items() if told[0] != worker}
        for kept in (self._asked, self._given, self._told):
            kept.pop(worker, None)

    def dismiss(self, worker: int) -> None:
        """See `Crew`."""
        self._forget(worker)
        self._ray.kill(self._actors.pop(worker), no_restart=True)

    def close(self) -> None:
        """See `Crew`."""
        for actor in self._actors.values():
            self._ray.kill(actor, no_restart=True)
        self._actors.clear()
        self._pending.clear()
        if self._is_ours:
            self._ray.shutdown()

    def list_processes(self) -> dict[int, int]:
        """Process ids by worker, of those that answer."""
        asked = {self._call_aside(worker, "find_process"): worker for worker in self._actors}
        answered, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=_LISTEN_S)
        return {asked[reference]: self._ray.get(reference) for reference in answered}


class Reader:
    """What an actor is: loads on `open`, reads stretches on `read`. An error is an answer, not a failure."""

    def __init__(self, order: dict[str, Any]):
        """Loads nothing yet."""
        self._order = Order(**order)
        self._hand: Any = None
        self._place = 0, 0

    def open(self) -> dict[str, Any]:
        """Load the model and the dictionary."""
        return self._tell(self._open)

    def read(self, units: tuple[int, int], starts: tuple[int, ...], rows: np.ndarray) -> dict[str, Any]:
        """Read a stretch: the arrays of its state, and how many positions count."""
        return self._tell(lambda: self._read(Stretch(units, starts, rows)))

    def count(self) -> tuple[int, int]:
        """How many stretches it has begun, and how many units of the last it has read. Answers while it reads."""
        return self._place

    def find_process(self) -> int:
        """Its process id."""
        return os.getpid()

    def _open(self) -> dict[str, Any]:
        from gscope_widgets.runtime.sweeps.hand import open_hand

        self._hand = open_hand(self._order)
        return {}

    def _read(self, stretch: Stretch) -> dict[str, Any]:
        import torch

        from gscope_widgets.runtime.sweeps.state import SweepState

        state, used, units = SweepState(self._hand.d_dict, self._order.k), 0, 0
        begun, since = self._place[0] + 1, time.monotonic()
        self._place = begun, 0
        with torch.inference_mode():
            for count in self._hand.fill(state, stretch):
                if count is not None:
                    used, units = used + count, units + 1
                    self._place = begun, units
        return {"arrays": state.to_arrays(), "used": used, "units": units, "seconds": time.monotonic() - since}

    def _tell(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return tell_faults(work, device=self._order.wishes["device"])


def _import_ray() -> Any:
    # Ray copies a driver's folder to its workers unless told otherwise; ours is installed, or on their path.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
    except ImportError:
        raise InvalidValue(
            'engine="ray" takes Ray, which is not installed; run: pip install "gscope-widgets[ray]", '
            'or leave it at engine="local"'
        ) from None
    return ray


def start_here(ray: Any, *, cpus: int) -> None:
    """Start a Ray of this machine's own, for so many CPUs at least.

    Raises:
        Offline: its processes did not come up.
    """
    os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")  # 30 s are too few on a busy machine
    own: Mapping[str, Any] = {
        "address": "local",
        "num_cpus": max(cpus, os.cpu_count() or 1),
        "include_dashboard": False,
        "log_to_driver": False,
        "configure_logging": False,
    }
    for left in range(_STARTS - 1, -1, -1):
        try:
            ray.init(**own)
            return
        except Exception as error:  # noqa: BLE001 - it has no class of its own: the machine took more than 30 s
            ray.shutdown()
            if not left:
                raise Offline(f"Ray did not start on this machine ({error}); try again when it is less busy") from None


def _require_listener(address: str | None) -> None:
    """Refuse an address at which nobody listens, for which Ray itself would wait minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_LISTEN_S).close()


def _connect(ray: Any, address: str | None, *, cpus: int) -> bool:
    """Connect; True where this started what is to be ended again."""
    if ray.is_initialized():
        here = ray.get_runtime_context().gcs_address
        if address in (None, "auto", here):
            return False
        raise InvalidValue(
            f"this process is connected to a Ray at {here} already: leave address out to sweep on that, or end it "
            "first with ray.shutdown()"
        )
    if address == "local":
        start_here(ray, cpus=cpus)
        return True
    try:
        _require_listener(address)
        ray.init(address=address or "auto", log_to_driver=False, configure_logging=False)
    except (OSError, OverflowError, RuntimeError, ValueError) as error:
        if address is None:
            start_here(ray, cpus=cpus)
            return True
        raise Offline(f"there is no Ray cluster at {address!r} ({error}); start one with: ray start --head") from None
    return True
