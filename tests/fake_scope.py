"""A scope without a model: obeys the `Scope` protocol, loads no torch, answers in microseconds, always the same."""

import threading
import time
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gscope_widgets.errors import InvalidValue, UnknownDictionary, describe_value
from gscope_widgets.records.alignments import align_tokens
from gscope_widgets.records.attention import AttentionReading
from gscope_widgets.records.circuit_effects import Activations, CircuitEffect, CircuitNodes, Swaps, read_circuit_change
from gscope_widgets.records.circuit_faults import check_graph
from gscope_widgets.records.circuits import MAX_FEATURES, AttributionGraph, CircuitTarget, write_target
from gscope_widgets.records.claims import ClaimScore, check_claim
from gscope_widgets.records.comparisons import ComparedText, Comparison
from gscope_widgets.records.contrasts import TextContrast
from gscope_widgets.records.dashboards import FeatureDashboard
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.doses import STRENGTHS, DoseResponse, DoseSample, build_points, check_strengths
from gscope_widgets.records.edge_heads import EdgeHeads, check_edge, describe_edge
from gscope_widgets.records.features import FeatureRef, FeatureSummary
from gscope_widgets.records.fidelity import DeltaLoss
from gscope_widgets.records.generation import (
    ControlDistribution,
    Ending,
    GeneratedToken,
    SamplingPlan,
    TokenDistribution,
    build_trace,
)
from gscope_widgets.records.hits import FeatureHits, check_search
from gscope_widgets.records.interventions import (
    Intervention,
    Positions,
    add_each,
    list_dictionaries,
    list_parts,
    match_random,
    require_set_once,
)
from gscope_widgets.records.lens import MAX_TRACKED, LensReading
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.matches import DictionaryComparison, check_compared, check_threshold
from gscope_widgets.records.measures import build_measure
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.records.numbers import check_feature, check_float, check_int, check_layer
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.rows import (
    MAX_CONTROLS,
    MAX_SAMPLES,
    MIN_CONTROLS,
    MIN_SAMPLES,
    Row,
    check_controls,
    check_seeds,
    plan_comparison,
    plan_dose,
)
from gscope_widgets.records.spans import WriteSpans, check_spanned
from gscope_widgets.records.tokens import Prompt, Tokens
from gscope_widgets.runtime.features.matching import compare_readings
from gscope_widgets.runtime.features.scoring import score_claim
from gscope_widgets.runtime.generation import Generation
from gscope_widgets.runtime.worker import Job, Work, Worker
from tests import fake_finding as finding
from tests import fake_model as model
from tests.fake_attention import build_attention
from tests.fake_circuits import build_circuit, build_heads, change_circuit
from tests.fake_model import CONTEXT, D_DICT, D_MODEL, LAYERS, PIECES, FakeDictionary


