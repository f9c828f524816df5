"""Attribution graphs as the JSON that circuit-tracer and Neuronpedia read and write."""

import json
import math
import os
import re
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gscope_widgets import __version__
from gscope_widgets.errors import BadArtefact, InvalidValue, KeptWarning, describe_value, write_bytes, write_name
from gscope_widgets.keeping.circuit_marks import count_lost, read_marks
from gscope_widgets.recordings.codec import decode, encode
from gscope_widgets.recordings.container import as_path, check_free, refuse_constant, refuse_twins, write_whole
from gscope_widgets.records.circuit_parts import list_node_ids, name_number, read_twin
from gscope_widgets.records.circuits import (
    ERROR,
    FEATURE,
    TARGET,
    TOKEN,
    AttributionGraph,
    GraphScores,
    GraphTarget,
    find_fault,
)
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens

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
_TWIN = re.compile(r"\d+_\d+_\d+_\d{1,9}")  # the id of a feature that shares layer, number and position with another
_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ROUNDING = 1e-5  # of the sizes of what is added up: beyond it, edges and sums do not add up
_LARGEST_GAP = 0.1  # of the largest value: what a bfloat16 model's sums are off by is a few hundredths
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
        graph: of next tokens. A difference or a feature has no place in the format, where every target is a token's
            logit, known by the token's number. `gs.CircuitGraph(...).save` and recordings keep such graphs.
        slug: the graph's name, of letters, digits, ".", "_" and "-"; None for one made of the prompt.

    Raises:
        InvalidValue, DiskFull: it is no graph of tokens, or above 100 MB; it cannot be written there.
    """
    if not isinstance(graph, AttributionGraph):
        raise InvalidValue(f"a circuit comes from gs.circuit(...), got {describe_value(graph)}")
    edges = int(np.count_nonzero(graph.weights))
    if _EDGE_BYTES * edges > MOST_BYTES:  # told at once, where the file itself would take its time
        raise InvalidValue(f"a file of {edges:,} edges would be larger than {write_bytes(MOST_BYTES)}, {_SMALLER}")
    content = json.dumps(build_json(graph, slug=slug), allow_nan=False, separators=(",", ":")).encode()
    if len(content) > MOST_BYTES:
        raise InvalidValue(
            f"the graph takes {write_bytes(len(content))} of at most {write_bytes(MOST_BYTES)}, {_SMALLER}"
        )
    place = check_graph_place(path)
    write_whole(place, lambda unfinished: Path(unfinished).write_bytes(content), size=len(content))


def check_graph_place(path: str | os.PathLike[str]) -> Path:
    """Where a graph can be written: in a folder that there is, over nothing that is no graph.

    Raises:
        InvalidValue: it cannot.
    """
    return check_free(as_path(path, example=_EXAMPLE), is_ours=_is_graph, kind="circuit")


def name_graph(prompt: str, slug: str | None) -> str:
    """What a graph is called in viewers: the slug, or a name made of the prompt.

    Raises:
        InvalidValue: the slug has other signs than names have.
    """
    if slug is not None and not isinstance(slug, str):
        raise InvalidValue(f"slug must be a text, got {describe_value(slug)}")
    if slug is not None and len(slug) > _MOST_TEXT:
        raise InvalidValue(f"slug has at most {_MOST_TEXT} letters, got {len(slug)}")
    words = slug if slug is not None else _NAME.sub("-", prompt)[:60].strip("-") or "graph"
    if not words or _NAME.search(words):
        raise InvalidValue(f"slug must be of letters, digits, '.', '_' and '-', got {describe_value(slug)}")
    return words


def build_json(graph: AttributionGraph, *, slug: str | None = None) -> dict[str, Any]:
    """A graph as plain data in circuit-tracer's layout.

    Raises:
        InvalidValue: a target is no single token, or the slug has other characters.
    """
    for target in graph.targets:
        if len(target.ids) != 1:
            what = "a difference of two" if target.ids else "a feature"
            raise InvalidValue(
                f"files of circuit-tracer's layout hold graphs of next tokens, {target.name!r} is {what}: keep it with "
                "gs.CircuitGraph(scope, prompt, target=...).save(path), or by with scope.recording(path): "
                "gs.circuit(...)"
            )
    words = name_graph(graph.tokens.text, slug)
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
                "tokens": encode(graph.tokens, Tokens, {}),
                "share": graph.share,
                "whole": None if graph.whole is None else asdict(graph.whole),
                "sums": {
                    name: [float(one) for one in four]
                    for name, *four in zip(
                        ids[graph.first_row :],
                        graph.values,
                        graph.remainder,
                        graph.left_out,
                        _measure_gaps(graph.weights, graph.values, graph.remainder, graph.left_out),
                        strict=True,
                    )
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

    A file of ours that was changed by hand is read as it now stands. Where edges or sums of a node do not add up to
    its value, the difference goes into `left_out`. That, and each pin or group that cannot be kept, is told in one
    `KeptWarning`. Early files do not say by how much rounding had the two differ: of those, up to a tenth of the
    largest value is taken for rounding.

    Args:
        path: at most 100 MB and 10,000 nodes. Files that need unpickling (`.pt`) are refused.

    Raises:
        InvalidValue: no such file.
        BadArtefact: no graph, cut short, too large, an edge that goes backwards or is no finite number.
    """
    place = as_path(path, example=_EXAMPLE)
    try:
        is_there, is_folder = place.is_file(), place.is_dir()
    except (OSError, ValueError):  # a name that no file can have
        is_there = is_folder = False
    if is_folder:
        raise InvalidValue(
            f"{write_name(place)} is a folder; give the graph's file in it, such as {write_name(place / _EXAMPLE)}"
        )
    if not is_there:
        raise InvalidValue(
            f"there is no file {write_name(place)}; gs.save_circuit({describe_value(str(path), limit=200)}, graph) "
            "makes one"
        )
    shown, size = write_name(place), place.stat().st_size
    if size > MOST_BYTES:
        raise BadArtefact(f"{shown} has {write_bytes(size)}, a graph at most {write_bytes(MOST_BYTES)}; it is not read")
    try:
        graph, told = read_json(_parse(place.read_bytes()))
    except BadArtefact as error:
        raise BadArtefact(f"{shown} is no graph: {error}; {_ADVICE}") from None
    if told:
        warnings.warn(
            f"not all of {shown} could be read as it stands there: {'; '.join(told)}", KeptWarning, stacklevel=2
        )
    return graph


