"""A recording of every widget of the catalogue that asks a scope: made with its example, changed once, and its code run."""

import contextlib
import io
from pathlib import Path
from typing import get_args

from gscope_widgets.widgets.base.widget import GscopeWidget
from gscope_widgets.widgets.catalogue import CATALOGUE, Row
from gscope_widgets.widgets.contract import make_example
from gscope_widgets.widgets.workbench import Part

RECORDED = [row for row in CATALOGUE if row.asks_scope]
READING = [row for row in RECORDED if row.text is not None]  # a text that its reader types


def use(row: Row, widget: GscopeWidget) -> None:
    """Change it as the catalogue says, open its parts, and wait for the answer."""
    for name in get_args(Part) if row.parts else ():
        widget.get_part(name)
    for name, value in row.change.items():
        setattr(widget, name, value)
    if not row.asks:
        widget.start()
    widget.wait()


def run_code(widget: GscopeWidget) -> str:
    """What the widget's own code prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(widget.to_code(), {})
    return printed.getvalue()


def tell(widget: GscopeWidget) -> dict[str, object]:
    """All that a widget shows, but for the badge."""
    copy = widget._build_copy().replace(widget.badge, "").replace(widget.copy_id, "")
    frame = widget.to_frame().to_dict("list")
    return {"shows": widget.shows(), "frame": frame, "copy": copy, "provenance": widget.provenance}


def record_widgets(scope, path: Path) -> dict[str, dict[str, object]]:
    """Record every widget; what each showed and its code printed, by its name."""
    told = {}
    with scope.recording(path):
        for row in RECORDED:
            widget = make_example(row, scope)
            widget.wait()  # what takes long goes on in the view: stopped, it would not be recorded
            use(row, widget)
            told[row.name] = {**tell(widget), "printed": run_code(widget)}
            widget.close()
    return told
