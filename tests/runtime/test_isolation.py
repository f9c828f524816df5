"""Readings are never steered by what another thread does, and without the worker they would be."""

import threading

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from gscope_widgets.runtime.gemma.hooks import edit, run_until
from gscope_widgets.runtime.gemma.loading import load_model
from gscope_widgets.runtime.gemma.sites import find_hook_point
from tests.runtime.inside import forget_activations

READS = 120
WORDS = "the old fisherman sold a brown boat to her brother on Monday in the harbour and laughed".split()


@pytest.fixture
def scope():
    return gs.load("mini")


@pytest.fixture
def texts() -> list[str]:
    """Different ones, so that no reading comes out of the cache."""
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(WORDS, 12)) for _ in range(READS)]
    assert len(set(texts)) == READS
    return texts


@pytest.mark.row("NEW 25")
def test_two_threads_read_while_one_steers_and_nothing_is_contaminated(scope, texts):
    dictionary = scope.dictionary()
    feature = dictionary.feature(scope.read(texts[0], dictionary).top(1)[0].feature)
    steered = [gs.add(feature, 3.0)]
    expected = [scope.read(text, dictionary) for text in texts]
    forget_activations(scope)
    begun, done, stopped = threading.Event(), threading.Event(), []

    def steer() -> None:
        while not done.is_set():
            generation = scope.generate("The old", steered, max_new_tokens=200, temperature=1.0)
            next(iter(generation))
            begun.set()
            done.wait(0.05)
            generation.cancel()
            stopped.append(len(generation.tokens()))

    found: dict[int, object] = {}

    def read(first: int) -> None:
        assert begun.wait(60)
        for index in range(first, READS, 2):
            found[index] = scope.read(texts[index], dictionary)

    steering = threading.Thread(target=steer)
    readers = [threading.Thread(target=read, args=(first,)) for first in (0, 1)]
    for thread in (steering, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    done.set()
    steering.join()
    assert sum(stopped) > 0, "nothing was steered meanwhile"
    assert len(found) == READS
    for index, reading in found.items():
        assert np.array_equal(reading.features, expected[index].features)
        assert np.array_equal(reading.activations, expected[index].activations)


def test_a_hook_of_another_thread_would_show_without_the_worker(scope, texts):
    """The control: a model shared between threads with nothing in between."""
    text_model = load_model("mini", revision=None, device="cpu", dtype="float32", token=None).text_model
    point, deeper = (find_hook_point(text_model, site="resid_post", layer=layer) for layer in (3, 4))
    ids = torch.tensor([scope.tokens(texts[0]).ids])
    hooked, read = threading.Event(), threading.Event()

    def steer() -> None:
        with edit(point, lambda x: x + 50.0):
            hooked.set()
            read.wait(60)

    with torch.inference_mode():
        clean = run_until(text_model, deeper, input_ids=ids, use_cache=False)
        thread = threading.Thread(target=steer)
        thread.start()
        hooked.wait(60)
        contaminated = run_until(text_model, deeper, input_ids=ids, use_cache=False)
        read.set()
        thread.join()
        again = run_until(text_model, deeper, input_ids=ids, use_cache=False)
    assert not torch.allclose(contaminated, clean)
    assert torch.equal(again, clean)
