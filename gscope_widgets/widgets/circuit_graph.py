"""CircuitGraph: which features brought about a prediction, through which others, over tokens and layers."""

import re
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, TypedDict

import numpy as np
import traitlets as t

from gscope_widgets.errors import Cancelled, GscopeError, InvalidValue, describe_value
from gscope_widgets.records.circuit_effects import MOST_FACTOR, CircuitEffect, check_nodes
from gscope_widgets.records.circuit_parts import CircuitSubgraph, build_subgraph, name_number
from gscope_widgets.records.circuits import (
    EDGE_SHARE,
    ERROR,
    FEATURE,
    MAX_FEATURES,
    NODE_SHARE,
    TARGET,
    AttributionGraph,
    CircuitTarget,
    NodeGroup,
    check_graph,
)
from gscope_widgets.records.edge_heads import EdgeHeads
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.figures import escape_math
from gscope_widgets.records.glossary import define
from gscope_widgets.records.numbers import check_float, check_int
from gscope_widgets.records.protocols import Dictionary, Job, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.circuits import (
    GraphFacts,
    PlacedFeature,
    as_circuit_target,
    check_target,
    choose_drawn,
    count_part,
    format_share,
    name_layer,
    name_node,
    name_place,
    pack_edges,
    tell_labels,
    tell_target,
)
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.features import tell_ref
from gscope_widgets.widgets.base.formats import (
    format_label,
    format_number,
    format_percent,
    format_prompt,
    format_text,
    format_token,
    format_tokens,
)
from gscope_widgets.widgets.base.limits import (
    COPIED_NODES,
    DRAWN_EDGES,
    DRAWN_NODES,
    GROUP_LABEL,
    GROUPS,
    LABEL_BYTES,
    LISTED_HEADS,
    PINNED_NODES,
)
from gscope_widgets.widgets.base.picks import TokenPicker
from gscope_widgets.widgets.base.reader import describe_engine
from gscope_widgets.widgets.base.state import Checked, as_prompt, check_scope, check_text
from gscope_widgets.widgets.base.widget import SharedName
from gscope_widgets.widgets.base.wire import ArrayHead, Glyph, Label, Piece, Ref, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_Work = Literal["trace", "prune", "change", "heads"]

_PATIENCE_S = 2.0  # that the constructor waits for the first graph; what takes longer goes on in the view
_ID = re.compile(r"(E_)?-?\d{1,10}(_-?\d{1,10}){1,3}")
_LISTED_IDS = 5  # dictionaries named in the footer
_NAMED_NODES = 20  # of those that were changed
_SHOWN_NODES = 12  # the most influential, that copy and view agree on


class PlacedRef(TypedDict):
    """A feature at a position, whose activation a graph explains."""

    dictionary_id: str
    feature: Annotated[int, Bounds(low=0)]
    pos: Annotated[int, Bounds(low=0)]


class GroupState(TypedDict):
    """Nodes under one name."""

    label: Annotated[str, Bounds(length=GROUP_LABEL)]
    nodes: list[str]  # their ids


class TargetInfo(TypedDict):
    """What the graph explains."""

    name: str
    id: int | None  # of the token; null for a difference and a feature
    probability: float | None  # of the token as the next one
    value: float
    weight: float  # of the targets' weights, which add up to 1


class PartNumbers(TypedDict):
    """How large a graph, or a part of one, is, and how far it explains its targets."""

    features: int
    errors: int
    edges: int
    replacement: Annotated[float, Bounds(0, 1)]
    completeness: Annotated[float, Bounds(0, 1)]
    error_share: Annotated[float, Bounds(0, 1)]  # of what paths begin with, errors: 1 less replacement


class GraphResult(TypedDict):
    """A graph, pruned, as it is drawn."""

    type: Literal["result"]
    request: int
    prompt: Text  # the settings that this answers: compare with what the view shows now
    target: str | int | list[str | int] | PlacedRef | None
    node_share: float
    edge_share: float
    tokens: list[str]
    glyphs: list[Glyph]
    ignored: dict[str, str]  # position to the reason that no feature is read there
    layers: int
    targets: list[TargetInfo]
    whole: PartNumbers  # of all nodes and edges
    shown: PartNumbers  # of those that are drawn
    ids: list[str]  # of nodes, in their order: tokens, errors, features, targets
    refs: list[str]  # ids of dictionaries, of which `dictionaries` has the place
    labels: dict[str, Label]  # of features, by their place in `ids`; cut short, of huge graphs the strongest's
    can_change: bool  # whether nodes of this graph can be changed in the model
    has_heads: bool  # whether its edges can be taken apart by attention heads
    notes: list[str]  # what to keep in mind, a sentence each
    note: str  # what became of the picks, a sentence; empty where they stand where they stood
    # of nodes [n]: kinds int32 (0 token, 1 error, 2 feature, 3 target), node_layers int32, positions int32, numbers
    # int32 (in the layer), features int32 (in the dictionary, -1 for others), dictionaries int32, activations float32
    # (NaN for others), influence float32 (share of all there is), inputs float32 (sum of the sizes of all that comes
    # in, of the whole graph), values float32, rest float32 (what comes in from no node of the whole graph; NaN for
    # tokens and errors); of edges [e]: sources int32, sinks int32, weights float32, flows float32 (share of what flows
    # to the targets), heaviest last
    arrays: list[ArrayHead]
    pieces: int  # messages that came before with the bytes of these arrays; 0 where they are this one's buffers


class BoxInfo(TypedDict):
    """A node, or a group, of the subgraph."""

    key: str  # the node's id, or the group's label behind "group "
    label: str  # of a group; empty for a node
    nodes: list[str]
    layer: float  # mean of its nodes'
    pos: float  # likewise
    shown: float | None  # share of what comes in that comes from boxes
    errors: float | None  # share of what comes in that comes from errors


class BoxEdge(TypedDict):
    """What one box adds to another directly."""

    source: int
    sink: int
    weight: float
    share: float  # of the sizes of all that comes into the box; negative where it takes away


class SubgraphResult(TypedDict):
    """What is pinned, and the targets, with what each adds to the others directly, on the whole graph."""

    type: Literal["subgraph"]
    boxes: list[BoxInfo]
    edges: list[BoxEdge]  # largest share first


class EffectRow(TypedDict):
    """What a change does to one target."""

    target: str
    baseline: float
    predicted: float | None  # null where features give place to others
    frozen: float
    free: float
    random: float
    random_low: float
    random_high: float


class EffectResult(TypedDict):
    """What changing nodes did; no rows where the graph that it was of is no longer shown."""

    type: Literal["effect"]
    words: str  # what was changed, and how
    nodes: list[str]
    controls: int  # draws of random features
    rows: list[EffectRow]


class HeadRow(TypedDict):
    """What went through one attention head."""

    layer: int
    head: int
    weight: float  # what the edge loses where this head alone is cut out
    share: float  # of the edge


class HeadsResult(TypedDict):
    """Which attention heads carried an edge; no node where the graph that it was of is no longer shown."""

    type: Literal["heads"]
    node: str
    source: str
    weight: float  # of the edge
    direct: float  # through no head
    heads: int  # that carried any of it
    rows: list[HeadRow]  # the strongest


class AskHeads(TypedDict):
    """From the page: which attention heads carried an edge."""

    type: Literal["heads"]
    node: Annotated[str, Bounds(length=60)]
    source: Annotated[str, Bounds(length=60)]


class SwapIn(TypedDict):
    """A feature that comes in a node's place."""

    node: Annotated[str, Bounds(length=60)]
    feature: Annotated[int, Bounds(low=0)]  # its number in the layer


