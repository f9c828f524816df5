"""Attribution graphs: which feature brought about which on one prompt, and how far that explains the answer."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.circuit_influence import measure_influence
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.records.walks import Walks, follow_walks

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

NodeKind = Literal["token", "error", "feature", "target"]
KINDS: tuple[NodeKind, ...] = ("token", "error", "feature", "target")
TOKEN, ERROR, FEATURE, TARGET = range(4)
MAX_FEATURES = 4096  # nodes of a graph unless told
# A token as its text or id, two of them, or a feature at a position; None for the likeliest tokens.
CircuitTarget = str | int | tuple[str | int, str | int] | tuple[FeatureRef, int] | None
NODE_SHARE, EDGE_SHARE = 0.8, 0.98  # what circuit-tracer prunes to unless told


@dataclass(frozen=True)
class GraphTarget:
    """What a graph explains: a next token's logit, a difference of two, or a feature's pre-activation."""

    name: str  # as readers see it: " Vekkan", " he − she", a feature's address
    ids: tuple[int, ...] = ()  # of the token; of two, the second is taken from the first; none for a feature
    probability: float | None = None  # of the token as the next one
    value: float = 0.0  # the logit over the mean of all logits, the difference, or the pre-activation less its offset


@dataclass(frozen=True)
class GraphScores:
    """How much of a graph's answer is carried by features rather than by what no feature stands for; 0 to 1."""

    replacement: float  # influence of tokens / (influence of tokens and errors), over whole paths
    # Share of what comes into nodes directly that comes from no error, weighted by influence; into tokens and errors
    # nothing comes, so that nothing of them is unexplained.
    completeness: float


@dataclass(frozen=True)
class NodeGroup:
    """Nodes of a graph under one name, as a reader groups them; others call it a supernode."""

    label: str
    nodes: tuple[int, ...]  # rising


