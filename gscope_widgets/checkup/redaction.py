"""Takes out of a report what nobody else should read."""

import getpass
import re
from contextlib import suppress
from pathlib import Path

_SIGN = r"%(?:25)*"  # before the two digits of an encoded character, however often it was encoded
_LETTER = rf"(?:[A-Za-z0-9]|{_SIGN}(?i:3[0-9]|[46][1-9A-F]|[57][0-9A]))"
_PARTS = {name: rf"(?:{re.escape(name)}|{_SIGN}(?i:{ord(name):02X}))" for name in "hf_-.:/@"}
_WORD = f"(?:{_LETTER}|{_PARTS['_']}|{_PARTS['-']})+"  # tokens of an OAuth app hold dots and dashes too
_TOKEN = re.compile(f"{_PARTS['h']}{_PARTS['f']}{_PARTS['_']}{_WORD}(?:{_PARTS['.']}{_WORD})*")
_CREDENTIALS = re.compile(rf"({_PARTS[':']}{_PARTS['/']}{{2}})(?:(?!{_PARTS['/']})\S)+{_PARTS['@']}")
_NAME_LENGTH = 3  # shorter user names are parts of too many words


def redact(text: str, *, secret: str | None = None) -> str:
    """A text with the home folder written `~`, user names in paths `<user>`, and without tokens.

    Tokens and the names in addresses are found as they are, and as a part of an address has them: `hf%5F...`.

    Args:
        secret: a token that was found, whatever it looks like.
    """
    if secret:
        text = re.sub("".join(map(_match_character, secret)), "<token>", text)
    text = _CREDENTIALS.sub(r"\1", _TOKEN.sub("<token>", text))
    with suppress(RuntimeError):  # no home
        home = str(Path.home())
        text = re.sub(rf"(?<![\w.~-]){re.escape(home)}(?=$|[^\w.-])", "~", text) if len(home) > 1 else text
    with suppress(Exception):  # no user name either: getpass raises whatever the system has
        name = getpass.getuser()
        if len(name) >= _NAME_LENGTH:
            text = re.sub(rf"(?<=[/\\]){re.escape(name)}(?=$|[/\\\s])", "<user>", text)
    return text


def _match_character(character: str) -> str:
    """A pattern of a character, as it is or percent-encoded."""
    encoded = "".join(f"{_SIGN}(?i:{byte:02X})" for byte in character.encode())
    return f"(?:{re.escape(character)}|{encoded})"
