"""A class pack: one zip with all that a room without a network needs, for learners and for their teacher."""

import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from gscope_widgets import __version__
from gscope_widgets.errors import GscopeError, InvalidValue
from gscope_widgets.recordings.container import write_whole
from gscope_widgets.teaching.answers import write_page
from gscope_widgets.teaching.graded import NBGRADER_CONFIG, build_nbgrader, build_otter
from gscope_widgets.teaching.tutorials import list_sources
from gscope_widgets.teaching.variants import build_variant, read_answers, write_notebook

RECORD_S = 1800.0  # that a tutorial may take to be recorded
_LEARNERS = """# The tutorials

With a network, once: `pip install -r requirements.txt`. Without one, a folder of packages is needed that was filled on
a machine of the same kind: `pip download -r requirements.txt -d packages` there, then
`pip install --no-index --find-links packages --find-links . -r requirements.txt` here.

Then `jupyter lab tutorials`. The model is mini, which is in the package: nothing is downloaded.
{recordings}"""
_RECORDINGS = """
Where mini cannot run, put `gs.replay("../recordings/NAME.gscope")` in place of `gs.load(...)` in a tutorial's cell: it
answers what was recorded, without torch. What was not recorded is refused, in words.
"""
_TEACHER = """# For the teacher: not for the class

* `pages/`: each tutorial's timing, discussion, answers and common wrong ones.
* `solutions/`: each tutorial with every answer right.
* Marks of a folder of notebooks, in one table, running nothing of the learners':
  `gscope-widgets grade --with learners/tutorials/NAME.ipynb handed-in/*.ipynb --json marks.json`
* `nbgrader/`: a course folder; copy `source/NAME` and `nbgrader_config.py` into yours.
* `otter/`: `otter run notebook.ipynb -a NAME.zip`
"""


def export_pack(
    target: Path,
    *,
    wheel: Path | None = None,
    recordings: bool = False,
    tell: Callable[[str], None] = lambda _line: None,
) -> list[str]:
    """Write a class pack, which appears whole or not at all.

    Args:
        target: the zip; none may be there.
        wheel: of this package, put beside the list of requirements, which then names it.
        recordings: run every tutorial on mini with its answers right, some minutes in all, and put what the model said
            into the pack.
        tell: takes a line before what takes long.

    Returns:
        The names in the zip.

    Raises:
        InvalidValue: the target is there or cannot be written, or the wheel is none of this package.
        DiskFull: there is no room.
        GscopeError: a tutorial could not be run, or a package is missing.
    """
    if target.exists():
        raise InvalidValue(f"{target} is there already: delete it, or give another name")
    if not target.resolve().parent.is_dir():
        raise InvalidValue(f"{target} cannot be written: there is no folder {target.resolve().parent}")
    if wheel is not None and not (wheel.name.startswith("gscope_widgets-") and zipfile.is_zipfile(wheel)):
        raise InvalidValue(f"{wheel} is no wheel of gscope-widgets")
    sources = list_sources()
    about = _RECORDINGS if recordings else ""
    files: dict[str, str | bytes] = {
        "learners/README.md": _LEARNERS.format(recordings=about),
        "learners/requirements.txt": list_requirements(wheel),
        "teacher/README.md": _TEACHER,
        "teacher/nbgrader/nbgrader_config.py": NBGRADER_CONFIG,
    }
    for source in sources:
        name = source.stem
        files[f"learners/tutorials/{name}.ipynb"] = write_notebook(build_variant(source, "student"))
        files[f"teacher/pages/{name}.md"] = write_page(source)
        if read_answers(source, "student"):
            files[f"teacher/solutions/{name}.ipynb"] = write_notebook(build_variant(source, "solution"))
            files[f"teacher/nbgrader/source/{name}/{name}.ipynb"] = write_notebook(build_nbgrader(source))
            files[f"teacher/otter/{name}.zip"] = build_otter(source)
    if wheel is not None:
        files[f"learners/{wheel.name}"] = wheel.read_bytes()
    for source in sources if recordings else ():
        tell(f"recording {source.stem}")
        with tempfile.TemporaryDirectory() as folder:
            record(source, Path(folder, "run.gscope"))
            files[f"learners/recordings/{source.stem}.gscope"] = Path(folder, "run.gscope").read_bytes()

    def write(unfinished: Path) -> None:
        with zipfile.ZipFile(unfinished, "x", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)

    write_whole(target, write, size=sum(map(len, files.values())))
    return list(files)


def list_requirements(wheel: Path | None = None) -> str:
    """What to install, with the versions that are here, as pip reads it."""
    lines = [f"./{wheel.name}" if wheel is not None else f"gscope-widgets=={__version__}"]
    for asked in importlib.metadata.requires("gscope-widgets") or ():
        match = re.match(r"[\w.-]+", asked)
        if match is None or re.search(r"extra\s*==\s*['\"](?!lab)", asked):
            continue
        try:  # a build of torch for one kind of machine, "2.13.0+cpu", is not on every index
            lines.append(f"{match[0]}=={importlib.metadata.version(match[0]).partition('+')[0]}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(asked.partition(";")[0].strip())
    return "\n".join(lines) + "\n"


def record(source: Path, path: Path) -> None:
    """Run a tutorial with its answers right, in a process of its own, and keep what the model was asked.

    Raises:
        GscopeError: a cell raised, or it took longer than half an hour.
    """
    begin = (
        "import os\nimport gscope_widgets\n"
        "_recorded = gscope_widgets.load(os.environ.get('GSCOPE_MODEL', 'mini'))\n"
        f"_recorder = _recorded.recording({str(path)!r}).start()"
    )
    cells = [cell.source for cell in build_variant(source, "solution").cells if cell.cell_type == "code"]
    request = json.dumps({"cells": [begin, *cells, "_recorder.stop()"], "answers": []})
    command = [sys.executable, "-m", "gscope_widgets.exercises.lesson"]
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, text=True, encoding="utf-8", timeout=RECORD_S, check=False
        )
        faults = json.loads(done.stdout)["faults"]
    except subprocess.TimeoutExpired:
        raise GscopeError(f"{source.stem} ran longer than {RECORD_S:g} s") from None
    except ValueError:
        raise GscopeError(f"{source.stem} could not be run to its end: {done.stderr.strip()[-200:]}") from None
    if faults or not path.exists():
        raise GscopeError(f"{source.stem} could not be recorded: {faults[0] if faults else 'nothing was asked'}")
