"""One model and its dictionaries: the object that notebooks and widgets use."""

import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from gscope_widgets.errors import InvalidValue, Offline, SanityWarning, describe_value
from gscope_widgets.records import protocols
from gscope_widgets.records.cards import FeatureCard
from gscope_widgets.records.catalogues import Catalogue
from gscope_widgets.records.checks import DictionaryCheck
from gscope_widgets.records.directions import SITES, Direction
from gscope_widgets.records.features import FeatureRef, FeatureSummary
from gscope_widgets.records.fidelity import DeltaLoss
from gscope_widgets.records.generation import GeneratedToken, SamplingPlan, TokenDistribution
from gscope_widgets.records.interventions import Intervention, list_parts, match_random, require_set_once
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.records.numbers import check_feature, check_int
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.tokens import Prompt, Tokens
from gscope_widgets.runtime.cache import ByteCache
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU
from gscope_widgets.runtime.dictionaries.shelf import Shelf
from gscope_widgets.runtime.examples.logits import measure_effect
from gscope_widgets.runtime.features.cards import SOURCES, build_card, find_labels
from gscope_widgets.runtime.features.fidelity import measure_delta_loss
from gscope_widgets.runtime.features.neuronpedia import Neuronpedia
from gscope_widgets.runtime.features.reading import read_features
from gscope_widgets.runtime.features.sanity import check_dictionary
from gscope_widgets.runtime.features.steering import Steering, Target
from gscope_widgets.runtime.gemma.generation import compare_next, generate_rows, next_logits
from gscope_widgets.runtime.gemma.hooks import run_through
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.sites import DictionaryPoints, HookPoint, find_dictionary_points, find_hook_point
from gscope_widgets.runtime.generation import Generation
from gscope_widgets.runtime.worker import Job, Work, Worker

ACTIVATION_CACHE_BYTES = 256_000_000
# Plain words that every Gemma 3, and mini, has met: the residual norm that `add` counts in is
# measured on these tokens, so a strength means the same for every prompt.
CALIBRATION_TEXT = (
    "The old fisherman walked from the harbour to the market, because his sister wanted bread and a red coat. "
    '"It is not far," she said. On Monday they sold 12 fish for 30 coins, and the children were happy.'
)