@dataclass(frozen=True, eq=False)
class AttributionGraph:
    """Direct effects between tokens, errors, features and targets on one prompt (Ameisen et al. 2025).

    Transcoders stand in for MLPs, each with its error added back; attention patterns and norm scales stay as they were.
    Every target's value, and every feature's pre-activation less its offset, is then the sum of what comes in:
    `weights.sum(1) + remainder + left_out = values`.

    Nodes in their order: tokens by position, errors by layer and position, features likewise, targets.
    A node's direct inputs stand in one row; tokens and errors have none. A layer's features reach only later layers'.
    """

    tokens: Tokens
    layers: int  # of the model
    kinds: np.ndarray  # int32, [node], rising; index into `KINDS`
    node_layers: np.ndarray  # int32, [node]; -1 for tokens, `layers` for logits
    positions: np.ndarray  # int32, [node]
    numbers: np.ndarray  # int32, [node]; a feature's number in its dictionary, a token's id, -1 for errors and targets
    activations: np.ndarray  # float32, [node]; of features, NaN for the rest
    weights: np.ndarray  # float32, [feature and target, node]; what the node adds to the row's value
    values: np.ndarray  # float32, [feature and target]
    remainder: np.ndarray  # float32, [feature and target]; from biases, and from MLPs where no dictionary applies
    left_out: np.ndarray  # float32, [feature and target]; from features that are no nodes; 0 where all are
    targets: tuple[GraphTarget, ...]
    target_weights: np.ndarray  # float32, [target]; they add up to 1: how much each counts
    dictionary_ids: tuple[str, ...]  # a CLT's alone, or one for each layer, "" for a layer without
    share: int = 0  # of a CLT, how many features read each layer; 0 for dictionaries of one layer
    labels: dict[int, FeatureLabel] = field(default_factory=dict)  # by node
    whole: GraphScores | None = None  # of the graph that this one was pruned from
    provenance: Provenance | None = field(default=None, repr=False)
    pinned: tuple[int, ...] = ()  # nodes that a reader marked, as viewers keep them
    groups: tuple[NodeGroup, ...] = ()  # no node is in two of them
    # By node, which it is of several that share layer, number and position in the whole graph, from 2 on; those that
    # are not here are counted. Of features of others' files: a graph that was traced, and so a recording, has none.
    twins: dict[int, int] = field(default_factory=dict, metadata={"recorded": False})

    def __repr__(self) -> str:
        counts = np.bincount(self.kinds, minlength=len(KINDS))
        return (
            f"<AttributionGraph of {len(self.tokens)} tokens: {counts[FEATURE]} features, {counts[ERROR]} errors, "
            f"{np.count_nonzero(self.weights)} edges to {', '.join(repr(one.name) for one in self.targets)}>"
        )

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def first_row(self) -> int:
        """The node whose inputs are row 0 of `weights`: the first feature, or target where there is none."""
        return len(self) - len(self.weights)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Each node's id, such as '3_21_5', the same on every graph: what pins and files take; see `list_node_ids`."""
        from gscope_widgets.records.circuit_ids import list_node_ids

        return list_node_ids(self)

    @cached_property
    def places(self) -> dict[str, int]:
        """Each node's number, by its id."""
        return {name: node for node, name in enumerate(self.ids)}

    def locate(self, node: int | str, *, name: str = "a node") -> int:
        """The number of a node that is given by its number or id.

        Args:
            name: what it is, for the message.

        Raises:
            InvalidValue: there is no such node.
        """
        if not isinstance(node, str):
            return check_int(name, node, low=0, high=len(self) - 1)
        if node not in self.places:
            raise InvalidValue(f"the graph has no node {describe_value(node)}; graph.to_frame() lists their ids")
        return self.places[node]

    def ref(self, node: int | str) -> FeatureRef:
        """The feature that a node is, which is given by its number or id.

        Raises:
            InvalidValue: there is no such node, or it is no feature.
        """
        node = self.locate(node, name="node")
        if self.kinds[node] != FEATURE:
            raise InvalidValue(f"node {node} is no feature but {KINDS[self.kinds[node]]}: {self.name(node)}")
        owner = 0 if len(self.dictionary_ids) == 1 else int(self.node_layers[node])
        return FeatureRef(self.dictionary_ids[owner], int(self.numbers[node]))

    def find(self, ref: FeatureRef, *, pos: int | None = None) -> tuple[int, ...]:
        """The nodes that a feature is, one a position.

        Args:
            pos: only there.

        Raises:
            InvalidValue: no feature, or no position of the text.
        """
        if not isinstance(ref, FeatureRef):
            raise InvalidValue(f"a feature is found by its ref, dictionary.feature(...), got {describe_value(ref)}")
        if pos is not None:
            pos = check_int("pos", pos, low=0, high=len(self.tokens) - 1)
        found = np.flatnonzero((self.kinds == FEATURE) & (self.numbers == ref.feature))
        return tuple(
            int(node) for node in found if self.ref(int(node)) == ref and pos in (None, int(self.positions[node]))
        )

    def name(self, node: int | str) -> str:
        """What a node, given by its number or id, is in words.

        Raises:
            InvalidValue: there is no such node.
        """
        node = self.locate(node, name="node")
        kind, pos = self.kinds[node], int(self.positions[node])
        where = f"{self.tokens.strings[pos]!r} ({pos})"
        if kind == TOKEN:
            return f"token {where}"
        if kind == ERROR:
            return f"error of layer {self.node_layers[node]} at {where}"
        if kind == TARGET:
            return f"target {self.targets[node - (len(self) - len(self.targets))].name!r}"
        label = self.labels.get(node)
        return f"feature {self.numbers[node]} of layer {self.node_layers[node]} at {where}" + (
            f", {label.text}" if label is not None else ""
        )

    def influence(self) -> np.ndarray:
        """How much each node matters to the targets over all paths: float64, [node], 0 or more.

        Each row's sizes are made to add up to 1; a node's influence is what then flows back to it from the targets.
        Targets have none. Found once; the array cannot be written to.
        """
        return self._influence

    @cached_property
    def _influence(self) -> np.ndarray:
        found = measure_influence(self.weights, self.first_row, self.start_weights())[0]
        found.flags.writeable = False
        return found

    def scores(self) -> GraphScores:
        """Replacement and completeness of the nodes and edges that this graph has, as circuit-tracer has them."""
        influence = self.influence()
        tokens, errors = (float(influence[self.kinds == kind].sum()) for kind in (TOKEN, ERROR))
        sizes, wrong = np.abs(self.weights), np.zeros(len(self))
        totals = np.maximum(sizes.sum(1, dtype=np.float64), 1e-10)
        wrong[self.first_row :] = sizes[:, self.kinds == ERROR].sum(1, dtype=np.float64) / totals
        worth = influence + self.start_weights()
        return GraphScores(
            replacement=tokens / (tokens + errors) if tokens + errors else 0.0,
            completeness=float((worth * (1 - wrong)).sum() / worth.sum()),
        )

    def scores_within(self, whole: "AttributionGraph") -> GraphScores:
        """Scores of this part of a whole graph, in which what was cut counts as unexplained.

        They fall as less is kept, which `scores()`, of the part alone, need not.
        """
        from gscope_widgets.records.circuit_scores import score_part

        return score_part(whole, self)[0]

    def prune(
        self,
        nodes: float = NODE_SHARE,
        edges: float = EDGE_SHARE,
        *,
        keep: Iterable[int | str] = (),
        most: int | None = None,
    ) -> "AttributionGraph":
        """The part that carries most of the influence, as circuit-tracer prunes.

        Nodes are kept, most influential first, until they have a share of all influence; tokens and targets always.
        Of the edges between them those are kept that have a share of what flows. Features and errors from which nothing
        goes on, and features into which nothing comes, go.

        Args:
            nodes: share of influence, 0 to 1; 1 keeps all.
            edges: share of what flows through edges, 0 to 1; 1 keeps all.
            keep: nodes that stay, whatever they weigh, by number or id.
            most: how many nodes are kept beside tokens, targets and `keep`, 1 or more: where more are left, the most
                influential. None for all.

        Raises:
            InvalidValue: a share is outside 0 to 1, or there is no such node.
        """
        from gscope_widgets.records.circuit_pruning import keep_strongest, prune_graph

        kept, influence = self._locate_all("keep has", keep), self.influence()
        found = prune_graph(self, nodes, edges, keep=kept, influence=influence)
        if most is not None:
            most = check_int("most", most, low=1, high=2**31 - 1)
            found = keep_strongest(*found, influence, keep=kept, most=most)
        return found[0]

    def keep(self, nodes: Iterable[int | str]) -> "AttributionGraph":
        """The graph of these nodes, of the tokens and of the targets alone; what others added is `left_out`.

        Args:
            nodes: by number or id.

        Raises:
            InvalidValue: there is no such node.
        """
        kept = np.isin(self.kinds, (TOKEN, TARGET))
        kept[list(self._locate_all("nodes are", nodes))] = True
        found = np.flatnonzero(kept)
        return self._take(found, self.weights[np.ix_(kept[self.first_row :], kept)])

    def _locate_all(self, what: str, nodes: Iterable[int | str]) -> tuple[int, ...]:
        """The numbers of nodes that are given by number or id."""
        given = read_list(nodes)
        if given is None:
            raise InvalidValue(f"{what} numbers or ids of the graph's nodes, got {describe_value(nodes)}")
        return tuple(self.locate(node) for node in given)

    def _take(self, nodes: np.ndarray, weights: np.ndarray) -> "AttributionGraph":
        """These nodes, rising, with these edges between them."""
        from gscope_widgets.records.circuit_ids import read_twin

        rows = nodes[nodes >= self.first_row] - self.first_row
        lost = self.weights[rows].sum(1, dtype=np.float64) - weights.sum(1, dtype=np.float64)
        place = {node: at for at, node in enumerate(nodes.tolist())}
        groups = (
            NodeGroup(one.label, tuple(place[node] for node in one.nodes if node in place)) for one in self.groups
        )
        return replace(
            self,
            **{
                name: getattr(self, name)[nodes]
                for name in ("kinds", "node_layers", "positions", "numbers", "activations")
            },
            **{name: getattr(self, name)[rows] for name in ("values", "remainder")},
            weights=weights,
            left_out=(self.left_out[rows] + lost).astype(np.float32),
            labels={at: self.labels[node] for node, at in place.items() if node in self.labels},
            whole=self.whole or self.scores(),
            pinned=tuple(place[node] for node in self.pinned if node in place),
            groups=tuple(one for one in groups if one.nodes),
            twins={at: twin for node, at in place.items() if (twin := read_twin(self.ids[node])) > 1},
        )

    def start_weights(self) -> np.ndarray:
        """What each node is worth in itself: the targets' weights, 0 for all others; float64, [node]."""
        start = np.zeros(len(self))
        start[len(self) - len(self.targets) :] = self.target_weights
        return start

    def paths(self, target: int = 0, *, k: int = 5) -> tuple[tuple[float, tuple[int, ...]], ...]:
        """Strong ways from a token to a target: (share of the target's input, nodes from the token on).

        Found by following, step by step, the strongest so far: where many are alike, a stronger one can be missed.

        A path's share is the product of its edges' shares in what comes into each of its nodes; negative where it holds
        the target back.

        Args:
            target: index into `targets`.
            k: how many at most.

        Raises:
            InvalidValue: there is no such target.
        """
        target = check_int("target", target, low=0, high=len(self.targets) - 1)
        k = check_int("k", k, low=1, high=1000)
        shares = self.weights / np.maximum(np.abs(self.weights).sum(1, keepdims=True), 1e-10)
        found: list[tuple[float, tuple[int, ...]]] = []
        beam: list[tuple[float, tuple[int, ...]]] = [(1.0, (len(self) - len(self.targets) + target,))]
        while beam:
            longer: list[tuple[float, tuple[int, ...]]] = []
            for share, path in beam:
                row = shares[path[0] - self.first_row]
                for node in np.argsort(-np.abs(row))[: 4 * k]:
                    if row[node]:
                        longer.append((share * float(row[node]), (int(node), *path)))
            longer.sort(key=lambda one: -abs(one[0]))
            found += [one for one in longer if self.kinds[one[1][0]] == TOKEN]
            beam = [one for one in longer if self.kinds[one[1][0]] == FEATURE][: 16 * k]
        return tuple(sorted(found, key=lambda one: -abs(one[0]))[:k])

    def walks(self, *, explained: float | None = None) -> Walks:
        """How many steps lie between tokens and targets; see `Walks`. `walks().length` is the mean.

        Of a pruned graph, or one with features that are no nodes, what is left out counts as no input; compare whole
        graphs.

        Args:
            explained: only past the features that most walks pass, as many as it takes for at least this share of all
                walks to end at a token, so that two graphs of one prompt can be compared where they explain as much;
                None for all.

        Raises:
            InvalidValue: fewer walks end at a token even with all features.
        """
        return follow_walks(self, explained=explained)

    def plot(self, *, labels: int = 12) -> "Figure":
        """A matplotlib Figure: tokens from left to right, layers from below, nodes as large as they matter.

        Made for a pruned graph; of a larger one the 300 heaviest edges are drawn.

        Args:
            labels: how many of the most influential features have their number and label written, 0 to 100.
        """
        from gscope_widgets.records.circuit_figures import draw_graph

        return draw_graph(self, labels=check_int("labels", labels, low=0, high=100))

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row a node, most influential first.

        Columns `node`, `id`, `kind`, `layer`, `pos`, `token`, `feature`, `activation`, `influence`, `label`. Pins,
        groups and files have the ids, which stay as they are in a pruned graph.
        """
        influence = self.influence()
        order = np.argsort(-influence, kind="stable")
        return build_frame(
            node=order,
            id=[self.ids[node] for node in order],
            kind=[KINDS[self.kinds[node]] for node in order],
            layer=self.node_layers[order],
            pos=self.positions[order],
            token=[self.tokens.strings[self.positions[node]] for node in order],
            feature=[int(self.numbers[node]) if self.kinds[node] == FEATURE else None for node in order],
            activation=self.activations[order],
            influence=influence[order],
            label=[self.labels[node].text if node in self.labels else "" for node in order.tolist()],
        )

    def edges_to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row an edge, largest first: `source`, `target` (nodes), `weight`, and their names."""
        rows, sources = np.nonzero(self.weights)
        order = np.argsort(-np.abs(self.weights[rows, sources]), kind="stable")
        rows, sources = rows[order], sources[order]
        names = np.array([self.name(node) for node in range(len(self))], object)
        return build_frame(
            source=sources,
            target=rows + self.first_row,
            weight=self.weights[rows, sources],
            source_name=names[sources],
            target_name=names[rows + self.first_row],
        )


def write_target(target: CircuitTarget) -> object:
    """What a graph was asked to explain, as plain data."""
    if isinstance(target, (tuple, list)):
        return [str(one) if isinstance(one, FeatureRef) else one for one in target]
    return target
