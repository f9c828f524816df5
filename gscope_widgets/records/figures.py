"""Figures that show themselves as pictures, with no window and no `%matplotlib` line, and say where they come from."""

import hashlib
import io
import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from gscope_widgets.records.provenance import Provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SMALL_PT = 5.5
_LINE_IN = 0.095  # height of a line of that size
_CHARACTERS = 22  # of it, on an inch
_TITLE_CHARACTERS = 14  # of a title, on an inch
_TITLE_LINE_IN = 0.14
_INK = "#757575"  # contrast 4.6 on white, 4.1 on the #111111 of JupyterLab's dark theme
_DARK = 0.4  # of a colour's brightest part: what is darker is not read on a dark ground
_SHORT = 12  # characters of a digest that are shown; a file's metadata have the whole


def open_figure(width: float, height: float, provenance: Provenance | None) -> "Figure":
    """An empty matplotlib Figure that a notebook shows as a PNG picture, with where its numbers come from at its foot.

    The notebook shows it without a ground, its black as a grey, so that light and dark themes fit; `savefig` gives
    black on white, as papers have it.

    A Figure made without pyplot has neither a window nor, before `%matplotlib inline`, a picture: IPython asks
    an object itself for `_repr_png_` where it knows no printer for its class.

    Args:
        width, height: in inches, of what is drawn; the foot adds to the height.
        provenance: None for records that were put together by hand, which the foot then says.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = textwrap.wrap(describe_provenance(provenance), int(width * _CHARACTERS))
    figure = Figure(figsize=(width, height + _LINE_IN * len(lines)), layout="constrained")
    foot = escape_math("\n".join(lines))
    figure.supxlabel(foot, x=0.01, ha="left", fontsize=_SMALL_PT, color="#555555", linespacing=1.2)
    figure.set_label(json.dumps(None if provenance is None else provenance.to_dict(), default=str))
    FigureCanvasAgg(figure)
    figure._repr_png_ = partial(_draw_shown, figure)  # type: ignore[attr-defined]
    return figure


def write_title(figure: "Figure", text: str) -> None:
    """A title, in as many lines as the figure's width takes; where there is one already, in front of it."""
    there = figure.get_suptitle()
    whole = " · ".join(filter(None, (text, there.replace("\n", " ").replace(r"\$", "$"))))
    lines = textwrap.wrap(whole, int(figure.get_figwidth() * _TITLE_CHARACTERS))
    figure.set_figheight(figure.get_figheight() + _TITLE_LINE_IN * (len(lines) - 1 - there.count("\n")))
    figure.suptitle(escape_math("\n".join(lines)), fontsize="small")


def write_figure(text: str, provenance: Provenance | None) -> "Figure":
    """A figure of lines of text, letters of one width."""
    figure = open_figure(9, 0.4 + 0.19 * len(text.splitlines()), provenance)
    axes = figure.subplots()
    axes.set_axis_off()
    told = axes.text(0, 1, escape_math(text), family="monospace", fontsize="small", va="top")
    told.set_transform(axes.transAxes)
    told.set_in_layout(False)
    return figure


def draw_lines(axes: "Axes", lines: np.ndarray, weights: np.ndarray, *, colour: str, dash: str) -> None:
    """Straight lines, wider and less transparent the more they weigh, behind what else is drawn.

    Args:
        lines: [line, 2 ends, 2], x and y.
        weights: [line], 0 to 1.
    """
    from matplotlib.collections import LineCollection

    if not len(lines):
        return
    faint = np.clip(0.12 + 0.8 * weights, 0, 1)
    widths = 0.3 + 2.2 * weights
    axes.add_collection(
        LineCollection(list(lines), colors=colour, linestyles=dash, linewidths=list(widths), alpha=faint, zorder=1)
    )


def draw_png(figure: "Figure", **options: bool) -> bytes:
    """A PNG picture, 100 dots an inch; its metadata hold the whole provenance."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=100, metadata={"Description": figure.get_label()}, **options)
    return stream.getvalue()


def _draw_shown(figure: "Figure") -> bytes:
    """The same as a page shows it, whose ground may be light or dark."""
    with _lend_ink(figure):
        return draw_png(figure, transparent=True)


@contextmanager
def _lend_ink(figure: "Figure") -> Iterator[None]:
    """What is black or nearly in `_INK`, but for words in the cells of a heat map and legends, which have a ground."""
    from matplotlib.artist import Artist
    from matplotlib.collections import Collection
    from matplotlib.colors import to_rgba_array
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    kept = []

    def lend(artist: Artist, name: str, value: object) -> None:
        setter = getattr(artist, f"set_{name}")
        kept.append((setter, getattr(artist, f"get_{name}")()))
        setter(value)

    figure.draw_without_rendering()  # which makes the ticks
    left: set[Artist] = {text for axes in figure.axes if axes.images for text in axes.texts}
    for legend in figure.findobj(Legend):
        if legend.get_frame_on():
            left.update(legend.findobj())
            lend(legend.get_frame(), "alpha", 1)
    edge = ("edgecolor",)
    kinds = ((Text, ("color",)), (Line2D, ("color", "markeredgecolor")), (Patch, edge), (Collection, edge))
    for kind, names in kinds:
        for artist in figure.findobj(kind):
            for name in names if artist not in left else ():
                colours = to_rgba_array(getattr(artist, f"get_{name}")())
                dark = (colours[:, :3].max(1, initial=0) < _DARK) & (colours[:, 3] > 0)
                if dark.any():
                    colours[dark, :3] = to_rgba_array(_INK)[0, :3]
                    lend(artist, name, colours if isinstance(artist, Collection) else tuple(colours[0]))
    try:
        yield
    finally:
        for setter, value in reversed(kept):
            setter(value)


def draw_svg(figure: "Figure") -> str:
    """A drawing that scales, letters as outlines and no script; its metadata hold the whole provenance."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Description": figure.get_label(), "Date": None})
    return stream.getvalue()


def describe_provenance(provenance: Provenance | None) -> str:
    """A provenance in a line: model, dictionaries and their revisions, device, seeds, token ids, versions."""
    if provenance is None:
        return "put together by hand: of no model"
    parts = [_name(provenance.model, provenance.revision)]
    parts += [_name(name, revision) for name, revision in provenance.dictionaries.items()]
    parts += [f"{provenance.device} {provenance.dtype}"] if provenance.device else []
    for name in ("seed", "seeds"):
        if name in provenance.settings:
            parts.append(f"{name} {_write(provenance.settings[name])}")
    if provenance.token_ids:
        digest = hashlib.sha256(json.dumps(list(provenance.token_ids)).encode()).hexdigest()[:_SHORT]
        parts.append(f"{len(provenance.token_ids)} token ids, sha256 {digest}")
    parts += [f"{name} {version}" for name, version in provenance.versions.items()]
    return " · ".join(_clean(part) for part in parts)


def _name(name: str, revision: str) -> str:
    return f"{name} @ {revision[:_SHORT] if revision else 'unknown revision'}"


def _write(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _clean(text: str) -> str:
    """What a name from outside may hold besides letters and signs."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)


def escape_math(text: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")