class FakeScope:
    """Six layers, a dictionary at each of `resid_post` and `mlp_out`, and a vocabulary of some 400 pieces.

    Knobs, all read by the work as it begins (a reading, a prediction, each step of a generation), on the worker's
    thread: `gate` holds it while cleared, `delay` is waited for, `error` is raised. `calls` says what began.
    """

    def __init__(self, *, chat: bool = False):
        """Args: chat: takes chat messages too."""
        self.gate = threading.Event()
        self.gate.set()
        self.delay = 0.0  # seconds
        self.error: BaseException | None = None
        self.calls: list[str] = []  # "read", "next_tokens", "step", "row"
        self.info = ModelInfo("fake", "0", "Fake", LAYERS, D_MODEL, len(PIECES), CONTEXT, "cpu", "float32", 0, "none")
        self.power = "live on cpu"
        self.text_limit = CONTEXT * max(map(len, PIECES))
        self._chat = chat
        self._made: dict[tuple[str, int], FakeDictionary] = {}
        self._open: dict[str, FakeDictionary] = {}
        self._worker = Worker("gscope fake")

    def close(self) -> None:
        """Let go of what the gate holds, and end the thread."""
        self.gate.set()
        self._worker.close()

    def dictionary(
        self,
        site: str = "resid_post",
        layer: int | None = None,
        width: str | None = None,
        l0: str | None = None,
        *,
        affine: bool = False,
    ) -> FakeDictionary:
        layer = LAYERS // 2 if layer is None else layer
        if site not in ("resid_post", "mlp_out", "transcoder_all"):
            raise InvalidValue(f"site must be resid_post, mlp_out or transcoder_all, got {describe_value(site)}")
        if layer not in range(LAYERS) or width not in (None, "1k") or l0 not in (None, "medium") or affine:
            raise UnknownDictionary(f"the fake has layers 0 to {LAYERS - 1}, 1k, medium, got layer {layer}")
        if (site, layer) not in self._made:
            made = self._made[site, layer] = FakeDictionary(site, layer)
            self._open[made.info.id] = made
        return self._made[site, layer]

    def dictionary_info(self, dictionary_id: str) -> DictionaryInfo:
        return self._check_dictionary(dictionary_id).info

    def describe(self, ref: FeatureRef) -> FeatureSummary:
        dictionary = self._find(ref)
        return FeatureSummary(ref, dictionary.label(ref.feature), dictionary.max_activation(ref.feature))

    def find(
        self,
        query: str | None = None,
        dictionary: Dictionary | str | None = None,
        *,
        positive: Sequence[Prompt] = (),
        negative: Sequence[Prompt] = (),
        k: int = 10,
    ) -> FeatureHits:
        job = self.start_find(query, dictionary, positive=positive, negative=negative, k=k)
        hits: FeatureHits = job.wait()
        return hits

    def start_find(
        self,
        query: str | None = None,
        dictionary: Dictionary | str | None = None,
        *,
        positive: Sequence[Prompt] = (),
        negative: Sequence[Prompt] = (),
        k: int = 10,
        slot: Hashable | None = None,
    ) -> Job:
        home = self._check_dictionary(dictionary)
        k = check_int("k", k, low=1, high=D_DICT)
        sets = [
            [self._require_tokens(text) for text in _check_list(name, texts)]
            for name, texts in (("positive", positive), ("negative", negative))
        ]
        check_search(query, positives=len(sets[0]), negatives=len(sets[1]))
        provenance = self.provenance([home.info.id], query=query, k=k)

        def steps(_job: Job) -> Generator[float | None, None, FeatureHits]:
            self._begin("find")
            if query is not None:
                return finding.find_labels(home, query, k, provenance)
            return (yield from finding.find_texts(home, sets[0], sets[1], k, provenance))

        return self._worker.submit(steps, slot=slot)

    def score_claim(
        self, ref: FeatureRef, positive: Sequence[Prompt], negative: Sequence[Prompt], **settings: Any
    ) -> ClaimScore:
        score: ClaimScore = self.start_score_claim(ref, positive, negative, **settings).wait()
        return score

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
        home, words = self._find(ref), check_claim(claim)
        limit = check_float("threshold", threshold, low=0.0, high=1e8)
        sets = [
            [self._require_tokens(text) for text in _check_list(name, texts)]
            for name, texts in (("positive", positive), ("negative", negative))
        ]
        if not all(sets):
            raise InvalidValue("positive and negative must be 1 to 1000 texts, got none")
        provenance = self.provenance([home.info.id], ref=str(ref), claim=words, threshold=limit)

        def steps(_job: Job) -> Generator[float | None, None, ClaimScore]:
            self._begin("score_claim")
            steps = score_claim(
                self.describe(ref),
                *sets,
                claim=words,
                threshold=limit,
                dtype=self.info.dtype,
                fire=lambda tokens: finding.fire(home, tokens),
                provenance=provenance,
            )
            return (yield from steps)

        return self._worker.submit(steps, slot=slot)

    def card(self, ref: FeatureRef, *, texts: Sequence[Prompt] | None = None) -> FeatureDashboard:
        dashboard: FeatureDashboard = self.start_card(ref, texts=texts).wait()
        return dashboard

    def start_card(
        self, ref: FeatureRef, *, texts: Sequence[Prompt] | None = None, slot: Hashable | None = None
    ) -> Job:
        home = self._find(ref)
        given = None if texts is None else [self._require_tokens(text) for text in _check_list("texts", texts)]
        provenance = self.provenance([home.info.id])

        def work(_job: Job) -> FeatureDashboard:
            self._begin("card")
            return finding.build_dashboard(home, ref, given, provenance)

        return self._worker.submit(work, slot=slot)

    def contrast(self, first: Prompt, second: Prompt, dictionary: Dictionary | str | None = None) -> TextContrast:
        contrast: TextContrast = self.start_contrast(first, second, dictionary).wait()
        return contrast

    def start_contrast(
        self,
        first: Prompt,
        second: Prompt,
        dictionary: Dictionary | str | None = None,
        *,
        slot: Hashable | None = None,
    ) -> Job:
        home = self._check_dictionary(dictionary)
        sides = [self._require_tokens(text) for text in (first, second)]
        provenance = self.provenance([home.info.id], first=list(sides[0].ids), second=list(sides[1].ids))

        def work(_job: Job) -> TextContrast:
            self._begin("contrast")
            readings = [model.read_features(home, tokens, None) for tokens in sides]
            pairs = align_tokens(sides[0].ids, sides[1].ids)
            return TextContrast(readings[0], readings[1], pairs, provenance)

        return self._worker.submit(work, slot=slot)

    def compare_dictionaries(
        self,
        text: Prompt,
        dictionaries: Sequence[Dictionary | str | FeatureReading],
        *,
        texts: Sequence[Prompt] = (),
        threshold: float | None = None,
    ) -> DictionaryComparison:
        job = self.start_compare_dictionaries(text, dictionaries, texts=texts, threshold=threshold)
        comparison: DictionaryComparison = job.wait()
        return comparison

    def start_compare_dictionaries(
        self,
        text: Prompt,
        dictionaries: Sequence[Dictionary | str | FeatureReading],
        *,
        texts: Sequence[Prompt] = (),
        threshold: float | None = None,
        slot: Hashable | None = None,
    ) -> Job:
        tokens = self._require_tokens(text)
        given = [
            one if isinstance(one, FeatureReading) else self._check_dictionary(one)
            for one in _check_list("dictionaries", dictionaries)
        ]
        more = [self._require_tokens(one) for one in _check_list("texts", texts)]
        check_compared(tokens, given, texts=len(more))
        limit = check_threshold(threshold)
        open_ids = [one.info.id for one in given if isinstance(one, FakeDictionary)]
        provenance = self.provenance(open_ids, token_ids=tokens.ids, threshold=limit)

        def steps(_job: Job) -> Generator[float | None, None, DictionaryComparison]:
            self._begin("compare_dictionaries")
            homes = [None if isinstance(one, FeatureReading) else one for one in given]
            readings = [
                one if isinstance(one, FeatureReading) else model.read_features(one, tokens, None) for one in given
            ]
            return (
                yield from compare_readings(
                    readings,
                    homes,
                    more,
                    model="fake",
                    fire=lambda text, home: finding.fire(home, text),
                    threshold=limit,
                    provenance=provenance,
                )
            )

        return self._worker.submit(steps, slot=slot)

    def write_spans(self, features: Sequence[FeatureRef] | FeatureRef) -> WriteSpans:
        """Norms that follow from a feature's number alone."""
        refs = check_spanned(features)
        homes = [self._find(ref) for ref in refs]
        layers = homes[0].info.layers
        norms = np.array([[1 + (ref.feature * 7 + layer) % 5 for layer in layers] for ref in refs], np.float32)
        scales = np.full(len(layers), 10, np.float32)
        provenance = self.provenance([homes[0].info.id], features=[ref.feature for ref in refs])
        return WriteSpans(refs, layers, (layers[0],) * len(refs), norms, scales, provenance)

    def attention(self, text: Prompt, *, layer: int) -> AttentionReading:
        reading: AttentionReading = self.start_attention(text, layer=layer).wait()
        return reading

    def start_attention(self, text: Prompt, *, layer: int, slot: Hashable | None = None) -> Job:
        layer = check_layer(layer, layers=LAYERS)
        tokens = self._require_tokens(text)
        provenance = self.provenance(token_ids=tokens.ids, layer=layer)

        def work(_job: Job) -> AttentionReading:
            self._begin("attention")
            return replace(build_attention(tokens, layer), provenance=provenance)

        return self._worker.submit(work, slot=slot)

    def start_circuit(
        self,
        prompt: Prompt,
        *,
        dictionaries: Sequence[Dictionary | str] | Dictionary | str | None = None,
        target: CircuitTarget = None,
        max_features: int = MAX_FEATURES,
        slot: Hashable | None = None,
    ) -> Job:
        """Of the transcoders of all layers, whichever were given."""
        most = check_int("max_features", max_features, low=1, high=100_000)
        tokens = self._require_tokens(prompt)
        for layer in range(model.LAYERS):
            self.dictionary("transcoder_all", layer)
        graph = build_circuit(tokens, target, most)
        settings = {"target": write_target(target), "max_features": most}
        provenance = self.provenance(graph.dictionary_ids, token_ids=tokens.ids, **settings)

        def work(_job: Job) -> AttributionGraph:
            self._begin("circuit")
            return replace(graph, provenance=provenance)

        return self._worker.submit(work, slot=slot)

    def start_circuit_heads(
        self, graph: AttributionGraph, node: int | str, source: int | str, *, slot: Hashable | None = None
    ) -> Job:
        into, start = check_edge(check_graph(graph), node, source)
        self._require_tokens(list(graph.tokens.ids))
        for one in filter(None, graph.dictionary_ids):
            self._check_dictionary(one)
        settings = describe_edge(graph, into, start)
        provenance = self.provenance(graph.dictionary_ids, token_ids=graph.tokens.ids, **settings)

        def work(_job: Job) -> EdgeHeads:
            self._begin("circuit_heads")
            return replace(build_heads(graph, into, start), provenance=provenance)

        return self._worker.submit(work, slot=slot)

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
        """As the graph predicts; frozen it is nine tenths of that, in the model eight, at random a tenth."""
        count = check_int("controls", controls, low=MIN_CONTROLS, high=MAX_CONTROLS)
        change = read_circuit_change(check_graph(graph), nodes, factor, activation, instead)
        if any(not one.ids for one in graph.targets):
            raise InvalidValue("only graphs of next tokens can be changed, this one explains a feature")
        for ref in change.instead.values():
            self._find(ref)
        ids = [one for one in graph.dictionary_ids if one]
        asked = {"nodes": list(change.nodes), "controls": count, **change.describe()}
        provenance = self.provenance(ids, token_ids=graph.tokens.ids, **asked)

        def work(_job: Job) -> Generator[float, None, CircuitEffect]:
            self._begin("change_circuit")
            for step in range(count):
                yield step / count
            return change_circuit(graph, change, count, provenance)

        return self._worker.submit(work, slot=slot)

    def tokens(self, text: Prompt) -> Tokens:
        return model.tokenize(text, chat=self._chat)

    def read(
        self, text: Prompt, dictionary: Dictionary | str | None = None, *, features: Sequence[int] | None = None
    ) -> FeatureReading:
        home = self._check_dictionary(dictionary)
        chosen = None
        if features is not None:
            chosen = tuple(check_feature(one, d_dict=D_DICT) for one in _check_list("features", features))
        tokens = self._require_tokens(text)
        reading: FeatureReading = self._run("read", lambda: model.read_features(home, tokens, chosen))
        return replace(reading, provenance=self.provenance([home.info.id], token_ids=tokens.ids))

    def delta_loss(self, text: Prompt, dictionary: Dictionary | str | None = None) -> DeltaLoss:
        """Of made-up losses."""
        home, tokens = self._check_dictionary(dictionary), self._require_tokens(text)
        return DeltaLoss(home.info.id, 2.0, 2.5, 6.0, len(tokens) - 1, self.provenance([home.info.id]))

    def next_tokens(
        self, text: Prompt, k: int = 10, interventions: Sequence[Intervention] = (), *, controls: int = 0
    ) -> TokenDistribution:
        k = check_int("k", k, low=1, high=len(PIECES))
        made = self._check_interventions(interventions)
        tokens = self._require_tokens(text)
        require_set_once(made, prompt_length=len(tokens))
        self._require_reach(made, tokens, len(tokens))
        count = check_controls(controls) if made else 0

        def predict() -> TokenDistribution:
            before, after = (model.next_logits(tokens.ids, one, self._open, len(tokens)) for one in ((), made))
            old, new = model.log_softmax(before), model.log_softmax(after)
            top = model.rank(after, k)
            either = list(dict.fromkeys([*top, *model.rank(before, k)]))
            pairs = tuple(
                zip(model.list_chances(before, either), model.list_chances(after, either), strict=True),
            )
            kl = max(0.0, float((np.exp(new) * (new - old)).sum())) if made else 0.0
            control_runs = []
            for control in (match_random(made, seed=seed) for seed in range(count)):
                random = model.next_logits(tokens.ids, (control,), self._open, len(tokens))
                own = model.log_softmax(random)
                control_kl = max(0.0, float((np.exp(own) * (own - old)).sum()))
                control_runs.append(ControlDistribution(control, model.list_chances(random, either), control_kl))
            return TokenDistribution(tokens, made, model.list_chances(after, top), pairs, kl, tuple(control_runs))

        distribution: TokenDistribution = self._run("next_tokens", predict)
        return replace(distribution, provenance=self.provenance(list_dictionaries(made), token_ids=tokens.ids))

    def logit_lens(
        self, text: Prompt, k: int = 5, *, layers: Sequence[int] | None = None, track: Sequence[int] = ()
    ) -> LensReading:
        k = check_int("k", k, low=1, high=100)
        wanted = range(LAYERS) if layers is None else _check_list("layers", layers)
        chosen = tuple(sorted({check_layer(one, layers=LAYERS, name="a layer") for one in wanted}))
        if not chosen:
            raise InvalidValue("layers is empty; name at least one, or leave it out for all")
        ids = tuple(check_int("a token id", one, low=0, high=len(PIECES) - 1) for one in _check_list("track", track))
        if len(ids) > MAX_TRACKED:
            raise InvalidValue(f"track takes at most {MAX_TRACKED} token ids, got {len(ids)}")
        tokens = self._require_tokens(text)
        reading: LensReading = self._run("logit_lens", lambda: model.read_lens(tokens, chosen, k, ids))
        return replace(reading, provenance=self.provenance(token_ids=tokens.ids))

    def generate(
        self,
        prompt: Prompt,
        interventions: Sequence[Intervention] = (),
        *,
        max_new_tokens: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        features: Sequence[FeatureRef] = (),
    ) -> Generation:
        plan = SamplingPlan(max_new_tokens, temperature, top_p, seed)
        return self.generate_rows(prompt, {"text": interventions}, plan=plan, features=features)

    def generate_rows(
        self,
        prompt: Prompt,
        rows: dict[str, Sequence[Intervention]],
        *,
        plan: SamplingPlan,
        seeds: Sequence[int] | None = None,
        features: Sequence[FeatureRef] = (),
        on_step: Callable[[Sequence[GeneratedToken | None]], None] | None = None,
        slot: Hashable | None = None,
    ) -> Generation:
        if not rows:
            raise InvalidValue("rows is empty; give at least one, such as {'text': ()}")
        made = [self._check_interventions(row) for row in rows.values()]
        tokens = self._require_tokens(prompt)
        for row in made:
            require_set_once(row, prompt_length=len(tokens))
        refs = self._check_traced(features)
        used = [*list_dictionaries(one for row in made for one in row), *(ref.dictionary_id for ref in refs)]
        provenance = self.provenance(used, token_ids=tokens.ids, seeds=[plan.seed] if seeds is None else list(seeds))
        generation = Generation(tuple(rows), prompt=tokens, features=refs, provenance=provenance)

        def steps(job: Job) -> Generator[None, None, Ending]:
            for row in made:
                self._require_reach(row, tokens, len(tokens) + plan.max_new_tokens)
            generation.begin(np.array([model.trace_prompt(tokens, row, self._open, refs) for row in made]))
            writers = [model.Row(tokens.ids) for _ in made]
            drawn = [plan.seed] * len(made) if seeds is None else list(seeds)
            random = {seed: np.random.default_rng(seed) for seed in drawn}
            count = min(plan.max_new_tokens, CONTEXT - len(tokens))
            for number in range(count):
                self._begin("step")
                uniform = {seed: float(each.random()) for seed, each in random.items()}
                logits = [
                    model.next_logits(writer.ids, interventions, self._open, len(tokens))
                    for writer, interventions in zip(writers, made, strict=True)
                ]
                step = [
                    writer.write(number, own, plan, uniform[seed], last=number + 1 == count)
                    for writer, own, seed in zip(writers, logits, drawn, strict=True)
                ]
                if not any(step):
                    return "end of text"
                step = [
                    token
                    and replace(token, activations=model.trace_last(writer.ids, row, self._open, len(tokens), refs))
                    for token, writer, row in zip(step, writers, made, strict=True)
                ]
                generation.append(step)
                job.progress = (number + 1) / plan.max_new_tokens
                if on_step is not None:
                    on_step(step)
                yield
            return "length" if count == plan.max_new_tokens else "context full"

        generation.attach(self._worker.submit(steps, slot=slot))
        return generation

    def random_control(self, interventions: Sequence[Intervention], *, seed: int = 0) -> Intervention | None:
        made = self._check_interventions(interventions)
        return match_random(made, seed=seed) if made else None

    def compare(self, prompt: Prompt, interventions: Sequence[Intervention], **settings: Any) -> Comparison:
        comparison: Comparison = self.start_compare(prompt, interventions, **settings).wait()
        return comparison

    def start_compare(
        self,
        prompt: Prompt,
        interventions: Sequence[Intervention],
        *,
        max_new_tokens: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seeds: Sequence[int] = (0,),
        controls: int = 3,
        features: Sequence[FeatureRef] = (),
        on_step: Callable[[Mapping[int, GeneratedToken]], object] | None = None,
        slot: Hashable | None = None,
    ) -> Job:
        tokens = self._require_tokens(prompt)
        made = self._check_interventions(interventions)
        require_set_once(made, prompt_length=len(tokens))
        plan = SamplingPlan(max_new_tokens, temperature, top_p)
        drawn = check_seeds(seeds, temperature=plan.temperature)
        planned = plan_comparison(made, seeds=drawn, controls=controls)
        refs = self._check_traced(features)
        provenance = self.provenance(list_dictionaries(made), token_ids=tokens.ids, seeds=list(drawn))

        def steps(job: Job) -> Generator[None, None, Comparison]:
            rows = []
            for _, _, row in planned:
                self._require_reach(row.interventions, tokens, len(tokens) + plan.max_new_tokens)
            making = {
                at: model.step_row(tokens, row.interventions, plan, row.seed, self._open, refs)
                for at, (_, _, row) in enumerate(planned)
            }
            done: dict[int, model.Continued] = {}
            for number in range(plan.max_new_tokens + 1):
                if len(done) == len(planned):
                    break
                self._begin("step")
                made_now: dict[int, GeneratedToken] = {}
                for at, row_steps in making.items():
                    if at in done:
                        continue
                    try:
                        made_now[at] = next(row_steps)
                    except StopIteration as end:
                        done[at] = end.value
                if on_step is not None and made_now:
                    on_step(made_now)
                job.progress = number / (plan.max_new_tokens + 1)
                yield
            continued = [done[at] for at in range(len(planned))]
            for (name, kind, row), (written, ended, logprobs, kl) in zip(planned, continued, strict=True):
                read = model.trace_prompt(tokens, row.interventions, self._open, refs)
                trace = build_trace(tokens, written, refs, read) if refs else None
                rows.append(ComparedText(name, kind, row.seed, row.interventions, written, ended, logprobs, kl, trace))
            return Comparison(tokens, made, tuple(rows), provenance)

        return self._worker.submit(steps, slot=slot)

    def dose(
        self, prompt: Prompt, ref: FeatureRef | Direction, strengths: Sequence[float] = STRENGTHS, **settings: Any
    ) -> DoseResponse:
        response: DoseResponse = self.start_dose(prompt, ref, strengths, **settings).wait()
        return response

    def start_dose(
        self,
        prompt: Prompt,
        ref: FeatureRef | Direction,
        strengths: Sequence[float] = STRENGTHS,
        *,
        measure: object,
        samples: int = 8,
        max_new_tokens: int = 32,
        temperature: float = 1.0,
        top_p: float = 1.0,
        seed: int = 0,
        positions: Positions = "all",
        on_points: Callable[[DoseResponse], object] | None = None,
        slot: Hashable | None = None,
    ) -> Job:
        tokens = self._require_tokens(prompt)
        curve = check_strengths(strengths)
        changes = self._check_interventions(add_each(ref, curve, positions=positions))
        plan = SamplingPlan(max_new_tokens, check_float("temperature", temperature, low=0.01, high=100), top_p, seed)
        count = check_int("samples", samples, low=MIN_SAMPLES, high=MAX_SAMPLES)
        seeds = check_seeds(range(plan.seed, plan.seed + count), temperature=plan.temperature)
        counted = build_measure(measure, vocabulary=len(PIECES))
        read = self._find(counted.of) if isinstance(counted.of, FeatureRef) else None
        planned = plan_dose(changes, seeds=seeds)
        provenance = self.provenance(list_dictionaries(changes), token_ids=tokens.ids, seeds=list(seeds))

        def steps(job: Job) -> Generator[None, None, DoseResponse]:
            made: list[DoseSample] = []

            def build() -> DoseResponse:
                samples = tuple(sorted(made, key=lambda sample: sample.strength))
                return DoseResponse(tokens, ref, counted, build_points(samples), samples, provenance)

            for size in sorted({abs(strength) for strength in curve}):
                here = [(strength, row) for strength, row in planned if abs(strength) == size]
                rows = [row for _, row in here]
                continued = yield from self._continue(job, tokens, rows, plan, done=len(made), of=len(planned))
                for (strength, row), (written, _, logprobs, _) in zip(here, continued, strict=True):
                    random = any(one.kind == "random" for one in row.interventions)
                    text = "".join(token.text for token in written)
                    ids = [token.id for token in written]
                    effect = model.measure(counted, tokens, ids, text, read)
                    variety = len(set(ids)) / len(ids) if ids else float("nan")
                    kind: Literal["changed", "random"] = "random" if random else "changed"
                    made.append(DoseSample(strength, kind, row.seed, text, effect, variety, logprobs))
                if on_points is not None and len(made) < len(planned):
                    on_points(build())
            return build()

        return self._worker.submit(steps, slot=slot)

    def _continue(
        self,
        job: Job,
        prompt: Tokens,
        rows: Sequence[Row],
        plan: SamplingPlan,
        refs: Sequence[FeatureRef] = (),
        *,
        done: int = 0,
        of: int | None = None,
    ) -> Generator[None, None, list[model.Continued]]:
        """One row a step: the fake has no batches. `done` rows of `of` were made before."""
        found = []
        for row in rows:
            self._begin("row")
            self._require_reach(row.interventions, prompt, len(prompt) + plan.max_new_tokens)
            found.append(model.continue_row(prompt, row.interventions, plan, row.seed, self._open, refs))
            job.progress = (done + len(found)) / (of or len(rows))
            yield
        return found

    def submit(self, work: Work, *, slot: Hashable | None = None) -> Job:
        return self._worker.submit(work, slot=slot)

    def provenance(
        self, dictionary_ids: Sequence[str] = (), *, token_ids: Sequence[int] = (), **settings: object
    ) -> Provenance:
        dictionaries = {name: self._find_id(name).info.commit for name in dictionary_ids}
        info = self.info
        return Provenance(
            info.id, info.revision, info.device, info.dtype, dictionaries, tuple(token_ids), settings, {"fake": "1"}
        )

    def to_code(self) -> str:
        return "scope = FakeScope()"

    def write_opening(self, dictionary_id: str) -> str:
        info = self._find_id(dictionary_id).info
        return f"scope.dictionary({info.site!r}, {info.layer})"

    def _begin(self, name: str) -> None:
        self.calls.append(name)
        assert self.gate.wait(60), "the gate was never opened"
        time.sleep(self.delay)
        if self.error is not None:
            raise self.error

    def _run(self, name: str, compute: Callable[[], Any]) -> Any:
        def work(_job: Job) -> Any:
            self._begin(name)
            return compute()

        return self._worker.run(work)

    def _find(self, ref: object) -> FakeDictionary:
        if not isinstance(ref, FeatureRef):
            raise InvalidValue(f"a feature comes from dictionary.feature(number), got {describe_value(ref)}")
        dictionary = self._find_id(ref.dictionary_id)
        check_feature(ref.feature, d_dict=D_DICT)
        return dictionary

    def _find_id(self, dictionary_id: str) -> FakeDictionary:
        if dictionary_id not in self._open:
            raise UnknownDictionary(f"{describe_value(dictionary_id)} is no dictionary that this scope has opened")
        return self._open[dictionary_id]

    def _check_dictionary(self, dictionary: Dictionary | str | None) -> FakeDictionary:
        if dictionary is None:
            return self.dictionary()
        if isinstance(dictionary, str):
            return self._find_id(dictionary)
        if not isinstance(dictionary, FakeDictionary):
            raise InvalidValue(f"dictionary comes from scope.dictionary(), got {describe_value(dictionary)}")
        if self._find_id(dictionary.info.id) is not dictionary:
            raise UnknownDictionary(f"{dictionary.info.id} was opened by another scope; open it with this one")
        return dictionary

    def _check_interventions(self, interventions: Sequence[Intervention] | Intervention) -> tuple[Intervention, ...]:
        given = [interventions] if isinstance(interventions, Intervention) else interventions
        made = tuple(_check_list("interventions", given))
        for one in made:
            if not isinstance(one, Intervention):
                raise InvalidValue(f"interventions come from gs.add, gs.clamp and the like, got {describe_value(one)}")
        for part in list_parts(made):
            if not isinstance(part.ref, Direction):
                self._find(part.ref)
            elif len(part.ref.vector) != D_MODEL:
                raise InvalidValue(f"{part.ref.site} of fake has {D_MODEL} numbers, got {len(part.ref.vector)}")
        return made

    def _check_traced(self, features: Sequence[FeatureRef] | FeatureRef) -> tuple[FeatureRef, ...]:
        refs = tuple(_check_list("features", [features] if isinstance(features, FeatureRef) else features))
        for ref in refs:
            self._find(ref)
        if len(set(refs)) < len(refs):
            raise InvalidValue(f"features are different ones, got {', '.join(map(str, refs))}")
        return refs

    def _require_tokens(self, prompt: Prompt) -> Tokens:
        tokens = self.tokens(prompt)
        if not len(tokens):
            raise InvalidValue("no token ids given; a prompt has at least one")
        return tokens

    def _require_reach(self, interventions: Sequence[Intervention], tokens: Tokens, length: int) -> None:
        positions = [pos for pos in range(length) if pos not in tokens.ignored]
        for one in list_parts(interventions):
            if not any(model.reaches(one, pos, len(tokens)) for pos in positions):
                raise InvalidValue(f"{one.kind} on {one.ref} changes nothing here: its positions hold no token")


def _check_list(name: str, value: Any) -> list[Any]:
    items = read_list(value)
    if items is None:
        raise InvalidValue(f"{name} must be a list, got {describe_value(value)}")
    return items


if TYPE_CHECKING:
    from gscope_widgets.recordings.replay import ReplayedScope
    from gscope_widgets.runtime.scope import Scope as LiveScope

    def _obey(live: LiveScope, replayed: ReplayedScope, fake: FakeScope) -> tuple[Scope, Scope, Scope]:
        """What makes the type checker compare every method of all with the protocol."""
        return live, replayed, fake
