"""What keeps a graph that somebody else made from being one."""

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.circuits import FEATURE, KINDS, TARGET, AttributionGraph


def check_graph(graph: object) -> AttributionGraph:
    """A graph as `gs.circuit` makes them.

    Raises:
        InvalidValue: it is none.
    """
    if not isinstance(graph, AttributionGraph):
        raise InvalidValue(f"a graph comes from gs.circuit(...), got {describe_value(graph)}")
    if fault := find_fault(graph):
        raise InvalidValue(f"the graph is not as gs.circuit(...) makes it: {fault}")
    return graph


def find_fault(graph: AttributionGraph) -> str:
    """What keeps a graph that somebody else made from being one, in words; "" where nothing does."""
    nodes, rows = len(graph.kinds), len(graph.weights)
    counts = np.bincount(np.clip(graph.kinds, 0, len(KINDS)), minlength=len(KINDS) + 1)
    if nodes and (graph.kinds.min() < 0 or counts[-1] or (np.diff(graph.kinds) < 0).any()):
        return "its nodes are not tokens, errors, features and targets in this order"
    if rows != counts[FEATURE] + counts[TARGET] or counts[TARGET] != len(graph.targets) or not counts[TARGET]:
        return f"it has {rows} rows of inputs for {counts[FEATURE]} features and {len(graph.targets)} targets"
    inside = (graph.positions >= 0) & (graph.positions < len(graph.tokens))
    inside &= (graph.node_layers >= -1) & (graph.node_layers <= graph.layers)
    if not inside.all():
        return "a node lies outside the text or the model"
    floats = (graph.weights, graph.values, graph.remainder, graph.left_out, graph.target_weights)
    if not all(np.isfinite(one).all() for one in floats):
        return "a weight is not a finite number"
    if (graph.target_weights < 0).any() or not 0.99 < graph.target_weights.sum() < 1.01:
        return "the weights of its targets do not add up to 1"
    marked = [*graph.labels, *graph.twins, *graph.pinned, *(node for one in graph.groups for node in one.nodes)]
    if len(graph.dictionary_ids) not in (1, graph.layers) or not all(0 <= node < nodes for node in marked):
        return "its dictionaries or labels, pins or groups are not those of its nodes"
    grouped = [node for one in graph.groups for node in one.nodes]
    if len(set(grouped)) < len(grouped) or len(set(graph.pinned)) < len(graph.pinned):
        return "a node is pinned twice, or in two groups"
    if len(set(graph.ids)) < nodes:
        return "two of its nodes have one id"
    if np.triu(graph.weights[:, graph.first_row :]).any():
        return "a node has an input that is not before it"
    return ""
