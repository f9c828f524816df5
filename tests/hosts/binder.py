"""The first tutorial as a Binder image runs it, in 2 GB of memory: `python -m tests.hosts.binder`, by `make test-binder`.

JupyterLab and its kernel are of the environment that HOST_PYTHON names. No process of theirs can hold more than the
limit, and all together are weighed by the memory that is theirs and their share of what they have in common.
"""

import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.lab import ROOT, VIEW, Lab, Notebook, open_browser

LIMIT_BYTES = 2_000_000_000  # past which Binder starts anew
TUTORIAL = ROOT / "tutorials" / "01_a_microscope_on_text.ipynb"
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


def run_tutorial(notebook: Notebook) -> int:
    """Runs every cell, and looks at each widget; how many there are."""
    notebook.run_all()
    assert notebook.error_outputs() == []
    notebook.wait_for_views()
    views = notebook.panel.locator(VIEW)
    for view in views.all():  # those of cells far away are not drawn, but answered
        expect(view).to_have_attribute("data-link", "live")
    assert notebook.complaints.all == []
    return views.count()


def main() -> None:
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = open_browser(playwright)
        began = time.monotonic()
        with limited(LIMIT_BYTES):
            lab = Lab(Path(folder))
        with lab, Scales(lab.process_id) as scales:
            path = Path(shutil.copy(TUTORIAL, lab.notebooks))
            page = browser.new_page(viewport={"width": 1280, "height": 1100})
            count = run_tutorial(Notebook(page, lab, path, workspace="binder"))
            lab.shut_kernels_down()
        browser.close()
    seconds = time.monotonic() - began
    print(f"{TUTORIAL.stem}: {count} widgets live, {scales.most / 1e6:.0f} MB at most, {seconds:.0f} s")
    assert count > 3, "the tutorial shows more widgets"
    assert 100_000_000 < scales.most < LIMIT_BYTES, "Binder would have started anew"


if __name__ == "__main__":
    main()
