"""An attribution graph as a picture: tokens from left to right, layers from below."""

from typing import TYPE_CHECKING

import numpy as np

from gscope_widgets.records.circuits import ERROR, FEATURE, TARGET, TOKEN, AttributionGraph
from gscope_widgets.records.figures import draw_lines, escape_math, open_figure, write_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHAPES = {TOKEN: "s", ERROR: "D", FEATURE: "o", TARGET: "^"}
_NAMES = {TOKEN: "token", ERROR: "error: what no feature stands for", FEATURE: "feature", TARGET: "next token"}
_FILLS = {TOKEN: "#bbbbbb", ERROR: "#dddddd", FEATURE: "#0072b2", TARGET: "#000000"}
_TOWARDS, _AWAY = "#0072b2", "#d55e00"  # of the eight colours that Okabe and Ito (2008) tell apart
_EDGES = 300  # the heaviest are drawn
_LEAST_INCHES = 7.0  # of width
_MOST_POINTS = 160.0  # area of the most influential node


def draw_graph(graph: AttributionGraph, *, labels: int) -> "Figure":
    """See `AttributionGraph.plot`."""
    count, depth = len(graph.tokens), graph.layers
    x, y = _place(graph)
    scores, influence = graph.scores(), graph.influence()
    width = min(16.0, max(_LEAST_INCHES, 2.5 + 0.8 * count))
    figure = open_figure(width, 3.0 + 0.42 * depth, graph.provenance)
    axes = figure.subplots()
    _draw_edges(axes, graph, x, y)
    largest = max(float(influence.max()), 1e-30)
    for kind, shape in _SHAPES.items():
        nodes = np.flatnonzero(graph.kinds == kind)
        size = 14 + _MOST_POINTS * influence[nodes] / largest if kind != TARGET else 60.0
        axes.scatter(
            x[nodes], y[nodes], size, marker=shape, c=_FILLS[kind], edgecolors="black", linewidths=0.5, zorder=3,
            label=_NAMES[kind] if len(nodes) else None,
        )  # fmt: skip
    for at, node in enumerate(np.flatnonzero(graph.kinds == TARGET)):
        target = graph.targets[at]
        chance = "" if target.probability is None else f" {target.probability:.0%}"
        text = escape_math(f"{target.name!r}{chance}")
        axes.annotate(text, (x[node], y[node]), xytext=(0, 7), textcoords="offset points", ha="center", va="bottom",
                      fontsize=6, rotation=40)  # fmt: skip
    strongest = [node for node in np.argsort(-influence) if graph.kinds[node] == FEATURE][:labels]
    for node in strongest:
        known = graph.labels.get(int(node))
        text = f"{graph.numbers[node]}" + (f" {known.text[:24]}" if known is not None else "")
        axes.annotate(escape_math(text), (x[node], y[node]), xytext=(5, 4), textcoords="offset points", fontsize=6)
    axes.set_xticks(range(count), [escape_math(one.replace("\n", "⏎")) for one in graph.tokens.strings], fontsize=7)
    axes.set_yticks([-1, *range(depth), depth], ["tokens", *map(str, range(depth)), "answer"], fontsize=7)
    axes.set_ylabel("layer", fontsize=8)
    axes.set_ylim(-1.6, depth + 1.2)
    axes.set_xlim(-0.7, count - 0.3)
    axes.spines[["top", "right"]].set_visible(False)
    title = (
        f"{(graph.kinds == FEATURE).sum()} features, {(graph.kinds == ERROR).sum()} errors; replacement "
        f"{scores.replacement:.2f}, completeness {scores.completeness:.2f} of this graph. A solid line adds, a "
        "dashed one takes away"
    )
    write_title(figure, title)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize=6, frameon=False, markerscale=0.7)
    return figure


def _place(graph: AttributionGraph) -> tuple[np.ndarray, np.ndarray]:
    """Where nodes stand; those of one layer and position beside one another."""
    x, y = graph.positions.astype(np.float64), graph.node_layers.astype(np.float64)
    for layer in np.unique(graph.node_layers):
        for pos in np.unique(graph.positions[graph.node_layers == layer]):
            here = np.flatnonzero((graph.node_layers == layer) & (graph.positions == pos))
            if graph.kinds[here[0]] == TARGET:
                x[here] = pos + 0.6 * (np.arange(len(here)) - len(here) + 1)
            else:
                x[here] = pos + 0.7 * ((np.arange(len(here)) + 0.5) / len(here) - 0.5)
    return x, y


def _draw_edges(axes: "Axes", graph: AttributionGraph, x: np.ndarray, y: np.ndarray) -> None:
    rows, sources = np.nonzero(graph.weights)
    sizes = np.abs(graph.weights[rows, sources]) / np.maximum(np.abs(graph.weights).sum(1), 1e-10)[rows]
    worth = sizes * (graph.influence() + graph.start_weights())[rows + graph.first_row]
    order = np.argsort(-worth, kind="stable")[:_EDGES]
    rows, sources, worth = rows[order], sources[order], worth[order]
    targets = rows + graph.first_row
    lines = np.stack([np.stack([x[sources], y[sources]], 1), np.stack([x[targets], y[targets]], 1)], 1)
    adds = graph.weights[rows, sources] > 0
    share = worth / max(float(worth.max(initial=0)), 1e-30)
    for which, colour, dash in ((adds, _TOWARDS, "solid"), (~adds, _AWAY, "dashed")):
        draw_lines(axes, lines[which], share[which], colour=colour, dash=dash)
