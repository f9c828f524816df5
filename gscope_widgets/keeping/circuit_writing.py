"""A graph as plain data in circuit-tracer's layout."""

import re
from dataclasses import asdict
from typing import Any

import numpy as np

from gscope_widgets import __version__
from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.keeping.circuit_sums import measure_gaps
from gscope_widgets.keeping.circuit_values import MOST_TEXT, OWN
from gscope_widgets.recordings.codec import encode
from gscope_widgets.records.circuit_ids import list_node_ids, name_number
from gscope_widgets.records.circuits import ERROR, FEATURE, TARGET, TOKEN, AttributionGraph
from gscope_widgets.records.neuronpedia import find_address, name_model
from gscope_widgets.records.tokens import Tokens

_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


def name_graph(prompt: str, slug: str | None) -> str:
    """What a graph is called in viewers: the slug, or a name made of the prompt.

    Raises:
        InvalidValue: the slug has other signs than names have.
    """
    if slug is not None and not isinstance(slug, str):
        raise InvalidValue(f"slug must be a text, got {describe_value(slug)}")
    if slug is not None and len(slug) > MOST_TEXT:
        raise InvalidValue(f"slug has at most {MOST_TEXT} letters, got {len(slug)}")
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
    scan = _NAME.sub("-", name_model(origin.model)) if origin is not None else "unknown"
    source_set = _find_source_set(graph, scan)
    return {
        "metadata": {
            "slug": words,
            "scan": scan,
            "transcoder_list": [one for one in graph.dictionary_ids if one],
            "prompt_tokens": list(graph.tokens.strings),
            "prompt": graph.tokens.text,
            "schema_version": 1,
            "node_threshold": 1.0,  # of `influence`: viewers show all at first, and have their slider
            **({"feature_details": {"neuronpedia_source_set": source_set}} if source_set else {}),
            "info": {"generator": {"name": "gscope_widgets", "version": __version__}},
            OWN: {
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
                        measure_gaps(graph.weights, graph.values, graph.remainder, graph.left_out),
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


def _find_source_set(graph: AttributionGraph, model: str) -> str:
    """Neuronpedia's name of the set that all dictionaries are of; "" where it is not known to have one."""
    found = [find_address(one) for one in graph.dictionary_ids if one]
    sets = {one.source.partition("-")[2] if one and one.model == model else "" for one in found}
    return sets.pop() if len(sets) == 1 else ""


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
    shares[order] = np.minimum(np.cumsum(influence[order]) / max(float(influence.sum()), 1e-30), 1)
    found: list[float] = shares.tolist()
    return found
