"""Features by the words of their labels: those on this machine, or those of Neuronpedia."""

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.hits import FeatureHit, FeatureHits
from gscope_widgets.records.neuronpedia import find_address
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.features.finding import find_by_label
from gscope_widgets.runtime.features.neuronpedia import Neuronpedia


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
    address = find_address(dictionary.info.id)
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
    address = find_address(dictionary.info.id)
    kept = neuronpedia.kept_labels(address) if address else {}
    more = [(number, label) for number, labels in kept.items() if number < dictionary.d_dict for label in labels]
    return [*dictionary.labels.items(), *more]
