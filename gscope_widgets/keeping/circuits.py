"""Attribution graphs as the JSON that circuit-tracer and Neuronpedia read and write."""

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gscope_widgets import __version__
from gscope_widgets.errors import BadArtefact, InvalidValue, describe_value, write_bytes
from gscope_widgets.recordings.container import as_path, check_free, refuse_constant, refuse_twins, write_whole
from gscope_widgets.records.circuit_parts import list_node_ids, name_number
from gscope_widgets.records.circuits import (
    ERROR,
    FEATURE,
    TARGET,
    TOKEN,
    AttributionGraph,
    GraphScores,
    GraphTarget,
    NodeGroup,
    find_fault,
)
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens, Turn
from gscope_widgets.widgets.base.limits import GROUP_LABEL, GROUPS, PINNED_NODES

MOST_BYTES = 100_000_000  # that Neuronpedia takes
MOST_NODES = 10_000  # whose edges, held densely, take 400 MB
_LARGEST = 1e30  # that a weight may be
_MOST_LAYERS = 1000  # of a model; and one more, of targets
_MOST_TEXT = 500  # characters of a label that are kept
_TYPES = {
    "embedding": TOKEN,
    "mlp reconstruction error": ERROR,
    "lorsa error": ERROR,
    "cross layer transcoder": FEATURE,
    "lorsa": FEATURE,
    "unknown": FEATURE,
    "logit": TARGET,
}
_OWN = "gscope_widgets"  # what others' viewers do not ask for
_EXAMPLE = "graph.json"
_ADVICE = "get it again from where it was made"
_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_EDGE_BYTES = 48  # of an edge in a file, at least: its punctuation, two ids and a weight
_SMALLER = "which viewers take: prune it first, graph.prune()"


def save_circuit(path: str | os.PathLike[str], graph: AttributionGraph, *, slug: str | None = None) -> None:
    """Write a graph as one JSON file, which Neuronpedia's and circuit-tracer's viewers open.

    Nodes have the ids, types and layers of circuit-tracer's files (an error is `{layer}_-1_{pos}`), `influence` is the
    cumulative share, smaller for more important. Pins and groups go along as `qParams`. What only this package knows
    stands apart, so that `gs.load_circuit` gives the same graph again. Prune a large graph first: viewers are made for
    some hundred nodes.

    Args:
        path: such as "graph.json", in a folder that there is; only over another graph.
        graph: of next tokens; what is a difference or a feature has no place in the format.
        slug: the graph's name, of letters, digits, ".", "_" and "-"; None for one made of the prompt.

    Raises:
        InvalidValue, DiskFull: it is no graph of tokens, or above 100 MB; it cannot be written there.
    """
    if not isinstance(graph, AttributionGraph):
        raise InvalidValue(f"a circuit comes from scope.circuit(...), got {describe_value(graph)}")
    edges = int(np.count_nonzero(graph.weights))
    if _EDGE_BYTES * edges > MOST_BYTES:  # told at once, where the file itself would take its time
        raise InvalidValue(f"a file of {edges:,} edges would be larger than {write_bytes(MOST_BYTES)}, {_SMALLER}")
    content = json.dumps(build_json(graph, slug=slug), allow_nan=False, separators=(",", ":")).encode()
    if len(content) > MOST_BYTES:
        raise InvalidValue(
            f"the graph takes {write_bytes(len(content))} of at most {write_bytes(MOST_BYTES)}, {_SMALLER}"
        )
    place = check_free(as_path(path, example=_EXAMPLE), is_ours=_is_graph, kind="circuit")
    write_whole(place, lambda unfinished: Path(unfinished).write_bytes(content), size=len(content))


