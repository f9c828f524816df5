"""The contract: schemas of types, what they refuse, and the files that hold them for both sides."""

import base64
import json
import math
import re
from pathlib import Path
from typing import Annotated, Literal, NotRequired, TypedDict

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.glossary import TERMS
from gscope_widgets.widgets.base.contract import Bounds, build_schema, find_fault, require
from gscope_widgets.widgets.base.limits import LIMITS
from gscope_widgets.widgets.contract import build_contract, build_glossary, build_typescript, load_class
from tests.fake_engines import make_engine

JS = Path(__file__).parents[3] / "js"
COMMAND = "python -m gscope_widgets.widgets.contract"


class Inner(TypedDict):
    name: str
    size: NotRequired[Annotated[int, Bounds(0, 9)]]


class Outer(TypedDict):
    kind: Literal["outer"]
    mode: Literal["a", "b"]
    inner: Inner | None
    numbers: list[float]
    by_name: dict[str, int]
    word: Annotated[str, Bounds(length=3)]


GOOD = {
    "kind": "outer",
    "mode": "a",
    "inner": {"name": "x", "size": 3},
    "numbers": [1, 2.5],
    "by_name": {"a": 1},
    "word": "abc",
}


def test_a_value_of_the_type_fits():
    assert find_fault(build_schema(Outer), GOOD) is None
    assert find_fault(build_schema(Outer), GOOD | {"inner": None, "numbers": [], "by_name": {}}) is None
    assert find_fault(build_schema(Outer), GOOD | {"inner": {"name": "x"}}) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "inner"}, "kind must be 'outer', got 'inner'"),
        ({"mode": "c"}, "mode must be one of 'a', 'b', got 'c'"),
        ({"mode": ["a"]}, "mode must be one of 'a', 'b', got ['a']"),
        ({"inner": {"size": 3}}, "inner must be an object or null, got {'size': 3}"),
        ({"inner": {"name": 5}}, "inner.name must be a string, got 5"),
        ({"inner": {"name": "x", "size": 10}}, "inner.size must be a whole number from 0 to 9, got 10"),
        ({"inner": {"name": "x", "size": True}}, "inner.size must be a whole number from 0 to 9, got True"),
        ({"inner": {"name": "x", "size": 1.0}}, "inner.size must be a whole number from 0 to 9, got 1.0"),
        ({"inner": {"name": "x", "more": 1}}, "inner.more must be left out: there is no such field, got 1"),
        ({"numbers": [1, "2"]}, "numbers[1] must be a number, got '2'"),
        ({"numbers": [math.nan]}, "numbers[0] must be a number, got nan"),
        ({"numbers": {"0": 1}}, "numbers must be a list, got {'0': 1}"),
        ({"by_name": {"a": "1"}}, "by_name.a must be a whole number, got '1'"),
        ({"word": "abcd"}, "word must be a string of at most 3 characters, got 'abcd'"),
        ({"more": 1}, "more must be left out: there is no such field, got 1"),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_what_differs_is_named_with_its_place(change, words):
    with pytest.raises(gs.InvalidValue) as caught:
        require(build_schema(Outer), GOOD | change, name="the message")
    assert str(caught.value) == f"the message: {words}"


def test_a_type_that_json_does_not_hold_is_our_own_mistake():
    with pytest.raises(TypeError, match="no schema"):
        build_schema(bytes)


# ---- the files


@pytest.fixture(scope="module")
def contract():
    made = []

    def make(row):
        made.append(make_engine(row))
        return made[-1]

    yield json.loads(json.dumps(build_contract(make)))
    for engine in made:
        engine.close()


@pytest.fixture(scope="module")
def written():
    return json.loads((JS / "contract.json").read_text(encoding="utf-8"))


def unpack(golden):
    """Golden messages without buffers, and the buffers as numbers: those may differ in the last digit by processor."""
    plain, arrays = [], []
    for one in golden:
        if "content" in one:
            heads = one["content"].get("arrays", [])
            arrays += [
                np.frombuffer(base64.b64decode(data), head["dtype"])
                for head, data in zip(heads, one["buffers"], strict=True)
            ]
        plain.append({name: value for name, value in one.items() if name != "buffers"})
    return plain, arrays


