"""Questions in one way of writing, so that a recording finds what was asked before."""

import hashlib
import json
import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.recordings.contents import RecordedRow
from gscope_widgets.records.attention import AttentionReading
from gscope_widgets.records.circuit_effects import Activations, CircuitEffect, Swaps, read_circuit_change
from gscope_widgets.records.circuit_faults import check_graph
from gscope_widgets.records.circuits import AttributionGraph, CircuitTarget
from gscope_widgets.records.claims import ClaimScore
from gscope_widgets.records.comparisons import Comparison
from gscope_widgets.records.contrasts import TextContrast
from gscope_widgets.records.dashboards import FeatureDashboard
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.doses import DoseResponse
from gscope_widgets.records.edge_heads import EdgeHeads, describe_edge
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.fidelity import DeltaLoss
from gscope_widgets.records.generation import SamplingPlan, TokenDistribution
from gscope_widgets.records.hits import FeatureHits
from gscope_widgets.records.interventions import Intervention, Positions
from gscope_widgets.records.lens import LensReading
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.matches import DictionaryComparison
from gscope_widgets.records.measures import Measure
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.spans import WriteSpans
from gscope_widgets.records.tokens import Prompt

# What each question is answered with.
ANSWERS: dict[str, type] = {
    "read": FeatureReading,
    "delta_loss": DeltaLoss,
    "next_tokens": TokenDistribution,
    "logit_lens": LensReading,
    "attention": AttentionReading,
    "generate": RecordedRow,
    "compare": Comparison,
    "dose": DoseResponse,
    "find": FeatureHits,
    "score_claim": ClaimScore,
    "card": FeatureDashboard,
    "contrast": TextContrast,
    "compare_dictionaries": DictionaryComparison,
    "circuit": AttributionGraph,
    "circuit_heads": EdgeHeads,
    "write_spans": WriteSpans,
    "change_circuit": CircuitEffect,
}
DEFAULT_WISHES = {"site": "resid_post", "layer": None, "width": None, "l0": None, "affine": False}
_PROMPTS = ("text", "prompt", "first", "second")  # settings that are a text each
_PROMPT_LISTS = ("positive", "negative", "texts")
Settings = dict[str, Any]  # plain data


@dataclass(frozen=True)
class Question:
    """What is asked, as plain data: equal where the questions are."""

    name: str  # of the method
    settings: Settings

    @cached_property
    def key(self) -> str:
        """One line that tells it from every other."""
        return write_key([self.name, self.settings])

    @property
    def prompts(self) -> list[Prompt]:
        """The texts it is about."""
        alone = [self.settings[name] for name in _PROMPTS if name in self.settings]
        lists = [self.settings[name] or [] for name in _PROMPT_LISTS if name in self.settings]
        return [*alone, *(prompt for prompts in lists for prompt in prompts)]


def ask_reading(text: Prompt, dictionary_id: str, features: Sequence[int] | None) -> Question:
    """`scope.read`."""
    return _ask("read", text=text, dictionary=dictionary_id, features=features)


def ask_loss(text: Prompt, dictionary_id: str) -> Question:
    """`scope.delta_loss`."""
    return _ask("delta_loss", text=text, dictionary=dictionary_id)


def ask_next_tokens(text: Prompt, k: int, interventions: Sequence[Intervention], controls: int) -> Question:
    """`scope.next_tokens`. Of no change there are no controls."""
    made = _as_list(interventions)
    return _ask("next_tokens", text=text, k=k, interventions=made, controls=controls if made else 0)


def ask_lens(text: Prompt, k: int, layers: Sequence[int], track: Sequence[int]) -> Question:
    """`scope.logit_lens`; `layers` are written out."""
    return _ask("logit_lens", text=text, k=k, layers=sorted(set(layers)), track=track)


def ask_attention(text: Prompt, layer: int) -> Question:
    """`scope.attention`."""
    return _ask("attention", text=text, layer=layer)


