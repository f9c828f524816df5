"""Memory that runs out at any allocation, and devices that fail: words, numbers, nothing held, the next answer right."""

import gc
import math
import sys
import weakref

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import gscope_widgets as gs
from gscope_widgets.runtime.gemma import loading
from gscope_widgets.runtime.shortage import Demand, explain_faults, find_asked, is_loss, is_shortage
from tests.runtime.inside import forget_activations, forget_prompts, loaded

pytestmark = [
    pytest.mark.filterwarnings("ignore::gscope_widgets.SanityWarning"),
    pytest.mark.usefixtures("little_garbage"),
]
TEXT = "The old fisherman sold 12 fish."
SHORT = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 14 GiB"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to allocate "
        "2147483648 bytes. Error code 12 (Cannot allocate memory)"
    ),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB). Tried to allocate 2.00 GB on private pool."),
    MemoryError("Unable to allocate 2.00 GiB for an array with shape (1,)"),
    OSError(12, "Cannot allocate memory"),
    RuntimeError("Invalid buffer size: 2.00 GiB"),  # MPS, of one buffer
]
LOST = [
    RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: an illegal memory access was encountered"),
]


class Failing(TorchDispatchMode):
    """Raises at torch's n-th operation, and at every later one unless it strikes once."""

    def __init__(self, error: BaseException, *, at: float, once: bool = False):
        super().__init__()
        self.error, self.at, self.once, self.count, self.tensors = error, at, once, 0, []

    @property
    def fired(self) -> bool:
        return self.count >= self.at

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        if self.count == self.at or (self.count > self.at and not self.once):
            raise type(self.error)(*self.error.args)
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor):
            self.tensors.append(weakref.ref(made))
        return made


def ask_under(scope, mode, ask):
    """Ask on the model's own thread, where the mode counts."""

    def work(_job):
        with mode:
            return ask()

    return scope.submit(work)


def forget(scope):
    forget_activations(scope)
    forget_prompts(scope)


@pytest.fixture
def questions(tiny, tiny_dictionary):
    """By name: what is asked, which gives plain numbers to compare."""
    pushed = [gs.add(tiny_dictionary.feature(3), 2.0, unit="raw"), gs.scale(tiny_dictionary.feature(4), 2.0)]
    tiny.read(TEXT, tiny_dictionary)  # its check is done
    return {
        "read": lambda: tiny.read(TEXT, tiny_dictionary).activations.tolist(),
        "next tokens": lambda: [one.logit for one in tiny.next_tokens(TEXT, 4, pushed).chances],
        "lens": lambda: tiny.logit_lens(TEXT, 2).logits.flatten().tolist(),
        "attention": lambda: tiny.attention(TEXT, layer=1).effects.flatten().tolist(),
        "generate": lambda: [one.id for one in tiny.generate(TEXT, pushed, max_new_tokens=12).wait().tokens()],
        "compare": lambda: [
            token.id for row in tiny.compare(TEXT, pushed, max_new_tokens=3).rows for token in row.tokens
        ],
    }


def count_operations(scope, ask) -> int:
    forget(scope)
    mode = Failing(MemoryError(), at=math.inf)
    ask_under(scope, mode, ask).wait()
    return mode.count