class Scope:
    """One model behind one worker thread. Made by `gs.load`, shared by every cell and widget.

    Every method may be called from any thread. Results are plain records with NumPy arrays; no
    tensor of the model leaves this object.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        wishes: dict[str, str] | None = None,
        token: str | None = None,
        on_close: Callable[["Scope"], None] = lambda _scope: None,
    ):
        """Made by `gs.load`.

        Args:
            token: for dictionaries on the Hub; by default huggingface_hub finds its own.
            wishes: the arguments of `gs.load` that were not left to it, for `to_code`.
            on_close: called when it is closed.
        """
        self._loaded, self._wishes, self._on_close = loaded, wishes or {}, on_close
        self._worker = Worker(f"gscope {loaded.info.id}", context=torch.inference_mode)
        self._shelf = Shelf(loaded.info, name=loaded.tokenizer.model_name, token=token)
        self._neuronpedia = Neuronpedia()
        self._norms: dict[str, float] = {}
        self._checks: dict[Dictionary, DictionaryCheck] = {}  # by object: on the Hub an id may come to hold new weights
        self._activations: ByteCache[torch.Tensor] = ByteCache(
            limit_bytes=ACTIVATION_CACHE_BYTES, size=lambda tensor: tensor.nbytes
        )

    def __repr__(self) -> str:
        return f"<Scope {self.info.id} on {self.info.device}, {self.info.dtype}>"

    def __copy__(self) -> "Scope":
        return self

    def __deepcopy__(self, _memo: dict) -> "Scope":
        return self

    def __reduce__(self):
        raise InvalidValue("a scope holds a running model and cannot be pickled; call gs.load() where it is needed")

    def __enter__(self) -> "Scope":
        return self

    def __exit__(self, *_exception) -> None:
        self.close()

    @property
    def info(self) -> ModelInfo:
        """Which model this is, and what it takes."""
        return self._loaded.info

    @property
    def name(self) -> str:
        """What `gs.load` was called with."""
        return self._loaded.tokenizer.model_name

    @property
    def text_limit(self) -> int:
        """Characters that are certainly too many for one text."""
        return self._loaded.tokenizer.text_limit

    # ---- dictionaries

    def catalogue(self, *, revision: str | None = None, refresh: bool = False) -> Catalogue:
        """The dictionaries for this model: a list that shows itself as a table, with `to_frame()`.

        Of a Gemma 3 model, what the Hub lists in its Gemma Scope 2 repository: one request a day,
        kept for use offline. Of a list from the Hub, `d_dict` and `mean_l0` are None until a
        dictionary is opened.

        Args:
            revision: a branch, tag or commit of the repository.
            refresh: ask the Hub again at once.

        Raises:
            Offline: the Hub cannot be asked, and no list was kept.
            UnknownDictionary: Gemma Scope 2 has nothing for this model.
        """
        return self._shelf.catalogue(revision=revision, refresh=refresh)

    def dictionary(
        self,
        site: str = "resid_post",
        layer: int | None = None,
        width: str | None = None,
        l0: str | None = None,
        *,
        affine: bool = False,
        path: str | Path | None = None,
        revision: str | None = None,
        device: str | None = None,
        dtype: str | None = None,
    ) -> Dictionary:
        """One of the model's dictionaries. The same choice gives the same object.

        Without arguments: the residual stream after the middle of the sweep layers (270m 9, 1b 13, 4b 17, 12b 24,
        27b 31, mini 4), 16k features (mini 1k), medium.

        Opening one from the Hub fetches its `config.json` and the headers of its weight files, under
        10 kB a file; a feature's decoder row comes by itself. The weight files, of 80 MB to
        42 GB, are fetched by the first reading, file by file, with a progress bar.

        Args:
            site: "resid_post", "attn_out", "mlp_out", "transcoder", "crosscoder" or "clt". Where the
                sweep of a few layers has nothing that fits, the folder of all layers does
                ("resid_post_all", which may also be named itself).
            layer: zero-based; None for the middle one of those that fit. Of a crosscoder or CLT,
                which have several, one of them; best left out.
            width: "1k", "16k", ...; None for "16k" or "1k", or else the narrowest.
            l0: "small", "medium" or "big"; None for medium, or small where there is no medium, as in the suites
                of all layers.
            affine: with a skip connection (transcoders and CLTs).
            path: a folder in the published layout, instead of the choices above.
            revision: a branch, tag or commit of the Gemma Scope 2 repository; None for the newest.
            device: where its weights are held: "cpu", "cuda", ...; None for the model's.
            dtype: "float32", or "bfloat16" for half the memory: rounded weights, summed in float32; None for float32.

        Raises:
            UnknownDictionary: there is none; the message lists what exists.
            BadArtefact: its files are damaged, or made for another model.
            Offline, DiskFull: it cannot be fetched, or not be kept.
            InvalidValue: it is open on another device or in another dtype.
        """
        if path is not None:
            return self._shelf.open_folder(path, device=device, dtype=dtype)
        return self._shelf.choose(
            site=site, layer=layer, width=width, l0=l0, affine=affine, revision=revision, device=device, dtype=dtype
        )

    def describe(self, ref: FeatureRef) -> FeatureSummary:
        """What is known of one feature without running the model."""
        dictionary = self._shelf.find(ref)
        return FeatureSummary(ref, dictionary.label(ref.feature), dictionary.max_activation(ref.feature))

    def find(
        self,
        query: str,
        dictionary: protocols.Dictionary | str | None = None,
        *,
        k: int = 10,
        where: Literal["here", "neuronpedia"] = "here",
    ) -> list[FeatureSummary]:
        """Features whose label contains the query, best detectors (by AUC) first.

        Args:
            query: part of a label, upper and lower case alike: "bird".
            k: the most to return.
            where: "here" searches the labels on this machine: measured ones, and those of Neuronpedia that
                were looked at before. "neuronpedia" asks there (200 searches an hour are allowed), for
                residual 16k to 1m medium dictionaries and some transcoders of Gemma Scope 2.

        Raises:
            Offline: Neuronpedia cannot be asked now.
        """
        dictionary = self._check_dictionary(dictionary)
        k = check_int("k", k, low=1, high=dictionary.d_dict)
        if not isinstance(query, str):
            raise InvalidValue(f"query must be a string, got {describe_value(query)}")
        if where not in ("here", "neuronpedia"):
            raise InvalidValue(f'where must be "here" or "neuronpedia", got {describe_value(where)}')
        found = find_labels(dictionary, query, neuronpedia=self._neuronpedia, ask=where == "neuronpedia")
        summaries = [
            FeatureSummary(dictionary.feature(number), label, dictionary.max_activation(number))
            for number, label in found
        ]
        return sorted(summaries, key=lambda summary: -(summary.label.auc or 0.0))[:k]

    def card(
        self,
        ref: FeatureRef,
        *,
        examples: int = 10,
        sources: Sequence[str] = SOURCES,
    ) -> FeatureCard:
        """All that is known of one feature; `print` shows it.

        Examples come from the `examples.safetensors` beside its dictionary, of which only this feature's
        rows are read (from the Hub about 20 small requests). Labels come from what was measured beside
        it and from Neuronpedia, where a label counts only if it names this very dictionary. What cannot
        be had is left out, and `notes` says why.

        Args:
            examples: the most to show, 0 to 1000.
            sources: what may be asked over the network: "examples", "neuronpedia"; () asks nothing.
        """
        dictionary = self._shelf.find(ref)
        examples = check_int("examples", examples, low=0, high=1000)
        sources = _check_many("sources", sources)
        return build_card(
            self._loaded.tokenizer,
            dictionary,
            ref.feature,
            measure=lambda: self._measure_effect(dictionary, ref.feature, ask="examples" in sources),
            examples=examples,
            sources=sources,
            neuronpedia=self._neuronpedia,
        )

    # ---- looking

    def tokens(self, text: Prompt) -> Tokens:
        """A text as the model reads it. See `Tokens`.

        Raises:
            PromptTooLong: more than `info.context` tokens; long texts are refused before tokenising.
        """
        return self._loaded.tokenizer.tokenize(text)

    def read(
        self,
        text: Prompt,
        dictionary: protocols.Dictionary | str | None = None,
        *,
        features: Sequence[int] | None = None,
    ) -> FeatureReading:
        """The features of a dictionary on a text: one forward pass, stopped at the dictionary's last layer.

        A transcoder's or CLT's errors are those of its target, what the MLP adds; a crosscoder's
        or CLT's are summed over its layers. See `FeatureReading`.

        Args:
            text: a string, chat messages or token ids.
            dictionary: from `scope.dictionary()`, which is also the default; or the id of one
                that is open, as a `FeatureRef` has it.
            features: only these, at one dot product each a token; error terms are left out then,
                and a wide dictionary is not loaded for it.

        Raises:
            PromptTooLong, UnknownFeature, Cancelled.
        """
        dictionary = self._check_dictionary(dictionary)
        if features is not None:
            features = tuple(
                check_feature(feature, d_dict=dictionary.d_dict) for feature in _check_many("features", features)
            )
        tokens = self._require_tokens(text)

        def work(job: Job):
            yield from _fetch(dictionary, job)
            if features is None:
                self._warn_once(dictionary)
            return read_features(*self._activations_of(tokens, dictionary), tokens, dictionary, features=features)

        return self._worker.run(work)

    def check(self, dictionary: protocols.Dictionary | str | None = None) -> DictionaryCheck:
        """Whether a dictionary fits this model: FVU and L0 on a short built-in text, against what it declares.

        The first reading of a dictionary does this by itself and warns (`SanityWarning`) where something
        is wrong: files of another layer, site or model, or a matrix the wrong way round.
        """
        dictionary = self._check_dictionary(dictionary)

        def work(job: Job):
            yield from _fetch(dictionary, job)
            return self._check(dictionary)

        return self._worker.run(work)

    def delta_loss(self, text: Prompt, dictionary: protocols.Dictionary | str | None = None) -> DeltaLoss:
        """How much worse the model predicts a text with a dictionary's reconstruction in place of the original.

        Costs four forward passes of the text. See `DeltaLoss`, which holds the mean ablation as a control.

        Raises:
            InvalidValue: fewer than two tokens that the dictionary applies to.
        """
        dictionary = self._check_dictionary(dictionary)
        tokens = self._require_tokens(text)
        if len(tokens.used) < 2:
            raise InvalidValue(f"a loss needs two tokens or more besides BOS, got {len(tokens.used)}")

        def work(job: Job):
            yield from _fetch(dictionary, job)
            self._warn_once(dictionary)
            activations = self._activations_of(tokens, dictionary)
            return measure_delta_loss(self._loaded, tokens, dictionary, self._points(dictionary), *activations)

        return self._worker.run(work)

    def next_tokens(self, text: Prompt, k: int = 10, interventions: Sequence[Intervention] = ()) -> TokenDistribution:
        """The `k` likeliest next tokens, and what they were without the interventions.

        Raises:
            InvalidValue: an intervention changes no position of this text, or two set one feature at one position.
        """
        k = check_int("k", k, low=1, high=self.info.vocabulary)
        interventions = self._check_interventions(interventions)
        tokens = self._require_tokens(text)
        require_set_once(interventions, prompt_length=len(tokens))

        def work(job: Job):
            yield from self._fetch_read(interventions, job)
            return self._predict(tokens, k, interventions)

        return self._worker.run(work)

    # ---- changing

    def generate(
        self,
        prompt: Prompt,
        interventions: Sequence[Intervention] = (),
        *,
        max_new_tokens: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> Generation:
        """Continue a prompt. Returns at once; iterate the result for tokens as they come.

        Args:
            interventions: from `gs.add`, `gs.clamp`, `gs.scale`, `gs.ablate`; all apply together, and of those that
                set an activation (all but `add`) one for each feature and position.
            max_new_tokens: 1 to 100,000; the model's context ends it earlier.
            temperature: 0 takes the likeliest token; up to 100.
            top_p: above 0, up to 1.
            seed: 0 to 2**31 - 1. Used only with a temperature.
        """
        return self.generate_rows(
            prompt,
            {"text": interventions},
            plan=SamplingPlan(max_new_tokens, temperature, top_p, seed),
        )

    def generate_rows(
        self,
        prompt: Prompt,
        rows: dict[str, Sequence[Intervention]],
        *,
        plan: SamplingPlan,
        seeds: Sequence[int] | None = None,
        on_step: Callable[[Sequence[GeneratedToken | None]], None] | None = None,
        slot: Hashable | None = None,
    ) -> Generation:
        """Several continuations of one prompt, decoded as one batch.

        A row is the same text alone, in any batch, streamed or not: rounding apart, which can tip two tokens that are
        equally likely.

        Args:
            rows: name to interventions; () makes the row the baseline.
            seeds: one a row, 0 to 2**31 - 1; None for the plan's, so that all see the same random numbers.
            on_step: called on the worker's thread after each step, with one token a row, or
                None for a row that has ended.
            slot: a newer generation in the same slot stops this one.
        """
        if not rows:
            raise InvalidValue("rows is empty; give at least one, such as {'text': ()}")
        interventions = [self._check_interventions(row) for row in rows.values()]
        drawn = [plan.seed] * len(rows) if seeds is None else _check_row_seeds(seeds, rows=len(rows))
        tokens = self._require_tokens(prompt)
        for row in interventions:
            require_set_once(row, prompt_length=len(tokens))
        generation = Generation(tuple(rows))

        def steps(job: Job):
            yield from self._fetch_read([one for row in interventions for one in row], job)
            steering = self._steering(interventions, tokens)
            steering.require_reach(len(tokens) + plan.max_new_tokens)
            produced = generate_rows(
                self._loaded, tokens.ids, rows=len(rows), plan=plan, steer=steering.applied, seeds=drawn
            )
            while True:
                try:
                    step = next(produced)
                except StopIteration as end:
                    return end.value
                generation.append(step)
                job.progress = (max(token.step for token in step if token is not None) + 1) / plan.max_new_tokens
                if on_step is not None:
                    on_step(step)
                yield

        generation.attach(self._worker.submit(steps, slot=slot))
        return generation

    def random_control(self, interventions: Sequence[Intervention], *, seed: int = 0) -> Intervention | None:
        """A random direction as long as the interventions together at each position, where they act.

        Args:
            seed: 0 to 2**31 - 1: which direction.

        Returns:
            None where there are no interventions.
        """
        checked = self._check_interventions(interventions)
        return match_random(checked, seed=seed) if checked else None

    def mean_norm(self, dictionary: protocols.Dictionary | str | None = None) -> float:
        """Mean norm where a dictionary writes, on a built-in text: the unit of `gs.add`.

        Of the residual stream for `resid_post`; of what the MLP adds for `mlp_out` and transcoders.

        Raises:
            InvalidValue: it writes at several layers, so that `gs.add` does not take it.
        """
        dictionary = _require_single(self._check_dictionary(dictionary))
        return self._worker.run(lambda _job: self._mean_norm(self._points(dictionary).writes[0]))

    # ---- sharing

    def submit(self, work: Work, *, slot: Hashable | None = None) -> Job:
        """Run work on the worker's thread, where every method of the scope answers directly.

        A newer job of the same slot cancels this one.
        """
        return self._worker.submit(work, slot=slot)

    def provenance(
        self, dictionary_ids: Sequence[str] = (), *, token_ids: Sequence[int] = (), **settings: object
    ) -> Provenance:
        """Where a result of this scope comes from, computed with these dictionaries, which are open."""
        return Provenance(
            model=self.info.id,
            revision=self.info.revision,
            dictionaries={name: self._shelf.find_id(name).info.commit for name in dict.fromkeys(dictionary_ids)},
            device=self.info.device,
            dtype=self.info.dtype,
            token_ids=tuple(token_ids),
            settings=settings,
            versions={name: _version_of(name) for name in ("gscope-widgets", "torch", "transformers")},
        )

    def to_code(self) -> str:
        """The line that loads this scope."""
        wishes = "".join(f", {name}={value!r}" for name, value in self._wishes.items())
        return f"scope = gs.load({self.name!r}{wishes})"

    def write_opening(self, dictionary_id: str) -> str:
        """The expression that opens a dictionary of this scope again."""
        return self._shelf.write_opening(dictionary_id)

    def close(self) -> None:
        """Stop all work and free the model, its dictionaries and its caches. Quiet when repeated."""
        self._on_close(self)
        self._worker.close()
        self._activations.clear()
        self._shelf.close()
        self._loaded = replace(self._loaded, model=None, text_model=None)

    # ---- on the worker's thread

    def _activations_of(self, tokens: Tokens, dictionary: Dictionary) -> tuple[torch.Tensor, torch.Tensor]:
        """What a dictionary reads and what it is to give: float32, [pos, d], or [pos, n, d] for n layers."""
        return self._activations_at(tokens, self._points(dictionary))

    def _activations_at(self, tokens: Tokens, points: DictionaryPoints) -> tuple[torch.Tensor, torch.Tensor]:
        found = self._capture(tokens, (*points.reads, *points.writes))
        if len(points.reads) == 1:
            return found[points.reads[0].name], found[points.writes[0].name]
        x, target = (torch.stack([found[one.name] for one in side], 1) for side in (points.reads, points.writes))
        return x, target

    def _measure_effect(self, dictionary: Dictionary, feature: int, *, ask: bool) -> np.ndarray:
        if not ask and not dictionary.has_row(feature):
            raise Offline("its decoder row is on the Hub and was not asked for")
        dictionary.written(feature)  # what the network gives is waited for here, not by the model's thread
        return self._worker.run(lambda _job: measure_effect(self._loaded.model, dictionary, feature))

    def _check(self, dictionary: Dictionary) -> DictionaryCheck:
        if dictionary not in self._checks:
            tokens = self.tokens(CALIBRATION_TEXT)
            used = list(tokens.used)

            def capture(site: str, layers: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
                points = find_dictionary_points(self._loaded.text_model, site=site, layers=layers)
                return tuple(part[used] for part in self._activations_at(tokens, points))

            self._checks[dictionary] = check_dictionary(dictionary, capture, layers=self.info.layers)
        return self._checks[dictionary]

    def _warn_once(self, dictionary: Dictionary) -> None:
        if dictionary not in self._checks and self._loaded.tokenizer.inner is not None:
            for fault in self._check(dictionary).faults:
                warnings.warn(f"{dictionary.info.id} does not fit {self.info.id}: {fault}", SanityWarning, stacklevel=2)

    def _capture(self, tokens: Tokens, points: Sequence[HookPoint]) -> dict[str, torch.Tensor]:
        """Activations by hook point, float32, [pos, d]: from the cache, and in one pass what is not there."""
        known = {point.name: self._activations.get((point.name, tokens.ids)) for point in points}
        missing = [point for point in points if known[point.name] is None]
        if missing:
            inputs = torch.tensor([tokens.ids], device=self.info.device)
            ran = run_through(self._loaded.text_model, missing, input_ids=inputs, use_cache=False)
            for name, activation in ran.items():
                known[name] = activation[0].to(self.info.device, torch.float32)
                self._activations.put((name, tokens.ids), known[name])
        return known

    def _fetch_read(self, interventions: Sequence[Intervention], job: Job) -> Iterator[None]:
        """Fetch the dictionaries whose encoders interventions read; `add` reads a decoder row alone."""
        for one in list_parts(interventions):
            if one.kind != "add" and isinstance(one.ref, FeatureRef):
                yield from _fetch(self._shelf.find(one.ref), job)

    def _predict(self, tokens: Tokens, k: int, interventions: tuple[Intervention, ...]) -> TokenDistribution:
        rows = [(), interventions] if interventions else [()]
        steering = self._steering(rows, tokens)
        steering.require_reach(len(tokens))
        with steering.applied(0):
            logits = next_logits(self._loaded, tokens.ids, rows=len(rows))
        return compare_next(
            self._loaded.tokenizer, tokens, k=k, baseline=logits[0], changed=logits[-1], interventions=interventions
        )

    def _steering(self, rows: Sequence[Sequence[Intervention]], tokens: Tokens) -> Steering:
        return Steering(rows, resolve=self._target, prompt_length=len(tokens), ignored=tuple(tokens.ignored))

    def _target(self, intervention: Intervention) -> Target:
        if isinstance(intervention.ref, Direction):
            dictionary, reads = None, self._find_point(intervention.ref.site, intervention.ref.layer)
            writes = reads
        else:
            dictionary = _require_single(self._shelf.find(intervention.ref))
            points = self._points(dictionary)
            reads, writes = points.reads[0], points.writes[0]
        return Target(dictionary, reads, writes, self._mean_norm(writes) if intervention.unit == "fraction" else 1.0)

    def _mean_norm(self, point: HookPoint) -> float:
        if point.name not in self._norms:
            if self._loaded.tokenizer.inner is None:
                raise InvalidValue(
                    f"{self.name} has no tokenizer, so the mean norm that strengths in fractions are counted in cannot "
                    'be measured; give gs.add(..., unit="raw")'
                )
            tokens = self.tokens(CALIBRATION_TEXT)
            used = list(tokens.used)
            self._norms[point.name] = float(self._capture(tokens, [point])[point.name][used].norm(dim=1).mean())
        return self._norms[point.name]

    def _find_point(self, site: object, layer: object) -> HookPoint:
        """Where a direction of one's own belongs."""
        if not isinstance(site, str) or site not in SITES:
            raise InvalidValue(f"site must be one of {', '.join(SITES)}, got {describe_value(site)}")
        return find_hook_point(self._loaded.text_model, site=site, layer=layer)

    def _points(self, dictionary: Dictionary) -> DictionaryPoints:
        return find_dictionary_points(self._loaded.text_model, site=dictionary.info.site, layers=dictionary.info.layers)

    # ---- checks

    def _check_dictionary(self, dictionary: protocols.Dictionary | str | None) -> Dictionary:
        return self.dictionary() if dictionary is None else self._shelf.check(dictionary)

    def _check_interventions(self, interventions: Sequence[Intervention]) -> tuple[Intervention, ...]:
        if isinstance(interventions, Intervention):
            return self._check_interventions((interventions,))
        interventions = _check_many("interventions", interventions)
        for intervention in interventions:
            if not isinstance(intervention, Intervention):
                raise InvalidValue(
                    "interventions come from gs.add, gs.clamp, gs.scale or gs.ablate, "
                    f"got {describe_value(intervention)}"
                )
        for part in list_parts(interventions):
            self._check_ref(part.ref)
        return interventions

    def _check_ref(self, ref: FeatureRef | Direction) -> None:
        if isinstance(ref, FeatureRef):
            _require_single(self._shelf.find(ref))
            return
        self._find_point(ref.site, ref.layer)
        size = self.info.d_attention if ref.site == "attn_out" else self.info.d_model
        if len(ref.vector) != size:
            raise InvalidValue(
                f"{ref.site} of {self.info.id} has {size} numbers, the vector has {len(ref.vector)}: "
                "it belongs to another site or model"
            )

    def _require_tokens(self, prompt: Prompt) -> Tokens:
        tokens = self.tokens(prompt)
        if not len(tokens):
            raise InvalidValue("no token ids given; a prompt has at least one")
        return tokens


def _fetch(dictionary: Dictionary, job: Job) -> Iterator[None]:
    """Steps of a job that waits for a dictionary's weight files, while other jobs have their turns."""
    for share in dictionary.fetch():
        job.progress = share
        yield


def _require_single(dictionary: Dictionary) -> JumpReLU:
    if not isinstance(dictionary, JumpReLU):
        raise InvalidValue(
            f"{dictionary.info.id} is a {dictionary.info.kind}, whose features write at several layers; this version "
            "steers with dictionaries of one layer: take scope.dictionary('resid_post') or a transcoder"
        )
    return dictionary


def _check_many(name: str, value: object) -> tuple:
    with suppress(TypeError):
        if not isinstance(value, (str, bytes)):
            return tuple(value)  # type: ignore[arg-type]
    raise InvalidValue(f"{name} must be a list, got {describe_value(value)}")


def _check_row_seeds(seeds: Sequence[int], *, rows: int) -> list[int]:
    found = [check_int("a seed", seed, low=0, high=2**31 - 1) for seed in _check_many("seeds", seeds)]
    if len(found) != rows:
        raise InvalidValue(f"seeds must be one a row, {rows}, got {len(found)}")
    return found


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "source"
