"""Where the tutorials are: in the installed package, and beside it in a clone."""

from pathlib import Path

from gscope_widgets.errors import GscopeError

_PACKAGE = Path(__file__).parents[1]


def find_tutorials() -> Path:
    """The folder of the tutorials: notebooks, and the sources that they are built from.

    Raises:
        GscopeError: they are not there.
    """
    for folder in (_PACKAGE / "tutorials", _PACKAGE.parent / "tutorials"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise GscopeError(f"the tutorials are not beside {_PACKAGE}; install gscope-widgets from its wheel, or use a clone")


def list_notebooks() -> list[Path]:
    """The notebooks for learners, in their order."""
    return sorted(find_tutorials().glob("*.ipynb"))


def list_sources() -> list[Path]:
    """The py:percent sources of the notebooks, in their order; they hold the solutions."""
    return sorted(find_tutorials().glob("*.py"))
