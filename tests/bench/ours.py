"""A dictionary of this package, opened as `scope.dictionary(path=...)` opens it."""

from pathlib import Path

from gscope_widgets.runtime.dictionaries.catalogue import describe_dictionary
from gscope_widgets.runtime.dictionaries.folders import LocalFolder
from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU


def open_ours(path: Path) -> JumpReLU:
    """Nothing but headers is read."""
    folder = LocalFolder(path)
    return JumpReLU(folder, info=describe_dictionary(folder))
