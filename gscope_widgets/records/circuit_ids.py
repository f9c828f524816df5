"""Ids of a graph's nodes, as files have them."""

from gscope_widgets.records.circuits import ERROR, FEATURE, TARGET, TOKEN, AttributionGraph


def read_place(graph: AttributionGraph, node: int) -> tuple[int, int, int]:
    """A node's layer, position and number."""
    return int(graph.node_layers[node]), int(graph.positions[node]), int(graph.numbers[node])


def name_number(graph: AttributionGraph, node: int) -> int:
    """A feature's number within its layer, as files count a CLT's; of other nodes what the graph has."""
    number = int(graph.numbers[node])
    return number % graph.share if graph.share and graph.kinds[node] == FEATURE else number


def list_node_ids(graph: AttributionGraph) -> tuple[str, ...]:
    """An id for each node, as circuit-tracer writes them: of layer, number and position.

    A token is `E_{id}_{pos}`, an error `{layer}_-1_{pos}`, a feature `{layer}_{number in the layer}_{pos}`, a target
    `{layers + 1}_{id}_{pos}`. Where two nodes would have one id, further ones end in `_2`, `_3` and so on, by their
    order in the whole graph.
    """
    counts: dict[str, int] = {}
    found = []
    for node, (kind, layer, pos) in enumerate(
        zip(graph.kinds.tolist(), graph.node_layers.tolist(), graph.positions.tolist(), strict=True)
    ):
        number = name_number(graph, node)
        name = {
            TOKEN: f"E_{number}_{pos}",
            ERROR: f"{layer}_-1_{pos}",
            FEATURE: f"{layer}_{number}_{pos}",
            TARGET: f"{graph.layers + 1}_{number}_{pos}",
        }[kind]
        counts[name] = graph.twins.get(node, counts.get(name, 0) + 1)
        found.append(name if counts[name] == 1 else f"{name}_{counts[name]}")
    return tuple(found)


def read_twin(id_: str) -> int:
    """Which of several with one layer, number and position a node is, as its id says: 1 for a first or only one."""
    parts = id_.split("_")
    return int(parts[3]) if len(parts) == 4 else 1
