"""A scope without a model: it answers what was recorded."""

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any

from gscope_widgets.errors import (
    BadArtefact,
    InvalidValue,
    NotRecorded,
    PromptTooLong,
    UnknownDictionary,
    describe_value,
)
from gscope_widgets.recordings import questions
from gscope_widgets.recordings.answers import Answers
from gscope_widgets.recordings.container import read_recording
from gscope_widgets.recordings.contents import Contents, RecordedDictionary, RecordedRow
from gscope_widgets.recordings.generation import ReplayedGeneration
from gscope_widgets.recordings.job import SettledJob, Work
from gscope_widgets.records import protocols
from gscope_widgets.records.attention import AttentionReading
from gscope_widgets.records.circuit_effects import Activations, CircuitNodes, Swaps
from gscope_widgets.records.circuit_faults import check_graph
from gscope_widgets.records.circuits import MAX_FEATURES, AttributionGraph, CircuitTarget
from gscope_widgets.records.claims import ClaimScore, check_claim
from gscope_widgets.records.comparisons import Comparison
from gscope_widgets.records.contrasts import TextContrast
from gscope_widgets.records.dashboards import FeatureDashboard
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.doses import STRENGTHS, DoseResponse, check_strengths
from gscope_widgets.records.edge_heads import check_edge
from gscope_widgets.records.features import FeatureLabel, FeatureRef, FeatureSummary
from gscope_widgets.records.fidelity import DeltaLoss
from gscope_widgets.records.generation import GeneratedToken, SamplingPlan, TokenDistribution
from gscope_widgets.records.hits import FeatureHits, check_search
from gscope_widgets.records.interventions import (
    Intervention,
    Positions,
    list_dictionaries,
    list_parts,
    match_random,
    require_set_once,
)
from gscope_widgets.records.lens import LensReading
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.matches import DictionaryComparison, check_compared, check_threshold
from gscope_widgets.records.measures import build_measure
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.records.numbers import check_feature, check_float, check_int, check_layer, check_switch
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.rows import (
    MAX_CONTROLS,
    MAX_SAMPLES,
    MIN_CONTROLS,
    MIN_SAMPLES,
    check_controls,
    check_seeds,
    plan_comparison,
)
from gscope_widgets.records.spans import WriteSpans, check_spanned
from gscope_widgets.records.tokens import Prompt, Tokens

_SITES = ("resid_post", "attn_out", "mlp_out", "transcoder", "crosscoder", "clt")
_LISTED = 4  # of what is at hand, in a message


def replay(path: str | os.PathLike[str]) -> "ReplayedScope":
    """A scope that answers what was recorded, with no model, no torch and no network: every widget takes it.

    The same question gives the same numbers; one that asks for less of what was recorded (some of the features of a
    reading, fewer of the likeliest tokens, some layers of a lens) is answered out of it. Nothing is computed or
    guessed: interventions, seeds and settings of sampling are answered exactly as they were recorded. A file of 1 MB
    opens in some 50 ms. See docs/recordings.md.

    Args:
        path: a file that `scope.recording` wrote; at most 256 MB.

    Raises:
        InvalidValue: there is no such file.
        BadArtefact: it is no recording, too large, cut short, changed, or of a newer version.
    """
    contents, arrays = read_recording(path)
    return ReplayedScope(contents, Answers(contents, arrays, path=str(path)), path=str(path))


class ReplayedDictionary:
    """A dictionary that was recorded: `gscope_widgets.records.protocols.Dictionary`."""

    def __init__(self, recorded: RecordedDictionary):
        """Made by `gs.replay`."""
        self.info = recorded.info
        self._recorded = recorded

    def __repr__(self) -> str:
        return f"<ReplayedDictionary {self.info.id}: {self.d_dict} features>"

    @property
    def d_dict(self) -> int:
        """The number of features; they are 0 to `d_dict - 1`."""
        return self.info.d_dict or 0

    @property
    def labels(self) -> dict[int, FeatureLabel]:
        """All labels that were known when it was recorded, by feature number."""
        return dict(self._recorded.labels)

    def feature(self, index: int) -> FeatureRef:
        """The address of one feature.

        Raises:
            UnknownFeature: `index` is no integer from 0 to `d_dict - 1`.
        """
        return FeatureRef(self.info.id, check_feature(index, d_dict=self.d_dict))

    def label(self, feature: int) -> FeatureLabel | None:
        """Words for the feature, or None where nobody had any."""
        return self._recorded.labels.get(check_feature(feature, d_dict=self.d_dict))

    def max_activation(self, feature: int) -> float | None:
        """The largest activation seen when the feature was measured, or None."""
        return self._recorded.max_activations.get(check_feature(feature, d_dict=self.d_dict))


