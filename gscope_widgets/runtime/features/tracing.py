"""Chosen features' activations, read off the very passes in which a text is made."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from gscope_widgets.records.features import FeatureRef
from gscope_widgets.runtime.dictionaries.member import FeatureEncoder
from gscope_widgets.runtime.files.weights import to_numpy
from gscope_widgets.runtime.gemma.hooks import capture
from gscope_widgets.runtime.gemma.sites import HookPoint


@dataclass(frozen=True)
class Source:
    """Where a feature is read, and with what."""

    point: HookPoint
    encoder: FeatureEncoder


@dataclass(frozen=True)
class _Group:
    """The features that are read at one hook point, of whatever dictionaries: k of them."""

    point: HookPoint
    places: list[int]  # of each among all features
    w_enc: torch.Tensor  # float32, [d_in, k]
    b_enc: torch.Tensor  # float32, [k]
    threshold: torch.Tensor  # float32, [k]

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Activations of [rows, pos, d_in]: float32, [rows, pos, k]."""
        pre = x.to(self.w_enc.device, torch.float32) @ self.w_enc + self.b_enc
        return torch.where(pre > self.threshold, pre, torch.zeros((), device=pre.device))


class Tracing:
    """Reads features in forward passes that are run anyway, at the cost of one dot product each a token.

    What is read is what the model goes on with: `Steering`, which holds this, makes its changes first.
    """

    def __init__(
        self,
        features: Sequence[FeatureRef],
        *,
        resolve: Callable[[FeatureRef], Source],
        ignored: Sequence[int] = (),
    ):
        """Nothing is read yet.

        Args:
            features: of any open dictionaries and sites; the answers keep their order.
            ignored: positions at which no feature has an activation.
        """
        self.features, self._ignored = tuple(features), frozenset(ignored)
        sources: dict[str, list[tuple[int, Source]]] = {}
        for place, ref in enumerate(self.features):
            source = resolve(ref)
            sources.setdefault(source.point.name, []).append((place, source))
        self._groups = [_build_group(found) for found in sources.values()]
        self._found: torch.Tensor | None = None

    @property
    def points(self) -> tuple[HookPoint, ...]:
        """Where features are read."""
        return tuple(group.point for group in self._groups)

    @contextmanager
    def reading(self, first: int) -> Iterator[None]:
        """Read in the forward pass inside; `first` is the position of its first token."""
        with ExitStack() as stack:
            seen = [stack.enter_context(capture(group.point)) for group in self._groups]
            yield
        for group, passes in zip(self._groups, seen, strict=True):
            found = group.encode(passes[-1])
            if group is self._groups[0]:
                self._found = torch.zeros((len(found), len(self.features), found.shape[1]), device=found.device)
            assert self._found is not None, "made with the first group"
            self._found[:, group.places] = found.transpose(1, 2).to(self._found.device)
        if self._found is not None:
            self._found[:, :, [at for at in range(self._found.shape[2]) if first + at in self._ignored]] = 0

    def take(self) -> np.ndarray:
        """What the last pass read: float32, [rows, features, pos], 0 at ignored positions."""
        assert self._found is not None, "asked after a pass with features"
        return to_numpy(self._found)


def _build_group(found: Sequence[tuple[int, Source]]) -> _Group:
    encoders = [source.encoder for _, source in found]
    return _Group(
        point=found[0][1].point,
        places=[place for place, _ in found],
        w_enc=torch.stack([one.w_enc for one in encoders], 1),
        b_enc=torch.stack([one.b_enc for one in encoders]),
        threshold=torch.stack([one.threshold for one in encoders]),
    )
