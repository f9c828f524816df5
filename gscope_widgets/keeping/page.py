"""Several widgets as one HTML page."""

import json
from collections.abc import Iterable
from html import escape

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.lists import read_list
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.formats import format_text
from gscope_widgets.widgets.base.widget import GscopeWidget

_MOST = 100  # widgets of a page


def to_html(widgets: Iterable[GscopeWidget], title: str = "Findings") -> str:
    """The last results of several widgets as one HTML file: no script, no network, a list of contents at its head.

    Each has its copy and, folded, where its numbers come from as JSON.

    Args:
        widgets: 1 to 100, in the order of the page; a closed one too.
        title: plain text, at most 200 characters.

    Raises:
        InvalidValue: no widget among them, too many, or another title.
    """
    shown = read_list(widgets)
    if shown is None:
        raise InvalidValue(f"gs.to_html takes a list of widgets, got {describe_value(widgets)}")
    wrong = [one for one in shown if not isinstance(one, GscopeWidget)]
    if wrong or not 1 <= len(shown) <= _MOST:
        raise InvalidValue(
            f"gs.to_html takes 1 to {_MOST} widgets, got {describe_value(wrong[0]) if wrong else len(shown)}"
        )
    if not isinstance(title, str) or not 1 <= len(title) <= 200:
        raise InvalidValue(f"title must be a text of 1 to 200 characters, got {describe_value(title)}")
    name = format_text(title, limit=200)
    entries = [f'<li><a href="#part-{at}">{escape(_name(one))}</a></li>' for at, one in enumerate(shown, 1)]
    parts = [_build_part(one, at) for at, one in enumerate(shown, 1)]
    body = f'<h1>{escape(name)}</h1><nav aria-label="Contents"><ol>{"".join(entries)}</ol></nav>{"".join(parts)}'
    return copy.build_page(body, title=name)


def _name(widget: GscopeWidget) -> str:
    text = getattr(widget, widget._text_name) if widget._text_name else ""
    return f"{widget._title}: {format_text(text, limit=60)}" if isinstance(text, str) and text else widget._title


def _build_part(widget: GscopeWidget, at: int) -> str:
    record = json.dumps(widget.provenance.to_dict(), indent=1, default=str)
    origin = f"<details><summary>Where the numbers come from</summary><pre>{escape(record)}</pre></details>"
    return f'<section id="part-{at}">{widget._build_copy()}{origin}</section>'
