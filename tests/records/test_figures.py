"""Figures as a page shows them, on a light ground or a dark one, and as papers have them."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from gscope_widgets.records.figures import _INK, open_figure

GROUNDS = {"white": (1.0, 1.0, 1.0), "JupyterLab's dark": (17 / 255,) * 3}


def draw():
    """A figure with black words, lines, bars and edges, a legend, and a heat map with black words in its cells."""
    figure = open_figure(6, 3, None)
    left, right = figure.subplots(1, 2)
    left.barh([0, 1], [1, 2], fill=False, label="bars")
    left.axvline(1, color="black")
    left.scatter([1, 2], [0, 1], c="white", edgecolors="black")
    left.plot([0, 2], [0, 1], color="C1", label="a line")
    left.set_title("words")
    left.legend()
    right.imshow(np.full((2, 2), 1.0), cmap="cividis", vmin=0, vmax=1)
    right.text(0, 0, "cell", color="black", fontsize="x-large")
    return figure


def read(png: bytes) -> np.ndarray:
    """float32, [row, column, 4]."""
    return imread(io.BytesIO(png), format="png")


def save(figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def contrast(one, other):
    def light(colour):
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05

    high, low = sorted((light(one), light(other)), reverse=True)
    return high / low


@pytest.mark.parametrize("ground", GROUNDS)
def test_the_ink_is_read_on_light_and_dark_grounds(ground):
    assert contrast(to_rgb(_INK), GROUNDS[ground]) >= 4.0
    assert contrast(GROUNDS["white"], (0, 0, 0)) == pytest.approx(21)  # control


def test_a_figure_is_shown_without_a_ground_or_black_but_in_cells_and_legends():
    figure = draw()
    shown = read(figure._repr_png_())
    assert (shown[[0, -1], :, 3] == 0).all() and (shown[:, [0, -1], 3] == 0).all()
    left, right = figure.axes
    height = shown.shape[0]

    def black_in(box):
        scale = 100 / figure.dpi
        x0, x1 = (int(one * scale) for one in box.intervalx)
        y0, y1 = (height - int(one * scale) for one in box.intervaly)
        part = shown[y1:y0, x0:x1]
        return ((part[..., :3].max(-1) < 0.1) & (part[..., 3] > 0.9)).sum()

    everywhere = ((shown[..., :3].max(-1) < 0.1) & (shown[..., 3] > 0.9)).sum()
    legend, cell = black_in(left.get_legend().get_window_extent()), black_in(right.get_window_extent())
    assert legend > 20 and cell > 20
    assert everywhere == legend + cell
    written = read(save(draw()))
    assert (written[..., 3] == 1).all() and (written[0, 0] == 1).all()
    assert (written[..., :3].max(-1) < 0.1).sum() > 5 * everywhere  # the control: black words, bars and lines on white


def test_showing_a_figure_changes_nothing_of_what_is_saved():
    figure = draw()
    before = save(figure)
    assert figure._repr_png_() == figure._repr_png_()
    assert save(figure) == before
