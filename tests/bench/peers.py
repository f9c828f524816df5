"""The peers, holding the same weights and called as their users do."""

from pathlib import Path

import torch
from sae_lens.loading.pretrained_sae_loaders import load_safetensors_weights
from sae_lens.saes.jumprelu_sae import JumpReLUSAE
from sparsify import SparseCoder, SparseCoderConfig
from sparsify.utils import decoder_impl, eager_decode


def open_saelens(path: Path) -> JumpReLUSAE:
    """The file that `open_ours` opens, read as SAELens' Gemma 3 loader reads it: lazily, too."""
    return JumpReLUSAE.load_from_disk(path, converter=_convert)


def _convert(path: Path, device: str, cfg_overrides: dict | None) -> tuple[dict, dict[str, torch.Tensor]]:
    """`gemma_3_sae_huggingface_loader` of SAELens 6.54 without its downloads."""
    held = load_safetensors_weights(Path(path) / "params.safetensors", device=device, dtype="float32")
    d_in, width = held["w_enc"].shape
    config = {
        "architecture": "jumprelu",
        "d_in": d_in,
        "d_sae": width,
        "dtype": "float32",
        "device": device,
        "apply_b_dec_to_input": False,
        "normalize_activations": "none",
        "reshape_activations": "none",
    }
    names = {"w_enc": "W_enc", "w_dec": "W_dec", "b_enc": "b_enc", "b_dec": "b_dec", "threshold": "threshold"}
    return config | (cfg_overrides or {}), {theirs: held[name] for name, theirs in names.items()}


class EagerSparsify:
    """EleutherAI sparsify's decoder, with its eager kernel; its encoder is left out."""

    def __init__(self, w_dec: torch.Tensor, b_dec: torch.Tensor):
        if decoder_impl is not eager_decode:
            raise RuntimeError("sparsify decodes with Triton here; set SPARSIFY_DISABLE_TRITON=1")
        width, d_model = w_dec.shape
        self._coder = SparseCoder(d_model, SparseCoderConfig(num_latents=width), device="meta")
        self._coder.W_dec = torch.nn.Parameter(w_dec, requires_grad=False)
        self._coder.b_dec = torch.nn.Parameter(b_dec, requires_grad=False)

    def decode(self, activations: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """The reconstruction, [pos, d_model], of `activations` of `features`, [pos, k] each."""
        return self._coder.decode(activations, features)


def encode_saelens(sae: JumpReLUSAE, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Positions, features and activations of all that fires, as a user of SAELens gets at them."""
    with torch.no_grad():
        dense = sae.encode(x)
        positions, features = dense.nonzero(as_tuple=True)
        return positions, features, dense[positions, features]


def trace_saelens(sae: JumpReLUSAE, x: torch.Tensor, features: tuple[int, ...]) -> torch.Tensor:
    """Activations of some features, [pos, K]: SAELens can only encode all of them."""
    with torch.no_grad():
        return sae.encode(x)[:, list(features)]
