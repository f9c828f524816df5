"""Folders of other libraries: SAELens' under the names of the published layout; sparsify's, which are refused."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from gscope_widgets.errors import BadArtefact, describe_value
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.runtime.dictionaries.folders import LocalFolder
from gscope_widgets.runtime.dictionaries.member import SKIP
from gscope_widgets.runtime.dictionaries.saelens import (
    CONFIG,
    FINETUNED,
    GATES,
    RANKED,
    WEIGHTS,
    SAELensConfig,
    parse_config,
)
from gscope_widgets.runtime.files.weights import TensorHead, WeightFile

_SPARSIFY = "sae.safetensors"
_CONFIG_LIMIT = 1_000_000  # bytes; one with a whole training run's settings has about 10,000
_DTYPES = ("F32", "F64", "F16", "BF16")
_COLUMNS = 4096  # of the encoder, that are in float64 at a time


class SAELensFolder(LocalFolder):
    """A folder with `cfg.json` and `sae_weights.safetensors`."""

    weights_name = WEIGHTS

    def __init__(self, path: Path, *, written: str | None = None):
        """Read its `cfg.json`.

        Raises:
            BadArtefact: it is missing, damaged, or of another kind than the dictionaries here.
        """
        super().__init__(path, written=written)
        self.config = parse_config(_read_config(self), path=path / CONFIG)

    def open_weights(self, name: str) -> WeightFile:
        """See `Folder`."""
        return SAELensFile(self.path / name, self.config) if name == WEIGHTS else super().open_weights(name)

    def describe(self) -> DictionaryInfo:
        """What its `cfg.json` and the header of its weights say; `l0` is empty, since it names none."""
        config, shape = self.config, self.open_weights(WEIGHTS).heads["w_enc"].shape
        if shape != (config.d_in, config.d_dict):
            raise BadArtefact(
                f"{self}: cfg.json says d_in {config.d_in} and d_sae {config.d_dict}, W_enc should be so, got {shape}"
            )
        return DictionaryInfo(
            id=self.id,
            kind=config.kind,
            site=config.site,
            layers=(config.layer,),
            width=_write_width(config.d_dict),
            d_dict=config.d_dict,
            l0="",
            mean_l0=None,
            affine=config.affine,
            bytes=self.size(WEIGHTS),
            model=config.model,
        )


class SAELensFile(WeightFile):
    """A `sae_weights.safetensors` that reads as a `params.safetensors`: its names, axes and arithmetic, in float32.

    A plain ReLU has the threshold 0, and so has a JumpReLU where its own is lower, since SAELens applies a ReLU
    too. Where `b_dec` is subtracted from what is read, `b_enc - b_dec @ w_enc`, summed in float64, is `b_enc`. A
    gated encoder, which fires where `h + b_gate > 0` with `relu(exp(r_mag) * h + b_mag)` for `h = x @ W_enc`, is a
    JumpReLU of threshold `b_mag - exp(r_mag) * b_gate`, or 0 where that is lower.
    """

    def __init__(self, path: Path, config: SAELensConfig):
        """Check the header.

        Raises:
            BadArtefact: as `WeightFile`; or tensors are missing, not expected, or of another type.
        """
        self.path, self._config, self._file = path, config, WeightFile(path)
        self._check_theirs()
        self.heads = {name: TensorHead("F32", shape, start=0) for name, shape in self._find_shapes().items()}

    def tensor(self, name: str) -> torch.Tensor:
        """See `WeightFile`."""
        return self._make(name, self._file.tensor)

    def row(self, name: str, index: int) -> torch.Tensor:
        """See `WeightFile`; of any but the skip connection."""
        return self._make(name, partial(self._read_share, index=index))

    def column(self, name: str, index: int) -> torch.Tensor:
        """See `WeightFile`; of the encoder."""
        return self._make(name, partial(self._read_share, index=index))

    def _read_share(self, name: str, index: int) -> torch.Tensor:
        return self._file.column(name, index) if name == "W_enc" else self._file.row(name, index)

    def _make(self, name: str, read: Callable[[str], torch.Tensor]) -> torch.Tensor:
        """One of our tensors, out of all of theirs or of one feature's share of them, as `read` gives it."""
        if name == SKIP:
            return read("W_skip").T.float().contiguous()
        match name:
            case "w_enc" if self._is_gated:
                return read("W_enc").float() * read("r_mag").double().exp().float()
            case "b_enc":
                b_enc = read("b_mag" if self._is_gated else "b_enc")
                if self._config.subtracts:
                    b_enc = b_enc.double() - _project(self._file.tensor("b_dec"), self._make("w_enc", read))
                return b_enc.float()
            case "threshold" if self._is_gated:
                b_mag, b_gate, r_mag = (read(one).double() for one in ("b_mag", "b_gate", "r_mag"))
                return (b_mag - r_mag.exp() * b_gate).clamp(min=0).float()
            case "threshold" if "threshold" not in self._config.tensors:
                return torch.zeros_like(read("b_enc"), dtype=torch.float32)
            case "threshold":
                return read("threshold").clamp(min=0).float()
        return read({"w_enc": "W_enc", "w_dec": "W_dec", "b_dec": "b_dec"}[name]).float()

    @property
    def _is_gated(self) -> bool:
        return self._config.architecture == "gated"

    def _check_theirs(self) -> None:
        heads, expected = self._file.heads, self._config.tensors
        if "scaling_factor" in heads:  # of ones, as SAELens once wrote it into every file
            if not (self._file.tensor("scaling_factor") == 1).all():
                raise BadArtefact(f"{self.path}: scaling_factor is not 1 everywhere, and {FINETUNED}")
            heads = {name: head for name, head in heads.items() if name != "scaling_factor"}
        missing, extra = sorted(expected - set(heads)), sorted(set(heads) - expected)
        if missing or extra:
            raise BadArtefact(
                f"{self.path}: a {self._config.architecture} of SAELens has the tensors {sorted(expected)}, "
                f"missing {missing}, not expected {extra}"
            )
        for name, head in heads.items():
            if head.dtype not in _DTYPES:
                raise BadArtefact(f"{self.path}: {name} should be of {', '.join(_DTYPES)}, got {head.dtype}")
        if self._is_gated and len({heads[name].shape for name in GATES}) > 1:
            raise BadArtefact(f"{self.path}: {', '.join(sorted(GATES))} should be of one shape")

    def _find_shapes(self) -> dict[str, tuple[int, ...]]:
        """Our tensors' shapes, as theirs imply them; what does not fit together is for `Member` to tell."""
        shapes = {name: head.shape for name, head in self._file.heads.items()}
        bias = shapes["b_mag" if self._is_gated else "b_enc"]
        found = {
            "w_enc": shapes["W_enc"],
            "b_enc": bias,
            "threshold": shapes.get("threshold", bias),
            "w_dec": shapes["W_dec"],
            "b_dec": shapes["b_dec"],
        }
        return found | ({SKIP: shapes["W_skip"][::-1]} if self._config.affine else {})