def build_json(graph: AttributionGraph, *, slug: str | None = None) -> dict[str, Any]:
    """A graph as plain data in circuit-tracer's layout.

    Raises:
        InvalidValue: a target is no single token, or the slug has other characters.
    """
    for target in graph.targets:
        if len(target.ids) != 1:
            raise InvalidValue(f"files hold graphs of next tokens, {target.name!r} is none: give target=' word'")
    if slug is not None and not isinstance(slug, str):
        raise InvalidValue(f"slug must be a text, got {describe_value(slug)}")
    if slug is not None and len(slug) > _MOST_TEXT:
        raise InvalidValue(f"slug has at most {_MOST_TEXT} letters, got {len(slug)}")
    words = slug if slug is not None else _NAME.sub("-", graph.tokens.text)[:60].strip("-") or "graph"
    if not words or _NAME.search(words):
        raise InvalidValue(f"slug must be of letters, digits, '.', '_' and '-', got {describe_value(slug)}")
    ids, influence = list_node_ids(graph), _accumulate(graph.influence())
    first_target = len(graph) - len(graph.targets)
    chances = {first_target + at: one.probability or 0.0 for at, one in enumerate(graph.targets)}
    rows, sources = np.nonzero(graph.weights)
    origin = graph.provenance
    return {
        "metadata": {
            "slug": words,
            "scan": _NAME.sub("-", origin.model.split("/")[-1]) if origin is not None else "unknown",
            "transcoder_list": [one for one in graph.dictionary_ids if one],
            "prompt_tokens": list(graph.tokens.strings),
            "prompt": graph.tokens.text,
            "schema_version": 1,
            "info": {"generator": {"name": "gscope_widgets", "version": __version__}},
            _OWN: {
                "layers": graph.layers,
                "tokens": asdict(graph.tokens) | {"ignored": [list(one) for one in graph.tokens.ignored.items()]},
                "share": graph.share,
                "whole": None if graph.whole is None else asdict(graph.whole),
                "sums": {
                    name: [float(graph.values[row]), float(graph.remainder[row]), float(graph.left_out[row])]
                    for row, name in enumerate(ids[graph.first_row :])
                },
                "labels": {ids[node]: asdict(label) for node, label in graph.labels.items()},
                "dictionary_ids": list(graph.dictionary_ids),
                "provenance": None if origin is None else origin.to_dict(),
            },
        },
        "qParams": {
            "pinnedIds": [ids[node] for node in graph.pinned],
            "supernodes": [[one.label, *(ids[node] for node in one.nodes)] for one in graph.groups],
            "linkType": "both",
            "clickedId": "",
            "sg_pos": "",
        },
        "nodes": [
            _write_node(graph, node, ids[node], influence[node], chances.get(node, 0.0), is_first=node == first_target)
            for node in range(len(graph))
        ],
        "links": [
            {"source": ids[source], "target": ids[graph.first_row + row], "weight": float(graph.weights[row, source])}
            for row, source in zip(rows.tolist(), sources.tolist(), strict=True)
        ],
    }


def _write_node(
    graph: AttributionGraph, node: int, name: str, influence: float, chance: float, *, is_first: bool
) -> dict[str, Any]:
    kind, layer, pos = (int(one[node]) for one in (graph.kinds, graph.node_layers, graph.positions))
    number = name_number(graph, node)
    label = graph.labels.get(node)
    target = graph.targets[node - (len(graph) - len(graph.targets))] if kind == TARGET else None
    told = label.text if label is not None else ""
    return {
        "node_id": name,
        "feature": {TOKEN: pos, ERROR: -1, FEATURE: pair(layer, number), TARGET: number}[kind],
        "layer": {TOKEN: "E", TARGET: str(graph.layers + 1)}.get(kind, str(layer)),
        "ctx_idx": pos,
        "feature_type": {
            TOKEN: "embedding",
            ERROR: "mlp reconstruction error",
            FEATURE: "cross layer transcoder",
            TARGET: "logit",
        }[kind],
        "token_prob": chance,
        "is_target_logit": is_first,
        "run_idx": 0,
        "reverse_ctx_idx": 0,
        "jsNodeId": f"{name}-0",
        "clerp": told if target is None else f'Output "{target.name}" (p={chance:.3f})',
        "influence": influence,
        "activation": float(graph.activations[node]) if np.isfinite(graph.activations[node]) else None,
    }


def pair(layer: int, number: int) -> int:
    """Cantor's pairing of a layer and a feature's number, by which viewers ask for a feature's page."""
    return (layer + number) * (layer + number + 1) // 2 + number


def _accumulate(influence: np.ndarray) -> list[float]:
    """Each node's share of all influence together with those above it."""
    order = np.argsort(-influence, kind="stable")
    shares = np.zeros(len(influence))
    shares[order] = np.cumsum(influence[order]) / max(float(influence.sum()), 1e-30)
    found: list[float] = shares.tolist()
    return found


# ---- reading


