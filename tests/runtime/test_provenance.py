"""Every result says where it comes from: each public method of a scope is walked, and none is forgotten."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.runtime.scope import Scope

TEXT = "The old fisherman sold 12 fish."
STRENGTHS = (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3)
NO_RESULT = {
    "catalogue": "a list of what exists",
    "close": "nothing",
    "describe": "what files say of a feature, with its dictionary's id",
    "dictionary": "an open dictionary, whose `info` says which",
    "dictionary_info": "what files say",
    "limit_memory": "a setting",
    "mean_norm": "a number",
    "memory": "what is held now",
    "provenance": "the record itself",
    "random_control": "an intervention, which names its dictionary",
    "recording": "a recorder, whose file has the provenance of what it holds",
    "submit": "a job of the caller's own",
    "to_code": "code",
    "tokens": "a text, without the model",
    "use_examples": "a dictionary, whose cards then say which sweep they show",
    "write_opening": "code",
}
WITHOUT_TEXT = ("card", "check", "contrast", "direction", "find", "score_claim", "write_spans")
WITHOUT_DICTIONARY = (
    "attention",
    "change_circuit",
    "circuit",
    "circuit_heads",
    "direction",
    "logit_lens",
    "write_spans",
)  # or with others than the one asked for here


@pytest.fixture(scope="module")
def results(scope, dictionary) -> dict[str, object]:
    """A result of every method that gives one."""
    ref = dictionary.feature(3)
    pushed = [gs.add(ref, 0.3)]
    return {
        "attention": scope.attention(TEXT, layer=2),
        "card": scope.card(ref, sources=()),
        "check": scope.check(dictionary),
        "change_circuit": gs.change_circuit(
            scope, graph := gs.circuit(scope, TEXT, max_features=20), [graph.first_row]
        ),
        "circuit": graph,
        "circuit_heads": gs.circuit_heads(scope, graph, graph.first_row, int(np.flatnonzero(graph.weights[0])[0])),
        "contrast": scope.contrast("a bird", "a cat", dictionary),
        "score_claim": scope.score_claim(ref, ["a bird"], ["a cat"]),
        "find": scope.find("bird", dictionary),
        "compare_dictionaries": scope.compare_dictionaries(TEXT, [dictionary, scope.dictionary(layer=2)]),
        "compare": scope.compare(TEXT, pushed, max_new_tokens=1),
        "delta_loss": scope.delta_loss(TEXT, dictionary),
        "direction": scope.direction(["a bird"], ["a cat"], layer=2),
        "dose": scope.dose(TEXT, ref, STRENGTHS, measure="the", samples=3, max_new_tokens=1),
        "generate": scope.generate(TEXT, pushed, max_new_tokens=1, seed=5).wait(),
        "generate_rows": scope.generate_rows(TEXT, {"a": pushed}, plan=SamplingPlan(1, 0.0, 1.0, 5)).wait(),
        "logit_lens": scope.logit_lens(TEXT, 2),
        "next_tokens": scope.next_tokens(TEXT, 2, pushed),
        "read": scope.read(TEXT, dictionary),
        "write_spans": scope.write_spans(scope.dictionary("clt").feature(3)),
    }


def test_no_method_is_forgotten(results):
    methods = {name for name, _ in inspect.getmembers(Scope, inspect.isfunction) if not name.startswith("_")}
    jobs = {f"start_{name}" for name in results} & methods  # their results are those of the methods that wait
    functions = {name for name in results if callable(getattr(gs, name, None))}
    assert functions == {"circuit", "change_circuit", "circuit_heads"}
    assert (methods - jobs) | functions == set(results) | set(NO_RESULT)


def test_every_result_has_its_provenance(scope, dictionary, results):
    for name, result in results.items():
        record = result.provenance.to_dict()
        text = json.dumps(record, allow_nan=False)
        assert (record["model"], record["revision"]) == (scope.info.id, scope.info.revision), name
        assert {"torch", "transformers", "gscope-widgets"} <= set(record["versions"]), name
        assert bool(record["token_ids"]) == (name not in WITHOUT_TEXT), name
        if name not in WITHOUT_TEXT:
            assert tuple(record["token_ids"]) == scope.tokens(TEXT).ids, name
        assert (dictionary.info.id in record["dictionaries"]) == (name not in WITHOUT_DICTIONARY), name
        assert str(Path(gs.__file__).parent) not in text
        assert "hf_" not in text


def test_a_generation_tells_what_makes_it_again(results):
    told = results["generate"].provenance.settings
    assert (told["seeds"], told["max_new_tokens"], told["temperature"], told["top_p"]) == ([5], 1, 0.0, 1.0)
    assert told["rows"] == {"text": [str(gs.add(results["card"].ref, 0.3))]}


def test_where_a_result_comes_from_does_not_make_it_another_result(scope, dictionary):
    loss = scope.delta_loss(TEXT, dictionary)
    assert loss == type(loss)(loss.dictionary_id, loss.loss, loss.replaced, loss.ablated, loss.tokens)
    assert "provenance" not in repr(loss)
