"""What memory is said to be held, against sums made by hand; dictionaries that go out and come back; limits."""

import gc
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from gscope_widgets.runtime.dictionaries.catalogue import describe_dictionary
from gscope_widgets.runtime.dictionaries.folders import LocalFolder
from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU
from gscope_widgets.runtime.dictionaries.stage import SHARE, Stage
from gscope_widgets.runtime.memory import find_free
from tests.runtime.conftest import write_dictionary
from tests.runtime.inside import loaded

pytestmark = pytest.mark.filterwarnings("ignore::gscope_widgets.SanityWarning")
TEXT = "The old fisherman sold 12 fish."
WEIGHTS = 4 * (24 * 40 * 2 + 40 * 2 + 24)  # bytes of a tiny dictionary of 40 features


def find(scope, owner):
    return next(use for use in scope.memory().uses if use.owner == owner)


def run_python(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


# ---- the figures


def test_without_a_scope_it_answers_and_brings_in_no_torch():
    told = run_python(
        "import gscope_widgets as gs, sys; print(gs.memory()); print(sorted({'torch'} & set(sys.modules)))"
    )
    assert told.startswith("nothing is loaded")
    assert told.endswith("[]\n")


def test_a_models_bytes_are_those_of_its_tensors(tiny):
    model = loaded(tiny).model
    by_hand = sum(one.numel() * one.element_size() for one in (*model.parameters(), *model.buffers()))
    use = find(tiny, "model")
    assert (use.host_bytes, use.device_bytes) == (by_hand, 0)
    assert by_hand > 4 * 4096 * 24  # control: the embedding alone
    assert use in gs.memory().uses


def test_a_dictionarys_bytes_follow_what_is_read_of_it(tiny, tiny_dictionary):
    name = tiny_dictionary.info.id
    assert (find(tiny, name).host_bytes, find(tiny, name).misses) == (0, 0)
    tiny_dictionary.direction(3)
    assert (find(tiny, name).host_bytes, find(tiny, name).entries) == (0, 0)
    assert find(tiny, "rows").host_bytes == 4 * 24
    tiny.read(TEXT, tiny_dictionary)
    use = find(tiny, name)
    assert (use.host_bytes, use.entries, use.misses) == (WEIGHTS, 1, 1)
    assert use.hits > 0
    on_stage = WEIGHTS + find(tiny, "rows").host_bytes  # and no row is counted twice
    assert tiny_dictionary.bytes == on_stage
    assert tiny.memory().host_bytes == on_stage + sum(
        find(tiny, owner).host_bytes for owner in ("model", "activations", "prompts", "readings", "samples")
    )


def test_each_caches_bytes_are_those_of_what_it_keeps(tiny, tiny_dictionary):
    count, layers, d_model, d_head = len(tiny.tokens(TEXT)), 3, 24, 16
    reading = tiny.read(TEXT, tiny_dictionary, features=[1, 2])  # no check, so nothing but this text is kept
    arrays = sum(value.nbytes for value in vars(reading).values() if isinstance(value, np.ndarray))
    assert find(tiny, "readings").host_bytes == arrays
    assert find(tiny, "activations").host_bytes == 4 * count * d_model
    tiny.next_tokens(TEXT, 3)
    assert find(tiny, "prompts").host_bytes == 4 * (layers * count * (d_model + 2 * d_head) + 4096)
    tiny.next_tokens(TEXT, 3)
    tiny.read(TEXT, tiny_dictionary, features=[1, 2])
    for owner in ("readings", "prompts"):
        assert (find(tiny, owner).hits, find(tiny, owner).misses, find(tiny, owner).hit_rate) == (1, 1, 0.5)


@pytest.mark.row("34")
def test_all_scopes_are_listed_and_a_closed_one_no_longer(load, make_model):
    one, _two = load(str(make_model("one"))), load(str(make_model("two", seed=1)))
    assert {"one", "two"} <= {use.scope for use in gs.memory().uses}
    assert {use.scope for use in one.memory().uses} == {"one"}
    one.close()
    left = {use.scope for use in gs.memory().uses}
    assert "two" in left
    assert "one" not in left
    assert one.memory().host_bytes == 0


def test_it_answers_while_the_model_is_at_work(tiny):
    gate = threading.Event()
    job = tiny.submit(lambda _job: gate.wait(60))
    assert gs.memory().host_bytes > 0
    assert not job.done()
    gate.set()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says what a process takes")
def test_the_process_grows_by_about_what_is_said(tiny, make_dictionary):
    """VmRSS before and after a dictionary of 80 MB is read."""
    small, large = make_dictionary(l0="small"), make_dictionary(width=400_000, l0="big")
    x = np.ones((1, 24), np.float32)
    tiny.dictionary(path=small).encode(x)
    before, held = measure_resident(), tiny.memory().host_bytes
    tiny.dictionary(path=large).encode(x)
    said = tiny.memory().host_bytes - held
    assert said >= 4 * 400_000 * (2 * 24 + 2)
    assert 0.85 * said < measure_resident() - before < 1.3 * said
    tiny.limit_memory(dictionaries=0)
    assert measure_resident() - before < 0.3 * said  # and gives it back


def measure_resident() -> int:
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


# ---- dictionaries in and out


def open_alone(folder, stage) -> JumpReLU:
    place = LocalFolder(folder)
    return JumpReLU(place, info=describe_dictionary(place), stage=stage)


def test_dictionaries_of_a_270m_go_out_and_come_back_with_the_same_numbers(tmp_path):
    """Three of 84 MB where two have room: d_model 640, 16k features."""
    stage, width, d_in = Stage("cpu"), 16_384, 640
    size = 4 * (2 * d_in * width + 2 * width + d_in)
    stage.weights.resize(2 * size + 1000)
    names = ("small", "medium", "big")
    folders = [
        write_dictionary(tmp_path / "m-pt", width=width, width_name="16k", l0=name, d_in=d_in, seed=seed)
        for seed, name in enumerate(names)
    ]
    one, two, three = (open_alone(folder, stage) for folder in folders)
    x = np.random.default_rng(0).normal(size=(3, d_in)).astype(np.float32)
    first = {each: each.encode(x) for each in (one, two)}
    one.encode(x)  # so that `two` is the least recently used
    row = two.direction(5)
    third = three.encode(x)
    assert len(third.features) > 1000
    assert [each.bytes for each in (one, three)] == [size, size]
    assert two.bytes == 0
    assert stage.weights.bytes <= stage.weights.limit_bytes
    np.testing.assert_array_equal(two.direction(5), row)  # read alone now
    again = two.encode(x)
    for name in ("positions", "features", "activations"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first[two], name))
    assert one.bytes == 0  # it was the oldest then
    assert stage.weights.bytes <= stage.weights.limit_bytes


