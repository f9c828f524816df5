"""The machine and the versions that numbers were found with; nothing that names it."""

import os
import platform
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from tests.bench.memory import ROOT
from tests.bench.shapes import THREADS

_PACKAGES = (
    *("gscope-widgets", "sae-lens", "eai-sparsify", "transformer-lens", "nnsight"),
    *("torch", "numpy", "safetensors", "transformers"),
)
_FLAGS = ("sse4_2", "avx", "avx2", "fma", "f16c", "avx512", "avx_vnni", "amx")  # or how they begin
BUSY = 0.3  # mean number of running processes in the last minute, above which timings lie


def describe_machine() -> dict:
    """Processor, memory, system, versions and the load before the run."""
    cpu = _read_pairs("/proc/cpuinfo")
    memory = _read_pairs("/proc/meminfo")
    flags = [flag for flag in cpu.get("flags", "").split() if flag.startswith(_FLAGS)]
    return {
        "cpu": f"{cpu.get('model name', platform.machine())}, family {cpu.get('cpu family')}, model {cpu.get('model')}",
        "cpu_flags": " ".join(sorted(flags)),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory["MemTotal"].split()[0]) / 2**20, 1),
        "system": f"Linux {platform.release().split('-')[0]}",
        "threads": THREADS,
        "torch_kernels": f"{torch.backends.cpu.get_cpu_capability()}, MKL {torch.backends.mkl.is_available()}",
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": _list_versions(),
        "commit": _read_commit(),
    }


def _list_versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):  # the side of graphs runs without the other peers
            found[name] = version(name)
    return found


def _read_pairs(path: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        pairs.setdefault(name.strip(), value.strip())
    return pairs


def _read_commit() -> str:
    """The commit that was measured, marked where the package differs from it."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return commit + (" with changes" if _git("status", "--porcelain", "--", "gscope_widgets") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