@pytest.mark.parametrize("name", ["read", "next tokens", "lens", "attention", "generate", "compare"])
@pytest.mark.row("NEW 7")
def test_wherever_memory_runs_out_it_is_said_and_the_next_answer_is_right(tiny, questions, name, count_hooks):
    ask, model = questions[name], loaded(tiny).model
    expected, hooks = ask(), count_hooks(model)
    count = count_operations(tiny, ask)
    assert count > 100
    for step, at in enumerate(range(1, count + 1, max(1, count // 25))):
        ask()  # a shortage before this one let go of the weights, which safetensors reads with a fault of its own
        forget(tiny)
        mode = Failing(SHORT[step % len(SHORT)], at=at)
        job = ask_under(tiny, mode, ask)
        if job.exception() is None:  # rows of a dictionary that were read before take no allocation
            assert at > 0.9 * count
            assert not mode.fired
            break
        with pytest.raises(gs.OutOfMemory) as caught:
            job.wait()
        assert "not enough memory on cpu while" in str(caught.value)
        assert "2.1 GB were asked for" in str(caught.value) or SHORT[step % len(SHORT)].args[0] == 12
        assert caught.value.__context__ is None
        assert count_hooks(model) == hooks
        if step % 5 == 0:
            assert ask() == expected


@pytest.mark.parametrize("name", ["read", "next tokens", "lens", "attention", "compare"])
def test_memory_that_runs_out_once_is_made_up_for_by_emptying_the_caches(tiny, questions, name):
    ask = questions[name]
    expected, count = ask(), count_operations(tiny, ask)
    for at in range(1, int(0.9 * count), max(1, count // 12)):
        forget(tiny)
        mode = Failing(SHORT[0], at=at, once=True)
        assert ask_under(tiny, mode, ask).wait() == pytest.approx(expected, rel=1e-4)
        assert mode.fired


def test_a_text_that_has_begun_is_not_begun_again(tiny, questions):
    """Tokens that a reader has seen stand; the tenth step's shortage ends the text."""
    expected, count = questions["generate"](), count_operations(tiny, questions["generate"])
    made, told = [], []

    def ask():
        generation = tiny.generate(TEXT, max_new_tokens=12)
        try:
            generation.wait()
        except gs.OutOfMemory as error:
            told.append(str(error))
        made.append([one.id for one in generation.tokens()])

    whole = [one.id for one in tiny.generate(TEXT, max_new_tokens=12).wait().tokens()]
    forget(tiny)
    counted = Failing(SHORT[1], at=math.inf)
    ask_under(tiny, counted, ask).wait()
    forget(tiny)
    ask_under(tiny, Failing(SHORT[1], at=int(0.8 * counted.count), once=True), ask).wait()
    assert made[0] == whole
    assert 5 < len(made[1]) < 12
    assert made[1] == whole[: len(made[1])]
    assert len(told) == 1
    assert "max_new_tokens=6" in told[0]
    assert questions["generate"]() == expected
    assert count > 0


def test_a_batch_is_split_in_two_where_it_does_not_fit(tiny, tiny_dictionary, monkeypatch):
    """More than half of the rows at once are refused; without the halves that is the end."""
    pushed = [gs.add(tiny_dictionary.feature(3), 2.0, unit="raw")]
    options = {"max_new_tokens": 3, "temperature": 1.0, "seeds": range(2)}
    expected = tiny.compare(TEXT, pushed, **options)
    model, rows = loaded(tiny).model, []
    real = model.forward

    def narrow(*arguments, **given):
        rows.append(len(given["input_ids"]))
        if rows[-1] > 5:
            raise SHORT[0]
        return real(*arguments, **given)

    monkeypatch.setattr(model, "forward", narrow)
    found = tiny.compare(TEXT, pushed, **options)
    assert rows[0] == 10
    assert max(rows[1:]) == 5
    assert found.texts == expected.texts
    monkeypatch.setattr("gscope_widgets.runtime.features.continuations.is_shortage", lambda _error: False)
    with pytest.raises(gs.OutOfMemory, match=r"comparing 10 texts.*fewer rows \(5\)"):
        tiny.compare(TEXT, pushed, **options)


# ---- nothing is held


@pytest.mark.parametrize(
    "error", [SHORT[0], SHORT[3], ValueError("another fault"), LOST[0]], ids=lambda one: type(one).__name__
)
def test_an_error_keeps_no_tensor_wherever_it_is_kept(tiny, questions, error, monkeypatch):
    for name, ask in questions.items():
        forget(tiny)
        mode = Failing(error, at=80)
        job = ask_under(tiny, mode, ask)
        try:
            job.wait()
        except Exception as raised:  # noqa: BLE001 - any of them
            kept = raised
            monkeypatch.setattr(sys, "last_traceback", raised.__traceback__, raising=False)
        forget(tiny)
        tiny.limit_memory(dictionaries=0)
        gc.collect()
        alive = [one() for one in mode.tensors if one() is not None]
        held = [one for one in alive if one.numel() > 100]
        assert len(mode.tensors) > 20, name
        assert held == [], (name, [one.shape for one in held], len(gc.get_referrers(held[0])))
        assert kept.__traceback__ is not None
        assert job.exception() is kept
        if isinstance(error, ValueError):  # where it came from can be read all the same
            assert "forward" in kept.__notes__[0]
        tiny.limit_memory(dictionaries=10**9)


def test_without_the_release_a_traceback_does_keep_tensors(tiny, questions, monkeypatch):
    """The control of the test above."""
    for place in ("worker", "shortage", "features.continuations"):
        monkeypatch.setattr(f"gscope_widgets.runtime.{place}.release_frames", lambda _error: None)
    forget(tiny)
    mode = Failing(ValueError("a fault"), at=80)
    job = ask_under(tiny, mode, questions["next tokens"])
    with pytest.raises(ValueError, match="a fault"):
        job.wait()
    forget(tiny)
    gc.collect()
    assert any(one() is not None and one().numel() > 100 for one in mode.tensors)


# ---- devices that fail


@pytest.mark.parametrize("error", LOST, ids=str)
def test_a_lost_device_is_told_apart_and_says_to_restart(tiny, questions, error):
    forget(tiny)
    with pytest.raises(gs.DeviceLost, match="restart the kernel") as caught:
        ask_under(tiny, Failing(error, at=60), questions["read"]).wait()
    assert not isinstance(caught.value, gs.OutOfMemory)
    assert str(error).splitlines()[0] in str(caught.value)


def test_faults_are_known_by_type_and_by_words():
    assert all(map(is_shortage, SHORT))
    assert all(map(is_loss, LOST))
    assert not any(map(is_shortage, [*LOST, RuntimeError("shapes differ"), ValueError("out of memory")]))
    assert not any(map(is_loss, [*SHORT, RuntimeError("shapes differ"), gs.Closed("closed")]))
    if hasattr(torch, "AcceleratorError"):
        assert is_loss(torch.AcceleratorError("CUDA error: unknown error"))


@pytest.mark.parametrize(
    "message",
    [
        "[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.",
        "$ Torch: unable to mmap memory: you tried to mmap 3GB.",
        "unable to mmap 9 bytes from file </tmp/x>: Cannot allocate memory (12)",
        "Could not allocate memory to change Tensor SizesAndStrides!",
        "std::bad_alloc",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuFFT error: CUFFT_ALLOC_FAILED",
        "HIP out of memory. Tried to allocate 2.00 GiB.",
        "XPU out of memory. Tried to allocate 2.00 GiB.",
        "Native API failed. Native API returns: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)",
        "MPS backend out of memory (MPS allocated: 9 MB, other allocations: 1 MB). Tried to allocate 9 MB on private pool.",
        "Invalid buffer size: 19.45 GB",
        "Invalid buffer size: 19.38 GiB",
    ],
)
def test_every_allocator_of_torch_is_understood(message):
    assert is_shortage(RuntimeError(message))
    assert not is_loss(RuntimeError(message))


@pytest.mark.parametrize(
    "message",
    [
        "Placeholder buffer size (14336) is not large enough to contain the Tensor storage of size 114688",
        "shape '[2, 3]' is invalid for input of size 5",
        "alloc_cpu() seems to have been called with negative number: 18446744073709551615",
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(handle)`",
        "Invalid buffer size: negative",
        "unable to mmap 9 bytes from file </tmp/x>: Invalid argument (22)",
    ],
)
def test_what_only_sounds_like_it_is_no_shortage(message):
    assert not is_shortage(RuntimeError(message))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Tried to allocate 2.00 GiB. GPU 0", 2**31),
        ("you tried to allocate 1234 bytes. Error", 1234),
        ("Unable to allocate 7.50 MiB for", int(7.5 * 2**20)),
        ("Invalid buffer size: 7.50 MB", int(7.5 * 2**20)),
        ("unable to mmap memory: you tried to mmap 3GB.", 3 * 2**30),
        ("no number", None),
        ("out of memory: failed to allocate ...", None),
    ],
)
def test_what_was_asked_for_is_read_off_the_message(message, expected):
    assert find_asked(message) == expected


# ---- encoding and loading


@pytest.mark.parametrize("error", SHORT, ids=lambda one: type(one).__name__)
def test_encoding_by_hand_says_the_same(tiny_dictionary, error):
    x = np.random.default_rng(0).normal(size=(5, 24)).astype(np.float32)
    expected = tiny_dictionary.encode(x)
    with (
        pytest.raises(
            gs.OutOfMemory, match=r"encoding with tiny-pt/.*which takes 0\.0 MB.*narrower dictionary"
        ) as caught,
        Failing(error, at=3),
    ):
        tiny_dictionary.encode(x)
    assert caught.value.__context__ is None
    np.testing.assert_array_equal(tiny_dictionary.encode(x).activations, expected.activations)


@pytest.mark.parametrize("error", SHORT, ids=lambda one: type(one).__name__)
def test_a_model_that_does_not_fit_says_what_does(make_model, error, monkeypatch, load):
    folder = str(make_model("first"))

    def fail(*_arguments, **_options):
        raise type(error)(*error.args)

    with monkeypatch.context() as patch:
        patch.setattr(loading.AutoModelForCausalLM, "from_pretrained", fail)
        with pytest.raises(
            gs.OutOfMemory, match=r"loading .*first, which takes .* in float32.*dtype='bfloat16'"
        ) as caught:
            gs.load(folder)
        assert caught.value.__context__ is None
    assert load(folder).next_tokens(TEXT, 1).chances


def test_a_model_larger_than_what_is_free_is_refused_before_it_is_read(make_model, monkeypatch):
    """On a CPU the system would end the kernel without a word."""
    folder = make_model()
    size = 4 * sum(
        math.prod(head.shape) for path in folder.glob("*.safetensors") for head in loading.read_header(path).values()
    )
    monkeypatch.setattr(loading, "find_free", lambda _device: size - 1)
    with pytest.raises(gs.OutOfMemory, match=r"loading .*were asked for.*gs\.memory\(\)"):
        gs.load(str(folder))
    monkeypatch.setattr(loading, "find_free", lambda _device: size)
    gs.load(str(folder)).close()


def test_work_that_does_not_fail_is_left_alone():
    assert explain_faults(lambda: 5, Demand("nothing")) == 5
    with pytest.raises(ZeroDivisionError):
        explain_faults(lambda: 1 / 0, Demand("nothing"))
