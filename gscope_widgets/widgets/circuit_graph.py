"""CircuitGraph: which features brought about a prediction, through which others, over tokens and layers."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import traitlets as t

from gscope_widgets.errors import Cancelled, InvalidValue
from gscope_widgets.records.circuit_effects import Activations, CircuitEffect, CircuitNodes
from gscope_widgets.records.circuit_subgraph import CircuitSubgraph
from gscope_widgets.records.circuits import EDGE_SHARE, MAX_FEATURES, NODE_SHARE, AttributionGraph, CircuitTarget
from gscope_widgets.records.edge_heads import EdgeHeads
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.figures import write_title
from gscope_widgets.records.glossary import define
from gscope_widgets.records.numbers import check_float, check_int
from gscope_widgets.records.protocols import Dictionary, Job, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.features import tell_ref
from gscope_widgets.widgets.base.formats import format_number, format_percent, format_token, format_tokens
from gscope_widgets.widgets.base.picks import TokenPicker
from gscope_widgets.widgets.base.reader import describe_engine
from gscope_widgets.widgets.base.requests import wait_at_first
from gscope_widgets.widgets.base.state import Checked, check_scope, check_text
from gscope_widgets.widgets.base.widget import SharedName
from gscope_widgets.widgets.base.wire import Piece, Ref, Text
from gscope_widgets.widgets.circuits.code import write_code
from gscope_widgets.widgets.circuits.copies import copy_drawn
from gscope_widgets.widgets.circuits.drawing import Drawing
from gscope_widgets.widgets.circuits.drawn import DrawnGraph, GraphFacts, draw_graph
from gscope_widgets.widgets.circuits.following import follow_marks
from gscope_widgets.widgets.circuits.homes import Away, Home
from gscope_widgets.widgets.circuits.marks import Marks, NodeIds, check_feature, check_groups, check_pinned
from gscope_widgets.widgets.circuits.names import name_node
from gscope_widgets.widgets.circuits.questions import (
    GIVE_SCOPE,
    EdgeQuestion,
    NodeChange,
    find_reach,
    has_model,
    read_change,
    read_edge,
)
from gscope_widgets.widgets.circuits.targets import check_target, tell_target
from gscope_widgets.widgets.circuits.telling import tell_answers, tell_graph, tell_subgraph, write_notes
from gscope_widgets.widgets.circuits.tracing import Tracing, open_alone, open_dictionaries, read_given
from gscope_widgets.widgets.circuits.wire import (
    AskHeads,
    ChangeNodes,
    EffectResult,
    GraphResult,
    GroupState,
    HeadsResult,
    PlacedRef,
    SubgraphResult,
)
from gscope_widgets.widgets.circuits.work import GraphWork

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_PATIENCE_S = 2.0  # that the constructor waits for the first graph; what takes longer goes on in the view
_LISTED_IDS = 5  # dictionaries named in the footer
_SHOWN_NODES = 12  # the most influential, that copy and view agree on
_MARK_NAMES = {"pinned": "pinned", "groups": "groups", "selected_node": "selected"}  # of traits, in `Marks`
_TERMS = ("feature", "activation", "layer", "probability", "influence", "replacement", "completeness", "error node")


def _check_prompt(graph: "CircuitGraph", value: object) -> object:
    return check_text(graph.scope, value)


def _check_target(graph: "CircuitGraph", value: object) -> object:
    return graph._refuse_alone("target", check_target(graph.scope, value))


def _check_node_share(_graph: object, value: object) -> float:
    return check_float("node_share", value, low=0.0, high=1.0)


def _check_edge_share(_graph: object, value: object) -> float:
    return check_float("edge_share", value, low=0.0, high=1.0)


def _check_pinned(graph: "CircuitGraph", value: object) -> tuple[str, ...]:
    return check_pinned(graph._name_nodes(), value)


def _check_groups(graph: "CircuitGraph", value: object) -> tuple[dict[str, Any], ...]:
    return check_groups(graph._name_nodes(), value)


def _check_selected(graph: "CircuitGraph", value: object) -> str | None:
    return None if value is None else graph._name_nodes().check("selected_node", [value])[0]


def _check_feature(_graph: object, value: object) -> FeatureRef | None:
    return check_feature(value)


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
        help="What is explained: None for the likeliest next tokens; a token, as its text or its id, which is kept as "
        "its text; two, for the difference of their logits; or a feature at a position, set as `(ref, pos)`.",
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
        help="Ids of the nodes pinned, as circuit-tracer writes them; numbers of `graph`'s nodes are taken too, as "
        "`to_frame` has them. With another prompt a pin goes with its token; where that has changed, a feature stays "
        "wherever the graph has it. What the graph has not comes back with one that has, unless all is unpinned.",
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
    _fresh: frozenset[str] = frozenset()  # ids that Python marked for the graph that is awaited
    _homes: Mapping[str, Home] = MappingProxyType({})  # see `Marks`
    _away: tuple[Away, ...] = ()

    def __init__(
        self,
        scope: Scope | AttributionGraph,
        prompt: str | Sequence[dict[str, str]] = "",
        *,
        dictionaries: Sequence[Dictionary | Mapping[str, Any]] | Dictionary | None = None,
        target: CircuitTarget = None,
        graph: AttributionGraph | None = None,
        max_features: int = MAX_FEATURES,
        node_share: float = NODE_SHARE,
        edge_share: float = EDGE_SHARE,
        pinned: Iterable[int | str] = (),
        groups: object = (),
        selected_node: int | str | None = None,
    ):
        """Trace the prompt, and draw the graph. What takes longer than two seconds goes on in the view.

        Args:
            scope: from `gs.load`; or a graph from `gs.load_circuit` alone, without a model: it is then drawn, pruned,
                marked and saved, and nothing is traced or changed.
            prompt: a string, or chat messages for a chat model.
            dictionaries: one CLT, or transcoders of different layers, from `scope.dictionary()` or its keywords as
                dicts; None for those of all layers. See `gs.circuit`.
            target: what is explained; see the trait.
            graph: from `gs.circuit` or `gs.load_circuit`, drawn instead of tracing; its text is then the prompt. Its
                own pins and groups are taken where none are given.
            max_features: nodes of features, 1 to 100,000; where more fire, the most influential.
            node_share, edge_share: how far it is pruned at first; see the traits.
            pinned, groups, selected_node: what is marked at first; see the traits.

        Raises:
            InvalidValue, PromptTooLong, UnknownDictionary, OutOfMemory: with what to do.
        """
        if isinstance(scope, AttributionGraph):
            scope, graph = open_alone(scope, graph, dictionaries)
        check_scope(scope)
        self.scope = scope
        most = check_int("max_features", max_features, low=1, high=100_000)
        self._tracing = Tracing(open_dictionaries(scope, dictionaries), most)
        self._picture: tuple[Any, ...] | None = None
        self._drawing = Drawing(want=self._read_wanted, tell=self._tell)
        if graph is not None:
            prompt, target = read_given(scope, graph, prompt, target)
        settings = {
            "prompt": check_text(scope, prompt),
            "target": _check_target(self, target),
            "node_share": _check_node_share(self, node_share),
            "edge_share": _check_edge_share(self, edge_share),
        }
        job = None
        if graph is None:
            job = self._tracing.start(scope, settings, slot=id(self))
            graph = wait_at_first(job, _PATIENCE_S)
        is_given = job is None
        if graph is not None:
            self._drawing.now = draw_graph(GraphFacts.of(graph), settings, frozenset(), is_given=is_given)
        marks = Marks(_check_pinned(self, pinned), _check_groups(self, groups), _check_selected(self, selected_node))
        if graph is not None and is_given and not marks.pinned and not marks.groups:
            marks = marks._replace(pinned=_check_pinned(self, graph.pinned), groups=_check_groups(self, graph.groups))
        drawn = self._drawn
        if drawn is not None and not (extra := marks.list_nodes(drawn.graph)) <= drawn.plain:
            self._drawing.now = draw_graph(drawn.facts, settings, extra, is_given=is_given)
        super().__init__(
            scope,
            **settings,
            pinned=marks.pinned,
            groups=marks.groups,
            **self._locate_selected(marks.selected),
            **self._describe_source(graph),
        )
        self._work = GraphWork(
            self._requests,
            self._drawing,
            show=self._deliver,
            prune=lambda redraw: self._request(redraw, deliver=self._deliver, doing="Pruning…"),
            traced=settings,
            slot=id(self),
        )
        if self._drawn is not None:
            self._present(self._drawn, self._deliver)
        self._open()
        self._has_opened = True
        if job is not None and self._drawn is None:
            self._work.follow(lambda: job, settings)

    # ---- what it holds

    @property
    def graph(self) -> AttributionGraph:
        """The whole graph, with pins and groups as they are, once the newest request is answered."""
        return self._marks.put(self._wait_for_graph().graph)

    @property
    def shown(self) -> AttributionGraph:
        """What is drawn of it: pruned, with all that is pinned. Ids are the same there, numbers of nodes its own."""
        return self._wait_for_graph().shown

    @property
    def subgraph(self) -> CircuitSubgraph:
        """What is pinned, groups as one box each; and the heaviest target, where none is among them."""
        return self._marks.build_boxes(self._wait_for_graph().graph)[0]

    @property
    def effect(self) -> CircuitEffect | None:
        """What the newest change of nodes did; None where none was made on this graph."""
        self.wait()
        found = self._drawing.require().effect
        return None if found is None else found.record

    def change(
        self,
        nodes: CircuitNodes,
        factor: float | None = None,
        *,
        activation: Activations | None = None,
        instead: Mapping[int | str, FeatureRef | int] | None = None,
    ) -> CircuitEffect:
        """Scale or hold nodes of the graph in the model, or have other features take their place; see `effect`.

        Args:
            nodes: ids or numbers of features; or a group, one of `graph.groups` or its label, whose features are
                changed. A string is taken as an id where no group has that label.
            factor: what their activations are multiplied by, -100 to 100; 0 ablates, as does neither of the two.
            activation: or what they are held at, 0 to 1e6: a number for all, or by node, each of them once.
            instead: by node, another feature of its layer, as a ref or its number; see `gs.change_circuit`.

        While another prompt is traced, waits for its graph.

        Raises:
            InvalidValue: no features, a factor and an activation, or a graph that this scope cannot change.
            Cancelled: it was stopped, or something newer took its place.
        """
        self._require_open()
        drawn = self._wait_for_graph()
        job = self._work.ask(self.scope, self._read_change(drawn, nodes, factor, activation, instead))
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
        job = self._work.ask(self.scope, self._read_edge(self._wait_for_graph(), node, source))
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
        """A pandas DataFrame, one row a node that is drawn, most influential first; see `AttributionGraph.to_frame`.

        Its column `node` has numbers of the whole `graph`, as `pinned`, `change` and `heads` take them.
        """
        drawn = self._wait_for_first()
        frame = drawn.shown.to_frame()
        return frame.assign(node=drawn.nodes[frame.node])

    def plot(self) -> "Figure":
        """A matplotlib Figure of what is drawn; see `AttributionGraph.plot`."""
        figure = self._wait_for_first().shown.plot()
        write_title(figure, f"{self.badge} · explains {', '.join(self._name_targets())}")
        return figure

    def shows(self) -> list[str]:
        """The tokens, the targets, both scores of the whole graph and of what is drawn, and the strongest nodes."""
        drawn = self._wait_for_first()
        words = [*format_tokens(drawn.graph.tokens.strings, drawn.graph.tokens.glyphs), *self._name_targets()]
        for numbers in (drawn.facts.numbers, drawn.numbers):
            words += [format_number(numbers[name]) for name in ("replacement", "completeness")]
            words.append(format_percent(numbers["error_share"]))
        for node in drawn.list_strongest(_SHOWN_NODES):
            words += [name_node(drawn.graph, node), format_percent(float(drawn.facts.shares[node]))]
        return list(dict.fromkeys(words))

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget; a graph that was given is saved first."""
        drawn = self._wait_for_first()
        return write_code(
            self.scope,
            drawn,
            dictionary_ids=self._tracing.dictionary_ids,
            max_features=self._tracing.max_features,
            is_own=find_reach(self.scope, drawn.graph).has_heads,
        )

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from."""
        drawn = self._wait_for_first()
        graph, settings = drawn.graph, drawn.settings
        if drawn.is_given and graph.provenance is not None:
            return graph.provenance
        kept = {
            "target": tell_target(settings["target"]),
            "max_features": self._tracing.max_features,
            "node_share": settings["node_share"],
            "edge_share": settings["edge_share"],
        }
        known = [one for one in graph.dictionary_ids if one and not drawn.is_given]
        return self.scope.provenance(known, token_ids=graph.tokens.ids, **kept)

    def take_shared(self, name: SharedName, value: Any) -> None:
        """See `GscopeWidget`. A feature that the graph has not is left alone; None lets the node go."""
        if name == "feature" and value is not None and not self._find_feature(value):
            return
        super().take_shared(name, value)

    # ---- state

    @t.observe("pinned", "groups")
    def _on_marks(self, change: Any) -> None:
        if self._is_quiet or self._is_dropping:
            return
        self._note_fresh(change)
        self._follow_marks()

    @t.observe("selected_node")
    def _on_node(self, change: Any) -> None:
        if self._is_quiet:
            return
        self._note_fresh(change)
        drawn = self._drawn
        node = None if drawn is None or change.new is None else drawn.ids.get(change.new)
        with self.hold_sync():
            if drawn is None or node is None:
                self.selected_feature = self.selected_pos = None
            else:
                self.selected_feature = drawn.read_ref(change.new)
                pos = int(drawn.graph.positions[node])
                self.selected_pos = pos if pos < self._count_tokens() else None
        if not self._is_dropping:
            self._follow_marks()

    @t.observe("selected_feature")
    def _on_feature(self, change: Any) -> None:
        drawn = self._drawn
        if self._is_quiet or drawn is None or drawn.read_ref(self.selected_node) == change.new:
            return
        found = [] if change.new is None else self._find_feature(change.new)
        self.selected_node = found[0] if found else None

    @t.observe("selected_pos")
    def _on_pos(self, _change: object) -> None:
        if not self._is_quiet:
            self._output.refresh()

    def _locate_selected(self, node: int | str | None) -> dict[str, Any]:
        """The traits of a node selected, before anything follows them."""
        drawn, found = self._drawn, _check_selected(self, node)
        if drawn is None or found is None:
            return {"selected_node": found}
        pos = int(drawn.graph.positions[drawn.ids[found]])
        return {"selected_node": found, "selected_feature": drawn.read_ref(found), "selected_pos": pos}

    @property
    def _drawn(self) -> DrawnGraph | None:
        return self._drawing.now

    def _read_wanted(self) -> tuple[Mapping[str, float], Marks]:
        return {"node_share": self.node_share, "edge_share": self.edge_share}, self._marks

    @property
    def _marks(self) -> Marks:
        return Marks(self.pinned, self.groups, self.selected_node, self._fresh, self._homes, self._away)

    def _note_fresh(self, change: Any) -> None:
        """Keep in mind what Python marks by its id while another graph is awaited: it is a node of that one."""
        drawn = self._drawn
        if drawn is None or self._is_dropping or self._is_from_page or self._is_settled(drawn):
            return
        marks = self._marks
        before = marks._replace(**{_MARK_NAMES[change.name]: change.old})
        self._fresh |= marks.list_ids() - before.list_ids()

    def _settle_marks(self, drawn: DrawnGraph) -> None:
        """Let go of what was marked for another graph, where that does not come."""
        self._fresh = frozenset()
        if not self._marks.list_ids() <= drawn.ids.keys():
            self._remark = self._carry_marks(drawn, drawn)

    def _follow_marks(self) -> None:
        """Draw what is marked, where pruning has left it out, and tell the subgraph."""
        drawn = self._drawn
        if drawn is None:
            return
        if self._drawing.is_behind(drawn) and not self._work.is_at("trace", "change", "heads"):
            self._work.prune(drawn)
        else:  # what is under way draws it when it ends
            self._send_subgraph()
            self._output.refresh()

    def _find_feature(self, ref: FeatureRef) -> list[str]:
        """The ids of a feature's nodes: at the token picked first, then by influence."""
        if self._drawn is None or not isinstance(ref, FeatureRef):
            return []
        return self._drawn.find_feature(ref, self.selected_pos)

    def _name_nodes(self) -> NodeIds:
        """How nodes can be named now; unknown ids are let through while another graph is awaited."""
        drawn = self._drawn
        return NodeIds(None, True) if drawn is None else NodeIds(drawn.graph, not self._is_settled(drawn))

    def _refuse_alone(self, name: str, value: object) -> object:
        """What a setting is; where no model is, it stays what the graph is of."""
        drawn = self._drawn
        if drawn is not None and not has_model(self.scope) and value != drawn.settings[name]:
            raise InvalidValue(f"no model is here to trace another {name}; {GIVE_SCOPE}")
        return value

    def _is_settled(self, drawn: DrawnGraph) -> bool:
        """Whether the graph shown is that of the prompt and target set."""
        if not self._has_opened:
            return True
        return all(getattr(self, name) == drawn.settings[name] for name in ("prompt", "target"))

    # ---- requests

    def _read_keyword(self, name: str) -> Any:
        if name == "graph":
            if self._drawn is not None and self._drawn.is_given:
                first = "scope, graph=" if has_model(self.scope) else ""
                raise InvalidValue(
                    "a graph that was given is kept by widget.save_graph(path); "
                    f"gs.CircuitGraph({first}gs.load_circuit(path)) shows it again"
                )
            return None
        if name == "dictionaries":
            return self._tracing.dictionary_ids or None
        if name == "max_features":
            return self._tracing.max_features
        return super()._read_keyword(name)

    def _answer(self, settings: dict[str, Any]) -> None:
        drawn = self._drawn
        is_settled = drawn is not None and self._is_settled(drawn)
        if drawn is not None and is_settled:
            self._settle_marks(drawn)
        self._work.answer(
            settings, is_settled=is_settled, start=lambda: self._tracing.start(self.scope, settings, slot=id(self))
        )

    def _ask_again(self) -> None:
        if not self._work.ask_again(self.scope):
            super()._ask_again()

    def _take_message(self, kind: str, content: dict[str, Any]) -> None:
        if kind not in ("heads", "change"):
            super()._take_message(kind, content)
            return
        drawn = self._drawn
        if drawn is None:
            raise InvalidValue("there is no graph yet; wait for the trace")
        if kind == "heads":
            self._work.ask(self.scope, self._read_edge(drawn, content["node"], content["source"]))
        else:
            swaps = {one["node"]: one["feature"] for one in content["instead"]}
            numbers = content["factor"], content["activation"]
            self._work.ask(self.scope, self._read_change(drawn, content["nodes"], *numbers, swaps))

    def _read_edge(self, drawn: DrawnGraph, node: object, source: object) -> EdgeQuestion:
        self._require_settled(drawn)
        return read_edge(self.scope, drawn.graph, self._name_nodes(), node, source)

    def _read_change(
        self, drawn: DrawnGraph, nodes: object, factor: object, activation: object, instead: object
    ) -> NodeChange:
        self._require_settled(drawn)
        return read_change(
            self.scope,
            drawn.graph,
            self._name_nodes(),
            nodes,
            factor=factor,
            activation=activation,
            instead=instead,
            groups=self.groups,
        )

    def _require_settled(self, drawn: DrawnGraph) -> None:
        """Refuse what would be asked of a graph that is about to go, or that is not what the view says."""
        if self._is_settled(drawn):
            return
        if self._requests.is_busy:
            raise InvalidValue("another graph is being traced, and the one shown goes; wait for the trace")
        raise InvalidValue(
            "the graph shown is not of the prompt and target set, whose trace was stopped or failed; set them again"
        )

    def _end_request(self, delivered: bool) -> None:
        self._work.catch_up()
        super()._end_request(delivered)

    # ---- waiting

    def _wait_for_first(self) -> DrawnGraph:
        """What is shown; while nothing was yet, waits for it."""
        if self._drawn is None:
            self.wait()
        return self._drawing.require()

    def _wait_for(self, job: Job) -> Any:
        """What a job gave, once that is shown; what took its place is not waited for."""
        error = job.exception()
        if isinstance(error, Cancelled):
            raise error
        self.wait()
        return job.wait()

    def _wait_for_graph(self) -> DrawnGraph:
        """What is shown, once the newest request is answered; a change that failed leaves the graph what it was."""
        try:
            self.wait()
        except Exception:
            if not self._work.is_question or self._drawn is None:
                raise
        return self._drawing.require()

    # ---- what is shown

    def _tell(self, drawn: DrawnGraph) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return tell_graph(drawn, find_reach(self.scope, drawn.graph))

    def _deliver(self, drawn: DrawnGraph) -> None:
        before, self._drawing.now = self._drawn, drawn
        note = ""
        if before is None or before.graph is not drawn.graph:
            if before is not None:
                note = self._follow_pick(before.graph.tokens, drawn.graph.tokens, drawn.settings["prompt"])
            note = " ".join(filter(None, (note, self._carry_marks(before, drawn))))
            footer = self._describe_source(drawn.graph)["footer"]
            if footer != self.footer:
                self.footer = footer
        if self._picture is None or any(
            one is not other for one, other in zip(self._picture, (drawn.graph, drawn.shown), strict=True)
        ):
            self._picture = (drawn.graph, drawn.shown)
            content, arrays = self._tell(drawn) if drawn.told is None else drawn.told
            self._send_result({**content, "note": note}, arrays)
        self._send_subgraph()
        for answer in tell_answers(drawn, before):
            self.send(answer)

    def _carry_marks(self, before: DrawnGraph | None, drawn: DrawnGraph) -> str:
        """Bring what is marked from one graph to the next, or let go of it; a sentence that says so."""
        kept, said = follow_marks(self._marks, None if before is None else before.graph, drawn.graph)
        self._fresh, self._homes, self._away = frozenset(), kept.homes, kept.away
        self._is_dropping = True
        try:
            for name, now in (("pinned", kept.pinned), ("groups", kept.groups), ("selected_node", kept.selected)):
                if getattr(self, name) != now:
                    setattr(self, name, now)
        finally:
            self._is_dropping = False
        return said

    def _greet(self) -> None:
        super()._greet()
        if self._drawn is not None:
            self._send_subgraph()
            for answer in tell_answers(self._drawn, None):
                self.send(answer)

    def _send_subgraph(self) -> None:
        drawn = self._drawing.require()
        self.send(tell_subgraph(drawn, *self._marks.build_boxes(drawn.graph)))

    def _shown_text(self) -> object:
        return self.prompt if self._drawn is None else self._drawn.settings["prompt"]

    def _get_result(self) -> AttributionGraph:
        return self._drawing.require().graph

    def _see_again(self, see: Any) -> None:
        drawn = self._drawn
        if drawn is not None:
            self._deliver(self._drawing.draw(drawn.settings, see(drawn.graph), is_given=drawn.is_given))

    def _list_held(self) -> tuple[object, ...]:
        return () if self._drawn is None else (self._drawn.graph,)

    # ---- words

    def _describe_source(self, graph: AttributionGraph | None) -> dict[str, Any]:
        """The footer: which model and dictionaries."""
        ids = [] if graph is None else [one for one in graph.dictionary_ids if one]
        if len(ids) > _LISTED_IDS:
            ids = [ids[0], f"{len(ids) - 2} more", ids[-1]]
        return {"footer": describe_engine(self.scope, *ids)}

    def _name_targets(self) -> list[str]:
        return [format_token(one.name) for one in self._drawing.require().graph.targets]

    def _copy_parts(self) -> list[str]:
        drawn = self._drawn
        if drawn is None:
            return [copy.build_paragraph("No graph has been traced yet.")]
        notes = write_notes(drawn, find_reach(self.scope, drawn.graph))
        return copy_drawn(drawn, self._marks, notes)

    def _define_terms(self) -> dict[str, str]:
        return {name: define(name) for name in _TERMS}
