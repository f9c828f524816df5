"""What a prompt's forward pass leaves behind, kept so that a later pass computes only what has changed.

A change after layer L leaves the residual stream, the keys and the values of layers 0 to L as they were:
a pass over the same prompt that is resumed there gives what a full one gives. How many layers a change
leaves as they were is said by whoever makes it (`Steering.count_untouched`); nothing is guessed here.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import nn
from transformers import DynamicCache, PretrainedConfig

from gscope_widgets.runtime.cache import ByteCache
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.gemma.sites import HookPoint

Output = torch.Tensor | tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Prefix:
    """One prompt's baseline pass, up to some depth: the first `depth` layers are known."""

    residuals: tuple[torch.Tensor, ...]  # after each of these layers: [1, pos, d_model]
    keys: tuple[torch.Tensor, ...]  # of each: [1, heads, pos, d_head], all positions, whatever the window
    values: tuple[torch.Tensor, ...]
    logits: torch.Tensor | None  # of the token that follows, float32, [d_vocab]; None unless all layers are known
    in_tuples: bool = False  # a layer returns a 1-tuple in transformers 4.57 and a plain tensor in 5.x

    @property
    def depth(self) -> int:
        """How many layers are known, from the first on."""
        return len(self.residuals)

    @property
    def is_finite(self) -> bool:
        """Whether nothing went wrong in it: NaN and infinity, once in the residual stream, stay to its end."""
        ends = (*self.residuals[-1:], *(() if self.logits is None else (self.logits,)))
        return all(bool(torch.isfinite(end).all()) for end in ends)

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        logits = () if self.logits is None else (self.logits,)
        return sum(tensor.nbytes for tensor in (*self.residuals, *self.keys, *self.values, *logits))


NOTHING = Prefix((), (), (), None)
PREFIX_CACHE_BYTES = 256_000_000


class Changes(Protocol):
    """What is changed in each row of a batch, and what is read of it: `Steering`, `Tracing`."""

    @property
    def reads(self) -> Sequence[HookPoint]:
        """What is read in passes: a pass that is resumed is to come by there."""

    def count_untouched(self, layers: nn.ModuleList) -> Sequence[int | None]:
        """As `Prompts.run` takes it."""

    def applied(self, first: int) -> AbstractContextManager[None]:
        """Make the changes in passes inside; `first` is the position of their first token."""


class Prompts:
    """Runs prompts through a model, and computes again only what was not computed for the same prompt before."""

    def __init__(self, loaded: LoadedModel, *, limit_bytes: int = PREFIX_CACHE_BYTES):
        self.loaded = loaded
        self.known: ByteCache[Prefix] = ByteCache(limit_bytes=limit_bytes, size=lambda prefix: prefix.nbytes)

    def steer(self, ids: Sequence[int], steering: Changes) -> tuple[torch.Tensor, DynamicCache]:
        """One pass over a prompt, with what is changed in each row; see `run`."""
        untouched = steering.count_untouched(self.loaded.text_model.layers)
        return self.run(ids, untouched=untouched, steer=partial(steering.applied, 0), reads=steering.reads)

    def run(
        self,
        ids: Sequence[int],
        *,
        untouched: Sequence[int | None],
        steer: Callable[[], AbstractContextManager[None]] = nullcontext,
        reads: Sequence[HookPoint] = (),
    ) -> tuple[torch.Tensor, DynamicCache]:
        """One pass over a prompt in several rows.

        Args:
            ids: the prompt, the same in each row.
            untouched: for each row, how many layers from the first on its changes leave as they were; None for
                a row that is the baseline all through.
            steer: gives the context that makes the changes, in which the pass is run.
            reads: what that context reads besides, in every row; the pass comes by there, whatever is known.

        Returns:
            Logits of the token that follows, float32, [rows, d_vocab], and the keys and values to go on with.
        """
        layers, config = self.loaded.text_model.layers, self.loaded.text_model.config
        known = self.known.get(tuple(ids)) or NOTHING
        rows = len(untouched)
        if known.logits is not None and not reads and all(count is None for count in untouched):
            return known.logits.expand(rows, -1).clone(), _refill(known, config=config, rows=rows)
        depths = [len(layers) if count is None else count for count in untouched]
        start = min(known.depth, *depths, *(count_passed(layers, point) for point in reads))
        # A row that is the baseline all through tells the most of it; else the one that is so for longest.
        row = untouched.index(None) if None in untouched else depths.index(max(depths))
        cache = _Recorder(config=config, row=row)
        cache_name = name_cache(self.loaded.model)
        inputs = torch.tensor([list(ids)] * rows, device=self.loaded.info.device)
        # What layers give is seen before a change is made to it, whatever `steer` does.
        with (
            _given(layers, known, depth=start, rows=rows),
            steer(),
            _watched(layers[start : depths[row]], row=row) as seen,
        ):
            outputs = self.loaded.model(input_ids=inputs, use_cache=True, logits_to_keep=1, **{cache_name: cache})
        logits = outputs.logits[:, -1].float()
        whole = None in untouched
        if depths[row] > known.depth or (whole and known.logits is None):
            added = cache.take(range(known.depth, depths[row]))
            found = Prefix(
                residuals=(*known.residuals, *(one.clone() for one in seen.residuals[known.depth - start :])),
                keys=(*known.keys, *(key for key, _ in added)),
                values=(*known.values, *(value for _, value in added)),
                logits=logits[row].clone() if whole else None,
                in_tuples=seen.in_tuples or known.in_tuples,
            )
            if found.is_finite:
                self.known.put(tuple(ids), found)
        cache.stop()
        return logits, cache