def compare(one, other):
    """Two messages, with numbers alike to 1e-4."""
    if isinstance(one, dict) and isinstance(other, dict):
        assert set(one) == set(other)
        for name in one:
            compare(one[name], other[name])
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            compare(a, b)
    elif isinstance(one, float) or isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-6)
    else:
        assert one == other


def test_contract_json_is_what_the_widgets_say(contract, written):
    stale = f"js/contract.json is stale; run: {COMMAND}"
    assert written["limits"] == contract["limits"], stale
    assert written["version"] == contract["version"] == gs.__version__, stale
    assert list(written["widgets"]) == list(contract["widgets"]), stale
    for name, widget in contract["widgets"].items():
        there = written["widgets"][name]
        for side in ("to_page", "to_python"):
            assert list(there[side]) == list(widget[side]), stale
            for kind, message in widget[side].items():
                assert there[side][kind]["schema"] == message["schema"], stale
                (plain, arrays), (plain_there, arrays_there) = (
                    unpack(message["golden"]),
                    unpack(there[side][kind]["golden"]),
                )
                compare(plain, plain_there)
                for a, b in zip(arrays, arrays_there, strict=True):
                    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=stale)
        rest = [{key: one[key] for key in one if key not in ("to_page", "to_python")} for one in (widget, there)]
        assert rest[0] == rest[1], stale


def test_the_words_of_the_page_are_those_of_the_glossary(contract, written):
    assert written["terms"] == contract["terms"], f"stale; run: {COMMAND}"
    text = (JS / "src/shared/glossary.js").read_text(encoding="utf-8")
    assert text == build_glossary(), f"stale; run: {COMMAND}"
    assert [json.loads(name) for name in re.findall(r'name: (".*"),', text)] == list(TERMS)


def test_the_typescript_is_what_the_widgets_say():
    assert (JS / "src/traits.d.ts").read_text(encoding="utf-8") == build_typescript(), f"stale; run: {COMMAND}"


def test_a_contract_that_differs_is_seen(contract, written):
    """The control: a limit, a schema, a default or a golden number that was changed by hand."""
    for path in (
        ("limits", "max_seed"),
        ("widgets", "SteeringPanel", "traits", "seed", "schema", "maximum"),
        ("widgets", "TokenHeatmap", "traits", "color_range", "default"),
        ("widgets", "FeatureSliders", "to_page", "result", "golden", 0, "content", "kl"),
    ):
        changed = json.loads(json.dumps(written))
        inner = changed
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = 0.125
        with pytest.raises(AssertionError):
            test_contract_json_is_what_the_widgets_say(contract, changed)


def test_golden_messages_fit_their_schemas_and_say_what_they_show(contract, row):
    widget = contract["widgets"][row.name]
    for side in ("to_page", "to_python"):
        for message in widget[side].values():
            assert message["golden"]
            for golden in message["golden"]:
                assert find_fault(message["schema"], golden.get("content", golden)) is None
    assert any(golden["shows"] for golden in widget["to_page"][row.result]["golden"])


def test_defaults_fit_their_schemas_and_every_trait_has_words(contract, row):
    for name, trait in contract["widgets"][row.name]["traits"].items():
        assert find_fault(trait["schema"], trait["default"]) is None, name
        assert load_class(row).class_traits()[name].help


def test_limits_are_those_that_are_enforced(contract):
    panel = contract["widgets"]["SteeringPanel"]["traits"]
    assert panel["seed"]["schema"]["maximum"] == LIMITS["max_seed"]
    assert panel["temperature"]["schema"]["maximum"] == LIMITS["max_temperature"]
    assert panel["max_new_tokens"]["schema"]["maximum"] == LIMITS["max_new_tokens"]


def test_the_typescript_names_every_message_and_trait(contract):
    source = build_typescript()
    for name, widget in contract["widgets"].items():
        assert f"export interface {name}Traits extends BaseTraits" in source
        for trait in widget["traits"]:
            assert re.search(rf"^  {trait}: ", source, re.M)
