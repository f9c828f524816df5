"""Script-free copies of a widget's last state: plain HTML that GitHub and untrusted pages keep.

Only elements and inline styles that JupyterLab's sanitizer leaves in place are used; numbers
come first and colour second. Every text goes through `escape`.
"""

import math
import re
from collections.abc import Mapping, Sequence
from html import escape

_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    "<style>body{{font-family:system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}}</style>"
    "</head><body>{body}</body></html>"
)
_NUMBER = re.compile(r"[-+\u2212<]?[\d.]+(e[-+\u2212]?\d+)?( %)?")
_LEFT = ' style="text-align:left"'


def build_copy(*, title: str, badge: str, parts: Sequence[str], footer: str, copy_id: str = "") -> str:
    """One widget's copy, for a cell's second output. A live view beside it knows it by the class `copy_id`."""
    head = f"<p><strong>{escape(title)}</strong> · {escape(badge)}</p>"
    foot = f"<p><small>{escape(footer)}. A copy of the last result; run the cell for the live view.</small></p>"
    return f'<div class="{f"gscope-static {copy_id}".strip()}">{head}{"".join(parts)}{foot}</div>'


def build_page(copy: str, *, title: str) -> str:
    """A copy as a file of its own: no script, nothing from a network."""
    return _PAGE.format(title=escape(title), body=copy)


def build_paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def build_heading(text: str) -> str:
    """The name of a part."""
    return f"<p><strong>{escape(text)}</strong></p>"


def build_table(*, columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A table with header cells; every cell is text. Columns of words start at the left."""
    sides = ["" if all(_NUMBER.fullmatch(row[at]) for row in rows) else _LEFT for at in range(len(columns))]
    names = zip(columns, sides, strict=True)
    head = "".join(f'<th scope="col"{side}>{escape(column)}</th>' for column, side in names)
    body = "".join(f"<tr>{_build_cells(row, sides)}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _build_cells(row: Sequence[str], sides: Sequence[str]) -> str:
    return "".join(f"<td{side}>{escape(cell)}</td>" for cell, side in zip(row, sides, strict=True))


def build_details(summary: str, content: str) -> str:
    """Content that a click folds; it is open at first, so that print has it."""
    return f"<details open><summary>{escape(summary)}</summary>{content}</details>"


def build_glossary(meanings: Mapping[str, str]) -> str:
    """What the words of a copy mean, by word: folded, and opened by a key. Empty where there are none."""
    if not meanings:
        return ""
    entries = "".join(f"<dt>{escape(word)}</dt><dd>{escape(meaning)}</dd>" for word, meaning in meanings.items())
    return f"<details><summary>What the words mean</summary><dl>{entries}</dl></details>"


def build_tokens(shown: Sequence[str], *, shares: Sequence[float | None], breaks: Sequence[bool]) -> str:
    """A text whose tokens are filled by a share of full colour, 0 to 1; below 0, to -1, in the other colour.

    Args:
        shown: each token as readers see it, with a sign of its own where shares may be below 0.
        shares: None marks an ignored position.
        breaks: whether the line ends after the token.
    """
    return f"<p>{''.join(_build_token(*token) for token in zip(shown, shares, breaks, strict=True))}</p>"


def _build_token(token: str, share: float | None, breaks: bool) -> str:
    shown = escape(token)
    end = "<br>" if breaks else ""
    if share is None:
        return f'<span title="ignored position" style="opacity:0.7">{shown}</span>{end}'
    if not share or math.isnan(share):
        return f"<span>{shown}</span>{end}"
    colour = (86, 180, 233) if share > 0 else (230, 159, 0)
    fill = "#" + "".join(f"{round(255 + (part - 255) * min(abs(share), 1.0)):02x}" for part in colour)
    return f'<span style="background-color:{fill};color:#000000">{shown}</span>{end}'
