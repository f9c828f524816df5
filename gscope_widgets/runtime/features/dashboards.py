"""One feature's dashboard, from the files beside its dictionary, a sample of text, its decoder row and Neuronpedia."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from gscope_widgets.errors import BadArtefact, GscopeError, InvalidValue, Offline, UnknownFeature, describe_value
from gscope_widgets.records.dashboards import (
    BANDS,
    CONTEXT_SIZES,
    ActivationBand,
    ActivationHistogram,
    FeatureDashboard,
    FeatureExample,
    FeatureNeighbour,
    TokenEffect,
)
from gscope_widgets.records.examples import FeatureExamples
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.neuronpedia import find_address
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.samples import FeatureSample
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.examples.files import FILE, read_examples
from gscope_widgets.runtime.examples.logits import RANKED
from gscope_widgets.runtime.examples.sweeps import SweptFeature
from gscope_widgets.runtime.features.neuronpedia import Neuronpedia
from gscope_widgets.runtime.gemma.tokens import Tokenizer

Part = TypeVar("Part")
SOURCES = ("examples", "neuronpedia")
_OWN = "the text that came with the dictionary"
_BAND_EXAMPLES = 3  # of a published file, where each may be a request


@dataclass
class Found:
    """What was read of files and networks, and a note for each part that could not be."""

    examples: FeatureExamples | None = None
    swept: SweptFeature | None = None  # of a sweep of the reader's own, which the examples are then of
    on: str = ""  # what text they are from
    density_on: str = ""  # the same, with its size
    labels: tuple[FeatureLabel, ...] = ()
    has_row: bool = False  # the feature's decoder row is at hand
    notes: list[str] = field(default_factory=list)

    @property
    def needs_effects(self) -> bool:
        """Whether promoted tokens are in no file, and can be measured."""
        return self.has_row and (self.examples is None or _list_ranked(self.examples) is None)


def check_sources(sources: Sequence[str]) -> Sequence[str]:
    """Which sources may be asked over the network: of `SOURCES`.

    Raises:
        InvalidValue: another one.
    """
    if unknown := [one for one in sources if one not in SOURCES]:
        raise InvalidValue(f"sources must be among {', '.join(SOURCES)}, got {describe_value(unknown[0])}")
    return sources


def gather(
    dictionary: Dictionary,
    feature: int,
    *,
    examples: int,
    with_bands: bool,
    vocabulary: int,
    sources: Sequence[str],
    neuronpedia: Neuronpedia,
) -> Found:
    """All that waits for a disk or a network, which the model's thread is spared.

    Args:
        examples: the most to show.
        with_bands: read examples of each band of the file too.
        vocabulary: token ids that the model has.
        sources: without them only what lies beside the dictionary on this machine.
    """
    found, asked, swept = Found(), "examples" in sources, dictionary.swept

    def choose(activations: np.ndarray) -> np.ndarray:
        bands = [some for _, some, _ in _split_bands(activations)] if with_bands else []
        return np.unique(np.concatenate([np.arange(len(activations))[:examples], *bands]).astype(np.int64))

    def read() -> FeatureExamples:
        folder = dictionary.folder
        if swept is not None:
            try:
                of_sweep, file = swept.read(feature), read_examples(swept.examples, feature, most=examples)
                swept.require_ids([file.tokens, *(band.tokens for band in of_sweep.bands)], vocabulary=vocabulary)
            except BadArtefact as error:
                # Beside the note on examples, which is taken back where other text has some.
                found.notes.append(f"the sweep in {swept.path} is not shown: {error}")
                raise
            found.swept, found.on, found.density_on = of_sweep, swept.on, swept.on
            return file
        if FILE not in folder.names():
            raise UnknownFeature(f"{dictionary.info.id} comes without {FILE}")
        if not asked and not folder.is_here(FILE):
            raise Offline(f"{FILE} is on the Hub and was not asked for")
        weights = folder.open_weights(FILE)
        file = read_examples(weights, feature, choose=choose)
        rows, length = weights.heads["tokens"].shape
        found.on, found.density_on = _OWN, f"{_OWN} ({FILE}, {rows:,} rows of {length} tokens)"
        return file

    def ask() -> tuple[FeatureLabel, ...]:
        address = find_address(dictionary.info.id)
        if address is None:
            return ()
        allowed = "neuronpedia" in sources
        return neuronpedia.labels(address, feature) if allowed else neuronpedia.kept_labels(address).get(feature, ())

    def prepare_row() -> bool:
        if not asked and not dictionary.has_row(feature):
            raise Offline("its decoder row is on the Hub and was not asked for")
        dictionary.written(feature)
        return True

    found.examples = attempt("examples", found.notes, read)
    own = dictionary.label(feature)
    found.labels = (*(() if own is None else (own,)), *(attempt("label", found.notes, ask) or ()))
    if found.examples is None or _list_ranked(found.examples) is None:
        found.has_row = attempt("effects", found.notes, prepare_row) or False
    return found


def attempt(part: str, notes: list[str], find: Callable[[], Part]) -> Part | None:
    """A part of a dashboard, or None and a note that says why it is missing."""
    try:
        return find()
    except GscopeError as error:
        notes.append(f"no {part}: {error}")
        return None


def build_dashboard(
    tokenizer: Tokenizer,
    dictionary: Dictionary,
    feature: int,
    found: Found,
    *,
    examples: int,
    effect: np.ndarray | None,
    sample: FeatureSample | None,
    is_given: bool,
    traced: np.ndarray | None,
    neighbours: tuple[FeatureNeighbour, ...],
    provenance: Provenance,
) -> FeatureDashboard:
    """Put a dashboard together.

    Args:
        examples: the most to show.
        effect: the feature's direct effect on every logit, [d_vocab]; None where the file has it, or it cannot be had.
        sample: texts that the dictionary was read on.
        is_given: they are the reader's, who wants to see nothing else.
        traced: float32, [m, seq_len]; activations on the texts of the file's examples, where they were read again.
    """
    notes, file = list(found.notes), None if is_given else found.examples
    shown = _Shown()
    if file is not None:
        with_bands = sample is None and found.swept is None
        shown = _show_file(tokenizer, file, traced, examples=examples, with_bands=with_bands, on=found.on)
        if traced is None and shown.examples:
            notes.append(f"no activations beside the strongest token, but for those in {FILE}")
    if sample is not None:
        # A sweep stands alone: of a feature that never fired in it there is no example, and none of other text.
        is_swept = file is not None and found.swept is not None
        shown = _show_sample(sample, feature, shown, examples=0 if is_swept else examples)
        notes = [note for note in notes if not note.startswith("no examples:")]
        if shown.histogram is None and found.swept is None:
            notes.append(f"no histogram: the feature fires at none of {sample.on}")
    elif found.swept is None or is_given:
        kept = f"{FILE} keeps the strongest firings alone" if file else "it takes text that the dictionary is read on"
        notes.append(f"no histogram: {kept}; give texts=[...]")
    if file is not None and found.swept is not None:
        shown = _show_swept(tokenizer, file, found.swept, shown, on=found.on)
        if shown.histogram is None:
            notes.append(f"no histogram: the feature never fired in {found.on}")
    if examples and not shown.examples and not any(note.startswith("no examples:") for note in notes):
        notes.append(f"no examples: {_explain_silence(file, found, sample)}")
    promoted, suppressed = _rank_effects(tokenizer, file, effect)
    if not found.labels and not any(note.startswith("no label:") for note in notes):
        notes.append("no label: nobody is known to have written one; its examples say what it fires on")
    truth = dictionary.truth(feature)
    if truth is None:
        if dictionary.has_truths:
            notes.append("no truth: no known concept fits it")
    elif not truth.rivals:
        notes.append("no rivals: they were measured for the default dictionary alone")
    seen = None if shown.histogram is None else float(shown.histogram.edges[-1])
    known = [dictionary.max_activation(feature), None if file is None else file.max_activation, seen]
    density, density_on = _find_density(dictionary, feature, file, sample, on=found.density_on)
    return FeatureDashboard(
        ref=dictionary.feature(feature),
        labels=found.labels,
        density=density,
        density_on=density_on,
        max_activation=max((one for one in known if one is not None), default=None),
        examples=shown.examples,
        examples_on=shown.examples_on,
        bands=shown.bands,
        bands_on=shown.bands_on,
        histogram=shown.histogram,
        promoted=promoted,
        suppressed=suppressed,
        neighbours=neighbours,
        truth=truth,
        notes=tuple(notes),
        provenance=provenance,
    )


def _find_density(
    dictionary: Dictionary, feature: int, file: FeatureExamples | None, sample: FeatureSample | None, *, on: str
) -> tuple[float | None, str]:
    """How often it fires, and in what text: of the file, of those who measured the dictionary, or of the sample."""
    if file is not None:
        return file.density, on
    known = dictionary.density(feature)
    if known is not None:
        return known, dictionary.measured_on
    return (None, "") if sample is None else (sample.density(feature), sample.on)


def _explain_silence(file: FeatureExamples | None, found: Found, sample: FeatureSample | None) -> str:
    if file is not None and found.swept is not None:
        return f"the feature never fired in {found.on}"
    silent = "" if sample is None else f"the feature fires at none of {sample.on}"
    return silent if file is None else f"{FILE} has none{silent and ', and '}{silent}"


@dataclass(frozen=True)
class _Shown:
    """Examples, bands and histogram, as `FeatureDashboard` has them."""

    examples: tuple[FeatureExample, ...] = ()
    examples_on: str = ""
    bands: tuple[ActivationBand, ...] = ()
    bands_on: str = ""
    histogram: ActivationHistogram | None = None


def _show_file(
    tokenizer: Tokenizer,
    file: FeatureExamples,
    traced: np.ndarray | None,
    *,
    examples: int,
    with_bands: bool,
    on: str,
) -> _Shown:
    cut = dict(zip(file.chosen.tolist(), _cut_examples(tokenizer, file, traced), strict=True))
    bands = tuple(
        ActivationBand(*edges, count, tuple(cut[at] for at in some.tolist()))
        for edges, some, count in (_split_bands(file.kept) if with_bands else [])
    )
    strongest = tuple(one for at, one in cut.items() if at < examples)
    on = f"the {len(file.kept):,} strongest of {on}"
    return _Shown(strongest, on if strongest else "", bands, on if bands else "")


def _show_swept(tokenizer: Tokenizer, file: FeatureExamples, swept: SweptFeature, shown: _Shown, *, on: str) -> _Shown:
    """A sweep's bands and histogram, in the place of the sample's; its examples are shown already."""
    bands = tuple(
        ActivationBand(
            band.low,
            band.high,
            band.count,
            tuple(
                _cut_one(tokenizer, row, pos, value, _mark_known(file, int(seq_id), pos, value, len(row)), None)
                for row, pos, value, seq_id in zip(
                    band.tokens, band.positions.tolist(), band.activations.tolist(), band.rows, strict=True
                )
            ),
        )
        for band in swept.bands
    )
    examples_on = f"the {len(file.kept):,} strongest of {on}" if shown.examples else ""
    return _Shown(shown.examples, examples_on, bands, on if bands else "", swept.histogram)


def _show_sample(sample: FeatureSample, feature: int, shown: _Shown, *, examples: int) -> _Shown:
    """The sample's bands and histogram, and its examples where there are none yet."""
    strongest, on = shown.examples, shown.examples_on
    if not strongest and examples:
        strongest = sample.list_examples(feature, examples)
        on = sample.on if strongest else ""
    histogram = sample.build_histogram(feature)
    return _Shown(strongest, on, sample.list_bands(feature), "" if histogram is None else sample.on, histogram)


