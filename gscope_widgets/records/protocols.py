"""What a widget may ask of any engine: one that runs a model, one that replays a recording, one far away.

The live one is `gscope_widgets.runtime.scope.Scope`. Widgets and exercises import these protocols and never an
engine, so a small fake is enough to test them (`tests/fake_scope.py`). An engine answers from any thread; on its
own worker's thread, inside a job, it answers directly. Whatever it cannot do it refuses as a `GscopeError` in words.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from gscope_widgets.records.attention import AttentionReading
from gscope_widgets.records.checkup import Finding
from gscope_widgets.records.circuit_effects import Activations, CircuitNodes, Swaps
from gscope_widgets.records.circuits import MAX_FEATURES, AttributionGraph, CircuitTarget
from gscope_widgets.records.claims import ClaimScore
from gscope_widgets.records.comparisons import Comparison
from gscope_widgets.records.contrasts import TextContrast
from gscope_widgets.records.dashboards import FeatureDashboard
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.doses import STRENGTHS, DoseResponse
from gscope_widgets.records.features import FeatureLabel, FeatureRef, FeatureSummary
from gscope_widgets.records.fidelity import DeltaLoss
from gscope_widgets.records.generation import Ending, GeneratedToken, SamplingPlan, TokenDistribution, Trace
from gscope_widgets.records.hits import FeatureHits
from gscope_widgets.records.interventions import Intervention, Positions
from gscope_widgets.records.lens import LensReading
from gscope_widgets.records.matches import DictionaryComparison
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.records.progress import Fetched
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.tokens import Prompt, Tokens


class Job(Protocol):
    """A piece of work that an engine has taken on."""

    progress: float | None  # 0 to 1, set by the work where it knows

    @property
    def fetched(self) -> Fetched | None:
        """How much has come, where it fetches just now; `progress` is then the share of that."""

    @property
    def ahead(self) -> int:
        """How many jobs have a turn before it first has its own; 0 once it has begun."""

    def watch(self, fn: Callable[[Any], object], /) -> None:
        """Call `fn` with the job when `ahead`, `progress` or `fetched` has changed: on the engine's thread."""

    @property
    def is_current(self) -> bool:
        """True where this is asked from inside the job's own work, which cannot wait for itself."""

    @property
    def stopping(self) -> bool:
        """True once a cancel was asked for."""

    def done(self) -> bool:
        """Whether it has ended, one way or another."""

    def cancel(self) -> bool:
        """Ask it to stop, as `Cancelled`; True unless it had already ended. Returns at once."""

    def wait(self) -> Any:
        """What the work returned, or raise what it raised.

        Raises:
            NotFinished: asked from inside the job's own work.
        """

    def result(self, timeout: float | None = None) -> Any:
        """`wait`, for so many seconds at most (TimeoutError)."""

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the work raised, or None; otherwise as `result`."""

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        """Call `fn` with the job once it has ended: on the engine's thread, or now where it has."""


class Generation(Protocol):
    """Continuations of one prompt, one a row, while they are made. Iterate for the first row's tokens as they come."""

    @property
    def names(self) -> tuple[str, ...]:
        """The rows."""

    @property
    def provenance(self) -> Provenance | None:
        """Where the texts come from."""

    @property
    def ended(self) -> Ending | Literal[""]:
        """Why it ended; empty while it runs."""

    @property
    def job(self) -> Job:
        """The job that makes the tokens."""

    @property
    def text(self) -> str:
        """The first row's whole text; waits for it."""

    def __iter__(self) -> Iterator[GeneratedToken]:
        """The first row's tokens, from the first one on."""

    def tokens(self, row: str | None = None) -> tuple[GeneratedToken, ...]:
        """A row's tokens so far, the first row's by default; does not wait."""

    def trace(self, row: str | None = None) -> Trace:
        """The activations, at a row's tokens so far, of the features that were asked for; does not wait.

        Raises:
            InvalidValue: none was asked for, or there is no such row.
        """

    def cancel(self) -> None:
        """Stop after the token being made. Returns at once; what was made is kept."""

    def wait(self) -> "Generation":
        """Return when it has ended; raises what the engine raised, but not that it was cancelled."""


