"""JumpReLU dictionaries: sparse autoencoders in the published layout."""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from gscope_widgets.errors import BadArtefact, InvalidValue, describe_value
from gscope_widgets.records.activations import SparseActivations
from gscope_widgets.records.features import DictionaryInfo, FeatureLabel, FeatureRef
from gscope_widgets.records.numbers import check_feature
from gscope_widgets.runtime.cache import ByteCache
from gscope_widgets.runtime.dictionaries.labels import FeatureNotes, load_notes
from gscope_widgets.runtime.dictionaries.weights import WeightFile, to_numpy

_TENSORS = ("w_enc", "b_enc", "threshold", "w_dec", "b_dec")
# Dense blocks of at most this many numbers: 64 MB of float32, whatever the width.
_BLOCK = 16_000_000
_PART_BYTES = 16_000_000  # of single rows and columns, kept while the whole is not loaded


class Dictionary:
    """A sparse autoencoder: `pre = x @ w_enc + b_enc`, `z = pre * (pre > threshold)`, `z @ w_dec + b_dec`.

    The arithmetic is the published one (Gemma Scope 2 report, section 2): float32, a strict
    threshold, and no subtraction of `b_dec` before encoding. Opening a dictionary reads headers
    only; a row of the decoder is read alone; the whole is loaded by the first `encode`.
    """

    def __init__(self, folder: Path, *, info: DictionaryInfo, device: str = "cpu"):
        """Open a dictionary's folder.

        Raises:
            BadArtefact: tensors are missing, or their shapes or types are not as published.
        """
        self.info, self.device = info, device
        self.folder = folder
        self._file = WeightFile(folder / "params.safetensors")
        self._parts: ByteCache[torch.Tensor] = ByteCache(limit_bytes=_PART_BYTES, size=lambda part: part.nbytes)
        self.d_in = self._check_heads()

    def __repr__(self) -> str:
        return f"<Dictionary {self.info.id}: {self.width} features>"

    @property
    def width(self) -> int:
        """The number of features; they are 0 to `width - 1`."""
        return self.info.d_dict

    def feature(self, index: int) -> FeatureRef:
        """The address of one feature.

        Raises:
            UnknownFeature: `index` is no integer from 0 to `width - 1`.
        """
        return FeatureRef(self.info.id, check_feature(index, width=self.width))

    def direction(self, feature: int) -> np.ndarray:
        """The feature's decoder row: float32, [d_out]. Reads 4 x d_out bytes, not the file."""
        return to_numpy(self._part("w_dec", check_feature(feature, width=self.width))).copy()

    def label(self, feature: int) -> FeatureLabel | None:
        """Words for the feature, or None where nobody has any."""
        return self._notes.labels.get(check_feature(feature, width=self.width))

    @property
    def labels(self) -> dict[int, FeatureLabel]:
        """All labels, by feature number."""
        return dict(self._notes.labels)

    def known_max(self, feature: int) -> float | None:
        """The largest activation seen when the feature was measured, or None."""
        return self._notes.known_max.get(check_feature(feature, width=self.width))

    def encode(self, x: np.ndarray | torch.Tensor, *, features: tuple[int, ...] | None = None) -> SparseActivations:
        """The features that fire on activations of this dictionary's site.

        Args:
            x: [pos, d_in], any float type; computed in float32.
            features: only these, at the cost of one dot product each a position; None for all.

        Raises:
            InvalidValue: `x` has another shape, or is not finite.
            UnknownFeature: one of `features` does not exist.
        """
        x = self._check_input(x)
        if features is None:
            return self._encode_all(x)
        numbers = sorted({check_feature(feature, width=self.width) for feature in features})
        dense = np.zeros((len(x), len(numbers)), np.float32)
        for column, number in enumerate(numbers):
            dense[:, column] = to_numpy(self.feature_activation(x, number))
        positions, columns = np.nonzero(dense)
        return SparseActivations(
            positions.astype(np.int32),
            np.array(numbers, np.int32)[columns],
            dense[positions, columns],
            (x.shape[0], self.width),
        )

    def decode(self, activations: SparseActivations) -> np.ndarray:
        """The reconstruction: float32, [pos, d_out]. Gathers only the rows of features that fire."""
        weights = self._weights
        result = weights["b_dec"].repeat(activations.shape[0], 1)
        rows = weights["w_dec"][torch.as_tensor(activations.features, dtype=torch.long, device=self.device)]
        amounts = torch.as_tensor(activations.activations, device=self.device)
        positions = torch.as_tensor(activations.positions, dtype=torch.long, device=self.device)
        return to_numpy(result.index_add_(0, positions, rows * amounts[:, None]))

    def feature_activation(self, x: torch.Tensor, feature: int) -> torch.Tensor:
        """One feature's activation, float32, [...], on `x` [..., d_in]; the rest is not computed."""
        pre = x.to(torch.float32) @ self._part("w_enc", feature) + self._part("b_enc", feature)
        return torch.where(pre > self._part("threshold", feature), pre, torch.zeros((), device=pre.device))

    def decoder_row(self, feature: int) -> torch.Tensor:
        """The feature's decoder row on the dictionary's device: float32, [d_out]."""
        return self._part("w_dec", feature)

    @property
    def bytes(self) -> int:
        """Bytes of weights held in memory now."""
        held = self.__dict__.get("_weights")
        return self._parts.bytes + (0 if held is None else sum(tensor.nbytes for tensor in held.values()))

    def close(self) -> None:
        """Free the weights; they are read again when next needed."""
        self.__dict__.pop("_weights", None)
        self._parts.clear()

    def _encode_all(self, x: torch.Tensor) -> SparseActivations:
        weights, parts = self._weights, []
        rows = max(1, _BLOCK // self.width)
        for start in range(0, len(x), rows):
            pre = torch.addmm(weights["b_enc"], x[start : start + rows], weights["w_enc"])
            fires = pre > weights["threshold"]
            positions, features = fires.nonzero(as_tuple=True)
            parts.append((positions + start, features, pre[fires]))
        positions, features, values = (
            (torch.cat(column).cpu() for column in zip(*parts, strict=True)) if parts else (torch.zeros(0),) * 3
        )
        return SparseActivations(
            positions.numpy().astype(np.int32),
            features.numpy().astype(np.int32),
            values.numpy().astype(np.float32),
            (len(x), self.width),
        )

    @cached_property
    def _weights(self) -> dict[str, torch.Tensor]:
        weights = {name: self._file.tensor(name).to(self.device, torch.float32) for name in _TENSORS}
        self._check_threshold(weights["threshold"])
        return weights

    @cached_property
    def _notes(self) -> FeatureNotes:
        return load_notes(self.folder / "features.json", d_dict=self.width)

    def _part(self, name: str, feature: int) -> torch.Tensor:
        """One feature's share of a tensor, float32 on the device; read alone while the whole is not loaded."""
        held = self.__dict__.get("_weights")
        if held is not None:
            return held[name][:, feature] if name == "w_enc" else held[name][feature]
        part = self._parts.get((name, feature))
        if part is None:
            read = self._file.column if name == "w_enc" else self._file.row
            part = read(name, feature).to(self.device, torch.float32)
            if name == "threshold":
                self._check_threshold(part)
            self._parts.put((name, feature), part)
        return part

    def _check_threshold(self, threshold: torch.Tensor) -> None:
        lowest = threshold.min().item()
        if lowest < 0:
            raise BadArtefact(f"{self._file.path}: thresholds are at least 0 in a JumpReLU, found {lowest:g}")

    def _check_heads(self) -> int:
        heads, path = self._file.heads, self._file.path
        missing = [name for name in _TENSORS if name not in heads]
        extra = sorted(set(heads) - set(_TENSORS))
        if missing or extra:
            raise BadArtefact(f"{path}: expected tensors {list(_TENSORS)}, missing {missing}, not expected {extra}")
        width, d_in = self.info.d_dict, heads["w_enc"].shape[0]
        expected = {
            "w_enc": (d_in, width),
            "b_enc": (width,),
            "threshold": (width,),
            "w_dec": (width, d_in),
            "b_dec": (d_in,),
        }
        for name, shape in expected.items():
            if heads[name].shape != shape:
                raise BadArtefact(f"{path}: {name} should be {shape}, got {heads[name].shape}")
            if heads[name].dtype not in ("F32", "BF16"):
                raise BadArtefact(f"{path}: {name} should be F32 or BF16, got {heads[name].dtype}")
        return d_in

    def _check_input(self, x: np.ndarray | torch.Tensor) -> torch.Tensor:
        try:
            tensor = torch.as_tensor(x, device=self.device)
        except (TypeError, ValueError, RuntimeError):
            raise InvalidValue(f"x must be an array [pos, {self.d_in}], got {describe_value(x)}") from None
        if tensor.ndim != 2 or tensor.shape[1] != self.d_in:
            raise InvalidValue(f"x must be [pos, {self.d_in}] for {self.info.id}, got {list(tensor.shape)}")
        tensor = tensor.to(torch.float32)
        if not torch.isfinite(tensor).all():
            raise InvalidValue(f"x holds NaN or infinite values, on which {self.info.id} says nothing")
        return tensor
