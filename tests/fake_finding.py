"""What `FakeScope` answers about features: dashboards on a small corpus, searches, matches."""

from collections.abc import Generator, Sequence
from functools import cache

import numpy as np

from gscope_widgets.records.dashboards import (
    ConceptTruth,
    FeatureDashboard,
    FeatureNeighbour,
    Rival,
    TokenEffect,
)
from gscope_widgets.records.features import FeatureRef, FeatureSummary
from gscope_widgets.records.hits import FeatureHits
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.samples import FeatureSample, collect_sample
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.features.finding import Firings, find_by_label, find_by_texts
from tests import fake_model as model
from tests.fake_model import LABELS, PIECES, WORDS, FakeDictionary

SILENT = 5  # a feature that is said to fire nowhere in the corpus, as dead ones do
NEIGHBOURS = 5


def describe(dictionary: FakeDictionary, feature: int) -> FeatureSummary:
    return FeatureSummary(dictionary.feature(feature), dictionary.label(feature), dictionary.max_activation(feature))


def fire(dictionary: FakeDictionary, tokens: Tokens) -> Firings:
    reading = model.read_features(dictionary, tokens, None)
    return reading.positions, reading.features, reading.activations


def read_corpus(dictionary: FakeDictionary) -> FeatureSample:
    """Forty texts of thirty words, the same every time."""
    return _read_corpus(dictionary.info.site, dictionary.info.layer)


@cache
def _read_corpus(site: str, layer: int) -> FeatureSample:
    """Read once a process: dictionaries of one place are equal."""
    dictionary = FakeDictionary(site, layer)
    random = np.random.default_rng(0)
    texts = [" ".join(str(word) for word in random.choice(WORDS, 30)) + ".\n" for _ in range(40)]
    return read_sample(dictionary, [model.tokenize(text, chat=False) for text in texts], "the fake's corpus")


def read_sample(dictionary: FakeDictionary, texts: Sequence[Tokens], on: str) -> FeatureSample:
    firings = []
    for text in texts:
        positions, features, values = fire(dictionary, text)
        kept = features != SILENT
        firings.append((positions[kept], features[kept], values[kept]))
    return collect_sample(texts, firings, d_dict=dictionary.d_dict, on=on)


def build_dashboard(
    dictionary: FakeDictionary, ref: FeatureRef, texts: Sequence[Tokens] | None, provenance: Provenance
) -> FeatureDashboard:
    """Everything for most features; no label but for those of `LABELS`, truth of 3 alone, nothing fires `SILENT`."""
    feature, label = ref.feature, dictionary.label(ref.feature)
    sample = read_corpus(dictionary) if texts is None else read_sample(dictionary, texts, "the texts given")
    histogram = sample.build_histogram(feature)
    effect = model.UNEMBEDDINGS @ dictionary.decoder[feature]
    order = [int(one) for one in np.argsort(-effect, kind="stable")]
    notes = [] if label else ["no label: nobody has written one"]
    if histogram is None:
        notes.append(f"no examples: the feature fires at none of {sample.on}")
    if label is None or label.auc is None:
        notes.append("no truth: no known concept fits it")
    truth = None
    if feature == 3 and label is not None:
        rivals = (Rival("best neuron", 0.7, 12), Rival("best residual coordinate", 0.8), Rival("linear probe", 0.999))
        truth = ConceptTruth(label.text, 0.99, 0.9, 0.8, 402, "measured on generated text", rivals)
    return FeatureDashboard(
        ref,
        () if label is None else (label,),
        sample.density(feature),
        sample.on,
        dictionary.max_activation(feature),
        sample.list_examples(feature, 10),
        sample.on if histogram else "",
        sample.list_bands(feature),
        sample.on if histogram else "",
        histogram,
        tuple(TokenEffect(one, PIECES[one], float(effect[one])) for one in order[:10]),
        tuple(TokenEffect(one, PIECES[one], float(effect[one])) for one in order[:-11:-1]),
        _list_neighbours(dictionary, feature, sample),
        truth,
        tuple(notes),
        provenance,
    )


def _list_neighbours(dictionary: FakeDictionary, feature: int, sample: FeatureSample) -> tuple[FeatureNeighbour, ...]:
    found = []
    cosines, correlations = dictionary.decoder @ dictionary.decoder[feature], sample.correlate(feature)
    for values in (cosines, correlations):
        values[feature] = np.nan
    for number in [int(one) for one in np.argsort(-np.nan_to_num(cosines, nan=-2))[:NEIGHBOURS]]:
        own = (
            dictionary.label(number),
            "decoder cosine",
            float(cosines[number]),
            f"decoder rows of {dictionary.info.id}",
        )
        found.append(FeatureNeighbour(dictionary.feature(number), *own))
    for number in [int(one) for one in np.argsort(-np.nan_to_num(correlations, nan=-2))[:NEIGHBOURS]]:
        if np.isfinite(correlations[number]):
            value = float(correlations[number])
            found.append(
                FeatureNeighbour(
                    dictionary.feature(number), dictionary.label(number), "co-activation", value, sample.on
                )
            )
    return tuple(found)


def find_labels(dictionary: FakeDictionary, query: str, k: int, provenance: Provenance) -> FeatureHits:
    return find_by_label(
        query,
        list(LABELS.items()),
        k=k,
        info=dictionary.info,
        describe=lambda feature: describe(dictionary, feature),
        provenance=provenance,
    )


def find_texts(
    dictionary: FakeDictionary,
    positive: Sequence[Tokens],
    negative: Sequence[Tokens],
    k: int,
    provenance: Provenance,
) -> Generator[float | None, None, FeatureHits]:
    return find_by_texts(
        positive,
        negative,
        k=k,
        info=dictionary.info,
        dtype="float32",
        fire=lambda tokens: fire(dictionary, tokens),
        describe=lambda feature: describe(dictionary, feature),
        provenance=provenance,
    )
