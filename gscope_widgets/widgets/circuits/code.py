"""Code that gives the numbers on screen without the widget."""

from collections.abc import Iterable, Sequence

from gscope_widgets.records.circuit_effects import CircuitChange
from gscope_widgets.records.circuits import ERROR, FEATURE, MAX_FEATURES
from gscope_widgets.records.protocols import Scope
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.state import as_prompt
from gscope_widgets.widgets.circuits.drawn import DrawnGraph
from gscope_widgets.widgets.circuits.targets import PlacedFeature


def write_code(
    scope: Scope, drawn: DrawnGraph, *, dictionary_ids: Sequence[str], max_features: int, is_own: bool
) -> str:
    """Code that traces the graph, or loads one that was given, prunes it as it is drawn, and changes it again.

    Args:
        dictionary_ids: that were asked for by name.
        is_own: whether its dictionaries can be opened here.
    """
    settings, graph = drawn.settings, drawn.graph
    target = settings["target"]
    swaps = {} if drawn.effect is None else drawn.effect.change.instead
    changed = () if drawn.effect is None else drawn.effect.record.nodes
    extra = () if drawn.extra <= drawn.plain else sorted(drawn.extra)
    kept = [node for node in extra if graph.kinds[node] in (ERROR, FEATURE)]
    named = [graph.ref(node) for node in (*kept, *changed) if graph.kinds[node] == FEATURE]
    if not is_own:
        named = []
    ids = [] if drawn.is_given else list(dictionary_ids)
    refs = [target.ref] if isinstance(target, PlacedFeature) and not drawn.is_given else []
    opening = Opening(scope, [*refs, *named, *swaps.values()], dictionary_ids=ids)

    def write_nodes(nodes: Iterable[int]) -> str:
        return ", ".join(
            f"*graph.find({opening.feature(graph.ref(node))}, pos={graph.positions[node]})"
            if named and graph.kinds[node] == FEATURE
            else str(node)
            for node in nodes
        )

    if drawn.is_given:
        is_in_files = all(len(one.ids) == 1 for one in graph.targets)  # see `save_circuit`
        how = 'widget.save_graph("graph.json") writes it' if is_in_files else "files hold graphs of next tokens alone"
        loaded = 'gs.load_circuit("graph.json")' if is_in_files else "widget.graph"
        lines = [f"# this graph was given: {how}", *opening.lines, f"graph = {loaded}"]
    else:
        parts = ["prompt"]
        if ids:
            parts.append(f"dictionaries=[{', '.join(opening.names[one] for one in ids)}]")
        if target is not None:
            parts.append(f"target={f'({opening.feature(target.ref)}, {target.pos})' if refs else repr(target)}")
        if max_features != MAX_FEATURES:
            parts.append(f"max_features={max_features}")
        lines = [
            *opening.lines,
            f"prompt = {as_prompt(settings['prompt'])!r}",
            f"graph = gs.circuit(scope, {', '.join(parts)})",
        ]
    pruning = [repr(settings["node_share"]), repr(settings["edge_share"])]
    if kept:
        pruning.append(f"keep=[{write_nodes(kept)}]")
    if drawn.left > len(drawn.shown):
        pruning.append(f"most={drawn.most}")
    lines += [
        "print(graph, graph.scores())",
        f"small = graph.prune({', '.join(pruning)})",
        "print(small, small.scores_within(graph))",
        "print(small.to_frame().to_string())",
    ]
    if drawn.effect is not None:
        change = drawn.effect.change
        places = {node: at for at, node in enumerate(change.nodes)}
        written = ", ".join(f"nodes[{places[node]}]: {opening.feature(ref)}" for node, ref in swaps.items())
        instead = f", instead={{{written}}}" if written else ""
        lines += [f"nodes = [{write_nodes(change.nodes)}]"]
        lines += [f"effect = gs.change_circuit(scope, graph, nodes, {_write_amount(change)}{instead})"]
        lines += ["print(effect.to_frame().to_string())"]
    return "\n".join(lines)


def _write_amount(change: CircuitChange) -> str:
    """The factor, or what is held: a number where that is one for all."""
    if change.factor is not None:
        return repr(change.factor)
    held = list(change.activations.values())
    if len(set(held)) == 1:
        return f"activation={held[0]!r}"
    return f"activation={{{', '.join(f'nodes[{at}]: {one!r}' for at, one in enumerate(held))}}}"
