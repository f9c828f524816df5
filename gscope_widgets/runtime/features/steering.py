"""Interventions, made ready for a forward pass."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import torch

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.interventions import Intervention
from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU
from gscope_widgets.runtime.gemma.hooks import capture, edit
from gscope_widgets.runtime.gemma.sites import HookPoint


@dataclass(frozen=True)
class Target:
    """Where an intervention acts: its dictionary, where that reads and writes, and the norm there."""

    dictionary: JumpReLU
    reads: HookPoint  # the encoder's input
    point: HookPoint  # where the decoder writes and the change is made; the same for an autoencoder
    mean_norm: float  # mean norm at `point`, the unit of `add` in fractions; 1 where nothing is counted in it


Planned = tuple[int, Intervention, Target]  # with the row of the batch


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
    ):
        self._prompt_length, self._ignored = prompt_length, frozenset(ignored)
        self._targets: dict[str, HookPoint] = {}
        self._inputs: dict[str, HookPoint] = {}  # read elsewhere than changed
        self._plans: dict[str, list[Planned]] = defaultdict(list)
        for row, interventions in enumerate(rows):
            for intervention in interventions:
                target = resolve(intervention)
                self._targets[target.point.name] = target.point
                if target.reads.name != target.point.name and intervention.kind not in ("add", "random"):
                    self._inputs[target.reads.name] = target.reads
                self._plans[target.point.name].append((row, intervention, target))

    def require_reach(self, length: int) -> None:
        """Refuse an intervention that changes nothing in a text of `length` tokens.

        Raises:
            InvalidValue: all its positions are outside the text, or ignored.
        """
        for plan in self._plans.values():
            for _row, intervention, _target in plan:
                if not self._mask(intervention, first=0, count=length).any():
                    raise InvalidValue(
                        f"{intervention.kind} on {intervention.ref} changes nothing here: its positions "
                        f"({describe_value(intervention.positions)}) hold no token of this text but ignored ones, "
                        "such as BOS; give more text or other positions"
                    )

    @contextmanager
    def applied(self, first: int) -> Iterator[None]:
        """Steer the forward passes inside; `first` is the position of their first token."""
        with ExitStack() as stack:
            inputs = {name: stack.enter_context(capture(point)) for name, point in self._inputs.items()}
            for name, plan in self._plans.items():
                stack.enter_context(
                    edit(self._targets[name], partial(self._change, plan=plan, first=first, inputs=inputs))
                )
            yield

    def _change(
        self, x: torch.Tensor, *, plan: Sequence[Planned], first: int, inputs: dict[str, list[torch.Tensor]]
    ) -> torch.Tensor:
        delta = torch.zeros(x.shape, dtype=torch.float32, device=x.device)
        for row, intervention, target in plan:
            mask = self._mask(intervention, first=first, count=x.shape[1]).to(x.device)
            seen = inputs.get(target.reads.name)
            read = x if seen is None else seen[-1]
            delta[row] += mask[:, None] * compute_delta(read[row].float(), intervention, target)
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
    dictionary, feature, device = target.dictionary, intervention.ref.feature, x.device
    if intervention.kind in ("add", "random"):
        size = intervention.amount * (target.mean_norm if intervention.unit == "fraction" else 1.0)
        return (size * unit_direction(intervention, dictionary)).to(device).expand(len(x), -1)
    activation = dictionary.feature_activation(x.to(dictionary.device), feature)
    wanted = {
        "clamp": lambda: torch.full_like(activation, intervention.amount),
        "scale": lambda: activation * intervention.amount,
        "ablate": lambda: torch.zeros_like(activation),
    }[intervention.kind]()
    return ((wanted - activation)[:, None] * dictionary.decoder_row(feature)).to(device)


def unit_direction(intervention: Intervention, dictionary: JumpReLU) -> torch.Tensor:
    """The direction that an `add` or its random control follows: float32, [d], length 1."""
    row = dictionary.decoder_row(intervention.ref.feature)
    if intervention.kind == "random":
        generator = torch.Generator().manual_seed(intervention.seed)
        row = torch.randn(row.shape, generator=generator).to(row.device)
    length: torch.Tensor = row.norm()
    return row / length


def combined_strength(interventions: Sequence[Intervention], dictionaries: Sequence[JumpReLU]) -> float:
    """Length of the sum of several added directions, in the unit of their strengths."""
    total = sum(
        intervention.amount * unit_direction(intervention, dictionary)
        for intervention, dictionary in zip(interventions, dictionaries, strict=True)
    )
    return float(torch.as_tensor(total).norm())
