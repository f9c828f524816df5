"""What changing nodes of an attribution graph does: as the graph predicts, and as it happens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.circuits import FEATURE, AttributionGraph, GraphTarget, NodeGroup
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.interventions import MAX_RAW
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.numbers import check_float
from gscope_widgets.records.provenance import Provenance

if TYPE_CHECKING:
    import pandas

    from gscope_widgets.records.change_scores import ChangeScores

MOST_FACTOR = 100.0
MOST_ACTIVATION = MAX_RAW
# Features of a graph, by number or id, or one of its groups.
CircuitNodes = Sequence[int | str] | int | str | NodeGroup
# What they are held at: all of them, or by a node's number or id.
Activations = float | Mapping[int, float] | Mapping[str, float] | Mapping[int | str, float]
# By a node's number or id, the feature that takes its place.
Swaps = Mapping[int, FeatureRef] | Mapping[str, FeatureRef] | Mapping[int | str, FeatureRef]


@dataclass(frozen=True, eq=False)
class CircuitChange:
    """What is done to features of a graph; from `read_circuit_change`."""

    nodes: tuple[int, ...]
    factor: float | None  # what their activations are multiplied by; None where they are held
    activations: dict[int, float]  # by node, what is held in its place; empty where there is a factor
    instead: dict[int, FeatureRef]  # by node, the feature that takes its place

    def find_kept(self, graph: AttributionGraph, node: int) -> float:
        """The activation that a node's own feature then has."""
        if self.factor is not None:
            return self.factor * float(graph.activations[node])
        return 0.0 if node in self.instead else self.activations[node]

    def find_put(self, graph: AttributionGraph, node: int) -> float:
        """The activation of the feature that takes a node's place."""
        return float(graph.activations[node]) if self.factor is not None else self.activations[node]

    def describe(self) -> dict[str, object]:
        """The factor, or the activations, as provenance has them."""
        return {"activations": list(self.activations.values())} if self.factor is None else {"factor": self.factor}