class Dictionary(Protocol):
    """A dictionary of the engine's model: numbered features, and words for them."""

    @property
    def info(self) -> DictionaryInfo:
        """Which one it is."""

    @property
    def d_dict(self) -> int:
        """The number of features; they are 0 to `d_dict - 1`."""

    def feature(self, index: int) -> FeatureRef:
        """The address of one feature.

        Raises:
            UnknownFeature: there is none of that number.
        """

    def label(self, feature: int) -> FeatureLabel | None:
        """Words for the feature, or None where nobody has any."""

    def max_activation(self, feature: int) -> float | None:
        """The largest activation seen when the feature was measured, or None."""


class Engine(Protocol):
    """What a widget hands its work to."""

    def submit(self, work: Callable[[Any], object], *, slot: Hashable | None = None) -> Job:
        """Run work on the engine's thread, where all that it offers answers directly.

        Args:
            work: called with its job; may be a generator function, whose steps other jobs come between.
            slot: a newer job of the same slot cancels this one.
        """


class Examiner(Engine, Protocol):
    """Who looks at a machine, check by check, for `gs.Doctor`."""

    checks: tuple[str, ...]  # names of the findings, in order
    patience_s: float  # how long a page may take to answer
    probe_bytes: int  # of the message by which it is seen what comes through to the page

    def examine(self, model: str, *, ask_hub: bool) -> Iterator[tuple[float, Finding]]:
        """Each finding as it is made, with the share of all checks that is done then, 0 to 1."""


