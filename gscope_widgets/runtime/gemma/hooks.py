"""Hooks on a model's modules, only ever as context managers that remove them again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import torch
from torch import nn

from gscope_widgets.runtime.gemma.sites import HookPoint


class _ForwardEnded(Exception):
    """Ends a forward pass early, once all that was asked for is captured."""


@contextmanager
def capture(point: HookPoint) -> Iterator[list[torch.Tensor]]:
    """Collect the activation at a hook point, one tensor [batch, pos, d] for each forward pass."""
    captured: list[torch.Tensor] = []

    def keep(activation: torch.Tensor) -> None:
        captured.append(activation)

    with _hook(point, keep):
        yield captured


@contextmanager
def edit(point: HookPoint, change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Replace the activation at a hook point by `change(activation)`; shapes are [batch, pos, d]."""
    with _hook(point, change):
        yield


def run_until(model: nn.Module, point: HookPoint, **inputs: object) -> torch.Tensor:
    """The activation at a hook point, [batch, pos, d]; nothing after it is computed."""
    return run_through(model, [point], **inputs)[point.name]


def run_through(model: nn.Module, points: Sequence[HookPoint], **inputs: object) -> dict[str, torch.Tensor]:
    """The activations at several hook points, [batch, pos, d] by name, in one forward pass that ends at the last."""
    wanted = {point.name: point for point in points}
    found: dict[str, torch.Tensor] = {}

    def keep(name: str, activation: torch.Tensor) -> None:
        found[name] = activation
        if len(found) == len(wanted):
            raise _ForwardEnded

    with ExitStack() as stack:
        stack.enter_context(suppress(_ForwardEnded))
        for name, point in wanted.items():
            stack.enter_context(_hook(point, partial(keep, name)))
        model(**inputs)
    return found


@contextmanager
def _hook(point: HookPoint, visit: Callable[[torch.Tensor], torch.Tensor | None]) -> Iterator[None]:
    def on_input(_module: nn.Module, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        changed = visit(arguments[0])
        return None if changed is None else (changed, *arguments[1:])

    def on_output(
        _module: nn.Module, _arguments: tuple[torch.Tensor, ...], output: torch.Tensor | tuple[torch.Tensor, ...]
    ) -> torch.Tensor | tuple[torch.Tensor, ...] | None:
        # A decoder layer returns a 1-tuple in transformers 4.57 and a plain tensor in 5.x.
        if isinstance(output, tuple):
            changed = visit(output[0])
            return None if changed is None else (changed, *output[1:])
        return visit(output)

    if point.side == "input":
        handle = point.module.register_forward_pre_hook(on_input)
    else:
        handle = point.module.register_forward_hook(on_output)
    try:
        yield
    finally:
        handle.remove()
