"""Every record comes back from JSON and arrays as it was, and nothing else is made of what a file says."""

import dataclasses
import importlib
import json
import math
import pkgutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gscope_widgets as gs
from gscope_widgets import records
from gscope_widgets.recordings.codec import RECORDS, Malformed, decode, encode
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.records.hits import FeatureHits
from gscope_widgets.records.interventions import Intervention
from gscope_widgets.records.measures import Measure
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.tokens import Tokens
from tests.fake_scope import FakeScope
from tests.recordings.asked import PLAIN, WORDS, ask_all, find_difference, list_paths, spoil

# Of one machine, of files that are fetched, or wanted but never answered by a protocol's method.
NOT_ANSWERED = {
    *("SparseActivations", "DictionaryCheck", "Checkup", "Finding", "ExampleTable", "FeatureExamples"),
    *("ContrastScores", "DictionarySummary", "Memory", "MemoryUse", "TopFeature", "Fetched", "Row", "FeatureSample"),
    *("ContrastedFeature", "Flip", "SamplingPlan", "Term", "ViewDifference", "RowSummary"),
    *("Lesson", "Stage", "Question", "Check", "CheckPart", "Grade", "GradeReport", "CircuitSubgraph", "Walks"),
    *("Address", "Agreement", "ChangeScores", "CircuitChange"),
    *("Sweep", "SweepProgress", "Goal"),
}


def take_round(value, kind):
    """Through JSON, as a file holds it."""
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(encode(value, kind, arrays), allow_nan=False)
    return decode(json.loads(text), kind, arrays)


@pytest.fixture(scope="module", params=["fake", "mini"])
def answers(request, lesson):
    fake = FakeScope()
    yield ask_all(fake) if request.param == "fake" else lesson[1]
    fake.close()


def list_records(value):
    """The records in an answer that stand by themselves."""
    return [value] if dataclasses.is_dataclass(value) else [one for item in value for one in list_records(item)]


def test_every_answer_comes_back_as_it_was(answers):
    seen = set()
    for name, answer in answers.items():
        if isinstance(answer, int):
            continue
        for record in list_records(answer):
            again = take_round(record, type(record))
            assert find_difference(record, again, name) == ""
            assert getattr(again, "provenance", None) == getattr(record, "provenance", None)
            seen.add(type(record))
    assert len(seen) > 12


def test_a_difference_is_seen(answers):
    reading = answers["read"]
    for changed in (
        replace(reading, activations=reading.activations + np.float32(1e-3)),
        replace(reading, l0=reading.l0.astype(np.int64)),
        replace(reading, labels={}),
        replace(reading, total_fvu=math.nan),
    ):
        assert find_difference(reading, changed)


def test_every_record_can_be_read_or_is_known_not_to_be_answered():
    found = {
        value.__name__
        for module in pkgutil.iter_modules(records.__path__)
        for value in vars(importlib.import_module(f"{records.__name__}.{module.name}")).values()
        if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__.endswith(f".{module.name}")
    }
    assert found - {one.__name__ for one in RECORDS} == NOT_ANSWERED


LABELS = st.builds(FeatureLabel, WORDS, WORDS, st.none() | st.floats(allow_nan=False), author=WORDS)
REFS = st.builds(FeatureRef, WORDS, st.integers())
POSITIONS = st.sampled_from(["all", "prompt", "generated"]) | st.builds(slice, st.none() | st.integers(0, 9))
DIRECTIONS = st.builds(
    Direction, st.just("mlp_out"), st.integers(0, 9), st.lists(st.floats(1, 9, width=32), min_size=1, max_size=4), WORDS
)
CHANGES = st.builds(
    Intervention, st.sampled_from(["add", "clamp"]), REFS | DIRECTIONS, st.floats(allow_nan=False), positions=POSITIONS
)
CONTROLS = st.builds(
    Intervention, st.just("random"), REFS, st.just(1.0), seed=st.integers(0, 9), matched=st.tuples(CHANGES, CHANGES)
)
MEASURES = st.builds(Measure, st.just("token"), WORDS, st.integers() | st.lists(WORDS, max_size=3).map(tuple) | REFS)
TOKENS = st.lists(WORDS, max_size=4).map(
    lambda words: Tokens(
        "".join(words),
        tuple(range(len(words))),
        tuple(words),
        ((0, 0),) * len(words),
        ignored=dict.fromkeys([0][: len(words)], "BOS"),
    )
)