def _parse(content: bytes) -> Any:
    try:
        found = json.loads(content, parse_constant=refuse_constant, object_pairs_hook=refuse_twins)
        return _mend_texts(found) if _SURROGATE.search(content) else found
    except json.JSONDecodeError as error:
        raise BadArtefact(f"its JSON breaks off or is none: {error}") from None
    except UnicodeDecodeError:
        raise BadArtefact("it is no text") from None
    except RecursionError:
        raise BadArtefact("its parts lie within one another too deeply") from None
    except ValueError as error:  # of ours, or a number of too many digits
        raise BadArtefact(str(error)[:200]) from None


def _mend_texts(told: Any) -> Any:
    """The same data, half characters in its texts replaced by U+FFFD: no page takes them."""
    if isinstance(told, str):
        return told.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(told, list):
        return [_mend_texts(one) for one in told]
    if isinstance(told, dict):
        return {_mend_texts(name): _mend_texts(one) for name, one in told.items()}
    return told


class _Sums(NamedTuple):
    """What comes into each row of a graph, float32 [row]; and what was made to fit, in sentences."""

    values: np.ndarray
    remainder: np.ndarray
    left_out: np.ndarray
    told: tuple[str, ...]


def read_json(content: Any) -> tuple[AttributionGraph, tuple[str, ...]]:
    """A graph out of plain data in circuit-tracer's layout; and what of that was made to fit or left out, in sentences.

    Raises:
        BadArtefact: it is none, in words.
    """
    nodes, metadata = _take(content, "nodes", "it", list), _take(content, "metadata", "it", dict)
    own = metadata.get(_OWN) or {}
    if not isinstance(own, dict):
        raise BadArtefact(f"its metadata has {_OWN!r} as {_name_kind(own)}, not as an object")
    if len(nodes) > MOST_NODES:
        raise BadArtefact(f"it has {len(nodes)} nodes, at most {MOST_NODES} are read; prune it where it was made")
    prompt = str(_take(metadata, "prompt", "its metadata"))
    strings = tuple(str(one) for one in _take(metadata, "prompt_tokens", "its metadata", list))
    if len(strings) > MOST_NODES:
        raise BadArtefact(f"its prompt has {len(strings)} tokens, at most {MOST_NODES} are read")
    types = [_take(one, "feature_type", f"node {at}") for at, one in enumerate(nodes)]
    names = [str(_take(one, "node_id", f"node {at}")) for at, one in enumerate(nodes)]
    biases = {name for name, type_ in zip(names, types, strict=True) if type_ == "bias"}
    found = [_read_node(one, len(strings)) for one, type_ in zip(nodes, types, strict=True) if type_ != "bias"]
    found.sort(key=lambda one: one["order"])
    _keep_order(found, own.get("sums"))
    where = {one["id"]: at for at, one in enumerate(found)}
    if len(where) < len(found):
        raise BadArtefact("two of its nodes have one id")
    kinds = np.array([one["kind"] for one in found], np.int32)
    first = int((kinds < FEATURE).sum())
    weights, remainder = _read_links(_take(content, "links", "it", list), where, biases, first, len(found))
    deepest = max([0, *(one["layer"] for one in found if one["kind"] in (ERROR, FEATURE))])
    with _reading("layers, share and labels"):
        layers, share = int(own.get("layers") or 1 + deepest), int(own.get("share") or 0)
        labels = _read_labels(found, own)
    if not deepest < layers <= _MOST_LAYERS:
        raise BadArtefact(f"it is of {layers} layers, its nodes reach layer {deepest}; at most {_MOST_LAYERS} are read")
    if not 0 <= share * layers < 2**31:
        raise BadArtefact(f"a CLT of {share} features a layer is none")
    beyond = [one["id"] for one in found if one["kind"] == FEATURE and share and one["number"] >= share]
    if beyond:
        raise BadArtefact(f"node {describe_value(beyond[0])} is of a CLT of {share} features a layer")
    sums = _read_sums(own.get("sums"), where, first, weights, remainder, is_ours=bool(own))
    marks = read_marks(content.get("qParams"), where)
    with _reading("tokens"):
        tokens = _read_tokens(prompt, strings, found, own)
    with _reading("dictionary_ids"):
        dictionary_ids = _read_dictionaries(metadata, own, layers)
    with _reading("whole and provenance"):
        whole = _read_scores(own.get("whole"))
        provenance = _read_origin(own.get("provenance")) if own else _read_maker(metadata)
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
    return graph, (*sums.told, *marks.left_out)


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


