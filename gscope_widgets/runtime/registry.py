"""Loaded models, one scope each, shared by every cell and widget."""

import atexit
import threading
from collections.abc import Hashable
from pathlib import Path

from gscope_widgets.runtime.gemma.loading import choose_device, choose_dtype, load_model
from gscope_widgets.runtime.scope import Scope

_scopes: dict[Hashable, Scope] = {}
_lock = threading.Lock()


def load(
    model: str = "mini",
    *,
    revision: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    token: str | None = None,
) -> Scope:
    """Load a model, or get the one that is already loaded: the same arguments give the same scope.

    Args:
        model: "mini" (embedded: no network, about 1 s), "gemma-3-270m" to "gemma-3-27b-it", any
            Hub id of a Gemma 3 model, or a local folder.
        revision: branch, tag or commit on the Hub.
        device: "auto" (CUDA if there is one), "cpu", "cuda", "cuda:1".
        dtype: "auto" (bfloat16 on a GPU that has it, else float32), "bfloat16" or "float32".
        token: for gated models; by default the one huggingface_hub finds.

    Raises:
        UnknownModel, GatedModel, Offline, BadArtefact, InvalidValue: with what to do next.
    """
    device = choose_device(device)
    dtype_name = str(choose_dtype(dtype, device=device))
    where = str(Path(model).resolve()) if isinstance(model, str) and Path(model).is_dir() else model
    key = (where, revision, device, dtype_name)
    with _lock:
        if key not in _scopes:
            loaded = load_model(model, revision=revision, device=device, dtype=dtype, token=token)
            _scopes[key] = Scope(loaded, on_close=lambda scope: _forget(key, scope))
        return _scopes[key]


def _forget(key: Hashable, scope: Scope) -> None:
    with _lock:
        if _scopes.get(key) is scope:
            del _scopes[key]


@atexit.register
def _close_all() -> None:
    for scope in list(_scopes.values()):
        scope.close()