class Scope(Engine, Protocol):
    """One model and its dictionaries, behind one worker. `gscope_widgets.Scope` documents each method in full."""

    @property
    def info(self) -> ModelInfo:
        """Which model answers."""

    @property
    def power(self) -> str:
        """How it answers, for readers: "live on cpu", "replayed"."""

    @property
    def text_limit(self) -> int:
        """Characters that are certainly too many for one text; 0 where no text is taken, but token ids alone."""

    def dictionary(
        self,
        site: str = "resid_post",
        layer: int | None = None,
        width: str | None = None,
        l0: str | None = None,
        *,
        affine: bool = False,
    ) -> Dictionary:
        """One of the model's dictionaries, its default one without arguments. The same choice gives the same object."""

    def dictionary_info(self, dictionary_id: str) -> DictionaryInfo:
        """Which dictionary an id names: where it sits, and how large it is.

        Raises:
            UnknownDictionary: none of that id is open.
        """

    def describe(self, ref: FeatureRef) -> FeatureSummary:
        """What is known of one feature without running the model.

        Raises:
            UnknownDictionary, UnknownFeature: it is of no open dictionary, or not in it.
        """

    def find(
        self,
        query: str | None = None,
        dictionary: Dictionary | str | None = None,
        *,
        positive: Sequence[Prompt] = (),
        negative: Sequence[Prompt] = (),
        k: int = 10,
    ) -> FeatureHits:
        """The `k` features that fit best: by their labels, by texts they fire on, or by what tells two sets apart.

        Args:
            query: words of a label. Where none holds them, the hits are empty and say which labels come nearest.
            positive: texts that the features should fire on, instead of a query.
            negative: texts on which they should fire less; each hit then has a shuffled null beside its score.
        """

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
        """`find` as a job, returned at once."""

    def score_claim(
        self,
        ref: FeatureRef,
        positive: Sequence[Prompt],
        negative: Sequence[Prompt],
        *,
        claim: str = "",
        threshold: float = 0.0,
    ) -> ClaimScore:
        """A claim about a feature on texts marked by hand: precision, recall and AUC, beside shuffled marks."""

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
        """`score_claim` as a job, returned at once."""

    def card(self, ref: FeatureRef, *, texts: Sequence[Prompt] | None = None) -> FeatureDashboard:
        """All that is known of one feature.

        Args:
            texts: where to look for examples, instead of what the engine has of its own.
        """

    def start_card(
        self, ref: FeatureRef, *, texts: Sequence[Prompt] | None = None, slot: Hashable | None = None
    ) -> Job:
        """`card` as a job, returned at once."""

    def contrast(self, first: Prompt, second: Prompt, dictionary: Dictionary | str | None = None) -> TextContrast:
        """Two texts aligned token by token, and the features in which they differ."""

    def start_contrast(
        self,
        first: Prompt,
        second: Prompt,
        dictionary: Dictionary | str | None = None,
        *,
        slot: Hashable | None = None,
    ) -> Job:
        """`contrast` as a job, returned at once."""

    def attention(self, text: Prompt, *, layer: int) -> AttentionReading:
        """What each head of a layer attends to on a text, what that carries, and scores of every head."""

    def start_attention(self, text: Prompt, *, layer: int, slot: Hashable | None = None) -> Job:
        """`attention` as a job, returned at once."""

    def start_circuit(
        self,
        prompt: Prompt,
        *,
        dictionaries: Sequence[Dictionary | str] | Dictionary | str | None = None,
        target: CircuitTarget = None,
        max_features: int = MAX_FEATURES,
        slot: Hashable | None = None,
    ) -> Job:
        """`gs.circuit` as a job, returned at once."""

    def start_circuit_heads(
        self, graph: AttributionGraph, node: int | str, source: int | str, *, slot: Hashable | None = None
    ) -> Job:
        """`gs.circuit_heads` as a job, returned at once."""

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
        """`gs.change_circuit` as a job, returned at once."""

    def compare_dictionaries(
        self,
        text: Prompt,
        dictionaries: Sequence[Dictionary | str | FeatureReading],
        *,
        texts: Sequence[Prompt] = (),
        threshold: float | None = None,
    ) -> DictionaryComparison:
        """One text through two or more dictionaries; the features of each further one are matched with the first's.

        Args:
            dictionaries: of this engine; or, for a dictionary of another model, its reading of the same tokens.
            texts: on which to measure correlations, instead of the text alone.
            threshold: from which value on two features count as matched, 0 to 1; None for that of the measure.
        """

    def start_compare_dictionaries(
        self,
        text: Prompt,
        dictionaries: Sequence[Dictionary | str | FeatureReading],
        *,
        texts: Sequence[Prompt] = (),
        threshold: float | None = None,
        slot: Hashable | None = None,
    ) -> Job:
        """`compare_dictionaries` as a job, returned at once."""

    def tokens(self, text: Prompt) -> Tokens:
        """A text as the model reads it.

        Raises:
            PromptTooLong, InvalidValue.
        """

    def read(
        self, text: Prompt, dictionary: Dictionary | str | None = None, *, features: Sequence[int] | None = None
    ) -> FeatureReading:
        """The features of a dictionary, by default the default one, on a text; only `features` where they are given."""

    def next_tokens(
        self, text: Prompt, k: int = 10, interventions: Sequence[Intervention] = (), *, controls: int = 0
    ) -> TokenDistribution:
        """The `k` likeliest next tokens, and what they were without the interventions.

        Args:
            controls: 0, or 3 to 16 random directions, each as long as the interventions together, beside them.
        """

    def delta_loss(self, text: Prompt, dictionary: "Dictionary | str | None" = None) -> DeltaLoss:
        """How much worse the model predicts a text with the reconstruction in place; a text of two tokens at least."""

    def logit_lens(
        self, text: Prompt, k: int = 5, *, layers: Sequence[int] | None = None, track: Sequence[int] = ()
    ) -> LensReading:
        """The `k` likeliest next tokens as read off the residual stream after each layer, by default after all."""

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
        """Continue a prompt. Returns at once.

        Args:
            features: whose activations come with each token.
        """

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
        """Several continuations of one prompt, made together.

        Args:
            rows: name to interventions; () makes the row the baseline.
            seeds: one a row; None for the plan's, so that all see the same random numbers.
            features: whose activations come with each token of each row.
            on_step: called on the engine's thread after each step, with one token a row, or None for a row
                that has ended.
            slot: a newer generation in the same slot stops this one.
        """

    def random_control(self, interventions: Sequence[Intervention], *, seed: int = 0) -> Intervention | None:
        """A random direction as long as the interventions together, at each position; None where there are none."""

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

        Args:
            features: whose activations each row is to have, as its `trace`.
        """

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
        """`compare` as a job, returned at once.

        Args:
            on_step: called on the engine's thread after each step with the tokens it made, by the number of the row.
        """

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
        """Effect and fluency by strength of one direction, with the random control.

        Args:
            measure: what is counted in a text: a token's id, a word or several, a feature, or a function of the text.
        """

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
        """`dose` as a job, returned at once.

        Args:
            on_points: called on the engine's thread with the strengths that are whole so far, from 0 outwards.
        """

    def provenance(
        self, dictionary_ids: Sequence[str] = (), *, token_ids: Sequence[int] = (), **settings: object
    ) -> Provenance:
        """Where a result computed with these open dictionaries comes from."""

    def to_code(self) -> str:
        """The line of Python that makes this scope again, as `scope`."""

    def write_opening(self, dictionary_id: str) -> str:
        """The expression that opens one of its dictionaries again."""
