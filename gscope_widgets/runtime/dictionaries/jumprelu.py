"""JumpReLU dictionaries of one layer: sparse autoencoders and transcoders."""

import numpy as np
import torch

from gscope_widgets.errors import BadArtefact, InvalidValue, describe_value
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.numbers import check_feature, check_layer
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.folders import Folder
from gscope_widgets.runtime.dictionaries.member import SKIP, Member
from gscope_widgets.runtime.dictionaries.stage import Stage
from gscope_widgets.runtime.files.weights import to_numpy


class JumpReLU(Dictionary):
    """`pre = x @ w_enc + b_enc`, `z = pre * (pre > threshold)`, `y = z @ w_dec + b_dec [+ x @ A]`.

    A sparse autoencoder's `y` is to be `x`; a transcoder reads the MLP's input and its `y` is to be
    what the MLP adds to the residual. An affine transcoder has the skip connection `A`, stored
    (d_in, d_out). Opening reads headers only; a row of the decoder is read alone; the whole is
    loaded by the first `encode`.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        info: DictionaryInfo,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        stage: Stage | None = None,
    ):
        """Open a dictionary's folder.

        Args:
            stage: of the scope; None for one of its own.

        Raises:
            BadArtefact: tensors are missing, or their shapes or types are not as published.
        """
        file, stage = folder.open_weights(folder.weights_name), stage or Stage(device)
        member = Member(file, affine=info.affine, device=device, stage=stage, dtype=dtype)
        super().__init__(folder, info=info, members=(member,), device=device)
        if info.kind == "sae" and self.d_in != self.d_out:
            raise BadArtefact(
                f"{member.file.path}: b_dec of a sparse autoencoder should be ({self.d_in},), got ({self.d_out},)"
            )

    def direction(self, feature: int, *, layer: int | None = None) -> np.ndarray:
        """The feature's decoder row: float32, [d_out]. Reads 4 x d_out bytes, not the file."""
        number = check_feature(feature, d_dict=self.d_dict)
        if layer is not None and check_layer(layer) != self.info.layer:
            raise InvalidValue(f"{self.info.id} writes to layer {self.info.layer} alone, got {describe_value(layer)}")
        return to_numpy(self.decoder_row(number)).copy()

    def write_span(self, feature: int) -> np.ndarray:
        """The length of the feature's decoder row: float32, [1]."""
        return np.array([np.linalg.norm(self.direction(feature))], np.float32)

    def feature_activation(self, x: torch.Tensor, feature: int) -> torch.Tensor:
        """One feature's activation, float32, [...], on `x` [..., d_in]; the rest is not computed."""
        return self._members[0].feature_activation(x, feature)

    def decoder_row(self, feature: int) -> torch.Tensor:
        """The feature's decoder row on the dictionary's device: float32, [d_out]."""
        return self._members[0].part("w_dec", feature)

    def _add_offset(self, result: torch.Tensor, x: torch.Tensor | None) -> torch.Tensor:
        with self._members[0].hold() as weights:
            result += weights["b_dec"]
            return result if x is None else result.addmm_(x, weights[SKIP].float())

    def _split(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x]

    def _input_shape(self) -> tuple[int, ...]:
        return (self.d_in,)
