"""What changing nodes of an attribution graph does: as the graph predicts, and as it happens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.circuits import FEATURE, AttributionGraph, GraphTarget
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.numbers import check_float
from gscope_widgets.records.provenance import Provenance

if TYPE_CHECKING:
    import pandas

    from gscope_widgets.records.change_scores import ChangeScores

MOST_FACTOR = 100.0
# By a node's number or id, the feature that takes its place.
Swaps = Mapping[int, FeatureRef] | Mapping[str, FeatureRef] | Mapping[int | str, FeatureRef]


@dataclass(frozen=True, eq=False)
class CircuitEffect:
    """How much targets change when some features of a graph are scaled, or give place to others.

    Three answers to one question. `predicted`: along the graph's edges, everything else linear. `frozen`: the
    transcoders run again on what now comes in, attention patterns, norm scales and errors as they were. `free`: the
    model itself, with what the features wrote taken out of its MLPs, or more of it put in. In bfloat16, the default on
    a GPU, each pass of the model is off by some hundredths, and `free` and `random` with it: smaller ones are rounding.
    """

    targets: tuple[GraphTarget, ...]
    nodes: tuple[int, ...]  # of the graph
    names: tuple[str, ...]  # what each is, in words
    factor: float  # what their activations were multiplied by
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
        return (
            f"<CircuitEffect of {nodes} times {self.factor:g}: {self.targets[0].name!r} {self.free[0]:+.3g} ({told})>"
        )

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


def check_nodes(graph: AttributionGraph, nodes: object) -> tuple[int, ...]:
    """Different features of a graph, given by numbers or ids, one or a list.

    Raises:
        InvalidValue: none, one twice, or one that is no feature.
    """
    given: list[Any] | None = [nodes] if isinstance(nodes, (int, np.integer, str)) else read_list(nodes)
    if given is None:
        raise InvalidValue(f"nodes are numbers or ids of the graph's nodes, got {describe_value(nodes)}")
    found = tuple(graph.locate(one) for one in given)
    if not found or len(set(found)) < len(found):
        raise InvalidValue(f"nodes are different features of the graph, at least one, got {list(found)}")
    for node in found:
        graph.ref(node)
        if not graph.activations[node] > 0:
            raise InvalidValue(f"node {node} has no activation, {graph.activations[node]:g}: the graph's file lacks it")
    return found


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


def predict_change(graph: AttributionGraph, nodes: Sequence[int], factor: float) -> np.ndarray:
    """Each target's change along the graph's edges: float64, [target].

    A feature's relative change is what comes in over its activation, those of `nodes` held at `factor - 1`. As far as
    the edges that the graph has.
    """
    factor = check_float("factor", factor, low=-MOST_FACTOR, high=MOST_FACTOR)
    changes = np.zeros(len(graph))
    held = set(nodes)
    for row, weights in enumerate(graph.weights):
        node = graph.first_row + row
        if node in held:
            changes[node] = factor - 1
        else:
            into = float(weights @ changes)
            size = float(graph.activations[node]) if graph.kinds[node] == FEATURE else 1.0
            changes[node] = into / size if size > 0 else 0.0
    return changes[len(graph) - len(graph.targets) :]
