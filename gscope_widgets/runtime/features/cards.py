"""One feature's card, from the files beside its dictionary, its decoder row and Neuronpedia."""

from collections.abc import Callable, Sequence

import numpy as np

from gscope_widgets.errors import InvalidValue, Offline, describe_value
from gscope_widgets.records.cards import CardExample, FeatureCard, TokenEffect
from gscope_widgets.records.examples import FeatureExamples
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.features.neuronpedia import Neuronpedia, find_address
from gscope_widgets.runtime.gemma.tokens import Tokenizer
from gscope_widgets.runtime.sweep.files import FILE, read_examples
from gscope_widgets.runtime.sweep.logits import RANKED

SOURCES = ("examples", "neuronpedia")
BEFORE, AFTER = 24, 8  # tokens shown around the strongest one


def build_card(
    tokenizer: Tokenizer,
    dictionary: Dictionary,
    feature: int,
    *,
    measure: Callable[[], np.ndarray],
    examples: int,
    sources: Sequence[str],
    neuronpedia: Neuronpedia,
) -> FeatureCard:
    """All that can be had of one feature. What cannot be is left out, and a note says why.

    Args:
        measure: gives the feature's direct effect on every logit, [d_vocab]; called where no file has it.
        examples: the most to show.
        sources: of `SOURCES`; without them only what lies beside the dictionary on this machine.
    """
    if unknown := [one for one in sources if one not in SOURCES]:
        raise InvalidValue(f"sources must be among {', '.join(SOURCES)}, got {describe_value(unknown[0])}")
    found, notes = _find_examples(dictionary, feature, most=examples, allowed="examples" in sources)
    labels, label_notes = _find_labels(dictionary, feature, neuronpedia, allowed="neuronpedia" in sources)
    promoted, suppressed = _find_effects(tokenizer, found, measure)
    largest = dictionary.known_max(feature)
    if found is not None and len(found.activations):
        largest = max(largest or 0.0, float(found.activations[0]))
    return FeatureCard(
        feature=dictionary.feature(feature),
        labels=labels,
        density=found and found.frequency,
        max_activation=largest,
        examples=_cut_examples(tokenizer, found) if found is not None else (),
        promoted=promoted,
        suppressed=suppressed,
        notes=(*notes, *label_notes),
    )


def _find_examples(
    dictionary: Dictionary, feature: int, *, most: int, allowed: bool
) -> tuple[FeatureExamples | None, list[str]]:
    folder = dictionary.folder
    if FILE not in folder.names():
        return None, [f"{dictionary.info.id} comes without {FILE}"]
    if not allowed and not folder.is_here(FILE):
        return None, [f"{FILE} is on the Hub and was not asked for"]
    try:
        return read_examples(folder.open_weights(FILE), feature, most=most), []
    except Offline as error:
        return None, [f"no examples: {error}"]


def _find_labels(
    dictionary: Dictionary, feature: int, neuronpedia: Neuronpedia, *, allowed: bool
) -> tuple[tuple[FeatureLabel, ...], list[str]]:
    own = dictionary.label(feature)
    labels = () if own is None else (own,)
    address = find_address(dictionary.info)
    if address is None:
        return labels, []
    if not allowed:
        return (*labels, *neuronpedia.kept_labels(address).get(feature, ())), []
    try:
        return (*labels, *neuronpedia.labels(address, feature)), []
    except Offline as error:
        return labels, [f"no label: {error}"]


def _cut_examples(tokenizer: Tokenizer, found: FeatureExamples) -> tuple[CardExample, ...]:
    cut = []
    for at, (row, pos) in enumerate(zip(found.tokens, found.positions, strict=True)):
        first = max(0, int(pos) - BEFORE)
        tokens = tuple(tokenizer.describe(int(token)) for token in row[first : int(pos) + AFTER + 1])
        effect = None if found.logit_effects is None else float(found.logit_effects[at])
        cut.append(CardExample(tokens, int(pos) - first, float(found.activations[at]), effect))
    return tuple(cut)


def _find_effects(
    tokenizer: Tokenizer, found: FeatureExamples | None, measure: Callable[[], np.ndarray]
) -> tuple[tuple[TokenEffect, ...], tuple[TokenEffect, ...]]:
    """Tokens promoted and suppressed: of the file where it has them, else by one product with the unembedding."""
    if found is not None and all(
        getattr(found, name) is not None for name in ("top_tokens", "top_logits", "bottom_tokens", "bottom_logits")
    ):
        sides = (found.top_tokens, found.top_logits), (found.bottom_tokens, found.bottom_logits)
    else:
        effect = measure()
        order = np.argsort(effect, kind="stable")
        sides = tuple((ids, effect[ids]) for ids in (order[: -RANKED - 1 : -1], order[:RANKED]))
    return tuple(
        tuple(
            TokenEffect(int(token), tokenizer.describe(int(token)), float(value))
            for token, value in zip(ids, values, strict=True)
            if 0 <= token < tokenizer.vocabulary
        )
        for ids, values in sides
    )


def find_labels(
    dictionary: Dictionary, query: str, *, neuronpedia: Neuronpedia, ask: bool
) -> list[tuple[int, FeatureLabel]]:
    """Features and the label of theirs that contains a query, upper and lower case alike.

    Args:
        ask: search at Neuronpedia instead of on this machine.

    Raises:
        InvalidValue: Neuronpedia is not known to have labels for this dictionary, or takes no such query.
    """
    address = find_address(dictionary.info)
    if ask:
        if address is None:
            raise InvalidValue(f"no labels of {dictionary.info.id} are known at Neuronpedia; take where='here'")
        if len(query) < 3:
            raise InvalidValue(f"Neuronpedia searches for three characters or more, got {describe_value(query)}")
        hits = neuronpedia.search(address, query)
        return [(hit.feature, hit.label) for hit in hits if hit.feature < dictionary.width]
    labels = {number: (label,) for number, label in dictionary.labels.items()}
    for number, more in (neuronpedia.kept_labels(address) if address else {}).items():
        if number < dictionary.width:
            labels[number] = (*labels.get(number, ()), *more)
    return [
        (number, label)
        for number, several in labels.items()
        for label in several
        if query.casefold() in label.text.casefold()
    ]
