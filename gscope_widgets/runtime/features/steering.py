"""Interventions, made ready for a forward pass."""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.interventions import Intervention, list_parts
from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU
from gscope_widgets.runtime.features.tracing import Tracing
from gscope_widgets.runtime.gemma.hooks import capture, edit
from gscope_widgets.runtime.gemma.prefix import count_untouched
from gscope_widgets.runtime.gemma.sites import HookPoint


@dataclass(frozen=True)
class Target:
    """Where an intervention acts: its dictionary, where that reads and writes, and the norm there."""

    dictionary: JumpReLU | None  # None for a direction of one's own
    reads: HookPoint  # the encoder's input
    point: HookPoint  # where the decoder writes and the change is made; the same for an autoencoder
    mean_norm: float  # mean norm at `point`, the unit of `add` in fractions; 1 where nothing is counted in it


@dataclass(frozen=True)
class Planned:
    """What one intervention does to one row of the batch at one hook point."""

    row: int
    parts: tuple[tuple[Intervention, Target], ...]  # one, or all that a random control is matched to there
    control: Intervention | None = None  # random: the sum of the parts gives its length alone


class Steering:
    """Interventions for each row of a batch, applied at whatever hook points they name.

    Several interventions at one hook point are all computed from the baseline activation and
    summed, so their order does not matter; `require_set_once` has refused two that set one feature at
    one position. Positions in `ignored` are never changed.
    """

    def __init__(
        self,
        rows: Sequence[Sequence[Intervention]],
        *,
        resolve: Callable[[Intervention], Target],
        prompt_length: int,
        ignored: Sequence[int],
        tracing: Tracing | None = None,
    ):
        """Nothing runs yet.

        Args:
            rows: interventions, row by row.
            resolve: where an intervention acts.
            prompt_length: positions from there on are generated.
            ignored: positions.
            tracing: what is read in the same passes, behind all changes.
        """
        self.tracing = tracing
        self._rows, self._prompt_length, self._ignored = len(rows), prompt_length, frozenset(ignored)
        self._targets: dict[str, HookPoint] = {}
        self._inputs: dict[str, HookPoint] = {}  # read elsewhere than changed
        self._plans: dict[str, list[Planned]] = defaultdict(list)
        for row, interventions in enumerate(rows):
            for intervention in interventions:
                parts: dict[str, list[tuple[Intervention, Target]]] = defaultdict(list)
                for part in list_parts([intervention]):
                    target = resolve(part)
                    self._targets[target.point.name] = target.point
                    if target.reads.name != target.point.name and part.kind != "add":
                        self._inputs[target.reads.name] = target.reads
                    parts[target.point.name].append((part, target))
                control = intervention if intervention.kind == "random" else None
                for name, found in parts.items():
                    self._plans[name].append(Planned(row, tuple(found), control))

    @property
    def reads(self) -> tuple[HookPoint, ...]:
        """What is read besides that from which changes are computed."""
        return () if self.tracing is None else self.tracing.points

    def count_untouched(self, layers: nn.ModuleList) -> list[int | None]:
        """For each row, how many layers from the first on its changes in the prompt leave as they were.

        Returns:
            None for a row without a change in the prompt: it is the baseline there, all through.
        """
        counts: list[int | None] = [None] * self._rows
        for name, plan in self._plans.items():
            for planned in plan:
                if any(self._mask(one, first=0, count=self._prompt_length).any() for one, _target in planned.parts):
                    # What is read to make the change lies in the layer that is changed, or before it.
                    points = [self._targets[name], *(target.reads for _one, target in planned.parts)]
                    found = min(count_untouched(layers, point) for point in points)
                    known = counts[planned.row]
                    counts[planned.row] = found if known is None else min(known, found)
        return counts

    def require_reach(self, length: int) -> None:
        """Refuse an intervention that changes nothing in a text of `length` tokens.

        Raises:
            InvalidValue: all its positions are outside the text, or ignored.
        """
        for plan in self._plans.values():
            for intervention, _target in (part for planned in plan for part in planned.parts):
                if not self._mask(intervention, first=0, count=length).any():
                    raise InvalidValue(
                        f"{intervention.kind} on {intervention.ref} changes nothing here: its positions "
                        f"({describe_value(intervention.positions)}) hold no token of this text but ignored ones, "
                        "such as BOS; give more text or other positions"
                    )

    @contextmanager
    def applied(self, first: int) -> Iterator[None]:
        """Steer the forward passes inside, and trace the last; `first` is the position of their first token."""
        with ExitStack() as stack:
            inputs = {name: stack.enter_context(capture(point)) for name, point in self._inputs.items()}
            for name, plan in self._plans.items():
                stack.enter_context(
                    edit(self._targets[name], partial(self._change, name=name, plan=plan, first=first, inputs=inputs))
                )
            if self.tracing is not None:
                stack.enter_context(self.tracing.reading(first))
            yield

    def _change(
        self, x: torch.Tensor, *, name: str, plan: Sequence[Planned], first: int, inputs: dict[str, list[torch.Tensor]]
    ) -> torch.Tensor:
        delta = torch.zeros(x.shape, dtype=torch.float32, device=x.device)
        for planned in plan:
            total = torch.zeros(x.shape[1:], dtype=torch.float32, device=x.device)
            for intervention, target in planned.parts:
                mask = self._mask(intervention, first=first, count=x.shape[1]).to(x.device)
                seen = inputs.get(target.reads.name)
                read = x if seen is None else seen[-1]
                total += mask[:, None] * compute_delta(read[planned.row].float(), intervention, target)
            if planned.control is not None:
                total = match_length(total, planned.control, point=name)
            delta[planned.row] += total
        return (x.float() + delta).to(x.dtype)

    def _mask(self, intervention: Intervention, *, first: int, count: int) -> torch.Tensor:
        wanted = range(first, first + count)
        chosen = intervention.positions
        if isinstance(chosen, slice):
            inside = set(range(first + count)[chosen])
        elif chosen == "prompt":
            inside = set(range(self._prompt_length))
        elif chosen == "generated":
            inside = set(range(self._prompt_length, first + count))
        else:
            inside = set(wanted)
        return torch.tensor([float(pos in inside and pos not in self._ignored) for pos in wanted])


