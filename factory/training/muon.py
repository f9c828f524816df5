"""Muon with its matrices stacked by shape: torch's own steps them one by one, which is slow on a CPU."""

from collections import defaultdict

import torch

# Quintic Newton-Schulz iteration that pushes singular values towards 1 (Jordan et al. 2024, Muon).
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised, for the matrices of a transformer's blocks.

    An update has the root mean square of an AdamW step of 0.2 (Liu et al. 2025), so one learning
    rate serves matrices of every shape.
    """

    def __init__(self, parameters, *, lr: float, momentum: float = 0.95, weight_decay: float = 0.0):
        """Args: parameters: 2-D; lr: as for AdamW; weight_decay: decoupled, a step."""
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            stacks = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    stacks[tuple(sorted(parameter.shape))].append(parameter)
            for parameters in stacks.values():
                self._step_stack(parameters, group)

    def _step_stack(self, parameters: list[torch.Tensor], group: dict) -> None:
        gradients = [parameter.grad for parameter in parameters]
        momenta = [self.state[one].setdefault("momentum", torch.zeros_like(one)) for one in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        updates = torch._foreach_lerp(gradients, momenta, group["momentum"])
        wide = [one if one.shape[0] <= one.shape[1] else one.T for one in updates]
        updates = [
            one if one.shape == parameter.shape else one.T
            for one, parameter in zip(orthogonalize(torch.stack(wide)), parameters, strict=True)
        ]
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(parameters, updates, alpha=-group["lr"] * 0.2 * max(parameters[0].shape) ** 0.5)


def orthogonalize(matrices: torch.Tensor) -> torch.Tensor:
    """The nearest matrices with singular values about 1: [stack, rows, columns], rows <= columns."""
    a, b, c = _COEFFICIENTS
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x