class ChangeNodes(TypedDict):
    """From the page: change nodes of the graph in the model."""

    type: Literal["change"]
    nodes: list[str]
    factor: Annotated[float, Bounds(-MOST_FACTOR, MOST_FACTOR)]
    instead: list[SwapIn]


class _Effect(NamedTuple):
    record: CircuitEffect
    ids: tuple[str, ...]  # of the nodes that were changed
    words: str
    swaps: dict[int, FeatureRef]


class _Read(NamedTuple):
    settings: dict[str, Any]
    facts: GraphFacts  # of the whole graph
    shown: AttributionGraph  # what is drawn of it
    nodes: np.ndarray  # of the whole graph, that are drawn; int64, rising
    extra: frozenset[int]  # nodes that a reader marked, and that are drawn whatever they weigh
    plain: frozenset[int]  # nodes that are drawn without that
    left: int  # nodes that pruning leaves, of which not all are drawn where there are too many
    numbers: dict[str, Any]  # of what is drawn
    is_given: bool = False  # whether it was given, not traced here
    told: tuple[dict[str, Any], dict[str, np.ndarray]] | None = None  # for the page, but for what became of the picks
    effect: _Effect | None = None
    heads: EdgeHeads | None = None  # of the edge that was taken apart last

    @property
    def graph(self) -> AttributionGraph:
        return self.facts.graph

    @property
    def ids(self) -> dict[str, int]:
        return self.facts.places


def _check_prompt(graph: "CircuitGraph", value: object) -> object:
    return check_text(graph.scope, value)


def _check_target(graph: "CircuitGraph", value: object) -> object:
    return check_target(graph.scope, value)


def _check_node_share(_graph: object, value: object) -> float:
    return check_float("node_share", value, low=0.0, high=1.0)


def _check_edge_share(_graph: object, value: object) -> float:
    return check_float("edge_share", value, low=0.0, high=1.0)


def _check_pinned(graph: "CircuitGraph", value: object) -> tuple[str, ...]:
    return graph._check_ids("pinned", value, most=PINNED_NODES, limit=f"at most {PINNED_NODES} nodes are pinned")


def _check_groups(graph: "CircuitGraph", value: Any) -> tuple[dict[str, Any], ...]:
    if isinstance(value, Mapping):
        value = [{"label": label, "nodes": nodes} for label, nodes in value.items()]
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise InvalidValue(f'groups are nodes by label, {{"town": [4, 7]}}, got {describe_value(value)}')
    limit = f"at most {GROUPS} groups of {PINNED_NODES} nodes together are kept"
    found: list[dict[str, Any]] = []
    taken: set[str] = set()
    for one in value:
        if len(found) == GROUPS:
            raise InvalidValue(f"{limit}, got more groups")
        if isinstance(one, NodeGroup):
            one = {"label": one.label, "nodes": one.nodes}
        if not isinstance(one, Mapping) or set(one) != {"label", "nodes"}:
            raise InvalidValue(f'a group is {{"label": ..., "nodes": [...]}}, got {describe_value(one)}')
        label = one["label"]
        if not isinstance(label, str) or not 0 < len(label.strip()) <= GROUP_LABEL:
            raise InvalidValue(f"a group's label has 1 to {GROUP_LABEL} characters, got {describe_value(label)}")
        label = label.strip().encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        ids = graph._check_ids(f"the nodes of {describe_value(label)}", one["nodes"], most=PINNED_NODES, limit=limit)
        if not ids:
            raise InvalidValue(f"the group {describe_value(label)} has no node; leave it out")
        if taken & set(ids):
            raise InvalidValue(f"node {sorted(taken & set(ids))[0]} is in two groups; take it out of one")
        if any(each["label"] == label for each in found):
            raise InvalidValue(f"two groups are called {describe_value(label)}; give each a name of its own")
        taken |= set(ids)
        if len(taken) > PINNED_NODES:
            raise InvalidValue(f"{limit}, got {len(taken)} nodes")
        found.append({"label": label, "nodes": list(ids)})
    return tuple(found)


def _check_selected(graph: "CircuitGraph", value: object) -> str | None:
    return None if value is None else graph._check_ids("selected_node", [value])[0]


def _check_feature(graph: "CircuitGraph", value: Any) -> FeatureRef | None:
    if isinstance(value, Mapping) and set(value) == {"dictionary_id", "feature"}:
        value = FeatureRef(value["dictionary_id"], value["feature"])
    if value is None:
        return None
    if not isinstance(value, FeatureRef) or not isinstance(value.dictionary_id, str):
        raise InvalidValue(f"selected_feature comes from dictionary.feature(number), got {describe_value(value)}")
    number = check_int("a feature's number", value.feature, low=0, high=2**31 - 1)
    return FeatureRef(value.dictionary_id, number)


