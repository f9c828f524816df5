"""The tutorials in a learner's own folder: copied, never over what is there."""

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gscope_widgets.errors import GscopeError, InvalidValue
from gscope_widgets.teaching.tutorials import list_notebooks

_SAID = {
    "new": "copied",
    "same": "here already",
    "kept": "kept as it is here; rename it to get an untouched one",
}


@dataclass(frozen=True)
class Copied:
    """What became of one tutorial."""

    path: Path
    outcome: Literal["new", "same", "kept"]  # "kept": another file of that name was there, and still is

    def __str__(self) -> str:
        """A line for people."""
        return f"{self.path}: {_SAID[self.outcome]}"


def copy_tutorials(folder: Path) -> list[Copied]:
    """Copy the learners' notebooks into a folder, which is made where there is none.

    Raises:
        InvalidValue: nothing can be written there.
    """
    done = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for notebook in list_notebooks():
            path, content = folder / notebook.name, notebook.read_bytes()
            try:
                with path.open("xb") as file:
                    file.write(content)
                done.append(Copied(path, "new"))
            except FileExistsError:
                is_same = path.is_file() and path.read_bytes() == content
                done.append(Copied(path, "same" if is_same else "kept"))
    except OSError as error:
        raise InvalidValue(f"the tutorials cannot be copied to {folder}: {error.strerror or error}") from None
    return done


def open_lab(notebook: Path, arguments: Sequence[str] = ()) -> int:
    """Open a notebook in JupyterLab, and wait until that ends.

    Args:
        arguments: more for JupyterLab.

    Returns:
        Its exit status.

    Raises:
        GscopeError: JupyterLab is not installed.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise GscopeError("JupyterLab is not installed; run: pip install 'gscope-widgets[lab]'")
    with subprocess.Popen([sys.executable, "-m", "jupyterlab", str(notebook), *arguments]) as lab:
        while True:
            try:
                return lab.wait()
            except KeyboardInterrupt:  # JupyterLab has it too, and asks whether to end
                continue
