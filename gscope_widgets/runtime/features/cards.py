"""One feature's card, from the files beside its dictionary, its decoder row and Neuronpedia."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from gscope_widgets.errors import GscopeError, InvalidValue, Offline, UnknownFeature, describe_value
from gscope_widgets.records.dashboards import CONTEXT_SIZES, FeatureDashboard, FeatureExample, TokenEffect
from gscope_widgets.records.examples import FeatureExamples
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.hits import FeatureHit, FeatureHits
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.examples.files import FILE, read_examples
from gscope_widgets.runtime.examples.logits import RANKED
from gscope_widgets.runtime.features.finding import find_by_label
from gscope_widgets.runtime.features.neuronpedia import Neuronpedia, find_address
from gscope_widgets.runtime.gemma.tokens import Tokenizer

Part = TypeVar("Part")
SOURCES = ("examples", "neuronpedia")


def build_card(
    tokenizer: Tokenizer,
    dictionary: Dictionary,
    feature: int,
    *,
    measure: Callable[[], np.ndarray],
    examples: int,
    sources: Sequence[str],
    neuronpedia: Neuronpedia,
) -> FeatureDashboard:
    """All that can be had of one feature. What cannot be is left out, and a note says why.

    Args:
        measure: gives the feature's direct effect on every logit, [d_vocab]; called where no file has it.
        examples: the most to show.
        sources: of `SOURCES`; without them only what lies beside the dictionary on this machine.
    """
    if unknown := [one for one in sources if one not in SOURCES]:
        raise InvalidValue(f"sources must be among {', '.join(SOURCES)}, got {describe_value(unknown[0])}")
    notes: list[str] = []
    found = _attempt(
        "examples", notes, lambda: _find_examples(dictionary, feature, most=examples, allowed="examples" in sources)
    )
    labels = _attempt(
        "label", notes, lambda: _find_labels(dictionary, feature, neuronpedia, allowed="neuronpedia" in sources)
    )
    asked = "examples" in sources
    effects = _attempt(
        "effects", notes, lambda: _find_effects(tokenizer, dictionary, feature, found, measure=measure, allowed=asked)
    )
    max_activation = dictionary.max_activation(feature)
    if found is not None and found.max_activation is not None:
        max_activation = max(max_activation or 0.0, found.max_activation)
    own = dictionary.label(feature)
    promoted, suppressed = effects or ((), ())
    return FeatureDashboard(
        ref=dictionary.feature(feature),
        labels=(*(() if own is None else (own,)), *(labels or ())),
        density=None if found is None else found.density,
        max_activation=max_activation,
        examples=_cut_examples(tokenizer, found) if found is not None else (),
        promoted=promoted,
        suppressed=suppressed,
        notes=tuple(notes),
    )


def _attempt(part: str, notes: list[str], find: Callable[[], Part]) -> Part | None:
    """A part of a card, or None and a note that says why it is missing."""
    try:
        return find()
    except GscopeError as error:
        notes.append(f"no {part}: {error}")
        return None


def _find_examples(dictionary: Dictionary, feature: int, *, most: int, allowed: bool) -> FeatureExamples:
    folder = dictionary.folder
    if FILE not in folder.names():
        raise UnknownFeature(f"{dictionary.info.id} comes without {FILE}")
    if not allowed and not folder.is_here(FILE):
        raise Offline(f"{FILE} is on the Hub and was not asked for")
    return read_examples(folder.open_weights(FILE), feature, most=most)


def _find_labels(
    dictionary: Dictionary, feature: int, neuronpedia: Neuronpedia, *, allowed: bool
) -> tuple[FeatureLabel, ...]:
    address = find_address(dictionary.info)
    if address is None:
        return ()
    return neuronpedia.labels(address, feature) if allowed else neuronpedia.kept_labels(address).get(feature, ())


def _cut_examples(tokenizer: Tokenizer, found: FeatureExamples) -> tuple[FeatureExample, ...]:
    cut = []
    for at, (row, pos) in enumerate(zip(found.tokens, found.positions, strict=True)):
        before, after = CONTEXT_SIZES["long"]
        first = max(0, int(pos) - before)
        ids = [int(token) for token in row[first : int(pos) + after + 1]]
        tokens = tuple(tokenizer.describe(one) if 0 <= one < tokenizer.vocabulary else f"<{one}>" for one in ids)
        effect = None if found.logit_effects is None else float(found.logit_effects[at])
        own = np.full(len(tokens), np.nan, np.float32)
        own[int(pos) - first] = found.activations[at]
        cut.append(FeatureExample(tokens, int(pos) - first, float(found.activations[at]), own, effect))
    return tuple(cut)


def _find_effects(
    tokenizer: Tokenizer,
    dictionary: Dictionary,
    feature: int,
    found: FeatureExamples | None,
    *,
    measure: Callable[[], np.ndarray],
    allowed: bool,
) -> tuple[tuple[TokenEffect, ...], tuple[TokenEffect, ...]]:
    """Tokens promoted and suppressed: of the file where it has them, else by one product with the unembedding."""

    def name(ids: np.ndarray, values: np.ndarray) -> tuple[TokenEffect, ...]:
        return tuple(
            TokenEffect(int(token), tokenizer.describe(int(token)), float(value))
            for token, value in zip(ids, values, strict=True)
            if 0 <= token < tokenizer.vocabulary
        )

    if (
        found is not None
        and (found.top_tokens is not None and found.top_logits is not None)
        and (found.bottom_tokens is not None and found.bottom_logits is not None)
    ):
        return name(found.top_tokens, found.top_logits), name(found.bottom_tokens, found.bottom_logits)
    if not allowed and not dictionary.has_row(feature):
        raise Offline("its decoder row is on the Hub and was not asked for")
    dictionary.written(feature)  # what the network gives is waited for here, not by the model's thread
    effect = measure()
    order = np.argsort(effect, kind="stable")
    top, bottom = order[: -RANKED - 1 : -1], order[:RANKED]
    return name(top, effect[top]), name(bottom, effect[bottom])


def find_labels(
    dictionary: Dictionary, query: str, *, k: int, neuronpedia: Neuronpedia, ask: bool, provenance: Provenance
) -> FeatureHits:
    """The `k` features with a label that holds a query, in the order of `rank_labels`; or none, and a note.

    Args:
        ask: search at Neuronpedia instead of on this machine.

    Raises:
        InvalidValue: Neuronpedia is not known to have labels for this dictionary, or takes no such query.
    """
    if ask:
        return _search_neuronpedia(dictionary, query, k=k, neuronpedia=neuronpedia, provenance=provenance)
    labels = _list_labels(dictionary, neuronpedia)
    return find_by_label(query, labels, k=k, info=dictionary.info, describe=dictionary.describe, provenance=provenance)


def _search_neuronpedia(
    dictionary: Dictionary, query: str, *, k: int, neuronpedia: Neuronpedia, provenance: Provenance
) -> FeatureHits:
    address = find_address(dictionary.info)
    if address is None:
        raise InvalidValue(f"no labels of {dictionary.info.id} are known at Neuronpedia; take where='here'")
    if len(query) < 3:
        raise InvalidValue(f"Neuronpedia searches for three characters or more, got {describe_value(query)}")
    found = [hit for hit in neuronpedia.search(address, query) if hit.feature < dictionary.d_dict][:k]
    summaries = [(dictionary.describe(hit.feature), hit.label) for hit in found]
    hits = tuple(FeatureHit(one.ref, label, one.max_activation, None) for one, label in summaries)
    note = "" if hits else f"Neuronpedia finds no label of {dictionary.info.id} for {describe_value(query)}."
    measure = "none: in Neuronpedia's order"
    return FeatureHits(hits, "label", measure, dictionary.info, query, note, provenance=provenance)


def _list_labels(dictionary: Dictionary, neuronpedia: Neuronpedia) -> list[tuple[int, FeatureLabel]]:
    """What is known here: labels beside the dictionary, and those of Neuronpedia that were looked at before."""
    address = find_address(dictionary.info)
    kept = neuronpedia.kept_labels(address) if address else {}
    more = [(number, label) for number, labels in kept.items() if number < dictionary.d_dict for label in labels]
    return [*dictionary.labels.items(), *more]
