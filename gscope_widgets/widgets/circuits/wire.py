"""What `CircuitGraph` and its page say to each other."""

from typing import Annotated, Literal, TypedDict

from gscope_widgets.records.circuit_effects import MOST_ACTIVATION, MOST_FACTOR
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.limits import GROUP_LABEL
from gscope_widgets.widgets.base.wire import ArrayHead, Glyph, Label, Text


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
    # int32 (of features in their dictionary, of tokens their ids), features int32 (the same, -1 for others),
    # dictionaries int32, activations float32 (NaN for others), influence float32 (share of all there is), inputs
    # float32 (sum of the sizes of all that comes in, of the whole graph), values float32, rest float32 (what comes in
    # from no node of the whole graph; NaN for tokens and errors); of edges [e]: sources int32, sinks int32, weights
    # float32, flows float32 (share of what flows to the targets), heaviest last
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
    """What is pinned, and a target, with what each adds to the others directly, on the whole graph."""

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
    feature: Annotated[int, Bounds(low=0)]  # its number in the dictionary


class ChangeNodes(TypedDict):
    """From the page: change nodes of the graph in the model."""

    type: Literal["change"]
    nodes: list[str]
    factor: Annotated[float, Bounds(-MOST_FACTOR, MOST_FACTOR)] | None  # that activations are multiplied by
    activation: Annotated[float, Bounds(0, MOST_ACTIVATION)] | None  # or that they are held at
    instead: list[SwapIn]
