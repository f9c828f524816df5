"""Tokens as a reader can see them: controls, direction marks and bytes made visible."""

import unicodedata

_NAMED = {"\n": "⏎", "\t": "⇥", "\r": "␍", "\x00": "␀", "\u00a0": "⍽"}


def show_token(token: str, *, limit: int = 200) -> str:
    """A token with every invisible character written out, cut to `limit` characters."""
    shown = "".join(_show(character) for character in token[:limit])
    return shown + "…" if len(token) > limit else shown


def _show(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return f"\\u{{{ord(character):04X}}}"
    return character
