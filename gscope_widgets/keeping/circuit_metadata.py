"""What a circuit's file says of its graph beside nodes and edges: tokens, dictionaries, labels, scores, origin."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from gscope_widgets.errors import BadArtefact
from gscope_widgets.keeping.circuit_values import MOST_TEXT, read_finite, read_part
from gscope_widgets.recordings.codec import decode
from gscope_widgets.records.circuits import FEATURE, TOKEN, GraphScores
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens


def read_tokens(text: str, strings: tuple[str, ...], found: list[dict[str, Any]], own: Mapping[str, Any]) -> Tokens:
    if "tokens" in own:
        tokens: Tokens = decode(own["tokens"], Tokens, {})
        if len(tokens) != len(strings):
            raise BadArtefact(f"it has {len(tokens)} token ids for {len(strings)} tokens")
        return tokens
    ids = [-1] * len(strings)
    for one in found:
        if one["kind"] == TOKEN:
            ids[one["pos"]] = one["number"]
    spans, start = [], 0
    for string in strings:
        size = len(string) if text.startswith(string, start) else 0
        spans.append((start, start + size))
        start += size
    bounds = [len(text[:at].encode("utf-8", "replace")) for at in (0, *(stop for _, stop in spans))] if spans else []
    return Tokens(text, tuple(ids), strings, tuple(pairwise(bounds)))


def read_dictionaries(metadata: Mapping[str, Any], own: Mapping[str, Any], layers: int) -> tuple[str, ...]:
    if "dictionary_ids" in own:
        return tuple(str(one)[:MOST_TEXT] for one in own["dictionary_ids"])
    listed = [str(one)[:MOST_TEXT] for one in metadata.get("transcoder_list") or ()]
    if len(listed) == layers:
        return tuple(listed)
    details = metadata.get("feature_details") or {}
    source = str(details.get("neuronpedia_source_set") or (listed or ["unknown"])[0])[:MOST_TEXT]
    scan = str(read_part(metadata, "scan", "its metadata"))[:MOST_TEXT]
    return tuple(f"{scan}/{layer}-{source}" for layer in range(layers))


def read_labels(found: list[dict[str, Any]], own: Mapping[str, Any]) -> dict[int, FeatureLabel]:
    known = own.get("labels") or {}
    labels = {}
    for at, one in enumerate(found):
        if one["kind"] == FEATURE and one["id"] in known:
            labels[at] = _build_label(known[one["id"]])
        elif one["kind"] == FEATURE and one["label"]:
            labels[at] = FeatureLabel(one["label"], "the file of the graph")
    return labels


def _build_label(told: Mapping[str, Any]) -> FeatureLabel:
    texts = {name: str(told.get(name, ""))[:MOST_TEXT] for name in ("text", "source", "author", "date")}
    numbers = {
        name: None if told.get(name) is None else read_finite(told[name])
        for name in ("auc", "precision", "recall", "score")
    }
    return FeatureLabel(**texts, **numbers)  # type: ignore[arg-type]  # texts are texts, numbers numbers


def read_scores(told: Any) -> GraphScores | None:
    if told is None:
        return None
    return GraphScores(read_finite(told["replacement"]), read_finite(told["completeness"]))


def read_origin(told: Any) -> Provenance | None:
    if told is None:
        return None
    return Provenance(
        model=str(told["model"]),
        revision=str(told["revision"]),
        device=str(told["device"]),
        dtype=str(told["dtype"]),
        dictionaries={str(name): str(revision) for name, revision in told["dictionaries"].items()},
        token_ids=tuple(int(one) for one in told["token_ids"]),
        settings=dict(told["settings"]),
        versions={str(name): str(one) for name, one in told["versions"].items()},
    )


def read_maker(metadata: Mapping[str, Any]) -> Provenance:
    """Of a file from elsewhere: the model that it names, and what wrote it, as far as it says."""
    info = metadata.get("info")
    maker = info.get("generator") if isinstance(info, Mapping) else None
    versions = {}
    if isinstance(maker, Mapping) and maker.get("name"):
        versions = {str(maker["name"])[:MOST_TEXT]: str(maker.get("version", ""))[:MOST_TEXT]}
    return Provenance(
        str(read_part(metadata, "scan", "its metadata"))[:MOST_TEXT],
        revision="",
        device="",
        dtype="",
        versions=versions,
    )
