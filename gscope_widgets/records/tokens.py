"""A text as the model reads it: token ids, their pieces of text, and the positions left out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

Prompt = str | Sequence[dict[str, str]] | Sequence[int]  # a text, chat messages, or token ids


@dataclass(frozen=True)
class Tokens:
    """One text's tokens, position by position. `len(tokens)` counts them all, BOS included."""

    text: str  # as given, lone surrogates replaced by U+FFFD
    ids: tuple[int, ...]
    strings: tuple[str, ...]  # each token's own text; a partial character shows its bytes: "<0xF0>"
    byte_spans: tuple[tuple[int, int], ...]  # into text.encode(); (n, n) for tokens that are no text
    glyphs: tuple[tuple[int, int, str], ...] = ()  # (first, last, character): tokens that make one character
    ignored: dict[int, str] = field(default_factory=dict)  # position -> why dictionaries do not apply there

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def used(self) -> tuple[int, ...]:
        """The positions that dictionaries apply to, in order."""
        return tuple(pos for pos in range(len(self.ids)) if pos not in self.ignored)
