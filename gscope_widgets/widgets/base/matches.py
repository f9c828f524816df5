"""The matches of two dictionaries as a page takes them: arrays, whole and token by token, and lists in order."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from gscope_widgets.records.matches import KINDS, DictionaryPair, FeatureMatch, MatchKind
from gscope_widgets.records.readings import FeatureReading

Order = Literal["difference", "first", "second", "measure"]
ORDERS: Mapping[Order, str] = {
    "difference": "the largest difference first",
    "first": "the strongest in the first first",
    "second": "the strongest in the second first",
    "measure": "the best matched first",
}


class ListedMatch(NamedTuple):
    """A match as a list has it."""

    match: FeatureMatch
    first: float  # the largest activation of its first features, in the text or at one token; 0 where all are silent
    second: float  # the same of its second features


class TokenMatches(NamedTuple):
    """The matches whose features fire at each token: those of the `k` strongest features of either side."""

    matches: np.ndarray  # int32, [pos, 2k]; indices, the largest differences first; -1 where there are fewer
    activations: np.ndarray  # float32, [pos, 2k, 2]; the largest of either side's features at the token
    counts: np.ndarray  # int32, [pos]; how many matches fire there, listed or not


def index_features(pair: DictionaryPair, side: int, d_dict: int) -> np.ndarray:
    """Which match each feature of one side is of: int32, [d_dict], -1 where of none."""
    owners = np.full(d_dict, -1, np.int32)
    for at, match in enumerate(pair.matches):
        owners[[one.feature for one in (match.first, match.second)[side]]] = at
    return owners


def list_by_token(pair: DictionaryPair, readings: Sequence[FeatureReading], k: int) -> TokenMatches:
    """The matches that fire at each token.

    Args:
        readings: those of the pair, in its order.
    """
    count, total = len(readings[0].tokens), max(1, len(pair.matches))
    keys, values = [], []
    for side, reading in enumerate(readings):
        size = reading.dictionary_info.d_dict
        assert size is not None, "what was read was opened before, and so its size is known"
        owners = index_features(pair, side, size)[reading.features]
        is_matched = owners >= 0  # what is silent in the texts that matches were measured on is of none
        keys.append((reading.positions.astype(np.int64) * total + owners)[is_matched])
        values.append(reading.activations[is_matched])
    found, place = np.unique(np.concatenate(keys), return_inverse=True)
    here = np.zeros((len(found), 2), np.float32)
    side_of = np.repeat([0, 1], [len(one) for one in keys])
    np.maximum.at(here, (place, side_of), np.concatenate(values))
    positions, owners = np.divmod(found, total)
    kept = np.zeros(len(found), bool)
    for side in range(2):
        kept |= (_rank(positions, here[:, side], count) < k) & (here[:, side] > 0)
    positions_kept, owners_kept, here_kept = positions[kept], owners[kept], here[kept]
    slots = _rank(positions_kept, np.abs(here_kept[:, 1] - here_kept[:, 0]), count)
    matches, activations = np.full((count, 2 * k), -1, np.int32), np.zeros((count, 2 * k, 2), np.float32)
    matches[positions_kept, slots] = owners_kept
    activations[positions_kept, slots] = here_kept
    return TokenMatches(matches, activations, np.bincount(positions, minlength=count).astype(np.int32))


def _rank(positions: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """The place of each value among those of its position, the largest first."""
    order = np.lexsort((-values, positions))
    start = np.searchsorted(positions[order], np.arange(count))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order)) - start[positions[order]]
    return ranks


def choose_matches(pair: DictionaryPair, here: TokenMatches, most: int) -> np.ndarray:
    """The matches that a page is told of: those that differ most, and all that are listed at a token; ascending."""
    return np.union1d(np.arange(min(most, len(pair.matches))), here.matches[here.matches >= 0])


def pack_matches(pair: DictionaryPair, here: TokenMatches, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """The chosen matches as a message's arrays; `token_matches` are indices in the others."""
    matches = [pair.matches[at] for at in chosen]
    members = [
        (row, side, one.feature)
        for row, match in enumerate(matches)
        for side, features in enumerate((match.first, match.second))
        for one in features
    ]
    numbered = np.searchsorted(chosen, here.matches).astype(np.int32)
    return {
        "kinds": np.array([KINDS.index(match.kind) for match in matches], np.int32),
        "values": _pack_numbers([match.value for match in matches]),
        "nearest": _pack_numbers([match.nearest for match in matches]),
        "activations": np.array([match.activations for match in matches], np.float32).reshape(-1, 2),
        "members": np.array(members, np.int32).reshape(-1, 3),
        "token_matches": np.where(here.matches < 0, np.int32(-1), numbered),
        "token_activations": here.activations,
        "token_counts": here.counts,
    }


def _pack_numbers(numbers: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if one is None else one for one in numbers], np.float32)


def list_matches(
    pair: DictionaryPair, here: TokenMatches, *, pos: int | None, kind: MatchKind | Literal["all"], order: Order
) -> list[ListedMatch]:
    """The matches of the whole text, or of one token, of one kind or of all, in an order."""
    if pos is None:
        found = [ListedMatch(match, *match.activations) for match in pair.matches]
    else:
        rows = zip(here.matches[pos], here.activations[pos], strict=True)
        found = [ListedMatch(pair.matches[at], float(one), float(two)) for at, (one, two) in rows if at >= 0]
    found = [one for one in found if kind in ("all", one.match.kind)]
    if order == "measure":
        found.sort(key=lambda one: -np.inf if one.match.value is None else one.match.value, reverse=True)
    elif order == "difference":
        found.sort(key=lambda one: -abs(one.second - one.first))
    else:
        found.sort(key=lambda one: -getattr(one, order))
    return found
