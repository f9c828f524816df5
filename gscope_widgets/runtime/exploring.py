"""The part of a scope that looks for features: searches, dashboards, claims, texts and dictionaries compared."""

from collections.abc import Hashable, Sequence
from typing import Any, Literal

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.recordings.recorder import recorded
from gscope_widgets.records import protocols
from gscope_widgets.records.attention import AttentionReading, check_length
from gscope_widgets.records.circuit_effects import Activations, CircuitNodes, Swaps, read_circuit_change
from gscope_widgets.records.circuit_faults import check_graph
from gscope_widgets.records.circuits import MAX_FEATURES, AttributionGraph, CircuitTarget, write_target
from gscope_widgets.records.claims import ClaimScore, check_claim
from gscope_widgets.records.contrasts import TextContrast
from gscope_widgets.records.dashboards import FeatureDashboard
from gscope_widgets.records.edge_heads import check_edge, describe_edge
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.hits import FeatureHits, check_search
from gscope_widgets.records.matches import DictionaryComparison, check_compared, check_threshold
from gscope_widgets.records.numbers import check_float, check_int, check_layer, check_switch
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.rows import MAX_CONTROLS, MIN_CONTROLS
from gscope_widgets.records.spans import WriteSpans, check_spanned
from gscope_widgets.records.tokens import Prompt
from gscope_widgets.runtime.arguments import Arguments, check_list
from gscope_widgets.runtime.asking import NARROWER, Asking
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.shelf import Shelf
from gscope_widgets.runtime.features.dashboards import SOURCES, check_sources
from gscope_widgets.runtime.features.labels import find_labels
from gscope_widgets.runtime.features.neuronpedia import Neuronpedia
from gscope_widgets.runtime.gemma.attention import count_heads
from gscope_widgets.runtime.showing import show_and_wait
from gscope_widgets.runtime.waiting import wait_aside
from gscope_widgets.runtime.worker import Job

Where = Literal["here", "neuronpedia"]


