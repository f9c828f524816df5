"""Which tokens of two texts answer one another: a longest common subsequence of their ids."""

from collections.abc import Iterator, Sequence

import numpy as np

_CELLS = 4_000_000  # of a table of lengths, 16 MB; what takes a larger one is halved first


def align_tokens(first: Sequence[int], second: Sequence[int]) -> np.ndarray:
    """Every position of two lists of token ids, those of a longest common subsequence paired.

    What both begin and end with is paired first. Time is the product of what lies between, some ten seconds for
    two different texts of 32,000 tokens; memory is bounded.

    Returns:
        int32, [rows, 2], in order; -1 where the other has no such token. Between two pairs, the positions of the
        first stand before those of the second.
    """
    head = _count_same(first, second)
    tail = _count_same(first[head:][::-1], second[head:][::-1])
    middle = np.array(first[head : len(first) - tail], np.int64), np.array(second[head : len(second) - tail], np.int64)
    pairs = [(at, at) for at in range(head)]
    pairs += [(head + one, head + other) for one, other in _pair(*middle)]
    pairs += [(len(first) - left, len(second) - left) for left in range(tail, 0, -1)]
    rows, at, to = [], 0, 0
    for one, other in [*pairs, (len(first), len(second))]:
        rows += [(pos, -1) for pos in range(at, one)]
        rows += [(-1, pos) for pos in range(to, other)]
        rows.append((one, other))
        at, to = one + 1, other + 1
    return np.array(rows[:-1], np.int32).reshape(-1, 2)


def _pair(one: np.ndarray, other: np.ndarray) -> Iterator[tuple[int, int]]:
    """The pairs of a longest common subsequence, in order."""
    if not len(one) or not len(other):
        return
    if len(one) > 1 and (len(one) + 1) * (len(other) + 1) > _CELLS:  # halved as by Hirschberg (1975)
        middle = len(one) // 2
        before = _measure_rows(one[:middle][::-1], other[::-1])[::-1]
        cut = int((before + _measure_rows(one[middle:], other)).argmax())
        yield from _pair(one[:middle], other[:cut])
        yield from ((at + middle, to + cut) for at, to in _pair(one[middle:], other[cut:]))
        return
    longest = np.zeros((len(one) + 1, len(other) + 1), np.int32)  # of one[at:] and other[to:]
    for at in range(len(one) - 1, -1, -1):
        longest[at] = _step(longest[at + 1], other == one[at])
    at = to = 0
    while at < len(one) and to < len(other):
        if one[at] == other[to]:
            yield at, to
            at, to = at + 1, to + 1
        elif longest[at + 1, to] >= longest[at, to + 1]:
            at += 1
        else:
            to += 1


def _measure_rows(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Lengths of the longest common subsequences of `one` and each `other[to:]`: int32, [len(other) + 1]."""
    row = np.zeros(len(other) + 1, np.int32)
    for token in one[::-1]:
        row = _step(row, other == token)
    return row


def _step(below: np.ndarray, same: np.ndarray) -> np.ndarray:
    """The row of lengths above another one; `same` says where the token added is."""
    row = np.zeros_like(below)
    matched = np.where(same, below[1:] + 1, below[:-1])
    row[:-1] = np.maximum.accumulate(matched[::-1])[::-1]
    return row


def _count_same(first: Sequence[int], second: Sequence[int]) -> int:
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count