def load_circuit(path: str | os.PathLike[str]) -> AttributionGraph:
    """A graph out of a JSON file of this package, circuit-tracer or Neuronpedia.

    Of a file from elsewhere, what edges add up to is not known: `values` are then the sums of the edges in the file,
    and its scores are those of the part that was written. A bias node becomes `remainder`. A file of ours gives the
    graph as it was saved.

    Args:
        path: at most 100 MB and 10,000 nodes. Files that need unpickling (`.pt`) are refused.

    Raises:
        InvalidValue: no such file.
        BadArtefact: no graph, cut short, too large, an edge that goes backwards or is no finite number.
    """
    place = as_path(path, example=_EXAMPLE)
    try:
        is_there = place.is_file()
    except (OSError, ValueError):  # a name that no file can have
        is_there = False
    if not is_there:
        raise InvalidValue(f"there is no file {place}; gs.save_circuit({str(path)!r}, graph) makes one")
    size = place.stat().st_size
    if size > MOST_BYTES:
        raise BadArtefact(f"{place} has {write_bytes(size)}, a graph at most {write_bytes(MOST_BYTES)}; it is not read")
    try:
        content = json.loads(place.read_bytes(), parse_constant=refuse_constant, object_pairs_hook=refuse_twins)
        return read_json(content)
    except BadArtefact as error:
        raise BadArtefact(f"{place} is no graph: {error}; {_ADVICE}") from None
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        fault = f"{type(error).__name__}: {str(error)[:200]}"
        raise BadArtefact(f"{place} is no graph of circuit-tracer's layout ({fault}); {_ADVICE}") from None


def read_json(content: Any) -> AttributionGraph:
    """A graph out of plain data in circuit-tracer's layout.

    Raises:
        BadArtefact: it is none, in words.
        ValueError, TypeError, KeyError, ...: it lacks what every graph has.
    """
    nodes, metadata = content["nodes"], content["metadata"]
    own: Mapping[str, Any] = metadata.get(_OWN) or {}
    if len(nodes) > MOST_NODES:
        raise BadArtefact(f"it has {len(nodes)} nodes, at most {MOST_NODES} are read; prune it where it was made")
    strings = tuple(str(one) for one in metadata["prompt_tokens"])
    if len(strings) > MOST_NODES:
        raise BadArtefact(f"its prompt has {len(strings)} tokens, at most {MOST_NODES} are read")
    found = [_read_node(one, len(strings)) for one in nodes if one["feature_type"] != "bias"]
    biases = {str(one["node_id"]) for one in nodes if one["feature_type"] == "bias"}
    found.sort(key=lambda one: one["order"])
    where = {one["id"]: at for at, one in enumerate(found)}
    if len(where) < len(found):
        raise BadArtefact("two of its nodes have one id")
    kinds = np.array([one["kind"] for one in found], np.int32)
    first = int((kinds < FEATURE).sum())
    weights = np.zeros((len(found) - first, len(found)), np.float32)
    remainder = np.zeros(len(weights), np.float32)
    for link in content["links"]:
        source, target, weight = str(link["source"]), str(link["target"]), float(link["weight"])
        if not abs(weight) < _LARGEST:
            raise BadArtefact(f"the edge from {source[:40]!r} to {target[:40]!r} weighs {weight:g}")
        row = where[target] - first
        if row < 0:
            raise BadArtefact(f"an edge goes to {target[:40]!r}, a token or an error, which has no input")
        if source in biases:
            remainder[row] += weight
        elif where[source] >= where[target]:
            raise BadArtefact(f"an edge goes backwards, from {source[:40]!r} to {target[:40]!r}")
        else:
            weights[row, where[source]] = weight
    deepest = max([0, *(one["layer"] for one in found if one["kind"] in (ERROR, FEATURE))])
    layers = int(own.get("layers") or 1 + deepest)
    if not deepest < layers <= _MOST_LAYERS:
        raise BadArtefact(f"it is of {layers} layers, its nodes reach layer {deepest}; at most {_MOST_LAYERS} are read")
    share = int(own.get("share") or 0)
    sums = own.get("sums") or {}
    values = weights.sum(1) + remainder
    left_out = np.zeros_like(values)
    for name, three in sums.items():
        row = where[name] - first
        values[row], remainder[row], left_out[row] = (float(one) for one in three)
    graph = AttributionGraph(
        tokens=_read_tokens(str(metadata["prompt"]), strings, found, own),
        layers=layers,
        kinds=kinds,
        node_layers=np.array([layers if one["kind"] == TARGET else one["layer"] for one in found], np.int32),
        positions=np.array([one["pos"] for one in found], np.int32),
        numbers=np.array([one["number"] + share * one["layer"] * (one["kind"] == FEATURE) for one in found], np.int32),
        activations=np.array([one["activation"] for one in found], np.float32),
        weights=weights,
        values=values,
        remainder=remainder,
        left_out=left_out,
        targets=tuple(one["target"] for one in found if one["kind"] == TARGET),
        target_weights=_share([one["target"].probability or 0.0 for one in found if one["kind"] == TARGET]),
        dictionary_ids=_read_dictionaries(metadata, own, layers),
        labels=_read_labels(found, own),
        share=share,
        whole=_read_scores(own.get("whole")),
        provenance=_read_origin(own.get("provenance")) if own else _read_maker(metadata),
        **_read_marks(content.get("qParams"), where),
    )
    if fault := find_fault(graph):
        raise BadArtefact(fault)
    return graph


