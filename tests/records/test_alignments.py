"""Alignment is a longest common subsequence: against a recursion, and against difflib where that is one too."""

from difflib import SequenceMatcher
from functools import cache

import numpy as np
import pytest

from gscope_widgets.records import alignments
from gscope_widgets.records.alignments import align_tokens


def measure(first, second) -> int:
    """The length of a longest common subsequence, by its definition."""

    @cache
    def longest(at: int, to: int) -> int:
        if at == len(first) or to == len(second):
            return 0
        if first[at] == second[to]:
            return 1 + longest(at + 1, to + 1)
        return max(longest(at + 1, to), longest(at, to + 1))

    return longest(0, 0)


@pytest.mark.parametrize("cells", [alignments._CELLS, 30, 1])
@pytest.mark.parametrize("seed", range(8))
def test_pairs_are_a_longest_common_subsequence_in_order(seed, cells, monkeypatch):
    monkeypatch.setattr(alignments, "_CELLS", cells)
    random = np.random.default_rng(seed)
    first, second = (tuple(random.integers(0, 4, random.integers(0, 25)).tolist()) for _ in range(2))
    pairs = align_tokens(first, second)
    assert (pairs.dtype, pairs.shape[1]) == (np.int32, 2)
    for side, ids in enumerate((first, second)):
        assert [pos for pos in pairs[:, side] if pos >= 0] == list(range(len(ids)))
    both = pairs[(pairs >= 0).all(1)]
    assert all(first[one] == second[other] for one, other in both)
    assert len(both) == measure(first, second)
    assert len(pairs) == len(first) + len(second) - len(both)


@pytest.mark.row("17")
def test_one_word_exchanged_put_in_or_left_out_is_aligned_as_difflib_does():
    text = list(range(40))
    for other in (text[:20] + [99] + text[21:], text[:7] + [98, 99] + text[7:], text[:3] + text[9:], text, []):
        blocks = SequenceMatcher(None, text, other, autojunk=False).get_matching_blocks()
        expected = [(block.a + at, block.b + at) for block in blocks for at in range(block.size)]
        pairs = align_tokens(text, other)
        assert [tuple(pair) for pair in pairs.tolist() if min(pair) >= 0] == expected


def test_what_only_one_has_stands_between_the_pairs_the_first_before_the_second():
    assert align_tokens([1, 2, 3, 9], [1, 7, 8, 9]).tolist() == [[0, 0], [1, -1], [2, -1], [-1, 1], [-1, 2], [3, 3]]


def test_long_texts_that_differ_in_a_few_places_are_quick():
    first = np.random.default_rng(0).integers(0, 50_000, 32_000).tolist()
    second = first[:100] + [0] * 30 + first[150:31_900] + [1, 2, 3]
    pairs = align_tokens(first[:4000], second[:3980])
    assert (pairs >= 0).all(1).sum() >= 3900
