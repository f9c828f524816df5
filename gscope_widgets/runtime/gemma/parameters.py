"""A module's weights as numbers, wherever accelerate keeps them."""

import torch
from torch import nn


def read_parameter(module: nn.Module, name: str = "weight") -> torch.Tensor:
    """One parameter, in memory: of a layer that `device="spread"` left on the disk, read from there."""
    parameter = module.get_parameter(name)
    if not parameter.is_meta:
        return parameter
    from accelerate.utils import align_module_device  # type: ignore[import-untyped]  # it has no types

    with align_module_device(module):
        return module.get_parameter(name).detach().clone()