def compute_delta(x: torch.Tensor, intervention: Intervention, target: Target) -> torch.Tensor:
    """What an intervention adds to the activation.

    Args:
        x: float32, [pos, d_in], where the dictionary reads.

    Returns:
        float32, [pos, d_out]. For clamp, scale and ablate only the feature's own term changes; the
        dictionary's error term stays as it is.
    """
    if intervention.kind == "add":
        size = intervention.amount * (target.mean_norm if intervention.unit == "fraction" else 1.0)
        return (size * unit_direction(intervention, target)).to(x.device).expand(len(x), -1)
    dictionary, feature = target.dictionary, _feature(intervention)
    assert dictionary is not None, "only `add` takes a direction that is no feature's"
    activation = dictionary.feature_activation(x.to(dictionary.device), feature)
    wanted = {
        "clamp": lambda: torch.full_like(activation, intervention.amount),
        "scale": lambda: activation * intervention.amount,
        "ablate": lambda: torch.zeros_like(activation),
    }[intervention.kind]()
    return ((wanted - activation)[:, None] * dictionary.decoder_row(feature)).to(x.device)


def unit_direction(intervention: Intervention, target: Target) -> torch.Tensor:
    """The direction that an `add` follows: float32, [d], length 1."""
    if isinstance(intervention.ref, Direction):
        row = torch.from_numpy(intervention.ref.vector.copy())  # which is read-only, and torch warns of that
    else:
        assert target.dictionary is not None, "a feature has a dictionary"
        row = target.dictionary.decoder_row(_feature(intervention))
    length: torch.Tensor = row.norm()
    return row / length


def match_length(change: torch.Tensor, control: Intervention, *, point: str) -> torch.Tensor:
    """A random direction with the length of a change at each position: float32, [pos, d] both.

    Args:
        control: of kind "random": its seed says which direction, its amount what the length is multiplied by.
        point: name of the hook point; each has a direction of its own.
    """
    # NumPy's: torch's generator on the CPU looks at 32 bits of its seed alone.
    random = np.random.default_rng([control.seed, zlib.crc32(point.encode())])
    direction = torch.from_numpy(random.standard_normal(change.shape[1]))
    direction = (direction / direction.norm()).to(change.device, torch.float32)
    matched: torch.Tensor = control.amount * change.norm(dim=1, keepdim=True) * direction
    return matched


def _feature(intervention: Intervention) -> int:
    assert not isinstance(intervention.ref, Direction), "a direction of one's own has no feature"
    return intervention.ref.feature