class Exploring(Asking):
    """Base of `Scope`."""

    _take: Arguments
    _shelf: Shelf
    _neuronpedia: Neuronpedia

    def find(
        self,
        query: str | None = None,
        dictionary: protocols.Dictionary | str | None = None,
        *,
        positive: Sequence[Prompt] = (),
        negative: Sequence[Prompt] = (),
        k: int = 10,
        where: Where = "here",
    ) -> FeatureHits:
        """The `k` features that fit best: by their labels, by texts they fire on, or by what tells two sets apart.

        By texts alone, hits are ranked by the mean over the texts of a feature's largest activation in each, as a
        share of the largest activation known of it. With negative texts too, by the difference of the two sets' means
        in standard deviations; beside each score stands what the same texts give when their marks are dealt out anew
        a thousand times (seed 0): trying every feature finds some that tell any two sets apart. Costs one forward pass
        a text, stopped at the dictionary's layer.

        Args:
            query: part of a label, upper and lower case alike: "bird". Where no label holds it, the hits are empty,
                and `note` and `nearest` say what comes nearest.
            positive: 1 to 1000 texts that the features should fire on, instead of a query.
            negative: 1 to 1000 texts on which they should fire less.
            k: the most to return.
            where: "here" searches the labels on this machine: measured ones, and those of Neuronpedia that
                were looked at before. "neuronpedia" asks there (200 searches an hour are allowed), for
                residual 16k to 1m medium dictionaries and some transcoders of Gemma Scope 2.

        Raises:
            InvalidValue: neither or both of query and texts, or negative texts alone.
            Offline: Neuronpedia cannot be asked now.
            PromptTooLong, Cancelled.
        """
        job = self.start_find(query, dictionary, positive=positive, negative=negative, k=k, where=where)
        hits: FeatureHits = job.wait()
        return hits

    @recorded
    def start_find(
        self,
        query: str | None = None,
        dictionary: protocols.Dictionary | str | None = None,
        *,
        positive: Sequence[Prompt] = (),
        negative: Sequence[Prompt] = (),
        k: int = 10,
        where: Where = "here",
        slot: Hashable | None = None,
    ) -> Job:
        """`find` as a job, returned at once: `progress`, `cancel()` between texts, and `result()`.

        Args:
            slot: a newer job in the same slot stops this one.
        """
        home = self._take.dictionary(dictionary)
        k = check_int("k", k, low=1, high=home.d_dict)
        if where not in ("here", "neuronpedia"):
            raise InvalidValue(f'where must be "here" or "neuronpedia", got {describe_value(where)}')
        given = [check_list(name, texts) for name, texts in (("positive", positive), ("negative", negative))]
        check_search(query, positives=len(given[0]), negatives=len(given[1]))
        if query is not None:
            provenance = self.provenance([home.info.id], query=query, k=k, where=where)

            def search() -> FeatureHits:
                return find_labels(
                    home, query, k=k, neuronpedia=self._neuronpedia, ask=where == "neuronpedia", provenance=provenance
                )

            return self._worker.submit(lambda _job: wait_aside(search), slot=slot)
        positives = self._take.texts("positive", given[0])
        negatives = self._take.texts("negative", given[1]) if given[1] else ()
        provenance = self.provenance(
            [home.info.id],
            positive=[list(tokens.ids) for tokens in positives],
            negative=[list(tokens.ids) for tokens in negatives],
            k=k,
            seed=0,
        )
        count = len(positives) + len(negatives)
        return self._start(
            lambda: self._engine.find(positives, negatives, home, k=k, provenance=provenance),
            self._demand(f"searching with {count} texts", other=[NARROWER, "shorter texts"]),
            slot=slot,
        )

    def score_claim(
        self,
        ref: FeatureRef,
        positive: Sequence[Prompt],
        negative: Sequence[Prompt],
        *,
        claim: str = "",
        threshold: float = 0.0,
    ) -> ClaimScore:
        """A claim about a feature on texts of one's own: its precision, recall and AUC, beside shuffled marks.

        A label is a hypothesis: write texts that the feature should fire on if it holds, and texts, as like them as
        can be, that it should not. Costs one forward pass a text, stopped at the dictionary's layer.
        See `ClaimScore`, whose `deciding()` are the texts to look at.

        Args:
            positive, negative: 1 to 1000 texts of each.
            claim: in words, for the record: "fires on French".
            threshold: a text counts as found where the feature's largest activation is above this, 0 or more.

        Raises:
            InvalidValue, PromptTooLong, Cancelled.
        """
        job = self.start_score_claim(ref, positive, negative, claim=claim, threshold=threshold)
        score: ClaimScore = job.wait()
        return score

    @recorded
    def start_score_claim(
        self,
        ref: FeatureRef,
        positive: Sequence[Prompt],
        negative: Sequence[Prompt],
        *,
        claim: str = "",
        threshold: float = 0.0,
        slot: Hashable | None = None,
    ) -> Job:
        """`score_claim` as a job, returned at once: `progress`, `cancel()` between texts, and `result()`.

        Args:
            slot: a newer job in the same slot stops this one.
        """
        dictionary = self._shelf.find(ref)
        sets = self._take.texts("positive", positive), self._take.texts("negative", negative)
        words = check_claim(claim)
        limit = check_float("threshold", threshold, low=0.0, high=1e8)
        provenance = self.provenance(
            [dictionary.info.id],
            ref=str(ref),
            positive=[list(tokens.ids) for tokens in sets[0]],
            negative=[list(tokens.ids) for tokens in sets[1]],
            claim=words,
            threshold=limit,
            seed=0,
        )
        return self._start(
            lambda: self._engine.score_claim(
                dictionary, ref.feature, *sets, claim=words, threshold=limit, provenance=provenance
            ),
            self._demand(f"reading {len(sets[0]) + len(sets[1])} texts", other=["shorter texts"]),
            slot=slot,
        )

    def card(
        self,
        ref: FeatureRef,
        *,
        texts: Sequence[Prompt] | None = None,
        examples: int = 10,
        sources: Sequence[str] = SOURCES,
        show: bool = True,
    ) -> FeatureDashboard:
        """All that is known of one feature; `print` shows it. See `FeatureDashboard`.

        Examples come from the `examples.safetensors` beside its dictionary, of which only this feature's
        rows are read (from the Hub about 30 small requests). Labels come from what was measured beside
        it and from Neuronpedia, where a label counts only if it names this very dictionary. The histogram, the bands
        and what fires together come from `texts`, or of mini from some 24,000 tokens of its held-out text, which are
        read once for each dictionary (two seconds on two cores) and kept; of other models without `texts`, the bands
        are those of the file. Neighbours by decoder row are sought where the weights are on this machine. What
        cannot be had is left out, and `notes` says why.

        Args:
            texts: 1 to 1000 texts of one's own; examples are then sought in these alone. One forward pass each.
            examples: the most to show, 0 to 1000.
            sources: what may be asked over the network: "examples", "neuronpedia"; () asks nothing.
            show: a line that says how far it is, after a second, in the notebook or on standard error.

        Raises:
            InvalidValue, PromptTooLong, Cancelled.
        """
        check_switch("show", show)
        job = self.start_card(ref, texts=texts, examples=examples, sources=sources)
        dashboard: FeatureDashboard = _wait(job, f"looking up feature {ref.feature}", show=show)
        return dashboard

    @recorded
    def start_card(
        self,
        ref: FeatureRef,
        *,
        texts: Sequence[Prompt] | None = None,
        examples: int = 10,
        sources: Sequence[str] = SOURCES,
        slot: Hashable | None = None,
    ) -> Job:
        """`card` as a job, returned at once: `progress`, `cancel()` between batches of texts, and `result()`.

        Args:
            slot: a newer job in the same slot stops this one.
        """
        dictionary = self._shelf.find(ref)
        examples = check_int("examples", examples, low=0, high=1000)
        asked = check_sources(check_list("sources", sources))
        given = None if texts is None else self._take.texts("texts", texts)
        provenance = self.provenance(
            [dictionary.info.id],
            ref=str(ref),
            texts=None if given is None else [list(tokens.ids) for tokens in given],
            examples=examples,
            sources=list(asked),
        )
        return self._start(
            lambda: self._engine.card(
                dictionary,
                ref.feature,
                examples=examples,
                sources=asked,
                neuronpedia=self._neuronpedia,
                texts=given,
                provenance=provenance,
            ),
            self._demand("looking for what a feature fires on", other=[NARROWER, "fewer or shorter texts"]),
            slot=slot,
        )

    def contrast(
        self, first: Prompt, second: Prompt, dictionary: protocols.Dictionary | str | None = None
    ) -> TextContrast:
        """Two texts aligned token by token, and the features in which they differ, and which they share.

        Costs two readings. See `TextContrast`.

        Raises:
            PromptTooLong, InvalidValue, Cancelled.
        """
        contrast: TextContrast = self.start_contrast(first, second, dictionary).wait()
        return contrast

    @recorded
    def start_contrast(
        self,
        first: Prompt,
        second: Prompt,
        dictionary: protocols.Dictionary | str | None = None,
        *,
        slot: Hashable | None = None,
    ) -> Job:
        """`contrast` as a job, returned at once.

        Args:
            slot: a newer job in the same slot stops this one.
        """
        home = self._take.dictionary(dictionary)
        sides = (self._take.tokens(first), self._take.tokens(second))
        provenance = self.provenance([home.info.id], first=list(sides[0].ids), second=list(sides[1].ids))
        return self._start(
            lambda: self._engine.contrast(*sides, home, provenance=provenance),
            self._demand("contrasting two texts", other=[NARROWER, "shorter texts"]),
            slot=slot,
        )

    def compare_dictionaries(
        self,
        text: Prompt,
        dictionaries: Sequence[protocols.Dictionary | str | FeatureReading],
        *,
        texts: Sequence[Prompt] = (),
        threshold: float | None = None,
    ) -> DictionaryComparison:
        """One text through two or more dictionaries; the features of each further one are matched with the first's.

        Two dictionaries of one site and the same layers are matched by the cosine of their decoder rows, silent
        features included. Others are matched by the correlation of their activations over the tokens of `texts`, or of
        the text alone. See `DictionaryComparison`.

        Args:
            dictionaries: 2 to 6 of this model. One of another model is a scope of its own: give its reading of the
                same tokens in its place, as in `pt.compare_dictionaries(text, [dictionary, it.read(text)])`.
            texts: up to 1000, on which to measure correlations; not where a reading is given.
            threshold: from which value on two features count as matched, 0 to 1; None for 0.5 (cosine), 0.7
                (correlation).

        Raises:
            InvalidValue: fewer than two dictionaries, or a reading of other tokens.
            PromptTooLong, Cancelled.
        """
        job = self.start_compare_dictionaries(text, dictionaries, texts=texts, threshold=threshold)
        comparison: DictionaryComparison = job.wait()
        return comparison

    @recorded
    def start_compare_dictionaries(
        self,
        text: Prompt,
        dictionaries: Sequence[protocols.Dictionary | str | FeatureReading],
        *,
        texts: Sequence[Prompt] = (),
        threshold: float | None = None,
        slot: Hashable | None = None,
    ) -> Job:
        """`compare_dictionaries` as a job, returned at once.

        Args:
            slot: a newer job in the same slot stops this one.
        """
        tokens = self._take.tokens(text)
        given = [
            one if isinstance(one, FeatureReading) else self._take.dictionary(one)
            for one in check_list("dictionaries", dictionaries)
        ]
        items = check_list("texts", texts)
        check_compared(tokens, given, texts=len(items))
        limit = check_threshold(threshold)
        more = self._take.texts("texts", items) if items else ()
        own = [one.info.id for one in given if not isinstance(one, FeatureReading)]
        provenance = self.provenance(own, token_ids=tokens.ids, texts=[list(one.ids) for one in more], threshold=limit)
        return self._start(
            lambda: self._engine.compare_dictionaries(tokens, given, more, threshold=limit, provenance=provenance),
            self._demand(f"comparing {len(given)} dictionaries", tokens, other=[NARROWER, "fewer dictionaries"]),
            slot=slot,
        )

    def attention(self, text: Prompt, *, layer: int) -> AttentionReading:
        """What each head of a layer attends to on a text, what that carries, and scores of every head of the model.

        Costs one forward pass with eager attention, which takes some times as long as the usual one. In memory are
        one layer's patterns and effects, float32, heads x tokens x tokens each. See `AttentionReading`.

        Args:
            layer: zero-based.

        Raises:
            PromptTooLong: more tokens than the model takes, or patterns of more than 8 million numbers: 512 tokens
                of 32 heads, 1448 of 4.
            InvalidValue, Cancelled.
        """
        reading: AttentionReading = self.start_attention(text, layer=layer).wait()
        return reading

    @recorded
    def start_attention(self, text: Prompt, *, layer: int, slot: Hashable | None = None) -> Job:
        """`attention` as a job, returned at once.

        Args:
            slot: a newer job in the same slot stops this one.
        """
        loaded = self._engine.loaded
        layer = check_layer(layer, layers=loaded.info.layers)
        tokens = self._take.tokens(text)
        check_length(len(tokens), count_heads(loaded))
        provenance = self.provenance(token_ids=tokens.ids, layer=layer)
        return self._start(
            lambda: self._engine.attention(tokens, layer, provenance=provenance),
            self._demand(f"reading the attention of {len(tokens)} tokens", tokens, other=["a shorter text"]),
            slot=slot,
        )

    @recorded
    def write_spans(self, features: Sequence[FeatureRef] | FeatureRef) -> WriteSpans:
        """How much features write to each layer of their crosscoder or cross-layer transcoder; see `WriteSpans`.

        Reads one decoder row a feature, not the files: of a CLT of the 270M model 46 KB each. The first of a dictionary
        costs a forward pass of a short text besides, for the mean length of what is written at each layer.

        Args:
            features: 1 to 10,000 of one dictionary; of a dictionary of one layer, which writes there alone, too.

        Raises:
            InvalidValue: features of several dictionaries, or one twice.
            UnknownFeature, UnknownDictionary, Offline, Cancelled.
        """
        refs = check_spanned(features)
        [home, *_] = [self._shelf.find(ref) for ref in refs]
        numbers = tuple(ref.feature for ref in refs)
        found, scales = self._run(
            lambda: self._engine.measure_spans(home, numbers),
            self._demand(f"reading what {len(refs)} features write", other=["fewer features"]),
        )
        return WriteSpans(
            refs=refs,
            layers=home.info.layers,
            source_layers=tuple(home.source_layer(number) for number in numbers),
            norms=found,
            scales=scales,
            provenance=self.provenance([home.info.id], features=list(numbers)),
        )

    @recorded
    def start_circuit(
        self,
        prompt: Prompt,
        *,
        dictionaries: Sequence[protocols.Dictionary | str] | protocols.Dictionary | str | None = None,
        target: CircuitTarget = None,
        max_features: int = MAX_FEATURES,
        slot: Hashable | None = None,
    ) -> Job:
        """`gs.circuit` as a job, returned at once.

        Args:
            slot: a newer job in the same slot stops this one.
        """
        most = check_int("max_features", max_features, low=1, high=100_000)
        tokens = self._take.tokens(prompt)
        homes, wanted = self._take.transcoders(dictionaries), self._take.circuit_target(target, tokens)
        ids = [one.info.id for one in homes]
        settings = {"target": write_target(target), "max_features": most}
        provenance = self.provenance(ids, token_ids=tokens.ids, **settings)
        return self._start(
            lambda: self._engine.trace_circuit(tokens, homes, wanted, max_features=most, provenance=provenance),
            self._demand(
                f"tracing a circuit of {len(tokens)} tokens", tokens, other=[NARROWER, f"max_features={most // 2}"]
            ),
            slot=slot,
        )

    @recorded
    def start_change_circuit(
        self,
        graph: AttributionGraph,
        nodes: CircuitNodes,
        factor: float | None = None,
        *,
        activation: Activations | None = None,
        instead: Swaps | None = None,
        controls: int = 5,
        slot: Hashable | None = None,
    ) -> Job:
        """`gs.change_circuit` as a job, returned at once: `progress`, `cancel()` between passes, and `result()`.

        Args:
            slot: a newer job in the same slot stops this one.
        """
        count = check_int("controls", controls, low=MIN_CONTROLS, high=MAX_CONTROLS)
        homes = self._check_graph(graph)
        change = read_circuit_change(graph, nodes, factor, activation, instead)
        if any(not one.ids for one in graph.targets):
            raise InvalidValue("only graphs of next tokens can be changed, this one explains a feature")
        by_layer = {layer: one for one in homes for layer in one.info.layers}
        for node in change.nodes:
            layer, number = int(graph.node_layers[node]), int(graph.numbers[node])
            if layer not in by_layer or by_layer[layer].source_layer(number) != layer:
                raise InvalidValue(
                    f"the graph's dictionaries have no feature {number} that reads layer {layer}, as node {node} does; "
                    "make the graph anew with gs.circuit(...)"
                )
            others = by_layer[layer].d_dict // len(by_layer[layer].info.layers) - 1
            wanted = 1 + (node in change.instead)
            if others < wanted:
                raise InvalidValue(
                    f"a change of node {node} needs {wanted} other feature{'s' if wanted > 1 else ''} of layer {layer} "
                    f"for its controls, {graph.ref(node).dictionary_id} has {others} there; take a wider dictionary"
                )
        for node, ref in change.instead.items():
            self._shelf.find(ref)
            layer = int(graph.node_layers[node])
            if by_layer[layer].source_layer(ref.feature) != layer:
                raise InvalidValue(f"{ref} reads another layer than node {node}, which reads layer {layer}")
        provenance = self.provenance(
            [one.info.id for one in homes],
            token_ids=graph.tokens.ids,
            nodes=[str(graph.ref(node)) + f" at {graph.positions[node]}" for node in change.nodes],
            **change.describe(),
            instead={str(graph.ref(node)): str(ref) for node, ref in change.instead.items()},
            controls=count,
        )
        return self._start(
            lambda: self._engine.change_circuit(graph, homes, change, controls=count, provenance=provenance),
            self._demand(f"changing {len(change.nodes)} nodes of a circuit", graph.tokens),
            slot=slot,
        )

    @recorded
    def start_circuit_heads(
        self, graph: AttributionGraph, node: int | str, source: int | str, *, slot: Hashable | None = None
    ) -> Job:
        """`gs.circuit_heads` as a job, returned at once.

        Args:
            slot: a newer job in the same slot stops this one.
        """
        homes = self._check_graph(graph)
        into, start = check_edge(graph, node, source)
        provenance = self.provenance(
            [one.info.id for one in homes], token_ids=graph.tokens.ids, **describe_edge(graph, into, start)
        )
        return self._start(
            lambda: self._engine.measure_heads(graph, homes, into, start, provenance=provenance),
            self._demand("taking an edge of a circuit apart", graph.tokens),
            slot=slot,
        )

    def _check_graph(self, graph: AttributionGraph) -> tuple[Dictionary, ...]:
        """The dictionaries of a graph that this scope can have made, opened where they are not.

        Raises:
            InvalidValue, UnknownDictionary: it is none, or of other tokens, another model or other dictionaries.
        """
        check_graph(graph)
        self._take.tokens(list(graph.tokens.ids))
        for target in graph.targets:
            for one in target.ids:
                check_int("a target's token id", one, low=0, high=self._engine.loaded.info.vocabulary - 1)
        return self._take.transcoders([self._shelf.open_id(one) for one in graph.dictionary_ids if one])

    def provenance(
        self, dictionary_ids: Sequence[str] = (), *, token_ids: Sequence[int] = (), **settings: object
    ) -> Provenance:
        """Where a result of this scope comes from; see `Scope`."""
        raise NotImplementedError


def _wait(job: Job, doing: str, *, show: bool) -> Any:
    return show_and_wait(job, doing) if show else job.wait()
