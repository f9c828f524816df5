"""Loaded models, one scope each, shared by every cell and widget."""

import atexit
import os
import threading
from collections.abc import Hashable
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING

from gscope_widgets.errors import InvalidValue, UnknownModel, describe_value
from gscope_widgets.mini import MODELS
from gscope_widgets.runtime.gemma.names import is_folder
from gscope_widgets.runtime.hub.colab import find_colab_token
from gscope_widgets.runtime.showing import show_import

if TYPE_CHECKING:
    from gscope_widgets.runtime.scope import Scope

_scopes: "dict[Hashable, Scope]" = {}
_gates: dict[Hashable, threading.Lock] = {}
_lock = threading.Lock()
_KEYWORDS = ("model", "revision", "device", "dtype", "token")


def load(
    model: str | os.PathLike[str] = "mini",
    *,
    revision: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    token: str | None = None,
    **unknown: object,
) -> "Scope":
    """Load a model, or get the one that is already loaded: the same arguments give the same scope.

    Args:
        model: "mini" (embedded: no network, about 1 s, and the first time the seconds that torch takes to load; a cell
            shows that it is loaded),
            "gemma-3-270m" to "gemma-3-27b-it", any Hub id of a Gemma 3 model, or a local folder.
        revision: branch, tag or commit on the Hub; None for the newest, asked for once a day.
        device: "auto" (CUDA if there is one), "cpu", "cuda", "cuda:1"; "spread" for a model larger
            than one device: its layers over all GPUs and main memory, one after the other (no
            faster, and slow where main memory is used; needs accelerate).
        dtype: "auto" (bfloat16 on a GPU that has it, else float32), "bfloat16" or "float32".
        token: for gated models; by default the one huggingface_hub finds, or Colab's secret HF_TOKEN.

    Raises:
        UnknownModel, GatedModel, Offline, BadArtefact, InvalidValue: with what to do next.
    """
    if unknown:
        name = next(iter(unknown))
        likely = get_close_matches(name, _KEYWORDS, n=1)
        meant = f"did you mean {likely[0]!r}?" if likely else f"it takes {', '.join(_KEYWORDS)}"
        raise InvalidValue(f"gs.load takes no {name!r}; {meant}")
    if not isinstance(model, (str, os.PathLike)):
        raise UnknownModel(f"a model is named by a string, got {describe_value(model)}; try gs.load('mini')")
    if not isinstance(revision, (str, NoneType)):
        raise InvalidValue(f"revision must be a branch, tag or commit, got {describe_value(revision)}")
    model = os.fspath(model)
    show_import("gscope_widgets.runtime.scope", "loading torch, which runs the model")
    from gscope_widgets.runtime.devices import SPREAD, choose_device, choose_dtype
    from gscope_widgets.runtime.gemma.loading import check_token, load_model
    from gscope_widgets.runtime.scope import Scope

    chosen = choose_device(device)
    dtype_name = str(choose_dtype(dtype, device=chosen))
    place = str(Path(model).expanduser().resolve()) if is_folder(model) else model
    key = (place, revision, chosen, device == SPREAD, dtype_name)
    with _lock:
        gate = _gates.setdefault(key, threading.Lock())
    # One gate for each model: a download holds up nobody who wants another one.
    with gate:
        if key not in _scopes or _scopes[key].is_closed:
            token = check_token(token)
            if token is None and model not in MODELS and not is_folder(model):
                token = check_token(find_colab_token())
            loaded = load_model(model, revision=revision, device=device, dtype=dtype, token=token)
            given = {"revision": revision, "device": device, "dtype": dtype}
            wishes = {name: value for name, value in given.items() if value not in (None, "auto")}
            _scopes[key] = Scope(
                loaded, wishes=wishes, token=token, place=place, on_close=lambda scope: _forget(key, scope)
            )
        return _scopes[key]


def _forget(key: Hashable, scope: "Scope") -> None:
    with _lock:
        if _scopes.get(key) is scope:
            del _scopes[key]


@atexit.register
def _close_all() -> None:
    for scope in list(_scopes.values()):
        scope.close()
