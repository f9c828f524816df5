"""One question of each kind, asked of any scope, and whether two answers are the same."""

import dataclasses
import json
import math

import numpy as np
from hypothesis import strategies as st

import gscope_widgets as gs
from gscope_widgets.records.generation import SamplingPlan

TEXT = "The old fisherman sold 12 fish 😀 to his sister."
OTHER = "The old woman sold 12 red coats."
HOSTILE = "</script><img src=x onerror=alert(1)>\u202e\u2028"
STRENGTHS = (-1.0, -0.6, -0.3, 0.0, 0.3, 0.6, 1.0)
WORDS = st.text(st.characters(), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
PLAN = SamplingPlan(4, 1.0, seed=3)


def ask_all(scope) -> dict[str, object]:
    """Every kind of record that a scope answers with, by a name for each question."""
    home, other = scope.dictionary(), scope.dictionary("mlp_out", 4)
    ref = home.feature(3)
    changes = [gs.add(ref, 0.5, positions="prompt"), gs.ablate(home.feature(4), positions=slice(2, None))]
    control = scope.random_control(changes, seed=4)
    sets = [[f"The {word} {noun} was" for noun in ("cat", "dog", "bird")] for word in ("old", "cold")]
    rows = {"baseline": (), "changed": changes, "random": [control]}
    generation = scope.generate_rows(TEXT, rows, plan=PLAN, seeds=[3, 4, 5], features=[ref, other.feature(7)]).wait()
    return {
        "tokens": scope.tokens(TEXT),
        "ids": scope.tokens(list(scope.tokens(TEXT).ids)),
        "hostile": scope.tokens(HOSTILE),
        "read": scope.read(TEXT),
        "read hostile": scope.read(HOSTILE, home.info.id),
        "read nothing": scope.read(""),
        "read other": scope.read(OTHER, other, features=[5, 3]),
        "loss": scope.delta_loss(TEXT),
        "loss other": scope.delta_loss(OTHER, other),
        "next": scope.next_tokens(TEXT, 8),
        "next changed": scope.next_tokens(TEXT, 8, changes),
        "next clamped": scope.next_tokens(TEXT, 8, [gs.clamp(ref, 30.0)]),
        "next controlled": scope.next_tokens(TEXT, 8, changes, controls=3),
        "next less": scope.next_tokens(TEXT, 4, changes),
        "lens": scope.logit_lens(TEXT, 4, track=[5, 9]),
        "attention": scope.attention(TEXT, layer=3),
        "find": scope.find("fish", home, k=6),
        "find nothing": scope.find("no label has this", home),
        "find texts": scope.find(positive=sets[0], dictionary=home, k=6),
        "find contrast": scope.find(positive=sets[0], negative=sets[1], k=6),
        "score": scope.score_claim(ref, *sets, claim="the old ones"),
        "card": scope.card(ref),
        "card of texts": scope.card(ref, texts=sets[0]),
        "contrast": scope.contrast(TEXT, OTHER),
        "match": scope.compare_dictionaries(TEXT, [home, other], texts=sets[0]),
        "match of a reading": scope.compare_dictionaries(TEXT, [home.info.id, scope.read(TEXT, other)], threshold=0.5),
        "circuit": (graph := gs.circuit(scope, TEXT, max_features=40, show=False)),
        "heads": gs.circuit_heads(scope, graph, len(graph) - 1, int(np.flatnonzero(graph.weights[-1])[0]), show=False),
        "change of a circuit": gs.change_circuit(scope, graph, [graph.first_row, graph.first_row + 1], 0.5, show=False),
        "clamp in a circuit": gs.change_circuit(
            scope,
            graph,
            [graph.first_row, graph.first_row + 1],
            activation={graph.first_row: 3, graph.first_row + 1: 0},
        ),
        "swap in a circuit": gs.change_circuit(
            scope,
            graph,
            graph.first_row,
            instead={graph.first_row: dataclasses.replace(graph.ref(graph.first_row), feature=9)},
            controls=3,
        ),
        "circuit of a word": gs.circuit(scope, TEXT, target=5, max_features=30),
        "circuit of a feature": gs.circuit(
            scope, TEXT, target=[graph.ref(graph.first_row), int(graph.positions[graph.first_row])], max_features=30
        ),
        "spans": scope.write_spans([home.feature(3), home.feature(9)]),
        "spans less": scope.write_spans(home.feature(9)),
        "compare": scope.compare(TEXT, changes, max_new_tokens=3, temperature=1.0, seeds=(1, 4), features=[ref]),
        "dose words": scope.dose(TEXT, ref, STRENGTHS, measure={"fish", "coat"}, samples=3, max_new_tokens=3),
        "dose token": scope.dose(TEXT, ref, STRENGTHS, measure=5, samples=3, max_new_tokens=3, positions="generated"),
        "dose feature": scope.dose(TEXT, ref, STRENGTHS, measure=home.feature(4), samples=3, max_new_tokens=3),
        "greedy": tuple(scope.generate(TEXT, changes, max_new_tokens=4)),
        "rows": tuple(generation.tokens(name) for name in generation.names),
        "trace": generation.trace("changed"),
        "described": scope.describe(ref),
        "control": control,
        "info": scope.info,
        "limit": scope.text_limit,
        "dictionary": home.info,
    }


def find_difference(one: object, other: object, where: str = "") -> str:
    """Where two records first differ, but for their provenance; "" where they do not."""
    if type(one) is not type(other):
        return f"{where}: {type(one).__name__} and {type(other).__name__}"
    if isinstance(one, np.ndarray):
        same = one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        return "" if same else f"{where}: {one} and {other}"
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one) if field.name != "provenance"]
        parts = ((getattr(one, name), getattr(other, name), f"{where}.{name}") for name in names)
        return next(filter(None, (find_difference(*part) for part in parts)), "")
    if isinstance(one, dict):
        one, other = list(one.items()), list(other.items())
    if isinstance(one, (tuple, list)):
        if len(one) != len(other):
            return f"{where}: {len(one)} and {len(other)} items"
        parts = ((a, b, f"{where}[{at}]") for at, (a, b) in enumerate(zip(one, other, strict=True)))
        return next(filter(None, (find_difference(*part) for part in parts)), "")
    same = one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))
    return "" if same else f"{where}: {one!r} and {other!r}"


def spoil(content, path, value):
    """JSON with the part at a path replaced."""
    copied = json.loads(json.dumps(content))
    part = copied
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    return copied


def list_paths(content, path=(), *, depth=99):
    """Every place in JSON, so deep."""
    if path:
        yield path
    if len(path) == depth:
        return
    items = enumerate(content) if isinstance(content, list) else content.items() if isinstance(content, dict) else ()
    for step, item in items:
        yield from list_paths(item, (*path, step), depth=depth)
