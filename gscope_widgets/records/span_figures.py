"""Write spans as a picture: a row of bars for each feature."""

from typing import TYPE_CHECKING

import numpy as np

from gscope_widgets.records.figures import open_figure
from gscope_widgets.records.spans import NEAR_PEAK, WriteSpans

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NEAR, _LESS, _READ = "#0072b2", "#a6c8e0", "#d55e00"  # of the eight colours that Okabe and Ito (2008) tell apart
_MOST = 40  # features that are drawn


def draw_spans(spans: WriteSpans, *, kinds: bool) -> "Figure":
    """See `WriteSpans.plot`."""
    count, names = len(spans.layers), spans.kinds
    shown = min(len(spans), _MOST)
    figure = open_figure(min(14.0, max(6.0, 2.6 + 0.42 * count)), 0.9 + 0.62 * max(1, shown), spans.provenance)
    axes = figure.subplots(max(1, shown), 1, sharex=True, squeeze=False)[:, 0]
    shares, near, places = spans.shares, spans.near_peak, np.arange(count)
    for row, one in zip(range(shown), axes, strict=False):
        largest = max(float(shares[row].max()), 1e-30)
        colours = [_NEAR if is_near else _LESS for is_near in near[row]]
        one.bar(places, shares[row] / largest, color=colours, edgecolor="black", linewidth=0.4)
        one.axhline(NEAR_PEAK, color="black", linewidth=0.5, linestyle=":")
        read = spans.layers.index(spans.source_layers[row])
        one.plot([read], [0], marker="^", color=_READ, markersize=7, clip_on=False, markeredgecolor="black", zorder=3)
        if read:  # hatched: where it may not write
            one.axvspan(-0.5, read - 0.5, facecolor="none", edgecolor="#999999", hatch="///", linewidth=0)
        label = f"{spans.refs[row].feature}" + (f"\n{names[row]}" if kinds else "")
        one.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
        one.set_ylim(0, 1.08)
        one.set_yticks([])
        one.spines[["top", "right", "left"]].set_visible(False)
    axes[-1].set_xticks(places, [str(layer) for layer in spans.layers], fontsize=7)
    axes[-1].set_xlabel("layer that is written to", fontsize=8)
    axes[0].set_title(
        "Decoder norm by layer, in units of what is written there, over the feature's largest\n"
        "▲ reads here · dark: half of the largest or more (dotted line) · hatched: before what it reads",
        fontsize=7,
        loc="left",
    )
    if len(spans) > shown:
        axes[-1].annotate(f"and {len(spans) - shown} more", (1, -0.6), xycoords="axes fraction", ha="right", fontsize=7)
    return figure