@dataclass(frozen=True, eq=False)
class CircuitEffect:
    """How much targets change when some features of a graph are scaled or held, or give place to others.

    Three answers to one question. `predicted`: along the graph's edges, everything else linear. `frozen`: the
    transcoders run again on what now comes in, attention patterns, norm scales and errors as they were. `free`: the
    model itself, with what the features wrote taken out of its MLPs, or more of it put in. In bfloat16, the default on
    a GPU, each pass of the model is off by some hundredths, and `free` and `random` with it: smaller ones are rounding.
    """

    targets: tuple[GraphTarget, ...]
    nodes: tuple[int, ...]  # of the graph
    names: tuple[str, ...]  # what each is, in words
    factor: float | None  # what their activations were multiplied by; None where they were held
    activations: tuple[float, ...]  # by node, what was held in its place; empty where there is a factor
    baseline: np.ndarray  # float32, [target]; values before: see `GraphTarget.value`
    predicted: np.ndarray  # float32, [target]; change; NaN where features give place to others, which have no edges
    frozen: np.ndarray  # float32, [target]; change
    free: np.ndarray  # float32, [target]; change
    # float32, [control, target]; change in the model where as much of random features of the same layers is taken out
    # or put in at the same places, whether they fire there or not: random decoder directions
    random: np.ndarray
    provenance: Provenance | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        is_predicted = bool(np.isfinite(self.predicted[0]))
        told = f"{self.predicted[0]:+.3g} predicted" if is_predicted else "not predicted"
        nodes = f"{len(self.nodes)} node{'s' if len(self.nodes) > 1 else ''}"
        levels = ", ".join(f"{one:g}" for one in dict.fromkeys(self.activations))
        done = f"held at {levels}" if self.factor is None else f"times {self.factor:g}"
        return f"<CircuitEffect of {nodes} {done}: {self.targets[0].name!r} {self.free[0]:+.3g} ({told})>"

    def scores(self) -> "ChangeScores":
        """How well the prediction held, as numbers, a row a target; of several changes `gs.score_changes(effects)`."""
        from gscope_widgets.records.change_scores import score_changes

        return score_changes([self])

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row a target: `target`, `baseline`, `predicted`, `frozen`, `free`, `random`.

        `random` is the mean of the controls, `random_low` and `random_high` their extremes; NaN where there are none.
        """
        random = self.random if len(self.random) else np.full((1, len(self.targets)), np.nan, np.float32)
        return build_frame(
            target=[one.name for one in self.targets],
            baseline=self.baseline,
            predicted=self.predicted,
            frozen=self.frozen,
            free=self.free,
            random=random.mean(0),
            random_low=random.min(0),
            random_high=random.max(0),
        )


def read_circuit_change(
    graph: AttributionGraph, nodes: object, factor: object = None, activation: object = None, instead: object = None
) -> CircuitChange:
    """What is to be done to features of a graph, checked; see `gs.change_circuit`.

    Raises:
        InvalidValue: nodes that are no features, a factor and an activation, numbers that cannot be, or no mapping of
            nodes to features of their dictionary.
    """
    chosen = check_nodes(graph, nodes)
    if factor is not None and activation is not None:
        raise InvalidValue(
            "activations are multiplied by factor= or held at activation=; leave one of them out, got "
            f"{describe_value(factor)} and {describe_value(activation)}"
        )
    swaps = check_swaps(graph, chosen, {} if instead is None else instead)
    if activation is not None:
        return CircuitChange(chosen, None, _check_activations(graph, chosen, activation), swaps)
    times = check_float("factor", 0.0 if factor is None else factor, low=-MOST_FACTOR, high=MOST_FACTOR)
    return CircuitChange(chosen, times, {}, swaps)


def check_nodes(graph: AttributionGraph, nodes: object) -> tuple[int, ...]:
    """Different features of a graph: one or a list, given by numbers or ids, or those of a group.

    Raises:
        InvalidValue: none, one twice, one that is no feature, or a group that the graph has not.
    """
    given: list[Any] | None = [nodes] if isinstance(nodes, (int, np.integer, str)) else read_list(nodes)
    if isinstance(nodes, NodeGroup):
        given = _list_features(graph, nodes)
    if given is None:
        raise InvalidValue(f"nodes are numbers or ids of the graph's nodes, or a group, got {describe_value(nodes)}")
    found = tuple(graph.locate(one) for one in given)
    if not found or len(set(found)) < len(found):
        raise InvalidValue(f"nodes are different features of the graph, at least one, got {list(found)}")
    for node in found:
        graph.ref(node)
        if not graph.activations[node] > 0:
            raise InvalidValue(f"node {node} has no activation, {graph.activations[node]:g}: the graph's file lacks it")
    return found


def _list_features(graph: AttributionGraph, group: NodeGroup) -> list[int]:
    if group not in graph.groups:  # its numbers are of the graph that it is of
        raise InvalidValue(f"{describe_value(group.label)} is no group of this graph; take one of graph.groups")
    found = [node for node in group.nodes if graph.kinds[node] == FEATURE]
    if not found:
        raise InvalidValue(f"the group {describe_value(group.label)} has no feature, and only features are changed")
    return found


def _check_activations(graph: AttributionGraph, nodes: Sequence[int], activation: object) -> dict[int, float]:
    """What each node is held at."""
    bounds = {"low": 0.0, "high": MOST_ACTIVATION}
    if not isinstance(activation, Mapping):
        return dict.fromkeys(nodes, check_float("activation", activation, **bounds))
    found = {graph.locate(one): check_float("an activation", value, **bounds) for one, value in activation.items()}
    if found.keys() != set(nodes) or len(activation) > len(found):
        raise InvalidValue(
            f"activation= is a number, or a mapping that has each node that is changed, once: nodes {list(nodes)}, got "
            f"{describe_value(activation)}"
        )
    return {node: found[node] for node in nodes}


def check_swaps(graph: AttributionGraph, nodes: Sequence[int], instead: object) -> dict[int, FeatureRef]:
    """Which features come in place of which nodes, those given by numbers or ids.

    Raises:
        InvalidValue: no mapping of nodes that are changed to features of their dictionary.
    """
    if not isinstance(instead, Mapping):
        raise InvalidValue(f"instead maps nodes to features, {{node: ref}}, got {describe_value(instead)}")
    swaps: dict[int, FeatureRef] = {}
    for given, ref in instead.items():
        node = graph.locate(given)
        if (
            node not in nodes
            or node in swaps
            or not isinstance(ref, FeatureRef)
            or ref.dictionary_id != graph.ref(node).dictionary_id
        ):
            raise InvalidValue(
                f"instead names a node that is changed, once, and a feature of its dictionary; got "
                f"{describe_value(given)}: {describe_value(ref)}"
            )
        swaps[node] = ref
    return swaps


def predict_change(graph: AttributionGraph, kept: Mapping[int, float]) -> np.ndarray:
    """Each target's change along the graph's edges: float64, [target].

    A feature's relative change is what comes in over its activation, but for those that are held. As far as the edges
    that the graph has.

    Args:
        kept: by node, the activation that it is held at.
    """
    changes = np.zeros(len(graph))
    for row, weights in enumerate(graph.weights):
        node = graph.first_row + row
        size = float(graph.activations[node]) if graph.kinds[node] == FEATURE else 1.0
        if node in kept:
            changes[node] = kept[node] / size - 1
        else:
            into = float(weights @ changes)
            changes[node] = into / size if size > 0 else 0.0
    return changes[len(graph) - len(graph.targets) :]
