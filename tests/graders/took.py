"""How long a tutorial takes to run and to mark, as a row of docs/teaching.md."""

import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import mean

import nbformat
from nbclient import NotebookClient

from gscope_widgets.teaching.graded import NBGRADER_SECONDS
from gscope_widgets.teaching.variants import build_variant

PAGE = Path(__file__).parents[2] / "docs" / "teaching.md"


def time_cells(source: Path, folder: Path) -> list[float]:
    """Seconds that each code cell takes, solved, from top to bottom in a new kernel."""
    notebook = nbformat.reads(nbformat.writes(build_variant(source, "solution")), as_version=4)
    NotebookClient(
        notebook,
        timeout=NBGRADER_SECONDS,
        kernel_name="python3",
        record_timing=True,
        store_widget_state=False,
        resources={"metadata": {"path": os.fspath(folder)}},
    ).execute()
    told = [cell.metadata["execution"] for cell in notebook.cells if cell.cell_type == "code"]
    return [
        (_read_time(one["shell.execute_reply"]) - _read_time(one["iopub.execute_input"])).total_seconds()
        for one in told
    ]


def _read_time(told: str) -> datetime:
    return datetime.fromisoformat(told.replace("Z", "+00:00"))


def find_title(source: Path) -> str:
    """A tutorial's heading, as the table has it: without what stands in brackets."""
    heading: str = build_variant(source, "student").cells[0].source.splitlines()[0]
    return heading.removeprefix("# ").split(" (")[0]


def write_row(page: str, title: str, exercises: int, cells: Sequence[float], took: dict[str, list[float]]) -> str:
    """The page with this tutorial's row as it was measured now.

    Args:
        title: as the table has it.
        cells: seconds of each code cell.
        took: by grader, seconds for each notebook that was handed in.

    Raises:
        ValueError: the table has no row of that title.
    """
    numbers = [exercises, sum(cells), max(cells), mean(took["nbgrader"]), mean(took["otter"])]
    row = f"| {title} | {' | '.join(f'{one:.0f}' for one in numbers)} |"
    pattern = re.compile(rf"^\| {re.escape(title)}(?: \| [^|\n]+){{{len(numbers)}}} \|$", re.MULTILINE)
    written, count = pattern.subn(lambda _: row, page)
    if count != 1:
        raise ValueError(f"{PAGE.name} has {count} rows of {title!r} with {len(numbers)} numbers, not one")
    return written
