"""Devices and dtypes by name: what is taken, and what is refused in words."""

import pytest
import torch

import gscope_widgets as gs
from gscope_widgets.runtime import devices
from gscope_widgets.runtime.devices import choose_device, choose_dtype


@pytest.mark.parametrize("device", ["gpu", "", "cuda:x", None, [], "meta", 0, torch.device("cpu")], ids=repr)
def test_an_unknown_device_is_refused(device):
    with pytest.raises(gs.InvalidValue, match='device must be "auto", "cpu", "cuda" or "spread"'):
        choose_device(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused_and_auto_is_the_cpu():
    with pytest.raises(gs.InvalidValue, match="torch sees no CUDA device"):
        choose_device("cuda")
    assert choose_device("auto") == "cpu"
    assert choose_dtype("auto", device="cpu") is torch.float32


@pytest.mark.parametrize("dtype", ["float16", "half", "", None, torch.float32, [], 32], ids=repr)
def test_an_unknown_dtype_is_refused_and_float16_with_its_reason(dtype):
    sentence = "overflows in Gemma 3" if dtype == "float16" else 'dtype must be "auto", "bfloat16" or "float32"'
    with pytest.raises(gs.InvalidValue, match=sentence):
        choose_dtype(dtype, device="cpu")


def test_spreading_without_accelerate_says_what_to_install(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda _name: None)
    with pytest.raises(gs.InvalidValue, match="device='spread' needs the package accelerate: pip install accelerate"):
        choose_device("spread")
