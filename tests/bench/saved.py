"""What SAELens and sparsify save, read by their own loaders and by ours."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from gscope_widgets.errors import BadArtefact
from gscope_widgets.runtime.dictionaries.catalogue import describe_dictionary
from gscope_widgets.runtime.dictionaries.foreign import find_foreign
from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU

D_IN, D_DICT, TOKENS = 640, 4096, 64
INFERENCE = (
    "standard",
    "jumprelu",
    "gated",
    "transcoder",
    "skip_transcoder",
    "jumprelu_transcoder",
    "jumprelu_skip_transcoder",
)
TRAINED = ("standard", "jumprelu", "gated", "batchtopk", "matryoshka_batchtopk")


def compare_saved() -> float:
    """Every architecture that is read, saved for inference and out of training; the largest relative difference."""
    from sae_lens.registry import get_sae_class, get_sae_training_class

    worst = 0.0
    for name in INFERENCE:
        for subtracts in (False,) if "transcoder" in name else (False, True):
            worst = max(worst, _compare_one(name, get_sae_class(name), subtracts=subtracts))
    for name in TRAINED:
        worst = max(worst, _compare_one(name, get_sae_training_class(name), subtracts=True))
    return worst


def compare_saved_again(peer, published: JumpReLU, x: torch.Tensor) -> float:
    """A published dictionary that SAELens loaded and saved, beside itself; infinite where it is placed elsewhere."""
    with _saved(peer.save_model) as dictionary:
        one, other = dictionary.info, published.info
        if (one.site, one.layers, one.affine) != (other.site, other.layers, other.affine):
            return np.inf
        own, found = published.encode(x.numpy()), dictionary.encode(x.numpy())
        pairs = [(found.to_dense(), own.to_dense())]
        pairs.append((dictionary.decode(found, x=x.numpy()), published.decode(own, x=x.numpy())))
        return max(_measure(*pair) for pair in pairs)


def refuse_sparsify() -> None:
    """Raise where what sparsify saves is not refused."""
    from sparsify import SparseCoder, SparseCoderConfig

    with tempfile.TemporaryDirectory() as folder:
        SparseCoder(D_IN, SparseCoderConfig(num_latents=D_DICT)).save_to_disk(folder)
        try:
            find_foreign(Path(folder))
        except BadArtefact as error:
            print(f"sparsify: {error}")
        else:
            raise AssertionError("what sparsify saved was opened")


def _compare_one(name: str, classes, *, subtracts: bool) -> float:
    from sae_lens import SAE

    kind, config = classes
    is_transcoder, is_trained = "transcoder" in name, "Training" in kind.__name__
    options = {"d_out": D_IN} if is_transcoder else {}
    if name == "matryoshka_batchtopk":
        options["matryoshka_widths"] = [D_DICT // 2, D_DICT]
    made = kind(config(d_in=D_IN, d_sae=D_DICT, apply_b_dec_to_input=subtracts, **options))
    made.cfg.metadata.hook_name = "model.layers.9"
    if is_transcoder:
        made.cfg.metadata.hook_name = "model.layers.9.pre_feedforward_layernorm"
        made.cfg.metadata.hook_name_out = "model.layers.9.post_feedforward_layernorm"
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for one in made.parameters():
            one.copy_(torch.randn(one.shape, generator=random) * (0.3 if one.ndim == 1 else 0.1))
        if hasattr(made, "topk_threshold"):
            made.topk_threshold.fill_(2.0)
    x = torch.randn(TOKENS, D_IN, generator=random)
    with tempfile.TemporaryDirectory() as folder:
        (made.save_inference_model if is_trained else made.save_model)(folder)
        peer = SAE.load_from_disk(folder)
        dictionary = _open(Path(folder))
        with torch.no_grad():
            activations, rebuilt = peer.encode(x).numpy(), peer(x).numpy()
        found = dictionary.encode(x.numpy())
        apart = [
            _measure(found.to_dense(), activations),
            _measure(dictionary.decode(found, x=x.numpy()), rebuilt),
        ]
    words = f"{name}{' out of training' if is_trained else ''}, loaded as {type(peer).__name__}"
    print(
        f"{words}, b_dec subtracted: {subtracts}: {len(found.features)} firings, relative {apart[0]:.1e}, {apart[1]:.1e}"
    )
    return max(apart) if len(found.features) else np.inf


@contextmanager
def _saved(save) -> Iterator[JumpReLU]:
    with tempfile.TemporaryDirectory() as folder:
        save(folder)
        yield _open(Path(folder))


def _open(path: Path) -> JumpReLU:
    folder = find_foreign(path)
    assert folder is not None, "SAELens saved it"
    return JumpReLU(folder, info=describe_dictionary(folder))


def _measure(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max() / np.abs(other).max())
