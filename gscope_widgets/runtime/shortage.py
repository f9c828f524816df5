"""When memory runs out or a device fails: what is said, and the second try."""

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from gscope_widgets.errors import DeviceLost, GscopeError, OutOfMemory, write_bytes
from gscope_widgets.records.progress import Fetched
from gscope_widgets.runtime.memory import empty_caches, find_free, memory
from gscope_widgets.runtime.worker import release_frames

Value = TypeVar("Value")

# What allocators say that have no class of their own, in torch 2.6 to 2.13 unless it is said.
_SHORT = re.compile(
    "|".join(
        (
            "can't allocate memory|not enough memory",  # c10's alloc_cpu: on Linux and macOS; on Windows
            "could not allocate memory|unable to mmap memory",  # c10's shapes; pages that are mapped
            "std::bad_alloc",  # C++'s own, which torch raises as a RuntimeError
            "out of memory",  # MPS, HIP, XPU; the CUDA runtime, where no class was raised
            "out_of_(?:device|host)_memory",  # XPU's driver
            r"Invalid buffer size: \d",  # MPS, of one buffer beyond Metal's largest, about half of the memory
            r"CU[A-Z]+_(?:STATUS_)?ALLOC_FAILED|HIPBLAS_STATUS_ALLOC_FAILED",  # cuBLAS, cuDNN, cuSPARSE, cuFFT, ...
            "Cannot allocate memory",  # the system: ENOMEM; safetensors
        )
    ),
    re.I,
)
_LOST = re.compile(r"device-side assert|illegal memory access|unspecified launch failure|uncorrectable ECC", re.I)
_ASKED = re.compile(r"(?:allocate|allocating|mmap|Invalid buffer size:) (\d+(?:\.\d+)?) ?(bytes|[KMGT]i?B)?", re.I)
_UNITS = {"k": 10, "m": 20, "g": 30, "t": 40}


@dataclass(frozen=True)
class Demand:
    """What some work needs memory for, in words."""

    doing: str  # "reading 12 tokens"
    smaller: Sequence[str] = ()  # choices that need less: "max_new_tokens=32"
    device: str = "cpu"


def is_shortage(error: BaseException) -> bool:
    """Whether an allocator had not enough; ours, torch's on any device, NumPy's and Python's alike."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    known = isinstance(error, (RuntimeError, OSError)) and not isinstance(error, GscopeError)
    return known and bool(_SHORT.search(str(error)))


def is_loss(error: BaseException) -> bool:
    """Whether a device has failed in a way that only a new process mends."""
    if is_shortage(error) or isinstance(error, GscopeError) or not isinstance(error, RuntimeError):
        return False
    return isinstance(error, getattr(torch, "AcceleratorError", ())) or bool(_LOST.search(str(error)))


def run_again(
    make: Callable[[], Generator[float | Fetched | None, None, Value]],
    demand: Demand,
    *,
    fresh: Callable[[], bool] = lambda: True,
) -> Generator[float | Fetched | None, None, Value]:
    """Run steps; where memory runs out, empty all caches and run them once more.

    Args:
        make: begins the steps.
        fresh: asked after a shortage whether they may begin again.

    Raises:
        OutOfMemory: it ran out again; the numbers, and what would need less.
        DeviceLost: the device failed.
    """
    while True:
        fault = None
        try:
            return (yield from make())
        except Exception as error:
            release_frames(error)
            fault = _explain(error, demand)
            if fault is None:
                raise
        # Outside the handler, so that the new error does not lead back to the old one and what that holds.
        again = isinstance(fault, _Shortage) and fresh()
        if isinstance(fault, _Shortage):
            empty_caches()
        if not again:
            raise _finish(fault, demand)
        fresh = _never


def explain_faults(work: Callable[[], Value], demand: Demand) -> Value:
    """What work returns; a shortage, or a device that failed, is raised in our words and holds no tensor."""
    try:
        return work()
    except Exception as error:
        release_frames(error)
        fault = _explain(error, demand)
        if fault is None:
            raise
    raise _finish(fault, demand)


@dataclass(frozen=True)
class _Shortage:
    asked_bytes: int | None
    told: str = ""  # in our own words already


@dataclass(frozen=True)
class _Loss:
    sentence: str


def _explain(error: BaseException, demand: Demand) -> _Shortage | _Loss | None:
    if is_loss(error):
        first = (str(error).splitlines() or [type(error).__name__])[0][:200]
        return _Loss(
            f"the device {demand.device} failed while {demand.doing} ({first}). Nothing can be computed on it in this "
            "process any more: restart the kernel and run the notebook again"
        )
    if not is_shortage(error):
        return None
    return _Shortage(find_asked(str(error)), str(error) if isinstance(error, OutOfMemory) else "")


def _finish(fault: _Shortage | _Loss, demand: Demand) -> GscopeError:
    if isinstance(fault, _Loss):
        return DeviceLost(fault.sentence)
    return OutOfMemory(fault.told or write_shortage(demand, asked_bytes=fault.asked_bytes))


def find_asked(message: str) -> int | None:
    """Bytes that an allocator's message says were asked for, or None."""
    match = _ASKED.search(message)
    if match is None:
        return None
    unit = (match[2] or "bytes").lower()
    return int(float(match[1]) * (1 if unit == "bytes" else 2 ** _UNITS[unit[0]]))


def write_shortage(demand: Demand, *, asked_bytes: int | None) -> str:
    """The numbers, who holds memory there, and what would need less."""
    account, free = memory(), find_free(demand.device)
    on_host = torch.device(demand.device).type == "cpu"
    held = {
        f"{use.scope} {use.owner}" if use.kind != "dictionary" else use.owner: size
        for use in account.uses
        if (size := use.host_bytes if on_host else use.device_bytes)
    }
    largest = sorted(held, key=lambda name: -held[name])[:3]
    numbers = [
        *([] if asked_bytes is None else [f"{write_bytes(asked_bytes)} were asked for"]),
        *([] if free is None else [f"{write_bytes(free)} are free"]),
        f"gscope_widgets holds {write_bytes(sum(held.values()))}"
        + (f" ({', '.join(f'{name} {write_bytes(held[name])}' for name in largest)})" if held else ""),
    ]
    choices = [*demand.smaller, *([] if on_host else ["device='cpu'"])]
    others = list(dict.fromkeys(use.scope for use in account.uses))
    if len(others) > 1:
        choices.append(f"closing a scope that is not needed ({', '.join(others)})")
    return (
        f"not enough memory on {demand.device} while {demand.doing}: {', '.join(numbers)}. "
        f"Less is needed with {' or '.join(choices) if choices else 'a smaller model'}; gs.memory() says who holds what"
    )


def _never() -> bool:
    return False
