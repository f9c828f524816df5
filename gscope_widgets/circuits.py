"""`gs.circuit` and what is asked of its graphs: of any scope, live, replayed or restricted by a lesson."""

from collections.abc import Sequence
from typing import Any

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.circuit_effects import Activations, CircuitEffect, CircuitNodes, Swaps
from gscope_widgets.records.circuits import MAX_FEATURES, AttributionGraph, CircuitTarget
from gscope_widgets.records.edge_heads import EdgeHeads
from gscope_widgets.records.numbers import check_switch
from gscope_widgets.records.protocols import Dictionary, Job, Scope
from gscope_widgets.records.tokens import Prompt


def circuit(
    scope: Scope,
    prompt: Prompt,
    *,
    dictionaries: Sequence[Dictionary | str] | Dictionary | str | None = None,
    target: CircuitTarget = None,
    max_features: int = MAX_FEATURES,
    show: bool = True,
) -> AttributionGraph:
    """Which features brought about the next token, through which others; see `AttributionGraph`.

    Transcoders stand in for MLPs, their errors added back, attention and norms as they were on the prompt. Costs
    one forward pass with eager attention, one encoding a dictionary, and for each feature that is followed one
    pass back through the attention of the layers before it: it grows with the square of the text. Memory: 4
    bytes times nodes kept times those found and kept, d_model for each feature found and each layer that it writes
    to, tokens squared for each head, and some 0.1 GB; refused beforehand where it is more than half of what is free.

    Args:
        scope: from `gs.load` or `gs.replay`.
        dictionaries: one CLT, or transcoders of different layers (a layer without one is all error); None for
            those of all layers, affine where there are such.
        target: what is explained. None: the likeliest next tokens that have 0.95 of the probability, 10 at
            most. A token, as its text " red" or its id: its logit over the mean logit. Two tokens: the first's
            logit less the second's. `(ref, pos)`: a feature's activation there.
        max_features: nodes, 1 to 100,000; where more fire, the most influential.
        show: a line that says how far it is, after a second, in the notebook or on standard error.

    Raises:
        InvalidValue: no transcoders, a text that is no single token, a feature that does not fire there.
        UnknownDictionary: there are no transcoders for all layers.
        PromptTooLong, OutOfMemory, Cancelled.
    """
    job = _check(scope, show).start_circuit(prompt, dictionaries=dictionaries, target=target, max_features=max_features)
    graph: AttributionGraph = _wait(job, "tracing a circuit", show=show)
    return graph


def change_circuit(
    scope: Scope,
    graph: AttributionGraph,
    nodes: CircuitNodes,
    factor: float | None = None,
    *,
    activation: Activations | None = None,
    instead: Swaps | None = None,
    controls: int = 5,
    show: bool = True,
) -> CircuitEffect:
    """Scale or hold features of a graph at their positions, and see what becomes of its targets; see `CircuitEffect`.

    Costs one pass with eager attention, two through the transcoders alone, and two and one for each control
    through the model.

    Args:
        graph: of next tokens, from `gs.circuit` of this scope; pruned or whole.
        nodes: features by number or id, changed together; or one of `graph.groups`, whose features are changed.
        factor: what their activations are multiplied by, -100 to 100; 0 ablates, as does neither of the two.
        activation: or what they are held at, 0 to 1e6: a number for all, or by node, each of them once.
        instead: by node, another feature of the same layer, firing or not, which comes in there. Beside a factor it
            has the node's activation; beside `activation` it is what is held at that, and the node is ablated.
        controls: 3 to 16 draws of random features of the same layers, of which as much is changed.
        show: a line that says how far it is, after a second, in the notebook or on standard error.

    Raises:
        InvalidValue: a node that is no feature, a factor and an activation, a graph of other tokens, model or
            dictionaries, a layer without features enough for controls.
        OutOfMemory, Cancelled.
    """
    job = _check(scope, show).start_change_circuit(
        graph, nodes, factor, activation=activation, instead=instead, controls=controls
    )
    effect: CircuitEffect = _wait(job, "changing a circuit", show=show)
    return effect


def circuit_heads(
    scope: Scope, graph: AttributionGraph, node: int | str, source: int | str, *, show: bool = True
) -> EdgeHeads:
    """Which attention heads carried an edge of a graph, and how much of it went through none; see `EdgeHeads`.

    Costs one pass with eager attention, one encoding a dictionary, and one way through the frozen pass to and fro.

    Args:
        graph: from `gs.circuit` of this scope; pruned or whole.
        node: where the edge goes, a feature or a target, by number or id.
        source: where it comes from, a token, an error or a feature, likewise.
        show: a line that says how far it is, after a second, in the notebook or on standard error.

    Raises:
        InvalidValue: there is no such edge; a graph of other tokens, model or dictionaries.
        OutOfMemory, Cancelled.
    """
    job = _check(scope, show).start_circuit_heads(graph, node, source)
    heads: EdgeHeads = _wait(job, "taking an edge of a circuit apart", show=show)
    return heads


def _check(scope: Scope, show: object) -> Scope:
    if not hasattr(scope, "start_circuit"):
        raise InvalidValue(f"the first argument is a scope from gs.load() or gs.replay(), got {describe_value(scope)}")
    check_switch("show", show)
    return scope


def _wait(job: Job, doing: str, *, show: bool) -> Any:
    if not show or job.done():  # as a recording's are, which is read without the runtime
        return job.wait()
    from gscope_widgets.runtime.showing import show_and_wait

    return show_and_wait(job, doing)
