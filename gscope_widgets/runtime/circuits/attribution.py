"""Direct effects through a frozen pass, target by target: the edges of an attribution graph."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from gscope_widgets.runtime.circuits.frozen import FrozenPass
from gscope_widgets.runtime.circuits.replacement import Replaced
from gscope_widgets.runtime.files.weights import to_numpy

_ROWS, _LEAST_ROWS = 128, 64  # targets that are followed back together
_ROOM = 4_000_000  # numbers of their effects at a layer, if that leaves rows enough: 16 MB
_STEPS = 8  # in which features are chosen where not all can be, each by the influence known then
_LEAST_STEP = 16


@dataclass(frozen=True)
class Aim:
    """One thing whose inputs are wanted."""

    layer: int  # what is written by layers before this one reaches it
    pos: int
    vector: torch.Tensor  # float32, [d_model]; its growth with each number that it reads
    through_norm: bool  # it reads behind the norm before that layer's MLP; else the residual stream, scaled already


@dataclass(frozen=True)
class Edges:
    """What comes into some targets: float32, rows in the order of the aims."""

    weights: torch.Tensor  # [row, source]; sources are tokens, errors by layer and position, features
    remainder: torch.Tensor  # [row]


def aim_at_features(replaced: Replaced, features: Sequence[int]) -> list[Aim]:
    """The inputs of features."""
    return [
        Aim(int(replaced.layers[one]), int(replaced.positions[one]), replaced.reads[one], through_norm=True)
        for one in features
    ]


@dataclass(frozen=True)
class Attribution:
    """The edges of a graph, and which features are its nodes."""

    features: np.ndarray  # int64, rising; which of `Replaced`
    edges: Edges  # of those features and of the targets; columns are of all features
    rows: np.ndarray  # int64; where in `edges` the features stand, in their order, then the targets


def attribute(
    frozen: FrozenPass, replaced: Replaced, aims: Sequence[Aim], weights: np.ndarray, *, max_features: int
) -> Generator[float, None, Attribution]:
    """The inputs of targets and of the features behind them.

    Where there are more features than wanted, the most influential are taken in steps: influence is measured with the
    rows known so far, and the inputs of the best are added (as circuit-tracer does).

    Args:
        weights: [target]; what each counts.

    Yields:
        The share that is done.
    """
    total = len(replaced.layers)
    wanted = min(total, max_features)
    edges = _start_edges(frozen, replaced, wanted + len(aims))
    targets = _take_rows(edges, wanted, wanted + len(aims))
    yield from _trace_in_blocks(frozen, replaced, aims, targets, first=0.0, last=0.0)
    known = np.zeros(0, np.int64)
    step = max(_LEAST_STEP, wanted // _STEPS)
    while len(known) < wanted:
        if wanted == total:
            chosen = np.arange(total)
        else:
            influence = _rank(replaced, edges.weights, known, targets.weights, weights)
            influence[known] = 0
            chosen = np.argsort(-influence, kind="stable")[: min(step, wanted - len(known))]
            chosen = chosen[influence[chosen] > 0]
            if not len(chosen):
                break
        done = len(known)
        some = _take_rows(edges, done, done + len(chosen))
        yield from _trace_in_blocks(
            frozen,
            replaced,
            aim_at_features(replaced, chosen.tolist()),
            some,
            first=done / wanted,
            last=(done + len(chosen)) / wanted,
        )
        known = np.concatenate([known, chosen])
    order = np.argsort(known, kind="stable")
    return Attribution(known[order], edges, np.concatenate([order, np.arange(wanted, wanted + len(aims))]))


def _start_edges(frozen: FrozenPass, replaced: Replaced, rows: int) -> Edges:
    like = frozen.embedding
    return Edges(like.new_zeros(rows, _count_sources(frozen, replaced)), like.new_zeros(rows))


def _count_sources(frozen: FrozenPass, replaced: Replaced) -> int:
    return len(frozen.embedding) * (1 + len(frozen.layers)) + len(replaced.layers)


def _take_rows(edges: Edges, start: int, stop: int) -> Edges:
    return Edges(edges.weights[start:stop], edges.remainder[start:stop])


def _rank(
    replaced: Replaced, rows: torch.Tensor, known: np.ndarray, to_targets: torch.Tensor, weights: np.ndarray
) -> np.ndarray:
    """The influence of every feature as far as inputs are known: float64, [feature].

    From the last layer down: what flows into a layer's features is whole once all later layers' have been followed.

    Args:
        rows: [known or more, source]; the inputs of known features, in their order.
    """
    first = rows.shape[1] - len(replaced.layers)
    influence = np.zeros(rows.shape[1])

    def flow(worth: np.ndarray, inputs: torch.Tensor) -> None:
        sizes = inputs.abs()
        worth = worth / np.maximum(to_numpy(sizes.sum(1)), 1e-10)
        influence.__iadd__(to_numpy(torch.as_tensor(worth, dtype=sizes.dtype, device=sizes.device) @ sizes))

    flow(weights, to_targets)
    layers = replaced.layers[known]
    for layer in np.unique(layers)[::-1]:
        at = np.flatnonzero(layers == layer)
        for some in np.split(at, range(_ROWS, len(at), _ROWS)):
            flow(influence[first + known[some]], rows[torch.as_tensor(some, device=rows.device)])
    return influence[first:]


def _trace_in_blocks(
    frozen: FrozenPass, replaced: Replaced, aims: Sequence[Aim], into: Edges, *, first: float, last: float
) -> Generator[float, None, None]:
    """Fill in the inputs of aims. Those of near positions are followed together: nothing behind them need be.

    Yields:
        The share that is done, from `first` to `last`.
    """
    order = sorted(range(len(aims)), key=lambda at: (aims[at].pos, -aims[at].layer))
    width, start = frozen.embedding.shape[1], 0
    while start < len(order):
        # As many as the room allows for the positions that the last of them has.
        stop = min(len(order), start + _ROWS)
        stop = min(stop, start + _count_rows(1 + aims[order[stop - 1]].pos, width))
        some = sorted(order[start:stop], key=lambda at: -aims[at].layer)
        block = _trace(frozen, replaced, [aims[at] for at in some])
        try:
            while True:
                share = (start + next(block) * len(some)) / len(aims)
                yield first + share * (last - first)
        except StopIteration as end:
            rows = torch.tensor(some, device=into.weights.device)
            into.weights[rows], into.remainder[rows] = end.value.weights, end.value.remainder
        start = stop


def _count_rows(positions: int, width: int) -> int:
    """How many targets are followed back together, where the last of them has so many positions."""
    return min(_ROWS, max(_LEAST_ROWS, _ROOM // (width * positions)))


def count_followed(frozen: FrozenPass, sources: int, rows: int) -> int:
    """How many numbers are held at most while so many rows are followed back, beside the edges."""
    count, width = frozen.embedding.shape
    together = min(rows, _ROWS)
    effects = min(together * count * width, max(_LEAST_ROWS * count * width, _ROOM))
    heads, head_dim = len(frozen.layers[0].pattern), int(frozen.layers[0].attention.head_dim)  # type: ignore[arg-type]
    # Effects and, in attention, three times as many as its heads have numbers.
    return 2 * together * sources + int(effects * (1 + 3 * heads * head_dim / width))


def _trace(frozen: FrozenPass, replaced: Replaced, aims: Sequence[Aim]) -> Generator[float, None, Edges]:
    """Follow targets back through the frozen pass, all at once: what each token, error and feature adds to each.

    Args:
        aims: falling by layer.

    Yields:
        The share that is done, behind each layer.
    """
    positions = 1 + max(aim.pos for aim in aims)
    count, depth = len(frozen.embedding), len(frozen.layers)
    like = frozen.embedding
    edges = _start_edges(frozen, replaced, len(aims))
    remainder = edges.remainder
    errors = edges.weights[:, count:].narrow(1, 0, depth * count).unflatten(1, (depth, count))
    features = edges.weights[:, count * (1 + depth) :]
    effect = like.new_zeros(len(aims), positions, like.shape[1])
    used, begun = replaced.used[:positions], 0

    def begin(layer: int) -> None:
        nonlocal begun
        while begun < len(aims) and aims[begun].layer > layer:
            aim = aims[begun]
            gain = frozen.layers[aim.layer].mlp_gain[aim.pos] if aim.through_norm else 1
            effect[begun, aim.pos] = aim.vector * gain
            begun += 1

    top = min(aims[0].layer, depth - 1)
    begin(top)
    for layer in range(top, -1, -1):
        part = effect[:begun]
        if begun:
            errors[:begun, layer, :positions] = torch.einsum("rpd,pd->rp", part, replaced.errors[layer][:positions])
            remainder[:begun] += torch.einsum("rpd,pd->r", part, replaced.offsets[layer][:positions])
            write = replaced.writes[layer]
            for pos, (start, stop) in enumerate(pairwise(write.starts[: positions + 1])):
                if start < stop:
                    features[:begun, write.nodes[start:stop]] += part[:, pos] @ write.rows[start:stop].T
            skip = replaced.skips[layer]
            if skip is not None:
                part += (part @ skip.T).mul_(frozen.layers[layer].mlp_gain[:positions] * used[:, None])
        begin(layer - 1)  # what reads before this layer's MLP has no share in it, but in the layer's attention
        if begun:
            effect[:begun] = frozen.pass_attention(effect[:begun], layer)
        yield 1 - layer / (top + 1)
    edges.weights[:, :positions] = torch.einsum("rpd,pd->rp", effect, frozen.embedding[:positions])
    return edges
