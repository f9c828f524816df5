"""The scope: plain results from any thread, nothing shared by accident, and words for what is wrong."""

import hashlib
import io
import json
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from gscope_widgets.runtime.files.integrity import EMBEDDED
from tests.runtime.inside import forget_activations, loaded, wait_until_idle
from tests.runtime.machine import Interrupt

TEXT = "The old fisherman sold 12 fish."


def contains_tensor(value) -> bool:
    if isinstance(value, torch.Tensor):
        return True
    if is_dataclass(value):
        return any(contains_tensor(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, dict):
        return any(contains_tensor(item) for item in value.values())
    return isinstance(value, (list, tuple)) and any(contains_tensor(item) for item in value)


def test_results_are_plain_records_without_tensors(scope, dictionary):
    made = [gs.add(dictionary.feature(1), 0.5)]
    results = [
        scope.info,
        scope.tokens(TEXT),
        scope.read(TEXT, dictionary),
        scope.next_tokens(TEXT, 5, made),
        scope.generate(TEXT, made, max_new_tokens=3).wait().tokens(),
        scope.describe(dictionary.feature(1)),
        scope.provenance([dictionary.info.id]),
        scope.catalogue(),
    ]
    assert not any(contains_tensor(result) for result in results)
    assert contains_tensor((torch.zeros(1),))  # control


def test_the_same_arguments_give_the_same_objects(scope, dictionary):
    assert gs.load("mini") is gs.load() is scope
    assert scope.dictionary() is dictionary
    assert scope.dictionary(dictionary.info.site, layer=dictionary.info.layer) is dictionary


def test_many_threads_opening_a_dictionary_get_the_same_one(tiny, make_dictionary):
    path = make_dictionary()
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: tiny.dictionary(path=path), range(16)))
    assert len({id(dictionary) for dictionary in opened}) == 1


def test_a_dictionary_may_be_named_by_its_id(scope, dictionary):
    np.testing.assert_array_equal(
        scope.read(TEXT, dictionary.info.id).activations, scope.read(TEXT, dictionary).activations
    )
    for wrong in ("nothing", "", "../x"):
        with pytest.raises(gs.UnknownDictionary, match="no dictionary that this scope has opened"):
            scope.read(TEXT, wrong)
    for wrong in (5, object(), torch.zeros(2)):
        with pytest.raises(gs.InvalidValue, match=r"dictionary comes from scope\.dictionary\(\)"):
            scope.read(TEXT, wrong)


@pytest.mark.parametrize("features", [5, "12", b"1", None.__class__], ids=str)
def test_features_that_are_no_list_are_refused(scope, dictionary, features):
    with pytest.raises(gs.InvalidValue, match="features must be a list"):
        scope.read(TEXT, dictionary, features=features)


def test_a_second_reading_comes_from_the_cache_and_is_the_same(tiny, tiny_dictionary):
    tiny.read("something else", tiny_dictionary)  # the first reading also checks the dictionary
    passes = []
    counter = loaded(tiny).text_model.layers[0].register_forward_hook(lambda *_: passes.append(1))
    first, second = (tiny.read(TEXT, tiny_dictionary) for _ in range(2))
    assert len(passes) == 1
    for name in ("positions", "features", "activations", "error_norm"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    tiny.read(TEXT + "!", tiny_dictionary)
    assert len(passes) == 2
    counter.remove()


def test_what_a_reader_does_to_a_result_does_not_reach_the_cache(tiny, tiny_dictionary):
    first = tiny.read(TEXT, tiny_dictionary)
    expected = first.activations.copy(), first.norm.copy()
    first.activations[:] = -1
    first.norm[:] = -1
    second = tiny.read(TEXT, tiny_dictionary)
    np.testing.assert_array_equal(second.activations, expected[0])
    np.testing.assert_array_equal(second.norm, expected[1])


def test_a_direction_that_a_reader_changes_is_not_the_dictionarys(tiny, tiny_dictionary):
    tiny.read(TEXT, tiny_dictionary)
    expected = tiny_dictionary.direction(3).copy()
    tiny_dictionary.direction(3)[:] = 0
    np.testing.assert_array_equal(tiny_dictionary.direction(3), expected)


def test_the_cache_holds_nothing_that_was_steered(tiny, tiny_dictionary):
    expected = tiny.read(TEXT, tiny_dictionary).activations
    forget_activations(tiny)
    tiny.next_tokens(TEXT, 5, [gs.add(tiny_dictionary.feature(1), 5.0)])
    tiny.generate(TEXT, [gs.clamp(tiny_dictionary.feature(1), 50.0)], max_new_tokens=3).wait()
    np.testing.assert_array_equal(tiny.read(TEXT, tiny_dictionary).activations, expected)


def test_dictionaries_of_two_layers_do_not_share_activations(tiny, tiny_dictionary, make_dictionary):
    other = tiny.dictionary(path=make_dictionary(layer=2))
    first = tiny.read(TEXT, tiny_dictionary)
    assert not np.allclose(tiny.read(TEXT, other).norm, first.norm)
    np.testing.assert_array_equal(tiny.read(TEXT, tiny_dictionary).norm, first.norm)


def test_many_threads_read_generate_and_predict_with_their_own_answers(tiny, tiny_dictionary):
    made = [gs.add(tiny_dictionary.feature(1), 1.0)]
    texts = [f"Text number {number}" for number in range(8)]

    def ask(text):
        return (
            tiny.read(text, tiny_dictionary).activations.tolist(),
            tiny.next_tokens(text, 5, made).chances,
            tiny.generate(text, max_new_tokens=4, temperature=1.0, seed=1).wait().tokens(),
        )

    alone = [ask(text) for text in texts]
    forget_activations(tiny)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, texts)) == alone


