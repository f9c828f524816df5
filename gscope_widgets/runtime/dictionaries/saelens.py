"""Dictionaries as SAELens saves them: what their `cfg.json` says, and which of them are JumpReLU dictionaries."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gscope_widgets.errors import BadArtefact, describe_value
from gscope_widgets.runtime.dictionaries.hook_names import find_place

CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"
GATES = frozenset({"b_gate", "b_mag", "r_mag"})
# Architecture -> its tensors besides W_enc, W_dec and b_dec.
_TENSORS = {
    "standard": {"b_enc"},
    "jumprelu": {"b_enc", "threshold"},
    "gated": GATES,
    "transcoder": {"b_enc"},
    "skip_transcoder": {"b_enc", "W_skip"},
    "jumprelu_transcoder": {"b_enc", "threshold"},
    "jumprelu_skip_transcoder": {"b_enc", "threshold", "W_skip"},
}
RANKED = (
    "whether a feature fires hangs on all others at the token, and here each has a threshold of its own, as in a "
    "jumprelu of SAELens, or its batchtopk saved with save_inference_model()"
)
_RANKED_BY_BATCH = (
    "features compete over a batch while it is trained; save it with save_inference_model(), which writes a jumprelu"
)
_REFUSED = {
    "topk": RANKED,
    "abstopk": RANKED,
    "batchtopk": _RANKED_BY_BATCH,
    "matryoshka_batchtopk": _RANKED_BY_BATCH,
    "temporal": "its features hang on earlier tokens",
    "matching_pursuit": "its features are chosen one after another",
}
_BY_TOKEN = "it scales each token by that token's own size, which no weights can hold"
_NORMALISATIONS = {
    "expected_average_only_in": "the factor is not folded into the weights; call "
    "sae.fold_activation_norm_scaling_factor(factor) with that of activation_scaler.json and save it again",
    "covariance_whitening": "the whitening is not folded into the weights; call sae.fold_activation_whitening(...) "
    "and save it again",
    "layer_norm": _BY_TOKEN,
    "constant_norm_rescale": _BY_TOKEN,
}
FINETUNED = (
    "finetuning scaling factors are not read here, nor by SAELens 6; multiply the rows of W_dec by them and save again"
)
_DTYPES = ("float32", "float64", "float16", "bfloat16")


@dataclass(frozen=True)
class SAELensConfig:
    """What `cfg.json` says, as far as it matters for the arithmetic here."""

    architecture: str
    kind: str  # "sae" or "transcoder"
    site: str
    layer: int
    d_in: int
    d_dict: int
    subtracts: bool  # b_dec is taken from what is read, before the encoder
    model: str  # as it spells it; empty where it is silent

    @property
    def tensors(self) -> frozenset[str]:
        """The names of the tensors in its weight file."""
        return frozenset({"W_enc", "W_dec", "b_dec"} | _TENSORS[self.architecture])

    @property
    def affine(self) -> bool:
        """Whether it has a skip connection."""
        return "W_skip" in self.tensors


def parse_config(content: dict[str, Any], *, path: Path) -> SAELensConfig:
    """Check a `cfg.json` of SAELens 6, or of before, whose keys were all at the top and had other names.

    Raises:
        BadArtefact: it is of another kind than the dictionaries here, named with the reason.
    """
    metadata = content.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise BadArtefact(f"{path}: metadata should be an object, got {describe_value(metadata)}")
    settings = content | {name: value for name, value in metadata.items() if value is not None}
    architecture = settings.get("architecture", "standard")
    known = isinstance(architecture, str) and architecture in _TENSORS
    _require(known, path, "architecture", architecture, _REFUSED)
    kind = "transcoder" if "transcoder" in architecture else "sae"
    _check_arithmetic(settings, path=path, kind=kind)
    site, layer = _find_site(settings, path=path, kind=kind)
    for name in ("d_in", "d_sae"):
        if isinstance(settings.get(name), bool) or not isinstance(settings.get(name), int):
            raise BadArtefact(f"{path}: {name} should be a whole number, got {describe_value(settings.get(name))}")
    return SAELensConfig(
        architecture=architecture,
        kind=kind,
        site=site,
        layer=layer,
        d_in=settings["d_in"],
        d_dict=settings["d_sae"],
        subtracts=kind == "sae" and bool(settings.get("apply_b_dec_to_input", True)),
        model=str(settings.get("model_name") or ""),
    )


def _check_arithmetic(settings: dict[str, Any], *, path: Path, kind: str) -> None:
    activation = settings.get("activation_fn", settings.get("activation_fn_str", "relu"))
    _require(activation == "relu", path, "activation_fn", activation, {"topk": RANKED})
    scaled = settings.get("normalize_activations") or "none"  # a boolean before SAELens 3
    scaled = "expected_average_only_in" if scaled is True else scaled
    _require(scaled == "none", path, "normalize_activations", scaled, _NORMALISATIONS)
    if settings.get("finetuning_scaling_factor"):
        raise BadArtefact(f"{path}: finetuning_scaling_factor is set, and {FINETUNED}")
    dtype = settings.get("dtype", "float32")
    _require(str(dtype).removeprefix("torch.") in _DTYPES, path, "dtype", dtype, {})
    shape = settings.get("reshape_activations") or "none"
    _require(shape in ("none", "hook_z"), path, "reshape_activations", shape, {})
    for name in ("hook_head_index", "hook_point_head_index", "hook_head_index_out"):
        if settings.get(name) is not None:
            raise BadArtefact(
                f"{path}: {name} is {describe_value(settings[name])}, and a dictionary of one head alone is not read "
                "here: attn_out is all heads"
            )
    if kind == "transcoder" and settings.get("apply_b_dec_to_input"):
        raise BadArtefact(f"{path}: apply_b_dec_to_input is set, but a transcoder's b_dec is of what it writes")


def _find_site(settings: dict[str, Any], *, path: Path, kind: str) -> tuple[str, int]:
    read = settings.get("hf_hook_name") or settings.get("hook_name") or settings.get("hook_point")
    site, layer = _find_place(read, path=path, key="hook_name")
    if kind == "sae":
        if site == "transcoder":
            raise BadArtefact(f"{path}: hook_name {read!r} is the MLP's input, which only transcoders read here")
        return site, layer
    written = settings.get("hf_hook_name_out") or settings.get("hook_name_out")
    ends = (site, layer), _find_place(written, path=path, key="hook_name_out")
    if ends != (("transcoder", layer), ("mlp_out", layer)):
        raise BadArtefact(
            f"{path}: a transcoder here reads the MLP's norm (model.layers.{layer}.pre_feedforward_layernorm) and "
            f"writes what that layer's MLP adds (blocks.{layer}.hook_mlp_out), got {read!r} and {written!r}"
        )
    return "transcoder", layer


def _find_place(name: object, *, path: Path, key: str) -> tuple[str, int]:
    if not isinstance(name, str) or not name:
        raise BadArtefact(f"{path}: {key} should name a hook and its layer, got {describe_value(name)}")
    try:
        return find_place(name)
    except ValueError as reason:
        raise BadArtefact(f"{path}: {key} {describe_value(name)} is not read here: it is {reason}") from None


def _require(fits: bool, path: Path, key: str, value: object, reasons: dict[str, str]) -> None:
    if not fits:
        reason = reasons.get(value) if isinstance(value, str) else None
        raise BadArtefact(f"{path}: {key} {describe_value(value)} is not read here" + (f": {reason}" if reason else ""))