def find_foreign(path: Path, *, written: str | None = None) -> SAELensFolder | None:
    """The folder of another library, if the path is one.

    Raises:
        BadArtefact: it holds a dictionary that cannot be read here, named with the reason.
    """
    if (path / WEIGHTS).is_file():
        return SAELensFolder(path, written=written)
    if (path / _SPARSIFY).is_file() and (path / CONFIG).is_file():
        config = _read_config(LocalFolder(path))
        activation = config.get("activation", "topk")  # the only one until sparsify 1.2
        raise BadArtefact(
            f"{path} holds what sparsify saved with activation {describe_value(activation)}, k "
            f"{describe_value(config.get('k'))}, which is not read here: {RANKED}"
        )
    return None


def _read_config(folder: LocalFolder) -> dict[str, object]:
    text = folder.read_text(CONFIG, limit=_CONFIG_LIMIT)
    if text is None:
        raise BadArtefact(f"{folder} has no {CONFIG}, which says what its weights are; copy it from where they were")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadArtefact(f"{folder.path / CONFIG} cannot be read as JSON ({error}); copy it again") from None
    if not isinstance(content, dict):
        raise BadArtefact(f"{folder.path / CONFIG} should hold an object, got {describe_value(content)}")
    return content


def _project(b_dec: torch.Tensor, w_enc: torch.Tensor) -> torch.Tensor:
    """`b_dec @ w_enc` in float64, of a matrix [d_in, F] or of one column [d_in]."""
    if w_enc.ndim == 1:
        return w_enc.double() @ b_dec.double()
    return torch.cat([block.double() @ b_dec.double() for block in w_enc.T.split(_COLUMNS)])


def _write_width(d_dict: int) -> str:
    """The size class, as the published folders write it: "16k" for 16,384."""
    for size, sign in ((1_000_000, "m"), (1_000, "k")):
        if d_dict >= size:
            return f"{d_dict // size}{sign}"
    return str(d_dict)
