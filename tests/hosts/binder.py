"""Every tutorial as a Binder image runs it, in 2 GB of memory: `python -m tests.hosts.binder`, by `make test-binder`.

JupyterLab and its kernel are of the environment that HOST_PYTHON names. No process of theirs can hold more than the
limit, and all together are weighed by the memory that is theirs and their share of what they have in common.
"""

import os
import resource
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.lab import ROOT, VIEW, Lab, Notebook, open_browser

LIMIT_BYTES = 2_000_000_000  # past which Binder starts anew
MOST_BYTES, MOST_CPU_S = 1_200_000_000, 180  # of a tutorial: what a small machine has to spare
TUTORIALS = sorted((ROOT / "tutorials").glob("*.ipynb"))
EVERY_S = 0.2


@contextmanager
def limited(most: int) -> Iterator[None]:
    """Processes that are begun meanwhile have no more data than that, in bytes."""
    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))


class Scales:
    """Weighs a process and all that it began, until the block ends; `most` is the largest weight, in bytes."""

    def __init__(self, process_id: int):
        self.most = 0
        self._process_id, self._ended = process_id, threading.Event()
        self._thread = threading.Thread(target=self._weigh_often, daemon=True)

    def __enter__(self) -> "Scales":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _weigh_often(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.most = max(self.most, sum(map(weigh, list_family(self._process_id))))


def list_family(process_id: int) -> list[int]:
    """A process and its descendants."""
    family, parents = [process_id], read_parents()
    for one in family:  # grows meanwhile
        family += [child for child, parent in parents.items() if parent == one]
    return family


def read_parents() -> dict[int, int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return parents


def weigh(process_id: int) -> int:
    """Proportional set size in bytes; 0 of a process that has ended."""
    try:
        lines = Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def read_cpu_s(process_id: int) -> float:
    """Seconds of processor that a process and all that it began have used, with those that have ended."""
    ticks = 0
    for one in list_family(process_id):
        try:
            ticks += sum(map(int, Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:15]))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def run_tutorial(browser: Browser, lab: Lab, tutorial: Path) -> None:
    """Runs every cell, looks at each widget, and says what it took."""
    path = Path(shutil.copy(tutorial, lab.notebooks))
    page = browser.new_context(viewport={"width": 1280, "height": 1100}).new_page()
    before = read_cpu_s(lab.process_id)
    with Scales(lab.process_id) as scales:
        notebook = Notebook(page, lab, path, workspace=tutorial.stem)
        notebook.run_all()
        assert notebook.error_outputs() == []
        notebook.wait_for_views()
        views = notebook.panel.locator(VIEW)
        for view in views.all():  # those of cells far away are not drawn, but answered
            expect(view).to_have_attribute("data-link", "live")
        assert notebook.complaints.all == []
        cpu_s, count = read_cpu_s(lab.process_id) - before, views.count()
    page.context.close()
    lab.shut_kernels_down()
    print(
        f"{tutorial.stem}: {count} widgets live, {scales.most / 1e6:.0f} MB at most, {cpu_s:.0f} s of CPU", flush=True
    )
    assert count > 0, "a tutorial shows widgets"
    assert 100_000_000 < scales.most < MOST_BYTES
    assert cpu_s < MOST_CPU_S


def main() -> None:
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = open_browser(playwright)
        with limited(LIMIT_BYTES):
            lab = Lab(Path(folder))
        with lab:
            for tutorial in TUTORIALS:
                run_tutorial(browser, lab, tutorial)
        browser.close()


if __name__ == "__main__":
    main()
