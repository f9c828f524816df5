"""What a feature may be about: the generator's concepts, and the tokens and words that stand there."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from tokenizers import Tokenizer

from factory.claims.concept_scores import MIN_POSITIVES, Firings, sum_over_concepts
from factory.claims.sample import Sample
from factory.training.corpus_tokens import BOS

LEVELS = ("above word", "word", "token", "token before", "token after")
MIN_GROUP = 20  # tokens; a token or word rarer than this in a sample is no target
ONE_WORD = 0.5  # share of a concept's tokens that one word may make up before it is about the word
MIN_WORDS = 5  # different words in a concept that is above words


@dataclass(frozen=True)
class Pairs:
    """Features and the targets that they fire on, as lists."""

    feature: np.ndarray  # int64, [pair]
    target: np.ndarray  # int64, [pair]
    hits: np.ndarray  # float64, [pair]; tokens of the target that the feature fires on


@dataclass(frozen=True)
class Targets:
    """Sets of tokens of a sample that a feature may fire on."""

    names: tuple[str, ...]  # [target]: what a label says
    level: np.ndarray  # int64, [target]: place in LEVELS
    least: int  # tokens; a smaller target is no candidate

    @property
    def candidates(self) -> np.ndarray:
        """bool, [target]."""
        return self.sizes >= self.least


@dataclass(frozen=True)
class ConceptTargets(Targets):
    """The generator's concepts; one token may have many."""

    marks: np.ndarray  # bool, [token, target]

    @cached_property
    def sizes(self) -> np.ndarray:
        """int64, [target]: tokens."""
        return self.marks.sum(0)

    def contains(self, token: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Whether tokens are in targets, item by item."""
        return self.marks[token, target]

    def match(self, firings: Firings) -> Pairs:
        """Every feature and target with a firing in common."""
        hits, _ = sum_over_concepts(firings, self.marks)
        feature, target = hits.nonzero()
        return Pairs(feature, target, hits[feature, target])

    def reorder(self, order: np.ndarray) -> "ConceptTargets":
        """The same labels on other tokens: that of `order[i]` at token i."""
        return replace(self, marks=self.marks[order])


@dataclass(frozen=True)
class GroupTargets(Targets):
    """Tokens parted into groups: by their own id, a neighbour's, or their word."""

    group: np.ndarray  # int64, [token]: place in `names`

    @cached_property
    def sizes(self) -> np.ndarray:
        """int64, [target]: tokens."""
        return np.bincount(self.group, minlength=len(self.names))

    def contains(self, token: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Whether tokens are in targets, item by item."""
        return self.group[token] == target

    def match(self, firings: Firings) -> Pairs:
        """Every feature and target with a firing in common."""
        width = len(self.names)
        keys, hits = np.unique(firings.feature * width + self.group[firings.token], return_counts=True)
        return Pairs(keys // width, keys % width, hits.astype(np.float64))

    def reorder(self, order: np.ndarray) -> "GroupTargets":
        """The same labels on other tokens: that of `order[i]` at token i."""
        return replace(self, group=self.group[order])


def build_targets(samples: list[Sample], tokenizer: Tokenizer) -> list[list[Targets]]:
    """The targets of each sample, same places meaning the same; concepts' levels are those of the first.

    In order of preference: concepts, words, tokens, tokens before, tokens after.
    """
    pieces = tuple(tokenizer.id_to_token(index) for index in range(tokenizer.get_vocab_size()))
    words, texts = number_words(samples, pieces)
    levels = measure_levels(samples[0].concepts, words[0])
    shown = tuple(show_piece(piece) for piece in pieces)
    found = []
    for sample, word in zip(samples, words, strict=True):
        before, after = neighbours(sample, end=len(pieces))
        groups = (
            (1, word, tuple(map(name_word, texts))),
            (2, sample.ids, tuple(f"token: {text}" for text in shown)),
            (3, before, tuple(f"token before: {text}" for text in shown)),
            (4, after, (*(f"token after: {text}" for text in shown), "token after: end of the text")),
        )
        found.append(
            [ConceptTargets(sample.rows.names, levels, MIN_POSITIVES, sample.concepts)]
            + [
                GroupTargets(names, np.full(len(names), level), MIN_GROUP, group.astype(np.int64))
                for level, group, names in groups
            ]
        )
    return found


def measure_levels(concepts: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Whether concepts, bool [token, concept], are above the words, int [token], of their tokens: places in LEVELS.

    A concept is of the word where one word makes up half of its tokens or it has fewer than five
    words.
    """
    token, concept = np.nonzero(concepts)
    width = words.max() + 1
    keys, counts = np.unique(concept * width + words[token], return_counts=True)
    columns = concepts.shape[1]
    largest = np.zeros(columns, np.int64)
    np.maximum.at(largest, keys // width, counts)
    different = np.bincount(keys // width, minlength=columns)
    total = np.maximum(concepts.sum(0), 1)
    return ((largest >= ONE_WORD * total) | (different < MIN_WORDS)).astype(np.int64)


def number_words(samples: list[Sample], pieces: tuple[str, ...]) -> tuple[list[np.ndarray], list[str]]:
    """The word that each token belongs to, int64 [token] a sample, and the words in lower case.

    Letters in a row are a word, and so are digits in a row; anything else stands alone.
    """
    kinds = [_piece_kind(piece) for piece in pieces]
    opens, ends = (np.array([kind[side] for kind in kinds]) for side in (0, 1))
    numbers: dict[str, int] = {}
    found = []
    for sample in samples:
        ids = sample.ids
        goes_on = np.zeros(len(ids), bool)
        goes_on[1:] = (opens[ids[1:]] > 0) & (opens[ids[1:]] == ends[ids[:-1]]) & (np.diff(sample.document) == 0)
        starts = np.flatnonzero(~goes_on)
        texts = ("".join(pieces[i] for i in part).strip("▁").lower() for part in np.split(ids, starts[1:]))
        word = np.array([numbers.setdefault(text or "▁", len(numbers)) for text in texts])
        found.append(word[np.cumsum(~goes_on) - 1])
    return found, list(numbers)


def neighbours(sample: Sample, *, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids of the tokens before and after each, int64 [token]; `end` after the last of a row."""
    opening = np.append(True, np.diff(sample.document) > 0)
    closing = np.append(opening[1:], True)
    before = np.where(opening, BOS, np.roll(sample.ids, 1))
    after = np.where(closing, end, np.roll(sample.ids, -1))
    return before, after


def name_word(text: str) -> str:
    """The label of a word; of a sign or a byte where the text has neither letters nor digits."""
    return f"word: {text}" if text.isalnum() else f"sign: {show_piece(text)}"


def show_piece(piece: str) -> str:
    """A token for reading: visible signs for the space and the line break."""
    return piece.replace("▁", "␣").replace("\n", "↵")


def _piece_kind(piece: str) -> tuple[int, int]:
    """What a piece opens and ends with, as part of a word: 1 for a letter, 2 for a digit, 0 for neither."""
    if piece.startswith("<") and piece.endswith(">"):
        return 0, 0
    return tuple(1 if sign.isalpha() else 2 if sign.isdigit() else 0 for sign in (piece[:1], piece[-1:]))
