"""What computes here: torch, its devices, memory, and the embedded model as a whole."""

import math

from gscope_widgets.checkup.needs import MODELS, Needs, find_needs
from gscope_widgets.errors import write_bytes
from gscope_widgets.records.checkup import Finding
from gscope_widgets.runtime.memory import find_free

_TEXT = "The old fisherman sold 12 fish."
# The largest activation of that text in mini's default dictionary, float32: feature 42 at token 1.
_FEATURE, _POS, _ACTIVATION = 42, 1, 25.466446
_TOLERANCE = 1e-3  # relative; sums in another order differ by about 1e-6
_CPU_RUNS = "mini, gemma-3-270m and gemma-3-1b run on the CPU, only slower"


def check_torch() -> Finding:
    """Whether torch can be imported, and computes what it should."""
    try:
        import torch
    except Exception as error:  # noqa: BLE001 - a broken binary raises whatever its loader does
        advice = (
            "install it as pytorch.org says for this machine, into the kernel's environment, and restart the kernel; "
            "to replay a recording none is needed"
        )
        return Finding("torch", "broken", f"cannot be imported: {_first_line(error)}", advice)
    product = torch.arange(6.0).reshape(2, 3) @ torch.arange(6.0).reshape(3, 2)
    if product.tolist() != [[10.0, 13.0], [28.0, 40.0]]:
        return Finding("torch", "broken", f"{torch.__version__} multiplies wrongly", "install torch anew")
    return Finding("torch", "fine", f"{torch.__version__}, {torch.get_num_threads()} threads")


def check_device(needs: Needs) -> Finding:
    """What there is to compute on, and whether the model asked about runs there."""
    import torch

    cpu = f"CPU ({torch.backends.cpu.get_cpu_capability()})"
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        seen = f"{torch.cuda.get_device_name()}, {write_bytes(free)} of {write_bytes(total)} free; {cpu}"
        wanted = needs.memory_bytes(float32=not torch.cuda.is_bf16_supported(including_emulation=False))
        if wanted > free:
            takes = f"{needs.model} takes {write_bytes(wanted)}"
            advice = f"{takes}: close other scopes, or take device='spread' or a smaller model"
            return Finding("device", "attention", seen, advice)
        return Finding("device", "fine", seen)
    mps = " and an Apple GPU, which is not used" if torch.backends.mps.is_available() else ""
    seen = f"no CUDA GPU that torch can use; {cpu}{mps}"
    if not needs.parameters:
        return Finding("device", "fine", f"{seen}. mini needs none")
    if needs.runs_on_cpu:
        advice = f"{_CPU_RUNS}. On Colab: Runtime, Change runtime type, T4 GPU, then run the notebook again"
    else:
        room = write_bytes(needs.memory_bytes(float32=False))
        advice = f"{_CPU_RUNS}; {needs.model} wants a GPU that has bfloat16 and {room} free, or take a smaller model"
    return Finding("device", "attention", seen, advice)


def check_memory(needs: Needs) -> Finding:
    """Whether the model's weights fit into free main memory: in float32, which "auto" takes on a CPU, or at all."""
    free = find_free("cpu")
    if free is None:
        return Finding("memory", "not asked", "how much memory is free cannot be read on this system")
    wanted = needs.memory_bytes(float32=True)
    takes = f"takes {write_bytes(wanted)} in float32 on the CPU" if wanted else "takes next to nothing"
    seen = f"{write_bytes(free)} free; {needs.model} {takes}"
    if wanted <= free:
        return Finding("memory", "fine", seen)
    half = needs.memory_bytes(float32=False)
    if half <= free:
        advice = f"dtype='bfloat16' takes {write_bytes(half)}; close other kernels, use a GPU, or take a smaller model"
        return Finding("memory", "attention", seen, advice)
    if half <= (find_free("cuda") or 0):
        return Finding("memory", "attention", seen, "its weights fit on the GPU alone: see device")
    fitting = [name for name in MODELS if find_needs(name).memory_bytes(float32=False) <= free]  # by size
    advice = f"{needs.model} cannot be loaded here: take {fitting[-1]}, close other kernels, or use a GPU"
    return Finding("memory", "broken", f"{seen}, {write_bytes(half)} in bfloat16", advice)


def check_mini() -> Finding:
    """Whether the embedded model loads, and reads a sentence as it did where this package was made."""
    from gscope_widgets.runtime.gemma.loading import load_model
    from gscope_widgets.runtime.scope import Scope

    loaded = load_model("mini", revision=None, device="cpu", dtype="float32", token=None)
    with Scope(loaded, wishes={}, token=None, on_close=lambda _scope: None) as scope:
        found = float(scope.read(_TEXT).trace(_FEATURE)[_POS])
    seen = f"feature {_FEATURE} at token {_POS} of {_TEXT!r}: {found:.3f}, stored {_ACTIVATION:.3f}"
    if math.isclose(found, _ACTIVATION, rel_tol=_TOLERANCE):
        return Finding("mini", "fine", seen)
    advice = "the numbers of this machine cannot be trusted: install torch and transformers anew, and report this"
    return Finding("mini", "broken", seen, advice)


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