def test_methods_answer_directly_inside_a_job(tiny, tiny_dictionary):
    def work(_job):
        return (
            tiny.read(TEXT, tiny_dictionary).total_fvu,
            tiny.next_tokens(TEXT, 3).chances,
            tiny.mean_norm(tiny_dictionary),
        )

    expected = work(None)
    assert tiny.submit(work).result(60) == expected


def test_no_gradients_are_kept_and_gradients_of_the_caller_are_left_alone(tiny, tiny_dictionary):
    assert torch.is_grad_enabled()
    tiny.next_tokens(TEXT, 3)
    assert torch.is_grad_enabled()
    assert not tiny.submit(lambda _job: torch.is_grad_enabled()).result(60)


def test_nothing_is_printed_by_the_work(tiny, tiny_dictionary, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", out)
    tiny.read(TEXT, tiny_dictionary)
    tiny.generate(TEXT, [gs.add(tiny_dictionary.feature(1), 0.5)], max_new_tokens=3).wait()
    assert out.getvalue() == ""


def test_provenance_says_everything_and_holds_no_path_and_no_token(tiny, tiny_dictionary, tmp_path):
    record = tiny.provenance([tiny_dictionary.info.id], token_ids=tiny.tokens(TEXT).ids, seed=3).to_dict()
    text = json.dumps(record, allow_nan=False)
    assert record["model"] == "tiny"
    assert record["revision"] == tiny.info.revision != ""
    assert record["dictionaries"] == {tiny_dictionary.info.id: ""}
    assert record["token_ids"] == tiny.tokens(TEXT).ids
    assert record["settings"] == {"seed": 3}
    assert {"torch", "transformers", "gscope-widgets"} <= set(record["versions"])
    assert str(tmp_path) not in text


def test_find_ranks_labels_by_how_well_they_detect(tiny, make_dictionary):
    path = make_dictionary()
    scores = {"max_activation": 5.0, "precision": 0.5, "recall": 0.5}
    entries = [
        {"feature": 3, "label": "wild ducks", "auc": 0.7} | scores,
        {"feature": 9, "label": "DUCKS", "auc": 0.9} | scores,
        {"feature": 5, "label": "geese", "auc": 0.99} | scores,
    ]
    (path / "features.json").write_text(json.dumps({"source": "by eye", "features": entries}))
    dictionary = tiny.dictionary(path=path)
    assert [found.feature for found in tiny.find("ducks", dictionary)] == [9, 3]
    assert [found.feature for found in tiny.find("ducks", dictionary, k=1)] == [9]
    with pytest.raises(gs.UnknownLabel, match=r"holds 'swan'; the nearest are "):
        tiny.find("swan", dictionary)[0]
    for query, words in ((5, "query must be a string"), (None, "nothing to search for")):
        with pytest.raises(gs.InvalidValue, match=words):
            tiny.find(query, dictionary)


def test_closing_one_scope_leaves_another_working(load, make_model):
    one, other = load(str(make_model("a"))), load(str(make_model("b", seed=1)))
    expected = other.next_tokens("hello", 3).chances
    one.close()
    assert other.next_tokens("hello", 3).chances == expected


def test_a_scope_used_from_threads_ends_with_one_thread_and_none_after_close(load, make_model):
    before = set(threading.enumerate())
    scope = load(str(make_model()))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda text: scope.next_tokens(text, 3), "abcdefgh"))
    assert len(set(threading.enumerate()) - before) == 1
    scope.close()
    assert set(threading.enumerate()) - before == set()


@pytest.mark.parametrize("call", ["read", "predict", "generate"])
def test_an_interrupt_at_any_moment_leaves_the_model_as_it_was(tiny, tiny_dictionary, count_hooks, call):
    made = [gs.add(tiny_dictionary.feature(1), 1.0)]
    calls = {
        "read": lambda: tiny.read(TEXT, tiny_dictionary).activations.tolist(),
        "predict": lambda: tiny.next_tokens(TEXT, 5, made).chances,
        "generate": lambda: tiny.generate(TEXT, made, max_new_tokens=4).wait().tokens(),
    }
    forget_activations(tiny, keep_none=True)
    expected = calls[call]()
    baseline = count_hooks(loaded(tiny).model)
    began = time.perf_counter()
    calls[call]()
    seconds = time.perf_counter() - began
    armed = [False]

    def on_interrupt(*_):
        if armed[0]:
            armed[0] = False
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        for step in range(30):  # wherever the caller is; on a busy machine many come too late
            main = threading.main_thread().ident
            thread = threading.Timer(seconds * step / 25, signal.pthread_kill, [main, signal.SIGINT])
            try:
                armed[0] = True
                thread.start()
                answer = calls[call]()
                armed[0] = False
                assert answer == expected
            except KeyboardInterrupt:
                pass
            thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    whole, interrupted = Interrupt(after=1_000_000), 0
    wait_until_idle(tiny)  # or what was interrupted would be counted too
    with whole.armed():
        calls[call]()
    for step in range(20):  # wherever the pass is: in each twentieth of its modules
        wait_until_idle(tiny)
        fault = Interrupt(after=whole.visited * step // 20)
        try:
            with fault.armed():
                calls[call]()
        except KeyboardInterrupt:
            interrupted += 1
    assert interrupted == 20
    assert calls[call]() == expected
    assert count_hooks(loaded(tiny).model) == baseline


def test_provenance_says_which_weights_of_what_ships(scope):
    dictionary = scope.dictionary()
    weights = EMBEDDED / "dictionaries" / dictionary.info.id / "params.safetensors"
    found = scope.provenance([dictionary.info.id]).dictionaries
    assert found == {dictionary.info.id: hashlib.sha256(weights.read_bytes()).hexdigest()[:12]}
