"""What a scope's worker does: all that runs the model."""

import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import torch

from gscope_widgets.errors import InvalidValue, Offline, OutOfMemory, SanityWarning
from gscope_widgets.records.alignments import align_tokens
from gscope_widgets.records.attention import AttentionReading
from gscope_widgets.records.checks import DictionaryCheck
from gscope_widgets.records.circuit_effects import CircuitChange, CircuitEffect
from gscope_widgets.records.circuits import AttributionGraph
from gscope_widgets.records.claims import ClaimScore
from gscope_widgets.records.comparisons import Comparison, Kind
from gscope_widgets.records.contrasts import TextContrast
from gscope_widgets.records.dashboards import FeatureDashboard, FeatureNeighbour
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.doses import DoseResponse
from gscope_widgets.records.edge_heads import EdgeHeads
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.fidelity import DeltaLoss
from gscope_widgets.records.generation import Ending, GeneratedToken, SamplingPlan, TokenDistribution
from gscope_widgets.records.hits import FeatureHits
from gscope_widgets.records.interventions import Intervention, list_parts, match_random
from gscope_widgets.records.lens import LensReading
from gscope_widgets.records.matches import DictionaryComparison
from gscope_widgets.records.measures import Measure
from gscope_widgets.records.memory import MemoryUse
from gscope_widgets.records.progress import Fetched
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.rows import Row
from gscope_widgets.records.samples import FeatureSample
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.arguments import require_single
from gscope_widgets.runtime.cache import ByteCache
from gscope_widgets.runtime.circuits.building import Wanted, build_graph
from gscope_widgets.runtime.circuits.changing import measure_changes
from gscope_widgets.runtime.circuits.heads import measure_heads
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary, fetch_together
from gscope_widgets.runtime.dictionaries.shelf import Shelf
from gscope_widgets.runtime.examples.logits import measure_effect
from gscope_widgets.runtime.features.comparing import compare
from gscope_widgets.runtime.features.continuations import OnStep, decode_rows
from gscope_widgets.runtime.features.dashboards import build_dashboard, gather
from gscope_widgets.runtime.features.directing import Over, find_mean_difference
from gscope_widgets.runtime.features.dosing import dose
from gscope_widgets.runtime.features.fidelity import measure_delta_loss
from gscope_widgets.runtime.features.finding import Firings, find_by_texts
from gscope_widgets.runtime.features.matching import compare_readings
from gscope_widgets.runtime.features.neighbours import list_neighbours, measure_cosines
from gscope_widgets.runtime.features.neuronpedia import Neuronpedia
from gscope_widgets.runtime.features.reading import read_features
from gscope_widgets.runtime.features.sampling import has_held_out, read_held_out, sample_features
from gscope_widgets.runtime.features.sanity import Ends, Place, check_dictionary
from gscope_widgets.runtime.features.scoring import score_claim
from gscope_widgets.runtime.features.steering import Steering, Target
from gscope_widgets.runtime.features.tracing import Source, Tracing
from gscope_widgets.runtime.gemma.attention import read_attention
from gscope_widgets.runtime.gemma.generation import check_finite, compare_next
from gscope_widgets.runtime.gemma.hooks import run_through
from gscope_widgets.runtime.gemma.lens import read_lens
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.prefix import Prompts
from gscope_widgets.runtime.gemma.sites import DictionaryPoints, HookPoint, find_dictionary_points, find_hook_point
from gscope_widgets.runtime.memory import close_account, open_account, split_bytes
from gscope_widgets.runtime.waiting import wait_aside, without_progress

Value = TypeVar("Value")
# Work in steps: yields how far it has come, 0 to 1, where it knows, and returns its value.
Steps = Generator[float | Fetched | None, None, Value]

ACTIVATION_CACHE_BYTES = 256_000_000
READING_CACHE_BYTES = 64_000_000
SAMPLE_CACHE_BYTES = 128_000_000  # of firings; mini's default dictionary takes 2 MB
# Plain words that every Gemma 3, and mini, has met: the residual norm that `add` counts in is
# measured on these tokens, so a strength means the same for every prompt.
CALIBRATION_TEXT = (
    "The old fisherman walked from the harbour to the market, because his sister wanted bread and a red coat. "
    '"It is not far," she said. On Monday they sold 12 fish for 30 coins, and the children were happy.'
)


