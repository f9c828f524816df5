"""Script-free copies of a widget's last state: plain HTML that GitHub, untrusted pages and clean exports keep.

Only elements are used that JupyterLab's sanitizer and nbconvert's leave in place. The second of them
(`sanitize_html`, which JupyterLab's export takes unless told otherwise) knows no paragraph, heading cell or fold, shows
the tags of what it does not know as text, and drops every style: there the colours are those that Jupyter has for
terminals. (It also prints `<tbody>` above any table, which no table can avoid.) Numbers come first and colour second.
Every text goes through `escape`.
"""

import math
import re
from collections.abc import Mapping, Sequence
from html import escape

from gscope_widgets.widgets.base.limits import COPIED_TOKENS

_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    "<style>body{{font-family:system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}}</style>"
    "</head><body>{body}</body></html>"
)
_NUMBER = re.compile(r"[-+\u2212<]?[\d.]+(e[-+\u2212]?\d+)?( %)?")
_LEFT = ' style="text-align:left"'
# A wide table keeps to its page: on paper nobody scrolls.
_BROKEN = ' style="overflow-wrap:anywhere"'
# A host that finds no widget says so above this line.
_SAVED = "the saved result. Live controls need a kernel: run the notebook from the top."
_TEXT = "white-space:pre-wrap;font-family:inherit;font-size:inherit"
_APART = ' style="margin:0.5em 0"'
# Jupyter's classes for the colours of terminals, by sign: strong and weak.
_TERMINAL = {True: ("ansi-cyan-intense-bg", "ansi-cyan-bg"), False: ("ansi-yellow-intense-bg", "ansi-yellow-bg")}


def build_copy(*, title: str, badge: str, parts: Sequence[str], footer: str, copy_id: str = "") -> str:
    """One widget's copy, for a cell's second output. A live view beside it knows it by the class `copy_id`."""
    head = f"<div><strong>{escape(title)}</strong> · {escape(badge)} · {_SAVED}</div>"
    foot = f'<div style="font-size:small">{escape(footer)}</div>'
    return f'<div class="{f"gscope-static {copy_id}".strip()}">{head}{"".join(parts)}{foot}</div>'


def build_page(copy: str, *, title: str) -> str:
    """A copy as a file of its own: no script, nothing from a network."""
    return _PAGE.format(title=escape(title), body=copy)


def build_paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<div{_APART}>{escape(text)}</div>"


def build_heading(text: str) -> str:
    """The name of a part."""
    return f"<div{_APART}><strong>{escape(text)}</strong></div>"


def build_table(*, columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A table under its name; every cell is text. Columns of words start at the left."""
    sides = ["" if all(_NUMBER.fullmatch(row[at]) for row in rows) else _LEFT for at in range(len(columns))]
    names = zip(columns, sides, strict=True)
    head = "".join(f'<td role="columnheader"{side}><strong>{escape(column)}</strong></td>' for column, side in names)
    body = "".join(f"<tr>{_build_cells(row, sides)}</tr>" for row in rows)
    return f"{build_heading(caption)}<table{_BROKEN}><tr>{head}</tr>{body}</table>"


def build_token_table(*, columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A table with a row for each token of a text: of a long text the first ones, and how many more there are."""
    left = len(rows) - COPIED_TOKENS
    more = build_paragraph(f"The first {COPIED_TOKENS} tokens; {left} more are in to_frame().") if left > 0 else ""
    return build_table(columns=columns, rows=rows[:COPIED_TOKENS], caption=caption) + more


def _build_cells(row: Sequence[str], sides: Sequence[str]) -> str:
    return "".join(f"<td{side}>{escape(cell)}</td>" for cell, side in zip(row, sides, strict=True))


def build_details(summary: str, content: str) -> str:
    """Further content under a name."""
    return f"{build_heading(summary)}{content}"


def build_glossary(meanings: Mapping[str, str]) -> str:
    """What the words of a copy mean, by word. Empty where there are none."""
    if not meanings:
        return ""
    entries = "".join(f"<li><em>{escape(word)}</em>: {escape(meaning)}</li>" for word, meaning in meanings.items())
    return f'<div style="font-size:small"><strong>What the words mean</strong><ul>{entries}</ul></div>'


def build_tokens(shown: Sequence[str], *, shares: Sequence[float | None], breaks: Sequence[bool]) -> str:
    """A text whose tokens are filled by a share of full colour, 0 to 1; below 0, to -1, in the other colour.

    Args:
        shown: each token as readers see it, with a sign of its own where shares may be below 0.
        shares: None marks an ignored position.
        breaks: whether the line ends after the token.
    """
    tokens = "".join(_build_token(*token) for token in zip(shown, shares, breaks, strict=True))
    return f'<div class="jp-RenderedText"><pre style="{_TEXT}">{tokens}</pre></div>'


def _build_token(token: str, share: float | None, breaks: bool) -> str:
    shown = escape(token)
    end = "\n" if breaks else ""
    if share is None:
        return f'<span title="ignored position" style="opacity:0.7">{shown}</span>{end}'
    if not share or math.isnan(share):
        return f"<span>{shown}</span>{end}"
    size = min(abs(share), 1.0)
    colour = (86, 180, 233) if share > 0 else (230, 159, 0)
    fill = "#" + "".join(f"{round(255 + (part - 255) * size):02x}" for part in colour)
    strong, weak = _TERMINAL[share > 0]
    terminal = f' class="{strong if size > 2 / 3 else weak}"' if size > 1 / 3 else ""
    return f'<span{terminal} style="background-color:{fill};color:#000000">{shown}</span>{end}'