def _split_bands(activations: np.ndarray) -> list[tuple[tuple[float, float], np.ndarray, int]]:
    """Fifths of the range of a file's examples, strongest first: (low, high), indices of some, how many in all.

    Args:
        activations: float32, [n], descending. The range begins just below the weakest: what is weaker was not kept.
    """
    if not len(activations):
        return []
    low, high = np.nextafter(activations[-1], np.float32(0)), activations[0]
    edges = np.linspace(low, high, BANDS + 1, dtype=np.float32)
    edges[0], edges[-1] = low, high
    bands = []
    for below, above in zip(edges[-2::-1], edges[:0:-1], strict=True):
        inside = np.flatnonzero((activations > below) & (activations <= above))
        some = np.linspace(0, len(inside) - 1, min(len(inside), _BAND_EXAMPLES)).round().astype(int)
        bands.append(((float(below), float(above)), inside[some], len(inside)))
    return bands


def _cut_examples(tokenizer: Tokenizer, found: FeatureExamples, traced: np.ndarray | None) -> list[FeatureExample]:
    cut = []
    for at, (row, pos) in enumerate(zip(found.tokens, found.positions.tolist(), strict=True)):
        own = np.full(len(row), np.nan, np.float32) if traced is None else traced[at].copy()
        here = found.kept_seq_ids == found.seq_ids[at]
        own[found.kept_positions[here]] = found.kept[here]
        effect = None if found.logit_effects is None else float(found.logit_effects[at])
        cut.append(_cut_one(tokenizer, row, pos, float(found.activations[at]), own, effect))
    return cut


