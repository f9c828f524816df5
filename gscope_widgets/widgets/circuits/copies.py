"""A graph in a static copy: scores, nodes, what is pinned, effects and heads, as tables."""

from collections.abc import Iterable

import numpy as np

from gscope_widgets.records.circuit_subgraph import CircuitSubgraph
from gscope_widgets.records.circuits import FEATURE, AttributionGraph
from gscope_widgets.records.edge_heads import EdgeHeads
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.formats import (
    format_label,
    format_number,
    format_percent,
    format_prompt,
    format_text,
    format_token,
    format_tokens,
)
from gscope_widgets.widgets.base.limits import COPIED_NODES, LISTED_HEADS
from gscope_widgets.widgets.base.state import as_prompt
from gscope_widgets.widgets.circuits.drawn import DrawnGraph, ShownEffect
from gscope_widgets.widgets.circuits.marks import Marks
from gscope_widgets.widgets.circuits.names import format_share, name_layer, name_node, name_place


def copy_drawn(drawn: DrawnGraph, marks: Marks, notes: Iterable[str]) -> list[str]:
    """All that is shown, as parts of a copy.

    Args:
        notes: sentences on what to keep in mind.
    """
    parts = _copy_graph(drawn, notes)
    if marks.pinned or marks.groups:
        parts += _copy_subgraph(drawn.graph, marks.build_boxes(drawn.graph)[0])
    if drawn.effect is not None:
        parts += _copy_effect(drawn.effect)
    if drawn.heads is not None:
        parts += _copy_heads(drawn.graph, drawn.heads)
    return parts


def _copy_graph(drawn: DrawnGraph, notes: Iterable[str]) -> list[str]:
    graph = drawn.graph
    tokens = format_tokens(graph.tokens.strings, graph.tokens.glyphs)
    explained = ", ".join(
        format_token(one.name) + ("" if one.probability is None else f" {format_percent(one.probability)}")
        for one in graph.targets
    )
    numbers = [("whole graph", drawn.facts.numbers), ("shown", drawn.numbers)]
    scores = copy.build_table(
        columns=["part", "features", "errors", "edges", "replacement", "completeness", "begun by errors"],
        rows=[
            [
                name,
                *(str(one[key]) for key in ("features", "errors", "edges")),
                *(format_number(one[key]) for key in ("replacement", "completeness")),
                format_percent(one["error_share"]),
            ]
            for name, one in numbers
        ],
        caption="How far the graph explains its target",
    )
    influence = drawn.facts.shares
    listed = drawn.list_strongest(COPIED_NODES)
    rows = [
        [
            name_node(graph, node),
            "" if node not in graph.labels else format_label(graph.labels[node]).strip(" ()"),
            name_layer(graph, node),
            str(graph.positions[node]),
            tokens[int(graph.positions[node])],
            format_number(float(graph.activations[node]), 4) if graph.kinds[node] == FEATURE else "",
            format_percent(float(influence[node])),
        ]
        for node in listed
    ]
    columns = ["node", "label", "layer", "position", "token", "activation", "influence"]
    caption = f"The {len(rows)} most influential nodes" if len(drawn.nodes) > len(rows) else "Nodes"
    return [
        copy.build_paragraph(f"Prompt: {format_prompt(as_prompt(drawn.settings['prompt']))}"),
        copy.build_paragraph(f"Tokens: {' '.join(tokens)}"),
        copy.build_paragraph(f"Explained: {explained}"),
        scores,
        *map(copy.build_paragraph, notes),
        copy.build_details("Numbers", copy.build_table(columns=columns, rows=rows, caption=caption)),
    ]


def _copy_subgraph(graph: AttributionGraph, found: CircuitSubgraph) -> list[str]:
    names = [
        label
        if len(nodes) > 1
        else f"{name_node(graph, nodes[0])}, layer {name_layer(graph, nodes[0])}, at {name_place(graph, nodes[0])}"
        for label, nodes in zip(found.labels, found.members, strict=True)
    ]
    pairs = sorted(np.argwhere(found.weights), key=lambda pair: -abs(found.shares[tuple(pair)]))
    rows = [
        [
            format_text(names[source]),
            format_text(names[row]),
            format_number(float(found.weights[row, source])),
            format_share(float(found.shares[row, source])),
        ]
        for row, source in pairs
    ]
    columns = ["from", "to", "weight", "share of the input of where it goes"]
    return [copy.build_table(columns=columns, rows=rows, caption="What is pinned, and what it adds")]


def _copy_effect(found: ShownEffect) -> list[str]:
    effect, words = found.record, found.words
    rows = [
        [format_token(str(row[0])), format_number(float(row[1])), *(_format_change(float(one)) for one in row[2:])]
        for row in effect.to_frame().itertuples(index=False)
    ]
    columns = ["target", "level before", "change predicted", "change, attention frozen", "change in the model"]
    columns += ["change by random", "least of those", "most of those"]
    return [copy.build_table(columns=columns, rows=rows, caption=f"Changed: {format_text(words)}")]


def _format_change(value: float) -> str:
    """What is added to a level, with its sign."""
    return f"{'+' if value > 0 else ''}{format_number(value)}"


def _copy_heads(graph: AttributionGraph, found: EdgeHeads) -> list[str]:
    rows = [["through no head", format_number(found.direct), format_share(found.direct / found.weight)]]
    for layer, head in found.top(LISTED_HEADS):
        weight = float(found.weights[layer, head])
        rows.append([f"{layer}.{head}", format_number(weight), format_share(weight / found.weight)])
    names = [f"{name_node(graph, one)} at {name_place(graph, one)}" for one in (found.source, found.node)]
    caption = f"Heads that carried {names[0]} to {names[1]}, of {format_number(found.weight)}"
    return [copy.build_table(columns=["layer.head", "amount", "share"], rows=rows, caption=caption)]