def _take(told: Any, name: str, what: str, kind: type = object) -> Any:
    """A part of an object of the file.

    Raises:
        BadArtefact: it is no object, lacks the part, or that is something else.
    """
    if not isinstance(told, Mapping):
        raise BadArtefact(f"{what} is {_name_kind(told)}, not an object with {name!r}")
    if name not in told:
        raise BadArtefact(f"{what} has no {name!r}")
    if not isinstance(told[name], kind):
        wanted = "a list" if kind is list else "an object"
        raise BadArtefact(f"{name!r} of {what} is {_name_kind(told[name])}, not {wanted}")
    return told[name]


def _name_kind(value: Any) -> str:
    """What a value of JSON is, in words."""
    named = {list: "a list", dict: "an object", str: "a text", bool: "true or false", type(None): "null"}
    return named.get(type(value), "a number")


def _read_number(told: Any, what: str) -> float:
    """A number of the file, not a text of digits.

    Raises:
        BadArtefact: it is none, or too large to count with.
    """
    if isinstance(told, bool) or not isinstance(told, (int, float)):
        raise BadArtefact(f"{what} is {describe_value(told)}, {_name_kind(told)} where a number is wanted")
    if not abs(told) < _LARGEST:
        raise BadArtefact(f"{what} is {describe_value(told)}, of at most {_LARGEST:g}")
    return float(told)


