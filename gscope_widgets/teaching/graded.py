"""What the graders of others take: nbgrader's source notebook, and the zip of an otter autograder.

Neither grader is needed to make these, nor by the package.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from gscope_widgets.exercises.cells import find_answers
from gscope_widgets.exercises.graders import describe_cell
from gscope_widgets.teaching.variants import build_variant, read_answers, write_notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

YOURS = "yours"  # tag of a cell that the learner is asked to change
LESSON = "tests/lesson.json"  # in otter's zip: no second .ipynb, of which otter takes one alone
NBGRADER_SECONDS = 300  # for a cell; its own 30 are fewer than a lesson's slowest cells may take
NBGRADER_CONFIG = f"""from gscope_widgets.exercises.graders import mend_cells
from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, DeduplicateIds, OverwriteCells, OverwriteKernelspec

c = get_config()  # noqa: F821
# A cell may take this many seconds; without it, 30.
c.Execute.timeout = {NBGRADER_SECONDS}
# What stands where the solution stood: the line above it is the learner's.
c.ClearSolutions.code_stub = {{"python": ""}}
# nbgrader's own, and before them one that puts deleted tests back, and takes a copied cell for a copy.
c.Autograde.sanitize_preprocessors = [
    mend_cells,
    ClearOutput,
    DeduplicateIds,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]
"""

_TEST = """# The answer to {name} is checked here when it is graded.
### BEGIN HIDDEN TESTS
from gscope_widgets.exercises.graders import require_right

require_right({name!r})
### END HIDDEN TESTS
"""

_OTTER = """from otter.test_files import test_case

OK_FORMAT = False
name = {name!r}
points = 1


@test_case()
def test_answer():
    from gscope_widgets.exercises.graders import require_right

    require_right({name!r}, lesson={lesson!r})
"""


def build_nbgrader(source: Path) -> "NotebookNode":
    """nbgrader's source notebook of a tutorial: a point for each exercise.

    The cell of an answer is a solution, with `BEGIN SOLUTION` and `END SOLUTION` around what the learner does not get.
    The other code cells are locked, so that nbgrader puts them back as they are here, but for those tagged "yours".
    Hidden tests stand at the end, where every cell that may hold an answer has run.
    """
    from nbformat.v4 import new_code_cell

    notebook, solved = build_variant(source, "student"), build_variant(source, "solution")
    names = []
    for cell, answered in zip(notebook.cells, solved.cells, strict=True):
        if cell.cell_type != "code":
            continue
        found = find_answers(cell.source)
        if found:
            names += [one.name for one in found]
            cell.source = f"{cell.source}\n### BEGIN SOLUTION\n{answered.source}\n### END SOLUTION"
            cell.metadata["nbgrader"] = describe_cell(found[0].name, solution=True)
        elif YOURS not in cell.metadata.get("tags", []):
            cell.metadata["nbgrader"] = describe_cell(f"cell-{cell.id}", locked=True)
    for name in names:
        test = new_code_cell(_TEST.format(name=name), id=f"test-{name}")
        test.metadata["nbgrader"] = describe_cell(f"test-{name}", grade=True, locked=True, points=1)
        notebook.cells.append(test)
    return notebook


def build_otter(source: Path) -> bytes:
    """An autograder of a tutorial for otter, as the bytes of its zip: a test file and a point for each exercise.

    Answers are checked on the lesson in the zip, in a process of its own, not on what the learner's notebook made.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        files = {"otter_config.json": json.dumps({"lang": "python"}, indent=1)}
        files[LESSON] = write_notebook(build_variant(source, "student"))
        for name in read_answers(source, "student"):
            files[f"tests/{name}.py"] = _OTTER.format(name=name, lesson=LESSON)
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return made.getvalue()