class Engine:
    """One model and what is computed with it. Arguments are checked already; every method is for the worker's thread.

    What may wait for a download, or makes text token by token, is a generator: other jobs have their turns, and
    a cancel takes effect, between its steps.
    """

    def __init__(self, loaded: LoadedModel, shelf: Shelf):
        """Nothing is computed yet.

        Args:
            shelf: where the dictionaries that interventions name are found.
        """
        self.loaded, self._shelf = loaded, shelf
        self.activations: ByteCache[torch.Tensor] = ByteCache(
            limit_bytes=ACTIVATION_CACHE_BYTES, size=lambda tensor: tensor.nbytes
        )
        self.readings: ByteCache[FeatureReading] = ByteCache(limit_bytes=READING_CACHE_BYTES, size=count_reading_bytes)
        self.samples: ByteCache[FeatureSample] = ByteCache(
            limit_bytes=SAMPLE_CACHE_BYTES, size=lambda sample: sample.nbytes
        )
        self._held_out: tuple[Tokens, ...] | None = None  # of the model's own, once they were asked for
        self.prompts = Prompts(loaded)
        self._norms: dict[str, float] = {}
        self._checks: dict[Dictionary, DictionaryCheck] = {}  # by object: on the Hub an id may come to hold new weights
        open_account(self)

    @property
    def caches(self) -> dict[str, ByteCache[Any]]:
        """What is kept of texts, by the name that `gs.memory()` and `scope.limit_memory` have for it."""
        return {
            "activations": self.activations,
            "prompts": self.prompts.known,
            "readings": self.readings,
            "samples": self.samples,
        }

    def list_uses(self) -> Iterator[MemoryUse]:
        """What the model, its dictionaries and its caches hold; may be asked on any thread."""
        info, model = self.loaded.info, self.loaded.model
        if model is not None:  # it is None once the scope is closed
            tensors = list(chain(model.parameters(), model.buffers()))
            host, device = split_bytes(tensors)
            yield MemoryUse(info.id, "model", "model", host, device, None, len(tensors), None, None)
        yield from self._shelf.list_uses()
        for name, cache in self.caches.items():
            on_host = name in ("readings", "samples") or torch.device(info.device).type == "cpu"
            host, device = (cache.bytes, 0) if on_host else (0, cache.bytes)
            yield MemoryUse(
                info.id, name, "cache", host, device, cache.limit_bytes, len(cache), cache.hits, cache.misses
            )

    def empty_caches(self) -> None:
        """Let go of what was kept of texts and of dictionaries' weights; may be asked on any thread."""
        for cache in self.caches.values():
            cache.clear()
        self._shelf.empty()

    def read(
        self, tokens: Tokens, dictionary: Dictionary, *, features: tuple[int, ...] | None
    ) -> Steps[FeatureReading]:
        """A dictionary's features on a text; the first reading of all features also checks the dictionary."""
        if features is None or not dictionary.is_read_by_row:
            yield from dictionary.fetch()
        if features is None:
            self._warn_once(dictionary)
        key = (dictionary, tokens.ids, features)
        if (kept := self.readings.get(key)) is not None:
            return copy_reading(kept, tokens=tokens)
        x, target = self._capture_ends(tokens, self.find_points(dictionary))
        reading = read_features(x, target, tokens, dictionary, features=features)
        self.readings.put(key, copy_reading(reading, tokens=tokens))
        return reading

    def check(self, dictionary: Dictionary) -> Steps[DictionaryCheck]:
        """Whether a dictionary fits the model, measured once."""
        yield from dictionary.fetch()
        return self._check(dictionary)

    def measure_loss(self, tokens: Tokens, dictionary: Dictionary) -> Steps[DeltaLoss]:
        """The model's loss with a dictionary's reconstruction in place of the original."""
        yield from dictionary.fetch()
        self._warn_once(dictionary)
        points = self.find_points(dictionary)
        return measure_delta_loss(self.loaded, tokens, dictionary, points, *self._capture_ends(tokens, points))

    def predict(
        self, tokens: Tokens, k: int, interventions: tuple[Intervention, ...], controls: int
    ) -> Steps[TokenDistribution]:
        """The next token, baseline and changed, and with as many random directions in the changes' place.

        Args:
            controls: 0 where there are no interventions.
        """
        yield from self._fetch_encoders(interventions)
        baseline, _ = self.prompts.run(tokens.ids, untouched=[None])
        changed, planned = baseline, [match_random(interventions, seed=seed) for seed in range(controls)]
        if interventions:
            steering = self._steer([interventions, *((one,) for one in planned)], tokens=tokens)
            steering.require_reach(len(tokens))
            changed, _ = self.prompts.steer(tokens.ids, steering)
        for logits in (baseline, changed):
            check_finite(logits)
        return compare_next(
            self.loaded.tokenizer,
            tokens,
            k=k,
            baseline=baseline[0],
            changed=changed[0],
            interventions=interventions,
            controls=list(zip(planned, changed[1:], strict=True)),
        )

    def logit_lens(
        self, tokens: Tokens, layers: tuple[int, ...], *, k: int, track: tuple[int, ...]
    ) -> Steps[LensReading]:
        """The next token as read off the residual stream after each of these layers."""
        points = {layer: find_hook_point(self.loaded.text_model, site="resid_post", layer=layer) for layer in layers}
        found = self._capture(tokens, list(points.values()))
        residuals = {layer: found[point.name] for layer, point in points.items()}
        return (yield from read_lens(self.loaded, tokens, residuals, k=k, track=track))

    def attention(self, tokens: Tokens, layer: int, *, provenance: Provenance) -> Steps[AttentionReading]:
        """What the heads of a layer attend to: see `read_attention`."""
        yield None
        return replace(read_attention(self.loaded, tokens, layer), provenance=provenance)

    def generate(
        self,
        tokens: Tokens,
        rows: Sequence[tuple[Intervention, ...]],
        *,
        plan: SamplingPlan,
        seeds: Sequence[int],
        features: tuple[FeatureRef, ...],
        begin: Callable[[np.ndarray], None],
        keep: Callable[[Sequence[GeneratedToken | None]], None],
    ) -> Steps[Ending]:
        """Continue a prompt in several rows, a seed each.

        Args:
            features: to be traced.
            begin: gets what was read of the prompt, float32, [rows, features, pos].
            keep: gets each step's tokens as they are made.
        """
        yield from self._fetch_encoders([one for row in rows for one in row], features)
        steering = self._steer(rows, features, tokens=tokens)
        produced = decode_rows(self.prompts, tokens, steering, plan=plan, seeds=seeds, begin=begin)
        while True:
            try:
                step = next(produced)
            except StopIteration as end:
                ending: Ending = end.value
                return ending
            keep(step)
            yield (max(token.step for token in step if token is not None) + 1) / plan.max_new_tokens

    def compare(
        self,
        tokens: Tokens,
        planned: Sequence[tuple[str, Kind, Row]],
        *,
        plan: SamplingPlan,
        features: tuple[FeatureRef, ...],
        provenance: Provenance,
        on_step: OnStep | None = None,
    ) -> Steps[Comparison]:
        """Continuations with and without a change, and what the unchanged model makes of them."""
        yield from self._fetch_encoders([one for _, _, row in planned for one in row.interventions], features)
        steer = partial(self._steer, tokens=tokens)
        return (
            yield from compare(
                self.prompts,
                tokens,
                planned,
                plan=plan,
                steer=steer,
                features=features,
                provenance=provenance,
                on_step=on_step,
            )
        )

    def dose(
        self,
        tokens: Tokens,
        ref: FeatureRef | Direction,
        planned: Sequence[tuple[float, Row]],
        *,
        plan: SamplingPlan,
        measure: Measure,
        read: Dictionary | None,
        provenance: Provenance,
        on_points: Callable[[DoseResponse], object] | None = None,
    ) -> Steps[DoseResponse]:
        """Continuations at several strengths, measured; `read` is the dictionary of a measure that is a feature."""
        if read is not None:
            yield from read.fetch()
        source = None if read is None else (read, self.find_points(read).reads)
        steps = dose(
            self.prompts,
            tokens,
            ref,
            planned,
            plan=plan,
            measure=measure,
            read=source,
            steer=partial(self._steer, tokens=tokens),
            provenance=provenance,
            on_points=on_points,
        )
        return (yield from steps)

    def find_direction(
        self, sets: Sequence[Sequence[Tokens]], place: tuple[str, int], *, over: Over, provenance: Provenance
    ) -> Steps[Direction]:
        """The mean difference of two sets of texts at a site and layer."""
        point = find_hook_point(self.loaded.text_model, site=place[0], layer=place[1])

        def capture(tokens: Tokens) -> torch.Tensor:
            return self._capture(tokens, [point])[point.name]

        return (yield from find_mean_difference(*sets, place=place, over=over, capture=capture, provenance=provenance))

    def find(
        self,
        positive: Sequence[Tokens],
        negative: Sequence[Tokens],
        dictionary: Dictionary,
        *,
        k: int,
        provenance: Provenance,
    ) -> Steps[FeatureHits]:
        """Features that fire on texts, or that tell them from others."""
        yield from dictionary.fetch()
        self._warn_once(dictionary)
        steps = find_by_texts(
            positive,
            negative,
            k=k,
            info=dictionary.info,
            dtype=self.loaded.info.dtype,
            fire=lambda tokens: self._fire(tokens, dictionary),
            describe=dictionary.describe,
            provenance=provenance,
        )
        return (yield from steps)

    def score_claim(
        self,
        dictionary: Dictionary,
        feature: int,
        positive: Sequence[Tokens],
        negative: Sequence[Tokens],
        *,
        claim: str,
        threshold: float,
        provenance: Provenance,
    ) -> Steps[ClaimScore]:
        """How well a feature tells positive texts from negative ones."""
        yield from dictionary.fetch()
        steps = score_claim(
            dictionary.describe(feature),
            positive,
            negative,
            claim=claim,
            threshold=threshold,
            dtype=self.loaded.info.dtype,
            fire=lambda tokens: self._fire(tokens, dictionary, features=(feature,)),
            provenance=provenance,
        )
        return (yield from steps)

    def card(
        self,
        dictionary: Dictionary,
        feature: int,
        *,
        examples: int,
        sources: Sequence[str],
        neuronpedia: Neuronpedia,
        texts: tuple[Tokens, ...] | None,
        provenance: Provenance,
    ) -> Steps[FeatureDashboard]:
        """All that can be had of one feature; `texts` are the reader's, None for those that the model ships with."""
        has_own = has_held_out(self.loaded.tokenizer.model_name)
        found = yield from wait_aside(
            lambda: gather(
                dictionary,
                feature,
                examples=examples if texts is None else 0,
                with_bands=texts is None and not has_own,
                vocabulary=self.loaded.tokenizer.vocabulary,
                sources=sources,
                neuronpedia=neuronpedia,
            )
        )
        effect = self.measure_effect(dictionary, feature) if found.needs_effects else None
        yield None
        sample, traced, neighbours = None, None, list[FeatureNeighbour]()
        if texts is not None or has_own:
            sample = yield from self.sample(dictionary, texts)
        if found.examples is not None and texts is None and has_own:
            rows = [self.loaded.tokenizer.tokenize(row.tolist()) for row in found.examples.tokens]
            traced = yield from without_progress(self._trace_rows(dictionary, feature, rows))
        try:
            values = yield from measure_cosines(dictionary, feature)
            rows_of = f"the decoder rows of {dictionary.info.id}"
            neighbours += list_neighbours(dictionary, feature, values, measure="decoder cosine", on=rows_of)
        except (Offline, OutOfMemory) as error:
            found.notes.append(f"no decoder neighbours: {error}")
        if sample is not None:
            values = sample.correlate(feature)
            neighbours += list_neighbours(dictionary, feature, values, measure="co-activation", on=sample.on)
        else:
            found.notes.append("no co-activation: it takes text that the dictionary is read on; give texts=[...]")
        return build_dashboard(
            self.loaded.tokenizer,
            dictionary,
            feature,
            found,
            examples=examples,
            effect=effect,
            sample=sample,
            is_given=texts is not None,
            traced=traced,
            neighbours=tuple(neighbours),
            provenance=provenance,
        )

    def sample(self, dictionary: Dictionary, texts: tuple[Tokens, ...] | None) -> Steps[FeatureSample]:
        """Where all features fire in some texts, by default mini's held-out ones: read once, and kept."""
        key = (dictionary, None if texts is None else tuple(tokens.ids for tokens in texts))
        if (kept := self.samples.get(key)) is not None:
            return kept
        yield from dictionary.fetch()
        tokenizer, on = self.loaded.tokenizer, "the texts given"
        read = texts
        if read is None:
            on = f"{tokenizer.model_name}'s held-out text"
            if self._held_out is None:
                self._held_out = yield from read_held_out(tokenizer.model_name, tokenizer.tokenize)
            read = self._held_out
        points = self.find_points(dictionary).reads
        run = partial(self._run_rows, points, keep=texts is None)
        sample = yield from sample_features(dictionary, points, read, on=on, run=run)
        self.samples.put(key, sample)
        return sample

    def _trace_rows(self, dictionary: Dictionary, feature: int, rows: Sequence[Tokens]) -> Steps[np.ndarray]:
        """One feature's activation on texts of one length: float32, [texts, pos]; 0 at ignored positions."""
        points, traced = self.find_points(dictionary).reads, np.zeros((len(rows), max(map(len, rows), default=0)))
        run = partial(self._run_rows, points, keep=False)
        sample = yield from sample_features(dictionary, points, rows, on="examples", features=(feature,), run=run)
        places, values = sample.fire(feature)
        traced.reshape(-1)[places] = values
        return traced.astype(np.float32)

    def contrast(
        self, first: Tokens, second: Tokens, dictionary: Dictionary, *, provenance: Provenance
    ) -> Steps[TextContrast]:
        """A dictionary's features on two texts, aligned."""
        one = yield from self.read(first, dictionary, features=None)
        yield 0.5
        other = yield from self.read(second, dictionary, features=None)
        pairs = yield from wait_aside(lambda: align_tokens(first.ids, second.ids))
        return TextContrast(one, other, pairs, provenance)

    def compare_dictionaries(
        self,
        tokens: Tokens,
        given: Sequence[Dictionary | FeatureReading],
        texts: Sequence[Tokens],
        *,
        threshold: float | None,
        provenance: Provenance,
    ) -> Steps[DictionaryComparison]:
        """One text through several dictionaries, their features matched."""
        readings: list[FeatureReading] = []
        for one in given:
            read = one if isinstance(one, FeatureReading) else (yield from self.read(tokens, one, features=None))
            readings.append(read)
            yield None
        steps = compare_readings(
            readings,
            [None if isinstance(one, FeatureReading) else one for one in given],
            texts,
            model=self.loaded.info.id,
            fire=self._fire,
            threshold=threshold,
            provenance=provenance,
        )
        return (yield from steps)

    def trace_circuit(
        self,
        tokens: Tokens,
        dictionaries: Sequence[Dictionary],
        wanted: Wanted,
        *,
        max_features: int,
        provenance: Provenance,
    ) -> Steps[AttributionGraph]:
        """What brought about a prediction or a feature: see `build_graph`."""
        whole = [one for one in dictionaries if not one.is_read_by_row]
        yield from fetch_together(whole)
        for dictionary in whole:
            self._warn_once(dictionary)
        steps = build_graph(self.loaded, tokens, dictionaries, wanted, max_features=max_features, provenance=provenance)
        return (yield from steps)

    def change_circuit(
        self,
        graph: AttributionGraph,
        dictionaries: Sequence[Dictionary],
        change: CircuitChange,
        *,
        controls: int,
        provenance: Provenance,
    ) -> Steps[CircuitEffect]:
        """What changing nodes of a graph does: see `measure_changes`."""
        yield from fetch_together([one for one in dictionaries if not one.is_read_by_row])
        steps = measure_changes(self.loaded, graph, dictionaries, change, controls=controls, provenance=provenance)
        return (yield from steps)

    def measure_heads(
        self,
        graph: AttributionGraph,
        dictionaries: Sequence[Dictionary],
        node: int,
        source: int,
        *,
        provenance: Provenance,
    ) -> Steps[EdgeHeads]:
        """Which heads carried an edge: see `heads.measure_heads`."""
        yield from fetch_together([one for one in dictionaries if not one.is_read_by_row])
        return (yield from measure_heads(self.loaded, graph, dictionaries, node, source, provenance=provenance))

    def measure_norm(self, point: HookPoint) -> float:
        """Mean norm at a hook point, over the calibration text's tokens but BOS; measured once."""
        if point.name not in self._norms:
            if self.loaded.tokenizer.inner is None:
                raise InvalidValue(
                    f"{self.loaded.tokenizer.model_name} has no tokenizer, so the mean norm that strengths in "
                    'fractions are counted in cannot be measured; give gs.add(..., unit="raw")'
                )
            tokens = self.loaded.tokenizer.tokenize(CALIBRATION_TEXT)
            activation = self._capture(tokens, [point])[point.name][list(tokens.used)]
            self._norms[point.name] = float(activation.norm(dim=1).mean())
        return self._norms[point.name]

    def measure_spans(self, dictionary: Dictionary, features: Sequence[int]) -> Steps[tuple[np.ndarray, np.ndarray]]:
        """Decoder norms of features by layer, [feature, n], and the mean norm of what is written there, [n]."""
        norms = yield from dictionary.write_norms(features)
        points = self.find_points(dictionary).writes
        if self.loaded.tokenizer.inner is not None:
            tokens = self.loaded.tokenizer.tokenize(CALIBRATION_TEXT)
            self._capture(tokens, [point for point in points if point.name not in self._norms])  # in one pass
        return norms, np.array([self.measure_norm(point) for point in points], np.float32)

    def measure_effect(self, dictionary: Dictionary, feature: int) -> np.ndarray:
        """A feature's direct effect on every logit: float32, [d_vocab]."""
        return measure_effect(self.loaded.model, dictionary, feature)

    def find_points(self, dictionary: Dictionary) -> DictionaryPoints:
        """Where a dictionary reads and writes in this model; may be asked on any thread."""
        return find_dictionary_points(self.loaded.text_model, site=dictionary.info.site, layers=dictionary.info.layers)

    def close(self) -> None:
        """Let go of the model and of all activations."""
        close_account(self)
        self.activations.clear()
        self.readings.clear()
        self.prompts.known.clear()
        self.samples.clear()
        self.loaded = replace(self.loaded, model=None, text_model=None)  # type: ignore[arg-type]  # nothing runs now
        self.prompts = Prompts(self.loaded)

    def _capture(self, tokens: Tokens, points: Sequence[HookPoint]) -> dict[str, torch.Tensor]:
        """Activations by hook point, float32, [pos, d]: from the cache, and in one pass what is not there."""
        known: dict[str, torch.Tensor] = {}
        for point in points:
            if (kept := self.activations.get((point.name, tokens.ids))) is not None:
                known[point.name] = kept
        missing = [point for point in points if point.name not in known]
        if missing:
            inputs = torch.tensor([tokens.ids], device=self.loaded.info.device)
            ran = run_through(self.loaded.text_model, missing, input_ids=inputs, use_cache=False)
            for name, activation in ran.items():
                known[name] = activation[0].to(self.loaded.info.device, torch.float32)
                self.activations.put((name, tokens.ids), known[name])
        return known

    def _run_rows(self, points: Sequence[HookPoint], ids: np.ndarray, *, keep: bool) -> dict[str, torch.Tensor]:
        """Activations of rows of ids by hook point, [rows, length, d]; kept for another dictionary there, if wanted."""
        keys = {point: (point.name, ids.shape, ids.tobytes()) for point in points}
        known = {point.name: self.activations.get(key) for point, key in keys.items()} if keep else {}
        if keep and all(one is not None for one in known.values()):
            return {name: one for name, one in known.items() if one is not None}
        inputs = torch.from_numpy(ids).to(self.loaded.info.device)
        ran = run_through(self.loaded.text_model, points, input_ids=inputs, use_cache=False)
        for point, key in keys.items() if keep else ():
            self.activations.put(key, ran[point.name])
        return ran

    def _capture_ends(self, tokens: Tokens, points: DictionaryPoints) -> Ends:
        """What a dictionary reads and what it is to give: float32, [pos, d], or [pos, n, d] for n layers."""
        return _take_ends(self._capture(tokens, (*points.reads, *points.writes)), points)

    def _fire(self, tokens: Tokens, dictionary: Dictionary, *, features: tuple[int, ...] | None = None) -> Firings:
        """Where a dictionary that is here, or some of its features, fire in a text: see `Firings`."""
        used = np.array(tokens.used, np.int64)
        points = self.find_points(dictionary).reads
        found = self._capture(tokens, points)
        parts = [found[point.name] for point in points]
        x = parts[0] if len(parts) == 1 else torch.stack(parts, 1)
        sparse = dictionary.encode(x[used], features=features)
        return used[sparse.positions].astype(np.int32), sparse.features, sparse.activations

    def _check(self, dictionary: Dictionary) -> DictionaryCheck:
        if dictionary not in self._checks:
            tokens = self.loaded.tokenizer.tokenize(CALIBRATION_TEXT)
            used = list(tokens.used)

            def capture(places: Sequence[Place]) -> list[Ends]:
                text_model = self.loaded.text_model
                wanted = [find_dictionary_points(text_model, site=site, layers=layers) for site, layers in places]
                found = self._capture(tokens, [one for points in wanted for one in (*points.reads, *points.writes)])
                return [(x[used], target[used]) for x, target in (_take_ends(found, points) for points in wanted)]

            self._checks[dictionary] = check_dictionary(dictionary, capture, layers=self.loaded.info.layers)
        return self._checks[dictionary]

    def _warn_once(self, dictionary: Dictionary) -> None:
        if dictionary not in self._checks and self.loaded.tokenizer.inner is not None:
            name = self.loaded.info.id
            for fault in self._check(dictionary).faults:
                warnings.warn(f"{dictionary.info.id} does not fit {name}: {fault}", SanityWarning, stacklevel=2)

    def _fetch_encoders(
        self, interventions: Sequence[Intervention], features: Sequence[FeatureRef] = ()
    ) -> Steps[None]:
        """Fetch the dictionaries whose encoders are read; `add` reads a decoder row alone."""
        for ref in features:
            yield from self._shelf.find(ref).fetch()
        for one in list_parts(interventions):
            if one.kind != "add" and isinstance(one.ref, FeatureRef):
                yield from self._shelf.find(one.ref).fetch()

    def _steer(
        self, rows: Sequence[Sequence[Intervention]], features: Sequence[FeatureRef] = (), *, tokens: Tokens
    ) -> Steering:
        return Steering(
            rows,
            resolve=self._target,
            prompt_length=len(tokens),
            ignored=tuple(tokens.ignored),
            tracing=Tracing(features, resolve=self._source, ignored=tuple(tokens.ignored)) if features else None,
        )

    def _source(self, ref: FeatureRef) -> Source:
        dictionary = self._shelf.find(ref)
        place = dictionary.info.layers.index(dictionary.source_layer(ref.feature))
        return Source(self.find_points(dictionary).reads[place], dictionary.encoder(ref.feature))

    def _target(self, intervention: Intervention) -> Target:
        if isinstance(intervention.ref, Direction):
            dictionary, place = None, intervention.ref
            reads = writes = find_hook_point(self.loaded.text_model, site=place.site, layer=place.layer)
        else:
            dictionary = require_single(self._shelf.find(intervention.ref))
            points = self.find_points(dictionary)
            reads, writes = points.reads[0], points.writes[0]
        norm = self.measure_norm(writes) if intervention.unit == "fraction" else 1.0
        return Target(dictionary, reads, writes, norm)


def _take_ends(found: Mapping[str, torch.Tensor], points: DictionaryPoints) -> Ends:
    """Of activations by hook point, those that a dictionary reads and is to give: [pos, d], or [pos, n, d]."""
    if len(points.reads) == 1:
        return found[points.reads[0].name], found[points.writes[0].name]
    x, target = (torch.stack([found[one.name] for one in side], 1) for side in (points.reads, points.writes))
    return x, target


def count_reading_bytes(reading: FeatureReading) -> int:
    """Bytes of a reading's arrays."""
    return sum(value.nbytes for value in vars(reading).values() if isinstance(value, np.ndarray))


def copy_reading(reading: FeatureReading, *, tokens: Tokens) -> FeatureReading:
    """A reading of a text of the same ids with arrays of its own, which its reader may change."""
    arrays: dict[str, Any] = {
        name: value.copy() for name, value in vars(reading).items() if isinstance(value, np.ndarray)
    }
    return replace(reading, tokens=tokens, labels=dict(reading.labels), **arrays)