def _read_whole(told: Any, what: str) -> int:
    """A whole number of the file, which may be written as a text, as others write layers."""
    if isinstance(told, str) and re.fullmatch(r"-?[0-9]{1,10}", told):
        return int(told)
    if isinstance(told, bool) or not isinstance(told, int):
        raise BadArtefact(f"{what} is {describe_value(told)}, no whole number")
    return told


@contextmanager
def _reading(part: str) -> Generator[None]:
    """Whatever goes wrong in a part that only this package writes is told as a fault of that."""
    try:
        yield
    except BadArtefact:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError):
        raise BadArtefact(f"{part} in its metadata are not as gs.save_circuit writes them") from None


def _read_links(
    links: list[Any], where: Mapping[str, int], biases: set[str], first: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Edges, and what comes from biases: float32, [row, node] and [row]."""
    weights = np.zeros((count - first, count), np.float32)
    remainder = np.zeros(len(weights), np.float32)
    for at, link in enumerate(links):
        what = f"link {at}"
        source, target, told = (_take(link, name, what) for name in ("source", "target", "weight"))
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
        return f"has as its weight {describe_value(weight)}, {_name_kind(weight)} where a number is wanted"
    if not abs(weight) < _LARGEST:
        return f"weighs {describe_value(weight)}, of less than {_LARGEST:g} that an edge may"
    if where.get(target, -1) < first:
        return "goes to a token, an error or a bias, which has no input"
    return "goes backwards" if source not in biases and where[source] >= where[target] else ""


def _measure_gaps(weights: np.ndarray, values: np.ndarray, remainder: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """By how much values differ from the sums of what comes in, as a bfloat16 model's do: float64, [row]."""
    parts = weights.sum(1, dtype=np.float64) + remainder.astype(np.float64) + left_out.astype(np.float64)
    gaps: np.ndarray = values.astype(np.float64) - parts
    return gaps


def _read_sums(
    told: Any, where: Mapping[str, int], first: int, weights: np.ndarray, remainder: np.ndarray, *, is_ours: bool
) -> _Sums:
    """What each row adds up to, as the file says; where its edges say otherwise, the difference is left out.

    Args:
        told: by node, its value, remainder, what was left out, and by how much the value was off their sum with the
            edges when it was saved; early files lack the last, and what it is off now is taken for it.
    """
    values, left_out = weights.sum(1) + remainder, np.zeros_like(remainder)
    if not is_ours:
        return _Sums(values, remainder, left_out, ())
    if told is not None and not isinstance(told, Mapping):
        raise BadArtefact(f"'sums' of its metadata is {_name_kind(told)}, not an object")
    sums, given, known = told or {}, np.full(len(values), np.nan), np.zeros(len(values), bool)
    lost = [name for name in sums if where.get(name, -1) < first]
    for name, numbers in sums.items():
        row = where.get(name, -1) - first
        if row < 0:
            continue
        what = f"a sum of node {describe_value(name)}"
        if not isinstance(numbers, list) or len(numbers) not in (3, 4):
            raise BadArtefact(f"{what} is {describe_value(numbers)}, not a list of four numbers")
        read = [_read_number(one, what) for one in numbers]
        values[row], remainder[row], left_out[row] = read[:3]
        given[row], known[row] = read[3] if len(read) == 4 else np.nan, True
    measured = _measure_gaps(weights, values, remainder, left_out)
    gaps = np.where(np.isnan(given), measured, given)
    gaps[np.abs(gaps) > _LARGEST_GAP * np.abs(values).max(initial=0)] = 0  # more than a model's rounding
    moved = np.where(known, measured - gaps, 0.0)
    least = _ROUNDING * (np.abs(weights).sum(1, dtype=np.float64) + np.abs([values, remainder, left_out]).sum(0))
    off = np.abs(moved) > least
    is_edited = np.abs(measured - given) > least  # never of NaN: without a gap that was saved it is not known
    left_out[off] += moved[off].astype(np.float32)
    names = list(where)[first:]
    return _Sums(
        values,
        remainder,
        left_out,
        (
            *count_lost("a sum stands there of {}, which no feature or target has", lost, "id"),
            *count_lost(
                "{} without a sum, whose edges' sum is taken for the value", np.array(names)[~known].tolist(), "node"
            ),
            *(
                line
                for which, words in (
                    (off & is_edited, "edges or sums of {} were changed"),
                    (off & ~is_edited, "edges and sums of {} do not add up"),
                )
                for line in count_lost(
                    f"{words}; the difference, {np.abs(moved[which]).max(initial=0):.3g} at most, is now in left_out",
                    np.array(names)[which].tolist(),
                    "node",
                )
            ),
        ),
    )


def _read_node(node: Mapping[str, Any], count: int) -> dict[str, Any]:
    name = str(node["node_id"])
    what = f"node {describe_value(name)}"
    type_ = node["feature_type"]
    if not isinstance(type_, str) or type_ not in _TYPES:
        raise BadArtefact(f"{what} is of the type {describe_value(type_)}, none of {', '.join(map(repr, _TYPES))}")
    kind, pos = _TYPES[type_], _read_whole(_take(node, "ctx_idx", what), f"the 'ctx_idx' of {what}")
    if not 0 <= pos < count:
        raise BadArtefact(f"{what} is at position {pos} of {count} tokens")
    parts = name.split("_")
    layer = -1 if kind == TOKEN else _read_whole(_take(node, "layer", what), f"the 'layer' of {what}")
    number = -1
    if kind == FEATURE:
        number = _read_whole(parts[1] if len(parts) > 1 else name, f"the feature's number in the id of {what}")
    elif kind == TOKEN:
        number = _read_whole(parts[1], f"the token in the id of {what}") if len(parts) == 3 else -1
    elif kind == TARGET:
        number = _read_whole(_take(node, "feature", what), f"the 'feature' of {what}")
    if not -1 <= layer <= _MOST_LAYERS or not -1 <= number < 2**31:
        raise BadArtefact(f"{what} has layer {layer} and number {number}")
    activation, label = node.get("activation"), str(node.get("clerp") or "")[:_MOST_TEXT]
    if activation is not None:
        activation = _read_number(activation, f"the 'activation' of {what}")
    chance = _read_number(node.get("token_prob") or 0.0, f"the 'token_prob' of {what}")
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


def _read_tokens(text: str, strings: tuple[str, ...], found: list[dict[str, Any]], own: Mapping[str, Any]) -> Tokens:
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


def _read_dictionaries(metadata: Mapping[str, Any], own: Mapping[str, Any], layers: int) -> tuple[str, ...]:
    if "dictionary_ids" in own:
        return tuple(str(one)[:_MOST_TEXT] for one in own["dictionary_ids"])
    listed = [str(one)[:_MOST_TEXT] for one in metadata.get("transcoder_list") or ()]
    if len(listed) == layers:
        return tuple(listed)
    details = metadata.get("feature_details") or {}
    source = str(details.get("neuronpedia_source_set") or (listed or ["unknown"])[0])[:_MOST_TEXT]
    scan = str(_take(metadata, "scan", "its metadata"))[:_MOST_TEXT]
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
    return Provenance(
        str(_take(metadata, "scan", "its metadata"))[:_MOST_TEXT], revision="", device="", dtype="", versions=versions
    )


def _is_graph(place: Path) -> bool:
    """Whether a file is a graph of this package or of circuit-tracer: what is there to be written over."""
    try:
        if place.stat().st_size > MOST_BYTES:
            return False
        content = json.loads(place.read_bytes())
        return {"metadata", "qParams", "nodes", "links"} <= set(content)
    except (OSError, ValueError, TypeError, RecursionError):
        return False
