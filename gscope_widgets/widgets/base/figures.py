"""Figures that show themselves as pictures, with no window and no `%matplotlib` line."""

import io
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def open_figure(width: float, height: float) -> "Figure":
    """An empty matplotlib Figure, its size in inches, that a notebook shows as a PNG picture.

    A Figure made without pyplot has neither a window nor, before `%matplotlib inline`, a picture: IPython asks
    an object itself for `_repr_png_` where it knows no printer for its class.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure._repr_png_ = partial(_draw_png, figure)  # type: ignore[attr-defined]
    return figure


def _draw_png(figure: "Figure") -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=100)
    return stream.getvalue()


def escape_math(text: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")
