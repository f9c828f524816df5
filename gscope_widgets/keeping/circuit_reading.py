"""A graph out of plain data in circuit-tracer's layout."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gscope_widgets.errors import BadArtefact, describe_value
from gscope_widgets.keeping.circuit_marks import count_lost, read_marks
from gscope_widgets.keeping.circuit_metadata import (
    read_dictionaries,
    read_labels,
    read_maker,
    read_origin,
    read_scores,
    read_tokens,
)
from gscope_widgets.keeping.circuit_sums import read_sums
from gscope_widgets.keeping.circuit_values import (
    LARGEST,
    MOST_TEXT,
    OWN,
    name_kind,
    read_number,
    read_part,
    read_whole,
    reading,
)
from gscope_widgets.records.circuit_faults import find_fault
from gscope_widgets.records.circuit_ids import read_twin
from gscope_widgets.records.circuits import ERROR, FEATURE, KINDS, TARGET, TOKEN, AttributionGraph, GraphTarget

MOST_NODES = 10_000  # whose edges, held densely, take 400 MB
_MOST_LAYERS = 1000  # of a model; and one more, of targets
_TYPES = {
    "embedding": TOKEN,
    "mlp reconstruction error": ERROR,
    "lorsa error": ERROR,
    "cross layer transcoder": FEATURE,
    "lorsa": FEATURE,
    "unknown": FEATURE,
    "logit": TARGET,
}
_OF_ATTENTION = ("lorsa", "lorsa error")
_TWIN = re.compile(r"\d+_\d+_\d+_\d{1,9}")  # the id of a feature that shares layer, number and position with another


def read_json(content: Any) -> tuple[AttributionGraph, tuple[str, ...]]:
    """A graph out of plain data in circuit-tracer's layout; and what of that was made to fit or left out, in sentences.

    Raises:
        BadArtefact: it is none, in words.
    """
    nodes, metadata = read_part(content, "nodes", "it", list), read_part(content, "metadata", "it", dict)
    own = metadata.get(OWN) or {}
    if not isinstance(own, dict):
        raise BadArtefact(f"its metadata has {OWN!r} as {name_kind(own)}, not as an object")
    if len(nodes) > MOST_NODES:
        raise BadArtefact(f"it has {len(nodes)} nodes, at most {MOST_NODES} are read; prune it where it was made")
    prompt = str(read_part(metadata, "prompt", "its metadata"))
    strings = tuple(str(one) for one in read_part(metadata, "prompt_tokens", "its metadata", list))
    if len(strings) > MOST_NODES:
        raise BadArtefact(f"its prompt has {len(strings)} tokens, at most {MOST_NODES} are read")
    types = [read_part(one, "feature_type", f"node {at}") for at, one in enumerate(nodes)]
    names = [str(read_part(one, "node_id", f"node {at}")) for at, one in enumerate(nodes)]
    biases = {name for name, type_ in zip(names, types, strict=True) if type_ == "bias"}
    found = [_read_node(one, len(strings)) for one, type_ in zip(nodes, types, strict=True) if type_ != "bias"]
    found.sort(key=lambda one: one["order"])
    _keep_order(found, own.get("sums"))
    where = {one["id"]: at for at, one in enumerate(found)}
    if len(where) < len(found):
        raise BadArtefact(_tell_twins(found, where))
    kinds = np.array([one["kind"] for one in found], np.int32)
    first = int((kinds < FEATURE).sum())
    weights, remainder = _read_links(read_part(content, "links", "it", list), where, biases, first, len(found))
    deepest = max([0, *(one["layer"] for one in found if one["kind"] in (ERROR, FEATURE))])
    highest = max([0, *(one["layer"] for one in found if one["kind"] == TARGET)])  # circuit-tracer's: layers + 1
    with reading("layers, share and labels"):
        layers, share = int(own.get("layers") or max(1 + deepest, highest - 1)), int(own.get("share") or 0)
        labels = read_labels(found, own)
    if not deepest < layers <= _MOST_LAYERS:
        raise BadArtefact(f"it is of {layers} layers, its nodes reach layer {deepest}; at most {_MOST_LAYERS} are read")
    if not 0 <= share * layers < 2**31:
        raise BadArtefact(f"a CLT of {share} features a layer is none")
    beyond = [one["id"] for one in found if one["kind"] == FEATURE and share and one["number"] >= share]
    if beyond:
        raise BadArtefact(f"node {describe_value(beyond[0])} is of a CLT of {share} features a layer")
    sums = read_sums(own.get("sums"), where, first, weights, remainder, is_ours=bool(own))
    marks = read_marks(content.get("qParams"), where)
    with reading("tokens"):
        tokens = read_tokens(prompt, strings, found, own)
    with reading("dictionary_ids"):
        dictionary_ids = read_dictionaries(metadata, own, layers)
    with reading("whole and provenance"):
        whole = read_scores(own.get("whole"))
        provenance = read_origin(own.get("provenance")) if own else read_maker(metadata)
    graph = AttributionGraph(
        tokens=tokens,
        layers=layers,
        kinds=kinds,
        node_layers=np.array([layers if one["kind"] == TARGET else one["layer"] for one in found], np.int32),
        positions=np.array([one["pos"] for one in found], np.int32),
        numbers=np.array([one["number"] + share * one["layer"] * (one["kind"] == FEATURE) for one in found], np.int32),
        activations=np.array([one["activation"] for one in found], np.float32),
        weights=weights,
        values=sums.values,
        remainder=sums.remainder,
        left_out=sums.left_out,
        targets=tuple(one["target"] for one in found if one["kind"] == TARGET),
        target_weights=_share([one["target"].probability or 0.0 for one in found if one["kind"] == TARGET]),
        dictionary_ids=dictionary_ids,
        labels=labels,
        share=share,
        whole=whole,
        provenance=provenance,
        pinned=marks.pinned,
        groups=marks.groups,
        twins={at: read_twin(one["id"]) for at, one in enumerate(found) if own and _TWIN.fullmatch(one["id"])},
    )
    if fault := find_fault(graph):
        raise BadArtefact(fault)
    heads = [name for name, type_ in zip(names, types, strict=True) if type_ in _OF_ATTENTION]
    read_as = "{} of attention, which are read as an MLP's, and saved as such"
    return graph, (*count_lost(read_as, heads, "node"), *sums.told, *marks.left_out)


def _tell_twins(found: list[dict[str, Any]], where: Mapping[str, int]) -> str:
    """Which two nodes have one id, in words."""
    one = next(one for at, one in enumerate(found) if where[one["id"]] != at)
    other = found[where[one["id"]]]
    names = " and ".join(f"{KINDS[each['kind']]} of layer {each['layer']}" for each in (one, other))
    told = f"two of its nodes have one id, {describe_value(one['id'])}, and links may mean either: {names}"
    if one["kind"] == ERROR != other["kind"]:
        told += f"; an error's id should be such as '{one['layer']}_-1_{one['pos']}'"
    return told


def _keep_order(found: list[dict[str, Any]], sums: Any) -> None:
    """Put features of each layer as the sums of a file of ours name them: files do not say which are of attention."""
    if not isinstance(sums, dict):
        return
    ranks = {name: at for at, name in enumerate(sums)}

    def place(one: dict[str, Any]) -> tuple[int, int, int]:
        kind, layer, is_later, *_ = one["order"]
        unknown = len(ranks) if is_later else -1
        return kind, layer, ranks.get(one["id"], unknown) if kind == FEATURE else 0

    found.sort(key=place)


def _read_links(
    links: list[Any], where: Mapping[str, int], biases: set[str], first: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Edges, and what comes from biases: float32, [row, node] and [row]."""
    weights = np.zeros((count - first, count), np.float32)
    remainder = np.zeros(len(weights), np.float32)
    for at, link in enumerate(links):
        what = f"link {at}"
        source, target, told = (read_part(link, name, what) for name in ("source", "target", "weight"))
        if fault := _find_link_fault(source, target, told, where, biases, first):
            raise BadArtefact(f"{what}, from {describe_value(source)} to {describe_value(target)}, {fault}")
        row = where[target] - first
        if source in biases:
            remainder[row] += told
        elif weights[row, where[source]]:
            raise BadArtefact(f"two links go from {describe_value(source)} to {describe_value(target)}")
        else:
            weights[row, where[source]] = told
    return weights, remainder