def test_one_in_the_middle_of_an_encoding_is_not_dropped(tiny, make_dictionary, monkeypatch):
    dictionaries = [tiny.dictionary(path=make_dictionary(l0=name)) for name in ("small", "big")]
    tiny.limit_memory(dictionaries=WEIGHTS + 10)
    x = np.random.default_rng(0).normal(size=(5, 24)).astype(np.float32)
    expected, inside, go_on = dictionaries[0].encode(x), threading.Event(), threading.Event()
    real, found = torch.addmm, []

    def slow(*arguments, **options):
        if threading.current_thread() is encoding and not inside.is_set():
            inside.set()
            assert go_on.wait(60)
        return real(*arguments, **options)

    encoding = threading.Thread(target=lambda: found.append(dictionaries[0].encode(x)))
    monkeypatch.setattr(torch, "addmm", slow)
    encoding.start()
    assert inside.wait(60)
    dictionaries[1].encode(x)
    assert dictionaries[0].bytes == WEIGHTS  # though together they are above the limit
    go_on.set()
    encoding.join(60)
    np.testing.assert_array_equal(found[0].activations, expected.activations)
    dictionaries[1].encode(x)
    tiny.limit_memory(dictionaries=WEIGHTS + 10)
    assert sum(each.bytes for each in dictionaries) <= WEIGHTS + 10  # control: nobody holds it any more