class CircuitGraph(TokenPicker):
    """Tokens from left to right, layers from below: which features brought about the next token, through which others.

    Point at a node, or go to it by the arrow keys, to see what comes in and goes out; press it to pin it. What is
    pinned stands below as a graph of its own, in which nodes can be grouped under a name. Drag the share of influence
    to prune; how far features account for the answer stands beside it, for the whole graph and for what is shown.
    Change a node or a group: predicted, with attention frozen, in the model, and beside random features.
    """

    prompt = Checked(_check_prompt, Text, "", help="What is traced: a string, or chat messages for a chat model.")
    target = Checked(
        _check_target,
        str | int | list[str | int] | PlacedRef | None,
        None,
        to_page=tell_target,
        help="What is explained: None for the likeliest next tokens; a token, as its text or its id; two, for the "
        "difference of their logits; or a feature at a position, set as `(ref, pos)`.",
    )
    node_share = Checked(
        _check_node_share,
        Annotated[float, Bounds(0, 1)],
        NODE_SHARE,
        help="Nodes are drawn, most influential first, up to this share of all influence.",
    )
    edge_share = Checked(
        _check_edge_share,
        Annotated[float, Bounds(0, 1)],
        EDGE_SHARE,
        help="Of the edges between them, those up to this share of what flows.",
    )
    pinned = Checked(
        _check_pinned,
        list[str],
        (),
        accepts=list[str | int],
        to_page=list,
        help="Ids of the nodes pinned, as circuit-tracer writes them; numbers of `graph`'s nodes are taken too.",
    )
    groups = Checked(
        _check_groups,
        list[GroupState],
        (),
        accepts=Any,
        to_page=list,
        help='Nodes under a name each: set as {"town": [ids or numbers]}; read back as dicts with label and nodes.',
    )
    selected_node = Checked(
        _check_selected,
        Annotated[str, Bounds(length=60)] | None,
        None,
        accepts=str | int | None,
        help="The node whose inputs and outputs are listed, or None.",
    )
    selected_feature = Checked(
        _check_feature,
        Ref | None,
        None,
        to_page=lambda ref: None if ref is None else tell_ref(ref),
        help="The feature of the node selected, which `gs.link` shares; one that the graph has is selected.",
    )

    to_page = {
        "piece": Piece,
        "result": GraphResult,
        "subgraph": SubgraphResult,
        "effect": EffectResult,
        "heads": HeadsResult,
    }
    to_python = {"change": ChangeNodes, "heads": AskHeads}
    shared_state: ClassVar[Mapping[SharedName, str]] = {"feature": "selected_feature", "pos": "selected_pos"}
    settings = ("prompt", "target", "node_share", "edge_share")
    _asking = settings
    _has_opened = _is_dropping = False

    def __init__(
        self,
        scope: Scope,
        prompt: str | Sequence[dict[str, str]] = "",
        *,
        dictionaries: Sequence[Dictionary | Mapping[str, Any]] | Dictionary | None = None,
        target: CircuitTarget = None,
        graph: AttributionGraph | None = None,
        max_features: int = MAX_FEATURES,
        node_share: float = NODE_SHARE,
        edge_share: float = EDGE_SHARE,
        pinned: Sequence[int | str] = (),
        groups: object = (),
        selected_node: int | str | None = None,
    ):
        """Trace the prompt, and draw the graph. What takes longer than two seconds goes on in the view.

        Args:
            scope: from `gs.load`.
            prompt: a string, or chat messages for a chat model.
            dictionaries: one CLT, or transcoders of different layers, from `scope.dictionary()` or its keywords as
                dicts; None for those of all layers. See `scope.circuit`.
            target: what is explained; see the trait.
            graph: from `scope.circuit` or `gs.load_circuit`, drawn instead of tracing; its text is then the prompt. Its
                own pins and groups are taken where none are given.
            max_features: nodes of features, 1 to 100,000; where more fire, the most influential.
            node_share, edge_share: how far it is pruned at first; see the traits.
            pinned, groups, selected_node: what is marked at first; see the traits.

        Raises:
            InvalidValue, PromptTooLong, UnknownDictionary, OutOfMemory: with what to do.
        """
        check_scope(scope)
        self.scope = scope
        self._dictionaries = _open_dictionaries(scope, dictionaries)
        self._max_features = check_int("max_features", max_features, low=1, high=100_000)
        self._picture: tuple[Any, ...] | None = None
        self._read: _Read | None = None
        self._newest: tuple[str, Any] = ("trace", None)
        self._doing: _Work = "trace"
        if graph is not None:
            prompt, target = _read_given(graph, prompt, target)
        settings = {
            "prompt": check_text(scope, prompt),
            "target": _check_target(self, target),
            "node_share": _check_node_share(self, node_share),
            "edge_share": _check_edge_share(self, edge_share),
        }
        self._traced = [settings["prompt"], settings["target"]]
        job = None
        if graph is None:
            job = self._start_trace(settings)
            graph = _wait_for_graph(job)
        elif not len(pinned) and not groups:
            pinned, groups = graph.pinned, graph.groups
        if graph is not None:
            self._read = self._pack(settings, graph, is_given=job is None)
            marks = _check_pinned(self, pinned), _check_groups(self, groups), _check_selected(self, selected_node)
            extra = self._list_marks(*marks)
            if not extra <= self._read.plain:
                self._read = self._pack(settings, graph, is_given=job is None, extra=extra)
        super().__init__(
            scope,
            **settings,
            pinned=pinned,
            groups=groups,
            **self._locate_selected(selected_node),
            **self._describe_source(graph),
        )
        if self._read is not None:
            self._present(self._read, self._deliver)
        self._open()
        self._has_opened = True
        if job is not None and self._read is None:
            self._requests.start(lambda number: self._follow_trace(job, settings, number), doing="Tracing…")

    # ---- what it holds

    @property
    def graph(self) -> AttributionGraph:
        """The whole graph, with pins and groups as they are, once the newest request is answered."""
        return self._mark(self._wait_for_graph().graph)

    @property
    def shown(self) -> AttributionGraph:
        """What is drawn of it: pruned, with all that is pinned."""
        return self._wait_for_graph().shown

    @property
    def subgraph(self) -> CircuitSubgraph:
        """What is pinned, groups as one box each, and the targets."""
        return self._build_boxes(self._wait_for_graph())[0]

    @property
    def effect(self) -> CircuitEffect | None:
        """What the newest change of nodes did; None where none was made on this graph."""
        self.wait()
        read = self._require_read()
        return None if read.effect is None else read.effect[0]

    def change(
        self,
        nodes: Sequence[int | str] | int | str,
        factor: float = 0.0,
        *,
        instead: Mapping[int | str, FeatureRef | int] | None = None,
    ) -> CircuitEffect:
        """Scale nodes of the graph in the model, 0 ablates, or have other features take their place; see `effect`.

        Args:
            nodes: ids or numbers of features, or the label of a group, whose features are changed.
            factor: what their activations are multiplied by, -100 to 100.
            instead: by node, another feature of its layer, as a ref or its number in the layer.

        While another prompt is traced, waits for its graph.

        Raises:
            InvalidValue: no features, or a graph that this scope cannot change.
            Cancelled: it was stopped, or something newer took its place.
        """
        self._require_open()
        read = self._wait_for_graph()
        job = self._start_change(*self._read_change(read, nodes, factor, {} if instead is None else instead))
        effect: CircuitEffect = self._wait_for(job)
        return effect

    def heads(self, node: int | str, source: int | str) -> EdgeHeads:
        """Which attention heads carried what one node adds to another; see `EdgeHeads`. The page shows it too.

        Args:
            node, source: ids or numbers of the graph's nodes.

        While another prompt is traced, waits for its graph.

        Raises:
            InvalidValue: there is no such edge, or a graph that this scope cannot take apart.
            Cancelled: it was stopped, or something newer took its place.
        """
        self._require_open()
        job = self._start_heads(*self._read_edge(self._wait_for_graph(), node, source))
        heads: EdgeHeads = self._wait_for(job)
        return heads

    def save_graph(self, path: Any, *, slug: str | None = None) -> None:
        """Write the whole graph with pins and groups as a file of circuit-tracer's layout; see `gs.save_circuit`."""
        from gscope_widgets.keeping.circuits import save_circuit

        save_circuit(path, self.graph, slug=slug)

    def to_html(self) -> str:
        """The last result as one HTML file: no script, no network."""
        self._wait_for_first()
        return super().to_html()

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, one row a node that is drawn, most influential first; see `AttributionGraph.to_frame`."""
        return self._wait_for_first().shown.to_frame()

    def plot(self) -> "Figure":
        """A matplotlib Figure of what is drawn; see `AttributionGraph.plot`."""
        figure = self._wait_for_first().shown.plot()
        figure.suptitle(escape_math(f"{self.badge} · explains {', '.join(self._name_targets())}"), fontsize="small")
        return figure

    def shows(self) -> list[str]:
        """The tokens, the targets, both scores of the whole graph and of what is drawn, and the strongest nodes."""
        read = self._wait_for_first()
        words = [*format_tokens(read.graph.tokens.strings, read.graph.tokens.glyphs), *self._name_targets()]
        for numbers in (read.facts.numbers, read.numbers):
            words += [format_number(numbers[name]) for name in ("replacement", "completeness")]
            words.append(format_percent(numbers["error_share"]))
        for node in self._list_strongest(read, _SHOWN_NODES):
            words += [name_node(read.graph, node), format_percent(float(read.facts.shares[node]))]
        return list(dict.fromkeys(words))

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget; a graph that was given is saved first."""
        read = self._wait_for_first()
        settings, graph = read.settings, read.graph
        target = settings["target"]
        swaps = {} if read.effect is None else read.effect.swaps
        changed = () if read.effect is None else read.effect.record.nodes
        extra = () if read.extra <= read.plain else sorted(read.extra)
        kept = [node for node in extra if graph.kinds[node] in (ERROR, FEATURE)]
        named = [graph.ref(node) for node in (*kept, *changed) if graph.kinds[node] == FEATURE]
        if not self._is_own(read):  # its dictionaries cannot be opened here
            named = []
        ids = [] if read.is_given else self._read_dictionary_ids()
        refs = [target.ref] if isinstance(target, PlacedFeature) and not read.is_given else []
        opening = Opening(self.scope, [*refs, *named, *swaps.values()], dictionary_ids=ids)

        def write_nodes(nodes: Iterable[int]) -> str:
            return ", ".join(
                f"*graph.find({opening.feature(graph.ref(node))}, pos={graph.positions[node]})"
                if named and graph.kinds[node] == FEATURE
                else str(node)
                for node in nodes
            )

        if read.is_given:
            is_in_files = all(len(one.ids) == 1 for one in graph.targets)  # see `save_circuit`
            how = (
                'widget.save_graph("graph.json") writes it' if is_in_files else "files hold graphs of next tokens alone"
            )
            loaded = 'gs.load_circuit("graph.json")' if is_in_files else "widget.graph"
            lines = [f"# this graph was given: {how}", *opening.lines, f"graph = {loaded}"]
        else:
            parts = ["prompt"]
            if ids:
                parts.append(f"dictionaries=[{', '.join(opening.names[one] for one in ids)}]")
            if target is not None:
                parts.append(f"target={f'({opening.feature(target.ref)}, {target.pos})' if refs else repr(target)}")
            if self._max_features != MAX_FEATURES:
                parts.append(f"max_features={self._max_features}")
            lines = [
                *opening.lines,
                f"prompt = {as_prompt(settings['prompt'])!r}",
                f"graph = scope.circuit({', '.join(parts)})",
            ]
        pruning = [repr(settings["node_share"]), repr(settings["edge_share"])]
        if kept:
            pruning.append(f"keep=[{write_nodes(kept)}]")
        if read.left > len(read.shown):
            pruning.append(f"most={DRAWN_NODES}")
        lines += [
            "print(graph, graph.scores())",
            f"small = graph.prune({', '.join(pruning)})",
            "print(small, small.scores_within(graph))",
            "print(small.to_frame().to_string())",
        ]
        if read.effect is not None:
            effect = read.effect.record
            places = {node: at for at, node in enumerate(effect.nodes)}
            written = ", ".join(f"nodes[{places[node]}]: {opening.feature(ref)}" for node, ref in swaps.items())
            instead = f", instead={{{written}}}" if written else ""
            lines += [f"nodes = [{write_nodes(effect.nodes)}]"]
            lines += [f"effect = scope.change_circuit(graph, nodes, {effect.factor!r}{instead})"]
            lines += ["print(effect.to_frame().to_string())"]
        return "\n".join(lines)

    def _read_dictionary_ids(self) -> list[str]:
        given = self._dictionaries
        if given is None:
            return []
        return [given.info.id] if hasattr(given, "info") else [one.info.id for one in given]

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from."""
        read = self._wait_for_first()
        if read.is_given and read.graph.provenance is not None:
            return read.graph.provenance
        settings = read.settings
        kept = {
            "target": tell_target(settings["target"]),
            "max_features": self._max_features,
            "node_share": settings["node_share"],
            "edge_share": settings["edge_share"],
        }
        known = [one for one in read.graph.dictionary_ids if one and not read.is_given]
        return self.scope.provenance(known, token_ids=read.graph.tokens.ids, **kept)

    def take_shared(self, name: SharedName, value: Any) -> None:
        """See `GscopeWidget`. A feature that the graph has not is left alone; None lets the node go."""
        if name == "feature" and value is not None and not self._find_feature(value):
            return
        super().take_shared(name, value)

    # ---- state

    @t.observe("pinned", "groups")
    def _on_marks(self, _change: object) -> None:
        if self._is_quiet or self._is_dropping:
            return
        self._follow_marks()

    @t.observe("selected_node")
    def _on_node(self, change: Any) -> None:
        if self._is_quiet:
            return
        read = self._read
        node = None if read is None or change.new is None else read.ids.get(change.new)
        with self.hold_sync():
            if read is None or node is None:
                self.selected_feature = self.selected_pos = None
            else:
                self.selected_feature = read.graph.ref(node) if read.graph.kinds[node] == FEATURE else None
                pos = int(read.graph.positions[node])
                self.selected_pos = pos if pos < self._count_tokens() else None
        if not self._is_dropping:
            self._follow_marks()

    @t.observe("selected_feature")
    def _on_feature(self, change: Any) -> None:
        read = self._read
        if self._is_quiet or read is None:
            return
        held = None if self.selected_node is None else read.ids.get(self.selected_node)
        now = read.graph.ref(held) if held is not None and read.graph.kinds[held] == FEATURE else None
        if now == change.new:
            return
        found = [] if change.new is None else self._find_feature(change.new)
        self.selected_node = found[0] if found else None

    @t.observe("selected_pos")
    def _on_pos(self, _change: object) -> None:
        if not self._is_quiet:
            self._output.refresh()

    def _locate_selected(self, node: int | str | None) -> dict[str, Any]:
        """The traits of a node selected, before anything follows them."""
        read, found = self._read, _check_selected(self, node)
        if read is None or found is None:
            return {"selected_node": found}
        at = read.ids[found]
        ref = read.graph.ref(at) if read.graph.kinds[at] == FEATURE else None
        return {"selected_node": found, "selected_feature": ref, "selected_pos": int(read.graph.positions[at])}

    def _follow_marks(self) -> None:
        """Draw what is marked, where pruning has left it out, and tell the subgraph."""
        read = self._read
        if read is None:
            return
        if self._is_behind(read) and not self._is_at("trace", "change", "heads"):
            self._prune(read)
        else:  # what is under way draws it when it ends
            self._send_subgraph()
            self._output.refresh()

    def _find_feature(self, ref: FeatureRef) -> list[str]:
        """The ids of a feature's nodes: at the token picked first, then by influence."""
        read = self._read
        if read is None or not isinstance(ref, FeatureRef):
            return []
        influence, names = read.facts.influence, read.facts.names
        nodes = read.graph.find(ref)
        ranked = sorted(nodes, key=lambda node: (read.graph.positions[node] != self.selected_pos, -influence[node]))
        return [names[node] for node in ranked]

    def _check_ids(self, name: str, value: Any, *, most: int | None = None, limit: str = "") -> tuple[str, ...]:
        """Ids of nodes, each once; unknown ones are let through only while another graph is awaited.

        Args:
            most: ids that are taken, by default as many as the graph has nodes.
            limit: what is said of more.
        """
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise InvalidValue(f"{name} is a list of nodes, ids or numbers, got {describe_value(value)}")
        read = self._read
        known = None if read is None else read.facts.names
        if most is None and known is not None:
            most, limit = len(known), f"the graph has {len(known)} nodes, all of them different"
        given = list(value if most is None else islice(value, most + 1))
        if most is not None and len(given) > most:
            count = len(value) if isinstance(value, Sized) else f"more than {most}"
            raise InvalidValue(f"{limit}, got {count}")
        is_settled = read is not None and self._is_settled(read)
        found: dict[str, None] = {}
        for one in given:
            if isinstance(one, str):
                if len(one) > 60 or not _ID.fullmatch(one):
                    raise InvalidValue(f"a node's id is such as '3_21_5', got {describe_value(one)}")
                if is_settled and read is not None and one not in read.ids:
                    raise InvalidValue(f"the graph has no node {describe_value(one)}; see widget.graph.to_frame()")
                id_ = one
            elif known is None:
                raise InvalidValue(f"the graph is not there yet; name nodes by their ids, got {describe_value(one)}")
            else:
                id_ = known[check_int("a node", one, low=0, high=len(known) - 1)]
            if id_ in found:
                raise InvalidValue(f"{name} has node {describe_value(id_)} twice")
            found[id_] = None
        return tuple(found)

    def _is_settled(self, read: _Read) -> bool:
        """Whether the graph shown is that of the prompt and target set."""
        if not self._has_opened:
            return True
        return all(getattr(self, name) == read.settings[name] for name in ("prompt", "target"))

    def _list_marks(self, pinned: Sequence[str], groups: Sequence[Any], selected: str | None) -> frozenset[int]:
        assert self._read is not None
        ids = [*pinned, *(one for each in groups for one in each["nodes"]), *([] if selected is None else [selected])]
        return frozenset(self._read.ids[one] for one in ids if one in self._read.ids)

    # ---- requests

    def _read_keyword(self, name: str) -> Any:
        if name == "graph":
            if self._read is not None and self._read.is_given:
                raise InvalidValue(
                    "a graph that was given is kept by widget.save_graph(path); gs.CircuitGraph(scope, "
                    "graph=gs.load_circuit(path)) shows it again"
                )
            return None
        if name == "dictionaries" and self._dictionaries is not None:
            return self._read_dictionary_ids()
        return super()._read_keyword(name)

    def _answer(self, settings: dict[str, Any]) -> None:
        asked, read = [settings[name] for name in ("prompt", "target")], self._read
        if read is not None and self._is_settled(read):
            if not self._is_at("change", "heads"):  # which prune by what is set when they end
                self._newest = ("trace", None)
                self._prune(read)
        elif not (self._is_at("trace") and asked == self._traced):
            self._newest, self._doing, self._traced = ("trace", None), "trace", asked
            self._requests.start(
                lambda number: self._follow_trace(self._start_trace(settings), settings, number), doing="Tracing…"
            )

    def _is_at(self, *kinds: _Work) -> bool:
        """Whether work of one of these kinds is under way."""
        return self._requests.is_busy and self._doing in kinds

    def _prune(self, read: _Read) -> None:
        self._doing = "prune"

        def redraw() -> _Read:
            now = self._require_read()  # a trace that this took the place of may have ended all the same
            is_same = all(now.settings[name] == read.settings[name] for name in ("prompt", "target"))
            return self._redraw(now if is_same else read)

        self._request(redraw, deliver=self._deliver, doing="Pruning…")

    def _end_request(self, delivered: bool) -> None:
        self._catch_up()
        super()._end_request(delivered)

    def _catch_up(self) -> None:
        """Draw what was marked or set while work went on that this would have stopped."""
        try:
            while self._read is not None and not self._requests.is_busy:
                fresh = self._redraw(self._read)
                if fresh is self._read:
                    return
                self._present(fresh, self._deliver)
        except Exception as error:  # noqa: BLE001 - it becomes the widget's status
            self._requests.refuse(error)

    def _ask_again(self) -> None:
        kind, given = self._newest
        if kind != "trace" and self._requests.is_unanswered and given[0] is self._read_graph():
            (self._start_change if kind == "change" else self._start_heads)(*given)
        else:
            super()._ask_again()

    def _read_graph(self) -> AttributionGraph | None:
        return None if self._read is None else self._read.graph

    def _start_trace(self, settings: Mapping[str, Any]) -> Job:
        return self.scope.start_circuit(
            as_prompt(settings["prompt"]),
            dictionaries=self._dictionaries,
            target=as_circuit_target(settings["target"]),
            max_features=self._max_features,
            slot=id(self),
        )

    def _follow_trace(self, job: Job, settings: dict[str, Any], number: int) -> Job:
        """The trace is the request's own job: its progress is shown, and a stop reaches it."""

        def take(ended: Job) -> None:
            if ended.exception() is not None:
                return
            try:
                now = {**settings, "node_share": self.node_share, "edge_share": self.edge_share}
                read = self._prepare(self._pack(now, ended.result()))
                self._requests.deliver(number, lambda: self._deliver(read))
            except Exception as error:  # noqa: BLE001 - it becomes the widget's status
                self._requests.end(number, error)

        job.add_done_callback(take)
        return job

    def _is_behind(self, read: _Read) -> bool:
        """Whether it is pruned by other shares than those set, or other nodes than those marked are drawn besides."""
        if any(read.settings[name] != getattr(self, name) for name in ("node_share", "edge_share")):
            return True
        marks = self._list_marks(self.pinned, self.groups, self.selected_node)
        wanted, drawn = ([] if nodes <= read.plain else sorted(nodes) for nodes in (marks, read.extra))
        return wanted != drawn

    def _redraw(self, read: _Read) -> _Read:
        """The same graph by shares and marks as they are now; itself where that is how it is drawn."""
        if not self._is_behind(read):
            return read
        settings = {**read.settings, "node_share": self.node_share, "edge_share": self.edge_share}
        fresh = self._prepare(self._pack(settings, read.graph, is_given=read.is_given))
        return fresh._replace(effect=read.effect, heads=read.heads)

    def _pack(
        self,
        settings: Mapping[str, Any],
        graph: AttributionGraph,
        *,
        extra: frozenset[int] | None = None,
        is_given: bool = False,
    ) -> _Read:
        known = self._read
        facts = known.facts if known is not None and known.graph is graph else GraphFacts.of(graph)
        if extra is None:
            named = [*self.pinned, *(one for each in self.groups for one in each["nodes"]), self.selected_node or ""]
            extra = frozenset(facts.places[one] for one in named if one in facts.places)
        shares = settings["node_share"], settings["edge_share"]
        shown, nodes, left = choose_drawn(facts, *shares, frozenset(), most=DRAWN_NODES)
        plain = frozenset(nodes.tolist())
        if not extra <= plain:
            shown, nodes, left = choose_drawn(facts, *shares, extra, most=DRAWN_NODES)
        return _Read(dict(settings), facts, shown, nodes, extra, plain, left, count_part(shown, graph, nodes), is_given)

    def _prepare(self, read: _Read) -> _Read:
        """With the message for the page, which of huge graphs takes long, before it is delivered under a lock."""
        return read._replace(told=self._tell_graph(read))

    def _require_read(self) -> _Read:
        if self._read is None:
            raise InvalidValue("no graph has been traced yet; widget.wait() says why, or set widget.prompt")
        return self._read

    def _wait_for_first(self) -> _Read:
        """What is shown; while nothing was yet, waits for it."""
        if self._read is None:
            self.wait()
        return self._require_read()

    def _wait_for(self, job: Job) -> Any:
        """What a job gave, once that is shown; what took its place is not waited for."""
        error = job.exception()
        if isinstance(error, Cancelled):
            raise error
        self.wait()
        return job.wait()

    def _wait_for_graph(self) -> _Read:
        """What is shown, once the newest request is answered; a change that failed leaves the graph what it was."""
        try:
            self.wait()
        except Exception:
            if self._newest[0] == "trace" or self._read is None:
                raise
        return self._require_read()

    def _deliver(self, read: _Read) -> None:
        before, self._read = self._read, read
        note = ""
        if before is None or before.graph is not read.graph:
            if before is not None:
                note = self._follow_pick(before.graph.tokens, read.graph.tokens, read.settings["prompt"])
            note = " ".join(filter(None, (note, self._drop_marks(read))))
            footer = self._describe_source(read.graph)["footer"]
            if footer != self.footer:
                self.footer = footer
        if self._picture is None or any(
            one is not other for one, other in zip(self._picture, (read.graph, read.shown), strict=True)
        ):
            self._picture = (read.graph, read.shown)
            content, arrays = self._tell_graph(read) if read.told is None else read.told
            self._send_result({**content, "note": note}, arrays)
        self._send_subgraph()
        if read.effect is not (None if before is None else before.effect):
            self._send_effect()
        if read.heads is not (None if before is None else before.heads):
            self._send_heads()

    def _drop_marks(self, read: _Read) -> str:
        """Let go of what the graph has not; a sentence that says so."""
        groups = [{**one, "nodes": [id_ for id_ in one["nodes"] if id_ in read.ids]} for one in self.groups]
        pinned = tuple(one for one in self.pinned if one in read.ids)
        lost = len(self.pinned) - len(pinned)
        self._is_dropping = True
        try:
            if lost:
                self.pinned = pinned
            if groups != list(self.groups):
                self.groups = [one for one in groups if one["nodes"]]
            if self.selected_node is not None and self.selected_node not in read.ids:
                self.selected_node = None
        finally:
            self._is_dropping = False
        if not lost:
            return ""
        return f"{lost} pinned {'node is' if lost == 1 else 'nodes are'} not in this graph, and unpinned."

    def _shown_text(self) -> object:
        return self.prompt if self._read is None else self._read.settings["prompt"]

    def _get_result(self) -> AttributionGraph:
        return self._require_read().graph

    def _see_again(self, see: Any) -> None:
        read = self._read
        if read is not None:
            self._deliver(self._pack(read.settings, see(read.graph), is_given=read.is_given))

    def _list_held(self) -> tuple[object, ...]:
        return () if self._read is None else (self._read.graph,)

    # ---- changes

    def _take_message(self, kind: str, content: dict[str, Any]) -> None:
        if kind not in ("heads", "change"):
            super()._take_message(kind, content)
            return
        read = self._read
        if read is None:
            raise InvalidValue("there is no graph yet; wait for the trace")
        if kind == "heads":
            self._start_heads(*self._read_edge(read, content["node"], content["source"]))
        else:
            swaps = {one["node"]: one["feature"] for one in content["instead"]}
            self._start_change(*self._read_change(read, content["nodes"], content["factor"], swaps))

    def _require_settled(self, read: _Read) -> None:
        """Refuse what would be asked of a graph that is about to go, or that is not what the view says."""
        if self._is_settled(read):
            return
        if self._requests.is_busy:
            raise InvalidValue("another graph is being traced, and the one shown goes; wait for the trace")
        raise InvalidValue(
            "the graph shown is not of the prompt and target set, whose trace was stopped or failed; set them again"
        )

    def _read_edge(self, read: _Read, node: Any, source: Any) -> tuple[AttributionGraph, int, int]:
        self._require_settled(read)
        into, start = (read.ids[self._check_ids("an edge", [one])[0]] for one in (node, source))
        return read.graph, into, start

    def _read_change(
        self, read: _Read, nodes: Any, factor: object, instead: Any
    ) -> tuple[AttributionGraph, tuple[int, ...], tuple[str, ...], float, dict[int, FeatureRef]]:
        self._require_settled(read)
        graph = read.graph
        labels = {one["label"]: one["nodes"] for one in self.groups}
        if isinstance(nodes, str) and nodes in labels:
            nodes = [one for one in labels[nodes] if graph.kinds[read.ids[one]] == FEATURE]
        alone = isinstance(nodes, (str, int, np.integer))
        ids = self._check_ids("nodes", [nodes] if alone else nodes)
        chosen = check_nodes(graph, [read.ids[one] for one in ids])
        factor = check_float("factor", factor, low=-MOST_FACTOR, high=MOST_FACTOR)
        if not isinstance(instead, Mapping):
            raise InvalidValue(f"instead maps nodes to features, {{node: ref}}, got {describe_value(instead)}")
        if len(instead) > len(graph):
            raise InvalidValue(f"instead names nodes of the graph, which has {len(graph)}, got {len(instead)}")
        swaps = {}
        for node, ref in instead.items():
            [id_] = self._check_ids("instead", [node])
            swaps[read.ids[id_]] = (
                ref if isinstance(ref, FeatureRef) else self._find_in_layer(graph, read.ids[id_], ref)
            )
        if not self._can_change(read):
            raise InvalidValue("this graph cannot be changed here: it is not of next tokens, or of another model")
        return graph, chosen, ids, factor, swaps

    def _find_in_layer(self, graph: AttributionGraph, node: int, number: object) -> FeatureRef:
        """A feature of a node's layer, by its number there."""
        ref = graph.ref(node)
        size = graph.share or (self.scope.dictionary_info(ref.dictionary_id).d_dict or 2**31)
        own = check_int("the feature that takes its place", number, low=0, high=size - 1)
        return FeatureRef(ref.dictionary_id, own + graph.share * int(graph.node_layers[node]))

    def _start_change(
        self,
        graph: AttributionGraph,
        nodes: tuple[int, ...],
        ids: tuple[str, ...],
        factor: float,
        swaps: dict[int, FeatureRef],
    ) -> Job:
        self._newest, self._doing = ("change", (graph, nodes, ids, factor, swaps)), "change"
        words = self._write_change(graph, nodes, factor, swaps)

        started: list[Job] = []

        def submit(number: int) -> Job:
            job = self.scope.start_change_circuit(graph, nodes, factor, instead=swaps or None, slot=id(self))

            def take(ended: Job) -> None:
                read = self._read
                if ended.exception() is not None or read is None or read.graph is not graph:
                    return
                try:
                    fresh = self._redraw(read)._replace(effect=_Effect(ended.result(), ids, words, swaps))
                    self._requests.deliver(number, lambda: self._deliver(fresh))
                except Exception as error:  # noqa: BLE001 - it becomes the widget's status
                    self._requests.end(number, error)

            job.add_done_callback(take)
            started.append(job)
            return job

        self._requests.start(submit, doing="Changing…")
        return started[0]

    def _start_heads(self, graph: AttributionGraph, node: int, source: int) -> Job:
        self._newest, self._doing = ("heads", (graph, node, source)), "heads"
        started: list[Job] = []

        def submit(number: int) -> Job:
            job = self.scope.start_circuit_heads(graph, node, source, slot=id(self))

            def take(ended: Job) -> None:
                read = self._read
                if ended.exception() is not None or read is None or read.graph is not graph:
                    return
                try:
                    fresh = self._redraw(read)._replace(heads=ended.result())
                    self._requests.deliver(number, lambda: self._deliver(fresh))
                except Exception as error:  # noqa: BLE001 - it becomes the widget's status
                    self._requests.end(number, error)

            job.add_done_callback(take)
            started.append(job)
            return job

        self._requests.start(submit, doing="Taking the edge apart…")
        return started[0]

    def _send_heads(self) -> None:
        read = self._require_read()
        found = read.heads
        if found is None:
            self.send({"type": "heads", "node": "", "source": "", "weight": 0.0, "direct": 0.0, "heads": 0, "rows": []})
            return
        rows: list[HeadRow] = [
            {
                "layer": layer,
                "head": head,
                "weight": float(found.weights[layer, head]),
                "share": float(found.weights[layer, head]) / found.weight,
            }
            for layer, head in found.top(LISTED_HEADS)
        ]
        self.send(
            {
                "type": "heads",
                "node": read.facts.names[found.node],
                "source": read.facts.names[found.source],
                "weight": found.weight,
                "direct": found.direct,
                "heads": int(np.count_nonzero(found.weights)),
                "rows": rows,
            }
        )

    def _can_change(self, read: _Read) -> bool:
        """Whether the model here is the one that the graph is of, and the graph is of next tokens."""
        if any(not one.ids for one in read.graph.targets) or not (read.graph.kinds == FEATURE).any():
            return False
        return self._is_own(read)

    def _is_own(self, read: _Read) -> bool:
        """Whether the dictionaries of the graph are this scope's."""
        try:
            for one in filter(None, read.graph.dictionary_ids):
                self.scope.dictionary_info(one)
        except GscopeError:
            return False
        return True

    # ---- words

    def _write_change(
        self, graph: AttributionGraph, nodes: Sequence[int], factor: float, swaps: Mapping[int, FeatureRef]
    ) -> str:
        names = ", ".join(
            f"{name_node(graph, node)} of layer {graph.node_layers[node]} at {name_place(graph, node)}"
            for node in nodes[:_NAMED_NODES]
        )
        if len(nodes) > _NAMED_NODES:
            names += f" and {len(nodes) - _NAMED_NODES} more"
        if swaps:
            size = graph.share or 2**31
            numbers = ", ".join(str(ref.feature % size) for ref in list(swaps.values())[:_NAMED_NODES])
            return f"{names}: feature {numbers} in its place"
        return f"{names}: ablated" if factor == 0 else f"{names}: times {format_number(factor, 4)}"

    def _describe_source(self, graph: AttributionGraph | None) -> dict[str, Any]:
        """The footer: which model and dictionaries."""
        ids = [] if graph is None else [one for one in graph.dictionary_ids if one]
        if len(ids) > _LISTED_IDS:
            ids = [ids[0], f"{len(ids) - 2} more", ids[-1]]
        return {"footer": describe_engine(self.scope, *ids)}

    def _name_targets(self) -> list[str]:
        return [format_token(one.name) for one in self._require_read().graph.targets]

    def _mark(self, graph: AttributionGraph) -> AttributionGraph:
        """The graph with pins and groups as they are."""
        ids = self._require_read().ids
        held = ((one["label"], sorted(ids[id_] for id_ in one["nodes"] if id_ in ids)) for one in self.groups)
        groups = tuple(NodeGroup(label, tuple(nodes)) for label, nodes in held if nodes)
        return replace(graph, pinned=tuple(ids[one] for one in self.pinned if one in ids), groups=groups)

    def _list_strongest(self, read: _Read, count: int) -> list[int]:
        """Nodes of the whole graph that are drawn, most influential first."""
        influence = read.facts.influence[read.nodes]
        found: list[int] = read.nodes[np.argsort(-influence, kind="stable")[:count]].tolist()
        return found

    def name_node(self, read: _Read, node: int) -> str:
        return name_node(read.graph, node)

    def _build_boxes(self, read: _Read) -> tuple[CircuitSubgraph, list[str]]:
        """Groups, other pins and targets, by layer and position; and the key of each."""
        graph, names = read.graph, list(read.facts.names)
        grouped = [(one["label"], [read.ids[id_] for id_ in one["nodes"] if id_ in read.ids]) for one in self.groups]
        taken = {node for _, nodes in grouped for node in nodes}
        alone = [read.ids[one] for one in self.pinned if one in read.ids]
        alone += np.flatnonzero(graph.kinds == TARGET).tolist()
        boxes = [(f"group {label}", label, nodes) for label, nodes in grouped if nodes]
        boxes += [(names[node], "", [node]) for node in dict.fromkeys(alone) if node not in taken]
        boxes.sort(key=lambda box: (float(graph.node_layers[box[2]].mean()), float(graph.positions[box[2]].mean())))
        named = [(label or graph.name(nodes[0]), nodes) for _, label, nodes in boxes]
        return build_subgraph(graph, named), [key for key, *_ in boxes]

    def _greet(self) -> None:
        super()._greet()
        if self._read is not None:
            self._send_subgraph()
            if self._read.effect is not None:
                self._send_effect()
            if self._read.heads is not None:
                self._send_heads()

    def _send_subgraph(self) -> None:
        read = self._require_read()
        found, keys = self._build_boxes(read)
        names = list(read.facts.names)
        boxes: list[BoxInfo] = [
            {
                "key": key,
                "label": label if key.startswith("group ") else "",
                "nodes": [names[node] for node in nodes],
                "layer": float(read.graph.node_layers[list(nodes)].mean()),
                "pos": float(read.graph.positions[list(nodes)].mean()),
                "shown": _as_number(found.shown[at]),
                "errors": _as_number(found.errors[at]),
            }
            for at, (key, label, nodes) in enumerate(zip(keys, found.labels, found.members, strict=True))
        ]
        rows, sources = np.nonzero(found.weights)
        order = np.argsort(-np.abs(found.shares[rows, sources]), kind="stable")
        edges: list[BoxEdge] = [
            {
                "source": int(sources[at]),
                "sink": int(rows[at]),
                "weight": float(found.weights[rows[at], sources[at]]),
                "share": float(found.shares[rows[at], sources[at]]),
            }
            for at in order
        ]
        self.send({"type": "subgraph", "boxes": boxes, "edges": edges})

    def _send_effect(self) -> None:
        found = self._require_read().effect
        if found is None:
            self.send({"type": "effect", "words": "", "nodes": [], "controls": 0, "rows": []})
            return
        effect, ids, words, _ = found
        rows: list[EffectRow] = [
            {
                "target": target.name,
                "baseline": float(effect.baseline[at]),
                "predicted": _as_number(effect.predicted[at]),
                "frozen": float(effect.frozen[at]),
                "free": float(effect.free[at]),
                "random": float(effect.random[:, at].mean()),
                "random_low": float(effect.random[:, at].min()),
                "random_high": float(effect.random[:, at].max()),
            }
            for at, target in enumerate(effect.targets)
        ]
        self.send({"type": "effect", "words": words, "nodes": list(ids), "controls": len(effect.random), "rows": rows})

    def _tell_graph(self, read: _Read) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        graph, shown, nodes = read.graph, read.shown, read.nodes
        names, first, settings = list(read.facts.names), graph.first_row, read.settings
        rows = nodes >= first
        inputs, rest = np.zeros(len(nodes), np.float32), np.full(len(nodes), np.nan, np.float32)
        values = np.full(len(nodes), np.nan, np.float32)
        at = nodes[rows] - first
        inputs[rows] = read.facts.inputs[at]
        rest[rows] = graph.remainder[at] + graph.left_out[at]
        values[rows] = graph.values[at]
        refs = list(dict.fromkeys(graph.dictionary_ids))
        is_feature = shown.kinds == FEATURE
        owners = [refs.index(graph.dictionary_ids[0 if len(graph.dictionary_ids) == 1 else layer]) for layer in
                  shown.node_layers[is_feature].tolist()]  # fmt: skip
        dictionaries, features = np.full((2, len(nodes)), -1, np.int32)
        dictionaries[is_feature], features[is_feature] = owners, shown.numbers[is_feature]
        edges = pack_edges(shown, most=DRAWN_EDGES)
        arrays = {
            "kinds": shown.kinds.astype(np.int32),
            "node_layers": shown.node_layers.astype(np.int32),
            "positions": shown.positions.astype(np.int32),
            "numbers": np.array([name_number(graph, node) for node in nodes.tolist()], np.int32),
            "features": features,
            "dictionaries": dictionaries,
            "activations": shown.activations.astype(np.float32),
            "influence": read.facts.shares[nodes],
            "inputs": inputs,
            "values": values,
            "rest": rest,
            **edges,
        }
        tokens = graph.tokens
        content = {
            "prompt": as_prompt(settings["prompt"]),
            "target": tell_target(settings["target"]),
            "node_share": settings["node_share"],
            "edge_share": settings["edge_share"],
            "tokens": list(tokens.strings),
            "glyphs": [{"first": first, "last": last, "character": sign} for first, last, sign in tokens.glyphs],
            "ignored": {str(pos): reason for pos, reason in tokens.ignored.items()},
            "layers": graph.layers,
            "targets": [
                {
                    "name": one.name,
                    "id": one.ids[0] if len(one.ids) == 1 else None,
                    "probability": one.probability,
                    "value": one.value,
                    "weight": float(weight),
                }
                for one, weight in zip(graph.targets, graph.target_weights.tolist(), strict=True)
            ],
            "whole": read.facts.numbers,
            "shown": read.numbers,
            "ids": [names[node] for node in nodes.tolist()],
            "refs": refs,
            "labels": tell_labels(shown, read.facts.influence[nodes], most=LABEL_BYTES),
            "can_change": self._can_change(read),
            "has_heads": self._is_own(read),
            "notes": self._write_notes(read),
        }
        return content, arrays

    def _write_notes(self, read: _Read) -> list[str]:
        notes = []
        if read.left > len(read.shown):
            notes.append(
                f"The {len(read.shown)} most influential of {read.left} nodes are drawn; prune further to see all "
                "that is left."
            )
        if read.numbers["edges"] > DRAWN_EDGES:
            notes.append(f"The {DRAWN_EDGES} heaviest of {read.numbers['edges']} edges are drawn.")
        left = float(np.abs(read.graph.left_out[-len(read.graph.targets) :]).max(initial=0))
        if left > 0 and read.graph.whole is None:
            notes.append(
                f"More features fired than are nodes; they add {format_number(left)} to the answer, left out here."
            )
        if read.graph.whole is not None:
            before = read.graph.whole
            notes.append(
                "The graph itself is a part of a larger one, whose replacement is "
                f"{format_number(before.replacement)} and completeness {format_number(before.completeness)}."
            )
        if read.is_given and not self._can_change(read):
            notes.append("The graph was given; its nodes cannot be changed in this model.")
        return notes

    def _copy_parts(self) -> list[str]:
        read = self._read
        if read is None:
            return [copy.build_paragraph("No graph has been traced yet.")]
        graph = read.graph
        tokens = format_tokens(graph.tokens.strings, graph.tokens.glyphs)
        explained = ", ".join(
            format_token(one.name) + ("" if one.probability is None else f" {format_percent(one.probability)}")
            for one in graph.targets
        )
        numbers = [("whole graph", read.facts.numbers), ("shown", read.numbers)]
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
        influence = read.facts.shares
        listed = self._list_strongest(read, COPIED_NODES)
        rows = [
            [
                name_node(read.graph, node),
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
        caption = f"The {len(rows)} most influential nodes" if len(read.nodes) > len(rows) else "Nodes"
        parts = [
            copy.build_paragraph(f"Prompt: {format_prompt(as_prompt(read.settings['prompt']))}"),
            copy.build_paragraph(f"Tokens: {' '.join(tokens)}"),
            copy.build_paragraph(f"Explained: {explained}"),
            scores,
            *map(copy.build_paragraph, self._write_notes(read)),
            copy.build_details("Numbers", copy.build_table(columns=columns, rows=rows, caption=caption)),
        ]
        return [*parts, *self._copy_subgraph(read), *self._copy_effect(read), *self._copy_heads(read)]

    def _copy_heads(self, read: _Read) -> list[str]:
        found = read.heads
        if found is None:
            return []
        rows = [["through no head", format_number(found.direct), format_share(found.direct / found.weight)]]
        for layer, head in found.top(LISTED_HEADS):
            weight = float(found.weights[layer, head])
            rows.append([f"{layer}.{head}", format_number(weight), format_share(weight / found.weight)])
        names = [f"{name_node(read.graph, one)} at {name_place(read.graph, one)}" for one in (found.source, found.node)]
        caption = f"Heads that carried {names[0]} to {names[1]}, of {format_number(found.weight)}"
        return [copy.build_table(columns=["layer.head", "amount", "share"], rows=rows, caption=caption)]

    def _copy_subgraph(self, read: _Read) -> list[str]:
        if not self.pinned and not self.groups:
            return []
        found, _ = self._build_boxes(read)
        names = [
            label
            if len(nodes) > 1
            else f"{name_node(read.graph, nodes[0])}, layer {name_layer(read.graph, nodes[0])}, "
            f"at {name_place(read.graph, nodes[0])}"
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
        columns = ["from", "to", "weight", "share of its input"]
        return [copy.build_table(columns=columns, rows=rows, caption="What is pinned, and what it adds")]

    def _copy_effect(self, read: _Read) -> list[str]:
        if read.effect is None:
            return []
        effect, _, words, _ = read.effect
        rows = [
            [format_token(str(row[0])), *(format_number(float(one)) for one in row[1:])]
            for row in effect.to_frame().itertuples(index=False)
        ]
        columns = ["target", "before", "predicted", "attention frozen", "in the model"]
        columns += ["random", "random, least", "random, most"]
        return [copy.build_table(columns=columns, rows=rows, caption=f"Changed: {format_text(words)}")]

    def _define_terms(self) -> dict[str, str]:
        names = (
            "feature",
            "activation",
            "layer",
            "probability",
            "influence",
            "replacement",
            "completeness",
            "error node",
        )
        return {name: define(name) for name in names}


def _open_dictionaries(scope: Scope, given: Any) -> Any:
    """The dictionaries given, open; None for those of all layers."""
    if given is None or hasattr(given, "info"):
        return given
    if isinstance(given, Mapping):
        given = [given]
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise InvalidValue(f"dictionaries is a list from scope.dictionary(), got {describe_value(given)}")
    opened = []
    for one in given:
        if isinstance(one, Mapping):
            try:
                one = scope.dictionary(**one)
            except TypeError as error:
                raise InvalidValue(f"dictionaries holds {describe_value(one)}, but {error}") from None
        if not hasattr(one, "info"):
            raise InvalidValue(f"dictionaries come from scope.dictionary(), got {describe_value(one)}")
        opened.append(one)
    if not opened:
        raise InvalidValue("dictionaries is empty; give transcoders or a CLT, or leave it out for those of all layers")
    return opened


def _read_given(graph: object, prompt: object, target: object) -> tuple[Any, Any]:
    """Prompt and target of a graph that was given.

    Raises:
        InvalidValue: it is none, or a prompt or target stands beside it.
    """
    if not isinstance(graph, AttributionGraph):
        raise InvalidValue(f"graph comes from scope.circuit(...) or gs.load_circuit(...), got {describe_value(graph)}")
    check_graph(graph)
    if prompt != "" or target is not None:
        raise InvalidValue("a graph has its own prompt and target; leave them out, or leave out the graph")
    ids = [one.ids for one in graph.targets]
    if len(ids) == 1 and len(ids[0]) == 2:
        return graph.tokens.text, tuple(ids[0])
    return graph.tokens.text, ids[0][0] if len(ids) == 1 and len(ids[0]) == 1 and ids[0][0] >= 0 else None


def _wait_for_graph(job: Job) -> AttributionGraph | None:
    """What is traced, or None where it takes longer than a reader waits for nothing to see."""
    try:
        graph: AttributionGraph = job.result(_PATIENCE_S)
    except TimeoutError:
        if job.done():
            raise
        return None
    except KeyboardInterrupt:
        job.cancel()
        raise
    return graph


def _as_number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