def _read_marks(told: Any, where: Mapping[str, int]) -> dict[str, Any]:
    """Pins and groups, as far as their nodes are in the file and in no group before, and as many as are kept.

    Every group gets a name of its own.
    """
    marks = told if isinstance(told, Mapping) else {}
    pinned = dict.fromkeys(where[one] for one in _read_ids(marks.get("pinnedIds")) if one in where)
    groups: list[NodeGroup] = []
    taken, names = set[int](), set[str]()
    listed = marks.get("supernodes")
    for one in listed if isinstance(listed, list) else []:
        label, *ids = _read_ids(one) or [""]
        nodes = {where[name] for name in ids if name in where} - taken
        if not nodes or len(groups) == GROUPS or len(taken | nodes) > PINNED_NODES:
            continue
        taken |= nodes
        label = label[:GROUP_LABEL].strip() or "group"
        if label in names:
            label = next(made for at in count(2) if (made := f"{label[: GROUP_LABEL - 4].strip()} {at}") not in names)
        names.add(label)
        groups.append(NodeGroup(label, tuple(sorted(nodes))))
    return {"pinned": tuple(pinned)[:PINNED_NODES], "groups": tuple(groups)}


def _read_ids(told: Any) -> list[str]:
    return [one for one in told if isinstance(one, str)] if isinstance(told, list) else []


def _read_node(node: Mapping[str, Any], count: int) -> dict[str, Any]:
    name, kind, pos = str(node["node_id"]), _TYPES[node["feature_type"]], int(node["ctx_idx"])
    if not 0 <= pos < count:
        raise BadArtefact(f"node {name[:40]!r} is at position {pos} of {count} tokens")
    parts = name.split("_")
    layer = -1 if kind == TOKEN else int(node["layer"])
    number = -1
    if kind == FEATURE:
        number = int(parts[1])
    elif kind == TOKEN:
        number = int(parts[1]) if len(parts) == 3 else -1
    elif kind == TARGET:
        number = int(node["feature"])
    if not -1 <= layer <= _MOST_LAYERS or not -1 <= number < 2**31:
        raise BadArtefact(f"node {name[:40]!r} has layer {layer} and number {number}")
    activation, label = node.get("activation"), str(node.get("clerp") or "")[:_MOST_TEXT]
    chance = float(node.get("token_prob") or 0.0)
    told = re.fullmatch(r'Output "(.*)" \(p=[\d.]+\)', label, re.DOTALL)
    attends = node["feature_type"] == "lorsa"  # before the MLP of its layer
    return {
        "id": name,
        "kind": kind,
        "layer": layer,
        "pos": pos,
        "number": number,
        "activation": float(activation) if kind == FEATURE and activation is not None else np.nan,
        "label": label,
        "target": GraphTarget(told[1] if told else label or str(number), (number,), chance) if kind == TARGET else None,
        "order": (kind, layer if kind != TARGET else 0, not attends, pos if kind != TARGET else -chance, number),
    }


def _share(chances: list[float]) -> np.ndarray:
    weights = np.array(chances, np.float32)
    total = float(weights.sum())
    return weights / total if total > 0 else np.full(len(weights), 1 / max(1, len(weights)), np.float32)


