"""Words for what is in a graph, and what is done to it."""

from collections.abc import Mapping, Sequence

from gscope_widgets.records.circuits import KINDS, AttributionGraph
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.widgets.base.formats import format_number, format_percent, format_token

_MINUS = "\u2212"
_NAMED_NODES = 20  # of those that were changed


def name_node(graph: AttributionGraph, node: int) -> str:
    """A node in words, without its place: "feature 21", "error", "token", "target ␣fish"."""
    kind = KINDS[graph.kinds[node]]
    if kind == "target":
        return f"target {format_token(graph.targets[node - (len(graph) - len(graph.targets))].name)}"
    return f"feature {graph.numbers[node]}" if kind == "feature" else kind


def name_layer(graph: AttributionGraph, node: int) -> str:
    """The number of its layer; empty for tokens and targets."""
    layer = int(graph.node_layers[node])
    return str(layer) if 0 <= layer < graph.layers else ""


def name_place(graph: AttributionGraph, node: int) -> str:
    """Where it stands: "␣fish (4)"."""
    pos = int(graph.positions[node])
    return f"{format_token(graph.tokens.strings[pos])} ({pos})"


def format_share(share: float) -> str:
    """A share with its sign: "+42.0 %"."""
    return f"{_MINUS if share < 0 else '+'}{format_percent(abs(share))}"


def write_change(
    graph: AttributionGraph,
    nodes: Sequence[int],
    factor: float,
    swaps: Mapping[int, FeatureRef],
    *,
    group: str = "",
    left: Sequence[int] = (),
) -> str:
    """What is changed, and how: "feature 21 of layer 3 at ␣fish (4): ablated".

    Args:
        group: the label of the group that it is.
        left: nodes of the group that are no features, and stay as they are.
    """
    names = ", ".join(
        f"{name_node(graph, node)} of layer {graph.node_layers[node]} at {name_place(graph, node)}"
        for node in nodes[:_NAMED_NODES]
    )
    if len(nodes) > _NAMED_NODES:
        names += f" and {len(nodes) - _NAMED_NODES} more"
    if group:
        names = f"{group} ({names})"
    if swaps:
        numbers = ", ".join(str(ref.feature) for ref in list(swaps.values())[:_NAMED_NODES])
        return f"{names}: feature {numbers} in its place"
    done = "ablated" if factor == 0 else f"times {format_number(factor, 4)}"
    return f"{names}: {done}{_write_left(graph, left)}"


def _write_left(graph: AttributionGraph, nodes: Sequence[int]) -> str:
    """What of a group is not changed: "; 1 error left as it is"."""
    kinds = [KINDS[graph.kinds[node]] for node in nodes]
    counts = [f"{kinds.count(one)} {one}{'' if kinds.count(one) == 1 else 's'}" for one in dict.fromkeys(kinds)]
    return f"; {' and '.join(counts)} left as {'it is' if len(nodes) == 1 else 'they are'}" if counts else ""
