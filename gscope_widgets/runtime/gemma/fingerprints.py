"""Which weights a model has, and which tokenizer, as a few characters."""

import hashlib
from typing import Any

import torch

from gscope_widgets.runtime.gemma.tokens import Tokenizer

_WHOLE = 20_000_000  # numbers of a model up to which all of them go into its fingerprint
_SAMPLE = 4096  # of each tensor of a larger one


def fingerprint_model(model: torch.nn.Module) -> str:
    """A digest of a model's weights in memory: of all numbers, or of 4,096 of each tensor of a large one."""
    digest = hashlib.sha256()
    tensors = list(model.state_dict().items())
    whole = sum(tensor.numel() for _, tensor in tensors) <= _WHOLE
    for name, tensor in tensors:
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        if tensor.is_meta:
            continue
        flat = tensor.detach().reshape(-1)
        if not whole:
            flat = flat[:: max(1, flat.numel() // _SAMPLE)][:_SAMPLE]
        digest.update(flat.float().cpu().numpy().tobytes())
    return digest.hexdigest()


def fingerprint_tokenizer(tokenizer: Tokenizer) -> str:
    """A digest of what a tokenizer does with text; empty where there is none."""
    if tokenizer.inner is None:
        return ""
    backend: Any = getattr(tokenizer.inner, "backend_tokenizer", None)
    content = backend.to_str() if backend is not None else repr(sorted(tokenizer.inner.get_vocab().items()))
    template = str(getattr(tokenizer.inner, "chat_template", "") or "")
    return hashlib.sha256(f"{content}\0{template}".encode("utf-8", "replace")).hexdigest()