@settings(max_examples=150)
@given(LABELS | REFS | CHANGES | CONTROLS | MEASURES | TOKENS)
def test_any_record_comes_back_as_it_was(record):
    assert take_round(record, type(record)) == record


@given(st.floats())
def test_every_number_comes_back(number):
    again = take_round(number, float)
    assert again == number or (math.isnan(again) and math.isnan(number))


@given(st.dictionaries(WORDS, PLAIN, max_size=3))
def test_plain_data_come_back_or_are_refused(data):
    provenance = Provenance("a", "b", "cpu", "float32", settings=data)
    try:
        assert take_round(provenance, Provenance) == provenance
    except gs.InvalidValue as error:
        assert "of no kind that is recorded" in str(error)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Measure("function", "len(text)", len), Measure),
        (Provenance("a", "b", "c", "d", settings={"path": object()}), Provenance),
        (Provenance("a", "b", "c", "d", settings={"x": math.inf}), Provenance),
    ],
    ids=["function", "object", "infinity"],
)
def test_what_no_file_can_hold_is_refused(value, kind):
    with pytest.raises(gs.InvalidValue, match="no kind that is recorded"):
        take_round(value, kind)


@pytest.fixture(scope="module")
def written(lesson):
    """A small reading and a search as JSON, with their arrays."""
    reading, hits, arrays = lesson[1]["read other"], lesson[1]["find nothing"], {}
    return {kind: encode(one, kind, arrays) for kind, one in ((FeatureReading, reading), (FeatureHits, hits))}, arrays


@settings(max_examples=400)
@given(st.data())
def test_whatever_stands_in_a_place_is_refused_or_is_a_record(written, data):
    contents, arrays = written
    kind = data.draw(st.sampled_from(list(contents)))
    path = data.draw(st.sampled_from(list(list_paths(contents[kind]))))
    value = data.draw(PLAIN | st.sampled_from([*arrays, {"__class__": "os.system"}, ["Callable", "os.system"]]))
    try:
        made = decode(spoil(contents[kind], path, value), kind, arrays)
    except (Malformed, OverflowError):
        return
    assert type(made) is kind
    for record in list_made(made):
        assert type(record) in RECORDS


def list_made(value):
    if dataclasses.is_dataclass(value):
        yield value
        for field in dataclasses.fields(value):
            yield from list_made(getattr(value, field.name))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from list_made(item)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("positions", "activations", "is to be int32"),
        ("l0", "positions", "is to be int32"),
        ("positions", "../../etc/passwd", "there is no array"),
        ("positions", 5, "there is no array"),
        ("selected", [1.5], "a whole number was wanted"),
        ("selected", [True], "a whole number was wanted"),
        ("labels", [[1]], "a pair was wanted"),
        ("tokens", {}, "Tokens lacks"),
    ],
)
def test_a_reading_that_does_not_hold_together_is_refused_in_words(written, name, value, words):
    contents, arrays = written
    content = contents[FeatureReading]
    with pytest.raises(Malformed, match=words):
        decode(
            {**content, name: content.get(value, value) if isinstance(value, str) else value}, FeatureReading, arrays
        )
    with pytest.raises(Malformed, match="has an unknown '__init__'"):
        decode({**content, "__init__": value}, FeatureReading, arrays)
    assert decode(content, FeatureReading, arrays).dictionary_info  # the control


def test_places_outside_the_text_or_the_dictionary_are_refused(lesson):
    reading = lesson[1]["read"]
    for name, array in (
        ("positions", reading.positions + np.int32(99)),
        ("features", reading.features - np.int32(999)),
    ):
        with pytest.raises(Malformed, match="do not go together"):
            take_round(replace(reading, **{name: array}), FeatureReading)