def _read_tokens(text: str, strings: tuple[str, ...], found: list[dict[str, Any]], own: Mapping[str, Any]) -> Tokens:
    if "tokens" in own:
        told = own["tokens"]
        tokens = Tokens(
            text=str(told["text"]),
            ids=tuple(int(one) for one in told["ids"]),
            strings=tuple(str(one) for one in told["strings"]),
            byte_spans=tuple((int(start), int(stop)) for start, stop in told["byte_spans"]),
            glyphs=tuple((int(first), int(last), str(sign)) for first, last, sign in told["glyphs"]),
            ignored={int(pos): str(why) for pos, why in told["ignored"]},
            turns=tuple(
                Turn(str(one["role"]), _read_pair(one["span"]), _read_pair(one["content"])) for one in told["turns"]
            ),
            hints=tuple(str(one) for one in told["hints"]),
        )
        if not len(tokens.ids) == len(tokens.strings) == len(tokens.byte_spans) == len(strings):
            raise BadArtefact(f"it has {len(tokens.ids)} token ids for {len(strings)} tokens")
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


def _read_pair(told: Any) -> tuple[int, int]:
    first, second = told
    return int(first), int(second)


def _read_dictionaries(metadata: Mapping[str, Any], own: Mapping[str, Any], layers: int) -> tuple[str, ...]:
    if "dictionary_ids" in own:
        return tuple(str(one)[:_MOST_TEXT] for one in own["dictionary_ids"])
    listed = [str(one)[:_MOST_TEXT] for one in metadata.get("transcoder_list") or ()]
    if len(listed) == layers:
        return tuple(listed)
    details = metadata.get("feature_details") or {}
    source = str(details.get("neuronpedia_source_set") or (listed or ["unknown"])[0])[:_MOST_TEXT]
    scan = str(metadata["scan"])[:_MOST_TEXT]
    return tuple(f"{scan}/{layer}-{source}" for layer in range(layers))


def _read_labels(found: list[dict[str, Any]], own: Mapping[str, Any]) -> dict[int, FeatureLabel]:
    known = own.get("labels") or {}
    labels = {}
    for at, one in enumerate(found):
        if one["kind"] == FEATURE and one["id"] in known:
            labels[at] = _build_label(known[one["id"]])
        elif one["kind"] == FEATURE and one["label"]:
            labels[at] = FeatureLabel(one["label"], "the file of the graph")
    return labels


def _build_label(told: Mapping[str, Any]) -> FeatureLabel:
    texts = {name: str(told.get(name, ""))[:_MOST_TEXT] for name in ("text", "source", "author", "date")}
    numbers = {
        name: None if told.get(name) is None else _read_finite(told[name])
        for name in ("auc", "precision", "recall", "score")
    }
    return FeatureLabel(**texts, **numbers)  # type: ignore[arg-type]  # texts are texts, numbers numbers


def _read_scores(told: Any) -> GraphScores | None:
    if told is None:
        return None
    return GraphScores(_read_finite(told["replacement"]), _read_finite(told["completeness"]))


def _read_finite(told: Any) -> float:
    value = float(told)
    if not math.isfinite(value):
        raise BadArtefact(f"a score of it is {value}")
    return value


def _read_origin(told: Any) -> Provenance | None:
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


def _read_maker(metadata: Mapping[str, Any]) -> Provenance:
    """Of a file from elsewhere: the model that it names, and what wrote it, as far as it says."""
    info = metadata.get("info")
    maker = info.get("generator") if isinstance(info, Mapping) else None
    versions = {}
    if isinstance(maker, Mapping) and maker.get("name"):
        versions = {str(maker["name"])[:_MOST_TEXT]: str(maker.get("version", ""))[:_MOST_TEXT]}
    return Provenance(str(metadata["scan"])[:_MOST_TEXT], revision="", device="", dtype="", versions=versions)


def _is_graph(place: Path) -> bool:
    """Whether a file is a graph of this package or of circuit-tracer: what is there to be written over."""
    try:
        if place.stat().st_size > MOST_BYTES:
            return False
        content = json.loads(place.read_bytes())
        return {"metadata", "qParams", "nodes", "links"} <= set(content)
    except (OSError, ValueError, TypeError, RecursionError):
        return False
