"""Python and the packages beneath: too old, or refused by one another."""

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from gscope_widgets.records.checkup import Finding

PYTHON = (3, 11)
# The floors of pyproject.toml; a test holds them equal.
FLOORS = {
    "torch": "2.6",
    "transformers": "4.57",
    "huggingface_hub": "0.34",
    "anywidget": "0.9.18",
    "ipywidgets": "7.7.1",
    "safetensors": "0.4.5",
    "numpy": "1.26",
    "traitlets": "5.7.1",
}
_OPTIONAL = {"ipykernel": "6.17", "jupyterlab": "4.4"}  # only notebooks need them, and not every host has them


def check_python() -> Finding:
    """Whether this Python is new enough."""
    seen = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < PYTHON:
        wanted = ".".join(map(str, PYTHON))
        return Finding("python", "broken", seen, f"install Python {wanted} or newer, and this package into it")
    return Finding("python", "fine", seen)


def check_packages() -> Finding:
    """Whether what this package stands on is installed, new enough, and agrees with one another."""
    found = {name: find_version(name) for name in (*FLOORS, *_OPTIONAL)}
    absent = [name for name in FLOORS if found[name] is None]
    old = [
        f"{name} {found[name]} (needs {floor})"
        for name, floor in (FLOORS | _OPTIONAL).items()
        if found[name] is not None and read_version(found[name] or "") < read_version(floor)
    ]
    seen = ", ".join(f"{name} {one}" for name, one in found.items() if one is not None)
    clashes = list(find_clashes(found))
    faults = [
        *([f"missing: {', '.join(absent)}"] if absent else []),
        *([f"too old: {', '.join(old)}"] if old else []),
        *([f"do not agree: {'; '.join(clashes)}"] if clashes else []),
    ]
    if faults:
        advice = "run pip install --upgrade gscope-widgets in the kernel's own environment, and restart the kernel"
        return Finding("packages", "broken", f"{'. '.join(faults)}. Installed: {seen}", advice)
    return Finding("packages", "fine", seen)


def find_version(package: str) -> str | None:
    """What is installed, None where nothing is."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def read_version(text: str) -> tuple[int, ...]:
    """The numbers that a version begins with: "2.13.0+cpu" is (2, 13, 0)."""
    found = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def find_clashes(found: dict[str, str | None]) -> Iterator[str]:
    """What one of these packages says that another must be, and it is not; nothing where `packaging` is absent."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return
    for package in (name for name, one in found.items() if one is not None):
        for requirement in map(Requirement, requires(package) or ()):
            name = re.sub(r"[-.]+", "_", requirement.name.lower())
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
                continue
            have = found.get(name)
            if have is not None and not requirement.specifier.contains(have, prereleases=True):
                yield f"{package} {found[package]} needs {requirement.name}{requirement.specifier}, and {have} is there"