def _mark_known(found: FeatureExamples, seq_id: int, pos: int, value: float, length: int) -> np.ndarray:
    """Activations on a row of which only those of examples are known: float32, [length], else NaN."""
    own = np.full(length, np.nan, np.float32)
    here = found.kept_seq_ids == seq_id
    own[found.kept_positions[here]] = found.kept[here]
    own[pos] = value
    return own


def _cut_one(
    tokenizer: Tokenizer, row: np.ndarray, pos: int, activation: float, own: np.ndarray, effect: float | None
) -> FeatureExample:
    """An example out of its row, without the padding that fills it up."""
    before, after = CONTEXT_SIZES["long"]
    end = len(row)
    while end > pos + 1 and tokenizer.inner is not None and row[end - 1] == tokenizer.pad_id:
        end -= 1
    first, stop = max(0, pos - before), min(end, pos + after + 1)
    tokens = tuple(
        tokenizer.describe(one) if 0 <= one < tokenizer.vocabulary else f"<{one}>" for one in row[first:stop].tolist()
    )
    return FeatureExample(tokens, pos - first, activation, own[first:stop], effect)


def _list_ranked(found: FeatureExamples) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    ranked = (found.top_tokens, found.top_logits, found.bottom_tokens, found.bottom_logits)
    return None if any(one is None for one in ranked) else ranked  # type: ignore[return-value]


def _rank_effects(
    tokenizer: Tokenizer, found: FeatureExamples | None, effect: np.ndarray | None
) -> tuple[tuple[TokenEffect, ...], tuple[TokenEffect, ...]]:
    """Tokens promoted and suppressed: of the file where it has them, else of one product with the unembedding."""

    def name(ids: np.ndarray, values: np.ndarray) -> tuple[TokenEffect, ...]:
        return tuple(
            TokenEffect(int(token), tokenizer.describe(int(token)), float(value))
            for token, value in zip(ids, values, strict=True)
            if 0 <= token < tokenizer.vocabulary
        )

    if found is not None and (ranked := _list_ranked(found)) is not None:
        return name(ranked[0], ranked[1]), name(ranked[2], ranked[3])
    if effect is None:
        return (), ()
    order = np.argsort(effect, kind="stable")
    top, bottom = order[: -RANKED - 1 : -1], order[:RANKED]
    return name(top, effect[top]), name(bottom, effect[bottom])
