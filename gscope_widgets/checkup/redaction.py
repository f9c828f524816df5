"""Takes out of a report what nobody else should read."""

import getpass
import re
from contextlib import suppress
from pathlib import Path

_TOKEN = re.compile(r"hf_[A-Za-z0-9]+")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")
_NAME_LENGTH = 3  # shorter user names are parts of too many words


def redact(text: str, *, secret: str | None = None) -> str:
    """A text with the home folder written `~`, user names in paths `<user>`, and without tokens.

    Args:
        secret: a token that was found, whatever it looks like.
    """
    if secret:
        text = text.replace(secret, "<token>")
    text = _CREDENTIALS.sub("", _TOKEN.sub("<token>", text))
    with suppress(RuntimeError):  # no home
        home = str(Path.home())
        text = re.sub(rf"(?<![\w.~-]){re.escape(home)}(?=$|[^\w.-])", "~", text) if len(home) > 1 else text
    with suppress(Exception):  # no user name either: getpass raises whatever the system has
        name = getpass.getuser()
        if len(name) >= _NAME_LENGTH:
            text = re.sub(rf"(?<=[/\\]){re.escape(name)}(?=$|[/\\\s])", "<user>", text)
    return text