def name_cache(model: torch.nn.Module) -> str:
    """What a model's forward pass and its outputs call the cache: transformers renamed it in 5.24."""
    return "cache" if "cache" in inspect.signature(type(model).forward).parameters else "past_key_values"


def count_untouched(layers: nn.ModuleList, point: HookPoint) -> int:
    """How many layers, from the first on, run as before when the activation at a hook point is changed."""
    for index, layer in enumerate(layers):
        if point.module is layer:
            return index + (point.side == "output")
        if any(point.module is module for module in layer.modules()):
            return index
    return 0


def count_passed(layers: nn.ModuleList, point: HookPoint) -> int:
    """How many layers, from the first on, may give what is known without a hook point being left out.

    A layer that gives what is known still has its hooks run; the modules inside it are not run at all.
    """
    if any(point.module is layer for layer in layers):
        return len(layers)
    return count_untouched(layers, point)


class _Recorder(DynamicCache):
    """A key-value cache that keeps aside, until it is stopped, what one row adds at each layer."""

    def __init__(self, *, config: PretrainedConfig, row: int):
        super().__init__(config=config)
        self._row = row
        self._added: dict[int, tuple[torch.Tensor, torch.Tensor]] | None = {}

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *arguments: Any, **options: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As of any cache."""
        if self._added is not None:
            self._added[layer_idx] = key_states[self._row, None], value_states[self._row, None]
        return super().update(key_states, value_states, layer_idx, *arguments, **options)

    def take(self, layers: Sequence[int]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Keys and values that the row added at these layers: copies, which hold no other row in memory."""
        assert self._added is not None, "the recorder was stopped"
        return [tuple(one.clone() for one in self._added[layer]) for layer in layers]  # type: ignore[misc]

    def stop(self) -> None:
        """Keep nothing aside from now on."""
        self._added = None


def _refill(known: Prefix, *, config: PretrainedConfig, rows: int) -> DynamicCache:
    cache = DynamicCache(config=config)
    for layer in range(known.depth):
        cache.update(*_repeat(known, layer, rows=rows), layer)
    return cache


def _repeat(known: Prefix, layer: int, *, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    return known.keys[layer].expand(rows, -1, -1, -1), known.values[layer].expand(rows, -1, -1, -1)


@contextmanager
def _given(layers: nn.ModuleList, known: Prefix, *, depth: int, rows: int) -> Iterator[None]:
    """Let the first `depth` layers give what is known, in every row, instead of computing it.

    Their hooks run as ever, so that what they give can be changed. Only the worker's thread runs the model,
    so nobody else meets such a layer.
    """
    before = [vars(layer).get("forward") for layer in layers[:depth]]  # accelerate puts a forward of its own there
    try:
        for index, layer in enumerate(layers[:depth]):
            layer.forward = _make_giver(known, index, rows=rows)
        yield
    finally:
        for layer, forward in zip(layers[:depth], before, strict=True):
            vars(layer).pop("forward", None)
            if forward is not None:
                layer.forward = forward


def _make_giver(known: Prefix, index: int, *, rows: int) -> Callable[..., Output]:
    def give(_hidden: torch.Tensor, *_arguments: Any, **options: Any) -> Output:
        cache = options["cache"] if "cache" in options else options["past_key_values"]  # see `name_cache`
        cache.update(*_repeat(known, index, rows=rows), index)
        given = known.residuals[index].expand(rows, -1, -1)
        return (given,) if known.in_tuples else given

    return give


@dataclass
class _Seen:
    residuals: list[torch.Tensor] = field(default_factory=list)  # [1, pos, d_model] each
    in_tuples: bool = False


@contextmanager
def _watched(layers: nn.ModuleList, *, row: int) -> Iterator[_Seen]:
    """Collect what these layers give in one row, before any change is made to it."""
    found = _Seen()

    def keep(_module: nn.Module, _arguments: object, output: Output) -> None:
        found.in_tuples = isinstance(output, tuple)
        found.residuals.append((output[0] if isinstance(output, tuple) else output)[row, None])

    handles = [layer.register_forward_hook(keep, prepend=True) for layer in layers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
