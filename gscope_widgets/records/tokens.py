"""A text as the model reads it: token ids, their pieces of text, and the positions left out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

Prompt = str | Sequence[dict[str, str]] | Sequence[int]  # a text, chat messages, or token ids


@dataclass(frozen=True)
class Turn:
    """One turn of a chat; both ranges are (first, stop), in positions."""

    role: str  # "user" or "assistant", as in chat messages, though Gemma's marker says "model" for the latter
    span: tuple[int, int]  # the turn with its markers, "<start_of_turn>user\n" and "<end_of_turn>\n"
    content: tuple[int, int]  # its text alone; in a first user turn with the system text before it

    @property
    def is_open(self) -> bool:
        """Whether no marker ends it: the model continues it."""
        return self.content[1] == self.span[1]


@dataclass(frozen=True)
class Tokens:
    """One text's tokens, position by position. `len(tokens)` counts them all, BOS included."""

    text: str  # as given, lone surrogates replaced by U+FFFD
    ids: tuple[int, ...]
    strings: tuple[str, ...]  # each token's own text; a partial character shows its bytes: "<0xF0>"
    byte_spans: tuple[tuple[int, int], ...]  # into text.encode(); (n, n) for tokens that are no text
    glyphs: tuple[tuple[int, int, str], ...] = ()  # (first, last, character): tokens that make one character
    ignored: dict[int, str] = field(default_factory=dict)  # position -> why dictionaries do not apply there
    turns: tuple[Turn, ...] = ()  # of a chat model's text; the last one is open where the model is to write
    hints: tuple[str, ...] = ()  # sentences on what is likely not meant, such as a space at the end; to be shown

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def used(self) -> tuple[int, ...]:
        """The positions that dictionaries apply to, in order."""
        return tuple(pos for pos in range(len(self.ids)) if pos not in self.ignored)