def test_a_dictionary_above_the_limit_is_read_once_and_used_all_the_same(tiny, tiny_dictionary):
    tiny.limit_memory(dictionaries=10)
    reading = tiny.read(TEXT, tiny_dictionary)
    tiny.limit_memory(readings=0)
    np.testing.assert_array_equal(tiny.read(TEXT, tiny_dictionary).activations, reading.activations)
    assert find(tiny, tiny_dictionary.info.id).misses == 1


def test_a_feature_is_the_same_number_in_bfloat16_whether_the_whole_is_in_memory_or_not(tiny, make_dictionary):
    dictionary = tiny.dictionary(path=make_dictionary(), dtype="bfloat16")
    x = np.random.default_rng(1).normal(size=(30, 24)).astype(np.float32)
    row, alone = dictionary.direction(4), dictionary.encode(x, features=(4,))
    dictionary.encode(x)
    assert dictionary.bytes > 2 * 24 * 40
    np.testing.assert_array_equal(dictionary.direction(4), row)
    np.testing.assert_array_equal(dictionary.encode(x, features=(4,)).activations, alone.activations)


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="Linux tells it there")
def test_free_memory_is_what_the_system_says():
    psutil = pytest.importorskip("psutil")
    assert 0 < find_free("cpu") <= 1.05 * psutil.virtual_memory().available


def test_what_would_be_swapped_is_not_free(monkeypatch):
    """Where the system does not tell it as Linux does, psutil is asked."""
    psutil = pytest.importorskip("psutil")
    read, told = Path.read_text, ["MemAvailable:  1000 kB\nSwapFree:  900000 kB\n"]

    def read_text(path, *arguments, **options):
        if str(path) != "/proc/meminfo":
            return read(path, *arguments, **options)
        if not told:
            raise FileNotFoundError(path)
        return told[0]

    monkeypatch.setattr(Path, "read_text", read_text)
    assert find_free("cpu") == 1_024_000
    told.clear()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=5000))
    assert find_free("cpu") == 5000


def test_the_limit_on_dictionaries_is_half_of_what_is_free():
    free = find_free("cpu")
    assert free is None or 0.8 * SHARE * free < Stage("cpu").weights.limit_bytes < 1.2 * SHARE * free


# ---- limits


def test_limits_are_set_and_what_is_above_goes_at_once(tiny, tiny_dictionary):
    for text in (TEXT, "On Monday", "a bird"):
        tiny.read(text, tiny_dictionary)
        tiny.next_tokens(text, 3)
    expected = tiny.read(TEXT, tiny_dictionary)
    tiny.limit_memory(dictionaries=0, activations=3000, prompts=0, readings=100)
    limits = {use.owner: (use.host_bytes, use.limit_bytes) for use in tiny.memory().uses}
    assert limits["prompts"] == limits[tiny_dictionary.info.id][1:] * 2 == (0, 0)
    assert limits["activations"][0] <= 3000 == limits["activations"][1]
    assert limits["readings"][0] <= 100 == limits["readings"][1]
    np.testing.assert_array_equal(tiny.read(TEXT, tiny_dictionary).activations, expected.activations)


@pytest.mark.parametrize("wrong", [-1, 1.5, "1 GB", True])
def test_a_limit_is_a_number_of_bytes(tiny, wrong):
    for name in ("dictionaries", "activations", "prompts", "readings"):
        with pytest.raises(gs.InvalidValue, match=name):
            tiny.limit_memory(**{name: wrong})
