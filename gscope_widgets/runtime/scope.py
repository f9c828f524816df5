"""One model and its dictionaries: the object that notebooks and widgets use."""

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, NoReturn

import torch

from gscope_widgets.errors import InvalidValue, UnknownDictionary
from gscope_widgets.recordings.recorder import Recorder, recorded
from gscope_widgets.records import protocols
from gscope_widgets.records.catalogues import Catalogue
from gscope_widgets.records.checks import DictionaryCheck
from gscope_widgets.records.comparisons import Comparison
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.doses import STRENGTHS, DoseResponse, check_strengths
from gscope_widgets.records.features import FeatureRef, FeatureSummary
from gscope_widgets.records.fidelity import DeltaLoss
from gscope_widgets.records.generation import GeneratedToken, SamplingPlan, TokenDistribution
from gscope_widgets.records.interventions import Intervention, Positions, add_each, list_dictionaries, match_random
from gscope_widgets.records.lens import MAX_TRACKED, LensReading
from gscope_widgets.records.measures import apply_function, build_measure
from gscope_widgets.records.memory import Memory
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.records.numbers import check_float, check_int, check_layer
from gscope_widgets.records.provenance import Provenance, find_versions
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.rows import (
    MAX_SAMPLES,
    MIN_CONTROLS,
    MIN_SAMPLES,
    check_controls,
    check_seeds,
    plan_comparison,
    plan_dose,
)
from gscope_widgets.records.tokens import Prompt, Tokens
from gscope_widgets.runtime.arguments import Arguments, check_list, check_row_seeds, require_single
from gscope_widgets.runtime.asking import NARROWER
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.fingerprints import fingerprint_dictionary
from gscope_widgets.runtime.dictionaries.shelf import Shelf
from gscope_widgets.runtime.engine import Engine
from gscope_widgets.runtime.examples.sweeps import Swept, check_model, check_same, open_swept
from gscope_widgets.runtime.exploring import Exploring
from gscope_widgets.runtime.features.directing import check_over
from gscope_widgets.runtime.features.neuronpedia import Neuronpedia
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.generation import Generation
from gscope_widgets.runtime.hub.repository import find_cached
from gscope_widgets.runtime.memory import find_all_free
from gscope_widgets.runtime.worker import Job, Work, Worker


