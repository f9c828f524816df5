"""Words for what is in a graph, and what is done to it."""

from collections.abc import Sequence

from gscope_widgets.records.circuit_effects import CircuitChange
from gscope_widgets.records.circuits import KINDS, AttributionGraph
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
    change: CircuitChange,
    *,
    group: str = "",
    left: Sequence[int] = (),
) -> str:
    """What is changed, and how, each node: "feature 21 of layer 3 at ␣fish (4): ablated".

    Args:
        group: the label of the group that it is.
        left: nodes of the group that are no features, and stay as they are.
    """
    alike: dict[tuple[str, int], list[int]] = {}  # one that gives place stands by itself
    for node in change.nodes:
        alike.setdefault((_write_done(graph, change, node), node if node in change.instead else -1), []).append(node)
    listed = list(alike.items())[:_NAMED_NODES]
    most = _NAMED_NODES // len(listed)
    parts = [(_list_names(graph, nodes, most), done) for (done, _), nodes in listed]
    told = "; ".join(f"{names}: {done}" for names, done in parts)
    more = len(change.nodes) - sum(len(nodes) for _, nodes in listed)
    if more:
        told += f"; and {more} more"
    if group:
        told = f"{group} ({told})" if len(parts) > 1 else f"{group} ({parts[0][0]}): {parts[0][1]}"
    return told + _write_left(graph, left)


def _write_done(graph: AttributionGraph, change: CircuitChange, node: int) -> str:
    """What becomes of a node."""
    kept = change.find_kept(graph, node)
    if change.factor is None:
        done = f"held at {format_number(kept, 4)}"
    else:
        done = "ablated" if change.factor == 0 else f"times {format_number(change.factor, 4)}"
    if node not in change.instead:
        return done
    comes, put = f"feature {change.instead[node].feature}", f"at {format_number(change.find_put(graph, node), 4)}"
    return f"{comes} in its place, {put}" if kept == 0 else f"{done}, and {comes} beside it, {put}"


def _list_names(graph: AttributionGraph, nodes: Sequence[int], most: int) -> str:
    names = [
        f"{name_node(graph, node)} of layer {graph.node_layers[node]} at {name_place(graph, node)}" for node in nodes
    ]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _write_left(graph: AttributionGraph, nodes: Sequence[int]) -> str:
    """What of a group is not changed: "; 1 error left as it is"."""
    kinds = [KINDS[graph.kinds[node]] for node in nodes]
    counts = [f"{kinds.count(one)} {one}{'' if kinds.count(one) == 1 else 's'}" for one in dict.fromkeys(kinds)]
    return f"; {' and '.join(counts)} left as {'it is' if len(nodes) == 1 else 'they are'}" if counts else ""
