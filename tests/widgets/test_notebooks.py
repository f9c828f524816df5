"""Widgets in a real kernel, driven by nbclient as `nbconvert --execute` does: what is saved equals the kernel's state."""

import json
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from gscope_widgets.widgets.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]
SETUP = """
import time
import gscope_widgets as gs
from tests.fake_scope import FakeScope
from gscope_widgets.checkup.examiner import Examiner
Examiner.patience_s = 0.1  # no page answers
scope = FakeScope()
scope.delay = 0.1  # so that the copy of a cell's first result has gone out when the second comes
"""
OTHERS = [row for row in CATALOGUE if row.name not in ("FeatureSliders", "TokenHeatmap", "SteeringPanel")]
NAMES = ["sliders", "heatmap", "panel", *(row.module for row in OTHERS)]
CELLS = [
    SETUP,
    "sliders = gs.FeatureSliders(scope, 'The old fisherman', features=[3, 4])\nsliders",
    # Waits: the copy is of the last value, though the one before it went out less than half a second ago.
    "for value in (10.0, 20.0, 30.0):\n    sliders.values = [value, None]\n    sliders.wait()",
    "heatmap = gs.TokenHeatmap(scope, 'The old', features=[3])\nheatmap",
    "panel = gs.SteeringPanel(scope, 'The old', features=[3], max_new_tokens=3)\npanel",
    "panel.start(); panel.wait()",
    "sliders.plot()",
    # Sets and does not wait: the second result comes within half a second of the first, and the notebook ends.
    "for text in ('The bird', 'On Monday the children sang'):\n    heatmap.text = text\n    time.sleep(0.2)",
    *(f"{row.module} = {row.write_call()}\n{row.module}" for row in OTHERS),
    # A check-up goes on when its cell has ended, and so does its wait for a page.
    "from tests.threads import wait_for_timers\nwait_for_timers(doctor)\ndoctor.wait()",
    f"import json; print(json.dumps([one._build_copy() for one in ({', '.join(NAMES)})]))",
]


@pytest.fixture(scope="module")
def notebook():
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    try:
        NotebookClient(made, timeout=300, kernel_name="python3", store_widget_state=False).execute()
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)
    return made


def outputs(notebook, cell):
    return [output["data"] for output in notebook.cells[cell]["outputs"] if "data" in output]


def test_saved_copies_equal_the_kernels_state(notebook):
    saved = [
        "".join(shown[1]["text/html"]) for cell in range(len(CELLS) - 1) if len(shown := outputs(notebook, cell)) > 1
    ]
    there = json.loads(notebook.cells[-1]["outputs"][0]["text"])
    assert saved == there
    assert len(saved) == len(CATALOGUE)
    assert "feature 3: clamp 30" in saved[0]
    assert "children" in saved[1].replace("</span><span>", "")
    assert "seed 0" in saved[2]


def test_a_plot_is_a_picture_without_a_line_of_magic(notebook):
    (data,) = outputs(notebook, 6)
    assert data["image/png"].startswith("iVBOR")


def test_nothing_was_printed_or_raised_besides(notebook):
    streams = [
        output for cell in notebook.cells[:-1] for output in cell["outputs"] if output["output_type"] != "display_data"
    ]
    assert [output["output_type"] for output in streams if output["output_type"] != "execute_result"] == []
