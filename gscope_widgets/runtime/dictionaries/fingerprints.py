"""Which weights a dictionary has, without reading gigabytes."""

import hashlib

import numpy as np

from gscope_widgets.runtime.dictionaries.dictionary import Dictionary

_BLOCKS, _BLOCK_BYTES = 1024, 16_384  # of a file above 16 MB


def fingerprint_dictionary(dictionary: Dictionary) -> str:
    """A digest of a dictionary's weight files: of all bytes, or of 16 MB from all over a larger one."""
    digest = hashlib.sha256(dictionary.info.id.encode())
    names = [name for name in dictionary.folder.names() if name == dictionary.folder.weights_name or _is_weights(name)]
    for name in sorted(names):
        path = dictionary.folder.fetch(name)
        size = path.stat().st_size
        digest.update(f"{name}{size}".encode())
        with path.open("rb") as file:
            if size <= _BLOCKS * _BLOCK_BYTES:
                digest.update(file.read())
                continue
            for start in np.linspace(0, size - _BLOCK_BYTES, _BLOCKS).astype(np.int64).tolist():
                file.seek(start)
                digest.update(file.read(_BLOCK_BYTES))
    return digest.hexdigest()


def _is_weights(name: str) -> bool:
    return name.startswith("params") and name.endswith(".safetensors")