class Scope(Exploring):
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
        place: str | None = None,
        on_close: Callable[["Scope"], None] = lambda _scope: None,
    ):
        """Made by `gs.load`.

        Args:
            token: for dictionaries on the Hub; by default huggingface_hub finds its own.
            wishes: the arguments of `gs.load` that were not left to it, for `to_code`.
            place: of a model in a folder, that folder from the root on: another process may stand elsewhere.
            on_close: called when it is closed.
        """
        self._wishes, self._on_close = wishes or {}, on_close
        self._tokenizer = loaded.tokenizer
        self._place = place or loaded.tokenizer.model_name
        self._worker = Worker(
            f"gscope {loaded.info.id}", context=torch.inference_mode, after_fork=partial(_go_on, loaded.info.device)
        )
        self._shelf = Shelf(loaded.info, name=loaded.tokenizer.model_name, token=token)
        self._engine = Engine(loaded, self._shelf)
        self._take = Arguments(loaded.info, loaded.tokenizer, self._shelf)
        self._neuronpedia = Neuronpedia()
        self._recorder: Recorder | None = None

    def __repr__(self) -> str:
        return f"<Scope {self.info.id} on {self.info.device}, {self.info.dtype}>"

    def __copy__(self) -> "Scope":
        return self

    def __deepcopy__(self, _memo: dict[int, object]) -> "Scope":
        return self

    def __reduce__(self) -> NoReturn:
        raise InvalidValue("a scope holds a running model and cannot be pickled; call gs.load() where it is needed")

    def __enter__(self) -> "Scope":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @property
    def info(self) -> ModelInfo:
        """Which model this is, and what it takes."""
        return self._engine.loaded.info

    @property
    def power(self) -> str:
        """How it answers, for readers: "live on cuda"."""
        return f"live on {self.info.device}"

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, or is of no use in this process: one that was forked while a GPU held the model."""
        return self._worker.is_closed

    @property
    def name(self) -> str:
        """What `gs.load` was called with."""
        return self._tokenizer.model_name

    @property
    def text_limit(self) -> int:
        """Characters that are certainly too many for one text."""
        return self._tokenizer.text_limit

    @recorded
    def catalogue(self, *, revision: str | None = None, refresh: bool = False) -> Catalogue:
        """The dictionaries for this model: a list that shows itself as a table, with `to_frame()`.

        Of a Gemma 3 model, what the Hub lists in its Gemma Scope 2 repository: one request a day,
        kept for use offline. Of a list from the Hub, `d_dict` and `mean_l0` are None until a
        dictionary is opened.

        Args:
            revision: a branch, tag or commit of the repository.
            refresh: ask the Hub again at once.

        Raises:
            Offline: the Hub cannot be asked, no list was kept, and nothing of it is in the Hub's cache.
            UnknownDictionary: Gemma Scope 2 has nothing for this model.
        """
        return self._shelf.catalogue(revision=revision, refresh=refresh)

    @recorded
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
            path: a folder in the published layout, or what SAELens saved (`cfg.json`, `sae_weights.safetensors`;
                see docs/formats.md for what is refused), instead of the choices above; or one of any repository
                on the Hub, "hf://owner/name/site/folder" or "hf://owner/name@revision/site/folder".
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

    def use_examples(
        self, path: str | os.PathLike[str] | None, dictionary: protocols.Dictionary | str | None = None
    ) -> Dictionary:
        """Have cards show what a sweep of one's own found, in the place of the examples that came with a dictionary.

        Of all features: examples, bands, histogram, density. Holds until another call, or until the scope is closed.

        Args:
            path: what `gs.sweep` gave, or the folder that it wrote; None for what came with the dictionary.
            dictionary: that was swept, or its id; None for the one that the sweep names, which is opened where it
                ships with the model or is on the Hub, and is else to be open; without a path, for the default one.

        Returns:
            The dictionary.

        Raises:
            InvalidValue: there is no sweep in the folder, or one that has not ended.
            UnknownDictionary: it is of another model, dictionary, tokenizer or weights; a model's are compared where it
                was swept in the dtype that it has here.
            BadArtefact: its files are damaged.
        """
        if path is None:
            home = self._take.dictionary(dictionary)
            home.swept = None
            return home
        home, home.swept = self._open_swept(path, dictionary)
        return home

    def _open_swept(
        self, path: str | os.PathLike[str], dictionary: protocols.Dictionary | str | None
    ) -> tuple[Dictionary, Swept]:
        """A finished sweep and the dictionary that it is of; see `use_examples`."""
        swept = open_swept(path)
        if dictionary is not None:
            home = self._take.dictionary(dictionary)
        else:
            check_model(swept, self.info.id)
            try:
                home = self._shelf.open_id(str(swept.settings.get("dictionary")))
            except UnknownDictionary as error:
                raise UnknownDictionary(
                    f"{error}; the sweep is of it: give it too, scope.dictionary(path=...) with its folder"
                ) from None
        check_same(
            swept,
            model=self._engine.loaded,
            dictionary=home.info.id,
            weights=fingerprint_dictionary(home),
            d_dict=home.d_dict,
        )
        return home, swept

    def dictionary_info(self, dictionary_id: str) -> DictionaryInfo:
        """What the files of an open dictionary say, by its id, as a `FeatureRef` has it."""
        return self._shelf.find_id(dictionary_id).info

    @recorded
    def describe(self, ref: FeatureRef) -> FeatureSummary:
        """What is known of one feature without running the model."""
        dictionary = self._shelf.find(ref)
        return FeatureSummary(ref, dictionary.label(ref.feature), dictionary.max_activation(ref.feature))

    @recorded
    def tokens(self, text: Prompt) -> Tokens:
        """A text as the model reads it. See `Tokens`.

        Raises:
            PromptTooLong: more than `info.context` tokens; long texts are refused before tokenising.
        """
        return self._tokenizer.tokenize(text)

    @recorded
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
        home = self._take.dictionary(dictionary)
        chosen = self._take.features(features, home)
        tokens = self._take.tokens(text)
        demand = self._demand(f"reading {len(tokens)} tokens with {home.info.id}", tokens, other=[NARROWER])
        reading = self._run(lambda: self._engine.read(tokens, home, features=chosen), demand)
        told = None if chosen is None else list(chosen)
        return replace(reading, provenance=self.provenance([home.info.id], token_ids=tokens.ids, features=told))

    @recorded
    def check(self, dictionary: protocols.Dictionary | str | None = None) -> DictionaryCheck:
        """Whether a dictionary fits this model: FVU and L0 on a short built-in text, against what it declares.

        The first reading of a dictionary does this by itself and warns (`SanityWarning`) where something
        is wrong: files of another layer, site or model, or a matrix the wrong way round.
        """
        home = self._take.dictionary(dictionary)
        found = self._run(lambda: self._engine.check(home), self._demand(f"checking {home.info.id}", other=[NARROWER]))
        return replace(found, provenance=self.provenance([home.info.id]))

    @recorded
    def delta_loss(self, text: Prompt, dictionary: protocols.Dictionary | str | None = None) -> DeltaLoss:
        """How much worse the model predicts a text with a dictionary's reconstruction in place of the original.

        Costs four forward passes of the text. See `DeltaLoss`, which holds the mean ablation as a control.

        Raises:
            InvalidValue: fewer than two tokens that the dictionary applies to.
        """
        home, tokens = self._take.dictionary(dictionary), self._take.tokens(text)
        if len(tokens.used) < 2:
            raise InvalidValue(f"a loss needs two tokens or more besides BOS, got {len(tokens.used)}")
        demand = self._demand(f"measuring the loss of {len(tokens)} tokens", tokens, other=[NARROWER])
        loss = self._run(lambda: self._engine.measure_loss(tokens, home), demand)
        return replace(loss, provenance=self.provenance([home.info.id], token_ids=tokens.ids))

    @recorded
    def next_tokens(
        self, text: Prompt, k: int = 10, interventions: Sequence[Intervention] = (), *, controls: int = 0
    ) -> TokenDistribution:
        """The `k` likeliest next tokens, and what they were without the interventions.

        Costs a forward pass of a row for the interventions and one for each control, and one for the baseline of a new
        text.

        Args:
            controls: 0, or 3 to 16 random directions, each as long as the interventions together at each position:
                what length alone does, in `.controls`.

        Raises:
            InvalidValue: an intervention changes no position of this text, or two set one feature at one position.
        """
        k = check_int("k", k, low=1, high=self.info.vocabulary)
        tokens = self._take.tokens(text)
        made = self._take.interventions_on(tokens, interventions)
        count = check_controls(controls) if made else 0
        fewer = [f"fewer controls ({MIN_CONTROLS})"] if count > MIN_CONTROLS else []
        demand = self._demand(f"running {len(tokens)} tokens through the model", tokens, other=fewer)
        predicted = self._run(lambda: self._engine.predict(tokens, k, made, count), demand)
        settings = {"k": k, "interventions": [str(one) for one in made]} | ({"controls": count} if count else {})
        provenance = self.provenance(list_dictionaries(made), token_ids=tokens.ids, **settings)
        return replace(predicted, provenance=provenance)

    @recorded
    def logit_lens(
        self, text: Prompt, k: int = 5, *, layers: Sequence[int] | None = None, track: Sequence[int] = ()
    ) -> LensReading:
        """The next token as read off the residual stream after each layer. See `LensReading`.

        Costs one forward pass, and the unembedding of every position for each layer: d_vocab x d_model
        multiplications, which for a 270M model are more than all of its layers.

        Args:
            k: how many of the likeliest tokens to keep, 1 to 100.
            layers: zero-based; None for all. The last one gives the model's own prediction.
            track: ids of tokens whose probability and rank are kept at every layer and position; 20 at most.

        Raises:
            PromptTooLong, InvalidValue, Cancelled.
        """
        k = check_int("k", k, low=1, high=min(100, self.info.vocabulary))
        wanted = range(self.info.layers) if layers is None else check_list("layers", layers)
        chosen = tuple(sorted({check_layer(one, layers=self.info.layers, name="a layer") for one in wanted}))
        if not chosen:
            raise InvalidValue("layers is empty; name at least one, or leave it out for all")
        ids = tuple(
            check_int("a token id", one, low=0, high=self.info.vocabulary - 1) for one in check_list("track", track)
        )
        if len(ids) > MAX_TRACKED:
            raise InvalidValue(f"track takes at most {MAX_TRACKED} token ids, got {len(ids)}")
        tokens = self._take.tokens(text)
        fewer = ["fewer layers"] if len(chosen) > 1 else []
        demand = self._demand(f"reading {len(tokens)} tokens at {len(chosen)} layers", tokens, other=fewer)
        reading = self._run(lambda: self._engine.logit_lens(tokens, chosen, k=k, track=ids), demand)
        provenance = self.provenance(token_ids=tokens.ids, k=k, layers=list(chosen), track=list(ids))
        return replace(reading, provenance=provenance)

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
        """Continue a prompt. Returns at once; iterate the result for tokens as they come.

        Args:
            interventions: from `gs.add`, `gs.clamp`, `gs.scale`, `gs.ablate`; all apply together, and of those that
                set an activation (all but `add`) one for each feature and position.
            max_new_tokens: 1 to 100,000; the model's context ends it earlier.
            temperature: 0 takes the likeliest token; up to 100.
            top_p: above 0, up to 1.
            seed: 0 to 2**31 - 1. Used only with a temperature.
            features: up to 100, of any open dictionaries, sites and layers, whose activations come with each token
                (`GeneratedToken.activations`) and, with the prompt's, as an array (`Generation.trace()`). They are
                what the encoders find in the run that makes the text, after all that the interventions change at the
                place they read, and cost one dot product each: no second pass. A token then comes once it has been
                through the model itself, a step after it was drawn; for the last one that step is run too.
        """
        return self.generate_rows(
            prompt,
            {"text": interventions},
            plan=SamplingPlan(max_new_tokens, temperature, top_p, seed),
            features=features,
        )

    @recorded
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
        """Several continuations of one prompt, decoded as one batch.

        A row is the same text alone, in any batch, streamed or not: rounding apart, which can tip two tokens that are
        equally likely.

        Args:
            rows: name to interventions; () makes the row the baseline.
            seeds: one a row, 0 to 2**31 - 1; None for the plan's, so that all see the same random numbers.
            features: as in `generate`, read in every row.
            on_step: called on the worker's thread after each step, with one token a row, or
                None for a row that has ended.
            slot: a newer generation in the same slot stops this one.
        """
        if not rows:
            raise InvalidValue("rows is empty; give at least one, such as {'text': ()}")
        tokens = self._take.tokens(prompt)
        made = [self._take.interventions_on(tokens, row) for row in rows.values()]
        drawn = [plan.seed] * len(rows) if seeds is None else check_row_seeds(seeds, rows=len(rows))
        traced = self._take.traced(features)
        provenance = self.provenance(
            [*list_dictionaries(one for row in made for one in row), *(ref.dictionary_id for ref in traced)],
            token_ids=tokens.ids,
            features=[str(ref) for ref in traced],
            seeds=list(drawn),
            max_new_tokens=plan.max_new_tokens,
            temperature=plan.temperature,
            top_p=plan.top_p,
            rows={name: [str(one) for one in row] for name, row in zip(rows, made, strict=True)},
        )
        generation = Generation(tuple(rows), prompt=tokens, features=traced, provenance=provenance)

        def keep(step: Sequence[GeneratedToken | None]) -> None:
            generation.append(step)
            if on_step is not None:
                on_step(step)

        job = self._start(
            lambda: self._engine.generate(
                tokens, made, plan=plan, seeds=drawn, features=traced, begin=generation.begin, keep=keep
            ),
            self._demand(f"continuing {len(tokens)} tokens in {len(made)} rows", tokens, plan, rows=len(made)),
            fresh=lambda: not any(map(generation.tokens, generation.names)),
            slot=slot,
        )
        generation.attach(job)
        return generation

    def compare(
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
    ) -> Comparison:
        """Baseline, changed text, and text changed along random directions of the same length, on the same seeds.

        All texts are decoded in one batch; each is then run through the unchanged model, and through the model as it
        was changed, for its perplexity and its KL at each token. See `Comparison`.

        Args:
            interventions: from `gs.add`, `gs.clamp`, `gs.scale`, `gs.ablate`; all apply together.
            max_new_tokens, temperature, top_p: as in `generate`.
            seeds: different whole numbers, 0 to 2**31 - 1; several only above temperature 0.
            controls: random directions, 3 to 16; at most 256 texts in all.
            features: as in `generate`; each row has their activations as its `trace`.

        Raises:
            InvalidValue: a setting out of range, no intervention, or one that changes nothing in this text.
            PromptTooLong, Cancelled.
        """
        job = self.start_compare(
            prompt,
            interventions,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            seeds=seeds,
            controls=controls,
            features=features,
        )
        comparison: Comparison = job.wait()
        return comparison

    @recorded
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
        """`compare` as a job, returned at once: `progress`, `cancel()` between tokens, and `result()`.

        Args:
            on_step: called on the worker's thread after each step with the tokens it made, by the number of the row in
                `Comparison.rows`. Where memory ran out and rows are made anew, their first tokens come again.
            slot: a newer job in the same slot stops this one.
        """
        tokens = self._take.tokens(prompt)
        made = self._take.interventions_on(tokens, interventions)
        plan = SamplingPlan(max_new_tokens, temperature, top_p)
        drawn = check_seeds(seeds, temperature=plan.temperature)
        planned = plan_comparison(made, seeds=drawn, controls=controls)
        traced = self._take.traced(features)
        provenance = self.provenance(
            [*list_dictionaries(made), *(ref.dictionary_id for ref in traced)],
            token_ids=tokens.ids,
            interventions=[str(one) for one in made],
            max_new_tokens=plan.max_new_tokens,
            temperature=plan.temperature,
            top_p=plan.top_p,
            seeds=list(drawn),
            controls=controls,
            features=[str(ref) for ref in traced],
        )
        demand = self._demand(f"comparing {len(planned)} texts", tokens, plan, rows=len(planned))
        return self._start(
            lambda: self._engine.compare(
                tokens, planned, plan=plan, features=traced, provenance=provenance, on_step=on_step
            ),
            demand,
            slot=slot,
        )

    def dose(
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
    ) -> DoseResponse:
        """Effect and fluency of generated text by strength of one direction, with the random control.

        At strength 0 there are `samples` texts, at each other strength twice as many: changed, and changed along a
        random direction. Each is then run through the unchanged model for its perplexity. See `DoseResponse`, whose
        `rules` say how intervals are made and when a text "flips" or "breaks up".
        Cost: by default 136 texts of 32 tokens.

        Args:
            ref: a feature, or a direction from `scope.direction` or `gs.Direction`.
            strengths: 7 to 41 different ones, in fractions of the mean norm as in `gs.add`, with 0, negative and
                positive ones; by default 9 from -1 to 1.
            measure: what is counted in a text. A token's id: its share of the generated tokens. A word or several: the
                share of the text's words that are among them, whole words, upper and lower case alike. A feature: its
                mean activation over the generated tokens, read in the unchanged model. Or a function of the text,
                which gives a finite number; it is tried on the prompt first, and runs on the model's thread.
            samples: 3 to 64 at each strength, on the seeds `seed`, `seed + 1`, ...
            max_new_tokens, top_p, positions: as in `generate` and `gs.add`.
            temperature: above 0: at 0 all samples would be one text.

        Raises:
            InvalidValue: a setting out of range, or the measure fails.
            PromptTooLong, Cancelled.
        """
        job = self.start_dose(
            prompt,
            ref,
            strengths,
            measure=measure,
            samples=samples,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            positions=positions,
        )
        response: DoseResponse = job.wait()
        return response

    @recorded
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
        """`dose` as a job, returned at once: `progress`, `cancel()` between tokens, and `result()`.

        Args:
            on_points: called on the model's thread with what there is so far, batch by batch: strengths that are whole,
                from 0 outwards. What it was given last is what a job that is stopped has made.
            slot: a newer job in the same slot stops this one.
        """
        tokens = self._take.tokens(prompt)
        curve = check_strengths(strengths)
        changes = self._take.interventions(add_each(ref, curve, positions=positions))
        plan = SamplingPlan(max_new_tokens, check_float("temperature", temperature, low=0.01, high=100), top_p, seed)
        count = check_int("samples", samples, low=MIN_SAMPLES, high=MAX_SAMPLES)
        seeds = check_seeds(range(plan.seed, plan.seed + count), temperature=plan.temperature)
        counted = build_measure(measure, vocabulary=self.info.vocabulary)
        read = self._shelf.find(counted.of) if isinstance(counted.of, FeatureRef) else None
        if callable(counted.of):
            apply_function(counted.of, tokens.text)
        provenance = self.provenance(
            [*list_dictionaries(changes), *([read.info.id] if read else [])],
            token_ids=tokens.ids,
            ref=str(ref),
            strengths=list(curve),
            positions=str(positions),
            measure=counted.name,
            max_new_tokens=plan.max_new_tokens,
            temperature=plan.temperature,
            top_p=plan.top_p,
            seeds=list(seeds),
        )
        planned = plan_dose(changes, seeds=seeds)
        return self._start(
            lambda: self._engine.dose(
                tokens,
                ref,
                planned,
                plan=plan,
                measure=counted,
                read=read,
                provenance=provenance,
                on_points=on_points,
            ),
            self._demand(f"making {len(planned)} texts", tokens, plan, rows=len(planned)),
            slot=slot,
        )

    @recorded
    def direction(
        self,
        positive: Sequence[Prompt],
        negative: Sequence[Prompt],
        *,
        site: str = "resid_post",
        layer: int,
        over: Literal["all", "last"] = "all",
    ) -> Direction:
        """The mean activation of some texts less that of others: a direction that `gs.add` and `dose` take.

        One forward pass a text, stopped at the layer. Each text counts alike, however long it is.

        Args:
            positive, negative: texts, chat messages or token ids; 1 to 1000 of each.
            site: "resid_post", "attn_out" or "mlp_out".
            layer: zero-based.
            over: "all" averages over a text's used positions first (all but BOS and the chat header); "last" takes the
                last used position alone, where a model says what it is about to say.

        Raises:
            InvalidValue: no text, one without a used position, or both sets have the same mean.
        """
        where = self._take.place(site, layer)
        over = check_over(over)
        sets = [self._take.texts(name, texts) for name, texts in (("positive", positive), ("negative", negative))]
        provenance = self.provenance(
            site=where[0],
            layer=where[1],
            over=over,
            positive=[list(tokens.ids) for tokens in sets[0]],
            negative=[list(tokens.ids) for tokens in sets[1]],
        )
        demand = self._demand("running texts for a direction", other=["shorter texts"])
        return self._run(lambda: self._engine.find_direction(sets, where, over=over, provenance=provenance), demand)

    def random_control(self, interventions: Sequence[Intervention], *, seed: int = 0) -> Intervention | None:
        """A random direction as long as the interventions together at each position, where they act.

        Args:
            seed: 0 to 2**31 - 1: which direction.

        Returns:
            None where there are no interventions.
        """
        made = self._take.interventions(interventions)
        return match_random(made, seed=seed) if made else None

    @recorded
    def mean_norm(self, dictionary: protocols.Dictionary | str | None = None) -> float:
        """Mean norm where a dictionary writes, on a built-in text: the unit of `gs.add`.

        Of the residual stream for `resid_post`; of what the MLP adds for `mlp_out` and transcoders.

        Raises:
            InvalidValue: it writes at several layers, so that `gs.add` does not take it.
        """
        home = require_single(self._take.dictionary(dictionary))
        point = self._engine.find_points(home).writes[0]
        return self._ask(lambda: self._engine.measure_norm(point), doing="measuring the mean norm")

    @recorded
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
            dictionaries={name: self._shelf.find_id(name).folder.version for name in dict.fromkeys(dictionary_ids)},
            device=self.info.device,
            dtype=self.info.dtype,
            token_ids=tuple(token_ids),
            settings=settings,
            versions=find_versions("gscope-widgets", "torch", "transformers"),
        )

    def recording(self, path: str | Path) -> Recorder:
        """Write down what is asked in a `with` block, or from `start()` to `stop()`, and what is answered.

            with scope.recording("lesson.gscope"):
                heatmap = gs.TokenHeatmap(scope, "The old fisherman")
                heatmap.text = "The young fisherman"

            recorder = scope.recording("lesson.gscope").start()  # what is clicked and typed after this cell too
            recorder.stop()  # in a later one

        Everything that the widgets of this scope and you ask of it is recorded, on whichever thread: texts, readings,
        predictions, lenses, continuations that ended by themselves, comparisons, doses, searches, scores, cards and
        contrasts, and the labels and ranges of the dictionaries asked about. The end waits for what is under way, and
        warns of what is not in it: what was stopped, a dose measured by a function, what only a live scope has, what is
        above 256 MB. `recorder.left_out` counts it by its reason.

        The file is written at the end, whole or not at all. Until then, and where the block ends by an exception or the
        process is killed, there is none; a recording of that name stays as it was. It holds no weights, no token and
        no path, and what was typed while it was made.

        Args:
            path: a file in a folder that exists, such as "lesson.gscope"; only a recording is written over.

        Raises:
            InvalidValue: it cannot be written there, or, as it starts, another recording of this scope is under way.
            DiskFull: at the end.
        """
        return Recorder(self, path, self._set_recorder)

    def _set_recorder(self, recorder: Recorder | None) -> None:
        if recorder is not None and self._recorder is not None:
            raise InvalidValue(f"this scope is recording already, to {self._recorder.path}; end that first")
        self._recorder = recorder

    def to_code(self) -> str:
        """The line that loads this scope."""
        name, wishes = self.name, self._wishes
        place = find_cached(name)
        if place is not None and not place.name:  # a path in the Hub's cache means nothing on another machine
            name, wishes = place.repository, {"revision": place.commit} | wishes
        return f"scope = gs.load({name!r}" + "".join(f", {key}={value!r}" for key, value in wishes.items()) + ")"

    def write_opening(self, dictionary_id: str) -> str:
        """The expression that opens a dictionary of this scope again."""
        return self._shelf.write_opening(dictionary_id)

    def memory(self) -> Memory:
        """What this scope holds, by owner: its part of `gs.memory()`, which has all scopes."""
        return Memory(tuple(self._engine.list_uses()), find_all_free())

    def limit_memory(
        self,
        *,
        dictionaries: int | None = None,
        activations: int | None = None,
        prompts: int | None = None,
        readings: int | None = None,
        samples: int | None = None,
    ) -> None:
        """Set how many bytes may be kept for later. What is above goes at once, the least recently used first.

        What goes is read or computed again when it is next needed, with the same numbers; what is in use stays
        until it no longer is. None leaves a limit as it is.

        Args:
            dictionaries: of the weights of all dictionaries on one device together; by default half of what was
                free when the first one was opened. The one used last stays, however large it is.
            activations: of texts, where dictionaries read and write; by default 256 MB.
            prompts: keys, values and residual streams of prompts, so that a changed intervention computes only
                what it changes; by default 256 MB.
            readings: of features on texts; by default 64 MB.
            samples: of where features fire in the texts of a card; by default 128 MB.
        """
        given = {"activations": activations, "prompts": prompts, "readings": readings, "samples": samples}
        limits = {name: check_int(name, limit, low=0, high=2**62) for name, limit in given.items() if limit is not None}
        if dictionaries is not None:
            self._shelf.resize(check_int("dictionaries", dictionaries, low=0, high=2**62))
        for name, limit in limits.items():
            self._engine.caches[name].resize(limit)

    def close(self) -> None:
        """Stop all work and free the model, its dictionaries and its caches. Quiet when repeated."""
        self._on_close(self)
        self._worker.close()
        self._shelf.close()
        self._engine.close()


def _go_on(device: str) -> str:
    """Make torch fit for a forked process, or say why it cannot be."""
    # The threads that torch computes with are not copied, and whoever asks for them waits for ever.
    torch.set_num_threads(1)
    if torch.device(device).type == "cpu":
        return ""
    return f'a model on {device} cannot be used there; start processes with the method "spawn"'
