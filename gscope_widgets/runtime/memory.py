"""The account of memory: what every open scope holds, and what is free."""

import sys
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from gscope_widgets.records.memory import Memory, MemoryUse

if TYPE_CHECKING:
    import torch


class Account(Protocol):
    """Whoever holds memory: the engine of a scope."""

    def list_uses(self) -> Iterable[MemoryUse]:
        """What it holds now; asked on any thread, also while it works."""

    def empty_caches(self) -> None:
        """Let go of all that can be had again; asked on any thread, also while it works."""


_accounts: "weakref.WeakSet[Account]" = weakref.WeakSet()
_lock = threading.Lock()


def memory() -> Memory:
    """What all open scopes hold: model weights, dictionaries and caches, by owner, in main memory and on the GPU.

    Answers at once, also while a model runs, and loads nothing. `scope.memory()` is one scope's part, and
    `scope.limit_memory(...)` sets the limits.
    """
    uses = tuple(use for account in _list_accounts() for use in account.list_uses())
    return Memory(uses, find_all_free())


def open_account(account: Account) -> None:
    """Have it counted from now on, until `close_account` or the end of its life."""
    with _lock:
        _accounts.add(account)


def close_account(account: Account) -> None:
    """Count it no longer. Quiet when repeated."""
    with _lock:
        _accounts.discard(account)


def empty_caches() -> None:
    """Let go of all that can be had again, in every scope."""
    for account in _list_accounts():
        account.empty_caches()
    torch = _find_torch_with_cuda()
    if torch is not None:
        torch.cuda.empty_cache()


def split_bytes(tensors: Iterable["torch.Tensor"]) -> tuple[int, int]:
    """Bytes of tensors in main memory, and on devices; those that are described only take none."""
    host = device = 0
    for tensor in tensors:
        if tensor.device.type == "cpu":
            host += tensor.nbytes
        elif tensor.device.type != "meta":
            device += tensor.nbytes
    return host, device


def find_all_free() -> dict[str, int]:
    """Bytes free on each device that is known: main memory always, GPUs once torch uses them."""
    torch = _find_torch_with_cuda()
    devices = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count() if torch is not None else 0))]
    found = {device: find_free(device) for device in devices}
    return {device: count for device, count in found.items() if count is not None}


def find_free(device: str) -> int | None:
    """Bytes that new work can have on a device before main memory is swapped; None where the system does not say."""
    if device.startswith("cuda"):
        torch = _find_torch_with_cuda()
        return None if torch is None else int(torch.cuda.mem_get_info(device)[0])
    return None if device != "cpu" else min(_list_free_host(), default=None)


def _list_free_host() -> Iterator[int]:
    """What the machine, the container and the process' own limit each leave free."""
    yield from _find_available()
    with suppress(OSError, ValueError, KeyError):
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())  # "max" where there is none
        # Pages of files are given back when they are needed; anonymous ones are not.
        yield max(0, limit - _read_numbers(Path("/sys/fs/cgroup/memory.stat"))["anon"])
    with suppress(ImportError, OSError, ValueError, KeyError):
        import resource  # not on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            yield max(0, limit - _read_numbers(Path("/proc/self/status"))["VmSize:"] * 1024)


def _find_available() -> Iterator[int]:
    """What the machine leaves free without swapping: as Linux says, elsewhere as psutil does, if it is here."""
    with suppress(OSError, ValueError, KeyError):
        yield _read_numbers(Path("/proc/meminfo"))["MemAvailable:"] * 1024
        return
    with suppress(ImportError, OSError):
        import psutil  # type: ignore[import-untyped]  # beneath ipykernel, no requirement of ours

        yield int(psutil.virtual_memory().available)


def _read_numbers(path: Path) -> dict[str, int]:
    """Lines "name number ..." of a file of the system."""
    words = [line.split() for line in path.read_text().splitlines()]
    return {line[0]: int(line[1]) for line in words if len(line) > 1 and line[1].isdigit()}


def _list_accounts() -> list[Account]:
    with _lock:
        return list(_accounts)


def _find_torch_with_cuda() -> ModuleType | None:
    """torch, where something else has loaded it and it uses a GPU."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized() else None
