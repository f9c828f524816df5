"""What the name of a model means, without loading anything."""

import re
from pathlib import Path

from gscope_widgets.errors import UnknownModel, describe_value
from gscope_widgets.mini import MODELS

_SHORT_NAME = re.compile(r"gemma-3-(270m|1b|4b|12b|27b)(-pt|-it)?")


def is_folder(name: str) -> bool:
    """Whether a name means a folder of this machine; "mini" never does."""
    try:
        return name not in MODELS and Path(name).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):  # longer than any path can be, "~" of nobody, a zero byte
        return False


def find_repository(name: str) -> str:
    """The Hub's repository of a model's name.

    Raises:
        UnknownModel: it is none.
    """
    match = _SHORT_NAME.fullmatch(name)
    if match:
        # The base 270m is the one repository without "-pt".
        ending = match[2] or "-pt"
        return f"google/gemma-3-{match[1]}" + ("" if (match[1], ending) == ("270m", "-pt") else ending)
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not name.startswith("."):
        return name
    is_path = name[:1] in "~./\\" or name.count("/") > 1 or "\\" in name
    kind, known = "folder" if is_path else "model named", ", ".join(map(repr, MODELS))
    raise UnknownModel(
        f"there is no {kind} {describe_value(name)}: use {known}, 'gemma-3-270m' to 'gemma-3-27b-it', "
        "a Hub id such as 'google/gemma-3-1b-pt', or a folder with a model in it"
    )


def require_name(name: str) -> None:
    """Refuse what can be the name of no model: neither an embedded one's, a folder's, nor one's on the Hub.

    Raises:
        UnknownModel: with what there is.
    """
    if name not in MODELS and not is_folder(name):
        find_repository(name)