def _find_link_fault(
    source: Any, target: Any, weight: Any, where: Mapping[str, int], biases: set[str], first: int
) -> str:
    """Why a link is no edge of the graph, in words; "" where it is one."""
    for name in (source, target):
        if not isinstance(name, str) or (name not in where and name not in biases):
            return f"is of no node: none has the id {describe_value(name)}"
    if isinstance(weight, bool) or not isinstance(weight, (int, float)):
        return f"has as its weight {describe_value(weight)}, {name_kind(weight)} where a number is wanted"
    if not abs(weight) < LARGEST:
        return f"weighs {describe_value(weight)}, of less than {LARGEST:g} that an edge may"
    if where.get(target, -1) < first:
        return "goes to a token, an error or a bias, which has no input"
    return "goes backwards" if source not in biases and where[source] >= where[target] else ""


def _read_node(node: Mapping[str, Any], count: int) -> dict[str, Any]:
    name = str(node["node_id"])
    what = f"node {describe_value(name)}"
    type_ = node["feature_type"]
    if not isinstance(type_, str) or type_ not in _TYPES:
        raise BadArtefact(f"{what} is of the type {describe_value(type_)}, none of {', '.join(map(repr, _TYPES))}")
    kind, pos = _TYPES[type_], read_whole(read_part(node, "ctx_idx", what), f"the 'ctx_idx' of {what}")
    if not 0 <= pos < count:
        raise BadArtefact(f"{what} is at position {pos} of {count} tokens")
    parts = name.split("_")
    layer = -1 if kind == TOKEN else read_whole(read_part(node, "layer", what), f"the 'layer' of {what}")
    number = -1
    if kind == FEATURE:
        number = read_whole(parts[1] if len(parts) > 1 else name, f"the feature's number in the id of {what}")
    elif kind == TOKEN:
        number = read_whole(parts[1], f"the token in the id of {what}") if len(parts) == 3 else -1
    elif kind == TARGET:
        number = read_whole(read_part(node, "feature", what), f"the 'feature' of {what}")
    if not -1 <= layer <= _MOST_LAYERS or not -1 <= number < 2**31:
        raise BadArtefact(f"{what} has layer {layer} and number {number}")
    activation, label = node.get("activation"), str(node.get("clerp") or "")[:MOST_TEXT]
    if activation is not None:
        activation = read_number(activation, f"the 'activation' of {what}")
    chance = read_number(node.get("token_prob") or 0.0, f"the 'token_prob' of {what}")
    told = re.fullmatch(r'Output "(.*)" \(p=[\d.]+\)', label, re.DOTALL)
    attends = type_ == "lorsa"  # before the MLP of its layer
    return {
        "id": name,
        "kind": kind,
        "layer": layer,
        "pos": pos,
        "number": number,
        "activation": activation if kind == FEATURE and activation is not None else np.nan,
        "label": label,
        "target": GraphTarget(told[1] if told else label or str(number), (number,), chance) if kind == TARGET else None,
        "order": (kind, layer if kind != TARGET else 0, not attends, pos if kind != TARGET else -chance, number),
    }


def _share(chances: list[float]) -> np.ndarray:
    weights = np.array(chances, np.float32)
    total = float(weights.sum())
    return weights / total if total > 0 else np.full(len(weights), 1 / max(1, len(weights)), np.float32)