def ask_row(
    prompt: Prompt,
    interventions: Sequence[Intervention],
    plan: SamplingPlan,
    seed: int,
    features: Sequence[FeatureRef] | FeatureRef,
) -> Question:
    """One row of `scope.generate_rows`: it is the same alone and beside others. At temperature 0 no seed is asked."""
    drawing = {"temperature": plan.temperature, "top_p": plan.top_p, "seed": seed} if plan.temperature else {}
    return _ask(
        "generate",
        prompt=prompt,
        interventions=_as_list(interventions),
        max_new_tokens=plan.max_new_tokens,
        **({"temperature": 0, "top_p": 1, "seed": 0} | drawing),
        features=_as_list(features),
    )


def ask_comparison(
    prompt: Prompt,
    interventions: Sequence[Intervention],
    *,
    max_new_tokens: int,
    temperature: float,
    top_p: float,
    seeds: Sequence[int],
    controls: int,
    features: Sequence[FeatureRef],
) -> Question:
    """`scope.compare`."""
    return _ask(
        "compare",
        prompt=prompt,
        interventions=_as_list(interventions),
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_p=top_p,
        seeds=_as_list(seeds),
        controls=controls,
        features=_as_list(features),
    )


def ask_dose(
    prompt: Prompt,
    ref: FeatureRef | Direction,
    strengths: Sequence[float],
    *,
    measure: Measure,
    samples: int,
    max_new_tokens: int,
    temperature: float,
    top_p: float,
    seed: int,
    positions: Positions,
) -> Question:
    """`scope.dose`.

    Raises:
        InvalidValue: the measure is a function, which no file can hold.
    """
    if measure.kind == "function":
        raise InvalidValue(f"a measure that is a function, {measure.name}, is not recorded; name words or a feature")
    return _ask(
        "dose",
        prompt=prompt,
        ref=ref,
        strengths=sorted(strengths),
        measure=[measure.kind, measure.of],
        samples=samples,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        positions=positions,
    )


def ask_hits(
    query: str | None, dictionary_id: str, *, positive: Sequence[Prompt], negative: Sequence[Prompt], k: int, where: str
) -> Question:
    """`scope.find`."""
    return _ask("find", query=query, dictionary=dictionary_id, positive=positive, negative=negative, k=k, where=where)


def ask_score(
    ref: FeatureRef, positive: Sequence[Prompt], negative: Sequence[Prompt], claim: str, threshold: float
) -> Question:
    """`scope.score_claim`."""
    return _ask("score_claim", ref=ref, positive=positive, negative=negative, claim=claim, threshold=threshold)


def ask_dashboard(ref: FeatureRef, texts: Sequence[Prompt] | None, examples: int, sources: Sequence[str]) -> Question:
    """`scope.card`."""
    return _ask("card", ref=ref, texts=texts, examples=examples, sources=sorted(sources))


def ask_contrast(first: Prompt, second: Prompt, dictionary_id: str) -> Question:
    """`scope.contrast`."""
    return _ask("contrast", first=first, second=second, dictionary=dictionary_id)


def ask_matches(
    text: Prompt, dictionaries: Sequence[str | FeatureReading], texts: Sequence[Prompt], threshold: float | None
) -> Question:
    """`scope.compare_dictionaries`."""
    return _ask("compare_dictionaries", text=text, dictionaries=dictionaries, texts=texts, threshold=threshold)


def ask_circuit(prompt: Prompt, dictionaries: Any, target: CircuitTarget, max_features: int) -> Question:
    """`gs.circuit`; one dictionary alone is a list of it."""
    alone = isinstance(dictionaries, str) or hasattr(dictionaries, "info")
    return _ask(
        "circuit",
        prompt=prompt,
        dictionaries=[dictionaries] if alone else dictionaries or (),
        target=target,
        max_features=max_features,
    )


def ask_heads(graph: AttributionGraph, node: int | str, source: int | str) -> Question:
    """`gs.circuit_heads`; of a graph and of what is pruned from it alike."""
    return _ask(
        "circuit_heads",
        prompt=graph.tokens.ids,
        dictionaries=[one for one in graph.dictionary_ids if one],
        **describe_edge(graph, graph.locate(node), graph.locate(source)),
    )


def ask_spans(features: Sequence[FeatureRef] | FeatureRef) -> Question:
    """`scope.write_spans`; one feature alone is a list of it."""
    return _ask("write_spans", features=_as_list(features))


