"""Where weights are held and in which numbers: devices and dtypes by name."""

from importlib.util import find_spec

import torch

from gscope_widgets.errors import InvalidValue, describe_value

SPREAD = "spread"
_DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def choose_device(device: str) -> str:
    """The device to use: a torch device name, or CUDA before CPU for "auto"; for "spread" the first layers'."""
    if isinstance(device, str) and device == SPREAD and find_spec("accelerate") is None:
        raise InvalidValue("device='spread' needs the package accelerate: pip install accelerate")
    if isinstance(device, str) and device in ("auto", SPREAD):
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except (RuntimeError, TypeError):
        kind = ""
    if kind not in ("cpu", "cuda", "mps", "xpu") or not isinstance(device, str):
        raise InvalidValue(f'device must be "auto", "cpu", "cuda" or "spread", got {describe_value(device)}')
    if kind == "cuda" and not torch.cuda.is_available():
        raise InvalidValue(f'device is {describe_value(device)}, but torch sees no CUDA device here; use "auto"')
    return device


def choose_dtype(dtype: str, *, device: str) -> torch.dtype:
    """The dtype to compute in. Never float16: Gemma 3's residual passes its largest number, 65,504."""
    if isinstance(dtype, str) and dtype == "auto":
        native = device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float32
    if dtype == "float16":
        raise InvalidValue('float16 overflows in Gemma 3 (its residuals pass 65,504); use "bfloat16" or "float32"')
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise InvalidValue(f'dtype must be "auto", "bfloat16" or "float32", got {describe_value(dtype)}')
    return _DTYPES[dtype]
