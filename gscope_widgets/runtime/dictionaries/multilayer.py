"""Crosscoders and cross-layer transcoders (CLT): features that read one layer and write to several."""

import numpy as np
import torch

from gscope_widgets.errors import BadArtefact, InvalidValue, describe_value
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.numbers import check_layer
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.folders import Folder
from gscope_widgets.runtime.dictionaries.member import SKIP, Member
from gscope_widgets.runtime.dictionaries.stage import Stage
from gscope_widgets.runtime.files.weights import to_numpy


class MultilayerDictionary(Dictionary):
    """n members, of which member i reads layer i alone and writes to layers i to n - 1 ("weakly causal").

    `z_i = JumpReLU(x_i @ w_enc_i + b_enc_i)`, and
    `y_j = sum over i <= j of z_i @ w_dec_i[:, j] + b_dec_j [+ x_j @ A_j]`
    (Gemma Scope 2 report, section 2.6). i and j count positions in `info.layers`: the member files
    are `params_layer_0` to `params_layer_{n-1}` also where the layers are 7, 13, 17 and 22. A
    crosscoder reads and reconstructs the residual stream; a CLT reads each layer's MLP input, and
    its `y_j` is to be what layer j's MLP adds. The skip connection of an affine CLT stays in its layer.

    Features are numbered through: `index = member * F_l + local`, with F_l features a member.
    Weights from a feature to layers before its own should be 0; where they are not, a warning
    names the file and they are left out. Encoding reads all n files; as many stay in memory as have room.
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
            BadArtefact: a member is missing, or its tensors are not as published or not as its neighbours'.
        """
        count, stage = len(info.layers), stage or Stage(device)
        members = tuple(
            Member(file, affine=info.affine, device=device, stage=stage, dtype=dtype, outputs=count, first=i)
            for i, file in enumerate(folder.open_weights(f"params_layer_{i}.safetensors") for i in range(count))
        )
        super().__init__(folder, info=info, members=members, device=device)
        for member in members:
            found, expected = (member.d_in, member.d_dict, member.d_out), (self.d_in, members[0].d_dict, self.d_out)
            if found != expected:
                raise BadArtefact(
                    f"{member.file.path}: (d_in, features, d_out) should be {expected} as in the first member's "
                    f"w_enc and b_dec, got {found}"
                )

    def direction(self, feature: int, *, layer: int | None = None) -> np.ndarray:
        """The feature's decoder row at one of the layers that it writes to: float32, [d_model].

        Args:
            layer: one of `info.layers`, at or after `source_layer(feature)`; None for that one.

        Raises:
            InvalidValue: the feature does not write there.
        """
        member, local = self._locate(feature)
        reached = self.info.layers[member:]
        layer = reached[0] if layer is None else check_layer(layer)
        if layer not in reached:
            raise InvalidValue(
                f"feature {feature} of {self.info.id} reads layer {reached[0]} and writes to layers "
                f"{', '.join(map(str, reached))}, got {describe_value(layer)}"
            )
        rows = self._members[member].part("w_dec", local)
        return to_numpy(rows[self.info.layers.index(layer)]).copy()

    def write_span(self, feature: int) -> np.ndarray:
        """Decoder norms at each of `info.layers`: float32, [n]; 0 before the layer that the feature reads."""
        member, local = self._locate(feature)
        norms = to_numpy(self._members[member].part("w_dec", local).norm(dim=1)).copy()
        norms[:member] = 0
        return norms

    def _add_offset(self, result: torch.Tensor, x: torch.Tensor | None) -> torch.Tensor:
        for index, member in enumerate(self._members):
            with member.hold() as weights:
                result[:, index] += weights["b_dec"]
                if x is not None:
                    result[:, index].addmm_(x[:, index], weights[SKIP].float())
        return result

    def _split(self, x: torch.Tensor) -> list[torch.Tensor]:
        return list(x.unbind(1))

    def _input_shape(self) -> tuple[int, ...]:
        return (len(self._members), self.d_in)