class ReplayedScope:
    """What `gs.replay` gives: the questions of `gs.Scope` that widgets ask, answered out of a file.

    Each method is documented there. What is not in the file is refused as `NotRecorded`, with what there is.
    """

    def __init__(self, contents: Contents, answers: Answers, *, path: str):
        """Made by `gs.replay`."""
        self.path = path
        self.info: ModelInfo = contents.model
        self.text_limit: int = contents.text_limit
        self._answers, self._provenance = answers, contents.provenance
        self._texts = {questions.write_key(one.prompt): one.tokens for one in contents.texts}
        self._prompts = tuple(one.prompt for one in contents.texts)
        self._dictionaries = {one.info.id: ReplayedDictionary(one) for one in contents.dictionaries}
        self._choices = {questions.write_key(one.wishes): one.dictionary_id for one in contents.choices}
        for name, given, kept in (
            ("texts", contents.texts, self._texts),
            ("dictionaries", contents.dictionaries, self._dictionaries),
            ("choices of a dictionary", contents.choices, self._choices),
        ):
            if len(kept) < len(given):
                raise BadArtefact(f"{path} holds two {name} of one name; record it again")
        unknown = set(self._choices.values()) - set(self._dictionaries)
        if unknown or set(self._dictionaries) != set(self._provenance.dictionaries):
            raise BadArtefact(f"{path} names dictionaries that it does not hold; record it again")

    def __repr__(self) -> str:
        return (
            f"<ReplayedScope of {self.info.id} from {self.path}: {len(self._answers)} answers "
            f"on {len(self._texts)} texts>"
        )

    def __enter__(self) -> "ReplayedScope":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """For code that closes its scope: a replayed one holds nothing but the file's contents."""

    @property
    def power(self) -> str:
        """How it answers: "replayed"."""
        return "replayed"

    @property
    def texts(self) -> tuple[Any, ...]:
        """The prompts that something was asked about: strings, chat messages, token ids."""
        return self._prompts

    # ---- what is known without the model

    def dictionary(
        self,
        site: str = "resid_post",
        layer: int | None = None,
        width: str | None = None,
        l0: str | None = None,
        *,
        affine: bool = False,
        path: str | os.PathLike[str] | None = None,
        revision: str | None = None,
        device: str | None = None,
        dtype: str | None = None,
    ) -> ReplayedDictionary:
        """A dictionary that was asked about: as it was chosen then, or the one recorded that fits the wishes.

        Args:
            path: whose last two names are those of the dictionary's id, or three where two are not enough; nothing is
                read there.
            device, dtype: not asked: nothing is computed.
        """
        if not isinstance(site, str) or site.removesuffix("_all") not in _SITES:
            raise InvalidValue(f"site must be one of {', '.join(_SITES)}, got {describe_value(site)}")
        layer = None if layer is None else check_layer(layer)
        if path is not None:
            fitting = self._find_path(path)
        else:
            wishes = {"site": site, "layer": layer, "width": width, "l0": l0, "affine": affine}
            chosen = self._choices.get(questions.write_key(questions.write(wishes))) if revision is None else None
            fitting = (
                [chosen] if chosen else [id_ for id_, one in self._dictionaries.items() if _fits(one.info, wishes)]
            )
            fitting = [id_ for id_ in fitting if revision is None or f"@{revision}/" in id_]
        if len(fitting) != 1:
            found = "several dictionaries" if fitting else "no dictionary"
            ids = ", ".join(self._dictionaries) or "none"
            raise UnknownDictionary(f"{self.path} holds {found} of that kind; those recorded are {ids}")
        return self._dictionaries[fitting[0]]

    def dictionary_info(self, dictionary_id: str) -> DictionaryInfo:
        return self._find_id(dictionary_id).info

    def describe(self, ref: FeatureRef) -> FeatureSummary:
        home = self._find(ref)
        return FeatureSummary(ref, home.label(ref.feature), home.max_activation(ref.feature))

    def tokens(self, text: Prompt) -> Tokens:
        """A text as the model read it; only of those recorded, since the tokenizer is the model's."""
        prompt = questions.write_prompt(text)
        if prompt == []:  # of which there is nothing to know
            return Tokens("", (), (), ())
        for one in prompt if isinstance(prompt, list) and not any(isinstance(one, dict) for one in prompt) else ():
            check_int("a token id", one, low=0, high=self.info.vocabulary - 1)
        if len(prompt) > (self.text_limit if isinstance(prompt, str) else self.info.context):
            raise PromptTooLong(f"{self.info.id} reads at most {self.info.context} tokens; give a shorter text")
        found = self._texts.get(questions.write_key(prompt))
        if found is None:
            there = f"{self._list_texts(prompt)}{self._answers.left_out}"
            raise NotRecorded(f"{self.path} has no text {describe_value(prompt)}; {there}")
        return found

    def random_control(self, interventions: Sequence[Intervention], *, seed: int = 0) -> Intervention | None:
        made = self._check_interventions(interventions)
        return match_random(made, seed=seed) if made else None

    def provenance(
        self, dictionary_ids: Sequence[str] = (), *, token_ids: Sequence[int] = (), **settings: object
    ) -> Provenance:
        """Where the numbers come from: model, device and versions are those of the recording."""
        known = self._provenance
        return Provenance(
            model=known.model,
            revision=known.revision,
            device=known.device,
            dtype=known.dtype,
            dictionaries={self._find_id(one).info.id: known.dictionaries[one] for one in dict.fromkeys(dictionary_ids)},
            token_ids=tuple(token_ids),
            settings=settings,
            versions=dict(known.versions),
        )

    def to_code(self) -> str:
        return f"scope = gs.replay({self.path!r})"

    def write_opening(self, dictionary_id: str) -> str:
        info = self._find_id(dictionary_id).info
        wishes: dict[str, Any] = {"site": info.base_site}
        for name, value in (("layer", info.layer), ("width", info.width), ("l0", info.l0), ("affine", info.affine)):
            if value not in ("", False) and not (name == "layer" and len(info.layers) > 1):
                wishes[name] = value
        if self._names_alone(wishes, dictionary_id):
            return f"scope.dictionary({', '.join(f'{name}={value!r}' for name, value in wishes.items())})"
        return f"scope.dictionary(path={dictionary_id!r})"

    # ---- answers

    def read(
        self,
        text: Prompt,
        dictionary: protocols.Dictionary | str | None = None,
        *,
        features: Sequence[int] | None = None,
    ) -> FeatureReading:
        home = self._check_dictionary(dictionary)
        chosen = features
        if features is not None:
            chosen = [check_feature(one, d_dict=home.d_dict) for one in _check_list("features", features)]
        reading: FeatureReading = self._ask(questions.ask_reading(text, home.info.id, chosen))
        return reading

    def delta_loss(self, text: Prompt, dictionary: protocols.Dictionary | str | None = None) -> DeltaLoss:
        loss: DeltaLoss = self._ask(questions.ask_loss(text, self._check_dictionary(dictionary).info.id))
        return loss

    def next_tokens(
        self, text: Prompt, k: int = 10, interventions: Sequence[Intervention] = (), *, controls: int = 0
    ) -> TokenDistribution:
        k = check_int("k", k, low=1, high=self.info.vocabulary)
        made = self._check_interventions(interventions)
        require_set_once(made, prompt_length=len(self.tokens(text)))
        count = check_controls(controls) if made else 0
        distribution: TokenDistribution = self._ask(questions.ask_next_tokens(text, k, made, count))
        return distribution

    def logit_lens(
        self, text: Prompt, k: int = 5, *, layers: Sequence[int] | None = None, track: Sequence[int] = ()
    ) -> LensReading:
        k = check_int("k", k, low=1, high=100)
        wanted = range(self.info.layers) if layers is None else _check_list("layers", layers)
        chosen = [check_layer(one, layers=self.info.layers, name="a layer") for one in wanted]
        reading: LensReading = self._ask(questions.ask_lens(text, k, chosen, _check_list("track", track)))
        return reading

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
    ) -> ReplayedGeneration:
        """A recorded continuation, whole at once."""
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
    ) -> ReplayedGeneration:
        """Recorded continuations, in whatever rows they were made. `on_step` is called for each step before it returns.

        Those that were stopped are not recorded.
        """
        if not rows:
            raise InvalidValue("rows is empty; give at least one, such as {'text': ()}")
        tokens = self.tokens(prompt)
        made = {name: self._check_interventions(row) for name, row in rows.items()}
        for row in made.values():
            require_set_once(row, prompt_length=len(tokens))
        drawn = [plan.seed] * len(rows) if seeds is None else list(seeds)
        if len(drawn) != len(rows):
            raise InvalidValue(f"seeds must be one a row, {len(rows)}, got {len(drawn)}")
        refs = self._check_traced(features)
        found: dict[str, RecordedRow] = {}
        for (name, row), seed in zip(made.items(), drawn, strict=True):
            found[name] = self._ask(questions.ask_row(prompt, row, plan, seed, refs))
            if found[name].read.shape != (len(refs), len(tokens)):
                raise BadArtefact(f"{self.path} holds a continuation of another prompt; record it again")
        used = [*list_dictionaries(one for row in made.values() for one in row), *(ref.dictionary_id for ref in refs)]
        provenance = self.provenance(
            used,
            token_ids=tokens.ids,
            features=[str(ref) for ref in refs],
            seeds=drawn,
            max_new_tokens=plan.max_new_tokens,
            temperature=plan.temperature,
            top_p=plan.top_p,
            rows={name: [str(one) for one in row] for name, row in made.items()},
        )
        return ReplayedGeneration(
            found,
            prompt=tokens,
            features=refs,
            provenance=provenance,
            job=SettledJob(lambda _job: _step_through(list(found.values()), on_step)),
        )

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
    ) -> SettledJob:
        made = self._check_interventions(interventions)
        plan = SamplingPlan(max_new_tokens, temperature, top_p)
        drawn = check_seeds(seeds, temperature=plan.temperature)
        plan_comparison(made, seeds=drawn, controls=controls)
        question = questions.ask_comparison(
            prompt,
            made,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            seeds=drawn,
            controls=controls,
            features=self._check_traced(features),
        )

        def replay_steps(_job: object) -> Comparison:
            comparison: Comparison = self._ask(question)
            longest = max(len(row.tokens) for row in comparison.rows)
            for step in range(longest if on_step is not None else 0):
                made = {at: row.tokens[step] for at, row in enumerate(comparison.rows) if step < len(row.tokens)}
                on_step(made)  # type: ignore[misc]
            return comparison

        return SettledJob(replay_steps)

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
    ) -> SettledJob:
        """See `Scope`; `on_points` is not called, since nothing is made bit by bit."""
        check_float("temperature", temperature, low=0.01, high=100)
        check_int("samples", samples, low=MIN_SAMPLES, high=MAX_SAMPLES)
        SamplingPlan(max_new_tokens, temperature, top_p, seed)
        question = questions.ask_dose(
            prompt,
            ref,
            check_strengths(strengths),
            measure=build_measure(measure, vocabulary=self.info.vocabulary),
            samples=samples,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            positions=positions,
        )
        return self._start(question)

    def find(self, query: str | None = None, dictionary: Any = None, **settings: Any) -> FeatureHits:
        hits: FeatureHits = self.start_find(query, dictionary, **settings).wait()
        return hits

    def start_find(
        self,
        query: str | None = None,
        dictionary: protocols.Dictionary | str | None = None,
        *,
        positive: Sequence[Prompt] = (),
        negative: Sequence[Prompt] = (),
        k: int = 10,
        where: str = "here",
        slot: Hashable | None = None,
    ) -> SettledJob:
        home = self._check_dictionary(dictionary)
        k = check_int("k", k, low=1, high=home.d_dict)
        sets = {"positive": _check_list("positive", positive), "negative": _check_list("negative", negative)}
        check_search(query, positives=len(sets["positive"]), negatives=len(sets["negative"]))
        return self._start(questions.ask_hits(query, home.info.id, **sets, k=k, where=where))

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
    ) -> SettledJob:
        self._find(ref)
        limit = check_float("threshold", threshold, low=0.0, high=1e8)
        for name, texts in (("positive", positive), ("negative", negative)):
            if not _check_list(name, texts):
                raise InvalidValue(f"{name} must be 1 to 1000 texts, got none")
        return self._start(questions.ask_score(ref, positive, negative, check_claim(claim), limit))

    def card(self, ref: FeatureRef, *, show: bool = True, **settings: Any) -> FeatureDashboard:
        """See `Scope`; it takes no time that could be shown."""
        check_switch("show", show)
        dashboard: FeatureDashboard = self.start_card(ref, **settings).wait()
        return dashboard

    def start_card(
        self,
        ref: FeatureRef,
        *,
        texts: Sequence[Prompt] | None = None,
        examples: int = 10,
        sources: Sequence[str] = ("examples", "neuronpedia"),
        slot: Hashable | None = None,
    ) -> SettledJob:
        self._find(ref)
        examples = check_int("examples", examples, low=0, high=1000)
        return self._start(questions.ask_dashboard(ref, texts, examples, sources))

    def contrast(
        self, first: Prompt, second: Prompt, dictionary: protocols.Dictionary | str | None = None
    ) -> TextContrast:
        contrast: TextContrast = self.start_contrast(first, second, dictionary).wait()
        return contrast

    def start_contrast(
        self,
        first: Prompt,
        second: Prompt,
        dictionary: protocols.Dictionary | str | None = None,
        *,
        slot: Hashable | None = None,
    ) -> SettledJob:
        return self._start(questions.ask_contrast(first, second, self._check_dictionary(dictionary).info.id))

    def compare_dictionaries(
        self,
        text: Prompt,
        dictionaries: Sequence[protocols.Dictionary | str | FeatureReading],
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
        dictionaries: Sequence[protocols.Dictionary | str | FeatureReading],
        *,
        texts: Sequence[Prompt] = (),
        threshold: float | None = None,
        slot: Hashable | None = None,
    ) -> SettledJob:
        given = [
            one if isinstance(one, FeatureReading) else self._check_dictionary(one).info.id
            for one in _check_list("dictionaries", dictionaries)
        ]
        check_compared(self.tokens(text), given, texts=len(_check_list("texts", texts)))
        return self._start(questions.ask_matches(text, given, texts, check_threshold(threshold)))

    def attention(self, text: Prompt, *, layer: int) -> AttentionReading:
        reading: AttentionReading = self.start_attention(text, layer=layer).wait()
        return reading

    def start_attention(self, text: Prompt, *, layer: int, slot: Hashable | None = None) -> SettledJob:
        layer = check_layer(layer, layers=self.info.layers)
        return self._start(questions.ask_attention(text, layer))

    def start_circuit(
        self,
        prompt: Prompt,
        *,
        dictionaries: Sequence[protocols.Dictionary | str] | protocols.Dictionary | str | None = None,
        target: CircuitTarget = None,
        max_features: int = MAX_FEATURES,
        slot: Hashable | None = None,
    ) -> SettledJob:
        most = check_int("max_features", max_features, low=1, high=100_000)
        return self._start(questions.ask_circuit(prompt, dictionaries, target, most))

    def start_circuit_heads(
        self, graph: AttributionGraph, node: int | str, source: int | str, *, slot: Hashable | None = None
    ) -> SettledJob:
        into, start = check_edge(check_graph(graph), node, source)
        question, names = questions.ask_heads(graph, into, start), (graph.name(start), graph.name(into))
        # Its nodes have other numbers in a graph that is pruned otherwise.
        return SettledJob(lambda _job: replace(self._ask(question), node=into, source=start, names=names))

    def write_spans(self, features: Sequence[FeatureRef] | FeatureRef) -> WriteSpans:
        refs = check_spanned(features)
        for ref in refs:
            self._find(ref)
        spans: WriteSpans = self._ask(questions.ask_spans(refs))
        return spans

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
    ) -> SettledJob:
        """See `Scope`; of the very graph that was changed when it was recorded."""
        count = check_int("controls", controls, low=MIN_CONTROLS, high=MAX_CONTROLS)
        return self._start(questions.ask_change(graph, nodes, factor, activation, instead, count))

    def submit(self, work: Work, *, slot: Hashable | None = None) -> SettledJob:
        """Do work here and now; its job has ended when it is returned."""
        return SettledJob(work)

    # ---- checks

    def _ask(self, question: questions.Question) -> Any:
        for prompt in question.prompts:
            if prompt == []:
                raise InvalidValue("no token ids given; a prompt has at least one")
            self.tokens(prompt)
        return self._answers.find(question)

    def _start(self, question: questions.Question) -> SettledJob:
        return SettledJob(lambda _job: self._ask(question))

    def _find(self, ref: object) -> ReplayedDictionary:
        if not isinstance(ref, FeatureRef):
            raise InvalidValue(f"a feature comes from dictionary.feature(number), got {describe_value(ref)}")
        home = self._find_id(ref.dictionary_id)
        check_feature(ref.feature, d_dict=home.d_dict)
        return home

    def _find_path(self, path: str | os.PathLike[str]) -> list[str]:
        parts = PurePath(path).parts
        alike = [id_ for id_ in self._dictionaries if PurePath(id_).parts[-2:] == parts[-2:]]
        return [id_ for id_ in alike if PurePath(id_).parts[-3:] == parts[-3:]] or alike

    def _find_id(self, dictionary_id: str) -> ReplayedDictionary:
        if dictionary_id not in self._dictionaries:
            listed = ", ".join(self._dictionaries) or "none"
            raise UnknownDictionary(
                f"{self.path} holds no dictionary {describe_value(dictionary_id)}; those recorded are {listed}"
            )
        return self._dictionaries[dictionary_id]

    def _check_dictionary(self, dictionary: object) -> ReplayedDictionary:
        if dictionary is None:
            return self.dictionary()
        if isinstance(dictionary, str):
            return self._find_id(dictionary)
        if not isinstance(dictionary, ReplayedDictionary):
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
            if isinstance(part.ref, FeatureRef) and len(self._find(part.ref).info.layers) > 1:
                raise InvalidValue(
                    f"the features of {part.ref.dictionary_id} write at several layers; this version steers with "
                    "dictionaries of one layer"
                )
        return made

    def _check_traced(self, features: Sequence[FeatureRef] | FeatureRef) -> tuple[FeatureRef, ...]:
        refs = (features,) if isinstance(features, FeatureRef) else tuple(_check_list("features", features))
        for ref in refs:
            self._find(ref)
        if len(set(refs)) < len(refs):
            raise InvalidValue(f"features are different ones, got {', '.join(map(str, refs))}")
        return refs

    def _names_alone(self, wishes: dict[str, Any], dictionary_id: str) -> bool:
        try:
            return self.dictionary(**wishes).info.id == dictionary_id
        except UnknownDictionary:
            return False

    def _list_texts(self, prompt: object) -> str:
        """The texts at hand, the nearest to one that is not there first."""
        near: list[str] = []
        if isinstance(prompt, str):
            known = [one for one in self._prompts if isinstance(one, str)]
            begun = [one for one in known if prompt and one.startswith(prompt)]
            near = begun[:1] or get_close_matches(prompt, known, n=1)
        listed = [*near, *(one for one in self._prompts if one not in near)]
        more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
        return "the texts recorded are " + (", ".join(map(describe_value, listed[:_LISTED])) or "none") + more


def _step_through(
    rows: Sequence[RecordedRow], on_step: Callable[[Sequence[GeneratedToken | None]], None] | None
) -> str:
    for at in range(max(len(row.tokens) for row in rows) if on_step is not None else 0):
        on_step([row.tokens[at] if at < len(row.tokens) else None for row in rows])  # type: ignore[misc]
    return "length"


def _fits(info: DictionaryInfo, wishes: dict[str, Any]) -> bool:
    return (
        wishes["site"] in (info.site, info.base_site)
        and wishes["layer"] in (None, *info.layers)
        and wishes["width"] in (None, info.width)
        and wishes["l0"] in (None, info.l0)
        and wishes["affine"] == info.affine
    )


def _check_list(name: str, value: Any) -> list[Any]:
    items = read_list(value)
    if items is None:
        raise InvalidValue(f"{name} must be a list, got {describe_value(value)}")
    return items