def ask_change(
    graph: AttributionGraph,
    nodes: Any,
    factor: float | None,
    activation: Activations | None,
    instead: Swaps | None,
    controls: int,
) -> Question:
    """`gs.change_circuit`; the graph is known by its tokens, its dictionaries and a digest of its edges."""
    change = read_circuit_change(check_graph(graph), nodes, factor, activation, instead)
    digest = hashlib.sha256()
    for one in (graph.numbers, graph.node_layers, graph.positions, graph.activations, graph.weights):
        digest.update(np.ascontiguousarray(one).tobytes())
    return _ask(
        "change_circuit",
        prompt=graph.tokens.ids,
        dictionaries=[one for one in graph.dictionary_ids if one],
        graph=digest.hexdigest(),
        nodes=list(change.nodes),
        factor=change.factor,
        activations=list(change.activations.values()),
        instead=sorted((write(node), write(ref)) for node, ref in change.instead.items()),
        controls=controls,
    )


def _ask(name: str, **settings: object) -> Question:
    return Question(name, {one: _write_setting(one, value) for one, value in settings.items()})


def _write_setting(name: str, value: Any) -> Any:
    if name in _PROMPTS:
        return write_prompt(value)
    if name in _PROMPT_LISTS and value is not None:
        return [write_prompt(one) for one in _check_list(name, value)]
    return write(value)


def _check_list(name: str, value: Any) -> list[Any]:
    items = None if isinstance(value, Iterator) else read_list(value)  # which can be read once
    if items is None:
        raise InvalidValue(f"{name} must be a list, got {describe_value(value)}")
    return items


def _as_list(value: Any) -> Any:
    """One alone is taken for a list of it, as scopes take it."""
    return [value] if isinstance(value, (FeatureRef, Intervention, int)) else value


def write(value: Any) -> Any:
    """A value that a scope may be asked with, as plain data: equal values in one way, whole numbers as such.

    Raises:
        InvalidValue: no scope is asked with it.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, FeatureRef):
        return {"dictionary_id": value.dictionary_id, "feature": write(value.feature)}
    if isinstance(value, Direction):
        digest = hashlib.sha256(value.vector.tobytes()).hexdigest()
        return {"site": value.site, "layer": value.layer, "vector": digest}
    if isinstance(value, Intervention):
        names = ("kind", "ref", "amount", "unit", "positions", "seed", "matched")
        return {name: write(getattr(value, name)) for name in names}
    if hasattr(value, "info") and hasattr(value, "d_dict"):  # a dictionary
        return write(value.info.id)
    if isinstance(value, FeatureReading):
        return {"reading": value.dictionary_info.id, "ids": list(value.tokens.ids)}
    if isinstance(value, slice):
        return {"slice": [write(bound) for bound in (value.start, value.stop, value.step)]}
    if isinstance(value, dict):
        written = [(write(name), write(item)) for name, item in value.items()]
        if any(isinstance(name, (dict, list)) for name, _ in written):
            raise InvalidValue(f"{describe_value(value)} is nothing that a scope is asked with")
        return dict(written)
    if isinstance(value, np.ndarray):
        return write(value.tolist())
    if isinstance(value, Iterable) and not isinstance(value, (Iterator, bytes)):  # which can be read once
        return [write(item) for item in value]
    return _write_number(value)


def write_key(value: object) -> str:
    """Plain data as one line, equal where they are."""
    return json.dumps(value, sort_keys=True)


def write_prompt(value: Any) -> Any:
    """A prompt: a string, chat messages, or token ids, which may stand in a list of their own.

    Raises:
        InvalidValue: it is none.
    """
    written = None if isinstance(value, (dict, FeatureRef, slice)) else write(value)
    if isinstance(written, list) and len(written) == 1 and isinstance(written[0], list):
        written = written[0]
    if isinstance(written, str):
        return written
    if isinstance(written, list) and (all(type(one) is int for one in written) or all(map(_is_message, written))):
        return written
    raise InvalidValue(f"a prompt is a string, chat messages or token ids, got {describe_value(value)}")


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(part, str) for part in value.values())


def _write_number(value: Any) -> int | float:
    try:
        return operator.index(value)
    except TypeError:
        pass
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidValue(f"{describe_value(value)} is nothing that a scope is asked with")
    return int(number) if number.is_integer() else number
